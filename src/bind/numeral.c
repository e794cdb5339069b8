/*
 * Where a numeral ends that is read from a file.
 */

#include "bind/numeral.h"

#include <string.h>

#include "base/base.h"

typedef struct {
  const char *p;
  size_t left;
} scanner;

static bool accept(scanner *s, const char *set) {
  if (s->left == 0 || *s->p == '\0' || strchr(set, *s->p) == NULL)
    return false;
  s->p++;
  s->left--;
  return true;
}

static bool accept_digits(scanner *s, bool hex) {
  bool any = false;
  while (accept(s, hex ? "0123456789abcdefABCDEF" : "0123456789"))
    any = true;
  return any;
}

size_t ar_numeral_length(const char *p, size_t n) {
  scanner s = {p, n};
  bool hex = false, any = false;
  (void)accept(&s, "+-");
  if (accept(&s, "0")) {
    hex = accept(&s, "xX");
    any = !hex;
  }
  if (accept_digits(&s, hex))
    any = true;
  if (accept(&s, "."))
    any = accept_digits(&s, hex) || any;
  if (any && accept(&s, hex ? "pP" : "eE")) {
    (void)accept(&s, "+-");
    (void)accept_digits(&s, false);
  }
  return (size_t)(s.p - p);
}
