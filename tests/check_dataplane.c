/*
 * Tests of dataplane: the broker and the tunnel are the test's own functions.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "dataplane.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "ip.h"
#include "link.h"
#include "native.h"
#include "network.h"
#include "packet.h"
#include "peer.h"
#include "stats.h"
#include "util.h"
#include "wheel.h"

#define MTU 1400
#define HEADROOM 40 /* where tests build packets */
#define MIXED_MTU 9000
#define UDP 17
#define PROBE_PROTOCOL 253
#define PASSWORD "secret"
#define NOW_MS 1000
#define HOSTILE_ROUNDS 20000
#define SENT_MAX 16
#define NATIVE_PREFIX "vpn"

struct sent {
	char topic[NETWORK_TOPIC_MAX];
	uint8_t message[FRAME_MESSAGE_MAX];
	size_t len;
};

/* A node, and what it did last. */
struct node {
	struct dataplane *dataplane;
	struct peer_table *peers;
	struct packet_pool *pool;
	struct stats stats;
	bool ready;
	/* Where the native wire is used: all that it sent and nobody got yet, of both wires. */
	struct network network;
	struct wheel *wheel;
	struct sent sent[SENT_MAX];
	size_t sent_count;
	bool connected;
	int publish_error, deliver_error; /* errno, or 0 */
	unsigned int published, delivered, probed;
	char topic[COMPAT_TOPIC_MAX];
	uint8_t message[COMPAT_MESSAGE_MAX];
	size_t message_len;
	uint8_t packet[FRAME_PACKET_MAX];
	size_t packet_len;
	uint8_t token[DATAPLANE_TOKEN_LEN];
};

static const uint8_t token[DATAPLANE_TOKEN_LEN] = "0123456789abcdef";
static struct node here, there; /* 10.0.0.1 and 10.0.0.2 */

static void
keep(struct node *n, const char *topic, const void *message, size_t len)
{
	struct sent *s = &n->sent[n->sent_count++];

	ck_assert_uint_le(n->sent_count, SENT_MAX);
	ck_assert_uint_le(len, sizeof(s->message));
	ck_assert_uint_lt(strlen(topic), sizeof(s->topic));
	strcpy(s->topic, topic);
	memcpy(s->message, message, len);
	s->len = len;
}

static int
on_publish(void *arg, const char *topic, const void *message, size_t len)
{
	struct node *n = arg;

	if (n->publish_error != 0) {
		errno = n->publish_error;
		return -1;
	}
	if (n->wheel != NULL) {
		keep(n, topic, message, len);
		return 0;
	}
	ck_assert_uint_le(len, sizeof(n->message));
	ck_assert_uint_lt(strlen(topic), sizeof(n->topic));
	strcpy(n->topic, topic);
	memcpy(n->message, message, len);
	n->message_len = len;
	n->published++;
	return 0;
}

static bool
on_connected(void *arg)
{
	const struct node *n = arg;

	return n->connected;
}

static int
on_deliver(void *arg, const struct packet_offload *offload, const struct iovec *iov, int count)
{
	struct node *n = arg;

	if (n->deliver_error != 0) {
		errno = n->deliver_error;
		return -1;
	}
	ck_assert(!offload->partial);
	n->packet_len = 0;
	for (int i = 0; i < count; i++) {
		ck_assert_uint_le(n->packet_len + iov[i].iov_len, sizeof(n->packet));
		memcpy(n->packet + n->packet_len, iov[i].iov_base, iov[i].iov_len);
		n->packet_len += iov[i].iov_len;
	}
	n->delivered++;
	return 0;
}

static void
on_probe(void *arg, const uint8_t t[DATAPLANE_TOKEN_LEN])
{
	struct node *n = arg;

	memcpy(n->token, t, DATAPLANE_TOKEN_LEN);
	n->probed++;
}

static void
on_ready(void *arg)
{
	struct node *n = arg;

	n->ready = true;
}

static uint64_t
on_clock(void *arg)
{
	return NOW_MS * 1000;
}

/* All that waits goes out. */
static void
transmit(struct node *n)
{
	n->ready = false;
	while (dataplane_transmit(n->dataplane, NOW_MS))
		;
	dataplane_answer(n->dataplane, NOW_MS);
}

static struct addr
addr(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), 0);
	return a;
}

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	ck_assert_int_eq(prefix_parse(text, &p), 0);
	return p;
}

/* n->network is set if the native wire is to be used. */
static void
make_dataplane(struct node *n, const char *address4, const char *address6, const char *topic_prefix,
    const char *password)
{
	const struct prefix addrs[] = {prefix(address4), prefix(address6)};
	const struct dataplane_callbacks callbacks = {
	    .publish = on_publish,
	    .connected = on_connected,
	    .deliver = on_deliver,
	    .probe = on_probe,
	    .ready = on_ready,
	    .clock_us = on_clock,
	    .arg = n,
	};
	struct packet_pool *pool = n->pool = packet_pool_new();
	struct dataplane_params params = {
	    .addrs = addrs,
	    .addr_count = ARRAY_LEN(addrs),
	    .mtu = n->wheel != NULL ? MIXED_MTU : MTU,
	    .topic_prefix = topic_prefix,
	    .password = password,
	    .stats = &n->stats,
	    .pool = pool,
	    .network = n->wheel != NULL ? &n->network : NULL,
	    .wheel = n->wheel,
	    .name = "node",
	    .rekey_ms = CHANNEL_REKEY_MS,
	};

	n->connected = true;
	ck_assert_ptr_nonnull(pool);
	n->peers = params.peers = peer_table_new();
	ck_assert_ptr_nonnull(n->peers);
	ck_assert_int_eq(peer_table_set_local(n->peers, addrs, ARRAY_LEN(addrs)), 0);
	n->dataplane = dataplane_new(&params, &callbacks);
	ck_assert_ptr_nonnull(n->dataplane);
}

static void
node_open(struct node *n, const char *address4, const char *address6, const char *topic_prefix,
    const char *password)
{
	memset(n, 0, sizeof(*n));
	make_dataplane(n, address4, address6, topic_prefix, password);
}

/* One that has the native wire too. */
static void
node_open_mixed(struct node *n, const char *address4, const char *address6, const char *password)
{
	static const uint8_t secret[AEAD_KEY_LEN] = "a secret of 32 bytes, no less";
	const struct network_params params = {
	    .mode = NETWORK_PSK, .name = "test", .prefix = NATIVE_PREFIX, .secret = secret};

	memset(n, 0, sizeof(*n));
	network_init(&n->network, &params);
	n->wheel = wheel_new(NOW_MS, NULL, NULL);
	ck_assert_ptr_nonnull(n->wheel);
	make_dataplane(n, address4, address6, "mqttip", password);
	dataplane_use_old_wire(n->dataplane, true);
	native_up(dataplane_native(n->dataplane), FRAME_MESSAGE_MAX, NOW_MS);
	n->sent_count = 0;
	memset(&n->stats, 0, sizeof(n->stats));
}

static void
node_close(struct node *n)
{
	dataplane_free(n->dataplane);
	peer_table_free(n->peers);
	wheel_free(n->wheel);
	packet_pool_free(n->pool);
	network_clear(&n->network);
}

static void
open_both(const char *password)
{
	node_open(&here, "10.0.0.1/24", "fd00::1/64", "mqttip", password);
	node_open(&there, "10.0.0.2/24", "fd00::2/64", "mqttip", password);
}

static void
setup(void)
{
	ck_assert_int_eq(aead_init(), 0);
	open_both(NULL);
}

static void
teardown(void)
{
	node_close(&here);
	node_close(&there);
	dataplane_free(NULL);
}

static void
use_password(void)
{
	teardown();
	open_both(PASSWORD);
}

/* The first round without a password, the second with one. */
static void
use_password_in_second_round(int round)
{
	if (round > 0)
		use_password();
}

static void
add_peer_of(struct node *n, enum peer_wire wire, const char *name, const struct addr *addrs,
    size_t addr_count, const struct prefix *routes, size_t route_count)
{
	const struct peer_spec spec = {
	    .name = name,
	    .wire = wire,
	    .addrs = addrs,
	    .addr_count = addr_count,
	    .routes = routes,
	    .route_count = route_count,
	};

	ck_assert_int_eq(peer_table_set(n->peers, &spec), 0);
}

static void
add_peer(struct node *n, const char *name, const struct addr *addrs, size_t addr_count,
    const struct prefix *routes, size_t route_count)
{
	add_peer_of(n, PEER_MQTT_VPN, name, addrs, addr_count, routes, route_count);
}

/* Builds a packet behind the headroom of buf. Returns its length. */
static size_t
build(uint8_t *buf, size_t size, const char *src, const char *dst, const char *payload)
{
	struct addr s = addr(src), d = addr(dst);
	size_t len =
	    ip_build(buf + HEADROOM, size - HEADROOM, &s, &d, UDP, payload, strlen(payload));

	ck_assert_uint_gt(len, 0);
	return len;
}

/* The packet that stands behind HEADROOM in buf, out of n's tunnel. */
static void
queue(struct node *n, const uint8_t *buf, size_t len)
{
	struct packet *p = packet_get(n->pool, len);

	ck_assert_ptr_nonnull(p);
	memcpy(p->data, buf + HEADROOM, len);
	p->len = len;
	dataplane_send(n->dataplane, p, NOW_MS);
}

static void
queue_packet(struct node *n, const char *src, const char *dst)
{
	uint8_t buf[HEADROOM + 100];

	queue(n, buf, build(buf, sizeof(buf), src, dst, "payload"));
}

static void
send_built(struct node *n, const uint8_t *buf, size_t len)
{
	queue(n, buf, len);
	transmit(n);
}

static void
send_packet(struct node *n, const char *src, const char *dst)
{
	queue_packet(n, src, dst);
	transmit(n);
}

static void
receive(struct node *n, const char *topic, const void *message, size_t len)
{
	/* Exactly as long as it is, so that the sanitizer sees a read beyond it. */
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct link_message m = {.topic = topic, .payload = copy, .len = len};

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, message, len);
	dataplane_receive(n->dataplane, &m, NOW_MS);
	if (n->ready)
		transmit(n);
	free(copy);
}

/* What one node published last comes to the other. */
static void
forward(struct node *from, struct node *to)
{
	ck_assert_uint_gt(from->published, 0);
	receive(to, from->topic, from->message, from->message_len);
}

/* A bare packet comes to n from the broker. */
static void
receive_packet(struct node *n, const char *src, const char *dst)
{
	uint8_t buf[HEADROOM + 100];
	size_t len = build(buf, sizeof(buf), src, dst, "payload");

	receive(n, "mqttip/10.0.0.1", buf + HEADROOM, len);
}

/* This was counted, once, and nothing else; and it is forgotten. */
static void
expect_count(struct node *n, enum stat_id id)
{
	for (unsigned int i = 0; i < STAT_COUNT; i++)
		ck_assert_msg(n->stats.value[i] == (i == id), "%s is %u",
		    stats_info((enum stat_id)i)->name, (unsigned int)n->stats.value[i]);
	memset(&n->stats, 0, sizeof(n->stats));
}

static const struct peer *
peer_named(const struct node *n, const char *name)
{
	const struct peer *p = peer_first(n->peers);

	while (p != NULL && (p->name == NULL || strcmp(p->name, name) != 0))
		p = p->next;
	ck_assert_ptr_nonnull(p);
	return p;
}

/* From the tunnel to the broker. */

static void
expect_topic(const char *dst, const char *topic)
{
	bool ipv6 = strchr(dst, ':') != NULL;

	here.topic[0] = '\0';
	send_packet(&here, ipv6 ? "fd00::1" : "10.0.0.1", dst);
	ck_assert_str_eq(here.topic, topic);
}

START_TEST(dataplane_publishes_to_the_destinations_address)
{
	expect_topic("10.0.0.2", "mqttip/10.0.0.2");
	expect_topic("192.0.2.1", "mqttip/192.0.2.1");
	expect_topic("fd00::2", "mqttip/fd00::2");
	expect_topic("2001:db8:0:0:1::1", "mqttip/2001:db8::1:0:0:1");
	ck_assert_uint_eq(here.stats.value[STAT_TX_MESSAGES], 4);
	ck_assert_uint_eq(here.stats.value[STAT_TX_PACKETS], 4);
	ck_assert_uint_eq(here.stats.value[STAT_TX_BYTES], 2 * (20 + 7) + 2 * (40 + 7));
	ck_assert_uint_eq(here.stats.value[STAT_TX_BROADCASTS], 0);
}
END_TEST

START_TEST(dataplane_publishes_to_the_peer_that_a_route_leads_to)
{
	const struct addr both[] = {addr("10.0.0.2"), addr("fd00::2")}, one = addr("10.0.0.3");
	const struct prefix routes[] = {prefix("192.168.5.0/24"), prefix("fd05::/64")};
	const struct prefix other = prefix("fd06::/64");

	add_peer(&here, "workshop", both, 2, routes, 2);
	add_peer(&here, "garden", &one, 1, &other, 1);
	expect_topic("10.0.0.2", "mqttip/10.0.0.2");
	expect_topic("fd00::2", "mqttip/fd00::2");
	expect_topic("192.168.5.77", "mqttip/10.0.0.2");
	expect_topic("fd05::77", "mqttip/fd00::2");
	expect_topic("fd06::77", "mqttip/10.0.0.3"); /* it has no other address */
	expect_topic("192.168.6.77", "mqttip/192.168.6.77");
	ck_assert_uint_eq(peer_named(&here, "workshop")->tx_packets, 4);
	ck_assert_uint_eq(peer_named(&here, "workshop")->tx_bytes, 2 * (20 + 7) + 2 * (40 + 7));
	ck_assert_uint_eq(peer_named(&here, "garden")->tx_packets, 1);
}
END_TEST

START_TEST(dataplane_publishes_broadcast_and_multicast_to_one_topic)
{
	static const char *const destinations[] = {
	    "255.255.255.255", "10.0.0.255", "224.0.0.251", "239.255.255.250", "ff02::fb"};
	const struct addr peer = addr("10.0.0.2");
	const struct prefix all[] = {prefix("0.0.0.0/0"), prefix("::/0")};

	/* A default route does not take them. */
	add_peer(&here, "gateway", &peer, 1, all, 2);
	for (size_t i = 0; i < ARRAY_LEN(destinations); i++)
		expect_topic(destinations[i], "mqttip/255.255.255.255");
	ck_assert_uint_eq(here.stats.value[STAT_TX_BROADCASTS], ARRAY_LEN(destinations));
	ck_assert_uint_eq(here.stats.value[STAT_TX_PACKETS], ARRAY_LEN(destinations));
	ck_assert_uint_eq(peer_named(&here, "gateway")->tx_packets, 0);
	/* Not the broadcast address of a network of ours. */
	expect_topic("10.0.1.255", "mqttip/10.0.0.2");
}
END_TEST

START_TEST(dataplane_takes_the_longest_prefix_and_address)
{
	char prefix64[COMPAT_PREFIX_MAX + 1], topic[COMPAT_TOPIC_MAX];

	memset(prefix64, 'p', COMPAT_PREFIX_MAX);
	prefix64[COMPAT_PREFIX_MAX] = '\0';
	node_close(&here);
	node_open(&here, "10.0.0.1/24", "fd00::1/64", prefix64, NULL);
	snprintf(topic, sizeof(topic), "%s/fd00:1111:2222:3333:4444:5555:6666:7777", prefix64);
	expect_topic("fd00:1111:2222:3333:4444:5555:6666:7777", topic);
	snprintf(topic, sizeof(topic), "%s/255.255.255.255", prefix64);
	expect_topic("10.0.0.255", topic);
	receive(&here, topic, "x", 1);
	expect_topic("10.0.0.255", topic);
	ck_assert_uint_eq(here.stats.value[STAT_RX_DROP_TOPIC], 0);
}
END_TEST

START_TEST(dataplane_publishes_the_packet_itself_without_a_password)
{
	uint8_t buf[HEADROOM + 100], packet[100];
	size_t len = build(buf, sizeof(buf), "10.0.0.1", "10.0.0.2", "hello");

	memcpy(packet, buf + HEADROOM, len);
	send_built(&here, buf, len);
	ck_assert_uint_eq(here.message_len, len);
	ck_assert_int_eq(memcmp(here.message, packet, len), 0);
}
END_TEST

START_TEST(dataplane_seals_the_packet_under_the_password)
{
	uint8_t buf[HEADROOM + 100], packet[COMPAT_PACKET_MAX];
	struct compat_key key;
	size_t len;

	use_password();
	len = build(buf, sizeof(buf), "10.0.0.1", "10.0.0.2", "hello");
	send_built(&here, buf, len);
	ck_assert_uint_eq(here.message_len, len + COMPAT_OVERHEAD);
	compat_key_init(&key, PASSWORD);
	ck_assert_int_eq(compat_open(&key, here.message, here.message_len, packet), (int)len);
	ck_assert_int_eq(memcmp(packet + 20, "hello", 5), 0);
	ck_assert_uint_eq(here.stats.value[STAT_TX_BYTES], len);
}
END_TEST

START_TEST(dataplane_carries_packets_of_both_families)
{
	uint8_t buf[HEADROOM + 100];

	use_password_in_second_round(_i);
	build(buf, sizeof(buf), "10.0.0.1", "10.0.0.2", "payload");
	send_packet(&here, "10.0.0.1", "10.0.0.2");
	forward(&here, &there);
	ck_assert_uint_eq(there.packet_len, 27);
	ck_assert_int_eq(memcmp(there.packet, buf + HEADROOM, 27), 0);
	build(buf, sizeof(buf), "fd00::1", "fd00::2", "payload");
	send_packet(&here, "fd00::1", "fd00::2");
	forward(&here, &there);
	ck_assert_uint_eq(there.packet_len, 47);
	ck_assert_int_eq(memcmp(there.packet, buf + HEADROOM, 47), 0);
	ck_assert_uint_eq(there.stats.value[STAT_RX_MESSAGES], 2);
	ck_assert_uint_eq(there.stats.value[STAT_RX_PACKETS], 2);
	ck_assert_uint_eq(there.stats.value[STAT_RX_BYTES], 27 + 47);
	ck_assert_uint_eq(stats_sum(&there.stats, "rx_drop_"), 0);
}
END_TEST

START_TEST(dataplane_carries_a_packet_as_large_as_the_interface_allows)
{
	uint8_t buf[HEADROOM + MTU + 1];
	char payload[MTU + 1];

	use_password_in_second_round(_i);
	memset(payload, 'x', sizeof(payload));
	payload[MTU - 20] = '\0';
	ck_assert_uint_eq(build(buf, sizeof(buf), "10.0.0.1", "10.0.0.2", payload), MTU);
	send_built(&here, buf, MTU);
	forward(&here, &there);
	ck_assert_uint_eq(there.packet_len, MTU);
	payload[MTU - 20] = 'x';
	payload[MTU - 19] = '\0';
	memset(&here.stats, 0, sizeof(here.stats));
	send_built(&here, buf, build(buf, sizeof(buf), "10.0.0.1", "10.0.0.2", payload));
	expect_count(&here, STAT_TX_DROP_TOO_BIG);
	ck_assert_uint_eq(here.published, 1);
}
END_TEST

START_TEST(dataplane_counts_why_it_does_not_send)
{
	uint8_t buf[HEADROOM + 100];
	size_t len = build(buf, sizeof(buf), "10.0.0.1", "10.0.0.2", "payload");

	here.connected = false;
	send_built(&here, buf, len);
	expect_count(&here, STAT_TX_DROP_NOT_CONNECTED);
	here.connected = true;
	here.publish_error = ENOTCONN;
	send_built(&here, buf, len);
	expect_count(&here, STAT_TX_DROP_NOT_CONNECTED);
	here.publish_error = EMSGSIZE;
	send_built(&here, buf, len);
	expect_count(&here, STAT_TX_DROP_TOO_BIG);
	here.publish_error = ENOMEM;
	send_built(&here, buf, len);
	expect_count(&here, STAT_TX_DROP_PUBLISH);
	here.publish_error = 0;
	send_built(&here, buf, len - 1);
	expect_count(&here, STAT_TX_DROP_MALFORMED);
	send_built(&here, buf, 0);
	expect_count(&here, STAT_TX_DROP_MALFORMED);
	ck_assert_uint_eq(here.published, 0);
}
END_TEST

START_TEST(dataplane_sends_nothing_to_no_node)
{
	static const char *const destinations[] = {
	    "0.0.0.0", "127.0.0.1", "127.9.9.9", "::", "::1"};

	for (size_t i = 0; i < ARRAY_LEN(destinations); i++) {
		send_packet(&here, strchr(destinations[i], ':') != NULL ? "fd00::1" : "10.0.0.1",
		    destinations[i]);
		expect_count(&here, STAT_TX_DROP_NO_DESTINATION);
	}
	ck_assert_uint_eq(here.published, 0);
}
END_TEST

START_TEST(dataplane_counts_no_packet_for_a_peer_that_was_not_sent)
{
	const struct addr a = addr("10.0.0.2");

	add_peer(&here, "workshop", &a, 1, NULL, 0);
	here.publish_error = EMSGSIZE;
	send_packet(&here, "10.0.0.1", "10.0.0.2");
	ck_assert_uint_eq(peer_named(&here, "workshop")->tx_packets, 0);
}
END_TEST

/* From the broker to the tunnel. */

START_TEST(dataplane_drops_what_the_broker_stored_or_acknowledges)
{
	uint8_t buf[HEADROOM + 100];
	size_t len = build(buf, sizeof(buf), "10.0.0.2", "10.0.0.1", "payload");
	struct link_message m = {.topic = "mqttip/10.0.0.1", .payload = buf + HEADROOM, .len = len};

	m.retain = true;
	dataplane_receive(here.dataplane, &m, NOW_MS);
	expect_count(&here, STAT_RX_DROP_RETAINED);
	m.retain = false;
	for (m.qos = 1; m.qos <= 2; m.qos++) {
		dataplane_receive(here.dataplane, &m, NOW_MS);
		expect_count(&here, STAT_RX_DROP_QOS);
	}
	ck_assert_uint_eq(here.delivered, 0);
}
END_TEST

START_TEST(dataplane_drops_messages_of_foreign_topics)
{
	static const char *const topics[] = {
	    "", "mqtti", "mqttip", "mqttipx/10.0.0.1", "Mqttip/10.0.0.1", "$SYS/broker/load"};
	uint8_t buf[HEADROOM + 100];
	size_t len = build(buf, sizeof(buf), "10.0.0.2", "10.0.0.1", "payload");

	for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
		receive(&here, topics[i], buf + HEADROOM, len);
		expect_count(&here, STAT_RX_DROP_TOPIC);
	}
	ck_assert_uint_eq(here.delivered, 0);
}
END_TEST

START_TEST(dataplane_drops_packets_with_its_own_source)
{
	receive_packet(&here, "10.0.0.1", "10.0.0.255");
	expect_count(&here, STAT_RX_DROP_OWN_SOURCE);
	receive_packet(&here, "fd00::1", "ff02::1");
	expect_count(&here, STAT_RX_DROP_OWN_SOURCE);
	ck_assert_uint_eq(here.delivered, 0);
	ck_assert_ptr_null(peer_first(here.peers));
}
END_TEST

START_TEST(dataplane_drops_packets_with_a_source_that_no_node_has)
{
	static const char *const sources[] = {
	    "224.0.0.1", "127.0.0.1", "255.255.255.255", "10.0.0.255", "ff02::1", "::1"};

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		receive_packet(
		    &here, sources[i], strchr(sources[i], ':') != NULL ? "fd00::1" : "10.0.0.1");
		expect_count(&here, STAT_RX_DROP_BAD_SOURCE);
	}
	ck_assert_uint_eq(here.delivered, 0);
	ck_assert_ptr_null(peer_first(here.peers));
}
END_TEST

START_TEST(dataplane_delivers_a_packet_of_a_node_without_address)
{
	receive_packet(&here, "0.0.0.0", "255.255.255.255"); /* DHCP */
	ck_assert_uint_eq(here.delivered, 1);
	ck_assert_ptr_null(peer_first(here.peers));
}
END_TEST

START_TEST(dataplane_drops_messages_of_the_wrong_length)
{
	static const uint8_t big[COMPAT_MESSAGE_MAX + 1];
	size_t overhead = _i > 0 ? COMPAT_OVERHEAD : 0;

	use_password_in_second_round(_i);
	for (size_t len = 0; len <= overhead; len++) {
		receive(&here, "mqttip/10.0.0.1", big, len);
		expect_count(&here, STAT_RX_DROP_TOO_SHORT);
	}
	receive(&here, "mqttip/10.0.0.1", big, COMPAT_PACKET_MAX + overhead + 1);
	expect_count(&here, STAT_RX_DROP_TOO_BIG);
	ck_assert_uint_eq(here.delivered, 0);
}
END_TEST

START_TEST(dataplane_drops_what_is_no_packet)
{
	uint8_t buf[HEADROOM + 100], *packet = buf + HEADROOM;
	size_t len = build(buf, sizeof(buf), "10.0.0.2", "10.0.0.1", "payload");

	receive(&here, "mqttip/10.0.0.1", "?", 1);
	expect_count(&here, STAT_RX_DROP_MALFORMED);
	receive(&here, "mqttip/10.0.0.1", packet, len - 1);
	expect_count(&here, STAT_RX_DROP_MALFORMED);
	packet[0] = 0x55;
	receive(&here, "mqttip/10.0.0.1", packet, len);
	expect_count(&here, STAT_RX_DROP_MALFORMED);
	ck_assert_uint_eq(here.delivered, 0);
}
END_TEST

START_TEST(dataplane_drops_what_was_not_sealed_under_its_password)
{
	use_password();
	send_packet(&there, "10.0.0.2", "10.0.0.1");
	for (size_t i = 0; i < there.message_len; i++) {
		there.message[i] ^= 1;
		forward(&there, &here);
		expect_count(&here, STAT_RX_DROP_AUTH);
		there.message[i] ^= 1;
	}
	node_close(&there);
	node_open(&there, "10.0.0.2/24", "fd00::2/64", "mqttip", "another");
	send_packet(&there, "10.0.0.2", "10.0.0.1");
	forward(&there, &here);
	expect_count(&here, STAT_RX_DROP_AUTH);
	ck_assert_uint_eq(here.delivered, 0);
	ck_assert_ptr_null(peer_first(here.peers));
}
END_TEST

START_TEST(dataplane_counts_what_the_tunnel_does_not_take)
{
	here.deliver_error = EIO;
	receive_packet(&here, "10.0.0.2", "10.0.0.1");
	ck_assert_uint_eq(here.stats.value[STAT_RX_DROP_TUN], 1);
	ck_assert_uint_eq(here.stats.value[STAT_RX_PACKETS], 0);
	ck_assert_uint_eq(here.stats.value[STAT_RX_BYTES], 0);
	/* Its sender was heard all the same. */
	ck_assert_uint_eq(peer_first(here.peers)->rx_packets, 1);
}
END_TEST

START_TEST(dataplane_learns_who_sends)
{
	const struct addr a = addr("10.0.0.2");
	const struct prefix route = prefix("192.168.5.0/24");
	const struct peer *p;

	add_peer(&here, "workshop", &a, 1, &route, 1);
	receive_packet(&here, "192.168.5.9", "10.0.0.1");
	receive_packet(&here, "10.0.0.9", "10.0.0.1");
	p = peer_named(&here, "workshop");
	ck_assert_uint_eq(p->rx_packets, 1);
	ck_assert_uint_eq(p->rx_bytes, 27);
	ck_assert_uint_eq(p->heard_ms, NOW_MS);
	p = p->next;
	ck_assert_ptr_nonnull(p);
	ck_assert(!p->configured);
	ck_assert_uint_eq(p->rx_packets, 1);
}
END_TEST

/* Probes. */

START_TEST(dataplane_recognises_its_probe)
{
	struct ip_info ip;

	use_password_in_second_round(_i);
	ck_assert_int_eq(dataplane_probe(here.dataplane, token), 0);
	ck_assert_str_eq(here.topic, "mqttip/10.0.0.1");
	forward(&here, &here);
	ck_assert_uint_eq(here.probed, 1);
	ck_assert_int_eq(memcmp(here.token, token, sizeof(token)), 0);
	ck_assert_uint_eq(here.delivered, 0);
	for (unsigned int i = 0; i < STAT_COUNT; i++)
		ck_assert_uint_eq(here.stats.value[i], 0);
	if (_i == 0) {
		ck_assert_int_eq(ip_parse(here.message, here.message_len, &ip), IP_OK);
		ck_assert_uint_eq(ip.protocol, PROBE_PROTOCOL);
		ck_assert(addr_equal(&ip.src, &ip.dst));
	}
}
END_TEST

START_TEST(dataplane_hands_up_the_probe_of_another_node_with_its_address)
{
	static const uint8_t foreign[DATAPLANE_TOKEN_LEN] = "fedcba9876543210";

	use_password();
	node_close(&there);
	node_open(&there, "10.0.0.1/24", "fd00::1/64", "mqttip", PASSWORD);
	ck_assert_int_eq(dataplane_probe(there.dataplane, foreign), 0);
	forward(&there, &here);
	ck_assert_uint_eq(here.probed, 1);
	ck_assert_int_eq(memcmp(here.token, foreign, sizeof(foreign)), 0);
}
END_TEST

START_TEST(dataplane_takes_no_other_packet_for_a_probe)
{
	uint8_t packet[100];
	struct addr own = addr("10.0.0.1"), other = addr("10.0.0.2");
	size_t len;

	len = ip_build(packet, sizeof(packet), &other, &other, PROBE_PROTOCOL, token, 16);
	receive(&here, "mqttip/10.0.0.1", packet, len); /* not our address */
	len = ip_build(packet, sizeof(packet), &other, &own, PROBE_PROTOCOL, token, 16);
	receive(&here, "mqttip/10.0.0.1", packet, len); /* not to itself */
	ck_assert_uint_eq(here.delivered, 2);
	memset(&here.stats, 0, sizeof(here.stats));
	len = ip_build(packet, sizeof(packet), &own, &own, PROBE_PROTOCOL, token, 15);
	receive(&here, "mqttip/10.0.0.1", packet, len); /* too short */
	expect_count(&here, STAT_RX_DROP_OWN_SOURCE);
	len = ip_build(packet, sizeof(packet), &own, &own, UDP, token, 16);
	receive(&here, "mqttip/10.0.0.1", packet, len); /* another protocol */
	expect_count(&here, STAT_RX_DROP_OWN_SOURCE);
	ck_assert_uint_eq(here.probed, 0);
}
END_TEST

START_TEST(dataplane_probe_tells_why_it_was_not_sent)
{
	here.publish_error = ENOTCONN;
	errno = 0;
	ck_assert_int_eq(dataplane_probe(here.dataplane, token), -1);
	ck_assert_int_eq(errno, ENOTCONN);
}
END_TEST

/* Hostile bytes. */

/* xorshift32: the same run every time. */
static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state >> 3;
}

/* Changes a few bytes, the length, or both. buf has size bytes. Returns the new length. */
static size_t
mutate(uint8_t *buf, size_t len, size_t size, uint32_t *random)
{
	uint32_t kind = next_random(random) % 4;

	if (kind == 0)
		len = next_random(random) % (len + 1);
	else if (kind == 1)
		len = next_random(random) % (size + 1);
	for (uint32_t n = next_random(random) % 4; n > 0 && len > 0; n--)
		buf[next_random(random) % (next_random(random) % 2 ? len : (len < 40 ? len : 40))] =
		    (uint8_t)next_random(random);
	return len;
}

/* Messages as another node makes them. Returns the length. */
static size_t
good_message(uint8_t *buf, unsigned int kind)
{
	if (kind == 0)
		send_packet(&there, "10.0.0.2", "10.0.0.1");
	else if (kind == 1)
		send_packet(&there, "fd00::2", "fd00::1");
	else
		ck_assert_int_eq(dataplane_probe(there.dataplane, token), 0);
	memcpy(buf, there.message, there.message_len);
	return there.message_len;
}

static size_t
count_peers(const struct node *n)
{
	size_t count = 0;

	for (const struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		count++;
	return count;
}

START_TEST(dataplane_survives_mutated_messages)
{
	uint8_t buf[COMPAT_MESSAGE_MAX + 100];
	uint32_t random = 20213;
	struct ip_info ip;
	unsigned int before;
	size_t len;

	use_password_in_second_round(_i);
	for (unsigned int i = 0; i < HOSTILE_ROUNDS; i++) {
		memset(buf, 0, sizeof(buf));
		len = mutate(buf, good_message(buf, i % 3), sizeof(buf), &random);
		before = here.delivered;
		receive(&here, "mqttip/10.0.0.1", buf, len);
		if (here.delivered == before)
			continue;
		ck_assert_int_eq(ip_parse(here.packet, here.packet_len, &ip), IP_OK);
		/* Under a password only what was not changed at all. */
		ck_assert(
		    _i == 0 || (len == there.message_len && memcmp(buf, there.message, len) == 0));
	}
	ck_assert_uint_gt(here.delivered, 0);
	ck_assert_uint_eq(here.delivered, here.stats.value[STAT_RX_PACKETS]);
	/* Each message came to one end. */
	ck_assert_uint_eq(
	    here.delivered + here.probed + stats_sum(&here.stats, "rx_drop_"), HOSTILE_ROUNDS);
	ck_assert_uint_le(count_peers(&here), PEER_LEARNT_MAX);
}
END_TEST

START_TEST(dataplane_survives_mutated_packets)
{
	uint8_t buf[HEADROOM + MTU + 100], *packet = buf + HEADROOM;
	uint32_t random = 20214;
	struct ip_info ip;
	unsigned int before;
	uint8_t *exact;
	size_t len;

	use_password_in_second_round(_i);
	for (unsigned int i = 0; i < HOSTILE_ROUNDS; i++) {
		memset(buf, 0, sizeof(buf));
		len = i % 2 == 0 ? build(buf, sizeof(buf), "10.0.0.1", "10.0.0.2", "payload")
				 : build(buf, sizeof(buf), "fd00::1", "fd00::2", "payload");
		len = mutate(packet, len, MTU + 100, &random);
		exact = malloc(HEADROOM + len);
		ck_assert_ptr_nonnull(exact);
		memcpy(exact, buf, HEADROOM + len);
		before = here.published;
		send_built(&here, exact, len);
		if (here.published != before)
			ck_assert_int_eq(ip_parse(packet, len, &ip), IP_OK);
		free(exact);
	}
	ck_assert_uint_gt(here.published, 0);
	ck_assert_uint_eq(here.published, here.stats.value[STAT_TX_PACKETS]);
	ck_assert_uint_eq(here.published + stats_sum(&here.stats, "tx_drop_"), HOSTILE_ROUNDS);
}
END_TEST

/* Both wires. */

static void
use_both_wires(const char *password)
{
	teardown();
	node_open_mixed(&here, "10.0.0.1/24", "fd00::1/64", password);
	node_open_mixed(&there, "10.0.0.2/24", "fd00::2/64", password);
}

static bool
is_native(const struct sent *s)
{
	return strncmp(s->topic, NATIVE_PREFIX "/", strlen(NATIVE_PREFIX) + 1) == 0;
}

/* The native messages of one node come to the other, and nobody gets the rest. */
static void
carry(struct node *from, struct node *to)
{
	size_t count = from->sent_count;

	from->sent_count = 0;
	for (size_t i = 0; i < count; i++)
		if (is_native(&from->sent[i]))
			receive(to, from->sent[i].topic, from->sent[i].message, from->sent[i].len);
}

static void
exchange(void)
{
	while (here.sent_count > 0 || there.sent_count > 0) {
		carry(&here, &there);
		carry(&there, &here);
	}
}

/* Both have a session, and what happened until then is forgotten. */
static void
have_session(void)
{
	send_packet(&here, "10.0.0.1", "10.0.0.2");
	exchange();
	ck_assert_uint_eq(there.delivered, 1);
	there.delivered = 0;
	memset(&here.stats, 0, sizeof(here.stats));
	memset(&there.stats, 0, sizeof(there.stats));
}

/* One old-wire message was sent, to this topic, with this packet in it. Forgets what was sent. */
static void
expect_old(const char *topic, const uint8_t *packet, size_t len)
{
	ck_assert_uint_eq(here.sent_count, 1);
	ck_assert_str_eq(here.sent[0].topic, topic);
	ck_assert_uint_eq(here.sent[0].len, len);
	ck_assert_mem_eq(here.sent[0].message, packet, len);
	here.sent_count = 0;
}

static void
send_sized(struct node *n, const char *src, const char *dst, size_t len)
{
	static uint8_t buf[HEADROOM + MIXED_MTU];
	static char payload[MIXED_MTU];

	memset(payload, 'x', sizeof(payload));
	payload[len - 20] = '\0';
	ck_assert_uint_eq(build(buf, sizeof(buf), src, dst, payload), len);
	send_built(n, buf, len);
}

START_TEST(dataplane_uses_the_wire_that_the_peer_has)
{
	const struct addr old = addr("10.0.0.3"), native = addr("10.0.0.2");
	const struct prefix behind = prefix("192.168.3.0/24");
	uint8_t buf[HEADROOM + 100], *packet = buf + HEADROOM;
	size_t len;

	use_both_wires(NULL);
	add_peer(&here, "old", &old, 1, &behind, 1);
	add_peer_of(&here, PEER_NATIVE, "new", &native, 1, NULL, 0);
	len = build(buf, sizeof(buf), "10.0.0.1", "10.0.0.3", "payload");
	send_packet(&here, "10.0.0.1", "10.0.0.3");
	expect_old("mqttip/10.0.0.3", packet, len);
	len = build(buf, sizeof(buf), "10.0.0.1", "192.168.3.9", "payload");
	send_packet(&here, "10.0.0.1", "192.168.3.9");
	expect_old("mqttip/10.0.0.3", packet, len);
	ck_assert_uint_eq(peer_named(&here, "old")->tx_packets, 2);
	ck_assert_uint_eq(here.stats.value[STAT_HANDSHAKES_STARTED], 0);
	send_packet(&here, "10.0.0.1", "10.0.0.2");
	ck_assert_uint_eq(here.sent_count, 1);
	ck_assert(is_native(&here.sent[0]));
	exchange();
	len = build(buf, sizeof(buf), "10.0.0.1", "10.0.0.2", "payload");
	ck_assert_uint_eq(there.delivered, 1);
	ck_assert_uint_eq(there.packet_len, len);
	ck_assert_mem_eq(there.packet, packet, len);
	ck_assert_uint_eq(peer_named(&here, "new")->tx_packets, 1);
	ck_assert_uint_eq(stats_sum(&here.stats, "tx_drop_"), 0);
}
END_TEST

START_TEST(dataplane_looks_for_an_unknown_node_on_the_native_wire_alone)
{
	use_both_wires(NULL);
	send_packet(&here, "10.0.0.1", "10.0.0.2");
	ck_assert_uint_eq(here.sent_count, 1);
	ck_assert(is_native(&here.sent[0]));
	exchange();
	ck_assert_uint_eq(there.delivered, 1);
	ck_assert_int_eq(peer_first(here.peers)->wire, PEER_NATIVE);
}
END_TEST

START_TEST(dataplane_sends_broadcasts_both_ways)
{
	uint8_t buf[HEADROOM + 100], packet[COMPAT_PACKET_MAX];
	struct compat_key key;
	size_t len = build(buf, sizeof(buf), "10.0.0.1", "10.0.0.255", "payload");

	use_both_wires(PASSWORD);
	have_session();
	send_packet(&here, "10.0.0.1", "10.0.0.255");
	/* The key of the native one goes to its peer before it. */
	ck_assert_uint_eq(here.sent_count, 3);
	ck_assert(is_native(&here.sent[1]));
	ck_assert_uint_eq(here.sent[1].message[1], FRAME_MULTICAST);
	ck_assert_str_eq(here.sent[2].topic, "mqttip/255.255.255.255");
	compat_key_init(&key, PASSWORD);
	ck_assert_int_eq(
	    compat_open(&key, here.sent[2].message, here.sent[2].len, packet), (int)len);
	ck_assert_mem_eq(packet, buf + HEADROOM, len);
	exchange();
	ck_assert_uint_eq(there.delivered, 1);
	ck_assert_mem_eq(there.packet, buf + HEADROOM, len);
}
END_TEST

START_TEST(dataplane_sends_broadcasts_one_way_without_peers_of_the_old_wire)
{
	use_both_wires(NULL);
	dataplane_use_old_wire(here.dataplane, false);
	ck_assert(!dataplane_uses_old_wire(here.dataplane));
	send_packet(&here, "fd00::1", "ff02::fb");
	ck_assert_uint_eq(here.sent_count, 1);
	ck_assert(is_native(&here.sent[0]));
	ck_assert_uint_eq(here.stats.value[STAT_TX_BROADCASTS], 1);
	ck_assert_uint_eq(here.stats.value[STAT_TX_PACKETS], 1);
}
END_TEST

/* The password of those peers may have gone with them. */
START_TEST(dataplane_sends_nothing_by_the_old_wire_after_its_last_peer_went)
{
	uint8_t buf[HEADROOM + 100];
	size_t len = build(buf, sizeof(buf), "10.0.0.1", "10.0.0.3", "secret");
	const struct addr old = addr("10.0.0.3");

	use_both_wires(PASSWORD);
	add_peer(&here, "old", &old, 1, NULL, 0);
	queue(&here, buf, len);
	ck_assert_uint_eq(dataplane_waiting(here.dataplane), 1);
	dataplane_set_password(here.dataplane, NULL);
	dataplane_use_old_wire(here.dataplane, false);
	transmit(&here);
	ck_assert_uint_eq(here.sent_count, 0);
	ck_assert_uint_eq(dataplane_waiting(here.dataplane), 0);
	expect_count(&here, STAT_TX_DROP_NO_DESTINATION);
}
END_TEST

START_TEST(dataplane_without_the_native_wire_always_uses_the_old_one)
{
	ck_assert_ptr_null(dataplane_native(here.dataplane));
	dataplane_use_old_wire(here.dataplane, false);
	ck_assert(dataplane_uses_old_wire(here.dataplane));
	expect_topic("10.0.0.2", "mqttip/10.0.0.2");
	transmit(&here);
	ck_assert_uint_eq(here.published, 1);
}
END_TEST

START_TEST(dataplane_takes_by_the_old_wire_what_its_peers_send)
{
	const struct addr old = addr("10.0.0.3");
	const struct prefix behind = prefix("192.168.3.0/24");

	use_both_wires(NULL);
	add_peer(&here, "old", &old, 1, &behind, 1);
	receive_packet(&here, "10.0.0.3", "10.0.0.1");
	receive_packet(&here, "192.168.3.9", "10.0.0.1");
	ck_assert_uint_eq(here.delivered, 2);
	ck_assert_uint_eq(peer_named(&here, "old")->rx_packets, 2);
	ck_assert_uint_eq(stats_sum(&here.stats, "rx_drop_"), 0);
}
END_TEST

/* The old wire proves nothing: nobody gets a way past the native one by it. */
START_TEST(dataplane_drops_what_comes_by_the_old_wire_from_nodes_that_do_not_use_it)
{
	static const char *const sources[] = {"10.0.0.4", "192.168.4.1", "10.0.0.2", "10.0.0.99",
	    "198.51.100.1", "0.0.0.0", "fd00::2"};
	const struct addr old = addr("10.0.0.3"), native = addr("10.0.0.4");
	const struct prefix behind = prefix("192.168.4.0/24");

	use_both_wires(NULL);
	add_peer(&here, "old", &old, 1, NULL, 0);
	add_peer_of(&here, PEER_NATIVE, "new", &native, 1, &behind, 1);
	have_session(); /* with 10.0.0.2, which is learnt by it */
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		receive_packet(
		    &here, sources[i], strchr(sources[i], ':') != NULL ? "fd00::1" : "10.0.0.1");
		expect_count(&here, STAT_RX_DROP_SPOOFED);
	}
	ck_assert_uint_eq(here.delivered, 0);
	ck_assert_uint_eq(count_peers(&here), 3);
}
END_TEST

START_TEST(dataplane_drops_what_comes_by_the_native_wire_from_a_peer_of_the_old_one)
{
	const struct addr old = addr("10.0.0.3");

	use_both_wires(NULL);
	add_peer(&here, "old", &old, 1, NULL, 0);
	have_session();
	send_packet(&there, "10.0.0.3", "10.0.0.1");
	transmit(&there);
	exchange();
	expect_count(&here, STAT_RX_DROP_SPOOFED);
	ck_assert_uint_eq(here.delivered, 0);
}
END_TEST

START_TEST(dataplane_knows_no_topic_of_the_old_wire_without_peers_of_it)
{
	const struct addr native = addr("10.0.0.4");

	use_both_wires(NULL);
	add_peer_of(&here, PEER_NATIVE, "new", &native, 1, NULL, 0);
	dataplane_use_old_wire(here.dataplane, false);
	receive_packet(&here, "10.0.0.4", "10.0.0.1");
	expect_count(&here, STAT_RX_DROP_TOPIC);
	receive(&here, "mqttip/255.255.255.255", "x", 1);
	expect_count(&here, STAT_RX_DROP_TOPIC);
	ck_assert_uint_eq(here.delivered, 0);
}
END_TEST

START_TEST(dataplane_sends_nothing_from_an_address_that_nobody_takes_from_it)
{
	static const char *const unfit[] = {
	    "0.0.0.0", "224.0.0.1", "127.0.0.1", "::", "::1", "fe80::1", "ff02::1"};
	static const char *const theirs[] = {"10.0.0.2", "10.0.0.3", "fd00::2"};
	const struct addr native[] = {addr("10.0.0.2"), addr("fd00::2")}, old = addr("10.0.0.3");
	bool ipv6;

	use_both_wires(NULL);
	add_peer_of(&here, PEER_NATIVE, "new", native, 2, NULL, 0);
	add_peer(&here, "old", &old, 1, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(unfit); i++) {
		ipv6 = strchr(unfit[i], ':') != NULL;
		send_packet(&here, unfit[i], ipv6 ? "fd00::9" : "10.0.0.9");
		expect_count(&here, STAT_TX_DROP_BAD_SOURCE);
		send_packet(&here, unfit[i], ipv6 ? "ff02::fb" : "10.0.0.255");
		expect_count(&here, STAT_TX_DROP_BAD_SOURCE);
	}
	for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
		ipv6 = strchr(theirs[i], ':') != NULL;
		send_packet(&here, theirs[i], theirs[i]);
		expect_count(&here, STAT_TX_DROP_BAD_SOURCE);
		send_packet(&here, theirs[i], ipv6 ? "ff02::fb" : "10.0.0.255");
		expect_count(&here, STAT_TX_DROP_BAD_SOURCE);
	}
	ck_assert_uint_eq(here.sent_count, 0);
	/* We may be the hub between two. */
	send_packet(&here, "10.0.0.2", "10.0.0.3");
	ck_assert_uint_eq(here.sent_count, 1);
}
END_TEST

/* What is behind us, and what nobody is configured with. */
START_TEST(dataplane_sends_from_addresses_that_may_be_its_own)
{
	use_both_wires(NULL);
	have_session();
	send_packet(&here, "192.168.1.5", "10.0.0.2");
	send_packet(&here, "fd00::1", "fd00::2");
	ck_assert_uint_eq(stats_sum(&here.stats, "tx_drop_"), 0);
}
END_TEST

START_TEST(dataplane_sends_no_large_packet_by_the_old_wire)
{
	const struct addr old = addr("10.0.0.3");

	use_both_wires(NULL);
	add_peer(&here, "old", &old, 1, NULL, 0);
	send_sized(&here, "10.0.0.1", "10.0.0.3", COMPAT_PACKET_MAX);
	ck_assert_uint_eq(here.sent_count, 1);
	ck_assert_uint_eq(here.stats.value[STAT_TX_PACKETS], 1);
	here.sent_count = 0;
	memset(&here.stats, 0, sizeof(here.stats));
	send_sized(&here, "10.0.0.1", "10.0.0.3", COMPAT_PACKET_MAX + 1);
	expect_count(&here, STAT_TX_DROP_TOO_BIG);
	send_sized(&here, "10.0.0.1", "10.0.0.3", MIXED_MTU);
	expect_count(&here, STAT_TX_DROP_TOO_BIG);
	ck_assert_uint_eq(here.sent_count, 0);
}
END_TEST

START_TEST(dataplane_sends_a_large_packet_by_the_native_wire)
{
	use_both_wires(PASSWORD);
	have_session();
	send_sized(&here, "10.0.0.1", "10.0.0.2", MIXED_MTU);
	transmit(&here);
	exchange();
	ck_assert_uint_eq(there.delivered, 1);
	ck_assert_uint_eq(there.packet_len, MIXED_MTU);
	/* A broadcast comes to those who can take it. */
	memset(&here.stats, 0, sizeof(here.stats));
	send_sized(&here, "10.0.0.1", "10.0.0.255", COMPAT_PACKET_MAX + 1);
	for (size_t i = 0; i < here.sent_count; i++)
		ck_assert(is_native(&here.sent[i]));
	ck_assert_uint_eq(here.stats.value[STAT_TX_BROADCASTS], 1);
	ck_assert_uint_eq(here.stats.value[STAT_TX_DROP_TOO_BIG], 1);
	exchange();
	ck_assert_uint_eq(there.delivered, 2);
}
END_TEST

START_TEST(dataplane_sends_what_waits_in_one_message)
{
	use_both_wires(NULL);
	have_session();
	queue_packet(&here, "10.0.0.1", "10.0.0.2");
	queue_packet(&here, "10.0.0.1", "10.0.0.2");
	ck_assert_uint_eq(here.sent_count, 0);
	transmit(&here);
	ck_assert_uint_eq(here.sent_count, 1);
	ck_assert_uint_eq(here.stats.value[STAT_TX_MESSAGES], 1);
	ck_assert_uint_eq(here.stats.value[STAT_TX_PACKETS], 2);
	transmit(&here);
	ck_assert_uint_eq(here.sent_count, 1);
	exchange();
	ck_assert_uint_eq(there.delivered, 2);
	ck_assert_uint_eq(there.stats.value[STAT_RX_PACKETS], 2);
	ck_assert_uint_eq(there.stats.value[STAT_RX_MESSAGES], 1);
}
END_TEST

START_TEST(dataplane_counts_what_the_tunnel_does_not_take_of_a_native_message)
{
	use_both_wires(NULL);
	have_session();
	there.deliver_error = EIO;
	send_packet(&here, "10.0.0.1", "10.0.0.2");
	transmit(&here);
	exchange();
	ck_assert_uint_eq(there.stats.value[STAT_RX_DROP_TUN], 1);
	ck_assert_uint_eq(there.stats.value[STAT_RX_PACKETS], 0);
	ck_assert_uint_eq(there.stats.value[STAT_RX_BYTES], 0);
}
END_TEST

START_TEST(dataplane_probes_by_the_native_wire)
{
	use_both_wires(PASSWORD);
	ck_assert_int_eq(dataplane_probe(here.dataplane, token), 0);
	ck_assert_uint_eq(here.sent_count, 1);
	ck_assert_uint_eq(here.sent[0].message[1], FRAME_NOTICE);
	carry(&here, &here);
	ck_assert_uint_eq(here.probed, 1);
	ck_assert_mem_eq(here.token, token, sizeof(token));
	here.publish_error = ENOTCONN;
	errno = 0;
	ck_assert_int_eq(dataplane_probe(here.dataplane, token), -1);
	ck_assert_int_eq(errno, ENOTCONN);
}
END_TEST

static void
add_mixed_tests(TCase *tc)
{
	tcase_add_test(tc, dataplane_uses_the_wire_that_the_peer_has);
	tcase_add_test(tc, dataplane_looks_for_an_unknown_node_on_the_native_wire_alone);
	tcase_add_test(tc, dataplane_sends_broadcasts_both_ways);
	tcase_add_test(tc, dataplane_sends_broadcasts_one_way_without_peers_of_the_old_wire);
	tcase_add_test(tc, dataplane_sends_nothing_by_the_old_wire_after_its_last_peer_went);
	tcase_add_test(tc, dataplane_without_the_native_wire_always_uses_the_old_one);
	tcase_add_test(tc, dataplane_takes_by_the_old_wire_what_its_peers_send);
	tcase_add_test(
	    tc, dataplane_drops_what_comes_by_the_old_wire_from_nodes_that_do_not_use_it);
	tcase_add_test(
	    tc, dataplane_drops_what_comes_by_the_native_wire_from_a_peer_of_the_old_one);
	tcase_add_test(tc, dataplane_knows_no_topic_of_the_old_wire_without_peers_of_it);
	tcase_add_test(tc, dataplane_sends_nothing_from_an_address_that_nobody_takes_from_it);
	tcase_add_test(tc, dataplane_sends_from_addresses_that_may_be_its_own);
	tcase_add_test(tc, dataplane_sends_no_large_packet_by_the_old_wire);
	tcase_add_test(tc, dataplane_sends_a_large_packet_by_the_native_wire);
	tcase_add_test(tc, dataplane_sends_what_waits_in_one_message);
	tcase_add_test(tc, dataplane_counts_what_the_tunnel_does_not_take_of_a_native_message);
	tcase_add_test(tc, dataplane_probes_by_the_native_wire);
}

static void
add_send_tests(TCase *tc)
{
	tcase_add_test(tc, dataplane_publishes_to_the_destinations_address);
	tcase_add_test(tc, dataplane_publishes_to_the_peer_that_a_route_leads_to);
	tcase_add_test(tc, dataplane_publishes_broadcast_and_multicast_to_one_topic);
	tcase_add_test(tc, dataplane_takes_the_longest_prefix_and_address);
	tcase_add_test(tc, dataplane_publishes_the_packet_itself_without_a_password);
	tcase_add_test(tc, dataplane_seals_the_packet_under_the_password);
	tcase_add_loop_test(tc, dataplane_carries_packets_of_both_families, 0, 2);
	tcase_add_loop_test(tc, dataplane_carries_a_packet_as_large_as_the_interface_allows, 0, 2);
	tcase_add_test(tc, dataplane_counts_why_it_does_not_send);
	tcase_add_test(tc, dataplane_sends_nothing_to_no_node);
	tcase_add_test(tc, dataplane_counts_no_packet_for_a_peer_that_was_not_sent);
	tcase_add_loop_test(tc, dataplane_survives_mutated_packets, 0, 2);
}

static void
add_receive_tests(TCase *tc)
{
	tcase_add_test(tc, dataplane_drops_what_the_broker_stored_or_acknowledges);
	tcase_add_test(tc, dataplane_drops_messages_of_foreign_topics);
	tcase_add_test(tc, dataplane_drops_packets_with_its_own_source);
	tcase_add_test(tc, dataplane_drops_packets_with_a_source_that_no_node_has);
	tcase_add_test(tc, dataplane_delivers_a_packet_of_a_node_without_address);
	tcase_add_loop_test(tc, dataplane_drops_messages_of_the_wrong_length, 0, 2);
	tcase_add_test(tc, dataplane_drops_what_is_no_packet);
	tcase_add_test(tc, dataplane_drops_what_was_not_sealed_under_its_password);
	tcase_add_test(tc, dataplane_counts_what_the_tunnel_does_not_take);
	tcase_add_test(tc, dataplane_learns_who_sends);
	tcase_add_loop_test(tc, dataplane_recognises_its_probe, 0, 2);
	tcase_add_test(tc, dataplane_hands_up_the_probe_of_another_node_with_its_address);
	tcase_add_test(tc, dataplane_takes_no_other_packet_for_a_probe);
	tcase_add_test(tc, dataplane_probe_tells_why_it_was_not_sent);
	tcase_add_loop_test(tc, dataplane_survives_mutated_messages, 0, 2);
}

int
main(void)
{
	Suite *suite = suite_create("dataplane");
	TCase *tc = tcase_create("dataplane");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	add_send_tests(tc);
	add_receive_tests(tc);
	add_mixed_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
