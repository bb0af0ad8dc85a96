/*
 * What the key server tells all members of a group when its key changes: the new keys of the tree,
 * each sealed under those below it, and the time from which on they count. Signed, and in as many
 * parts as it needs. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef REKEY_H
#define REKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "keytree.h"

#define REKEY_WRAP_LEN (1 + 4 + KEYTREE_SEALED_LEN)
#define REKEY_PART_WRAPS 1000 /* in a part, at most */
#define REKEY_PARTS_MAX 256
#define REKEY_PART_MAX (64 * 1024)

/* Of a part. */
struct rekey {
	uint32_t epoch;
	uint16_t part, parts; /* part counts from 0 */
	uint64_t from_ms;     /* server's time */
	size_t count;	      /* of wraps in this part */
	const uint8_t *wraps; /* as they came; borrowed */
};

/*
 * Writes part r->part of a change for the group with this name; r->wraps is not read. The wraps are
 * all of the change, from which those of the part are taken. out has REKEY_PART_MAX bytes; returns
 * the length.
 */
size_t rekey_write(const struct rekey *r, const char *group, const struct keytree_wrap *wraps,
    size_t count, const uint8_t sign_key[AEAD_SIGN_SECRET_LEN], uint8_t *out);
/* The parts that so many wraps need: one at least. */
uint16_t rekey_parts(size_t count);

enum rekey_error {
	REKEY_MALFORMED = -1,
	REKEY_FORGED = -2, /* not of this server, or for another group */
};

/* Opens a part. Returns 0 or a negative enum rekey_error. */
int rekey_open(struct rekey *r, const char *group, const uint8_t server_key[AEAD_KEY_LEN],
    const uint8_t *data, size_t len);

/* What a member has of a change so far: those wraps that are on its path. Zeroed: nothing. */
struct rekey_collection {
	uint32_t epoch;
	uint64_t from_ms;
	uint16_t parts, left;
	bool has[REKEY_PARTS_MAX];
	struct keytree_wrap wraps[KEYTREE_HEIGHT_MAX];
	size_t count;
};

/* Adds a part; one of a newer epoch begins anew, and so does one of the same that was told later;
 * one of an older is left aside. Returns true when all have come: then keytree_follow() can be
 * asked. */
bool
rekey_collect(struct rekey_collection *c, const struct rekey *r, const struct keytree_path *path);

#endif
