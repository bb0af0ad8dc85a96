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
#include "groupwire.h"
#include "log.h"
#include "netlink.h"
#include "network.h"
#include "tun.h"
#include "wheel.h"

struct aead_cipher;
struct cJSON;
struct child;
struct event;
struct keywire;
struct member;
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

/* Of mode group. */
struct node_group {
	struct network control; /* between members and key server */
	struct keywire *wire;	/* NULL in other modes */
	struct member *member;
	struct groupwire_self self;
	uint32_t epoch;	       /* that native was told of */
	char reason[256];      /* why we are not in; "" */
	struct log_limit news; /* anybody can make us catch up */
	bool lease_is_over, is_unanswered;
	struct wheel_timer timer, lease_timer; /* timer: to join again, or to give up leaving */
	struct wheel_timer silence_timer;
};

struct node {
	struct daemon daemon;
	struct netlink *netlink;
	struct packet_pool *pool;
	struct aead_cipher *cipher;
	struct tun *tun;
	struct peer_table *peers;
	struct network network; /* of the native wire */
	struct node_group group;
	struct dataplane *dataplane;
	struct event *turn; /* to send what became ready while other things were done */

	struct node_routes routes;
	struct node_hooks hooks;
	struct wheel_timer expiry_timer;
	uint64_t expiry_checked_ms;
	bool interface_up;
	bool disconnected;   /* for good */
	bool roster_changed; /* the kernel has not been told yet */
	bool owes_turn;	     /* to packets, as answers took the last one */
};

/* node_flow.c */
int node_make_turn(struct node *n);
struct tun_callbacks node_tun_callbacks(struct node *n);
struct dataplane_callbacks node_dataplane_callbacks(struct node *n);
struct uplink_callbacks node_uplink_callbacks(struct node *n);
void node_on_network_change(void *arg, enum netlink_change change);
/* Tells the native wire what messages the broker takes; after each change of that. */
void node_limit_messages(struct node *n);

/* node_group.c: what the node does in a group; in other modes node_is_in_group() is false, and only
 * the next three may be called. */
bool node_is_in_group(const struct node *n);
/* Before the dataplane is made, after the networks. Returns 0 or -1. */
int node_make_group(struct node *n);
void node_free_group(struct node *n);
/* Says goodbye to the key server. Returns whether node_disconnect() follows when that is done. */
bool node_leave_group(struct node *n, uint64_t now_ms);
/* The way to the broker is open. */
void node_group_up(struct node *n, uint64_t now_ms);
void node_report_group(const struct node *n, struct cJSON *o);

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

/* node.c: the last part of the orderly end: leaves the broker. */
void node_disconnect(struct node *n);

#endif
