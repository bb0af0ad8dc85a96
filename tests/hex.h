/*
 * Bytes as hexadecimal text, for tests with vectors.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEX_MAX 512

/* Exactly len bytes. */
static inline void
from_hex(uint8_t *out, size_t len, const char *hex)
{
	char digits[3] = {0};

	ck_assert_uint_eq(strlen(hex), 2 * len);
	for (size_t i = 0; i < len; i++) {
		memcpy(digits, hex + 2 * i, 2);
		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
}

static inline void
expect_hex(const uint8_t *got, const char *hex)
{
	uint8_t expected[HEX_MAX];
	size_t len = strlen(hex) / 2;

	ck_assert_uint_le(len, sizeof(expected));
	from_hex(expected, len, hex);
	ck_assert_mem_eq(got, expected, len);
}

#endif
