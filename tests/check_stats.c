/*
 * The table of counters.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "stats.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(stats_names_are_fit_for_programs)
{
	const char *name;

	for (unsigned int i = 0; i < STAT_COUNT; i++) {
		name = stats_info(i)->name;
		ck_assert_msg(name != NULL, "counter %u has no name", i);
		ck_assert_uint_gt(strlen(name), 0);
		ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
	}
}
END_TEST

START_TEST(stats_names_are_unique)
{
	for (unsigned int i = 0; i < STAT_COUNT; i++) {
		for (unsigned int k = i + 1; k < STAT_COUNT; k++)
			ck_assert_str_ne(stats_info(i)->name, stats_info(k)->name);
	}
}
END_TEST

START_TEST(stats_units_are_of_the_known_ones)
{
	for (unsigned int i = 0; i < STAT_COUNT; i++) {
		const char *unit = stats_info(i)->unit;

		ck_assert_msg(strcmp(unit, "packets") == 0 || strcmp(unit, "bytes") == 0 ||
				  strcmp(unit, "messages") == 0 || strcmp(unit, "events") == 0,
		    "%s has unit %s", stats_info(i)->name, unit);
	}
}
END_TEST

START_TEST(stats_help_is_one_sentence)
{
	for (unsigned int i = 0; i < STAT_COUNT; i++) {
		const char *help = stats_info(i)->help;
		size_t len = strlen(help);

		ck_assert_uint_gt(len, 10);
		ck_assert(help[0] >= 'A' && help[0] <= 'Z');
		/* the only full stop is the last character */
		ck_assert_ptr_eq(strchr(help, '.'), help + len - 1);
	}
}
END_TEST

START_TEST(stats_count_only_what_they_are_told)
{
	struct stats s = {0};

	stats_count(&s, STAT_RELOADS);
	stats_count(&s, STAT_RELOADS);
	stats_add(&s, STAT_TX_BYTES, UINT64_C(5000000000));
	for (unsigned int i = 0; i < STAT_COUNT; i++) {
		if (i == STAT_RELOADS)
			ck_assert_uint_eq(s.value[i], 2);
		else if (i == STAT_TX_BYTES)
			ck_assert_uint_eq(s.value[i], UINT64_C(5000000000));
		else
			ck_assert_uint_eq(s.value[i], 0);
	}
}
END_TEST

START_TEST(stats_sum_takes_one_direction)
{
	struct stats s = {0};

	for (unsigned int i = 0; i < STAT_COUNT; i++)
		s.value[i] = UINT64_C(1) << i % 64;
	ck_assert_uint_eq(stats_sum(&s, "tx_drop_"),
	    s.value[STAT_TX_DROP_NOT_CONNECTED] + s.value[STAT_TX_DROP_MALFORMED] +
		s.value[STAT_TX_DROP_TOO_BIG] + s.value[STAT_TX_DROP_NO_DESTINATION] +
		s.value[STAT_TX_DROP_PUBLISH] + s.value[STAT_TX_DROP_NO_SESSION] +
		s.value[STAT_TX_DROP_BAD_SOURCE] + s.value[STAT_TX_DROP_QUEUE_FULL] +
		s.value[STAT_TX_DROP_CODEL] + s.value[STAT_TX_DROP_NO_LEASE]);
	ck_assert_uint_eq(stats_sum(&s, "rx_drop_"),
	    s.value[STAT_RX_DROP_TOO_SHORT] + s.value[STAT_RX_DROP_AUTH] +
		s.value[STAT_RX_DROP_MALFORMED] + s.value[STAT_RX_DROP_TOO_BIG] +
		s.value[STAT_RX_DROP_RETAINED] + s.value[STAT_RX_DROP_QOS] +
		s.value[STAT_RX_DROP_TOPIC] + s.value[STAT_RX_DROP_OWN_SOURCE] +
		s.value[STAT_RX_DROP_BAD_SOURCE] + s.value[STAT_RX_DROP_TUN] +
		s.value[STAT_RX_DROP_VERSION] + s.value[STAT_RX_DROP_NO_SESSION] +
		s.value[STAT_RX_DROP_REPLAY] + s.value[STAT_RX_DROP_SPOOFED] +
		s.value[STAT_RX_DROP_BATCH] + s.value[STAT_RX_DROP_OFFLOAD] +
		s.value[STAT_RX_DROP_EPOCH] + s.value[STAT_RX_DROP_UNKNOWN_KEY] +
		s.value[STAT_RX_DROP_HANDSHAKE] + s.value[STAT_RX_DROP_FLOOD] +
		s.value[STAT_RX_DROP_NOTICE]);
	ck_assert_uint_eq(stats_sum(&s, "nothing_"), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stats");
	TCase *tc = tcase_create("stats");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_test(tc, stats_names_are_fit_for_programs);
	tcase_add_test(tc, stats_names_are_unique);
	tcase_add_test(tc, stats_units_are_of_the_known_ones);
	tcase_add_test(tc, stats_help_is_one_sentence);
	tcase_add_test(tc, stats_count_only_what_they_are_told);
	tcase_add_test(tc, stats_sum_takes_one_direction);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
