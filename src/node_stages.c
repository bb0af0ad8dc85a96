/*
 * What mqtt-vpnctl's "stats" tells about the path of a packet, stage by stage.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node_internal.h"

#include <cjson/cJSON.h>

#include "native.h"
#include "packet.h"
#include "peer.h"

static void
add_count(cJSON *o, const char *name, uint64_t value)
{
	cJSON_AddNumberToObject(o, name, (double)value);
}

static void
add_stat(cJSON *o, const char *name, const struct node *n, enum stat_id id)
{
	add_count(o, name, n->daemon.stats.value[id]);
}

/* null for what is not known, or not at all so. */
static void
add_known(cJSON *o, const char *name, bool known, double value)
{
	cJSON_AddItemToObject(o, name, known ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

static void
report_tunnel(const struct node *n, cJSON *o)
{
	static const char *const names[] = {
	    [TUN_OFFLOAD_NONE] = "no", [TUN_OFFLOAD_TCP] = "tcp", [TUN_OFFLOAD_UDP] = "udp"};

	cJSON_AddStringToObject(o, "offload", names[tun_offload(n->tun)]);
	add_stat(o, "tx_packets", n, STAT_TX_PACKETS);
	add_stat(o, "tx_super_packets", n, STAT_TX_SUPER_PACKETS);
	add_stat(o, "tx_cut_packets", n, STAT_TX_CUT_PACKETS);
	add_stat(o, "rx_packets", n, STAT_RX_PACKETS);
	add_stat(o, "rx_super_packets", n, STAT_RX_SUPER_PACKETS);
	add_stat(o, "rx_joined_packets", n, STAT_RX_JOINED_PACKETS);
}

static void
report_queue(const struct node *n, cJSON *o)
{
	add_count(o, "waiting", dataplane_waiting(n->dataplane));
	add_count(o, "memory", packet_pool_used(n->pool));
	add_stat(o, "drops_full", n, STAT_TX_DROP_QUEUE_FULL);
	add_stat(o, "drops_codel", n, STAT_TX_DROP_CODEL);
	add_stat(o, "marks", n, STAT_TX_ECN_MARKED);
}

static void
report_messages(cJSON *o, uint64_t messages, uint64_t packets, uint64_t bytes)
{
	bool any = messages > 0;
	double divisor = any ? (double)messages : 1;

	add_count(o, "messages", messages);
	add_known(o, "packets_per_message", any, (double)packets / divisor);
	add_known(o, "bytes_per_message", any, (double)bytes / divisor);
}

static void
report_both_ways(const struct node *n, cJSON *o)
{
	const uint64_t *value = n->daemon.stats.value;

	report_messages(cJSON_AddObjectToObject(o, "tx"), value[STAT_TX_MESSAGES],
	    value[STAT_TX_PACKETS], value[STAT_TX_BYTES]);
	/* Those that were joined counted as one when they were delivered. */
	report_messages(cJSON_AddObjectToObject(o, "rx"), value[STAT_RX_MESSAGES],
	    value[STAT_RX_PACKETS] + value[STAT_RX_JOINED_PACKETS], value[STAT_RX_BYTES]);
}

static void
report_link(const struct node *n, cJSON *o)
{
	cJSON *link = cJSON_CreateObject();

	uplink_report(n->daemon.uplink, link);
	cJSON_AddItemToObject(o, "path", cJSON_DetachItemFromObject(link, "path"));
	cJSON_Delete(link);
	add_stat(o, "blocked", n, STAT_TX_BLOCKED);
	add_stat(o, "paced", n, STAT_TX_PACED);
}

void
node_report_window(const struct native_traffic *t, cJSON *o)
{
	bool reports = t->window > 0;

	add_known(o, "window", reports, (double)t->window);
	add_known(o, "in_flight", reports, (double)t->in_flight);
	add_known(o, "rtt_us", t->rtt_us > 0, t->rtt_us);
	add_known(o, "min_rtt_us", t->min_rtt_us > 0, t->min_rtt_us);
	add_known(o, "rate", t->rate > 0, (double)t->rate);
	add_known(o, "lost", reports, (double)t->lost);
}

static cJSON *
report_peer(const struct peer *p, const struct native_traffic *t)
{
	cJSON *o = cJSON_CreateObject();
	char text[ADDR_TEXT_MAX];

	cJSON_AddItemToObject(
	    o, "name", p->name != NULL ? cJSON_CreateString(p->name) : cJSON_CreateNull());
	cJSON_AddStringToObject(o, "address", addr_format(&p->addrs[0], text));
	add_count(o, "waiting", t->waiting);
	add_count(o, "delay_us", t->delay_us);
	add_count(o, "drops", t->queue_drops);
	add_count(o, "marks", t->queue_marks);
	node_report_window(t, o);
	return o;
}

static void
report_peers(const struct node *n, cJSON *array)
{
	struct native_traffic t;

	for (const struct peer *p = peer_first(n->peers); p != NULL; p = p->next) {
		native_peer_traffic(p, &t);
		if (p->lane_count > 0 && (p->tx_packets > 0 || t.waiting > 0))
			cJSON_AddItemToArray(array, report_peer(p, &t));
	}
}

void
node_report_stages(const struct node *n, cJSON *o)
{
	report_tunnel(n, cJSON_AddObjectToObject(o, "tunnel"));
	report_queue(n, cJSON_AddObjectToObject(o, "queue"));
	report_both_ways(n, cJSON_AddObjectToObject(o, "messages"));
	report_link(n, cJSON_AddObjectToObject(o, "link"));
	report_peers(n, cJSON_AddArrayToObject(o, "peers"));
}
