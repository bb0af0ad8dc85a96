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

#include "hex.h"

#define MESSAGE_LEN 131
#define DRAFT_LEN 265
#define SUNSCREEN_LEN 114

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

/* RFC 8439, appendix A.5: its nonce is a counter as ours are */
#define DRAFT_COUNTER UINT64_C(0x0807060504030201)
static const char draft_key_hex[] =
    "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
static const char draft_ad_hex[] = "f33388860000000000004e91";
static const char draft[] =
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
    "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
    "Internet-Drafts as reference material or to cite them other than as "
    "/\xe2\x80\x9cwork in progress./\xe2\x80\x9d";
static const char draft_sealed_hex[] =
    "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e"
    "382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd"
    "60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c76"
    "7b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a"
    "0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a67276"
    "27097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b0270"
    "9b"
    "eead9d67890cbb22392336fea1851f38";

/* draft-irtf-cfrg-xchacha-03, appendix A.3.1 */
static const char sunscreen_key_hex[] =
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
static const char sunscreen_nonce_hex[] = "404142434445464748494a4b4c4d4e4f5051525354555657";
static const char sunscreen_ad_hex[] = "50515253c0c1c2c3c4c5c6c7";
static const char sunscreen[] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
    "future, sunscreen would be it.";
static const char sunscreen_sealed_hex[] =
    "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f"
    "4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f"
    "76b2383565d3fff921f9664c97637da9768812f615c68b13b52e"
    "c0875924c1c7987947deafd8780acf49";

static uint8_t key[AEAD_KEY_LEN];
static uint8_t nonce[AEAD_BOX_NONCE_LEN];
static uint8_t message[MESSAGE_LEN];
static uint8_t tag[AEAD_BOX_TAG_LEN];
static uint8_t sealed[MESSAGE_LEN];

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

struct chacha {
	uint8_t key[AEAD_KEY_LEN], nonce[AEAD_BOX_NONCE_LEN], ad[12];
	uint8_t sealed[DRAFT_LEN + AEAD_TAG_LEN];
};

static struct chacha
draft_vector(void)
{
	struct chacha v = {.nonce = {0}};

	from_hex(v.key, sizeof(v.key), draft_key_hex);
	from_hex(v.ad, sizeof(v.ad), draft_ad_hex);
	from_hex(v.sealed, sizeof(v.sealed), draft_sealed_hex);
	return v;
}

static struct chacha
sunscreen_vector(void)
{
	struct chacha v;

	from_hex(v.key, sizeof(v.key), sunscreen_key_hex);
	from_hex(v.nonce, sizeof(v.nonce), sunscreen_nonce_hex);
	from_hex(v.ad, sizeof(v.ad), sunscreen_ad_hex);
	from_hex(v.sealed, SUNSCREEN_LEN + AEAD_TAG_LEN, sunscreen_sealed_hex);
	return v;
}

START_TEST(counter_seals_as_rfc_8439_does)
{
	struct chacha v = draft_vector();
	uint8_t out[DRAFT_LEN + AEAD_TAG_LEN];

	aead_seal(out, (const uint8_t *)draft, DRAFT_LEN, v.ad, sizeof(v.ad), DRAFT_COUNTER, v.key);
	ck_assert_mem_eq(out, v.sealed, sizeof(v.sealed));
	ck_assert_int_eq(
	    aead_open(out, v.sealed, sizeof(v.sealed), v.ad, sizeof(v.ad), DRAFT_COUNTER, v.key),
	    0);
	ck_assert_mem_eq(out, draft, DRAFT_LEN);
}
END_TEST

START_TEST(counter_seals_and_opens_in_place)
{
	struct chacha v = draft_vector();
	uint8_t buf[DRAFT_LEN + AEAD_TAG_LEN];

	memcpy(buf, draft, DRAFT_LEN);
	aead_seal(buf, buf, DRAFT_LEN, v.ad, sizeof(v.ad), DRAFT_COUNTER, v.key);
	ck_assert_mem_eq(buf, v.sealed, sizeof(buf));
	ck_assert_int_eq(
	    aead_open(buf, buf, sizeof(buf), v.ad, sizeof(v.ad), DRAFT_COUNTER, v.key), 0);
	ck_assert_mem_eq(buf, draft, DRAFT_LEN);
}
END_TEST

static int
open_draft(const struct chacha *v, size_t len, uint64_t counter)
{
	uint8_t out[DRAFT_LEN];

	return aead_open(out, v->sealed, len, v->ad, sizeof(v->ad), counter, v->key);
}

START_TEST(counter_refuses_a_flipped_bit_anywhere)
{
	struct chacha v = draft_vector();

	for (size_t bit = 0; bit < 8 * sizeof(v.sealed); bit++) {
		v.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(open_draft(&v, sizeof(v.sealed), DRAFT_COUNTER), -1);
		v.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t i = 0; i < sizeof(v.ad); i++) {
		v.ad[i] ^= 1;
		ck_assert_int_eq(open_draft(&v, sizeof(v.sealed), DRAFT_COUNTER), -1);
		v.ad[i] ^= 1;
	}
	for (int bit = 0; bit < 64; bit++) {
		uint64_t counter = DRAFT_COUNTER ^ UINT64_C(1) << bit;

		ck_assert_int_eq(open_draft(&v, sizeof(v.sealed), counter), -1);
	}
	ck_assert_int_eq(open_draft(&v, sizeof(v.sealed), DRAFT_COUNTER), 0);
}
END_TEST

START_TEST(counter_refuses_every_shorter_length)
{
	struct chacha v = draft_vector();

	for (size_t len = 0; len < sizeof(v.sealed); len++)
		ck_assert_int_eq(open_draft(&v, len, DRAFT_COUNTER), -1);
}
END_TEST

START_TEST(counter_seals_nothing_into_a_tag)
{
	uint8_t out[AEAD_TAG_LEN];

	aead_seal(out, NULL, 0, NULL, 0, UINT64_MAX, key);
	ck_assert_int_eq(aead_open(out, out, sizeof(out), NULL, 0, UINT64_MAX, key), 0);
	aead_seal(out, NULL, 0, NULL, 0, 1, key);
	ck_assert_int_eq(aead_open(out, out, sizeof(out), NULL, 0, 0, key), -1);
}
END_TEST

START_TEST(long_nonce_seals_as_the_draft_does)
{
	struct chacha v = sunscreen_vector();
	uint8_t out[SUNSCREEN_LEN + AEAD_TAG_LEN];

	memcpy(out, sunscreen, SUNSCREEN_LEN);
	aead_xseal(out, out, SUNSCREEN_LEN, v.ad, sizeof(v.ad), v.nonce, v.key);
	ck_assert_mem_eq(out, v.sealed, sizeof(out));
	ck_assert_int_eq(aead_xopen(out, out, sizeof(out), v.ad, sizeof(v.ad), v.nonce, v.key), 0);
	ck_assert_mem_eq(out, sunscreen, SUNSCREEN_LEN);
}
END_TEST

START_TEST(long_nonce_refuses_what_was_changed)
{
	struct chacha v = sunscreen_vector();
	const size_t len = SUNSCREEN_LEN + AEAD_TAG_LEN;
	uint8_t out[SUNSCREEN_LEN], *parts[] = {v.sealed, v.ad, v.nonce, v.key};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		parts[i][0] ^= 0x80;
		ck_assert_int_eq(
		    aead_xopen(out, v.sealed, len, v.ad, sizeof(v.ad), v.nonce, v.key), -1);
		parts[i][0] ^= 0x80;
	}
	for (size_t cut = 1; cut <= len; cut++) {
		ck_assert_int_eq(
		    aead_xopen(out, v.sealed, len - cut, v.ad, sizeof(v.ad), v.nonce, v.key), -1);
	}
	ck_assert_int_eq(aead_xopen(out, v.sealed, len, v.ad, sizeof(v.ad), v.nonce, v.key), 0);
}
END_TEST

static TCase *
box_tests(void)
{
	TCase *tc = tcase_create("box");

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
	return tc;
}

static TCase *
chacha_tests(void)
{
	TCase *tc = tcase_create("chacha");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, counter_seals_as_rfc_8439_does);
	tcase_add_test(tc, counter_seals_and_opens_in_place);
	tcase_add_test(tc, counter_refuses_a_flipped_bit_anywhere);
	tcase_add_test(tc, counter_refuses_every_shorter_length);
	tcase_add_test(tc, counter_seals_nothing_into_a_tag);
	tcase_add_test(tc, long_nonce_seals_as_the_draft_does);
	tcase_add_test(tc, long_nonce_refuses_what_was_changed);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("aead");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, box_tests());
	suite_add_tcase(suite, chacha_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
