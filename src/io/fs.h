/*
 * What is done to paths: asked about, made, renamed, removed.
 *
 * Order of calls: ar_fs_new; its arguments; ar_fs_start; the answer is in its
 * fields once its op is over; ar_fs_unref, once by who made it and once by who
 * waited for it, unless the op was abandoned. What was made and is known to
 * nobody (a temporary folder) is taken back, unless its answer was `taken`.
 */

#ifndef ar_fs_h
#define ar_fs_h

#include <stdatomic.h>
#include <sys/stat.h>

#include "io/pool.h"

typedef struct ar_fs ar_fs;
typedef ar_err ar_fs_fn(ar_fs *fs);

#define AR_FS_NUMBERS 3

struct ar_fs {
  ar_work work;            /* first */
  atomic_uint refs;        /* the maker's; the pool's while it is in flight */
  ar_fs_fn *act;           /* what it does, in a thread */
  void (*undo)(ar_fs *fs); /* takes back what it made; NULL: that stays */
  bool acted;              /* and without an error */
  bool taken;              /* somebody has what it made */
  /* the question */
  char *path;               /* owned */
  char *other;              /* owned; NULL: none */
  int64_t n[AR_FS_NUMBERS]; /* what each act takes is said below */
  /* the answer; `data` may be part of the question, too */
  int64_t number;
  struct stat st;
  char *data; /* owned; NULL while capacity is 0 */
  size_t size;
  size_t capacity;
};

/* The paths have no zero bytes inside; other may be NULL. */
AR_MUST_CHECK ar_err ar_fs_new(ar_fs_fn *act, const char *path,
                               const char *other, ar_fs **out);
void ar_fs_unref(ar_fs *fs);

/* Have it done by a thread. */
AR_MUST_CHECK ar_err ar_fs_start(ar_fs *fs, ar_pool *pool, ar_loop *loop);

/* Append to data. */
AR_MUST_CHECK ar_err ar_fs_add(ar_fs *fs, const void *bytes, size_t size);

/* ---- questions ---------------------------------------------------------- */

ar_err ar_fs_stat(ar_fs *fs);     /* n[0]: follow links; st */
ar_err ar_fs_readlink(ar_fs *fs); /* data */
ar_err ar_fs_resolve(ar_fs *fs);  /* n[0]: strict; data */
ar_err ar_fs_owner(ar_fs *fs);    /* n[0]: follow, n[1]: the group; data */
ar_err ar_fs_home(ar_fs *fs);     /* path: a user, "": of this one; data */

/* The entries, one after the other: a letter, the name, a zero byte. Letters:
 * f file, d folder, l link, D link to a folder, p pipe, s socket, b c devices,
 * ? unknown. n[0]: tell l from D. */
ar_err ar_fs_list(ar_fs *fs);

/* ---- changes ------------------------------------------------------------ */

ar_err ar_fs_chmod(ar_fs *fs); /* n: mode, follow */
ar_err ar_fs_mkdir(ar_fs *fs); /* n: mode, parents, exist_ok */
ar_err ar_fs_rmdir(ar_fs *fs);
ar_err ar_fs_unlink(ar_fs *fs); /* n[0]: missing_ok */
ar_err ar_fs_rename(ar_fs *fs);
ar_err ar_fs_symlink(ar_fs *fs); /* path: the link, other: where to */
ar_err ar_fs_link(ar_fs *fs);    /* path: the new one, other: the old one */
ar_err ar_fs_touch(ar_fs *fs);   /* n: mode, exist_ok */
ar_err ar_fs_read(ar_fs *fs);    /* data: the whole file */
ar_err ar_fs_write(ar_fs *fs);   /* n: flags, mode; the file becomes data */

/* A file's contents and mode from path to other; n: follow links, keep times
 * and owner as well. */
ar_err ar_fs_copy(ar_fs *fs);

/* Times, mode and owner of path for other. */
ar_err ar_fs_copy_stat(ar_fs *fs);

/* A folder and all that is in it; n[0]: go on after errors. No link is
 * followed, whatever others do meanwhile. */
ar_err ar_fs_remove_tree(ar_fs *fs);

/* In folder path; other: the prefix, data: the suffix. Then path is what was
 * made, number the file's descriptor. */
ar_err ar_fs_temp_file(ar_fs *fs);
ar_err ar_fs_temp_folder(ar_fs *fs);

void ar_fs_undo_temp_file(ar_fs *fs);
void ar_fs_undo_temp_folder(ar_fs *fs);

#endif
