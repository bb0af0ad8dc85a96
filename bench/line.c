/*
 * A long line between two interfaces, for kernels without netem: what comes in at one goes out at
 * the other, at a rate, after a queue, a delay and losses.
 *
 * A direction is a clock of its own that says when the last frame taken will have left: the line
 * is busy until then, which is the queue's length too. So each frame's time of departure is known
 * when it arrives, and frames only have to wait for it in order.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)
#define NEVER UINT64_MAX
/* So much later a frame may leave, to leave with others: waking up is what costs at 1 Gbit/s. */
#define GRAIN 50000 /* ns */
#define BATCH 32
#define FRAME_MAX 16384
/* What the kernel may hold for us while we do not run. */
#define SOCKET_BUFFER (32 * 1024 * 1024)
/* A delay without a rate has no other bound. */
#define HELD_MAX (256 * 1024 * 1024)

static const char usage_text[] =
    "Usage: line [OPTION]... INTERFACE_A INTERFACE_B\n"
    "\n"
    "  --rate BITS      bits of Ethernet frames a second; without it, no limit\n"
    "  --queue BYTES    what may wait for its turn; more is dropped at the tail (default 250K)\n"
    "  --delay MS       one way, after the queue (default 0)\n"
    "  --jitter MS      up to so much more, at random; the order is kept (default 0)\n"
    "  --loss PERCENT   at random, after the queue (default 0)\n"
    "  --seed NUMBER    of what is random (default 1)\n"
    "\n"
    "K, M and G stand for 10^3, 10^6 and 10^9. An option is for both directions, --ab-OPTION for "
    "the\n"
    "one from A to B and --ba-OPTION for the other; a later one wins.\n"
    "\n"
    "The interfaces should have no addresses and be up. On the hosts behind them no frame may be\n"
    "larger than the MTU, and all must have checksums: 'ethtool -K IFACE tx off gso off gro off'.\n"
    "Larger ones are dropped.\n"
    "\n"
    "Prints ready=1, and at SIGTERM lines of KEY=VALUE for each direction: frames that were\n"
    "forwarded, lost at random, dropped at the queue, oversize, missed because this program was "
    "too\n"
    "slow, refused by the interface; and late_us, the longest that one left after its time. Needs\n"
    "root.\n";

struct frame {
	struct frame *next;
	uint64_t due; /* ns */
	size_t len;
	uint8_t data[];
};

struct direction {
	const char *name;
	/* Options; bits and bytes, ns, percent. */
	double rate, queue, delay, jitter, loss, seed;
	int in, out;
	size_t len_max;
	unsigned short random[3]; /* erand48() */
	uint64_t free_at;	  /* ns: the line has sent all it took */
	struct frame *first, *last;
	uint64_t last_due;
	size_t held;
	uint64_t forwarded, lost, dropped, oversize, refused, late;
};

/* One for all: where recvmmsg() puts frames before it is known what becomes of them. */
struct intake {
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	uint8_t data[BATCH][FRAME_MAX];
};

static void
fail(const char *what)
{
	fprintf(stderr, "line: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static size_t
largest_frame(int fd, const char *interface)
{
	struct ifreq ifr = {0};
	size_t max;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCGIFMTU, &ifr) == -1)
		fail(interface);
	max = (size_t)ifr.ifr_mtu + ETH_HLEN;
	return max < FRAME_MAX ? max : FRAME_MAX;
}

/* The kernel hands out all frames from the bind on, whomever they are for, but not our own. */
static int
open_interface(const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL),
	    .sll_ifindex = (int)if_nametoindex(interface)};
	struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, size = SOCKET_BUFFER;

	if (fd == -1 || address.sll_ifindex == 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == -1 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) == -1)
		fail(interface);
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

static uint64_t
time_on_line(const struct direction *d, size_t len)
{
	return d->rate == 0 ? 0 : (uint64_t)((double)len * 8 * (double)SECOND / d->rate);
}

/* What waits, with the rest of the frame that is being sent. */
static double
queued(const struct direction *d, uint64_t t)
{
	return d->free_at > t ? (double)(d->free_at - t) * d->rate / 8 / (double)SECOND : 0;
}

static void
hold(struct direction *d, const uint8_t *data, size_t len, uint64_t due)
{
	struct frame *f = malloc(sizeof(*f) + len);

	if (f == NULL)
		fail("memory");
	f->next = NULL;
	f->due = d->last_due = due > d->last_due ? due : d->last_due;
	f->len = len;
	memcpy(f->data, data, len);
	if (d->first == NULL)
		d->first = f;
	else
		d->last->next = f;
	d->last = f;
	d->held += len;
}

static void
take(struct direction *d, const uint8_t *data, size_t len, uint64_t t)
{
	double extra = erand48(d->random) * d->jitter;
	bool lost = erand48(d->random) * 100 < d->loss;

	if (len > d->len_max) {
		d->oversize++;
		return;
	}
	if (queued(d, t) + (double)len > d->queue || d->held + len > HELD_MAX) {
		d->dropped++;
		return;
	}
	d->free_at = (d->free_at > t ? d->free_at : t) + time_on_line(d, len);
	if (lost)
		d->lost++;
	else
		hold(d, data, len, d->free_at + (uint64_t)(d->delay + extra));
}

static struct intake *
intake_new(void)
{
	struct intake *in = calloc(1, sizeof(*in));
	size_t i;

	if (in == NULL)
		fail("memory");
	for (i = 0; i < BATCH; i++) {
		in->iov[i] = (struct iovec){.iov_base = in->data[i], .iov_len = FRAME_MAX};
		in->messages[i].msg_hdr = (struct msghdr){.msg_iov = &in->iov[i], .msg_iovlen = 1};
	}
	return in;
}

static void
receive(struct direction *d, struct intake *in)
{
	/* With MSG_TRUNC lengths are those of the frames, even if they did not fit. */
	int count = recvmmsg(d->in, in->messages, BATCH, MSG_TRUNC, NULL), i;
	uint64_t t = now();

	if (count == -1 && errno != EAGAIN && errno != ENETDOWN)
		fail(d->name);
	for (i = 0; i < count; i++)
		take(d, in->data[i], in->messages[i].msg_len, t);
}

static void
release(struct direction *d, uint64_t t)
{
	struct frame *f = d->first;

	if (t - f->due > d->late)
		d->late = t - f->due;
	d->first = f->next;
	d->held -= f->len;
	free(f);
}

static unsigned int
collect_due(const struct direction *d, uint64_t t, struct mmsghdr *messages, struct iovec *iov)
{
	struct frame *f;
	unsigned int count = 0;

	for (f = d->first; f != NULL && f->due <= t && count < BATCH; f = f->next) {
		iov[count] = (struct iovec){.iov_base = f->data, .iov_len = f->len};
		messages[count] =
		    (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[count], .msg_iovlen = 1}};
		count++;
	}
	return count;
}

static void
send_due(struct direction *d)
{
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	uint64_t t = now();
	unsigned int count = collect_due(d, t, messages, iov);
	int sent, i;

	if (count == 0)
		return;
	sent = sendmmsg(d->out, messages, count, 0);
	if (sent == -1) {
		/* A line does not wait for who cannot take what comes. */
		d->refused++;
		sent = 1;
	} else {
		d->forwarded += (uint64_t)sent;
	}
	for (i = 0; i < sent; i++)
		release(d, t);
}

static uint64_t
next_due(const struct direction *d)
{
	return d->first == NULL ? NEVER : d->first->due;
}

/*
 * A line does not slow down because its ends need the processor: with the highest nice value it was
 * 5 ms late at times. Only what takes a processor for itself is stopped now and then.
 */
static void
keep_time(void)
{
	const struct sched_param lowest = {.sched_priority = 1};

	if (sched_setscheduler(0, SCHED_FIFO, &lowest) == -1)
		fail("real-time priority");
}

/* Waits for frames, until the first that is held is due. */
static void
wait_for(struct pollfd *polled, nfds_t count, uint64_t due)
{
	uint64_t t = now(), left = due > t ? due - t + GRAIN : 0;
	struct timespec ts = {.tv_sec = (time_t)(left / SECOND), .tv_nsec = (long)(left % SECOND)};

	if (ppoll(polled, count, due == NEVER ? NULL : &ts, NULL) == -1)
		fail("poll");
}

static void
run(struct direction *ab, struct direction *ba)
{
	struct pollfd polled[] = {{.fd = ab->in, .events = POLLIN},
	    {.fd = ba->in, .events = POLLIN}, {.fd = open_signals(), .events = POLLIN}};
	struct intake *in = intake_new();
	uint64_t a, b;

	keep_time();
	puts("ready=1");
	fflush(stdout);
	do {
		a = next_due(ab);
		b = next_due(ba);
		wait_for(polled, 3, a < b ? a : b);
		if (polled[0].revents != 0)
			receive(ab, in);
		if (polled[1].revents != 0)
			receive(ba, in);
		send_due(ab);
		send_due(ba);
	} while (polled[2].revents == 0);
	free(in);
}

static void
print(const struct direction *d)
{
	struct tpacket_stats kernel = {0};
	socklen_t len = sizeof(kernel);

	getsockopt(d->in, SOL_PACKET, PACKET_STATISTICS, &kernel, &len);
	printf("%s_forwarded=%" PRIu64 "\n", d->name, d->forwarded);
	printf("%s_lost=%" PRIu64 "\n", d->name, d->lost);
	printf("%s_dropped=%" PRIu64 "\n", d->name, d->dropped);
	printf("%s_oversize=%" PRIu64 "\n", d->name, d->oversize);
	printf("%s_missed=%u\n", d->name, kernel.tp_drops);
	printf("%s_refused=%" PRIu64 "\n", d->name, d->refused);
	printf("%s_late_us=%.1f\n", d->name, (double)d->late / 1e3);
}

static const struct {
	const char *name;
	size_t offset;
	double factor; /* from the unit of the command line */
} settings[] = {
    {"rate", offsetof(struct direction, rate), 1},
    {"queue", offsetof(struct direction, queue), 1},
    {"delay", offsetof(struct direction, delay), 1e6},
    {"jitter", offsetof(struct direction, jitter), 1e6},
    {"loss", offsetof(struct direction, loss), 1},
    {"seed", offsetof(struct direction, seed), 1},
};

static void
usage(FILE *to, int status)
{
	fputs(usage_text, to);
	exit(status);
}

static double
number(const char *option, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	switch (*end) {
	case 'K':
		value *= 1e3;
		end++;
		break;
	case 'M':
		value *= 1e6;
		end++;
		break;
	case 'G':
		value *= 1e9;
		end++;
		break;
	}
	if (end == text || *end != '\0' || !(value >= 0 && value <= 1e12)) {
		fprintf(stderr, "line: %s '%s': expected a number like 250K\n", option, text);
		exit(2);
	}
	return value;
}

static void
set_option(struct direction *ab, struct direction *ba, const char *option, const char *text)
{
	const char *name = option + strlen("--");
	bool only_ab = strncmp(name, "ab-", 3) == 0, only_ba = strncmp(name, "ba-", 3) == 0;
	double value;
	size_t i;

	if (only_ab || only_ba)
		name += 3;
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (strcmp(name, settings[i].name) != 0)
			continue;
		value = number(option, text) * settings[i].factor;
		if (!only_ba)
			memcpy((char *)ab + settings[i].offset, &value, sizeof(value));
		if (!only_ab)
			memcpy((char *)ba + settings[i].offset, &value, sizeof(value));
		return;
	}
	usage(stderr, 2);
}

static void
prepare(struct direction *d, const char *name, int in, int out, const char *to)
{
	d->name = name;
	d->in = in;
	d->out = out;
	d->len_max = largest_frame(out, to);
	/* Directions differ, or they would lose in step. */
	d->random[0] = (unsigned short)d->seed;
	d->random[1] = (unsigned short)name[0];
	if (d->rate == 0)
		d->queue = HELD_MAX;
}

int
main(int argc, char **argv)
{
	struct direction ab = {.queue = 250e3, .seed = 1}, ba = ab;
	const char *name_a, *name_b;
	int i, a, b;

	for (i = 1; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2)
		set_option(&ab, &ba, argv[i], argv[i + 1]);
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		usage(stdout, 0);
	if (argc - i != 2)
		usage(stderr, 2);
	name_a = argv[i];
	name_b = argv[i + 1];
	a = open_interface(name_a);
	b = open_interface(name_b);
	prepare(&ab, "ab", a, b, name_b);
	prepare(&ba, "ba", b, a, name_a);
	run(&ab, &ba);
	print(&ab);
	print(&ba);
	return 0;
}
