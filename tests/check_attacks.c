/*
 * What a broker, an outsider or an evil member may try, each a test of that name: nothing is
 * delivered twice or wrongly, a counter says why, and live sessions go on. Those that are looped
 * run in both modes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aead.h"
#include "compat.h"
#include "handshake.h"
#include "ip.h"
#include "log.h"
#include "multicast.h"
#include "native_internal.h" /* the evil ones have a node's own means */
#include "native_world.h"
#include "replay.h"

/* What a node may keep for a peer: before, in use, begun, and those that wait for proof. */
#define SESSIONS_MAX (3 + CHANNEL_PENDING_MAX)
#define RECORDS_MAX 20000
#define FLOOD 10000
#define TCP_MAX 65300
#define TCP_HEADER 20
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_URG 0x20

static struct world w;
static struct world_node *const a = &w.node[0], *const b = &w.node[1], *const evil = &w.node[2];

/* What the broker has seen. */
static struct world_message *records[RECORDS_MAX];
static size_t record_count;

static bool
record(void *arg, struct world_message *m)
{
	ck_assert_uint_lt(record_count, RECORDS_MAX);
	records[record_count++] = world_copy(m);
	return true;
}

static struct world_message *
last_record(const struct world_node *from, enum frame_type type)
{
	for (size_t i = record_count; i-- > 0;)
		if (records[i]->from == from->number && records[i]->bytes[1] == type)
			return records[i];
	ck_abort_msg("nothing of this type was published");
	return NULL;
}

static void
replay_records(size_t count)
{
	for (size_t i = 0; i < count; i++)
		world_publish(&w, records[i]);
	world_settle(&w);
}

static uint64_t
dropped(const struct world_node *n)
{
	return stats_sum(&n->stats, "rx_drop_");
}

static uint64_t
count(const struct world_node *n, enum stat_id id)
{
	return n->stats.value[id];
}

static size_t
sessions(const struct world_node *n)
{
	return session_table_count(n->native->shared.sessions);
}

static void
begin_with(const struct world_params *params)
{
	world_open(&w, params);
	w.tap = record;
}

static void
begin_passing(const struct world_params *params)
{
	int nodes = params->nodes;

	begin_with(params);
	ck_assert(world_passes(&w, a, b));
	if (nodes > 2) {
		ck_assert(world_passes(&w, a, evil));
		ck_assert(world_passes(&w, evil, b));
	}
}

static void
begin(int mode, int nodes)
{
	begin_passing(&(struct world_params){.mode = (enum network_mode)mode, .nodes = nodes});
}

/* Where many messages are kept back: their sender would else wait for a report. */
static void
begin_featureless(int mode, int nodes)
{
	begin_passing(&(struct world_params){
	    .mode = (enum network_mode)mode, .nodes = nodes, .featureless = true});
}

/* Whatever was tried, those who have sessions still talk, and nothing has piled up. */
static void
finish(void)
{
	w.tap = NULL;
	ck_assert(world_passes(&w, a, b));
	for (int i = 0; i < w.count; i++)
		ck_assert_uint_le(sessions(&w.node[i]), SESSIONS_MAX * (size_t)(w.count - 1));
	world_close(&w);
	while (record_count > 0)
		free(records[--record_count]);
}

/* Publishes a packet, and keeps the message from its receiver. */
static struct world_message *
hold_packet(struct world_node *from, const struct world_node *to, const char *text)
{
	struct world_message *m;

	world_settle(&w);
	world_send(from, to, text);
	m = world_take(&w);
	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(m->bytes[1], FRAME_DATA);
	return m;
}

/* It is to be dropped for this reason alone. */
static void
give_in_vain(struct world_node *n, const struct world_message *m, enum stat_id reason)
{
	uint64_t all = dropped(n), these = count(n, reason);
	size_t delivered = n->delivered;

	world_give(n, m);
	ck_assert_uint_eq(n->delivered, delivered);
	ck_assert_uint_eq(count(n, reason), these + 1);
	ck_assert_uint_eq(dropped(n), all + 1);
}

static void
give_once(struct world_node *n, const struct world_message *m, const char *text)
{
	world_give(n, m);
	ck_assert_uint_eq(world_got(n, text), 1);
}

static const char *
id_part(const struct world_node *n, int i)
{
	return native_id(n->native, (size_t)i)->part;
}

static void
retopic(struct world_message *m, const struct world_node *like, const char *to, const char *from)
{
	network_topic(&like->network, m->topic, to, from);
}

static struct session *
session_of(const struct world_node *n, const struct world_node *with)
{
	struct peer *p = peer_by_address(n->peers, world_addr(with));
	struct session *s = NULL;

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < p->lane_count && s == NULL; i++)
		s = channel_session(p->lanes[i]->channel, w.now_ms);
	ck_assert_ptr_nonnull(s);
	return s;
}

static void
write_index(struct world_message *m, uint32_t index)
{
	for (int i = 0; i < 4; i++)
		m->bytes[4 + i] = (uint8_t)(index >> (24 - 8 * i));
}

static void
write_counter(struct world_message *m, uint64_t counter)
{
	for (int i = 0; i < 8; i++)
		m->bytes[8 + i] = (uint8_t)(counter >> (56 - 8 * i));
}

/* A member's message with any plaintext. */
static struct world_message *
seal_plain(struct world_node *from, const struct world_node *to, const uint8_t *plain, size_t len)
{
	struct session *s = session_of(from, to);
	struct world_message *m;
	uint8_t *buf = malloc(len + SESSION_OVERHEAD);

	ck_assert_ptr_nonnull(buf);
	if (len > 0)
		memcpy(buf + FRAME_HEADER_LEN, plain, len);
	len = session_seal(s, FRAME_DATA, buf, len);
	m = world_make(s->topic, buf, len);
	free(buf);
	return m;
}

static void
send_plain_in_vain(const uint8_t *plain, size_t len, enum stat_id reason)
{
	struct world_message *m = seal_plain(evil, b, plain, len);

	give_in_vain(b, m, reason);
	give_in_vain(b, m, STAT_RX_DROP_REPLAY);
	free(m);
}

static void
send_plain(const uint8_t *plain, size_t len)
{
	struct world_message *m = seal_plain(evil, b, plain, len);

	world_give(b, m);
	world_settle(&w);
	free(m);
}

START_TEST(replay_immediate)
{
	struct world_message *m;

	begin(_i, 2);
	m = hold_packet(a, b, "once");
	give_once(b, m, "once");
	for (int i = 0; i < 3; i++)
		give_in_vain(b, m, STAT_RX_DROP_REPLAY);
	free(m);
	world_send_to_all(a, "all");
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "all"), 1);
	give_in_vain(b, last_record(a, FRAME_MULTICAST), STAT_RX_DROP_REPLAY);
	world_stop(b);
	world_start(b);
	world_settle(&w);
	give_in_vain(a, last_record(b, FRAME_NOTICE), STAT_RX_DROP_REPLAY);
	finish();
}
END_TEST

START_TEST(replay_after_receiver_restart)
{
	size_t recorded, delivered;

	begin(_i, 2);
	world_send_to_all(a, "all");
	world_settle(&w);
	recorded = record_count;
	delivered = b->delivered;
	world_stop(b);
	world_start(b);
	replay_records(recorded);
	ck_assert_uint_eq(b->delivered, delivered);
	ck_assert_uint_gt(count(b, STAT_RX_DROP_NO_SESSION), 0);
	ck_assert(world_passes(&w, a, b));
	delivered = b->delivered;
	replay_records(recorded);
	world_pass(&w, 5000);
	world_send_to_all(a, "all again");
	world_settle(&w);
	ck_assert_uint_eq(b->delivered, delivered + 1);
	ck_assert_uint_eq(world_got(b, "all"), 1);
	finish();
}
END_TEST

START_TEST(replay_after_sender_restart)
{
	size_t recorded, delivered;

	begin(_i, 2);
	world_send_to_all(a, "all");
	world_settle(&w);
	recorded = record_count;
	delivered = b->delivered;
	world_stop(a);
	replay_records(recorded);
	world_start(a);
	replay_records(recorded);
	ck_assert_uint_eq(b->delivered, delivered);
	ck_assert_uint_gt(count(b, STAT_RX_DROP_REPLAY), 0);
	ck_assert(world_passes(&w, a, b));
	delivered = b->delivered;
	replay_records(recorded);
	world_pass(&w, CHANNEL_REKEY_MS + CHANNEL_GRACE_MS);
	replay_records(recorded);
	ck_assert_uint_eq(b->delivered, delivered);
	ck_assert_uint_gt(count(b, STAT_RX_DROP_NO_SESSION), 0);
	finish();
}
END_TEST

START_TEST(reorder_in_window)
{
	struct world_message *held[REPLAY_WINDOW];
	size_t delivered;

	begin_featureless(_i, 2);
	delivered = b->delivered;
	for (size_t i = 0; i < REPLAY_WINDOW; i++)
		held[i] = hold_packet(a, b, "late");
	for (size_t i = REPLAY_WINDOW; i-- > 0;)
		world_give(b, held[i]);
	ck_assert_uint_eq(b->delivered, delivered + REPLAY_WINDOW);
	ck_assert_uint_eq(dropped(b), 0);
	for (size_t i = 0; i < REPLAY_WINDOW; i++) {
		give_in_vain(b, held[i], STAT_RX_DROP_REPLAY);
		free(held[i]);
	}
	finish();
}
END_TEST

START_TEST(reorder_beyond_window)
{
	struct world_message *held;

	begin_featureless(_i, 2);
	held = hold_packet(a, b, "too late");
	for (int i = 0; i < REPLAY_WINDOW; i++)
		world_send(a, b, "in time");
	world_settle(&w);
	ck_assert_uint_eq(dropped(b), 0);
	give_in_vain(b, held, STAT_RX_DROP_REPLAY);
	free(held);
	finish();
}
END_TEST

static bool
publish_twice(void *arg, struct world_message *m)
{
	world_publish(&w, m);
	return true;
}

START_TEST(duplicate_delivery)
{
	begin_with(&(struct world_params){.mode = (enum network_mode)_i});
	w.tap = publish_twice;
	world_send(a, b, "first");
	world_settle(&w);
	world_send(b, a, "second");
	world_send_to_all(b, "all");
	world_settle(&w);
	world_send_to_all(b, "all of you");
	world_pass(&w, 2 * CHANNEL_REKEY_MS);
	ck_assert(world_passes(&w, a, b));
	ck_assert_uint_eq(world_got(b, "first"), 1);
	ck_assert_uint_eq(world_got(a, "second"), 1);
	ck_assert_uint_eq(world_got(a, "all"), 1);
	ck_assert_uint_eq(world_got(a, "all of you"), 1);
	ck_assert_uint_gt(count(a, STAT_RX_DROP_REPLAY), 0);
	ck_assert_uint_gt(count(b, STAT_RX_DROP_REPLAY), 0);
	finish();
}
END_TEST

static void
reroute(struct world_node *n, const struct world_message *m, const char *to, const char *from,
    enum stat_id reason)
{
	struct world_message *moved = world_copy(m);

	retopic(moved, n, to, from);
	give_in_vain(n, moved, reason);
	free(moved);
}

START_TEST(cross_topic_reroute)
{
	struct world_message *m, *moved;

	begin(_i, 3);
	m = hold_packet(a, b, "for b");
	reroute(evil, m, id_part(evil, 0), id_part(a, 0), STAT_RX_DROP_NO_SESSION);
	reroute(b, m, id_part(b, 1), id_part(a, 0), STAT_RX_DROP_NO_SESSION);
	reroute(b, m, id_part(b, 0), id_part(evil, 0), STAT_RX_DROP_NO_SESSION);
	reroute(b, m, id_part(b, 0), "nobody", STAT_RX_DROP_NO_SESSION);
	reroute(b, m, b->network.broadcast_part, id_part(a, 0), STAT_RX_DROP_TOPIC);
	reroute(b, m, id_part(a, 0), id_part(b, 0), STAT_RX_DROP_TOPIC);
	moved = world_copy(m);
	write_index(moved, session_of(evil, a)->local_index);
	reroute(evil, moved, id_part(evil, 0), id_part(a, 0), STAT_RX_DROP_AUTH);
	free(moved);
	give_once(b, m, "for b");
	free(m);
	world_send_to_all(a, "all");
	world_settle(&w);
	m = last_record(a, FRAME_MULTICAST);
	reroute(b, m, id_part(b, 0), id_part(a, 0), STAT_RX_DROP_TOPIC);
	moved = world_copy(m);
	retopic(moved, b, b->network.broadcast_part, id_part(evil, 0));
	world_give(b, moved);
	free(moved);
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "all"), 1);
	finish();
}
END_TEST

START_TEST(cross_topic_reroute_of_an_answer)
{
	struct world_message *m;

	begin_with(&(struct world_params){.mode = (enum network_mode)_i, .nodes = 3});
	world_send(a, b, "for b");
	world_give(b, w.queue);
	free(world_take(&w));
	m = world_take(&w);
	ck_assert_uint_eq(m->bytes[1], FRAME_RESPONSE);
	reroute(evil, m, id_part(evil, 0), id_part(b, 0), STAT_RX_DROP_HANDSHAKE);
	reroute(a, m, id_part(a, 1), id_part(b, 0), STAT_RX_DROP_HANDSHAKE);
	reroute(a, m, id_part(a, 0), id_part(evil, 0), STAT_RX_DROP_HANDSHAKE);
	world_give(a, m);
	free(m);
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "for b"), 1);
	finish();
}
END_TEST

START_TEST(cross_topic_reroute_of_a_first_message)
{
	struct world_message *m;

	begin_with(&(struct world_params){.mode = (enum network_mode)_i, .nodes = 3});
	world_send(a, b, "for b");
	m = world_take(&w);
	reroute(evil, m, id_part(evil, 0), id_part(a, 0), STAT_RX_DROP_HANDSHAKE);
	reroute(b, m, id_part(b, 1), id_part(a, 0), STAT_RX_DROP_HANDSHAKE);
	reroute(b, m, id_part(b, 0), id_part(evil, 0), STAT_RX_DROP_HANDSHAKE);
	ck_assert_uint_eq(sessions(b) + sessions(evil), 0);
	ck_assert_ptr_null(w.queue);
	free(m);
	world_pass(&w, 2 * CHANNEL_RETRY_MS);
	ck_assert_uint_eq(world_got(b, "for b"), 1);
	finish();
}
END_TEST

static bool
rename_prefix(void *arg, struct world_message *m)
{
	const char *from = m->from == 0 ? "mv" : "site/b", *to = m->from == 0 ? "site/b" : "mv";
	char topic[NETWORK_TOPIC_MAX];

	ck_assert_int_eq(strncmp(m->topic, from, strlen(from)), 0);
	snprintf(topic, sizeof(topic), "%s%s", to, m->topic + strlen(from));
	strcpy(m->topic, topic);
	return true;
}

START_TEST(bridge_prefix_remap)
{
	begin_with(&(struct world_params){
	    .mode = (enum network_mode)_i, .node = {[1] = {.prefix = "site/b"}}});
	w.tap = rename_prefix;
	ck_assert(world_passes(&w, a, b));
	world_send_to_all(a, "all");
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "all"), 1);
	world_pass(&w, CHANNEL_REKEY_MS);
	ck_assert(world_passes(&w, a, b));
	ck_assert(world_passes(&w, b, a));
	ck_assert_uint_eq(dropped(a) + dropped(b), count(a, STAT_RX_DROP_OWN_SOURCE));
	w.tap = NULL;
	world_close(&w);
}
END_TEST

/* None of them is taken, nor does it make the node say anything but what it says to strangers. */
static void
flip_all(struct world_node *n, const struct world_message *m)
{
	struct world_message *bad = world_copy(m);
	uint64_t before = dropped(n), done = count(n, STAT_HANDSHAKES_DONE);
	uint64_t answered = count(n, STAT_HANDSHAKES_ANSWERED);
	uint64_t notices = count(n, STAT_NOTICES_RECEIVED);
	size_t delivered = n->delivered;

	for (size_t bit = 0; bit < 8 * m->len; bit++) {
		bad->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		world_give(n, bad);
		ck_assert_msg(
		    dropped(n) == before + bit + 1, "bit %zu of type %d", bit, m->bytes[1]);
		bad->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_uint_eq(count(n, STAT_HANDSHAKES_DONE), done);
	ck_assert_uint_eq(count(n, STAT_HANDSHAKES_ANSWERED), answered);
	ck_assert_uint_eq(count(n, STAT_NOTICES_RECEIVED), notices);
	ck_assert_uint_eq(n->delivered, delivered);
	free(bad);
}

START_TEST(bitflip_every_byte)
{
	struct world_message *m;

	begin_with(&(struct world_params){.mode = (enum network_mode)_i});
	world_send(a, b, "first");
	m = world_take(&w);
	flip_all(b, m);
	ck_assert_uint_eq(sessions(b), 0);
	world_give(b, m);
	free(m);
	m = world_take(&w);
	ck_assert_uint_eq(m->bytes[1], FRAME_RESPONSE);
	flip_all(a, m);
	world_give(a, m);
	free(m);
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "first"), 1);
	m = hold_packet(a, b, "second");
	flip_all(b, m);
	give_once(b, m, "second");
	free(m);
	finish();
}
END_TEST

/* One whose key is not known may wait for it, and is counted when it has. */
START_TEST(bitflip_every_byte_of_multicast)
{
	struct world_message *m, *bad;

	begin(_i, 2);
	world_send_to_all(a, "key");
	world_settle(&w);
	world_send_to_all(a, "all");
	m = world_take(&w);
	bad = world_copy(m);
	for (size_t bit = 0; bit < 8 * m->len; bit++) {
		bad->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		world_give(b, bad);
		bad->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	world_pass(&w, 5000);
	ck_assert_uint_eq(world_got(b, "all"), 0);
	give_once(b, m, "all");
	ck_assert_uint_gt(count(b, STAT_RX_DROP_AUTH), 8 * (m->len - FRAME_MULTICAST_HEADER_LEN));
	free(bad);
	free(m);
	finish();
}
END_TEST

START_TEST(bitflip_every_byte_of_a_notice)
{
	struct world_message *m;

	begin(_i, 2);
	world_stop(b);
	world_start(b);
	m = world_take(&w);
	ck_assert_uint_eq(m->bytes[1], FRAME_NOTICE);
	flip_all(a, m);
	ck_assert_uint_eq(count(a, STAT_HANDSHAKES_STARTED), 1);
	world_publish(&w, m);
	free(m);
	world_settle(&w);
	finish();
}
END_TEST

/* It neither opens nor moves the window. The last of all counters is none. */
static void
forge_counters(const struct world_message *m)
{
	static const uint64_t counters[] = {
	    1000, 2 * REPLAY_WINDOW, UINT64_C(1) << 60, INT64_MAX, UINT64_MAX - 1};
	struct world_message *forged = world_copy(m);

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		write_counter(forged, counters[i]);
		give_in_vain(b, forged, STAT_RX_DROP_AUTH);
	}
	write_counter(forged, UINT64_MAX);
	give_in_vain(b, forged, STAT_RX_DROP_REPLAY);
	free(forged);
}

START_TEST(forged_high_counter)
{
	struct world_message *m;

	begin(_i, 2);
	m = hold_packet(a, b, "good");
	forge_counters(m);
	give_once(b, m, "good");
	free(m);
	world_send_to_all(a, "key");
	world_settle(&w);
	world_send_to_all(a, "all");
	m = world_take(&w);
	forge_counters(m);
	give_once(b, m, "all");
	free(m);
	finish();
}
END_TEST

/* Kept by the broker, or delivered as often as it takes to be acknowledged. */
static void
give_flagged_in_vain(struct world_node *n, struct world_message *m)
{
	m->retain = true;
	give_in_vain(n, m, STAT_RX_DROP_RETAINED);
	m->retain = false;
	m->qos = 1;
	give_in_vain(n, m, STAT_RX_DROP_QOS);
	m->qos = 0;
}

START_TEST(retained_data)
{
	struct world_message *m;

	begin(_i, 2);
	m = hold_packet(a, b, "fresh");
	give_flagged_in_vain(b, m);
	give_once(b, m, "fresh");
	free(m);
	world_send_to_all(a, "key");
	world_settle(&w);
	world_send_to_all(a, "all");
	m = world_take(&w);
	give_flagged_in_vain(b, m);
	give_once(b, m, "all");
	free(m);
	finish();
}
END_TEST

START_TEST(retained_handshake)
{
	struct world_message *m;

	begin_with(&(struct world_params){.mode = (enum network_mode)_i});
	world_send(a, b, "first");
	m = world_take(&w);
	give_flagged_in_vain(b, m);
	ck_assert_uint_eq(sessions(b), 0);
	ck_assert_ptr_null(w.queue);
	world_give(b, m);
	free(m);
	m = world_take(&w);
	give_flagged_in_vain(a, m);
	ck_assert_uint_eq(count(a, STAT_HANDSHAKES_DONE), 0);
	ck_assert_ptr_null(w.queue);
	world_give(a, m);
	free(m);
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "first"), 1);
	world_stop(b);
	world_start(b);
	m = world_take(&w);
	give_flagged_in_vain(a, m);
	ck_assert_uint_eq(count(a, STAT_HANDSHAKES_STARTED), 1);
	world_publish(&w, m);
	free(m);
	world_settle(&w);
	finish();
}
END_TEST

/* Several sessions of the two, one after the other: their first messages are on record. */
static void
renew_often(int times)
{
	for (int i = 0; i < times; i++) {
		world_pass(&w, CHANNEL_REKEY_MS + CHANNEL_GRACE_MS);
		ck_assert(world_passes(&w, a, b));
	}
}

START_TEST(handshake_replay)
{
	uint64_t answered, done;
	size_t recorded, delivered;

	begin(_i, 2);
	renew_often(2 * CHANNEL_PENDING_MAX);
	recorded = record_count;
	delivered = b->delivered;
	answered = count(b, STAT_HANDSHAKES_ANSWERED);
	done = count(b, STAT_HANDSHAKES_DONE);
	for (int i = 0; i < 20; i++) {
		replay_records(recorded);
		world_pass(&w, 1000);
	}
	ck_assert_uint_eq(count(b, STAT_HANDSHAKES_ANSWERED), answered);
	ck_assert_uint_eq(count(b, STAT_HANDSHAKES_DONE), done);
	ck_assert_uint_eq(b->delivered, delivered);
	ck_assert_uint_gt(count(b, STAT_RX_DROP_REPLAY), 0);
	finish();
}
END_TEST

/* One that does not remember them answers some, and believes none. */
START_TEST(handshake_replay_after_a_restart)
{
	size_t recorded, delivered;
	uint64_t answered, done;

	begin(_i, 2);
	renew_often(2 * CHANNEL_PENDING_MAX);
	recorded = record_count;
	world_stop(b);
	world_start(b);
	world_settle(&w);
	ck_assert(world_passes(&w, a, b));
	delivered = b->delivered;
	answered = count(b, STAT_HANDSHAKES_ANSWERED);
	done = count(b, STAT_HANDSHAKES_DONE);
	for (int i = 0; i < 20; i++) {
		replay_records(recorded);
		ck_assert_uint_le(sessions(b), SESSIONS_MAX);
		ck_assert_uint_le(sessions(a), SESSIONS_MAX);
		world_pass(&w, 400);
	}
	/* more than may wait at a time */
	ck_assert_uint_gt(count(b, STAT_HANDSHAKES_ANSWERED), answered + CHANNEL_PENDING_MAX);
	ck_assert_uint_eq(count(b, STAT_HANDSHAKES_DONE), done);
	ck_assert_uint_eq(b->delivered, delivered);
	ck_assert_uint_gt(count(a, STAT_RX_DROP_HANDSHAKE), 0);
	finish();
}
END_TEST

/* A first message to b as who has evil's keys makes it. */
static struct world_message *
make_first(const struct addr *from_addr, uint32_t index)
{
	bool pubkey = evil->network.mode == NETWORK_PUBKEY;
	struct network_id from, to = *native_id(b->native, 0);
	struct handshake_hello hello = {
	    .index = index,
	    .max_message = FRAME_MESSAGE_MAX,
	    .from = *from_addr,
	    .to = to.addr,
	};
	uint8_t message[HANDSHAKE_MESSAGE_MAX];
	char topic[NETWORK_TOPIC_MAX];
	struct handshake h;
	int len;

	network_id(&evil->network, from_addr, &from);
	len = handshake_start(&h, &evil->network, &from, &to, pubkey ? b->network.public_key : NULL,
	    &hello, NULL, message);
	ck_assert_int_gt(len, 0);
	handshake_clear(&h);
	network_topic(&b->network, topic, to.part, from.part);
	return world_make(topic, message, (size_t)len);
}

/* In psk mode that is what whoever has the passphrase can do. */
START_TEST(handshake_of_a_member_that_poses_as_another)
{
	struct world_message *m;

	begin(NETWORK_PUBKEY, 3);
	m = make_first(world_addr(a), 1);
	give_in_vain(b, m, STAT_RX_DROP_HANDSHAKE);
	free(m);
	m = make_first(world_addr(b), 1);
	give_in_vain(b, m, STAT_RX_DROP_HANDSHAKE);
	free(m);
	ck_assert_ptr_null(w.queue);
	finish();
}
END_TEST

/* Good ones, good ones again, and made up ones. */
static void
fill_flood(struct world_message *flood[FLOOD])
{
	struct addr from;

	for (unsigned int i = 0; i < FLOOD; i++) {
		if (i % 3 == 1) {
			flood[i] = world_copy(flood[i - 1]);
			continue;
		}
		from = *world_addr(evil);
		if (evil->network.mode == NETWORK_PSK) /* there it may be anybody */
			from.bytes[3] = (uint8_t)(10 + i % 200);
		flood[i] = make_first(&from, 1 + i);
		if (i % 3 == 2)
			aead_random(
			    flood[i]->bytes + FRAME_PREFIX_LEN, flood[i]->len - FRAME_PREFIX_LEN);
	}
}

static double
give_all(struct world_message *messages[FLOOD])
{
	clock_t began = clock();

	for (unsigned int i = 0; i < FLOOD; i++) {
		if (i % (FLOOD / 1000) == 0)
			w.now_ms++;
		world_give(b, messages[i]);
	}
	return (double)(clock() - began) / CLOCKS_PER_SEC;
}

static void
free_all(struct world_message *messages[FLOOD])
{
	for (unsigned int i = 0; i < FLOOD; i++)
		free(messages[i]);
}

START_TEST(handshake_flood)
{
	static struct world_message *flood[FLOOD], *data[FLOOD];
	uint64_t answered, before;
	double flood_s, data_s;

	begin_featureless(_i, 3);
	w.tap = NULL;
	answered = count(b, STAT_HANDSHAKES_ANSWERED);
	fill_flood(flood);
	for (unsigned int i = 0; i < FLOOD; i++)
		data[i] = hold_packet(a, b, "data");
	before = dropped(b);
	flood_s = give_all(flood);
	answered = count(b, STAT_HANDSHAKES_ANSWERED) - answered;
	ck_assert_uint_gt(answered, 0);
	/* The bucket was full, and was filled once more in that second. */
	ck_assert_uint_le(answered, 2 * NATIVE_HANDSHAKES_PER_S);
	ck_assert_uint_eq(dropped(b) - before, FLOOD - answered);
	ck_assert_uint_ge(count(b, STAT_RX_DROP_FLOOD) + count(b, STAT_RX_DROP_HANDSHAKE) +
			      count(b, STAT_RX_DROP_REPLAY),
	    FLOOD - answered);
	ck_assert_uint_le(sessions(b), 2 * SESSIONS_MAX + answered);
	ck_assert(world_passes(&w, a, b));
	data_s = give_all(data);
	printf("%d first messages in %.1f ms (%u answered), as many packets in %.1f ms\n", FLOOD,
	    flood_s * 1e3, (unsigned int)answered, data_s * 1e3);
	free_all(flood);
	free_all(data);
	world_pass(&w, 2 * CHANNEL_RETRY_MS); /* none was proven */
	finish();
}
END_TEST

START_TEST(handshake_reflected)
{
	struct world_message *m;

	begin_with(&(struct world_params){.mode = (enum network_mode)_i});
	world_send(a, b, "first");
	m = world_take(&w);
	give_in_vain(a, m, STAT_RX_DROP_TOPIC);
	reroute(a, m, id_part(a, 0), id_part(b, 0), STAT_RX_DROP_HANDSHAKE);
	reroute(a, m, id_part(a, 0), id_part(a, 0), STAT_RX_DROP_HANDSHAKE);
	world_give(b, m);
	free(m);
	m = world_take(&w);
	reroute(b, m, id_part(b, 0), id_part(a, 0), STAT_RX_DROP_HANDSHAKE);
	world_give(a, m);
	write_index(m, session_of(a, b)->remote_index);
	reroute(b, m, id_part(b, 0), id_part(a, 0), STAT_RX_DROP_HANDSHAKE);
	free(m);
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "first"), 1);
	m = hold_packet(a, b, "second");
	write_index(m, session_of(a, b)->local_index);
	reroute(a, m, id_part(a, 0), id_part(b, 0), STAT_RX_DROP_AUTH);
	free(m);
	finish();
}
END_TEST

START_TEST(wrong_psk_no_oracle)
{
	size_t published;

	begin_with(&(struct world_params){.mode = (enum network_mode)_i,
	    .nodes = 3,
	    .plain_topics = true,
	    .node = {[2] = {.secret = 1}}});
	ck_assert(world_passes(&w, a, b));
	published = b->published;
	w.node[0].cut = true;
	world_stop(evil);
	world_start(evil);
	world_send(evil, b, "let me in");
	world_settle(&w);
	for (int i = 0; i < 10; i++) {
		world_send(evil, b, "let me in");
		world_pass(&w, 500);
	}
	ck_assert_uint_ge(count(b, STAT_RX_DROP_HANDSHAKE), 1);
	ck_assert_uint_ge(count(b, STAT_RX_DROP_NOTICE), 1);
	ck_assert_uint_eq(b->published, published);
	ck_assert_uint_eq(b->delivered, 1);
	ck_assert_uint_le(sessions(b), 1);
	w.node[0].cut = false;
	finish();
}
END_TEST

/* With the same raw key, from which the keys follow without the network's name; a notice could
 * cause a handshake there, no more. */
START_TEST(wrong_network)
{
	struct world_message *m;
	size_t published;

	begin_with(&(struct world_params){
	    .mode = (enum network_mode)_i, .nodes = 3, .node = {[2] = {.network = "other"}}});
	ck_assert(world_passes(&w, a, b));
	published = b->published;
	world_send(evil, b, "let me in");
	m = world_take(&w);
	ck_assert_uint_eq(m->bytes[1], FRAME_INIT);
	give_in_vain(b, m, STAT_RX_DROP_TOPIC);
	reroute(b, m, id_part(b, 0), id_part(evil, 0), STAT_RX_DROP_HANDSHAKE);
	free(m);
	world_send_to_all(evil, "all");
	m = world_take(&w);
	ck_assert_uint_eq(m->bytes[1], FRAME_MULTICAST);
	give_in_vain(b, m, STAT_RX_DROP_TOPIC);
	free(m);
	world_stop(evil);
	world_start(evil);
	give_in_vain(b, w.queue, STAT_RX_DROP_TOPIC);
	retopic(w.queue, b, b->network.broadcast_part, id_part(evil, 0));
	world_settle(&w);
	ck_assert_uint_eq(b->published, published);
	ck_assert_uint_eq(b->delivered, 1);
	ck_assert_uint_eq(sessions(b), 1);
	finish();
}
END_TEST

/* Nothing is kept from one life to the next, and the clock does not move: all must be new still. */
START_TEST(same_second_start)
{
	struct world_message *m[2];
	size_t recorded, delivered;

	begin(_i, 2);
	world_stop(a);
	world_stop(b);
	for (int life = 0; life < 2; life++) {
		world_start(a);
		world_start(b);
		world_send(a, b, "from a");
		world_send(b, a, "from b");
		world_settle(&w);
		ck_assert_uint_eq(world_got(b, "from a"), (size_t)life + 1);
		ck_assert_uint_eq(world_got(a, "from b"), (size_t)life + 1);
		m[life] = hold_packet(a, b, "same");
		recorded = record_count;
		if (life == 0) {
			world_stop(a);
			world_stop(b);
		}
	}
	ck_assert_uint_eq(m[0]->len, m[1]->len);
	ck_assert_mem_ne(m[0]->bytes + FRAME_HEADER_LEN, m[1]->bytes + FRAME_HEADER_LEN,
	    m[0]->len - FRAME_HEADER_LEN);
	delivered = b->delivered;
	give_in_vain(b, m[0], STAT_RX_DROP_NO_SESSION);
	give_once(b, m[1], "same");
	replay_records(recorded);
	ck_assert_uint_eq(b->delivered, delivered + 1);
	free(m[0]);
	free(m[1]);
	finish();
}
END_TEST

static void
spoof(const char *source)
{
	uint8_t packet[256], plain[600];
	struct addr src, dst = *world_addr(b);
	uint64_t spoofed;
	size_t len, used;

	ck_assert_int_eq(addr_parse(source, &src), 0);
	if (src.family == ADDR_IPV6)
		dst = b->addrs[1].addr;
	len = world_packet(packet, &src, &dst, "not me");
	used = frame_append(plain, 0, sizeof(plain), packet, len);
	send_plain_in_vain(plain, used, STAT_RX_DROP_SPOOFED);
	/* nor in the company of an honest one, before or behind it */
	len = world_packet(packet, world_addr(evil), world_addr(b), "me");
	used = frame_append(plain, used, sizeof(plain), packet, len);
	send_plain_in_vain(plain, used, STAT_RX_DROP_SPOOFED);
	used = frame_append(plain, 0, sizeof(plain), packet, len);
	len = world_packet(packet, &src, &dst, "not me");
	used = frame_append(plain, used, sizeof(plain), packet, len);
	send_plain_in_vain(plain, used, STAT_RX_DROP_SPOOFED);
	spoofed = count(b, STAT_RX_DROP_SPOOFED);
	native_broadcast(evil->native, world_take_packet(evil, packet, len));
	world_transmit(evil);
	world_settle(&w);
	ck_assert_uint_eq(count(b, STAT_RX_DROP_SPOOFED), spoofed + 1);
	ck_assert_uint_eq(world_got(b, "not me") + world_got(b, "me"), 0);
}

START_TEST(spoofed_inner_source)
{
	static const char *const sources[] = {"10.9.0.1", "10.9.0.2", "10.9.0.77", "192.0.2.1",
	    "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "fd09::1", "fd09::2",
	    "::", "::1", "ff02::1", "::ffff:10.9.0.1", "2001:db8::1"};

	begin(_i, 3);
	world_send_to_all(evil, "key");
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "key"), 1);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		spoof(sources[i]);
	ck_assert(world_passes(&w, evil, b));
	finish();
}
END_TEST

/* Where the configuration lets a peer send as anybody, it is not anybody. */
START_TEST(spoofed_inner_source_behind_a_default_route)
{
	static const char *const sources[] = {"10.9.0.1", "10.9.0.2", "10.9.0.77", "0.0.0.0",
	    "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.9.0.255", "fd09::1", "fd09::2",
	    "::", "::1", "ff02::1"};
	struct addr addrs[WORLD_ADDRS];
	struct prefix routes[2];
	struct peer_spec spec = {.name = "node2",
	    .wire = PEER_NATIVE,
	    .addrs = addrs,
	    .addr_count = WORLD_ADDRS,
	    .routes = routes,
	    .route_count = 2};

	begin_with(
	    &(struct world_params){.mode = (enum network_mode)_i, .nodes = 3, .configured = true});
	for (int i = 0; i < WORLD_ADDRS; i++)
		addrs[i] = evil->addrs[i].addr;
	ck_assert_int_eq(prefix_parse("0.0.0.0/0", &routes[0]), 0);
	ck_assert_int_eq(prefix_parse("::/0", &routes[1]), 0);
	if (_i == NETWORK_PUBKEY)
		spec.public_key = evil->network.public_key;
	ck_assert_int_eq(peer_table_set(b->peers, &spec), 0);
	ck_assert(world_passes(&w, a, b));
	ck_assert(world_passes(&w, evil, b));
	world_send_to_all(evil, "key");
	world_settle(&w);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		spoof(sources[i]);
	ck_assert(world_passes(&w, evil, b));
	finish();
}
END_TEST

/* A good record, then this: none of them may come out. */
static void
send_behind_a_good_one_for(const uint8_t *bad, size_t len, enum stat_id reason)
{
	static uint8_t plain[FRAME_MESSAGE_MAX];
	uint8_t packet[256];
	size_t used = world_packet(packet, world_addr(evil), world_addr(b), "good");

	used = frame_append(plain, 0, sizeof(plain), packet, used);
	ck_assert_uint_le(used + len, sizeof(plain));
	memcpy(plain + used, bad, len);
	send_plain_in_vain(plain, used + len, reason);
	send_plain_in_vain(bad, len, reason);
}

static void
send_behind_a_good_one(const uint8_t *bad, size_t len)
{
	send_behind_a_good_one_for(bad, len, STAT_RX_DROP_BATCH);
}

START_TEST(malformed_batch)
{
	static const struct {
		uint8_t bytes[8];
		size_t len;
	} bad[] = {
	    {{1}, 1},
	    {{1, 0}, 2},
	    {{1, 0, 0}, 3},		/* empty */
	    {{1, 0, 20}, 3},		/* cut short */
	    {{1, 0xff, 0xff, 0x45}, 4}, /* far beyond the message */
	    {{1, 0, 1, 0x45}, 4},	/* no whole header */
	    {{1, 0, 1, 0x55}, 4},	/* version 5 */
	    {{4, 0, 1, 0x45}, 4},	/* unknown kinds */
	    {{0xff, 0, 1, 0x45}, 4},
	    {{3, 0, 1, 0, 1}, 5},
	    {{2, 0, 1}, 3},
	};
	uint8_t plain[300];
	size_t len;

	begin(_i, 3);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		send_behind_a_good_one(bad[i].bytes, bad[i].len);
	/* padding that is not, and headers that lie */
	len = frame_append(plain, 0, sizeof(plain), (const uint8_t[20]){0x45}, 20);
	send_behind_a_good_one(plain, len);
	len = world_packet(plain + 3, world_addr(evil), world_addr(b), "longer");
	plain[0] = 1;
	plain[1] = 0;
	plain[2] = (uint8_t)(len - 1);
	send_behind_a_good_one(plain, 3 + len - 1);
	plain[2] = (uint8_t)len;
	plain[3 + 3]++; /* total length */
	send_behind_a_good_one(plain, 3 + len);
	plain[3 + 3]--;
	plain[3] = 0x4f; /* header length */
	send_behind_a_good_one(plain, 3 + len);
	plain[3] = 0x45;
	plain[3 + len] = 0;
	plain[3 + len + 1] = 1;
	send_plain_in_vain(plain, 3 + len + 2, STAT_RX_DROP_BATCH);
	ck_assert_uint_eq(world_got(b, "good") + world_got(b, "longer"), 0);
	ck_assert(world_passes(&w, evil, b));
	finish();
}
END_TEST

/* What node from would send by the other wire, on its topic. */
static struct world_message *
make_old(const struct world_node *from, const char *password)
{
	uint8_t buf[COMPAT_OVERHEAD + 256], *message;
	char topic[COMPAT_TOPIC_MAX];
	struct compat_key key;
	size_t len = world_packet(buf + COMPAT_OVERHEAD, world_addr(from), world_addr(b), "old");

	compat_key_init(&key, password);
	message = compat_seal(&key, buf, len, &len);
	compat_topic(topic, b->network.prefix, world_addr(b));
	return world_make(topic, message, len);
}

static void
downgrade(int mode, const char *password)
{
	struct world_message *m;

	begin(mode, 3);
	m = make_old(a, password);
	give_in_vain(b, m, STAT_RX_DROP_TOPIC);
	if (password != NULL)
		m->bytes[0] = 0x12; /* the nonce is random, and might look like our version */
	reroute(b, m, id_part(b, 0), id_part(a, 0), STAT_RX_DROP_VERSION);
	reroute(b, m, b->network.broadcast_part, id_part(a, 0), STAT_RX_DROP_VERSION);
	free(m);
	/* Not even where there are peers of that wire: those of ours are not heard there. */
	dataplane_use_old_wire(b->dataplane, true);
	m = make_old(a, NULL);
	give_in_vain(b, m, STAT_RX_DROP_SPOOFED);
	free(m);
	m = make_old(b, NULL);
	give_in_vain(b, m, STAT_RX_DROP_OWN_SOURCE);
	reroute(b, m, id_part(b, 0), id_part(a, 0), STAT_RX_DROP_VERSION);
	free(m);
}

/* Whatever is lost: what a node says to a peer of ours is of our wire. */
static bool
is_ours(void *arg, struct world_message *m)
{
	size_t *seen = arg;

	(*seen)++;
	ck_assert_uint_eq(m->bytes[0], FRAME_VERSION);
	ck_assert_ptr_null(strstr(m->topic, "10.9.0"));
	for (size_t i = 0; i + 6 <= m->len; i++)
		ck_assert_mem_ne(m->bytes + i, "secret", 6);
	return false;
}

static void
finish_without_fallback(void)
{
	size_t seen = 0;

	w.tap = is_ours;
	w.tap_arg = &seen;
	dataplane_use_old_wire(a->dataplane, true);
	for (int i = 0; i < 40; i++) {
		world_send(a, b, "secret");
		world_pass(&w, 5000);
	}
	ck_assert_uint_gt(seen, 10);
	ck_assert_uint_eq(world_got(b, "secret"), 0);
	w.tap = NULL;
	world_pass(&w, 2 * CHANNEL_RETRY_MS);
	finish();
}

START_TEST(downgrade_to_mqtt_vpn)
{
	downgrade(_i, "secret");
	finish_without_fallback();
}
END_TEST

START_TEST(downgrade_to_bare_ip)
{
	struct world_message *m;
	uint8_t packet[256];
	size_t len;

	downgrade(_i, NULL);
	len = world_packet(packet, &a->addrs[1].addr, &b->addrs[1].addr, "bare");
	m = world_make("", packet, len);
	reroute(b, m, id_part(b, 1), id_part(a, 1), STAT_RX_DROP_VERSION);
	free(m);
	finish_without_fallback();
}
END_TEST

START_TEST(unknown_version)
{
	static const uint8_t versions[] = {0x00, 0x11, 0x45, 0x60, 0x81, 0x90, 0x92, 0xa1, 0xff};
	static const uint8_t types[] = {0x00, 0x04, 0x11, 0x23, 0x32, 0x7f, 0xff};
	static const uint8_t elsewhere[] = {FRAME_GROUP, FRAME_GROUP_ONE, FRAME_REKEY};
	struct world_message *m, *other;

	begin(_i, 2);
	m = hold_packet(a, b, "mine");
	other = world_copy(m);
	for (size_t i = 0; i < sizeof(versions); i++) {
		other->bytes[0] = versions[i];
		give_in_vain(b, other, STAT_RX_DROP_VERSION);
	}
	other->bytes[0] = FRAME_VERSION;
	for (size_t i = 0; i < sizeof(types); i++) {
		other->bytes[1] = types[i];
		give_in_vain(b, other, STAT_RX_DROP_VERSION);
	}
	for (size_t i = 0; i < sizeof(elsewhere); i++) {
		other->bytes[1] = elsewhere[i];
		give_in_vain(b, other, STAT_RX_DROP_TOPIC);
	}
	other->bytes[1] = FRAME_DATA;
	for (int bit = 0; bit < 16; bit++) {
		other->bytes[2 + bit / 8] = (uint8_t)(1 << bit % 8);
		give_in_vain(b, other, STAT_RX_DROP_VERSION);
		other->bytes[2 + bit / 8] = 0;
	}
	for (other->len = 0; other->len < SESSION_OVERHEAD; other->len++)
		give_in_vain(b, other, STAT_RX_DROP_TOO_SHORT);
	give_once(b, m, "mine");
	free(other);
	free(m);
	finish();
}
END_TEST

/* In psk mode nobody is removed who has the passphrase. */
START_TEST(removed_peer_multicast)
{
	struct world_message *m;

	begin(NETWORK_PUBKEY, 3);
	world_send_to_all(a, "before");
	world_send_to_all(evil, "evil before");
	world_settle(&w);
	ck_assert_uint_eq(world_got(b, "before"), 1);
	ck_assert_uint_eq(world_got(evil, "before"), 1);
	ck_assert_uint_eq(world_got(a, "evil before"), 1);
	world_send_to_all(evil, "evil late");
	m = world_take(&w);
	world_forget(a, evil);
	world_give(a, m);
	free(m);
	world_send_to_all(a, "after");
	world_send_to_all(evil, "evil after");
	world_pass(&w, 10000);
	world_send(evil, a, "let me in");
	world_send_to_all(a, "after all");
	world_send_to_all(evil, "evil after all");
	world_pass(&w, CHANNEL_GIVE_UP_MS);
	ck_assert_uint_eq(world_got(b, "after"), 1);
	ck_assert_uint_eq(world_got(b, "after all"), 1);
	ck_assert_uint_eq(world_got(evil, "after") + world_got(evil, "after all"), 0);
	ck_assert_uint_eq(world_got(a, "evil late") + world_got(a, "evil after") +
			      world_got(a, "evil after all") + world_got(a, "let me in"),
	    0);
	ck_assert_uint_gt(count(a, STAT_RX_DROP_UNKNOWN_KEY), 0);
	ck_assert_uint_gt(count(a, STAT_RX_DROP_HANDSHAKE), 0);
	finish();
}
END_TEST

START_TEST(oversize_message)
{
	uint8_t *plain = calloc(1, 2 * FRAME_MESSAGE_MAX), packet[3000] = {0};
	struct world_message *m;
	size_t published;

	ck_assert_ptr_nonnull(plain);
	begin(_i, 3);
	m = seal_plain(evil, b, plain, FRAME_MESSAGE_MAX - SESSION_OVERHEAD + 1);
	give_in_vain(b, m, STAT_RX_DROP_TOO_BIG);
	free(m);
	m = seal_plain(evil, b, plain, 2 * FRAME_MESSAGE_MAX);
	give_in_vain(b, m, STAT_RX_DROP_TOO_BIG);
	free(m);
	m = seal_plain(evil, b, plain, FRAME_MESSAGE_MAX - SESSION_OVERHEAD);
	world_give(b, m);
	ck_assert_uint_eq(count(b, STAT_RX_DROP_TOO_BIG), 2);
	ck_assert_uint_eq(dropped(b), 2);
	free(m);
	/* nor do we give one to a broker that would close the connection */
	native_up(a->native, FRAME_MESSAGE_MIN, w.now_ms);
	world_settle(&w);
	published = a->published;
	ck_assert_uint_ne(
	    ip_build(packet, sizeof(packet), world_addr(a), world_addr(b), 253, plain, 2000), 0);
	world_send_raw(a, b, packet, 2020);
	native_broadcast(a->native, world_take_packet(a, packet, 2020));
	world_transmit(a);
	ck_assert_uint_eq(a->published, published);
	ck_assert_uint_eq(count(a, STAT_TX_DROP_TOO_BIG), 2);
	free(plain);
	finish();
}
END_TEST

/* Packets that ask the receiver for work: what it cannot vouch for never reaches the kernel. */

static size_t
make_record(uint8_t *out, enum frame_kind kind, size_t gso_size, const uint8_t *packet, size_t len)
{
	size_t used = frame_put_head(out, kind, len, (uint16_t)gso_size);

	memcpy(out + used, packet, len);
	return used + len;
}

/* From evil to b: TCP with these flags and so many bytes of payload. */
static size_t
make_tcp(uint8_t *packet, size_t size, uint8_t flags, size_t payload_len)
{
	uint8_t tcp[TCP_MAX] = {0x12, 0x34, 0, 22, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x10};
	size_t len;

	ck_assert_uint_le(TCP_HEADER + payload_len, sizeof(tcp));
	memset(tcp + TCP_HEADER, 'x', payload_len);
	len = ip_build(packet, size, world_addr(evil), world_addr(b), IPPROTO_TCP, tcp,
	    TCP_HEADER + payload_len);
	ck_assert_uint_ne(len, 0);
	return len;
}

static void
refuse_record(enum frame_kind kind, size_t gso_size, const uint8_t *packet, size_t len)
{
	static uint8_t bytes[FRAME_SUPER_RECORD_LEN + TCP_MAX + 100];

	send_behind_a_good_one_for(
	    bytes, make_record(bytes, kind, gso_size, packet, len), STAT_RX_DROP_OFFLOAD);
}

static void
refuse_super(uint8_t flags, size_t payload_len, size_t gso_size)
{
	static uint8_t packet[TCP_MAX + 100];

	refuse_record(
	    FRAME_SUPER, gso_size, packet, make_tcp(packet, sizeof(packet), flags, payload_len));
}

/* The last that b's tunnel got: what there is left to do on it. */
static const struct packet_offload *
take_super(size_t payload_len, size_t gso_size)
{
	static uint8_t packet[TCP_MAX + 100], bytes[FRAME_SUPER_RECORD_LEN + TCP_MAX + 100];
	size_t delivered = b->delivered, len;

	len = make_tcp(packet, sizeof(packet), TCP_ACK, payload_len);
	send_plain(bytes, make_record(bytes, FRAME_SUPER, gso_size, packet, len));
	ck_assert_uint_eq(b->delivered, delivered + 1);
	ck_assert_uint_eq(b->packets->len, len);
	return &b->packets->offload;
}

START_TEST(gso_size_zero)
{
	begin(_i, 3);
	refuse_super(TCP_ACK, 3000, 0);
	finish();
}
END_TEST

START_TEST(gso_size_one)
{
	begin(_i, 3);
	refuse_super(TCP_ACK, 3000, 1);
	refuse_super(TCP_ACK, 3000, OFFLOAD_GSO_MIN - 1);
	ck_assert_uint_eq(take_super(3000, OFFLOAD_GSO_MIN)->gso_size, OFFLOAD_GSO_MIN);
	finish();
}
END_TEST

/* The kernel never hears of a size that is larger than what is there. */
START_TEST(gso_size_larger_than_packet)
{
	begin(_i, 3);
	refuse_super(TCP_ACK, 3000, 3041);
	refuse_super(TCP_ACK, 3000, UINT16_MAX);
	ck_assert_uint_eq(take_super(3000, 3040)->gso_size, 0);
	ck_assert_uint_eq(take_super(3000, 3000)->gso_size, 0);
	ck_assert_uint_eq(take_super(3000, 2999)->gso_size, 2999);
	finish();
}
END_TEST

START_TEST(super_packet_of_too_many_pieces)
{
	static uint8_t packet[TCP_MAX + 100], udp[TCP_MAX];
	size_t len = 8 + (OFFLOAD_UDP_PIECES_MAX + 1) * 300;

	begin(_i, 3);
	refuse_super(TCP_ACK, TCP_MAX - TCP_HEADER, OFFLOAD_GSO_MIN - 1); /* 256, and some */
	udp[4] = (uint8_t)(len >> 8);
	udp[5] = (uint8_t)len;
	len = ip_build(
	    packet, sizeof(packet), world_addr(evil), world_addr(b), IPPROTO_UDP, udp, len);
	refuse_record(FRAME_SUPER, 300, packet, len);
	finish();
}
END_TEST

START_TEST(super_packet_that_opens_or_resets)
{
	begin(_i, 3);
	refuse_super(TCP_SYN, 3000, 1000);
	refuse_super(TCP_ACK | TCP_RST, 3000, 1000);
	refuse_super(TCP_ACK | TCP_URG, 3000, 1000);
	finish();
}
END_TEST

/* Whatever the packet says of its checksum, the receiver computes what the kernel completes. */
START_TEST(partial_checksum_that_lies)
{
	static uint8_t packet[TCP_MAX], bytes[FRAME_SUPER_RECORD_LEN + TCP_MAX];
	const struct world_packet *honest, *lie;
	size_t len;

	begin(_i, 3);
	len = make_tcp(packet, sizeof(packet), TCP_ACK, 1000);
	send_plain(bytes, make_record(bytes, FRAME_PARTIAL, 0, packet, len));
	honest = b->packets;
	packet[IP_MIN_HEADER + OFFLOAD_TCP_CSUM] ^= 0xff;
	send_plain(bytes, make_record(bytes, FRAME_PARTIAL, 0, packet, len));
	lie = b->packets;
	ck_assert_ptr_ne(honest, lie);
	ck_assert(lie->offload.partial);
	ck_assert_uint_eq(lie->offload.csum_start, IP_MIN_HEADER);
	ck_assert_uint_eq(lie->offload.csum_offset, OFFLOAD_TCP_CSUM);
	ck_assert_uint_eq(lie->len, len);
	ck_assert_mem_eq(lie->bytes, honest->bytes, len);
	/* where no header has room for a checksum */
	len = world_packet(packet, world_addr(evil), world_addr(b), "no TCP");
	refuse_record(FRAME_PARTIAL, 0, packet, len);
	len = ip_build(
	    packet, sizeof(packet), world_addr(evil), world_addr(b), IPPROTO_TCP, "short", 5);
	refuse_record(FRAME_PARTIAL, 0, packet, len);
	finish();
}
END_TEST

START_TEST(super_packet_that_is_a_fragment)
{
	static uint8_t packet[TCP_MAX + 100];
	size_t len;

	begin(_i, 3);
	len = make_tcp(packet, sizeof(packet), TCP_ACK, 3000);
	packet[6] = 0x20; /* more fragments */
	refuse_record(FRAME_SUPER, 1000, packet, len);
	refuse_record(FRAME_PARTIAL, 0, packet, len);
	packet[6] = 0;
	packet[7] = 1; /* an offset */
	refuse_record(FRAME_SUPER, 1000, packet, len);
	finish();
}
END_TEST

START_TEST(ipv6_extension_header_overrun)
{
	/* hop-by-hop options of 2048 bytes, a fragment header cut short, a chain without end */
	static const uint8_t chains[][8] = {
	    {60, 255, 1, 4}, {44, 0, 0, 1}, {0, 0, 0, 0, 0, 0, 0, 0}};
	uint8_t packet[256], record_bytes[300];
	size_t len;

	begin_passing(
	    &(struct world_params){.mode = (enum network_mode)_i, .nodes = 3, .configured = true});
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		len = ip_build(packet, sizeof(packet), &evil->addrs[1].addr, &b->addrs[1].addr, 0,
		    chains[i], sizeof(chains[i]));
		ck_assert_uint_ne(len, 0);
		refuse_record(FRAME_PARTIAL, 0, packet, len);
		refuse_record(FRAME_SUPER, 8, packet, len);
		packet[5]++; /* the payload ends behind the packet */
		send_behind_a_good_one(
		    record_bytes, make_record(record_bytes, FRAME_PACKET, 0, packet, len));
	}
	finish();
}
END_TEST

START_TEST(nested_tunnel_super_packet)
{
	static const uint8_t tunnels[] = {4, 41, 47}; /* IP, IPv6, GRE */
	uint8_t inner[256], outer[400];
	size_t len, outer_len;

	begin(_i, 3);
	len = world_packet(inner, world_addr(a), world_addr(b), "inner");
	for (size_t i = 0; i < sizeof(tunnels); i++) {
		outer_len = ip_build(
		    outer, sizeof(outer), world_addr(evil), world_addr(b), tunnels[i], inner, len);
		ck_assert_uint_ne(outer_len, 0);
		refuse_record(FRAME_SUPER, 20, outer, outer_len);
		refuse_record(FRAME_PARTIAL, 0, outer, outer_len);
	}
	finish();
}
END_TEST

/* To all go packets only: nobody can know what all can do. */
START_TEST(super_packet_to_all)
{
	static uint8_t plain[TCP_MAX + 200], packet[TCP_MAX + 100];
	char topic[NETWORK_TOPIC_MAX];
	struct world_message *m;
	size_t len, delivered;

	begin(_i, 3);
	world_send_to_all(evil, "key");
	world_settle(&w);
	delivered = b->delivered;
	len = make_tcp(packet, sizeof(packet), TCP_ACK, 3000);
	len = make_record(plain + FRAME_MULTICAST_HEADER_LEN, FRAME_SUPER, 1000, packet, len);
	len = multicast_seal(
	    &evil->native->ids[0].sender, &evil->network, &evil->native->ids[0].id, plain, len);
	network_topic(
	    &evil->network, topic, evil->network.broadcast_part, evil->native->ids[0].id.part);
	m = world_make(topic, plain, len);
	give_in_vain(b, m, STAT_RX_DROP_BATCH);
	free(m);
	ck_assert_uint_eq(b->delivered, delivered);
	finish();
}
END_TEST

/* Questions and answers of a peer that makes them up change nothing but its own lane. */
START_TEST(reports_of_what_was_never_sent)
{
	static const uint64_t tokens[] = {0, 1, 1000000, UINT64_MAX};
	uint8_t plain[FRAME_REPORT_LEN + FRAME_ASK_LEN];
	size_t used;

	begin(_i, 3);
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		used = frame_append_report(plain, 0, FRAME_REPORT, tokens[i], tokens[3 - i]);
		send_plain(plain, frame_append_ask(plain, used, FRAME_ASK, tokens[i]));
		ck_assert(world_passes(&w, evil, b));
	}
	ck_assert_uint_eq(count(b, STAT_RX_REPORTS), sizeof(tokens) / sizeof(tokens[0]));
	finish();
}
END_TEST

static void
add_looped(TCase *tcase, const TTest *test)
{
	tcase_add_loop_test(tcase, test, NETWORK_PSK, NETWORK_PUBKEY + 1);
}

int
main(void)
{
	Suite *suite = suite_create("attacks");
	TCase *tcase = tcase_create("attacks");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	log_set_level(LOG_LEVEL_ERROR);
	tcase_set_timeout(tcase, 120); /* under a sanitizer or valgrind */
	add_looped(tcase, replay_immediate);
	add_looped(tcase, replay_after_receiver_restart);
	add_looped(tcase, replay_after_sender_restart);
	add_looped(tcase, reorder_in_window);
	add_looped(tcase, reorder_beyond_window);
	add_looped(tcase, duplicate_delivery);
	add_looped(tcase, cross_topic_reroute);
	add_looped(tcase, cross_topic_reroute_of_a_first_message);
	add_looped(tcase, cross_topic_reroute_of_an_answer);
	add_looped(tcase, bridge_prefix_remap);
	add_looped(tcase, bitflip_every_byte);
	add_looped(tcase, bitflip_every_byte_of_multicast);
	add_looped(tcase, bitflip_every_byte_of_a_notice);
	add_looped(tcase, forged_high_counter);
	add_looped(tcase, retained_data);
	add_looped(tcase, retained_handshake);
	add_looped(tcase, handshake_replay);
	add_looped(tcase, handshake_replay_after_a_restart);
	tcase_add_test(tcase, handshake_of_a_member_that_poses_as_another);
	add_looped(tcase, handshake_flood);
	add_looped(tcase, handshake_reflected);
	add_looped(tcase, wrong_psk_no_oracle);
	add_looped(tcase, wrong_network);
	add_looped(tcase, same_second_start);
	add_looped(tcase, spoofed_inner_source);
	add_looped(tcase, spoofed_inner_source_behind_a_default_route);
	add_looped(tcase, malformed_batch);
	add_looped(tcase, downgrade_to_mqtt_vpn);
	add_looped(tcase, downgrade_to_bare_ip);
	add_looped(tcase, unknown_version);
	tcase_add_test(tcase, removed_peer_multicast);
	add_looped(tcase, oversize_message);
	add_looped(tcase, gso_size_zero);
	add_looped(tcase, gso_size_one);
	add_looped(tcase, super_packet_of_too_many_pieces);
	add_looped(tcase, super_packet_that_opens_or_resets);
	add_looped(tcase, partial_checksum_that_lies);
	add_looped(tcase, super_packet_that_is_a_fragment);
	add_looped(tcase, super_packet_to_all);
	add_looped(tcase, reports_of_what_was_never_sent);
	add_looped(tcase, gso_size_larger_than_packet);
	add_looped(tcase, ipv6_extension_header_overrun);
	add_looped(tcase, nested_tunnel_super_packet);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
