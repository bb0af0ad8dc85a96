/*
 * Assembles a node: the order of its parts, and its end.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node.h"

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aead_cipher.h"
#include "dataplane.h"
#include "log.h"
#include "native.h"
#include "netlink.h"
#include "node_internal.h"
#include "packet.h"
#include "peer.h"
#include "settings.h"
#include "tun.h"
#include "uplink.h"
#include "util.h"

/* A message in its MQTT packet, with room for the properties that a broker adds. */
#define OLD_PACKET_MAX (COMPAT_MESSAGE_MAX + COMPAT_TOPIC_MAX + 1024)
#define NATIVE_PACKET_MAX (FRAME_MESSAGE_MAX + NETWORK_TOPIC_MAX + 1024)

void
node_disconnect(struct node *n)
{
	if (n->disconnected)
		return;
	n->disconnected = true;
	uplink_stop(n->daemon.uplink);
	node_routes_default(n, false); /* the hook may need the network */
	node_hooks_tell(n, false);
}

static void
on_stop(void *arg)
{
	struct node *n = arg;
	uint64_t now = util_now_ms();

	tun_pause(n->tun);
	if (dataplane_native(n->dataplane) != NULL)
		native_goodbye(dataplane_native(n->dataplane), now);
	if (!node_leave_group(n, now))
		node_disconnect(n);
}

static bool
on_stopped(void *arg)
{
	struct node *n = arg;

	return n->disconnected && node_hooks_idle(n);
}

/* The parts, in their order. */

/* One that was handed to us may be set up already, and be ours without the right to change it. */
static int
refused(struct node *n, const char *what, char **error)
{
	if (errno == EPERM && tun_was_persistent(n->tun)) {
		log_warning("interface %s: no permission to set its %s: taking it as it is",
		    tun_name(n->tun), what);
		return 0;
	}
	*error = util_format("interface %s: %s: %s", tun_name(n->tun), what, strerror(errno));
	return -1;
}

static int
set_up_interface(struct node *n, char **error)
{
	const struct settings *s = n->daemon.fixed;
	unsigned int index = tun_ifindex(n->tun);
	char text[PREFIX_TEXT_MAX];

	netlink_watch(n->netlink, index);
	netlink_no_link_local(n->netlink, index);
	if (netlink_set_mtu(n->netlink, index, s->mtu) == -1 && refused(n, "MTU", error) == -1)
		return -1;
	for (size_t i = 0; i < s->addr_count; i++)
		if (netlink_add_address(n->netlink, index, &s->addrs[i]) == -1 &&
		    refused(n, prefix_format(&s->addrs[i], text), error) == -1)
			return -1;
	if (netlink_set_up(n->netlink, index, true) == -1 && refused(n, "state", error) == -1)
		return -1;
	n->interface_up = true;
	return 0;
}

static enum tun_offload
offload_of(const struct settings *s)
{
	static const enum tun_offload offloads[] = {
	    [OFFLOAD_YES] = TUN_OFFLOAD_TCP,
	    [OFFLOAD_NO] = TUN_OFFLOAD_NONE,
	    [OFFLOAD_UDP] = TUN_OFFLOAD_UDP,
	};

	return offloads[s->offload];
}

static int
make_interface(struct node *n, char **error)
{
	struct tun_callbacks callbacks = node_tun_callbacks(n);

	n->netlink = netlink_open(n->daemon.base, node_on_network_change, n);
	if (n->netlink == NULL) {
		*error = util_format("netlink: %s", strerror(errno));
		return -1;
	}
	n->pool = packet_pool_new();
	if (n->pool == NULL)
		return -1;
	n->tun = tun_open(n->daemon.base, n->daemon.fixed->interface, n->pool,
	    offload_of(n->daemon.fixed), &callbacks, error);
	if (n->tun == NULL)
		return -1;
	return set_up_interface(n, error);
}

static enum frame_padding
padding_of(const struct settings *s)
{
	static const enum frame_padding paddings[] = {
	    [PADDING_NONE] = FRAME_PAD_NONE,
	    [PADDING_16] = FRAME_PAD_16,
	    [PADDING_BUCKETS] = FRAME_PAD_BUCKETS,
	};

	return paddings[s->padding];
}

static int
make_dataplane(struct node *n)
{
	struct dataplane_params params = {
	    .addrs = n->daemon.fixed->addrs,
	    .addr_count = n->daemon.fixed->addr_count,
	    .mtu = n->daemon.fixed->mtu,
	    .topic_prefix = n->daemon.fixed->topic_prefix,
	    .password = n->daemon.fixed->password,
	    .stats = &n->daemon.stats,
	    .network = n->daemon.fixed->wire == WIRE_NATIVE ? &n->network : NULL,
	    .wheel = n->daemon.wheel,
	    .pool = n->pool,
	    .name = n->daemon.fixed->name,
	    .padding = padding_of(n->daemon.fixed),
	    .rekey_ms = n->daemon.fixed->rekey_s * 1000,
	    .member = n->group.member,
	    .self = &n->group.self,
	};
	struct dataplane_callbacks callbacks = node_dataplane_callbacks(n);

	n->peers = peer_table_new();
	if (n->peers == NULL || peer_table_set_local(n->peers, n->daemon.fixed->addrs,
				    n->daemon.fixed->addr_count) == -1)
		return -1;
	params.peers = n->peers;
	if (n->daemon.fixed->wire == WIRE_NATIVE) {
		params.cipher = n->cipher = aead_cipher_new(AEAD_FASTEST);
		if (n->cipher == NULL)
			return -1;
		log_info("messages are sealed by %s", aead_cipher_name(n->cipher));
	}
	n->dataplane = dataplane_new(&params, &callbacks);
	return n->dataplane != NULL ? 0 : -1;
}

static int
make_uplink(struct node *n, char **error)
{
	struct uplink_callbacks callbacks = node_uplink_callbacks(n);

	return daemon_open_uplink(&n->daemon,
	    n->daemon.fixed->wire == WIRE_NATIVE ? NATIVE_PACKET_MAX : OLD_PACKET_MAX, &callbacks,
	    error);
}

static int
make_control(struct node *n, char **error)
{
	char *path = util_format(RUNDIR "/mqtt-vpnd/%s.sock", tun_name(n->tun));
	int rc = path != NULL ? daemon_open_control(&n->daemon, path, node_commands, n, error) : -1;

	free(path);
	return rc;
}

static int
make_network(struct node *n, char **error)
{
	if (n->daemon.fixed->wire != WIRE_NATIVE)
		return 0;
	return daemon_make_networks(n->daemon.fixed, &n->network,
	    n->daemon.fixed->mode == MODE_GROUP ? &n->group.control : NULL, error);
}

static int
make_parts(struct node *n, char **error)
{
	if (make_network(n, error) == -1 || node_make_turn(n) == -1 ||
	    make_interface(n, error) == -1 || node_make_group(n) == -1 || make_dataplane(n) == -1 ||
	    make_uplink(n, error) == -1 || make_control(n, error) == -1 ||
	    node_apply_peers(n) == -1 || node_apply_topics(n) == -1)
		return -1;
	node_routes_apply(n);
	if (daemon_confine(&n->daemon, true, error) == -1)
		return -1;
	daemon_limit_memory(DAEMON_MEMORY_MARGIN);
	return 0;
}

struct node *
node_new(const struct options *o, struct settings *s, char **error)
{
	struct node *n = calloc(1, sizeof(*n));
	struct daemon_callbacks callbacks = {
	    .reloaded = node_on_reloaded, .stop = on_stop, .stopped = on_stopped, .arg = n};

	*error = NULL;
	if (n == NULL) {
		settings_free(s);
		return NULL;
	}
	if (daemon_open(&n->daemon, o, s, &callbacks, error) == 0 && make_parts(n, error) == 0)
		return n;
	if (*error == NULL)
		*error = util_format("%s", strerror(errno));
	node_free(n);
	return NULL;
}

int
node_run(struct node *n)
{
	tun_resume(n->tun);
	uplink_start(n->daemon.uplink);
	return daemon_run(&n->daemon);
}

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	node_routes_clear(n);
	daemon_disconnect(&n->daemon);
	dataplane_free(n->dataplane);
	node_free_group(n);
	peer_table_free(n->peers);
	tun_close(n->tun);
	packet_pool_free(n->pool);
	aead_cipher_free(n->cipher);
	netlink_close(n->netlink);
	if (n->turn != NULL)
		event_free(n->turn);
	daemon_close(&n->daemon);
	network_clear(&n->network);
	free(n);
}
