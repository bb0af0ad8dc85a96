/*
 * What a broker can do by itself: the most it passes on at one size of message, and how long a
 * message takes to a client and back. What a tunnel through that broker does is compared to it.
 * The clients use libmosquitto, as mqtt-vpnd does: where processors are few, its cost is a part.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <mosquitto.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND UINT64_C(1000000000)
/*
 * The publisher is never further ahead of the subscriber: mosquitto throws messages away when 1000
 * wait for a client.
 */
#define AHEAD_MESSAGES 800
#define AHEAD_BYTES (4 * 1024 * 1024)
/* Messages before the other direction gets its turn. */
#define BURST 32
#define ALLOW_INTERVAL (SECOND / 10)
#define PATIENCE (20 * SECOND)
#define KEEPALIVE_S 3600

#define TOPIC_DATA "bench/data"
#define TOPIC_ALLOW "bench/allow"
#define TOPIC_PING "bench/ping"
#define TOPIC_PONG "bench/pong"

static const char usage_text[] =
    "Usage: mqtt_raw ceiling --role pub|sub [--size BYTES] [--seconds S] [OPTION]...\n"
    "       mqtt_raw rtt --role ping|pong [--interval-ms MS] [--count N] [--each] [--nodelay]\n"
    "                [OPTION]...\n"
    "\n"
    "ceiling: pub publishes at QoS 0 as fast as the broker and sub take it; it is never more than\n"
    "4 MiB and 800 messages ahead of sub, so nothing waits without bound and nothing is lost. sub\n"
    "counts for S seconds (default 5) after its first message. Both need the same --size of\n"
    "payload (default 65536). Results are lines of KEY=VALUE: messages_per_s, mbit_per_s, lost,\n"
    "which should be 0.\n"
    "\n"
    "rtt: ping publishes a message of 64 bytes every MS milliseconds (default 10), N times\n"
    "(default 500); pong sends each back until it is killed. Results are lines of KEY=VALUE:\n"
    "sent, lost, and microseconds: min_us, median_us, p90_us, p99_us, max_us.\n"
    "\n"
    "  --broker ADDRESS, --port PORT  127.0.0.1 and 1883 by default\n"
    "  --user NAME who has the name as the password too; nobody by default\n"
    "  --nodelay   TCP_NODELAY, and TCP_QUICKACK after each read; ceiling always does both\n"
    "  --each      ping also prints each round trip, rtt_us\n"
    "\n"
    "The two of a pair may be started in either order.\n";

struct options {
	const char *broker, *role, *user;
	double port, size, seconds, interval_ms, count;
	bool nodelay, each;
};

/* What travels at the start of a payload. Both ends are this program on this machine. */
struct stamp {
	uint64_t number;
	uint64_t sent; /* ns */
};

#define STAMP_LEN sizeof(struct stamp)
#define RTT_SIZE 64
#define MESSAGE_MAX (64 * 1024 * 1024)

struct client {
	const struct options *o;
	const struct role *role;
	struct mosquitto *m;
	size_t size, count; /* of messages; pings */
	uint8_t *payload;   /* of what is published */
	bool subscribed;
	uint64_t heard; /* whatever came in */
	/* sub */
	uint64_t received, expected, lost, first;
	/* pub: how many messages sub allows in all; 0, when it has enough, ends it */
	uint64_t allowed;
	bool ended;
	/* ping: ns by number, 0 until it is back; the last is for those that find out whether pong
	 * runs */
	uint64_t *times;
	size_t answers;
};

struct role {
	const char *mode, *name, *topic;
	void (*run)(struct client *c);
	void (*take)(struct client *c, const struct stamp *s); /* a message to this topic */
};

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "mqtt_raw: %s: %s\n", what, why);
	exit(1);
}

static void
expect(int rc, const char *what)
{
	if (rc != MOSQ_ERR_SUCCESS)
		fail(what, rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
}

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void
publish(struct client *c, const char *topic, const struct stamp *s, size_t size)
{
	memcpy(c->payload, s, sizeof(*s));
	expect(mosquitto_publish(c->m, NULL, topic, (int)size, c->payload, 0, false), "publish");
}

static void
publish_number(struct client *c, const char *topic, uint64_t number, size_t size)
{
	publish(c, topic, &(struct stamp){.number = number, .sent = now()}, size);
}

/* The library takes one packet at a time, and only its callbacks tell that there was one. */
static void
read_burst(struct client *c)
{
	uint64_t before;
	int on = 1, i;

	for (i = 0; i < BURST; i++) {
		before = c->heard;
		expect(mosquitto_loop_read(c->m, 1), "connection");
		if (c->heard == before)
			break;
	}
	/* A broker with Nagle's algorithm waits for it; the kernel forgets this option. */
	if (c->o->nodelay)
		setsockopt(mosquitto_socket(c->m), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

/* Waits for at most so long, and does what the connection is ready for. */
static void
serve(struct client *c, uint64_t wait)
{
	struct pollfd p = {.fd = mosquitto_socket(c->m), .events = POLLIN};
	struct timespec t = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};

	if (mosquitto_want_write(c->m))
		p.events |= POLLOUT;
	if (ppoll(&p, 1, &t, NULL) == -1)
		fail("poll", strerror(errno));
	if (p.revents & ~POLLOUT)
		read_burst(c);
	if (mosquitto_want_write(c->m))
		expect(mosquitto_loop_write(c->m, 1), "connection");
}

static void
on_subscribe(struct mosquitto *m, void *arg, int id, int count, const int *granted)
{
	struct client *c = arg;

	c->heard++;
	if (count != 1 || granted[0] > 2)
		fail("subscribe", "refused by the broker");
	c->subscribed = true;
}

static void
take_data(struct client *c, const struct stamp *s)
{
	if (c->received++ == 0)
		c->first = now();
	else if (s->number > c->expected)
		c->lost += s->number - c->expected;
	c->expected = s->number + 1;
}

static void
take_allow(struct client *c, const struct stamp *s)
{
	c->allowed = s->number;
	c->ended = s->number == 0;
}

static void
take_pong(struct client *c, const struct stamp *s)
{
	if (s->number > c->count || c->times[s->number] != 0)
		return;
	c->times[s->number] = now() - s->sent;
	if (s->number < c->count)
		c->answers++;
}

static void
take_ping(struct client *c, const struct stamp *s)
{
	publish(c, TOPIC_PONG, s, c->size);
}

static void
on_message(struct mosquitto *m, void *arg, const struct mosquitto_message *message)
{
	struct client *c = arg;
	struct stamp s;

	c->heard++;
	if ((size_t)message->payloadlen < sizeof(s))
		return;
	memcpy(&s, message->payload, sizeof(s));
	c->role->take(c, &s);
}

static void
client_open(struct client *c)
{
	mosquitto_lib_init();
	c->m = mosquitto_new(NULL, true, c);
	c->payload = calloc(1, c->size);
	c->times = calloc(c->count + 1, sizeof(*c->times));
	if (c->m == NULL || c->payload == NULL || c->times == NULL)
		fail("start", "no memory");
	mosquitto_subscribe_callback_set(c->m, on_subscribe);
	mosquitto_message_callback_set(c->m, on_message);
	expect(mosquitto_int_option(c->m, MOSQ_OPT_TCP_NODELAY, c->o->nodelay), "TCP_NODELAY");
	expect(mosquitto_username_pw_set(c->m, c->o->user, c->o->user), "user");
	expect(mosquitto_connect(c->m, c->o->broker, (int)c->o->port, KEEPALIVE_S), c->o->broker);
	expect(mosquitto_subscribe(c->m, NULL, c->role->topic, 0), "subscribe");
	while (!c->subscribed)
		serve(c, SECOND);
}

static void
client_close(struct client *c)
{
	uint64_t before, end;

	/* To close with messages unread is a reset, which overtakes what was written last. */
	do {
		before = c->heard;
		for (end = now() + ALLOW_INTERVAL; now() < end;)
			serve(c, ALLOW_INTERVAL);
	} while (c->heard != before);
	mosquitto_disconnect(c->m);
	mosquitto_destroy(c->m);
	mosquitto_lib_cleanup();
	free(c->payload);
	free(c->times);
}

static void
run_pub(struct client *c)
{
	uint64_t next = 0, deadline = now() + PATIENCE;
	int i;

	while (!c->ended) {
		for (i = 0; i < BURST && next < c->allowed; i++) {
			if (mosquitto_want_write(c->m))
				break;
			publish_number(c, TOPIC_DATA, next++, c->size);
			deadline = now() + PATIENCE;
		}
		serve(c, i < BURST ? ALLOW_INTERVAL : 0);
		if (now() > deadline)
			fail("pub", "sub takes no more, is it running?");
	}
}

static uint64_t
ahead_max(const struct client *c)
{
	uint64_t messages = AHEAD_BYTES / c->size;

	if (messages < 2)
		return 2;
	return messages < AHEAD_MESSAGES ? messages : AHEAD_MESSAGES;
}

static void
print_ceiling(const struct client *c, double seconds)
{
	double messages = (double)(c->received - 1);

	printf("lost=%" PRIu64 "\n", c->lost);
	printf("messages_per_s=%.1f\n", messages / seconds);
	printf("mbit_per_s=%.3f\n", messages * (double)c->size * 8 / seconds / 1e6);
}

static void
run_sub(struct client *c)
{
	uint64_t ahead = ahead_max(c), told = 0, due = 0, end = now() + PATIENCE, t;

	while ((t = now()) < end) {
		/* Also without news: pub may not have been there. */
		if (c->expected - told >= (ahead + 7) / 8 || t >= due) {
			publish_number(c, TOPIC_ALLOW, c->expected + ahead, STAMP_LEN);
			told = c->expected;
			due = t + ALLOW_INTERVAL;
		}
		serve(c, end - t < ALLOW_INTERVAL ? end - t : ALLOW_INTERVAL);
		if (c->received > 0)
			end = c->first + (uint64_t)(c->o->seconds * (double)SECOND);
	}
	if (c->received == 0)
		fail("sub", "no message came, is pub running?");
	publish_number(c, TOPIC_ALLOW, 0, STAMP_LEN);
	print_ceiling(c, (double)(t - c->first) / (double)SECOND);
}

static void
wait_until(struct client *c, uint64_t end)
{
	uint64_t t;

	while ((t = now()) < end && c->answers < c->count)
		serve(c, end - t);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
print_times(const struct client *c)
{
	static const struct {
		const char *key;
		size_t percent;
	} quantiles[] = {{"min", 0}, {"median", 50}, {"p90", 90}, {"p99", 99}, {"max", 100}};
	size_t lost = c->count - c->answers, i, rank;

	for (i = 0; c->o->each && i < c->count; i++) {
		if (c->times[i] != 0)
			printf("rtt_us=%.1f\n", (double)c->times[i] / 1e3);
	}
	printf("sent=%zu\n", c->count);
	printf("lost=%zu\n", lost);
	if (c->answers == 0)
		fail("ping", "nothing came back");
	/* Those that did not come back are 0 and so come first. */
	qsort(c->times, c->count, sizeof(*c->times), compare);
	for (i = 0; i < ARRAY_LEN(quantiles); i++) {
		rank = (c->answers - 1) * quantiles[i].percent / 100;
		printf("%s_us=%.1f\n", quantiles[i].key, (double)c->times[lost + rank] / 1e3);
	}
}

static void
run_ping(struct client *c)
{
	uint64_t interval = (uint64_t)(c->o->interval_ms * 1e6), patience = now() + PATIENCE, start;
	size_t i;

	while (c->times[c->count] == 0) {
		if (now() > patience)
			fail("ping", "no answer, is pong running?");
		publish_number(c, TOPIC_PING, c->count, c->size);
		wait_until(c, now() + ALLOW_INTERVAL);
	}
	start = now();
	for (i = 0; i < c->count; i++) {
		publish_number(c, TOPIC_PING, i, c->size);
		wait_until(c, start + (i + 1) * interval);
	}
	wait_until(c, now() + SECOND);
	print_times(c);
}

static void
run_pong(struct client *c)
{
	for (;;)
		serve(c, SECOND);
}

static const struct role roles[] = {
    {"ceiling", "pub", TOPIC_ALLOW, run_pub, take_allow},
    {"ceiling", "sub", TOPIC_DATA, run_sub, take_data},
    {"rtt", "ping", TOPIC_PONG, run_ping, take_pong},
    {"rtt", "pong", TOPIC_PING, run_pong, take_ping},
};

static void
usage(FILE *to, int status)
{
	fputs(usage_text, to);
	exit(status);
}

static const struct {
	const char *name;
	size_t offset;
	double min, max;
} numbers[] = {
    {"--port", offsetof(struct options, port), 1, 65535},
    {"--size", offsetof(struct options, size), STAMP_LEN, MESSAGE_MAX},
    {"--seconds", offsetof(struct options, seconds), 0.1, 3600},
    {"--interval-ms", offsetof(struct options, interval_ms), 0, 60000},
    {"--count", offsetof(struct options, count), 1, 1e6},
};

static void
set_number(struct options *o, char **argv, int at)
{
	const char *name = argv[at], *text = argv[at + 1];
	char *end;
	double value = strtod(text, &end);
	size_t i = 0;

	while (strcmp(name, numbers[i].name) != 0) {
		if (++i == ARRAY_LEN(numbers))
			usage(stderr, 2);
	}
	if (end == text || *end != '\0' || !(value >= numbers[i].min && value <= numbers[i].max)) {
		fprintf(stderr, "mqtt_raw: %s '%s': expected a number from %g to %g\n", name, text,
		    numbers[i].min, numbers[i].max);
		exit(2);
	}
	memcpy((char *)o + numbers[i].offset, &value, sizeof(value));
}

static void
parse(struct options *o, int argc, char **argv)
{
	int i;

	if (argc < 2 || strcmp(argv[1], "--help") == 0)
		usage(argc < 2 ? stderr : stdout, argc < 2 ? 2 : 0);
	for (i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--nodelay") == 0)
			o->nodelay = true;
		else if (strcmp(argv[i], "--each") == 0)
			o->each = true;
		else if (i + 1 == argc)
			usage(stderr, 2);
		else if (strcmp(argv[i], "--broker") == 0)
			o->broker = argv[++i];
		else if (strcmp(argv[i], "--role") == 0)
			o->role = argv[++i];
		else if (strcmp(argv[i], "--user") == 0)
			o->user = argv[++i];
		else
			set_number(o, argv, i++);
	}
}

int
main(int argc, char **argv)
{
	struct options o = {.broker = "127.0.0.1",
	    .role = "",
	    .port = 1883,
	    .size = 65536,
	    .seconds = 5,
	    .interval_ms = 10,
	    .count = 500};
	struct client c = {.o = &o, .role = roles, .size = RTT_SIZE};

	parse(&o, argc, argv);
	while (strcmp(c.role->mode, argv[1]) != 0 || strcmp(c.role->name, o.role) != 0) {
		if (++c.role == roles + ARRAY_LEN(roles))
			usage(stderr, 2);
	}
	if (strcmp(c.role->mode, "ceiling") == 0) {
		o.nodelay = true;
		c.size = (size_t)o.size;
	}
	c.count = (size_t)o.count;
	client_open(&c);
	c.role->run(&c);
	client_close(&c);
	return 0;
}
