/*
 * ChaCha20-Poly1305 (RFC 8439) for messages in bulk, by whichever library is faster here: libsodium
 * or OpenSSL. Both give the same bytes as aead_seal() and aead_open().
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef AEAD_CIPHER_H
#define AEAD_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#include "aead.h"

struct aead_cipher;

enum aead_library { AEAD_FASTEST, AEAD_SODIUM, AEAD_OPENSSL };

/* AEAD_FASTEST: measures both, which takes a few milliseconds; OpenSSL from the length on at which
 * it is faster, libsodium below, and where OpenSSL lacks the cipher. Returns NULL when memory is
 * short, or that library cannot do it. */
struct aead_cipher *aead_cipher_new(enum aead_library library);
/* Accepts NULL. */
void aead_cipher_free(struct aead_cipher *c);
/* "libsodium" or "OpenSSL": whose the large messages are. */
const char *aead_cipher_name(const struct aead_cipher *c);

/* As aead_seal() and aead_open(). */
void aead_cipher_seal(struct aead_cipher *c, uint8_t *out, const uint8_t *in, size_t len,
    const void *ad, size_t ad_len, uint64_t counter, const uint8_t key[AEAD_KEY_LEN]);
int aead_cipher_open(struct aead_cipher *c, uint8_t *out, const uint8_t *in, size_t len,
    const void *ad, size_t ad_len, uint64_t counter, const uint8_t key[AEAD_KEY_LEN]);
/* Overwrites what it still holds of the last keys. To be called when a key leaves. */
void aead_cipher_forget(struct aead_cipher *c);

#endif
