/*
 * Notices: sealing and opening them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "notice.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "frame.h"
#include "wire.h"

#define NONCE_AT FRAME_PREFIX_LEN
#define PLAIN_AT (NONCE_AT + AEAD_BOX_NONCE_LEN)
#define OVERHEAD (PLAIN_AT + AEAD_TAG_LEN)
#define AD_MAX (FRAME_PREFIX_LEN + NETWORK_PART_MAX)

/* kind, family, the longest address, the longest body */
_Static_assert(
    OVERHEAD + 1 + 1 + 16 + NOTICE_TOKEN_LEN <= NOTICE_MAX, "every notice fits into NOTICE_MAX");

/* What is authenticated with the plaintext. to_len is less than NETWORK_PART_MAX. */
static size_t
make_ad(uint8_t ad[AD_MAX], const uint8_t *message, const char *to, size_t to_len)
{
	memcpy(ad, message, FRAME_PREFIX_LEN);
	memcpy(ad + FRAME_PREFIX_LEN, to, to_len);
	return FRAME_PREFIX_LEN + to_len;
}

static void
put_plain(struct wire_writer *w, const struct notice *v)
{
	wire_put_u8(w, (uint8_t)v->kind);
	network_put_addr(w, &v->from);
	switch (v->kind) {
	case NOTICE_RESET:
		wire_put_u32(w, v->index);
		break;
	case NOTICE_STARTED:
		break;
	case NOTICE_KEY_REQUEST:
		wire_put_u64(w, v->key_id);
		break;
	case NOTICE_PROBE:
		wire_put_bytes(w, v->token, sizeof(v->token));
		break;
	}
}

size_t
notice_seal(
    const struct network *n, const struct notice *v, const char *to, uint8_t out[NOTICE_MAX])
{
	struct frame_header h = {.type = FRAME_NOTICE};
	uint8_t ad[AD_MAX], *plain = out + PLAIN_AT;
	struct wire_writer w;
	size_t ad_len;

	assert(strlen(to) < NETWORK_PART_MAX);
	frame_write(out, &h);
	aead_random(out + NONCE_AT, AEAD_BOX_NONCE_LEN);
	wire_writer_init(&w, plain, NOTICE_MAX - OVERHEAD);
	put_plain(&w, v);
	assert(!w.failed);
	ad_len = make_ad(ad, out, to, strlen(to));
	aead_xseal(plain, plain, w.pos, ad, ad_len, out + NONCE_AT, n->notice_key);
	return OVERHEAD + w.pos;
}

static int
get_body(struct wire_reader *r, uint8_t kind, struct notice *v)
{
	const uint8_t *token;

	switch (kind) {
	case NOTICE_RESET:
		v->index = wire_u32(r);
		break;
	case NOTICE_STARTED:
		break;
	case NOTICE_KEY_REQUEST:
		v->key_id = wire_u64(r);
		break;
	case NOTICE_PROBE:
		token = wire_bytes(r, sizeof(v->token));
		if (token != NULL)
			memcpy(v->token, token, sizeof(v->token));
		break;
	default:
		return -1;
	}
	v->kind = kind;
	return 0;
}

static int
get_plain(const uint8_t *plain, size_t len, struct notice *v)
{
	struct wire_reader r;
	uint8_t kind;

	*v = (struct notice){.index = 0};
	wire_reader_init(&r, plain, len);
	kind = wire_u8(&r);
	if (network_read_addr(&r, &v->from) == -1 || get_body(&r, kind, v) == -1)
		return -1;
	return r.failed || wire_left(&r) > 0 ? -1 : 0;
}

/* Whether a node of this address sends under this part of a topic. */
static bool
is_from(const struct network *n, const struct addr *a, const struct network_topic *t)
{
	struct network_id id;

	network_id(n, a, &id);
	return strlen(id.part) == t->from_len && memcmp(id.part, t->from, t->from_len) == 0;
}

int
notice_open(const struct network *n, const struct network_topic *t, const uint8_t *message,
    size_t len, struct notice *v)
{
	uint8_t ad[AD_MAX], plain[NOTICE_MAX - OVERHEAD];
	struct frame_header h;
	size_t ad_len;

	if (len < OVERHEAD || len > NOTICE_MAX || t->to_len >= NETWORK_PART_MAX)
		return -1;
	if (frame_parse(message, len, &h) != 0 || h.type != FRAME_NOTICE)
		return -1;
	ad_len = make_ad(ad, message, t->to, t->to_len);
	if (aead_xopen(plain, message + PLAIN_AT, len - PLAIN_AT, ad, ad_len, message + NONCE_AT,
		n->notice_key) == -1)
		return -1;
	if (get_plain(plain, len - OVERHEAD, v) == -1)
		return -1;
	return is_from(n, &v->from, t) ? 0 : -1;
}
