/*
 * This program as a worker process of another one of it.
 */

#ifndef ar_peerlib_h
#define ar_peerlib_h

#include <stdbool.h>

/* Is the command line that of a worker process? Then it is one until whoever
 * started it is gone, and *status is its exit status. */
bool ar_peer_main(int argc, char **argv, int *status);

#endif
