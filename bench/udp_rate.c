/*
 * How many small UDP packets pass a second: a sender and a receiver that take many at a time from
 * the kernel, so that the path between them is measured and not the two.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define BATCH 64
#define PAYLOAD_MAX 65000
#define RECEIVE_BUFFER (16 * 1024 * 1024)

static const char usage_text[] =
    "Usage: udp_rate send ADDRESS PORT [--size BYTES] [--seconds S] [--rate PACKETS_PER_S]\n"
    "       udp_rate receive PORT [--seconds S] [--wait S]\n"
    "\n"
    "send sends packets with BYTES of payload (default 64, which makes IP packets of 92 bytes in\n"
    "IPv4 and 112 in IPv6) for S seconds (default 5), at this rate or as fast as it can.\n"
    "\n"
    "receive counts for S seconds (default 5) after the first packet, for which it waits 20\n"
    "seconds or those of --wait. Let the sender run a second longer, or its end is measured as\n"
    "well. Packets are numbered: one that is missing below the highest number is lost, one that\n"
    "comes after a higher number is reordered.\n"
    "\n"
    "Results are lines of KEY=VALUE. receive prints ready=1 when it is.\n";

struct options {
	size_t size;
	double seconds, rate, wait;
};

struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	uint8_t *payloads; /* BATCH times the size */
	size_t size;
};

struct tally {
	uint64_t received, first, past_last, reordered; /* the second and third are numbers */
};

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "udp_rate: %s: %s\n", what, why);
	exit(1);
}

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t
nanoseconds(double seconds)
{
	return (uint64_t)(seconds * (double)SECOND);
}

static void
batch_init(struct batch *b, size_t size)
{
	size_t i;

	*b = (struct batch){.payloads = calloc(BATCH, size), .size = size};
	if (b->payloads == NULL)
		fail("start", "no memory");
	for (i = 0; i < BATCH; i++) {
		b->iov[i] = (struct iovec){.iov_base = b->payloads + i * size, .iov_len = size};
		b->messages[i].msg_hdr = (struct msghdr){.msg_iov = &b->iov[i], .msg_iovlen = 1};
	}
}

static int
open_sender(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
	int rc = getaddrinfo(address, port, &hints, &found), fd;

	if (rc != 0)
		fail(address, gai_strerror(rc));
	fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, found->ai_addr, found->ai_addrlen) == -1)
		fail(address, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

/* Numbers the packets and sends them; returns how many the kernel took. */
static unsigned int
send_batch(int fd, struct batch *b, uint64_t number, unsigned int count)
{
	unsigned int i;
	int sent;

	for (i = 0; i < count; i++) {
		uint64_t n = number + i;

		memcpy(b->payloads + i * b->size, &n, sizeof(n));
	}
	sent = sendmmsg(fd, b->messages, count, 0);
	/* Full queues, and a receiver that is not there, are results. */
	if (sent == -1 && errno != ENOBUFS && errno != ECONNREFUSED)
		fail("send", strerror(errno));
	return sent == -1 ? 0 : (unsigned int)sent;
}

/* How many may be sent by now; waits until it is one at least. */
static unsigned int
due(const struct options *o, uint64_t start, uint64_t number)
{
	uint64_t t, at, most;
	struct timespec ts;

	if (o->rate == 0)
		return BATCH;
	at = start + nanoseconds((double)number / o->rate);
	ts = (struct timespec){.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	t = now();
	most = 1 + (t > at ? (uint64_t)((double)(t - at) * o->rate / (double)SECOND) : 0);
	return most < BATCH ? (unsigned int)most : BATCH;
}

static void
run_send(const struct options *o, const char *address, const char *port)
{
	int fd = open_sender(address, port);
	uint64_t start = now(), end = start + nanoseconds(o->seconds), number = 0, refused = 0;
	unsigned int count, sent;
	struct batch b;

	batch_init(&b, o->size);
	while (now() < end) {
		count = due(o, start, number);
		sent = send_batch(fd, &b, number, count);
		/* The first that was not taken is lost; the others are tried again. */
		refused += sent < count;
		number += sent + (sent < count);
	}
	printf("sent=%" PRIu64 "\n", number - refused);
	printf("refused=%" PRIu64 "\n", refused);
	printf("packets_per_s=%.1f\n",
	    (double)(number - refused) * (double)SECOND / (double)(now() - start));
	free(b.payloads);
	close(fd);
}

static int
open_receiver(const char *port)
{
	struct addrinfo hints = {
	    .ai_family = AF_INET6, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found;
	int rc = getaddrinfo(NULL, port, &hints, &found), fd, no = 0, size = RECEIVE_BUFFER;

	if (rc != 0)
		fail(port, gai_strerror(rc));
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) == -1 ||
	    bind(fd, found->ai_addr, found->ai_addrlen) == -1)
		fail(port, strerror(errno));
	/* Only root may have so much; others get what the system allows. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == -1)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	freeaddrinfo(found);
	return fd;
}

static void
count_packet(struct tally *t, const struct mmsghdr *m)
{
	uint64_t number;

	if (m->msg_len < sizeof(number))
		return;
	memcpy(&number, m->msg_hdr.msg_iov->iov_base, sizeof(number));
	if (t->received++ == 0)
		t->first = number;
	if (number < t->past_last)
		t->reordered++;
	else
		t->past_last = number + 1;
}

/* Those that have come, within this time. */
static void
receive_batch(int fd, struct batch *b, struct tally *tally, uint64_t wait)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec t = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
	int count, i;

	if (ppoll(&p, 1, &t, NULL) == -1)
		fail("poll", strerror(errno));
	if (p.revents == 0)
		return;
	count = recvmmsg(fd, b->messages, BATCH, MSG_DONTWAIT, NULL);
	if (count == -1 && errno != EAGAIN)
		fail("receive", strerror(errno));
	for (i = 0; i < count; i++)
		count_packet(tally, &b->messages[i]);
}

static void
print_tally(const struct tally *t, double seconds)
{
	uint64_t sent = t->past_last - t->first;
	uint64_t lost = sent > t->received ? sent - t->received : 0;

	printf("received=%" PRIu64 "\n", t->received);
	printf("lost=%" PRIu64 "\n", lost);
	printf("lost_percent=%.3f\n", 100 * (double)lost / (double)sent);
	printf("reordered=%" PRIu64 "\n", t->reordered);
	printf("packets_per_s=%.1f\n", (double)t->received / seconds);
}

static void
run_receive(const struct options *o, const char *port)
{
	int fd = open_receiver(port);
	uint64_t end, t;
	struct tally tally = {0};
	struct batch b;

	batch_init(&b, o->size);
	puts("ready=1");
	fflush(stdout);
	receive_batch(fd, &b, &tally, nanoseconds(o->wait));
	if (tally.received == 0)
		fail("receive", "no packet came");
	for (end = now() + nanoseconds(o->seconds); (t = now()) < end;)
		receive_batch(fd, &b, &tally, end - t);
	print_tally(&tally, o->seconds);
	free(b.payloads);
	close(fd);
}

static double
number_of(const char *option, double min, double max)
{
	char *end;
	double value = strtod(optarg, &end);

	if (end == optarg || *end != '\0' || !(value >= min && value <= max)) {
		fprintf(stderr, "udp_rate: --%s '%s': expected a number from %g to %g\n", option,
		    optarg, min, max);
		exit(2);
	}
	return value;
}

static void
parse(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
	    {"size", required_argument, NULL, 's'},
	    {"seconds", required_argument, NULL, 't'},
	    {"rate", required_argument, NULL, 'r'},
	    {"wait", required_argument, NULL, 'w'},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	int id;

	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 's')
			o->size = (size_t)number_of("size", sizeof(uint64_t), PAYLOAD_MAX);
		else if (id == 't')
			o->seconds = number_of("seconds", 0.1, 3600);
		else if (id == 'r')
			o->rate = number_of("rate", 1, 1e9);
		else if (id == 'w')
			o->wait = number_of("wait", 0.1, 3600);
		else {
			fputs(usage_text, id == 'h' ? stdout : stderr);
			exit(id == 'h' ? 0 : 2);
		}
	}
}

int
main(int argc, char **argv)
{
	struct options o = {.size = 64, .seconds = 5, .wait = 20};
	int words;

	parse(&o, argc, argv);
	words = argc - optind;
	argv += optind;
	if (words == 3 && strcmp(argv[0], "send") == 0) {
		run_send(&o, argv[1], argv[2]);
	} else if (words == 2 && strcmp(argv[0], "receive") == 0) {
		run_receive(&o, argv[1]);
	} else {
		fputs(usage_text, stderr);
		return 2;
	}
	return 0;
}
