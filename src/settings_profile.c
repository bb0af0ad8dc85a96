/*
 * What is known of brokers that others run: the limits that they publish, and the settings that
 * keep to them. Where they write KB or MB it is taken as 1000 or 1000000 bytes, so that it holds
 * however they meant it. Of what they allow in a second, a tenth may be used at once, and one
 * message may be on credit (pacer.h); with the messages that never wait, all of that fits into any
 * second.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <string.h>

#define PORT_HTTPS 443
#define NATIVE_SLASHES 3 /* <prefix>/<network>/<to>/<from> */
#define HASHED_PART 11	 /* characters of a level, see network.c */
#define PLAIN_PART 32	 /* an IPv6 address, or a key's, in hexadecimal */

struct profile {
	/* Of the keys of the same names; 0 or NULL: as without a profile. */
	uint32_t keepalive_s, max_message, max_rate, max_bandwidth;
	enum settings_protocol protocol;
	const char *https_alpn; /* on port 443 only */
	/* What no key is there for; 0: no limit that we could reach. */
	unsigned int client_id, topic, slashes; /* characters, characters, in a topic */
	unsigned int subscriptions;		/* of a connection */
};

/* The names stand in settings_profiles, in settings_value.c. */
static const struct profile profiles[] = {
    [PROFILE_NONE] = {0},
    [PROFILE_AWS_IOT] = {.keepalive_s = 60,
	.max_message = 128000,
	.max_rate = 80,
	.max_bandwidth = 380000,
	.https_alpn = "x-amzn-mqtt-ca",
	.client_id = 128,
	.topic = 256,
	.slashes = 7,
	.subscriptions = 50},
    [PROFILE_EMQX_SERVERLESS] = {.keepalive_s = 60,
	.max_message = 1000000,
	.max_rate = 8,
	.slashes = 9,
	.subscriptions = 10},
    [PROFILE_AZURE_EVENT_GRID] = {.keepalive_s = 60,
	.max_message = 512000,
	.max_rate = 800,
	.max_bandwidth = 800000,
	.client_id = 128,
	.topic = 256,
	.slashes = 7,
	.subscriptions = 50},
    /* It counts each begun 5 KB of a message: a few large ones cost less than many small ones. */
    [PROFILE_HIVEMQ] = {.keepalive_s = 60, .max_message = 60000, .max_rate = 100},
    [PROFILE_SHIFTR] = {.keepalive_s = 60,
	.max_message = 64000,
	.max_rate = 20,
	.protocol = PROTOCOL_311,
	.client_id = 64,
	.topic = 128,
	.subscriptions = 100},
};

static const char *
profile_name(const struct settings_broker *b)
{
	return settings_profiles.words[b->profile];
}

static bool
is_given(const struct settings_draft *d, size_t number, const char *key)
{
	const struct settings_key *k = settings_key_find(SETTINGS_BROKER, key);

	return settings_place_find(d, k, number, 0) != NULL;
}

static void
apply_number(
    const struct settings_draft *d, size_t number, const char *key, uint32_t *field, uint32_t value)
{
	if (value != 0 && !is_given(d, number, key))
		*field = value;
}

/* What the file says itself stays. */
static int
apply_profile(struct settings_draft *d, size_t number)
{
	struct settings_broker *b = &d->s->brokers[number];
	const struct profile *p = &profiles[b->profile];

	apply_number(d, number, "keepalive", &b->keepalive_s, p->keepalive_s);
	apply_number(d, number, "max-message", &b->max_message, p->max_message);
	apply_number(d, number, "max-rate", &b->max_rate, p->max_rate);
	apply_number(d, number, "max-bandwidth", &b->max_bandwidth, p->max_bandwidth);
	if (p->protocol != PROTOCOL_ANY && !is_given(d, number, "protocol"))
		b->protocol = p->protocol;
	if (p->https_alpn == NULL || b->transport != TRANSPORT_TLS || b->port != PORT_HTTPS ||
	    is_given(d, number, "alpn"))
		return 0;
	return settings_replace_text(d, &b->alpn, p->https_alpn);
}

static unsigned int
count_slashes(const char *text)
{
	unsigned int n = 0;

	while ((text = strchr(text, '/')) != NULL) {
		text++;
		n++;
	}
	return n;
}

/* Of the longest topic; levels that are group names count as the network's. */
static size_t
topic_length(const struct settings *s)
{
	size_t prefix = strlen(s->topic_prefix);

	if (s->wire == WIRE_MQTT_VPN)
		return prefix + 1 + ADDR_TEXT_MAX - 1;
	if (s->topics == TOPICS_HASHED)
		return prefix + NATIVE_SLASHES * (1 + HASHED_PART);
	return prefix + 1 + strlen(s->network) + 2 * (1 + PLAIN_PART);
}

/* As node_apply_topics() and keydaemon_apply_topics() will ask for. */
static size_t
count_subscriptions(const struct settings_draft *d)
{
	const struct settings *s = d->s;
	size_t each = s->addr_count + s->forward_count + 1, count = 0;
	bool old_wire = s->wire == WIRE_MQTT_VPN;

	if (d->program == SETTINGS_KEYD)
		return 1;
	for (size_t i = 0; i < s->peer_count; i++)
		old_wire = old_wire || s->peers[i].wire == WIRE_MQTT_VPN;
	if (s->wire == WIRE_NATIVE)
		count += s->mode == MODE_GROUP ? each + 2 : each;
	return old_wire ? count + each : count;
}

static int
check_topics(struct settings_draft *d, size_t number)
{
	const struct settings *s = d->s;
	const struct profile *p = &profiles[s->brokers[number].profile];
	const char *name = profile_name(&s->brokers[number]);
	unsigned int own = s->wire == WIRE_NATIVE ? NATIVE_SLASHES : 1;

	settings_look_at(d, SETTINGS_ROOT, "topic-prefix", 0, 0);
	if (p->slashes != 0 && count_slashes(s->topic_prefix) + own > p->slashes)
		return settings_fail(d, "%s takes %u '/' in a topic: expected at most %u in '%s'",
		    name, p->slashes, p->slashes - own, s->topic_prefix);
	if (p->topic != 0 && topic_length(s) > p->topic)
		return settings_fail(d,
		    "topics would have up to %zu characters, and %s takes %u: expected a shorter "
		    "one, a shorter name of the network, or topics = hashed",
		    topic_length(s), name, p->topic);
	return 0;
}

static int
check_profile(struct settings_draft *d, size_t number)
{
	const struct settings *s = d->s;
	const struct profile *p = &profiles[s->brokers[number].profile];
	const char *name = profile_name(&s->brokers[number]);
	size_t subscriptions = count_subscriptions(d);

	if (p->client_id != 0 && s->client_id != NULL && strlen(s->client_id) > p->client_id) {
		settings_look_at(d, SETTINGS_ROOT, "client-id", 0, 0);
		return settings_fail(d, "it has %zu characters: %s takes at most %u",
		    strlen(s->client_id), name, p->client_id);
	}
	if (p->subscriptions != 0 && subscriptions > p->subscriptions) {
		settings_look_at(d, SETTINGS_BROKER, "profile", number, 0);
		return settings_fail(d,
		    "%s allows a connection %u subscriptions, and this node needs %zu: expected "
		    "fewer addresses in forward, or another broker",
		    name, p->subscriptions, subscriptions);
	}
	return check_topics(d, number);
}

int
settings_apply_profiles(struct settings_draft *d)
{
	for (size_t i = 0; i < d->s->broker_count; i++) {
		if (apply_profile(d, i) == -1 || check_profile(d, i) == -1)
			return -1;
	}
	return 0;
}
