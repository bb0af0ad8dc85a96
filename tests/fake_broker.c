/*
 * A broker for tests: enough of MQTT 3.1.1 and 5 for one client with QoS 0.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "fake_broker.h"

#include <arpa/inet.h>
#include <check.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum packet {
	CONNECT = 1,
	PUBLISH = 3,
	SUBSCRIBE = 8,
	UNSUBSCRIBE = 10,
	PINGREQ = 12,
	DISCONNECT = 14,
};

/* What is left of a packet. */
struct rest {
	const uint8_t *data;
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) note(struct fake_broker *b, const char *fmt, ...)
{
	size_t room = sizeof(b->journal) - b->journal_len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(b->journal + b->journal_len, room, fmt, args);
	va_end(args);
	ck_assert(n >= 0 && (size_t)n < room);
	b->journal_len += (size_t)n;
}

static const uint8_t *
take(struct rest *r, size_t len)
{
	const uint8_t *data = r->data;

	ck_assert_uint_le(len, r->len);
	r->data += len;
	r->len -= len;
	return data;
}

/* A string of MQTT; text is size bytes. */
static void
take_text(struct rest *r, char *text, size_t size)
{
	const uint8_t *p = take(r, 2);
	size_t len = (size_t)p[0] << 8 | p[1];

	ck_assert_uint_lt(len, size);
	memcpy(text, take(r, len), len);
	text[len] = '\0';
}

/* Those of our own client are short. */
static void
skip_properties(const struct fake_broker *b, struct rest *r)
{
	if (b->version == 5)
		take(r, *take(r, 1));
}

void
fake_broker_say(struct fake_broker *b, struct fake_bytes bytes)
{
	ck_assert_int_eq(send(b->fd, bytes.data, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
}

static void
say_or_hold(struct fake_broker *b, const void *data, size_t len)
{
	if (!b->holds) {
		fake_broker_say(b, (struct fake_bytes){data, len});
		return;
	}
	ck_assert_uint_le(len, sizeof(b->held) - b->held_len);
	memcpy(b->held + b->held_len, data, len);
	b->held_len += len;
}

void
fake_broker_release(struct fake_broker *b)
{
	if (b->held_len > 0)
		fake_broker_say(b, (struct fake_bytes){b->held, b->held_len});
	b->held_len = 0;
	b->holds = false;
}

void
fake_broker_hang_up(struct fake_broker *b)
{
	if (b->readable != NULL)
		event_free(b->readable);
	b->readable = NULL;
	if (b->fd != -1)
		close(b->fd);
	b->fd = -1;
	b->held_len = 0;
}

static void
on_connect(struct fake_broker *b, struct rest r)
{
	struct fake_bytes connack;
	const uint8_t *p;
	uint8_t flags;
	char text[128];

	take_text(&r, text, sizeof(text));
	ck_assert_str_eq(text, "MQTT");
	p = take(&r, 4); /* version, flags, keepalive */
	b->version = p[0];
	flags = p[1];
	skip_properties(b, &r);
	take_text(&r, text, sizeof(text)); /* the client id */
	if (flags & 0x80)
		take_text(&r, text, sizeof(text));
	b->password[0] = '\0';
	if (flags & 0x40)
		take_text(&r, b->password, sizeof(b->password));
	note(b, "CONNECT %u\n", b->version);
	connack = b->version == 5 ? b->connack_5 : b->connack_4;
	if (connack.len > 0)
		fake_broker_say(b, connack);
	else
		fake_broker_hang_up(b);
}

static void
on_subscribe(struct fake_broker *b, struct rest r)
{
	const uint8_t *mid = take(&r, 2);
	char answer[64] = {(char)0x90, 0, (char)mid[0], (char)mid[1]}, topic[128];
	size_t len = b->version == 5 ? 5 : 4;

	skip_properties(b, &r);
	note(b, "SUBSCRIBE");
	while (r.len > 0) {
		take_text(&r, topic, sizeof(topic));
		note(b, " %s:%02x", topic, *take(&r, 1));
		ck_assert_uint_lt(len, sizeof(answer));
		if (b->denied != NULL && strcmp(topic, b->denied) == 0)
			answer[len] = (char)0x80;
		len++;
	}
	note(b, "\n");
	answer[1] = (char)(len - 2);
	say_or_hold(b, answer, len);
}

static void
on_unsubscribe(struct fake_broker *b, struct rest r)
{
	const uint8_t *mid = take(&r, 2);
	char answer[6] = {(char)0xb0, b->version == 5 ? 4 : 2, (char)mid[0], (char)mid[1]};
	char topic[128];

	skip_properties(b, &r);
	take_text(&r, topic, sizeof(topic));
	note(b, "UNSUBSCRIBE %s\n", topic);
	say_or_hold(b, answer, 2 + (size_t)answer[1]);
}

/* Without QoS and properties a PUBLISH looks the same both ways. */
static void
on_publish(struct fake_broker *b, struct rest whole, struct rest r)
{
	char topic[128];

	take_text(&r, topic, sizeof(topic));
	note(b, "PUBLISH %s\n", topic);
	if (b->lost > 0)
		b->lost--;
	else
		say_or_hold(b, whole.data, whole.len);
}

static void
on_packet(struct fake_broker *b, struct rest whole, struct rest r)
{
	unsigned int type = whole.data[0] >> 4;

	b->packets[type]++;
	if (type == CONNECT)
		on_connect(b, r);
	else if (type == SUBSCRIBE)
		on_subscribe(b, r);
	else if (type == UNSUBSCRIBE)
		on_unsubscribe(b, r);
	else if (type == PUBLISH)
		on_publish(b, whole, r);
	else if (type == PINGREQ)
		fake_broker_say(b, FAKE_BYTES("\xd0\x00"));
	else if (type == DISCONNECT)
		note(b, "DISCONNECT\n");
	else
		ck_abort_msg("a packet of type %u", type);
}

/* The first packet of data, without its header in body. Returns its length, or 0 if there is not
 * all of it yet. */
static size_t
first_packet(struct rest data, struct rest *body)
{
	size_t len = 0, i = 1;

	do {
		if (i >= data.len)
			return 0;
		len |= (size_t)(data.data[i] & 0x7f) << (7 * (i - 1));
	} while (data.data[i++] & 0x80);
	*body = (struct rest){data.data + i, len};
	return i + len <= data.len ? i + len : 0;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct fake_broker *b = arg;
	ssize_t n = recv(fd, b->inbox + b->inbox_len, sizeof(b->inbox) - b->inbox_len, 0);
	struct rest data = {b->inbox, 0}, body;
	size_t len;

	if (n <= 0) {
		b->ended++;
		fake_broker_hang_up(b);
		return;
	}
	data.len = b->inbox_len + (size_t)n;
	while (b->fd != -1 && (len = first_packet(data, &body)) > 0) {
		on_packet(b, (struct rest){data.data, len}, body);
		take(&data, len);
	}
	b->inbox_len = data.len;
	memmove(b->inbox, data.data, data.len);
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct fake_broker *b = arg;

	fake_broker_hang_up(b);
	b->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ck_assert_int_ne(b->fd, -1);
	b->inbox_len = 0;
	b->accepted++;
	b->readable = event_new(b->base, b->fd, EV_READ | EV_PERSIST, on_readable, b);
	ck_assert_ptr_nonnull(b->readable);
	event_add(b->readable, NULL);
}

int
fake_broker_open(
    struct fake_broker *b, struct event_base *base, const struct sockaddr *sa, socklen_t len)
{
	*b = (struct fake_broker){
	    .connack_4 = FAKE_BYTES("\x20\x02\x00\x00"),
	    .connack_5 = FAKE_BYTES("\x20\x03\x00\x00\x00"),
	    .base = base,
	    .fd = -1,
	};
	b->listener = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return b->listener != -1 ? bind(b->listener, sa, len) : -1;
}

void
fake_broker_listen(struct fake_broker *b)
{
	ck_assert_int_eq(listen(b->listener, 4), 0);
	b->acceptable = event_new(b->base, b->listener, EV_READ | EV_PERSIST, on_acceptable, b);
	ck_assert_ptr_nonnull(b->acceptable);
	event_add(b->acceptable, NULL);
}

void
fake_broker_close(struct fake_broker *b)
{
	fake_broker_hang_up(b);
	if (b->acceptable != NULL)
		event_free(b->acceptable);
	b->acceptable = NULL;
	if (b->listener != -1)
		close(b->listener);
	b->listener = -1;
}

uint16_t
fake_broker_port(const struct fake_broker *b)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} sa;
	socklen_t len = sizeof(sa);

	ck_assert_int_eq(getsockname(b->listener, &sa.any, &len), 0);
	return ntohs(sa.any.sa_family == AF_INET6 ? sa.in6.sin6_port : sa.in.sin_port);
}
