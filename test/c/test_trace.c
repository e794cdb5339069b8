/* The trace ring and what a failed assertion says. */

#include "base/trace.h"

#include "ctest.h"

#ifdef AR_DEBUG

/* What ar_trace_dump prints, cut to the room there is. */
static void dump(char *to, size_t room) {
  FILE *f = tmpfile();
  size_t n;
  CHECK(f != NULL);
  ar_trace_dump(f);
  rewind(f);
  n = fread(to, 1, room - 1, f);
  to[n] = '\0';
  (void)fclose(f);
}

static int count_lines(const char *text) {
  int lines = 0;
  for (; *text != '\0'; text++)
    lines += *text == '\n';
  return lines;
}

TEST("traced lines are kept with their place, oldest first") {
  char text[1024];
  const char *first;
  ar_trace_clear();
  AR_TRACE("task %d parked", 7);
  AR_TRACE("woken");
  dump(text, sizeof(text));
  CHECK_EQ(count_lines(text), 2);
  first = strstr(text, "task 7 parked");
  CHECK(first != NULL && strstr(first, "woken") != NULL);
  CHECK(strstr(text, "c/test_trace.c:") != NULL);
}

TEST("only the last lines are kept") {
  static char text[AR_TRACE_LINES * (AR_TRACE_WIDTH + 32)];
  ar_trace_clear();
  for (int i = 0; i < AR_TRACE_LINES + 10; i++)
    AR_TRACE("number %d.", i);
  dump(text, sizeof(text));
  CHECK_EQ(count_lines(text), AR_TRACE_LINES);
  CHECK(strstr(text, "number 9.") == NULL);
  CHECK(strstr(text, "number 10.") != NULL);
  CHECK(strstr(text, "number 137.") != NULL);
}

TEST("long lines are cut") {
  char longer[3 * AR_TRACE_WIDTH];
  char text[1024];
  memset(longer, 'x', sizeof(longer) - 1);
  longer[sizeof(longer) - 1] = '\0';
  ar_trace_clear();
  AR_TRACE("%s", longer);
  ar_trace_line(longer, 1, "never seen");
  dump(text, sizeof(text));
  CHECK_EQ(count_lines(text), 2);
  CHECK(strlen(text) < 2 * (AR_TRACE_WIDTH + 32));
}

TEST("of a path the last folder is shown, if it has one") {
  char text[1024];
  ar_trace_clear();
  ar_trace_line("src/sched/task.c", 1, "one");
  ar_trace_line("sched/task.c", 2, "two");
  ar_trace_line("task.c", 3, "three");
  ar_trace_line("/task.c", 4, "four");
  dump(text, sizeof(text));
  CHECK(strstr(text, ": sched/task.c:1: one\n") != NULL);
  CHECK(strstr(text, ": sched/task.c:2: two\n") != NULL);
  CHECK(strstr(text, ": task.c:3: three\n") != NULL);
  CHECK(strstr(text, ": /task.c:4: four\n") != NULL);
  ar_trace_clear();
}

TEST("a failed assertion says where and what, and shows the trace") {
  ar_trace_clear();
  AR_TRACE("before the fall");
  CHECK_ABORTS("assertion failed: 1 > 2", AR_ASSERT(1 > 2));
  CHECK_ABORTS("test_trace.c:", AR_ASSERT(1 > 2));
  CHECK_ABORTS("before the fall", AR_ASSERT(1 > 2));
  CHECK_ABORTS("unreachable", AR_UNREACHABLE());
  ar_trace_clear();
}

TEST("an assertion that holds does nothing") {
  AR_ASSERT(2 > 1);
}

#else

static int calls;

static int count_call(void) {
  return ++calls;
}

TEST("a release build evaluates neither traces nor assertions") {
  AR_TRACE("%d", count_call());
  AR_ASSERT(count_call() == 0);
  CHECK_EQ(calls, 0);
}

#endif
