/*
 * A group of the key server out of the store, and a new one into it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keyserver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyserver_internal.h"

static void
on_node_changed(void *arg, struct keytree_node node, const uint8_t *key)
{
	struct keyserver_state *g = arg;

	keyserver_keep(g, keystore_put_node(g->ks->store, g->kept.name, node, key));
}

/* One group of the store. */
struct search {
	const char *name;
	struct keystore_group found;
	bool has;
};

static int
see_group(void *arg, const struct keystore_group *kept)
{
	struct search *s = arg;

	if (strcmp(kept->name, s->name) == 0) {
		s->found = *kept;
		s->has = true;
	}
	return 0;
}

static const char no_memory[] = "out of memory";
static const char no_fit[] = "its keys in the store do not fit together: put back a backup, and "
			     "start once with --recover";

const char *
keyserver_problem(const struct keyserver *ks)
{
	return ks->problem != NULL ? ks->problem : keystore_error(ks->store);
}

static int
fail(struct keyserver_state *g, const char *problem)
{
	g->ks->problem = problem;
	return -1;
}

static int
see_member(void *arg, const struct keystore_member *m)
{
	return keyserver_insert(arg, m) != NULL ? 0 : fail(arg, no_memory);
}

static int
see_ban(void *arg, const char *name)
{
	return keyserver_add_ban(arg, name) == 0 ? 0 : fail(arg, no_memory);
}

static int
see_node(void *arg, struct keytree_node node, const uint8_t key[AEAD_KEY_LEN])
{
	struct keyserver_state *g = arg;

	if (keytree_restore(g->tree, node, key) == 0)
		return 0;
	return fail(g, errno == EINVAL ? no_fit : no_memory);
}

/* A sender id of two, or one that is to be handed out again. */
static bool
has_bad_senders(const struct keyserver_state *g)
{
	uint32_t before = 0;

	for (size_t i = 0; i < g->by_sender.count; i++) {
		const struct keystore_member *m = g->by_sender.things[i];

		if (m->sender <= before || m->sender >= g->kept.next_sender)
			return true;
		before = m->sender;
	}
	return false;
}

/* A member whose leaf is somebody else's, or nobody's, would be given the wrong keys. */
static bool
is_consistent(const struct keyserver_state *g)
{
	for (size_t i = 0; i < g->members.count; i++) {
		const struct keystore_member *m = g->members.things[i];

		if (!keytree_has(g->tree, m->leaf))
			return false;
	}
	return keytree_count(g->tree) == g->members.count && keytree_is_whole(g->tree) &&
	       !has_bad_senders(g);
}

static void
unload(struct keyserver_state *g)
{
	keytree_free(g->tree);
	g->tree = NULL;
	keyserver_clear_members(g);
}

static int
read_group(struct keyserver_state *g)
{
	struct search s = {.name = g->kept.name};

	g->tree = keytree_new(on_node_changed, g);
	if (g->tree == NULL)
		return fail(g, no_memory);
	if (keystore_each_group(g->ks->store, see_group, &s) == -1 || !s.has)
		return -1;
	g->kept = s.found;
	aead_wipe(&s.found, sizeof(s.found));
	if (keystore_each_member(g->ks->store, s.name, see_member, g) == -1 ||
	    keystore_each_ban(g->ks->store, s.name, see_ban, g) == -1 ||
	    keystore_each_node(g->ks->store, s.name, see_node, g) == -1)
		return -1;
	return is_consistent(g) ? 0 : fail(g, no_fit);
}

/* Nobody needs to know those before. */
void
keyserver_begin_slots(struct keyserver *ks, struct keystore_group *g)
{
	g->slots_begin_ms = keyserver_time(ks);
	g->slots_known_ms = 0;
	aead_random(g->slots_root, sizeof(g->slots_root));
}

static int
create(struct keyserver_state *g, const struct keyserver_group *settings)
{
	g->kept.method = (uint8_t)settings->method;
	g->kept.epoch = 1;
	g->kept.next_sender = 1;
	g->kept.slot_s = settings->slot_s;
	g->kept.slots_depth = settings->depth;
	keyserver_begin_slots(g->ks, &g->kept);
	if (keystore_put_group(g->ks->store, &g->kept) == -1)
		return -1;
	/* That of the slots, which must not begin later than it is after a restart. */
	return keystore_put_clock(g->ks->store, g->ks->identity.clock_ms);
}

static int
exists(struct keyserver_state *g, bool *has)
{
	struct search s = {.name = g->kept.name};
	int rc = keystore_each_group(g->ks->store, see_group, &s);

	*has = s.has;
	aead_wipe(&s, sizeof(s));
	return rc;
}

int
keyserver_load(struct keyserver_state *g)
{
	unload(g);
	g->ks->problem = NULL;
	g->loaded = read_group(g) == 0;
	if (!g->loaded)
		unload(g);
	return g->loaded ? 0 : -1;
}

struct keyserver_state *
keyserver_group_new(struct keyserver *ks, const struct keyserver_group *settings)
{
	struct keyserver_state *g = calloc(1, sizeof(*g));
	bool has;

	ks->problem = g == NULL ? no_memory : NULL;
	if (g == NULL)
		return NULL;
	g->ks = ks;
	keyserver_init_lists(g);
	g->lease_s = settings->lease_s;
	snprintf(g->kept.name, sizeof(g->kept.name), "%s", settings->name);
	if (exists(g, &has) == -1 || (!has && create(g, settings) == -1) ||
	    keyserver_load(g) == -1) {
		keyserver_group_free(g);
		return NULL;
	}
	g->announce = has;
	return g;
}

void
keyserver_group_free(struct keyserver_state *g)
{
	if (g == NULL)
		return;
	wheel_cancel(g->ks->wheel, &g->batch);
	wheel_cancel(g->ks->wheel, &g->expiry);
	unload(g);
	keyserver_clear_requests(g);
	aead_wipe(g, sizeof(*g));
	free(g);
}
