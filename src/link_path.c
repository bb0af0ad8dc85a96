/*
 * How much the kernel holds for us. Its buffers grow to megabytes, and all that TCP has sent waits
 * in the queues of the network, where nothing can overtake it, be dropped or be marked any more.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "link.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* more of struct tcp_info than in <netinet/tcp.h>; both do not go together */
#include <netinet/in.h>
#include <string.h>

#include "link_internal.h"
#include "log.h"
#include "util.h"

/* It may hold so much in any case, and beyond that what the path has carried within its smallest
 * round trip and this: room for its rate to grow into. */
#define HELD_MIN (256 * 1024)
#define SLACK_US 20000
/* That it holds less no event tells. */
#define RECHECK_MS 2
/* What the path sends within this may wait to be sent: it must not run dry before we send more, and
 * nothing shall wait long where nothing can overtake it. */
#define NOTSENT_US 10000
#define NOTSENT_MIN 4096
#define FOLLOW_MS 10
/* The longest that a receiver delays an acknowledgement, by the ten round trips of BBR's memory. */
#define BBR_RTT_MIN_US 4000

static uint64_t
held_by_kernel(const struct link *l, unsigned long which)
{
	int bytes = 0; /* valgrind does not know that one of the calls writes to it */

	if (ioctl(mosquitto_socket(l->mosq), which, &bytes) == -1 || bytes < 0)
		return 0;
	return (uint64_t)bytes;
}

/* An older kernel fills in less; the rest is 0. */
static struct tcp_info
ask_tcp(const struct link *l)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (!l->is_unix)
		getsockopt(mosquitto_socket(l->mosq), IPPROTO_TCP, TCP_INFO, &info, &len);
	if (info.tcpi_min_rtt == UINT32_MAX) /* not measured yet */
		info.tcpi_min_rtt = 0;
	return info;
}

void
link_path_facts(const struct link *l, struct link_path_facts *facts)
{
	struct tcp_info info = ask_tcp(l);

	*facts = (struct link_path_facts){
	    .rtt_us = info.tcpi_rtt,
	    .min_rtt_us = info.tcpi_min_rtt,
	    .delivery_rate = info.tcpi_delivery_rate,
	    .held = l->is_unix ? 0 : held_by_kernel(l, SIOCOUTQ),
	};
}

/*
 * BBR knows the highest rate of the last ten round trips, and sends at that. Where those are over
 * before a delayed acknowledgement comes, a pause of ours is enough to make it forget: then it
 * spreads the next message over tens of milliseconds.
 */
static void
leave_bbr(struct link *l, uint32_t min_rtt_us)
{
	static const char *const others[] = {"cubic", "reno"};
	char name[16] = ""; /* TCP_CA_NAME_MAX */
	socklen_t len = sizeof(name) - 1;
	size_t i;

	if (l->congestion_control[0] != '\0' || l->left_bbr || min_rtt_us == 0 ||
	    min_rtt_us >= BBR_RTT_MIN_US)
		return;
	l->left_bbr = true;
	getsockopt(l->fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
	if (strncmp(name, "bbr", strlen("bbr")) != 0)
		return;
	for (i = 0; i < ARRAY_LEN(others); i++)
		if (setsockopt(l->fd, IPPROTO_TCP, TCP_CONGESTION, others[i],
			(socklen_t)strlen(others[i])) == 0) {
			log_debug("the path to the broker is too short for %s: using %s", name,
			    others[i]);
			return;
		}
}

static void
set_notsent_max(struct link *l, uint64_t bytes)
{
	int lowat;

	if (bytes > LINK_NOTSENT_MAX)
		bytes = LINK_NOTSENT_MAX;
	if (bytes < NOTSENT_MIN)
		bytes = NOTSENT_MIN;
	if (bytes > l->notsent_max - l->notsent_max / 4 && bytes < l->notsent_max * 5 / 4)
		return;
	l->notsent_max = bytes;
	lowat = (int)bytes;
	setsockopt(l->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
}

static void
follow_path(struct link *l, uint64_t now_ms)
{
	struct tcp_info info = ask_tcp(l);

	l->followed_ms = now_ms;
	leave_bbr(l, info.tcpi_min_rtt);
	if (info.tcpi_rtt != 0)
		set_notsent_max(l,
		    (uint64_t)info.tcpi_snd_cwnd * info.tcpi_snd_mss * NOTSENT_US / info.tcpi_rtt);
}

/* As configured; where that cannot be, as if nothing were. */
static void
choose_congestion_control(struct link *l)
{
	char *name = l->congestion_control;

	if (name[0] == '\0' ||
	    setsockopt(l->fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0)
		return;
	log_warning("congestion-control %s: %s: using the kernel's choice", name,
	    errno == ENOENT  ? "the kernel has no such module"
	    : errno == EPERM ? "the sysctl net.ipv4.tcp_allowed_congestion_control lacks it"
			     : strerror(errno));
	name[0] = '\0';
}

void
link_path_begin(struct link *l)
{
	if (l->is_unix)
		return;
	choose_congestion_control(l);
	follow_path(l, util_now_ms());
}

/* What has arrived behind a lost segment, or is to be sent again, does not fill the path. */
static bool
holds_too_much(const struct link *l)
{
	struct tcp_info info;
	uint64_t idle, needed;

	if (l->held <= HELD_MIN)
		return false;
	info = ask_tcp(l);
	idle = (uint64_t)info.tcpi_snd_mss * (info.tcpi_sacked + info.tcpi_lost);
	needed = info.tcpi_delivery_rate * ((uint64_t)info.tcpi_min_rtt + SLACK_US) / 1000000;
	return l->held > idle + (needed > HELD_MIN ? needed : HELD_MIN);
}

static void on_recheck(void *arg, uint64_t now_ms);

static void
look(struct link *l, uint64_t now_ms)
{
	l->held = held_by_kernel(l, SIOCOUTQ);
	l->full = holds_too_much(l);
	if (l->full)
		wheel_set(l->wheel, &l->path_timer, now_ms + RECHECK_MS, on_recheck, l);
}

static void
on_recheck(void *arg, uint64_t now_ms)
{
	struct link *l = arg;
	uint64_t before = l->held;

	look(l, now_ms);
	if (l->held < before)
		l->wrote_ms = now_ms;
	/* Otherwise the socket's event tells, when that is over as well. */
	if (!l->full && !l->blocked && !l->stalled)
		l->cb.writable(l->cb.arg);
}

void
link_path_check(struct link *l)
{
	uint64_t now_ms = util_now_ms(), unsent;

	l->unchecked = 0;
	if (l->is_unix)
		return;
	unsent = held_by_kernel(l, SIOCOUTQNSD);
	if (unsent >= NOTSENT_MIN && now_ms >= l->followed_ms + FOLLOW_MS)
		follow_path(l, now_ms);
	l->unsent = unsent >= l->notsent_max;
	if (!l->full)
		look(l, now_ms);
}
