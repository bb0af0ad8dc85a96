/*
 * The keys of a group: check values, computed by another program; and which epoch and slot may be
 * used when.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "groupkey.h"
#include "hex.h"
#include "util.h"

#define BEGIN UINT64_C(1000000)
#define SLOT 60000
#define DEPTH 4

static struct groupkey g;
static uint8_t key[AEAD_KEY_LEN], root[AEAD_KEY_LEN];

static void
setup(void)
{
	for (size_t i = 0; i < sizeof(root); i++)
		root[i] = (uint8_t)i;
	groupkey_init(&g, "home");
}

static void
install(uint32_t epoch, uint64_t from_ms)
{
	groupkey_of_epoch(key, root, "home", epoch);
	groupkey_install(&g, epoch, key, from_ms);
}

static int
traffic(uint32_t epoch, uint32_t slot, uint64_t now_ms)
{
	return groupkey_traffic(&g, epoch, slot, now_ms, key);
}

/* Slots 5 to 9 of 16, under the root 00 01 02 ... */
static void
grant_slots(void)
{
	struct slots_node nodes[SLOTS_COVER_MAX], top = {0};
	size_t count = slots_cover(DEPTH, 5, 9, nodes);

	memcpy(top.key, root, sizeof(root));
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(slots_derive(&top, &nodes[i]), 0);
	groupkey_set_slots(&g, BEGIN, SLOT, DEPTH, nodes, count);
}

static uint64_t
time_of(uint32_t slot)
{
	return BEGIN + (uint64_t)slot * SLOT;
}

/* What is sent with now; 0: nothing. */
static uint32_t
epoch_now(uint64_t now_ms)
{
	uint32_t epoch, slot;

	return groupkey_now(&g, now_ms, &epoch, &slot) ? epoch : 0;
}

START_TEST(groupkey_derives_as_specified)
{
	uint8_t out[AEAD_KEY_LEN];

	install(7, 0);
	expect_hex(key, "1f5504a64005d5b23c6bde044ea6620cdf2a69022d9b4f1f5109a6e587dc5541");
	ck_assert_int_eq(traffic(7, 0, 0), 0);
	expect_hex(key, "e03300a5a0dafc0788658128ba53e37a21cd814250f627bad903735be8ec62ea");
	groupkey_sender(out, key, 9);
	expect_hex(out, "0ccd82875d3677a683ba3ee19a7055502ec20246b19bc28f937a02313789832a");
	groupkey_pair(out, key, root, 9, 10);
	expect_hex(out, "2be37966b976992470f5bffc836accfe552706bf9237b56eab076ed81dd6bfeb");
	grant_slots();
	ck_assert_int_eq(traffic(7, 5, time_of(5)), 0);
	expect_hex(key, "71fc50ecbeae25dfee490896ddfe8665df8a284cdef457747b589fecba8d4095");
}
END_TEST

START_TEST(groupkey_gives_each_sender_and_direction_its_own)
{
	uint8_t keys[5][AEAD_KEY_LEN];

	groupkey_sender(keys[0], root, 1);
	groupkey_sender(keys[1], root, 2);
	groupkey_pair(keys[2], root, root, 1, 2);
	groupkey_pair(keys[3], root, root, 2, 1);
	groupkey_pair(keys[4], root, root, 1, 3);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_mem_ne(keys[i], keys[j], AEAD_KEY_LEN);
}
END_TEST

START_TEST(groupkey_of_another_group_is_another)
{
	uint8_t other[AEAD_KEY_LEN];

	groupkey_of_epoch(key, root, "home", 1);
	groupkey_of_epoch(other, root, "home2", 1);
	ck_assert_mem_ne(key, other, sizeof(key));
	groupkey_of_epoch(other, root, "home", 2);
	ck_assert_mem_ne(key, other, sizeof(key));
}
END_TEST

START_TEST(groupkey_has_nothing_to_send_with_at_first)
{
	ck_assert_uint_eq(epoch_now(0), 0);
	ck_assert_uint_eq(groupkey_newest(&g), 0);
	ck_assert_int_eq(traffic(1, 0, 0), GROUPKEY_AHEAD);
}
END_TEST

/* Installed when it comes, used from its time on, the old one taken for five seconds more. */
START_TEST(groupkey_changes_without_a_gap)
{
	install(1, 0);
	install(2, 10000);
	ck_assert_uint_eq(epoch_now(9999), 1);
	ck_assert_int_eq(traffic(2, 0, 9999), 0); /* of somebody whose clock is fast */
	ck_assert_uint_eq(epoch_now(10000), 2);
	ck_assert_int_eq(traffic(1, 0, 10000 + GROUPKEY_GRACE_MS - 1), 0);
	ck_assert_int_eq(traffic(1, 0, 10000 + GROUPKEY_GRACE_MS), GROUPKEY_PAST);
	ck_assert_int_eq(traffic(3, 0, 10000), GROUPKEY_AHEAD);
	ck_assert_int_eq(traffic(0, 0, 10000), GROUPKEY_PAST);
}
END_TEST

START_TEST(groupkey_takes_no_old_epoch_again)
{
	install(5, 0);
	install(4, 0);
	install(5, 99);
	ck_assert_uint_eq(groupkey_newest(&g), 5);
	ck_assert_uint_eq(epoch_now(0), 5);
	ck_assert_int_eq(traffic(4, 0, 0), GROUPKEY_PAST);
}
END_TEST

/* Several at once: all within their time are taken, the oldest is forgotten. */
START_TEST(groupkey_keeps_three_epochs)
{
	for (uint32_t epoch = 1; epoch <= 4; epoch++)
		install(epoch, epoch * 1000);
	ck_assert_int_eq(traffic(1, 0, 1000), GROUPKEY_PAST);
	for (uint32_t epoch = 2; epoch <= 4; epoch++)
		ck_assert_int_eq(traffic(epoch, 0, 4000), 0);
	ck_assert_uint_eq(epoch_now(3500), 3);
	ck_assert_uint_eq(epoch_now(100), 2); /* whose clock is behind has the oldest */
}
END_TEST

START_TEST(groupkey_knows_the_slots_that_were_granted)
{
	uint32_t epoch, slot;

	install(1, 0);
	grant_slots();
	for (uint32_t s = 0; s < 16; s++) {
		bool granted = s >= 5 && s <= 9;

		ck_assert_int_eq(traffic(1, s, time_of(s)), granted ? 0 : GROUPKEY_NO_SLOT);
		ck_assert_int_eq(groupkey_now(&g, time_of(s), &epoch, &slot), granted);
		ck_assert_uint_eq(slot, s);
	}
	ck_assert(!groupkey_now(&g, BEGIN - 1, &epoch, &slot));
	ck_assert(!groupkey_now(&g, time_of(16), &epoch, &slot));
	ck_assert(!groupkey_now(&g, UINT64_MAX, &epoch, &slot));
}
END_TEST

START_TEST(groupkey_takes_a_slot_in_its_time)
{
	install(1, 0);
	grant_slots();
	ck_assert_int_eq(traffic(1, 7, time_of(7) - GROUPKEY_GRACE_MS - 1), GROUPKEY_FUTURE);
	ck_assert_int_eq(traffic(1, 7, time_of(7) - GROUPKEY_GRACE_MS), 0);
	ck_assert_int_eq(traffic(1, 7, time_of(8) + GROUPKEY_GRACE_MS - 1), 0);
	ck_assert_int_eq(traffic(1, 7, time_of(8) + GROUPKEY_GRACE_MS), GROUPKEY_PAST);
	ck_assert_int_eq(traffic(1, UINT32_MAX, time_of(7)), GROUPKEY_FUTURE);
}
END_TEST

START_TEST(groupkey_has_no_slots_where_there_are_none)
{
	install(1, 0);
	ck_assert_int_eq(traffic(1, 1, 0), GROUPKEY_NO_SLOT);
}
END_TEST

START_TEST(groupkey_leaves_no_secret_behind)
{
	static const struct groupkey nothing;

	install(1, 0);
	grant_slots();
	groupkey_clear(&g);
	ck_assert_mem_eq(&g, &nothing, sizeof(g));
}
END_TEST

static TCase *
groupkey_tests(void)
{
	TCase *tc = tcase_create("groupkey");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, groupkey_derives_as_specified);
	tcase_add_test(tc, groupkey_gives_each_sender_and_direction_its_own);
	tcase_add_test(tc, groupkey_of_another_group_is_another);
	tcase_add_test(tc, groupkey_has_nothing_to_send_with_at_first);
	tcase_add_test(tc, groupkey_changes_without_a_gap);
	tcase_add_test(tc, groupkey_takes_no_old_epoch_again);
	tcase_add_test(tc, groupkey_keeps_three_epochs);
	tcase_add_test(tc, groupkey_knows_the_slots_that_were_granted);
	tcase_add_test(tc, groupkey_takes_a_slot_in_its_time);
	tcase_add_test(tc, groupkey_has_no_slots_where_there_are_none);
	tcase_add_test(tc, groupkey_leaves_no_secret_behind);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("groupkey");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, groupkey_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
