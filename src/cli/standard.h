/*
 * The three standard streams, as they are met and as they are left.
 */

#ifndef ar_cli_standard_h
#define ar_cli_standard_h

/*
 * Before anything is opened: put something harmless where standard input,
 * output or error is closed, lest the next file opened (the loop's own
 * ones, say) take its number and be written to by print. And see to it that
 * output which could not be written makes the exit status 1, also where the
 * script ends by os.exit.
 */
void ar_standard_open(void);

#endif
