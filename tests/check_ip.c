/*
 * Tests of ip: what is accepted, every way to be refused, and what is built.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "ip.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* RFC 791 header of 24 bytes (one option word), UDP, 10.0.1.1 to 10.0.1.2, 4 bytes of payload. */
static const uint8_t packet4[] = {0x46, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 1, 1, 10, 0, 1,
    2, 1, 1, 1, 0, 'd', 'a', 't', 'a'};

/* RFC 8200 header, ICMPv6, fd00::1 to ff02::1, 2 bytes of payload. */
static const uint8_t packet6[] = {0x60, 0, 0, 0, 0, 2, 58, 255, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 1, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x80, 0};

static struct addr
addr(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), 0);
	return a;
}

static void
assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_format(a, buf), text);
}

/* Parses a copy of exactly len bytes on the heap, where a sanitizer sees a read beyond them. */
static enum ip_error
parse(const uint8_t *packet, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct ip_info info;
	enum ip_error error;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, packet, len);
	error = ip_parse(copy, len, &info);
	free(copy);
	return error;
}

START_TEST(ip_reads_an_ipv4_header_with_options)
{
	struct ip_info info;

	ck_assert_int_eq(ip_parse(packet4, sizeof(packet4), &info), IP_OK);
	assert_addr(&info.src, "10.0.1.1");
	assert_addr(&info.dst, "10.0.1.2");
	ck_assert_uint_eq(info.protocol, 17);
	ck_assert_uint_eq(info.header_len, 24);
	ck_assert_uint_eq(info.total_len, 28);
}
END_TEST

START_TEST(ip_reads_an_ipv6_header)
{
	struct ip_info info;

	ck_assert_int_eq(ip_parse(packet6, sizeof(packet6), &info), IP_OK);
	assert_addr(&info.src, "fd00::1");
	assert_addr(&info.dst, "ff02::1");
	ck_assert_uint_eq(info.protocol, 58);
	ck_assert_uint_eq(info.header_len, 40);
	ck_assert_uint_eq(info.total_len, 42);
}
END_TEST

START_TEST(ip_refuses_every_truncation)
{
	size_t len;

	for (len = 0; len < sizeof(packet4); len++) {
		enum ip_error expected = len < 20   ? IP_TOO_SHORT
					 : len < 24 ? IP_BAD_HEADER
						    : IP_BAD_LENGTH;

		ck_assert_int_eq(parse(packet4, len), expected);
	}
	for (len = 0; len < sizeof(packet6); len++)
		ck_assert_int_eq(parse(packet6, len), len < 40 ? IP_TOO_SHORT : IP_BAD_LENGTH);
}
END_TEST

START_TEST(ip_refuses_bytes_behind_the_packet)
{
	uint8_t longer[sizeof(packet6) + 1] = {0};

	memcpy(longer, packet4, sizeof(packet4));
	ck_assert_int_eq(parse(longer, sizeof(packet4) + 1), IP_BAD_LENGTH);
	memcpy(longer, packet6, sizeof(packet6));
	ck_assert_int_eq(parse(longer, sizeof(packet6) + 1), IP_BAD_LENGTH);
}
END_TEST

START_TEST(ip_refuses_other_versions)
{
	uint8_t packet[sizeof(packet6)];
	unsigned int version;

	memcpy(packet, packet6, sizeof(packet6));
	for (version = 0; version < 16; version++) {
		if (version == 4 || version == 6)
			continue;
		packet[0] = (uint8_t)(version << 4 | 5);
		ck_assert_int_eq(parse(packet, sizeof(packet)), IP_BAD_VERSION);
		ck_assert_int_eq(parse(packet, 1), IP_BAD_VERSION);
	}
}
END_TEST

START_TEST(ip_refuses_bad_ipv4_header_lengths)
{
	uint8_t packet[sizeof(packet4)];
	unsigned int words;

	memcpy(packet, packet4, sizeof(packet4));
	for (words = 0; words < 16; words++) {
		packet[0] = (uint8_t)(0x40 | words);
		ck_assert_int_eq(parse(packet, sizeof(packet)),
		    words >= 5 && words * 4 <= sizeof(packet4) ? IP_OK : IP_BAD_HEADER);
	}
}
END_TEST

START_TEST(ip_refuses_a_jumbogram)
{
	size_t len = 40 + 8 + 65536;
	uint8_t *packet = calloc(1, len);

	ck_assert_ptr_nonnull(packet);
	packet[0] = 0x60;
	/* Payload length 0, hop-by-hop options with the jumbo payload option, RFC 2675. */
	memcpy(packet + 40, (const uint8_t[]){59, 0, 0xc2, 4, 0, 1, 0, 8}, 8);
	ck_assert_int_eq(parse(packet, len), IP_BAD_LENGTH);
	free(packet);
}
END_TEST

START_TEST(ip_accepts_the_longest_packets)
{
	uint8_t *packet = calloc(1, 40 + 65535);

	ck_assert_ptr_nonnull(packet);
	memcpy(packet, (const uint8_t[]){0x45, 0, 0xff, 0xff}, 4);
	ck_assert_int_eq(parse(packet, 65535), IP_OK);
	memcpy(packet, (const uint8_t[]){0x60, 0, 0, 0, 0xff, 0xff}, 6);
	ck_assert_int_eq(parse(packet, 40 + 65535), IP_OK);
	free(packet);
}
END_TEST

START_TEST(ip_builds_what_it_parses)
{
	static const char *const pairs[][2] = {{"10.0.1.1", "224.0.0.1"}, {"fd00::1", "fd00::2"}};
	struct ip_info info;
	uint8_t packet[64];
	struct addr src, dst;
	size_t i, len;

	for (i = 0; i < 2; i++) {
		src = addr(pairs[i][0]);
		dst = addr(pairs[i][1]);
		len = ip_build(packet, sizeof(packet), &src, &dst, 253, "probe", 5);
		ck_assert_uint_eq(len, (i == 0 ? 20 : 40) + 5);
		ck_assert_int_eq(parse(packet, len), IP_OK);
		ck_assert_int_eq(ip_parse(packet, len, &info), IP_OK);
		ck_assert(addr_equal(&info.src, &src));
		ck_assert(addr_equal(&info.dst, &dst));
		ck_assert_uint_eq(info.protocol, 253);
		ck_assert_mem_eq(packet + info.header_len, "probe", 5);
	}
}
END_TEST

START_TEST(ip_builds_headers_that_go_one_hop)
{
	struct addr a4 = addr("10.0.1.1"), a6 = addr("fd00::1");
	uint8_t packet[40];

	ck_assert_uint_eq(ip_build(packet, sizeof(packet), &a4, &a4, 1, NULL, 0), 20);
	ck_assert_uint_eq(packet[8], 1);
	ck_assert_uint_eq(ip_checksum(packet, 20), 0);
	ck_assert_uint_eq(ip_build(packet, sizeof(packet), &a6, &a6, 1, NULL, 0), 40);
	ck_assert_uint_eq(packet[7], 1);
}
END_TEST

START_TEST(ip_builds_nothing_that_does_not_fit)
{
	struct addr a4 = addr("10.0.1.1"), a6 = addr("fd00::1"), none = {0};
	uint8_t *packet = malloc(70000), *payload = calloc(1, 65536);

	ck_assert(packet != NULL && payload != NULL);
	ck_assert_uint_eq(ip_build(packet, 24, &a4, &a4, 1, payload, 5), 0);
	ck_assert_uint_eq(ip_build(packet, 25, &a4, &a4, 1, payload, 5), 25);
	ck_assert_uint_eq(ip_build(packet, 19, &a4, &a4, 1, NULL, 0), 0);
	ck_assert_uint_eq(ip_build(packet, 39, &a6, &a6, 1, NULL, 0), 0);
	ck_assert_uint_eq(ip_build(packet, 70000, &a4, &a6, 1, NULL, 0), 0);
	ck_assert_uint_eq(ip_build(packet, 70000, &none, &none, 1, NULL, 0), 0);
	ck_assert_uint_eq(ip_build(packet, 70000, &a4, &a4, 1, payload, 65515), 65535);
	ck_assert_uint_eq(ip_build(packet, 70000, &a4, &a4, 1, payload, 65516), 0);
	ck_assert_uint_eq(ip_build(packet, 70000, &a6, &a6, 1, payload, 65535), 65575);
	ck_assert_uint_eq(ip_build(packet, 70000, &a6, &a6, 1, payload, 65536), 0);
	free(packet);
	free(payload);
}
END_TEST

START_TEST(ip_checksum_is_that_of_rfc_1071)
{
	/* RFC 1071 section 3: the sum is ddf2. */
	static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	static const uint8_t odd[] = {0x12, 0x34, 0x56};

	ck_assert_uint_eq(ip_checksum(example, sizeof(example)), 0xffff - 0xddf2);
	ck_assert_uint_eq(ip_checksum(odd, sizeof(odd)), 0xffff - (0x1234 + 0x5600));
	ck_assert_uint_eq(ip_checksum(odd, 0), 0xffff);
}
END_TEST

/* As RFC 1071 tells it, two bytes at a time. */
static uint16_t
plain_checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return (uint16_t)~sum;
}

START_TEST(ip_checksum_takes_any_length_anywhere)
{
	uint8_t data[65600];
	size_t i, len;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 167 + (i >> 8));
	for (i = 0; i < 8; i++) {
		for (len = 0; len < 200; len++)
			ck_assert_uint_eq(
			    ip_checksum(data + i, len), plain_checksum(data + i, len));
	}
	ck_assert_uint_eq(ip_checksum(data + 1, 65535), plain_checksum(data + 1, 65535));
	memset(data, 0xff, sizeof(data));
	ck_assert_uint_eq(ip_checksum(data, 65535), plain_checksum(data, 65535));
}
END_TEST

/* 10.0.1.1 to 10.0.1.2 or fd00::1 to fd00::2, this protocol, and these 8 bytes behind the header.
 */
static size_t
build_flow(uint8_t packet[48], bool ipv4, uint8_t protocol, const uint8_t transport[8])
{
	struct addr src = addr(ipv4 ? "10.0.1.1" : "fd00::1");
	struct addr dst = addr(ipv4 ? "10.0.1.2" : "fd00::2");

	return ip_build(packet, 48, &src, &dst, protocol, transport, 8);
}

/* Hashes a copy of exactly len bytes on the heap. */
static uint32_t
flow_hash(const uint8_t *packet, size_t len, uint32_t seed)
{
	uint8_t *copy = malloc(len);
	uint32_t hash;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, packet, len);
	hash = ip_flow_hash(copy, len, seed);
	free(copy);
	return hash;
}

/* Whether the hash of these 8 bytes of transport header depends on the one at. */
static bool
depends_on(bool ipv4, uint8_t protocol, const uint8_t transport[8], size_t at)
{
	uint8_t packet[48];
	size_t len = build_flow(packet, ipv4, protocol, transport);
	uint32_t hash = flow_hash(packet, len, 1);

	packet[len - 8 + at] ^= 0x10;
	return flow_hash(packet, len, 1) != hash;
}

START_TEST(ip_flow_is_addresses_protocol_and_ports)
{
	static const uint8_t transport[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	static const uint8_t protocols[] = {6, 17, 132, 136};
	uint8_t packet[48];
	size_t i, k, len;
	uint32_t hash;

	for (i = 0; i < 2 * sizeof(protocols); i++) {
		for (k = 0; k < 8; k++)
			ck_assert(depends_on(i % 2, protocols[i / 2], transport, k) == (k < 4));
		len = build_flow(packet, i % 2, protocols[i / 2], transport);
		hash = flow_hash(packet, len, 1);
		ck_assert_uint_eq(flow_hash(packet, len, 1), hash);
		ck_assert_uint_ne(flow_hash(packet, len, 2), hash);
		for (k = 0; k < len - 8; k++) {
			bool counts = i % 2 == 1 ? k == 9 || k >= 12 : k == 6 || k >= 8;

			/* neither what makes an IPv4 packet a fragment or longer */
			if (i % 2 == 1 && (k == 0 || k == 6 || k == 7))
				continue;
			packet[k] ^= 1;
			ck_assert((flow_hash(packet, len, 1) != hash) == counts);
			packet[k] ^= 1;
		}
	}
}
END_TEST

START_TEST(ip_flow_of_a_ping_is_its_identifier)
{
	static const uint8_t types[][2] = {{0, 1}, {8, 1}, {128, 0}, {129, 0}};
	size_t i, k;

	for (i = 0; i < 4; i++) {
		uint8_t transport[8] = {types[i][0], 0, 3, 4, 5, 6, 7, 8};
		bool ipv4 = types[i][1] == 1;

		for (k = 1; k < 8; k++) {
			ck_assert(
			    depends_on(ipv4, ipv4 ? 1 : 58, transport, k) == (k == 4 || k == 5));
		}
		/* what an error says there is not an identifier */
		transport[0] = 3;
		ck_assert(!depends_on(ipv4, ipv4 ? 1 : 58, transport, 4));
	}
}
END_TEST

START_TEST(ip_flow_of_a_fragment_has_no_ports)
{
	static const uint8_t transport[8] = {1, 2, 3, 4}, flags[][2] = {{0x20, 0}, {0, 1}, {1, 0}};
	uint8_t packet[48];
	size_t i, len = build_flow(packet, true, 17, transport);
	uint32_t hash;

	for (i = 0; i < 3; i++) {
		memcpy(packet + 6, flags[i], 2);
		hash = flow_hash(packet, len, 1);
		packet[21] ^= 1;
		ck_assert_uint_eq(flow_hash(packet, len, 1), hash);
	}
}
END_TEST

START_TEST(ip_flow_of_a_short_packet_is_read_within_it)
{
	static const uint8_t transport[8] = {1, 2, 3, 4};
	uint8_t packet[48];
	size_t len;

	for (len = 20; len < 28; len++) {
		build_flow(packet, true, 17, transport);
		flow_hash(packet, len, 1);
		packet[0] = 0x45 + (uint8_t)((len - 20) / 4);
		flow_hash(packet, len, 1);
	}
	build_flow(packet, false, 17, transport);
	for (len = 40; len < 48; len++)
		flow_hash(packet, len, 1);
}
END_TEST

/* Flows that share a bucket under one seed do not under the next: what an attacker has found out
 * about one daemon is worth nothing at another. */
START_TEST(ip_flow_hash_spreads_anew_with_each_seed)
{
	enum { FLOWS = 65536, BUCKETS = 1024 };
	static uint32_t together[FLOWS];
	static unsigned int load[2][BUCKETS];
	uint8_t packet[48], transport[8] = {0};
	size_t i, k, len, count = 0;
	double squares[2] = {0};

	for (i = 0; i < FLOWS; i++) {
		memcpy(transport, (const uint8_t[]){(uint8_t)(i >> 8), (uint8_t)i}, 2);
		len = build_flow(packet, true, 17, transport);
		load[0][ip_flow_hash(packet, len, 1) % BUCKETS]++;
		if (ip_flow_hash(packet, len, 1) % BUCKETS == 0)
			together[count++] = ip_flow_hash(packet, len, 2) % BUCKETS;
	}
	for (i = 0; i < count; i++)
		load[1][together[i]]++;
	for (k = 0; k < 2; k++) {
		double expected = (double)(k == 0 ? FLOWS : count) / BUCKETS;

		for (i = 0; i < BUCKETS; i++)
			squares[k] += (load[k][i] - expected) * (load[k][i] - expected) / expected;
		/* chi-square of 1023 degrees: mean 1023, standard deviation 45 */
		ck_assert_double_lt(squares[k], 1023 + 6 * 45);
	}
	ck_assert_uint_gt(count, 0);
}
END_TEST

START_TEST(ip_marks_what_takes_part_in_ecn)
{
	static const uint8_t transport[8] = {0};
	uint8_t packet[48], before[48];
	size_t len, shift;
	uint8_t ecn;

	for (int ipv4 = 0; ipv4 < 2; ipv4++) {
		for (ecn = 0; ecn < 4; ecn++) {
			len = build_flow(packet, ipv4 == 1, 6, transport);
			shift = ipv4 == 1 ? 0 : 4;
			/* and some DSCP, and some flow label */
			packet[1] = (uint8_t)((ipv4 == 1 ? 0xb8 : 0x8b) | ecn << shift);
			memcpy(before, packet, len);
			ck_assert(ip_mark_ce(packet) == (ecn != 0));
			if (ecn != 0)
				before[1] |= (uint8_t)(3 << shift);
			if (ipv4 == 1)
				memcpy(before + 10, packet + 10, 2);
			ck_assert_mem_eq(packet, before, len);
		}
	}
}
END_TEST

START_TEST(ip_mark_keeps_the_checksum_right)
{
	static const uint8_t transport[8] = {0};
	uint8_t packet[48];
	uint32_t i;
	uint16_t sum;

	for (i = 0; i < 4 * 65536; i++) {
		build_flow(packet, true, 6, transport);
		packet[1] = (uint8_t)(i >> 16);
		memcpy(packet + 4, (const uint8_t[]){(uint8_t)(i >> 8), (uint8_t)i, 0, 0}, 4);
		memset(packet + 10, 0, 2);
		sum = ip_checksum(packet, 20);
		memcpy(packet + 10, (const uint8_t[]){(uint8_t)(sum >> 8), (uint8_t)sum}, 2);
		ip_mark_ce(packet);
		ck_assert_uint_eq(ip_checksum(packet, 20), 0);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ip");
	TCase *tcase = tcase_create("ip");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, ip_reads_an_ipv4_header_with_options);
	tcase_add_test(tcase, ip_reads_an_ipv6_header);
	tcase_add_test(tcase, ip_refuses_every_truncation);
	tcase_add_test(tcase, ip_refuses_bytes_behind_the_packet);
	tcase_add_test(tcase, ip_refuses_other_versions);
	tcase_add_test(tcase, ip_refuses_bad_ipv4_header_lengths);
	tcase_add_test(tcase, ip_refuses_a_jumbogram);
	tcase_add_test(tcase, ip_accepts_the_longest_packets);
	tcase_add_test(tcase, ip_builds_what_it_parses);
	tcase_add_test(tcase, ip_builds_headers_that_go_one_hop);
	tcase_add_test(tcase, ip_builds_nothing_that_does_not_fit);
	tcase_add_test(tcase, ip_checksum_is_that_of_rfc_1071);
	tcase_add_test(tcase, ip_checksum_takes_any_length_anywhere);
	tcase_add_test(tcase, ip_flow_is_addresses_protocol_and_ports);
	tcase_add_test(tcase, ip_flow_of_a_ping_is_its_identifier);
	tcase_add_test(tcase, ip_flow_of_a_fragment_has_no_ports);
	tcase_add_test(tcase, ip_flow_of_a_short_packet_is_read_within_it);
	tcase_add_test(tcase, ip_flow_hash_spreads_anew_with_each_seed);
	tcase_add_test(tcase, ip_marks_what_takes_part_in_ecn);
	tcase_add_test(tcase, ip_mark_keeps_the_checksum_right);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
