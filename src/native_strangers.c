/*
 * What comes from outside of any session: first messages, answers to ours, and notices. All that is
 * done for these is limited, as anybody may send them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <string.h>

#include "aead_hash.h"
#include "log.h"
#include "native_internal.h"

static bool
may(struct bucket *slots, const char *part, size_t len, uint64_t now_ms)
{
	return bucket_take_by_name(
	    slots, NATIVE_SENDER_SLOTS, part, len, 1, NATIVE_SENDER_BURST, now_ms);
}

void
native_answer(struct native *n, const struct network_topic *t, const struct notice *v,
    const char *from, uint64_t now_ms)
{
	char to[NETWORK_PART_MAX];

	if (!network_is_part(n->network, t->from, t->from_len) ||
	    !may(n->answers, t->from, t->from_len, now_ms) ||
	    !bucket_take(&n->notices, NATIVE_NOTICES_PER_S, NATIVE_NOTICES_PER_S, now_ms))
		return;
	memcpy(to, t->from, t->from_len);
	to[t->from_len] = '\0';
	native_notice(n, v, to, from);
}

/* Handshakes. */

/*
 * An address that nobody has yet becomes a node, if it is one of our networks: a member could else
 * be our name server. What lies elsewhere has to be configured, or be sent to by ourselves first.
 */
static struct peer *
learn(struct native *n, const struct addr *a, uint64_t now_ms)
{
	for (size_t i = 0; i < n->addr_count; i++)
		if (prefix_contains(&n->addrs[i], a) && peer_for_destination(n->peers, a) == NULL)
			return peer_learn(n->peers, a, PEER_NATIVE, now_ms);
	return NULL;
}

/*
 * Who has opened a first message. In psk mode whoever it says that it is, where no other has that
 * address: it will have to prove that it listens there before it is believed.
 */
static struct peer *
find_initiator(struct native *n, const struct handshake *h, const struct handshake_hello *hello,
    uint64_t now_ms)
{
	char key[AEAD_KEY_TEXT], text[ADDR_TEXT_MAX];
	struct peer *p;

	if (native_is_unfit_source(n, &hello->from))
		return NULL;
	p = peer_by_address(n->peers, &hello->from);
	if (n->network->mode == NETWORK_PUBKEY) {
		if (p != NULL && p == peer_by_key(n->peers, handshake_public(h)))
			return p;
		aead_key_format(key, handshake_public(h));
		if (log_allow(&n->strangers, now_ms))
			log_info("%s wants a session with public key %s: no such peer is "
				 "configured",
			    addr_format(&hello->from, text), key);
		return NULL;
	}
	return p != NULL ? p : learn(n, &hello->from, now_ms);
}

static bool
is_flood(struct native *n, const struct native_arrival *a)
{
	return !may(n->first_messages, a->topic.from, a->topic.from_len, a->now_ms) ||
	       !bucket_take(
		   &n->handshakes, NATIVE_HANDSHAKES_PER_S, NATIVE_HANDSHAKES_PER_S, a->now_ms);
}

/* What can be judged before it costs anything. */
static bool
is_worth_opening(struct native *n, const struct native_arrival *a)
{
	if (handshake_check(n->network, &a->own->id, a->message, a->len) != 0)
		stats_count(n->stats, STAT_RX_DROP_HANDSHAKE);
	else if (seen_before(&n->seen_first, a->message, a->len))
		stats_count(n->stats, STAT_RX_DROP_REPLAY);
	else if (is_flood(n, a))
		stats_count(n->stats, STAT_RX_DROP_FLOOD);
	else
		return true;
	return false;
}

void
native_receive_init(struct native *n, const struct native_arrival *a)
{
	const struct network_id *own = &a->own->id;
	struct handshake_hello hello;
	struct handshake h;
	struct native_lane *l;
	struct peer *p;

	if (!is_worth_opening(n, a))
		return;
	/* Even if it fails, such as under another's topic: it was paid for. */
	seen_add(&n->seen_first, a->message, a->len);
	if (handshake_accept(&h, n->network, own, a->message, a->len, a->topic.from,
		a->topic.from_len, NULL, &hello) != 0) {
		stats_count(n->stats, STAT_RX_DROP_HANDSHAKE);
		return;
	}
	p = find_initiator(n, &h, &hello, a->now_ms);
	l = p != NULL && p->wire == PEER_NATIVE ? native_lane(n, p, own, &hello.from) : NULL;
	if (l == NULL) {
		handshake_clear(&h);
		stats_count(n->stats, STAT_RX_DROP_HANDSHAKE);
		return;
	}
	channel_accept(l->channel, &h, &hello, a->now_ms);
}

void
native_receive_response(struct native *n, const struct native_arrival *a)
{
	struct session *s = session_find(n->shared.sessions, a->header.index);

	if (s == NULL || s->has_keys ||
	    channel_answered(s->owner, s, &a->topic, a->message, a->len, a->now_ms) != 0)
		stats_count(n->stats, STAT_RX_DROP_HANDSHAKE);
}

/* Notices: hints, for which nothing is believed and little is done. */

/* In pubkey mode a peer has one channel, whichever of its addresses it speaks as. */
static void
hint_channels(const struct native *n, const struct peer *p, const struct addr *remote,
    uint32_t index, uint64_t now_ms)
{
	struct channel *c;

	for (size_t i = 0; i < p->lane_count; i++) {
		c = p->lanes[i]->channel;
		if (n->network->mode == NETWORK_PUBKEY ||
		    addr_equal(&channel_remote(c)->addr, remote))
			channel_hint(c, index, now_ms);
	}
}

static void
on_key_request(struct native *n, const struct native_arrival *a, const struct notice *v)
{
	struct peer *p = peer_by_address(n->peers, &v->from);
	struct native_lane *l;

	if (a->own == NULL || !a->own->sender.ready || a->own->sender.key_id != v->key_id)
		return;
	if (!may(n->key_requests, a->topic.from, a->topic.from_len, a->now_ms)) {
		stats_count(n->stats, STAT_RX_DROP_FLOOD);
		return;
	}
	if (p == NULL && n->network->mode == NETWORK_PSK)
		p = learn(n, &v->from, a->now_ms);
	if (p == NULL || p->wire != PEER_NATIVE)
		return;
	l = native_lane(n, p, &a->own->id, &v->from);
	if (l != NULL && channel_session(l->channel, a->now_ms) != NULL)
		native_grant(n, l, a->now_ms);
}

void
native_receive_notice(struct native *n, const struct native_arrival *a)
{
	struct notice v;
	struct peer *p;

	if (notice_open(n->network, &a->topic, a->message, a->len, &v) == -1) {
		stats_count(n->stats, STAT_RX_DROP_NOTICE);
		return;
	}
	if (seen_before(&n->seen_notices, a->message, a->len)) {
		stats_count(n->stats, STAT_RX_DROP_REPLAY);
		return;
	}
	seen_add(&n->seen_notices, a->message, a->len);
	stats_count(n->stats, STAT_NOTICES_RECEIVED);
	if (v.kind == NOTICE_PROBE && a->own != NULL && addr_equal(&a->own->id.addr, &v.from)) {
		n->cb.probe(n->cb.arg, v.token);
		return;
	}
	if (native_own(n, &v.from) != NULL)
		return;
	if (n->group != NULL) {
		native_on_group_reset(n, &v, a->now_ms);
		return;
	}
	p = peer_by_address(n->peers, &v.from);
	/* A reset of 0, which no session has and anybody can have told, would hint at any. */
	if (v.kind == NOTICE_KEY_REQUEST)
		on_key_request(n, a, &v);
	else if (p != NULL && v.kind == NOTICE_RESET && a->own != NULL && v.index != 0)
		hint_channels(n, p, &v.from, v.index, a->now_ms);
	else if (p != NULL && v.kind == NOTICE_STARTED)
		hint_channels(n, p, &v.from, 0, a->now_ms);
}
