/*
 * Longest prefix match: open addressing with linear probing, one table per family.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "route.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"

#define FIRST_SIZE 16
#define LENGTHS 129 /* 0 to 128 bits */

struct slot {
	struct prefix network; /* host bits zero */
	struct peer *peer;     /* NULL: the slot is free */
};

struct table {
	struct slot *slots;
	size_t size; /* 0 or a power of two; more than 4/3 of count */
	size_t count;
	size_t with_length[LENGTHS];
	uint8_t lengths[LENGTHS]; /* those in use, longest first */
	size_t length_count;
};

struct route_table {
	struct table ipv4;
	struct table ipv6;
	/* Addresses that arrive become routes: their sender must not be able to choose collisions.
	 */
	uint64_t seed;
};

struct route_table *
route_table_new(void)
{
	struct route_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	aead_random(&t->seed, sizeof(t->seed));
	return t;
}

void
route_table_free(struct route_table *t)
{
	if (t == NULL)
		return;
	free(t->ipv4.slots);
	free(t->ipv6.slots);
	free(t);
}

static const struct table *
table_of(const struct route_table *t, const struct addr *a)
{
	return a->family == ADDR_IPV4 ? &t->ipv4 : &t->ipv6;
}

static struct table *
table_to_change(struct route_table *t, const struct addr *a)
{
	return a->family == ADDR_IPV4 ? &t->ipv4 : &t->ipv6;
}

/* A product carries only upwards: what differs in the upper bits must be brought down first, or
 * addresses that differ at their end would all share a slot. */
static uint64_t
mix(uint64_t h)
{
	h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

static size_t
hash(uint64_t seed, const struct prefix *network)
{
	uint64_t half[2];

	memcpy(half, network->addr.bytes, sizeof(half));
	return (size_t)mix(mix(seed ^ network->len ^ half[0]) ^ half[1]);
}

/* The slot that holds network, or the free one where it belongs. The table has a free slot. */
static size_t
probe(const struct table *table, uint64_t seed, const struct prefix *network)
{
	size_t i = hash(seed, network) & (table->size - 1);

	/* without host bits, and a struct of bytes alone: the same or not */
	while (table->slots[i].peer != NULL &&
	       memcmp(&table->slots[i].network, network, sizeof(*network)) != 0)
		i = (i + 1) & (table->size - 1);
	return i;
}

static struct peer *
lookup(const struct table *table, uint64_t seed, const struct prefix *p)
{
	struct prefix network = prefix_network(p);

	if (table->size == 0)
		return NULL;
	return table->slots[probe(table, seed, &network)].peer;
}

static int
grow(struct table *table, uint64_t seed)
{
	struct table bigger = *table;
	size_t i;

	bigger.size = table->size == 0 ? FIRST_SIZE : table->size * 2;
	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -1;
	for (i = 0; i < table->size; i++) {
		if (table->slots[i].peer != NULL)
			bigger.slots[probe(&bigger, seed, &table->slots[i].network)] =
			    table->slots[i];
	}
	free(table->slots);
	*table = bigger;
	return 0;
}

static int
make_room(struct table *table, uint64_t seed, size_t count)
{
	while ((table->count + count) * 4 > table->size * 3) {
		if (grow(table, seed) == -1)
			return -1;
	}
	return 0;
}

static void
list_lengths(struct table *table)
{
	size_t i;

	table->length_count = 0;
	for (i = LENGTHS; i-- > 0;) {
		if (table->with_length[i] > 0)
			table->lengths[table->length_count++] = (uint8_t)i;
	}
}

static void
count_length(struct table *table, uint8_t len, int change)
{
	bool was_used = table->with_length[len] > 0;

	table->count += (size_t)change;
	table->with_length[len] += (size_t)change;
	if (was_used != (table->with_length[len] > 0))
		list_lengths(table);
}

int
route_add(struct route_table *t, const struct prefix *p, struct peer *peer)
{
	struct table *table = table_to_change(t, &p->addr);
	struct prefix network = prefix_network(p);
	struct peer *present = lookup(table, t->seed, p);
	size_t i;

	if (present != NULL && present != peer) {
		errno = EEXIST;
		return -1;
	}
	if (present == peer)
		return 0;
	if (make_room(table, t->seed, 1) == -1)
		return -1;
	i = probe(table, t->seed, &network);
	table->slots[i].network = network;
	table->slots[i].peer = peer;
	count_length(table, network.len, 1);
	return 0;
}

int
route_reserve(struct route_table *t, size_t count)
{
	if (make_room(&t->ipv4, t->seed, count) == -1)
		return -1;
	return make_room(&t->ipv6, t->seed, count);
}

/* Frees slot hole and closes the gap, so that no probe ends too early. */
static void
remove_slot(struct table *table, uint64_t seed, size_t hole)
{
	size_t mask = table->size - 1, i, home;

	count_length(table, table->slots[hole].network.len, -1);
	for (i = (hole + 1) & mask; table->slots[i].peer != NULL; i = (i + 1) & mask) {
		home = hash(seed, &table->slots[i].network) & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		table->slots[hole] = table->slots[i];
		hole = i;
	}
	table->slots[hole].peer = NULL;
}

void
route_remove(struct route_table *t, const struct prefix *p, const struct peer *peer)
{
	struct table *table = table_to_change(t, &p->addr);
	struct prefix network = prefix_network(p);

	if (lookup(table, t->seed, p) == peer)
		remove_slot(table, t->seed, probe(table, t->seed, &network));
}

struct peer *
route_find(const struct route_table *t, const struct addr *a, uint8_t min_len)
{
	const struct table *table = table_of(t, a);
	struct prefix p = {.addr = *a};
	struct peer *peer;
	size_t i;

	for (i = 0; i < table->length_count && table->lengths[i] >= min_len; i++) {
		p.len = table->lengths[i];
		peer = lookup(table, t->seed, &p);
		if (peer != NULL)
			return peer;
	}
	return NULL;
}

struct peer *
route_get(const struct route_table *t, const struct prefix *p)
{
	return lookup(table_of(t, &p->addr), t->seed, p);
}

size_t
route_count(const struct route_table *t)
{
	return t->ipv4.count + t->ipv6.count;
}
