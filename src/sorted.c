/*
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "sorted.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 16

void
sorted_init(struct sorted *s, sorted_compare compare)
{
	*s = (struct sorted){.compare = compare};
}

void
sorted_clear(struct sorted *s)
{
	free(s->things);
	sorted_init(s, s->compare);
}

size_t
sorted_place(const struct sorted *s, const void *key)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->compare(key, s->things[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *
sorted_find(const struct sorted *s, const void *key)
{
	size_t at = sorted_place(s, key);

	return at < s->count && s->compare(key, s->things[at]) == 0 ? s->things[at] : NULL;
}

static int
make_room(struct sorted *s)
{
	size_t more = s->size == 0 ? FIRST_SIZE : 2 * s->size;
	void **things;

	if (s->count < s->size)
		return 0;
	things = realloc(s->things, more * sizeof(*things));
	if (things == NULL)
		return -1;
	s->things = things;
	s->size = more;
	return 0;
}

int
sorted_insert(struct sorted *s, const void *key, void *thing)
{
	size_t at = sorted_place(s, key);

	if (make_room(s) == -1)
		return -1;
	memmove(&s->things[at + 1], &s->things[at], (s->count - at) * sizeof(*s->things));
	s->things[at] = thing;
	s->count++;
	return 0;
}

void *
sorted_remove(struct sorted *s, const void *key)
{
	size_t at = sorted_place(s, key);
	void *thing;

	if (at == s->count || s->compare(key, s->things[at]) != 0)
		return NULL;
	thing = s->things[at];
	s->count--;
	memmove(&s->things[at], &s->things[at + 1], (s->count - at) * sizeof(*s->things));
	return thing;
}
