/*
 * Who is in the settings: by name, and by address.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keyserver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyserver_internal.h"

static int
compare_names(const void *a, const void *b)
{
	const struct keyserver_member *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Without host bits, and a struct of bytes alone. */
static int
compare_networks(const struct prefix *a, const struct prefix *b)
{
	return memcmp(a, b, sizeof(*a));
}

/* Two in different groups may have the same. */
static int
compare_claims(const void *a, const void *b)
{
	const struct keyserver_claim *x = a, *y = b;
	int order = compare_networks(&x->network, &y->network);

	return order != 0 ? order : strcmp(x->member->name, y->member->name);
}

static size_t
count_prefixes(const struct keyserver_settings *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->member_count; i++)
		count += s->members[i].prefix_count;
	return count;
}

static void
add_claims(struct keyserver_directory *d, const struct keyserver_member *m)
{
	for (size_t i = 0; i < m->prefix_count; i++) {
		d->claims[d->claim_count++] =
		    (struct keyserver_claim){prefix_network(&m->prefixes[i]), m};
		d->has_length[m->prefixes[i].len] = true;
	}
}

int
keyserver_directory_init(struct keyserver_directory *d, const struct keyserver_settings *s)
{
	memset(d, 0, sizeof(*d));
	d->by_name = calloc(s->member_count + 1, sizeof(*d->by_name));
	d->claims = calloc(count_prefixes(s) + 1, sizeof(*d->claims));
	d->routes = calloc(count_prefixes(s) + 1, sizeof(*d->routes));
	if (d->by_name == NULL || d->claims == NULL || d->routes == NULL) {
		keyserver_directory_clear(d);
		return -1;
	}
	for (size_t i = 0; i < s->member_count; i++) {
		d->by_name[d->member_count++] = &s->members[i];
		add_claims(d, &s->members[i]);
	}
	qsort(d->by_name, d->member_count, sizeof(*d->by_name), compare_names);
	qsort(d->claims, d->claim_count, sizeof(*d->claims), compare_claims);
	for (size_t i = 0; i < d->claim_count; i++)
		if (d->claims[i].network.len < addr_bits(&d->claims[i].network.addr))
			d->routes[d->route_count++] = &d->claims[i];
	return 0;
}

void
keyserver_directory_clear(struct keyserver_directory *d)
{
	free(d->by_name);
	free(d->claims);
	free(d->routes);
	memset(d, 0, sizeof(*d));
}

const char *
keyserver_directory_twice(const struct keyserver_directory *d)
{
	for (size_t i = 1; i < d->member_count; i++)
		if (strcmp(d->by_name[i - 1]->name, d->by_name[i]->name) == 0)
			return d->by_name[i]->name;
	return NULL;
}

const struct keyserver_member *
keyserver_member_settings(const struct keyserver *ks, const char *name)
{
	const struct keyserver_directory *d = &ks->directory;
	const struct keyserver_member wanted = {.name = name}, *key = &wanted;
	const struct keyserver_member **found =
	    bsearch(&key, d->by_name, d->member_count, sizeof(*d->by_name), compare_names);

	return found != NULL ? *found : NULL;
}

bool
keyserver_may_join(const struct keyserver_member *m, const char *group)
{
	for (size_t i = 0; i < m->group_count; i++)
		if (strcmp(m->groups[i], group) == 0)
			return true;
	return false;
}

/* Addresses that a member names. */

static bool
is_within(const struct keyserver_member *m, const struct prefix *p)
{
	for (size_t i = 0; i < m->prefix_count; i++)
		if (p->len >= m->prefixes[i].len && prefix_contains(&m->prefixes[i], &p->addr))
			return true;
	return false;
}

/* A host without its length. buf has PREFIX_TEXT_MAX bytes. */
static const char *
format(const struct prefix *p, char *buf)
{
	struct prefix network = prefix_network(p);

	return p->len == addr_bits(&p->addr) ? addr_format(&p->addr, buf)
					     : prefix_format(&network, buf);
}

/* As many as there is room for. */
static void
append_prefixes(char *text, size_t size, const struct keyserver_member *m)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < m->prefix_count; i++) {
		char one[PREFIX_TEXT_MAX];

		if (len + 2 * strlen(", ") + PREFIX_TEXT_MAX + strlen("...") >= size) {
			snprintf(text + len, size - len, ", ...");
			return;
		}
		len += (size_t)snprintf(text + len, size - len, "%s%s", i == 0 ? "" : ", ",
		    format(&m->prefixes[i], one));
	}
}

bool
keyserver_owns(const struct keyserver_member *m, const struct keymsg *named, char *reason)
{
	size_t size = KEYMSG_TEXT_MAX + 1, i = 0;
	char text[PREFIX_TEXT_MAX];

	while (i < named->prefix_count && is_within(m, &named->prefixes[i]))
		i++;
	if (i == named->prefix_count)
		return true;
	snprintf(reason, size, "address %s is not one of this member's: %s",
	    format(&named->prefixes[i], text),
	    m->prefix_count > 0 ? "allowed are " : "it has none");
	append_prefixes(reason, size, m);
	return false;
}

/* The first claim to this network, or the one behind where it would be. */
static size_t
place_of(const struct keyserver_directory *d, const struct prefix *network)
{
	size_t low = 0, high = d->claim_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_networks(&d->claims[middle].network, network) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct keystore_member *
keyserver_find_by_network(const struct keyserver_state *g, const struct prefix *network)
{
	const struct keyserver_directory *d = &g->ks->directory;

	for (size_t i = place_of(d, network); i < d->claim_count; i++) {
		const struct keystore_member *m;

		if (compare_networks(&d->claims[i].network, network) != 0)
			break;
		m = keyserver_find(g, d->claims[i].member->name);
		if (m != NULL)
			return m;
	}
	return NULL;
}

const struct keystore_member *
keyserver_find_by_address(const struct keyserver_state *g, const struct addr *a)
{
	const struct keystore_member *m = NULL;

	for (int len = addr_bits(a); m == NULL && len >= 0; len--) {
		struct prefix p = {.addr = *a, .len = (uint8_t)len};

		if (!g->ks->directory.has_length[len])
			continue;
		p = prefix_network(&p);
		m = keyserver_find_by_network(g, &p);
	}
	return m;
}

size_t
keyserver_list_routes(
    const struct keyserver_state *g, const char *except, struct prefix *routes, size_t max)
{
	const struct keyserver_directory *d = &g->ks->directory;
	size_t count = 0;

	for (size_t i = 0; i < d->route_count && count < max; i++) {
		const struct keyserver_claim *c = d->routes[i];

		if (strcmp(c->member->name, except) != 0 &&
		    keyserver_find(g, c->member->name) != NULL &&
		    (count == 0 || compare_networks(&routes[count - 1], &c->network) != 0))
			routes[count++] = c->network;
	}
	return count;
}
