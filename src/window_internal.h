/*
 * What the two files of the window share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef WINDOW_INTERNAL_H
#define WINDOW_INTERNAL_H

#include "window.h"

#define WINDOW_NO_RTT UINT32_MAX
#define WINDOW_EPOCH_US 5000000
/* How hard we push at the start, and at most. */
#define WINDOW_PUSH_START 4
#define WINDOW_PUSH_MAX 6

static inline uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t
most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Time from then to now; a clock that goes back is no reason for a huge number. */
static inline uint64_t
since(uint64_t then_us, uint64_t now_us)
{
	return now_us > then_us ? now_us - then_us : 0;
}

/* window.c: the time that the path needs for what the window has beyond rate * round trip; and the
 * rate as the highest of the last rounds'. */
uint64_t window_headroom_us(const struct window *w);
void window_find_rate(struct window *w);

/* window_round.c: a round begins; an answer's round trip; what has come so far is judged, if the
 * round is over. */
void window_round_begin(struct window *w, uint64_t now_us);
void window_round_trip(struct window *w, uint32_t rtt_us);
void window_round_judge(struct window *w, uint64_t now_us);

#endif
