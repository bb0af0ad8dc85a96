/*
 * The path of a packet, both ways: from the tunnel to the broker (look up, seal, publish), and from
 * the broker to the tunnel (open, check, write). What is dropped is counted with its reason.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef DATAPLANE_H
#define DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "compat.h"

#define DATAPLANE_HEADROOM COMPAT_OVERHEAD
#define DATAPLANE_TOKEN_LEN 16

struct dataplane;
struct link_message;
struct peer_table;
struct stats;

struct dataplane_callbacks {
	/* Returns 0, or -1 with errno: ENOTCONN, EMSGSIZE. */
	int (*publish)(void *arg, const char *topic, const void *message, size_t len);
	/* Whether delivery is proven; without it packets are dropped. */
	bool (*connected)(void *arg);
	/* Writes to the tunnel. Returns 0, or -1 with errno. */
	int (*deliver)(void *arg, const uint8_t *packet, size_t len);
	/* A probe came back, ours or that of a node with our address. */
	void (*probe)(void *arg, const uint8_t token[DATAPLANE_TOKEN_LEN]);
	void *arg;
};

struct dataplane_params {
	const struct prefix *addrs; /* of the interface; at least one */
	size_t addr_count;
	size_t mtu;
	const char *topic_prefix;
	const char *password; /* NULL: packets travel bare */
	struct peer_table *peers;
	struct stats *stats;
};

/* Copies what it needs of params, except for peers and stats, which are borrowed. Returns NULL when
 * memory is short. */
struct dataplane *
dataplane_new(const struct dataplane_params *params, const struct dataplane_callbacks *callbacks);
/* Wipes the key. Accepts NULL. */
void dataplane_free(struct dataplane *d);

/* A packet from the tunnel, DATAPLANE_HEADROOM bytes into buf. It is sealed in place. */
void dataplane_send(struct dataplane *d, uint8_t *buf, size_t len);
/* A message from the broker, at now_ms. */
void dataplane_receive(struct dataplane *d, const struct link_message *m, uint64_t now_ms);
/*
 * Publishes a probe to our own topic: an IP packet from our first address to itself, protocol 253
 * (RFC 3692), with the token. To the nodes of the wire it is a packet like any other. Returns as
 * publish() does.
 */
int dataplane_probe(struct dataplane *d, const uint8_t token[DATAPLANE_TOKEN_LEN]);

#endif
