/*
 * What the files of module _anyrun.tls share.
 */

#ifndef ar_tlslib_h
#define ar_tlslib_h

#include <lua.h>

#include "base/base.h"

typedef struct ar_tls ar_tls;
typedef struct ar_tls_ctx ar_tls_ctx;
typedef struct ar_tls_failure ar_tls_failure;
typedef struct ar_tls_lib ar_tls_lib;

#define AR_CLASS_TLS "TLSSession"
#define AR_CLASS_TLS_CTX "TLSContext"

/* [-0, +0] OpenSSL, loaded; raises where it was not. */
ar_tls_lib *ar_tls_library(lua_State *L);

/* [-0, +1] A table: fault, code, reason, text, verify, verify_text, depth. */
void ar_tls_push_failure(lua_State *L, const ar_tls_lib *lib,
                         const ar_tls_failure *why);

/* [-0, +1 or 3] The name of a cipher, its version and bits; nil for NULL. */
int ar_tls_push_cipher(lua_State *L, const char *name, const char *version,
                       int bits);

/* [-0, +1] Bytes; nil for NULL. */
int ar_tls_push_bytes(lua_State *L, const char *data, size_t size);

/* [-0, +1] What was written of a certificate; nil where there is none. */
int ar_tls_push_cert(lua_State *L, ar_err err, const char *data, size_t size);

/* The session at stack place 1; raises. */
ar_tls *ar_check_tls(lua_State *L);

/* The context at idx; raises. */
ar_tls_ctx *ar_check_tls_ctx(lua_State *L, int idx);

/* [-0, +1] context(side): a new one. */
int ar_tls_context(lua_State *L);

/* [-0, +0] The class of contexts; what sessions can tell, and tickets. */
void ar_tls_ctx_class(lua_State *L);
void ar_tls_info_class(lua_State *L);

#endif
