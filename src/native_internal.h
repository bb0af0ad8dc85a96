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
#include "groupwire.h"
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
#define NATIVE_OVERHEAD_MAX GROUPWIRE_OVERHEAD
#define NATIVE_LOOK_UPS_MAX 64
#define NATIVE_RECORDS_MAX 64
#define NATIVE_SENDER_CHAINS 1024
#define NATIVE_PAST_MAX 256

/* The kinds of control messages. */
#define NATIVE_CONTROL_GRANT 1
#define NATIVE_CONTROL_CLOSE 2

/* A sender's counter when the last two stretches of time began; see native_recent_floor(). */
struct native_stretch {
	uint64_t ms, counter, before;
};

/* One of our own addresses, or one that we receive for others. */
struct native_id {
	struct network_id id;
	struct multicast_sender sender;
	struct native_stretch stretch;
};

/* What a member of our group and we are to each other. */
struct native_pair {
	struct groupwire_other other;
	struct network_id remote;
	char topic[NETWORK_TOPIC_MAX];
	uint64_t since_ms;	  /* when it was told of, with its present id */
	uint64_t heard_ms;	  /* last authenticated message; 0: never */
	uint64_t asked_server_ms; /* whether what we know of it is still true */
	uint64_t asked_floor_ms;  /* 0: never; with this token */
	uint64_t floor_token;
	/* Where it may begin to read what we send to all, once it has asked; and where we were when
	 * it got its present id, if it was told so under one before. */
	bool told_floor, was_told;
	uint64_t our_floor, met_at;
	struct wheel_timer expiry; /* of what the key server told */
	struct native_lane *next;  /* in the same chain of senders */
};

/* How the next message of a lane goes. */
struct native_outlet {
	struct session *session;  /* NULL in a group */
	struct groupwire_now now; /* in a group */
	const char *topic;
	size_t header_len, overhead; /* overhead: with the header */
	size_t max_message;
	uint16_t features;
};

/* A channel to a peer, what waits to go by it, and how much may be on the way. */
struct native_lane {
	struct native *native;
	struct peer *peer;
	struct channel *channel;  /* NULL in a group */
	struct native_pair *pair; /* NULL but in a group */
	struct fq_class queue;
	struct window window;
	struct wheel_timer timer; /* for a window that nobody opens */
	uint64_t keys_told_ms;	  /* when the peer was last told our multicast keys; 0: never */
	uint64_t received;	  /* bytes of messages with packets */
	bool asked;		  /* for a report on them, which is due */
	uint64_t asked_token, asked_received; /* its token, and the count when it came */
	struct native_lane *next_asked;
};

/* An address that the key server was asked for, and what waits for its answer. */
struct native_look_up {
	struct addr address; /* family ADDR_NONE: not in use */
	struct fq_class waiting;
	unsigned int asked; /* so many times; 0: it was refused */
	uint64_t until_ms;
};

/* Of a member that was forgotten: what came from it up to there. */
struct native_past {
	uint32_t id; /* 0: none */
	uint64_t one, all;
	bool has_floor;
};

struct native_group {
	struct member *member;
	struct groupwire_self *self;
	struct native_lane *senders[NATIVE_SENDER_CHAINS]; /* chains, by sender id */
	struct native_look_up look_ups[NATIVE_LOOK_UPS_MAX];
	struct wheel_timer timer; /* of the look-ups */
	struct native_past past[NATIVE_PAST_MAX];
	size_t next_past;
	uint8_t server_key[AEAD_KEY_LEN]; /* whose sender ids these are */
	struct bucket questions, hinted;  /* hinted: that others can make us ask */
	bool has_floor;			  /* told within the message that is being delivered */
	struct native_stretch stretch;
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
	struct native_group *group; /* NULL in other modes */
	struct aead_cipher *cipher;
	struct multicast_table *keys; /* of others */
	struct backlog held;	      /* messages whose key we have asked for */
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
	uint64_t now_ms, came_ms;
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

/* How l's next message goes. Returns false if it cannot go now. */
bool native_outlet(struct native_lane *l, uint64_t now_ms, struct native_outlet *o);
/* Seals a plaintext in place, which stands o->header_len bytes into message; its length. */
size_t
native_seal(struct native_lane *l, const struct native_outlet *o, uint8_t *message, size_t len);
/* It was published; is_answer: it wants none. */
void native_sent(struct native_lane *l, bool is_answer, uint64_t now_ms);

/* native_window.c: what the ends of a lane ask and tell each other about what was received. */
/* Whether the peer answers. */
bool native_reports(const struct native_outlet *o);
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
void native_receive_multicast(struct native *n, const struct native_arrival *a);
/* Returns false if its key is unknown: nothing was done. */
bool native_open_multicast(struct native *n, const struct native_arrival *a);

/* native_held.c: messages that cannot be opened yet wait for a moment, until what is needed for it
 * was told. */
void native_hold(struct native *n, const struct native_arrival *a);
/* Tries each of them once more. */
void native_receive_held(struct native *n, uint64_t now_ms);
/*
 * The counter from which on a new receiver may read us: that of the oldest message that may still
 * be held. Below it are those that somebody might have recorded.
 */
uint64_t native_recent_floor(struct native_stretch *s, uint64_t counter, uint64_t now_ms);

/* native_receive.c: delivers the packets of an opened message of p, all of them or none. remote is
 * the address that p is proven to have, l the lane that it came by; NULL: it was for all. */
void native_deliver(struct native *n, struct peer *p, struct native_lane *l,
    const struct addr *remote, uint8_t *plain, size_t len, uint64_t now_ms);
/* Which of our ids the topic names, or NULL. */
struct native_id *native_find_own(struct native *n, const struct network_topic *t);
/* Whether we sent it to all ourselves; counted then. MQTT 3.1.1 has no way not to get it. */
bool native_is_our_own(struct native *n, const struct native_arrival *a);
/* Without one it is a keepalive: one that is not to be answered by another. */
bool native_has_packets(const uint8_t *plain, size_t len);
/* Ours, or none's: no peer may use it, whatever the configuration says. */
bool native_is_unfit_source(struct native *n, const struct addr *src);

/* native_strangers.c */
void native_receive_init(struct native *n, const struct native_arrival *a);
void native_receive_response(struct native *n, const struct native_arrival *a);
void native_receive_notice(struct native *n, const struct native_arrival *a);
/* Sends a notice to whoever that topic says that its message is from; not without limits. */
void native_answer(struct native *n, const struct network_topic *t, const struct notice *v,
    const char *from, uint64_t now_ms);

/* native_group.c: what a group has in place of sessions. */
int native_group_open(struct native *n, struct member *member, struct groupwire_self *self);
void native_group_close(struct native *n);
bool native_pair_outlet(struct native_lane *l, uint64_t now_ms, struct native_outlet *o);
/* Whether packets may wait until we can send: else there is no telling when that will be. */
bool native_group_waits(const struct native *n);
/* As groupwire_seal_all(), where we may send. */
size_t native_group_seal_all(struct native *n, uint8_t *buf, size_t len, uint64_t now_ms);
struct groupwire_now native_group_now(const struct native *n, uint64_t now_ms);
struct native_lane *native_by_sender(struct native *n, uint32_t sender);
/* A message of no packets to l's peer: len bytes of records, up to NATIVE_RECORDS_MAX. */
void native_pair_send(struct native_lane *l, const uint8_t *records, size_t len, uint64_t now_ms);
void native_free_pair(struct native *n, struct native_lane *l);

/* native_roster.c: who is who in the group, as the key server says when it is asked. */
/* p waits until it is known who has dst. */
void native_look_up(struct native *n, const struct addr *dst, struct packet *p, uint64_t now_ms);
void native_look_up_sender(struct native *n, uint32_t sender, uint64_t now_ms);
/* What we know of this one may be out of date. */
void native_look_up_again(struct native_lane *l, uint64_t now_ms);
void native_drop_look_ups(struct native *n);
/* Nobody is who he was. */
void native_forget_roster(struct native *n);

/* native_past.c */
void native_remember(struct native_group *g, const struct groupwire_other *o);
/* A new one, with the same id as one that was remembered, goes on where that was. */
void native_resume(struct native_group *g, struct groupwire_other *o);

/* native_group_receive.c */
void native_receive_group(struct native *n, const struct native_arrival *a);
/* Returns false if it cannot be opened yet: then it has asked for what is missing. */
bool native_open_group(struct native *n, const struct native_arrival *a);
void native_on_ask_floor(struct native_lane *l, uint64_t token, uint64_t now_ms);
void native_on_floor(struct native_lane *l, uint64_t token, uint64_t floor);
void native_on_group_reset(struct native *n, const struct notice *v, uint64_t now_ms);

#endif
