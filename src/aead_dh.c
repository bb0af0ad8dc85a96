/*
 * Key agreement and signatures.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "aead_dh.h"

#include <sodium.h>

_Static_assert(AEAD_KEY_LEN == crypto_scalarmult_BYTES, "key length");
_Static_assert(AEAD_KEY_LEN == crypto_scalarmult_SCALARBYTES, "key length");
_Static_assert(AEAD_KEY_LEN == crypto_sign_PUBLICKEYBYTES, "key length");
_Static_assert(AEAD_SIGN_SECRET_LEN == crypto_sign_SECRETKEYBYTES, "key length");
_Static_assert(AEAD_SIGNATURE_LEN == crypto_sign_BYTES, "signature length");

void
aead_dh_keypair(uint8_t public[AEAD_KEY_LEN], uint8_t secret[AEAD_KEY_LEN])
{
	randombytes_buf(secret, AEAD_KEY_LEN);
	aead_dh_public(public, secret);
}

void
aead_dh_public(uint8_t public[AEAD_KEY_LEN], const uint8_t secret[AEAD_KEY_LEN])
{
	crypto_scalarmult_base(public, secret);
}

int
aead_dh(uint8_t out[AEAD_KEY_LEN], const uint8_t secret[AEAD_KEY_LEN],
    const uint8_t public[AEAD_KEY_LEN])
{
	return crypto_scalarmult(out, secret, public);
}

void
aead_sign_keypair(uint8_t public[AEAD_KEY_LEN], uint8_t secret[AEAD_SIGN_SECRET_LEN])
{
	crypto_sign_keypair(public, secret);
}

void
aead_sign(uint8_t signature[AEAD_SIGNATURE_LEN], const void *message, size_t len,
    const uint8_t secret[AEAD_SIGN_SECRET_LEN])
{
	crypto_sign_detached(signature, NULL, message, len, secret);
}

int
aead_verify(const uint8_t signature[AEAD_SIGNATURE_LEN], const void *message, size_t len,
    const uint8_t public[AEAD_KEY_LEN])
{
	return crypto_sign_verify_detached(signature, message, len, public);
}
