/*
 * The program: read the command line, run the script, end as it says.
 *
 * The rest of this room: options.def and options.c know the command line,
 * help.c prints what it can, state.c makes the Lua state, script.c runs the
 * script in it, report.c shows an uncaught error and ending.c makes an exit
 * status of it.
 */

#include <stdio.h>

#include "bind/peerlib.h"
#include "cli/ending.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/script.h"
#include "cli/standard.h"
#include "cli/state.h"

static ar_ending run(const ar_options *options) {
  ar_ending ending = {AR_EXIT_FAILURE, 0};
  ar_warnings warnings = {0};
  lua_State *L = ar_state_new(&warnings);
  if (L == NULL) {
    (void)fputs("anyrun: not enough memory\n", stderr);
    return ending;
  }
  if (options->check)
    ending = ar_script_check(L, options);
  else
    ending = ar_script_run(L, options);
  ar_state_close(L);
  return ending;
}

int main(int argc, char **argv) {
  ar_options options;
  int status;
  ar_standard_open();
  if (ar_peer_main(argc, argv, &status))
    return status;
  status = ar_options_read(&options, argc, argv, stderr);
  if (status != 0)
    return status;
  if (options.help != NULL)
    ar_help_print(options.help, stdout);
  else if (options.version)
    ar_help_version(stdout);
  else
    status = ar_ending_carry_out(run(&options));
  return status;
}
