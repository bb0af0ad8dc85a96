/*
 * Two sorted arrays. Keys are public, so that comparing them may take as long as it takes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "roster.h"

#include <stdlib.h>
#include <string.h>

struct roster {
	size_t count;
	struct roster_entry *by_key;
	const struct roster_entry **by_name;
};

static int
compare_keys(const void *a, const void *b)
{
	const struct roster_entry *left = a, *right = b;

	return memcmp(left->public_key, right->public_key, AEAD_KEY_LEN);
}

static int
compare_names(const void *a, const void *b)
{
	const struct roster_entry *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static int
compare_key(const void *key, const void *entry)
{
	return memcmp(key, ((const struct roster_entry *)entry)->public_key, AEAD_KEY_LEN);
}

static int
compare_name(const void *name, const void *entry)
{
	return strcmp(name, (*(const struct roster_entry *const *)entry)->name);
}

struct roster *
roster_new(const struct roster_entry *entries, size_t count)
{
	struct roster *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->count = count;
	r->by_key = calloc(count + 1, sizeof(r->by_key[0]));
	r->by_name = calloc(count + 1, sizeof(r->by_name[0]));
	if (r->by_key == NULL || r->by_name == NULL) {
		roster_free(r);
		return NULL;
	}
	if (count > 0)
		memcpy(r->by_key, entries, count * sizeof(entries[0]));
	qsort(r->by_key, count, sizeof(r->by_key[0]), compare_keys);
	for (size_t i = 0; i < count; i++)
		r->by_name[i] = &r->by_key[i];
	qsort(r->by_name, count, sizeof(r->by_name[0]), compare_names);
	return r;
}

void
roster_free(struct roster *r)
{
	if (r == NULL)
		return;
	free(r->by_key);
	free(r->by_name);
	free(r);
}

const struct roster_entry *
roster_by_name(const struct roster *r, const char *name)
{
	const struct roster_entry *const *found;

	if (r == NULL)
		return NULL;
	found = bsearch(name, r->by_name, r->count, sizeof(r->by_name[0]), compare_name);
	return found != NULL ? *found : NULL;
}

const struct roster_entry *
roster_by_key(const struct roster *r, const uint8_t public_key[AEAD_KEY_LEN])
{
	if (r == NULL)
		return NULL;
	return bsearch(public_key, r->by_key, r->count, sizeof(r->by_key[0]), compare_key);
}

const struct roster_entry *
roster_at(const struct roster *r, size_t i)
{
	return r != NULL && i < r->count ? &r->by_key[i] : NULL;
}
