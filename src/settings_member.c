/*
 * The sections of a key server: groups, and who may join them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aead_hash.h"
#include "util.h"

#define LEASE_S 900
#define SLOT_S 60
#define DEPTH 24
#define KEY_FILE_MAX 4096

int
settings_begin_key_group(struct settings_draft *d, const char *name)
{
	struct settings *s = d->s;
	struct settings_key_group *groups;

	if (settings_check_title(d, "a group", name, SETTINGS_PLAIN_MAX) == -1)
		return -1;
	groups = settings_grow(s->key_groups, s->key_group_count, sizeof(*groups));
	if (groups == NULL)
		return settings_no_memory(d);
	s->key_groups = groups;
	d->number = s->key_group_count++;
	groups[d->number] = (struct settings_key_group){.name = strdup(name),
	    .method = METHOD_UPDATE,
	    .lease_s = LEASE_S,
	    .slot_s = SLOT_S,
	    .depth = DEPTH,
	    .line = d->line};
	return groups[d->number].name == NULL ? settings_no_memory(d) : 0;
}

int
settings_begin_member(struct settings_draft *d, const char *name)
{
	struct settings *s = d->s;
	struct settings_draft_member *drafts;
	struct settings_member *members;

	if (settings_check_title(d, "a member", name, SETTINGS_NAME_MAX) == -1)
		return -1;
	drafts = settings_grow(d->members, s->member_count, sizeof(*drafts));
	if (drafts == NULL)
		return settings_no_memory(d);
	d->members = drafts;
	members = settings_grow(s->members, s->member_count, sizeof(*members));
	if (members == NULL)
		return settings_no_memory(d);
	s->members = members;
	d->number = s->member_count++;
	drafts[d->member_count++] = (struct settings_draft_member){0};
	members[d->number] = (struct settings_member){.name = strdup(name), .line = d->line};
	return members[d->number].name == NULL ? settings_no_memory(d) : 0;
}

/* Whether there is such a group is known at the end of the file. */
int
settings_add_member_group(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct settings_member *m = &d->s->members[d->number];
	char **list = settings_grow(m->groups, m->group_count, sizeof(*list));

	if (list == NULL)
		return settings_no_memory(d);
	m->groups = list;
	list[m->group_count] = strdup(value);
	if (list[m->group_count] == NULL)
		return settings_no_memory(d);
	m->group_count++;
	return 0;
}

int
settings_add_prefix(struct settings_draft *d, const struct prefix *p, size_t at)
{
	struct settings_member *m = &d->s->members[d->number];
	struct prefix *list;

	if (m->prefix_count == SETTINGS_PREFIXES_MAX)
		return settings_fail(d,
		    "one too many: expected at most %d addresses and routes of a member in all",
		    SETTINGS_PREFIXES_MAX);
	list = settings_grow(m->prefixes, m->prefix_count, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	m->prefixes = list;
	memmove(&list[at + 1], &list[at], (m->prefix_count - at) * sizeof(*list));
	list[at] = *p;
	m->prefix_count++;
	return 0;
}

int
settings_set_member_key_file(
    struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (settings_check_path(d, k, value) == -1)
		return -1;
	return settings_replace_text(d, &d->members[d->number].public_key_file, value);
}

static int
read_key(struct settings_draft *d, struct settings_member *m, const char *path)
{
	char *text;

	if (settings_check_readable(d, path) == -1)
		return -1;
	text = util_read_file(path, KEY_FILE_MAX);
	if (text == NULL)
		return settings_fail(
		    d, "%s: %s: expected a file with a public key", path, strerror(errno));
	text[strcspn(text, "\r\n")] = '\0';
	m->has_public_key = aead_key_parse(m->public_key, text) == 0;
	free(text);
	if (!m->has_public_key)
		return settings_fail(d,
		    "%s: the first line is not a public key: expected 44 characters of base64, as "
		    "'mqtt-vpnctl pubkey' prints them",
		    path);
	if (settings_is_zero(m->public_key))
		return settings_fail(
		    d, "%s: the key is all zero: expected one of 'mqtt-vpnctl pubkey'", path);
	return 0;
}

int
settings_read_member_keys(struct settings_draft *d)
{
	size_t i;

	for (i = 0; i < d->s->member_count; i++) {
		const char *path = d->members[i].public_key_file;

		if (path == NULL)
			continue;
		settings_look_at(d, SETTINGS_MEMBER, "public-key-file", i, 0);
		if (read_key(d, &d->s->members[i], path) == -1)
			return -1;
	}
	return settings_check_keys_differ(d, SETTINGS_MEMBER);
}
