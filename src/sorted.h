/*
 * Pointers in the order of what they point to, found by halving. Insertion moves pointers, and
 * nothing else: cheap up to some ten thousand.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SORTED_H
#define SORTED_H

#include <stddef.h>

/* A key against that of a thing, as strcmp() has it. */
typedef int (*sorted_compare)(const void *key, const void *thing);

/* Embedded in its owner, who reads it; the things are the owner's, or somebody else's. */
struct sorted {
	sorted_compare compare;
	void **things;
	size_t count, size;
};

void sorted_init(struct sorted *s, sorted_compare compare);
/* Empty as before the first insertion; the things are not touched. */
void sorted_clear(struct sorted *s);

/* The first thing that is not less than key; count if there is none. */
size_t sorted_place(const struct sorted *s, const void *key);
/* The first thing of this key, or NULL. Borrowed. */
void *sorted_find(const struct sorted *s, const void *key);
/* thing has this key; before others of the same. Returns 0, or -1 when memory is short. */
int sorted_insert(struct sorted *s, const void *key, void *thing);
/* Returns the first thing of this key, which is no longer there, or NULL. */
void *sorted_remove(struct sorted *s, const void *key);

#endif
