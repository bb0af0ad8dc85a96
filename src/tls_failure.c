/*
 * Why a TLS handshake failed, in words that a person can act on.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "tls.h"

#include <openssl/x509v3.h>

#include <stdio.h>
#include <time.h>

#include "addr.h"
#include "tls_internal.h"

/* No certificate in use is older than this project: a clock before it was never set. */
#define CLOCK_SANE_FROM 1735689600 /* 2025-01-01 */

/* tm is NULL if it is not known. */
static void
time_text(const struct tm *tm, char *buf, size_t size)
{
	if (tm == NULL || strftime(buf, size, "%Y-%m-%d %H:%M UTC", tm) == 0)
		snprintf(buf, size, "an unknown date");
}

/* Not by timegm(3): certificates are valid beyond 2038, where a time_t of 32 bits ends. */
int64_t
tls_asn1_time(const ASN1_TIME *t)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	if (t == NULL || epoch == NULL || ASN1_TIME_diff(&days, &seconds, epoch, t) != 1)
		days = seconds = 0;
	ASN1_TIME_free(epoch);
	return (int64_t)days * 86400 + seconds;
}

void
tls_name_text(X509_NAME *name, char *buf, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = 0;

	buf[0] = '\0';
	if (bio == NULL)
		return;
	if (name != NULL &&
	    X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) >= 0)
		len = BIO_read(bio, buf, (int)size - 1);
	buf[len > 0 ? len : 0] = '\0';
	BIO_free(bio);
}

/* The names that a certificate is good for, "a, b, c", as far as they fit. */
static void
certificate_names(X509 *cert, char *buf, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && used < size; i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		struct addr a;
		char text[ADDR_TEXT_MAX];

		if (n->type == GEN_DNS) {
			used += (size_t)snprintf(buf + used, size - used, "%s%.*s",
			    used > 0 ? ", " : "", ASN1_STRING_length(n->d.dNSName),
			    (const char *)ASN1_STRING_get0_data(n->d.dNSName));
		} else if (n->type == GEN_IPADD) {
			int len = ASN1_STRING_length(n->d.iPAddress);

			if (len != 4 && len != 16)
				continue;
			a = addr_from_bytes(len == 4 ? ADDR_IPV4 : ADDR_IPV6,
			    ASN1_STRING_get0_data(n->d.iPAddress));
			used += (size_t)snprintf(buf + used, size - used, "%s%s",
			    used > 0 ? ", " : "", addr_format(&a, text));
		}
	}
	GENERAL_NAMES_free(names);
	/* The broker chose these bytes; they also go into JSON. */
	for (char *c = buf; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	if (buf[0] == '\0')
		tls_name_text(X509_get_subject_name(cert), buf, size);
}

/* what is a certificate or a revocation list; remedy follows unless the clock is to blame. */
static void
describe_date(
    struct tls *t, const char *what, const ASN1_TIME *date, bool expired, const char *remedy)
{
	char when[32], now_text[32];
	time_t now = time(NULL);
	struct tm tm;

	time_text(date != NULL && ASN1_TIME_to_tm(date, &tm) == 1 ? &tm : NULL, when, sizeof(when));
	time_text(gmtime_r(&now, &tm), now_text, sizeof(now_text));
	snprintf(t->failure, sizeof(t->failure), "%s %s %s; this machine's clock says %s%s", what,
	    expired ? "expired on" : "is valid only from", when, now_text,
	    now < CLOCK_SANE_FROM
		? ": set the clock first, no certificate can be checked without it"
		: remedy);
}

static void
describe_certificate_date(struct tls *t, X509 *cert, const char *whose, bool expired)
{
	char subject[128], what[192];

	tls_name_text(X509_get_subject_name(cert), subject, sizeof(subject));
	snprintf(what, sizeof(what), "%s (%s)", whose, subject);
	describe_date(
	    t, what, expired ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert), expired, "");
}

static void
describe_crl_date(struct tls *t, const X509_CRL *crl, bool expired)
{
	describe_date(t, "the revocation list in crl-file",
	    expired ? X509_CRL_get0_nextUpdate(crl) : X509_CRL_get0_lastUpdate(crl), expired,
	    expired ? ": put a newer one in its place" : "");
}

static void
describe_trust(struct tls *t, X509 *cert)
{
	char subject[128], issuer[128];

	tls_name_text(X509_get_subject_name(cert), subject, sizeof(subject));
	tls_name_text(X509_get_issuer_name(cert), issuer, sizeof(issuer));
	snprintf(t->failure, sizeof(t->failure),
	    "the broker's certificate (%s, issued by %s) is not signed by a CA that we trust (%s)",
	    subject, issuer, t->trust);
}

static void
describe_name(struct tls *t, X509 *cert)
{
	char names[160];

	certificate_names(cert, names, sizeof(names));
	snprintf(t->failure, sizeof(t->failure), "the broker's certificate is for %s, not for '%s'",
	    names, t->name);
}

static void
describe_other(struct tls *t, X509 *cert, const char *whose, int error)
{
	char subject[128], issuer[128];

	tls_name_text(X509_get_subject_name(cert), subject, sizeof(subject));
	tls_name_text(X509_get_issuer_name(cert), issuer, sizeof(issuer));
	if (error == X509_V_ERR_CERT_REVOKED)
		snprintf(
		    t->failure, sizeof(t->failure), "%s (%s) has been revoked", whose, subject);
	else if (error == X509_V_ERR_UNABLE_TO_GET_CRL)
		snprintf(t->failure, sizeof(t->failure),
		    "crl-file holds no revocation list of the CA (%s) that issued the broker's "
		    "certificate",
		    issuer);
	else
		snprintf(t->failure, sizeof(t->failure), "%s (%s): %s", whose, subject,
		    X509_verify_cert_error_string(error));
}

void
tls_note_verify_failure(struct tls *t, X509_STORE_CTX *store)
{
	int error = X509_STORE_CTX_get_error(store);
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	const X509_CRL *crl = X509_STORE_CTX_get0_current_crl(store);
	const char *whose = X509_STORE_CTX_get_error_depth(store) == 0
				? "the broker's certificate"
				: "the certificate of the broker's CA";

	if (cert == NULL) {
		snprintf(t->failure, sizeof(t->failure), "the broker's certificate: %s",
		    X509_verify_cert_error_string(error));
		return;
	}
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		describe_certificate_date(t, cert, whose, error == X509_V_ERR_CERT_HAS_EXPIRED);
		break;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		if (crl != NULL)
			describe_crl_date(t, crl, error == X509_V_ERR_CRL_HAS_EXPIRED);
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		describe_trust(t, cert);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		describe_name(t, cert);
		break;
	default:
		describe_other(t, cert, whose, error);
	}
}

void
tls_note_alert(struct tls *t, int alert)
{
	/* OpenSSL has no word for the newest of them. */
	const char *text = (alert & 0xff) == SSL_AD_CERTIFICATE_REQUIRED
			       ? "certificate required"
			       : SSL_alert_desc_string_long(alert);
	const char *hint = "";

	if (alert >> 8 != SSL3_AL_FATAL)
		return;
	switch (alert & 0xff) {
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_CERTIFICATE_UNKNOWN:
		hint = ": it does not trust our certificate";
		break;
	case SSL_AD_CERTIFICATE_EXPIRED:
		hint = ": our certificate has expired, or the broker's clock is wrong";
		break;
	case SSL_AD_CERTIFICATE_REVOKED:
		hint = ": our certificate has been revoked";
		break;
	case SSL_AD_HANDSHAKE_FAILURE:
	case SSL_AD_CERTIFICATE_REQUIRED:
		hint = t->own_expiry == 0
			   ? ": perhaps it wants a client certificate, and none is configured"
			   : ": it may not accept our certificate or any of our ciphers";
		break;
	case SSL_AD_PROTOCOL_VERSION:
		hint = ": it has no TLS version in common with us";
		break;
	case SSL_AD_UNRECOGNIZED_NAME:
		hint = ": it does not go by the name that we know it by (tls-name)";
		break;
	case SSL_AD_NO_APPLICATION_PROTOCOL:
		hint = ": it does not know the configured alpn";
		break;
	}
	snprintf(t->failure, sizeof(t->failure), "the broker ended TLS with the alert '%s'%s", text,
	    hint);
}
