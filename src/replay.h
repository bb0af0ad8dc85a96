/*
 * Which counters have been seen: a sliding window after RFC 6479. Checked before a message is
 * authenticated, moved only after.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW 8192
/* One word more than the window has, so that sliding clears whole words only. */
#define REPLAY_WORDS (REPLAY_WINDOW / 64 + 1)

struct replay {
	uint64_t next;	/* the highest counter seen, plus one; 0: none seen yet */
	uint64_t floor; /* counters below are refused for ever */
	uint64_t bits[REPLAY_WORDS];
};

enum replay_verdict {
	REPLAY_FRESH = 0,
	REPLAY_SEEN = -1,    /* a duplicate */
	REPLAY_TOO_OLD = -2, /* below the window or the floor */
};

/* Nothing seen; counters below floor are refused. */
void replay_init(struct replay *r, uint64_t floor);
/* Judges without a change. UINT64_MAX is REPLAY_TOO_OLD: no sender uses it. */
enum replay_verdict replay_check(const struct replay *r, uint64_t counter);
/* Enters an authenticated counter that replay_check() called fresh. */
void replay_accept(struct replay *r, uint64_t counter);

#endif
