/*
 * Addresses of sockets as Lua sees them.
 */

#include "bind/laddr.h"

#include <string.h>

#include "base/err.h"
#include "host/raise.h"

static const char *const names[] = {"AF_INET", "AF_INET6", "AF_UNIX", NULL};
static const int numbers[] = {AF_INET, AF_INET6, AF_UNIX};

int ar_check_family(lua_State *L, int idx) {
  return numbers[luaL_checkoption(L, idx, NULL, names)];
}

void ar_push_family(lua_State *L, int family) {
  for (size_t i = 0; i < ar_countof(numbers); i++) {
    if (numbers[i] == family) {
      lua_pushstring(L, names[i]);
      return;
    }
  }
  lua_pushfstring(L, "%d", family);
}

static void check_host(lua_State *L, int idx, int family, ar_addr *a) {
  size_t len;
  const char *host = luaL_checklstring(L, idx, &len);
  lua_Integer port = luaL_checkinteger(L, idx + 1);
  ar_err err;
  if (port < 0 || port > UINT16_MAX)
    ar_raise(L, "ValueError", "a port is a number from 0 to 65535, not %s",
             luaL_tolstring(L, idx + 1, NULL));
  err = strlen(host) == len ? ar_addr_parse(a, family, host, (uint16_t)port)
                            : AR_EINVAL;
  if (err == AR_ENODEV)
    ar_raise(L, "ValueError", "the scope of '%s' is no network interface",
             host);
  if (err != 0)
    ar_raise(L, "ValueError", "'%s' is no %saddress in digits", host,
             family == AF_INET    ? "IPv4 "
             : family == AF_INET6 ? "IPv6 "
                                  : "");
}

void ar_check_addr(lua_State *L, int idx, int family, ar_addr *a) {
  size_t len;
  const char *path;
  ar_err err;
  if (family != AF_UNIX) {
    check_host(L, idx, family, a);
    return;
  }
  path = luaL_checklstring(L, idx, &len);
  err = ar_addr_path(a, path, len);
  if (err == AR_ENAMETOOLONG)
    ar_raise(L, "ValueError",
             "the path of a UNIX socket has at most %d bytes, not %d",
             path[0] == '\0' ? 108 : 107, (int)len);
  if (err != 0)
    ar_raise(L, "ValueError",
             len == 0 ? "the path of a UNIX socket must not be empty"
                      : "the path of a UNIX socket holds a zero byte");
}

int ar_push_addr(lua_State *L, const ar_addr *a) {
  char host[AR_ADDR_TEXT];
  const char *path;
  size_t len;
  if (ar_addr_host(a, host)) {
    lua_pushstring(L, host);
    lua_pushinteger(L, ar_addr_port(a));
    return 2;
  }
  path = ar_addr_path_of(a, &len);
  lua_pushlstring(L, path, ar_addr_family(a) == AF_UNIX ? len : 0);
  return 1;
}

const char *ar_push_addr_text(lua_State *L, const ar_addr *a) {
  if (ar_push_addr(L, a) == 2) {
    lua_pushfstring(L, ar_addr_family(a) == AF_INET6 ? "[%s]:%d" : "%s:%d",
                    lua_tostring(L, -2), (int)lua_tointeger(L, -1));
    lua_insert(L, -3);
    lua_pop(L, 2);
  } else if (lua_rawlen(L, -1) > 0 && lua_tostring(L, -1)[0] == '\0') {
    lua_pushfstring(L, "@%s", lua_tostring(L, -1) + 1); /* abstract */
    lua_remove(L, -2);
  }
  return lua_tostring(L, -1);
}
