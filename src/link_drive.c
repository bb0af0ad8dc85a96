/*
 * Drives libmosquitto from libevent. Three of the library's habits shape this file. It closes its
 * descriptor inside almost any call, so interest is set anew after each one (link_settle()). It
 * calls back from within itself, so a callback only takes notes and what follows from them is done
 * when the call has returned (deliver()). And it reports the end of a connection in many ways, or
 * not at all, so all of them lead to link_fail(), which tells the owner from an event of its own.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "link.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "link_internal.h"
#include "log.h"
#include "stats.h"
#include "util.h"

#define READ_BURST 64
/* Under TLS the library goes on within one call for as long as a record ends in the middle of a
 * packet, which a broker can make last for ever. Each record takes two reads. */
#define TLS_READS_MAX 64
#define UNACKED_MAX 256
/* The library counts in whole seconds: a keepalive is due for certain one second later. */
#define KEEPALIVE_SLACK_MS 1000

static const char *const stage_names[] = {
    [STAGE_TCP] = "connecting",
    [STAGE_TLS] = "waiting for the TLS handshake",
    [STAGE_CONNACK] = "waiting for the broker's answer to CONNECT",
    [STAGE_OPEN] = "connected",
};

void
link_forget_events(struct link *l)
{
	if (l->readable != NULL)
		event_free(l->readable);
	if (l->writable != NULL)
		event_free(l->writable);
	l->readable = l->writable = NULL;
	wheel_cancel(l->wheel, &l->path_timer);
}

static bool
in_handshake(const struct link *l)
{
	void *ssl = mosquitto_ssl_get(l->mosq);

	return l->tls != NULL && (ssl == NULL || !tls_handshake_done(ssl));
}

static void on_socket(evutil_socket_t fd, short what, void *arg);

static int
watch(struct link *l, evutil_socket_t fd)
{
	link_forget_events(l);
	l->fd = fd;
	l->readable = event_new(l->base, fd, EV_READ | EV_PERSIST, on_socket, l);
	l->writable = event_new(l->base, fd, EV_WRITE | EV_PERSIST, on_socket, l);
	if (l->readable == NULL || l->writable == NULL)
		return -1;
	return event_add(l->readable, NULL);
}

void
link_settle(struct link *l)
{
	int fd = mosquitto_socket(l->mosq);
	bool write;

	if (l->dead)
		return;
	if (fd == -1) {
		link_fail_disconnected(l);
		return;
	}
	if (fd != l->fd && watch(l, fd) == -1) {
		link_fail(l, LINK_BROKEN, "cannot watch the socket: %s", strerror(errno));
		return;
	}
	if (l->stage == STAGE_TCP)
		write = true;
	else if (in_handshake(l))
		write = tls_wants_write(mosquitto_ssl_get(l->mosq));
	else
		write = l->unsent || mosquitto_want_write(l->mosq);
	l->blocked = write;
	if (write) {
		event_add(l->writable, NULL);
		l->stalled = l->stalled || l->stage == STAGE_OPEN;
		return;
	}
	event_del(l->writable);
	l->unacked = 0;
	l->waiting = 0;
	/* Whatever emptied the queue, the owner hears of it from the loop. */
	if (l->stalled)
		event_active(l->writable, EV_WRITE, 0);
}

static void on_timer(void *arg, uint64_t now_ms);

void
link_arm(struct link *l, uint64_t due_ms)
{
	if (due_ms == WHEEL_NEVER)
		wheel_cancel(l->wheel, &l->timer);
	else
		wheel_set(l->wheel, &l->timer, due_ms, on_timer, l);
}

static void
enter(struct link *l, enum link_stage stage)
{
	l->stage = stage;
	link_arm(l, util_now_ms() + l->timeout_ms);
}

static uint64_t
keepalive_due(const struct link *l)
{
	uint64_t quiet_since = l->said_ms < l->heard_ms ? l->said_ms : l->heard_ms;

	if (l->keepalive_ms == 0) /* the broker wants none */
		return WHEEL_NEVER;
	return quiet_since + l->keepalive_ms + KEEPALIVE_SLACK_MS;
}

/* A broker that wants no keepalive would never be missed by a node that only receives. */
static void
let_kernel_probe(const struct link *l)
{
	int on = 1, idle_s = 60;

	if (l->is_unix)
		return;
	setsockopt(l->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
}

/* What the library's callbacks noted while it was on the stack. */
static void
deliver(struct link *l)
{
	if (!l->dead && l->connack && l->stage == STAGE_CONNACK) {
		l->connack = false;
		l->stage = STAGE_OPEN;
		l->said_ms = l->heard_ms = util_now_ms();
		link_arm(l, keepalive_due(l));
		if (l->keepalive_ms == 0)
			let_kernel_probe(l);
		link_path_begin(l);
		l->cb.connected(l->cb.arg);
	}
	if (!l->dead && l->suback) {
		l->suback = false;
		l->cb.subscribed(l->cb.arg, l->suback_mid, l->suback_codes, l->suback_count);
	}
}

/*
 * Brokers leave Nagle on and then wait for our delayed ACK; the option does not last beyond one
 * ACK. Not before the owner has done what the messages gave it to do, as what it sends then is an
 * ACK as well, and does not have to wait for one of its own.
 */
void
link_on_acknowledge(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	int on = 1;

	if (!l->dead && !l->is_unix)
		setsockopt(l->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

/* Not one that was and has ended: the first answer is what the round trip is measured by. */
static bool
was_never_connected(const struct link *l)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	struct link_path_facts facts;

	if (getpeername(l->fd, (struct sockaddr *)&peer, &len) == 0)
		return false;
	link_path_facts(l, &facts);
	return facts.rtt_us == 0;
}

static bool
tcp_connected(struct link *l)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	/* Where the answer comes at once, OpenSSL was there first, and was told the error. */
	if (error == 0 && l->tls != NULL && was_never_connected(l))
		error = ECONNREFUSED;
	if (error == ECONNRESET && l->tls != NULL) {
		link_fail_tls(l);
		return false;
	}
	if (error != 0) {
		link_fail(l, LINK_FAILED_TCP, "%s", strerror(error));
		return false;
	}
	enter(l, l->tls != NULL ? STAGE_TLS : STAGE_CONNACK);
	return true;
}

/* The library takes an end of file during the handshake for "try again", for ever. */
static bool
peer_has_closed(const struct link *l)
{
	char byte;
	ssize_t n = recv(l->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
}

/* It may end sooner than we look, within the library's connecting; or with CONNACK right behind. */
static void
shake_hands(struct link *l)
{
	int rc = in_handshake(l) ? link_guarded_read(l) : MOSQ_ERR_SUCCESS;

	if (rc != MOSQ_ERR_SUCCESS || mosquitto_socket(l->mosq) == -1) {
		link_fail_tls(l);
		return;
	}
	if (in_handshake(l)) {
		if (peer_has_closed(l))
			link_fail_tls(l);
		return;
	}
	tls_describe(mosquitto_ssl_get(l->mosq), &l->facts);
	tls_limit_reads(mosquitto_ssl_get(l->mosq), &l->reads_left);
	if (log_get_level() < LOG_LEVEL_DEBUG)
		mosquitto_log_callback_set(l->mosq, NULL);
	enter(l, STAGE_CONNACK);
	rc = mosquitto_loop_write(l->mosq, 1); /* CONNECT was queued meanwhile */
	if (rc != MOSQ_ERR_SUCCESS)
		link_fail_library(l, rc, errno);
}

static void
flush(struct link *l)
{
	int rc;

	errno = 0;
	rc = mosquitto_loop_write(l->mosq, 1);
	if (rc != MOSQ_ERR_SUCCESS)
		link_fail_library(l, rc, errno);
	else
		link_path_check(l);
	l->said_ms = l->wrote_ms = util_now_ms();
}

/* A broker that answers takes a waiting keepalive off the clock. */
static void
note_heard(struct link *l)
{
	l->heard_ms = util_now_ms();
	l->heard++;
	if (l->awaiting_pong) {
		l->awaiting_pong = false;
		link_arm(l, keepalive_due(l));
	}
}

static void
drain(struct link *l)
{
	bool more = true;
	void *ssl;

	note_heard(l);
	l->reads_left = TLS_READS_MAX;
	for (int i = 0; i < READ_BURST && more && !l->dead; i++) {
		int rc;

		errno = 0;
		rc = link_guarded_read(l);
		more = errno != EAGAIN;
		if (rc != MOSQ_ERR_SUCCESS)
			link_fail_library(l, rc, errno);
		else if (mosquitto_socket(l->mosq) == -1)
			link_fail_disconnected(l);
		deliver(l);
		ssl = l->dead ? NULL : mosquitto_ssl_get(l->mosq);
		more = more || (ssl != NULL && tls_has_pending(ssl));
	}
	if (l->dead)
		return;
	event_active(l->acknowledge, EV_TIMEOUT, 0);
	/* What OpenSSL has already decrypted, poll cannot see. */
	ssl = mosquitto_ssl_get(l->mosq);
	if (ssl != NULL && tls_has_pending(ssl))
		event_active(l->readable, EV_READ, 0);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	bool was_stalled;

	if (l->stage == STAGE_TCP && !tcp_connected(l))
		return;
	if (l->stage == STAGE_TLS) {
		shake_hands(l);
		link_settle(l);
		if (!l->dead && l->stage != STAGE_TLS &&
		    tls_has_pending(mosquitto_ssl_get(l->mosq)))
			event_active(l->readable, EV_READ, 0);
		return;
	}
	/* First what the broker said: after a write that fails it could not be read any more. */
	if (what & EV_READ)
		drain(l);
	if ((what & EV_WRITE) && !l->dead)
		flush(l);
	was_stalled = l->stalled;
	l->stalled = false;
	link_settle(l);
	if (was_stalled && !link_blocked(l) && !l->dead)
		l->cb.writable(l->cb.arg);
}

/* Its log alone tells whether a PINGREQ went out: by its own clock none may have been due. */
static void
on_log(struct mosquitto *mosq, void *arg, int level, const char *text)
{
	struct link *l = arg;

	if (strstr(text, "PINGREQ") != NULL)
		l->ping_noted = true;
	if (level == MOSQ_LOG_ERR && strstr(text, "OpenSSL") != NULL && l->tls_error[0] == '\0')
		snprintf(l->tls_error, sizeof(l->tls_error), "%s", text);
	log_debug("libmosquitto: %s", text);
	errno = 0;
}

static void
keep_alive(struct link *l, uint64_t now_ms)
{
	int rc;

	l->ping_noted = false;
	mosquitto_log_callback_set(l->mosq, on_log);
	rc = mosquitto_loop_misc(l->mosq);
	if (log_get_level() < LOG_LEVEL_DEBUG)
		mosquitto_log_callback_set(l->mosq, NULL);
	if (rc != MOSQ_ERR_SUCCESS) {
		link_fail_library(l, rc, errno);
		return;
	}
	link_settle(l);
	if (l->dead)
		return;
	if (l->ping_noted) {
		stats_count(l->stats, STAT_PINGS_SENT);
		l->awaiting_pong = true;
		l->said_ms = l->ping_ms = now_ms;
	}
	link_arm(l, now_ms + (l->ping_noted ? l->timeout_ms : KEEPALIVE_SLACK_MS));
}

static void
on_timer(void *arg, uint64_t now_ms)
{
	struct link *l = arg;
	uint32_t limit_ms = l->stage == STAGE_TCP ? l->tcp_timeout_ms : l->timeout_ms;
	char limit[32];

	util_format_duration(limit_ms, limit, sizeof(limit));
	if (l->stage != STAGE_OPEN)
		link_fail(l, l->stage == STAGE_TCP ? LINK_FAILED_TCP : LINK_FAILED_TLS,
		    "no success within %s: still %s", limit, stage_names[l->stage]);
	else if (l->awaiting_pong)
		link_fail(l, LINK_SILENT, "the broker has not answered a keepalive for %s", limit);
	else if (now_ms >= keepalive_due(l))
		keep_alive(l, now_ms);
	else
		link_arm(l, keepalive_due(l));
}

/* What an MQTT 5 broker says about itself in CONNACK. */
static void
note_limits(struct link *l, const mosquitto_property *props)
{
	uint16_t keepalive_s, alias_max = 0;

	if (mosquitto_property_read_int16(
		props, MQTT_PROP_SERVER_KEEP_ALIVE, &keepalive_s, false) != NULL)
		l->keepalive_ms = (uint64_t)keepalive_s * 1000;
	mosquitto_property_read_int32(props, MQTT_PROP_MAXIMUM_PACKET_SIZE, &l->max_packet, false);
	mosquitto_property_read_int16(props, MQTT_PROP_TOPIC_ALIAS_MAXIMUM, &alias_max, false);
	l->aliases = link_aliases_new(alias_max);
}

static void
on_connect(struct mosquitto *mosq, void *arg, int code, int flags, const mosquitto_property *props)
{
	struct link *l = arg;

	if (l->stage == STAGE_CONNACK && !l->connack) /* only the first one counts */
		note_limits(l, props);
	l->connack = true;
	l->connack_code = code;
	errno = 0;
}

static void
on_disconnect(struct mosquitto *mosq, void *arg, int code, const mosquitto_property *props)
{
	struct link *l = arg;

	l->disconnect_code = code;
}

static void
on_subscribe(struct mosquitto *mosq, void *arg, int mid, int count, const int *codes,
    const mosquitto_property *props)
{
	struct link *l = arg;

	l->suback = true;
	l->suback_mid = mid;
	l->suback_count = count < LINK_SUBSCRIBE_MAX ? (size_t)count : LINK_SUBSCRIBE_MAX;
	memcpy(l->suback_codes, codes, l->suback_count * sizeof(codes[0]));
	errno = 0;
}

static void
on_message(struct mosquitto *mosq, void *arg, const struct mosquitto_message *m,
    const mosquitto_property *props)
{
	struct link *l = arg;
	struct link_message message = {
	    .topic = m->topic,
	    .payload = m->payload,
	    .len = m->payloadlen > 0 ? (size_t)m->payloadlen : 0,
	    .qos = m->qos,
	    .retain = m->retain,
	};

	/* We subscribe at QoS 0. The library queues an answer to each message above it, read or
	 * not. */
	if (m->qos > 0 && l->blocked && ++l->unacked > UNACKED_MAX)
		link_fail(l, LINK_BROKEN,
		    "the broker sends at QoS %d, and does not read our acknowledgements", m->qos);
	if (!l->dead)
		link_unguarded_message(l, &message);
	errno = 0; /* the library takes a stale EAGAIN for its own */
}

void
link_set_callbacks(struct link *l)
{
	mosquitto_connect_v5_callback_set(l->mosq, on_connect);
	mosquitto_disconnect_v5_callback_set(l->mosq, on_disconnect);
	mosquitto_subscribe_v5_callback_set(l->mosq, on_subscribe);
	mosquitto_message_v5_callback_set(l->mosq, on_message);
	if (l->tls != NULL || log_get_level() == LOG_LEVEL_DEBUG)
		mosquitto_log_callback_set(l->mosq, on_log);
}
