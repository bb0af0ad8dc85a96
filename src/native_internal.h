/*
 * What the files of the native wire share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NATIVE_INTERNAL_H
#define NATIVE_INTERNAL_H

#include "backlog.h"
#include "bucket.h"
#include "fq.h"
#include "log.h"
#include "multicast.h"
#include "native.h"
#include "peer.h"
#include "offload.h"
#include "seen.h"
#include "session.h"
#include "stats.h"
#include "wheel.h"
#include "window.h"

#define NATIVE_HANDSHAKES_PER_S 50
#define NATIVE_NOTICES_PER_S 100
#define NATIVE_SENDER_BURST 3
#define NATIVE_SENDER_SLOTS 1024
#define NATIVE_WAITING_MAX 32 /* packets of a lane that has no session yet */

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

/* A channel to a peer, what waits to go by it, and how much may be on the way. */
struct native_lane {
	struct native *native;
	struct peer *peer;
	struct channel *channel;
	struct fq_class queue;
	struct window window;
	struct wheel_timer timer; /* for a window that nobody opens */
	uint64_t keys_told_ms;	  /* when the peer was last told our multicast keys; 0: never */
	uint64_t received;	  /* bytes of messages with packets */
	bool asked;		  /* for a report on them, which is due */
	uint64_t asked_token, asked_received; /* its token, and the count when it came */
	struct native_lane *next_asked;
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
	bool counted;	    /* and it counts them */
	bool announced;	    /* told the others that we are new */
	struct channel_shared shared;
	struct multicast_table *keys; /* of others */
	struct backlog held;	      /* multicast messages whose key we have asked for */
	struct backlog_budget held_budget;

	struct bucket handshakes, notices;
	/* By the sender's part in the topic. */
	struct bucket first_messages[NATIVE_SENDER_SLOTS];
	struct bucket answers[NATIVE_SENDER_SLOTS];
	struct bucket key_requests[NATIVE_SENDER_SLOTS];
	/* Replays must not use up what their sender may have. Apart, as notices come faster. */
	struct seen seen_first, seen_notices;
	/* What others can make us tell people. */
	struct log_limit strangers, silent;

	struct fq *fq;
	struct packet_pool *pool;
	struct fq_class everyone;  /* packets for all who listen */
	struct native_lane *asked; /* those who owe a report */
	struct offload_merge merge;
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

/* native_lanes.c */
/* As which of our ids a packet from src goes to remote, an address of p (NULL: to all). */
struct native_id *native_id_for(
    struct native *n, const struct peer *p, const struct addr *src, const struct addr *remote);
/* The lane of p between these two, made if there is none; in pubkey mode a peer has one alone.
 * NULL when memory is short. */
struct native_lane *native_lane(
    struct native *n, struct peer *p, const struct network_id *own, const struct addr *remote);
void native_free_lanes(struct native *n, struct peer *p);
void native_on_retry(void *arg, struct channel *c);
void native_on_gave_up(void *arg, struct channel *c);
void native_on_ready(void *arg, struct channel *c, uint64_t now_ms);
/* The way to the broker is another one, or the same again: what was on the way is lost. */
void native_restart_lane(struct native_lane *l, uint64_t now_ms);

/* native_window.c: what the ends of a lane ask and tell each other about what was received. */
/* Whether the peer of this session answers. */
bool native_reports(const struct session *s);
/* Whether l may send now; else it is parked until it may. */
bool native_window_open(struct native_lane *l);
void native_on_ask(struct native_lane *l, uint64_t token);
void native_on_report(struct native_lane *l, uint64_t token, uint64_t received);
/* Writes the report that l owes, if it does, behind used bytes; returns how many there are then. */
size_t native_append_report(struct native_lane *l, uint8_t *plain, size_t used);
void native_forget_ask(struct native_lane *l);

/* native_multicast.c */
void native_grant(struct native *n, struct native_lane *l, uint64_t now_ms);
void native_take_grant(
    struct native *n, struct native_lane *l, const uint8_t *body, size_t len, uint64_t now_ms);
/* Sends the next packet for all. */
void native_transmit_to_all(struct native *n, uint64_t now_ms);
/* A peer is gone for good: what we send to all from now on is not for it. */
void native_renew_keys(struct native *n);
void native_receive_multicast(struct native *n, const struct network_topic *t,
    const struct frame_header *h, const uint8_t *message, size_t len, uint64_t now_ms);

/* native_receive.c: delivers the packets of an opened message of p, all of them or none. remote is
 * the address that p is proven to have, l the lane that it came by; NULL: it was for all. */
void native_deliver(struct native *n, struct peer *p, struct native_lane *l,
    const struct addr *remote, uint8_t *plain, size_t len, uint64_t now_ms);
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
