/*
 * The TUN device, by Linux' /dev/net/tun: opening and reading.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "tun.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ip.h"
#include "offload.h"
#include "packet.h"
#include "tun_internal.h"
#include "util.h"

#define DEVICE "/dev/net/tun"

/* Newer than the headers of some who can use them: Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

struct rung {
	unsigned long flags;
	enum tun_offload granted;
};

/* The kernel takes all of the flags or none. */
static const struct rung ladder[] = {
    {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6, TUN_OFFLOAD_UDP},
    {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6, TUN_OFFLOAD_TCP},
    {TUN_F_CSUM, TUN_OFFLOAD_NONE},
    {0, TUN_OFFLOAD_NONE},
};

_Static_assert(TUN_NAME_MAX == IFNAMSIZ, "an interface's name has the kernel's length");

static char *
open_error(int cause)
{
	switch (cause) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return util_format("%s does not exist: load the module with 'modprobe tun' (in a "
				   "container, pass the device in)",
		    DEVICE);
	case EACCES:
	case EPERM:
		return util_format(
		    "no permission to open %s: run as root or give CAP_NET_ADMIN", DEVICE);
	default:
		return util_format("cannot open %s: %s", DEVICE, strerror(cause));
	}
}

static char *
attach_error(const char *name, int cause)
{
	bool exists = if_nametoindex(name) != 0;

	switch (cause) {
	case EACCES:
	case EPERM:
		return util_format("no permission to %s interface '%s': run as root or give "
				   "CAP_NET_ADMIN",
		    exists ? "use" : "create", name);
	case EBUSY:
		return util_format("interface '%s' is in use by another process", name);
	case EINVAL:
		if (exists)
			return util_format("interface '%s' exists and is not a TUN device (one "
					   "with several queues cannot be used either)",
			    name);
		return util_format("'%s' is no name for an interface", name);
	default:
		return util_format("cannot create interface '%s': %s", name, strerror(cause));
	}
}

/* Where virtio headers are unknown, a device without them does as well. */
static int
set_interface(struct tun *t, struct ifreq *ifr, bool with_header)
{
	int len = OFFLOAD_HEADER_LEN;

	if (with_header) {
		ifr->ifr_flags |= IFF_VNET_HDR;
		if (ioctl(t->fd, TUNSETIFF, ifr) == 0) {
			t->has_header = true;
			/* A persistent one has what its last user set. */
			return ioctl(t->fd, TUNSETVNETHDRSZ, &len);
		}
		if (errno != EINVAL)
			return -1;
		ifr->ifr_flags &= ~IFF_VNET_HDR;
	}
	return ioctl(t->fd, TUNSETIFF, ifr);
}

/* Also where nothing is asked: a persistent one may still have what its last user set, packets to
 * be cut and summed. */
static int
set_offload(struct tun *t, enum tun_offload asked)
{
	for (size_t i = 0; i < ARRAY_LEN(ladder); i++) {
		const struct rung *r = &ladder[i];

		if (r->granted > asked || (r->flags != 0 && !t->has_header))
			continue;
		if (ioctl(t->fd, TUNSETOFFLOAD, r->flags) == 0) {
			t->granted = r->granted;
			return 0;
		}
	}
	return -1;
}

static int
attach(struct tun *t, const char *name, enum tun_offload offload)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	memcpy(ifr.ifr_name, name, strlen(name));
	if (set_interface(t, &ifr, offload != TUN_OFFLOAD_NONE) == -1)
		return -1;
	if (set_offload(t, offload) == -1)
		return -1;
	if (ioctl(t->fd, TUNGETIFF, &ifr) == -1)
		return -1;
	memcpy(t->name, ifr.ifr_name, sizeof(t->name));
	t->was_persistent = (ifr.ifr_flags & IFF_PERSIST) != 0;
	t->ifindex = if_nametoindex(t->name);
	return t->ifindex == 0 ? -1 : 0;
}

static void
report_gone(struct tun *t, int cause)
{
	t->gone = true;
	event_del(t->readable);
	t->callbacks.gone(t->callbacks.arg, cause);
}

/* How long the next packet is shows only when it has been read: both sizes are at hand. */
static bool
make_room(struct tun *t)
{
	if (t->small == NULL)
		t->small = packet_get(t->pool, PACKET_SMALL);
	if (t->large == NULL)
		t->large = packet_get(t->pool, PACKET_LARGE);
	return t->small != NULL && t->large != NULL;
}

/* Reads one to the side: it would keep the descriptor readable for ever. */
static int
discard_one(struct tun *t)
{
	uint8_t scratch[OFFLOAD_HEADER_LEN + 1];

	if (read(t->fd, scratch, sizeof(scratch)) == -1)
		return errno;
	t->callbacks.lost(t->callbacks.arg);
	return 0;
}

/* What is no IP packet has nothing left to do on it, and is its reader's to judge. */
static bool
describe(const struct tun *t, const uint8_t *header, struct packet *p)
{
	struct ip_info info;

	p->offload = (struct packet_offload){0};
	if (!t->has_header || ip_parse(p->data, p->len, &info) != IP_OK)
		return true;
	return offload_from_kernel(header, p->data, p->len, &p->offload) == 0;
}

static void
deliver(struct tun *t, const uint8_t *header, size_t len)
{
	struct packet **at = len <= PACKET_SMALL ? &t->small : &t->large;
	struct packet *p = *at;

	if (len > PACKET_SMALL)
		memcpy(p->data, t->small->data, PACKET_SMALL);
	p->len = len;
	if (len == 0 || len > PACKET_MAX || !describe(t, header, p)) {
		t->callbacks.lost(t->callbacks.arg);
		return;
	}
	*at = NULL;
	t->callbacks.packet(t->callbacks.arg, p);
}

/* A small packet arrives where it stays; of a large one that much is copied in front of the rest.
 * Returns its length, or -1 with errno. */
static ssize_t
read_one(struct tun *t)
{
	uint8_t header[OFFLOAD_HEADER_LEN];
	struct iovec iov[] = {
	    {header, sizeof(header)},
	    {t->small->data, PACKET_SMALL},
	    {t->large->data + PACKET_SMALL, PACKET_LARGE - PACKET_SMALL},
	};
	size_t before = t->has_header ? sizeof(header) : 0;
	ssize_t len = t->has_header ? readv(t->fd, iov, 3) : readv(t->fd, iov + 1, 2);

	/* EINVAL: it is of a kind that the header has no words for; the kernel dropped it. */
	if (len == -1 && errno != EINVAL)
		return -1;
	len = len < (ssize_t)before ? 0 : len - (ssize_t)before;
	deliver(t, header, (size_t)len);
	return len;
}

/* Returns 0, or the errno that ended it. */
static int
read_burst(struct tun *t)
{
	size_t bytes = 0;
	ssize_t len;

	for (int i = 0; i < TUN_BURST && bytes < TUN_BURST_BYTES; i++) {
		if (!make_room(t))
			return discard_one(t);
		len = read_one(t);
		if (len == -1)
			return errno;
		bytes += (size_t)len;
		if (t->paused)
			break;
	}
	return 0;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tun *t = arg;
	int cause = read_burst(t);

	t->callbacks.burst_end(t->callbacks.arg);
	/* EBADFD: the interface was deleted. What else there may be is as final. */
	if (cause != 0 && cause != EAGAIN && cause != EINTR)
		report_gone(t, cause);
}

void
tun_read(struct tun *t)
{
	if (!t->paused && !t->gone)
		on_readable(t->fd, EV_READ, t);
}

struct tun *
tun_open(struct event_base *base, const char *name, struct packet_pool *pool,
    enum tun_offload offload, const struct tun_callbacks *callbacks, char **error)
{
	struct tun *t = NULL;

	if (name[0] == '\0' || strlen(name) >= TUN_NAME_MAX) {
		*error = util_format(
		    "interface name '%s': expected 1 to %d characters", name, TUN_NAME_MAX - 1);
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		goto no_memory;
	t->callbacks = *callbacks;
	t->paused = true;
	t->pool = pool;
	t->fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd == -1) {
		*error = open_error(errno);
		goto fail;
	}
	if (attach(t, name, offload) == -1) {
		*error = attach_error(name, errno);
		goto fail;
	}
	t->readable = event_new(base, t->fd, EV_READ | EV_PERSIST, on_readable, t);
	if (t->readable == NULL)
		goto no_memory;
	return t;
no_memory:
	*error = util_format("interface '%s': %s", name, strerror(ENOMEM));
fail:
	tun_close(t);
	return NULL;
}

void
tun_close(struct tun *t)
{
	if (t == NULL)
		return;
	if (t->readable != NULL)
		event_free(t->readable);
	if (t->fd != -1)
		close(t->fd);
	packet_put(t->pool, t->small);
	packet_put(t->pool, t->large);
	free(t);
}

const char *
tun_name(const struct tun *t)
{
	return t->name;
}

unsigned int
tun_ifindex(const struct tun *t)
{
	return t->ifindex;
}

bool
tun_was_persistent(const struct tun *t)
{
	return t->was_persistent;
}

enum tun_offload
tun_offload(const struct tun *t)
{
	return t->granted;
}

void
tun_pause(struct tun *t)
{
	t->paused = true;
	event_del(t->readable);
}

void
tun_resume(struct tun *t)
{
	if (!t->paused)
		return;
	t->paused = false;
	if (!t->gone)
		event_add(t->readable, NULL);
}
