/*
 * The path down: a packet finds its channel, joins a batch, is sealed and published.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "native_internal.h"

static void
drop(struct native *n, struct peer *p, enum stat_id reason, size_t packets)
{
	stats_add(n->stats, reason, packets);
	if (p != NULL)
		p->drops += packets;
}

static void
count_sent(struct native *n, const struct native_batch *b, struct peer *p)
{
	stats_count(n->stats, STAT_TX_MESSAGES);
	stats_add(n->stats, STAT_TX_PACKETS, b->packets);
	stats_add(n->stats, STAT_TX_BYTES, b->bytes);
	p->tx_packets += b->packets;
	p->tx_bytes += b->bytes;
}

static enum stat_id
unsent_reason(int error)
{
	return error == EMSGSIZE   ? STAT_TX_DROP_TOO_BIG
	       : error == ENOTCONN ? STAT_TX_DROP_NOT_CONNECTED
				   : STAT_TX_DROP_PUBLISH;
}

/* Plaintext that a message to c may have. */
static size_t
room(const struct native *n, const struct channel *c)
{
	size_t most = channel_max_message(c);

	if (most > n->max_message)
		most = n->max_message;
	return most > SESSION_OVERHEAD ? most - SESSION_OVERHEAD : 0;
}

void
native_flush(struct native *n)
{
	struct native_batch *b = &n->batch;
	struct channel *c = b->channel;
	struct session *s = b->session;
	size_t len;

	if (c == NULL)
		return;
	len = frame_pad(b->message + FRAME_HEADER_LEN, b->used, room(n, c), n->padding);
	len = session_seal(s, FRAME_DATA, b->message, len);
	if (n->cb.publish(n->cb.arg, s->topic, b->message, len) == -1) {
		drop(n, channel_owner(c), unsent_reason(errno), b->packets);
	} else {
		count_sent(n, b, channel_owner(c));
		channel_sent(c, false, b->now_ms);
	}
	b->channel = NULL;
	b->used = b->packets = b->bytes = 0;
}

/* Puts a packet into the batch of c's session; what is in another's goes first. */
static void
append(struct native *n, struct channel *c, struct session *s, const uint8_t *packet, size_t len,
    uint64_t now_ms)
{
	struct native_batch *b = &n->batch;
	size_t used;

	if (b->channel != NULL && b->session != s)
		native_flush(n);
	used = frame_append(b->message + FRAME_HEADER_LEN, b->used, room(n, c), packet, len);
	if (used == 0 && b->used > 0) {
		native_flush(n);
		used = frame_append(b->message + FRAME_HEADER_LEN, 0, room(n, c), packet, len);
	}
	if (used == 0) {
		drop(n, channel_owner(c), STAT_TX_DROP_TOO_BIG, 1);
		return;
	}
	b->channel = c;
	b->session = s;
	b->used = used;
	b->packets++;
	b->bytes += len;
	b->now_ms = now_ms;
}

void
native_send(struct native *n, struct peer *p, const struct addr *src, const struct addr *dst,
    const uint8_t *packet, size_t len, uint64_t now_ms)
{
	const struct addr *remote;
	struct channel *c = NULL;
	struct session *s;

	if (p == NULL && n->network->mode == NETWORK_PSK)
		p = peer_learn(n->peers, dst, PEER_NATIVE, now_ms);
	if (p == NULL) {
		drop(n, NULL, STAT_TX_DROP_NO_DESTINATION, 1);
		return;
	}
	remote = peer_address(p, dst);
	c = native_channel(n, p, &native_id_for(n, p, src, remote)->id, remote);
	if (c == NULL) {
		drop(n, p, STAT_TX_DROP_NO_SESSION, 1);
		return;
	}
	s = channel_session(c, now_ms);
	if (s != NULL)
		append(n, c, s, packet, len, now_ms);
	else
		drop(n, p, STAT_TX_DROP_NO_SESSION, channel_wait(c, packet, len));
}

void
native_on_ready(void *arg, struct channel *c, uint64_t now_ms)
{
	struct native *n = arg;
	struct backlog_packet *waiting;
	struct session *s = channel_session(c, now_ms);

	while (s != NULL && (waiting = channel_unwait(c)) != NULL) {
		append(n, c, s, waiting->data, waiting->len, now_ms);
		free(waiting);
	}
	native_flush(n);
	native_grant(n, c, now_ms);
}

/* The broker is asked to keep nothing, so this reaches those alone who are there. */
static void
say_goodbye(struct native *n, struct channel *c, uint64_t now_ms)
{
	uint8_t message[SESSION_OVERHEAD + 1];
	struct channel_facts facts;
	struct session *s;
	size_t len;

	channel_facts(c, &facts);
	s = facts.state == CHANNEL_UP ? channel_session(c, now_ms) : NULL;
	if (s == NULL)
		return;
	message[FRAME_HEADER_LEN] = NATIVE_CONTROL_CLOSE;
	len = session_seal(s, FRAME_CONTROL, message, 1);
	n->cb.publish(n->cb.arg, s->topic, message, len);
}

void
native_goodbye(struct native *n, uint64_t now_ms)
{
	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		for (size_t i = 0; i < p->channel_count; i++)
			say_goodbye(n, p->channels[i], now_ms);
}
