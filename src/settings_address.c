/*
 * Addresses and networks: of this node, of what it receives for, of its peers, and of members.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <string.h>

/* What no host can have as its own address. */
static const char *
unfit(const struct addr *a)
{
	static const uint8_t limited[4] = {255, 255, 255, 255};
	struct addr broadcast = addr_from_bytes(ADDR_IPV4, limited);

	if (addr_is_multicast(a))
		return "a multicast address";
	if (addr_is_loopback(a))
		return "a loopback address";
	if (addr_is_link_local(a))
		return "a link-local address";
	if (addr_is_unspecified(a))
		return "the unspecified address";
	if (addr_equal(a, &broadcast))
		return "the broadcast address";
	return NULL;
}

static int
parse_host(struct settings_draft *d, const char *value, struct addr *a)
{
	struct prefix p;
	const char *why;

	if (prefix_parse(value, &p) == -1)
		return settings_fail(d,
		    "'%s' is not an IP address: expected one such as 10.0.1.2 or "
		    "fd00:6d71::2",
		    value);
	if (p.len != addr_bits(&p.addr))
		return settings_fail(d,
		    "'%s' is a network: expected the address of one host, without a length", value);
	why = unfit(&p.addr);
	if (why != NULL)
		return settings_fail(d, "'%s' is %s: expected the address of one host", value, why);
	*a = p.addr;
	return 0;
}

int
settings_add_forward(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct addr *list;
	struct addr a;

	if (parse_host(d, value, &a) == -1)
		return -1;
	list = settings_grow(d->s->forwards, d->s->forward_count, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	list[d->s->forward_count++] = a;
	d->s->forwards = list;
	return 0;
}

int
settings_add_peer_address(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct settings_peer *p = &d->s->peers[d->number];
	struct addr *list;
	struct addr a;

	if (parse_host(d, value, &a) == -1)
		return -1;
	list = settings_grow(p->addrs, p->addr_count, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	list[p->addr_count++] = a;
	p->addrs = list;
	return 0;
}

static int
parse_route(struct settings_draft *d, const char *value, struct prefix *p)
{
	struct prefix network;
	char text[PREFIX_TEXT_MAX];
	const char *why;

	if (prefix_parse(value, p) == -1)
		return settings_fail(d,
		    "'%s' is not a network: expected one such as 192.168.5.0/24 "
		    "or fd00:5::/64",
		    value);
	network = prefix_network(p);
	if (!addr_equal(&network.addr, &p->addr))
		return settings_fail(d, "'%s' is an address within a network: expected %s", value,
		    prefix_format(&network, text));
	why =
	    addr_is_unspecified(&p->addr) && p->len != addr_bits(&p->addr) ? NULL : unfit(&p->addr);
	if (why != NULL)
		return settings_fail(d, "'%s' is %s: expected a network of hosts", value, why);
	return 0;
}

int
settings_add_route(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct settings_peer *peer = &d->s->peers[d->number];
	struct prefix *list;
	struct prefix p;

	if (parse_route(d, value, &p) == -1)
		return -1;
	list = settings_grow(peer->routes, peer->route_count, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	list[peer->route_count++] = p;
	peer->routes = list;
	return 0;
}

/* Its addresses come first, in whichever order the file has them. */
int
settings_add_member_address(
    struct settings_draft *d, const struct settings_key *k, const char *value)
{
	size_t *count = &d->members[d->number].addr_count;
	struct prefix p;
	struct addr a;

	if (parse_host(d, value, &a) == -1)
		return -1;
	p = settings_host_prefix(&a);
	if (settings_add_prefix(d, &p, *count) == -1)
		return -1;
	(*count)++;
	return 0;
}

int
settings_add_member_route(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct prefix p;

	if (parse_route(d, value, &p) == -1)
		return -1;
	return settings_add_prefix(d, &p, d->s->members[d->number].prefix_count);
}

struct prefix
settings_host_prefix(const struct addr *a)
{
	return (struct prefix){.addr = *a, .len = addr_bits(a)};
}

int
settings_compare_prefixes(const struct prefix *a, const struct prefix *b)
{
	int order = (int)a->addr.family - (int)b->addr.family;

	if (order == 0)
		order = (int)a->len - (int)b->len;
	return order != 0 ? order : memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
}

const char *
settings_format_prefix(const struct prefix *p, char *text)
{
	return p->len == addr_bits(&p->addr) ? addr_format(&p->addr, text) : prefix_format(p, text);
}

static int
check_own(struct settings_draft *d, const char *value, const struct prefix *p)
{
	struct prefix network = prefix_network(p);
	struct addr broadcast = prefix_broadcast(p);
	const char *why = unfit(&p->addr);

	if (p->len == 0)
		return settings_fail(
		    d, "'%s' holds every address: expected a length above 0", value);
	if (why == NULL && p->len < addr_bits(&p->addr) - 1 && addr_equal(&p->addr, &network.addr))
		why = "the address of the network itself";
	if (why == NULL && addr_equal(&p->addr, &broadcast))
		why = "the broadcast address of its network";
	if (why != NULL)
		return settings_fail(d, "'%s' is %s: expected the address of one host", value, why);
	return 0;
}

int
settings_add_own_address(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct prefix *list;
	struct prefix p;

	if (strchr(value, '/') == NULL && addr_parse(value, &p.addr) == 0)
		return settings_fail(d, "'%s' has no prefix length: expected %s%s", value, value,
		    p.addr.family == ADDR_IPV4 ? "/24, say" : "/64, say");
	if (prefix_parse(value, &p) == -1)
		return settings_fail(d,
		    "'%s' is not an address with a prefix length: expected one "
		    "such as 10.0.1.1/24 or fd00:6d71::1/64",
		    value);
	if (check_own(d, value, &p) == -1)
		return -1;
	list = settings_grow(d->s->addrs, d->s->addr_count, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	list[d->s->addr_count++] = p;
	d->s->addrs = list;
	return 0;
}
