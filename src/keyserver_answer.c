/*
 * What the key server tells: one member its keys, or why not; all of them a change.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keyserver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyserver_internal.h"
#include "log.h"
#include "rekey.h"
#include "slots.h"

#define REFUSALS_AT_ONCE 5

static void
begin(struct keymsg *m, enum keymsg_type type, const char *group, uint32_t request)
{
	memset(m, 0, sizeof(*m));
	m->type = type;
	m->request = request;
	m->has = KEYMSG_HAS(KEYMSG_GROUP);
	snprintf(m->group, sizeof(m->group), "%s", group);
}

/* Clears m, which may hold keys. */
void
keyserver_send(struct keyserver *ks, const char *member, struct keymsg *m)
{
	uint8_t message[KEYMSG_MAX];
	size_t len = keymsg_write(m, message, sizeof(message));

	if (len > 0)
		ks->callbacks.send(ks->callbacks.arg, member, message, len);
	else
		log_error(
		    "a message '%s' to %s cannot be written", keymsg_type_name(m->type), member);
	aead_wipe(message, sizeof(message));
	keymsg_clear(m);
}

static void
add_reason(struct keymsg *m, const char *reason)
{
	m->has |= KEYMSG_HAS(KEYMSG_REASON);
	snprintf(m->reason, sizeof(m->reason), "%s", reason);
}

/* One that asks as fast as it can does not fill the log, nor does it keep others out of it. */
static bool
may_log(struct keyserver *ks, const char *member)
{
	return bucket_take_by_name(ks->refusals, KEYSERVER_REFUSAL_SLOTS, member, strlen(member), 1,
	    REFUSALS_AT_ONCE, ks->now_ms);
}

void
keyserver_refuse(struct keyserver *ks, const char *member, const char *group, uint32_t request,
    const char *reason)
{
	struct keymsg m;

	if (may_log(ks, member))
		log_notice("%s: group %s: refused: %s", member, group, reason);
	begin(&m, KEYMSG_REFUSED, group, request);
	add_reason(&m, reason);
	keyserver_send(ks, member, &m);
}

void
keyserver_send_plain(struct keyserver_state *g, enum keymsg_type type, const char *member,
    uint32_t request, const char *reason)
{
	struct keymsg m;

	begin(&m, type, g->kept.name, request);
	if (reason != NULL)
		add_reason(&m, reason);
	keyserver_send(g->ks, member, &m);
}

static void
add_time(struct keymsg *m, struct keyserver_state *g)
{
	m->has |=
	    KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_LEASE_TIME) | KEYMSG_HAS(KEYMSG_TIME);
	m->epoch = g->kept.epoch;
	m->lease_s = g->lease_s;
	m->time_ms = keyserver_time(g->ks);
}

uint64_t
keyserver_slot(const struct keyserver_state *g, uint64_t time_ms)
{
	return (time_ms - g->kept.slots_begin_ms) / 1000 / g->kept.slot_s;
}

uint64_t
keyserver_last_slot(const struct keyserver_state *g)
{
	return (UINT64_C(1) << g->kept.slots_depth) - 1;
}

/* The slots from now to the end of its time. */
static void
add_slots(struct keymsg *m, struct keyserver_state *g, const struct keystore_member *member)
{
	struct slots_node root = {.depth = 0};
	uint64_t last = keyserver_slot(g, member->until_ms - 1);

	if (last > keyserver_last_slot(g))
		last = keyserver_last_slot(g);
	m->has |= KEYMSG_HAS(KEYMSG_SLOTS) | KEYMSG_HAS(KEYMSG_COVER);
	m->slots_begin_ms = g->kept.slots_begin_ms;
	m->slot_s = g->kept.slot_s;
	m->slots_depth = g->kept.slots_depth;
	m->cover_count = slots_cover(
	    g->kept.slots_depth, (uint32_t)keyserver_slot(g, m->time_ms), (uint32_t)last, m->cover);
	memcpy(root.key, g->kept.slots_root, sizeof(root.key));
	for (size_t i = 0; i < m->cover_count; i++)
		slots_derive(&root, &m->cover[i]);
	aead_wipe(&root, sizeof(root));
}

static uint64_t
seconds_left(const struct keystore_member *m, uint64_t time_ms)
{
	return m->until_ms > time_ms ? (m->until_ms - time_ms) / 1000 : 0;
}

void
keyserver_send_joined(
    struct keyserver_state *g, const struct keystore_member *member, uint32_t request)
{
	struct keymsg m;

	begin(&m, KEYMSG_JOINED, g->kept.name, request);
	add_time(&m, g);
	m.has |= KEYMSG_HAS(KEYMSG_METHOD) | KEYMSG_HAS(KEYMSG_SENDER) | KEYMSG_HAS(KEYMSG_LEAF) |
		 KEYMSG_HAS(KEYMSG_PATH) | KEYMSG_HAS(KEYMSG_GRANTED) |
		 KEYMSG_HAS(KEYMSG_SERVER_KEY);
	m.method = (enum keymsg_method)g->kept.method;
	m.sender = member->sender;
	m.granted_s = seconds_left(member, m.time_ms);
	memcpy(m.server_key, g->ks->identity.sign_public, sizeof(m.server_key));
	keytree_path(g->tree, member->leaf, &m.path);
	if (m.method == KEYMSG_SLOTTED)
		add_slots(&m, g, member);
	keyserver_send(g->ks, member->name, &m);
}

void
keyserver_send_lease(
    struct keyserver_state *g, const struct keystore_member *member, const struct keymsg *asked)
{
	struct keymsg m;

	begin(&m, KEYMSG_LEASE, g->kept.name, asked->request);
	add_time(&m, g);
	m.has |= KEYMSG_HAS(KEYMSG_NONCE);
	m.nonce = asked->nonce;
	keyserver_send(g->ks, member->name, &m);
}

void
keyserver_look_up(struct keyserver_state *g, const char *member, const struct keymsg *asked)
{
	bool by_sender = (asked->has & KEYMSG_HAS(KEYMSG_SENDER)) != 0;
	bool by_network = (asked->has & KEYMSG_HAS(KEYMSG_PREFIX)) != 0;
	struct prefix network = prefix_network(&asked->prefixes[0]);
	const struct keystore_member *found = by_sender ? keyserver_find_by_sender(g, asked->sender)
					      : by_network
						  ? keyserver_find_by_network(g, &network)
						  : keyserver_find_by_address(g, &asked->address);
	const struct keyserver_member *s =
	    found != NULL ? keyserver_member_settings(g->ks, found->name) : NULL;
	uint64_t time_ms = keyserver_time(g->ks);
	struct keymsg m;

	if (s != NULL && found->until_ms <= time_ms)
		s = NULL;
	begin(&m, s != NULL ? KEYMSG_ENTRY : KEYMSG_REFUSED, g->kept.name, asked->request);
	m.has |= asked->has & (KEYMSG_HAS(KEYMSG_SENDER) | KEYMSG_HAS(KEYMSG_ADDRESS));
	m.sender = asked->sender;
	m.address = asked->address;
	if (s == NULL) {
		add_reason(&m, "there is no such member now");
		keyserver_send(g->ks, member, &m);
		return;
	}
	m.has |= KEYMSG_HAS(KEYMSG_SENDER) | KEYMSG_HAS(KEYMSG_PUBLIC_KEY) |
		 KEYMSG_HAS(KEYMSG_GRANTED) | KEYMSG_HAS(KEYMSG_NAME);
	m.sender = found->sender;
	memcpy(m.public_key, s->public_key, sizeof(m.public_key));
	m.granted_s = seconds_left(found, time_ms);
	if (found->has_verify_key) {
		m.has |= KEYMSG_HAS(KEYMSG_VERIFY_KEY);
		memcpy(m.verify_key, found->verify_key, sizeof(m.verify_key));
	}
	snprintf(m.name, sizeof(m.name), "%s", found->name);
	while (m.prefix_count < s->prefix_count && m.prefix_count < KEYMSG_PREFIXES_MAX) {
		m.prefixes[m.prefix_count] = s->prefixes[m.prefix_count];
		m.prefix_count++;
		m.has |= KEYMSG_HAS(KEYMSG_PREFIX);
	}
	keyserver_send(g->ks, member, &m);
}

void
keyserver_send_routes(struct keyserver_state *g, const char *member, const struct keymsg *asked)
{
	struct keymsg m;

	begin(&m, KEYMSG_ROUTES, g->kept.name, asked->request);
	m.prefix_count = keyserver_list_routes(g, member, m.prefixes, KEYMSG_PREFIXES_MAX);
	if (m.prefix_count > 0)
		m.has |= KEYMSG_HAS(KEYMSG_PREFIX);
	keyserver_send(g->ks, member, &m);
}

/* To all. */

void
keyserver_publish(
    struct keyserver_state *g, const struct keytree_wrap *wraps, size_t count, uint64_t from_ms)
{
	struct rekey r = {.epoch = g->kept.epoch, .parts = rekey_parts(count), .from_ms = from_ms};
	uint8_t *part = malloc(REKEY_PART_MAX);
	size_t len;

	if (part == NULL) { /* they ask when they see the epoch */
		log_error("group %s: out of memory: nobody is told of the change", g->kept.name);
		return;
	}
	for (r.part = 0; r.part < r.parts; r.part++) {
		len =
		    rekey_write(&r, g->kept.name, wraps, count, g->ks->identity.sign_secret, part);
		g->ks->callbacks.publish(g->ks->callbacks.arg, g->kept.name, part, len);
	}
	free(part);
}
