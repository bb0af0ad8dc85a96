/*
 * Tests of frame: headers byte for byte, records, padding, and every refusal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "frame.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* What the specification says of each type, with all fields different. */
static const struct sample {
	struct frame_header header;
	uint8_t bytes[FRAME_HEADER_MAX];
} samples[] = {
    {{.type = FRAME_INIT, .len = 4}, {0x91, 0x01, 0, 0}},
    {{.type = FRAME_RESPONSE, .index = 0x01020304, .len = 8}, {0x91, 0x02, 0, 0, 1, 2, 3, 4}},
    {{.type = FRAME_NOTICE, .len = 4}, {0x91, 0x03, 0, 0}},
    {{.type = FRAME_DATA, .index = 0xf1020304, .counter = 0xf506070809101112, .len = 16},
	{0x91, 0x10, 0, 0, 0xf1, 2, 3, 4, 0xf5, 6, 7, 8, 9, 0x10, 0x11, 0x12}},
    {{.type = FRAME_MULTICAST,
	 .flags = FRAME_FLAG_SIGNED,
	 .index = 0x01020304,
	 .counter = 0x0506070809101112,
	 .key_id = 0xf314151617181920,
	 .len = 24},
	{0x91, 0x22, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12, 0xf3, 0x14, 0x15, 0x16,
	    0x17, 0x18, 0x19, 0x20}},
    {{.type = FRAME_CONTROL, .index = 0x01020304, .counter = UINT64_MAX, .len = 16},
	{0x91, 0x30, 0, 0, 1, 2, 3, 4, 255, 255, 255, 255, 255, 255, 255, 255}},
    {{.type = FRAME_REKEY, .len = 4}, {0x91, 0x31, 0, 0}},
    {{.type = FRAME_GROUP,
	 .flags = FRAME_FLAG_SIGNED,
	 .index = 0x01020304,
	 .counter = 0x0506070809101112,
	 .key_id = 0x1314151617181920,
	 .len = 24},
	{0x91, 0x20, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
	    0x17, 0x18, 0x19, 0x20}},
    {{.type = FRAME_GROUP_ONE,
	 .index = 0xff020304,
	 .counter = 1,
	 .key_id = UINT64_C(7) << 32,
	 .len = 24},
	{0x91, 0x21, 0, 0, 0xff, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7}},
};

/* The same bytes with nothing behind them, so that a sanitizer sees a read beyond their end. */
static uint8_t *
exact(const void *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	return copy;
}

static int
parse(const uint8_t *message, size_t len)
{
	uint8_t *copy = exact(message, len);
	struct frame_header h;
	int result = frame_parse(copy, len, &h);

	free(copy);
	return result;
}

/* What reading all records of a plaintext ends with; *count of them were good. */
static int
read_all(const void *plain, size_t len, int *count)
{
	uint8_t *copy = exact(plain, len);
	struct frame_record r;
	size_t pos = 0;
	int result;

	*count = 0;
	while ((result = frame_next(copy, len, &pos, &r)) == 1)
		(*count)++;
	if (result == 0)
		ck_assert_uint_eq(pos, len);
	free(copy);
	return result;
}

static void
expect(const void *plain, size_t len, int result, int count)
{
	int n;

	ck_assert_int_eq(read_all(plain, len, &n), result);
	ck_assert_int_eq(n, count);
}

START_TEST(frame_reads_headers_as_specified)
{
	const struct sample *s = &samples[_i];
	uint8_t message[FRAME_HEADER_MAX + 8];
	struct frame_header h;

	memset(message, 0xff, sizeof(message));
	memcpy(message, s->bytes, s->header.len);
	ck_assert_int_eq(frame_parse(message, sizeof(message), &h), 0);
	ck_assert_int_eq(h.type, s->header.type);
	ck_assert_uint_eq(h.flags, s->header.flags);
	ck_assert_uint_eq(h.index, s->header.index);
	ck_assert_uint_eq(h.counter, s->header.counter);
	ck_assert_uint_eq(h.key_id, s->header.key_id);
	ck_assert_uint_eq(h.len, s->header.len);
}
END_TEST

START_TEST(frame_writes_headers_as_specified)
{
	const struct sample *s = &samples[_i];
	uint8_t out[FRAME_HEADER_MAX + 1];

	memset(out, 0xee, sizeof(out));
	ck_assert_uint_eq(frame_write(out, &s->header), s->header.len);
	ck_assert_mem_eq(out, s->bytes, s->header.len);
	ck_assert_uint_eq(out[s->header.len], 0xee);
}
END_TEST

START_TEST(frame_refuses_every_truncated_header)
{
	const struct sample *s = &samples[_i];

	for (size_t len = 0; len < s->header.len; len++)
		ck_assert_int_eq(parse(s->bytes, len), FRAME_TOO_SHORT);
	ck_assert_int_eq(parse(s->bytes, s->header.len), 0);
}
END_TEST

START_TEST(frame_refuses_unknown_version)
{
	uint8_t message[FRAME_HEADER_MAX];

	memcpy(message, samples[3].bytes, sizeof(message));
	for (int version = 0; version <= UINT8_MAX; version++) {
		message[0] = (uint8_t)version;
		ck_assert_int_eq(parse(message, sizeof(message)),
		    version == FRAME_VERSION ? 0 : FRAME_BAD_VERSION);
	}
}
END_TEST

START_TEST(frame_refuses_bare_ip_packets)
{
	uint8_t packet[40] = {0};

	packet[0] = 0x45;
	ck_assert_int_eq(parse(packet, sizeof(packet)), FRAME_BAD_VERSION);
	packet[0] = 0x60;
	ck_assert_int_eq(parse(packet, sizeof(packet)), FRAME_BAD_VERSION);
}
END_TEST

START_TEST(frame_refuses_unknown_types)
{
	uint8_t message[FRAME_HEADER_MAX] = {FRAME_VERSION};
	int good = 0;

	for (int type = 0; type <= UINT8_MAX; type++) {
		message[1] = (uint8_t)type;
		if (parse(message, sizeof(message)) == 0)
			good++;
		else
			ck_assert_int_eq(parse(message, sizeof(message)), FRAME_BAD_TYPE);
	}
	ck_assert_int_eq(good, ARRAY_LEN(samples));
}
END_TEST

START_TEST(frame_refuses_every_unknown_flag)
{
	const struct sample *s = &samples[_i];
	uint8_t message[FRAME_HEADER_MAX];
	unsigned int flag;

	memcpy(message, s->bytes, sizeof(message));
	for (int bit = 0; bit < 16; bit++) {
		flag = 1U << bit;
		message[2] = (uint8_t)(flag >> 8);
		message[3] = (uint8_t)flag;
		ck_assert_int_eq(parse(message, sizeof(message)),
		    (s->header.type == FRAME_MULTICAST || s->header.type == FRAME_GROUP) &&
			    flag == FRAME_FLAG_SIGNED
			? 0
			: FRAME_BAD_FLAGS);
	}
}
END_TEST

START_TEST(frame_reads_records_in_their_order)
{
	static const uint8_t plain[] = {
	    1, 0, 2, 'a', 'b', 2, 0, 1, 'c', 3, 0, 3, 0, 2, 'd', 'e', 'f', 1, 0, 1, 'g', 0, 0};
	static const struct frame_record records[] = {
	    {.kind = FRAME_PACKET, .packet = (const uint8_t *)"ab", .len = 2},
	    {.kind = FRAME_PARTIAL, .packet = (const uint8_t *)"c", .len = 1},
	    {.kind = FRAME_SUPER, .gso_size = 2, .packet = (const uint8_t *)"def", .len = 3},
	    {.kind = FRAME_PACKET, .packet = (const uint8_t *)"g", .len = 1},
	};
	static const size_t ends[] = {5, 9, 17, 21};
	struct frame_record r;
	size_t pos = 0;

	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		ck_assert_int_eq(frame_next(plain, sizeof(plain), &pos, &r), 1);
		ck_assert_uint_eq(pos, ends[i]);
		ck_assert_int_eq(r.kind, records[i].kind);
		ck_assert_uint_eq(r.gso_size, records[i].gso_size);
		ck_assert_uint_eq(r.len, records[i].len);
		ck_assert_mem_eq(r.packet, records[i].packet, r.len);
	}
	ck_assert_int_eq(frame_next(plain, sizeof(plain), &pos, &r), 0);
	ck_assert_uint_eq(pos, sizeof(plain));
	ck_assert_int_eq(frame_next(plain, sizeof(plain), &pos, &r), 0);
}
END_TEST

START_TEST(frame_reads_keepalives)
{
	static const uint8_t zeros[64];

	struct frame_record r;
	size_t pos = 0;

	ck_assert_int_eq(frame_next(NULL, 0, &pos, &r), 0);
	for (size_t len = 0; len <= sizeof(zeros); len++)
		expect(zeros, len, 0, 0);
}
END_TEST

START_TEST(frame_refuses_padding_that_is_not_zero)
{
	uint8_t plain[4 + 40] = {1, 0, 1, 'a'};

	expect(plain, sizeof(plain), 0, 1);
	for (size_t i = 5; i < sizeof(plain); i++) {
		plain[i] = 1;
		expect(plain, sizeof(plain), FRAME_BAD_RECORD, 1);
		plain[i] = 0;
	}
	memset(plain + 5, 1, sizeof(plain) - 5);
	expect(plain, sizeof(plain), FRAME_BAD_RECORD, 1);
	expect(plain, 6, FRAME_BAD_RECORD, 1);
}
END_TEST

START_TEST(frame_refuses_every_truncated_record)
{
	static const uint8_t packet[] = {1, 0, 4, 'a', 'b', 'c', 'd'};
	static const uint8_t partial[] = {2, 0, 4, 'a', 'b', 'c', 'd'};
	static const uint8_t super[] = {3, 0, 4, 0, 1, 'a', 'b', 'c', 'd'};
	size_t len;

	for (len = 1; len < sizeof(packet); len++) {
		expect(packet, len, FRAME_BAD_RECORD, 0);
		expect(partial, len, FRAME_BAD_RECORD, 0);
	}
	for (len = 1; len < sizeof(super); len++)
		expect(super, len, FRAME_BAD_RECORD, 0);
	expect(packet, sizeof(packet), 0, 1);
	expect(partial, sizeof(partial), 0, 1);
	expect(super, sizeof(super), 0, 1);
}
END_TEST

START_TEST(frame_reads_questions_and_reports)
{
	static const uint8_t plain[] = {5, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 0,
	    0, 0, 0, 0, 0, 9, 1, 0, 1, 'a'};
	struct frame_record r;
	uint8_t again[26];
	size_t pos = 0, used;

	ck_assert_int_eq(frame_next(plain, sizeof(plain), &pos, &r), 1);
	ck_assert_int_eq(r.kind, FRAME_REPORT);
	ck_assert_uint_eq(r.token, UINT64_C(0x0102030405060708));
	ck_assert_uint_eq(r.count, 256);
	ck_assert_ptr_null(r.packet);
	used = frame_append_report(again, 0, FRAME_REPORT, r.token, r.count);
	ck_assert_uint_eq(used, FRAME_REPORT_LEN);
	ck_assert_int_eq(frame_next(plain, sizeof(plain), &pos, &r), 1);
	ck_assert_int_eq(r.kind, FRAME_ASK);
	ck_assert_uint_eq(r.token, 9);
	used = frame_append_ask(again, used, FRAME_ASK, r.token);
	ck_assert_uint_eq(used, sizeof(again));
	ck_assert_mem_eq(again, plain, sizeof(again));
	ck_assert_int_eq(frame_next(plain, sizeof(plain), &pos, &r), 1);
	ck_assert_int_eq(r.kind, FRAME_PACKET);
	for (size_t len = 1; len < FRAME_REPORT_LEN; len++)
		expect(plain, len, FRAME_BAD_RECORD, 0);
	for (size_t len = FRAME_REPORT_LEN + 1; len < FRAME_REPORT_LEN + FRAME_ASK_LEN; len++)
		expect(plain, len, FRAME_BAD_RECORD, 1);
}
END_TEST

START_TEST(frame_writes_what_stands_before_a_packet)
{
	static const uint8_t packet[] = {1, 0x12, 0x34}, partial[] = {2, 0x12, 0x34},
			     super[] = {3, 0x12, 0x34, 5, 0xb4};
	uint8_t out[FRAME_SUPER_RECORD_LEN];

	ck_assert_uint_eq(frame_put_head(out, FRAME_PACKET, 0x1234, 0), sizeof(packet));
	ck_assert_mem_eq(out, packet, sizeof(packet));
	ck_assert_uint_eq(frame_put_head(out, FRAME_PARTIAL, 0x1234, 0), sizeof(partial));
	ck_assert_mem_eq(out, partial, sizeof(partial));
	ck_assert_uint_eq(frame_put_head(out, FRAME_SUPER, 0x1234, 1460), sizeof(super));
	ck_assert_mem_eq(out, super, sizeof(super));
}
END_TEST

START_TEST(frame_refuses_empty_records)
{
	static const uint8_t first[] = {1, 0, 0, 1, 0, 1, 'a'};
	static const uint8_t second[] = {1, 0, 1, 'a', 2, 0, 0};
	static const uint8_t super[] = {3, 0, 0, 0, 1};

	expect(first, sizeof(first), FRAME_BAD_RECORD, 0);
	expect(second, sizeof(second), FRAME_BAD_RECORD, 1);
	expect(super, sizeof(super), FRAME_BAD_RECORD, 0);
}
END_TEST

START_TEST(frame_refuses_unknown_kinds)
{
	uint8_t plain[] = {6, 0, 4, 0, 1, 'a', 'b', 'c', 'd'};

	for (int kind = FRAME_FLOOR + 1; kind <= UINT8_MAX; kind++) {
		plain[0] = (uint8_t)kind;
		expect(plain, sizeof(plain), FRAME_BAD_RECORD, 0);
	}
}
END_TEST

START_TEST(frame_refuses_gso_size_zero)
{
	static const uint8_t plain[] = {3, 0, 2, 0, 0, 'a', 'b'};

	expect(plain, sizeof(plain), FRAME_BAD_GSO, 0);
}
END_TEST

START_TEST(frame_refuses_gso_size_larger_than_packet)
{
	uint8_t plain[] = {3, 0, 2, 0, 2, 'a', 'b'};

	expect(plain, sizeof(plain), 0, 1);
	plain[4] = 3;
	expect(plain, sizeof(plain), FRAME_BAD_GSO, 0);
	plain[3] = 1;
	plain[4] = 0;
	expect(plain, sizeof(plain), FRAME_BAD_GSO, 0);
}
END_TEST

START_TEST(frame_stays_before_a_bad_record)
{
	static const uint8_t plain[] = {1, 0, 1, 'a', 1, 0, 2, 'b'};
	struct frame_record r;
	size_t pos = 0;

	ck_assert_int_eq(frame_next(plain, sizeof(plain), &pos, &r), 1);
	ck_assert_int_eq(frame_next(plain, sizeof(plain), &pos, &r), FRAME_BAD_RECORD);
	ck_assert_uint_eq(pos, 4);
	ck_assert_int_eq(frame_next(plain, sizeof(plain), &pos, &r), FRAME_BAD_RECORD);
}
END_TEST

START_TEST(frame_appends_packets_as_specified)
{
	static const uint8_t expected[] = {1, 0, 2, 'a', 'b', 1, 0, 1, 'c'};
	uint8_t plain[16];
	size_t used;

	used = frame_append(plain, 0, sizeof(plain), (const uint8_t *)"ab", 2);
	ck_assert_uint_eq(used, 5);
	used = frame_append(plain, used, sizeof(plain), (const uint8_t *)"c", 1);
	ck_assert_uint_eq(used, sizeof(expected));
	ck_assert_mem_eq(plain, expected, sizeof(expected));
}
END_TEST

START_TEST(frame_appends_what_fits_exactly)
{
	static const uint8_t packet[20] = {0x45}, room[64];
	uint8_t *plain;
	size_t size, need = 5 + FRAME_RECORD_LEN + sizeof(packet);

	for (size = 5; size <= need; size++) {
		plain = exact(room, size);
		ck_assert_uint_eq(
		    frame_append(plain, 5, size, packet, sizeof(packet)), size < need ? 0 : need);
		free(plain);
	}
}
END_TEST

START_TEST(frame_appends_nothing_that_no_record_can_hold)
{
	static uint8_t plain[2 * FRAME_MESSAGE_MAX], packet[FRAME_MESSAGE_MAX];

	ck_assert_uint_eq(frame_append(plain, 0, sizeof(plain), packet, 0), 0);
	ck_assert_uint_eq(frame_append(plain, 0, sizeof(plain), packet, UINT16_MAX + 1), 0);
	ck_assert_uint_eq(frame_append(plain, 0, sizeof(plain), packet, UINT16_MAX),
	    UINT16_MAX + FRAME_RECORD_LEN);
	ck_assert_uint_eq(frame_append(plain, 9, 8, packet, 1), 0);
}
END_TEST

START_TEST(frame_holds_the_largest_packet)
{
	static uint8_t plain[FRAME_MESSAGE_MAX], packet[FRAME_PACKET_MAX];
	size_t size = FRAME_MESSAGE_MAX - FRAME_HEADER_LEN - AEAD_TAG_LEN, pos = 0;
	struct frame_record r;

	memset(packet, 0x45, sizeof(packet));
	ck_assert_uint_eq(frame_append(plain, 0, size, packet, sizeof(packet)), size);
	ck_assert_int_eq(frame_next(plain, size, &pos, &r), 1);
	ck_assert_uint_eq(r.len, sizeof(packet));
	ck_assert_mem_eq(r.packet, packet, sizeof(packet));
	ck_assert_int_eq(frame_next(plain, size, &pos, &r), 0);
}
END_TEST

START_TEST(frame_pads_to_multiples_of_16)
{
	static uint8_t plain[256];

	ck_assert_uint_eq(frame_pad(plain, 0, sizeof(plain), FRAME_PAD_16), 0);
	ck_assert_uint_eq(frame_pad(plain, 1, sizeof(plain), FRAME_PAD_16), 16);
	ck_assert_uint_eq(frame_pad(plain, 15, sizeof(plain), FRAME_PAD_16), 16);
	ck_assert_uint_eq(frame_pad(plain, 16, sizeof(plain), FRAME_PAD_16), 16);
	ck_assert_uint_eq(frame_pad(plain, 17, sizeof(plain), FRAME_PAD_16), 32);
}
END_TEST

START_TEST(frame_pads_to_buckets)
{
	static const size_t buckets[] = {64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048,
	    3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152, 65536};
	static uint8_t plain[FRAME_MESSAGE_MAX];
	size_t used, i = 0;

	for (used = 0; used <= sizeof(plain); used++) {
		if (used > buckets[i])
			i++;
		ck_assert_uint_eq(
		    frame_pad(plain, used, sizeof(plain), FRAME_PAD_BUCKETS), buckets[i]);
	}
	ck_assert_uint_eq(i, ARRAY_LEN(buckets) - 1);
}
END_TEST

START_TEST(frame_pads_never_beyond_size)
{
	static const enum frame_padding paddings[] = {
	    FRAME_PAD_NONE, FRAME_PAD_16, FRAME_PAD_BUCKETS};
	uint8_t plain[200], untouched[200];
	size_t used, size, len;

	memset(untouched, 0xee, sizeof(untouched));
	for (size = 0; size <= sizeof(plain); size++) {
		for (used = 0; used <= size; used++) {
			memset(plain, 0xee, sizeof(plain));
			len = frame_pad(plain, used, size, paddings[_i]);
			ck_assert_uint_ge(len, used);
			ck_assert_uint_le(len, paddings[_i] == FRAME_PAD_NONE ? used : size);
			ck_assert_mem_eq(plain + len, untouched, sizeof(plain) - len);
		}
	}
	ck_assert_uint_eq(frame_pad(plain, 100, 99, paddings[_i]), 100);
}
END_TEST

START_TEST(frame_reads_what_it_padded)
{
	static const enum frame_padding paddings[] = {
	    FRAME_PAD_NONE, FRAME_PAD_16, FRAME_PAD_BUCKETS};
	static const uint8_t packet[300] = {0x45};
	uint8_t plain[1024];
	size_t len, used;

	for (len = 1; len <= sizeof(packet); len++) {
		memset(plain, 0xee, sizeof(plain));
		used = frame_append(plain, 0, sizeof(plain), packet, len);
		used = frame_append(plain, used, sizeof(plain), packet, len);
		used = frame_pad(plain, used, sizeof(plain), paddings[_i]);
		expect(plain, used, 0, 2);
	}
}
END_TEST

static void
add_headers(TCase *tcase)
{
	int count = ARRAY_LEN(samples);

	tcase_add_loop_test(tcase, frame_reads_headers_as_specified, 0, count);
	tcase_add_loop_test(tcase, frame_writes_headers_as_specified, 0, count);
	tcase_add_loop_test(tcase, frame_refuses_every_truncated_header, 0, count);
	tcase_add_test(tcase, frame_refuses_unknown_version);
	tcase_add_test(tcase, frame_refuses_bare_ip_packets);
	tcase_add_test(tcase, frame_refuses_unknown_types);
	tcase_add_loop_test(tcase, frame_refuses_every_unknown_flag, 0, count);
}

static void
add_records(TCase *tcase)
{
	tcase_add_test(tcase, frame_reads_records_in_their_order);
	tcase_add_test(tcase, frame_reads_keepalives);
	tcase_add_test(tcase, frame_refuses_padding_that_is_not_zero);
	tcase_add_test(tcase, frame_refuses_every_truncated_record);
	tcase_add_test(tcase, frame_reads_questions_and_reports);
	tcase_add_test(tcase, frame_writes_what_stands_before_a_packet);
	tcase_add_test(tcase, frame_refuses_empty_records);
	tcase_add_test(tcase, frame_refuses_unknown_kinds);
	tcase_add_test(tcase, frame_refuses_gso_size_zero);
	tcase_add_test(tcase, frame_refuses_gso_size_larger_than_packet);
	tcase_add_test(tcase, frame_stays_before_a_bad_record);
}

static void
add_writing(TCase *tcase)
{
	tcase_add_test(tcase, frame_appends_packets_as_specified);
	tcase_add_test(tcase, frame_appends_what_fits_exactly);
	tcase_add_test(tcase, frame_appends_nothing_that_no_record_can_hold);
	tcase_add_test(tcase, frame_holds_the_largest_packet);
	tcase_add_test(tcase, frame_pads_to_multiples_of_16);
	tcase_add_test(tcase, frame_pads_to_buckets);
	tcase_add_loop_test(tcase, frame_pads_never_beyond_size, 0, 3);
	tcase_add_loop_test(tcase, frame_reads_what_it_padded, 0, 3);
}

int
main(void)
{
	Suite *suite = suite_create("frame");
	TCase *tcase = tcase_create("frame");
	SRunner *runner = srunner_create(suite);
	int failed;

	add_headers(tcase);
	add_records(tcase);
	add_writing(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
