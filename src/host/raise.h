/*
 * C makes and raises anyrun's error objects.
 *
 * The classes are Lua's (lua/anyrun/errors.lua), loaded when the first error
 * is made; what C needs to know of a value is a bit mask in its class.
 */

#ifndef ar_raise_h
#define ar_raise_h

#include "host/host.h"

/* The mask a class carries as __kind. */
#define AR_KIND_ORDINARY 1
#define AR_KIND_CANCELLED 2
#define AR_KIND_GROUP 4
#define AR_KIND_KEYBOARD 8
#define AR_KIND_EXIT 16

/* [-0, +1] The class of this name, or a function of the errors module. */
void ar_push_class(lua_State *L, const char *name);

/* [-0, +1] A new error object. */
void ar_push_error(lua_State *L, const char *name, const char *fmt, ...)
    AR_PRINTF(3, 4);

/* Raise one; its traceback starts at the caller. Does not return. */
AR_NORETURN void ar_raise(lua_State *L, const char *name, const char *fmt, ...)
    AR_PRINTF(3, 4);

/* [-0, +1] An OSError for a code of base/err.def about `what` (may be NULL). */
void ar_push_oserror(lua_State *L, ar_err err, const char *what);

/* Raise an OSError for a code of base/err.def about `what` (may be NULL). */
AR_NORETURN void ar_raise_oserror(lua_State *L, ar_err err, const char *what);

/* [-1, ...] Raise the value on top once more, its traceback kept. */
AR_NORETURN void ar_rethrow(lua_State *L);

/* The mask of the value at idx; any value that is no error object is an
 * ordinary error. Never raises. */
int ar_error_kind(lua_State *L, int idx);

/* Is the value at idx an error object? Never raises. */
bool ar_is_error(lua_State *L, int idx);

/* [-0, +1] Calls errors[name] with nargs values on top: [-nargs, +nres]. */
void ar_call_errors(lua_State *L, const char *name, int nargs, int nres);

#endif
