/*
 * Tests of settings against what people read: the manuals, their examples, and the installed files,
 * of both programs.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "conf.h"
#include "settings_internal.h"
#include "util.h"

#define FILE_MAX 262144

static const struct {
	enum settings_program program;
	const char *manual, *sample;
	size_t own, others; /* whole configurations in the manual: of the program, of the other */
} papers[] = {
    {SETTINGS_VPND, SRCDIR "/man/mqtt-vpn.conf.5", SRCDIR "/etc/mqtt-vpn.conf", 9, 0},
    {SETTINGS_KEYD, SRCDIR "/man/mqtt-vpn-keyd.conf.5", SRCDIR "/etc/mqtt-vpn-keyd.conf", 3, 1},
};

static char *
read_paper(const char *path)
{
	char *text = util_read_file(path, FILE_MAX);

	ck_assert_msg(text != NULL, "%s", path);
	return text;
}

START_TEST(settings_keys_are_in_the_manual_and_in_the_sample)
{
	char *manual = read_paper(papers[_i].manual), *sample = read_paper(papers[_i].sample);
	const struct settings_key *k;

	for (k = settings_keys(); k->name != NULL; k++) {
		char *item = util_format("\n.It Ic %s = ", k->name);
		char *line = util_format("%s = ", k->name);
		bool known = (k->programs & papers[_i].program) != 0;

		ck_assert_msg(
		    !known || strstr(manual, item) != NULL, "%s is not in the manual", k->name);
		ck_assert_msg(
		    !known || strstr(sample, line) != NULL, "%s is not in the sample", k->name);
		free(item);
		free(line);
	}
	free(manual);
	free(sample);
}
END_TEST

static void
try_example(enum settings_program program, const char *text)
{
	struct settings_draft d;

	ck_assert_int_eq(settings_draft_init(&d, program), 0);
	ck_assert_msg(settings_parse(&d, text) == 0, "%s\n%s", d.error, text);
	ck_assert_msg(settings_check(&d) == 0, "%s\n%s", d.error, text);
	settings_draft_clear(&d);
}

/* Those that are a whole configuration name a broker, and what the program is there for. */
START_TEST(settings_take_the_examples_of_the_manual)
{
	static const char begin[] = "\n.Bd -literal -offset indent\n";
	char *manual = read_paper(papers[_i].manual);
	size_t counts[SETTINGS_BOTH] = {0};
	char *rest = manual;
	char *example;

	while ((example = strstr(rest, begin)) != NULL) {
		enum settings_program program;

		example += strlen(begin);
		rest = strstr(example, ".Ed");
		ck_assert_ptr_nonnull(rest);
		*rest++ = '\0';
		program = strstr(example, "key-group \"") != NULL ? SETTINGS_KEYD : SETTINGS_VPND;
		if (strstr(example, "\nbroker \"") == NULL ||
		    (program == SETTINGS_VPND && strstr(example, "interface") == NULL))
			continue;
		try_example(program, example);
		counts[program]++;
	}
	ck_assert_uint_eq(counts[papers[_i].program], papers[_i].own);
	ck_assert_uint_eq(counts[SETTINGS_BOTH & ~papers[_i].program], papers[_i].others);
	free(manual);
}
END_TEST

/* A row of the table in mqtt-vpn-brokers(7). */
static char *
profile_row(const char *name, const struct settings_broker *b)
{
	char bandwidth[16] = "none";

	if (b->max_bandwidth != 0)
		snprintf(bandwidth, sizeof(bandwidth), "%u", b->max_bandwidth);
	return util_format("\n.It Cm %s Ta %u Ta %u Ta %s Ta %u Ta %s\n", name, b->max_message,
	    b->max_rate, bandwidth, b->keepalive_s, b->protocol == PROTOCOL_311 ? "3.1.1" : "any");
}

START_TEST(settings_of_profiles_are_as_their_manual_says)
{
	char *manual = read_paper(SRCDIR "/man/mqtt-vpn-brokers.7");

	for (size_t i = PROFILE_NONE + 1; settings_profiles.words[i] != NULL; i++) {
		const char *name = settings_profiles.words[i];
		char *text = util_format("wire = mqtt_vpn interface m { address = 10.0.0.1/24 }\n"
					 "broker \"mqtts://b\" { profile = %s }\n",
		    name);
		struct settings *s = conf_load_text(text);
		char *row = profile_row(name, &s->brokers[0]);

		ck_assert_msg(strstr(manual, row) != NULL, "the manual has no %s", row);
		free(row);
		settings_free(s);
		free(text);
	}
	free(manual);
}
END_TEST

/* Takes the '#' from the line that begins so. */
static void
edit(char *text, const char *line)
{
	char *at = strstr(text, line);

	ck_assert_msg(at != NULL, "%s", line);
	*at = ' ';
}

/* Names another file in the line that begins so; returns a new text. */
static char *
name_file(char *text, const char *key, const char *name)
{
	char *line = util_format("\n%s = \"", key);
	char *at = strstr(text, line);
	char *whole;

	ck_assert_msg(at != NULL, "%s", line);
	*at = '\0';
	whole = util_format("%s%s%s/%s\" #%s", text, line, conf_dir(), name, at + 1);
	free(line);
	free(text);
	return whole;
}

START_TEST(settings_sample_says_what_is_missing)
{
	char *text = read_paper(papers[0].sample);

	conf_put("conf", text, 0644);
	conf_assert_refused("mqtt-vpnd -c conf",
	    "conf: network: missing: expected network = \"NAME\", the same on all nodes, or wire = "
	    "mqtt_vpn");
	edit(text, "#network = \"home\"");
	conf_put("conf", text, 0644);
	conf_assert_refused("mqtt-vpnd -c conf",
	    "conf: broker: missing: expected at least one, as in broker \"mqtt://HOST\" { }");
	free(text);
}
END_TEST

START_TEST(settings_sample_works_when_its_three_lines_are_edited)
{
	char *text = read_paper(papers[0].sample);

	edit(text, "#broker \"mqtts://broker.example.org\" { }");
	edit(text, "#network = \"home\"");
	text = name_file(text, "passphrase-file", "psk");
	conf_put("psk", CONF_SECRET, 0600);
	conf_put("conf", text, 0644);
	settings_free(conf_load_good("mqtt-vpnd -c conf"));
	ck_assert_str_eq(conf_warnings(), "");
	free(text);
}
END_TEST

START_TEST(settings_sample_of_keyd_says_what_is_missing)
{
	char *text = read_paper(papers[1].sample);

	conf_put("conf", text, 0644);
	conf_assert_refused("mqtt-vpn-keyd -c conf",
	    "conf: network: missing: expected network = \"NAME\", the same on all members of its "
	    "groups");
	edit(text, "#network = \"home\"");
	conf_put("conf", text, 0644);
	conf_assert_refused("mqtt-vpn-keyd -c conf",
	    "conf: broker: missing: expected at least one, as in broker \"mqtt://HOST\" { }");
	edit(text, "#broker \"mqtts://broker.example.org\" { }");
	conf_put("conf", text, 0644);
	conf_assert_refused("mqtt-vpn-keyd -c conf",
	    "conf: key-group: missing: expected at least one, as in key-group \"NAME\" { }");
	free(text);
}
END_TEST

START_TEST(settings_sample_of_keyd_works_when_it_is_edited)
{
	static const char *const lines[] = {"#network = \"home\"",
	    "#broker \"mqtts://broker.example.org\" { }", "#key-group \"home\" { }",
	    "#member \"workshop\" {", "#\tpublic-key = \"ARHv", "#\tgroups = {\"home\"}",
	    "#\taddress = {\"10.0.1.2\"}", "#}\n\n# One with all"};
	char *text = read_paper(papers[1].sample);
	struct settings *s;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		edit(text, lines[i]);
	text = name_file(text, "private-key-file", "key");
	conf_put_key("key", 7);
	conf_put("conf", text, 0644);
	s = conf_load_good("mqtt-vpn-keyd -c conf");
	ck_assert_str_eq(conf_warnings(), "");
	ck_assert_uint_eq(s->member_count, 1);
	ck_assert_uint_eq(s->key_group_count, 1);
	settings_free(s);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("settings_manual");
	TCase *t = tcase_create("manual");
	SRunner *r;
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	tcase_add_checked_fixture(t, conf_setup, conf_teardown);
	tcase_add_loop_test(
	    t, settings_keys_are_in_the_manual_and_in_the_sample, 0, (int)ARRAY_LEN(papers));
	tcase_add_loop_test(t, settings_take_the_examples_of_the_manual, 0, (int)ARRAY_LEN(papers));
	tcase_add_test(t, settings_of_profiles_are_as_their_manual_says);
	tcase_add_test(t, settings_sample_says_what_is_missing);
	tcase_add_test(t, settings_sample_works_when_its_three_lines_are_edited);
	tcase_add_test(t, settings_sample_of_keyd_says_what_is_missing);
	tcase_add_test(t, settings_sample_of_keyd_works_when_it_is_edited);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
