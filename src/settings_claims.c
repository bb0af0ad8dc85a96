/*
 * That each address and network has one owner only: this node, what it forwards for, or one peer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <stdlib.h>

static size_t
claim_count(const struct settings_peer *p)
{
	return p->addr_count + p->route_count;
}

/* What a peer claims: its addresses, as host routes, and then its routes. */
static struct prefix
claim(const struct settings_peer *p, size_t i)
{
	return i < p->addr_count ? settings_host_prefix(&p->addrs[i])
				 : p->routes[i - p->addr_count];
}

static void
look_at_claim(struct settings_draft *d, size_t number, size_t i)
{
	size_t addr_count = d->s->peers[number].addr_count;

	if (i < addr_count)
		settings_look_at(d, SETTINGS_PEER, "address", number, i);
	else
		settings_look_at(d, SETTINGS_PEER, "routes", number, i - addr_count);
}

static int
check_claim_against_own(struct settings_draft *d, size_t number, size_t i)
{
	const struct settings *s = d->s;
	struct prefix c = claim(&s->peers[number], i);
	char text[PREFIX_TEXT_MAX];
	const char *why = NULL;
	size_t j;

	for (j = 0; j < s->addr_count && why == NULL; j++) {
		struct prefix host = settings_host_prefix(&s->addrs[j].addr);
		struct addr broadcast = prefix_broadcast(&s->addrs[j]);

		if (prefix_equal(&c, &host))
			why = "this node's own address";
		else if (prefix_equal(&c, &s->addrs[j]))
			why = "the network of this node's own interface";
		else if (c.len == addr_bits(&c.addr) && addr_equal(&c.addr, &broadcast))
			why = "the broadcast address of this node's own network";
	}
	if (why == NULL)
		return 0;
	look_at_claim(d, number, i);
	return settings_fail(d, "%s is %s: expected one of the peer '%s'",
	    settings_format_prefix(&c, text), why, s->peers[number].name);
}

static int
check_peer(struct settings_draft *d, size_t number)
{
	const struct settings_peer *p = &d->s->peers[number];
	size_t i;

	if (p->addr_count == 0) {
		settings_look_at_section(d, SETTINGS_PEER, number);
		return settings_fail(
		    d, "'%s' has no address: expected address = \"ADDR\"", p->name);
	}
	for (i = 0; i < claim_count(p); i++) {
		if (check_claim_against_own(d, number, i) == -1)
			return -1;
	}
	return 0;
}

struct placed_claim {
	struct prefix network; /* host bits zero */
	size_t number;	       /* which peer, or one beyond them: an address to forward */
	size_t i;	       /* which claim of it */
};

static int
compare_places(const struct placed_claim *a, const struct placed_claim *b)
{
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->i < b->i ? -1 : a->i > b->i;
}

/* Equal ones stand together, in the order of their places. */
static int
compare_claims(const void *left, const void *right)
{
	const struct placed_claim *a = left, *b = right;
	int order = settings_compare_prefixes(&a->network, &b->network);

	return order != 0 ? order : compare_places(a, b);
}

/* Sorted. Returns NULL when memory is short. */
static struct placed_claim *
list_claims(const struct settings *s, size_t *count)
{
	struct placed_claim *list;
	size_t number, i, n = s->forward_count;

	for (number = 0; number < s->peer_count; number++)
		n += claim_count(&s->peers[number]);
	list = calloc(n + 1, sizeof(*list));
	if (list == NULL)
		return NULL;
	*count = n;
	n = 0;
	for (number = 0; number < s->peer_count; number++) {
		for (i = 0; i < claim_count(&s->peers[number]); i++) {
			struct prefix c = claim(&s->peers[number], i);

			list[n++] = (struct placed_claim){prefix_network(&c), number, i};
		}
	}
	for (i = 0; i < s->forward_count; i++)
		list[n++] =
		    (struct placed_claim){settings_host_prefix(&s->forwards[i]), s->peer_count, i};
	qsort(list, n, sizeof(*list), compare_claims);
	return list;
}

/* Whether the second one is one too many. What is forwarded may have a route as well. */
static bool
is_clash(
    const struct settings *s, const struct placed_claim *first, const struct placed_claim *second)
{
	if (!prefix_equal(&first->network, &second->network))
		return false;
	return second->number < s->peer_count || first->number == s->peer_count ||
	       first->i < s->peers[first->number].addr_count;
}

static int
fail_clash(
    struct settings_draft *d, const struct placed_claim *first, const struct placed_claim *second)
{
	const struct settings_peer *peers = d->s->peers;
	bool listed = first->number == d->s->peer_count;
	char text[PREFIX_TEXT_MAX];

	settings_format_prefix(&first->network, text);
	if (second->number == d->s->peer_count) {
		settings_look_at(d, SETTINGS_ROOT, "forward", 0, second->i);
		return settings_fail(d, "%s %s: expected another address", text,
		    listed ? "is listed twice" : "is a peer's address");
	}
	look_at_claim(d, second->number, second->i);
	return settings_fail(d, "%s is given to peer '%s' in line %u already: expected it once",
	    text, peers[first->number].name, peers[first->number].line);
}

/* Fails for the first one in the file. */
static int
check_claims_differ(struct settings_draft *d)
{
	const struct placed_claim *second = NULL, *first = NULL;
	struct placed_claim *list;
	size_t count = 0, i;

	list = list_claims(d->s, &count);
	if (list == NULL)
		return settings_no_memory(d);
	for (i = 1; i < count; i++) {
		if (!is_clash(d->s, &list[i - 1], &list[i]) ||
		    (second != NULL && compare_places(second, &list[i]) < 0))
			continue;
		first = &list[i - 1];
		second = &list[i];
	}
	if (second != NULL)
		fail_clash(d, first, second);
	free(list);
	return second == NULL ? 0 : -1;
}

static int
check_forward(struct settings_draft *d, size_t index)
{
	const struct settings *s = d->s;
	char text[ADDR_TEXT_MAX];
	size_t i;

	for (i = 0; i < s->addr_count; i++) {
		if (!addr_equal(&s->forwards[index], &s->addrs[i].addr))
			continue;
		settings_look_at(d, SETTINGS_ROOT, "forward", 0, index);
		return settings_fail(d,
		    "%s is this node's own address, which it receives anyway: expected another "
		    "address",
		    addr_format(&s->forwards[index], text));
	}
	return 0;
}

int
settings_check_claims(struct settings_draft *d)
{
	const struct settings *s = d->s;
	size_t i;

	for (i = 0; i < s->peer_count; i++) {
		if (check_peer(d, i) == -1)
			return -1;
	}
	for (i = 0; i < s->forward_count; i++) {
		if (check_forward(d, i) == -1)
			return -1;
	}
	return check_claims_differ(d);
}
