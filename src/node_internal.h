/*
 * What the files of the node share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NODE_INTERNAL_H
#define NODE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "control.h"
#include "daemon.h"
#include "dataplane.h"
#include "netlink.h"
#include "network.h"
#include "tun.h"
#include "wheel.h"

struct aead_cipher;
struct cJSON;
struct child;
struct event;
struct native_traffic;
struct packet_pool;
struct settings;

/* Peers' routes in the kernel, and what keeps the path to the broker out of a default route. */
struct node_routes {
	struct prefix *routes;
	size_t count;
	bool default_active; /* the rules stand */
	struct addr exempt;  /* the broker; family ADDR_NONE for none */
	uint64_t warned_ms;
};

/* One hook runs at a time; what happened meanwhile is made up for afterwards. */
struct node_hooks {
	struct child *running;
	bool told_up; /* what the last hook was told */
	bool is_up;
};

struct node {
	struct daemon daemon;
	struct netlink *netlink;
	struct packet_pool *pool;
	struct aead_cipher *cipher;
	struct tun *tun;
	struct peer_table *peers;
	struct network network; /* of the native wire */
	struct dataplane *dataplane;
	struct event *turn; /* to send what became ready while other things were done */

	struct node_routes routes;
	struct node_hooks hooks;
	struct wheel_timer expiry_timer;
	uint64_t expiry_checked_ms;
	bool interface_up;
	bool owes_turn; /* to packets, as answers took the last one */
};

/* node_flow.c */
int node_make_turn(struct node *n);
struct tun_callbacks node_tun_callbacks(struct node *n);
struct dataplane_callbacks node_dataplane_callbacks(struct node *n);
struct uplink_callbacks node_uplink_callbacks(struct node *n);
void node_on_network_change(void *arg, enum netlink_change change);
/* Tells the native wire what messages the broker takes; after each change of that. */
void node_limit_messages(struct node *n);

/* node_routes.c: all return nothing, log what the kernel refuses, and go on. */
void node_routes_apply(struct node *n);
void node_routes_default(struct node *n, bool active);
void node_routes_exempt(struct node *n, const struct addr *broker);
/* The kernel forgets the routes and the IPv6 addresses of an interface that is set down. */
void node_routes_restore(struct node *n);
void node_routes_clear(struct node *n);

/* node_hooks.c */
void node_hooks_tell(struct node *n, bool up);
bool node_hooks_idle(const struct node *n);

/* node_reload.c */
void node_on_reloaded(void *arg);
int node_apply_peers(struct node *n);
int node_apply_topics(struct node *n);

/* node_stages.c: the members of "stages", and those that tell what is on the way to a peer. */
void node_report_stages(const struct node *n, struct cJSON *o);
void node_report_window(const struct native_traffic *t, struct cJSON *o);

/* node_control.c */
extern const struct control_command node_commands[];

#endif
