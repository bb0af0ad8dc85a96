/*
 * Tests of pacer: what goes at once, what goes in the long run, and numbers without end.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "pacer.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util.h"

#define NOW UINT64_C(1000000000)
#define SECOND UINT64_C(1000000)
#define MILLISECOND UINT64_C(1000)

/* Sends a message if one is due. */
static bool
send_due(struct pacer *p, size_t bytes, uint64_t now_us)
{
	if (pacer_due_us(p, now_us) > now_us)
		return false;
	pacer_sent(p, bytes, now_us);
	return true;
}

/* How many of so many tries at one moment succeed. */
static unsigned int
send_many(struct pacer *p, size_t bytes, uint64_t now_us, unsigned int tries)
{
	unsigned int sent = 0;

	while (tries-- > 0)
		sent += send_due(p, bytes, now_us);
	return sent;
}

/* How many go from one moment to another, each exactly when it is due. */
static uint64_t
send_until(struct pacer *p, size_t bytes, uint64_t now_us, uint64_t end_us)
{
	uint64_t sent = 0;

	while ((now_us = pacer_due_us(p, now_us)) < end_us) {
		pacer_sent(p, bytes, now_us);
		sent++;
	}
	return sent;
}

START_TEST(pacer_without_limits_never_waits)
{
	struct pacer p = {0};

	ck_assert_uint_eq(send_many(&p, SIZE_MAX, 0, 1000), 1000);
	ck_assert_uint_eq(pacer_due_us(&p, 5), 5);
}
END_TEST

START_TEST(pacer_lets_a_tenth_of_a_second_go_at_once)
{
	struct pacer rate = {.max_rate = 100}, bandwidth = {.max_bandwidth = 1000000};

	ck_assert_uint_eq(send_many(&rate, 1, NOW, 100), 10);
	ck_assert_uint_eq(pacer_due_us(&rate, NOW), NOW + 10 * MILLISECOND);
	ck_assert_uint_eq(send_many(&bandwidth, 10000, NOW, 100), 10);
	ck_assert_uint_eq(pacer_due_us(&bandwidth, NOW), NOW + 10 * MILLISECOND);
}
END_TEST

START_TEST(pacer_works_from_time_zero_on)
{
	struct pacer rate = {.max_rate = 100}, bandwidth = {.max_bandwidth = 1000000};

	ck_assert_uint_eq(send_many(&rate, 1, 0, 100), 10);
	ck_assert_uint_eq(pacer_due_us(&rate, 0), 10 * MILLISECOND);
	ck_assert_uint_eq(send_many(&bandwidth, 10000, 0, 100), 10);
	ck_assert_uint_eq(pacer_due_us(&bandwidth, 0), 10 * MILLISECOND);
}
END_TEST

START_TEST(pacer_lets_one_message_go_at_least)
{
	struct pacer p = {.max_rate = 4};

	ck_assert_uint_eq(send_many(&p, 1, NOW, 10), 1);
	ck_assert_uint_eq(pacer_due_us(&p, NOW), NOW + SECOND / 4);
	ck_assert_uint_eq(send_many(&p, 1, NOW + SECOND / 4 - 1, 10), 0);
	ck_assert_uint_eq(send_many(&p, 1, NOW + SECOND / 4, 10), 1);
}
END_TEST

START_TEST(pacer_pays_for_a_message_larger_than_the_burst)
{
	struct pacer p = {.max_bandwidth = 100000};

	ck_assert_uint_eq(send_many(&p, 65536, NOW, 10), 1);
	ck_assert_uint_eq(pacer_due_us(&p, NOW), NOW + 655360);
	ck_assert_uint_eq(send_many(&p, 65536, NOW + 655359, 10), 0);
	ck_assert_uint_eq(send_many(&p, 65536, NOW + 655360, 10), 1);
}
END_TEST

/* After a small message a large one goes, too; then all is to be paid back. */
START_TEST(pacer_gives_credit_once)
{
	struct pacer p = {.max_bandwidth = 100000};

	ck_assert(send_due(&p, 1000, NOW));
	ck_assert(send_due(&p, 50000, NOW));
	ck_assert(!send_due(&p, 1000, NOW));
	ck_assert_uint_eq(pacer_due_us(&p, NOW), NOW + 510 * MILLISECOND);
}
END_TEST

/* Keepalives do not wait, but what comes behind them does. */
START_TEST(pacer_counts_what_was_not_due)
{
	struct pacer p = {.max_rate = 10};

	for (int i = 0; i < 5; i++)
		pacer_sent(&p, 1, NOW);
	ck_assert_uint_eq(pacer_due_us(&p, NOW), NOW + 500 * MILLISECOND);
}
END_TEST

START_TEST(pacer_forgives_most_of_what_others_made_it_send)
{
	struct pacer rate = {.max_rate = 10}, bandwidth = {.max_bandwidth = 1000};

	for (int i = 0; i < 100000; i++) {
		pacer_sent(&rate, 1, NOW);
		pacer_sent(&bandwidth, 100, NOW);
	}
	ck_assert_uint_le(pacer_due_us(&rate, NOW), NOW + 2200 * MILLISECOND);
	ck_assert_uint_ge(pacer_due_us(&rate, NOW), NOW + 2 * SECOND);
	ck_assert_uint_le(pacer_due_us(&bandwidth, NOW), NOW + 2200 * MILLISECOND);
	ck_assert_uint_ge(pacer_due_us(&bandwidth, NOW), NOW + 2 * SECOND);
}
END_TEST

START_TEST(pacer_waits_for_the_stricter_limit)
{
	struct pacer p = {.max_rate = 10, .max_bandwidth = 1000000};

	pacer_sent(&p, 1000, NOW);
	ck_assert_uint_eq(pacer_due_us(&p, NOW), NOW + 100 * MILLISECOND);
	pacer_sent(&p, 500000, NOW + 100 * MILLISECOND);
	ck_assert_uint_eq(pacer_due_us(&p, NOW), NOW + 600 * MILLISECOND);
}
END_TEST

START_TEST(pacer_saves_no_more_than_the_burst)
{
	struct pacer p = {.max_rate = 100};

	ck_assert_uint_eq(send_many(&p, 1, NOW, 100), 10);
	ck_assert_uint_eq(send_many(&p, 1, NOW + 3600 * SECOND, 100), 10);
}
END_TEST

START_TEST(pacer_is_due_when_it_said)
{
	struct pacer p = {.max_rate = 999, .max_bandwidth = 777777};
	uint64_t now_us = NOW, due_us;

	send_many(&p, 1400, now_us, 1000);
	for (int i = 0; i < 1000; i++) {
		due_us = pacer_due_us(&p, now_us);
		ck_assert_uint_gt(due_us, now_us);
		ck_assert_uint_gt(pacer_due_us(&p, due_us - 1), due_us - 1);
		ck_assert_uint_eq(pacer_due_us(&p, due_us), due_us);
		pacer_sent(&p, 1400, due_us);
		now_us = due_us;
	}
}
END_TEST

/* Rates that do not divide a second, and those of which several fit into a microsecond, too. */
START_TEST(pacer_keeps_its_rate)
{
	static const uint32_t rates[] = {1, 3, 7, 50, 300, 999, 1000, 65537, 3000000};

	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		struct pacer p = {.max_rate = rates[i]};
		uint64_t seconds = rates[i] < 1000000 ? 20 : 1;
		uint64_t sent = send_until(&p, 1, NOW, NOW + seconds * SECOND);

		ck_assert_uint_ge(sent, rates[i] * seconds * 999 / 1000);
		ck_assert_uint_le(sent, rates[i] * seconds + rates[i] / 10 + 1);
	}
}
END_TEST

START_TEST(pacer_keeps_its_bandwidth)
{
	static const size_t sizes[] = {64, 1400, 9001, 65536};
	static const uint64_t limits[] = {65536, 524288, 12500000, 125000000};

	for (size_t i = 0; i < ARRAY_LEN(sizes) * ARRAY_LEN(limits); i++) {
		uint64_t limit = limits[i / ARRAY_LEN(sizes)], bytes;
		size_t size = sizes[i % ARRAY_LEN(sizes)];
		struct pacer p = {.max_bandwidth = limit};

		bytes = size * send_until(&p, size, NOW, NOW + SECOND);
		ck_assert_uint_ge(bytes, limit * 999 / 1000);
		ck_assert_uint_le(bytes, limit + limit / 10 + size);
	}
}
END_TEST

/* Sizes change all the time: still one message beyond the burst at most. */
START_TEST(pacer_keeps_its_bandwidth_with_mixed_sizes)
{
	static const size_t sizes[] = {100, 65536, 100, 100, 30000};
	struct pacer p = {.max_bandwidth = 200000};
	uint64_t now_us = NOW, bytes = 0;

	for (size_t i = 0; (now_us = pacer_due_us(&p, now_us)) < NOW + 20 * SECOND; i++) {
		size_t size = sizes[i % ARRAY_LEN(sizes)];

		pacer_sent(&p, size, now_us);
		bytes += size;
		ck_assert_uint_le(bytes, (now_us - NOW) / 5 + 20000 + 65536);
	}
	ck_assert_uint_ge(bytes, 20 * 200000);
}
END_TEST

START_TEST(pacer_does_not_overflow)
{
	static const uint64_t times[] = {
	    0, NOW, UINT64_MAX / 1000, UINT64_MAX / 1000 + 1, UINT64_MAX - 1, UINT64_MAX};
	static const size_t sizes[] = {0, 1, SIZE_MAX / 1000, SIZE_MAX};
	static const uint64_t limits[] = {1, 1000, UINT32_MAX, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(times) * ARRAY_LEN(sizes) * ARRAY_LEN(limits); i++) {
		uint64_t now_us = times[i % ARRAY_LEN(times)], limit = limits[i / 24];
		size_t size = sizes[i / ARRAY_LEN(times) % ARRAY_LEN(sizes)];
		struct pacer p = {.max_rate = (uint32_t)limit, .max_bandwidth = limit};
		uint64_t due_us = now_us;

		ck_assert_uint_eq(pacer_due_us(&p, now_us), now_us);
		for (int sent = 0; sent < 3; sent++) {
			pacer_sent(&p, size, now_us);
			ck_assert_uint_ge(pacer_due_us(&p, now_us), due_us);
			due_us = pacer_due_us(&p, now_us);
		}
		/* at the end of time nothing waits */
		ck_assert_uint_eq(pacer_due_us(&p, UINT64_MAX), UINT64_MAX);
	}
}
END_TEST

/* A debt that cannot be counted is one for ever, not none. */
START_TEST(pacer_remembers_an_endless_debt)
{
	/* the second, in nanoseconds, is a multiple of 2^64 */
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 512 + 1};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct pacer p = {.max_bandwidth = 1};
		uint64_t seconds = sizes[i] < UINT32_MAX ? sizes[i] : UINT32_MAX;

		pacer_sent(&p, sizes[i], NOW);
		ck_assert_uint_ge(pacer_due_us(&p, NOW), NOW + seconds * SECOND);
		pacer_sent(&p, 1, NOW);
		ck_assert_uint_ge(pacer_due_us(&p, NOW), NOW + seconds * SECOND);
	}
}
END_TEST

static TCase *
burst_tests(void)
{
	TCase *tc = tcase_create("burst");

	tcase_add_test(tc, pacer_without_limits_never_waits);
	tcase_add_test(tc, pacer_lets_a_tenth_of_a_second_go_at_once);
	tcase_add_test(tc, pacer_works_from_time_zero_on);
	tcase_add_test(tc, pacer_lets_one_message_go_at_least);
	tcase_add_test(tc, pacer_pays_for_a_message_larger_than_the_burst);
	tcase_add_test(tc, pacer_gives_credit_once);
	tcase_add_test(tc, pacer_counts_what_was_not_due);
	tcase_add_test(tc, pacer_forgives_most_of_what_others_made_it_send);
	tcase_add_test(tc, pacer_waits_for_the_stricter_limit);
	tcase_add_test(tc, pacer_saves_no_more_than_the_burst);
	return tc;
}

static TCase *
rate_tests(void)
{
	TCase *tc = tcase_create("rate");

	tcase_add_test(tc, pacer_is_due_when_it_said);
	tcase_add_test(tc, pacer_keeps_its_rate);
	tcase_add_test(tc, pacer_keeps_its_bandwidth);
	tcase_add_test(tc, pacer_keeps_its_bandwidth_with_mixed_sizes);
	tcase_add_test(tc, pacer_does_not_overflow);
	tcase_add_test(tc, pacer_remembers_an_endless_debt);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("pacer");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, burst_tests());
	suite_add_tcase(suite, rate_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
