/*
 * Two nodes and a network in memory.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "pair.h"

#include <stdlib.h>
#include <string.h>

#include "channel_internal.h" /* to see which sessions the ends are in */
#include "frame.h"
#include "notice.h"
#include "session.h"
#include "wheel.h"

#define START_MS 1000000
#define DELAY_MS 10

/* What an end gives out. */

static void
count_published(struct pair_end *e, const struct pair_message *m)
{
	switch (m->bytes[1]) {
	case FRAME_INIT:
		e->firsts++;
		return;
	case FRAME_RESPONSE:
		e->answers++;
		return;
	case FRAME_NOTICE:
		e->notices++;
		return;
	default:
		break;
	}
	if (m->len == SESSION_OVERHEAD)
		e->keepalives++;
	else
		e->packets++;
}

static int
on_publish(void *arg, const char *topic, const uint8_t *message, size_t len)
{
	struct pair_end *e = arg;
	struct pair *p = e->pair;
	struct pair_message m = {.to = 1 - e->number, .len = len};

	PAIR_REQUIRE(len <= sizeof(m.bytes));
	strcpy(m.topic, topic);
	memcpy(m.bytes, message, len);
	count_published(e, &m);
	if (p->cb.published != NULL)
		p->cb.published(p->cb.arg, e, &m);
	else if (!p->cut[m.to])
		pair_carry(p, &m, p->now_ms + p->delay_ms);
	return 0;
}

/* Whatever it returns, the packet may be lost on the way. */
static void
send_with(struct pair_end *e, struct session *s, const uint8_t *packet, size_t len)
{
	uint8_t message[FRAME_RECORD_LEN + PAIR_PACKET_MAX + SESSION_OVERHEAD];
	size_t used = frame_append(
	    message + FRAME_HEADER_LEN, 0, sizeof(message) - SESSION_OVERHEAD, packet, len);

	PAIR_REQUIRE(used != 0);
	on_publish(e, s->topic, message, session_seal(s, FRAME_DATA, message, used));
	channel_sent(e->channel, false, e->pair->now_ms);
}

void
pair_send(struct pair *p, int number, const void *packet, size_t len)
{
	struct pair_end *e = &p->end[number];
	struct session *s = channel_session(e->channel, p->now_ms);

	if (s != NULL)
		send_with(e, s, packet, len);
	else
		e->lost += backlog_add(&e->waiting, &e->budget, packet, len);
}

static void
on_ready(void *arg, struct channel *c, uint64_t now_ms)
{
	struct pair_end *e = arg;
	struct session *s = channel_session(c, now_ms);
	struct backlog_packet *waiting;

	e->ready++;
	PAIR_REQUIRE(s != NULL);
	while ((waiting = backlog_take(&e->waiting, &e->budget)) != NULL) {
		send_with(e, s, waiting->data, waiting->len);
		free(waiting);
	}
}

static void
on_gave_up(void *arg, struct channel *c)
{
	struct pair_end *e = arg;

	e->gave_up++;
	e->lost += backlog_clear(&e->waiting, &e->budget);
}

static void
on_retry(void *arg, struct channel *c)
{
	struct pair_end *e = arg;

	e->retries++;
}

static uint64_t
on_clock(void *arg)
{
	const struct pair_end *e = arg;

	return e->pair->now_ms * 1000;
}

static void
tell(struct pair_end *e, const struct notice *v, const char *to)
{
	uint8_t message[NOTICE_MAX];
	char topic[NETWORK_TOPIC_MAX];
	size_t len = notice_seal(&e->network, v, to, message);

	on_publish(e, network_topic(&e->network, topic, to, e->id.part), message, len);
}

/* What an end takes in. */

static void
take_first(struct pair_end *e, const struct network_topic *t, const struct pair_message *m)
{
	const struct pair_end *other = &e->pair->end[1 - e->number];
	struct handshake_hello hello;
	struct handshake h;

	if (handshake_check(&e->network, &e->id, m->bytes, m->len) != 0 ||
	    handshake_accept(
		&h, &e->network, &e->id, m->bytes, m->len, t->from, t->from_len, NULL, &hello) != 0)
		return;
	PAIR_REQUIRE(addr_equal(&hello.from, &other->id.addr));
	if (e->network.mode == NETWORK_PUBKEY)
		PAIR_REQUIRE(
		    memcmp(handshake_public(&h), other->network.public_key, AEAD_KEY_LEN) == 0);
	PAIR_REQUIRE(channel_accept(e->channel, &h, &hello, e->pair->now_ms) == 0);
}

static void
take_answer(struct pair_end *e, const struct network_topic *t, const struct frame_header *h,
    const struct pair_message *m)
{
	struct session *s = session_find(e->shared.sessions, h->index);

	if (s != NULL && !s->has_keys)
		channel_answered(s->owner, s, t, m->bytes, m->len, e->pair->now_ms);
}

static struct session *
find_session(const struct pair_end *e, const struct network_topic *t, uint32_t index)
{
	struct session *s = session_find(e->shared.sessions, index);

	if (s == NULL || !s->has_keys || memcmp(s->rx_tag, e->id.tag, NETWORK_TAG_LEN) != 0 ||
	    strlen(s->from) != t->from_len || memcmp(s->from, t->from, t->from_len) != 0)
		return NULL;
	return s;
}

static void
deliver(struct pair_end *e, const uint8_t *plain, size_t len)
{
	const struct pair_callbacks *cb = &e->pair->cb;
	struct frame_record r;
	size_t pos = 0;

	while (frame_next(plain, len, &pos, &r) == 1) {
		e->delivered++;
		if (cb->delivered != NULL)
			cb->delivered(cb->arg, e, r.packet, r.len);
	}
}

static void
take_data(struct pair_end *e, const struct network_topic *t, const struct frame_header *h,
    const struct pair_message *m)
{
	struct notice reset = {.kind = NOTICE_RESET, .from = e->id.addr, .index = h->index};
	struct session *s = find_session(e, t, h->index);
	uint8_t plain[HANDSHAKE_MESSAGE_MAX];
	char to[NETWORK_PART_MAX] = "";
	int len;

	if (s == NULL) {
		e->unknown++;
		memcpy(to, t->from, t->from_len);
		tell(e, &reset, to);
		return;
	}
	len = session_open(s, h, m->bytes, m->len, plain);
	if (len < 0)
		return;
	channel_received(e->channel, s, len == 0, e->pair->now_ms);
	deliver(e, plain, (size_t)len);
}

static void
take_notice(struct pair_end *e, const struct network_topic *t, const struct pair_message *m)
{
	struct notice v;

	if (notice_open(&e->network, t, m->bytes, m->len, &v) == -1 ||
	    !addr_equal(&v.from, &channel_remote(e->channel)->addr))
		return;
	channel_hint(e->channel, v.kind == NOTICE_RESET ? v.index : 0, e->pair->now_ms);
}

static bool
is_meant(const struct pair_end *e, const struct network_topic *t)
{
	return (strlen(e->id.part) == t->to_len && memcmp(e->id.part, t->to, t->to_len) == 0) ||
	       (strlen(e->network.broadcast_part) == t->to_len &&
		   memcmp(e->network.broadcast_part, t->to, t->to_len) == 0);
}

static void
take(struct pair_end *e, const struct pair_message *m)
{
	struct network_topic t;
	struct frame_header h;

	if (network_topic_parse(&e->network, m->topic, &t) == -1 || !is_meant(e, &t) ||
	    frame_parse(m->bytes, m->len, &h) != 0)
		return;
	switch (h.type) {
	case FRAME_INIT:
		take_first(e, &t, m);
		break;
	case FRAME_RESPONSE:
		take_answer(e, &t, &h, m);
		break;
	case FRAME_NOTICE:
		take_notice(e, &t, m);
		break;
	default:
		take_data(e, &t, &h, m);
		break;
	}
}

/* The network, and time. */

void
pair_carry(struct pair *p, const struct pair_message *m, uint64_t at_ms)
{
	struct pair_message **place = &p->flying, *copy = malloc(sizeof(*copy));

	PAIR_REQUIRE(copy != NULL);
	*copy = *m;
	copy->at_ms = at_ms;
	while (*place != NULL && (*place)->at_ms <= at_ms)
		place = &(*place)->next;
	copy->next = *place;
	*place = copy;
}

static struct pair_message *
land(struct pair *p)
{
	struct pair_message *m = p->flying;

	if (m != NULL)
		p->flying = m->next;
	return m;
}

void
pair_lose_flying(struct pair *p)
{
	while (p->flying != NULL)
		free(land(p));
}

static uint64_t
next_event(const struct pair *p)
{
	uint64_t at = p->flying != NULL ? p->flying->at_ms : WHEEL_NEVER, due;

	for (int i = 0; i < 2; i++) {
		due = wheel_next_due(p->end[i].wheel);
		if (due < at)
			at = due;
	}
	return at;
}

void
pair_run(struct pair *p, uint64_t until_ms)
{
	struct pair_message *m;

	while (next_event(p) <= until_ms) {
		if (next_event(p) > p->now_ms)
			p->now_ms = next_event(p);
		while (p->flying != NULL && p->flying->at_ms <= p->now_ms) {
			m = land(p);
			take(&p->end[m->to], m);
			free(m);
		}
		for (int i = 0; i < 2; i++)
			wheel_run(p->end[i].wheel, p->now_ms);
	}
	p->now_ms = until_ms;
}

void
pair_pass(struct pair *p, uint64_t ms)
{
	pair_run(p, p->now_ms + ms);
}

/* Begin and end. */

static void
join_network(struct pair_end *e, enum network_mode mode)
{
	static const uint8_t secret[AEAD_KEY_LEN] = {42};
	uint8_t private_key[AEAD_KEY_LEN] = {0, (uint8_t)(e->number + 1)};
	struct network_params params = {
	    .mode = mode, .name = "test", .prefix = "mv", .secret = secret};
	struct addr a;

	if (mode == NETWORK_PUBKEY)
		params.private_key = private_key;
	network_init(&e->network, &params);
	ck_assert_int_eq(addr_parse(e->number == 0 ? "10.9.0.1" : "10.9.0.2", &a), 0);
	network_id(&e->network, &a, &e->id);
}

static void
begin(struct pair_end *e)
{
	const struct pair_end *other = &e->pair->end[1 - e->number];
	bool pubkey = e->network.mode == NETWORK_PUBKEY;

	e->shared.sessions = session_table_new(NULL);
	ck_assert_ptr_nonnull(e->shared.sessions);
	e->channel = channel_new(
	    &e->shared, e, &e->id, &other->id, pubkey ? other->network.public_key : NULL);
	ck_assert_ptr_nonnull(e->channel);
}

static void
finish(struct pair_end *e)
{
	channel_free(e->channel);
	ck_assert_uint_eq(session_table_count(e->shared.sessions), 0);
	backlog_clear(&e->waiting, &e->budget);
	session_table_free(e->shared.sessions);
}

static void
open_end(struct pair *p, int number, enum network_mode mode, uint32_t rekey_ms)
{
	struct pair_end *e = &p->end[number];

	e->pair = p;
	e->number = number;
	join_network(e, mode);
	e->wheel = wheel_new(p->now_ms, NULL, NULL);
	ck_assert_ptr_nonnull(e->wheel);
	e->shared = (struct channel_shared){
	    .wheel = e->wheel,
	    .network = &e->network,
	    .stats = &e->stats,
	    .callbacks = {on_publish, on_ready, on_gave_up, on_retry, on_clock, e},
	    .rekey_ms = rekey_ms,
	    .max_message = FRAME_MESSAGE_MAX,
	};
	e->budget.max = 1024 * 1024;
	e->shared.name[0] = (char)('A' + number);
}

void
pair_open(
    struct pair *p, enum network_mode mode, uint32_t rekey_ms, const struct pair_callbacks *cb)
{
	memset(p, 0, sizeof(*p));
	p->now_ms = START_MS;
	p->delay_ms = DELAY_MS;
	if (cb != NULL)
		p->cb = *cb;
	for (int i = 0; i < 2; i++)
		open_end(p, i, mode, rekey_ms);
	for (int i = 0; i < 2; i++)
		begin(&p->end[i]);
}

void
pair_close(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		finish(&p->end[i]);
		wheel_free(p->end[i].wheel);
		network_clear(&p->end[i].network);
	}
	pair_lose_flying(p);
}

void
pair_restart(struct pair *p, int number, bool announce)
{
	struct pair_end *e = &p->end[number];
	struct notice started = {.kind = NOTICE_STARTED, .from = e->id.addr};

	finish(e);
	begin(e);
	if (announce)
		tell(e, &started, e->network.broadcast_part);
}

/* What the test may know. */

int
pair_first(const struct pair *p)
{
	return channel_goes_first(p->end[0].channel) ? 0 : 1;
}

size_t
pair_sessions(const struct pair *p, int number)
{
	return session_table_count(p->end[number].shared.sessions);
}

/* What the other end calls the session that this one sends with; NULL if it has none. */
static const struct session *
mate_of_current(const struct pair *p, int number)
{
	const struct session *s = p->end[number].channel->current, *mate;

	if (s == NULL)
		return NULL;
	mate = session_find(p->end[1 - number].shared.sessions, s->remote_index);
	return mate != NULL && mate->has_keys && mate->remote_index == s->local_index ? mate : NULL;
}

bool
pair_is_heard(const struct pair *p, int number)
{
	return mate_of_current(p, number) != NULL;
}

bool
pair_is_proven(const struct pair *p, int number)
{
	const struct channel *other = p->end[1 - number].channel;
	const struct session *mate = mate_of_current(p, number);

	return mate != NULL && (mate == other->current || mate == other->previous);
}

bool
pair_agrees(const struct pair *p)
{
	const struct session *a = p->end[0].channel->current, *b = p->end[1].channel->current;

	return a != NULL && b != NULL && a->remote_index == b->local_index &&
	       b->remote_index == a->local_index;
}

bool
pair_is_crossed(const struct pair *p)
{
	int first = pair_first(p);
	const struct session *a = mate_of_current(p, first), *b = mate_of_current(p, 1 - first);

	return a != NULL && b != NULL && a == p->end[1 - first].channel->previous &&
	       (b == p->end[first].channel->previous || b->second_choice);
}
