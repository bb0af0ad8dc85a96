/*
 * Messages of other members of the group, up to where the records in them are delivered as those of
 * a session are.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <string.h>

#include "aead.h"
#include "member.h"
#include "native_internal.h"

/* Between questions for the same floor. */
#define FLOOR_AGAIN_MS 1000

static void
drop(struct native *n, struct native_lane *l, enum stat_id reason)
{
	stats_count(n->stats, reason);
	l->peer->drops++;
}

static enum stat_id
drop_reason(int error)
{
	switch (error) {
	case GROUPWIRE_TOO_SHORT:
		return STAT_RX_DROP_TOO_SHORT;
	case GROUPWIRE_REPLAYED:
		return STAT_RX_DROP_REPLAY;
	case GROUPWIRE_OVER:
		return STAT_RX_DROP_EPOCH;
	default:
		return STAT_RX_DROP_AUTH;
	}
}

static void
ask_for_floor(struct native_lane *l, uint64_t now_ms)
{
	struct native_pair *pair = l->pair;
	uint8_t record[FRAME_ASK_LEN];

	if (pair->asked_floor_ms != 0 && now_ms < pair->asked_floor_ms + FLOOR_AGAIN_MS)
		return;
	/* The same question each time: its answer may take longer than that. */
	if (pair->asked_floor_ms == 0)
		aead_random(&pair->floor_token, sizeof(pair->floor_token));
	pair->asked_floor_ms = now_ms;
	frame_append_ask(record, 0, FRAME_ASK_FLOOR, pair->floor_token);
	native_pair_send(l, record, sizeof(record), now_ms);
}

/*
 * It may read what it is holding. But whoever was told before, under another id, was started anew
 * and does not remember what it has read until then: nothing of that may be read a second time.
 */
void
native_on_ask_floor(struct native_lane *l, uint64_t token, uint64_t now_ms)
{
	struct native_group *g = l->native->group;
	struct native_pair *pair = l->pair;
	uint8_t record[FRAME_REPORT_LEN];

	if (!pair->told_floor) {
		pair->our_floor = native_recent_floor(&g->stretch, g->self->counter, now_ms);
		if (pair->was_told && pair->our_floor < pair->met_at)
			pair->our_floor = pair->met_at;
	}
	pair->told_floor = true;
	frame_append_report(record, 0, FRAME_FLOOR, token, pair->our_floor);
	native_pair_send(l, record, sizeof(record), now_ms);
}

void
native_on_floor(struct native_lane *l, uint64_t token, uint64_t floor)
{
	struct native_pair *pair = l->pair;

	if (pair->asked_floor_ms == 0 || token != pair->floor_token || pair->other.has_floor)
		return;
	groupwire_other_set_floor(&pair->other, floor);
	l->native->group->has_floor = true;
}

/* The sender may use who we were before we were started anew. */
static void
tell_stranger(struct native *n, const struct native_arrival *a)
{
	struct notice v = {.kind = NOTICE_RESET, .from = a->own->id.addr, .index = a->header.index};

	native_answer(n, &a->topic, &v, a->own->id.part, a->now_ms);
}

void
native_on_group_reset(struct native *n, const struct notice *v, uint64_t now_ms)
{
	if (v->kind != NOTICE_RESET || v->index != n->group->self->id)
		return;
	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		if (p->lane_count > 0 && addr_equal(&p->lanes[0]->pair->remote.addr, &v->from))
			native_look_up_again(p->lanes[0], now_ms);
}

static void
deliver(struct native *n, struct native_lane *l, const struct native_arrival *a, size_t len)
{
	bool is_for_all = a->own == NULL;

	l->pair->heard_ms = a->now_ms;
	if (!is_for_all && native_has_packets(n->plain, len))
		l->received += a->len;
	native_deliver(
	    n, l->peer, is_for_all ? NULL : l, &l->pair->remote.addr, n->plain, len, a->now_ms);
}

/* Opens it into n->plain. Returns the length, or a negative enum groupwire_error. */
static int
open_message(struct native *n, struct native_lane *l, const struct native_arrival *a)
{
	struct groupwire_now now = native_group_now(n, a->now_ms);

	if (a->own == NULL)
		return groupwire_open_all(&l->pair->other, &now, n->network->broadcast_tag,
		    &a->header, a->message, a->len, n->plain);
	return groupwire_open_one(&l->pair->other, n->group->self, &now, a->own->id.tag, &a->header,
	    a->message, a->len, n->plain);
}

static bool
came_from(const struct native_arrival *a, const char *part)
{
	return strlen(part) == a->topic.from_len &&
	       memcmp(part, a->topic.from, a->topic.from_len) == 0;
}

/* For what a message lacks that cannot be opened yet. */
static void
ask_for_what_is_missing(struct native *n, const struct native_arrival *a)
{
	struct native_lane *l = native_by_sender(n, a->header.index);

	if (l == NULL && !bucket_take_by_name(n->key_requests, NATIVE_SENDER_SLOTS, a->topic.from,
			     a->topic.from_len, 1, NATIVE_SENDER_BURST, a->now_ms))
		stats_count(n->stats, STAT_RX_DROP_FLOOD);
	else if (l == NULL)
		native_look_up_sender(n, a->header.index, a->now_ms);
	else if (a->header.key_id >> 32 > groupkey_newest(member_keys(n->group->member)))
		member_saw_ahead(n->group->member, a->now_ms);
	else
		ask_for_floor(l, a->now_ms);
}

bool
native_open_group(struct native *n, const struct native_arrival *a)
{
	struct native_lane *l = native_by_sender(n, a->header.index);
	int len;

	if (l == NULL) {
		ask_for_what_is_missing(n, a);
		return false;
	}
	if (!came_from(a, l->pair->remote.part)) {
		drop(n, l, STAT_RX_DROP_TOPIC);
		return true;
	}
	len = open_message(n, l, a);
	if (len == GROUPWIRE_AHEAD || len == GROUPWIRE_NO_FLOOR) {
		ask_for_what_is_missing(n, a);
		return false;
	}
	if (len >= 0) {
		deliver(n, l, a, (size_t)len);
		return true;
	}
	drop(n, l, drop_reason(len));
	if (len == GROUPWIRE_FORGED && a->own != NULL)
		tell_stranger(n, a);
	return true;
}

void
native_receive_group(struct native *n, const struct native_arrival *a)
{
	if (n->group->self->id == 0) {
		stats_count(n->stats, STAT_RX_DROP_UNKNOWN_KEY);
		return;
	}
	if (a->own == NULL && native_is_our_own(n, a))
		return;
	if (!native_open_group(n, a))
		native_hold(n, a);
	if (n->group->has_floor) {
		n->group->has_floor = false;
		native_receive_held(n, a->now_ms);
	}
}
