/*
 * What a group has in place of sessions: the keys of the moment, an id of ours, and a pair for each
 * other member.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <stdlib.h>
#include <string.h>

#include "member.h"
#include "native_internal.h"

int
native_group_open(struct native *n, struct member *member, struct groupwire_self *self)
{
	struct native_group *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return -1;
	g->member = member;
	g->self = self;
	for (size_t i = 0; i < NATIVE_LOOK_UPS_MAX; i++)
		fq_class_init(&g->look_ups[i].waiting, n->fq, NULL);
	n->group = g;
	return 0;
}

void
native_group_close(struct native *n)
{
	if (n->group == NULL)
		return;
	native_drop_look_ups(n);
	free(n->group);
	n->group = NULL;
}

struct groupwire_now
native_group_now(const struct native *n, uint64_t now_ms)
{
	const struct member *m = n->group->member;

	return (struct groupwire_now){
	    .keys = member_keys(m), .time_ms = member_time(m, now_ms), .cipher = n->cipher};
}

bool
native_group_waits(const struct native *n)
{
	return member_state(n->group->member) == MEMBER_JOINING;
}

bool
native_pair_outlet(struct native_lane *l, uint64_t now_ms, struct native_outlet *o)
{
	const struct native *n = l->native;

	/* Without an id it is not known yet, and there is no key for it that others do not have. */
	if (!member_may_send(n->group->member, now_ms) || l->pair->other.id == 0)
		return false;
	*o = (struct native_outlet){
	    .now = native_group_now(n, now_ms),
	    .topic = l->pair->topic,
	    .header_len = GROUPWIRE_HEADER_LEN,
	    .overhead = GROUPWIRE_OVERHEAD,
	    .max_message = FRAME_MESSAGE_MAX,
	    .features = n->shared.features,
	};
	return true;
}

size_t
native_group_seal_all(struct native *n, uint8_t *buf, size_t len, uint64_t now_ms)
{
	struct native_group *g = n->group;
	struct groupwire_now now = native_group_now(n, now_ms);

	if (!member_may_send(g->member, now_ms))
		return 0;
	native_recent_floor(&g->stretch, g->self->counter, now_ms);
	return groupwire_seal_all(g->self, &now, n->network->broadcast_tag, buf, len);
}

void
native_pair_send(struct native_lane *l, const uint8_t *records, size_t len, uint64_t now_ms)
{
	uint8_t message[NATIVE_OVERHEAD_MAX + NATIVE_RECORDS_MAX];
	struct native *n = l->native;
	struct native_outlet o;

	if (len > NATIVE_RECORDS_MAX || !native_outlet(l, now_ms, &o))
		return;
	memcpy(message + o.header_len, records, len);
	len = frame_pad(message + o.header_len, len, NATIVE_RECORDS_MAX, n->padding);
	len = native_seal(l, &o, message, len);
	n->cb.publish(n->cb.arg, o.topic, message, len);
}

/* What was told of our counter was told of another id. */
static void
change_id(struct native *n, uint32_t id)
{
	struct native_group *g = n->group;

	g->stretch = (struct native_stretch){.ms = 0};
	groupwire_self_set_id(g->self, id);
	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next) {
		for (size_t i = 0; i < p->lane_count; i++) {
			struct native_pair *pair = p->lanes[i]->pair;

			pair->told_floor = pair->was_told = false;
			pair->met_at = 0;
		}
	}
}

void
native_group_forget(struct native *n, uint64_t now_ms)
{
	struct groupwire_now now = native_group_now(n, now_ms);

	groupwire_self_forget(n->group->self, &now);
	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		for (size_t i = 0; i < p->lane_count; i++)
			groupwire_other_forget(&p->lanes[i]->pair->other, &now);
}

/* All that waits for us to be in the group, or to be let send, may go. */
void
native_group_changed(struct native *n, uint64_t now_ms)
{
	struct native_group *g = n->group;

	if (memcmp(g->server_key, member_server_key(g->member), sizeof(g->server_key)) != 0) {
		memcpy(g->server_key, member_server_key(g->member), sizeof(g->server_key));
		native_forget_roster(n);
	}
	if (g->self->id != member_sender(g->member))
		change_id(n, member_sender(g->member));
	native_group_forget(n, now_ms);
	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next) {
		for (size_t i = 0; i < p->lane_count; i++) {
			p->lanes[i]->queue.max_packets = 0;
			fq_unpark(&p->lanes[i]->queue);
		}
	}
	native_receive_held(n, now_ms);
	n->cb.ready(n->cb.arg);
}
