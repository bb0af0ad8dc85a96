/*
 * Tests of seen: what came before is known, until so many others have come.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "seen.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The i-th message; its end alone tells it from others. */
static const uint8_t *
message(uint64_t i)
{
	static uint8_t bytes[20];

	i++;
	memcpy(bytes + sizeof(bytes) - sizeof(i), &i, sizeof(i));
	return bytes;
}

START_TEST(message_is_known_again)
{
	static struct seen s;

	ck_assert(!seen_before(&s, message(1), 20));
	seen_add(&s, message(1), 20);
	ck_assert(seen_before(&s, message(1), 20));
	ck_assert(!seen_before(&s, message(2), 20));
}
END_TEST

START_TEST(oldest_gives_way)
{
	static struct seen s;

	for (uint64_t i = 0; i <= SEEN_MAX; i++)
		seen_add(&s, message(i), 20);
	ck_assert(!seen_before(&s, message(0), 20));
	for (uint64_t i = 1; i <= SEEN_MAX; i++)
		ck_assert(seen_before(&s, message(i), 20));
}
END_TEST

START_TEST(shortest_message_is_its_own_seal)
{
	static struct seen s;

	seen_add(&s, message(7) + 12, 8);
	ck_assert(seen_before(&s, message(7) + 12, 8));
	ck_assert(seen_before(&s, message(7), 20));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("seen");
	TCase *c = tcase_create("seen");
	SRunner *r;
	int failed;

	tcase_add_test(c, message_is_known_again);
	tcase_add_test(c, oldest_gives_way);
	tcase_add_test(c, shortest_message_is_its_own_seal);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
