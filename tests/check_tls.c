/*
 * Tests of tls: handshakes through memory with a server of the test's own, each refused one for its
 * reason; and what tls_new() says of files that are not what they should be.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "tls.h"

#include <check.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "settings.h"
#include "util.h"

#define HOUR 3600L
#define DAY (24 * HOUR)
#define HOST "broker.example"
#define GOOD_NAMES "DNS:" HOST ",DNS:mqtt.example,IP:192.0.2.7,IP:2001:db8::7"
#define PASSPHRASE "open sesame"

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

/* One connection, with both of its ends in memory. */
struct pair {
	SSL *client, *server;
	bool client_ok, server_ok;
};

static struct identity ca, other_ca, good;
static char dir[] = "/tmp/check_tls.XXXXXX";
static time_t clock_shift;

/* In the place of libc's, so that a test can set the clock; OpenSSL asks it as well. */
time_t
time(time_t *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += clock_shift;
	if (t != NULL)
		*t = now.tv_sec;
	return now.tv_sec;
}

/* The PKI. */

static X509_NAME *
name_new(const char *cn)
{
	X509_NAME *name = X509_NAME_new();

	ck_assert_ptr_nonnull(name);
	ck_assert_int_eq(X509_NAME_add_entry_by_txt(
			     name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0),
	    1);
	return name;
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* names is a subjectAltName; "" for none, NULL for a CA. issuer is NULL for a self-signed one.
 * Valid from and to are seconds from now. */
static struct identity
issue(const char *cn, const char *names, const struct identity *issuer, long from, long to)
{
	static long serial = 1;
	struct identity id = {.key = EVP_EC_gen("P-256"), .cert = X509_new()};
	X509_NAME *name = name_new(cn);

	ck_assert(id.key != NULL && id.cert != NULL);
	X509_set_version(id.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(id.cert), from);
	X509_gmtime_adj(X509_getm_notAfter(id.cert), to);
	X509_set_subject_name(id.cert, name);
	X509_set_issuer_name(id.cert, issuer != NULL ? X509_get_subject_name(issuer->cert) : name);
	X509_set_pubkey(id.cert, id.key);
	if (names == NULL)
		add_extension(id.cert, NID_basic_constraints, "critical,CA:TRUE");
	else if (names[0] != '\0')
		add_extension(id.cert, NID_subject_alt_name, names);
	ck_assert_int_gt(
	    X509_sign(id.cert, issuer != NULL ? issuer->key : id.key, EVP_sha256()), 0);
	X509_NAME_free(name);
	return id;
}

static void
identity_free(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
}

/* The path of a file of the temporary directory; it stays valid. */
static const char *
path(const char *name)
{
	static char paths[16][64];
	char(*p)[64] = paths;

	while ((*p)[0] != '\0' && strcmp(strrchr(*p, '/') + 1, name) != 0)
		p++;
	ck_assert(p < paths + ARRAY_LEN(paths));
	snprintf(*p, sizeof(*p), "%s/%s", dir, name);
	return *p;
}

static FILE *
create(const char *name)
{
	FILE *f = fopen(path(name), "w");

	ck_assert_ptr_nonnull(f);
	return f;
}

static void
write_text(const char *name, const char *text)
{
	FILE *f = create(name);

	fputs(text, f);
	fclose(f);
}

static void
write_cert(const char *name, X509 *cert)
{
	FILE *f = create(name);

	ck_assert_int_eq(PEM_write_X509(f, cert), 1);
	fclose(f);
}

/* passphrase NULL: in the clear. */
static void
write_key(const char *name, EVP_PKEY *key, const char *passphrase)
{
	const EVP_CIPHER *cipher = passphrase != NULL ? EVP_aes_128_cbc() : NULL;
	FILE *f = create(name);

	ck_assert_int_eq(PEM_write_PKCS8PrivateKey(f, key, cipher, passphrase,
			     passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
	    1);
	fclose(f);
}

/* A list of issuer's with one entry, or none; times are seconds from now. */
static void
write_crl(const char *name, const struct identity *issuer, X509 *revoked, long from, long to)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();
	X509_REVOKED *entry = X509_REVOKED_new();
	FILE *f = create(name);

	ck_assert(crl != NULL && t != NULL && entry != NULL);
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert));
	X509_gmtime_adj(t, from);
	X509_CRL_set1_lastUpdate(crl, t);
	if (revoked != NULL) {
		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked));
		X509_REVOKED_set_revocationDate(entry, t);
		X509_CRL_add0_revoked(crl, X509_REVOKED_dup(entry));
	}
	X509_gmtime_adj(t, to);
	X509_CRL_set1_nextUpdate(crl, t);
	ck_assert_int_gt(X509_CRL_sign(crl, issuer->key, EVP_sha256()), 0);
	ck_assert_int_eq(PEM_write_X509_CRL(f, crl), 1);
	fclose(f);
	X509_REVOKED_free(entry);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
}

static void
setup_pki(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ca = issue("Good CA", NULL, NULL, -DAY, 100 * DAY);
	other_ca = issue("Other CA", NULL, NULL, -DAY, 100 * DAY);
	good = issue("good broker", GOOD_NAMES, &ca, -DAY, 30 * DAY + HOUR);
	write_cert("ca.crt", ca.cert);
	write_cert("other-ca.crt", other_ca.cert);
	write_text("rubbish", "this is not PEM\n");
	write_text("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
}

static void
teardown_pki(void)
{
	static const char *const names[] = {"ca.crt", "other-ca.crt", "rubbish", "broken",
	    "node.crt", "node.key", "other.key", "list.crl", "passphrase", "expired-ca.crt"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unlink(path(names[i]));
	rmdir(dir);
	identity_free(&ca);
	identity_free(&other_ca);
	identity_free(&good);
}

/* Both ends. */

static struct settings_broker
broker(void)
{
	static char url[] = "mqtts://" HOST, host[] = HOST;
	struct settings_broker b = {
	    .url = url,
	    .transport = TRANSPORT_TLS,
	    .host = host,
	    .port = 8883,
	    .ca_file = (char *)(uintptr_t)path("ca.crt"),
	    .tls_verify = true,
	};

	return b;
}

static struct tls *
client_new(const struct settings_broker *b)
{
	char *error;
	struct tls *t = tls_new(b, &error);

	ck_assert_msg(t != NULL, "%s", error);
	ck_assert_ptr_null(error);
	return t;
}

/* max_version 0: the newest. */
static SSL_CTX *
server_new(const struct identity *id, int max_version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	ck_assert_ptr_nonnull(ctx);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, id->cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, id->key), 1);
	ck_assert_int_eq(SSL_CTX_set_max_proto_version(ctx, max_version), 1);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1);
	return ctx;
}

static bool
wants_more(SSL *ssl, int rc)
{
	int error = SSL_get_error(ssl, rc);

	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/* One step of one end. Returns false when it failed. */
static bool
step(SSL *ssl, bool *done)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(ssl);
	*done = rc == 1;
	return rc == 1 || wants_more(ssl, rc);
}

/* The handshake, and then what TLS 1.3 sends behind it: tickets, or an alert. */
static void
run(struct pair *p)
{
	bool client = true, server = true;
	char byte;

	for (int i = 0; i < 10 && (client || server); i++) {
		client = client && step(p->client, &p->client_ok);
		server = server && step(p->server, &p->server_ok);
	}
	ERR_clear_error();
	if (p->client_ok && SSL_read(p->client, &byte, 1) <= 0)
		ERR_clear_error();
}

static struct pair
connect_pair(struct tls *t, SSL_CTX *server)
{
	struct pair p = {.client = SSL_new(tls_context(t)), .server = SSL_new(server)};
	char numeric[] = "192.0.2.1";
	BIO *a, *b;

	ck_assert(p.client != NULL && p.server != NULL);
	ck_assert_int_eq(BIO_new_bio_pair(&a, 65536, &b, 65536), 1);
	SSL_set_bio(p.client, a, a);
	SSL_set_bio(p.server, b, b);
	SSL_set_connect_state(p.client);
	SSL_set_accept_state(p.server);
	/* libmosquitto does this with what it connects to, and we give it an address. */
	SSL_set_tlsext_host_name(p.client, numeric);
	tls_begin(t);
	return p;
}

static void
pair_free(struct pair *p) /* without a goodbye, as connections end */
{
	SSL_free(p->client);
	SSL_free(p->server);
}

static struct pair
shake(struct tls *t, SSL_CTX *server)
{
	struct pair p = connect_pair(t, server);

	run(&p);
	return p;
}

static void
expect_success(const struct settings_broker *b, const struct identity *id)
{
	struct tls *t = client_new(b);
	SSL_CTX *server = server_new(id, 0);
	struct pair p = shake(t, server);

	ck_assert_msg(p.client_ok, "%s", tls_failure(t));
	ck_assert(p.server_ok);
	ck_assert_ptr_null(tls_failure(t));
	ck_assert(tls_handshake_done(p.client));
	pair_free(&p);
	SSL_CTX_free(server);
	tls_free(t);
}

/* Each of words, which ends with NULL, is in text. */
static void
expect_words(const char *text, const char *const *words)
{
	ck_assert_ptr_nonnull(text);
	for (; *words != NULL; words++)
		ck_assert_msg(strstr(text, *words) != NULL, "'%s' is not in: %s", *words, text);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The client refuses the server's certificate, and says so. */
static void
expect_refusal(const struct settings_broker *b, const struct identity *id, const char *const *words)
{
	struct tls *t = client_new(b);
	SSL_CTX *server = server_new(id, 0);
	struct pair p = shake(t, server);

	ck_assert(!p.client_ok);
	expect_words(tls_failure(t), words);
	tls_begin(t);
	ck_assert_ptr_null(tls_failure(t));
	pair_free(&p);
	SSL_CTX_free(server);
	tls_free(t);
}

/* The server ends the connection with an alert, in the handshake or behind it. */
static void
expect_alert(const struct settings_broker *b, SSL_CTX *server, const char *const *words)
{
	struct tls *t = client_new(b);
	struct pair p = shake(t, server);

	ck_assert(!p.server_ok);
	expect_words(tls_failure(t), words);
	pair_free(&p);
	tls_free(t);
}

static void
expect_error(const struct settings_broker *b, const char *const *words)
{
	char *error;
	struct tls *t = tls_new(b, &error);

	ck_assert_ptr_null(t);
	expect_words(error, words);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	free(error);
}

static char *mutable(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* Whom to trust. */

START_TEST(tls_accepts_a_good_certificate_and_describes_the_connection)
{
	struct settings_broker b = broker();
	struct tls *t = client_new(&b);
	SSL_CTX *server = server_new(&good, 0);
	struct pair p = connect_pair(t, server);
	struct tls_facts facts;

	ck_assert(!tls_handshake_done(p.client));
	run(&p);
	ck_assert_msg(p.client_ok && p.server_ok, "%s", tls_failure(t));
	ck_assert_ptr_null(tls_failure(t));
	ck_assert(tls_handshake_done(p.client));
	tls_describe(p.client, &facts);
	ck_assert_str_eq(facts.version, "TLSv1.3");
	ck_assert_ptr_nonnull(strstr(facts.cipher, "TLS_"));
	ck_assert_str_eq(facts.peer_name, "CN=good broker");
	ck_assert_int_eq(facts.days_left, 30);
	ck_assert(!facts.resumed);
	ck_assert_int_eq(tls_own_days_left(t), INT64_MAX);
	pair_free(&p);
	SSL_CTX_free(server);
	tls_free(t);
}
END_TEST

START_TEST(tls_tells_data_that_waits_decrypted)
{
	struct settings_broker b = broker();
	struct tls *t = client_new(&b);
	SSL_CTX *server = server_new(&good, 0);
	struct pair p = shake(t, server);
	char byte;

	ck_assert(p.client_ok && p.server_ok);
	ck_assert(!tls_has_pending(p.client));
	ck_assert_int_eq(SSL_write(p.server, "abc", 3), 3);
	ck_assert_int_eq(SSL_read(p.client, &byte, 1), 1);
	ck_assert(tls_has_pending(p.client));
	ck_assert(!tls_wants_write(p.client));
	pair_free(&p);
	SSL_CTX_free(server);
	tls_free(t);
}
END_TEST

START_TEST(tls_refuses_a_certificate_of_another_ca)
{
	struct identity id = issue("impostor", GOOD_NAMES, &other_ca, -DAY, DAY);
	struct settings_broker b = broker();

	expect_refusal(
	    &b, &id, WORDS("CN=impostor", "issued by CN=Other CA", "not signed", b.ca_file));
	b.ca_file = NULL;
	expect_refusal(&b, &id, WORDS("CN=impostor", "not signed", "the system's CAs"));
	identity_free(&id);
}
END_TEST

START_TEST(tls_refuses_a_self_signed_certificate)
{
	struct identity id = issue("lonely", GOOD_NAMES, NULL, -DAY, DAY);
	struct settings_broker b = broker();

	expect_refusal(&b, &id, WORDS("CN=lonely, issued by CN=lonely", "not signed", b.ca_file));
	identity_free(&id);
}
END_TEST

START_TEST(tls_tells_when_a_certificate_expired)
{
	struct identity id = issue("old broker", GOOD_NAMES, &ca, -3 * DAY, -2 * DAY);
	struct settings_broker b = broker();
	time_t when = time(NULL) - 2 * DAY;
	char day[16], today[16];

	strftime(day, sizeof(day), "%Y-%m-%d", gmtime(&when));
	when = time(NULL);
	strftime(today, sizeof(today), "%Y-%m-%d", gmtime(&when));
	expect_refusal(&b, &id,
	    WORDS("the broker's certificate (CN=old broker) expired on", day, "clock says", today));
	identity_free(&id);
}
END_TEST

START_TEST(tls_tells_from_when_a_certificate_is_valid)
{
	struct identity id = issue("new broker", GOOD_NAMES, &ca, 2 * DAY, 3 * DAY);
	struct settings_broker b = broker();

	expect_refusal(&b, &id,
	    WORDS("the broker's certificate (CN=new broker) is valid only from", "clock says"));
	identity_free(&id);
}
END_TEST

START_TEST(tls_asks_for_a_clock_that_was_never_set)
{
	struct settings_broker b = broker();

	clock_shift = -time(NULL);
	expect_refusal(
	    &b, &good, WORDS("is valid only from", "clock says 1970-01-01", "set the clock first"));
}
END_TEST

START_TEST(tls_tells_that_it_is_the_ca_that_expired)
{
	struct identity old_ca = issue("Old CA", NULL, NULL, -3 * DAY, -2 * DAY),
			id = issue("broker", GOOD_NAMES, &old_ca, -3 * DAY, DAY);
	struct settings_broker b = broker();

	write_cert("expired-ca.crt", old_ca.cert);
	b.ca_file = mutable(path("expired-ca.crt"));
	expect_refusal(&b, &id, WORDS("the certificate of the broker's CA (CN=Old CA) expired on"));
	identity_free(&id);
	identity_free(&old_ca);
}
END_TEST

START_TEST(tls_refuses_another_host_name_and_lists_those_it_saw)
{
	struct settings_broker b = broker();

	b.host = mutable("other.example");
	expect_refusal(&b, &good,
	    WORDS("is for broker.example, mqtt.example, 192.0.2.7, 2001:db8::7,",
		"not for 'other.example'"));
}
END_TEST

START_TEST(tls_names_the_subject_of_a_certificate_without_names)
{
	struct identity id = issue("nameless", "", &ca, -DAY, DAY);
	struct settings_broker b = broker();

	expect_refusal(&b, &id, WORDS("is for CN=nameless, not for '" HOST "'"));
	identity_free(&id);
}
END_TEST

START_TEST(tls_shows_plain_characters_of_a_name_only)
{
	struct identity id = issue("odd", "DNS:b\033[2J\303\244\377.example", &ca, -DAY, DAY);
	struct settings_broker b = broker();

	expect_refusal(&b, &id, WORDS("is for b?[2J???.example, not for '" HOST "'"));
	identity_free(&id);
}
END_TEST

START_TEST(tls_lists_as_many_names_as_fit)
{
	struct settings_broker b = broker();
	char names[1500] = "DNS:first.example";
	struct identity id;

	for (int i = 0; i < 40; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names),
		    ",DNS:a-rather-long-name-%d.example", i);
	id = issue("crowd", names, &ca, -DAY, DAY);
	expect_refusal(&b, &id, WORDS("is for first.example, a-rather", "not for '" HOST "'"));
	identity_free(&id);
}
END_TEST

START_TEST(tls_name_replaces_the_host)
{
	struct settings_broker b = broker();

	b.host = mutable("10.0.0.1");
	b.tls_name = mutable("mqtt.example");
	expect_success(&b, &good);
	b.host = mutable(HOST);
	b.tls_name = mutable("other.example");
	expect_refusal(&b, &good, WORDS("not for 'other.example'"));
}
END_TEST

START_TEST(tls_checks_an_address_against_the_certificates_addresses)
{
	struct settings_broker b = broker();

	b.host = mutable("192.0.2.7");
	expect_success(&b, &good);
	b.host = mutable("2001:db8::7");
	expect_success(&b, &good);
	b.host = mutable("192.0.2.8");
	expect_refusal(&b, &good, WORDS("is for broker.example", "not for '192.0.2.8'"));
	b.host = mutable("2001:db8::8");
	expect_refusal(&b, &good, WORDS("2001:db8::7", "not for '2001:db8::8'"));
}
END_TEST

START_TEST(tls_accepts_whatever_comes_without_verification)
{
	struct identity id = issue("anybody", "DNS:anywhere.example", NULL, -3 * DAY, -2 * DAY);
	struct settings_broker b = broker();

	b.tls_verify = false;
	b.ca_file = NULL;
	expect_success(&b, &id);
	identity_free(&id);
}
END_TEST

/* Revocation. */

START_TEST(tls_refuses_a_revoked_certificate_and_no_other)
{
	struct identity id = issue("stolen broker", GOOD_NAMES, &ca, -DAY, DAY);
	struct settings_broker b = broker();

	write_crl("list.crl", &ca, id.cert, -HOUR, DAY);
	b.crl_file = mutable(path("list.crl"));
	expect_refusal(&b, &id, WORDS("CN=stolen broker", "has been revoked"));
	expect_success(&b, &good);
	identity_free(&id);
}
END_TEST

START_TEST(tls_refuses_all_under_an_expired_crl)
{
	struct settings_broker b = broker();

	write_crl("list.crl", &ca, NULL, -2 * DAY, -DAY);
	b.crl_file = mutable(path("list.crl"));
	expect_refusal(
	    &b, &good, WORDS("revocation list in crl-file expired on", "clock says", "newer one"));
}
END_TEST

START_TEST(tls_asks_for_the_clock_under_a_crl_of_the_future)
{
	struct settings_broker b = broker();

	write_crl("list.crl", &ca, NULL, -HOUR, DAY);
	b.crl_file = mutable(path("list.crl"));
	clock_shift = -time(NULL);
	expect_refusal(&b, &good,
	    WORDS("revocation list in crl-file", "is valid only from", "set the clock first"));
}
END_TEST

START_TEST(tls_refuses_all_under_a_crl_of_another_ca)
{
	struct settings_broker b = broker();

	write_crl("list.crl", &other_ca, NULL, -HOUR, DAY);
	b.crl_file = mutable(path("list.crl"));
	expect_refusal(&b, &good, WORDS("crl-file holds no revocation list", "CN=Good CA"));
}
END_TEST

START_TEST(tls_refuses_a_crl_that_breaks_off)
{
	struct settings_broker b = broker();
	FILE *f;

	write_crl("list.crl", &ca, NULL, -HOUR, DAY);
	f = fopen(path("list.crl"), "a");
	ck_assert_ptr_nonnull(f);
	fputs("-----BEGIN X509 CRL-----\nAAAA\n", f);
	fclose(f);
	b.crl_file = mutable(path("list.crl"));
	expect_error(&b, WORDS("crl-file", b.crl_file, "expected a revocation list in PEM"));
}
END_TEST

/* Versions, and what the client tells of itself. */

START_TEST(tls_speaks_1_2_to_an_older_broker)
{
	struct settings_broker b = broker();
	struct tls *t = client_new(&b);
	SSL_CTX *server = server_new(&good, TLS1_2_VERSION);
	struct pair p = shake(t, server);
	struct tls_facts facts;

	ck_assert(p.client_ok && p.server_ok);
	tls_describe(p.client, &facts);
	ck_assert_str_eq(facts.version, "TLSv1.2");
	pair_free(&p);
	SSL_CTX_free(server);
	tls_free(t);
}
END_TEST

START_TEST(tls_speaks_nothing_below_the_minimum_version)
{
	SSL_CTX *server = server_new(&good, TLS1_2_VERSION);
	struct settings_broker b = broker();

	b.tls_min_version = mutable("1.3");
	expect_alert(&b, server, WORDS("no TLS version in common"));
	SSL_CTX_set_security_level(server, 0);
	SSL_CTX_set_max_proto_version(server, TLS1_1_VERSION);
	b.tls_min_version = NULL;
	expect_alert(&b, server, WORDS("no TLS version in common"));
	SSL_CTX_free(server);
}
END_TEST

static int
choose_mqtt(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned int in_len, void *arg)
{
	static const unsigned char wanted[] = "\4mqtt";

	if (in_len != 5 || memcmp(in, wanted, 5) != 0)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = in + 1;
	*out_len = 4;
	return SSL_TLSEXT_ERR_OK;
}

START_TEST(tls_asks_for_the_configured_protocol)
{
	SSL_CTX *server = server_new(&good, 0);
	struct settings_broker b = broker();
	const unsigned char *chosen;
	unsigned int len;
	struct tls *t;
	struct pair p;

	SSL_CTX_set_alpn_select_cb(server, choose_mqtt, NULL);
	b.alpn = mutable("mqtt");
	t = client_new(&b);
	p = shake(t, server);
	ck_assert(p.client_ok && p.server_ok);
	SSL_get0_alpn_selected(p.client, &chosen, &len);
	ck_assert_uint_eq(len, 4);
	ck_assert_int_eq(memcmp(chosen, "mqtt", 4), 0);
	pair_free(&p);
	tls_free(t);
	b.alpn = mutable("x-amzn-mqtt-ca");
	expect_alert(&b, server, WORDS("does not know the configured alpn"));
	SSL_CTX_free(server);
}
END_TEST

/* The name that the server is asked for, when the broker is known by this host. */
static void
expect_sni(const char *host, const char *expected)
{
	SSL_CTX *server = server_new(&good, 0);
	struct settings_broker b = broker();
	const char *name;
	struct tls *t;
	struct pair p;

	b.host = mutable(host);
	t = client_new(&b);
	p = shake(t, server);
	ck_assert(p.client_ok && p.server_ok);
	name = SSL_get_servername(p.server, TLSEXT_NAMETYPE_host_name);
	if (expected == NULL)
		ck_assert_ptr_null(name);
	else
		ck_assert_pstr_eq(name, expected);
	pair_free(&p);
	tls_free(t);
	SSL_CTX_free(server);
}

START_TEST(tls_asks_for_the_name_and_never_for_an_address)
{
	expect_sni(HOST, HOST);
	expect_sni("192.0.2.7", NULL);
	expect_sni("2001:db8::7", NULL);
}
END_TEST

static int
answer_of_name(SSL *ssl, int *alert, void *arg)
{
	const int *answer = arg;

	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return *answer;
}

START_TEST(tls_takes_a_fatal_alert_for_a_failure_and_a_warning_for_none)
{
	SSL_CTX *server = server_new(&good, TLS1_2_VERSION);
	int answer = SSL_TLSEXT_ERR_ALERT_FATAL;
	struct settings_broker b = broker();
	struct tls *t;
	struct pair p;

	SSL_CTX_set_tlsext_servername_callback(server, answer_of_name);
	SSL_CTX_set_tlsext_servername_arg(server, &answer);
	expect_alert(&b, server, WORDS("unrecognized name", "tls-name"));
	answer = SSL_TLSEXT_ERR_ALERT_WARNING;
	t = client_new(&b);
	p = shake(t, server);
	ck_assert(p.client_ok && p.server_ok);
	ck_assert_ptr_null(tls_failure(t));
	pair_free(&p);
	tls_free(t);
	SSL_CTX_free(server);
}
END_TEST

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

START_TEST(tls_resumes_the_session_at_the_next_connection)
{
	struct settings_broker b = broker();
	struct tls *t = client_new(&b);
	SSL_CTX *server = server_new(&good, versions[_i]);
	struct tls_facts facts;
	struct pair p;

	for (int i = 0; i < 3; i++) {
		p = shake(t, server);
		ck_assert(p.client_ok && p.server_ok);
		tls_describe(p.client, &facts);
		ck_assert_int_eq(facts.resumed, i > 0);
		ck_assert_str_eq(facts.peer_name, "CN=good broker");
		pair_free(&p);
	}
	SSL_CTX_free(server);
	tls_free(t);
}
END_TEST

START_TEST(tls_starts_anew_where_the_session_is_not_known)
{
	struct settings_broker b = broker();
	struct tls *t = client_new(&b);
	struct tls_facts facts;
	SSL_CTX *server;
	struct pair p;

	for (int i = 0; i < 2; i++) {
		server = server_new(&good, versions[_i]); /* with new ticket keys */
		p = shake(t, server);
		ck_assert(p.client_ok && p.server_ok);
		tls_describe(p.client, &facts);
		ck_assert(!facts.resumed);
		pair_free(&p);
		SSL_CTX_free(server);
	}
	tls_free(t);
}
END_TEST

START_TEST(tls_may_be_freed_before_its_connection)
{
	struct settings_broker b = broker();
	struct tls *t = client_new(&b);
	SSL_CTX *server = server_new(&good, 0);
	struct pair p = connect_pair(t, server);
	bool done;

	ck_assert(step(p.client, &done));
	tls_free(t);
	run(&p);
	ck_assert(p.client_ok);
	pair_free(&p);
	SSL_CTX_free(server);
	tls_free(NULL);
}
END_TEST

/* Who we are. */

static SSL_CTX *
demanding_server_new(int max_version)
{
	SSL_CTX *server = server_new(&good, max_version);

	SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(server), ca.cert);
	return server;
}

static void
give_identity(struct settings_broker *b, const struct identity *id, const char *passphrase)
{
	write_cert("node.crt", id->cert);
	write_key("node.key", id->key, passphrase);
	b->certificate = mutable(path("node.crt"));
	b->key = mutable(path("node.key"));
}

START_TEST(tls_presents_its_certificate)
{
	struct identity id = issue("node 1", "", &ca, -DAY, 5 * DAY + HOUR);
	struct settings_broker b = broker();
	SSL_CTX *server = demanding_server_new(versions[_i]);
	struct tls *t;
	struct pair p;

	give_identity(&b, &id, NULL);
	t = client_new(&b);
	p = shake(t, server);
	ck_assert_msg(p.client_ok && p.server_ok, "%s", tls_failure(t));
	ck_assert_int_eq(X509_cmp(SSL_get0_peer_certificate(p.server), id.cert), 0);
	ck_assert_int_eq(tls_own_days_left(t), 5);
	pair_free(&p);
	tls_free(t);
	SSL_CTX_free(server);
	identity_free(&id);
}
END_TEST

START_TEST(tls_suspects_the_missing_certificate)
{
	SSL_CTX *server = demanding_server_new(versions[_i]);
	struct settings_broker b = broker();

	expect_alert(&b, server,
	    WORDS("the alert '",
		versions[_i] == TLS1_3_VERSION ? "certificate required" : "handshake failure",
		"wants a client certificate", "none is configured"));
	SSL_CTX_free(server);
}
END_TEST

START_TEST(tls_tells_what_the_broker_dislikes_in_our_certificate)
{
	struct identity foreign = issue("node 2", "", &other_ca, -DAY, DAY),
			expired = issue("node 3", "", &ca, -3 * DAY, -2 * DAY);
	SSL_CTX *server = demanding_server_new(versions[_i]);
	struct settings_broker b = broker();

	give_identity(&b, &foreign, NULL);
	expect_alert(&b, server, WORDS("it does not trust our certificate"));
	give_identity(&b, &expired, NULL);
	expect_alert(&b, server, WORDS("our certificate has expired"));
	SSL_CTX_free(server);
	identity_free(&foreign);
	identity_free(&expired);
}
END_TEST

START_TEST(tls_opens_an_encrypted_key_with_its_passphrase)
{
	struct identity id = issue("node 4", "", &ca, -DAY, DAY);
	struct settings_broker b = broker();

	give_identity(&b, &id, PASSPHRASE);
	write_text("passphrase", PASSPHRASE "\n");
	b.key_passphrase_file = mutable(path("passphrase"));
	tls_free(client_new(&b));
	write_text("passphrase", "wrong\n");
	expect_error(
	    &b, WORDS("key: ", b.key, "is the passphrase in key-passphrase-file the right one?"));
	b.key_passphrase_file = NULL;
	expect_error(&b, WORDS("key: ", b.key, "an encrypted one needs key-passphrase-file"));
	b.key_passphrase_file = mutable(path("absent"));
	expect_error(&b, WORDS("key-passphrase-file: ", "absent", "No such file"));
	identity_free(&id);
}
END_TEST

START_TEST(tls_refuses_a_key_of_another_certificate)
{
	struct identity id = issue("node 5", "", &ca, -DAY, DAY);
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	struct settings_broker b = broker();

	give_identity(&b, &id, NULL);
	write_key("other.key", good.key, NULL);
	b.key = mutable(path("other.key"));
	expect_error(
	    &b, WORDS("key: ", b.key, "does not belong to the certificate", b.certificate));
	write_key("other.key", rsa, NULL);
	expect_error(
	    &b, WORDS("key: ", b.key, "does not belong to the certificate", b.certificate));
	EVP_PKEY_free(rsa);
	identity_free(&id);
}
END_TEST

/* Files that are missing, or are not what they should be. */

START_TEST(tls_names_the_file_that_is_missing)
{
	struct settings_broker b = broker();

	b.ca_file = mutable(path("absent"));
	expect_error(&b, WORDS("ca-file: ", b.ca_file, "No such file or directory"));
	b = broker();
	b.crl_file = mutable(path("absent"));
	expect_error(&b, WORDS("crl-file: ", b.crl_file, "No such file or directory"));
	b = broker();
	give_identity(&b, &good, NULL);
	b.key = mutable(path("absent"));
	expect_error(&b, WORDS("key: ", b.key, "No such file or directory"));
	b.certificate = mutable(path("absent"));
	expect_error(&b, WORDS("certificate: ", b.certificate, "No such file or directory"));
}
END_TEST

START_TEST(tls_names_the_file_that_is_no_pem)
{
	static const char *const names[] = {"rubbish", "broken"};
	struct settings_broker b = broker();
	const char *name = names[_i];

	b.ca_file = mutable(path(name));
	expect_error(&b, WORDS("ca-file: ", b.ca_file, "expected CA certificates in PEM"));
	b = broker();
	b.crl_file = mutable(path(name));
	expect_error(&b, WORDS("crl-file: ", b.crl_file, "expected a revocation list in PEM"));
	b = broker();
	give_identity(&b, &good, NULL);
	b.key = mutable(path(name));
	expect_error(&b, WORDS("key: ", b.key, "expected a private key in PEM"));
	b.certificate = mutable(path(name));
	expect_error(&b, WORDS("certificate: ", b.certificate, "expected a certificate in PEM"));
}
END_TEST

START_TEST(tls_refuses_a_protocol_name_that_does_not_fit)
{
	struct settings_broker b = broker();
	char name[257];

	memset(name, 'x', sizeof(name) - 1);
	name[256] = '\0';
	b.alpn = name;
	expect_error(&b, WORDS("alpn: ", "1 to 255 characters"));
	name[0] = '\0';
	expect_error(&b, WORDS("alpn: ", "1 to 255 characters"));
	memset(name, 'x', 255);
	name[255] = '\0';
	tls_free(client_new(&b));
}
END_TEST

static void
add_trust_tests(TCase *tc)
{
	tcase_add_test(tc, tls_accepts_a_good_certificate_and_describes_the_connection);
	tcase_add_test(tc, tls_tells_data_that_waits_decrypted);
	tcase_add_test(tc, tls_refuses_a_certificate_of_another_ca);
	tcase_add_test(tc, tls_refuses_a_self_signed_certificate);
	tcase_add_test(tc, tls_tells_when_a_certificate_expired);
	tcase_add_test(tc, tls_tells_from_when_a_certificate_is_valid);
	tcase_add_test(tc, tls_asks_for_a_clock_that_was_never_set);
	tcase_add_test(tc, tls_tells_that_it_is_the_ca_that_expired);
	tcase_add_test(tc, tls_refuses_another_host_name_and_lists_those_it_saw);
	tcase_add_test(tc, tls_names_the_subject_of_a_certificate_without_names);
	tcase_add_test(tc, tls_shows_plain_characters_of_a_name_only);
	tcase_add_test(tc, tls_lists_as_many_names_as_fit);
	tcase_add_test(tc, tls_name_replaces_the_host);
	tcase_add_test(tc, tls_checks_an_address_against_the_certificates_addresses);
	tcase_add_test(tc, tls_accepts_whatever_comes_without_verification);
	tcase_add_test(tc, tls_refuses_a_revoked_certificate_and_no_other);
	tcase_add_test(tc, tls_refuses_all_under_an_expired_crl);
	tcase_add_test(tc, tls_asks_for_the_clock_under_a_crl_of_the_future);
	tcase_add_test(tc, tls_refuses_all_under_a_crl_of_another_ca);
	tcase_add_test(tc, tls_refuses_a_crl_that_breaks_off);
}

static void
add_connection_tests(TCase *tc)
{
	int count = (int)ARRAY_LEN(versions);

	tcase_add_test(tc, tls_speaks_1_2_to_an_older_broker);
	tcase_add_test(tc, tls_speaks_nothing_below_the_minimum_version);
	tcase_add_test(tc, tls_asks_for_the_configured_protocol);
	tcase_add_test(tc, tls_asks_for_the_name_and_never_for_an_address);
	tcase_add_test(tc, tls_takes_a_fatal_alert_for_a_failure_and_a_warning_for_none);
	tcase_add_loop_test(tc, tls_resumes_the_session_at_the_next_connection, 0, count);
	tcase_add_loop_test(tc, tls_starts_anew_where_the_session_is_not_known, 0, count);
	tcase_add_test(tc, tls_may_be_freed_before_its_connection);
	tcase_add_loop_test(tc, tls_presents_its_certificate, 0, count);
	tcase_add_loop_test(tc, tls_suspects_the_missing_certificate, 0, count);
	tcase_add_loop_test(tc, tls_tells_what_the_broker_dislikes_in_our_certificate, 0, count);
	tcase_add_test(tc, tls_opens_an_encrypted_key_with_its_passphrase);
	tcase_add_test(tc, tls_refuses_a_key_of_another_certificate);
	tcase_add_test(tc, tls_names_the_file_that_is_missing);
	tcase_add_loop_test(tc, tls_names_the_file_that_is_no_pem, 0, 2);
	tcase_add_test(tc, tls_refuses_a_protocol_name_that_does_not_fit);
}

int
main(void)
{
	Suite *suite = suite_create("tls");
	TCase *tc = tcase_create("tls");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	/* Unchecked: made once, in the process that the tests fork from. */
	tcase_add_unchecked_fixture(tc, setup_pki, teardown_pki);
	add_trust_tests(tc);
	add_connection_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
