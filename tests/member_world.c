/*
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "member_world.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* What is watched. */

static void
watch_sender(struct member_world *w, const struct member_side *s, const struct keymsg *k)
{
	struct member_world_sender seen = {k->sender, k->request, s->name};

	for (size_t i = 0; i < w->sender_count; i++) {
		struct member_world_sender *other = &w->senders[i];

		if (other->sender != seen.sender)
			continue;
		if (other->name == seen.name && s->has_said == seen.sender)
			other->request = seen.request; /* it goes on under the id that it has */
		ck_assert_msg(other->request == seen.request && other->name == seen.name,
		    "sender id %u of %s is given to %s", (unsigned int)seen.sender, other->name,
		    seen.name);
		return;
	}
	ck_assert_uint_lt(w->sender_count, MEMBER_WORLD_SEEN_MAX);
	w->senders[w->sender_count++] = seen;
}

static void
watch_epoch(struct member_world *w, const struct groupkey_epoch *e)
{
	struct member_world_epoch *seen = w->epochs;

	while (seen < w->epochs + w->epoch_count && seen->epoch != e->epoch)
		seen++;
	if (seen < w->epochs + w->epoch_count) {
		ck_assert_msg(memcmp(seen->key, e->key, sizeof(seen->key)) == 0,
		    "epoch %u has two keys", (unsigned int)e->epoch);
		return;
	}
	ck_assert_uint_lt(w->epoch_count, MEMBER_WORLD_SEEN_MAX);
	w->epoch_count++;
	seen->epoch = e->epoch;
	memcpy(seen->key, e->key, sizeof(seen->key));
}

static void
watch_keys(struct member_world *w, const struct member *m)
{
	const struct groupkey *keys = member_keys(m);

	for (size_t i = 0; i < keys->epoch_count; i++)
		watch_epoch(w, &keys->epochs[i]);
}

/* Between members and server. */

static bool
is_lost(struct member_side *s)
{
	if (s->to_lose == 0)
		return false;
	s->to_lose--;
	return true;
}

static void
on_say(void *arg, const uint8_t *message, size_t len)
{
	struct member_side *s = arg;
	struct member_world *w = s->world;
	struct keymsg k;

	ck_assert_int_eq(keymsg_parse(&k, message, len), 0);
	if (k.type == KEYMSG_JOIN) {
		s->join = k.request;
		s->has_said = k.sender;
	}
	w->asked++;
	if (is_lost(s))
		return;
	if (w->say != NULL)
		w->say(w, s->name, message, len);
	else if (w->ks.server != NULL)
		keyserver_receive(w->ks.server, s->name, message, len, w->ks.now_ms);
}

void
member_world_tell(struct member_world *w, const char *name, const uint8_t *message, size_t len)
{
	for (size_t i = 0; i < MEMBER_WORLD_MAX; i++) {
		struct member_side *s = &w->sides[i];
		struct keymsg k;

		if (strcmp(s->name, name) != 0 || is_lost(s))
			continue;
		ck_assert_int_eq(keymsg_parse(&k, message, len), 0);
		if (k.type == KEYMSG_JOINED && k.request == s->join)
			watch_sender(w, s, &k);
		member_receive(s->m, message, len, w->ks.now_ms);
		watch_keys(w, s->m);
	}
}

void
member_world_tell_all(struct member_world *w, const uint8_t *message, size_t len)
{
	for (size_t i = 0; i < MEMBER_WORLD_MAX; i++) {
		if (w->sides[i].cut)
			continue;
		member_follow(w->sides[i].m, message, len, w->ks.now_ms);
		watch_keys(w, w->sides[i].m);
	}
}

static void
on_send(void *arg, const char *name, const uint8_t *message, size_t len)
{
	member_world_tell(arg, name, message, len);
}

static void
on_publish(void *arg, const char *group, const uint8_t *message, size_t len)
{
	member_world_tell_all(arg, message, len);
}

static uint64_t
on_wall(void *arg)
{
	const struct member_world *w = arg;

	return w->ks.wall_ms;
}

/* What members tell their owner. */

static void
on_joined(void *arg, bool fresh)
{
	struct member_side *s = arg;

	s->joined++;
	s->fresh += fresh;
}

static void
on_out(void *arg, const char *reason)
{
	struct member_side *s = arg;

	s->out++;
	snprintf(s->reason, sizeof(s->reason), "%s", reason != NULL ? reason : "left");
}

static void
on_entry(void *arg, const struct keymsg *k)
{
	struct member_side *s = arg;

	s->entries++;
	s->entry = *k;
}

void
member_world_renew(struct member_side *s, const struct member_params *params)
{
	const struct member_callbacks callbacks = {
	    .send = on_say, .joined = on_joined, .out = on_out, .entry = on_entry, .arg = s};

	member_free(s->m);
	s->m = member_new(params, &callbacks);
	ck_assert_ptr_nonnull(s->m);
}

void
member_world_open(struct member_world *w)
{
	const struct keyserver_callbacks callbacks = {on_send, on_publish, on_wall, w};

	memset(w, 0, sizeof(*w));
	keyserver_world_open(&w->ks, MEMBER_WORLD_MAX, &callbacks);
	for (size_t i = 0; i < MEMBER_WORLD_MAX; i++) {
		const struct member_params params = {.wheel = w->ks.wheel, .group = "home"};

		w->sides[i].world = w;
		w->sides[i].name = w->ks.members[i].name;
		member_world_renew(&w->sides[i], &params);
	}
}

void
member_world_close(struct member_world *w)
{
	for (size_t i = 0; i < MEMBER_WORLD_MAX; i++)
		member_free(w->sides[i].m);
	keyserver_world_close(&w->ks);
}

void
member_world_join_all(struct member_world *w)
{
	for (size_t i = 0; i < MEMBER_WORLD_MAX; i++)
		member_join(w->sides[i].m, w->ks.now_ms);
	keyserver_world_pass(&w->ks, MEMBER_WORLD_JOIN_MS);
	for (size_t i = 0; i < MEMBER_WORLD_MAX; i++)
		ck_assert_int_eq(member_state(w->sides[i].m), MEMBER_IN);
}

/* Who can read whom. */

bool
member_world_can_send(const struct member_world *w, size_t i, uint32_t *epoch, uint32_t *slot,
    uint8_t key[AEAD_KEY_LEN])
{
	const struct member *m = w->sides[i].m;
	uint64_t time_ms = member_time(m, w->ks.now_ms);

	return member_may_send(m, w->ks.now_ms) &&
	       groupkey_now(member_keys(m), time_ms, epoch, slot) &&
	       groupkey_traffic(member_keys(m), *epoch, *slot, time_ms, key) == 0;
}

bool
member_world_can_read(const struct member_world *w, size_t reader, size_t sender)
{
	const struct member *m = w->sides[reader].m;
	uint8_t sent[AEAD_KEY_LEN], key[AEAD_KEY_LEN];
	uint32_t epoch, slot;

	ck_assert(member_world_can_send(w, sender, &epoch, &slot, sent));
	return groupkey_traffic(member_keys(m), epoch, slot, member_time(m, w->ks.now_ms), key) ==
		   0 &&
	       memcmp(sent, key, sizeof(key)) == 0;
}

void
member_world_expect_all_read(const struct member_world *w)
{
	for (size_t i = 0; i < MEMBER_WORLD_MAX; i++)
		for (size_t j = 0; j < MEMBER_WORLD_MAX; j++)
			ck_assert_msg(member_world_can_read(w, i, j), "%zu cannot read %zu", i, j);
}
