/*
 * Packets that wait, the oldest first: no more than so many, and no more bytes than a budget that
 * several backlogs share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef BACKLOG_H
#define BACKLOG_H

#include <stddef.h>
#include <stdint.h>

#define BACKLOG_MAX 32 /* packets, where max says nothing else */

struct backlog_budget {
	size_t used, max; /* bytes, with what the packets' places cost */
};

struct backlog_packet {
	struct backlog_packet *next;
	size_t len;
	uint8_t data[];
};

/* Zeroed: empty. */
struct backlog {
	struct backlog_packet *first, *last;
	size_t count, max;
};

/* Copies a packet to the end; where there are too many, the oldest gives way. Returns how many
 * packets were lost by it: the oldest, and the new one when the budget or memory is used up. */
size_t
backlog_add(struct backlog *b, struct backlog_budget *budget, const uint8_t *packet, size_t len);
/* The oldest, which is the caller's to free, or NULL. */
struct backlog_packet *backlog_take(struct backlog *b, struct backlog_budget *budget);
/* Empties it. Returns how many packets there were. */
size_t backlog_clear(struct backlog *b, struct backlog_budget *budget);

#endif
