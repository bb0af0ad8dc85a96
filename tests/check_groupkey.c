/*
 * The keys of a group: against tests/vectors/native.txt, which an independent program computed; and
 * which epoch and slot may be used when.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "groupkey.h"
#include "native_vectors.h"
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

/* The vectors are of two members, without slots and with them: what stands behind "group_". */
static const char *const variants[] = {"", "slot_"};

static const char *
variant_name(int variant, const char *what)
{
	static char name[64];

	snprintf(name, sizeof(name), "group_%s%s", variants[variant], what);
	return name;
}

/* As the member of the vectors whom the server has told. */
static void
join_the_vectors(bool slots)
{
	struct slots_node nodes[SLOTS_COVER_MAX], top = {.depth = 0};
	unsigned int depth = (unsigned int)native_number("slots_depth");
	size_t count = slots_cover(depth, (uint32_t)native_number("slots_first"),
	    (uint32_t)native_number("slots_last"), nodes);

	native_bytes("group_root", root, sizeof(root));
	install((uint32_t)native_number("group_epoch"), 0);
	if (!slots)
		return;
	native_bytes("slots_root", top.key, sizeof(top.key));
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(slots_derive(&top, &nodes[i]), 0);
	groupkey_set_slots(&g, native_number("slots_begin_ms"),
	    native_number("slots_length_s") * 1000, depth, nodes, count);
}

/* Their traffic key into key. */
static void
derive_traffic_of_the_vectors(int variant)
{
	uint32_t slot = variant == 0 ? 0 : (uint32_t)native_number("group_slot");
	uint64_t now_ms = native_number("slots_begin_ms") +
			  slot * native_number("slots_length_s") * UINT64_C(1000);

	join_the_vectors(variant != 0);
	ck_assert_int_eq(traffic((uint32_t)native_number("group_epoch"), slot, now_ms), 0);
}

/* What the two have in common, from the one's private and the other's public key. */
static void
derive_shared(uint8_t shared[AEAD_KEY_LEN])
{
	uint8_t private_key[AEAD_KEY_LEN], public_key[AEAD_KEY_LEN];

	native_bytes("group_sender_private_key", private_key, sizeof(private_key));
	native_bytes("group_receiver_public_key", public_key, sizeof(public_key));
	ck_assert_int_eq(aead_dh(shared, private_key, public_key), 0);
}

START_TEST(groupkey_meets_the_vectors)
{
	uint32_t sender = (uint32_t)native_number("group_sender");
	uint32_t receiver = (uint32_t)native_number("group_receiver");
	uint8_t out[AEAD_KEY_LEN], shared[AEAD_KEY_LEN];

	derive_shared(shared);
	native_expect("group_shared_secret", shared, sizeof(shared));
	derive_traffic_of_the_vectors(_i);
	native_expect("group_epoch_key", g.epochs[0].key, AEAD_KEY_LEN);
	native_expect(variant_name(_i, "traffic_key"), key, sizeof(key));
	groupkey_sender(out, key, sender);
	native_expect(variant_name(_i, "sender_key"), out, sizeof(out));
	groupkey_pair(out, key, shared, sender, receiver);
	native_expect(variant_name(_i, "pair_key"), out, sizeof(out));
	groupkey_pair(out, key, shared, receiver, sender);
	native_expect(variant_name(_i, "pair_key_back"), out, sizeof(out));
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
START_TEST(groupkey_keeps_the_newest_epochs)
{
	for (uint32_t epoch = 1; epoch <= 9; epoch++)
		install(epoch, epoch * 1000);
	ck_assert_int_eq(traffic(1, 0, 1000), GROUPKEY_PAST);
	for (uint32_t epoch = 2; epoch <= 9; epoch++)
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
	tcase_add_loop_test(tc, groupkey_meets_the_vectors, 0, ARRAY_LEN(variants));
	tcase_add_test(tc, groupkey_gives_each_sender_and_direction_its_own);
	tcase_add_test(tc, groupkey_of_another_group_is_another);
	tcase_add_test(tc, groupkey_has_nothing_to_send_with_at_first);
	tcase_add_test(tc, groupkey_changes_without_a_gap);
	tcase_add_test(tc, groupkey_takes_no_old_epoch_again);
	tcase_add_test(tc, groupkey_keeps_the_newest_epochs);
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
