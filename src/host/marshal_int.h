/*
 * The bytes of a copy: between marshal.c and unmarshal.c.
 *
 *   message   "arm" version paths n value*n content*
 *   paths     0, or 1 and two strings: package.path and package.cpath
 *
 * A value is a tag and what the table below says. Values from TABLE on are
 * objects: they get numbers in the order in which they first appear, and OLD
 * names one of them. Tables and functions have contents, which follow behind
 * the values, in the same order; what first appears in them is appended to the
 * contents still to come.
 *
 *   content of a table     metatable (a value) value* NIL (key value)* NIL:
 *                          first what stands at 1, 2, 3, ...
 *   content of a function  nups upvalue*nups, an upvalue being 0 and its
 *                          value, or 1 and the number of an earlier one
 *
 * How many elements a table has is told in advance, for its size, and may be
 * otherwise when they are written: a weak table loses some, a finalizer that
 * runs meanwhile may do anything.
 *
 * Counts and lengths are variable-length numbers: seven bits a byte, lowest
 * first, the highest bit set in all but the last.
 */

#ifndef ar_marshal_int_h
#define ar_marshal_int_h

#include <lauxlib.h>
#include <string.h>

#include "host/copier.h"
#include "host/marshal.h"
#include "host/raise.h"

#define AR_FORM_MAGIC "arm\x03" /* its last byte is the version */
#define AR_FORM_MAGIC_SIZE 4

enum {
  TAG_NIL,
  TAG_FALSE,
  TAG_TRUE,
  TAG_INTEGER,   /* zigzag number */
  TAG_FLOAT,     /* 8 bytes, as this machine has them */
  TAG_STRING,    /* length, bytes */
  TAG_LIGHT,     /* 8 bytes: a light userdata */
  TAG_OLD,       /* number of an object */
  TAG_TABLE,     /* narr nhash */
  TAG_CLASS,     /* token of AR_TOKEN_SIZE bytes, narr nhash */
  TAG_FUNCTION,  /* 1, if it has no upvalues, else 0; length of the bytecode, 4
                    bytes; with 1 a token of AR_TOKEN_SIZE bytes; bytecode */
  TAG_MODULE,    /* name as a string without tag */
  TAG_FIELD,     /* the same twice: module and field */
  TAG_REFERENCE, /* number of the attached ar_ref, n, string*n: its path */
  TAG_SHARED     /* number of the attached object */
};

/* ---- the writing side --------------------------------------------------- */

/* Parents of what the caller gave: its number, marked. */
#define AR_WRITER_ROOT UINT32_C(0x80000000)

/* A class's verdict on its instances. */
typedef enum {
  AR_BY_VALUE,
  AR_BY_IDENTITY,
  AR_BY_REFERENCE,
  AR_BY_SUBSTITUTE /* __copies is a function: what it returns goes instead */
} ar_manner;

typedef struct {
  lua_State *L;
  ar_parcel *m;
  ar_copier *c;
  const ar_copying *how;
  ar_walk *walk; /* once there are objects */
  int self;      /* stack place of the copier's userdata */
  int place;     /* of the walk's userdata */
  int works;     /* the next one: of the list of tables and functions */
  int key;       /* of the string "__index" */
  uint32_t n_objects;
  uint32_t n_works;
  uint32_t n_cells; /* upvalues */
  uint32_t at; /* whose content is being written, or AR_WRITER_ROOT | number */
  bool boxes;  /* `works` holds userdata as well: see anchor in marshal.c */
  const void *judged; /* the metatable that was looked at last */
  ar_manner verdict;  /* on it */
} ar_writer;

AR_NORETURN static inline void ar_no_memory(ar_writer *w) {
  luaL_error(w->L, "not enough memory");
  AR_UNREACHABLE();
}

static inline unsigned char *ar_room(ar_writer *w, size_t n) {
  if (AR_UNLIKELY(ar_parcel_reserve(w->m, n) != 0))
    ar_no_memory(w);
  return w->m->bytes + w->m->size;
}

static inline void ar_put_byte(ar_writer *w, unsigned char byte) {
  *ar_room(w, 1) = byte;
  w->m->size++;
}

static inline unsigned char *ar_encode(unsigned char *p, uint64_t n) {
  while (n >= 0x80) {
    *p++ = (unsigned char)(n | 0x80);
    n >>= 7;
  }
  *p++ = (unsigned char)n;
  return p;
}

static inline void ar_put_number(ar_writer *w, uint64_t n) {
  unsigned char *p = ar_room(w, 10);
  w->m->size += (size_t)(ar_encode(p, n) - p);
}

static inline void ar_put_tagged(ar_writer *w, unsigned char tag, uint64_t n) {
  unsigned char *p = ar_room(w, 11);
  *p = tag;
  w->m->size += (size_t)(ar_encode(p + 1, n) - p);
}

static inline void ar_put_bytes(ar_writer *w, const void *bytes, size_t n) {
  memcpy(ar_room(w, n), bytes, n);
  w->m->size += n;
}

/* The string at idx, without a tag. */
static inline void ar_put_string(ar_writer *w, int idx) {
  size_t length;
  const char *s = lua_tolstring(w->L, idx, &length);
  ar_put_number(w, length);
  ar_put_bytes(w, s, length);
}

static inline void ar_put_eight(ar_writer *w, unsigned char tag,
                                const void *bytes) {
  unsigned char *p = ar_room(w, 9);
  *p = tag;
  memcpy(p + 1, bytes, 8);
  w->m->size += 9;
}

static inline void ar_put_integer(ar_writer *w, lua_Integer i) {
  uint64_t u = (uint64_t)i;
  ar_put_tagged(w, TAG_INTEGER, (u << 1) ^ (i < 0 ? UINT64_MAX : 0));
}

/* Raises: the value at idx cannot go. */
AR_NORETURN void ar_writer_refuse(ar_writer *w, int idx);

/* How the table at idx, an instance with a metatable, travels. */
ar_manner ar_writer_manner(ar_writer *w, int idx);

/* ---- the reading side --------------------------------------------------- */

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
  int dropped; /* tables that are read for nothing, as keys; 0: no list */
  lua_Integer n_objects;
  lua_Integer n_works;
  lua_Integer n_cells;
  lua_Integer n_metas;
  uint64_t budget; /* what tables may still ask for */
} ar_reader;

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

/* Is this the end of a table's elements, or of a part of them? */
static inline bool ar_get_end(ar_reader *r) {
  bool is = r->at != r->end && *r->at == TAG_NIL;
  r->at += is;
  return is;
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

#endif
