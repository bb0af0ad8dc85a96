/*
 * What the files of the program mqtt-vpnctl share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef VPNCTL_INTERNAL_H
#define VPNCTL_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vpnctl_client.h"

struct cJSON;

enum exit_status {
	EXIT_IN_ORDER = 0,
	EXIT_UNREACHABLE = 1, /* or it refused, or no key was made */
	EXIT_USAGE = 2,
	EXIT_NOT_CONNECTED = 3,
};

struct invocation {
	struct vpnctl_client client;
	const char *socket;   /* -s */
	const char *instance; /* -i */
	const char *argument; /* of the command, or NULL */
	int word_count;	      /* of a command that asks no daemon: what it was given */
	char **words;
	bool json;
	bool interval_given;
	uint64_t interval_s;
};

typedef void (*render_fn)(FILE *out, const struct cJSON *answer);

/* What a command asks. */
enum daemon_kind {
	ANY_DAEMON, /* that of an interface, if no other is named */
	KEY_SERVER,
	NO_DAEMON,
};

struct command {
	const char *name;
	const char *arguments; /* what it takes, for the help; NULL for nothing */
	int fewest, most;      /* so many of them */
	enum exit_status (*run)(const struct invocation *inv, const struct command *self);
	render_fn render; /* of its answer; NULL if run does it all */
	enum daemon_kind asks;
	const char *help;
};

void __attribute__((format(printf, 1, 2))) vpnctl_complain(const char *fmt, ...);
/* Returns the answer, or NULL with a new string in *error that can be printed. */
struct cJSON *vpnctl_ask(const struct invocation *inv, const char *command, char **error);
struct cJSON *vpnctl_ask_or_complain(const struct invocation *inv, const char *command);
void vpnctl_print_json(const struct cJSON *json, bool pretty);
enum exit_status vpnctl_link_status(const struct cJSON *status);

/* vpnctl_watch.c */
enum exit_status vpnctl_run_watch(const struct invocation *inv, const struct command *self);

#endif
