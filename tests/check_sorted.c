/*
 * Things in order: found wherever they are, and not where they are not.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "sorted.h"

#define COUNT 1000
#define STEP 7 /* has no divisor in common with COUNT */

struct thing {
	int key, mark;
};

static struct sorted s;
static struct thing things[COUNT];

static int
compare(const void *key, const void *thing)
{
	const int *a = key;
	const struct thing *b = thing;

	return (*a > b->key) - (*a < b->key);
}

/* The even numbers, in another order. */
static void
setup(void)
{
	sorted_init(&s, compare);
	for (int i = 0; i < COUNT; i++) {
		things[i] = (struct thing){.key = 2 * (i * STEP % COUNT), .mark = i};
		ck_assert_int_eq(sorted_insert(&s, &things[i].key, &things[i]), 0);
	}
}

static void
teardown(void)
{
	sorted_clear(&s);
	ck_assert_uint_eq(s.count, 0);
}

START_TEST(sorted_finds_what_is_there)
{
	ck_assert_uint_eq(s.count, COUNT);
	for (int i = 0; i < COUNT; i++)
		ck_assert_ptr_eq(sorted_find(&s, &things[i].key), &things[i]);
	for (int key = -1; key < 2 * COUNT; key += 2) {
		ck_assert_ptr_null(sorted_find(&s, &key));
		ck_assert_uint_eq(sorted_place(&s, &key), (size_t)(key + 1) / 2);
	}
}
END_TEST

START_TEST(sorted_keeps_things_in_order)
{
	for (size_t i = 0; i < COUNT; i++) {
		const struct thing *t = s.things[i];

		ck_assert_int_eq(t->key, 2 * (int)i);
	}
}
END_TEST

START_TEST(sorted_forgets_what_is_taken_away)
{
	int odd = 3;

	ck_assert_ptr_null(sorted_remove(&s, &odd));
	for (int i = 0; i < COUNT; i += 2)
		ck_assert_ptr_eq(sorted_remove(&s, &things[i].key), &things[i]);
	ck_assert_uint_eq(s.count, COUNT / 2);
	for (int i = 0; i < COUNT; i++)
		ck_assert_ptr_eq(sorted_find(&s, &things[i].key), i % 2 == 0 ? NULL : &things[i]);
}
END_TEST

START_TEST(sorted_has_room_for_equals)
{
	struct thing same = {.key = 500}, another = {.key = 500};
	size_t at = sorted_place(&s, &same.key);

	ck_assert_int_eq(sorted_insert(&s, &same.key, &same), 0);
	ck_assert_int_eq(sorted_insert(&s, &another.key, &another), 0);
	ck_assert_uint_eq(sorted_place(&s, &same.key), at);
	ck_assert_ptr_eq(s.things[at], &another);
	ck_assert_ptr_eq(s.things[at + 1], &same);
	ck_assert_ptr_eq(sorted_remove(&s, &same.key), &another);
	ck_assert_ptr_eq(sorted_find(&s, &same.key), &same);
}
END_TEST

START_TEST(sorted_can_be_empty)
{
	int key = 4;

	sorted_clear(&s);
	ck_assert_uint_eq(sorted_place(&s, &key), 0);
	ck_assert_ptr_null(sorted_find(&s, &key));
	ck_assert_ptr_null(sorted_remove(&s, &key));
	ck_assert_int_eq(sorted_insert(&s, &things[0].key, &things[0]), 0);
	ck_assert_uint_eq(s.count, 1);
}
END_TEST

static TCase *
sorted_tests(void)
{
	TCase *tc = tcase_create("sorted");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, sorted_finds_what_is_there);
	tcase_add_test(tc, sorted_keeps_things_in_order);
	tcase_add_test(tc, sorted_forgets_what_is_taken_away);
	tcase_add_test(tc, sorted_has_room_for_equals);
	tcase_add_test(tc, sorted_can_be_empty);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("sorted");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, sorted_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
