/*
 * The daemon's counters. One table gives each its name, unit and help text; the control socket,
 * mqtt-vpnctl(8) and the Prometheus metrics all read it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

enum stat_id {
	/* tunnel to broker */
	STAT_TX_PACKETS,
	STAT_TX_MESSAGES,
	STAT_TX_BYTES,
	STAT_TX_BROADCASTS,
	STAT_TX_DROP_NOT_CONNECTED,
	STAT_TX_DROP_MALFORMED,
	STAT_TX_DROP_TOO_BIG,
	STAT_TX_DROP_NO_DESTINATION,
	STAT_TX_DROP_NO_SESSION,
	STAT_TX_DROP_NO_LEASE,
	STAT_TX_DROP_BAD_SOURCE,
	STAT_TX_DROP_PUBLISH,
	STAT_TX_DROP_QUEUE_FULL,
	STAT_TX_DROP_CODEL,
	STAT_TX_ECN_MARKED,
	STAT_TX_SUPER_PACKETS,
	STAT_TX_CUT_PACKETS,
	STAT_TX_BLOCKED,
	STAT_TX_PACED,
	STAT_TX_WINDOW_FULL,
	STAT_TX_WINDOW_EXPIRED,
	/* broker to tunnel */
	STAT_RX_PACKETS,
	STAT_RX_MESSAGES,
	STAT_RX_BYTES,
	STAT_RX_SUPER_PACKETS,
	STAT_RX_JOINED_PACKETS,
	STAT_RX_REPORTS,
	STAT_RX_DROP_TOO_SHORT,
	STAT_RX_DROP_AUTH,
	STAT_RX_DROP_MALFORMED,
	STAT_RX_DROP_TOO_BIG,
	STAT_RX_DROP_RETAINED,
	STAT_RX_DROP_QOS,
	STAT_RX_DROP_TOPIC,
	STAT_RX_DROP_OWN_SOURCE,
	STAT_RX_DROP_BAD_SOURCE,
	STAT_RX_DROP_TUN,
	STAT_RX_DROP_VERSION,
	STAT_RX_DROP_NO_SESSION,
	STAT_RX_DROP_REPLAY,
	STAT_RX_DROP_SPOOFED,
	STAT_RX_DROP_BATCH,
	STAT_RX_DROP_OFFLOAD,
	STAT_RX_DROP_UNKNOWN_KEY,
	STAT_RX_DROP_EPOCH,
	STAT_RX_DROP_HANDSHAKE,
	STAT_RX_DROP_FLOOD,
	STAT_RX_DROP_NOTICE,
	/* sessions */
	STAT_HANDSHAKES_STARTED,
	STAT_HANDSHAKES_ANSWERED,
	STAT_HANDSHAKES_DONE,
	STAT_HANDSHAKES_FAILED,
	STAT_NOTICES_SENT,
	STAT_NOTICES_RECEIVED,
	STAT_MULTICAST_KEYS_SENT,
	STAT_MULTICAST_KEYS_RECEIVED,
	STAT_LOOK_UPS,
	/* the link */
	STAT_CONNECTS,
	STAT_CONNECT_FAILURES,
	STAT_DISCONNECTS,
	STAT_TAKEOVERS,
	STAT_PROBES_SENT,
	STAT_PROBES_LOST,
	STAT_ADDRESS_CONFLICTS,
	STAT_PINGS_SENT,
	/* the rest */
	STAT_CONTROL_REQUESTS,
	STAT_CONTROL_ERRORS,
	STAT_RELOADS,
	STAT_COUNT,
};

struct stats {
	uint64_t value[STAT_COUNT];
};

struct stat_info {
	const char *name; /* stable: programs read it; lower case and underscores */
	const char *unit; /* "packets", "bytes", "messages", "events" */
	const char *help; /* one sentence */
};

/* Never NULL; id below STAT_COUNT. */
const struct stat_info *stats_info(enum stat_id id);

static inline void
stats_add(struct stats *s, enum stat_id id, uint64_t n)
{
	s->value[id] += n;
}

static inline void
stats_count(struct stats *s, enum stat_id id)
{
	stats_add(s, id, 1);
}

/* All the drops in direction "tx_drop_" or "rx_drop_" (the prefix of their names) together. */
uint64_t stats_sum(const struct stats *s, const char *prefix);

#endif
