/*
 * Messages that came before what they can be opened with.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <stdlib.h>
#include <string.h>

#include "native_internal.h"

/* No longer than this: who would tell has done so by then. */
#define RECENT_MS 3000
/* A group changes its key at a moment when all are sending. */
#define HELD_BYTES (128 * 1024)
#define HELD_BYTES_GROUP (1024 * 1024)
#define HELD_MAX_GROUP 4096

/* What stands before a message: when it came, and the levels of its topic. */
struct held {
	uint64_t came_ms;
	char to[NETWORK_PART_MAX], from[NETWORK_PART_MAX];
};

uint64_t
native_recent_floor(struct native_stretch *s, uint64_t counter, uint64_t now_ms)
{
	uint64_t past_ms = now_ms - s->ms;

	if (past_ms >= RECENT_MS) {
		s->before = past_ms < 2 * RECENT_MS ? s->counter : counter;
		s->counter = counter;
		s->ms = now_ms;
	}
	return s->before;
}

/* Those that nobody sent a key for, or anybody made up, do not keep the room. */
static void
drop_old(struct native *n, uint64_t now_ms)
{
	struct held head;

	while (n->held.first != NULL) {
		memcpy(&head, n->held.first->data, sizeof(head));
		if (now_ms < head.came_ms + RECENT_MS)
			return;
		free(backlog_take(&n->held, &n->held_budget));
		stats_count(n->stats, STAT_RX_DROP_UNKNOWN_KEY);
	}
}

static bool
copy_part(char *out, const char *part, size_t len)
{
	if (len >= NETWORK_PART_MAX)
		return false;
	memcpy(out, part, len);
	out[len] = '\0';
	return true;
}

void
native_hold(struct native *n, const struct native_arrival *a)
{
	struct held head = {.came_ms = a->came_ms};
	uint8_t *copy = NULL;
	size_t lost = 1;

	drop_old(n, a->now_ms);
	n->held_budget.max = n->group != NULL ? HELD_BYTES_GROUP : HELD_BYTES;
	n->held.max = n->group != NULL ? HELD_MAX_GROUP : BACKLOG_MAX;
	if (copy_part(head.to, a->topic.to, a->topic.to_len) &&
	    copy_part(head.from, a->topic.from, a->topic.from_len))
		copy = malloc(sizeof(head) + a->len);
	if (copy != NULL) {
		memcpy(copy, &head, sizeof(head));
		memcpy(copy + sizeof(head), a->message, a->len);
		lost = backlog_add(&n->held, &n->held_budget, copy, sizeof(head) + a->len);
		free(copy);
	}
	stats_add(n->stats, STAT_RX_DROP_UNKNOWN_KEY, lost);
}

static struct native_arrival
arrival_of(
    struct native *n, const struct held *head, const uint8_t *message, size_t len, uint64_t now_ms)
{
	struct native_arrival a = {.message = message,
	    .len = len,
	    .topic = {.to = head->to,
		.to_len = strlen(head->to),
		.from = head->from,
		.from_len = strlen(head->from)},
	    .came_ms = head->came_ms,
	    .now_ms = now_ms};

	a.own = native_find_own(n, &a.topic);
	return a;
}

static bool
open_held(struct native *n, struct native_arrival *a)
{
	if (frame_parse(a->message, a->len, &a->header) != 0)
		return true; /* not so when it came */
	return n->group != NULL ? native_open_group(n, a) : native_open_multicast(n, a);
}

/* Those whose key is not there yet wait on. */
void
native_receive_held(struct native *n, uint64_t now_ms)
{
	drop_old(n, now_ms);
	for (size_t left = n->held.count; left > 0; left--) {
		struct backlog_packet *p = backlog_take(&n->held, &n->held_budget);
		struct native_arrival a;
		struct held head;

		memcpy(&head, p->data, sizeof(head));
		a = arrival_of(n, &head, p->data + sizeof(head), p->len - sizeof(head), now_ms);
		if (!open_held(n, &a))
			native_hold(n, &a);
		free(p);
	}
}
