/*
 * A broker that a test plays itself, in the event loop of what it tests: it does what its fields
 * say, and keeps a journal of what came.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef FAKE_BROKER_H
#define FAKE_BROKER_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;

struct fake_bytes {
	const char *data;
	size_t len;
};

#define FAKE_BYTES(text) ((struct fake_bytes){text, sizeof(text) - 1})

struct fake_broker {
	/* What it does. */
	struct fake_bytes connack_4, connack_5; /* for each version of MQTT; empty: it hangs up */
	bool holds;	    /* SUBACKs and messages, until fake_broker_release() */
	const char *denied; /* the subscription to this topic */
	unsigned int lost;  /* so many messages that come first are not delivered */

	/* What came: a line for each packet, "SUBSCRIBE a:28 b:28", over all connections. */
	char journal[4096];
	size_t journal_len;
	unsigned int accepted, ended, packets[16]; /* by type, the upper half of its first byte */
	char password[64];			   /* of the last CONNECT */

	struct event_base *base;
	int listener, fd;
	struct event *acceptable, *readable;
	unsigned int version;
	uint8_t inbox[8192];
	size_t inbox_len;
	char held[8192];
	size_t held_len;
};

/* Takes the address; connections are refused until it listens. Returns 0, or -1 with errno. */
int fake_broker_open(
    struct fake_broker *b, struct event_base *base, const struct sockaddr *sa, socklen_t len);
void fake_broker_listen(struct fake_broker *b);
void fake_broker_close(struct fake_broker *b);
/* Of an AF_INET or AF_INET6 broker. */
uint16_t fake_broker_port(const struct fake_broker *b);

/* To the present connection. */
void fake_broker_say(struct fake_broker *b, struct fake_bytes bytes);
void fake_broker_hang_up(struct fake_broker *b);
/* Says what was held, and holds no more. */
void fake_broker_release(struct fake_broker *b);

#endif
