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
