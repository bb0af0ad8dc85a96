/*
 * Other settings for a key server that runs: groups and members come and go.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keydaemon_internal.h"

#include "keywire.h"
#include "roster.h"
#include "ticker.h"
#include "util.h"

/* A member's session and its place in each group, and something for what is done at a time. */
#define MEMORY_BASE (64u * 1024 * 1024)
#define MEMORY_MEMBER (32u * 1024)

/* Nobody has a session who may have none. */
static void
on_left(void *arg, uint64_t now_ms)
{
	struct keydaemon *k = arg;
	const struct roster_entry *e;

	for (size_t i = 0; (e = roster_at(k->leaving, i)) != NULL; i++)
		if (roster_by_key(k->config->roster, e->public_key) == NULL)
			keywire_forget(k->wire, e->public_key);
	roster_free(k->leaving);
	k->leaving = NULL;
}

/* The sessions of those who are not there any more last until the server, by its timers, has told
 * them so. */
static void
let_go(struct keydaemon *k, struct roster *old)
{
	if (k->leaving != NULL)
		on_left(k, util_now_ms());
	k->leaving = old;
	wheel_set(
	    k->daemon.wheel, &k->leaving_timer, util_now_ms() + KEYSERVER_BATCH_MS, on_left, k);
}

int
keydaemon_on_accept(void *arg, const struct settings *s, char **error)
{
	struct keydaemon *k = arg;
	struct keydaemon_config *new = keydaemon_config_new(s), *old = k->config;

	*error = NULL;
	if (new == NULL)
		return -1;
	if (keyserver_configure(k->server, &new->settings, util_now_ms(), error) == -1) {
		keydaemon_config_free(new);
		return -1;
	}
	k->config = new;
	let_go(k, old->roster);
	old->roster = NULL;
	keydaemon_config_free(old);
	return 0;
}

void
keydaemon_limit_memory(const struct keydaemon *k)
{
	daemon_limit_memory(MEMORY_BASE + MEMORY_MEMBER * k->config->settings.member_count);
}

void
keydaemon_on_reloaded(void *arg)
{
	keydaemon_limit_memory(arg);
}
