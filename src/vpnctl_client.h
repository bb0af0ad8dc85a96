/*
 * mqtt-vpnctl's side of the control socket: finds the daemon and asks it one thing.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef VPNCTL_CLIENT_H
#define VPNCTL_CLIENT_H

#include <stdint.h>

struct vpnctl_client {
	const char *path;
	uint32_t timeout_ms; /* for the whole of a question */
	int interrupt_fd;    /* an answer is no longer waited for when this can be read; -1: none */
};

/*
 * The socket of the only daemon that listens in dir, as a new string. Returns NULL with a new
 * string in *error, which lists them if there are several.
 */
char *vpnctl_client_find(const char *dir, char **error);

/*
 * argument may be NULL. Returns the answer as a new string, or NULL with a new string in *error:
 * the daemon's own message, or why it cannot be reached. Its text is not sanitized.
 */
char *vpnctl_client_ask(
    const struct vpnctl_client *client, const char *command, const char *argument, char **error);

#endif
