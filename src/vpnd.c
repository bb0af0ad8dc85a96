/*
 * mqtt-vpnd(8), and mqtt_vpn by its other name: reads the command line and the configuration, and
 * runs a node.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "node.h"
#include "options.h"
#include "service.h"
#include "settings.h"

#define EXIT_START_FAILED 1

static const char *
program_name(const struct options *o)
{
	return o->old_name ? "mqtt_vpn" : "mqtt-vpnd";
}

static void
warn(const char *text)
{
	log_warning("%s", text);
}

/* Takes the message. */
static int
start_failed(char *error)
{
	log_error("%s", error != NULL ? error : strerror(ENOMEM));
	free(error);
	return EXIT_START_FAILED;
}

static int
run(struct options *o, struct settings *s)
{
	bool foreground = s->foreground;
	char *error = NULL;
	struct node *n;
	int status;

	log_set_level(s->log_level);
	if (!foreground && service_background() == -1) {
		log_error("cannot become a daemon: %s", strerror(errno));
		settings_free(s);
		return EXIT_START_FAILED;
	}
	n = node_new(o, s, &error);
	if (n == NULL)
		return start_failed(error);
	if (!foreground)
		log_open(program_name(o), LOG_TO_SYSLOG);
	status = node_run(n);
	node_free(n);
	return status;
}

static int
start(struct options *o)
{
	char *error = NULL;
	struct settings *s;

	if (o->config_file == NULL && options_need_file(o))
		o->config_file = strdup(SETTINGS_DEFAULT_FILE);
	s = settings_load(o, warn, &error);
	if (s == NULL)
		return start_failed(error);
	if (!o->test_config)
		return run(o, s);
	printf("%s: OK\n", s->file != NULL ? s->file : "command line");
	settings_free(s);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct options o;
	char *error = NULL;
	int status;

	log_open("mqtt-vpnd", log_foreground_target());
	if (service_prepare() == -1) {
		log_error("cannot start: %s", strerror(errno));
		return EXIT_START_FAILED;
	}
	if (options_parse(&o, argc, argv, &error) == -1) {
		status = start_failed(error);
		fprintf(stderr, "Try '%s -h'.\n", program_name(&o));
	} else if (o.show_help) {
		fputs(options_help(o.old_name), stdout);
		status = EXIT_SUCCESS;
	} else if (o.show_version) {
		printf("%s %s\n", program_name(&o), PACKAGE_VERSION);
		status = EXIT_SUCCESS;
	} else {
		log_open(program_name(&o), log_foreground_target());
		status = start(&o);
	}
	options_clear(&o);
	return status;
}
