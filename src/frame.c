/*
 * The native wire's message headers and records.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "frame.h"

#include <stdbool.h>
#include <string.h>

#include "wire.h"

#define RESPONSE_HEADER_LEN (FRAME_PREFIX_LEN + 4)
#define PAD_STEP 16
#define FIRST_BUCKET 64

/* 0 for what is no type. */
static size_t
header_len(uint8_t type)
{
	switch (type) {
	case FRAME_INIT:
	case FRAME_NOTICE:
	case FRAME_REKEY:
		return FRAME_PREFIX_LEN;
	case FRAME_RESPONSE:
		return RESPONSE_HEADER_LEN;
	case FRAME_DATA:
	case FRAME_CONTROL:
		return FRAME_HEADER_LEN;
	case FRAME_GROUP:
	case FRAME_GROUP_ONE:
	case FRAME_MULTICAST:
		return FRAME_MULTICAST_HEADER_LEN;
	default:
		return 0;
	}
}

static uint16_t
known_flags(enum frame_type type)
{
	return type == FRAME_MULTICAST || type == FRAME_GROUP ? FRAME_FLAG_SIGNED : 0;
}

int
frame_parse(const uint8_t *message, size_t len, struct frame_header *h)
{
	struct wire_reader r;
	uint8_t version, type;

	*h = (struct frame_header){.len = 0};
	wire_reader_init(&r, message, len);
	version = wire_u8(&r);
	type = wire_u8(&r);
	h->flags = wire_u16(&r);
	if (r.failed)
		return FRAME_TOO_SHORT;
	if (version != FRAME_VERSION)
		return FRAME_BAD_VERSION;
	h->len = header_len(type);
	if (h->len == 0)
		return FRAME_BAD_TYPE;
	h->type = type;
	if ((h->flags & ~known_flags(h->type)) != 0)
		return FRAME_BAD_FLAGS;
	if (h->len >= RESPONSE_HEADER_LEN)
		h->index = wire_u32(&r);
	if (h->len >= FRAME_HEADER_LEN)
		h->counter = wire_u64(&r);
	if (h->len >= FRAME_MULTICAST_HEADER_LEN)
		h->key_id = wire_u64(&r);
	return r.failed ? FRAME_TOO_SHORT : 0;
}

size_t
frame_write(uint8_t *out, const struct frame_header *h)
{
	struct wire_writer w;
	size_t len = header_len((uint8_t)h->type);

	wire_writer_init(&w, out, len);
	wire_put_u8(&w, FRAME_VERSION);
	wire_put_u8(&w, (uint8_t)h->type);
	wire_put_u16(&w, h->flags);
	if (len >= RESPONSE_HEADER_LEN)
		wire_put_u32(&w, h->index);
	if (len >= FRAME_HEADER_LEN)
		wire_put_u64(&w, h->counter);
	if (len >= FRAME_MULTICAST_HEADER_LEN)
		wire_put_u64(&w, h->key_id);
	return len;
}

/* Whether all that is left is zero. */
static bool
rest_is_zero(struct wire_reader *r)
{
	size_t len = wire_left(r);
	const uint8_t *rest = wire_bytes(r, len);

	/* the first is zero, and each is like the one before it */
	return len == 0 || (rest[0] == 0 && memcmp(rest, rest + 1, len - 1) == 0);
}

static int
read_packet(struct wire_reader *in, struct frame_record *r)
{
	r->len = wire_u16(in);
	if (r->kind == FRAME_SUPER)
		r->gso_size = wire_u16(in);
	r->packet = wire_bytes(in, r->len);
	if (in->failed || r->len == 0)
		return FRAME_BAD_RECORD;
	if (r->kind == FRAME_SUPER && (r->gso_size == 0 || r->gso_size > r->len))
		return FRAME_BAD_GSO;
	return 1;
}

static int
read_count(struct wire_reader *in, struct frame_record *r)
{
	r->token = wire_u64(in);
	if (r->kind == FRAME_REPORT || r->kind == FRAME_FLOOR)
		r->count = wire_u64(in);
	return in->failed ? FRAME_BAD_RECORD : 1;
}

int
frame_next(const uint8_t *plain, size_t len, size_t *pos, struct frame_record *r)
{
	struct wire_reader in;
	uint8_t kind;
	int rc;

	if (*pos >= len)
		return 0;
	wire_reader_init(&in, plain, len);
	wire_skip(&in, *pos);
	kind = wire_u8(&in);
	if (kind == FRAME_PADDING) {
		if (!rest_is_zero(&in))
			return FRAME_BAD_RECORD;
		*pos = len;
		return 0;
	}
	if (kind > FRAME_FLOOR)
		return FRAME_BAD_RECORD;
	*r = (struct frame_record){.kind = kind};
	rc = kind <= FRAME_SUPER ? read_packet(&in, r) : read_count(&in, r);
	if (rc == 1)
		*pos = in.pos;
	return rc;
}

size_t
frame_put_head(uint8_t *out, enum frame_kind kind, size_t packet_len, uint16_t gso_size)
{
	struct wire_writer w;

	wire_writer_init(&w, out, FRAME_SUPER_RECORD_LEN);
	wire_put_u8(&w, (uint8_t)kind);
	wire_put_u16(&w, (uint16_t)packet_len);
	if (kind == FRAME_SUPER)
		wire_put_u16(&w, gso_size);
	return w.pos;
}

size_t
frame_append(uint8_t *plain, size_t used, size_t size, const uint8_t *packet, size_t packet_len)
{
	/* no receiver takes an empty record */
	if (packet_len == 0 || packet_len > UINT16_MAX || used > size ||
	    size - used < FRAME_RECORD_LEN + packet_len)
		return 0;
	used += frame_put_head(plain + used, FRAME_PACKET, packet_len, 0);
	memcpy(plain + used, packet, packet_len);
	return used + packet_len;
}

size_t
frame_append_ask(uint8_t *plain, size_t used, enum frame_kind kind, uint64_t token)
{
	struct wire_writer w;

	wire_writer_init(&w, plain + used, FRAME_ASK_LEN);
	wire_put_u8(&w, (uint8_t)kind);
	wire_put_u64(&w, token);
	return used + w.pos;
}

size_t
frame_append_report(
    uint8_t *plain, size_t used, enum frame_kind kind, uint64_t token, uint64_t count)
{
	struct wire_writer w;

	wire_writer_init(&w, plain + used, FRAME_REPORT_LEN);
	wire_put_u8(&w, (uint8_t)kind);
	wire_put_u64(&w, token);
	wire_put_u64(&w, count);
	return used + w.pos;
}

static size_t
bucket_of(size_t used)
{
	size_t bucket = FIRST_BUCKET;

	while (bucket < used && bucket + bucket / 2 < used)
		bucket *= 2;
	return bucket < used ? bucket + bucket / 2 : bucket;
}

static size_t
padded_len(size_t used, enum frame_padding padding)
{
	switch (padding) {
	case FRAME_PAD_16:
		return (used + PAD_STEP - 1) / PAD_STEP * PAD_STEP;
	case FRAME_PAD_BUCKETS:
		return bucket_of(used);
	case FRAME_PAD_NONE:
		break;
	}
	return used;
}

size_t
frame_pad(uint8_t *plain, size_t used, size_t size, enum frame_padding padding)
{
	size_t len = padded_len(used, padding);

	if (len > size)
		len = size;
	if (len <= used)
		return used;
	memset(plain + used, 0, len - used);
	return len;
}
