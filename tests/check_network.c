/*
 * Tests of network: keys, tags and topics against tests/vectors/native.txt, which an independent
 * program computed; topics taken apart, addresses written and read.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "network.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "aead_hash.h"
#include "native_vectors.h"
#include "util.h"
#include "wire.h"

/* The networks of the vectors. */
static const struct which {
	const char *name;
	enum network_mode mode;
	bool has_secret;
} networks[] = {{"psk", NETWORK_PSK, true}, {"raw", NETWORK_PUBKEY, true},
    {"public", NETWORK_PUBKEY, false}, {"group", NETWORK_GROUP, true}};

static const uint8_t zeros[AEAD_KEY_LEN];

/* "<which>_<what>": a name of a vector. */
static const char *
vector_name(const struct which *w, const char *what)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s_%s", w->name, what);
	return name;
}

static void
init(struct network *n, const struct which *w, bool plain_topics)
{
	char name[NATIVE_VECTOR_TEXT], prefix[NATIVE_VECTOR_TEXT];
	uint8_t secret[AEAD_KEY_LEN], private_key[AEAD_KEY_LEN];
	struct network_params p = {.mode = w->mode, .plain_topics = plain_topics};

	p.name = native_text(vector_name(w, "name"), name);
	p.prefix = native_text("prefix", prefix);
	if (w->has_secret) {
		native_bytes(vector_name(w, "secret"), secret, sizeof(secret));
		p.secret = secret;
	}
	if (w->mode == NETWORK_PUBKEY) {
		native_bytes("private_key", private_key, sizeof(private_key));
		p.private_key = private_key;
	}
	network_init(n, &p);
}

/* The id of the address that stands under this name. */
static struct network_id
id_of(const struct network *n, const char *address)
{
	char text[NATIVE_VECTOR_TEXT];
	struct network_id id;
	struct addr a;

	ck_assert_int_eq(addr_parse(native_text(address, text), &a), 0);
	network_id(n, &a, &id);
	ck_assert(addr_equal(&id.addr, &a));
	return id;
}

static void
expect_topic(const struct network *n, const struct which *w, const char *what, const char *to,
    const char *from)
{
	char expected[NATIVE_VECTOR_TEXT], topic[NETWORK_TOPIC_MAX];

	native_text(vector_name(w, what), expected);
	ck_assert_ptr_eq(network_topic(n, topic, to, from), topic);
	ck_assert_str_eq(topic, expected);
}

/* A network whose own level is "net". */
static void
init_net(struct network *n)
{
	const struct network_params p = {.mode = NETWORK_PSK,
	    .name = "net",
	    .prefix = "vpn",
	    .plain_topics = true,
	    .secret = zeros};

	network_init(n, &p);
}

START_TEST(network_kdf_meets_its_check_values)
{
	uint8_t key[AEAD_KEY_LEN], out[AEAD_KEY_LEN];

	ck_assert_uint_eq(native_bytes("kdf_key", key, sizeof(key)), sizeof(key));
	aead_kdf(out, key, "mv1 slot L", NULL, 0);
	native_expect("kdf_slot_l", out, sizeof(out));
	aead_kdf(out, key, "mv1 slot R", NULL, 0);
	native_expect("kdf_slot_r", out, sizeof(out));
}
END_TEST

START_TEST(network_secret_follows_from_passphrase_and_name)
{
	char passphrase[NATIVE_VECTOR_TEXT], name[NATIVE_VECTOR_TEXT], text[NATIVE_VECTOR_TEXT];
	uint32_t memory_kib = (uint32_t)strtoul(native_text("memory_kib", text), NULL, 10);
	uint8_t secret[AEAD_KEY_LEN];

	native_text("passphrase", passphrase);
	native_text("passphrase_network", name);
	ck_assert_int_eq(network_secret(secret, passphrase, name, 2, memory_kib), 0);
	native_expect("secret_2_passes", secret, sizeof(secret));
	ck_assert_int_eq(network_secret(secret, passphrase, name, 3, memory_kib), 0);
	native_expect("secret_3_passes", secret, sizeof(secret));
}
END_TEST

START_TEST(network_secret_fails_without_memory)
{
	uint8_t secret[AEAD_KEY_LEN];

	/* less than Argon2 can do with */
	ck_assert_int_eq(network_secret(secret, "correct horse", "testnet", 3, 1), -1);
}
END_TEST

START_TEST(network_derives_its_keys)
{
	const struct which *w = &networks[_i];
	struct network n;

	init(&n, w, false);
	ck_assert_int_eq(n.mode, w->mode);
	native_expect(vector_name(w, "topic_key"), n.topic_key, AEAD_KEY_LEN);
	native_expect(vector_name(w, "handshake_key"), n.handshake_key, AEAD_KEY_LEN);
	native_expect(vector_name(w, "notice_key"), n.notice_key, AEAD_KEY_LEN);
	native_expect(vector_name(w, "noise_psk"), n.psk, AEAD_KEY_LEN);
	network_clear(&n);
}
END_TEST

START_TEST(network_knows_its_own_key_pair)
{
	struct network n;

	init(&n, &networks[1], false);
	native_expect("private_key", n.private_key, AEAD_KEY_LEN);
	native_expect("public_key", n.public_key, AEAD_KEY_LEN);
	init(&n, &networks[0], false);
	ck_assert_mem_eq(n.private_key, zeros, AEAD_KEY_LEN);
	ck_assert_mem_eq(n.public_key, zeros, AEAD_KEY_LEN);
	network_clear(&n);
}
END_TEST

START_TEST(network_tags_are_the_same_in_plain_topics)
{
	const struct which *w = &networks[_i];
	struct network_id ipv4, ipv6;
	struct network n;

	for (int plain = 0; plain <= 1; plain++) {
		init(&n, w, plain == 1);
		ipv4 = id_of(&n, "ipv4");
		ipv6 = id_of(&n, "ipv6");
		native_expect(vector_name(w, "ipv4_tag"), ipv4.tag, NETWORK_TAG_LEN);
		native_expect(vector_name(w, "ipv6_tag"), ipv6.tag, NETWORK_TAG_LEN);
		native_expect(vector_name(w, "broadcast_tag"), n.broadcast_tag, NETWORK_TAG_LEN);
		network_clear(&n);
	}
}
END_TEST

START_TEST(network_part_shows_half_of_its_tag)
{
	const struct which *w = &networks[_i];
	uint8_t tag[NETWORK_TAG_LEN];
	char text[NETWORK_PART_MAX];
	struct network n;

	init(&n, w, false);
	native_bytes(vector_name(w, "network_tag"), tag, sizeof(tag));
	aead_base64url(text, tag, 8);
	ck_assert_str_eq(n.part, text);
	ck_assert_uint_eq(strlen(n.part), 11);
	ck_assert_uint_eq(strlen(n.broadcast_part), 11);
	ck_assert_uint_eq(strlen(id_of(&n, "ipv6").part), 11);
	network_clear(&n);
}
END_TEST

START_TEST(network_topics_hide_addresses)
{
	const struct which *w = &networks[_i];
	struct network n;

	init(&n, w, false);
	expect_topic(&n, w, "ipv4_topic", id_of(&n, "ipv4").part, id_of(&n, "ipv4_sender").part);
	expect_topic(&n, w, "ipv6_topic", id_of(&n, "ipv6").part, id_of(&n, "ipv6_sender").part);
	expect_topic(&n, w, "broadcast_topic", n.broadcast_part, id_of(&n, "ipv4_sender").part);
	expect_topic(&n, w, "subscription_topic", id_of(&n, "ipv4").part, "+");
	network_clear(&n);
}
END_TEST

START_TEST(network_plain_topics_show_addresses)
{
	const struct which *w = &networks[_i];
	struct network n;

	init(&n, w, true);
	expect_topic(
	    &n, w, "ipv4_plain_topic", id_of(&n, "ipv4").part, id_of(&n, "ipv4_sender").part);
	expect_topic(
	    &n, w, "ipv6_plain_topic", id_of(&n, "ipv6").part, id_of(&n, "ipv6_sender").part);
	expect_topic(
	    &n, w, "broadcast_plain_topic", n.broadcast_part, id_of(&n, "ipv4_sender").part);
	expect_topic(&n, w, "subscription_plain_topic", id_of(&n, "ipv4").part, "+");
	network_clear(&n);
}
END_TEST

static void
init_control(struct network *n, bool plain_topics)
{
	char name[NATIVE_VECTOR_TEXT], prefix[NATIVE_VECTOR_TEXT];
	uint8_t secret[AEAD_KEY_LEN];
	struct network_params p = {.mode = NETWORK_PUBKEY,
	    .name = native_text("control_name", name),
	    .prefix = native_text("prefix", prefix),
	    .plain_topics = plain_topics,
	    .control = true,
	    .secret = secret};

	native_bytes("control_secret", secret, sizeof(secret));
	network_init(n, &p);
}

/* What stands for whoever has the public key of this name. */
static struct network_id
control_id_of(const struct network *n, const char *public_key, const char *id_name)
{
	uint8_t key[AEAD_KEY_LEN];
	struct network_id id;
	struct addr a;

	native_bytes(public_key, key, sizeof(key));
	a = network_control_addr(key);
	ck_assert_int_eq(a.family, ADDR_IPV6);
	native_expect(id_name, a.bytes, addr_len(&a));
	network_id(n, &a, &id);
	return id;
}

static void
expect_text(const char *name, const char *actual)
{
	char expected[NATIVE_VECTOR_TEXT];

	ck_assert_str_eq(actual, native_text(name, expected));
}

START_TEST(network_of_control_has_ids_that_follow_from_keys)
{
	struct network_id member, server;
	struct network n;

	for (int plain = 0; plain <= 1; plain++) {
		init_control(&n, plain == 1);
		member = control_id_of(&n, "public_key", "control_member_id");
		server = control_id_of(&n, "responder_public_key", "control_server_id");
		native_expect("control_member_tag", member.tag, NETWORK_TAG_LEN);
		native_expect("control_server_tag", server.tag, NETWORK_TAG_LEN);
		network_clear(&n);
	}
}
END_TEST

START_TEST(network_of_control_has_topics_for_one_and_for_a_group)
{
	char group[NATIVE_VECTOR_TEXT], part[NETWORK_PART_MAX], topic[NETWORK_TOPIC_MAX];
	struct network_id member, server;
	struct network n;

	init_control(&n, _i == 1);
	member = control_id_of(&n, "public_key", "control_member_id");
	server = control_id_of(&n, "responder_public_key", "control_server_id");
	network_group_part(&n, native_text("control_group", group), part);
	expect_text(_i == 1 ? "control_to_server_plain_topic" : "control_to_server_topic",
	    network_topic(&n, topic, server.part, member.part));
	expect_text(_i == 1 ? "control_to_member_plain_topic" : "control_to_member_topic",
	    network_topic(&n, topic, member.part, server.part));
	expect_text(_i == 1 ? "control_to_group_plain_topic" : "control_to_group_topic",
	    network_topic(&n, topic, part, server.part));
	network_clear(&n);
}
END_TEST

START_TEST(network_topic_has_room_for_the_longest)
{
	char name[NETWORK_NAME_MAX + 1], prefix[NETWORK_PREFIX_MAX + 1], topic[NETWORK_TOPIC_MAX];
	char level[NETWORK_PART_MAX];
	struct network_params p = {.mode = NETWORK_PSK,
	    .name = memset(name, 'n', NETWORK_NAME_MAX),
	    .prefix = memset(prefix, 'p', NETWORK_PREFIX_MAX),
	    .plain_topics = true,
	    .secret = zeros};
	struct network_topic t;
	struct network n;

	name[NETWORK_NAME_MAX] = prefix[NETWORK_PREFIX_MAX] = level[NETWORK_PART_MAX - 1] = '\0';
	memset(level, 'l', NETWORK_PART_MAX - 1);
	network_init(&n, &p);
	network_topic(&n, topic, level, level);
	ck_assert_uint_eq(strlen(topic), NETWORK_TOPIC_MAX - 1);
	ck_assert_int_eq(network_topic_parse(&n, topic, &t), 0);
	ck_assert_uint_eq(t.from_len, NETWORK_PART_MAX - 1);
	network_clear(&n);
}
END_TEST

START_TEST(network_takes_its_own_topics_apart)
{
	const struct which *w = &networks[_i];
	char topic[NETWORK_TOPIC_MAX];
	struct network_id to, from;
	struct network_topic t;
	struct network n;

	for (int plain = 0; plain <= 1; plain++) {
		init(&n, w, plain == 1);
		to = id_of(&n, "ipv4");
		from = id_of(&n, "ipv6");
		network_topic(&n, topic, to.part, from.part);
		ck_assert_int_eq(network_topic_parse(&n, topic, &t), 0);
		ck_assert_uint_eq(t.to_len, strlen(to.part));
		ck_assert_mem_eq(t.to, to.part, t.to_len);
		ck_assert_uint_eq(t.from_len, strlen(from.part));
		ck_assert_mem_eq(t.from, from.part, t.from_len);
		network_clear(&n);
	}
}
END_TEST

START_TEST(network_does_not_mind_what_a_bridge_put_before)
{
	static const char *const topics[] = {"vpn/net/to/from", "net/to/from", "/net/to/from",
	    "a/b/net/x/net/to/from", "//net/to/from"};
	struct network_topic t;
	struct network n;

	init_net(&n);
	for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
		ck_assert_int_eq(network_topic_parse(&n, topics[i], &t), 0);
		ck_assert_uint_eq(t.to_len, 2);
		ck_assert_mem_eq(t.to, "to", 2);
		ck_assert_uint_eq(t.from_len, 4);
		ck_assert_mem_eq(t.from, "from", 4);
	}
	network_clear(&n);
}
END_TEST

START_TEST(network_refuses_other_topics)
{
	static const char *const topics[] = {"", "/", "//", "///", "net", "net/to", "/to/from",
	    "to/from", "vpn/net/to/", "vpn/net//from", "vpn//to/from", "vpn/net//", "net/to/",
	    "vpn/Net/to/from", "vpn/ne/to/from", "vpn/nets/to/from", "vpnet/to/from",
	    "vpn/net/to/from/", "vpn/net/to/from/more", "vpn/net/x/to/from"};
	struct network_topic t;
	struct network n;

	init_net(&n);
	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		ck_assert_msg(network_topic_parse(&n, topics[i], &t) == -1, "%s taken", topics[i]);
	network_clear(&n);
}
END_TEST

START_TEST(network_refuses_topics_of_another_network)
{
	char topic[NETWORK_TOPIC_MAX];
	struct network_topic t;
	struct network n, other;

	init(&n, &networks[0], false);
	init(&other, &networks[2], false);
	network_topic(&n, topic, "to", "from");
	ck_assert_int_eq(network_topic_parse(&n, topic, &t), 0);
	ck_assert_int_eq(network_topic_parse(&other, topic, &t), -1);
	network_clear(&n);
	network_clear(&other);
}
END_TEST

START_TEST(network_writes_addresses_as_specified)
{
	static const uint8_t expected[] = {
	    4, 10, 0, 1, 2, 6, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
	uint8_t out[sizeof(expected)];
	struct wire_writer w;
	struct addr a;

	wire_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(addr_parse("10.0.1.2", &a), 0);
	network_put_addr(&w, &a);
	ck_assert_int_eq(addr_parse("fd00::2", &a), 0);
	network_put_addr(&w, &a);
	ck_assert(!w.failed);
	ck_assert_uint_eq(w.pos, sizeof(expected));
	ck_assert_mem_eq(out, expected, sizeof(expected));
}
END_TEST

START_TEST(network_reads_addresses_of_both_families)
{
	static const uint8_t data[] = {
	    4, 10, 0, 1, 2, 6, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xff};
	struct addr a, expected;
	struct wire_reader r;

	wire_reader_init(&r, data, sizeof(data));
	ck_assert_int_eq(addr_parse("10.0.1.2", &expected), 0);
	ck_assert_int_eq(network_read_addr(&r, &a), 0);
	ck_assert(addr_equal(&a, &expected));
	ck_assert_int_eq(addr_parse("fd00::2", &expected), 0);
	ck_assert_int_eq(network_read_addr(&r, &a), 0);
	ck_assert(addr_equal(&a, &expected));
	ck_assert_uint_eq(wire_left(&r), 1);
}
END_TEST

START_TEST(network_refuses_addresses_cut_short_and_of_no_family)
{
	uint8_t data[17] = {0}, len;
	struct wire_reader r;
	struct addr a;

	for (int family = 0; family <= UINT8_MAX; family++) {
		data[0] = (uint8_t)family;
		len = family == ADDR_IPV4 ? 5 : sizeof(data);
		wire_reader_init(&r, data, len);
		ck_assert_int_eq(
		    network_read_addr(&r, &a), family == ADDR_IPV4 || family == ADDR_IPV6 ? 0 : -1);
		while (len-- > 0) {
			wire_reader_init(&r, data, len);
			ck_assert_int_eq(network_read_addr(&r, &a), -1);
		}
	}
}
END_TEST

START_TEST(network_is_wiped)
{
	struct network n, nothing;

	memset(&nothing, 0, sizeof(nothing));
	init(&n, &networks[1], false);
	network_clear(&n);
	ck_assert_mem_eq(&n, &nothing, sizeof(n));
}
END_TEST

static void
add_keys(TCase *tcase)
{
	tcase_add_test(tcase, network_kdf_meets_its_check_values);
	tcase_add_test(tcase, network_secret_follows_from_passphrase_and_name);
	tcase_add_test(tcase, network_secret_fails_without_memory);
	tcase_add_loop_test(tcase, network_derives_its_keys, 0, ARRAY_LEN(networks));
	tcase_add_test(tcase, network_knows_its_own_key_pair);
	tcase_add_test(tcase, network_is_wiped);
}

static void
add_addresses(TCase *tcase)
{
	int count = ARRAY_LEN(networks);

	tcase_add_test(tcase, network_writes_addresses_as_specified);
	tcase_add_test(tcase, network_reads_addresses_of_both_families);
	tcase_add_test(tcase, network_refuses_addresses_cut_short_and_of_no_family);
	tcase_add_loop_test(tcase, network_tags_are_the_same_in_plain_topics, 0, count);
	tcase_add_loop_test(tcase, network_part_shows_half_of_its_tag, 0, count);
	tcase_add_loop_test(tcase, network_topics_hide_addresses, 0, count);
	tcase_add_loop_test(tcase, network_plain_topics_show_addresses, 0, count);
	tcase_add_test(tcase, network_topic_has_room_for_the_longest);
	tcase_add_loop_test(tcase, network_takes_its_own_topics_apart, 0, count);
	tcase_add_test(tcase, network_of_control_has_ids_that_follow_from_keys);
	tcase_add_loop_test(tcase, network_of_control_has_topics_for_one_and_for_a_group, 0, 2);
	tcase_add_test(tcase, network_does_not_mind_what_a_bridge_put_before);
	tcase_add_test(tcase, network_refuses_other_topics);
	tcase_add_test(tcase, network_refuses_topics_of_another_network);
}

int
main(void)
{
	Suite *suite = suite_create("network");
	TCase *tcase = tcase_create("network");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	/* Argon2id is slow by design, and under sanitizers on a small machine more so. */
	tcase_set_timeout(tcase, 60);
	add_keys(tcase);
	add_addresses(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
