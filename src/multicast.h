/*
 * Broadcast and multicast of the native wire: a sender's own key, which it hands to each peer over
 * their session, and the keys that others have handed to us. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MULTICAST_H
#define MULTICAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "frame.h"
#include "network.h"

#define MULTICAST_LIFETIME_MS (3600 * 1000)
#define MULTICAST_SENDERS_MAX 4096 /* of which a table holds keys */
#define MULTICAST_OVERHEAD (FRAME_MULTICAST_HEADER_LEN + AEAD_TAG_LEN + AEAD_SIGNATURE_LEN)
/* The body of the control message that hands a key out. */
#define MULTICAST_GRANT_MAX (8 + 8 + AEAD_KEY_LEN + 1 + AEAD_KEY_LEN)

/* Our own key for one of our ids. Zeroed: none yet. Holds secrets: multicast_sender_clear(). */
struct multicast_sender {
	bool ready, sign;
	uint64_t key_id, counter, created_ms;
	uint8_t key[AEAD_KEY_LEN];
	uint8_t verify_key[AEAD_KEY_LEN], sign_key[AEAD_SIGN_SECRET_LEN];
};

/* A new random key; sign: messages carry an Ed25519 signature. */
void multicast_sender_renew(struct multicast_sender *m, bool sign, uint64_t now_ms);
void multicast_sender_clear(struct multicast_sender *m);
/* Writes what a peer needs to read us from the message with this counter on. Returns its length. */
size_t
multicast_grant(const struct multicast_sender *m, uint64_t floor, uint8_t out[MULTICAST_GRANT_MAX]);
/*
 * Seals the plaintext that stands FRAME_MULTICAST_HEADER_LEN bytes into buf in place; buf has room
 * for MULTICAST_OVERHEAD more. Returns the length of the message, which begins at buf.
 */
size_t multicast_seal(struct multicast_sender *m, const struct network *n,
    const struct network_id *own, uint8_t *buf, size_t len);

/*
 * A message of which all could make the key is signed by its sender. buf holds header and sealed
 * text, len bytes together, and has room for AEAD_SIGNATURE_LEN more; ad is what was authenticated
 * with the text: the header, and up to AEAD_SIGNATURE_LEN bytes more. Returns the new length.
 */
size_t multicast_sign(const uint8_t sign_key[AEAD_SIGN_SECRET_LEN], const uint8_t *ad,
    size_t ad_len, uint8_t *buf, size_t len);
/* The sealed text, of len bytes, opened into plain, which has room for as much and 32 bytes more;
 * the signature follows it unless verify_key is NULL. Returns 0 or -1. */
int multicast_authenticate(const uint8_t key[AEAD_KEY_LEN], const uint8_t *verify_key,
    const uint8_t *ad, size_t ad_len, uint64_t counter, const uint8_t *sealed, size_t len,
    uint8_t *plain);

/* The keys of others, two for each sender: the present and the one before. */
struct multicast_table;

struct multicast_table *multicast_table_new(void);
/* Wipes the keys. Accepts NULL. */
void multicast_table_free(struct multicast_table *t);
/* A grant that came over a session with sender, whose owner is an opaque borrowed pointer. One that
 * is known already changes nothing. Returns 0, or -1 with errno: EINVAL if it is malformed, ENOSPC
 * when the table holds MULTICAST_SENDERS_MAX others, ENOMEM. */
int multicast_table_grant(struct multicast_table *t, const struct network_id *sender, void *owner,
    const uint8_t *grant, size_t len);
/* Forgets all keys of an owner. */
void multicast_table_forget(struct multicast_table *t, const void *owner);

enum multicast_error {
	MULTICAST_TOO_SHORT = -1,
	MULTICAST_UNKNOWN_KEY = -2, /* ask its sender */
	MULTICAST_REPLAYED = -3,    /* a duplicate, below the window, or from before the grant */
	MULTICAST_FORGED = -4,	    /* tag or signature, or signed where it should not be */
};

/*
 * Opens a message with the parsed header h from the sender with this part in topics into plain,
 * which has room for len bytes. Returns the length of the plaintext, with the address and the owner
 * of its sender, or a negative enum multicast_error.
 */
int multicast_open(struct multicast_table *t, const struct network *n, const char *from,
    size_t from_len, const struct frame_header *h, const uint8_t *message, size_t len,
    uint8_t *plain, struct addr *sender, void **owner);

#endif
