/*
 * The reading side of a copy: between unmarshal.c and readcode.c. The form is
 * described in marshal_int.h.
 */

#ifndef ar_unmarshal_int_h
#define ar_unmarshal_int_h

#include "host/marshal_int.h"
#include "host/raise.h"

typedef struct {
  lua_State *L;
  const ar_parcel *m;
  const unsigned char *at;
  const unsigned char *end;
  bool code;   /* functions may be loaded */
  int self;    /* stack place of the copier's userdata */
  int objects; /* of the list of objects, by number + 1 */
  int works;   /* of the list of those with contents */
  int cells;   /* upvalues: work << 8 | place, by number + 1; 0: no list */
  int metas;   /* table and metatable in turn; 0: no list */
  lua_Integer n_objects;
  lua_Integer n_works;
  lua_Integer n_cells;
  lua_Integer n_metas;
  uint64_t budget; /* what tables may still ask for */
} ar_reader;

/* ---- bytes -------------------------------------------------------------- */

AR_NORETURN static inline void ar_reader_corrupt(ar_reader *r,
                                                 const char *what) {
  ar_raise(r->L, "ValueError", "not a copy of values: %s", what);
}

static inline unsigned char ar_get_byte(ar_reader *r) {
  if (r->at == r->end)
    ar_reader_corrupt(r, "it ends too soon");
  return *r->at++;
}

static inline uint64_t ar_get_number(ar_reader *r) {
  uint64_t n = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    unsigned char byte = ar_get_byte(r);
    n |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80)
      return n;
  }
  ar_reader_corrupt(r, "a number without end");
}

static inline const unsigned char *ar_get_bytes(ar_reader *r, uint64_t n) {
  const unsigned char *bytes = r->at;
  if (n > (uint64_t)(r->end - r->at))
    ar_reader_corrupt(r, "it ends too soon");
  r->at += n;
  return bytes;
}

/* [-0, +1] */
static inline void ar_get_string(ar_reader *r) {
  uint64_t n = ar_get_number(r);
  lua_pushlstring(r->L, (const char *)ar_get_bytes(r, n), (size_t)n);
}

/* ---- readcode.c --------------------------------------------------------- */

/* [-0, +1] What follows the tag of a function, a module, a field. */
void ar_read_function(ar_reader *r);
void ar_read_module(ar_reader *r);
void ar_read_field(ar_reader *r);

/* [-0, +0] Modules are looked for as the writer would: before any is. */
void ar_read_paths(ar_reader *r);

#endif
