/*
 * Tests of settings: those of a key server.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aead_hash.h"
#include "conf.h"
#include "keymsg.h"
#include "settings_internal.h"
#include "settings_refusals_keyd.h"
#include "util.h"

/* The same as KEYD, with a key that is there. */
#define SERVER \
	"network = home\nprivate-key-file = \"~/key\"\nbroker localhost { }\nkey-group g { }\n"
#define MEMBER_A "member a { " KEY_A "groups = g address = 10.0.1.1 }\n"
#define THOUSANDS 10000

START_TEST(settings_of_keyd_refuse_with_file_line_and_what_was_expected)
{
	const struct refusal *r = &keyd_refusals[_i];
	char *text = util_format("%s%s", r->after_good ? KEYD : "", r->text);
	char *message = util_format("conf%s", r->message);

	conf_assert_keyd_refused(text, message);
	free(text);
	free(message);
}
END_TEST

START_TEST(settings_of_keyd_refuse_with_the_option)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
	    {"mqtt-vpn-keyd -c conf -s x",
		"-s: 'x' is not an absolute path: expected one that begins with '/'"},
	    {"mqtt-vpn-keyd -c conf -P x",
		"-P: 'x' is not an absolute path: expected one that begins with '/'"},
	    {"mqtt-vpn-keyd -c nothing",
		"nothing: No such file or directory: expected a configuration file"},
	};

	conf_put_key("key", 7);
	conf_write(SERVER MEMBER_A);
	conf_assert_refused(cases[_i].line, cases[_i].message);
}
END_TEST

START_TEST(settings_of_keyd_have_defaults)
{
	char host[256] = "";
	struct settings *s;

	ck_assert_int_eq(gethostname(host, sizeof(host) - 1), 0);
	host[strcspn(host, ".")] = '\0';
	conf_put_key("key", 7);
	s = conf_load_keyd(SERVER MEMBER_A);
	ck_assert_str_eq(s->name, host);
	ck_assert_str_eq(s->store, LOCALSTATEDIR "/lib/mqtt-vpn-keyd/keys.db");
	ck_assert_str_eq(s->control_socket, "/run/mqtt-vpn-keyd/keyd.sock");
	ck_assert_str_eq(s->topic_prefix, "mqttip");
	ck_assert_uint_eq(s->rekey_s, 120);
	ck_assert_int_eq(s->topics, TOPICS_HASHED);
	ck_assert_int_eq(s->wire, WIRE_NATIVE);
	ck_assert_int_eq(s->log_level, LOG_LEVEL_INFO);
	ck_assert(s->has_private_key && !s->has_secret && !s->foreground);
	conf_assert_key(s->private_key, 7);
	ck_assert_ptr_null(s->passphrase);
	ck_assert_uint_eq(s->key_group_count, 1);
	ck_assert_str_eq(s->key_groups[0].name, "g");
	ck_assert_int_eq(s->key_groups[0].method, METHOD_UPDATE);
	ck_assert_uint_eq(s->key_groups[0].lease_s, 900);
	ck_assert_uint_eq(s->key_groups[0].slot_s, 60);
	ck_assert_uint_eq(s->key_groups[0].depth, 24);
	ck_assert_uint_eq(s->key_groups[0].line, 4);
	ck_assert_uint_eq(s->member_count, 1);
	ck_assert_uint_eq(s->members[0].longest_s, 0);
	ck_assert_str_eq(conf_warnings(), "");
	settings_free(s);
}
END_TEST

START_TEST(settings_of_keyd_take_every_key_outside_the_sections)
{
	struct settings *s;

	conf_put_key("key", 7);
	conf_put("psk", CONF_PASSPHRASE, 0600);
	s = conf_load_keyd(SERVER MEMBER_A
	    "passphrase-file = \"~/psk\" kdf-passes = 1 kdf-memory = 8 topics = plain\n"
	    "topic-prefix = x client-id = me name = \"my keys\" rekey-interval = 1\n"
	    "store = \"/s.db\" pid-file = \"/p\" control-socket = \"/s\" control-group = g\n"
	    "user = u group = v log-level = error\n");
	ck_assert_str_eq(s->network, "home");
	ck_assert_str_eq(s->passphrase, CONF_PASSPHRASE);
	ck_assert_uint_eq(s->kdf_passes, 1);
	ck_assert_uint_eq(s->kdf_memory_mib, 8);
	ck_assert_int_eq(s->topics, TOPICS_PLAIN);
	ck_assert_str_eq(s->topic_prefix, "x");
	ck_assert_str_eq(s->client_id, "me");
	ck_assert_str_eq(s->name, "my keys");
	ck_assert_uint_eq(s->rekey_s, 1);
	ck_assert_str_eq(s->store, "/s.db");
	ck_assert_str_eq(s->pid_file, "/p");
	ck_assert_str_eq(s->control_socket, "/s");
	ck_assert_str_eq(s->control_group, "g");
	ck_assert_str_eq(s->user, "u");
	ck_assert_str_eq(s->group, "v");
	ck_assert_int_eq(s->log_level, LOG_LEVEL_ERROR);
	settings_free(s);
}
END_TEST

START_TEST(settings_of_keyd_take_its_options)
{
	struct settings *s;

	conf_put_key("key", 7);
	conf_write(SERVER MEMBER_A "pid-file = \"/a\" control-socket = \"/b\"\n");
	s = conf_load_good("mqtt-vpn-keyd -c conf -P /p -s /s -d");
	ck_assert_str_eq(s->pid_file, "/p");
	ck_assert_str_eq(s->control_socket, "/s");
	ck_assert_int_eq(s->log_level, LOG_LEVEL_DEBUG);
	ck_assert(s->foreground);
	settings_free(s);
}
END_TEST

START_TEST(settings_of_keyd_take_every_key_of_a_group)
{
	struct settings *s;

	conf_put_key("key", 7);
	s = conf_load_keyd(
	    SERVER "key-group a.b_c-1 { method = slotted lease = 1d\n"
		   "slot = 1h depth = 30 }\nkey-group s { method = static lease = 10 }\n"
		   "key-group t { depth = 4 slot = 1 method = slotted }\n" MEMBER_A);
	ck_assert_uint_eq(s->key_group_count, 4);
	ck_assert_str_eq(s->key_groups[1].name, "a.b_c-1");
	ck_assert_int_eq(s->key_groups[1].method, METHOD_SLOTTED);
	ck_assert_uint_eq(s->key_groups[1].lease_s, 86400);
	ck_assert_uint_eq(s->key_groups[1].slot_s, 3600);
	ck_assert_uint_eq(s->key_groups[1].depth, 30);
	ck_assert_uint_eq(s->key_groups[1].line, 5);
	ck_assert_int_eq(s->key_groups[2].method, METHOD_STATIC);
	ck_assert_uint_eq(s->key_groups[2].lease_s, 10);
	ck_assert_uint_eq(s->key_groups[3].depth, 4);
	ck_assert_uint_eq(s->key_groups[3].slot_s, 1);
	settings_free(s);
}
END_TEST

/* Its addresses come first, whatever the order in the file. */
START_TEST(settings_of_keyd_take_every_key_of_a_member)
{
	const struct settings_member *m;
	struct settings *s;

	conf_put_key("key", 7);
	conf_put("pub", CONF_KEY_2 "\nmore\n", 0644);
	s = conf_load_keyd(
	    SERVER "member work.shop-1 { routes = {10.5.0.0/16, \"fd00:5::/64\"}\n"
		   "longest = 2w groups = {h, g} address = {10.0.1.1, \"fd00::1\"}\n" KEY_A
		   "}\nkey-group h { }\n"
		   "member b { public-key-file = \"~/pub\" groups = h address = 10.0.1.2 }\n");
	m = &s->members[0];
	ck_assert_uint_eq(s->member_count, 2);
	ck_assert_str_eq(m->name, "work.shop-1");
	ck_assert_uint_eq(m->line, 5);
	ck_assert(m->has_public_key);
	conf_assert_key(m->public_key, 1);
	ck_assert_uint_eq(m->group_count, 2);
	ck_assert_str_eq(m->groups[0], "h");
	ck_assert_str_eq(m->groups[1], "g");
	ck_assert_uint_eq(m->prefix_count, 4);
	conf_assert_prefix(&m->prefixes[0], "10.0.1.1/32");
	conf_assert_prefix(&m->prefixes[1], "fd00::1/128");
	conf_assert_prefix(&m->prefixes[2], "10.5.0.0/16");
	conf_assert_prefix(&m->prefixes[3], "fd00:5::/64");
	ck_assert_uint_eq(m->longest_s, 1209600);
	ck_assert(s->members[1].has_public_key);
	conf_assert_key(s->members[1].public_key, 2);
	settings_free(s);
}
END_TEST

/* What a member may have is what a message can say. */
START_TEST(settings_of_keyd_fit_into_messages)
{
	ck_assert_int_eq(SETTINGS_PLAIN_MAX, KEYMSG_GROUP_MAX);
	ck_assert_int_le(SETTINGS_PREFIXES_MAX, KEYMSG_PREFIXES_MAX);
	ck_assert_int_le(SETTINGS_NAME_MAX, KEYMSG_TEXT_MAX);
}
END_TEST

START_TEST(settings_of_keyd_take_the_longest_names)
{
	struct settings *s;

	conf_put_key("key", 7);
	s = conf_load_keyd(SERVER "key-group " LETTERS_63 "a { }\nmember " LETTERS_63 " { " KEY_A
				  "groups = " LETTERS_63 "a address = 10.0.1.1 }\n");
	ck_assert_str_eq(s->key_groups[1].name, LETTERS_63 "a");
	ck_assert_str_eq(s->members[0].name, LETTERS_63);
	settings_free(s);
}
END_TEST

START_TEST(settings_of_keyd_take_one_address_in_two_groups)
{
	struct settings *s;

	conf_put_key("key", 7);
	s = conf_load_keyd(SERVER "key-group h { }\n" MEMBER_A "member b { " KEY_B
				  "groups = h address = 10.0.1.1 routes = 10.0.0.0/8 }\n");
	ck_assert_uint_eq(s->member_count, 2);
	settings_free(s);
}
END_TEST

START_TEST(settings_of_keyd_refuse_keys_of_files_that_are_none)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {CONF_ZERO_KEY, "%s/pub: the key is all zero: expected one of 'mqtt-vpnctl pubkey'"},
	    {"\n" CONF_KEY_2,
		"%s/pub: the first line is not a public key: expected 44 characters of base64, as "
		"'mqtt-vpnctl pubkey' prints them"},
	    {CONF_KEY_2 "=",
		"%s/pub: the first line is not a public key: expected 44 characters of base64, as "
		"'mqtt-vpnctl pubkey' prints them"},
	    {CONF_KEY_1, "this key is given to member 'a' in line 5 already: expected it once"},
	    {NULL, "%s/pub: No such file or directory: expected a file"},
	};
	char *message = util_format(cases[_i].message, conf_dir());
	char *whole = util_format("conf:7: public-key-file: %s", message);

	conf_put_key("key", 7);
	if (cases[_i].text != NULL)
		conf_put("pub", cases[_i].text, 0644);
	conf_assert_keyd_refused(SERVER MEMBER_A "member b { groups = g address = 10.0.1.2\n"
						 "public-key-file = \"~/pub\" }\n",
	    whole);
	free(message);
	free(whole);
}
END_TEST

START_TEST(settings_refuse_the_own_key_of_a_key_server_for_a_member)
{
	char *key = conf_put_own_key("key");
	char *inside = util_format(SERVER MEMBER_A
	    "member b { public-key = \"%s\" groups = g address = 10.0.1.2 }\n",
	    key);

	conf_assert_keyd_refused(inside,
	    "conf:6: public-key: this is the key server's own key: expected that of the member "
	    "'b'");
	conf_put("pub", key, 0644);
	conf_assert_keyd_refused(SERVER "member a { public-key-file = \"~/pub\"\n"
					"groups = g address = 10.0.1.2 }\n",
	    "conf:5: public-key-file: this is the key server's own key: expected that of the "
	    "member 'a'");
	free(inside);
	free(key);
}
END_TEST

START_TEST(settings_of_keyd_refuse_a_private_key_that_others_can_read)
{
	char *message =
	    util_format("conf:2: private-key-file: %s/key: holds a secret, but its mode "
			"is 0644; run: chmod 0640 '%s/key'",
		conf_dir(), conf_dir());

	conf_put("key", CONF_SECRET, 0644);
	conf_assert_keyd_refused(SERVER MEMBER_A, message);
	free(message);
}
END_TEST

#define WARN_STATIC                                                                            \
	"key-group s: its key is static: who has left it, or whose time is over, can read on " \
	"until somebody is put out\n"

START_TEST(settings_of_keyd_warn_of_what_works_but_should_be_known)
{
	conf_put_key("key", 7);
	settings_free(conf_load_keyd(SERVER));
	ck_assert_str_eq(conf_warnings(), "there is no member section: nobody can join a group\n");
	settings_free(conf_load_keyd(SERVER MEMBER_A "key-group s { method = static }\n"));
	ck_assert_str_eq(conf_warnings(), WARN_STATIC);
	conf_put("pw", "x", 0600);
	settings_free(conf_load_keyd(
	    SERVER MEMBER_A "broker \"mqtt://c\" { username = u password-file = \"~/pw\" }\n"));
	ck_assert_str_eq(conf_warnings(), "broker mqtt://c: the password goes to it unencrypted: "
					  "anyone on the way can read it\n");
}
END_TEST

START_TEST(settings_name_what_of_keyd_needs_a_restart)
{
	struct settings *a, *b;
	char *names;

	conf_put_key("key", 7);
	conf_put("psk", CONF_SECRET, 0600);
	a = conf_load_keyd(SERVER MEMBER_A);
	conf_put_key("key", 8);
	b = conf_load_keyd(
	    "network = x private-key-file = \"~/key\" name = x passphrase-file = \"~/psk\"\n"
	    "kdf-passes = 1 kdf-memory = 8 rekey-interval = 1 topics = plain topic-prefix = x\n"
	    "client-id = x store = \"/x\" pid-file = \"/x\" control-socket = \"/x\"\n"
	    "control-group = x user = x group = x broker b { } key-group g { }\n" MEMBER_A);
	names = settings_restart_needed(a, b);
	ck_assert_str_eq(names,
	    "network, name, passphrase, private key, store, kdf-passes, kdf-memory, "
	    "rekey-interval, topics, topic-prefix, client-id, pid-file, control-socket, "
	    "control-group, user, group");
	free(names);
	settings_free(a);
	settings_free(b);
}
END_TEST

START_TEST(settings_of_keyd_need_no_restart_for_groups_and_members)
{
	struct settings *a, *b;

	conf_put_key("key", 7);
	a = conf_load_keyd(SERVER MEMBER_A);
	b = conf_load_keyd("network = home private-key-file = \"~/key\" broker other { }\n"
			   "key-group h { lease = 60 }\nlog-level = debug\n"
			   "member b { " KEY_B "groups = h address = 10.0.1.1 longest = 1 }\n");
	ck_assert_ptr_null(settings_restart_needed(a, b));
	settings_free(a);
	settings_free(b);
}
END_TEST

static void
put_thousands_of_members(FILE *f)
{
	uint8_t key[AEAD_KEY_LEN] = {2};
	char text[AEAD_KEY_TEXT];
	unsigned int i;

	fputs(SERVER, f);
	for (i = 0; i < 100; i++)
		fprintf(f, "key-group g%u { }\n", i);
	for (i = 0; i < THOUSANDS; i++) {
		memcpy(key + 1, &i, sizeof(i));
		aead_key_format(text, key);
		fprintf(f,
		    "member n%u { public-key = \"%s\" groups = {g, g%u, g%u}\n"
		    "address = 10.9.%u.%u routes = 10.%u.%u.0/24 longest = 1d }\n",
		    i, text, i % 100, (i + 1) % 100, i / 200, i % 200 + 1, 10 + i / 200, i % 200);
	}
	fputs("member last { " KEY_A "groups = {g, g98}\naddress = 10.9.49.200 }\n", f);
}

START_TEST(settings_of_keyd_take_thousands_of_members)
{
	char *text = NULL;
	struct settings *s;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	put_thousands_of_members(f);
	ck_assert_int_eq(fclose(f), 0);
	conf_put_key("key", 7);
	conf_assert_keyd_refused(text,
	    "conf:20106: address: 10.9.49.200 is given to member 'n9999' of the group 'g' in line "
	    "20103 already: expected it once");
	*strstr(text, "member last") = '\0';
	s = conf_load_keyd(text);
	ck_assert_uint_eq(s->member_count, THOUSANDS);
	ck_assert_uint_eq(s->members[THOUSANDS - 1].prefix_count, 2);
	settings_free(s);
	free(text);
}
END_TEST

START_TEST(settings_of_keyd_can_be_loaded_again_after_any_failure)
{
	conf_put_key("key", 7);
	for (size_t i = 0; i < ARRAY_LEN(keyd_refusals); i++) {
		char *error = NULL;

		conf_write(keyd_refusals[i].text);
		ck_assert_ptr_null(conf_load("mqtt-vpn-keyd -c conf", &error));
		free(error);
		settings_free(conf_load_keyd(SERVER MEMBER_A));
	}
}
END_TEST

static TCase *
refusal_case(void)
{
	TCase *t = tcase_create("refusals");

	tcase_add_checked_fixture(t, conf_setup, conf_teardown);
	tcase_add_loop_test(t, settings_of_keyd_refuse_with_file_line_and_what_was_expected, 0,
	    (int)ARRAY_LEN(keyd_refusals));
	tcase_add_loop_test(t, settings_of_keyd_refuse_with_the_option, 0, 3);
	tcase_add_loop_test(t, settings_of_keyd_refuse_keys_of_files_that_are_none, 0, 5);
	tcase_add_test(t, settings_refuse_the_own_key_of_a_key_server_for_a_member);
	tcase_add_test(t, settings_of_keyd_refuse_a_private_key_that_others_can_read);
	tcase_add_test(t, settings_of_keyd_can_be_loaded_again_after_any_failure);
	return t;
}

static TCase *
value_case(void)
{
	TCase *t = tcase_create("values");

	tcase_add_checked_fixture(t, conf_setup, conf_teardown);
	tcase_add_test(t, settings_of_keyd_have_defaults);
	tcase_add_test(t, settings_of_keyd_take_every_key_outside_the_sections);
	tcase_add_test(t, settings_of_keyd_take_its_options);
	tcase_add_test(t, settings_of_keyd_take_every_key_of_a_group);
	tcase_add_test(t, settings_of_keyd_take_every_key_of_a_member);
	tcase_add_test(t, settings_of_keyd_fit_into_messages);
	tcase_add_test(t, settings_of_keyd_take_the_longest_names);
	tcase_add_test(t, settings_of_keyd_take_one_address_in_two_groups);
	tcase_add_test(t, settings_of_keyd_warn_of_what_works_but_should_be_known);
	tcase_add_test(t, settings_name_what_of_keyd_needs_a_restart);
	tcase_add_test(t, settings_of_keyd_need_no_restart_for_groups_and_members);
	tcase_add_test(t, settings_of_keyd_take_thousands_of_members);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("settings_keyd");
	SRunner *r;
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(s, refusal_case());
	suite_add_tcase(s, value_case());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
