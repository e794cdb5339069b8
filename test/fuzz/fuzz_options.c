/*
 * Fuzz the command line: words are separated by zero bytes.
 *
 * Whatever the words are, reading them answers 0 or AR_EXIT_USAGE, and a
 * walk over what was read ends without a complaint.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

#define MAX_WORDS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(ar_options *options) {
  ar_option_cursor cursor;
  ar_option option;
  ar_option_cursor_init(&cursor, options->argv);
  do {
    option = ar_option_cursor_next(&cursor, NULL);
    if (option == AR_OPTION_WRONG)
      abort();
  } while (option != AR_OPTION_END);
  if (options->first > options->argc)
    abort();
  if (options->backend == NULL && options->help == NULL && !options->version)
    abort();
  (void)ar_options_script(options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static FILE *nowhere;
  char *argv[MAX_WORDS + 2];
  char program[] = "anyrun";
  char *text = malloc(size + 1);
  int argc = 1, status;
  ar_options options;
  if (nowhere == NULL)
    nowhere = fopen("/dev/null", "w");
  if (text == NULL || nowhere == NULL)
    abort();
  memcpy(text, data, size);
  text[size] = '\0';
  argv[0] = program;
  for (size_t at = 0; at < size && argc <= MAX_WORDS;
       at += strlen(text + at) + 1)
    argv[argc++] = text + at;
  argv[argc] = NULL;
  status = ar_options_read(&options, argc, argv, nowhere);
  if (status == 0)
    check(&options);
  else if (status != AR_EXIT_USAGE)
    abort();
  free(text);
  return 0;
}
