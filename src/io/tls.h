/*
 * One end of a TLS session, over byte buffers: no socket, no loop.
 *
 * Whoever has a session calls handshake until it is DONE, then read and write
 * in any order, then shutdown until it is DONE. Any call may leave bytes for
 * the peer (ar_tls_output); a call that answers WANT_READ is made again after
 * those were sent and more was given by ar_tls_input. After FAILED every
 * further call fails the same way.
 *
 * OpenSSL reads straight from what it is given and writes into a buffer that
 * goes from session to session: one that is idle has none.
 */

#ifndef ar_tls_h
#define ar_tls_h

#include "base/base.h"

typedef struct ar_tls ar_tls;
typedef struct ar_tls_ctx ar_tls_ctx;
typedef struct ar_tls_failure ar_tls_failure;

typedef enum {
  AR_TLS_DONE,
  AR_TLS_WANT_READ, /* needs more bytes from the peer */
  AR_TLS_END,       /* the peer has said that it will send no more */
  AR_TLS_FAILED,    /* see ar_tls_why */
  AR_TLS_NAME       /* a client asks for a name: see ar_tls_asked */
} ar_tls_status;

/* The most plaintext a record holds, and the size of the scratch buffer. */
#define AR_TLS_RECORD 16384
#define AR_TLS_SCRATCH 65536

/*
 * A session made of a context. A client says which `host` it wants (NULL: no
 * name; `is_ip`: an address, which is not sent); with `check` the peer's
 * certificate has to be for it.
 */
AR_MUST_CHECK ar_err ar_tls_new(ar_tls **out, ar_tls_ctx *ctx, bool server,
                                const char *host, bool is_ip, bool check);
void ar_tls_free(ar_tls *s);

ar_tls_status ar_tls_handshake(ar_tls *s);

/* Up to `max` bytes that have come, `max` > 0; at least one when DONE. */
ar_tls_status ar_tls_read(ar_tls *s, char *buf, size_t max, size_t *n);

/* Encrypt `n` bytes; *done is how many were, also when it is not DONE. */
ar_tls_status ar_tls_write(ar_tls *s, const char *data, size_t n, size_t *done);

/* Is a handshake due or under way? A write then takes part in it, and fails
 * where it meets data: all that has come has to be read before. */
bool ar_tls_shaking(const ar_tls *s);

/* Say that no more is sent; DONE when the peer has said so as well. */
ar_tls_status ar_tls_shutdown(ar_tls *s);

/* New keys from the next write on, for the peer as well if `both`. In TLS 1.2,
 * where there is no such thing, another handshake. */
ar_tls_status ar_tls_update(ar_tls *s, bool both);

/* Memory of the library for what is read, good until somebody else asks for
 * it; NULL: there is none. */
char *ar_tls_scratch(ar_tls *s);

/* Bytes from the peer, in place of those that were given before and not read.
 * They are borrowed until they are read: see ar_tls_unread. */
void ar_tls_input(ar_tls *s, const char *data, size_t n);

/* There will be no more of them. */
void ar_tls_input_end(ar_tls *s);

/* What of them was not read yet. */
size_t ar_tls_unread(const ar_tls *s, const char **data);

/* Is there something to read that has come already? */
bool ar_tls_buffered(const ar_tls *s);

/* Bytes for the peer, and word that they are taken. */
size_t ar_tls_output(const ar_tls *s, const char **data);
void ar_tls_output_taken(ar_tls *s);

/* Why it failed. */
const ar_tls_failure *ar_tls_why(const ar_tls *s);

/* Bytes that were decrypted got lost on the way: it has failed. */
void ar_tls_lost(ar_tls *s);

/* After NAME: the name (NULL: the client gave none); and go on, with another
 * context (NULL: the same), or refuse with an alert (0: go on). */
const char *ar_tls_asked(const ar_tls *s, size_t *n);
void ar_tls_answer(ar_tls *s, ar_tls_ctx *other, int alert);

#endif
