/*
 * Between the parts: the tunnel's packets go down to the broker, the broker's messages up to the
 * tunnel, and each change of the connection or of the network to those who must know.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node_internal.h"

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane.h"
#include "keywire.h"
#include "link.h"
#include "log.h"
#include "native.h"
#include "netlink.h"
#include "peer.h"
#include "settings.h"
#include "tun.h"
#include "uplink.h"
#include "util.h"

#define EXPIRY_CHECK_MS 60000

/* All that waits, as far as the connection takes it. */
static void
transmit(struct node *n)
{
	uint64_t now = util_now_ms();

	if (!uplink_is_up(n->daemon.uplink))
		return;
	do {
		if (uplink_blocked(n->daemon.uplink)) {
			if (dataplane_waiting(n->dataplane) > 0)
				stats_count(&n->daemon.stats, STAT_TX_BLOCKED);
			return;
		}
	} while (dataplane_transmit(n->dataplane, now));
}

/* Reports that others wait for. They wait as well, as the newest says all that older ones would:
 * questions come as fast as others can send. */
static void
answer(struct node *n)
{
	if (uplink_is_up(n->daemon.uplink) && !uplink_blocked(n->daemon.uplink))
		dataplane_answer(n->dataplane, util_now_ms());
}

/* The tunnel is read whether the connection is blocked or not: the queue that forms is ours, where
 * it can be fair, and not the kernel's. */
static void
on_tun_packet(void *arg, struct packet *p)
{
	struct node *n = arg;

	dataplane_send(n->dataplane, p, util_now_ms());
}

static void
on_tun_lost(void *arg)
{
	struct node *n = arg;

	stats_count(&n->daemon.stats, STAT_TX_DROP_MALFORMED);
}

static void
on_tun_burst_end(void *arg)
{
	transmit(arg);
}

/*
 * After what was received was worked off. What it has set in motion, TCP's acknowledgements above
 * all, is in the tunnel by now, and takes the answers along that are due.
 */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct node *n = arg;

	if (n->roster_changed)
		node_routes_apply(n);
	n->roster_changed = false;
	tun_read(n->tun);
	transmit(n);
	answer(n);
}

static void
on_ready(void *arg)
{
	struct node *n = arg;

	event_active(n->turn, EV_TIMEOUT, 0);
}

/* Many may have changed until the kernel is told. */
static void
on_roster(void *arg)
{
	struct node *n = arg;

	n->roster_changed = true;
	on_ready(n);
}

static uint64_t
on_clock(void *arg)
{
	return util_now_us();
}

int
node_make_turn(struct node *n)
{
	n->turn = event_new(n->daemon.base, -1, 0, on_turn, n);
	return n->turn != NULL ? 0 : -1;
}

static void
on_tun_gone(void *arg, int cause)
{
	struct node *n = arg;

	if (n->daemon.stopping) /* the device and netlink both tell */
		return;
	log_error("interface %s is gone (%s): it was removed from outside", tun_name(n->tun),
	    strerror(cause));
	daemon_stop(&n->daemon, DAEMON_EXIT_FAULT);
}

static int
on_publish(void *arg, const char *topic, const void *message, size_t len)
{
	struct node *n = arg;

	return uplink_publish(n->daemon.uplink, topic, message, len);
}

static bool
on_connected(void *arg)
{
	struct node *n = arg;

	return uplink_is_up(n->daemon.uplink);
}

static int
on_deliver(void *arg, const struct packet_offload *offload, const struct iovec *iov, int count)
{
	struct node *n = arg;

	on_ready(n); /* the answer may be in the tunnel already */
	return tun_write(n->tun, offload, iov, count);
}

static void
on_probe_seen(void *arg, const uint8_t token[DATAPLANE_TOKEN_LEN])
{
	struct node *n = arg;
	char conflict[40 + ADDR_TEXT_MAX], text[ADDR_TEXT_MAX];

	snprintf(conflict, sizeof(conflict), "another node uses our address %s",
	    addr_format(&n->daemon.fixed->addrs[0].addr, text));
	/* The topics of members follow from their keys. */
	daemon_probed(&n->daemon, token,
	    node_is_in_group(n) ? "another node uses our private key" : conflict);
}

static void
on_expiry(void *arg, uint64_t now_ms)
{
	struct node *n = arg;

	peer_table_expire(n->peers, now_ms);
}

static void
on_message(void *arg, const struct link_message *m)
{
	struct node *n = arg;
	uint64_t now = util_now_ms();

	if (!node_is_in_group(n) || !keywire_receive(n->group.wire, m, now))
		dataplane_receive(n->dataplane, m, now);
	if (wheel_pending(&n->expiry_timer) || now < n->expiry_checked_ms + EXPIRY_CHECK_MS)
		return;
	n->expiry_checked_ms = now;
	if (peer_table_next_expiry(n->peers) != UINT64_MAX)
		wheel_set(n->daemon.wheel, &n->expiry_timer, peer_table_next_expiry(n->peers),
		    on_expiry, n);
}

static void
on_connecting(void *arg, const struct addr *broker)
{
	node_routes_exempt(arg, broker);
}

static int
on_send_probe(void *arg, const uint8_t token[UPLINK_TOKEN_LEN])
{
	struct node *n = arg;

	return dataplane_probe(n->dataplane, token);
}

void
node_limit_messages(struct node *n)
{
	if (dataplane_native(n->dataplane) != NULL)
		native_limit(dataplane_native(n->dataplane),
		    uplink_max_payload(n->daemon.uplink, NETWORK_TOPIC_MAX),
		    uplink_counts_messages(n->daemon.uplink));
}

static void
on_up(void *arg)
{
	struct node *n = arg;

	node_limit_messages(n);
	if (dataplane_native(n->dataplane) != NULL)
		native_up(dataplane_native(n->dataplane),
		    uplink_max_payload(n->daemon.uplink, NETWORK_TOPIC_MAX), util_now_ms());
	if (node_is_in_group(n))
		node_group_up(n, util_now_ms());
	on_ready(n); /* what has waited */
	node_routes_default(n, true);
	node_hooks_tell(n, true);
	daemon_tell_link(&n->daemon);
}

static void
on_down(void *arg)
{
	struct node *n = arg;

	node_routes_default(n, false);
	node_hooks_tell(n, false);
	daemon_tell_link(&n->daemon);
}

/* Answers go first, but where they are all that the broker grants, packets have the next turn. */
static void
on_writable(void *arg)
{
	struct node *n = arg;

	if (!n->owes_turn)
		answer(n);
	n->owes_turn = uplink_blocked(n->daemon.uplink);
	transmit(n);
	answer(n);
}

void
node_on_network_change(void *arg, enum netlink_change change)
{
	struct node *n = arg;

	switch (change) {
	case NETLINK_UPLINK_CAME:
		daemon_network_came(&n->daemon);
		break;
	case NETLINK_OWN_GONE:
		on_tun_gone(n, ENODEV);
		break;
	case NETLINK_OWN_DOWN:
	case NETLINK_OWN_UP:
		n->interface_up = change == NETLINK_OWN_UP;
		log_notice(
		    "interface %s was set %s", tun_name(n->tun), n->interface_up ? "up" : "down");
		if (n->interface_up)
			node_routes_restore(n);
		break;
	}
}

struct tun_callbacks
node_tun_callbacks(struct node *n)
{
	return (struct tun_callbacks){
	    .packet = on_tun_packet,
	    .lost = on_tun_lost,
	    .burst_end = on_tun_burst_end,
	    .gone = on_tun_gone,
	    .arg = n,
	};
}

struct dataplane_callbacks
node_dataplane_callbacks(struct node *n)
{
	return (struct dataplane_callbacks){
	    .publish = on_publish,
	    .connected = on_connected,
	    .deliver = on_deliver,
	    .probe = on_probe_seen,
	    .ready = on_ready,
	    .roster = on_roster,
	    .clock_us = on_clock,
	    .arg = n,
	};
}

struct uplink_callbacks
node_uplink_callbacks(struct node *n)
{
	return (struct uplink_callbacks){
	    .connecting = on_connecting,
	    .message = on_message,
	    .probe = on_send_probe,
	    .up = on_up,
	    .down = on_down,
	    .writable = on_writable,
	    .arg = n,
	};
}
