/*
 * The kernel's routes to what lies behind the peers. A default route through a peer must not
 * swallow the path to the broker: it stands in a table of its own, reached by rules that let the
 * broker's address and every more specific route of table main pass first, and only while the
 * connection is up, so that the name servers can be reached to connect.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node_internal.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "netlink.h"
#include "peer.h"
#include "settings.h"
#include "tun.h"
#include "util.h"

#define DEFAULT_TABLE 28017 /* "mq" */
#define PRIORITY_BROKER 28015
#define PRIORITY_MAIN 28016
#define PRIORITY_DEFAULT 28017

static uint32_t
table_of(const struct prefix *p)
{
	return p->len == 0 ? DEFAULT_TABLE : RT_TABLE_MAIN;
}

static bool
in_own_network(const struct node *n, const struct addr *a)
{
	for (size_t i = 0; i < n->daemon.fixed->addr_count; i++)
		if (prefix_contains(&n->daemon.fixed->addrs[i], a))
			return true;
	return false;
}

/* The routes that the peers ask for; addresses outside our own network need one too. */
static struct prefix *
wanted_routes(const struct node *n, size_t *count)
{
	struct prefix *routes;
	size_t most = 0;

	*count = 0;
	for (const struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		most += p->configured ? p->route_count + p->addr_count : 0;
	routes = calloc(most + 1, sizeof(routes[0]));
	if (routes == NULL)
		return NULL;
	for (const struct peer *p = peer_first(n->peers); p != NULL && p->configured; p = p->next) {
		for (size_t k = 0; k < p->route_count; k++)
			routes[(*count)++] = prefix_network(&p->routes[k]);
		for (size_t k = 0; k < p->addr_count; k++)
			if (!in_own_network(n, &p->addrs[k]))
				routes[(*count)++] = (struct prefix){
				    .addr = p->addrs[k], .len = addr_bits(&p->addrs[k])};
	}
	return routes;
}

static void
add_route(struct node *n, const struct prefix *p)
{
	char text[PREFIX_TEXT_MAX];

	if (netlink_add_route(n->netlink, tun_ifindex(n->tun), p, table_of(p)) == -1)
		log_error("route %s: %s", prefix_format(p, text), strerror(errno));
}

static void
delete_route(struct node *n, const struct prefix *p)
{
	char text[PREFIX_TEXT_MAX];

	if (netlink_delete_route(n->netlink, tun_ifindex(n->tun), p, table_of(p)) == -1 &&
	    errno != ENODEV)
		log_warning(
		    "route %s could not be removed: %s", prefix_format(p, text), strerror(errno));
}

static bool
has_default(const struct node *n, enum addr_family family)
{
	for (size_t i = 0; i < n->routes.count; i++)
		if (n->routes.routes[i].len == 0 && n->routes.routes[i].addr.family == family)
			return true;
	return false;
}

static void
change_rule(struct node *n, const struct netlink_rule *r, bool add)
{
	if ((add ? netlink_add_rule(n->netlink, r) : netlink_delete_rule(n->netlink, r)) == -1)
		log_error("routing rule with priority %u: %s", r->priority, strerror(errno));
}

static void
change_default_rules(struct node *n, enum addr_family family, bool add)
{
	struct netlink_rule specific = {.family = family,
	    .priority = PRIORITY_MAIN,
	    .table = RT_TABLE_MAIN,
	    .suppress_default = true};
	struct netlink_rule rest = {
	    .family = family, .priority = PRIORITY_DEFAULT, .table = DEFAULT_TABLE};

	change_rule(n, &specific, add);
	change_rule(n, &rest, add);
}

void
node_routes_default(struct node *n, bool active)
{
	static const enum addr_family families[] = {ADDR_IPV4, ADDR_IPV6};

	if (active == n->routes.default_active)
		return;
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (has_default(n, families[i]))
			change_default_rules(n, families[i], active);
	n->routes.default_active = active;
}

static void
change_exemption(struct node *n, bool add)
{
	const struct addr *a = &n->routes.exempt;
	struct netlink_rule r = {
	    .family = a->family, .to = a, .priority = PRIORITY_BROKER, .table = RT_TABLE_MAIN};

	if (a->family != ADDR_NONE && has_default(n, a->family))
		change_rule(n, &r, add);
}

static void
warn_if_swallowed(const struct node *n, const struct addr *broker)
{
	char address[ADDR_TEXT_MAX], route[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n->routes.count; i++) {
		const struct prefix *p = &n->routes.routes[i];

		if (p->len > 0 && prefix_contains(p, broker))
			log_warning(
			    "the broker's address %s lies in %s, which is routed through the "
			    "tunnel: "
			    "it can only be reached if a more specific route leads elsewhere",
			    addr_format(broker, address), prefix_format(p, route));
	}
}

void
node_routes_exempt(struct node *n, const struct addr *broker)
{
	if (broker == NULL || addr_equal(broker, &n->routes.exempt))
		return;
	warn_if_swallowed(n, broker);
	change_exemption(n, false);
	n->routes.exempt = *broker;
	change_exemption(n, true);
}

void
node_routes_apply(struct node *n)
{
	struct prefix *old = n->routes.routes;
	size_t old_count = n->routes.count, count;
	struct prefix *wanted = wanted_routes(n, &count);
	bool active = n->routes.default_active;

	if (wanted == NULL) {
		log_error("routes: %s", strerror(ENOMEM));
		return;
	}
	node_routes_default(n, false); /* first: the broker must not fall into the tunnel */
	change_exemption(n, false);
	for (size_t i = 0; i < old_count; i++)
		if (!prefix_is_listed(wanted, count, &old[i]))
			delete_route(n, &old[i]);
	for (size_t i = 0; i < count; i++)
		if (!prefix_is_listed(old, old_count, &wanted[i]))
			add_route(n, &wanted[i]);
	n->routes.routes = wanted;
	n->routes.count = count;
	free(old);
	change_exemption(n, true);
	node_routes_default(n, active);
}

void
node_routes_restore(struct node *n)
{
	const struct settings *s = n->daemon.fixed;
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < s->addr_count; i++)
		if (netlink_add_address(n->netlink, tun_ifindex(n->tun), &s->addrs[i]) == -1)
			log_error(
			    "address %s: %s", prefix_format(&s->addrs[i], text), strerror(errno));
	for (size_t i = 0; i < n->routes.count; i++)
		add_route(n, &n->routes.routes[i]);
}

void
node_routes_clear(struct node *n)
{
	if (n->netlink == NULL)
		return;
	node_routes_default(n, false);
	change_exemption(n, false);
	for (size_t i = 0; i < n->routes.count && n->tun != NULL; i++)
		delete_route(n, &n->routes.routes[i]);
	free(n->routes.routes);
	n->routes.routes = NULL;
	n->routes.count = 0;
}
