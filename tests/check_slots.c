/*
 * The tree of time slots: against the check values of the specification, against those of an
 * independent program, and against a count of what each cover reaches.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "native_vectors.h"
#include "slots.h"
#include "util.h"
#include "wire.h"

static struct slots_node nodes[SLOTS_COVER_MAX];

static struct slots_node
root_of(uint8_t first)
{
	struct slots_node root = {0};

	for (size_t i = 0; i < sizeof(root.key); i++)
		root.key[i] = (uint8_t)(first + i);
	return root;
}

START_TEST(slots_children_are_as_specified)
{
	static const char *const expected[] = {
	    "b6286432485f3d24a81c12f5ce1909d6e615dd1664107ad97ce29c41e471ffab",
	    "89e5583bd02af447c86d6e3495385447c78cdea45e1dda14cbe8c18dc2d33d41"};
	struct slots_node root = root_of(0);

	for (uint32_t i = 0; i < ARRAY_LEN(expected); i++) {
		struct slots_node child = {.depth = 1, .index = i};

		ck_assert_int_eq(slots_derive(&root, &child), 0);
		expect_hex(child.key, expected[i]);
	}
}
END_TEST

START_TEST(slots_cover_is_as_specified)
{
	static const struct slots_node expected[] = {
	    {16, 5, {0}}, {15, 3, {0}}, {13, 1, {0}}, {14, 4, {0}}, {16, 20, {0}}};

	ck_assert_uint_eq(slots_cover(16, 5, 20, nodes), ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		ck_assert_uint_eq(nodes[i].depth, expected[i].depth);
		ck_assert_uint_eq(nodes[i].index, expected[i].index);
	}
}
END_TEST

/* The cover as a message carries it: depth, index and key of each node. */
START_TEST(slots_cover_and_keys_meet_the_vectors)
{
	static const char *const slots[] = {
	    "slots_key_5", "slots_key_12", "slots_key_20", "slots_key_65535"};
	unsigned int depth = (unsigned int)native_number("slots_depth");
	size_t count = slots_cover(depth, (uint32_t)native_number("slots_first"),
	    (uint32_t)native_number("slots_last"), nodes);
	struct slots_node root = {.depth = 0};
	uint8_t cover[512], key[AEAD_KEY_LEN];
	struct wire_writer w;

	native_bytes("slots_root", root.key, sizeof(root.key));
	wire_writer_init(&w, cover, sizeof(cover));
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(slots_derive(&root, &nodes[i]), 0);
		wire_put_u8(&w, nodes[i].depth);
		wire_put_u32(&w, nodes[i].index);
		wire_put_bytes(&w, nodes[i].key, sizeof(nodes[i].key));
	}
	ck_assert(!w.failed);
	native_expect("slots_cover", cover, w.pos);
	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		uint32_t slot = (uint32_t)strtoul(slots[i] + strlen("slots_key_"), NULL, 10);
		bool granted = slot <= native_number("slots_last");

		ck_assert_int_eq(slots_key(&root, 1, depth, slot, key), 0);
		native_expect(slots[i], key, sizeof(key));
		ck_assert_int_eq(slots_key(nodes, count, depth, slot, key), granted ? 0 : -1);
		if (granted)
			native_expect(slots[i], key, sizeof(key));
	}
}
END_TEST

/* Each interval of a small tree: its slots one after the other, and with the fewest nodes, as no
 * two siblings are among them. */
START_TEST(slots_cover_reaches_what_it_should_and_nothing_else)
{
	unsigned int depth = 5;

	for (uint32_t first = 0; first < 32; first++) {
		for (uint32_t last = first; last < 32; last++) {
			size_t count = slots_cover(depth, first, last, nodes);
			uint32_t next = first;

			ck_assert_uint_le(count, 2 * depth - 2);
			for (size_t i = 0; i < count; i++) {
				unsigned int height = depth - nodes[i].depth;

				ck_assert_uint_eq(nodes[i].index << height, next);
				next += UINT32_C(1) << height;
				if (i > 0)
					ck_assert(nodes[i].depth != nodes[i - 1].depth ||
						  nodes[i].index % 2 == 0);
			}
			ck_assert_uint_eq(next, last + 1);
		}
	}
}
END_TEST

START_TEST(slots_cover_of_the_deepest_tree)
{
	uint32_t last = (UINT32_C(1) << SLOTS_DEPTH_MAX) - 1;

	ck_assert_uint_eq(slots_cover(SLOTS_DEPTH_MAX, 0, last, nodes), 1);
	ck_assert_uint_eq(nodes[0].depth, 0);
	ck_assert_uint_eq(slots_cover(SLOTS_DEPTH_MAX, 1, last - 1, nodes), SLOTS_COVER_MAX);
	ck_assert_uint_eq(slots_cover(SLOTS_DEPTH_MAX, last, last, nodes), 1);
	ck_assert_uint_eq(nodes[0].depth, SLOTS_DEPTH_MAX);
	ck_assert_uint_eq(slots_cover(SLOTS_DEPTH_MAX, last, last + 1, nodes), 0);
}
END_TEST

START_TEST(slots_cover_refuses_what_is_no_interval)
{
	ck_assert_uint_eq(slots_cover(5, 7, 6, nodes), 0);
	ck_assert_uint_eq(slots_cover(5, 0, 32, nodes), 0);
	ck_assert_uint_eq(slots_cover(5, UINT32_MAX, UINT32_MAX, nodes), 0);
	ck_assert_uint_eq(slots_cover(0, 0, 0, nodes), 0);
	ck_assert_uint_eq(slots_cover(SLOTS_DEPTH_MAX + 1, 0, 1, nodes), 0);
}
END_TEST

/* What the server gives for 9 to 21, and what can be made of it. */
START_TEST(slots_key_is_that_of_the_server_within_and_none_outside)
{
	struct slots_node root = root_of(7);
	size_t count = slots_cover(6, 9, 21, nodes);

	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(slots_derive(&root, &nodes[i]), 0);
	for (uint32_t slot = 0; slot < 70; slot++) {
		uint8_t mine[AEAD_KEY_LEN], servers[AEAD_KEY_LEN];

		if (slot < 9 || slot > 21) {
			ck_assert_int_eq(slots_key(nodes, count, 6, slot, mine), -1);
			continue;
		}
		ck_assert_int_eq(slots_key(nodes, count, 6, slot, mine), 0);
		ck_assert_int_eq(slots_key(&root, 1, 6, slot, servers), 0);
		ck_assert_mem_eq(mine, servers, sizeof(mine));
	}
}
END_TEST

START_TEST(slots_derive_refuses_what_is_not_below)
{
	struct slots_node from = root_of(1), to = {.depth = 3, .index = 4};

	from.depth = 2;
	from.index = 1;
	ck_assert_int_eq(slots_derive(&from, &to), -1); /* below its neighbour */
	to.index = 3;
	ck_assert_int_eq(slots_derive(&from, &to), 0);
	to.depth = 1;
	to.index = 0;
	ck_assert_int_eq(slots_derive(&from, &to), -1); /* above */
	to.depth = UINT8_MAX;
	ck_assert_int_eq(slots_derive(&from, &to), -1);
	from.index = 5;
	to = from;
	ck_assert_int_eq(slots_derive(&from, &to), 0); /* the same */
	ck_assert_mem_eq(to.key, from.key, sizeof(to.key));
}
END_TEST

static TCase *
slots_tests(void)
{
	TCase *tc = tcase_create("slots");

	tcase_add_test(tc, slots_children_are_as_specified);
	tcase_add_test(tc, slots_cover_is_as_specified);
	tcase_add_test(tc, slots_cover_and_keys_meet_the_vectors);
	tcase_add_test(tc, slots_cover_reaches_what_it_should_and_nothing_else);
	tcase_add_test(tc, slots_cover_of_the_deepest_tree);
	tcase_add_test(tc, slots_cover_refuses_what_is_no_interval);
	tcase_add_test(tc, slots_key_is_that_of_the_server_within_and_none_outside);
	tcase_add_test(tc, slots_derive_refuses_what_is_not_below);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("slots");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, slots_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
