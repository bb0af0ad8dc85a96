/*
 * Addresses, routes, MTU and link state through rtnetlink (libmnl), and word when the machine's own
 * network changes.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NETLINK_H
#define NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct event_base;
struct netlink;

enum netlink_change {
	NETLINK_UPLINK_CAME, /* another link came up, or an address or a route appeared on another
				link: worth a try to connect */
	NETLINK_OWN_GONE,    /* the watched interface was deleted */
	NETLINK_OWN_DOWN,    /* it was set down */
	NETLINK_OWN_UP,	     /* it was set up */
};

typedef void (*netlink_fn)(void *arg, enum netlink_change change);

/*
 * Opens the sockets and subscribes to changes; fn is called from the loop, at most once for a burst
 * of changes of one kind. base is borrowed. Returns NULL with errno.
 */
struct netlink *netlink_open(struct event_base *base, netlink_fn fn, void *arg);
/* Accepts NULL. */
void netlink_close(struct netlink *n);
/* The interface that is ours: its changes are reported as OWN, all others' as UPLINK. 0 for none.
 * What netlink_set_up() does to it is not reported. */
void netlink_watch(struct netlink *n, unsigned int ifindex);

/*
 * All of these ask the kernel and read its answer, which is there at once. They return 0, or -1
 * with errno. Adding what exists already and deleting what does not are no errors.
 */
int netlink_add_address(struct netlink *n, unsigned int ifindex, const struct prefix *p);
/* The kernel gives it no IPv6 link-local address by itself, and so solicits no routers over it.
 * Where there is no IPv6 it fails, which does not matter. */
int netlink_no_link_local(struct netlink *n, unsigned int ifindex);
int netlink_set_mtu(struct netlink *n, unsigned int ifindex, unsigned int mtu);
int netlink_set_up(struct netlink *n, unsigned int ifindex, bool up);
/* A route over the interface, in table main (RT_TABLE_MAIN) or another; protocol static, link scope
 * for IPv4. It comes behind a route to the same destination over another interface. */
int
netlink_add_route(struct netlink *n, unsigned int ifindex, const struct prefix *p, uint32_t table);
int netlink_delete_route(
    struct netlink *n, unsigned int ifindex, const struct prefix *p, uint32_t table);

/*
 * Policy rules (ip-rule(8)): priority, an optional destination, the table to look in, and whether
 * to pass over default routes found there (suppress_prefixlength 0).
 */
struct netlink_rule {
	enum addr_family family;
	const struct addr *to; /* NULL for every destination */
	uint32_t priority;
	uint32_t table;
	bool suppress_default;
};
int netlink_add_rule(struct netlink *n, const struct netlink_rule *r);
int netlink_delete_rule(struct netlink *n, const struct netlink_rule *r);

#endif
