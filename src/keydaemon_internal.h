/*
 * What the files of the key server's daemon share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYDAEMON_INTERNAL_H
#define KEYDAEMON_INTERNAL_H

#include <stddef.h>

#include "aead.h"
#include "bucket.h"
#include "control.h"
#include "daemon.h"
#include "keyserver.h"
#include "network.h"
#include "wheel.h"

struct keystore;
struct keywire;
struct netlink;
struct roster;
struct settings;

/* What the settings mean to the key server; they are borrowed. */
struct keydaemon_config {
	struct keyserver_settings settings;
	struct keyserver_group *groups;
	struct keyserver_member *members;
	struct roster *roster;
};

#define KEYDAEMON_STRANGERS 8

struct keydaemon {
	struct daemon daemon;
	struct network network; /* between the members and us */
	struct netlink *netlink;
	struct keystore *store;
	struct keydaemon_config *config;
	struct keyserver *server;
	struct keywire *wire;

	/* Of the settings before: who is not there any more is still to be told. */
	struct roster *leaving;
	struct wheel_timer leaving_timer;

	/* The last of those who are no members and were told of. */
	uint8_t strangers[KEYDAEMON_STRANGERS][AEAD_KEY_LEN];
	size_t next_stranger;
	struct bucket news_of_strangers;
};

/* keydaemon_config.c. Returns NULL when memory is short. */
struct keydaemon_config *keydaemon_config_new(const struct settings *s);
/* Accepts NULL. */
void keydaemon_config_free(struct keydaemon_config *c);

/* keydaemon_flow.c: between broker, sessions and server. */
struct keyserver_callbacks keydaemon_server_callbacks(struct keydaemon *k);
struct keywire_callbacks keydaemon_wire_callbacks(struct keydaemon *k);
struct uplink_callbacks keydaemon_uplink_callbacks(struct keydaemon *k);
int keydaemon_apply_topics(struct keydaemon *k);

/* keydaemon_reload.c */
int keydaemon_on_accept(void *arg, const struct settings *s, char **error);
void keydaemon_on_reloaded(void *arg);
void keydaemon_limit_memory(const struct keydaemon *k);

/* keydaemon_control.c */
extern const struct control_command keydaemon_commands[];

#endif
