/*
 * What the number of members costs the key server: to join all at once and a few each second, to
 * renew a lease, and to be asked who has an address or a sender id. In memory and in virtual time,
 * but with a store on the disk, in the present directory.
 *
 * Usage: keyserver [LIMIT]
 *
 * Prints microseconds for each member and the bytes that were published. With LIMIT the exit status
 * is 1 if anything takes each member more than LIMIT times as long among the most members as among
 * the fewest, by the shortest times.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keyserver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "keystore.h"
#include "log.h"
#include "util.h"
#include "wheel.h"

#define MEMBERS_MAX 10000
#define ROUNDS 3
#define A_SECOND 200 /* join, of those who do not come all at once */
#define STEP 7919 /* from one to the next, so that they do not come in the order of their names */

enum work { AT_ONCE, BY_AND_BY, LEASE, BY_ADDRESS, BY_SENDER, WORK_COUNT };

static const char *const names[WORK_COUNT] = {
    [AT_ONCE] = "join at once",
    [BY_AND_BY] = "join by and by",
    [LEASE] = "lease",
    [BY_ADDRESS] = "by address",
    [BY_SENDER] = "by sender",
};

static const size_t sizes[] = {1000, MEMBERS_MAX};

struct model {
	char name[16];
	struct prefix prefix;
	uint32_t sender;
};

struct bench {
	struct model models[MEMBERS_MAX];
	struct keyserver_member members[MEMBERS_MAX];
	struct keyserver_group group;
	struct keyserver_settings settings;
	struct wheel *wheel;
	struct keystore *store;
	struct keyserver *server;
	uint64_t now_ms;
	size_t answers; /* other than refusals */
	size_t published[ARRAY_LEN(sizes)][WORK_COUNT];
	size_t bytes;
	double us[ARRAY_LEN(sizes)][WORK_COUNT]; /* the shortest */
};

static const char file[] = "bench-keyserver.db";

static void
fail(const char *what)
{
	fprintf(stderr, "keyserver: %s\n", what);
	exit(2);
}

static void
on_send(void *arg, const char *member, const uint8_t *message, size_t len)
{
	struct bench *b = arg;
	struct keymsg m;

	if (keymsg_parse(&m, message, len) != 0)
		fail("an answer makes no sense");
	b->answers += m.type != KEYMSG_REFUSED;
	if (m.type == KEYMSG_JOINED)
		b->models[strtoul(member + 1, NULL, 10)].sender = m.sender;
}

static void
on_publish(void *arg, const char *group, const uint8_t *message, size_t len)
{
	struct bench *b = arg;

	b->bytes += len;
}

static uint64_t
on_wall(void *arg)
{
	const struct bench *b = arg;

	return UINT64_C(1700000000000) + b->now_ms;
}

static void
remove_store(void)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	char path[64];

	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		snprintf(path, sizeof(path), "%s%s", file, endings[i]);
		unlink(path);
	}
}

static void
start(struct bench *b, size_t count)
{
	const struct keyserver_callbacks callbacks = {on_send, on_publish, on_wall, b};
	char *error;

	remove_store();
	b->now_ms = 1000;
	b->settings = (struct keyserver_settings){&b->group, 1, b->members, count};
	b->wheel = wheel_new(b->now_ms, NULL, NULL);
	b->store = keystore_open(file, &error);
	if (b->wheel == NULL || b->store == NULL)
		fail(error != NULL ? error : "no memory");
	b->server = keyserver_new(b->wheel, b->store, &b->settings, &callbacks, b->now_ms, &error);
	if (b->server == NULL)
		fail(error != NULL ? error : "no memory");
}

static void
stop(struct bench *b)
{
	keyserver_free(b->server);
	keystore_close(b->store);
	wheel_free(b->wheel);
	remove_store();
}

static void
ask(struct bench *b, size_t i, struct keymsg *m)
{
	uint8_t message[KEYMSG_MAX];
	size_t len;

	m->has |= KEYMSG_HAS(KEYMSG_GROUP);
	strcpy(m->group, b->group.name);
	len = keymsg_write(m, message, sizeof(message));
	if (len == 0)
		fail("a question cannot be written");
	keyserver_receive(b->server, b->models[i].name, message, len, b->now_ms);
}

static void
join(struct bench *b, size_t i)
{
	struct keymsg m = {.type = KEYMSG_JOIN,
	    .request = 1,
	    .has = KEYMSG_HAS(KEYMSG_WANTED) | KEYMSG_HAS(KEYMSG_VERIFY_KEY)};

	ask(b, i, &m);
}

static void
pass_a_second(struct bench *b)
{
	b->now_ms += KEYSERVER_BATCH_MS;
	wheel_run(b->wheel, b->now_ms);
}

static void
join_all(struct bench *b, size_t count, size_t a_second)
{
	for (size_t i = 0; i < count; i++) {
		join(b, i * STEP % count);
		if ((i + 1) % a_second == 0)
			pass_a_second(b);
	}
	pass_a_second(b);
}

static void
renew(struct bench *b, size_t i)
{
	struct keymsg m = {
	    .type = KEYMSG_RENEW, .has = KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_NONCE)};

	ask(b, i, &m);
}

static void
look_up(struct bench *b, size_t i, size_t whom, bool by_sender)
{
	struct keymsg m = {.type = KEYMSG_LOOK_UP,
	    .has = KEYMSG_HAS(by_sender ? KEYMSG_SENDER : KEYMSG_ADDRESS),
	    .sender = b->models[whom].sender,
	    .address = b->models[whom].prefix.addr};

	ask(b, i, &m);
}

static void
do_all(struct bench *b, size_t count, enum work work)
{
	switch (work) {
	case AT_ONCE:
	case BY_AND_BY:
		join_all(b, count, work == AT_ONCE ? count : A_SECOND);
		break;
	case LEASE:
		for (size_t i = 0; i < count; i++)
			renew(b, i);
		break;
	default:
		for (size_t i = 0; i < count; i++)
			look_up(b, i, i * STEP % count, work == BY_SENDER);
	}
}

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
measure(struct bench *b, size_t size, enum work work)
{
	size_t count = sizes[size];
	double began, us;

	b->answers = b->bytes = 0;
	began = now_us();
	do_all(b, count, work);
	us = (now_us() - began) / (double)count;
	if (b->answers != count)
		fail("not all were answered");
	b->published[size][work] = b->bytes;
	if (b->us[size][work] == 0 || us < b->us[size][work])
		b->us[size][work] = us;
}

/* A server of its own for those who come by and by. */
static void
run(struct bench *b, size_t size)
{
	start(b, sizes[size]);
	measure(b, size, BY_AND_BY);
	stop(b);
	start(b, sizes[size]);
	for (int work = 0; work < WORK_COUNT; work++)
		if (work != BY_AND_BY)
			measure(b, size, (enum work)work);
	stop(b);
}

static void
print(const struct bench *b)
{
	printf("%13s", "us (bytes)");
	for (int work = 0; work < WORK_COUNT; work++)
		printf("%24s", names[work]);
	for (size_t size = 0; size < ARRAY_LEN(sizes); size++) {
		printf("\n%5zu members", sizes[size]);
		for (int work = 0; work < WORK_COUNT; work++)
			printf("%12.2f (%9zu)", b->us[size][work], b->published[size][work]);
	}
	printf("\n");
}

static int
check(const struct bench *b, double limit)
{
	int rc = 0;

	for (int work = 0; work < WORK_COUNT; work++) {
		double ratio = b->us[ARRAY_LEN(sizes) - 1][work] / b->us[0][work];

		if (ratio <= limit)
			continue;
		fprintf(stderr,
		    "keyserver: %s: %.1f times as long with %d members, expected %.1f\n",
		    names[work], ratio, MEMBERS_MAX, limit);
		rc = 1;
	}
	return rc;
}

static void
set_members(struct bench *b)
{
	static const char *const groups[] = {"home"};

	b->group =
	    (struct keyserver_group){.name = groups[0], .method = KEYMSG_UPDATE, .lease_s = 900};
	for (unsigned int i = 0; i < MEMBERS_MAX; i++) {
		struct model *m = &b->models[i];

		snprintf(m->name, sizeof(m->name), "m%05u", i);
		m->prefix.addr = addr_from_bytes(
		    ADDR_IPV4, (const uint8_t[]){10, 1, (uint8_t)(i >> 8), (uint8_t)i});
		m->prefix.len = 32;
		b->members[i] = (struct keyserver_member){.name = m->name,
		    .groups = groups,
		    .group_count = 1,
		    .prefixes = &m->prefix,
		    .prefix_count = 1,
		    .longest_s = 86400};
	}
}

int
main(int argc, char **argv)
{
	struct bench *b = calloc(1, sizeof(*b));
	int rc = 0;

	if (b == NULL || aead_init() == -1)
		fail("no memory, or no randomness");
	log_set_level(LOG_LEVEL_ERROR);
	set_members(b);
	for (unsigned int round = 0; round < ROUNDS; round++)
		for (size_t size = 0; size < ARRAY_LEN(sizes); size++)
			run(b, size);
	print(b);
	if (argc > 1)
		rc = check(b, strtod(argv[1], NULL));
	free(b);
	return rc;
}
