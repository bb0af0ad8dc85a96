/*
 * Token bucket as the time that what was taken is worth (GCRA, ITU-T I.371).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "bucket.h"

bool
bucket_take(struct bucket *b, uint32_t rate, uint32_t size, uint64_t now_ms)
{
	uint64_t now_us = now_ms * 1000, cost_us = 1000000 / rate;
	uint64_t base = b->used_until_us > now_us ? b->used_until_us : now_us;

	if (base + cost_us > now_us + cost_us * size)
		return false;
	b->used_until_us = base + cost_us;
	return true;
}

bool
bucket_take_by_name(struct bucket *buckets, size_t count, const char *name, size_t len,
    uint32_t rate, uint32_t size, uint64_t now_ms)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	return bucket_take(&buckets[hash % count], rate, size, now_ms);
}
