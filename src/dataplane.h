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
#include <sys/uio.h>

#include "addr.h"
#include "compat.h"
#include "frame.h"

/* What may wait for the link, in bytes of memory. */
#define DATAPLANE_QUEUE_MAX (8 * 1024 * 1024)
#define DATAPLANE_TOKEN_LEN 16

struct aead_cipher;
struct dataplane;
struct groupwire_self;
struct link_message;
struct member;
struct native;
struct network;
struct packet;
struct packet_offload;
struct packet_pool;
struct peer_table;
struct stats;
struct wheel;

struct dataplane_callbacks {
	/* Returns 0, or -1 with errno: ENOTCONN, EMSGSIZE. */
	int (*publish)(void *arg, const char *topic, const void *message, size_t len);
	/* Whether delivery is proven; without it packets are dropped. */
	bool (*connected)(void *arg);
	/* Writes a packet to the tunnel, in count pieces of memory; offload tells what is left to
	 * do on it. Returns 0, or -1 with errno. */
	int (*deliver)(
	    void *arg, const struct packet_offload *offload, const struct iovec *iov, int count);
	/* A probe came back, ours or that of a node with our address. */
	void (*probe)(void *arg, const uint8_t token[DATAPLANE_TOKEN_LEN]);
	/* dataplane_transmit() and dataplane_answer() have something to do that they had not
	 * before. They are not to be called from in here. */
	void (*ready)(void *arg);
	/* In a group: peers have come, gone, or have other networks behind them. */
	void (*roster)(void *arg);
	/* A clock that does not go back. */
	uint64_t (*clock_us)(void *arg);
	void *arg;
};

struct dataplane_params {
	const struct prefix *addrs; /* of the interface; at least one */
	size_t addr_count;
	size_t mtu;
	struct peer_table *peers;
	struct stats *stats;
	struct packet_pool *pool;
	/* The wire of MQTT_VPN. */
	const char *topic_prefix;
	const char *password; /* NULL: packets travel bare */
	/* The native wire; network NULL: there is only that of MQTT_VPN, for all. */
	const struct network *network;
	struct wheel *wheel;
	struct aead_cipher *cipher; /* NULL: any will do */
	const char *name;
	enum frame_padding padding;
	uint32_t rekey_ms;
	/* In a group, else member is NULL; borrowed. */
	struct member *member;
	struct groupwire_self *self;
};

/* Copies what it needs of params, except for what is there by pointer alone: peers, stats, pool,
 * network, wheel and cipher are borrowed.
 * Returns NULL when memory is short. */
struct dataplane *
dataplane_new(const struct dataplane_params *params, const struct dataplane_callbacks *callbacks);
/* Wipes the keys. Accepts NULL. */
void dataplane_free(struct dataplane *d);
/* The native wire, or NULL without it. Borrowed. */
struct native *dataplane_native(const struct dataplane *d);
/* Beside the native wire: there are peers of MQTT_VPN's wire, so that it is used too. */
void dataplane_use_old_wire(struct dataplane *d, bool use);
/* Another password for these peers, or none. */
void dataplane_set_password(struct dataplane *d, const char *password);
bool dataplane_uses_old_wire(const struct dataplane *d);

/* A packet from the tunnel, which is taken over. It waits in the fair queue. */
void dataplane_send(struct dataplane *d, struct packet *p, uint64_t now_ms);
/* Sends one message of what waits; only when the link takes it. Returns false if there is nothing
 * to send now. */
bool dataplane_transmit(struct dataplane *d, uint64_t now_ms);
/* Tells those who asked what was received, unless the messages since then did. */
void dataplane_answer(struct dataplane *d, uint64_t now_ms);
/* What waits. */
size_t dataplane_waiting(const struct dataplane *d);
/* A message from the broker, at now_ms. */
void dataplane_receive(struct dataplane *d, const struct link_message *m, uint64_t now_ms);
/*
 * Publishes a probe with the token to our own topic. On the native wire it is a notice; on that of
 * MQTT_VPN a packet like any other: from our first address to itself, protocol 253 (RFC 3692).
 * Returns as publish() does.
 */
int dataplane_probe(struct dataplane *d, const uint8_t token[DATAPLANE_TOKEN_LEN]);

#endif
