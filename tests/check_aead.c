/*
 * Cryptography, against published vectors.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "aead.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_LEN 131

/* tests/secretbox.c of NaCl 20110221 */
static const char key_hex[] = "1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389";
static const char nonce_hex[] = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
static const char message_hex[] =
    "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d4"
    "5e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a"
    "024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705";
static const char tag_hex[] = "f3ffc7703f9400e52a7dfb4b3d3305d9";
static const char sealed_hex[] =
    "8e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011"
    "ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfea"
    "bd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5";

static uint8_t key[AEAD_KEY_LEN];
static uint8_t nonce[AEAD_BOX_NONCE_LEN];
static uint8_t message[MESSAGE_LEN];
static uint8_t tag[AEAD_BOX_TAG_LEN];
static uint8_t sealed[MESSAGE_LEN];

static void
from_hex(uint8_t *out, size_t len, const char *hex)
{
	char digits[3] = {0};

	ck_assert_uint_eq(strlen(hex), 2 * len);
	for (size_t i = 0; i < len; i++) {
		memcpy(digits, hex + 2 * i, 2);
		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
}

static void
setup(void)
{
	ck_assert_int_eq(aead_init(), 0);
	from_hex(key, sizeof(key), key_hex);
	from_hex(nonce, sizeof(nonce), nonce_hex);
	from_hex(message, sizeof(message), message_hex);
	from_hex(tag, sizeof(tag), tag_hex);
	from_hex(sealed, sizeof(sealed), sealed_hex);
}

START_TEST(init_may_be_called_again)
{
	ck_assert_int_eq(aead_init(), 0);
}
END_TEST

START_TEST(box_seals_as_nacl_does)
{
	uint8_t out[MESSAGE_LEN], out_tag[AEAD_BOX_TAG_LEN];

	aead_box_seal(out, out_tag, message, sizeof(message), nonce, key);
	ck_assert_mem_eq(out, sealed, sizeof(sealed));
	ck_assert_mem_eq(out_tag, tag, sizeof(tag));
}
END_TEST

START_TEST(box_seals_and_opens_in_place)
{
	uint8_t buf[MESSAGE_LEN], out_tag[AEAD_BOX_TAG_LEN];

	memcpy(buf, message, sizeof(buf));
	aead_box_seal(buf, out_tag, buf, sizeof(buf), nonce, key);
	ck_assert_mem_eq(buf, sealed, sizeof(sealed));
	ck_assert_mem_eq(out_tag, tag, sizeof(tag));
	ck_assert_int_eq(aead_box_open(buf, out_tag, buf, sizeof(buf), nonce, key), 0);
	ck_assert_mem_eq(buf, message, sizeof(message));
}
END_TEST

/* Opens what was spoiled, and looks that nothing came out. */
static void
expect_refused(void)
{
	uint8_t out[MESSAGE_LEN], untouched[MESSAGE_LEN];

	memset(out, 0xaa, sizeof(out));
	memset(untouched, 0xaa, sizeof(untouched));
	ck_assert_int_eq(aead_box_open(out, tag, sealed, sizeof(sealed), nonce, key), -1);
	ck_assert_mem_eq(out, untouched, sizeof(out));
}

static void
spoil_each_byte(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= 0x01;
		expect_refused();
		bytes[i] ^= 0x01;
	}
}

START_TEST(box_refuses_a_flipped_bit_anywhere)
{
	spoil_each_byte(sealed, sizeof(sealed));
	spoil_each_byte(tag, sizeof(tag));
	spoil_each_byte(nonce, sizeof(nonce));
	spoil_each_byte(key, sizeof(key));
}
END_TEST

START_TEST(box_refuses_a_shortened_message)
{
	uint8_t out[MESSAGE_LEN];

	for (size_t len = 0; len < sizeof(sealed); len++)
		ck_assert_int_eq(aead_box_open(out, tag, sealed, len, nonce, key), -1);
	ck_assert_int_eq(aead_box_open(out, tag, sealed, sizeof(sealed), nonce, key), 0);
}
END_TEST

START_TEST(box_of_nothing_has_a_tag_that_counts)
{
	uint8_t out[1], out_tag[AEAD_BOX_TAG_LEN];

	aead_box_seal(out, out_tag, message, 0, nonce, key);
	ck_assert_int_eq(aead_box_open(out, out_tag, message, 0, nonce, key), 0);
	out_tag[0] ^= 0x80;
	ck_assert_int_eq(aead_box_open(out, out_tag, message, 0, nonce, key), -1);
}
END_TEST

START_TEST(password_key_is_half_of_sha512)
{
	uint8_t expected[AEAD_KEY_LEN], out[AEAD_KEY_LEN];

	/* FIPS 180-2, appendix C.1 */
	from_hex(expected, sizeof(expected),
	    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a");
	aead_key_from_password("abc", 3, out);
	ck_assert_mem_eq(out, expected, sizeof(expected));
	from_hex(expected, sizeof(expected),
	    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce");
	aead_key_from_password("", 0, out);
	ck_assert_mem_eq(out, expected, sizeof(expected));
}
END_TEST

START_TEST(random_fills_exactly_its_buffer)
{
	uint8_t a[34] = {0}, b[34] = {0}, zeros[32] = {0};

	aead_random(a + 1, 32);
	aead_random(b + 1, 32);
	ck_assert_mem_ne(a + 1, b + 1, 32);
	ck_assert_mem_ne(a + 1, zeros, 32);
	ck_assert_uint_eq(a[0] | a[33] | b[0] | b[33], 0);
}
END_TEST

START_TEST(random_numbers_use_all_their_bits)
{
	uint32_t ones = 0, zeros = 0;

	for (int i = 0; i < 200; i++) {
		uint32_t v = aead_random_u32();

		ones |= v;
		zeros |= ~v;
	}
	ck_assert_uint_eq(ones, UINT32_MAX);
	ck_assert_uint_eq(zeros, UINT32_MAX);
}
END_TEST

START_TEST(wipe_leaves_zeros)
{
	uint8_t zeros[AEAD_KEY_LEN] = {0};

	aead_wipe(key, sizeof(key));
	ck_assert_mem_eq(key, zeros, sizeof(zeros));
}
END_TEST

START_TEST(compare_sees_the_last_byte)
{
	ck_assert_int_eq(aead_compare("secret", "secret", 6), 0);
	ck_assert_int_eq(aead_compare("secret", "secreT", 6), -1);
	ck_assert_int_eq(aead_compare("secret", "Secret", 6), -1);
	ck_assert_int_eq(aead_compare("a", "b", 0), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("aead");
	TCase *tc = tcase_create("aead");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, init_may_be_called_again);
	tcase_add_test(tc, box_seals_as_nacl_does);
	tcase_add_test(tc, box_seals_and_opens_in_place);
	tcase_add_test(tc, box_refuses_a_flipped_bit_anywhere);
	tcase_add_test(tc, box_refuses_a_shortened_message);
	tcase_add_test(tc, box_of_nothing_has_a_tag_that_counts);
	tcase_add_test(tc, password_key_is_half_of_sha512);
	tcase_add_test(tc, random_fills_exactly_its_buffer);
	tcase_add_test(tc, random_numbers_use_all_their_bits);
	tcase_add_test(tc, wipe_leaves_zeros);
	tcase_add_test(tc, compare_sees_the_last_byte);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
