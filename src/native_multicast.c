/*
 * Broadcast and multicast: each of our ids is a sender with a key of its own, which peers get over
 * their sessions, when they are set up, when the key is renewed, and when they ask.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "ip.h"
#include "native_internal.h"
#include "packet.h"
#include "wire.h"

#define GRANT_MAX (1 + 17 + MULTICAST_GRANT_MAX)
/*
 * A peer that was told this key before has read what it could. If it asks again it was started anew
 * and does not remember what that was: nothing of it may be read a second time.
 */
static uint64_t
floor_for(struct native_id *own, const struct native_lane *l, uint64_t now_ms)
{
	if (l->keys_told_ms != 0 && l->keys_told_ms >= own->sender.created_ms)
		return own->sender.counter;
	return native_recent_floor(&own->stretch, own->sender.counter, now_ms);
}

/* Whether it went out. */
static bool
grant_one(struct native *n, struct native_lane *l, struct native_id *own, uint64_t now_ms)
{
	uint8_t message[SESSION_OVERHEAD + GRANT_MAX], grant[MULTICAST_GRANT_MAX];
	struct session *s = channel_session(l->channel, now_ms);
	struct wire_writer w;
	size_t len;

	if (s == NULL)
		return false;
	wire_writer_init(&w, message + FRAME_HEADER_LEN, GRANT_MAX);
	wire_put_u8(&w, NATIVE_CONTROL_GRANT);
	network_put_addr(&w, &own->id.addr);
	wire_put_bytes(&w, grant, multicast_grant(&own->sender, floor_for(own, l, now_ms), grant));
	len = session_seal(s, FRAME_CONTROL, message, w.pos);
	aead_wipe(grant, sizeof(grant));
	if (n->cb.publish(n->cb.arg, s->topic, message, len) == -1)
		return false;
	stats_count(n->stats, STAT_MULTICAST_KEYS_SENT);
	channel_sent(l->channel, true, now_ms);
	return true;
}

/* In psk mode a channel is about one of our ids, in pubkey mode about us. */
static bool
concerns(const struct native *n, const struct native_lane *l, const struct native_id *own)
{
	return n->network->mode == NETWORK_PUBKEY ||
	       addr_equal(&channel_own(l->channel)->addr, &own->id.addr);
}

void
native_grant(struct native *n, struct native_lane *l, uint64_t now_ms)
{
	bool told = false;

	for (size_t i = 0; i < n->id_count; i++)
		if (n->ids[i].sender.ready && concerns(n, l, &n->ids[i]))
			told |= grant_one(n, l, &n->ids[i], now_ms);
	if (told)
		l->keys_told_ms = now_ms;
}

static void
grant_to_all(struct native *n, struct native_id *own, uint64_t now_ms)
{
	struct channel_facts facts;
	struct native_lane *l;

	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next) {
		for (size_t i = 0; i < p->lane_count; i++) {
			l = p->lanes[i];
			channel_facts(l->channel, &facts);
			if (facts.state == CHANNEL_UP && concerns(n, l, own) &&
			    grant_one(n, l, own, now_ms))
				l->keys_told_ms = now_ms;
		}
	}
}

/* New keys are made when they are needed. */
void
native_renew_keys(struct native *n)
{
	for (size_t i = 0; i < n->id_count; i++)
		multicast_sender_clear(&n->ids[i].sender);
}

static void
keep_fresh(struct native *n, struct native_id *own, uint64_t now_ms)
{
	struct multicast_sender *m = &own->sender;

	if (m->ready && now_ms < m->created_ms + MULTICAST_LIFETIME_MS)
		return;
	multicast_sender_renew(m, n->network->mode == NETWORK_PUBKEY, now_ms);
	own->stretch.counter = own->stretch.before = 0;
	grant_to_all(n, own, now_ms); /* on the way before the first message under it */
}

void
native_broadcast(struct native *n, struct packet *p)
{
	fq_enqueue(&n->everyone, p, n->cb.clock_us(n->cb.arg));
}

/* Returns the length of the message in n->plain; 0 if there is no key. */
static size_t
seal_to_all(struct native *n, struct native_id *own, size_t used, uint64_t now_ms)
{
	if (n->group != NULL)
		return native_group_seal_all(n, n->plain, used, now_ms);
	keep_fresh(n, own, now_ms);
	native_recent_floor(&own->stretch, own->sender.counter, now_ms);
	return multicast_seal(&own->sender, n->network, &own->id, n->plain, used);
}

static void
publish_to_all(struct native *n, struct native_id *own, size_t used, size_t packet_len, size_t room,
    uint64_t now_ms)
{
	char topic[NETWORK_TOPIC_MAX];

	used = frame_pad(n->plain + FRAME_MULTICAST_HEADER_LEN, used, room, n->padding);
	used = seal_to_all(n, own, used, now_ms);
	if (used == 0) {
		stats_count(n->stats, STAT_TX_DROP_NO_LEASE);
		return;
	}
	network_topic(n->network, topic, n->network->broadcast_part, own->id.part);
	fq_served(&n->everyone, used);
	if (n->cb.publish(n->cb.arg, topic, n->plain, used) == -1) {
		stats_count(n->stats,
		    errno == ENOTCONN ? STAT_TX_DROP_NOT_CONNECTED : STAT_TX_DROP_PUBLISH);
		return;
	}
	stats_count(n->stats, STAT_TX_MESSAGES);
	stats_count(n->stats, STAT_TX_PACKETS);
	stats_count(n->stats, STAT_TX_BROADCASTS);
	stats_add(n->stats, STAT_TX_BYTES, packet_len);
}

/* Nobody knows who receives it, or what that can do: complete packets, one in a message. */
void
native_transmit_to_all(struct native *n, uint64_t now_ms)
{
	size_t room = n->max_message > MULTICAST_OVERHEAD ? n->max_message - MULTICAST_OVERHEAD : 0;
	struct packet *p = fq_dequeue(&n->everyone, n->cb.clock_us(n->cb.arg));
	uint8_t *record = n->plain + FRAME_MULTICAST_HEADER_LEN;
	struct packet_offload piece;
	struct native_id *own;
	struct ip_info ip;
	size_t len = 0;

	if (p == NULL)
		return;
	ip_parse(p->data, p->len, &ip);
	own = n->group != NULL ? &n->ids[0] : native_id_for(n, NULL, &ip.src, &ip.src);
	if (room > FRAME_RECORD_LEN)
		len = offload_cut(
		    p, record + FRAME_RECORD_LEN, room - FRAME_RECORD_LEN, 1, true, &piece);
	if (len == 0) {
		stats_count(n->stats, STAT_TX_DROP_TOO_BIG);
		packet_put(n->pool, p);
		return;
	}
	frame_put_head(record, FRAME_PACKET, len, 0);
	publish_to_all(n, own, FRAME_RECORD_LEN + len, len, room, now_ms);
	if (offload_is_cut(p))
		packet_put(n->pool, p);
	else
		fq_requeue(&n->everyone, p);
}

static bool
has_address(const struct peer *p, const struct addr *a)
{
	for (size_t i = 0; i < p->addr_count; i++)
		if (addr_equal(&p->addrs[i], a))
			return true;
	return false;
}

/* We ask at the topic's sender, as whichever of our ids: it only has to know that we are there. */
static void
ask_for_key(struct native *n, const struct network_topic *t, uint64_t key_id, uint64_t now_ms)
{
	struct notice v = {.kind = NOTICE_KEY_REQUEST, .key_id = key_id, .from = n->ids[0].id.addr};

	native_answer(n, t, &v, n->ids[0].id.part, now_ms);
}

static enum stat_id
drop_reason(int error)
{
	switch (error) {
	case MULTICAST_TOO_SHORT:
		return STAT_RX_DROP_TOO_SHORT;
	case MULTICAST_REPLAYED:
		return STAT_RX_DROP_REPLAY;
	default:
		return STAT_RX_DROP_AUTH;
	}
}

bool
native_open_multicast(struct native *n, const struct native_arrival *a)
{
	struct addr sender;
	void *owner;
	int rc = multicast_open(n->keys, n->network, a->topic.from, a->topic.from_len, &a->header,
	    a->message, a->len, n->plain, &sender, &owner);

	if (rc == MULTICAST_UNKNOWN_KEY)
		return false;
	if (rc >= 0)
		native_deliver(n, owner, NULL, &sender, n->plain, (size_t)rc, a->now_ms);
	else
		stats_count(n->stats, drop_reason(rc));
	return true;
}

void
native_take_grant(
    struct native *n, struct native_lane *l, const uint8_t *body, size_t len, uint64_t now_ms)
{
	struct peer *p = l->peer;
	struct network_id sender;
	struct wire_reader r;
	struct addr a;

	wire_reader_init(&r, body, len);
	if (network_read_addr(&r, &a) == -1)
		return;
	if (n->network->mode == NETWORK_PUBKEY ? !has_address(p, &a)
					       : !addr_equal(&a, &channel_remote(l->channel)->addr))
		return;
	network_id(n->network, &a, &sender);
	if (multicast_table_grant(n->keys, &sender, p, body + r.pos, wire_left(&r)) == -1)
		return;
	stats_count(n->stats, STAT_MULTICAST_KEYS_RECEIVED);
	native_receive_held(n, now_ms);
}

void
native_receive_multicast(struct native *n, const struct native_arrival *a)
{
	if (native_is_our_own(n, a) || native_open_multicast(n, a))
		return;
	native_hold(n, a);
	ask_for_key(n, &a->topic, a->header.key_id, a->now_ms);
}
