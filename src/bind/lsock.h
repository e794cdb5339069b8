/*
 * A socket as a Lua object.
 *
 * The classes are made in Lua, which says what kind each of its sockets is;
 * what a socket can do is in a file of its kind. All that may wait holds a
 * guard while it does: a second task that wants the same is refused.
 */

#ifndef ar_lsock_h
#define ar_lsock_h

#include "bind/lfd.h"
#include "io/addr.h"

typedef struct ar_lsock ar_lsock;

typedef enum {
  AR_LSOCK_STREAM,
  AR_LSOCK_LISTENER,
  AR_LSOCK_DATAGRAM,
  AR_LSOCK_PLAIN /* any: it does what it is told, and never waits */
} ar_lsock_kind;

/* User values of a socket. */
#define AR_LSOCK_UV_CLASS 1 /* a listener's: of what it accepts */
#define AR_LSOCK_UV_COUNT 1

struct ar_lsock {
  const char *magic; /* which no other userdata has: the one quick test */
  ar_lfd lfd;
  ar_lsock_kind kind;
  int family;
  bool reading;   /* guard: somebody receives or accepts */
  bool writing;   /* guard: somebody sends or connects */
  bool iterating; /* that receive is a step of a loop: the end is nil */
  size_t max;     /* bytes it wants at most */
  size_t sent;    /* bytes of that send so far */
};

/* [-0, +1] A socket that is not open yet, of the class at `class`. */
ar_lsock *ar_lsock_new(lua_State *L, int class, ar_lsock_kind kind);

/* [-0, +0] The socket on top has this descriptor from now on. */
void ar_lsock_open(lua_State *L, ar_lsock *s, ar_lrun *run, int family, int fd);

/* The socket at stack place 1; raises. */
ar_lsock *ar_check_lsock(lua_State *L);

/* The open socket of this kind at stack place 1; raises. */
ar_lsock *ar_check_lsock_kind(lua_State *L, ar_lsock_kind kind);

/* Raise BusyResourceError if the guard is held. */
void ar_check_lsock_free(lua_State *L, bool guard, const char *action);

/* Raise BrokenResourceError, with the system's error as its cause. */
AR_NORETURN void ar_lsock_broken(lua_State *L, ar_err err, const char *what);

/* [-0, +0] Into the table on top: what sockets of a kind can do. */
void ar_lsock_stream_methods(lua_State *L);
void ar_lsock_listener_methods(lua_State *L);
void ar_lsock_datagram_methods(lua_State *L);
void ar_lsock_plain_methods(lua_State *L);

/* Functions of the module that make plain ones, or tell sockets' files. */
int ar_lsock_open_plain(lua_State *L);
int ar_lsock_adopt_plain(lua_State *L);
int ar_lsock_file(lua_State *L);

static inline int ar_lsock_number(const ar_lsock *s) {
  return ar_fd_number(s->lfd.fd);
}

#endif
