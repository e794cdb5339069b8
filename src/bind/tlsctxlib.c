/*
 * What module _anyrun.tls can do with a context; see tlslib.c.
 *
 * A method whose work OpenSSL refused answers nil and a table that says why.
 */

#include "bind/tlslib.h"

#include <string.h>

#include "base/err.h"
#include "bind/fslib.h"
#include "bind/luax.h"
#include "host/raise.h"
#include "io/tls.h"
#include "io/tlscert.h"
#include "io/tlsctx.h"
#include "io/tlsload.h"

ar_tls_ctx *ar_check_tls_ctx(lua_State *L, int idx) {
  ar_tls_ctx **box = luaL_checkudata(L, idx, AR_CLASS_TLS_CTX);
  luaL_argcheck(L, *box != NULL, idx, "a context that was closed");
  return *box;
}

static int answer(lua_State *L, ar_tls_ctx *c, bool ok) {
  ar_tls_failure why;
  if (ok) {
    lua_pushboolean(L, 1);
    return 1;
  }
  ar_tls_lib_failure(ar_tls_ctx_lib(c), &why);
  lua_pushnil(L);
  ar_tls_push_failure(L, ar_tls_ctx_lib(c), &why);
  return 2;
}

/* A file or folder that OpenSSL is to read; raises an OSError that names it. */
static const char *check_readable(lua_State *L, int idx, bool folder) {
  const char *path = ar_check_path(L, idx);
  ar_err err = ar_tls_readable(path, folder);
  if (err != 0)
    ar_raise_oserror(L, err, path);
  return path;
}

/* context(side) */
int ar_tls_context(lua_State *L) {
  static const char *const sides[] = {"any", "client", "server", NULL};
  int side = luaL_checkoption(L, 1, "any", sides);
  ar_tls_lib *lib = ar_tls_library(L);
  ar_tls_ctx **box = lua_newuserdatauv(L, sizeof(ar_tls_ctx *), 0);
  ar_err err;
  *box = NULL;
  luaL_setmetatable(L, AR_CLASS_TLS_CTX);
  err = ar_tls_ctx_new(box, lib, (ar_tls_side)side);
  if (err != 0)
    ar_raise_oserror(L, err, "a TLS context");
  return 1;
}

static int ctx_gc(lua_State *L) {
  ar_tls_ctx **box = luaL_checkudata(L, 1, AR_CLASS_TLS_CTX);
  ar_tls_ctx_free(*box);
  *box = NULL;
  return 0;
}

static int ctx_verify(lua_State *L) {
  static const char *const modes[] = {"CERT_NONE", "CERT_OPTIONAL",
                                      "CERT_REQUIRED", NULL};
  static const ar_tls_verify numbers[] = {
      AR_TLS_VERIFY_NONE, AR_TLS_VERIFY_OPTIONAL, AR_TLS_VERIFY_REQUIRED};
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  ar_tls_ctx_verify(c, numbers[luaL_checkoption(L, 2, NULL, modes)]);
  return 0;
}

static int ctx_versions(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  return answer(L, c,
                ar_tls_ctx_versions(c, (int)luaL_checkinteger(L, 2),
                                    (int)luaL_checkinteger(L, 3)));
}

static int ctx_options(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  if (!lua_isnoneornil(L, 2))
    ar_tls_ctx_set_options(c, (uint64_t)luaL_checkinteger(L, 2));
  lua_pushinteger(L, (lua_Integer)ar_tls_ctx_options(c));
  return 1;
}

static int ctx_flags(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  if (!lua_isnoneornil(L, 2) &&
      !ar_tls_ctx_set_flags(c, (unsigned long)luaL_checkinteger(L, 2)))
    return answer(L, c, false);
  lua_pushinteger(L, (lua_Integer)ar_tls_ctx_flags(c));
  return 1;
}

/* chain(cert, key, password) -> true, or nil, why, whether one was needed */
static int ctx_chain(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  const char *cert = check_readable(L, 2, false);
  const char *key = check_readable(L, 3, false);
  bool asked, ok;
  size_t size = 0;
  const char *password = luaL_optlstring(L, 4, NULL, &size);
  int n;
  if (size > AR_TLS_PASSWORD)
    ar_raise(L, "ValueError", "a password has at most %d bytes",
             AR_TLS_PASSWORD);
  ok = ar_tls_ctx_chain(c, cert, key, password, size, &asked);
  n = answer(L, c, ok);
  if (ok)
    return n;
  lua_pushboolean(L, asked);
  return n + 1;
}

static int ctx_roots_file(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  return answer(L, c, ar_tls_ctx_roots_file(c, check_readable(L, 2, false)));
}

static int ctx_roots_dir(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  return answer(L, c, ar_tls_ctx_roots_dir(c, check_readable(L, 2, true)));
}

static int ctx_roots_data(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  size_t size, n;
  const char *data = luaL_checklstring(L, 2, &size);
  return answer(L, c, ar_tls_ctx_roots_data(c, data, size, &n));
}

static int ctx_roots_default(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  return answer(L, c, ar_tls_ctx_roots_default(c));
}

/* root(i, form) -> text or bytes of the i-th root, or nil */
static int ctx_root(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  lua_Integer i = luaL_checkinteger(L, 2);
  bool der = lua_toboolean(L, 3);
  const char *data;
  size_t size;
  ar_err err;
  luaL_argcheck(L, i >= 1, 2, "counted from 1");
  err = ar_tls_cert_root(
      c, (size_t)i - 1, der ? AR_TLS_CERT_DER : AR_TLS_CERT_TEXT, &data, &size);
  return ar_tls_push_cert(L, err, data, size);
}

static int ctx_ciphers(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  return answer(L, c, ar_tls_ctx_ciphers(c, luaL_checkstring(L, 2)));
}

static int ctx_ciphersuites(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  return answer(L, c, ar_tls_ctx_ciphersuites(c, luaL_checkstring(L, 2)));
}

static int ctx_cipher(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  lua_Integer i = luaL_checkinteger(L, 2);
  const char *version = NULL, *name;
  int bits = 0;
  luaL_argcheck(L, i >= 1, 2, "counted from 1");
  name = ar_tls_ctx_cipher(c, (size_t)i - 1, &version, &bits);
  return ar_tls_push_cipher(L, name, version, bits);
}

static int ctx_tickets(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 0, 2, "not negative");
  return answer(L, c, ar_tls_ctx_tickets(c, (size_t)n));
}

static int ctx_alpn(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  size_t size;
  const char *protocols = luaL_checklstring(L, 2, &size);
  ar_err err = ar_tls_ctx_alpn(c, protocols, size);
  if (err != 0)
    ar_raise_oserror(L, err, "protocols");
  return 0;
}

static int ctx_keylog(lua_State *L) {
  ar_tls_ctx *c = ar_check_tls_ctx(L, 1);
  const char *file = lua_isnoneornil(L, 2) ? NULL : ar_check_path(L, 2);
  ar_err err = ar_tls_ctx_keylog(c, file);
  if (err != 0)
    ar_raise_oserror(L, err, file);
  return 0;
}

static int ctx_ask(lua_State *L) {
  ar_tls_ctx_ask(ar_check_tls_ctx(L, 1), lua_toboolean(L, 2));
  return 0;
}

static const luaL_Reg methods[] = {{"alpn", ctx_alpn},
                                   {"ask", ctx_ask},
                                   {"chain", ctx_chain},
                                   {"cipher", ctx_cipher},
                                   {"ciphers", ctx_ciphers},
                                   {"ciphersuites", ctx_ciphersuites},
                                   {"flags", ctx_flags},
                                   {"keylog", ctx_keylog},
                                   {"options", ctx_options},
                                   {"root", ctx_root},
                                   {"roots_data", ctx_roots_data},
                                   {"roots_default", ctx_roots_default},
                                   {"roots_dir", ctx_roots_dir},
                                   {"roots_file", ctx_roots_file},
                                   {"tickets", ctx_tickets},
                                   {"verify", ctx_verify},
                                   {"versions", ctx_versions},
                                   {"__gc", ctx_gc},
                                   {NULL, NULL}};

void ar_tls_ctx_class(lua_State *L) {
  ar_class_open(L, AR_CLASS_TLS_CTX);
  luaL_getmetatable(L, AR_CLASS_TLS_CTX);
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
