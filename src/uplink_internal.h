/*
 * What the files of the uplink share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef UPLINK_INTERNAL_H
#define UPLINK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backoff.h"
#include "link.h"
#include "pacer.h"
#include "resolve.h"
#include "uplink.h"
#include "wheel.h"

#define UPLINK_SUBSCRIBE_BATCH 8

enum uplink_state {
	UPLINK_STOPPED,
	UPLINK_WAITING,
	UPLINK_RESOLVING,
	UPLINK_CONNECTING,
	UPLINK_SUBSCRIBING,
	UPLINK_PROBING,
	UPLINK_UP,
};

struct uplink_broker {
	const struct settings_broker *settings; /* borrowed */
	struct tls *tls;
	enum link_protocol protocol; /* MQTT 5 until it was refused */
	bool refused_5;		     /* in so many words; otherwise it is a guess */
	bool has_spoken_5;
	unsigned int early_ends; /* without a word, in a row */
	char told_error[768];	 /* the last that was logged, and when */
	uint64_t told_ms;
};

struct uplink_brokers {
	struct uplink_broker *list;
	size_t count;
};

struct uplink_subscription {
	char *topic;
	bool required, no_local;
	bool requested; /* over the present connection */
};

struct uplink {
	struct uplink_params p;
	struct uplink_callbacks cb;
	struct uplink_broker *brokers;
	size_t broker_count, current;
	size_t failed_in_row; /* brokers tried without success since the last wait */
	struct uplink_subscription *subs;
	size_t sub_count;

	enum uplink_state state;
	uint64_t state_since_ms, retry_at_ms;
	unsigned int attempts;
	struct wheel_timer timer;	/* what the state waits for */
	struct wheel_timer doubt_timer; /* is the connection still alive? */
	bool doubting;
	uint64_t doubt_heard, doubt_wrote_ms; /* link_heard(), link_wrote_ms() when it began */
	bool doubt_probed;
	uint32_t doubt_answer_ms;
	uint64_t attempt_ms;
	bool punished; /* waiting because of a client id in use twice: not to be cut short */
	struct backoff backoff, takeover_backoff;
	unsigned int short_lives;

	char *password; /* of the broker, for this attempt; wiped */
	struct child *password_child;
	struct resolve_query *query;
	struct addr addrs[RESOLVE_MAX];
	size_t addr_count, addr_next;
	char address_text[ADDR_TEXT_MAX + 16]; /* "192.0.2.1:8883" */

	struct link *link;
	struct tls *retired_tls;       /* what link uses, when it outlived its broker's settings */
	struct pacer pacer;	       /* of link */
	struct wheel_timer pace_timer; /* pending while no message is due */
	size_t batch[UPLINK_SUBSCRIBE_BATCH], batch_count; /* what the awaited SUBACK is about */
	int batch_mid;
	uint64_t probe_until_ms, probe_again_ms; /* while probing: the end, and the next wait */
	uint8_t token[UPLINK_TOKEN_LEN], old_token[UPLINK_TOKEN_LEN];
	char last_error[768];
};

/* uplink.c */
struct uplink_broker *uplink_current(const struct uplink *u);
void uplink_enter(struct uplink *u, enum uplink_state state);
/* Frees the link and what only it used. */
void uplink_drop_link(struct uplink *u);
/* Ends whatever is under way; nothing of it calls back any more. */
void uplink_abandon(struct uplink *u);

/* uplink_attempt.c: from "connect" to an open link. */
void uplink_attempt(struct uplink *u);
void uplink_try_next_address(struct uplink *u);
/* No connection to the current broker: the next one gets its turn, at once or after a wait. */
void uplink_broker_failed(struct uplink *u);
/* The next attempt comes at at_ms; or after delay_ms, with a word about why. */
void uplink_retry_at(struct uplink *u, uint64_t at_ms);
void uplink_wait(struct uplink *u, uint32_t delay_ms);

/* uplink_session.c: from an open link to "up", and to its end. */
struct link_callbacks uplink_link_callbacks(struct uplink *u);
void uplink_subscribe_next(struct uplink *u);
/* See whether the broker still answers: ask it after patience_ms without a word from it, and give
 * it answer_ms. */
void uplink_begin_doubt(struct uplink *u, uint32_t patience_ms, uint32_t answer_ms);
void uplink_end_doubt(struct uplink *u);

#endif
