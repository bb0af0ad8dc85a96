/*
 * What the key server must not forget: one SQLite file with its identity, the groups, who is a
 * member, and the trees of keys. What is to be kept together is written between begin and commit;
 * after commit it is on the disk.
 *
 * A store belongs to one process at a time. All errors are texts that name the file.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYSTORE_H
#define KEYSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "keytree.h"

#define KEYSTORE_NAME_MAX 64

struct keystore;

struct keystore_server {
	uint8_t sign_public[AEAD_KEY_LEN], sign_secret[AEAD_SIGN_SECRET_LEN];
	uint64_t clock_ms; /* the latest time that the server has told anybody */
};

struct keystore_group {
	char name[KEYSTORE_NAME_MAX + 1];
	uint8_t method; /* enum keymsg_method */
	uint32_t epoch, next_sender;
	uint64_t slots_begin_ms;
	uint32_t slot_s; /* these two are those of the tree, whatever the settings say later */
	uint8_t slots_depth;
	uint8_t slots_root[AEAD_KEY_LEN];
	uint64_t slots_known_ms; /* somebody who is out has slots until then */
};

struct keystore_member {
	char group[KEYSTORE_NAME_MAX + 1], name[KEYSTORE_NAME_MAX + 1];
	uint32_t leaf, sender;
	uint32_t request; /* of the join that gave these */
	uint64_t until_ms;
	uint8_t public_key[AEAD_KEY_LEN]; /* that it had when it joined */
	bool has_verify_key;		  /* it signs what it sends to all */
	uint8_t verify_key[AEAD_KEY_LEN];
};

/*
 * Opens the store, or makes a new one with mode 0600 and a new identity. Returns NULL with a new
 * string in *error (NULL when memory is short): it cannot be read or written, is no store of ours,
 * of a newer version, damaged, readable by others, or in use.
 */
struct keystore *keystore_open(const char *file, char **error);
/* Undoes what was not committed. Accepts NULL. */
void keystore_close(struct keystore *s);
/* What went wrong last, for people: "FILE: ...". Borrowed until the next call. */
const char *keystore_error(const struct keystore *s);

/* All of these return 0, or -1: see keystore_error(). After a failure only keystore_rollback() and
 * keystore_close() make sense until the next begin. */
int keystore_begin(struct keystore *s);
int keystore_commit(struct keystore *s);
void keystore_rollback(struct keystore *s);

int keystore_get_server(struct keystore *s, struct keystore_server *server);
int keystore_put_clock(struct keystore *s, uint64_t clock_ms);
int keystore_put_group(struct keystore *s, const struct keystore_group *g);
/* Without members and without its tree; who must not join is kept. */
int keystore_clear_group(struct keystore *s, const char *name);
/* With its members and its tree. */
int keystore_delete_group(struct keystore *s, const char *name);
int keystore_put_member(struct keystore *s, const struct keystore_member *m);
int keystore_delete_member(struct keystore *s, const char *group, const char *name);
/* Who must not join again, whether it is a member or not. */
int keystore_put_ban(struct keystore *s, const char *group, const char *name);
int keystore_delete_ban(struct keystore *s, const char *group, const char *name);
/* key NULL: the node is gone. */
int keystore_put_node(
    struct keystore *s, const char *group, struct keytree_node node, const uint8_t *key);

/* Call back for each; what they give is borrowed until they return. They end with -1 as soon as a
 * callback returns -1. */
int keystore_each_group(
    struct keystore *s, int (*each)(void *arg, const struct keystore_group *g), void *arg);
int keystore_each_member(struct keystore *s, const char *group,
    int (*each)(void *arg, const struct keystore_member *m), void *arg);
int keystore_each_ban(
    struct keystore *s, const char *group, int (*each)(void *arg, const char *name), void *arg);
int keystore_each_node(struct keystore *s, const char *group,
    int (*each)(void *arg, struct keytree_node node, const uint8_t key[AEAD_KEY_LEN]), void *arg);

#endif
