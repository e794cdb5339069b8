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
 *   content of a table     metatable (a value) narr nhash value*narr
 *                          (key value)*nhash
 *   content of a function  nups upvalue*nups, an upvalue being 0 and its
 *                          value, or 1 and the number of an earlier one
 *
 * Counts and lengths are variable-length numbers: seven bits a byte, lowest
 * first, the highest bit set in all but the last.
 */

#ifndef ar_marshal_int_h
#define ar_marshal_int_h

#define AR_FORM_MAGIC "arm\x01" /* its last byte is the version */
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
  TAG_FUNCTION,  /* length, bytecode */
  TAG_MODULE,    /* name as a string without tag */
  TAG_FIELD,     /* the same twice: module and field */
  TAG_REFERENCE, /* number of the attached ar_ref, n, string*n: its path */
  TAG_SHARED     /* number of the attached object */
};

#endif
