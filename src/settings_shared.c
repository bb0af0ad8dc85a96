/*
 * What the members of a group share: that the group is there, and that each address and network
 * has one owner in it. The same member, or another, may have it in another group.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <stdlib.h>
#include <string.h>

/* A group that a member lists. */
struct mention {
	size_t group, member;
	size_t i; /* which of its list */
};

/* What a member has in a group. */
struct share {
	struct prefix prefix;
	size_t group, member;
	size_t i; /* which of its prefixes */
};

static int
compare_numbers(size_t a, size_t b)
{
	return a < b ? -1 : a > b;
}

static int
compare_group_names(const void *left, const void *right)
{
	const struct settings_key_group *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

/* By name. Returns NULL when memory is short. */
static const struct settings_key_group **
sort_groups(const struct settings *s)
{
	const struct settings_key_group **list = calloc(s->key_group_count + 1, sizeof(*list));
	size_t i;

	for (i = 0; i < s->key_group_count && list != NULL; i++)
		list[i] = &s->key_groups[i];
	if (list != NULL)
		qsort(list, s->key_group_count, sizeof(*list), compare_group_names);
	return list;
}

static int
fail_no_group(struct settings_draft *d, size_t member, size_t i)
{
	settings_look_at(d, SETTINGS_MEMBER, "groups", member, i);
	return settings_fail(d, "'%s' is not a group: expected the name of a key-group section",
	    d->s->members[member].groups[i]);
}

static int
fill_mentions(
    struct settings_draft *d, const struct settings_key_group **sorted, struct mention *out)
{
	const struct settings *s = d->s;
	size_t number, i;

	for (number = 0; number < s->member_count; number++) {
		for (i = 0; i < s->members[number].group_count; i++) {
			struct settings_key_group wanted = {.name = s->members[number].groups[i]};
			const struct settings_key_group *key = &wanted, **found;

			found = bsearch(
			    &key, sorted, s->key_group_count, sizeof(*sorted), compare_group_names);
			if (found == NULL)
				return fail_no_group(d, number, i);
			*out++ = (struct mention){(size_t)(*found - s->key_groups), number, i};
		}
	}
	return 0;
}

/* In the order of the file. Returns NULL with an error. */
static struct mention *
list_mentions(struct settings_draft *d, size_t *count)
{
	const struct settings_key_group **sorted = sort_groups(d->s);
	struct mention *list;
	size_t i;

	*count = 0;
	for (i = 0; i < d->s->member_count; i++)
		*count += d->s->members[i].group_count;
	list = calloc(*count + 1, sizeof(*list));
	if (sorted == NULL || list == NULL) {
		settings_no_memory(d);
	} else if (fill_mentions(d, sorted, list) == 0) {
		free(sorted);
		return list;
	}
	free(sorted);
	free(list);
	return NULL;
}

/* Of one member those of one group stand together. */
static int
compare_mentions(const void *left, const void *right)
{
	const struct mention *a = left, *b = right;
	int order = compare_numbers(a->member, b->member);

	if (order == 0)
		order = compare_numbers(a->group, b->group);
	return order != 0 ? order : compare_numbers(a->i, b->i);
}

/* Sorts them. Fails for the first one in the file. */
static int
check_mentions_differ(struct settings_draft *d, struct mention *list, size_t count)
{
	const struct mention *second = NULL;
	size_t i;

	qsort(list, count, sizeof(*list), compare_mentions);
	for (i = 1; i < count && (second == NULL || second->member == list[i].member); i++) {
		if (list[i - 1].member == list[i].member && list[i - 1].group == list[i].group &&
		    (second == NULL || list[i].i < second->i))
			second = &list[i];
	}
	if (second == NULL)
		return 0;
	settings_look_at(d, SETTINGS_MEMBER, "groups", second->member, second->i);
	return settings_fail(
	    d, "'%s' is listed twice: expected it once", d->s->key_groups[second->group].name);
}

static int
compare_places(const struct share *a, const struct share *b)
{
	int order = compare_numbers(a->member, b->member);

	return order != 0 ? order : compare_numbers(a->i, b->i);
}

/* Equal ones of one group stand together, in the order of their places. */
static int
compare_shares(const void *left, const void *right)
{
	const struct share *a = left, *b = right;
	int order = settings_compare_prefixes(&a->prefix, &b->prefix);

	if (order == 0)
		order = compare_numbers(a->group, b->group);
	return order != 0 ? order : compare_places(a, b);
}

/* Sorted. Returns NULL when memory is short. */
static struct share *
list_shares(
    const struct settings *s, const struct mention *mentions, size_t mention_count, size_t *count)
{
	struct share *list;
	size_t i, j, n = 0;

	for (i = 0; i < mention_count; i++)
		n += s->members[mentions[i].member].prefix_count;
	list = calloc(n + 1, sizeof(*list));
	if (list == NULL)
		return NULL;
	*count = n;
	n = 0;
	for (i = 0; i < mention_count; i++) {
		const struct settings_member *m = &s->members[mentions[i].member];

		for (j = 0; j < m->prefix_count; j++)
			list[n++] = (struct share){
			    m->prefixes[j], mentions[i].group, mentions[i].member, j};
	}
	qsort(list, n, sizeof(*list), compare_shares);
	return list;
}

static int
fail_share(struct settings_draft *d, const struct share *first, const struct share *second)
{
	const struct settings_member *m = &d->s->members[first->member];
	size_t addr_count = d->members[second->member].addr_count;
	char text[PREFIX_TEXT_MAX];

	settings_format_prefix(&second->prefix, text);
	if (second->i < addr_count)
		settings_look_at(d, SETTINGS_MEMBER, "address", second->member, second->i);
	else
		settings_look_at(
		    d, SETTINGS_MEMBER, "routes", second->member, second->i - addr_count);
	if (first->member == second->member)
		return settings_fail(d, "%s is listed twice: expected it once", text);
	return settings_fail(d,
	    "%s is given to member '%s' of the group '%s' in line %u already: expected it once",
	    text, m->name, d->s->key_groups[first->group].name, m->line);
}

/* Fails for the first one in the file. */
static int
check_shares_differ(struct settings_draft *d, const struct mention *mentions, size_t mention_count)
{
	const struct share *second = NULL;
	struct share *list;
	size_t count = 0, i;

	list = list_shares(d->s, mentions, mention_count, &count);
	if (list == NULL)
		return settings_no_memory(d);
	for (i = 1; i < count; i++) {
		if (list[i - 1].group == list[i].group &&
		    settings_compare_prefixes(&list[i - 1].prefix, &list[i].prefix) == 0 &&
		    (second == NULL || compare_places(&list[i], second) < 0))
			second = &list[i];
	}
	if (second != NULL)
		fail_share(d, second - 1, second);
	free(list);
	return second == NULL ? 0 : -1;
}

int
settings_check_shared(struct settings_draft *d)
{
	struct mention *list;
	size_t count;
	int rc;

	list = list_mentions(d, &count);
	if (list == NULL)
		return -1;
	rc = check_mentions_differ(d, list, count);
	if (rc == 0)
		rc = check_shares_differ(d, list, count);
	free(list);
	return rc;
}
