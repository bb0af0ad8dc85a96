/*
 * A key server that was restored from a backup. What it handed out since then it does not know, and
 * so it goes far ahead of it, and begins anew with members and keys: there may be some among them
 * who left or were put out.
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

/* Epochs, and sender ids, that a group can have used since the backup: one a second for half a
 * year. A group can be recovered 254 times, and has as many left then. */
#define AHEAD (UINT32_C(1) << 24)

struct collection {
	struct keystore_group *groups;
	size_t count;
};

/* Without the root of the slots: there will be another. */
static int
collect(void *arg, const struct keystore_group *g)
{
	struct collection *c = arg;
	struct keystore_group *more = realloc(c->groups, (c->count + 1) * sizeof(*more));

	if (more == NULL)
		return -1;
	c->groups = more;
	c->groups[c->count] = *g;
	memset(c->groups[c->count].slots_root, 0, sizeof(g->slots_root));
	c->count++;
	return 0;
}

static const char *
move_ahead(struct keyserver *ks, struct keystore_group *g)
{
	if (g->epoch > UINT32_MAX - 2 * AHEAD)
		return "its epochs are used up: choose another name for a new group";
	if (g->next_sender > UINT32_MAX - 2 * AHEAD)
		return "its sender ids are used up: choose another name for a new group";
	g->epoch += AHEAD;
	g->next_sender += AHEAD;
	keyserver_begin_slots(ks, g);
	if (keystore_clear_group(ks->store, g->name) == -1 ||
	    keystore_put_group(ks->store, g) == -1)
		return keystore_error(ks->store);
	return NULL;
}

static const char *
move_all_ahead(struct keyserver *ks, struct collection *c, const char **whose)
{
	const char *problem = NULL;

	if (keystore_begin(ks->store) == -1 || keystore_each_group(ks->store, collect, c) == -1)
		return keystore_error(ks->store);
	for (size_t i = 0; problem == NULL && i < c->count; i++) {
		*whose = c->groups[i].name;
		problem = move_ahead(ks, &c->groups[i]);
	}
	if (problem != NULL)
		return problem;
	*whose = NULL;
	if (keystore_put_clock(ks->store, ks->identity.clock_ms) == -1 ||
	    keystore_commit(ks->store) == -1)
		return keystore_error(ks->store);
	return NULL;
}

/* All are told of an epoch that nobody can follow to, and so they ask, and join again. */
static int
begin_anew(struct keyserver_state *g, uint64_t now_ms)
{
	if (keyserver_load(g) == -1)
		return -1;
	keyserver_clear_requests(g);
	g->renew = true;
	keyserver_schedule(g, now_ms);
	return 0;
}

int
keyserver_recover(struct keyserver *ks, uint64_t now_ms, char **error)
{
	struct collection c = {.groups = NULL};
	const char *whose = NULL, *problem = move_all_ahead(ks, &c, &whose);

	*error = NULL;
	if (problem != NULL)
		*error =
		    whose != NULL ? keyserver_error_text("group", whose, problem) : strdup(problem);
	keystore_rollback(ks->store);
	for (size_t i = 0; problem == NULL && i < ks->group_count; i++)
		if (begin_anew(ks->groups[i], now_ms) == -1) {
			problem = keyserver_problem(ks);
			*error = keyserver_error_text("group", ks->groups[i]->kept.name, problem);
		}
	if (c.groups != NULL)
		aead_wipe(c.groups, c.count * sizeof(*c.groups));
	free(c.groups);
	if (problem != NULL)
		return -1;
	log_notice(
	    "recovered: all members join again; who was put out since the backup must be put "
	    "out again");
	return 0;
}
