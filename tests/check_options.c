/*
 * Tests of options: every program and name, every refusal, and what becomes of secrets.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "options.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define WORDS_MAX 140

/* A command line that can be written to, as main()'s. */
struct line {
	char *argv[WORDS_MAX + 1];
	int argc;
};

static struct line
split(const char *text)
{
	struct line l = {0};
	char *copy = strdup(text);
	char *rest = copy;
	char *word;

	while ((word = strsep(&rest, " ")) != NULL) {
		ck_assert_int_lt(l.argc, WORDS_MAX);
		l.argv[l.argc++] = strdup(word);
	}
	free(copy);
	return l;
}

static void
line_clear(struct line *l)
{
	int i;

	for (i = 0; i < l->argc; i++)
		free(l->argv[i]);
}

/* As each main() knows. */
static enum options_program
program_of(const char *name)
{
	return strstr(name, "keyd") != NULL ? PROGRAM_KEYD : PROGRAM_VPND;
}

static void
parse(struct options *o, const char *text)
{
	struct line l = split(text);
	char *error;

	ck_assert_msg(
	    options_parse(o, program_of(l.argv[0]), l.argc, l.argv, &error) == 0, "%s", error);
	ck_assert_ptr_null(error);
	line_clear(&l);
}

static const struct {
	const char *line, *message;
} refusals[] = {
    {"mqtt-vpnd -Z", "-Z: unknown option"},
    {"mqtt-vpnd -tZ", "-Z: unknown option"},
    {"mqtt-vpnd --nothing=1", "--nothing: unknown or ambiguous option"},
    {"mqtt-vpnd --p x", "--p: unknown or ambiguous option"},
    {"mqtt-vpnd -c", "-c: its value is missing"},
    {"mqtt-vpnd --config", "-c: its value is missing"},
    {"mqtt-vpnd --wire", "--wire: its value is missing"},
    {"mqtt-vpnd --test=yes", "-t: it takes no value"},
    {"mqtt-vpnd -t file", "file: an argument too many: expected options only"},
    {"mqtt-vpnd -- -t", "-t: an argument too many: expected options only"},
    {"mqtt-vpnd -c a -c b", "-c: given more than once: expected once"},
    {"mqtt-vpnd -k a --password b", "-k: given more than once: expected once"},
    {"mqtt-vpnd --wire a --wire b", "--wire: given more than once: expected once"},
    {"mqtt_vpn -c a", "-c: unknown option"},
    {"mqtt_vpn -i", "-i: its value is missing"},
    {"mqtt_vpn -a 10.0.1.1 -b host",
	"-i: missing: mqtt_vpn needs -i INTERFACE, -a ADDRESS and -b BROKER"},
    {"mqtt_vpn -i mq0 -b host",
	"-a: missing: mqtt_vpn needs -i INTERFACE, -a ADDRESS and -b BROKER"},
    {"mqtt_vpn -i mq0 -a 10.0.1.1",
	"-b: missing: mqtt_vpn needs -i INTERFACE, -a ADDRESS and -b BROKER"},
    {"mqtt_vpn -i mq0 -a 10.0.1.1 -b host -p 64 -x 64",
	"-p: without -u it is the prefix length, which -x gives already: expected one of them"},
    {"mqtt_vpn -i mq0 -a 10.0.1.1 -b host -p a -p b", "-p: given more than once: expected once"},
    {"mqtt-vpnd --recover", "--recover: unknown or ambiguous option"},
    {"mqtt-vpn-keyd -i mq0", "-i: unknown option"},
    {"mqtt-vpn-keyd --network=home", "--network: unknown or ambiguous option"},
    {"mqtt-vpn-keyd -k secret", "-k: unknown option"},
    {"mqtt-vpn-keyd -c", "-c: its value is missing"},
    {"mqtt-vpn-keyd --recover=yes", "--recover: it takes no value"},
    {"mqtt-vpn-keyd -s /a --control-socket=/b", "-s: given more than once: expected once"},
    {"mqtt-vpn-keyd file", "file: an argument too many: expected options only"},
    {"mqtt_vpn -i mq0 file", "file: an argument too many: expected options only"},
};

START_TEST(options_refuse_with_the_option_and_what_was_expected)
{
	struct line l = split(refusals[_i].line);
	struct options o;
	char *error;

	ck_assert_int_eq(options_parse(&o, program_of(l.argv[0]), l.argc, l.argv, &error), -1);
	ck_assert_str_eq(error, refusals[_i].message);
	free(error);
	options_clear(&o);
	line_clear(&l);
}
END_TEST

START_TEST(options_take_every_letter)
{
	struct options o;

	parse(&o, "/usr/sbin/mqtt-vpnd -c /c -t -f -d -P /p -s /s -V -h -i mq0 -a 10.0.1.1 -b one "
		  "-b two -m 255.0.0.0 -k secret -6 fd00::1 -p 48 -n id -u user");
	ck_assert_int_eq(o.program, PROGRAM_VPND);
	ck_assert(o.test_config && o.foreground && o.debug && o.show_version && o.show_help);
	ck_assert_str_eq(o.config_file, "/c");
	ck_assert_str_eq(o.pid_file, "/p");
	ck_assert_str_eq(o.control_socket, "/s");
	ck_assert_str_eq(o.interface, "mq0");
	ck_assert_str_eq(o.address4, "10.0.1.1");
	ck_assert_uint_eq(o.broker_count, 2);
	ck_assert_str_eq(o.brokers[0], "one");
	ck_assert_str_eq(o.brokers[1], "two");
	ck_assert_str_eq(o.netmask, "255.0.0.0");
	ck_assert_str_eq(o.password, "secret");
	ck_assert_str_eq(o.address6, "fd00::1");
	ck_assert_str_eq(o.prefix_len6, "48");
	ck_assert_str_eq(o.client_id, "id");
	ck_assert_str_eq(o.username, "user");
	options_clear(&o);
}
END_TEST

START_TEST(options_take_every_long_name)
{
	struct options o;

	parse(&o,
	    "mqtt-vpnd --config=/c --test --foreground --debug --pid-file=/p --control-socket /s "
	    "--version --help --interface=mq0 --address=10.0.1.1 --broker=one --netmask=255.0.0.0 "
	    "--password=secret --address6=fd00::1 --prefix-length=48 --client-id=id "
	    "--username=user --wire=mqtt_vpn --network=home --passphrase-file=/k "
	    "--forward=10.0.0.1,10.0.0.2 --forward 10.0.0.3");
	ck_assert(o.test_config && o.foreground && o.debug && o.show_version && o.show_help);
	ck_assert_str_eq(o.config_file, "/c");
	ck_assert_str_eq(o.control_socket, "/s");
	ck_assert_str_eq(o.brokers[0], "one");
	ck_assert_str_eq(o.prefix_len6, "48");
	ck_assert_str_eq(o.wire, "mqtt_vpn");
	ck_assert_str_eq(o.network, "home");
	ck_assert_str_eq(o.passphrase_file, "/k");
	ck_assert_uint_eq(o.forward_count, 3);
	ck_assert_str_eq(o.forwards[0], "10.0.0.1");
	ck_assert_str_eq(o.forwards[1], "10.0.0.2");
	ck_assert_str_eq(o.forwards[2], "10.0.0.3");
	options_clear(&o);
}
END_TEST

START_TEST(options_of_keyd_take_every_letter)
{
	struct options o;

	parse(&o, "/usr/sbin/mqtt-vpn-keyd -c /c -t -f -P /p -s /s -V -h");
	ck_assert_int_eq(o.program, PROGRAM_KEYD);
	ck_assert(o.test_config && o.foreground && o.show_version && o.show_help);
	ck_assert(!o.debug && !o.recover);
	ck_assert_str_eq(o.config_file, "/c");
	ck_assert_str_eq(o.pid_file, "/p");
	ck_assert_str_eq(o.control_socket, "/s");
	options_clear(&o);
}
END_TEST

START_TEST(options_of_keyd_take_every_long_name)
{
	struct options o;

	parse(&o, "mqtt-vpn-keyd --config=/c --test --debug --pid-file=/p --control-socket=/s "
		  "--version --help --recover");
	ck_assert(o.test_config && o.debug && o.show_version && o.show_help && o.recover);
	ck_assert(o.foreground);
	ck_assert_str_eq(o.config_file, "/c");
	ck_assert_str_eq(o.pid_file, "/p");
	ck_assert_str_eq(o.control_socket, "/s");
	options_clear(&o);
}
END_TEST

/* Whoever runs it as mqtt_vpn by a link does not change what it is. */
START_TEST(options_of_keyd_are_its_own_by_any_name)
{
	struct line l = split("mqtt_vpn --recover");
	struct options o;
	char *error;

	ck_assert_int_eq(options_parse(&o, PROGRAM_KEYD, l.argc, l.argv, &error), 0);
	ck_assert_int_eq(o.program, PROGRAM_KEYD);
	ck_assert(o.recover);
	options_clear(&o);
	line_clear(&l);
}
END_TEST

START_TEST(options_know_what_the_programs_are_called)
{
	ck_assert_str_eq(options_program_name(PROGRAM_VPND), "mqtt-vpnd");
	ck_assert_str_eq(options_program_name(PROGRAM_MQTT_VPN), "mqtt_vpn");
	ck_assert_str_eq(options_program_name(PROGRAM_KEYD), "mqtt-vpn-keyd");
}
END_TEST

START_TEST(options_debug_implies_the_foreground)
{
	struct options o;

	parse(&o, "mqtt-vpnd");
	ck_assert(!o.foreground);
	options_clear(&o);
	parse(&o, "mqtt-vpnd -d");
	ck_assert(o.foreground);
	options_clear(&o);
}
END_TEST

START_TEST(options_overwrite_the_password_in_argv)
{
	struct line l = split("mqtt-vpnd -k secret");
	struct options o;
	char *error;

	ck_assert_int_eq(options_parse(&o, program_of(l.argv[0]), l.argc, l.argv, &error), 0);
	ck_assert_str_eq(l.argv[2], "xxxxxx");
	ck_assert_str_eq(o.password, "secret");
	ck_assert(o.secret_in_args);
	options_clear(&o);
	line_clear(&l);
}
END_TEST

START_TEST(options_overwrite_a_password_that_is_part_of_a_word)
{
	struct line l = split("mqtt-vpnd -fksecret --passw=other");
	struct options o;
	char *error;

	ck_assert_int_eq(options_parse(&o, program_of(l.argv[0]), l.argc, l.argv, &error), -1);
	ck_assert_str_eq(l.argv[1], "-fkxxxxxx");
	ck_assert_str_eq(l.argv[2], "--passw=xxxxx");
	free(error);
	options_clear(&o);
	line_clear(&l);
}
END_TEST

START_TEST(options_see_no_secret_where_there_is_none)
{
	struct options o;

	parse(&o, "mqtt-vpnd -u user --passphrase-file=/k");
	ck_assert(!o.secret_in_args);
	options_clear(&o);
}
END_TEST

START_TEST(options_know_the_old_name_by_any_path)
{
	struct options o;

	parse(&o, "/usr/local/bin/mqtt_vpn -i mq0 -a 10.0.1.1 -b host -m 255.255.0.0 -6 fd00::1 "
		  "-x 48 -n id -t 10.0.0.1 -t 10.0.0.2,10.0.0.3 -d -k secret");
	ck_assert_int_eq(o.program, PROGRAM_MQTT_VPN);
	ck_assert(o.foreground && o.debug && o.secret_in_args);
	ck_assert_str_eq(o.interface, "mq0");
	ck_assert_str_eq(o.address4, "10.0.1.1");
	ck_assert_str_eq(o.brokers[0], "host");
	ck_assert_str_eq(o.netmask, "255.255.0.0");
	ck_assert_str_eq(o.address6, "fd00::1");
	ck_assert_str_eq(o.prefix_len6, "48");
	ck_assert_str_eq(o.client_id, "id");
	ck_assert_uint_eq(o.forward_count, 3);
	ck_assert_str_eq(o.password, "secret");
	options_clear(&o);
}
END_TEST

START_TEST(options_old_name_stays_in_the_foreground)
{
	struct options o;

	parse(&o, "mqtt_vpn -i mq0 -a 10.0.1.1 -b host");
	ck_assert(o.foreground && !o.debug);
	options_clear(&o);
}
END_TEST

START_TEST(options_old_p_is_the_prefix_length_without_u)
{
	struct options o;

	parse(&o, "mqtt_vpn -i mq0 -a 10.0.1.1 -b host -p 48");
	ck_assert_str_eq(o.prefix_len6, "48");
	ck_assert_ptr_null(o.broker_password);
	ck_assert(!o.secret_in_args);
	options_clear(&o);
}
END_TEST

START_TEST(options_old_p_is_the_password_with_u_wherever_it_stands)
{
	static const char *const lines[] = {
	    "mqtt_vpn -i mq0 -a 10.0.1.1 -b host -u me -p secret -x 48",
	    "mqtt_vpn -p secret -i mq0 -a 10.0.1.1 -b host -x 48 -u me",
	};
	struct line l = split(lines[_i]);
	struct options o;
	char *error;
	int i;

	ck_assert_int_eq(options_parse(&o, program_of(l.argv[0]), l.argc, l.argv, &error), 0);
	ck_assert_str_eq(o.broker_password, "secret");
	ck_assert_str_eq(o.prefix_len6, "48");
	ck_assert(o.secret_in_args);
	for (i = 0; i < l.argc; i++)
		ck_assert_str_ne(l.argv[i], "secret");
	options_clear(&o);
	line_clear(&l);
}
END_TEST

START_TEST(options_old_name_helps_without_the_mandatory_ones)
{
	struct options o;

	parse(&o, "mqtt_vpn -h");
	ck_assert(o.show_help);
	options_clear(&o);
	parse(&o, "mqtt_vpn --version");
	ck_assert(o.show_version);
	options_clear(&o);
}
END_TEST

START_TEST(options_lists_have_an_end)
{
	char text[4096] = "mqtt-vpnd";
	struct options o;
	struct line l;
	char *error;
	int i;

	for (i = 0; i < OPTIONS_LIST_MAX; i++)
		strcat(text, " -b a");
	parse(&o, text);
	ck_assert_uint_eq(o.broker_count, OPTIONS_LIST_MAX);
	options_clear(&o);
	strcat(text, " -b a");
	l = split(text);
	ck_assert_int_eq(options_parse(&o, program_of(l.argv[0]), l.argc, l.argv, &error), -1);
	ck_assert_str_eq(error, "-b: given too often: expected it 64 times at the most");
	free(error);
	options_clear(&o);
	line_clear(&l);
}
END_TEST

START_TEST(options_need_a_file_unless_they_are_enough)
{
	static const struct {
		const char *line;
		bool need;
	} cases[] = {
	    {"mqtt-vpnd", true},
	    {"mqtt-vpnd -c /c", false},
	    {"mqtt-vpnd -i mq0 -a 10.0.1.1", true},
	    {"mqtt-vpnd -i mq0 -b host", true},
	    {"mqtt-vpnd -a 10.0.1.1 -b host", true},
	    {"mqtt-vpnd -i mq0 -a 10.0.1.1 -b host", false},
	    {"mqtt-vpnd -i mq0 -6 fd00::1 -b host", false},
	    {"mqtt-vpn-keyd", true},
	    {"mqtt-vpn-keyd -c /c", false},
	};
	struct options o;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		parse(&o, cases[i].line);
		ck_assert_msg(options_need_file(&o) == cases[i].need, "%s", cases[i].line);
		options_clear(&o);
	}
}
END_TEST

START_TEST(options_help_fits_a_terminal)
{
	const char *text = options_help(_i);
	size_t len;

	ck_assert_ptr_nonnull(
	    strstr(text, _i == PROGRAM_KEYD ? "man mqtt-vpn-keyd\n" : "man mqtt-vpnd\n"));
	for (; *text != '\0'; text += len + 1) {
		len = strcspn(text, "\n");
		/* Where it is installed, nobody knows how long this name is. */
		if (memmem(text, len, SYSCONFDIR, strlen(SYSCONFDIR)) != NULL)
			continue;
		ck_assert_msg(len <= 80, "%zu characters: %.*s", len, (int)len, text);
	}
}
END_TEST

static Suite *
options_suite(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("options");

	tcase_add_loop_test(
	    t, options_refuse_with_the_option_and_what_was_expected, 0, (int)ARRAY_LEN(refusals));
	tcase_add_test(t, options_take_every_letter);
	tcase_add_test(t, options_take_every_long_name);
	tcase_add_test(t, options_of_keyd_take_every_letter);
	tcase_add_test(t, options_of_keyd_take_every_long_name);
	tcase_add_test(t, options_of_keyd_are_its_own_by_any_name);
	tcase_add_test(t, options_know_what_the_programs_are_called);
	tcase_add_test(t, options_debug_implies_the_foreground);
	tcase_add_test(t, options_overwrite_the_password_in_argv);
	tcase_add_test(t, options_overwrite_a_password_that_is_part_of_a_word);
	tcase_add_test(t, options_see_no_secret_where_there_is_none);
	tcase_add_test(t, options_know_the_old_name_by_any_path);
	tcase_add_test(t, options_old_name_stays_in_the_foreground);
	tcase_add_test(t, options_old_p_is_the_prefix_length_without_u);
	tcase_add_loop_test(t, options_old_p_is_the_password_with_u_wherever_it_stands, 0, 2);
	tcase_add_test(t, options_old_name_helps_without_the_mandatory_ones);
	tcase_add_test(t, options_lists_have_an_end);
	tcase_add_test(t, options_need_a_file_unless_they_are_enough);
	tcase_add_loop_test(t, options_help_fits_a_terminal, 0, 3);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(options_suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
