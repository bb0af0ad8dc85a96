/*
 * The cursor over bytes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "wire.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t bytes[] = {
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0xff};

START_TEST(reader_takes_big_endian_integers)
{
	struct wire_reader r;

	wire_reader_init(&r, bytes, sizeof(bytes));
	ck_assert_uint_eq(wire_u16(&r), 0x0102);
	ck_assert_uint_eq(wire_u32(&r), 0x03040506);
	ck_assert_uint_eq(wire_u64(&r), UINT64_C(0x0708090a0b0c0d0e));
	ck_assert_uint_eq(wire_left(&r), 1);
	ck_assert_uint_eq(wire_u8(&r), 0xff);
	ck_assert_uint_eq(wire_left(&r), 0);
	ck_assert(!r.failed);
}
END_TEST

START_TEST(reader_lends_bytes_in_place)
{
	struct wire_reader r;

	wire_reader_init(&r, bytes, sizeof(bytes));
	wire_skip(&r, 3);
	ck_assert_ptr_eq(wire_bytes(&r, 4), bytes + 3);
	ck_assert_ptr_nonnull(wire_bytes(&r, 0));
	ck_assert_uint_eq(wire_u8(&r), 0x08);
	ck_assert(!r.failed);
}
END_TEST

START_TEST(reader_fails_for_good_at_the_end)
{
	struct wire_reader r;

	wire_reader_init(&r, bytes, 3);
	ck_assert_uint_eq(wire_u32(&r), 0);
	ck_assert(r.failed);
	/* there are three bytes, but nothing is read after a failure */
	ck_assert_uint_eq(wire_left(&r), 0);
	ck_assert_uint_eq(wire_u8(&r), 0);
	ck_assert_uint_eq(wire_u16(&r), 0);
	ck_assert_uint_eq(wire_u64(&r), 0);
	ck_assert_ptr_null(wire_bytes(&r, 0));
	ck_assert_ptr_null(wire_bytes(&r, 1));
	ck_assert(r.failed);
}
END_TEST

START_TEST(reader_refuses_lengths_that_overflow)
{
	struct wire_reader r;

	wire_reader_init(&r, bytes, sizeof(bytes));
	wire_skip(&r, 2);
	ck_assert_ptr_null(wire_bytes(&r, SIZE_MAX));
	ck_assert(r.failed);
	wire_reader_init(&r, bytes, sizeof(bytes));
	wire_skip(&r, SIZE_MAX);
	ck_assert(r.failed);
	ck_assert_uint_eq(r.pos, 0);
}
END_TEST

START_TEST(reader_takes_an_empty_buffer)
{
	struct wire_reader r;

	wire_reader_init(&r, NULL, 0);
	ck_assert_uint_eq(wire_left(&r), 0);
	ck_assert_ptr_nonnull(wire_bytes(&r, 0));
	ck_assert(!r.failed);
	ck_assert_uint_eq(wire_u8(&r), 0);
	ck_assert(r.failed);
}
END_TEST

START_TEST(writer_puts_big_endian_integers)
{
	uint8_t out[sizeof(bytes)];
	struct wire_writer w;

	wire_writer_init(&w, out, sizeof(out));
	wire_put_u16(&w, 0x0102);
	wire_put_u32(&w, 0x03040506);
	wire_put_u64(&w, UINT64_C(0x0708090a0b0c0d0e));
	wire_put_u8(&w, 0xff);
	ck_assert(!w.failed);
	ck_assert_uint_eq(w.pos, sizeof(out));
	ck_assert_mem_eq(out, bytes, sizeof(out));
}
END_TEST

START_TEST(writer_puts_bytes_and_zeros)
{
	const uint8_t expected[] = {0x01, 0x02, 0x00, 0x00, 0xaa};
	struct wire_writer w;
	uint8_t out[5];

	memset(out, 0xaa, sizeof(out));
	wire_writer_init(&w, out, sizeof(out));
	wire_put_bytes(&w, bytes, 2);
	wire_put_u16(&w, 0);
	wire_put_bytes(&w, NULL, 0);
	ck_assert(!w.failed);
	ck_assert_mem_eq(out, expected, sizeof(out));
}
END_TEST

START_TEST(writer_fails_for_good_and_writes_nothing_beyond)
{
	const uint8_t expected[] = {0x01, 0xaa, 0xaa, 0xaa};
	struct wire_writer w;
	uint8_t out[4];

	memset(out, 0xaa, sizeof(out));
	wire_writer_init(&w, out, 2);
	wire_put_u8(&w, 0x01);
	wire_put_u16(&w, 0x0203);
	ck_assert(w.failed);
	/* a byte would fit, but nothing is written after a failure */
	wire_put_u8(&w, 0x02);
	wire_put_bytes(&w, bytes, 1);
	wire_put_bytes(&w, bytes, SIZE_MAX);
	ck_assert(w.failed);
	ck_assert_uint_eq(w.pos, 1);
	ck_assert_mem_eq(out, expected, sizeof(out));
}
END_TEST

START_TEST(writer_takes_an_empty_buffer)
{
	struct wire_writer w;

	wire_writer_init(&w, NULL, 0);
	wire_put_bytes(&w, bytes, 0);
	ck_assert(!w.failed);
	wire_put_u8(&w, 1);
	ck_assert(w.failed);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tc = tcase_create("wire");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_test(tc, reader_takes_big_endian_integers);
	tcase_add_test(tc, reader_lends_bytes_in_place);
	tcase_add_test(tc, reader_fails_for_good_at_the_end);
	tcase_add_test(tc, reader_refuses_lengths_that_overflow);
	tcase_add_test(tc, reader_takes_an_empty_buffer);
	tcase_add_test(tc, writer_puts_big_endian_integers);
	tcase_add_test(tc, writer_puts_bytes_and_zeros);
	tcase_add_test(tc, writer_fails_for_good_and_writes_nothing_beyond);
	tcase_add_test(tc, writer_takes_an_empty_buffer);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
