/*
 * Tests of packet: what a packet of the pool offers, and what the pool keeps.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "packet.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define PLENTY 1000

static struct packet_pool *pool;

static void
set_up(void)
{
	pool = packet_pool_new();
	ck_assert_ptr_nonnull(pool);
}

static void
tear_down(void)
{
	ck_assert_uint_eq(packet_pool_used(pool), 0);
	packet_pool_free(pool);
}

static struct packet *
get(size_t room)
{
	struct packet *p = packet_get(pool, room);

	ck_assert_ptr_nonnull(p);
	return p;
}

START_TEST(packet_is_moved_where_it_fits)
{
	static const struct {
		size_t len, room;
	} cases[] = {{1, PACKET_SMALL}, {PACKET_SMALL, PACKET_SMALL},
	    {PACKET_SMALL + 1, PACKET_MEDIUM}, {PACKET_MEDIUM, PACKET_MEDIUM},
	    {PACKET_MEDIUM + 1, PACKET_LARGE}, {PACKET_MAX, PACKET_LARGE}};
	struct packet *p;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p = packet_get(pool, PACKET_LARGE);
		p->len = cases[i].len;
		p->cut = 7;
		p->queued_us = 9;
		p->offload.gso_size = 1400;
		memset(p->data, (int)i, p->len);
		p = packet_compact(pool, p);
		ck_assert_uint_eq(p->room, cases[i].room);
		ck_assert_uint_eq(p->len, cases[i].len);
		ck_assert_uint_eq(p->cut, 7);
		ck_assert_uint_eq(p->queued_us, 9);
		ck_assert_uint_eq(p->offload.gso_size, 1400);
		ck_assert_uint_eq(p->data[0], i);
		ck_assert_uint_eq(p->data[p->len - 1], i);
		ck_assert_uint_eq(packet_pool_used(pool), packet_memory(p));
		packet_put(pool, p);
	}
}
END_TEST

START_TEST(packet_has_the_room_that_was_asked_for)
{
	static const size_t rooms[][2] = {{0, PACKET_SMALL}, {1, PACKET_SMALL},
	    {PACKET_SMALL, PACKET_SMALL}, {PACKET_SMALL + 1, PACKET_MEDIUM},
	    {PACKET_MEDIUM + 1, PACKET_LARGE}, {PACKET_MAX, PACKET_LARGE},
	    {PACKET_LARGE, PACKET_LARGE}};

	for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
		struct packet *p = get(rooms[i][0]);

		ck_assert_uint_eq(p->room, rooms[i][1]);
		/* a sanitizer sees it if one of these bytes is not the packet's */
		memset(p->data - PACKET_HEADROOM, 0xff, PACKET_HEADROOM + p->room);
		packet_put(pool, p);
	}
}
END_TEST

START_TEST(packet_data_is_aligned)
{
	struct packet *small = get(1), *large = get(PACKET_LARGE);

	ck_assert_uint_eq((uintptr_t)small->data % 16, 0);
	ck_assert_uint_eq((uintptr_t)large->data % 16, 0);
	packet_put(pool, small);
	packet_put(pool, large);
}
END_TEST

START_TEST(packet_comes_back_as_new)
{
	struct packet *p = get(1), *again;
	uint8_t *data = p->data;

	p->len = p->cut = 7;
	p->queued_us = 7;
	p->data += 7;
	p->offload = (struct packet_offload){true, 7, 7, 7, 7};
	packet_put(pool, p);
	again = get(1);
	ck_assert_ptr_eq(again, p);
	ck_assert_ptr_eq(p->data, data);
	ck_assert_ptr_null(p->next);
	ck_assert(p->len == 0 && p->cut == 0 && p->queued_us == 0);
	ck_assert(!p->offload.partial && p->offload.gso_size == 0 && p->offload.csum_start == 0 &&
		  p->offload.csum_offset == 0 && p->offload.header_len == 0);
	packet_put(pool, p);
}
END_TEST

START_TEST(packet_content_is_not_touched)
{
	struct packet *p = get(PACKET_LARGE);

	p->data[PACKET_LARGE - 1] = 0xa5;
	packet_put(pool, p);
	p = get(PACKET_LARGE);
	ck_assert_uint_eq(p->data[PACKET_LARGE - 1], 0xa5);
	packet_put(pool, p);
}
END_TEST

START_TEST(packet_used_again_costs_no_allocation)
{
	struct packet *p[16];

	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < ARRAY_LEN(p); i++)
			p[i] = get(i % 2 == 0 ? 1 : PACKET_LARGE);
		for (size_t i = 0; i < ARRAY_LEN(p); i++)
			packet_put(pool, p[i]);
	}
	ck_assert_uint_eq(packet_pool_allocations(pool), ARRAY_LEN(p));
}
END_TEST

/* Takes and gives back that many of a size. Returns how many of them were allocated. */
static uint64_t
cycle(size_t room)
{
	uint64_t before = packet_pool_allocations(pool);
	struct packet *list = NULL, *p;

	for (int i = 0; i < PLENTY; i++) {
		p = get(room);
		p->next = list;
		list = p;
	}
	while (list != NULL) {
		p = list;
		list = p->next;
		packet_put(pool, p);
	}
	return packet_pool_allocations(pool) - before;
}

START_TEST(packet_pool_keeps_a_few_of_each_size)
{
	ck_assert_uint_eq(cycle(PACKET_SMALL), PLENTY);
	ck_assert_uint_eq(cycle(PACKET_LARGE), PLENTY);
	ck_assert_uint_eq(cycle(PACKET_SMALL), PLENTY - 256);
	ck_assert_uint_eq(cycle(PACKET_LARGE), PLENTY - 32);
}
END_TEST

START_TEST(packet_pool_knows_what_is_out)
{
	struct packet *small = get(1), *large;
	size_t used = packet_pool_used(pool);

	ck_assert_uint_eq(used, packet_memory(small));
	ck_assert_uint_ge(used, PACKET_HEADROOM + PACKET_SMALL);
	large = get(PACKET_LARGE);
	ck_assert_uint_eq(packet_pool_used(pool), used + packet_memory(large));
	ck_assert_uint_ge(packet_memory(large), PACKET_HEADROOM + PACKET_LARGE);
	packet_put(pool, small);
	ck_assert_uint_eq(packet_pool_used(pool), packet_memory(large));
	packet_put(pool, large);
	ck_assert_uint_eq(packet_pool_used(pool), 0);
}
END_TEST

START_TEST(packet_nothing_may_be_put_back)
{
	packet_put(pool, NULL);
	packet_pool_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("packet");
	TCase *tc = tcase_create("packet");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, packet_is_moved_where_it_fits);
	tcase_add_test(tc, packet_has_the_room_that_was_asked_for);
	tcase_add_test(tc, packet_data_is_aligned);
	tcase_add_test(tc, packet_comes_back_as_new);
	tcase_add_test(tc, packet_content_is_not_touched);
	tcase_add_test(tc, packet_used_again_costs_no_allocation);
	tcase_add_test(tc, packet_pool_keeps_a_few_of_each_size);
	tcase_add_test(tc, packet_pool_knows_what_is_out);
	tcase_add_test(tc, packet_nothing_may_be_put_back);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
