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

#include "aead.h"
#include "log.h"
#include "node.h"
#include "options.h"
#include "priv.h"
#include "service.h"
#include "settings.h"
#include "tls.h"

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

/* What a start would try after the configuration was read, as far as it changes nothing. */
static int
test(const struct settings *s, char **error)
{
	uid_t uid;
	gid_t gid;

	if (priv_lookup(s->user, s->group, &uid, &gid, error) == -1 ||
	    priv_lookup(NULL, s->control_group, &uid, &gid, error) == -1)
		return -1;
	for (size_t i = 0; i < s->broker_count; i++) {
		struct tls *t;

		if (s->brokers[i].transport != TRANSPORT_TLS)
			continue;
		t = tls_new(&s->brokers[i], error);
		if (t == NULL)
			return -1;
		tls_free(t);
	}
	return 0;
}

static int
start(struct options *o)
{
	char *error = NULL;
	struct settings *s;
	int status;

	if (o->config_file == NULL && options_need_file(o))
		o->config_file = strdup(SETTINGS_DEFAULT_FILE);
	s = settings_load(o, warn, &error);
	if (s == NULL)
		return start_failed(error);
	if (!o->test_config)
		return run(o, s);
	if (test(s, &error) == -1) {
		status = start_failed(error);
	} else {
		printf("%s: OK\n", s->file != NULL ? s->file : "command line");
		status = EXIT_SUCCESS;
	}
	settings_free(s);
	return status;
}

int
main(int argc, char **argv)
{
	struct options o;
	char *error = NULL;
	int status;

	log_open("mqtt-vpnd", log_foreground_target());
	if (service_prepare() == -1 || aead_init() == -1) {
		log_error("cannot start: %s", strerror(errno));
		return EXIT_START_FAILED;
	}
	status = options_parse(&o, argc, argv, &error);
	log_open(program_name(&o), log_foreground_target());
	if (status == -1) {
		status = start_failed(error);
		fprintf(stderr, "Try '%s -h'.\n", program_name(&o));
	} else if (o.show_help) {
		fputs(options_help(o.old_name), stdout);
		status = EXIT_SUCCESS;
	} else if (o.show_version) {
		printf("%s %s\n", program_name(&o), PACKAGE_VERSION);
		status = EXIT_SUCCESS;
	} else {
		status = start(&o);
	}
	options_clear(&o);
	return status;
}
