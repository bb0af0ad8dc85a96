/*
 * One node of the network: makes the parts, joins them, starts and stops them in one visible order,
 * and takes a new configuration while it runs.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NODE_H
#define NODE_H

struct node;
struct options;
struct settings;

/*
 * Makes everything ready: interface, control socket, pid file, privileges. o is borrowed while the
 * node lives, for reloading; s becomes the node's in any case. Returns NULL with a new string in
 * *error.
 */
struct node *node_new(const struct options *o, struct settings *s, char **error);
/* Runs until a signal or a fault ends it, then takes everything down. Returns the exit status: 0 in
 * order, 2 after a fault. */
int node_run(struct node *n);
/* Accepts NULL. */
void node_free(struct node *n);

#endif
