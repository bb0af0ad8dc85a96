/*
 * Two nodes of the native wire as far as their channels go, with a clock that the test moves and a
 * network in memory that does what the test says. What arrives is judged as in native_receive.c,
 * but for its limits on how much of it there may be.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef PAIR_H
#define PAIR_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backlog.h"
#include "channel.h"
#include "handshake.h"
#include "network.h"
#include "stats.h"

#define PAIR_PACKET_MAX 256

/* An assertion for what happens millions of times: those of Check write a note each time. */
#define PAIR_REQUIRE(condition)                                       \
	do {                                                          \
		if (!(condition))                                     \
			ck_abort_msg("%s does not hold", #condition); \
	} while (0)

/* A message on its way. */
struct pair_message {
	struct pair_message *next;
	uint64_t at_ms;
	int to; /* number of an end */
	size_t len;
	char topic[NETWORK_TOPIC_MAX];
	uint8_t bytes[HANDSHAKE_MESSAGE_MAX]; /* packets are smaller */
};

struct pair_end {
	struct pair *pair;
	int number; /* 0 or 1 */
	struct network network;
	struct network_id id;
	struct wheel *wheel;
	struct stats stats;
	struct channel_shared shared;
	struct channel *channel;
	struct backlog waiting; /* packets, for a session */
	struct backlog_budget budget;
	/* What happened since pair_open(); restarts go on counting. */
	size_t firsts, answers, keepalives, packets, notices; /* published */
	size_t delivered, unknown;			      /* packets; for no session */
	size_t ready, retries, gave_up, lost;
};

struct pair_callbacks {
	/* A message was published; pair_carry() brings it to its destination, as often as it is
	 * called. NULL: pair_carry() after delay_ms, and the other does not get what it is cut off
	 * from. */
	void (*published)(void *arg, const struct pair_end *from, const struct pair_message *m);
	/* An end got a packet. May be NULL. */
	void (*delivered)(
	    void *arg, const struct pair_end *to, const uint8_t *packet, size_t packet_len);
	void *arg;
};

struct pair {
	struct pair_callbacks cb;
	struct pair_end end[2];
	uint64_t now_ms;
	uint64_t delay_ms;
	bool cut[2]; /* nothing reaches this end */
	struct pair_message *flying;
};

/* p->now_ms is the time at which it begins; delay_ms is 10. */
void pair_open(
    struct pair *p, enum network_mode mode, uint32_t rekey_ms, const struct pair_callbacks *cb);
/* Fails the test where a session is left. */
void pair_close(struct pair *p);

/* As after a start: the sessions are gone, and what waited. Tells the other, if announce. */
void pair_restart(struct pair *p, int number, bool announce);
/* Sends a packet to the other end, or has it wait. */
void pair_send(struct pair *p, int number, const void *packet, size_t len);
/* Puts a message on its way. */
void pair_carry(struct pair *p, const struct pair_message *m, uint64_t at_ms);
/* Lets time go by, to this moment. */
void pair_run(struct pair *p, uint64_t until_ms);
/* The same, for so long. */
void pair_pass(struct pair *p, uint64_t ms);
void pair_lose_flying(struct pair *p);

/* The end that leads where both would do the same. */
int pair_first(const struct pair *p);
size_t pair_sessions(const struct pair *p, int number);
/* What an end sends now, the other can open. */
bool pair_is_heard(const struct pair *p, int number);
/* Both send with one and the same session. */
bool pair_agrees(const struct pair *p);
/* The other has heard it, in the session that it sends with now. */
bool pair_is_proven(const struct pair *p, int number);
/* Each sends with a session that the other has left, or will not send with. */
bool pair_is_crossed(const struct pair *p);

#endif
