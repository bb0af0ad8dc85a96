/*
 * tun and netlink against the real kernel, in network namespaces of their own. Needs root.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "ip.h"
#include "netlink.h"
#include "tun.h"

#define EXIT_SKIPPED 77
#define HEADROOM 56
#define MAX_PACKET 1400
#define TABLE 7777

struct fixture {
	struct event_base *base;
	struct netlink *netlink;
	struct tun *tun;
	/* What tun reported. */
	unsigned int packets;
	unsigned int held; /* packets since the last end of a burst */
	unsigned int bursts;
	unsigned int pause_after; /* 0: never */
	size_t last_len;
	uint8_t last[HEADROOM + MAX_PACKET + 1];
	unsigned int gone;
	int gone_cause;
	/* How often netlink reported each change. */
	unsigned int changes[NETLINK_OWN_UP + 1];
};

static struct fixture f;

static bool
on_packet(void *arg, uint8_t *buf, size_t len)
{
	f.packets++;
	f.held++;
	f.last_len = len;
	memcpy(f.last, buf + HEADROOM, len);
	if (f.packets != f.pause_after)
		return true;
	tun_pause(f.tun);
	return false;
}

static void
on_burst_end(void *arg)
{
	f.held = 0;
	f.bursts++;
}

static void
on_gone(void *arg, int cause)
{
	f.gone++;
	f.gone_cause = cause;
}

static void
on_change(void *arg, enum netlink_change change)
{
	f.changes[change]++;
}

static const struct tun_callbacks callbacks = {
    .packet = on_packet, .burst_end = on_burst_end, .gone = on_gone};

static void
setup(void)
{
	memset(&f, 0, sizeof(f));
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	f.base = event_base_new();
	ck_assert_ptr_nonnull(f.base);
	f.netlink = netlink_open(f.base, on_change, NULL);
	ck_assert_ptr_nonnull(f.netlink);
}

static void
teardown(void)
{
	tun_close(f.tun);
	netlink_close(f.netlink);
	event_base_free(f.base);
}

/* Until there is nothing left to do. */
static void
turn(void)
{
	ck_assert_int_ne(event_base_loop(f.base, EVLOOP_NONBLOCK), -1);
}

static void
forget_changes(void)
{
	turn();
	memset(f.changes, 0, sizeof(f.changes));
}

static void
run(const char *command)
{
	ck_assert_msg(system(command) == 0, "%s", command);
}

/* Whether the command's output holds text. */
static bool
prints(const char *command, const char *text)
{
	char output[4096];
	FILE *pipe = popen(command, "r");
	size_t len;

	ck_assert_ptr_nonnull(pipe);
	len = fread(output, 1, sizeof(output) - 1, pipe);
	output[len] = '\0';
	pclose(pipe);
	return strstr(output, text) != NULL;
}

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	ck_assert_int_eq(prefix_parse(text, &p), 0);
	return p;
}

static struct addr
addr(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), 0);
	return a;
}

static void
open_tun(const char *name)
{
	char *error = NULL;

	f.tun = tun_open(f.base, name, HEADROOM, MAX_PACKET, &callbacks, &error);
	ck_assert_msg(f.tun != NULL, "%s", error);
}

/* 10.9.0.1/24 and fd09::1/64, up. */
static void
configure_tun(void)
{
	unsigned int ifindex = tun_ifindex(f.tun);
	struct prefix p4 = prefix("10.9.0.1/24"), p6 = prefix("fd09::1/64");

	ck_assert_int_eq(netlink_set_mtu(f.netlink, ifindex, MAX_PACKET), 0);
	ck_assert_int_eq(netlink_add_address(f.netlink, ifindex, &p4), 0);
	ck_assert_int_eq(netlink_add_address(f.netlink, ifindex, &p6), 0);
	ck_assert_int_eq(netlink_set_up(f.netlink, ifindex, true), 0);
}

static int
udp_socket(uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(s, -1);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&in, sizeof(in)), 0);
	return s;
}

static void
send_udp(size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4000)};
	uint8_t payload[MAX_PACKET] = {0};
	int s = udp_socket(0);

	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	ck_assert_int_eq(
	    sendto(s, payload, len, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)len);
	close(s);
}

static char *
open_error(const char *name)
{
	char *error = NULL;

	ck_assert_ptr_null(tun_open(f.base, name, HEADROOM, MAX_PACKET, &callbacks, &error));
	ck_assert_ptr_nonnull(error);
	return error;
}

START_TEST(tun_fills_in_a_pattern)
{
	open_tun("mq%d");
	ck_assert_str_eq(tun_name(f.tun), "mq0");
	ck_assert_uint_eq(tun_ifindex(f.tun), if_nametoindex("mq0"));
	ck_assert(!tun_was_persistent(f.tun));
}
END_TEST

START_TEST(tun_takes_its_interface_along)
{
	open_tun("mq0");
	tun_close(f.tun);
	f.tun = NULL;
	ck_assert_uint_eq(if_nametoindex("mq0"), 0);
}
END_TEST

START_TEST(tun_leaves_a_persistent_interface)
{
	run("ip tuntap add mode tun name mq0");
	open_tun("mq0");
	ck_assert(tun_was_persistent(f.tun));
	tun_close(f.tun);
	f.tun = NULL;
	ck_assert_uint_ne(if_nametoindex("mq0"), 0);
}
END_TEST

START_TEST(tun_says_why_it_does_not_open)
{
	static const struct {
		const char *name, *expected;
	} cases[] = {
	    {"mq0", "in use by another process"},
	    {"lo", "is not a TUN device"},
	    {"a/b", "is no name for an interface"},
	    {"", "expected 1 to 15 characters"},
	    {"sixteen-letters-", "expected 1 to 15 characters"},
	};

	open_tun("mq0");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *error = open_error(cases[i].name);

		ck_assert_msg(strstr(error, cases[i].expected) != NULL, "%s", error);
		free(error);
	}
}
END_TEST

START_TEST(tun_says_what_privilege_is_missing)
{
	char *error;

	ck_assert_int_eq(setuid(65534), 0);
	error = open_error("mq0");
	ck_assert_msg(strstr(error, "CAP_NET_ADMIN") != NULL, "%s", error);
	free(error);
}
END_TEST

START_TEST(tun_reads_behind_the_headroom)
{
	struct ip_info info;
	struct addr dst = addr("10.9.0.2");

	open_tun("mq0");
	configure_tun();
	tun_resume(f.tun);
	turn();
	send_udp(100);
	turn();
	ck_assert_uint_eq(f.last_len, 20 + 8 + 100);
	ck_assert_int_eq(ip_parse(f.last, f.last_len, &info), IP_OK);
	ck_assert(addr_equal(&info.dst, &dst));
}
END_TEST

START_TEST(tun_shows_a_packet_that_is_too_long)
{
	open_tun("mq0");
	configure_tun();
	ck_assert_int_eq(netlink_set_mtu(f.netlink, tun_ifindex(f.tun), 1500), 0);
	tun_resume(f.tun);
	turn();
	send_udp(MAX_PACKET - 28);
	turn();
	ck_assert_uint_eq(f.last_len, MAX_PACKET);
	send_udp(MAX_PACKET);
	turn();
	ck_assert_uint_eq(f.last_len, MAX_PACKET + 1);
}
END_TEST

START_TEST(tun_reads_a_bounded_burst)
{
	open_tun("mq0");
	configure_tun();
	tun_resume(f.tun);
	turn();
	f.packets = 0;
	for (int i = 0; i < TUN_BURST + 10; i++)
		send_udp(10);
	ck_assert_int_ne(event_base_loop(f.base, EVLOOP_ONCE), -1);
	ck_assert_uint_eq(f.packets, TUN_BURST);
	turn();
	ck_assert_uint_ge(f.packets, TUN_BURST + 10);
}
END_TEST

START_TEST(tun_pauses_within_a_burst_and_resumes)
{
	open_tun("mq0");
	configure_tun();
	tun_resume(f.tun);
	turn();
	f.packets = 0;
	f.pause_after = 2;
	for (int i = 0; i < 5; i++)
		send_udp(10);
	turn();
	turn();
	ck_assert_uint_eq(f.packets, 2);
	ck_assert_uint_eq(f.held, 0); /* also when it is stopped the end is told */
	f.bursts = 0;
	tun_resume(f.tun);
	turn();
	ck_assert_uint_ge(f.packets, 5);
	ck_assert_uint_eq(f.held, 0);
	ck_assert_uint_eq(f.bursts, 1); /* not one for each packet */
}
END_TEST

START_TEST(tun_writes_to_the_machine)
{
	struct addr src = addr("10.9.0.2"), dst = addr("10.9.0.1");
	/* UDP from 4000 to 4000, 9 bytes, no checksum */
	static const uint8_t udp[] = {0x0f, 0xa0, 0x0f, 0xa0, 0, 9, 0, 0, 'x'};
	uint8_t packet[64];
	char got[8];
	size_t len;
	int s;

	open_tun("mq0");
	configure_tun();
	s = udp_socket(4000);
	len = ip_build(packet, sizeof(packet), &src, &dst, IPPROTO_UDP, udp, sizeof(udp));
	ck_assert_int_eq(tun_write(f.tun, packet, len), 0);
	ck_assert_int_eq(recv(s, got, sizeof(got), 0), 1);
	ck_assert_int_eq(got[0], 'x');
	close(s);
}
END_TEST

START_TEST(tun_loses_only_the_packet_while_it_is_down)
{
	static const uint8_t packet[20] = {0x45};

	open_tun("mq0");
	tun_resume(f.tun);
	ck_assert_int_eq(tun_write(f.tun, packet, sizeof(packet)), -1);
	ck_assert_int_eq(errno, EIO);
	turn();
	ck_assert_uint_eq(f.gone, 0);
}
END_TEST

START_TEST(tun_notices_that_its_interface_is_gone)
{
	open_tun("mq0");
	tun_resume(f.tun);
	run("ip link delete mq0");
	turn();
	ck_assert_uint_eq(f.gone, 1);
	ck_assert_int_eq(f.gone_cause, EBADFD);
}
END_TEST

START_TEST(tun_notices_that_its_interface_is_gone_when_it_writes)
{
	static const uint8_t packet[20] = {0x45};

	open_tun("mq0");
	run("ip link delete mq0");
	turn();
	ck_assert_uint_eq(f.gone, 0);
	ck_assert_int_eq(tun_write(f.tun, packet, sizeof(packet)), -1);
	ck_assert_int_eq(tun_write(f.tun, packet, sizeof(packet)), -1);
	turn();
	tun_resume(f.tun);
	turn();
	ck_assert_uint_eq(f.gone, 1);
}
END_TEST

START_TEST(netlink_adds_addresses)
{
	open_tun("mq0");
	configure_tun();
	ck_assert(prints("ip -o address show mq0", "inet 10.9.0.1/24 brd 10.9.0.255"));
	ck_assert(prints("ip -o address show mq0", "inet6 fd09::1/64"));
	ck_assert(!prints("ip -o address show mq0", "tentative"));
	configure_tun(); /* again: nothing to do */
}
END_TEST

START_TEST(netlink_sets_mtu_and_state)
{
	open_tun("mq0");
	configure_tun();
	ck_assert(prints("ip -o link show mq0", "mtu 1400"));
	ck_assert(prints("ip -o link show mq0", ",UP"));
	ck_assert_int_eq(netlink_set_up(f.netlink, tun_ifindex(f.tun), false), 0);
	ck_assert(!prints("ip -o link show mq0", ",UP"));
}
END_TEST

START_TEST(netlink_adds_and_deletes_routes)
{
	static const char *const routes[] = {"192.168.5.0/24", "0.0.0.0/0", "fd0a::/48", "::/0"};
	static const uint32_t tables[] = {254, TABLE};

	open_tun("mq0");
	configure_tun();
	for (size_t i = 0; i < 4 * 2 * 2; i++) {
		struct prefix p = prefix(routes[i % 4]);

		ck_assert_int_eq(
		    netlink_add_route(f.netlink, tun_ifindex(f.tun), &p, tables[i / 4 % 2]), 0);
	}
	ck_assert(
	    prints("ip route show table main", "192.168.5.0/24 dev mq0 proto static scope link"));
	ck_assert(prints("ip route show table 7777", "default dev mq0"));
	ck_assert(prints("ip -6 route show table 7777", "fd0a::/48 dev mq0"));
	for (size_t i = 0; i < 4 * 2 * 2; i++) {
		struct prefix p = prefix(routes[i % 4]);

		ck_assert_int_eq(
		    netlink_delete_route(f.netlink, tun_ifindex(f.tun), &p, tables[i / 4 % 2]), 0);
	}
	ck_assert(!prints("ip route show table main", "192.168.5.0/24"));
	ck_assert(!prints("ip -6 route show table 7777", "mq0"));
}
END_TEST

START_TEST(netlink_puts_its_route_behind_one_of_another_link)
{
	struct prefix p = prefix("192.168.5.0/24");

	run("ip link add other type veth peer name far && ip link set far up && ip link set other "
	    "up && "
	    "ip address add 192.168.5.7/24 dev other");
	open_tun("mq0");
	configure_tun();
	ck_assert_int_eq(netlink_add_route(f.netlink, tun_ifindex(f.tun), &p, 254), 0);
	ck_assert(prints("ip route get 192.168.5.9", "dev other"));
	ck_assert(prints("ip route show", "192.168.5.0/24 dev mq0"));
	ck_assert_int_eq(netlink_delete_route(f.netlink, tun_ifindex(f.tun), &p, 254), 0);
	ck_assert(prints("ip route show", "192.168.5.0/24 dev other"));
}
END_TEST

START_TEST(netlink_adds_and_deletes_rules)
{
	struct addr to = addr("192.0.2.7"), to6 = addr("2001:db8::7");
	const struct netlink_rule rules[] = {
	    {.family = ADDR_IPV4, .to = &to, .priority = 700, .table = 254},
	    {.family = ADDR_IPV6, .to = &to6, .priority = 700, .table = 254},
	    {.family = ADDR_IPV4, .priority = 701, .table = 254, .suppress_default = true},
	    {.family = ADDR_IPV6, .priority = 702, .table = TABLE},
	};

	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(netlink_add_rule(f.netlink, &rules[i % 4]), 0);
	ck_assert(prints("ip rule", "700:\tfrom all to 192.0.2.7 lookup main"));
	ck_assert(prints("ip rule", "701:\tfrom all lookup main suppress_prefixlength 0"));
	ck_assert(prints("ip -6 rule", "700:\tfrom all to 2001:db8::7 lookup main"));
	ck_assert(prints("ip -6 rule", "702:\tfrom all lookup 7777"));
	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(netlink_delete_rule(f.netlink, &rules[i % 4]), 0);
	ck_assert(!prints("ip rule; ip -6 rule", "70"));
}
END_TEST

START_TEST(netlink_settles_what_a_deleted_interface_took_along)
{
	struct prefix p = prefix("10.9.0.1/24"), p6 = prefix("fd0a::/48");
	unsigned int ifindex;

	open_tun("mq0");
	ifindex = tun_ifindex(f.tun);
	run("ip link delete mq0");
	ck_assert_int_eq(netlink_delete_route(f.netlink, ifindex, &p, 254), 0);
	ck_assert_int_eq(netlink_delete_route(f.netlink, ifindex, &p6, TABLE), 0);
	ck_assert_int_eq(netlink_set_up(f.netlink, ifindex, true), -1);
	ck_assert_int_eq(errno, ENODEV);
}
END_TEST

START_TEST(netlink_keeps_quiet_about_what_its_owner_does)
{
	struct prefix p = prefix("192.168.5.0/24");

	open_tun("mq0");
	netlink_watch(f.netlink, tun_ifindex(f.tun));
	configure_tun();
	ck_assert_int_eq(netlink_add_route(f.netlink, tun_ifindex(f.tun), &p, 254), 0);
	turn();
	for (size_t i = 0; i <= NETLINK_OWN_UP; i++)
		ck_assert_uint_eq(f.changes[i], 0);
}
END_TEST

START_TEST(netlink_reports_what_others_do_to_our_interface)
{
	open_tun("mq0");
	netlink_watch(f.netlink, tun_ifindex(f.tun));
	configure_tun();
	forget_changes();
	run("ip link set mq0 down");
	turn();
	ck_assert_uint_eq(f.changes[NETLINK_OWN_DOWN], 1);
	run("ip link set mq0 up");
	turn();
	ck_assert_uint_eq(f.changes[NETLINK_OWN_UP], 1);
	run("ip link delete mq0");
	turn();
	ck_assert_uint_eq(f.changes[NETLINK_OWN_GONE], 1);
	ck_assert_uint_eq(f.changes[NETLINK_OWN_DOWN], 1);
	ck_assert_uint_eq(f.changes[NETLINK_UPLINK_CAME], 0);
}
END_TEST

START_TEST(netlink_reports_an_uplink_once_a_burst)
{
	open_tun("mq0");
	netlink_watch(f.netlink, tun_ifindex(f.tun));
	run("ip link add other type veth peer name far && ip link set far up");
	forget_changes();
	run("ip link set other up && ip address add 192.0.2.1/24 dev other && "
	    "ip route add default via 192.0.2.254");
	turn();
	ck_assert_uint_eq(f.changes[NETLINK_UPLINK_CAME], 1);
	run("ip route add 198.51.100.0/24 via 192.0.2.254");
	turn();
	ck_assert_uint_eq(f.changes[NETLINK_UPLINK_CAME], 2);
	run("ip link delete other");
	turn();
	ck_assert_uint_eq(f.changes[NETLINK_UPLINK_CAME], 2);
}
END_TEST

START_TEST(netlink_looks_again_when_news_was_lost)
{
	char route[sizeof("10.255.255.0/24")];

	open_tun("mq0");
	netlink_watch(f.netlink, tun_ifindex(f.tun));
	configure_tun();
	forget_changes();
	for (int i = 0; i < 2000; i++) {
		struct prefix p;

		snprintf(route, sizeof(route), "10.%d.%d.0/24", 100 + i / 256, i % 256);
		p = prefix(route);
		ck_assert_int_eq(netlink_add_route(f.netlink, tun_ifindex(f.tun), &p, TABLE), 0);
	}
	run("ip link delete mq0");
	turn();
	ck_assert_uint_eq(f.changes[NETLINK_OWN_GONE], 1);
	ck_assert_uint_ge(f.changes[NETLINK_UPLINK_CAME], 1);
}
END_TEST

static TCase *
tun_tests(void)
{
	TCase *tc = tcase_create("tun");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, tun_fills_in_a_pattern);
	tcase_add_test(tc, tun_takes_its_interface_along);
	tcase_add_test(tc, tun_leaves_a_persistent_interface);
	tcase_add_test(tc, tun_says_why_it_does_not_open);
	tcase_add_test(tc, tun_says_what_privilege_is_missing);
	tcase_add_test(tc, tun_reads_behind_the_headroom);
	tcase_add_test(tc, tun_shows_a_packet_that_is_too_long);
	tcase_add_test(tc, tun_reads_a_bounded_burst);
	tcase_add_test(tc, tun_pauses_within_a_burst_and_resumes);
	tcase_add_test(tc, tun_writes_to_the_machine);
	tcase_add_test(tc, tun_loses_only_the_packet_while_it_is_down);
	tcase_add_test(tc, tun_notices_that_its_interface_is_gone);
	tcase_add_test(tc, tun_notices_that_its_interface_is_gone_when_it_writes);
	return tc;
}

static TCase *
netlink_tests(void)
{
	TCase *tc = tcase_create("netlink");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, netlink_adds_addresses);
	tcase_add_test(tc, netlink_sets_mtu_and_state);
	tcase_add_test(tc, netlink_adds_and_deletes_routes);
	tcase_add_test(tc, netlink_puts_its_route_behind_one_of_another_link);
	tcase_add_test(tc, netlink_adds_and_deletes_rules);
	tcase_add_test(tc, netlink_settles_what_a_deleted_interface_took_along);
	tcase_add_test(tc, netlink_keeps_quiet_about_what_its_owner_does);
	tcase_add_test(tc, netlink_reports_what_others_do_to_our_interface);
	tcase_add_test(tc, netlink_reports_an_uplink_once_a_burst);
	tcase_add_test(tc, netlink_looks_again_when_news_was_lost);
	return tc;
}

int
main(void)
{
	Suite *suite;
	SRunner *runner;
	int failed;

	if (unshare(CLONE_NEWNET) == -1 || access("/dev/net/tun", R_OK | W_OK) == -1) {
		fprintf(stderr, "no privilege for a network namespace, or no /dev/net/tun\n");
		return EXIT_SKIPPED;
	}
	suite = suite_create("devices");
	suite_add_tcase(suite, tun_tests());
	suite_add_tcase(suite, netlink_tests());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
