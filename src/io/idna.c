/*
 * International host names as ASCII.
 */

#include "io/idna.h"

#include <dlfcn.h>
#include <string.h>

#include "base/err.h"

#define LIBRARY "libidn2.so.0"

/* libidn2's flags: bring it to form C first; UTS 46 without the mappings of
 * 2003 that only a transition needed. */
#define NFC_INPUT 1
#define NONTRANSITIONAL 8

typedef struct {
  void *library;
  int (*lookup)(const uint8_t *name, uint8_t **out, int flags);
  const char *(*text)(int number);
  void (*release)(void *memory);
} idn2;

/* A function pointer out of the library; ISO C has no cast for it. */
static bool find(const idn2 *idn, const char *name, void *function) {
  void *symbol = dlsym(idn->library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static bool load(idn2 *idn) {
  idn->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  return idn->library != NULL && find(idn, "idn2_lookup_u8", &idn->lookup) &&
         find(idn, "idn2_strerror", &idn->text) &&
         find(idn, "idn2_free", &idn->release);
}

ar_err ar_idna_to_ascii(const char *name, char out[AR_IDNA_MAX],
                        const char **why) {
  idn2 idn;
  uint8_t *ascii;
  int number;
  size_t length;
  if (!load(&idn)) {
    *why = LIBRARY " cannot be loaded";
    return AR_ENOSYS;
  }
  number =
      idn.lookup((const uint8_t *)name, &ascii, NFC_INPUT | NONTRANSITIONAL);
  if (number != 0) {
    *why = idn.text(number);
    return AR_EINVAL;
  }
  length = strlen((const char *)ascii);
  if (length < AR_IDNA_MAX)
    memcpy(out, ascii, length + 1);
  idn.release(ascii);
  *why = "the name is too long";
  return length < AR_IDNA_MAX ? 0 : AR_EINVAL;
}
