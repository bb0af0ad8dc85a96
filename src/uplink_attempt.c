/*
 * One attempt: credentials first, as a password may be the output of a command; then the broker's
 * name; then one address after the other, and the next broker when all have failed.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "uplink.h"

#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "child.h"
#include "log.h"
#include "stats.h"
#include "uplink_internal.h"
#include "util.h"

/* With other addresses left, one that does not answer is not waited for long. */
#define TCP_TIMEOUT_MANY_MS 3000
#define PASSWORD_MAX 4096
#define REMIND_MS (10 * 60 * 1000)

static void
on_retry(void *arg, uint64_t now_ms)
{
	uplink_attempt(arg);
}

/* An outage of hours is told when it begins and when its cause changes, and now and then between.
 */
static void
complain(struct uplink *u, const char *next)
{
	struct uplink_broker *b = uplink_current(u);
	uint64_t now = util_now_ms();

	if (strcmp(u->last_error, b->told_error) == 0 && now < b->told_ms + REMIND_MS)
		return;
	b->told_ms = now;
	memcpy(b->told_error, u->last_error, sizeof(b->told_error));
	log_warning("broker %s: %s; %s", b->settings->url, u->last_error, next);
}

void
uplink_retry_at(struct uplink *u, uint64_t at_ms)
{
	uplink_enter(u, UPLINK_WAITING);
	u->retry_at_ms = at_ms;
	wheel_set(u->p.wheel, &u->timer, at_ms, on_retry, u);
}

void
uplink_wait(struct uplink *u, uint32_t delay_ms)
{
	char next[48];

	snprintf(next, sizeof(next), "next try in %u.%u s", delay_ms / 1000, delay_ms % 1000 / 100);
	complain(u, next);
	uplink_retry_at(u, util_now_ms() + delay_ms);
}

void
uplink_broker_failed(struct uplink *u)
{
	bool others_left = ++u->failed_in_row < u->broker_count;

	uplink_abandon(u);
	stats_count(u->p.stats, STAT_CONNECT_FAILURES);
	u->short_lives = 0;
	if (others_left) {
		complain(u, "trying the next broker");
		uplink_retry_at(u, util_now_ms());
	} else {
		u->failed_in_row = 0;
		uplink_wait(u, backoff_next(&u->backoff, aead_random_u32()));
	}
	u->current = (u->current + 1) % u->broker_count;
}

static void
set_error(struct uplink *u, const char *text)
{
	snprintf(u->last_error, sizeof(u->last_error), "%s", text);
}

static void
on_resolved(void *arg, const struct addr *addrs, size_t count, const char *error)
{
	struct uplink *u = arg;

	u->query = NULL;
	if (count == 0) {
		set_error(u, error);
		uplink_broker_failed(u);
		return;
	}
	memcpy(u->addrs, addrs, count * sizeof(addrs[0]));
	u->addr_count = count;
	u->addr_next = 0;
	uplink_try_next_address(u);
}

static void
resolve(struct uplink *u)
{
	const struct settings_broker *b = uplink_current(u)->settings;

	u->addr_count = u->addr_next = 0;
	if (b->transport == TRANSPORT_UNIX) {
		uplink_try_next_address(u);
		return;
	}
	u->query = resolve_start(u->p.resolver, b->host, b->timeout_s * 1000, on_resolved, u);
	if (u->query == NULL) {
		set_error(u, strerror(errno));
		uplink_broker_failed(u);
	}
}

static void
on_password(void *arg, const struct child_result *r)
{
	struct uplink *u = arg;
	char text[128];

	u->password_child = NULL;
	if (r->status == -1)
		snprintf(text, sizeof(text), "password-command: no end within %u s",
		    uplink_current(u)->settings->timeout_s);
	else if (!WIFEXITED(r->status) || WEXITSTATUS(r->status) != 0)
		snprintf(text, sizeof(text), "password-command: failed with status %d",
		    WIFEXITED(r->status) ? WEXITSTATUS(r->status) : 128 + WTERMSIG(r->status));
	else if ((u->password = strndup(r->output, strcspn(r->output, "\r\n"))) == NULL)
		snprintf(text, sizeof(text), "password-command: %s", strerror(ENOMEM));
	if (u->password == NULL) {
		set_error(u, text);
		uplink_broker_failed(u);
		return;
	}
	resolve(u);
}

static int
read_password_file(struct uplink *u, const char *path)
{
	char *error = NULL;

	u->password = util_read_secret(path, PASSWORD_MAX, &error);
	if (u->password != NULL)
		return 0;
	snprintf(u->last_error, sizeof(u->last_error), "password-file: %s",
	    error != NULL ? error : strerror(ENOMEM));
	free(error);
	return -1;
}

void
uplink_attempt(struct uplink *u)
{
	const struct settings_broker *b = uplink_current(u)->settings;

	uplink_abandon(u);
	u->attempts++;
	u->attempt_ms = util_now_ms();
	u->punished = false;
	uplink_enter(u, UPLINK_RESOLVING);
	if (u->attempts == 1) /* later ones show by what comes of them */
		log_info("broker %s: connecting", b->url);
	if (b->password_command != NULL) {
		u->password_child = child_run(
		    u->p.children, b->password_command, NULL, b->timeout_s * 1000, on_password, u);
		if (u->password_child != NULL)
			return;
		snprintf(
		    u->last_error, sizeof(u->last_error), "password-command: %s", strerror(errno));
		uplink_broker_failed(u);
		return;
	}
	if (b->password != NULL)
		u->password = strdup(b->password);
	else if (b->password_file != NULL && read_password_file(u, b->password_file) == -1) {
		uplink_broker_failed(u);
		return;
	}
	resolve(u);
}

static struct link *
open_link(struct uplink *u, const char *address, uint16_t port, char **error)
{
	const struct uplink_broker *b = uplink_current(u);
	uint32_t timeout_ms = b->settings->timeout_s * 1000;
	struct link_params params = {
	    .address = address,
	    .port = port,
	    .client_id = u->p.client_id,
	    .username = b->settings->username,
	    .password = u->password,
	    .protocol = b->protocol,
	    .tls = b->tls,
	    .keepalive_s = b->settings->keepalive_s,
	    .congestion_control = b->settings->congestion_control,
	    .timeout_ms = timeout_ms,
	    .tcp_timeout_ms = u->addr_next < u->addr_count && timeout_ms > TCP_TIMEOUT_MANY_MS
				  ? TCP_TIMEOUT_MANY_MS
				  : timeout_ms,
	    .max_packet = u->p.max_packet,
	    .stats = u->p.stats,
	};
	struct link_callbacks callbacks = uplink_link_callbacks(u);

	return link_new(u->p.base, u->p.wheel, &params, &callbacks, error);
}

void
uplink_try_next_address(struct uplink *u)
{
	const struct settings_broker *b = uplink_current(u)->settings;
	const struct addr *a = NULL;
	char text[ADDR_TEXT_MAX], *error = NULL;

	if (b->transport != TRANSPORT_UNIX) {
		a = &u->addrs[u->addr_next++];
		addr_format(a, text);
		snprintf(u->address_text, sizeof(u->address_text),
		    a->family == ADDR_IPV6 ? "[%s]:%u" : "%s:%u", text, b->port);
	} else {
		snprintf(u->address_text, sizeof(u->address_text), "unix socket");
	}
	uplink_enter(u, UPLINK_CONNECTING);
	u->cb.connecting(u->cb.arg, a);
	u->link = open_link(u, a != NULL ? text : b->host, a != NULL ? b->port : 0, &error);
	if (u->link != NULL)
		return;
	snprintf(u->last_error, sizeof(u->last_error), "%s: %s", u->address_text,
	    error != NULL ? error : "out of memory");
	free(error);
	if (u->addr_next < u->addr_count)
		uplink_try_next_address(u);
	else
		uplink_broker_failed(u);
}
