/*
 * What every daemon of this project has: a loop with its ticker, children and resolver, the
 * connection to the broker, a control socket, signals, a configuration that can be read anew, the
 * watchdog, the privileges that it gives up, and an orderly end. Its owner embeds it, adds what it
 * is there for, and brings all up and down in one visible order.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "aead.h"
#include "stats.h"
#include "uplink.h"
#include "wheel.h"

#define DAEMON_MEMORY_MARGIN (32u * 1024 * 1024) /* what an announced absurd length may take */
#define DAEMON_SIGNALS 4
#define DAEMON_EXIT_FAULT 2

struct cJSON;
struct child_pool;
struct control;
struct control_command;
struct event;
struct event_base;
struct network;
struct options;
struct resolver;
struct settings;
struct ticker;

struct daemon_callbacks {
	/* Takes new settings, before they are in force. Returns 0, or -1 with a new string in
	 * *error, and the old ones stay. NULL: all can be taken. */
	int (*accept)(void *arg, const struct settings *s, char **error);
	/* They are in force. */
	void (*reloaded)(void *arg);
	/* Begins what must be done before the end: uplink_stop(), and what it is about. */
	void (*stop)(void *arg);
	/* Whether that is done; asked after each turn of the loop. */
	bool (*stopped)(void *arg);
	void *arg;
};

struct daemon {
	const struct options *options; /* borrowed */
	struct settings *fixed;	       /* of the start: what only a restart changes */
	struct settings *settings;     /* in force: brokers, log level and such; may be fixed */
	uint64_t started_ms;
	struct stats stats;

	struct event_base *base;
	struct ticker *ticker;
	struct wheel *wheel; /* the ticker's */
	struct child_pool *children;
	struct resolver *resolver;
	struct uplink *uplink;
	struct control *control;

	/* The rest is its own. */
	struct daemon_callbacks callbacks;
	char client_id[160];
	uid_t uid; /* to become */
	gid_t gid;
	struct event *signals[DAEMON_SIGNALS];
	struct wheel_timer watchdog_timer, stop_timer;
	uint64_t conflict_told_ms; /* 0 for never */
	bool stopping;
	int status;
};

/*
 * Makes the first part: pid file and loop, with signals and all that needs no privileges to be
 * given up before. d is zeroed; o is borrowed while it lives, s becomes its own in any case. Like
 * those that follow returns 0, or -1 with a new string in *error, or NULL in it with errno.
 */
int daemon_open(struct daemon *d, const struct options *o, struct settings *s,
    const struct daemon_callbacks *callbacks, char **error);
/* The connection to the brokers of the settings; not started. max_packet as in uplink_params. */
int daemon_open_uplink(
    struct daemon *d, uint32_t max_packet, const struct uplink_callbacks *callbacks, char **error);
/* The control socket of the settings, or this one if they name none. commands and arg as in
 * control_open(). */
int daemon_open_control(struct daemon *d, const char *path, const struct control_command *commands,
    void *arg, char **error);
/* Becomes the user of the settings, with CAP_NET_ADMIN at the most. */
int daemon_confine(struct daemon *d, bool net_admin, char **error);
/* Will not take much more memory than it has now: extra bytes. */
void daemon_limit_memory(size_t extra);
/* Nobody talks to us any more: closes control socket and connection. */
void daemon_disconnect(struct daemon *d);
/* The rest, with the settings. Accepts one that is zeroed. */
void daemon_close(struct daemon *d);

/* Ready: runs until a signal or a fault ends it. Returns the exit status: 0 in order, or
 * DAEMON_EXIT_FAULT. */
int daemon_run(struct daemon *d);
/* Begins an orderly end; asked twice ends at once. */
void daemon_stop(struct daemon *d, int status);
/* Tells the service manager how the connection is. */
void daemon_tell_link(const struct daemon *d);
/* The network is there again, or another one: what has waited for it is tried at once. */
void daemon_network_came(struct daemon *d);
/* A probe that seems to be ours has come. It may be that of another with our identity: that is
 * answered, so that it knows as well, and logged from time to time with this text. */
void daemon_probed(struct daemon *d, const uint8_t token[UPLINK_TOKEN_LEN], const char *conflict);

/* daemon_reload.c: takes the configuration anew. Returns 0 with what only a restart changes in
 * *restart (a new string, or NULL), or -1 with a new string in *error, which it has logged. */
int daemon_reload(struct daemon *d, char **restart, char **error);

/* daemon_control.c: what the commands of the control socket have in common. */

/* Adds program, version, pid and uptime. */
void daemon_report(const struct daemon *d, struct cJSON *object);
/* Adds the counters of drops that are not 0. */
void daemon_report_drops(const struct daemon *d, struct cJSON *object);
/* Adds the counters and gauges of "stats". Returns the gauges, for more of them. */
struct cJSON *daemon_report_stats(const struct daemon *d, struct cJSON *object);
/* The answers to these commands, as control_fn returns them. */
struct cJSON *daemon_command_reload(struct daemon *d, char **error);
struct cJSON *daemon_command_log(const char *argument, char **error);
/* To the log: how the connection is, and all counters that are not 0. */
void daemon_log_stats(const struct daemon *d);

/*
 * daemon_network.c: derives the keys of the network that the settings name, which takes a second
 * with a passphrase, and, where control is not NULL, those of the network between members and key
 * server as well. Either may be NULL. Returns 0, or -1 with a new string in *error.
 */
int daemon_make_networks(
    const struct settings *s, struct network *traffic, struct network *control, char **error);

#endif
