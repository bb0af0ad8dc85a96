/*
 * Whose key is whose.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "roster.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 10000

static struct roster_entry *entries;
static struct roster *roster;

/* Neither in the order of names nor in that of keys. */
static struct roster_entry
entry(size_t i)
{
	struct roster_entry e = {.name = ""};
	uint32_t mixed = (uint32_t)i * 2654435761u;

	snprintf(e.name, sizeof(e.name), "node-%zu", i);
	memcpy(e.public_key, &mixed, sizeof(mixed));
	memcpy(e.public_key + AEAD_KEY_LEN - sizeof(mixed), &mixed, sizeof(mixed));
	return e;
}

static void
make(size_t count)
{
	entries = calloc(count + 1, sizeof(entries[0]));
	for (size_t i = 0; i < count; i++)
		entries[i] = entry(i);
	roster = roster_new(entries, count);
	ck_assert_ptr_nonnull(roster);
}

static void
teardown(void)
{
	roster_free(roster);
	free(entries);
	roster = NULL;
	entries = NULL;
}

START_TEST(each_is_found_by_its_name_and_by_its_key)
{
	make(MANY);
	for (size_t i = 0; i < MANY; i++) {
		const struct roster_entry *e = roster_by_name(roster, entries[i].name);

		ck_assert_ptr_nonnull(e);
		ck_assert_mem_eq(e->public_key, entries[i].public_key, AEAD_KEY_LEN);
		ck_assert_ptr_eq(roster_by_key(roster, entries[i].public_key), e);
	}
}
END_TEST

START_TEST(who_is_not_there_is_not_found)
{
	struct roster_entry other = entry(MANY);

	make(MANY);
	ck_assert_ptr_null(roster_by_name(roster, other.name));
	ck_assert_ptr_null(roster_by_name(roster, "node-"));
	ck_assert_ptr_null(roster_by_key(roster, other.public_key));
	other = entries[0];
	other.public_key[AEAD_KEY_LEN - 1] ^= 1;
	ck_assert_ptr_null(roster_by_key(roster, other.public_key));
}
END_TEST

START_TEST(all_are_there_once)
{
	size_t count = 0;

	make(100);
	while (roster_at(roster, count) != NULL)
		count++;
	ck_assert_uint_eq(count, 100);
	for (size_t i = 1; i < count; i++)
		ck_assert_ptr_ne(roster_at(roster, i), roster_at(roster, i - 1));
}
END_TEST

START_TEST(what_it_was_made_of_may_go)
{
	struct roster_entry first = entry(0);

	make(2);
	memset(entries, 0, 2 * sizeof(entries[0]));
	ck_assert_str_eq(roster_by_key(roster, first.public_key)->name, first.name);
}
END_TEST

START_TEST(nobody_is_in_an_empty_one_nor_in_none)
{
	struct roster_entry e = entry(0);

	make(0);
	ck_assert_ptr_null(roster_by_name(roster, e.name));
	ck_assert_ptr_null(roster_by_key(roster, e.public_key));
	ck_assert_ptr_null(roster_at(roster, 0));
	ck_assert_ptr_null(roster_by_name(NULL, e.name));
	ck_assert_ptr_null(roster_by_key(NULL, e.public_key));
	ck_assert_ptr_null(roster_at(NULL, 0));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("roster");
	TCase *tcase = tcase_create("roster");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, each_is_found_by_its_name_and_by_its_key);
	tcase_add_test(tcase, who_is_not_there_is_not_found);
	tcase_add_test(tcase, all_are_there_once);
	tcase_add_test(tcase, what_it_was_made_of_may_go);
	tcase_add_test(tcase, nobody_is_in_an_empty_one_nor_in_none);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
