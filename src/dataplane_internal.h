/*
 * What the files of the dataplane share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef DATAPLANE_INTERNAL_H
#define DATAPLANE_INTERNAL_H

#include "dataplane.h"
#include "fq.h"
#include "packet.h"
#include "stats.h"

struct dataplane {
	struct dataplane_callbacks cb;
	struct native *native; /* NULL: the wire of MQTT_VPN is the only one */
	bool old_wire;
	struct peer_table *peers;
	struct stats *stats;
	struct packet_pool *pool;
	struct fq *fq;
	struct fq_class old_queue; /* for all peers of MQTT_VPN's wire */
	struct prefix *addrs;
	size_t addr_count;
	size_t mtu;
	char topic_prefix[COMPAT_PREFIX_MAX + 1];
	char broadcast_topic[COMPAT_TOPIC_MAX];
	struct compat_key key;
	uint8_t packet[COMPAT_PACKET_MAX];
	uint8_t piece[COMPAT_OVERHEAD + COMPAT_PACKET_MAX]; /* of one that had to be cut */
};

/* dataplane.c */
bool dataplane_is_own(const struct dataplane *d, const struct addr *a);
bool dataplane_is_broadcast(const struct dataplane *d, const struct addr *a);
void dataplane_drop(struct dataplane *d, struct packet *p, enum stat_id reason);
void dataplane_deliver(struct dataplane *d, const struct packet_offload *offload,
    const struct iovec *iov, int count, size_t len);

/* dataplane_old.c: the wire of MQTT_VPN. Sends one packet of its queue, or a probe; takes a
 * message. */
void dataplane_transmit_old(struct dataplane *d);
int dataplane_probe_old(struct dataplane *d, const uint8_t token[DATAPLANE_TOKEN_LEN]);
void dataplane_receive_old(struct dataplane *d, const struct link_message *m, uint64_t now_ms);

#endif
