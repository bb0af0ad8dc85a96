/*
 * Judging the configuration of a key server as a whole.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <string.h>

static int
check_group(struct settings_draft *d, size_t number)
{
	static const char *const keys[] = {"slot", "depth"};
	static const char *const methods[] = {
	    [METHOD_STATIC] = "static", [METHOD_UPDATE] = "update"};
	const struct settings_key_group *g = &d->s->key_groups[number];
	size_t i;

	for (i = 0; i < 2 && g->method != METHOD_SLOTTED; i++) {
		const struct settings_key *k = settings_key_find(SETTINGS_KEY_GROUP, keys[i]);

		if (settings_place_find(d, k, number, 0) == NULL)
			continue;
		settings_look_at(d, SETTINGS_KEY_GROUP, keys[i], number, 0);
		return settings_fail(d,
		    "of no use with method = %s: expected method = slotted or no such key",
		    methods[g->method]);
	}
	if (d->s->topics != TOPICS_PLAIN || strchr(g->name, '.') == NULL)
		return 0;
	settings_look_at_section(d, SETTINGS_KEY_GROUP, number);
	return settings_fail(d,
	    "'%s' holds a '.', which brokers may not take in a topic: expected none with topics = "
	    "plain",
	    g->name);
}

static int
check_member_key(struct settings_draft *d, size_t number)
{
	const struct settings_member *m = &d->s->members[number];
	bool has_file = d->members[number].public_key_file != NULL;

	if (m->has_public_key && has_file) {
		settings_look_at(d, SETTINGS_MEMBER, "public-key-file", number, 0);
		return settings_fail(d, "there is a public-key as well: expected one of the two");
	}
	if (m->has_public_key || has_file)
		return 0;
	settings_look_at_section(d, SETTINGS_MEMBER, number);
	return settings_fail(d,
	    "'%s' has no public key: expected public-key = \"KEY\", as 'mqtt-vpnctl pubkey' prints "
	    "it there, or public-key-file = \"FILE\"",
	    m->name);
}

static int
check_member(struct settings_draft *d, size_t number)
{
	const struct settings_member *m = &d->s->members[number];

	if (check_member_key(d, number) == -1)
		return -1;
	settings_look_at_section(d, SETTINGS_MEMBER, number);
	if (m->group_count == 0)
		return settings_fail(d, "'%s' has no groups: expected groups = \"GROUP\"", m->name);
	if (d->members[number].addr_count == 0)
		return settings_fail(
		    d, "'%s' has no address: expected address = \"ADDR\"", m->name);
	return 0;
}

static int
check_sections(struct settings_draft *d)
{
	const struct settings *s = d->s;
	size_t i;

	if (s->key_group_count == 0)
		return settings_missing(
		    d, "key-group", NULL, "at least one, as in key-group \"NAME\" { }");
	for (i = 0; i < s->key_group_count; i++) {
		if (check_group(d, i) == -1)
			return -1;
	}
	for (i = 0; i < s->member_count; i++) {
		if (check_member(d, i) == -1)
			return -1;
	}
	return 0;
}

int
settings_check_keyd(struct settings_draft *d)
{
	if (settings_check_network(
		d, NULL, "network = \"NAME\", the same on all members of its groups") == -1)
		return -1;
	if (d->private_key_file == NULL)
		return settings_missing(
		    d, "private-key-file", NULL, "a file with what 'mqtt-vpnctl genkey' prints");
	if (settings_set_default_name(d) == -1 || settings_check_brokers(d) == -1 ||
	    check_sections(d) == -1 || settings_check_keys_differ(d, SETTINGS_MEMBER) == -1)
		return -1;
	return settings_check_shared(d);
}
