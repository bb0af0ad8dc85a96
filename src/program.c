/*
 * Command line and configuration, then the daemon itself.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "log.h"
#include "options.h"
#include "priv.h"
#include "service.h"
#include "settings.h"
#include "uplink.h"

#define EXIT_START_FAILED 1

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
run(const struct program *p, struct options *o, struct settings *s)
{
	bool foreground = s->foreground;
	char *error = NULL;
	void *daemon;
	int status;

	log_set_level(s->log_level);
	if (!foreground && service_background() == -1) {
		log_error("cannot become a daemon: %s", strerror(errno));
		settings_free(s);
		return EXIT_START_FAILED;
	}
	daemon = p->make(o, s, &error);
	if (daemon == NULL)
		return start_failed(error);
	if (!foreground)
		log_open(options_program_name(o->program), LOG_TO_SYSLOG);
	status = p->run(daemon);
	p->free(daemon);
	return status;
}

/* What a start would try after the configuration was read, as far as it changes nothing. */
static int
test(const struct settings *s, char **error)
{
	struct uplink_brokers *brokers;
	uid_t uid;
	gid_t gid;

	if (priv_lookup(s->user, s->group, &uid, &gid, error) == -1 ||
	    priv_lookup(NULL, s->control_group, &uid, &gid, error) == -1)
		return -1;
	brokers = uplink_make_brokers(s->brokers, s->broker_count, error);
	uplink_free_brokers(brokers);
	return brokers != NULL ? 0 : -1;
}

static int
start(const struct program *p, struct options *o)
{
	char *error = NULL;
	struct settings *s;
	int status;

	if (o->config_file == NULL && options_need_file(o))
		o->config_file = strdup(p->default_file);
	s = settings_load(o, warn, &error);
	if (s == NULL)
		return start_failed(error);
	if (!o->test_config)
		return run(p, o, s);
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
program_main(const struct program *p, int argc, char **argv)
{
	struct options o;
	char *error = NULL;
	int status;

	log_open(options_program_name(p->program), log_foreground_target());
	if (service_prepare() == -1 || aead_init() == -1) {
		log_error("cannot start: %s", strerror(errno));
		return EXIT_START_FAILED;
	}
	status = options_parse(&o, p->program, argc, argv, &error);
	log_open(options_program_name(o.program), log_foreground_target());
	if (status == -1) {
		status = start_failed(error);
		fprintf(stderr, "Try '%s -h'.\n", options_program_name(o.program));
	} else if (o.show_help) {
		fputs(options_help(o.program), stdout);
		status = EXIT_SUCCESS;
	} else if (o.show_version) {
		printf("%s %s\n", options_program_name(o.program), PACKAGE_VERSION);
		status = EXIT_SUCCESS;
	} else {
		status = start(p, &o);
	}
	options_clear(&o);
	return status;
}
