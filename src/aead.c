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
