/*
 * The owner's side of the uplink: brokers and topics, start and stop, publishing.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "uplink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "stats.h"
#include "tls.h"
#include "uplink_internal.h"
#include "util.h"

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 60000
#define TAKEN_OVER_MIN_MS 5000
/* When the network changed, the next try comes at once, but not sooner than this after the last. */
#define RETRY_SOONEST_MS 1000
/* Nothing came back for what was sent: ask. */
#define DOUBT_AFTER_MS 15000
#define DOUBT_ANSWER_MS 15000
/* After a change of the network the connection is probably gone: no need to wait for long. */
#define CHANGE_ANSWER_MS 5000
/* The bytes of a PUBLISH beside topic and payload, at most: the fixed header, the length of the
 * topic, and that of the properties (MQTT 5, 3.3). */
#define PUBLISH_OVERHEAD 8
#define ANSWERS_WAITING (256 * 1024)
#define ANSWERS_OWED_US 100000

struct uplink_broker *
uplink_current(const struct uplink *u)
{
	return &u->brokers[u->current];
}

void
uplink_enter(struct uplink *u, enum uplink_state state)
{
	if (u->state != state)
		u->state_since_ms = util_now_ms();
	u->state = state;
}

void
uplink_drop_link(struct uplink *u)
{
	link_free(u->link);
	u->link = NULL;
	wheel_cancel(u->p.wheel, &u->pace_timer);
	u->pacer = (struct pacer){0};
	tls_free(u->retired_tls);
	u->retired_tls = NULL;
	u->batch_count = 0;
}

void
uplink_abandon(struct uplink *u)
{
	wheel_cancel(u->p.wheel, &u->timer);
	uplink_end_doubt(u);
	if (u->query != NULL)
		resolve_cancel(u->query);
	u->query = NULL;
	if (u->password_child != NULL)
		child_cancel(u->password_child);
	u->password_child = NULL;
	util_free_secret(u->password);
	u->password = NULL;
	uplink_drop_link(u);
}

/* The owner's side. */

struct uplink *
uplink_new(const struct uplink_params *params, const struct uplink_callbacks *callbacks)
{
	struct uplink *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->p = *params;
	u->cb = *callbacks;
	backoff_init(&u->backoff, RETRY_MIN_MS, RETRY_MAX_MS);
	backoff_init(&u->takeover_backoff, TAKEN_OVER_MIN_MS, RETRY_MAX_MS);
	u->state_since_ms = util_now_ms();
	return u;
}

static void
free_brokers(struct uplink_broker *brokers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		tls_free(brokers[i].tls);
	free(brokers);
}

static void
free_subscriptions(struct uplink_subscription *subs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(subs[i].topic);
	free(subs);
}

void
uplink_free(struct uplink *u)
{
	if (u == NULL)
		return;
	uplink_abandon(u);
	free_brokers(u->brokers, u->broker_count);
	free_subscriptions(u->subs, u->sub_count);
	free(u);
}

static enum link_protocol
first_protocol(const struct settings_broker *b)
{
	return b->protocol == PROTOCOL_311 ? LINK_MQTT_311 : LINK_MQTT_5;
}

static struct uplink_broker *
make_list(const struct settings_broker *settings, size_t count, char **error)
{
	struct uplink_broker *brokers = calloc(count, sizeof(brokers[0]));

	*error = NULL;
	if (brokers == NULL) {
		*error = util_format("%s", strerror(ENOMEM));
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		brokers[i].settings = &settings[i];
		brokers[i].protocol = first_protocol(&settings[i]);
		if (settings[i].transport != TRANSPORT_TLS)
			continue;
		brokers[i].tls = tls_new(&settings[i], error);
		if (brokers[i].tls == NULL) {
			free_brokers(brokers, count);
			return NULL;
		}
	}
	return brokers;
}

static size_t
find_broker(const struct uplink_broker *brokers, size_t count, const char *url)
{
	size_t i = 0;

	while (i < count && strcmp(brokers[i].settings->url, url) != 0)
		i++;
	return i;
}

/* The link goes on under the new settings of its broker. One that outlived a change before has its
 * TLS context in retired_tls already. */
static void
keep_link(struct uplink *u, struct uplink_broker *same)
{
	struct uplink_broker *old = uplink_current(u);

	if (same->settings->protocol == PROTOCOL_ANY && old->settings->protocol == PROTOCOL_ANY) {
		same->protocol = old->protocol;
		same->refused_5 = old->refused_5;
	}
	if (u->retired_tls != NULL)
		return;
	u->retired_tls = old->tls;
	old->tls = NULL;
}

/* For a broker that is no longer wanted. */
static void
end_connection(struct uplink *u)
{
	bool was_up = u->state == UPLINK_UP;

	uplink_abandon(u);
	if (!was_up)
		return;
	uplink_enter(u, UPLINK_WAITING);
	u->cb.down(u->cb.arg);
}

/* Pacing. */

static void
on_due(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;

	if (u->state == UPLINK_UP && !link_blocked(u->link))
		u->cb.writable(u->cb.arg);
}

/* What the present settings of the broker allow; what went under others is forgotten. */
static void
apply_limits(struct uplink *u)
{
	const struct settings_broker *b = uplink_current(u)->settings;

	if (u->pacer.max_rate == b->max_rate && u->pacer.max_bandwidth == b->max_bandwidth)
		return;
	u->pacer = (struct pacer){.max_rate = b->max_rate, .max_bandwidth = b->max_bandwidth};
	if (wheel_pending(&u->pace_timer))
		wheel_set(u->p.wheel, &u->pace_timer, 0, on_due, u);
}

static void
pace(struct uplink *u, size_t bytes)
{
	uint64_t now_us, due_us;

	apply_limits(u);
	if (u->pacer.max_rate == 0 && u->pacer.max_bandwidth == 0)
		return;
	now_us = util_now_us();
	pacer_sent(&u->pacer, bytes, now_us);
	due_us = pacer_due_us(&u->pacer, now_us);
	if (due_us <= now_us)
		return;
	if (!wheel_pending(&u->pace_timer))
		stats_count(u->p.stats, STAT_TX_PACED);
	wheel_set(u->p.wheel, &u->pace_timer, (due_us + 999) / 1000, on_due, u);
}

struct uplink_brokers *
uplink_make_brokers(const struct settings_broker *settings, size_t count, char **error)
{
	struct uplink_brokers *new = calloc(1, sizeof(*new));

	*error = NULL;
	if (new == NULL)
		return NULL;
	new->count = count;
	new->list = make_list(settings, count, error);
	if (new->list == NULL) {
		free(new);
		return NULL;
	}
	return new;
}

void
uplink_free_brokers(struct uplink_brokers *brokers)
{
	if (brokers == NULL)
		return;
	free_brokers(brokers->list, brokers->count);
	free(brokers);
}

void
uplink_use_brokers(struct uplink *u, struct uplink_brokers *new)
{
	bool keep = false;
	size_t same;

	if (u->brokers != NULL) {
		same = find_broker(new->list, new->count, uplink_current(u)->settings->url);
		keep = same < new->count && u->link != NULL;
		if (keep)
			keep_link(u, &new->list[same]);
		else
			end_connection(u);
		u->current = same < new->count ? same : 0;
	}
	free_brokers(u->brokers, u->broker_count);
	u->brokers = new->list;
	u->broker_count = new->count;
	free(new);
	u->failed_in_row = 0;
	if (keep)
		apply_limits(u);
	else if (u->state != UPLINK_STOPPED)
		uplink_attempt(u);
}

int
uplink_set_brokers(
    struct uplink *u, const struct settings_broker *settings, size_t count, char **error)
{
	struct uplink_brokers *brokers = uplink_make_brokers(settings, count, error);

	if (brokers == NULL)
		return -1;
	uplink_use_brokers(u, brokers);
	return 0;
}

static struct uplink_subscription *
copy_topics(const struct uplink *u, const struct uplink_topic *topics, size_t count)
{
	struct uplink_subscription *subs = calloc(count, sizeof(subs[0]));

	for (size_t i = 0; subs != NULL && i < count; i++) {
		subs[i] = (struct uplink_subscription){
		    .required = topics[i].required, .no_local = topics[i].no_local};
		subs[i].topic = strdup(topics[i].topic);
		if (subs[i].topic == NULL) {
			free_subscriptions(subs, count);
			return NULL;
		}
		for (size_t k = 0; k < u->sub_count; k++)
			if (strcmp(u->subs[k].topic, topics[i].topic) == 0)
				subs[i].requested = u->subs[k].requested;
	}
	return subs;
}

static bool
has_topic(const struct uplink_subscription *subs, size_t count, const char *topic)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(subs[i].topic, topic) == 0)
			return true;
	return false;
}

int
uplink_set_topics(struct uplink *u, const struct uplink_topic *topics, size_t count)
{
	struct uplink_subscription *subs = copy_topics(u, topics, count);

	if (subs == NULL)
		return -1;
	for (size_t i = 0; i < u->sub_count && u->link != NULL; i++)
		if (u->subs[i].requested && !has_topic(subs, count, u->subs[i].topic))
			link_unsubscribe(u->link, u->subs[i].topic);
	free_subscriptions(u->subs, u->sub_count);
	u->subs = subs;
	u->sub_count = count;
	/* An answer that is still awaited was about the old list; it goes by unread. */
	u->batch_count = 0;
	/* New topics come before the proof; a probe that is under way is sent again after them. */
	if (u->state == UPLINK_PROBING)
		uplink_enter(u, UPLINK_SUBSCRIBING);
	if (u->state == UPLINK_UP || u->state == UPLINK_SUBSCRIBING)
		uplink_subscribe_next(u);
	return 0;
}

void
uplink_start(struct uplink *u)
{
	if (u->state == UPLINK_STOPPED)
		uplink_attempt(u);
}

void
uplink_stop(struct uplink *u)
{
	if (u->link != NULL)
		link_disconnect(u->link);
	uplink_abandon(u);
	uplink_enter(u, UPLINK_STOPPED);
}

bool
uplink_is_up(const struct uplink *u)
{
	return u->state == UPLINK_UP;
}

bool
uplink_blocked(const struct uplink *u)
{
	return u->link != NULL && (wheel_pending(&u->pace_timer) || link_blocked(u->link));
}

bool
uplink_can_answer(const struct uplink *u)
{
	uint64_t now_us = util_now_us();

	return u->link != NULL && link_waiting(u->link) <= ANSWERS_WAITING &&
	       pacer_due_us(&u->pacer, now_us) <= now_us + ANSWERS_OWED_US;
}

static size_t
max_message(const struct uplink *u)
{
	uint32_t most = uplink_current(u)->settings->max_message;

	return most != 0 ? most : SIZE_MAX;
}

int
uplink_publish(struct uplink *u, const char *topic, const void *payload, size_t len)
{
	if (u->link == NULL || u->state < UPLINK_PROBING) {
		errno = ENOTCONN;
		return -1;
	}
	if (len > max_message(u)) {
		errno = EMSGSIZE;
		return -1;
	}
	if (u->state == UPLINK_UP && !u->doubting)
		uplink_begin_doubt(u, DOUBT_AFTER_MS, DOUBT_ANSWER_MS);
	if (link_publish(u->link, topic, payload, len) == -1)
		return -1;
	pace(u, PUBLISH_OVERHEAD + strlen(topic) + len);
	return 0;
}

size_t
uplink_max_payload(const struct uplink *u, size_t topic_len)
{
	size_t most;

	if (u->link == NULL)
		return SIZE_MAX;
	most = link_max_payload(u->link, topic_len);
	return most < max_message(u) ? most : max_message(u);
}

bool
uplink_counts_messages(const struct uplink *u)
{
	return uplink_current(u)->settings->max_rate != 0;
}

void
uplink_network_changed(struct uplink *u)
{
	uint64_t now = util_now_ms(), at = u->attempt_ms + RETRY_SOONEST_MS;

	if (u->state == UPLINK_UP && !u->doubt_probed) {
		uplink_begin_doubt(u, 0, CHANGE_ANSWER_MS);
	} else if (u->state == UPLINK_WAITING && !u->punished) {
		backoff_reset(&u->backoff);
		if (at < now)
			at = now;
		if (at < u->retry_at_ms)
			uplink_retry_at(u, at);
	}
}
