/*
 * Whole nodes, a broker and a clock in memory.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native_world.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ip.h"
#include "link.h"
#include "member.h"
#include "native_internal.h" /* a node of an earlier version */

#define START_MS 1000000
#define TEXT_PROTOCOL 253		     /* RFC 3692 */
#define ADDRESS_TEXT_MAX (ADDR_TEXT_MAX + 4) /* with its prefix length */

/* Messages. */

struct world_message *
world_make(const char *topic, const void *bytes, size_t len)
{
	struct world_message *m = calloc(1, sizeof(*m) + len);

	ck_assert_ptr_nonnull(m);
	ck_assert_uint_lt(strlen(topic), sizeof(m->topic));
	m->from = -1;
	m->len = len;
	strcpy(m->topic, topic);
	if (len > 0)
		memcpy(m->bytes, bytes, len);
	return m;
}

struct world_message *
world_copy(const struct world_message *m)
{
	struct world_message *copy = world_make(m->topic, m->bytes, m->len);

	copy->from = m->from;
	copy->qos = m->qos;
	copy->retain = m->retain;
	return copy;
}

static void
enqueue(struct world *w, struct world_message *m)
{
	struct world_message **place = &w->queue;

	while (*place != NULL)
		place = &(*place)->next;
	*place = m;
}

void
world_publish(struct world *w, const struct world_message *m)
{
	enqueue(w, world_copy(m));
}

struct world_message *
world_take(struct world *w)
{
	struct world_message *m = w->queue;

	if (m != NULL) {
		w->queue = m->next;
		m->next = NULL;
	}
	return m;
}

struct world_message *
world_find(const struct world *w, enum frame_type type)
{
	struct world_message *m = w->queue;

	while (m != NULL && (m->len < FRAME_PREFIX_LEN || m->bytes[1] != type))
		m = m->next;
	return m;
}

/* What the nodes give out. */

static int
on_publish(void *arg, const char *topic, const void *message, size_t len)
{
	struct world_node *n = arg;
	struct world *w = n->world;
	struct world_message *m;

	if (n->cut) {
		errno = ENOTCONN;
		return -1;
	}
	m = world_make(topic, message, len);
	m->from = n->number;
	n->published++;
	if (w->tap == NULL || w->tap(w->tap_arg, m))
		enqueue(w, m);
	else
		free(m);
	return 0;
}

static bool
is_connected(void *arg)
{
	const struct world_node *n = arg;

	return !n->cut;
}

static int
on_deliver(void *arg, const struct packet_offload *offload, const struct iovec *iov, int count)
{
	struct world_packet *p = malloc(sizeof(*p) + PACKET_MAX);
	struct world_node *n = arg;

	ck_assert_ptr_nonnull(p);
	p->offload = *offload;
	p->len = 0;
	for (int i = 0; i < count; i++) {
		ck_assert_uint_le(p->len + iov[i].iov_len, PACKET_MAX);
		memcpy(p->bytes + p->len, iov[i].iov_base, iov[i].iov_len);
		p->len += iov[i].iov_len;
	}
	p->next = n->packets;
	n->packets = p;
	n->delivered++;
	return 0;
}

static void
on_probe(void *arg, const uint8_t token[DATAPLANE_TOKEN_LEN])
{
	struct world_node *n = arg;

	n->probes++;
	memcpy(n->token, token, sizeof(n->token));
}

static void
on_ready(void *arg)
{
	struct world_node *n = arg;

	n->ready = true;
}

static void
on_roster(void *arg)
{
	struct world_node *n = arg;

	n->routes++;
}

static uint64_t
on_clock(void *arg)
{
	const struct world_node *n = arg;

	return n->world->now_ms * 1000;
}

void
world_transmit(struct world_node *n)
{
	n->ready = false;
	while (dataplane_transmit(n->dataplane, n->world->now_ms))
		;
	dataplane_answer(n->dataplane, n->world->now_ms);
}

static void
transmit_if_ready(struct world_node *n)
{
	if (n->ready && !n->cut)
		world_transmit(n);
}

/* What they get. */

void
world_give(struct world_node *n, const struct world_message *m)
{
	struct link_message message = {
	    .topic = m->topic,
	    .payload = m->bytes,
	    .len = m->len,
	    .qos = m->qos,
	    .retain = m->retain,
	};

	dataplane_receive(n->dataplane, &message, n->world->now_ms);
	transmit_if_ready(n);
}

static bool
matches(const struct world_node *n, const char *to, const char *topic)
{
	char filter[NETWORK_TOPIC_MAX];
	size_t len = strlen(network_topic(&n->network, filter, to, "+")) - 1;

	return strncmp(filter, topic, len) == 0 && strchr(topic + len, '/') == NULL;
}

static bool
is_subscribed(const struct world_node *n, const char *topic)
{
	const struct network_id *id;

	if (matches(n, n->network.broadcast_part, topic))
		return true;
	for (size_t i = 0; (id = native_id(n->native, i)) != NULL; i++)
		if (matches(n, id->part, topic))
			return true;
	return false;
}

void
world_settle(struct world *w)
{
	struct world_message *m;

	do {
		while ((m = world_take(w)) != NULL) {
			for (int i = 0; i < w->count; i++)
				if (w->node[i].native != NULL && !w->node[i].cut &&
				    is_subscribed(&w->node[i], m->topic))
					world_give(&w->node[i], m);
			free(m);
		}
		for (int i = 0; i < w->count; i++)
			if (w->node[i].native != NULL && world_answer(&w->node[i]))
				transmit_if_ready(&w->node[i]);
	} while (w->queue != NULL);
}

static uint64_t
next_due(const struct world *w)
{
	uint64_t due, soonest = WHEEL_NEVER;

	for (int i = 0; i < w->count; i++) {
		due = w->node[i].wheel != NULL ? wheel_next_due(w->node[i].wheel) : WHEEL_NEVER;
		if (due < soonest)
			soonest = due;
	}
	return soonest;
}

static void
run_timers(struct world_node *n)
{
	if (n->wheel == NULL)
		return;
	wheel_run(n->wheel, n->world->now_ms);
	transmit_if_ready(n);
}

void
world_pass(struct world *w, uint64_t ms)
{
	uint64_t until_ms = w->now_ms + ms;

	world_settle(w);
	while (next_due(w) <= until_ms) {
		if (next_due(w) > w->now_ms)
			w->now_ms = next_due(w);
		for (int i = 0; i < w->count; i++)
			run_timers(&w->node[i]);
		world_settle(w);
	}
	w->now_ms = until_ms;
}

/* Packets. */

const struct addr *
world_addr(const struct world_node *n)
{
	return &n->addrs[0].addr;
}

size_t
world_packet(uint8_t *packet, const struct addr *src, const struct addr *dst, const char *text)
{
	size_t len = ip_build(packet, 256, src, dst, TEXT_PROTOCOL, text, strlen(text));

	ck_assert_uint_ne(len, 0);
	return len;
}

struct packet *
world_take_packet(struct world_node *n, const uint8_t *packet, size_t len)
{
	struct packet *p = packet_get(n->pool, len);

	ck_assert_ptr_nonnull(p);
	memcpy(p->data, packet, len);
	p->len = len;
	return p;
}

static void
send_to(struct world_node *from, const struct addr *dst, const char *text)
{
	uint8_t buf[256];
	size_t len = world_packet(buf, world_addr(from), dst, text);

	dataplane_send(from->dataplane, world_take_packet(from, buf, len), from->world->now_ms);
	world_transmit(from);
}

void
world_send(struct world_node *from, const struct world_node *to, const char *text)
{
	send_to(from, world_addr(to), text);
}

void
world_send_to_all(struct world_node *from, const char *text)
{
	struct addr all;

	ck_assert_int_eq(addr_parse("255.255.255.255", &all), 0);
	send_to(from, &all, text);
}

void
world_send_raw(
    struct world_node *from, const struct world_node *to, const uint8_t *packet, size_t len)
{
	const struct addr *dst = world_addr(to);

	native_send(from->native, peer_for_destination(from->peers, dst), world_addr(from), dst,
	    world_take_packet(from, packet, len), from->world->now_ms);
	world_transmit(from);
}

size_t
world_got(const struct world_node *n, const char *text)
{
	size_t count = 0, len = strlen(text);
	struct ip_info ip;

	for (const struct world_packet *p = n->packets; p != NULL; p = p->next)
		if (ip_parse(p->bytes, p->len, &ip) == IP_OK && p->len == ip.header_len + len &&
		    memcmp(p->bytes + ip.header_len, text, len) == 0)
			count++;
	return count;
}

static bool
passes(struct world *w, struct world_node *from, struct world_node *to)
{
	size_t before = to->delivered;
	char text[32];

	snprintf(text, sizeof(text), "%d's packet %zu", from->number, before);
	world_send(from, to, text);
	world_settle(w);
	return to->delivered == before + 1 && world_got(to, text) == 1;
}

bool
world_passes(struct world *w, struct world_node *a, struct world_node *b)
{
	return passes(w, a, b) && passes(w, b, a);
}

/* Begin and end. */

static void
join_network(struct world_node *n)
{
	const struct world_params *p = &n->world->params;
	uint8_t private_key[AEAD_KEY_LEN] = {0, (uint8_t)(n->number + 1)};
	uint8_t secret[AEAD_KEY_LEN] = {p->node[n->number].secret, 42};
	const char *name = p->node[n->number].network, *prefix = p->node[n->number].prefix;
	struct network_params params = {
	    .mode = p->mode,
	    .name = name != NULL ? name : "test",
	    .prefix = prefix != NULL ? prefix : "mv",
	    .plain_topics = p->plain_topics,
	    .secret = secret,
	    .private_key = p->mode != NETWORK_PSK ? private_key : NULL,
	};
	char text[ADDRESS_TEXT_MAX];

	network_init(&n->network, &params);
	snprintf(text, sizeof(text), "10.9.0.%d/24", n->number + 1);
	ck_assert_int_eq(prefix_parse(text, &n->addrs[0]), 0);
	snprintf(text, sizeof(text), "fd09::%d/64", n->number + 1);
	ck_assert_int_eq(prefix_parse(text, &n->addrs[1]), 0);
}

static void
configure_peer(struct world_node *n, const struct world_node *other)
{
	bool pubkey = n->network.mode == NETWORK_PUBKEY;
	struct addr addrs[WORLD_ADDRS];
	char name[16];
	struct peer_spec spec = {
	    .name = name,
	    .wire = PEER_NATIVE,
	    .addrs = addrs,
	    .addr_count = WORLD_ADDRS,
	    .public_key = pubkey ? other->network.public_key : NULL,
	};

	snprintf(name, sizeof(name), "node%d", other->number);
	for (int i = 0; i < WORLD_ADDRS; i++)
		addrs[i] = other->addrs[i].addr;
	ck_assert_int_eq(peer_table_set(n->peers, &spec), 0);
}

static void
configure_peers(struct world_node *n, const struct world_node *except)
{
	struct world *w = n->world;

	if (w->params.mode == NETWORK_GROUP ||
	    (w->params.mode != NETWORK_PUBKEY && !w->params.configured))
		return;
	for (int i = 0; i < w->count; i++)
		if (i != n->number && &w->node[i] != except)
			configure_peer(n, &w->node[i]);
}

void
world_forget(struct world_node *n, const struct world_node *other)
{
	peer_table_mark(n->peers);
	configure_peers(n, other);
	peer_table_sweep(n->peers);
}

static void
make_dataplane(struct world_node *n, const char *name)
{
	const struct world_params *p = &n->world->params;
	struct dataplane_params params = {
	    .addrs = n->addrs,
	    .addr_count = WORLD_ADDRS,
	    .mtu = FRAME_PACKET_MAX,
	    .peers = n->peers,
	    .stats = &n->stats,
	    .pool = n->pool,
	    .topic_prefix = n->network.prefix,
	    .network = &n->network,
	    .wheel = n->wheel,
	    .name = name,
	    .padding = p->padding,
	    .rekey_ms = p->rekey_ms != 0 ? p->rekey_ms : WORLD_REKEY_MS,
	    .member = n->member,
	    .self = &n->self,
	};
	struct dataplane_callbacks callbacks = {
	    .publish = on_publish,
	    .connected = is_connected,
	    .deliver = on_deliver,
	    .probe = on_probe,
	    .ready = on_ready,
	    .roster = on_roster,
	    .clock_us = on_clock,
	    .arg = n,
	};

	n->dataplane = dataplane_new(&params, &callbacks);
	ck_assert_ptr_nonnull(n->dataplane);
	n->native = dataplane_native(n->dataplane);
	if (p->featureless)
		n->native->shared.features = 0;
}

void
world_start(struct world_node *n)
{
	char name[16];

	n->wheel = wheel_new(n->world->now_ms, NULL, NULL);
	n->peers = peer_table_new();
	n->pool = packet_pool_new();
	ck_assert_ptr_nonnull(n->pool);
	ck_assert_ptr_nonnull(n->wheel);
	ck_assert_ptr_nonnull(n->peers);
	ck_assert_int_eq(peer_table_set_local(n->peers, n->addrs, WORLD_ADDRS), 0);
	configure_peers(n, NULL);
	snprintf(name, sizeof(name), "node%d", n->number);
	if (n->network.mode == NETWORK_GROUP)
		world_make_member(n);
	make_dataplane(n, name);
	if (n->member != NULL)
		member_join(n->member, n->world->now_ms);
	native_up(n->native, FRAME_MESSAGE_MAX, n->world->now_ms);
	transmit_if_ready(n);
}

void
world_stop(struct world_node *n)
{
	dataplane_free(n->dataplane);
	world_free_member(n);
	peer_table_free(n->peers);
	wheel_free(n->wheel);
	packet_pool_free(n->pool);
	n->pool = NULL;
	n->dataplane = NULL;
	n->native = NULL;
	n->peers = NULL;
	n->wheel = NULL;
}

void
world_open(struct world *w, const struct world_params *params)
{
	memset(w, 0, sizeof(*w));
	w->params = *params;
	w->now_ms = START_MS;
	w->server = (struct world_server){.epoch = 1, .next_sender = 1, .lease_s = 900};
	w->count = params->nodes != 0 ? params->nodes : 2;
	ck_assert_int_le(w->count, WORLD_NODES_MAX);
	for (int i = 0; i < w->count; i++) {
		w->node[i].world = w;
		w->node[i].number = i;
		join_network(&w->node[i]);
	}
	for (int i = 0; i < w->count; i++)
		world_start(&w->node[i]);
	world_settle(w);
}

static void
forget_packets(struct world_node *n)
{
	struct world_packet *p;

	while ((p = n->packets) != NULL) {
		n->packets = p->next;
		free(p);
	}
}

void
world_close(struct world *w)
{
	struct world_message *m;

	for (int i = 0; i < w->count; i++) {
		world_stop(&w->node[i]);
		network_clear(&w->node[i].network);
		forget_packets(&w->node[i]);
	}
	while ((m = world_take(w)) != NULL)
		free(m);
}
