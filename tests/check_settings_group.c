/*
 * Tests of settings: those of a member of a group.
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
#include "settings_refusals_group.h"
#include "util.h"

/* The same as GROUP, with a key that is there. */
#define JOINER                                                        \
	"network = home mode = group\nprivate-key-file = \"~/key\"\n" \
	"key-server = \"" CONF_KEY_1 "\"\ninterface a { address = 10.0.1.1/24 } broker b { }\n"

START_TEST(settings_of_a_group_refuse_with_file_line_and_what_was_expected)
{
	const struct refusal *r = &group_refusals[_i];
	char *text = util_format("%s%s", r->after_good ? GROUP : "", r->text);
	char *message = util_format("conf%s", r->message);

	conf_assert_text_refused(text, message);
	free(text);
	free(message);
}
END_TEST

static const struct {
	const char *text;
	uint64_t time_s;
} times[] = {{"1", 1}, {"90", 90}, {"15m", 900}, {"12h", 43200}, {"30d", 2592000}, {"4w", 2419200},
    {"1099511627776", UINT64_C(1) << 40}, {"1817975w", UINT64_C(1817975) * 604800}};

START_TEST(settings_take_a_letter_for_a_time)
{
	struct settings *s;
	char text[256];

	conf_put_key("key", 7);
	snprintf(text, sizeof(text), JOINER "membership = %s\n", times[_i].text);
	s = conf_load_text(text);
	ck_assert_uint_eq(s->membership_s, times[_i].time_s);
	settings_free(s);
}
END_TEST

START_TEST(settings_refuse_our_own_key_for_the_key_server)
{
	char *key = conf_put_own_key("key");
	char *text = util_format("network = home mode = group private-key-file = \"~/key\"\n"
				 "interface a { address = 10.0.1.1/24 } broker b { }\n"
				 "key-server = \"%s\"\n",
	    key);

	conf_assert_text_refused(text,
	    "conf:3: key-server: this is this node's own key: expected that of the key server");
	free(text);
	free(key);
}
END_TEST

START_TEST(settings_of_a_group_have_defaults)
{
	struct settings *s;

	conf_put_key("key", 7);
	s = conf_load_text(JOINER);
	ck_assert_int_eq(s->mode, MODE_GROUP);
	ck_assert_str_eq(s->group_name, "home");
	ck_assert_uint_eq(s->membership_s, 0);
	ck_assert(s->sign_broadcasts && s->has_key_server && s->has_private_key);
	conf_assert_key(s->key_server, 1);
	ck_assert_ptr_null(s->passphrase);
	ck_assert_ptr_null(s->store);
	ck_assert_ptr_null(s->control_socket);
	ck_assert_str_eq(conf_warnings(), "");
	settings_free(s);
}
END_TEST

START_TEST(settings_of_a_group_take_every_key)
{
	struct settings *s;

	conf_put_key("key", 7);
	conf_put("psk", CONF_SECRET, 0600);
	s = conf_load_text(JOINER "group-name = a.b membership = 0 sign-broadcasts = no\n"
				  "passphrase-file = \"~/psk\"\n"
				  "peer a { address = 10.0.1.9 wire = mqtt_vpn }\n");
	ck_assert_str_eq(s->group_name, "a.b");
	ck_assert_uint_eq(s->membership_s, 0);
	ck_assert(!s->sign_broadcasts && s->has_secret);
	ck_assert_uint_eq(s->peer_count, 1);
	ck_assert_msg(strncmp(conf_warnings(), "there are peers with wire = mqtt_vpn", 36) == 0,
	    "%s", conf_warnings());
	ck_assert_ptr_nonnull(strstr(conf_warnings(),
	    "\nbroadcasts are not signed (sign-broadcasts): in them, any member of the group can "
	    "pose as any other\n"));
	settings_free(s);
}
END_TEST

START_TEST(settings_of_other_modes_have_no_group)
{
	struct settings *s;

	conf_put("psk", CONF_SECRET, 0600);
	s = conf_load_text("network = home passphrase-file = \"~/psk\"\n"
			   "interface a { address = 10.0.1.1/24 } broker b { }\n");
	ck_assert_ptr_null(s->group_name);
	ck_assert(!s->has_key_server);
	settings_free(s);
}
END_TEST

START_TEST(settings_name_what_of_a_group_needs_a_restart)
{
	struct settings *a, *b;
	char *names;

	conf_put_key("key", 7);
	a = conf_load_text(JOINER);
	b = conf_load_text("network = home mode = group private-key-file = \"~/key\"\n"
			   "key-server = \"" CONF_KEY_2 "\" group-name = x membership = 1\n"
			   "sign-broadcasts = no\n"
			   "interface a { address = 10.0.1.1/24 } broker c { }\n");
	names = settings_restart_needed(a, b);
	ck_assert_str_eq(names, "key-server, group-name, membership, sign-broadcasts");
	free(names);
	settings_free(a);
	settings_free(b);
}
END_TEST

static TCase *
group_case(void)
{
	TCase *t = tcase_create("group");

	tcase_add_checked_fixture(t, conf_setup, conf_teardown);
	tcase_add_loop_test(t, settings_of_a_group_refuse_with_file_line_and_what_was_expected, 0,
	    (int)ARRAY_LEN(group_refusals));
	tcase_add_loop_test(t, settings_take_a_letter_for_a_time, 0, (int)ARRAY_LEN(times));
	tcase_add_test(t, settings_refuse_our_own_key_for_the_key_server);
	tcase_add_test(t, settings_of_a_group_have_defaults);
	tcase_add_test(t, settings_of_a_group_take_every_key);
	tcase_add_test(t, settings_of_other_modes_have_no_group);
	tcase_add_test(t, settings_name_what_of_a_group_needs_a_restart);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("settings_group");
	SRunner *r;
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(s, group_case());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
