/*
 * The commands of the key server's control socket.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keydaemon_internal.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead_hash.h"
#include "keystore.h"
#include "keywire.h"
#include "roster.h"
#include "settings.h"
#include "util.h"

#define LAG_MAX_MS 60000
#define CHOICE_MAX 256
#define DURATION_TEXT_MAX 32

static void
add_count(cJSON *o, const char *name, uint64_t value)
{
	cJSON_AddNumberToObject(o, name, (double)value);
}

/* null where it is not known. */
static void
add_known(cJSON *o, const char *name, bool known, uint64_t value)
{
	cJSON_AddItemToObject(
	    o, name, known ? cJSON_CreateNumber((double)value) : cJSON_CreateNull());
}

static void
add_key(cJSON *o, const char *name, const uint8_t key[AEAD_KEY_LEN])
{
	char text[AEAD_KEY_TEXT];

	aead_key_format(text, key);
	cJSON_AddStringToObject(o, name, text);
}

/* status */

static void
report_members(const struct keydaemon *k, cJSON *o)
{
	const struct keyserver_settings *s = &k->config->settings;
	struct channel_facts facts;
	size_t up = 0;

	for (size_t i = 0; i < s->member_count; i++) {
		keywire_facts(k->wire, s->members[i].public_key, &facts);
		up += facts.state == CHANNEL_UP;
	}
	add_count(o, "configured", s->member_count);
	add_count(o, "up", up);
}

static void
report_traffic(const struct keydaemon *k, cJSON *traffic, cJSON *drops)
{
	const struct stats *stats = &k->daemon.stats;

	add_count(traffic, "tx_messages", stats->value[STAT_TX_MESSAGES]);
	add_count(traffic, "tx_bytes", stats->value[STAT_TX_BYTES]);
	add_count(traffic, "rx_messages", stats->value[STAT_RX_MESSAGES]);
	add_count(traffic, "rx_bytes", stats->value[STAT_RX_BYTES]);
	add_count(traffic, "rx_drops", stats_sum(stats, "rx_drop_"));
	daemon_report_drops(&k->daemon, drops);
}

static void
warn(cJSON *array, char *text)
{
	if (text != NULL)
		cJSON_AddItemToArray(array, cJSON_CreateString(text));
	free(text);
}

static void
warn_of_group(const struct keydaemon *k, const char *name, cJSON *array)
{
	struct keyserver_facts facts;

	if (keyserver_facts(k->server, name, &facts) == -1)
		return;
	if (facts.failing)
		warn(array, util_format("group %s: its last change could not be kept: %s", name,
				keystore_error(k->store)));
	if (facts.is_outdated)
		warn(array,
		    util_format("group %s: the store is older than what a member has", name));
}

static void
report_warnings(const struct keydaemon *k, cJSON *array)
{
	const struct keyserver_settings *s = &k->config->settings;
	uint64_t lag_ms = keyserver_lag_ms(k->server);
	char duration[DURATION_TEXT_MAX];

	for (size_t i = 0; i < s->group_count; i++)
		warn_of_group(k, s->groups[i].name, array);
	if (lag_ms > LAG_MAX_MS)
		warn(array, util_format("the clock is %s behind the time that members were told",
				util_format_duration(lag_ms, duration, sizeof(duration))));
	if (k->daemon.stats.value[STAT_ADDRESS_CONFLICTS] > 0)
		warn(array, util_format("another key server uses our private key"));
}

static cJSON *
on_status(void *arg, const char *argument, char **error)
{
	struct keydaemon *k = arg;
	const struct settings *s = k->daemon.fixed;
	cJSON *o = cJSON_CreateObject();

	daemon_report(&k->daemon, o);
	cJSON_AddStringToObject(o, "network", s->network);
	cJSON_AddStringToObject(o, "name", s->name);
	add_key(o, "public_key", k->network.public_key);
	cJSON_AddStringToObject(o, "topics", s->topics == TOPICS_PLAIN ? "plain" : "hashed");
	cJSON_AddStringToObject(o, "store", s->store);
	uplink_report(k->daemon.uplink, cJSON_AddObjectToObject(o, "link"));
	add_count(o, "groups", k->config->settings.group_count);
	report_members(k, cJSON_AddObjectToObject(o, "members"));
	report_traffic(
	    k, cJSON_AddObjectToObject(o, "traffic"), cJSON_AddObjectToObject(o, "drops"));
	report_warnings(k, cJSON_AddArrayToObject(o, "warnings"));
	return o;
}

/* groups */

static void
report_group(const struct keydaemon *k, const char *name, cJSON *o)
{
	static const char *const methods[] = {
	    [KEYMSG_STATIC] = "static", [KEYMSG_UPDATE] = "update", [KEYMSG_SLOTTED] = "slotted"};
	struct keyserver_facts f;
	bool slotted;

	if (keyserver_facts(k->server, name, &f) == -1)
		return;
	slotted = f.method == KEYMSG_SLOTTED;
	cJSON_AddStringToObject(o, "name", name);
	cJSON_AddStringToObject(o, "method", methods[f.method]);
	add_count(o, "epoch", f.epoch);
	add_count(o, "members", f.members);
	add_count(o, "evicted", f.evicted);
	add_count(o, "lease_s", f.lease_s);
	add_known(o, "slot_s", slotted, f.slot_s);
	add_known(o, "depth", slotted, f.depth);
	add_known(o, "slot", slotted, f.slot);
	cJSON_AddBoolToObject(o, "failing", f.failing);
}

static cJSON *
on_groups(void *arg, const char *argument, char **error)
{
	struct keydaemon *k = arg;
	cJSON *o = cJSON_CreateObject(), *array = cJSON_AddArrayToObject(o, "groups");

	for (size_t i = 0; i < k->config->settings.group_count; i++) {
		cJSON *item = cJSON_CreateObject();

		report_group(k, k->config->settings.groups[i].name, item);
		cJSON_AddItemToArray(array, item);
	}
	return o;
}

/* members */

static void
report_membership(const struct keydaemon *k, const char *member, const char *group, cJSON *array)
{
	cJSON *o = cJSON_CreateObject();
	struct keyserver_member_facts f = {.in = false};

	keyserver_member_facts(k->server, group, member, &f);
	cJSON_AddStringToObject(o, "group", group);
	cJSON_AddStringToObject(o, "state", f.in ? "in" : f.evicted ? "evicted" : "out");
	add_known(o, "left_s", f.in && f.left_ms != UINT64_MAX, f.left_ms / 1000);
	add_known(o, "sender", f.in, f.sender);
	cJSON_AddItemToArray(array, o);
}

static void
report_member(
    const struct keydaemon *k, const struct keyserver_member *m, uint64_t now_ms, cJSON *o)
{
	struct channel_facts f;
	cJSON *array;

	keywire_facts(k->wire, m->public_key, &f);
	cJSON_AddStringToObject(o, "name", m->name);
	add_key(o, "public_key", m->public_key);
	cJSON_AddBoolToObject(o, "up", f.state == CHANNEL_UP);
	add_known(o, "heard_ms_ago", f.received_ms != 0, now_ms - f.received_ms);
	array = cJSON_AddArrayToObject(o, "groups");
	for (size_t i = 0; i < m->group_count; i++)
		report_membership(k, m->name, m->groups[i], array);
}

static cJSON *
on_members(void *arg, const char *argument, char **error)
{
	struct keydaemon *k = arg;
	const struct keyserver_settings *s = &k->config->settings;
	uint64_t now_ms = util_now_ms();
	cJSON *o = cJSON_CreateObject(), *array = cJSON_AddArrayToObject(o, "members");

	for (size_t i = 0; i < s->member_count; i++) {
		cJSON *item = cJSON_CreateObject();

		report_member(k, &s->members[i], now_ms, item);
		cJSON_AddItemToArray(array, item);
	}
	return o;
}

/* What the administrator decides. */

/* "NAME" or "NAME GROUP". */
struct choice {
	char name[CHOICE_MAX];
	const char *group; /* NULL: all */
};

static int
parse_choice(const struct keydaemon *k, const char *argument, struct choice *c, char **error)
{
	struct keyserver_facts facts;
	char *space;

	snprintf(c->name, sizeof(c->name), "%s", argument);
	space = strchr(c->name, ' ');
	if (space != NULL)
		*space = '\0';
	c->group = space != NULL ? space + 1 : NULL;
	if (c->name[0] == '\0') {
		*error = util_format("expected the name of a member, and perhaps of a group");
		return -1;
	}
	if (c->group != NULL && keyserver_facts(k->server, c->group, &facts) == -1) {
		*error = util_format("there is no group '%s'", c->group);
		return -1;
	}
	return 0;
}

/* Returns 0, or -1 with a new string in *error if one of the groups could not be changed. */
static int
check_kept(const struct keydaemon *k, const char *group, char **error)
{
	const struct keyserver_settings *s = &k->config->settings;
	struct keyserver_facts f;

	for (size_t i = 0; i < s->group_count; i++) {
		const char *name = s->groups[i].name;

		if ((group != NULL && strcmp(group, name) != 0) ||
		    keyserver_facts(k->server, name, &f) == -1 || !f.failing)
			continue;
		*error = util_format("group %s could not be changed, which is tried again: %s",
		    name, keystore_error(k->store));
		return -1;
	}
	return 0;
}

static cJSON *
answer_count(const char *name, const char *member, unsigned int count)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "member", member);
	add_count(o, name, count);
	return o;
}

static cJSON *
on_evict(void *arg, const char *argument, char **error)
{
	struct keydaemon *k = arg;
	unsigned int count;
	struct choice c;

	if (parse_choice(k, argument, &c, error) == -1)
		return NULL;
	count = keyserver_evict(k->server, c.group, c.name, util_now_ms());
	if (count > 0 && check_kept(k, c.group, error) == -1)
		return NULL;
	if (count > 0)
		return answer_count("evicted", c.name, count);
	*error = util_format(
	    roster_by_name(k->config->roster, c.name) == NULL
		? "there is no member '%s'"
		: "nothing to do: '%s' is not in and may not join, or was put out before",
	    c.name);
	return NULL;
}

static bool
is_evicted(const struct keydaemon *k, const struct choice *c)
{
	const struct keyserver_settings *s = &k->config->settings;
	struct keyserver_member_facts f;
	bool found = false;

	for (size_t i = 0; i < s->group_count; i++)
		if ((c->group == NULL || strcmp(c->group, s->groups[i].name) == 0) &&
		    keyserver_member_facts(k->server, s->groups[i].name, c->name, &f) == 0)
			found = found || f.evicted;
	return found;
}

static cJSON *
on_admit(void *arg, const char *argument, char **error)
{
	struct keydaemon *k = arg;
	unsigned int count;
	struct choice c;

	if (parse_choice(k, argument, &c, error) == -1)
		return NULL;
	count = keyserver_admit(k->server, c.group, c.name);
	if (is_evicted(k, &c)) {
		*error = util_format("it cannot be kept: %s", keystore_error(k->store));
		return NULL;
	}
	if (count > 0)
		return answer_count("admitted", c.name, count);
	*error = util_format(
	    "'%s' has not been put out%s", c.name, c.group != NULL ? " of that group" : "");
	return NULL;
}

static cJSON *
on_rotate(void *arg, const char *argument, char **error)
{
	struct keydaemon *k = arg;
	struct keyserver_facts facts;
	cJSON *o;

	if (keyserver_rotate(k->server, argument, util_now_ms()) == -1) {
		*error = util_format("there is no group '%s'", argument);
		return NULL;
	}
	if (check_kept(k, argument, error) == -1 ||
	    keyserver_facts(k->server, argument, &facts) == -1)
		return NULL;
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "group", argument);
	add_count(o, "epoch", facts.epoch);
	return o;
}

/* What all daemons have. */

static cJSON *
on_stats(void *arg, const char *argument, char **error)
{
	struct keydaemon *k = arg;
	cJSON *o = cJSON_CreateObject();

	daemon_report_stats(&k->daemon, o);
	return o;
}

static cJSON *
on_reload(void *arg, const char *argument, char **error)
{
	struct keydaemon *k = arg;

	return daemon_command_reload(&k->daemon, error);
}

static cJSON *
on_log(void *arg, const char *argument, char **error)
{
	return daemon_command_log(argument, error);
}

const struct control_command keydaemon_commands[] = {
    {"status", on_status},
    {"groups", on_groups},
    {"members", on_members},
    {"evict", on_evict},
    {"admit", on_admit},
    {"rotate", on_rotate},
    {"stats", on_stats},
    {"reload", on_reload},
    {"log", on_log},
    {NULL, NULL},
};
