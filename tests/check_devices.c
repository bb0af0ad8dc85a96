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
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "ip.h"
#include "netlink.h"
#include "offload.h"
#include "packet.h"
#include "tun.h"
#include "util.h"

#define EXIT_SKIPPED 77
#define MTU 1400
#define LARGE_MTU 65000
#define TABLE 7777
#define UDP_HEADERS 28 /* IPv4 and UDP */
#define STREAM_LEN 300000
#define UDP_SEGMENT_OPTION 103 /* UDP_SEGMENT; some headers lack it */

struct fixture {
	struct event_base *base;
	struct netlink *netlink;
	struct packet_pool *pool;
	struct tun *tun;
	struct tun *far; /* in another namespace; what one reads the other writes */
	int far_namespace, namespace;
	/* What tun reported. */
	unsigned int packets;
	unsigned int held;    /* packets since the last end of a burst */
	unsigned int longest; /* of the bursts */
	unsigned int bursts;
	unsigned int pause_after; /* 0: never */
	unsigned int lost;
	unsigned int super; /* packets that stand for many */
	struct packet last;
	uint8_t bytes[PACKET_MAX]; /* of the last one */
	unsigned int gone;
	int gone_cause;
	/* How often netlink reported each change. */
	unsigned int changes[NETLINK_OWN_UP + 1];
};

static struct fixture f;

static void
on_packet(void *arg, struct packet *p)
{
	bool by_itself = p->data[0] >> 4 == 6; /* what the kernel says to multicast groups */

	f.held++;
	if (!by_itself) {
		f.packets++;
		f.last = *p;
		memcpy(f.bytes, p->data, p->len);
	}
	packet_put(f.pool, p);
	if (!by_itself && f.packets == f.pause_after)
		tun_pause(f.tun);
}

/* arg is the device that it goes to. */
static void
on_packet_to_forward(void *arg, struct packet *p)
{
	struct tun **to = arg;
	struct iovec iov = {p->data, p->len};

	f.packets++;
	f.super += p->offload.gso_size != 0;
	f.last = *p;
	ck_assert_int_eq(tun_write(*to, &p->offload, &iov, 1), 0);
	packet_put(f.pool, p);
}

static void
on_lost(void *arg)
{
	f.lost++;
}

static void
on_burst_end(void *arg)
{
	if (f.held > f.longest)
		f.longest = f.held;
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
    .packet = on_packet, .lost = on_lost, .burst_end = on_burst_end, .gone = on_gone};
static const struct packet_offload nothing = {0};

static void
setup(void)
{
	memset(&f, 0, sizeof(f));
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	f.base = event_base_new();
	ck_assert_ptr_nonnull(f.base);
	f.netlink = netlink_open(f.base, on_change, NULL);
	ck_assert_ptr_nonnull(f.netlink);
	f.pool = packet_pool_new();
	ck_assert_ptr_nonnull(f.pool);
}

static void
teardown(void)
{
	tun_close(f.tun);
	tun_close(f.far);
	ck_assert_uint_eq(packet_pool_used(f.pool), 0);
	packet_pool_free(f.pool);
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
open_tun_with(enum tun_offload offload)
{
	char *error = NULL;

	f.tun = tun_open(f.base, "mq0", f.pool, offload, &callbacks, &error);
	ck_assert_msg(f.tun != NULL, "%s", error);
}

static void
open_tun(const char *name)
{
	char *error = NULL;

	f.tun = tun_open(f.base, name, f.pool, TUN_OFFLOAD_TCP, &callbacks, &error);
	ck_assert_msg(f.tun != NULL, "%s", error);
}

static void
close_tun(void)
{
	tun_close(f.tun);
	f.tun = NULL;
}

/* 10.9.0.1/24 and fd09::1/64, up. */
static void
configure_tun(void)
{
	unsigned int ifindex = tun_ifindex(f.tun);
	struct prefix p4 = prefix("10.9.0.1/24"), p6 = prefix("fd09::1/64");

	ck_assert_int_eq(netlink_set_mtu(f.netlink, ifindex, MTU), 0);
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

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static void
send_udp(size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4000)};
	uint8_t payload[LARGE_MTU];
	int s = udp_socket(0);

	for (size_t i = 0; i < len; i++)
		payload[i] = pattern(i);
	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	ck_assert_int_eq(
	    sendto(s, payload, len, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)len);
	close(s);
}

/* Configures the interface and begins to read. */
static void
start_tun(unsigned int mtu)
{
	configure_tun();
	ck_assert_int_eq(netlink_set_mtu(f.netlink, tun_ifindex(f.tun), mtu), 0);
	tun_resume(f.tun);
	turn();
}

/* RFC 768: over the addresses, the protocol, the length and all there is. */
static bool
has_good_checksum(const uint8_t *packet, size_t len)
{
	static uint8_t summed[12 + PACKET_MAX];

	memcpy(summed, packet + 12, 8);
	summed[8] = 0;
	summed[9] = packet[9];
	summed[10] = (uint8_t)((len - 20) >> 8);
	summed[11] = (uint8_t)(len - 20);
	memcpy(summed + 12, packet + 20, len - 20);
	return ip_checksum(summed, 12 + len - 20) == 0;
}

static void
expect_udp(size_t payload_len)
{
	unsigned int before = f.packets;
	struct ip_info info;
	struct addr dst = addr("10.9.0.2");

	send_udp(payload_len);
	turn();
	ck_assert_uint_eq(f.packets, before + 1);
	ck_assert_int_eq(ip_parse(f.bytes, f.last.len, &info), IP_OK);
	ck_assert_uint_eq(info.total_len, UDP_HEADERS + payload_len);
	ck_assert(addr_equal(&info.dst, &dst));
	for (size_t i = 0; i < payload_len; i++)
		ck_assert_uint_eq(f.bytes[UDP_HEADERS + i], pattern(i));
	ck_assert_int_eq(has_good_checksum(f.bytes, f.last.len), !f.last.offload.partial);
}

static char *
open_error(const char *name)
{
	char *error = NULL;

	ck_assert_ptr_null(tun_open(f.base, name, f.pool, TUN_OFFLOAD_NONE, &callbacks, &error));
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
	close_tun();
	ck_assert_uint_eq(if_nametoindex("mq0"), 0);
}
END_TEST

START_TEST(tun_leaves_a_persistent_interface)
{
	run("ip tuntap add mode tun name mq0");
	open_tun("mq0");
	ck_assert(tun_was_persistent(f.tun));
	close_tun();
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

START_TEST(tun_reads_packets_of_any_length)
{
	static const size_t lengths[] = {
	    20, PACKET_SMALL - 1, PACKET_SMALL, PACKET_SMALL + 1, 1000, 30000, LARGE_MTU};

	open_tun_with(_i == 0 ? TUN_OFFLOAD_NONE : TUN_OFFLOAD_TCP);
	start_tun(LARGE_MTU);
	for (size_t i = 1; i < ARRAY_LEN(lengths); i++) {
		expect_udp(lengths[i] - UDP_HEADERS);
		ck_assert_uint_eq(
		    f.last.room, lengths[i] <= PACKET_SMALL ? PACKET_SMALL : PACKET_LARGE);
		ck_assert_int_eq(f.last.offload.partial, _i != 0);
	}
	ck_assert_uint_eq(f.lost, 0);
}
END_TEST

/* Whatever the one before set up. */
START_TEST(tun_uses_a_persistent_interface_each_way)
{
	static const enum tun_offload ways[] = {
	    TUN_OFFLOAD_TCP, TUN_OFFLOAD_NONE, TUN_OFFLOAD_TCP, TUN_OFFLOAD_NONE};

	run("ip tuntap add mode tun name mq0");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		open_tun_with(ways[i]);
		ck_assert(tun_was_persistent(f.tun));
		ck_assert_int_eq(tun_offload(f.tun), ways[i]);
		start_tun(MTU);
		expect_udp(100);
		ck_assert_int_eq(f.last.offload.partial, ways[i] != TUN_OFFLOAD_NONE);
		close_tun();
	}
}
END_TEST

START_TEST(tun_sets_the_length_of_the_header_anew)
{
	struct ifreq ifr = {.ifr_name = "mq0", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), len = 12;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(ioctl(fd, TUNSETIFF, &ifr), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &len), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	close(fd);
	open_tun_with(TUN_OFFLOAD_TCP);
	start_tun(MTU);
	expect_udp(100);
}
END_TEST

/* As virtio has it. */
struct header {
	uint8_t flags, gso_type;
	uint16_t len, gso_size, csum_start, csum_offset;
};

static void
send_raw(const struct header *header, const uint8_t *packet, size_t len)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	struct iovec iov[] = {
	    {(void *)(uintptr_t)header, sizeof(*header)}, {(void *)(uintptr_t)packet, len}};
	struct msghdr message = {
	    .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 2};
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	ck_assert_int_ne(s, -1);
	ck_assert_int_eq(setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	to.sll_ifindex = (int)tun_ifindex(f.tun);
	ck_assert_int_eq(sendmsg(s, &message, 0), (ssize_t)(sizeof(*header) + len));
	close(s);
	turn();
}

/* A packet of TCP with these flags, to be cut. */
static void
send_tcp_to_cut(uint8_t flags)
{
	struct addr src = addr("10.9.0.1"), dst = addr("10.9.0.2");
	/* VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4 */
	struct header header = {1, 1, 40, 1000, 20, 16};
	uint8_t packet[4000], tcp[3000] = {[12] = 0x50, [13] = flags};

	send_raw(&header, packet,
	    ip_build(packet, sizeof(packet), &src, &dst, IPPROTO_TCP, tcp, sizeof(tcp)));
}

START_TEST(tun_loses_a_packet_that_cannot_be_cut)
{
	open_tun_with(TUN_OFFLOAD_TCP);
	start_tun(MTU);
	send_tcp_to_cut(TH_ACK);
	ck_assert_uint_eq(f.packets, 1);
	ck_assert_uint_eq(f.last.len, 3020);
	ck_assert_uint_eq(f.last.offload.gso_size, 1000);
	send_tcp_to_cut(TH_SYN);
	ck_assert_uint_eq(f.packets, 1);
	ck_assert_uint_eq(f.lost, 1);
}
END_TEST

/* Nor does it inherit from the one before, which was lost. */
START_TEST(tun_passes_what_is_no_ip_packet_as_it_is)
{
	static const uint8_t junk[3000] = {0x70, 1, 2};
	struct header header = {0};

	open_tun_with(TUN_OFFLOAD_TCP);
	start_tun(sizeof(junk));
	send_tcp_to_cut(TH_SYN);
	ck_assert_uint_eq(f.lost, 1);
	send_raw(&header, junk, sizeof(junk));
	ck_assert_uint_eq(f.packets, 1);
	ck_assert_uint_eq(f.last.len, sizeof(junk));
	ck_assert_mem_eq(f.bytes, junk, sizeof(junk));
	ck_assert_mem_eq(&f.last.offload, &nothing, sizeof(nothing));
}
END_TEST

START_TEST(tun_reads_a_bounded_burst)
{
	open_tun("mq0");
	start_tun(MTU);
	for (int i = 0; i < TUN_BURST + 10; i++)
		send_udp(10);
	ck_assert_int_ne(event_base_loop(f.base, EVLOOP_ONCE), -1);
	ck_assert_uint_eq(f.longest, TUN_BURST);
	turn();
	ck_assert_uint_eq(f.packets, TUN_BURST + 10);
}
END_TEST

START_TEST(tun_reads_a_burst_of_bounded_bytes)
{
	open_tun("mq0");
	start_tun(LARGE_MTU);
	for (int i = 0; i < 5; i++)
		send_udp(TUN_BURST_BYTES / 3);
	ck_assert_int_ne(event_base_loop(f.base, EVLOOP_ONCE), -1);
	ck_assert_uint_eq(f.packets, 3);
	turn();
	ck_assert_uint_eq(f.packets, 5);
}
END_TEST

START_TEST(tun_pauses_within_a_burst_and_resumes)
{
	open_tun("mq0");
	start_tun(MTU);
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
	ck_assert_uint_eq(f.packets, 5);
	ck_assert_uint_eq(f.held, 0);
	ck_assert_uint_eq(f.bursts, 1); /* not one for each packet */
}
END_TEST

START_TEST(tun_reads_a_burst_when_it_is_told)
{
	open_tun("mq0");
	start_tun(MTU);
	tun_pause(f.tun);
	f.bursts = 0;
	send_udp(10);
	tun_read(f.tun);
	ck_assert_uint_eq(f.packets, 0);
	ck_assert_uint_eq(f.bursts, 0);
	tun_resume(f.tun);
	tun_read(f.tun);
	ck_assert_uint_eq(f.packets, 1);
	ck_assert_uint_eq(f.bursts, 1);
	run("ip link delete mq0");
	tun_read(f.tun);
	tun_read(f.tun);
	ck_assert_uint_eq(f.gone, 1);
	ck_assert_uint_eq(f.bursts, 2);
}
END_TEST

/* A datagram from 10.9.0.2 to port 4000 of 10.9.0.1, whose checksum is to be completed. */
static size_t
build_udp(
    uint8_t *packet, size_t size, size_t payload_len, uint16_t gso_size, struct packet_offload *o)
{
	struct addr src = addr("10.9.0.2"), dst = addr("10.9.0.1");
	uint8_t udp[LARGE_MTU] = {
	    0x0f, 0xa0, 0x0f, 0xa0, (payload_len + 8) >> 8 & 0xff, (payload_len + 8) & 0xff};
	size_t len;

	for (size_t i = 0; i < payload_len; i++)
		udp[8 + i] = pattern(i);
	len = ip_build(packet, size, &src, &dst, IPPROTO_UDP, udp, 8 + payload_len);
	ck_assert_uint_ne(len, 0);
	ck_assert_int_eq(offload_check(packet, len, gso_size, o), 0);
	return len;
}

/* What came out of the socket: datagrams of at most piece_len bytes. */
static void
expect_datagrams(int s, size_t payload_len, size_t piece_len)
{
	uint8_t got[LARGE_MTU];
	size_t expected;

	for (size_t done = 0; done < payload_len; done += expected) {
		expected = payload_len - done < piece_len ? payload_len - done : piece_len;
		ck_assert_int_eq(recv(s, got, sizeof(got), 0), (ssize_t)expected);
		for (size_t i = 0; i < expected; i++)
			ck_assert_uint_eq(got[i], pattern(done + i));
	}
	ck_assert_int_eq(recv(s, got, sizeof(got), 0), -1);
}

/* In pieces of memory, the first one with the headers. */
START_TEST(tun_writes_to_the_machine)
{
	uint8_t packet[2048];
	struct packet_offload o;
	struct iovec iov[3];
	size_t len;
	int s;

	open_tun_with((enum tun_offload)_i);
	start_tun(MTU);
	s = udp_socket(4000);
	len = build_udp(packet, sizeof(packet), 1000, 0, &o);
	iov[0] = (struct iovec){packet, 100};
	iov[1] = (struct iovec){packet + 100, 1};
	iov[2] = (struct iovec){packet + 101, len - 101};
	ck_assert(o.partial);
	ck_assert_int_eq(tun_write(f.tun, &o, iov, 3), 0);
	expect_datagrams(s, 1000, 1000);
	/* The socket would not have seen it with a wrong checksum. */
	packet[len - 1] ^= 1;
	ck_assert_int_eq(tun_write(f.tun, &nothing, iov, 3), 0);
	ck_assert_int_eq(recv(s, packet, sizeof(packet), 0), -1);
	close(s);
}
END_TEST

/* How many packets the kernel took out of the device. */
static unsigned int
taken_by_kernel(void)
{
	struct ifaddrs *list, *i;
	unsigned int count = 0;

	ck_assert_int_eq(getifaddrs(&list), 0);
	for (i = list; i != NULL; i = i->ifa_next) {
		if (i->ifa_data != NULL && strcmp(i->ifa_name, "mq0") == 0)
			count = ((const struct rtnl_link_stats *)i->ifa_data)->rx_packets;
	}
	freeifaddrs(list);
	return count;
}

/* One write; returns how many packets the kernel made of it. */
static unsigned int
write_datagrams(int s, size_t payload_len, uint16_t piece_len)
{
	uint8_t packet[8192];
	struct packet_offload o;
	size_t len = build_udp(packet, sizeof(packet), payload_len, 1000, &o);
	struct iovec iov[] = {{packet, 50}, {packet + 50, len - 50}};
	unsigned int before = taken_by_kernel();

	o.gso_size = piece_len;
	ck_assert_int_eq(tun_write(f.tun, &o, iov, 2), 0);
	expect_datagrams(s, payload_len, piece_len);
	return taken_by_kernel() - before;
}

START_TEST(tun_cuts_what_the_kernel_does_not)
{
	int s;

	open_tun_with((enum tun_offload)_i);
	start_tun(MTU);
	s = udp_socket(4000);
	ck_assert_uint_eq(
	    write_datagrams(s, 3500, 1000), tun_offload(f.tun) == TUN_OFFLOAD_UDP ? 1 : 4);
	close(s);
}
END_TEST

/* More pieces than the kernel makes of one. */
START_TEST(tun_cuts_what_the_kernel_refuses_and_gives_it_no_more)
{
	int s;

	open_tun_with(TUN_OFFLOAD_UDP);
	if (tun_offload(f.tun) != TUN_OFFLOAD_UDP)
		return;
	start_tun(MTU);
	s = udp_socket(4000);
	for (int i = 0; i < 8; i++) {
		ck_assert_uint_eq(write_datagrams(s, 3500, 1000), 1);
		ck_assert_uint_eq(write_datagrams(s, 1400, 10), 140);
	}
	ck_assert_uint_eq(write_datagrams(s, 3500, 1000), 4);
	close(s);
}
END_TEST

START_TEST(tun_loses_only_the_packet_that_the_kernel_refuses)
{
	uint8_t packet[20] = {0x15}; /* no version of IP */
	struct iovec iov = {packet, sizeof(packet)};

	open_tun("mq0");
	start_tun(MTU);
	ck_assert_int_eq(tun_write(f.tun, &nothing, &iov, 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	turn();
	ck_assert_uint_eq(f.gone, 0);
	expect_udp(100);
}
END_TEST

static void
enter(int namespace)
{
	ck_assert_int_eq(setns(namespace, CLONE_NEWNET), 0);
}

/* Two hosts with a line between them: mq0 here with 10.9.0.1 and fd09::1, mq0 in the other
 * namespace with 10.9.0.2 and fd09::2. */
static void
open_line(enum tun_offload here, enum tun_offload far)
{
	struct tun_callbacks forward = callbacks;
	char *error = NULL;

	f.namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	forward.packet = on_packet_to_forward;
	forward.arg = &f.far;
	f.tun = tun_open(f.base, "mq0", f.pool, here, &forward, &error);
	ck_assert_msg(f.tun != NULL, "%s", error);
	configure_tun();
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	f.far_namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	forward.arg = &f.tun;
	f.far = tun_open(f.base, "mq0", f.pool, far, &forward, &error);
	ck_assert_msg(f.far != NULL, "%s", error);
	run("ip link set mq0 up mtu 1400 && ip address add 10.9.0.2/24 dev mq0 && "
	    "ip address add fd09::2/64 dev mq0 nodad");
	enter(f.namespace);
	tun_resume(f.tun);
	tun_resume(f.far);
	turn();
}

static int
listen_here(int family, struct sockaddr_storage *name, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	int s = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "10.9.0.1", &in.sin_addr);
	inet_pton(AF_INET6, "fd09::1", &in6.sin6_addr);
	ck_assert_int_ne(s, -1);
	if (family == AF_INET)
		ck_assert_int_eq(bind(s, (struct sockaddr *)&in, sizeof(in)), 0);
	else
		ck_assert_int_eq(bind(s, (struct sockaddr *)&in6, sizeof(in6)), 0);
	ck_assert_int_eq(listen(s, 1), 0);
	*len = sizeof(*name);
	ck_assert_int_eq(getsockname(s, (struct sockaddr *)name, len), 0);
	return s;
}

/* The other host connects to this one. */
static void
connect_both(int family, int *server, int *client)
{
	struct sockaddr_storage name;
	socklen_t len;
	int listener = listen_here(family, &name, &len);

	enter(f.far_namespace);
	*client = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(*client, -1);
	enter(f.namespace);
	ck_assert_int_eq(connect(*client, (struct sockaddr *)&name, len), -1);
	ck_assert_int_eq(errno, EINPROGRESS);
	do {
		turn();
		*server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (*server == -1 && errno == EAGAIN);
	ck_assert_int_ne(*server, -1);
	close(listener);
}

/* From one end of a connection to the other, checking each byte. */
static void
stream(int from, int to)
{
	static uint8_t all[STREAM_LEN], got[STREAM_LEN];
	size_t sent = 0, received = 0;
	ssize_t n;

	for (size_t i = 0; i < STREAM_LEN; i++)
		all[i] = pattern(i);
	while (received < STREAM_LEN) {
		n = sent == STREAM_LEN ? 0 : send(from, all + sent, STREAM_LEN - sent, 0);
		ck_assert(n != -1 || errno == EAGAIN);
		sent += n == -1 ? 0 : (size_t)n;
		turn();
		n = recv(to, got + received, STREAM_LEN - received, 0);
		ck_assert(n > 0 || (n == -1 && errno == EAGAIN));
		received += n == -1 ? 0 : (size_t)n;
	}
	ck_assert_mem_eq(all, got, STREAM_LEN);
}

static const struct {
	enum tun_offload here, far;
} lines[] = {
    {TUN_OFFLOAD_TCP, TUN_OFFLOAD_TCP},
    {TUN_OFFLOAD_TCP, TUN_OFFLOAD_NONE},
    {TUN_OFFLOAD_NONE, TUN_OFFLOAD_TCP},
    {TUN_OFFLOAD_NONE, TUN_OFFLOAD_NONE},
    {TUN_OFFLOAD_UDP, TUN_OFFLOAD_UDP},
    {TUN_OFFLOAD_UDP, TUN_OFFLOAD_TCP},
};

/* What has them is sent again, so that the bytes alone would not tell. */
static void
expect_no_bad_checksums(void)
{
	ck_assert(prints("sed -n 's/^Tcp:.* //p' /proc/net/snmp", "InCsumErrors\n0\n"));
}

static void
stream_over_line(int family, unsigned int number)
{
	int server, client;

	open_line(lines[number].here, lines[number].far);
	connect_both(family, &server, &client);
	f.super = 0;
	stream(client, server);
	ck_assert_int_eq(f.super > 0, lines[number].far != TUN_OFFLOAD_NONE);
	f.super = 0;
	stream(server, client);
	ck_assert_int_eq(f.super > 0, lines[number].here != TUN_OFFLOAD_NONE);
	expect_no_bad_checksums();
	enter(f.far_namespace);
	expect_no_bad_checksums();
	ck_assert_uint_eq(f.lost, 0);
	close(server);
	close(client);
}

START_TEST(tun_carries_a_stream_between_any_two)
{
	stream_over_line(AF_INET, (unsigned int)_i);
}
END_TEST

START_TEST(tun_carries_a_stream_of_ipv6_between_any_two)
{
	stream_over_line(AF_INET6, (unsigned int)_i);
}
END_TEST

START_TEST(tun_carries_datagrams_that_were_joined)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4000)};
	uint8_t payload[5100];
	int s, client, piece_len = 1000;
	bool whole;

	open_line(lines[_i].here, lines[_i].far);
	whole = tun_offload(f.far) == TUN_OFFLOAD_UDP;
	s = udp_socket(4000);
	enter(f.far_namespace);
	client = udp_socket(0);
	enter(f.namespace);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = pattern(i);
	inet_pton(AF_INET, "10.9.0.1", &to.sin_addr);
	ck_assert_int_eq(
	    setsockopt(client, IPPROTO_UDP, UDP_SEGMENT_OPTION, &piece_len, sizeof(piece_len)), 0);
	f.super = 0;
	ck_assert_int_eq(
	    sendto(client, payload, sizeof(payload), 0, (struct sockaddr *)&to, sizeof(to)),
	    (ssize_t)sizeof(payload));
	turn();
	expect_datagrams(s, sizeof(payload), (size_t)piece_len);
	ck_assert_uint_eq(f.super, whole ? 1 : 0);
	ck_assert_uint_eq(f.lost, 0);
	close(s);
	close(client);
}
END_TEST

START_TEST(tun_loses_only_the_packet_while_it_is_down)
{
	uint8_t packet[20] = {0x45};
	struct iovec iov = {packet, sizeof(packet)};

	open_tun("mq0");
	tun_resume(f.tun);
	ck_assert_int_eq(tun_write(f.tun, &nothing, &iov, 1), -1);
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
	uint8_t packet[20] = {0x45};
	struct iovec iov = {packet, sizeof(packet)};

	open_tun("mq0");
	run("ip link delete mq0");
	turn();
	ck_assert_uint_eq(f.gone, 0);
	ck_assert_int_eq(tun_write(f.tun, &nothing, &iov, 1), -1);
	ck_assert_int_eq(tun_write(f.tun, &nothing, &iov, 1), -1);
	turn();
	ck_assert_uint_eq(f.gone, 1);
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

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, tun_fills_in_a_pattern);
	tcase_add_test(tc, tun_takes_its_interface_along);
	tcase_add_test(tc, tun_leaves_a_persistent_interface);
	tcase_add_test(tc, tun_says_why_it_does_not_open);
	tcase_add_test(tc, tun_says_what_privilege_is_missing);
	tcase_add_loop_test(tc, tun_reads_packets_of_any_length, 0, 2);
	tcase_add_test(tc, tun_uses_a_persistent_interface_each_way);
	tcase_add_test(tc, tun_sets_the_length_of_the_header_anew);
	tcase_add_test(tc, tun_loses_a_packet_that_cannot_be_cut);
	tcase_add_test(tc, tun_passes_what_is_no_ip_packet_as_it_is);
	tcase_add_test(tc, tun_reads_a_bounded_burst);
	tcase_add_test(tc, tun_reads_a_burst_of_bounded_bytes);
	tcase_add_test(tc, tun_pauses_within_a_burst_and_resumes);
	tcase_add_test(tc, tun_reads_a_burst_when_it_is_told);
	tcase_add_loop_test(tc, tun_writes_to_the_machine, TUN_OFFLOAD_NONE, TUN_OFFLOAD_UDP + 1);
	tcase_add_loop_test(
	    tc, tun_cuts_what_the_kernel_does_not, TUN_OFFLOAD_NONE, TUN_OFFLOAD_UDP + 1);
	tcase_add_test(tc, tun_cuts_what_the_kernel_refuses_and_gives_it_no_more);
	tcase_add_test(tc, tun_loses_only_the_packet_that_the_kernel_refuses);
	tcase_add_loop_test(tc, tun_carries_a_stream_between_any_two, 0, (int)ARRAY_LEN(lines));
	tcase_add_loop_test(
	    tc, tun_carries_a_stream_of_ipv6_between_any_two, 0, (int)ARRAY_LEN(lines));
	tcase_add_loop_test(tc, tun_carries_datagrams_that_were_joined, 0, (int)ARRAY_LEN(lines));
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
