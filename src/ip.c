/*
 * IP headers: check, take apart, and the little that the daemon builds itself.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

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

/* The next len bytes, at most four, zeros behind them, in the byte order of the host. */
static uint32_t
host_word(const uint8_t *p, size_t len)
{
	uint32_t word = 0;

	memcpy(&word, p, len);
	return word;
}

uint16_t
ip_checksum(const void *data, size_t len)
{
	const size_t step = 4 * sizeof(uint32_t);
	const uint8_t *p = data;
	uint64_t lane[4] = {0}, sum;
	int i;

	/* RFC 1071, 2: the sum may be taken in the byte order of the host, in wider words, and in
	 * several lanes, which compilers turn into vector instructions. */
	for (; len >= step; p += step, len -= step) {
		for (i = 0; i < 4; i++)
			lane[i] += host_word(p + i * 4, 4);
	}
	sum = lane[0] + lane[1] + lane[2] + lane[3];
	for (; len >= 4; p += 4, len -= 4)
		sum += host_word(p, 4);
	if (len > 0)
		sum += host_word(p, len);
	while (sum > UINT16_MAX)
		sum = (sum >> 16) + (sum & UINT16_MAX);
	return (uint16_t)~ntohs((uint16_t)sum);
}

static bool
is_ipv4(const uint8_t *packet)
{
	return packet[0] >> 4 == 4;
}

/* More fragments to come, or an offset: of IPv4; that header of IPv6 is a protocol of its own. */
static bool
is_fragment(const uint8_t *packet)
{
	return is_ipv4(packet) && ((packet[6] & 0x3f) != 0 || packet[7] != 0);
}

/* What the transport header says of the flow; 0 if there is nothing, or nothing known. */
static uint32_t
flow_ports(const uint8_t *packet, size_t len, uint8_t protocol)
{
	size_t at = is_ipv4(packet) ? (size_t)(packet[0] & 0x0f) * 4 : IP6_HEADER_LEN;
	uint8_t type;

	if (is_fragment(packet) || len - at < 8)
		return 0;
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		return host_word(packet + at, 4);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		type = packet[at];
		/* Echo and its reply, RFC 792 and RFC 4443. */
		return type == 8 || type == 0 || type == 128 || type == 129
			   ? host_word(packet + at + 4, 2)
			   : 0;
	default:
		return 0;
	}
}

/* The finalizer of SplitMix64 (Steele et al., OOPSLA 2014): each bit changes half of all. */
static uint64_t
scramble(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

/* One step of NH (RFC 4418, 5.2.2), with the next two keys. The sum of all steps is equal for two
 * inputs with no more than one of 2^32 keys, whatever the inputs. */
static uint64_t
hash_step(uint64_t *key, uint32_t a, uint32_t b)
{
	uint64_t k;

	*key += UINT64_C(0x9e3779b97f4a7c15);
	k = scramble(*key);
	return (uint64_t)(uint32_t)(a + (uint32_t)k) * (uint32_t)(b + (uint32_t)(k >> 32));
}

uint32_t
ip_flow_hash(const uint8_t *packet, size_t len, uint32_t seed)
{
	bool ipv4 = is_ipv4(packet);
	const uint8_t *p = packet + (ipv4 ? 12 : 8), *end = p + (ipv4 ? 8 : 32);
	uint8_t protocol = packet[ipv4 ? 9 : 6];
	uint64_t key = seed, sum;

	sum = hash_step(&key, protocol, flow_ports(packet, len, protocol));
	for (; p < end; p += 8)
		sum += hash_step(&key, host_word(p, 4), host_word(p + 4, 4));
	return (uint32_t)scramble(sum);
}

/* The field at, of two bytes. */
static uint16_t
field(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

bool
ip_mark_ce(uint8_t *packet)
{
	bool ipv4 = is_ipv4(packet);
	/* The traffic class of IPv6 begins in the middle of a byte. */
	uint8_t ce = ipv4 ? 0x03 : 0x30;
	uint16_t before = field(packet);
	uint32_t sum;

	if ((packet[1] & ce) == 0)
		return false;
	packet[1] |= ce;
	if (!ipv4)
		return true;
	/* RFC 1624, equation 3. */
	sum = (uint32_t)(uint16_t)~field(packet + 10) + (uint16_t)~before + field(packet);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	sum = ~((sum >> 16) + sum);
	packet[10] = (uint8_t)(sum >> 8);
	packet[11] = (uint8_t)sum;
	return true;
}
