/*
 * TLS contexts for the link: trust, identity, the name to expect.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "settings.h"
#include "tls_internal.h"
#include "util.h"

#define PASSPHRASE_MAX 1024
#define SECONDS_PER_DAY 86400

/* The first error in the queue is the one that all others followed from. Of a system call it is an
 * errno. */
static const char *
openssl_reason(void)
{
	unsigned long e = ERR_peek_error();
	const char *reason =
	    ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);

	return reason != NULL ? reason : "unknown reason";
}

static int64_t
days_until(int64_t when)
{
	return (when - (int64_t)time(NULL)) / SECONDS_PER_DAY;
}

static struct tls *
tls_of_context(const SSL_CTX *ctx)
{
	return SSL_CTX_get_ex_data(ctx, 0);
}

static int
on_verify(int ok, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = ssl != NULL ? tls_of_context(SSL_get_SSL_CTX(ssl)) : NULL;

	if (!ok && t != NULL)
		tls_note_verify_failure(t, store);
	return ok;
}

/*
 * libmosquitto is given a numeric address, so it would send that as the server's name; the real
 * name and the session to resume are put in place when the handshake starts. A session that is kept
 * is always a copy: OpenSSL spoils that of a connection which ends without a goodbye.
 */
static void
on_handshake_start(struct tls *t, SSL *ssl)
{
	SSL_SESSION *session = t->session != NULL ? SSL_SESSION_dup(t->session) : NULL;

	SSL_set_tlsext_host_name(ssl, t->name_is_address ? NULL : t->name);
	if (session != NULL && SSL_SESSION_is_resumable(session))
		SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
}

static void
on_info(const SSL *ssl, int where, int ret)
{
	struct tls *t = tls_of_context(SSL_get_SSL_CTX(ssl));

	if (t == NULL)
		return;
	/* OpenSSL hands its callback a const pointer, and documents setting these there. */
	if (where & SSL_CB_HANDSHAKE_START)
		on_handshake_start(t, (SSL *)(uintptr_t)ssl);
	else if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && t->failure[0] == '\0')
		tls_note_alert(t, ret);
}

static int
on_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = tls_of_context(SSL_get_SSL_CTX(ssl));

	if (t == NULL)
		return 0;
	SSL_SESSION_free(t->session);
	t->session = SSL_SESSION_dup(session);
	return 0;
}

/* Without a passphrase the answer is "none": never a question at a terminal. */
static int
on_passphrase(char *buf, int size, int writing, void *arg)
{
	const char *passphrase = arg;
	size_t len = passphrase != NULL ? strlen(passphrase) : 0;

	if (len > (size_t)size)
		return -1;
	memcpy(buf, passphrase != NULL ? passphrase : "", len);
	return (int)len;
}

static int
load_trust(struct tls *t, const struct settings_broker *b, char **error)
{
	if (b->ca_file == NULL) {
		t->trust = util_format("the system's CAs");
		if (t->trust != NULL && SSL_CTX_set_default_verify_paths(t->ctx) == 1)
			return 0;
		*error = util_format("the system's CA certificates: %s", openssl_reason());
		return -1;
	}
	t->trust = util_format("ca-file %s", b->ca_file);
	if (t->trust != NULL && SSL_CTX_load_verify_file(t->ctx, b->ca_file) == 1)
		return 0;
	*error = util_format(
	    "ca-file: %s: %s: expected CA certificates in PEM", b->ca_file, openssl_reason());
	return -1;
}

/* Returns how many, or -1 if something in the file is broken. */
static int
read_crls(BIO *bio, X509_STORE *store)
{
	X509_CRL *crl;
	int count = 0, ok = 1;

	while (ok == 1 && (crl = PEM_read_bio_X509_CRL(bio, NULL, on_passphrase, NULL)) != NULL) {
		ok = X509_STORE_add_crl(store, crl);
		count++;
		X509_CRL_free(crl);
	}
	if (ok != 1 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return -1;
	if (count > 0)
		ERR_clear_error(); /* "no start line" is the end of the file */
	return count;
}

static int
load_crl(struct tls *t, const struct settings_broker *b, char **error)
{
	X509_STORE *store = SSL_CTX_get_cert_store(t->ctx);
	BIO *bio;
	bool ok;

	if (b->crl_file == NULL)
		return 0;
	bio = BIO_new_file(b->crl_file, "r");
	ok = bio != NULL && read_crls(bio, store) > 0 &&
	     X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1;
	BIO_free(bio);
	if (ok)
		return 0;
	*error = util_format(
	    "crl-file: %s: %s: expected a revocation list in PEM", b->crl_file, openssl_reason());
	return -1;
}

static EVP_PKEY *
read_key(const char *path, char *passphrase)
{
	BIO *bio = BIO_new_file(path, "r");
	EVP_PKEY *key = NULL;

	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, passphrase);
	BIO_free(bio);
	return key;
}

static int
load_key(struct tls *t, const struct settings_broker *b, char **error)
{
	char *passphrase = NULL;
	EVP_PKEY *key;
	int ok;

	if (b->key_passphrase_file != NULL) {
		passphrase = util_read_file(b->key_passphrase_file, PASSPHRASE_MAX);
		if (passphrase == NULL) {
			*error = util_format(
			    "key-passphrase-file: %s: %s", b->key_passphrase_file, strerror(errno));
			return -1;
		}
	}
	key = read_key(b->key, passphrase);
	if (key == NULL)
		*error = util_format("key: %s: %s%s", b->key, openssl_reason(),
		    passphrase != NULL
			? " (is the passphrase in key-passphrase-file the right one?)"
			: ": expected a private key in PEM; an encrypted one needs "
			  "key-passphrase-file");
	util_free_secret(passphrase);
	if (key == NULL)
		return -1;
	ok = X509_check_private_key(SSL_CTX_get0_certificate(t->ctx), key);
	if (ok != 1)
		*error = util_format(
		    "key: %s: it does not belong to the certificate %s", b->key, b->certificate);
	else if ((ok = SSL_CTX_use_PrivateKey(t->ctx, key)) != 1)
		*error = util_format("key: %s: %s", b->key, openssl_reason());
	EVP_PKEY_free(key);
	return ok == 1 ? 0 : -1;
}

static int
load_identity(struct tls *t, const struct settings_broker *b, char **error)
{
	if (b->certificate == NULL)
		return 0;
	SSL_CTX_set_default_passwd_cb(t->ctx, on_passphrase);
	if (SSL_CTX_use_certificate_chain_file(t->ctx, b->certificate) != 1) {
		*error = util_format("certificate: %s: %s: expected a certificate in PEM",
		    b->certificate, openssl_reason());
		return -1;
	}
	t->own_expiry = tls_asn1_time(X509_get0_notAfter(SSL_CTX_get0_certificate(t->ctx)));
	return load_key(t, b, error);
}

static int
set_alpn(struct tls *t, const char *protocol, char **error)
{
	unsigned char wire[256];
	size_t len;

	if (protocol == NULL)
		return 0;
	len = strlen(protocol);
	if (len == 0 || len > sizeof(wire) - 1) {
		*error = util_format(
		    "alpn: '%s' is no protocol name: expected 1 to 255 characters", protocol);
		return -1;
	}
	wire[0] = (unsigned char)len;
	memcpy(wire + 1, protocol, len);
	if (SSL_CTX_set_alpn_protos(t->ctx, wire, (unsigned int)len + 1) == 0)
		return 0;
	*error = util_format("alpn: %s", openssl_reason());
	return -1;
}

static int
set_expected_name(struct tls *t, const struct settings_broker *b)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(t->ctx);
	struct addr a;

	t->name = strdup(b->tls_name != NULL ? b->tls_name : b->host);
	if (t->name == NULL)
		return -1;
	t->name_is_address = addr_parse(t->name, &a) == 0;
	if (!b->tls_verify) {
		SSL_CTX_set_verify(t->ctx, SSL_VERIFY_NONE, NULL);
		return 0;
	}
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, on_verify);
	if (t->name_is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(param, t->name) == 1 ? 0 : -1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, t->name, 0) == 1 ? 0 : -1;
}

static int
configure(struct tls *t, const struct settings_broker *b, char **error)
{
	bool only_tls13 = b->tls_min_version != NULL && strcmp(b->tls_min_version, "1.3") == 0;

	SSL_CTX_set_ex_data(t->ctx, 0, t);
	/* A connection idles most of the time: its buffers go back meanwhile. */
	SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS);
	/* A second handshake would start on_handshake_start() in the middle of a connection. */
	SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(t->ctx, on_new_session);
	SSL_CTX_set_info_callback(t->ctx, on_info);
	if (SSL_CTX_set_min_proto_version(t->ctx, only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION) !=
		1 ||
	    set_expected_name(t, b) == -1) {
		*error = util_format("TLS for %s: %s", b->url, openssl_reason());
		return -1;
	}
	if (set_alpn(t, b->alpn, error) == -1)
		return -1;
	if (b->tls_verify && (load_trust(t, b, error) == -1 || load_crl(t, b, error) == -1))
		return -1;
	return load_identity(t, b, error);
}

struct tls *
tls_new(const struct settings_broker *b, char **error)
{
	struct tls *t = calloc(1, sizeof(*t));

	*error = NULL;
	ERR_clear_error();
	if (t != NULL)
		t->ctx = SSL_CTX_new(TLS_client_method());
	if (t == NULL || t->ctx == NULL) {
		*error = util_format("TLS: %s", t == NULL ? "out of memory" : openssl_reason());
		free(t);
		return NULL;
	}
	if (configure(t, b, error) == -1) {
		tls_free(t);
		ERR_clear_error();
		return NULL;
	}
	return t;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_CTX_set_ex_data(t->ctx, 0, NULL);
	SSL_CTX_free(t->ctx);
	SSL_SESSION_free(t->session);
	free(t->name);
	free(t->trust);
	free(t);
}

void *
tls_context(struct tls *t)
{
	return t->ctx;
}

void
tls_begin(struct tls *t)
{
	t->failure[0] = '\0';
}

const char *
tls_failure(const struct tls *t)
{
	return t->failure[0] != '\0' ? t->failure : NULL;
}

void
tls_describe(void *ssl, struct tls_facts *facts)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);

	memset(facts, 0, sizeof(*facts));
	snprintf(facts->version, sizeof(facts->version), "%s", SSL_get_version(ssl));
	snprintf(facts->cipher, sizeof(facts->cipher), "%s", SSL_get_cipher_name(ssl));
	facts->resumed = SSL_session_reused(ssl) == 1;
	if (cert == NULL)
		return;
	tls_name_text(X509_get_subject_name(cert), facts->peer_name, sizeof(facts->peer_name));
	facts->days_left = days_until(tls_asn1_time(X509_get0_notAfter(cert)));
}

bool
tls_handshake_done(void *ssl)
{
	return SSL_is_init_finished(ssl) == 1;
}

bool
tls_wants_write(void *ssl)
{
	return SSL_want_write(ssl);
}

bool
tls_has_pending(void *ssl)
{
	return SSL_pending(ssl) > 0;
}

static long
on_socket_bio(BIO *bio, int operation, const char *data, size_t len, int argi, long argl,
    int result, size_t *processed)
{
	unsigned int *left = (unsigned int *)(void *)BIO_get_callback_arg(bio);

	if (operation != BIO_CB_READ)
		return result;
	if (*left > 0) {
		(*left)--;
		return result;
	}
	BIO_set_retry_read(bio);
	return -1;
}

void
tls_limit_reads(void *ssl, unsigned int *left)
{
	BIO *bio = SSL_get_rbio(ssl);

	BIO_set_callback_arg(bio, (char *)left);
	BIO_set_callback_ex(bio, on_socket_bio);
}

int64_t
tls_own_days_left(const struct tls *t)
{
	return t->own_expiry == 0 ? INT64_MAX : days_until(t->own_expiry);
}
