/*
 * A connection's life: it is subscribed, in small batches as some brokers take only eight topics at
 * once; its delivery is proven; it is doubted when the broker falls silent; it ends.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "uplink.h"

#include <stdio.h>
#include <string.h>

#include "aead.h"
#include "log.h"
#include "stats.h"
#include "tls.h"
#include "uplink_internal.h"
#include "util.h"

/* One that ends before this was of little use; after some of them in a row, we wait longer. */
#define STABLE_MS 10000
#define STABLE_AFTER_TAKEOVER_MS 60000
/* If it was closed without a word: is our client id in use twice? */
#define SHORT_LIVES_SUSPICIOUS 3
/* So often without a word to CONNECT, and a broker is taken for another than it was. */
#define EARLY_ENDS_TELLING 3
/* Not one byte of what waits was taken for so long: the broker is not reading. */
#define STUCK_MS 30000
#define CERTIFICATE_WARN_DAYS 14
#define MAY_WE "does its ACL let us publish and subscribe to our own topic?"
/* A broker may answer a subscription before it follows it, in a cluster most of all: the first
 * probe is sent again after so long, and then after twice as long each time. */
#define PROBE_AGAIN_MS 250

static void
on_no_suback(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;

	link_abandon(u->link, LINK_SILENT, "the broker does not answer the subscription");
}

static void
send_probe(struct uplink *u)
{
	stats_count(u->p.stats, STAT_PROBES_SENT);
	u->cb.probe(u->cb.arg, u->token);
}

void
uplink_probe(struct uplink *u)
{
	if (u->state == UPLINK_UP && !link_blocked(u->link))
		send_probe(u);
}

static void arm_probe(struct uplink *u, uint64_t now_ms);

static void
on_no_probe(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;

	if (now_ms < u->probe_until_ms) {
		u->probe_again_ms *= 2;
		arm_probe(u, now_ms);
		send_probe(u);
		return;
	}
	stats_count(u->p.stats, STAT_PROBES_LOST);
	link_abandon(u->link, LINK_BROKEN,
	    "the broker accepts the subscription but delivers nothing: " MAY_WE);
}

static void
arm_probe(struct uplink *u, uint64_t now_ms)
{
	uint64_t at_ms = now_ms + u->probe_again_ms;

	wheel_set(u->p.wheel, &u->timer, at_ms < u->probe_until_ms ? at_ms : u->probe_until_ms,
	    on_no_probe, u);
}

static void
start_probing(struct uplink *u)
{
	uint64_t now_ms = util_now_ms();

	uplink_enter(u, UPLINK_PROBING);
	u->probe_until_ms = now_ms + uplink_current(u)->settings->timeout_s * 1000u;
	u->probe_again_ms = PROBE_AGAIN_MS;
	arm_probe(u, now_ms);
	send_probe(u);
}

/* The next topics to ask for in one SUBSCRIBE, all with the same option. */
static size_t
next_batch(struct uplink *u, const char **topics, bool *no_local)
{
	size_t n = 0;

	for (size_t i = 0; i < u->sub_count && n < UPLINK_SUBSCRIBE_BATCH; i++) {
		struct uplink_subscription *s = &u->subs[i];

		if (s->requested || (n > 0 && s->no_local != *no_local))
			continue;
		*no_local = s->no_local;
		s->requested = true;
		u->batch[n] = i;
		topics[n++] = s->topic;
	}
	u->batch_count = n;
	return n;
}

void
uplink_subscribe_next(struct uplink *u)
{
	const char *topics[UPLINK_SUBSCRIBE_BATCH];
	bool no_local = false;
	size_t n = next_batch(u, topics, &no_local);

	if (n > 0) {
		wheel_set(u->p.wheel, &u->timer,
		    util_now_ms() + uplink_current(u)->settings->timeout_s * 1000u, on_no_suback,
		    u);
		link_subscribe(u->link, topics, n, no_local, &u->batch_mid);
		return;
	}
	wheel_cancel(u->p.wheel, &u->timer);
	if (u->state == UPLINK_SUBSCRIBING)
		start_probing(u);
}

static void
on_link_connected(void *arg)
{
	struct uplink *u = arg;

	for (size_t i = 0; i < u->sub_count; i++)
		u->subs[i].requested = false;
	/* One for the whole connection: however often it is sent, it is known when it returns. */
	memcpy(u->old_token, u->token, sizeof(u->token));
	aead_random(u->token, sizeof(u->token));
	uplink_enter(u, UPLINK_SUBSCRIBING);
	uplink_subscribe_next(u);
}

static void
on_link_subscribed(void *arg, int mid, const int *codes, size_t count)
{
	struct uplink *u = arg;
	char text[512];

	/* Not what was asked last: it must not stop the timer that runs now. */
	if (u->batch_count == 0 || mid != u->batch_mid)
		return;
	for (size_t i = 0; i < count && i < u->batch_count; i++) {
		const struct uplink_subscription *s = &u->subs[u->batch[i]];

		if (codes[i] < 0x80)
			continue;
		snprintf(text, sizeof(text),
		    "the broker does not allow the subscription to %s (code 0x%02x): check its "
		    "ACL%s",
		    s->topic, (unsigned int)codes[i],
		    strchr(s->topic, '.') != NULL
			? " (NATS takes no topic with a dot, as the mqtt_vpn wire has)"
			: "");
		if (s->required) {
			link_abandon(u->link, LINK_FAILED_REFUSED, text);
			return;
		}
		log_warning("broker %s: %s", uplink_current(u)->settings->url, text);
	}
	uplink_subscribe_next(u);
}

static void
on_link_message(void *arg, const struct link_message *m)
{
	struct uplink *u = arg;

	u->cb.message(u->cb.arg, m);
}

static void
on_link_writable(void *arg)
{
	struct uplink *u = arg;

	if (u->state == UPLINK_UP && !wheel_pending(&u->pace_timer))
		u->cb.writable(u->cb.arg);
}

/* Up, and what there is to know about it. */

static void
warn_of_expiry(const struct uplink *u, const struct tls_facts *facts)
{
	int64_t own =
	    uplink_current(u)->tls != NULL ? tls_own_days_left(uplink_current(u)->tls) : INT64_MAX;

	if (facts != NULL && facts->peer_name[0] != '\0' &&
	    facts->days_left < CERTIFICATE_WARN_DAYS)
		log_warning(
		    "the broker's certificate expires in %lld days", (long long)facts->days_left);
	if (own < CERTIFICATE_WARN_DAYS)
		log_warning("our own certificate expires in %lld days", (long long)own);
}

static void
come_up(struct uplink *u)
{
	const struct tls_facts *facts = link_tls_facts(u->link);
	struct uplink_broker *b = uplink_current(u);

	wheel_cancel(u->p.wheel, &u->timer);
	uplink_enter(u, UPLINK_UP);
	b->has_spoken_5 |= link_protocol(u->link) == LINK_MQTT_5;
	b->early_ends = 0;
	u->failed_in_row = 0;
	u->attempts = 0;
	backoff_reset(&u->backoff);
	u->last_error[0] = '\0';
	for (size_t i = 0; i < u->broker_count; i++)
		u->brokers[i].told_error[0] = '\0';
	stats_count(u->p.stats, STAT_CONNECTS);
	log_notice("up: broker %s at %s, MQTT %s, %s%s%s", b->settings->url, u->address_text,
	    link_protocol(u->link) == LINK_MQTT_5 ? "5" : "3.1.1",
	    facts != NULL ? facts->version : "no TLS", facts != NULL ? " " : "",
	    facts != NULL ? facts->cipher : "");
	warn_of_expiry(u, facts);
	u->cb.up(u->cb.arg);
}

void
uplink_end_doubt(struct uplink *u)
{
	wheel_cancel(u->p.wheel, &u->doubt_timer);
	u->doubting = u->doubt_probed = false;
}

bool
uplink_probe_returned(struct uplink *u, const uint8_t token[UPLINK_TOKEN_LEN])
{
	if (memcmp(token, u->token, UPLINK_TOKEN_LEN) != 0)
		return memcmp(token, u->old_token, UPLINK_TOKEN_LEN) == 0;
	if (u->state == UPLINK_PROBING)
		come_up(u);
	else
		uplink_end_doubt(u);
	return true;
}

/*
 * QoS 0 has no acknowledgement, so a broker that is frozen or cut off shows only by its silence.
 * When data was sent and nothing at all comes back for a while, a probe asks; without its answer
 * the connection is replaced. This costs an idle connection nothing.
 */
static void
on_doubt(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;
	bool blocked = link_blocked(u->link);
	uint64_t wrote_ms = link_wrote_ms(u->link);

	if (blocked && now_ms >= wrote_ms + STUCK_MS) {
		link_abandon(u->link, LINK_SILENT, "the broker takes no more data");
		return;
	}
	/* On a slow path an answer waits behind the data; that they are taken must do. */
	if (link_heard(u->link) != u->doubt_heard || (blocked && wrote_ms != u->doubt_wrote_ms)) {
		uplink_end_doubt(u);
		if (blocked)
			uplink_begin_doubt(u, u->doubt_answer_ms, u->doubt_answer_ms);
		return;
	}
	if (u->doubt_probed) {
		stats_count(u->p.stats, STAT_PROBES_LOST);
		link_abandon(
		    u->link, LINK_SILENT, "the broker takes data but nothing comes back from it");
		return;
	}
	u->doubt_probed = true;
	if (!blocked)
		send_probe(u);
	wheel_set(u->p.wheel, &u->doubt_timer, now_ms + u->doubt_answer_ms, on_doubt, u);
}

void
uplink_begin_doubt(struct uplink *u, uint32_t patience_ms, uint32_t answer_ms)
{
	uint64_t now = util_now_ms();

	u->doubting = true;
	u->doubt_heard = link_heard(u->link);
	u->doubt_wrote_ms = link_wrote_ms(u->link);
	u->doubt_probed = false;
	u->doubt_answer_ms = answer_ms;
	wheel_set(u->p.wheel, &u->doubt_timer, now + patience_ms, on_doubt, u);
}

/* The end of a connection. */

static void
punish(struct uplink *u)
{
	stats_count(u->p.stats, STAT_TAKEOVERS);
	uplink_abandon(u);
	uplink_wait(u, backoff_next(&u->takeover_backoff, aead_random_u32()));
	u->punished = true;
}

/* Which version the next connection speaks, where that is left to us. */
static void
choose_protocol(struct uplink_broker *b, enum link_cause cause, uint64_t lived_ms)
{
	if (b->settings->protocol != PROTOCOL_ANY)
		return;
	if (cause == LINK_FAILED_VERSION) {
		b->protocol = LINK_MQTT_311;
		b->refused_5 = true;
	}
	/* It was closed without a word when we spoke 5, but perhaps not for that. */
	if (lived_ms >= STABLE_MS && !b->refused_5)
		b->protocol = LINK_MQTT_5;
}

static void
lost_when_up(struct uplink *u, enum link_cause cause, uint64_t lived_ms)
{
	bool suspicious;

	choose_protocol(uplink_current(u), cause, lived_ms);
	u->short_lives = lived_ms < STABLE_MS ? u->short_lives + 1 : 0;
	suspicious = u->short_lives >= SHORT_LIVES_SUSPICIOUS;
	if (suspicious && cause == LINK_CLOSED_BY_BROKER) {
		snprintf(u->last_error, sizeof(u->last_error),
		    "the broker has closed the connection right after it came up, %u times in a "
		    "row: "
		    "is the client id '%s' in use by another node, or does the broker take only "
		    "shorter messages (max-message)?",
		    u->short_lives, u->p.client_id);
		punish(u);
		return;
	}
	uplink_abandon(u);
	uplink_wait(
	    u, backoff_next(suspicious ? &u->takeover_backoff : &u->backoff, aead_random_u32()));
}

/* MQTT 5 first; an older broker refuses it, or closes the connection. One that has spoken it closes
 * the connection for other reasons, as when it ends. Returns true if 3.1.1 is tried now. */
static bool
fall_back_to_311(struct uplink *u, enum link_cause cause)
{
	struct uplink_broker *b = uplink_current(u);

	if (cause != LINK_FAILED_VERSION && cause != LINK_CLOSED_EARLY)
		return false;
	if (b->settings->protocol != PROTOCOL_ANY)
		return false;
	if (b->protocol == LINK_MQTT_311) {
		if (!b->refused_5)
			b->protocol = LINK_MQTT_5;
		return false;
	}
	if (cause == LINK_CLOSED_EARLY && b->has_spoken_5 && ++b->early_ends < EARLY_ENDS_TELLING)
		return false;
	b->protocol = LINK_MQTT_311;
	b->refused_5 = cause == LINK_FAILED_VERSION;
	log_debug("broker %s: %s; trying MQTT 3.1.1", b->settings->url, u->last_error);
	uplink_drop_link(u);
	u->addr_next -= u->addr_next > 0 ? 1 : 0;
	uplink_try_next_address(u);
	return true;
}

/* Some brokers say no by closing the connection. */
static const char *
suspicion(const struct uplink *u, enum link_cause cause)
{
	if (cause != LINK_CLOSED_BY_BROKER)
		return "";
	if (u->state == UPLINK_SUBSCRIBING)
		return " when we subscribed: " MAY_WE;
	return u->state == UPLINK_PROBING ? " when we published to ourselves: " MAY_WE : "";
}

static void
on_link_closed(void *arg, enum link_cause cause, const char *reason)
{
	struct uplink *u = arg;
	uint64_t lived_ms = util_now_ms() - u->state_since_ms;
	bool was_up = u->state == UPLINK_UP;

	wheel_cancel(u->p.wheel, &u->timer);
	uplink_end_doubt(u);
	snprintf(u->last_error, sizeof(u->last_error), "%s: %s%s", u->address_text, reason,
	    suspicion(u, cause));
	if (was_up)
		stats_count(u->p.stats, STAT_DISCONNECTS);
	if (was_up && lived_ms >= STABLE_AFTER_TAKEOVER_MS)
		backoff_reset(&u->takeover_backoff);
	if (cause == LINK_TAKEN_OVER) {
		snprintf(u->last_error, sizeof(u->last_error),
		    "another client connected with our client id '%s': each node needs its own "
		    "(client-id)",
		    u->p.client_id);
		punish(u);
	} else if (was_up) {
		lost_when_up(u, cause, lived_ms);
	} else if (!fall_back_to_311(u, cause)) {
		bool only_this_address = cause == LINK_FAILED_TCP || cause == LINK_FAILED_TLS;

		uplink_drop_link(u);
		if (only_this_address && u->addr_next < u->addr_count)
			uplink_try_next_address(u);
		else
			uplink_broker_failed(u);
	}
	if (was_up)
		u->cb.down(u->cb.arg);
}

struct link_callbacks
uplink_link_callbacks(struct uplink *u)
{
	return (struct link_callbacks){
	    .connected = on_link_connected,
	    .subscribed = on_link_subscribed,
	    .message = on_link_message,
	    .writable = on_link_writable,
	    .closed = on_link_closed,
	    .arg = u,
	};
}
