/*
 * Whole nodes of the native wire, a broker and a clock in memory. The test sees each message before
 * the broker has it, and may keep, change, drop or repeat it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NATIVE_WORLD_H
#define NATIVE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "dataplane.h"
#include "frame.h"
#include "groupwire.h"
#include "native.h"
#include "network.h"
#include "packet.h"
#include "peer.h"
#include "stats.h"
#include "wheel.h"

#define WORLD_NODES_MAX 4
#define WORLD_ADDRS 2 /* of each node: 10.9.0.<number + 1>, then fd09::<number + 1> */
#define WORLD_REKEY_MS CHANNEL_REKEY_MS

/* A published message. */
struct world_message {
	struct world_message *next;
	int from; /* number of the node that published it; -1: the test */
	int qos;
	bool retain;
	char topic[NETWORK_TOPIC_MAX];
	size_t len;
	uint8_t bytes[];
};

/* What a member asks the key server. */
struct world_question {
	struct world_question *next;
	size_t len;
	uint8_t bytes[];
};

/* A key server of the simplest kind: it lets everybody in, and answers at once. */
struct world_server {
	uint32_t epoch, next_sender;
	uint64_t lease_s, granted_s; /* granted_s 0: for ever */
	bool is_silent;
	uint8_t key; /* first byte of the one that it signs with */
	unsigned int look_ups;
};

/* A packet that a node has given to its tunnel. */
struct world_packet {
	struct world_packet *next;
	struct packet_offload offload; /* what was left to do on it */
	size_t len;
	uint8_t bytes[];
};

struct world_node {
	struct world *world;
	int number;
	struct prefix addrs[WORLD_ADDRS];
	struct network network;
	struct peer_table *peers;
	struct wheel *wheel;
	struct packet_pool *pool;
	struct dataplane *dataplane;
	struct native *native; /* that of dataplane; NULL while the node is stopped */
	/* In a group; sender is what the key server gave to it last, 0 if it put it out. */
	struct member *member;
	struct groupwire_self self;
	struct world_question *questions;
	uint32_t sender;
	bool is_out;
	size_t routes; /* how often the roster changed */
	bool ready;    /* it has said so since its last world_transmit() */
	bool cut;      /* nothing goes from or to it; publishing fails with ENOTCONN */
	/* Since world_open(); starts go on counting. */
	struct stats stats;
	size_t published, delivered, probes;
	uint8_t token[NOTICE_TOKEN_LEN]; /* of the last probe */
	struct world_packet *packets;	 /* the last first */
};

/* Zeros mean what most tests want. */
struct world_params {
	enum network_mode mode;
	int nodes; /* 0: two */
	bool plain_topics;
	bool configured; /* psk: the nodes have each other in their configurations; else learn */
	enum frame_padding padding;
	bool featureless; /* no node takes more than packets, or reports what it received */
	uint32_t rekey_ms;
	struct {
		const char *network; /* "test" */
		const char *prefix;  /* "mv" */
		uint8_t secret;	     /* first byte of it */
	} node[WORLD_NODES_MAX];
};

struct world {
	struct world_params params;
	uint64_t now_ms;
	int count;
	struct world_node node[WORLD_NODES_MAX];
	struct world_server server;
	struct world_message *queue; /* published, with the broker; the oldest first */
	/* Sees each message as it is published, and may change it; false: it is lost. NULL: all
	 * go. */
	bool (*tap)(void *arg, struct world_message *m);
	void *tap_arg;
};

/* All nodes run then, know no session, and the queue is empty. */
void world_open(struct world *w, const struct world_params *params);
void world_close(struct world *w);

/* As after a crash: without a word. What its address is and the counters stay. */
void world_stop(struct world_node *n);
void world_start(struct world_node *n);
/* The other is taken out of n's configuration, as by a reload. */
void world_forget(struct world_node *n, const struct world_node *other);

/* In a group: a new epoch, which members learn of when they ask; and one whom the server does not
 * answer any more. */
void world_renew(struct world *w);
void world_evict(struct world_node *n);
/* n hears of the present epoch. */
void world_catch_up(struct world_node *n);
/* What the key server says of other now. */
struct keymsg;
void world_make_entry(const struct world_node *other, struct keymsg *m);

/* Of the node's first address. */
const struct addr *world_addr(const struct world_node *n);
/* A packet with this text; returns its length. The buffer has 256 bytes. */
size_t
world_packet(uint8_t *packet, const struct addr *src, const struct addr *dst, const char *text);
/* A packet from the node's tunnel is on its way, or waits for a session. */
void world_send(struct world_node *from, const struct world_node *to, const char *text);
/* The same to 255.255.255.255. */
void world_send_to_all(struct world_node *from, const char *text);
/* Any packet, unchecked: straight into the native wire. */
void world_send_raw(
    struct world_node *from, const struct world_node *to, const uint8_t *packet, size_t len);
/* A copy of a packet, of the node's pool. */
struct packet *world_take_packet(struct world_node *n, const uint8_t *packet, size_t len);
/* The node sends all that waits and may go. */
void world_transmit(struct world_node *n);
/* How often a packet with this text was delivered. */
size_t world_got(const struct world_node *n, const char *text);
/* A packet there and one back, and nothing else: each is delivered once. */
bool world_passes(struct world *w, struct world_node *a, struct world_node *b);

/* The broker gives out all that it has, and what is published in answer. */
void world_settle(struct world *w);
/* The same while time passes, and with it the nodes' timers. */
void world_pass(struct world *w, uint64_t ms);
/* Takes the oldest out of the queue, to be freed; NULL when it is empty. */
struct world_message *world_take(struct world *w);
/* The first in the queue of this type, still there; or NULL. */
struct world_message *world_find(const struct world *w, enum frame_type type);
struct world_message *world_copy(const struct world_message *m);
struct world_message *world_make(const char *topic, const void *bytes, size_t len);
/* The queue gets a copy at its end, past the tap. */
void world_publish(struct world *w, const struct world_message *m);
/* What the broker does when n is subscribed to the message's topic: a node gets it, and what it
 * answers stays in the queue. */
void world_give(struct world_node *n, const struct world_message *m);

/* native_world_group.c: for native_world.c. world_answer() gives the answers to what n has asked;
 * returns whether there were any. */
void world_make_member(struct world_node *n);
void world_free_member(struct world_node *n);
bool world_answer(struct world_node *n);

#endif
