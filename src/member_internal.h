/*
 * What the files of member share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MEMBER_INTERNAL_H
#define MEMBER_INTERNAL_H

#include "backoff.h"
#include "keytree.h"
#include "member.h"
#include "rekey.h"
#include "wheel.h"

struct member {
	struct member_params params;
	struct member_callbacks callbacks;
	char group[KEYMSG_GROUP_MAX + 1];
	uint8_t verify_key[AEAD_KEY_LEN];
	struct prefix prefixes[KEYMSG_PREFIXES_MAX];
	enum member_state state;
	struct groupkey keys;
	struct keytree_path path;
	struct rekey_collection collection;
	uint8_t server_key[AEAD_KEY_LEN];
	uint32_t sender;
	bool has_server_key;
	uint64_t server_ahead_ms; /* of our clock; wraps around where it is behind */

	/* the question that waits for its answer; 0: none */
	enum keymsg_type question;
	uint32_t request, last_request;
	uint32_t renewal;  /* the request that a renewal is */
	uint64_t asked_ms; /* for the first time: what comes may answer that */
	struct backoff backoff;
	struct wheel_timer retry, rejoin, renew;

	uint64_t lease_ms, lease_until_ms, lease_asked_ms, nonce;
	uint64_t hinted_ms;
};

/* member.c: a message to the server: what all have in common, and sending it. */
void
member_begin(const struct member *m, struct keymsg *k, enum keymsg_type type, uint32_t request);
void member_say(struct member *m, const struct keymsg *k);

/* member_ask.c */
void member_ask_for_routes(struct member *m);

#endif
