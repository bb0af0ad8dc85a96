/*
 * A member as mqtt-vpnd is one, without tunnel and traffic.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "members.h"

#include <string.h>

#include "aead_hash.h"
#include "keywire.h"
#include "member.h"
#include "util.h"

/* The same each time, so that nothing needs to be kept. */
void
members_private_key(uint8_t key[AEAD_KEY_LEN], size_t number)
{
	static const uint8_t seed[AEAD_KEY_LEN];
	uint32_t n = (uint32_t)number;

	aead_kdf(key, seed, "members", &n, sizeof(n));
}

struct prefix
members_address(size_t number)
{
	uint32_t n = (uint32_t)number;
	const uint8_t bytes[] = {10, 64 + (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return (struct prefix){.addr = addr_from_bytes(ADDR_IPV4, bytes), .len = 32};
}

static void
count(struct members_tally *t, size_t len)
{
	t->messages++;
	t->bytes += len;
}

static void
note_epoch(struct members_one *m)
{
	uint32_t epoch = groupkey_newest(member_keys(m->member));

	if (epoch == m->epoch)
		return;
	m->epoch = epoch;
	m->epoch_us = util_now_us();
}

/* Of the session. */

static int
on_publish(void *arg, const char *topic, const void *message, size_t len)
{
	struct members_one *m = arg;

	count(&m->sent, len);
	return link_publish(*m->link, topic, message, len);
}

static bool
on_knows(void *arg, const uint8_t public_key[AEAD_KEY_LEN])
{
	return false; /* it is for servers, as is the probe */
}

static void
on_probe(void *arg, const uint8_t token[NOTICE_TOKEN_LEN])
{
}

static void
on_receive(void *arg, const uint8_t public_key[AEAD_KEY_LEN], const uint8_t *message, size_t len,
    uint64_t now_ms)
{
	struct members_one *m = arg;
	bool was_in = members_one_is_in(m);

	member_receive(m->member, message, len, now_ms);
	note_epoch(m);
	m->renewals += was_in && member_lease_until(m->member) > m->lease_until_ms;
	m->lease_until_ms = member_lease_until(m->member);
}

static void
on_told(void *arg, const uint8_t *message, size_t len, uint64_t now_ms)
{
	struct members_one *m = arg;

	member_follow(m->member, message, len, now_ms);
	note_epoch(m);
}

static void
on_ready(void *arg, uint64_t now_ms)
{
	struct members_one *m = arg;

	member_retry(m->member, now_ms);
}

static uint64_t
on_clock(void *arg)
{
	return util_now_us();
}

/* Of the membership. */

static void
on_send(void *arg, const uint8_t *message, size_t len)
{
	struct members_one *m = arg;

	keywire_send(m->wire, m->common->o.server_key, message, len, util_now_ms());
}

static void
on_joined(void *arg, bool fresh)
{
	struct members_one *m = arg;

	if (fresh)
		m->in_us = util_now_us();
}

static void
on_out(void *arg, const char *reason)
{
	struct members_one *m = arg;

	m->out_us = util_now_us();
}

/* They are asked for, as by mqtt-vpnd; and nobody asks for an entry. */
static void
on_routes(void *arg, const struct keymsg *routes)
{
}

static void
on_entry(void *arg, const struct keymsg *entry)
{
}

/* Making. */

static void
make_network(struct members_one *m, size_t number)
{
	uint8_t key[AEAD_KEY_LEN];
	struct network_params params = {
	    .mode = NETWORK_PUBKEY,
	    .name = m->common->o.network,
	    .prefix = MEMBERS_PREFIX,
	    .control = true,
	    .private_key = key,
	};

	members_private_key(key, number);
	network_init(&m->network, &params);
}

static struct member *
make_member(struct members_one *m, size_t number)
{
	struct prefix address = members_address(number);
	struct member_params params = {
	    .wheel = m->common->wheel,
	    .group = m->common->o.group,
	    .verify_key = m->common->verify_key,
	    .prefixes = &address,
	    .prefix_count = 1,
	};
	struct member_callbacks callbacks = {
	    .send = on_send,
	    .joined = on_joined,
	    .out = on_out,
	    .entry = on_entry,
	    .routes = on_routes,
	    .arg = m,
	};

	return member_new(&params, &callbacks);
}

static struct keywire *
make_wire(struct members_one *m)
{
	struct keywire_params params = {
	    .network = &m->network,
	    .wheel = m->common->wheel,
	    .stats = &m->common->stats,
	    .name = "member",
	    .server_key = m->common->o.server_key,
	    .group = m->common->o.group,
	    .rekey_ms = (uint32_t)m->common->o.rekey_s * 1000,
	};
	struct keywire_callbacks callbacks = {
	    .publish = on_publish,
	    .knows = on_knows,
	    .receive = on_receive,
	    .ready = on_ready,
	    .told = on_told,
	    .probe = on_probe,
	    .clock_us = on_clock,
	    .arg = m,
	};

	return keywire_new(&params, &callbacks);
}

int
members_one_init(
    struct members_one *m, size_t number, struct members_common *common, struct link *const *link)
{
	*m = (struct members_one){.common = common, .link = link};
	make_network(m, number);
	m->member = make_member(m, number);
	m->wire = make_wire(m);
	if (m->member == NULL || m->wire == NULL)
		return -1;
	keywire_topic(m->wire, 0, m->topic);
	return 0;
}

void
members_one_clear(struct members_one *m)
{
	keywire_free(m->wire);
	member_free(m->member);
	network_clear(&m->network);
}

void
members_one_group_topic(const struct members_one *m, char *topic)
{
	keywire_topic(m->wire, 1, topic);
}

void
members_one_join(struct members_one *m, uint64_t now_ms)
{
	m->begun_us = util_now_us();
	member_join(m->member, now_ms);
}

bool
members_one_is_in(const struct members_one *m)
{
	return member_state(m->member) == MEMBER_IN;
}

void
members_one_receive(struct members_one *m, const struct link_message *message)
{
	count(&m->heard, message->len);
	keywire_receive(m->wire, message, util_now_ms());
}

void
members_one_follow(struct members_one *m, const struct link_message *message)
{
	keywire_receive(m->wire, message, util_now_ms());
}
