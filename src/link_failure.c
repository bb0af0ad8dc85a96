/*
 * Why a connection ended, in words that a person can act on.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "link_internal.h"
#include "util.h"

/* What to do about a refusal, by its reason code; 3.1.1 has 1 to 5, MQTT 5 has 0x80 and above. */
static const struct {
	int code;
	const char *hint;
} refusal_hints[] = {
    {2, "choose another client-id"},
    {4, "check username and password-file"},
    {5, "check username and password-file, the client certificate, and the broker's ACL"},
    {MQTT_RC_CLIENTID_NOT_VALID, "choose another client-id"},
    {MQTT_RC_BAD_USERNAME_OR_PASSWORD, "check username and password-file"},
    {MQTT_RC_NOT_AUTHORIZED,
	"check username and password-file, the client certificate, and the broker's ACL"},
    {MQTT_RC_BANNED, "the broker has banned this client"},
};

void
link_fail(struct link *l, enum link_cause cause, const char *fmt, ...)
{
	va_list ap;

	if (l->dead)
		return;
	l->dead = true;
	l->cause = cause;
	va_start(ap, fmt);
	vsnprintf(l->reason, sizeof(l->reason), fmt, ap);
	va_end(ap);
	link_forget_events(l);
	wheel_cancel(l->wheel, &l->timer);
	event_active(l->closing, EV_TIMEOUT, 0);
}

const char *
link_tls_reason(const struct link *l)
{
	const char *why = l->tls != NULL ? tls_failure(l->tls) : NULL;

	if (why == NULL && strstr(l->tls_error, "wrong version number") != NULL)
		why = "the broker does not speak TLS on this port (mqtt:// would be without TLS)";
	/* A plain end says nothing that we would not say better. */
	if (why == NULL && l->tls_error[0] != '\0' &&
	    strstr(l->tls_error, "unexpected eof") == NULL)
		why = l->tls_error;
	return why;
}

void
link_fail_tls(struct link *l)
{
	const char *why = link_tls_reason(l);

	link_fail(l, LINK_FAILED_TLS, "%s",
	    why != NULL ? why
			: "the broker closed the connection during the TLS handshake (if this port "
			  "is without TLS, write mqtt://)");
}

static void
fail_refused(struct link *l)
{
	const char *text = l->protocol == LINK_MQTT_5 ? mosquitto_reason_string(l->connack_code)
						      : mosquitto_connack_string(l->connack_code);
	const char *hint = NULL;

	if (l->connack_code == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || l->connack_code == 1) {
		link_fail(l, LINK_FAILED_VERSION, "the broker does not speak MQTT %s",
		    l->protocol == LINK_MQTT_5 ? "5" : "3.1.1");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(refusal_hints); i++)
		if (refusal_hints[i].code == l->connack_code)
			hint = refusal_hints[i].hint;
	link_fail(l, LINK_FAILED_REFUSED, "the broker refuses the connection: %s (code %d)%s%s",
	    text, l->connack_code, hint != NULL ? ": " : "", hint != NULL ? hint : "");
}

/* The broker closed the connection, or the network lost it. */
static void
fail_lost(struct link *l, int error)
{
	const char *alert = l->tls != NULL ? tls_failure(l->tls) : NULL;

	if (alert != NULL)
		link_fail(l, LINK_FAILED_TLS, "%s", alert);
	else if (error == ETIMEDOUT)
		link_fail(l, LINK_SILENT, "the network no longer answers");
	else if (l->stage != STAGE_OPEN)
		link_fail(l, LINK_CLOSED_EARLY,
		    "the broker closed the connection without an answer to CONNECT%s",
		    l->tls == NULL ? " (if this is a port for TLS, write mqtts://)"
				   : " (it may refuse our client certificate, or want one)");
	else
		link_fail(l, LINK_CLOSED_BY_BROKER, "the broker closed the connection%s%s",
		    error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
}

void
link_fail_library(struct link *l, int rc, int error)
{
	if (l->stage == STAGE_TLS) {
		link_fail_tls(l);
		return;
	}
	if (l->connack && l->connack_code != 0) {
		fail_refused(l);
		return;
	}
	switch (rc) {
	case LINK_READ_ABORTED:
		link_fail(l, LINK_FAILED_VERSION,
		    "the broker sent MQTT %s that libmosquitto cannot read",
		    l->protocol == LINK_MQTT_5 ? "5" : "3.1.1");
		break;
	case MOSQ_ERR_CONN_LOST:
		fail_lost(l, 0);
		break;
	case MOSQ_ERR_ERRNO:
		fail_lost(l, error);
		break;
	case MOSQ_ERR_TLS:
		fail_lost(l, ECONNRESET);
		break;
	case MOSQ_ERR_KEEPALIVE:
		link_fail(l, LINK_SILENT, "the broker did not answer a keepalive");
		break;
	case MOSQ_ERR_NOMEM:
		link_fail(l, LINK_BROKEN,
		    "no memory for what the broker sent: it announced an absurd size");
		break;
	case MOSQ_ERR_PROTOCOL:
	case MOSQ_ERR_MALFORMED_PACKET:
	case MOSQ_ERR_MALFORMED_UTF8:
	case MOSQ_ERR_INVAL:
		link_fail(l, LINK_BROKEN, "the broker sent what is not MQTT%s",
		    l->stage == STAGE_OPEN ? "" : " (is it a broker, on this port?)");
		break;
	default:
		link_fail(l, LINK_BROKEN, "libmosquitto: %s", mosquitto_strerror(rc));
	}
}

void
link_fail_disconnected(struct link *l)
{
	if (l->disconnect_code == MQTT_RC_SESSION_TAKEN_OVER)
		link_fail(l, LINK_TAKEN_OVER, "another client connected with our client id");
	else
		link_fail(l, LINK_CLOSED_BY_BROKER, "the broker ended the connection: %s (code %d)",
		    mosquitto_reason_string(l->disconnect_code), l->disconnect_code);
}
