/*
 * What members say goes from the broker through their sessions to the server, and its answers the
 * same way back; what it tells a whole group is published to the topic of that.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keydaemon_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "aead_hash.h"
#include "keywire.h"
#include "link.h"
#include "log.h"
#include "roster.h"
#include "stats.h"
#include "util.h"

/* Of the server. */

static const struct roster_entry *
entry_of(const struct keydaemon *k, const char *member)
{
	const struct roster_entry *e = roster_by_name(k->config->roster, member);

	return e != NULL ? e : roster_by_name(k->leaving, member);
}

/* Whoever has no session asks again in a new one. */
static void
on_send(void *arg, const char *member, const uint8_t *message, size_t len)
{
	struct keydaemon *k = arg;
	const struct roster_entry *e = entry_of(k, member);

	if (e == NULL || keywire_send(k->wire, e->public_key, message, len, util_now_ms()) == 0)
		return;
	if (errno == ENOTCONN)
		log_debug("%s: not told: there is no session, or no broker", member);
	else
		log_warning("%s: not told: %s", member, strerror(errno));
}

/* Members who did not hear of it learn by their lease. */
static void
on_tell(void *arg, const char *group, const uint8_t *message, size_t len)
{
	struct keydaemon *k = arg;

	if (keywire_tell(k->wire, group, message, len) == 0)
		return;
	if (errno == EMSGSIZE)
		log_error("group %s: the broker does not take messages of %zu bytes: nobody is "
			  "told of the change",
		    group, len);
	else
		log_info("group %s: nobody is told of the change now: %s", group,
		    errno == ENOTCONN ? "no broker" : strerror(errno));
}

static uint64_t
on_wall(void *arg)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Of the sessions. */

static int
on_publish(void *arg, const char *topic, const void *message, size_t len)
{
	struct keydaemon *k = arg;

	if (uplink_publish(k->daemon.uplink, topic, message, len) == -1)
		return -1;
	stats_count(&k->daemon.stats, STAT_TX_MESSAGES);
	stats_add(&k->daemon.stats, STAT_TX_BYTES, len);
	return 0;
}

/* It holds this key, as its handshake shows; but anybody can make keys, and it tries again and
 * again. */
static void
tell_of_stranger(struct keydaemon *k, const uint8_t public_key[AEAD_KEY_LEN])
{
	char text[AEAD_KEY_TEXT];

	for (size_t i = 0; i < KEYDAEMON_STRANGERS; i++)
		if (memcmp(k->strangers[i], public_key, AEAD_KEY_LEN) == 0)
			return;
	if (!bucket_take(&k->news_of_strangers, 1, KEYDAEMON_STRANGERS, util_now_ms()))
		return;
	memcpy(k->strangers[k->next_stranger], public_key, AEAD_KEY_LEN);
	k->next_stranger = (k->next_stranger + 1) % KEYDAEMON_STRANGERS;
	aead_key_format(text, public_key);
	log_notice("somebody who is no member: its public key is %s", text);
}

static bool
on_knows(void *arg, const uint8_t public_key[AEAD_KEY_LEN])
{
	struct keydaemon *k = arg;

	if (roster_by_key(k->config->roster, public_key) != NULL)
		return true;
	tell_of_stranger(k, public_key);
	return false;
}

static bool
on_can_answer(void *arg)
{
	const struct keydaemon *k = arg;

	return uplink_can_answer(k->daemon.uplink);
}

static void
on_receive(void *arg, const uint8_t public_key[AEAD_KEY_LEN], const uint8_t *message, size_t len,
    uint64_t now_ms)
{
	struct keydaemon *k = arg;
	const struct roster_entry *e = roster_by_key(k->config->roster, public_key);

	if (e != NULL) /* otherwise its session is about to be forgotten */
		keyserver_receive(k->server, e->name, message, len, now_ms);
}

static void
on_probe_seen(void *arg, const uint8_t token[NOTICE_TOKEN_LEN])
{
	struct keydaemon *k = arg;

	daemon_probed(&k->daemon, token,
	    "another key server uses our private key: what the two hand out will not fit "
	    "together, so stop one of them");
}

static uint64_t
on_clock(void *arg)
{
	return util_now_us();
}

/* Of the connection. */

static void
on_message(void *arg, const struct link_message *m)
{
	struct keydaemon *k = arg;

	stats_count(&k->daemon.stats, STAT_RX_MESSAGES);
	stats_add(&k->daemon.stats, STAT_RX_BYTES, m->len);
	if (!keywire_receive(k->wire, m, util_now_ms()))
		stats_count(&k->daemon.stats, STAT_RX_DROP_TOPIC);
}

static int
on_send_probe(void *arg, const uint8_t token[UPLINK_TOKEN_LEN])
{
	struct keydaemon *k = arg;

	return keywire_probe(k->wire, token);
}

static void
on_connecting(void *arg, const struct addr *broker)
{
}

static void
on_up(void *arg)
{
	struct keydaemon *k = arg;

	keywire_up(k->wire, util_now_ms());
	keyserver_announce(k->server);
	daemon_tell_link(&k->daemon);
}

static void
on_down(void *arg)
{
	struct keydaemon *k = arg;

	daemon_tell_link(&k->daemon);
}

/* Nothing waits here: who has had no answer asks again. */
static void
on_writable(void *arg)
{
}

struct keyserver_callbacks
keydaemon_server_callbacks(struct keydaemon *k)
{
	return (struct keyserver_callbacks){
	    .send = on_send, .publish = on_tell, .wall_ms = on_wall, .arg = k};
}

struct keywire_callbacks
keydaemon_wire_callbacks(struct keydaemon *k)
{
	return (struct keywire_callbacks){
	    .publish = on_publish,
	    .knows = on_knows,
	    .can_answer = on_can_answer,
	    .receive = on_receive,
	    .probe = on_probe_seen,
	    .clock_us = on_clock,
	    .arg = k,
	};
}

struct uplink_callbacks
keydaemon_uplink_callbacks(struct keydaemon *k)
{
	return (struct uplink_callbacks){
	    .connecting = on_connecting,
	    .message = on_message,
	    .probe = on_send_probe,
	    .up = on_up,
	    .down = on_down,
	    .writable = on_writable,
	    .arg = k,
	};
}

int
keydaemon_apply_topics(struct keydaemon *k)
{
	char text[NETWORK_TOPIC_MAX];
	struct uplink_topic topic = {.topic = keywire_topic(k->wire, 0, text), .required = true};

	return uplink_set_topics(k->daemon.uplink, &topic, 1);
}
