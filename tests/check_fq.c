/*
 * Tests of fq: who goes next, who gives way, and that no packet gets lost without being counted.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "fq.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fq_internal.h" /* CoDel alone, and what flows owe */
#include "ip.h"
#include "packet.h"
#include "stats.h"
#include "util.h"

#define PLENTY ((size_t)1 << 30)
#define MS 1000
#define SECOND ((uint64_t)1000 * MS)
#define NOT_ECT 0
#define ECT 2
#define CE 3
#define HEADERS 28

static struct packet_pool *pool;
static struct stats stats;
static struct fq *fq;
static struct fq_class a, b;
static uint64_t now;

static void
begin(size_t max_bytes)
{
	fq = fq_new(pool, &stats, max_bytes, 1);
	ck_assert_ptr_nonnull(fq);
	fq_class_init(&a, fq, NULL);
	fq_class_init(&b, fq, NULL);
}

static void
set_up(void)
{
	pool = packet_pool_new();
	ck_assert_ptr_nonnull(pool);
	stats = (struct stats){{0}};
	now = SECOND;
	begin(PLENTY);
}

static void
tear_down(void)
{
	fq_class_clear(&a);
	fq_class_clear(&b);
	ck_assert_uint_eq(fq_packets(fq), 0);
	ck_assert_uint_eq(packet_pool_used(pool), 0);
	fq_free(fq);
	packet_pool_free(pool);
}

static void
limit(size_t max_bytes)
{
	fq_free(fq);
	begin(max_bytes);
}

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A packet of len bytes: UDP, whose ports are the number of the flow, with a serial number. */
static struct packet *
make(uint32_t flow, uint32_t serial, size_t len, uint8_t ecn)
{
	struct packet *p = packet_get(pool, len);
	uint16_t sum;

	/* ck_assert() writes to a file even if all is well */
	if (p == NULL)
		ck_abort_msg("memory is short");
	memcpy(p->data,
	    (const uint8_t[]){0x45, ecn, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, 0, 64, 17, 0,
		0, 10, 0, 0, 1, 10, 0, 0, 2},
	    20);
	sum = ip_checksum(p->data, 20);
	memcpy(p->data + 10, (const uint8_t[]){(uint8_t)(sum >> 8), (uint8_t)sum}, 2);
	put32(p->data + 20, flow);
	put32(p->data + 24, serial);
	p->len = len;
	return p;
}

/* One that stands for as many of 1000 bytes. */
static struct packet *
make_super(uint32_t flow, size_t pieces)
{
	struct packet *p = make(flow, 0, HEADERS + pieces * 1000, NOT_ECT);

	p->offload = (struct packet_offload){.partial = true,
	    .gso_size = 1000,
	    .csum_start = 20,
	    .csum_offset = 6,
	    .header_len = HEADERS};
	return p;
}

static uint32_t
flow_of(const struct packet *p)
{
	return get32(p->data + 20);
}

static uint32_t
serial_of(const struct packet *p)
{
	return get32(p->data + 24);
}

static void
add(struct fq_class *c, uint32_t flow, uint32_t serial, size_t len)
{
	fq_enqueue(c, make(flow, serial, len, NOT_ECT), now);
}

/* Takes the next one of c, which must be this one. */
static void
expect(struct fq_class *c, uint32_t flow, uint32_t serial)
{
	struct packet *p = fq_dequeue(c, now);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(flow_of(p), flow);
	ck_assert_uint_eq(serial_of(p), serial);
	packet_put(pool, p);
}

static uint64_t
dropped(void)
{
	return stats.value[STAT_TX_DROP_QUEUE_FULL] + stats.value[STAT_TX_DROP_CODEL];
}

/* Flows. */

START_TEST(fq_keeps_the_order_of_a_flow)
{
	ck_assert_ptr_null(fq_dequeue(&a, now));
	for (uint32_t i = 0; i < 100; i++)
		add(&a, 1, i, 100);
	ck_assert_uint_eq(a.packets, 100);
	ck_assert_uint_eq(a.bytes, 100 * 100);
	ck_assert_uint_eq(fq_packets(fq), 100);
	for (uint32_t i = 0; i < 100; i++)
		expect(&a, 1, i);
	ck_assert_ptr_null(fq_dequeue(&a, now));
	ck_assert_uint_eq(a.bytes, 0);
	ck_assert_uint_eq(dropped(), 0);
}
END_TEST

/* Flows 0 to count - 1, always with something to send, each in packets of its own size; in steps of
 * so many bytes if that is not 0, with the rest put back. */
static void
assert_shares(const size_t *len, size_t count, size_t step)
{
	uint64_t bytes[4] = {0}, all = 0;

	for (uint32_t i = 0; i < count; i++)
		add(&a, i, 0, len[i]);
	while (all < 200 * 65536) {
		struct packet *p = fq_dequeue(&a, now);
		uint32_t flow = flow_of(p);
		size_t left = p->len - p->cut;
		size_t sent = step > 0 && step < left ? step : left;

		bytes[flow] += sent;
		all += sent;
		if (sent < left) {
			p->cut += sent;
			fq_requeue(&a, p);
			continue;
		}
		packet_put(pool, p);
		add(&a, flow, 0, len[flow]);
	}
	for (uint32_t i = 0; i < count; i++)
		ck_assert_double_eq_tol((double)bytes[i] * (double)count / (double)all, 1.0, 0.03);
}

static const size_t shares[][3] = {{1400, 100, 60}, {1500, 1499, 40}, {65000, 65000, 1400},
    {65535, 20000, 60}, {3000, 1514, 1515}};

START_TEST(fq_shares_by_bytes_not_by_packets)
{
	assert_shares(shares[_i], 3, 0);
}
END_TEST

START_TEST(fq_shares_the_same_when_packets_go_in_parts)
{
	assert_shares(shares[_i], 3, 1000);
}
END_TEST

START_TEST(fq_lets_a_ping_pass_a_full_queue)
{
	for (uint32_t i = 0; i < 1000; i++)
		add(&a, i % 8, i, 1400);
	for (uint32_t i = 0; i < 200; i++)
		packet_put(pool, fq_dequeue(&a, now));
	add(&a, 99, 7, 84);
	expect(&a, 99, 7);
}
END_TEST

/* It always has one packet, which comes when the one before is gone and another flow had its turn.
 * So it may get twice its share, as a new flow and as an old one; half of all if it were new each
 * time. */
START_TEST(fq_does_not_prefer_a_flow_for_being_emptied)
{
	unsigned int count = 0;
	bool waits = false;

	for (uint32_t i = 0; i < 8000; i++)
		add(&a, i % 8, i, 1000);
	for (int i = 0; i < 4000; i++) {
		struct packet *p = fq_dequeue(&a, now);

		if (flow_of(p) == 8) {
			count++;
			waits = false;
		} else if (!waits) {
			add(&a, 8, 0, 1000);
			waits = true;
		}
		packet_put(pool, p);
	}
	ck_assert_uint_ge(count, 4000 / 9);
	ck_assert_uint_le(count, 4000 * 2 / 9);
}
END_TEST

START_TEST(fq_uses_flows_again)
{
	for (uint32_t i = 0; i < 100000; i++) {
		add(&a, i, i, 100);
		if (i % 700 < 699)
			continue;
		while (fq_next(fq) == &a)
			packet_put(pool, fq_dequeue(&a, now));
		ck_assert_uint_eq(a.flows, 0);
	}
	while (fq_next(fq) == &a)
		packet_put(pool, fq_dequeue(&a, now));
	ck_assert_uint_eq(a.flows, 0);
	ck_assert_uint_eq(dropped(), 0);
	for (uint32_t i = 0; i < FQ_FLOWS; i++)
		add(&a, i, i, 100);
	ck_assert_uint_eq(a.flows, FQ_FLOWS);
}
END_TEST

START_TEST(fq_lets_flows_share_when_there_are_too_many)
{
	static bool seen[2 * FQ_FLOWS];
	struct packet *p;
	size_t count = 0;

	for (uint32_t i = 0; i < 2 * FQ_FLOWS; i++)
		add(&a, i, i, 100);
	ck_assert_uint_eq(a.flows, FQ_FLOWS);
	while ((p = fq_dequeue(&a, now)) != NULL) {
		ck_assert(!seen[serial_of(p)]);
		seen[serial_of(p)] = true;
		count++;
		packet_put(pool, p);
	}
	ck_assert_uint_eq(count, 2 * FQ_FLOWS);
	ck_assert_uint_eq(dropped(), 0);
}
END_TEST

START_TEST(fq_gives_each_class_a_flow)
{
	for (uint32_t i = 0; i < FQ_FLOWS; i++)
		add(&a, i, i, 100);
	fq_park(&a);
	add(&b, 1, 1, 100);
	ck_assert_ptr_eq(fq_next(fq), &b);
	expect(&b, 1, 1);
	ck_assert_uint_eq(a.flows, FQ_FLOWS - 1);
	ck_assert_uint_eq(a.packets, FQ_FLOWS - 1);
	ck_assert_uint_eq(a.drops, 1);
	ck_assert_uint_eq(stats.value[STAT_TX_DROP_QUEUE_FULL], 1);
}
END_TEST

START_TEST(fq_drops_when_each_flow_is_of_another_class)
{
	static struct fq_class many[FQ_FLOWS];

	for (size_t i = 0; i < FQ_FLOWS; i++) {
		fq_class_init(&many[i], fq, NULL);
		add(&many[i], 1, 1, 100);
	}
	add(&a, 1, 1, 100);
	ck_assert_uint_eq(a.packets, 0);
	ck_assert_uint_eq(a.drops, 1);
	ck_assert_uint_eq(stats.value[STAT_TX_DROP_QUEUE_FULL], 1);
	/* one of them is done, another shut with nothing to send */
	expect(&many[5], 1, 1);
	fq_park(&many[5]);
	add(&a, 1, 2, 100);
	expect(&a, 1, 2);
	for (size_t i = 0; i < FQ_FLOWS; i++)
		fq_class_clear(&many[i]);
}
END_TEST

/* CoDel. */

/* Seconds of a sender that does not slow down: a packet comes and one leaves each millisecond,
 * while waiting are already. at[] gets the times of drops and marks. Returns their number. */
static size_t
stand(size_t waiting, uint64_t duration, uint8_t ecn, uint64_t *at, size_t size)
{
	uint64_t start = now;
	size_t count = 0;

	for (size_t i = 0; i < waiting; i++)
		fq_enqueue(&a, make(1, 0, 1000, ecn), now);
	for (; now < start + duration; now += MS) {
		uint64_t before = a.drops + a.marks;
		struct packet *p;

		fq_enqueue(&a, make(1, 0, 1000, ecn), now);
		p = fq_dequeue(&a, now);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq(ip_checksum(p->data, 20), 0);
		if (ecn == ECT)
			ck_assert_uint_eq(p->data[1], a.marks > before ? CE : ECT);
		packet_put(pool, p);
		for (; before < a.drops + a.marks; before++) {
			ck_assert_uint_lt(count, size);
			at[count++] = now - start;
		}
	}
	return count;
}

/* That the first signal came 100 ms after 5 ms of waiting, and each after the last one by 100 ms
 * over the root of their number. */
static void
assert_law(const uint64_t *at, size_t count)
{
	double expected = 105 * MS;

	for (size_t i = 0; i < count; i++) {
		/* packets leave at whole milliseconds */
		ck_assert_double_ge((double)at[i], expected - 1 - (double)i);
		ck_assert_double_le((double)at[i], expected + MS);
		expected += FQ_INTERVAL_US / sqrt((double)i + 1);
	}
}

START_TEST(fq_drops_ever_more_often_until_the_queue_is_short)
{
	uint64_t at[200];
	size_t count = stand(100, 4 * SECOND, NOT_ECT, at, ARRAY_LEN(at));

	assert_law(at, count);
	/* one of them waits below 5 ms if no more than 5 are in front */
	ck_assert_uint_ge(count, 95);
	ck_assert_uint_le(count, 97);
	ck_assert_uint_le(a.packets, 5);
	ck_assert_uint_lt(at[count - 1], 3 * SECOND);
	ck_assert_uint_eq(stats.value[STAT_TX_DROP_CODEL], count);
	ck_assert_uint_eq(a.drops, count);
	ck_assert_uint_lt(a.delay_us, 5 * MS);
}
END_TEST

/* 150 ms: 75 ms are not too long there, and it takes 225 ms until the first signal. */
START_TEST(fq_signals_later_on_a_long_way)
{
	uint64_t at[200];

	fq_class_set_rtt(&a, 150 * MS);
	ck_assert_uint_eq(stand(70, 4 * SECOND, NOT_ECT, at, ARRAY_LEN(at)), 0);
	fq_class_clear(&a);
	ck_assert_uint_gt(stand(120, 4 * SECOND, NOT_ECT, at, ARRAY_LEN(at)), 20);
	ck_assert_uint_ge(at[0], (75 + 225) * MS - 1);
	ck_assert_uint_le(at[0], (75 + 225 + 1) * MS);
	fq_class_set_rtt(&a, 5 * MS);
	ck_assert_uint_eq(a.law.target_us, FQ_TARGET_US);
	ck_assert_uint_eq(a.law.interval_us, FQ_INTERVAL_US);
}
END_TEST

START_TEST(fq_marks_in_place_of_dropping)
{
	uint64_t at[200];
	size_t count = stand(50, SECOND, ECT, at, ARRAY_LEN(at));

	assert_law(at, count);
	ck_assert_uint_gt(count, 20);
	ck_assert_uint_eq(a.marks, count);
	ck_assert_uint_eq(stats.value[STAT_TX_ECN_MARKED], count);
	ck_assert_uint_eq(dropped(), 0);
	ck_assert_uint_eq(a.packets, 50);
}
END_TEST

START_TEST(fq_leaves_short_queues_alone)
{
	uint64_t at[1];

	ck_assert_uint_eq(stand(4, SECOND, NOT_ECT, at, 1), 0);
	fq_class_clear(&a);
	/* what waits long, but has no more than one packet behind it */
	for (uint32_t i = 0; i < 50; i++) {
		add(&a, 2, i, 1500);
		now += 20 * MS;
		if (i > 0)
			expect(&a, 2, i - 1);
	}
	ck_assert_uint_eq(dropped(), 0);
}
END_TEST

START_TEST(fq_codel_goes_on_where_it_left_off)
{
	for (int recent = 0; recent < 2; recent++) {
		static const struct fq_law law = {FQ_TARGET_US, FQ_INTERVAL_US};
		struct fq_codel codel = {0};
		uint64_t us, since = 0, spacing = 0;
		unsigned int signals = 0;

		for (us = 0; us < 2 * SECOND; us += 100)
			signals += fq_codel_signals(&codel, &law, 50 * MS, 9999, us);
		ck_assert_uint_gt(signals, 50);
		ck_assert(!fq_codel_signals(&codel, &law, 1 * MS, 9999, us));
		us += recent ? 300 * MS : 2 * SECOND;
		signals = 0;
		for (; signals < 2; us += 100) {
			if (!fq_codel_signals(&codel, &law, 50 * MS, 9999, us))
				continue;
			spacing = us - since;
			since = us;
			signals++;
		}
		if (recent)
			ck_assert_uint_lt(spacing, FQ_INTERVAL_US / 7);
		else
			ck_assert_uint_eq(spacing, FQ_INTERVAL_US);
	}
}
END_TEST

/* Two large packets come and one leaves each 50 ms. Returns the one before which, or of which,
 * something was dropped. */
static struct packet *
first_cut(size_t pieces)
{
	for (int i = 0; i < 10; i++) {
		struct packet *p;

		fq_enqueue(&a, make_super(1, pieces), now);
		fq_enqueue(&a, make_super(1, pieces), now);
		now += 50 * MS;
		p = fq_dequeue(&a, now);
		if (dropped() > 0)
			return p;
		packet_put(pool, p);
	}
	return NULL;
}

START_TEST(fq_drops_one_piece_of_a_large_packet)
{
	struct packet *p = first_cut(20);
	size_t taken = (size_t)((now - SECOND) / (50 * MS)), count = a.packets;

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(count, taken);
	ck_assert_uint_eq(p->cut, 1000);
	ck_assert_uint_eq(p->len, HEADERS + 20000);
	ck_assert_uint_eq(stats.value[STAT_TX_DROP_CODEL], 1);
	ck_assert_uint_eq(a.bytes, count * p->len);
	packet_put(pool, p);
}
END_TEST

START_TEST(fq_drops_a_packet_that_has_no_more_pieces)
{
	struct packet *p = first_cut(1);
	size_t taken = (size_t)((now - SECOND) / (50 * MS));

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p->cut, 0);
	ck_assert_uint_eq(stats.value[STAT_TX_DROP_CODEL], 1);
	ck_assert_uint_eq(a.packets, taken - 1);
	packet_put(pool, p);
}
END_TEST

START_TEST(fq_smooths_the_delay)
{
	for (int i = 0; i < 100; i++) {
		add(&a, 1, 0, 1000);
		now += 4 * MS;
		expect(&a, 1, 0);
		if (i == 0)
			ck_assert_uint_eq(a.delay_us, 4 * MS / 8);
	}
	ck_assert_uint_ge(a.delay_us, 4 * MS - 8);
	ck_assert_uint_le(a.delay_us, 4 * MS);
}
END_TEST

/* Put back. */

START_TEST(fq_takes_a_packet_back_to_its_place)
{
	struct packet *p;

	add(&a, 1, 1, 1000);
	add(&a, 1, 2, 1000);
	p = fq_dequeue(&a, now);
	ck_assert_uint_eq(a.packets, 1);
	fq_requeue(&a, p);
	ck_assert_uint_eq(a.packets, 2);
	ck_assert_uint_eq(a.bytes, 2000);
	expect(&a, 1, 1);
	/* the only one, too, and with another behind it */
	p = fq_dequeue(&a, now);
	add(&a, 1, 3, 1000);
	fq_requeue(&a, p);
	ck_assert_uint_eq(a.flows, 1);
	expect(&a, 1, 2);
	expect(&a, 1, 3);
	ck_assert_ptr_null(fq_dequeue(&a, now));
}
END_TEST

START_TEST(fq_takes_back_the_rest_of_a_packet)
{
	struct packet *p;

	fq_enqueue(&a, make_super(1, 20), now);
	p = fq_dequeue(&a, now);
	ck_assert_uint_eq(a.bytes, 0);
	p->cut = 15000;
	fq_requeue(&a, p);
	ck_assert_uint_eq(a.bytes, HEADERS + 5000);
	ck_assert_ptr_eq(fq_dequeue(&a, now), p);
	ck_assert_uint_eq(a.bytes, 0);
	packet_put(pool, p);
}
END_TEST

START_TEST(fq_lets_a_ping_pass_the_rest_of_a_packet)
{
	struct packet *p;

	fq_enqueue(&a, make_super(1, 60), now);
	p = fq_dequeue(&a, now);
	p->cut = 3000;
	add(&a, 2, 1, 84);
	fq_requeue(&a, p);
	p = fq_dequeue(&a, now);
	p->cut = 6000;
	fq_requeue(&a, p);
	expect(&a, 1, 0);
	expect(&a, 2, 1);
}
END_TEST

START_TEST(fq_judges_a_packet_once)
{
	for (int i = 0; i < 20; i++) {
		uint8_t ecn = i % 2 == 0 ? ECT : NOT_ECT;
		struct packet *p;
		uint64_t signals, delay_us;

		for (int k = 0; k < 3; k++)
			fq_enqueue(&a, make(1, 0, 1400, ecn), now);
		now += 50 * MS;
		p = fq_dequeue(&a, now);
		signals = a.marks + a.drops;
		delay_us = a.delay_us;
		for (int k = 0; k < 5; k++) {
			fq_requeue(&a, p);
			now += SECOND;
			ck_assert_ptr_eq(fq_dequeue(&a, now), p);
		}
		ck_assert_uint_eq(a.marks + a.drops, signals);
		ck_assert_uint_eq(a.delay_us, delay_us);
		packet_put(pool, p);
	}
	ck_assert_uint_gt(a.marks, 0);
	ck_assert_uint_gt(a.drops, 0);
}
END_TEST

START_TEST(fq_takes_a_packet_back_whatever_happened)
{
	struct packet *p;

	add(&a, 1, 1, 1000);
	p = fq_dequeue(&a, now);
	fq_class_clear(&a);
	add(&a, 2, 5, 1000); /* takes the place of its flow */
	fq_requeue(&a, p);
	ck_assert_uint_eq(a.flows, 2);
	expect(&a, 2, 5);
	p = fq_dequeue(&a, now);
	fq_park(&a);
	add(&b, 1, 2, 1000);
	fq_requeue(&a, p);
	ck_assert_ptr_eq(fq_next(fq), &b);
	fq_unpark(&a);
	expect(&a, 1, 1);
	expect(&b, 1, 2);
}
END_TEST

/* Limits. */

START_TEST(fq_keeps_below_its_memory)
{
	const size_t most = 1000 * 1000;

	limit(most);
	for (uint32_t i = 0; i < 5000; i++) {
		add(i % 2 ? &a : &b, i % 7, i, i % 5 == 0 ? 60000 : 100 + i % 1000);
		ck_assert_uint_le(packet_pool_used(pool), most);
		ck_assert_uint_eq(a.packets + b.packets + dropped(), i + 1);
	}
	ck_assert_uint_ge(packet_pool_used(pool), most * 9 / 10);
	ck_assert_uint_eq(a.drops + b.drops, stats.value[STAT_TX_DROP_QUEUE_FULL]);
}
END_TEST

START_TEST(fq_drops_from_whom_takes_the_most)
{
	limit(1000 * 1000);
	for (uint32_t i = 0; i < 40; i++)
		add(&b, 1, i, 1400);
	for (uint32_t i = 0; i < 10000; i++)
		add(&a, 2, i, 60);
	ck_assert_uint_gt(a.drops, 9000);
	ck_assert_uint_eq(b.drops, 0);
	/* and the oldest of it */
	for (uint32_t i = 10000 - (uint32_t)a.packets; i < 10000; i++)
		expect(&a, 2, i);
}
END_TEST

START_TEST(fq_survives_a_flood_of_flows)
{
	size_t most = 0;

	limit(4 * 1000 * 1000);
	for (uint32_t i = 0; i < 100000; i++) {
		add(&a, i, i, 60);
		if (packet_pool_used(pool) > most)
			most = packet_pool_used(pool);
		if (i % 3 == 0) {
			packet_put(pool, fq_dequeue(&a, now));
			fq_served(&a, 60);
		}
	}
	ck_assert_uint_le(most, 4 * 1000 * 1000);
	ck_assert_ptr_eq(fq_next(fq), &a);
	add(&b, 1, 1, 84);
	ck_assert_ptr_eq(fq_next(fq), &b);
	expect(&b, 1, 1);
}
END_TEST

START_TEST(fq_holds_nothing_when_there_is_room_for_nothing)
{
	limit(0);
	add(&a, 1, 1, 100);
	ck_assert_uint_eq(a.packets, 0);
	ck_assert_uint_eq(dropped(), 1);
}
END_TEST

START_TEST(fq_class_may_have_a_limit_of_its_own)
{
	a.max_packets = 10;
	add(&a, 1, 0, 84);
	for (uint32_t i = 0; i < 30; i++)
		add(&a, 2, i, 1000);
	for (uint32_t i = 0; i < 30; i++)
		add(&b, 2, i, 1000);
	ck_assert_uint_eq(a.packets, 10);
	ck_assert_uint_eq(b.packets, 30);
	ck_assert_uint_eq(a.drops, 21);
	ck_assert_uint_eq(stats.value[STAT_TX_DROP_QUEUE_FULL], 21);
	expect(&a, 1, 0);
	for (uint32_t i = 21; i < 30; i++)
		expect(&a, 2, i);
	/* the limit comes later than the packets */
	b.max_packets = 3;
	add(&b, 2, 30, 1000);
	ck_assert_uint_eq(b.packets, 3);
	expect(&b, 2, 28);
}
END_TEST

/* Classes. */

/* Serves the next class with a message of up to most bytes. Returns which one that was. */
static struct fq_class *
serve(size_t most, uint64_t *bytes)
{
	struct fq_class *c = fq_next(fq);
	struct packet *p;
	size_t sent = 0;

	if (c == NULL)
		return NULL;
	while (sent < most && (p = fq_dequeue(c, now)) != NULL) {
		sent += p->len;
		packet_put(pool, p);
	}
	fq_served(c, sent);
	if (bytes != NULL)
		*bytes += sent;
	return c;
}

static void
fill(struct fq_class *c, size_t packets)
{
	while (c->packets < packets)
		add(c, 1, 0, 1400);
}

START_TEST(fq_shares_between_classes_by_bytes)
{
	uint64_t bytes[2] = {0};

	for (int i = 0; i < 20000; i++) {
		fill(&a, 60);
		fill(&b, 60);
		/* a has large messages, b has small ones */
		if (fq_next(fq) == &a)
			serve(60000, &bytes[0]);
		else
			serve(1, &bytes[1]);
	}
	ck_assert_double_eq_tol((double)bytes[0] / (double)bytes[1], 1.0, 0.03);
}
END_TEST

START_TEST(fq_lets_an_idle_class_go_first)
{
	fill(&a, 1000);
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_eq(serve(60000, NULL), &a);
	add(&b, 1, 1, 84);
	ck_assert_ptr_eq(serve(60000, NULL), &b);
	ck_assert_ptr_eq(serve(60000, NULL), &a);
	ck_assert_ptr_eq(fq_next(fq), &a);
	ck_assert_ptr_eq(fq_next(fq), &a);
}
END_TEST

/* b always has one message, which comes when the one before is gone and another had its turn. */
START_TEST(fq_does_not_prefer_a_class_for_being_emptied)
{
	static struct fq_class others[4];
	uint64_t bytes = 0, all = 0;

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		fq_class_init(&others[i], fq, NULL);
	for (int i = 0; i < 2000; i++) {
		for (size_t k = 0; k < ARRAY_LEN(others); k++)
			fill(&others[k], 40);
		if (serve(40 * 1400, &all) == &b)
			bytes += 40 * 1400;
		else
			fill(&b, 40);
	}
	ck_assert_uint_ge(bytes, all / 5);
	ck_assert_uint_le(bytes, all * 2 / 5);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		fq_class_clear(&others[i]);
}
END_TEST

START_TEST(fq_does_not_prefer_a_class_for_being_parked)
{
	uint64_t bytes[2] = {0};

	for (int i = 0; i < 1000; i++) {
		fill(&a, 100);
		fill(&b, 100);
		if (fq_next(fq) == &a) {
			serve(28000, &bytes[0]);
		} else {
			serve(28000, &bytes[1]);
			fq_park(&b);
			fq_unpark(&b);
		}
	}
	ck_assert_double_eq_tol((double)bytes[0] / (double)bytes[1], 1.0, 0.03);
}
END_TEST

START_TEST(fq_takes_many_classes_in_turn)
{
	static struct fq_class many[1000];
	static uint64_t turn[1000];

	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		fq_class_init(&many[i], fq, &turn[i]);
		fill(&many[i], 100);
	}
	for (uint64_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(many); i++) {
			struct fq_class *c = serve(FQ_CLASS_QUANTUM, NULL);

			ck_assert_uint_eq(*(uint64_t *)c->owner, round);
			++*(uint64_t *)c->owner;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		fq_class_clear(&many[i]);
}
END_TEST

START_TEST(fq_does_not_serve_a_parked_class)
{
	fq_park(&a);
	fq_park(&a);
	add(&a, 1, 1, 100);
	add(&b, 1, 1, 100);
	ck_assert_ptr_eq(serve(1, NULL), &b);
	ck_assert_ptr_null(fq_next(fq));
	fq_unpark(&a);
	fq_unpark(&a);
	ck_assert_ptr_eq(fq_next(fq), &a);
	fq_park(&a);
	ck_assert_ptr_null(fq_next(fq));
	ck_assert_uint_eq(fq_packets(fq), 1);
	ck_assert_uint_eq(fq_class_clear(&a), 1);
	fq_unpark(&a);
	ck_assert_ptr_null(fq_next(fq));
	add(&a, 1, 1, 100);
	ck_assert_ptr_eq(fq_next(fq), &a);
}
END_TEST

START_TEST(fq_clears_without_counting)
{
	for (uint32_t i = 0; i < 500; i++)
		add(&a, i % 50, i, i % 10 == 0 ? 60000 : 1000);
	add(&b, 1, 1, 100);
	packet_put(pool, fq_dequeue(&a, now));
	ck_assert_uint_eq(fq_class_clear(&a), 499);
	ck_assert_uint_eq(fq_class_clear(&a), 0);
	ck_assert(a.packets == 0 && a.bytes == 0 && a.flows == 0 && a.drops == 0);
	ck_assert_uint_eq(dropped(), 0);
	ck_assert_uint_eq(fq_packets(fq), 1);
	ck_assert_ptr_eq(fq_next(fq), &b);
	add(&a, 1, 7, 100);
	expect(&a, 1, 7);
}
END_TEST

/* Everything at random. */

#define CLASSES 4
#define MODEL_FLOWS 40
#define MODEL_MEMORY ((size_t)500 * 1000)

static struct {
	uint64_t random, seed;
	struct fq_class classes[CLASSES];
	uint32_t last[CLASSES][MODEL_FLOWS]; /* serial that was dequeued last */
	uint32_t serial;
	uint64_t in, out;
	bool super; /* packets that CoDel takes pieces from are among them */
	const char *fault;
} model;

static uint32_t
chance(uint32_t n)
{
	model.random = model.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(model.random >> 33) % n;
}

static void
model_enqueue(struct fq_class *c)
{
	uint32_t flow = chance(3) == 0 ? chance(MODEL_FLOWS) : chance(3);
	size_t len = chance(8) == 0 ? 20000 + chance(45000) : 60 + chance(1440);
	struct packet *p = make(flow, ++model.serial, len, chance(2) == 0 ? ECT : NOT_ECT);

	if (model.super && len > 2000)
		p->offload = (struct packet_offload){.gso_size = 1400, .header_len = HEADERS};
	fq_enqueue(c, p, now);
	model.in++;
}

static void
model_dequeue(struct fq_class *c, bool may_requeue)
{
	struct packet *p = fq_dequeue(c, now);
	size_t k = (size_t)(c - model.classes);

	if (p == NULL && c->packets > 0)
		model.fault = "nothing was dequeued";
	if (p == NULL)
		return;
	if (serial_of(p) <= model.last[k][flow_of(p)])
		model.fault = "a flow is out of order";
	if (may_requeue && chance(3) == 0) {
		if (p->offload.gso_size > 0 && p->len - HEADERS - p->cut > 1400)
			p->cut += 1400;
		if (chance(10) == 0)
			model_enqueue(c);
		if (chance(50) == 0)
			fq_park(c);
		fq_requeue(c, p);
		return;
	}
	model.last[k][flow_of(p)] = serial_of(p);
	model.out++;
	packet_put(pool, p);
}

static void
model_step(void)
{
	struct fq_class *c = &model.classes[chance(CLASSES)];

	now += chance(3) == 0 ? chance(10 * MS) : 0;
	switch (chance(20)) {
	case 0:
		fq_park(c);
		break;
	case 1:
	case 2:
		fq_unpark(c);
		break;
	case 3:
		if (chance(50) == 0)
			model.out += fq_class_clear(c);
		break;
	case 4:
		c->max_packets = chance(3) == 0 ? 1 + chance(30) : 0;
		break;
	case 5:
	case 6:
	case 7:
		model_dequeue(c, true);
		break;
	case 8:
	case 9:
	case 10:
		c = fq_next(fq);
		if (c == NULL)
			break;
		if (c->packets == 0 || c->parked)
			model.fault = "it is not this one's turn";
		model_dequeue(c, true);
		fq_served(c, chance(65536));
		break;
	default:
		model_enqueue(c);
		break;
	}
}

/* No flow owes more than a packet, or is owed more than a quantum. */
static void
check_deficits(const struct fq_link *ring)
{
	for (const struct fq_link *l = ring->next; l != ring; l = l->next) {
		const struct fq_flow *f = (const struct fq_flow *)l;

		if (f->deficit > FQ_QUANTUM || f->deficit <= -PACKET_MAX)
			model.fault = "a deficit is out of bounds";
	}
}

static void
model_check(void)
{
	uint64_t drops = 0, marks = 0, lost;
	size_t packets = 0;

	for (size_t i = 0; i < CLASSES; i++) {
		const struct fq_class *c = &model.classes[i];

		drops += c->drops;
		marks += c->marks;
		packets += c->packets;
		if ((c->packets == 0) != (c->bytes == 0))
			model.fault = "bytes without packets";
		check_deficits(&c->new_flows);
		check_deficits(&c->old_flows);
	}
	lost = model.in - model.out - fq_packets(fq);
	if (packets != fq_packets(fq))
		model.fault = "the packets of the classes are not those of all";
	if (drops != dropped() || marks != stats.value[STAT_TX_ECN_MARKED])
		model.fault = "the counters of the classes are not those of all";
	if (packet_pool_used(pool) > MODEL_MEMORY)
		model.fault = "too much memory is used";
	if (model.super ? lost > drops : lost != drops)
		model.fault = "packets are lost, but not counted";
	if (model.fault != NULL)
		ck_abort_msg("seed %d: %s", (int)model.seed, model.fault);
}

START_TEST(fq_loses_nothing_without_counting_it)
{
	memset(&model, 0, sizeof(model));
	limit(MODEL_MEMORY);
	model.random = model.seed = (uint64_t)_i;
	model.super = _i % 2 == 1;
	for (size_t i = 0; i < CLASSES; i++)
		fq_class_init(&model.classes[i], fq, NULL);
	for (int i = 0; i < 20000; i++) {
		model_step();
		model_check();
	}
	for (size_t i = 0; i < CLASSES; i++) {
		fq_unpark(&model.classes[i]);
		while (model.classes[i].packets > 0)
			model_dequeue(&model.classes[i], false);
	}
	model_check();
	ck_assert_uint_eq(fq_packets(fq), 0);
	ck_assert_uint_eq(packet_pool_used(pool), 0);
	ck_assert_ptr_null(fq_next(fq));
	for (size_t i = 0; i < CLASSES; i++)
		ck_assert_uint_eq(model.classes[i].flows, 0);
	ck_assert_uint_gt(stats.value[STAT_TX_DROP_CODEL], 0);
	ck_assert_uint_gt(stats.value[STAT_TX_DROP_QUEUE_FULL], 0);
}
END_TEST

static void
add_flow_tests(TCase *tc)
{
	tcase_add_test(tc, fq_keeps_the_order_of_a_flow);
	tcase_add_loop_test(tc, fq_shares_by_bytes_not_by_packets, 0, ARRAY_LEN(shares));
	tcase_add_loop_test(tc, fq_shares_the_same_when_packets_go_in_parts, 0, ARRAY_LEN(shares));
	tcase_add_test(tc, fq_lets_a_ping_pass_a_full_queue);
	tcase_add_test(tc, fq_does_not_prefer_a_flow_for_being_emptied);
	tcase_add_test(tc, fq_uses_flows_again);
	tcase_add_test(tc, fq_lets_flows_share_when_there_are_too_many);
	tcase_add_test(tc, fq_gives_each_class_a_flow);
	tcase_add_test(tc, fq_drops_when_each_flow_is_of_another_class);
}

static void
add_codel_tests(TCase *tc)
{
	tcase_add_test(tc, fq_drops_ever_more_often_until_the_queue_is_short);
	tcase_add_test(tc, fq_signals_later_on_a_long_way);
	tcase_add_test(tc, fq_marks_in_place_of_dropping);
	tcase_add_test(tc, fq_leaves_short_queues_alone);
	tcase_add_test(tc, fq_codel_goes_on_where_it_left_off);
	tcase_add_test(tc, fq_drops_one_piece_of_a_large_packet);
	tcase_add_test(tc, fq_drops_a_packet_that_has_no_more_pieces);
	tcase_add_test(tc, fq_smooths_the_delay);
}

static void
add_other_tests(TCase *tc)
{
	tcase_add_test(tc, fq_takes_a_packet_back_to_its_place);
	tcase_add_test(tc, fq_takes_back_the_rest_of_a_packet);
	tcase_add_test(tc, fq_lets_a_ping_pass_the_rest_of_a_packet);
	tcase_add_test(tc, fq_judges_a_packet_once);
	tcase_add_test(tc, fq_takes_a_packet_back_whatever_happened);
	tcase_add_test(tc, fq_keeps_below_its_memory);
	tcase_add_test(tc, fq_drops_from_whom_takes_the_most);
	tcase_add_test(tc, fq_survives_a_flood_of_flows);
	tcase_add_test(tc, fq_holds_nothing_when_there_is_room_for_nothing);
	tcase_add_test(tc, fq_class_may_have_a_limit_of_its_own);
	tcase_add_test(tc, fq_shares_between_classes_by_bytes);
	tcase_add_test(tc, fq_lets_an_idle_class_go_first);
	tcase_add_test(tc, fq_does_not_prefer_a_class_for_being_emptied);
	tcase_add_test(tc, fq_does_not_prefer_a_class_for_being_parked);
	tcase_add_test(tc, fq_takes_many_classes_in_turn);
	tcase_add_test(tc, fq_does_not_serve_a_parked_class);
	tcase_add_test(tc, fq_clears_without_counting);
	tcase_add_loop_test(tc, fq_loses_nothing_without_counting_it, 0, 20);
}

int
main(void)
{
	Suite *suite = suite_create("fq");
	TCase *tc = tcase_create("fq");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	add_flow_tests(tc);
	add_codel_tests(tc);
	add_other_tests(tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
