/*
 * Which line or option each value came from. There may be thousands of peers, so the places of each
 * kind of section are kept in the order of their numbers.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <stdlib.h>
#include <string.h>

void *
settings_grow(void *list, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return list;
	return reallocarray(list, count == 0 ? 1 : 2 * count, size);
}

/* Where those of the number begin, or would. */
static size_t
first_of(const struct settings_places *p, size_t number)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->list[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t
number_in(const struct settings_key *k, size_t number)
{
	return k->section < SETTINGS_BROKER ? 0 : number;
}

const struct settings_place *
settings_place_find(
    const struct settings_draft *d, const struct settings_key *k, size_t number, size_t index)
{
	const struct settings_places *p = &d->places[k->section];
	size_t i;

	number = number_in(k, number);
	for (i = first_of(p, number); i < p->count && p->list[i].number == number; i++) {
		if (p->list[i].key == k && p->list[i].index == index)
			return &p->list[i];
	}
	return NULL;
}

/* How many values the key has there. */
static size_t
count_places(const struct settings_draft *d, const struct settings_key *k, size_t number)
{
	const struct settings_places *p = &d->places[k->section];
	size_t i = first_of(p, number_in(k, number) + 1);

	/* Backwards, as the last one of a list is mostly the last one of all. */
	while (i-- > 0 && p->list[i].number == number_in(k, number)) {
		if (p->list[i].key == k)
			return p->list[i].index + 1;
	}
	return 0;
}

int
settings_place_add(struct settings_draft *d, const struct settings_key *k, size_t number)
{
	struct settings_places *p = &d->places[k->section];
	struct settings_place place = {.key = k,
	    .number = number_in(k, number),
	    .index = count_places(d, k, number),
	    .line = d->line,
	    .option = d->option};
	size_t at = first_of(p, place.number + 1);
	struct settings_place *list = settings_grow(p->list, p->count, sizeof(*list));

	if (list == NULL)
		return settings_no_memory(d);
	p->list = list;
	memmove(&list[at + 1], &list[at], (p->count - at) * sizeof(*list));
	list[at] = place;
	p->count++;
	return 0;
}

void
settings_place_drop(
    struct settings_draft *d, const struct settings_key *k, size_t number, size_t index)
{
	struct settings_places *p = &d->places[k->section];
	size_t i, at = p->count;

	number = number_in(k, number);
	for (i = first_of(p, number); i < p->count && p->list[i].number == number; i++) {
		if (p->list[i].key == k && p->list[i].index == index)
			at = i;
		else if (p->list[i].key == k && p->list[i].index > index)
			p->list[i].index--;
	}
	if (at == p->count)
		return;
	p->count--;
	memmove(&p->list[at], &p->list[at + 1], (p->count - at) * sizeof(*p->list));
}

void
settings_place_drop_all(struct settings_draft *d, const struct settings_key *k)
{
	struct settings_places *p = &d->places[k->section];
	size_t i, kept = 0;

	for (i = 0; i < p->count; i++) {
		if (p->list[i].key != k)
			p->list[kept++] = p->list[i];
	}
	p->count = kept;
}

void
settings_look_at(struct settings_draft *d, enum settings_section section, const char *name,
    size_t number, size_t index)
{
	const struct settings_place *p =
	    settings_place_find(d, settings_key_find(section, name), number, index);

	d->key = name;
	d->line = p == NULL ? 0 : p->line;
	d->option = p == NULL ? NULL : p->option;
}
