/*
 * The key server's tree of keys (logical key hierarchy, RFC 2627, 5.4): each member is a leaf and
 * knows the keys from there to the root; the group's key follows from the root's. Whoever leaves
 * has known as many keys as the tree is high, and so many are made anew, each sealed under the ones
 * below it: one message tells all who stay. Pure; what changes goes out through a callback, to be
 * kept. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYTREE_H
#define KEYTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"

#define KEYTREE_HEIGHT_MAX 16
#define KEYTREE_LEAVES_MAX (UINT32_C(1) << KEYTREE_HEIGHT_MAX)
#define KEYTREE_SEALED_LEN (AEAD_KEY_LEN + AEAD_TAG_LEN)

struct keytree_node {
	uint8_t level;	/* 0: a leaf */
	uint32_t index; /* among those of its level */
};

/* What makes the new key of node from its old one, sealed under the key of one of its children. */
struct keytree_wrap {
	struct keytree_node node;
	uint32_t child; /* index, one level below */
	uint8_t sealed[KEYTREE_SEALED_LEN];
};

/* The keys from a leaf to the root, as its member has them. Zeroed: none. */
struct keytree_path {
	uint32_t leaf;
	unsigned int height; /* keys[height] is the root's */
	uint8_t keys[KEYTREE_HEIGHT_MAX + 1][AEAD_KEY_LEN];
};

struct keytree;

/* A node has a new key, or none any more (NULL). */
typedef void (*keytree_changed)(void *arg, struct keytree_node node, const uint8_t *key);

/* An empty tree. Returns NULL when memory is short. */
struct keytree *keytree_new(keytree_changed changed, void *arg);
/* Wipes it. Accepts NULL. */
void keytree_free(struct keytree *t);
/* A node as it was kept, before anything else is done with the tree. Returns 0, or -1 with errno:
 * EINVAL if there can be no such node, ENOMEM. */
int keytree_restore(struct keytree *t, struct keytree_node node, const uint8_t key[AEAD_KEY_LEN]);

/* Whether what was restored is a tree: nothing but the root is without a parent. */
bool keytree_is_whole(const struct keytree *t);

uint32_t keytree_count(const struct keytree *t); /* of leaves that are taken */
unsigned int keytree_height(const struct keytree *t);
bool keytree_has(const struct keytree *t, uint32_t leaf);

/*
 * Takes a free leaf. The others' keys stay as they are: the newcomer gets those, and where the tree
 * had to grow the new root has the key of the old one. Returns 0 with the leaf, or -1 with errno:
 * ENOSPC when the tree is full, ENOMEM; nothing has changed then.
 */
int keytree_add(struct keytree *t, uint32_t *leaf);
/* Frees a leaf. Its member knows all keys above until keytree_renew(). */
void keytree_remove(struct keytree *t, uint32_t leaf);
/* Whoever was or is at this leaf must not know what is above it after keytree_renew(). */
void keytree_mark(struct keytree *t, uint32_t leaf);
/* The newcomer at this leaf is given what keytree_path() tells after the next keytree_renew(), for
 * which nothing is sealed for it then. */
void keytree_leave_out(struct keytree *t, uint32_t leaf);
/*
 * New keys for the root and for all that is above a leaf that was removed or marked. What makes
 * each from the one before is sealed under the present keys of its children, with the epoch as the
 * nonce: no epoch may be used twice. Not under those below which there are only newcomers who were
 * left out. Returns 0 with a new array in *wraps, from the leaves to the root, and its length; -1
 * with ENOMEM, nothing has changed then.
 */
int keytree_renew(struct keytree *t, uint32_t epoch, struct keytree_wrap **wraps, size_t *count);
/* What the member at a leaf knows. */
void keytree_path(const struct keytree *t, uint32_t leaf, struct keytree_path *path);

/* The member's side: whether it needs this one. */
bool keytree_concerns(const struct keytree_path *path, const struct keytree_wrap *w);
/*
 * Follows what keytree_renew() gave for this epoch, from the path as it was before: after each
 * renewal in its order. Returns 0; -1 if the new
 * root cannot be reached: from keys that we do not have, or as we have been left out. The path is
 * as before then.
 */
int keytree_follow(
    struct keytree_path *path, uint32_t epoch, const struct keytree_wrap *wraps, size_t count);

#endif
