/*
 * Who says what to the key server, and what comes of it.
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

struct keyserver_state *
keyserver_find_group(const struct keyserver *ks, const char *name)
{
	for (size_t i = 0; i < ks->group_count; i++)
		if (strcmp(ks->groups[i]->kept.name, name) == 0)
			return ks->groups[i];
	return NULL;
}

/* Requests. */

static void
queue(struct keyserver_state *g, const char *member, const struct keymsg *m)
{
	struct keyserver_request r = {.type = m->type,
	    .request = m->request,
	    .wanted_s = m->wanted_s,
	    .sender = (m->has & KEYMSG_HAS(KEYMSG_SENDER)) != 0 ? m->sender : 0,
	    .has_verify_key = (m->has & KEYMSG_HAS(KEYMSG_VERIFY_KEY)) != 0};

	snprintf(r.member, sizeof(r.member), "%s", member);
	memcpy(r.verify_key, m->verify_key, sizeof(r.verify_key));
	if (keyserver_enqueue(g, &r) == -1)
		log_error("%s: group %s: out of memory", member, g->kept.name);
}

/* The reason, while it cannot be kept yet: it must not be served, nor take the eviction's place. */
static const char *
being_put_out(const struct keyserver_state *g, const char *member)
{
	const struct keyserver_request *r = sorted_find(&g->requests, member);

	return r != NULL && r->type == KEYMSG_EVICTED ? r->reason : NULL;
}

/* It goes by an id that nobody finds it by, and would not know: two nodes have one key, or the
 * broker has brought a join of before. */
static bool
is_another(const struct keystore_member *in, const struct keymsg *m)
{
	return m->type == KEYMSG_RENEW && (m->has & KEYMSG_HAS(KEYMSG_SENDER)) != 0 &&
	       m->sender != in->sender;
}

/* By what it tells of itself: it may look up whatever it was shown. */
static bool
is_ahead(const struct keyserver_state *g, const struct keymsg *m)
{
	if (m->type != KEYMSG_RENEW && m->type != KEYMSG_CATCH_UP)
		return false;
	return ((m->has & KEYMSG_HAS(KEYMSG_SENDER)) != 0 && m->sender >= g->kept.next_sender) ||
	       ((m->has & KEYMSG_HAS(KEYMSG_EPOCH)) != 0 && m->epoch > g->kept.epoch);
}

/* Or it lies; so that is said once, and nothing done. */
static void
note_if_ahead(struct keyserver_state *g, const char *member, const struct keymsg *m)
{
	if (g->is_outdated || !is_ahead(g, m))
		return;
	g->is_outdated = true;
	log_error("group %s: %s has an epoch or a sender id that is not in the store: if that was "
		  "put back from a backup, start once with --recover",
	    g->kept.name, member);
}

static const char *
why_another(const struct keyserver_state *g, const struct keymsg *m)
{
	return is_ahead(g, m) ? "its store is older than this membership"
			      : "another node has joined with this private key";
}

static void
serve(struct keyserver_state *g, const struct keyserver_member *s, const struct keymsg *m,
    uint64_t now_ms)
{
	const struct keystore_member *in = keyserver_find(g, s->name);
	const char *member = s->name, *out = being_put_out(g, member);
	char reason[KEYMSG_TEXT_MAX + 1];

	if (in != NULL)
		note_if_ahead(g, member, m);
	if (out != NULL) {
		keyserver_refuse(g->ks, member, g->kept.name, m->request, out);
	} else if (m->type == KEYMSG_JOIN && !keyserver_owns(s, m, reason)) {
		keyserver_refuse(g->ks, member, g->kept.name, m->request, reason);
	} else if (m->type == KEYMSG_JOIN || m->type == KEYMSG_LEAVE) {
		queue(g, member, m);
		keyserver_schedule(g, now_ms);
	} else if (in == NULL || in->until_ms <= keyserver_time(g->ks)) {
		keyserver_refuse(g->ks, member, g->kept.name, m->request, "not a member now");
	} else if (is_another(in, m)) {
		keyserver_refuse(g->ks, member, g->kept.name, m->request, why_another(g, m));
	} else if (m->type == KEYMSG_CATCH_UP) {
		keyserver_send_joined(g, in, m->request);
	} else if (m->type == KEYMSG_RENEW) {
		keyserver_send_lease(g, in, m);
	} else if (m->type == KEYMSG_LIST) {
		keyserver_send_routes(g, member, m);
	} else {
		keyserver_look_up(g, member, m);
	}
}

static bool
is_of_a_member(enum keymsg_type type)
{
	return type < KEYMSG_JOINED;
}

void
keyserver_receive(
    struct keyserver *ks, const char *member, const uint8_t *message, size_t len, uint64_t now_ms)
{
	const struct keyserver_member *s = keyserver_member_settings(ks, member);
	struct keyserver_state *g;
	struct keymsg m;
	int rc = keymsg_parse(&m, message, len);

	ks->now_ms = now_ms;
	if (rc != 0 || !is_of_a_member(m.type)) {
		log_debug("%s: a message that makes no sense (%d)", member, rc);
		return;
	}
	g = keyserver_find_group(ks, m.group);
	if (g == NULL)
		keyserver_refuse(ks, member, m.group, m.request, "there is no such group");
	else if (s == NULL || !keyserver_may_join(s, m.group))
		keyserver_refuse(ks, member, m.group, m.request, "not allowed");
	else if (g->loaded) /* otherwise it asks again */
		serve(g, s, &m, now_ms);
	keymsg_clear(&m);
}

/* Evictions. */

static void
evict(struct keyserver_state *g, const char *member, const char *reason, bool ban)
{
	struct keyserver_request r = {.type = KEYMSG_EVICTED, .reason = reason, .ban = ban};

	log_notice("%s: group %s: put out: %s", member, g->kept.name, reason);
	snprintf(r.member, sizeof(r.member), "%s", member);
	if (keyserver_enqueue(g, &r) == -1)
		log_error("%s: group %s: out of memory", member, g->kept.name);
	g->at_once = true;
}

static bool
is_meant(const struct keyserver_state *g, const char *group)
{
	return group == NULL || strcmp(group, g->kept.name) == 0;
}

unsigned int
keyserver_evict(struct keyserver *ks, const char *group, const char *member, uint64_t now_ms)
{
	const struct keyserver_member *s = keyserver_member_settings(ks, member);
	unsigned int count = 0;

	for (size_t i = 0; i < ks->group_count; i++) {
		struct keyserver_state *g = ks->groups[i];
		bool may_join = s != NULL && keyserver_may_join(s, g->kept.name) &&
				!keyserver_is_banned(g, member);

		if (!is_meant(g, group) || (!may_join && keyserver_find(g, member) == NULL))
			continue;
		evict(g, member, "evicted", true);
		keyserver_change(g, now_ms);
		count++;
	}
	return count;
}

unsigned int
keyserver_admit(struct keyserver *ks, const char *group, const char *member)
{
	unsigned int count = 0;

	for (size_t i = 0; i < ks->group_count; i++) {
		struct keyserver_state *g = ks->groups[i];

		if (!is_meant(g, group) || !keyserver_is_banned(g, member))
			continue;
		if (keystore_delete_ban(ks->store, g->kept.name, member) == -1) {
			log_error("%s", keystore_error(ks->store));
			continue;
		}
		log_notice("%s: group %s: may join again", member, g->kept.name);
		keyserver_lift_ban(g, member);
		count++;
	}
	return count;
}

int
keyserver_rotate(struct keyserver *ks, const char *group, uint64_t now_ms)
{
	struct keyserver_state *g = keyserver_find_group(ks, group);

	if (g == NULL)
		return -1;
	g->renew = true;
	keyserver_change(g, now_ms);
	return 0;
}

/* Whoever is in a group and may not be, as the settings are now; also one that has another key now,
 * as somebody else may have the old one. And there may be some whose time was over while we were
 * not there. Not before the wheel runs: the owner is not ready yet. */
static void
evict_strangers(struct keyserver_state *g, uint64_t now_ms)
{
	for (size_t i = 0; i < g->members.count; i++) {
		const struct keystore_member *m = g->members.things[i];
		const struct keyserver_member *s = keyserver_member_settings(g->ks, m->name);

		if (s == NULL || !keyserver_may_join(s, g->kept.name))
			evict(g, m->name, "not allowed any more", false);
		else if (memcmp(s->public_key, m->public_key, AEAD_KEY_LEN) != 0)
			evict(g, m->name, "its public key is another one now", false);
	}
	keyserver_schedule(g, now_ms);
}

/* Settings. */

char *
keyserver_error_text(const char *kind, const char *name, const char *what)
{
	size_t size = strlen(kind) + strlen(name) + strlen(what) + sizeof(" : ");
	char *text = malloc(size);

	if (text != NULL)
		snprintf(text, size, "%s %s: %s", kind, name, what);
	return text;
}

/* What a tree of slots or a roster has been made by cannot become another. */
static const char *
conflict(const struct keyserver_state *g, const struct keyserver_group *s)
{
	if (g->kept.method != s->method)
		return "its method cannot be changed: choose another name for a new group";
	if (s->method == KEYMSG_SLOTTED &&
	    (g->kept.slot_s != s->slot_s || g->kept.slots_depth != s->depth))
		return "the length of its slots cannot be changed: choose another name for a new "
		       "group";
	return NULL;
}

static int
add_group(struct keyserver *ks, struct keyserver_state **groups, size_t *count,
    const struct keyserver_group *s, char **error)
{
	struct keyserver_state *g = keyserver_find_group(ks, s->name);
	const char *why;

	if (g == NULL)
		g = keyserver_group_new(ks, s);
	if (g == NULL) {
		*error = keyserver_error_text("group", s->name, keyserver_problem(ks));
		return -1;
	}
	groups[(*count)++] = g;
	why = conflict(g, s);
	if (why != NULL) {
		*error = keyserver_error_text("group", s->name, why);
		return -1;
	}
	return 0;
}

static bool
is_among(struct keyserver_state *g, struct keyserver_state *const *groups, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (groups[i] == g)
			return true;
	return false;
}

static void
free_others(struct keyserver_state **all, size_t count, struct keyserver_state *const *kept,
    size_t kept_count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_among(all[i], kept, kept_count))
			keyserver_group_free(all[i]);
	free(all);
}

/* In the store, all of them or none: what a group was made with cannot be changed. */
static int
add_groups(struct keyserver *ks, const struct keyserver_settings *settings,
    struct keyserver_state **groups, size_t *count, char **error)
{
	bool kept = keystore_begin(ks->store) == 0;
	int rc = 0;

	for (size_t i = 0; kept && rc == 0 && i < settings->group_count; i++)
		rc = add_group(ks, groups, count, &settings->groups[i], error);
	kept = kept && (rc == -1 || keystore_commit(ks->store) == 0);
	if (!kept)
		*error = strdup(keystore_error(ks->store));
	if (kept && rc == 0)
		return 0;
	keystore_rollback(ks->store);
	return -1;
}

static int
set_groups(struct keyserver *ks, const struct keyserver_settings *settings, char **error)
{
	struct keyserver_state **groups = calloc(settings->group_count + 1, sizeof(*groups));
	size_t count = 0;

	if (groups == NULL)
		return -1;
	if (add_groups(ks, settings, groups, &count, error) == -1) {
		free_others(groups, count, ks->groups, ks->group_count);
		return -1;
	}
	free_others(ks->groups, ks->group_count, groups, count);
	ks->groups = groups;
	ks->group_count = count;
	return 0;
}

/* Two of one name would share their rows in the store. */
static int
refuse_twins(const struct keyserver_settings *s, const struct keyserver_directory *d, char **error)
{
	const char *member = keyserver_directory_twice(d);

	if (member != NULL) {
		*error = keyserver_error_text("member", member, "there are two of this name");
		return -1;
	}
	for (size_t i = 0; i < s->group_count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(s->groups[i].name, s->groups[j].name) == 0) {
				*error = keyserver_error_text(
				    "group", s->groups[i].name, "there are two of this name");
				return -1;
			}
	return 0;
}

int
keyserver_configure(
    struct keyserver *ks, const struct keyserver_settings *settings, uint64_t now_ms, char **error)
{
	struct keyserver_directory directory;

	*error = NULL;
	ks->now_ms = now_ms;
	if (keyserver_directory_init(&directory, settings) == -1)
		return -1;
	if (refuse_twins(settings, &directory, error) == -1 ||
	    set_groups(ks, settings, error) == -1) {
		keyserver_directory_clear(&directory);
		return -1;
	}
	keyserver_directory_clear(&ks->directory);
	ks->directory = directory;
	for (size_t i = 0; i < ks->group_count; i++) {
		ks->groups[i]->lease_s = settings->groups[i].lease_s;
		evict_strangers(ks->groups[i], now_ms);
	}
	return 0;
}

struct keyserver *
keyserver_new(struct wheel *wheel, struct keystore *store,
    const struct keyserver_settings *settings, const struct keyserver_callbacks *callbacks,
    uint64_t now_ms, char **error)
{
	struct keyserver *ks = calloc(1, sizeof(*ks));

	*error = NULL;
	if (ks == NULL)
		return NULL;
	ks->wheel = wheel;
	ks->store = store;
	ks->callbacks = *callbacks;
	ks->now_ms = ks->anchor_at_ms = now_ms;
	if (keystore_get_server(store, &ks->identity) == -1) {
		*error = strdup(keystore_error(store));
		keyserver_free(ks);
		return NULL;
	}
	ks->anchor_ms = ks->identity.clock_ms;
	if (keyserver_configure(ks, settings, now_ms, error) == -1) {
		keyserver_free(ks);
		return NULL;
	}
	return ks;
}

void
keyserver_free(struct keyserver *ks)
{
	if (ks == NULL)
		return;
	for (size_t i = 0; i < ks->group_count; i++)
		keyserver_group_free(ks->groups[i]);
	free(ks->groups);
	keyserver_directory_clear(&ks->directory);
	aead_wipe(ks, sizeof(*ks));
	free(ks);
}
