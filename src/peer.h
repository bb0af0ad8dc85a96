/*
 * The peers: those of the configuration, and those that were only heard. The table owns them and
 * their routes; one that was only heard is forgotten when it has been silent, and there are never
 * more than PEER_HEARD_MAX of them, whatever arrives.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define PEER_HEARD_MAX 256
#define PEER_HEARD_EXPIRY_MS (10 * 60 * 1000)
/* When there are PEER_HEARD_MAX, one that was silent for so long gives way to a new one. */
#define PEER_HEARD_YIELD_MS (60 * 1000)

struct peer_table;

struct peer {
	char *name;	    /* NULL for one that was only heard */
	struct addr *addrs; /* own addresses of the peer, at least one */
	size_t addr_count;
	struct prefix *routes; /* networks behind it */
	size_t route_count;
	bool configured;
	bool stale;	   /* a reload did not name it again */
	uint64_t heard_ms; /* when its last packet came; 0 for never */
	uint64_t tx_packets, tx_bytes, rx_packets, rx_bytes;
	struct peer *next;
};

struct peer_table *peer_table_new(void);
/* Accepts NULL. */
void peer_table_free(struct peer_table *t);

/*
 * The networks of our own interface: an address in them is a node of its own, unless it is some
 * peer's address or a peer's route to it is at least as long. Without this a default route through
 * one peer would take its neighbours too. Returns 0, or -1 with ENOMEM.
 */
int peer_table_set_local(struct peer_table *t, const struct prefix *local, size_t count);

/*
 * Makes name known with copies of these addresses (at least one) and routes, or changes it to them
 * while its counters stay. Those that were only heard, from an address that is now its own or
 * behind it, are merged into it. Returns 0; -1 with EEXIST if an address or route belongs to
 * another configured peer, or ENOMEM: nothing is changed then.
 */
int peer_table_set(struct peer_table *t, const char *name, const struct addr *addrs,
    size_t addr_count, const struct prefix *routes, size_t route_count);
/*
 * A reload: mark all configured peers stale, set those that remain, then drop the rest. A stale
 * peer has no routes, so that its addresses may move to another.
 */
void peer_table_mark(struct peer_table *t);
void peer_table_sweep(struct peer_table *t);

/* The peer that a packet to dst goes to, by longest prefix, or NULL. Borrowed; valid until the
 * table is changed or a packet was heard. */
struct peer *peer_for_destination(const struct peer_table *t, const struct addr *dst);
/* The address of p to which its packets are published: dst if that is one, else one of dst's
 * family, else its first. */
const struct addr *peer_address(const struct peer *p, const struct addr *dst);

/*
 * A packet of len bytes from src came in: counts it for the peer that src is or is behind; if there
 * is none, src is learnt as a new one, where there is room.
 */
void peer_heard(struct peer_table *t, const struct addr *src, size_t len, uint64_t now_ms);
/* When the next one that was only heard expires, or UINT64_MAX; and drops those that have. */
uint64_t peer_table_next_expiry(const struct peer_table *t);
void peer_table_expire(struct peer_table *t, uint64_t now_ms);

/* The list, configured ones first in their order. Borrowed. */
const struct peer *peer_first(const struct peer_table *t);

#endif
