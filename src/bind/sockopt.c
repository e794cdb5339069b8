/*
 * The options of sockets, by their names in C or by their numbers.
 */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "bind/lsock.h"
#include "bind/luax.h"
#include "host/raise.h"
#include "io/sock.h"

#define LARGEST 4096 /* bytes of an option's value */

typedef struct {
  const char *name;
  int number;
} named;

#define ROW(name) \
  { #name, name }

static const named socket_options[] = {ROW(SO_ACCEPTCONN), ROW(SO_BINDTODEVICE),
                                       ROW(SO_BROADCAST),  ROW(SO_DEBUG),
                                       ROW(SO_DOMAIN),     ROW(SO_DONTROUTE),
                                       ROW(SO_ERROR),      ROW(SO_INCOMING_CPU),
                                       ROW(SO_KEEPALIVE),  ROW(SO_LINGER),
                                       ROW(SO_MARK),       ROW(SO_OOBINLINE),
                                       ROW(SO_PASSCRED),   ROW(SO_PEERCRED),
                                       ROW(SO_PRIORITY),   ROW(SO_PROTOCOL),
                                       ROW(SO_RCVBUF),     ROW(SO_RCVLOWAT),
                                       ROW(SO_RCVTIMEO),   ROW(SO_REUSEADDR),
                                       ROW(SO_REUSEPORT),  ROW(SO_SNDBUF),
                                       ROW(SO_SNDLOWAT),   ROW(SO_SNDTIMEO),
                                       ROW(SO_TYPE),       {NULL, 0}};
static const named tcp_options[] = {
    ROW(TCP_CONGESTION),   ROW(TCP_CORK),
    ROW(TCP_DEFER_ACCEPT), ROW(TCP_FASTOPEN),
    ROW(TCP_INFO),         ROW(TCP_KEEPCNT),
    ROW(TCP_KEEPIDLE),     ROW(TCP_KEEPINTVL),
    ROW(TCP_LINGER2),      ROW(TCP_MAXSEG),
    ROW(TCP_NODELAY),      ROW(TCP_QUICKACK),
    ROW(TCP_SYNCNT),       ROW(TCP_USER_TIMEOUT),
    ROW(TCP_WINDOW_CLAMP), {NULL, 0}};
static const named ip_options[] = {ROW(IP_ADD_MEMBERSHIP),
                                   ROW(IP_DROP_MEMBERSHIP),
                                   ROW(IP_MTU),
                                   ROW(IP_MTU_DISCOVER),
                                   ROW(IP_MULTICAST_IF),
                                   ROW(IP_MULTICAST_LOOP),
                                   ROW(IP_MULTICAST_TTL),
                                   ROW(IP_OPTIONS),
                                   ROW(IP_RECVTOS),
                                   ROW(IP_TOS),
                                   ROW(IP_TRANSPARENT),
                                   ROW(IP_TTL),
                                   {NULL, 0}};
static const named ipv6_options[] = {ROW(IPV6_JOIN_GROUP),
                                     ROW(IPV6_LEAVE_GROUP),
                                     ROW(IPV6_MTU),
                                     ROW(IPV6_MULTICAST_HOPS),
                                     ROW(IPV6_MULTICAST_IF),
                                     ROW(IPV6_MULTICAST_LOOP),
                                     ROW(IPV6_RECVTCLASS),
                                     ROW(IPV6_TCLASS),
                                     ROW(IPV6_UNICAST_HOPS),
                                     ROW(IPV6_V6ONLY),
                                     {NULL, 0}};
static const named other_options[] = {{NULL, 0}};

static const named levels[] = {ROW(SOL_SOCKET),  ROW(IPPROTO_TCP),
                               ROW(IPPROTO_IP),  ROW(IPPROTO_IPV6),
                               ROW(IPPROTO_UDP), {NULL, 0}};
static const named *const options[] = {socket_options, tcp_options, ip_options,
                                       ipv6_options, other_options};

/* Raise: it is none of them. */
static void unknown(lua_State *L, const char *what, const char *name,
                    const named *known) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (const named *one = known; one->name != NULL; one++) {
    luaL_addstring(&b, one->name);
    luaL_addstring(&b, ", ");
  }
  luaL_pushresult(&b);
  ar_raise(L, "ValueError", "unknown %s '%s' (known: %sor a number)", what,
           name, lua_tostring(L, -1));
}

static int check_int(lua_State *L, int idx) {
  lua_Integer number = luaL_checkinteger(L, idx);
  luaL_argcheck(L, number == (int)number, idx, "out of range");
  return (int)number;
}

/* The number that the value at idx is, or names. */
static int check_named(lua_State *L, int idx, const char *what,
                       const named *known) {
  const char *name;
  if (lua_type(L, idx) != LUA_TSTRING)
    return check_int(L, idx);
  name = lua_tostring(L, idx);
  for (const named *one = known; one->name != NULL; one++)
    if (strcmp(one->name, name) == 0)
      return one->number;
  unknown(L, what, name, known);
  return 0;
}

static const named *options_of(int level) {
  for (size_t i = 0; levels[i].name != NULL; i++)
    if (levels[i].number == level)
      return options[i];
  return other_options;
}

/* The descriptor of the open socket at place 1, and what the places after it
 * name. */
static int check_option(lua_State *L, int *level, int *option) {
  ar_lsock *s = ar_check_lsock(L);
  *level = check_named(L, 2, "level", levels);
  *option = check_named(L, 3, "option", options_of(*level));
  return ar_fd_number(ar_check_lfd_open(L, &s->lfd));
}

static void check_done(lua_State *L, ar_err err) {
  if (err == 0)
    return;
  (void)luaL_tolstring(L, 3, NULL);
  ar_raise_oserror(L, err,
                   lua_pushfstring(L, "option %s", lua_tostring(L, -1)));
}

/* setsockopt(socket, level, option, integer, boolean or bytes) */
int ar_lsock_set_option(lua_State *L) {
  int level, option, fd = check_option(L, &level, &option);
  size_t size;
  if (lua_type(L, 4) == LUA_TSTRING) {
    const char *bytes = lua_tolstring(L, 4, &size);
    check_done(L, ar_sock_set_bytes(fd, level, option, bytes, size));
  } else {
    int value = lua_isboolean(L, 4) ? lua_toboolean(L, 4) : check_int(L, 4);
    check_done(L, ar_sock_set(fd, level, option, value));
  }
  return 0;
}

/* getsockopt(socket, level, option, [size]) -> integer, or that many bytes at
 * most */
int ar_lsock_get_option(lua_State *L) {
  int level, option, fd = check_option(L, &level, &option), value = 0;
  lua_Integer most = luaL_optinteger(L, 4, 0);
  char bytes[LARGEST];
  size_t size = (size_t)most;
  if (most < 0 || most > LARGEST)
    ar_raise(L, "ValueError", "size must be from 0 to %d", LARGEST);
  if (most == 0) {
    check_done(L, ar_sock_get(fd, level, option, &value));
    lua_pushinteger(L, value);
    return 1;
  }
  check_done(L, ar_sock_get_bytes(fd, level, option, bytes, &size));
  lua_pushlstring(L, bytes, size);
  return 1;
}
