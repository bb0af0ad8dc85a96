/*
 * What the files of the channel share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef CHANNEL_INTERNAL_H
#define CHANNEL_INTERNAL_H

#include "channel.h"
#include "wheel.h"

/* A pending session that its initiator has not used by then is of no use to anybody. */
#define CHANNEL_PENDING_LIFETIME_MS (2 * CHANNEL_RETRY_MS)

struct channel {
	struct channel_shared *shared;
	void *owner;
	struct network_id own, remote;
	const uint8_t *remote_public;

	struct session *current, *previous;
	struct session *pending[CHANNEL_PENDING_MAX]; /* the oldest first, NULL behind the last */
	struct session *initiated;		      /* ours that waits for its answer */
	struct handshake *handshake;		      /* of initiated */
	bool unreachable;

	uint64_t attempt_ms;	/* when the handshake that is under way was first tried */
	uint64_t retry_ms;	/* when it is tried again */
	uint64_t tried_us;	/* when it was last tried */
	uint64_t hint_ms;	/* before this a hint is not heeded */
	uint64_t unanswered_ms; /* sent then, and nothing came since; 0: nothing */
	uint64_t unreplied_ms;	/* received then, and nothing was sent since; 0: nothing */
	uint64_t handshake_ms, received_ms;
	uint32_t rtt_us;
	char name[HANDSHAKE_NAME_MAX + 1];

	struct wheel_timer timer;
};

/* channel.c */
void channel_arm(struct channel *c, uint64_t due_ms);
void channel_publish(struct channel *c, const char *topic, const uint8_t *message, size_t len);
void channel_drop_session(struct channel *c, struct session **s);
/* Of the two ends, the one that leads where both would do the same. */
bool channel_goes_first(const struct channel *c);
/* From now on we send with s; it has just been made, or proven. */
void channel_use(struct channel *c, struct session *s);
void channel_send_keepalive(struct channel *c, uint64_t now_ms);

/* channel_setup.c */
/* Begins a handshake, unless one is under way. */
void channel_begin(struct channel *c, uint64_t now_ms);
/* Tries the one that is under way again, or gives it up. */
void channel_try_again(struct channel *c, uint64_t now_ms);
void channel_drop_initiated(struct channel *c);

#endif
