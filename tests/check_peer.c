/*
 * Tests of peer: who a packet goes to, what is learnt and forgotten, what a reload does.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "peer.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 4

static struct peer_table *table;

static void
setup(void)
{
	table = peer_table_new();
	ck_assert_ptr_nonnull(table);
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

/* peer_table_set() with its lists as text. */
static int
set(const char *name, const char *addresses, const char *networks)
{
	struct prefix hosts[LIST_MAX], routes[LIST_MAX];
	size_t i, addr_count = split(addresses, hosts), route_count = split(networks, routes);
	struct addr addrs[LIST_MAX];

	for (i = 0; i < addr_count; i++)
		addrs[i] = hosts[i].addr;
	return peer_table_set(table, name, addrs, addr_count, routes, route_count);
}

static struct peer *
to(const char *text)
{
	struct addr a = addr(text);

	return peer_for_destination(table, &a);
}

/* The name of the peer that a packet to text goes to: "heard", "none" for those without. */
static const char *
name_to(const char *text)
{
	const struct peer *p = to(text);

	if (p == NULL)
		return "none";
	return p->name != NULL ? p->name : "heard";
}

static void
heard(const char *text, size_t len, uint64_t now_ms)
{
	struct addr a = addr(text);

	peer_heard(table, &a, len, now_ms);
}

/* The i-th of many addresses. */
static void
heard_many(unsigned int i, uint64_t now_ms)
{
	struct addr a =
	    addr_from_bytes(ADDR_IPV4, (const uint8_t[]){10, 9, (uint8_t)(i >> 8), (uint8_t)i});

	peer_heard(table, &a, 1, now_ms);
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

/* Compares the names in list order, those only heard as their address. */
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
	ck_assert_uint_eq(peer_table_next_expiry(table), UINT64_MAX);
	peer_table_expire(table, UINT64_MAX);
	peer_table_sweep(table);
	peer_table_free(NULL);
}
END_TEST

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
	ck_assert_str_eq(name_to("10.0.1.3"), "heard");
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

START_TEST(peer_set_refuses_what_belongs_to_another)
{
	ck_assert_int_eq(set("a", "10.0.1.2", "192.168.5.0/24"), 0);
	ck_assert_int_eq(set("b", "10.0.1.3", ""), 0);
	errno = 0;
	ck_assert_int_eq(set("b", "10.0.1.4 10.0.1.2", ""), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(set("b", "10.0.1.4", "192.168.5.77/24"), -1);
	ck_assert_int_eq(set("c", "10.0.1.4", "10.0.1.3/32"), -1);
	ck_assert_str_eq(name_to("10.0.1.2"), "a");
	ck_assert_str_eq(name_to("10.0.1.3"), "b");
	ck_assert_str_eq(name_to("10.0.1.4"), "none");
	assert_list("a b");
}
END_TEST

START_TEST(peer_set_again_keeps_the_counters)
{
	ck_assert_int_eq(set("a", "10.0.1.2", "192.168.5.0/24"), 0);
	heard("10.0.1.2", 100, 5000);
	to("10.0.1.2")->tx_packets = 7;
	to("10.0.1.2")->tx_bytes = 77;
	ck_assert_int_eq(set("a", "10.0.1.5", ""), 0);
	ck_assert_ptr_null(to("10.0.1.2"));
	ck_assert_ptr_null(to("192.168.5.1"));
	ck_assert_uint_eq(to("10.0.1.5")->rx_packets, 1);
	ck_assert_uint_eq(to("10.0.1.5")->rx_bytes, 100);
	ck_assert_uint_eq(to("10.0.1.5")->tx_packets, 7);
	ck_assert_uint_eq(to("10.0.1.5")->tx_bytes, 77);
	ck_assert_uint_eq(to("10.0.1.5")->heard_ms, 5000);
	ck_assert_uint_eq(count_peers(), 1);
}
END_TEST

START_TEST(peer_is_learnt_when_it_is_heard)
{
	heard("10.0.1.7", 100, 1000);
	heard("10.0.1.7", 50, 2000);
	ck_assert_ptr_nonnull(to("10.0.1.7"));
	ck_assert(!to("10.0.1.7")->configured);
	ck_assert_ptr_null(to("10.0.1.7")->name);
	ck_assert_uint_eq(to("10.0.1.7")->rx_packets, 2);
	ck_assert_uint_eq(to("10.0.1.7")->rx_bytes, 150);
	ck_assert_uint_eq(to("10.0.1.7")->heard_ms, 2000);
	ck_assert_uint_eq(count_peers(), 1);
}
END_TEST

START_TEST(peer_behind_a_route_is_not_learnt)
{
	ck_assert_int_eq(set("gate", "10.0.1.2", "192.168.5.0/24"), 0);
	heard("192.168.5.9", 100, 1000);
	assert_list("gate");
	ck_assert_uint_eq(to("10.0.1.2")->rx_packets, 1);
	ck_assert_uint_eq(to("10.0.1.2")->heard_ms, 1000);
}
END_TEST

START_TEST(peer_without_a_proper_address_is_not_learnt)
{
	heard("0.0.0.0", 100, 1000);
	heard("::", 100, 1000);
	heard("224.0.0.1", 100, 1000);
	heard("ff02::1", 100, 1000);
	ck_assert_ptr_null(peer_first(table));
}
END_TEST

START_TEST(peer_heard_before_is_merged_when_configured)
{
	heard("10.0.1.2", 100, 1000);
	heard("192.168.5.9", 10, 3000);
	heard("10.0.1.8", 1, 4000);
	to("10.0.1.2")->tx_packets = 5;
	ck_assert_int_eq(set("gate", "10.0.1.2", "192.168.5.0/24"), 0);
	assert_list("gate 10.0.1.8");
	ck_assert_uint_eq(to("10.0.1.2")->rx_packets, 2);
	ck_assert_uint_eq(to("10.0.1.2")->rx_bytes, 110);
	ck_assert_uint_eq(to("10.0.1.2")->tx_packets, 5);
	ck_assert_uint_eq(to("10.0.1.2")->heard_ms, 3000);
	ck_assert_str_eq(name_to("192.168.5.9"), "gate");
	ck_assert_uint_eq(peer_table_next_expiry(table), 4000 + PEER_HEARD_EXPIRY_MS);
}
END_TEST

START_TEST(peer_expires_at_exactly_its_time)
{
	heard("10.0.1.2", 1, 1000);
	heard("10.0.1.3", 1, 2000);
	ck_assert_uint_eq(peer_table_next_expiry(table), 1000 + PEER_HEARD_EXPIRY_MS);
	peer_table_expire(table, 1000 + PEER_HEARD_EXPIRY_MS - 1);
	assert_list("10.0.1.2 10.0.1.3");
	peer_table_expire(table, 1000 + PEER_HEARD_EXPIRY_MS);
	assert_list("10.0.1.3");
	ck_assert_ptr_null(to("10.0.1.2"));
	ck_assert_uint_eq(peer_table_next_expiry(table), 2000 + PEER_HEARD_EXPIRY_MS);
	heard("10.0.1.3", 1, 9000);
	ck_assert_uint_eq(peer_table_next_expiry(table), 9000 + PEER_HEARD_EXPIRY_MS);
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
	for (i = 0; i < 10 * PEER_HEARD_MAX; i++)
		heard_many(i, 1000 + i);
	ck_assert_uint_eq(count_peers(), PEER_HEARD_MAX + 1);
	ck_assert_ptr_nonnull(to("10.9.0.0"));
	ck_assert_ptr_null(to("10.9.1.0"));
}
END_TEST

START_TEST(peer_gives_way_after_a_minute_of_silence)
{
	unsigned int i;

	for (i = 0; i < PEER_HEARD_MAX; i++)
		heard_many(i, 1000);
	heard_many(3, 500);
	heard_many(1000, 500 + PEER_HEARD_YIELD_MS - 1);
	ck_assert_ptr_null(to("10.9.3.232"));
	heard_many(1000, 500 + PEER_HEARD_YIELD_MS);
	ck_assert_ptr_nonnull(to("10.9.3.232"));
	ck_assert_ptr_null(to("10.9.0.3"));
	ck_assert_ptr_nonnull(to("10.9.0.2"));
	ck_assert_uint_eq(count_peers(), PEER_HEARD_MAX);
	heard_many(1001, 500 + PEER_HEARD_YIELD_MS);
	ck_assert_ptr_null(to("10.9.3.233"));
}
END_TEST

START_TEST(peer_room_comes_back_with_expiry_and_merging)
{
	unsigned int i;

	for (i = 0; i < PEER_HEARD_MAX; i++)
		heard_many(i, 1000);
	ck_assert_int_eq(set("a", "10.9.0.0", ""), 0);
	heard("10.0.1.2", 1, 1000);
	ck_assert_str_eq(name_to("10.0.1.2"), "heard");
	peer_table_expire(table, 1000 + PEER_HEARD_EXPIRY_MS);
	assert_list("a");
	for (i = 1; i <= PEER_HEARD_MAX; i++)
		heard_many(i, 1000);
	ck_assert_uint_eq(count_peers(), 1 + PEER_HEARD_MAX);
}
END_TEST

START_TEST(peer_reload_drops_what_is_not_named_again)
{
	ck_assert_int_eq(set("a", "10.0.1.2", "192.168.5.0/24"), 0);
	ck_assert_int_eq(set("b", "10.0.1.3", ""), 0);
	heard("10.0.1.3", 100, 1000);
	heard("10.0.1.7", 100, 1000);
	peer_table_mark(table);
	ck_assert_int_eq(set("b", "10.0.1.3", ""), 0);
	peer_table_sweep(table);
	assert_list("b 10.0.1.7");
	ck_assert_ptr_null(to("10.0.1.2"));
	ck_assert_ptr_null(to("192.168.5.1"));
	ck_assert_uint_eq(to("10.0.1.3")->rx_packets, 1);
	ck_assert(!to("10.0.1.3")->stale);
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
}
END_TEST

START_TEST(peer_reload_may_rename_and_exchange)
{
	ck_assert_int_eq(set("a", "10.0.1.2", ""), 0);
	ck_assert_int_eq(set("b", "10.0.1.3", "192.168.5.0/24"), 0);
	ck_assert_int_eq(set("c", "10.0.1.4", ""), 0);
	peer_table_mark(table);
	ck_assert_int_eq(set("a", "10.0.1.3", "192.168.5.0/24"), 0);
	ck_assert_int_eq(set("b", "10.0.1.2", ""), 0);
	ck_assert_int_eq(set("d", "10.0.1.4", ""), 0);
	peer_table_sweep(table);
	assert_list("a b d");
	ck_assert_str_eq(name_to("10.0.1.2"), "b");
	ck_assert_str_eq(name_to("10.0.1.3"), "a");
	ck_assert_str_eq(name_to("192.168.5.1"), "a");
	ck_assert_str_eq(name_to("10.0.1.4"), "d");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("peer");
	TCase *tcase = tcase_create("peer");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, peer_table_begins_empty);
	tcase_add_test(tcase, peer_is_found_by_address_and_by_route);
	tcase_add_test(tcase, peer_default_route_leaves_the_neighbours_alone);
	tcase_add_test(tcase, peer_route_as_long_as_the_local_network_wins);
	tcase_add_test(tcase, peer_address_is_the_destination_or_of_its_family);
	tcase_add_test(tcase, peer_set_refuses_what_belongs_to_another);
	tcase_add_test(tcase, peer_set_again_keeps_the_counters);
	tcase_add_test(tcase, peer_is_learnt_when_it_is_heard);
	tcase_add_test(tcase, peer_behind_a_route_is_not_learnt);
	tcase_add_test(tcase, peer_without_a_proper_address_is_not_learnt);
	tcase_add_test(tcase, peer_heard_before_is_merged_when_configured);
	tcase_add_test(tcase, peer_expires_at_exactly_its_time);
	tcase_add_test(tcase, peer_configured_never_expires);
	tcase_add_test(tcase, peer_table_stays_bounded);
	tcase_add_test(tcase, peer_gives_way_after_a_minute_of_silence);
	tcase_add_test(tcase, peer_room_comes_back_with_expiry_and_merging);
	tcase_add_test(tcase, peer_reload_drops_what_is_not_named_again);
	tcase_add_test(tcase, peer_reload_takes_over_the_new_order);
	tcase_add_test(tcase, peer_reload_may_rename_and_exchange);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
