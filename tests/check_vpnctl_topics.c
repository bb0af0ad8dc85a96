/*
 * Tests of vpnctl_topics: what it prints is what the check values of the native wire say, whose
 * topics an independent program computed.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_topics.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aead.h"
#include "aead_hash.h"
#include "native_vectors.h"
#include "network.h"
#include "util.h"

#define WORDS_MAX 8

static char dir[] = "/tmp/check_vpnctl_topics.XXXXXX", secret_path[64], secret_word[128];
static char printed[4096];
static const char *words[WORDS_MAX + 1];

static void
set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(secret_path, sizeof(secret_path), "%s/secret", dir);
	snprintf(secret_word, sizeof(secret_word), "passphrase-file=%s", secret_path);
}

static void
tear_down(void)
{
	unlink(secret_path);
	rmdir(dir);
}

static void
write_secret(const char *text)
{
	FILE *f = fopen(secret_path, "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "%s\n", text);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(secret_path, 0600), 0);
}

/* The bytes of this name as a line of base64, in a file. */
static void
write_key(const char *name)
{
	uint8_t key[AEAD_KEY_LEN];
	char line[AEAD_KEY_TEXT];

	native_bytes(name, key, sizeof(key));
	aead_key_format(line, key);
	write_secret(line);
}

/* "KEY=" and a public key of the vectors. */
static const char *
key_word(const char *key, const char *name)
{
	uint8_t bytes[AEAD_KEY_LEN];
	char line[AEAD_KEY_TEXT];
	static char text[2][128];
	static int next;

	next = 1 - next;
	native_bytes(name, bytes, sizeof(bytes));
	aead_key_format(line, bytes);
	snprintf(text[next], sizeof(text[next]), "%s=%s", key, line);
	return text[next];
}

/* What it returns for words, up to the first NULL; what it prints is in printed. */
static int
run(char **error)
{
	FILE *out = fmemopen(printed, sizeof(printed), "w");
	char *copies[WORDS_MAX + 1];
	int count = 0, rc;

	memset(printed, 0, sizeof(printed));
	ck_assert_ptr_nonnull(out);
	while (words[count] != NULL)
		count++;
	memcpy(copies, words, sizeof(copies));
	rc = vpnctl_topics(out, count, copies, error);
	fclose(out);
	return rc;
}

static void
expect_success(void)
{
	char *error = NULL;

	ck_assert_msg(run(&error) == 0, "%s", error);
}

/* It prints a line of "access topic"; an address and a sender of the vectors are exchanged in it.
 */
static void
expect_line(const char *access, const char *topic)
{
	char line[NATIVE_VECTOR_TEXT + 16];

	snprintf(line, sizeof(line), "%s %s\n", access, topic);
	ck_assert_msg(strstr(printed, line) != NULL, "no \"%s\" in:\n%s", line, printed);
}

/* The topic of this vector with "+" for its last level, or, with to, for the one before. */
static const char *
pattern(const char *vector, bool to)
{
	static char text[NATIVE_VECTOR_TEXT];
	char last[NATIVE_VECTOR_TEXT], *slash;

	native_text(vector, text);
	slash = strrchr(text, '/');
	strcpy(last, slash);
	*slash = '\0';
	if (to) {
		slash = strrchr(text, '/');
		strcpy(slash, "/+");
		strcat(text, last);
	} else {
		strcat(text, "/+");
	}
	return text;
}

static size_t
count_lines(void)
{
	size_t n = 0;

	for (const char *p = printed; *p != '\0'; p++)
		n += *p == '\n';
	return n;
}

START_TEST(topics_of_a_node_are_those_of_its_addresses_and_of_all)
{
	char text[NATIVE_VECTOR_TEXT];

	write_key("psk_secret");
	words[0] = "network=testnet";
	words[1] = secret_word;
	words[2] = "topic-prefix=site/vpn";
	words[3] = "address=10.0.1.2";
	words[4] = "address=fd00::2";
	words[5] = _i == 1 ? "topics=plain" : NULL;
	expect_success();
	expect_line("read",
	    native_text(_i == 1 ? "psk_subscription_plain_topic" : "psk_subscription_topic", text));
	expect_line("read", pattern(_i == 1 ? "psk_ipv6_plain_topic" : "psk_ipv6_topic", false));
	expect_line(
	    "read", pattern(_i == 1 ? "psk_broadcast_plain_topic" : "psk_broadcast_topic", false));
	ck_assert_uint_eq(count_lines(), 5);
	words[3] = "address=10.0.1.3";
	words[4] = "address=fd00::3";
	expect_success();
	expect_line("write", pattern(_i == 1 ? "psk_ipv4_plain_topic" : "psk_ipv4_topic", true));
	expect_line("write", pattern(_i == 1 ? "psk_ipv6_plain_topic" : "psk_ipv6_topic", true));
}
END_TEST

START_TEST(topics_follow_from_the_name_where_there_is_no_secret)
{
	char text[NATIVE_VECTOR_TEXT];

	words[0] = "network=testnet";
	words[1] = "topic-prefix=site/vpn";
	words[2] = "address=10.0.1.2";
	words[3] = NULL;
	expect_success();
	expect_line("read", native_text("public_subscription_topic", text));
	ck_assert_uint_eq(count_lines(), 3);
}
END_TEST

START_TEST(topics_follow_from_a_passphrase_and_its_cost)
{
	char text[NATIVE_VECTOR_TEXT];

	write_secret(native_text("passphrase", text));
	words[0] = "network=testnet";
	words[1] = secret_word;
	words[2] = "topic-prefix=site/vpn";
	words[3] = "address=10.0.1.2";
	words[4] = NULL;
	expect_success();
	expect_line("read", native_text("psk_subscription_topic", text));
	words[4] = "kdf-passes=2";
	words[5] = NULL;
	expect_success();
	ck_assert_ptr_null(strstr(printed, text));
}
END_TEST

START_TEST(topics_of_a_member_are_those_with_its_key_server_and_of_its_group)
{
	char part[NETWORK_PART_MAX], topic[NETWORK_TOPIC_MAX], text[NATIVE_VECTOR_TEXT];
	struct network_params p = {
	    .mode = NETWORK_GROUP, .name = "home", .prefix = "site/vpn", .plain_topics = _i == 1};
	uint8_t secret[AEAD_KEY_LEN], key[AEAD_KEY_LEN];
	struct network_id id;
	struct network n;
	struct addr a;

	write_key("control_secret");
	words[0] = "network=testnet";
	words[1] = secret_word;
	words[2] = "topic-prefix=site/vpn";
	words[3] = "group-name=home";
	words[4] = key_word("key-server", "responder_public_key");
	words[5] = key_word("public-key", "public_key");
	words[6] = _i == 1 ? "topics=plain" : "topics=hashed";
	words[7] = NULL;
	expect_success();
	expect_line("write",
	    native_text(
		_i == 1 ? "control_to_server_plain_topic" : "control_to_server_topic", text));
	expect_line("read",
	    native_text(
		_i == 1 ? "control_to_member_plain_topic" : "control_to_member_topic", text));
	expect_line("read",
	    native_text(_i == 1 ? "control_to_group_plain_topic" : "control_to_group_topic", text));
	ck_assert_uint_eq(count_lines(), 6);

	native_bytes("control_secret", secret, sizeof(secret));
	native_bytes("public_key", key, sizeof(key));
	p.secret = secret;
	network_init(&n, &p);
	a = network_control_addr(key);
	network_id(&n, &a, &id);
	strcpy(part, id.part);
	expect_line("read", network_topic(&n, topic, part, "+"));
	expect_line("write", network_topic(&n, topic, "+", part));
	expect_line("read", network_topic(&n, topic, n.broadcast_part, "+"));
	network_clear(&n);
}
END_TEST

START_TEST(topics_of_a_key_server_are_its_own_with_anybody)
{
	write_key("control_secret");
	words[0] = "network=testnet";
	words[1] = secret_word;
	words[2] = "topic-prefix=site/vpn";
	words[3] = key_word("key-server", "responder_public_key");
	words[4] = key_word("public-key", "responder_public_key");
	words[5] = NULL;
	expect_success();
	expect_line("read", pattern("control_to_server_topic", false));
	expect_line("write", pattern("control_to_member_topic", true));
	ck_assert_uint_eq(count_lines(), 2);
}
END_TEST

START_TEST(topics_of_the_old_wire_are_addresses)
{
	words[0] = "wire=mqtt_vpn";
	words[1] = "address=10.0.1.2";
	words[2] = "address=FD00:0::2";
	words[3] = NULL;
	expect_success();
	ck_assert_str_eq(printed,
	    "read mqttip/10.0.1.2\nread mqttip/fd00::2\nread mqttip/255.255.255.255\n"
	    "write mqttip/+\n");
}
END_TEST

static const struct refusal {
	const char *words[WORDS_MAX];
	const char *part; /* of the message */
} refusals[] = {
    {{"address=10.0.1.2"}, "expected network=NAME"},
    {{"network=home"}, "expected address=ADDRESS"},
    {{"network=home", "address=10.0.1.2/24"}, "address: '10.0.1.2/24': expected an address"},
    {{"network=home/x", "address=10.0.1.2"}, "network: 'home/x'"},
    {{"network=", "address=10.0.1.2"}, "network: ''"},
    {{"network=h.o", "topics=plain", "address=10.0.1.2"}, "without '.'"},
    {{"network=home", "topics=clear", "address=10.0.1.2"}, "expected hashed or plain"},
    {{"network=home", "wire=tcp", "address=10.0.1.2"}, "expected native or mqtt_vpn"},
    {{"network=home", "topic-prefix=a//b", "address=10.0.1.2"}, "topic-prefix: 'a//b'"},
    {{"network=home", "topic-prefix=a/", "address=10.0.1.2"}, "topic-prefix: 'a/'"},
    {{"network=home", "topic-prefix=a+", "address=10.0.1.2"}, "topic-prefix: 'a+'"},
    {{"network=home", "kdf-passes=0", "address=10.0.1.2"}, "from 1 to 16"},
    {{"network=home", "kdf-memory=4", "address=10.0.1.2"}, "from 8 to 1024"},
    {{"network=home", "key-server=abc", "address=10.0.1.2"}, "mqtt-vpnctl pubkey"},
    {{"network=home", "public-key=abc"}, "mqtt-vpnctl pubkey"},
    {{"network=home", "mtu=1500", "address=10.0.1.2"}, "'mtu=1500': expected KEY=VALUE"},
    {{"network=home", "10.0.1.2"}, "'10.0.1.2': expected KEY=VALUE"},
    {{"network=home", "passphrase-file=/nowhere", "address=10.0.1.2"}, "/nowhere"},
    {{"network=home",
	 "key-server=ARHv2MovNqOXkxTlLmZO5ZLBBTUzsIYRKGYBcXdVWkY=", "address=10.0.1.2"},
	"expected public-key=KEY"},
    {{"network=home", "group-name=sensors", "address=10.0.1.2"}, "expected key-server=KEY"},
    {{"network=home", "public-key=ARHv2MovNqOXkxTlLmZO5ZLBBTUzsIYRKGYBcXdVWkY="},
	"expected key-server=KEY"},
};

START_TEST(topics_says_what_is_missing_or_wrong)
{
	const struct refusal *r = &refusals[_i];
	char *error = NULL;

	memcpy(words, r->words, sizeof(r->words));
	ck_assert_int_eq(run(&error), -1);
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error, r->part) != NULL, "no \"%s\" in \"%s\"", r->part, error);
	ck_assert_str_eq(printed, "");
	free(error);
}
END_TEST

START_TEST(topics_takes_no_secret_that_others_can_read)
{
	char *error = NULL;

	write_key("psk_secret");
	ck_assert_int_eq(chmod(secret_path, 0644), 0);
	words[0] = "network=testnet";
	words[1] = secret_word;
	words[2] = "address=10.0.1.2";
	words[3] = NULL;
	ck_assert_int_eq(run(&error), -1);
	ck_assert_msg(strstr(error, "chmod") != NULL, "%s", error);
	free(error);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vpnctl_topics");
	TCase *tcase = tcase_create("vpnctl_topics");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	/* Argon2id is slow by design, and under sanitizers on a small machine more so. */
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, topics_of_a_node_are_those_of_its_addresses_and_of_all, 0, 2);
	tcase_add_test(tcase, topics_follow_from_the_name_where_there_is_no_secret);
	tcase_add_test(tcase, topics_follow_from_a_passphrase_and_its_cost);
	tcase_add_loop_test(
	    tcase, topics_of_a_member_are_those_with_its_key_server_and_of_its_group, 0, 2);
	tcase_add_test(tcase, topics_of_a_key_server_are_its_own_with_anybody);
	tcase_add_test(tcase, topics_of_the_old_wire_are_addresses);
	tcase_add_loop_test(
	    tcase, topics_says_what_is_missing_or_wrong, 0, (int)ARRAY_LEN(refusals));
	tcase_add_test(tcase, topics_takes_no_secret_that_others_can_read);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
