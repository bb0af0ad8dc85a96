/*
 * Public-key cryptography: X25519 and Ed25519.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef AEAD_DH_H
#define AEAD_DH_H

#include <stddef.h>
#include <stdint.h>

#include "aead.h"

/* X25519, RFC 7748. */
void aead_dh_keypair(uint8_t public[AEAD_KEY_LEN], uint8_t secret[AEAD_KEY_LEN]);
void aead_dh_public(uint8_t public[AEAD_KEY_LEN], const uint8_t secret[AEAD_KEY_LEN]);
/* Returns 0, or -1 if the other's key is of low order, so that the result would be all zero. */
int aead_dh(uint8_t out[AEAD_KEY_LEN], const uint8_t secret[AEAD_KEY_LEN],
    const uint8_t public[AEAD_KEY_LEN]);

/* Ed25519, RFC 8032, detached. */
void aead_sign_keypair(uint8_t public[AEAD_KEY_LEN], uint8_t secret[AEAD_SIGN_SECRET_LEN]);
void aead_sign(uint8_t signature[AEAD_SIGNATURE_LEN], const void *message, size_t len,
    const uint8_t secret[AEAD_SIGN_SECRET_LEN]);
/* Returns 0, or -1 if it was not signed with the secret of this public key. */
int aead_verify(const uint8_t signature[AEAD_SIGNATURE_LEN], const void *message, size_t len,
    const uint8_t public[AEAD_KEY_LEN]);

#endif
