/*
 * What the members of a group send each other: to one under the pair's key, to all under the
 * sender's, which follow from the group's key of the moment. A sender's counter grows as long as it
 * has its id, whatever the key. Pure. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef GROUPWIRE_H
#define GROUPWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "frame.h"
#include "groupkey.h"
#include "network.h"
#include "replay.h"

#define GROUPWIRE_HEADER_LEN FRAME_MULTICAST_HEADER_LEN
#define GROUPWIRE_OVERHEAD (GROUPWIRE_HEADER_LEN + AEAD_TAG_LEN) /* of one to one */
#define GROUPWIRE_OVERHEAD_ALL (GROUPWIRE_OVERHEAD + AEAD_SIGNATURE_LEN)
/* Keys of an epoch and slot that are at hand: the present and, around a change, another. */
#define GROUPWIRE_KEYS 2

struct aead_cipher;

/* A key that was derived. id 0: none; there is no epoch 0. */
struct groupwire_key {
	uint64_t id;  /* epoch and slot, as in a header */
	uint32_t own; /* our sender id when it was */
	uint8_t key[AEAD_KEY_LEN];
};

/* The group's keys at a moment of the server's time. Borrowed. */
struct groupwire_now {
	const struct groupkey *keys;
	uint64_t time_ms;
	struct aead_cipher *cipher; /* NULL: any will do */
};

/* We as a sender. Zeroed: without an id. Holds secrets: groupwire_self_clear(). */
struct groupwire_self {
	uint32_t id;
	uint64_t counter; /* of the next message; never goes back */
	bool is_signing;  /* what goes to all */
	uint8_t verify_key[AEAD_KEY_LEN], sign_key[AEAD_SIGN_SECRET_LEN];
	struct groupwire_key to_all;
};

/* Makes the keys for signatures, if there are to be any. */
void groupwire_self_init(struct groupwire_self *self, bool is_signing);
/* Our sender id is this now. The counter goes on, so that no server can make us use it twice. */
void groupwire_self_set_id(struct groupwire_self *self, uint32_t id);
/* Wipes what was derived of keys that are not taken any more. */
void groupwire_self_forget(struct groupwire_self *self, const struct groupwire_now *now);
void groupwire_self_clear(struct groupwire_self *self);

/* Another member as the key server told of it. Holds secrets: groupwire_other_clear(). */
struct groupwire_other {
	uint32_t id;
	bool is_signing;
	uint8_t verify_key[AEAD_KEY_LEN];
	uint8_t shared[AEAD_KEY_LEN]; /* X25519 of the two */
	struct groupwire_key to, from[GROUPWIRE_KEYS], to_all[GROUPWIRE_KEYS];
	struct replay one, all; /* what came from it */
	uint32_t heard_epoch;	/* the newest that it has used towards us */
	bool has_floor;		/* of all: it told where we may begin */
};

/* With a new sender id of that member. verify_key: NULL if it does not sign. Returns 0, or -1 if
 * the public key is of low order. */
int groupwire_other_init(struct groupwire_other *o, const uint8_t private_key[AEAD_KEY_LEN],
    const uint8_t public_key[AEAD_KEY_LEN], uint32_t id, const uint8_t *verify_key);
/* From this counter of it on we may read what it sends to all. */
void groupwire_other_set_floor(struct groupwire_other *o, uint64_t floor);
void groupwire_other_forget(struct groupwire_other *o, const struct groupwire_now *now);
void groupwire_other_clear(struct groupwire_other *o);

/*
 * Seal the plaintext that stands GROUPWIRE_HEADER_LEN bytes into buf, len bytes long, in place; buf
 * has room for GROUPWIRE_OVERHEAD (_ALL) more. tag is that of the destination. Return the length of
 * the message, which begins at buf; 0 if there is no key to send with now.
 */
size_t groupwire_seal_one(struct groupwire_self *self, struct groupwire_other *to,
    const struct groupwire_now *now, const uint8_t tag[NETWORK_TAG_LEN], uint8_t *buf, size_t len);
size_t groupwire_seal_all(struct groupwire_self *self, const struct groupwire_now *now,
    const uint8_t tag[NETWORK_TAG_LEN], uint8_t *buf, size_t len);

enum groupwire_error {
	GROUPWIRE_TOO_SHORT = -1,
	GROUPWIRE_REPLAYED = -2, /* a duplicate, or below the window or the floor */
	GROUPWIRE_FORGED = -3,	 /* perhaps because it was meant for who we were before */
	GROUPWIRE_AHEAD = -4,	 /* an epoch that we do not have yet */
	GROUPWIRE_OVER = -5,	 /* an epoch or slot that is not taken now, or not ours to know */
	GROUPWIRE_NO_FLOOR = -6, /* ask its sender */
};

/*
 * Open a message with the parsed header h from this member, which came for this destination, into
 * plain, which has room for len bytes. The window moves only when all is good. Return the length of
 * the plaintext, or a negative enum groupwire_error.
 */
int groupwire_open_one(struct groupwire_other *from, const struct groupwire_self *self,
    const struct groupwire_now *now, const uint8_t tag[NETWORK_TAG_LEN],
    const struct frame_header *h, const uint8_t *message, size_t len, uint8_t *plain);
int groupwire_open_all(struct groupwire_other *from, const struct groupwire_now *now,
    const uint8_t tag[NETWORK_TAG_LEN], const struct frame_header *h, const uint8_t *message,
    size_t len, uint8_t *plain);

#endif
