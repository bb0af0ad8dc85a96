/*
 * The table of the daemon's counters.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "stats.h"

#include <string.h>

static const struct stat_info infos[STAT_COUNT] = {
    [STAT_TX_PACKETS] = {"tx_packets", "packets",
	"Packets from the tunnel sent to the broker; one that is cut counts in each of its "
	"pieces."},
    [STAT_TX_MESSAGES] = {"tx_messages", "messages", "Messages with packets sent to the broker."},
    [STAT_TX_BYTES] = {"tx_bytes", "bytes", "Bytes of the packets sent to the broker."},
    [STAT_TX_BROADCASTS] = {"tx_broadcasts", "packets",
	"Broadcast and multicast packets among those sent to the broker."},
    [STAT_TX_DROP_NOT_CONNECTED] = {"tx_drop_not_connected", "packets",
	"Packets dropped because no broker was connected."},
    [STAT_TX_DROP_MALFORMED] = {"tx_drop_malformed", "packets",
	"Packets from the tunnel dropped because they were no valid IP packets."},
    [STAT_TX_DROP_TOO_BIG] = {"tx_drop_too_big", "packets",
	"Packets from the tunnel dropped because they were larger than a message may be."},
    [STAT_TX_DROP_NO_DESTINATION] = {"tx_drop_no_destination", "packets",
	"Packets dropped because no node is known for their destination address."},
    [STAT_TX_DROP_NO_SESSION] = {"tx_drop_no_session", "packets",
	"Packets dropped because no session with their node came about in time."},
    [STAT_TX_DROP_NO_LEASE] = {"tx_drop_no_lease", "packets",
	"Packets dropped because the key server has not renewed the right to send to the group."},
    [STAT_TX_DROP_BAD_SOURCE] = {"tx_drop_bad_source", "packets",
	"Packets from the tunnel dropped because their source address is not this node's to use."},
    [STAT_TX_DROP_PUBLISH] = {"tx_drop_publish", "packets",
	"Packets dropped because the MQTT library refused to send them."},
    [STAT_TX_DROP_QUEUE_FULL] = {"tx_drop_queue_full", "packets",
	"Packets from the tunnel dropped because more waited than 8 MiB, or than 32 for a session; "
	"the longest flow loses its oldest."},
    [STAT_TX_DROP_CODEL] = {"tx_drop_codel", "packets",
	"Packets from the tunnel dropped because they had waited too long for too long (CoDel): "
	"what tells TCP to slow down."},
    [STAT_TX_ECN_MARKED] = {"tx_ecn_marked", "packets",
	"Packets marked in place of being dropped, as their flow understands ECN."},
    [STAT_TX_SUPER_PACKETS] = {"tx_super_packets", "packets",
	"Packets sent that stand for several, to be cut by the receiver; one that was spread over "
	"several messages counts in each."},
    [STAT_TX_CUT_PACKETS] = {"tx_cut_packets", "packets",
	"Packets made by cutting those of the tunnel that stand for several."},
    [STAT_TX_BLOCKED] = {"tx_blocked", "events",
	"Times that packets had to wait because the connection to the broker was full, or by "
	"max-rate or max-bandwidth."},
    [STAT_TX_PACED] = {"tx_paced", "events",
	"Times that sending paused to keep to max-rate or max-bandwidth."},
    [STAT_TX_WINDOW_FULL] = {"tx_window_full", "events",
	"Times that sending to a node paused because enough was on the way to it."},
    [STAT_TX_WINDOW_EXPIRED] = {"tx_window_expired", "events",
	"Times that sending to a node went on although it had not reported what it received."},
    [STAT_RX_PACKETS] = {"rx_packets", "packets",
	"Packets from the broker delivered to the tunnel; several that were joined count once."},
    [STAT_RX_MESSAGES] = {"rx_messages", "messages",
	"Messages with packets accepted from other nodes."},
    [STAT_RX_BYTES] = {"rx_bytes", "bytes", "Bytes of the packets delivered to the tunnel."},
    [STAT_RX_SUPER_PACKETS] = {"rx_super_packets", "packets",
	"Packets received that stand for several."},
    [STAT_RX_JOINED_PACKETS] = {"rx_joined_packets", "packets",
	"Packets received that were joined to one before them, to be delivered as one."},
    [STAT_RX_REPORTS] = {"rx_reports", "events",
	"Reports of other nodes on what they have received."},
    [STAT_RX_DROP_TOO_SHORT] = {"rx_drop_too_short", "messages",
	"Messages dropped because they were too short to hold a packet."},
    [STAT_RX_DROP_AUTH] = {"rx_drop_auth", "messages",
	"Messages dropped because they were sealed with another password or were changed on the "
	"way."},
    [STAT_RX_DROP_MALFORMED] = {"rx_drop_malformed", "messages",
	"Messages dropped because they held no valid IP packet."},
    [STAT_RX_DROP_TOO_BIG] = {"rx_drop_too_big", "messages",
	"Messages dropped because they were larger than a message may be."},
    [STAT_RX_DROP_RETAINED] = {"rx_drop_retained", "messages",
	"Messages dropped because the broker had stored them (retained messages)."},
    [STAT_RX_DROP_QOS] = {"rx_drop_qos", "messages",
	"Messages dropped because their QoS was not 0."},
    [STAT_RX_DROP_TOPIC] = {"rx_drop_topic", "messages",
	"Messages dropped because their topic was none of this node's."},
    [STAT_RX_DROP_OWN_SOURCE] = {"rx_drop_own_source", "packets",
	"Packets from the broker dropped because they carried this node's own source address."},
    [STAT_RX_DROP_BAD_SOURCE] = {"rx_drop_bad_source", "packets",
	"Packets from the broker dropped because no node may use their source address."},
    [STAT_RX_DROP_TUN] = {"rx_drop_tun", "packets",
	"Packets from the broker dropped because the tunnel interface did not take them."},
    [STAT_RX_DROP_VERSION] = {"rx_drop_version", "messages",
	"Messages dropped because they were not of this version of the protocol, but of another "
	"version, of MQTT_VPN, or a bare IP packet."},
    [STAT_RX_DROP_NO_SESSION] = {"rx_drop_no_session", "messages",
	"Messages dropped because they belong to a session that this node does not have."},
    [STAT_RX_DROP_REPLAY] = {"rx_drop_replay", "messages",
	"Messages dropped because they had come before, or were too old to tell."},
    [STAT_RX_DROP_SPOOFED] = {"rx_drop_spoofed", "packets",
	"Packets from the broker dropped because their source address does not belong to the node "
	"that sent them."},
    [STAT_RX_DROP_BATCH] = {"rx_drop_batch", "messages",
	"Messages dropped whole because one of the packets in them was badly packed."},
    [STAT_RX_DROP_OFFLOAD] = {"rx_drop_offload", "messages",
	"Messages dropped whole because a packet in them cannot be cut or completed as it says."},
    [STAT_RX_DROP_UNKNOWN_KEY] = {"rx_drop_unknown_key", "messages",
	"Messages to all, or of a group, dropped because their key was not known yet."},
    [STAT_RX_DROP_EPOCH] = {"rx_drop_epoch", "messages",
	"Messages of a group dropped because the time of their key was over, or not this node's."},
    [STAT_RX_DROP_HANDSHAKE] = {"rx_drop_handshake", "messages",
	"Handshakes dropped because they were malformed, forged or not meant for this node."},
    [STAT_RX_DROP_FLOOD] = {"rx_drop_flood", "messages",
	"Handshakes, notices and a key server's requests dropped because more came than "
	"are answered."},
    [STAT_RX_DROP_NOTICE] = {"rx_drop_notice", "messages",
	"Notices dropped because they were malformed, forged or not meant for this node."},
    [STAT_HANDSHAKES_STARTED] = {"handshakes_started", "events",
	"Handshakes that this node began."},
    [STAT_HANDSHAKES_ANSWERED] = {"handshakes_answered", "events",
	"Handshakes of other nodes that this node answered."},
    [STAT_HANDSHAKES_DONE] = {"handshakes_done", "events",
	"Handshakes that led to a session, begun by either side."},
    [STAT_HANDSHAKES_FAILED] = {"handshakes_failed", "events",
	"Handshakes that this node gave up because no valid answer came."},
    [STAT_NOTICES_SENT] = {"notices_sent", "messages", "Notices sent to other nodes."},
    [STAT_NOTICES_RECEIVED] = {"notices_received", "messages",
	"Notices accepted from other nodes."},
    [STAT_MULTICAST_KEYS_SENT] = {"multicast_keys_sent", "messages",
	"Times that this node gave its multicast key to another node."},
    [STAT_MULTICAST_KEYS_RECEIVED] = {"multicast_keys_received", "messages",
	"Times that another node gave its multicast key to this node."},
    [STAT_LOOK_UPS] = {"look_ups", "messages",
	"Times that the key server was asked who has an address or a sender id."},
    [STAT_CONNECTS] = {"connects", "events", "Connections to a broker that came up."},
    [STAT_CONNECT_FAILURES] = {"connect_failures", "events",
	"Attempts to connect to a broker that failed."},
    [STAT_DISCONNECTS] = {"disconnects", "events", "Connections to a broker that were lost."},
    [STAT_TAKEOVERS] = {"takeovers", "events",
	"Connections lost because another client used the same client id."},
    [STAT_PROBES_SENT] = {"probes_sent", "messages",
	"Messages sent to this node itself to prove that the broker delivers."},
    [STAT_PROBES_LOST] = {"probes_lost", "messages",
	"Messages to this node itself that the broker did not deliver in time."},
    [STAT_ADDRESS_CONFLICTS] = {"address_conflicts", "events",
	"Times that another node was seen to use one of this node's addresses."},
    [STAT_PINGS_SENT] = {"pings_sent", "messages", "Keepalive pings sent to the broker."},
    [STAT_CONTROL_REQUESTS] = {"control_requests", "events",
	"Requests answered on the control socket."},
    [STAT_CONTROL_ERRORS] = {"control_errors", "events",
	"Requests on the control socket that were refused or failed."},
    [STAT_RELOADS] = {"reloads", "events", "Times that the configuration was read again."},
};

const struct stat_info *
stats_info(enum stat_id id)
{
	return &infos[id];
}

uint64_t
stats_sum(const struct stats *s, const char *prefix)
{
	size_t len = strlen(prefix);
	uint64_t sum = 0;

	for (unsigned int i = 0; i < STAT_COUNT; i++) {
		if (strncmp(infos[i].name, prefix, len) == 0)
			sum += s->value[i];
	}
	return sum;
}
