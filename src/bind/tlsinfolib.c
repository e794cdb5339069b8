/*
 * What module _anyrun.tls can tell of a session; see tlslib.c.
 */

#include "bind/tlslib.h"

#include "base/err.h"
#include "bind/luax.h"
#include "io/tls.h"
#include "io/tlscert.h"
#include "io/tlsinfo.h"
#include "io/tlsload.h"

#define CLASS_TICKET "TLSTicket"

typedef struct {
  ar_tls_lib *lib;       /* held */
  ar_tls_ticket *ticket; /* owned */
} ticket;

/* cert(der) -> the peer's certificate, or nil */
static int session_cert(lua_State *L) {
  const ar_tls *s = ar_check_tls(L);
  const char *data = NULL;
  size_t size = 0;
  ar_err err = ar_tls_cert_peer(
      s, lua_toboolean(L, 2) ? AR_TLS_CERT_DER : AR_TLS_CERT_TEXT, &data,
      &size);
  return ar_tls_push_cert(L, err, data, size);
}

static int session_culprit(lua_State *L) {
  const char *data = NULL;
  size_t size = 0;
  ar_err err = ar_tls_cert_culprit(ar_check_tls(L), &data, &size);
  return ar_tls_push_cert(L, err, data, size);
}

static int session_version(lua_State *L) {
  lua_pushstring(L, ar_tls_version(ar_check_tls(L)));
  return 1;
}

static int session_cipher(lua_State *L) {
  const char *version = NULL, *name;
  int bits = 0;
  name = ar_tls_cipher(ar_check_tls(L), &version, &bits);
  return ar_tls_push_cipher(L, name, version, bits);
}

static int session_shared_cipher(lua_State *L) {
  const ar_tls *s = ar_check_tls(L);
  lua_Integer i = luaL_checkinteger(L, 2);
  const char *version = NULL, *name;
  int bits = 0;
  luaL_argcheck(L, i >= 1, 2, "counted from 1");
  name = ar_tls_shared_cipher(s, (size_t)i - 1, &version, &bits);
  return ar_tls_push_cipher(L, name, version, bits);
}

static int session_protocol(lua_State *L) {
  size_t n;
  const char *name = ar_tls_protocol(ar_check_tls(L), &n);
  return ar_tls_push_bytes(L, name, n);
}

static int session_binding(lua_State *L) {
  char buf[64];
  size_t n =
      ar_tls_binding(ar_check_tls(L), lua_toboolean(L, 2), buf, sizeof buf);
  if (n > sizeof buf)
    n = sizeof buf;
  return ar_tls_push_bytes(L, n > 0 ? buf : NULL, n);
}

static int session_verify_mode(lua_State *L) {
  lua_pushinteger(L, ar_tls_verify_mode(ar_check_tls(L)));
  return 1;
}

static int session_pending(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)ar_tls_pending(ar_check_tls(L)));
  return 1;
}

static int session_reused(lua_State *L) {
  lua_pushboolean(L, ar_tls_reused(ar_check_tls(L)));
  return 1;
}

/* ---- tickets ------------------------------------------------------------- */

static ticket *check_ticket(lua_State *L, int idx) {
  ticket *t = luaL_checkudata(L, idx, CLASS_TICKET);
  luaL_argcheck(L, t->ticket != NULL, idx, "a ticket that was closed");
  return t;
}

/* ticket() -> what a later session can be resumed from, or nil */
static int session_ticket(lua_State *L) {
  const ar_tls *s = ar_check_tls(L);
  ticket *t = lua_newuserdatauv(L, sizeof *t, 0);
  t->lib = NULL;
  t->ticket = NULL;
  luaL_setmetatable(L, CLASS_TICKET);
  t->ticket = ar_tls_ticket_of(s);
  if (t->ticket == NULL)
    return 0;
  t->lib = ar_tls_library(L);
  ar_tls_lib_hold(t->lib);
  return 1;
}

static int ticket_gc(lua_State *L) {
  ticket *t = luaL_checkudata(L, 1, CLASS_TICKET);
  if (t->lib != NULL) {
    ar_tls_ticket_free(t->lib, t->ticket);
    ar_tls_lib_drop(t->lib);
  }
  t->lib = NULL;
  t->ticket = NULL;
  return 0;
}

/* describe() -> id, time, lifetime, has_ticket */
static int ticket_describe(lua_State *L) {
  const ticket *t = check_ticket(L, 1);
  size_t n;
  const char *id = ar_tls_ticket_id(t->lib, t->ticket, &n);
  lua_pushlstring(L, id, n);
  lua_pushinteger(L, ar_tls_ticket_time(t->lib, t->ticket));
  lua_pushinteger(L, ar_tls_ticket_lifetime(t->lib, t->ticket));
  lua_pushboolean(L, ar_tls_ticket_has_ticket(t->lib, t->ticket));
  return 4;
}

/* use_ticket(ticket) -> whether it can be resumed from it */
static int session_use_ticket(lua_State *L) {
  ar_tls *s = ar_check_tls(L);
  lua_pushboolean(L, ar_tls_ticket_use(s, check_ticket(L, 2)->ticket) == 0);
  return 1;
}

/* ---- classes ------------------------------------------------------------- */

static const luaL_Reg session_methods[] = {
    {"binding", session_binding},
    {"cert", session_cert},
    {"cipher", session_cipher},
    {"culprit", session_culprit},
    {"pending", session_pending},
    {"protocol", session_protocol},
    {"reused", session_reused},
    {"shared_cipher", session_shared_cipher},
    {"ticket", session_ticket},
    {"use_ticket", session_use_ticket},
    {"verify_mode", session_verify_mode},
    {"version", session_version},
    {NULL, NULL}};

static const luaL_Reg ticket_methods[] = {
    {"describe", ticket_describe}, {"__gc", ticket_gc}, {NULL, NULL}};

void ar_tls_info_class(lua_State *L) {
  ar_class_open(L, CLASS_TICKET);
  luaL_getmetatable(L, CLASS_TICKET);
  luaL_setfuncs(L, ticket_methods, 0);
  luaL_getmetatable(L, AR_CLASS_TLS);
  luaL_setfuncs(L, session_methods, 0);
  lua_pop(L, 2);
}
