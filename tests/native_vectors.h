/*
 * Reads tests/vectors/native.txt.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NATIVE_VECTORS_H
#define NATIVE_VECTORS_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NATIVE_VECTORS SRCDIR "/tests/vectors/native.txt"
#define NATIVE_VECTOR_TEXT 8192

/* The value of this name; the test fails without it. Returns text. */
static inline const char *
native_text(const char *name, char text[NATIVE_VECTOR_TEXT])
{
	FILE *f = fopen(NATIVE_VECTORS, "r");
	char line[NATIVE_VECTOR_TEXT];
	const char *value = NULL;

	ck_assert_msg(f != NULL, "%s cannot be opened", NATIVE_VECTORS);
	while (value == NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, name, strlen(name)) == 0 &&
		    strncmp(line + strlen(name), " = ", 3) == 0)
			value = line + strlen(name) + 3;
	}
	fclose(f);
	ck_assert_msg(value != NULL, "%s: no %s", NATIVE_VECTORS, name);
	strcpy(text, value);
	return text;
}

/* The same in hexadecimal, at most size bytes. Returns their number. */
static inline size_t
native_bytes(const char *name, uint8_t *out, size_t size)
{
	char text[NATIVE_VECTOR_TEXT];
	const char *p = native_text(name, text);
	size_t len = strlen(text) / 2;
	unsigned int byte;

	ck_assert_msg(strlen(text) % 2 == 0 && len <= size, "%s: %zu bytes", name, len);
	for (size_t i = 0; i < len; i++, p += 2) {
		ck_assert_msg(sscanf(p, "%2x", &byte) == 1, "%s: %s", name, p);
		out[i] = (uint8_t)byte;
	}
	return len;
}

static inline uint64_t
native_number(const char *name)
{
	char text[NATIVE_VECTOR_TEXT];

	return strtoull(native_text(name, text), NULL, 10);
}

/* Whether these bytes are the ones of this name. */
static inline void
native_expect(const char *name, const void *actual, size_t len)
{
	uint8_t expected[NATIVE_VECTOR_TEXT / 2];

	ck_assert_msg(native_bytes(name, expected, sizeof(expected)) == len, "%s: length", name);
	ck_assert_msg(memcmp(actual, expected, len) == 0, "%s differs", name);
}

#endif
