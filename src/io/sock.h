/*
 * What can be asked of the system about a socket: its calls, with the
 * results and errors as the rooms above want them.
 *
 * Every socket made here is in non-blocking mode and is not handed on to
 * programs that are started. No call here waits: AR_EAGAIN says that it
 * would have to, and then somebody waits until the descriptor is ready
 * (io/fd.h) and asks again. A signal that comes in between is no error.
 */

#ifndef ar_sock_h
#define ar_sock_h

#include "io/addr.h"

/* Descriptors that one message can carry (a limit of Linux). */
#define AR_SOCK_MAX_FDS 253

AR_MUST_CHECK ar_err ar_sock_open(int family, int type, int *fd);
AR_MUST_CHECK ar_err ar_sock_bind(int fd, const ar_addr *a);
AR_MUST_CHECK ar_err ar_sock_listen(int fd, int backlog);

/* Bind to a path, where a socket that stands there makes way; `mode` is that
 * of the new one, -1: the system's choice. May block: the disk is asked. */
AR_MUST_CHECK ar_err ar_sock_bind_path(int fd, const ar_addr *a, int mode);

/* Remove the file of a socket that was just bound to that path. */
void ar_sock_unbind_path(const ar_addr *a);

/* AR_EINPROGRESS: ready to be written to when that is decided, which
 * ar_sock_pending_error then tells. AR_EAGAIN: a UNIX listener's queue is
 * full, and nothing tells when it no longer is. */
AR_MUST_CHECK ar_err ar_sock_connect(int fd, const ar_addr *a);

/* The error that the socket holds, and it holds it no more; 0 if none. */
ar_err ar_sock_pending_error(int fd);

AR_MUST_CHECK ar_err ar_sock_accept(int fd, int *out);

/* *n is 0 at the end of a stream's data. */
AR_MUST_CHECK ar_err ar_sock_receive(int fd, char *to, size_t size, size_t *n);
AR_MUST_CHECK ar_err ar_sock_receive_from(int fd, char *to, size_t size,
                                          size_t *n, ar_addr *from);

/* *n may be less than `size`: no more fits in now. */
AR_MUST_CHECK ar_err ar_sock_send(int fd, const char *data, size_t size,
                                  size_t *n);
AR_MUST_CHECK ar_err ar_sock_send_to(int fd, const char *data, size_t size,
                                     const ar_addr *to);

/* Bytes with descriptors, of which there is at least one. */
AR_MUST_CHECK ar_err ar_sock_send_fds(int fd, const char *data, size_t size,
                                      const int *fds, size_t n_fds, size_t *n);

/* Bytes, and at most *n_fds descriptors, which becomes how many came: the
 * caller's to close. More that came with them are dropped. AR_EMFILE: there is
 * no room for them, and they stay, with the bytes, until there is. */
AR_MUST_CHECK ar_err ar_sock_receive_fds(int fd, char *to, size_t size,
                                         size_t *n, int *fds, size_t *n_fds);

/* No more will be sent. */
AR_MUST_CHECK ar_err ar_sock_shut_sending(int fd);

/* Options that are no integers; *size: how many bytes there is room for, then
 * how many there are. */
AR_MUST_CHECK ar_err ar_sock_set_bytes(int fd, int level, int option,
                                       const char *bytes, size_t size);
AR_MUST_CHECK ar_err ar_sock_get_bytes(int fd, int level, int option, char *to,
                                       size_t *size);

AR_MUST_CHECK ar_err ar_sock_set(int fd, int level, int option, int value);
AR_MUST_CHECK ar_err ar_sock_get(int fd, int level, int option, int *value);

/* Its own address; the address of its peer. */
AR_MUST_CHECK ar_err ar_sock_name(int fd, ar_addr *a);
AR_MUST_CHECK ar_err ar_sock_peer(int fd, ar_addr *a);

/* Its family and type. AR_ENOTSOCK: it is no socket. */
AR_MUST_CHECK ar_err ar_sock_kind(int fd, int *family, int *type);

/* Is it bound to an address, connected to a peer, does it listen? */
bool ar_sock_is_bound(int fd);
bool ar_sock_is_connected(int fd);
bool ar_sock_is_listening(int fd);

/* How many bytes its next datagram has; 0 if there is none. */
size_t ar_sock_next_size(int fd);

/* For one that was made elsewhere. */
AR_MUST_CHECK ar_err ar_sock_unblock(int fd);

/* Any descriptor. */
ar_err ar_sock_close(int fd);

/* Which file lies at the path, if it is a socket. AR_ENOTSOCK: it is none. */
AR_MUST_CHECK ar_err ar_sock_file(const char *path, uint64_t *device,
                                  uint64_t *number);

#endif
