/*
 * Children are KDF(key, "mv1 slot L") and KDF(key, "mv1 slot R"): nobody finds a parent or a
 * sibling.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "slots.h"

#include <stdbool.h>
#include <string.h>

#include "aead_hash.h"

/* The largest subtree that begins at first and does not go beyond last: its height. */
static unsigned int
height_at(unsigned int depth, uint64_t first, uint64_t last)
{
	unsigned int height = 0;

	while (height < depth && (first & ((UINT64_C(2) << height) - 1)) == 0 &&
	       first + (UINT64_C(2) << height) - 1 <= last)
		height++;
	return height;
}

size_t
slots_cover(
    unsigned int depth, uint32_t first, uint32_t last, struct slots_node nodes[SLOTS_COVER_MAX])
{
	uint64_t next = first;
	size_t count = 0;

	if (depth < 1 || depth > SLOTS_DEPTH_MAX || last >= UINT32_C(1) << depth)
		return 0;
	while (next <= last) {
		unsigned int height = height_at(depth, next, last);

		nodes[count++] = (struct slots_node){
		    .depth = (uint8_t)(depth - height), .index = (uint32_t)(next >> height)};
		next += UINT64_C(1) << height;
	}
	return count;
}

static bool
is_above(const struct slots_node *from, unsigned int depth, uint32_t index)
{
	return from->depth <= depth && depth <= SLOTS_DEPTH_MAX &&
	       index >> (depth - from->depth) == from->index;
}

static void
descend(
    const struct slots_node *from, unsigned int depth, uint32_t index, uint8_t key[AEAD_KEY_LEN])
{
	memcpy(key, from->key, AEAD_KEY_LEN);
	for (unsigned int left = depth - from->depth; left > 0; left--) {
		bool right = (index >> (left - 1) & 1) != 0;

		aead_kdf(key, key, right ? "mv1 slot R" : "mv1 slot L", NULL, 0);
	}
}

int
slots_derive(const struct slots_node *from, struct slots_node *to)
{
	if (!is_above(from, to->depth, to->index))
		return -1;
	descend(from, to->depth, to->index, to->key);
	return 0;
}

bool
slots_hold(const struct slots_node *nodes, size_t count, unsigned int depth, uint32_t slot)
{
	for (size_t i = 0; i < count; i++)
		if (is_above(&nodes[i], depth, slot))
			return true;
	return false;
}

int
slots_key(const struct slots_node *nodes, size_t count, unsigned int depth, uint32_t slot,
    uint8_t key[AEAD_KEY_LEN])
{
	for (size_t i = 0; i < count; i++)
		if (is_above(&nodes[i], depth, slot)) {
			descend(&nodes[i], depth, slot, key);
			return 0;
		}
	return -1;
}
