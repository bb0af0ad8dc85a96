/*
 * What all members are told: written by the server, put together by a member, whatever order the
 * parts come in; the same as an independent program writes it; and nothing that the server has not
 * signed.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "groupkey.h"
#include "native_vectors.h"
#include "rekey.h"
#include "util.h"

#define PARTS 8

static uint8_t public[AEAD_KEY_LEN], secret[AEAD_SIGN_SECRET_LEN];
static struct keytree *tree;
static struct keytree_path path;
static struct keytree_wrap *wraps;
static size_t count;
static uint8_t parts[PARTS][REKEY_PART_MAX];
static size_t lens[PARTS];
static struct rekey_collection collection;

static void
ignore(void *arg, struct keytree_node node, const uint8_t *key)
{
}

static void
setup(void)
{
	aead_sign_keypair(public, secret);
	tree = keytree_new(ignore, NULL);
	ck_assert_ptr_nonnull(tree);
	memset(&collection, 0, sizeof(collection));
	wraps = NULL;
}

static void
teardown(void)
{
	keytree_free(tree);
	free(wraps);
}

/* So many members, of which we are one. */
static void
join(uint32_t members, uint32_t ours)
{
	uint32_t leaf;

	for (uint32_t i = 0; i < members; i++)
		ck_assert_int_eq(keytree_add(tree, &leaf), 0);
	keytree_path(tree, ours, &path);
}

/* A change, written in all its parts; returns how many. */
static uint16_t
change(uint32_t epoch)
{
	struct rekey r = {.epoch = epoch, .from_ms = UINT64_C(0x0102030405060708)};

	free(wraps);
	ck_assert_int_eq(keytree_renew(tree, epoch, &wraps, &count), 0);
	r.parts = rekey_parts(count);
	ck_assert_uint_le(r.parts, PARTS);
	for (r.part = 0; r.part < r.parts; r.part++) {
		lens[r.part] = rekey_write(&r, "home", wraps, count, secret, parts[r.part]);
		ck_assert_uint_le(lens[r.part], REKEY_PART_MAX);
	}
	return r.parts;
}

static int
open_bytes(struct rekey *r, const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len + 1);
	int rc;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, data, len);
	rc = rekey_open(r, "home", public, exact, len);
	free(exact);
	return rc;
}

static bool
take(uint16_t part)
{
	struct rekey r;

	ck_assert_int_eq(rekey_open(&r, "home", public, parts[part], lens[part]), 0);
	return rekey_collect(&collection, &r, &path);
}

static void
expect_followed(uint32_t ours)
{
	struct keytree_path expected;

	ck_assert_int_eq(
	    keytree_follow(&path, collection.epoch, collection.wraps, collection.count), 0);
	keytree_path(tree, ours, &expected);
	ck_assert_mem_eq(&path, &expected, sizeof(path));
}

START_TEST(rekey_evicts_one_of_1024_in_one_short_message)
{
	join(1024, 700);
	keytree_remove(tree, 701);
	ck_assert_uint_eq(change(9), 1);
	ck_assert_uint_le(lens[0], 2048);
	ck_assert(take(0));
	ck_assert_uint_eq(collection.epoch, 9);
	ck_assert_uint_eq(collection.from_ms, UINT64_C(0x0102030405060708));
	expect_followed(700);
}
END_TEST

START_TEST(rekey_tells_the_evicted_nothing)
{
	join(100, 42);
	keytree_remove(tree, 42);
	change(2);
	ck_assert(take(0));
	ck_assert_int_eq(
	    keytree_follow(&path, collection.epoch, collection.wraps, collection.count), -1);
}
END_TEST

/* In any order, and some twice. */
START_TEST(rekey_needs_all_parts)
{
	uint16_t n;

	join(3000, 1234);
	for (uint32_t leaf = 0; leaf < 3000; leaf += 2)
		keytree_mark(tree, leaf);
	n = change(5);
	ck_assert_uint_gt(n, 2);
	for (uint16_t part = n - 1; part > 0; part--) {
		ck_assert(!take(part));
		ck_assert(!take(part));
	}
	ck_assert(take(0));
	expect_followed(1234);
	ck_assert(!take(0));
}
END_TEST

START_TEST(rekey_leaves_an_older_change_aside)
{
	uint16_t n;

	join(3000, 77);
	for (uint32_t leaf = 0; leaf < 3000; leaf++)
		keytree_mark(tree, leaf);
	change(5);
	ck_assert(!take(0));
	keytree_path(tree, 77, &path);
	memcpy(parts[PARTS - 1], parts[1], lens[1]);
	lens[PARTS - 1] = lens[1];
	n = change(6);
	ck_assert_uint_eq(n, 1);
	ck_assert(take(0));
	ck_assert(!take(PARTS - 1));
	ck_assert_uint_eq(collection.epoch, 6);
	expect_followed(77);
}
END_TEST

/* Half of a change has come, and the rest never will: what the server says of it later counts. */
START_TEST(rekey_begins_anew_with_what_is_told_later)
{
	struct rekey later = {.epoch = 5, .parts = 1, .from_ms = UINT64_C(0x0102030405060709)};

	join(3000, 77);
	for (uint32_t leaf = 0; leaf < 3000; leaf++)
		keytree_mark(tree, leaf);
	change(5);
	ck_assert(!take(0));
	lens[0] = rekey_write(&later, "home", NULL, 0, secret, parts[0]);
	ck_assert(take(0));
	ck_assert_int_eq(
	    keytree_follow(&path, collection.epoch, collection.wraps, collection.count), -1);
	ck_assert(!take(1));
}
END_TEST

START_TEST(rekey_of_an_empty_group_says_so)
{
	struct rekey r;

	ck_assert_uint_eq(change(3), 1);
	ck_assert_int_eq(open_bytes(&r, parts[0], lens[0]), 0);
	ck_assert_uint_eq(r.count, 0);
	ck_assert_uint_eq(r.epoch, 3);
	ck_assert_uint_eq(r.parts, 1);
}
END_TEST

START_TEST(rekey_refuses_any_flipped_bit)
{
	struct rekey r;

	join(4, 0);
	change(2);
	for (size_t bit = 0; bit < 8 * lens[0]; bit++) {
		parts[0][bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_lt(open_bytes(&r, parts[0], lens[0]), 0);
		parts[0][bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < lens[0]; len++)
		ck_assert_int_lt(open_bytes(&r, parts[0], len), 0);
	ck_assert_int_eq(open_bytes(&r, parts[0], lens[0]), 0);
	memset(parts[0] + lens[0], 0, 1);
	ck_assert_int_lt(open_bytes(&r, parts[0], lens[0] + 1), 0);
}
END_TEST

START_TEST(rekey_refuses_another_server_and_another_group)
{
	struct rekey r;

	join(4, 0);
	change(2);
	ck_assert_int_eq(rekey_open(&r, "home2", public, parts[0], lens[0]), REKEY_FORGED);
	ck_assert_int_eq(rekey_open(&r, "work", public, parts[0], lens[0]), REKEY_FORGED);
	aead_sign_keypair(public, secret);
	ck_assert_int_eq(rekey_open(&r, "home", public, parts[0], lens[0]), REKEY_FORGED);
}
END_TEST

/* Signed, but by a server that has gone mad. */
START_TEST(rekey_refuses_parts_that_cannot_be)
{
	struct rekey r = {.epoch = 2, .part = 1, .parts = 1};
	size_t len;

	len = rekey_write(&r, "home", NULL, 0, secret, parts[0]);
	ck_assert_int_eq(rekey_open(&r, "home", public, parts[0], len), REKEY_MALFORMED);
	r = (struct rekey){.epoch = 2, .part = 0, .parts = REKEY_PARTS_MAX + 1};
	len = rekey_write(&r, "home", NULL, 0, secret, parts[0]);
	ck_assert_int_eq(rekey_open(&r, "home", public, parts[0], len), REKEY_MALFORMED);
}
END_TEST

/* The secret key of libsodium is the seed and the public key. */
static void
be_the_server_of_the_vectors(void)
{
	native_bytes("rekey_server_sign_seed", secret, AEAD_KEY_LEN);
	native_bytes("rekey_server_key", secret + AEAD_KEY_LEN, AEAD_KEY_LEN);
	native_bytes("rekey_server_key", public, AEAD_KEY_LEN);
}

static struct rekey
open_vector(const char *name, uint8_t message[NATIVE_VECTOR_TEXT])
{
	size_t len = native_bytes(name, message, NATIVE_VECTOR_TEXT);
	struct rekey r;

	ck_assert_int_eq(rekey_open(&r, "home", public, message, len), 0);
	ck_assert_uint_eq(r.epoch, native_number("tree_epoch"));
	ck_assert_uint_eq(r.from_ms, native_number("rekey_from_ms"));
	return r;
}

/* The wraps of the vectors one by one, and all of them as one part. */
START_TEST(rekey_writes_the_message_of_the_vectors)
{
	uint8_t message[NATIVE_VECTOR_TEXT];
	struct keytree_wrap theirs[8];
	struct rekey r;
	size_t len;

	be_the_server_of_the_vectors();
	r = open_vector("rekey_message", message);
	native_expect("tree_wraps", r.wraps, r.count * REKEY_WRAP_LEN);
	ck_assert_uint_le(r.count, ARRAY_LEN(theirs));
	for (size_t i = 0; i < r.count; i++) {
		const uint8_t *at = r.wraps + i * REKEY_WRAP_LEN;

		theirs[i].node = (struct keytree_node){at[0] & 0x7f, at[4]};
		theirs[i].child = 2U * at[4] + at[0] / 0x80;
		memcpy(theirs[i].sealed, at + 5, KEYTREE_SEALED_LEN);
	}
	ck_assert_uint_eq(rekey_parts(r.count), 1);
	len = rekey_write(&r, "home", theirs, r.count, secret, parts[0]);
	native_expect("rekey_message", parts[0], len);
}
END_TEST

/* In one part, in two, and in two the other way round. */
START_TEST(rekey_follows_the_vectors)
{
	static const char *const orders[][2] = {
	    {"rekey_message", NULL},
	    {"rekey_part_1", "rekey_part_2"},
	    {"rekey_part_2", "rekey_part_1"},
	};
	uint8_t message[NATIVE_VECTOR_TEXT], key[AEAD_KEY_LEN];
	struct rekey r;

	be_the_server_of_the_vectors();
	path = (struct keytree_path){.leaf = 2, .height = 3};
	native_bytes("tree_path_2_before", path.keys[0], sizeof(path.keys));
	for (size_t i = 0; i < 2 && orders[_i][i] != NULL; i++) {
		bool last = i == 1 || orders[_i][1] == NULL;

		r = open_vector(orders[_i][i], message);
		ck_assert(rekey_collect(&collection, &r, &path) == last);
	}
	ck_assert_int_eq(
	    keytree_follow(&path, collection.epoch, collection.wraps, collection.count), 0);
	native_expect("tree_path_2_after", path.keys, 4 * AEAD_KEY_LEN);
	groupkey_of_epoch(key, path.keys[path.height], "home", collection.epoch);
	native_expect("rekey_epoch_key", key, sizeof(key));
}
END_TEST

static TCase *
rekey_tests(void)
{
	TCase *tc = tcase_create("rekey");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, rekey_evicts_one_of_1024_in_one_short_message);
	tcase_add_test(tc, rekey_tells_the_evicted_nothing);
	tcase_add_test(tc, rekey_needs_all_parts);
	tcase_add_test(tc, rekey_leaves_an_older_change_aside);
	tcase_add_test(tc, rekey_begins_anew_with_what_is_told_later);
	tcase_add_test(tc, rekey_of_an_empty_group_says_so);
	tcase_add_test(tc, rekey_refuses_any_flipped_bit);
	tcase_add_test(tc, rekey_refuses_another_server_and_another_group);
	tcase_add_test(tc, rekey_refuses_parts_that_cannot_be);
	tcase_add_test(tc, rekey_writes_the_message_of_the_vectors);
	tcase_add_loop_test(tc, rekey_follows_the_vectors, 0, 3);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("rekey");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, rekey_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
