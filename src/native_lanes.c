/*
 * The lanes to each peer: in psk mode one for each pair of our address and one of its, in pubkey
 * mode one for the peer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "native_internal.h"
#include "util.h"

static struct native_lane *
find_lane(const struct peer *p, const struct addr *own, const struct addr *remote)
{
	for (size_t i = 0; i < p->lane_count; i++) {
		const struct channel *c = p->lanes[i]->channel;

		if (addr_equal(&channel_own(c)->addr, own) &&
		    addr_equal(&channel_remote(c)->addr, remote))
			return p->lanes[i];
	}
	return NULL;
}

/* A forwarded address speaks for itself only to those who have addressed it so. To others, who may
 * know it as one behind us, we speak for it. */
static bool
speaks_for_itself(const struct native *n, const struct native_id *own, const struct peer *p,
    const struct addr *remote)
{
	return own < n->ids + n->addr_count || p == NULL || n->group != NULL ||
	       find_lane(p, &own->id.addr, remote) != NULL;
}

struct native_id *
native_id_for(
    struct native *n, const struct peer *p, const struct addr *src, const struct addr *remote)
{
	struct native_id *own = native_own(n, src);

	if (own != NULL && speaks_for_itself(n, own, p, remote))
		return own;
	for (size_t i = 0; i < n->addr_count; i++)
		if (n->ids[i].id.addr.family == remote->family)
			return &n->ids[i];
	return &n->ids[0];
}

/* In pubkey mode: where a handshake with the peer is to begin. */
static void
aim(struct native *n, struct channel *c, const struct network_id *own, const struct addr *remote)
{
	struct network_id id;

	if (addr_equal(&channel_remote(c)->addr, remote))
		return;
	network_id(n->network, remote, &id);
	channel_aim(c, own, &id);
}

/* A peer need not have all the addresses that it is configured with: the next one. */
void
native_on_retry(void *arg, struct channel *c)
{
	const struct native_lane *l = channel_owner(c);
	const struct peer *p = l->peer;
	struct native *n = arg;
	size_t i = 0;

	if (n->network->mode != NETWORK_PUBKEY)
		return;
	while (i < p->addr_count && !addr_equal(&p->addrs[i], &channel_remote(c)->addr))
		i++;
	i = i + 1 < p->addr_count ? i + 1 : 0;
	aim(n, c, &native_id_for(n, p, &p->addrs[i], &p->addrs[i])->id, &p->addrs[i]);
}

static void
drop_waiting(struct native_lane *l, enum stat_id reason)
{
	size_t lost = fq_class_clear(&l->queue);

	stats_add(l->native->stats, reason, lost);
	l->peer->drops += lost;
}

static const char *
describe(const struct native_lane *l, char *buf, size_t size)
{
	const struct peer *p = l->peer;
	char text[ADDR_TEXT_MAX];

	addr_format(&channel_remote(l->channel)->addr, text);
	if (p->name != NULL)
		snprintf(buf, size, "%s (%s)", p->name, text);
	else
		snprintf(buf, size, "%s", text);
	return buf;
}

void
native_on_gave_up(void *arg, struct channel *c)
{
	struct native_lane *l = channel_owner(c);
	struct peer *p = l->peer;
	struct native *n = arg;
	char who[160];

	drop_waiting(l, STAT_TX_DROP_NO_SESSION);
	fq_unpark(&l->queue); /* what comes later asks again */
	/* Whoever scans the network asks for many that are not there. */
	if (!p->configured && !log_allow(&n->silent, util_now_ms()))
		return;
	log_notice("peer %s does not answer: is it up, and does it have the same network name and "
		   "%s?",
	    describe(l, who, sizeof(who)), p->has_public_key ? "our public key" : "passphrase");
}

void
native_on_ready(void *arg, struct channel *c, uint64_t now_ms)
{
	struct native_lane *l = channel_owner(c);
	struct native *n = arg;

	l->queue.max_packets = 0;
	fq_unpark(&l->queue);
	native_grant(n, l, now_ms);
	n->cb.ready(n->cb.arg);
}

void
native_restart_lane(struct native_lane *l, uint64_t now_ms)
{
	struct native *n = l->native;

	native_forget_ask(l);
	wheel_cancel(n->shared.wheel, &l->timer);
	window_init(&l->window);
	fq_unpark(&l->queue);
	if (l->channel != NULL)
		channel_retry(l->channel, now_ms);
}

static void
free_lane(struct native_lane *l)
{
	struct native *n = l->native;

	native_forget_ask(l);
	wheel_cancel(n->shared.wheel, &l->timer);
	drop_waiting(l, STAT_TX_DROP_NO_DESTINATION);
	channel_free(l->channel);
	native_free_pair(n, l);
	free(l);
}

void
native_free_lanes(struct native *n, struct peer *p)
{
	for (size_t i = 0; i < p->lane_count; i++)
		free_lane(p->lanes[i]);
	free(p->lanes);
	p->lanes = NULL;
	p->lane_count = 0;
}

static struct native_lane *
add_lane(struct native *n, struct peer *p, const struct network_id *own, const struct addr *remote)
{
	struct native_lane **list = realloc(p->lanes, (p->lane_count + 1) * sizeof(list[0]));
	struct native_lane *l = calloc(1, sizeof(*l));
	struct network_id id;

	if (list != NULL)
		p->lanes = list;
	if (list == NULL || l == NULL)
		goto fail;
	l->native = n;
	l->peer = p;
	network_id(n->network, remote, &id);
	if (n->group == NULL)
		l->channel =
		    channel_new(&n->shared, l, own, &id, p->has_public_key ? p->public_key : NULL);
	else
		l->pair = calloc(1, sizeof(*l->pair));
	if (l->channel == NULL && l->pair == NULL)
		goto fail;
	fq_class_init(&l->queue, n->fq, l);
	window_init(&l->window);
	list[p->lane_count++] = l;
	return l;
fail:
	free(l);
	return NULL;
}

struct native_lane *
native_lane(
    struct native *n, struct peer *p, const struct network_id *own, const struct addr *remote)
{
	struct channel_facts facts;
	struct native_lane *l;

	if (n->group != NULL && p->lane_count > 0)
		return p->lanes[0];
	if (n->network->mode == NETWORK_PUBKEY && p->lane_count > 0) {
		l = p->lanes[0];
		channel_facts(l->channel, &facts);
		if (facts.state == CHANNEL_IDLE || facts.state == CHANNEL_UNREACHABLE)
			aim(n, l->channel, own, remote);
		return l;
	}
	l = find_lane(p, &own->addr, remote);
	return l != NULL ? l : add_lane(n, p, own, remote);
}

/* Of a member of our group: since when it was known. */
static void
lane_facts(const struct native_lane *l, struct channel_facts *f)
{
	if (l->channel != NULL)
		channel_facts(l->channel, f);
	else
		*f = (struct channel_facts){.state = CHANNEL_UP,
		    .handshake_ms = l->pair->since_ms,
		    .last_handshake_ms = l->pair->since_ms,
		    .received_ms = l->pair->heard_ms,
		    .name = ""};
}

bool
native_outlet(struct native_lane *l, uint64_t now_ms, struct native_outlet *o)
{
	struct session *s;

	if (l->channel == NULL)
		return native_pair_outlet(l, now_ms, o);
	s = channel_session(l->channel, now_ms);
	if (s == NULL)
		return false;
	*o = (struct native_outlet){
	    .session = s,
	    .topic = s->topic,
	    .header_len = FRAME_HEADER_LEN,
	    .overhead = SESSION_OVERHEAD,
	    .max_message = channel_max_message(l->channel),
	    .features = s->features,
	};
	return true;
}

size_t
native_seal(struct native_lane *l, const struct native_outlet *o, uint8_t *message, size_t len)
{
	if (o->session != NULL)
		return session_seal(o->session, FRAME_DATA, message, len);
	return groupwire_seal_one(
	    l->native->group->self, &l->pair->other, &o->now, l->pair->remote.tag, message, len);
}

void
native_sent(struct native_lane *l, bool is_answer, uint64_t now_ms)
{
	if (l->channel != NULL)
		channel_sent(l->channel, is_answer, now_ms);
}

void
native_peer_facts(const struct peer *p, struct channel_facts *f)
{
	static const int rank[] = {[CHANNEL_IDLE] = 0,
	    [CHANNEL_UNREACHABLE] = 1,
	    [CHANNEL_CONNECTING] = 2,
	    [CHANNEL_UP] = 3};
	struct channel_facts other;

	*f = (struct channel_facts){.state = CHANNEL_IDLE, .name = ""};
	for (size_t i = 0; i < p->lane_count; i++) {
		lane_facts(p->lanes[i], &other);
		if (i == 0 || rank[other.state] > rank[f->state])
			*f = other;
	}
}

static void
add_traffic(struct native_traffic *t, const struct native_lane *l)
{
	const struct window *w = &l->window;

	t->waiting += l->queue.packets;
	t->queue_drops += l->queue.drops;
	t->queue_marks += l->queue.marks;
	t->lost += w->lost;
	if (l->queue.delay_us > t->delay_us)
		t->delay_us = l->queue.delay_us;
	if (w->rate < t->rate || w->sent == 0)
		return;
	t->window = w->size;
	t->in_flight = (size_t)(w->sent - w->delivered);
	t->rtt_us = w->rtt_us;
	t->min_rtt_us = w->min_rtt_us;
	t->rate = w->rate;
}

/* Of several lanes the fastest stands for the path. */
void
native_peer_traffic(const struct peer *p, struct native_traffic *t)
{
	*t = (struct native_traffic){.waiting = 0};
	for (size_t i = 0; i < p->lane_count; i++)
		add_traffic(t, p->lanes[i]);
}
