/*
 * The way to one peer: it has a session made when there is something to send, renews it before its
 * keys are old, and notices when the other is gone. A pure machine: time and messages come in as
 * arguments, what it sends goes out through callbacks, its timers stand in the caller's wheel.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handshake.h"
#include "network.h"
#include "session.h"

#define CHANNEL_REKEY_MS (120 * 1000)
#define CHANNEL_GRACE_MS (60 * 1000) /* a session serves so much longer than until its rekey */
#define CHANNEL_RETRY_MS (5 * 1000)
#define CHANNEL_GIVE_UP_MS (90 * 1000)
#define CHANNEL_KEEPALIVE_MS (10 * 1000)
#define CHANNEL_SILENCE_MS (15 * 1000) /* sent, and nothing came back for so long: start anew */
#define CHANNEL_HINT_MS 1000	       /* between handshakes that a mere hint may cause */
#define CHANNEL_PENDING_MAX 4

struct channel;
struct stats;
struct wheel;

struct channel_callbacks {
	/* A message for c's peer, to be published to topic. Returns 0, or -1 with errno. */
	int (*publish)(void *arg, const char *topic, const uint8_t *message, size_t len);
	/* It has a session to send with. Also after each renewal. */
	void (*ready)(void *arg, struct channel *c, uint64_t now_ms);
	/* The peer does not answer. */
	void (*gave_up)(void *arg, struct channel *c);
	/* A handshake was in vain and is tried again: perhaps elsewhere, see channel_aim(). */
	void (*retry)(void *arg, struct channel *c);
	/* A clock that does not go back, for the round trip of handshakes. */
	uint64_t (*clock_us)(void *arg);
	void *arg;
};

/* What all channels of a node share. Borrowed while they live. */
struct channel_shared {
	struct wheel *wheel;
	struct session_table *sessions;
	const struct network *network;
	struct stats *stats;
	struct channel_callbacks callbacks;
	uint32_t rekey_ms;
	uint32_t max_message;		   /* largest message that we take */
	uint16_t features;		   /* that we have, FRAME_FEATURE_... */
	char name[HANDSHAKE_NAME_MAX + 1]; /* ours, told to peers */
};

enum channel_state {
	CHANNEL_IDLE,	    /* no session, none wanted */
	CHANNEL_CONNECTING, /* no session yet, a handshake is under way */
	CHANNEL_UP,
	CHANNEL_UNREACHABLE, /* the last attempt was given up */
};

/* For people. */
struct channel_facts {
	enum channel_state state;
	uint64_t handshake_ms;	    /* when the session in use was made; 0: there is none */
	uint64_t last_handshake_ms; /* the last one that succeeded; 0: never */
	uint32_t rtt_us;	    /* of the last handshake that we began; 0: unknown */
	uint64_t received_ms;	    /* last authenticated message; 0: never */
	const char *name;	    /* told by the peer; "" */
};

/* owner is an opaque borrowed pointer; remote_public is borrowed, NULL in psk mode. Returns NULL
 * when memory is short. */
struct channel *channel_new(struct channel_shared *shared, void *owner,
    const struct network_id *own, const struct network_id *remote, const uint8_t *remote_public);
/* Accepts NULL. */
void channel_free(struct channel *c);

void *channel_owner(const struct channel *c);
const struct network_id *channel_own(const struct channel *c);
const struct network_id *channel_remote(const struct channel *c);
/* As which of our ids, and to which of the peer's, the next handshake goes. One of the peer that
 * succeeds does the same. */
void channel_aim(struct channel *c, const struct network_id *own, const struct network_id *remote);
void channel_facts(const struct channel *c, struct channel_facts *f);
/* Largest message that the peer takes. */
size_t channel_max_message(const struct channel *c);

/* Sending: the session to seal with, or NULL: a handshake is under way then, and ready() follows
 * if it succeeds. */
struct session *channel_session(struct channel *c, uint64_t now_ms);
/* After a message of that session was published; keepalive: it wants no reply. */
void channel_sent(struct channel *c, bool keepalive, uint64_t now_ms);

/* A message that session_open() took, of a session of c; keepalive: it held nothing. */
void channel_received(struct channel *c, struct session *s, bool keepalive, uint64_t now_ms);
/* Its peer's first message, opened by handshake_accept(): makes a pending session and answers. h is
 * used up. Returns 0, or -1 when memory is short. */
int channel_accept(
    struct channel *c, struct handshake *h, const struct handshake_hello *hello, uint64_t now_ms);
/* An answer for a session of c that has no keys yet. Returns 0 or a negative enum handshake_error.
 */
int channel_answered(struct channel *c, struct session *s, const struct network_topic *t,
    const uint8_t *message, size_t len, uint64_t now_ms);

/* The way to the broker is open again: a handshake that is under way is tried again at once. */
void channel_retry(struct channel *c, uint64_t now_ms);
/* A hint, perhaps false, that the peer does not know our session (remote_index of the one in use,
 * or 0 for whichever): asks by a handshake, not more often than CHANNEL_HINT_MS; nothing is
 * dropped. */
void channel_hint(struct channel *c, uint32_t remote_index, uint64_t now_ms);
/* The peer said goodbye under s. What it has begun since is not meant: the message may be late. */
void channel_closed(struct channel *c, struct session *s);
/* The peer must not be talked to any more: drops all sessions. */
void channel_reset(struct channel *c);

#endif
