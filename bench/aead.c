/*
 * What ChaCha20-Poly1305 costs: how fast each library seals messages of different lengths, in
 * turns, so that a noisy machine disturbs both alike.
 *
 * Usage: aead
 *
 * Prints medians, one a line: "aead LIBRARY BYTES MB/s", with 10^6 bytes to the MB.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "aead_cipher.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "util.h"

#define LEN_MAX 65536
#define AD_LEN 32
#define ROUNDS 21
#define TRY_BYTES (16 * 1024 * 1024)

static const size_t lengths[] = {64, 1400, 16384, LEN_MAX};
static const enum aead_library libraries[] = {AEAD_SODIUM, AEAD_OPENSSL};

struct bench {
	struct aead_cipher *ciphers[ARRAY_LEN(libraries)]; /* NULL: that library cannot do it */
	double speeds[ARRAY_LEN(libraries)][ARRAY_LEN(lengths)][ROUNDS]; /* MB/s */
	uint8_t buf[LEN_MAX + AEAD_TAG_LEN];
};

static void
fail(const char *what)
{
	fprintf(stderr, "aead: %s\n", what);
	exit(2);
}

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* In MB/s, which is bytes per microsecond. The shorter the messages, the fewer bytes in all: each
 * also costs about what a thousand bytes do. */
static double
measure(struct bench *b, struct aead_cipher *c, size_t len)
{
	static const uint8_t key[AEAD_KEY_LEN] = {1}, ad[AD_LEN];
	size_t count = TRY_BYTES / (len + 1000);
	double start = now_us();

	for (size_t i = 0; i < count; i++)
		aead_cipher_seal(c, b->buf, b->buf, len, ad, sizeof(ad), i, key);
	return (double)(count * len) / (now_us() - start);
}

static void
run_round(struct bench *b, int round)
{
	for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
		for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
			if (b->ciphers[i] != NULL)
				b->speeds[i][l][round] = measure(b, b->ciphers[i], lengths[l]);
		}
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print(struct bench *b, size_t library)
{
	for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
		double *speeds = b->speeds[library][l];

		qsort(speeds, ROUNDS, sizeof(*speeds), compare);
		printf("aead %s %zu %.0f\n", aead_cipher_name(b->ciphers[library]), lengths[l],
		    speeds[ROUNDS / 2]);
	}
}

int
main(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL || aead_init() == -1)
		fail("no memory, or no randomness");
	for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
		b->ciphers[i] = aead_cipher_new(libraries[i]);
		if (b->ciphers[i] == NULL)
			fprintf(stderr, "aead: a library lacks the cipher, and is left out\n");
	}
	for (int round = 0; round < ROUNDS; round++)
		run_round(b, round);
	for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
		if (b->ciphers[i] != NULL)
			print(b, i);
		aead_cipher_free(b->ciphers[i]);
	}
	free(b);
	return 0;
}
