/*
 * The control protocol's lines.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "ctlmsg.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static int
request(const char *text, struct ctlmsg_request *r)
{
	return ctlmsg_parse_request(text, strlen(text), r);
}

static int
header(const char *text, struct ctlmsg_header *h)
{
	return ctlmsg_parse_header(text, strlen(text), h);
}

START_TEST(request_without_argument)
{
	struct ctlmsg_request r;

	ck_assert_int_eq(request("status\n", &r), 7);
	ck_assert_str_eq(r.command, "status");
	ck_assert_str_eq(r.argument, "");
}
END_TEST

START_TEST(request_with_argument_of_several_words)
{
	struct ctlmsg_request r;

	ck_assert_int_eq(request("log debug  now\n", &r), 15);
	ck_assert_str_eq(r.command, "log");
	ck_assert_str_eq(r.argument, "debug  now");
}
END_TEST

START_TEST(request_leaves_what_follows_its_line)
{
	struct ctlmsg_request r;

	ck_assert_int_eq(request("peers\nstats\n", &r), 6);
	ck_assert_str_eq(r.command, "peers");
}
END_TEST

START_TEST(request_is_incomplete_at_every_byte_before_its_newline)
{
	const char text[] = "log debug\n";
	struct ctlmsg_request r;

	for (size_t len = 0; len < strlen(text); len++)
		ck_assert_int_eq(ctlmsg_parse_request(text, len, &r), CTLMSG_INCOMPLETE);
}
END_TEST

START_TEST(request_refuses_what_is_not_printable_before_the_line_ends)
{
	struct ctlmsg_request r;

	ck_assert_int_eq(request("sta\ttus", &r), CTLMSG_MALFORMED);
	ck_assert_int_eq(request("status\r\n", &r), CTLMSG_MALFORMED);
	ck_assert_int_eq(request("log \xc3\xa4\n", &r), CTLMSG_MALFORMED);
	ck_assert_int_eq(request("\x7f", &r), CTLMSG_MALFORMED);
	ck_assert_int_eq(ctlmsg_parse_request("a\0b\n", 4, &r), CTLMSG_MALFORMED);
}
END_TEST

START_TEST(request_refuses_empty_parts)
{
	struct ctlmsg_request r;

	ck_assert_int_eq(request("\n", &r), CTLMSG_MALFORMED);
	ck_assert_int_eq(request(" status\n", &r), CTLMSG_MALFORMED);
	ck_assert_int_eq(request("status \n", &r), CTLMSG_MALFORMED);
}
END_TEST

START_TEST(request_fills_its_limits_and_not_more)
{
	char text[CTLMSG_REQUEST_MAX + 1];
	struct ctlmsg_request r;

	memset(text, 'a', sizeof(text));
	text[31] = '\n';
	ck_assert_int_eq(ctlmsg_parse_request(text, sizeof(text), &r), 32);
	ck_assert_uint_eq(strlen(r.command), 31);
	text[31] = 'a';
	text[32] = '\n';
	ck_assert_int_eq(ctlmsg_parse_request(text, sizeof(text), &r), CTLMSG_TOO_LONG);

	text[32] = 'a';
	text[1] = ' ';
	text[CTLMSG_REQUEST_MAX - 1] = '\n';
	ck_assert_int_eq(ctlmsg_parse_request(text, sizeof(text), &r), CTLMSG_REQUEST_MAX);
	ck_assert_uint_eq(strlen(r.argument), CTLMSG_REQUEST_MAX - 3);
	text[CTLMSG_REQUEST_MAX - 1] = 'a';
	text[CTLMSG_REQUEST_MAX] = '\n';
	ck_assert_int_eq(ctlmsg_parse_request(text, sizeof(text), &r), CTLMSG_TOO_LONG);
	ck_assert_int_eq(ctlmsg_parse_request(text, CTLMSG_REQUEST_MAX - 1, &r), CTLMSG_INCOMPLETE);
}
END_TEST

START_TEST(request_is_written_as_it_is_read)
{
	char buf[CTLMSG_REQUEST_MAX];

	ck_assert_int_eq(ctlmsg_write_request(buf, sizeof(buf), "log", "debug"), 10);
	ck_assert_mem_eq(buf, "log debug\n", 10);
	ck_assert_int_eq(ctlmsg_write_request(buf, sizeof(buf), "status", NULL), 7);
	ck_assert_mem_eq(buf, "status\n", 7);
	ck_assert_int_eq(ctlmsg_write_request(buf, sizeof(buf), "status", ""), 7);
	ck_assert_int_eq(ctlmsg_write_request(buf, 7, "status", NULL), 7);
}
END_TEST

START_TEST(request_is_not_written_if_it_would_be_read_as_another)
{
	char buf[CTLMSG_REQUEST_MAX], longest[CTLMSG_REQUEST_MAX + 8];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(ctlmsg_write_request(buf, 6, "status", NULL), CTLMSG_TOO_LONG);
	ck_assert_int_eq(ctlmsg_write_request(buf, sizeof(buf), "log", longest), CTLMSG_TOO_LONG);
	ck_assert_int_eq(ctlmsg_write_request(buf, sizeof(buf), "", NULL), CTLMSG_MALFORMED);
	ck_assert_int_eq(
	    ctlmsg_write_request(buf, sizeof(buf), "log debug", NULL), CTLMSG_MALFORMED);
	ck_assert_int_eq(
	    ctlmsg_write_request(buf, sizeof(buf), "log\nreload", NULL), CTLMSG_MALFORMED);
	ck_assert_int_eq(
	    ctlmsg_write_request(buf, sizeof(buf), "log", "a\nreload"), CTLMSG_MALFORMED);
	ck_assert_int_eq(ctlmsg_write_request(buf, sizeof(buf), "log", "a\n"), CTLMSG_MALFORMED);
}
END_TEST

START_TEST(header_gives_kind_and_length)
{
	struct ctlmsg_header h;

	ck_assert_int_eq(header("ok 17\n{", &h), 6);
	ck_assert(h.ok);
	ck_assert_uint_eq(h.body_len, 17);
	ck_assert_int_eq(header("error 0\n", &h), 8);
	ck_assert(!h.ok);
	ck_assert_uint_eq(h.body_len, 0);
	ck_assert_int_eq(header("ok 16777216\n", &h), 12);
	ck_assert_uint_eq(h.body_len, CTLMSG_BODY_MAX);
}
END_TEST

START_TEST(header_refuses_what_is_none)
{
	static const char *const bad[] = {"\n", "ok\n", "ok \n", "ok -1\n", "ok +1\n", "ok 1 \n",
	    "ok  1\n", "ok 01\n", "OK 1\n", "okay 1\n", "error: 1\n", "ok 0x1\n", "ok 1\r\n"};
	struct ctlmsg_header h;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(header(bad[i], &h) == CTLMSG_MALFORMED, "%s", bad[i]);
}
END_TEST

START_TEST(header_refuses_a_length_that_nobody_should_allocate)
{
	struct ctlmsg_header h;

	ck_assert_int_eq(header("ok 16777217\n", &h), CTLMSG_TOO_LONG);
	ck_assert_int_eq(header("ok 18446744073709551616\n", &h), CTLMSG_TOO_LONG);
	ck_assert_int_eq(header("ok 99999999999999999999999999999\n", &h), CTLMSG_TOO_LONG);
}
END_TEST

START_TEST(header_is_incomplete_at_every_byte_before_its_newline)
{
	const char text[] = "error 123\n";
	struct ctlmsg_header h;

	for (size_t len = 0; len < strlen(text); len++)
		ck_assert_int_eq(ctlmsg_parse_header(text, len, &h), CTLMSG_INCOMPLETE);
}
END_TEST

START_TEST(header_is_written_as_it_is_read)
{
	char buf[CTLMSG_HEADER_MAX];
	struct ctlmsg_header h;
	int len = ctlmsg_write_header(buf, false, CTLMSG_BODY_MAX);

	ck_assert_int_eq(ctlmsg_parse_header(buf, (size_t)len, &h), len);
	ck_assert(!h.ok);
	ck_assert_uint_eq(h.body_len, CTLMSG_BODY_MAX);
	ck_assert_int_lt(ctlmsg_write_header(buf, false, SIZE_MAX), CTLMSG_HEADER_MAX);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ctlmsg");
	TCase *tc = tcase_create("ctlmsg");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_test(tc, request_without_argument);
	tcase_add_test(tc, request_with_argument_of_several_words);
	tcase_add_test(tc, request_leaves_what_follows_its_line);
	tcase_add_test(tc, request_is_incomplete_at_every_byte_before_its_newline);
	tcase_add_test(tc, request_refuses_what_is_not_printable_before_the_line_ends);
	tcase_add_test(tc, request_refuses_empty_parts);
	tcase_add_test(tc, request_fills_its_limits_and_not_more);
	tcase_add_test(tc, request_is_written_as_it_is_read);
	tcase_add_test(tc, request_is_not_written_if_it_would_be_read_as_another);
	tcase_add_test(tc, header_gives_kind_and_length);
	tcase_add_test(tc, header_refuses_what_is_none);
	tcase_add_test(tc, header_refuses_a_length_that_nobody_should_allocate);
	tcase_add_test(tc, header_is_incomplete_at_every_byte_before_its_newline);
	tcase_add_test(tc, header_is_written_as_it_is_read);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
