/*
 * A member of a group as the key server sees it: it joins, and joins again before its time is over,
 * follows each change of the key, asks where it missed one, renews its lease, and leaves. A machine
 * without sockets: what it says goes out through a callback, and only within a session with the
 * server. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MEMBER_H
#define MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "groupkey.h"
#include "keymsg.h"

/* Longer than the server lets a join or a leave wait for others: it would be asked twice. */
#define MEMBER_RETRY_MIN_MS 3000
#define MEMBER_RETRY_MAX_MS 60000
#define MEMBER_LEASE_PARTS 3 /* it is renewed so often within its time */
#define MEMBER_LEASE_RETRY_MS 1000
#define MEMBER_HINT_MS 1000 /* between questions that strange messages may cause */

struct member;
struct wheel;

enum member_state {
	MEMBER_OUT,	/* stopped, or put out */
	MEMBER_JOINING, /* not in yet */
	MEMBER_IN,
	MEMBER_LEAVING,
};

struct member_params {
	struct wheel *wheel; /* borrowed; its times are of a clock that runs on in standby */
	const char *group;   /* copied */
	uint64_t wanted_s;   /* of membership; 0: as much as there is */
	/* Copied; Ed25519, by which the others verify what we send to all. NULL: we do not sign. */
	const uint8_t *verify_key;
	/* Copied; KEYMSG_PREFIXES_MAX at most. Our addresses, as hosts, and what we forward for:
	 * the server does not let us in if one is not ours. */
	const struct prefix *prefixes;
	size_t prefix_count;
};

struct member_callbacks {
	/* To the key server; may get lost. */
	void (*send)(void *arg, const uint8_t *message, size_t len);
	/* In, with a sender id: another than before, if fresh. */
	void (*joined)(void *arg, bool fresh);
	/* Out, or not let in (tried again then), for this reason; or, once it has left, without. */
	void (*out)(void *arg, const char *reason);
	/* An answer to member_look_up(): m->type is KEYMSG_ENTRY or KEYMSG_REFUSED. */
	void (*entry)(void *arg, const struct keymsg *m);
	/* The networks behind other members, anew with each lease; m->type is KEYMSG_ROUTES. NULL:
	 * they are not asked for. */
	void (*routes)(void *arg, const struct keymsg *m);
	/* Keys that are over are wiped, a few times within a lease; what was derived of them should
	 * be, too. May be NULL. */
	void (*forgot)(void *arg);
	void *arg;
};

/* Returns NULL when memory is short. */
struct member *
member_new(const struct member_params *params, const struct member_callbacks *callbacks);
/* Without a word to the server: member_leave() says one. Accepts NULL. */
void member_free(struct member *m);

void member_join(struct member *m, uint64_t now_ms);
void member_leave(struct member *m, uint64_t now_ms);
/* The way to the server is open again: what waits is tried at once. */
void member_retry(struct member *m, uint64_t now_ms);

/* What the server said within its session; and what it published for all. */
void member_receive(struct member *m, const uint8_t *message, size_t len, uint64_t now_ms);
void member_follow(struct member *m, const uint8_t *message, size_t len, uint64_t now_ms);
/* Somebody uses a newer epoch than we have, or says so: asks the server. */
void member_saw_ahead(struct member *m, uint64_t now_ms);
/* Asks who has an address, or (NULL) a sender id. */
void member_look_up(struct member *m, const struct addr *a, uint32_t sender);
/* Asks who has exactly this network. */
void member_look_up_route(struct member *m, const struct prefix *network);

enum member_state member_state(const struct member *m);
uint32_t member_sender(const struct member *m); /* our id; 0: none */
/* The Ed25519 key that the server signs with; zeros before we have joined. Borrowed. Another one is
 * another server, whose numbers have begun anew. */
const uint8_t *member_server_key(const struct member *m);
/* The keys, and the server's time now, for the functions of groupkey. Borrowed. */
const struct groupkey *member_keys(const struct member *m);
uint64_t member_time(const struct member *m, uint64_t now_ms);
/* False when the server has not renewed the lease in time, or our slots are over. Nothing may be
 * sent then. */
bool member_may_send(const struct member *m, uint64_t now_ms);
uint64_t member_lease_until(const struct member *m); /* of our clock; 0: there is none */

#endif
