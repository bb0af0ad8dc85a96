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

#include <sys/uio.h>

#include "addr.h"
#include "channel.h"
#include "frame.h"
#include "network.h"
#include "notice.h"

struct aead_cipher;
struct fq;
struct fq_class;
struct groupwire_self;
struct keymsg;
struct link_message;
struct member;
struct native;
struct packet;
struct packet_offload;
struct packet_pool;
struct peer;
struct peer_table;

struct native_callbacks {
	/* Returns 0, or -1 with errno: ENOTCONN, EMSGSIZE. */
	int (*publish)(void *arg, const char *topic, const void *message, size_t len);
	/* A packet of len bytes whose header and source have been checked, in count pieces of
	 * memory; offload tells what is left to do on it. */
	void (*deliver)(void *arg, const struct packet_offload *offload, const struct iovec *iov,
	    int count, size_t len);
	/* A probe came back, ours or that of a node with our address. */
	void (*probe)(void *arg, const uint8_t token[NOTICE_TOKEN_LEN]);
	/* There is something to send that was not to be sent before: see native_transmit() and
	 * native_answer(), which are not to be called from in here. */
	void (*ready)(void *arg);
	/* In a group: peers have come, gone, or have other networks behind them. */
	void (*roster)(void *arg);
	/* A clock that does not go back. */
	uint64_t (*clock_us)(void *arg);
	void *arg;
};

struct native_params {
	const struct network *network; /* borrowed, as the next six are */
	struct wheel *wheel;
	struct peer_table *peers;
	struct stats *stats;
	struct fq *fq; /* its classes' owners are told apart by native_transmit()'s caller */
	struct packet_pool *pool;
	struct aead_cipher *cipher; /* NULL: any will do */
	const char *name;	    /* of this node, told to peers; copied */
	const struct prefix *addrs; /* of the interface; copied */
	size_t addr_count;
	enum frame_padding padding;
	uint32_t rekey_ms;
	/* In a group, else NULL; borrowed. */
	struct member *member;
	struct groupwire_self *self;
};

/* Becomes the one whom peers tells of peers that go. Returns NULL when memory is short. */
struct native *native_new(const struct native_params *params, const struct native_callbacks *cb);
/* Accepts NULL. */
void native_free(struct native *n);

/* The addresses that we receive for others, beside our own; copied. Returns 0 or -1. */
int native_set_forwards(struct native *n, const struct addr *forwards, size_t count);
/* Our ids, by which topics are named: own addresses, then forwards; in a group one alone, that of
 * our public key. */
const struct network_id *native_id(const struct native *n, size_t i); /* NULL behind the last */

/* The way to the broker is open, and takes messages of so many bytes. */
void native_up(struct native *n, size_t max_message, uint64_t now_ms);
/* Other limits, at any time; counted: the broker takes only so many messages, so that each is to
 * carry what it can. */
void native_limit(struct native *n, size_t max_message, bool counted);
/* Tells the peers that we go. */
void native_goodbye(struct native *n, uint64_t now_ms);

/* A checked packet for peer, or for whoever has dst when that is NULL; or for all who listen. It
 * waits in the fair queue until native_transmit(). p is taken over. */
void native_send(struct native *n, struct peer *peer, const struct addr *src,
    const struct addr *dst, struct packet *p, uint64_t now_ms);
void native_broadcast(struct native *n, struct packet *p);
/* Sends one message of the class whose turn it is, which must be one of ours; or parks it. */
void native_transmit(struct native *n, struct fq_class *c, uint64_t now_ms);
/* Answers the questions for a report that no message has answered by the way. */
void native_answer_asks(struct native *n, uint64_t now_ms);
/* To ourselves, to see whether the broker delivers. Returns as publish() does. */
int native_probe(struct native *n, const uint8_t token[NOTICE_TOKEN_LEN]);

/* A message of the broker. Returns false if its topic is none of this wire. */
bool native_receive(struct native *n, const struct link_message *m, uint64_t now_ms);

/* In a group: our member has other keys, another id or none, or may send again; and what the key
 * server answered to a question of ours. */
void native_group_changed(struct native *n, uint64_t now_ms);
/* Some of its keys are over: what followed from them is wiped. */
void native_group_forget(struct native *n, uint64_t now_ms);
void native_take_entry(struct native *n, const struct keymsg *m, uint64_t now_ms);
void native_take_routes(struct native *n, const struct keymsg *m, uint64_t now_ms);

/* The best of p's channels; state CHANNEL_IDLE when it has none. */
void native_peer_facts(const struct peer *p, struct channel_facts *f);

/* What waits for a peer and is on the way to it, for people. */
struct native_traffic {
	size_t waiting;	   /* packets */
	uint32_t delay_us; /* in the queue, lately */
	uint64_t queue_drops, queue_marks;
	size_t window, in_flight; /* bytes; 0 where the peer does not report */
	uint32_t rtt_us, min_rtt_us;
	uint64_t rate; /* of delivery, bytes a second */
	uint64_t lost; /* bytes */
};
void native_peer_traffic(const struct peer *p, struct native_traffic *t);

#endif
