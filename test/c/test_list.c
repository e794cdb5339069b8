/* The intrusive list, and the small things of base.h. */

#include "base/list.h"

#include "ctest.h"

typedef struct item {
  int number;
  ar_link link;
} item;

static item *item_of(ar_link *n) {
  return n == NULL ? NULL : ar_container_of(n, item, link);
}

/* Items numbered from `first` up, appended to l. */
static void fill(ar_list *l, item *items, int first, int count) {
  for (int i = 0; i < count; i++) {
    items[i].number = first + i;
    ar_link_init(&items[i].link);
    ar_list_push(l, &items[i].link);
  }
}

/* The list holds exactly these numbers ("1 2 3"), seen from both ends. */
static void check_list(const ar_list *l, const char *want) {
  char forth[256] = "";
  char back[256] = "";
  for (ar_link *n = ar_list_first(l); n != NULL; n = ar_list_next(l, n)) {
    size_t used = strlen(forth);
    (void)snprintf(forth + used, sizeof(forth) - used, "%s%d",
                   used > 0 ? " " : "", item_of(n)->number);
  }
  for (ar_link *n = ar_list_last(l); n != NULL; n = ar_list_prev(l, n)) {
    char rest[256];
    (void)snprintf(rest, sizeof(rest), "%s", back);
    (void)snprintf(back, sizeof(back), "%d%s%.200s", item_of(n)->number,
                   rest[0] != '\0' ? " " : "", rest);
  }
  CHECK_STR(forth, want);
  CHECK_STR(back, want);
}

TEST("a new list is empty") {
  ar_list l;
  ar_list_init(&l);
  CHECK(ar_list_is_empty(&l));
  CHECK_EQ(ar_list_length(&l), 0);
  CHECK_EQ(ar_list_first(&l), NULL);
  CHECK_EQ(ar_list_last(&l), NULL);
  CHECK_EQ(ar_list_pop(&l), NULL);
  CHECK_EQ(ar_list_pop_last(&l), NULL);
}

TEST("what is pushed first is popped first") {
  ar_list l;
  item items[3];
  ar_list_init(&l);
  fill(&l, items, 1, 3);
  CHECK_EQ(ar_list_length(&l), 3);
  CHECK_EQ(item_of(ar_list_pop(&l))->number, 1);
  CHECK_EQ(item_of(ar_list_pop(&l))->number, 2);
  CHECK_EQ(item_of(ar_list_pop(&l))->number, 3);
  CHECK(ar_list_is_empty(&l));
}

TEST("pushing to the front puts an element before all others") {
  ar_list l;
  item items[3];
  item early = {0, {NULL, NULL}};
  ar_list_init(&l);
  ar_link_init(&early.link);
  fill(&l, items, 1, 3);
  ar_list_push_front(&l, &early.link);
  check_list(&l, "0 1 2 3");
}

TEST("popping from the end takes the last") {
  ar_list l;
  item items[3];
  ar_list_init(&l);
  fill(&l, items, 1, 3);
  CHECK_EQ(item_of(ar_list_pop_last(&l))->number, 3);
  check_list(&l, "1 2");
}

TEST("an element knows whether it is in a list") {
  ar_list l;
  item items[1];
  ar_list_init(&l);
  fill(&l, items, 1, 1);
  CHECK(ar_link_is_linked(&items[0].link));
  CHECK_EQ(ar_list_pop(&l), &items[0].link);
  CHECK(!ar_link_is_linked(&items[0].link));
}

TEST("an element can be removed from anywhere") {
  ar_list l;
  item items[5];
  ar_list_init(&l);
  fill(&l, items, 1, 5);
  ar_list_remove(&items[2].link);
  check_list(&l, "1 2 4 5");
  ar_list_remove(&items[0].link);
  check_list(&l, "2 4 5");
  ar_list_remove(&items[4].link);
  check_list(&l, "2 4");
}

TEST("removing an element twice is harmless") {
  ar_list l;
  item items[2];
  ar_list_init(&l);
  fill(&l, items, 1, 2);
  ar_list_remove(&items[0].link);
  ar_list_remove(&items[0].link);
  check_list(&l, "2");
}

TEST("a removed element can be pushed again") {
  ar_list l;
  item items[2];
  ar_list_init(&l);
  fill(&l, items, 1, 2);
  ar_list_remove(&items[0].link);
  ar_list_push(&l, &items[0].link);
  check_list(&l, "2 1");
}

TEST("splicing appends all of the other list and empties it") {
  ar_list a, b;
  item some[2], more[2];
  ar_list_init(&a);
  ar_list_init(&b);
  fill(&a, some, 1, 2);
  fill(&b, more, 3, 2);
  ar_list_splice(&a, &b);
  check_list(&a, "1 2 3 4");
  check_list(&b, "");
  ar_list_splice(&b, &a);
  check_list(&b, "1 2 3 4");
  check_list(&a, "");
}

TEST("splicing an empty list changes nothing") {
  ar_list a, b;
  item some[2];
  ar_list_init(&a);
  ar_list_init(&b);
  fill(&a, some, 1, 2);
  ar_list_splice(&a, &b);
  check_list(&a, "1 2");
  check_list(&b, "");
}

TEST("elements pushed while a moved list is worked off wait their turn") {
  ar_list queue, batch;
  item some[2], late[1];
  ar_list_init(&queue);
  ar_list_init(&batch);
  fill(&queue, some, 1, 2);
  ar_list_move_all(&batch, &queue);
  fill(&queue, late, 3, 1);
  check_list(&batch, "1 2");
  check_list(&queue, "3");
}

TEST("moving everything wants an empty list to move to") {
  ar_list a, b;
  item some[1], more[1];
  ar_list_init(&a);
  ar_list_init(&b);
  fill(&a, some, 1, 1);
  fill(&b, more, 2, 1);
  CHECK_ABORTS("ar_list_is_empty(dst)", ar_list_move_all(&a, &b));
}

TEST("an element cannot be pushed twice") {
  ar_list l;
  item items[1];
  ar_list_init(&l);
  fill(&l, items, 1, 1);
  CHECK_ABORTS("!ar_link_is_linked(n)", ar_list_push(&l, &items[0].link));
}

TEST("reversing turns any number of elements round") {
  static const char *const want[] = {"", "1", "2 1", "3 2 1", "4 3 2 1"};
  for (int count = 0; count < (int)ar_countof(want); count++) {
    ar_list l;
    item items[4];
    ar_list_init(&l);
    fill(&l, items, 1, count);
    ar_list_reverse(&l);
    check_list(&l, want[count]);
  }
}

TEST("an element leads to the object it is in") {
  item one = {7, {NULL, NULL}};
  ar_link_init(&one.link);
  CHECK_EQ(ar_container_of(&one.link, item, link), &one);
}

TEST("adding times stops at the ends") {
  CHECK_EQ(ar_time_add(1, 2), 3);
  CHECK_EQ(ar_time_add(-1, -2), -3);
  CHECK_EQ(ar_time_add(AR_TIME_MAX - 1, 1), AR_TIME_MAX);
  CHECK_EQ(ar_time_add(AR_TIME_MAX - 1, 2), AR_TIME_MAX);
  CHECK_EQ(ar_time_add(AR_TIME_MIN, -1), AR_TIME_MIN);
  CHECK_EQ(ar_time_add(-2, AR_TIME_MIN + 1), AR_TIME_MIN);
}

TEST("forever less something is still forever") {
  CHECK_EQ(ar_time_add(AR_TIME_MAX, -5), AR_TIME_MAX);
  CHECK_EQ(ar_time_add(-5, AR_TIME_MAX), AR_TIME_MAX);
}
