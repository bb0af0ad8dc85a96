/*
 * The control socket's daemon side: listens, checks who asks (SO_PEERCRED), runs the command from a
 * table and answers. A client that hangs, reads slowly or sends rubbish harms nobody: few
 * connections, small buffers, a time limit.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stddef.h>
#include <sys/types.h>

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_TIMEOUT_MS 5000

struct cJSON;
struct control;
struct event_base;
struct stats;
struct wheel;

/*
 * argument is "" when there is none. Returns the answer as JSON, which control frees, or NULL with
 * a message in *error (a new string, which control frees). It must not close the control socket.
 */
typedef struct cJSON *(*control_fn)(void *arg, const char *argument, char **error);

struct control_command {
	const char *name;
	control_fn run;
};

/*
 * Listens on path with mode 0660 and that group ((gid_t)-1: our own), and makes its directory if
 * need be. A stale socket is replaced, a live one is not. commands ends with a NULL name; it, base,
 * wheel and stats are borrowed. Requests of root, the daemon's own user, and members of that group
 * are taken. Returns NULL with a new string in *error.
 */
struct control *control_open(struct event_base *base, struct wheel *wheel, struct stats *stats,
    const char *path, gid_t group, const struct control_command *commands, void *arg, char **error);
/* Closes all and removes the socket. Accepts NULL. */
void control_close(struct control *c);

#endif
