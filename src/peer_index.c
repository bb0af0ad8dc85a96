/*
 * An index of peers: open addressing with linear probing.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "peer_internal.h"

#include <stdlib.h>

#define FIRST_SIZE 16

struct peer_slot {
	uint64_t hash;
	struct peer *peer; /* NULL: the slot is free */
};

void
peer_index_clear(struct peer_index *index)
{
	free(index->slots);
	*index = (struct peer_index){.slots = NULL};
}

struct peer *
peer_index_find(
    const struct peer_index *index, uint64_t hash, peer_match_fn match, const void *wanted)
{
	size_t mask = index->size - 1, i;
	const struct peer_slot *slot;

	if (index->size == 0)
		return NULL;
	for (i = hash & mask; index->slots[i].peer != NULL; i = (i + 1) & mask) {
		slot = &index->slots[i];
		if (slot->hash == hash && match(slot->peer, wanted))
			return slot->peer;
	}
	return NULL;
}

/* The index has a free slot. */
static void
put(struct peer_index *index, const struct peer_slot *slot)
{
	size_t mask = index->size - 1, i = slot->hash & mask;

	while (index->slots[i].peer != NULL)
		i = (i + 1) & mask;
	index->slots[i] = *slot;
}

int
peer_index_reserve(struct peer_index *index)
{
	struct peer_index bigger = *index;
	size_t i;

	if ((index->count + 1) * 4 <= index->size * 3)
		return 0;
	bigger.size = index->size == 0 ? FIRST_SIZE : index->size * 2;
	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -1;
	for (i = 0; i < index->size; i++) {
		if (index->slots[i].peer != NULL)
			put(&bigger, &index->slots[i]);
	}
	free(index->slots);
	*index = bigger;
	return 0;
}

void
peer_index_add(struct peer_index *index, uint64_t hash, struct peer *p)
{
	put(index, &(struct peer_slot){.hash = hash, .peer = p});
	index->count++;
}

/* Frees slot hole and closes the gap, so that no probe ends too early. */
static void
remove_slot(struct peer_index *index, size_t hole)
{
	size_t mask = index->size - 1, i, home;

	for (i = (hole + 1) & mask; index->slots[i].peer != NULL; i = (i + 1) & mask) {
		home = index->slots[i].hash & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		index->slots[hole] = index->slots[i];
		hole = i;
	}
	index->slots[hole].peer = NULL;
	index->count--;
}

void
peer_index_remove(struct peer_index *index, uint64_t hash, const struct peer *p)
{
	size_t mask = index->size - 1, i;

	if (index->size == 0)
		return;
	for (i = hash & mask; index->slots[i].peer != NULL; i = (i + 1) & mask) {
		if (index->slots[i].peer == p) {
			remove_slot(index, i);
			return;
		}
	}
}
