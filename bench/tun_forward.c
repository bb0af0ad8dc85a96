/*
 * The least that a tunnel can be: two TUN devices with offload, each in its own network namespace,
 * and what is read from one is written to the other as it is, with its virtio header. No program
 * that passes packets from one host to another through TUN devices is faster on this machine.
 *
 * The header is believed here, since both ends are the kernel's; a tunnel must not do that.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define HEADER_LEN sizeof(struct virtio_net_hdr)
#define PACKET_MAX (HEADER_LEN + 65535)
/* Packets from one side before the other gets its turn. */
#define BURST 64

static const char usage_text[] = "Usage: tun_forward NETNS_A NETNS_B [NAME]\n"
				 "\n"
				 "Makes a TUN device of this NAME (default tun0) in each of the "
				 "two network namespaces, which are\n"
				 "names of ip-netns(8), and forwards between the two until "
				 "SIGTERM. Their addresses and state are\n"
				 "the caller's business, once ready=1 was printed. At the end come "
				 "lines of KEY=VALUE: packets,\n"
				 "bytes, and refused, those that the kernel did not take.\n"
				 "\n"
				 "Needs root.\n";

struct side {
	const char *netns;
	int fd;
	/* What was read here and written to the other side. */
	uint64_t packets, bytes, refused;
};

static void
fail(const char *what)
{
	fprintf(stderr, "tun_forward: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
enter(const char *netns)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || setns(fd, CLONE_NEWNET) == -1)
		fail(path);
	close(fd);
}

static int
open_tun(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int header_len = HEADER_LEN;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		fail("/dev/net/tun");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) == -1)
		fail(name);
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) == -1)
		fail("TUNSETVNETHDRSZ");
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) == -1)
		fail("TUNSETOFFLOAD");
	return fd;
}

static int
open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd == -1 || sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		fail("signalfd");
	return fd;
}

static void
forward(struct side *from, const struct side *to, uint8_t *buf)
{
	ssize_t len;
	int i;

	for (i = 0; i < BURST; i++) {
		len = read(from->fd, buf, PACKET_MAX);
		if (len == -1 && errno == EAGAIN)
			return;
		if (len == -1)
			fail(from->netns);
		/* A device that is down refuses; so it does to any tunnel. */
		if (write(to->fd, buf, (size_t)len) == len) {
			from->packets++;
			from->bytes += (uint64_t)len - HEADER_LEN;
		} else {
			from->refused++;
		}
	}
}

static void
print(const char *direction, const struct side *s)
{
	printf("%s_packets=%" PRIu64 "\n", direction, s->packets);
	printf("%s_bytes=%" PRIu64 "\n", direction, s->bytes);
	printf("%s_refused=%" PRIu64 "\n", direction, s->refused);
}

int
main(int argc, char **argv)
{
	static uint8_t buf[PACKET_MAX];
	struct side a = {0}, b = {0};
	struct pollfd polled[3];

	if (argc != 3 && argc != 4) {
		fputs(usage_text, stderr);
		return 2;
	}
	a.netns = argv[1];
	b.netns = argv[2];
	enter(a.netns);
	a.fd = open_tun(argc == 4 ? argv[3] : "tun0");
	enter(b.netns);
	b.fd = open_tun(argc == 4 ? argv[3] : "tun0");
	polled[0] = (struct pollfd){.fd = a.fd, .events = POLLIN};
	polled[1] = (struct pollfd){.fd = b.fd, .events = POLLIN};
	polled[2] = (struct pollfd){.fd = open_signals(), .events = POLLIN};
	puts("ready=1");
	fflush(stdout);
	do {
		if (poll(polled, 3, -1) == -1)
			fail("poll");
		if (polled[0].revents != 0)
			forward(&a, &b, buf);
		if (polled[1].revents != 0)
			forward(&b, &a, buf);
	} while (polled[2].revents == 0);
	print("ab", &a);
	print("ba", &b);
	return 0;
}
