/*
 * One security association with a peer: a key for each direction, a counter, a replay window. And
 * the table that finds them by the index that messages carry.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "frame.h"
#include "network.h"
#include "replay.h"

#define SESSION_OVERHEAD (FRAME_HEADER_LEN + AEAD_TAG_LEN)
/* After so many messages a key is due to be changed; far below what would repeat a counter. */
#define SESSION_REKEY_MESSAGES (UINT64_C(1) << 60)

struct aead_cipher;
struct session_table;

struct session {
	void *owner;		    /* borrowed */
	struct aead_cipher *cipher; /* borrowed, of the table; NULL: aead_seal() and aead_open() */
	uint32_t local_index;	    /* what the other writes into its messages */
	uint32_t remote_index;	    /* what we write */
	bool initiator;		    /* we began it */
	bool has_keys;		    /* false while our first message waits for its answer */
	bool second_choice;	    /* to be heard, but not to be sent with: see channel */
	uint64_t created_ms;
	uint32_t max_message; /* largest message that the other takes */
	uint16_t features;    /* that it has told, FRAME_FEATURE_... */
	uint64_t tx_counter;  /* of the next message */
	uint8_t tx_key[AEAD_KEY_LEN], rx_key[AEAD_KEY_LEN];
	uint8_t tx_tag[NETWORK_TAG_LEN], rx_tag[NETWORK_TAG_LEN]; /* destinations */
	struct addr remote, own;				  /* whose tags these are */
	char topic[NETWORK_TOPIC_MAX];				  /* where its messages go */
	char from[NETWORK_PART_MAX]; /* the sender's part in topics of what comes */
	struct replay replay;
};

enum session_error {
	SESSION_TOO_SHORT = -1,
	SESSION_REPLAYED = -2, /* a duplicate, or below the window */
	SESSION_FORGED = -3,
};

/* Borrows cipher, which seals and opens all messages; NULL: aead_seal() and aead_open() do. Returns
 * NULL when memory is short. */
struct session_table *session_table_new(struct aead_cipher *cipher);
/* Accepts NULL. Sessions must have been freed. */
void session_table_free(struct session_table *t);
size_t session_table_count(const struct session_table *t);

/* A session without keys, zeroed but for owner, cipher and a random local_index that is unique in t
 * and not 0. Returns NULL when memory is short. */
struct session *session_new(struct session_table *t, void *owner);
/* Takes it out of the table, wipes and frees it. Accepts NULL. */
void session_free(struct session_table *t, struct session *s);
/* Or NULL. Borrowed. */
struct session *session_find(const struct session_table *t, uint32_t local_index);

/*
 * Seals the plaintext that stands FRAME_HEADER_LEN bytes into buf, len bytes long, in place, as a
 * message of this type (FRAME_DATA or FRAME_CONTROL); buf has room for SESSION_OVERHEAD more.
 * Counts up tx_counter. Returns the length of the message, which begins at buf.
 */
size_t session_seal(struct session *s, enum frame_type type, uint8_t *buf, size_t len);
/*
 * Opens a message with the parsed header h into plain, which has room for len bytes; the window
 * moves only when all is good. Returns the length of the plaintext, or a negative enum
 * session_error.
 */
int session_open(struct session *s, const struct frame_header *h, const uint8_t *message,
    size_t len, uint8_t *plain);

#endif
