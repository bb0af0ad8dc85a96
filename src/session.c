/*
 * Security associations, and the table of them: open addressing with linear probing. The indices
 * are random, chosen by us, and so their own hashes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "aead_cipher.h"

#define FIRST_SIZE 16
#define AD_LEN (FRAME_HEADER_LEN + NETWORK_TAG_LEN)

struct session_table {
	struct session **slots; /* NULL: the slot is free */
	size_t size;		/* a power of two, at least twice count */
	size_t count;
	struct aead_cipher *cipher; /* borrowed; may be NULL */
};

struct session_table *
session_table_new(struct aead_cipher *cipher)
{
	struct session_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->cipher = cipher;
	t->size = FIRST_SIZE;
	t->slots = calloc(t->size, sizeof(struct session *));
	if (t->slots == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
session_table_free(struct session_table *t)
{
	if (t == NULL)
		return;
	assert(t->count == 0);
	free(t->slots);
	free(t);
}

size_t
session_table_count(const struct session_table *t)
{
	return t->count;
}

/* The slot of this index, or the free one where it belongs. */
static size_t
probe(struct session *const *slots, size_t size, uint32_t index)
{
	size_t i = index & (size - 1);

	while (slots[i] != NULL && slots[i]->local_index != index)
		i = (i + 1) & (size - 1);
	return i;
}

static int
make_room(struct session_table *t)
{
	size_t size = t->size * 2;
	struct session **slots;

	if ((t->count + 1) * 2 <= t->size)
		return 0;
	slots = calloc(size, sizeof(struct session *));
	if (slots == NULL)
		return -1;
	for (size_t i = 0; i < t->size; i++) {
		if (t->slots[i] != NULL)
			slots[probe(slots, size, t->slots[i]->local_index)] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->size = size;
	return 0;
}

static uint32_t
unused_index(const struct session_table *t)
{
	uint32_t index;

	do {
		index = aead_random_u32();
	} while (index == 0 || session_find(t, index) != NULL);
	return index;
}

struct session *
session_new(struct session_table *t, void *owner)
{
	struct session *s;

	if (make_room(t) == -1)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->owner = owner;
	s->cipher = t->cipher;
	s->local_index = unused_index(t);
	replay_init(&s->replay, 0);
	t->slots[probe(t->slots, t->size, s->local_index)] = s;
	t->count++;
	return s;
}

/* Frees slot hole and closes the gap, so that no probe ends too early. */
static void
remove_slot(struct session_table *t, size_t hole)
{
	size_t mask = t->size - 1, i, home;

	t->count--;
	for (i = (hole + 1) & mask; t->slots[i] != NULL; i = (i + 1) & mask) {
		home = t->slots[i]->local_index & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole] = NULL;
}

void
session_free(struct session_table *t, struct session *s)
{
	size_t i;

	if (s == NULL)
		return;
	i = probe(t->slots, t->size, s->local_index);
	assert(t->slots[i] == s);
	remove_slot(t, i);
	aead_wipe(s, sizeof(*s));
	free(s);
	if (t->cipher != NULL)
		aead_cipher_forget(t->cipher);
}

struct session *
session_find(const struct session_table *t, uint32_t local_index)
{
	return t->slots[probe(t->slots, t->size, local_index)];
}

/* What is authenticated with a message: its header, and where it is bound for. */
static void
associate(uint8_t ad[AD_LEN], const uint8_t *header, const uint8_t tag[NETWORK_TAG_LEN])
{
	memcpy(ad, header, FRAME_HEADER_LEN);
	memcpy(ad + FRAME_HEADER_LEN, tag, NETWORK_TAG_LEN);
}

size_t
session_seal(struct session *s, enum frame_type type, uint8_t *buf, size_t len)
{
	struct frame_header h = {.type = type, .index = s->remote_index, .counter = s->tx_counter};
	uint8_t *plain = buf + FRAME_HEADER_LEN, ad[AD_LEN];

	assert(type == FRAME_DATA || type == FRAME_CONTROL);
	/* zeros for a key, or a nonce twice, would give everything away */
	assert(s->has_keys && s->tx_counter < UINT64_MAX);
	frame_write(buf, &h);
	associate(ad, buf, s->tx_tag);
	if (s->cipher != NULL)
		aead_cipher_seal(
		    s->cipher, plain, plain, len, ad, sizeof(ad), s->tx_counter, s->tx_key);
	else
		aead_seal(plain, plain, len, ad, sizeof(ad), s->tx_counter, s->tx_key);
	s->tx_counter++;
	return len + SESSION_OVERHEAD;
}

static int
open_sealed(const struct session *s, uint8_t *plain, const uint8_t *sealed, size_t len,
    const uint8_t ad[AD_LEN], uint64_t counter)
{
	if (s->cipher != NULL)
		return aead_cipher_open(
		    s->cipher, plain, sealed, len, ad, AD_LEN, counter, s->rx_key);
	return aead_open(plain, sealed, len, ad, AD_LEN, counter, s->rx_key);
}

int
session_open(struct session *s, const struct frame_header *h, const uint8_t *message, size_t len,
    uint8_t *plain)
{
	uint8_t ad[AD_LEN];

	if (len < SESSION_OVERHEAD)
		return SESSION_TOO_SHORT;
	/* anybody could seal with the zeros that stand there before the answer */
	if (!s->has_keys)
		return SESSION_FORGED;
	if (replay_check(&s->replay, h->counter) != REPLAY_FRESH)
		return SESSION_REPLAYED;
	associate(ad, message, s->rx_tag);
	if (open_sealed(
		s, plain, message + FRAME_HEADER_LEN, len - FRAME_HEADER_LEN, ad, h->counter) == -1)
		return SESSION_FORGED;
	replay_accept(&s->replay, h->counter);
	return (int)(len - SESSION_OVERHEAD);
}
