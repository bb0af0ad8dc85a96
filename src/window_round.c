/*
 * What a round of the window says: whether there is a queue, whether the path takes more, and how
 * long things wait in it for the repair of others.
 *
 * TCP below hands nothing on while a lost segment is repaired. On a long path that loses one of a
 * hundred, most of what arrives has waited for that: the round trip goes up and down by as much as
 * it is long, while a queue of ours lifts all of it. The longest of a round tells the one from the
 * other; what the mean is above the smallest is time that the path takes as well.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "window.h"

#include "window_internal.h"

/* WINDOW_ROUNDS of them are a tenth of a second at least. */
#define ROUND_US 12500
/* So many rounds in a row, and it is a queue: now and then a round sees nothing but repairs. At the
 * start the queue grows faster. */
#define QUEUE_ROUNDS 5
#define START_ROUNDS 2
/* Repairs take no longer than a queue there, and a round is over before they are. */
#define SHORT_RTT_US 10000
/* Nor does it matter there that things wait for them. */
#define LONG_RTT_US 40000

/* The window as large as the rate says, and its smallest round trip measured soon: the first
 * messages stood in a queue that we made. */
static void
end_start(struct window *w)
{
	w->started = w->stale = true;
	w->push = 0;
}

/* A queue that a window of the last round's rate would not make: the path has got slower, and what
 * was measured before is past. Or it has got longer: a rate that falls is a reason to measure the
 * round trip anew, lest the window get smaller each round. */
static void
judge_queue(struct window *w, uint64_t queue_us, uint64_t now_us)
{
	bool slower = queue_us > 2 * window_headroom_us(w) + w->min_rtt_us / 8;

	if (slower) {
		for (unsigned int i = 0; i < WINDOW_ROUNDS; i++)
			w->rates[i] = i == w->newest_rate ? w->rates[i] : 0;
		window_find_rate(w);
	}
	if (w->rate < w->epoch_rate - w->epoch_rate / 4 &&
	    since(w->epoch_us, now_us) > WINDOW_EPOCH_US / 4)
		w->stale = true;
}

static bool
is_start_over(const struct window *w, uint64_t queue_us)
{
	return queue_us > window_headroom_us(w) / 2 + w->min_rtt_us / 8;
}

static void
judge_start(struct window *w, uint64_t queue_us)
{
	w->queue_rounds = is_start_over(w, queue_us) ? w->queue_rounds + 1 : 0;
	if (w->queue_rounds >= START_ROUNDS)
		end_start(w);
}

static bool
is_drained_lately(const struct window *w, uint64_t now_us)
{
	return w->draining || now_us < w->hold_until_us + UINT64_C(2) * w->rtt_us;
}

/* Without a queue the path may well take more: each such round pushes harder. */
static void
judge_push(struct window *w, uint64_t queue_us, uint64_t now_us)
{
	bool has_lost = w->lost - w->round_lost > (w->sent - w->round_token) / 16;

	w->queue_rounds = queue_us > window_headroom_us(w) / 4 ? w->queue_rounds + 1 : 0;
	if (has_lost) {
		w->push = 0;
	} else if (w->queue_rounds >= QUEUE_ROUNDS) {
		w->push -= w->push > 0 ? 1 : 0;
		w->queue_rounds = 0;
	} else if (w->queue_rounds == 0 && w->round_shut && !is_drained_lately(w, now_us) &&
		   w->push < WINDOW_PUSH_MAX) {
		w->push++;
	}
}

static bool
round_is_over(const struct window *w, uint64_t now_us)
{
	uint64_t age = since(w->round_us, now_us);

	return age >= ROUND_US &&
	       (w->delivered >= w->round_token || age >= UINT64_C(3) * w->min_rtt_us / 2);
}

static bool
round_has_repairs(const struct window *w, uint64_t queue_us)
{
	return w->min_rtt_us > SHORT_RTT_US && queue_us > window_headroom_us(w) / 4 &&
	       w->round_longest_us - w->round_rtt_us > queue_us;
}

/* A repair takes a round trip. What differs by less was lengthened by something else. */
static void
measure_repair(struct window *w)
{
	uint64_t mean_us = w->round_sum_us / w->round_answers, waited_us = 0;

	if (w->min_rtt_us <= LONG_RTT_US) {
		w->repair_us = 0;
		return;
	}
	if (w->round_longest_us - w->round_rtt_us > w->min_rtt_us / 2)
		waited_us = least(mean_us - w->round_rtt_us, w->min_rtt_us);
	w->repair_us = (uint32_t)((UINT64_C(7) * w->repair_us + waited_us) / 8);
}

static void
begin_rate(struct window *w)
{
	w->newest_rate = (w->newest_rate + 1) % WINDOW_ROUNDS;
	w->rates[w->newest_rate] = 0;
	window_find_rate(w);
}

/* A drained window is no reason to forget the rate of one that was not. */
static void
judge(struct window *w, uint64_t now_us)
{
	uint64_t queue_us = w->round_rtt_us - least(w->min_rtt_us, w->round_rtt_us);

	measure_repair(w);
	if (w->min_rtt_us > SHORT_RTT_US && is_drained_lately(w, now_us))
		return;
	if (!round_has_repairs(w, queue_us)) {
		judge_queue(w, queue_us, now_us);
		if (w->started)
			judge_push(w, queue_us, now_us);
		else
			judge_start(w, queue_us);
	}
	begin_rate(w);
}

void
window_round_begin(struct window *w, uint64_t now_us)
{
	w->round_token = w->sent;
	w->round_us = now_us;
	w->round_lost = w->lost;
	w->round_rtt_us = WINDOW_NO_RTT;
	w->round_longest_us = w->round_answers = 0;
	w->round_sum_us = 0;
	w->round_loaded = w->round_shut = false;
}

void
window_round_trip(struct window *w, uint32_t rtt_us)
{
	w->round_rtt_us = (uint32_t)least(w->round_rtt_us, rtt_us);
	w->round_longest_us = (uint32_t)most(w->round_longest_us, rtt_us);
	w->round_sum_us += rtt_us;
	w->round_answers++;
}

void
window_round_judge(struct window *w, uint64_t now_us)
{
	if (!w->started && w->known && w->min_rtt_us < SHORT_RTT_US &&
	    is_start_over(w, w->rtt_us - least(w->min_rtt_us, w->rtt_us)))
		end_start(w);
	if (!round_is_over(w, now_us))
		return;
	if (w->round_loaded)
		judge(w, now_us);
	window_round_begin(w, now_us);
}
