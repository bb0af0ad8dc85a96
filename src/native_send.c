/*
 * The path down: a packet finds its lane and waits there for its turn; then packets are put into
 * one message, which is sealed and published.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <errno.h>
#include <string.h>

#include "native_internal.h"
#include "packet.h"

#define EXTRAS_LEN (FRAME_ASK_LEN + FRAME_REPORT_LEN)

/* A message in the making. */
struct batch {
	struct packet *buffer; /* in which the message stands; NULL: there is none yet */
	uint8_t *plain;	       /* its plaintext, FRAME_HEADER_LEN bytes behind its beginning */
	size_t used;
	size_t limit; /* what it should have at most */
	size_t size;  /* and what it may have, so that one that cannot be cut gets through */
	size_t packets, bytes;
	bool has_extras; /* there is room for them, and somebody who understands them */
};

static void
drop(struct native *n, struct peer *p, enum stat_id reason, size_t packets)
{
	stats_add(n->stats, reason, packets);
	if (p != NULL)
		p->drops += packets;
}

void
native_send(struct native *n, struct peer *peer, const struct addr *src, const struct addr *dst,
    struct packet *p, uint64_t now_ms)
{
	const struct addr *remote;
	struct native_lane *l;

	if (peer == NULL && n->group != NULL) {
		native_look_up(n, dst, p, now_ms);
		return;
	}
	if (peer == NULL && n->network->mode == NETWORK_PSK)
		peer = peer_learn(n->peers, dst, PEER_NATIVE, now_ms);
	if (peer == NULL) {
		drop(n, NULL, STAT_TX_DROP_NO_DESTINATION, 1);
		packet_put(n->pool, p);
		return;
	}
	remote = peer_address(peer, dst);
	l = native_lane(n, peer, &native_id_for(n, peer, src, remote)->id, remote);
	if (l == NULL) {
		drop(n, peer, STAT_TX_DROP_NO_SESSION, 1);
		packet_put(n->pool, p);
		return;
	}
	fq_enqueue(&l->queue, p, n->cb.clock_us(n->cb.arg));
}

/* Records. */

static bool
takes_partial(const struct native_outlet *o)
{
	return (o->features & FRAME_FEATURE_PARTIAL) != 0;
}

/* Of how many pieces a record may be, for this receiver. It judges as we do. */
static unsigned int
pieces_max(const struct native_outlet *o, const struct packet *p)
{
	uint16_t gso_size = p->offload.gso_size;
	struct packet_offload judged;
	int rc;

	if (gso_size == 0 || (o->features & FRAME_FEATURE_SUPER) == 0)
		return 1;
	rc = offload_check(p->data, p->len, gso_size, &judged);
	if (gso_size < OFFLOAD_GSO_MIN || (rc != 0 && rc != OFFLOAD_BAD_GSO))
		return 1;
	return offload_is_udp(&p->offload) ? OFFLOAD_UDP_PIECES_MAX : OFFLOAD_TCP_PIECES_MAX;
}

static size_t
head_len(const struct packet *p)
{
	return p->offload.gso_size > 0 ? FRAME_SUPER_RECORD_LEN : FRAME_RECORD_LEN;
}

static size_t
put_head(struct native *n, uint8_t *at, size_t len, const struct packet_offload *o)
{
	enum frame_kind kind = o->gso_size > 0 ? FRAME_SUPER
			       : o->partial    ? FRAME_PARTIAL
					       : FRAME_PACKET;

	if (kind == FRAME_SUPER)
		stats_count(n->stats, STAT_TX_SUPER_PACKETS);
	return frame_put_head(at, kind, len, o->gso_size);
}

/* Whether the receiver takes it as it is. */
static bool
goes_whole(const struct native_outlet *o, const struct packet *p)
{
	const struct packet_offload *f = &p->offload;

	if (p->cut > 0 || (f->partial && !takes_partial(o)))
		return false;
	return f->gso_size == 0 || p->len - f->header_len <= (size_t)pieces_max(o, p) * f->gso_size;
}

/* Whether the rest of the message has room where p stands: a large one's always; a small one's if
 * it stays alone, and padding does not fill it. */
static bool
has_room(const struct native_lane *l, const struct packet *p)
{
	return p->room >= PACKET_LARGE ||
	       (l->queue.packets == 0 && p->len + EXTRAS_LEN <= PACKET_SMALL / 2);
}

/* The message is built around a packet where that stands. Returns false if it cannot be. */
static bool
build_around(struct native *n, struct native_lane *l, const struct native_outlet *o,
    struct batch *b, struct packet *p)
{
	size_t head = head_len(p), size = p->room - AEAD_TAG_LEN;

	if (!has_room(l, p) || !goes_whole(o, p) || head + p->len > b->limit)
		return false;
	if (b->size > size)
		b->size = size;
	if (b->limit > size)
		b->limit = size;
	b->buffer = p;
	b->plain = p->data - head;
	put_head(n, b->plain, p->len, &p->offload);
	b->used = head + p->len;
	b->packets = 1;
	b->bytes = p->len;
	return true;
}

/* Copies p, or the next piece of it, behind what is there. Returns false if there is no room. */
static bool
append(
    struct native *n, const struct native_outlet *o, struct batch *b, struct packet *p, size_t size)
{
	uint8_t *at = b->plain + b->used;
	size_t head = head_len(p), written, len;
	bool is_piece = p->offload.gso_size > 0;
	struct packet_offload piece;

	if (b->used + head >= size)
		return false;
	len = offload_cut(
	    p, at + head, size - b->used - head, pieces_max(o, p), !takes_partial(o), &piece);
	if (len == 0)
		return false;
	written = put_head(n, at, len, &piece);
	if (written < head) /* one piece alone has a shorter head */
		memmove(at + written, at + head, len);
	b->used += written + len;
	b->packets++;
	b->bytes += len;
	if (is_piece && piece.gso_size == 0)
		stats_count(n->stats, STAT_TX_CUT_PACKETS);
	return true;
}

static bool
begin(struct native *n, struct batch *b)
{
	b->buffer = packet_get(n->pool, PACKET_LARGE);
	if (b->buffer == NULL)
		return false;
	b->plain = b->buffer->data;
	return true;
}

enum put_result { PUT_ALL, PUT_NOT_ALL, PUT_LOST };

/* Puts p into the message, all of it or what there is room for. */
static enum put_result
put(struct native *n, struct native_lane *l, const struct native_outlet *o, struct batch *b,
    struct packet *p)
{
	size_t whole = head_len(p) + p->len;

	if (b->buffer == NULL && build_around(n, l, o, b, p))
		return PUT_ALL;
	if (b->buffer == NULL && !begin(n, b))
		return PUT_LOST;
	/* The next message has room for it whole, and perhaps without a copy. */
	if (b->used > 0 && b->used + whole > b->limit && whole <= b->limit)
		return PUT_NOT_ALL;
	while (append(n, o, b, p, b->limit) || (b->used == 0 && append(n, o, b, p, b->size))) {
		if (!offload_is_cut(p))
			continue;
		packet_put(n->pool, p);
		return PUT_ALL;
	}
	return b->used > 0 ? PUT_NOT_ALL : PUT_LOST;
}

static void
fill(struct native *n, struct native_lane *l, const struct native_outlet *o, struct batch *b,
    uint64_t now_us)
{
	struct packet *p;

	while (
	    (b->used == 0 || b->used < b->limit) && (p = fq_dequeue(&l->queue, now_us)) != NULL) {
		switch (put(n, l, o, b, p)) {
		case PUT_ALL:
			break;
		case PUT_NOT_ALL:
			fq_requeue(&l->queue, p);
			return;
		case PUT_LOST:
			drop(n, l->peer, STAT_TX_DROP_TOO_BIG, 1);
			packet_put(n->pool, p);
			break;
		}
	}
}

/* Messages. */

static void
count_sent(struct native *n, struct peer *p, const struct batch *b)
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

/* How long the message may be, and should be; what is asked and told about reports needs room, too.
 * Where messages are counted what comes behind waits for the next one in any case: a short one only
 * makes the rate low, and the next one by that still shorter. */
static void
limit_batch(const struct native *n, const struct native_lane *l, const struct native_outlet *o,
    struct batch *b)
{
	size_t most = o->max_message, wanted = FRAME_MESSAGE_MAX;

	if (most > n->max_message)
		most = n->max_message;
	b->size = most > o->overhead ? most - o->overhead : 0;
	b->limit = b->size > EXTRAS_LEN ? b->size - EXTRAS_LEN : 0;
	if (native_reports(o) && !n->counted)
		wanted = window_message_max(&l->window);
	if (b->limit > wanted)
		b->limit = wanted;
}

/* Adds what is asked and told, and the padding; returns the length of the plaintext. */
static size_t
finish(struct native *n, struct native_lane *l, const struct native_outlet *o, struct batch *b,
    uint64_t now_us, bool *asks)
{
	size_t ask_at, len;

	*asks = false;
	if (!b->has_extras)
		return frame_pad(b->plain, b->used, b->size, n->padding);
	b->used = native_append_report(l, b->plain, b->used);
	ask_at = b->used;
	*asks = window_wants_report(&l->window, ask_at + o->overhead, now_us);
	if (*asks)
		b->used += FRAME_ASK_LEN;
	len = frame_pad(b->plain, b->used, b->size, n->padding);
	if (*asks)
		frame_append_ask(
		    b->plain, ask_at, FRAME_ASK, window_token(&l->window, len + o->overhead));
	return len;
}

/* now_us is from before: the answer may be on its way when publishing returns. */
static void
publish(struct native *n, struct native_lane *l, const struct native_outlet *o, struct batch *b,
    uint64_t now_ms, uint64_t now_us)
{
	uint8_t *message = b->plain - o->header_len;
	bool asks;
	size_t len;

	b->has_extras = native_reports(o) && b->used + EXTRAS_LEN <= b->size;
	len = finish(n, l, o, b, now_us, &asks);
	len = native_seal(l, o, message, len);
	fq_served(&l->queue, len);
	if (n->cb.publish(n->cb.arg, o->topic, message, len) == -1) {
		drop(n, l->peer, unsent_reason(errno), b->packets);
		return;
	}
	count_sent(n, l->peer, b);
	native_sent(l, false, now_ms);
	if (native_reports(o))
		window_sent(&l->window, len, asks, l->queue.packets > 0, now_us);
}

/* Whether something will wake l when it can send. */
static bool
may_wait(const struct native *n, const struct native_lane *l)
{
	struct channel_facts facts;

	if (l->channel == NULL)
		return native_group_waits(n);
	channel_facts(l->channel, &facts);
	return facts.state == CHANNEL_CONNECTING || facts.state == CHANNEL_UP;
}

static void
wait_or_drop(struct native *n, struct native_lane *l)
{
	if (!may_wait(n, l)) {
		drop(n, l->peer,
		    l->channel != NULL ? STAT_TX_DROP_NO_SESSION : STAT_TX_DROP_NO_LEASE,
		    fq_class_clear(&l->queue));
		return;
	}
	l->queue.max_packets = NATIVE_WAITING_MAX;
	fq_park(&l->queue);
}

static void
transmit_lane(struct native *n, struct native_lane *l, uint64_t now_ms)
{
	uint64_t now_us = n->cb.clock_us(n->cb.arg);
	struct batch b = {.buffer = NULL};
	struct native_outlet o;

	if (!native_outlet(l, now_ms, &o)) {
		wait_or_drop(n, l);
		return;
	}
	if (native_reports(&o) && !native_window_open(l))
		return;
	limit_batch(n, l, &o, &b);
	fill(n, l, &o, &b, now_us);
	if (b.used > 0)
		publish(n, l, &o, &b, now_ms, now_us);
	packet_put(n->pool, b.buffer);
}

void
native_transmit(struct native *n, struct fq_class *c, uint64_t now_ms)
{
	if (c == &n->everyone)
		native_transmit_to_all(n, now_ms);
	else
		transmit_lane(n, c->owner, now_ms);
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
	if (n->group != NULL)
		return; /* member_leave() is for that */
	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		for (size_t i = 0; i < p->lane_count; i++)
			say_goodbye(n, p->lanes[i]->channel, now_ms);
}
