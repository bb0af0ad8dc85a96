/*
 * The two handshakes of the Noise Protocol Framework. The names of the tokens and of what is done
 * with them are those of its section 5.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "noise.h"

#include <assert.h>
#include <string.h>

#include "aead_dh.h"
#include "aead_hash.h"

#define MESSAGES 2
#define SEALED_KEY_LEN (NOISE_KEY_LEN + AEAD_TAG_LEN)
#define MESSAGE_MAX 65535 /* section 3 */

enum token { END, E, S, EE, ES, SE, SS, PSK };

struct pattern {
	const char *name;
	bool responder_known; /* the pre-message "<- s" */
	size_t overhead[MESSAGES];
	enum token tokens[MESSAGES][5];
};

/* Both have a key before the first thing they encrypt, so nothing ever travels in clear but e. */
static const struct pattern patterns[] = {
    [NOISE_NNPSK0] = {.name = "Noise_NNpsk0_25519_ChaChaPoly_SHA256",
	.overhead = {NOISE_NN_OVERHEAD, NOISE_NN_OVERHEAD},
	.tokens = {{PSK, E, END}, {E, EE, END}}},
    [NOISE_IKPSK2] = {.name = "Noise_IKpsk2_25519_ChaChaPoly_SHA256",
	.responder_known = true,
	.overhead = {NOISE_IK_FIRST_OVERHEAD, NOISE_NN_OVERHEAD},
	.tokens = {{E, ES, S, SS, END}, {E, EE, SE, PSK, END}}},
};

/* HKDF(ck, input) of section 4.3: the first output replaces ck; three may be NULL. */
static void
hkdf(uint8_t ck[NOISE_KEY_LEN], const void *input, size_t len, uint8_t *two, uint8_t *three)
{
	uint8_t secret[NOISE_KEY_LEN], out[3][NOISE_KEY_LEN];

	aead_hmac_sha256(secret, ck, input, len, NULL, 0);
	aead_hmac_sha256(out[0], secret, "\x01", 1, NULL, 0);
	aead_hmac_sha256(out[1], secret, out[0], NOISE_KEY_LEN, "\x02", 1);
	memcpy(ck, out[0], NOISE_KEY_LEN);
	memcpy(two, out[1], NOISE_KEY_LEN);
	if (three != NULL)
		aead_hmac_sha256(three, secret, out[1], NOISE_KEY_LEN, "\x03", 1);
	aead_wipe(secret, sizeof(secret));
	aead_wipe(out, sizeof(out));
}

static void
mix_hash(struct noise *n, const void *data, size_t len)
{
	aead_sha256(n->h, n->h, NOISE_KEY_LEN, data, len);
}

static void
mix_key(struct noise *n, const uint8_t input[NOISE_KEY_LEN])
{
	hkdf(n->ck, input, NOISE_KEY_LEN, n->k, NULL);
	n->nonce = 0;
}

static void
mix_key_and_hash(struct noise *n, const uint8_t input[NOISE_KEY_LEN])
{
	uint8_t hash[NOISE_KEY_LEN];

	hkdf(n->ck, input, NOISE_KEY_LEN, hash, n->k);
	n->nonce = 0;
	mix_hash(n, hash, sizeof(hash));
	aead_wipe(hash, sizeof(hash));
}

/* Returns the length of what it wrote. */
static size_t
encrypt_and_hash(struct noise *n, uint8_t *out, const void *plain, size_t len)
{
	aead_seal(out, plain, len, n->h, NOISE_KEY_LEN, n->nonce++, n->k);
	mix_hash(n, out, len + AEAD_TAG_LEN);
	return len + AEAD_TAG_LEN;
}

static int
decrypt_and_hash(struct noise *n, uint8_t *out, const uint8_t *sealed, size_t len)
{
	if (aead_open(out, sealed, len, n->h, NOISE_KEY_LEN, n->nonce++, n->k) == -1)
		return -1;
	mix_hash(n, sealed, len);
	return 0;
}

static int
mix_dh(struct noise *n, const uint8_t secret[NOISE_KEY_LEN], const uint8_t public[NOISE_KEY_LEN])
{
	uint8_t shared[NOISE_KEY_LEN];
	int result = aead_dh(shared, secret, public);

	if (result == 0)
		mix_key(n, shared);
	aead_wipe(shared, sizeof(shared));
	return result;
}

/* The tokens that are the same for who writes and who reads. */
static int
mix_token(struct noise *n, enum token token)
{
	switch (token) {
	case EE:
		return mix_dh(n, n->e, n->re);
	case ES:
		return n->initiator ? mix_dh(n, n->e, n->rs) : mix_dh(n, n->s, n->re);
	case SE:
		return n->initiator ? mix_dh(n, n->s, n->re) : mix_dh(n, n->e, n->rs);
	case SS:
		return mix_dh(n, n->s, n->rs);
	default:
		mix_key_and_hash(n, n->psk);
		return 0;
	}
}

/* In a handshake with a psk the ephemeral key is mixed twice: section 9.2. */
static void
mix_ephemeral(struct noise *n, const uint8_t public[NOISE_KEY_LEN])
{
	mix_hash(n, public, NOISE_KEY_LEN);
	mix_key(n, public);
}

static size_t
write_ephemeral(struct noise *n, uint8_t *out)
{
	if (n->has_ephemeral)
		aead_dh_public(n->e_public, n->e);
	else
		aead_dh_keypair(n->e_public, n->e);
	memcpy(out, n->e_public, NOISE_KEY_LEN);
	mix_ephemeral(n, n->e_public);
	return NOISE_KEY_LEN;
}

static size_t
read_ephemeral(struct noise *n, const uint8_t *message)
{
	memcpy(n->re, message, NOISE_KEY_LEN);
	mix_ephemeral(n, n->re);
	return NOISE_KEY_LEN;
}

/* Writes what token adds to the message at out + *at, and moves *at. */
static int
write_token(struct noise *n, enum token token, uint8_t *out, size_t *at)
{
	switch (token) {
	case E:
		*at += write_ephemeral(n, out + *at);
		return 0;
	case S:
		*at += encrypt_and_hash(n, out + *at, n->s_public, NOISE_KEY_LEN);
		return 0;
	default:
		return mix_token(n, token);
	}
}

/* Its counterpart. The caller has checked that the message is long enough for all tokens. */
static int
read_token(struct noise *n, enum token token, const uint8_t *message, size_t *at)
{
	switch (token) {
	case E:
		*at += read_ephemeral(n, message + *at);
		return 0;
	case S:
		if (decrypt_and_hash(n, n->rs, message + *at, SEALED_KEY_LEN) == -1)
			return -1;
		*at += SEALED_KEY_LEN;
		return 0;
	default:
		return mix_token(n, token);
	}
}

void
noise_init(struct noise *n, const struct noise_params *p)
{
	const struct pattern *pattern = &patterns[p->pattern];

	memset(n, 0, sizeof(*n));
	n->pattern = p->pattern;
	n->initiator = p->initiator;
	memcpy(n->psk, p->psk, NOISE_KEY_LEN);
	if (p->ephemeral != NULL) {
		memcpy(n->e, p->ephemeral, NOISE_KEY_LEN);
		n->has_ephemeral = true;
	}
	/* the names are longer than a hash, so section 5.2 has them hashed */
	aead_sha256(n->h, pattern->name, strlen(pattern->name), NULL, 0);
	memcpy(n->ck, n->h, NOISE_KEY_LEN);
	mix_hash(n, p->prologue, p->prologue_len);
	if (!pattern->responder_known)
		return;
	memcpy(n->s, p->secret, NOISE_KEY_LEN);
	aead_dh_public(n->s_public, n->s);
	if (p->initiator)
		memcpy(n->rs, p->remote_public, NOISE_KEY_LEN);
	mix_hash(n, p->initiator ? n->rs : n->s_public, NOISE_KEY_LEN);
}

void
noise_clear(struct noise *n)
{
	aead_wipe(n, sizeof(*n));
}

static int
fail(struct noise *n)
{
	n->failed = true;
	return -1;
}

/* Whether the next message is for us to write, or to read. */
static bool
is_due(const struct noise *n, bool write)
{
	return !n->failed && n->step < MESSAGES && (n->initiator == (n->step == 0)) == write;
}

static void
step(struct noise *n)
{
	n->step++;
	n->done = n->step == MESSAGES;
}

int
noise_write(struct noise *n, const void *payload, size_t len, uint8_t *out, size_t size)
{
	const struct pattern *p = &patterns[n->pattern];
	size_t at = 0, limit = size < MESSAGE_MAX ? size : MESSAGE_MAX;

	if (!is_due(n, true) || limit < p->overhead[n->step] || len > limit - p->overhead[n->step])
		return fail(n);
	for (const enum token *t = p->tokens[n->step]; *t != END; t++) {
		if (write_token(n, *t, out, &at) == -1)
			return fail(n);
	}
	at += encrypt_and_hash(n, out + at, payload, len);
	step(n);
	return (int)at;
}

int
noise_read(struct noise *n, const uint8_t *message, size_t len, uint8_t *out)
{
	const struct pattern *p = &patterns[n->pattern];
	size_t at = 0;

	if (!is_due(n, false) || len < p->overhead[n->step] || len > MESSAGE_MAX)
		return fail(n);
	for (const enum token *t = p->tokens[n->step]; *t != END; t++) {
		if (read_token(n, *t, message, &at) == -1)
			return fail(n);
	}
	if (decrypt_and_hash(n, out, message + at, len - at) == -1)
		return fail(n);
	step(n);
	return (int)(len - at - AEAD_TAG_LEN);
}

void
noise_split(struct noise *n, uint8_t send[NOISE_KEY_LEN], uint8_t receive[NOISE_KEY_LEN])
{
	uint8_t second[NOISE_KEY_LEN], h[NOISE_KEY_LEN];

	assert(n->done);
	hkdf(n->ck, NULL, 0, second, NULL);
	memcpy(n->initiator ? send : receive, n->ck, NOISE_KEY_LEN);
	memcpy(n->initiator ? receive : send, second, NOISE_KEY_LEN);
	memcpy(h, n->h, sizeof(h));
	aead_wipe(second, sizeof(second));
	noise_clear(n);
	n->failed = true;
	memcpy(n->h, h, sizeof(h));
}

const uint8_t *
noise_remote_static(const struct noise *n)
{
	return n->rs;
}
