/*
 * Names and texts of error codes, out of err.def.
 *
 * Looked up by walking the table: errors are rare, and the first of two
 * rows with one number is the name it is called by.
 */

#include "base/err.h"

#include <string.h>

typedef struct err_row {
  ar_err number;
  const char *name;
  const char *text;
} err_row;

static const err_row rows[] = {
    {0, "OK", "Success"},
#define AR_ERR_ROW(name, text, number) {(number), #name, text},
#include "base/err.def"
#undef AR_ERR_ROW
};

/* The row of e, NULL if there is none. */
static const err_row *find_row(ar_err e) {
  for (size_t i = 0; i < ar_countof(rows); i++) {
    if (rows[i].number == e)
      return &rows[i];
  }
  return NULL;
}

const char *ar_err_name(ar_err e) {
  const err_row *row = find_row(e);
  return row != NULL ? row->name : "UNKNOWN";
}

const char *ar_err_text(ar_err e) {
  const err_row *row = find_row(e);
  return row != NULL ? row->text : "Unknown error";
}

ar_err ar_err_by_name(const char *name) {
  for (size_t i = 0; i < ar_countof(rows); i++) {
    if (strcmp(rows[i].name, name) == 0)
      return rows[i].number;
  }
  return 0;
}
