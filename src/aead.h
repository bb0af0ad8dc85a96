/*
 * All cryptography on packets and keys, and the only place that includes <sodium.h>.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef AEAD_H
#define AEAD_H

#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY_LEN 32
#define AEAD_BOX_NONCE_LEN 24
#define AEAD_BOX_TAG_LEN 16
#define AEAD_TAG_LEN 16
#define AEAD_HASH_LEN 32
#define AEAD_SIGNATURE_LEN 64
#define AEAD_SIGN_SECRET_LEN 64

/* Prepares the library. Returns 0, or -1 if the system gives no randomness. Call it first. */
int aead_init(void);

void aead_random(void *buf, size_t len);
uint32_t aead_random_u32(void);

/* Overwrites memory that held a secret; the compiler cannot take it away. */
void aead_wipe(void *buf, size_t len);

/* Equal or not, in a time that does not tell where they differ. Returns 0 when equal, else -1. */
int aead_compare(const void *a, const void *b, size_t len);

/* The first AEAD_KEY_LEN bytes of SHA-512 of the password: the key of the MQTT_VPN wire. */
void aead_key_from_password(const void *password, size_t len, uint8_t key[AEAD_KEY_LEN]);

/*
 * XSalsa20-Poly1305, NaCl's crypto_secretbox with its tag apart. out and in may be the
 * same buffer; out has len bytes.
 */
void aead_box_seal(uint8_t *out, uint8_t tag[AEAD_BOX_TAG_LEN], const uint8_t *in, size_t len,
    const uint8_t nonce[AEAD_BOX_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN]);
/* Returns 0, or -1 if it was not sealed with this key; out is then not written. */
int aead_box_open(uint8_t *out, const uint8_t tag[AEAD_BOX_TAG_LEN], const uint8_t *in, size_t len,
    const uint8_t nonce[AEAD_BOX_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN]);

/* ChaCha20-Poly1305, RFC 8439, with nonce 0^4 || LE64(counter), as in Noise. out has len +
 * AEAD_TAG_LEN bytes and may begin where in does. */
void aead_seal(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
    uint64_t counter, const uint8_t key[AEAD_KEY_LEN]);
/* len counts the tag; out has len - AEAD_TAG_LEN bytes and may begin where in does. Returns 0, or
 * -1 if it is too short or forged; out holds nothing of use then. */
int aead_open(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
    uint64_t counter, const uint8_t key[AEAD_KEY_LEN]);

/* The same with XChaCha20-Poly1305, whose nonces may be random. */
void aead_xseal(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
    const uint8_t nonce[AEAD_BOX_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN]);
int aead_xopen(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
    const uint8_t nonce[AEAD_BOX_NONCE_LEN], const uint8_t key[AEAD_KEY_LEN]);

#endif
