/*
 * Module _anyrun.tls: OpenSSL's contexts and sessions.
 *
 * Nothing here waits: a session takes and gives bytes. A call of a session
 * answers a status first; lua/anyrun/tls/engine.lua brings the bytes to and
 * from a stream.
 */

#include "bind/tlslib.h"

#include <string.h>

#include "base/err.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "host/raise.h"
#include "io/tls.h"
#include "io/tlsctx.h"
#include "io/tlsload.h"

#define CLASS_LIBRARY "TLSLibrary"

#define UV_INPUT 1 /* user value of a session: the string it reads from */

static const char key_library[] = "tls library";

typedef struct {
  ar_tls *s; /* owned; NULL: closed */
  bool lost; /* decrypted bytes are on their way into a Lua string */
} session;

/* ---- the library --------------------------------------------------------- */

ar_tls_lib *ar_tls_library(lua_State *L) {
  ar_tls_lib **box;
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_library);
  box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (box == NULL || *box == NULL)
    ar_raise(L, "RuntimeError", "OpenSSL is not loaded");
  return *box;
}

static int library_gc(lua_State *L) {
  ar_tls_lib **box = luaL_checkudata(L, 1, CLASS_LIBRARY);
  ar_tls_lib_drop(*box);
  *box = NULL;
  return 0;
}

/* load() -> OpenSSL's version, or nil and why it cannot be loaded */
static int tls_load(lua_State *L) {
  char why[512];
  ar_tls_lib **box;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_library) == LUA_TNIL) {
    box = lua_newuserdatauv(L, sizeof(ar_tls_lib *), 0);
    *box = NULL;
    luaL_setmetatable(L, CLASS_LIBRARY);
    if (ar_tls_lib_open(box, why, sizeof why) != 0) {
      lua_pushnil(L);
      lua_pushstring(L, why);
      return 2;
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, key_library);
  }
  lua_pushstring(L, ar_tls_lib_version(ar_tls_library(L)));
  return 1;
}

/* roots() -> the system's file and folder, the variables that replace them */
static int tls_roots(lua_State *L) {
  const ar_tls_lib *lib = ar_tls_library(L);
  for (unsigned which = 0; which < 4; which++)
    lua_pushstring(L, ar_tls_lib_roots(lib, which));
  return 4;
}

static const char *fault_name(ar_tls_fault fault) {
  switch (fault) {
    case AR_TLS_FAULT_NONE: return "none";
    case AR_TLS_FAULT_PROTOCOL: return "protocol";
    case AR_TLS_FAULT_EOF: return "eof";
    case AR_TLS_FAULT_VERIFY: return "verify";
    case AR_TLS_FAULT_MEMORY: return "memory";
  }
  AR_UNREACHABLE();
}

void ar_tls_push_failure(lua_State *L, const ar_tls_lib *lib,
                         const ar_tls_failure *why) {
  lua_createtable(L, 0, 7);
  lua_pushstring(L, fault_name(why->fault));
  lua_setfield(L, -2, "fault");
  lua_pushinteger(L, (lua_Integer)why->code);
  lua_setfield(L, -2, "code");
  lua_pushinteger(L, why->reason);
  lua_setfield(L, -2, "reason");
  lua_pushstring(L, why->text);
  lua_setfield(L, -2, "text");
  lua_pushinteger(L, why->verify);
  lua_setfield(L, -2, "verify");
  lua_pushstring(L, ar_tls_lib_check_text(lib, why->verify));
  lua_setfield(L, -2, "verify_text");
  lua_pushinteger(L, why->depth);
  lua_setfield(L, -2, "depth");
}

int ar_tls_push_cipher(lua_State *L, const char *name, const char *version,
                       int bits) {
  lua_pushstring(L, name);
  if (name == NULL)
    return 1;
  lua_pushstring(L, version);
  lua_pushinteger(L, bits);
  return 3;
}

int ar_tls_push_bytes(lua_State *L, const char *data, size_t size) {
  if (data == NULL)
    lua_pushnil(L);
  else
    lua_pushlstring(L, data, size);
  return 1;
}

int ar_tls_push_cert(lua_State *L, ar_err err, const char *data, size_t size) {
  if (err == AR_ENOENT) {
    lua_pushnil(L);
    return 1;
  }
  if (err != 0)
    ar_raise_oserror(L, err, "a certificate");
  lua_pushlstring(L, data, size);
  return 1;
}

/* ---- sessions ------------------------------------------------------------ */

ar_tls *ar_check_tls(lua_State *L) {
  session *u = luaL_checkudata(L, 1, AR_CLASS_TLS);
  luaL_argcheck(L, u->s != NULL, 1, "a session that was closed");
  if (AR_UNLIKELY(u->lost))
    ar_tls_lost(u->s);
  return u->s;
}

/* session(context, server, host, is_ip, check) */
static int tls_session(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  bool server = lua_toboolean(L, 2);
  const char *host = luaL_optstring(L, 3, NULL);
  bool is_ip = lua_toboolean(L, 4), check = lua_toboolean(L, 5);
  session *u = lua_newuserdatauv(L, sizeof *u, 1);
  ar_tls_failure why;
  ar_err err;
  u->s = NULL;
  u->lost = false;
  luaL_setmetatable(L, AR_CLASS_TLS);
  err = ar_tls_new(&u->s, c, server, host, is_ip, check);
  if (err == AR_ENOMEM)
    ar_raise_oserror(L, err, "a TLS session");
  if (err == 0)
    return 1;
  ar_tls_lib_failure(ar_tls_ctx_lib(c), &why);
  lua_pushnil(L);
  ar_tls_push_failure(L, ar_tls_ctx_lib(c), &why);
  return 2;
}

static int session_gc(lua_State *L) {
  session *u = luaL_checkudata(L, 1, AR_CLASS_TLS);
  ar_tls_free(u->s);
  u->s = NULL;
  return 0;
}

static int answer(lua_State *L, ar_tls_status status) {
  lua_pushinteger(L, status);
  return 1;
}

static int session_handshake(lua_State *L) {
  return answer(L, ar_tls_handshake(ar_check_tls(L)));
}

static int session_shutdown(lua_State *L) {
  return answer(L, ar_tls_shutdown(ar_check_tls(L)));
}

static int session_update(lua_State *L) {
  return answer(L, ar_tls_update(ar_check_tls(L), lua_toboolean(L, 2)));
}

/* [-0, +0] What was fed is kept only as long as it is not read. */
static void let_go(lua_State *L, ar_tls *s) {
  const char *rest;
  if (ar_tls_unread(s, &rest) > 0 || rest == NULL)
    return;
  ar_tls_input(s, NULL, 0);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, UV_INPUT);
}

/* read(max) -> status, bytes */
static int session_read(lua_State *L) {
  ar_tls *s = ar_check_tls(L);
  lua_Integer max = luaL_checkinteger(L, 2);
  session *u = lua_touserdata(L, 1);
  char *buf = ar_tls_scratch(s);
  ar_tls_status status;
  size_t n;
  if (buf == NULL)
    return luaL_error(L, "not enough memory");
  if (max > AR_TLS_SCRATCH)
    max = AR_TLS_SCRATCH;
  luaL_argcheck(L, max >= 1, 2, "at least 1");
  status = ar_tls_read(s, buf, (size_t)max, &n);
  let_go(L, s);
  lua_pushinteger(L, status);
  if (status != AR_TLS_DONE)
    return 1;
  u->lost = true; /* until they are in a string */
  lua_pushlstring(L, buf, n);
  u->lost = false;
  return 2;
}

/* write(data, from, max) -> status, where to go on */
static int session_write(lua_State *L) {
  ar_tls *s = ar_check_tls(L);
  size_t size, done;
  const char *data = luaL_checklstring(L, 2, &size);
  lua_Integer from = luaL_checkinteger(L, 3);
  lua_Integer max = luaL_checkinteger(L, 4);
  ar_tls_status status;
  luaL_argcheck(L, from >= 1 && (size_t)from <= size + 1, 3,
                "outside the data");
  luaL_argcheck(L, max >= 1, 4, "at least 1");
  size -= (size_t)from - 1;
  status = ar_tls_write(s, data + from - 1,
                        size < (size_t)max ? size : (size_t)max, &done);
  lua_pushinteger(L, status);
  lua_pushinteger(L, from + (lua_Integer)done);
  return 2;
}

/* feed(bytes): they follow those that were not read yet */
static int session_feed(lua_State *L) {
  ar_tls *s = ar_check_tls(L);
  size_t size, left;
  const char *data, *rest;
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  left = ar_tls_unread(s, &rest);
  if (AR_UNLIKELY(left > 0)) {
    lua_pushlstring(L, rest, left);
    lua_insert(L, 2);
    lua_concat(L, 2);
  }
  data = lua_tolstring(L, 2, &size);
  lua_setiuservalue(L, 1, UV_INPUT);
  ar_tls_input(s, data, size);
  return 0;
}

static int session_feed_end(lua_State *L) {
  ar_tls_input_end(ar_check_tls(L));
  return 0;
}

/* unread() -> what was fed and not read; it is taken away */
static int session_unread(lua_State *L) {
  ar_tls *s = ar_check_tls(L);
  const char *rest;
  size_t left = ar_tls_unread(s, &rest);
  lua_pushlstring(L, rest != NULL ? rest : "", left);
  ar_tls_input(s, NULL, 0);
  return 1;
}

static int session_buffered(lua_State *L) {
  lua_pushboolean(L, ar_tls_buffered(ar_check_tls(L)));
  return 1;
}

/* output() -> bytes for the peer, taken away; nil: there are none */
static int session_output(lua_State *L) {
  ar_tls *s = ar_check_tls(L);
  const char *data;
  size_t n = ar_tls_output(s, &data);
  if (n == 0)
    return 0;
  lua_pushlstring(L, data, n);
  ar_tls_output_taken(s);
  return 1;
}

static int session_shaking(lua_State *L) {
  lua_pushboolean(L, ar_tls_shaking(ar_check_tls(L)));
  return 1;
}

static int session_output_size(lua_State *L) {
  const char *data;
  lua_pushinteger(L, (lua_Integer)ar_tls_output(ar_check_tls(L), &data));
  return 1;
}

static int session_why(lua_State *L) {
  ar_tls *s = ar_check_tls(L);
  ar_tls_push_failure(L, ar_tls_library(L), ar_tls_why(s));
  return 1;
}

static int session_asked(lua_State *L) {
  size_t n;
  const char *name = ar_tls_asked(ar_check_tls(L), &n);
  return ar_tls_push_bytes(L, name, n);
}

/* answer(context or nil, alert or 0) */
static int session_answer(lua_State *L) {
  ar_tls *s = ar_check_tls(L);
  ar_tls_ctx *other = lua_isnil(L, 2) ? NULL : ar_check_tls_ctx(L, 2);
  ar_tls_answer(s, other, (int)luaL_checkinteger(L, 3));
  return 0;
}

/* ---- the module ---------------------------------------------------------- */

static const luaL_Reg session_methods[] = {{"answer", session_answer},
                                           {"asked", session_asked},
                                           {"buffered", session_buffered},
                                           {"feed", session_feed},
                                           {"feed_end", session_feed_end},
                                           {"handshake", session_handshake},
                                           {"output", session_output},
                                           {"output_size", session_output_size},
                                           {"read", session_read},
                                           {"shaking", session_shaking},
                                           {"shutdown", session_shutdown},
                                           {"unread", session_unread},
                                           {"update", session_update},
                                           {"why", session_why},
                                           {"write", session_write},
                                           {"__gc", session_gc},
                                           {NULL, NULL}};

static const luaL_Reg library_methods[] = {{"__gc", library_gc}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"context", ar_tls_context},
                                     {"load", tls_load},
                                     {"roots", tls_roots},
                                     {"session", tls_session},
                                     {NULL, NULL}};

static void open_class(lua_State *L, const char *name, const luaL_Reg *list) {
  ar_class_open(L, name);
  luaL_getmetatable(L, name);
  luaL_setfuncs(L, list, 0);
  lua_pop(L, 1);
}

int luaopen_anyrun_tls(lua_State *L) {
  static const char *const statuses[] = {"DONE", "WANT_READ", "END", "FAILED",
                                         "NAME"};
  open_class(L, CLASS_LIBRARY, library_methods);
  open_class(L, AR_CLASS_TLS, session_methods);
  ar_tls_ctx_class(L);
  ar_tls_info_class(L);
  luaL_newlib(L, functions);
  for (size_t i = 0; i < ar_countof(statuses); i++) {
    lua_pushinteger(L, (lua_Integer)i);
    lua_setfield(L, -2, statuses[i]);
  }
  return 1;
}
