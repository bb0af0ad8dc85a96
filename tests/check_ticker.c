/*
 * Tests of ticker: the wheel under a real clock. Each waits for the timer itself.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <event2/event.h>
#include <sys/time.h>

#include "ticker.h"
#include "util.h"
#include "wheel.h"

static struct event_base *base;
static struct ticker *ticker;
static unsigned int calls;
static uint64_t called_ms;

static void
setup(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ticker = ticker_new(base);
	ck_assert_ptr_nonnull(ticker);
}

static void
teardown(void)
{
	ticker_free(ticker);
	event_base_free(base);
}

static void
on_timer(void *arg, uint64_t now_ms)
{
	const unsigned int *last = arg;

	called_ms = now_ms;
	if (++calls == *last)
		event_base_loopbreak(base);
}

static void
run_for_ms(int ms)
{
	struct timeval limit = {.tv_usec = (suseconds_t)ms * 1000};

	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
}

START_TEST(ticker_runs_a_timer_when_it_is_due)
{
	struct wheel_timer t = {0};
	unsigned int last = 1;
	uint64_t due_ms = util_now_ms() + 20;

	wheel_set(ticker_wheel(ticker), &t, due_ms, on_timer, &last);
	event_base_dispatch(base);
	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_ge(called_ms, due_ms);
	ck_assert_uint_ge(util_now_ms(), due_ms);
}
END_TEST

START_TEST(ticker_runs_what_was_due_at_the_beginning_of_time)
{
	struct wheel_timer t = {0};
	unsigned int last = 1;

	wheel_set(ticker_wheel(ticker), &t, 0, on_timer, &last);
	event_base_dispatch(base);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

START_TEST(ticker_wakes_once_for_timers_due_together)
{
	struct wheel_timer t[10] = {0};
	unsigned int last = 10;
	uint64_t due_ms = util_now_ms() + 20;

	for (int i = 0; i < 10; i++)
		wheel_set(ticker_wheel(ticker), &t[i], due_ms, on_timer, &last);
	event_base_dispatch(base);
	ck_assert_uint_eq(calls, 10);
	ck_assert_uint_eq(ticker_wakeups(ticker), 1);
}
END_TEST

START_TEST(ticker_follows_a_timer_that_is_moved_ahead)
{
	struct wheel_timer t = {0};
	unsigned int last = 1;

	wheel_set(ticker_wheel(ticker), &t, util_now_ms() + 3600 * 1000, on_timer, &last);
	wheel_set(ticker_wheel(ticker), &t, util_now_ms() + 10, on_timer, &last);
	event_base_dispatch(base);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

START_TEST(ticker_does_not_wake_without_a_due_timer)
{
	static struct wheel_timer far, cancelled; /* far is still pending at teardown */
	unsigned int last = 1;

	wheel_set(ticker_wheel(ticker), &far, util_now_ms() + 3600 * 1000, on_timer, &last);
	wheel_set(ticker_wheel(ticker), &cancelled, util_now_ms() + 10, on_timer, &last);
	wheel_cancel(ticker_wheel(ticker), &cancelled);
	run_for_ms(60);
	ck_assert_uint_eq(calls, 0);
	ck_assert_uint_eq(ticker_wakeups(ticker), 0);
}
END_TEST

START_TEST(ticker_sleeps_again_after_the_last_timer)
{
	struct wheel_timer t = {0};
	unsigned int last = 0; /* never: the loop ends by its time */

	wheel_set(ticker_wheel(ticker), &t, util_now_ms() + 5, on_timer, &last);
	run_for_ms(60);
	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(ticker_wakeups(ticker), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ticker");
	TCase *tc = tcase_create("ticker");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ticker_runs_a_timer_when_it_is_due);
	tcase_add_test(tc, ticker_runs_what_was_due_at_the_beginning_of_time);
	tcase_add_test(tc, ticker_wakes_once_for_timers_due_together);
	tcase_add_test(tc, ticker_follows_a_timer_that_is_moved_ahead);
	tcase_add_test(tc, ticker_does_not_wake_without_a_due_timer);
	tcase_add_test(tc, ticker_sleeps_again_after_the_last_timer);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
