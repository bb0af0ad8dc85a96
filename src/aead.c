/*
 * All cryptography on packets and keys, from libsodium.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "aead.h"

#include <sodium.h>
#include <string.h>

_Static_assert(AEAD_KEY_LEN == crypto_secretbox_KEYBYTES, "key length");
_Static_assert(AEAD_BOX_NONCE_LEN == crypto_secretbox_NONCEBYTES, "nonce length");
_Static_assert(AEAD_BOX_TAG_LEN == crypto_secretbox_MACBYTES, "tag length");
_Static_assert(AEAD_KEY_LEN == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "key length");
_Static_assert(AEAD_TAG_LEN == crypto_aead_chacha20poly1305_ietf_ABYTES, "tag length");
_Static_assert(AEAD_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key length");
_Static_assert(AEAD_BOX_NONCE_LEN == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce length");
_Static_assert(AEAD_TAG_LEN == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag length");

#define COUNTER_NONCE_LEN crypto_aead_chacha20poly1305_ietf_NPUBBYTES

int
aead_init(void)
{
	/* 1 means that it was called before */
	return sodium_init() == -1 ? -1 : 0;
}

void
aead_random(void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

uint32_t
aead_random_u32(void)
{
	return randombytes_random();
}

void
aead_wipe(void *buf, size_t len)
{
	sodium_memzero(buf, len);
}

int
aead_compare(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len);
}

void
aead_key_from_password(const void *password, size_t len, uint8_t key[AEAD_KEY_LEN])
{
	uint8_t hash[crypto_hash_sha512_BYTES];

	crypto_hash_sha512(hash, password, len);
	memcpy(key, hash, AEAD_KEY_LEN);
	sodium_memzero(hash, sizeof(hash));
}

void
aead_box_seal(uint8_t *out, uint8_t tag[AEAD_BOX_TAG_LEN], const uint8_t *in, size_t len,
    const uint8_t nonce[AEAD_BOX_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN])
{
	crypto_secretbox_detached(out, tag, in, len, nonce, key);
}

int
aead_box_open(uint8_t *out, const uint8_t tag[AEAD_BOX_TAG_LEN], const uint8_t *in, size_t len,
    const uint8_t nonce[AEAD_BOX_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN])
{
	return crypto_secretbox_open_detached(out, in, tag, len, nonce, key);
}

/* Big-endian everywhere else; this nonce is little-endian in Noise. */
static void
counter_nonce(uint8_t nonce[COUNTER_NONCE_LEN], uint64_t counter)
{
	memset(nonce, 0, 4);
	for (size_t i = 4; i < COUNTER_NONCE_LEN; i++) {
		nonce[i] = (uint8_t)counter;
		counter >>= 8;
	}
}

void
aead_seal(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
    uint64_t counter, const uint8_t key[AEAD_KEY_LEN])
{
	uint8_t nonce[COUNTER_NONCE_LEN];

	counter_nonce(nonce, counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, ad, ad_len, NULL, nonce, key);
}

int
aead_open(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
    uint64_t counter, const uint8_t key[AEAD_KEY_LEN])
{
	uint8_t nonce[COUNTER_NONCE_LEN];

	counter_nonce(nonce, counter);
	return crypto_aead_chacha20poly1305_ietf_decrypt(
	    out, NULL, NULL, in, len, ad, ad_len, nonce, key);
}

void
aead_xseal(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
    const uint8_t nonce[AEAD_BOX_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN])
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(
	    out, NULL, in, len, ad, ad_len, NULL, nonce, key);
}

int
aead_xopen(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
    const uint8_t nonce[AEAD_BOX_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN])
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(
	    out, NULL, NULL, in, len, ad, ad_len, nonce, key);
}
