/*
 * A token bucket: so many at once, and so many a second. A pure value; time comes in as an
 * argument.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef BUCKET_H
#define BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: full, whatever its size. */
struct bucket {
	uint64_t used_until_us; /* when all that was taken is paid back */
};

/* Takes one from a bucket that holds size and gains rate a second (1 to 1000). Returns false if it
 * is empty. */
bool bucket_take(struct bucket *b, uint32_t rate, uint32_t size, uint64_t now_ms);
/* From one of count buckets by a hash of the name, which anybody may have made up: two names that
 * share one wait for each other, no more. */
bool bucket_take_by_name(struct bucket *buckets, size_t count, const char *name, size_t len,
    uint32_t rate, uint32_t size, uint64_t now_ms);

#endif
