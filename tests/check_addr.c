/*
 * Addresses and prefixes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "addr.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct addr
address(const char *text)
{
	struct addr a;

	ck_assert_msg(addr_parse(text, &a) == 0, "%s", text);
	return a;
}

static struct prefix
net(const char *text)
{
	struct prefix p;

	ck_assert_msg(prefix_parse(text, &p) == 0, "%s", text);
	return p;
}

static void
expect_text(const char *text, const char *expected)
{
	struct addr a = address(text);
	char buf[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_format(&a, buf), expected);
}

START_TEST(addr_keeps_ipv4_in_the_first_four_bytes)
{
	const uint8_t expected[16] = {10, 0, 1, 255};
	struct addr a;

	memset(&a, 0xaa, sizeof(a));
	ck_assert_int_eq(addr_parse("10.0.1.255", &a), 0);
	ck_assert_uint_eq(a.family, ADDR_IPV4);
	ck_assert_mem_eq(a.bytes, expected, sizeof(expected));
	ck_assert_uint_eq(addr_len(&a), 4);
	ck_assert_uint_eq(addr_bits(&a), 32);
}
END_TEST

START_TEST(addr_reads_ipv6)
{
	const uint8_t expected[16] = {0xfd, 0, 0x6d, 0x71, [15] = 1};
	struct addr a = address("FD00:6D71::1");

	ck_assert_uint_eq(a.family, ADDR_IPV6);
	ck_assert_mem_eq(a.bytes, expected, sizeof(expected));
	ck_assert_uint_eq(addr_len(&a), 16);
	ck_assert_uint_eq(addr_bits(&a), 128);
}
END_TEST

START_TEST(addr_refuses_what_is_no_address)
{
	static const char *const bad[] = {"", "10.0.1", "10.0.1.256", "10.0.1.1.1", " 10.0.1.1",
	    "10.0.1.1 ", "010.0.1.1", "0x0a.0.1.1", "fe80::1%eth0", "[::1]", "1::2::3", "::g",
	    "10.0.1.1/24", "host", ":::"};
	struct addr a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		ck_assert_msg(addr_parse(bad[i], &a) == -1, "%s", bad[i]);
		ck_assert_int_eq(errno, EINVAL);
	}
}
END_TEST

START_TEST(addr_prints_rfc_5952)
{
	expect_text("10.0.1.1", "10.0.1.1");
	expect_text("::", "::");
	expect_text("0:0:0:0:0:0:0:1", "::1");
	expect_text("FD00:6d71:0000::0001", "fd00:6d71::1");
	/* one zero group alone is not shortened, and of two equal runs the first is */
	expect_text("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
	expect_text("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
	expect_text("::ffff:192.0.2.1", "::ffff:192.0.2.1");
	expect_text("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}
END_TEST

START_TEST(addr_prints_none)
{
	struct addr a = {.family = ADDR_NONE};
	char buf[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_format(&a, buf), "none");
}
END_TEST

START_TEST(addr_equals_only_in_its_family)
{
	struct addr v4 = address("0.0.0.0");
	struct addr v6 = address("::");
	struct addr other = address("0.0.0.1");

	ck_assert(addr_equal(&v4, &v4));
	ck_assert(!addr_equal(&v4, &v6));
	ck_assert(!addr_equal(&v6, &v4));
	ck_assert(!addr_equal(&v4, &other));
}
END_TEST

static bool
is(bool (*class)(const struct addr *), const char *text)
{
	struct addr a = address(text);

	return class(&a);
}

START_TEST(addr_knows_multicast)
{
	ck_assert(is(addr_is_multicast, "224.0.0.1"));
	ck_assert(is(addr_is_multicast, "239.255.255.255"));
	ck_assert(is(addr_is_multicast, "ff02::1"));
	ck_assert(!is(addr_is_multicast, "223.255.255.255"));
	ck_assert(!is(addr_is_multicast, "240.0.0.0"));
	ck_assert(!is(addr_is_multicast, "255.255.255.255"));
	ck_assert(!is(addr_is_multicast, "fe80::1"));
}
END_TEST

START_TEST(addr_knows_unspecified)
{
	struct addr none = {.family = ADDR_NONE};

	ck_assert(is(addr_is_unspecified, "0.0.0.0"));
	ck_assert(is(addr_is_unspecified, "::"));
	ck_assert(!is(addr_is_unspecified, "0.0.0.1"));
	ck_assert(!is(addr_is_unspecified, "::1"));
	ck_assert(!addr_is_unspecified(&none));
}
END_TEST

START_TEST(addr_knows_loopback)
{
	ck_assert(is(addr_is_loopback, "127.0.0.1"));
	ck_assert(is(addr_is_loopback, "127.255.255.255"));
	ck_assert(is(addr_is_loopback, "::1"));
	ck_assert(!is(addr_is_loopback, "128.0.0.1"));
	ck_assert(!is(addr_is_loopback, "::2"));
	ck_assert(!is(addr_is_loopback, "7f00::1"));
	ck_assert(is(addr_is_link_local, "fe80::1"));
	ck_assert(is(addr_is_link_local, "febf:ffff::"));
	ck_assert(!is(addr_is_link_local, "fe7f::1"));
	ck_assert(!is(addr_is_link_local, "fec0::1"));
	ck_assert(!is(addr_is_link_local, "254.128.0.1"));
}
END_TEST

START_TEST(prefix_keeps_host_bits)
{
	struct prefix p = net("10.0.1.5/24");
	char buf[PREFIX_TEXT_MAX];

	ck_assert_str_eq(prefix_format(&p, buf), "10.0.1.5/24");
	p = prefix_network(&p);
	ck_assert_str_eq(prefix_format(&p, buf), "10.0.1.0/24");
}
END_TEST

START_TEST(prefix_without_length_is_a_host)
{
	ck_assert_uint_eq(net("10.0.1.5").len, 32);
	ck_assert_uint_eq(net("fd00::1").len, 128);
}
END_TEST

START_TEST(prefix_refuses_bad_lengths)
{
	static const char *const bad[] = {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8",
	    "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/8/8", "10.0.0.0/0008", "10.0.0.0/256",
	    "10.0.0.0/4294967304", "fd00::/129", "/8", "", "10.0.0/8",
	    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255:ffff/8"};
	struct prefix p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		ck_assert_msg(prefix_parse(bad[i], &p) == -1, "%s", bad[i]);
		ck_assert_int_eq(errno, EINVAL);
	}
}
END_TEST

START_TEST(prefix_takes_the_longest_text)
{
	const char *text = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128";
	struct prefix p = net(text);
	char buf[PREFIX_TEXT_MAX];

	ck_assert_uint_eq(strlen(text) + 1, PREFIX_TEXT_MAX);
	ck_assert_str_eq(prefix_format(&p, buf), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
}
END_TEST

static bool
contains(const char *p_text, const char *a_text)
{
	struct prefix p = net(p_text);
	struct addr a = address(a_text);

	return prefix_contains(&p, &a);
}

START_TEST(prefix_contains_up_to_its_edges)
{
	ck_assert(contains("10.0.1.5/24", "10.0.1.0"));
	ck_assert(contains("10.0.1.5/24", "10.0.1.255"));
	ck_assert(!contains("10.0.1.5/24", "10.0.2.0"));
	ck_assert(contains("172.16.0.0/12", "172.31.255.255"));
	ck_assert(!contains("172.16.0.0/12", "172.32.0.0"));
	ck_assert(contains("10.0.1.5/32", "10.0.1.5"));
	ck_assert(!contains("10.0.1.5/32", "10.0.1.4"));
	ck_assert(contains("fd00::/127", "fd00::1"));
	ck_assert(!contains("fd00::/127", "fd00::2"));
}
END_TEST

START_TEST(prefix_of_length_zero_holds_its_family_only)
{
	struct prefix nothing = {.addr = {.family = ADDR_NONE}};
	struct addr none = {.family = ADDR_NONE};

	ck_assert(contains("0.0.0.0/0", "255.255.255.255"));
	ck_assert(contains("::/0", "ffff::1"));
	ck_assert(!contains("0.0.0.0/0", "::"));
	ck_assert(!contains("::/0", "0.0.0.0"));
	ck_assert(!prefix_contains(&nothing, &none));
}
END_TEST

START_TEST(prefix_equality_ignores_host_bits)
{
	struct prefix a = net("10.0.1.5/24");
	struct prefix b = net("10.0.1.0/24");
	struct prefix shorter = net("10.0.1.0/23");
	struct prefix other = net("10.0.2.0/24");

	ck_assert(prefix_equal(&a, &b));
	ck_assert(!prefix_equal(&b, &shorter));
	ck_assert(!prefix_equal(&b, &other));
}
END_TEST

static void
expect_broadcast(const char *text, const char *expected)
{
	struct prefix p = net(text);
	struct addr a = prefix_broadcast(&p);
	char buf[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_format(&a, buf), expected);
}

START_TEST(prefix_broadcast_needs_room_for_one)
{
	expect_broadcast("10.0.1.5/24", "10.0.1.255");
	expect_broadcast("10.0.1.5/20", "10.0.15.255");
	expect_broadcast("10.0.1.5/30", "10.0.1.7");
	expect_broadcast("0.0.0.0/0", "255.255.255.255");
	expect_broadcast("10.0.1.5/31", "none");
	expect_broadcast("10.0.1.5/32", "none");
	expect_broadcast("fd00::1/24", "none");
}
END_TEST

START_TEST(prefix_len_of_each_netmask)
{
	struct prefix p = net("255.255.255.255");
	struct prefix mask;
	char buf[ADDR_TEXT_MAX];

	for (int len = 0; len <= 32; len++) {
		p.len = (uint8_t)len;
		mask = prefix_network(&p);
		ck_assert_int_eq(prefix_len_from_netmask(addr_format(&mask.addr, buf)), len);
	}
	ck_assert_int_eq(prefix_len_from_netmask("255.255.255.0"), 24);
}
END_TEST

START_TEST(prefix_len_refuses_what_is_no_netmask)
{
	static const char *const bad[] = {
	    "255.0.255.0", "0.255.255.255", "255.255.255.1", "10.0.0.1", "24", "ffff::", "::", ""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		ck_assert_msg(prefix_len_from_netmask(bad[i]) == -1, "%s", bad[i]);
		ck_assert_int_eq(errno, EINVAL);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("addr");
	TCase *tc = tcase_create("addr");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_test(tc, addr_keeps_ipv4_in_the_first_four_bytes);
	tcase_add_test(tc, addr_reads_ipv6);
	tcase_add_test(tc, addr_refuses_what_is_no_address);
	tcase_add_test(tc, addr_prints_rfc_5952);
	tcase_add_test(tc, addr_prints_none);
	tcase_add_test(tc, addr_equals_only_in_its_family);
	tcase_add_test(tc, addr_knows_multicast);
	tcase_add_test(tc, addr_knows_unspecified);
	tcase_add_test(tc, addr_knows_loopback);
	tcase_add_test(tc, prefix_keeps_host_bits);
	tcase_add_test(tc, prefix_without_length_is_a_host);
	tcase_add_test(tc, prefix_refuses_bad_lengths);
	tcase_add_test(tc, prefix_takes_the_longest_text);
	tcase_add_test(tc, prefix_contains_up_to_its_edges);
	tcase_add_test(tc, prefix_of_length_zero_holds_its_family_only);
	tcase_add_test(tc, prefix_equality_ignores_host_bits);
	tcase_add_test(tc, prefix_broadcast_needs_room_for_one);
	tcase_add_test(tc, prefix_len_of_each_netmask);
	tcase_add_test(tc, prefix_len_refuses_what_is_no_netmask);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
