/*
 * Tests of notice: against messages put together by hand, and every refusal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "notice.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "frame.h"
#include "native_vectors.h"
#include "util.h"

#define PLAIN_AT (FRAME_PREFIX_LEN + AEAD_BOX_NONCE_LEN)
#define OVERHEAD (PLAIN_AT + AEAD_TAG_LEN)

static const uint8_t secret[AEAD_KEY_LEN] = "thirty-two bytes of a secret key";

static struct network
network_of(const char *name, bool plain_topics)
{
	struct network_params p = {
	    .mode = NETWORK_PSK,
	    .name = name,
	    .prefix = "vpn",
	    .plain_topics = plain_topics,
	    .secret = secret,
	};
	struct network n;

	network_init(&n, &p);
	return n;
}

static struct network_id
id_of(const struct network *n, const char *address)
{
	struct network_id id;
	struct addr a;

	ck_assert_int_eq(addr_parse(address, &a), 0);
	network_id(n, &a, &id);
	return id;
}

static struct network_topic
topic_of(const char *to, const char *from)
{
	return (struct network_topic){
	    .to = to, .to_len = strlen(to), .from = from, .from_len = strlen(from)};
}

/* One of each kind, from this address. */
static const struct notice *
notices_from(const char *address, struct notice list[4])
{
	size_t i;

	memset(list, 0, 4 * sizeof(*list));
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(addr_parse(address, &list[i].from), 0);
	list[0].kind = NOTICE_RESET;
	list[0].index = 0x01020304;
	list[1].kind = NOTICE_STARTED;
	list[2].kind = NOTICE_KEY_REQUEST;
	list[2].key_id = UINT64_C(0x1112131415161718);
	list[3].kind = NOTICE_PROBE;
	memcpy(list[3].token, "sixteen of token", NOTICE_TOKEN_LEN);
	return list;
}

static void
assert_same(const struct notice *a, const struct notice *b)
{
	ck_assert_int_eq((int)a->kind, (int)b->kind);
	ck_assert(addr_equal(&a->from, &b->from));
	ck_assert_uint_eq(a->index, b->index);
	ck_assert_uint_eq(a->key_id, b->key_id);
	ck_assert_mem_eq(a->token, b->token, NOTICE_TOKEN_LEN);
}

static void
check_round_trip(const struct network *n, const char *to, const char *from)
{
	struct network_id sender = id_of(n, from);
	struct network_topic t = topic_of(to, sender.part);
	struct notice list[4], v;
	uint8_t message[NOTICE_MAX];
	size_t i, len;

	notices_from(from, list);
	for (i = 0; i < ARRAY_LEN(list); i++) {
		len = notice_seal(n, &list[i], to, message);
		ck_assert_uint_le(len, NOTICE_MAX);
		memset(&v, 0xaa, sizeof(v));
		ck_assert_int_eq(notice_open(n, &t, message, len, &v), 0);
		assert_same(&v, &list[i]);
	}
}

START_TEST(notice_opens_what_was_sealed)
{
	struct network hashed = network_of("testnet", false), plain = network_of("testnet", true);

	check_round_trip(&hashed, id_of(&hashed, "10.0.1.2").part, "10.0.1.1");
	check_round_trip(&hashed, hashed.broadcast_part, "fd00::1");
	check_round_trip(&plain, id_of(&plain, "fd00::2").part, "fd00::1");
	check_round_trip(&plain, plain.broadcast_part, "10.0.1.1");
}
END_TEST

/* Seals a plaintext as the protocol's description says, without notice.c. Returns the length. */
static size_t
seal_by_hand(const struct network *n, const char *to, const void *plain, size_t len,
    uint8_t message[NOTICE_MAX])
{
	static const uint8_t prefix[] = {0x91, 0x03, 0, 0};
	uint8_t ad[128];

	memcpy(message, prefix, sizeof(prefix));
	memset(message + sizeof(prefix), 0x5c, AEAD_BOX_NONCE_LEN);
	memcpy(ad, prefix, sizeof(prefix));
	memcpy(ad + sizeof(prefix), to, strlen(to));
	aead_xseal(message + PLAIN_AT, plain, len, ad, sizeof(prefix) + strlen(to),
	    message + sizeof(prefix), n->notice_key);
	return OVERHEAD + len;
}

/* Whether a plaintext, correctly sealed to 10.0.1.2, is taken from 10.0.1.1. */
static int
open_plain(const struct network *n, const void *plain, size_t len, struct notice *v)
{
	struct network_id to = id_of(n, "10.0.1.2"), from = id_of(n, "10.0.1.1");
	struct network_topic t = topic_of(to.part, from.part);
	uint8_t message[NOTICE_MAX];

	return notice_open(n, &t, message, seal_by_hand(n, to.part, plain, len, message), v);
}

START_TEST(notice_opens_messages_made_by_hand)
{
	static const uint8_t reset[] = {1, 4, 10, 0, 1, 1, 1, 2, 3, 4};
	static const uint8_t started[] = {2, 4, 10, 0, 1, 1};
	static const uint8_t request[] = {
	    3, 4, 10, 0, 1, 1, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};
	static const char probe[] = "\x04\x04\x0a\x00\x01\x01sixteen of token";
	struct network n = network_of("testnet", false);
	struct notice list[4], v;

	notices_from("10.0.1.1", list);
	ck_assert_int_eq(open_plain(&n, reset, sizeof(reset), &v), 0);
	assert_same(&v, &list[0]);
	ck_assert_int_eq(open_plain(&n, started, sizeof(started), &v), 0);
	assert_same(&v, &list[1]);
	ck_assert_int_eq(open_plain(&n, request, sizeof(request), &v), 0);
	assert_same(&v, &list[2]);
	ck_assert_int_eq(open_plain(&n, probe, sizeof(probe) - 1, &v), 0);
	assert_same(&v, &list[3]);
}
END_TEST

/* Which are sealed with a fixed nonce: notice_seal() draws its own. */
START_TEST(notice_opens_the_messages_of_the_vectors)
{
	static const char *const names[] = {"reset", "started", "key_request", "probe"};
	static const char *const to[] = {"notice_to", NULL, "notice_to", "notice_from"};
	struct network_params p = {.mode = NETWORK_PSK, .prefix = "vpn", .plain_topics = _i != 0};
	char name[64], text[NATIVE_VECTOR_TEXT];
	uint8_t psk_secret[AEAD_KEY_LEN], message[NOTICE_MAX];
	struct network_topic t;
	struct notice list[4], v;
	struct network_id from;
	struct network n;

	p.name = native_text("psk_name", text);
	native_bytes("psk_secret", psk_secret, sizeof(psk_secret));
	p.secret = psk_secret;
	network_init(&n, &p);
	notices_from(native_text("notice_from", text), list);
	from = id_of(&n, text);
	list[0].index = (uint32_t)native_number("responder_index");
	list[2].key_id = native_number("multicast_key_id");
	native_bytes("notice_token", list[3].token, NOTICE_TOKEN_LEN);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct network_id receiver = from;

		if (to[i] != NULL)
			receiver = id_of(&n, native_text(to[i], text));
		t = topic_of(to[i] != NULL ? receiver.part : n.broadcast_part, from.part);
		snprintf(name, sizeof(name), "%s%s_notice", _i ? "plain_" : "", names[i]);
		ck_assert_int_eq(
		    notice_open(&n, &t, message, native_bytes(name, message, sizeof(message)), &v),
		    0);
		assert_same(&v, &list[i]);
	}
}
END_TEST

/* Resets between a member and a key server, and between two members. */
START_TEST(notice_opens_the_resets_of_the_vectors)
{
	static const struct {
		const char *network, *from, *to, *index, *notice;
	} resets[] = {
	    {"control", "control_responder", "control_initiator", "responder_index",
		"control_reset_notice"},
	    {"group", "group_receiver_address", "group_sender_address", "group_sender",
		"group_reset_notice"},
	};
	struct network_params p = {
	    .mode = _i == 0 ? NETWORK_PUBKEY : NETWORK_GROUP, .prefix = "vpn", .control = _i == 0};
	char name[64], text[NATIVE_VECTOR_TEXT];
	uint8_t their_secret[AEAD_KEY_LEN], message[NOTICE_MAX];
	struct network_id to, from;
	struct network_topic t;
	struct network n;
	struct notice v;

	snprintf(name, sizeof(name), "%s_secret", resets[_i].network);
	native_bytes(name, their_secret, sizeof(their_secret));
	p.secret = their_secret;
	snprintf(name, sizeof(name), "%s_name", resets[_i].network);
	p.name = native_text(name, text);
	network_init(&n, &p);
	to = id_of(&n, native_text(resets[_i].to, text));
	from = id_of(&n, native_text(resets[_i].from, text));
	t = topic_of(to.part, from.part);
	ck_assert_int_eq(notice_open(&n, &t, message,
			     native_bytes(resets[_i].notice, message, sizeof(message)), &v),
	    0);
	ck_assert_int_eq((int)v.kind, NOTICE_RESET);
	ck_assert(addr_equal(&v.from, &from.addr));
	ck_assert_uint_eq(v.index, native_number(resets[_i].index));
}
END_TEST

START_TEST(notice_opens_an_ipv6_sender_made_by_hand)
{
	static const uint8_t started[18] = {2, 6, 0xfd, [17] = 1};
	struct network n = network_of("testnet", true);
	struct network_topic t = topic_of("broadcast", "fd000000000000000000000000000001");
	uint8_t message[NOTICE_MAX];
	struct notice list[4], v;
	size_t len = seal_by_hand(&n, "broadcast", started, sizeof(started), message);

	notices_from("fd00::1", list);
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), 0);
	assert_same(&v, &list[1]);
}
END_TEST

/* An address of no family has a part in topics, too: nobody may send under it. */
START_TEST(notice_refuses_a_sender_without_a_family)
{
	static const uint8_t started[18] = {2, 5, 0xfd, [17] = 1};
	struct network n = network_of("testnet", false);
	const struct addr none = {.family = ADDR_NONE};
	uint8_t message[NOTICE_MAX];
	struct network_topic t;
	struct network_id from;
	struct notice v;
	size_t len = seal_by_hand(&n, n.broadcast_part, started, sizeof(started), message);

	network_id(&n, &none, &from);
	t = topic_of(n.broadcast_part, from.part);
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), -1);
}
END_TEST

START_TEST(notice_refuses_malformed_plaintexts)
{
	static const uint8_t bad[][8] = {
	    {0, 4, 10, 0, 1, 1}, /* no such kind */
	    {5, 4, 10, 0, 1, 1}, /* neither */
	    {2, 0, 10, 0, 1, 1}, /* no such family */
	    {2, 5, 10, 0, 1, 1}, /* neither */
	    {2, 6, 10, 0, 1, 1}, /* too short for its family */
	    {1, 4, 10, 0, 1, 1}, /* reset without index */
	    {3, 4, 10, 0, 1, 1}, /* key request without id */
	    {4, 4, 10, 0, 1, 1}, /* probe without token */
	};
	static const uint8_t started[] = {2, 4, 10, 0, 1, 1, 0};
	struct network n = network_of("testnet", false);
	struct notice v;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_int_eq(open_plain(&n, bad[i], 6, &v), -1);
	for (i = 0; i < 6; i++)
		ck_assert_int_eq(open_plain(&n, started, i, &v), -1);
	ck_assert_int_eq(open_plain(&n, started, 6, &v), 0);
	ck_assert_int_eq(open_plain(&n, started, 7, &v), -1);
}
END_TEST

START_TEST(notice_refuses_every_truncation_and_extension)
{
	struct network n = network_of("testnet", false);
	struct network_id from = id_of(&n, "10.0.1.1");
	struct network_topic t = topic_of(n.broadcast_part, from.part);
	uint8_t message[NOTICE_MAX + 1] = {0}, *copy;
	struct notice list[4], v;
	size_t len, i;

	notices_from("10.0.1.1", list);
	len = notice_seal(&n, &list[3], n.broadcast_part, message);
	for (i = 0; i <= sizeof(message); i++) {
		copy = malloc(i > 0 ? i : 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, message, i);
		ck_assert_int_eq(notice_open(&n, &t, copy, i, &v), i == len ? 0 : -1);
		free(copy);
	}
}
END_TEST

START_TEST(notice_refuses_every_flipped_bit)
{
	struct network n = network_of("testnet", false);
	struct network_id from = id_of(&n, "10.0.1.1");
	struct network_topic t = topic_of(n.broadcast_part, from.part);
	uint8_t message[NOTICE_MAX];
	struct notice list[4], v;
	size_t len, bit;

	notices_from("10.0.1.1", list);
	len = notice_seal(&n, &list[0], n.broadcast_part, message);
	for (bit = 0; bit < len * 8; bit++) {
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(notice_open(&n, &t, message, len, &v), -1);
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), 0);
}
END_TEST

START_TEST(notice_refuses_another_destination)
{
	struct network n = network_of("testnet", false);
	struct network_id to = id_of(&n, "10.0.1.2"), other = id_of(&n, "10.0.1.3");
	struct network_id from = id_of(&n, "10.0.1.1");
	struct network_topic t = topic_of(to.part, from.part);
	char longest[2 * NETWORK_PART_MAX];
	uint8_t message[NOTICE_MAX];
	struct notice list[4], v;
	size_t len;

	notices_from("10.0.1.1", list);
	len = notice_seal(&n, &list[1], to.part, message);
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), 0);
	t = topic_of(other.part, from.part);
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), -1);
	t = topic_of(n.broadcast_part, from.part);
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), -1);

	/* the longest level that there is, and longer ones */
	memset(longest, 'x', sizeof(longest));
	longest[NETWORK_PART_MAX - 1] = '\0';
	len = notice_seal(&n, &list[1], longest, message);
	t = topic_of(longest, from.part);
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), 0);
	longest[NETWORK_PART_MAX - 1] = 'x';
	for (t.to_len++; t.to_len <= sizeof(longest); t.to_len++)
		ck_assert_int_eq(notice_open(&n, &t, message, len, &v), -1);
}
END_TEST

START_TEST(notice_refuses_a_sender_that_is_not_the_topics)
{
	struct network n = network_of("testnet", false);
	struct network_id from = id_of(&n, "10.0.1.1"), other = id_of(&n, "10.0.1.3");
	struct network_topic t = topic_of(n.broadcast_part, other.part);
	uint8_t message[NOTICE_MAX];
	struct notice list[4], v;
	size_t len;

	notices_from("10.0.1.1", list);
	len = notice_seal(&n, &list[1], n.broadcast_part, message);
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), -1);
	t = topic_of(n.broadcast_part, from.part);
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), 0);
	t.from_len--;
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), -1);
}
END_TEST

START_TEST(notice_refuses_another_network)
{
	struct network n = network_of("testnet", true), other = network_of("testnet2", true);
	struct network_topic t = topic_of("broadcast", "0a000101");
	uint8_t message[NOTICE_MAX];
	struct notice list[4], v;
	size_t len;

	notices_from("10.0.1.1", list);
	len = notice_seal(&n, &list[1], "broadcast", message);
	ck_assert_int_eq(notice_open(&n, &t, message, len, &v), 0);
	memset(other.notice_key, 0x33, sizeof(other.notice_key));
	ck_assert_int_eq(notice_open(&other, &t, message, len, &v), -1);
}
END_TEST

START_TEST(notice_refuses_other_types_and_flags)
{
	static const uint8_t prefixes[][FRAME_PREFIX_LEN] = {
	    {0x91, 0x01, 0, 0}, {0x92, 0x03, 0, 0}, {0x91, 0x03, 0, 1}, {0x91, 0x03, 0x80, 0}};
	static const uint8_t started[] = {2, 4, 10, 0, 1, 1};
	struct network n = network_of("testnet", true);
	struct network_topic t = topic_of("broadcast", "0a000101");
	uint8_t message[NOTICE_MAX], ad[FRAME_PREFIX_LEN + 9];
	struct notice v;
	size_t i, len;

	for (i = 0; i < ARRAY_LEN(prefixes); i++) {
		len = seal_by_hand(&n, "broadcast", started, sizeof(started), message);
		ck_assert_int_eq(notice_open(&n, &t, message, len, &v), 0);
		memcpy(message, prefixes[i], FRAME_PREFIX_LEN);
		memcpy(ad, prefixes[i], FRAME_PREFIX_LEN);
		memcpy(ad + FRAME_PREFIX_LEN, "broadcast", 9);
		aead_xseal(message + PLAIN_AT, started, sizeof(started), ad, sizeof(ad),
		    message + FRAME_PREFIX_LEN, n.notice_key);
		ck_assert_int_eq(notice_open(&n, &t, message, len, &v), -1);
	}
}
END_TEST

START_TEST(notice_never_repeats_a_nonce)
{
	struct network n = network_of("testnet", false);
	uint8_t first[NOTICE_MAX], second[NOTICE_MAX];
	struct notice list[4];

	notices_from("10.0.1.1", list);
	notice_seal(&n, &list[1], n.broadcast_part, first);
	notice_seal(&n, &list[1], n.broadcast_part, second);
	ck_assert_mem_ne(first + FRAME_PREFIX_LEN, second + FRAME_PREFIX_LEN, AEAD_BOX_NONCE_LEN);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("notice");
	TCase *tcase = tcase_create("notice");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	tcase_add_test(tcase, notice_opens_what_was_sealed);
	tcase_add_test(tcase, notice_opens_messages_made_by_hand);
	tcase_add_loop_test(tcase, notice_opens_the_messages_of_the_vectors, 0, 2);
	tcase_add_loop_test(tcase, notice_opens_the_resets_of_the_vectors, 0, 2);
	tcase_add_test(tcase, notice_opens_an_ipv6_sender_made_by_hand);
	tcase_add_test(tcase, notice_refuses_a_sender_without_a_family);
	tcase_add_test(tcase, notice_refuses_malformed_plaintexts);
	tcase_add_test(tcase, notice_refuses_every_truncation_and_extension);
	tcase_add_test(tcase, notice_refuses_every_flipped_bit);
	tcase_add_test(tcase, notice_refuses_another_destination);
	tcase_add_test(tcase, notice_refuses_a_sender_that_is_not_the_topics);
	tcase_add_test(tcase, notice_refuses_another_network);
	tcase_add_test(tcase, notice_refuses_other_types_and_flags);
	tcase_add_test(tcase, notice_never_repeats_a_nonce);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
