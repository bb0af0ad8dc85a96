/*
 * One question at a time about membership, repeated until it is answered.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "member_internal.h"
#include "util.h"

/* So much before its time is over it joins again: a twentieth, and no more than this. */
#define REJOIN_PARTS 20
#define REJOIN_MAX_MS (600 * 1000)
#define REJOIN_MIN_MS 5000 /* brokers are slow at times, and so are hosts */

/* What the parameters point to is ours from now on. */
static void
copy_params(struct member *m, const struct member_params *params)
{
	m->params = *params;
	snprintf(m->group, sizeof(m->group), "%s", params->group);
	m->params.group = m->group;
	if (params->verify_key != NULL) {
		memcpy(m->verify_key, params->verify_key, sizeof(m->verify_key));
		m->params.verify_key = m->verify_key;
	}
	if (m->params.prefix_count > ARRAY_LEN(m->prefixes))
		m->params.prefix_count = ARRAY_LEN(m->prefixes);
	for (size_t i = 0; i < m->params.prefix_count; i++)
		m->prefixes[i] = params->prefixes[i];
	m->params.prefixes = m->prefixes;
}

struct member *
member_new(const struct member_params *params, const struct member_callbacks *callbacks)
{
	struct member *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	copy_params(m, params);
	m->callbacks = *callbacks;
	groupkey_init(&m->keys, m->group);
	backoff_init(&m->backoff, MEMBER_RETRY_MIN_MS, MEMBER_RETRY_MAX_MS);
	m->last_request = aead_random_u32();
	return m;
}

static void
cancel_all(struct member *m)
{
	wheel_cancel(m->params.wheel, &m->retry);
	wheel_cancel(m->params.wheel, &m->rejoin);
	wheel_cancel(m->params.wheel, &m->renew);
}

void
member_free(struct member *m)
{
	if (m == NULL)
		return;
	cancel_all(m);
	aead_wipe(m, sizeof(*m));
	free(m);
}

/* Saying. */

void
member_begin(const struct member *m, struct keymsg *k, enum keymsg_type type, uint32_t request)
{
	memset(k, 0, sizeof(*k));
	k->type = type;
	k->request = request;
	k->has = KEYMSG_HAS(KEYMSG_GROUP);
	memcpy(k->group, m->group, sizeof(k->group));
}

void
member_say(struct member *m, const struct keymsg *k)
{
	uint8_t message[KEYMSG_MAX];
	size_t len = keymsg_write(k, message, sizeof(message));

	m->callbacks.send(m->callbacks.arg, message, len);
}

static void
add_wishes(struct keymsg *k, const struct member *m)
{
	const struct member_params *p = &m->params;

	k->has |= KEYMSG_HAS(KEYMSG_WANTED);
	if (m->sender != 0) { /* it goes on counting under this id */
		k->has |= KEYMSG_HAS(KEYMSG_SENDER);
		k->sender = m->sender;
	}
	k->wanted_s = p->wanted_s;
	if (p->verify_key != NULL) {
		k->has |= KEYMSG_HAS(KEYMSG_VERIFY_KEY);
		memcpy(k->verify_key, p->verify_key, sizeof(k->verify_key));
	}
	for (size_t i = 0; i < p->prefix_count; i++) {
		k->has |= KEYMSG_HAS(KEYMSG_PREFIX);
		k->prefixes[k->prefix_count++] = p->prefixes[i];
	}
}

static void on_retry(void *arg, uint64_t now_ms);

static void
say_question(struct member *m, uint64_t now_ms)
{
	struct keymsg k;

	member_begin(m, &k, m->question, m->request);
	if (m->question == KEYMSG_JOIN) {
		add_wishes(&k, m);
	} else if (m->question == KEYMSG_CATCH_UP) {
		k.has |= KEYMSG_HAS(KEYMSG_EPOCH);
		k.epoch = groupkey_newest(&m->keys);
	}
	wheel_set(m->params.wheel, &m->retry, now_ms + backoff_next(&m->backoff, aead_random_u32()),
	    on_retry, m);
	member_say(m, &k);
}

static void
on_retry(void *arg, uint64_t now_ms)
{
	say_question(arg, now_ms);
}

uint32_t
member_next_request(struct member *m)
{
	if (++m->last_request == 0)
		m->last_request = 1;
	return m->last_request;
}

/* Another question, or the same one for another reason: an old answer does not fit it. */
static void
ask(struct member *m, enum keymsg_type question, uint64_t now_ms)
{
	m->question = question;
	m->request = member_next_request(m);
	m->asked_ms = now_ms;
	backoff_reset(&m->backoff);
	say_question(m, now_ms);
}

static void
answered(struct member *m)
{
	m->question = 0;
	wheel_cancel(m->params.wheel, &m->retry);
}

void
member_join(struct member *m, uint64_t now_ms)
{
	if (m->state != MEMBER_IN)
		m->state = MEMBER_JOINING;
	ask(m, KEYMSG_JOIN, now_ms);
}

void
member_leave(struct member *m, uint64_t now_ms)
{
	cancel_all(m);
	m->state = MEMBER_LEAVING;
	ask(m, KEYMSG_LEAVE, now_ms);
}

void
member_retry(struct member *m, uint64_t now_ms)
{
	if (m->question == 0)
		return;
	backoff_reset(&m->backoff);
	say_question(m, now_ms);
}

void
member_saw_ahead(struct member *m, uint64_t now_ms)
{
	if (m->state != MEMBER_IN || m->question != 0)
		return;
	if (m->hinted_ms != 0 && now_ms - m->hinted_ms < MEMBER_HINT_MS)
		return;
	m->hinted_ms = now_ms;
	ask(m, KEYMSG_CATCH_UP, now_ms);
}

/* Being in, and out. */

static void
on_rejoin(void *arg, uint64_t now_ms)
{
	member_join(arg, now_ms);
}

/* How long before its end a membership is prolonged. */
static uint64_t
early_ms(uint64_t granted_ms)
{
	uint64_t early = granted_ms / REJOIN_PARTS;

	if (early > REJOIN_MAX_MS)
		return REJOIN_MAX_MS;
	if (early >= REJOIN_MIN_MS)
		return early;
	return granted_ms / 2 < REJOIN_MIN_MS ? granted_ms / 2 : REJOIN_MIN_MS;
}

static void
await_end(struct member *m, uint64_t granted_s, uint64_t now_ms)
{
	uint64_t granted_ms;

	if (granted_s > UINT64_MAX / 2000) /* as good as for ever */
		return;
	granted_ms = granted_s * 1000;
	wheel_set(
	    m->params.wheel, &m->rejoin, now_ms + granted_ms - early_ms(granted_ms), on_rejoin, m);
}

static void
install(struct member *m, uint32_t epoch, uint64_t from_ms)
{
	uint8_t key[AEAD_KEY_LEN];

	groupkey_of_epoch(key, m->path.keys[m->path.height], m->group, epoch);
	groupkey_install(&m->keys, epoch, key, from_ms);
	aead_wipe(key, sizeof(key));
}

static void
let_in(struct member *m, const struct keymsg *k, uint64_t now_ms)
{
	bool fresh = k->sender != m->sender;
	uint64_t asked_ms = m->asked_ms;

	answered(m);
	m->state = MEMBER_IN;
	m->sender = k->sender;
	m->path = k->path;
	memcpy(m->server_key, k->server_key, sizeof(m->server_key));
	m->has_server_key = true;
	member_take_lease(m, k, asked_ms, now_ms);
	install(m, k->epoch, k->time_ms);
	if (k->method == KEYMSG_SLOTTED)
		groupkey_set_slots(&m->keys, k->slots_begin_ms, k->slot_s * UINT64_C(1000),
		    k->slots_depth, k->cover, k->cover_count);
	await_end(m, k->granted_s, now_ms);
	m->callbacks.joined(m->callbacks.arg, fresh);
}

static void
forget_keys(struct member *m)
{
	groupkey_clear(&m->keys);
	groupkey_init(&m->keys, m->group);
	aead_wipe(&m->path, sizeof(m->path));
	aead_wipe(&m->collection, sizeof(m->collection));
	memset(m->renewals, 0, sizeof(m->renewals));
	m->sender = 0;
	m->has_time = false;
	m->lease_until_ms = 0;
}

static void
go_out(struct member *m, const char *reason)
{
	answered(m);
	cancel_all(m);
	forget_keys(m);
	m->state = MEMBER_OUT;
	m->callbacks.out(m->callbacks.arg, reason);
}

/* Not in any more: it joins again. */
static void
start_over(struct member *m, const char *reason, uint64_t now_ms)
{
	cancel_all(m);
	forget_keys(m);
	m->state = MEMBER_JOINING;
	m->callbacks.out(m->callbacks.arg, reason);
	ask(m, KEYMSG_JOIN, now_ms);
}

/*
 * A change may have overtaken the answer, if the broker has held that back: its path leads nowhere,
 * and the next answer does not. And who catches up keeps its sender id: the one that is told is of
 * whoever else has joined with our key, and counts under it already.
 */
static void
on_joined(struct member *m, const struct keymsg *k, uint64_t now_ms)
{
	if (k->request != m->request ||
	    (m->question != KEYMSG_JOIN && m->question != KEYMSG_CATCH_UP))
		return;
	/* Its numbers are those of others under the keys that we have: none of both may stay. */
	if (m->state == MEMBER_IN &&
	    memcmp(k->server_key, m->server_key, sizeof(m->server_key)) != 0)
		start_over(m, "the key server has lost its store", now_ms);
	else if (k->epoch < groupkey_newest(&m->keys))
		m->request = member_next_request(m);
	else if (m->question == KEYMSG_CATCH_UP && k->sender != m->sender)
		start_over(m, "another node has joined with our private key", now_ms);
	else
		let_in(m, k, now_ms);
}

/* Not let in: perhaps later, and the question goes on being asked. */
static void
on_refused(struct member *m, const struct keymsg *k, uint64_t now_ms)
{
	bool is_question = m->question != 0 && k->request == m->request;

	if (is_question && m->question == KEYMSG_LEAVE)
		go_out(m, NULL);
	else if ((is_question && m->question == KEYMSG_CATCH_UP) ||
		 (m->state == MEMBER_IN && member_is_renewal(m, k->request)))
		start_over(m, k->reason, now_ms);
	else if (is_question)
		m->callbacks.out(m->callbacks.arg, k->reason);
}

/* Hearing. */

static void
hear(struct member *m, const struct keymsg *k, uint64_t now_ms)
{
	if (k->type == KEYMSG_JOINED)
		on_joined(m, k, now_ms);
	else if (k->type == KEYMSG_LEASE)
		member_on_lease(m, k, now_ms);
	else if (k->type == KEYMSG_LEFT && m->question == KEYMSG_LEAVE && k->request == m->request)
		go_out(m, NULL);
	else if (k->type == KEYMSG_EVICTED && m->state != MEMBER_OUT)
		go_out(m, (k->has & KEYMSG_HAS(KEYMSG_REASON)) != 0 ? k->reason : "evicted");
	else if (k->type == KEYMSG_ENTRY || (k->type == KEYMSG_REFUSED && k->request == 0))
		m->callbacks.entry(m->callbacks.arg, k);
	else if (k->type == KEYMSG_ROUTES && m->state == MEMBER_IN && m->callbacks.routes != NULL)
		m->callbacks.routes(m->callbacks.arg, k);
	else if (k->type == KEYMSG_REFUSED)
		on_refused(m, k, now_ms);
}

/* There may be keys in what cannot be read to its end, too. */
void
member_receive(struct member *m, const uint8_t *message, size_t len, uint64_t now_ms)
{
	struct keymsg k;

	if (keymsg_parse(&k, message, len) == 0 && strcmp(k.group, m->group) == 0)
		hear(m, &k, now_ms);
	keymsg_clear(&k);
}

void
member_follow(struct member *m, const uint8_t *message, size_t len, uint64_t now_ms)
{
	struct rekey r;

	if (m->state != MEMBER_IN || !m->has_server_key ||
	    rekey_open(&r, m->group, m->server_key, message, len) != 0 ||
	    r.epoch <= groupkey_newest(&m->keys))
		return;
	if (r.epoch != groupkey_newest(&m->keys) + 1) { /* one is missing that we would need */
		member_saw_ahead(m, now_ms);
		return;
	}
	if (!rekey_collect(&m->collection, &r, &m->path))
		return;
	if (keytree_follow(&m->path, r.epoch, m->collection.wraps, m->collection.count) == 0)
		install(m, r.epoch, r.from_ms);
	else
		member_saw_ahead(m, now_ms);
}

/* Facts. */

enum member_state
member_state(const struct member *m)
{
	return m->state;
}

uint32_t
member_sender(const struct member *m)
{
	return m->sender;
}

const uint8_t *
member_server_key(const struct member *m)
{
	return m->server_key;
}

const struct groupkey *
member_keys(const struct member *m)
{
	return &m->keys;
}

uint64_t
member_time(const struct member *m, uint64_t now_ms)
{
	return now_ms + m->server_ahead_ms;
}

bool
member_may_send(const struct member *m, uint64_t now_ms)
{
	uint32_t epoch, slot;

	return m->state == MEMBER_IN && now_ms < m->lease_until_ms &&
	       groupkey_now(&m->keys, member_time(m, now_ms), &epoch, &slot);
}

uint64_t
member_lease_until(const struct member *m)
{
	return m->lease_until_ms;
}
