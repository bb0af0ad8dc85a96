/*
 * Tests of service: background, readiness, pid file.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service.h"

static char directory[] = "/tmp/check_service.XXXXXX";
static char path[64];
static int report[2]; /* from the daemon to the test */

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/it", directory);
	ck_assert_int_eq(pipe(report), 0);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(directory);
}

/* Runs daemon as one that goes to the background; returns the exit status of its parent. */
static int
status_of(void (*daemon_main)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		close(report[0]);
		if (service_background() == 0)
			daemon_main();
		_exit(99);
	}
	close(report[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
fail_to_start(void)
{
	_exit(3);
}

static void
die_at_start(void)
{
	kill(getpid(), SIGKILL);
}

static void
start_well(void)
{
	char before[64] = "", after[64] = "";

	if (readlink("/proc/self/fd/2", before, sizeof(before) - 1) == -1)
		_exit(4);
	service_ready();
	/* The parent ends now; this goes on. */
	if (readlink("/proc/self/fd/2", after, sizeof(after) - 1) == -1)
		_exit(4);
	dprintf(report[1], "%d %d %d", getsid(0) == getpid(), strcmp(before, "/dev/null") != 0,
	    strcmp(after, "/dev/null") == 0);
	_exit(5);
}

START_TEST(service_passes_on_that_the_start_failed)
{
	ck_assert_int_eq(status_of(fail_to_start), 3);
}
END_TEST

START_TEST(service_that_dies_at_the_start_has_failed)
{
	ck_assert_int_eq(status_of(die_at_start), 1);
}
END_TEST

START_TEST(service_runs_on_when_its_parent_has_gone)
{
	char text[32] = "";

	ck_assert_int_eq(status_of(start_well), 0);
	ck_assert_int_gt(read(report[0], text, sizeof(text) - 1), 0);
	ck_assert_str_eq(text, "1 1 1");
}
END_TEST

static int
notify_socket(const char *name, size_t name_len)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(s, -1);
	memcpy(sun.sun_path, name, name_len);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&sun,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len)),
	    0);
	return s;
}

static void
expect_message(int s, const char *expected)
{
	char text[64] = "";

	ck_assert_int_eq(recv(s, text, sizeof(text) - 1, 0), (ssize_t)strlen(expected));
	ck_assert_str_eq(text, expected);
}

START_TEST(service_notifies_a_socket_in_the_file_system)
{
	int s = notify_socket(path, strlen(path));

	setenv("NOTIFY_SOCKET", path, 1);
	service_notify("STATUS=well");
	expect_message(s, "STATUS=well");
	service_ready();
	expect_message(s, "READY=1");
	close(s);
}
END_TEST

START_TEST(service_notifies_an_abstract_socket)
{
	char name[64];
	int s, len = snprintf(name, sizeof(name), "@check_service.%d", (int)getpid());

	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	s = notify_socket(name, (size_t)len);
	service_notify("STOPPING=1");
	expect_message(s, "STOPPING=1");
	close(s);
}
END_TEST

START_TEST(service_notifies_nobody_without_a_proper_socket)
{
	char name[200];

	unsetenv("NOTIFY_SOCKET");
	service_notify("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	service_notify("READY=1");
	setenv("NOTIFY_SOCKET", path, 1); /* nobody listens */
	service_notify("READY=1");
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	service_notify("READY=1");
}
END_TEST

START_TEST(service_feeds_the_watchdog_at_half_its_period)
{
	char pid[16];

	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	ck_assert_uint_eq(service_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	ck_assert_uint_eq(service_watchdog_ms(), 15000);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	ck_assert_uint_eq(service_watchdog_ms(), 15000);
	setenv("WATCHDOG_PID", "1", 1);
	ck_assert_uint_eq(service_watchdog_ms(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "soon", 1);
	ck_assert_uint_eq(service_watchdog_ms(), 0);
}
END_TEST

static long
pid_in_file(void)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	return strtol(text, NULL, 10);
}

static void
expect_pid_error(const char *at, const char *expected)
{
	char *error = NULL;

	ck_assert_int_eq(service_pid_open(at, (uid_t)-1, &error), -1);
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error, expected) != NULL, "%s", error);
	free(error);
}

START_TEST(service_pid_file_holds_the_pid_and_goes)
{
	char *error = NULL;

	ck_assert_msg(service_pid_open(path, (uid_t)-1, &error) == 0, "%s", error);
	ck_assert_int_eq(pid_in_file(), getpid());
	service_pid_remove();
	ck_assert_int_eq(access(path, F_OK), -1);
	service_pid_remove();
}
END_TEST

START_TEST(service_pid_file_of_a_dead_daemon_is_taken_over)
{
	FILE *file = fopen(path, "w");
	char *error = NULL;

	ck_assert_ptr_nonnull(file);
	fputs("4194304000\nleft over\n", file);
	fclose(file);
	ck_assert_msg(service_pid_open(path, (uid_t)-1, &error) == 0, "%s", error);
	ck_assert_int_eq(pid_in_file(), getpid());
	service_pid_remove();
}
END_TEST

START_TEST(service_pid_file_of_a_live_daemon_is_respected)
{
	char expected[64], byte;
	char *error = NULL;
	pid_t pid;
	int held[2];

	ck_assert_int_eq(pipe(held), 0);
	pid = fork();
	if (pid == 0) {
		if (service_pid_open(path, (uid_t)-1, &error) == -1)
			_exit(1);
		if (write(report[1], "x", 1) != 1)
			_exit(2);
		close(held[1]);
		_exit(read(held[0], &byte, 1) == 0 ? 0 : 3);
	}
	ck_assert_int_eq(read(report[0], &byte, 1), 1);
	snprintf(expected, sizeof(expected), "another daemon holds it, with pid %d", (int)pid);
	expect_pid_error(path, expected);
	ck_assert_int_eq(pid_in_file(), pid);
	close(held[1]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_msg(service_pid_open(path, (uid_t)-1, &error) == 0, "%s", error);
	service_pid_remove();
}
END_TEST

START_TEST(service_pid_file_must_be_a_file)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_pid_error(path, "not a regular file");
	expect_pid_error("/nonexistent/it.pid", "No such file or directory");
	ck_assert_int_eq(access(path, F_OK), 0);
	unlink(path);
	ck_assert_int_eq(symlink("elsewhere", path), 0);
	expect_pid_error(path, "cannot create the pid file");
}
END_TEST

START_TEST(service_pid_file_is_no_link_to_another)
{
	FILE *file = fopen(path, "w");
	char other[72];
	struct stat st;

	ck_assert_ptr_nonnull(file);
	fputs("4711\n", file);
	fclose(file);
	snprintf(other, sizeof(other), "%s.other", path);
	ck_assert_int_eq(link(path, other), 0);
	expect_pid_error(path, "it has another name");
	ck_assert_int_eq(stat(other, &st), 0);
	ck_assert_int_eq(st.st_size, 5);
	unlink(other);
}
END_TEST

START_TEST(service_pid_file_with_other_content_is_left_alone)
{
	static const char *const contents[] = {"wire = mqtt_vpn\n", "\nwire\n", "12 wires\n"};
	const char *content = contents[_i];
	FILE *file = fopen(path, "w");
	char text[32] = "";

	ck_assert_ptr_nonnull(file);
	fputs(content, file);
	fclose(file);
	expect_pid_error(path, "holds something else");
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fread(text, 1, sizeof(text) - 1, file), strlen(content));
	fclose(file);
	ck_assert_str_eq(text, content);
}
END_TEST

START_TEST(service_pid_file_that_cannot_be_written_is_not_left_empty)
{
	struct rlimit none;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &none), 0);
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	expect_pid_error(path, "cannot write the pid file");
	ck_assert_int_eq(access(path, F_OK), -1);
	none.rlim_cur = none.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("service");
	TCase *tc = tcase_create("service");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, service_passes_on_that_the_start_failed);
	tcase_add_test(tc, service_that_dies_at_the_start_has_failed);
	tcase_add_test(tc, service_runs_on_when_its_parent_has_gone);
	tcase_add_test(tc, service_notifies_a_socket_in_the_file_system);
	tcase_add_test(tc, service_notifies_an_abstract_socket);
	tcase_add_test(tc, service_notifies_nobody_without_a_proper_socket);
	tcase_add_test(tc, service_feeds_the_watchdog_at_half_its_period);
	tcase_add_test(tc, service_pid_file_holds_the_pid_and_goes);
	tcase_add_test(tc, service_pid_file_of_a_dead_daemon_is_taken_over);
	tcase_add_test(tc, service_pid_file_of_a_live_daemon_is_respected);
	tcase_add_test(tc, service_pid_file_must_be_a_file);
	tcase_add_test(tc, service_pid_file_is_no_link_to_another);
	tcase_add_loop_test(tc, service_pid_file_with_other_content_is_left_alone, 0, 3);
	tcase_add_test(tc, service_pid_file_that_cannot_be_written_is_not_left_empty);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
