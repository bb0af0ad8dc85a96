/*
 * The path up: a message is judged by its topic and header, opened by whoever is meant, checked
 * record by record and delivered. What the state machines are told has been authenticated.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <string.h>

#include "ip.h"
#include "link.h"
#include "native_internal.h"

static void
drop(struct native *n, enum stat_id reason)
{
	stats_count(n->stats, reason);
}

static void
drop_from(struct native *n, struct peer *p, enum stat_id reason)
{
	drop(n, reason);
	p->drops++;
}

/* Packets. */

static bool
is_broadcast(const struct native *n, const struct addr *a)
{
	static const struct addr limited = {ADDR_IPV4, {255, 255, 255, 255}};
	struct addr directed;

	for (size_t i = 0; i < n->addr_count; i++) {
		directed = prefix_broadcast(&n->addrs[i]);
		if (directed.family != ADDR_NONE && addr_equal(&directed, a))
			return true;
	}
	return addr_equal(&limited, a);
}

/* Ours, or none's: no peer may use it, whatever the configuration says. */
bool
native_is_unfit_source(struct native *n, const struct addr *src)
{
	return native_own(n, src) != NULL || addr_is_multicast(src) || addr_is_loopback(src) ||
	       addr_is_link_local(src) || addr_is_unspecified(src) || is_broadcast(n, src);
}

/* Whether p may send as src. remote: the address that it has proven to listen on. */
static bool
may_send_as(
    struct native *n, const struct peer *p, const struct addr *remote, const struct addr *src)
{
	if (native_is_unfit_source(n, src))
		return false;
	if (n->network->mode == NETWORK_PSK && addr_equal(src, remote))
		return true;
	return p->configured && peer_for_destination(n->peers, src) == p;
}

/* Whether the packet is what it says, and may come from there; *o is filled. */
static bool
check_packet(struct native *n, const struct peer *p, const struct addr *remote,
    const struct frame_record *r, uint8_t *packet, struct packet_offload *o, enum stat_id *reason)
{
	struct ip_info ip;

	if (ip_parse(packet, r->len, &ip) != IP_OK)
		return false;
	if (!may_send_as(n, p, remote, &ip.src)) {
		*reason = STAT_RX_DROP_SPOOFED;
		return false;
	}
	*o = (struct packet_offload){.partial = false};
	if (r->kind == FRAME_PACKET)
		return true;
	*reason = STAT_RX_DROP_OFFLOAD;
	return offload_check(packet, r->len, r->gso_size, o) == 0;
}

/* Judges all records of a message; false with the reason to drop it. Only a peer that has told what
 * it can do gets, and so may send, what is more than a packet. */
static bool
check_records(struct native *n, const struct peer *p, bool simple, const struct addr *remote,
    uint8_t *plain, size_t len, enum stat_id *reason)
{
	struct packet_offload o;
	struct frame_record r;
	size_t pos = 0;
	int rc;

	while ((rc = frame_next(plain, len, &pos, &r)) == 1) {
		*reason = STAT_RX_DROP_BATCH;
		if ((simple && r.kind != FRAME_PACKET) ||
		    (r.kind > FRAME_REPORT && n->group == NULL))
			return false;
		if (r.packet != NULL &&
		    !check_packet(n, p, remote, &r, plain + (r.packet - plain), &o, reason))
			return false;
	}
	*reason = rc == FRAME_BAD_GSO ? STAT_RX_DROP_OFFLOAD : STAT_RX_DROP_BATCH;
	return rc == 0;
}

static void
give_joined(struct native *n)
{
	struct offload_merge *m = &n->merge;

	if (m->count == 0)
		return;
	offload_merge_end(m);
	n->cb.deliver(n->cb.arg, &m->offload, m->iov, m->count, m->len);
	offload_merge_reset(m);
}

/* One that others may be joined to. */
static void
give_plain(struct native *n, uint8_t *packet, size_t len)
{
	if (offload_merge_add(&n->merge, packet, len)) {
		if (n->merge.count > 1)
			stats_count(n->stats, STAT_RX_JOINED_PACKETS);
		return;
	}
	give_joined(n);
	offload_merge_add(&n->merge, packet, len);
}

static void
give_partial(struct native *n, uint8_t *packet, const struct frame_record *r)
{
	struct iovec iov = {packet, r->len};
	struct packet_offload o;

	give_joined(n); /* packets keep their order */
	if (offload_check(packet, r->len, r->gso_size, &o) != 0)
		return; /* not so a moment ago */
	if (o.gso_size > 0)
		stats_count(n->stats, STAT_RX_SUPER_PACKETS);
	n->cb.deliver(n->cb.arg, &o, &iov, 1, r->len);
}

static void
give(struct native *n, struct native_lane *l, uint8_t *packet, const struct frame_record *r,
    uint64_t now_ms)
{
	switch (r->kind) {
	case FRAME_PACKET:
		give_plain(n, packet, r->len);
		break;
	case FRAME_PARTIAL:
	case FRAME_SUPER:
		give_partial(n, packet, r);
		break;
	case FRAME_ASK:
		native_on_ask(l, r->token);
		break;
	case FRAME_REPORT:
		native_on_report(l, r->token, r->count);
		break;
	case FRAME_ASK_FLOOR:
		native_on_ask_floor(l, r->token, now_ms);
		break;
	case FRAME_FLOOR:
		native_on_floor(l, r->token, r->count);
		break;
	case FRAME_PADDING:
		break;
	}
}

bool
native_has_packets(const uint8_t *plain, size_t len)
{
	struct frame_record r;
	size_t pos = 0;

	while (frame_next(plain, len, &pos, &r) == 1)
		if (r.packet != NULL)
			return true;
	return false;
}

void
native_deliver(struct native *n, struct peer *p, struct native_lane *l, const struct addr *remote,
    uint8_t *plain, size_t len, uint64_t now_ms)
{
	struct frame_record r;
	enum stat_id reason;
	size_t pos = 0;

	if (!check_records(n, p, l == NULL, remote, plain, len, &reason)) {
		drop_from(n, p, reason);
		return;
	}
	if (native_has_packets(plain, len))
		stats_count(n->stats, STAT_RX_MESSAGES);
	while (frame_next(plain, len, &pos, &r) == 1) {
		if (r.packet != NULL)
			peer_heard(p, r.len, now_ms);
		give(n, l, plain + (r.packet != NULL ? r.packet - plain : 0), &r, now_ms);
	}
	give_joined(n);
}

/* Sessions. */

/* Its sender believes in a session that we do not have: perhaps we were started anew. */
static void
tell_unknown(struct native *n, const struct native_arrival *a)
{
	struct notice v = {.kind = NOTICE_RESET, .from = a->own->id.addr, .index = a->header.index};

	drop(n, STAT_RX_DROP_NO_SESSION);
	native_answer(n, &a->topic, &v, a->own->id.part, a->now_ms);
}

static enum stat_id
session_drop_reason(int error)
{
	switch (error) {
	case SESSION_TOO_SHORT:
		return STAT_RX_DROP_TOO_SHORT;
	case SESSION_REPLAYED:
		return STAT_RX_DROP_REPLAY;
	default:
		return STAT_RX_DROP_AUTH;
	}
}

static bool
came_from(const struct network_topic *t, const char *part)
{
	return strlen(part) == t->from_len && memcmp(part, t->from, t->from_len) == 0;
}

/* The session with keys that the message names, if it came by the way that this session has. */
static struct session *
find_session(const struct native *n, const struct native_arrival *a)
{
	struct session *s = session_find(n->shared.sessions, a->header.index);

	if (s == NULL || !s->has_keys || memcmp(s->rx_tag, a->own->id.tag, NETWORK_TAG_LEN) != 0 ||
	    !came_from(&a->topic, s->from))
		return NULL;
	return s;
}

static struct native_lane *
lane_of(const struct session *s)
{
	return channel_owner(s->owner);
}

/* Opens into n->plain. Returns the length, or -1 when it was dropped. */
static int
open_message(struct native *n, const struct native_arrival *a, struct session **s)
{
	int len;

	*s = find_session(n, a);
	if (*s == NULL) {
		tell_unknown(n, a);
		return -1;
	}
	len = session_open(*s, &a->header, a->message, a->len, n->plain);
	if (len < 0) {
		drop_from(n, lane_of(*s)->peer, session_drop_reason(len));
		return -1;
	}
	return len;
}

static void
on_data(struct native *n, const struct native_arrival *a)
{
	struct native_lane *l;
	struct session *s;
	int len = open_message(n, a, &s);
	bool has;

	if (len == -1)
		return;
	l = lane_of(s);
	has = native_has_packets(n->plain, (size_t)len);
	if (has)
		l->received += a->len;
	channel_received(l->channel, s, !has, a->now_ms);
	if (len > 0)
		native_deliver(n, l->peer, l, &channel_remote(l->channel)->addr, n->plain,
		    (size_t)len, a->now_ms);
}

static void
on_control(struct native *n, const struct native_arrival *a)
{
	struct native_lane *l;
	struct session *s;
	int len = open_message(n, a, &s);

	if (len == -1)
		return;
	l = lane_of(s);
	channel_received(l->channel, s, true, a->now_ms);
	if (len > 0 && n->plain[0] == NATIVE_CONTROL_GRANT)
		native_take_grant(n, l, n->plain + 1, (size_t)len - 1, a->now_ms);
	else if (len > 0 && n->plain[0] == NATIVE_CONTROL_CLOSE)
		channel_closed(l->channel, s);
}

/* The way in. */

struct native_id *
native_find_own(struct native *n, const struct network_topic *t)
{
	for (size_t i = 0; i < n->id_count; i++)
		if (strlen(n->ids[i].id.part) == t->to_len &&
		    memcmp(n->ids[i].id.part, t->to, t->to_len) == 0)
			return &n->ids[i];
	return NULL;
}

bool
native_is_our_own(struct native *n, const struct native_arrival *a)
{
	for (size_t i = 0; i < n->id_count; i++) {
		if (came_from(&a->topic, n->ids[i].id.part)) {
			drop(n, STAT_RX_DROP_OWN_SOURCE);
			return true;
		}
	}
	return false;
}

static bool
is_for_all(const struct native *n, const struct network_topic *t)
{
	return strlen(n->network->broadcast_part) == t->to_len &&
	       memcmp(n->network->broadcast_part, t->to, t->to_len) == 0;
}

static void
dispatch(struct native *n, const struct native_arrival *a)
{
	switch (a->header.type) {
	case FRAME_NOTICE:
		native_receive_notice(n, a);
		break;
	case FRAME_MULTICAST:
		native_receive_multicast(n, a);
		break;
	case FRAME_GROUP:
	case FRAME_GROUP_ONE:
		native_receive_group(n, a);
		break;
	case FRAME_DATA:
		on_data(n, a);
		break;
	case FRAME_CONTROL:
		on_control(n, a);
		break;
	case FRAME_INIT:
		native_receive_init(n, a);
		break;
	case FRAME_RESPONSE:
		native_receive_response(n, a);
		break;
	case FRAME_REKEY:
		break;
	}
}

/* Whether a message of that type belongs into this network, and to this topic. */
static bool
is_in_place(const struct native *n, const struct native_arrival *a)
{
	switch (a->header.type) {
	case FRAME_NOTICE:
		return true;
	case FRAME_MULTICAST:
		return n->group == NULL && a->own == NULL;
	case FRAME_GROUP:
		return n->group != NULL && a->own == NULL;
	case FRAME_GROUP_ONE:
		return n->group != NULL && a->own != NULL;
	case FRAME_REKEY:
		return false;
	default:
		return n->group == NULL && a->own != NULL;
	}
}

static enum stat_id
unwanted_reason(const struct link_message *m, int parsed)
{
	if (m->retain)
		return STAT_RX_DROP_RETAINED;
	if (m->qos > 0)
		return STAT_RX_DROP_QOS;
	if (m->len > FRAME_MESSAGE_MAX)
		return STAT_RX_DROP_TOO_BIG;
	return parsed == FRAME_TOO_SHORT ? STAT_RX_DROP_TOO_SHORT : STAT_RX_DROP_VERSION;
}

bool
native_receive(struct native *n, const struct link_message *m, uint64_t now_ms)
{
	struct native_arrival a = {
	    .message = m->payload, .len = m->len, .now_ms = now_ms, .came_ms = now_ms};
	int rc;

	if (network_topic_parse(n->network, m->topic, &a.topic) == -1)
		return false;
	a.own = native_find_own(n, &a.topic);
	if (a.own == NULL && !is_for_all(n, &a.topic)) {
		drop(n, STAT_RX_DROP_TOPIC);
		return true;
	}
	rc = frame_parse(m->payload, m->len, &a.header);
	if (m->retain || m->qos > 0 || m->len > FRAME_MESSAGE_MAX || rc != 0)
		drop(n, unwanted_reason(m, rc));
	else if (!is_in_place(n, &a))
		drop(n, STAT_RX_DROP_TOPIC);
	else
		dispatch(n, &a);
	return true;
}
