/*
 * Tests of settings: what is read, what is refused with which words, and what wins over what.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aead_hash.h"
#include "conf.h"
#include "options.h"
#include "settings_internal.h"
#include "settings_refusals.h"
#include "util.h"

#define GOOD                                                                  \
	"wire = mqtt_vpn\n"                                                   \
	"interface \"mq0\" { address = {\"10.0.1.1/24\", \"fd00::1/64\"} }\n" \
	"broker \"mqtt://localhost\" { }\n"

#define NATIVE                                              \
	"network = home\n"                                  \
	"interface \"mq0\" { address = \"10.0.1.1/24\" }\n" \
	"broker \"mqtt://localhost\" { }\n"                 \
	"passphrase-file = \"~/psk\"\n"

START_TEST(settings_refuse_with_file_line_and_what_was_expected)
{
	const struct refusal *r = &refusals[_i];
	char *text = util_format("%s%s", r->after_good ? GOOD : "", r->text);
	char *message = util_format("conf%s", r->message);

	conf_assert_text_refused(text, message);
	free(text);
	free(message);
}
END_TEST

START_TEST(settings_refuse_with_the_option_and_what_was_expected)
{
	conf_assert_refused(option_refusals[_i].line, option_refusals[_i].message);
}
END_TEST

START_TEST(settings_refuse_a_file_with_nul_bytes)
{
	conf_put_bytes("conf", "wire\0", 5, 0644);
	conf_assert_refused("mqtt-vpnd -c conf", "conf: not a regular file, or it holds NUL bytes: "
						 "expected a configuration file of plain text");
}
END_TEST

START_TEST(settings_have_defaults)
{
	struct settings *s = conf_load_text(GOOD);

	ck_assert_str_eq(s->file, "conf");
	ck_assert_str_eq(s->interface, "mq0");
	ck_assert_uint_eq(s->mtu, 1500);
	ck_assert_int_eq(s->offload, OFFLOAD_YES);
	ck_assert_int_eq(s->wire, WIRE_MQTT_VPN);
	ck_assert_str_eq(s->topic_prefix, "mqttip");
	ck_assert_int_eq(s->log_level, LOG_LEVEL_INFO);
	ck_assert_ptr_null(s->client_id);
	ck_assert_ptr_null(s->password);
	ck_assert(!s->foreground && !s->old_name);
	ck_assert_uint_eq(s->brokers[0].keepalive_s, 60);
	ck_assert_uint_eq(s->brokers[0].timeout_s, 10);
	ck_assert_uint_eq(s->brokers[0].max_message, 0);
	ck_assert_uint_eq(s->brokers[0].max_rate, 0);
	ck_assert_uint_eq(s->brokers[0].max_bandwidth, 0);
	ck_assert(s->brokers[0].tls_verify);
	ck_assert_ptr_null(s->brokers[0].tls_min_version);
	settings_free(s);
}
END_TEST

START_TEST(settings_take_every_key_outside_the_sections)
{
	struct settings *s;

	conf_put("key", "correct horse\nsecond line\n", 0600);
	s = conf_load_text(
	    GOOD "passphrase-file = \"~/key\"\n"
		 "topic-prefix = \"a-b/c_d\"\nclient-id = \"me\"\n"
		 "forward = {\"172.16.0.1\", \"fd00:5::1\"}\nforward += {172.16.0.2}\n"
		 "log-level = warning\npid-file = \"/p\"\ncontrol-socket = \"/s\"\n"
		 "control-group = g\nuser = u\ngroup = v\n");
	ck_assert_str_eq(s->password, "correct horse");
	ck_assert_str_eq(s->topic_prefix, "a-b/c_d");
	ck_assert_str_eq(s->client_id, "me");
	ck_assert_uint_eq(s->forward_count, 3);
	conf_assert_addr(&s->forwards[1], "fd00:5::1");
	conf_assert_addr(&s->forwards[2], "172.16.0.2");
	ck_assert_int_eq(s->log_level, LOG_LEVEL_WARNING);
	ck_assert_str_eq(s->pid_file, "/p");
	ck_assert_str_eq(s->control_socket, "/s");
	ck_assert_str_eq(s->control_group, "g");
	ck_assert_str_eq(s->user, "u");
	ck_assert_str_eq(s->group, "v");
	settings_free(s);
}
END_TEST

START_TEST(settings_take_every_key_of_an_interface)
{
	struct settings *s = conf_load_text("wire = mqtt_vpn\nbroker localhost { }\n"
					    "interface \"mq%d\" {\n"
					    "address = {10.0.1.1/24, # comment within a list\n"
					    "\t\"fd00::1/64\", /* and another */ 10.0.2.1/31}\n"
					    "mtu = 1280 up = \"one; two\" down = 'three'\n}\n");

	ck_assert_str_eq(s->interface, "mq%d");
	ck_assert_uint_eq(s->addr_count, 3);
	conf_assert_prefix(&s->addrs[0], "10.0.1.1/24");
	conf_assert_prefix(&s->addrs[1], "fd00::1/64");
	conf_assert_prefix(&s->addrs[2], "10.0.2.1/31");
	ck_assert_uint_eq(s->mtu, 1280);
	ck_assert_str_eq(s->up, "one; two");
	ck_assert_str_eq(s->down, "three");
	settings_free(s);
}
END_TEST

START_TEST(settings_take_every_key_of_a_broker)
{
	const struct settings_broker *b;
	struct settings *s;

	conf_put("pw", "secret\n", 0600);
	conf_put("pem", "a key and a certificate\n", 0600);
	s = conf_load_text(GOOD "broker \"mqtts://one\" { username = me password-file = \"~/pw\" "
				"ca-file = \"~/pem\" crl-file = \"~/pem\" certificate = \"~/pem\" "
				"key = \"~/pem\" key-passphrase-file = \"~/pw\" alpn = mqtt "
				"tls-name = other tls-min-version = 1.3 tls-verify = off "
				"keepalive = 5 timeout = 120 max-message = 128k max-rate = 1 "
				"max-bandwidth = 4G congestion-control = bbr }\n"
				"broker two { username = me password-command = \"echo token\" }\n");
	ck_assert_uint_eq(s->broker_count, 3);
	b = &s->brokers[1];
	ck_assert_str_eq(b->username, "me");
	ck_assert_str_eq(strrchr(b->password_file, '/'), "/pw");
	ck_assert_str_eq(strrchr(b->ca_file, '/'), "/pem");
	ck_assert_str_eq(strrchr(b->crl_file, '/'), "/pem");
	ck_assert_str_eq(strrchr(b->certificate, '/'), "/pem");
	ck_assert_str_eq(strrchr(b->key, '/'), "/pem");
	ck_assert_str_eq(strrchr(b->key_passphrase_file, '/'), "/pw");
	ck_assert_str_eq(b->alpn, "mqtt");
	ck_assert_str_eq(b->tls_name, "other");
	ck_assert_str_eq(b->tls_min_version, "1.3");
	ck_assert(!b->tls_verify);
	ck_assert_uint_eq(b->keepalive_s, 5);
	ck_assert_uint_eq(b->timeout_s, 120);
	ck_assert_uint_eq(b->max_message, 128000);
	ck_assert_uint_eq(b->max_rate, 1);
	ck_assert_uint_eq(b->max_bandwidth, 4000000000);
	ck_assert_str_eq(b->congestion_control, "bbr");
	ck_assert_str_eq(s->brokers[2].password_command, "echo token");
	settings_free(s);
}
END_TEST

static const struct {
	const char *name;
	struct settings_broker b;
} profiles[] = {
    {"none", {.keepalive_s = 60}},
    {"aws-iot",
	{.keepalive_s = 60, .max_message = 128000, .max_rate = 80, .max_bandwidth = 380000}},
    {"emqx-serverless", {.keepalive_s = 60, .max_message = 1000000, .max_rate = 8}},
    {"azure-event-grid",
	{.keepalive_s = 60, .max_message = 512000, .max_rate = 800, .max_bandwidth = 800000}},
    {"hivemq", {.keepalive_s = 60, .max_message = 60000, .max_rate = 100}},
    {"shiftr", {.keepalive_s = 60, .max_message = 64000, .max_rate = 20, .protocol = PROTOCOL_311}},
};

START_TEST(settings_of_a_profile_stand_for_those_not_given)
{
	const struct settings_broker *b, *expected = &profiles[_i].b;
	char text[256];
	struct settings *s;

	snprintf(
	    text, sizeof(text), GOOD "broker \"mqtts://b\" { profile = %s }\n", profiles[_i].name);
	s = conf_load_text(text);
	b = &s->brokers[1];
	ck_assert_uint_eq(b->keepalive_s, expected->keepalive_s);
	ck_assert_uint_eq(b->max_message, expected->max_message);
	ck_assert_uint_eq(b->max_rate, expected->max_rate);
	ck_assert_uint_eq(b->max_bandwidth, expected->max_bandwidth);
	ck_assert_int_eq(b->protocol, expected->protocol);
	ck_assert_ptr_null(b->alpn);
	ck_assert_uint_eq(s->brokers[0].max_message, 0);
	settings_free(s);
}
END_TEST

/* Wherever they stand. */
START_TEST(settings_that_are_given_win_over_the_profile)
{
	struct settings *s = conf_load_text(
	    GOOD "broker \"mqtts://b:443\" { max-message = 5k max-rate = 7 profile = aws-iot "
		 "max-bandwidth = 9k keepalive = 30 protocol = 3.1.1 alpn = mqtt }\n"
		 "broker \"mqtts://c\" { protocol = any profile = shiftr }\n");
	const struct settings_broker *b = &s->brokers[1];

	ck_assert_uint_eq(b->max_message, 5000);
	ck_assert_uint_eq(b->max_rate, 7);
	ck_assert_uint_eq(b->max_bandwidth, 9000);
	ck_assert_uint_eq(b->keepalive_s, 30);
	ck_assert_int_eq(b->protocol, PROTOCOL_311);
	ck_assert_str_eq(b->alpn, "mqtt");
	ck_assert_int_eq(s->brokers[2].protocol, PROTOCOL_ANY);
	settings_free(s);
}
END_TEST

/* AWS serves HTTPS there too; on port 8883 there is nothing to choose. */
START_TEST(settings_of_a_profile_name_the_protocol_on_port_443)
{
	struct settings *s = conf_load_text(GOOD "broker \"mqtts://b:443\" { profile = aws-iot }\n"
						 "broker \"mqtt://c:443\" { profile = aws-iot }\n"
						 "broker \"mqtts://d:443\" { profile = hivemq }\n");

	ck_assert_str_eq(s->brokers[1].alpn, "x-amzn-mqtt-ca");
	ck_assert_ptr_null(s->brokers[2].alpn);
	ck_assert_ptr_null(s->brokers[3].alpn);
	settings_free(s);
}
END_TEST

static const struct {
	const char *text;
	uint32_t rate;
} rates[] = {{"1", 1}, {"999", 999}, {"1k", 1000}, {"250k", 250000}, {"1M", 1000000},
    {"1000000", 1000000}, {"1000k", 1000000}};

START_TEST(settings_take_a_letter_for_thousands)
{
	char text[256];
	struct settings *s;

	snprintf(text, sizeof(text), GOOD "broker b { max-rate = %s }\n", rates[_i].text);
	s = conf_load_text(text);
	ck_assert_uint_eq(s->brokers[1].max_rate, rates[_i].rate);
	settings_free(s);
}
END_TEST

START_TEST(settings_take_the_smallest_and_the_largest_limits)
{
	struct settings *s =
	    conf_load_text(GOOD "broker b { max-message = 1628 max-bandwidth = 1k }\n"
				"broker c { max-message = 268435455 }\n");

	ck_assert_uint_eq(s->brokers[1].max_message, 1628);
	ck_assert_uint_eq(s->brokers[1].max_bandwidth, 1000);
	ck_assert_uint_eq(s->brokers[2].max_message, 268435455);
	settings_free(s);
}
END_TEST

START_TEST(settings_take_every_key_of_a_peer)
{
	struct settings *s = conf_load_text(
	    GOOD "peer \"work.shop-1\" {\n\taddress = {10.0.1.2, \"fd00::2\"}\n"
		 "\troutes = {192.168.5.0/24, \"0.0.0.0/0\", 10.9.9.9, \"::/0\"}\n}\n"
		 "peer b { address = 10.0.1.3 routes = 0.0.0.0/1 }\n");

	ck_assert_uint_eq(s->peer_count, 2);
	ck_assert_str_eq(s->peers[0].name, "work.shop-1");
	ck_assert_uint_eq(s->peers[0].line, 4);
	ck_assert_uint_eq(s->peers[0].addr_count, 2);
	conf_assert_addr(&s->peers[0].addrs[1], "fd00::2");
	ck_assert_uint_eq(s->peers[0].route_count, 4);
	conf_assert_prefix(&s->peers[0].routes[1], "0.0.0.0/0");
	conf_assert_prefix(&s->peers[0].routes[2], "10.9.9.9/32");
	ck_assert_uint_eq(s->peers[1].line, 8);
	conf_assert_prefix(&s->peers[1].routes[0], "0.0.0.0/1");
	ck_assert_int_eq(s->peers[1].wire, WIRE_MQTT_VPN);
	settings_free(s);
}
END_TEST

START_TEST(settings_may_forward_for_an_address_that_a_peer_routes)
{
	struct settings *s =
	    conf_load_text(GOOD "peer a { address = 10.0.1.2 routes = 172.16.0.9 }\n"
				"forward = {172.16.0.9}\n");

	ck_assert_uint_eq(s->forward_count, 1);
	settings_free(s);
}
END_TEST

START_TEST(settings_take_every_form_of_a_broker)
{
	static const struct {
		const char *url;
		enum settings_transport transport;
		const char *host;
		uint16_t port;
	} cases[] = {
	    {"host", TRANSPORT_TCP, "host", 1883},
	    {"host.example.org.:1884", TRANSPORT_TCP, "host.example.org.", 1884},
	    {"192.0.2.1", TRANSPORT_TCP, "192.0.2.1", 1883},
	    {"[2001:db8::1]:65535", TRANSPORT_TCP, "2001:db8::1", 65535},
	    {"mqtt://host", TRANSPORT_TCP, "host", 1883},
	    {"tcp://host:1", TRANSPORT_TCP, "host", 1},
	    {"MQTTS://host/", TRANSPORT_TLS, "host", 8883},
	    {"ssl://host:443/", TRANSPORT_TLS, "host", 443},
	    {"tls://[::1]", TRANSPORT_TLS, "::1", 8883},
	    {"unix:///run/a b@c", TRANSPORT_UNIX, "/run/a b@c", 0},
	};
	struct settings_draft d;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ck_assert_int_eq(settings_draft_init(&d, SETTINGS_VPND), 0);
		ck_assert_msg(settings_add_broker(&d, cases[i].url) == 0, "%s", d.error);
		ck_assert_str_eq(d.s->brokers[0].url, cases[i].url);
		ck_assert_int_eq(d.s->brokers[0].transport, cases[i].transport);
		ck_assert_str_eq(d.s->brokers[0].host, cases[i].host);
		ck_assert_uint_eq(d.s->brokers[0].port, cases[i].port);
		settings_draft_clear(&d);
	}
}
END_TEST

START_TEST(settings_leave_dollars_and_escapes_to_the_shell)
{
	struct settings *s;

	setenv("HOME", "/somewhere", 1);
	s = conf_load_text("wire = mqtt_vpn\nbroker localhost { }\n"
			   "interface mq0 { address = 10.0.1.1/24\n"
			   "up = \"echo ${HOME} $HOME \\\"a\\\\b\\\" # // /* '\"\n"
			   "down = 'echo ${HOME} \\n \\\\ \\' \"'\n}\n");
	ck_assert_str_eq(s->up, "echo ${HOME} $HOME \"a\\b\" # // /* '");
	ck_assert_str_eq(s->down, "echo ${HOME} \\n \\ ' \"");
	settings_free(s);
}
END_TEST

START_TEST(settings_come_from_options_alone)
{
	struct settings *s =
	    conf_load_good("mqtt-vpnd -6 fd00::1 -p 48 -b mqtts://two -u me -d -n id -k secret "
			   "--forward=10.0.0.1,10.0.0.2" ENOUGH);

	ck_assert_ptr_null(s->file);
	ck_assert_uint_eq(s->addr_count, 2);
	conf_assert_prefix(&s->addrs[0], "10.0.1.1/24");
	conf_assert_prefix(&s->addrs[1], "fd00::1/48");
	ck_assert_uint_eq(s->broker_count, 2);
	ck_assert_str_eq(s->brokers[0].username, "me");
	ck_assert(s->brokers[0].tls_verify);
	ck_assert_str_eq(s->brokers[1].username, "me");
	ck_assert_str_eq(s->client_id, "id");
	ck_assert_str_eq(s->password, "secret");
	ck_assert_uint_eq(s->forward_count, 2);
	ck_assert_int_eq(s->log_level, LOG_LEVEL_DEBUG);
	ck_assert(s->foreground);
	settings_free(s);
}
END_TEST

START_TEST(settings_take_a_netmask_or_a_length)
{
	struct settings *s = conf_load_good("mqtt-vpnd -m 255.255.0.0" ENOUGH);

	conf_assert_prefix(&s->addrs[0], "10.0.1.1/16");
	settings_free(s);
	s = conf_load_good("mqtt-vpnd -i mq0 -a 10.0.1.1/8 -6 fd00::1/10 -b host --wire=mqtt_vpn");
	conf_assert_prefix(&s->addrs[0], "10.0.1.1/8");
	conf_assert_prefix(&s->addrs[1], "fd00::1/10");
	settings_free(s);
}
END_TEST

START_TEST(settings_let_options_win_over_the_file)
{
	struct settings *s;

	conf_put("key", "from the file\n", 0600);
	conf_write("wire = mqtt_vpn\nclient-id = a\npid-file = \"/a\"\nforward = {10.0.0.1}\n"
		   "passphrase-file = \"/nonexistent\"\nlog-level = error\n"
		   "interface a { address = {10.0.1.1/24, \"fd00::1/64\", 10.0.2.1/24} }\n"
		   "broker a { username = a } broker b { username = b }\n");
	s = conf_load_good("mqtt-vpnd -c conf -i b -a 10.0.3.1 -n b -P /b -s /c -k secret -u c "
			   "--forward=10.0.0.2 -d");
	ck_assert_str_eq(s->interface, "b");
	ck_assert_uint_eq(s->addr_count, 2);
	conf_assert_prefix(&s->addrs[0], "fd00::1/64");
	conf_assert_prefix(&s->addrs[1], "10.0.3.1/24");
	ck_assert_str_eq(s->client_id, "b");
	ck_assert_str_eq(s->pid_file, "/b");
	ck_assert_str_eq(s->control_socket, "/c");
	ck_assert_str_eq(s->password, "secret");
	ck_assert_uint_eq(s->forward_count, 1);
	conf_assert_addr(&s->forwards[0], "10.0.0.2");
	ck_assert_uint_eq(s->broker_count, 2);
	ck_assert_str_eq(s->brokers[0].username, "c");
	ck_assert_str_eq(s->brokers[1].username, "c");
	ck_assert_int_eq(s->log_level, LOG_LEVEL_DEBUG);
	settings_free(s);
}
END_TEST

START_TEST(settings_brokers_of_options_replace_those_of_the_file)
{
	struct settings *s;

	conf_write(GOOD "broker \"mqtts://b\" { tls-name = x }\n");
	s = conf_load_good("mqtt-vpnd -c conf -b mqtt://c");
	ck_assert_uint_eq(s->broker_count, 1);
	ck_assert_str_eq(s->brokers[0].url, "mqtt://c");
	ck_assert_ptr_null(s->brokers[0].tls_name);
	settings_free(s);
}
END_TEST

START_TEST(settings_name_the_right_line_after_options_took_values_away)
{
	conf_write("wire = mqtt_vpn\nbroker a { }\ninterface a { address = {10.0.1.1/24,\n"
		   "\"fd00::1/64\",\n\"fd00::1/48\"} }\n");
	conf_assert_refused("mqtt-vpnd -c conf -a 10.0.1.2",
	    "conf:5: address: this address is listed twice: expected it once");
}
END_TEST

START_TEST(settings_old_name_implies_the_wire_and_trusts_any_certificate)
{
	struct settings *s = conf_load_good(
	    "/usr/bin/mqtt_vpn -i mq0 -a 10.0.1.1 -b ssl://host -x 64 -u me -p secret");

	ck_assert(s->old_name && s->foreground);
	ck_assert(!s->brokers[0].tls_verify);
	ck_assert_str_eq(s->brokers[0].username, "me");
	ck_assert_str_eq(s->brokers[0].password, "secret");
	ck_assert_ptr_null(s->password);
	settings_free(s);
}
END_TEST

#define WARN_WIRE                                                                                \
	"the mqtt_vpn wire cannot tell a replayed packet from a new one, and any member of the " \
	"network can pose as any other\n"
#define WARN_BARE                                                                                  \
	"there is no passphrase: the broker, and whoever may subscribe there, can read and forge " \
	"all packets\n"
#define WARN_ARGS                                                                                  \
	"a password stood on the command line, where other users could have seen it: better keep " \
	"it in a file\n"

START_TEST(settings_warn_of_what_works_but_should_be_known)
{
	settings_free(conf_load_good("mqtt-vpnd" ENOUGH));
	ck_assert_str_eq(conf_warnings(), WARN_WIRE WARN_BARE);
	settings_free(conf_load_good("mqtt-vpnd -k secret" ENOUGH));
	ck_assert_str_eq(conf_warnings(), WARN_WIRE WARN_ARGS);
	settings_free(
	    conf_load_good("mqtt_vpn -i mq0 -a 10.0.1.1 -b tls://a -b b -u me -p x -k y"));
	ck_assert_str_eq(conf_warnings(),
	    WARN_WIRE WARN_ARGS "broker tls://a: its certificate is not checked (tls-verify): "
				"anyone on the way can pose as it\n"
				"broker b: the password goes to it unencrypted: anyone on the way "
				"can read it\n");
}
END_TEST

START_TEST(settings_do_not_warn_of_a_password_that_stays_on_the_host)
{
	settings_free(
	    conf_load_text("wire = mqtt_vpn\ninterface a { address = 10.0.1.1/24 }\n"
			   "broker localhost { username = a password-command = b }\n"
			   "broker 127.0.0.1 { username = a password-command = b }\n"
			   "broker \"mqtt://[::1]\" { username = a password-command = b }\n"
			   "broker \"unix:///s\" { username = a password-command = b }\n"
			   "broker \"mqtts://c\" { username = a password-command = b }\n"));
	ck_assert_str_eq(conf_warnings(), WARN_WIRE WARN_BARE);
}
END_TEST

START_TEST(settings_refuse_secrets_that_others_can_read)
{
	static const char *const keys[] = {
	    "passphrase-file = \"~/pw\"\n",
	    "broker \"mqtts://b\" { username = a\npassword-file = \"~/pw\" }\n",
	    "broker \"mqtts://b\" { certificate = \"~/pem\"\nkey = \"~/pw\" }\n",
	    ("broker \"mqtts://b\" { certificate = \"~/pem\" key = \"~/pem\"\n"
	     "key-passphrase-file = \"~/pw\" }\n"),
	};
	static const char *const places[] = {
	    "4: passphrase-file", "5: password-file", "5: key", "5: key-passphrase-file"};
	char *text = util_format("%s%s", GOOD, keys[_i]);
	char *message = util_format("conf:%s: %s/pw: holds a secret, but its mode is 0644; run: "
				    "chmod 0640 '%s/pw'",
	    places[_i], conf_dir(), conf_dir());

	conf_put("pw", "secret\n", 0644);
	conf_put("pem", "a key\n", 0600);
	conf_assert_text_refused(text, message);
	chmod("pw", 0640);
	settings_free(conf_load_text(text));
	free(text);
	free(message);
}
END_TEST

START_TEST(settings_take_the_first_line_as_the_passphrase)
{
	struct settings *s;

	conf_put("key", "with space \r\nrest\r\n", 0600);
	s = conf_load_text(GOOD "passphrase-file = \"~/key\"\n");
	ck_assert_str_eq(s->password, "with space ");
	settings_free(s);
}
END_TEST

START_TEST(settings_refuse_an_empty_passphrase)
{
	char *message = util_format("conf:4: passphrase-file: %s/key: the first line is empty: "
				    "expected the passphrase in it",
	    conf_dir());

	conf_put("key", _i == 0 ? "" : "\nsecret\n", 0600);
	conf_assert_text_refused(GOOD "passphrase-file = \"~/key\"\n", message);
	free(message);
}
END_TEST

START_TEST(settings_can_be_loaded_again_after_any_failure)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(refusals); i++) {
		char *error;

		conf_write(refusals[i].text);
		ck_assert_ptr_null(conf_load("mqtt-vpnd -c conf", &error));
		free(error);
		settings_free(conf_load_text(GOOD));
	}
}
END_TEST

START_TEST(settings_need_no_restart_for_what_a_reload_can_do)
{
	struct settings *a = conf_load_text(GOOD);
	struct settings *b =
	    conf_load_text("wire = mqtt_vpn\nlog-level = debug\nforward = {10.0.0.1}\n"
			   "interface \"mq0\" { address = {\"10.0.1.1/24\", "
			   "\"fd00::1/64\"} up = a down = b }\n"
			   "broker other { username = u password-command = p }\n"
			   "peer a { address = 10.0.1.2 routes = 10.2.0.0/16 }\n");

	ck_assert_ptr_null(settings_restart_needed(a, b));
	settings_free(a);
	settings_free(b);
}
END_TEST

START_TEST(settings_name_what_needs_a_restart)
{
	struct settings *a = conf_load_text(GOOD);
	struct settings *b;
	char *names;

	conf_put("key", "secret\n", 0600);
	b = conf_load_text("wire = mqtt_vpn\ntopic-prefix = x\nclient-id = x\npid-file = \"/x\"\n"
			   "control-socket = \"/x\"\ncontrol-group = x\nuser = x\ngroup = x\n"
			   "passphrase-file = \"~/key\"\n"
			   "interface \"mq1\" { address = {\"10.0.1.1/24\", \"fd00::1/65\"} "
			   "mtu = 1400 offload = no }\nbroker localhost { }\n");
	names = settings_restart_needed(a, b);
	ck_assert_str_eq(names, "interface name, address, mtu, offload, passphrase, topic-prefix, "
				"client-id, pid-file, control-socket, control-group, user, group");
	free(names);
	settings_free(a);
	settings_free(b);
}
END_TEST

START_TEST(settings_take_the_native_wire_by_default)
{
	struct settings *s;
	char host[256] = "";

	ck_assert_int_eq(gethostname(host, sizeof(host) - 1), 0);
	host[strcspn(host, ".")] = '\0';
	conf_put("psk", CONF_PASSPHRASE "\nmore\n", 0600);
	s = conf_load_text(NATIVE "peer a { address = 10.0.1.2 }\n");
	ck_assert_int_eq(s->wire, WIRE_NATIVE);
	ck_assert_int_eq(s->mode, MODE_PSK);
	ck_assert_str_eq(s->network, "home");
	ck_assert_str_eq(s->name, host);
	ck_assert_str_eq(s->passphrase, CONF_PASSPHRASE);
	ck_assert(!s->has_secret && !s->has_private_key);
	ck_assert_ptr_null(s->password);
	ck_assert_uint_eq(s->kdf_passes, 3);
	ck_assert_uint_eq(s->kdf_memory_mib, 64);
	ck_assert_uint_eq(s->rekey_s, 120);
	ck_assert_int_eq(s->padding, PADDING_NONE);
	ck_assert_int_eq(s->topics, TOPICS_HASHED);
	ck_assert_uint_eq(s->mtu, 1500);
	ck_assert_int_eq(s->peers[0].wire, WIRE_NATIVE);
	ck_assert(!s->peers[0].has_public_key);
	ck_assert_str_eq(conf_warnings(), "");
	settings_free(s);
}
END_TEST

START_TEST(settings_take_every_key_of_the_native_wire)
{
	struct settings *s;

	conf_put("psk", CONF_PASSPHRASE, 0600);
	conf_put("pw", "old secret\n", 0600);
	conf_put_key("key", 7);
	s = conf_load_text(
	    "wire = native\nmode = pubkey\nnetwork = \"a-b_1\"\nname = \"my node\"\n"
	    "passphrase-file = \"~/psk\"\nprivate-key-file = \"~/key\"\n"
	    "topics = plain\npadding = buckets\nrekey-interval = 3600\nkdf-passes = 16\n"
	    "kdf-memory = 1024\nmqtt-vpn-password-file = \"~/pw\"\n"
	    "interface a { address = 10.0.1.1/24 mtu = 65000 offload = udp }\n"
	    "broker b { }\n"
	    "peer a { address = 10.0.1.2 public-key = \"" CONF_KEY_1 "\" wire = native }\n"
	    "peer b { address = 10.0.1.3 wire = mqtt_vpn }\n"
	    "peer c { address = 10.0.1.4 public-key = \"" CONF_KEY_2 "\" }\n");
	ck_assert_int_eq(s->mode, MODE_PUBKEY);
	ck_assert_str_eq(s->network, "a-b_1");
	ck_assert_str_eq(s->name, "my node");
	ck_assert_str_eq(s->passphrase, CONF_PASSPHRASE);
	ck_assert(s->has_private_key && s->topics == TOPICS_PLAIN);
	conf_assert_key(s->private_key, 7);
	ck_assert_int_eq(s->padding, PADDING_BUCKETS);
	ck_assert_uint_eq(s->rekey_s, 3600);
	ck_assert_uint_eq(s->kdf_passes, 16);
	ck_assert_uint_eq(s->kdf_memory_mib, 1024);
	ck_assert_str_eq(s->password, "old secret");
	ck_assert_uint_eq(s->mtu, 65000);
	ck_assert_int_eq(s->offload, OFFLOAD_UDP);
	ck_assert(s->peers[0].has_public_key && !s->peers[1].has_public_key);
	conf_assert_key(s->peers[0].public_key, 1);
	ck_assert_int_eq(s->peers[0].wire, WIRE_NATIVE);
	ck_assert_int_eq(s->peers[1].wire, WIRE_MQTT_VPN);
	ck_assert_int_eq(s->peers[2].wire, WIRE_NATIVE);
	conf_assert_key(s->peers[2].public_key, 2);
	settings_free(s);
}
END_TEST

START_TEST(settings_take_a_network_from_options_alone)
{
	char *line = util_format("mqtt-vpnd -i mq0 -a 10.0.1.1 -b localhost --network=home "
				 "--passphrase-file=%s/psk",
	    conf_dir());
	struct settings *s;

	conf_put("psk", CONF_PASSPHRASE, 0600);
	s = conf_load_good(line);
	ck_assert_int_eq(s->wire, WIRE_NATIVE);
	ck_assert_str_eq(s->network, "home");
	ck_assert_str_eq(s->passphrase, CONF_PASSPHRASE);
	ck_assert_str_eq(conf_warnings(), "");
	settings_free(s);
	free(line);
}
END_TEST

START_TEST(settings_never_take_a_native_network_to_the_old_wire)
{
	conf_put("psk", CONF_PASSPHRASE, 0600);
	conf_write(NATIVE);
	conf_assert_refused("mqtt-vpnd -c conf --wire=mqtt_vpn", "conf:1: network: " OF_NO_USE);
}
END_TEST

START_TEST(settings_take_a_key_in_the_place_of_a_passphrase)
{
	struct settings *s;

	conf_put("psk", CONF_SECRET, 0600);
	s = conf_load_text(NATIVE);
	ck_assert(s->has_secret);
	for (uint8_t i = 0; i < AEAD_KEY_LEN; i++)
		ck_assert_uint_eq(s->secret[i], i);
	ck_assert_ptr_null(s->passphrase);
	settings_free(s);
}
END_TEST

START_TEST(settings_need_no_passphrase_where_there_are_keys)
{
	struct settings *s;

	conf_put_key("key", 7);
	s = conf_load_text(NETWORK "mode = pubkey private-key-file = \"~/key\"\n");
	ck_assert(!s->has_secret);
	ck_assert_ptr_null(s->passphrase);
	settings_free(s);
}
END_TEST

START_TEST(settings_refuse_keys_that_are_none)
{
	static const struct {
		const char *psk, *key, *message;
	} cases[] = {
	    {CONF_ZERO_KEY, CONF_KEY_1,
		"conf:4: passphrase-file: %s/psk: the key is all zero: expected one of "
		"'mqtt-vpnctl genpsk'"},
	    {CONF_SECRET, CONF_ZERO_KEY,
		"conf:5: private-key-file: %s/key: the key is all zero: expected one of "
		"'mqtt-vpnctl genkey'"},
	    {CONF_SECRET, CONF_KEY_1 "=",
		"conf:5: private-key-file: %s/key: the first line is not a key: expected 44 "
		"characters of base64, as 'mqtt-vpnctl genkey' prints them"},
	    {CONF_SECRET, "\n" CONF_KEY_1,
		"conf:5: private-key-file: %s/key: the first line is empty: expected the key in "
		"it"},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		char *message = util_format(cases[i].message, conf_dir());

		conf_put("psk", cases[i].psk, 0600);
		conf_put("key", cases[i].key, 0600);
		conf_assert_text_refused(
		    NATIVE "private-key-file = \"~/key\"\nmode = pubkey\n", message);
		free(message);
	}
}
END_TEST

START_TEST(settings_refuse_our_own_key_for_a_peer)
{
	char *text = conf_put_own_key("key");
	char *conf;

	conf = util_format(NETWORK "mode = pubkey private-key-file = \"~/key\"\n"
				   "peer a { address = 10.0.1.2 public-key = \"" CONF_KEY_1 "\" }\n"
				   "peer b { address = 10.0.1.3\npublic-key = \"%s\" }\n",
	    text);
	conf_assert_text_refused(
	    conf, "conf:7: public-key: this is this node's own key: expected that of the peer 'b'");
	free(conf);
	free(text);
}
END_TEST

/* Begins as it should, and ends so; how many bits it is worth may change with the dictionary. */
static void
assert_guessable(const char *text, unsigned int line)
{
	char *begin = util_format("conf:%u: passphrase-file: %s/psk: the passphrase can be "
				  "guessed, as it is worth about ",
	    line, conf_dir());
	char *error = conf_error_of(text);

	ck_assert_msg(strncmp(error, begin, strlen(begin)) == 0, "%s", error);
	ck_assert_msg(
	    strstr(error, " bits: expected 50 or more, as 'mqtt-vpnctl genpsk' makes them") != NULL,
	    "%s", error);
	free(begin);
	free(error);
}

START_TEST(settings_refuse_a_passphrase_that_can_be_guessed)
{
	static const char *const words[] = {"x", "secret", "correct horse", "Tr0ub4dor&3",
	    "qwertyuiopasdfgh", "19700101", "homehome", "correct horse battery staple",
	    "to be or not to be that is the question", "home home home home home home home home",
	    "\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c",
	    "passwordpasswordpasswordpasswordpasswordpas="};

	conf_put("psk", words[_i], 0600);
	assert_guessable(NATIVE, 4);
}
END_TEST

START_TEST(settings_know_that_names_are_guessed_first)
{
	struct settings *s;
	char host[256] = "";

	ck_assert_int_eq(gethostname(host, sizeof(host) - 1), 0);
	conf_put("psk", "fjdkwpqz-Xbvmrtyl", 0600);
	s = conf_load_text(NATIVE);
	settings_free(s);
	assert_guessable(NATIVE "name = \"fjdkwpqz-xbvmrtyl\"\n", 4);
	assert_guessable(NATIVE "name = \"xbvmrtyl fjdkwpqz\"\n", 4);
	assert_guessable("interface \"mq0\" { address = \"10.0.1.1/24\" }\n"
			 "broker \"mqtt://localhost\" { }\n"
			 "passphrase-file = \"~/psk\"\nnetwork = \"xbvmrtyl_fjdkwpqz\"\n",
	    3);
	conf_put("psk", host, 0600);
	assert_guessable(NATIVE "name = other\n", 4);
}
END_TEST

START_TEST(settings_judge_long_passphrases_by_their_beginning)
{
	char text[1026] = CONF_PASSPHRASE;
	char *message = util_format("conf:4: passphrase-file: %s/psk: the passphrase has 1025 "
				    "characters: expected 1024 at most",
	    conf_dir());
	struct settings *s;

	memset(text + strlen(text), 'a', 1024 - strlen(text));
	conf_put("psk", text, 0600);
	s = conf_load_text(NATIVE);
	ck_assert_str_eq(s->passphrase, text);
	settings_free(s);
	text[1024] = 'a';
	conf_put("psk", text, 0600);
	conf_assert_text_refused(NATIVE, message);
	free(message);
	memset(text, 'a', sizeof(text) - 2);
	strcpy(text + 100, CONF_PASSPHRASE CONF_PASSPHRASE);
	conf_put("psk", text, 0600);
	assert_guessable(NATIVE, 4);
}
END_TEST

START_TEST(settings_judge_no_password_of_the_old_wire)
{
	struct settings *s;

	conf_put("psk", "x", 0600);
	s = conf_load_text(GOOD "passphrase-file = \"~/psk\"\n");
	ck_assert_str_eq(s->password, "x");
	ck_assert_ptr_null(s->passphrase);
	settings_free(s);
}
END_TEST

#define WARN_OLD_PEERS                                                                          \
	"there are peers with wire = mqtt_vpn: that wire cannot tell a replayed packet from a " \
	"new one, and whoever has its password can pose as these peers\n"
#define WARN_OLD_PEERS_BARE                                                                     \
	"there is no mqtt-vpn-password-file: the broker, and whoever may subscribe there, can " \
	"read and forge all packets of the peers with wire = mqtt_vpn\n"

START_TEST(settings_warn_of_peers_on_the_old_wire)
{
	conf_put("psk", CONF_PASSPHRASE, 0600);
	conf_put("pw", "x", 0600);
	settings_free(conf_load_text(NATIVE "peer a { address = 10.0.1.2 wire = mqtt_vpn }\n"
					    "mqtt-vpn-password-file = \"~/pw\"\n"));
	ck_assert_str_eq(conf_warnings(), WARN_OLD_PEERS);
	settings_free(conf_load_text(NATIVE "peer a { address = 10.0.1.2 wire = mqtt_vpn }\n"));
	ck_assert_str_eq(conf_warnings(), WARN_OLD_PEERS WARN_OLD_PEERS_BARE);
}
END_TEST

START_TEST(settings_name_what_of_the_native_wire_needs_a_restart)
{
	struct settings *a, *b, *c;
	char *names;

	conf_put("psk", CONF_PASSPHRASE, 0600);
	conf_put("pw", "x", 0600);
	conf_put_key("key", 7);
	a = conf_load_text(NATIVE "peer a { address = 10.0.1.2 wire = mqtt_vpn }\n");
	conf_put("psk", CONF_SECRET, 0600);
	b = conf_load_text("network = x name = x passphrase-file = \"~/psk\" mode = pubkey\n"
			   "private-key-file = \"~/key\" kdf-passes = 1 kdf-memory = 8\n"
			   "rekey-interval = 1 padding = 16 topics = plain\n"
			   "mqtt-vpn-password-file = \"~/pw\"\n"
			   "interface mq0 { address = 10.0.1.1/24 } broker b { }\n"
			   "peer a { address = 10.0.1.2 wire = mqtt_vpn }\n");
	names = settings_restart_needed(a, b);
	ck_assert_str_eq(names, "mode, network, name, passphrase, private key, kdf-passes, "
				"kdf-memory, rekey-interval, padding, topics");
	free(names);
	c = conf_load_text(GOOD);
	names = settings_restart_needed(a, c);
	ck_assert_str_eq(names, "address, wire, network, name, passphrase");
	free(names);
	settings_free(a);
	settings_free(b);
	settings_free(c);
}
END_TEST

START_TEST(settings_need_no_restart_for_other_peers)
{
	struct settings *a, *b;

	conf_put_key("key", 7);
	a = conf_load_text(
	    NETWORK "mode = pubkey private-key-file = \"~/key\"\n"
		    "peer a { address = 10.0.1.2 public-key = \"" CONF_KEY_1 "\" }\n");
	b = conf_load_text(NETWORK "mode = pubkey private-key-file = \"~/key\"\n"
				   "peer a { address = 10.0.1.2 public-key = \"" CONF_KEY_2 "\" }\n"
				   "peer b { address = 10.0.1.3 wire = mqtt_vpn }\n");
	ck_assert_ptr_null(settings_restart_needed(a, b));
	settings_free(a);
	settings_free(b);
}
END_TEST

#define THOUSANDS 10000

START_TEST(settings_take_thousands_of_peers)
{
	char *text = NULL;
	struct settings *s;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	uint8_t key[AEAD_KEY_LEN] = {1};
	char key_text[AEAD_KEY_TEXT];
	unsigned int i;

	fputs(NETWORK "mode = pubkey private-key-file = \"~/key\"\n", f);
	for (i = 0; i < THOUSANDS; i++) {
		memcpy(key + 1, &i, sizeof(i));
		aead_key_format(key_text, key);
		fprintf(f,
		    "peer n%u { public-key = \"%s\"\naddress = 10.9.%u.%u routes = 10.%u.%u.0/24 "
		    "wire = native }\n",
		    i, key_text, i / 200, i % 200 + 1, 10 + i / 200, i % 200);
	}
	fputs("peer last { public-key = \"" CONF_KEY_1 "\"\naddress = 10.9.49.200 }\n", f);
	ck_assert_int_eq(fclose(f), 0);
	conf_put_key("key", 7);
	conf_assert_text_refused(text,
	    "conf:20006: address: 10.9.49.200 is given to peer 'n9999' in line 20003 already: "
	    "expected it once");
	*strstr(text, "peer last") = '\0';
	s = conf_load_text(text);
	ck_assert_uint_eq(s->peer_count, THOUSANDS);
	ck_assert_str_eq(s->peers[THOUSANDS - 1].name, "n9999");
	settings_free(s);
	free(text);
}
END_TEST

static TCase *
refusal_case(void)
{
	TCase *t = tcase_create("refusals");

	tcase_add_checked_fixture(t, conf_setup, conf_teardown);
	tcase_add_loop_test(
	    t, settings_refuse_with_file_line_and_what_was_expected, 0, (int)ARRAY_LEN(refusals));
	tcase_add_loop_test(t, settings_refuse_with_the_option_and_what_was_expected, 0,
	    (int)ARRAY_LEN(option_refusals));
	tcase_add_test(t, settings_refuse_a_file_with_nul_bytes);
	tcase_add_loop_test(t, settings_refuse_secrets_that_others_can_read, 0, 4);
	tcase_add_loop_test(t, settings_refuse_an_empty_passphrase, 0, 2);
	tcase_add_test(t, settings_name_the_right_line_after_options_took_values_away);
	tcase_add_test(t, settings_can_be_loaded_again_after_any_failure);
	tcase_add_test(t, settings_never_take_a_native_network_to_the_old_wire);
	tcase_add_test(t, settings_refuse_keys_that_are_none);
	tcase_add_test(t, settings_refuse_our_own_key_for_a_peer);
	tcase_add_loop_test(t, settings_refuse_a_passphrase_that_can_be_guessed, 0, 12);
	tcase_add_test(t, settings_know_that_names_are_guessed_first);
	tcase_add_test(t, settings_judge_long_passphrases_by_their_beginning);
	tcase_add_test(t, settings_judge_no_password_of_the_old_wire);
	return t;
}

static TCase *
value_case(void)
{
	TCase *t = tcase_create("values");

	tcase_add_checked_fixture(t, conf_setup, conf_teardown);
	tcase_add_test(t, settings_have_defaults);
	tcase_add_test(t, settings_take_every_key_outside_the_sections);
	tcase_add_test(t, settings_take_every_key_of_an_interface);
	tcase_add_test(t, settings_take_every_key_of_a_broker);
	tcase_add_loop_test(t, settings_take_a_letter_for_thousands, 0, (int)ARRAY_LEN(rates));
	tcase_add_loop_test(
	    t, settings_of_a_profile_stand_for_those_not_given, 0, (int)ARRAY_LEN(profiles));
	tcase_add_test(t, settings_that_are_given_win_over_the_profile);
	tcase_add_test(t, settings_of_a_profile_name_the_protocol_on_port_443);
	tcase_add_test(t, settings_take_the_smallest_and_the_largest_limits);
	tcase_add_test(t, settings_take_every_key_of_a_peer);
	tcase_add_test(t, settings_take_the_native_wire_by_default);
	tcase_add_test(t, settings_take_every_key_of_the_native_wire);
	tcase_add_test(t, settings_take_a_key_in_the_place_of_a_passphrase);
	tcase_add_test(t, settings_need_no_passphrase_where_there_are_keys);
	tcase_add_test(t, settings_take_thousands_of_peers);
	tcase_add_test(t, settings_may_forward_for_an_address_that_a_peer_routes);
	tcase_add_test(t, settings_take_every_form_of_a_broker);
	tcase_add_test(t, settings_leave_dollars_and_escapes_to_the_shell);
	tcase_add_test(t, settings_take_the_first_line_as_the_passphrase);
	return t;
}

static TCase *
option_case(void)
{
	TCase *t = tcase_create("options");

	tcase_add_checked_fixture(t, conf_setup, conf_teardown);
	tcase_add_test(t, settings_come_from_options_alone);
	tcase_add_test(t, settings_take_a_network_from_options_alone);
	tcase_add_test(t, settings_take_a_netmask_or_a_length);
	tcase_add_test(t, settings_let_options_win_over_the_file);
	tcase_add_test(t, settings_brokers_of_options_replace_those_of_the_file);
	tcase_add_test(t, settings_old_name_implies_the_wire_and_trusts_any_certificate);
	tcase_add_test(t, settings_warn_of_what_works_but_should_be_known);
	tcase_add_test(t, settings_do_not_warn_of_a_password_that_stays_on_the_host);
	tcase_add_test(t, settings_need_no_restart_for_what_a_reload_can_do);
	tcase_add_test(t, settings_name_what_needs_a_restart);
	tcase_add_test(t, settings_name_what_of_the_native_wire_needs_a_restart);
	tcase_add_test(t, settings_need_no_restart_for_other_peers);
	tcase_add_test(t, settings_warn_of_peers_on_the_old_wire);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("settings");
	SRunner *r;
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;

	suite_add_tcase(s, refusal_case());
	suite_add_tcase(s, value_case());
	suite_add_tcase(s, option_case());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
