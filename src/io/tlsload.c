/*
 * OpenSSL, loaded when TLS is first used.
 *
 * It is never unloaded: OpenSSL installs functions that run at exit.
 */

#include "io/tlsload.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/tls_int.h"

/* ISO C has no cast from an object's address to a function's. */
static bool find(void *handle, const char *name, void *function, size_t size) {
  void *symbol = dlsym(handle, name);
  memcpy(function, &symbol, size);
  return symbol != NULL;
}

static const char *find_all(ar_tls_lib *lib, void *handle) {
#define AR_TLS_FN(name) \
  if (!find(handle, #name, &lib->name, sizeof lib->name)) \
    return #name;
#include "io/tls_api.def"
#undef AR_TLS_FN
  return NULL;
}

ar_err ar_tls_lib_open(ar_tls_lib **out, char *why, size_t size) {
  ar_tls_lib *lib;
  const char *missing;
  /* its functions include those of libcrypto, which it brings along */
  void *handle = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    const char *text = dlerror();
    snprintf(why, size,
             "TLS needs OpenSSL 3, on Debian the package libssl3 (%s)",
             text != NULL ? text : "libssl.so.3 cannot be loaded");
    return AR_ENOENT;
  }
  snprintf(why, size, "not enough memory");
  lib = ar_mem_zalloc(sizeof *lib);
  if (lib == NULL)
    return AR_ENOMEM;
  missing = find_all(lib, handle);
  if (missing != NULL) {
    snprintf(why, size, "libssl.so.3 has no %s: TLS needs OpenSSL 3.0 or later",
             missing);
    ar_mem_free(lib, sizeof *lib);
    return AR_ENOSYS;
  }
  lib->method = ar_tls_bio_method(lib);
  if (lib->method == NULL) {
    ar_mem_free(lib, sizeof *lib);
    return AR_ENOMEM;
  }
  lib->refs = 1;
  *out = lib;
  return AR_OK;
}

void ar_tls_lib_hold(ar_tls_lib *lib) {
  lib->refs++;
}

void ar_tls_lib_drop(ar_tls_lib *lib) {
  if (lib == NULL || --lib->refs > 0)
    return;
  lib->BIO_meth_free(lib->method);
  ar_mem_free(lib->spare, lib->spare_size);
  ar_mem_free(lib->pack, lib->pack_size);
  ar_mem_free(lib->scratch, AR_TLS_SCRATCH);
  ar_mem_free(lib, sizeof *lib);
}

const char *ar_tls_lib_version(const ar_tls_lib *lib) {
  return lib->OpenSSL_version(OPENSSL_VERSION);
}

const char *ar_tls_lib_roots(const ar_tls_lib *lib, unsigned which) {
  if (which == 0)
    return lib->X509_get_default_cert_file();
  if (which == 1)
    return lib->X509_get_default_cert_dir();
  if (which == 2)
    return lib->X509_get_default_cert_file_env();
  return lib->X509_get_default_cert_dir_env();
}

const char *ar_tls_lib_check_text(const ar_tls_lib *lib, int verify) {
  return lib->X509_verify_cert_error_string(verify);
}

void ar_tls_lib_explain(const ar_tls_lib *lib, ar_tls_failure *failure,
                        unsigned long code) {
  failure->code = code;
  failure->reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  failure->text = code != 0 ? lib->ERR_reason_error_string(code) : NULL;
  if (code != 0 && ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
    failure->fault = AR_TLS_FAULT_MEMORY;
}

void ar_tls_lib_failure(const ar_tls_lib *lib, ar_tls_failure *failure) {
  memset(failure, 0, sizeof *failure);
  failure->fault = AR_TLS_FAULT_PROTOCOL;
  ar_tls_lib_explain(lib, failure, lib->ERR_peek_error());
  lib->ERR_clear_error();
}
