/*
 * Tests of link against a broker that the test plays itself, byte by byte, in the same event loop.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "link.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "settings.h"
#include "stats.h"
#include "ticker.h"
#include "util.h"
#include "wheel.h"

#define PATIENCE_S 10
#define INBOX_SIZE 65536

enum packet {
	CONNECT = 0x10,
	PUBLISH = 0x30,
	SUBSCRIBE = 0x80,
	UNSUBSCRIBE = 0xa0,
	PINGREQ = 0xc0,
	DISCONNECT = 0xe0
};

struct bytes {
	const char *data;
	size_t len;
};

#define BYTES(text) ((struct bytes){text, sizeof(text) - 1})
#define NOTHING ((struct bytes){NULL, 0})

/* The broker: what it got, and what it answers to each packet as it comes. */
struct broker {
	int listener, fd;
	uint16_t port;
	struct event *acceptable, *readable;
	uint8_t inbox[INBOX_SIZE];
	size_t used;
	unsigned int packets[256]; /* how many of each type */
	uint8_t last[256][512];	   /* the beginning of the last of each type */
	size_t last_len;	   /* of the last packet, all of it */
	char published[512];	   /* the topic of each PUBLISH, and its alias: "t=1 =1 u " */
	unsigned int accepted, ended;
	bool deaf;		  /* accepts and reads nothing */
	bool close_after_connect; /* with no other answer */
	bool notes_topics;	  /* in published */
	struct bytes connack, pong;
	const char *suback_codes;
	size_t suback_count;
};

/* What came up from the link. */
struct seen {
	unsigned int connected, subscribed, messages, writable, closed;
	int mid, codes[8];
	size_t code_count;
	struct link_message message; /* topic and payload are below */
	char topic[64];
	uint8_t payload[64];
	enum link_cause cause;
	char reason[1024];
};

static struct event_base *base;
static struct ticker *ticker;
static struct stats stats;
static struct broker broker;
static struct seen seen;
static struct link *link_;

static const enum link_protocol protocols[] = {LINK_MQTT_311, LINK_MQTT_5};
static const struct bytes accepted[] = {
    {"\x20\x02\x00\x00", 4},
    {"\x20\x03\x00\x00\x00", 5},
};

/* What the kernel tells of the link's socket, where the test makes it up. */
static struct {
	bool pretends;
	int held; /* bytes */
	uint64_t delivery_rate;
	uint32_t rtt_us, min_rtt_us;
	uint32_t sacked, lost; /* segments of 1000 bytes */
	unsigned int looks;    /* how often it was asked */
} kernel;

/* In the place of the C library's; their prototypes differ. */
int pretended_ioctl(int fd, unsigned long request, int *value) __asm__("ioctl");

int
pretended_ioctl(int fd, unsigned long request, int *value)
{
	if (request == SIOCOUTQ)
		kernel.looks++;
	if (request != SIOCOUTQ || !kernel.pretends)
		return (int)syscall(SYS_ioctl, fd, request, value);
	*value = kernel.held;
	return 0;
}

int
getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct tcp_info *info = value;

	if (level != IPPROTO_TCP || name != TCP_INFO || !kernel.pretends)
		return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
	info->tcpi_delivery_rate = kernel.delivery_rate;
	info->tcpi_rtt = kernel.rtt_us;
	info->tcpi_min_rtt = kernel.min_rtt_us;
	info->tcpi_snd_mss = 1000;
	info->tcpi_sacked = kernel.sacked;
	info->tcpi_lost = kernel.lost;
	return 0;
}

/* The broker. */

static void
broker_say(struct bytes b)
{
	if (b.len > 0)
		ck_assert_int_eq(send(broker.fd, b.data, b.len, MSG_NOSIGNAL), (ssize_t)b.len);
}

static void
broker_hang_up(void)
{
	if (broker.readable != NULL)
		event_free(broker.readable);
	broker.readable = NULL;
	if (broker.fd != -1)
		close(broker.fd);
	broker.fd = -1;
}

/* p is a whole SUBSCRIBE. */
static void
answer_subscribe(const uint8_t *p)
{
	bool mqtt5 = broker.last[CONNECT][8] == 5;
	char answer[32] = {(char)0x90};
	size_t len = 2;

	answer[len++] = (char)p[2];
	answer[len++] = (char)p[3];
	if (mqtt5)
		answer[len++] = 0;
	memcpy(answer + len, broker.suback_codes, broker.suback_count);
	len += broker.suback_count;
	answer[1] = (char)(len - 2);
	broker_say((struct bytes){answer, len});
}

/* p is a whole PUBLISH without QoS, and with no property but an alias. */
static void
note_publish(const uint8_t *p)
{
	bool mqtt5 = broker.last[CONNECT][8] == 5;
	size_t used = strlen(broker.published), room = sizeof(broker.published) - used;
	int topic_len, n;

	do
		p++;
	while (*p & 0x80);
	topic_len = p[1] << 8 | p[2];
	n = snprintf(broker.published + used, room, "%.*s", topic_len, (const char *)p + 3);
	p += 3 + topic_len;
	if (mqtt5 && p[0] != 0) {
		ck_assert_int_eq(memcmp(p, "\x03\x23", 2), 0);
		n += snprintf(
		    broker.published + used + n, room - (size_t)n, "=%d", p[2] << 8 | p[3]);
	}
	snprintf(broker.published + used + n, room - (size_t)n, " ");
}

static void
answer(const uint8_t *p, size_t len)
{
	uint8_t type = p[0] & 0xf0;

	broker.packets[type]++;
	broker.last_len = len;
	memcpy(broker.last[type], p, len < sizeof(broker.last[0]) ? len : sizeof(broker.last[0]));
	if (type == CONNECT) {
		broker_say(broker.connack);
		if (broker.close_after_connect)
			broker_hang_up();
	} else if (type == SUBSCRIBE) {
		answer_subscribe(p);
	} else if (type == PINGREQ) {
		broker_say(broker.pong);
	} else if (type == PUBLISH && broker.notes_topics) {
		note_publish(p);
	}
}

/* The length of the packet at p with its header, or 0 if there is not all of it yet. */
static size_t
packet_len(const uint8_t *p, size_t available)
{
	size_t len = 0, i = 1;

	do {
		if (i >= available)
			return 0;
		len |= (size_t)(p[i] & 0x7f) << (7 * (i - 1));
	} while (p[i++] & 0x80);
	return i + len <= available ? i + len : 0;
}

static void
on_broker_readable(evutil_socket_t fd, short what, void *arg)
{
	ssize_t n = recv(fd, broker.inbox + broker.used, INBOX_SIZE - broker.used, 0);
	size_t len, at = 0;

	if (n <= 0) {
		broker.ended++;
		broker_hang_up();
		return;
	}
	broker.used += (size_t)n;
	while (broker.fd != -1 && (len = packet_len(broker.inbox + at, broker.used - at)) > 0) {
		answer(broker.inbox + at, len);
		at += len;
	}
	broker.used -= at;
	memmove(broker.inbox, broker.inbox + at, broker.used);
}

static void
on_broker_acceptable(evutil_socket_t fd, short what, void *arg)
{
	broker_hang_up();
	broker.fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ck_assert_int_ne(broker.fd, -1);
	broker.used = 0;
	broker.accepted++;
	broker.readable =
	    event_new(base, broker.fd, EV_READ | EV_PERSIST, on_broker_readable, NULL);
	ck_assert_ptr_nonnull(broker.readable);
	if (!broker.deaf)
		event_add(broker.readable, NULL);
}

static void
broker_listen(const struct sockaddr *sa, socklen_t len)
{
	broker.listener = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ne(broker.listener, -1);
	ck_assert_int_eq(bind(broker.listener, sa, len), 0);
	ck_assert_int_eq(listen(broker.listener, 1), 0);
	broker.acceptable =
	    event_new(base, broker.listener, EV_READ | EV_PERSIST, on_broker_acceptable, NULL);
	ck_assert_ptr_nonnull(broker.acceptable);
	event_add(broker.acceptable, NULL);
}

static void
broker_stop_listening(void)
{
	if (broker.acceptable != NULL)
		event_free(broker.acceptable);
	broker.acceptable = NULL;
	close(broker.listener);
}

static void
setup(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(link_library_init(), 0);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ticker = ticker_new(base);
	ck_assert_ptr_nonnull(ticker);
	broker.fd = -1;
	broker.connack = accepted[1];
	broker.pong = BYTES("\xd0\x00");
	broker.suback_codes = "\x00";
	broker.suback_count = 1;
	broker_listen((struct sockaddr *)&sa, sizeof(sa));
	ck_assert_int_eq(getsockname(broker.listener, (struct sockaddr *)&sa, &len), 0);
	broker.port = ntohs(sa.sin_port);
}

static void
teardown(void)
{
	link_free(link_);
	broker_hang_up();
	broker_stop_listening();
	ticker_free(ticker);
	event_base_free(base);
	link_library_cleanup();
}

/* The link's owner. */

static void
on_connected(void *arg)
{
	seen.connected++;
}

static void
on_subscribed(void *arg, int mid, const int *codes, size_t count)
{
	seen.subscribed++;
	seen.mid = mid;
	seen.code_count = count;
	memcpy(seen.codes, codes, count * sizeof(codes[0]));
}

static void
on_message(void *arg, const struct link_message *m)
{
	seen.messages++;
	seen.message = *m;
	snprintf(seen.topic, sizeof(seen.topic), "%s", m->topic);
	ck_assert_uint_le(m->len, sizeof(seen.payload));
	if (m->len > 0)
		memcpy(seen.payload, m->payload, m->len);
}

static void
on_writable(void *arg)
{
	seen.writable++;
}

static void
on_closed(void *arg, enum link_cause cause, const char *reason)
{
	seen.closed++;
	seen.cause = cause;
	snprintf(seen.reason, sizeof(seen.reason), "%s", reason);
	link_free(link_);
	link_ = NULL;
}

static const struct link_callbacks callbacks = {
    .connected = on_connected,
    .subscribed = on_subscribed,
    .message = on_message,
    .writable = on_writable,
    .closed = on_closed,
};

static struct link_params
params(void)
{
	return (struct link_params){
	    .address = "127.0.0.1",
	    .port = broker.port,
	    .client_id = "node-1",
	    .protocol = LINK_MQTT_5,
	    .keepalive_s = 60,
	    .tcp_timeout_ms = 5000,
	    .timeout_ms = 5000,
	    .max_packet = 2000,
	    .stats = &stats,
	};
}

static void
start(const struct link_params *p)
{
	char *error;

	memset(&seen, 0, sizeof(seen));
	link_ = link_new(base, ticker_wheel(ticker), p, &callbacks, &error);
	ck_assert_msg(link_ != NULL, "%s", error);
	ck_assert_ptr_null(error);
}

static void
on_out_of_patience(evutil_socket_t fd, short what, void *arg)
{
	const char *waiting_for = arg;

	ck_abort_msg("no %s in time; closed %u times, '%s'", waiting_for, seen.closed, seen.reason);
}

/* Runs the loop until counter has come to value. */
static void
wait_for(const char *what, const unsigned int *counter, unsigned int value)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};
	struct event *limit = event_new(base, -1, 0, on_out_of_patience, (void *)(uintptr_t)what);

	event_add(limit, &patience);
	while (*counter < value)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	event_free(limit);
}

/* Everything that is ready, and what follows from it. */
static void
run_what_is_ready(void)
{
	for (int i = 0; i < 50; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
free_link(void)
{
	link_free(link_);
	link_ = NULL;
}

static void
open_link(enum link_protocol protocol)
{
	struct link_params p = params();

	p.protocol = protocol;
	broker.connack = accepted[protocol == LINK_MQTT_5];
	start(&p);
	wait_for("connection", &seen.connected, 1);
}

/* Ended once, for this cause, and with these words. */
static void
expect_end(enum link_cause cause, const char *words)
{
	wait_for("end", &seen.closed, 1);
	run_what_is_ready();
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_msg(seen.cause == cause, "cause %d: %s", (int)seen.cause, seen.reason);
	ck_assert_msg(strstr(seen.reason, words) != NULL, "'%s' is not in: %s", words, seen.reason);
}

static const uint8_t *
find_bytes(const uint8_t *haystack, size_t len, struct bytes needle)
{
	return memmem(haystack, len, needle.data, needle.len);
}

/* From the beginning to the end. */

START_TEST(link_says_who_it_is)
{
	struct link_params p = params();
	const uint8_t *connect = broker.last[CONNECT];

	p.protocol = protocols[_i];
	p.username = "node";
	p.password = "secret";
	p.keepalive_s = 77;
	broker.connack = accepted[_i];
	start(&p);
	ck_assert_int_eq(link_protocol(link_), protocols[_i]);
	wait_for("connection", &seen.connected, 1);
	ck_assert_int_eq(memcmp(connect + 2, "\x00\x04MQTT", 6), 0);
	ck_assert_uint_eq(connect[8], (unsigned int)protocols[_i]);
	ck_assert_uint_eq(connect[9], 0xc2); /* user name, password, clean session; no will */
	ck_assert_uint_eq(connect[10] << 8 | connect[11], 77);
	ck_assert_ptr_nonnull(find_bytes(connect, 64, BYTES("\x00\x06node-1")));
	ck_assert_ptr_nonnull(find_bytes(connect, 64, BYTES("\x00\x04node\x00\x06secret")));
	ck_assert_int_eq(find_bytes(connect, 64, BYTES("\x27\x00\x00\x07\xd0")) != NULL,
	    protocols[_i] == LINK_MQTT_5);
	ck_assert_ptr_null(link_tls_facts(link_));
	ck_assert_uint_ge(link_heard(link_), 1);
}
END_TEST

START_TEST(link_subscribes_and_tells_each_answer)
{
	static const char *const topics[] = {"mqttip/10.0.0.1", "mqttip/255.255.255.255"};
	/* MQTT 5: retain as published, no retained messages, none of our own. */
	char options = (char)(protocols[_i] == LINK_MQTT_5 ? 0x2c : 0);
	char end[] = "10.0.0.1?\x00\x16mqttip/255.255.255.255?";
	int mid;

	open_link(protocols[_i]);
	broker.suback_codes = "\x00\x80";
	broker.suback_count = 2;
	ck_assert_int_eq(link_subscribe(link_, topics, 2, true, &mid), 0);
	wait_for("SUBACK", &seen.subscribed, 1);
	ck_assert_int_eq(seen.mid, mid);
	ck_assert_uint_eq(seen.code_count, 2);
	ck_assert_int_eq(seen.codes[0], 0);
	ck_assert_int_eq(seen.codes[1], 0x80);
	end[8] = end[sizeof(end) - 2] = options;
	ck_assert_ptr_nonnull(
	    find_bytes(broker.last[SUBSCRIBE], 128, (struct bytes){end, sizeof(end) - 1}));
	ck_assert_int_eq(link_unsubscribe(link_, topics[0]), 0);
	wait_for("UNSUBSCRIBE", &broker.packets[UNSUBSCRIBE], 1);
}
END_TEST

START_TEST(link_refuses_to_subscribe_to_nothing_or_too_much)
{
	static const char *const topics[9] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
	int mid;

	open_link(LINK_MQTT_5);
	ck_assert_int_eq(link_subscribe(link_, topics, 0, false, &mid), -1);
	ck_assert_int_eq(link_subscribe(link_, topics, 9, false, &mid), -1);
	broker.suback_codes = "\0\0\0\0\0\0\0\0\0\0\0\0";
	broker.suback_count = 12; /* more than were asked for */
	ck_assert_int_eq(link_subscribe(link_, topics, 8, false, &mid), 0);
	wait_for("SUBACK", &seen.subscribed, 1);
	ck_assert_uint_eq(seen.code_count, 8);
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(link_carries_messages_both_ways)
{
	open_link(protocols[_i]);
	broker_say(protocols[_i] == LINK_MQTT_5 ? BYTES("\x30\x07\x00\x01t\x00"
							"abc")
						: BYTES("\x30\x06\x00\x01t"
							"abc"));
	wait_for("message", &seen.messages, 1);
	ck_assert_str_eq(seen.topic, "t");
	ck_assert_uint_eq(seen.message.len, 3);
	ck_assert_int_eq(memcmp(seen.payload, "abc", 3), 0);
	ck_assert_int_eq(seen.message.qos, 0);
	ck_assert(!seen.message.retain);
	ck_assert_int_eq(link_publish(link_, "u", "xyz", 3), 0);
	ck_assert(!link_blocked(link_));
	wait_for("PUBLISH", &broker.packets[PUBLISH], 1);
	ck_assert_uint_eq(broker.last[PUBLISH][0], 0x30);
	ck_assert_ptr_nonnull(find_bytes(broker.last[PUBLISH], 9, BYTES("xyz")));
	ck_assert_uint_eq(seen.writable, 0);
}
END_TEST

START_TEST(link_passes_up_retain_and_qos)
{
	open_link(LINK_MQTT_5);
	broker_say(BYTES("\x31\x05\x00\x01t\x00r"));
	wait_for("retained message", &seen.messages, 1);
	ck_assert(seen.message.retain);
	broker_say(BYTES("\x32\x07\x00\x01t\x00\x05\x00q"));
	wait_for("message of QoS 1", &seen.messages, 2);
	ck_assert_int_eq(seen.message.qos, 1);
	ck_assert(!seen.message.retain);
	broker_say(BYTES("\x34\x07\x00\x01t\x00\x06\x00q\x62\x02\x00\x06"));
	wait_for("message of QoS 2", &seen.messages, 3);
	ck_assert_int_eq(seen.message.qos, 2);
	broker_say(BYTES("\x30\x04\x00\x01t\x00"));
	wait_for("empty message", &seen.messages, 4);
	ck_assert_uint_eq(seen.message.len, 0);
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(link_takes_a_message_that_comes_in_pieces)
{
	static const char message[] = "\x30\x07\x00\x01t\x00"
				      "abc";

	open_link(LINK_MQTT_5);
	for (size_t i = 0; i < sizeof(message) - 1; i++) {
		ck_assert_uint_eq(seen.messages, 0);
		broker_say((struct bytes){message + i, 1});
		run_what_is_ready();
	}
	wait_for("message", &seen.messages, 1);
	ck_assert_int_eq(memcmp(seen.payload, "abc", 3), 0);
}
END_TEST

START_TEST(link_takes_a_burst_of_messages)
{
	open_link(LINK_MQTT_5);
	for (int i = 0; i < 500; i++)
		broker_say(BYTES("\x30\x07\x00\x01t\x00"
				 "abc"));
	wait_for("500 messages", &seen.messages, 500);
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(link_refuses_a_message_larger_than_the_broker_takes)
{
	static const uint8_t payload[200];

	struct link_params p = params();

	broker.connack = BYTES("\x20\x08\x00\x00\x05\x27\x00\x00\x00\x64"); /* 100 bytes */
	start(&p);
	wait_for("connection", &seen.connected, 1);
	errno = 0;
	ck_assert_int_eq(link_publish(link_, "t", payload, sizeof(payload)), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(link_publish(link_, "t", payload, 50), 0);
	wait_for("PUBLISH", &broker.packets[PUBLISH], 1);
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(link_says_goodbye)
{
	open_link(protocols[_i]);
	link_disconnect(link_);
	errno = 0;
	ck_assert_int_eq(link_publish(link_, "t", "x", 1), -1);
	ck_assert_int_eq(errno, ENOTCONN);
	wait_for("DISCONNECT", &broker.packets[DISCONNECT], 1);
	wait_for("end", &broker.ended, 1);
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(link_connects_through_a_unix_socket)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct link_params p = params();

	snprintf(sa.sun_path, sizeof(sa.sun_path), "/tmp/check_link.%d", (int)getpid());
	broker_stop_listening();
	broker_listen((struct sockaddr *)&sa, sizeof(sa));
	p.address = sa.sun_path;
	p.port = 0;
	start(&p);
	wait_for("connection", &seen.connected, 1);
	unlink(sa.sun_path);
	ck_assert_int_eq(link_publish(link_, "t", "x", 1), 0);
	wait_for("PUBLISH", &broker.packets[PUBLISH], 1);
}
END_TEST

/* Topic aliases. */

/* A CONNACK of MQTT 5 with a maximum of this many aliases, and of max_packet bytes unless 0. */
static struct bytes
connack_limits(uint16_t aliases, uint32_t max_packet)
{
	static char connack[16];
	size_t len = 8;

	memcpy(connack, "\x20\x06\x00\x00\x03\x22", 6);
	connack[6] = (char)(aliases >> 8);
	connack[7] = (char)aliases;
	if (max_packet > 0) {
		connack[1] += 5;
		connack[4] += 5;
		connack[len++] = 0x27;
		for (int shift = 24; shift >= 0; shift -= 8)
			connack[len++] = (char)(max_packet >> shift);
	}
	return (struct bytes){connack, len};
}

static void
open_with(struct bytes connack)
{
	struct link_params p = params();

	broker.connack = connack;
	broker.notes_topics = true;
	broker.published[0] = '\0';
	start(&p);
	wait_for("connection", &seen.connected, 1);
}

static void
publish_to(const char *topic)
{
	ck_assert_int_eq(link_publish(link_, topic, "x", 1), 0);
}

/* Publishes to each topic, a letter of letters, and tells what the broker got. */
static const char *
publish_letters(const char *letters)
{
	unsigned int before = broker.packets[PUBLISH];
	size_t count = strlen(letters);

	broker.published[0] = '\0';
	for (size_t i = 0; i < count; i++)
		publish_to((const char[]){letters[i], '\0'});
	wait_for("PUBLISH", &broker.packets[PUBLISH], before + (unsigned int)count);
	ck_assert_uint_eq(seen.closed, 0);
	return broker.published;
}

START_TEST(link_sends_a_topic_once_and_then_its_alias)
{
	open_with(connack_limits(10, 0));
	ck_assert_str_eq(publish_letters("aaba"), "a=1 =1 b=2 =1 ");
	ck_assert_ptr_nonnull(find_bytes(broker.last[PUBLISH], 9,
	    BYTES("\x30\x07\x00\x00\x03\x23\x00\x01"
		  "x")));
	publish_to("ab"); /* not to be taken for what begins like it */
	ck_assert_str_eq(publish_letters("b"), "ab=3 =2 ");
	/* Our own CONNECT names a maximum packet size and a receive maximum, and offers no alias.
	 */
	ck_assert_int_eq(
	    memcmp(broker.last[CONNECT] + 12, "\x08\x27\x00\x00\x07\xd0\x21\x00\x01", 9), 0);
}
END_TEST

START_TEST(link_gives_the_alias_least_recently_used_to_a_new_topic)
{
	open_with(connack_limits(3, 0));
	ck_assert_str_eq(publish_letters("abca"), "a=1 b=2 c=3 =1 ");
	ck_assert_str_eq(publish_letters("dac"), "d=2 =1 =3 ");
	ck_assert_str_eq(publish_letters("bdbac"), "b=2 d=1 =2 a=3 c=1 ");
}
END_TEST

START_TEST(link_shifts_the_only_alias_of_a_broker_from_topic_to_topic)
{
	open_with(connack_limits(1, 0));
	ck_assert_str_eq(publish_letters("aabba"), "a=1 =1 b=1 =1 a=1 ");
}
END_TEST

START_TEST(link_keeps_to_64_aliases_where_the_broker_takes_more)
{
	char topic[16];

	open_with(connack_limits(65535, 0));
	broker.notes_topics = false;
	for (int i = 1; i <= 64; i++) {
		snprintf(topic, sizeof(topic), "t%d", i);
		publish_to(topic);
	}
	wait_for("PUBLISH", &broker.packets[PUBLISH], 64);
	broker.notes_topics = true;
	publish_to("t1");
	publish_to("t64");
	publish_to("t65"); /* in the place of t2 */
	publish_to("t3");
	publish_to("t2");
	wait_for("PUBLISH", &broker.packets[PUBLISH], 69);
	ck_assert_str_eq(broker.published, "=1 =64 t65=2 =3 t2=4 ");
}
END_TEST

START_TEST(link_sends_no_alias_where_the_broker_offers_none)
{
	struct link_params p = params();

	open_with(accepted[1]);
	ck_assert_str_eq(publish_letters("aab"), "a a b ");
	free_link();
	open_with(connack_limits(0, 0));
	ck_assert_str_eq(publish_letters("aab"), "a a b ");
	free_link();
	/* What a broker of 3.1.1 says behind its answer is no offer. */
	p.protocol = LINK_MQTT_311;
	broker.connack = connack_limits(10, 0);
	start(&p);
	wait_for("connection", &seen.connected, 1);
	ck_assert_str_eq(publish_letters("aab"), "a a b ");
}
END_TEST

START_TEST(link_takes_no_alias_over_to_the_next_connection)
{
	open_with(connack_limits(10, 0));
	ck_assert_str_eq(publish_letters("aba"), "a=1 b=2 =1 ");
	broker_hang_up();
	wait_for("end", &seen.closed, 1);
	open_with(connack_limits(10, 0));
	ck_assert_str_eq(publish_letters("bab"), "b=1 a=2 =1 ");
}
END_TEST

START_TEST(link_sends_a_long_topic_without_an_alias)
{
	char topic[300];

	memset(topic, 'l', sizeof(topic) - 1);
	topic[sizeof(topic) - 1] = '\0';
	open_with(connack_limits(10, 0));
	broker.notes_topics = false;
	publish_to(topic);
	publish_to(topic);
	wait_for("PUBLISH", &broker.packets[PUBLISH], 2);
	ck_assert_uint_eq(broker.last_len, 3 + 2 + 299 + 1 + 1);
	topic[264] = '\0';
	publish_to(topic);
	publish_to(topic);
	wait_for("PUBLISH", &broker.packets[PUBLISH], 4);
	ck_assert_uint_eq(broker.last_len, 2 + 2 + 4 + 1);
}
END_TEST

/* A second CONNACK tells the library of a limit, but not the link: so a publish fails in it. */
START_TEST(link_forgets_an_alias_that_was_not_sent)
{
	static const uint8_t payload[100];

	open_with(connack_limits(10, 0));
	ck_assert_str_eq(publish_letters("a"), "a=1 ");
	broker_say(connack_limits(10, 50));
	run_what_is_ready();
	errno = 0;
	ck_assert_int_eq(link_publish(link_, "b", payload, sizeof(payload)), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_str_eq(publish_letters("bab"), "b=2 =1 =2 ");
	ck_assert_int_eq(link_publish(link_, "a", payload, sizeof(payload)), -1);
	ck_assert_str_eq(publish_letters("aba"), "a=1 =2 =1 ");
	free_link();
	open_with(connack_limits(2, 0));
	ck_assert_str_eq(publish_letters("ab"), "a=1 b=2 ");
	broker_say(connack_limits(2, 50));
	run_what_is_ready();
	ck_assert_int_eq(link_publish(link_, "c", payload, sizeof(payload)), -1);
	/* Its alias is the free one then. */
	ck_assert_str_eq(publish_letters("db"), "d=1 =2 ");
	ck_assert_uint_eq(seen.connected, 1);
}
END_TEST

/* The largest payload for each of these fills the broker's packet, and one byte more is refused. */
static const struct {
	uint32_t max_packet;
	uint16_t aliases;
	size_t topic_len, payload, packet;
} sizes[] = {
    {100, 0, 1, 94, 100},
    {100, 5, 1, 91, 100},
    {129, 5, 20, 101, 129},
    {130, 5, 20, 101, 129}, /* a byte of length more would be too much */
    {131, 5, 20, 102, 131},
    {16386, 5, 40, 16337, 16386},
    {16387, 5, 40, 16337, 16386},
    {16388, 0, 40, 16341, 16388},
    {10, 5, 20, 0, 0},
};

START_TEST(link_fills_the_packet_of_the_broker_and_no_more)
{
	static uint8_t payload[20000];
	char topic[64] = {0};
	size_t n = sizes[_i].payload;

	memset(topic, 't', sizes[_i].topic_len);
	open_with(connack_limits(sizes[_i].aliases, sizes[_i].max_packet));
	ck_assert_uint_eq(link_max_payload(link_, sizes[_i].topic_len), n);
	errno = 0;
	ck_assert_int_eq(link_publish(link_, topic, payload, n + 1), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	if (n == 0)
		return;
	ck_assert_int_eq(link_publish(link_, topic, payload, n), 0);
	wait_for("PUBLISH", &broker.packets[PUBLISH], 1);
	ck_assert_uint_eq(broker.last_len, sizes[_i].packet);
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(link_knows_no_limit_where_the_broker_names_none)
{
	open_with(connack_limits(5, 0));
	ck_assert_uint_eq(link_max_payload(link_, 20), SIZE_MAX);
	errno = 0;
	ck_assert_int_eq(link_publish(link_, "t", "x", SIZE_MAX / 2 + 2), -1); /* as an int: 1 */
	ck_assert_int_eq(errno, EMSGSIZE);
	free_link();
	open_with(connack_limits(5, UINT32_MAX)); /* more than MQTT has */
	ck_assert_uint_eq(link_max_payload(link_, 20), 268435455 - 26);
}
END_TEST

/* Backpressure. */

static const uint8_t large[65000];

/* Publishes to a broker that does not read, until the link is blocked. Returns how many bytes. */
static size_t
publish_until_blocked(size_t len)
{
	size_t count = 0;

	event_del(broker.readable);
	while (count < 100000 && !link_blocked(link_)) {
		ck_assert_int_eq(link_publish(link_, "t", large, len), 0);
		count++;
	}
	ck_assert(link_blocked(link_));
	return count * len;
}

/* So that some of it certainly waits in the library, whatever the kernel may still move on. */
static void
fill(void)
{
	int room = 65536; /* to set it keeps the kernel from making it larger */

	ck_assert_int_eq(setsockopt(broker.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	publish_until_blocked(1400);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(link_publish(link_, "t", large, sizeof(large)), 0);
	ck_assert(link_blocked(link_));
}

/* The broker takes what has come, without the loop. Returns how much that was. */
static size_t
take_what_comes(void)
{
	static char buf[65536];
	size_t taken = 0;
	ssize_t n;

	while ((n = recv(broker.fd, buf, sizeof(buf), 0)) > 0)
		taken += (size_t)n;
	return taken;
}

/* It takes all that is under way; each message makes the link send on. */
static void
empty(void)
{
	static const size_t small = 16;
	struct timeval limit = {.tv_usec = 300000};
	size_t taken;

	fcntl(broker.fd, F_SETFL, 0);
	setsockopt(broker.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	do {
		taken = take_what_comes();
		ck_assert_int_eq(link_publish(link_, "t", "x", 1), 0);
	} while (taken > small);
	fcntl(broker.fd, F_SETFL, O_NONBLOCK);
}

START_TEST(link_tells_when_it_takes_messages_again)
{
	open_link(LINK_MQTT_5);
	fill();
	run_what_is_ready();
	ck_assert(link_blocked(link_));
	ck_assert_uint_eq(seen.writable, 0);
	event_add(broker.readable, NULL);
	wait_for("writable()", &seen.writable, 1);
	ck_assert(!link_blocked(link_));
	run_what_is_ready();
	ck_assert_uint_eq(seen.writable, 1);
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(link_tells_so_also_when_another_message_emptied_the_queue)
{
	open_link(LINK_MQTT_5);
	fill();
	empty();
	ck_assert(!link_blocked(link_));
	ck_assert_uint_eq(seen.writable, 0); /* never from within a call */
	wait_for("writable()", &seen.writable, 1);
	run_what_is_ready();
	ck_assert_uint_eq(seen.writable, 1);
}
END_TEST

START_TEST(link_reads_while_it_is_blocked)
{
	open_link(LINK_MQTT_5);
	fill();
	broker_say(BYTES("\x30\x07\x00\x01t\x00"
			 "abc"));
	wait_for("message", &seen.messages, 1);
	ck_assert(link_blocked(link_));
	ck_assert_uint_eq(seen.writable, 0);
}
END_TEST

/* What came to the broker's host, and is not read yet. */
static size_t
arrived(void)
{
	int bytes;

	ck_assert_int_eq(ioctl(broker.fd, FIONREAD, &bytes), 0);
	return (size_t)bytes;
}

static const size_t message_sizes[] = {16384, 40000, 65000};

START_TEST(link_holds_one_large_message_at_most_in_front_of_the_next)
{
	size_t published;

	open_link(LINK_MQTT_5);
	published = publish_until_blocked(message_sizes[_i]);
	ck_assert_uint_le(published - arrived(), message_sizes[_i] + 32768);
}
END_TEST

/* As much as makes the link look what became of it, and too little to wait in the kernel. */
static void
publish_and_look(void)
{
	unsigned int before = kernel.looks;

	ck_assert_int_eq(link_publish(link_, "t", large, 16384), 0);
	ck_assert_uint_gt(kernel.looks, before);
}

static const struct {
	uint64_t delivery_rate;
	uint32_t min_rtt_us;
	int most;
} paths[] = {
    {0, UINT32_MAX, 256 * 1024}, /* nothing known yet */
    {1250000, 10000, 256 * 1024},
    {10000000, 30000, 500000},
    {20000000, UINT32_MAX, 400000},
};

/* The kernel holds so much on that path. */
static void
pretend(int path, int held)
{
	kernel.pretends = true;
	kernel.delivery_rate = paths[path].delivery_rate;
	kernel.rtt_us = 31000;
	kernel.min_rtt_us = paths[path].min_rtt_us;
	kernel.held = held;
}

START_TEST(link_is_blocked_while_the_kernel_holds_more_than_the_path_takes)
{
	open_link(LINK_MQTT_5);
	pretend(_i, paths[_i].most);
	publish_and_look();
	ck_assert(!link_blocked(link_));
	kernel.held++;
	publish_and_look();
	ck_assert(link_blocked(link_));
	wait_for("look", &kernel.looks, kernel.looks + 3);
	ck_assert(link_blocked(link_));
	ck_assert_uint_eq(seen.writable, 0);
	kernel.held--;
	ck_assert(link_blocked(link_));
	wait_for("writable()", &seen.writable, 1);
	ck_assert(!link_blocked(link_));
	run_what_is_ready();
	ck_assert_uint_eq(seen.writable, 1);
	ck_assert_uint_gt(wheel_next_due(ticker_wheel(ticker)), util_now_ms() + 1000);
}
END_TEST

START_TEST(link_does_not_count_what_arrived_or_got_lost_behind_a_lost_segment)
{
	open_link(LINK_MQTT_5);
	pretend(2, paths[2].most + 150000);
	kernel.sacked = 140;
	kernel.lost = 10;
	publish_and_look();
	ck_assert(!link_blocked(link_));
	kernel.held++;
	publish_and_look();
	ck_assert(link_blocked(link_));
}
END_TEST

START_TEST(link_is_blocked_until_neither_the_socket_nor_the_kernel_is_full)
{
	open_link(LINK_MQTT_5);
	pretend(0, INT_MAX);
	fill();
	event_add(broker.readable, NULL);
	ck_assert_int_eq(link_publish(link_, "last", "x", 1), 0);
	while (find_bytes(broker.last[PUBLISH], 8, BYTES("last")) == NULL)
		wait_for("PUBLISH", &broker.packets[PUBLISH], broker.packets[PUBLISH] + 1);
	run_what_is_ready();
	ck_assert(link_blocked(link_));
	ck_assert_uint_eq(seen.writable, 0);
	kernel.held = 0;
	wait_for("writable()", &seen.writable, 1);
	ck_assert(!link_blocked(link_));
}
END_TEST

START_TEST(link_waits_for_the_socket_when_the_kernel_is_no_longer_full)
{
	open_link(LINK_MQTT_5);
	pretend(0, INT_MAX);
	fill();
	kernel.held = 0;
	wait_for("look", &kernel.looks, kernel.looks + 1);
	run_what_is_ready();
	ck_assert_uint_eq(seen.writable, 0);
	event_add(broker.readable, NULL);
	wait_for("writable()", &seen.writable, 1);
	run_what_is_ready();
	ck_assert_uint_eq(seen.writable, 1);
}
END_TEST

START_TEST(link_tells_once_when_both_are_over_at_the_same_time)
{
	struct wheel *wheel = ticker_wheel(ticker);

	open_link(LINK_MQTT_5);
	fill();
	pretend(0, INT_MAX);
	publish_and_look();
	pretend(0, 0);
	empty();
	while (util_now_ms() < wheel_next_due(wheel))
		;
	wheel_run(wheel, util_now_ms());
	run_what_is_ready();
	ck_assert_uint_eq(seen.writable, 1);
}
END_TEST

START_TEST(link_does_not_look_after_small_messages)
{
	open_link(LINK_MQTT_5);
	kernel.looks = 0;
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(link_publish(link_, "t", large, 64), 0);
	ck_assert_uint_eq(kernel.looks, 0);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(link_publish(link_, "t", large, 64), 0);
	ck_assert_uint_eq(kernel.looks, 1);
}
END_TEST

START_TEST(link_knows_when_the_broker_takes_what_the_kernel_holds)
{
	uint64_t wrote_ms;

	open_link(LINK_MQTT_5);
	pretend(0, INT_MAX);
	publish_and_look();
	wrote_ms = link_wrote_ms(link_);
	wait_for("look", &kernel.looks, kernel.looks + 3);
	ck_assert_uint_eq(link_wrote_ms(link_), wrote_ms);
	kernel.held--;
	wait_for("look", &kernel.looks, kernel.looks + 1);
	ck_assert_uint_gt(link_wrote_ms(link_), wrote_ms);
	ck_assert(link_blocked(link_));
}
END_TEST

START_TEST(link_tells_what_the_kernel_knows_of_the_path)
{
	struct link_path_facts facts;

	open_link(LINK_MQTT_5);
	link_path_facts(link_, &facts);
	ck_assert_uint_gt(facts.rtt_us, 0);
	pretend(2, 4711);
	link_path_facts(link_, &facts);
	ck_assert_uint_eq(facts.rtt_us, 31000);
	ck_assert_uint_eq(facts.min_rtt_us, 30000);
	ck_assert_uint_eq(facts.delivery_rate, 10000000);
	ck_assert_uint_eq(facts.held, 4711);
	pretend(3, 0);
	link_path_facts(link_, &facts);
	ck_assert_uint_eq(facts.min_rtt_us, 0); /* not measured yet */
}
END_TEST

/* The ways to fail. */

static struct tls *
any_tls(void)
{
	static char url[] = "mqtts://127.0.0.1", host[] = "127.0.0.1";
	const struct settings_broker b = {
	    .url = url, .host = host, .transport = TRANSPORT_TLS, .tls_verify = false};
	char *error;
	struct tls *t = tls_new(&b, &error);

	ck_assert_msg(t != NULL, "%s", error);
	return t;
}

START_TEST(link_names_a_port_where_nobody_listens)
{
	struct tls *t = _i == 1 ? any_tls() : NULL;
	struct link_params p = params();
	char *error;

	p.tls = t;
	event_free(broker.acceptable);
	broker.acceptable = NULL;
	shutdown(broker.listener, SHUT_RDWR);
	memset(&seen, 0, sizeof(seen));
	link_ = link_new(base, ticker_wheel(ticker), &p, &callbacks, &error);
	if (link_ == NULL) { /* the kernel may know it at once */
		ck_assert_str_eq(error, "Connection refused");
		free(error);
	} else {
		expect_end(LINK_FAILED_TCP, "Connection refused");
	}
	tls_free(t);
}
END_TEST

START_TEST(link_names_a_unix_socket_that_is_missing)
{
	struct link_params p = params();
	char *error;

	p.address = "/nonexistent/socket";
	p.port = 0;
	link_ = link_new(base, ticker_wheel(ticker), &p, &callbacks, &error);
	ck_assert_ptr_null(link_);
	ck_assert_str_eq(error, "No such file or directory");
	free(error);
	run_what_is_ready();
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

/* Connections that fill the queue of a listener who does not accept: further ones hang. */
static void
fill_backlog(int *fds, size_t count)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(broker.port)};

	event_del(broker.acceptable);
	for (size_t i = 0; i < count; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		ck_assert_int_ne(fds[i], -1);
		if (connect(fds[i], (struct sockaddr *)&sa, sizeof(sa)) == -1)
			ck_assert_int_eq(errno, EINPROGRESS);
	}
}

START_TEST(link_gives_up_a_tcp_connection_by_its_own_time_limit)
{
	struct link_params p = params();
	int fds[8];

	fill_backlog(fds, ARRAY_LEN(fds));
	p.tcp_timeout_ms = 200;
	start(&p);
	expect_end(LINK_FAILED_TCP, "no success within 0.2 s: still connecting");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}
END_TEST

START_TEST(link_gives_up_a_broker_that_says_nothing)
{
	struct link_params p = params();

	p.timeout_ms = 200;
	broker.connack = NOTHING;
	start(&p);
	expect_end(
	    LINK_FAILED_TLS, "no success within 0.2 s: still waiting for the broker's answer");
	ck_assert_uint_eq(broker.packets[CONNECT], 1);
}
END_TEST

START_TEST(link_gives_up_a_broker_that_does_not_shake_hands)
{
	struct tls *t = any_tls();
	struct link_params p = params();

	p.timeout_ms = 200;
	p.tls = t;
	broker.deaf = true;
	start(&p);
	expect_end(LINK_FAILED_TLS, "no success within 0.2 s: still waiting for the TLS handshake");
	tls_free(t);
}
END_TEST

static void
on_hang_up_time(evutil_socket_t fd, short what, void *arg)
{
	broker_hang_up();
}

START_TEST(link_tells_what_ends_a_tls_handshake)
{
	struct timeval soon = {.tv_usec = 50000};
	struct tls *t = any_tls();
	struct link_params p = params();

	p.tls = t;
	broker.deaf = true;
	start(&p);
	wait_for("connection", &broker.accepted, 1);
	broker_say(BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"));
	expect_end(LINK_FAILED_TLS, "does not speak TLS on this port");
	start(&p);
	wait_for("connection", &broker.accepted, 2);
	broker_say(BYTES("\x15\x03\x03\x00\x02\x02\x28"));
	expect_end(LINK_FAILED_TLS, "the alert 'handshake failure'");
	start(&p);
	wait_for("connection", &broker.accepted, 3);
	event_base_once(base, -1, EV_TIMEOUT, on_hang_up_time, NULL, &soon);
	expect_end(LINK_FAILED_TLS, "closed the connection during the TLS handshake");
	tls_free(t);
}
END_TEST

START_TEST(link_tells_a_close_without_an_answer)
{
	struct link_params p = params();

	broker.connack = NOTHING;
	broker.close_after_connect = true;
	p.protocol = protocols[_i];
	start(&p);
	expect_end(LINK_CLOSED_EARLY, "mqtts://");
}
END_TEST

/* Each CONNACK that refuses. */
static const struct refusal {
	enum link_protocol protocol;
	struct bytes connack;
	enum link_cause cause;
	const char *words;
} refusals[] = {
    {LINK_MQTT_311, {"\x20\x02\x00\x01", 4}, LINK_FAILED_VERSION, "does not speak MQTT 3.1.1"},
    {LINK_MQTT_311, {"\x20\x02\x00\x02", 4}, LINK_FAILED_REFUSED, "choose another client-id"},
    {LINK_MQTT_311, {"\x20\x02\x00\x03", 4}, LINK_FAILED_REFUSED, "unavailable. (code 3)"},
    {LINK_MQTT_311, {"\x20\x02\x00\x04", 4}, LINK_FAILED_REFUSED, "check username and password"},
    {LINK_MQTT_311, {"\x20\x02\x00\x05", 4}, LINK_FAILED_REFUSED, "and the broker's ACL"},
    {LINK_MQTT_311, {"\x20\x02\x00\x2a", 4}, LINK_FAILED_REFUSED, "(code 42)"},
    /* An older broker answers in its own version. */
    {LINK_MQTT_5, {"\x20\x02\x00\x01", 4}, LINK_FAILED_VERSION, "does not speak MQTT 5"},
    {LINK_MQTT_5, {"\x20\x03\x00\x84\x00", 5}, LINK_FAILED_VERSION, "does not speak MQTT 5"},
    {LINK_MQTT_5, {"\x20\x03\x00\x80\x00", 5}, LINK_FAILED_REFUSED, "(code 128)"},
    {LINK_MQTT_5, {"\x20\x03\x00\x85\x00", 5}, LINK_FAILED_REFUSED, "choose another client-id"},
    {LINK_MQTT_5, {"\x20\x03\x00\x86\x00", 5}, LINK_FAILED_REFUSED, "check username"},
    {LINK_MQTT_5, {"\x20\x03\x00\x87\x00", 5}, LINK_FAILED_REFUSED, "and the broker's ACL"},
    {LINK_MQTT_5, {"\x20\x03\x00\x88\x00", 5}, LINK_FAILED_REFUSED, "Server unavailable"},
    {LINK_MQTT_5, {"\x20\x03\x00\x89\x00", 5}, LINK_FAILED_REFUSED, "Server busy"},
    {LINK_MQTT_5, {"\x20\x03\x00\x8a\x00", 5}, LINK_FAILED_REFUSED, "has banned this client"},
    {LINK_MQTT_5, {"\x20\x03\x00\x97\x00", 5}, LINK_FAILED_REFUSED, "Quota exceeded"},
};

START_TEST(link_tells_why_the_broker_refuses)
{
	const struct refusal *r = &refusals[_i];
	struct link_params p = params();

	broker.connack = r->connack;
	p.protocol = r->protocol;
	start(&p);
	expect_end(r->cause, r->words);
	ck_assert_uint_eq(seen.connected, 0);
}
END_TEST

START_TEST(link_tells_a_takeover_from_other_goodbyes)
{
	open_link(LINK_MQTT_5);
	broker_say(BYTES("\xe0\x02\x8e\x00"));
	expect_end(LINK_TAKEN_OVER, "another client connected with our client id");
	open_link(LINK_MQTT_5);
	broker_say(BYTES("\xe0\x01\x8b"));
	expect_end(LINK_CLOSED_BY_BROKER, "Server shutting down (code 139)");
}
END_TEST

START_TEST(link_tells_when_the_broker_hangs_up)
{
	struct linger reset = {.l_onoff = 1};

	open_link(LINK_MQTT_5);
	broker_hang_up();
	expect_end(LINK_CLOSED_BY_BROKER, "the broker closed the connection");
	open_link(LINK_MQTT_5);
	setsockopt(broker.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	broker_hang_up();
	expect_end(LINK_CLOSED_BY_BROKER, "the broker closed the connection");
}
END_TEST

/* What libmosquitto had allocated when an assertion of its own failed is lost; under the address
 * sanitizer alone this function exists. */
void __lsan_disable(void) __attribute__((weak));

static void
ignore_leaks(void)
{
	if (__lsan_disable != NULL)
		__lsan_disable();
}

/* What no broker may send, before CONNACK and behind it. */
static const struct bytes rubbish[] = {
    {"\x00\x00", 2},			   /* type 0 */
    {"\x10\x02\x00\x00", 4},		   /* a CONNECT */
    {"\x30\xff\xff\xff\xff\x7f", 6},	   /* a length of five bytes */
    {"\x30\x01\x00", 3},		   /* a PUBLISH without its topic */
    {"\x30\x05\x00\x09tt\x00", 7},	   /* a topic beyond the packet */
    {"\x30\x05\x00\x01\xff\x00x", 7},	   /* a topic that is not UTF-8 */
    {"\x36\x07\x00\x01t\x00\x01\x00x", 9}, /* QoS 3 */
    {"\x30\x06\x00\x01t\x7f\x01\x00", 8},  /* properties beyond the packet */
    {"\x90\x01\x00", 3},		   /* a SUBACK cut short */
};

START_TEST(link_ends_when_the_broker_sends_rubbish)
{
	struct link_params p = params();

	open_link(LINK_MQTT_5);
	broker_say(rubbish[_i]);
	expect_end(LINK_BROKEN, "what is not MQTT");
	ck_assert_uint_eq(seen.messages, 0);
	broker.connack = rubbish[_i];
	start(&p);
	expect_end(LINK_BROKEN, "is it a broker, on this port?");
	ck_assert_uint_eq(seen.connected, 0);
}
END_TEST

/* xorshift32: the same run every time. */
static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* An MQTT 5 property that libmosquitto does not know, in each packet that may carry one. */
static const struct bytes unknown_property[] = {
    {"\x30\x07\x00\x01t\x03\x7f\x00x", 9},
    {"\x90\x07\x00\x01\x03\x7f\x00\x00\x00", 9},
    {"\xe0\x05\x00\x03\x7f\x00\x00", 7},
};

START_TEST(link_survives_a_property_that_the_library_does_not_know)
{
	struct link_params p = params();

	ignore_leaks();
	open_link(LINK_MQTT_5);
	broker_say(unknown_property[_i]);
	expect_end(LINK_FAILED_VERSION, "that libmosquitto cannot read");
	ck_assert_uint_eq(seen.messages, 0);
	broker.connack = BYTES("\x20\x06\x00\x00\x03\x7f\x00\x00");
	start(&p);
	expect_end(LINK_FAILED_VERSION, "that libmosquitto cannot read");
	ck_assert_uint_eq(seen.connected, 0);
	open_link(LINK_MQTT_311); /* and another connection works */
}
END_TEST

/* A watchdog kills so what hangs. */
START_TEST(link_lets_an_abort_that_is_not_the_librarys_end_the_process)
{
	if (_i == 0)
		kill(getpid(), SIGABRT);
	else
		abort();
}
END_TEST

START_TEST(link_survives_random_bytes)
{
	uint32_t random = 20212;
	char noise[256];

	ignore_leaks();
	for (int round = 0; round < 200; round++) {
		open_link(protocols[round % 2]);
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (char)(next_random(&random) >> 8);
		/* A known type with a length that ends, so that more than the first byte counts. */
		noise[0] = (char)((next_random(&random) >> 8 & 0xf) << 4);
		noise[1] = (char)(next_random(&random) >> 8 & 0x1f);
		if (send(broker.fd, noise, sizeof(noise), MSG_NOSIGNAL) == -1)
			ck_assert_int_eq(errno, EPIPE);
		run_what_is_ready();
		broker_hang_up();
		wait_for("end", &seen.closed, 1);
		run_what_is_ready();
		ck_assert_uint_eq(seen.closed, 1);
	}
}
END_TEST

/* Keepalive; the server's own, as ours is 5 s at least. */

START_TEST(link_sends_keepalives_until_one_is_not_answered)
{
	struct link_params p = params();
	uint64_t heard;

	broker.connack = BYTES("\x20\x06\x00\x00\x03\x13\x00\x01");
	p.timeout_ms = 1000;
	start(&p);
	wait_for("connection", &seen.connected, 1);
	heard = link_heard(link_);
	wait_for("first keepalive", &broker.packets[PINGREQ], 1);
	broker.pong = NOTHING;
	run_what_is_ready();
	wait_for("second keepalive", &broker.packets[PINGREQ], 2);
	ck_assert_uint_eq(seen.closed, 0); /* the first was answered */
	ck_assert_uint_gt(link_heard(link_), heard);
	expect_end(LINK_SILENT, "has not answered a keepalive for 1.0 s");
	ck_assert_uint_eq(stats.value[STAT_PINGS_SENT], 2);
}
END_TEST

START_TEST(link_never_wakes_where_the_broker_wants_no_keepalive)
{
	struct link_params p = params();

	broker.connack = BYTES("\x20\x06\x00\x00\x03\x13\x00\x00");
	start(&p);
	wait_for("connection", &seen.connected, 1);
	ck_assert_uint_eq(wheel_next_due(ticker_wheel(ticker)), WHEEL_NEVER);
}
END_TEST

/* The owner's will. */

START_TEST(link_ends_for_the_first_reason_that_the_owner_gives)
{
	open_link(LINK_MQTT_5);
	link_abandon(link_, LINK_SILENT, "first reason");
	link_abandon(link_, LINK_BROKEN, "second reason");
	ck_assert_uint_eq(seen.closed, 0); /* never from within a call */
	errno = 0;
	ck_assert_int_eq(link_publish(link_, "t", "x", 1), -1);
	ck_assert_int_eq(errno, ENOTCONN);
	ck_assert_int_eq(link_unsubscribe(link_, "t"), -1);
	link_disconnect(link_);
	expect_end(LINK_SILENT, "first reason");
	wait_for("end", &broker.ended, 1);
	ck_assert_uint_eq(broker.packets[DISCONNECT], 0);
}
END_TEST

/* Freed by its owner: nothing is left behind (which the sanitizer sees), and nothing is said. */
static void
free_quietly(void)
{
	free_link();
	run_what_is_ready();
	ck_assert_uint_eq(seen.closed, 0);
}

START_TEST(link_may_be_freed_at_any_time)
{
	struct tls *t = any_tls();
	struct link_params p = params();

	link_free(NULL);
	start(&p);
	free_quietly(); /* while it connects */
	p.tls = t;
	broker.deaf = true;
	start(&p);
	wait_for("connection", &broker.accepted, 1);
	run_what_is_ready();
	free_quietly(); /* in the TLS handshake */
	p.tls = NULL;
	broker.deaf = false;
	broker.connack = NOTHING;
	broker.packets[CONNECT] = 0;
	start(&p);
	wait_for("CONNECT", &broker.packets[CONNECT], 1);
	free_quietly(); /* before CONNACK */
	open_link(LINK_MQTT_5);
	free_quietly(); /* open */
	open_link(LINK_MQTT_5);
	fill();
	free_quietly(); /* blocked */
	open_link(LINK_MQTT_5);
	fill();
	empty();
	free_quietly(); /* with writable() under way */
	ck_assert_uint_eq(seen.writable, 0);
	open_link(LINK_MQTT_5);
	pretend(0, INT_MAX);
	publish_and_look();
	free_quietly(); /* with the kernel full */
	kernel.pretends = false;
	open_link(LINK_MQTT_5);
	pretend(0, INT_MAX);
	publish_and_look();
	link_abandon(link_, LINK_BROKEN, "no matter");
	free_quietly(); /* with closed() under way */
	tls_free(t);
}
END_TEST

static void
add_life_tests(TCase *tc)
{
	tcase_add_loop_test(tc, link_says_who_it_is, 0, 2);
	tcase_add_loop_test(tc, link_subscribes_and_tells_each_answer, 0, 2);
	tcase_add_test(tc, link_refuses_to_subscribe_to_nothing_or_too_much);
	tcase_add_loop_test(tc, link_carries_messages_both_ways, 0, 2);
	tcase_add_test(tc, link_passes_up_retain_and_qos);
	tcase_add_test(tc, link_takes_a_message_that_comes_in_pieces);
	tcase_add_test(tc, link_takes_a_burst_of_messages);
	tcase_add_test(tc, link_refuses_a_message_larger_than_the_broker_takes);
	tcase_add_loop_test(tc, link_says_goodbye, 0, 2);
	tcase_add_test(tc, link_connects_through_a_unix_socket);
	tcase_add_test(tc, link_tells_when_it_takes_messages_again);
	tcase_add_test(tc, link_tells_so_also_when_another_message_emptied_the_queue);
	tcase_add_test(tc, link_reads_while_it_is_blocked);
	tcase_add_loop_test(tc, link_holds_one_large_message_at_most_in_front_of_the_next, 0,
	    (int)ARRAY_LEN(message_sizes));
	tcase_add_loop_test(tc, link_is_blocked_while_the_kernel_holds_more_than_the_path_takes, 0,
	    (int)ARRAY_LEN(paths));
	tcase_add_test(tc, link_does_not_count_what_arrived_or_got_lost_behind_a_lost_segment);
	tcase_add_test(tc, link_is_blocked_until_neither_the_socket_nor_the_kernel_is_full);
	tcase_add_test(tc, link_waits_for_the_socket_when_the_kernel_is_no_longer_full);
	tcase_add_test(tc, link_tells_once_when_both_are_over_at_the_same_time);
	tcase_add_test(tc, link_does_not_look_after_small_messages);
	tcase_add_test(tc, link_knows_when_the_broker_takes_what_the_kernel_holds);
	tcase_add_test(tc, link_tells_what_the_kernel_knows_of_the_path);
	tcase_add_test(tc, link_sends_keepalives_until_one_is_not_answered);
	tcase_add_test(tc, link_never_wakes_where_the_broker_wants_no_keepalive);
	tcase_add_test(tc, link_ends_for_the_first_reason_that_the_owner_gives);
	tcase_add_test(tc, link_may_be_freed_at_any_time);
}

static void
add_alias_tests(TCase *tc)
{
	tcase_add_test(tc, link_sends_a_topic_once_and_then_its_alias);
	tcase_add_test(tc, link_gives_the_alias_least_recently_used_to_a_new_topic);
	tcase_add_test(tc, link_shifts_the_only_alias_of_a_broker_from_topic_to_topic);
	tcase_add_test(tc, link_keeps_to_64_aliases_where_the_broker_takes_more);
	tcase_add_test(tc, link_sends_no_alias_where_the_broker_offers_none);
	tcase_add_test(tc, link_takes_no_alias_over_to_the_next_connection);
	tcase_add_test(tc, link_sends_a_long_topic_without_an_alias);
	tcase_add_test(tc, link_forgets_an_alias_that_was_not_sent);
	tcase_add_loop_test(
	    tc, link_fills_the_packet_of_the_broker_and_no_more, 0, (int)ARRAY_LEN(sizes));
	tcase_add_test(tc, link_knows_no_limit_where_the_broker_names_none);
}

static void
add_failure_tests(TCase *tc)
{
	tcase_add_loop_test(tc, link_names_a_port_where_nobody_listens, 0, 2);
	tcase_add_test(tc, link_names_a_unix_socket_that_is_missing);
	tcase_add_test(tc, link_gives_up_a_tcp_connection_by_its_own_time_limit);
	tcase_add_test(tc, link_gives_up_a_broker_that_says_nothing);
	tcase_add_test(tc, link_gives_up_a_broker_that_does_not_shake_hands);
	tcase_add_test(tc, link_tells_what_ends_a_tls_handshake);
	tcase_add_loop_test(tc, link_tells_a_close_without_an_answer, 0, 2);
	tcase_add_loop_test(tc, link_tells_why_the_broker_refuses, 0, (int)ARRAY_LEN(refusals));
	tcase_add_test(tc, link_tells_a_takeover_from_other_goodbyes);
	tcase_add_test(tc, link_tells_when_the_broker_hangs_up);
	tcase_add_loop_test(
	    tc, link_ends_when_the_broker_sends_rubbish, 0, (int)ARRAY_LEN(rubbish));
	tcase_add_loop_test(tc, link_survives_a_property_that_the_library_does_not_know, 0,
	    (int)ARRAY_LEN(unknown_property));
	tcase_add_loop_test_raise_signal(
	    tc, link_lets_an_abort_that_is_not_the_librarys_end_the_process, SIGABRT, 0, 2);
	tcase_add_test(tc, link_survives_random_bytes);
}

int
main(void)
{
	Suite *suite = suite_create("link");
	TCase *tc = tcase_create("link");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	add_life_tests(tc);
	add_alias_tests(tc);
	add_failure_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
