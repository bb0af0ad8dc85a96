/*
 * How a channel's sessions come to be: handshakes that we begin, try again and give up, and those
 * of the other that we answer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "channel.h"

#include <stdlib.h>
#include <string.h>

#include "channel_internal.h"
#include "stats.h"

#define RETRY_JITTER_MS 1000

static uint64_t
clock_us(const struct channel *c)
{
	return c->shared->callbacks.clock_us(c->shared->callbacks.arg);
}

static void
make_hello(const struct channel *c, uint32_t index, const struct network_id *own,
    const struct network_id *remote, struct handshake_hello *hello)
{
	*hello = (struct handshake_hello){
	    .index = index,
	    .features = c->shared->features,
	    .max_message = c->shared->max_message,
	    .from = own->addr,
	    .to = remote->addr,
	};
	memcpy(hello->name, c->shared->name, sizeof(hello->name));
}

void
channel_drop_initiated(struct channel *c)
{
	channel_drop_session(c, &c->initiated);
	if (c->handshake != NULL)
		handshake_clear(c->handshake);
	free(c->handshake);
	c->handshake = NULL;
}

static int
write_first(struct channel *c, uint8_t out[HANDSHAKE_MESSAGE_MAX])
{
	struct handshake_hello hello;

	c->initiated = session_new(c->shared->sessions, c);
	c->handshake = malloc(sizeof(*c->handshake));
	if (c->initiated == NULL || c->handshake == NULL)
		return -1;
	make_hello(c, c->initiated->local_index, &c->own, &c->remote, &hello);
	return handshake_start(c->handshake, c->shared->network, &c->own, &c->remote,
	    c->remote_public, &hello, NULL, out);
}

/* Each try is a new handshake: the answer to an older one is of no use any more. */
static void
try_handshake(struct channel *c, uint64_t now_ms)
{
	uint8_t message[HANDSHAKE_MESSAGE_MAX];
	char topic[NETWORK_TOPIC_MAX];
	int len;

	channel_drop_initiated(c);
	len = write_first(c, message);
	if (len == -1) {
		channel_drop_initiated(c);
		return;
	}
	c->retry_ms = now_ms + CHANNEL_RETRY_MS + aead_random_u32() % RETRY_JITTER_MS;
	channel_arm(c, c->retry_ms);
	c->tried_us = clock_us(c);
	stats_count(c->shared->stats, STAT_HANDSHAKES_STARTED);
	channel_publish(c, network_topic(c->shared->network, topic, c->remote.part, c->own.part),
	    message, (size_t)len);
}

void
channel_begin(struct channel *c, uint64_t now_ms)
{
	if (c->initiated != NULL)
		return;
	c->attempt_ms = now_ms;
	try_handshake(c, now_ms);
}

static void
give_up(struct channel *c)
{
	channel_drop_initiated(c);
	c->unreachable = true;
	stats_count(c->shared->stats, STAT_HANDSHAKES_FAILED);
	c->shared->callbacks.gave_up(c->shared->callbacks.arg, c);
}

void
channel_try_again(struct channel *c, uint64_t now_ms)
{
	if (now_ms >= c->attempt_ms + CHANNEL_GIVE_UP_MS) {
		give_up(c);
		return;
	}
	c->shared->callbacks.retry(c->shared->callbacks.arg, c);
	try_handshake(c, now_ms);
}

void
channel_retry(struct channel *c, uint64_t now_ms)
{
	if (c->initiated != NULL)
		try_handshake(c, now_ms);
}

void
channel_hint(struct channel *c, uint32_t remote_index, uint64_t now_ms)
{
	if (c->current == NULL || c->initiated != NULL || now_ms < c->hint_ms ||
	    (remote_index != 0 && c->current->remote_index != remote_index))
		return;
	c->hint_ms = now_ms + CHANNEL_HINT_MS;
	channel_begin(c, now_ms);
}

static void
address_session(const struct channel *c, struct session *s, const struct network_id *own,
    const struct network_id *remote)
{
	memcpy(s->tx_tag, remote->tag, NETWORK_TAG_LEN);
	memcpy(s->rx_tag, own->tag, NETWORK_TAG_LEN);
	s->remote = remote->addr;
	s->own = own->addr;
	memcpy(s->from, remote->part, sizeof(s->from));
	network_topic(c->shared->network, s->topic, remote->part, own->part);
}

static void
complete_session(struct channel *c, struct session *s, struct handshake *h,
    const struct handshake_hello *remote, uint64_t now_ms)
{
	address_session(c, s, &h->own, &h->remote);
	handshake_keys(h, s->tx_key, s->rx_key);
	s->remote_index = remote->index;
	s->max_message = remote->max_message < c->shared->max_message ? remote->max_message
								      : c->shared->max_message;
	s->features = remote->features;
	s->has_keys = true;
	s->created_ms = now_ms;
	memcpy(c->name, remote->name, sizeof(c->name));
}

/*
 * When both begin at the same moment there are two sessions, and each end takes its own first. Both
 * settle for that of the one who goes first: it has its own before it hears from the other under
 * the other's, and stays with it.
 */
static void
prefer_ours(struct channel *c)
{
	if (!channel_goes_first(c))
		return;
	for (size_t i = 0; i < CHANNEL_PENDING_MAX && c->pending[i] != NULL; i++)
		c->pending[i]->second_choice = true;
}

static bool
came_to(const struct network_topic *t, const struct network_id *own)
{
	return strlen(own->part) == t->to_len && memcmp(own->part, t->to, t->to_len) == 0;
}

int
channel_answered(struct channel *c, struct session *s, const struct network_topic *t,
    const uint8_t *message, size_t len, uint64_t now_ms)
{
	struct handshake_hello hello;
	int rc;

	if (s != c->initiated)
		return HANDSHAKE_FORGED;
	if (!came_to(t, &c->handshake->own))
		return HANDSHAKE_WRONG_ID;
	rc = handshake_finish(c->handshake, message, len, t->from, t->from_len, &hello);
	if (rc != 0)
		return rc;
	c->rtt_us = (uint32_t)(clock_us(c) - c->tried_us);
	complete_session(c, s, c->handshake, &hello, now_ms);
	s->initiator = true;
	c->initiated = NULL;
	channel_drop_initiated(c);
	prefer_ours(c);
	channel_use(c, s);
	c->received_ms = now_ms;
	c->shared->callbacks.ready(c->shared->callbacks.arg, c, now_ms);
	/* The other may not use the session before it has heard from us under it. */
	if (c->current == s && s->tx_counter == 0)
		channel_send_keepalive(c, now_ms);
	return 0;
}

/* Enters s as the youngest; the oldest gives way. */
static void
add_pending(struct channel *c, struct session *s)
{
	size_t i = 0;

	while (i < CHANNEL_PENDING_MAX && c->pending[i] != NULL)
		i++;
	if (i == CHANNEL_PENDING_MAX) {
		channel_drop_session(c, &c->pending[0]);
		memmove(c->pending, c->pending + 1, (--i) * sizeof(c->pending[0]));
	}
	c->pending[i] = s;
	channel_arm(c, c->pending[0]->created_ms + CHANNEL_PENDING_LIFETIME_MS);
}

int
channel_accept(
    struct channel *c, struct handshake *h, const struct handshake_hello *hello, uint64_t now_ms)
{
	struct session *s = session_new(c->shared->sessions, c);
	uint8_t message[HANDSHAKE_MESSAGE_MAX];
	struct handshake_hello own;
	int len;

	if (s == NULL) {
		handshake_clear(h);
		return -1;
	}
	make_hello(c, s->local_index, &h->own, &h->remote, &own);
	len = handshake_answer(h, hello->index, &own, message);
	if (len == -1) {
		handshake_clear(h);
		session_free(c->shared->sessions, s);
		return -1;
	}
	complete_session(c, s, h, hello, now_ms);
	add_pending(c, s);
	stats_count(c->shared->stats, STAT_HANDSHAKES_ANSWERED);
	channel_publish(c, s->topic, message, (size_t)len);
	return 0;
}
