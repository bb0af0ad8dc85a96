/*
 * Builds the TLS context that the link hands to libmosquitto: whom to trust, who we are, which name
 * to expect. Certificates and keys are read here, once, so that privileges can be dropped
 * afterwards. The only place that includes OpenSSL, except for what the link must ask of a
 * handshake.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLS_H
#define TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct settings_broker;
struct tls;

/* Facts of an established connection, for people. */
struct tls_facts {
	char version[16];
	char cipher[48];
	char peer_name[128]; /* subject of the broker's certificate */
	int64_t days_left;   /* until the broker's certificate expires */
	bool resumed;
};

/* Returns NULL with a new string in *error that names the file and the cause. b is borrowed for the
 * call only. */
struct tls *tls_new(const struct settings_broker *b, char **error);
/* Accepts NULL. A context that a connection still uses lives on until that ends. */
void tls_free(struct tls *t);

/* The SSL_CTX. Borrowed. */
void *tls_context(struct tls *t);

/* Forgets the last connection's failure. */
void tls_begin(struct tls *t);
/* Why the last handshake failed, in words a person can act on, or NULL. Borrowed, valid until
 * tls_begin(). */
const char *tls_failure(const struct tls *t);

/* ssl is a connection's SSL. */
void tls_describe(void *ssl, struct tls_facts *facts);
bool tls_handshake_done(void *ssl);
bool tls_wants_write(void *ssl);
bool tls_has_pending(void *ssl);
/* From now on each read from the socket takes one from *left, and with none left there is nothing
 * to read. left is borrowed while ssl lives. */
void tls_limit_reads(void *ssl, unsigned int *left);

/* Days until our own certificate expires; INT64_MAX without one. */
int64_t tls_own_days_left(const struct tls *t);

#endif
