/*
 * How long to wait before the next try.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backoff.h"

void
backoff_init(struct backoff *b, uint32_t min_ms, uint32_t max_ms)
{
	*b = (struct backoff){.min_ms = min_ms, .max_ms = max_ms};
}

uint32_t
backoff_next(struct backoff *b, uint32_t random)
{
	uint64_t step = b->step_ms == 0 ? b->min_ms : b->step_ms;
	uint64_t grown = step + (step + 1) / 2;
	/* random is a fraction of 2^32; the shift scales it to 0 ... step / 2 */
	uint64_t less = (random * (step / 2 + 1)) >> 32;

	b->step_ms = grown < b->max_ms ? (uint32_t)grown : b->max_ms;
	return (uint32_t)(step - less);
}

void
backoff_reset(struct backoff *b)
{
	b->step_ms = 0;
}
