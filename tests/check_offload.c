/*
 * Tests of offload. What it cuts and completes is compared byte for byte with packets that a plain
 * builder here writes, with a checksum of its own; what it joins must come apart again.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "offload.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ip.h"
#include "util.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20
#define ECE 0x40
#define CWR 0x80
#define TCP 6
#define UDP 17

#define NEEDS_CSUM 1
#define DATA_VALID 2
#define GSO_NONE 0
#define GSO_TCPV4 1
#define GSO_UDP 3 /* UFO, which nobody asks for */
#define GSO_TCPV6 4
#define GSO_UDP_L4 5
#define GSO_ECN 0x80

/* A stretch of a flow, and how it is to be sent. */
struct shape {
	int version;
	int protocol;
	size_t ip_options;
	size_t tcp_options;
	size_t payload;
	uint16_t gso_size;
	uint8_t flags;
	uint16_t id;
	uint32_t seq;
	bool may_fragment;
};

static const struct shape shapes[] = {
    {4, TCP, 0, 0, 64000, 1460, ACK, 1, 1000, false},
    {4, TCP, 0, 12, 63712, 1448, ACK | PSH, 0xfff0, 0xffffff00, false},
    {4, TCP, 8, 40, 14480, 1000, ACK | PSH | FIN | CWR | ECE, 7, 0x80000000, true},
    {4, TCP, 40, 4, 700, 500, ACK | CWR, 0, 0, true},
    {6, TCP, 0, 0, 65000, 1440, ACK | FIN, 0, 0xfffffffe, false},
    {6, TCP, 0, 12, 1429, 1428, ACK | PSH | CWR, 0, 5, false},
    {6, TCP, 0, 20, 65415, 256, ACK, 0, 5, false},
    {4, UDP, 0, 0, 32000, 1472, 0, 0xffff, 0, false},
    {4, UDP, 12, 0, 2400, 1200, 0, 3, 0, true},
    {6, UDP, 0, 0, 64001, 1232, 0, 0, 0, false},
    {6, UDP, 0, 0, 513, 512, 0, 0, 0, false},
};

static const struct shape tcp4 = {4, TCP, 0, 12, 14480, 1448, ACK, 9, 77, false};
static const struct shape tcp6 = {6, TCP, 0, 12, 14280, 1428, ACK, 0, 77, false};
static const struct shape udp4 = {4, UDP, 0, 0, 12000, 1200, 0, 9, 0, false};
static const struct shape udp6 = {6, UDP, 0, 0, 12000, 1200, 0, 0, 0, false};

static size_t
ip_len(const struct shape *s)
{
	return s->version == 4 ? 20 + s->ip_options : 40;
}

static size_t
header_len(const struct shape *s)
{
	return ip_len(s) + (s->protocol == TCP ? 20 + s->tcp_options : 8);
}

static void
put(uint8_t *p, size_t size, uint32_t value)
{
	while (size-- > 0) {
		p[size] = (uint8_t)value;
		value >>= 8;
	}
}

/* RFC 1071, two bytes at a time; sum is what comes before. */
static uint32_t
add(uint32_t sum, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return sum;
}

/* The sum of addresses, protocol and length of what is behind the IP header. */
static uint32_t
pseudo_sum(const uint8_t *packet, size_t start, size_t len)
{
	bool ip4 = packet[0] >> 4 == 4;
	uint8_t rest[4] = {
	    0, packet[ip4 ? 9 : 6], (uint8_t)((len - start) >> 8), (uint8_t)(len - start)};

	return add(add(0, rest, 4), packet + (ip4 ? 12 : 8), ip4 ? 8 : 32);
}

/* Writes all checksums of a packet anew. */
static void
sum_up(uint8_t *packet, size_t len)
{
	bool ip4 = packet[0] >> 4 == 4;
	size_t start = ip4 ? (size_t)(packet[0] & 15) * 4 : 40;
	bool tcp = packet[ip4 ? 9 : 6] == TCP;
	uint8_t *sum = packet + start + (tcp ? 16 : 6);
	uint16_t value;

	if (ip4) {
		put(packet + 10, 2, 0);
		put(packet + 10, 2, (uint16_t)~add(0, packet, start));
	}
	put(sum, 2, 0);
	value = (uint16_t)~add(pseudo_sum(packet, start, len), packet + start, len - start);
	put(sum, 2, value == 0 && !tcp ? 0xffff : value);
}

static void
put_ip4(uint8_t *p, const struct shape *s, size_t len, uint16_t id)
{
	memset(p, 1, ip_len(s)); /* options: "no operation" */
	put(p, 2, (uint32_t)(0x4002 | (ip_len(s) / 4) << 8));
	put(p + 2, 2, (uint32_t)len);
	put(p + 4, 2, id);
	put(p + 6, 2, s->may_fragment ? 0 : 0x4000);
	put(p + 8, 2, (uint32_t)(0x4000 | s->protocol));
	put(p + 12, 4, 0x0a000101);
	put(p + 16, 4, 0xc0a8fffe);
}

static void
put_ip6(uint8_t *p, const struct shape *s, size_t len)
{
	memset(p, 0, 40);
	put(p, 4, 0x60212345);
	put(p + 4, 2, (uint32_t)(len - 40));
	put(p + 6, 2, (uint32_t)(s->protocol << 8 | 64));
	put(p + 8, 4, 0xfd000001);
	put(p + 20, 4, 0xabcd0001);
	put(p + 24, 4, 0xfdffff02);
	put(p + 36, 4, 2);
}

static void
put_transport(uint8_t *p, const struct shape *s, size_t len, size_t from, uint8_t flags)
{
	put(p, 4, 0x9c4001bb); /* the ports */
	if (s->protocol == UDP) {
		put(p + 4, 4, (uint32_t)len << 16);
		return;
	}
	put(p + 4, 4, s->seq + (uint32_t)from);
	put(p + 8, 4, 0x12345678);
	put(p + 12, 2, (uint32_t)((5 + s->tcp_options / 4) << 12 | flags));
	put(p + 14, 2, 0xfedc);
	put(p + 16, 4, 0);
	memset(p + 20, 1, s->tcp_options);
}

/* The packet with the payload from..to of the flow, complete. Returns its length. */
static size_t
build(uint8_t *p, const struct shape *s, size_t from, size_t to, uint16_t id, uint8_t flags)
{
	size_t len = header_len(s) + to - from, i;

	if (s->version == 4)
		put_ip4(p, s, len, id);
	else
		put_ip6(p, s, len);
	put_transport(p + ip_len(s), s, len - ip_len(s), from, flags);
	for (i = from; i < to; i++)
		p[header_len(s) + i - from] = (uint8_t)(i * 31 + (i >> 8));
	sum_up(p, len);
	return len;
}

static size_t
build_whole(uint8_t *p, const struct shape *s)
{
	return build(p, s, 0, s->payload, s->id, s->flags);
}

/* What a host without offload would have sent as its i-th packet; 0 behind the last. */
static size_t
build_piece(uint8_t *p, const struct shape *s, size_t i)
{
	size_t from = i * s->gso_size, to = from + s->gso_size;
	uint8_t flags = s->flags;

	if (from >= s->payload)
		return 0;
	if (i > 0)
		flags &= (uint8_t)~CWR;
	if (to < s->payload)
		flags &= (uint8_t) ~(FIN | PSH);
	else
		to = s->payload;
	return build(p, s, from, to, (uint16_t)(s->id + i), flags);
}

/* A super-packet off the wire, judged and taken; the checksum in it is nonsense before. */
static struct packet
super(uint8_t *data, const struct shape *s)
{
	struct packet p = {.data = data, .len = build_whole(data, s), .room = PACKET_LARGE};

	put(data + ip_len(s) + (s->protocol == TCP ? 16 : 6), 2, 0xbad1);
	ck_assert_int_eq(offload_check(data, p.len, s->gso_size, &p.offload), 0);
	return p;
}

static void
assert_same(const uint8_t *packet, size_t len, const uint8_t *expected, size_t expected_len)
{
	struct ip_info info;

	ck_assert_uint_eq(len, expected_len);
	ck_assert_mem_eq(packet, expected, len);
	ck_assert_int_eq(ip_parse(packet, len, &info), IP_OK);
}

static void
assert_offload(const struct packet_offload *o, const struct packet_offload *expected)
{
	ck_assert_int_eq(o->partial, expected->partial);
	ck_assert_uint_eq(o->gso_size, expected->gso_size);
	ck_assert_uint_eq(o->csum_start, expected->csum_start);
	ck_assert_uint_eq(o->csum_offset, expected->csum_offset);
	ck_assert_uint_eq(o->header_len, expected->header_len);
}

static void
assert_nothing_left(const struct packet_offload *o)
{
	const struct packet_offload nothing = {0};

	assert_offload(o, &nothing);
}

/* Whether the checksum is that of the pseudo header alone. */
static void
assert_partial(const uint8_t *packet, size_t len, const struct packet_offload *o)
{
	uint8_t sum[2];

	ck_assert(o->partial);
	put(sum, 2, pseudo_sum(packet, o->csum_start, len));
	ck_assert_mem_eq(packet + o->csum_start + o->csum_offset, sum, 2);
}

/* Cuts the rest of p one by one, and compares from piece *i on. */
static void
assert_pieces(struct packet *p, const struct shape *s, size_t *i)
{
	static uint8_t out[PACKET_LARGE], expected[PACKET_LARGE];
	struct packet_offload piece;
	size_t len;

	while (!offload_is_cut(p)) {
		len = offload_cut(p, out, header_len(s) + s->gso_size, 1, true, &piece);
		assert_same(out, len, expected, build_piece(expected, s, *i));
		assert_nothing_left(&piece);
		++*i;
	}
	ck_assert_uint_eq(offload_cut(p, out, sizeof(out), 1, true, &piece), 0);
}

START_TEST(offload_cut_gives_what_a_host_without_offload_would_have_sent)
{
	static uint8_t data[PACKET_LARGE], expected[PACKET_LARGE];
	struct packet p = super(data, &shapes[_i]);
	size_t count = 0;

	assert_pieces(&p, &shapes[_i], &count);
	ck_assert_uint_eq(build_piece(expected, &shapes[_i], count), 0);
}
END_TEST

START_TEST(offload_cut_in_two_steps_gives_the_same_packets)
{
	static const unsigned int most[] = {0, 1, 2, 3, 7, 100};
	static uint8_t data[PACKET_LARGE], out[PACKET_LARGE];
	const struct shape *s = &shapes[_i];
	size_t sizes[] = {header_len(s) + s->gso_size, header_len(s) + s->gso_size + 1, 3000, 4096,
	    16000, 30011, PACKET_LARGE};
	size_t count, i, j;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		for (j = 0; j < ARRAY_LEN(most); j++) {
			struct packet p = super(data, s);

			count = 0;
			while (!offload_is_cut(&p)) {
				struct packet part = {.data = out};

				part.len =
				    offload_cut(&p, out, sizes[i], most[j], true, &part.offload);
				ck_assert(part.len > 0 && part.len <= sizes[i]);
				if (most[j] == 1)
					ck_assert_uint_eq(part.offload.gso_size, 0);
				assert_pieces(&part, s, &count);
			}
			ck_assert_uint_eq(build_piece(out, s, count), 0);
		}
	}
}
END_TEST

START_TEST(offload_cut_of_several_pieces_is_one_to_be_cut_again)
{
	static uint8_t data[PACKET_LARGE], out[PACKET_LARGE];
	struct packet p = super(data, &shapes[_i]);
	struct packet_offload piece, again;
	struct ip_info info;
	size_t len;

	while (!offload_is_cut(&p)) {
		len = offload_cut(&p, out, 5000, 3, true, &piece);
		ck_assert_int_eq(ip_parse(out, len, &info), IP_OK);
		if (piece.gso_size == 0)
			continue;
		ck_assert_uint_le(len - piece.header_len, 3 * shapes[_i].gso_size);
		assert_partial(out, len, &piece);
		ck_assert_int_eq(offload_check(out, len, shapes[_i].gso_size, &again), 0);
		assert_offload(&again, &piece);
	}
}
END_TEST

START_TEST(offload_cut_of_one_piece_can_be_finished_later)
{
	static uint8_t data[PACKET_LARGE], out[PACKET_LARGE], expected[PACKET_LARGE];
	struct packet p = super(data, &shapes[_i]);
	struct packet_offload piece;
	size_t i, len;

	for (i = 0; !offload_is_cut(&p); i++) {
		len = offload_cut(&p, out, sizeof(out), 1, false, &piece);
		ck_assert_uint_eq(piece.gso_size, 0);
		assert_partial(out, len, &piece);
		offload_finish(&piece, out, len);
		assert_nothing_left(&piece);
		assert_same(out, len, expected, build_piece(expected, &shapes[_i], i));
	}
}
END_TEST

START_TEST(offload_cut_waits_for_room_for_one_piece)
{
	static uint8_t data[PACKET_LARGE], out[PACKET_LARGE];
	struct shape s = tcp4;
	struct packet_offload piece;
	struct packet p;
	size_t whole = header_len(&s) + s.gso_size;

	s.payload = 2 * s.gso_size + 10;
	p = super(data, &s);
	ck_assert_uint_eq(offload_cut(&p, out, 0, 0, true, &piece), 0);
	ck_assert_uint_eq(offload_cut(&p, out, header_len(&s), 0, true, &piece), 0);
	ck_assert_uint_eq(offload_cut(&p, out, whole - 1, 0, true, &piece), 0);
	ck_assert_uint_eq(p.cut, 0);
	ck_assert_uint_eq(offload_cut(&p, out, whole + 1, 0, true, &piece), whole);
	ck_assert_uint_eq(p.cut, s.gso_size);
	ck_assert_uint_eq(offload_cut(&p, out, whole, 0, true, &piece), whole);
	/* the last one is smaller */
	ck_assert_uint_eq(offload_cut(&p, out, header_len(&s) + 9, 0, true, &piece), 0);
	ck_assert(!offload_is_cut(&p));
	ck_assert_uint_eq(
	    offload_cut(&p, out, header_len(&s) + 10, 0, true, &piece), header_len(&s) + 10);
	ck_assert(offload_is_cut(&p));
}
END_TEST

START_TEST(offload_cut_gives_a_packet_that_is_not_to_be_cut_whole)
{
	static uint8_t data[PACKET_LARGE], out[PACKET_LARGE], expected[PACKET_LARGE];
	struct shape s = tcp4;
	struct packet_offload piece;
	struct packet p;
	size_t len;

	/* no payload, so that nothing is left of it from the start on */
	s.payload = 0;
	s.flags = SYN;
	s.gso_size = 0;
	len = build_whole(expected, &s);
	p = super(data, &s);
	ck_assert(!offload_is_cut(&p));
	ck_assert_uint_eq(offload_cut(&p, out, len - 1, 0, true, &piece), 0);
	ck_assert_uint_eq(offload_cut(&p, out, len, 0, true, &piece), len);
	assert_same(out, len, expected, len);
	assert_nothing_left(&piece);
	ck_assert(offload_is_cut(&p));
	ck_assert_uint_eq(offload_cut(&p, out, len, 0, true, &piece), 0);
	p = super(data, &s);
	ck_assert_uint_eq(offload_cut(&p, out, len, 0, false, &piece), len);
	assert_partial(out, len, &piece);
	p = (struct packet){.data = expected, .len = len};
	ck_assert_uint_eq(offload_cut(&p, out, len, 1, true, &piece), len);
	assert_same(out, len, expected, len);
	assert_nothing_left(&piece);
}
END_TEST

START_TEST(offload_finish_writes_no_checksum_of_zero_but_for_tcp)
{
	static const struct shape *const all[] = {&udp4, &udp6, &tcp4, &tcp6};
	const struct shape *s = all[_i];
	static uint8_t data[PACKET_LARGE], out[PACKET_LARGE];
	size_t header = header_len(s), at = ip_len(s) + (s->protocol == TCP ? 16 : 6);
	struct packet_offload piece;
	struct packet p;
	uint8_t sum[2];

	/* The first piece's checksum, added to its payload, takes it to 0. */
	build_piece(out, s, 0);
	memcpy(sum, out + at, 2);
	p = super(data, s);
	put(data + header, 2, add(add(0, data + header, 2), sum, 2));
	offload_cut(&p, out, header + s->gso_size, 1, true, &piece);
	put(sum, 2, s->protocol == TCP ? 0 : 0xffff);
	ck_assert_mem_eq(out + at, sum, 2);
}
END_TEST

/* Judges a copy of exactly len bytes, where a sanitizer sees a read beyond them. */
static int
check(const uint8_t *packet, size_t len, uint16_t gso_size)
{
	uint8_t *copy = malloc(len);
	struct packet_offload o;
	struct ip_info info;
	int result;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, packet, len);
	ck_assert_int_eq(ip_parse(copy, len, &info), IP_OK);
	result = offload_check(copy, len, gso_size, &o);
	if (result < 0)
		ck_assert_mem_eq(copy, packet, len);
	free(copy);
	return result;
}

START_TEST(offload_check_ignores_what_the_wire_says_of_checksums)
{
	static uint8_t data[PACKET_LARGE], expected[PACKET_LARGE];
	static const struct shape *const all[] = {&tcp4, &tcp6, &udp4, &udp6};
	const struct shape *s = all[_i];
	size_t at = ip_len(s) + (s->protocol == TCP ? 16 : 6);
	size_t len = build_whole(expected, s), i;
	static const uint16_t lies[] = {0, 1, 0xbeef, 0xffff};
	struct packet_offload o;

	for (i = 0; i < ARRAY_LEN(lies); i++) {
		build_whole(data, s);
		put(data + at, 2, lies[i]);
		ck_assert_int_eq(offload_check(data, len, 0, &o), 0);
		assert_partial(data, len, &o);
		ck_assert_uint_eq(o.gso_size, 0);
		ck_assert_uint_eq(o.csum_start, ip_len(s));
		ck_assert_uint_eq(o.csum_start + o.csum_offset, at);
		ck_assert_uint_eq(o.header_len, header_len(s));
		offload_finish(&o, data, len);
		assert_same(data, len, expected, len);
	}
}
END_TEST

START_TEST(offload_check_takes_gso_size_as_large_as_the_payload_for_none)
{
	static const size_t payloads[] = {0, 1, 100, 255, 256, 1448, 64000};
	static uint8_t data[PACKET_LARGE];
	struct packet_offload o;
	struct shape s = _i == 0 ? tcp4 : udp6;
	size_t i, len;

	for (i = 0; i < ARRAY_LEN(payloads); i++) {
		s.payload = payloads[i];
		len = build_whole(data, &s);
		ck_assert_int_eq(offload_check(data, len, 65535, &o), 0);
		ck_assert_uint_eq(o.gso_size, 0);
		ck_assert(o.partial);
		ck_assert_int_eq(offload_check(data, len, (uint16_t)s.payload, &o), 0);
		ck_assert_uint_eq(o.gso_size, 0);
	}
}
END_TEST

START_TEST(offload_check_refuses_gso_size_1)
{
	static uint8_t data[PACKET_LARGE];
	struct shape s = _i == 0 ? tcp4 : udp6;
	size_t len;

	s.payload = 60000;
	len = build_whole(data, &s);
	ck_assert_int_eq(check(data, len, 1), OFFLOAD_BAD_GSO);
	s.payload = 2;
	len = build_whole(data, &s);
	ck_assert_int_eq(check(data, len, 1), OFFLOAD_BAD_GSO);
}
END_TEST

START_TEST(offload_check_refuses_pieces_that_are_too_small)
{
	static uint8_t data[PACKET_LARGE];
	struct shape s = tcp6;
	size_t len;

	s.payload = 2560;
	len = build_whole(data, &s);
	ck_assert_int_eq(check(data, len, 255), OFFLOAD_BAD_GSO);
	ck_assert_int_eq(check(data, len, 256), 0);
}
END_TEST

START_TEST(offload_check_refuses_too_many_pieces)
{
	static uint8_t data[PACKET_LARGE];
	struct shape s = udp4;

	s.payload = 128 * 500;
	ck_assert_int_eq(check(data, build_whole(data, &s), 500), 0);
	s.payload = 128 * 500 + 1;
	ck_assert_int_eq(check(data, build_whole(data, &s), 500), OFFLOAD_BAD_GSO);
	/* More of TCP than 256 pieces of 256 bytes are no packet. */
	s = tcp6;
	s.payload = 65535 - header_len(&s);
	ck_assert_int_eq(check(data, build_whole(data, &s), 256), 0);
}
END_TEST

START_TEST(offload_check_refuses_fragments)
{
	static const uint16_t fields[] = {0x2000, 0x0001, 0x1fff, 0x0100, 0x2001, 0x6000};
	static uint8_t data[PACKET_LARGE];
	size_t len, i;

	for (i = 0; i < ARRAY_LEN(fields); i++) {
		len = build_whole(data, &tcp4);
		put(data + 6, 2, fields[i]);
		ck_assert_int_eq(check(data, len, 1448), OFFLOAD_FRAGMENT);
		ck_assert_int_eq(check(data, len, 0), OFFLOAD_FRAGMENT);
	}
	len = build_whole(data, &udp6);
	data[6] = 44;
	ck_assert_int_eq(check(data, len, 1200), OFFLOAD_FRAGMENT);
	ck_assert_int_eq(check(data, len, 0), OFFLOAD_FRAGMENT);
}
END_TEST

START_TEST(offload_check_refuses_ipv6_extension_headers)
{
	/* hop-by-hop, routing, ESP, AH, none, destination options, mobility, HIP, shim6 */
	static const uint8_t headers[] = {0, 43, 50, 51, 59, 60, 135, 139, 140, 253, 254};
	static uint8_t data[PACKET_LARGE];
	size_t len = build_whole(data, &tcp6), i;

	/* as such a header it would lead to TCP */
	put(data + 40, 2, 0x0600);
	for (i = 0; i < ARRAY_LEN(headers); i++) {
		data[6] = headers[i];
		ck_assert_int_eq(check(data, len, 1428), OFFLOAD_BAD_HEADER);
		ck_assert_int_eq(check(data, len, 0), OFFLOAD_BAD_HEADER);
	}
}
END_TEST

START_TEST(offload_check_refuses_nested_tunnels_and_other_protocols)
{
	/* IPIP, 6in4, GRE; ICMP, IGMP, DCCP, ESP, ICMPv6, L2TP, SCTP, UDP-Lite, MPLS */
	static const uint8_t protocols[] = {4, 41, 47, 1, 2, 33, 50, 58, 115, 132, 136, 137};
	static uint8_t data[PACKET_LARGE];
	size_t len, i;

	for (i = 0; i < ARRAY_LEN(protocols); i++) {
		len = build_whole(data, &tcp4);
		build_whole(data + 20, &tcp6);
		data[9] = protocols[i];
		ck_assert_int_eq(check(data, len, 1448), OFFLOAD_BAD_HEADER);
		ck_assert_int_eq(check(data, len, 0), OFFLOAD_BAD_HEADER);
		len = build_whole(data, &tcp6);
		build_whole(data + 40, &tcp4);
		data[6] = protocols[i];
		ck_assert_int_eq(check(data, len, 1428), OFFLOAD_BAD_HEADER);
		ck_assert_int_eq(check(data, len, 0), OFFLOAD_BAD_HEADER);
	}
}
END_TEST

START_TEST(offload_check_refuses_a_bad_data_offset)
{
	static uint8_t data[PACKET_LARGE];
	struct shape s = tcp4;
	unsigned int words;
	size_t len;

	s.payload = 10;
	len = build_whole(data, &s);
	for (words = 0; words < 16; words++) {
		/* 20 + 12 + 10 bytes of TCP are there */
		data[32] = (uint8_t)(words << 4);
		ck_assert_int_eq(
		    check(data, len, 0), words >= 5 && words <= 10 ? 0 : OFFLOAD_BAD_HEADER);
	}
}
END_TEST

START_TEST(offload_check_refuses_a_udp_length_that_is_not_the_packets)
{
	static const int wrong[] = {-12008, -12007, -12000, -1, 1, 53527};
	static uint8_t data[PACKET_LARGE];
	const struct shape *s = _i == 0 ? &udp4 : &udp6;
	size_t len = build_whole(data, s), i;

	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		put(data + ip_len(s) + 4, 2, (uint32_t)(12008 + wrong[i]));
		ck_assert_int_eq(check(data, len, 1200), OFFLOAD_BAD_HEADER);
		ck_assert_int_eq(check(data, len, 0), OFFLOAD_BAD_HEADER);
	}
}
END_TEST

START_TEST(offload_check_refuses_headers_that_are_cut_short)
{
	static uint8_t data[PACKET_LARGE];
	const struct shape *s = &shapes[_i];
	size_t len;

	build_whole(data, s);
	for (len = ip_len(s); len < header_len(s); len++) {
		put(data + (s->version == 4 ? 2 : 4), 2,
		    (uint32_t)(s->version == 4 ? len : len - 40));
		if (s->protocol == UDP && len >= ip_len(s) + 6)
			put(data + ip_len(s) + 4, 2, (uint32_t)(len - ip_len(s)));
		ck_assert_int_eq(check(data, len, 256), OFFLOAD_BAD_HEADER);
		ck_assert_int_eq(check(data, len, 0), OFFLOAD_BAD_HEADER);
	}
}
END_TEST

START_TEST(offload_check_refuses_to_have_syn_rst_and_urg_cut)
{
	static const uint8_t flags[] = {SYN, RST, URG};
	static uint8_t data[PACKET_LARGE];
	struct shape s = tcp4;
	size_t len;

	s.flags = (uint8_t)(ACK | flags[_i]);
	len = build_whole(data, &s);
	ck_assert_int_eq(check(data, len, 1448), OFFLOAD_BAD_FLAGS);
	ck_assert_int_eq(check(data, len, 0), 0);
	ck_assert_int_eq(check(data, len, 65535), 0);
}
END_TEST

struct vnet {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t header_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};

_Static_assert(sizeof(struct vnet) == OFFLOAD_HEADER_LEN, "as in the kernel");

static int
from_kernel(const struct vnet *vnet, uint8_t *packet, size_t len, struct packet_offload *o)
{
	uint8_t header[OFFLOAD_HEADER_LEN];

	memcpy(header, vnet, sizeof(header));
	return offload_from_kernel(header, packet, len, o);
}

static struct vnet
to_kernel(const struct packet_offload *o, const uint8_t *packet)
{
	uint8_t header[OFFLOAD_HEADER_LEN];
	struct vnet vnet;

	memset(header, 0xa5, sizeof(header));
	offload_to_kernel(o, packet, header);
	memcpy(&vnet, header, sizeof(vnet));
	return vnet;
}

/* What the kernel says of the whole. */
static struct vnet
vnet_of(const struct shape *s)
{
	struct vnet vnet = {.flags = NEEDS_CSUM,
	    .gso_type = GSO_UDP_L4,
	    .header_len = (uint16_t)header_len(s),
	    .gso_size = s->gso_size,
	    .csum_start = (uint16_t)ip_len(s),
	    .csum_offset = s->protocol == TCP ? 16 : 6};

	if (s->protocol == TCP)
		vnet.gso_type = s->version == 4 ? GSO_TCPV4 : GSO_TCPV6;
	return vnet;
}

/* As the kernel hands it over: with the sum of the pseudo header. */
static size_t
build_partial(uint8_t *data, const struct shape *s)
{
	size_t len = build_whole(data, s);

	put(data + ip_len(s) + (s->protocol == TCP ? 16 : 6), 2, pseudo_sum(data, ip_len(s), len));
	return len;
}

START_TEST(offload_takes_from_the_kernel_what_it_gives_to_it)
{
	static uint8_t data[PACKET_LARGE];
	const struct shape *s = &shapes[_i];
	struct vnet vnet = vnet_of(s), back;
	size_t len = build_partial(data, s);
	struct packet_offload o;

	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), 0);
	ck_assert_uint_eq(o.gso_size, s->gso_size);
	ck_assert_uint_eq(o.header_len, header_len(s));
	assert_partial(data, len, &o);
	if ((s->flags & CWR) != 0)
		vnet.gso_type |= GSO_ECN;
	back = to_kernel(&o, data);
	ck_assert_mem_eq(&back, &vnet, sizeof(vnet));
	ck_assert_int_eq(from_kernel(&back, data, len, &o), 0);
	ck_assert_uint_eq(o.gso_size, s->gso_size);
}
END_TEST

START_TEST(offload_derives_for_the_kernel_from_the_packet_alone)
{
	static uint8_t data[PACKET_LARGE];
	const struct shape *s = &shapes[_i];
	struct vnet expected = vnet_of(s), vnet;
	struct packet p = super(data, s);

	if ((s->flags & CWR) != 0)
		expected.gso_type |= GSO_ECN;
	vnet = to_kernel(&p.offload, data);
	ck_assert_mem_eq(&vnet, &expected, sizeof(vnet));
	p.offload.gso_size = 0;
	expected = (struct vnet){NEEDS_CSUM, 0, 0, 0, expected.csum_start, expected.csum_offset};
	vnet = to_kernel(&p.offload, data);
	ck_assert_mem_eq(&vnet, &expected, sizeof(vnet));
	p.offload = (struct packet_offload){0};
	expected = (struct vnet){0};
	vnet = to_kernel(&p.offload, data);
	ck_assert_mem_eq(&vnet, &expected, sizeof(vnet));
}
END_TEST

START_TEST(offload_takes_a_plain_packet_of_the_kernel_as_it_is)
{
	static const struct vnet headers[] = {
	    {0, GSO_NONE, 0, 0, 0, 0}, {DATA_VALID, GSO_NONE, 66, 1448, 20, 16}};
	static uint8_t data[PACKET_LARGE], expected[PACKET_LARGE];
	size_t len = build_whole(data, &tcp4), i;
	struct packet_offload o;

	build_whole(expected, &tcp4);
	for (i = 0; i < ARRAY_LEN(headers); i++) {
		ck_assert_int_eq(from_kernel(&headers[i], data, len, &o), 0);
		assert_nothing_left(&o);
		ck_assert_mem_eq(data, expected, len);
	}
}
END_TEST

START_TEST(offload_takes_a_partial_packet_of_the_kernel)
{
	static uint8_t data[PACKET_LARGE], expected[PACKET_LARGE];
	const struct shape *s = &shapes[_i];
	size_t len = build_whole(expected, s);
	struct vnet vnet = vnet_of(s);
	struct packet_offload o;

	vnet.gso_type = GSO_NONE;
	vnet.gso_size = 0;
	build_partial(data, s);
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), 0);
	ck_assert_uint_eq(o.gso_size, 0);
	ck_assert_uint_eq(o.header_len, header_len(s));
	assert_partial(data, len, &o);
	offload_finish(&o, data, len);
	assert_same(data, len, expected, len);
}
END_TEST

START_TEST(offload_completes_what_the_kernel_has_behind_other_headers)
{
	static uint8_t data[PACKET_LARGE], expected[PACKET_LARGE];
	size_t inner = build_whole(expected, &udp6), len = inner + 8;
	struct vnet vnet = {NEEDS_CSUM, GSO_NONE, 0, 0, 48, 6};
	struct packet_offload o;

	/* destination options of eight bytes, padding all of them */
	memmove(expected + 48, expected + 40, inner - 40);
	memcpy(expected + 40, (const uint8_t[]){UDP, 0, 1, 4, 0, 0, 0, 0}, 8);
	put(expected + 4, 2, (uint32_t)(len - 40));
	expected[6] = 60;
	memcpy(data, expected, len);
	build_partial(data, &udp6);
	memcpy(expected + 8, data + 8, 32);
	put(expected + 54, 2, (uint32_t)(data[46] << 8 | data[47]));
	memcpy(data, expected, len);
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), 0);
	assert_nothing_left(&o);
	build_whole(expected, &udp6);
	ck_assert_mem_eq(data + 48, expected + 40, inner - 40);
}
END_TEST

START_TEST(offload_completes_what_the_kernel_has_in_a_tunnel)
{
	static uint8_t data[PACKET_LARGE], expected[PACKET_LARGE];
	struct vnet vnet = {NEEDS_CSUM, GSO_NONE, 0, 0, 48, 16};
	struct shape outer = udp4, inner = tcp4;
	struct packet_offload o;
	size_t len;

	inner.payload = 1000;
	outer.payload = header_len(&inner) + inner.payload;
	len = build_whole(expected, &outer);
	build_whole(expected + 28, &inner);
	memcpy(data, expected, len);
	build_partial(data + 28, &inner);
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), 0);
	assert_nothing_left(&o);
	assert_same(data, len, expected, len);
}
END_TEST

START_TEST(offload_completes_another_checksum_at_the_place_of_the_header)
{
	static uint8_t data[PACKET_LARGE];
	struct vnet vnet = {NEEDS_CSUM, GSO_NONE, 0, 0, 20, 14};
	size_t len = build_whole(data, &udp4);
	struct packet_offload o;

	/* nothing in it to begin with: then the sum of all becomes that of a right checksum */
	put(data + 34, 2, 0);
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), 0);
	assert_nothing_left(&o);
	ck_assert_uint_eq(add(0, data + 20, len - 20), 0xffff);
}
END_TEST

START_TEST(offload_refuses_a_checksum_beyond_the_packet)
{
	static uint8_t data[PACKET_LARGE];
	struct shape s = udp4;
	struct vnet vnet;
	struct packet_offload o;
	size_t len;

	s.payload = 0;
	len = build_partial(data, &s);
	vnet = (struct vnet){NEEDS_CSUM, GSO_NONE, 0, 0, 20, 7};
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_BAD_HEADER);
	vnet = (struct vnet){NEEDS_CSUM, GSO_NONE, 0, 0, 65535, 65535};
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_BAD_HEADER);
}
END_TEST

START_TEST(offload_takes_only_the_kinds_that_were_asked_for)
{
	static uint8_t data[PACKET_LARGE];
	size_t len = build_partial(data, &tcp4), i;
	/* UFO; TCP in a tunnel; what TCP over IPv4 is not; numbers without a meaning */
	static const uint8_t types[] = {GSO_UDP, GSO_TCPV4 | 0x20, GSO_TCPV6, GSO_UDP_L4, 2, 0x7f};
	struct vnet vnet = vnet_of(&tcp4);
	struct packet_offload o;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		vnet.gso_type = types[i];
		ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_UNSUPPORTED);
	}
	vnet = vnet_of(&tcp4);
	vnet.flags = NEEDS_CSUM | 4;
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_UNSUPPORTED);
	vnet.flags = NEEDS_CSUM | 8;
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_UNSUPPORTED);
}
END_TEST

START_TEST(offload_checks_the_kernels_word_against_the_packet)
{
	static uint8_t data[PACKET_LARGE];
	size_t len = build_partial(data, &tcp4);
	struct vnet vnet = vnet_of(&tcp4);
	struct packet_offload o;

	vnet.csum_start = 40;
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_BAD_HEADER);
	vnet = vnet_of(&tcp4);
	vnet.gso_size = 0;
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_BAD_GSO);
	vnet = vnet_of(&tcp4);
	put(data + 6, 2, 0x2000);
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_FRAGMENT);
	build_partial(data, &tcp4);
	data[33] = ACK | SYN;
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_BAD_FLAGS);
	data[33] = ACK;
	data[32] = 0x40;
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), OFFLOAD_BAD_HEADER);
}
END_TEST

START_TEST(offload_takes_the_length_of_headers_for_a_hint)
{
	static const uint16_t hints[] = {0, 1, 54, 65535};
	static uint8_t data[PACKET_LARGE];
	size_t len = build_partial(data, &tcp6), i;
	struct vnet vnet = vnet_of(&tcp6);
	struct packet_offload o;

	for (i = 0; i < ARRAY_LEN(hints); i++) {
		vnet.header_len = hints[i];
		ck_assert_int_eq(from_kernel(&vnet, data, len, &o), 0);
		ck_assert_uint_eq(o.header_len, header_len(&tcp6));
	}
}
END_TEST

START_TEST(offload_takes_any_number_of_pieces_from_the_kernel)
{
	static uint8_t data[PACKET_LARGE];
	struct shape s = _i == 0 ? tcp4 : udp6;
	struct vnet vnet;
	struct packet p = {.data = data};
	size_t count = 0;

	s.payload = 30000;
	s.gso_size = 88;
	if (s.protocol == TCP)
		s.flags |= URG;
	vnet = vnet_of(&s);
	p.len = build_partial(data, &s);
	ck_assert_int_eq(from_kernel(&vnet, data, p.len, &p.offload), 0);
	assert_pieces(&p, &s, &count);
	ck_assert_uint_eq(count, 341);
}
END_TEST

START_TEST(offload_takes_gso_size_of_the_kernel_as_large_as_the_payload_for_none)
{
	static uint8_t data[PACKET_LARGE];
	size_t len = build_partial(data, &tcp4);
	struct vnet vnet = vnet_of(&tcp4);
	struct packet_offload o;

	vnet.gso_size = (uint16_t)tcp4.payload;
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), 0);
	ck_assert_uint_eq(o.gso_size, 0);
	assert_partial(data, len, &o);
	vnet.gso_size--;
	ck_assert_int_eq(from_kernel(&vnet, data, len, &o), 0);
	ck_assert_uint_eq(o.gso_size, tcp4.payload - 1);
}
END_TEST

/* Some packets of one flow, each in a piece of memory of its own, of exactly its length. */
struct run {
	uint8_t *packet[OFFLOAD_MERGE_MAX + 2];
	size_t len[OFFLOAD_MERGE_MAX + 2];
	size_t count;
};

static struct run
run_of(const struct shape *s)
{
	static uint8_t data[PACKET_LARGE];
	struct run run = {.count = 0};
	size_t len;

	while ((len = build_piece(data, s, run.count)) > 0) {
		ck_assert_uint_lt(run.count, ARRAY_LEN(run.len));
		run.packet[run.count] = malloc(len);
		ck_assert_ptr_nonnull(run.packet[run.count]);
		memcpy(run.packet[run.count], data, len);
		run.len[run.count++] = len;
	}
	return run;
}

static void
run_free(struct run *run)
{
	while (run->count-- > 0)
		free(run->packet[run->count]);
}

static size_t
flatten(const struct offload_merge *m, uint8_t *out)
{
	size_t len = 0;
	int i;

	for (i = 0; i < m->count; i++) {
		memcpy(out + len, m->iov[i].iov_base, m->iov[i].iov_len);
		len += m->iov[i].iov_len;
	}
	ck_assert_uint_eq(len, m->len);
	return len;
}

/* Adds the packets of the run until one is not taken. Returns how many were. */
static size_t
merge(struct offload_merge *m, const struct run *run)
{
	size_t i = 0;

	while (i < run->count && offload_merge_add(m, run->packet[i], run->len[i]))
		i++;
	return i;
}

/* The same on an empty one, to the end. */
static size_t
merged(const struct run *run)
{
	struct offload_merge m = {.count = 0};
	size_t count = merge(&m, run);

	offload_merge_end(&m);
	ck_assert_int_eq(m.count, (int)count);
	if (count == 1)
		assert_nothing_left(&m.offload);
	return count;
}

static const struct shape joinable[] = {
    {4, TCP, 0, 0, 58400, 1460, ACK, 1, 1000, false},
    {4, TCP, 0, 12, 63712, 1448, ACK | PSH, 0xfff0, 0xffffff00, true},
    {4, TCP, 0, 40, 64001, 1001, ACK | PSH | FIN | ECE, 7, 0x80000000, false},
    {6, TCP, 0, 0, 64000, 1440, ACK | FIN, 0, 0xfffffffe, false},
    {6, TCP, 0, 12, 1429, 1428, ACK | PSH, 0, 5, false},
    {6, TCP, 0, 20, 512, 256, ACK, 0, 5, false},
};

START_TEST(offload_merge_gives_the_packet_that_was_cut)
{
	static uint8_t data[PACKET_LARGE], out[PACKET_LARGE];
	const struct shape *s = &joinable[_i];
	struct run run = run_of(s);
	struct offload_merge m = {.count = 0};
	struct packet p = super(data, s);
	size_t len;

	ck_assert_uint_eq(merge(&m, &run), run.count);
	offload_merge_end(&m);
	len = flatten(&m, out);
	assert_same(out, len, data, p.len);
	assert_offload(&m.offload, &p.offload);
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_and_cut_give_the_packets_again)
{
	static uint8_t out[PACKET_LARGE];
	const struct shape *s = &joinable[_i];
	struct run run = run_of(s);
	struct offload_merge m = {.count = 0};
	struct packet p = {.data = out};
	size_t count = 0;

	merge(&m, &run);
	offload_merge_end(&m);
	p.len = flatten(&m, out);
	p.offload = m.offload;
	assert_pieces(&p, s, &count);
	ck_assert_uint_eq(count, run.count);
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_keeps_a_single_packet_as_it_is)
{
	static uint8_t expected[PACKET_LARGE];
	const struct shape *s = &joinable[_i];
	struct offload_merge m = {.count = 0};
	struct run run = run_of(s);
	size_t len = build_piece(expected, s, 0);

	ck_assert(offload_merge_add(&m, run.packet[0], run.len[0]));
	offload_merge_end(&m);
	ck_assert_int_eq(m.count, 1);
	ck_assert_uint_eq(m.len, len);
	assert_nothing_left(&m.offload);
	assert_same(m.iov[0].iov_base, m.iov[0].iov_len, expected, len);
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_can_be_used_again)
{
	struct offload_merge m;
	struct run run = run_of(&tcp4);

	offload_merge_reset(&m);
	ck_assert_int_eq(m.count, 0);
	ck_assert_uint_eq(merge(&m, &run), run.count);
	offload_merge_end(&m);
	run_free(&run);
	run = run_of(&tcp6);
	ck_assert(!offload_merge_add(&m, run.packet[0], run.len[0]));
	offload_merge_reset(&m);
	ck_assert_uint_eq(merge(&m, &run), run.count);
	ck_assert_int_eq(m.count, (int)run.count);
	run_free(&run);
}
END_TEST

/* The third packet of the flow differs in these bits of one byte, its checksum is right. */
struct difference {
	const char *what;
	size_t at;
	uint8_t bits;
};

static void
assert_difference_is_seen(const struct shape *s, const struct difference *d)
{
	struct run run = run_of(s);

	run.packet[2][d->at] ^= d->bits;
	sum_up(run.packet[2], run.len[2]);
	ck_assert_msg(merged(&run) == 2, "%s", d->what);
	run_free(&run);
}

START_TEST(offload_merge_sees_every_difference_of_ipv4)
{
	static const struct difference differences[] = {{"DSCP", 1, 0x80}, {"ECN", 1, 1},
	    {"DF", 6, 0x40}, {"reserved bit", 6, 0x80}, {"TTL", 8, 1}, {"source", 12, 0x80},
	    {"source", 15, 1}, {"destination", 16, 0x80}, {"destination", 19, 1},
	    {"source port", 20, 1}, {"destination port", 23, 1}, {"sequence", 24, 0x80},
	    {"sequence", 27, 1}, {"acknowledgement", 28, 0x80}, {"acknowledgement", 31, 1},
	    {"reserved bits", 32, 1}, {"ECE", 33, ECE}, {"window", 34, 1}, {"window", 35, 1},
	    {"urgent pointer", 38, 1}, {"first option", 40, 1}, {"last option", 51, 1}};
	size_t i;

	for (i = 0; i < ARRAY_LEN(differences); i++)
		assert_difference_is_seen(&tcp4, &differences[i]);
}
END_TEST

START_TEST(offload_merge_sees_every_difference_of_ipv6)
{
	static const struct difference differences[] = {{"traffic class", 0, 1},
	    {"traffic class", 1, 0x20}, {"flow label", 1, 1}, {"flow label", 3, 1},
	    {"hop limit", 7, 1}, {"source", 8, 0x80}, {"source", 23, 1}, {"destination", 24, 0x80},
	    {"destination", 39, 1}, {"source port", 40, 1}, {"sequence", 47, 1},
	    {"acknowledgement", 51, 1}, {"window", 55, 1}, {"last option", 71, 1}};
	size_t i;

	for (i = 0; i < ARRAY_LEN(differences); i++)
		assert_difference_is_seen(&tcp6, &differences[i]);
}
END_TEST

START_TEST(offload_merge_heeds_the_identification_only_where_it_may_be_cut)
{
	struct shape s = tcp4;
	struct run run = run_of(&s);

	put(run.packet[1] + 4, 2, 0);
	sum_up(run.packet[1], run.len[1]);
	ck_assert_uint_eq(merged(&run), run.count);
	run_free(&run);
	s.may_fragment = true;
	run = run_of(&s);
	put(run.packet[1] + 4, 2, 0);
	sum_up(run.packet[1], run.len[1]);
	ck_assert_uint_eq(merged(&run), 1);
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_ends_with_psh_and_fin)
{
	static const uint8_t flags[] = {PSH, FIN, PSH | FIN};
	struct run run;
	size_t at;

	for (at = 0; at < 3; at++) {
		run = run_of(&tcp6);
		run.packet[at][53] |= flags[_i];
		sum_up(run.packet[at], run.len[at]);
		ck_assert_uint_eq(merged(&run), at + 1);
		run_free(&run);
	}
}
END_TEST

START_TEST(offload_merge_ends_with_a_shorter_packet)
{
	struct shape s = tcp4;
	struct run run, rest;
	struct offload_merge m = {.count = 0};

	s.payload = 2 * s.gso_size + 100;
	run = run_of(&s);
	ck_assert_uint_eq(merge(&m, &run), 3);
	s.seq += (uint32_t)s.payload;
	s.id = (uint16_t)(s.id + 3);
	s.payload = 100;
	rest = run_of(&s);
	ck_assert(!offload_merge_add(&m, rest.packet[0], rest.len[0]));
	run_free(&run);
	run_free(&rest);
}
END_TEST

START_TEST(offload_merge_takes_no_longer_packet)
{
	struct shape s = tcp4;
	struct run run, next;
	struct offload_merge m = {.count = 0};

	s.payload = s.gso_size;
	run = run_of(&s);
	s.seq += s.gso_size;
	s.id++;
	s.payload = ++s.gso_size;
	next = run_of(&s);
	ck_assert(offload_merge_add(&m, run.packet[0], run.len[0]));
	ck_assert(!offload_merge_add(&m, next.packet[0], next.len[0]));
	run_free(&run);
	run_free(&next);
}
END_TEST

START_TEST(offload_merge_leaves_small_packets_alone)
{
	struct shape s = tcp4;
	struct run run;

	s.gso_size = 255;
	s.payload = 1000;
	run = run_of(&s);
	ck_assert_uint_eq(merged(&run), 1);
	run_free(&run);
	s.gso_size = 256;
	run = run_of(&s);
	ck_assert_uint_eq(merged(&run), run.count);
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_stops_at_the_largest_packet)
{
	struct shape s = tcp6;
	struct run run;

	s.gso_size = 4000;
	s.payload = 68000;
	run = run_of(&s);
	ck_assert_uint_eq(merged(&run), 16);
	run_free(&run);
	s.gso_size = 256;
	s.payload = 66 * 256;
	run = run_of(&s);
	ck_assert_uint_eq(merged(&run), OFFLOAD_MERGE_MAX);
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_leaves_flags_out_of_the_ordinary_alone)
{
	static const uint8_t flags[] = {0, ACK | SYN, ACK | RST, ACK | URG, ACK | CWR, PSH};
	struct shape s = tcp4;
	struct run run = run_of(&s);
	size_t i;

	for (i = 0; i < 2; i++) {
		run.packet[i][33] = flags[_i];
		sum_up(run.packet[i], run.len[i]);
	}
	ck_assert_uint_eq(merged(&run), 1);
	run.packet[0][33] = ACK;
	sum_up(run.packet[0], run.len[0]);
	ck_assert_uint_eq(merged(&run), 1);
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_takes_anything_first_and_nothing_behind_it)
{
	static const struct shape alone[] = {
	    {4, UDP, 0, 0, 2400, 1200, 0, 1, 0, false},
	    {6, UDP, 0, 0, 2400, 1200, 0, 1, 0, false},
	    {4, TCP, 8, 0, 2400, 1200, ACK, 1, 0, false},
	    {4, 1, 0, 0, 2400, 1200, 0, 1, 0, false},
	    {4, 47, 0, 0, 2400, 1200, 0, 1, 0, false},
	    {6, 60, 0, 0, 2400, 1200, 0, 1, 0, false},
	};
	struct run run = run_of(&alone[_i]);

	ck_assert_uint_eq(merged(&run), 1);
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_leaves_acknowledgements_alone)
{
	static uint8_t data[PACKET_LARGE], again[PACKET_LARGE];
	struct run run = run_of(&tcp4);
	struct offload_merge m = {.count = 0};
	struct shape s = tcp4;
	size_t len;

	s.payload = 0;
	len = build_whole(data, &s);
	build_whole(again, &s);
	ck_assert(offload_merge_add(&m, data, len));
	ck_assert(!offload_merge_add(&m, again, len));
	ck_assert(!offload_merge_add(&m, run.packet[0], run.len[0]));
	/* behind data, too, with the right sequence number */
	offload_merge_reset(&m);
	s.seq += s.gso_size;
	s.id++;
	len = build_whole(data, &s);
	ck_assert(offload_merge_add(&m, run.packet[0], run.len[0]));
	ck_assert(!offload_merge_add(&m, data, len));
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_leaves_fragments_alone)
{
	struct run run = run_of(&tcp4);

	run.packet[0][6] = run.packet[1][6] = 0x20;
	sum_up(run.packet[0], run.len[0]);
	sum_up(run.packet[1], run.len[1]);
	ck_assert_uint_eq(merged(&run), 1);
	run_free(&run);
}
END_TEST

START_TEST(offload_merge_does_not_take_udp_for_tcp)
{
	struct shape s = udp4;
	uint8_t *first, *next;
	struct run run;

	s.payload = 2400;
	run = run_of(&s);
	first = run.packet[0];
	next = run.packet[1];
	/* What would be the flags, and the sequence number: the length, and a checksum that is
	 * higher by the payload. */
	memset(first + 28, 0, 1200);
	first[33] = ACK;
	sum_up(first, run.len[0]);
	memcpy(next + 28, first + 28, 1200);
	put(next + 1226, 2, 0xffff - 1200);
	sum_up(next, run.len[1]);
	ck_assert_uint_eq((next[26] * 256U + next[27]) - (first[26] * 256U + first[27]), 1200);
	ck_assert_uint_eq(merged(&run), 1);
	run_free(&run);
}
END_TEST

/* No corrupt packet gets a good checksum, be it the first or a later one. */
START_TEST(offload_merge_verifies_checksums)
{
	static const size_t at[] = {11, 16, 100, 1499};
	static uint8_t before[PACKET_LARGE];
	struct run run;
	size_t i, bad;

	for (i = 0; i < ARRAY_LEN(at); i++) {
		for (bad = 0; bad < 3; bad++) {
			run = run_of(&tcp4);
			run.packet[bad][at[i]] ^= 4;
			memcpy(before, run.packet[bad], run.len[bad]);
			/* an address is seen as another flow's before it is summed */
			ck_assert_uint_eq(merged(&run), bad == 0 ? 1 : bad);
			ck_assert_mem_eq(before, run.packet[bad], run.len[bad]);
			run_free(&run);
		}
	}
}
END_TEST

static void
add_cutting(TCase *tcase)
{
	const int all = (int)ARRAY_LEN(shapes);

	tcase_add_loop_test(
	    tcase, offload_cut_gives_what_a_host_without_offload_would_have_sent, 0, all);
	tcase_add_loop_test(tcase, offload_cut_in_two_steps_gives_the_same_packets, 0, all);
	tcase_add_loop_test(tcase, offload_cut_of_several_pieces_is_one_to_be_cut_again, 0, all);
	tcase_add_loop_test(tcase, offload_cut_of_one_piece_can_be_finished_later, 0, all);
	tcase_add_test(tcase, offload_cut_waits_for_room_for_one_piece);
	tcase_add_test(tcase, offload_cut_gives_a_packet_that_is_not_to_be_cut_whole);
	tcase_add_loop_test(tcase, offload_finish_writes_no_checksum_of_zero_but_for_tcp, 0, 4);
}

static void
add_checking(TCase *tcase)
{
	tcase_add_loop_test(tcase, offload_check_ignores_what_the_wire_says_of_checksums, 0, 4);
	tcase_add_loop_test(
	    tcase, offload_check_takes_gso_size_as_large_as_the_payload_for_none, 0, 2);
	tcase_add_loop_test(tcase, offload_check_refuses_gso_size_1, 0, 2);
	tcase_add_test(tcase, offload_check_refuses_pieces_that_are_too_small);
	tcase_add_test(tcase, offload_check_refuses_too_many_pieces);
	tcase_add_test(tcase, offload_check_refuses_fragments);
	tcase_add_test(tcase, offload_check_refuses_ipv6_extension_headers);
	tcase_add_test(tcase, offload_check_refuses_nested_tunnels_and_other_protocols);
	tcase_add_test(tcase, offload_check_refuses_a_bad_data_offset);
	tcase_add_loop_test(
	    tcase, offload_check_refuses_a_udp_length_that_is_not_the_packets, 0, 2);
	tcase_add_loop_test(
	    tcase, offload_check_refuses_headers_that_are_cut_short, 0, (int)ARRAY_LEN(shapes));
	tcase_add_loop_test(tcase, offload_check_refuses_to_have_syn_rst_and_urg_cut, 0, 3);
}

static void
add_kernel(TCase *tcase)
{
	const int all = (int)ARRAY_LEN(shapes);

	tcase_add_loop_test(tcase, offload_takes_from_the_kernel_what_it_gives_to_it, 0, all);
	tcase_add_loop_test(tcase, offload_derives_for_the_kernel_from_the_packet_alone, 0, all);
	tcase_add_test(tcase, offload_takes_a_plain_packet_of_the_kernel_as_it_is);
	tcase_add_loop_test(tcase, offload_takes_a_partial_packet_of_the_kernel, 0, all);
	tcase_add_test(tcase, offload_completes_what_the_kernel_has_behind_other_headers);
	tcase_add_test(tcase, offload_completes_what_the_kernel_has_in_a_tunnel);
	tcase_add_test(tcase, offload_completes_another_checksum_at_the_place_of_the_header);
	tcase_add_test(tcase, offload_refuses_a_checksum_beyond_the_packet);
	tcase_add_test(tcase, offload_takes_only_the_kinds_that_were_asked_for);
	tcase_add_test(tcase, offload_checks_the_kernels_word_against_the_packet);
	tcase_add_test(tcase, offload_takes_the_length_of_headers_for_a_hint);
	tcase_add_loop_test(tcase, offload_takes_any_number_of_pieces_from_the_kernel, 0, 2);
	tcase_add_test(
	    tcase, offload_takes_gso_size_of_the_kernel_as_large_as_the_payload_for_none);
}

static void
add_merging(TCase *tcase)
{
	const int all = (int)ARRAY_LEN(joinable);

	tcase_add_loop_test(tcase, offload_merge_gives_the_packet_that_was_cut, 0, all);
	tcase_add_loop_test(tcase, offload_merge_and_cut_give_the_packets_again, 0, all);
	tcase_add_loop_test(tcase, offload_merge_keeps_a_single_packet_as_it_is, 0, all);
	tcase_add_test(tcase, offload_merge_can_be_used_again);
	tcase_add_test(tcase, offload_merge_sees_every_difference_of_ipv4);
	tcase_add_test(tcase, offload_merge_sees_every_difference_of_ipv6);
	tcase_add_test(tcase, offload_merge_heeds_the_identification_only_where_it_may_be_cut);
	tcase_add_loop_test(tcase, offload_merge_ends_with_psh_and_fin, 0, 3);
	tcase_add_test(tcase, offload_merge_ends_with_a_shorter_packet);
	tcase_add_test(tcase, offload_merge_takes_no_longer_packet);
	tcase_add_test(tcase, offload_merge_leaves_small_packets_alone);
	tcase_add_test(tcase, offload_merge_stops_at_the_largest_packet);
	tcase_add_loop_test(tcase, offload_merge_leaves_flags_out_of_the_ordinary_alone, 0, 6);
	tcase_add_loop_test(tcase, offload_merge_takes_anything_first_and_nothing_behind_it, 0, 6);
	tcase_add_test(tcase, offload_merge_leaves_acknowledgements_alone);
	tcase_add_test(tcase, offload_merge_leaves_fragments_alone);
	tcase_add_test(tcase, offload_merge_does_not_take_udp_for_tcp);
	tcase_add_test(tcase, offload_merge_verifies_checksums);
}

int
main(void)
{
	Suite *suite = suite_create("offload");
	TCase *tcase = tcase_create("offload");
	SRunner *runner = srunner_create(suite);
	int failed;

	add_cutting(tcase);
	add_checking(tcase);
	add_kernel(tcase);
	add_merging(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
