/*
 * One packet after the other: TUN to topic, topic to TUN.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "dataplane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ip.h"
#include "link.h"
#include "peer.h"
#include "stats.h"

#define PROBE_PROTOCOL 253

struct dataplane {
	struct dataplane_callbacks cb;
	struct peer_table *peers;
	struct stats *stats;
	struct prefix *addrs;
	size_t addr_count;
	size_t mtu;
	char topic_prefix[COMPAT_PREFIX_MAX + 1];
	char broadcast_topic[COMPAT_TOPIC_MAX];
	struct compat_key key;
	uint8_t packet[COMPAT_PACKET_MAX];
};

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
	d->addr_count = p->addr_count;
	d->addrs = calloc(p->addr_count, sizeof(d->addrs[0]));
	if (d->addrs == NULL) {
		free(d);
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
	compat_key_clear(&d->key);
	free(d->addrs);
	free(d);
}

static bool
is_own(const struct dataplane *d, const struct addr *a)
{
	for (size_t i = 0; i < d->addr_count; i++)
		if (addr_equal(&d->addrs[i].addr, a))
			return true;
	return false;
}

static bool
is_broadcast(const struct dataplane *d, const struct addr *a)
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

/* From the tunnel to the broker. */

/* The topic that the packet goes to, written into buf unless it is the broadcast topic. *peer is
 * NULL without one. */
static const char *
destination_topic(struct dataplane *d, const struct addr *dst, char *buf, struct peer **peer)
{
	*peer = NULL;
	if (is_broadcast(d, dst))
		return d->broadcast_topic;
	*peer = peer_for_destination(d->peers, dst);
	return compat_topic(buf, d->topic_prefix, *peer != NULL ? peer_address(*peer, dst) : dst);
}

static void
count_unsent(struct dataplane *d, int error)
{
	stats_count(d->stats, error == EMSGSIZE	  ? STAT_TX_DROP_TOO_BIG
			      : error == ENOTCONN ? STAT_TX_DROP_NOT_CONNECTED
						  : STAT_TX_DROP_PUBLISH);
}

static void
count_sent(struct dataplane *d, struct peer *peer, bool broadcast, size_t len)
{
	stats_count(d->stats, STAT_TX_PACKETS);
	stats_add(d->stats, STAT_TX_BYTES, len);
	if (broadcast)
		stats_count(d->stats, STAT_TX_BROADCASTS);
	if (peer != NULL) {
		peer->tx_packets++;
		peer->tx_bytes += len;
	}
}

void
dataplane_send(struct dataplane *d, uint8_t *buf, size_t len)
{
	char topic_buf[COMPAT_TOPIC_MAX];
	const char *topic;
	struct ip_info ip;
	struct peer *peer;
	uint8_t *message;
	size_t message_len;

	if (!d->cb.connected(d->cb.arg)) {
		stats_count(d->stats, STAT_TX_DROP_NOT_CONNECTED);
		return;
	}
	if (len > d->mtu) {
		stats_count(d->stats, STAT_TX_DROP_TOO_BIG);
		return;
	}
	if (ip_parse(buf + DATAPLANE_HEADROOM, len, &ip) != IP_OK) {
		stats_count(d->stats, STAT_TX_DROP_MALFORMED);
		return;
	}
	if (addr_is_unspecified(&ip.dst) || addr_is_loopback(&ip.dst)) {
		stats_count(d->stats, STAT_TX_DROP_NO_DESTINATION);
		return;
	}
	topic = destination_topic(d, &ip.dst, topic_buf, &peer);
	message = compat_seal(&d->key, buf, len, &message_len);
	if (d->cb.publish(d->cb.arg, topic, message, message_len) == -1)
		count_unsent(d, errno);
	else
		count_sent(d, peer, topic == d->broadcast_topic, len);
}

int
dataplane_probe(struct dataplane *d, const uint8_t token[DATAPLANE_TOKEN_LEN])
{
	uint8_t buf[DATAPLANE_HEADROOM + 64], *message;
	char topic[COMPAT_TOPIC_MAX];
	const struct addr *own = &d->addrs[0].addr;
	size_t len, message_len;

	len = ip_build(buf + DATAPLANE_HEADROOM, sizeof(buf) - DATAPLANE_HEADROOM, own, own,
	    PROBE_PROTOCOL, token, DATAPLANE_TOKEN_LEN);
	message = compat_seal(&d->key, buf, len, &message_len);
	return d->cb.publish(
	    d->cb.arg, compat_topic(topic, d->topic_prefix, own), message, message_len);
}

/* From the broker to the tunnel. */

static enum stat_id
drop_reason(int compat_error)
{
	switch (compat_error) {
	case COMPAT_TOO_SHORT:
		return STAT_RX_DROP_TOO_SHORT;
	case COMPAT_TOO_LONG:
		return STAT_RX_DROP_TOO_BIG;
	default:
		return STAT_RX_DROP_AUTH;
	}
}

/* Reasons that show before the message is opened. */
static bool
unwanted(struct dataplane *d, const struct link_message *m)
{
	size_t prefix_len = strlen(d->topic_prefix);

	if (m->retain)
		stats_count(d->stats, STAT_RX_DROP_RETAINED);
	else if (m->qos > 0)
		stats_count(d->stats, STAT_RX_DROP_QOS);
	else if (strncmp(m->topic, d->topic_prefix, prefix_len) != 0 || m->topic[prefix_len] != '/')
		stats_count(d->stats, STAT_RX_DROP_TOPIC);
	else
		return false;
	return true;
}

static bool
is_probe(const struct dataplane *d, const struct ip_info *ip)
{
	return ip->protocol == PROBE_PROTOCOL && addr_equal(&ip->src, &ip->dst) &&
	       is_own(d, &ip->dst) && ip->total_len == ip->header_len + DATAPLANE_TOKEN_LEN;
}

/* Addresses that no packet on the wire has: ours (our own broadcast came back, or someone has our
 * address) or none's. */
static bool
bad_source(struct dataplane *d, const struct addr *src)
{
	if (is_own(d, src))
		stats_count(d->stats, STAT_RX_DROP_OWN_SOURCE);
	else if (is_broadcast(d, src) || addr_is_loopback(src))
		stats_count(d->stats, STAT_RX_DROP_BAD_SOURCE);
	else
		return false;
	return true;
}

void
dataplane_receive(struct dataplane *d, const struct link_message *m, uint64_t now_ms)
{
	struct ip_info ip;
	int len;

	if (unwanted(d, m))
		return;
	len = compat_open(&d->key, m->payload, m->len, d->packet);
	if (len < 0) {
		stats_count(d->stats, drop_reason(len));
		return;
	}
	if (ip_parse(d->packet, (size_t)len, &ip) != IP_OK) {
		stats_count(d->stats, STAT_RX_DROP_MALFORMED);
		return;
	}
	if (is_probe(d, &ip)) {
		d->cb.probe(d->cb.arg, d->packet + ip.header_len);
		return;
	}
	if (bad_source(d, &ip.src))
		return;
	if (d->cb.deliver(d->cb.arg, d->packet, (size_t)len) == -1) {
		stats_count(d->stats, STAT_RX_DROP_TUN);
		return;
	}
	stats_count(d->stats, STAT_RX_PACKETS);
	stats_add(d->stats, STAT_RX_BYTES, (size_t)len);
	peer_heard(d->peers, &ip.src, (size_t)len, now_ms);
}
