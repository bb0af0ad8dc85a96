/*
 * The commands of the control socket.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node_internal.h"

#include <cjson/cJSON.h>

#include <string.h>

#include "control.h"
#include "aead_hash.h"
#include "native.h"
#include "packet.h"
#include "peer.h"
#include "settings.h"
#include "tun.h"
#include "uplink.h"
#include "util.h"

static void
add_count(cJSON *o, const char *name, uint64_t value)
{
	cJSON_AddNumberToObject(o, name, (double)value);
}

static void
add_addr(cJSON *array, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	cJSON_AddItemToArray(array, cJSON_CreateString(addr_format(a, text)));
}

static void
add_prefix(cJSON *array, const struct prefix *p)
{
	char text[PREFIX_TEXT_MAX];

	cJSON_AddItemToArray(array, cJSON_CreateString(prefix_format(p, text)));
}

static void
report_interface(const struct node *n, cJSON *o)
{
	cJSON *addresses, *forwards;

	cJSON_AddStringToObject(o, "name", tun_name(n->tun));
	cJSON_AddNumberToObject(o, "mtu", n->daemon.fixed->mtu);
	cJSON_AddBoolToObject(o, "up", n->interface_up);
	addresses = cJSON_AddArrayToObject(o, "addresses");
	for (size_t i = 0; i < n->daemon.fixed->addr_count; i++)
		add_prefix(addresses, &n->daemon.fixed->addrs[i]);
	forwards = cJSON_AddArrayToObject(o, "forwards");
	for (size_t i = 0; i < n->daemon.settings->forward_count; i++)
		add_addr(forwards, &n->daemon.settings->forwards[i]);
}

static void
report_traffic(const struct node *n, cJSON *traffic, cJSON *drops)
{
	add_count(traffic, "tx_packets", n->daemon.stats.value[STAT_TX_PACKETS]);
	add_count(traffic, "tx_bytes", n->daemon.stats.value[STAT_TX_BYTES]);
	add_count(traffic, "rx_packets", n->daemon.stats.value[STAT_RX_PACKETS]);
	add_count(traffic, "rx_bytes", n->daemon.stats.value[STAT_RX_BYTES]);
	add_count(traffic, "tx_drops", stats_sum(&n->daemon.stats, "tx_drop_"));
	add_count(traffic, "rx_drops", stats_sum(&n->daemon.stats, "rx_drop_"));
	daemon_report_drops(&n->daemon, drops);
}

static void
report_peer_counts(const struct node *n, cJSON *o)
{
	size_t configured = 0, learnt = 0, up = 0;
	struct channel_facts facts;

	for (const struct peer *p = peer_first(n->peers); p != NULL; p = p->next) {
		*(p->configured && !p->told ? &configured : &learnt) += 1;
		native_peer_facts(p, &facts);
		up += facts.state == CHANNEL_UP ? 1 : 0;
	}
	add_count(o, "configured", configured);
	add_count(o, "learnt", learnt);
	if (dataplane_native(n->dataplane) != NULL)
		add_count(o, "up", up);
	else
		cJSON_AddNullToObject(o, "up");
}

static void
report_warnings(const struct node *n, cJSON *array)
{
	const char *password = n->daemon.fixed->wire == WIRE_NATIVE ? n->daemon.settings->password
								    : n->daemon.fixed->password;

	if (password == NULL && dataplane_uses_old_wire(n->dataplane))
		cJSON_AddItemToArray(
		    array, cJSON_CreateString(
			       dataplane_native(n->dataplane) == NULL
				   ? "packets are not encrypted"
				   : "packets of peers with wire mqtt_vpn are not encrypted"));
	if (n->daemon.stats.value[STAT_ADDRESS_CONFLICTS] > 0)
		cJSON_AddItemToArray(
		    array, cJSON_CreateString(
			       node_is_in_group(n)
				   ? "another node uses our private key (see address_conflicts)"
				   : "another node uses our address (see address_conflicts)"));
	if (n->group.lease_is_over)
		cJSON_AddItemToArray(array,
		    cJSON_CreateString("the key server has not renewed the lease: nothing is sent "
				       "to the group"));
	if (n->group.is_unanswered)
		cJSON_AddItemToArray(
		    array, cJSON_CreateString(
			       "the key server has not answered: is it up, does it know our "
			       "public key, and is key-server its own?"));
	if (!n->interface_up)
		cJSON_AddItemToArray(array, cJSON_CreateString("the interface is down"));
}

static void
add_text(cJSON *o, const char *name, const char *text)
{
	cJSON_AddItemToObject(
	    o, name, text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void
add_key(cJSON *o, const char *name, const uint8_t *key)
{
	char text[AEAD_KEY_TEXT];

	if (key != NULL)
		aead_key_format(text, key);
	add_text(o, name, key != NULL ? text : NULL);
}

static void
report_wire(const struct node *n, cJSON *o)
{
	const struct settings *s = n->daemon.fixed;
	static const char *const modes[] = {
	    [MODE_PSK] = "psk", [MODE_PUBKEY] = "pubkey", [MODE_GROUP] = "group"};
	bool native = s->wire == WIRE_NATIVE, has_key = native && s->mode != MODE_PSK;

	add_text(o, "wire", native ? "native" : "mqtt_vpn");
	cJSON_AddBoolToObject(o, "encrypted", native || s->password != NULL);
	add_text(o, "network", native ? s->network : NULL);
	add_text(o, "mode", native ? modes[s->mode] : NULL);
	add_text(o, "name", native ? s->name : NULL);
	add_key(o, "public_key", has_key ? n->network.public_key : NULL);
	add_text(o, "topics", !native ? NULL : s->topics == TOPICS_PLAIN ? "plain" : "hashed");
}

static cJSON *
on_status(void *arg, const char *argument, char **error)
{
	struct node *n = arg;
	cJSON *o = cJSON_CreateObject();

	daemon_report(&n->daemon, o);
	report_wire(n, o);
	report_interface(n, cJSON_AddObjectToObject(o, "interface"));
	uplink_report(n->daemon.uplink, cJSON_AddObjectToObject(o, "link"));
	if (node_is_in_group(n))
		node_report_group(n, cJSON_AddObjectToObject(o, "group"));
	else
		cJSON_AddNullToObject(o, "group");
	report_peer_counts(n, cJSON_AddObjectToObject(o, "peers"));
	report_traffic(
	    n, cJSON_AddObjectToObject(o, "traffic"), cJSON_AddObjectToObject(o, "drops"));
	report_warnings(n, cJSON_AddArrayToObject(o, "warnings"));
	return o;
}

/* null for what has never been. */
static void
add_ago(cJSON *o, const char *name, uint64_t then, uint64_t now)
{
	cJSON_AddItemToObject(
	    o, name, then != 0 ? cJSON_CreateNumber((double)(now - then)) : cJSON_CreateNull());
}

static void
report_channel(const struct peer *p, uint64_t now, cJSON *o)
{
	static const char *const states[] = {[CHANNEL_IDLE] = "idle",
	    [CHANNEL_CONNECTING] = "connecting",
	    [CHANNEL_UP] = "up",
	    [CHANNEL_UNREACHABLE] = "unreachable"};
	bool native = p->wire == PEER_NATIVE;
	struct channel_facts f;

	native_peer_facts(p, &f);
	add_text(o, "wire", native ? "native" : "mqtt_vpn");
	add_key(o, "public_key", p->has_public_key ? p->public_key : NULL);
	add_text(o, "told_name", f.name[0] != '\0' ? f.name : NULL);
	add_text(o, "state", native ? states[f.state] : NULL);
	add_ago(o, "session_age_ms", f.handshake_ms, now);
	add_ago(o, "last_handshake_ms_ago", f.last_handshake_ms, now);
	cJSON_AddItemToObject(o, "handshake_rtt_us",
	    f.rtt_us != 0 ? cJSON_CreateNumber(f.rtt_us) : cJSON_CreateNull());
}

static void
report_path(const struct peer *p, const struct native_traffic *t, cJSON *o)
{
	if (p->wire == PEER_NATIVE) {
		add_count(o, "waiting", t->waiting);
		add_count(o, "delay_us", t->delay_us);
	} else {
		cJSON_AddNullToObject(o, "waiting");
		cJSON_AddNullToObject(o, "delay_us");
	}
	if (t->window > 0)
		node_report_window(t, cJSON_AddObjectToObject(o, "path"));
	else
		cJSON_AddNullToObject(o, "path");
}

static void
report_peer(const struct peer *p, uint64_t now, cJSON *o)
{
	struct native_traffic t;
	cJSON *addresses, *routes;

	native_peer_traffic(p, &t);
	cJSON_AddItemToObject(
	    o, "name", p->name != NULL ? cJSON_CreateString(p->name) : cJSON_CreateNull());
	addresses = cJSON_AddArrayToObject(o, "addresses");
	for (size_t i = 0; i < p->addr_count; i++)
		add_addr(addresses, &p->addrs[i]);
	routes = cJSON_AddArrayToObject(o, "routes");
	for (size_t i = 0; i < p->route_count; i++)
		add_prefix(routes, &p->routes[i]);
	cJSON_AddBoolToObject(o, "configured", p->configured);
	add_ago(o, "heard_ms_ago", p->heard_ms, now);
	report_channel(p, now, o);
	report_path(p, &t, o);
	add_count(o, "tx_packets", p->tx_packets);
	add_count(o, "tx_bytes", p->tx_bytes);
	add_count(o, "rx_packets", p->rx_packets);
	add_count(o, "rx_bytes", p->rx_bytes);
	add_count(o, "drops", p->drops + t.queue_drops);
}

static cJSON *
on_peers(void *arg, const char *argument, char **error)
{
	struct node *n = arg;
	uint64_t now = util_now_ms();
	cJSON *o = cJSON_CreateObject(), *array = cJSON_AddArrayToObject(o, "peers");

	peer_table_expire(n->peers, now);
	for (const struct peer *p = peer_first(n->peers); p != NULL; p = p->next) {
		cJSON *item = cJSON_CreateObject();

		report_peer(p, now, item);
		cJSON_AddItemToArray(array, item);
	}
	return o;
}

static cJSON *
on_stats(void *arg, const char *argument, char **error)
{
	struct node *n = arg;
	cJSON *o = cJSON_CreateObject(), *gauges;

	node_report_stages(n, cJSON_AddObjectToObject(o, "stages"));
	gauges = daemon_report_stats(&n->daemon, o);
	add_count(gauges, "packet_memory", packet_pool_used(n->pool));
	add_count(gauges, "packet_allocations", packet_pool_allocations(n->pool));
	return o;
}

static cJSON *
on_reload(void *arg, const char *argument, char **error)
{
	struct node *n = arg;

	return daemon_command_reload(&n->daemon, error);
}

static cJSON *
on_log(void *arg, const char *argument, char **error)
{
	return daemon_command_log(argument, error);
}

const struct control_command node_commands[] = {
    {"status", on_status},
    {"peers", on_peers},
    {"stats", on_stats},
    {"reload", on_reload},
    {"log", on_log},
    {NULL, NULL},
};
