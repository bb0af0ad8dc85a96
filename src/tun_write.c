/*
 * The TUN device: writing, and what the kernel leaves to us.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "tun_internal.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <string.h>

#include "log.h"
#include "offload.h"
#include "packet.h"

#define REFUSED_MAX 8

static bool
kernel_takes(const struct tun *t, const struct packet_offload *o)
{
	if (o->gso_size == 0)
		return t->has_header || !o->partial;
	if (t->refused >= REFUSED_MAX)
		return false;
	return t->granted >= (offload_is_udp(o) ? TUN_OFFLOAD_UDP : TUN_OFFLOAD_TCP);
}

static int
write_whole(struct tun *t, const struct packet_offload *o, const struct iovec *iov, int count)
{
	uint8_t header[OFFLOAD_HEADER_LEN];
	struct iovec all[1 + OFFLOAD_MERGE_MAX];

	if (!t->has_header)
		return writev(t->fd, iov, count) == -1 ? -1 : 0;
	offload_to_kernel(o, iov[0].iov_base, header);
	all[0] = (struct iovec){header, sizeof(header)};
	memcpy(all + 1, iov, (size_t)count * sizeof(*iov));
	return writev(t->fd, all, 1 + count) == -1 ? -1 : 0;
}

static size_t
total_len(const struct iovec *iov, int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	return len;
}

/* As one piece of memory: *copy, which is to be put back, or NULL where it is one already. */
static int
gather(
    struct tun *t, const struct iovec *iov, int count, struct packet *whole, struct packet **copy)
{
	size_t len = 0;

	whole->data = iov[0].iov_base;
	if (count == 1)
		return 0;
	*copy = packet_get(t->pool, whole->len);
	if (*copy == NULL)
		return -1;
	whole->data = (*copy)->data;
	for (int i = 0; i < count; i++) {
		memcpy(whole->data + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return 0;
}

/* Returns 0 or an errno. The first piece that the kernel does not take ends it: what there is no
 * room for now, there is none for either a moment later. */
static int
write_pieces(struct tun *t, struct packet *whole, struct packet *out)
{
	const struct packet_offload nothing = {0};
	struct packet_offload piece;
	struct iovec iov = {.iov_base = out->data};

	do {
		iov.iov_len = offload_cut(whole, out->data, out->room, 1, true, &piece);
		if (iov.iov_len == 0)
			return EMSGSIZE;
		if (write_whole(t, &nothing, &iov, 1) == -1)
			return errno;
	} while (!offload_is_cut(whole));
	return 0;
}

static int
write_cut(struct tun *t, const struct packet_offload *o, const struct iovec *iov, int count)
{
	struct packet whole = {.offload = *o, .len = total_len(iov, count)};
	struct packet *copy = NULL, *out = NULL;
	size_t room = (size_t)o->header_len + o->gso_size;
	int cause = ENOMEM;

	if (o->gso_size == 0 || room > whole.len)
		room = whole.len;
	if (whole.len > PACKET_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (gather(t, iov, count, &whole, &copy) == 0)
		out = packet_get(t->pool, room);
	if (out != NULL)
		cause = write_pieces(t, &whole, out);
	packet_put(t->pool, out);
	packet_put(t->pool, copy);
	errno = cause;
	return cause == 0 ? 0 : -1;
}

/* Some kernels refuse what they are to cut, whatever it is; a malformed packet any kernel does. */
static int
write_refused(struct tun *t, const struct packet_offload *o, const struct iovec *iov, int count)
{
	if (write_cut(t, o, iov, count) == -1)
		return -1;
	if (++t->refused == REFUSED_MAX)
		log_notice("interface '%s': the kernel does not cut packets that were joined: "
			   "from now on that is done here, which is slower",
		    t->name);
	return 0;
}

int
tun_write(struct tun *t, const struct packet_offload *o, const struct iovec *iov, int count)
{
	int rc;

	assert(count >= 1 && count <= OFFLOAD_MERGE_MAX);
	if (!kernel_takes(t, o)) {
		rc = write_cut(t, o, iov, count);
	} else {
		rc = write_whole(t, o, iov, count);
		if (rc == -1 && errno == EINVAL && o->gso_size != 0)
			rc = write_refused(t, o, iov, count);
	}
	/* The interface was deleted, which nobody sees while reading pauses: go and look. EIO only
	 * means that it is set down. */
	if (rc == -1 && errno == EBADFD && !t->gone)
		event_active(t->readable, EV_READ, 0);
	return rc;
}
