/*
 * The window of counters seen: a ring of words, so that sliding costs no shifting.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "replay.h"

#include <assert.h>
#include <string.h>

static uint64_t
mask(uint64_t counter)
{
	return UINT64_C(1) << counter % 64;
}

static uint64_t
word(uint64_t counter)
{
	return counter / 64 % REPLAY_WORDS;
}

void
replay_init(struct replay *r, uint64_t floor)
{
	memset(r, 0, sizeof(*r));
	r->floor = floor;
}

enum replay_verdict
replay_check(const struct replay *r, uint64_t counter)
{
	if (counter < r->floor || counter == UINT64_MAX)
		return REPLAY_TOO_OLD;
	if (counter >= r->next)
		return REPLAY_FRESH;
	if (r->next - counter > REPLAY_WINDOW)
		return REPLAY_TOO_OLD;
	return (r->bits[word(counter)] & mask(counter)) != 0 ? REPLAY_SEEN : REPLAY_FRESH;
}

/* Clears the words that counters from next to counter use for the first time. */
static void
slide(struct replay *r, uint64_t counter)
{
	uint64_t first = r->next / 64 + (r->next % 64 != 0), last = counter / 64;

	/* a jump of more than the ring's size clears each word once */
	if (last >= first + REPLAY_WORDS)
		first = last - REPLAY_WORDS + 1;
	for (; first <= last; first++)
		r->bits[first % REPLAY_WORDS] = 0;
}

void
replay_accept(struct replay *r, uint64_t counter)
{
	assert(replay_check(r, counter) == REPLAY_FRESH);
	if (counter >= r->next) {
		slide(r, counter);
		r->next = counter + 1;
	}
	r->bits[word(counter)] |= mask(counter);
}
