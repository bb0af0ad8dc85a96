/*
 * Hashes, derived keys and keys as text.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "aead_hash.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(AEAD_HASH_LEN == crypto_hash_sha256_BYTES, "hash length");
_Static_assert(AEAD_HASH_LEN == crypto_auth_hmacsha256_BYTES, "hash length");
_Static_assert(AEAD_HASH_LEN == crypto_auth_hmacsha256_KEYBYTES, "key length");
_Static_assert(
    AEAD_KEY_TEXT == sodium_base64_ENCODED_LEN(AEAD_KEY_LEN, sodium_base64_VARIANT_ORIGINAL),
    "length of a key as text");

void
aead_hash(uint8_t *out, size_t out_len, const uint8_t *key, const void *a, size_t a_len,
    const void *b, size_t b_len)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, key != NULL ? AEAD_KEY_LEN : 0, out_len);
	crypto_generichash_update(&state, a, a_len);
	crypto_generichash_update(&state, b, b_len);
	crypto_generichash_final(&state, out, out_len);
	sodium_memzero(&state, sizeof(state));
}

void
aead_kdf(uint8_t out[AEAD_KEY_LEN], const uint8_t key[AEAD_KEY_LEN], const char *label,
    const void *data, size_t len)
{
	uint8_t prefix[1 + UINT8_MAX];
	size_t label_len = strlen(label);

	assert(label_len <= UINT8_MAX);
	prefix[0] = (uint8_t)label_len;
	memcpy(prefix + 1, label, label_len);
	aead_hash(out, AEAD_KEY_LEN, key, prefix, 1 + label_len, data, len);
}

void
aead_sha256(uint8_t out[AEAD_HASH_LEN], const void *a, size_t a_len, const void *b, size_t b_len)
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, a, a_len);
	crypto_hash_sha256_update(&state, b, b_len);
	crypto_hash_sha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

void
aead_hmac_sha256(uint8_t out[AEAD_HASH_LEN], const uint8_t key[AEAD_HASH_LEN], const void *a,
    size_t a_len, const void *b, size_t b_len)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, AEAD_HASH_LEN);
	crypto_auth_hmacsha256_update(&state, a, a_len);
	crypto_auth_hmacsha256_update(&state, b, b_len);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

int
aead_argon2id(uint8_t out[AEAD_KEY_LEN], const void *passphrase, size_t len, const uint8_t salt[16],
    uint32_t passes, uint32_t memory_kib)
{
	size_t memory = (size_t)memory_kib * 1024;

	if (memory / 1024 != memory_kib) {
		errno = ENOMEM;
		return -1;
	}
	return crypto_pwhash_argon2id(out, AEAD_KEY_LEN, passphrase, len, salt, passes, memory,
	    crypto_pwhash_argon2id_ALG_ARGON2ID13);
}

void
aead_key_format(char text[AEAD_KEY_TEXT], const uint8_t key[AEAD_KEY_LEN])
{
	sodium_bin2base64(text, AEAD_KEY_TEXT, key, AEAD_KEY_LEN, sodium_base64_VARIANT_ORIGINAL);
}

int
aead_key_parse(uint8_t key[AEAD_KEY_LEN], const char *text)
{
	uint8_t decoded[AEAD_KEY_LEN];
	size_t len = 0;
	int result = -1;

	if (sodium_base642bin(decoded, sizeof(decoded), text, strlen(text), NULL, &len, NULL,
		sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    len == AEAD_KEY_LEN) {
		memcpy(key, decoded, AEAD_KEY_LEN);
		result = 0;
	}
	sodium_memzero(decoded, sizeof(decoded));
	return result;
}

void
aead_base64url(char *text, const uint8_t *data, size_t len)
{
	const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

	sodium_bin2base64(text, sodium_base64_encoded_len(len, variant), data, len, variant);
}
