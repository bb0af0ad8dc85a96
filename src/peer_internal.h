/*
 * What the parts of peer share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef PEER_INTERNAL_H
#define PEER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peer.h"

struct peer_slot;
struct route_table;

/* Finds peers by a hash of something that they have. All zero: empty. */
struct peer_index {
	struct peer_slot *slots;
	size_t size; /* 0 or a power of two; at least 4/3 of count */
	size_t count;
};

/* Whether p is the wanted one, and not only one with the same hash. */
typedef bool (*peer_match_fn)(const struct peer *p, const void *wanted);

void peer_index_clear(struct peer_index *index);
struct peer *peer_index_find(
    const struct peer_index *index, uint64_t hash, peer_match_fn match, const void *wanted);
/* Makes room, so that the next peer_index_add() cannot fail. Returns 0, or -1 with ENOMEM. */
int peer_index_reserve(struct peer_index *index);
/* p is borrowed, and is in it with the same hash no more than once. */
void peer_index_add(struct peer_index *index, uint64_t hash, struct peer *p);
/* Does nothing if p is not in it. */
void peer_index_remove(struct peer_index *index, uint64_t hash, const struct peer *p);

struct peer_table {
	struct peer *first;
	struct peer **first_learnt; /* where the pointer to it is: behind the configured ones */
	struct peer **end;	    /* where the NULL behind the last one is */
	struct peer_index names;    /* of the configured ones */
	/* The rest, up to keys, leads to configured ones, but not to stale ones. */
	struct route_table *routes;
	struct peer_index keys;
	struct route_table *learnt; /* addresses of those that were learnt, and nothing else */
	size_t learnt_count;
	uint64_t full_until_ms; /* no peer that was learnt gives way before */
	bool reloading;		/* between mark and sweep */
	struct prefix *local;
	size_t local_count;
	peer_gone_fn gone; /* NULL: nobody wants to know */
	void *gone_arg;
};

/* A new peer with copies of what spec says, in no table. Its name is NULL for one that was learnt.
 * Returns NULL when memory is short. */
struct peer *peer_new(const struct peer_spec *spec);
/* Puts p, which is in no list, where *at is now. */
void peer_link(struct peer_table *t, struct peer **at, struct peer *p);
/* Takes p out of the list and frees it, after telling that it goes. */
void peer_drop(struct peer_table *t, struct peer *p);
/* The configured peer that has a or is before it, or NULL. */
struct peer *peer_configured_for(const struct peer_table *t, const struct addr *a);
struct prefix peer_host_prefix(const struct addr *a);
/* Merges those that were learnt into the configured ones that their addresses now lead to. */
void peer_merge_learnt(struct peer_table *t);

#endif
