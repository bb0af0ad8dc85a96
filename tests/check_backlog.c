/*
 * Tests of backlog: order, and limits in packets and in bytes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backlog.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PLENTY ((size_t)1 << 20)
#define COST(len) (sizeof(struct backlog_packet) + (len))

static struct backlog b;
static struct backlog_budget budget;

static void
set_up(void)
{
	b = (struct backlog){0};
	budget = (struct backlog_budget){.max = PLENTY};
}

static void
tear_down(void)
{
	backlog_clear(&b, &budget);
	ck_assert_uint_eq(budget.used, 0);
}

/* Adds a packet of this one byte, len times. */
static size_t
add(uint8_t byte, size_t len)
{
	uint8_t packet[2000];

	memset(packet, byte, len);
	return backlog_add(&b, &budget, packet, len);
}

static void
expect_next(uint8_t byte, size_t len)
{
	struct backlog_packet *p = backlog_take(&b, &budget);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p->len, len);
	for (size_t i = 0; i < len; i++)
		ck_assert_uint_eq(p->data[i], byte);
	free(p);
}

START_TEST(backlog_gives_the_oldest_first)
{
	for (uint8_t i = 1; i <= 3; i++)
		ck_assert_uint_eq(add(i, i * 100u), 0);
	ck_assert_uint_eq(b.count, 3);
	for (uint8_t i = 1; i <= 3; i++)
		expect_next(i, i * 100u);
	ck_assert_ptr_null(backlog_take(&b, &budget));
}
END_TEST

START_TEST(backlog_can_be_used_again_when_it_was_empty)
{
	ck_assert_ptr_null(backlog_take(&b, &budget));
	for (uint8_t i = 1; i <= 3; i++) {
		add(i, 10);
		expect_next(i, 10);
		ck_assert_uint_eq(b.count, 0);
	}
}
END_TEST

START_TEST(backlog_keeps_a_copy)
{
	uint8_t packet[] = {1, 1, 1};

	ck_assert_uint_eq(backlog_add(&b, &budget, packet, sizeof(packet)), 0);
	memset(packet, 9, sizeof(packet));
	expect_next(1, sizeof(packet));
}
END_TEST

START_TEST(backlog_drops_the_oldest_when_there_are_too_many)
{
	for (uint8_t i = 0; i < BACKLOG_MAX; i++)
		ck_assert_uint_eq(add(i, 10), 0);
	ck_assert_uint_eq(add(100, 10), 1);
	ck_assert_uint_eq(add(101, 10), 1);
	ck_assert_uint_eq(b.count, BACKLOG_MAX);
	for (uint8_t i = 2; i < BACKLOG_MAX; i++)
		expect_next(i, 10);
	expect_next(100, 10);
	expect_next(101, 10);
}
END_TEST

START_TEST(backlog_takes_as_many_as_it_is_told_to)
{
	b.max = 3 * BACKLOG_MAX;
	for (uint8_t i = 0; i < 3 * BACKLOG_MAX; i++)
		ck_assert_uint_eq(add(i, 1), 0);
	ck_assert_uint_eq(add(3 * BACKLOG_MAX, 1), 1);
	ck_assert_uint_eq(b.count, 3 * BACKLOG_MAX);
	expect_next(1, 1);
}
END_TEST

START_TEST(backlog_refuses_the_newest_when_bytes_are_short)
{
	budget.max = COST(100) + COST(50);
	ck_assert_uint_eq(add(1, 100), 0);
	ck_assert_uint_eq(add(2, 51), 1);
	ck_assert_uint_eq(add(3, 50), 0);
	ck_assert_uint_eq(add(4, 0), 1);
	expect_next(1, 100);
	expect_next(3, 50);
	ck_assert_ptr_null(backlog_take(&b, &budget));
}
END_TEST

START_TEST(backlog_counts_both_that_are_lost)
{
	for (uint8_t i = 0; i < BACKLOG_MAX; i++)
		add(i, 10);
	budget.max = budget.used;
	ck_assert_uint_eq(add(100, 10), 1);
	ck_assert_uint_eq(add(101, 21), 2);
	ck_assert_uint_eq(b.count, BACKLOG_MAX - 1);
	expect_next(2, 10);
}
END_TEST

START_TEST(backlogs_share_a_budget)
{
	struct backlog other = {0};
	uint8_t packet[100] = {0};

	budget.max = 2 * COST(100);
	ck_assert_uint_eq(add(1, 100), 0);
	ck_assert_uint_eq(backlog_add(&other, &budget, packet, sizeof(packet)), 0);
	ck_assert_uint_eq(add(2, 100), 1);
	ck_assert_uint_eq(backlog_clear(&other, &budget), 1);
	ck_assert_uint_eq(add(3, 100), 0);
}
END_TEST

START_TEST(backlog_says_how_many_it_cleared)
{
	for (uint8_t i = 0; i < 5; i++)
		add(i, 10);
	ck_assert_uint_eq(budget.used, 5 * COST(10));
	ck_assert_uint_eq(backlog_clear(&b, &budget), 5);
	ck_assert_uint_eq(backlog_clear(&b, &budget), 0);
	ck_assert_uint_eq(b.count, 0);
	ck_assert_uint_eq(budget.used, 0);
	ck_assert_uint_eq(add(1, 10), 0);
	expect_next(1, 10);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("backlog");
	TCase *tc = tcase_create("backlog");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, backlog_gives_the_oldest_first);
	tcase_add_test(tc, backlog_can_be_used_again_when_it_was_empty);
	tcase_add_test(tc, backlog_keeps_a_copy);
	tcase_add_test(tc, backlog_drops_the_oldest_when_there_are_too_many);
	tcase_add_test(tc, backlog_takes_as_many_as_it_is_told_to);
	tcase_add_test(tc, backlog_refuses_the_newest_when_bytes_are_short);
	tcase_add_test(tc, backlog_counts_both_that_are_lost);
	tcase_add_test(tc, backlogs_share_a_budget);
	tcase_add_test(tc, backlog_says_how_many_it_cleared);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
