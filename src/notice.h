/*
 * Notices: small messages outside of any session, sealed under a key that all members can make, so
 * that they tell an outsider nothing and a member no more than a hint. What follows from one is at
 * most a handshake. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NOTICE_H
#define NOTICE_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "network.h"

#define NOTICE_MAX 96
#define NOTICE_TOKEN_LEN 16

enum notice_kind {
	NOTICE_RESET = 1,	/* "I have no session of this index" */
	NOTICE_STARTED = 2,	/* "I am new: sessions with me are dead" */
	NOTICE_KEY_REQUEST = 3, /* "I do not have the multicast key of this id" */
	NOTICE_PROBE = 4,	/* to ourselves: does the broker deliver? */
};

struct notice {
	enum notice_kind kind;
	struct addr from;
	uint32_t index;			 /* reset */
	uint64_t key_id;		 /* key request */
	uint8_t token[NOTICE_TOKEN_LEN]; /* probe */
};

/* Seals it for the destination with this part in topics. Returns the message's length. */
size_t notice_seal(
    const struct network *n, const struct notice *v, const char *to, uint8_t out[NOTICE_MAX]);
/*
 * Opens one that came by this topic. Returns 0, or -1 if it is malformed, forged, was sealed for
 * another destination, or names a sender that is not the topic's.
 */
int notice_open(const struct network *n, const struct network_topic *t, const uint8_t *message,
    size_t len, struct notice *v);

#endif
