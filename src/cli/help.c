/*
 * Prints --help in its forms, and --version.
 */

#include "cli/help.h"

#include <string.h>

#include <lua.h>

#include "backend/backend.h"
#include "cli/options.h"

#define HELP_COLUMN 27 /* where the sentences begin */
#define HELP_WIDTH 79

/* Print text from `column` on, its lines broken at blanks. */
static void print_wrapped(const char *text, size_t length, int column,
                          FILE *out) {
  const char *end = text + length;
  size_t room = (size_t)(HELP_WIDTH - column);
  while (text < end) {
    size_t n = (size_t)(end - text);
    if (n > room) {
      n = room;
      while (n > 0 && text[n] != ' ')
        n--;
    }
    (void)fprintf(out, "%.*s\n", (int)n, text);
    text += n;
    text += strspn(text, " ");
    if (text < end)
      (void)fprintf(out, "%*s", column, "");
  }
}

static void print_row(const ar_option_row *row, FILE *out) {
  char name[HELP_COLUMN * 2];
  int used = 0;
  size_t size = sizeof name;
  if (row->letter != '\0')
    used = snprintf(name, size, "  -%c%s", row->letter,
                    row->word != NULL ? "," : "");
  if (row->word != NULL)
    used += snprintf(name + used, size - (size_t)used, "%s--%s",
                     used > 0 ? " " : "      ", row->word);
  if (row->value != NULL)
    used += snprintf(name + used, size - (size_t)used, "%s%s",
                     row->word != NULL ? "=" : " ", row->value);
  if (used < HELP_COLUMN - 1)
    (void)fprintf(out, "%-*s", HELP_COLUMN, name);
  else
    (void)fprintf(out, "%s\n%*s", name, HELP_COLUMN, "");
  print_wrapped(row->help, strlen(row->help), HELP_COLUMN, out);
}

static void print_people(FILE *out) {
  (void)fputs("Usage: anyrun [options] [script | -] [arguments]\n"
              "       anyrun [options] -e CODE [arguments]\n"
              "Run a Lua script whose functions may await.\n\nOptions:\n",
              out);
  for (size_t i = 0; i < AR_OPTION_COUNT; i++)
    print_row(&ar_option_rows[i], out);
  (void)fputs("  --                       Stop handling options.\n"
              "  -                        Read the script from standard "
              "input.\n\n"
              "Exit status: what the script returns or gives to os.exit; 1 "
              "uncaught error;\n"
              "2 wrong use; 13 deadlock; 126 script not readable; 127 script "
              "not found.\n",
              out);
}

/* Print text with each sentence on a line of its own, as mdoc wants it. */
static void print_sentences(const char *text, FILE *out) {
  while (*text != '\0') {
    const char *stop = strstr(text, ". ");
    size_t n = stop != NULL ? (size_t)(stop + 1 - text) : strlen(text);
    print_wrapped(text, n, 0, out);
    text += n;
    text += strspn(text, " ");
  }
}

/* One .It of an mdoc list for each option. */
static void print_man(FILE *out) {
  (void)fputs(".Bl -tag -width Ds\n", out);
  for (size_t i = 0; i < AR_OPTION_COUNT; i++) {
    const ar_option_row *row = &ar_option_rows[i];
    (void)fputs(".It", out);
    if (row->letter != '\0')
      (void)fprintf(out, " Fl %c%s", row->letter,
                    row->word != NULL ? " ," : "");
    if (row->word != NULL)
      (void)fprintf(out, " Fl -%s", row->word);
    if (row->value != NULL)
      (void)fprintf(out, "%s Ar %s", row->word != NULL ? " Ns = Ns" : "",
                    row->value);
    (void)fputc('\n', out);
    print_sentences(row->help, out);
  }
  (void)fputs(".El\n", out);
}

/* One word a line; those that end with `=` want a value. */
static void print_words(FILE *out) {
  for (size_t i = 0; i < AR_OPTION_COUNT; i++) {
    const ar_option_row *row = &ar_option_rows[i];
    const char *end = row->takes == AR_OPTION_TAKES_VALUE ? "=" : "";
    if (row->letter != '\0')
      (void)fprintf(out, "-%c%s\n", row->letter, end);
    if (row->word != NULL)
      (void)fprintf(out, "--%s%s\n", row->word, end);
  }
  for (size_t i = 0; ar_backend_name(i) != NULL; i++)
    (void)fprintf(out, "--%s=%s\n", ar_option_rows[AR_OPTION_BACKEND].word,
                  ar_backend_name(i));
}

static const struct {
  const char *name;
  void (*print)(FILE *out);
} forms[] = {{"", print_people}, {"man", print_man}, {"words", print_words}};

bool ar_help_knows(const char *form) {
  for (size_t i = 0; i < ar_countof(forms); i++)
    if (strcmp(forms[i].name, form) == 0)
      return true;
  return false;
}

void ar_help_print(const char *form, FILE *out) {
  for (size_t i = 0; i < ar_countof(forms); i++)
    if (strcmp(forms[i].name, form) == 0)
      forms[i].print(out);
}

void ar_help_version(FILE *out) {
  (void)fprintf(out, "anyrun %s, %s, libuv %s\n", AR_VERSION, LUA_RELEASE,
                ar_backend_loop_version());
}
