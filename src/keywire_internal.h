/*
 * What the files of keywire share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYWIRE_INTERNAL_H
#define KEYWIRE_INTERNAL_H

#include "bucket.h"
#include "keywire.h"
#include "seen.h"

/* Somebody with whom we have, had, or try to have a session. */
struct keywire_end {
	uint8_t public_key[AEAD_KEY_LEN];
	struct channel *channel;
	struct bucket requests; /* that the server takes of it */
	struct keywire_end *next;
};

struct keywire {
	struct keywire_callbacks cb;
	struct channel_shared shared;
	struct network_id own, server; /* server: of a member */
	bool is_server;
	uint8_t server_key[AEAD_KEY_LEN];
	char group_part[NETWORK_PART_MAX]; /* of a member */
	struct keywire_end **ends;	   /* chains, by the first bytes of their control address */
	size_t chain_count;
	struct bucket handshakes, notices;
	struct bucket *first_messages, *answers; /* by the sender's part in the topic */
	size_t bucket_count;			 /* of each */
	struct seen seen_first, seen_notices;
};

/* keywire.c */
struct keywire_end *keywire_find(const struct keywire *w, const struct addr *a);
/* Finds it, or makes it. Returns NULL when memory is short. */
struct keywire_end *keywire_end(struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN]);
int keywire_notice(struct keywire *w, const struct notice *v, const char *to);

#endif
