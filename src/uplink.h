/*
 * The way to the broker: which one of the list, when, with which credentials; it proves that a
 * connection delivers, and replaces one that does not. Up to the owner it is either up or not.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef UPLINK_H
#define UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "settings.h"

#define UPLINK_TOKEN_LEN 16

struct cJSON;
struct child_pool;
struct event_base;
struct link_message;
struct resolver;
struct stats;
struct uplink;
struct uplink_brokers;
struct wheel;

struct uplink_topic {
	const char *topic;
	bool required; /* without it the connection is of no use */
	bool no_local; /* our own messages to it should not come back */
};

struct uplink_callbacks {
	/* A connection to this address is about to be tried; NULL for a unix socket. */
	void (*connecting)(void *arg, const struct addr *broker);
	void (*message)(void *arg, const struct link_message *m);
	/* Publish a probe with this token to ourselves, by uplink_publish(). Returns 0 or -1. */
	int (*probe)(void *arg, const uint8_t token[UPLINK_TOKEN_LEN]);
	/* Delivery is proven; and: it is over. */
	void (*up)(void *arg);
	void (*down)(void *arg);
	/* After uplink_blocked(): it takes messages again. */
	void (*writable)(void *arg);
	void *arg;
};

struct uplink_params {
	struct event_base *base;
	struct wheel *wheel;
	struct resolver *resolver;
	struct child_pool *children;
	struct stats *stats;
	const char *client_id;
	uint32_t max_packet; /* largest MQTT packet that is of use */
};

/* What params points to is borrowed while the uplink lives. Returns NULL when memory is short. */
struct uplink *
uplink_new(const struct uplink_params *params, const struct uplink_callbacks *callbacks);
/* Accepts NULL. Does not say goodbye: uplink_stop() does. */
void uplink_free(struct uplink *u);

/*
 * The brokers to use, borrowed until the next call or uplink_free(). A connection to one that is
 * still in the list goes on, whatever else has changed. Returns 0, or -1 with a new string in
 * *error if a TLS context cannot be made; nothing has changed then.
 */
int uplink_set_brokers(
    struct uplink *u, const struct settings_broker *brokers, size_t count, char **error);
/* The same in two steps, of which only the first can fail: brokers that can be used, freed by one
 * of the other two. */
struct uplink_brokers *
uplink_make_brokers(const struct settings_broker *brokers, size_t count, char **error);
void uplink_use_brokers(struct uplink *u, struct uplink_brokers *brokers);
/* Accepts NULL. */
void uplink_free_brokers(struct uplink_brokers *brokers);
/* The topics to subscribe to; copied. Subscribes to new ones and unsubscribes from those gone.
 * Returns 0, or -1 with ENOMEM. */
int uplink_set_topics(struct uplink *u, const struct uplink_topic *topics, size_t count);

void uplink_start(struct uplink *u);
/* Says goodbye to the broker; down() is not called. */
void uplink_stop(struct uplink *u);

bool uplink_is_up(const struct uplink *u);
/* Publish nothing more until writable(): the connection is full, or the broker's max-rate or
 * max-bandwidth used up. What must not wait may be published in any case. */
bool uplink_blocked(const struct uplink *u);
/* Whether an answer may be published that whoever asked would ask for again: no more than 256 KiB
 * wait for the connection, and no more than a tenth of a second of the broker's limits is owed. */
bool uplink_can_answer(const struct uplink *u);
/* Returns 0, or -1 with errno: ENOTCONN, EMSGSIZE. */
int uplink_publish(struct uplink *u, const char *topic, const void *payload, size_t len);
/* The largest payload that the broker takes for a topic of this length, by its own word or by
 * max-message; SIZE_MAX if neither names a limit, and where there is no connection. */
size_t uplink_max_payload(const struct uplink *u, size_t topic_len);
/* Whether it is the broker's max-rate that matters. */
bool uplink_counts_messages(const struct uplink *u);

/* Sends the present probe once more, if there is a connection. */
void uplink_probe(struct uplink *u);
/* A probe has come back. Returns false if the token is not ours: someone else uses our address. */
bool uplink_probe_returned(struct uplink *u, const uint8_t token[UPLINK_TOKEN_LEN]);
/* The machine's network changed for the better: try now, or see whether the connection still works.
 */
void uplink_network_changed(struct uplink *u);

/* URL of the broker in use or tried next. Borrowed; valid until uplink_set_brokers(). */
const char *uplink_broker_url(const struct uplink *u);
/* Adds the members of mqtt-vpnctl's "link" to object. */
void uplink_report(const struct uplink *u, struct cJSON *object);
/* One line for people: "up, mqtts://..." or "not connected: why". buf is returned. */
const char *uplink_summary(const struct uplink *u, char *buf, size_t size);

#endif
