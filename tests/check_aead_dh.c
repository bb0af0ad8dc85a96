/*
 * Key agreement and signatures, against published vectors.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "aead_dh.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"

/* RFC 7748, section 6.1 */
static const char alice_secret[] =
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
static const char alice_public[] =
    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
static const char bob_secret[] = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
static const char bob_public[] = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
static const char shared[] = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

/* RFC 8032, section 7.1, tests 1 to 3 */
struct signature_vector {
	const char *seed, *public, *message, *signature;
};
static const struct signature_vector signatures[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};
#define SIGNATURES (sizeof(signatures) / sizeof(signatures[0]))

static void
expect_agreement(const char *secret_hex, const char *own_hex, const char *other_hex)
{
	uint8_t secret[AEAD_KEY_LEN], other[AEAD_KEY_LEN], out[AEAD_KEY_LEN];

	from_hex(secret, sizeof(secret), secret_hex);
	from_hex(other, sizeof(other), other_hex);
	aead_dh_public(out, secret);
	expect_hex(out, own_hex);
	ck_assert_int_eq(aead_dh(out, secret, other), 0);
	expect_hex(out, shared);
}

START_TEST(dh_agrees_as_in_rfc_7748)
{
	expect_agreement(alice_secret, alice_public, bob_public);
	expect_agreement(bob_secret, bob_public, alice_public);
}
END_TEST

START_TEST(dh_iterates_as_in_rfc_7748)
{
	uint8_t k[AEAD_KEY_LEN] = {9}, u[AEAD_KEY_LEN] = {9}, out[AEAD_KEY_LEN];

	for (int i = 1; i <= 1000; i++) {
		ck_assert_int_eq(aead_dh(out, k, u), 0);
		memcpy(u, k, sizeof(u));
		memcpy(k, out, sizeof(k));
		if (i == 1)
			expect_hex(
			    k, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	}
	expect_hex(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}
END_TEST

START_TEST(dh_refuses_points_of_low_order)
{
	/* u = 0, 1, the two of order 8, p - 1, and 0 and 1 again unreduced; bit 255 is ignored */
	static const char *const points[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t secret[AEAD_KEY_LEN], point[AEAD_KEY_LEN], out[AEAD_KEY_LEN];

	from_hex(secret, sizeof(secret), alice_secret);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		from_hex(point, sizeof(point), points[i]);
		ck_assert_int_eq(aead_dh(out, secret, point), -1);
		point[AEAD_KEY_LEN - 1] |= 0x80;
		ck_assert_int_eq(aead_dh(out, secret, point), -1);
	}
}
END_TEST

START_TEST(dh_makes_keypairs_that_agree)
{
	uint8_t secret[2][AEAD_KEY_LEN], public[2][AEAD_KEY_LEN], out[2][AEAD_KEY_LEN];

	for (int i = 0; i < 2; i++)
		aead_dh_keypair(public[i], secret[i]);
	ck_assert_mem_ne(secret[0], secret[1], AEAD_KEY_LEN);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(aead_dh(out[i], secret[i], public[!i]), 0);
	ck_assert_mem_eq(out[0], out[1], AEAD_KEY_LEN);
}
END_TEST

START_TEST(signs_and_verifies_as_rfc_8032_does)
{
	const struct signature_vector *v = &signatures[_i];
	uint8_t secret[AEAD_SIGN_SECRET_LEN], message[2], out[AEAD_SIGNATURE_LEN];
	const size_t len = strlen(v->message) / 2;

	/* the library's secret is the seed of the RFC and the public key */
	from_hex(secret, AEAD_KEY_LEN, v->seed);
	from_hex(secret + AEAD_KEY_LEN, AEAD_KEY_LEN, v->public);
	from_hex(message, len, v->message);
	aead_sign(out, message, len, secret);
	expect_hex(out, v->signature);
	ck_assert_int_eq(aead_verify(out, message, len, secret + AEAD_KEY_LEN), 0);
}
END_TEST

START_TEST(verify_refuses_a_flipped_bit_anywhere)
{
	uint8_t public[AEAD_KEY_LEN], secret[AEAD_SIGN_SECRET_LEN], signature[AEAD_SIGNATURE_LEN];
	uint8_t message[] = "message";

	aead_sign_keypair(public, secret);
	aead_sign(signature, message, sizeof(message), secret);
	ck_assert_int_eq(aead_verify(signature, message, sizeof(message), public), 0);
	for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(aead_verify(signature, message, sizeof(message), public), -1);
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(message); bit++) {
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(aead_verify(signature, message, sizeof(message), public), -1);
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(aead_verify(signature, message, sizeof(message) - 1, public), -1);
}
END_TEST

START_TEST(verify_refuses_another_signer)
{
	uint8_t public[2][AEAD_KEY_LEN], secret[2][AEAD_SIGN_SECRET_LEN];
	uint8_t signature[AEAD_SIGNATURE_LEN];

	for (int i = 0; i < 2; i++)
		aead_sign_keypair(public[i], secret[i]);
	aead_sign(signature, "m", 1, secret[0]);
	ck_assert_int_eq(aead_verify(signature, "m", 1, public[0]), 0);
	ck_assert_int_eq(aead_verify(signature, "m", 1, public[1]), -1);
}
END_TEST

static TCase *
dh_tests(void)
{
	TCase *tc = tcase_create("dh");

	tcase_add_test(tc, dh_agrees_as_in_rfc_7748);
	tcase_add_test(tc, dh_iterates_as_in_rfc_7748);
	tcase_add_test(tc, dh_refuses_points_of_low_order);
	tcase_add_test(tc, dh_makes_keypairs_that_agree);
	tcase_add_loop_test(tc, signs_and_verifies_as_rfc_8032_does, 0, SIGNATURES);
	tcase_add_test(tc, verify_refuses_a_flipped_bit_anywhere);
	tcase_add_test(tc, verify_refuses_another_signer);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("aead_dh");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, dh_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
