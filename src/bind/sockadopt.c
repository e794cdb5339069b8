/*
 * Sockets that were made elsewhere: what they are, and taking them over.
 */

#include "base/err.h"
#include "bind/laddr.h"
#include "bind/lsock.h"
#include "bind/luax.h"
#include "host/raise.h"
#include "io/sock.h"

static void set_flag(lua_State *L, const char *name, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static const char *type_name(int type) {
  switch (type) {
    case SOCK_STREAM: return "SOCK_STREAM";
    case SOCK_DGRAM: return "SOCK_DGRAM";
    case SOCK_RAW: return "SOCK_RAW";
    case SOCK_SEQPACKET: return "SOCK_SEQPACKET";
    default: return "another type";
  }
}

/* inspect(descriptor) -> table, or nil: it is no socket. Raises OSError when
 * there is no such descriptor. */
int ar_lsock_inspect(lua_State *L) {
  int fd, family, type;
  ar_err err;
  (void)luaL_checkinteger(L, 1);
  fd = ar_to_fd_number(L, 1);
  err = ar_sock_kind(fd, &family, &type);
  if (err == AR_ENOTSOCK)
    return 0;
  if (err != 0)
    ar_raise_oserror(L, err, lua_pushfstring(L, "descriptor %d", fd));
  lua_createtable(L, 0, 6);
  ar_push_family(L, family);
  lua_setfield(L, -2, "family");
  lua_pushstring(L, type_name(type));
  lua_setfield(L, -2, "type");
  set_flag(L, "bound", ar_sock_is_bound(fd));
  set_flag(L, "connected", ar_sock_is_connected(fd));
  set_flag(L, "listening", ar_sock_is_listening(fd));
  if (ar_lfd_find(L, fd))
    lua_setfield(L, -2, "owner");
  else
    lua_pop(L, 1);
  return 1;
}

/* adopt(class, kind, descriptor, class of accepted streams, connected) ->
 * socket, whose descriptor it is from then on. It was inspected before.
 * `connected`: a datagram socket's packets come from its peer and go there. */
int ar_lsock_adopt(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  ar_lsock_kind kind;
  int fd, family, type;
  ar_lsock *s;
  ar_err err;
  luaL_checktype(L, 1, LUA_TTABLE);
  kind = ar_check_lsock_name(L, 2);
  fd = (int)luaL_checkinteger(L, 3);
  lua_settop(L, 5);
  s = ar_lsock_new(L, 1, kind);
  if (kind == AR_LSOCK_LISTENER) {
    lua_pushvalue(L, 4);
    lua_setiuservalue(L, -2, AR_LSOCK_UV_CLASS);
  }
  err = ar_sock_kind(fd, &family, &type);
  if (err == 0)
    err = ar_sock_unblock(fd);
  if (err == 0)
    err = ar_lsock_set_up(fd, kind, family);
  if (err != 0)
    ar_raise_oserror(L, err, lua_pushfstring(L, "descriptor %d", fd));
  s->connected = lua_toboolean(L, 5);
  ar_lsock_open(L, s, run, family, fd);
  return 1;
}

/* detach(socket) -> descriptor, which is the caller's: as if closed */
int ar_lsock_detach(lua_State *L) {
  ar_lsock *s = ar_check_lsock(L);
  int fd = ar_fd_number(ar_check_lfd_open(L, &s->lfd));
  ar_fd_release(s->lfd.fd);
  (void)ar_lfd_close(L, &s->lfd);
  lua_pushinteger(L, fd);
  return 1;
}
