/*
 * The parts that every daemon has, its signals, its reload and its end.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "daemon.h"

#include <event2/event.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aead.h"
#include "child.h"
#include "control.h"
#include "link.h"
#include "log.h"
#include "priv.h"
#include "resolve.h"
#include "service.h"
#include "settings.h"
#include "ticker.h"
#include "util.h"

#define STOP_TIMEOUT_MS 5000
#define CONFLICT_TELL_MS 60000

/* Signals, and the end. */

static void
on_reload_signal(struct daemon *d)
{
	char text[64], *restart, *error = NULL;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* sd_notify(3) asks for this clock */
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	service_notify(text);
	if (daemon_reload(d, &restart, &error) == 0)
		free(restart);
	free(error);
	service_notify("READY=1");
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct daemon *d = arg;

	if (sig == SIGHUP)
		on_reload_signal(d);
	else if (sig == SIGUSR1)
		daemon_log_stats(d);
	else
		daemon_stop(d, EXIT_SUCCESS);
}

static void
on_stop_check(void *arg, uint64_t now_ms)
{
	struct daemon *d = arg;

	event_base_loopbreak(d->base);
}

/* The loop goes on until the owner has stopped, but not for long. */
void
daemon_stop(struct daemon *d, int status)
{
	if (d->stopping) {
		event_base_loopbreak(d->base); /* asked twice: at once */
		return;
	}
	d->stopping = true;
	d->status = status;
	service_notify("STOPPING=1");
	d->callbacks.stop(d->callbacks.arg);
	wheel_set(d->wheel, &d->stop_timer, util_now_ms() + STOP_TIMEOUT_MS, on_stop_check, d);
}

static void
on_watchdog(void *arg, uint64_t now_ms)
{
	struct daemon *d = arg;

	service_notify("WATCHDOG=1");
	wheel_set(d->wheel, &d->watchdog_timer, now_ms + service_watchdog_ms(), on_watchdog, d);
}

void
daemon_tell_link(const struct daemon *d)
{
	char summary[1024], text[1100];

	snprintf(
	    text, sizeof(text), "STATUS=%s", uplink_summary(d->uplink, summary, sizeof(summary)));
	service_notify(text);
}

void
daemon_network_came(struct daemon *d)
{
	resolver_refresh(d->resolver);
	uplink_network_changed(d->uplink);
}

/* Our answer is a probe of our own, as rare as the message, so that the two do not answer each
 * other for ever. */
void
daemon_probed(struct daemon *d, const uint8_t token[UPLINK_TOKEN_LEN], const char *conflict)
{
	uint64_t now_ms = util_now_ms();

	if (uplink_probe_returned(d->uplink, token))
		return;
	stats_count(&d->stats, STAT_ADDRESS_CONFLICTS);
	if (d->conflict_told_ms != 0 && now_ms < d->conflict_told_ms + CONFLICT_TELL_MS)
		return;
	d->conflict_told_ms = now_ms;
	log_warning("%s", conflict);
	uplink_probe(d->uplink);
}

/* The parts, in their order. */

/* It would write to stderr. Its warnings are about descriptors that libmosquitto closes before we
 * can take them out of the loop. */
static void
on_libevent_log(int severity, const char *text)
{
	if (severity >= EVENT_LOG_ERR)
		log_error("libevent: %s", text);
	else
		log_debug("libevent: %s", text);
}

static int
make_base(struct daemon *d)
{
	struct event_config *config = event_config_new();

	if (config == NULL)
		return -1;
	event_set_log_callback(on_libevent_log);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	d->base = event_base_new_with_config(config);
	event_config_free(config);
	if (d->base == NULL || (d->ticker = ticker_new(d->base)) == NULL)
		return -1;
	d->wheel = ticker_wheel(d->ticker);
	return 0;
}

static int
make_loop(struct daemon *d, char **error)
{
	static const int signals[DAEMON_SIGNALS] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};

	if (make_base(d) == -1 || (d->children = child_pool_new(d->base, d->wheel)) == NULL ||
	    (d->resolver = resolver_new(d->base, d->wheel, d->children)) == NULL)
		goto fail;
	for (size_t i = 0; i < DAEMON_SIGNALS; i++) {
		d->signals[i] = evsignal_new(d->base, signals[i], on_signal, d);
		if (d->signals[i] == NULL || event_add(d->signals[i], NULL) == -1)
			goto fail;
	}
	return 0;
fail:
	*error = util_format("event loop: %s", strerror(errno));
	return -1;
}

int
daemon_open(struct daemon *d, const struct options *o, struct settings *s,
    const struct daemon_callbacks *callbacks, char **error)
{
	*error = NULL;
	d->options = o;
	d->fixed = d->settings = s;
	d->callbacks = *callbacks;
	d->started_ms = util_now_ms();
	if (link_library_init() == -1) {
		*error = util_format("libmosquitto cannot be initialised");
		return -1;
	}
	if (priv_lookup(s->user, s->group, &d->uid, &d->gid, error) == -1 ||
	    (s->pid_file != NULL && service_pid_open(s->pid_file, d->uid, error) == -1))
		return -1;
	return make_loop(d, error);
}

int
daemon_open_uplink(
    struct daemon *d, uint32_t max_packet, const struct uplink_callbacks *callbacks, char **error)
{
	struct uplink_params params = {
	    .base = d->base,
	    .wheel = d->wheel,
	    .resolver = d->resolver,
	    .children = d->children,
	    .stats = &d->stats,
	    .client_id = d->client_id,
	    .max_packet = max_packet,
	};

	if (d->fixed->client_id != NULL)
		snprintf(d->client_id, sizeof(d->client_id), "%s", d->fixed->client_id);
	else
		snprintf(d->client_id, sizeof(d->client_id), "MQTT_VPN_%u", aead_random_u32());
	d->uplink = uplink_new(&params, callbacks);
	if (d->uplink == NULL)
		return -1;
	return uplink_set_brokers(d->uplink, d->fixed->brokers, d->fixed->broker_count, error);
}

int
daemon_open_control(struct daemon *d, const char *path, const struct control_command *commands,
    void *arg, char **error)
{
	const struct settings *s = d->fixed;
	gid_t group = (gid_t)-1;
	uid_t ignored;

	if (s->control_group != NULL &&
	    priv_lookup(NULL, s->control_group, &ignored, &group, error) == -1)
		return -1;
	d->control = control_open(d->base, d->wheel, &d->stats,
	    s->control_socket != NULL ? s->control_socket : path, group, commands, arg, error);
	return d->control != NULL ? 0 : -1;
}

int
daemon_confine(struct daemon *d, bool net_admin, char **error)
{
	return priv_drop(d->uid, d->gid, net_admin, error);
}

void
daemon_limit_memory(size_t extra)
{
	if (priv_limit_memory(extra) == -1)
		log_warning("memory limit: %s", strerror(errno));
}

int
daemon_run(struct daemon *d)
{
	if (service_watchdog_ms() > 0)
		on_watchdog(d, util_now_ms());
	service_ready();
	while (!d->stopping || !d->callbacks.stopped(d->callbacks.arg)) {
		if (event_base_loop(d->base, EVLOOP_ONCE) == -1) {
			log_error("event loop: %s", strerror(errno));
			d->status = DAEMON_EXIT_FAULT;
			break;
		}
		if (event_base_got_break(d->base))
			break;
	}
	return d->status;
}

void
daemon_disconnect(struct daemon *d)
{
	control_close(d->control);
	uplink_free(d->uplink);
	d->control = NULL;
	d->uplink = NULL;
}

void
daemon_close(struct daemon *d)
{
	daemon_disconnect(d);
	resolver_free(d->resolver);
	child_pool_free(d->children);
	for (size_t i = 0; i < DAEMON_SIGNALS; i++)
		if (d->signals[i] != NULL)
			event_free(d->signals[i]);
	ticker_free(d->ticker);
	if (d->base != NULL)
		event_base_free(d->base);
	service_pid_remove();
	link_library_cleanup();
	if (d->settings != d->fixed)
		settings_free(d->settings);
	settings_free(d->fixed);
}
