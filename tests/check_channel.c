/*
 * Tests of channel, rule by rule: two ends, a clock of our own and a network in memory.
 * check_model.c asks whether the rules together do what they are for.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "channel.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "backlog.h"
#include "channel_internal.h" /* to age a session */
#include "frame.h"
#include "pair.h"
#include "util.h"

#define A 0
#define B 1
#define DELAY 10
#define TRIP (2 * DELAY)
#define SECOND 1000
#define TIMES_MAX 64

static struct pair p;

/* What the network saw, and what it swallows. */
static struct {
	struct pair_message first, answer, data;
	uint64_t first_ms[TIMES_MAX];
	size_t first_count;
	int swallowed_type; /* 0: none */
} seen[2];

/* The packets that arrived, by their first bytes. */
static struct {
	uint8_t byte[256];
	size_t count;
} got[2];

static void
remember(int from, const struct pair_message *m)
{
	switch (m->bytes[1]) {
	case FRAME_INIT:
		seen[from].first = *m;
		if (seen[from].first_count < TIMES_MAX)
			seen[from].first_ms[seen[from].first_count++] = p.now_ms;
		break;
	case FRAME_RESPONSE:
		seen[from].answer = *m;
		break;
	case FRAME_DATA:
		seen[from].data = *m;
		break;
	default:
		break;
	}
}

static void
on_published(void *arg, const struct pair_end *from, const struct pair_message *m)
{
	remember(from->number, m);
	if (!p.cut[m->to] && m->bytes[1] != seen[from->number].swallowed_type)
		pair_carry(&p, m, p.now_ms + p.delay_ms);
}

static void
on_delivered(void *arg, const struct pair_end *to, const uint8_t *packet, size_t len)
{
	ck_assert_uint_ge(len, 1);
	if (got[to->number].count < ARRAY_LEN(got[0].byte))
		got[to->number].byte[got[to->number].count++] = packet[0];
}

static void
open_pair(enum network_mode mode)
{
	static const struct pair_callbacks cb = {on_published, on_delivered, NULL};

	memset(seen, 0, sizeof(seen));
	memset(got, 0, sizeof(got));
	pair_open(&p, mode, CHANNEL_REKEY_MS, &cb);
	p.delay_ms = DELAY;
}

static void
set_up(void)
{
	open_pair(NETWORK_PSK);
}

static void
tear_down(void)
{
	pair_close(&p);
}

static struct channel_facts
facts(int number)
{
	struct channel_facts f;

	channel_facts(p.end[number].channel, &f);
	return f;
}

static void
send_byte(int number, uint8_t byte)
{
	pair_send(&p, number, &byte, 1);
}

/* So many packets from this end, one every interval. */
static void
send_every(int number, uint64_t interval_ms, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		send_byte(number, 0);
		pair_pass(&p, interval_ms);
	}
}

/* number begins, and both have the session. */
static void
connect_from(int number)
{
	send_byte(number, 0);
	pair_pass(&p, 2 * TRIP);
	ck_assert(pair_agrees(&p));
}

static size_t
firsts(void)
{
	return p.end[A].firsts + p.end[B].firsts;
}

static void
inject(const struct pair_message *m)
{
	pair_carry(&p, m, p.now_ms);
	pair_pass(&p, 0);
}

/* Setting up. */

START_TEST(channel_sets_up_in_one_round_trip)
{
	ck_assert_int_eq(facts(A).state, CHANNEL_IDLE);
	send_byte(A, 7);
	ck_assert_int_eq(facts(A).state, CHANNEL_CONNECTING);
	ck_assert_uint_eq(p.end[A].waiting.count, 1);
	pair_pass(&p, TRIP - 1);
	ck_assert_int_eq(facts(A).state, CHANNEL_CONNECTING);
	ck_assert_int_eq(facts(B).state, CHANNEL_IDLE);
	pair_pass(&p, 1);
	ck_assert_int_eq(facts(A).state, CHANNEL_UP);
	ck_assert_uint_eq(p.end[A].ready, 1);
	pair_pass(&p, DELAY);
	ck_assert_int_eq(facts(B).state, CHANNEL_UP);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_eq(got[B].count, 1);
	ck_assert_uint_eq(got[B].byte[0], 7);
	ck_assert_uint_eq(p.end[A].firsts, 1);
	ck_assert_uint_eq(p.end[B].firsts, 0);
}
END_TEST

START_TEST(channel_sets_up_in_pubkey_mode)
{
	pair_close(&p);
	open_pair(NETWORK_PUBKEY);
	connect_from(A);
	ck_assert_uint_eq(got[B].count, 1);
}
END_TEST

START_TEST(channel_tells_facts)
{
	uint64_t begun = p.now_ms;
	struct channel_facts f = facts(A);

	ck_assert_uint_eq(f.handshake_ms, 0);
	ck_assert_uint_eq(f.last_handshake_ms, 0);
	ck_assert_uint_eq(f.received_ms, 0);
	ck_assert_str_eq(f.name, "");
	connect_from(A);
	f = facts(A);
	ck_assert_uint_eq(f.handshake_ms, begun + TRIP);
	ck_assert_uint_eq(f.last_handshake_ms, begun + TRIP);
	ck_assert_uint_eq(f.received_ms, begun + TRIP);
	ck_assert_uint_eq(f.rtt_us, TRIP * 1000);
	ck_assert_str_eq(f.name, "B");
	f = facts(B);
	ck_assert_str_eq(f.name, "A");
	ck_assert_uint_eq(f.received_ms, begun + TRIP + DELAY);
	ck_assert_uint_eq(f.rtt_us, 0);
}
END_TEST

START_TEST(channel_borrows_its_owner_and_its_ids)
{
	ck_assert_ptr_eq(channel_owner(p.end[A].channel), &p.end[A]);
	ck_assert(addr_equal(&channel_own(p.end[A].channel)->addr, &p.end[A].id.addr));
	ck_assert(addr_equal(&channel_remote(p.end[A].channel)->addr, &p.end[B].id.addr));
}
END_TEST

START_TEST(channel_settles_for_the_smaller_message)
{
	ck_assert_uint_eq(channel_max_message(p.end[A].channel), FRAME_MESSAGE_MIN);
	p.end[A].shared.max_message = 3000;
	p.end[B].shared.max_message = 4000;
	connect_from(A);
	ck_assert_uint_eq(channel_max_message(p.end[A].channel), 3000);
	ck_assert_uint_eq(channel_max_message(p.end[B].channel), 3000);
}
END_TEST

START_TEST(channel_answer_is_confirmed_without_packets)
{
	channel_session(p.end[A].channel, p.now_ms);
	pair_pass(&p, 2 * TRIP);
	ck_assert_uint_eq(p.end[A].keepalives, 1);
	ck_assert(pair_agrees(&p));
}
END_TEST

START_TEST(channel_packets_confirm_the_answer_themselves)
{
	connect_from(A);
	ck_assert_uint_eq(p.end[A].keepalives, 0);
	ck_assert_uint_eq(p.end[A].packets, 1);
}
END_TEST

START_TEST(channel_sends_what_waited_in_order)
{
	for (uint8_t i = 0; i < BACKLOG_MAX + 3; i++)
		send_byte(A, i);
	ck_assert_uint_eq(p.end[A].waiting.count, BACKLOG_MAX);
	ck_assert_uint_eq(p.end[A].lost, 3);
	pair_pass(&p, 2 * TRIP);
	ck_assert_uint_eq(got[B].count, BACKLOG_MAX);
	for (uint8_t i = 0; i < BACKLOG_MAX; i++)
		ck_assert_uint_eq(got[B].byte[i], i + 3);
}
END_TEST

/* Before the initiator has proven that it is there, nothing is sent to it but the answer. */
START_TEST(channel_responder_waits_for_the_proof)
{
	seen[A].swallowed_type = FRAME_DATA;
	send_byte(A, 1);
	pair_pass(&p, TRIP);
	ck_assert_int_eq(facts(B).state, CHANNEL_IDLE);
	send_byte(B, 2);
	ck_assert_int_eq(facts(B).state, CHANNEL_CONNECTING);
	ck_assert_uint_eq(p.end[B].packets, 0);
}
END_TEST

/* Trying again. */

START_TEST(channel_tries_again_with_jitter)
{
	uint64_t gap, shortest = UINT64_MAX, longest = 0;

	p.cut[B] = true;
	send_byte(A, 0);
	pair_pass(&p, 60 * SECOND);
	ck_assert_uint_ge(seen[A].first_count, 10);
	for (size_t i = 1; i < seen[A].first_count; i++) {
		gap = seen[A].first_ms[i] - seen[A].first_ms[i - 1];
		ck_assert_uint_ge(gap, CHANNEL_RETRY_MS);
		ck_assert_uint_lt(gap, CHANNEL_RETRY_MS + 1000);
		shortest = gap < shortest ? gap : shortest;
		longest = gap > longest ? gap : longest;
	}
	ck_assert_uint_gt(longest, shortest);
	ck_assert_uint_eq(p.end[A].retries, seen[A].first_count - 1);
	p.cut[B] = false;
	pair_pass(&p, CHANNEL_RETRY_MS + 1000 + TRIP);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_eq(got[B].count, 1);
}
END_TEST

START_TEST(channel_gives_up_after_90_seconds)
{
	p.cut[B] = true;
	send_byte(A, 1);
	send_byte(A, 2);
	pair_pass(&p, CHANNEL_GIVE_UP_MS - 1);
	ck_assert_int_eq(facts(A).state, CHANNEL_CONNECTING);
	ck_assert_uint_eq(p.end[A].gave_up, 0);
	pair_pass(&p, CHANNEL_RETRY_MS + 1000);
	ck_assert_int_eq(facts(A).state, CHANNEL_UNREACHABLE);
	ck_assert_uint_eq(p.end[A].gave_up, 1);
	ck_assert_uint_eq(p.end[A].lost, 2);
	ck_assert_uint_eq(p.end[A].waiting.count, 0);
	ck_assert_uint_eq(pair_sessions(&p, A), 0);
	pair_pass(&p, 3600 * SECOND);
	ck_assert_uint_eq(p.end[A].gave_up, 1);
}
END_TEST

START_TEST(channel_begins_anew_after_giving_up)
{
	p.cut[B] = true;
	send_byte(A, 1);
	pair_pass(&p, CHANNEL_GIVE_UP_MS + CHANNEL_RETRY_MS + 1000);
	p.cut[B] = false;
	send_byte(A, 2);
	ck_assert_int_eq(facts(A).state, CHANNEL_CONNECTING);
	pair_pass(&p, 2 * TRIP);
	ck_assert_int_eq(facts(A).state, CHANNEL_UP);
	ck_assert_uint_eq(got[B].count, 1);
	ck_assert_uint_eq(got[B].byte[0], 2);
}
END_TEST

START_TEST(channel_tries_at_once_when_the_way_is_open_again)
{
	p.cut[B] = true;
	send_byte(A, 1);
	pair_pass(&p, 1 * SECOND);
	p.cut[B] = false;
	channel_retry(p.end[A].channel, p.now_ms);
	channel_retry(p.end[B].channel, p.now_ms);
	pair_pass(&p, 2 * TRIP);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_eq(p.end[A].firsts, 2);
	ck_assert_uint_eq(p.end[B].firsts, 0);
}
END_TEST

/* Each try is a new one, whatever still comes of the last. */
START_TEST(channel_refuses_the_answer_to_an_older_try)
{
	struct pair_message late;

	seen[B].swallowed_type = FRAME_RESPONSE;
	send_byte(A, 1);
	pair_pass(&p, TRIP);
	late = seen[B].answer;
	pair_pass(&p, CHANNEL_RETRY_MS + 1000);
	ck_assert_uint_eq(p.end[A].firsts, 2);
	inject(&late);
	ck_assert_int_eq(facts(A).state, CHANNEL_CONNECTING);
	inject(&seen[B].answer);
	ck_assert_int_eq(facts(A).state, CHANNEL_UP);
}
END_TEST

START_TEST(channel_refuses_an_answer_by_another_topic)
{
	struct pair_message moved;

	p.cut[A] = true;
	send_byte(A, 1);
	pair_pass(&p, TRIP);
	moved = seen[B].answer;
	network_topic(
	    &p.end[B].network, moved.topic, p.end[B].network.broadcast_part, p.end[B].id.part);
	inject(&moved);
	ck_assert_int_eq(facts(A).state, CHANNEL_CONNECTING);
	inject(&seen[B].answer);
	ck_assert_int_eq(facts(A).state, CHANNEL_UP);
}
END_TEST

START_TEST(channel_survives_a_forged_answer)
{
	struct pair_message forged;

	seen[B].swallowed_type = FRAME_RESPONSE;
	send_byte(A, 1);
	pair_pass(&p, TRIP);
	for (size_t i = 0; i < seen[B].answer.len; i++) {
		forged = seen[B].answer;
		forged.bytes[i] ^= 1;
		inject(&forged);
	}
	ck_assert_int_eq(facts(A).state, CHANNEL_CONNECTING);
	inject(&seen[B].answer);
	ck_assert_int_eq(facts(A).state, CHANNEL_UP);
}
END_TEST

START_TEST(channel_takes_an_answer_once)
{
	connect_from(A);
	inject(&seen[B].answer);
	ck_assert_uint_eq(p.end[A].ready, 1);
	ck_assert_uint_eq(pair_sessions(&p, A), 1);
}
END_TEST

/* Renewing. */

START_TEST(channel_initiator_renews_after_120_seconds)
{
	connect_from(A);
	send_every(A, 100, 1199);
	ck_assert_uint_eq(firsts(), 1);
	send_every(A, 100, 10);
	ck_assert_uint_eq(p.end[A].firsts, 2);
	ck_assert_uint_eq(p.end[B].firsts, 0);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_eq(p.end[A].ready, 2);
	ck_assert_uint_eq(p.end[B].ready, 2);
	ck_assert_uint_eq(got[B].count, ARRAY_LEN(got[0].byte));
	ck_assert_uint_eq(p.end[B].delivered, 1 + 1199 + 10);
	ck_assert_uint_eq(p.end[B].unknown, 0);
}
END_TEST

START_TEST(channel_renews_after_very_many_messages)
{
	connect_from(A);
	p.end[A].channel->current->tx_counter = SESSION_REKEY_MESSAGES - 1;
	send_byte(A, 1);
	ck_assert_uint_eq(p.end[A].firsts, 1);
	send_byte(A, 2);
	ck_assert_uint_eq(p.end[A].firsts, 2);
	pair_pass(&p, 2 * TRIP);
	ck_assert_uint_lt(p.end[A].channel->current->tx_counter, 10);
}
END_TEST

START_TEST(channel_renews_nothing_without_traffic)
{
	connect_from(A);
	pair_pass(&p, 170 * SECOND);
	ck_assert_uint_eq(firsts(), 1);
	ck_assert_int_eq(facts(A).state, CHANNEL_UP);
}
END_TEST

static void
expect_fallback(int initiator, uint64_t after_ms)
{
	int responder = 1 - initiator;
	uint64_t begun = p.now_ms;

	connect_from(initiator);
	while (p.end[responder].firsts == 0 && p.now_ms < begun + 200 * SECOND)
		send_every(responder, 100, 1);
	ck_assert_uint_ge(seen[responder].first_ms[0], begun + after_ms);
	ck_assert_uint_le(seen[responder].first_ms[0], begun + after_ms + 200);
	ck_assert_uint_eq(p.end[initiator].firsts, 1);
	pair_pass(&p, 2 * TRIP);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_eq(p.end[responder].lost, 0);
}

/* At different times, lest both begin where each thinks that the other should have. */
START_TEST(channel_responder_renews_where_the_initiator_is_silent)
{
	expect_fallback(1 - pair_first(&p), CHANNEL_REKEY_MS + 15 * SECOND);
	pair_close(&p);
	set_up();
	expect_fallback(pair_first(&p), CHANNEL_REKEY_MS + 30 * SECOND);
}
END_TEST

/* The last resort: the other would, but its first messages are lost. */
START_TEST(channel_initiator_that_only_receives_renews_before_the_end)
{
	connect_from(A);
	seen[B].swallowed_type = FRAME_INIT;
	send_every(B, 100, 1640);
	ck_assert_uint_eq(p.end[A].firsts, 1);
	send_every(B, 100, 20);
	ck_assert_uint_eq(p.end[A].firsts, 2);
	ck_assert(pair_agrees(&p));
	send_every(B, 100, 200);
	ck_assert_uint_eq(p.end[A].delivered, 1640 + 20 + 200);
}
END_TEST

START_TEST(channel_does_not_send_with_a_session_of_180_seconds)
{
	uint64_t made;

	connect_from(A);
	made = facts(A).handshake_ms;
	seen[A].swallowed_type = seen[B].swallowed_type = FRAME_INIT;
	while (p.now_ms + 100 < made + CHANNEL_REKEY_MS + CHANNEL_GRACE_MS)
		send_every(A, 100, 1);
	pair_run(&p, made + CHANNEL_REKEY_MS + CHANNEL_GRACE_MS - 1);
	ck_assert_ptr_nonnull(channel_session(p.end[A].channel, p.now_ms));
	ck_assert_ptr_null(channel_session(p.end[A].channel, p.now_ms + 1));
	pair_pass(&p, 1);
	ck_assert_int_eq(facts(A).state, CHANNEL_CONNECTING);
	send_byte(A, 1);
	ck_assert_uint_eq(p.end[A].waiting.count, 1);
}
END_TEST

START_TEST(channel_does_not_take_from_a_session_of_180_seconds)
{
	struct pair_message late;

	connect_from(A);
	p.cut[B] = true;
	send_byte(A, 1);
	late = seen[A].data;
	pair_run(&p, facts(B).handshake_ms + CHANNEL_REKEY_MS + CHANNEL_GRACE_MS);
	ck_assert_int_eq(facts(B).state, CHANNEL_IDLE);
	inject(&late);
	ck_assert_uint_eq(p.end[B].unknown, 1);
	ck_assert_uint_eq(got[B].count, 1);
}
END_TEST

START_TEST(channel_forgets_everything_in_the_end)
{
	connect_from(A);
	channel_hint(p.end[A].channel, 0, p.now_ms);
	pair_pass(&p, TRIP * 2);
	channel_hint(p.end[B].channel, 0, p.now_ms);
	pair_pass(&p, TRIP * 2);
	inject(&seen[A].first);
	ck_assert_uint_eq(pair_sessions(&p, A), 2);
	ck_assert_uint_eq(pair_sessions(&p, B), 3);
	pair_pass(&p, 181 * SECOND);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(pair_sessions(&p, i), 0);
		ck_assert_int_eq(facts(i).state, CHANNEL_IDLE);
		ck_assert_uint_eq(facts(i).handshake_ms, 0);
		ck_assert_uint_ne(facts(i).last_handshake_ms, 0);
		ck_assert(wheel_next_due(p.end[i].wheel) == WHEEL_NEVER);
	}
}
END_TEST

START_TEST(channel_old_session_dies_in_its_own_time)
{
	uint64_t begun = p.now_ms;

	connect_from(A);
	pair_pass(&p, 60 * SECOND);
	channel_hint(p.end[A].channel, 0, p.now_ms);
	pair_pass(&p, 2 * TRIP);
	connect_from(A);
	pair_run(&p, begun + DELAY + 180 * SECOND - 1);
	ck_assert_uint_eq(pair_sessions(&p, B), 2);
	pair_pass(&p, 1);
	ck_assert_uint_eq(pair_sessions(&p, B), 1);
	pair_pass(&p, TRIP);
	ck_assert_uint_eq(pair_sessions(&p, A), 1);
	ck_assert(pair_agrees(&p));
}
END_TEST

START_TEST(channel_takes_what_the_old_session_still_brings)
{
	struct pair_message late;

	connect_from(A);
	p.cut[A] = true;
	send_byte(B, 9);
	late = seen[B].data;
	p.cut[A] = false;
	channel_hint(p.end[A].channel, 0, p.now_ms);
	pair_pass(&p, 2 * TRIP);
	ck_assert(pair_agrees(&p));
	inject(&late);
	ck_assert_uint_eq(got[A].count, 1);
	ck_assert_uint_eq(got[A].byte[0], 9);
	ck_assert(pair_agrees(&p));
}
END_TEST

/* Signs of life. */

START_TEST(channel_says_that_it_received_after_10_seconds)
{
	connect_from(A);
	pair_pass(&p, CHANNEL_KEEPALIVE_MS - 2 * TRIP);
	ck_assert_uint_eq(p.end[B].keepalives, 0);
	pair_pass(&p, 2 * TRIP);
	ck_assert_uint_eq(p.end[B].keepalives, 1);
	pair_pass(&p, 100 * SECOND);
	ck_assert_uint_eq(p.end[A].keepalives, 0);
	ck_assert_uint_eq(p.end[B].keepalives, 1);
}
END_TEST

START_TEST(channel_keeps_saying_so_while_it_only_receives)
{
	connect_from(A);
	send_every(A, 1 * SECOND, 60);
	ck_assert_uint_ge(p.end[B].keepalives, 5);
	ck_assert_uint_le(p.end[B].keepalives, 6);
	ck_assert_uint_eq(firsts(), 1);
}
END_TEST

START_TEST(channel_needs_no_keepalive_where_it_sends)
{
	connect_from(A);
	for (int i = 0; i < 60; i++) {
		send_byte(A, 1);
		send_byte(B, 1);
		pair_pass(&p, 1 * SECOND);
	}
	ck_assert_uint_eq(p.end[A].keepalives + p.end[B].keepalives, 0);
}
END_TEST

START_TEST(channel_starts_anew_after_15_seconds_of_silence)
{
	uint64_t last;

	connect_from(A);
	pair_pass(&p, 20 * SECOND);
	p.cut[A] = true;
	last = p.now_ms;
	send_byte(A, 1);
	send_every(A, 1 * SECOND, 14);
	pair_pass(&p, 999);
	ck_assert_uint_eq(p.end[A].firsts, 1);
	pair_pass(&p, 1);
	ck_assert_uint_eq(p.end[A].firsts, 2);
	ck_assert_uint_eq(seen[A].first_ms[1], last + CHANNEL_SILENCE_MS);
	ck_assert_int_eq(facts(A).state, CHANNEL_UP);
}
END_TEST

START_TEST(channel_that_is_answered_does_not_start_anew)
{
	connect_from(A);
	send_every(A, 1 * SECOND, 100);
	ck_assert_uint_eq(firsts(), 1);
}
END_TEST

START_TEST(channel_that_sends_nothing_does_not_miss_the_other)
{
	connect_from(A);
	pair_pass(&p, 20 * SECOND);
	p.cut[A] = p.cut[B] = true;
	pair_pass(&p, 100 * SECOND);
	ck_assert_uint_eq(firsts(), 1);
}
END_TEST

/* Hints. */

START_TEST(channel_hint_causes_a_handshake_and_drops_nothing)
{
	uint32_t index;

	connect_from(A);
	index = p.end[A].channel->current->remote_index;
	p.cut[A] = true;
	channel_hint(p.end[A].channel, index, p.now_ms);
	ck_assert_uint_eq(p.end[A].firsts, 2);
	ck_assert_int_eq(facts(A).state, CHANNEL_UP);
	send_byte(A, 5);
	pair_pass(&p, TRIP);
	ck_assert_uint_eq(got[B].count, 2);
	p.cut[A] = false;
	pair_pass(&p, CHANNEL_RETRY_MS + 1000 + TRIP);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_ne(p.end[A].channel->current->remote_index, index);
}
END_TEST

START_TEST(channel_hint_about_another_session_is_ignored)
{
	connect_from(A);
	channel_hint(p.end[A].channel, p.end[A].channel->current->remote_index + 1, p.now_ms);
	ck_assert_uint_eq(p.end[A].firsts, 1);
	channel_hint(p.end[A].channel, 0, p.now_ms);
	ck_assert_uint_eq(p.end[A].firsts, 2);
}
END_TEST

START_TEST(channel_hint_without_a_session_is_ignored)
{
	channel_hint(p.end[A].channel, 0, p.now_ms);
	channel_hint(p.end[A].channel, 1, p.now_ms);
	ck_assert_uint_eq(p.end[A].firsts, 0);
}
END_TEST

START_TEST(channel_heeds_one_hint_a_second)
{
	connect_from(A);
	for (int i = 0; i < 10000; i++) {
		channel_hint(p.end[A].channel, 0, p.now_ms);
		pair_pass(&p, 1);
	}
	ck_assert_uint_eq(p.end[A].firsts, 1 + 10);
	ck_assert_uint_le(pair_sessions(&p, A), 3);
	ck_assert_uint_le(pair_sessions(&p, B), 3);
}
END_TEST

/* Or whoever forges them could keep a handshake from ever being answered. */
START_TEST(channel_hint_does_not_disturb_a_handshake)
{
	connect_from(A);
	p.delay_ms = 2000;
	for (int i = 0; i < 39; i++) {
		channel_hint(p.end[A].channel, 0, p.now_ms);
		pair_pass(&p, 100);
	}
	ck_assert_uint_eq(p.end[A].firsts, 2);
	pair_pass(&p, 100);
	ck_assert_uint_eq(p.end[A].ready, 2);
}
END_TEST

/* Nor does one that came too early count. */
START_TEST(channel_hint_during_a_handshake_is_not_heeded_instead_of_a_later_one)
{
	connect_from(A);
	p.delay_ms = 1000;
	channel_hint(p.end[A].channel, 0, p.now_ms);
	pair_pass(&p, 1900);
	channel_hint(p.end[A].channel, 0, p.now_ms);
	pair_pass(&p, 100);
	ck_assert_uint_eq(p.end[A].ready, 2);
	ck_assert_uint_eq(p.end[A].firsts, 2);
	channel_hint(p.end[A].channel, 0, p.now_ms);
	ck_assert_uint_eq(p.end[A].firsts, 3);
}
END_TEST

START_TEST(channel_reset_drops_everything)
{
	connect_from(A);
	channel_hint(p.end[A].channel, 0, p.now_ms);
	inject(&seen[B].first);
	channel_reset(p.end[A].channel);
	ck_assert_int_eq(facts(A).state, CHANNEL_IDLE);
	ck_assert_uint_eq(pair_sessions(&p, A), 0);
	ck_assert(wheel_next_due(p.end[A].wheel) == WHEEL_NEVER);
	send_byte(A, 1);
	channel_reset(p.end[A].channel);
	ck_assert_uint_eq(pair_sessions(&p, A), 0);
	connect_from(A);
}
END_TEST

/* What was received before it needs no reply any more. */
START_TEST(channel_reset_owes_nothing)
{
	connect_from(A);
	pair_pass(&p, 5 * SECOND);
	channel_reset(p.end[A].channel);
	channel_reset(p.end[B].channel);
	channel_session(p.end[A].channel, p.now_ms);
	pair_pass(&p, 30 * SECOND);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_eq(p.end[A].keepalives, 1);
	ck_assert_uint_eq(p.end[B].keepalives, 0);
}
END_TEST

START_TEST(channel_closed_by_the_other_drops_everything)
{
	connect_from(A);
	send_byte(A, 1);
	pair_pass(&p, DELAY);
	channel_closed(p.end[B].channel, p.end[B].channel->current);
	ck_assert_int_eq(facts(B).state, CHANNEL_IDLE);
	ck_assert_uint_eq(pair_sessions(&p, B), 0);
	ck_assert(wheel_next_due(p.end[B].wheel) == WHEEL_NEVER);
}
END_TEST

/* The goodbye of one that is there again came late. */
START_TEST(channel_closed_under_an_old_session_keeps_the_new_one)
{
	connect_from(A);
	pair_pass(&p, CHANNEL_RETRY_MS);
	channel_hint(p.end[B].channel, 0, p.now_ms);
	pair_pass(&p, 2 * TRIP);
	channel_closed(p.end[B].channel, p.end[B].channel->previous);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_eq(pair_sessions(&p, B), 1);
}
END_TEST

/* Unless both were made at the same moment, and either may be the one in use. */
START_TEST(channel_closed_under_one_of_two_drops_both)
{
	connect_from(A);
	channel_hint(p.end[B].channel, 0, p.now_ms);
	pair_pass(&p, 2 * TRIP);
	channel_closed(p.end[B].channel, p.end[B].channel->previous);
	ck_assert_uint_eq(pair_sessions(&p, B), 0);
}
END_TEST

/* First messages again. */

START_TEST(channel_keeps_at_most_four_pending_sessions)
{
	connect_from(A);
	for (int i = 0; i < 100; i++)
		inject(&seen[A].first);
	ck_assert_uint_eq(p.end[B].answers, 101);
	ck_assert_uint_eq(pair_sessions(&p, B), 1 + CHANNEL_PENDING_MAX);
	pair_pass(&p, CHANNEL_PENDING_LIFETIME_MS);
	ck_assert_uint_eq(pair_sessions(&p, B), 1);
}
END_TEST

START_TEST(channel_drops_the_oldest_pending_session)
{
	struct pair_message first;

	seen[A].swallowed_type = FRAME_DATA;
	send_byte(A, 1);
	first = seen[A].first;
	pair_pass(&p, TRIP);
	for (int i = 0; i < CHANNEL_PENDING_MAX - 1; i++)
		inject(&first);
	ck_assert(pair_is_heard(&p, A));
	inject(&first);
	ck_assert(!pair_is_heard(&p, A));
	ck_assert_uint_eq(pair_sessions(&p, B), CHANNEL_PENDING_MAX);
}
END_TEST

START_TEST(channel_replayed_first_message_never_becomes_current)
{
	uint64_t made;

	connect_from(A);
	made = facts(B).handshake_ms;
	for (int i = 0; i < 50; i++) {
		inject(&seen[A].first);
		inject(&seen[A].data);
		inject(&seen[B].first);
		send_byte(A, 1);
		send_byte(B, 1);
		pair_pass(&p, 1 * SECOND);
		ck_assert(pair_agrees(&p));
	}
	ck_assert_uint_eq(facts(B).handshake_ms, made);
	ck_assert_uint_eq(p.end[B].ready, 1);
	ck_assert_uint_eq(p.end[A].delivered, 50);
	ck_assert_uint_eq(p.end[B].delivered, 51);
}
END_TEST

START_TEST(channel_replayed_first_message_makes_nobody_talk)
{
	connect_from(A);
	pair_restart(&p, B, false);
	inject(&seen[A].first);
	inject(&seen[A].data);
	ck_assert_int_eq(facts(B).state, CHANNEL_IDLE);
	send_byte(B, 1);
	ck_assert_uint_eq(p.end[B].firsts, 1);
	ck_assert_uint_eq(p.end[B].packets, 0);
}
END_TEST

/* A second handshake overtook the proof of the first: it must not fall with it. */
START_TEST(channel_proof_spares_younger_pending_sessions)
{
	struct pair_message proof;

	connect_from(A);
	seen[A].swallowed_type = FRAME_DATA;
	channel_hint(p.end[A].channel, 0, p.now_ms);
	pair_pass(&p, 2 * TRIP);
	proof = seen[A].data;
	pair_pass(&p, CHANNEL_HINT_MS);
	channel_hint(p.end[A].channel, 0, p.now_ms);
	pair_pass(&p, DELAY);
	inject(&proof);
	seen[A].swallowed_type = 0;
	pair_pass(&p, 2 * TRIP);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_eq(p.end[B].unknown, 0);
	ck_assert_uint_eq(p.end[B].ready, 3);
}
END_TEST

/* Restarts. */

static void
expect_recovery(int restarted, int sender, bool announce, uint64_t ms)
{
	connect_from(A);
	pair_pass(&p, 5 * SECOND);
	pair_restart(&p, restarted, announce);
	if (announce)
		pair_pass(&p, DELAY + TRIP + DELAY);
	else
		send_byte(sender, 1);
	pair_pass(&p, ms);
	ck_assert(pair_agrees(&p));
	got[1 - sender].count = 0;
	send_byte(sender, 2);
	pair_pass(&p, DELAY);
	ck_assert_uint_eq(got[1 - sender].count, 1);
}

/* 0: the initiator restarts, 1: the responder; who sends next, it or the other; or it says so. */
START_TEST(channel_outlives_a_restart)
{
	int restarted = _i % 2;

	switch (_i / 2) {
	case 0: /* first message, answer, proof */
		expect_recovery(restarted, restarted, false, TRIP + DELAY);
		break;
	case 1: /* packet, hint, and the same */
		expect_recovery(restarted, 1 - restarted, false, 2 * TRIP + DELAY);
		break;
	default:
		expect_recovery(restarted, restarted, true, 0);
		break;
	}
}
END_TEST

START_TEST(channel_outlives_a_restart_of_both)
{
	connect_from(A);
	pair_restart(&p, A, false);
	pair_restart(&p, B, false);
	send_byte(A, 1);
	send_byte(B, 2);
	pair_pass(&p, 2 * TRIP);
	ck_assert(pair_agrees(&p));
	ck_assert_uint_eq(got[A].count, 1);
	ck_assert_uint_eq(got[B].count, 2);
}
END_TEST

/* Both at once. */

/* One end begins this much after the other: at the same moment, and on all sides of it. Each has
 * something to send all the time, and had a session before or not. */
static void
cross(int earlier, uint64_t later_ms, bool had_session)
{
	size_t sent = had_session ? 1 : 0;
	uint64_t begun;

	if (had_session)
		connect_from(A);
	begun = p.now_ms;
	for (uint64_t ms = 0; ms < 10 * DELAY; ms++, sent++) {
		if (had_session && ms == 0)
			channel_hint(p.end[earlier].channel, 0, p.now_ms);
		if (had_session && ms == later_ms)
			channel_hint(p.end[1 - earlier].channel, 0, p.now_ms);
		send_byte(earlier, 1);
		if (ms >= later_ms)
			send_byte(1 - earlier, 1);
		pair_pass(&p, 1);
		if (p.now_ms >= begun + later_ms + TRIP + DELAY)
			ck_assert_msg(pair_agrees(&p), "%d later by %d ms, had %d: not after %d ms",
			    earlier, (int)later_ms, had_session, (int)(p.now_ms - begun));
	}
	pair_pass(&p, DELAY);
	ck_assert_uint_eq(p.end[A].unknown + p.end[B].unknown, 0);
	ck_assert_uint_eq(p.end[A].lost + p.end[B].lost, 0);
	ck_assert_uint_eq(p.end[1 - earlier].delivered, sent - (had_session && earlier == B));
	ck_assert_uint_eq(
	    p.end[earlier].delivered, sent - later_ms - (had_session && earlier == A));
}

START_TEST(channel_settles_when_both_begin)
{
	for (uint64_t later_ms = 0; later_ms <= 4 * DELAY; later_ms++) {
		cross(_i / 2, later_ms, _i % 2 == 1);
		pair_close(&p);
		set_up();
	}
}
END_TEST

/* Both began, and what the first one sent under its own session was overtaken by its answer to the
 * other: now each is in the session of the other. The next message of the one settles it. */
START_TEST(channel_settles_when_messages_overtake_each_other)
{
	int first = pair_first(&p), second = 1 - first;
	struct pair_message proof;

	seen[first].swallowed_type = FRAME_DATA;
	channel_session(p.end[first].channel, p.now_ms);
	pair_pass(&p, TRIP);
	proof = seen[first].data;
	channel_session(p.end[second].channel, p.now_ms);
	seen[first].swallowed_type = 0;
	pair_pass(&p, TRIP + DELAY);
	ck_assert(pair_agrees(&p));
	inject(&proof);
	ck_assert(!pair_agrees(&p));
	ck_assert(pair_is_crossed(&p));
	send_byte(second, 1);
	send_byte(first, 1);
	pair_pass(&p, DELAY);
	ck_assert_uint_eq(got[first].count, 1);
	ck_assert_uint_eq(got[second].count, 1);
	ck_assert(pair_agrees(&p));
}
END_TEST

/* What was sent before it knew our new session is no reason to leave that again. */
START_TEST(channel_does_not_follow_what_was_on_the_way)
{
	int first = pair_first(&p), second = 1 - first;
	struct session *s;

	connect_from(first);
	channel_hint(p.end[second].channel, 0, p.now_ms);
	pair_pass(&p, TRIP - 1);
	send_byte(first, 1);
	pair_pass(&p, 1);
	s = p.end[second].channel->current;
	ck_assert(s->initiator);
	pair_pass(&p, DELAY - 1);
	ck_assert_uint_eq(got[second].count, 2);
	ck_assert_ptr_eq(p.end[second].channel->current, s);
}
END_TEST

static void
add_setup(TCase *tc)
{
	tcase_add_test(tc, channel_sets_up_in_one_round_trip);
	tcase_add_test(tc, channel_sets_up_in_pubkey_mode);
	tcase_add_test(tc, channel_tells_facts);
	tcase_add_test(tc, channel_borrows_its_owner_and_its_ids);
	tcase_add_test(tc, channel_settles_for_the_smaller_message);
	tcase_add_test(tc, channel_answer_is_confirmed_without_packets);
	tcase_add_test(tc, channel_packets_confirm_the_answer_themselves);
	tcase_add_test(tc, channel_sends_what_waited_in_order);
	tcase_add_test(tc, channel_responder_waits_for_the_proof);
	tcase_add_test(tc, channel_tries_again_with_jitter);
	tcase_add_test(tc, channel_gives_up_after_90_seconds);
	tcase_add_test(tc, channel_begins_anew_after_giving_up);
	tcase_add_test(tc, channel_tries_at_once_when_the_way_is_open_again);
	tcase_add_test(tc, channel_refuses_the_answer_to_an_older_try);
	tcase_add_test(tc, channel_refuses_an_answer_by_another_topic);
	tcase_add_test(tc, channel_survives_a_forged_answer);
	tcase_add_test(tc, channel_takes_an_answer_once);
}

static void
add_lifetime(TCase *tc)
{
	tcase_add_test(tc, channel_initiator_renews_after_120_seconds);
	tcase_add_test(tc, channel_renews_after_very_many_messages);
	tcase_add_test(tc, channel_renews_nothing_without_traffic);
	tcase_add_test(tc, channel_responder_renews_where_the_initiator_is_silent);
	tcase_add_test(tc, channel_initiator_that_only_receives_renews_before_the_end);
	tcase_add_test(tc, channel_does_not_send_with_a_session_of_180_seconds);
	tcase_add_test(tc, channel_does_not_take_from_a_session_of_180_seconds);
	tcase_add_test(tc, channel_forgets_everything_in_the_end);
	tcase_add_test(tc, channel_old_session_dies_in_its_own_time);
	tcase_add_test(tc, channel_takes_what_the_old_session_still_brings);
	tcase_add_test(tc, channel_says_that_it_received_after_10_seconds);
	tcase_add_test(tc, channel_keeps_saying_so_while_it_only_receives);
	tcase_add_test(tc, channel_needs_no_keepalive_where_it_sends);
	tcase_add_test(tc, channel_starts_anew_after_15_seconds_of_silence);
	tcase_add_test(tc, channel_that_is_answered_does_not_start_anew);
	tcase_add_test(tc, channel_that_sends_nothing_does_not_miss_the_other);
}

static void
add_hostile(TCase *tc)
{
	tcase_add_test(tc, channel_hint_causes_a_handshake_and_drops_nothing);
	tcase_add_test(tc, channel_hint_about_another_session_is_ignored);
	tcase_add_test(tc, channel_hint_without_a_session_is_ignored);
	tcase_add_test(tc, channel_heeds_one_hint_a_second);
	tcase_add_test(tc, channel_hint_does_not_disturb_a_handshake);
	tcase_add_test(tc, channel_hint_during_a_handshake_is_not_heeded_instead_of_a_later_one);
	tcase_add_test(tc, channel_reset_drops_everything);
	tcase_add_test(tc, channel_reset_owes_nothing);
	tcase_add_test(tc, channel_closed_by_the_other_drops_everything);
	tcase_add_test(tc, channel_closed_under_an_old_session_keeps_the_new_one);
	tcase_add_test(tc, channel_closed_under_one_of_two_drops_both);
	tcase_add_test(tc, channel_keeps_at_most_four_pending_sessions);
	tcase_add_test(tc, channel_drops_the_oldest_pending_session);
	tcase_add_test(tc, channel_replayed_first_message_never_becomes_current);
	tcase_add_test(tc, channel_replayed_first_message_makes_nobody_talk);
	tcase_add_test(tc, channel_proof_spares_younger_pending_sessions);
	tcase_add_loop_test(tc, channel_outlives_a_restart, 0, 6);
	tcase_add_test(tc, channel_outlives_a_restart_of_both);
	tcase_add_loop_test(tc, channel_settles_when_both_begin, 0, 4);
	tcase_add_test(tc, channel_settles_when_messages_overtake_each_other);
	tcase_add_test(tc, channel_does_not_follow_what_was_on_the_way);
}

int
main(void)
{
	Suite *suite = suite_create("channel");
	TCase *tc = tcase_create("channel");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	add_setup(tc);
	add_lifetime(tc);
	add_hostile(tc);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
