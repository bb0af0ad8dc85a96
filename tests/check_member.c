/*
 * Members and their key server, in virtual time, over a broker that may lose, hold back or forge
 * what they say to each other.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "member_world.h"
#include "util.h"

#define MEMBERS MEMBER_WORLD_MAX
#define MINUTE 60000
#define LEASE_S KEYSERVER_WORLD_LEASE_S

static struct member_world world;

static void
start_server(void)
{
	keyserver_world_start(&world.ks);
}

static void
stop_server(void)
{
	keyserver_world_stop(&world.ks);
}

static void
pass(uint64_t ms)
{
	keyserver_world_pass(&world.ks, ms);
}

static void
setup(void)
{
	member_world_open(&world);
}

static void
teardown(void)
{
	member_world_close(&world);
}

static void
begin(enum keymsg_method method)
{
	world.ks.groups[0].method = method;
	start_server();
}

static void
join_all(void)
{
	member_world_join_all(&world);
}

static bool
can_send(size_t i, uint32_t *epoch, uint32_t *slot, uint8_t key[AEAD_KEY_LEN])
{
	return member_world_can_send(&world, i, epoch, slot, key);
}

static bool
can_read(size_t reader, size_t sender)
{
	return member_world_can_read(&world, reader, sender);
}

static void
expect_all_read(void)
{
	member_world_expect_all_read(&world);
}

START_TEST(member_joins_and_has_the_keys_of_the_others)
{
	begin(_i);
	join_all();
	expect_all_read();
	ck_assert_uint_eq(member_time(world.sides[0].m, world.ks.now_ms), world.ks.wall_ms);
	ck_assert_uint_ne(member_sender(world.sides[0].m), member_sender(world.sides[1].m));
}
END_TEST

/* Whatever gets lost on the way in is asked for again. */
START_TEST(member_joins_over_a_broker_that_loses)
{
	begin(_i);
	for (size_t i = 0; i < MEMBERS; i++)
		world.sides[i].to_lose = (unsigned int)(2 + i);
	for (size_t i = 0; i < MEMBERS; i++)
		member_join(world.sides[i].m, world.ks.now_ms);
	pass(120000);
	expect_all_read();
}
END_TEST

/* An hour of nothing: all leases are renewed, and with slots all have gone on. */
START_TEST(member_stays_for_hours)
{
	begin(_i);
	join_all();
	pass(60 * MINUTE);
	expect_all_read();
	for (size_t i = 0; i < MEMBERS; i++) {
		ck_assert_uint_eq(world.sides[i].joined, 1);
		ck_assert_uint_eq(world.sides[i].out, 0);
	}
}
END_TEST

/* Whoever renews its lease and whoever does so a little later have the same time, though the clock
 * of the server was set right meanwhile. */
START_TEST(member_stays_when_the_clock_of_the_server_is_set_back)
{
	begin(_i);
	join_all();
	world.ks.wall_ms -= 60 * MINUTE;
	for (unsigned int i = 0; i < 30; i++) {
		pass(MINUTE);
		expect_all_read();
	}
}
END_TEST

/* Each packet of a second before and after a change finds a key at all others. */
START_TEST(member_loses_nothing_at_a_change)
{
	begin(_i);
	join_all();
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	for (unsigned int i = 0; i < 300; i++) {
		expect_all_read();
		pass(10);
	}
}
END_TEST

START_TEST(member_recovers_from_a_lost_change_when_it_hears_of_it)
{
	begin(_i);
	join_all();
	world.sides[1].cut = true;
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	pass(8000);
	ck_assert(!can_read(1, 0));
	world.sides[1].cut = false;
	for (unsigned int i = 0; i < 100; i++)
		member_saw_ahead(world.sides[1].m, world.ks.now_ms);
	pass(5000);
	expect_all_read();
	/* And a change that follows on one that was missed tells it as well. */
	world.sides[2].cut = true;
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	ck_assert_uint_eq(keyserver_evict(world.ks.server, "home", "d", world.ks.now_ms), 1);
	world.sides[2].cut = false;
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	pass(8000);
	ck_assert(can_read(2, 0) && can_read(0, 2));
}
END_TEST

/* A broker that hides the change from one: it goes on at most until its lease is over, if its
 * renewals are hidden as well, and learns of the change by the first one that is not. */
START_TEST(member_with_a_suppressed_change_stops_when_its_lease_ends)
{
	uint8_t key[AEAD_KEY_LEN];
	uint32_t epoch, slot;

	begin(_i);
	join_all();
	world.sides[1].cut = true;
	world.sides[1].to_lose = 100000;
	ck_assert_uint_eq(keyserver_evict(world.ks.server, "home", "c", world.ks.now_ms), 1);
	pass(LEASE_S * 1000 - 10000);
	ck_assert(can_send(1, &epoch, &slot, key));
	pass(20000);
	ck_assert(!member_may_send(world.sides[1].m, world.ks.now_ms));
	world.sides[1].to_lose = 0;
	pass(2 * MINUTE);
	ck_assert(can_read(1, 0) && can_read(0, 1));
}
END_TEST

/* One that lets the renewals pass, but no keys. */
static void
lose_keys(void *arg, const char *name, const uint8_t *message, size_t len)
{
	if (message[0] != KEYMSG_JOINED || strcmp(name, "b") != 0)
		member_world_tell(arg, name, message, len);
}

START_TEST(member_gains_no_lease_while_it_misses_a_change)
{
	void (*send_all)(void *, const char *, const uint8_t *, size_t);

	begin(_i);
	join_all();
	stop_server();
	send_all = world.ks.callbacks.send;
	world.ks.callbacks.send = lose_keys;
	start_server();
	pass(LEASE_S * 1000);
	ck_assert(member_may_send(world.sides[1].m, world.ks.now_ms));
	world.sides[1].cut = true;
	ck_assert_uint_eq(keyserver_evict(world.ks.server, "home", "c", world.ks.now_ms), 1);
	pass(LEASE_S * 1000);
	ck_assert(!member_may_send(world.sides[1].m, world.ks.now_ms));
	stop_server();
	world.ks.callbacks.send = send_all;
	start_server();
	pass(2 * MINUTE);
	ck_assert(can_read(1, 0) && can_read(0, 1));
}
END_TEST

START_TEST(member_learns_of_a_missed_change_with_its_lease)
{
	begin(_i);
	join_all();
	world.sides[1].cut = true;
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	pass(LEASE_S * 1000 / MEMBER_LEASE_PARTS + 10000);
	expect_all_read();
}
END_TEST

/* A broker that brings the first question to the server, keeps the answer, and loses the rest. */
static struct {
	uint8_t answer[KEYMSG_MAX];
	size_t len;
	enum keymsg_type question; /* of this alone; 0: of all */
	bool open;		   /* all is as it should be */
} held;

static void
say_once(struct member_world *w, const char *name, const uint8_t *message, size_t len)
{
	bool other = held.question != 0 && message[0] != held.question;

	if (held.len == 0 || held.open || other)
		keyserver_receive(w->ks.server, name, message, len, w->ks.now_ms);
}

static void
hold(void *arg, const char *name, const uint8_t *message, size_t len)
{
	bool other = held.question != 0 && message[0] == KEYMSG_LEASE;

	if (held.open || other) {
		member_world_tell(arg, name, message, len);
		return;
	}
	memcpy(held.answer, message, len);
	held.len = len;
}

static void
join_and_hold_the_answer(enum keymsg_method method, uint64_t ms)
{
	memset(&held, 0, sizeof(held));
	world.say = say_once;
	world.ks.callbacks.send = hold;
	begin(method);
	member_join(world.sides[0].m, world.ks.now_ms);
	pass(ms);
	ck_assert_uint_gt(held.len, 0);
	ck_assert_uint_gt(world.asked, 5);
	ck_assert_int_eq(member_state(world.sides[0].m), MEMBER_JOINING);
	member_world_tell(&world, "a", held.answer, held.len);
	ck_assert_int_eq(member_state(world.sides[0].m), MEMBER_IN);
}

/* The lease is over when it would have been. */
START_TEST(member_gains_no_lease_from_an_answer_that_was_held_back)
{
	join_and_hold_the_answer(_i, 10 * MINUTE);
	ck_assert(member_may_send(world.sides[0].m, world.ks.now_ms));
	ck_assert_uint_ge(member_time(world.sides[0].m, world.ks.now_ms), world.ks.wall_ms);
	pass(LEASE_S * 1000 - 10 * MINUTE - 10000);
	ck_assert(member_may_send(world.sides[0].m, world.ks.now_ms));
	pass(10000);
	ck_assert(!member_may_send(world.sides[0].m, world.ks.now_ms));
}
END_TEST

/* Nor has it to wait for the next renewal when the way was closed for long, and is not any more. */
START_TEST(member_renews_a_lease_that_was_long_on_its_way)
{
	join_and_hold_the_answer(_i, LEASE_S * 1000 + MINUTE);
	ck_assert(!member_may_send(world.sides[0].m, world.ks.now_ms));
	held.open = true;
	pass(1000);
	ck_assert(member_may_send(world.sides[0].m, world.ks.now_ms));
	ck_assert_uint_eq(member_time(world.sides[0].m, world.ks.now_ms), world.ks.wall_ms);
	pass(LEASE_S * 1000 - MINUTE);
	ck_assert(member_may_send(world.sides[0].m, world.ks.now_ms));
}
END_TEST

/* Each renewal has a number of its own: the answer to one that is older than the last few is none.
 */
START_TEST(member_takes_no_lease_for_another_question)
{
	memset(&held, 0, sizeof(held));
	held.open = true;
	world.ks.callbacks.send = hold;
	begin(_i);
	join_all();
	held.open = false;
	held.len = 0;
	world.say = say_once;
	pass(LEASE_S * 1000 / MEMBER_LEASE_PARTS + 3 * MINUTE);
	ck_assert_uint_gt(held.len, 0);
	for (size_t i = 0; i < MEMBERS; i++)
		member_world_tell(&world, world.sides[i].name, held.answer, held.len);
	pass(LEASE_S * 1000 * (MEMBER_LEASE_PARTS - 1) / MEMBER_LEASE_PARTS - 3 * MINUTE);
	for (size_t i = 0; i < MEMBERS; i++)
		ck_assert(!member_may_send(world.sides[i].m, world.ks.now_ms));
}
END_TEST

/* A broker that takes its time, the same each way. */
#define SLOW_MS 1300
#define SLOW_MAX 64

static struct slow {
	uint64_t due_ms;
	bool is_told;
	char name[8];
	uint8_t message[KEYMSG_MAX];
	size_t len;
} slow[SLOW_MAX];
static size_t slow_count;

static void
delay(const char *name, const uint8_t *message, size_t len, bool is_told)
{
	struct slow *s = &slow[slow_count];

	ck_assert_uint_lt(slow_count++, SLOW_MAX);
	s->due_ms = world.ks.now_ms + SLOW_MS;
	s->is_told = is_told;
	s->len = len;
	snprintf(s->name, sizeof(s->name), "%s", name);
	memcpy(s->message, message, len);
}

static void
say_slowly(struct member_world *w, const char *name, const uint8_t *message, size_t len)
{
	delay(name, message, len, false);
}

static void
tell_slowly(void *arg, const char *name, const uint8_t *message, size_t len)
{
	delay(name, message, len, true);
}

static void
deliver_first(void)
{
	struct slow s = slow[0];

	memmove(&slow[0], &slow[1], --slow_count * sizeof(slow[0]));
	if (s.is_told)
		member_world_tell(&world, s.name, s.message, s.len);
	else
		keyserver_receive(world.ks.server, s.name, s.message, s.len, world.ks.now_ms);
}

static void
pass_slowly(uint64_t ms)
{
	uint64_t end = world.ks.now_ms + ms;

	while (world.ks.now_ms < end) {
		pass(KEYSERVER_WORLD_STEP_MS);
		while (slow_count > 0 && slow[0].due_ms <= world.ks.now_ms)
			deliver_first();
	}
}

/* All join, and can read each other for a hundred seconds from then on. */
static void
all_read_slowly(int method)
{
	slow_count = 0;
	world.say = say_slowly;
	world.ks.callbacks.send = tell_slowly;
	begin(method);
	for (size_t i = 0; i < MEMBERS; i++)
		member_join(world.sides[i].m, world.ks.now_ms);
	pass_slowly(10000);
	for (unsigned int i = 0; i < 1000; i++) {
		pass_slowly(100);
		expect_all_read();
	}
}

/* Longer than until a renewal is asked for again. */
START_TEST(member_renews_a_short_lease_over_a_slow_broker)
{
	world.ks.groups[0].lease_s = 10;
	all_read_slowly(_i);
	/* It is not told, but by what its renewals are answered with. */
	world.sides[0].cut = true;
	ck_assert_uint_eq(keyserver_evict(world.ks.server, "home", "a", world.ks.now_ms), 1);
	ck_assert_int_eq(slow[--slow_count].message[0], KEYMSG_EVICTED);
	pass_slowly(10000);
	ck_assert_int_eq(member_state(world.sides[0].m), MEMBER_JOINING);
	ck_assert_str_eq(world.sides[0].reason, "put out by the administrator");
}
END_TEST

START_TEST(member_with_little_time_joins_again_over_a_slow_broker)
{
	world.ks.members[0].longest_s = 20;
	all_read_slowly(_i);
	ck_assert_uint_ge(world.sides[0].joined, 5);
	ck_assert_uint_eq(world.sides[0].out, 0);
	ck_assert_uint_eq(world.sides[0].fresh, 1);
}
END_TEST

/* What was asked long ago does not shorten what has been renewed since. */
START_TEST(member_keeps_the_longer_lease)
{
	memset(&held, 0, sizeof(held));
	held.open = true;
	held.question = KEYMSG_CATCH_UP;
	world.say = say_once;
	world.ks.callbacks.send = hold;
	begin(_i);
	join_all();
	held.open = false;
	held.len = 0;
	member_saw_ahead(world.sides[0].m, world.ks.now_ms);
	pass(LEASE_S * 1000 - MINUTE);
	ck_assert_uint_gt(held.len, 0);
	member_world_tell(&world, "a", held.answer, held.len);
	/* Nor does it set the clock back, and with it the slot to one of somebody whose time is
	 * over. */
	ck_assert_uint_eq(member_time(world.sides[0].m, world.ks.now_ms), world.ks.wall_ms);
	held.question = 0; /* from now on nothing passes */
	pass(2 * MINUTE);
	ck_assert(member_may_send(world.sides[0].m, world.ks.now_ms));
}
END_TEST

/* The path of an answer that a change has overtaken would make a wrong key of the next change, and
 * none to notice it by. */
START_TEST(member_takes_no_path_of_before_a_change)
{
	memset(&held, 0, sizeof(held));
	held.open = true;
	held.question = KEYMSG_CATCH_UP;
	world.say = say_once;
	world.ks.callbacks.send = hold;
	begin(_i);
	join_all();
	held.open = false;
	held.len = 0;
	member_saw_ahead(world.sides[0].m, world.ks.now_ms);
	ck_assert_uint_gt(held.len, 0);
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	held.open = true;
	member_world_tell(&world, "a", held.answer, held.len);
	pass(2000);
	expect_all_read();
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	pass(8000);
	expect_all_read();
	pass(MINUTE);
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	pass(8000);
	expect_all_read();
}
END_TEST

/* Each has counted from 0 under the id that it got: one of both would use keys and counters twice.
 */
START_TEST(member_takes_no_id_of_another_with_its_key)
{
	struct member_side *one = &world.sides[0], *other = &world.sides[1];
	const struct member_params params = {.wheel = world.ks.wheel, .group = "home"};
	uint32_t id;

	begin(_i);
	join_all();
	other->name = one->name;
	member_world_renew(other, &params);
	member_join(other->m, world.ks.now_ms);
	pass(5000);
	id = member_sender(other->m);
	ck_assert_uint_ne(id, 0);
	ck_assert_uint_ne(member_sender(one->m), id);
	member_saw_ahead(one->m, world.ks.now_ms);
	ck_assert_uint_ne(member_sender(one->m), id);
	ck_assert_str_eq(one->reason, "another node has joined with our private key");
	pass(5000);
	ck_assert_int_eq(member_state(one->m), MEMBER_IN);
	ck_assert_uint_ne(member_sender(one->m), id);
	ck_assert_uint_eq(member_sender(other->m), id);
}
END_TEST

/* The broker brings a join a second time, when it has got another id: nobody could find it. */
START_TEST(member_does_not_go_on_under_an_id_that_is_not_its_own_any_more)
{
	struct keymsg k = {.type = KEYMSG_JOIN,
	    .request = 12345,
	    .has = KEYMSG_HAS(KEYMSG_GROUP) | KEYMSG_HAS(KEYMSG_WANTED),
	    .group = "home"};
	uint8_t message[KEYMSG_MAX];
	size_t len = keymsg_write(&k, message, sizeof(message));

	begin(_i);
	join_all();
	keyserver_receive(world.ks.server, "a", message, len, world.ks.now_ms);
	pass(LEASE_S * 1000 / MEMBER_LEASE_PARTS + 10000);
	ck_assert_uint_eq(world.sides[0].fresh, 2);
	member_look_up(world.sides[1].m, NULL, member_sender(world.sides[0].m));
	ck_assert_int_eq(world.sides[1].entry.type, KEYMSG_ENTRY);
	expect_all_read();
}
END_TEST

/* Its epochs and sender ids come again: with the keys of before they would be used twice. */
START_TEST(member_takes_no_numbers_of_another_server_to_the_keys_that_it_has)
{
	begin(_i);
	join_all();
	stop_server();
	unlink(world.ks.file);
	world.epoch_count = world.sender_count = 0;
	start_server();
	for (size_t i = 0; i < MEMBERS; i++) {
		world.sides[i].cut = true; /* the keys of before are not all gone yet */
		member_join(world.sides[i].m, world.ks.now_ms);
	}
	pass(10000);
	for (size_t i = 0; i < MEMBERS; i++) {
		world.sides[i].cut = false;
		ck_assert_uint_eq(world.sides[i].out, 1);
		ck_assert_int_eq(member_state(world.sides[i].m), MEMBER_IN);
	}
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	pass(8000);
	expect_all_read();
}
END_TEST

START_TEST(member_lives_on_for_its_lease_without_the_server)
{
	begin(_i);
	join_all();
	stop_server();
	pass(LEASE_S * 1000 * 3 / 5);
	expect_all_read();
	pass(LEASE_S * 1000 / 2);
	ck_assert(!member_may_send(world.sides[0].m, world.ks.now_ms));
	start_server();
	pass(3 * MINUTE);
	expect_all_read();
	ck_assert_uint_eq(world.sides[0].out, 0);
}
END_TEST

START_TEST(member_joins_again_before_its_time_is_over)
{
	world.ks.members[0].longest_s = 3600;
	begin(_i);
	join_all();
	pass(5 * 60 * MINUTE);
	expect_all_read();
	ck_assert_uint_ge(world.sides[0].joined, 5);
	ck_assert_uint_eq(world.sides[0].out, 0);
	ck_assert_uint_eq(world.sides[0].fresh, 1);
}
END_TEST

START_TEST(member_leaves)
{
	begin(_i);
	join_all();
	member_leave(world.sides[2].m, world.ks.now_ms);
	pass(5000);
	ck_assert_int_eq(member_state(world.sides[2].m), MEMBER_OUT);
	ck_assert_str_eq(world.sides[2].reason, "left");
	ck_assert(!member_may_send(world.sides[2].m, world.ks.now_ms));
	ck_assert(!can_read(2, 0));
	world.asked = 0;
	member_retry(world.sides[2].m, world.ks.now_ms);
	pass(10 * MINUTE);
	ck_assert(can_read(0, 1));
	member_join(world.sides[2].m, world.ks.now_ms);
	pass(5000);
	expect_all_read();
}
END_TEST

START_TEST(member_is_told_that_it_was_put_out)
{
	begin(_i);
	join_all();
	ck_assert_uint_eq(keyserver_evict(world.ks.server, NULL, "c", world.ks.now_ms), 1);
	ck_assert_int_eq(member_state(world.sides[2].m), MEMBER_OUT);
	ck_assert_str_eq(world.sides[2].reason, "evicted");
	pass(30 * MINUTE); /* and does not come back by itself */
	ck_assert_int_eq(member_state(world.sides[2].m), MEMBER_OUT);
	ck_assert(!can_read(2, 0));
}
END_TEST

START_TEST(member_that_is_refused_keeps_asking_but_seldom)
{
	world.ks.settings.member_count = 3;
	begin(_i);
	member_join(world.sides[3].m, world.ks.now_ms);
	pass(10 * MINUTE);
	ck_assert_int_eq(member_state(world.sides[3].m), MEMBER_JOINING);
	ck_assert_str_eq(world.sides[3].reason, "not allowed");
	ck_assert_uint_le(world.asked, 40);
	ck_assert_uint_ge(world.asked, 10);
}
END_TEST

START_TEST(member_asks_who_is_who)
{
	struct addr a;

	begin(_i);
	join_all();
	ck_assert_int_eq(addr_parse("10.0.1.2", &a), 0);
	member_look_up(world.sides[0].m, &a, 0);
	ck_assert_int_eq(world.sides[0].entry.type, KEYMSG_ENTRY);
	ck_assert_str_eq(world.sides[0].entry.name, "b");
	member_look_up(world.sides[0].m, NULL, 9999);
	ck_assert_int_eq(world.sides[0].entry.type, KEYMSG_REFUSED);
	ck_assert_uint_eq(world.sides[0].entries, 2);
	ck_assert_int_eq(member_state(world.sides[0].m), MEMBER_IN);
}
END_TEST

/* What is left of the members of a server that was restored: "c" was put out after the backup, "d"
 * before it. */
static void
restore(void)
{
	char *error;

	join_all();
	ck_assert_uint_eq(keyserver_evict(world.ks.server, NULL, "d", world.ks.now_ms), 1);
	stop_server();
	keyserver_world_back_up(&world.ks);
	start_server();
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
		member_join(world.sides[i].m, world.ks.now_ms);
		pass(3000);
	}
	ck_assert_uint_eq(keyserver_evict(world.ks.server, NULL, "c", world.ks.now_ms), 1);
	pass(3000);
	stop_server();
	keyserver_world_restore(&world.ks);
	start_server();
	ck_assert_int_eq(keyserver_recover(world.ks.server, world.ks.now_ms, &error), 0);
}

START_TEST(member_joins_a_recovered_server_by_itself)
{
	struct groupkey lost;
	uint8_t key[AEAD_KEY_LEN], sent[AEAD_KEY_LEN];
	uint32_t epoch, slot, sender, newest;

	begin(_i);
	join_all();
	lost = *member_keys(world.sides[2].m);
	restore();
	sender = member_sender(world.sides[0].m);
	newest = groupkey_newest(member_keys(world.sides[0].m));
	pass(10000);
	ck_assert(can_read(0, 1) && can_read(1, 0));
	ck_assert_uint_gt(member_sender(world.sides[0].m), sender);
	ck_assert_uint_gt(groupkey_newest(member_keys(world.sides[0].m)), newest + 1000);
	ck_assert(can_send(0, &epoch, &slot, sent));
	ck_assert_int_ne(groupkey_traffic(&lost, epoch, slot, world.ks.wall_ms, key), 0);
	/* And there they stay. */
	pass(60 * MINUTE);
	ck_assert(can_read(0, 1) && can_read(1, 0));
	ck_assert_uint_eq(world.sides[0].out, 1);
}
END_TEST

/* Also those who hear nothing of it: from the renewal of their lease. */
START_TEST(member_misses_that_the_server_was_recovered)
{
	begin(_i);
	world.sides[0].cut = world.sides[1].cut = true;
	restore();
	pass(5000);
	world.sides[0].cut = world.sides[1].cut = false;
	ck_assert_uint_eq(world.sides[0].out + world.sides[1].out, 0);
	pass(LEASE_S * 1000 / MEMBER_LEASE_PARTS + 10000);
	ck_assert(can_read(0, 1) && can_read(1, 0));
}
END_TEST

START_TEST(member_who_was_put_out_after_the_backup_must_be_put_out_again)
{
	begin(_i);
	restore();
	pass(10000);
	ck_assert_int_eq(member_state(world.sides[2].m), MEMBER_OUT);
	member_join(world.sides[2].m, world.ks.now_ms);
	member_join(world.sides[3].m, world.ks.now_ms);
	pass(5000);
	ck_assert(can_read(2, 0));
	ck_assert_int_eq(member_state(world.sides[3].m), MEMBER_JOINING);
	ck_assert_str_eq(world.sides[3].reason, "put out by the administrator");
	ck_assert_uint_eq(keyserver_evict(world.ks.server, NULL, "c", world.ks.now_ms), 1);
	ck_assert(!can_read(2, 0) && can_read(1, 0));
	member_join(world.sides[2].m, world.ks.now_ms);
	pass(5000);
	ck_assert_int_eq(member_state(world.sides[2].m), MEMBER_JOINING);
}
END_TEST

/* Again and again, but not for ever. */
START_TEST(member_joins_after_each_recovery)
{
	char *error;

	begin(_i);
	join_all();
	for (unsigned int i = 0; i < 3; i++) {
		stop_server();
		start_server();
		ck_assert_int_eq(keyserver_recover(world.ks.server, world.ks.now_ms, &error), 0);
		pass(10000);
		expect_all_read();
	}
	for (unsigned int i = 3; i < 254; i++)
		ck_assert_int_eq(keyserver_recover(world.ks.server, world.ks.now_ms, &error), 0);
	pass(10000);
	expect_all_read();
	ck_assert_int_eq(keyserver_recover(world.ks.server, world.ks.now_ms, &error), -1);
	ck_assert_str_eq(
	    error, "group home: its epochs are used up: choose another name for a new group");
	free(error);
	pass(10000);
	expect_all_read();
}
END_TEST

/* What it was started with is what the others hear of it. */
START_TEST(member_tells_by_what_it_is_known)
{
	uint8_t key[AEAD_KEY_LEN] = {7, 8, 9};
	struct prefix own[] = {world.ks.prefixes[1], world.ks.prefixes[2]};
	struct member_params params = {.wheel = world.ks.wheel,
	    .group = "home",
	    .verify_key = key,
	    .prefixes = own,
	    .prefix_count = 2};

	member_world_renew(&world.sides[1], &params);
	memset(key, 0, sizeof(key));
	memset(own, 0, sizeof(own));
	begin(_i);
	member_join(world.sides[1].m, world.ks.now_ms);
	pass(5000);
	ck_assert_int_eq(member_state(world.sides[1].m), MEMBER_JOINING);
	ck_assert_str_eq(world.sides[1].reason,
	    "address 10.0.1.3 is not one of this member's: allowed are 10.0.1.2");
	world.ks.members[1].prefixes = world.ks.prefixes;
	world.ks.members[1].prefix_count = 3;
	stop_server();
	start_server();
	join_all();
	member_look_up(world.sides[0].m, NULL, member_sender(world.sides[1].m));
	ck_assert_int_eq(world.sides[0].entry.type, KEYMSG_ENTRY);
	ck_assert((world.sides[0].entry.has & KEYMSG_HAS(KEYMSG_VERIFY_KEY)) != 0);
	ck_assert_uint_eq(world.sides[0].entry.verify_key[2], 9);
	member_look_up(world.sides[0].m, NULL, member_sender(world.sides[2].m));
	ck_assert((world.sides[0].entry.has & KEYMSG_HAS(KEYMSG_VERIFY_KEY)) == 0);
}
END_TEST

/* Old answers, answers to others, and none of this world.ks.server's signatures. */
START_TEST(member_takes_nothing_that_it_did_not_ask_for)
{
	struct keymsg k = {.type = KEYMSG_JOINED,
	    .request = 1,
	    .has = KEYMSG_HAS(KEYMSG_GROUP) | KEYMSG_HAS(KEYMSG_METHOD) |
		   KEYMSG_HAS(KEYMSG_SENDER) | KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_LEAF) |
		   KEYMSG_HAS(KEYMSG_PATH) | KEYMSG_HAS(KEYMSG_GRANTED) |
		   KEYMSG_HAS(KEYMSG_LEASE_TIME) | KEYMSG_HAS(KEYMSG_TIME) |
		   KEYMSG_HAS(KEYMSG_SERVER_KEY),
	    .group = "home",
	    .method = KEYMSG_STATIC,
	    .epoch = 1000,
	    .path.height = 1};
	uint8_t message[KEYMSG_MAX];
	size_t len = keymsg_write(&k, message, sizeof(message));

	begin(_i);
	ck_assert_uint_gt(len, 0);
	member_receive(world.sides[0].m, message, len, world.ks.now_ms);
	ck_assert_int_eq(member_state(world.sides[0].m), MEMBER_OUT);
	join_all();
	member_receive(world.sides[0].m, message, len, world.ks.now_ms);
	for (size_t cut = 0; cut < len; cut++)
		member_receive(world.sides[0].m, message, cut, world.ks.now_ms);
	member_follow(world.sides[0].m, message, len, world.ks.now_ms);
	expect_all_read();
}
END_TEST

static void
add_for_each_method(TCase *tc, const TTest *test)
{
	tcase_add_loop_test(tc, test, KEYMSG_STATIC, KEYMSG_SLOTTED + 1);
}

static TCase *
member_tests(void)
{
	TCase *tc = tcase_create("member");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	add_for_each_method(tc, member_joins_and_has_the_keys_of_the_others);
	add_for_each_method(tc, member_joins_over_a_broker_that_loses);
	add_for_each_method(tc, member_stays_for_hours);
	add_for_each_method(tc, member_stays_when_the_clock_of_the_server_is_set_back);
	add_for_each_method(tc, member_loses_nothing_at_a_change);
	add_for_each_method(tc, member_recovers_from_a_lost_change_when_it_hears_of_it);
	add_for_each_method(tc, member_with_a_suppressed_change_stops_when_its_lease_ends);
	add_for_each_method(tc, member_gains_no_lease_while_it_misses_a_change);
	add_for_each_method(tc, member_learns_of_a_missed_change_with_its_lease);
	add_for_each_method(tc, member_gains_no_lease_from_an_answer_that_was_held_back);
	add_for_each_method(tc, member_renews_a_lease_that_was_long_on_its_way);
	add_for_each_method(tc, member_takes_no_lease_for_another_question);
	add_for_each_method(tc, member_renews_a_short_lease_over_a_slow_broker);
	add_for_each_method(tc, member_with_little_time_joins_again_over_a_slow_broker);
	add_for_each_method(tc, member_keeps_the_longer_lease);
	add_for_each_method(tc, member_takes_no_path_of_before_a_change);
	add_for_each_method(tc, member_takes_no_id_of_another_with_its_key);
	add_for_each_method(tc, member_does_not_go_on_under_an_id_that_is_not_its_own_any_more);
	add_for_each_method(tc, member_takes_no_numbers_of_another_server_to_the_keys_that_it_has);
	add_for_each_method(tc, member_lives_on_for_its_lease_without_the_server);
	add_for_each_method(tc, member_joins_again_before_its_time_is_over);
	add_for_each_method(tc, member_leaves);
	add_for_each_method(tc, member_is_told_that_it_was_put_out);
	add_for_each_method(tc, member_that_is_refused_keeps_asking_but_seldom);
	add_for_each_method(tc, member_asks_who_is_who);
	add_for_each_method(tc, member_joins_a_recovered_server_by_itself);
	add_for_each_method(tc, member_misses_that_the_server_was_recovered);
	add_for_each_method(tc, member_who_was_put_out_after_the_backup_must_be_put_out_again);
	add_for_each_method(tc, member_joins_after_each_recovery);
	add_for_each_method(tc, member_tells_by_what_it_is_known);
	add_for_each_method(tc, member_takes_nothing_that_it_did_not_ask_for);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("member");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, member_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
