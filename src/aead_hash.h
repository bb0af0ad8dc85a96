/*
 * Hashes, keys derived from others or from passphrases, and keys as text.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef AEAD_HASH_H
#define AEAD_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "aead.h"

/* BLAKE2b (RFC 7693) of out_len bytes (16 to 64) over two parts in a row; key NULL for none, else
 * AEAD_KEY_LEN bytes. */
void aead_hash(uint8_t *out, size_t out_len, const uint8_t *key, const void *a, size_t a_len,
    const void *b, size_t b_len);
/* KDF(k, label, data) of mqtt-vpn-protocol(7). out may be key. */
void aead_kdf(uint8_t out[AEAD_KEY_LEN], const uint8_t key[AEAD_KEY_LEN], const char *label,
    const void *data, size_t len);
/* What Noise is made of: SHA-256 of two parts in a row, and HMAC-SHA-256 of the same. */
void
aead_sha256(uint8_t out[AEAD_HASH_LEN], const void *a, size_t a_len, const void *b, size_t b_len);
void aead_hmac_sha256(uint8_t out[AEAD_HASH_LEN], const uint8_t key[AEAD_HASH_LEN], const void *a,
    size_t a_len, const void *b, size_t b_len);

/* Argon2id, RFC 9106, one lane. Takes memory_kib of memory and up to seconds of time. Returns 0, or
 * -1 when memory is short. */
int aead_argon2id(uint8_t out[AEAD_KEY_LEN], const void *passphrase, size_t len,
    const uint8_t salt[16], uint32_t passes, uint32_t memory_kib);

/* Base64 (RFC 4648 section 4, with padding) of a key: AEAD_KEY_TEXT bytes with the final NUL. */
#define AEAD_KEY_TEXT 45
void aead_key_format(char text[AEAD_KEY_TEXT], const uint8_t key[AEAD_KEY_LEN]);
/* Returns 0, or -1 if text is not exactly a key. */
int aead_key_parse(uint8_t key[AEAD_KEY_LEN], const char *text);
/* Base64url (section 5) without padding, for topics. text has room for 4 * len / 3 + 2 bytes. */
void aead_base64url(char *text, const uint8_t *data, size_t len);

#endif
