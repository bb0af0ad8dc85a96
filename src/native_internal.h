/*
 * What the files of the native wire share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NATIVE_INTERNAL_H
#define NATIVE_INTERNAL_H

#include "bucket.h"
#include "log.h"
#include "multicast.h"
#include "native.h"
#include "peer.h"
#include "session.h"
#include "stats.h"

#define NATIVE_HANDSHAKES_PER_S 50
#define NATIVE_NOTICES_PER_S 100
#define NATIVE_SENDER_BURST 3
#define NATIVE_SENDER_SLOTS 1024
#define NATIVE_SEEN_MAX 4096

/* The kinds of control messages. */
#define NATIVE_CONTROL_GRANT 1
#define NATIVE_CONTROL_CLOSE 2

/* One of our own addresses, or one that we receive for others. */
struct native_id {
	struct network_id id;
	struct multicast_sender sender;
	/* The sender's counter when the last two stretches of time began; see recent_floor(). */
	uint64_t stretch_ms, stretch, stretch_before;
};

/* Packets that go out in one message. */
struct native_batch {
	struct channel *channel; /* NULL: empty */
	struct session *session;
	size_t used, packets, bytes; /* of the plaintext; of the packets in it */
	uint64_t now_ms;
	uint8_t message[FRAME_MESSAGE_MAX];
};

/*
 * What authenticates the messages that were heeded last. By their order alone the oldest gives way:
 * whoever has recorded fewer cannot choose some that drive each other out.
 */
struct native_seen {
	uint64_t seals[NATIVE_SEEN_MAX];
	size_t next;
};

struct native {
	const struct network *network;
	struct native_callbacks cb;
	struct peer_table *peers;
	struct stats *stats;
	struct prefix *addrs;
	size_t addr_count;
	struct native_id *ids;
	size_t id_count;
	enum frame_padding padding;
	size_t max_message; /* that the broker takes */
	bool announced;	    /* told the others that we are new */
	struct channel_shared shared;
	struct multicast_table *keys; /* of others */
	struct backlog held;	      /* multicast messages whose key we have asked for */
	struct backlog_budget held_budget;

	struct bucket handshakes, notices;
	/* By a hash of the sender's part in the topic, which anybody can write: two senders that
	 * share one wait for each other, no more. */
	struct bucket first_messages[NATIVE_SENDER_SLOTS];
	struct bucket answers[NATIVE_SENDER_SLOTS];
	struct bucket key_requests[NATIVE_SENDER_SLOTS];
	/* Nothing else tells replays of these, which must not use up what their sender may have.
	 * Apart, as notices come faster. */
	struct native_seen seen_first, seen_notices;
	/* What others can make us tell people. */
	struct log_limit strangers, silent;

	struct native_batch batch;
	uint8_t plain[FRAME_MESSAGE_MAX];
};

/* A message on its way up. */
struct native_arrival {
	struct network_topic topic;
	struct frame_header header;
	const uint8_t *message;
	size_t len;
	struct native_id *own; /* for whom it is; NULL: for all */
	uint64_t now_ms;
};

/* native.c */
struct native_id *native_own(struct native *n, const struct addr *a);
int native_notice(struct native *n, const struct notice *v, const char *to, const char *from);

/* native_peers.c */
/* As which of our ids a packet from src goes to remote, an address of p (NULL: to all). */
struct native_id *native_id_for(
    struct native *n, const struct peer *p, const struct addr *src, const struct addr *remote);
/* The channel of p between these two, made if there is none; in pubkey mode a peer has one alone.
 * NULL when memory is short. */
struct channel *native_channel(
    struct native *n, struct peer *p, const struct network_id *own, const struct addr *remote);
void native_free_channels(struct peer *p);
void native_on_retry(void *arg, struct channel *c);
void native_on_gave_up(void *arg, struct channel *c, size_t lost);

/* native_send.c: a channel has a session: what waited for it goes, and then our multicast keys. */
void native_on_ready(void *arg, struct channel *c, uint64_t now_ms);

/* native_multicast.c */
void native_grant(struct native *n, struct channel *c, uint64_t now_ms);
void native_take_grant(
    struct native *n, struct channel *c, const uint8_t *body, size_t len, uint64_t now_ms);
/* A peer is gone for good: what we send to all from now on is not for it. */
void native_renew_keys(struct native *n);
void native_receive_multicast(struct native *n, const struct network_topic *t,
    const struct frame_header *h, const uint8_t *message, size_t len, uint64_t now_ms);

/* native_receive.c: delivers the packets of an opened message of p, all of them or none. remote is
 * the address that p is proven to have. */
void native_deliver(struct native *n, struct peer *p, const struct addr *remote,
    const uint8_t *plain, size_t len, uint64_t now_ms);
/* Ours, or none's: no peer may use it, whatever the configuration says. */
bool native_is_unfit_source(struct native *n, const struct addr *src);

/* native_strangers.c */
void native_receive_init(struct native *n, const struct native_arrival *a);
void native_receive_response(struct native *n, const struct native_arrival *a);
void native_receive_notice(struct native *n, const struct native_arrival *a);
/* Sends a notice to whoever that topic says that its message is from; not without limits. */
void native_answer(struct native *n, const struct network_topic *t, const struct notice *v,
    const char *from, uint64_t now_ms);

#endif
