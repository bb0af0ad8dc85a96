/*
 * Tests of the native wire in a group: whole nodes, a broker that is not to be trusted, and a key
 * server, in memory.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "groupkey.h"
#include "keymsg.h"
#include "member.h"
#include "native_internal.h" /* for the keys that a node has */
#include "native_world.h"
#include "util.h"

static struct world w;
static struct world_node *const a = &w.node[0], *const b = &w.node[1], *const c = &w.node[2];

static void
begin(void)
{
	struct world_params p = {.mode = NETWORK_GROUP, .nodes = 3};

	ck_assert_int_eq(aead_init(), 0);
	world_open(&w, &p);
}

static void
finish(void)
{
	world_close(&w);
}

static uint64_t
count(const struct world_node *n, enum stat_id id)
{
	return n->stats.value[id];
}

/* The first message of this type that is published, taken from the broker: nobody has it. */
static struct world_message *
hold(enum frame_type type)
{
	struct world_message *m, *found = NULL;

	while ((m = world_take(&w)) != NULL) {
		if (found == NULL && m->len > 1 && m->bytes[1] == type)
			found = m;
		else
			free(m);
	}
	ck_assert_ptr_nonnull(found);
	return found;
}

static struct world_message *
hold_packet(struct world_node *from, struct world_node *to, const char *text)
{
	world_send(from, to, text);
	return hold(FRAME_GROUP_ONE);
}

static struct world_message *
hold_broadcast(struct world_node *from, const char *text)
{
	world_send_to_all(from, text);
	return hold(FRAME_GROUP);
}

/* Everybody knows everybody, and where to begin to read what goes to all. */
static void
acquaint(void)
{
	for (int i = 0; i < 3; i++) {
		world_send_to_all(&w.node[i], "here");
		world_pass(&w, 100);
		for (int k = 0; k < 3; k++)
			if (i != k)
				ck_assert(world_passes(&w, &w.node[i], &w.node[k]));
	}
}

START_TEST(packets_wait_for_the_look_up_and_all_arrive)
{
	char text[16];

	for (int i = 0; i < 10; i++) {
		text[0] = (char)('0' + i);
		text[1] = '\0';
		world_send(a, b, text);
	}
	world_settle(&w);
	for (int i = 0; i < 10; i++) {
		text[0] = (char)('0' + i);
		ck_assert_uint_eq(world_got(b, text), 1);
	}
	ck_assert_uint_eq(w.server.look_ups, 2); /* by address, and by sender */
	ck_assert(world_passes(&w, a, b));
	ck_assert_uint_eq(w.server.look_ups, 2);
	ck_assert_str_eq(peer_by_address(a->peers, world_addr(b))->name, "b");
}
END_TEST

START_TEST(broadcast_reaches_all_once)
{
	world_send_to_all(a, "to all");
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "to all"), 1);
	ck_assert_uint_eq(world_got(c, "to all"), 1);
	ck_assert_uint_eq(world_got(a, "to all"), 0);
	world_send_to_all(b, "unsigned");
	world_settle(&w);
	ck_assert_uint_eq(world_got(a, "unsigned"), 1);
	world_send_to_all(a, "again");
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "again"), 1);
	ck_assert_uint_eq(world_got(c, "again"), 1);
}
END_TEST

/* It has been asked for again when it comes. */
START_TEST(floor_that_takes_seconds_is_taken)
{
	struct world_message *m, *answer = NULL;

	world_send(a, b, "hello");
	world_send(b, a, "hello");
	world_settle(&w);
	for (int i = 0; i < 5; i++) {
		m = hold_broadcast(a, "to all");
		world_give(b, m);
		free(m);
		m = hold(FRAME_GROUP_ONE);
		world_give(a, m);
		free(m);
		if (answer == NULL)
			answer = hold(FRAME_GROUP_ONE);
		while ((m = world_take(&w)) != NULL)
			free(m);
		w.now_ms += 1500;
	}
	world_give(b, answer);
	free(answer);
	m = hold_broadcast(a, "and now");
	world_give(b, m);
	free(m);
	ck_assert_uint_eq(world_got(b, "and now"), 1);
}
END_TEST

START_TEST(address_that_nobody_has_is_not_asked_for_with_each_packet)
{
	struct addr nobody;
	uint8_t buf[256];
	size_t len;

	ck_assert_int_eq(addr_parse("10.9.0.77", &nobody), 0);
	len = world_packet(buf, world_addr(a), &nobody, "x");
	for (int i = 0; i < 50; i++) {
		dataplane_send(a->dataplane, world_take_packet(a, buf, len), w.now_ms);
		world_pass(&w, 10);
	}
	ck_assert_uint_eq(w.server.look_ups, 1);
	ck_assert_uint_eq(count(a, STAT_TX_DROP_NO_DESTINATION), 50);
	world_pass(&w, 1000);
	dataplane_send(a->dataplane, world_take_packet(a, buf, len), w.now_ms);
	world_settle(&w);
	ck_assert_uint_eq(w.server.look_ups, 2);
}
END_TEST

START_TEST(server_that_is_silent_costs_no_more_than_what_may_wait)
{
	struct addr nobody;
	uint8_t buf[256];
	size_t len;

	w.server.is_silent = true;
	for (int i = 0; i < 1000; i++) {
		nobody = addr_from_bytes(
		    ADDR_IPV4, (uint8_t[]){10, 9, (uint8_t)(i / 250), (uint8_t)(4 + i % 250)});
		len = world_packet(buf, world_addr(a), &nobody, "x");
		dataplane_send(a->dataplane, world_take_packet(a, buf, len), w.now_ms);
	}
	ck_assert_uint_le(dataplane_waiting(a->dataplane), 64);
	world_pass(&w, 10000);
	ck_assert_uint_eq(dataplane_waiting(a->dataplane), 0);
	ck_assert_uint_eq(count(a, STAT_TX_DROP_NO_DESTINATION), 1000);
	w.server.is_silent = false;
	ck_assert(world_passes(&w, a, b));
}
END_TEST

START_TEST(member_that_was_started_anew_is_reached_again)
{
	acquaint();
	world_stop(b);
	world_start(b);
	world_settle(&w);
	world_send(a, b, "to who it was"); /* lost: it cannot be read any more */
	world_pass(&w, 100);
	ck_assert(world_passes(&w, a, b));
	world_send_to_all(a, "to all");
	world_send_to_all(b, "from the new one");
	world_pass(&w, 100);
	ck_assert_uint_eq(world_got(b, "to all"), 1);
	ck_assert_uint_eq(world_got(a, "from the new one"), 1);
	ck_assert_uint_eq(world_got(c, "from the new one"), 1);
}
END_TEST

START_TEST(epoch_changes_under_traffic_and_nothing_is_lost)
{
	char text[16] = "a0";

	acquaint();
	for (int i = 0; i < 30; i++) {
		if (i == 10)
			world_renew(&w);
		if (i == 12)
			world_catch_up(a); /* b learns of it from a's messages */
		text[1] = (char)('A' + i);
		world_send(a, b, text);
		text[0] = 'b';
		world_send(b, a, text);
		world_pass(&w, 10);
		ck_assert_uint_eq(world_got(a, text), 1);
		text[0] = 'a';
		ck_assert_uint_eq(world_got(b, text), 1);
	}
	ck_assert_uint_eq(groupkey_newest(member_keys(b->member)), 2);
	ck_assert_uint_eq(count(a, STAT_RX_DROP_EPOCH) + count(b, STAT_RX_DROP_EPOCH), 0);
}
END_TEST

START_TEST(evicted_member_reads_nothing_new_and_is_not_heard)
{
	acquaint();
	world_evict(c);
	world_renew(&w);
	world_catch_up(a);
	world_catch_up(b);
	world_send_to_all(a, "secret");
	world_send(a, b, "for b");
	world_pass(&w, 100);
	ck_assert_uint_eq(world_got(b, "secret"), 1);
	ck_assert_uint_eq(world_got(b, "for b"), 1);
	ck_assert_uint_eq(world_got(c, "secret"), 0);
	/* it has asked, as the epoch was ahead of its own, and knows that it is out by now; one
	 * that does not mind, and still sends with what it has, is heard no longer than others
	 * who have missed the change */
	ck_assert_int_ne(member_state(c->member), MEMBER_IN);
	ck_assert(!member_may_send(c->member, w.now_ms));
}
END_TEST

START_TEST(what_was_sent_before_a_change_is_of_no_use_after_its_grace)
{
	struct world_message *m;

	acquaint();
	m = hold_packet(c, a, "held back");
	world_renew(&w);
	world_catch_up(a);
	world_pass(&w, GROUPKEY_GRACE_MS);
	world_give(a, m);
	ck_assert_uint_eq(world_got(a, "held back"), 0);
	ck_assert_uint_eq(count(a, STAT_RX_DROP_EPOCH), 1);
	free(m);
}
END_TEST

/* Whoever takes over a node finds nothing to read with what he has recorded. */
START_TEST(keys_of_an_epoch_that_is_over_do_not_stay)
{
	static const struct groupwire_key none;
	struct groupwire_other *o;

	acquaint();
	o = &peer_by_address(a->peers, world_addr(b))->lanes[0]->pair->other;
	world_renew(&w);
	for (int i = 0; i < 3; i++)
		world_catch_up(&w.node[i]);
	ck_assert_uint_eq(o->from[0].id >> 32, 1);
	world_pass(&w, w.server.lease_s * 1000 / MEMBER_LEASE_PARTS);
	ck_assert_mem_eq(&o->to, &none, sizeof(none));
	for (int i = 0; i < GROUPWIRE_KEYS; i++) {
		ck_assert_mem_eq(&o->from[i], &none, sizeof(none));
		ck_assert_mem_eq(&o->to_all[i], &none, sizeof(none));
	}
	ck_assert_mem_eq(&a->self.to_all, &none, sizeof(none));
	ck_assert(world_passes(&w, a, b));
}
END_TEST

START_TEST(nothing_is_sent_when_the_lease_is_over)
{
	acquaint();
	w.server.is_silent = true;
	world_pass(&w, 890 * 1000);
	ck_assert(world_passes(&w, a, b));
	world_pass(&w, 900 * 1000);
	world_send(a, b, "too late");
	world_send_to_all(a, "too late");
	world_pass(&w, 100);
	ck_assert_uint_eq(world_got(b, "too late"), 0);
	ck_assert_uint_eq(count(a, STAT_TX_DROP_NO_LEASE), 2);
	w.server.is_silent = false;
	world_pass(&w, 900 * 1000);
	ck_assert(world_passes(&w, a, b));
}
END_TEST

START_TEST(replay_immediate)
{
	struct world_message *m;

	acquaint();
	m = hold_packet(a, b, "once");
	world_give(b, m);
	world_give(b, m);
	ck_assert_uint_eq(world_got(b, "once"), 1);
	ck_assert_uint_eq(count(b, STAT_RX_DROP_REPLAY), 1);
	free(m);
	m = hold_broadcast(a, "once for all");
	world_give(b, m);
	world_give(b, m);
	ck_assert_uint_eq(world_got(b, "once for all"), 1);
	ck_assert_uint_eq(count(b, STAT_RX_DROP_REPLAY), 2);
	free(m);
}
END_TEST

START_TEST(replay_after_receiver_restart)
{
	struct world_message *one, *all;

	acquaint();
	one = hold_packet(a, b, "one");
	all = hold_broadcast(a, "all");
	world_give(b, one);
	world_give(b, all);
	world_stop(b);
	world_start(b);
	world_settle(&w);
	ck_assert(world_passes(&w, b, a));
	world_give(b, one);
	world_give(b, all);
	world_pass(&w, 5000);
	world_give(b, all);
	world_pass(&w, 5000);
	ck_assert_uint_eq(world_got(b, "one"), 1);
	ck_assert_uint_eq(world_got(b, "all"), 1);
	free(one);
	free(all);
}
END_TEST

START_TEST(replay_after_sender_restart)
{
	struct world_message *one, *all;

	acquaint();
	one = hold_packet(a, b, "one");
	all = hold_broadcast(a, "all");
	world_give(b, one);
	world_give(b, all);
	world_stop(a);
	world_start(a);
	world_settle(&w);
	ck_assert(world_passes(&w, a, b));
	world_give(b, one);
	world_give(b, all);
	world_pass(&w, 5000);
	ck_assert_uint_eq(world_got(b, "one"), 1);
	ck_assert_uint_eq(world_got(b, "all"), 1);
	free(one);
	free(all);
}
END_TEST

/* The broker can hold back what the key server says, as long as its session lasts. */
static void
tell_late(struct world_node *n, const struct keymsg *m)
{
	native_take_entry(n->native, m, w.now_ms);
}

static void
refuse_late(struct world_node *n, const struct world_node *other)
{
	struct keymsg m = {.type = KEYMSG_REFUSED,
	    .has = KEYMSG_HAS(KEYMSG_ADDRESS),
	    .address = *world_addr(other)};

	tell_late(n, &m);
}

START_TEST(replay_after_an_entry_of_before)
{
	struct world_message *one, *all;
	struct keymsg before, now;

	acquaint();
	one = hold_packet(a, b, "one");
	all = hold_broadcast(a, "all");
	world_give(b, one);
	world_give(b, all);
	world_make_entry(a, &before);
	world_stop(a);
	world_start(a);
	world_settle(&w);
	ck_assert(world_passes(&w, a, b));
	world_make_entry(a, &now);
	for (int i = 0; i < 1000; i++) {
		tell_late(b, &before);
		tell_late(b, &now);
	}
	tell_late(b, &before);
	world_give(b, one);
	world_give(b, all);
	world_pass(&w, 5000);
	ck_assert_uint_eq(world_got(b, "one"), 1);
	ck_assert_uint_eq(world_got(b, "all"), 1);
	ck_assert(world_passes(&w, a, b));
	free(one);
	free(all);
}
END_TEST

START_TEST(replay_after_being_forgotten_again_and_again)
{
	struct world_message *one, *all;
	struct keymsg m;

	acquaint();
	one = hold_packet(a, b, "one");
	all = hold_broadcast(a, "all");
	world_give(b, one);
	world_give(b, all);
	world_make_entry(a, &m);
	for (int i = 0; i < 3; i++) {
		refuse_late(b, a);
		ck_assert_ptr_null(peer_by_address(b->peers, world_addr(a)));
		tell_late(b, &m);
		world_give(b, one);
		world_give(b, all);
		world_settle(&w);
		ck_assert_uint_eq(world_got(b, "one"), 1);
		ck_assert_uint_eq(world_got(b, "all"), 1);
	}
	ck_assert(world_passes(&w, a, b));
	free(one);
	free(all);
}
END_TEST

START_TEST(newcomer_cannot_be_given_what_was_read_before_it_came)
{
	struct world_message *old, *new;

	world_stop(c);
	world_send_to_all(a, "before");
	old = hold_broadcast(a, "old");
	world_give(b, old);
	world_pass(&w, 10000);
	world_start(c);
	world_settle(&w);
	new = hold_broadcast(a, "new");
	world_give(c, new);
	world_settle(&w);
	world_give(c, old);
	world_pass(&w, 1000);
	ck_assert_uint_eq(world_got(c, "new"), 1);
	ck_assert_uint_eq(world_got(c, "old"), 0);
	free(old);
	free(new);
}
END_TEST

START_TEST(message_is_of_no_use_at_another_topic)
{
	struct world_message *m;

	acquaint();
	m = hold_packet(a, b, "for b");
	strcpy(m->topic, "");
	network_topic(
	    &a->network, m->topic, native_id(c->native, 0)->part, native_id(a->native, 0)->part);
	world_give(c, m);
	/* as if another had sent it */
	network_topic(
	    &a->network, m->topic, native_id(b->native, 0)->part, native_id(c->native, 0)->part);
	world_give(b, m);
	/* back to where it came from */
	network_topic(
	    &a->network, m->topic, native_id(a->native, 0)->part, native_id(b->native, 0)->part);
	world_give(a, m);
	world_pass(&w, 4000);
	ck_assert_uint_eq(world_got(a, "for b"), 0);
	ck_assert_uint_eq(world_got(b, "for b"), 0);
	ck_assert_uint_eq(world_got(c, "for b"), 0);
	free(m);
}
END_TEST

START_TEST(bitflip_every_byte)
{
	for (int all = 0; all < 2; all++) {
		struct world_message *m, *bad;

		acquaint();
		m = all ? hold_broadcast(a, "all") : hold_packet(a, b, "one");
		for (size_t bit = 0; bit < 8 * m->len; bit++) {
			bad = world_copy(m);
			bad->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			world_give(b, bad);
			free(bad);
		}
		for (size_t len = 0; len < m->len; len++) {
			bad = world_copy(m);
			bad->len = len;
			world_give(b, bad);
			free(bad);
		}
		world_pass(&w, 4000);
		ck_assert_uint_eq(world_got(b, all ? "all" : "one"), 0);
		world_give(b, m);
		ck_assert_uint_eq(world_got(b, all ? "all" : "one"), 1);
		free(m);
	}
}
END_TEST

START_TEST(retained_or_of_a_higher_quality_is_not_data)
{
	struct world_message *m;

	acquaint();
	m = hold_packet(a, b, "x");
	m->retain = true;
	world_give(b, m);
	m->retain = false;
	m->qos = 1;
	world_give(b, m);
	ck_assert_uint_eq(world_got(b, "x"), 0);
	m->qos = 0;
	world_give(b, m);
	ck_assert_uint_eq(world_got(b, "x"), 1);
	free(m);
}
END_TEST

START_TEST(spoofed_inner_source)
{
	uint8_t buf[256];
	size_t len;

	acquaint();
	len = world_packet(buf, world_addr(c), world_addr(b), "I am c");
	world_send_raw(a, b, buf, len);
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "I am c"), 0);
	ck_assert_uint_eq(count(b, STAT_RX_DROP_SPOOFED), 1);
	len = world_packet(buf, world_addr(b), world_addr(b), "I am you");
	world_send_raw(a, b, buf, len);
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "I am you"), 0);
}
END_TEST

/* As when memory was short while it was entered. */
START_TEST(peer_without_a_sender_id_is_sent_nothing)
{
	uint8_t buf[256], key[AEAD_KEY_LEN] = {1};
	struct addr nobody;
	struct peer_spec spec = {.name = "nobody",
	    .wire = PEER_NATIVE,
	    .addrs = &nobody,
	    .addr_count = 1,
	    .public_key = key,
	    .told = true};
	size_t len;

	acquaint();
	ck_assert_int_eq(addr_parse("10.9.0.77", &nobody), 0);
	ck_assert_int_eq(peer_table_set(a->peers, &spec), 0);
	len = world_packet(buf, world_addr(a), &nobody, "x");
	dataplane_send(a->dataplane, world_take_packet(a, buf, len), w.now_ms);
	world_transmit(a);
	ck_assert_ptr_null(world_find(&w, FRAME_GROUP_ONE));
	ck_assert_uint_eq(count(a, STAT_TX_DROP_NO_LEASE), 1);
}
END_TEST

START_TEST(strangers_cost_little)
{
	struct world_message *m;
	unsigned int before;

	acquaint();
	m = hold_packet(a, b, "x");
	before = w.server.look_ups;
	for (uint32_t i = 0; i < 10000; i++) {
		memcpy(m->bytes + 4, &i, sizeof(i)); /* the sender's id */
		m->bytes[4] |= 0x80;
		world_give(b, m);
	}
	world_pass(&w, 10000);
	world_give(b, m); /* by which it sees that the others are old */
	ck_assert_uint_lt(w.server.look_ups - before, 20);
	ck_assert_uint_ge(count(b, STAT_RX_DROP_UNKNOWN_KEY), 9900);
	ck_assert(world_passes(&w, a, b));
	free(m);
}
END_TEST

START_TEST(strangers_do_not_keep_us_from_asking_for_others)
{
	struct world_message *m;

	world_send(a, b, "hello");
	world_settle(&w);
	m = hold_packet(a, b, "x");
	for (uint32_t i = 1; i <= 5000; i++) {
		char part[16];

		snprintf(part, sizeof(part), "%011u", (unsigned int)i);
		network_topic(&b->network, m->topic, native_id(b->native, 0)->part, part);
		memcpy(m->bytes + 4, &i, sizeof(i)); /* the sender's id */
		m->bytes[4] |= 0x80;
		world_give(b, m);
	}
	free(m);
	ck_assert_uint_gt(count(b, STAT_LOOK_UPS), 40);
	world_send(b, c, "hello");
	world_settle(&w);
	ck_assert_uint_eq(world_got(c, "hello"), 1);
}
END_TEST

START_TEST(message_of_a_network_without_a_group_is_not_heard)
{
	static const enum frame_type types[] = {
	    FRAME_INIT, FRAME_RESPONSE, FRAME_DATA, FRAME_MULTICAST, FRAME_CONTROL, FRAME_REKEY};
	struct world_message *m;

	acquaint();
	m = hold_packet(a, b, "x");
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		uint64_t before = count(b, STAT_RX_DROP_TOPIC);

		m->bytes[1] = (uint8_t)types[i];
		world_give(b, m);
		ck_assert_uint_eq(count(b, STAT_RX_DROP_TOPIC), before + 1);
	}
	m->bytes[1] = FRAME_GROUP; /* to one alone */
	world_give(b, m);
	m->bytes[1] = FRAME_GROUP_ONE;
	world_give(b, m);
	ck_assert_uint_eq(world_got(b, "x"), 1);
	free(m);
}
END_TEST

START_TEST(member_that_is_gone_is_forgotten_when_its_time_is_over)
{
	struct world_params p = {.mode = NETWORK_GROUP, .nodes = 3};

	finish();
	world_open(&w, &p);
	w.server.granted_s = 3600;
	for (int i = 0; i < 3; i++) /* with the new time */
		world_catch_up(&w.node[i]);
	acquaint();
	world_stop(c);
	world_evict(c);
	ck_assert_ptr_nonnull(peer_by_address(a->peers, world_addr(c)));
	ck_assert_ptr_nonnull(peer_by_address(a->peers, world_addr(b)));
	world_pass(&w, 3700 * 1000);
	ck_assert_ptr_null(peer_by_address(a->peers, world_addr(c)));
	ck_assert(world_passes(&w, a, b));
	ck_assert_uint_gt(a->routes, 0);
	world_start(c); /* for finish() */
}
END_TEST

START_TEST(address_that_moves_to_another_member_is_followed)
{
	struct prefix of_b = b->addrs[0], of_c = c->addrs[0];

	acquaint();
	world_stop(b);
	world_stop(c);
	b->addrs[0] = of_c;
	c->addrs[0] = of_b;
	world_start(b);
	world_start(c);
	world_settle(&w);
	world_send(a, b, "whoever you are"); /* c's id of before */
	world_pass(&w, 2000);
	world_send(a, b, "now");
	world_pass(&w, 2000);
	ck_assert_uint_eq(world_got(b, "now"), 1);
	ck_assert_uint_eq(world_got(c, "now"), 0);
}
END_TEST

/* It has lost its store: epochs and sender ids begin anew. */
START_TEST(another_server_with_the_same_numbers_is_followed)
{
	acquaint();
	for (int i = 0; i < 50; i++)
		world_send(a, b, "before");
	world_settle(&w);
	w.server = (struct world_server){.epoch = 1, .next_sender = 1, .lease_s = 900, .key = 2};
	for (int i = 0; i < 3; i++) {
		w.node[i].is_out = true; /* nobody is a member there */
		world_catch_up(&w.node[i]);
		w.node[i].is_out = false;
	}
	world_pass(&w, 10000);
	ck_assert_uint_le(a->self.id, 3);
	acquaint();
}
END_TEST

START_TEST(large_transfer_is_windowed_as_between_sessions)
{
	acquaint();
	for (int i = 0; i < 200; i++) {
		world_send(a, b, "data");
		world_pass(&w, 1);
	}
	ck_assert_uint_eq(world_got(b, "data"), 200);
	ck_assert_uint_gt(count(a, STAT_RX_REPORTS), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("group");
	TCase *t = tcase_create("group");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, begin, finish);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, packets_wait_for_the_look_up_and_all_arrive);
	tcase_add_test(t, broadcast_reaches_all_once);
	tcase_add_test(t, floor_that_takes_seconds_is_taken);
	tcase_add_test(t, address_that_nobody_has_is_not_asked_for_with_each_packet);
	tcase_add_test(t, server_that_is_silent_costs_no_more_than_what_may_wait);
	tcase_add_test(t, member_that_was_started_anew_is_reached_again);
	tcase_add_test(t, epoch_changes_under_traffic_and_nothing_is_lost);
	tcase_add_test(t, evicted_member_reads_nothing_new_and_is_not_heard);
	tcase_add_test(t, what_was_sent_before_a_change_is_of_no_use_after_its_grace);
	tcase_add_test(t, keys_of_an_epoch_that_is_over_do_not_stay);
	tcase_add_test(t, nothing_is_sent_when_the_lease_is_over);
	tcase_add_test(t, replay_immediate);
	tcase_add_test(t, replay_after_receiver_restart);
	tcase_add_test(t, replay_after_sender_restart);
	tcase_add_test(t, replay_after_an_entry_of_before);
	tcase_add_test(t, replay_after_being_forgotten_again_and_again);
	tcase_add_test(t, newcomer_cannot_be_given_what_was_read_before_it_came);
	tcase_add_test(t, message_is_of_no_use_at_another_topic);
	tcase_add_test(t, bitflip_every_byte);
	tcase_add_test(t, retained_or_of_a_higher_quality_is_not_data);
	tcase_add_test(t, spoofed_inner_source);
	tcase_add_test(t, peer_without_a_sender_id_is_sent_nothing);
	tcase_add_test(t, strangers_cost_little);
	tcase_add_test(t, strangers_do_not_keep_us_from_asking_for_others);
	tcase_add_test(t, message_of_a_network_without_a_group_is_not_heard);
	tcase_add_test(t, member_that_is_gone_is_forgotten_when_its_time_is_over);
	tcase_add_test(t, address_that_moves_to_another_member_is_followed);
	tcase_add_test(t, another_server_with_the_same_numbers_is_followed);
	tcase_add_test(t, large_transfer_is_windowed_as_between_sessions);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
