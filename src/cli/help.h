/*
 * What the command line says about itself, made of options.def.
 */

#ifndef ar_cli_help_h
#define ar_cli_help_h

#include <stdio.h>

#include "base/base.h"

/* Is there a form of --help of this name? */
bool ar_help_knows(const char *form);

/* Print the help in one of its forms: "" for people, "man" for the OPTIONS
   of the man page (mdoc), "words" for completion. */
void ar_help_print(const char *form, FILE *out);

/* "anyrun 1.2.3, Lua 5.4.4, libuv 1.44.2" */
void ar_help_version(FILE *out);

#endif
