/*
 * Tests of child: real processes, waited for by the loop.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "ticker.h"
#include "util.h"

#define LONG_MS 20000

struct outcome {
	unsigned int calls;
	int status;
	size_t len;
	char output[CHILD_OUTPUT_MAX + 1];
};

static struct event_base *base;
static struct ticker *ticker;
static struct child_pool *pool;
static unsigned int awaited;

static void
setup(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ticker = ticker_new(base);
	ck_assert_ptr_nonnull(ticker);
	pool = child_pool_new(base, ticker_wheel(ticker));
	ck_assert_ptr_nonnull(pool);
	awaited = 1;
}

static void
teardown(void)
{
	child_pool_free(pool);
	ticker_free(ticker);
	event_base_free(base);
}

static void
on_done(void *arg, const struct child_result *result)
{
	struct outcome *o = arg;

	o->calls++;
	o->status = result->status;
	o->len = result->output_len;
	memcpy(o->output, result->output, result->output_len + 1);
	if (--awaited == 0)
		event_base_loopbreak(base);
}

static void
run(struct outcome *o, const char *command, char *const *env, uint32_t timeout_ms)
{
	memset(o, 0, sizeof(*o));
	ck_assert_ptr_nonnull(child_run(pool, command, env, timeout_ms, on_done, o));
	ck_assert_uint_eq(o->calls, 0);
	event_base_dispatch(base);
	ck_assert_uint_eq(o->calls, 1);
}

START_TEST(child_gives_output_and_status)
{
	struct outcome o;

	run(&o, "echo one; echo two; exit 3", NULL, LONG_MS);
	ck_assert_str_eq(o.output, "one\ntwo\n");
	ck_assert_uint_eq(o.len, 8);
	ck_assert(WIFEXITED(o.status));
	ck_assert_int_eq(WEXITSTATUS(o.status), 3);
}
END_TEST

START_TEST(child_tells_of_a_signal)
{
	struct outcome o;

	run(&o, "kill -TERM $$", NULL, LONG_MS);
	ck_assert(WIFSIGNALED(o.status));
	ck_assert_int_eq(WTERMSIG(o.status), SIGTERM);
}
END_TEST

START_TEST(child_adds_to_the_environment_and_replaces)
{
	char added[] = "CHILD_ADDED=new", replaced[] = "CHILD_SHARED=theirs";
	char *env[] = {added, replaced, NULL};
	struct outcome o;

	setenv("CHILD_SHARED", "ours", 1);
	setenv("CHILD_SHARED_TOO", "kept", 1);
	run(&o,
	    "echo $CHILD_ADDED $CHILD_SHARED $CHILD_SHARED_TOO; "
	    "tr '\\0' '\\n' </proc/$$/environ | grep -c '^CHILD_SHARED='",
	    env, LONG_MS);
	ck_assert_str_eq(o.output, "new theirs kept\n1\n");
	ck_assert_str_eq(getenv("CHILD_SHARED"), "ours");
}
END_TEST

START_TEST(child_reads_nothing)
{
	struct outcome o;

	run(&o, "cat; echo end", NULL, LONG_MS);
	ck_assert_str_eq(o.output, "end\n");
}
END_TEST

START_TEST(child_inherits_no_descriptors)
{
	int fd = dup(STDERR_FILENO);
	struct outcome o;

	ck_assert_int_ge(fd, 3);
	/* ls itself opens one, the directory. */
	run(&o, "ls /proc/self/fd", NULL, LONG_MS);
	ck_assert_str_eq(o.output, "0\n1\n2\n3\n");
	close(fd);
}
END_TEST

START_TEST(child_has_default_signals)
{
	/* The C library keeps two real-time signals, 32 and 33, which nobody can set. */
	const unsigned long long kept = 3ULL << 31;
	unsigned long long blocked = 1, ignored = 1;
	struct outcome o;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	run(&o, "grep -E '^Sig(Blk|Ign)' /proc/self/status", NULL, LONG_MS);
	ck_assert_int_eq(sscanf(o.output, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	ck_assert_uint_eq(blocked & ~kept, 0);
	ck_assert_uint_eq(ignored & ~kept, 0);
}
END_TEST

START_TEST(child_gets_the_memory_limit_back)
{
	struct rlimit limit;
	struct outcome o;

	ck_assert_int_eq(getrlimit(RLIMIT_DATA, &limit), 0);
	limit.rlim_cur = limit.rlim_max / 2;
	ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
	run(&o, "test \"$(ulimit -S -d)\" = \"$(ulimit -H -d)\"", NULL, LONG_MS);
	ck_assert_int_eq(o.status, 0);
}
END_TEST

START_TEST(child_output_is_cut_but_never_blocks)
{
	struct outcome o;

	run(&o, "head -c 1000000 /dev/zero | tr '\\0' x && exit 5", NULL, LONG_MS);
	ck_assert_uint_eq(o.len, CHILD_OUTPUT_MAX);
	ck_assert_int_eq(WEXITSTATUS(o.status), 5);
}
END_TEST

START_TEST(child_is_killed_when_its_time_is_over)
{
	struct outcome o;
	uint64_t begin_ms = util_now_ms();

	run(&o, "echo begun; sleep 30; echo done", NULL, 100);
	ck_assert_int_eq(o.status, -1);
	ck_assert_str_eq(o.output, "begun\n");
	ck_assert_uint_ge(util_now_ms() - begin_ms, 100);
	ck_assert_uint_lt(util_now_ms() - begin_ms, 15000);
}
END_TEST

START_TEST(child_takes_its_whole_group_along)
{
	struct outcome o;
	int fds[2];
	char command[64], byte;
	uint64_t begin_ms = util_now_ms();

	/* The sleep in the background holds this pipe until it dies. */
	ck_assert_int_eq(pipe(fds), 0);
	snprintf(command, sizeof(command), "exec 5>/proc/%d/fd/%d; sleep 30 & wait", (int)getpid(),
	    fds[1]);
	run(&o, command, NULL, 200);
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 0);
	ck_assert_uint_lt(util_now_ms() - begin_ms, 15000);
	close(fds[0]);
}
END_TEST

static int
leave_group(void *arg, int fd)
{
	for (;;) {
		setpgid(0, getpgid(getppid())); /* again, as the parent may move it back */
		usleep(1000);
	}
	return 0;
}

START_TEST(child_that_left_its_group_is_killed_too)
{
	struct outcome o = {0};

	ck_assert_ptr_nonnull(child_call(pool, leave_group, NULL, 100, on_done, &o));
	event_base_dispatch(base);
	ck_assert_int_eq(o.status, -1);
}
END_TEST

START_TEST(child_is_not_held_by_what_it_left_behind)
{
	struct outcome o;
	uint64_t begin_ms = util_now_ms();

	run(&o, "sleep 5 & echo $!", NULL, LONG_MS);
	ck_assert_uint_lt(util_now_ms() - begin_ms, 4000);
	ck_assert_int_eq(o.status, 0);
	ck_assert_int_eq(kill((pid_t)atoi(o.output), SIGKILL), 0);
}
END_TEST

static int
answer(void *arg, int fd)
{
	const char *text = arg;

	return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 7 : 1;
}

START_TEST(child_calls_a_function)
{
	struct outcome o = {0};
	char text[] = "from a function";

	ck_assert_ptr_nonnull(child_call(pool, answer, text, LONG_MS, on_done, &o));
	event_base_dispatch(base);
	ck_assert_str_eq(o.output, text);
	ck_assert_int_eq(WEXITSTATUS(o.status), 7);
}
END_TEST

START_TEST(child_may_have_many_siblings)
{
	struct outcome o[20] = {0};

	awaited = 20;
	for (int i = 0; i < 20; i++) {
		ck_assert_ptr_nonnull(
		    child_run(pool, "echo x; exit 1", NULL, LONG_MS, on_done, &o[i]));
	}
	event_base_dispatch(base);
	for (int i = 0; i < 20; i++) {
		ck_assert_uint_eq(o[i].calls, 1);
		ck_assert_str_eq(o[i].output, "x\n");
	}
}
END_TEST

START_TEST(child_that_is_cancelled_stays_silent)
{
	struct outcome cancelled = {0}, other;
	struct child *c = child_run(pool, "sleep 30", NULL, LONG_MS, on_done, &cancelled);

	ck_assert_ptr_nonnull(c);
	child_cancel(c);
	run(&other, "sleep 0.1", NULL, LONG_MS);
	ck_assert_uint_eq(cancelled.calls, 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(child_pool_leaves_nobody_behind)
{
	struct outcome o = {0};

	ck_assert_ptr_nonnull(child_run(pool, "sleep 30", NULL, LONG_MS, on_done, &o));
	ck_assert_ptr_nonnull(
	    child_run(pool, "trap '' TERM; sleep 30", NULL, LONG_MS, on_done, &o));
	child_pool_free(pool);
	pool = NULL;
	ck_assert_uint_eq(o.calls, 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(child_leaves_the_children_of_others_alone)
{
	struct outcome o;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(9);
	run(&o, "exit 0", NULL, LONG_MS);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), 9);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("child");
	TCase *tc = tcase_create("child");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, child_gives_output_and_status);
	tcase_add_test(tc, child_tells_of_a_signal);
	tcase_add_test(tc, child_adds_to_the_environment_and_replaces);
	tcase_add_test(tc, child_reads_nothing);
	tcase_add_test(tc, child_inherits_no_descriptors);
	tcase_add_test(tc, child_has_default_signals);
	tcase_add_test(tc, child_gets_the_memory_limit_back);
	tcase_add_test(tc, child_output_is_cut_but_never_blocks);
	tcase_add_test(tc, child_is_killed_when_its_time_is_over);
	tcase_add_test(tc, child_takes_its_whole_group_along);
	tcase_add_test(tc, child_that_left_its_group_is_killed_too);
	tcase_add_test(tc, child_is_not_held_by_what_it_left_behind);
	tcase_add_test(tc, child_calls_a_function);
	tcase_add_test(tc, child_may_have_many_siblings);
	tcase_add_test(tc, child_that_is_cancelled_stays_silent);
	tcase_add_test(tc, child_pool_leaves_nobody_behind);
	tcase_add_test(tc, child_leaves_the_children_of_others_alone);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
