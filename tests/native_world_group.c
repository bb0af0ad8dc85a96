/*
 * Members of a group, for native_world.c, and a key server of the simplest kind for them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "keymsg.h"
#include "member.h"

#define GROUP "test"

static void
on_send(void *arg, const uint8_t *message, size_t len)
{
	struct world_node *n = arg;
	struct world_question *q = malloc(sizeof(*q) + len), **at = &n->questions;

	ck_assert_ptr_nonnull(q);
	q->next = NULL;
	q->len = len;
	memcpy(q->bytes, message, len);
	while (*at != NULL)
		at = &(*at)->next;
	*at = q;
}

static void
on_joined(void *arg, bool fresh)
{
	struct world_node *n = arg;

	native_group_changed(n->native, n->world->now_ms);
}

static void
on_out(void *arg, const char *reason)
{
	struct world_node *n = arg;

	native_group_changed(n->native, n->world->now_ms);
}

static void
on_entry(void *arg, const struct keymsg *m)
{
	struct world_node *n = arg;

	native_take_entry(n->native, m, n->world->now_ms);
}

static void
on_forgot(void *arg)
{
	struct world_node *n = arg;

	native_group_forget(n->native, n->world->now_ms);
}

void
world_make_member(struct world_node *n)
{
	struct member_params params = {.wheel = n->wheel, .group = GROUP};
	struct member_callbacks callbacks = {.send = on_send,
	    .joined = on_joined,
	    .out = on_out,
	    .entry = on_entry,
	    .forgot = on_forgot,
	    .arg = n};

	groupwire_self_init(&n->self, n->number % 2 == 0); /* some sign, some do not */
	if (n->self.is_signing)
		params.verify_key = n->self.verify_key;
	n->member = member_new(&params, &callbacks);
	ck_assert_ptr_nonnull(n->member);
}

void
world_free_member(struct world_node *n)
{
	struct world_question *q;

	member_free(n->member);
	n->member = NULL;
	while ((q = n->questions) != NULL) {
		n->questions = q->next;
		free(q);
	}
}

/* The server. */

static void
give(struct world_node *n, struct keymsg *m)
{
	uint8_t message[KEYMSG_MAX];
	size_t len;

	m->has |= KEYMSG_HAS(KEYMSG_GROUP);
	strcpy(m->group, GROUP);
	len = keymsg_write(m, message, sizeof(message));
	ck_assert_uint_ne(len, 0);
	member_receive(n->member, message, len, n->world->now_ms);
}

static void
refuse(struct world_node *n, const struct keymsg *asked)
{
	struct keymsg m = *asked;

	m.type = KEYMSG_REFUSED;
	m.has |= KEYMSG_HAS(KEYMSG_REASON);
	strcpy(m.reason, "no");
	give(n, &m);
}

static void
let_in(struct world_node *n, const struct keymsg *asked)
{
	const struct world_server *s = &n->world->server;
	struct keymsg m = {.type = KEYMSG_JOINED,
	    .request = asked->request,
	    .method = KEYMSG_STATIC,
	    .epoch = s->epoch,
	    .lease_s = (uint32_t)s->lease_s,
	    .granted_s = s->granted_s != 0 ? s->granted_s : UINT32_MAX,
	    .time_ms = n->world->now_ms};

	if (asked->type == KEYMSG_JOIN)
		n->sender = n->world->server.next_sender++;
	m.sender = n->sender;
	m.has = KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_LEASE_TIME) | KEYMSG_HAS(KEYMSG_TIME) |
		KEYMSG_HAS(KEYMSG_METHOD) | KEYMSG_HAS(KEYMSG_SENDER) | KEYMSG_HAS(KEYMSG_LEAF) |
		KEYMSG_HAS(KEYMSG_PATH) | KEYMSG_HAS(KEYMSG_GRANTED) |
		KEYMSG_HAS(KEYMSG_SERVER_KEY);
	m.path.height = 1;
	m.server_key[0] = s->key;
	memset(m.path.keys, (int)s->epoch, 2 * AEAD_KEY_LEN);
	give(n, &m);
}

static void
renew_lease(struct world_node *n, const struct keymsg *asked)
{
	const struct world_server *s = &n->world->server;
	struct keymsg m = {.type = KEYMSG_LEASE,
	    .request = asked->request,
	    .epoch = s->epoch,
	    .lease_s = (uint32_t)s->lease_s,
	    .time_ms = n->world->now_ms,
	    .nonce = asked->nonce};

	m.has = KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_LEASE_TIME) | KEYMSG_HAS(KEYMSG_TIME) |
		KEYMSG_HAS(KEYMSG_NONCE);
	give(n, &m);
}

static bool
is_meant(const struct world_node *n, const struct keymsg *asked)
{
	if ((asked->has & KEYMSG_HAS(KEYMSG_SENDER)) != 0)
		return n->sender == asked->sender && !n->is_out;
	for (int i = 0; i < WORLD_ADDRS; i++)
		if (addr_equal(&n->addrs[i].addr, &asked->address))
			return !n->is_out;
	return false;
}

void
world_make_entry(const struct world_node *other, struct keymsg *m)
{
	uint64_t granted_s = other->world->server.granted_s;

	*m = (struct keymsg){.type = KEYMSG_ENTRY};
	m->has = KEYMSG_HAS(KEYMSG_SENDER) | KEYMSG_HAS(KEYMSG_PUBLIC_KEY) |
		 KEYMSG_HAS(KEYMSG_NAME) | KEYMSG_HAS(KEYMSG_PREFIX) | KEYMSG_HAS(KEYMSG_GRANTED) |
		 (other->self.is_signing ? KEYMSG_HAS(KEYMSG_VERIFY_KEY) : 0);
	m->sender = other->sender;
	m->granted_s = granted_s != 0 ? granted_s : UINT32_MAX;
	memcpy(m->public_key, other->network.public_key, AEAD_KEY_LEN);
	memcpy(m->verify_key, other->self.verify_key, AEAD_KEY_LEN);
	m->name[0] = (char)('a' + other->number);
	m->prefix_count = WORLD_ADDRS;
	for (int i = 0; i < WORLD_ADDRS; i++)
		m->prefixes[i] = (struct prefix){
		    .addr = other->addrs[i].addr, .len = addr_bits(&other->addrs[i].addr)};
}

static void
tell_of(struct world_node *n, const struct world_node *other, const struct keymsg *asked)
{
	struct keymsg m;

	world_make_entry(other, &m);
	m.request = asked->request;
	m.has |= asked->has & KEYMSG_HAS(KEYMSG_ADDRESS);
	m.address = asked->address;
	give(n, &m);
}

static void
look_up(struct world_node *n, const struct keymsg *asked)
{
	struct world *w = n->world;

	w->server.look_ups++;
	for (int i = 0; i < w->count; i++) {
		if (is_meant(&w->node[i], asked)) {
			tell_of(n, &w->node[i], asked);
			return;
		}
	}
	refuse(n, asked);
}

static void
serve(struct world_node *n, const struct keymsg *asked)
{
	if (n->is_out && asked->type != KEYMSG_LEAVE)
		refuse(n, asked);
	else if (asked->type == KEYMSG_JOIN || asked->type == KEYMSG_CATCH_UP)
		let_in(n, asked);
	else if (asked->type == KEYMSG_RENEW)
		renew_lease(n, asked);
	else if (asked->type == KEYMSG_LOOK_UP)
		look_up(n, asked);
}

bool
world_answer(struct world_node *n)
{
	struct world_question *q;
	struct keymsg asked;
	bool any = false;

	while ((q = n->questions) != NULL) {
		n->questions = q->next;
		ck_assert_int_eq(keymsg_parse(&asked, q->bytes, q->len), 0);
		free(q);
		if (n->world->server.is_silent || n->cut)
			continue;
		serve(n, &asked);
		any = true;
	}
	return any;
}

void
world_renew(struct world *w)
{
	w->server.epoch++;
}

void
world_evict(struct world_node *n)
{
	n->is_out = true;
}

void
world_catch_up(struct world_node *n)
{
	member_saw_ahead(n->member, n->world->now_ms);
	world_settle(n->world);
}
