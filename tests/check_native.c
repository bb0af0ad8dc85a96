/*
 * Tests of native: whole nodes, in both modes where it makes no difference which.
 * check_attacks.c asks what an attacker can do to them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "ip.h"
#include "link.h"
#include "multicast.h"
#include "native_internal.h" /* to have a node take less */
#include "native_world.h"
#include "notice.h"
#include "peer.h"
#include "session.h"
#include "util.h"

#define A (&w.node[0])
#define B (&w.node[1])
#define C (&w.node[2])
#define SECOND 1000
#define HOUR (3600 * SECOND)
#define TEXT_PACKET 256
#define WAITING_MAX 32

static struct world w;

/* What was published, by type; and what is lost of it. */
static struct {
	size_t count[256];
	size_t last_len[256], longest;
	char last_topic[256][NETWORK_TOPIC_MAX];
	bool lost[256];
	struct world_message *last_multicast; /* a copy */
} seen;

static bool
on_published(void *arg, struct world_message *m)
{
	uint8_t type = m->bytes[1];

	seen.count[type]++;
	seen.last_len[type] = m->len;
	if (m->len > seen.longest)
		seen.longest = m->len;
	strcpy(seen.last_topic[type], m->topic);
	if (type == FRAME_MULTICAST) {
		free(seen.last_multicast);
		seen.last_multicast = world_copy(m);
	}
	return !seen.lost[type];
}

static void
forget_seen(void)
{
	free(seen.last_multicast);
	memset(&seen, 0, sizeof(seen));
}

static void
open_world(struct world_params params)
{
	world_open(&w, &params);
	w.tap = on_published;
	forget_seen();
}

static enum network_mode
mode_of(int round)
{
	return round == 0 ? NETWORK_PSK : NETWORK_PUBKEY;
}

static void
open_mode(int round, int nodes)
{
	open_world((struct world_params){.mode = mode_of(round), .nodes = nodes});
}

static void
setup(void)
{
	ck_assert_int_eq(aead_init(), 0);
}

static void
teardown(void)
{
	world_close(&w);
	forget_seen();
}

static struct addr
addr(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), 0);
	return a;
}

static struct peer *
peer_of(const struct world_node *n, const struct world_node *other)
{
	struct peer *p = peer_by_address(n->peers, world_addr(other));

	ck_assert_ptr_nonnull(p);
	return p;
}

static enum channel_state
state_of(const struct world_node *n, const struct world_node *other)
{
	const struct peer *p = peer_by_address(n->peers, world_addr(other));
	struct channel_facts facts;

	if (p == NULL)
		return CHANNEL_IDLE;
	native_peer_facts(p, &facts);
	return facts.state;
}

static uint64_t
stat(const struct world_node *n, enum stat_id id)
{
	return n->stats.value[id];
}

/* Nothing was dropped but what was counted as id, so many. */
static void
expect_drops(const struct world_node *n, enum stat_id id, uint64_t count)
{
	const char *name;
	uint64_t value;

	for (int i = 0; i < STAT_COUNT; i++) {
		name = stats_info((enum stat_id)i)->name;
		value = n->stats.value[i];
		if (strstr(name, "_drop_") != NULL)
			ck_assert_msg(value == ((enum stat_id)i == id ? count : 0), "%s is %u",
			    name, (unsigned int)value);
	}
}

#define EXPECT_NO_DROPS(n) expect_drops(n, STAT_COUNT, 0)

/* A packet of any source to any destination waits in n, perhaps with others. */
static void
queue_text(struct world_node *n, const char *src, const char *dst, const char *text)
{
	struct addr s = addr(src), d = addr(dst);
	uint8_t packet[TEXT_PACKET];
	size_t len = world_packet(packet, &s, &d, text);

	native_send(n->native, peer_for_destination(n->peers, &d), &s, &d,
	    world_take_packet(n, packet, len), w.now_ms);
}

static void
send_text(struct world_node *n, const char *src, const char *dst, const char *text)
{
	queue_text(n, src, dst, text);
	world_transmit(n);
}

static void
broadcast_text(struct world_node *n, const char *src, const char *dst, const char *text)
{
	struct addr s = addr(src), d = addr(dst);
	uint8_t packet[TEXT_PACKET];
	size_t len = world_packet(packet, &s, &d, text);

	native_broadcast(n->native, world_take_packet(n, packet, len));
	world_transmit(n);
}

/* A packet of so many bytes to the other. */
static void
send_sized(struct world_node *from, struct world_node *to, size_t len)
{
	static const uint8_t payload[FRAME_PACKET_MAX + 1];
	static uint8_t packet[FRAME_PACKET_MAX + 1];

	ck_assert_uint_eq(ip_build(packet, sizeof(packet), world_addr(from), world_addr(to), 17,
			      payload, len - 20),
	    len);
	native_send(from->native, peer_of(from, to), world_addr(from), world_addr(to),
	    world_take_packet(from, packet, len), w.now_ms);
	world_transmit(from);
	world_settle(&w);
}

/* The packets of n are those with the texts t0, t1, ... in order, and nothing else. */
static void
expect_in_order(
    const struct world_node *n, const struct addr *src, const struct addr *dst, unsigned int count)
{
	const struct world_packet *got = n->packets;
	uint8_t packet[TEXT_PACKET];
	char text[16];
	size_t len;

	ck_assert_uint_eq(n->delivered, count);
	for (; count > 0; count--, got = got->next) {
		snprintf(text, sizeof(text), "t%u", count - 1);
		len = world_packet(packet, src, dst, text);
		ck_assert_uint_eq(got->len, len);
		ck_assert_mem_eq(got->bytes, packet, len);
	}
}

/* The other's entry in the configuration of n is made, or changed. */
static void
configure(struct world_node *n, const struct world_node *other, enum peer_wire wire,
    const struct addr *addrs, size_t addr_count, const struct prefix *route)
{
	bool has_key = w.params.mode == NETWORK_PUBKEY && wire == PEER_NATIVE;
	char name[16];
	const struct peer_spec spec = {
	    .name = name,
	    .wire = wire,
	    .addrs = addrs,
	    .addr_count = addr_count,
	    .routes = route,
	    .route_count = route != NULL,
	    .public_key = has_key ? other->network.public_key : NULL,
	};

	snprintf(name, sizeof(name), "node%d", other->number);
	ck_assert_int_eq(peer_table_set(n->peers, &spec), 0);
}

/* As world_open() does it. */
static void
configure_plainly(struct world_node *n, const struct world_node *other)
{
	const struct addr addrs[] = {other->addrs[0].addr, other->addrs[1].addr};

	configure(n, other, PEER_NATIVE, addrs, 2, NULL);
}

/* Packets to one node. */

START_TEST(native_carries_packets_there_and_back)
{
	open_mode(_i, 2);
	world_send(A, B, "ping");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "ping"), 1);
	world_send(B, A, "pong");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "pong"), 1);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1);
	ck_assert_uint_eq(seen.count[FRAME_RESPONSE], 1);
	ck_assert_uint_eq(stat(A, STAT_HANDSHAKES_STARTED), 1);
	ck_assert_uint_eq(stat(B, STAT_HANDSHAKES_ANSWERED), 1);
	ck_assert_uint_eq(stat(A, STAT_TX_PACKETS), 1);
	ck_assert_uint_eq(stat(A, STAT_TX_MESSAGES), 1);
	ck_assert_uint_eq(stat(B, STAT_RX_PACKETS), 1);
	ck_assert_uint_eq(stat(B, STAT_RX_MESSAGES), 1);
	ck_assert_uint_eq(stat(B, STAT_RX_BYTES), stat(A, STAT_TX_BYTES));
	ck_assert_uint_eq(peer_of(A, B)->tx_packets, 1);
	ck_assert_uint_eq(peer_of(A, B)->rx_packets, 1);
	ck_assert_uint_eq(peer_of(B, A)->rx_bytes, stat(A, STAT_TX_BYTES));
	EXPECT_NO_DROPS(A);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_carries_packets_of_ipv6)
{
	open_mode(_i, 2);
	send_text(A, "fd09::1", "fd09::2", "six");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "six"), 1);
	send_text(B, "fd09::2", "fd09::1", "back");
	send_text(A, "10.9.0.1", "10.9.0.2", "four");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "back"), 1);
	ck_assert_uint_eq(world_got(B, "four"), 1);
	/* Each pair of addresses has a session of its own, or the nodes have one for all. */
	ck_assert_uint_eq(seen.count[FRAME_INIT], _i == 0 ? 2 : 1);
	EXPECT_NO_DROPS(A);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_delivers_in_order_what_waited_for_a_session)
{
	char text[16];

	open_mode(_i, 2);
	for (unsigned int i = 0; i < WAITING_MAX; i++) {
		snprintf(text, sizeof(text), "t%u", i);
		world_send(A, B, text);
	}
	ck_assert_uint_eq(B->delivered, 0);
	ck_assert_uint_eq(stat(A, STAT_TX_PACKETS), 0);
	world_settle(&w);
	expect_in_order(B, world_addr(A), world_addr(B), WAITING_MAX);
	ck_assert_uint_eq(stat(A, STAT_TX_PACKETS), WAITING_MAX);
	ck_assert_uint_eq(stat(A, STAT_TX_MESSAGES), 1); /* together */
	EXPECT_NO_DROPS(A);
}
END_TEST

START_TEST(native_lets_no_more_packets_wait_than_it_may)
{
	open_mode(_i, 2);
	for (unsigned int i = 0; i < WAITING_MAX; i++)
		world_send(A, B, "old");
	for (unsigned int i = 0; i < 3; i++)
		world_send(A, B, "new");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "old"), WAITING_MAX - 3);
	ck_assert_uint_eq(world_got(B, "new"), 3);
	expect_drops(A, STAT_TX_DROP_QUEUE_FULL, 3);
}
END_TEST

START_TEST(native_joins_packets_in_one_message)
{
	char text[16];

	open_mode(_i, 3);
	ck_assert(world_passes(&w, A, C));
	world_send(A, B, "t0");
	world_settle(&w);
	forget_seen();
	world_transmit(A);
	for (unsigned int i = 1; i < 4; i++) {
		snprintf(text, sizeof(text), "t%u", i);
		queue_text(A, "10.9.0.1", "10.9.0.2", text);
	}
	ck_assert_uint_eq(seen.count[FRAME_DATA], 0);
	world_transmit(A);
	ck_assert_uint_eq(seen.count[FRAME_DATA], 1);
	world_transmit(A);
	ck_assert_uint_eq(seen.count[FRAME_DATA], 1);
	world_settle(&w);
	expect_in_order(B, world_addr(A), world_addr(B), 4);
	ck_assert_uint_eq(stat(B, STAT_RX_MESSAGES), 2);
	ck_assert_uint_eq(stat(B, STAT_RX_PACKETS), 4);
	/* Not those for different nodes. */
	queue_text(A, "10.9.0.1", "10.9.0.2", "b");
	queue_text(A, "10.9.0.1", "10.9.0.3", "c");
	world_transmit(A);
	world_settle(&w);
	ck_assert_uint_eq(seen.count[FRAME_DATA], 3);
	ck_assert_uint_eq(world_got(B, "b"), 1);
	ck_assert_uint_eq(world_got(C, "c"), 1);
}
END_TEST

/* Messages of so many packets come to B, which answers no question before the last of them. */
static void
come_before_an_answer(unsigned int packets)
{
	static const uint8_t payload[1400];
	static uint8_t packet[1420];
	struct world_message *m;

	B->cut = true;
	for (unsigned int i = 0; i < packets; i++) {
		ck_assert_uint_eq(ip_build(packet, sizeof(packet), world_addr(A), world_addr(B), 17,
				      payload, sizeof(payload)),
		    sizeof(packet));
		world_send_raw(A, B, packet, sizeof(packet));
		while ((m = world_take(&w)) != NULL) {
			world_give(B, m);
			free(m);
		}
	}
	B->cut = false;
	world_transmit(B);
	world_settle(&w);
}

START_TEST(native_reports_what_had_come_when_it_was_asked)
{
	struct native_traffic t;

	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	for (int i = 0; i < 5; i++) {
		w.now_ms += 10;
		come_before_an_answer(20);
	}
	ck_assert_uint_ge(stat(A, STAT_RX_REPORTS), 3);
	native_peer_traffic(peer_of(A, B), &t);
	ck_assert_uint_eq(t.lost, 0);
}
END_TEST

/* Time passes while the library has the message. */
static bool
on_slow_publish(void *arg, struct world_message *m)
{
	if (m->from == A->number && m->bytes[1] == FRAME_DATA)
		w.now_ms += 7;
	return true;
}

START_TEST(native_round_trip_begins_before_it_publishes)
{
	struct native_traffic t;

	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	w.tap = on_slow_publish;
	for (int i = 0; i < 20; i++)
		send_sized(A, B, 1400);
	native_peer_traffic(peer_of(A, B), &t);
	ck_assert_uint_ge(t.min_rtt_us, 7000);
}
END_TEST

START_TEST(native_pads_messages_to_steps)
{
	char text[64] = "";
	size_t bare;

	open_world((struct world_params){
	    .mode = mode_of(_i), .padding = FRAME_PAD_16, .featureless = true});
	ck_assert(world_passes(&w, A, B));
	for (size_t i = 0; i < 48; i++) {
		text[i] = 'x';
		world_send(A, B, text);
		world_settle(&w);
		bare = SESSION_OVERHEAD + FRAME_RECORD_LEN + B->packets->len;
		ck_assert_uint_eq(world_got(B, text), 1);
		ck_assert_uint_eq((seen.last_len[FRAME_DATA] - SESSION_OVERHEAD) % 16, 0);
		ck_assert_uint_ge(seen.last_len[FRAME_DATA], bare);
		ck_assert_uint_lt(seen.last_len[FRAME_DATA], bare + 16);
	}
}
END_TEST

START_TEST(native_pads_messages_to_buckets)
{
	static const size_t buckets[] = {64, 96, 128, 192};
	char text[130] = "";
	size_t bucket, i = 0, overhead;

	open_world((struct world_params){
	    .mode = mode_of(_i), .padding = FRAME_PAD_BUCKETS, .featureless = true});
	ck_assert(world_passes(&w, A, B));
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		text[len] = 'x';
		world_send(A, B, text);
		world_settle(&w);
		while (FRAME_RECORD_LEN + B->packets->len > buckets[i])
			i++;
		bucket = buckets[i];
		ck_assert_uint_eq(seen.last_len[FRAME_DATA], SESSION_OVERHEAD + bucket);
	}
	ck_assert_uint_eq(i, 3);
	world_send_to_all(A, "x");
	overhead = MULTICAST_OVERHEAD - (_i == 0 ? AEAD_SIGNATURE_LEN : 0);
	ck_assert_uint_eq(seen.last_len[FRAME_MULTICAST], overhead + 64);
}
END_TEST

/* Sizes. */

START_TEST(native_carries_the_largest_packet)
{
	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	send_sized(A, B, FRAME_PACKET_MAX);
	ck_assert_uint_eq(B->packets->len, FRAME_PACKET_MAX);
	ck_assert_uint_eq(seen.longest, FRAME_MESSAGE_MAX);
	EXPECT_NO_DROPS(A);
	EXPECT_NO_DROPS(B);
	send_sized(A, B, FRAME_PACKET_MAX + 1);
	expect_drops(A, STAT_TX_DROP_TOO_BIG, 1);
	ck_assert_uint_eq(peer_of(A, B)->drops, 1);
}
END_TEST

START_TEST(native_keeps_to_the_limit_of_the_broker)
{
	const size_t limit = 1000, most = limit - SESSION_OVERHEAD - FRAME_RECORD_LEN;
	size_t before;

	open_world((struct world_params){.mode = mode_of(_i), .padding = FRAME_PAD_BUCKETS});
	native_up(A->native, limit, w.now_ms);
	ck_assert(world_passes(&w, A, B));
	before = B->delivered;
	send_sized(A, B, most);
	ck_assert_uint_eq(B->delivered, before + 1);
	EXPECT_NO_DROPS(A);
	send_sized(A, B, most + 1);
	ck_assert_uint_eq(B->delivered, before + 1);
	expect_drops(A, STAT_TX_DROP_TOO_BIG, 1);
	for (int i = 0; i < 100; i++)
		send_text(A, "10.9.0.1", "10.9.0.2", "many");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "many"), 100);
	ck_assert_uint_eq(seen.longest, limit);
	/* A limit that is raised later is known at once. */
	native_up(A->native, SIZE_MAX, w.now_ms);
	send_sized(A, B, most + 1);
	ck_assert_uint_eq(B->packets->len, most + 1);
}
END_TEST

/* As the window has it, messages would be short, the rate low by that, and so on. */
START_TEST(native_fills_messages_where_the_broker_counts_them)
{
	const size_t short_ones = 16384;
	char text[201];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	for (int counted = 0; counted < 2; counted++) {
		native_limit(A->native, FRAME_MESSAGE_MAX, counted > 0);
		forget_seen();
		for (int i = 0; i < 200; i++)
			queue_text(A, "10.9.0.1", "10.9.0.2", text);
		world_transmit(A);
		world_settle(&w);
		ck_assert_uint_eq(world_got(B, text), 200 * (size_t)(counted + 1));
		ck_assert_int_eq(seen.longest > short_ones, counted);
	}
	native_limit(A->native, 1000, false);
	forget_seen();
	send_text(A, "10.9.0.1", "10.9.0.2", text);
	for (int i = 0; i < 200; i++)
		queue_text(A, "10.9.0.1", "10.9.0.2", text);
	world_transmit(A);
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, text), 601);
	ck_assert_uint_le(seen.longest, 1000);
}
END_TEST

/* By its length it is any small packet. */
START_TEST(native_pads_a_report_that_goes_alone)
{
	open_world((struct world_params){.mode = mode_of(_i), .padding = FRAME_PAD_BUCKETS});
	ck_assert(world_passes(&w, A, B));
	for (int i = 0; i < 100 && stat(A, STAT_RX_REPORTS) == 0; i++)
		send_sized(A, B, 1400);
	ck_assert_uint_eq(stat(A, STAT_RX_REPORTS), 1);
	ck_assert_uint_eq(seen.last_len[FRAME_DATA], SESSION_OVERHEAD + 64);
}
END_TEST

START_TEST(native_drops_packets_under_a_limit_without_any_room)
{
	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	forget_seen();
	for (size_t limit = 0; limit < SESSION_OVERHEAD + FRAME_RECORD_LEN + 21; limit++) {
		native_up(A->native, limit, w.now_ms);
		world_send(A, B, "x");
		world_send_to_all(A, "x");
		world_settle(&w);
		expect_drops(A, STAT_TX_DROP_TOO_BIG, 2 * (limit + 1));
	}
	ck_assert_uint_eq(seen.count[FRAME_DATA] + seen.count[FRAME_MULTICAST], 0);
	native_up(A->native, FRAME_MESSAGE_MAX, w.now_ms);
	ck_assert(world_passes(&w, A, B));
}
END_TEST

static void
broadcast_sized(struct world_node *n, size_t len)
{
	static const uint8_t payload[FRAME_PACKET_MAX];
	static uint8_t packet[FRAME_PACKET_MAX];
	const struct addr all = addr("255.255.255.255");

	ck_assert_uint_eq(
	    ip_build(packet, sizeof(packet), world_addr(n), &all, 17, payload, len - 20), len);
	native_broadcast(n->native, world_take_packet(n, packet, len));
	world_transmit(n);
	world_settle(&w);
}

START_TEST(native_keeps_broadcasts_to_a_limit_too)
{
	const size_t most = FRAME_MESSAGE_MAX - MULTICAST_OVERHEAD - FRAME_RECORD_LEN;

	open_mode(_i, 2);
	/* A broker may take more than we do. */
	native_up(A->native, SIZE_MAX, w.now_ms);
	ck_assert(world_passes(&w, A, B));
	broadcast_sized(A, most);
	ck_assert_uint_eq(B->packets->len, most);
	broadcast_sized(A, most + 1);
	ck_assert_uint_eq(B->packets->len, most);
	ck_assert_uint_eq(stat(A, STAT_TX_DROP_TOO_BIG), 1);
	native_up(A->native, FRAME_MESSAGE_MIN, w.now_ms);
	broadcast_sized(A, FRAME_MESSAGE_MIN - MULTICAST_OVERHEAD - FRAME_RECORD_LEN + 1);
	ck_assert_uint_eq(B->packets->len, most);
	ck_assert_uint_eq(stat(A, STAT_TX_DROP_TOO_BIG), 2);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_sends_no_larger_messages_than_a_peer_takes)
{
	const size_t limit = 2000, most = limit - SESSION_OVERHEAD - FRAME_RECORD_LEN;

	open_mode(_i, 2);
	B->native->shared.max_message = limit;
	ck_assert(world_passes(&w, A, B));
	send_sized(A, B, most);
	ck_assert_uint_eq(B->packets->len, most);
	ck_assert_uint_eq(seen.longest, limit);
	send_sized(A, B, most + 1);
	ck_assert_uint_eq(B->packets->len, most);
	expect_drops(A, STAT_TX_DROP_TOO_BIG, 1);
}
END_TEST

START_TEST(native_counts_packets_that_could_not_be_published)
{
	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	A->cut = true;
	for (int i = 0; i < 3; i++)
		send_text(A, "10.9.0.1", "10.9.0.2", "lost");
	expect_drops(A, STAT_TX_DROP_NOT_CONNECTED, 3);
	ck_assert_uint_eq(peer_of(A, B)->drops, 3);
	broadcast_text(A, "10.9.0.1", "255.255.255.255", "lost");
	expect_drops(A, STAT_TX_DROP_NOT_CONNECTED, 4);
	ck_assert_uint_eq(stat(A, STAT_TX_PACKETS), 1);
	ck_assert_uint_eq(stat(A, STAT_TX_BROADCASTS), 0);
}
END_TEST

/* Who the peers are. */

START_TEST(native_learns_peers_by_a_passphrase)
{
	const struct peer *p;

	open_mode(0, 2);
	world_send(A, B, "hello");
	world_settle(&w);
	for (int i = 0; i < 2; i++) {
		p = i == 0 ? peer_of(A, B) : peer_of(B, A);
		ck_assert(!p->configured);
		ck_assert_ptr_null(p->name);
		ck_assert_int_eq(p->wire, PEER_NATIVE);
		ck_assert_uint_eq(p->lane_count, 1);
	}
	ck_assert_uint_eq(world_got(B, "hello"), 1);
}
END_TEST

START_TEST(native_learns_no_peers_by_keys)
{
	open_mode(1, 2);
	send_text(A, "10.9.0.1", "10.9.0.77", "nobody");
	ck_assert_uint_eq(seen.count[FRAME_INIT], 0);
	ck_assert_uint_eq(stat(A, STAT_TX_DROP_NO_DESTINATION), 1);
}
END_TEST

START_TEST(native_refuses_an_unknown_key)
{
	open_mode(1, 3);
	world_forget(B, A);
	world_send(A, B, "let me in");
	world_settle(&w);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1);
	ck_assert_uint_eq(seen.count[FRAME_RESPONSE], 0);
	expect_drops(B, STAT_RX_DROP_HANDSHAKE, 1);
	ck_assert_ptr_null(peer_by_address(B->peers, world_addr(A)));
	ck_assert_uint_eq(B->delivered, 0);
	ck_assert(world_passes(&w, B, C));
}
END_TEST

START_TEST(native_refuses_a_known_key_at_the_address_of_another_peer)
{
	const struct addr taken = addr("10.9.0.1"), other = addr("10.9.0.66");

	open_mode(1, 3);
	configure(B, A, PEER_NATIVE, &other, 1, NULL);
	configure(B, C, PEER_NATIVE, &taken, 1, NULL);
	world_send(A, B, "let me in");
	world_settle(&w);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1);
	ck_assert_uint_eq(seen.count[FRAME_RESPONSE], 0);
	expect_drops(B, STAT_RX_DROP_HANDSHAKE, 1);
	ck_assert_uint_eq(B->delivered, 0);
}
END_TEST

START_TEST(native_does_not_meet_nodes_of_another_secret)
{
	struct world_params params = {.mode = NETWORK_PSK};

	params.node[1].secret = 1;
	open_world(params);
	world_send(A, B, "hello");
	world_settle(&w);
	ck_assert_uint_eq(seen.count[FRAME_RESPONSE], 0);
	ck_assert_uint_eq(B->delivered, 0);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_tells_how_it_is_with_a_peer)
{
	open_mode(_i, 2);
	B->cut = true;
	ck_assert_int_eq(state_of(A, B), CHANNEL_IDLE);
	world_send(A, B, "lost");
	world_send(A, B, "lost");
	ck_assert_int_eq(state_of(A, B), CHANNEL_CONNECTING);
	world_pass(&w, CHANNEL_GIVE_UP_MS + 2 * CHANNEL_RETRY_MS);
	ck_assert_int_eq(state_of(A, B), CHANNEL_UNREACHABLE);
	expect_drops(A, STAT_TX_DROP_NO_SESSION, 2);
	ck_assert_uint_eq(peer_of(A, B)->drops, 2);
	ck_assert_uint_eq(stat(A, STAT_HANDSHAKES_FAILED), 1);
	B->cut = false;
	ck_assert(world_passes(&w, A, B));
	ck_assert_int_eq(state_of(A, B), CHANNEL_UP);
	ck_assert_int_eq(state_of(B, A), CHANNEL_UP);
}
END_TEST

/* Whoever scans the network has many wait, and not those who have a session. */
START_TEST(native_reaches_a_peer_while_many_do_not_answer)
{
	char text[ADDR_TEXT_MAX];

	open_world((struct world_params){.mode = NETWORK_PSK, .configured = true});
	ck_assert(world_passes(&w, A, B));
	for (int i = 0; i < PEER_LEARNT_MAX; i++) {
		snprintf(text, sizeof(text), "10.9.%d.%d", 1 + i / 250, 1 + i % 250);
		send_text(A, "10.9.0.1", text, "are you there?");
	}
	world_settle(&w);
	ck_assert_uint_eq(dataplane_waiting(A->dataplane), FQ_FLOWS);
	ck_assert(world_passes(&w, A, B));
	expect_drops(A, STAT_TX_DROP_QUEUE_FULL, 1);
}
END_TEST

/* With this key nobody can have a secret in common: RFC 7748, 6.1. */
START_TEST(native_drops_what_no_handshake_can_be_begun_for)
{
	open_mode(1, 2);
	memset(peer_of(A, B)->public_key, 0, AEAD_KEY_LEN);
	peer_of(A, B)->public_key[0] = 1;
	world_send(A, B, "in vain");
	world_send(A, B, "again");
	ck_assert_uint_eq(dataplane_waiting(A->dataplane), 0);
	expect_drops(A, STAT_TX_DROP_NO_SESSION, 2);
}
END_TEST

START_TEST(native_tries_again_at_once_when_the_broker_is_back)
{
	open_mode(_i, 2);
	seen.lost[FRAME_INIT] = true;
	world_send(A, B, "waiting");
	world_pass(&w, CHANNEL_RETRY_MS / 2);
	ck_assert_uint_eq(B->delivered, 0);
	seen.lost[FRAME_INIT] = false;
	native_up(A->native, FRAME_MESSAGE_MAX, w.now_ms);
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "waiting"), 1);
}
END_TEST

START_TEST(native_renews_sessions_without_losing_a_packet)
{
	size_t count = 0;

	open_mode(_i, 2);
	for (uint64_t ms = 0; ms < 4 * WORLD_REKEY_MS; ms += SECOND) {
		world_send(A, B, "tick");
		world_send(B, A, "tock");
		count++;
		world_pass(&w, SECOND);
	}
	ck_assert_uint_eq(world_got(B, "tick"), count);
	ck_assert_uint_eq(world_got(A, "tock"), count);
	ck_assert_uint_ge(stat(A, STAT_HANDSHAKES_DONE), 3);
	ck_assert_uint_le(stat(A, STAT_HANDSHAKES_DONE), 6);
	EXPECT_NO_DROPS(A);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_delivers_no_keepalive)
{
	open_mode(_i, 2);
	world_send(A, B, "one way");
	world_pass(&w, CHANNEL_KEEPALIVE_MS + SECOND);
	ck_assert_uint_eq(seen.last_len[FRAME_DATA], SESSION_OVERHEAD);
	ck_assert_uint_eq(A->delivered, 0);
	ck_assert_uint_eq(stat(A, STAT_RX_MESSAGES), 0);
	EXPECT_NO_DROPS(A);
}
END_TEST

/* Addresses. */

START_TEST(native_receives_for_those_it_forwards_for)
{
	const struct addr forward = addr("10.9.7.7");

	open_mode(0, 2);
	ck_assert_int_eq(native_set_forwards(B->native, &forward, 1), 0);
	ck_assert_ptr_null(native_id(B->native, WORLD_ADDRS + 1));
	ck_assert(addr_equal(&native_id(B->native, WORLD_ADDRS)->addr, &forward));
	send_text(A, "10.9.0.1", "10.9.7.7", "forward this");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "forward this"), 1);
	send_text(B, "10.9.7.7", "10.9.0.1", "answer");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "answer"), 1);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1);
	EXPECT_NO_DROPS(A);
	EXPECT_NO_DROPS(B);
}
END_TEST

/* One node forwards for an address that the other knows as one behind it. */
START_TEST(native_forwards_for_what_others_know_to_be_behind_it)
{
	const struct addr forward = addr("10.9.7.7"), own = addr("10.9.0.2");
	const struct prefix behind = {.addr = forward, .len = 32};

	open_mode(0, 2);
	configure(A, B, PEER_NATIVE, &own, 1, &behind);
	ck_assert_int_eq(native_set_forwards(B->native, &forward, 1), 0);
	send_text(A, "10.9.0.1", "10.9.7.7", "forward this");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "forward this"), 1);
	send_text(B, "10.9.7.7", "10.9.0.1", "answer");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "answer"), 1);
	EXPECT_NO_DROPS(A);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_receives_no_more_for_those_it_forwarded_for)
{
	const struct addr forward = addr("10.9.7.7");
	uint64_t key_id;

	open_mode(0, 2);
	world_send_to_all(B, "has a key");
	world_settle(&w);
	forget_seen();
	key_id = native_own(B->native, world_addr(B))->sender.key_id;
	ck_assert_int_eq(native_set_forwards(B->native, &forward, 1), 0);
	ck_assert_int_eq(native_set_forwards(B->native, NULL, 0), 0);
	ck_assert_ptr_null(native_id(B->native, WORLD_ADDRS));
	ck_assert_uint_eq(native_own(B->native, world_addr(B))->sender.key_id, key_id);
	send_text(A, "10.9.0.1", "10.9.7.7", "forward this");
	world_settle(&w);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1);
	ck_assert_uint_eq(seen.count[FRAME_RESPONSE], 0);
	ck_assert_uint_eq(B->delivered, 0);
	world_send_to_all(B, "has the same key");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "has the same key"), 1);
	ck_assert_uint_eq(seen.count[FRAME_CONTROL], 0);
}
END_TEST

START_TEST(native_sends_to_and_takes_from_what_is_behind_a_peer)
{
	const struct addr addrs[] = {addr("10.9.0.2"), addr("fd09::2")};
	struct prefix route;

	open_mode(_i, 2);
	ck_assert_int_eq(prefix_parse("192.168.5.0/24", &route), 0);
	configure_plainly(A, B);
	configure_plainly(B, A);
	ck_assert(world_passes(&w, A, B));
	send_text(B, "192.168.5.9", "10.9.0.1", "from behind");
	world_settle(&w);
	expect_drops(A, STAT_RX_DROP_SPOOFED, 1);
	ck_assert_uint_eq(peer_of(A, B)->drops, 1);
	configure(A, B, PEER_NATIVE, addrs, 2, &route);
	send_text(B, "192.168.5.9", "10.9.0.1", "from behind");
	send_text(A, "10.9.0.1", "192.168.5.9", "to behind");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "from behind"), 1);
	ck_assert_uint_eq(world_got(B, "to behind"), 1);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1); /* the same session */
}
END_TEST

START_TEST(native_tries_the_addresses_of_a_peer_one_after_the_other)
{
	const struct addr addrs[] = {addr("10.9.0.66"), addr("10.9.0.77"), addr("10.9.0.2")};

	open_mode(1, 2);
	world_forget(A, B);
	configure(A, B, PEER_NATIVE, addrs, 3, NULL);
	send_text(A, "10.9.0.1", "10.9.0.66", "anywhere");
	world_pass(&w, 2 * (CHANNEL_RETRY_MS + SECOND) + SECOND);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 3);
	ck_assert_uint_eq(world_got(B, "anywhere"), 1);
	ck_assert_int_eq(state_of(A, B), CHANNEL_UP);
	/* All that it has is behind the one by which it is reached. */
	send_text(A, "10.9.0.1", "10.9.0.77", "elsewhere");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "elsewhere"), 1);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 3);
}
END_TEST

START_TEST(native_does_not_talk_to_a_peer_of_the_old_wire)
{
	const struct addr addrs[] = {addr("10.9.0.1"), addr("fd09::1")};

	open_mode(_i, 2);
	configure(B, A, PEER_MQTT_VPN, addrs, 2, NULL);
	world_send(A, B, "natively");
	world_settle(&w);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1);
	ck_assert_uint_eq(seen.count[FRAME_RESPONSE], 0);
	expect_drops(B, STAT_RX_DROP_HANDSHAKE, 1);
	/* Nor is it asked for keys, or given any. */
	world_send_to_all(B, "to all");
	world_settle(&w);
	ck_assert_uint_eq(A->delivered, 0);
	ck_assert_uint_eq(stat(B, STAT_HANDSHAKES_STARTED), 0);
	ck_assert_uint_eq(stat(B, STAT_MULTICAST_KEYS_SENT), 0);
}
END_TEST

START_TEST(native_uses_addresses_in_plain_topics)
{
	open_world((struct world_params){.mode = mode_of(_i), .plain_topics = true});
	ck_assert(world_passes(&w, A, B));
	ck_assert_str_eq(seen.last_topic[FRAME_INIT], "mv/test/0a090002/0a090001");
	ck_assert_str_eq(seen.last_topic[FRAME_RESPONSE], "mv/test/0a090001/0a090002");
	world_send_to_all(A, "to all");
	world_settle(&w);
	ck_assert_str_eq(seen.last_topic[FRAME_MULTICAST], "mv/test/broadcast/0a090001");
	ck_assert_uint_eq(world_got(B, "to all"), 1);
}
END_TEST

#define IPV6_TOPIC "mv/test/fd090000000000000000000000000002/fd090000000000000000000000000001"

START_TEST(native_speaks_as_an_address_of_the_packets_family)
{
	open_world((struct world_params){.mode = mode_of(_i), .plain_topics = true});
	send_text(A, "fd08::9", "fd09::2", "from behind"); /* none of its own */
	ck_assert_str_eq(seen.last_topic[FRAME_INIT], IPV6_TOPIC);
}
END_TEST

/* Where it may, it begins with the address that the packet is for. */
START_TEST(native_looks_for_a_peer_where_the_packet_goes)
{
	open_world((struct world_params){.mode = NETWORK_PUBKEY, .plain_topics = true});
	ck_assert(world_passes(&w, A, B));
	native_goodbye(B->native, w.now_ms);
	world_settle(&w);
	send_text(A, "fd09::1", "fd09::2", "six");
	ck_assert_str_eq(seen.last_topic[FRAME_INIT], IPV6_TOPIC);
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "six"), 1);
	/* Not while it has a session. */
	ck_assert(world_passes(&w, A, B));
	ck_assert_str_eq(seen.last_topic[FRAME_DATA],
	    "mv/test/fd090000000000000000000000000001/fd090000000000000000000000000002");
}
END_TEST

START_TEST(native_hands_up_probes)
{
	static const uint8_t token[NOTICE_TOKEN_LEN] = "0123456789abcdef";
	struct addr twin;

	open_mode(_i, 2);
	twin = *world_addr(A);
	ck_assert_int_eq(native_probe(A->native, token), 0);
	world_settle(&w);
	ck_assert_uint_eq(A->probes, 1);
	ck_assert_uint_eq(B->probes, 0);
	ck_assert_mem_eq(A->token, token, sizeof(token));
	/* Another node has the same address. */
	ck_assert_int_eq(native_set_forwards(B->native, &twin, 1), 0);
	ck_assert_int_eq(native_probe(A->native, token), 0);
	world_settle(&w);
	ck_assert_uint_eq(A->probes, 2);
	ck_assert_uint_eq(B->probes, 1);
	ck_assert_mem_eq(B->token, token, sizeof(token));
	A->cut = true;
	ck_assert_int_eq(native_probe(A->native, token), -1);
}
END_TEST

/* What the broker brings that is not for us. */

static bool
receive(struct world_node *n, struct link_message m)
{
	return native_receive(n->native, &m, w.now_ms);
}

START_TEST(native_leaves_topics_of_others_alone)
{
	static const char *const topics[] = {"", "/", "test", "mqttip/10.9.0.1", "a/b/c",
	    "mv/other/0a090001/0a090002", "mv/test/0a090001", "$SYS/broker/load", "///"};
	uint8_t message[64] = {FRAME_VERSION, FRAME_DATA};
	struct link_message m = {.payload = message, .len = sizeof(message)};

	open_world((struct world_params){.mode = NETWORK_PSK, .plain_topics = true});
	for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
		m.topic = topics[i];
		ck_assert_msg(!receive(A, m), "%s", topics[i]);
	}
	EXPECT_NO_DROPS(A);
	m.topic = "mv/test/0a090003/0a090002";
	ck_assert(receive(A, m));
	expect_drops(A, STAT_RX_DROP_TOPIC, 1);
	m.topic = "mv/test/broadcast/0a090002"; /* none of these is for all */
	ck_assert(receive(A, m));
	expect_drops(A, STAT_RX_DROP_TOPIC, 2);
	message[1] = FRAME_MULTICAST;
	m.topic = "bridged/mv/test/0a090001/0a090002"; /* and this is for nobody else */
	ck_assert(receive(A, m));
	expect_drops(A, STAT_RX_DROP_TOPIC, 3);
}
END_TEST

START_TEST(native_drops_messages_that_no_node_sends)
{
	static uint8_t message[FRAME_MESSAGE_MAX + 1] = {FRAME_VERSION, FRAME_DATA};
	struct link_message m = {
	    .topic = "mv/test/0a090001/0a090002", .payload = message, .len = 64};

	open_world((struct world_params){.mode = NETWORK_PSK, .plain_topics = true});
	m.retain = true;
	ck_assert(receive(A, m));
	expect_drops(A, STAT_RX_DROP_RETAINED, 1);
	m.retain = false;
	m.qos = 1;
	ck_assert(receive(A, m));
	ck_assert_uint_eq(stat(A, STAT_RX_DROP_QOS), 1);
	m.qos = 0;
	m.len = sizeof(message);
	ck_assert(receive(A, m));
	ck_assert_uint_eq(stat(A, STAT_RX_DROP_TOO_BIG), 1);
	m.len = 3;
	ck_assert(receive(A, m));
	ck_assert_uint_eq(stat(A, STAT_RX_DROP_TOO_SHORT), 1);
	m.len = 64;
	message[0] = 0x45;
	ck_assert(receive(A, m));
	ck_assert_uint_eq(stat(A, STAT_RX_DROP_VERSION), 1);
	message[0] = FRAME_VERSION;
	ck_assert_uint_eq(stats_sum(&A->stats, "rx_drop_"), 5);
	ck_assert_uint_eq(A->delivered, 0);
}
END_TEST

/* Broadcast and multicast. */

START_TEST(native_delivers_a_broadcast_when_its_key_has_come)
{
	open_mode(_i, 3);
	world_send_to_all(A, "first");
	ck_assert_uint_eq(seen.count[FRAME_MULTICAST], 1);
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "first"), 1);
	ck_assert_uint_eq(world_got(C, "first"), 1);
	ck_assert_uint_eq(A->delivered, 0);
	ck_assert_uint_eq(stat(A, STAT_TX_BROADCASTS), 1);
	ck_assert_uint_eq(stat(A, STAT_TX_PACKETS), 1);
	ck_assert_uint_eq(stat(A, STAT_TX_MESSAGES), 1);
	ck_assert_uint_eq(stat(A, STAT_MULTICAST_KEYS_SENT), 2);
	ck_assert_uint_eq(stat(B, STAT_MULTICAST_KEYS_RECEIVED), 1);
	ck_assert_uint_eq(stat(B, STAT_RX_MESSAGES), 1);
	ck_assert_uint_eq(peer_of(B, A)->rx_packets, 1);
	EXPECT_NO_DROPS(B);
	/* The next ones need nothing more. */
	forget_seen();
	world_send_to_all(A, "second");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "second"), 1);
	ck_assert_uint_eq(seen.count[FRAME_NOTICE] + seen.count[FRAME_CONTROL], 0);
}
END_TEST

START_TEST(native_delivers_broadcasts_in_order)
{
	const struct addr all = addr("255.255.255.255");
	char text[16];

	open_mode(_i, 2);
	for (unsigned int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "t%u", i);
		world_send_to_all(A, text);
		if (i == 5)
			world_settle(&w);
	}
	world_settle(&w);
	expect_in_order(B, world_addr(A), &all, 10);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_hands_out_its_key_before_the_first_broadcast)
{
	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	forget_seen();
	world_send_to_all(A, "hello");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "hello"), 1);
	ck_assert_uint_eq(seen.count[FRAME_CONTROL], 1);
	ck_assert_uint_eq(seen.count[FRAME_NOTICE], 0);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_delivers_no_broadcast_twice)
{
	struct world_message *m;

	open_mode(_i, 2);
	world_send_to_all(A, "once");
	m = world_copy(world_find(&w, FRAME_MULTICAST));
	world_publish(&w, m); /* while it waits for its key */
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "once"), 1);
	expect_drops(B, STAT_RX_DROP_REPLAY, 1);
	world_publish(&w, m);
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "once"), 1);
	ck_assert_uint_eq(stat(B, STAT_RX_DROP_REPLAY), 2);
	/* Its own comes back where the broker knows no better. */
	world_give(A, m);
	ck_assert_uint_eq(A->delivered, 0);
	ck_assert_uint_gt(stat(A, STAT_RX_DROP_OWN_SOURCE), 0);
	free(m);
}
END_TEST

START_TEST(native_does_not_hold_broadcasts_for_long)
{
	open_mode(_i, 2);
	seen.lost[FRAME_NOTICE] = true; /* nobody is asked */
	world_send_to_all(A, "old");
	world_settle(&w);
	EXPECT_NO_DROPS(B);
	world_pass(&w, 4 * SECOND);
	world_send_to_all(A, "new");
	world_settle(&w);
	expect_drops(B, STAT_RX_DROP_UNKNOWN_KEY, 1);
	seen.lost[FRAME_NOTICE] = false;
	world_pass(&w, SECOND);
	world_send_to_all(A, "newest");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "old"), 0);
	ck_assert_uint_eq(world_got(B, "new"), 1);
	ck_assert_uint_eq(world_got(B, "newest"), 1);
	expect_drops(B, STAT_RX_DROP_UNKNOWN_KEY, 1);
}
END_TEST

/* What somebody recorded before a node came is not for it. */
START_TEST(native_gives_a_new_receiver_no_key_for_the_past)
{
	struct world_message *old;

	open_mode(_i, 2);
	world_stop(B);
	world_send_to_all(A, "old");
	old = world_copy(seen.last_multicast);
	world_pass(&w, 10 * SECOND);
	world_start(B);
	world_settle(&w);
	world_send_to_all(A, "new");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "new"), 1);
	world_publish(&w, old);
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "old"), 0);
	expect_drops(B, STAT_RX_DROP_REPLAY, 1);
	free(old);
}
END_TEST

START_TEST(native_gives_its_key_again_when_asked)
{
	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	seen.lost[FRAME_CONTROL] = true;
	world_send_to_all(A, "not readable");
	ck_assert_uint_eq(seen.count[FRAME_CONTROL], 1);
	seen.lost[FRAME_CONTROL] = false;
	world_settle(&w);
	ck_assert_uint_eq(seen.count[FRAME_NOTICE], 1);
	ck_assert_uint_eq(seen.count[FRAME_CONTROL], 2);
	world_send_to_all(A, "readable");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "readable"), 1);
	ck_assert_uint_eq(seen.count[FRAME_CONTROL], 2);
	ck_assert_uint_eq(stat(B, STAT_MULTICAST_KEYS_RECEIVED), 1);
}
END_TEST

static uint64_t
multicast_key_id(void)
{
	struct frame_header h;

	ck_assert_ptr_nonnull(seen.last_multicast);
	ck_assert_int_eq(frame_parse(seen.last_multicast->bytes, seen.last_multicast->len, &h), 0);
	return h.key_id;
}

START_TEST(native_renews_its_key_after_an_hour)
{
	uint64_t first;

	open_mode(_i, 2);
	world_send_to_all(A, "first");
	world_settle(&w);
	first = multicast_key_id();
	world_pass(&w, HOUR - SECOND);
	world_send_to_all(A, "second");
	world_settle(&w);
	ck_assert_uint_eq(multicast_key_id(), first);
	ck_assert_uint_eq(world_got(B, "second"), 1);
	world_pass(&w, SECOND);
	world_send_to_all(A, "third");
	world_settle(&w);
	ck_assert_uint_ne(multicast_key_id(), first);
	ck_assert_uint_eq(world_got(B, "third"), 1);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_sends_to_all_as_each_of_its_addresses)
{
	open_mode(_i, 2);
	for (int i = 0; i < 3; i++) {
		broadcast_text(A, "10.9.0.1", "224.0.0.251", "four");
		broadcast_text(A, "fd09::1", "ff02::fb", "six");
		world_settle(&w);
	}
	ck_assert_uint_eq(world_got(B, "four"), 3);
	ck_assert_uint_eq(world_got(B, "six"), 3);
	ck_assert_uint_eq(stat(B, STAT_MULTICAST_KEYS_RECEIVED), 2);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_drops_broadcasts_with_the_source_of_another)
{
	uint8_t packet[TEXT_PACKET];
	size_t len;

	open_mode(_i, 3);
	len = world_packet(packet, world_addr(C), world_addr(B), "forged");
	native_broadcast(A->native, world_take_packet(A, packet, len));
	world_transmit(A);
	world_settle(&w);
	expect_drops(B, STAT_RX_DROP_SPOOFED, 1);
	ck_assert_uint_eq(B->delivered, 0);
	ck_assert_uint_eq(peer_of(B, A)->drops, 1);
}
END_TEST

/* Ends and beginnings. */

START_TEST(native_goodbye_ends_the_session)
{
	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	native_goodbye(B->native, w.now_ms);
	world_settle(&w);
	ck_assert_int_eq(state_of(A, B), CHANNEL_IDLE);
	world_stop(B);
	world_start(B);
	forget_seen();
	world_send(A, B, "welcome back");
	world_settle(&w);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1);
	ck_assert_uint_eq(world_got(B, "welcome back"), 1);
	EXPECT_NO_DROPS(B);
}
END_TEST

START_TEST(native_starts_anew_with_a_node_that_has_started)
{
	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	world_pass(&w, 5 * SECOND);
	world_stop(B);
	world_start(B);
	native_up(B->native, FRAME_MESSAGE_MAX, w.now_ms);
	world_settle(&w);
	ck_assert_uint_ge(stat(A, STAT_NOTICES_RECEIVED), 1);
	ck_assert_int_eq(state_of(B, A), CHANNEL_UP);
	forget_seen();
	world_send(A, B, "at once");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "at once"), 1);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 0);
	EXPECT_NO_DROPS(B);
	/* It tells only once. */
	native_up(B->native, FRAME_MESSAGE_MAX, w.now_ms);
	ck_assert_uint_eq(seen.count[FRAME_NOTICE], 0);
}
END_TEST

START_TEST(native_starts_anew_with_a_node_that_has_lost_the_session)
{
	open_mode(_i, 2);
	ck_assert(world_passes(&w, A, B));
	world_pass(&w, 5 * SECOND);
	seen.lost[FRAME_NOTICE] = true;
	world_stop(B);
	world_start(B);
	world_settle(&w);
	while (w.queue != NULL)
		free(world_take(&w));
	seen.lost[FRAME_NOTICE] = false;
	world_pass(&w, 2 * SECOND);
	forget_seen();
	world_send(A, B, "to the one before");
	world_settle(&w);
	expect_drops(B, STAT_RX_DROP_NO_SESSION, 1);
	ck_assert_uint_eq(seen.count[FRAME_NOTICE], 1);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1);
	world_send(A, B, "to the new one");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "to the new one"), 1);
}
END_TEST

START_TEST(native_restarted_node_can_read_broadcasts_again)
{
	struct world_message *old;

	open_mode(_i, 2);
	world_send_to_all(A, "before");
	world_settle(&w);
	old = world_copy(seen.last_multicast);
	world_pass(&w, 5 * SECOND);
	world_stop(B);
	world_start(B);
	world_pass(&w, SECOND);
	world_send_to_all(A, "after");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "after"), 1);
	world_publish(&w, old); /* it has read this, though it cannot know */
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "before"), 1);
	ck_assert_uint_eq(stat(B, STAT_RX_DROP_REPLAY), 1);
	free(old);
}
END_TEST

/* Changes of the configuration. */

/* A has sessions with B and C, of its configuration, and counts from now on. */
static void
open_named(int round)
{
	open_world((struct world_params){.mode = mode_of(round), .nodes = 4, .configured = true});
	ck_assert(world_passes(&w, A, B));
	ck_assert(world_passes(&w, A, C));
	world_send_to_all(A, "key");
	world_settle(&w);
	forget_seen();
}

/* That peer of A was not disturbed: nothing but data is needed. */
static void
expect_undisturbed(struct world_node *n, uint64_t rx_packets)
{
	size_t firsts = seen.count[FRAME_INIT];

	ck_assert_uint_eq(peer_of(A, n)->rx_packets, rx_packets);
	ck_assert(world_passes(&w, A, n));
	ck_assert_uint_eq(seen.count[FRAME_INIT], firsts);
	ck_assert_uint_eq(peer_of(A, n)->rx_packets, rx_packets + 1);
}

START_TEST(native_keeps_sessions_when_nothing_changes)
{
	open_named(_i);
	peer_table_mark(A->peers);
	for (int i = 3; i > 0; i--)
		configure_plainly(A, &w.node[i]);
	peer_table_sweep(A->peers);
	expect_undisturbed(B, 1);
	expect_undisturbed(C, 1);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 0);
	world_send_to_all(A, "same key");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "same key"), 1);
	ck_assert_uint_eq(seen.count[FRAME_CONTROL], 0);
}
END_TEST

START_TEST(native_forgets_the_multicast_key_of_a_peer_that_is_removed)
{
	open_named(_i);
	world_send_to_all(B, "before");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "before"), 1);
	world_forget(A, B);
	forget_seen();
	world_send_to_all(B, "after");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "after"), 0);
	ck_assert_uint_eq(world_got(C, "after"), 1);
	expect_undisturbed(C, 1);
	/* Whoever knows the passphrase is a peer again, whoever has only a key is none. */
	world_send_to_all(B, "known again");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "known again"), _i == 0 ? 1 : 0);
}
END_TEST

START_TEST(native_does_not_know_the_session_of_a_peer_that_is_removed)
{
	open_named(_i);
	world_forget(A, B);
	expect_undisturbed(C, 1);
	ck_assert_ptr_null(peer_by_address(A->peers, world_addr(B)));
	world_send(B, A, "still there?");
	world_settle(&w);
	ck_assert_uint_eq(stat(A, STAT_RX_DROP_NO_SESSION), 1);
	world_send(B, A, "still there?");
	world_settle(&w);
	ck_assert_uint_eq(world_got(A, "still there?"), _i == 0 ? 1 : 0);
}
END_TEST

START_TEST(native_renews_its_key_when_a_peer_is_removed)
{
	uint64_t key_id;

	open_named(_i);
	world_send_to_all(A, "with b");
	world_settle(&w);
	key_id = multicast_key_id();
	world_forget(A, B);
	world_send_to_all(A, "without b");
	world_settle(&w);
	ck_assert_uint_ne(multicast_key_id(), key_id);
	ck_assert_uint_eq(world_got(C, "without b"), 1);
	if (_i == 1)
		ck_assert_uint_eq(world_got(B, "without b"), 0);
}
END_TEST

START_TEST(native_starts_anew_with_a_peer_that_is_changed)
{
	const struct addr fewer = addr("10.9.0.2");

	open_named(_i);
	peer_table_mark(A->peers);
	configure(A, B, PEER_NATIVE, &fewer, 1, NULL);
	configure_plainly(A, C);
	configure_plainly(A, &w.node[3]);
	peer_table_sweep(A->peers);
	ck_assert_int_eq(state_of(A, B), CHANNEL_IDLE);
	ck_assert_uint_eq(peer_of(A, B)->rx_packets, 1); /* it is the same peer still */
	expect_undisturbed(C, 1);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 0);
	world_send(A, B, "new session");
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "new session"), 1);
	ck_assert_uint_eq(seen.count[FRAME_INIT], 1);
}
END_TEST

START_TEST(native_drops_what_waits_when_a_peer_goes)
{
	open_named(_i);
	queue_text(A, "10.9.0.1", "10.9.0.2", "last");
	world_forget(A, B);
	world_transmit(A);
	world_settle(&w);
	ck_assert_uint_eq(world_got(B, "last"), 0);
	ck_assert_uint_eq(stat(A, STAT_TX_DROP_NO_DESTINATION), 1);
}
END_TEST

START_TEST(native_takes_a_peer_that_is_added)
{
	open_named(_i);
	world_forget(A, &w.node[3]);
	expect_undisturbed(B, 1);
	configure_plainly(A, &w.node[3]);
	expect_undisturbed(B, 2);
	expect_undisturbed(C, 1);
	ck_assert(world_passes(&w, A, &w.node[3]));
}
END_TEST

/* It was sent to and heard before somebody put it into the configuration. */
START_TEST(native_learnt_peer_becomes_a_configured_one)
{
	open_mode(0, 2);
	ck_assert(world_passes(&w, A, B));
	configure_plainly(A, B);
	ck_assert(peer_of(A, B)->configured);
	ck_assert_uint_eq(peer_of(A, B)->rx_packets, 1);
	ck_assert(world_passes(&w, A, B));
	ck_assert_uint_eq(peer_of(A, B)->rx_packets, 2);
}
END_TEST

static void
add_packet_tests(TCase *tc)
{
	tcase_add_loop_test(tc, native_carries_packets_there_and_back, 0, 2);
	tcase_add_loop_test(tc, native_carries_packets_of_ipv6, 0, 2);
	tcase_add_loop_test(tc, native_delivers_in_order_what_waited_for_a_session, 0, 2);
	tcase_add_loop_test(tc, native_lets_no_more_packets_wait_than_it_may, 0, 2);
	tcase_add_loop_test(tc, native_joins_packets_in_one_message, 0, 2);
	tcase_add_loop_test(tc, native_reports_what_had_come_when_it_was_asked, 0, 2);
	tcase_add_loop_test(tc, native_round_trip_begins_before_it_publishes, 0, 2);
	tcase_add_loop_test(tc, native_pads_messages_to_steps, 0, 2);
	tcase_add_loop_test(tc, native_pads_messages_to_buckets, 0, 2);
	tcase_add_loop_test(tc, native_carries_the_largest_packet, 0, 2);
	tcase_add_loop_test(tc, native_keeps_to_the_limit_of_the_broker, 0, 2);
	tcase_add_loop_test(tc, native_fills_messages_where_the_broker_counts_them, 0, 2);
	tcase_add_loop_test(tc, native_pads_a_report_that_goes_alone, 0, 2);
	tcase_add_loop_test(tc, native_drops_packets_under_a_limit_without_any_room, 0, 2);
	tcase_add_loop_test(tc, native_keeps_broadcasts_to_a_limit_too, 0, 2);
	tcase_add_loop_test(tc, native_sends_no_larger_messages_than_a_peer_takes, 0, 2);
	tcase_add_loop_test(tc, native_counts_packets_that_could_not_be_published, 0, 2);
}

static void
add_peer_tests(TCase *tc)
{
	tcase_add_test(tc, native_learns_peers_by_a_passphrase);
	tcase_add_test(tc, native_learns_no_peers_by_keys);
	tcase_add_test(tc, native_refuses_an_unknown_key);
	tcase_add_test(tc, native_refuses_a_known_key_at_the_address_of_another_peer);
	tcase_add_test(tc, native_does_not_meet_nodes_of_another_secret);
	tcase_add_loop_test(tc, native_tells_how_it_is_with_a_peer, 0, 2);
	tcase_add_test(tc, native_reaches_a_peer_while_many_do_not_answer);
	tcase_add_test(tc, native_drops_what_no_handshake_can_be_begun_for);
	tcase_add_loop_test(tc, native_tries_again_at_once_when_the_broker_is_back, 0, 2);
	tcase_add_loop_test(tc, native_renews_sessions_without_losing_a_packet, 0, 2);
	tcase_add_loop_test(tc, native_delivers_no_keepalive, 0, 2);
	tcase_add_test(tc, native_receives_for_those_it_forwards_for);
	tcase_add_test(tc, native_forwards_for_what_others_know_to_be_behind_it);
	tcase_add_test(tc, native_receives_no_more_for_those_it_forwarded_for);
	tcase_add_loop_test(tc, native_sends_to_and_takes_from_what_is_behind_a_peer, 0, 2);
	tcase_add_test(tc, native_tries_the_addresses_of_a_peer_one_after_the_other);
	tcase_add_loop_test(tc, native_does_not_talk_to_a_peer_of_the_old_wire, 0, 2);
	tcase_add_loop_test(tc, native_uses_addresses_in_plain_topics, 0, 2);
	tcase_add_loop_test(tc, native_speaks_as_an_address_of_the_packets_family, 0, 2);
	tcase_add_test(tc, native_looks_for_a_peer_where_the_packet_goes);
	tcase_add_loop_test(tc, native_hands_up_probes, 0, 2);
	tcase_add_test(tc, native_leaves_topics_of_others_alone);
	tcase_add_test(tc, native_drops_messages_that_no_node_sends);
}

static void
add_broadcast_tests(TCase *tc)
{
	tcase_add_loop_test(tc, native_delivers_a_broadcast_when_its_key_has_come, 0, 2);
	tcase_add_loop_test(tc, native_delivers_broadcasts_in_order, 0, 2);
	tcase_add_loop_test(tc, native_hands_out_its_key_before_the_first_broadcast, 0, 2);
	tcase_add_loop_test(tc, native_delivers_no_broadcast_twice, 0, 2);
	tcase_add_loop_test(tc, native_does_not_hold_broadcasts_for_long, 0, 2);
	tcase_add_loop_test(tc, native_gives_a_new_receiver_no_key_for_the_past, 0, 2);
	tcase_add_loop_test(tc, native_gives_its_key_again_when_asked, 0, 2);
	tcase_add_loop_test(tc, native_renews_its_key_after_an_hour, 0, 2);
	tcase_add_loop_test(tc, native_sends_to_all_as_each_of_its_addresses, 0, 2);
	tcase_add_loop_test(tc, native_drops_broadcasts_with_the_source_of_another, 0, 2);
}

static void
add_change_tests(TCase *tc)
{
	tcase_add_loop_test(tc, native_goodbye_ends_the_session, 0, 2);
	tcase_add_loop_test(tc, native_starts_anew_with_a_node_that_has_started, 0, 2);
	tcase_add_loop_test(tc, native_starts_anew_with_a_node_that_has_lost_the_session, 0, 2);
	tcase_add_loop_test(tc, native_restarted_node_can_read_broadcasts_again, 0, 2);
	tcase_add_loop_test(tc, native_keeps_sessions_when_nothing_changes, 0, 2);
	tcase_add_loop_test(tc, native_forgets_the_multicast_key_of_a_peer_that_is_removed, 0, 2);
	tcase_add_loop_test(tc, native_does_not_know_the_session_of_a_peer_that_is_removed, 0, 2);
	tcase_add_loop_test(tc, native_renews_its_key_when_a_peer_is_removed, 0, 2);
	tcase_add_loop_test(tc, native_starts_anew_with_a_peer_that_is_changed, 0, 2);
	tcase_add_loop_test(tc, native_drops_what_waits_when_a_peer_goes, 0, 2);
	tcase_add_loop_test(tc, native_takes_a_peer_that_is_added, 0, 2);
	tcase_add_test(tc, native_learnt_peer_becomes_a_configured_one);
}

int
main(void)
{
	Suite *suite = suite_create("native");
	TCase *tc = tcase_create("native");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	add_packet_tests(tc);
	add_peer_tests(tc);
	add_broadcast_tests(tc);
	add_change_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
