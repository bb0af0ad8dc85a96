/*
 * The owner's side of a link: made, told what to send, asked for facts, thrown away.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "link.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link_internal.h"
#include "util.h"

/* How much may be published before we look where it went: small messages alone cost nothing. */
#define CHECK_EVERY (16 * 1024)
#define NETWORK_TIMEOUT_MS 30000
/* The bytes of a PUBLISH beside topic and payload: length of the topic, of the properties, and an
 * alias (MQTT 5, 3.3.2). */
#define PUBLISH_FIXED 3
#define PUBLISH_ALIAS 3

static void
link_set_socket_options(struct link *l, int fd)
{
	int lowat = LINK_NOTSENT_MAX, timeout = NETWORK_TIMEOUT_MS;

	l->notsent_max = LINK_NOTSENT_MAX;
	if (l->is_unix)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

static void
on_closing(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;

	l->cb.closed(l->cb.arg, l->cause, l->reason);
}

/*
 * The size that we take. A connection that blocks is the library's only way to take properties for
 * one that does not; given an impossible port, it keeps them and fails.
 */
static void
announce_max_packet(struct link *l, uint32_t max_packet, int keepalive_s)
{
	mosquitto_property *props = NULL;

	if (mosquitto_property_add_int32(&props, MQTT_PROP_MAXIMUM_PACKET_SIZE, max_packet) ==
	    MOSQ_ERR_SUCCESS)
		mosquitto_connect_bind_v5(l->mosq, "x", -1, keepalive_s, NULL, props);
	mosquitto_property_free_all(&props);
}

static void
configure(struct link *l, const struct link_params *p)
{
	mosquitto_int_option(l->mosq, MOSQ_OPT_PROTOCOL_VERSION, (int)p->protocol);
	mosquitto_int_option(l->mosq, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_int_option(l->mosq, MOSQ_OPT_RECEIVE_MAXIMUM, 1);
	if (p->username != NULL)
		mosquitto_username_pw_set(l->mosq, p->username, p->password);
	if (p->tls != NULL) {
		tls_begin(p->tls);
		mosquitto_int_option(l->mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
		mosquitto_void_option(l->mosq, MOSQ_OPT_SSL_CTX, tls_context(p->tls));
	}
	link_set_callbacks(l);
	if (p->protocol == LINK_MQTT_5)
		announce_max_packet(l, p->max_packet, (int)p->keepalive_s);
}

static int
start(struct link *l, const struct link_params *p, char **error)
{
	const char *why;
	int rc, cause;

	errno = 0;
	rc = mosquitto_connect_async(l->mosq, p->address, p->port, (int)p->keepalive_s);
	cause = errno;
	if (rc > MOSQ_ERR_SUCCESS || mosquitto_socket(l->mosq) == -1) {
		/* On a fast path the handshake can fail within the call. */
		why = link_tls_reason(l);
		if (why == NULL)
			why = rc == MOSQ_ERR_ERRNO && cause != 0 ? strerror(cause)
								 : mosquitto_strerror(rc);
		*error = util_format("%s", why);
		return -1;
	}
	link_set_socket_options(l, mosquitto_socket(l->mosq));
	l->stage = STAGE_TCP;
	link_settle(l);
	link_arm(l, util_now_ms() + p->tcp_timeout_ms);
	return 0;
}

struct link *
link_new(struct event_base *base, struct wheel *wheel, const struct link_params *p,
    const struct link_callbacks *cb, char **error)
{
	struct link *l = calloc(1, sizeof(*l));

	*error = NULL;
	if (l == NULL)
		goto no_memory;
	*l = (struct link){
	    .base = base,
	    .wheel = wheel,
	    .cb = *cb,
	    .fd = -1,
	    .is_unix = p->port == 0,
	    .tls = p->tls,
	    .stats = p->stats,
	    .protocol = p->protocol,
	    .tcp_timeout_ms = p->tcp_timeout_ms,
	    .timeout_ms = p->timeout_ms,
	    .keepalive_ms = (uint64_t)p->keepalive_s * 1000,
	};
	if (p->congestion_control != NULL)
		snprintf(l->congestion_control, sizeof(l->congestion_control), "%s",
		    p->congestion_control);
	l->closing = event_new(base, -1, 0, on_closing, l);
	l->acknowledge = event_new(base, -1, 0, link_on_acknowledge, l);
	l->mosq = mosquitto_new(p->client_id, true, l);
	if (l->closing == NULL || l->acknowledge == NULL || l->mosq == NULL)
		goto no_memory;
	configure(l, p);
	if (start(l, p, error) == 0)
		return l;
	link_free(l);
	return NULL;
no_memory:
	*error = util_format("%s", strerror(ENOMEM));
	link_free(l);
	return NULL;
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	link_forget_events(l);
	wheel_cancel(l->wheel, &l->timer);
	if (l->closing != NULL)
		event_free(l->closing);
	if (l->acknowledge != NULL)
		event_free(l->acknowledge);
	mosquitto_destroy(l->mosq);
	link_aliases_free(l->aliases);
	free(l);
}

void
link_disconnect(struct link *l)
{
	if (l->dead || l->stage != STAGE_OPEN)
		return;
	link_forget_events(l); /* the library closes the descriptor in the call */
	mosquitto_disconnect(l->mosq);
	l->dead = true;
}

void
link_abandon(struct link *l, enum link_cause cause, const char *reason)
{
	link_fail(l, cause, "%s", reason);
}

int
link_subscribe(struct link *l, const char *const *topics, size_t count, bool no_local, int *mid)
{
	int options = 0, rc;
	char *list[LINK_SUBSCRIBE_MAX];

	if (l->dead || count == 0 || count > LINK_SUBSCRIBE_MAX)
		return -1;
	if (l->protocol == LINK_MQTT_5)
		options = MQTT_SUB_OPT_RETAIN_AS_PUBLISHED | MQTT_SUB_OPT_SEND_RETAIN_NEVER |
			  (no_local ? MQTT_SUB_OPT_NO_LOCAL : 0);
	for (size_t i = 0; i < count; i++)
		list[i] = (char *)(uintptr_t)topics[i]; /* the library only reads them */
	errno = 0;
	rc = mosquitto_subscribe_multiple(l->mosq, mid, (int)count, list, 0, options, NULL);
	if (rc != MOSQ_ERR_SUCCESS)
		link_fail_library(l, rc, errno);
	l->said_ms = util_now_ms();
	link_settle(l);
	return l->dead ? -1 : 0;
}

int
link_unsubscribe(struct link *l, const char *topic)
{
	int rc;

	if (l->dead)
		return -1;
	errno = 0;
	rc = mosquitto_unsubscribe(l->mosq, NULL, topic);
	if (rc != MOSQ_ERR_SUCCESS)
		link_fail_library(l, rc, errno);
	l->said_ms = util_now_ms();
	link_settle(l);
	return l->dead ? -1 : 0;
}

/* What may follow the fixed header in a packet of size bytes: that header is a byte and the length
 * of what follows, 7 bits a byte in at most 4. */
static size_t
max_remaining(size_t size)
{
	size_t limit = 0x7f, header = 2;

	while (size > header + limit && header < 5) {
		limit = limit << 7 | 0x7f;
		header++;
	}
	size = size > header ? size - header : 0;
	return size < limit ? size : limit;
}

size_t
link_max_payload(const struct link *l, size_t topic_len)
{
	size_t overhead = PUBLISH_FIXED + topic_len + (l->aliases != NULL ? PUBLISH_ALIAS : 0);
	size_t room;

	if (l->max_packet == 0)
		return SIZE_MAX;
	room = max_remaining(l->max_packet);
	return room > overhead ? room - overhead : 0;
}

static int
publish(struct link *l, const char *topic, const void *payload, size_t len)
{
	size_t topic_len = strlen(topic);
	const mosquitto_property *alias;
	bool known;
	int rc;

	if (len > MQTT_MAX_PAYLOAD || len > link_max_payload(l, topic_len))
		return MOSQ_ERR_OVERSIZE_PACKET;
	alias = link_aliases_use(l->aliases, topic, topic_len, &known);
	rc = mosquitto_publish_v5(
	    l->mosq, NULL, known ? NULL : topic, (int)len, payload, 0, false, alias);
	if (rc != MOSQ_ERR_SUCCESS && alias != NULL)
		link_aliases_forget(l->aliases);
	return rc;
}

int
link_publish(struct link *l, const char *topic, const void *payload, size_t len)
{
	int rc;

	if (l->dead) {
		errno = ENOTCONN;
		return -1;
	}
	errno = 0;
	rc = publish(l, topic, payload, len);
	if (rc == MOSQ_ERR_OVERSIZE_PACKET || rc == MOSQ_ERR_PAYLOAD_SIZE) {
		errno = EMSGSIZE;
		return -1;
	}
	if (rc != MOSQ_ERR_SUCCESS) {
		link_fail_library(l, rc, errno);
		errno = ENOTCONN;
		return -1;
	}
	l->said_ms = util_now_ms();
	if (l->blocked)
		l->waiting += len;
	else
		l->wrote_ms = l->said_ms;
	l->unchecked += len;
	if (l->unchecked >= CHECK_EVERY || l->unchecked >= l->notsent_max || l->unsent)
		link_path_check(l);
	link_settle(l);
	return 0;
}

bool
link_blocked(const struct link *l)
{
	return l->blocked || l->full;
}

size_t
link_waiting(const struct link *l)
{
	return l->waiting;
}

enum link_protocol
link_protocol(const struct link *l)
{
	return l->protocol;
}

const struct tls_facts *
link_tls_facts(const struct link *l)
{
	return l->facts.version[0] != '\0' ? &l->facts : NULL;
}

uint64_t
link_wrote_ms(const struct link *l)
{
	return l->wrote_ms;
}

uint64_t
link_heard(const struct link *l)
{
	return l->heard;
}

int
link_library_init(void)
{
	return mosquitto_lib_init() == MOSQ_ERR_SUCCESS ? 0 : -1;
}

void
link_library_cleanup(void)
{
	mosquitto_lib_cleanup();
}
