/*
 * What the settings mean to the key server.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keydaemon_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "roster.h"
#include "settings.h"

static struct keyserver_group
group_of(const struct settings_key_group *g)
{
	static const enum keymsg_method methods[] = {
	    [METHOD_STATIC] = KEYMSG_STATIC,
	    [METHOD_UPDATE] = KEYMSG_UPDATE,
	    [METHOD_SLOTTED] = KEYMSG_SLOTTED,
	};

	return (struct keyserver_group){
	    .name = g->name,
	    .method = methods[g->method],
	    .slot_s = g->slot_s,
	    .depth = (uint8_t)g->depth,
	    .lease_s = g->lease_s,
	};
}

static struct keyserver_member
member_of(const struct settings_member *m)
{
	struct keyserver_member member = {
	    .name = m->name,
	    .groups = (const char *const *)m->groups,
	    .group_count = m->group_count,
	    .prefixes = m->prefixes,
	    .prefix_count = m->prefix_count,
	    .longest_s = m->longest_s != 0 ? m->longest_s : UINT64_MAX,
	};

	memcpy(member.public_key, m->public_key, sizeof(member.public_key));
	return member;
}

static struct roster *
make_roster(const struct settings *s)
{
	struct roster_entry *entries = calloc(s->member_count + 1, sizeof(entries[0]));
	struct roster *r = NULL;

	if (entries == NULL)
		return NULL;
	for (size_t i = 0; i < s->member_count; i++) {
		snprintf(entries[i].name, sizeof(entries[i].name), "%s", s->members[i].name);
		memcpy(entries[i].public_key, s->members[i].public_key, AEAD_KEY_LEN);
	}
	r = roster_new(entries, s->member_count);
	free(entries);
	return r;
}

struct keydaemon_config *
keydaemon_config_new(const struct settings *s)
{
	struct keydaemon_config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->groups = calloc(s->key_group_count + 1, sizeof(c->groups[0]));
	c->members = calloc(s->member_count + 1, sizeof(c->members[0]));
	c->roster = make_roster(s);
	if (c->groups == NULL || c->members == NULL || c->roster == NULL) {
		keydaemon_config_free(c);
		return NULL;
	}
	for (size_t i = 0; i < s->key_group_count; i++)
		c->groups[i] = group_of(&s->key_groups[i]);
	for (size_t i = 0; i < s->member_count; i++)
		c->members[i] = member_of(&s->members[i]);
	c->settings =
	    (struct keyserver_settings){c->groups, s->key_group_count, c->members, s->member_count};
	return c;
}

void
keydaemon_config_free(struct keydaemon_config *c)
{
	if (c == NULL)
		return;
	roster_free(c->roster);
	free(c->groups);
	free(c->members);
	free(c);
}
