/*
 * The two ways: TUN to queue to topic, topic to TUN.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "dataplane.h"

#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "dataplane_internal.h"
#include "ip.h"
#include "native.h"
#include "peer.h"

void
dataplane_deliver(struct dataplane *d, const struct packet_offload *offload,
    const struct iovec *iov, int count, size_t len)
{
	if (d->cb.deliver(d->cb.arg, offload, iov, count) == -1) {
		stats_count(d->stats, STAT_RX_DROP_TUN);
		return;
	}
	stats_count(d->stats, STAT_RX_PACKETS);
	stats_add(d->stats, STAT_RX_BYTES, len);
}

static int
on_native_publish(void *arg, const char *topic, const void *message, size_t len)
{
	struct dataplane *d = arg;

	return d->cb.publish(d->cb.arg, topic, message, len);
}

static void
on_native_deliver(
    void *arg, const struct packet_offload *offload, const struct iovec *iov, int count, size_t len)
{
	dataplane_deliver(arg, offload, iov, count, len);
}

static void
on_native_probe(void *arg, const uint8_t token[DATAPLANE_TOKEN_LEN])
{
	struct dataplane *d = arg;

	d->cb.probe(d->cb.arg, token);
}

static void
on_native_ready(void *arg)
{
	struct dataplane *d = arg;

	d->cb.ready(d->cb.arg);
}

static void
on_native_roster(void *arg)
{
	struct dataplane *d = arg;

	d->cb.roster(d->cb.arg);
}

static uint64_t
on_native_clock(void *arg)
{
	struct dataplane *d = arg;

	return d->cb.clock_us(d->cb.arg);
}

static int
make_native(struct dataplane *d, const struct dataplane_params *p)
{
	struct native_params params = {
	    .network = p->network,
	    .wheel = p->wheel,
	    .peers = p->peers,
	    .stats = p->stats,
	    .fq = d->fq,
	    .pool = p->pool,
	    .cipher = p->cipher,
	    .name = p->name,
	    .addrs = p->addrs,
	    .addr_count = p->addr_count,
	    .padding = p->padding,
	    .rekey_ms = p->rekey_ms,
	    .member = p->member,
	    .self = p->self,
	};
	struct native_callbacks callbacks = {
	    .publish = on_native_publish,
	    .deliver = on_native_deliver,
	    .probe = on_native_probe,
	    .ready = on_native_ready,
	    .roster = on_native_roster,
	    .clock_us = on_native_clock,
	    .arg = d,
	};

	d->native = native_new(&params, &callbacks);
	return d->native != NULL ? 0 : -1;
}

struct dataplane *
dataplane_new(const struct dataplane_params *p, const struct dataplane_callbacks *callbacks)
{
	struct dataplane *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->cb = *callbacks;
	d->peers = p->peers;
	d->stats = p->stats;
	d->mtu = p->mtu;
	d->old_wire = p->network == NULL;
	d->addr_count = p->addr_count;
	d->addrs = calloc(p->addr_count, sizeof(d->addrs[0]));
	d->pool = p->pool;
	d->fq = fq_new(p->pool, p->stats, DATAPLANE_QUEUE_MAX, aead_random_u32());
	if (d->fq != NULL)
		fq_class_init(&d->old_queue, d->fq, NULL);
	if (d->addrs == NULL || d->fq == NULL || (p->network != NULL && make_native(d, p) == -1)) {
		dataplane_free(d);
		return NULL;
	}
	memcpy(d->addrs, p->addrs, p->addr_count * sizeof(d->addrs[0]));
	strncpy(d->topic_prefix, p->topic_prefix, COMPAT_PREFIX_MAX);
	compat_broadcast_topic(d->broadcast_topic, d->topic_prefix);
	compat_key_init(&d->key, p->password);
	return d;
}

void
dataplane_free(struct dataplane *d)
{
	if (d == NULL)
		return;
	native_free(d->native);
	if (d->fq != NULL)
		fq_class_clear(&d->old_queue);
	fq_free(d->fq);
	compat_key_clear(&d->key);
	free(d->addrs);
	free(d);
}

struct native *
dataplane_native(const struct dataplane *d)
{
	return d->native;
}

void
dataplane_use_old_wire(struct dataplane *d, bool use)
{
	d->old_wire = use || d->native == NULL;
	/* what waits for it must not go under whatever password there is now, or under none */
	if (!d->old_wire)
		stats_add(d->stats, STAT_TX_DROP_NO_DESTINATION, fq_class_clear(&d->old_queue));
}

void
dataplane_set_password(struct dataplane *d, const char *password)
{
	compat_key_clear(&d->key);
	compat_key_init(&d->key, password);
}

bool
dataplane_uses_old_wire(const struct dataplane *d)
{
	return d->old_wire;
}

bool
dataplane_is_own(const struct dataplane *d, const struct addr *a)
{
	for (size_t i = 0; i < d->addr_count; i++)
		if (addr_equal(&d->addrs[i].addr, a))
			return true;
	return false;
}

bool
dataplane_is_broadcast(const struct dataplane *d, const struct addr *a)
{
	static const uint8_t limited[4] = {255, 255, 255, 255};
	struct addr directed;

	if (addr_is_multicast(a))
		return true;
	if (a->family == ADDR_IPV4 && memcmp(a->bytes, limited, sizeof(limited)) == 0)
		return true;
	for (size_t i = 0; i < d->addr_count; i++) {
		directed = prefix_broadcast(&d->addrs[i]);
		if (directed.family != ADDR_NONE && addr_equal(&directed, a))
			return true;
	}
	return false;
}

/* From the tunnel to the queue. */

void
dataplane_drop(struct dataplane *d, struct packet *p, enum stat_id reason)
{
	stats_count(d->stats, reason);
	packet_put(d->pool, p);
}

static void
queue_old(struct dataplane *d, struct packet *p)
{
	fq_enqueue(&d->old_queue, p, d->cb.clock_us(d->cb.arg));
}

/* Whether src is known to be with this very peer, or with any if that is NULL. */
static bool
comes_from(const struct dataplane *d, const struct peer *peer, const struct addr *src)
{
	const struct peer *p = peer_for_destination(d->peers, src);

	return p != NULL && p->configured && (peer == NULL || p == peer);
}

/* For the other wire as well. */
static struct packet *
copy_of(struct dataplane *d, const struct packet *p)
{
	struct packet *copy = packet_get(d->pool, p->len);

	if (copy == NULL)
		return NULL;
	memcpy(copy->data, p->data, p->len);
	copy->len = p->len;
	copy->offload = p->offload;
	return copy;
}

static void
send_to_all(struct dataplane *d, const struct ip_info *ip, struct packet *p)
{
	struct packet *old = p;

	/* A peer's own broadcasts are its own business. */
	if (d->native != NULL && comes_from(d, NULL, &ip->src)) {
		dataplane_drop(d, p, STAT_TX_DROP_BAD_SOURCE);
		return;
	}
	if (d->native != NULL) {
		old = d->old_wire ? copy_of(d, p) : NULL;
		native_broadcast(d->native, p);
	}
	if (old != NULL)
		queue_old(d, old);
}

static void
send_to_one(struct dataplane *d, const struct ip_info *ip, struct packet *p, uint64_t now_ms)
{
	struct peer *peer = peer_for_destination(d->peers, &ip->dst);

	/* From one peer to another we may be the way, but not back to the same. */
	if (d->native != NULL && peer != NULL && comes_from(d, peer, &ip->src))
		dataplane_drop(d, p, STAT_TX_DROP_BAD_SOURCE);
	else if (d->native != NULL && (peer == NULL || peer->wire == PEER_NATIVE))
		native_send(d->native, peer, &ip->src, &ip->dst, p, now_ms);
	else
		queue_old(d, p);
}

/* Sources that no other node of the native wire takes from us, whatever its configuration. Of the
 * rest, such as what is behind us, the receiver is the judge. */
static bool
is_fit_source(const struct dataplane *d, const struct addr *src)
{
	return d->native == NULL || !(addr_is_multicast(src) || addr_is_loopback(src) ||
					addr_is_link_local(src) || addr_is_unspecified(src));
}

/* The largest packet that p stands for. */
static size_t
largest(const struct packet *p)
{
	return p->offload.gso_size > 0 ? p->offload.header_len + (size_t)p->offload.gso_size
				       : p->len;
}

/* Returns why it is not sent, or STAT_COUNT. */
static enum stat_id
judge_outgoing(struct dataplane *d, const struct packet *p, struct ip_info *ip)
{
	if (largest(p) > d->mtu)
		return STAT_TX_DROP_TOO_BIG;
	if (ip_parse(p->data, p->len, ip) != IP_OK)
		return STAT_TX_DROP_MALFORMED;
	if (addr_is_unspecified(&ip->dst) || addr_is_loopback(&ip->dst))
		return STAT_TX_DROP_NO_DESTINATION;
	if (!is_fit_source(d, &ip->src))
		return STAT_TX_DROP_BAD_SOURCE;
	return STAT_COUNT;
}

void
dataplane_send(struct dataplane *d, struct packet *p, uint64_t now_ms)
{
	enum stat_id reason = STAT_TX_DROP_NOT_CONNECTED;
	struct ip_info ip;

	if (d->cb.connected(d->cb.arg))
		reason = judge_outgoing(d, p, &ip);
	if (reason != STAT_COUNT)
		dataplane_drop(d, p, reason);
	else if (dataplane_is_broadcast(d, &ip.dst))
		send_to_all(d, &ip, p);
	else
		send_to_one(d, &ip, p, now_ms);
}

bool
dataplane_transmit(struct dataplane *d, uint64_t now_ms)
{
	struct fq_class *c = fq_next(d->fq);

	if (c == NULL)
		return false;
	if (c == &d->old_queue)
		dataplane_transmit_old(d);
	else
		native_transmit(d->native, c, now_ms);
	return true;
}

void
dataplane_answer(struct dataplane *d, uint64_t now_ms)
{
	if (d->native != NULL)
		native_answer_asks(d->native, now_ms);
}

size_t
dataplane_waiting(const struct dataplane *d)
{
	return fq_packets(d->fq);
}

int
dataplane_probe(struct dataplane *d, const uint8_t token[DATAPLANE_TOKEN_LEN])
{
	return d->native != NULL ? native_probe(d->native, token) : dataplane_probe_old(d, token);
}

void
dataplane_receive(struct dataplane *d, const struct link_message *m, uint64_t now_ms)
{
	if (d->native != NULL && native_receive(d->native, m, now_ms))
		return;
	if (d->old_wire)
		dataplane_receive_old(d, m, now_ms);
	else
		stats_count(d->stats, STAT_RX_DROP_TOPIC);
}
