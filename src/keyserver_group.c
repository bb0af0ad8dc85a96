/*
 * The changes of a group of the key server: what those who come, go and are put out make of it. A
 * change is one transaction: what it needs is kept first, and told then. If it cannot be kept,
 * nothing has happened, and the group is as the store has it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keyserver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyserver_internal.h"
#include "log.h"

#define DAY_MS UINT64_C(86400000)
#define LOOK_MS 60000  /* between looks at what time it is */
#define KEEP_MS 300000 /* and until that is kept, if nothing else is */

/* What a change has to tell when it is kept. */
struct news {
	bool renewed;
	struct keytree_wrap *wraps;
	size_t count;
	uint64_t from_ms;
};

/* Ours, if the time of day had not been heard of since it was set back: a little slower, so that
 * the two meet again. Were it to stand still, each member would begin at it anew with each lease,
 * and those who have renewed theirs would be in another slot than those who have not. */
static uint64_t
run_on(const struct keyserver *ks)
{
	uint64_t passed_ms = ks->now_ms > ks->anchor_at_ms ? ks->now_ms - ks->anchor_at_ms : 0;
	uint64_t time_ms = ks->anchor_ms + passed_ms - passed_ms / KEYSERVER_SLOWER;

	return time_ms > ks->identity.clock_ms ? time_ms : ks->identity.clock_ms;
}

uint64_t
keyserver_present(const struct keyserver *ks)
{
	uint64_t wall_ms = ks->callbacks.wall_ms(ks->callbacks.arg), ours_ms = run_on(ks);

	return wall_ms > ours_ms ? wall_ms : ours_ms;
}

uint64_t
keyserver_time(struct keyserver *ks)
{
	uint64_t time_ms = keyserver_present(ks);

	if (time_ms != run_on(ks)) {
		ks->anchor_ms = time_ms;
		ks->anchor_at_ms = ks->now_ms;
	}
	ks->identity.clock_ms = time_ms;
	return time_ms;
}

/* What makes up a change. */

void
keyserver_keep(struct keyserver_state *g, int rc)
{
	g->failed = g->failed || rc == -1;
}

static void
drop(struct keyserver_state *g, struct keystore_member *m)
{
	keytree_remove(g->tree, m->leaf);
	keyserver_keep(g, keystore_delete_member(g->ks->store, g->kept.name, m->name));
	sorted_remove(&g->members, m->name);
	sorted_remove(&g->by_sender, &m->sender);
	free(m);
}

static bool
has_slots_out(const struct keyserver_state *g, uint64_t time_ms)
{
	return g->kept.method == KEYMSG_SLOTTED && g->kept.slots_known_ms > time_ms;
}

/* Until the next renewal it has a leaf, as it knows the keys above. */
static void
put_out(struct keyserver_state *g, struct keystore_member *m, bool evicted)
{
	if (m->until_ms > g->kept.slots_known_ms)
		g->kept.slots_known_ms = m->until_ms;
	if (evicted || g->kept.method != KEYMSG_STATIC)
		g->renew = true;
	m->until_ms = 0;
	keyserver_keep(g, keystore_put_member(g->ks->store, m));
}

/* With slots there is nothing to do, but for this: somebody who left or was put out may have slots
 * that are to come, and somebody whose time is over the key of the epoch. Together they must not
 * read. */
static void
expire(struct keyserver_state *g, uint64_t time_ms)
{
	for (size_t i = 0; i < g->members.count; i++) {
		struct keystore_member *m = g->members.things[i];

		if (m->until_ms == 0 || m->until_ms > time_ms)
			continue;
		log_info("%s: group %s: its time is over", m->name, g->kept.name);
		if (g->kept.method == KEYMSG_UPDATE || has_slots_out(g, time_ms))
			g->renew = true;
		m->until_ms = 0;
		keyserver_keep(g, keystore_put_member(g->ks->store, m));
	}
}

static uint64_t
end_of(const struct keyserver_member *s, const struct keyserver_request *r, uint64_t time_ms)
{
	uint64_t s_granted = s->longest_s;

	if (r->wanted_s != 0 && r->wanted_s < s_granted)
		s_granted = r->wanted_s;
	return s_granted < (UINT64_MAX >> 2) / 1000 ? time_ms + s_granted * 1000 : KEYSERVER_NO_END;
}

static struct keystore_member *
admit_newcomer(struct keyserver_state *g, const char *name)
{
	struct keystore_member new = {.sender = g->kept.next_sender}, *m;

	snprintf(new.group, sizeof(new.group), "%s", g->kept.name);
	snprintf(new.name, sizeof(new.name), "%s", name);
	if (keytree_add(g->tree, &new.leaf) == -1)
		return NULL;
	if (g->kept.method == KEYMSG_UPDATE) {
		keytree_mark(g->tree, new.leaf);
		keytree_leave_out(g->tree, new.leaf); /* it is answered after the change */
	}
	/* Somebody who is out and has slots that are to come must not read together with one who
	 * gets the key of the epoch. */
	if (g->kept.method == KEYMSG_UPDATE || has_slots_out(g, keyserver_time(g->ks)))
		g->renew = true;
	m = keyserver_insert(g, &new);
	if (m == NULL)
		keytree_remove(g->tree, new.leaf);
	return m;
}

/* There is room, as it has just been taken out. */
static void
renumber(struct keyserver_state *g, struct keystore_member *m)
{
	sorted_remove(&g->by_sender, &m->sender);
	m->sender = g->kept.next_sender;
	keyserver_keep(g, sorted_insert(&g->by_sender, &m->sender, m));
}

/* Who joins again, and has not been started anew, goes on counting under the id that it has. */
static struct keystore_member *
seat(struct keyserver_state *g, const char *name, uint32_t sender)
{
	struct keystore_member *m = sorted_find(&g->members, name);

	if (m != NULL && m->until_ms != 0 && m->sender == sender)
		return m;
	if (g->kept.next_sender == UINT32_MAX)
		return NULL;
	if (m != NULL)
		renumber(g, m);
	else
		m = admit_newcomer(g, name);
	if (m != NULL)
		g->kept.next_sender++;
	return m;
}

/* Asked again for want of an answer. Numbers begin anywhere, and may meet after a restart: the id
 * would be counted under from 0 again. A signing key is as new as the start. */
static bool
is_answered(const struct keystore_member *m, const struct keyserver_request *r)
{
	return m->request == r->request && m->has_verify_key == r->has_verify_key &&
	       memcmp(m->verify_key, r->verify_key, sizeof(m->verify_key)) == 0;
}

static void
admit(struct keyserver_state *g, struct keyserver_request *r, uint64_t time_ms)
{
	const struct keyserver_member *s = keyserver_member_settings(g->ks, r->member);
	struct keystore_member *m = keyserver_find(g, r->member);
	uint64_t until_ms;

	if (s == NULL || !keyserver_may_join(s, g->kept.name)) {
		r->refused = "not allowed";
		return;
	}
	if (keyserver_is_banned(g, r->member)) {
		r->refused = "put out by the administrator";
		return;
	}
	if (m != NULL && is_answered(m, r))
		return;
	if (g->kept.method == KEYMSG_SLOTTED &&
	    keyserver_slot(g, time_ms) > keyserver_last_slot(g)) {
		r->refused = "the group has no more slots";
		return;
	}
	m = seat(g, r->member, r->sender);
	if (m == NULL) {
		r->refused = "the group is full";
		return;
	}
	m->request = r->request;
	until_ms = end_of(s, r, time_ms);
	/* Slots that it has cannot be taken back. */
	if (g->kept.method != KEYMSG_SLOTTED || until_ms > m->until_ms)
		m->until_ms = until_ms;
	memcpy(m->public_key, s->public_key, sizeof(m->public_key));
	m->has_verify_key = r->has_verify_key;
	memcpy(m->verify_key, r->verify_key, sizeof(m->verify_key));
	keyserver_keep(g, keystore_put_member(g->ks->store, m));
}

/* One who has left may know keys that are in use, and is put out as well. */
static void
release(struct keyserver_state *g, const struct keyserver_request *r)
{
	struct keystore_member *m = r->type == KEYMSG_EVICTED ? sorted_find(&g->members, r->member)
							      : keyserver_find(g, r->member);

	if (r->ban) {
		keyserver_keep(g, keystore_put_ban(g->ks->store, g->kept.name, r->member));
		keyserver_keep(g, keyserver_add_ban(g, r->member));
	}
	if (m != NULL)
		put_out(g, m, r->type == KEYMSG_EVICTED);
}

/* Who is out loses its leaf, and all that it knew is made anew. */
static void
renew(struct keyserver_state *g, struct news *news)
{
	for (size_t i = g->members.count; i-- > 0;) {
		struct keystore_member *m = g->members.things[i];

		if (m->until_ms == 0)
			drop(g, m);
	}
	g->kept.epoch++;
	g->renewed_ms = g->ks->identity.clock_ms;
	news->renewed = true;
	keyserver_keep(g, keytree_renew(g->tree, g->kept.epoch, &news->wraps, &news->count));
}

static void
make_change(struct keyserver_state *g, struct news *news)
{
	uint64_t time_ms = keyserver_time(g->ks);

	expire(g, time_ms);
	if (g->renewed_ms == 0)
		g->renewed_ms = time_ms;
	/* With slots an epoch could last for ever, as nobody has to hear of those who go. */
	if (g->kept.method == KEYMSG_SLOTTED && time_ms >= g->renewed_ms + DAY_MS)
		g->renew = true;
	for (size_t i = 0; i < g->requests.count; i++) {
		struct keyserver_request *r = g->requests.things[i];

		if (r->type == KEYMSG_JOIN)
			admit(g, r, time_ms);
		else
			release(g, r);
	}
	if (g->renew)
		renew(g, news);
	news->from_ms = time_ms + (g->at_once ? 0 : KEYSERVER_NOTICE_MS);
	keyserver_keep(g, keystore_put_group(g->ks->store, &g->kept));
	keyserver_keep(g, keystore_put_clock(g->ks->store, g->ks->identity.clock_ms));
}

/* Telling. */

static void
answer(struct keyserver_state *g, const struct keyserver_request *r)
{
	const struct keystore_member *m = keyserver_find(g, r->member);

	if (r->refused != NULL)
		keyserver_refuse(g->ks, r->member, g->kept.name, r->request, r->refused);
	else if (r->type == KEYMSG_LEAVE)
		keyserver_send_plain(g, KEYMSG_LEFT, r->member, r->request, NULL);
	else if (r->type == KEYMSG_EVICTED)
		keyserver_send_plain(g, KEYMSG_EVICTED, r->member, 0, r->reason);
	else if (m != NULL)
		keyserver_send_joined(g, m, r->request);
}

static void
answer_all(struct keyserver_state *g, bool evictions)
{
	for (size_t i = 0; i < g->requests.count; i++) {
		const struct keyserver_request *r = g->requests.things[i];

		if ((r->type == KEYMSG_EVICTED) == evictions)
			answer(g, r);
	}
}

/* We may have ended before all were told of the last change: an epoch without keys tells those who
 * do not have it that they must ask. */
static void
publish(struct keyserver_state *g, const struct news *news)
{
	if (news->renewed)
		log_info("group %s: epoch %u", g->kept.name, (unsigned int)g->kept.epoch);
	if (news->renewed || g->announce)
		keyserver_publish(g, news->wraps, news->count, news->from_ms);
	g->announce = false;
}

/* Who is put out hears that first, and not that it cannot follow. The change is for those who were
 * there, and so it goes before what newcomers get. */
static void
tell(struct keyserver_state *g, const struct news *news)
{
	answer_all(g, true);
	publish(g, news);
	answer_all(g, false);
}

static void on_batch(void *arg, uint64_t now_ms);

/* Who wants to leave asks again without being told to; and an eviction stands. */
static void
turn_down(struct keyserver_state *g)
{
	for (size_t i = g->requests.count; i-- > 0;) {
		struct keyserver_request *r = g->requests.things[i];

		if (r->type == KEYMSG_EVICTED)
			continue;
		if (r->type == KEYMSG_JOIN)
			keyserver_refuse(g->ks, r->member, g->kept.name, r->request,
			    "the key server cannot write to its store; its log tells why");
		free(sorted_remove(&g->requests, r->member));
	}
}

/* Once, however often it is tried. */
static void
note_trouble(struct keyserver_state *g, bool troubled)
{
	if (troubled && !g->failing)
		log_error(
		    "group %s: cannot be changed: %s", g->kept.name, keystore_error(g->ks->store));
	else if (!troubled && g->failing)
		log_notice("group %s: can be changed again", g->kept.name);
	g->failing = troubled;
}

/* Nothing has happened. What nobody would ask for again is tried again. */
static void
give_up(struct keyserver_state *g, bool renew, uint64_t now_ms)
{
	bool loaded = g->loaded;

	note_trouble(g, true);
	keystore_rollback(g->ks->store);
	if (keyserver_load(g) == -1 && loaded)
		log_error(
		    "group %s: cannot be read back: %s", g->kept.name, keyserver_problem(g->ks));
	turn_down(g);
	g->renew = renew;
	if (g->renew || g->requests.count > 0 || !g->loaded)
		wheel_set(g->ks->wheel, &g->batch, now_ms + KEYSERVER_BATCH_MS, on_batch, g);
}

static void on_expiry(void *arg, uint64_t now_ms);

/* Not at once, as what has just been tried may fail again: on a full disk, say. And our time may
 * make a leap meanwhile. */
static void
set_expiry(struct keyserver_state *g, uint64_t now_ms)
{
	uint64_t time_ms = keyserver_time(g->ks);
	uint64_t wait_ms = g->expires_ms > time_ms ? g->expires_ms - time_ms : 0;

	if (wait_ms < KEYSERVER_BATCH_MS)
		wait_ms = KEYSERVER_BATCH_MS;
	if (wait_ms > LOOK_MS)
		wait_ms = LOOK_MS;
	wheel_set(g->ks->wheel, &g->expiry, now_ms + wait_ms, on_expiry, g);
}

static void
await_expiry(struct keyserver_state *g, uint64_t now_ms)
{
	g->expires_ms = keyserver_time(g->ks) + KEEP_MS;
	for (size_t i = 0; i < g->members.count; i++) {
		const struct keystore_member *m = g->members.things[i];

		if (m->until_ms != 0 && m->until_ms < g->expires_ms)
			g->expires_ms = m->until_ms;
	}
	set_expiry(g, now_ms);
}

static void
on_expiry(void *arg, uint64_t now_ms)
{
	struct keyserver_state *g = arg;

	g->ks->now_ms = now_ms;
	if (keyserver_time(g->ks) >= g->expires_ms)
		keyserver_change(g, now_ms);
	else
		set_expiry(g, now_ms);
}

void
keyserver_change(struct keyserver_state *g, uint64_t now_ms)
{
	struct news news = {.renewed = false};
	bool renew = g->renew;

	g->ks->now_ms = now_ms;
	wheel_cancel(g->ks->wheel, &g->batch);
	g->failed = (!g->loaded && keyserver_load(g) == -1) || keystore_begin(g->ks->store) == -1;
	if (!g->failed)
		make_change(g, &news);
	if (g->failed || keystore_commit(g->ks->store) == -1) {
		give_up(g, renew, now_ms);
	} else {
		note_trouble(g, false);
		tell(g, &news);
		keyserver_clear_requests(g);
		g->renew = g->at_once = false;
	}
	free(news.wraps);
	await_expiry(g, now_ms);
}

static void
on_batch(void *arg, uint64_t now_ms)
{
	keyserver_change(arg, now_ms);
}

/* Whether a change that waits is one that all must be told of. */
static bool
all_hear(const struct keyserver_state *g)
{
	if (g->kept.method != KEYMSG_SLOTTED)
		return g->kept.method == KEYMSG_UPDATE || g->renew;
	for (size_t i = 0; i < g->requests.count; i++) {
		const struct keyserver_request *r = g->requests.things[i];

		if (r->type != KEYMSG_JOIN)
			return true;
	}
	return g->renew;
}

void
keyserver_schedule(struct keyserver_state *g, uint64_t now_ms)
{
	uint64_t due_ms = now_ms;

	if (!g->at_once)
		due_ms += all_hear(g) ? KEYSERVER_BATCH_MS : KEYSERVER_DELAY_MS;
	if (!wheel_pending(&g->batch) || due_ms < g->batch.due_ms)
		wheel_set(g->ks->wheel, &g->batch, due_ms, on_batch, g);
}

void
keyserver_announce(struct keyserver *ks)
{
	for (size_t i = 0; i < ks->group_count; i++)
		if (ks->groups[i]->loaded)
			keyserver_publish(ks->groups[i], NULL, 0, keyserver_time(ks));
}
