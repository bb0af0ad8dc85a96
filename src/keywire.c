/*
 * The ends, and what is said to them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keywire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "keywire_internal.h"
#include "log.h"
#include "session.h"
#include "stats.h"

/* Of a server, and of a member, who has to do with no other. */
#define SERVER_SLOTS 16384
#define MEMBER_SLOTS 16

static const struct network *
network_of(const struct keywire *w)
{
	return w->shared.network;
}

/* Ends. */

static size_t
chain_of(const struct keywire *w, const struct addr *a)
{
	uint32_t hash;

	memcpy(&hash, a->bytes, sizeof(hash)); /* of a hash already */
	return hash % w->chain_count;
}

struct keywire_end *
keywire_find(const struct keywire *w, const struct addr *a)
{
	struct keywire_end *e = w->ends[chain_of(w, a)];

	while (e != NULL && !addr_equal(&channel_remote(e->channel)->addr, a))
		e = e->next;
	return e;
}

static struct keywire_end *
find_by_key(const struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN])
{
	struct addr a = network_control_addr(public_key);

	return keywire_find(w, &a);
}

struct keywire_end *
keywire_end(struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN])
{
	struct addr a = network_control_addr(public_key);
	struct keywire_end *e = keywire_find(w, &a), **chain = &w->ends[chain_of(w, &a)];
	struct network_id remote;

	if (e != NULL)
		return e;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	memcpy(e->public_key, public_key, AEAD_KEY_LEN);
	network_id(network_of(w), &a, &remote);
	e->channel = channel_new(&w->shared, e, &w->own, &remote, e->public_key);
	if (e->channel == NULL) {
		free(e);
		return NULL;
	}
	e->next = *chain;
	*chain = e;
	return e;
}

static void
free_end(struct keywire_end *e)
{
	channel_free(e->channel);
	free(e);
}

void
keywire_forget(struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN])
{
	struct keywire_end *e = find_by_key(w, public_key), **at;

	if (e == NULL)
		return;
	at = &w->ends[chain_of(w, &channel_remote(e->channel)->addr)];
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	free_end(e);
}

/* Making and ending. */

static int
on_publish(void *arg, const char *topic, const uint8_t *message, size_t len)
{
	struct keywire *w = arg;

	return w->cb.publish(w->cb.arg, topic, message, len);
}

static uint64_t
on_clock(void *arg)
{
	struct keywire *w = arg;

	return w->cb.clock_us(w->cb.arg);
}

static void
on_ready(void *arg, struct channel *c, uint64_t now_ms)
{
	struct keywire *w = arg;

	if (!w->is_server)
		w->cb.ready(w->cb.arg, now_ms);
}

static void
on_gave_up(void *arg, struct channel *c)
{
	struct keywire *w = arg;

	if (!w->is_server)
		log_warning("the key server does not answer: is it up, does it know our public "
			    "key, and is key-server its own?");
}

/* Each has one id. */
static void
on_retry(void *arg, struct channel *c)
{
}

static void
share(struct keywire *w, const struct keywire_params *p)
{
	w->shared = (struct channel_shared){
	    .wheel = p->wheel,
	    .sessions = session_table_new(NULL),
	    .network = p->network,
	    .stats = p->stats,
	    .callbacks =
		{
		    .publish = on_publish,
		    .ready = on_ready,
		    .gave_up = on_gave_up,
		    .retry = on_retry,
		    .clock_us = on_clock,
		    .arg = w,
		},
	    .rekey_ms = p->rekey_ms,
	    .max_message = KEYWIRE_MESSAGE_MAX + SESSION_OVERHEAD,
	};
	strncpy(w->shared.name, p->name, HANDSHAKE_NAME_MAX);
}

struct keywire *
keywire_new(const struct keywire_params *p, const struct keywire_callbacks *callbacks)
{
	struct keywire *w = calloc(1, sizeof(*w));
	struct addr own, server;

	if (w == NULL)
		return NULL;
	w->cb = *callbacks;
	share(w, p);
	own = network_control_addr(p->network->public_key);
	network_id(p->network, &own, &w->own);
	w->is_server = p->server_key == NULL;
	if (!w->is_server) {
		memcpy(w->server_key, p->server_key, AEAD_KEY_LEN);
		server = network_control_addr(w->server_key);
		network_id(p->network, &server, &w->server);
		network_group_part(p->network, p->group, w->group_part);
	}
	w->chain_count = w->bucket_count = w->is_server ? SERVER_SLOTS : MEMBER_SLOTS;
	w->ends = calloc(w->chain_count, sizeof(w->ends[0]));
	w->first_messages = calloc(w->bucket_count, sizeof(w->first_messages[0]));
	w->answers = calloc(w->bucket_count, sizeof(w->answers[0]));
	if (w->shared.sessions == NULL || w->ends == NULL || w->first_messages == NULL ||
	    w->answers == NULL) {
		keywire_free(w);
		return NULL;
	}
	return w;
}

void
keywire_free(struct keywire *w)
{
	struct keywire_end *e;

	if (w == NULL)
		return;
	for (size_t i = 0; w->ends != NULL && i < w->chain_count; i++) {
		while ((e = w->ends[i]) != NULL) {
			w->ends[i] = e->next;
			free_end(e);
		}
	}
	session_table_free(w->shared.sessions);
	free(w->ends);
	free(w->first_messages);
	free(w->answers);
	free(w);
}

const char *
keywire_topic(const struct keywire *w, size_t i, char *topic)
{
	if (i == 0)
		return network_topic(
		    network_of(w), topic, w->own.part, w->is_server ? "+" : w->server.part);
	if (i == 1 && !w->is_server)
		return network_topic(network_of(w), topic, w->group_part, w->server.part);
	return NULL;
}

/* Out. */

int
keywire_send(struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN], const void *message,
    size_t len, uint64_t now_ms)
{
	uint8_t buf[KEYWIRE_MESSAGE_MAX + SESSION_OVERHEAD];
	struct keywire_end *e =
	    w->is_server ? find_by_key(w, public_key) : keywire_end(w, public_key);
	struct channel_facts facts = {.state = CHANNEL_IDLE};
	struct session *s = NULL;
	int rc;

	if (e != NULL)
		channel_facts(e->channel, &facts);
	if (e != NULL && (!w->is_server || facts.state == CHANNEL_UP))
		s = channel_session(e->channel, now_ms);
	if (s == NULL || len > KEYWIRE_MESSAGE_MAX) {
		errno = s != NULL ? EMSGSIZE : e != NULL || w->is_server ? ENOTCONN : ENOMEM;
		return -1;
	}
	memcpy(buf + FRAME_HEADER_LEN, message, len);
	len = session_seal(s, FRAME_CONTROL, buf, len);
	rc = w->cb.publish(w->cb.arg, s->topic, buf, len);
	/* A member repeats what was lost; a server's word wants no answer. */
	if (rc == 0)
		channel_sent(e->channel, w->is_server, now_ms);
	return rc;
}

int
keywire_tell(struct keywire *w, const char *group, const void *message, size_t len)
{
	char part[NETWORK_PART_MAX], topic[NETWORK_TOPIC_MAX];

	network_group_part(network_of(w), group, part);
	return w->cb.publish(
	    w->cb.arg, network_topic(network_of(w), topic, part, w->own.part), message, len);
}

int
keywire_notice(struct keywire *w, const struct notice *v, const char *to)
{
	uint8_t message[NOTICE_MAX];
	char topic[NETWORK_TOPIC_MAX];
	size_t len = notice_seal(network_of(w), v, to, message);

	stats_count(w->shared.stats, STAT_NOTICES_SENT);
	return w->cb.publish(
	    w->cb.arg, network_topic(network_of(w), topic, to, w->own.part), message, len);
}

int
keywire_probe(struct keywire *w, const uint8_t token[NOTICE_TOKEN_LEN])
{
	struct notice v = {.kind = NOTICE_PROBE, .from = w->own.addr};

	memcpy(v.token, token, sizeof(v.token));
	return keywire_notice(w, &v, w->own.part);
}

void
keywire_up(struct keywire *w, uint64_t now_ms)
{
	for (size_t i = 0; i < w->chain_count; i++)
		for (struct keywire_end *e = w->ends[i]; e != NULL; e = e->next)
			channel_retry(e->channel, now_ms);
}

void
keywire_facts(
    const struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN], struct channel_facts *f)
{
	const struct keywire_end *e = find_by_key(w, public_key);

	*f = (struct channel_facts){.state = CHANNEL_IDLE, .name = ""};
	if (e != NULL)
		channel_facts(e->channel, f);
}
