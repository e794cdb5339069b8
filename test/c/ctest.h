/*
 * A small test kit: one test program a file, nothing to register.
 *
 *   #include "ctest.h"
 *
 *   TEST("what is pushed first is popped first") {
 *     CHECK(ar_list_is_empty(&l));
 *     CHECK_EQ(ar_list_length(&l), 3);    got, then want
 *   }
 *
 * The kit brings main. A check that fails prints both values and ends its
 * test, also from within a helper function; the other tests still run. So
 * does a test that leaves memory of mem.h behind (debug builds).
 *
 *   CHECK(x)                  x is true
 *   CHECK_EQ(got, want)       integers, enums, booleans, pointers
 *   CHECK_STR(got, want)      strings, NULL too
 *   CHECK_NEAR(got, want, e)  doubles that differ by at most e
 *   CHECK_ABORTS(text, stmt)  stmt fails an assertion whose text contains
 *                             `text`; debug builds only, else nothing
 *
 * `test_x [PATTERN]` runs the tests whose titles contain PATTERN; so does
 * T=PATTERN in the environment, unless PATTERN is part of the file's name.
 * The last line is `N passed, N failed`; the status is 1 if any failed or
 * the file has no test at all.
 */

#ifndef ctest_h
#define ctest_h

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/mem.h"

typedef struct ctest_case {
  const char *title;
  void (*body)(void);
  struct ctest_case *next;
} ctest_case;

static ctest_case *ctest_first;
static ctest_case **ctest_end = &ctest_first;
static jmp_buf ctest_out;   /* to where a failed check jumps */
static bool ctest_is_child; /* it must not go on with the other tests */

/* Constructors of a file run in the order they stand there (gcc, clang). */
#define CTEST_GLUE2(a, b) a##b
#define CTEST_GLUE(a, b) CTEST_GLUE2(a, b)
#define TEST(sentence) CTEST_DEFINE(sentence, CTEST_GLUE(ctest_at_, __LINE__))
#define CTEST_DEFINE(sentence, id) \
  static void CTEST_GLUE(id, _body)(void); \
  static ctest_case CTEST_GLUE(id, _case) = {sentence, CTEST_GLUE(id, _body), \
                                             NULL}; \
  __attribute__((constructor)) static void id(void) { \
    *ctest_end = &CTEST_GLUE(id, _case); \
    ctest_end = &CTEST_GLUE(id, _case).next; \
  } \
  static void CTEST_GLUE(id, _body)(void)

#define CHECK(x) \
  do { \
    if (!(x)) \
      ctest_fail(__FILE__, __LINE__, "not so: " #x); \
  } while (0)

#define CHECK_EQ(got, want) \
  CTEST_EQ_FOR(got) \
  (__FILE__, __LINE__, #got " == " #want, (int64_t)(got), (int64_t)(want))

#define CHECK_STR(got, want) \
  ctest_str(__FILE__, __LINE__, #got " == " #want, (got), (want))

#define CHECK_NEAR(got, want, e) \
  ctest_near(__FILE__, __LINE__, #got " near " #want, (got), (want), (e))

#if defined(AR_DEBUG) && !defined(AR_COVER)
#define CHECK_ABORTS(text, stmt) \
  do { \
    int ctest_pipe[2]; \
    pid_t ctest_pid = ctest_fork(ctest_pipe); \
    if (ctest_pid == 0) { \
      stmt; \
      _exit(0); \
    } \
    ctest_abort(__FILE__, __LINE__, #stmt " aborts", ctest_pid, ctest_pipe[0], \
                text); \
  } while (0)
#else
#define CHECK_ABORTS(text, stmt) \
  do { \
    if (false) { \
      stmt; \
    } \
    (void)(text); \
  } while (0)
#endif

/* A double would be cut to an integer without a word: does not link. */
void use_CHECK_NEAR_for_doubles(const char *, int, const char *, int64_t,
                                int64_t);
#define CTEST_EQ_FOR(x) \
  _Generic((x), float \
           : use_CHECK_NEAR_for_doubles, double \
           : use_CHECK_NEAR_for_doubles, default \
           : ctest_eq)

__attribute__((unused)) AR_NORETURN static void
ctest_fail(const char *file, int line, const char *what) {
  printf("  %s:%d: %s\n", file, line, what);
  if (ctest_is_child)
    _exit(1);
  longjmp(ctest_out, 1);
}

__attribute__((unused)) static void ctest_eq(const char *file, int line,
                                             const char *what, int64_t got,
                                             int64_t want) {
  if (got == want)
    return;
  printf("  got %lld (0x%llx), want %lld (0x%llx)\n", (long long)got,
         (unsigned long long)got, (long long)want, (unsigned long long)want);
  ctest_fail(file, line, what);
}

__attribute__((unused)) static void ctest_str(const char *file, int line,
                                              const char *what, const char *got,
                                              const char *want) {
  if (got == want || (got != NULL && want != NULL && strcmp(got, want) == 0))
    return;
  printf("  got \"%s\", want \"%s\"\n", got != NULL ? got : "(NULL)",
         want != NULL ? want : "(NULL)");
  ctest_fail(file, line, what);
}

__attribute__((unused)) static void ctest_near(const char *file, int line,
                                               const char *what, double got,
                                               double want, double within) {
  if (fabs(got - want) <= within)
    return;
  printf("  got %.17g, want %.17g\n", got, want);
  ctest_fail(file, line, what);
}

/* A child whose stderr comes out of out[0]. */
__attribute__((unused)) static pid_t ctest_fork(int out[2]) {
  pid_t pid;
  (void)fflush(stdout);
  if (pipe(out) != 0)
    abort();
  pid = fork();
  if (pid < 0)
    abort();
  if (pid == 0) {
    ctest_is_child = true;
    (void)dup2(out[1], STDERR_FILENO);
  }
  (void)close(out[1]);
  return pid;
}

/* The child must end by SIGABRT and have said `text`. */
__attribute__((unused)) static void ctest_abort(const char *file, int line,
                                                const char *what, pid_t pid,
                                                int from, const char *text) {
  char said[16384];
  size_t used = 0;
  ssize_t n;
  int status = 0;
  do {
    n = read(from, said + used, sizeof(said) - 1 - used);
    used += n > 0 ? (size_t)n : 0;
  } while (n > 0 && used < sizeof(said) - 1);
  said[used] = '\0';
  (void)close(from);
  (void)waitpid(pid, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
      strstr(said, text) != NULL)
    return;
  printf("  status %d, want SIGABRT and \"%s\"; said:\n%s\n", status, text,
         said);
  ctest_fail(file, line, what);
}

/* True if the test passed. */
static bool ctest_run(const ctest_case *test) {
  size_t blocks = ar_mem_stats().live_blocks;
  if (setjmp(ctest_out) == 0) {
    test->body();
    ar_mem_fail_at(0);
    if (ar_mem_stats().live_blocks == blocks)
      return true;
    printf("  leaves %lld blocks of memory behind\n",
           (long long)(ar_mem_stats().live_blocks - blocks));
  }
  ar_mem_fail_at(0);
  printf("FAIL %s\n", test->title);
  return false;
}

static const char *ctest_pattern(int argc, char **argv, const char *file) {
  const char *env = getenv("T");
  if (argc > 1)
    return argv[1];
  return env != NULL && strstr(file, env) == NULL ? env : "";
}

static int ctest_main(int argc, char **argv, const char *file) {
  const char *pattern = ctest_pattern(argc, argv, file);
  int passed = 0;
  int failed = 0;
  (void)setvbuf(stdout, NULL, _IOLBF, 0);
  for (const ctest_case *t = ctest_first; t != NULL; t = t->next) {
    if (strstr(t->title, pattern) == NULL)
      continue;
    if (ctest_run(t))
      passed++;
    else
      failed++;
  }
  if (ctest_first == NULL) {
    printf("FAIL %s: has no tests\n", file);
    failed++;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 ? 1 : 0;
}

int main(int argc, char **argv) {
  return ctest_main(argc, argv, __BASE_FILE__);
}

#endif
