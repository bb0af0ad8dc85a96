/*
 * How long to wait before the next try: exponential growth between two bounds, with
 * jitter, so that a thousand nodes do not return to a restarted broker in one moment. Pure:
 * randomness comes in as an argument.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdint.h>

struct backoff {
	uint32_t min_ms;
	uint32_t max_ms;
	uint32_t step_ms; /* the next delay before jitter; 0 before the first */
};

/* 0 < min_ms <= max_ms. */
void backoff_init(struct backoff *b, uint32_t min_ms, uint32_t max_ms);

/*
 * The next delay: the step, which starts at min_ms and grows by half each time up to max_ms, less a
 * random part of at most its half. random is a uniform 32-bit number. Never below min_ms / 2, never
 * above max_ms. A growth of one half keeps the gap between two tries below the outage itself.
 */
uint32_t backoff_next(struct backoff *b, uint32_t random);

/* Back to min_ms. */
void backoff_reset(struct backoff *b);

#endif
