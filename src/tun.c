/*
 * The TUN device, by Linux' /dev/net/tun.
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

#include "util.h"

#define DEVICE "/dev/net/tun"

struct tun {
	int fd;
	char name[TUN_NAME_MAX];
	unsigned int ifindex;
	bool was_persistent;
	bool paused;
	bool gone;
	struct tun_callbacks callbacks;
	struct event *readable;
	size_t headroom;
	size_t read_max; /* one more than a packet may have, so that a longer one shows */
	uint8_t *buf;
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

static int
attach(struct tun *t, const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	memcpy(ifr.ifr_name, name, strlen(name));
	if (ioctl(t->fd, TUNSETIFF, &ifr) == -1)
		return -1;
	/* A persistent one may still have what its last user set: packets to be cut and summed. */
	if (ioctl(t->fd, TUNSETOFFLOAD, 0UL) == -1)
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

/* Returns 0, or the errno that ended it. */
static int
read_burst(struct tun *t)
{
	ssize_t len;

	for (int i = 0; i < TUN_BURST; i++) {
		len = read(t->fd, t->buf + t->headroom, t->read_max);
		if (len == -1)
			return errno;
		if (!t->callbacks.packet(t->callbacks.arg, t->buf, (size_t)len))
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

struct tun *
tun_open(struct event_base *base, const char *name, size_t headroom, size_t max_packet,
    const struct tun_callbacks *callbacks, char **error)
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
	t->headroom = headroom;
	t->read_max = max_packet + 1;
	t->fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd == -1) {
		*error = open_error(errno);
		goto fail;
	}
	if (attach(t, name) == -1) {
		*error = attach_error(name, errno);
		goto fail;
	}
	t->buf = malloc(t->headroom + t->read_max);
	t->readable = event_new(base, t->fd, EV_READ | EV_PERSIST, on_readable, t);
	if (t->buf == NULL || t->readable == NULL)
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
	free(t->buf);
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

int
tun_write(struct tun *t, const uint8_t *packet, size_t len)
{
	if (write(t->fd, packet, len) != -1)
		return 0;
	/* The interface was deleted, which nobody sees while reading pauses: go and look. EIO only
	 * means that it is set down. */
	if (errno == EBADFD && !t->gone)
		event_active(t->readable, EV_READ, 0);
	return -1;
}
