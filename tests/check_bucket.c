/*
 * Tests of bucket: what it lets through at once, and in the long run.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "bucket.h"

#include <check.h>
#include <stdlib.h>

#include "util.h"

#define NOW UINT64_C(1000000)

/* How many of so many tries at one moment succeed. */
static unsigned int
take(struct bucket *b, uint32_t rate, uint32_t size, uint64_t now_ms, unsigned int tries)
{
	unsigned int taken = 0;

	while (tries-- > 0)
		taken += bucket_take(b, rate, size, now_ms);
	return taken;
}

START_TEST(bucket_begins_full)
{
	struct bucket zero = {0}, late = {0};

	ck_assert_uint_eq(take(&zero, 1, 3, 0, 10), 3);
	ck_assert_uint_eq(take(&late, 1, 3, NOW, 10), 3);
}
END_TEST

START_TEST(bucket_of_one_gives_one_at_a_time)
{
	struct bucket b = {0};

	ck_assert(bucket_take(&b, 1, 1, NOW));
	ck_assert(!bucket_take(&b, 1, 1, NOW));
	ck_assert(!bucket_take(&b, 1, 1, NOW + 999));
	ck_assert(bucket_take(&b, 1, 1, NOW + 1000));
	ck_assert(!bucket_take(&b, 1, 1, NOW + 1999));
}
END_TEST

START_TEST(bucket_refills_one_by_one)
{
	struct bucket b = {0};

	ck_assert_uint_eq(take(&b, 50, 50, NOW, 100), 50);
	ck_assert_uint_eq(take(&b, 50, 50, NOW + 19, 100), 0);
	ck_assert_uint_eq(take(&b, 50, 50, NOW + 20, 100), 1);
	ck_assert_uint_eq(take(&b, 50, 50, NOW + 79, 100), 2);
	ck_assert_uint_eq(take(&b, 50, 50, NOW + 80, 100), 1);
}
END_TEST

START_TEST(bucket_does_not_overflow)
{
	struct bucket b = {0};

	ck_assert_uint_eq(take(&b, 1, 3, NOW, 10), 3);
	ck_assert_uint_eq(take(&b, 1, 3, NOW + 3600 * 1000, 10), 3);
	ck_assert_uint_eq(take(&b, 1, 3, NOW + 3600 * 1000, 10), 0);
}
END_TEST

START_TEST(bucket_is_not_emptied_by_refusals)
{
	struct bucket b = {0};

	take(&b, 10, 1, NOW, 1000);
	ck_assert(bucket_take(&b, 10, 1, NOW + 100));
}
END_TEST

/* Rates that do not divide a second, too. */
START_TEST(bucket_keeps_its_rate)
{
	static const uint32_t rates[] = {1, 3, 7, 50, 300, 600, 999, 1000};
	const uint32_t seconds = 20;

	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		struct bucket b = {0};
		uint32_t taken = 0, expected = rates[i] * seconds;

		for (uint64_t ms = 0; ms < seconds * 1000; ms++)
			taken += take(&b, rates[i], 5, NOW + ms, 10);
		ck_assert_uint_ge(taken, expected);
		ck_assert_uint_le(taken, expected + 5 + expected / 500);
	}
}
END_TEST

START_TEST(names_have_buckets_of_their_own)
{
	struct bucket buckets[64] = {0};

	ck_assert(bucket_take_by_name(buckets, 64, "anna", 4, 1, 1, NOW));
	ck_assert(!bucket_take_by_name(buckets, 64, "anna", 4, 1, 1, NOW));
	ck_assert(bucket_take_by_name(buckets, 64, "bert", 4, 1, 1, NOW));
	ck_assert(!bucket_take_by_name(buckets, 64, "anna and more", 4, 1, 1, NOW));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bucket");
	TCase *tc = tcase_create("bucket");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_test(tc, bucket_begins_full);
	tcase_add_test(tc, bucket_of_one_gives_one_at_a_time);
	tcase_add_test(tc, bucket_refills_one_by_one);
	tcase_add_test(tc, bucket_does_not_overflow);
	tcase_add_test(tc, bucket_is_not_emptied_by_refusals);
	tcase_add_test(tc, bucket_keeps_its_rate);
	tcase_add_test(tc, names_have_buckets_of_their_own);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
