/*
 * The rules are those of WireGuard (Donenfeld, NDSS 2017, section 6), but for its timestamps: here
 * a replayed first message is harmless because it makes no more than a pending session.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "channel.h"

#include <stdlib.h>
#include <string.h>

#include "channel_internal.h"
#include "stats.h"

#define NEVER UINT64_MAX

struct channel *
channel_new(struct channel_shared *shared, void *owner, const struct network_id *own,
    const struct network_id *remote, const uint8_t *remote_public)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->shared = shared;
	c->owner = owner;
	c->own = *own;
	c->remote = *remote;
	c->remote_public = remote_public;
	return c;
}

void
channel_drop_session(struct channel *c, struct session **s)
{
	session_free(c->shared->sessions, *s);
	*s = NULL;
}

static void
drop_pending(struct channel *c)
{
	for (size_t i = 0; i < CHANNEL_PENDING_MAX; i++)
		channel_drop_session(c, &c->pending[i]);
}

void
channel_reset(struct channel *c)
{
	channel_drop_initiated(c);
	drop_pending(c);
	channel_drop_session(c, &c->current);
	channel_drop_session(c, &c->previous);
	c->unanswered_ms = c->unreplied_ms = 0;
	wheel_cancel(c->shared->wheel, &c->timer);
}

void
channel_free(struct channel *c)
{
	if (c == NULL)
		return;
	channel_reset(c);
	free(c);
}

void *
channel_owner(const struct channel *c)
{
	return c->owner;
}

const struct network_id *
channel_own(const struct channel *c)
{
	return &c->own;
}

const struct network_id *
channel_remote(const struct channel *c)
{
	return &c->remote;
}

void
channel_aim(struct channel *c, const struct network_id *own, const struct network_id *remote)
{
	c->own = *own;
	c->remote = *remote;
}

size_t
channel_max_message(const struct channel *c)
{
	return c->current != NULL ? c->current->max_message : FRAME_MESSAGE_MIN;
}

bool
channel_goes_first(const struct channel *c)
{
	/* In pubkey mode the two may know each other by several addresses. */
	if (c->remote_public != NULL)
		return memcmp(c->shared->network->public_key, c->remote_public, AEAD_KEY_LEN) < 0;
	return memcmp(c->own.tag, c->remote.tag, NETWORK_TAG_LEN) < 0;
}

/* Times. */

static uint64_t
dies_at(const struct channel *c, const struct session *s)
{
	return s->created_ms + c->shared->rekey_ms + CHANNEL_GRACE_MS;
}

static void
sooner(uint64_t *due, uint64_t at)
{
	if (at < *due)
		*due = at;
}

static uint64_t
next_due(const struct channel *c)
{
	uint64_t due = NEVER;

	if (c->initiated != NULL)
		sooner(&due, c->retry_ms);
	if (c->unanswered_ms != 0)
		sooner(&due, c->unanswered_ms + CHANNEL_SILENCE_MS);
	if (c->unreplied_ms != 0)
		sooner(&due, c->unreplied_ms + CHANNEL_KEEPALIVE_MS);
	if (c->current != NULL)
		sooner(&due, dies_at(c, c->current));
	if (c->previous != NULL)
		sooner(&due, dies_at(c, c->previous));
	if (c->pending[0] != NULL)
		sooner(&due, c->pending[0]->created_ms + CHANNEL_PENDING_LIFETIME_MS);
	return due;
}

static void on_timer(void *arg, uint64_t now_ms);

/* A timer that goes too early costs less than one that is moved with each message. */
void
channel_arm(struct channel *c, uint64_t due_ms)
{
	if (due_ms == NEVER || (wheel_pending(&c->timer) && c->timer.due_ms <= due_ms))
		return;
	wheel_set(c->shared->wheel, &c->timer, due_ms, on_timer, c);
}

void
channel_publish(struct channel *c, const char *topic, const uint8_t *message, size_t len)
{
	/* What is lost here, as on the way, is made up for by the timers. */
	c->shared->callbacks.publish(c->shared->callbacks.arg, topic, message, len);
}

void
channel_use(struct channel *c, struct session *s)
{
	struct network_id own, remote;

	network_id(c->shared->network, &s->own, &own);
	network_id(c->shared->network, &s->remote, &remote);
	channel_aim(c, &own, &remote);
	channel_drop_session(c, &c->previous);
	c->previous = c->current;
	c->current = s;
	c->unreachable = false;
	c->handshake_ms = s->created_ms;
	c->unanswered_ms = 0;
	stats_count(c->shared->stats, STAT_HANDSHAKES_DONE);
	channel_arm(c, dies_at(c, s));
}

void
channel_send_keepalive(struct channel *c, uint64_t now_ms)
{
	uint8_t message[SESSION_OVERHEAD];
	size_t len = session_seal(c->current, FRAME_DATA, message, 0);

	channel_publish(c, c->current->topic, message, len);
	channel_sent(c, true, now_ms);
}

/* Takes a session out of the pending ones. What is older is done with, what is younger may still be
 * needed. Returns whether it was there. */
static bool
unpend(struct channel *c, const struct session *s)
{
	size_t i, left;

	for (i = 0; i < CHANNEL_PENDING_MAX && c->pending[i] != s; i++)
		;
	if (i == CHANNEL_PENDING_MAX)
		return false;
	left = CHANNEL_PENDING_MAX - i - 1;
	for (size_t j = 0; j < i; j++)
		channel_drop_session(c, &c->pending[j]);
	memmove(c->pending, c->pending + i + 1, left * sizeof(c->pending[0]));
	memset(c->pending + left, 0, (i + 1) * sizeof(c->pending[0]));
	return true;
}

/* A message of the initiator proves that it has the session, and not somebody its first message. */
static void
promote_if_pending(struct channel *c, struct session *s, uint64_t now_ms)
{
	if (!unpend(c, s))
		return;
	if (s->second_choice) {
		channel_drop_session(c, &c->previous);
		c->previous = s;
		return;
	}
	channel_use(c, s);
	c->shared->callbacks.ready(c->shared->callbacks.arg, c, now_ms);
}

/* Whether both ends may have begun at the same moment. */
static bool
made_together(const struct session *a, const struct session *b)
{
	uint64_t apart_ms = a->created_ms > b->created_ms ? a->created_ms - b->created_ms
							  : b->created_ms - a->created_ms;

	return apart_ms < CHANNEL_RETRY_MS;
}

/*
 * Where messages overtook each other, each end may still send with another one of the two sessions.
 * The one that does not go first follows the other, or the next renewal would forget what is in
 * use. But what arrives soon after we took our own may have been on the way by then.
 */
static void
follow_if_crossed(struct channel *c, struct session *s, uint64_t now_ms)
{
	struct session *other = c->current;

	if (s != c->previous || other == NULL || s->initiator == other->initiator ||
	    channel_goes_first(c) ||
	    (other->initiator && now_ms < other->created_ms + CHANNEL_RETRY_MS))
		return;
	c->current = s;
	c->previous = other;
}

void
channel_received(struct channel *c, struct session *s, bool keepalive, uint64_t now_ms)
{
	promote_if_pending(c, s, now_ms);
	follow_if_crossed(c, s, now_ms);
	c->received_ms = now_ms;
	c->unanswered_ms = 0;
	if (!keepalive && c->unreplied_ms == 0) {
		c->unreplied_ms = now_ms;
		channel_arm(c, now_ms + CHANNEL_KEEPALIVE_MS);
	}
	/* Who only receives must see to it that the other can go on sending. */
	if (s == c->current && s->initiator &&
	    now_ms + CHANNEL_KEEPALIVE_MS + CHANNEL_RETRY_MS >= dies_at(c, s))
		channel_begin(c, now_ms);
}

void
channel_closed(struct channel *c, struct session *s)
{
	if (s == c->previous && c->current != NULL && !made_together(s, c->current))
		channel_drop_session(c, &c->previous);
	else
		channel_reset(c);
}

/*
 * Its initiator renews a session. If that one has nothing to send, or was never the initiator in
 * the other's eyes, as both began at the same moment, the other does; not both at once.
 */
static uint64_t
renewed_at(const struct channel *c, const struct session *s)
{
	uint64_t at = s->created_ms + c->shared->rekey_ms;

	if (s->initiator)
		return at;
	if (channel_goes_first(c))
		return at + CHANNEL_GRACE_MS / 4;
	return at + CHANNEL_GRACE_MS / 2;
}

struct session *
channel_session(struct channel *c, uint64_t now_ms)
{
	struct session *s = c->current;

	/* One that is dead is freed by the timer: somebody may hold it now. */
	if (s == NULL || now_ms >= dies_at(c, s)) {
		channel_begin(c, now_ms);
		return NULL;
	}
	if (now_ms >= renewed_at(c, s) || s->tx_counter >= SESSION_REKEY_MESSAGES)
		channel_begin(c, now_ms);
	return s;
}

void
channel_sent(struct channel *c, bool keepalive, uint64_t now_ms)
{
	c->unreplied_ms = 0;
	if (keepalive || c->unanswered_ms != 0)
		return;
	c->unanswered_ms = now_ms;
	channel_arm(c, now_ms + CHANNEL_SILENCE_MS);
}

static void
check_lives(struct channel *c, uint64_t now_ms)
{
	if (c->current != NULL && now_ms >= dies_at(c, c->current))
		channel_drop_session(c, &c->current);
	if (c->previous != NULL && now_ms >= dies_at(c, c->previous))
		channel_drop_session(c, &c->previous);
	while (c->pending[0] != NULL &&
	       now_ms >= c->pending[0]->created_ms + CHANNEL_PENDING_LIFETIME_MS) {
		channel_drop_session(c, &c->pending[0]);
		memmove(
		    c->pending, c->pending + 1, (CHANNEL_PENDING_MAX - 1) * sizeof(c->pending[0]));
		c->pending[CHANNEL_PENDING_MAX - 1] = NULL;
	}
}

static void
on_timer(void *arg, uint64_t now_ms)
{
	struct channel *c = arg;

	check_lives(c, now_ms);
	if (c->unreplied_ms != 0 && now_ms >= c->unreplied_ms + CHANNEL_KEEPALIVE_MS) {
		c->unreplied_ms = 0;
		if (c->current != NULL)
			channel_send_keepalive(c, now_ms);
	}
	if (c->unanswered_ms != 0 && now_ms >= c->unanswered_ms + CHANNEL_SILENCE_MS) {
		c->unanswered_ms = 0;
		channel_begin(c, now_ms);
	}
	if (c->initiated != NULL && now_ms >= c->retry_ms)
		channel_try_again(c, now_ms);
	channel_arm(c, next_due(c));
}

void
channel_facts(const struct channel *c, struct channel_facts *f)
{
	*f = (struct channel_facts){
	    .state = c->current != NULL	    ? CHANNEL_UP
		     : c->initiated != NULL ? CHANNEL_CONNECTING
		     : c->unreachable	    ? CHANNEL_UNREACHABLE
					    : CHANNEL_IDLE,
	    .handshake_ms = c->current != NULL ? c->current->created_ms : 0,
	    .last_handshake_ms = c->handshake_ms,
	    .rtt_us = c->rtt_us,
	    .received_ms = c->received_ms,
	    .name = c->name,
	};
}
