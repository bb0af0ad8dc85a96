/*
 * Tests of peer: who a packet goes to, what is learnt and forgotten, what a reload does, and who is
 * told of it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "peer.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_internal.h"
#include "util.h"

#define LIST_MAX 4
#define MANY 3000

static struct peer_table *table;
static char told[256]; /* who went, in order */

/* The peer is whole when it is told of: its addresses are still those that it had. */
static void
note_gone(void *arg, struct peer *p)
{
	char text[ADDR_TEXT_MAX];

	ck_assert_ptr_eq(arg, &table);
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s%s@%s",
	    told[0] != '\0' ? " " : "", p->name != NULL ? p->name : "",
	    addr_format(&p->addrs[0], text));
}

static void
setup(void)
{
	table = peer_table_new();
	ck_assert_ptr_nonnull(table);
	told[0] = '\0';
	peer_table_on_gone(table, note_gone, &table);
}

static void
teardown(void)
{
	peer_table_free(table);
}

static struct addr
addr(const char *text)
{
	struct addr a;

	ck_assert_msg(addr_parse(text, &a) == 0, "%s", text);
	return a;
}

/* Splits "A B C" into prefixes. */
static size_t
split(const char *text, struct prefix *list)
{
	char copy[256], *rest, *word;
	size_t count = 0;

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	strcpy(copy, text);
	for (word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		ck_assert_uint_lt(count, LIST_MAX);
		ck_assert_msg(prefix_parse(word, &list[count++]) == 0, "%s", word);
	}
	return count;
}

/* peer_table_set() with its lists as text; key 0 for none. */
static int
set_spec(
    const char *name, enum peer_wire wire, const char *addresses, const char *networks, uint8_t key)
{
	uint8_t public_key[AEAD_KEY_LEN] = {[0] = 7, [AEAD_KEY_LEN - 1] = key};
	struct prefix hosts[LIST_MAX], routes[LIST_MAX];
	struct addr addrs[LIST_MAX];
	struct peer_spec spec = {.name = name, .wire = wire, .addrs = addrs, .routes = routes};
	size_t i;

	spec.addr_count = split(addresses, hosts);
	spec.route_count = split(networks, routes);
	spec.public_key = key != 0 ? public_key : NULL;
	for (i = 0; i < spec.addr_count; i++)
		addrs[i] = hosts[i].addr;
	return peer_table_set(table, &spec);
}

static int
set(const char *name, const char *addresses, const char *networks)
{
	return set_spec(name, PEER_NATIVE, addresses, networks, 0);
}

static int
set_key(const char *name, const char *addresses, uint8_t key)
{
	return set_spec(name, PEER_NATIVE, addresses, "", key);
}

static struct peer *
by_key(uint8_t key)
{
	const uint8_t public_key[AEAD_KEY_LEN] = {[0] = 7, [AEAD_KEY_LEN - 1] = key};

	return peer_by_key(table, public_key);
}

static struct peer *
by_address(const char *text)
{
	struct addr a = addr(text);

	return peer_by_address(table, &a);
}

static struct peer *
to(const char *text)
{
	struct addr a = addr(text);

	return peer_for_destination(table, &a);
}

/* The name of the peer that a packet to text goes to: "learnt", "none" for those without. */
static const char *
name_to(const char *text)
{
	const struct peer *p = to(text);

	if (p == NULL)
		return "none";
	return p->name != NULL ? p->name : "learnt";
}

static struct peer *
learn_addr(const struct addr *a, uint64_t now_ms)
{
	return peer_learn(table, a, PEER_NATIVE, now_ms);
}

static struct peer *
learn(const char *text, uint64_t now_ms)
{
	struct addr a = addr(text);

	return learn_addr(&a, now_ms);
}

/* A packet from text, whose sender is learnt if it is not known. */
static void
heard(const char *text, size_t len, uint64_t now_ms)
{
	struct peer *p = learn(text, now_ms);

	ck_assert_ptr_nonnull(p);
	peer_heard(p, len, now_ms);
}

/* The i-th of many addresses. */
static struct addr
one_of_many(unsigned int i)
{
	return addr_from_bytes(ADDR_IPV4, (const uint8_t[]){10, 9, (uint8_t)(i >> 8), (uint8_t)i});
}

static struct peer *
learn_many(unsigned int i, uint64_t now_ms)
{
	struct addr a = one_of_many(i);

	return learn_addr(&a, now_ms);
}

static size_t
count_peers(void)
{
	const struct peer *p;
	size_t count = 0;

	for (p = peer_first(table); p != NULL; p = p->next)
		count++;
	return count;
}

/* Compares the names in list order, those that were learnt as their address. */
static void
assert_list(const char *expected)
{
	char list[256] = "", text[ADDR_TEXT_MAX];
	const struct peer *p;

	for (p = peer_first(table); p != NULL; p = p->next) {
		if (list[0] != '\0')
			strcat(list, " ");
		strcat(list, p->configured ? p->name : addr_format(&p->addrs[0], text));
	}
	ck_assert_str_eq(list, expected);
}

START_TEST(peer_table_begins_empty)
{
	ck_assert_ptr_null(peer_first(table));
	ck_assert_ptr_null(to("10.0.1.2"));
	ck_assert_ptr_null(by_address("fd00::1"));
	ck_assert_ptr_null(by_key(1));
	ck_assert_uint_eq(peer_table_next_expiry(table), UINT64_MAX);
	peer_table_expire(table, UINT64_MAX);
	peer_table_mark(table);
	peer_table_sweep(table);
	peer_table_free(NULL);
}
END_TEST

/* Who goes to whom. */

START_TEST(peer_is_found_by_address_and_by_route)
{
	ck_assert_int_eq(set("gate", "10.0.1.2 fd00::2", "192.168.5.0/24 2001:db8::/32"), 0);
	ck_assert_int_eq(set("host", "10.0.1.3", "192.168.5.128/25"), 0);
	ck_assert_str_eq(name_to("10.0.1.2"), "gate");
	ck_assert_str_eq(name_to("fd00::2"), "gate");
	ck_assert_str_eq(name_to("192.168.5.1"), "gate");
	ck_assert_str_eq(name_to("2001:db8::1"), "gate");
	ck_assert_str_eq(name_to("192.168.5.129"), "host");
	ck_assert_str_eq(name_to("10.0.1.4"), "none");
}
END_TEST

START_TEST(peer_default_route_leaves_the_neighbours_alone)
{
	struct prefix local[LIST_MAX];

	ck_assert_int_eq(
	    peer_table_set_local(table, local, split("10.0.1.1/24 fd00::1/64", local)), 0);
	ck_assert_int_eq(set("gate", "10.0.1.2", "0.0.0.0/0 10.0.1.128/25 ::/0"), 0);
	ck_assert_str_eq(name_to("192.0.2.1"), "gate");
	ck_assert_str_eq(name_to("10.0.1.2"), "gate");
	ck_assert_str_eq(name_to("10.0.1.3"), "none");
	ck_assert_str_eq(name_to("fd00::3"), "none");
	ck_assert_str_eq(name_to("10.0.1.129"), "gate");
	heard("10.0.1.3", 100, 1000);
	ck_assert_str_eq(name_to("10.0.1.3"), "learnt");
	heard("192.0.2.1", 100, 1000);
	ck_assert_uint_eq(to("10.0.1.2")->rx_packets, 1);
	assert_list("gate 10.0.1.3");
}
END_TEST

START_TEST(peer_route_as_long_as_the_local_network_wins)
{
	struct prefix local[LIST_MAX];

	ck_assert_int_eq(peer_table_set_local(table, local, split("10.0.1.1/24", local)), 0);
	ck_assert_int_eq(set("hub", "10.0.1.2", "10.0.1.0/24"), 0);
	ck_assert_str_eq(name_to("10.0.1.3"), "hub");
}
END_TEST

START_TEST(peer_address_is_the_destination_or_of_its_family)
{
	struct addr a;

	ck_assert_int_eq(set("gate", "10.0.1.2 10.0.1.3 fd00::2", "0.0.0.0/0 ::/0"), 0);
	ck_assert_int_eq(set("old", "10.0.1.9", ""), 0);
	a = addr("10.0.1.3");
	ck_assert(addr_equal(peer_address(to("10.0.1.2"), &a), &a));
	a = addr("192.0.2.1");
	ck_assert_ptr_eq(peer_address(to("10.0.1.2"), &a), &to("10.0.1.2")->addrs[0]);
	a = addr("2001:db8::1");
	ck_assert_ptr_eq(peer_address(to("10.0.1.2"), &a), &to("10.0.1.2")->addrs[2]);
	ck_assert_ptr_eq(peer_address(to("10.0.1.9"), &a), &to("10.0.1.9")->addrs[0]);
}
END_TEST

START_TEST(peer_by_address_wants_its_own)
{
	ck_assert_int_eq(set("gate", "10.0.1.2 fd00::2", "192.168.5.0/24 192.168.6.1/32"), 0);
	ck_assert_int_eq(set("other", "10.0.1.3", "0.0.0.0/0"), 0);
	ck_assert_ptr_nonnull(learn("fd00::7", 1000));
	ck_assert_str_eq(by_address("10.0.1.2")->name, "gate");
	ck_assert_str_eq(by_address("fd00::2")->name, "gate");
	ck_assert_ptr_null(by_address("192.168.5.1"));
	ck_assert_ptr_null(by_address("192.168.6.1"));
	ck_assert_ptr_eq(by_address("fd00::7"), to("fd00::7"));
	ck_assert_ptr_null(by_address("fd00::8"));
}
END_TEST

START_TEST(peer_is_found_by_its_key)
{
	ck_assert_int_eq(set_key("a", "10.0.1.2", 1), 0);
	ck_assert_int_eq(set_key("b", "10.0.1.3", 2), 0);
	ck_assert_int_eq(set("none", "10.0.1.4", ""), 0);
	ck_assert_str_eq(by_key(1)->name, "a");
	ck_assert_str_eq(by_key(2)->name, "b");
	ck_assert_ptr_null(by_key(0));
	ck_assert_ptr_null(by_key(3));
	ck_assert(to("10.0.1.2")->has_public_key);
	ck_assert(!to("10.0.1.4")->has_public_key);
}
END_TEST

/* A second set. */

START_TEST(peer_set_refuses_what_belongs_to_another)
{
	ck_assert_int_eq(set("a", "10.0.1.2", "192.168.5.0/24"), 0);
	ck_assert_int_eq(set_key("b", "10.0.1.3", 1), 0);
	errno = 0;
	ck_assert_int_eq(set_key("b", "10.0.1.4 10.0.1.2", 2), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(set("b", "10.0.1.4", "192.168.5.77/24"), -1);
	ck_assert_int_eq(set("c", "10.0.1.4", "10.0.1.3/32"), -1);
	errno = 0;
	ck_assert_int_eq(set_key("c", "10.0.1.4", 1), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_str_eq(name_to("10.0.1.2"), "a");
	ck_assert_str_eq(name_to("10.0.1.3"), "b");
	ck_assert_str_eq(name_to("10.0.1.4"), "none");
	ck_assert_str_eq(by_key(1)->name, "b");
	ck_assert_ptr_null(by_key(2));
	ck_assert_str_eq(told, "");
	assert_list("a b");
}
END_TEST

START_TEST(peer_set_again_stays_where_it_is)
{
	struct peer *p;

	ck_assert_int_eq(set_key("a", "10.0.1.2", 1), 0);
	ck_assert_int_eq(set("b", "10.0.1.3", ""), 0);
	heard("10.0.1.2", 100, 5000);
	p = to("10.0.1.2");
	p->tx_packets = 7;
	p->tx_bytes = 77;
	p->drops = 3;
	ck_assert_int_eq(set_spec("a", PEER_MQTT_VPN, "10.0.1.5 fd00::5", "192.168.7.0/24", 2), 0);
	assert_list("a b");
	ck_assert_ptr_eq(peer_first(table), p);
	ck_assert_ptr_eq(to("10.0.1.5"), p);
	ck_assert_ptr_eq(to("fd00::5"), p);
	ck_assert_ptr_eq(to("192.168.7.1"), p);
	ck_assert_ptr_eq(by_key(2), p);
	ck_assert_int_eq(p->wire, PEER_MQTT_VPN);
	ck_assert_uint_eq(p->rx_packets, 1);
	ck_assert_uint_eq(p->rx_bytes, 100);
	ck_assert_uint_eq(p->heard_ms, 5000);
	ck_assert_uint_eq(p->tx_packets, 7);
	ck_assert_uint_eq(p->tx_bytes, 77);
	ck_assert_uint_eq(p->drops, 3);
}
END_TEST

START_TEST(peer_set_again_gives_up_what_it_had)
{
	ck_assert_int_eq(set_spec("a", PEER_NATIVE, "10.0.1.2", "192.168.5.0/24", 1), 0);
	ck_assert_int_eq(set("a", "10.0.1.5", ""), 0);
	ck_assert_ptr_null(to("10.0.1.2"));
	ck_assert_ptr_null(to("192.168.5.1"));
	ck_assert_ptr_null(by_key(1));
	ck_assert(!to("10.0.1.5")->has_public_key);
	ck_assert_int_eq(set_spec("b", PEER_NATIVE, "10.0.1.2", "192.168.5.0/24", 1), 0);
	ck_assert_str_eq(by_key(1)->name, "b");
}
END_TEST

START_TEST(peer_is_not_gone_for_other_routes)
{
	ck_assert_int_eq(
	    set_spec("a", PEER_NATIVE, "10.0.1.2 10.0.1.3 fd00::2", "192.168.5.0/24", 1), 0);
	ck_assert_int_eq(
	    set_spec("a", PEER_NATIVE, "10.0.1.2 10.0.1.3 fd00::2", "192.168.6.0/24", 1), 0);
	ck_assert_int_eq(set_key("a", "10.0.1.2 fd00::2 10.0.1.3", 1), 0);
	peer_table_mark(table);
	ck_assert_int_eq(
	    set_spec("a", PEER_NATIVE, "10.0.1.2 10.0.1.3 fd00::2", "192.168.7.0/24", 1), 0);
	peer_table_sweep(table);
	ck_assert_str_eq(told, "");
	ck_assert_str_eq(name_to("192.168.7.1"), "a");
	ck_assert_str_eq(name_to("192.168.6.1"), "none");
}
END_TEST

static const struct {
	const char *addrs;
	enum peer_wire wire;
	uint8_t key;
} others[] = {
    {"10.0.1.3 10.0.1.2", PEER_NATIVE, 1},	   /* another first */
    {"10.0.1.2", PEER_NATIVE, 1},		   /* one less */
    {"10.0.1.2 10.0.1.3 fd00::2", PEER_NATIVE, 1}, /* one more */
    {"10.0.1.2 10.0.1.4", PEER_NATIVE, 1},	   /* another second */
    {"10.0.1.2 10.0.1.3", PEER_MQTT_VPN, 1},	   /* another wire */
    {"10.0.1.2 10.0.1.3", PEER_NATIVE, 2},	   /* another key */
    {"10.0.1.2 10.0.1.3", PEER_NATIVE, 0},	   /* no key */
};

START_TEST(peer_is_gone_when_it_is_another)
{
	ck_assert_int_eq(set_key("a", "10.0.1.2 10.0.1.3", 1), 0);
	if (_i % 2 == 1)
		peer_table_mark(table);
	ck_assert_int_eq(
	    set_spec("a", others[_i / 2].wire, others[_i / 2].addrs, "", others[_i / 2].key), 0);
	peer_table_sweep(table);
	ck_assert_str_eq(told, "a@10.0.1.2");
	assert_list("a");
}
END_TEST

START_TEST(peer_with_a_new_key_is_gone)
{
	ck_assert_int_eq(set("a", "10.0.1.2", ""), 0);
	ck_assert_int_eq(set_key("a", "10.0.1.2", 1), 0);
	ck_assert_str_eq(told, "a@10.0.1.2");
}
END_TEST

/* Learning. */

START_TEST(peer_is_learnt_when_it_is_heard)
{
	heard("10.0.1.7", 100, 1000);
	heard("10.0.1.7", 50, 2000);
	ck_assert_ptr_nonnull(to("10.0.1.7"));
	ck_assert(!to("10.0.1.7")->configured);
	ck_assert_ptr_null(to("10.0.1.7")->name);
	ck_assert_uint_eq(to("10.0.1.7")->rx_packets, 2);
	ck_assert_uint_eq(to("10.0.1.7")->rx_bytes, 150);
	ck_assert_uint_eq(to("10.0.1.7")->learnt_ms, 1000);
	ck_assert_uint_eq(to("10.0.1.7")->heard_ms, 2000);
	ck_assert_uint_eq(count_peers(), 1);
}
END_TEST

START_TEST(peer_keeps_the_wire_that_it_was_learnt_on)
{
	struct addr native = addr("10.0.1.7"), old = addr("10.0.1.8");
	struct peer *p = peer_learn(table, &native, PEER_NATIVE, 1000);
	struct peer *q = peer_learn(table, &old, PEER_MQTT_VPN, 1000);

	ck_assert_int_eq(p->wire, PEER_NATIVE);
	ck_assert_int_eq(q->wire, PEER_MQTT_VPN);
	ck_assert_ptr_eq(peer_learn(table, &native, PEER_MQTT_VPN, 2000), p);
	ck_assert_ptr_eq(peer_learn(table, &old, PEER_NATIVE, 2000), q);
	ck_assert_int_eq(p->wire, PEER_NATIVE);
	ck_assert_int_eq(q->wire, PEER_MQTT_VPN);
	ck_assert_uint_eq(p->learnt_ms, 1000);
}
END_TEST

START_TEST(peer_of_the_configuration_is_not_learnt)
{
	ck_assert_int_eq(set("gate", "10.0.1.2", "192.168.5.0/24"), 0);
	ck_assert_ptr_eq(learn("10.0.1.2", 1000), peer_first(table));
	ck_assert_ptr_eq(learn("192.168.5.9", 1000), peer_first(table));
	heard("192.168.5.9", 100, 1000);
	assert_list("gate");
	ck_assert_uint_eq(to("10.0.1.2")->rx_packets, 1);
	ck_assert_uint_eq(to("10.0.1.2")->heard_ms, 1000);
	ck_assert_uint_eq(to("10.0.1.2")->learnt_ms, 0);
}
END_TEST

START_TEST(peer_without_a_proper_address_is_not_learnt)
{
	const struct addr none = {.family = ADDR_NONE};

	ck_assert_ptr_null(learn("0.0.0.0", 1000));
	ck_assert_ptr_null(learn("::", 1000));
	ck_assert_ptr_null(learn("224.0.0.1", 1000));
	ck_assert_ptr_null(learn("ff02::1", 1000));
	ck_assert_ptr_null(learn_addr(&none, 1000));
	ck_assert_ptr_null(peer_first(table));
}
END_TEST

START_TEST(peer_learnt_before_is_merged_when_configured)
{
	heard("10.0.1.2", 100, 1000);
	heard("192.168.5.9", 10, 3000);
	heard("10.0.1.8", 1, 4000);
	to("10.0.1.2")->tx_packets = 5;
	to("10.0.1.2")->tx_bytes = 55;
	to("10.0.1.2")->drops = 2;
	ck_assert_int_eq(set("gate", "10.0.1.2", "192.168.5.0/24"), 0);
	assert_list("gate 10.0.1.8");
	ck_assert_str_eq(told, "@10.0.1.2 @192.168.5.9");
	ck_assert_uint_eq(to("10.0.1.2")->rx_packets, 2);
	ck_assert_uint_eq(to("10.0.1.2")->rx_bytes, 110);
	ck_assert_uint_eq(to("10.0.1.2")->tx_packets, 5);
	ck_assert_uint_eq(to("10.0.1.2")->tx_bytes, 55);
	ck_assert_uint_eq(to("10.0.1.2")->drops, 2);
	ck_assert_uint_eq(to("10.0.1.2")->heard_ms, 3000);
	ck_assert_str_eq(name_to("192.168.5.9"), "gate");
	ck_assert_uint_eq(peer_table_next_expiry(table), 4000 + PEER_LEARNT_EXPIRY_MS);
}
END_TEST

START_TEST(peer_learnt_in_the_local_network_is_not_merged_into_a_gateway)
{
	struct prefix local[LIST_MAX];

	ck_assert_int_eq(peer_table_set_local(table, local, split("10.0.1.1/24", local)), 0);
	heard("10.0.1.7", 100, 1000);
	heard("192.0.2.1", 100, 1000);
	ck_assert_int_eq(set("gate", "10.0.1.2", "0.0.0.0/0"), 0);
	assert_list("gate 10.0.1.7");
	ck_assert_str_eq(name_to("10.0.1.7"), "learnt");
}
END_TEST

START_TEST(peer_expires_at_exactly_its_time)
{
	heard("10.0.1.2", 1, 1000);
	heard("10.0.1.3", 1, 2000);
	ck_assert_uint_eq(peer_table_next_expiry(table), 1000 + PEER_LEARNT_EXPIRY_MS);
	peer_table_expire(table, 1000 + PEER_LEARNT_EXPIRY_MS - 1);
	assert_list("10.0.1.2 10.0.1.3");
	peer_table_expire(table, 1000 + PEER_LEARNT_EXPIRY_MS);
	assert_list("10.0.1.3");
	ck_assert_str_eq(told, "@10.0.1.2");
	ck_assert_ptr_null(to("10.0.1.2"));
	ck_assert_uint_eq(peer_table_next_expiry(table), 2000 + PEER_LEARNT_EXPIRY_MS);
	heard("10.0.1.3", 1, 9000);
	ck_assert_uint_eq(peer_table_next_expiry(table), 9000 + PEER_LEARNT_EXPIRY_MS);
}
END_TEST

START_TEST(peer_that_never_answers_expires)
{
	ck_assert_ptr_nonnull(learn("10.0.1.2", 1000));
	ck_assert_ptr_nonnull(learn("10.0.1.2", 2000));
	ck_assert_uint_eq(peer_table_next_expiry(table), 1000 + PEER_LEARNT_EXPIRY_MS);
	peer_table_expire(table, 1000 + PEER_LEARNT_EXPIRY_MS);
	ck_assert_ptr_null(peer_first(table));
}
END_TEST

START_TEST(peer_configured_never_expires)
{
	ck_assert_int_eq(set("a", "10.0.1.2", ""), 0);
	heard("10.0.1.2", 1, 1000);
	ck_assert_uint_eq(peer_table_next_expiry(table), UINT64_MAX);
	peer_table_expire(table, UINT64_MAX);
	assert_list("a");
}
END_TEST

START_TEST(peer_table_stays_bounded)
{
	unsigned int i;

	ck_assert_int_eq(set("a", "10.0.1.2", ""), 0);
	for (i = 0; i < 10 * PEER_LEARNT_MAX; i++)
		(void)learn_many(i, 1000 + i);
	ck_assert_uint_eq(count_peers(), PEER_LEARNT_MAX + 1);
	ck_assert_ptr_nonnull(learn_many(0, 20000));
	ck_assert_ptr_null(learn_many(PEER_LEARNT_MAX, 20000));
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(peer_gives_way_after_a_minute_of_silence)
{
	struct addr quiet = one_of_many(3);
	unsigned int i;

	for (i = 0; i < PEER_LEARNT_MAX; i++)
		peer_heard(learn_many(i, 500), 1, i == 3 ? 600 : 1000);
	ck_assert_ptr_null(learn_many(5000, 600 + PEER_LEARNT_YIELD_MS - 1));
	ck_assert_str_eq(told, "");
	ck_assert_ptr_nonnull(learn_many(5000, 600 + PEER_LEARNT_YIELD_MS));
	ck_assert_str_eq(told, "@10.9.0.3");
	ck_assert_ptr_null(peer_by_address(table, &quiet));
	ck_assert_uint_eq(count_peers(), PEER_LEARNT_MAX);
	ck_assert_ptr_null(learn_many(5001, 600 + PEER_LEARNT_YIELD_MS));
	ck_assert_ptr_nonnull(learn_many(5001, 1000 + PEER_LEARNT_YIELD_MS));
}
END_TEST

START_TEST(peer_that_was_heard_meanwhile_does_not_give_way)
{
	unsigned int i;

	for (i = 0; i < PEER_LEARNT_MAX; i++)
		ck_assert_ptr_nonnull(learn_many(i, 1000));
	ck_assert_ptr_null(learn_many(5000, 2000));
	for (i = 0; i < PEER_LEARNT_MAX; i++)
		peer_heard(learn_many(i, 3000), 1, i == 9 ? 3000 : 4000);
	ck_assert_ptr_null(learn_many(5000, 1000 + PEER_LEARNT_YIELD_MS));
	ck_assert_ptr_null(learn_many(5000, 3000 + PEER_LEARNT_YIELD_MS - 1));
	ck_assert_ptr_nonnull(learn_many(5000, 3000 + PEER_LEARNT_YIELD_MS));
	ck_assert_str_eq(told, "@10.9.0.9");
}
END_TEST

START_TEST(peer_room_comes_back_with_expiry_and_merging)
{
	unsigned int i;

	peer_table_on_gone(table, NULL, NULL);
	for (i = 0; i < PEER_LEARNT_MAX; i++)
		ck_assert_ptr_nonnull(learn_many(i, 1000));
	ck_assert_ptr_null(learn("10.0.1.2", 1000));
	ck_assert_int_eq(set("a", "10.9.0.0", ""), 0);
	ck_assert_ptr_nonnull(learn("10.0.1.2", 1000));
	ck_assert_ptr_null(learn("10.0.1.3", 1000));
	peer_table_expire(table, 1000 + PEER_LEARNT_EXPIRY_MS);
	assert_list("a");
	for (i = 1; i <= PEER_LEARNT_MAX; i++)
		ck_assert_ptr_nonnull(learn_many(i, 1000 + PEER_LEARNT_EXPIRY_MS));
	ck_assert_uint_eq(count_peers(), 1 + PEER_LEARNT_MAX);
}
END_TEST

/* Reloads. */

START_TEST(peer_reload_drops_what_is_not_named_again)
{
	struct peer *b;

	ck_assert_int_eq(set_spec("a", PEER_NATIVE, "10.0.1.2", "192.168.5.0/24", 1), 0);
	ck_assert_int_eq(set_key("b", "10.0.1.3", 2), 0);
	heard("10.0.1.3", 100, 1000);
	heard("10.0.1.7", 100, 1000);
	b = to("10.0.1.3");
	peer_table_mark(table);
	ck_assert_int_eq(set_key("b", "10.0.1.3", 2), 0);
	peer_table_sweep(table);
	assert_list("b 10.0.1.7");
	ck_assert_str_eq(told, "a@10.0.1.2");
	ck_assert_ptr_null(to("10.0.1.2"));
	ck_assert_ptr_null(to("192.168.5.1"));
	ck_assert_ptr_null(by_key(1));
	ck_assert_ptr_eq(to("10.0.1.3"), b);
	ck_assert_ptr_eq(by_key(2), b);
	ck_assert_uint_eq(b->rx_packets, 1);
	ck_assert(!b->stale);
	ck_assert_int_eq(set("a", "10.0.1.2", ""), 0);
	assert_list("b a 10.0.1.7");
}
END_TEST

START_TEST(peer_reload_takes_over_the_new_order)
{
	ck_assert_int_eq(set("a", "10.0.1.2", ""), 0);
	ck_assert_int_eq(set("b", "10.0.1.3", ""), 0);
	ck_assert_int_eq(set("c", "10.0.1.4", ""), 0);
	heard("10.0.1.7", 100, 1000);
	assert_list("a b c 10.0.1.7");
	peer_table_mark(table);
	ck_assert_int_eq(set("c", "10.0.1.4", ""), 0);
	ck_assert_int_eq(set("d", "10.0.1.5", ""), 0);
	ck_assert_int_eq(set("a", "10.0.1.2", ""), 0);
	peer_table_sweep(table);
	assert_list("c d a 10.0.1.7");
	heard("10.0.1.8", 100, 1000);
	assert_list("c d a 10.0.1.7 10.0.1.8");
}
END_TEST

START_TEST(peer_reload_may_rename_and_exchange)
{
	ck_assert_int_eq(set_key("a", "10.0.1.2", 1), 0);
	ck_assert_int_eq(set_spec("b", PEER_NATIVE, "10.0.1.3", "192.168.5.0/24", 2), 0);
	ck_assert_int_eq(set("c", "10.0.1.4", ""), 0);
	peer_table_mark(table);
	ck_assert_int_eq(set_spec("a", PEER_NATIVE, "10.0.1.3", "192.168.5.0/24", 2), 0);
	ck_assert_int_eq(set_key("b", "10.0.1.2", 1), 0);
	ck_assert_int_eq(set("d", "10.0.1.4", ""), 0);
	peer_table_sweep(table);
	assert_list("a b d");
	ck_assert_str_eq(told, "a@10.0.1.2 b@10.0.1.3 c@10.0.1.4");
	ck_assert_str_eq(name_to("10.0.1.2"), "b");
	ck_assert_str_eq(name_to("10.0.1.3"), "a");
	ck_assert_str_eq(name_to("192.168.5.1"), "a");
	ck_assert_str_eq(name_to("10.0.1.4"), "d");
	ck_assert_str_eq(by_key(1)->name, "b");
	ck_assert_str_eq(by_key(2)->name, "a");
}
END_TEST

START_TEST(peer_reload_leaves_nothing_of_a_stale_peer_but_its_name)
{
	ck_assert_int_eq(set_spec("a", PEER_NATIVE, "10.0.1.2", "192.168.5.0/24", 1), 0);
	peer_table_mark(table);
	ck_assert(peer_first(table)->stale);
	ck_assert_ptr_null(to("10.0.1.2"));
	ck_assert_ptr_null(to("192.168.5.1"));
	ck_assert_ptr_null(by_address("10.0.1.2"));
	ck_assert_ptr_null(by_key(1));
	peer_table_mark(table);
	peer_table_sweep(table);
	ck_assert_ptr_null(peer_first(table));
	ck_assert_str_eq(told, "a@10.0.1.2");
}
END_TEST

START_TEST(peer_refused_by_a_reload_is_dropped)
{
	ck_assert_int_eq(set("a", "10.0.1.2", ""), 0);
	ck_assert_int_eq(set("b", "10.0.1.3", ""), 0);
	peer_table_mark(table);
	ck_assert_int_eq(set("a", "10.0.1.2", "192.168.5.0/24"), 0);
	ck_assert_int_eq(set("b", "10.0.1.3", "192.168.5.0/24"), -1);
	peer_table_sweep(table);
	assert_list("a");
}
END_TEST

START_TEST(peer_reload_merges_by_the_longest_route)
{
	heard("10.0.1.2", 10, 1000);
	heard("192.168.5.9", 100, 1000);
	peer_table_mark(table);
	ck_assert_int_eq(set("wide", "10.0.1.2", "192.168.0.0/16"), 0);
	ck_assert_int_eq(set("narrow", "10.0.1.3", "192.168.5.0/24"), 0);
	peer_table_sweep(table);
	assert_list("wide narrow");
	ck_assert_uint_eq(to("10.0.1.2")->rx_bytes, 10);
	ck_assert_uint_eq(to("10.0.1.3")->rx_bytes, 100);
	heard("10.0.1.4", 1, 2000);
	ck_assert_int_eq(set("late", "10.0.1.4", ""), 0);
	assert_list("wide narrow late");
}
END_TEST

/* Peer i of many, with a key of its own; only every step-th, from first on. */
static void
set_many(unsigned int first, unsigned int step)
{
	uint8_t key[AEAD_KEY_LEN] = {0};
	struct addr a;
	char name[16];
	unsigned int i;

	for (i = first; i < MANY; i += step) {
		snprintf(name, sizeof(name), "peer%u", i);
		a = one_of_many(i);
		key[0] = (uint8_t)i; /* some share the hash, or nearly */
		key[9] = (uint8_t)(i >> 8);
		ck_assert_int_eq(
		    peer_table_set(table,
			&(struct peer_spec){
			    .name = name, .addrs = &a, .addr_count = 1, .public_key = key}),
		    0);
	}
}

/* All three ways lead to the same one, or nowhere. */
static void
assert_many(unsigned int first, unsigned int step, bool there)
{
	uint8_t key[AEAD_KEY_LEN] = {0};
	const struct peer *p;
	struct addr a;
	char name[16];
	unsigned int i;

	for (i = first; i < MANY; i += step) {
		snprintf(name, sizeof(name), "peer%u", i);
		a = one_of_many(i);
		key[0] = (uint8_t)i;
		key[9] = (uint8_t)(i >> 8);
		p = peer_by_key(table, key);
		ck_assert_ptr_eq(peer_for_destination(table, &a), p);
		ck_assert_ptr_eq(peer_by_address(table, &a), p);
		ck_assert_int_eq(p != NULL, there);
		if (there)
			ck_assert_str_eq(p->name, name);
	}
}

START_TEST(peer_reload_of_many_finds_those_that_remain)
{
	peer_table_on_gone(table, NULL, NULL);
	set_many(0, 1);
	assert_many(0, 1, true);
	peer_table_mark(table);
	set_many(1, 2);
	peer_table_sweep(table);
	assert_many(0, 2, false);
	assert_many(1, 2, true);
	ck_assert_uint_eq(count_peers(), MANY / 2);
	/* else the indices would grow with each reload */
	ck_assert_uint_eq(table->names.count, MANY / 2);
	ck_assert_uint_eq(table->keys.count, MANY / 2);
	set_many(0, 1);
	assert_many(0, 1, true);
	ck_assert_uint_eq(count_peers(), MANY);
	peer_table_mark(table);
	peer_table_sweep(table);
	assert_many(0, 1, false);
	ck_assert_ptr_null(peer_first(table));
}
END_TEST

static TCase *
tests_of_configured_peers(void)
{
	TCase *tcase = tcase_create("configured");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, peer_table_begins_empty);
	tcase_add_test(tcase, peer_is_found_by_address_and_by_route);
	tcase_add_test(tcase, peer_default_route_leaves_the_neighbours_alone);
	tcase_add_test(tcase, peer_route_as_long_as_the_local_network_wins);
	tcase_add_test(tcase, peer_address_is_the_destination_or_of_its_family);
	tcase_add_test(tcase, peer_by_address_wants_its_own);
	tcase_add_test(tcase, peer_is_found_by_its_key);
	tcase_add_test(tcase, peer_set_refuses_what_belongs_to_another);
	tcase_add_test(tcase, peer_set_again_stays_where_it_is);
	tcase_add_test(tcase, peer_set_again_gives_up_what_it_had);
	tcase_add_test(tcase, peer_is_not_gone_for_other_routes);
	tcase_add_loop_test(tcase, peer_is_gone_when_it_is_another, 0, 2 * (int)ARRAY_LEN(others));
	tcase_add_test(tcase, peer_with_a_new_key_is_gone);
	return tcase;
}

static TCase *
tests_of_learnt_peers(void)
{
	TCase *tcase = tcase_create("learnt");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, peer_is_learnt_when_it_is_heard);
	tcase_add_test(tcase, peer_keeps_the_wire_that_it_was_learnt_on);
	tcase_add_test(tcase, peer_of_the_configuration_is_not_learnt);
	tcase_add_test(tcase, peer_without_a_proper_address_is_not_learnt);
	tcase_add_test(tcase, peer_learnt_before_is_merged_when_configured);
	tcase_add_test(tcase, peer_learnt_in_the_local_network_is_not_merged_into_a_gateway);
	tcase_add_test(tcase, peer_expires_at_exactly_its_time);
	tcase_add_test(tcase, peer_that_never_answers_expires);
	tcase_add_test(tcase, peer_configured_never_expires);
	tcase_add_test(tcase, peer_table_stays_bounded);
	tcase_add_test(tcase, peer_gives_way_after_a_minute_of_silence);
	tcase_add_test(tcase, peer_that_was_heard_meanwhile_does_not_give_way);
	tcase_add_test(tcase, peer_room_comes_back_with_expiry_and_merging);
	return tcase;
}

static TCase *
tests_of_reloads(void)
{
	TCase *tcase = tcase_create("reload");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, peer_reload_drops_what_is_not_named_again);
	tcase_add_test(tcase, peer_reload_takes_over_the_new_order);
	tcase_add_test(tcase, peer_reload_may_rename_and_exchange);
	tcase_add_test(tcase, peer_reload_leaves_nothing_of_a_stale_peer_but_its_name);
	tcase_add_test(tcase, peer_refused_by_a_reload_is_dropped);
	tcase_add_test(tcase, peer_reload_merges_by_the_longest_route);
	tcase_add_test(tcase, peer_reload_of_many_finds_those_that_remain);
	return tcase;
}

int
main(void)
{
	Suite *suite = suite_create("peer");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tests_of_configured_peers());
	suite_add_tcase(suite, tests_of_learnt_peers());
	suite_add_tcase(suite, tests_of_reloads());
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
