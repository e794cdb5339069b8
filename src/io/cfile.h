/*
 * A file of the C library: what it has read ahead, and whether the system
 * has more.
 *
 * Lua's io library reads and writes such files, and so may C code of a
 * script's: what one of them has read ahead belongs to all. So bytes are taken
 * from it only to be handed out, and those that were taken and not handed out
 * are put back into it.
 *
 * Where the C library does not tell what it has read ahead, a file is never
 * waited for (ar_cfile_can_wait).
 */

#ifndef ar_cfile_h
#define ar_cfile_h

#include <stdio.h>

#include "base/base.h"

typedef struct {
  const char *at; /* borrowed, until the file is next used */
  size_t n;
  bool more; /* behind these there are others, of before a putting back */
} ar_cfile_ahead;

/* What it has read and nobody has taken. */
ar_cfile_ahead ar_cfile_look(const FILE *f);

/* Take n of these bytes. */
void ar_cfile_take(FILE *f, char *to, size_t n);

/* Put n bytes back in front of all others; false: there is no memory. */
bool ar_cfile_put_back(FILE *f, const char *from, size_t n);

/* Read more: one call of the system. 0, AR_EOF, or why it failed. */
AR_MUST_CHECK ar_err ar_cfile_fill(FILE *f);

/* Would one call of the system not block? (What a pipe takes then is
 * AR_CFILE_SURE bytes.) Nobody else must be about to do the same. */
bool ar_cfile_is_ready(FILE *f, bool writes);

#define AR_CFILE_SURE ((size_t)4096)

/* May it be waited for? Not what is always ready: files and disks. */
bool ar_cfile_can_wait(FILE *f);

/* Is it a pipe, named or not? */
bool ar_cfile_is_pipe(FILE *f);

/* Do these many bytes go into its buffer, and stay there? */
bool ar_cfile_has_room(FILE *f, size_t n);

/* Write it out if it writes line by line: as terminals are written. */
void ar_cfile_flush_lines(FILE *f);

/* Bytes in its buffer that are not written yet. */
size_t ar_cfile_pending(FILE *f);

#endif
