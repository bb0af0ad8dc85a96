/*
 * ChaCha20-Poly1305 for messages in bulk, from libsodium or OpenSSL.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "aead_cipher.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NONCE_LEN 12
/* What is measured: lengths from the largest message down to the smallest, each so often. */
#define LEN_MIN 64
#define LEN_MAX 65536
#define LEN_STEP 4
#define TRIES 8
#define TRY_BYTES 4096 /* at least, so that the clock is fine enough */

struct aead_cipher {
	EVP_CIPHER_CTX *sealer, *opener; /* NULL: libsodium does all */
	size_t openssl_min;		 /* the shortest plaintext that is OpenSSL's */
};

static const uint8_t zeros[AEAD_KEY_LEN];

/* All but the tag. The context keeps its cipher and direction, which makes a new key cheap. */
static bool
process(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t len, const void *ad,
    size_t ad_len, uint64_t counter, const uint8_t key[AEAD_KEY_LEN])
{
	uint8_t nonce[NONCE_LEN] = {0};
	int unused;

	for (size_t i = 4; i < NONCE_LEN; i++) {
		nonce[i] = (uint8_t)counter;
		counter >>= 8;
	}
	return EVP_CipherInit_ex(ctx, NULL, NULL, key, nonce, -1) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &unused, ad, (int)ad_len) == 1 &&
	       EVP_CipherUpdate(ctx, out, &unused, in, (int)len) == 1;
}

static bool
write_tag(EVP_CIPHER_CTX *ctx, uint8_t tag[AEAD_TAG_LEN])
{
	int unused;

	return EVP_CipherFinal_ex(ctx, tag, &unused) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, tag) == 1;
}

static bool
verify_tag(EVP_CIPHER_CTX *ctx, const uint8_t *tag)
{
	uint8_t copy[AEAD_TAG_LEN], nothing[AEAD_TAG_LEN];
	int unused;

	memcpy(copy, tag, sizeof(copy));
	return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(copy), copy) == 1 &&
	       EVP_CipherFinal_ex(ctx, nothing, &unused) == 1;
}

/* What is left when a message could not be sealed or opened. */
static void
clear_failure(uint8_t *out, size_t len)
{
	aead_wipe(out, len);
	/* an error that stays behind here would count as one of the TLS connection */
	ERR_clear_error();
}

static EVP_CIPHER_CTX *
new_context(const EVP_CIPHER *cipher, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx == NULL || EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, encrypt, NULL) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

static void
drop_openssl(struct aead_cipher *c)
{
	EVP_CIPHER_CTX_free(c->sealer);
	EVP_CIPHER_CTX_free(c->opener);
	c->sealer = c->opener = NULL;
	c->openssl_min = SIZE_MAX;
}

static int
load_openssl(struct aead_cipher *c)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);

	if (cipher != NULL) {
		c->sealer = new_context(cipher, 1);
		c->opener = new_context(cipher, 0);
		c->openssl_min = 0;
		EVP_CIPHER_free(cipher);
	}
	if (c->sealer != NULL && c->opener != NULL)
		return 0;
	drop_openssl(c);
	ERR_clear_error();
	return -1;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Nanoseconds for as many messages of this length as one try has, if below best, else best. */
static uint64_t
try_seals(struct aead_cipher *c, uint8_t *buf, size_t len, uint64_t best)
{
	uint64_t start = now_ns(), spent;

	for (size_t done = 0; done < TRY_BYTES; done += len)
		aead_cipher_seal(c, buf, buf, len, zeros, sizeof(zeros), 0, zeros);
	spent = now_ns() - start;
	return spent < best ? spent : best;
}

/* In turns, and by the shortest times: whatever else the machine does only adds to them. */
static bool
openssl_is_faster(struct aead_cipher *openssl, uint8_t *buf, size_t len)
{
	struct aead_cipher sodium = {.openssl_min = SIZE_MAX};
	uint64_t openssl_ns = UINT64_MAX, sodium_ns = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		sodium_ns = try_seals(&sodium, buf, len, sodium_ns);
		openssl_ns = try_seals(openssl, buf, len, openssl_ns);
	}
	return openssl_ns < sodium_ns;
}

/* OpenSSL is the faster one in bulk, but begins a message slower: it gets all from the shortest
 * length on from which it never lost. */
static int
choose(struct aead_cipher *c)
{
	uint8_t *buf = calloc(1, LEN_MAX + AEAD_TAG_LEN);
	size_t len = LEN_MAX;

	if (buf == NULL)
		return -1;
	while (len >= LEN_MIN && openssl_is_faster(c, buf, len))
		len /= LEN_STEP;
	free(buf);
	if (len == LEN_MAX)
		drop_openssl(c);
	else if (len >= LEN_MIN)
		c->openssl_min = len * LEN_STEP;
	return 0;
}

struct aead_cipher *
aead_cipher_new(enum aead_library library)
{
	struct aead_cipher *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->openssl_min = SIZE_MAX;
	if (library == AEAD_SODIUM)
		return c;
	if (load_openssl(c) == -1) {
		if (library == AEAD_FASTEST)
			return c;
	} else if (library == AEAD_OPENSSL || choose(c) == 0) {
		return c;
	}
	aead_cipher_free(c);
	return NULL;
}

void
aead_cipher_free(struct aead_cipher *c)
{
	if (c == NULL)
		return;
	/* OpenSSL wipes its contexts as it frees them */
	drop_openssl(c);
	free(c);
}

const char *
aead_cipher_name(const struct aead_cipher *c)
{
	return c->sealer != NULL ? "OpenSSL" : "libsodium";
}

/* OpenSSL counts bytes with int. */
static bool
goes_to_openssl(const struct aead_cipher *c, size_t len, size_t ad_len)
{
	return len >= c->openssl_min && len <= INT_MAX && ad_len <= INT_MAX;
}

void
aead_cipher_seal(struct aead_cipher *c, uint8_t *out, const uint8_t *in, size_t len, const void *ad,
    size_t ad_len, uint64_t counter, const uint8_t key[AEAD_KEY_LEN])
{
	if (!goes_to_openssl(c, len, ad_len)) {
		aead_seal(out, in, len, ad, ad_len, counter, key);
		return;
	}
	/* Nothing in it needs memory or can be refused. Should it fail all the same, then zeros go
	 * and are dropped as forged: never the plaintext. */
	if (!process(c->sealer, out, in, len, ad, ad_len, counter, key) ||
	    !write_tag(c->sealer, out + len))
		clear_failure(out, len + AEAD_TAG_LEN);
}

int
aead_cipher_open(struct aead_cipher *c, uint8_t *out, const uint8_t *in, size_t len, const void *ad,
    size_t ad_len, uint64_t counter, const uint8_t key[AEAD_KEY_LEN])
{
	size_t plain_len;

	if (len < AEAD_TAG_LEN)
		return -1;
	plain_len = len - AEAD_TAG_LEN;
	if (!goes_to_openssl(c, plain_len, ad_len))
		return aead_open(out, in, len, ad, ad_len, counter, key);
	if (process(c->opener, out, in, plain_len, ad, ad_len, counter, key) &&
	    verify_tag(c->opener, in + plain_len))
		return 0;
	clear_failure(out, plain_len);
	return -1;
}

void
aead_cipher_forget(struct aead_cipher *c)
{
	uint8_t scratch[AEAD_TAG_LEN];

	if (c->sealer == NULL)
		return;
	/* a message under another key goes over all that depends on the last one */
	if (!process(c->sealer, scratch, zeros, 1, NULL, 0, 0, zeros) ||
	    !write_tag(c->sealer, scratch) ||
	    !process(c->opener, scratch, zeros, 1, NULL, 0, 0, zeros) ||
	    !verify_tag(c->opener, zeros))
		ERR_clear_error();
}
