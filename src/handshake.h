/*
 * The messages that set a session up, made and opened; who sends them when is channel's business.
 * The network's mode decides on the Noise pattern. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "aead.h"
#include "network.h"
#include "noise.h"

#define HANDSHAKE_NAME_MAX 63
#define HANDSHAKE_MESSAGE_MAX 512

/* What both ends tell each other, sealed and authenticated. */
struct handshake_hello {
	uint32_t index; /* for messages to the one who tells it */
	uint16_t features;
	uint32_t max_message; /* largest message that it takes */
	struct addr from, to;
	char name[HANDSHAKE_NAME_MAX + 1];
};

enum handshake_error {
	HANDSHAKE_MALFORMED = -1, /* length, header, or what is inside */
	HANDSHAKE_BAD_MAC = -2,	  /* not for us, or of another network */
	HANDSHAKE_FORGED = -3,	  /* the Noise message does not open */
	HANDSHAKE_WRONG_ID = -4,  /* addresses inside are not those of the topic */
};

struct handshake {
	const struct network *network; /* borrowed */
	struct network_id own, remote; /* remote: of a responder, once the hello was read */
	struct noise noise;
};

/*
 * The initiator's first message to remote; remote_public is its key, NULL in psk mode. ephemeral is
 * for test vectors, NULL otherwise. Returns the message's length, or -1 when that key is of low
 * order. h holds secrets then: handshake_clear().
 */
int handshake_start(struct handshake *h, const struct network *n, const struct network_id *own,
    const struct network_id *remote, const uint8_t *remote_public,
    const struct handshake_hello *hello, const uint8_t *ephemeral,
    uint8_t out[HANDSHAKE_MESSAGE_MAX]);
/* The responder's answer opened. from is the sender's part of the topic that it came by. Returns 0
 * or a negative enum handshake_error; h stays good for another answer after an error. */
int handshake_finish(struct handshake *h, const uint8_t *message, size_t len, const char *from,
    size_t from_len, struct handshake_hello *hello);

/* Cheap judgement of a first message that came to own, before any state is made: length and MAC.
 * Returns 0 or a negative enum handshake_error. */
int handshake_check(
    const struct network *n, const struct network_id *own, const uint8_t *message, size_t len);
/* Opens a first message that handshake_check() let pass. ephemeral is for the answer, see
 * handshake_start(). Returns 0 or a negative enum handshake_error; h holds secrets if 0. */
int handshake_accept(struct handshake *h, const struct network *n, const struct network_id *own,
    const uint8_t *message, size_t len, const char *from, size_t from_len, const uint8_t *ephemeral,
    struct handshake_hello *hello);
/* The initiator's public key, after handshake_accept() in pubkey mode. */
const uint8_t *handshake_public(const struct handshake *h);
/* The answer to it; remote_index is hello.index of the first message. Returns its length, or -1. */
int handshake_answer(struct handshake *h, uint32_t remote_index,
    const struct handshake_hello *hello, uint8_t out[HANDSHAKE_MESSAGE_MAX]);

/* When finished or answered: the session's keys. Wipes h's. */
void handshake_keys(struct handshake *h, uint8_t tx[AEAD_KEY_LEN], uint8_t rx[AEAD_KEY_LEN]);
void handshake_clear(struct handshake *h);

#endif
