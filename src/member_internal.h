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

/* So many renewals may be on their way. */
#define MEMBER_RENEWALS 4

/* A time that we have asked for a longer lease, since it was made longer last. Zeroed: none. */
struct member_renewal {
	uint32_t request;
	uint64_t nonce, asked_ms;
};

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
	bool has_time;
	uint64_t server_ahead_ms; /* of our clock; wraps around where it is behind */

	/* the question that waits for its answer; 0: none */
	enum keymsg_type question;
	uint32_t request, last_request;
	uint64_t asked_ms; /* for the first time: what comes may answer that */
	struct backoff backoff;
	struct wheel_timer retry, rejoin, renew;

	uint64_t lease_ms, lease_until_ms;
	struct member_renewal renewals[MEMBER_RENEWALS];
	unsigned int next_renewal;
	uint64_t hinted_ms;
};

/* member.c: a message to the server: what all have in common, and sending it. */
void
member_begin(const struct member *m, struct keymsg *k, enum keymsg_type type, uint32_t request);
void member_say(struct member *m, const struct keymsg *k);
uint32_t member_next_request(struct member *m);

/* member_lease.c: what joined tells, and lease; and whether a renewal on its way has this number.
 */
void
member_take_lease(struct member *m, const struct keymsg *k, uint64_t asked_ms, uint64_t now_ms);
void member_on_lease(struct member *m, const struct keymsg *k, uint64_t now_ms);
bool member_is_renewal(const struct member *m, uint32_t request);

/* member_ask.c */
void member_ask_for_routes(struct member *m);

#endif
