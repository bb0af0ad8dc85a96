/*
 * One connection to one broker at a numeric address, made with libmosquitto and driven by libevent.
 * It is made, used and thrown away; the next try is a new one. The only place that includes
 * <mosquitto.h>.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls.h"

struct event_base;
struct link;
struct stats;
struct wheel;

enum link_protocol { LINK_MQTT_311 = 4, LINK_MQTT_5 = 5 };

enum link_cause {
	LINK_FAILED_TCP,     /* no connection: refused, unreachable, timed out */
	LINK_FAILED_TLS,     /* the handshake, or no answer to CONNECT */
	LINK_FAILED_VERSION, /* the broker does not speak this version of MQTT */
	LINK_FAILED_REFUSED, /* CONNACK with another reason: credentials, client id, ... */
	LINK_CLOSED_EARLY,   /* closed after CONNECT without a word */
	LINK_TAKEN_OVER,     /* another client connected with our client id */
	LINK_CLOSED_BY_BROKER,
	LINK_SILENT, /* no answer to a keepalive or to a publish */
	LINK_BROKEN, /* the broker broke the protocol, or a local error */
};

struct link_params {
	const char *address; /* numeric, or the path of a unix socket with port 0 */
	uint16_t port;
	const char *client_id;
	const char *username; /* NULL for none */
	const char *password; /* NULL for none */
	enum link_protocol protocol;
	struct tls *tls; /* borrowed while the link lives; NULL for none */
	uint32_t keepalive_s;
	const char *congestion_control; /* TCP's; NULL for the kernel's choice */
	uint32_t tcp_timeout_ms;	/* for the TCP connection */
	uint32_t timeout_ms;		/* for each later stage: TLS handshake, CONNACK */
	uint32_t max_packet; /* largest MQTT packet that we take; told to an MQTT 5 broker */
	struct stats *stats; /* borrowed while the link lives: keepalives are counted */
};

struct link_message {
	const char *topic;
	const uint8_t *payload;
	size_t len;
	int qos;
	bool retain;
};

/* All are called from the loop, with nothing of the library on the stack except for message. */
struct link_callbacks {
	/* CONNACK accepted. */
	void (*connected)(void *arg);
	/* Answer to link_subscribe(mid): a code for each topic, 0x80 and above for refused. */
	void (*subscribed)(void *arg, int mid, const int *codes, size_t count);
	/* The link must not be freed in here. */
	void (*message)(void *arg, const struct link_message *m);
	/* It was blocked and takes messages again. */
	void (*writable)(void *arg);
	/* The end; reason is for people. Called once, the link may (and should) be freed in here.
	 */
	void (*closed)(void *arg, enum link_cause cause, const char *reason);
	void *arg;
};

/*
 * Starts a connection. params is borrowed for the call, base, wheel and callbacks while the link
 * lives. A failure later comes through closed(). Returns NULL with a new string in *error.
 */
struct link *link_new(struct event_base *base, struct wheel *wheel,
    const struct link_params *params, const struct link_callbacks *callbacks, char **error);
/* Cuts the connection without a word, and without closed(). Accepts NULL. */
void link_free(struct link *l);
/* Says goodbye (DISCONNECT) as far as the socket takes it at once; then free it. */
void link_disconnect(struct link *l);

/* Ends it for a reason that the owner found; closed() follows. */
void link_abandon(struct link *l, enum link_cause cause, const char *reason);

/* Sends one SUBSCRIBE for up to 8 topics. no_local and no retained ones where MQTT 5 offers it.
 * Returns 0, or -1: it will be closed. */
int
link_subscribe(struct link *l, const char *const *topics, size_t count, bool no_local, int *mid);
int link_unsubscribe(struct link *l, const char *topic);

/*
 * Publishes at QoS 0. Returns 0, or -1 with errno: EMSGSIZE if the broker takes no message of that
 * size, ENOTCONN. After each, link_blocked() tells whether enough is under way: then publish
 * nothing more until writable(), but for what must not wait.
 */
int link_publish(struct link *l, const char *topic, const void *payload, size_t len);
/* The largest payload that the broker takes for a topic of this length; SIZE_MAX if it named no
 * limit. Final once connected. */
size_t link_max_payload(const struct link *l, size_t topic_len);
/* Some of it still waits here, or the kernel holds more than the path to the broker needs. */
bool link_blocked(const struct link *l);
/* Bytes that were published while it was blocked, since it last was not. */
size_t link_waiting(const struct link *l);

/* Facts, for people. tls_facts are NULL without TLS or before the handshake. */
enum link_protocol link_protocol(const struct link *l);
const struct tls_facts *link_tls_facts(const struct link *l);
/* What the kernel knows of the path to the broker; it is all 0 where that is a unix socket. */
struct link_path_facts {
	uint32_t rtt_us, min_rtt_us;
	uint64_t delivery_rate; /* bytes a second: what the path has been seen to carry */
	uint64_t held;		/* bytes not sent yet, or sent and not acknowledged */
};
void link_path_facts(const struct link *l, struct link_path_facts *facts);
/* When data last moved on, from us to the kernel or from there to the broker, util_now_ms(); and
 * how often something has come. */
uint64_t link_wrote_ms(const struct link *l);
uint64_t link_heard(const struct link *l);

int link_library_init(void);
void link_library_cleanup(void);

#endif
