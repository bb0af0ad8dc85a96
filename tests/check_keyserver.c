/*
 * The key server with a few members, in virtual time, over a broker that delivers all: who may
 * join, what each method makes of joining, leaving, time that is over and eviction, and what is
 * left after a crash.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "groupkey.h"
#include "keyserver_world.h"
#include "log.h"
#include "rekey.h"
#include "util.h"

#define CLIENTS 6
#define HOUR 3600
#define MINUTE_MS UINT64_C(60000)
#define SLOT_S KEYSERVER_WORLD_SLOT_S

/* What a member makes of what it is told. */
struct client {
	const char *name;
	struct keymsg last; /* message of the server */
	unsigned int messages;
	bool in;
	uint32_t sender;
	struct keytree_path path;
	struct rekey_collection collection;
	struct groupkey keys;
};

static struct keyserver_world w;
static struct client clients[CLIENTS];
static unsigned int published;
static size_t published_bytes;

static struct client *
client_of(const char *name)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (strcmp(clients[i].name, name) == 0)
			return &clients[i];
	ck_abort_msg("no client %s", name);
	return NULL;
}

static void
install(struct client *c, uint32_t epoch, uint64_t from_ms)
{
	uint8_t key[AEAD_KEY_LEN];

	groupkey_of_epoch(key, c->path.keys[c->path.height], "home", epoch);
	groupkey_install(&c->keys, epoch, key, from_ms);
}

static void
on_send(void *arg, const char *member, const uint8_t *message, size_t len)
{
	struct client *c = client_of(member);

	ck_assert_int_eq(keymsg_parse(&c->last, message, len), 0);
	c->messages++;
	if (c->last.type == KEYMSG_JOINED) {
		if (!c->in || c->sender != c->last.sender)
			groupkey_init(&c->keys, "home");
		c->in = true;
		c->sender = c->last.sender;
		c->path = c->last.path;
		install(c, c->last.epoch, c->last.time_ms);
		if (c->last.method == KEYMSG_SLOTTED)
			groupkey_set_slots(&c->keys, c->last.slots_begin_ms,
			    c->last.slot_s * UINT64_C(1000), c->last.slots_depth, c->last.cover,
			    c->last.cover_count);
	}
}

/* All who ever knew something try. */
static void
on_publish(void *arg, const char *group, const uint8_t *message, size_t len)
{
	published++;
	published_bytes += len;
	if (strcmp(group, "home") != 0)
		return;
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &clients[i];
		struct rekey r;

		if (!c->in)
			continue;
		ck_assert_int_eq(
		    rekey_open(&r, group, keyserver_public(w.server), message, len), 0);
		if (rekey_collect(&c->collection, &r, &c->path) &&
		    keytree_follow(&c->path, r.epoch, c->collection.wraps, c->collection.count) ==
			0)
			install(c, r.epoch, r.from_ms);
	}
}

static void
stop(void)
{
	keyserver_world_stop(&w);
}

static void
start(void)
{
	keyserver_world_start(&w);
}

static void
pass(uint64_t ms)
{
	keyserver_world_pass(&w, ms);
}

/* "a" may be in both groups, the last in none. */
static void
setup(void)
{
	static const struct keyserver_callbacks callbacks = {
	    .send = on_send, .publish = on_publish};
	static const char *const both[] = {"home", "work"};

	keyserver_world_open(&w, CLIENTS, &callbacks);
	published = 0;
	published_bytes = 0;
	memset(clients, 0, sizeof(clients));
	for (size_t i = 0; i < CLIENTS; i++) {
		clients[i].name = w.members[i].name;
		w.members[i].longest_s = 10 * HOUR;
	}
	w.members[0].groups = both;
	w.members[0].group_count = 2;
	w.members[CLIENTS - 1].group_count = 0;
	clients[CLIENTS - 1].name = w.members[CLIENTS - 1].name = "guest";
}

static void
teardown(void)
{
	keyserver_world_close(&w);
}

/* As configured, with home's method. */
static void
begin(enum keymsg_method method)
{
	w.groups[0].method = method;
	start();
}

static void
ask(size_t i, struct keymsg *m)
{
	uint8_t message[KEYMSG_MAX];
	size_t len;

	m->has |= KEYMSG_HAS(KEYMSG_GROUP);
	if (m->group[0] == '\0')
		strcpy(m->group, "home");
	len = keymsg_write(m, message, sizeof(message));
	ck_assert_uint_gt(len, 0);
	keyserver_receive(w.server, clients[i].name, message, len, w.now_ms);
}

static void
ask_join(size_t i, uint32_t request, uint64_t wanted_s)
{
	struct keymsg m = {.type = KEYMSG_JOIN,
	    .request = request,
	    .has = KEYMSG_HAS(KEYMSG_WANTED) | KEYMSG_HAS(KEYMSG_VERIFY_KEY),
	    .wanted_s = wanted_s};

	ask(i, &m);
}

static void
ask_join_as(size_t i, uint32_t request, uint32_t sender)
{
	struct keymsg m = {.type = KEYMSG_JOIN,
	    .request = request,
	    .has = KEYMSG_HAS(KEYMSG_WANTED) | KEYMSG_HAS(KEYMSG_SENDER),
	    .sender = sender};

	ask(i, &m);
}

static void
join(size_t i)
{
	static uint32_t request = 100;

	ask_join(i, ++request, 0);
	pass(KEYSERVER_BATCH_MS);
	ck_assert_int_eq(clients[i].last.type, KEYMSG_JOINED);
	ck_assert_uint_eq(clients[i].last.request, request);
}

static void
join_all(size_t count)
{
	for (size_t i = 0; i < count; i++)
		join(i);
	pass(2 * KEYSERVER_NOTICE_MS);
}

static void
leave(size_t i)
{
	struct keymsg m = {.type = KEYMSG_LEAVE, .request = 7};

	ask(i, &m);
	pass(KEYSERVER_BATCH_MS);
	ck_assert_int_eq(clients[i].last.type, KEYMSG_LEFT);
}

/* What a client would send with; a group's key is the same for all who have it. */
static bool
key_of(size_t i, uint8_t key[AEAD_KEY_LEN])
{
	uint32_t epoch, slot;

	return groupkey_now(&clients[i].keys, w.wall_ms, &epoch, &slot) &&
	       groupkey_traffic(&clients[i].keys, epoch, slot, w.wall_ms, key) == 0;
}

static bool
can_read(size_t reader, size_t sender)
{
	uint8_t sent[AEAD_KEY_LEN], key[AEAD_KEY_LEN];
	uint32_t epoch, slot;

	ck_assert(groupkey_now(&clients[sender].keys, w.wall_ms, &epoch, &slot));
	ck_assert(key_of(sender, sent));
	return groupkey_traffic(&clients[reader].keys, epoch, slot, w.wall_ms, key) == 0 &&
	       memcmp(sent, key, sizeof(key)) == 0;
}

static void
expect_all_read(size_t first, size_t last)
{
	for (size_t i = first; i <= last; i++)
		for (size_t j = first; j <= last; j++)
			ck_assert_msg(can_read(i, j), "%zu cannot read %zu", i, j);
}

static struct keyserver_facts
facts(void)
{
	struct keyserver_facts f;

	ck_assert_int_eq(keyserver_facts(w.server, "home", &f), 0);
	return f;
}

static void
expect_refused(size_t i, const char *reason)
{
	ck_assert_int_eq(clients[i].last.type, KEYMSG_REFUSED);
	ck_assert_msg(strstr(clients[i].last.reason, reason) != NULL, "%s", clients[i].last.reason);
}

/* Joining. */

START_TEST(keyserver_joins_members_with_one_key)
{
	begin(_i);
	join_all(5);
	expect_all_read(0, 4);
	ck_assert_uint_eq(facts().members, 5);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_uint_eq(clients[i].last.lease_s, 900);
		ck_assert_uint_eq(clients[i].last.granted_s / HOUR, 10);
		for (size_t j = 0; j < i; j++)
			ck_assert_uint_ne(clients[i].sender, clients[j].sender);
	}
}
END_TEST

START_TEST(keyserver_tells_the_others_of_a_join_in_update_only)
{
	begin(_i);
	join_all(3);
	published = 0;
	join(3);
	ck_assert_uint_eq(published, _i == KEYMSG_UPDATE ? 1 : 0);
	ck_assert_uint_eq(clients[0].messages, 1);
}
END_TEST

START_TEST(keyserver_makes_one_change_of_many_joins)
{
	begin(KEYMSG_UPDATE);
	for (uint32_t i = 0; i < 5; i++)
		ask_join(i, i, 0);
	pass(KEYSERVER_BATCH_MS + KEYSERVER_NOTICE_MS);
	ck_assert_uint_eq(published, 1);
	expect_all_read(0, 4);
}
END_TEST

START_TEST(keyserver_newcomer_cannot_read_the_past)
{
	struct groupkey before;
	uint8_t old[AEAD_KEY_LEN], key[AEAD_KEY_LEN];
	uint32_t epoch, slot;
	uint64_t then_ms;

	begin(_i);
	join_all(3);
	before = clients[0].keys;
	then_ms = w.wall_ms;
	pass(3 * SLOT_S * 1000);
	join(3);
	pass(2 * KEYSERVER_NOTICE_MS);
	ck_assert(groupkey_now(&before, then_ms, &epoch, &slot));
	ck_assert_int_eq(groupkey_traffic(&before, epoch, slot, then_ms, old), 0);
	if (groupkey_traffic(&clients[3].keys, epoch, slot, then_ms, key) == 0)
		ck_assert_mem_ne(key, old, sizeof(key));
}
END_TEST

/* The answer was lost: the same again. And a new request, as after a restart: a new sender id. */
START_TEST(keyserver_joins_again)
{
	uint32_t sender, epoch;

	begin(_i);
	join_all(2);
	ask_join(0, 55, 0);
	pass(2 * KEYSERVER_BATCH_MS);
	sender = clients[0].sender;
	epoch = facts().epoch;
	ask_join(0, 55, 0);
	pass(2 * KEYSERVER_BATCH_MS);
	ck_assert_uint_eq(clients[0].sender, sender);
	ask_join_as(0, 55, 0); /* another start with the same number: it has no signing key */
	pass(2 * KEYSERVER_BATCH_MS);
	ck_assert_uint_gt(clients[0].sender, sender);
	ask_join(0, 56, 0);
	pass(2 * KEYSERVER_BATCH_MS);
	ck_assert_uint_gt(clients[0].sender, sender);
	sender = clients[0].sender;
	ask_join_as(0, 57, sender);
	pass(2 * KEYSERVER_BATCH_MS);
	ck_assert_uint_eq(clients[0].last.request, 57);
	ck_assert_uint_eq(clients[0].sender, sender); /* it goes on counting */
	ask_join_as(0, 58, sender - 1);
	pass(2 * KEYSERVER_BATCH_MS);
	ck_assert_uint_gt(clients[0].sender, sender);
	ck_assert_uint_eq(facts().epoch, epoch);
	ck_assert_uint_eq(facts().members, 2);
	expect_all_read(0, 1);
}
END_TEST

START_TEST(keyserver_grants_no_more_time_than_allowed)
{
	static const uint64_t wanted[] = {0, 5, UINT64_C(1) << 31, UINT64_C(1) << 63, UINT64_MAX};
	static const uint64_t granted[] = {36000, 5, 36000, 36000, 36000};

	begin(_i);
	for (uint32_t i = 0; i < ARRAY_LEN(wanted); i++) {
		ask_join(i, i, wanted[i]);
		pass(KEYSERVER_BATCH_MS);
		ck_assert_int_eq(clients[i].last.type, KEYMSG_JOINED);
		ck_assert_uint_le(clients[i].last.granted_s, granted[i]);
		ck_assert_uint_ge(clients[i].last.granted_s + 1, granted[i]);
	}
}
END_TEST

START_TEST(keyserver_refuses_who_may_not)
{
	struct keymsg m = {.type = KEYMSG_LEAVE, .group = "nowhere"};
	struct keymsg renew = {
	    .type = KEYMSG_RENEW, .has = KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_NONCE)};

	begin(_i);
	ask_join(5, 1, 0);
	expect_refused(5, "not allowed");
	ask(0, &m);
	expect_refused(0, "no such group");
	ask(1, &renew);
	expect_refused(1, "not a member");
	pass(KEYSERVER_BATCH_MS);
	ck_assert_uint_eq(facts().members, 0);
}
END_TEST

/* How often the file has the text. */
static unsigned int
count_in(FILE *f, const char *text)
{
	unsigned int count = 0;
	char line[1024];

	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		count += strstr(line, text) != NULL;
	return count;
}

START_TEST(keyserver_is_not_made_to_fill_the_log)
{
	FILE *log = tmpfile();
	int before = dup(STDERR_FILENO);

	ck_assert_ptr_nonnull(log);
	ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
	log_set_level(LOG_LEVEL_NOTICE);
	begin(_i);
	for (uint32_t i = 0; i < 1000; i++)
		ask_join(5, 1 + i, 0);
	ask_join(1, 1, 0);
	pass(KEYSERVER_BATCH_MS);
	keyserver_evict(w.server, "home", "b", w.now_ms);
	ask_join(1, 2, 0);
	pass(KEYSERVER_BATCH_MS);
	log_set_level(LOG_LEVEL_ERROR);
	dup2(before, STDERR_FILENO);
	close(before);
	ck_assert_uint_ge(count_in(log, "guest: group home: refused"), 1);
	ck_assert_uint_le(count_in(log, "guest: group home: refused"), 10);
	ck_assert_uint_eq(count_in(log, "b: group home: refused"), 1);
	fclose(log);
}
END_TEST

static void
ask_join_with(size_t i, uint32_t request, const char *const *texts, size_t count)
{
	struct keymsg m = {.type = KEYMSG_JOIN,
	    .request = request,
	    .has = KEYMSG_HAS(KEYMSG_WANTED),
	    .prefix_count = count};

	if (count > 0)
		m.has |= KEYMSG_HAS(KEYMSG_PREFIX);
	for (size_t j = 0; j < count; j++)
		ck_assert_int_eq(prefix_parse(texts[j], &m.prefixes[j]), 0);
	ask(i, &m);
}

START_TEST(keyserver_refuses_addresses_of_others)
{
	static const char *const own[] = {"10.0.1.2", "10.2.0.0/16", "10.2.7.1", "fd00:2:1::/64"};
	static const struct {
		const char *claimed[2], *reason;
	} others[] = {
	    {{"10.0.1.2", "10.0.0.9"}, "address 10.0.0.9 is not one of this member's: "
				       "allowed are 10.0.1.2, 10.2.0.0/16, fd00:2::/32"},
	    {{"10.2.0.0/16", "10.2.0.0/15"}, "address 10.2.0.0/15 is not"},
	    {{"10.0.1.2/24", "10.0.1.2"}, "address 10.0.1.0/24 is not"},
	    {{"10.0.1.2", "::/0"}, "address ::/0 is not"},
	};
	struct prefix allowed[3];

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		ck_assert_int_eq(prefix_parse(i == 0   ? "10.0.1.2"
					      : i == 1 ? "10.2.0.0/16"
						       : "fd00:2::/32",
				     &allowed[i]),
		    0);
	w.members[1].prefixes = allowed;
	w.members[1].prefix_count = ARRAY_LEN(allowed);
	begin(_i);
	for (uint32_t i = 0; i < ARRAY_LEN(others); i++) {
		ask_join_with(1, i, others[i].claimed, 2);
		expect_refused(1, others[i].reason);
	}
	pass(KEYSERVER_BATCH_MS);
	ck_assert_uint_eq(facts().members, 0);
	ask_join_with(1, 9, own, ARRAY_LEN(own));
	pass(KEYSERVER_BATCH_MS);
	ck_assert_int_eq(clients[1].last.type, KEYMSG_JOINED);
	w.members[2].prefix_count = 0;
	ask_join_with(2, 1, own, 1);
	expect_refused(2, "address 10.0.1.2 is not one of this member's: it has none");
}
END_TEST

/* More than a text can hold: those at the beginning. */
START_TEST(keyserver_names_as_many_addresses_as_there_is_room_for)
{
	static const char *const foreign[] = {"2001:db8:ffff:ffff:ffff:ffff:ffff:1"};
	struct prefix allowed[40];

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		char text[PREFIX_TEXT_MAX];

		snprintf(text, sizeof(text), "fd00:1111:2222:3333:4444:5555:6666:%zu/127", i * 2);
		ck_assert_int_eq(prefix_parse(text, &allowed[i]), 0);
	}
	w.members[1].prefixes = allowed;
	w.members[1].prefix_count = ARRAY_LEN(allowed);
	begin(_i);
	ask_join_with(1, 1, foreign, 1);
	expect_refused(1, "allowed are fd00:1111:2222:3333:4444:5555:6666:0/127, ");
	expect_refused(1, "/127, ...");
}
END_TEST

START_TEST(keyserver_ignores_what_makes_no_sense)
{
	static const uint8_t rubbish[] = {0x01, 0, 0};
	struct keymsg reflected = {.type = KEYMSG_LEFT};

	begin(_i);
	keyserver_receive(w.server, "a", rubbish, sizeof(rubbish), w.now_ms);
	keyserver_receive(w.server, "a", rubbish, 0, w.now_ms);
	ask(0, &reflected);
	pass(KEYSERVER_BATCH_MS);
	ck_assert_uint_eq(clients[0].messages, 0);
}
END_TEST

/* Leaving. */

START_TEST(keyserver_lets_members_leave)
{
	uint32_t epoch;

	begin(_i);
	join_all(4);
	epoch = facts().epoch;
	leave(3);
	pass(KEYSERVER_NOTICE_MS + GROUPKEY_GRACE_MS);
	ck_assert_uint_eq(facts().members, 3);
	ck_assert_uint_eq(facts().epoch, epoch + (_i == KEYMSG_STATIC ? 0 : 1));
	expect_all_read(0, 2);
	if (_i != KEYMSG_STATIC)
		ck_assert(!can_read(3, 0));
	join(3);
	pass(2 * KEYSERVER_NOTICE_MS);
	expect_all_read(0, 3);
}
END_TEST

START_TEST(keyserver_evicts_at_once)
{
	uint32_t epoch;

	begin(_i);
	join_all(4);
	epoch = facts().epoch;
	ck_assert_uint_eq(keyserver_evict(w.server, NULL, "b", w.now_ms), 1);
	ck_assert_int_eq(clients[1].last.type, KEYMSG_EVICTED);
	ck_assert_uint_eq(facts().epoch, epoch + 1);
	ck_assert(!can_read(1, 0));
	ck_assert(can_read(2, 0) && can_read(3, 2) && can_read(0, 3));
	/* Nor later, whatever comes. */
	pass(10 * SLOT_S * 1000);
	ck_assert_int_eq(keyserver_rotate(w.server, "home", w.now_ms), 0);
	pass(2 * KEYSERVER_NOTICE_MS);
	ck_assert(!can_read(1, 0));
	ck_assert(can_read(2, 0));
	ck_assert_uint_eq(keyserver_evict(w.server, "home", "b", w.now_ms), 0);
	ck_assert_uint_eq(keyserver_evict(w.server, "home", "guest", w.now_ms), 0);
}
END_TEST

/* One that is a member and one that is not, and not even a restart helps. */
START_TEST(keyserver_keeps_out_who_was_put_out)
{
	static const size_t out[] = {1, 4};

	begin(_i);
	join_all(4);
	ck_assert_uint_eq(keyserver_evict(w.server, NULL, "b", w.now_ms), 1);
	ck_assert_uint_eq(keyserver_evict(w.server, NULL, "e", w.now_ms), 1);
	for (uint32_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(out); i++) {
			ask_join(out[i], round, 0);
			pass(KEYSERVER_BATCH_MS);
			expect_refused(out[i], "put out");
		}
		stop();
		start();
	}
	ck_assert_uint_eq(keyserver_admit(w.server, "work", "b"), 0);
	ck_assert_uint_eq(keyserver_admit(w.server, "home", "b"), 1);
	ck_assert_uint_eq(keyserver_admit(w.server, NULL, "e"), 1);
	stop();
	start();
	join(1);
	join(4);
	pass(2 * KEYSERVER_NOTICE_MS);
	expect_all_read(0, 4);
}
END_TEST

START_TEST(keyserver_ends_membership_when_the_time_is_over)
{
	uint32_t epoch;

	begin(_i);
	join_all(3);
	ask_join(3, 1, 2 * SLOT_S);
	pass(KEYSERVER_BATCH_MS + KEYSERVER_NOTICE_MS);
	expect_all_read(0, 3);
	epoch = facts().epoch;
	published = 0;
	pass(3 * SLOT_S * 1000);
	ck_assert_uint_eq(facts().members, 3);
	ck_assert_uint_eq(facts().epoch, epoch + (_i == KEYMSG_UPDATE ? 1 : 0));
	ck_assert_uint_eq(published, _i == KEYMSG_UPDATE ? 1 : 0);
	expect_all_read(0, 2);
	if (_i != KEYMSG_STATIC)
		ck_assert(!can_read(3, 0));
}
END_TEST

/* One who is put out, or leaves, has slots that are to come; one whose time is over knows the
 * epoch: what they know together must not be enough. */
START_TEST(keyserver_closes_collusion_of_evicted_and_expired)
{
	struct groupkey together;

	begin(KEYMSG_SLOTTED);
	join_all(3);
	ask_join(3, 1, 3 * SLOT_S);
	pass(KEYSERVER_BATCH_MS);
	if (_i == 0)
		ck_assert_uint_eq(keyserver_evict(w.server, "home", "c", w.now_ms), 1);
	else
		leave(2);
	pass(2 * KEYSERVER_NOTICE_MS);
	stop();
	start(); /* which must not make it forget */
	pass(5 * SLOT_S * 1000);
	together = clients[2].keys; /* slots to come */
	memcpy(together.epochs, clients[3].keys.epochs, sizeof(together.epochs));
	together.epoch_count = clients[3].keys.epoch_count;
	clients[2].keys = together;
	ck_assert(!can_read(2, 0));
	ck_assert(can_read(1, 0));
}
END_TEST

/* The one has slots that are to come, the other, who joins later, the key of the epoch. */
START_TEST(keyserver_closes_collusion_of_evicted_and_newcomer)
{
	uint32_t epoch;

	begin(KEYMSG_SLOTTED);
	join_all(3);
	ck_assert_uint_eq(keyserver_evict(w.server, "home", "c", w.now_ms), 1);
	pass(2 * KEYSERVER_NOTICE_MS);
	epoch = facts().epoch;
	join(3);
	ck_assert_uint_eq(facts().epoch, epoch + 1);
	ck_assert_uint_eq(clients[3].keys.epoch_count, 1);
	ck_assert_uint_eq(groupkey_newest(&clients[3].keys), epoch + 1);
	pass(2 * KEYSERVER_NOTICE_MS);
	expect_all_read(0, 1);
	ck_assert(can_read(3, 0));
}
END_TEST

START_TEST(keyserver_renews_slotted_groups_each_day)
{
	uint32_t epoch;

	begin(KEYMSG_SLOTTED);
	w.members[0].longest_s = w.members[1].longest_s = 100 * HOUR;
	join_all(2);
	epoch = facts().epoch;
	pass(20 * HOUR * 1000);
	ck_assert_uint_eq(facts().epoch, epoch);
	pass(5 * HOUR * 1000);
	ck_assert_uint_eq(facts().epoch, epoch + 1);
	expect_all_read(0, 1);
}
END_TEST

/* One change was not heard of. */
START_TEST(keyserver_tells_of_a_change_that_was_missed)
{
	unsigned int before;

	begin(_i);
	join_all(2);
	before = published;
	keyserver_announce(w.server);
	ck_assert_uint_eq(published, before + 2); /* of each group */
	ck_assert_uint_eq(groupkey_newest(&clients[0].keys), facts().epoch);
	expect_all_read(0, 1);
}
END_TEST

START_TEST(keyserver_makes_one_change_of_many_who_leave)
{
	struct keymsg m = {.type = KEYMSG_LEAVE, .request = 7};
	uint32_t epoch;

	begin(_i);
	join_all(5);
	epoch = facts().epoch;
	for (size_t i = 1; i < 4; i++) {
		ask(i, &m);
		pass(KEYSERVER_BATCH_MS / 4);
	}
	pass(KEYSERVER_BATCH_MS);
	ck_assert_uint_eq(facts().epoch, epoch + 1);
}
END_TEST

/* Whoever joins again for a shorter time has the slots of the longer one. */
START_TEST(keyserver_asking_for_less_time_takes_no_slots_back)
{
	uint32_t epoch;

	begin(KEYMSG_SLOTTED);
	join_all(2);
	ask_join(1, 1, 5);
	pass(KEYSERVER_BATCH_MS);
	epoch = facts().epoch;
	pass(3 * SLOT_S * 1000);
	ck_assert_uint_eq(facts().members, 2);
	ck_assert_uint_eq(keyserver_evict(w.server, NULL, "b", w.now_ms), 1);
	ck_assert_uint_eq(facts().epoch, epoch + 1);
	ck_assert(!can_read(1, 0));
}
END_TEST

/* Being there. */

START_TEST(keyserver_renews_leases_of_members)
{
	struct keymsg m = {.type = KEYMSG_RENEW,
	    .request = 3,
	    .has = KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_NONCE),
	    .nonce = 77};

	begin(_i);
	join_all(1);
	ask(0, &m);
	ck_assert_int_eq(clients[0].last.type, KEYMSG_LEASE);
	ck_assert_uint_eq(clients[0].last.nonce, 77);
	ck_assert_uint_eq(clients[0].last.epoch, facts().epoch);
	ck_assert_uint_eq(clients[0].last.time_ms, w.wall_ms);
}
END_TEST

START_TEST(keyserver_helps_who_missed_a_change)
{
	struct keymsg m = {.type = KEYMSG_CATCH_UP, .has = KEYMSG_HAS(KEYMSG_EPOCH), .epoch = 1};
	struct client missed;
	uint32_t sender;

	begin(_i);
	join_all(3);
	missed = clients[0];
	ck_assert_int_eq(keyserver_rotate(w.server, "home", w.now_ms), 0);
	ck_assert_uint_eq(keyserver_evict(w.server, "home", "c", w.now_ms), 1);
	clients[0] = missed;
	sender = missed.sender;
	pass(2 * KEYSERVER_NOTICE_MS + GROUPKEY_GRACE_MS);
	ck_assert(!can_read(0, 1));
	ask(0, &m);
	ck_assert_int_eq(clients[0].last.type, KEYMSG_JOINED);
	ck_assert_uint_eq(clients[0].sender, sender);
	expect_all_read(0, 1);
}
END_TEST

START_TEST(keyserver_tells_who_is_who)
{
	struct keymsg m = {.type = KEYMSG_LOOK_UP, .has = KEYMSG_HAS(KEYMSG_ADDRESS)};
	struct keymsg by_id = {.type = KEYMSG_LOOK_UP, .has = KEYMSG_HAS(KEYMSG_SENDER)};

	begin(_i);
	join_all(3);
	ck_assert_int_eq(addr_parse("10.0.1.3", &m.address), 0);
	ask(0, &m);
	ck_assert_int_eq(clients[0].last.type, KEYMSG_ENTRY);
	ck_assert_str_eq(clients[0].last.name, "c");
	ck_assert_uint_eq(clients[0].last.sender, clients[2].sender);
	ck_assert_mem_eq(clients[0].last.public_key, w.members[2].public_key, AEAD_KEY_LEN);
	by_id.sender = clients[1].sender;
	ask(0, &by_id);
	ck_assert_str_eq(clients[0].last.name, "b");
	ck_assert_int_eq(addr_parse("10.0.1.4", &m.address), 0); /* not a member now */
	ask(0, &m);
	expect_refused(0, "no such member");
}
END_TEST

/* One that signs and one that does not; and how long they stay. */
START_TEST(keyserver_tells_by_what_and_how_long_somebody_is_known)
{
	struct keymsg m = {.type = KEYMSG_JOIN,
	    .request = 1,
	    .has = KEYMSG_HAS(KEYMSG_WANTED) | KEYMSG_HAS(KEYMSG_VERIFY_KEY),
	    .wanted_s = 60,
	    .verify_key = {1, 2, 3}};
	struct keymsg who = {.type = KEYMSG_LOOK_UP, .has = KEYMSG_HAS(KEYMSG_SENDER)};

	begin(_i);
	ask(1, &m);
	ask_join_with(2, 1, NULL, 0);
	join(0);
	stop();
	start();
	pass(10000);
	who.sender = clients[1].sender;
	ask(0, &who);
	ck_assert_int_eq(clients[0].last.type, KEYMSG_ENTRY);
	ck_assert((clients[0].last.has & KEYMSG_HAS(KEYMSG_VERIFY_KEY)) != 0);
	ck_assert_mem_eq(clients[0].last.verify_key, m.verify_key, AEAD_KEY_LEN);
	ck_assert_uint_ge(clients[0].last.granted_s, 49);
	ck_assert_uint_le(clients[0].last.granted_s, 51);
	who.sender = clients[2].sender;
	ask(0, &who);
	ck_assert_str_eq(clients[0].last.name, "c");
	ck_assert((clients[0].last.has & KEYMSG_HAS(KEYMSG_VERIFY_KEY)) == 0);
	who.sender = clients[1].sender;
	w.wall_ms += 50000; /* before the server has come to it */
	ask(0, &who);
	expect_refused(0, "no such member");
}
END_TEST

static void
expect_entry(struct keymsg *m, const char *name)
{
	ask(0, m);
	if (name == NULL) {
		expect_refused(0, "no such member");
		return;
	}
	ck_assert_int_eq(clients[0].last.type, KEYMSG_ENTRY);
	ck_assert_str_eq(clients[0].last.name, name);
}

static void
expect_owner(const char *address, const char *name)
{
	struct keymsg m = {.type = KEYMSG_LOOK_UP, .has = KEYMSG_HAS(KEYMSG_ADDRESS)};

	ck_assert_int_eq(addr_parse(address, &m.address), 0);
	expect_entry(&m, name);
}

static void
expect_sender(uint32_t sender, const char *name)
{
	struct keymsg m = {
	    .type = KEYMSG_LOOK_UP, .has = KEYMSG_HAS(KEYMSG_SENDER), .sender = sender};

	expect_entry(&m, name);
}

/* "b" forwards for a network that "a" forwards for a part of, and "c" has an address there. */
START_TEST(keyserver_finds_the_longest_prefix_of_those_who_are_in)
{
	static const char *const texts[][2] = {{"10.9.1.0/24", "fd00:9:1::/48"},
	    {"10.9.0.0/16", "fd00:9::/32"}, {"10.9.1.7/32", "fd00:9:1::7/128"}};
	struct prefix claims[3][2];
	char *error;

	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 2; j++)
			ck_assert_int_eq(prefix_parse(texts[i][j], &claims[i][j]), 0);
		w.members[i].prefixes = claims[i];
		w.members[i].prefix_count = 2;
	}
	begin(_i);
	join_all(3);
	expect_owner("10.9.1.7", "c");
	expect_owner("10.9.1.8", "a");
	expect_owner("10.9.2.7", "b");
	expect_owner("10.8.2.7", NULL);
	expect_owner("fd00:9:1::7", "c");
	expect_owner("fd00:9:1::8", "a");
	expect_owner("fd00:9:2::7", "b");
	leave(2);
	expect_owner("10.9.1.7", "a");
	w.members[0].prefix_count = 0;
	ck_assert_int_eq(keyserver_configure(w.server, &w.settings, w.now_ms, &error), 0);
	expect_owner("10.9.1.7", "b");
	expect_owner("fd00:9:1::7", "b");
}
END_TEST

static void
expect_routes(size_t asker, const char *first, size_t count)
{
	struct keymsg m = {.type = KEYMSG_LIST, .request = 9};
	char text[PREFIX_TEXT_MAX];

	ask(asker, &m);
	ck_assert_int_eq(clients[asker].last.type, KEYMSG_ROUTES);
	ck_assert_uint_eq(clients[asker].last.request, 9);
	ck_assert_uint_eq(clients[asker].last.prefix_count, count);
	if (count > 0)
		ck_assert_str_eq(prefix_format(&clients[asker].last.prefixes[0], text), first);
}

START_TEST(keyserver_lists_the_networks_behind_others)
{
	struct keymsg m = {
	    .type = KEYMSG_LOOK_UP, .has = KEYMSG_HAS(KEYMSG_PREFIX), .prefix_count = 1};
	struct prefix claims[2];

	ck_assert_int_eq(prefix_parse("10.0.1.2/32", &claims[0]), 0);
	ck_assert_int_eq(prefix_parse("192.168.5.0/24", &claims[1]), 0);
	w.members[1].prefixes = claims;
	w.members[1].prefix_count = 2;
	begin(_i);
	join(0);
	expect_routes(0, NULL, 0);
	join(1);
	expect_routes(0, "192.168.5.0/24", 1);
	expect_routes(1, NULL, 0); /* its own */
	m.prefixes[0] = claims[1];
	ask(0, &m);
	ck_assert_int_eq(clients[0].last.type, KEYMSG_ENTRY);
	ck_assert_str_eq(clients[0].last.name, "b");
	m.prefixes[0].len = 25;
	m.has = KEYMSG_HAS(KEYMSG_PREFIX);
	ask(0, &m);
	ck_assert_int_eq(clients[0].last.type, KEYMSG_REFUSED);
	leave(1);
	expect_routes(0, NULL, 0);
}
END_TEST

/* The same address in another group is somebody else's. */
START_TEST(keyserver_tells_groups_apart)
{
	static const char *const work[] = {"work"};
	struct keymsg m = {.type = KEYMSG_JOIN,
	    .request = 1,
	    .has = KEYMSG_HAS(KEYMSG_WANTED) | KEYMSG_HAS(KEYMSG_VERIFY_KEY),
	    .group = "work"};

	w.members[1].groups = work;
	w.members[1].prefixes = w.members[2].prefixes;
	begin(_i);
	ask(1, &m);
	join(2);
	join(0);
	ck_assert_int_eq(clients[1].last.type, KEYMSG_JOINED);
	expect_owner("10.0.1.3", "c");
}
END_TEST

/* Each has a sender id of its own, also after many changes. */
START_TEST(keyserver_finds_sender_ids_that_are_in_use_alone)
{
	uint32_t old;

	begin(_i);
	join_all(4);
	old = clients[1].sender;
	join(1);
	leave(2);
	expect_sender(old, NULL);
	expect_sender(clients[2].sender, NULL);
	for (size_t i = 0; i < 4; i++)
		if (i != 2)
			expect_sender(clients[i].sender, w.members[i].name);
	stop();
	start();
	pass(KEYSERVER_BATCH_MS);
	expect_sender(clients[1].sender, "b");
	expect_sender(clients[3].sender, "d");
}
END_TEST

/* Restarts. */

START_TEST(keyserver_goes_on_after_a_restart)
{
	uint32_t epoch, highest;

	begin(_i);
	join_all(4);
	keyserver_evict(w.server, "home", "d", w.now_ms);
	epoch = facts().epoch;
	highest = clients[2].sender;
	stop();
	start();
	pass(KEYSERVER_BATCH_MS);
	ck_assert_uint_eq(facts().members, 3);
	ck_assert_uint_eq(facts().epoch, epoch);
	expect_all_read(0, 2);
	join(4);
	ck_assert_uint_gt(clients[4].sender, highest);
	pass(2 * KEYSERVER_NOTICE_MS);
	expect_all_read(0, 2);
	ck_assert(can_read(4, 0) && can_read(0, 4));
	ck_assert(!can_read(3, 0));
}
END_TEST

START_TEST(keyserver_never_goes_back_in_time)
{
	begin(_i);
	pass(HOUR * 1000);
	join_all(1);
	w.wall_ms -= HOUR * 1000;
	join(1);
	ck_assert_uint_ge(clients[1].last.time_ms, clients[0].last.time_ms);
	stop();
	w.wall_ms = 0; /* a machine without a clock */
	start();
	ask_join(2, 9, 0);
	pass(KEYSERVER_BATCH_MS);
	ck_assert_uint_ge(clients[2].last.time_ms, clients[1].last.time_ms);
}
END_TEST

/* The clock is set, and far ahead: nobody waits for what would have been the end of his time. */
START_TEST(keyserver_ends_membership_when_the_clock_is_set)
{
	uint32_t epoch;

	begin(KEYMSG_UPDATE);
	join_all(2);
	epoch = facts().epoch;
	w.wall_ms += 11 * HOUR * 1000;
	pass(MINUTE_MS + KEYSERVER_BATCH_MS);
	ck_assert_uint_eq(facts().members, 0);
	ck_assert_uint_eq(facts().epoch, epoch + 1);
}
END_TEST

/* Nor far, if it had nothing to keep for long. */
START_TEST(keyserver_remembers_what_time_it_was)
{
	struct keymsg m = {
	    .type = KEYMSG_RENEW, .has = KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_NONCE)};
	uint64_t told_ms;

	begin(_i);
	join_all(1);
	pass(9 * HOUR * 1000);
	ask(0, &m);
	ck_assert_int_eq(clients[0].last.type, KEYMSG_LEASE);
	told_ms = clients[0].last.time_ms;
	stop();
	w.wall_ms = 0;
	start();
	ask(0, &m);
	ck_assert_int_eq(clients[0].last.type, KEYMSG_LEASE);
	ck_assert_uint_gt(clients[0].last.time_ms, told_ms - 6 * MINUTE_MS);
}
END_TEST

/* It runs on, a little slower, until the clock has come up with it. */
START_TEST(keyserver_time_runs_on_when_the_clock_is_set_back)
{
	uint64_t told_ms;

	begin(_i);
	join_all(1);
	told_ms = clients[0].last.time_ms;
	w.wall_ms -= 10 * MINUTE_MS;
	pass(HOUR * 1000);
	join(0);
	ck_assert_uint_gt(clients[0].last.time_ms, told_ms + HOUR * 1000 - MINUTE_MS);
	ck_assert_uint_lt(clients[0].last.time_ms, told_ms + HOUR * 1000 + MINUTE_MS);
	ck_assert_uint_gt(keyserver_lag_ms(w.server), 9 * MINUTE_MS);
	w.now_ms += UINT64_C(100) * HOUR * 1000;
	w.wall_ms += UINT64_C(100) * HOUR * 1000;
	join(0);
	ck_assert_uint_eq(keyserver_lag_ms(w.server), 0);
}
END_TEST

START_TEST(keyserver_evicts_who_is_not_in_the_settings_any_more)
{
	char *error;

	begin(_i);
	join_all(3);
	w.settings.member_count = 2;
	ck_assert_int_eq(keyserver_configure(w.server, &w.settings, w.now_ms, &error), 0);
	pass(0);
	ck_assert_uint_eq(facts().members, 2);
	ck_assert(!can_read(2, 0));
	expect_all_read(0, 1);
	stop();
	w.settings.member_count = 1; /* while it was not running */
	start();
	pass(0);
	ck_assert_uint_eq(facts().members, 1);
	ck_assert(!can_read(1, 0));
}
END_TEST

static void
take_settings(void)
{
	char *error;

	ck_assert_int_eq(keyserver_configure(w.server, &w.settings, w.now_ms, &error), 0);
}

/* The old key may be in other hands. What it asks for before it is out does not keep it in. */
START_TEST(keyserver_puts_out_who_has_another_key)
{
	begin(KEYMSG_STATIC);
	join_all(3);
	w.members[1].public_key[0] ^= 1;
	take_settings();
	ask_join(1, 77, 0);
	pass(KEYSERVER_BATCH_MS);
	ck_assert_int_eq(clients[1].last.type, KEYMSG_EVICTED);
	clients[1].in = false;
	pass(2 * KEYSERVER_NOTICE_MS);
	ck_assert(!can_read(1, 0));
	expect_all_read(2, 2);
	ck_assert(can_read(2, 0));
	join(1);
	pass(2 * KEYSERVER_NOTICE_MS);
	ck_assert(can_read(1, 0));
	take_settings();
	pass(KEYSERVER_BATCH_MS);
	ck_assert_int_eq(clients[1].last.type, KEYMSG_JOINED);
}
END_TEST

START_TEST(keyserver_puts_out_who_got_another_key_while_it_was_away)
{
	begin(KEYMSG_SLOTTED);
	join_all(2);
	stop();
	w.members[1].public_key[0] ^= 1;
	start();
	pass(KEYSERVER_BATCH_MS);
	ck_assert_int_eq(clients[1].last.type, KEYMSG_EVICTED);
	ck_assert_uint_eq(facts().members, 1);
	ck_assert_uint_eq(facts().epoch, 2);
}
END_TEST

/* With the method static it reads on, until it is put out. */
START_TEST(keyserver_evicts_who_has_left)
{
	begin(KEYMSG_STATIC);
	join_all(2);
	leave(1);
	pass(2 * KEYSERVER_NOTICE_MS);
	ck_assert(can_read(1, 0));
	clients[1].in = false;
	ck_assert_uint_eq(keyserver_evict(w.server, "home", clients[1].name, w.now_ms), 1);
	pass(2 * KEYSERVER_NOTICE_MS);
	ck_assert(!can_read(1, 0));
}
END_TEST

START_TEST(keyserver_keeps_the_method_of_a_group)
{
	struct keyserver_settings other = w.settings;
	struct keyserver_group changed[2] = {w.groups[0], w.groups[1]};
	char *error;

	begin(KEYMSG_SLOTTED);
	join_all(1);
	other.groups = changed;
	changed[0].method = KEYMSG_STATIC;
	ck_assert_int_eq(keyserver_configure(w.server, &other, w.now_ms, &error), -1);
	ck_assert_ptr_nonnull(strstr(error, "group home: its method"));
	free(error);
	changed[0] = w.groups[0];
	changed[0].slot_s = 30;
	ck_assert_int_eq(keyserver_configure(w.server, &other, w.now_ms, &error), -1);
	ck_assert_ptr_nonnull(strstr(error, "length of its slots"));
	free(error);
	ck_assert_uint_eq(facts().members, 1);
}
END_TEST

START_TEST(keyserver_makes_no_group_of_settings_that_are_refused)
{
	struct keyserver_settings other = w.settings;
	struct keyserver_group changed[3] = {w.groups[0], w.groups[1], w.groups[1]};
	char *error;

	begin(KEYMSG_UPDATE);
	other.groups = changed;
	other.group_count = 3;
	changed[0].name = "new";
	changed[1] = w.groups[0];
	changed[1].method = KEYMSG_STATIC;
	ck_assert_int_eq(keyserver_configure(w.server, &other, w.now_ms, &error), -1);
	ck_assert_ptr_nonnull(strstr(error, "group home: its method"));
	free(error);
	changed[0].method = KEYMSG_SLOTTED;
	changed[1] = w.groups[0];
	ck_assert_int_eq(keyserver_configure(w.server, &other, w.now_ms, &error), 0);
}
END_TEST

/* A store that was put back without a word: whoever joined since then knows more than it does. */
START_TEST(keyserver_notices_that_its_store_is_an_old_one)
{
	struct keymsg m = {.type = KEYMSG_RENEW,
	    .has = KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_NONCE) | KEYMSG_HAS(KEYMSG_SENDER)};
	struct keymsg look_up = {
	    .type = KEYMSG_LOOK_UP, .has = KEYMSG_HAS(KEYMSG_SENDER), .sender = UINT32_MAX};
	uint32_t rotated;

	begin(_i);
	join_all(2);
	stop();
	keyserver_world_back_up(&w);
	start();
	m.sender = clients[0].sender;
	join(0);
	ask(0, &m);
	expect_refused(0, "another node has joined");
	ck_assert_int_eq(keyserver_rotate(w.server, "home", w.now_ms), 0);
	rotated = facts().epoch;
	ck_assert(!facts().is_outdated);
	stop();
	keyserver_world_restore(&w);
	start();
	pass(KEYSERVER_BATCH_MS);
	m.sender = clients[1].sender;
	ask(1, &m);
	ck_assert_int_eq(clients[1].last.type, KEYMSG_LEASE);
	ask(1, &look_up);
	ck_assert(!facts().is_outdated);
	m.epoch = rotated;
	ask(1, &m);
	ck_assert(facts().is_outdated);
	m.sender = clients[0].sender;
	ask(0, &m);
	expect_refused(0, "its store is older");
}
END_TEST

/* What somebody has done to the store with another program. */
static void
expect_no_fit(const char *sql)
{
	struct keystore *store;
	char *error;
	sqlite3 *db;

	keyserver_world_restore(&w);
	ck_assert_int_eq(sqlite3_open(w.file, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	store = keystore_open(w.file, &error);
	ck_assert_msg(store != NULL, "%s", error);
	ck_assert_ptr_null(
	    keyserver_new(w.wheel, store, &w.settings, &w.callbacks, w.now_ms, &error));
	ck_assert_str_eq(error,
	    "group home: its keys in the store do not fit together: put back a backup, and start "
	    "once with --recover");
	free(error);
	keystore_close(store);
}

START_TEST(keyserver_refuses_keys_that_do_not_fit)
{
	static const char *const deeds[] = {
	    "DELETE FROM nodes WHERE level = 0 AND idx = 1",
	    "DELETE FROM nodes WHERE level = 1 AND idx = 0",
	    "DELETE FROM members WHERE name = 'b'",
	    "UPDATE nodes SET level = 40 WHERE level = 0 AND idx = 1",
	    "UPDATE members SET leaf = 70000 WHERE name = 'b'",
	    "UPDATE members SET sender = 1",
	    "UPDATE members SET sender = 0 WHERE name = 'b'",
	    "UPDATE groups SET next_sender = 2",
	};

	begin(_i);
	join_all(4);
	stop();
	keyserver_world_back_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(deeds); i++)
		expect_no_fit(deeds[i]);
	keyserver_world_restore(&w);
	start();
	ck_assert_uint_eq(facts().members, 4);
}
END_TEST

START_TEST(keyserver_refuses_two_of_one_name)
{
	struct keyserver_settings other;
	char *error;

	begin(KEYMSG_UPDATE);
	join_all(3);
	other = w.settings;
	w.groups[1].name = "home";
	ck_assert_int_eq(keyserver_configure(w.server, &other, w.now_ms, &error), -1);
	ck_assert_str_eq(error, "group home: there are two of this name");
	free(error);
	w.groups[1].name = "work";
	w.members[4].name = "b";
	ck_assert_int_eq(keyserver_configure(w.server, &other, w.now_ms, &error), -1);
	ck_assert_str_eq(error, "member b: there are two of this name");
	free(error);
	w.members[4].name = "e";
	ck_assert_int_eq(keyserver_configure(w.server, &other, w.now_ms, &error), 0);
	expect_all_read(0, 2);
}
END_TEST

static void
add_for_each_method(TCase *tc, const TTest *test)
{
	tcase_add_loop_test(tc, test, KEYMSG_STATIC, KEYMSG_SLOTTED + 1);
}

static TCase *
keyserver_tests(void)
{
	TCase *tc = tcase_create("keyserver");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	add_for_each_method(tc, keyserver_joins_members_with_one_key);
	add_for_each_method(tc, keyserver_tells_the_others_of_a_join_in_update_only);
	tcase_add_test(tc, keyserver_makes_one_change_of_many_joins);
	tcase_add_loop_test(
	    tc, keyserver_newcomer_cannot_read_the_past, KEYMSG_UPDATE, KEYMSG_SLOTTED + 1);
	add_for_each_method(tc, keyserver_joins_again);
	add_for_each_method(tc, keyserver_grants_no_more_time_than_allowed);
	add_for_each_method(tc, keyserver_refuses_who_may_not);
	add_for_each_method(tc, keyserver_is_not_made_to_fill_the_log);
	add_for_each_method(tc, keyserver_refuses_addresses_of_others);
	add_for_each_method(tc, keyserver_names_as_many_addresses_as_there_is_room_for);
	add_for_each_method(tc, keyserver_ignores_what_makes_no_sense);
	add_for_each_method(tc, keyserver_lets_members_leave);
	add_for_each_method(tc, keyserver_evicts_at_once);
	add_for_each_method(tc, keyserver_keeps_out_who_was_put_out);
	add_for_each_method(tc, keyserver_ends_membership_when_the_time_is_over);
	tcase_add_loop_test(tc, keyserver_closes_collusion_of_evicted_and_expired, 0, 2);
	tcase_add_test(tc, keyserver_closes_collusion_of_evicted_and_newcomer);
	tcase_add_test(tc, keyserver_renews_slotted_groups_each_day);
	tcase_add_loop_test(
	    tc, keyserver_tells_of_a_change_that_was_missed, KEYMSG_STATIC, KEYMSG_SLOTTED + 1);
	tcase_add_loop_test(
	    tc, keyserver_makes_one_change_of_many_who_leave, KEYMSG_UPDATE, KEYMSG_SLOTTED + 1);
	tcase_add_loop_test(
	    tc, keyserver_lists_the_networks_behind_others, KEYMSG_STATIC, KEYMSG_SLOTTED + 1);
	tcase_add_test(tc, keyserver_asking_for_less_time_takes_no_slots_back);
	add_for_each_method(tc, keyserver_renews_leases_of_members);
	add_for_each_method(tc, keyserver_helps_who_missed_a_change);
	add_for_each_method(tc, keyserver_tells_who_is_who);
	add_for_each_method(tc, keyserver_tells_by_what_and_how_long_somebody_is_known);
	add_for_each_method(tc, keyserver_finds_the_longest_prefix_of_those_who_are_in);
	add_for_each_method(tc, keyserver_tells_groups_apart);
	add_for_each_method(tc, keyserver_finds_sender_ids_that_are_in_use_alone);
	add_for_each_method(tc, keyserver_goes_on_after_a_restart);
	add_for_each_method(tc, keyserver_never_goes_back_in_time);
	add_for_each_method(tc, keyserver_remembers_what_time_it_was);
	tcase_add_test(tc, keyserver_ends_membership_when_the_clock_is_set);
	add_for_each_method(tc, keyserver_time_runs_on_when_the_clock_is_set_back);
	add_for_each_method(tc, keyserver_evicts_who_is_not_in_the_settings_any_more);
	tcase_add_test(tc, keyserver_puts_out_who_has_another_key);
	tcase_add_test(tc, keyserver_puts_out_who_got_another_key_while_it_was_away);
	tcase_add_test(tc, keyserver_evicts_who_has_left);
	tcase_add_test(tc, keyserver_keeps_the_method_of_a_group);
	tcase_add_test(tc, keyserver_makes_no_group_of_settings_that_are_refused);
	add_for_each_method(tc, keyserver_notices_that_its_store_is_an_old_one);
	add_for_each_method(tc, keyserver_refuses_keys_that_do_not_fit);
	tcase_add_test(tc, keyserver_refuses_two_of_one_name);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("keyserver");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, keyserver_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
