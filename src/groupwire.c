/*
 * Keys are derived when an epoch and slot is first met, and kept for those that come next.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "groupwire.h"

#include <assert.h>
#include <string.h>

#include "aead_cipher.h"
#include "aead_dh.h"
#include "multicast.h"

#define AD_LEN (GROUPWIRE_HEADER_LEN + NETWORK_TAG_LEN)

_Static_assert(NETWORK_TAG_LEN <= AEAD_SIGNATURE_LEN, "what is signed fits into the message");

/* We and others. */

void
groupwire_self_init(struct groupwire_self *self, bool is_signing)
{
	memset(self, 0, sizeof(*self));
	self->is_signing = is_signing;
	if (is_signing)
		aead_sign_keypair(self->verify_key, self->sign_key);
}

void
groupwire_self_set_id(struct groupwire_self *self, uint32_t id)
{
	if (id == self->id)
		return;
	self->id = id;
	aead_wipe(&self->to_all, sizeof(self->to_all));
}

void
groupwire_self_clear(struct groupwire_self *self)
{
	aead_wipe(self, sizeof(*self));
}

int
groupwire_other_init(struct groupwire_other *o, const uint8_t private_key[AEAD_KEY_LEN],
    const uint8_t public_key[AEAD_KEY_LEN], uint32_t id, const uint8_t *verify_key)
{
	memset(o, 0, sizeof(*o));
	o->id = id;
	o->is_signing = verify_key != NULL;
	if (o->is_signing)
		memcpy(o->verify_key, verify_key, sizeof(o->verify_key));
	replay_init(&o->one, 0);
	return aead_dh(o->shared, private_key, public_key);
}

void
groupwire_other_set_floor(struct groupwire_other *o, uint64_t floor)
{
	if (!o->has_floor)
		replay_init(&o->all, floor);
	o->has_floor = true;
}

void
groupwire_other_clear(struct groupwire_other *o)
{
	aead_wipe(o, sizeof(*o));
}

/* Keys. */

static uint64_t
key_id(uint32_t epoch, uint32_t slot)
{
	return (uint64_t)epoch << 32 | slot;
}

/* The one of count that has this id, made under that id of ours; else the last, to be made anew,
 * in front of the others. */
static struct groupwire_key *
find_key(struct groupwire_key *keys, size_t count, uint64_t id, uint32_t own)
{
	for (size_t i = 0; i < count; i++)
		if (keys[i].id == id && keys[i].own == own)
			return &keys[i];
	memmove(&keys[1], &keys[0], (count - 1) * sizeof(keys[0]));
	keys[0].id = 0;
	return &keys[0];
}

static void
keep(struct groupwire_key *k, uint64_t id, uint32_t own)
{
	k->id = id;
	k->own = own;
}

static int
translate(int rc)
{
	return rc == 0 ? 0 : rc == GROUPKEY_AHEAD ? GROUPWIRE_AHEAD : GROUPWIRE_OVER;
}

/* The traffic key of an epoch and slot; allowed now, as the caller has checked. */
static void
traffic(const struct groupwire_now *now, uint64_t id, uint8_t out[AEAD_KEY_LEN])
{
	int rc = groupkey_traffic(now->keys, (uint32_t)(id >> 32), (uint32_t)id, now->time_ms, out);

	assert(rc == 0);
	(void)rc;
}

static void
forget(struct groupwire_key *keys, size_t count, const struct groupwire_now *now)
{
	for (size_t i = 0; i < count; i++)
		if (groupkey_check(now->keys, (uint32_t)(keys[i].id >> 32), (uint32_t)keys[i].id,
			now->time_ms) != 0)
			aead_wipe(&keys[i], sizeof(keys[i]));
}

void
groupwire_self_forget(struct groupwire_self *self, const struct groupwire_now *now)
{
	forget(&self->to_all, 1, now);
}

void
groupwire_other_forget(struct groupwire_other *o, const struct groupwire_now *now)
{
	forget(&o->to, 1, now);
	forget(o->from, GROUPWIRE_KEYS, now);
	forget(o->to_all, GROUPWIRE_KEYS, now);
}

static const uint8_t *
pair_key(struct groupwire_key *keys, size_t count, const struct groupwire_now *now, uint64_t id,
    const struct groupwire_other *o, uint32_t own, bool is_ours)
{
	struct groupwire_key *k = find_key(keys, count, id, own);
	uint8_t secret[AEAD_KEY_LEN];

	if (k->id == id)
		return k->key;
	traffic(now, id, secret);
	groupkey_pair(k->key, secret, o->shared, is_ours ? own : o->id, is_ours ? o->id : own);
	keep(k, id, own);
	aead_wipe(secret, sizeof(secret));
	return k->key;
}

static const uint8_t *
sender_key(struct groupwire_key *keys, size_t count, const struct groupwire_now *now, uint64_t id,
    uint32_t sender)
{
	struct groupwire_key *k = find_key(keys, count, id, sender);
	uint8_t secret[AEAD_KEY_LEN];

	if (k->id == id)
		return k->key;
	traffic(now, id, secret);
	groupkey_sender(k->key, secret, sender);
	keep(k, id, sender);
	aead_wipe(secret, sizeof(secret));
	return k->key;
}

/* Sealing. */

static void
associate(uint8_t ad[AD_LEN], const uint8_t *header, const uint8_t tag[NETWORK_TAG_LEN])
{
	memcpy(ad, header, GROUPWIRE_HEADER_LEN);
	memcpy(ad + GROUPWIRE_HEADER_LEN, tag, NETWORK_TAG_LEN);
}

/* The id of the key to send with now, to all or (not NULL) to one. Returns false if there is none.
 */
static bool
present_key(const struct groupwire_self *self, const struct groupwire_other *to,
    const struct groupwire_now *now, uint64_t *id)
{
	uint32_t epoch, slot;

	if (self->id == 0 || self->counter == UINT64_MAX ||
	    !groupkey_now(now->keys, now->time_ms, &epoch, &slot))
		return false;
	/* Who has just come has no older one. */
	if (to != NULL && to->heard_epoch > epoch &&
	    groupkey_check(now->keys, to->heard_epoch, slot, now->time_ms) == 0)
		epoch = to->heard_epoch;
	*id = key_id(epoch, slot);
	/* The one that is used before its time, as there is no other, is not yet over. */
	return groupkey_check(now->keys, epoch, slot, now->time_ms) == 0;
}

/* Returns the length with header and tag; *ad is what was authenticated beside the text. */
static size_t
seal(struct groupwire_self *self, const struct groupwire_now *now, struct frame_header *h,
    const uint8_t *key, const uint8_t tag[NETWORK_TAG_LEN], uint8_t ad[AD_LEN], uint8_t *buf,
    size_t len)
{
	uint8_t *plain = buf + GROUPWIRE_HEADER_LEN;

	h->index = self->id;
	h->counter = self->counter++;
	frame_write(buf, h);
	associate(ad, buf, tag);
	if (now->cipher != NULL)
		aead_cipher_seal(now->cipher, plain, plain, len, ad, AD_LEN, h->counter, key);
	else
		aead_seal(plain, plain, len, ad, AD_LEN, h->counter, key);
	return len + GROUPWIRE_OVERHEAD;
}

size_t
groupwire_seal_one(struct groupwire_self *self, struct groupwire_other *to,
    const struct groupwire_now *now, const uint8_t tag[NETWORK_TAG_LEN], uint8_t *buf, size_t len)
{
	struct frame_header h = {.type = FRAME_GROUP_ONE};
	uint8_t ad[AD_LEN];
	const uint8_t *key;

	if (!present_key(self, to, now, &h.key_id))
		return 0;
	key = pair_key(&to->to, 1, now, h.key_id, to, self->id, true);
	return seal(self, now, &h, key, tag, ad, buf, len);
}

size_t
groupwire_seal_all(struct groupwire_self *self, const struct groupwire_now *now,
    const uint8_t tag[NETWORK_TAG_LEN], uint8_t *buf, size_t len)
{
	struct frame_header h = {
	    .type = FRAME_GROUP, .flags = self->is_signing ? FRAME_FLAG_SIGNED : 0};
	uint8_t ad[AD_LEN];
	const uint8_t *key;

	if (!present_key(self, NULL, now, &h.key_id))
		return 0;
	key = sender_key(&self->to_all, 1, now, h.key_id, self->id);
	len = seal(self, now, &h, key, tag, ad, buf, len);
	return self->is_signing ? multicast_sign(self->sign_key, ad, sizeof(ad), buf, len) : len;
}

/* Opening. */

static int
check(const struct groupwire_now *now, const struct frame_header *h, const struct replay *r)
{
	int rc = translate(groupkey_check(
	    now->keys, (uint32_t)(h->key_id >> 32), (uint32_t)h->key_id, now->time_ms));

	if (rc == 0 && replay_check(r, h->counter) != REPLAY_FRESH)
		rc = GROUPWIRE_REPLAYED;
	return rc;
}

static int
open_sealed(const struct groupwire_now *now, const uint8_t *key, const uint8_t ad[AD_LEN],
    uint64_t counter, const uint8_t *sealed, size_t len, uint8_t *plain)
{
	if (now->cipher != NULL)
		return aead_cipher_open(now->cipher, plain, sealed, len, ad, AD_LEN, counter, key);
	return aead_open(plain, sealed, len, ad, AD_LEN, counter, key);
}

int
groupwire_open_one(struct groupwire_other *from, const struct groupwire_self *self,
    const struct groupwire_now *now, const uint8_t tag[NETWORK_TAG_LEN],
    const struct frame_header *h, const uint8_t *message, size_t len, uint8_t *plain)
{
	uint8_t ad[AD_LEN];
	const uint8_t *key;
	int rc;

	if (len < GROUPWIRE_OVERHEAD)
		return GROUPWIRE_TOO_SHORT;
	rc = check(now, h, &from->one);
	if (rc != 0)
		return rc;
	key = pair_key(from->from, GROUPWIRE_KEYS, now, h->key_id, from, self->id, false);
	associate(ad, message, tag);
	if (open_sealed(now, key, ad, h->counter, message + GROUPWIRE_HEADER_LEN,
		len - GROUPWIRE_HEADER_LEN, plain) == -1)
		return GROUPWIRE_FORGED;
	replay_accept(&from->one, h->counter);
	if (h->key_id >> 32 > from->heard_epoch)
		from->heard_epoch = (uint32_t)(h->key_id >> 32);
	return (int)(len - GROUPWIRE_OVERHEAD);
}

int
groupwire_open_all(struct groupwire_other *from, const struct groupwire_now *now,
    const uint8_t tag[NETWORK_TAG_LEN], const struct frame_header *h, const uint8_t *message,
    size_t len, uint8_t *plain)
{
	bool is_signed = (h->flags & FRAME_FLAG_SIGNED) != 0;
	size_t around = GROUPWIRE_HEADER_LEN + (is_signed ? AEAD_SIGNATURE_LEN : 0);
	uint8_t ad[AD_LEN];
	const uint8_t *key;
	int rc;

	if (len < around + AEAD_TAG_LEN)
		return GROUPWIRE_TOO_SHORT;
	if (is_signed != from->is_signing)
		return GROUPWIRE_FORGED;
	rc = check(now, h, &from->all);
	if (rc != 0 && (from->has_floor || rc != GROUPWIRE_REPLAYED))
		return rc;
	if (!from->has_floor)
		return GROUPWIRE_NO_FLOOR;
	key = sender_key(from->to_all, GROUPWIRE_KEYS, now, h->key_id, from->id);
	associate(ad, message, tag);
	if (multicast_authenticate(key, is_signed ? from->verify_key : NULL, ad, sizeof(ad),
		h->counter, message + GROUPWIRE_HEADER_LEN, len - around, plain) == -1)
		return GROUPWIRE_FORGED;
	replay_accept(&from->all, h->counter);
	return (int)(len - around - AEAD_TAG_LEN);
}
