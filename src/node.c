/*
 * Assembles a node: the order of its parts, what flows between them, its signals and its end.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node.h"

#include <event2/event.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aead.h"
#include "aead_cipher.h"
#include "child.h"
#include "control.h"
#include "dataplane.h"
#include "link.h"
#include "log.h"
#include "native.h"
#include "netlink.h"
#include "node_internal.h"
#include "options.h"
#include "packet.h"
#include "peer.h"
#include "priv.h"
#include "resolve.h"
#include "service.h"
#include "settings.h"
#include "ticker.h"
#include "tun.h"
#include "uplink.h"
#include "util.h"

/* A message in its MQTT packet, with room for the properties that a broker adds. */
#define OLD_PACKET_MAX (COMPAT_MESSAGE_MAX + COMPAT_TOPIC_MAX + 1024)
#define NATIVE_PACKET_MAX (FRAME_MESSAGE_MAX + NETWORK_TOPIC_MAX + 1024)
/* What an announced absurd length may take before it fails. */
#define MEMORY_MARGIN (32u * 1024 * 1024)
#define STOP_TIMEOUT_MS 5000

/* Signals, and the end. */

static void
on_reload_signal(struct node *n)
{
	char text[64], *restart, *error = NULL;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* sd_notify(3) asks for this clock */
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	service_notify(text);
	if (node_reload(n, &restart, &error) == -1)
		log_error("reload: %s; the old configuration stays in force",
		    error != NULL ? error : strerror(ENOMEM));
	free(restart);
	free(error);
	service_notify("READY=1");
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct node *n = arg;

	if (sig == SIGHUP)
		on_reload_signal(n);
	else if (sig == SIGUSR1)
		node_log_stats(n);
	else
		node_stop(n, EXIT_SUCCESS);
}

static void
on_stop_check(void *arg, uint64_t now_ms)
{
	struct node *n = arg;

	event_base_loopbreak(n->base);
}

/* The loop goes on until the last hook has ended, but not for long. */
void
node_stop(struct node *n, int status)
{
	if (n->stopping) {
		event_base_loopbreak(n->base); /* asked twice: at once */
		return;
	}
	n->stopping = true;
	n->status = status;
	service_notify("STOPPING=1");
	tun_pause(n->tun);
	if (dataplane_native(n->dataplane) != NULL)
		native_goodbye(dataplane_native(n->dataplane), util_now_ms());
	uplink_stop(n->uplink);
	node_routes_default(n, false); /* the hook may need the network */
	node_hooks_tell(n, false);
	wheel_set(ticker_wheel(n->ticker), &n->stop_timer, util_now_ms() + STOP_TIMEOUT_MS,
	    on_stop_check, n);
}

static void
on_watchdog(void *arg, uint64_t now_ms)
{
	struct node *n = arg;

	service_notify("WATCHDOG=1");
	wheel_set(ticker_wheel(n->ticker), &n->watchdog_timer, now_ms + service_watchdog_ms(),
	    on_watchdog, n);
}

/* The parts, in their order. */

/* It would write to stderr. Its warnings are about descriptors that libmosquitto closes before we
 * can take them out of the loop. */
static void
on_libevent_log(int severity, const char *text)
{
	if (severity >= EVENT_LOG_ERR)
		log_error("libevent: %s", text);
	else
		log_debug("libevent: %s", text);
}

static int
make_loop(struct node *n, char **error)
{
	static const int signals[NODE_SIGNALS] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};
	struct event_config *config = event_config_new();

	if (config == NULL)
		goto fail;
	event_set_log_callback(on_libevent_log);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	n->base = event_base_new_with_config(config);
	event_config_free(config);
	if (n->base == NULL || (n->ticker = ticker_new(n->base)) == NULL ||
	    (n->children = child_pool_new(n->base, ticker_wheel(n->ticker))) == NULL ||
	    (n->resolver = resolver_new(n->base, ticker_wheel(n->ticker), n->children)) == NULL)
		goto fail;
	if (node_make_turn(n) == -1)
		goto fail;
	for (size_t i = 0; i < NODE_SIGNALS; i++) {
		n->signals[i] = evsignal_new(n->base, signals[i], on_signal, n);
		if (n->signals[i] == NULL || event_add(n->signals[i], NULL) == -1)
			goto fail;
	}
	return 0;
fail:
	*error = util_format("event loop: %s", strerror(errno));
	return -1;
}

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
	const struct settings *s = n->fixed;
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

	n->netlink = netlink_open(n->base, node_on_network_change, n);
	if (n->netlink == NULL) {
		*error = util_format("netlink: %s", strerror(errno));
		return -1;
	}
	n->pool = packet_pool_new();
	if (n->pool == NULL)
		return -1;
	n->tun = tun_open(
	    n->base, n->fixed->interface, n->pool, offload_of(n->fixed), &callbacks, error);
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
	    .addrs = n->fixed->addrs,
	    .addr_count = n->fixed->addr_count,
	    .mtu = n->fixed->mtu,
	    .topic_prefix = n->fixed->topic_prefix,
	    .password = n->fixed->password,
	    .stats = &n->stats,
	    .network = n->fixed->wire == WIRE_NATIVE ? &n->network : NULL,
	    .wheel = ticker_wheel(n->ticker),
	    .pool = n->pool,
	    .name = n->fixed->name,
	    .padding = padding_of(n->fixed),
	    .rekey_ms = n->fixed->rekey_s * 1000,
	};
	struct dataplane_callbacks callbacks = node_dataplane_callbacks(n);

	n->peers = peer_table_new();
	if (n->peers == NULL ||
	    peer_table_set_local(n->peers, n->fixed->addrs, n->fixed->addr_count) == -1)
		return -1;
	params.peers = n->peers;
	if (n->fixed->wire == WIRE_NATIVE) {
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
	struct uplink_params params = {
	    .base = n->base,
	    .wheel = ticker_wheel(n->ticker),
	    .resolver = n->resolver,
	    .children = n->children,
	    .stats = &n->stats,
	    .client_id = n->client_id,
	    .max_packet = n->fixed->wire == WIRE_NATIVE ? NATIVE_PACKET_MAX : OLD_PACKET_MAX,
	};
	struct uplink_callbacks callbacks = node_uplink_callbacks(n);

	if (n->fixed->client_id != NULL)
		snprintf(n->client_id, sizeof(n->client_id), "%s", n->fixed->client_id);
	else
		snprintf(n->client_id, sizeof(n->client_id), "MQTT_VPN_%u", aead_random_u32());
	n->uplink = uplink_new(&params, &callbacks);
	if (n->uplink == NULL)
		return -1;
	return uplink_set_brokers(n->uplink, n->fixed->brokers, n->fixed->broker_count, error);
}

static int
make_control(struct node *n, char **error)
{
	const struct settings *s = n->fixed;
	gid_t group = (gid_t)-1;
	uid_t ignored;
	char *path;

	if (s->control_group != NULL &&
	    priv_lookup(NULL, s->control_group, &ignored, &group, error) == -1)
		return -1;
	path = s->control_socket != NULL
		   ? strdup(s->control_socket)
		   : util_format(RUNDIR "/mqtt-vpnd/%s.sock", tun_name(n->tun));
	if (path == NULL)
		return -1;
	n->control = control_open(
	    n->base, ticker_wheel(n->ticker), &n->stats, path, group, node_commands, n, error);
	free(path);
	if (n->control == NULL)
		return -1;
	return 0;
}

static int
make_parts(struct node *n, char **error)
{
	uid_t uid;
	gid_t gid;

	if (priv_lookup(n->fixed->user, n->fixed->group, &uid, &gid, error) == -1 ||
	    (n->fixed->pid_file != NULL &&
		service_pid_open(n->fixed->pid_file, uid, error) == -1) ||
	    node_make_network(n, error) == -1 || make_loop(n, error) == -1 ||
	    make_interface(n, error) == -1 || make_dataplane(n) == -1 ||
	    make_uplink(n, error) == -1 || make_control(n, error) == -1 ||
	    node_apply_peers(n) == -1 || node_apply_topics(n) == -1)
		return -1;
	node_routes_apply(n);
	if (priv_drop(uid, gid, error) == -1)
		return -1;
	if (priv_limit_memory(MEMORY_MARGIN) == -1)
		log_warning("memory limit: %s", strerror(errno));
	return 0;
}

struct node *
node_new(const struct options *o, struct settings *s, char **error)
{
	struct node *n = calloc(1, sizeof(*n));

	*error = NULL;
	if (n == NULL) {
		settings_free(s);
		return NULL;
	}
	n->options = o;
	n->fixed = n->settings = s;
	n->started_ms = util_now_ms();
	if (link_library_init() == -1) {
		*error = util_format("libmosquitto cannot be initialised");
	} else if (make_parts(n, error) == 0) {
		return n;
	}
	if (*error == NULL)
		*error = util_format("%s", strerror(errno));
	node_free(n);
	return NULL;
}

int
node_run(struct node *n)
{
	tun_resume(n->tun);
	uplink_start(n->uplink);
	if (service_watchdog_ms() > 0)
		on_watchdog(n, util_now_ms());
	service_ready();
	while (!n->stopping || !node_hooks_idle(n)) {
		if (event_base_loop(n->base, EVLOOP_ONCE) == -1) {
			log_error("event loop: %s", strerror(errno));
			n->status = NODE_EXIT_FAULT;
			break;
		}
		if (event_base_got_break(n->base))
			break;
	}
	return n->status;
}

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	node_routes_clear(n);
	control_close(n->control);
	uplink_free(n->uplink);
	dataplane_free(n->dataplane);
	peer_table_free(n->peers);
	tun_close(n->tun);
	packet_pool_free(n->pool);
	aead_cipher_free(n->cipher);
	netlink_close(n->netlink);
	resolver_free(n->resolver);
	child_pool_free(n->children);
	for (size_t i = 0; i < NODE_SIGNALS; i++)
		if (n->signals[i] != NULL)
			event_free(n->signals[i]);
	if (n->turn != NULL)
		event_free(n->turn);
	ticker_free(n->ticker);
	if (n->base != NULL)
		event_base_free(n->base);
	service_pid_remove();
	link_library_cleanup();
	if (n->settings != n->fixed)
		settings_free(n->settings);
	settings_free(n->fixed);
	network_clear(&n->network);
	free(n);
}
