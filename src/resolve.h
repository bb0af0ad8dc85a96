/*
 * Names to addresses without blocking: literals and /etc/hosts at once, then DNS by evdns, then,
 * for what only the system's resolver knows (mDNS, NIS, names without a dot), getaddrinfo(3) in a
 * child process.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define RESOLVE_MAX 16 /* half of them for each family */

struct child_pool;
struct event_base;
struct resolve_query;
struct resolver;
struct wheel;

/* count is 0 on failure, and error then says why. Both are valid during the call only. */
typedef void (*resolve_fn)(void *arg, const struct addr *addrs, size_t count, const char *error);

/* All are borrowed. Returns NULL with errno. */
struct resolver *
resolver_new(struct event_base *base, struct wheel *wheel, struct child_pool *children);
/* Queries still under way are cancelled. base must not run any more afterwards. Accepts NULL. */
void resolver_free(struct resolver *r);

/*
 * Asks for all addresses of name, IPv6 first where both exist (RFC 6724's default order is not
 * tried to be followed beyond that); fn is called once from the loop, never from within this call,
 * at the latest after timeout_ms. Returns NULL with errno.
 */
struct resolve_query *
resolve_start(struct resolver *r, const char *name, uint32_t timeout_ms, resolve_fn fn, void *arg);
/* fn is not called. */
void resolve_cancel(struct resolve_query *q);
/*
 * The system's name servers may have changed (a link came up): asks anew what waits for them. A new
 * query reads /etc/resolv.conf and /etc/hosts in any case.
 */
void resolver_refresh(struct resolver *r);
/* Reads other files than these two; for tests. Both are borrowed. */
void resolver_set_files(struct resolver *r, const char *resolv_conf, const char *hosts);

#endif
