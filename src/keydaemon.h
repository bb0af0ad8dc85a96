/*
 * The key server as a daemon: its store, its members and their sessions, the connection to the
 * broker between them, its control socket; start, reload and stop.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYDAEMON_H
#define KEYDAEMON_H

struct keydaemon;
struct options;
struct settings;

/*
 * Makes everything ready: pid file, control socket, privileges, store. o is borrowed while it
 * lives, for reloading; s becomes its own in any case. Returns NULL with a new string in *error.
 */
struct keydaemon *keydaemon_new(const struct options *o, struct settings *s, char **error);
/* Runs until a signal or a fault ends it. Returns the exit status: 0 in order, 2 after a fault. */
int keydaemon_run(struct keydaemon *k);
/* Accepts NULL. */
void keydaemon_free(struct keydaemon *k);

#endif
