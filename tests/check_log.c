/*
 * Messages to people.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "log.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Stands in for stderr. A datagram socket keeps each write apart. */
static int reader = -1;
static int real_stderr = -1;

static void
setup(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	real_stderr = dup(STDERR_FILENO);
	ck_assert_int_ne(dup2(fds[1], STDERR_FILENO), -1);
	close(fds[1]);
	reader = fds[0];
	log_open("check", LOG_TO_STDERR);
}

static void
teardown(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(reader);
	log_open("check", LOG_TO_STDERR);
	log_set_level(LOG_LEVEL_INFO);
}

/* The next write to stderr, or "" if there is none. */
static const char *
next_write(void)
{
	static char buf[8192];
	ssize_t n = recv(reader, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	buf[n == -1 ? 0 : n] = '\0';
	return buf;
}

START_TEST(message_is_one_write_with_ident_and_level)
{
	log_error("%s is %d", "answer", 42);
	log_warning("two");
	log_notice("three");
	log_info("four");
	ck_assert_str_eq(next_write(), "check: error: answer is 42\n");
	ck_assert_str_eq(next_write(), "check: warning: two\n");
	ck_assert_str_eq(next_write(), "check: notice: three\n");
	ck_assert_str_eq(next_write(), "check: info: four\n");
	ck_assert_str_eq(next_write(), "");
}
END_TEST

START_TEST(message_above_the_level_is_silent)
{
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_INFO);
	log_debug("one");
	ck_assert_str_eq(next_write(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_DEBUG);
	log_debug("two");
	ck_assert_str_eq(next_write(), "check: debug: two\n");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("three");
	ck_assert_str_eq(next_write(), "");
	log_error("four");
	ck_assert_str_eq(next_write(), "check: error: four\n");
}
END_TEST

START_TEST(message_for_the_journal_carries_its_priority)
{
	log_open("check", LOG_TO_JOURNAL);
	log_error("one");
	log_info("two");
	ck_assert_str_eq(next_write(), "<3>one\n");
	ck_assert_str_eq(next_write(), "<6>two\n");
}
END_TEST

START_TEST(message_for_syslog_is_not_on_stderr)
{
	log_open("check_log", LOG_TO_SYSLOG);
	log_info("a test of the target syslog");
	ck_assert_str_eq(next_write(), "");
	log_open("check", LOG_TO_STDERR);
	log_info("back");
	ck_assert_str_eq(next_write(), "check: info: back\n");
}
END_TEST

START_TEST(message_cannot_forge_a_line_or_command_a_terminal)
{
	log_info("%s", "a\nb\r\tc\033[2Jd\177e\302\233f");
	ck_assert_str_eq(next_write(), "check: info: a?b??c?[2Jd?e??f\n");
	ck_assert_str_eq(next_write(), "");
}
END_TEST

START_TEST(message_keeps_letters_of_every_language)
{
	/* "Grüße", "мир", "5 °C", "1 €" in UTF-8 */
	log_info("Gr\303\274\303\237e \320\274\320\270\321\200 5 \302\260C 1 \342\202\254");
	ck_assert_str_eq(next_write() + strlen("check: info: "),
	    "Gr\303\274\303\237e \320\274\320\270\321\200 5 \302\260C 1 \342\202\254\n");
}
END_TEST

START_TEST(message_that_is_too_long_is_cut_and_says_so)
{
	char text[5000];
	const char *line;
	size_t len;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	line = next_write();
	len = strlen(line);
	ck_assert_uint_ge(len, 1000);
	ck_assert_uint_le(len, 1024);
	ck_assert_str_eq(line + len - 5, "x...\n");
	ck_assert_str_eq(next_write(), "");
}
END_TEST

START_TEST(message_of_every_length_ends_with_a_newline)
{
	const char *line;

	for (int len = 900; len < 1100; len++) {
		log_info("%0*d", len, 1);
		line = next_write();
		ck_assert_int_eq(line[strlen(line) - 1], '\n');
		ck_assert_uint_le(strlen(line), 1024);
	}
}
END_TEST

START_TEST(message_keeps_errno_and_can_print_it)
{
	char expected[128];

	snprintf(expected, sizeof(expected), "check: error: open: %s\n", strerror(ENOENT));
	errno = ENOENT;
	log_error("open: %m");
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(next_write(), expected);
	/* nobody listens: the write fails */
	close(STDERR_FILENO);
	errno = ENOENT;
	log_error("open");
	ck_assert_int_eq(errno, ENOENT);
	log_debug("open");
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(foreground_target_is_the_journal_only_on_its_own_stream)
{
	char stream[64];
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	unsetenv("JOURNAL_STREAM");
	ck_assert_int_eq(log_foreground_target(), LOG_TO_STDERR);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	ck_assert_int_eq(log_foreground_target(), LOG_TO_JOURNAL);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	ck_assert_int_eq(log_foreground_target(), LOG_TO_STDERR);
	setenv("JOURNAL_STREAM", "rubbish", 1);
	ck_assert_int_eq(log_foreground_target(), LOG_TO_STDERR);
	close(STDERR_FILENO);
	ck_assert_int_eq(log_foreground_target(), LOG_TO_STDERR);
}
END_TEST

START_TEST(level_is_read_as_it_is_named)
{
	enum log_level level;

	for (unsigned int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		level = (enum log_level)0;
		ck_assert_int_eq(log_level_parse(log_level_name((enum log_level)i), &level), 0);
		ck_assert_uint_eq(level, i);
	}
	ck_assert_str_eq(log_level_name(LOG_LEVEL_WARNING), "warning");
	ck_assert_int_eq(log_level_parse("Warning", &level), -1);
	ck_assert_int_eq(log_level_parse("warn", &level), -1);
	ck_assert_int_eq(log_level_parse("", &level), -1);
	ck_assert_int_eq(log_level_parse("7", &level), -1);
}
END_TEST

START_TEST(limit_allows_five_messages_in_ten_seconds)
{
	struct log_limit limit = {0};

	for (int i = 0; i < 5; i++)
		ck_assert(log_allow(&limit, 1000));
	ck_assert(!log_allow(&limit, 1000));
	ck_assert(!log_allow(&limit, 10999));
	ck_assert_str_eq(next_write(), "");
	for (int i = 0; i < 5; i++)
		ck_assert(log_allow(&limit, 11000));
	ck_assert(!log_allow(&limit, 11000));
}
END_TEST

START_TEST(limit_tells_once_how_many_were_withheld)
{
	struct log_limit limit = {0};

	for (int i = 0; i < 12; i++)
		log_allow(&limit, 0);
	ck_assert_str_eq(next_write(), "");
	ck_assert(log_allow(&limit, 50000));
	ck_assert_ptr_nonnull(strstr(next_write(), ": 7 messages"));
	ck_assert(log_allow(&limit, 50000));
	ck_assert(log_allow(&limit, 100000));
	ck_assert_str_eq(next_write(), "");
}
END_TEST

START_TEST(limit_of_one_place_does_not_touch_another)
{
	struct log_limit one = {0}, other = {0};

	for (int i = 0; i < 6; i++)
		log_allow(&one, 0);
	ck_assert(!log_allow(&one, 0));
	ck_assert(log_allow(&other, 0));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, message_is_one_write_with_ident_and_level);
	tcase_add_test(tc, message_above_the_level_is_silent);
	tcase_add_test(tc, message_for_the_journal_carries_its_priority);
	tcase_add_test(tc, message_for_syslog_is_not_on_stderr);
	tcase_add_test(tc, message_cannot_forge_a_line_or_command_a_terminal);
	tcase_add_test(tc, message_keeps_letters_of_every_language);
	tcase_add_test(tc, message_that_is_too_long_is_cut_and_says_so);
	tcase_add_test(tc, message_of_every_length_ends_with_a_newline);
	tcase_add_test(tc, message_keeps_errno_and_can_print_it);
	tcase_add_test(tc, foreground_target_is_the_journal_only_on_its_own_stream);
	tcase_add_test(tc, level_is_read_as_it_is_named);
	tcase_add_test(tc, limit_allows_five_messages_in_ten_seconds);
	tcase_add_test(tc, limit_tells_once_how_many_were_withheld);
	tcase_add_test(tc, limit_of_one_place_does_not_touch_another);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
