/*
 * What may be given once only: the names of sections, and public keys.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <stdlib.h>
#include <string.h>

/* A section, by its name or by its key. */
struct item {
	const char *name;
	const uint8_t *key; /* NULL: none */
	unsigned int line;
	size_t number;
};

static size_t
count_of(const struct settings *s, enum settings_section section)
{
	switch (section) {
	case SETTINGS_BROKER:
		return s->broker_count;
	case SETTINGS_PEER:
		return s->peer_count;
	case SETTINGS_KEY_GROUP:
		return s->key_group_count;
	case SETTINGS_MEMBER:
		return s->member_count;
	default:
		return 0;
	}
}

static struct item
item_of(const struct settings_draft *d, enum settings_section section, size_t number)
{
	const struct settings *s = d->s;

	if (section == SETTINGS_PEER) {
		const struct settings_peer *p = &s->peers[number];

		return (struct item){
		    p->name, p->has_public_key ? p->public_key : NULL, p->line, number};
	}
	if (section == SETTINGS_MEMBER) {
		const struct settings_member *m = &s->members[number];

		return (struct item){
		    m->name, m->has_public_key ? m->public_key : NULL, m->line, number};
	}
	if (section == SETTINGS_KEY_GROUP)
		return (struct item){
		    s->key_groups[number].name, NULL, s->key_groups[number].line, number};
	return (struct item){s->brokers[number].url, NULL, d->broker_lines[number], number};
}

void
settings_look_at_section(struct settings_draft *d, enum settings_section section, size_t number)
{
	d->key = settings_section_name(section);
	d->line = item_of(d, section, number).line;
	d->option = NULL;
}

static int
compare_numbers(const struct item *a, const struct item *b)
{
	return a->number < b->number ? -1 : a->number > b->number;
}

static int
compare_names(const void *left, const void *right)
{
	const struct item *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : compare_numbers(a, b);
}

/* Those without a key stand at the end. */
static int
compare_keys(const void *left, const void *right)
{
	const struct item *a = left, *b = right;
	int order = (a->key == NULL) - (b->key == NULL);

	if (order == 0 && a->key != NULL)
		order = memcmp(a->key, b->key, AEAD_KEY_LEN);
	return order != 0 ? order : compare_numbers(a, b);
}

static bool
is_same_name(const struct item *a, const struct item *b)
{
	return strcmp(a->name, b->name) == 0;
}

static bool
is_same_key(const struct item *a, const struct item *b)
{
	return a->key != NULL && b->key != NULL && memcmp(a->key, b->key, AEAD_KEY_LEN) == 0;
}

/* The first one in the file that is there already, and the one before it. Returns 1; 0 if there is
 * none; -1 when memory is short. */
static int
find_twice(const struct settings_draft *d, enum settings_section section,
    int (*compare)(const void *, const void *),
    bool (*is_same)(const struct item *, const struct item *), struct item found[2])
{
	size_t i, count = count_of(d->s, section);
	struct item *list = calloc(count + 1, sizeof(*list));
	int rc = 0;

	if (list == NULL)
		return -1;
	for (i = 0; i < count; i++)
		list[i] = item_of(d, section, i);
	qsort(list, count, sizeof(*list), compare);
	for (i = 1; i < count; i++) {
		if (!is_same(&list[i - 1], &list[i]) ||
		    (rc == 1 && list[i].number > found[1].number))
			continue;
		memcpy(found, &list[i - 1], 2 * sizeof(*found));
		rc = 1;
	}
	free(list);
	return rc;
}

int
settings_check_titles(struct settings_draft *d, enum settings_section section)
{
	struct item found[2];
	int rc = find_twice(d, section, compare_names, is_same_name, found);

	if (rc == -1)
		return settings_no_memory(d);
	if (rc == 0)
		return 0;
	settings_look_at_section(d, section, found[1].number);
	return settings_fail(d, "'%s' is there already, in line %u: expected another name",
	    found[1].name, found[0].line);
}

int
settings_check_keys_differ(struct settings_draft *d, enum settings_section section)
{
	struct item found[2];
	int rc = find_twice(d, section, compare_keys, is_same_key, found);

	if (rc == -1)
		return settings_no_memory(d);
	if (rc == 0)
		return 0;
	settings_look_at(d, section,
	    section == SETTINGS_MEMBER && d->members[found[1].number].public_key_file != NULL
		? "public-key-file"
		: "public-key",
	    found[1].number, 0);
	return settings_fail(d, "this key is given to %s '%s' in line %u already: expected it once",
	    settings_section_name(section), found[0].name, found[0].line);
}
