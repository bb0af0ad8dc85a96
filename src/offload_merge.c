/*
 * Joins TCP packets that follow each other, so that the kernel takes them as one.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "offload.h"

#include <string.h>

#include "ip.h"
#include "offload_internal.h"

#define IP4_VERSION_AND_LEN 0x45 /* no options */
#define IP4_DONT_FRAGMENT 0x4000
#define LAST_FLAGS (TCP_PSH | TCP_FIN)

static bool
is_sum_right(const uint8_t *packet, size_t len, const struct packet_offload *o)
{
	uint32_t sum = offload_pseudo_sum(packet, len, o);

	if (is_ip4(packet) && ip_checksum(packet, o->csum_start) != 0)
		return false;
	sum += (uint16_t)~ip_checksum(packet + o->csum_start, len - o->csum_start);
	return sum % UINT16_MAX == 0;
}

/* Whether it may begin one, or follow: TCP with payload, and nothing out of the ordinary. Fills *o
 * with where things are. */
static bool
is_data(const uint8_t *packet, size_t len, struct packet_offload *o)
{
	uint8_t flags;

	if (offload_locate(packet, len, o) != 0 || !is_tcp(o) || len == o->header_len)
		return false;
	if (is_ip4(packet) && packet[0] != IP4_VERSION_AND_LEN)
		return false;
	flags = packet[o->csum_start + TCP_FLAGS];
	return (flags & ~(LAST_FLAGS | TCP_ECE)) == TCP_ACK;
}

/* The identification need not be in order where nobody may cut the packet: RFC 6864, 4.1. */
static bool
is_next_ip4(const uint8_t *first, const uint8_t *next, int count)
{
	uint16_t fragment = get16(first + IP4_FRAGMENT);

	if (memcmp(first, next, IP4_TOTAL_LEN) != 0 || fragment != get16(next + IP4_FRAGMENT))
		return false;
	if ((fragment & IP4_DONT_FRAGMENT) == 0 &&
	    get16(next + IP4_ID) != (uint16_t)(get16(first + IP4_ID) + count))
		return false;
	/* TTL and protocol, then the addresses */
	return memcmp(first + 8, next + 8, 2) == 0 && memcmp(first + 12, next + 12, 8) == 0;
}

/* All but the length. */
static bool
is_next_ip6(const uint8_t *first, const uint8_t *next)
{
	return memcmp(first, next, IP6_PAYLOAD_LEN) == 0 &&
	       memcmp(first + IP6_NEXT_HEADER, next + IP6_NEXT_HEADER,
		   IP6_HEADER_LEN - IP6_NEXT_HEADER) == 0;
}

/* All but sequence number, the flags that a last one may have, and the checksum. */
static bool
is_next_tcp(const uint8_t *first, const uint8_t *next, size_t header_len)
{
	return memcmp(first, next, TCP_SEQ) == 0 && memcmp(first + 8, next + 8, 5) == 0 &&
	       ((first[TCP_FLAGS] ^ next[TCP_FLAGS]) & ~LAST_FLAGS) == 0 &&
	       memcmp(first + 14, next + 14, 2) == 0 &&
	       memcmp(first + 18, next + 18, header_len - 18) == 0;
}

/* Whether packet, of which is_data() is true, comes right behind what is there. */
static bool
is_next(const struct offload_merge *m, const uint8_t *packet, size_t len,
    const struct packet_offload *o)
{
	const uint8_t *first = m->iov[0].iov_base;
	size_t payload = len - o->header_len;

	if (m->count == OFFLOAD_MERGE_MAX || payload > m->gso_size || m->len + payload > PACKET_MAX)
		return false;
	if (get32(packet + o->csum_start + TCP_SEQ) != m->next_seq)
		return false;
	/* The versions are compared as well, and the lengths of the headers before the options. */
	if (is_ip4(packet) ? !is_next_ip4(first, packet, m->count) : !is_next_ip6(first, packet))
		return false;
	return is_next_tcp(
	    first + o->csum_start, packet + o->csum_start, (size_t)(o->header_len - o->csum_start));
}

static void
begin(struct offload_merge *m, uint8_t *packet, size_t len)
{
	m->iov[0] = (struct iovec){.iov_base = packet, .iov_len = len};
	m->count = 1;
	m->len = len;
	if (!is_data(packet, len, &m->offload)) {
		m->closed = true;
		return;
	}
	m->gso_size = len - m->offload.header_len;
	m->next_seq = get32(packet + m->offload.csum_start + TCP_SEQ) + (uint32_t)m->gso_size;
	m->closed = m->gso_size < OFFLOAD_GSO_MIN ||
		    (packet[m->offload.csum_start + TCP_FLAGS] & LAST_FLAGS) != 0;
}

static void
append(struct offload_merge *m, uint8_t *packet, size_t len)
{
	size_t payload = len - m->offload.header_len;
	uint8_t *first = m->iov[0].iov_base;
	uint8_t last = packet[m->offload.csum_start + TCP_FLAGS] & LAST_FLAGS;

	m->iov[m->count++] =
	    (struct iovec){.iov_base = packet + m->offload.header_len, .iov_len = payload};
	m->len += payload;
	m->next_seq += (uint32_t)payload;
	first[m->offload.csum_start + TCP_FLAGS] |= last;
	m->closed = payload < m->gso_size || last != 0;
}

bool
offload_merge_add(struct offload_merge *m, uint8_t *packet, size_t len)
{
	struct packet_offload o;

	if (m->count == 0) {
		begin(m, packet, len);
		return true;
	}
	if (m->closed || !is_data(packet, len, &o) || !is_next(m, packet, len, &o))
		return false;
	/* The first is verified when it is clear that it will not stay alone. */
	if (m->count == 1 && !is_sum_right(m->iov[0].iov_base, m->iov[0].iov_len, &o)) {
		m->closed = true;
		return false;
	}
	if (!is_sum_right(packet, len, &o))
		return false;
	append(m, packet, len);
	return true;
}

void
offload_merge_end(struct offload_merge *m)
{
	if (m->count <= 1) {
		m->offload = (struct packet_offload){0};
		return;
	}
	m->offload.partial = true;
	m->offload.gso_size = (uint16_t)m->gso_size;
	offload_set_len(m->iov[0].iov_base, m->len, &m->offload);
}

void
offload_merge_reset(struct offload_merge *m)
{
	m->count = 0;
	m->len = 0;
	m->gso_size = 0;
	m->next_seq = 0;
	m->closed = false;
	m->offload = (struct packet_offload){0};
}
