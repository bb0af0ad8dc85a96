/*
 * What is left to do on a packet: as the kernel tells it, and as the packet itself must allow it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "offload.h"

#include <string.h>

#include "ip.h"
#include "offload_internal.h"

/* struct virtio_net_hdr, in the byte order of the host; the kernel's headers may be older than what
 * the kernel can do. Virtio 1.2, 5.1.6. */
#define HEADER_FLAGS 0
#define HEADER_GSO_TYPE 1
#define HEADER_LEN 2
#define HEADER_GSO_SIZE 4
#define HEADER_CSUM_START 6
#define HEADER_CSUM_OFFSET 8
#define FLAG_NEEDS_CSUM 0x01
#define FLAG_DATA_VALID 0x02
#define GSO_NONE 0
#define GSO_TCPV4 1
#define GSO_TCPV6 4
#define GSO_UDP_L4 5
#define GSO_ECN 0x80

#define IP4_MORE_OR_OFFSET 0x3fff
#define IP6_FRAGMENT_HEADER 44
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define IP4_ADDRESSES 12
#define IP6_ADDRESSES 8

static int
locate_tcp(const uint8_t *packet, size_t len, struct packet_offload *o)
{
	size_t header_len;

	if (len < (size_t)o->csum_start + TCP_HEADER_LEN)
		return OFFLOAD_BAD_HEADER;
	header_len = (size_t)(packet[o->csum_start + TCP_DATA_OFFSET] >> 4) * 4;
	if (header_len < TCP_HEADER_LEN || header_len > len - o->csum_start)
		return OFFLOAD_BAD_HEADER;
	o->csum_offset = TCP_CHECKSUM;
	o->header_len = (uint16_t)(o->csum_start + header_len);
	return 0;
}

static int
locate_udp(const uint8_t *packet, size_t len, struct packet_offload *o)
{
	if (len < (size_t)o->csum_start + UDP_HEADER_LEN)
		return OFFLOAD_BAD_HEADER;
	if (get16(packet + o->csum_start + UDP_LEN) != len - o->csum_start)
		return OFFLOAD_BAD_HEADER;
	o->csum_offset = UDP_CHECKSUM;
	o->header_len = (uint16_t)(o->csum_start + UDP_HEADER_LEN);
	return 0;
}

static uint8_t
protocol_of(const uint8_t *packet)
{
	return packet[is_ip4(packet) ? IP4_PROTOCOL : IP6_NEXT_HEADER];
}

static bool
is_fragment(const uint8_t *packet)
{
	if (is_ip4(packet))
		return (get16(packet + IP4_FRAGMENT) & IP4_MORE_OR_OFFSET) != 0;
	return protocol_of(packet) == IP6_FRAGMENT_HEADER;
}

int
offload_locate(const uint8_t *packet, size_t len, struct packet_offload *o)
{
	*o = (struct packet_offload){0};
	if (is_fragment(packet))
		return OFFLOAD_FRAGMENT;
	o->csum_start = is_ip4(packet) ? (uint16_t)((packet[0] & 0x0f) * 4) : IP6_HEADER_LEN;
	switch (protocol_of(packet)) {
	case PROTOCOL_TCP:
		return locate_tcp(packet, len, o);
	case PROTOCOL_UDP:
		return locate_udp(packet, len, o);
	default:
		return OFFLOAD_BAD_HEADER;
	}
}

uint16_t
offload_pseudo_sum(const uint8_t *packet, size_t len, const struct packet_offload *o)
{
	size_t addresses = is_ip4(packet) ? IP4_ADDRESSES : IP6_ADDRESSES;
	size_t addresses_len = is_ip4(packet) ? 8 : 32;
	uint64_t sum = (uint16_t)~ip_checksum(packet + addresses, addresses_len);

	sum += protocol_of(packet) + (len - o->csum_start);
	while (sum > UINT16_MAX)
		sum = (sum >> 16) + (sum & UINT16_MAX);
	return (uint16_t)sum;
}

static void
put_pseudo_sum(uint8_t *packet, size_t len, const struct packet_offload *o)
{
	put16(packet + o->csum_start + o->csum_offset, offload_pseudo_sum(packet, len, o));
}

void
offload_set_len(uint8_t *packet, size_t len, const struct packet_offload *o)
{
	if (is_ip4(packet)) {
		put16(packet + IP4_TOTAL_LEN, (uint16_t)len);
		put16(packet + IP4_CHECKSUM, 0);
		put16(packet + IP4_CHECKSUM, ip_checksum(packet, o->csum_start));
	} else {
		put16(packet + IP6_PAYLOAD_LEN, (uint16_t)(len - IP6_HEADER_LEN));
	}
	if (!is_tcp(o))
		put16(packet + o->csum_start + UDP_LEN, (uint16_t)(len - o->csum_start));
	put_pseudo_sum(packet, len, o);
}

static uint16_t
host16(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static void
put_host16(uint8_t *p, uint16_t value)
{
	memcpy(p, &value, sizeof(value));
}

static uint8_t
gso_type(const uint8_t *packet, const struct packet_offload *o)
{
	if (!is_tcp(o))
		return GSO_UDP_L4;
	return is_ip4(packet) ? GSO_TCPV4 : GSO_TCPV6;
}

static bool
has_tcp_flags(const uint8_t *packet, const struct packet_offload *o, uint8_t flags)
{
	return is_tcp(o) && (packet[o->csum_start + TCP_FLAGS] & flags) != 0;
}

/* Whether the kernel means the checksum that we have found. */
static bool
is_same_place(const uint8_t *header, const struct packet_offload *o)
{
	return host16(header + HEADER_CSUM_START) == o->csum_start &&
	       host16(header + HEADER_CSUM_OFFSET) == o->csum_offset;
}

static int
take_partial(uint8_t *packet, size_t len, const uint8_t *header, struct packet_offload *o)
{
	struct packet_offload other = {
	    .partial = true,
	    .csum_start = host16(header + HEADER_CSUM_START),
	    .csum_offset = host16(header + HEADER_CSUM_OFFSET),
	};

	if ((size_t)other.csum_start + other.csum_offset + 2 > len)
		return OFFLOAD_BAD_HEADER;
	if (offload_locate(packet, len, o) == 0 && is_same_place(header, o)) {
		o->partial = true;
		return 0;
	}
	offload_finish(&other, packet, len);
	*o = other;
	return 0;
}

static int
take_gso(uint8_t *packet, size_t len, const uint8_t *header, struct packet_offload *o)
{
	uint16_t gso_size = host16(header + HEADER_GSO_SIZE);
	int error = offload_locate(packet, len, o);

	if (error != 0)
		return error;
	if ((header[HEADER_GSO_TYPE] & ~GSO_ECN) != gso_type(packet, o))
		return OFFLOAD_UNSUPPORTED;
	if ((header[HEADER_FLAGS] & FLAG_NEEDS_CSUM) != 0 && !is_same_place(header, o))
		return OFFLOAD_BAD_HEADER;
	if (gso_size == 0)
		return OFFLOAD_BAD_GSO;
	o->partial = true;
	if (gso_size < len - o->header_len) {
		if (has_tcp_flags(packet, o, TCP_SYN | TCP_RST))
			return OFFLOAD_BAD_FLAGS;
		o->gso_size = gso_size;
	}
	put_pseudo_sum(packet, len, o);
	return 0;
}

int
offload_from_kernel(
    const uint8_t header[OFFLOAD_HEADER_LEN], uint8_t *packet, size_t len, struct packet_offload *o)
{
	*o = (struct packet_offload){0};
	if ((header[HEADER_FLAGS] & ~(FLAG_NEEDS_CSUM | FLAG_DATA_VALID)) != 0)
		return OFFLOAD_UNSUPPORTED;
	if ((header[HEADER_GSO_TYPE] & ~GSO_ECN) != GSO_NONE)
		return take_gso(packet, len, header, o);
	if ((header[HEADER_FLAGS] & FLAG_NEEDS_CSUM) == 0)
		return 0;
	return take_partial(packet, len, header, o);
}

void
offload_to_kernel(
    const struct packet_offload *o, const uint8_t *packet, uint8_t header[OFFLOAD_HEADER_LEN])
{
	memset(header, 0, OFFLOAD_HEADER_LEN);
	if (!o->partial)
		return;
	header[HEADER_FLAGS] = FLAG_NEEDS_CSUM;
	put_host16(header + HEADER_CSUM_START, o->csum_start);
	put_host16(header + HEADER_CSUM_OFFSET, o->csum_offset);
	if (o->gso_size == 0)
		return;
	header[HEADER_GSO_TYPE] = gso_type(packet, o);
	/* else a card may repeat the flag in each piece */
	if (has_tcp_flags(packet, o, TCP_CWR))
		header[HEADER_GSO_TYPE] |= GSO_ECN;
	put_host16(header + HEADER_LEN, o->header_len);
	put_host16(header + HEADER_GSO_SIZE, o->gso_size);
}

/* Whether a packet with so much payload may be cut into pieces of gso_size. */
static int
judge_cut(const uint8_t *packet, size_t payload, uint16_t gso_size, const struct packet_offload *o)
{
	size_t most = is_tcp(o) ? OFFLOAD_TCP_PIECES_MAX : OFFLOAD_UDP_PIECES_MAX;

	if (has_tcp_flags(packet, o, TCP_SYN | TCP_RST | TCP_URG))
		return OFFLOAD_BAD_FLAGS;
	if (gso_size < OFFLOAD_GSO_MIN || payload > most * gso_size)
		return OFFLOAD_BAD_GSO;
	return 0;
}

int
offload_check(uint8_t *packet, size_t len, uint16_t gso_size, struct packet_offload *o)
{
	int error = offload_locate(packet, len, o);

	if (error != 0)
		return error;
	if (gso_size > 0 && gso_size < len - o->header_len) {
		error = judge_cut(packet, len - o->header_len, gso_size, o);
		if (error != 0)
			return error;
		o->gso_size = gso_size;
	}
	o->partial = true;
	put_pseudo_sum(packet, len, o);
	return 0;
}

void
offload_finish(struct packet_offload *o, uint8_t *packet, size_t len)
{
	uint8_t *transport = packet + o->csum_start;
	uint16_t checksum;

	if (o->partial) {
		checksum = ip_checksum(transport, len - o->csum_start);
		/* RFC 768: 0 says that there is none. */
		if (checksum == 0 && !is_tcp(o))
			checksum = UINT16_MAX;
		put16(transport + o->csum_offset, checksum);
	}
	*o = (struct packet_offload){0};
}
