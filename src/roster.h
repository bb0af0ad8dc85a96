/*
 * Whose public key is whose: names and keys of many members, found by either.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef ROSTER_H
#define ROSTER_H

#include <stddef.h>
#include <stdint.h>

#include "aead.h"

#define ROSTER_NAME_MAX 64

struct roster;

struct roster_entry {
	char name[ROSTER_NAME_MAX + 1];
	uint8_t public_key[AEAD_KEY_LEN];
};

/* No two of them have the same name or the same key. They are copied. Returns NULL when memory is
 * short. */
struct roster *roster_new(const struct roster_entry *entries, size_t count);
/* Accepts NULL. */
void roster_free(struct roster *r);
/* Borrowed; NULL: there is none. A roster that is NULL is empty. */
const struct roster_entry *roster_by_name(const struct roster *r, const char *name);
const struct roster_entry *
roster_by_key(const struct roster *r, const uint8_t public_key[AEAD_KEY_LEN]);
/* One after the other; NULL behind the last. */
const struct roster_entry *roster_at(const struct roster *r, size_t i);

#endif
