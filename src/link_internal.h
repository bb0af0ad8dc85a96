/*
 * What the files of the link share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef LINK_INTERNAL_H
#define LINK_INTERNAL_H

#include <event2/event.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "link.h"
#include "wheel.h"

#define LINK_SUBSCRIBE_MAX 8
/* What the kernel may hold of data that it has not sent, on a fast path. */
#define LINK_NOTSENT_MAX (32 * 1024)

enum link_stage { STAGE_TCP, STAGE_TLS, STAGE_CONNACK, STAGE_OPEN };

struct link {
	struct event_base *base;
	struct wheel *wheel;
	struct mosquitto *mosq;
	struct tls *tls;
	struct link_callbacks cb;
	struct event *readable, *writable, *closing, *acknowledge;
	evutil_socket_t fd;
	bool is_unix;

	enum link_stage stage;
	enum link_protocol protocol;
	bool dead;
	bool blocked;	/* until the socket takes more */
	size_t waiting; /* bytes published since then */
	bool full;	/* until the kernel holds less: path_timer will tell */
	bool unsent;	/* the kernel holds notsent_max or more that it has not sent */
	uint64_t notsent_max;
	uint64_t followed_ms; /* when notsent_max was found */
	uint64_t heard;	      /* times that something came */
	uint64_t wrote_ms;    /* when the socket, or the broker from it, last took something */
	unsigned int unacked; /* messages that want an answer, since it blocks */
	bool stalled;	      /* it was blocked, and writable() has not told of the end yet */
	enum link_cause cause;
	char reason[768];

	/* notes of the library's callbacks, for deliver() */
	bool connack, suback;
	int connack_code;
	int suback_mid, suback_codes[LINK_SUBSCRIBE_MAX];
	size_t suback_count;
	int disconnect_code;
	char tls_error[256];
	bool ping_noted;

	struct wheel_timer timer; /* the stage's time limit; once open, the keepalive */
	uint32_t tcp_timeout_ms, timeout_ms;
	uint64_t keepalive_ms;
	uint64_t said_ms, heard_ms, ping_ms;
	bool awaiting_pong;
	struct stats *stats;
	struct tls_facts facts;
	uint32_t max_packet;	      /* largest that the broker takes; 0: it named none */
	struct link_aliases *aliases; /* NULL where the broker offers none */
	unsigned int reads_left;      /* of TLS, in this turn of the loop */
	size_t unchecked;	      /* bytes published since link_path_check() */
	uint64_t held;		      /* by the kernel, at the last look */
	struct wheel_timer path_timer;
	char congestion_control[16]; /* as tcp(7) has it; "": the kernel's choice, and ours */
	bool left_bbr;		     /* or found that there is no need to */
};

/* link_failure.c. The one way a connection ends by itself; the first cause is the one that counts.
 */
void link_fail(struct link *l, enum link_cause cause, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* From what a call into the library returned and the errno that it left. */
void link_fail_library(struct link *l, int rc, int error);
void link_fail_tls(struct link *l);
/* Why the handshake failed, or NULL. Borrowed. */
const char *link_tls_reason(const struct link *l);
/* An MQTT 5 broker said goodbye with a reason. */
void link_fail_disconnected(struct link *l);

/* link_drive.c. After each call into the library: is it still connected, and what does it wait for?
 */
void link_settle(struct link *l);
void link_forget_events(struct link *l);
void link_on_acknowledge(evutil_socket_t fd, short what, void *arg);
void link_arm(struct link *l, uint64_t due_ms);
void link_set_callbacks(struct link *l);

/* link_path.c: when connected; and looks how much the kernel holds, and sets unsent and full. */
void link_path_begin(struct link *l);
void link_path_check(struct link *l);

/*
 * link_guard.c: mosquitto_loop_read() for one packet. libmosquitto 2.0 meets an MQTT 5 property
 * that it does not know with a failed assertion; that ends the connection here, and not the
 * process. Returns as the library does, or LINK_READ_ABORTED: then it may only be destroyed.
 */
#define LINK_READ_ABORTED (-100)
int link_guarded_read(struct link *l);
/* Calls up with a message, outside the guard: what fails there is our own fault. */
void link_unguarded_message(struct link *l, const struct link_message *m);

/* link_alias.c: the topics that the broker of this connection knows by a number. */
struct link_aliases;
/* For the Topic Alias Maximum of CONNACK. NULL if that is 0 or memory is short: there are none. */
struct link_aliases *link_aliases_new(uint16_t maximum);
/* Accepts NULL. */
void link_aliases_free(struct link_aliases *a);
/* The alias to send with this topic or, if it is known to the broker, in its place. Borrowed; NULL
 * for none, and where a is NULL. */
const mosquitto_property *
link_aliases_use(struct link_aliases *a, const char *topic, size_t len, bool *known);
/* The message with the last used alias was not sent. */
void link_aliases_forget(struct link_aliases *a);

#endif
