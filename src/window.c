/*
 * The window: samples of the rate and of the round trip from the answers, judged once a round
 * (window_round.c).
 *
 * Rate is the highest of the last rounds, round trip the smallest of the last two epochs; their
 * product and some headroom is the window. The headroom keeps a short queue at the bottleneck: a
 * round without it says that the path could take more, and pushes the window further, up to twice
 * the product, with which it begins as well. At the end of an epoch the window is drained for a
 * moment, as otherwise the headroom would count as a part of the round trip, and grow for ever.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "window.h"

#include <string.h>

#include "window_internal.h"

/* Over a shorter time a rate shows nothing but the hiccups of the scheduler. */
#define SAMPLE_US 5000
/* The longest queue of our own that an epoch's first measurement gets rid of. */
#define DRAIN_US 12000
/* How long it stays drained beyond a round trip, for others to be so at the same time. */
#define HOLD_US 20000
#define HOLD_RTT_US 50000
#define LONG_IDLE_US 10000000
/* After a pause of so long the path may be another: TCP begins anew as well (RFC 5681, 4.1). */
#define PAUSE_US 1000000
#define EXPIRY_US 200000
#define EXPIRY_MAX_US 4000000
#define EXPIRY_DOUBLINGS 8
/* A lane with little traffic asks as well, but not more often. */
#define SELDOM_US 1000000
#define MESSAGE_UNKNOWN 16384
#define HEADROOM_SLOW 3000
#define HEADROOM_FAST (96 * 1024)
#define HEADROOM_MIDDLE (256 * 1024)
/* Far beyond any path; products of the two stay within 64 bits. */
#define RATE_MAX UINT64_C(100000000000)
#define RTT_MAX_US 10000000
/* What the window is of rate * round trip, in sixteenths, by how hard we push. */
static const uint8_t gains[WINDOW_PUSH_MAX + 1] = {16, 18, 20, 24, 32, 40, 48};

static uint64_t
in_flight(const struct window *w)
{
	return w->sent - w->delivered;
}

/* What the path delivers in that time. */
static uint64_t
bytes_in(const struct window *w, uint64_t us)
{
	return w->rate * us / 1000000;
}

/* Some ten milliseconds of a slow path; what keeps a fast one busy between two reports. Grows by
 * less than the rate does: of windows that share a path, the smaller one gains. */
static uint64_t
headroom(const struct window *w)
{
	uint64_t fast = HEADROOM_FAST + bytes_in(w, 1750), slow = HEADROOM_SLOW + bytes_in(w, 7000);

	return least(slow, most(fast, HEADROOM_MIDDLE));
}

uint64_t
window_headroom_us(const struct window *w)
{
	return headroom(w) * 1000000 / most(w->rate, 1);
}

/* On the way at most when the window gets drained: less than the path itself holds. */
static uint64_t
drained(const struct window *w)
{
	uint64_t margin = DRAIN_US + w->min_rtt_us / 16;

	return bytes_in(w, w->min_rtt_us - least(margin, w->min_rtt_us));
}

/* Bytes between two questions: seldom enough that they cost little, often enough that what has
 * arrived unreported takes but a third of the headroom. */
static uint64_t
interval(const struct window *w)
{
	if (!w->known)
		return w->size / 6;
	return most(least(headroom(w) / 3, w->size / 4), w->size / (WINDOW_ASKS / 2));
}

static void
resize(struct window *w)
{
	uint64_t size =
	    bytes_in(w, (uint64_t)w->min_rtt_us + w->repair_us) * gains[w->push] / 16 + headroom(w);

	if (!w->known)
		size = most(size, WINDOW_INITIAL);
	size = least(size, WINDOW_MAX);
	w->size = (size_t)most(size, most(WINDOW_MIN, 2 * window_message_max(w)));
}

void
window_init(struct window *w)
{
	memset(w, 0, sizeof(*w));
	w->idle = true;
	w->epoch_rtt_us = w->last_epoch_rtt_us = WINDOW_NO_RTT;
	window_round_begin(w, 0);
	w->push = WINDOW_PUSH_START;
	resize(w);
}

/* Without a question on the way nothing but the next message can bring an answer. */
bool
window_open(const struct window *w)
{
	return w->granted || w->ask_count == 0 ||
	       in_flight(w) < (w->draining ? drained(w) : w->size);
}

size_t
window_message_max(const struct window *w)
{
	uint64_t size = w->rate / 250;

	if (!w->known)
		size = most(size, MESSAGE_UNKNOWN);
	return (size_t)least(most(size, WINDOW_MESSAGE_MIN), WINDOW_MESSAGE_MAX);
}

bool
window_wants_report(const struct window *w, size_t bytes, uint64_t now_us)
{
	uint64_t unasked = w->sent + bytes - w->asked;

	if (w->granted || w->draining || unasked >= interval(w))
		return true;
	return unasked >= interval(w) / 8 && since(w->asked_us, now_us) >= SELDOM_US;
}

uint64_t
window_token(const struct window *w, size_t bytes)
{
	return w->sent + bytes;
}

static void
start_anew(struct window *w)
{
	memset(w->rates, 0, sizeof(w->rates));
	w->rate = 0;
	w->known = w->started = false;
	w->push = WINDOW_PUSH_START;
	w->queue_rounds = 0;
	w->repair_us = 0;
}

/* Nothing was sent for a while, or nothing to speak of, since the path was full the last time. */
static bool
has_paused(const struct window *w, uint64_t now_us)
{
	return since(w->loaded_us, now_us) > PAUSE_US &&
	       (since(w->idle_us, now_us) > PAUSE_US || w->sent - w->loaded_sent < WINDOW_INITIAL);
}

/* The first message after a pause: what came before says nothing about the rate. */
static void
resume(struct window *w, uint64_t now_us)
{
	if (w->known && has_paused(w, now_us))
		start_anew(w);
	w->mark = (struct window_mark){w->arrived + in_flight(w), now_us, now_us};
	w->idle_us = now_us;
	resize(w);
}

static bool
epoch_is_over(const struct window *w, uint64_t now_us)
{
	return w->stale || since(w->epoch_low_us, now_us) >= WINDOW_EPOCH_US ||
	       since(w->epoch_us, now_us) >= 2 * WINDOW_EPOCH_US;
}

/* The message that is about to go meets no queue of ours. */
static void
begin_epoch(struct window *w, uint64_t now_us)
{
	bool old = w->stale || since(w->epoch_us, now_us) > 3 * WINDOW_EPOCH_US;

	w->last_epoch_rtt_us = old ? WINDOW_NO_RTT : w->epoch_rtt_us;
	w->epoch_rtt_us = WINDOW_NO_RTT;
	w->epoch_us = w->epoch_low_us = now_us;
	w->epoch_rate = w->rate;
	w->epoch_token = w->sent;
	w->stale = false;
}

/* At the end of an epoch the window is drained; the question that comes next begins another. */
static void
turn_epoch(struct window *w, uint64_t now_us)
{
	if (!w->draining && !epoch_is_over(w, now_us))
		return;
	if (!w->draining && w->ask_count > 0 && w->min_rtt_us != 0) {
		w->draining = true;
		w->hold_until_us = 0;
	} else if (!w->draining) {
		begin_epoch(w, now_us);
	} else if (w->hold_until_us == 0) {
		begin_epoch(w, now_us);
		w->hold_until_us = now_us + HOLD_US + least(w->rtt_us, HOLD_RTT_US);
	}
}

static void
forget_oldest(struct window *w)
{
	w->ask_first = (w->ask_first + 1) % WINDOW_ASKS;
	w->ask_count--;
}

static void
ask(struct window *w, size_t bytes, uint64_t now_us)
{
	turn_epoch(w, now_us);
	if (w->ask_count == WINDOW_ASKS)
		forget_oldest(w);
	w->asks[(w->ask_first + w->ask_count++) % WINDOW_ASKS] = (struct window_ask){
	    .token = window_token(w, bytes),
	    .sent_us = now_us,
	    .since = w->mark,
	    .idle = w->idle_us >= w->mark.sent_us,
	};
	w->asked = window_token(w, bytes);
	w->asked_us = now_us;
}

void
window_sent(struct window *w, size_t bytes, bool asks, bool more, uint64_t now_us)
{
	if (w->idle && (w->ask_count == 0 || since(w->asked_us, now_us) > LONG_IDLE_US))
		resume(w, now_us);
	if (asks)
		ask(w, bytes, now_us);
	w->sent += bytes;
	w->granted = false;
	w->idle = !more;
	if (!more)
		w->idle_us = now_us;
	if (in_flight(w) >= w->size)
		w->round_shut = true;
}

/* Takes the question of that token and those before it off the list. */
static bool
take_ask(struct window *w, uint64_t token, struct window_ask *found)
{
	unsigned int i = 0;

	while (i < w->ask_count && w->asks[(w->ask_first + i) % WINDOW_ASKS].token != token)
		i++;
	if (i == w->ask_count)
		return false;
	*found = w->asks[(w->ask_first + i) % WINDOW_ASKS];
	for (i++; i > 0; i--)
		forget_oldest(w);
	return true;
}

/* A count that went back is that of a peer which began anew: nothing can be said of what it got
 * before. One that grew by more than was sent is no reason to believe in more. */
static void
count_delivered(struct window *w, uint64_t token, uint64_t received)
{
	uint64_t sent = token - w->delivered, got = sent;

	if (received >= w->received)
		got = least(sent, received - w->received);
	w->delivered = token;
	w->received = received;
	w->arrived += got;
	w->lost += sent - got;
}

static void
measure_rtt(struct window *w, const struct window_ask *a, uint64_t now_us)
{
	uint32_t rtt = (uint32_t)most(least(since(a->sent_us, now_us), RTT_MAX_US), 1);

	w->rtt_us = w->rtt_us == 0 ? rtt : (uint32_t)((UINT64_C(7) * w->rtt_us + rtt) / 8);
	window_round_trip(w, rtt);
	/* Two windows on one path see the least when one of them is drained. From then on their
	 * epochs end together, and then both see what is without either. */
	if (a->token > w->epoch_token) {
		w->epoch_rtt_us = (uint32_t)least(w->epoch_rtt_us, rtt);
		if (rtt == w->epoch_rtt_us)
			w->epoch_low_us = now_us;
	}
	rtt = (uint32_t)least(w->epoch_rtt_us, w->last_epoch_rtt_us);
	if (rtt != WINDOW_NO_RTT)
		w->min_rtt_us = rtt;
	else if (w->min_rtt_us == 0)
		w->min_rtt_us = w->rtt_us;
}

void
window_find_rate(struct window *w)
{
	w->rate = 0;
	for (unsigned int i = 0; i < WINDOW_ROUNDS; i++)
		w->rate = most(w->rate, w->rates[i]);
}

/* Neither answers that come in one lump nor messages that went in one make a rate: the longer of
 * both times counts. */
static void
measure_rate(struct window *w, const struct window_ask *a, uint64_t now_us)
{
	uint64_t us = most(since(a->since.us, now_us), since(a->since.sent_us, a->sent_us));
	uint64_t bytes = w->arrived - least(a->since.arrived, w->arrived), rate;

	if (us < SAMPLE_US)
		return;
	rate = least(least(bytes, UINT64_MAX / 1000000) * 1000000 / us, RATE_MAX);
	if (!a->idle) {
		w->known = w->round_loaded = true;
		w->loaded_us = now_us;
		w->loaded_sent = w->sent;
	}
	if (!a->idle || rate > w->rate)
		w->rates[w->newest_rate] = most(w->rates[w->newest_rate], rate);
	window_find_rate(w);
}

void
window_report(struct window *w, uint64_t token, uint64_t received, uint64_t now_us)
{
	struct window_ask a;

	if (!take_ask(w, token, &a))
		return;
	count_delivered(w, token, received);
	w->answered_us = now_us;
	w->expired = 0;
	measure_rtt(w, &a, now_us);
	measure_rate(w, &a, now_us);
	if (since(w->mark.us, now_us) >= SAMPLE_US)
		w->mark = (struct window_mark){w->arrived, now_us, a.sent_us};
	if (w->draining && w->hold_until_us != 0 && now_us >= w->hold_until_us)
		w->draining = false;
	window_round_judge(w, now_us);
	resize(w);
}

uint64_t
window_expiry_us(const struct window *w)
{
	uint64_t wait_us = most(w->draining ? HOLD_US : EXPIRY_US, UINT64_C(3) * w->rtt_us);

	if (window_open(w))
		return UINT64_MAX;
	return most(w->asked_us, w->answered_us) +
	       least(wait_us << w->expired, most(wait_us, EXPIRY_MAX_US));
}

void
window_expire(struct window *w, uint64_t now_us)
{
	if (now_us < window_expiry_us(w))
		return;
	w->granted = true;
	if (w->expired < EXPIRY_DOUBLINGS)
		w->expired++;
}
