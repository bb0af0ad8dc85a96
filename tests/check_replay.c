/*
 * The replay window, by its edges and against a model that remembers everything.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "replay.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 100000
#define SPAN (UINT64_C(1) << 23) /* of the counters in a model's run */

static struct replay window;

static void
setup(void)
{
	replay_init(&window, 0);
}

/* Each ck_assert() talks to the test's parent, too slow for millions of them. */
static void
expect(uint64_t counter, enum replay_verdict verdict)
{
	enum replay_verdict got = replay_check(&window, counter);

	if (got != verdict)
		ck_abort_msg(
		    "%llu: %d instead of %d", (unsigned long long)counter, (int)got, (int)verdict);
}

static void
accept(uint64_t counter)
{
	expect(counter, REPLAY_FRESH);
	replay_accept(&window, counter);
}

START_TEST(replay_accepts_each_counter_once)
{
	for (uint64_t i = 0; i < UINT64_C(3) * REPLAY_WINDOW; i++) {
		accept(i);
		expect(i, REPLAY_SEEN);
	}
}
END_TEST

START_TEST(replay_rejects_duplicates_while_the_window_has_them)
{
	for (uint64_t i = 0; i < REPLAY_WINDOW; i++)
		accept(i);
	for (uint64_t i = 0; i < REPLAY_WINDOW; i++)
		expect(i, REPLAY_SEEN);
}
END_TEST

START_TEST(replay_accepts_the_window_in_reverse)
{
	const uint64_t start = 1000003;

	for (uint64_t i = 0; i < REPLAY_WINDOW; i++)
		accept(start - i);
	expect(start - REPLAY_WINDOW, REPLAY_TOO_OLD);
	for (uint64_t i = 0; i < REPLAY_WINDOW; i++)
		expect(start - i, REPLAY_SEEN);
}
END_TEST

/* Whatever bit of a word the highest counter has, the window is exactly as wide. */
START_TEST(replay_window_ends_where_it_says)
{
	for (uint64_t high = REPLAY_WINDOW; high < REPLAY_WINDOW + 200; high++) {
		replay_init(&window, 0);
		accept(high);
		expect(high - REPLAY_WINDOW + 1, REPLAY_FRESH);
		expect(high - REPLAY_WINDOW, REPLAY_TOO_OLD);
		accept(high - REPLAY_WINDOW + 1);
		expect(high, REPLAY_SEEN);
		accept(high + 1);
		expect(high - REPLAY_WINDOW + 1, REPLAY_TOO_OLD);
	}
}
END_TEST

START_TEST(replay_forgets_nothing_within_a_jump)
{
	static const uint64_t jumps[] = {1, 63, 64, 65, 127, 128, REPLAY_WINDOW - 64,
	    REPLAY_WINDOW - 1, REPLAY_WINDOW, REPLAY_WINDOW + 1, REPLAY_WINDOW + 63,
	    REPLAY_WINDOW + 64, REPLAY_WINDOW + 65, UINT64_C(1) << 32, UINT64_C(1) << 62};

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		replay_init(&window, 0);
		for (uint64_t c = 0; c <= REPLAY_WINDOW; c++)
			accept(c);
		accept(REPLAY_WINDOW + jumps[i]);
		expect(REPLAY_WINDOW, jumps[i] < REPLAY_WINDOW ? REPLAY_SEEN : REPLAY_TOO_OLD);
		if (jumps[i] > 1)
			expect(REPLAY_WINDOW + jumps[i] - 1, REPLAY_FRESH);
	}
}
END_TEST

START_TEST(replay_finds_no_old_bits_after_a_jump)
{
	for (uint64_t c = 0; c < UINT64_C(2) * REPLAY_WINDOW; c++)
		accept(c);
	accept(UINT64_C(10) * REPLAY_WINDOW);
	for (uint64_t c = UINT64_C(9) * REPLAY_WINDOW + 1; c < UINT64_C(10) * REPLAY_WINDOW; c++)
		expect(c, REPLAY_FRESH);
}
END_TEST

START_TEST(replay_check_changes_nothing)
{
	struct replay before;

	accept(5);
	before = window;
	expect(UINT64_C(1) << 40, REPLAY_FRESH);
	expect(4, REPLAY_FRESH);
	expect(5, REPLAY_SEEN);
	ck_assert_mem_eq(&window, &before, sizeof(before));
}
END_TEST

START_TEST(replay_refuses_what_is_below_the_floor)
{
	replay_init(&window, 100);
	expect(0, REPLAY_TOO_OLD);
	expect(99, REPLAY_TOO_OLD);
	accept(100);
	expect(99, REPLAY_TOO_OLD);
	accept(150);
	accept(101);
	expect(99, REPLAY_TOO_OLD);
	accept(100 + REPLAY_WINDOW);
	expect(100, REPLAY_TOO_OLD);
	expect(102, REPLAY_FRESH);
}
END_TEST

START_TEST(replay_works_up_to_the_last_counter)
{
	for (uint64_t c = UINT64_MAX - 3 * REPLAY_WINDOW; c < UINT64_MAX; c++)
		accept(c);
	expect(UINT64_MAX, REPLAY_TOO_OLD);
	expect(UINT64_MAX - 1, REPLAY_SEEN);
	expect(UINT64_MAX - REPLAY_WINDOW, REPLAY_SEEN);
	expect(UINT64_MAX - REPLAY_WINDOW - 1, REPLAY_TOO_OLD);
	expect(0, REPLAY_TOO_OLD);
}
END_TEST

START_TEST(replay_jumps_from_nothing_to_the_last_counter)
{
	accept(0);
	accept(UINT64_MAX - 1);
	expect(0, REPLAY_TOO_OLD);
	expect(UINT64_MAX, REPLAY_TOO_OLD);
	for (uint64_t i = 2; i <= REPLAY_WINDOW; i++)
		accept(UINT64_MAX - i);
	expect(UINT64_MAX - REPLAY_WINDOW - 1, REPLAY_TOO_OLD);
}
END_TEST

/* Remembers every counter of a run, as its distance from the run's base. */
struct model {
	uint64_t base, next, floor;
	bool seen[SPAN];
};

static enum replay_verdict
model_check(const struct model *m, uint64_t counter)
{
	if (counter < m->floor || counter == UINT64_MAX)
		return REPLAY_TOO_OLD;
	if (m->next > REPLAY_WINDOW && counter < m->next - REPLAY_WINDOW)
		return REPLAY_TOO_OLD;
	return m->seen[counter - m->base] ? REPLAY_SEEN : REPLAY_FRESH;
}

static void
model_accept(struct model *m, uint64_t counter)
{
	m->seen[counter - m->base] = true;
	if (counter >= m->next)
		m->next = counter + 1;
}

/* Mostly near the newest one, sometimes far behind it, rarely a jump ahead. */
static uint64_t
pick(const struct model *m)
{
	uint64_t newest = m->next > m->base ? m->next : m->base, back, ahead;
	long kind = random() % 1000;

	back = (uint64_t)random() % (kind < 700 ? 100 : UINT64_C(2) * REPLAY_WINDOW);
	ahead = (uint64_t)random() % (kind < 998 ? 4 : UINT64_C(3) * REPLAY_WINDOW);
	if (newest - m->base < back)
		back = newest - m->base;
	if (ahead > UINT64_MAX - newest)
		ahead = UINT64_MAX - newest;
	if (newest - m->base + ahead >= SPAN)
		ck_abort_msg("the model's run is longer than SPAN");
	return newest - back + ahead;
}

static void
compare_with_model(uint64_t base, uint64_t floor, unsigned int seed)
{
	struct model *m = calloc(1, sizeof(*m));
	int counts[3] = {0};

	ck_assert_ptr_nonnull(m);
	m->base = base;
	m->floor = floor;
	replay_init(&window, floor);
	srandom(seed);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t counter = pick(m);
		enum replay_verdict verdict = model_check(m, counter);

		expect(counter, verdict);
		counts[-(int)verdict]++;
		/* one in eight is forged, so that it is not accepted */
		if (verdict == REPLAY_FRESH && random() % 8 != 0) {
			replay_accept(&window, counter);
			model_accept(m, counter);
		}
	}
	for (int i = 0; i < 3; i++)
		ck_assert_int_gt(counts[i], ROUNDS / 100);
	free(m);
}

START_TEST(replay_agrees_with_a_model_that_forgets_nothing)
{
	for (unsigned int seed = 1; seed <= 5; seed++)
		compare_with_model(0, 0, seed);
}
END_TEST

START_TEST(replay_agrees_with_the_model_above_a_floor)
{
	compare_with_model(5000, 12345, 6);
}
END_TEST

START_TEST(replay_agrees_with_the_model_at_the_end_of_counters)
{
	compare_with_model(UINT64_MAX - 1000000, 0, 7);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("replay");
	TCase *tc = tcase_create("replay");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_set_timeout(tc, 60); /* the models under valgrind */
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, replay_accepts_each_counter_once);
	tcase_add_test(tc, replay_rejects_duplicates_while_the_window_has_them);
	tcase_add_test(tc, replay_accepts_the_window_in_reverse);
	tcase_add_test(tc, replay_window_ends_where_it_says);
	tcase_add_test(tc, replay_forgets_nothing_within_a_jump);
	tcase_add_test(tc, replay_finds_no_old_bits_after_a_jump);
	tcase_add_test(tc, replay_check_changes_nothing);
	tcase_add_test(tc, replay_refuses_what_is_below_the_floor);
	tcase_add_test(tc, replay_works_up_to_the_last_counter);
	tcase_add_test(tc, replay_jumps_from_nothing_to_the_last_counter);
	tcase_add_test(tc, replay_agrees_with_a_model_that_forgets_nothing);
	tcase_add_test(tc, replay_agrees_with_the_model_above_a_floor);
	tcase_add_test(tc, replay_agrees_with_the_model_at_the_end_of_counters);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
