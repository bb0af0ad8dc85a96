/*
 * What the files of the key server share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYSERVER_INTERNAL_H
#define KEYSERVER_INTERNAL_H

#include "bucket.h"
#include "keyserver.h"
#include "keystore.h"
#include "keytree.h"
#include "sorted.h"
#include "wheel.h"

#define KEYSERVER_REFUSAL_SLOTS 256
/* So many times as long as the time of day was set back until it has caught up with ours. */
#define KEYSERVER_SLOWER 500
#define KEYSERVER_NO_END (UINT64_MAX >> 1) /* of a membership */

/* A join, a leave or an eviction that waits for the next change. */
struct keyserver_request {
	enum keymsg_type type;
	char member[KEYSTORE_NAME_MAX + 1];
	uint32_t request;
	uint64_t wanted_s;
	uint32_t sender; /* that it still has; 0: none */
	bool has_verify_key;
	uint8_t verify_key[AEAD_KEY_LEN];
	const char *refused; /* why it came to nothing; NULL: it did not */
	const char *reason;  /* of an eviction */
	bool ban;	     /* it must not come back */
};

struct keyserver_claim {
	struct prefix network;
	const struct keyserver_member *member;
};

/* The settings in order, so that nobody is searched for one by one. */
struct keyserver_directory {
	const struct keyserver_member **by_name;
	size_t member_count;
	struct keyserver_claim *claims; /* by network */
	size_t claim_count;
	const struct keyserver_claim **routes; /* those of more than one address, by network */
	size_t route_count;
	bool has_length[128 + 1]; /* there is a claim of so many bits, of either family */
};

struct keyserver_state {
	struct keyserver *ks;
	struct keystore_group kept;
	uint32_t lease_s;
	struct keytree *tree;
	bool loaded;  /* false: it could not be read back, and nobody is served */
	bool failed;  /* something of this change could not be kept */
	bool failing; /* so it was with the last one, and has been logged */
	bool is_outdated;
	/* struct keystore_member, the same in both. until_ms 0: it is out, but its leaf is not free
	 * yet, as it knows the keys above. */
	struct sorted members, by_sender;
	struct sorted bans;	/* names */
	struct sorted requests; /* struct keyserver_request, by member */
	bool renew, at_once;
	uint64_t renewed_ms; /* of our time; since we have run */
	bool announce;	     /* the epoch that it has had before we were started */
	struct wheel_timer batch, expiry;
	uint64_t expires_ms; /* of our time: somebody's membership, or the epoch */
};

struct keyserver {
	struct wheel *wheel;
	struct keystore *store;
	struct keystore_server identity;
	struct keyserver_directory directory;
	struct keyserver_callbacks callbacks;
	struct keyserver_state **groups;
	size_t group_count;
	uint64_t now_ms; /* of the wheel, when something was begun last */
	/* Our time, and the wheel's, when the time of day was ours last. */
	uint64_t anchor_ms, anchor_at_ms;
	/* By member: what it can make us tell people. */
	struct bucket refusals[KEYSERVER_REFUSAL_SLOTS];
	const char *problem; /* with what the store holds, where keystore_error() does not tell */
};

/* keyserver.c. NULL: there is none. */
struct keyserver_state *keyserver_find_group(const struct keyserver *ks, const char *name);
/* keyserver_load.c. Why a group cannot be read, or changed. Borrowed until the next call. */
const char *keyserver_problem(const struct keyserver *ks);

/* keyserver.c. "group home: ...", a new string, or NULL. */
char *keyserver_error_text(const char *kind, const char *name, const char *what);

/* keyserver_group.c. The server's time of day: it never goes back, not even over a restart. And
 * what it is, without a note of it. */
uint64_t keyserver_time(struct keyserver *ks);
uint64_t keyserver_present(const struct keyserver *ks);
/* A change is due when some more may have come together; and at once. */
void keyserver_schedule(struct keyserver_state *g, uint64_t now_ms);
void keyserver_change(struct keyserver_state *g, uint64_t now_ms);
/* Notes that something of the present change failed: rc -1. */
void keyserver_keep(struct keyserver_state *g, int rc);

/* keyserver_lists.c. All of the four that are sorted. */
void keyserver_init_lists(struct keyserver_state *g);
void keyserver_clear_requests(struct keyserver_state *g);
/* Those who are in the group, and who must not be. */
void keyserver_clear_members(struct keyserver_state *g);
/* Who is in it now; NULL: not in it. */
struct keystore_member *keyserver_find(const struct keyserver_state *g, const char *name);
const struct keystore_member *
keyserver_find_by_sender(const struct keyserver_state *g, uint32_t sender);
/* Copies it. Returns the copy, or NULL when memory is short. */
struct keystore_member *
keyserver_insert(struct keyserver_state *g, const struct keystore_member *m);
bool keyserver_is_banned(const struct keyserver_state *g, const char *name);
/* Returns 0, or -1 when memory is short. */
int keyserver_add_ban(struct keyserver_state *g, const char *name);
void keyserver_lift_ban(struct keyserver_state *g, const char *name);
/* Returns 0, or -1 when memory is short. */
int keyserver_enqueue(struct keyserver_state *g, const struct keyserver_request *r);

/* keyserver_directory.c. Borrows the settings. Returns 0, or -1 when memory is short. */
int
keyserver_directory_init(struct keyserver_directory *d, const struct keyserver_settings *settings);
void keyserver_directory_clear(struct keyserver_directory *d);
/* The name of two members, if there is one. */
const char *keyserver_directory_twice(const struct keyserver_directory *d);
const struct keyserver_member *
keyserver_member_settings(const struct keyserver *ks, const char *name);
bool keyserver_may_join(const struct keyserver_member *m, const char *group);
/* Whether all addresses that the message names are this member's; if not, reason (with room for
 * KEYMSG_TEXT_MAX + 1) tells which one is not. */
bool keyserver_owns(const struct keyserver_member *m, const struct keymsg *named, char *reason);
/* The one whose prefix is the longest, as with routes, of those who are in it now. */
const struct keystore_member *
keyserver_find_by_address(const struct keyserver_state *g, const struct addr *a);

/* The one with exactly this network, of those who are in it now. */
const struct keystore_member *
keyserver_find_by_network(const struct keyserver_state *g, const struct prefix *network);
/* The networks behind those who are in it now, but for this one. Returns how many; no more than
 * max. */
size_t keyserver_list_routes(
    const struct keyserver_state *g, const char *except, struct prefix *routes, size_t max);

/* keyserver_load.c. From the store, or new if it is not there. Returns NULL: see keystore_error().
 */
struct keyserver_state *
keyserver_group_new(struct keyserver *ks, const struct keyserver_group *settings);
void keyserver_group_free(struct keyserver_state *g);
/* From now on, and with a new root. */
void keyserver_begin_slots(struct keyserver *ks, struct keystore_group *g);
/* What has not been kept is forgotten. Returns 0 or -1, see keystore_error(). */
int keyserver_load(struct keyserver_state *g);

/* keyserver_answer.c. */
uint64_t keyserver_slot(const struct keyserver_state *g, uint64_t time_ms);
uint64_t keyserver_last_slot(const struct keyserver_state *g);
void keyserver_send(struct keyserver *ks, const char *member, struct keymsg *m);
void keyserver_refuse(struct keyserver *ks, const char *member, const char *group, uint32_t request,
    const char *reason);
void
keyserver_send_joined(struct keyserver_state *g, const struct keystore_member *m, uint32_t request);
void keyserver_send_plain(struct keyserver_state *g, enum keymsg_type type, const char *member,
    uint32_t request, const char *reason);
void keyserver_send_lease(
    struct keyserver_state *g, const struct keystore_member *m, const struct keymsg *asked);
void
keyserver_send_routes(struct keyserver_state *g, const char *member, const struct keymsg *asked);
void keyserver_look_up(struct keyserver_state *g, const char *member, const struct keymsg *asked);
void keyserver_publish(
    struct keyserver_state *g, const struct keytree_wrap *wraps, size_t count, uint64_t from_ms);

#endif
