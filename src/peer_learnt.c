/*
 * The peers that are in no configuration: how they come, and how they go.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "peer_internal.h"

#include "route.h"

/* When it was last known to be there. */
static uint64_t
active_ms(const struct peer *p)
{
	return p->heard_ms > p->learnt_ms ? p->heard_ms : p->learnt_ms;
}

static void
forget(struct peer_table *t, struct peer *p)
{
	struct prefix host = peer_host_prefix(&p->addrs[0]);

	route_remove(t->learnt, &host, p);
	t->learnt_count--;
	peer_drop(t, p);
}

static void
merge(struct peer *p, const struct peer *other)
{
	if (other->heard_ms > p->heard_ms)
		p->heard_ms = other->heard_ms;
	p->tx_packets += other->tx_packets;
	p->tx_bytes += other->tx_bytes;
	p->rx_packets += other->rx_packets;
	p->rx_bytes += other->rx_bytes;
	p->drops += other->drops;
}

void
peer_merge_learnt(struct peer_table *t)
{
	struct peer *other, *next, *p;

	for (other = *t->first_learnt; other != NULL; other = next) {
		next = other->next;
		p = peer_configured_for(t, &other->addrs[0]);
		if (p == NULL)
			continue;
		merge(p, other);
		forget(t, other);
	}
}

/* Forgets the peer that was silent longest, if that is long enough. */
static bool
make_room(struct peer_table *t, uint64_t now_ms)
{
	struct peer *p, *oldest = *t->first_learnt;

	/* Whoever scans a network sends to more than there is room for: not a search for each. */
	if (now_ms < t->full_until_ms)
		return false;
	for (p = oldest; p != NULL; p = p->next) {
		if (active_ms(p) < active_ms(oldest))
			oldest = p;
	}
	t->full_until_ms = active_ms(oldest) + PEER_LEARNT_YIELD_MS;
	if (now_ms < t->full_until_ms)
		return false;
	forget(t, oldest);
	return true;
}

static bool
is_of_one_node(const struct addr *a)
{
	return a->family != ADDR_NONE && !addr_is_unspecified(a) && !addr_is_multicast(a);
}

struct peer *
peer_learn(struct peer_table *t, const struct addr *a, enum peer_wire wire, uint64_t now_ms)
{
	const struct peer_spec spec = {.wire = wire, .addrs = a, .addr_count = 1};
	struct prefix host = peer_host_prefix(a);
	struct peer *p = peer_for_destination(t, a);

	if (p != NULL)
		return p;
	if (!is_of_one_node(a))
		return NULL;
	if (t->learnt_count >= PEER_LEARNT_MAX && !make_room(t, now_ms))
		return NULL;
	if (route_reserve(t->learnt, 1) == -1)
		return NULL;
	p = peer_new(&spec);
	if (p == NULL)
		return NULL;
	p->learnt_ms = now_ms;
	(void)route_add(t->learnt, &host, p);
	t->learnt_count++;
	peer_link(t, t->end, p);
	return p;
}

void
peer_heard(struct peer *p, size_t len, uint64_t now_ms)
{
	p->heard_ms = now_ms;
	p->rx_packets++;
	p->rx_bytes += len;
}

uint64_t
peer_table_next_expiry(const struct peer_table *t)
{
	uint64_t next = UINT64_MAX;
	const struct peer *p;

	for (p = *t->first_learnt; p != NULL; p = p->next) {
		if (active_ms(p) + PEER_LEARNT_EXPIRY_MS < next)
			next = active_ms(p) + PEER_LEARNT_EXPIRY_MS;
	}
	return next;
}

void
peer_table_expire(struct peer_table *t, uint64_t now_ms)
{
	struct peer *p, *next;

	for (p = *t->first_learnt; p != NULL; p = next) {
		next = p->next;
		if (active_ms(p) + PEER_LEARNT_EXPIRY_MS <= now_ms)
			forget(t, p);
	}
}
