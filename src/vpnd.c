/*
 * mqtt-vpnd(8), and mqtt_vpn by its other name: a program that runs a node.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node.h"
#include "options.h"
#include "program.h"
#include "settings.h"

static void *
new_node(const struct options *o, struct settings *s, char **error)
{
	return node_new(o, s, error);
}

static int
run_node(void *n)
{
	return node_run(n);
}

static void
free_node(void *n)
{
	node_free(n);
}

int
main(int argc, char **argv)
{
	static const struct program vpnd = {
	    PROGRAM_VPND, SETTINGS_DEFAULT_FILE, new_node, run_node, free_node};

	return program_main(&vpnd, argc, argv);
}
