/*
 * Tests of aead_cipher: the same bytes from each library, nothing from what was forged, and no key
 * left behind. Here OpenSSL gets its memory from the test.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "aead_cipher.h"

#include <check.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define SHORT_MAX 300
#define LEN_MAX 65536
#define COUNTER UINT64_C(0x8877665544332211)
#define BLOCKS_MAX 64

static const size_t lengths[] = {1400, 4095, 16384, 65535, LEN_MAX};
static const char ad[] = "a header, and where it is bound for";

/* What OpenSSL asked for while recording was on, and still has. */
static struct {
	bool recording;
	size_t count;
	struct {
		uint8_t *start;
		size_t len;
	} blocks[BLOCKS_MAX];
	size_t allocations, allowed; /* ever */
	size_t freed_unclean;	     /* blocks with the key in them */
} heap = {.allowed = SIZE_MAX};

static uint8_t key[AEAD_KEY_LEN];
static uint8_t plain[LEN_MAX], sealed[LEN_MAX + AEAD_TAG_LEN], out[LEN_MAX + AEAD_TAG_LEN];

static struct aead_cipher *cipher;

static void *
counted_malloc(size_t len, const char *file, int line)
{
	void *p = heap.allocations++ < heap.allowed ? malloc(len) : NULL;

	if (heap.recording && p != NULL) {
		ck_assert_uint_lt(heap.count, BLOCKS_MAX);
		heap.blocks[heap.count].start = p;
		heap.blocks[heap.count++].len = len;
	}
	return p;
}

static void *
counted_realloc(void *p, size_t len, const char *file, int line)
{
	return heap.allocations++ < heap.allowed ? realloc(p, len) : NULL;
}

/* Its bytes are all the same, so that their order in a context does not matter. */
static bool
has_key(const uint8_t *bytes, size_t len)
{
	size_t run = 0;

	for (size_t i = 0; i < len && run < sizeof(key); i++)
		run = bytes[i] == key[0] ? run + 1 : 0;
	return run == sizeof(key);
}

static void
checked_free(void *p, const char *file, int line)
{
	for (size_t i = 0; i < heap.count; i++) {
		if (heap.blocks[i].start != p)
			continue;
		heap.freed_unclean += has_key(heap.blocks[i].start, heap.blocks[i].len);
		heap.blocks[i] = heap.blocks[--heap.count];
		break;
	}
	free(p);
}

static size_t
blocks_with_key(void)
{
	size_t found = 0;

	for (size_t i = 0; i < heap.count; i++)
		found += has_key(heap.blocks[i].start, heap.blocks[i].len);
	return found;
}

static void
set_up(void)
{
	memset(key, 0xc3, sizeof(key));
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i ^ i >> 8);
	/* what is loaded once is not to be recorded */
	aead_cipher_free(aead_cipher_new(AEAD_OPENSSL));
	heap.recording = true;
	cipher = aead_cipher_new(AEAD_OPENSSL);
	heap.recording = false;
	ck_assert_ptr_nonnull(cipher);
}

static void
tear_down(void)
{
	aead_cipher_free(cipher);
}

/* Of len bytes of plain, by libsodium. */
static void
seal_reference(size_t len)
{
	aead_seal(sealed, plain, len, ad, sizeof(ad), COUNTER, key);
}

static void
expect_same_bytes(size_t len)
{
	seal_reference(len);
	aead_cipher_seal(cipher, out, plain, len, ad, sizeof(ad), COUNTER, key);
	ck_assert_mem_eq(out, sealed, len + AEAD_TAG_LEN);
	ck_assert_int_eq(aead_open(out, out, len + AEAD_TAG_LEN, ad, sizeof(ad), COUNTER, key), 0);
	ck_assert_mem_eq(out, plain, len);
	memset(out, 0, len);
	ck_assert_int_eq(
	    aead_cipher_open(cipher, out, sealed, len + AEAD_TAG_LEN, ad, sizeof(ad), COUNTER, key),
	    0);
	ck_assert_mem_eq(out, plain, len);
}

static void
expect_same_bytes_of_all_lengths(void)
{
	for (size_t len = 0; len <= SHORT_MAX; len++)
		expect_same_bytes(len);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		expect_same_bytes(lengths[i]);
}

START_TEST(cipher_gives_the_bytes_of_libsodium)
{
	ck_assert_str_eq(aead_cipher_name(cipher), "OpenSSL");
	expect_same_bytes_of_all_lengths();
}
END_TEST

START_TEST(cipher_of_libsodium_gives_its_bytes)
{
	struct aead_cipher *openssl = cipher;

	cipher = aead_cipher_new(AEAD_SODIUM);
	ck_assert_ptr_nonnull(cipher);
	ck_assert_str_eq(aead_cipher_name(cipher), "libsodium");
	expect_same_bytes_of_all_lengths();
	aead_cipher_forget(cipher);
	aead_cipher_free(cipher);
	cipher = openssl;
}
END_TEST

START_TEST(fastest_cipher_gives_the_same_bytes)
{
	struct aead_cipher *openssl = cipher;
	const char *name;

	cipher = aead_cipher_new(AEAD_FASTEST);
	ck_assert_ptr_nonnull(cipher);
	name = aead_cipher_name(cipher);
	ck_assert(strcmp(name, "libsodium") == 0 || strcmp(name, "OpenSSL") == 0);
	expect_same_bytes_of_all_lengths();
	aead_cipher_free(cipher);
	cipher = openssl;
}
END_TEST

START_TEST(cipher_takes_every_length_of_associated_data)
{
	for (size_t ad_len = 0; ad_len <= SHORT_MAX; ad_len++) {
		for (size_t len = 0; len <= 100; len += 50) {
			aead_seal(sealed, plain, len, plain, ad_len, COUNTER, key);
			aead_cipher_seal(cipher, out, plain, len, plain, ad_len, COUNTER, key);
			ck_assert_mem_eq(out, sealed, len + AEAD_TAG_LEN);
		}
	}
}
END_TEST

START_TEST(cipher_seals_nothing_with_nothing)
{
	aead_seal(sealed, NULL, 0, NULL, 0, COUNTER, key);
	aead_cipher_seal(cipher, out, NULL, 0, NULL, 0, COUNTER, key);
	ck_assert_mem_eq(out, sealed, AEAD_TAG_LEN);
	ck_assert_int_eq(
	    aead_cipher_open(cipher, NULL, sealed, AEAD_TAG_LEN, NULL, 0, COUNTER, key), 0);
	sealed[0] ^= 1;
	ck_assert_int_eq(
	    aead_cipher_open(cipher, NULL, sealed, AEAD_TAG_LEN, NULL, 0, COUNTER, key), -1);
}
END_TEST

START_TEST(cipher_uses_the_whole_counter_and_each_new_key)
{
	for (int bit = 0; bit < 64; bit++) {
		uint64_t counter = UINT64_C(1) << bit;

		key[bit % sizeof(key)] ^= (uint8_t)(bit + 1);
		aead_seal(sealed, plain, 64, ad, sizeof(ad), counter, key);
		aead_cipher_seal(cipher, out, plain, 64, ad, sizeof(ad), counter, key);
		ck_assert_mem_eq(out, sealed, 64 + AEAD_TAG_LEN);
	}
}
END_TEST

START_TEST(cipher_works_in_place)
{
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		seal_reference(lengths[i]);
		memcpy(out, plain, lengths[i]);
		aead_cipher_seal(cipher, out, out, lengths[i], ad, sizeof(ad), COUNTER, key);
		ck_assert_mem_eq(out, sealed, lengths[i] + AEAD_TAG_LEN);
		ck_assert_int_eq(aead_cipher_open(cipher, out, out, lengths[i] + AEAD_TAG_LEN, ad,
				     sizeof(ad), COUNTER, key),
		    0);
		ck_assert_mem_eq(out, plain, lengths[i]);
	}
}
END_TEST

/* It writes exactly as much as it says. */
START_TEST(cipher_stays_within_its_buffer)
{
	memset(out, 0xee, sizeof(out));
	aead_cipher_seal(cipher, out + 1, plain, 100, ad, sizeof(ad), COUNTER, key);
	ck_assert_uint_eq(out[0], 0xee);
	ck_assert_uint_eq(out[101 + AEAD_TAG_LEN], 0xee);
	seal_reference(100);
	memset(out, 0xee, sizeof(out));
	aead_cipher_open(cipher, out + 1, sealed, 100 + AEAD_TAG_LEN, ad, sizeof(ad), COUNTER, key);
	ck_assert_uint_eq(out[0], 0xee);
	ck_assert_uint_eq(out[101], 0xee);
}
END_TEST

/* In place, as the daemon does; what is there afterwards tells nothing. */
static void
expect_refused(const uint8_t *message, size_t len, size_t ad_len, uint64_t counter)
{
	static const uint8_t nothing[SHORT_MAX];

	memcpy(out, message, len);
	ck_assert_int_eq(aead_cipher_open(cipher, out, out, len, ad, ad_len, counter, key), -1);
	if (len > AEAD_TAG_LEN)
		ck_assert_mem_eq(out, nothing, len - AEAD_TAG_LEN);
	ck_assert_uint_eq(ERR_peek_error(), 0);
}

START_TEST(cipher_refuses_every_flipped_bit)
{
	const size_t len = 70 + AEAD_TAG_LEN;

	seal_reference(70);
	for (size_t bit = 0; bit < len * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		expect_refused(sealed, len, sizeof(ad), COUNTER);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (int bit = 0; bit < 64; bit++)
		expect_refused(sealed, len, sizeof(ad), COUNTER ^ UINT64_C(1) << bit);
	expect_refused(sealed, len, sizeof(ad) - 1, COUNTER);
	key[31] ^= 0x80;
	expect_refused(sealed, len, sizeof(ad), COUNTER);
	key[31] ^= 0x80;
	ck_assert_int_eq(
	    aead_cipher_open(cipher, out, sealed, len, ad, sizeof(ad), COUNTER, key), 0);
	ck_assert_mem_eq(out, plain, 70);
}
END_TEST

START_TEST(cipher_refuses_every_shorter_length)
{
	uint8_t *copy;

	seal_reference(70);
	for (size_t len = 0; len < 70 + AEAD_TAG_LEN; len++) {
		copy = malloc(len > 0 ? len : 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, sealed, len);
		expect_refused(copy, len, sizeof(ad), COUNTER);
		free(copy);
	}
}
END_TEST

START_TEST(cipher_seals_well_after_a_refusal)
{
	memset(out, 0, 200);
	ck_assert_int_eq(aead_cipher_open(cipher, out, out, 200, ad, sizeof(ad), 1, key), -1);
	expect_same_bytes(200);
}
END_TEST

START_TEST(cipher_allocates_nothing_for_a_message)
{
	size_t before = heap.allocations;

	ck_assert_uint_gt(before, 0);
	for (uint64_t counter = 0; counter < 100; counter++) {
		key[0]++;
		aead_cipher_seal(cipher, out, plain, 1400, ad, sizeof(ad), counter, key);
		ck_assert_int_eq(aead_cipher_open(cipher, out, out, 1400 + AEAD_TAG_LEN, ad,
				     sizeof(ad), counter, key),
		    0);
	}
	ck_assert_uint_eq(heap.allocations, before);
}
END_TEST

START_TEST(cipher_forgets_its_keys)
{
	expect_same_bytes(100);
	ck_assert_uint_ge(blocks_with_key(), 2);
	aead_cipher_forget(cipher);
	ck_assert_uint_eq(blocks_with_key(), 0);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	expect_same_bytes(100);
}
END_TEST

START_TEST(cipher_wipes_its_keys_when_freed)
{
	expect_same_bytes(100);
	ck_assert_uint_ge(blocks_with_key(), 2);
	aead_cipher_free(cipher);
	cipher = NULL;
	ck_assert_uint_eq(heap.count, 0);
	ck_assert_uint_eq(heap.freed_unclean, 0);
}
END_TEST

START_TEST(cipher_does_without_openssl)
{
	struct aead_cipher *fastest;

	/* the default provider has nothing of that kind */
	ck_assert_int_eq(EVP_set_default_properties(NULL, "fips=yes"), 1);
	ck_assert_ptr_null(aead_cipher_new(AEAD_OPENSSL));
	fastest = aead_cipher_new(AEAD_FASTEST);
	ck_assert_ptr_nonnull(fastest);
	ck_assert_str_eq(aead_cipher_name(fastest), "libsodium");
	ck_assert_uint_eq(ERR_peek_error(), 0);
	aead_cipher_free(fastest);
	ck_assert_int_eq(EVP_set_default_properties(NULL, ""), 1);
}
END_TEST

START_TEST(cipher_needs_all_of_its_memory)
{
	struct aead_cipher *c = NULL;
	size_t given = 0;

	while (c == NULL && given < BLOCKS_MAX) {
		heap.allowed = heap.allocations + given++;
		c = aead_cipher_new(AEAD_OPENSSL);
	}
	heap.allowed = SIZE_MAX;
	ck_assert_ptr_nonnull(c);
	/* a context and its state in each direction */
	ck_assert_uint_ge(given - 1, 4);
	aead_cipher_free(c);
}
END_TEST

static TCase *
byte_tests(void)
{
	TCase *tc = tcase_create("bytes");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, cipher_gives_the_bytes_of_libsodium);
	tcase_add_test(tc, cipher_of_libsodium_gives_its_bytes);
	tcase_add_test(tc, fastest_cipher_gives_the_same_bytes);
	tcase_add_test(tc, cipher_takes_every_length_of_associated_data);
	tcase_add_test(tc, cipher_seals_nothing_with_nothing);
	tcase_add_test(tc, cipher_uses_the_whole_counter_and_each_new_key);
	tcase_add_test(tc, cipher_works_in_place);
	tcase_add_test(tc, cipher_stays_within_its_buffer);
	return tc;
}

static TCase *
safety_tests(void)
{
	TCase *tc = tcase_create("safety");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, cipher_refuses_every_flipped_bit);
	tcase_add_test(tc, cipher_refuses_every_shorter_length);
	tcase_add_test(tc, cipher_seals_well_after_a_refusal);
	tcase_add_test(tc, cipher_allocates_nothing_for_a_message);
	tcase_add_test(tc, cipher_forgets_its_keys);
	tcase_add_test(tc, cipher_wipes_its_keys_when_freed);
	tcase_add_test(tc, cipher_does_without_openssl);
	tcase_add_test(tc, cipher_needs_all_of_its_memory);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("aead_cipher");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, checked_free) != 1 ||
	    aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, byte_tests());
	suite_add_tcase(suite, safety_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
