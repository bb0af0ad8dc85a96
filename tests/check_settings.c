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

#include "options.h"
#include "settings_internal.h"
#include "settings_refusals.h"
#include "util.h"

#define WORDS_MAX 32
#define GOOD                                                                  \
	"wire = mqtt_vpn\n"                                                   \
	"interface \"mq0\" { address = {\"10.0.1.1/24\", \"fd00::1/64\"} }\n" \
	"broker \"mqtt://localhost\" { }\n"

#define TEMPLATE "/tmp/check_settings.XXXXXX"

static char dir[] = TEMPLATE;
static char warnings[4096];

static void
setup(void)
{
	strcpy(dir, TEMPLATE);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

static void
teardown(void)
{
	static const char *const names[] = {"conf", "key", "pw", "pem", "other"};
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		unlink(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
warn(const char *text)
{
	strcat(warnings, text);
	strcat(warnings, "\n");
}

static void
write_bytes(const char *name, const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(name, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(name, mode), 0);
}

static void
write_text(const char *name, const char *text, mode_t mode)
{
	write_bytes(name, text, strlen(text), mode);
}

/* Each "~" in a configuration stands for the test's directory. */
static void
write_conf(const char *text)
{
	char *whole = NULL;
	size_t len;
	FILE *f = open_memstream(&whole, &len);

	for (; *text != '\0'; text++) {
		if (*text == '~')
			fputs(dir, f);
		else
			fputc(*text, f);
	}
	ck_assert_int_eq(fclose(f), 0);
	write_bytes("conf", whole, len, 0644);
	free(whole);
}

/* As main() would, with the words of line. */
static struct settings *
load(const char *line, char **error)
{
	char *copy = strdup(line);
	char *rest = copy;
	char *argv[WORDS_MAX + 1] = {0};
	struct settings *s;
	struct options o;
	int argc = 0;

	while (argc < WORDS_MAX && (argv[argc] = strsep(&rest, " ")) != NULL)
		argc++;
	ck_assert_msg(options_parse(&o, argc, argv, error) == 0, "%s", *error);
	warnings[0] = '\0';
	s = settings_load(&o, warn, error);
	options_clear(&o);
	free(copy);
	return s;
}

static struct settings *
load_good(const char *line)
{
	char *error;
	struct settings *s = load(line, &error);

	ck_assert_msg(s != NULL, "%s", error);
	ck_assert_ptr_null(error);
	return s;
}

static struct settings *
load_text(const char *text)
{
	write_conf(text);
	return load_good("mqtt-vpnd -c conf");
}

static void
assert_refused(const char *line, const char *message)
{
	char *error;

	ck_assert_ptr_null(load(line, &error));
	ck_assert_str_eq(error, message);
	free(error);
}

static void
assert_text_refused(const char *text, const char *message)
{
	write_conf(text);
	assert_refused("mqtt-vpnd -c conf", message);
}

static void
assert_prefix(const struct prefix *p, const char *text)
{
	char buf[PREFIX_TEXT_MAX];

	ck_assert_str_eq(prefix_format(p, buf), text);
}

static void
assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_format(a, buf), text);
}

START_TEST(settings_refuse_with_file_line_and_what_was_expected)
{
	const struct refusal *r = &refusals[_i];
	char *text = util_format("%s%s", r->after_good ? GOOD : "", r->text);
	char *message = util_format("conf%s", r->message);

	assert_text_refused(text, message);
	free(text);
	free(message);
}
END_TEST

START_TEST(settings_refuse_with_the_option_and_what_was_expected)
{
	assert_refused(option_refusals[_i].line, option_refusals[_i].message);
}
END_TEST

START_TEST(settings_refuse_a_file_with_nul_bytes)
{
	write_bytes("conf", "wire\0", 5, 0644);
	assert_refused("mqtt-vpnd -c conf", "conf: not a regular file, or it holds NUL bytes: "
					    "expected a configuration file of plain text");
}
END_TEST

START_TEST(settings_have_defaults)
{
	struct settings *s = load_text(GOOD);

	ck_assert_str_eq(s->file, "conf");
	ck_assert_str_eq(s->interface, "mq0");
	ck_assert_uint_eq(s->mtu, 1500);
	ck_assert_str_eq(s->topic_prefix, "mqttip");
	ck_assert_int_eq(s->log_level, LOG_LEVEL_INFO);
	ck_assert_ptr_null(s->client_id);
	ck_assert_ptr_null(s->password);
	ck_assert(!s->foreground && !s->old_name);
	ck_assert_uint_eq(s->brokers[0].keepalive_s, 60);
	ck_assert_uint_eq(s->brokers[0].timeout_s, 10);
	ck_assert(s->brokers[0].tls_verify);
	ck_assert_ptr_null(s->brokers[0].tls_min_version);
	settings_free(s);
}
END_TEST

START_TEST(settings_take_every_key_outside_the_sections)
{
	struct settings *s;

	write_text("key", "correct horse\nsecond line\n", 0600);
	s = load_text(GOOD "passphrase-file = \"~/key\"\n"
			   "topic-prefix = \"a-b/c_d\"\nclient-id = \"me\"\n"
			   "forward = {\"172.16.0.1\", \"fd00:5::1\"}\nforward += {172.16.0.2}\n"
			   "log-level = warning\npid-file = \"/p\"\ncontrol-socket = \"/s\"\n"
			   "control-group = g\nuser = u\ngroup = v\n");
	ck_assert_str_eq(s->password, "correct horse");
	ck_assert_str_eq(s->topic_prefix, "a-b/c_d");
	ck_assert_str_eq(s->client_id, "me");
	ck_assert_uint_eq(s->forward_count, 3);
	assert_addr(&s->forwards[1], "fd00:5::1");
	assert_addr(&s->forwards[2], "172.16.0.2");
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
	struct settings *s = load_text("wire = mqtt_vpn\nbroker localhost { }\n"
				       "interface \"mq%d\" {\n"
				       "address = {10.0.1.1/24, # comment within a list\n"
				       "\t\"fd00::1/64\", /* and another */ 10.0.2.1/31}\n"
				       "mtu = 1280 up = \"one; two\" down = 'three'\n}\n");

	ck_assert_str_eq(s->interface, "mq%d");
	ck_assert_uint_eq(s->addr_count, 3);
	assert_prefix(&s->addrs[0], "10.0.1.1/24");
	assert_prefix(&s->addrs[1], "fd00::1/64");
	assert_prefix(&s->addrs[2], "10.0.2.1/31");
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

	write_text("pw", "secret\n", 0600);
	write_text("pem", "a key and a certificate\n", 0600);
	s = load_text(GOOD "broker \"mqtts://one\" { username = me password-file = \"~/pw\" "
			   "ca-file = \"~/pem\" crl-file = \"~/pem\" certificate = \"~/pem\" "
			   "key = \"~/pem\" key-passphrase-file = \"~/pw\" alpn = mqtt "
			   "tls-name = other tls-min-version = 1.3 tls-verify = off "
			   "keepalive = 5 timeout = 120 }\n"
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
	ck_assert_str_eq(s->brokers[2].password_command, "echo token");
	settings_free(s);
}
END_TEST

START_TEST(settings_take_every_key_of_a_peer)
{
	struct settings *s =
	    load_text(GOOD "peer \"work.shop-1\" {\n\taddress = {10.0.1.2, \"fd00::2\"}\n"
			   "\troutes = {192.168.5.0/24, \"0.0.0.0/0\", 10.9.9.9, \"::/0\"}\n}\n"
			   "peer b { address = 10.0.1.3 routes = 0.0.0.0/1 }\n");

	ck_assert_uint_eq(s->peer_count, 2);
	ck_assert_str_eq(s->peers[0].name, "work.shop-1");
	ck_assert_uint_eq(s->peers[0].line, 4);
	ck_assert_uint_eq(s->peers[0].addr_count, 2);
	assert_addr(&s->peers[0].addrs[1], "fd00::2");
	ck_assert_uint_eq(s->peers[0].route_count, 4);
	assert_prefix(&s->peers[0].routes[1], "0.0.0.0/0");
	assert_prefix(&s->peers[0].routes[2], "10.9.9.9/32");
	ck_assert_uint_eq(s->peers[1].line, 8);
	assert_prefix(&s->peers[1].routes[0], "0.0.0.0/1");
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
		ck_assert_int_eq(settings_draft_init(&d), 0);
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
	s = load_text("wire = mqtt_vpn\nbroker localhost { }\n"
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
	    load_good("mqtt-vpnd -6 fd00::1 -p 48 -b mqtts://two -u me -d -n id -k secret "
		      "--forward=10.0.0.1,10.0.0.2" ENOUGH);

	ck_assert_ptr_null(s->file);
	ck_assert_uint_eq(s->addr_count, 2);
	assert_prefix(&s->addrs[0], "10.0.1.1/24");
	assert_prefix(&s->addrs[1], "fd00::1/48");
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
	struct settings *s = load_good("mqtt-vpnd -m 255.255.0.0" ENOUGH);

	assert_prefix(&s->addrs[0], "10.0.1.1/16");
	settings_free(s);
	s = load_good("mqtt-vpnd -i mq0 -a 10.0.1.1/8 -6 fd00::1/10 -b host --wire=mqtt_vpn");
	assert_prefix(&s->addrs[0], "10.0.1.1/8");
	assert_prefix(&s->addrs[1], "fd00::1/10");
	settings_free(s);
}
END_TEST

START_TEST(settings_let_options_win_over_the_file)
{
	struct settings *s;

	write_text("key", "from the file\n", 0600);
	write_conf("wire = mqtt_vpn\nclient-id = a\npid-file = \"/a\"\nforward = {10.0.0.1}\n"
		   "passphrase-file = \"/nonexistent\"\nlog-level = error\n"
		   "interface a { address = {10.0.1.1/24, \"fd00::1/64\", 10.0.2.1/24} }\n"
		   "broker a { username = a } broker b { username = b }\n");
	s = load_good("mqtt-vpnd -c conf -i b -a 10.0.3.1 -n b -P /b -s /c -k secret -u c "
		      "--forward=10.0.0.2 -d");
	ck_assert_str_eq(s->interface, "b");
	ck_assert_uint_eq(s->addr_count, 2);
	assert_prefix(&s->addrs[0], "fd00::1/64");
	assert_prefix(&s->addrs[1], "10.0.3.1/24");
	ck_assert_str_eq(s->client_id, "b");
	ck_assert_str_eq(s->pid_file, "/b");
	ck_assert_str_eq(s->control_socket, "/c");
	ck_assert_str_eq(s->password, "secret");
	ck_assert_uint_eq(s->forward_count, 1);
	assert_addr(&s->forwards[0], "10.0.0.2");
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

	write_conf(GOOD "broker \"mqtts://b\" { tls-name = x }\n");
	s = load_good("mqtt-vpnd -c conf -b mqtt://c");
	ck_assert_uint_eq(s->broker_count, 1);
	ck_assert_str_eq(s->brokers[0].url, "mqtt://c");
	ck_assert_ptr_null(s->brokers[0].tls_name);
	settings_free(s);
}
END_TEST

START_TEST(settings_name_the_right_line_after_options_took_values_away)
{
	write_conf("wire = mqtt_vpn\nbroker a { }\ninterface a { address = {10.0.1.1/24,\n"
		   "\"fd00::1/64\",\n\"fd00::1/48\"} }\n");
	assert_refused("mqtt-vpnd -c conf -a 10.0.1.2",
	    "conf:5: address: this address is listed twice: expected it once");
}
END_TEST

START_TEST(settings_old_name_implies_the_wire_and_trusts_any_certificate)
{
	struct settings *s =
	    load_good("/usr/bin/mqtt_vpn -i mq0 -a 10.0.1.1 -b ssl://host -x 64 -u me -p secret");

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
	settings_free(load_good("mqtt-vpnd" ENOUGH));
	ck_assert_str_eq(warnings, WARN_WIRE WARN_BARE);
	settings_free(load_good("mqtt-vpnd -k secret" ENOUGH));
	ck_assert_str_eq(warnings, WARN_WIRE WARN_ARGS);
	settings_free(load_good("mqtt_vpn -i mq0 -a 10.0.1.1 -b tls://a -b b -u me -p x -k y"));
	ck_assert_str_eq(warnings,
	    WARN_WIRE WARN_ARGS "broker tls://a: its certificate is not checked (tls-verify): "
				"anyone on the way can pose as it\n"
				"broker b: the password goes to it unencrypted: anyone on the way "
				"can read it\n");
}
END_TEST

START_TEST(settings_do_not_warn_of_a_password_that_stays_on_the_host)
{
	settings_free(load_text("wire = mqtt_vpn\ninterface a { address = 10.0.1.1/24 }\n"
				"broker localhost { username = a password-command = b }\n"
				"broker 127.0.0.1 { username = a password-command = b }\n"
				"broker \"mqtt://[::1]\" { username = a password-command = b }\n"
				"broker \"unix:///s\" { username = a password-command = b }\n"
				"broker \"mqtts://c\" { username = a password-command = b }\n"));
	ck_assert_str_eq(warnings, WARN_WIRE WARN_BARE);
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
	    places[_i], dir, dir);

	write_text("pw", "secret\n", 0644);
	write_text("pem", "a key\n", 0600);
	assert_text_refused(text, message);
	chmod("pw", 0640);
	settings_free(load_text(text));
	free(text);
	free(message);
}
END_TEST

START_TEST(settings_take_the_first_line_as_the_passphrase)
{
	struct settings *s;

	write_text("key", "with space \r\nrest\r\n", 0600);
	s = load_text(GOOD "passphrase-file = \"~/key\"\n");
	ck_assert_str_eq(s->password, "with space ");
	settings_free(s);
}
END_TEST

START_TEST(settings_refuse_an_empty_passphrase)
{
	char *message = util_format("conf:4: passphrase-file: %s/key: the first line is empty: "
				    "expected the passphrase in it",
	    dir);

	write_text("key", _i == 0 ? "" : "\nsecret\n", 0600);
	assert_text_refused(GOOD "passphrase-file = \"~/key\"\n", message);
	free(message);
}
END_TEST

START_TEST(settings_can_be_loaded_again_after_any_failure)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(refusals); i++) {
		char *error;

		write_conf(refusals[i].text);
		ck_assert_ptr_null(load("mqtt-vpnd -c conf", &error));
		free(error);
		settings_free(load_text(GOOD));
	}
}
END_TEST

START_TEST(settings_need_no_restart_for_what_a_reload_can_do)
{
	struct settings *a = load_text(GOOD);
	struct settings *b = load_text("wire = mqtt_vpn\nlog-level = debug\nforward = {10.0.0.1}\n"
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
	struct settings *a = load_text(GOOD);
	struct settings *b;
	char *names;

	write_text("key", "secret\n", 0600);
	b = load_text("wire = mqtt_vpn\ntopic-prefix = x\nclient-id = x\npid-file = \"/x\"\n"
		      "control-socket = \"/x\"\ncontrol-group = x\nuser = x\ngroup = x\n"
		      "passphrase-file = \"~/key\"\n"
		      "interface \"mq1\" { address = {\"10.0.1.1/24\", \"fd00::1/65\"} "
		      "mtu = 1400 }\nbroker localhost { }\n");
	names = settings_restart_needed(a, b);
	ck_assert_str_eq(names, "interface name, address, mtu, passphrase, topic-prefix, "
				"client-id, pid-file, control-socket, control-group, user, group");
	free(names);
	settings_free(a);
	settings_free(b);
}
END_TEST

/* The same file that is installed. */
static char *
read_sample(void)
{
	char *text = util_read_file(SRCDIR "/etc/mqtt-vpn.conf", 65536);

	ck_assert_ptr_nonnull(text);
	return text;
}

START_TEST(settings_sample_says_that_the_broker_is_missing)
{
	char *text = read_sample();

	write_text("conf", text, 0644);
	assert_refused("mqtt-vpnd -c conf", "conf: broker: missing: expected at least one, as in "
					    "broker \"mqtt://HOST\" { }");
	free(text);
}
END_TEST

START_TEST(settings_sample_works_when_its_three_lines_are_edited)
{
	char *text = read_sample();
	char *broker = strstr(text, "#broker \"mqtts://broker.example.org\" { }");
	char *passphrase = strstr(text, "#passphrase-file = \"/etc/mqtt-vpn.key\"");

	ck_assert_ptr_nonnull(broker);
	ck_assert_ptr_nonnull(passphrase);
	*broker = ' ';
	write_text("conf", text, 0644);
	settings_free(load_good("mqtt-vpnd -c conf"));
	*passphrase = ' ';
	write_text("conf", text, 0644);
	settings_free(load_good("mqtt-vpnd -c conf -k secret"));
	free(text);
}
END_TEST

START_TEST(settings_take_the_examples_of_the_manual)
{
	static const char begin[] = "\n.Bd -literal -offset indent\nwire = ";
	char *manual = util_read_file(SRCDIR "/man/mqtt-vpn.conf.5", 262144);
	char *rest = manual;
	struct settings_draft d;
	size_t count = 0;
	char *example;

	ck_assert_ptr_nonnull(manual);
	while ((example = strstr(rest, begin)) != NULL) {
		example += strlen(begin) - strlen("wire = ");
		rest = strstr(example, ".Ed");
		ck_assert_ptr_nonnull(rest);
		*rest++ = '\0';
		ck_assert_int_eq(settings_draft_init(&d), 0);
		ck_assert_msg(settings_parse(&d, example) == 0, "%s%s", d.error, example);
		ck_assert_msg(settings_check(&d) == 0, "%s\n%s", d.error, example);
		settings_draft_clear(&d);
		count++;
	}
	ck_assert_uint_eq(count, 5);
	free(manual);
}
END_TEST

START_TEST(settings_keys_are_in_the_manual_and_in_the_sample)
{
	char *manual = util_read_file(SRCDIR "/man/mqtt-vpn.conf.5", 262144);
	char *sample = read_sample();
	const struct settings_key *k;
	char *item, *line;

	ck_assert_ptr_nonnull(manual);
	for (k = settings_keys(); k->name != NULL; k++) {
		if (k->native)
			continue;
		item = util_format("\n.It Ic %s = ", k->name);
		line = util_format("%s = ", k->name);
		ck_assert_msg(strstr(manual, item) != NULL, "%s is not in the manual", k->name);
		ck_assert_msg(strstr(sample, line) != NULL, "%s is not in the sample", k->name);
		free(item);
		free(line);
	}
	free(manual);
	free(sample);
}
END_TEST

static TCase *
refusal_case(void)
{
	TCase *t = tcase_create("refusals");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, settings_refuse_with_file_line_and_what_was_expected, 0, (int)ARRAY_LEN(refusals));
	tcase_add_loop_test(t, settings_refuse_with_the_option_and_what_was_expected, 0,
	    (int)ARRAY_LEN(option_refusals));
	tcase_add_test(t, settings_refuse_a_file_with_nul_bytes);
	tcase_add_loop_test(t, settings_refuse_secrets_that_others_can_read, 0, 4);
	tcase_add_loop_test(t, settings_refuse_an_empty_passphrase, 0, 2);
	tcase_add_test(t, settings_name_the_right_line_after_options_took_values_away);
	tcase_add_test(t, settings_can_be_loaded_again_after_any_failure);
	return t;
}

static TCase *
value_case(void)
{
	TCase *t = tcase_create("values");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, settings_have_defaults);
	tcase_add_test(t, settings_take_every_key_outside_the_sections);
	tcase_add_test(t, settings_take_every_key_of_an_interface);
	tcase_add_test(t, settings_take_every_key_of_a_broker);
	tcase_add_test(t, settings_take_every_key_of_a_peer);
	tcase_add_test(t, settings_take_every_form_of_a_broker);
	tcase_add_test(t, settings_leave_dollars_and_escapes_to_the_shell);
	tcase_add_test(t, settings_take_the_first_line_as_the_passphrase);
	tcase_add_test(t, settings_sample_says_that_the_broker_is_missing);
	tcase_add_test(t, settings_sample_works_when_its_three_lines_are_edited);
	tcase_add_test(t, settings_take_the_examples_of_the_manual);
	tcase_add_test(t, settings_keys_are_in_the_manual_and_in_the_sample);
	return t;
}

static TCase *
option_case(void)
{
	TCase *t = tcase_create("options");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, settings_come_from_options_alone);
	tcase_add_test(t, settings_take_a_netmask_or_a_length);
	tcase_add_test(t, settings_let_options_win_over_the_file);
	tcase_add_test(t, settings_brokers_of_options_replace_those_of_the_file);
	tcase_add_test(t, settings_old_name_implies_the_wire_and_trusts_any_certificate);
	tcase_add_test(t, settings_warn_of_what_works_but_should_be_known);
	tcase_add_test(t, settings_do_not_warn_of_a_password_that_stays_on_the_host);
	tcase_add_test(t, settings_need_no_restart_for_what_a_reload_can_do);
	tcase_add_test(t, settings_name_what_needs_a_restart);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("settings");
	SRunner *r;
	int failed;

	suite_add_tcase(s, refusal_case());
	suite_add_tcase(s, value_case());
	suite_add_tcase(s, option_case());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
