/*
 * Who is in a group of the key server, who must not be, and the requests that wait.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keyserver.h"

#include <stdlib.h>
#include <string.h>

#include "keyserver_internal.h"

static int
compare_member(const void *key, const void *thing)
{
	const struct keystore_member *m = thing;

	return strcmp(key, m->name);
}

static int
compare_sender(const void *key, const void *thing)
{
	const uint32_t *sender = key;
	const struct keystore_member *m = thing;

	return (*sender > m->sender) - (*sender < m->sender);
}

static int
compare_text(const void *key, const void *thing)
{
	return strcmp(key, thing);
}

static int
compare_request(const void *key, const void *thing)
{
	const struct keyserver_request *r = thing;

	return strcmp(key, r->member);
}

void
keyserver_init_lists(struct keyserver_state *g)
{
	sorted_init(&g->members, compare_member);
	sorted_init(&g->by_sender, compare_sender);
	sorted_init(&g->bans, compare_text);
	sorted_init(&g->requests, compare_request);
}

static void
clear_owned(struct sorted *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->things[i]);
	sorted_clear(s);
}

void
keyserver_clear_requests(struct keyserver_state *g)
{
	clear_owned(&g->requests);
}

void
keyserver_clear_members(struct keyserver_state *g)
{
	sorted_clear(&g->by_sender);
	clear_owned(&g->members);
	clear_owned(&g->bans);
}

struct keystore_member *
keyserver_find(const struct keyserver_state *g, const char *name)
{
	struct keystore_member *m = sorted_find(&g->members, name);

	return m != NULL && m->until_ms != 0 ? m : NULL;
}

const struct keystore_member *
keyserver_find_by_sender(const struct keyserver_state *g, uint32_t sender)
{
	const struct keystore_member *m = sorted_find(&g->by_sender, &sender);

	return m != NULL && m->until_ms != 0 ? m : NULL;
}

struct keystore_member *
keyserver_insert(struct keyserver_state *g, const struct keystore_member *m)
{
	struct keystore_member *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return NULL;
	*copy = *m;
	if (sorted_insert(&g->members, copy->name, copy) == -1) {
		free(copy);
		return NULL;
	}
	if (sorted_insert(&g->by_sender, &copy->sender, copy) == -1) {
		sorted_remove(&g->members, copy->name);
		free(copy);
		return NULL;
	}
	return copy;
}

bool
keyserver_is_banned(const struct keyserver_state *g, const char *name)
{
	return sorted_find(&g->bans, name) != NULL;
}

int
keyserver_add_ban(struct keyserver_state *g, const char *name)
{
	char *copy;

	if (keyserver_is_banned(g, name))
		return 0;
	copy = strdup(name);
	if (copy == NULL || sorted_insert(&g->bans, name, copy) == -1) {
		free(copy);
		return -1;
	}
	return 0;
}

void
keyserver_lift_ban(struct keyserver_state *g, const char *name)
{
	free(sorted_remove(&g->bans, name));
}

/* Its last word counts, but not against an eviction: it may ask again when it is out. */
static void
replace(struct keyserver_request *waiting, const struct keyserver_request *r)
{
	bool ban = waiting->ban;

	if (waiting->type == KEYMSG_EVICTED && r->type != KEYMSG_EVICTED)
		return;
	*waiting = *r;
	waiting->ban = waiting->ban || ban;
}

int
keyserver_enqueue(struct keyserver_state *g, const struct keyserver_request *r)
{
	struct keyserver_request *waiting = sorted_find(&g->requests, r->member);

	if (waiting != NULL) {
		replace(waiting, r);
		return 0;
	}
	waiting = malloc(sizeof(*waiting));
	if (waiting == NULL || sorted_insert(&g->requests, r->member, waiting) == -1) {
		free(waiting);
		return -1;
	}
	*waiting = *r;
	return 0;
}
