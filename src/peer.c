/*
 * The peer table: a list for people; route tables for packets; indices of the names, for a reload,
 * and of the keys, for handshakes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "peer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aead_hash.h"
#include "peer_internal.h"
#include "route.h"

struct peer_table *
peer_table_new(void)
{
	struct peer_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->first_learnt = t->end = &t->first;
	t->routes = route_table_new();
	t->learnt = route_table_new();
	if (t->routes == NULL || t->learnt == NULL) {
		peer_table_free(t);
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
	route_table_free(t->learnt);
	peer_index_clear(&t->names);
	peer_index_clear(&t->keys);
	free(t->local);
	free(t);
}

void
peer_table_on_gone(struct peer_table *t, peer_gone_fn gone, void *arg)
{
	t->gone = gone;
	t->gone_arg = arg;
}

static void
tell_gone(const struct peer_table *t, struct peer *p)
{
	if (t->gone != NULL)
		t->gone(t->gone_arg, p);
}

static void *
copy(const void *items, size_t count, size_t size)
{
	void *new = calloc(count > 0 ? count : 1, size);

	if (new != NULL && count > 0)
		memcpy(new, items, count * size);
	return new;
}

struct peer *
peer_new(const struct peer_spec *spec)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->configured = spec->name != NULL;
	p->name = spec->name != NULL ? strdup(spec->name) : NULL;
	p->told = spec->told;
	p->wire = spec->wire;
	p->addrs = copy(spec->addrs, spec->addr_count, sizeof(*spec->addrs));
	p->addr_count = spec->addr_count;
	p->routes = copy(spec->routes, spec->route_count, sizeof(*spec->routes));
	p->route_count = spec->route_count;
	p->has_public_key = spec->public_key != NULL;
	if (p->has_public_key)
		memcpy(p->public_key, spec->public_key, sizeof(p->public_key));
	if ((p->configured && p->name == NULL) || p->addrs == NULL || p->routes == NULL) {
		peer_free(p);
		return NULL;
	}
	return p;
}

/* The list. */

void
peer_link(struct peer_table *t, struct peer **at, struct peer *p)
{
	p->next = *at;
	p->at = at;
	*at = p;
	if (p->next != NULL)
		p->next->at = &p->next;
	else
		t->end = &p->next;
}

static void
link_configured(struct peer_table *t, struct peer *p)
{
	peer_link(t, t->first_learnt, p);
	t->first_learnt = &p->next;
}

static void
unlink_peer(struct peer_table *t, struct peer *p)
{
	*p->at = p->next;
	if (p->next != NULL)
		p->next->at = p->at;
	else
		t->end = p->at;
	if (t->first_learnt == &p->next)
		t->first_learnt = p->at;
}

void
peer_drop(struct peer_table *t, struct peer *p)
{
	tell_gone(t, p);
	unlink_peer(t, p);
	peer_free(p);
}

struct peer *
peer_first(const struct peer_table *t)
{
	return t->first;
}

/* Addresses. */

struct prefix
peer_host_prefix(const struct addr *a)
{
	return (struct prefix){.addr = *a, .len = addr_bits(a)};
}

static bool
has_address(const struct peer *p, const struct addr *a)
{
	for (size_t i = 0; i < p->addr_count; i++)
		if (addr_equal(&p->addrs[i], a))
			return true;
	return false;
}

static bool
has_addresses_of(const struct peer *p, const struct peer *other)
{
	for (size_t i = 0; i < other->addr_count; i++)
		if (!has_address(p, &other->addrs[i]))
			return false;
	return true;
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

struct peer *
peer_configured_for(const struct peer_table *t, const struct addr *a)
{
	return route_find(t->routes, a, local_len(t, a));
}

static struct peer *
learnt_with(const struct peer_table *t, const struct addr *a)
{
	struct prefix host = peer_host_prefix(a);

	return route_get(t->learnt, &host);
}

struct peer *
peer_for_destination(const struct peer_table *t, const struct addr *dst)
{
	struct peer *p = peer_configured_for(t, dst);

	return p != NULL ? p : learnt_with(t, dst);
}

struct peer *
peer_by_address(const struct peer_table *t, const struct addr *a)
{
	struct prefix host = peer_host_prefix(a);
	struct peer *p = route_get(t->routes, &host);

	/* a route of one address is not yet the peer's own */
	return p != NULL && has_address(p, a) ? p : learnt_with(t, a);
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

/* Names and keys. */

static bool
has_name(const struct peer *p, const void *name)
{
	return strcmp(p->name, name) == 0;
}

static uint64_t
hash_name(const char *name)
{
	uint64_t hash[2];

	aead_hash((uint8_t *)hash, sizeof(hash), NULL, name, strlen(name), NULL, 0);
	return hash[0];
}

static bool
has_key(const struct peer *p, const void *key)
{
	return memcmp(p->public_key, key, sizeof(p->public_key)) == 0;
}

/* A key is as good as random; and only those of the configuration are ever entered. */
static uint64_t
hash_key(const uint8_t key[AEAD_KEY_LEN])
{
	uint64_t hash;

	memcpy(&hash, key, sizeof(hash));
	return hash;
}

struct peer *
peer_by_key(const struct peer_table *t, const uint8_t key[AEAD_KEY_LEN])
{
	return peer_index_find(&t->keys, hash_key(key), has_key, key);
}

/* Configured peers. */

/* Enters all that p is found by but its name. The caller has looked for conflicts and reserved the
 * room: nothing can fail. */
static void
enter(struct peer_table *t, struct peer *p)
{
	struct prefix host;
	size_t i;

	for (i = 0; i < p->addr_count; i++) {
		host = peer_host_prefix(&p->addrs[i]);
		(void)route_add(t->routes, &host, p);
	}
	for (i = 0; i < p->route_count; i++)
		(void)route_add(t->routes, &p->routes[i], p);
	if (p->has_public_key)
		peer_index_add(&t->keys, hash_key(p->public_key), p);
}

static void
leave(struct peer_table *t, const struct peer *p)
{
	struct prefix host;
	size_t i;

	for (i = 0; i < p->addr_count; i++) {
		host = peer_host_prefix(&p->addrs[i]);
		route_remove(t->routes, &host, p);
	}
	for (i = 0; i < p->route_count; i++)
		route_remove(t->routes, &p->routes[i], p);
	if (p->has_public_key)
		peer_index_remove(&t->keys, hash_key(p->public_key), p);
}

static bool
is_another(const struct peer *found, const struct peer *p)
{
	return found != NULL && found != p;
}

/* Whether a configured peer other than p has an address, a route or the key of spec. */
static bool
is_taken(const struct peer_table *t, const struct peer *p, const struct peer_spec *spec)
{
	struct prefix host;
	size_t i;

	for (i = 0; i < spec->addr_count; i++) {
		host = peer_host_prefix(&spec->addrs[i]);
		if (is_another(route_get(t->routes, &host), p))
			return true;
	}
	for (i = 0; i < spec->route_count; i++) {
		if (is_another(route_get(t->routes, &spec->routes[i]), p))
			return true;
	}
	return spec->public_key != NULL && is_another(peer_by_key(t, spec->public_key), p);
}

static int
reserve(struct peer_table *t, const struct peer_spec *spec)
{
	if (route_reserve(t->routes, spec->addr_count + spec->route_count) == -1 ||
	    peer_index_reserve(&t->names) == -1)
		return -1;
	return peer_index_reserve(&t->keys);
}

/* Whether what was bound to a, keys and topics, is as good for b. */
static bool
same_identity(const struct peer *a, const struct peer *b)
{
	if (a->wire != b->wire || a->has_public_key != b->has_public_key)
		return false;
	if (a->has_public_key && !has_key(a, b->public_key))
		return false;
	return addr_equal(&a->addrs[0], &b->addrs[0]) && has_addresses_of(a, b) &&
	       has_addresses_of(b, a);
}

/* Gives p what new has, and frees new. */
static void
take_over(struct peer *p, struct peer *new)
{
	free(p->addrs);
	free(p->routes);
	p->wire = new->wire;
	p->addrs = new->addrs;
	p->addr_count = new->addr_count;
	p->routes = new->routes;
	p->route_count = new->route_count;
	p->has_public_key = new->has_public_key;
	memcpy(p->public_key, new->public_key, sizeof(p->public_key));
	free(new->name);
	free(new);
}

static void
change(struct peer_table *t, struct peer *p, struct peer *new)
{
	if (!same_identity(p, new))
		tell_gone(t, p);
	if (p->stale) {
		p->stale = false;
		unlink_peer(t, p);
		link_configured(t, p);
	} else {
		leave(t, p);
	}
	take_over(p, new);
}

int
peer_table_set(struct peer_table *t, const struct peer_spec *spec)
{
	uint64_t hash = hash_name(spec->name);
	struct peer *p = peer_index_find(&t->names, hash, has_name, spec->name), *new;

	assert(spec->addr_count > 0);
	if (is_taken(t, p, spec) || (p != NULL && p->told != spec->told)) {
		errno = EEXIST;
		return -1;
	}
	new = peer_new(spec);
	if (new == NULL || reserve(t, spec) == -1) {
		peer_free(new);
		return -1;
	}
	if (p != NULL) {
		change(t, p, new);
	} else {
		p = new;
		peer_index_add(&t->names, hash, p);
		link_configured(t, p);
	}
	enter(t, p);
	/* a reload does it once for all, when it is known what leads where */
	if (!t->reloading)
		peer_merge_learnt(t);
	return 0;
}

void
peer_table_mark(struct peer_table *t)
{
	struct peer *p;

	t->reloading = true;
	for (p = t->first; p != *t->first_learnt; p = p->next) {
		if (p->told)
			continue;
		p->stale = true;
		leave(t, p);
	}
}

void
peer_table_remove(struct peer_table *t, struct peer *p)
{
	leave(t, p);
	peer_index_remove(&t->names, hash_name(p->name), p);
	peer_drop(t, p);
}

bool
peer_conflicts(const struct peer *p, const struct peer_spec *spec)
{
	size_t i;

	for (i = 0; i < spec->addr_count; i++)
		if (has_address(p, &spec->addrs[i]))
			return true;
	for (i = 0; i < p->route_count; i++)
		if (prefix_is_listed(spec->routes, spec->route_count, &p->routes[i]))
			return true;
	return spec->public_key != NULL && p->has_public_key && has_key(p, spec->public_key);
}

void
peer_table_sweep(struct peer_table *t)
{
	struct peer *p, *next;

	t->reloading = false;
	for (p = t->first; p != *t->first_learnt; p = next) {
		next = p->next;
		if (p->stale) {
			peer_index_remove(&t->names, hash_name(p->name), p);
			peer_drop(t, p);
		}
	}
	peer_merge_learnt(t);
}
