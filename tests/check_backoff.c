/*
 * Delays between tries.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backoff.h"

#include <check.h>
#include <stdlib.h>

START_TEST(backoff_grows_by_half_to_its_maximum)
{
	static const uint32_t expected[] = {
	    500, 750, 1125, 1688, 2532, 3798, 5697, 8546, 12819, 19229, 28844, 43266, 60000, 60000};
	struct backoff b;

	backoff_init(&b, 500, 60000);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_uint_eq(backoff_next(&b, 0), expected[i]);
}
END_TEST

START_TEST(backoff_takes_off_at_most_half)
{
	static const uint32_t expected[] = {250, 375, 563};
	struct backoff b;

	backoff_init(&b, 500, 60000);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_uint_eq(backoff_next(&b, UINT32_MAX), expected[i]);
}
END_TEST

START_TEST(backoff_spreads_evenly)
{
	struct backoff b;

	for (uint32_t i = 0; i < 4; i++) {
		backoff_init(&b, 1000, 1000);
		ck_assert_uint_eq(backoff_next(&b, i << 30), 1000 - 125 * i);
	}
}
END_TEST

START_TEST(backoff_stays_within_its_bounds)
{
	static const uint32_t bounds[][2] = {{1, 1}, {1, 10}, {3, 1000}, {500, 60000},
	    {7, UINT32_MAX}, {UINT32_MAX - 1, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}};
	struct backoff b;
	uint32_t random = 1, delay;

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		backoff_init(&b, bounds[i][0], bounds[i][1]);
		for (int n = 0; n < 200; n++) {
			random = random * 1664525 + 1013904223;
			delay = backoff_next(&b, random);
			ck_assert_uint_ge(delay, bounds[i][0] / 2);
			ck_assert_uint_gt(delay, 0);
			ck_assert_uint_le(delay, bounds[i][1]);
		}
		ck_assert_uint_eq(backoff_next(&b, 0), bounds[i][1]);
	}
}
END_TEST

START_TEST(backoff_starts_over_after_reset)
{
	struct backoff b;

	backoff_init(&b, 500, 60000);
	for (int i = 0; i < 20; i++)
		backoff_next(&b, 0);
	backoff_reset(&b);
	ck_assert_uint_eq(backoff_next(&b, 0), 500);
	ck_assert_uint_eq(backoff_next(&b, 0), 750);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("backoff");
	TCase *tc = tcase_create("backoff");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_test(tc, backoff_grows_by_half_to_its_maximum);
	tcase_add_test(tc, backoff_takes_off_at_most_half);
	tcase_add_test(tc, backoff_spreads_evenly);
	tcase_add_test(tc, backoff_stays_within_its_bounds);
	tcase_add_test(tc, backoff_starts_over_after_reset);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
