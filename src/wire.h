/*
 * A bounded cursor over bytes. The first read or write beyond the end sets an error that
 * sticks, so a decoder checks once, at its end. All integers are big-endian.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_reader {
	const uint8_t *data; /* borrowed */
	size_t len;
	size_t pos;
	bool failed;
};

struct wire_writer {
	uint8_t *data; /* borrowed */
	size_t size;
	size_t pos;
	bool failed;
};

void wire_reader_init(struct wire_reader *r, const void *data, size_t len);
/* After a failure every read gives 0 or NULL. */
uint8_t wire_u8(struct wire_reader *r);
uint16_t wire_u16(struct wire_reader *r);
uint32_t wire_u32(struct wire_reader *r);
uint64_t wire_u64(struct wire_reader *r);
/* len bytes in place, borrowed from the data; NULL on failure. */
const uint8_t *wire_bytes(struct wire_reader *r, size_t len);
void wire_skip(struct wire_reader *r, size_t len);
/* What has not been read; 0 after a failure. */
size_t wire_left(const struct wire_reader *r);

void wire_writer_init(struct wire_writer *w, void *data, size_t size);
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_bytes(struct wire_writer *w, const void *data, size_t len);

#endif
