/*
 * Longest prefix match for both families, to an opaque value. One hash table per family and the set
 * of the lengths in use: a lookup costs one probe for each different length, whatever the number of
 * routes.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stddef.h>

#include "addr.h"

struct peer;
struct route_table;

struct route_table *route_table_new(void);
/* The peers are not touched. Accepts NULL. */
void route_table_free(struct route_table *t);

/*
 * Adds a route to a borrowed peer, which must outlive it. Host bits are ignored. Returns 0, or -1
 * with EEXIST (that prefix has another peer; the same peer again is 0) or ENOMEM.
 */
int route_add(struct route_table *t, const struct prefix *p, struct peer *peer);
/* Makes room, so that the next count calls of route_add() cannot fail with ENOMEM. Returns 0 or -1.
 */
int route_reserve(struct route_table *t, size_t count);
/* Takes this route away if it leads to peer. */
void route_remove(struct route_table *t, const struct prefix *p, const struct peer *peer);
/* The peer of the longest prefix that holds a and has at least min_len bits, or NULL. */
struct peer *route_find(const struct route_table *t, const struct addr *a, uint8_t min_len);
/* The peer of exactly this prefix, or NULL. */
struct peer *route_get(const struct route_table *t, const struct prefix *p);
size_t route_count(const struct route_table *t);

#endif
