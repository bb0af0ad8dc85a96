/*
 * The messages outside of any session that were heeded last, known by what authenticates them:
 * nothing else tells that they come again. A pure value.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SEEN_H
#define SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_MAX 4096

/*
 * By their order alone the oldest gives way: whoever has recorded fewer cannot choose some that
 * drive each other out. Zeroed: none.
 */
struct seen {
	uint64_t seals[SEEN_MAX];
	size_t next;
};

/* Whether the message, of 8 bytes at least, is one of them. What authenticates it is its end, and
 * must have been found to be good: nobody chose it then. */
bool seen_before(const struct seen *s, const uint8_t *message, size_t len);
void seen_add(struct seen *s, const uint8_t *message, size_t len);

#endif
