/* Names and texts of error codes. */

#include "base/err.h"

#include <errno.h>

#include "ctest.h"

TEST("an error has its system's name, text and number") {
  CHECK_STR(ar_err_name(AR_ECONNREFUSED), "ECONNREFUSED");
  CHECK_STR(ar_err_text(AR_ECONNREFUSED), "Connection refused");
  CHECK_EQ(AR_ECONNREFUSED, -ECONNREFUSED);
  CHECK_EQ(AR_ENOMEM, -ENOMEM);
  CHECK_EQ(AR_ECANCELED, -ECANCELED);
}

TEST("libuv's own errors have names and texts, too") {
  CHECK_EQ(AR_EOF, -4095);
  CHECK_STR(ar_err_name(AR_EOF), "EOF");
  CHECK_STR(ar_err_text(AR_EOF), "End of file");
  CHECK_STR(ar_err_name(AR_EAI_NONAME), "EAI_NONAME");
}

TEST("no error is OK") {
  CHECK_STR(ar_err_name(AR_OK), "OK");
  CHECK_STR(ar_err_text(AR_OK), "Success");
}

TEST("a number without a row is unknown") {
  CHECK_STR(ar_err_name(-9999), "UNKNOWN");
  CHECK_STR(ar_err_text(-9999), "Unknown error");
  CHECK_STR(ar_err_name(1), "UNKNOWN");
  CHECK_STR(ar_err_name(INT32_MIN), "UNKNOWN");
}

TEST("of two names the usual one is given") {
  CHECK_EQ(AR_EWOULDBLOCK, AR_EAGAIN);
  CHECK_STR(ar_err_name(AR_EWOULDBLOCK), "EAGAIN");
  CHECK_STR(ar_err_name(AR_EOPNOTSUPP), "ENOTSUP");
  CHECK_STR(ar_err_name(AR_EDEADLOCK), "EDEADLK");
}

TEST("a name leads to its number") {
  CHECK_EQ(ar_err_by_name("EPIPE"), AR_EPIPE);
  CHECK_EQ(ar_err_by_name("EWOULDBLOCK"), AR_EAGAIN);
  CHECK_EQ(ar_err_by_name("epipe"), 0);
  CHECK_EQ(ar_err_by_name(""), 0);
}

TEST("errno becomes a code, and a code stays one") {
  CHECK_EQ(ar_err_from_errno(ENOENT), AR_ENOENT);
  CHECK_EQ(ar_err_from_errno(AR_ENOENT), AR_ENOENT);
  CHECK_EQ(ar_err_from_errno(0), 0);
}

TEST("every error of the system has a row, and its text") {
  for (int number = 1; number <= EHWPOISON; number++) {
    const char *text = strerror(number);
    if (strncmp(text, "Unknown error", 13) == 0)
      continue; /* 41 and 58 are no errors */
    CHECK(strcmp(ar_err_name(-number), "UNKNOWN") != 0);
    CHECK_STR(ar_err_text(-number), text);
  }
}

TEST("every name leads back to its row") {
#define AR_ERR_ROW(name, text, number) \
  CHECK_EQ(AR_##name, number); \
  CHECK_EQ(ar_err_by_name(#name), AR_##name);
#include "base/err.def"
#undef AR_ERR_ROW
}
