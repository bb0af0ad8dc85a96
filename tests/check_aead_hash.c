/*
 * Hashes, derived keys and keys as text, against published vectors.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "aead_hash.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"

static const uint8_t key[AEAD_KEY_LEN] = {1};

START_TEST(hash_is_blake2b)
{
	uint8_t out[64];

	/* RFC 7693, appendix A; the parts are one message wherever it is cut */
	for (size_t cut = 0; cut <= 3; cut++) {
		memset(out, 0, sizeof(out));
		aead_hash(out, sizeof(out), NULL, "abc", cut, &"abc"[cut], 3 - cut);
		expect_hex(out, "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
				"7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
	}
}
END_TEST

START_TEST(hash_length_and_key_change_all_of_it)
{
	uint8_t a[32], b[64], c[32];

	aead_hash(a, sizeof(a), NULL, "abc", 3, NULL, 0);
	aead_hash(b, sizeof(b), NULL, "abc", 3, NULL, 0);
	aead_hash(c, sizeof(c), key, "abc", 3, NULL, 0);
	ck_assert_mem_ne(a, b, sizeof(a));
	ck_assert_mem_ne(a, c, sizeof(a));
}
END_TEST

START_TEST(kdf_gives_the_check_values)
{
	uint8_t out[AEAD_KEY_LEN], in[AEAD_KEY_LEN];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	aead_kdf(out, in, "mv1 slot L", NULL, 0);
	expect_hex(out, "b6286432485f3d24a81c12f5ce1909d6e615dd1664107ad97ce29c41e471ffab");
	aead_kdf(in, in, "mv1 slot R", "", 0);
	expect_hex(in, "89e5583bd02af447c86d6e3495385447c78cdea45e1dda14cbe8c18dc2d33d41");
}
END_TEST

START_TEST(kdf_tells_label_from_data)
{
	uint8_t a[AEAD_KEY_LEN], b[AEAD_KEY_LEN];

	aead_kdf(a, key, "mv1 ab", "c", 1);
	aead_kdf(b, key, "mv1 a", "bc", 2);
	ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

START_TEST(sha256_is_that_of_fips_180)
{
	uint8_t out[AEAD_HASH_LEN];

	aead_sha256(out, "abc", 3, NULL, 0);
	expect_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	aead_sha256(out, "abcdbcdecdefdefgefghfghi", 24, "ghijhijkijkljklmklmnlmnomnopnopq", 32);
	expect_hex(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}
END_TEST

START_TEST(hmac_is_that_of_rfc_4231)
{
	/* a shorter key counts as if zeros followed it */
	uint8_t out[AEAD_HASH_LEN], k[AEAD_HASH_LEN] = {0}, data[50];

	memset(k, 0x0b, 20);
	aead_hmac_sha256(out, k, "Hi ", 3, "There", 5);
	expect_hex(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	memset(k, 0, sizeof(k));
	memcpy(k, "Jefe", 4);
	aead_hmac_sha256(out, k, "what do ya want for nothing?", 28, NULL, 0);
	expect_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(k, 0xaa, 20);
	memset(data, 0xdd, sizeof(data));
	aead_hmac_sha256(out, k, NULL, 0, data, sizeof(data));
	expect_hex(out, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
}
END_TEST

START_TEST(argon2id_gives_the_check_value)
{
	uint8_t out[AEAD_KEY_LEN], salt[16];

	aead_hash(salt, sizeof(salt), NULL, "mv1 salt", 9, "testnet", 7);
	expect_hex(salt, "040fec43e8b0abaecd8ef816742d4a1b");
	ck_assert_int_eq(aead_argon2id(out, "correct horse", 13, salt, 2, 64 * 1024), 0);
	expect_hex(out, "28953ae6fca84be64fabe696113890f3ce63bab677a7a65b3d90443ad51ab8d2");
}
END_TEST

START_TEST(argon2id_refuses_what_it_cannot_work_with)
{
	uint8_t out[AEAD_KEY_LEN], salt[16] = {0};

	ck_assert_int_eq(aead_argon2id(out, "x", 1, salt, 1, 8), 0);
	ck_assert_int_eq(aead_argon2id(out, "x", 1, salt, 1, 7), -1);
	ck_assert_int_eq(aead_argon2id(out, "x", 1, salt, 0, 8), -1);
}
END_TEST

START_TEST(key_text_goes_there_and_back)
{
	static const char text[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	uint8_t in[AEAD_KEY_LEN], out[AEAD_KEY_LEN];
	char formatted[AEAD_KEY_TEXT];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	aead_key_format(formatted, in);
	ck_assert_str_eq(formatted, text);
	ck_assert_int_eq(aead_key_parse(out, text), 0);
	ck_assert_mem_eq(out, in, sizeof(in));
	memset(in, 0xff, sizeof(in));
	aead_key_format(formatted, in);
	ck_assert_str_eq(formatted, "//////////////////////////////////////////8=");
	ck_assert_int_eq(aead_key_parse(out, formatted), 0);
	ck_assert_mem_eq(out, in, sizeof(in));
}
END_TEST

START_TEST(key_text_must_be_exact)
{
	static const char *const bad[] = {
	    "", "=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", /* no padding */
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8==",	    /* too much of it */
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
	    " AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", /* its unused bits are set */
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", /* 31 bytes */
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", /* 33 bytes */
	    "__________________________________________8=", /* the other alphabet */
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka*xwdHh8=", /* a stranger */
	};
	uint8_t out[AEAD_KEY_LEN], untouched[AEAD_KEY_LEN];

	memset(out, 0xaa, sizeof(out));
	memset(untouched, 0xaa, sizeof(untouched));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(aead_key_parse(out, bad[i]) == -1, "'%s'", bad[i]);
		ck_assert_mem_eq(out, untouched, sizeof(out));
	}
}
END_TEST

START_TEST(base64url_has_no_padding)
{
	/* RFC 4648, section 10, and what differs between the alphabets */
	static const struct {
		const char *data, *text;
	} cases[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"},
	    {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"},
	    {"\xfb\xff\xfe\xff\xff\xff\xff\xff", "-__-______8"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].data), room = 4 * len / 3 + 2;
		char *text = malloc(room);

		ck_assert_ptr_nonnull(text);
		aead_base64url(text, (const uint8_t *)cases[i].data, len);
		ck_assert_str_eq(text, cases[i].text);
		free(text);
	}
}
END_TEST

static TCase *
hash_tests(void)
{
	TCase *tc = tcase_create("hash");

	tcase_set_timeout(tc, 60); /* for Argon2id under valgrind */
	tcase_add_test(tc, hash_is_blake2b);
	tcase_add_test(tc, hash_length_and_key_change_all_of_it);
	tcase_add_test(tc, kdf_gives_the_check_values);
	tcase_add_test(tc, kdf_tells_label_from_data);
	tcase_add_test(tc, sha256_is_that_of_fips_180);
	tcase_add_test(tc, hmac_is_that_of_rfc_4231);
	tcase_add_test(tc, argon2id_gives_the_check_value);
	tcase_add_test(tc, argon2id_refuses_what_it_cannot_work_with);
	tcase_add_test(tc, key_text_goes_there_and_back);
	tcase_add_test(tc, key_text_must_be_exact);
	tcase_add_test(tc, base64url_has_no_padding);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("aead_hash");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, hash_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
