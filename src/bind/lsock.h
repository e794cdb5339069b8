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
typedef struct ar_sockact ar_sockact;
typedef struct ar_sockchunk_pace ar_sockchunk_pace;

typedef enum {
  AR_LSOCK_STREAM,
  AR_LSOCK_LISTENER,
  AR_LSOCK_DATAGRAM,
  AR_LSOCK_PLAIN /* any: it does what it is told, and never waits */
} ar_lsock_kind;

typedef enum {
  AR_LSOCK_END_RAISES,  /* EndOfStream */
  AR_LSOCK_END_IS_NIL,  /* for a step of a loop */
  AR_LSOCK_END_IS_EMPTY /* trio's way */
} ar_lsock_end;

/* User values of a socket. */
#define AR_LSOCK_UV_CLASS 1 /* a listener's: of what it accepts */
#define AR_LSOCK_UV_COUNT 1

struct ar_lsock {
  const char *magic; /* which no other userdata has: the one quick test */
  ar_lfd lfd;
  ar_lsock_kind kind;
  int family;
  bool busy[2]; /* by ar_side: somebody receives or accepts; somebody sends or
                 * connects */
  const ar_sockact *acts[2]; /* by ar_side: what they do */
  bool impatient;            /* that accept raises what others wait for */
  ar_lsock_end end;          /* how that receive tells the end of the data */
  bool connecting;           /* a stream's: it was begun, see AR_EINPROGRESS */
  bool connected;            /* a datagram socket's: it has one peer */
  ar_err lost;               /* how a stream was lost; 0: nobody heard of it */
  unsigned char tries;       /* so far, where nothing tells when to try again */
  size_t max;                /* bytes it wants at most */
  const char *data;          /* what that send sends; borrowed: at place 2 */
  size_t len;                /* its bytes */
  size_t sent;               /* of these, so far */
  size_t last;               /* bytes of the last chunk of a stream */
  size_t head;               /* see ar_block_head; 0: not asked yet, or none */
  int loop; /* which variable of who loops over it held the last */
  ar_sockchunk_pace *pace; /* borrowed from the registry; NULL: not asked for */
};

/* [-0, +1] A socket that is not open yet, of the class at `class`. */
ar_lsock *ar_lsock_new(lua_State *L, int class, ar_lsock_kind kind);

/* [-0, +0] The socket on top has this descriptor from now on. */
void ar_lsock_open(lua_State *L, ar_lsock *s, ar_lrun *run, int family, int fd);

/* The options every socket of ours has set. */
AR_MUST_CHECK ar_err ar_lsock_set_up(int fd, ar_lsock_kind kind, int family);

/* The name of a kind at idx; raises. */
ar_lsock_kind ar_check_lsock_name(lua_State *L, int idx);

/* The value at idx if it is a socket, else NULL. */
ar_lsock *ar_to_lsock(lua_State *L, int idx);

/* The descriptor of the value at idx: a number, a file of Lua's, an open
 * socket of ours, an object with a method or field `fileno`. May raise. */
bool ar_to_descriptor(lua_State *L, int idx, int *fd);

/* The socket at stack place 1; raises. */
ar_lsock *ar_check_lsock(lua_State *L);

/* The open socket of this kind at stack place 1; raises. */
ar_lsock *ar_check_lsock_kind(lua_State *L, ar_lsock_kind kind);

/* The integer at idx as the number of a descriptor: one that can be none is
 * some other that is none. */
int ar_to_fd_number(lua_State *L, int idx);

/* The number at idx, of connections that may wait to be accepted, as the
 * system takes it: from 0 to 65535. Raises where it is none. */
int ar_check_backlog(lua_State *L, int idx);

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
void ar_lsock_fds_methods(lua_State *L);

/* Methods and functions that have files of their own. */
int ar_lsock_bind_path(lua_State *L);
int ar_lsock_set_option(lua_State *L);
int ar_lsock_get_option(lua_State *L);
int ar_lsock_adopt(lua_State *L);
int ar_lsock_detach(lua_State *L);
int ar_lsock_inspect(lua_State *L);
int ar_wait_readable(lua_State *L);
int ar_wait_writable(lua_State *L);
int ar_notify_closing(lua_State *L);
int ar_close_descriptor(lua_State *L);

/* [-0, +0] The data of a send: the string at place 2. Raises. */
void ar_lsock_check_data(lua_State *L, ar_lsock *s);

/* Send on, from where s->sent stands: what a try of it says, see sockact.h. */
int ar_lsock_send_once(lua_State *L, ar_lsock *s);

static inline int ar_lsock_number(const ar_lsock *s) {
  return ar_fd_number(s->lfd.fd);
}

#endif
