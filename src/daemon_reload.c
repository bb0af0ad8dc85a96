/*
 * A new configuration for a running daemon: what can change does so without losing the connection,
 * what cannot is named, and a configuration with an error changes nothing.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "settings.h"

static void
warn(const char *text)
{
	log_warning("%s", text);
}

static void
replace_settings(struct daemon *d, struct settings *s)
{
	struct settings *old = d->settings;

	d->settings = s;
	log_set_level(s->log_level);
	if (d->callbacks.reloaded != NULL)
		d->callbacks.reloaded(d->callbacks.arg);
	if (old != d->fixed)
		settings_free(old);
}

/* Brokers last, as nothing is left then that may refuse them. */
static int
take_settings(struct daemon *d, struct settings *s, char **error)
{
	struct uplink_brokers *brokers = uplink_make_brokers(s->brokers, s->broker_count, error);

	if (brokers == NULL)
		return -1;
	if (d->callbacks.accept != NULL && d->callbacks.accept(d->callbacks.arg, s, error) == -1) {
		uplink_free_brokers(brokers);
		return -1;
	}
	uplink_use_brokers(d->uplink, brokers);
	replace_settings(d, s);
	return 0;
}

int
daemon_reload(struct daemon *d, char **restart, char **error)
{
	struct settings *s = settings_load(d->options, warn, error);

	if (s == NULL || take_settings(d, s, error) == -1) {
		log_error("reload: %s; the old configuration stays in force",
		    *error != NULL ? *error : strerror(ENOMEM));
		settings_free(s);
		return -1;
	}
	stats_count(&d->stats, STAT_RELOADS);
	*restart = settings_restart_needed(d->fixed, s);
	log_notice("configuration reloaded%s%s",
	    *restart != NULL ? "; only a restart changes: " : "", *restart != NULL ? *restart : "");
	return 0;
}
