/*
 * Temporary files and folders: names that nobody can guess, made so that
 * nobody else can have made them, and for their owner alone.
 *
 * All of it may block: not for the loop's thread.
 */

#ifndef ar_temp_h
#define ar_temp_h

#include "base/base.h"

/* A new file, mode 0600, open for reading and writing: *path is to be given
 * back by ar_temp_free, *fd to be closed. */
AR_MUST_CHECK ar_err ar_temp_file(const char *folder, const char *prefix,
                                  const char *suffix, char **path, int *fd);

/* A new folder, mode 0700. */
AR_MUST_CHECK ar_err ar_temp_folder(const char *folder, const char *prefix,
                                    const char *suffix, char **path);

void ar_temp_free(char *path);

#endif
