/*
 * TK = KDF(key of the epoch, "mv1 traffic", group, epoch, slot, key of the slot).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "groupkey.h"

#include <stdio.h>
#include <string.h>

#include "aead_hash.h"
#include "wire.h"

#define DATA_MAX (1 + GROUPKEY_NAME_MAX + 4 + 4 + AEAD_KEY_LEN)

static void
put_name(struct wire_writer *w, const char *name)
{
	wire_put_u8(w, (uint8_t)strlen(name));
	wire_put_bytes(w, name, strlen(name));
}

void
groupkey_init(struct groupkey *g, const char *name)
{
	memset(g, 0, sizeof(*g));
	snprintf(g->name, sizeof(g->name), "%s", name);
}

void
groupkey_clear(struct groupkey *g)
{
	aead_wipe(g, sizeof(*g));
}

/* Epochs. */

void
groupkey_of_epoch(
    uint8_t out[AEAD_KEY_LEN], const uint8_t root[AEAD_KEY_LEN], const char *group, uint32_t epoch)
{
	uint8_t data[DATA_MAX];
	struct wire_writer w;

	wire_writer_init(&w, data, sizeof(data));
	put_name(&w, group);
	wire_put_u32(&w, epoch);
	aead_kdf(out, root, "mv1 epoch", data, w.pos);
}

uint32_t
groupkey_newest(const struct groupkey *g)
{
	return g->epoch_count > 0 ? g->epochs[0].epoch : 0;
}

/* Whatever is older goes when the new one's time has come, not before. */
static void
limit_older(struct groupkey *g, uint64_t from_ms)
{
	for (size_t i = 0; i < g->epoch_count; i++)
		if (g->epochs[i].until_ms > from_ms + GROUPKEY_GRACE_MS)
			g->epochs[i].until_ms = from_ms + GROUPKEY_GRACE_MS;
}

void
groupkey_install(
    struct groupkey *g, uint32_t epoch, const uint8_t key[AEAD_KEY_LEN], uint64_t from_ms)
{
	if (epoch <= groupkey_newest(g))
		return;
	limit_older(g, from_ms);
	if (g->epoch_count < GROUPKEY_EPOCHS)
		g->epoch_count++;
	memmove(&g->epochs[1], &g->epochs[0], (g->epoch_count - 1) * sizeof(g->epochs[0]));
	g->epochs[0] =
	    (struct groupkey_epoch){.epoch = epoch, .from_ms = from_ms, .until_ms = UINT64_MAX};
	memcpy(g->epochs[0].key, key, AEAD_KEY_LEN);
}

void
groupkey_forget_old(struct groupkey *g, uint64_t now_ms)
{
	while (g->epoch_count > 0 && g->epochs[g->epoch_count - 1].until_ms <= now_ms)
		aead_wipe(&g->epochs[--g->epoch_count], sizeof(g->epochs[0]));
}

static const struct groupkey_epoch *
find_epoch(const struct groupkey *g, uint32_t epoch)
{
	for (size_t i = 0; i < g->epoch_count; i++)
		if (g->epochs[i].epoch == epoch)
			return &g->epochs[i];
	return NULL;
}

/* The newest whose time has come; where none has, the oldest: the server's clock is in charge, and
 * whoever has just joined was given what is in use. */
static const struct groupkey_epoch *
present_epoch(const struct groupkey *g, uint64_t now_ms)
{
	for (size_t i = 0; i < g->epoch_count; i++)
		if (g->epochs[i].from_ms <= now_ms)
			return &g->epochs[i];
	return g->epoch_count > 0 ? &g->epochs[g->epoch_count - 1] : NULL;
}

/* Slots. */

void
groupkey_set_slots(struct groupkey *g, uint64_t begin_ms, uint64_t slot_ms, unsigned int depth,
    const struct slots_node *cover, size_t count)
{
	if (count > SLOTS_COVER_MAX)
		count = SLOTS_COVER_MAX;
	aead_wipe(g->cover, sizeof(g->cover));
	memcpy(g->cover, cover, count * sizeof(*cover));
	g->cover_count = count;
	g->slots_begin_ms = begin_ms;
	g->slot_ms = slot_ms;
	g->depth = depth;
}

static bool
slot_at(const struct groupkey *g, uint64_t now_ms, uint32_t *slot)
{
	uint64_t n;

	if (now_ms < g->slots_begin_ms)
		return false;
	n = (now_ms - g->slots_begin_ms) / g->slot_ms;
	*slot = (uint32_t)n;
	return n < UINT64_C(1) << g->depth;
}

/* Within the grace of its time. */
static int
check_slot(const struct groupkey *g, uint32_t slot, uint64_t now_ms)
{
	uint64_t begin_ms = g->slots_begin_ms + slot * g->slot_ms;

	if (now_ms + GROUPKEY_GRACE_MS < begin_ms)
		return GROUPKEY_FUTURE;
	if (now_ms >= begin_ms + g->slot_ms + GROUPKEY_GRACE_MS)
		return GROUPKEY_PAST;
	return 0;
}

/* Traffic. */

bool
groupkey_now(const struct groupkey *g, uint64_t now_ms, uint32_t *epoch, uint32_t *slot)
{
	const struct groupkey_epoch *e = present_epoch(g, now_ms);

	if (e == NULL)
		return false;
	*epoch = e->epoch;
	*slot = 0;
	if (g->slot_ms == 0)
		return true;
	return slot_at(g, now_ms, slot) && slots_hold(g->cover, g->cover_count, g->depth, *slot);
}

static void
derive_traffic(const struct groupkey *g, const struct groupkey_epoch *e, uint32_t slot,
    const uint8_t slot_key[AEAD_KEY_LEN], uint8_t out[AEAD_KEY_LEN])
{
	uint8_t data[DATA_MAX];
	struct wire_writer w;

	wire_writer_init(&w, data, sizeof(data));
	put_name(&w, g->name);
	wire_put_u32(&w, e->epoch);
	wire_put_u32(&w, slot);
	wire_put_bytes(&w, slot_key, AEAD_KEY_LEN);
	aead_kdf(out, e->key, "mv1 traffic", data, w.pos);
	aead_wipe(data, sizeof(data));
}

int
groupkey_check(const struct groupkey *g, uint32_t epoch, uint32_t slot, uint64_t now_ms)
{
	const struct groupkey_epoch *e = find_epoch(g, epoch);
	int rc;

	if (e == NULL)
		return epoch > groupkey_newest(g) ? GROUPKEY_AHEAD : GROUPKEY_PAST;
	if (now_ms >= e->until_ms)
		return GROUPKEY_PAST;
	if (g->slot_ms == 0)
		return slot == 0 ? 0 : GROUPKEY_NO_SLOT;
	rc = check_slot(g, slot, now_ms);
	if (rc == 0 && !slots_hold(g->cover, g->cover_count, g->depth, slot))
		rc = GROUPKEY_NO_SLOT;
	return rc;
}

int
groupkey_traffic(const struct groupkey *g, uint32_t epoch, uint32_t slot, uint64_t now_ms,
    uint8_t out[AEAD_KEY_LEN])
{
	uint8_t slot_key[AEAD_KEY_LEN] = {0};
	int rc = groupkey_check(g, epoch, slot, now_ms);

	if (rc != 0)
		return rc;
	if (g->slot_ms > 0)
		slots_key(g->cover, g->cover_count, g->depth, slot, slot_key);
	derive_traffic(g, find_epoch(g, epoch), slot, slot_key, out);
	aead_wipe(slot_key, sizeof(slot_key));
	return 0;
}

void
groupkey_sender(uint8_t out[AEAD_KEY_LEN], const uint8_t traffic[AEAD_KEY_LEN], uint32_t sender)
{
	uint8_t data[4];
	struct wire_writer w;

	wire_writer_init(&w, data, sizeof(data));
	wire_put_u32(&w, sender);
	aead_kdf(out, traffic, "mv1 sender", data, w.pos);
}

void
groupkey_pair(uint8_t out[AEAD_KEY_LEN], const uint8_t traffic[AEAD_KEY_LEN],
    const uint8_t shared[AEAD_KEY_LEN], uint32_t sender, uint32_t receiver)
{
	uint8_t data[AEAD_KEY_LEN + 4 + 4];
	struct wire_writer w;

	wire_writer_init(&w, data, sizeof(data));
	wire_put_bytes(&w, shared, AEAD_KEY_LEN);
	wire_put_u32(&w, sender);
	wire_put_u32(&w, receiver);
	aead_kdf(out, traffic, "mv1 pair", data, w.pos);
	aead_wipe(data, sizeof(data));
}
