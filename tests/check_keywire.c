/*
 * Tests of keywire: a server and two members around a broker that can lose, keep and change what
 * passes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keywire.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "link.h"
#include "stats.h"
#include "util.h"
#include "wheel.h"

#define QUEUE_MAX 256
#define ENDS 3 /* the server, then the members */

struct end {
	struct keywire *wire;
	struct network network;
	struct stats stats;
	uint8_t secret[AEAD_KEY_LEN];
	/* what was heard */
	unsigned int received, ready, told, probes;
	uint8_t from[AEAD_KEY_LEN];
	char text[KEYWIRE_MESSAGE_MAX + 1];
};

struct message {
	char topic[NETWORK_TOPIC_MAX];
	uint8_t bytes[KEYWIRE_MESSAGE_MAX + 256];
	size_t len;
};

static struct world {
	struct wheel *wheel;
	uint64_t now_ms;
	struct end ends[ENDS];
	bool strangers[ENDS]; /* whom the server does not know */
	struct message queue[QUEUE_MAX];
	size_t count, passed;
	bool cut;  /* nothing is passed on */
	bool full; /* nor taken from the server */
} world;

static struct end *const server = &world.ends[0], *const alice = &world.ends[1],
			 *const bob = &world.ends[2];

static int
on_publish(void *arg, const char *topic, const void *message, size_t len)
{
	struct message *m = &world.queue[world.count];

	if (world.cut) {
		errno = ENOTCONN;
		return -1;
	}
	ck_assert_uint_lt(world.count++, QUEUE_MAX);
	snprintf(m->topic, sizeof(m->topic), "%s", topic);
	ck_assert_uint_le(len, sizeof(m->bytes));
	memcpy(m->bytes, message, len);
	m->len = len;
	return 0;
}

static bool
on_knows(void *arg, const uint8_t public_key[AEAD_KEY_LEN])
{
	for (size_t i = 1; i < ENDS; i++)
		if (memcmp(world.ends[i].network.public_key, public_key, AEAD_KEY_LEN) == 0)
			return !world.strangers[i];
	return false;
}

static bool
on_can_answer(void *arg)
{
	ck_assert_ptr_eq(arg, server);
	return !world.full;
}

static void
on_receive(void *arg, const uint8_t public_key[AEAD_KEY_LEN], const uint8_t *message, size_t len,
    uint64_t now_ms)
{
	struct end *e = arg;

	e->received++;
	memcpy(e->from, public_key, AEAD_KEY_LEN);
	memcpy(e->text, message, len);
	e->text[len] = '\0';
}

static void
on_ready(void *arg, uint64_t now_ms)
{
	struct end *e = arg;

	e->ready++;
}

static void
on_told(void *arg, const uint8_t *message, size_t len, uint64_t now_ms)
{
	struct end *e = arg;

	e->told++;
}

static void
on_probe(void *arg, const uint8_t token[NOTICE_TOKEN_LEN])
{
	struct end *e = arg;

	e->probes += token[0] == 'x';
}

static uint64_t
on_clock(void *arg)
{
	return world.now_ms * 1000;
}

static void
start(struct end *e)
{
	struct keywire_params p = {
	    .network = &e->network,
	    .wheel = world.wheel,
	    .stats = &e->stats,
	    .name = "test",
	    .server_key = e != server ? server->network.public_key : NULL,
	    .group = "cats",
	    .rekey_ms = 120 * 1000,
	};
	struct keywire_callbacks cb = {
	    .publish = on_publish,
	    .knows = on_knows,
	    .can_answer = on_can_answer,
	    .receive = on_receive,
	    .ready = on_ready,
	    .told = on_told,
	    .probe = on_probe,
	    .clock_us = on_clock,
	    .arg = e,
	};

	e->wire = keywire_new(&p, &cb);
	ck_assert_ptr_nonnull(e->wire);
}

static void
set_up(void)
{
	static const char *const prefix = "mqttip";

	memset(&world, 0, sizeof(world));
	ck_assert_int_eq(aead_init(), 0);
	world.now_ms = 1000 * 1000;
	world.wheel = wheel_new(world.now_ms, NULL, NULL);
	for (size_t i = 0; i < ENDS; i++) {
		struct end *e = &world.ends[i];
		struct network_params p = {.mode = NETWORK_PUBKEY,
		    .name = "home",
		    .prefix = prefix,
		    .control = true,
		    .private_key = e->secret};

		aead_random(e->secret, sizeof(e->secret));
		network_init(&e->network, &p);
	}
	for (size_t i = 0; i < ENDS; i++)
		start(&world.ends[i]);
}

static void
tear_down(void)
{
	for (size_t i = 0; i < ENDS; i++)
		keywire_free(world.ends[i].wire);
	wheel_free(world.wheel);
}

/* As a broker does: the last level may be a '+'. */
static bool
matches(const char *filter, const char *topic)
{
	size_t len = strlen(filter);

	if (filter[len - 1] == '+')
		return strncmp(filter, topic, len - 1) == 0 && strchr(topic + len - 1, '/') == NULL;
	return strcmp(filter, topic) == 0;
}

static void
pass_to(struct end *e, const struct message *m, bool retain, int qos)
{
	struct link_message l = {m->topic, m->bytes, m->len, qos, retain};
	char filter[NETWORK_TOPIC_MAX];

	for (size_t i = 0; keywire_topic(e->wire, i, filter) != NULL; i++)
		if (matches(filter, m->topic))
			ck_assert(keywire_receive(e->wire, &l, world.now_ms));
}

/* All that is on the way, and what that causes. */
static void
pass(void)
{
	while (world.passed < world.count) {
		const struct message *m = &world.queue[world.passed++];

		for (size_t i = 0; i < ENDS; i++)
			pass_to(&world.ends[i], m, false, 0);
	}
}

static void
wait_ms(uint64_t ms)
{
	for (uint64_t end = world.now_ms + ms; world.now_ms < end; world.now_ms += 100) {
		wheel_run(world.wheel, world.now_ms);
		pass();
	}
}

static int
say(struct end *from, const struct end *to, const char *text)
{
	return keywire_send(from->wire, to->network.public_key, text, strlen(text), world.now_ms);
}

/* A session between the member and the server. */
static void
meet(struct end *member)
{
	unsigned int before = member->ready;

	ck_assert_int_eq(say(member, server, "hello"), -1);
	ck_assert_int_eq(errno, ENOTCONN);
	pass();
	ck_assert_uint_eq(member->ready, before + 1);
}

START_TEST(member_and_server_know_each_other_by_their_keys)
{
	meet(alice);
	ck_assert_uint_eq(server->received, 0);
	ck_assert_int_eq(say(alice, server, "join"), 0);
	pass();
	ck_assert_uint_eq(server->received, 1);
	ck_assert_str_eq(server->text, "join");
	ck_assert_mem_eq(server->from, alice->network.public_key, AEAD_KEY_LEN);
	ck_assert_int_eq(say(server, alice, "joined"), 0);
	pass();
	ck_assert_str_eq(alice->text, "joined");
	ck_assert_mem_eq(alice->from, server->network.public_key, AEAD_KEY_LEN);
	ck_assert_uint_eq(bob->received, 0);
}
END_TEST

START_TEST(each_member_has_a_session_of_its_own)
{
	meet(alice);
	meet(bob);
	say(alice, server, "I am alice");
	say(bob, server, "I am bob");
	pass();
	ck_assert_str_eq(server->text, "I am bob");
	ck_assert_mem_eq(server->from, bob->network.public_key, AEAD_KEY_LEN);
	say(server, alice, "for alice");
	pass();
	ck_assert_str_eq(alice->text, "for alice");
	ck_assert_uint_eq(bob->received, 0);
}
END_TEST

START_TEST(whom_the_server_does_not_know_gets_no_session)
{
	world.strangers[1] = true;
	ck_assert_int_eq(say(alice, server, "hello"), -1);
	pass();
	ck_assert_uint_eq(alice->ready, 0);
	ck_assert_uint_eq(server->stats.value[STAT_HANDSHAKES_ANSWERED], 0);
	ck_assert_uint_eq(server->stats.value[STAT_RX_DROP_HANDSHAKE], 1);
}
END_TEST

START_TEST(server_begins_no_session)
{
	ck_assert_int_eq(say(server, alice, "hello"), -1);
	ck_assert_int_eq(errno, ENOTCONN);
	ck_assert_uint_eq(world.count, 0);
}
END_TEST

START_TEST(session_is_found_again_after_the_server_was_started_anew)
{
	meet(alice);
	say(alice, server, "join");
	pass();
	keywire_free(server->wire);
	start(server);
	wait_ms(2000);
	say(alice, server, "lost");
	pass();
	ck_assert_uint_eq(server->received, 1);
	ck_assert_uint_eq(alice->ready, 2); /* at once: it was told */
	say(alice, server, "again");
	pass();
	ck_assert_str_eq(server->text, "again");
}
END_TEST

START_TEST(handshake_that_was_lost_is_tried_again)
{
	world.cut = true;
	say(alice, server, "hello");
	world.cut = false;
	pass();
	ck_assert_uint_eq(alice->ready, 0);
	keywire_up(alice->wire, world.now_ms);
	pass();
	ck_assert_uint_eq(alice->ready, 1);
}
END_TEST

START_TEST(session_is_renewed_while_it_is_used)
{
	meet(alice);
	for (unsigned int i = 0; i < 100; i++) {
		say(alice, server, "still here");
		wait_ms(10000);
	}
	ck_assert_uint_eq(server->received, 100);
	ck_assert_uint_gt(alice->ready, 5);
}
END_TEST

START_TEST(what_all_are_told_counts_only_from_the_servers_topic)
{
	static const uint8_t rekey[] = {0x91, 0x31, 0, 0, 1, 2, 3};
	struct message forged;

	ck_assert_int_eq(keywire_tell(server->wire, "cats", rekey, sizeof(rekey)), 0);
	pass();
	ck_assert_uint_eq(alice->told, 1);
	ck_assert_uint_eq(bob->told, 1);
	keywire_tell(server->wire, "dogs", rekey, sizeof(rekey));
	pass();
	ck_assert_uint_eq(alice->told, 1);
	forged = world.queue[0];
	memcpy(strrchr(forged.topic, '/') + 1, "AAAAAAAAAAA", 11);
	pass_to(alice, &forged, false, 0);
	ck_assert_uint_eq(alice->told, 1);
}
END_TEST

START_TEST(what_is_retained_or_repeated_is_not_heard)
{
	struct message init, data;

	meet(alice);
	init = world.queue[0];
	say(alice, server, "once");
	data = world.queue[world.passed];
	pass();
	ck_assert_uint_eq(server->received, 1);
	pass_to(server, &data, false, 0);
	ck_assert_uint_eq(server->stats.value[STAT_RX_DROP_REPLAY], 1);
	pass_to(server, &init, false, 0);
	ck_assert_uint_eq(server->stats.value[STAT_RX_DROP_REPLAY], 2);
	say(alice, server, "twice");
	data = world.queue[world.passed];
	pass_to(server, &data, true, 0);
	pass_to(server, &data, false, 1);
	ck_assert_uint_eq(server->stats.value[STAT_RX_DROP_RETAINED], 1);
	ck_assert_uint_eq(server->stats.value[STAT_RX_DROP_QOS], 1);
	ck_assert_uint_eq(server->received, 1);
}
END_TEST

START_TEST(each_bit_of_a_message_counts)
{
	struct message whole, broken;

	meet(alice);
	say(alice, server, "carefully");
	whole = world.queue[world.passed];
	for (size_t i = 0; i < 8 * whole.len; i++) {
		broken = whole;
		broken.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		pass_to(server, &broken, false, 0);
	}
	for (size_t len = 0; len < whole.len; len++) {
		broken = whole;
		broken.len = len;
		pass_to(server, &broken, false, 0);
	}
	ck_assert_uint_eq(server->received, 0);
	pass();
	ck_assert_uint_eq(server->received, 1);
}
END_TEST

START_TEST(message_of_one_member_is_not_taken_from_the_topic_of_another)
{
	struct message moved;

	meet(alice);
	meet(bob);
	say(alice, server, "mine");
	moved = world.queue[world.passed];
	say(bob, server, "look at the topic");
	snprintf(moved.topic, sizeof(moved.topic), "%s", world.queue[world.passed + 1].topic);
	pass_to(server, &moved, false, 0);
	ck_assert_uint_eq(server->received, 0);
}
END_TEST

START_TEST(server_is_not_drowned_in_handshakes_of_one_sender)
{
	unsigned int before;

	for (unsigned int i = 0; i < 20; i++) {
		keywire_free(alice->wire);
		start(alice);
		say(alice, server, "hello");
	}
	before = (unsigned int)world.count;
	pass();
	ck_assert_uint_eq(before, 20);
	ck_assert_uint_eq(server->stats.value[STAT_HANDSHAKES_ANSWERED], 3);
	ck_assert_uint_eq(server->stats.value[STAT_RX_DROP_FLOOD], 17);
}
END_TEST

/* The others go on being heard, and it is again a little later. */
START_TEST(server_is_not_drowned_in_requests_of_one_member)
{
	meet(alice);
	meet(bob);
	server->received = 0;
	for (unsigned int i = 0; i < 10000; i++) {
		say(alice, server, "who is it?");
		if (world.count < QUEUE_MAX)
			continue;
		pass();
		world.count = world.passed = 0;
	}
	pass();
	ck_assert_uint_eq(server->received, 600);
	ck_assert_uint_eq(server->stats.value[STAT_RX_DROP_FLOOD], 9400);
	say(bob, server, "I am here");
	pass();
	ck_assert_str_eq(server->text, "I am here");
	wait_ms(1000);
	say(alice, server, "who is it?");
	pass();
	ck_assert_str_eq(server->text, "who is it?");
}
END_TEST

/* What is not answered is asked again; our own probe must come back in any case. */
START_TEST(server_whose_way_out_is_full_takes_nothing_but_its_probe)
{
	uint8_t token[NOTICE_TOKEN_LEN] = "x";

	meet(alice);
	say(alice, server, "hello");
	world.full = true;
	pass();
	say(bob, server, "hello");
	ck_assert_int_eq(keywire_probe(server->wire, token), 0);
	pass();
	ck_assert_uint_eq(server->stats.value[STAT_RX_DROP_FLOOD], 2);
	ck_assert_uint_eq(server->stats.value[STAT_HANDSHAKES_ANSWERED], 1);
	ck_assert_uint_eq(server->probes, 1);
	world.full = false;
	wait_ms(10000);
	ck_assert_uint_eq(bob->ready, 1);
}
END_TEST

START_TEST(forgotten_member_has_no_session)
{
	meet(alice);
	say(alice, server, "hello");
	pass();
	ck_assert_int_eq(say(server, alice, "hello"), 0);
	keywire_forget(server->wire, alice->network.public_key);
	ck_assert_int_eq(say(server, alice, "hello"), -1);
	say(alice, server, "who am I?");
	pass();
	ck_assert_uint_eq(server->received, 1);
}
END_TEST

START_TEST(too_long_a_message_is_refused)
{
	static const uint8_t zeros[KEYWIRE_MESSAGE_MAX + 1];

	meet(alice);
	ck_assert_int_eq(keywire_send(alice->wire, server->network.public_key, zeros, sizeof(zeros),
			     world.now_ms),
	    -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(keywire_send(alice->wire, server->network.public_key, zeros,
			     sizeof(zeros) - 1, world.now_ms),
	    0);
	pass();
	ck_assert_uint_eq(server->received, 1);
}
END_TEST

START_TEST(probe_comes_back)
{
	static const uint8_t token[NOTICE_TOKEN_LEN] = "x";

	ck_assert_int_eq(keywire_probe(server->wire, token), 0);
	pass();
	ck_assert_uint_eq(server->probes, 1);
	ck_assert_uint_eq(alice->probes, 0);
}
END_TEST

START_TEST(topic_of_somebody_else_is_left_to_others)
{
	struct link_message m = {"mqttip/a/b/c", (const uint8_t *)"x", 1, 0, false};

	ck_assert(!keywire_receive(server->wire, &m, world.now_ms));
	m.topic = "c";
	ck_assert(!keywire_receive(server->wire, &m, world.now_ms));
}
END_TEST

START_TEST(facts_tell_of_the_session)
{
	struct channel_facts f;

	keywire_facts(alice->wire, server->network.public_key, &f);
	ck_assert_int_eq(f.state, CHANNEL_IDLE);
	say(alice, server, "hello");
	keywire_facts(alice->wire, server->network.public_key, &f);
	ck_assert_int_eq(f.state, CHANNEL_CONNECTING);
	pass();
	keywire_facts(alice->wire, server->network.public_key, &f);
	ck_assert_int_eq(f.state, CHANNEL_UP);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keywire");
	TCase *c = tcase_create("keywire");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, member_and_server_know_each_other_by_their_keys);
	tcase_add_test(c, each_member_has_a_session_of_its_own);
	tcase_add_test(c, whom_the_server_does_not_know_gets_no_session);
	tcase_add_test(c, server_begins_no_session);
	tcase_add_test(c, session_is_found_again_after_the_server_was_started_anew);
	tcase_add_test(c, handshake_that_was_lost_is_tried_again);
	tcase_add_test(c, session_is_renewed_while_it_is_used);
	tcase_add_test(c, what_all_are_told_counts_only_from_the_servers_topic);
	tcase_add_test(c, what_is_retained_or_repeated_is_not_heard);
	tcase_add_test(c, each_bit_of_a_message_counts);
	tcase_add_test(c, message_of_one_member_is_not_taken_from_the_topic_of_another);
	tcase_add_test(c, server_is_not_drowned_in_handshakes_of_one_sender);
	tcase_add_test(c, server_is_not_drowned_in_requests_of_one_member);
	tcase_add_test(c, server_whose_way_out_is_full_takes_nothing_but_its_probe);
	tcase_add_test(c, forgotten_member_has_no_session);
	tcase_add_test(c, too_long_a_message_is_refused);
	tcase_add_test(c, probe_comes_back);
	tcase_add_test(c, topic_of_somebody_else_is_left_to_others);
	tcase_add_test(c, facts_tell_of_the_session);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
