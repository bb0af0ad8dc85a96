/*
 * The keys of a group as a member has them: one for each epoch, and with slots one for each of
 * those that it may know. A new epoch is installed when it comes and used from its time on; the old
 * one is taken for a little longer. All times are the key server's, in milliseconds. Pure. See
 * mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef GROUPKEY_H
#define GROUPKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "slots.h"

#define GROUPKEY_NAME_MAX 64
/* What was sent before a change may come so much after it; and clocks differ. */
#define GROUPKEY_GRACE_MS 5000
/* Several may be put out in one moment, each of them a change, while messages are on the way. */
#define GROUPKEY_EPOCHS 8

struct groupkey_epoch {
	uint32_t epoch;
	uint64_t from_ms, until_ms;
	uint8_t key[AEAD_KEY_LEN];
};

/* Holds secrets: groupkey_clear(). */
struct groupkey {
	char name[GROUPKEY_NAME_MAX + 1];
	struct groupkey_epoch epochs[GROUPKEY_EPOCHS]; /* the newest first */
	size_t epoch_count;
	uint64_t slots_begin_ms, slot_ms; /* slot_ms 0: without slots */
	unsigned int depth;
	struct slots_node cover[SLOTS_COVER_MAX];
	size_t cover_count;
};

enum groupkey_error {
	GROUPKEY_AHEAD = -1,   /* a newer epoch than we have: reason to ask, and no more */
	GROUPKEY_PAST = -2,    /* an epoch, or a slot, whose time is over */
	GROUPKEY_FUTURE = -3,  /* a slot whose time has not come */
	GROUPKEY_NO_SLOT = -4, /* a slot that we may not know */
};

void groupkey_init(struct groupkey *g, const char *name);
void groupkey_clear(struct groupkey *g);

/* An epoch's key follows from the key at the root of the tree of keys. */
void groupkey_of_epoch(
    uint8_t out[AEAD_KEY_LEN], const uint8_t root[AEAD_KEY_LEN], const char *group, uint32_t epoch);
/* Installs an epoch, to be used from that time on. One that is no newer than the newest changes
 * nothing. */
void groupkey_install(
    struct groupkey *g, uint32_t epoch, const uint8_t key[AEAD_KEY_LEN], uint64_t from_ms);
/* Wipes the epochs that are not taken any more. */
void groupkey_forget_old(struct groupkey *g, uint64_t now_ms);
uint32_t groupkey_newest(const struct groupkey *g); /* 0: none */
/* From now on with slots: the first begins at begin_ms. The nodes are copied. */
void groupkey_set_slots(struct groupkey *g, uint64_t begin_ms, uint64_t slot_ms, unsigned int depth,
    const struct slots_node *cover, size_t count);

/* Which epoch and slot (0 without slots) to send with. Returns false if there is none: nothing is
 * installed, or the time that was granted is over. */
bool groupkey_now(const struct groupkey *g, uint64_t now_ms, uint32_t *epoch, uint32_t *slot);
/* Whether an epoch and slot is one to be used or taken now: 0 or a negative enum groupkey_error.
 * And its key, if so. */
int groupkey_check(const struct groupkey *g, uint32_t epoch, uint32_t slot, uint64_t now_ms);
int groupkey_traffic(const struct groupkey *g, uint32_t epoch, uint32_t slot, uint64_t now_ms,
    uint8_t out[AEAD_KEY_LEN]);

/* From a traffic key: what a sender seals with for all; and for one of them, from what X25519 gave
 * for the two. No two ids, and no two directions, share a key. */
void
groupkey_sender(uint8_t out[AEAD_KEY_LEN], const uint8_t traffic[AEAD_KEY_LEN], uint32_t sender);
void groupkey_pair(uint8_t out[AEAD_KEY_LEN], const uint8_t traffic[AEAD_KEY_LEN],
    const uint8_t shared[AEAD_KEY_LEN], uint32_t sender, uint32_t receiver);

#endif
