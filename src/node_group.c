/*
 * A node in a group: its membership, and its session with the key server. See
 * mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node_internal.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead_hash.h"
#include "groupkey.h"
#include "keymsg.h"
#include "keywire.h"
#include "log.h"
#include "member.h"
#include "native.h"
#include "settings.h"
#include "uplink.h"
#include "util.h"

/* Who was put out may be let in again: so often it asks. */
#define REJOIN_MS 60000
#define LEAVE_MS 1000
/* Nobody is told why nothing comes. */
#define SILENCE_MS 10000

static struct native *
native_of(const struct node *n)
{
	return dataplane_native(n->dataplane);
}

static const char *
name_of(const struct node *n)
{
	return n->network.name;
}

/* Towards the key server. */

static int
on_publish(void *arg, const char *topic, const void *message, size_t len)
{
	struct node *n = arg;

	return uplink_publish(n->daemon.uplink, topic, message, len);
}

/* What gets lost is asked again. */
static void
on_send(void *arg, const uint8_t *message, size_t len)
{
	struct node *n = arg;

	keywire_send(n->group.wire, n->daemon.fixed->key_server, message, len, util_now_ms());
}

static void
on_ready(void *arg, uint64_t now_ms)
{
	struct node *n = arg;

	member_retry(n->group.member, now_ms);
}

static uint64_t
on_clock(void *arg)
{
	return util_now_us();
}

static bool
on_knows(void *arg, const uint8_t public_key[AEAD_KEY_LEN])
{
	return false; /* it is for servers */
}

static void
on_probe(void *arg, const uint8_t token[NOTICE_TOKEN_LEN])
{
}

/* The lease. */

static void
on_lease_end(void *arg, uint64_t now_ms)
{
	struct node *n = arg;
	struct node_group *g = &n->group;

	if (member_state(g->member) != MEMBER_IN || member_may_send(g->member, now_ms))
		return;
	g->lease_is_over = true;
	log_warning("group %s: the key server has not renewed the lease: nothing is sent until it "
		    "does",
	    name_of(n));
}

static void
watch_lease(struct node *n, uint64_t now_ms)
{
	struct node_group *g = &n->group;

	if (member_lease_until(g->member) != 0)
		wheel_set(n->daemon.wheel, &g->lease_timer, member_lease_until(g->member),
		    on_lease_end, n);
	if (!g->lease_is_over || !member_may_send(g->member, now_ms))
		return;
	g->lease_is_over = false;
	log_notice("group %s: the key server has renewed the lease", name_of(n));
	native_group_changed(native_of(n), now_ms);
}

/* From the key server. */

static void
note_epoch(struct node *n, uint64_t now_ms)
{
	struct node_group *g = &n->group;
	uint32_t epoch = groupkey_newest(member_keys(g->member));

	if (epoch == g->epoch)
		return;
	g->epoch = epoch;
	if (epoch != 0)
		log_info("group %s: epoch %u", name_of(n), epoch);
	native_group_changed(native_of(n), now_ms);
}

static void
on_silence(void *arg, uint64_t now_ms)
{
	struct node *n = arg;

	n->group.is_unanswered = true;
	log_warning("group %s: the key server has not answered for %d s: is it up, does it know "
		    "our public key, and is key-server its own?",
	    name_of(n), SILENCE_MS / 1000);
}

static void
await_answer(struct node *n, uint64_t now_ms)
{
	wheel_set(n->daemon.wheel, &n->group.silence_timer, now_ms + SILENCE_MS, on_silence, n);
}

static void
note_answer(struct node *n)
{
	wheel_cancel(n->daemon.wheel, &n->group.silence_timer);
	n->group.is_unanswered = false;
}

static void
on_receive(void *arg, const uint8_t public_key[AEAD_KEY_LEN], const uint8_t *message, size_t len,
    uint64_t now_ms)
{
	struct node *n = arg;

	note_answer(n);
	member_receive(n->group.member, message, len, now_ms);
	note_epoch(n, now_ms);
	watch_lease(n, now_ms);
}

static void
on_told(void *arg, const uint8_t *message, size_t len, uint64_t now_ms)
{
	struct node *n = arg;

	member_follow(n->group.member, message, len, now_ms);
	note_epoch(n, now_ms);
}

static void
on_joined(void *arg, bool fresh)
{
	struct node *n = arg;
	struct node_group *g = &n->group;

	g->reason[0] = '\0';
	if (fresh)
		log_notice("group %s: joined, sender id %u, epoch %u", name_of(n),
		    member_sender(g->member), groupkey_newest(member_keys(g->member)));
	else if (log_allow(&g->news, util_now_ms()))
		log_info("group %s: goes on as sender id %u, epoch %u", name_of(n),
		    member_sender(g->member), groupkey_newest(member_keys(g->member)));
	native_group_changed(native_of(n), util_now_ms());
}

static void
on_rejoin(void *arg, uint64_t now_ms)
{
	struct node *n = arg;

	member_join(n->group.member, now_ms);
}

/* Said once, however often it is asked and refused. */
static void
on_out(void *arg, const char *reason)
{
	struct node *n = arg;
	struct node_group *g = &n->group;
	uint64_t now = util_now_ms();

	if (reason != NULL && strcmp(g->reason, reason) != 0) {
		snprintf(g->reason, sizeof(g->reason), "%s", reason);
		log_warning("group %s: %s: the key server says: %s", name_of(n),
		    member_state(g->member) == MEMBER_OUT ? "out" : "not in", reason);
	}
	native_group_changed(native_of(n), now);
	if (n->daemon.stopping)
		node_disconnect(n);
	else if (member_state(g->member) == MEMBER_OUT)
		wheel_set(n->daemon.wheel, &g->timer, now + REJOIN_MS, on_rejoin, n);
}

static void
on_entry(void *arg, const struct keymsg *m)
{
	struct node *n = arg;

	native_take_entry(native_of(n), m, util_now_ms());
}

static void
on_routes(void *arg, const struct keymsg *m)
{
	struct node *n = arg;

	native_take_routes(native_of(n), m, util_now_ms());
}

static void
on_forgot(void *arg)
{
	struct node *n = arg;

	native_group_forget(native_of(n), util_now_ms());
}

/* For the node. */

bool
node_is_in_group(const struct node *n)
{
	return n->group.wire != NULL;
}

static struct keywire *
make_wire(struct node *n)
{
	const struct settings *s = n->daemon.fixed;
	struct keywire_params params = {
	    .network = &n->group.control,
	    .wheel = n->daemon.wheel,
	    .stats = &n->daemon.stats,
	    .name = s->name,
	    .server_key = s->key_server,
	    .group = name_of(n),
	    .rekey_ms = s->rekey_s * 1000,
	};
	struct keywire_callbacks callbacks = {
	    .publish = on_publish,
	    .knows = on_knows,
	    .receive = on_receive,
	    .ready = on_ready,
	    .told = on_told,
	    .probe = on_probe,
	    .clock_us = on_clock,
	    .arg = n,
	};

	return keywire_new(&params, &callbacks);
}

int
node_make_group(struct node *n)
{
	const struct settings *s = n->daemon.fixed;
	struct node_group *g = &n->group;
	struct prefix prefixes[KEYMSG_PREFIXES_MAX];
	struct member_params params = {.wheel = n->daemon.wheel,
	    .group = name_of(n),
	    .wanted_s = s->membership_s,
	    .prefixes = prefixes};
	struct member_callbacks callbacks = {.send = on_send,
	    .joined = on_joined,
	    .out = on_out,
	    .entry = on_entry,
	    .routes = on_routes,
	    .forgot = on_forgot,
	    .arg = n};

	if (s->wire != WIRE_NATIVE || s->mode != MODE_GROUP)
		return 0;
	groupwire_self_init(&g->self, s->sign_broadcasts);
	if (s->sign_broadcasts)
		params.verify_key = g->self.verify_key;
	while (params.prefix_count < s->addr_count && params.prefix_count < KEYMSG_PREFIXES_MAX) {
		const struct addr *a = &s->addrs[params.prefix_count].addr;

		prefixes[params.prefix_count++] = (struct prefix){.addr = *a, .len = addr_bits(a)};
	}
	g->member = member_new(&params, &callbacks);
	if (g->member == NULL)
		return -1;
	g->wire = make_wire(n);
	return g->wire != NULL ? 0 : -1;
}

void
node_free_group(struct node *n)
{
	keywire_free(n->group.wire);
	member_free(n->group.member);
	groupwire_self_clear(&n->group.self);
	network_clear(&n->group.control);
}

void
node_group_up(struct node *n, uint64_t now_ms)
{
	struct node_group *g = &n->group;

	keywire_up(g->wire, now_ms);
	if (member_state(g->member) != MEMBER_IN)
		await_answer(n, now_ms);
	if (member_state(g->member) == MEMBER_OUT)
		member_join(g->member, now_ms);
	else
		member_retry(g->member, now_ms);
}

static void
on_leave_timeout(void *arg, uint64_t now_ms)
{
	node_disconnect(arg);
}

bool
node_leave_group(struct node *n, uint64_t now_ms)
{
	struct node_group *g = &n->group;

	if (!node_is_in_group(n) || member_state(g->member) != MEMBER_IN ||
	    !uplink_is_up(n->daemon.uplink))
		return false;
	wheel_set(n->daemon.wheel, &g->timer, now_ms + LEAVE_MS, on_leave_timeout, n);
	member_leave(g->member, now_ms);
	return true;
}

/* For people. */

static const char *
state_name(enum member_state state)
{
	static const char *const names[] = {[MEMBER_OUT] = "out",
	    [MEMBER_JOINING] = "joining",
	    [MEMBER_IN] = "in",
	    [MEMBER_LEAVING] = "leaving"};

	return names[state];
}

static void
add_lease(const struct node_group *g, cJSON *o, uint64_t now_ms)
{
	uint64_t until_ms = member_lease_until(g->member);

	cJSON_AddBoolToObject(o, "may_send", member_may_send(g->member, now_ms));
	cJSON_AddNumberToObject(
	    o, "lease_ms_left", until_ms > now_ms ? (double)(until_ms - now_ms) : 0);
}

static void
add_server(const struct node *n, cJSON *o, uint64_t now_ms)
{
	char key[AEAD_KEY_TEXT];
	struct channel_facts f;

	keywire_facts(n->group.wire, n->daemon.fixed->key_server, &f);
	aead_key_format(key, n->daemon.fixed->key_server);
	cJSON_AddStringToObject(o, "public_key", key);
	cJSON_AddItemToObject(o, "heard_ms_ago",
	    f.received_ms != 0 ? cJSON_CreateNumber((double)(now_ms - f.received_ms))
			       : cJSON_CreateNull());
}

void
node_report_group(const struct node *n, cJSON *o)
{
	const struct node_group *g = &n->group;
	uint64_t now_ms = util_now_ms();

	cJSON_AddStringToObject(o, "name", name_of(n));
	cJSON_AddStringToObject(o, "state", state_name(member_state(g->member)));
	cJSON_AddItemToObject(
	    o, "reason", g->reason[0] != '\0' ? cJSON_CreateString(g->reason) : cJSON_CreateNull());
	cJSON_AddNumberToObject(o, "epoch", groupkey_newest(member_keys(g->member)));
	cJSON_AddNumberToObject(o, "sender", member_sender(g->member));
	add_lease(g, o, now_ms);
	add_server(n, cJSON_AddObjectToObject(o, "key_server"), now_ms);
}
