/*
 * mqtt-vpn-keyd(8): a program that runs a key server.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keydaemon.h"
#include "options.h"
#include "program.h"
#include "settings.h"

static void *
new_server(const struct options *o, struct settings *s, char **error)
{
	return keydaemon_new(o, s, error);
}

static int
run_server(void *k)
{
	return keydaemon_run(k);
}

static void
free_server(void *k)
{
	keydaemon_free(k);
}

int
main(int argc, char **argv)
{
	static const struct program keyd = {
	    PROGRAM_KEYD, SETTINGS_DEFAULT_KEYD_FILE, new_server, run_server, free_server};

	return program_main(&keyd, argc, argv);
}
