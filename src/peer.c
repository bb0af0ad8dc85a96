/*
 * The peer table: a list for people and a route table for packets.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "peer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "route.h"

/*
 * Invariant: a peer that was only heard has one address, which no configured peer holds; else its
 * host route would hide the route through the configured one.
 */
struct peer_table {
	struct peer *first;
	struct peer **first_heard;  /* where the pointer to it is: behind the configured ones */
	struct route_table *routes; /* of all peers but the stale ones */
	size_t heard_count;
	struct prefix *local;
	size_t local_count;
};

struct peer_table *
peer_table_new(void)
{
	struct peer_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->first_heard = &t->first;
	t->routes = route_table_new();
	if (t->routes == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

static void
peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	free(p->name);
	free(p->addrs);
	free(p->routes);
	free(p);
}

void
peer_table_free(struct peer_table *t)
{
	struct peer *p, *next;

	if (t == NULL)
		return;
	for (p = t->first; p != NULL; p = next) {
		next = p->next;
		peer_free(p);
	}
	route_table_free(t->routes);
	free(t->local);
	free(t);
}

static void *
copy(const void *items, size_t count, size_t size)
{
	void *new = calloc(count > 0 ? count : 1, size);

	if (new != NULL && count > 0)
		memcpy(new, items, count * size);
	return new;
}

/* name is NULL for one that was only heard. */
static struct peer *
peer_new(const char *name, const struct addr *addrs, size_t addr_count, const struct prefix *routes,
    size_t route_count)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->configured = name != NULL;
	p->name = name != NULL ? strdup(name) : NULL;
	p->addrs = copy(addrs, addr_count, sizeof(*addrs));
	p->addr_count = addr_count;
	p->routes = copy(routes, route_count, sizeof(*routes));
	p->route_count = route_count;
	if ((name != NULL && p->name == NULL) || p->addrs == NULL || p->routes == NULL) {
		peer_free(p);
		return NULL;
	}
	return p;
}

static struct prefix
host_prefix(const struct addr *a)
{
	return (struct prefix){.addr = *a, .len = addr_bits(a)};
}

/* Enters p's routes. The caller has looked for conflicts and reserved the room: nothing can fail.
 */
static void
enter_routes(struct peer_table *t, struct peer *p)
{
	struct prefix host;
	size_t i;

	for (i = 0; i < p->addr_count; i++) {
		host = host_prefix(&p->addrs[i]);
		(void)route_add(t->routes, &host, p);
	}
	for (i = 0; i < p->route_count; i++)
		(void)route_add(t->routes, &p->routes[i], p);
}

static void
leave_routes(struct peer_table *t, const struct peer *p)
{
	struct prefix host;
	size_t i;

	for (i = 0; i < p->addr_count; i++) {
		host = host_prefix(&p->addrs[i]);
		route_remove(t->routes, &host, p);
	}
	for (i = 0; i < p->route_count; i++)
		route_remove(t->routes, &p->routes[i], p);
}

/* Takes *at out of the list and forgets it. */
static void
drop(struct peer_table *t, struct peer **at)
{
	struct peer *p = *at;

	*at = p->next;
	if (t->first_heard == &p->next)
		t->first_heard = at;
	if (!p->configured)
		t->heard_count--;
	leave_routes(t, p);
	peer_free(p);
}

int
peer_table_set_local(struct peer_table *t, const struct prefix *local, size_t count)
{
	struct prefix *new = copy(local, count, sizeof(*local));

	if (new == NULL)
		return -1;
	free(t->local);
	t->local = new;
	t->local_count = count;
	return 0;
}

/* The length of our longest own network that holds a, or 0. */
static uint8_t
local_len(const struct peer_table *t, const struct addr *a)
{
	uint8_t len = 0;
	size_t i;

	for (i = 0; i < t->local_count; i++) {
		if (t->local[i].len > len && prefix_contains(&t->local[i], a))
			len = t->local[i].len;
	}
	return len;
}

static bool
has_address(const struct peer *p, const struct addr *a)
{
	size_t i;

	for (i = 0; i < p->addr_count; i++) {
		if (addr_equal(&p->addrs[i], a))
			return true;
	}
	return false;
}

/* Whether a is p's address, or behind it by a route of at least min_len. */
static bool
holds(const struct peer *p, const struct addr *a, uint8_t min_len)
{
	size_t i;

	if (has_address(p, a))
		return true;
	for (i = 0; i < p->route_count; i++) {
		if (p->routes[i].len >= min_len && prefix_contains(&p->routes[i], a))
			return true;
	}
	return false;
}

static bool
prefix_taken(const struct peer_table *t, const struct prefix *prefix, const struct peer *by)
{
	const struct peer *p = route_get(t->routes, prefix);

	return p != NULL && p != by && p->configured;
}

/* Whether another configured peer than by has one of these. */
static bool
any_taken(const struct peer_table *t, const struct peer *by, const struct addr *addrs,
    size_t addr_count, const struct prefix *routes, size_t route_count)
{
	struct prefix host;
	size_t i;

	for (i = 0; i < addr_count; i++) {
		host = host_prefix(&addrs[i]);
		if (prefix_taken(t, &host, by))
			return true;
	}
	for (i = 0; i < route_count; i++) {
		if (prefix_taken(t, &routes[i], by))
			return true;
	}
	return false;
}

/* Where the pointer to the peer of that name is, or NULL. */
static struct peer **
find_name(struct peer_table *t, const char *name)
{
	struct peer **at;

	for (at = &t->first; *at != NULL && (*at)->configured; at = &(*at)->next) {
		if (strcmp((*at)->name, name) == 0)
			return at;
	}
	return NULL;
}

static void
add_counters(struct peer *p, const struct peer *other)
{
	if (other->heard_ms > p->heard_ms)
		p->heard_ms = other->heard_ms;
	p->tx_packets += other->tx_packets;
	p->tx_bytes += other->tx_bytes;
	p->rx_packets += other->rx_packets;
	p->rx_bytes += other->rx_bytes;
}

static void
merge_heard(struct peer_table *t, struct peer *p)
{
	struct peer **at = t->first_heard, *other;

	while (*at != NULL) {
		other = *at;
		if (holds(p, other->addrs, local_len(t, other->addrs))) {
			add_counters(p, other);
			drop(t, at);
		} else {
			at = &other->next;
		}
	}
}

/* Links p behind the other configured peers. */
static void
link_configured(struct peer_table *t, struct peer *p)
{
	p->next = *t->first_heard;
	*t->first_heard = p;
	t->first_heard = &p->next;
}

int
peer_table_set(struct peer_table *t, const char *name, const struct addr *addrs, size_t addr_count,
    const struct prefix *routes, size_t route_count)
{
	struct peer **at = find_name(t, name);
	struct peer *new;

	assert(addr_count > 0);
	if (any_taken(t, at != NULL ? *at : NULL, addrs, addr_count, routes, route_count)) {
		errno = EEXIST;
		return -1;
	}
	new = peer_new(name, addrs, addr_count, routes, route_count);
	if (new == NULL || route_reserve(t->routes, addr_count + route_count) == -1) {
		peer_free(new);
		return -1;
	}
	if (at != NULL) {
		add_counters(new, *at);
		drop(t, at);
	}
	merge_heard(t, new);
	link_configured(t, new);
	enter_routes(t, new);
	return 0;
}

void
peer_table_mark(struct peer_table *t)
{
	struct peer *p;

	for (p = t->first; p != NULL && p->configured; p = p->next) {
		p->stale = true;
		leave_routes(t, p);
	}
}

void
peer_table_sweep(struct peer_table *t)
{
	struct peer **at = &t->first;

	while (*at != NULL) {
		if ((*at)->stale)
			drop(t, at);
		else
			at = &(*at)->next;
	}
}

struct peer *
peer_for_destination(const struct peer_table *t, const struct addr *dst)
{
	return route_find(t->routes, dst, local_len(t, dst));
}

const struct addr *
peer_address(const struct peer *p, const struct addr *dst)
{
	const struct addr *best = NULL;
	size_t i;

	for (i = 0; i < p->addr_count; i++) {
		if (addr_equal(&p->addrs[i], dst))
			return &p->addrs[i];
		if (best == NULL && p->addrs[i].family == dst->family)
			best = &p->addrs[i];
	}
	return best != NULL ? best : &p->addrs[0];
}

/* Forgets the peer that was silent longest, if that is long enough. */
static bool
make_room(struct peer_table *t, uint64_t now_ms)
{
	struct peer **at, **oldest = NULL;

	for (at = t->first_heard; *at != NULL; at = &(*at)->next) {
		if (oldest == NULL || (*at)->heard_ms < (*oldest)->heard_ms)
			oldest = at;
	}
	if (oldest == NULL || (*oldest)->heard_ms + PEER_HEARD_YIELD_MS > now_ms)
		return false;
	drop(t, oldest);
	return true;
}

static struct peer *
learn(struct peer_table *t, const struct addr *src, uint64_t now_ms)
{
	struct peer **at = t->first_heard, *p;

	if (addr_is_unspecified(src) || addr_is_multicast(src))
		return NULL;
	if (t->heard_count >= PEER_HEARD_MAX && !make_room(t, now_ms))
		return NULL;
	p = peer_new(NULL, src, 1, NULL, 0);
	if (p == NULL || route_reserve(t->routes, 1) == -1) {
		peer_free(p);
		return NULL;
	}
	while (*at != NULL)
		at = &(*at)->next;
	*at = p;
	t->heard_count++;
	enter_routes(t, p);
	return p;
}

void
peer_heard(struct peer_table *t, const struct addr *src, size_t len, uint64_t now_ms)
{
	struct peer *p = peer_for_destination(t, src);

	if (p == NULL)
		p = learn(t, src, now_ms);
	if (p == NULL)
		return;
	p->heard_ms = now_ms;
	p->rx_packets++;
	p->rx_bytes += len;
}

uint64_t
peer_table_next_expiry(const struct peer_table *t)
{
	uint64_t next = UINT64_MAX;
	const struct peer *p;

	for (p = *t->first_heard; p != NULL; p = p->next) {
		if (p->heard_ms + PEER_HEARD_EXPIRY_MS < next)
			next = p->heard_ms + PEER_HEARD_EXPIRY_MS;
	}
	return next;
}

void
peer_table_expire(struct peer_table *t, uint64_t now_ms)
{
	struct peer **at = t->first_heard;

	while (*at != NULL) {
		if ((*at)->heard_ms + PEER_HEARD_EXPIRY_MS <= now_ms)
			drop(t, at);
		else
			at = &(*at)->next;
	}
}

const struct peer *
peer_first(const struct peer_table *t)
{
	return t->first;
}
