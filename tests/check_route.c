/*
 * Tests of route: single cases, and 10 000 random prefixes against a linear model.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "route.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define MODEL_SIZE 10000
#define MODEL_PEERS 50
#define PROBES 2000

/* The table never looks into a peer, so here it may be anything. */
struct peer {
	int unused;
};

struct entry {
	struct prefix prefix;
	struct peer *peer; /* NULL: removed, or refused */
};

/* The linear model and what it models. */
struct model {
	struct route_table *table;
	struct peer peers[MODEL_PEERS];
	struct entry entries[MODEL_SIZE];
	size_t count;
	uint32_t random;
};

static struct peer peer_a, peer_b;

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	ck_assert_int_eq(prefix_parse(text, &p), 0);
	return p;
}

static int
add(struct route_table *t, const char *text, struct peer *peer)
{
	struct prefix p = prefix(text);

	return route_add(t, &p, peer);
}

static struct peer *
find(const struct route_table *t, const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), 0);
	return route_find(t, &a, 0);
}

static void
take_away(struct route_table *t, const char *text, const struct peer *peer)
{
	struct prefix p = prefix(text);

	route_remove(t, &p, peer);
}

START_TEST(route_finds_nothing_in_an_empty_table)
{
	struct route_table *t = route_table_new();
	struct prefix all = prefix("0.0.0.0/0");

	ck_assert_ptr_null(find(t, "10.0.0.1"));
	ck_assert_ptr_null(find(t, "fd00::1"));
	ck_assert_ptr_null(route_get(t, &all));
	ck_assert_uint_eq(route_count(t), 0);
	route_remove(t, &all, &peer_a);
	route_table_free(t);
	route_table_free(NULL);
}
END_TEST

START_TEST(route_prefers_the_longest_prefix)
{
	struct route_table *t = route_table_new();

	ck_assert_int_eq(add(t, "0.0.0.0/0", &peer_a), 0);
	ck_assert_int_eq(add(t, "10.0.0.0/8", &peer_b), 0);
	ck_assert_int_eq(add(t, "10.1.0.0/16", &peer_a), 0);
	ck_assert_int_eq(add(t, "10.1.2.3/32", &peer_b), 0);
	ck_assert_ptr_eq(find(t, "192.0.2.1"), &peer_a);
	ck_assert_ptr_eq(find(t, "10.2.0.1"), &peer_b);
	ck_assert_ptr_eq(find(t, "10.1.2.4"), &peer_a);
	ck_assert_ptr_eq(find(t, "10.1.2.3"), &peer_b);
	route_table_free(t);
}
END_TEST

START_TEST(route_keeps_the_families_apart)
{
	struct route_table *t = route_table_new();

	ck_assert_int_eq(add(t, "0.0.0.0/0", &peer_a), 0);
	ck_assert_ptr_null(find(t, "::"));
	ck_assert_int_eq(add(t, "::/0", &peer_b), 0);
	ck_assert_ptr_eq(find(t, "::"), &peer_b);
	ck_assert_ptr_eq(find(t, "0.0.0.0"), &peer_a);
	route_table_free(t);
}
END_TEST

START_TEST(route_ignores_host_bits)
{
	struct route_table *t = route_table_new();
	struct prefix p = prefix("10.1.9.9/16");

	ck_assert_int_eq(add(t, "10.1.2.3/16", &peer_a), 0);
	ck_assert_int_eq(add(t, "fd00:1::7/32", &peer_b), 0);
	ck_assert_ptr_eq(route_get(t, &p), &peer_a);
	ck_assert_ptr_eq(find(t, "10.1.255.255"), &peer_a);
	ck_assert_ptr_eq(find(t, "fd00:1::8"), &peer_b);
	route_table_free(t);
}
END_TEST

START_TEST(route_refuses_a_second_peer_for_a_prefix)
{
	struct route_table *t = route_table_new();

	ck_assert_int_eq(add(t, "10.1.0.0/16", &peer_a), 0);
	ck_assert_int_eq(add(t, "10.1.0.0/16", &peer_a), 0);
	errno = 0;
	ck_assert_int_eq(add(t, "10.1.0.0/16", &peer_b), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_uint_eq(route_count(t), 1);
	ck_assert_ptr_eq(find(t, "10.1.0.1"), &peer_a);
	route_table_free(t);
}
END_TEST

START_TEST(route_get_wants_exactly_this_prefix)
{
	struct route_table *t = route_table_new();
	struct prefix shorter = prefix("10.0.0.0/15"), same = prefix("10.0.0.0/16"),
		      longer = prefix("10.0.0.0/17");

	ck_assert_int_eq(add(t, "10.0.0.0/16", &peer_a), 0);
	ck_assert_ptr_null(route_get(t, &shorter));
	ck_assert_ptr_eq(route_get(t, &same), &peer_a);
	ck_assert_ptr_null(route_get(t, &longer));
	route_table_free(t);
}
END_TEST

START_TEST(route_removal_uncovers_the_shorter_prefix)
{
	struct route_table *t = route_table_new();

	ck_assert_int_eq(add(t, "10.0.0.0/8", &peer_a), 0);
	ck_assert_int_eq(add(t, "10.1.0.0/16", &peer_b), 0);
	ck_assert_int_eq(add(t, "fd00::/8", &peer_b), 0);
	take_away(t, "10.1.0.0/16", &peer_b);
	take_away(t, "fd00::/8", &peer_b);
	ck_assert_ptr_eq(find(t, "10.1.0.1"), &peer_a);
	ck_assert_ptr_null(find(t, "fd00::1"));
	ck_assert_uint_eq(route_count(t), 1);
	route_table_free(t);
}
END_TEST

START_TEST(route_removal_takes_only_what_is_there)
{
	struct route_table *t = route_table_new();

	ck_assert_int_eq(add(t, "10.1.0.0/16", &peer_a), 0);
	take_away(t, "10.1.0.0/16", &peer_b);
	take_away(t, "10.1.0.0/17", &peer_a);
	take_away(t, "::/0", &peer_a);
	ck_assert_uint_eq(route_count(t), 1);
	ck_assert_ptr_eq(find(t, "10.1.0.1"), &peer_a);
	route_table_free(t);
}
END_TEST

START_TEST(route_find_passes_over_what_is_too_short)
{
	struct route_table *t = route_table_new();
	struct addr a = prefix("10.1.0.1").addr;

	ck_assert_int_eq(add(t, "0.0.0.0/0", &peer_b), 0);
	ck_assert_int_eq(add(t, "10.1.0.0/16", &peer_a), 0);
	ck_assert_ptr_eq(route_find(t, &a, 16), &peer_a);
	ck_assert_ptr_null(route_find(t, &a, 17));
	take_away(t, "10.1.0.0/16", &peer_a);
	ck_assert_ptr_null(route_find(t, &a, 16));
	ck_assert_ptr_eq(route_find(t, &a, 0), &peer_b);
	route_table_free(t);
}
END_TEST

START_TEST(route_reserve_keeps_what_is_there)
{
	struct route_table *t = route_table_new();

	ck_assert_int_eq(add(t, "10.0.0.0/8", &peer_a), 0);
	ck_assert_int_eq(route_reserve(t, 1000), 0);
	ck_assert_ptr_eq(find(t, "10.1.0.1"), &peer_a);
	ck_assert_uint_eq(route_count(t), 1);
	route_table_free(t);
}
END_TEST

/* xorshift32: the same run every time. */
static uint32_t
next_random(struct model *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 17;
	m->random ^= m->random << 5;
	return m->random;
}

/* Few distinct bits, so that prefixes nest, repeat and are hit. */
static struct addr
random_addr(struct model *m)
{
	bool ipv4 = next_random(m) % 2 == 0;
	uint8_t bytes[16] = {0};
	size_t i;

	for (i = 0; i < 16; i++)
		bytes[i] = (uint8_t)(next_random(m) >> 8 & (i % 4 < 2 ? 0x07 : 0xff));
	return addr_from_bytes(ipv4 ? ADDR_IPV4 : ADDR_IPV6, bytes);
}

static struct peer *
model_get(const struct model *m, const struct prefix *p)
{
	size_t i;

	for (i = 0; i < m->count; i++) {
		if (m->entries[i].peer != NULL && prefix_equal(&m->entries[i].prefix, p))
			return m->entries[i].peer;
	}
	return NULL;
}

static struct peer *
model_find(const struct model *m, const struct addr *a)
{
	const struct entry *best = NULL, *e;
	size_t i;

	for (i = 0; i < m->count; i++) {
		e = &m->entries[i];
		if (e->peer != NULL && prefix_contains(&e->prefix, a) &&
		    (best == NULL || e->prefix.len > best->prefix.len))
			best = e;
	}
	return best != NULL ? best->peer : NULL;
}

static void
model_add(struct model *m)
{
	struct entry *e = &m->entries[m->count];
	struct peer *peer = &m->peers[next_random(m) % MODEL_PEERS], *present;

	e->prefix.addr = random_addr(m);
	e->prefix.len = (uint8_t)(next_random(m) % (addr_bits(&e->prefix.addr) + 1U));
	present = model_get(m, &e->prefix);
	ck_assert_int_eq(
	    route_add(m->table, &e->prefix, peer), present == NULL || present == peer ? 0 : -1);
	e->peer = present == NULL ? peer : NULL;
	m->count++;
}

static void
model_remove(struct model *m, const struct peer *peer)
{
	size_t i;

	for (i = 0; i < m->count; i++) {
		if (m->entries[i].peer != peer)
			continue;
		route_remove(m->table, &m->entries[i].prefix, peer);
		m->entries[i].peer = NULL;
	}
}

static void
model_compare(struct model *m)
{
	size_t i, count = 0, found = 0;
	struct addr a;

	for (i = 0; i < m->count; i++) {
		if (m->entries[i].peer == NULL)
			continue;
		count++;
		ck_assert_ptr_eq(route_get(m->table, &m->entries[i].prefix), m->entries[i].peer);
	}
	ck_assert_uint_eq(route_count(m->table), count);
	for (i = 0; i < PROBES; i++) {
		a = i % 2 == 0 ? random_addr(m) : m->entries[i * 7 % m->count].prefix.addr;
		ck_assert_ptr_eq(route_find(m->table, &a, 0), model_find(m, &a));
		found += route_find(m->table, &a, 0) != NULL;
	}
	ck_assert(found > 0 || count == 0);
}

START_TEST(route_agrees_with_a_linear_model)
{
	struct model *m = calloc(1, sizeof(*m));
	size_t i;

	ck_assert_ptr_nonnull(m);
	m->random = 20211;
	m->table = route_table_new();
	for (i = 0; i < MODEL_SIZE; i++)
		model_add(m);
	model_compare(m);
	for (i = 0; i < MODEL_PEERS; i += 2)
		model_remove(m, &m->peers[i]);
	model_compare(m);
	for (i = 1; i < MODEL_PEERS; i += 2)
		model_remove(m, &m->peers[i]);
	model_compare(m);
	ck_assert_uint_eq(route_count(m->table), 0);
	route_table_free(m->table);
	free(m);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("route");
	TCase *tcase = tcase_create("route");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, route_finds_nothing_in_an_empty_table);
	tcase_add_test(tcase, route_prefers_the_longest_prefix);
	tcase_add_test(tcase, route_keeps_the_families_apart);
	tcase_add_test(tcase, route_ignores_host_bits);
	tcase_add_test(tcase, route_refuses_a_second_peer_for_a_prefix);
	tcase_add_test(tcase, route_get_wants_exactly_this_prefix);
	tcase_add_test(tcase, route_find_passes_over_what_is_too_short);
	tcase_add_test(tcase, route_removal_takes_only_what_is_there);
	tcase_add_test(tcase, route_removal_uncovers_the_shorter_prefix);
	tcase_add_test(tcase, route_reserve_keeps_what_is_there);
	tcase_add_test(tcase, route_agrees_with_a_linear_model);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
