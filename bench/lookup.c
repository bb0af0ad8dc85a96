/*
 * What the number of configured peers costs: to find the peer of a packet and of a key, to load
 * them, and to load them again. Tables of different sizes are measured in turns, so that a noisy
 * machine disturbs all alike. Each peer has two addresses, one network behind it, and a key.
 *
 * Usage: lookup [LIMIT]
 *
 * Prints medians. With LIMIT the exit status is 1 if anything takes more than LIMIT times as long
 * in the largest table as in the smallest, by the shortest times.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aead.h"
#include "util.h"

#define PEERS_MAX 10000
#define ROUNDS 21
#define LOOKUPS 20000
/* So many of the peers talk: the table is to be measured, not the processor's cache. */
#define TALKING 10

enum work { OWN_ADDRESS, BEHIND, ALL_IN_TURN, KEY, LOAD, RELOAD, WORK_COUNT };

static const struct {
	const char *name;
	bool limited;
} works[WORK_COUNT] = {
    [OWN_ADDRESS] = {"own address", true},
    [BEHIND] = {"behind it", true},
    [ALL_IN_TURN] = {"all in turn", false},
    [KEY] = {"key", true},
    [LOAD] = {"load", true},
    [RELOAD] = {"reload", true},
};

static const size_t sizes[] = {10, 100, 1000, PEERS_MAX};

/* The configuration of one peer, and where packets to it go. */
struct model {
	char name[16];
	struct addr addrs[2];
	struct prefix route;
	struct addr behind;
	uint8_t key[AEAD_KEY_LEN];
};

struct bench {
	struct model *models; /* PEERS_MAX */
	struct peer_table *tables[ARRAY_LEN(sizes)];
	double ns[ARRAY_LEN(sizes)][WORK_COUNT][ROUNDS];
};

static void
fail(const char *what)
{
	fprintf(stderr, "lookup: %s\n", what);
	exit(2);
}

static void
fill_model(struct model *m, unsigned int i)
{
	uint8_t high = (uint8_t)(i >> 8), low = (uint8_t)i;

	snprintf(m->name, sizeof(m->name), "peer%u", i);
	m->addrs[0] = addr_from_bytes(ADDR_IPV4, (const uint8_t[]){10, 1, high, low});
	m->addrs[1] = addr_from_bytes(ADDR_IPV6, (const uint8_t[16]){0xfd, [14] = high, low});
	m->behind = addr_from_bytes(ADDR_IPV4, (const uint8_t[]){172, high, low, 77});
	m->route = (struct prefix){.addr = m->behind, .len = 24};
	aead_random(m->key, sizeof(m->key));
}

static void
set_peers(struct peer_table *t, const struct model *models, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct model *m = &models[i];

		if (peer_table_set(t, &(struct peer_spec){.name = m->name,
					  .addrs = m->addrs,
					  .addr_count = ARRAY_LEN(m->addrs),
					  .routes = &m->route,
					  .route_count = 1,
					  .public_key = m->key}) == -1)
			fail("a peer was refused");
	}
}

static struct peer_table *
load(const struct model *models, size_t count)
{
	struct peer_table *t = peer_table_new();
	const struct prefix local = {.addr = models[0].addrs[0], .len = 16};

	if (t == NULL || peer_table_set_local(t, &local, 1) == -1)
		fail("no memory");
	set_peers(t, models, count);
	return t;
}

static struct peer *
look_up(const struct peer_table *t, const struct model *m, enum work work)
{
	switch (work) {
	case KEY:
		return peer_by_key(t, m->key);
	case BEHIND:
		return peer_for_destination(t, &m->behind);
	default:
		return peer_for_destination(t, &m->addrs[0]);
	}
}

static void
look_up_many(const struct bench *b, size_t size, enum work work)
{
	size_t count = sizes[size], step = work == ALL_IN_TURN ? 7 : count / TALKING, at = 0, i;

	for (i = 0; i < LOOKUPS; i++) {
		if (look_up(b->tables[size], &b->models[at], work) == NULL)
			fail("a peer was not found");
		at = (at + step) % count;
	}
}

/* As many peers in all, whatever the size of the table. */
static void
load_many(const struct bench *b, size_t size)
{
	size_t i;

	for (i = 0; i < PEERS_MAX / sizes[size]; i++)
		peer_table_free(load(b->models, sizes[size]));
}

static void
reload_many(const struct bench *b, size_t size)
{
	size_t i;

	for (i = 0; i < PEERS_MAX / sizes[size]; i++) {
		peer_table_mark(b->tables[size]);
		set_peers(b->tables[size], b->models, sizes[size]);
		peer_table_sweep(b->tables[size]);
	}
}

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds for each lookup, or for each peer. */
static double
measure(const struct bench *b, size_t size, enum work work)
{
	double start = now_ns();

	if (work == LOAD)
		load_many(b, size);
	else if (work == RELOAD)
		reload_many(b, size);
	else
		look_up_many(b, size, work);
	return (now_ns() - start) / (work == LOAD || work == RELOAD ? PEERS_MAX : LOOKUPS);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
run(struct bench *b)
{
	size_t round, size;
	int work;

	for (round = 0; round < ROUNDS; round++) {
		for (work = 0; work < WORK_COUNT; work++) {
			for (size = 0; size < ARRAY_LEN(sizes); size++)
				b->ns[size][work][round] = measure(b, size, (enum work)work);
		}
	}
	for (size = 0; size < ARRAY_LEN(sizes); size++) {
		for (work = 0; work < WORK_COUNT; work++)
			qsort(b->ns[size][work], ROUNDS, sizeof(double), compare);
	}
}

static void
print(const struct bench *b)
{
	size_t size;
	int work;

	printf("%12s", "ns, median");
	for (work = 0; work < WORK_COUNT; work++)
		printf("%13s", works[work].name);
	for (size = 0; size < ARRAY_LEN(sizes); size++) {
		printf("\n%6zu peers", sizes[size]);
		for (work = 0; work < WORK_COUNT; work++)
			printf("%13.0f", b->ns[size][work][ROUNDS / 2]);
	}
	printf("\n");
}

static int
check(const struct bench *b, double limit)
{
	int work, rc = 0;
	double ratio;

	for (work = 0; work < WORK_COUNT; work++) {
		ratio = b->ns[ARRAY_LEN(sizes) - 1][work][0] / b->ns[0][work][0];
		if (!works[work].limited || ratio <= limit)
			continue;
		fprintf(stderr, "lookup: %s: %.1f times as long with %d peers, expected %.1f\n",
		    works[work].name, ratio, PEERS_MAX, limit);
		rc = 1;
	}
	return rc;
}

int
main(int argc, char **argv)
{
	struct bench *b = calloc(1, sizeof(*b));
	int rc = 0;
	unsigned int i;

	if (b == NULL || aead_init() == -1)
		fail("no memory, or no randomness");
	b->models = calloc(PEERS_MAX, sizeof(*b->models));
	if (b->models == NULL)
		fail("no memory");
	for (i = 0; i < PEERS_MAX; i++)
		fill_model(&b->models[i], i);
	for (i = 0; i < ARRAY_LEN(sizes); i++)
		b->tables[i] = load(b->models, sizes[i]);
	run(b);
	print(b);
	if (argc > 1)
		rc = check(b, strtod(argv[1], NULL));
	for (i = 0; i < ARRAY_LEN(sizes); i++)
		peer_table_free(b->tables[i]);
	free(b->models);
	free(b);
	return rc;
}
