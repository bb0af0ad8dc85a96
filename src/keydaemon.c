/*
 * Assembles the key server's daemon: the order of its parts, and its end.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keydaemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keydaemon_internal.h"
#include "keystore.h"
#include "keywire.h"
#include "log.h"
#include "netlink.h"
#include "options.h"
#include "roster.h"
#include "settings.h"
#include "util.h"

/* The largest message of a member in its MQTT packet, with room for what a broker adds. */
#define PACKET_MAX (KEYWIRE_MESSAGE_MAX + NETWORK_TOPIC_MAX + 1024)

static void
on_stop(void *arg)
{
	struct keydaemon *k = arg;

	uplink_stop(k->daemon.uplink);
}

/* What members were told is in the store. */
static bool
on_stopped(void *arg)
{
	return true;
}

static void
on_network_change(void *arg, enum netlink_change change)
{
	struct keydaemon *k = arg;

	if (change == NETLINK_UPLINK_CAME)
		daemon_network_came(&k->daemon);
}

static int
make_wire(struct keydaemon *k)
{
	const struct settings *s = k->daemon.fixed;
	struct keywire_params params = {
	    .network = &k->network,
	    .wheel = k->daemon.wheel,
	    .stats = &k->daemon.stats,
	    .name = s->name,
	    .rekey_ms = s->rekey_s * 1000,
	};
	struct keywire_callbacks callbacks = keydaemon_wire_callbacks(k);

	k->wire = keywire_new(&params, &callbacks);
	return k->wire != NULL ? 0 : -1;
}

static int
make_netlink(struct keydaemon *k, char **error)
{
	k->netlink = netlink_open(k->daemon.base, on_network_change, k);
	if (k->netlink != NULL)
		return 0;
	*error = util_format("netlink: %s", strerror(errno));
	return -1;
}

static int
make_uplink(struct keydaemon *k, char **error)
{
	struct uplink_callbacks callbacks = keydaemon_uplink_callbacks(k);

	if (daemon_open_uplink(&k->daemon, PACKET_MAX, &callbacks, error) == -1)
		return -1;
	return keydaemon_apply_topics(k);
}

/* The store's files are those of the user that we are now. */
static int
make_server(struct keydaemon *k, char **error)
{
	struct keyserver_callbacks callbacks = keydaemon_server_callbacks(k);

	k->config = keydaemon_config_new(k->daemon.fixed);
	if (k->config == NULL)
		return -1;
	k->store = keystore_open(k->daemon.fixed->store, error);
	if (k->store == NULL)
		return -1;
	k->server = keyserver_new(
	    k->daemon.wheel, k->store, &k->config->settings, &callbacks, util_now_ms(), error);
	if (k->server == NULL)
		return -1;
	return k->daemon.options->recover ? keyserver_recover(k->server, util_now_ms(), error) : 0;
}

static int
make_parts(struct keydaemon *k, char **error)
{
	if (daemon_make_networks(k->daemon.fixed, NULL, &k->network, error) == -1 ||
	    make_wire(k) == -1 || make_netlink(k, error) == -1 || make_uplink(k, error) == -1 ||
	    daemon_open_control(
		&k->daemon, SETTINGS_DEFAULT_KEYD_SOCKET, keydaemon_commands, k, error) == -1 ||
	    daemon_confine(&k->daemon, false, error) == -1 || make_server(k, error) == -1)
		return -1;
	keydaemon_limit_memory(k);
	return 0;
}

struct keydaemon *
keydaemon_new(const struct options *o, struct settings *s, char **error)
{
	struct keydaemon *k = calloc(1, sizeof(*k));
	struct daemon_callbacks callbacks = {.accept = keydaemon_on_accept,
	    .reloaded = keydaemon_on_reloaded,
	    .stop = on_stop,
	    .stopped = on_stopped,
	    .arg = k};

	*error = NULL;
	if (k == NULL) {
		settings_free(s);
		return NULL;
	}
	if (daemon_open(&k->daemon, o, s, &callbacks, error) == 0 && make_parts(k, error) == 0)
		return k;
	if (*error == NULL)
		*error = util_format("%s", strerror(errno));
	keydaemon_free(k);
	return NULL;
}

int
keydaemon_run(struct keydaemon *k)
{
	uplink_start(k->daemon.uplink);
	return daemon_run(&k->daemon);
}

void
keydaemon_free(struct keydaemon *k)
{
	if (k == NULL)
		return;
	daemon_disconnect(&k->daemon);
	keyserver_free(k->server);
	keystore_close(k->store);
	keywire_free(k->wire);
	netlink_close(k->netlink);
	if (k->daemon.wheel != NULL)
		wheel_cancel(k->daemon.wheel, &k->leaving_timer);
	roster_free(k->leaving);
	keydaemon_config_free(k->config);
	daemon_close(&k->daemon);
	network_clear(&k->network);
	free(k);
}
