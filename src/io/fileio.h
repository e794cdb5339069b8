/*
 * Between file.c, which has the buffer, and fileio.c and fileopen.c, which
 * have the system's calls.
 */

#ifndef ar_fileio_h
#define ar_fileio_h

#include "io/file.h"

/* Room for `size` bytes more behind what is there. */
AR_MUST_CHECK ar_err ar_file_reserve(ar_file *f, size_t size);

/* The buffer is empty. */
void ar_file_forget(ar_file *f);

#endif
