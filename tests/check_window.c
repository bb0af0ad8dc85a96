/*
 * Tests of window: its rules one by one, and then on a path in virtual time.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "window.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define START_US UINT64_C(100000000)
#define SECOND UINT64_C(1000000)
#define MILLISECOND UINT64_C(1000)
#define MBIT UINT64_C(125000) /* bytes a second */

#define LANES 2
#define REPORTS 256 /* on the way at once, at most */
#define BIN_US 100000
#define BINS 1300
#define QUEUE_US 100 /* what is told apart of the queue's length, */
#define QUEUES 4000  /* and how often */

static struct window w;
static uint64_t now_us;

static void
setup(void)
{
	window_init(&w);
	now_us = START_US;
}

/* Sends as the data path does, and returns whether it asked. */
static bool
send_message(size_t bytes, bool more)
{
	bool asks = window_wants_report(&w, bytes, now_us);

	window_sent(&w, bytes, asks, more, now_us);
	return asks;
}

/* The newest question is answered, by one who got all. */
static void
answer_newest(void)
{
	window_report(&w, w.asked, w.asked, now_us);
}

/* Sends until the window is shut; returns how many bytes went. */
static size_t
fill(void)
{
	size_t bytes = 0, message;

	while (window_open(&w)) {
		message = window_message_max(&w);
		send_message(message, true);
		bytes += message;
		ck_assert_uint_le(bytes, WINDOW_MAX + WINDOW_MESSAGE_MAX);
	}
	return bytes;
}

/* So many round trips with the window full, on a path without a queue. */
static void
run_full(unsigned int rounds, uint64_t rtt_us)
{
	while (rounds-- > 0) {
		fill();
		now_us += rtt_us;
		answer_newest();
	}
}

/* The path: senders, one bottleneck with a queue, receivers, and reports that go back. */

struct report {
	uint64_t token, received, at_us;
};

struct lane {
	struct window w;
	uint64_t begin_us;		   /* sends nothing before */
	uint64_t burst, pause_us, next_us; /* bytes that come at once, how often; 0: without end */
	uint64_t backlog;
	uint64_t received; /* the receiver's count */
	uint64_t delivered[BINS];
	struct report reports[REPORTS];
	size_t first, count;
	unsigned int asks, messages;
};

struct path {
	uint64_t rate, later_rate; /* bytes a second; the later one from change_us on */
	uint64_t rtt_us, later_rtt_us, change_us;
	uint64_t queue_max;	     /* bytes; what comes then is dropped */
	uint64_t hiccup_us;	     /* the longest halt, one in each 50 ms; 0: none */
	unsigned int loss;	     /* one message and one report of so many; 0: none */
	unsigned int repaired;	     /* so many come a round trip late, and what is behind waits */
	uint64_t mute_us, unmute_us; /* no report gets through in between */
	struct lane lanes[LANES];
	uint64_t now_us, free_ns; /* the bottleneck is busy until then */
	uint64_t held_us;	  /* what comes before is kept for something to be repaired */
	uint64_t sampled_us;
	uint64_t queues[QUEUES];
	uint64_t random;
};

static struct path *
path_new(uint64_t mbit, uint64_t rtt_us)
{
	struct path *p = calloc(1, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	p->rate = p->later_rate = mbit * MBIT;
	p->rtt_us = p->later_rtt_us = rtt_us;
	p->change_us = UINT64_MAX;
	p->queue_max = UINT64_MAX;
	p->now_us = p->sampled_us = START_US;
	p->lanes[1].begin_us = UINT64_MAX;
	for (size_t i = 0; i < LANES; i++)
		window_init(&p->lanes[i].w);
	return p;
}

static bool
is_one_of(struct path *p, unsigned int many)
{
	p->random = p->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return many != 0 && (p->random >> 33) % many == 0;
}

static bool
is_lost(struct path *p)
{
	return is_one_of(p, p->loss);
}

static uint64_t
half_way_us(const struct path *p, uint64_t at_us)
{
	return (at_us < p->change_us ? p->rtt_us : p->later_rtt_us) / 2;
}

/* When something that gets there at that time gets on: a busy machine halts now and then. */
static uint64_t
get_on(const struct path *p, uint64_t at_us, uint64_t seed)
{
	uint64_t slot = at_us / 50000, from, until;
	uint64_t hash = (slot + seed) * UINT64_C(0x9e3779b97f4a7c15);

	if (p->hiccup_us == 0)
		return at_us;
	hash = (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	from = slot * 50000 + (hash >> 32) % 45000;
	until = from + 1000 + (hash & 0xffff) % (p->hiccup_us - 999);
	return at_us >= from && at_us < until ? until : at_us;
}

/* Notes how long the queue is, each half millisecond. */
static void
sample_queue(struct path *p, uint64_t until_us)
{
	for (; p->sampled_us < until_us; p->sampled_us += 500) {
		uint64_t busy_us = p->free_ns / 1000, slot = 0;

		if (busy_us > p->sampled_us)
			slot = (busy_us - p->sampled_us) / QUEUE_US;
		p->queues[slot < QUEUES ? slot : QUEUES - 1]++;
	}
}

static void
path_answer(struct path *p, struct lane *l, uint64_t token, uint64_t at_us)
{
	if (is_lost(p) || (at_us >= p->mute_us && at_us < p->unmute_us))
		return;
	if (l->count == REPORTS)
		ck_abort_msg("more reports than expected are on the way");
	l->reports[(l->first + l->count++) % REPORTS] =
	    (struct report){token, l->received, get_on(p, at_us + half_way_us(p, at_us), 77)};
}

static void
path_pass(struct path *p, struct lane *l, size_t bytes, bool asks, uint64_t token)
{
	uint64_t at_us = p->now_us + half_way_us(p, p->now_us), start_ns = at_us * 1000, rate, bin;

	sample_queue(p, at_us);
	if (p->free_ns > start_ns)
		start_ns = p->free_ns;
	rate = start_ns / 1000 < p->change_us ? p->rate : p->later_rate;
	if (is_lost(p) || (start_ns - at_us * 1000) / 1000 * rate / SECOND > p->queue_max)
		return;
	p->free_ns = start_ns + bytes * 1000 * SECOND / rate;
	bin = (p->free_ns / 1000 - START_US) / BIN_US;
	l->delivered[bin < BINS ? bin : BINS - 1] += bytes;
	l->received += bytes;
	at_us = p->free_ns / 1000;
	if (p->repaired != 0 && is_one_of(p, p->repaired))
		p->held_us = at_us + p->rtt_us;
	if (asks)
		path_answer(p, l, token, get_on(p, at_us > p->held_us ? at_us : p->held_us, 5));
}

static bool
lane_send(struct path *p, struct lane *l)
{
	size_t bytes = window_message_max(&l->w);
	uint64_t token;
	bool asks;

	if (p->now_us < l->begin_us || l->backlog == 0 || !window_open(&l->w))
		return false;
	if (l->burst != 0) {
		bytes = bytes < l->backlog ? bytes : l->backlog;
		l->backlog -= bytes;
	}
	asks = window_wants_report(&l->w, bytes, p->now_us);
	token = window_token(&l->w, bytes);
	window_sent(&l->w, bytes, asks, l->backlog > 0, p->now_us);
	l->asks += asks;
	l->messages++;
	path_pass(p, l, bytes, asks, token);
	return true;
}

static void
lane_run(struct path *p, struct lane *l)
{
	for (; l->count > 0 && l->reports[l->first].at_us <= p->now_us; l->count--) {
		const struct report *r = &l->reports[l->first];

		window_report(&l->w, r->token, r->received, p->now_us);
		l->first = (l->first + 1) % REPORTS;
	}
	if (window_expiry_us(&l->w) <= p->now_us)
		window_expire(&l->w, p->now_us);
	if (l->burst == 0) {
		l->backlog = 1;
	} else if (p->now_us >= l->next_us) {
		l->backlog += l->burst;
		l->next_us = p->now_us + l->pause_us;
	}
}

static uint64_t
lane_due_us(const struct lane *l, uint64_t at_us)
{
	uint64_t due_us = window_expiry_us(&l->w);

	if (l->begin_us > at_us)
		return l->begin_us;
	if (l->count > 0 && l->reports[l->first].at_us < due_us)
		due_us = l->reports[l->first].at_us;
	if (l->burst != 0 && l->next_us < due_us)
		due_us = l->next_us;
	return due_us > at_us ? due_us : at_us + 1;
}

/* Until so many milliseconds after the start. */
static void
path_run(struct path *p, uint64_t until_ms)
{
	uint64_t until_us = START_US + until_ms * MILLISECOND;

	while (p->now_us < until_us) {
		uint64_t next_us = until_us, due_us;
		bool any = true;

		for (size_t i = 0; i < LANES; i++)
			lane_run(p, &p->lanes[i]);
		while (any) {
			any = lane_send(p, &p->lanes[0]);
			any = lane_send(p, &p->lanes[1]) || any;
		}
		for (size_t i = 0; i < LANES; i++) {
			due_us = lane_due_us(&p->lanes[i], p->now_us);
			next_us = due_us < next_us ? due_us : next_us;
		}
		p->now_us = next_us;
	}
	sample_queue(p, until_us);
}

static void
forget_queue(struct path *p)
{
	memset(p->queues, 0, sizeof(p->queues));
}

/* How long the queue was at most for so many percent of the time. */
static uint64_t
queue_us(const struct path *p, unsigned int percent)
{
	uint64_t total = 0, sum = 0;
	size_t i;

	for (i = 0; i < QUEUES; i++)
		total += p->queues[i];
	for (i = 0; i < QUEUES && sum * 100 < total * percent; i++)
		sum += p->queues[i];
	return i * QUEUE_US;
}

/* What a lane got of the rate at the end, in percent, between two times in milliseconds. */
static uint64_t
share(const struct path *p, size_t lane, uint64_t from_ms, uint64_t until_ms)
{
	uint64_t rate = p->now_us <= p->change_us ? p->rate : p->later_rate, sum = 0;

	for (size_t i = from_ms * MILLISECOND / BIN_US; i < until_ms * MILLISECOND / BIN_US; i++)
		sum += p->lanes[lane].delivered[i];
	return (sum * 1000 * 100 / (until_ms - from_ms) + rate / 2) / rate;
}

START_TEST(window_is_small_enough_for_a_thousand_peers)
{
	ck_assert_uint_le(sizeof(struct window), 4096);
}
END_TEST

START_TEST(window_begins_open_and_small)
{
	ck_assert(window_open(&w));
	ck_assert_uint_eq(w.size, WINDOW_INITIAL);
	ck_assert_uint_eq(window_message_max(&w), 16384);
	ck_assert_uint_eq(window_expiry_us(&w), UINT64_MAX);
}
END_TEST

START_TEST(window_shuts_when_full_and_opens_with_the_answer)
{
	size_t sent = fill();

	ck_assert_uint_ge(sent, WINDOW_INITIAL);
	ck_assert_uint_lt(sent, WINDOW_INITIAL + 16384);
	now_us += 20 * MILLISECOND;
	answer_newest();
	ck_assert(window_open(&w));
	ck_assert_uint_eq(w.rtt_us, 20 * MILLISECOND);
	ck_assert_uint_eq(w.min_rtt_us, 20 * MILLISECOND);
}
END_TEST

START_TEST(window_never_shuts_without_a_question_on_the_way)
{
	for (size_t bytes = 1; bytes <= WINDOW_MESSAGE_MAX; bytes = bytes * 2 + 1) {
		window_init(&w);
		while (window_open(&w))
			send_message(bytes, true);
		ck_assert_uint_gt(w.ask_count, 0);
	}
}
END_TEST

START_TEST(window_asks_a_few_times_for_each_window)
{
	unsigned int asks = 0, messages = 0;

	while (window_open(&w)) {
		asks += send_message(1000, true);
		messages++;
	}
	ck_assert_uint_ge(asks, 3);
	ck_assert_uint_le(asks, 8);
	ck_assert_uint_gt(messages, 40);
}
END_TEST

START_TEST(window_does_not_ask_for_each_small_packet)
{
	unsigned int asks = 0;

	run_full(20, 10 * MILLISECOND);
	for (int i = 0; i < 100000; i++) {
		asks += send_message(100, false);
		now_us += MILLISECOND;
		if (w.ask_count > 0)
			answer_newest();
	}
	/* 10 MB in 100 s: at most one a second, or one for each third of the headroom */
	ck_assert_uint_ge(asks, 20);
	ck_assert_uint_le(asks, 220);
}
END_TEST

/* A ping a second would otherwise leave its round trip unknown for ever. */
START_TEST(window_asks_seldom_when_there_is_little_traffic)
{
	unsigned int asks = 0;

	for (int i = 0; i < 600; i++) {
		asks += send_message(100, false);
		now_us += SECOND;
	}
	ck_assert_uint_ge(asks, 1);
	ck_assert_uint_le(asks, 80);
}
END_TEST

START_TEST(window_message_is_some_milliseconds_of_the_path)
{
	static const struct {
		uint64_t mbit;
		size_t least, most;
	} cases[] = {{1, WINDOW_MESSAGE_MIN, WINDOW_MESSAGE_MIN}, {10, 4500, 6000},
	    {100, 45000, 60000}, {1000, WINDOW_MESSAGE_MAX, WINDOW_MESSAGE_MAX}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct path *p = path_new(cases[i].mbit, 5 * MILLISECOND);

		path_run(p, 3000);
		ck_assert_uint_ge(window_message_max(&p->lanes[0].w), cases[i].least);
		ck_assert_uint_le(window_message_max(&p->lanes[0].w), cases[i].most);
		ck_assert_uint_ge(p->lanes[0].w.size, WINDOW_MIN);
		ck_assert_uint_ge(p->lanes[0].w.size, 2 * window_message_max(&p->lanes[0].w));
		free(p);
	}
}
END_TEST

START_TEST(window_ignores_answers_that_nobody_asked_for)
{
	static const uint64_t tokens[] = {0, 1, 47, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
	struct window before;

	run_full(10, 10 * MILLISECOND);
	fill();
	before = w;
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		window_report(&w, tokens[i], tokens[i], now_us + 1);
		window_report(&w, w.sent + tokens[i], 0, now_us + 1);
		window_report(&w, w.asked - 1 - tokens[i] % 1000, w.sent, now_us + 1);
	}
	ck_assert_mem_eq(&w, &before, sizeof(w));
}
END_TEST

START_TEST(window_takes_each_answer_once)
{
	struct window before;

	fill();
	now_us += 10 * MILLISECOND;
	answer_newest();
	before = w;
	now_us += 10 * MILLISECOND;
	window_report(&w, w.delivered, w.delivered, now_us);
	ck_assert_mem_eq(&w, &before, sizeof(w));
}
END_TEST

START_TEST(window_counts_what_got_lost)
{
	uint64_t first;

	fill();
	first = w.asked;
	window_report(&w, first, first - 5000, now_us + 1000);
	ck_assert_uint_eq(w.lost, 5000);
	fill();
	window_report(&w, w.asked, w.asked - 5000, now_us + 2000);
	ck_assert_uint_eq(w.lost, 5000);
	ck_assert_uint_eq(w.delivered, w.asked);
	ck_assert_uint_gt(w.delivered, first);
}
END_TEST

START_TEST(window_believes_no_absurd_count)
{
	static const uint64_t counts[] = {UINT64_MAX, 0, 1, UINT64_C(1) << 62, 0};

	run_full(20, 10 * MILLISECOND);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		uint64_t rate = w.rate;

		fill();
		now_us += 10 * MILLISECOND;
		window_report(&w, w.asked, counts[i], now_us);
		ck_assert_uint_le(w.rate, 3 * rate);
		ck_assert_uint_ge(w.size, WINDOW_MIN);
		ck_assert(window_open(&w));
	}
	/* a count may stay where it is: then all is lost */
	ck_assert_uint_le(w.lost, w.sent);
}
END_TEST

START_TEST(window_rate_is_of_what_arrived_and_not_of_what_was_sent)
{
	struct path *p = path_new(50, 10 * MILLISECOND);

	/* a broker without a queue, which drops what it cannot pass at once */
	p->queue_max = 15000;
	path_run(p, 5000);
	ck_assert_uint_gt(p->lanes[0].w.lost, 0);
	ck_assert_uint_le(p->lanes[0].w.rate, 55 * MBIT);
	ck_assert_uint_ge(p->lanes[0].w.rate, 30 * MBIT);
	/* and pushing it does not help */
	ck_assert_uint_le(p->lanes[0].w.lost, p->lanes[0].w.sent * 3 / 10);
	free(p);
}
END_TEST

/* No answer comes any more: one message each time, at growing distance. */
START_TEST(window_expires_for_one_message_each_time)
{
	uint64_t wait_us, before_us = 0;

	fill();
	for (int i = 0; i < 10; i++) {
		wait_us = window_expiry_us(&w) - now_us;
		ck_assert_uint_ge(wait_us, 200 * MILLISECOND);
		ck_assert_uint_le(wait_us, 4 * SECOND);
		ck_assert_uint_ge(wait_us, before_us);
		before_us = wait_us;
		window_expire(&w, now_us + wait_us - 1);
		ck_assert(!window_open(&w));
		now_us += wait_us;
		window_expire(&w, now_us);
		ck_assert(window_open(&w));
		ck_assert_uint_eq(window_expiry_us(&w), UINT64_MAX);
		ck_assert(send_message(100, true));
		ck_assert(!window_open(&w));
	}
	ck_assert_uint_eq(before_us, 4 * SECOND);
	answer_newest();
	ck_assert(window_open(&w));
	fill();
	ck_assert_uint_le(window_expiry_us(&w) - now_us, 3 * SECOND);
}
END_TEST

START_TEST(window_waits_three_round_trips_of_a_long_path)
{
	run_full(8, 300 * MILLISECOND);
	fill();
	ck_assert_uint_ge(window_expiry_us(&w) - now_us, 900 * MILLISECOND);
	ck_assert_uint_le(window_expiry_us(&w) - now_us, SECOND);
}
END_TEST

/* A drained window waits for a single answer, which may be lost like any other. */
START_TEST(window_waits_less_while_it_is_drained)
{
	struct path *p = path_new(100, 5 * MILLISECOND);
	const struct window *lane = &p->lanes[0].w;
	uint64_t ms = 2000;

	while (!lane->draining || window_open(lane)) {
		path_run(p, ++ms);
		ck_assert_uint_lt(ms, 13000);
	}
	ck_assert_uint_le(window_expiry_us(lane) - p->now_us, 60 * MILLISECOND);
	free(p);
}
END_TEST

START_TEST(window_needs_only_the_last_of_many_answers)
{
	struct window all = w, last;
	unsigned int asks = 0;

	while (window_open(&w))
		asks += send_message(1000, true);
	ck_assert_uint_gt(asks, 2);
	last = w;
	now_us += 5 * MILLISECOND;
	while (w.ask_count > 0)
		window_report(&w, w.asks[w.ask_first].token, w.asks[w.ask_first].token, now_us);
	all = w;
	w = last;
	answer_newest();
	ck_assert_uint_eq(w.delivered, all.delivered);
	ck_assert_uint_eq(w.size, all.size);
	ck_assert_uint_eq(w.ask_count, 0);
}
END_TEST

START_TEST(window_forgets_the_oldest_of_too_many_questions)
{
	uint64_t first;

	window_sent(&w, 10, true, true, now_us);
	first = w.asked;
	for (int i = 0; i < WINDOW_ASKS; i++)
		window_sent(&w, 10, true, true, now_us);
	ck_assert_uint_eq(w.ask_count, WINDOW_ASKS);
	window_report(&w, first, first, now_us + 1000);
	ck_assert_uint_eq(w.delivered, 0);
	window_report(&w, first + 10, first + 10, now_us + 1000);
	ck_assert_uint_eq(w.delivered, first + 10);
	answer_newest();
	ck_assert_uint_eq(w.ask_count, 0);
}
END_TEST

/* Requests and answers that wait for each other say nothing about the rate of the path. */
START_TEST(window_is_not_made_smaller_by_little_traffic)
{
	struct path *p = path_new(100, 20 * MILLISECOND);
	struct lane *l = &p->lanes[0];
	size_t size;

	path_run(p, 5000);
	size = l->w.size;
	l->burst = 60000;
	l->pause_us = 200 * MILLISECOND;
	path_run(p, 14000);
	ck_assert_uint_ge(l->w.size, size - size / 10);
	l->burst = 0;
	path_run(p, 20000);
	ck_assert_uint_ge(share(p, 0, 14200, 20000), 95);
	free(p);
}
END_TEST

START_TEST(window_begins_anew_after_a_pause)
{
	struct path *p = path_new(300, 50 * MILLISECOND);
	struct lane *l = &p->lanes[0];
	size_t size;

	path_run(p, 5000);
	size = l->w.size;
	l->burst = 1;
	l->pause_us = SECOND;
	path_run(p, 20000);
	ck_assert_uint_le(l->w.size, size / 4);
	ck_assert_uint_ge(l->w.size, WINDOW_INITIAL);
	l->burst = 0;
	path_run(p, 25000);
	ck_assert_uint_ge(share(p, 0, 20500, 25000), 95);
	free(p);
}
END_TEST

START_TEST(window_begins_anew_though_the_last_answer_got_lost)
{
	size_t size;

	run_full(30, 10 * MILLISECOND);
	while (!send_message(16384, false))
		;
	size = w.size;
	ck_assert_uint_gt(size, 4 * WINDOW_INITIAL);
	now_us += 60 * SECOND;
	send_message(100, true);
	ck_assert_uint_eq(w.size, WINDOW_INITIAL);
}
END_TEST

START_TEST(window_rate_has_nothing_of_what_went_before_a_pause)
{
	window_sent(&w, 1000000, false, false, now_us);
	now_us += SECOND;
	window_sent(&w, 1000, true, false, now_us);
	now_us += 10 * MILLISECOND;
	answer_newest();
	ck_assert_uint_eq(w.rate, 100000);
}
END_TEST

struct line {
	uint64_t mbit, rtt_us;
	uint64_t median_us, longest_us; /* the queue that may be */
};

static const struct line lines[] = {
    {10, 1000, 15000, 60000},
    {10, 20000, 15000, 60000},
    {20, 150000, 15000, 60000},
    {100, 300, 15000, 40000},
    {100, 20000, 15000, 40000},
    {300, 50000, 15000, 40000},
    {1000, 300, 3000, 40000},
    {1000, 10000, 3000, 40000},
    {2500, 300, 3000, 40000},
    {3000, 300, 3000, 40000},
    {3000, 2000, 3000, 40000},
};

START_TEST(window_fills_the_path_and_not_the_queue)
{
	const struct line *line = &lines[_i];
	struct path *p = path_new(line->mbit, line->rtt_us);

	path_run(p, 2000);
	forget_queue(p);
	path_run(p, 20000);
	ck_assert_uint_ge(share(p, 0, 1000, 20000), 98);
	ck_assert_uint_le(queue_us(p, 50), line->median_us);
	ck_assert_uint_le(queue_us(p, 100), line->longest_us);
	/* some thousand reports a second are the most that the fastest path needs */
	ck_assert_uint_le(p->lanes[0].asks, 20 * 1600);
	if (line->mbit >= 2500)
		ck_assert_uint_le(p->lanes[0].asks, p->lanes[0].messages / 3);
	free(p);
}
END_TEST

/* Halts of up to 5 ms, of the receiver and of the way back; 3 % are lost where the window is
 * shorter than a halt. */
START_TEST(window_fills_the_path_of_a_busy_machine)
{
	const struct line *line = &lines[_i];
	struct path *p = path_new(line->mbit, line->rtt_us);

	p->hiccup_us = 5000;
	path_run(p, 2000);
	forget_queue(p);
	path_run(p, 20000);
	ck_assert_uint_ge(share(p, 0, 1000, 20000), line->mbit < 1000 ? 98 : 94);
	ck_assert_uint_le(queue_us(p, 50), line->median_us + 2000);
	ck_assert_uint_le(queue_us(p, 100), line->longest_us + 10000);
	free(p);
}
END_TEST

START_TEST(window_fills_the_path_that_loses_one_percent)
{
	const struct line *line = &lines[_i];
	struct path *p = path_new(line->mbit, line->rtt_us);
	const struct window *lane = &p->lanes[0].w;

	p->loss = 100;
	path_run(p, 20000);
	ck_assert_uint_ge(share(p, 0, 1000, 20000), 97);
	ck_assert_uint_ge(lane->lost, lane->sent / 200);
	ck_assert_uint_le(lane->lost, lane->sent / 50);
	free(p);
}
END_TEST

START_TEST(window_fills_a_path_within_a_second)
{
	static const struct line paths[] = {{2500, 300, 0, 0}, {20, 150000, 0, 0}};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct path *p = path_new(paths[i].mbit, paths[i].rtt_us);

		path_run(p, 1500);
		ck_assert_uint_ge(share(p, 0, 900, 1500), 95);
		free(p);
	}
}
END_TEST

START_TEST(window_begins_without_a_long_queue)
{
	struct path *slow = path_new(10, MILLISECOND), *far = path_new(20, 150 * MILLISECOND);

	path_run(slow, 2000);
	ck_assert_uint_le(queue_us(slow, 100), 60 * MILLISECOND);
	path_run(far, 2000);
	ck_assert_uint_le(queue_us(far, 100), 200 * MILLISECOND);
	free(slow);
	free(far);
}
END_TEST

START_TEST(window_finds_the_round_trip_below_its_own_queue)
{
	static const struct line paths[] = {
	    {10, 1000, 0, 0}, {20, 150000, 0, 0}, {100, 20000, 0, 0}, {1000, 300, 0, 0}};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct path *p = path_new(paths[i].mbit, paths[i].rtt_us);

		p->hiccup_us = 3000;
		for (uint64_t s = 10; s < 120; s++) {
			path_run(p, s * 1000);
			/* four milliseconds are those of the message itself */
			ck_assert_uint_ge(p->lanes[0].w.min_rtt_us, paths[i].rtt_us);
			ck_assert_uint_le(p->lanes[0].w.min_rtt_us, paths[i].rtt_us + 5000);
		}
		ck_assert_uint_ge(share(p, 0, 1000, 119000), 97);
		free(p);
	}
}
END_TEST

/* One packet of a hundred, as TCP below sees it: nearly always something is being repaired. */
START_TEST(window_keeps_a_path_busy_that_repairs_what_it_loses)
{
	struct path *p = path_new(20, 150 * MILLISECOND);

	p->repaired = 14;
	path_run(p, 30000);
	ck_assert_uint_ge(share(p, 0, 1000, 5000), 70);
	ck_assert_uint_ge(share(p, 0, 5000, 30000), 93);
	free(p);
}
END_TEST

/* The window is drained now and then: what it sees then is no reason to push. */
START_TEST(window_drains_without_an_overshoot)
{
	for (uint64_t hiccup_us = 2000; hiccup_us <= 6000; hiccup_us += 500) {
		struct path *p = path_new(20, 150 * MILLISECOND);

		p->hiccup_us = hiccup_us;
		path_run(p, 2000);
		forget_queue(p);
		path_run(p, 60000);
		ck_assert_uint_le(queue_us(p, 99), 60 * MILLISECOND);
		ck_assert_uint_le(queue_us(p, 100), 90 * MILLISECOND);
		free(p);
	}
}
END_TEST

/* Within two seconds; but on a long path a queue that has got ten times as long takes its time, and
 * might be repairs for some rounds. */
START_TEST(window_follows_the_rate)
{
	static const uint64_t rtts_us[] = {300, 1000, 20000, 50000, 150000};
	uint64_t rtt_us = rtts_us[_i / 2], settled_ms = rtt_us > 100000 ? 14000 : 10000;
	struct path *p = path_new(100, rtt_us);

	p->rate = (_i % 2 == 0 ? 100 : 10) * MBIT;
	p->later_rate = (_i % 2 == 0 ? 10 : 100) * MBIT;
	p->change_us = START_US + 8 * SECOND;
	path_run(p, settled_ms);
	forget_queue(p);
	path_run(p, settled_ms + 2000);
	ck_assert_uint_ge(share(p, 0, settled_ms, settled_ms + 2000), 95);
	ck_assert_uint_le(queue_us(p, 50), (rtt_us > 100000 ? 55 : 20) * MILLISECOND);
	ck_assert_uint_le(queue_us(p, 100), (rtt_us > 100000 ? 110 : 40) * MILLISECOND);
	free(p);
}
END_TEST

/* A path that gets longer must not make the window smaller each round. */
START_TEST(window_follows_the_round_trip)
{
	static const uint64_t rtts_us[] = {300, 5000, 20000, 35000, 50000};
	struct path *p = path_new(100, 20 * MILLISECOND);

	p->later_rtt_us = rtts_us[_i];
	p->change_us = START_US + 8 * SECOND;
	path_run(p, 24000);
	ck_assert_uint_ge(share(p, 0, 10000, 12000), 95);
	ck_assert_uint_ge(share(p, 0, 12000, 24000), 98);
	forget_queue(p);
	path_run(p, 26000);
	ck_assert_uint_le(queue_us(p, 50), 15 * MILLISECOND);
	free(p);
}
END_TEST

START_TEST(window_shares_the_path_with_another)
{
	const struct line *line = &lines[_i];
	struct path *p = path_new(line->mbit, line->rtt_us);

	p->lanes[1].begin_us = START_US + 2 * SECOND;
	path_run(p, 30000);
	for (size_t i = 0; i < LANES; i++) {
		ck_assert_uint_ge(share(p, i, 3000, 8000), 30);
		ck_assert_uint_ge(share(p, i, 4000, 30000), 42);
	}
	ck_assert_uint_ge(share(p, 0, 4000, 30000) + share(p, 1, 4000, 30000), 97);
	forget_queue(p);
	path_run(p, 50000);
	ck_assert_uint_le(queue_us(p, 50), line->mbit < 1000 ? 25000 : 9000);
	free(p);
}
END_TEST

START_TEST(window_takes_what_another_leaves)
{
	struct path *p = path_new(100, 20 * MILLISECOND);

	p->lanes[1].begin_us = START_US;
	path_run(p, 10000);
	p->lanes[1].begin_us = UINT64_MAX;
	path_run(p, 20000);
	ck_assert_uint_ge(share(p, 0, 11000, 20000), 95);
	free(p);
}
END_TEST

/* All that was on the way is answered by nobody. */
START_TEST(window_recovers_from_lost_answers_in_time)
{
	const struct line *line = &lines[_i];
	struct path *p = path_new(line->mbit, line->rtt_us);
	uint64_t back_ms;

	p->mute_us = START_US + 4 * SECOND;
	p->unmute_us = p->mute_us + 100 * MILLISECOND;
	back_ms = 4100 + 200 + 4 * line->rtt_us / 1000 + 200;
	path_run(p, back_ms + 2000);
	ck_assert_uint_ge(share(p, 0, back_ms - back_ms % 100, back_ms + 2000), 95);
	free(p);
}
END_TEST

START_TEST(window_survives_a_receiver_that_begins_anew)
{
	struct path *p = path_new(100, 10 * MILLISECOND);

	path_run(p, 4000);
	p->lanes[0].received = 0;
	path_run(p, 8000);
	ck_assert_uint_ge(share(p, 0, 4000, 8000), 98);
	ck_assert_uint_eq(p->lanes[0].w.lost, 0);
	free(p);
}
END_TEST

START_TEST(window_grows_to_its_bound_and_not_beyond)
{
	struct path *p = path_new(10000, 200 * MILLISECOND);

	path_run(p, 10000);
	ck_assert_uint_le(p->lanes[0].w.size, WINDOW_MAX);
	ck_assert_uint_ge(share(p, 0, 5000, 10000), 8);
	free(p);
}
END_TEST

static void
add_rules(TCase *tc)
{
	tcase_add_test(tc, window_is_small_enough_for_a_thousand_peers);
	tcase_add_test(tc, window_begins_open_and_small);
	tcase_add_test(tc, window_shuts_when_full_and_opens_with_the_answer);
	tcase_add_test(tc, window_never_shuts_without_a_question_on_the_way);
	tcase_add_test(tc, window_asks_a_few_times_for_each_window);
	tcase_add_test(tc, window_does_not_ask_for_each_small_packet);
	tcase_add_test(tc, window_asks_seldom_when_there_is_little_traffic);
	tcase_add_test(tc, window_message_is_some_milliseconds_of_the_path);
	tcase_add_test(tc, window_ignores_answers_that_nobody_asked_for);
	tcase_add_test(tc, window_takes_each_answer_once);
	tcase_add_test(tc, window_counts_what_got_lost);
	tcase_add_test(tc, window_believes_no_absurd_count);
	tcase_add_test(tc, window_rate_is_of_what_arrived_and_not_of_what_was_sent);
	tcase_add_test(tc, window_expires_for_one_message_each_time);
	tcase_add_test(tc, window_waits_three_round_trips_of_a_long_path);
	tcase_add_test(tc, window_waits_less_while_it_is_drained);
	tcase_add_test(tc, window_needs_only_the_last_of_many_answers);
	tcase_add_test(tc, window_forgets_the_oldest_of_too_many_questions);
	tcase_add_test(tc, window_is_not_made_smaller_by_little_traffic);
	tcase_add_test(tc, window_begins_anew_after_a_pause);
	tcase_add_test(tc, window_begins_anew_though_the_last_answer_got_lost);
	tcase_add_test(tc, window_rate_has_nothing_of_what_went_before_a_pause);
}

static void
add_paths(TCase *tc)
{
	int count = (int)ARRAY_LEN(lines);

	tcase_add_loop_test(tc, window_fills_the_path_and_not_the_queue, 0, count);
	tcase_add_loop_test(tc, window_fills_the_path_of_a_busy_machine, 0, count);
	tcase_add_loop_test(tc, window_fills_the_path_that_loses_one_percent, 0, count);
	tcase_add_test(tc, window_fills_a_path_within_a_second);
	tcase_add_test(tc, window_begins_without_a_long_queue);
	tcase_add_test(tc, window_keeps_a_path_busy_that_repairs_what_it_loses);
	tcase_add_test(tc, window_finds_the_round_trip_below_its_own_queue);
	tcase_add_test(tc, window_drains_without_an_overshoot);
	tcase_add_loop_test(tc, window_follows_the_rate, 0, 10);
	tcase_add_loop_test(tc, window_follows_the_round_trip, 0, 5);
	tcase_add_loop_test(tc, window_shares_the_path_with_another, 0, count);
	tcase_add_test(tc, window_takes_what_another_leaves);
	tcase_add_loop_test(tc, window_recovers_from_lost_answers_in_time, 0, count);
	tcase_add_test(tc, window_survives_a_receiver_that_begins_anew);
	tcase_add_test(tc, window_grows_to_its_bound_and_not_beyond);
}

int
main(void)
{
	Suite *suite = suite_create("window");
	TCase *rules = tcase_create("rules"), *paths = tcase_create("paths");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, rules);
	suite_add_tcase(suite, paths);
	tcase_set_timeout(paths, 60); /* minutes of virtual time under valgrind */
	tcase_add_checked_fixture(rules, setup, NULL);
	add_rules(rules);
	add_paths(paths);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
