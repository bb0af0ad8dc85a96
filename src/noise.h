/*
 * The handshakes Noise_NNpsk0_25519_ChaChaPoly_SHA256 and Noise_IKpsk2_25519_ChaChaPoly_SHA256 of
 * the Noise Protocol Framework, revision 34. Pure: bytes in, bytes out.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NOISE_H
#define NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"

#define NOISE_KEY_LEN AEAD_KEY_LEN
/* What the messages add to their payloads. */
#define NOISE_NN_OVERHEAD (NOISE_KEY_LEN + AEAD_TAG_LEN) /* both messages, and the second of IK */
#define NOISE_IK_FIRST_OVERHEAD (2 * (NOISE_KEY_LEN + AEAD_TAG_LEN))

enum noise_pattern { NOISE_NNPSK0, NOISE_IKPSK2 };

struct noise_params {
	enum noise_pattern pattern;
	bool initiator;
	const void *prologue;
	size_t prologue_len;
	const uint8_t *psk;	      /* NOISE_KEY_LEN bytes */
	const uint8_t *secret;	      /* own static; IK only */
	const uint8_t *remote_public; /* IK: the initiator knows the responder's */
	const uint8_t *ephemeral;     /* own ephemeral secret, for test vectors; NULL: random */
};

/* Embedded by its owner; holds secrets: noise_clear(). */
struct noise {
	enum noise_pattern pattern;
	bool initiator, done, failed, has_ephemeral;
	unsigned int step; /* messages written or read */
	uint64_t nonce;
	uint8_t ck[NOISE_KEY_LEN], k[NOISE_KEY_LEN], h[NOISE_KEY_LEN], psk[NOISE_KEY_LEN];
	uint8_t s[NOISE_KEY_LEN], s_public[NOISE_KEY_LEN]; /* own static */
	uint8_t e[NOISE_KEY_LEN], e_public[NOISE_KEY_LEN]; /* own ephemeral */
	uint8_t rs[NOISE_KEY_LEN], re[NOISE_KEY_LEN];	   /* the other's public ones */
};

void noise_init(struct noise *n, const struct noise_params *p);
/* Wipes all. */
void noise_clear(struct noise *n);

/*
 * The next message of ours, with this payload. Returns its length, or -1 if it is not our turn, out
 * is too small, or the other's key is of low order; nothing more can be done with n then.
 */
int noise_write(struct noise *n, const void *payload, size_t len, uint8_t *out, size_t size);
/* The next message of the other; out, apart from it, must have room for len bytes. Returns the
 * length of its payload, or -1 if it is forged or too short or not the other's turn; nothing more
 * can be done with n then. */
int noise_read(struct noise *n, const uint8_t *message, size_t len, uint8_t *out);

/* The keys for what we send and what we receive; only when done. Wipes n but for its hash. */
void noise_split(struct noise *n, uint8_t send[NOISE_KEY_LEN], uint8_t receive[NOISE_KEY_LEN]);
/* IK, after the first message: the other's static public key. */
const uint8_t *noise_remote_static(const struct noise *n);

#endif
