/*
 * IP headers: check, take apart, and the little that the daemon builds itself.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "ip.h"

#include <stdbool.h>

#include "wire.h"

#define IP6_HEADER_LEN 40
#define IP4_DONT_FRAGMENT 0x4000

static enum ip_error
parse4(struct wire_reader *r, size_t len, struct ip_info *info)
{
	const uint8_t *src, *dst;

	info->header_len = (size_t)(wire_u8(r) & 0x0f) * 4;
	wire_skip(r, 1);
	info->total_len = wire_u16(r);
	wire_skip(r, 5);
	info->protocol = wire_u8(r);
	wire_skip(r, 2);
	src = wire_bytes(r, 4);
	dst = wire_bytes(r, 4);
	if (r->failed)
		return IP_TOO_SHORT;
	if (info->header_len < IP_MIN_HEADER || info->header_len > len)
		return IP_BAD_HEADER;
	if (info->total_len != len)
		return IP_BAD_LENGTH;
	info->src = addr_from_bytes(ADDR_IPV4, src);
	info->dst = addr_from_bytes(ADDR_IPV4, dst);
	return IP_OK;
}

static enum ip_error
parse6(struct wire_reader *r, size_t len, struct ip_info *info)
{
	const uint8_t *src, *dst;

	wire_skip(r, 4);
	info->header_len = IP6_HEADER_LEN;
	info->total_len = IP6_HEADER_LEN + (size_t)wire_u16(r);
	info->protocol = wire_u8(r);
	wire_skip(r, 1);
	src = wire_bytes(r, 16);
	dst = wire_bytes(r, 16);
	if (r->failed)
		return IP_TOO_SHORT;
	/* Also what refuses a jumbogram (RFC 2675): its header says 0. */
	if (info->total_len != len)
		return IP_BAD_LENGTH;
	info->src = addr_from_bytes(ADDR_IPV6, src);
	info->dst = addr_from_bytes(ADDR_IPV6, dst);
	return IP_OK;
}

enum ip_error
ip_parse(const uint8_t *packet, size_t len, struct ip_info *info)
{
	struct wire_reader r;

	if (len == 0)
		return IP_TOO_SHORT;
	wire_reader_init(&r, packet, len);
	switch (packet[0] >> 4) {
	case 4:
		return parse4(&r, len, info);
	case 6:
		return parse6(&r, len, info);
	default:
		return IP_BAD_VERSION;
	}
}

static void
put_header4(struct wire_writer *w, const struct addr *src, const struct addr *dst, uint8_t protocol,
    uint16_t payload_len)
{
	uint8_t *header = w->data + w->pos;
	struct wire_writer checksum;

	wire_put_u8(w, 4 << 4 | IP_MIN_HEADER / 4);
	wire_put_u8(w, 0);
	wire_put_u16(w, (uint16_t)(IP_MIN_HEADER + payload_len));
	wire_put_u16(w, 0);
	wire_put_u16(w, IP4_DONT_FRAGMENT);
	wire_put_u8(w, 1);
	wire_put_u8(w, protocol);
	wire_put_u16(w, 0);
	wire_put_bytes(w, src->bytes, 4);
	wire_put_bytes(w, dst->bytes, 4);
	wire_writer_init(&checksum, header + 10, 2);
	wire_put_u16(&checksum, ip_checksum(header, IP_MIN_HEADER));
}

static void
put_header6(struct wire_writer *w, const struct addr *src, const struct addr *dst, uint8_t protocol,
    uint16_t payload_len)
{
	wire_put_u32(w, UINT32_C(6) << 28);
	wire_put_u16(w, payload_len);
	wire_put_u8(w, protocol);
	wire_put_u8(w, 1);
	wire_put_bytes(w, src->bytes, 16);
	wire_put_bytes(w, dst->bytes, 16);
}

size_t
ip_build(uint8_t *packet, size_t size, const struct addr *src, const struct addr *dst,
    uint8_t protocol, const void *payload, size_t payload_len)
{
	bool ipv4 = src->family == ADDR_IPV4;
	size_t header_len = ipv4 ? IP_MIN_HEADER : IP6_HEADER_LEN;
	/* IPv4 counts its header in the length field, IPv6 does not. */
	size_t payload_max = ipv4 ? UINT16_MAX - header_len : UINT16_MAX;
	struct wire_writer w;

	if (src->family == ADDR_NONE || src->family != dst->family)
		return 0;
	if (payload_len > payload_max || size < header_len || payload_len > size - header_len)
		return 0;
	wire_writer_init(&w, packet, size);
	if (ipv4)
		put_header4(&w, src, dst, protocol, (uint16_t)payload_len);
	else
		put_header6(&w, src, dst, protocol, (uint16_t)payload_len);
	if (payload_len > 0)
		wire_put_bytes(&w, payload, payload_len);
	return w.pos;
}

uint16_t
ip_checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint64_t)p[i] << 8 | p[i + 1];
	if (i < len)
		sum += (uint64_t)p[i] << 8;
	while (sum > UINT16_MAX)
		sum = (sum >> 16) + (sum & UINT16_MAX);
	return (uint16_t)~sum;
}
