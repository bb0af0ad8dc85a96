/*
 * The tree of keys: whoever stays follows each renewal and has the server's root, whoever has left
 * does not, and a newcomer opens nothing of before. What an independent program has wrapped can be
 * opened, too.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keytree.h"
#include "native_vectors.h"
#include "util.h"
#include "wire.h"

#define MEMBERS_MAX 64

/* What a store would have. */
struct kept {
	struct keytree_node node;
	uint8_t key[AEAD_KEY_LEN];
	bool used;
};

struct member {
	bool is_in;
	bool is_told; /* its path, after the change */
	struct keytree_path path;
};

static struct keytree *tree;
static struct kept kept[4 * MEMBERS_MAX];
static size_t kept_count;
static struct member members[MEMBERS_MAX];
static uint32_t epoch;
static struct keytree_wrap *wraps;
static size_t wrap_count;

static void
keep(void *arg, struct keytree_node node, const uint8_t *key)
{
	size_t i = 0;

	while (i < kept_count &&
	       (kept[i].node.level != node.level || kept[i].node.index != node.index))
		i++;
	ck_assert_uint_lt(i, ARRAY_LEN(kept));
	if (i == kept_count)
		kept[kept_count++].node = node;
	kept[i].used = key != NULL;
	if (key != NULL)
		memcpy(kept[i].key, key, AEAD_KEY_LEN);
}

static void
ignore(void *arg, struct keytree_node node, const uint8_t *key)
{
}

static void
setup(void)
{
	memset(members, 0, sizeof(members));
	kept_count = 0;
	epoch = 1;
	wraps = NULL;
	tree = keytree_new(keep, NULL);
	ck_assert_ptr_nonnull(tree);
}

static void
teardown(void)
{
	keytree_free(tree);
	free(wraps);
}

/* Takes a leaf, and what the server would tell its member now. */
static struct member *
join(void)
{
	uint32_t leaf;

	ck_assert_int_eq(keytree_add(tree, &leaf), 0);
	ck_assert_uint_lt(leaf, MEMBERS_MAX);
	ck_assert(!members[leaf].is_in);
	members[leaf] = (struct member){.is_in = true};
	keytree_path(tree, leaf, &members[leaf].path);
	ck_assert_uint_eq(members[leaf].path.leaf, leaf);
	return &members[leaf];
}

static void
join_many(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		join();
}

static void
leave(struct member *m)
{
	keytree_remove(tree, m->path.leaf);
	m->is_in = false;
}

static void
renew(void)
{
	free(wraps);
	ck_assert_int_eq(keytree_renew(tree, ++epoch, &wraps, &wrap_count), 0);
}

static int
follow(struct member *m)
{
	return keytree_follow(&m->path, epoch, wraps, wrap_count);
}

static const uint8_t *
root_of(const struct member *m)
{
	return m->path.keys[m->path.height];
}

static struct member *
join_left_out(void)
{
	struct member *m = join();

	keytree_mark(tree, m->path.leaf);
	keytree_leave_out(tree, m->path.leaf);
	m->is_told = true;
	return m;
}

/* All who are in follow, but for those who were left out, and have what the server would give them.
 */
static void
expect_all_follow(void)
{
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		struct keytree_path path;

		if (!members[i].is_in)
			continue;
		if (!members[i].is_told)
			ck_assert_int_eq(follow(&members[i]), 0);
		keytree_path(tree, members[i].path.leaf, &path);
		if (members[i].is_told)
			members[i].path = path;
		members[i].is_told = false;
		ck_assert_uint_eq(members[i].path.height, path.height);
		ck_assert_mem_eq(members[i].path.keys, path.keys, sizeof(path.keys));
	}
}

START_TEST(keytree_of_one_member_can_be_renewed)
{
	struct member *m = join();
	uint8_t before[AEAD_KEY_LEN];

	memcpy(before, root_of(m), sizeof(before));
	renew();
	ck_assert_uint_eq(wrap_count, 1);
	expect_all_follow();
	ck_assert_mem_ne(before, root_of(m), sizeof(before));
	ck_assert_uint_eq(keytree_count(tree), 1);
}
END_TEST

START_TEST(keytree_leaves_out_who_has_left)
{
	struct member gone;

	join_many(13);
	gone = members[6];
	leave(&members[6]);
	renew();
	expect_all_follow();
	ck_assert_int_eq(follow(&gone), -1);
	ck_assert(!keytree_has(tree, 6));
	ck_assert_uint_eq(keytree_count(tree), 12);
	/* Nor with what comes later. */
	leave(&members[2]);
	renew();
	expect_all_follow();
	ck_assert_int_eq(follow(&gone), -1);
}
END_TEST

START_TEST(keytree_tells_a_newcomer_nothing_of_before)
{
	struct keytree_wrap *before;
	size_t before_count;
	struct member *m;

	join_many(9);
	leave(&members[1]);
	renew();
	expect_all_follow();
	before = wraps;
	before_count = wrap_count;
	wraps = NULL;
	m = join();
	keytree_mark(tree, m->path.leaf);
	renew();
	expect_all_follow();
	ck_assert_int_eq(keytree_follow(&m->path, epoch - 1, before, before_count), -1);
	free(before);
}
END_TEST

START_TEST(keytree_seals_nothing_for_newcomers_who_are_left_out)
{
	struct member *last = NULL;

	join_many(9);
	renew();
	expect_all_follow();
	for (unsigned int i = 0; i < 30; i++)
		last = join_left_out();
	renew();
	/* From leaf 8 to the root, and one for leaves 0 to 7. */
	ck_assert_uint_eq(keytree_height(tree), 6);
	ck_assert_uint_eq(wrap_count, 7);
	ck_assert_int_eq(follow(last), -1);
	expect_all_follow();
	/* They follow as all others from now on. */
	leave(&members[3]);
	renew();
	expect_all_follow();
}
END_TEST

START_TEST(keytree_joins_without_a_word_to_the_others)
{
	struct member *first = join();
	uint8_t root[AEAD_KEY_LEN];

	memcpy(root, root_of(first), sizeof(root));
	for (unsigned int i = 0; i < 40; i++)
		ck_assert_mem_eq(root_of(join()), root, sizeof(root));
	ck_assert_uint_eq(keytree_height(tree), 6);
	ck_assert_uint_eq(first->path.height, 1);
	renew();
	ck_assert_uint_eq(wrap_count, 2);
	expect_all_follow();
	ck_assert_uint_eq(first->path.height, 6);
}
END_TEST

START_TEST(keytree_evicts_one_of_1024_with_19_keys)
{
	uint32_t leaf;

	keytree_free(tree);
	tree = keytree_new(ignore, NULL);
	for (unsigned int i = 0; i < 1024; i++)
		ck_assert_int_eq(keytree_add(tree, &leaf), 0);
	keytree_remove(tree, 700);
	renew();
	ck_assert_uint_eq(wrap_count, 19);
	for (size_t i = 1; i < wrap_count; i++)
		ck_assert_uint_ge(wraps[i].node.level, wraps[i - 1].node.level);
}
END_TEST

/* Two hundred steps by chance, each with some who come, some who go, and a renewal. */
START_TEST(keytree_holds_together_whoever_comes_and_goes)
{
	srand(1);
	join_many(5);
	for (unsigned int step = 0; step < 200; step++) {
		for (size_t i = 0; i < MEMBERS_MAX; i++)
			if (members[i].is_in && rand() % 8 == 0)
				leave(&members[i]);
		for (unsigned int i = 0; i < 4 && keytree_count(tree) < MEMBERS_MAX; i++)
			if (rand() % 2 == 0)
				keytree_mark(tree, join()->path.leaf);
			else
				join_left_out();
		ck_assert(keytree_is_whole(tree));
		renew();
		expect_all_follow();
	}
}
END_TEST

START_TEST(keytree_uses_free_leaves_again_with_new_keys)
{
	uint8_t before[AEAD_KEY_LEN];
	struct member *m;

	join_many(8);
	memcpy(before, members[3].path.keys[0], sizeof(before));
	leave(&members[3]);
	renew();
	expect_all_follow();
	m = join();
	ck_assert_uint_eq(m->path.leaf, 3);
	ck_assert_mem_ne(m->path.keys[0], before, sizeof(before));
	ck_assert_uint_eq(keytree_height(tree), 3);
	renew();
	expect_all_follow();
}
END_TEST

START_TEST(keytree_can_be_empty)
{
	join_many(3);
	for (size_t i = 0; i < 3; i++)
		leave(&members[i]);
	ck_assert_uint_eq(keytree_count(tree), 0);
	renew();
	ck_assert_uint_eq(wrap_count, 0);
	for (size_t i = 0; i < kept_count; i++)
		ck_assert(!kept[i].used);
	join_many(2);
	renew();
	expect_all_follow();
	keytree_remove(tree, 63); /* nobody is there */
	ck_assert_uint_eq(keytree_count(tree), 2);
}
END_TEST

START_TEST(keytree_comes_back_as_it_was_kept)
{
	struct keytree *old = tree;

	join_many(21);
	leave(&members[4]);
	leave(&members[20]);
	renew();
	expect_all_follow();
	tree = keytree_new(ignore, NULL);
	for (size_t i = kept_count; i > 0; i--) /* in any order */
		if (kept[i - 1].used)
			ck_assert_int_eq(
			    keytree_restore(tree, kept[i - 1].node, kept[i - 1].key), 0);
	ck_assert(keytree_is_whole(tree));
	ck_assert_uint_eq(keytree_count(tree), keytree_count(old));
	keytree_free(old);
	leave(&members[11]);
	renew();
	expect_all_follow();
	ck_assert_uint_eq(join()->path.leaf, 4);
}
END_TEST

START_TEST(keytree_knows_what_is_no_tree)
{
	static const uint8_t key[AEAD_KEY_LEN];

	ck_assert_int_eq(keytree_restore(tree, (struct keytree_node){2, 0}, key), 0);
	ck_assert_int_eq(keytree_restore(tree, (struct keytree_node){0, 3}, key), 0);
	ck_assert(!keytree_is_whole(tree));
	ck_assert_int_eq(keytree_restore(tree, (struct keytree_node){1, 1}, key), 0);
	ck_assert(keytree_is_whole(tree));
	errno = 0;
	ck_assert_int_eq(
	    keytree_restore(tree, (struct keytree_node){KEYTREE_HEIGHT_MAX + 1, 0}, key), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(
	    keytree_restore(tree, (struct keytree_node){0, KEYTREE_LEAVES_MAX}, key), -1);
	ck_assert_int_eq(
	    keytree_restore(tree, (struct keytree_node){KEYTREE_HEIGHT_MAX, 1}, key), -1);
}
END_TEST

START_TEST(keytree_is_full_at_last)
{
	uint32_t leaf;

	keytree_free(tree);
	tree = keytree_new(ignore, NULL);
	for (uint32_t i = 0; i < KEYTREE_LEAVES_MAX; i++)
		ck_assert_int_eq(keytree_add(tree, &leaf), 0);
	errno = 0;
	ck_assert_int_eq(keytree_add(tree, &leaf), -1);
	ck_assert_int_eq(errno, ENOSPC);
	keytree_remove(tree, 5);
	ck_assert_int_eq(keytree_add(tree, &leaf), 0);
	ck_assert_uint_eq(leaf, 5);
}
END_TEST

/* Any bit of any wrap that is ours, the wrong epoch, none at all, or the root's missing. */
#define RENEWALS 30

/* With all that was ever published, and what a member has now. */
START_TEST(keytree_of_today_opens_nothing_of_yesterday)
{
	struct keytree_wrap *published[RENEWALS];
	uint8_t roots[RENEWALS][AEAD_KEY_LEN];
	size_t counts[RENEWALS];
	struct keytree_path path;

	join_many(40);
	for (unsigned int i = 0; i < RENEWALS; i++) {
		leave(&members[1 + i]);
		ck_assert_int_eq(keytree_renew(tree, ++epoch, &published[i], &counts[i]), 0);
		ck_assert_int_eq(
		    keytree_follow(&members[0].path, epoch, published[i], counts[i]), 0);
		memcpy(roots[i], root_of(&members[0]), AEAD_KEY_LEN);
	}
	for (unsigned int i = 0; i + 1 < RENEWALS; i++) {
		path = members[0].path;
		keytree_follow(&path, 2 + i, published[i], counts[i]);
		ck_assert_mem_ne(path.keys[path.height], roots[i], AEAD_KEY_LEN);
	}
	for (unsigned int i = 0; i < RENEWALS; i++)
		free(published[i]);
}
END_TEST

START_TEST(keytree_follows_nothing_forged)
{
	struct keytree_path before;
	struct member *m;

	join_many(11);
	m = &members[9];
	leave(&members[8]);
	renew();
	before = m->path;
	for (size_t i = 0; i < wrap_count; i++) {
		bool ours = wraps[i].node.index == m->path.leaf >> wraps[i].node.level &&
			    wraps[i].child == m->path.leaf >> (wraps[i].node.level - 1);

		for (size_t bit = 0; ours && bit < 8 * sizeof(wraps[i].sealed); bit++) {
			wraps[i].sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
			ck_assert_int_eq(follow(m), -1);
			wraps[i].sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	ck_assert_int_eq(keytree_follow(&m->path, epoch + 1, wraps, wrap_count), -1);
	ck_assert_int_eq(keytree_follow(&m->path, epoch, wraps, 0), -1);
	ck_assert_int_eq(keytree_follow(&m->path, epoch, wraps, wrap_count - 2), -1);
	wraps[0].node.level = UINT8_MAX;
	ck_assert_int_eq(follow(m), -1);
	ck_assert_mem_eq(&m->path, &before, sizeof(before));
}
END_TEST

/* Wraps as a rekey carries them. */
static size_t
read_wraps(const char *name, struct keytree_wrap *out, size_t size)
{
	uint8_t bytes[512];
	struct wire_reader r;
	size_t n = 0;

	wire_reader_init(&r, bytes, native_bytes(name, bytes, sizeof(bytes)));
	for (; wire_left(&r) > 0; n++) {
		uint8_t level = wire_u8(&r);

		ck_assert_uint_lt(n, size);
		out[n].node = (struct keytree_node){level & 0x7f, wire_u32(&r)};
		out[n].child = 2 * out[n].node.index + level / 0x80;
		memcpy(out[n].sealed, wire_bytes(&r, KEYTREE_SEALED_LEN), KEYTREE_SEALED_LEN);
	}
	return n;
}

/* A member in the middle of it, one far from it, and one whose tree was smaller. */
START_TEST(keytree_follows_the_vectors)
{
	static const struct {
		uint32_t leaf;
		const char *wraps, *before, *after;
	} paths[] = {
	    {2, "tree_wraps", "tree_path_2_before", "tree_path_2_after"},
	    {4, "tree_wraps", "tree_path_4_before", "tree_path_4_after"},
	    {0, "tree_grown_wraps", "tree_grown_path_before", "tree_grown_path_after"},
	};
	uint32_t at = (uint32_t)native_number("tree_epoch");
	struct keytree_path path = {.leaf = paths[_i].leaf};
	struct keytree_wrap theirs[8];
	size_t len = native_bytes(paths[_i].before, path.keys[0], sizeof(path.keys));
	size_t n = read_wraps(paths[_i].wraps, theirs, ARRAY_LEN(theirs));

	path.height = (unsigned int)(len / AEAD_KEY_LEN - 1);
	ck_assert_int_eq(keytree_follow(&path, at + 1, theirs, n), -1);
	ck_assert_int_eq(keytree_follow(&path, at, theirs, n), 0);
	native_expect(paths[_i].after, path.keys, (path.height + 1) * AEAD_KEY_LEN);
}
END_TEST

static TCase *
keytree_tests(void)
{
	TCase *tc = tcase_create("keytree");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, keytree_of_one_member_can_be_renewed);
	tcase_add_test(tc, keytree_leaves_out_who_has_left);
	tcase_add_test(tc, keytree_tells_a_newcomer_nothing_of_before);
	tcase_add_test(tc, keytree_seals_nothing_for_newcomers_who_are_left_out);
	tcase_add_test(tc, keytree_joins_without_a_word_to_the_others);
	tcase_add_test(tc, keytree_evicts_one_of_1024_with_19_keys);
	tcase_add_test(tc, keytree_holds_together_whoever_comes_and_goes);
	tcase_add_test(tc, keytree_uses_free_leaves_again_with_new_keys);
	tcase_add_test(tc, keytree_can_be_empty);
	tcase_add_test(tc, keytree_comes_back_as_it_was_kept);
	tcase_add_test(tc, keytree_knows_what_is_no_tree);
	tcase_add_test(tc, keytree_is_full_at_last);
	tcase_add_test(tc, keytree_follows_nothing_forged);
	tcase_add_test(tc, keytree_of_today_opens_nothing_of_yesterday);
	tcase_add_loop_test(tc, keytree_follows_the_vectors, 0, 3);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("keytree");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, keytree_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
