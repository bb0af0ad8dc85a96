/*
 * A bounded cursor over bytes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "wire.h"

#include <string.h>

void
wire_reader_init(struct wire_reader *r, const void *data, size_t len)
{
	static const uint8_t nothing[1];

	/* an empty buffer may be NULL, but NULL + 0 is undefined */
	*r = (struct wire_reader){.data = len > 0 ? data : nothing, .len = len};
}

/* An integer of size bytes. */
static uint64_t
get_uint(struct wire_reader *r, size_t size)
{
	const uint8_t *p = wire_bytes(r, size);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < size; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
wire_u8(struct wire_reader *r)
{
	return (uint8_t)get_uint(r, 1);
}

uint16_t
wire_u16(struct wire_reader *r)
{
	return (uint16_t)get_uint(r, 2);
}

uint32_t
wire_u32(struct wire_reader *r)
{
	return (uint32_t)get_uint(r, 4);
}

uint64_t
wire_u64(struct wire_reader *r)
{
	return get_uint(r, 8);
}

const uint8_t *
wire_bytes(struct wire_reader *r, size_t len)
{
	const uint8_t *p = r->data + r->pos;

	if (r->failed || len > r->len - r->pos) {
		r->failed = true;
		return NULL;
	}
	r->pos += len;
	return p;
}

void
wire_skip(struct wire_reader *r, size_t len)
{
	(void)wire_bytes(r, len);
}

size_t
wire_left(const struct wire_reader *r)
{
	return r->failed ? 0 : r->len - r->pos;
}

void
wire_writer_init(struct wire_writer *w, void *data, size_t size)
{
	*w = (struct wire_writer){.data = data, .size = size};
}

/* Room for len bytes, or NULL. */
static uint8_t *
claim(struct wire_writer *w, size_t len)
{
	uint8_t *p;

	if (w->failed || len > w->size - w->pos) {
		w->failed = true;
		return NULL;
	}
	p = w->data + w->pos;
	w->pos += len;
	return p;
}

/* An integer of size bytes. */
static void
put_uint(struct wire_writer *w, size_t size, uint64_t v)
{
	uint8_t *p = claim(w, size);

	if (p == NULL)
		return;
	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> 8 * (size - 1 - i));
}

void
wire_put_u8(struct wire_writer *w, uint8_t v)
{
	put_uint(w, 1, v);
}

void
wire_put_u16(struct wire_writer *w, uint16_t v)
{
	put_uint(w, 2, v);
}

void
wire_put_u32(struct wire_writer *w, uint32_t v)
{
	put_uint(w, 4, v);
}

void
wire_put_u64(struct wire_writer *w, uint64_t v)
{
	put_uint(w, 8, v);
}

void
wire_put_bytes(struct wire_writer *w, const void *data, size_t len)
{
	uint8_t *p;

	/* neither side of an empty copy need be a valid pointer */
	if (len == 0)
		return;
	p = claim(w, len);
	if (p != NULL)
		memcpy(p, data, len);
}
