/*
 * The key server: who may join which group and for how long, which keys that gives, and what must
 * change when somebody is not to have them any more. A machine without sockets: requests come in as
 * messages of members whose session has proved who they are, answers and changes go out through
 * callbacks, and not before they are in the store. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYSERVER_H
#define KEYSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "keymsg.h"

#define KEYSERVER_BATCH_MS 1000	 /* that a change waits for others, where all must be told of it */
#define KEYSERVER_DELAY_MS 20	 /* and where nobody must */
#define KEYSERVER_NOTICE_MS 1000 /* between the news of a change and its time */

struct keystore;
struct keyserver;
struct wheel;

struct keyserver_group {
	const char *name;
	enum keymsg_method method;
	uint32_t slot_s;  /* slotted */
	uint8_t depth;	  /* slotted */
	uint32_t lease_s; /* so long may a member send without a word from the server */
};

struct keyserver_member {
	const char *name;
	uint8_t public_key[AEAD_KEY_LEN];
	const char *const *groups; /* that it may join */
	size_t group_count;
	const struct prefix *prefixes; /* that it has, and forwards for */
	size_t prefix_count;
	uint64_t longest_s; /* membership */
};

/* Borrowed until the next keyserver_configure() or keyserver_free(). */
struct keyserver_settings {
	const struct keyserver_group *groups;
	size_t group_count;
	const struct keyserver_member *members;
	size_t member_count;
};

struct keyserver_callbacks {
	/* To one member within its session; to all of a group. */
	void (*send)(void *arg, const char *member, const uint8_t *message, size_t len);
	void (*publish)(void *arg, const char *group, const uint8_t *message, size_t len);
	/* The time of day in milliseconds; where it goes back, the server's time runs on. */
	uint64_t (*wall_ms)(void *arg);
	void *arg;
};

/* What wheel, store and callbacks point to is borrowed. Returns NULL with a new string in *error
 * (NULL when memory is short): what is in the store makes no sense, or cannot be read or written.
 */
struct keyserver *keyserver_new(struct wheel *wheel, struct keystore *store,
    const struct keyserver_settings *settings, const struct keyserver_callbacks *callbacks,
    uint64_t now_ms, char **error);
/* Accepts NULL. */
void keyserver_free(struct keyserver *ks);
/* Other settings: who may not be in a group any more is evicted when the wheel runs. Returns 0, or
 * -1 with a new string in *error; the old settings go on then. */
int keyserver_configure(
    struct keyserver *ks, const struct keyserver_settings *settings, uint64_t now_ms, char **error);

/*
 * Right after keyserver_new() with a store that was put back from a backup, and only then: no epoch
 * and no sender id comes twice, though the store does not know which were handed out since. All
 * groups of the store begin with new keys and without members, who join again by themselves. Whom
 * the administrator had put out before the backup stays out; who was put out since then may come
 * back, until he is put out again. Returns 0, or -1 with a new string in *error: keyserver_free()
 * is all that is left then.
 */
int keyserver_recover(struct keyserver *ks, uint64_t now_ms, char **error);

/* A message that came within the session of this member. now_ms is the wheel's time. */
void keyserver_receive(
    struct keyserver *ks, const char *member, const uint8_t *message, size_t len, uint64_t now_ms);
/* Puts a member out of a group, or of all that it may join (NULL), at once; it cannot come back
 * until keyserver_admit(), not even after a restart. Returns the number of groups that this is new
 * to. */
unsigned int
keyserver_evict(struct keyserver *ks, const char *group, const char *member, uint64_t now_ms);
/* It may join again. Returns the number of groups that it had been put out of. */
unsigned int keyserver_admit(struct keyserver *ks, const char *group, const char *member);
/* The way to the members is open: who has missed a change meanwhile hears that there was one. */
void keyserver_announce(struct keyserver *ks);
/* A new epoch without a reason. Returns 0, or -1 if there is no such group. */
int keyserver_rotate(struct keyserver *ks, const char *group, uint64_t now_ms);

/* For people, and for tests. */
struct keyserver_facts {
	enum keymsg_method method;
	uint32_t epoch;
	unsigned int members; /* in it now */
	unsigned int evicted; /* that may not come back */
	uint32_t lease_s;
	uint32_t slot_s, slot; /* slotted: how long one is, and which is now */
	uint8_t depth;
	bool failing; /* its last change could not be kept, see keystore_error() */
	/* A member has shown what the store does not know to be handed out: it is an old one. */
	bool is_outdated;
};
/* Returns 0, or -1 if there is no such group. */
int keyserver_facts(const struct keyserver *ks, const char *group, struct keyserver_facts *facts);
struct keyserver_member_facts {
	bool in, evicted;
	uint64_t left_ms; /* of its time; UINT64_MAX: without an end */
	uint32_t sender;
};
/* Returns 0, or -1 if there is no such group. */
int keyserver_member_facts(const struct keyserver *ks, const char *group, const char *member,
    struct keyserver_member_facts *facts);
/* How far the time of day is behind that of the server, which has told it before and never goes
 * back. */
uint64_t keyserver_lag_ms(const struct keyserver *ks);
/* Our Ed25519 key. Borrowed. */
const uint8_t *keyserver_public(const struct keyserver *ks);

#endif
