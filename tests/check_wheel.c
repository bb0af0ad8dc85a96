/*
 * The timer wheel, by itself and against a model that is too simple to be wrong.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "wheel.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define TIMERS 40
#define DAY_MS UINT64_C(86400000)

static struct wheel *wheel;
static struct wheel_timer timers[TIMERS];
/* what rearm was told last, and how often it was told */
static uint64_t told_ms;
static unsigned int told_count;
/* the timers that were called, by their numbers */
static unsigned int called[TIMERS];
static unsigned int called_count;

static void
on_rearm(void *arg, uint64_t due_ms)
{
	ck_assert_ptr_eq(arg, &told_ms);
	told_ms = due_ms;
	told_count++;
}

static void
start_at(uint64_t now_ms)
{
	wheel = wheel_new(now_ms, on_rearm, &told_ms);
	ck_assert_ptr_nonnull(wheel);
}

static void
setup(void)
{
	memset(timers, 0, sizeof(timers));
	told_ms = WHEEL_NEVER;
	told_count = 0;
	called_count = 0;
	start_at(1000);
}

static void
teardown(void)
{
	wheel_free(wheel);
}

static void
note(void *arg, uint64_t now_ms)
{
	struct wheel_timer *t = arg;

	ck_assert(!wheel_pending(t));
	ck_assert_uint_lt(called_count, TIMERS);
	called[called_count++] = (unsigned int)(t - timers);
}

static void
set(unsigned int i, uint64_t due_ms)
{
	wheel_set(wheel, &timers[i], due_ms, note, &timers[i]);
}

START_TEST(wheel_runs_due_timers_in_order)
{
	static const uint64_t due[] = {7000, 1001, 5000, 1002, 70000, 1063, 1064, 300000, 6999};
	static const unsigned int order[] = {1, 3, 5, 6, 2, 8, 0, 4};

	for (unsigned int i = 0; i < 9; i++)
		set(i, due[i]);
	wheel_run(wheel, 70000);
	ck_assert_uint_eq(called_count, 8);
	ck_assert_mem_eq(called, order, sizeof(order));
	ck_assert(wheel_pending(&timers[7]));
	ck_assert_uint_eq(wheel_next_due(wheel), 300000);
}
END_TEST

START_TEST(wheel_calls_a_timer_at_its_time_and_not_before)
{
	for (unsigned int shift = 0; shift < 63; shift++) {
		uint64_t due_ms = 1001 + (UINT64_C(1) << shift);

		wheel_free(wheel);
		start_at(1000);
		called_count = 0;
		set(0, due_ms);
		ck_assert_uint_eq(wheel_next_due(wheel), due_ms);
		wheel_run(wheel, due_ms - 1);
		ck_assert_uint_eq(called_count, 0);
		ck_assert_uint_eq(wheel_next_due(wheel), due_ms);
		wheel_run(wheel, due_ms);
		ck_assert_uint_eq(called_count, 1);
		ck_assert_uint_eq(wheel_next_due(wheel), WHEEL_NEVER);
	}
}
END_TEST

/* A step for each millisecond would outlast the test's timeout. */
START_TEST(wheel_jumps_over_any_time)
{
	set(0, 1001);
	set(1, 400 * DAY_MS);
	set(2, 36500 * DAY_MS);
	set(3, WHEEL_NEVER - 1);
	wheel_run(wheel, 100 * DAY_MS);
	ck_assert_uint_eq(called_count, 1);
	wheel_run(wheel, WHEEL_NEVER - 2);
	ck_assert_uint_eq(called_count, 3);
	ck_assert_uint_eq(wheel_next_due(wheel), WHEEL_NEVER - 1);
	wheel_run(wheel, WHEEL_NEVER - 1);
	ck_assert_uint_eq(called_count, 4);
}
END_TEST

START_TEST(wheel_takes_a_past_time_as_due_at_the_next_run)
{
	set(0, 0);
	set(1, 999);
	set(2, 1000);
	ck_assert_uint_le(wheel_next_due(wheel), 1000);
	ck_assert_uint_eq(called_count, 0);
	wheel_run(wheel, 1000);
	ck_assert_uint_eq(called_count, 3);
}
END_TEST

START_TEST(wheel_survives_a_clock_that_stands_still_or_goes_back)
{
	set(0, 2000);
	wheel_run(wheel, 1000);
	wheel_run(wheel, 10);
	ck_assert_uint_eq(called_count, 0);
	set(1, 500);
	wheel_run(wheel, 20);
	ck_assert_uint_eq(called_count, 1);
	wheel_run(wheel, 2000);
	ck_assert_uint_eq(called_count, 2);
}
END_TEST

START_TEST(wheel_moves_a_pending_timer)
{
	set(0, 2000);
	set(0, 3000);
	ck_assert_uint_eq(wheel_next_due(wheel), 3000);
	wheel_run(wheel, 2999);
	ck_assert_uint_eq(called_count, 0);
	set(0, 3500);
	set(0, 3000);
	wheel_run(wheel, 10000);
	ck_assert_uint_eq(called_count, 1);
}
END_TEST

START_TEST(wheel_does_not_call_what_was_cancelled)
{
	set(0, 2000);
	set(1, 2000);
	set(2, 2000);
	wheel_cancel(wheel, &timers[1]);
	wheel_cancel(wheel, &timers[1]);
	ck_assert(!wheel_pending(&timers[1]));
	wheel_run(wheel, 2000);
	ck_assert_uint_eq(called_count, 2);
	ck_assert_uint_eq(called[0] + called[1], 2);
	wheel_cancel(wheel, &timers[3]);
}
END_TEST

START_TEST(wheel_makes_timers_idle_when_freed)
{
	set(0, 2000);
	set(1, 2000);
	set(2, 100 * DAY_MS);
	wheel_free(wheel);
	wheel = NULL;
	for (unsigned int i = 0; i < 3; i++)
		ck_assert(!wheel_pending(&timers[i]));
	wheel_free(NULL);
}
END_TEST

START_TEST(wheel_works_without_rearm)
{
	wheel_free(wheel);
	wheel = wheel_new(0, NULL, NULL);
	ck_assert_ptr_nonnull(wheel);
	set(0, 5);
	wheel_cancel(wheel, &timers[0]);
	set(0, 6);
	wheel_run(wheel, 6);
	ck_assert_uint_eq(called_count, 1);
	ck_assert_uint_eq(told_count, 0);
}
END_TEST

START_TEST(wheel_rearms_only_when_the_earliest_time_changes)
{
	set(0, 5000);
	ck_assert_uint_eq(told_ms, 5000);
	ck_assert_uint_eq(told_count, 1);
	set(1, 6000);
	set(2, 5000);
	set(1, 7000);
	wheel_cancel(wheel, &timers[2]);
	ck_assert_uint_eq(told_count, 1);
	set(2, 4000);
	ck_assert_uint_eq(told_ms, 4000);
	set(2, 4000);
	ck_assert_uint_eq(told_count, 2);
	wheel_cancel(wheel, &timers[2]);
	ck_assert_uint_eq(told_ms, 5000);
	set(0, 8000);
	ck_assert_uint_eq(told_ms, 7000);
	wheel_cancel(wheel, &timers[1]);
	wheel_cancel(wheel, &timers[0]);
	ck_assert_uint_eq(told_ms, WHEEL_NEVER);
	ck_assert_uint_eq(told_count, 6);
}
END_TEST

static void
set_again_at_once(void *arg, uint64_t now_ms)
{
	called_count++;
	wheel_set(wheel, arg, now_ms, set_again_at_once, arg);
}

START_TEST(wheel_calls_a_timer_once_a_run_and_rearms_at_its_end)
{
	wheel_set(wheel, &timers[0], 2000, set_again_at_once, &timers[0]);
	wheel_set(wheel, &timers[1], 2000, set_again_at_once, &timers[1]);
	told_count = 0;
	wheel_run(wheel, 2000);
	ck_assert_uint_eq(called_count, 2);
	/* the time is the same as before, but the timer that ran for it has to be armed again */
	ck_assert_uint_eq(told_count, 1);
	ck_assert_uint_eq(told_ms, 2000);
	wheel_run(wheel, 2001);
	ck_assert_uint_eq(called_count, 4);
	ck_assert_uint_eq(told_count, 2);
	ck_assert_uint_eq(told_ms, 2001);
}
END_TEST

static void
cancel_the_others(void *arg, uint64_t now_ms)
{
	called_count++;
	for (unsigned int i = 0; i < 3; i++)
		wheel_cancel(wheel, &timers[i]);
	ck_assert_uint_eq(wheel_next_due(wheel), 9000);
}

START_TEST(wheel_lets_a_callback_cancel_what_is_due_in_the_same_run)
{
	for (unsigned int i = 0; i < 3; i++)
		wheel_set(wheel, &timers[i], 2000 + i / 2, cancel_the_others, NULL);
	set(3, 9000);
	wheel_run(wheel, 3000);
	ck_assert_uint_eq(called_count, 1);
	ck_assert_uint_eq(told_ms, 9000);
}
END_TEST

static void
free_own(void *arg, uint64_t now_ms)
{
	called_count++;
	free(arg);
}

START_TEST(wheel_lets_a_callback_free_its_own_timer)
{
	for (int i = 0; i < 3; i++) {
		struct wheel_timer *t = calloc(1, sizeof(*t));

		ck_assert_ptr_nonnull(t);
		wheel_set(wheel, t, 2000, free_own, t);
	}
	wheel_run(wheel, 2000);
	ck_assert_uint_eq(called_count, 3);
}
END_TEST

/* The model: an array of due times, searched from end to end. */
static struct {
	uint64_t now_ms;
	uint64_t due_ms[TIMERS]; /* WHEEL_NEVER: idle */
	bool expired[TIMERS];	 /* due in the current run and not called yet */
	bool running;
	uint64_t random;
	unsigned int calls;
} model;

/* xorshift64*, the same numbers on every machine */
static uint64_t
rnd(uint64_t below)
{
	model.random ^= model.random >> 12;
	model.random ^= model.random << 25;
	model.random ^= model.random >> 27;
	return (model.random * UINT64_C(2685821657736338717) >> 16) % below;
}

/* Spans from a millisecond to years, the short ones as likely as the long. */
static uint64_t
random_span(void)
{
	return rnd(UINT64_C(1) << rnd(37));
}

static uint64_t
model_earliest(void)
{
	uint64_t due_ms = WHEEL_NEVER;

	for (unsigned int i = 0; i < TIMERS; i++) {
		if (model.due_ms[i] < due_ms)
			due_ms = model.due_ms[i];
	}
	return due_ms;
}

static void random_change(void);

static void
on_model_timer(void *arg, uint64_t now_ms)
{
	unsigned int i = (unsigned int)((struct wheel_timer *)arg - timers);

	ck_assert(model.running);
	ck_assert_uint_eq(now_ms, model.now_ms);
	ck_assert(model.expired[i]);
	for (unsigned int k = 0; k < TIMERS; k++)
		ck_assert(!model.expired[k] || model.due_ms[k] >= model.due_ms[i]);
	model.expired[i] = false;
	model.due_ms[i] = WHEEL_NEVER;
	model.calls++;
	while (rnd(3) > 0)
		random_change();
}

static void
random_change(void)
{
	unsigned int i = (unsigned int)rnd(TIMERS);
	uint64_t due_ms = model.now_ms + random_span();

	model.expired[i] = false;
	if (rnd(4) == 0) {
		model.due_ms[i] = WHEEL_NEVER;
		wheel_cancel(wheel, &timers[i]);
	} else {
		if (rnd(8) == 0)
			due_ms = rnd(model.now_ms + 1);
		model.due_ms[i] = due_ms > model.now_ms ? due_ms : model.now_ms;
		wheel_set(wheel, &timers[i], due_ms, on_model_timer, &timers[i]);
	}
	ck_assert_uint_eq(wheel_next_due(wheel), model_earliest());
}

static void
random_run(void)
{
	unsigned int told_before = told_count;
	uint64_t next_ms = model_earliest();

	/* as often exactly at a due time as anywhere else */
	if (rnd(2) == 0 && next_ms != WHEEL_NEVER)
		model.now_ms = next_ms;
	else
		model.now_ms += random_span();
	for (unsigned int i = 0; i < TIMERS; i++)
		model.expired[i] = model.due_ms[i] <= model.now_ms;
	model.running = true;
	wheel_run(wheel, model.now_ms);
	model.running = false;
	for (unsigned int i = 0; i < TIMERS; i++)
		ck_assert(!model.expired[i]);
	ck_assert_uint_eq(told_count, told_before + 1);
}

START_TEST(wheel_agrees_with_the_model)
{
	unsigned int told_before;
	uint64_t earliest_ms;

	model.random = UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)_i;
	model.now_ms = 1000;
	for (unsigned int i = 0; i < TIMERS; i++)
		model.due_ms[i] = WHEEL_NEVER;
	for (int step = 0; step < 10000; step++) {
		earliest_ms = model_earliest();
		told_before = told_count;
		if (rnd(4) == 0) {
			random_run();
		} else {
			random_change();
			ck_assert_uint_eq(
			    told_count - told_before, model_earliest() != earliest_ms);
		}
		ck_assert_uint_eq(told_ms, model_earliest());
		for (unsigned int i = 0; i < TIMERS; i++)
			ck_assert(wheel_pending(&timers[i]) == (model.due_ms[i] != WHEEL_NEVER));
	}
	ck_assert_uint_gt(model.calls, 1000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wheel");
	TCase *tc = tcase_create("wheel");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60); /* on a machine that others use, too */
	tcase_add_test(tc, wheel_runs_due_timers_in_order);
	tcase_add_test(tc, wheel_calls_a_timer_at_its_time_and_not_before);
	tcase_add_test(tc, wheel_jumps_over_any_time);
	tcase_add_test(tc, wheel_takes_a_past_time_as_due_at_the_next_run);
	tcase_add_test(tc, wheel_survives_a_clock_that_stands_still_or_goes_back);
	tcase_add_test(tc, wheel_moves_a_pending_timer);
	tcase_add_test(tc, wheel_does_not_call_what_was_cancelled);
	tcase_add_test(tc, wheel_makes_timers_idle_when_freed);
	tcase_add_test(tc, wheel_works_without_rearm);
	tcase_add_test(tc, wheel_rearms_only_when_the_earliest_time_changes);
	tcase_add_test(tc, wheel_calls_a_timer_once_a_run_and_rearms_at_its_end);
	tcase_add_test(tc, wheel_lets_a_callback_cancel_what_is_due_in_the_same_run);
	tcase_add_test(tc, wheel_lets_a_callback_free_its_own_timer);
	tcase_add_loop_test(tc, wheel_agrees_with_the_model, 0, 4);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
