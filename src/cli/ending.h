/*
 * How the process ends.
 */

#ifndef ar_cli_ending_h
#define ar_cli_ending_h

#include <lua.h>

#include "base/base.h"

/* Exit statuses, besides what the script chooses. */
#define AR_EXIT_FAILURE 1
#define AR_EXIT_DEADLOCK 13
#define AR_EXIT_UNREADABLE 126
#define AR_EXIT_NOT_FOUND 127

typedef struct ar_ending ar_ending;

struct ar_ending {
  int status;
  int signal; /* die of this one instead; 0: none */
};

/*
 * [-1, +0] What an uncaught error makes of the process; `signal` is the one
 * that asked it to end, or 0. Prints the error unless it only says so.
 */
ar_ending ar_ending_of_error(lua_State *L, int signal);

/* End like this, once everything is cleaned up: returns the exit status for
   main, or does not return. */
int ar_ending_carry_out(ar_ending ending);

#endif
