/*
 * What comes in. The rules for what is outside of any session are those of the native wire: nothing
 * is believed, little is done, and no more often than so.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keywire.h"

#include <string.h>

#include "frame.h"
#include "handshake.h"
#include "keywire_internal.h"
#include "link.h"
#include "session.h"
#include "stats.h"

/* Of what anybody may send, a second; and of that by one sender, at once. */
#define HANDSHAKES_PER_S 1000
#define NOTICES_PER_S 100
#define SENDER_BURST 3
/* Of what a member says within its session: as much as one asks that goes by its own limits. */
#define REQUESTS_PER_S 200
#define REQUESTS_BURST 600

/* A message on its way in. */
struct arrival {
	struct network_topic topic;
	struct frame_header header;
	const uint8_t *message;
	size_t len;
	uint64_t now_ms;
};

static void
drop(struct keywire *w, enum stat_id reason)
{
	stats_count(w->shared.stats, reason);
}

static bool
may(const struct keywire *w, struct bucket *buckets, const struct arrival *a)
{
	return bucket_take_by_name(
	    buckets, w->bucket_count, a->topic.from, a->topic.from_len, 1, SENDER_BURST, a->now_ms);
}

static bool
is_worth_opening(struct keywire *w, const struct arrival *a)
{
	if (handshake_check(w->shared.network, &w->own, a->message, a->len) != 0)
		drop(w, STAT_RX_DROP_HANDSHAKE);
	else if (seen_before(&w->seen_first, a->message, a->len))
		drop(w, STAT_RX_DROP_REPLAY);
	else if (!may(w, w->first_messages, a) ||
		 !bucket_take(&w->handshakes, HANDSHAKES_PER_S, HANDSHAKES_PER_S, a->now_ms))
		drop(w, STAT_RX_DROP_FLOOD);
	else
		return true;
	return false;
}

static bool
is_known(const struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN])
{
	if (w->is_server)
		return w->cb.knows(w->cb.arg, public_key);
	return aead_compare(public_key, w->server_key, AEAD_KEY_LEN) == 0;
}

static void
on_init(struct keywire *w, const struct arrival *a)
{
	struct handshake_hello hello;
	struct handshake h;
	struct addr from;
	struct keywire_end *e = NULL;

	if (!is_worth_opening(w, a))
		return;
	seen_add(&w->seen_first, a->message, a->len);
	if (handshake_accept(&h, w->shared.network, &w->own, a->message, a->len, a->topic.from,
		a->topic.from_len, NULL, &hello) != 0) {
		drop(w, STAT_RX_DROP_HANDSHAKE);
		return;
	}
	from = network_control_addr(handshake_public(&h));
	if (addr_equal(&from, &hello.from) && is_known(w, handshake_public(&h)))
		e = keywire_end(w, handshake_public(&h));
	if (e == NULL) {
		handshake_clear(&h);
		drop(w, STAT_RX_DROP_HANDSHAKE);
		return;
	}
	channel_accept(e->channel, &h, &hello, a->now_ms);
}

static void
on_response(struct keywire *w, const struct arrival *a)
{
	struct session *s = session_find(w->shared.sessions, a->header.index);

	if (s == NULL || s->has_keys ||
	    channel_answered(s->owner, s, &a->topic, a->message, a->len, a->now_ms) != 0)
		drop(w, STAT_RX_DROP_HANDSHAKE);
}

/* The other believes in a session that we do not have: perhaps we were started anew. */
static void
tell_unknown(struct keywire *w, const struct arrival *a)
{
	struct notice v = {.kind = NOTICE_RESET, .from = w->own.addr, .index = a->header.index};
	char to[NETWORK_PART_MAX];

	drop(w, STAT_RX_DROP_NO_SESSION);
	if (!network_is_part(w->shared.network, a->topic.from, a->topic.from_len) ||
	    !may(w, w->answers, a) ||
	    !bucket_take(&w->notices, NOTICES_PER_S, NOTICES_PER_S, a->now_ms))
		return;
	memcpy(to, a->topic.from, a->topic.from_len);
	to[a->topic.from_len] = '\0';
	keywire_notice(w, &v, to);
}

static enum stat_id
drop_reason(int error)
{
	return error == SESSION_TOO_SHORT  ? STAT_RX_DROP_TOO_SHORT
	       : error == SESSION_REPLAYED ? STAT_RX_DROP_REPLAY
					   : STAT_RX_DROP_AUTH;
}

/* One that asks as fast as it can does not take from the others what the way out carries. */
static bool
is_too_much(const struct keywire *w, struct keywire_end *e, uint64_t now_ms)
{
	return w->is_server && !bucket_take(&e->requests, REQUESTS_PER_S, REQUESTS_BURST, now_ms);
}

static void
on_sealed(struct keywire *w, const struct arrival *a)
{
	struct session *s = session_find(w->shared.sessions, a->header.index);
	uint8_t plain[KEYWIRE_MESSAGE_MAX + SESSION_OVERHEAD];
	struct keywire_end *e;
	int len;

	if (s == NULL || !s->has_keys || strlen(s->from) != a->topic.from_len ||
	    memcmp(s->from, a->topic.from, a->topic.from_len) != 0) {
		tell_unknown(w, a);
		return;
	}
	len = session_open(s, &a->header, a->message, a->len, plain);
	if (len < 0) {
		drop(w, drop_reason(len));
		return;
	}
	e = channel_owner(s->owner);
	channel_received(e->channel, s, len == 0 || !w->is_server, a->now_ms);
	if (len > 0 && is_too_much(w, e, a->now_ms))
		drop(w, STAT_RX_DROP_FLOOD);
	else if (a->header.type == FRAME_CONTROL && len > 0)
		w->cb.receive(w->cb.arg, e->public_key, plain, (size_t)len, a->now_ms);
	aead_wipe(plain, (size_t)len);
}

static void
on_notice(struct keywire *w, const struct arrival *a)
{
	struct notice v;
	struct keywire_end *e;

	if (notice_open(w->shared.network, &a->topic, a->message, a->len, &v) == -1) {
		drop(w, STAT_RX_DROP_NOTICE);
		return;
	}
	if (seen_before(&w->seen_notices, a->message, a->len)) {
		drop(w, STAT_RX_DROP_REPLAY);
		return;
	}
	seen_add(&w->seen_notices, a->message, a->len);
	stats_count(w->shared.stats, STAT_NOTICES_RECEIVED);
	if (v.kind == NOTICE_PROBE && addr_equal(&v.from, &w->own.addr)) {
		w->cb.probe(w->cb.arg, v.token);
		return;
	}
	e = keywire_find(w, &v.from);
	if (e != NULL && v.kind == NOTICE_RESET && v.index != 0)
		channel_hint(e->channel, v.index, a->now_ms);
}

static void
dispatch(struct keywire *w, const struct arrival *a)
{
	switch (a->header.type) {
	case FRAME_INIT:
		on_init(w, a);
		break;
	case FRAME_RESPONSE:
		on_response(w, a);
		break;
	case FRAME_NOTICE:
		on_notice(w, a);
		break;
	case FRAME_DATA:
	case FRAME_CONTROL:
		on_sealed(w, a);
		break;
	default:
		drop(w, STAT_RX_DROP_TOPIC);
		break;
	}
}

static bool
is(const char *part, const char *other, size_t other_len)
{
	return strlen(part) == other_len && memcmp(part, other, other_len) == 0;
}

/* To all of our group, by the server's topic. */
static bool
is_told(const struct keywire *w, const struct network_topic *t)
{
	return !w->is_server && is(w->group_part, t->to, t->to_len) &&
	       is(w->server.part, t->from, t->from_len);
}

static bool
unwanted(struct keywire *w, const struct link_message *m, int parsed)
{
	if (m->retain)
		drop(w, STAT_RX_DROP_RETAINED);
	else if (m->qos > 0)
		drop(w, STAT_RX_DROP_QOS);
	else if (parsed != 0)
		drop(w, parsed == FRAME_TOO_SHORT ? STAT_RX_DROP_TOO_SHORT : STAT_RX_DROP_VERSION);
	else
		return false;
	return true;
}

/* Notices are few, and the probe among them must not get lost. */
static bool
is_asked(const struct keywire *w, const struct arrival *a)
{
	return w->is_server && a->header.type != FRAME_NOTICE;
}

bool
keywire_receive(struct keywire *w, const struct link_message *m, uint64_t now_ms)
{
	struct arrival a = {.message = m->payload, .len = m->len, .now_ms = now_ms};
	bool told;
	int rc;

	if (network_topic_parse(w->shared.network, m->topic, &a.topic) == -1)
		return false;
	told = is_told(w, &a.topic);
	if (!told && !is(w->own.part, a.topic.to, a.topic.to_len))
		return false;
	rc = frame_parse(m->payload, m->len, &a.header);
	if (unwanted(w, m, rc))
		return true;
	if (told && a.header.type == FRAME_REKEY)
		w->cb.told(w->cb.arg, m->payload, m->len, now_ms);
	else if (told || m->len > KEYWIRE_MESSAGE_MAX + SESSION_OVERHEAD)
		drop(w, told ? STAT_RX_DROP_TOPIC : STAT_RX_DROP_TOO_BIG);
	else if (is_asked(w, &a) && !w->cb.can_answer(w->cb.arg))
		drop(w, STAT_RX_DROP_FLOOD);
	else
		dispatch(w, &a);
	return true;
}
