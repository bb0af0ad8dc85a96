/*
 * Broadcast and multicast: our own keys, and a table of the keys of others.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "multicast.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "aead_hash.h"
#include "replay.h"
#include "wire.h"

#define BUCKETS 1024
#define KEYS 2
#define GRANT_SIGNED 0x01
/* Header, broadcast tag, sender's tag: authenticated with the plaintext, and what is signed begins
 * with it. */
#define AD_LEN (FRAME_MULTICAST_HEADER_LEN + 2 * NETWORK_TAG_LEN)

/* Room to put the tags in: sign() and verify() do not copy elsewhere. */
_Static_assert(2 * NETWORK_TAG_LEN <= AEAD_SIGNATURE_LEN, "what is signed fits into the message");

struct key {
	uint64_t id; /* 0: the slot is free */
	void *owner; /* borrowed */
	bool is_signed;
	uint8_t secret[AEAD_KEY_LEN], verify_key[AEAD_KEY_LEN];
	struct replay replay;
};

struct sender {
	struct sender *next; /* of its bucket */
	struct network_id id;
	struct key keys[KEYS]; /* the present first; a sender without one is not kept */
};

struct multicast_table {
	struct sender *buckets[BUCKETS];
	size_t count;
	/* Members may choose their addresses, but not which of them collide. */
	uint8_t hash_key[AEAD_KEY_LEN];
};

/* A grant taken apart; borrowed from its message. */
struct grant {
	uint64_t id, floor;
	const uint8_t *secret, *verify_key; /* the latter NULL: unsigned */
};

void
multicast_sender_renew(struct multicast_sender *m, bool sign, uint64_t now_ms)
{
	multicast_sender_clear(m);
	do
		aead_random(&m->key_id, sizeof(m->key_id));
	while (m->key_id == 0);
	aead_random(m->key, sizeof(m->key));
	if (sign)
		aead_sign_keypair(m->verify_key, m->sign_key);
	m->sign = sign;
	m->created_ms = now_ms;
	m->ready = true;
}

void
multicast_sender_clear(struct multicast_sender *m)
{
	aead_wipe(m, sizeof(*m));
}

size_t
multicast_grant(const struct multicast_sender *m, uint64_t floor, uint8_t out[MULTICAST_GRANT_MAX])
{
	struct wire_writer w;

	assert(m->ready);
	wire_writer_init(&w, out, MULTICAST_GRANT_MAX);
	wire_put_u64(&w, m->key_id);
	wire_put_u64(&w, floor);
	wire_put_bytes(&w, m->key, sizeof(m->key));
	wire_put_u8(&w, m->sign ? GRANT_SIGNED : 0);
	if (m->sign)
		wire_put_bytes(&w, m->verify_key, sizeof(m->verify_key));
	return w.pos;
}

/* What messages of this sender carry as their sender id. */
static uint32_t
sender_id(const struct network_id *id)
{
	struct wire_reader r;

	wire_reader_init(&r, id->tag, sizeof(id->tag));
	return wire_u32(&r);
}

static void
make_ad(uint8_t ad[AD_LEN], const uint8_t *header, const struct network *n,
    const struct network_id *sender)
{
	memcpy(ad, header, FRAME_MULTICAST_HEADER_LEN);
	memcpy(ad + FRAME_MULTICAST_HEADER_LEN, n->broadcast_tag, NETWORK_TAG_LEN);
	memcpy(ad + FRAME_MULTICAST_HEADER_LEN + NETWORK_TAG_LEN, sender->tag, NETWORK_TAG_LEN);
}

/* The tags that it covers stand between header and ciphertext while it is made. */
size_t
multicast_sign(const uint8_t sign_key[AEAD_SIGN_SECRET_LEN], const uint8_t *ad, size_t ad_len,
    uint8_t *buf, size_t len)
{
	uint8_t signature[AEAD_SIGNATURE_LEN], *sealed = buf + FRAME_MULTICAST_HEADER_LEN;
	size_t sealed_len = len - FRAME_MULTICAST_HEADER_LEN;

	memmove(buf + ad_len, sealed, sealed_len);
	memcpy(buf, ad, ad_len);
	aead_sign(signature, buf, ad_len + sealed_len, sign_key);
	memmove(sealed, buf + ad_len, sealed_len);
	memcpy(buf + len, signature, sizeof(signature));
	return len + sizeof(signature);
}

size_t
multicast_seal(struct multicast_sender *m, const struct network *n, const struct network_id *own,
    uint8_t *buf, size_t len)
{
	struct frame_header h = {
	    .type = FRAME_MULTICAST,
	    .flags = m->sign ? FRAME_FLAG_SIGNED : 0,
	    .index = sender_id(own),
	    .counter = m->counter,
	    .key_id = m->key_id,
	};
	uint8_t ad[AD_LEN], *plain = buf + FRAME_MULTICAST_HEADER_LEN;

	assert(m->ready);
	frame_write(buf, &h);
	make_ad(ad, buf, n, own);
	aead_seal(plain, plain, len, ad, sizeof(ad), m->counter++, m->key);
	len += FRAME_MULTICAST_HEADER_LEN + AEAD_TAG_LEN;
	return m->sign ? multicast_sign(m->sign_key, ad, sizeof(ad), buf, len) : len;
}

struct multicast_table *
multicast_table_new(void)
{
	struct multicast_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	aead_random(t->hash_key, sizeof(t->hash_key));
	return t;
}

static void
sender_free(struct sender *s)
{
	aead_wipe(s, sizeof(*s));
	free(s);
}

void
multicast_table_free(struct multicast_table *t)
{
	struct sender *s, *next;
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < BUCKETS; i++) {
		for (s = t->buckets[i]; s != NULL; s = next) {
			next = s->next;
			sender_free(s);
		}
	}
	free(t);
}

/* Where a sender with this part is, or would be: the end of its bucket. */
static struct sender **
find_sender(struct multicast_table *t, const char *part, size_t len)
{
	uint8_t hash[16];
	struct sender **at;

	aead_hash(hash, sizeof(hash), t->hash_key, part, len, NULL, 0);
	at = &t->buckets[(hash[0] << 8 | hash[1]) % BUCKETS];
	while (*at != NULL &&
	       !(strlen((*at)->id.part) == len && memcmp((*at)->id.part, part, len) == 0))
		at = &(*at)->next;
	return at;
}

static struct key *
find_key(struct sender *s, uint64_t id)
{
	size_t i;

	for (i = 0; i < KEYS; i++) {
		if (id != 0 && s->keys[i].id == id)
			return &s->keys[i];
	}
	return NULL;
}

static int
parse_grant(struct grant *g, const uint8_t *message, size_t len)
{
	struct wire_reader r;
	uint8_t flags;

	wire_reader_init(&r, message, len);
	g->id = wire_u64(&r);
	g->floor = wire_u64(&r);
	g->secret = wire_bytes(&r, AEAD_KEY_LEN);
	flags = wire_u8(&r);
	g->verify_key = flags == GRANT_SIGNED ? wire_bytes(&r, AEAD_KEY_LEN) : NULL;
	if (r.failed || wire_left(&r) > 0 || flags > GRANT_SIGNED || g->id == 0) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* Makes the granted key the present one; the oldest gives way. */
static void
add_key(struct sender *s, const struct grant *g, void *owner)
{
	struct key *k = &s->keys[0];

	s->keys[1] = *k;
	*k = (struct key){.id = g->id, .owner = owner, .is_signed = g->verify_key != NULL};
	memcpy(k->secret, g->secret, sizeof(k->secret));
	if (k->is_signed)
		memcpy(k->verify_key, g->verify_key, sizeof(k->verify_key));
	replay_init(&k->replay, g->floor);
}

int
multicast_table_grant(struct multicast_table *t, const struct network_id *sender, void *owner,
    const uint8_t *grant, size_t len)
{
	struct sender **at = find_sender(t, sender->part, strlen(sender->part));
	struct grant g;

	if (parse_grant(&g, grant, len) == -1)
		return -1;
	if (*at == NULL && t->count >= MULTICAST_SENDERS_MAX) {
		errno = ENOSPC;
		return -1;
	}
	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return -1;
		(*at)->id = *sender;
		t->count++;
	}
	/* Known: its floor must not go back, nor its window be emptied. */
	if (find_key(*at, g.id) == NULL)
		add_key(*at, &g, owner);
	return 0;
}

/* Forgets the owner's keys; those that stay move up. */
static void
forget_keys(struct sender *s, const void *owner)
{
	size_t i = KEYS;

	while (i-- > 0) {
		if (s->keys[i].owner != owner)
			continue;
		memmove(&s->keys[i], &s->keys[i + 1], (KEYS - 1 - i) * sizeof(s->keys[i]));
		aead_wipe(&s->keys[KEYS - 1], sizeof(s->keys[KEYS - 1]));
	}
}

void
multicast_table_forget(struct multicast_table *t, const void *owner)
{
	struct sender **at, *s;
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		at = &t->buckets[i];
		while ((s = *at) != NULL) {
			forget_keys(s, owner);
			if (s->keys[0].id != 0) {
				at = &s->next;
				continue;
			}
			*at = s->next;
			sender_free(s);
			t->count--;
		}
	}
}

/*
 * Who has no key must not cost us a signature; so we open twice rather than verify first. What is
 * signed stands in plain meanwhile.
 */
int
multicast_authenticate(const uint8_t key[AEAD_KEY_LEN], const uint8_t *verify_key,
    const uint8_t *ad, size_t ad_len, uint64_t counter, const uint8_t *sealed, size_t len,
    uint8_t *plain)
{
	if (aead_open(plain, sealed, len, ad, ad_len, counter, key) == -1)
		return -1;
	if (verify_key == NULL)
		return 0;
	memcpy(plain, ad, ad_len);
	memcpy(plain + ad_len, sealed, len);
	if (aead_verify(sealed + len, plain, ad_len + len, verify_key) == -1)
		return -1;
	return aead_open(plain, sealed, len, ad, ad_len, counter, key);
}

int
multicast_open(struct multicast_table *t, const struct network *n, const char *from,
    size_t from_len, const struct frame_header *h, const uint8_t *message, size_t len,
    uint8_t *plain, struct addr *sender, void **owner)
{
	bool is_signed = (h->flags & FRAME_FLAG_SIGNED) != 0;
	size_t around = FRAME_MULTICAST_HEADER_LEN + (is_signed ? AEAD_SIGNATURE_LEN : 0);
	uint8_t ad[AD_LEN];
	struct sender *s;
	struct key *k;

	if (len < around + AEAD_TAG_LEN)
		return MULTICAST_TOO_SHORT;
	s = *find_sender(t, from, from_len);
	k = s != NULL ? find_key(s, h->key_id) : NULL;
	if (k == NULL)
		return MULTICAST_UNKNOWN_KEY;
	/* Where keys tell members apart, one that others could forge is of no use. */
	if (is_signed != k->is_signed || (n->mode == NETWORK_PUBKEY && !is_signed))
		return MULTICAST_FORGED;
	if (h->index != sender_id(&s->id))
		return MULTICAST_FORGED;
	if (replay_check(&k->replay, h->counter) != REPLAY_FRESH)
		return MULTICAST_REPLAYED;
	make_ad(ad, message, n, &s->id);
	if (multicast_authenticate(k->secret, is_signed ? k->verify_key : NULL, ad, sizeof(ad),
		h->counter, message + FRAME_MULTICAST_HEADER_LEN, len - around, plain) == -1)
		return MULTICAST_FORGED;
	replay_accept(&k->replay, h->counter);
	*sender = s->id.addr;
	*owner = k->owner;
	return (int)(len - around - AEAD_TAG_LEN);
}
