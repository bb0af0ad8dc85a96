/*
 * The tree of time slots: a binary tree of hashes whose leaves are the keys of the slots, so that a
 * few nodes give somebody the keys of the time that was granted, and of no other. Pure: whoever
 * calls knows what time it is. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"

#define SLOTS_DEPTH_MAX 30
/* Nodes that any interval takes, at most. */
#define SLOTS_COVER_MAX (2 * SLOTS_DEPTH_MAX - 2)

struct slots_node {
	uint8_t depth;	/* 0: the root; that of the tree: a slot */
	uint32_t index; /* among those of its depth, from the left */
	uint8_t key[AEAD_KEY_LEN];
};

/*
 * The fewest nodes below which are the slots first to last and no others, from the left, without
 * their keys. Returns how many: 2 * depth - 2 at most, but for the shallowest trees; 0 if first is
 * behind last, or last behind the end of a tree of this depth (1 to SLOTS_DEPTH_MAX).
 */
size_t slots_cover(
    unsigned int depth, uint32_t first, uint32_t last, struct slots_node nodes[SLOTS_COVER_MAX]);
/* The key of the node to from that of one above it, or of the same. Returns 0; -1 if from is not
 * above. */
int slots_derive(const struct slots_node *from, struct slots_node *to);
/* Whether somebody who has these nodes can know a slot. */
bool slots_hold(const struct slots_node *nodes, size_t count, unsigned int depth, uint32_t slot);
/* The key of a slot from nodes that somebody has. Returns 0; -1 if none of them is above it. */
int slots_key(const struct slots_node *nodes, size_t count, unsigned int depth, uint32_t slot,
    uint8_t key[AEAD_KEY_LEN]);

#endif
