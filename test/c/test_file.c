/* Files and paths, worked on where it may block and where it may not. */

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "ctest.h"
#include "io/fs.h"

#define TEXT "first\nsecond\r\nthird"

static char folder[64], path[96];

static void make_folder(void) {
  (void)snprintf(folder, sizeof folder, "/tmp/anyrun-ctest-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  (void)snprintf(path, sizeof path, "%s/file", folder);
}

static void remove_folder(void) {
  (void)unlink(path);
  CHECK_EQ(rmdir(folder), 0);
}

static ar_file *open_file(int flags) {
  ar_file *f;
  CHECK_EQ(ar_file_new(path, &f), 0);
  f->order.flags = flags;
  f->order.mode = 0600;
  CHECK_EQ(ar_file_open(f, false), 0);
  return f;
}

static void write_text(void) {
  ar_file *f = open_file(O_WRONLY | O_CREAT | O_TRUNC);
  CHECK_EQ(ar_file_put(f, TEXT, strlen(TEXT)), 0);
  ar_file_unref(f); /* writes it, and closes */
}

static bool has(ar_file *f, const char *text) {
  size_t n = strlen(text);
  return ar_file_available(f) >= n && memcmp(ar_file_data(f), text, n) == 0;
}

TEST("what is let go of unwritten is written") {
  ar_file *f;
  make_folder();
  write_text();
  f = open_file(O_RDONLY);
  f->order.want = SIZE_MAX;
  CHECK_EQ(ar_file_fill(f, false), 0);
  CHECK(f->ended && has(f, TEXT));
  CHECK_EQ(ar_file_close(f, false), 0);
  CHECK_EQ(f->fd, -1);
  ar_file_unref(f);
  remove_folder();
}

TEST("lines end as they are told to, whatever piece they come in") {
  static const struct {
    ar_line_end end;
    size_t first, second;
  } rows[] = {{AR_LINE_LF, 6, 8},
              {AR_LINE_CR, 13, 0},
              {AR_LINE_CRLF, 14, 0},
              {AR_LINE_ANY, 6, 8}};
  make_folder();
  write_text();
  for (size_t i = 0; i < ar_countof(rows); i++) {
    ar_file *f = open_file(O_RDONLY);
    f->line_end = rows[i].end;
    f->order.want = SIZE_MAX;
    CHECK_EQ(ar_file_fill_line(f, false), 0);
    CHECK_EQ(ar_file_line(f), rows[i].first);
    ar_file_take(f, rows[i].first);
    CHECK_EQ(ar_file_fill_line(f, false), 0);
    CHECK_EQ(ar_file_line(f), rows[i].second);
    ar_file_unref(f);
  }
  remove_folder();
}

TEST("it stands where its reader is, not where the buffer ends") {
  int64_t at;
  ar_file *f;
  make_folder();
  write_text();
  f = open_file(O_RDONLY);
  f->order.want = 1;
  CHECK_EQ(ar_file_fill(f, false), 0);
  ar_file_take(f, 6);
  CHECK_EQ(ar_file_tell(f, &at), 0);
  CHECK_EQ(at, 6);
  f->order.offset = -6;
  f->order.whence = SEEK_CUR;
  CHECK_EQ(ar_file_seek(f, true), 0); /* inside what was read */
  CHECK(has(f, "first"));
  f->order.offset = -5;
  f->order.whence = SEEK_END;
  CHECK_EQ(ar_file_seek(f, false), 0);
  f->order.offset = -1;
  f->order.whence = SEEK_SET;
  CHECK_EQ(ar_file_seek(f, false), AR_EINVAL);
  ar_file_unref(f);
  remove_folder();
}

TEST("a named pipe, a folder and what is not there are told apart") {
  ar_file *f;
  make_folder();
  CHECK_EQ(ar_file_new(folder, &f), 0);
  CHECK_EQ(ar_file_open(f, false), AR_EISDIR);
  ar_file_unref(f);
  CHECK_EQ(ar_file_new(path, &f), 0);
  CHECK_EQ(ar_file_open(f, false), AR_ENOENT);
  CHECK_EQ(mkfifo(path, 0600), 0);
  CHECK_EQ(ar_file_open(f, false), AR_EAGAIN);
  f->order.flags = O_RDWR; /* both ends: nobody is waited for */
  CHECK_EQ(ar_file_open_patiently(f, false), 0);
  CHECK(!f->regular && !f->seekable);
  ar_file_unref(f);
  remove_folder();
}

TEST("a file that lasts is removed with the last who has it") {
  ar_file *f;
  make_folder();
  f = open_file(O_RDWR | O_CREAT);
  f->lasts = true;
  CHECK_EQ(ar_file_close(f, false), 0);
  CHECK_EQ(access(path, F_OK), 0);
  ar_file_unref(f);
  CHECK(access(path, F_OK) != 0);
  remove_folder();
}

/* ---- work in threads ---------------------------------------------------- */

static bool is_over;

static void on_done(ar_op *op) {
  (void)op;
  is_over = true;
}

TEST("a thread does it while the loop waits; abandoned work cleans up") {
  ar_loop *loop;
  ar_pool *pool;
  ar_file *f;
  CHECK_EQ(ar_loop_new(&loop), 0);
  CHECK_EQ(ar_pool_new(2, &pool), 0);
  make_folder();
  write_text();
  CHECK_EQ(ar_file_new(path, &f), 0);
  f->order.flags = O_RDONLY;
  is_over = false;
  CHECK_EQ(ar_file_start(f, ar_file_open, pool, loop), 0);
  f->work.op.done = on_done;
  while (!is_over)
    (void)ar_loop_wait(loop, AR_TIME_MAX);
  CHECK_EQ(f->work.op.result, 0);
  CHECK(has(f, "first\n"));
  ar_file_unref(f); /* the pool's */
  CHECK_EQ(ar_file_start(f, ar_file_close, pool, loop), 0);
  ar_op_abandon(&f->work.op);
  ar_file_unref(f);
  ar_pool_close(pool);
  (void)ar_loop_free(loop);
  remove_folder();
}

static ar_err do_fs(ar_fs_fn *act, const char *other, int64_t n0, int64_t n1,
                    int64_t n2) {
  ar_fs *fs;
  ar_err err;
  CHECK_EQ(ar_fs_new(act, path, other, &fs), 0);
  fs->n[0] = n0;
  fs->n[1] = n1;
  fs->n[2] = n2;
  err = act(fs);
  ar_fs_unref(fs);
  return err;
}

TEST("paths are made, asked about, renamed and removed") {
  char other[96];
  make_folder();
  (void)snprintf(other, sizeof other, "%s/other", folder);
  CHECK_EQ(do_fs(ar_fs_touch, NULL, 0600, 1, 0), 0);
  CHECK_EQ(do_fs(ar_fs_touch, NULL, 0600, 0, 0), AR_EEXIST);
  CHECK_EQ(do_fs(ar_fs_stat, NULL, 1, 0, 0), 0);
  CHECK_EQ(do_fs(ar_fs_chmod, NULL, 0400, 1, 0), 0);
  CHECK_EQ(do_fs(ar_fs_rename, other, 0, 0, 0), 0);
  CHECK_EQ(do_fs(ar_fs_unlink, NULL, 0, 0, 0), AR_ENOENT);
  CHECK_EQ(do_fs(ar_fs_unlink, NULL, 1, 0, 0), 0);
  CHECK_EQ(do_fs(ar_fs_mkdir, NULL, 0700, 0, 0), 0);
  CHECK_EQ(do_fs(ar_fs_mkdir, NULL, 0700, 0, 1), 0);
  CHECK_EQ(do_fs(ar_fs_remove_tree, NULL, 0, 0, 0), 0);
  CHECK_EQ(unlink(other), 0);
  remove_folder();
}
