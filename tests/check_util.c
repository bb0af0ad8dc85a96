/*
 * Time, numbers, strings and small files.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "util.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char dir[32];
static char path[64];

static void
setup(void)
{
	strcpy(dir, "/tmp/check_util.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(dir);
}

static void
write_file(const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(now_is_the_time_since_boot_in_milliseconds)
{
	uint64_t before = util_now_ms();
	struct timespec ts;
	uint64_t now;

	ck_assert_int_eq(clock_gettime(CLOCK_BOOTTIME, &ts), 0);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	ck_assert_uint_le(before, now);
	ck_assert_uint_ge(util_now_ms(), now);
	/* far more than the two calls can take, far less than a wrong unit */
	ck_assert_uint_lt(now - before, 3000);
}
END_TEST

START_TEST(parse_uint_takes_numbers_within_bounds)
{
	uint64_t v;

	ck_assert_int_eq(util_parse_uint("0", 0, 10, &v), 0);
	ck_assert_uint_eq(v, 0);
	ck_assert_int_eq(util_parse_uint("10", 10, 10, &v), 0);
	ck_assert_uint_eq(v, 10);
	ck_assert_int_eq(util_parse_uint("007", 0, 10, &v), 0);
	ck_assert_uint_eq(v, 7);
	ck_assert_int_eq(util_parse_uint("18446744073709551615", 0, UINT64_MAX, &v), 0);
	ck_assert_uint_eq(v, UINT64_MAX);
}
END_TEST

static void
expect_no_number(const char *text, int error)
{
	uint64_t v = 77;

	errno = 0;
	ck_assert_msg(util_parse_uint(text, 5, 100, &v) == -1, "%s", text);
	ck_assert_msg(errno == error, "%s: %s", text, strerror(errno));
	ck_assert_uint_eq(v, 77);
}

START_TEST(parse_uint_refuses_what_is_no_number)
{
	expect_no_number("", EINVAL);
	expect_no_number(" 7", EINVAL);
	expect_no_number("7 ", EINVAL);
	expect_no_number("+7", EINVAL);
	expect_no_number("-7", EINVAL);
	expect_no_number("0x7", EINVAL);
	expect_no_number("7s", EINVAL);
	expect_no_number("99999999999999999999s", EINVAL);
}
END_TEST

START_TEST(parse_uint_refuses_what_is_out_of_bounds)
{
	expect_no_number("4", ERANGE);
	expect_no_number("101", ERANGE);
	/* 2^64 + 50, which would be within them if it wrapped */
	expect_no_number("18446744073709551666", ERANGE);
}
END_TEST

static void
expect_duration(uint64_t ms, const char *expected)
{
	char buf[48];

	ck_assert_str_eq(util_format_duration(ms, buf, sizeof(buf)), expected);
}

START_TEST(duration_shows_the_two_largest_units)
{
	expect_duration(0, "0.0 s");
	expect_duration(500, "0.5 s");
	expect_duration(9999, "9.9 s");
	expect_duration(10000, "10 s");
	expect_duration(59999, "59 s");
	expect_duration(60000, "1 min 0 s");
	expect_duration(725000, "12 min 5 s");
	expect_duration(3599999, "59 min 59 s");
	expect_duration(3600000, "1 h 0 min");
	expect_duration(86399999, "23 h 59 min");
	expect_duration(UINT64_C(76) * 3600000, "3 d 4 h");
	expect_duration(UINT64_MAX, "213503982334 d 14 h");
}
END_TEST

START_TEST(duration_stays_in_its_buffer)
{
	char buf[4] = {'x', 'x', 'x', 'x'};

	ck_assert_str_eq(util_format_duration(725000, buf, 3), "12");
	ck_assert_int_eq(buf[3], 'x');
}
END_TEST

static void
expect_content(const char *written, size_t len, const char *expected)
{
	char *text;

	write_file(written, len);
	text = util_read_file(path, 16);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, expected);
	util_free_secret(text);
}

START_TEST(read_file_takes_one_newline_off)
{
	expect_content("secret", 6, "secret");
	expect_content("secret\n", 7, "secret");
	expect_content("secret\r\n", 8, "secret");
	expect_content("secret\n\n", 8, "secret\n");
	expect_content("two\nlines\n", 10, "two\nlines");
	expect_content("\n", 1, "");
	expect_content("\r\n", 2, "");
	expect_content("", 0, "");
	expect_content("\r", 1, "\r");
	expect_content("sixteen bytes 16", 16, "sixteen bytes 16");
}
END_TEST

static void
expect_unreadable(const char *name, int error)
{
	errno = 0;
	ck_assert_msg(util_read_file(name, 16) == NULL, "%s", name);
	ck_assert_msg(errno == error, "%s: %s", name, strerror(errno));
}

START_TEST(read_file_refuses_what_is_no_small_text_file)
{
	write_file("seventeen bytes 7", 17);
	expect_unreadable(path, EFBIG);
	write_file("with\0nul", 8);
	expect_unreadable(path, EINVAL);
	expect_unreadable(dir, EINVAL);
	expect_unreadable("/dev/zero", EINVAL);
	unlink(path);
	expect_unreadable(path, ENOENT);
}
END_TEST

START_TEST(read_file_does_not_wait_for_ever_for_a_fifo)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_unreadable(path, ETIMEDOUT);
}
END_TEST

START_TEST(read_file_takes_what_a_pipe_delivers_in_parts)
{
	char name[32], *text;
	int fds[2], status;
	pid_t child;

	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		close(fds[0]);
		_exit(write(fds[1], "sec", 3) != 3 || write(fds[1], "ret\n", 4) != 4);
	}
	close(fds[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", fds[0]);
	text = util_read_file(name, 16);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, "secret");
	util_free_secret(text);
	close(fds[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(read_file_leaves_no_descriptor_open)
{
	int before = dup(0), after;

	close(before);
	expect_content("secret", 6, "secret");
	expect_unreadable(dir, EINVAL);
	write_file("seventeen bytes 7", 17);
	expect_unreadable(path, EFBIG);
	after = dup(0);
	close(after);
	ck_assert_int_eq(after, before);
}
END_TEST

START_TEST(secret_file_may_be_private_or_for_its_group_to_read)
{
	static const mode_t good[] = {0600, 0400, 0640, 0440, 0700};
	char *error = NULL;

	write_file("secret", 6);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		ck_assert_int_eq(chmod(path, good[i]), 0);
		ck_assert_msg(util_check_secret_file(path, &error) == 0, "%o", good[i]);
		ck_assert_ptr_null(error);
	}
}
END_TEST

START_TEST(secret_file_is_refused_if_others_have_access)
{
	static const struct {
		mode_t mode;
		const char *mend;
	} bad[] = {{0644, "chmod 0640 '"}, {0604, "chmod 0600 '"}, {0602, "chmod 0600 '"},
	    {0601, "chmod 0600 '"}, {0610, "chmod 0600 '"}, {0660, "chmod 0640 '"},
	    {0620, "chmod 0600 '"}, {0777, "chmod 0640 '"}};
	char *error = NULL;
	char mode[8];

	write_file("secret", 6);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_int_eq(chmod(path, bad[i].mode), 0);
		ck_assert_msg(util_check_secret_file(path, &error) == -1, "%o", bad[i].mode);
		snprintf(mode, sizeof(mode), "%04o", bad[i].mode);
		ck_assert_ptr_nonnull(strstr(error, mode));
		ck_assert_ptr_nonnull(strstr(error, path));
		ck_assert_ptr_nonnull(strstr(error, bad[i].mend));
		free(error);
	}
}
END_TEST

START_TEST(secret_file_must_exist_and_be_regular)
{
	char *error = NULL;

	ck_assert_int_eq(util_check_secret_file(path, &error), -1);
	ck_assert_ptr_nonnull(strstr(error, path));
	ck_assert_ptr_nonnull(strstr(error, strerror(ENOENT)));
	free(error);
	ck_assert_int_eq(util_check_secret_file(dir, &error), -1);
	ck_assert_ptr_nonnull(strstr(error, "not a regular file"));
	free(error);
}
END_TEST

static void
expect_no_secret(const char *name, const char *expected)
{
	char *error = NULL;

	ck_assert_ptr_null(util_read_secret(name, 16, &error));
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error, name) != NULL && strstr(error, expected) != NULL, "%s", error);
	free(error);
}

START_TEST(secret_is_read_from_the_file_that_was_checked)
{
	int before = dup(0), after;
	char *error = NULL, *text;

	close(before);
	expect_no_secret(path, strerror(ENOENT));
	expect_no_secret(dir, "not a regular file");
	write_file("secret\n", 7);
	ck_assert_int_eq(chmod(path, 0644), 0);
	expect_no_secret(path, "chmod 0640");
	ck_assert_int_eq(chmod(path, 0600), 0);
	text = util_read_secret(path, 16, &error);
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_null(error);
	ck_assert_str_eq(text, "secret");
	util_free_secret(text);
	write_file("seventeen bytes 7", 17);
	expect_no_secret(path, strerror(EFBIG));
	write_file("\0secret", 7);
	expect_no_secret(path, "NUL bytes");
	after = dup(0);
	close(after);
	ck_assert_int_eq(after, before);
}
END_TEST

START_TEST(format_gives_a_string_of_any_length)
{
	char *text = util_format("%s %0*d", "zeros", 5000, 1);

	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), 5006);
	free(text);
}
END_TEST

START_TEST(free_secret_accepts_null)
{
	util_free_secret(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("util");
	TCase *tc = tcase_create("util");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, now_is_the_time_since_boot_in_milliseconds);
	tcase_add_test(tc, parse_uint_takes_numbers_within_bounds);
	tcase_add_test(tc, parse_uint_refuses_what_is_no_number);
	tcase_add_test(tc, parse_uint_refuses_what_is_out_of_bounds);
	tcase_add_test(tc, duration_shows_the_two_largest_units);
	tcase_add_test(tc, duration_stays_in_its_buffer);
	tcase_add_test(tc, read_file_takes_one_newline_off);
	tcase_add_test(tc, read_file_refuses_what_is_no_small_text_file);
	tcase_add_test(tc, read_file_does_not_wait_for_ever_for_a_fifo);
	tcase_add_test(tc, read_file_takes_what_a_pipe_delivers_in_parts);
	tcase_add_test(tc, read_file_leaves_no_descriptor_open);
	tcase_add_test(tc, secret_file_may_be_private_or_for_its_group_to_read);
	tcase_add_test(tc, secret_file_is_refused_if_others_have_access);
	tcase_add_test(tc, secret_file_must_exist_and_be_regular);
	tcase_add_test(tc, secret_is_read_from_the_file_that_was_checked);
	tcase_add_test(tc, format_gives_a_string_of_any_length);
	tcase_add_test(tc, free_secret_accepts_null);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
