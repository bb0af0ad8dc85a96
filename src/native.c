/*
 * Our ids, and the life of the whole.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "native_internal.h"

static int
on_publish(void *arg, const char *topic, const uint8_t *message, size_t len)
{
	struct native *n = arg;

	return n->cb.publish(n->cb.arg, topic, message, len);
}

static uint64_t
on_clock(void *arg)
{
	struct native *n = arg;

	return n->cb.clock_us(n->cb.arg);
}

static void
on_peer_gone(void *arg, struct peer *p)
{
	struct native *n = arg;

	native_free_lanes(n, p);
	multicast_table_forget(n->keys, p);
	if (p->configured)
		native_renew_keys(n);
}

static void
share(struct native *n, const struct native_params *p)
{
	n->shared.wheel = p->wheel;
	n->shared.sessions = session_table_new(p->cipher);
	n->shared.network = p->network;
	n->shared.stats = p->stats;
	n->shared.callbacks = (struct channel_callbacks){
	    .publish = on_publish,
	    .ready = native_on_ready,
	    .gave_up = native_on_gave_up,
	    .retry = native_on_retry,
	    .clock_us = on_clock,
	    .arg = n,
	};
	n->shared.rekey_ms = p->rekey_ms;
	n->shared.max_message = FRAME_MESSAGE_MAX;
	n->shared.features = FRAME_FEATURE_PARTIAL | FRAME_FEATURE_SUPER | FRAME_FEATURE_REPORTS;
	strncpy(n->shared.name, p->name, HANDSHAKE_NAME_MAX);
}

struct native *
native_new(const struct native_params *p, const struct native_callbacks *cb)
{
	struct native *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->network = p->network;
	n->cb = *cb;
	n->peers = p->peers;
	n->stats = p->stats;
	n->fq = p->fq;
	n->pool = p->pool;
	n->padding = p->padding;
	n->cipher = p->cipher;
	n->max_message = FRAME_MESSAGE_MAX;
	n->addr_count = p->addr_count;
	n->addrs = calloc(p->addr_count, sizeof(n->addrs[0]));
	n->keys = multicast_table_new();
	share(n, p);
	fq_class_init(&n->everyone, n->fq, NULL);
	if (n->addrs == NULL || n->keys == NULL || n->shared.sessions == NULL)
		goto fail;
	memcpy(n->addrs, p->addrs, p->addr_count * sizeof(n->addrs[0]));
	if (native_set_forwards(n, NULL, 0) == -1 ||
	    (p->member != NULL && native_group_open(n, p->member, p->self) == -1))
		goto fail;
	peer_table_on_gone(n->peers, on_peer_gone, n);
	return n;
fail:
	native_free(n);
	return NULL;
}

static void
free_ids(struct native_id *ids, size_t count)
{
	for (size_t i = 0; ids != NULL && i < count; i++)
		multicast_sender_clear(&ids[i].sender);
	free(ids);
}

void
native_free(struct native *n)
{
	if (n == NULL)
		return;
	peer_table_on_gone(n->peers, NULL, NULL);
	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		native_free_lanes(n, p);
	native_group_close(n);
	fq_class_clear(&n->everyone);
	session_table_free(n->shared.sessions);
	multicast_table_free(n->keys);
	backlog_clear(&n->held, &n->held_budget);
	free_ids(n->ids, n->id_count);
	free(n->addrs);
	aead_wipe(n->plain, sizeof(n->plain));
	free(n);
}

struct native_id *
native_own(struct native *n, const struct addr *a)
{
	for (size_t i = 0; i < n->id_count; i++)
		if (addr_equal(&n->ids[i].id.addr, a))
			return &n->ids[i];
	return NULL;
}

/* An id that stays keeps its multicast key. */
static void
fill_id(struct native *n, struct native_id *new, const struct addr *a)
{
	struct native_id *old = native_own(n, a);

	if (old != NULL)
		*new = *old;
	else
		network_id(n->network, a, &new->id);
}

int
native_set_forwards(struct native *n, const struct addr *forwards, size_t count)
{
	size_t first = n->network->mode == NETWORK_GROUP ? 1 : 0;
	struct native_id *ids = calloc(first + n->addr_count + count, sizeof(ids[0]));
	struct addr member = network_control_addr(n->network->public_key);

	if (ids == NULL)
		return -1;
	if (first > 0)
		fill_id(n, &ids[0], &member);
	for (size_t i = 0; i < n->addr_count; i++)
		fill_id(n, &ids[first + i], &n->addrs[i].addr);
	for (size_t i = 0; i < count; i++)
		fill_id(n, &ids[first + n->addr_count + i], &forwards[i]);
	free_ids(n->ids, n->id_count);
	n->ids = ids;
	n->id_count = first + n->addr_count + count;
	return 0;
}

const struct network_id *
native_id(const struct native *n, size_t i)
{
	size_t count = n->network->mode == NETWORK_GROUP ? 1 : n->id_count;

	return i < count ? &n->ids[i].id : NULL;
}

int
native_notice(struct native *n, const struct notice *v, const char *to, const char *from)
{
	uint8_t message[NOTICE_MAX];
	char topic[NETWORK_TOPIC_MAX];
	size_t len = notice_seal(n->network, v, to, message);

	stats_count(n->stats, STAT_NOTICES_SENT);
	return n->cb.publish(n->cb.arg, network_topic(n->network, topic, to, from), message, len);
}

int
native_probe(struct native *n, const uint8_t token[NOTICE_TOKEN_LEN])
{
	const struct network_id *own = &n->ids[0].id;
	struct notice v = {.kind = NOTICE_PROBE, .from = own->addr};

	memcpy(v.token, token, sizeof(v.token));
	return native_notice(n, &v, own->part, own->part);
}

/* Those who have sessions with the one that we were before must not wait until they miss it. */
static void
announce(struct native *n)
{
	for (size_t i = 0; i < n->id_count; i++) {
		struct notice v = {.kind = NOTICE_STARTED, .from = n->ids[i].id.addr};

		native_notice(n, &v, n->network->broadcast_part, n->ids[i].id.part);
	}
	n->announced = true;
}

void
native_limit(struct native *n, size_t max_message, bool counted)
{
	n->max_message = max_message < FRAME_MESSAGE_MAX ? max_message : FRAME_MESSAGE_MAX;
	n->counted = counted;
}

void
native_up(struct native *n, size_t max_message, uint64_t now_ms)
{
	native_limit(n, max_message, n->counted);
	if (!n->announced && n->group == NULL)
		announce(n);
	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		for (size_t i = 0; i < p->lane_count; i++)
			native_restart_lane(p->lanes[i], now_ms);
	n->cb.ready(n->cb.arg);
}
