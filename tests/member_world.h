/*
 * Members in virtual time, and the key server of keyserver_world.h. The broker between them may
 * lose what they say to each other. Whatever a member is told is watched: it ends the test if an
 * epoch has two keys, or a sender id is given for two joins without a word that it is gone on with.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MEMBER_WORLD_H
#define MEMBER_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyserver_world.h"
#include "member.h"

#define MEMBER_WORLD_MAX 4
#define MEMBER_WORLD_SEEN_MAX 256
#define MEMBER_WORLD_JOIN_MS 5000 /* that all need to be in, if nothing is lost */

struct member_world;

struct member_side {
	struct member_world *world;
	const char *name;
	struct member *m;
	bool cut;	      /* the broker keeps all from it that is for all */
	unsigned int to_lose; /* of what it is told and says, the next so many */
	unsigned int joined, fresh, out, entries;
	char reason[KEYMSG_TEXT_MAX + 1];
	struct keymsg entry;
	uint32_t join;	   /* the request that it has joined by last */
	uint32_t has_said; /* the sender id that it named in its last join; 0: none */
};

/* A sender id and the join that it was given for; an epoch of "home" and its key. */
struct member_world_sender {
	uint32_t sender, request;
	const char *name;
};
struct member_world_epoch {
	uint32_t epoch;
	uint8_t key[AEAD_KEY_LEN];
};

struct member_world {
	struct keyserver_world ks;
	struct member_side sides[MEMBER_WORLD_MAX];
	unsigned int asked; /* of the server */
	/* Says it to the server; NULL: to that of ks, if it is started. */
	void (*say)(struct member_world *w, const char *name, const uint8_t *message, size_t len);
	struct member_world_sender senders[MEMBER_WORLD_SEEN_MAX];
	struct member_world_epoch epochs[MEMBER_WORLD_SEEN_MAX];
	size_t sender_count, epoch_count;
};

/* All members are there, and none has joined; the server is not started. */
void member_world_open(struct member_world *w);
void member_world_close(struct member_world *w);

/* Another one in its place. */
void member_world_renew(struct member_side *s, const struct member_params *params);
/* What the server says to one, and to all. */
void
member_world_tell(struct member_world *w, const char *name, const uint8_t *message, size_t len);
void member_world_tell_all(struct member_world *w, const uint8_t *message, size_t len);

/* With the server of ks. */
void member_world_join_all(struct member_world *w);

/* What it would send with now. Returns false if it may not. */
bool member_world_can_send(const struct member_world *w, size_t i, uint32_t *epoch, uint32_t *slot,
    uint8_t key[AEAD_KEY_LEN]);
bool member_world_can_read(const struct member_world *w, size_t reader, size_t sender);
void member_world_expect_all_read(const struct member_world *w);

#endif
