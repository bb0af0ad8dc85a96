/*
 * Both ways on the wire of MQTT_VPN: one packet is one message.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "dataplane.h"

#include <errno.h>
#include <string.h>

#include "dataplane_internal.h"
#include "ip.h"
#include "link.h"
#include "offload.h"
#include "peer.h"

#define PROBE_PROTOCOL 253

_Static_assert(PACKET_HEADROOM >= COMPAT_OVERHEAD, "packets are sealed in place");

/* From the queue to the broker. */

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
	stats_count(d->stats, STAT_TX_MESSAGES);
	stats_count(d->stats, STAT_TX_PACKETS);
	stats_add(d->stats, STAT_TX_BYTES, len);
	if (broadcast)
		stats_count(d->stats, STAT_TX_BROADCASTS);
	if (peer != NULL) {
		peer->tx_packets++;
		peer->tx_bytes += len;
	}
}

/* buf: COMPAT_OVERHEAD bytes, then the packet. */
static void
publish_old(struct dataplane *d, const struct addr *dst, uint8_t *buf, size_t len)
{
	bool broadcast = dataplane_is_broadcast(d, dst);
	struct peer *peer = broadcast ? NULL : peer_for_destination(d->peers, dst);
	char topic[COMPAT_TOPIC_MAX];
	uint8_t *message;
	size_t message_len;

	if (broadcast)
		strcpy(topic, d->broadcast_topic);
	else
		compat_topic(topic, d->topic_prefix, peer != NULL ? peer_address(peer, dst) : dst);
	message = compat_seal(&d->key, buf, len, &message_len);
	fq_served(&d->old_queue, message_len);
	if (d->cb.publish(d->cb.arg, topic, message, message_len) == -1)
		count_unsent(d, errno);
	else
		count_sent(d, peer, broadcast, len);
}

/* One packet a message: that is this wire. */
void
dataplane_transmit_old(struct dataplane *d)
{
	struct packet *p = fq_dequeue(&d->old_queue, d->cb.clock_us(d->cb.arg));
	struct packet_offload piece;
	struct ip_info ip;
	size_t len;

	if (p == NULL)
		return;
	ip_parse(p->data, p->len, &ip);
	if (p->offload.gso_size == 0 && p->len <= COMPAT_PACKET_MAX) {
		offload_finish(&p->offload, p->data, p->len);
		publish_old(d, &ip.dst, p->data - COMPAT_OVERHEAD, p->len);
		packet_put(d->pool, p);
		return;
	}
	len = offload_cut(p, d->piece + COMPAT_OVERHEAD, COMPAT_PACKET_MAX, 1, true, &piece);
	if (len == 0) {
		dataplane_drop(d, p, STAT_TX_DROP_TOO_BIG);
		return;
	}
	stats_count(d->stats, STAT_TX_CUT_PACKETS);
	publish_old(d, &ip.dst, d->piece, len);
	if (offload_is_cut(p))
		packet_put(d->pool, p);
	else
		fq_requeue(&d->old_queue, p);
}

int
dataplane_probe_old(struct dataplane *d, const uint8_t token[DATAPLANE_TOKEN_LEN])
{
	uint8_t buf[COMPAT_OVERHEAD + 64], *message;
	char topic[COMPAT_TOPIC_MAX];
	const struct addr *own = &d->addrs[0].addr;
	size_t len, message_len;

	len = ip_build(buf + COMPAT_OVERHEAD, sizeof(buf) - COMPAT_OVERHEAD, own, own,
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
	       dataplane_is_own(d, &ip->dst) &&
	       ip->total_len == ip->header_len + DATAPLANE_TOKEN_LEN;
}

/* Addresses that no packet on the wire has: ours (our own broadcast came back, or someone has our
 * address) or none's. */
static bool
bad_source(struct dataplane *d, const struct addr *src)
{
	if (dataplane_is_own(d, src))
		stats_count(d->stats, STAT_RX_DROP_OWN_SOURCE);
	else if (dataplane_is_broadcast(d, src) || addr_is_loopback(src) || addr_is_link_local(src))
		stats_count(d->stats, STAT_RX_DROP_BAD_SOURCE);
	else
		return false;
	return true;
}

/* Whose packet it is; NULL if it may not come by this wire, or there is no room for one more. */
static struct peer *
find_old_sender(struct dataplane *d, const struct addr *src, uint64_t now_ms)
{
	struct peer *p = peer_for_destination(d->peers, src);

	if (d->native == NULL)
		return p != NULL ? p : peer_learn(d->peers, src, PEER_MQTT_VPN, now_ms);
	return p != NULL && p->wire == PEER_MQTT_VPN ? p : NULL;
}

static void
receive_packet(struct dataplane *d, const struct ip_info *ip, size_t len, uint64_t now_ms)
{
	static const struct packet_offload whole = {.partial = false};
	struct iovec iov = {d->packet, len};
	struct peer *p;

	if (bad_source(d, &ip->src))
		return;
	p = find_old_sender(d, &ip->src, now_ms);
	if (p == NULL && d->native != NULL) {
		stats_count(d->stats, STAT_RX_DROP_SPOOFED);
		return;
	}
	stats_count(d->stats, STAT_RX_MESSAGES);
	dataplane_deliver(d, &whole, &iov, 1, len);
	if (p != NULL)
		peer_heard(p, len, now_ms);
}

void
dataplane_receive_old(struct dataplane *d, const struct link_message *m, uint64_t now_ms)
{
	struct ip_info ip;
	int len;

	if (unwanted(d, m))
		return;
	len = compat_open(&d->key, m->payload, m->len, d->packet);
	if (len < 0)
		stats_count(d->stats, drop_reason(len));
	else if (ip_parse(d->packet, (size_t)len, &ip) != IP_OK)
		stats_count(d->stats, STAT_RX_DROP_MALFORMED);
	else if (is_probe(d, &ip))
		d->cb.probe(d->cb.arg, d->packet + ip.header_len);
	else
		receive_packet(d, &ip, (size_t)len, now_ms);
}
