/*
 * Tests of compat: byte for byte against tests/vectors/compat.txt, and every refusal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "compat.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS SRCDIR "/tests/vectors/compat.txt"
#define VECTOR_COUNT 5

struct bytes {
	uint8_t data[2048];
	size_t len;
};

struct vector {
	struct bytes password, key, nonce, packet, message;
};

static struct bytes
unhex(const char *text)
{
	struct bytes b = {.len = 0};
	unsigned int byte;

	ck_assert_ptr_nonnull(text);
	for (; sscanf(text, "%2x", &byte) == 1; text += 2) {
		ck_assert_uint_lt(b.len, sizeof(b.data) - 1);
		b.data[b.len++] = (uint8_t)byte;
	}
	return b;
}

/* Calls check for each vector of the file. */
static void
each_vector(void (*check)(const struct vector *v))
{
	FILE *f = fopen(VECTORS, "r");
	char line[16384], *rest;
	struct vector v;
	int count = 0;

	ck_assert_msg(f != NULL, "%s", VECTORS);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] == '#')
			continue;
		v.password = unhex(strtok_r(line, " \n", &rest));
		v.key = unhex(strtok_r(NULL, " \n", &rest));
		v.nonce = unhex(strtok_r(NULL, " \n", &rest));
		v.packet = unhex(strtok_r(NULL, " \n", &rest));
		v.message = unhex(strtok_r(NULL, " \n", &rest));
		check(&v);
		count++;
	}
	fclose(f);
	ck_assert_int_eq(count, VECTOR_COUNT);
}

static struct compat_key
key_of(const char *password)
{
	struct compat_key key;

	compat_key_init(&key, password);
	return key;
}

/* A sealed message of a packet of len bytes. Returns its length. */
static size_t
sealed(const struct compat_key *key, size_t len, uint8_t *message)
{
	uint8_t buf[COMPAT_MESSAGE_MAX + 1], *start;
	size_t message_len;

	memset(buf, 0x45, sizeof(buf));
	start = compat_seal(key, buf, len, &message_len);
	memcpy(message, start, message_len);
	return message_len;
}

static void
check_key(const struct vector *v)
{
	struct compat_key key = key_of((const char *)v->password.data);

	ck_assert(key.set);
	ck_assert_uint_eq(v->key.len, AEAD_KEY_LEN);
	ck_assert_mem_eq(key.bytes, v->key.data, AEAD_KEY_LEN);
}

START_TEST(compat_key_is_the_one_of_the_old_program)
{
	each_vector(check_key);
}
END_TEST

static void
check_open(const struct vector *v)
{
	struct compat_key key = key_of((const char *)v->password.data);
	uint8_t packet[COMPAT_PACKET_MAX];

	ck_assert_int_eq(
	    compat_open(&key, v->message.data, v->message.len, packet), (int)v->packet.len);
	ck_assert_mem_eq(packet, v->packet.data, v->packet.len);
}

START_TEST(compat_opens_foreign_messages)
{
	each_vector(check_open);
}
END_TEST

/* The nonce is random: put the vector's in and do over what compat_seal() does with it. */
static void
check_seal(const struct vector *v)
{
	struct compat_key key = key_of((const char *)v->password.data);
	uint8_t buf[COMPAT_MESSAGE_MAX], again[COMPAT_MESSAGE_MAX], *message;
	size_t len;

	memcpy(buf + COMPAT_OVERHEAD, v->packet.data, v->packet.len);
	message = compat_seal(&key, buf, v->packet.len, &len);
	ck_assert_uint_eq(len, v->message.len);

	memset(again, 0, sizeof(again));
	memcpy(again, message, AEAD_BOX_NONCE_LEN);
	aead_box_seal(
	    again + COMPAT_OVERHEAD, again + 40, v->packet.data, v->packet.len, again, key.bytes);
	ck_assert_mem_eq(message, again, len);

	memcpy(again, v->nonce.data, AEAD_BOX_NONCE_LEN);
	aead_box_seal(
	    again + COMPAT_OVERHEAD, again + 40, v->packet.data, v->packet.len, again, key.bytes);
	ck_assert_mem_eq(again, v->message.data, len);
}

START_TEST(compat_seals_byte_for_byte_like_the_old_program)
{
	each_vector(check_seal);
}
END_TEST

START_TEST(compat_seals_and_opens_every_length)
{
	struct compat_key key = key_of("secret");
	uint8_t message[COMPAT_MESSAGE_MAX], packet[COMPAT_PACKET_MAX], expected[COMPAT_PACKET_MAX];
	size_t len;

	memset(expected, 0x45, sizeof(expected));
	for (len = 1; len <= COMPAT_PACKET_MAX; len++) {
		ck_assert_uint_eq(sealed(&key, len, message), len + COMPAT_OVERHEAD);
		ck_assert_int_eq(
		    compat_open(&key, message, len + COMPAT_OVERHEAD, packet), (int)len);
		ck_assert_mem_eq(packet, expected, len);
	}
}
END_TEST

START_TEST(compat_never_repeats_a_nonce)
{
	struct compat_key key = key_of("secret");
	uint8_t first[COMPAT_MESSAGE_MAX], second[COMPAT_MESSAGE_MAX];

	sealed(&key, 20, first);
	sealed(&key, 20, second);
	ck_assert_mem_ne(first, second, AEAD_BOX_NONCE_LEN);
}
END_TEST

START_TEST(compat_without_password_sends_bare_packets)
{
	struct compat_key key = key_of(NULL), empty = key_of("");
	uint8_t buf[COMPAT_MESSAGE_MAX] = {0}, packet[COMPAT_PACKET_MAX];
	size_t len = 0;

	ck_assert(!key.set);
	ck_assert(!empty.set);
	ck_assert_ptr_eq(compat_seal(&key, buf, 20, &len), buf + COMPAT_OVERHEAD);
	ck_assert_uint_eq(len, 20);
	ck_assert_int_eq(compat_open(&key, (const uint8_t *)"packet", 6, packet), 6);
	ck_assert_mem_eq(packet, "packet", 6);
	ck_assert_int_eq(compat_open(&key, buf, 0, packet), COMPAT_TOO_SHORT);
	ck_assert_int_eq(compat_open(&key, buf, COMPAT_PACKET_MAX, packet), COMPAT_PACKET_MAX);
	ck_assert_int_eq(compat_open(&key, buf, COMPAT_PACKET_MAX + 1, packet), COMPAT_TOO_LONG);
}
END_TEST

START_TEST(compat_refuses_every_truncation)
{
	struct compat_key key = key_of("secret");
	uint8_t message[COMPAT_MESSAGE_MAX], packet[COMPAT_PACKET_MAX], *copy;
	size_t len, full = sealed(&key, 28, message);

	for (len = 0; len < full; len++) {
		copy = malloc(len > 0 ? len : 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, message, len);
		ck_assert_int_eq(compat_open(&key, copy, len, packet),
		    len <= COMPAT_OVERHEAD ? COMPAT_TOO_SHORT : COMPAT_FORGED);
		free(copy);
	}
}
END_TEST

START_TEST(compat_refuses_every_flipped_bit)
{
	struct compat_key key = key_of("secret");
	uint8_t message[COMPAT_MESSAGE_MAX], packet[COMPAT_PACKET_MAX];
	size_t bit, len = sealed(&key, 28, message);
	bool in_zeros;

	for (bit = 0; bit < len * 8; bit++) {
		in_zeros =
		    bit / 8 >= AEAD_BOX_NONCE_LEN && bit / 8 < AEAD_BOX_NONCE_LEN + COMPAT_ZERO_LEN;
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(compat_open(&key, message, len, packet),
		    in_zeros ? COMPAT_BAD_ZEROS : COMPAT_FORGED);
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(compat_open(&key, message, len, packet), 28);
}
END_TEST

START_TEST(compat_refuses_what_is_too_long)
{
	struct compat_key key = key_of("secret");
	uint8_t message[COMPAT_MESSAGE_MAX + 1] = {0}, packet[COMPAT_PACKET_MAX];

	ck_assert_int_eq(compat_open(&key, message, sizeof(message), packet), COMPAT_TOO_LONG);
	ck_assert_int_eq(compat_open(&key, message, COMPAT_MESSAGE_MAX, packet), COMPAT_FORGED);
}
END_TEST

START_TEST(compat_refuses_another_password_and_bare_packets)
{
	struct compat_key key = key_of("secret"), other = key_of("Secret");
	uint8_t message[COMPAT_MESSAGE_MAX], packet[COMPAT_PACKET_MAX];
	size_t len = sealed(&key, 84, message);

	memset(packet, 0xaa, sizeof(packet));
	ck_assert_int_eq(compat_open(&other, message, len, packet), COMPAT_FORGED);
	ck_assert_uint_eq(packet[0], 0xaa);
	memset(message, 0x45, sizeof(message));
	ck_assert_int_eq(compat_open(&key, message, 84, packet), COMPAT_BAD_ZEROS);
}
END_TEST

START_TEST(compat_topics_hold_the_address_as_text)
{
	char topic[COMPAT_TOPIC_MAX];
	struct addr a;

	ck_assert_int_eq(addr_parse("10.0.1.2", &a), 0);
	ck_assert_str_eq(compat_topic(topic, COMPAT_PREFIX, &a), "mqttip/10.0.1.2");
	ck_assert_int_eq(addr_parse("FD00:0:0::0:2", &a), 0);
	ck_assert_str_eq(compat_topic(topic, "my/net", &a), "my/net/fd00::2");
	ck_assert_str_eq(compat_broadcast_topic(topic, COMPAT_PREFIX), "mqttip/255.255.255.255");
}
END_TEST

START_TEST(compat_topic_has_room_for_the_longest)
{
	char prefix[COMPAT_PREFIX_MAX + 1], topic[COMPAT_TOPIC_MAX];
	const char *text = "1111:2222:3333:4444:5555:6666:7777:8888";
	struct addr a;

	memset(prefix, 'p', COMPAT_PREFIX_MAX);
	prefix[COMPAT_PREFIX_MAX] = '\0';
	ck_assert_int_eq(addr_parse(text, &a), 0);
	ck_assert_str_eq(compat_topic(topic, prefix, &a) + COMPAT_PREFIX_MAX + 1, text);
}
END_TEST

START_TEST(compat_key_is_wiped)
{
	static const uint8_t zeros[AEAD_KEY_LEN];
	struct compat_key key = key_of("secret");

	compat_key_clear(&key);
	ck_assert_mem_eq(key.bytes, zeros, sizeof(zeros));
	ck_assert(!key.set);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("compat");
	TCase *tcase = tcase_create("compat");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	tcase_add_test(tcase, compat_key_is_the_one_of_the_old_program);
	tcase_add_test(tcase, compat_opens_foreign_messages);
	tcase_add_test(tcase, compat_seals_byte_for_byte_like_the_old_program);
	tcase_add_test(tcase, compat_seals_and_opens_every_length);
	tcase_add_test(tcase, compat_never_repeats_a_nonce);
	tcase_add_test(tcase, compat_without_password_sends_bare_packets);
	tcase_add_test(tcase, compat_refuses_every_truncation);
	tcase_add_test(tcase, compat_refuses_every_flipped_bit);
	tcase_add_test(tcase, compat_refuses_what_is_too_long);
	tcase_add_test(tcase, compat_refuses_another_password_and_bare_packets);
	tcase_add_test(tcase, compat_topics_hold_the_address_as_text);
	tcase_add_test(tcase, compat_topic_has_room_for_the_longest);
	tcase_add_test(tcase, compat_key_is_wiped);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
