/*
 * The native wire as one object: it takes packets for peers and messages from the broker, and gives
 * out messages for topics and packets from authenticated peers. The path down is native_send.c, the
 * path up native_receive.c.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NATIVE_H
#define NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "channel.h"
#include "frame.h"
#include "network.h"
#include "notice.h"

struct link_message;
struct native;
struct peer;
struct peer_table;

struct native_callbacks {
	/* Returns 0, or -1 with errno: ENOTCONN, EMSGSIZE. */
	int (*publish)(void *arg, const char *topic, const void *message, size_t len);
	/* A packet whose header and source have been checked. */
	void (*deliver)(void *arg, const uint8_t *packet, size_t len);
	/* A probe came back, ours or that of a node with our address. */
	void (*probe)(void *arg, const uint8_t token[NOTICE_TOKEN_LEN]);
	void *arg;
};

struct native_params {
	const struct network *network; /* borrowed, as wheel, peers and stats are */
	struct wheel *wheel;
	struct peer_table *peers;
	struct stats *stats;
	const char *name;	    /* of this node, told to peers; copied */
	const struct prefix *addrs; /* of the interface; copied */
	size_t addr_count;
	enum frame_padding padding;
	uint32_t rekey_ms;
};

/* Becomes the one whom peers tells of peers that go. Returns NULL when memory is short. */
struct native *native_new(const struct native_params *params, const struct native_callbacks *cb);
/* Accepts NULL. */
void native_free(struct native *n);

/* The addresses that we receive for others, beside our own; copied. Returns 0 or -1. */
int native_set_forwards(struct native *n, const struct addr *forwards, size_t count);
/* Our ids: own addresses, then forwards; and the topics of their messages. */
const struct network_id *native_id(const struct native *n, size_t i); /* NULL behind the last */

/* The way to the broker is open, and takes messages of so many bytes. */
void native_up(struct native *n, size_t max_message, uint64_t now_ms);
/* Tells the peers that we go. */
void native_goodbye(struct native *n, uint64_t now_ms);

/* A checked packet for peer, or for whoever has dst when that is NULL. It may wait for others in a
 * batch, until native_flush(), which must come before time goes on or a message is received. */
void native_send(struct native *n, struct peer *peer, const struct addr *src,
    const struct addr *dst, const uint8_t *packet, size_t len, uint64_t now_ms);
void native_flush(struct native *n);
/* A checked packet for all who listen. */
void native_broadcast(
    struct native *n, const struct addr *src, const uint8_t *packet, size_t len, uint64_t now_ms);
/* To ourselves, to see whether the broker delivers. Returns as publish() does. */
int native_probe(struct native *n, const uint8_t token[NOTICE_TOKEN_LEN]);

/* A message of the broker. Returns false if its topic is none of this wire. */
bool native_receive(struct native *n, const struct link_message *m, uint64_t now_ms);

/* The best of p's channels; state CHANNEL_IDLE when it has none. */
void native_peer_facts(const struct peer *p, struct channel_facts *f);

#endif
