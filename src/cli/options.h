/*
 * The command line's options.
 *
 * ar_options_read checks all of them before anything runs; the repeatable
 * ones (-e, -l, --backend-option) are then walked again with a cursor by
 * who needs them. That way nothing is copied and nothing is allocated:
 * every string is a piece of argv or of the environment.
 */

#ifndef ar_cli_options_h
#define ar_cli_options_h

#include <stdio.h>

#include "base/base.h"

/* Exit status of wrong use. */
#define AR_EXIT_USAGE 2

typedef struct ar_option_cursor ar_option_cursor;
typedef struct ar_option_row ar_option_row;
typedef struct ar_options ar_options;

typedef enum {
#define AR_OPTION(name, short_name, long_name, takes, value, help) \
  AR_OPTION_##name,
#include "cli/options.def"
#undef AR_OPTION
  AR_OPTION_COUNT, /* how many there are */
  AR_OPTION_END,   /* no option: the cursor stands behind the last one */
  AR_OPTION_WRONG  /* no such option, or one used wrongly */
} ar_option;

typedef enum {
  AR_OPTION_TAKES_NOTHING,
  AR_OPTION_TAKES_VALUE,
  AR_OPTION_TAKES_MAYBE
} ar_option_takes;

/* A row of options.def. */
struct ar_option_row {
  const char *word;  /* without the dashes; NULL: has none */
  const char *value; /* the name of what it takes, or NULL */
  const char *help;
  ar_option_takes takes;
  char letter; /* 0: has none */
};

/* AR_OPTION_COUNT rows, indexed by ar_option. */
extern const ar_option_row ar_option_rows[];

/* A walk over the options, in order. */
struct ar_option_cursor {
  char **argv;         /* borrowed (outlived by main) */
  int index;           /* the word to look at next */
  const char *cluster; /* letters left of the word before, or NULL */
  const char *value;   /* of the option just met, or NULL */
};

struct ar_options {
  char **argv;         /* borrowed; ends with NULL */
  int argc;            /* at least 1 */
  int first;           /* index of the first word that is no option */
  const char *backend; /* a name the backends know */
  const char *help;    /* "", "man", "words", or NULL: none wanted */
  bool version;
  bool check;
  bool ignore_env;
  bool code; /* there is a -e, hence no script */
};

/*
 * Read argv. Returns 0, or AR_EXIT_USAGE after having said on `err` what is
 * wrong. argv may be empty.
 */
AR_MUST_CHECK int ar_options_read(ar_options *options, int argc, char **argv,
                                  FILE *err);

/* The word that names the script; NULL when it comes from stdin or -e. */
const char *ar_options_script(const ar_options *options);

void ar_option_cursor_init(ar_option_cursor *cursor, char **argv);

/*
 * The next option, its value in cursor->value. AR_OPTION_WRONG says on `err`
 * why (nothing where that is NULL) and ends the walk.
 */
ar_option ar_option_cursor_next(ar_option_cursor *cursor, FILE *err);

/* Close a complaint about the command line: where to look. */
int ar_options_hint(FILE *err);

#endif
