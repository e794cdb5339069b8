/*
 * What a UNIX stream can do more than others: hand descriptors on.
 */

#include "base/err.h"
#include "bind/sockact.h"
#include "host/raise.h"
#include "io/sock.h"

/* ---- receiving descriptors ---------------------------------------------- */

#define MAX_MESSAGE 65536

/* stack: stream, max_fds, table -> message, table */
static int receive_once(lua_State *L, ar_lsock *s) {
  char message[MAX_MESSAGE];
  int fds[AR_SOCK_MAX_FDS];
  size_t n, n_fds = (size_t)lua_tointeger(L, 2);
  ar_err err =
      ar_sock_receive_fds(ar_lsock_number(s), message, s->max, &n, fds, &n_fds);
  if (err == AR_EAGAIN)
    return AR_SOCKACT_WAIT;
  if (err == AR_EMFILE)
    ar_raise_oserror(L, err, "cannot receive descriptors");
  if (err != 0)
    ar_lsock_broken(L, err, "cannot receive");
  if (n == 0 && n_fds == 0 && s->max > 0)
    ar_raise(L, "EndOfStream", "the other side sends no more");
  for (size_t i = 0; i < n_fds; i++) { /* the table has room: nothing raises */
    lua_pushinteger(L, fds[i]);
    lua_rawseti(L, 3, (lua_Integer)i + 1);
  }
  lua_pushlstring(L, message, n);
  lua_insert(L, 3);
  return 2;
}

static const ar_sockact receive_act = {"socket receive", AR_SIDE_READ,
                                       receive_once};

static lua_Integer check_from(lua_State *L, int idx, const char *name,
                              lua_Integer least) {
  lua_Integer n = luaL_checkinteger(L, idx);
  if (n < least)
    ar_raise(L, "ValueError", "%s must be an integer of at least %d", name,
             (int)least);
  return n;
}

/* receive_fds(stream, msglen, maxfds) -> message, list of descriptors */
static int unix_receive_fds(lua_State *L) {
  ar_lsock *s = ar_check_lsock_kind(L, AR_LSOCK_STREAM);
  lua_Integer len = check_from(L, 2, "msglen", 0);
  lua_Integer max = check_from(L, 3, "maxfds", 1);
  ar_coro *c = ar_sockact_check(L, s, AR_SIDE_READ);
  if (max > AR_SOCK_MAX_FDS)
    max = AR_SOCK_MAX_FDS;
  s->max = len < MAX_MESSAGE ? (size_t)len : MAX_MESSAGE;
  lua_settop(L, 1);
  lua_pushinteger(L, max);
  lua_createtable(L, (int)max, 0);
  return ar_sockact_await(L, s, c, &receive_act);
}

/* ---- sending descriptors ------------------------------------------------ */

/* The descriptor in the value at idx: a number, a file, a socket of ours. */
static int check_fd(lua_State *L, int idx) {
  int fd;
  if (!ar_to_descriptor(L, idx, &fd))
    ar_raise(L, "TypeError",
             "a descriptor is a number, a file or a socket, not a %s",
             luaL_typename(L, idx));
  return fd;
}

static size_t check_fds(lua_State *L, int idx, int fds[AR_SOCK_MAX_FDS]) {
  lua_Unsigned n = lua_rawlen(L, idx);
  if (n == 0)
    ar_raise(L, "ValueError", "fds must not be empty");
  if (n > AR_SOCK_MAX_FDS)
    ar_raise(L, "ValueError", "at most %d descriptors can be sent at once",
             AR_SOCK_MAX_FDS);
  for (lua_Unsigned i = 0; i < n; i++) {
    lua_rawgeti(L, idx, (lua_Integer)i + 1);
    fds[i] = check_fd(L, -1);
    lua_pop(L, 1);
  }
  return (size_t)n;
}

/* stack: stream, message, fds. The descriptors go with the first byte. */
static int send_once(lua_State *L, ar_lsock *s) {
  int fds[AR_SOCK_MAX_FDS];
  size_t n_fds;
  ar_err err;
  if (s->sent > 0)
    return ar_lsock_send_once(L, s);
  n_fds = check_fds(L, 3, fds);
  err = ar_sock_send_fds(ar_lsock_number(s), s->data, s->len, fds, n_fds,
                         &s->sent);
  if (err != 0 && err != AR_EAGAIN)
    ar_lsock_broken(L, err, "cannot send");
  return err == 0 && s->sent == s->len ? 0 : AR_SOCKACT_WAIT;
}

static const ar_sockact send_act = {"socket send", AR_SIDE_WRITE, send_once};

/* send_fds(stream, message, fds) */
static int unix_send_fds(lua_State *L) {
  ar_lsock *s = ar_check_lsock_kind(L, AR_LSOCK_STREAM);
  int fds[AR_SOCK_MAX_FDS];
  size_t len;
  ar_coro *c;
  (void)luaL_checklstring(L, 2, &len);
  luaL_checktype(L, 3, LUA_TTABLE);
  if (len == 0)
    ar_raise(L, "ValueError", "message must not be empty");
  (void)check_fds(L, 3, fds);
  c = ar_sockact_check(L, s, AR_SIDE_WRITE);
  lua_settop(L, 3);
  ar_lsock_check_data(L, s);
  return ar_sockact_try(L, s, c, &send_act);
}

/* ---- the methods -------------------------------------------------------- */

static const luaL_Reg methods[] = {{"receive_fds", unix_receive_fds},
                                   {"send_fds", unix_send_fds},
                                   {NULL, NULL}};

void ar_lsock_fds_methods(lua_State *L) {
  luaL_setfuncs(L, methods, 0);
}
