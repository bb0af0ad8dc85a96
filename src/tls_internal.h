/*
 * What the files of tls share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLS_INTERNAL_H
#define TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "tls.h"

struct tls {
	SSL_CTX *ctx;
	char *name; /* to check and to send as SNI */
	bool name_is_address;
	char *trust; /* who vouches for the broker, for messages */
	SSL_SESSION *session;
	int64_t own_expiry; /* Unix time; 0 without a certificate of our own */
	char failure[512];
};

/* tls_failure.c. Each writes t->failure: the broker's certificate did not pass, or the broker sent
 * an alert. */
void tls_note_verify_failure(struct tls *t, X509_STORE_CTX *store);
void tls_note_alert(struct tls *t, int alert);

/* Unix time, or 0 if there is none. */
int64_t tls_asn1_time(const ASN1_TIME *time);
/* The whole of a subject or an issuer, on one line; cut to size. */
void tls_name_text(X509_NAME *name, char *buf, size_t size);

#endif
