/*
 * The peers: those of the configuration, and those that were learnt (heard, or sent to in psk
 * mode). The table owns them and their routes; one that was learnt is forgotten when it has been
 * silent, and there are never more than PEER_LEARNT_MAX of them, whatever arrives.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "aead.h"

#define PEER_LEARNT_MAX 1024
#define PEER_LEARNT_EXPIRY_MS (10 * 60 * 1000)
/* When there are PEER_LEARNT_MAX, one that was silent for so long gives way to a new one. */
#define PEER_LEARNT_YIELD_MS (60 * 1000)

struct native_lane;
struct peer_table;

enum peer_wire { PEER_NATIVE, PEER_MQTT_VPN };

/* A peer of the configuration. All borrowed. */
struct peer_spec {
	const char *name;
	enum peer_wire wire;
	const struct addr *addrs; /* at least one; the first is its id on the native wire */
	size_t addr_count;
	const struct prefix *routes;
	size_t route_count;
	const uint8_t *public_key; /* NULL for none */
	bool told;		   /* by a key server: no reload of the configuration changes it */
};

struct peer {
	char *name; /* NULL for one that was learnt */
	enum peer_wire wire;
	struct addr *addrs; /* own addresses of the peer, at least one */
	size_t addr_count;
	struct prefix *routes; /* networks behind it */
	size_t route_count;
	bool has_public_key;
	uint8_t public_key[AEAD_KEY_LEN];
	bool configured; /* or told */
	bool told;
	bool stale;	    /* a reload did not name it again */
	uint64_t learnt_ms; /* when; of one that was learnt */
	uint64_t heard_ms;  /* when its last packet came; 0 for never */
	uint64_t tx_packets, tx_bytes, rx_packets, rx_bytes;
	uint64_t drops;		    /* packets to it and messages from it that were dropped */
	struct native_lane **lanes; /* belong to native, who frees them when told that p goes */
	size_t lane_count;
	struct peer *next;
	struct peer **at; /* where the pointer to it is; of the table alone */
};

struct peer_table *peer_table_new(void);
/* Accepts NULL. Tells nobody that its peers go. */
void peer_table_free(struct peer_table *t);

/*
 * p will be freed, or gets other addresses, another wire or another key right after this call: what
 * was bound to it is to be given up.
 */
typedef void (*peer_gone_fn)(void *arg, struct peer *p);
void peer_table_on_gone(struct peer_table *t, peer_gone_fn gone, void *arg);

/*
 * The networks of our own interface: an address in them is a node of its own, unless it is some
 * peer's address or a peer's route to it is at least as long. Without this a default route through
 * one peer would take its neighbours too. Returns 0, or -1 with ENOMEM.
 */
int peer_table_set_local(struct peer_table *t, const struct prefix *local, size_t count);

/*
 * Makes a peer known, or changes the one of that name; it stays where it is in memory, with its
 * counters. Those that were learnt, from an address that is now its own or behind it, are
 * merged into it. Returns 0; -1 with EEXIST if an address, route or key belongs to another
 * configured peer, or ENOMEM: nothing is changed then.
 */
int peer_table_set(struct peer_table *t, const struct peer_spec *spec);
/*
 * A reload: mark all configured peers stale, set those that remain, then drop the rest; those that
 * were learnt are merged by the last. A stale peer has no routes and no key, so that they may move
 * to another.
 */
void peer_table_mark(struct peer_table *t);
void peer_table_sweep(struct peer_table *t);

/* Drops one that a key server told of. */
void peer_table_remove(struct peer_table *t, struct peer *p);
/* Whether an address, a route or the key of p is in spec, too. */
bool peer_conflicts(const struct peer *p, const struct peer_spec *spec);

/* The peer that a packet to dst goes to, by longest prefix, or NULL. Borrowed; valid until the
 * table is changed, or something was learnt or heard. The same for the two below. */
struct peer *peer_for_destination(const struct peer_table *t, const struct addr *dst);
/* The one with exactly this own address. */
struct peer *peer_by_address(const struct peer_table *t, const struct addr *a);
/* The configured one with this key. */
struct peer *peer_by_key(const struct peer_table *t, const uint8_t key[AEAD_KEY_LEN]);
/* The address of p to which its packets are published: dst if that is one, else one of dst's
 * family, else its first. */
const struct addr *peer_address(const struct peer *p, const struct addr *dst);

/* Enters a peer with this address alone, or finds it. NULL if there is no room, or memory. */
struct peer *
peer_learn(struct peer_table *t, const struct addr *a, enum peer_wire wire, uint64_t now_ms);
/* A packet of len bytes came from p. */
void peer_heard(struct peer *p, size_t len, uint64_t now_ms);
/* When the next one that was learnt expires, or UINT64_MAX; and drops those that have. */
uint64_t peer_table_next_expiry(const struct peer_table *t);
void peer_table_expire(struct peer_table *t, uint64_t now_ms);

/* The list, configured ones first in their order. Borrowed. */
struct peer *peer_first(const struct peer_table *t);

#endif
