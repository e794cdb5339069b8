/*
 * Walks and checks the options of the command line.
 */

#include "cli/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "cli/help.h"

#define WORD_MAX 32 /* longer words are compared by their beginning */

const ar_option_row ar_option_rows[] = {
#define AR_OPTION(name, short_name, long_name, takes, value, help) \
  {long_name, value, help, AR_OPTION_TAKES_##takes, short_name},
#include "cli/options.def"
#undef AR_OPTION
};

int ar_options_hint(FILE *err) {
  (void)fputs("Try 'anyrun --help'.\n", err);
  return AR_EXIT_USAGE;
}

/* ---- nearest name ------------------------------------------------------- */

/*
 * How many letters must be changed, added or left out to make `known` of the
 * first `length` letters of `word`. A mere beginning of it is near: 1.
 */
static size_t distance(const char *word, size_t length, const char *known) {
  size_t row[WORD_MAX + 1];
  size_t known_length = strlen(known);
  length = length < WORD_MAX ? length : WORD_MAX;
  if (length > 0 && strncmp(word, known, length) == 0)
    return length == known_length ? 0 : 1;
  for (size_t i = 0; i <= length; i++)
    row[i] = i;
  for (size_t k = 1; k <= known_length; k++) {
    size_t diagonal = row[0];
    row[0] = k;
    for (size_t i = 1; i <= length; i++) {
      size_t cost = diagonal + (word[i - 1] != known[k - 1]);
      diagonal = row[i];
      cost = row[i] + 1 < cost ? row[i] + 1 : cost;
      row[i] = row[i - 1] + 1 < cost ? row[i - 1] + 1 : cost;
    }
  }
  return row[length];
}

/* The long option nearest to the word; its distance in *best. */
static const char *nearest(const char *word, size_t length, size_t *best) {
  const char *found = NULL;
  *best = SIZE_MAX;
  for (size_t i = 0; i < AR_OPTION_COUNT; i++) {
    const char *known = ar_option_rows[i].word;
    size_t far = known != NULL ? distance(word, length, known) : SIZE_MAX;
    if (far < *best) {
      *best = far;
      found = known;
    }
  }
  return found;
}

/* ---- the walk ----------------------------------------------------------- */

void ar_option_cursor_init(ar_option_cursor *cursor, char **argv) {
  cursor->argv = argv;
  cursor->index = argv[0] != NULL ? 1 : 0;
  cursor->cluster = NULL;
  cursor->value = NULL;
}

static ar_option wrong(FILE *err) {
  if (err != NULL)
    (void)ar_options_hint(err);
  return AR_OPTION_WRONG;
}

static ar_option find_word(const char *word, size_t length) {
  for (size_t i = 0; i < AR_OPTION_COUNT; i++) {
    const char *known = ar_option_rows[i].word;
    if (known != NULL && strlen(known) == length &&
        strncmp(known, word, length) == 0)
      return (ar_option)i;
  }
  return AR_OPTION_WRONG;
}

static ar_option find_letter(char letter) {
  for (size_t i = 0; i < AR_OPTION_COUNT; i++)
    if (ar_option_rows[i].letter == letter)
      return (ar_option)i;
  return AR_OPTION_WRONG;
}

static ar_option unknown_word(const char *word, size_t length, FILE *err) {
  size_t far;
  const char *known = nearest(word, length, &far);
  if (err != NULL)
    (void)fprintf(err,
                  "anyrun: unknown option '--%.*s', did you mean '--%s'?\n",
                  (int)length, word, known);
  return wrong(err);
}

/* `word` begins with the letter; `whole` if the dash stands right before. */
static ar_option unknown_letter(const char *word, bool whole, FILE *err) {
  size_t length = strcspn(word, "=");
  size_t far;
  const char *known = nearest(word, length, &far);
  char other =
      (char)(islower((unsigned char)*word) ? toupper((unsigned char)*word)
                                           : tolower((unsigned char)*word));
  if (err == NULL)
    return AR_OPTION_WRONG;
  if (whole && length > 2 && far <= 2)
    (void)fprintf(err, "anyrun: unknown option '-%s', did you mean '--%s'?\n",
                  word, known);
  else if (find_letter(other) != AR_OPTION_WRONG)
    (void)fprintf(err, "anyrun: unknown option '-%c', did you mean '-%c'?\n",
                  *word, other);
  else
    (void)fprintf(err, "anyrun: unknown option '-%c'\n", *word);
  return wrong(err);
}

/* Take the next word as the value of the option spelled `name`. */
static ar_option take_next(ar_option_cursor *cursor, ar_option option,
                           const char *name, FILE *err) {
  cursor->value = cursor->argv[cursor->index];
  if (cursor->value != NULL) {
    cursor->index++;
    return option;
  }
  if (err != NULL)
    (void)fprintf(err, "anyrun: option '%s' needs %s\n", name,
                  ar_option_rows[option].value);
  return wrong(err);
}

/* --word, --word=value, --word value */
static ar_option next_word(ar_option_cursor *cursor, const char *name,
                           FILE *err) {
  const char *word = name + 2;
  size_t length = strcspn(word, "=");
  ar_option option = find_word(word, length);
  ar_option_takes takes;
  if (option == AR_OPTION_WRONG)
    return unknown_word(word, length, err);
  takes = ar_option_rows[option].takes;
  if (word[length] == '\0')
    return takes == AR_OPTION_TAKES_VALUE ? take_next(cursor, option, name, err)
                                          : option;
  if (takes != AR_OPTION_TAKES_NOTHING) {
    cursor->value = word + length + 1;
    return option;
  }
  if (err != NULL)
    (void)fprintf(err, "anyrun: option '--%.*s' takes no value\n", (int)length,
                  word);
  return wrong(err);
}

/* -x, -xyz, -eCODE, -e CODE; `letters` is what is left of the word. */
static ar_option next_letter(ar_option_cursor *cursor, const char *letters,
                             bool whole, FILE *err) {
  ar_option option = find_letter(*letters);
  char name[3] = {'-', *letters, '\0'};
  if (option == AR_OPTION_WRONG)
    return unknown_letter(letters, whole, err);
  if (ar_option_rows[option].takes != AR_OPTION_TAKES_VALUE) {
    cursor->cluster = letters[1] != '\0' ? letters + 1 : NULL;
    return option;
  }
  if (letters[1] == '\0')
    return take_next(cursor, option, name, err);
  cursor->value = letters + 1;
  return option;
}

ar_option ar_option_cursor_next(ar_option_cursor *cursor, FILE *err) {
  const char *word = cursor->cluster;
  cursor->cluster = NULL;
  cursor->value = NULL;
  if (word != NULL)
    return next_letter(cursor, word, false, err);
  word = cursor->argv[cursor->index];
  if (word == NULL || word[0] != '-' || word[1] == '\0')
    return AR_OPTION_END;
  cursor->index++;
  if (word[1] != '-')
    return next_letter(cursor, word + 1, true, err);
  return word[2] != '\0' ? next_word(cursor, word, err) : AR_OPTION_END;
}

/* ---- the check ---------------------------------------------------------- */

/* Settle the backend: the option, else the environment, else our own. */
static int choose_backend(ar_options *options, FILE *err) {
  const char *from = "";
  if (options->backend == NULL && !options->ignore_env) {
    options->backend = getenv("ANYRUN_BACKEND");
    from = " in ANYRUN_BACKEND";
  }
  if (options->backend == NULL || (*from && *options->backend == '\0'))
    options->backend = ar_backend_name(0);
  if (ar_backend_find(options->backend) != NULL)
    return 0;
  (void)fprintf(err, "anyrun: unknown backend '%s'%s (known:", options->backend,
                from);
  for (size_t i = 0; ar_backend_name(i) != NULL; i++)
    (void)fprintf(err, "%s %s", i > 0 ? "," : "", ar_backend_name(i));
  (void)fputs(")\n", err);
  return ar_options_hint(err);
}

/* Take note of an option; its value too must make sense. */
static int take(ar_options *options, ar_option option, const char *value,
                FILE *err) {
  const char *problem = NULL;
  const char *equals = value != NULL ? strchr(value, '=') : NULL;
  switch (option) {
    case AR_OPTION_BACKEND: options->backend = value; break;
    case AR_OPTION_BACKEND_OPTION:
      if (equals == NULL || equals == value)
        problem = "anyrun: option '--backend-option' needs KEY=VALUE, not";
      break;
    case AR_OPTION_INTERACTIVE:
      (void)fputs("anyrun: option '-i' is not available yet\n", err);
      return ar_options_hint(err);
    case AR_OPTION_HELP:
      options->help = value != NULL ? value : "";
      if (!ar_help_knows(options->help))
        problem = "anyrun: option '--help' knows no form";
      break;
    case AR_OPTION_EXECUTE: options->code = true; break;
    case AR_OPTION_VERSION: options->version = true; break;
    case AR_OPTION_CHECK: options->check = true; break;
    case AR_OPTION_IGNORE_ENV: options->ignore_env = true; break;
    case AR_OPTION_LIBRARY:
    case AR_OPTION_WARNINGS: break;
    case AR_OPTION_COUNT:
    case AR_OPTION_END:
    case AR_OPTION_WRONG: AR_UNREACHABLE();
  }
  if (problem == NULL)
    return 0;
  (void)fprintf(err, "%s '%s'\n", problem, value);
  return ar_options_hint(err);
}

int ar_options_read(ar_options *options, int argc, char **argv, FILE *err) {
  ar_option_cursor cursor;
  ar_option option;
  memset(options, 0, sizeof *options);
  options->argc = argc;
  options->argv = argv;
  ar_option_cursor_init(&cursor, argv);
  for (;;) {
    option = ar_option_cursor_next(&cursor, err);
    if (option == AR_OPTION_WRONG)
      return AR_EXIT_USAGE;
    if (option == AR_OPTION_END)
      break;
    if (take(options, option, cursor.value, err) != 0)
      return AR_EXIT_USAGE;
  }
  options->first = cursor.index;
  if (options->help != NULL || options->version)
    return 0;
  if (!options->code && options->first >= argc && isatty(STDIN_FILENO)) {
    (void)fputs("anyrun: no script\n", err);
    return ar_options_hint(err);
  }
  return choose_backend(options, err);
}

const char *ar_options_script(const ar_options *options) {
  const char *word = options->argv[options->first];
  if (options->code || word == NULL)
    return NULL;
  /* As in lua: a "-" behind "--" is the name of a file. */
  if (strcmp(word, "-") == 0 &&
      strcmp(options->argv[options->first - 1], "--") != 0)
    return NULL;
  return word;
}
