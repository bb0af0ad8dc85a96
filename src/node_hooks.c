/*
 * The up and down hooks: run one at a time, with the facts in the environment, and never waited
 * for.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node_internal.h"

#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "log.h"
#include "settings.h"
#include "tun.h"
#include "uplink.h"
#include "util.h"

#define HOOK_TIMEOUT_MS 30000
#define ENV_COUNT 5

static char *
addresses_text(const struct settings *s)
{
	char *text = calloc(s->addr_count, PREFIX_TEXT_MAX + 1), one[PREFIX_TEXT_MAX];

	for (size_t i = 0; text != NULL && i < s->addr_count; i++) {
		if (i > 0)
			strcat(text, " ");
		strcat(text, prefix_format(&s->addrs[i], one));
	}
	return text;
}

static void run(struct node *n);

static void
on_done(void *arg, const struct child_result *r)
{
	struct node *n = arg;
	const char *hook = n->hooks.told_up ? "up" : "down";

	n->hooks.running = NULL;
	if (r->status == -1)
		log_error("%s hook: killed after %d s", hook, HOOK_TIMEOUT_MS / 1000);
	else if (WIFSIGNALED(r->status))
		log_error("%s hook: ended by signal %d", hook, WTERMSIG(r->status));
	else if (WEXITSTATUS(r->status) != 0)
		log_error("%s hook: failed with status %d", hook, WEXITSTATUS(r->status));
	if (r->output_len > 0)
		log_info("%s hook: %s", hook, r->output);
	run(n);
}

static void
start(struct node *n, const char *command, bool up)
{
	char *addresses = addresses_text(n->daemon.fixed);
	char *env[ENV_COUNT + 1] = {
	    util_format("MQTT_VPN_EVENT=%s", up ? "up" : "down"),
	    util_format("MQTT_VPN_INTERFACE=%s", tun_name(n->tun)),
	    util_format("MQTT_VPN_ADDRESSES=%s", addresses != NULL ? addresses : ""),
	    util_format("MQTT_VPN_BROKER=%s", uplink_broker_url(n->daemon.uplink)),
	    util_format("MQTT_VPN_MTU=%u", n->daemon.fixed->mtu),
	};

	n->hooks.running = child_run(n->daemon.children, command, env, HOOK_TIMEOUT_MS, on_done, n);
	if (n->hooks.running == NULL)
		log_error("%s hook: %s", up ? "up" : "down", strerror(errno));
	for (size_t i = 0; i < ENV_COUNT; i++)
		free(env[i]);
	free(addresses);
}

static void
run(struct node *n)
{
	const char *command;

	if (n->hooks.running != NULL || n->hooks.told_up == n->hooks.is_up)
		return;
	n->hooks.told_up = n->hooks.is_up;
	command = n->hooks.is_up ? n->daemon.settings->up : n->daemon.settings->down;
	if (command != NULL)
		start(n, command, n->hooks.is_up);
}

void
node_hooks_tell(struct node *n, bool up)
{
	n->hooks.is_up = up;
	run(n);
}

bool
node_hooks_idle(const struct node *n)
{
	return n->hooks.running == NULL;
}
