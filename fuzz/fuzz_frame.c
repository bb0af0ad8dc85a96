/*
 * Fuzz target: frame_parse() on any message, frame_next() on what follows its header, or on the
 * whole where there is none; and what was read, written and read again.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "frame.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns the length of the header. */
static size_t
check_header(const uint8_t *data, size_t size)
{
	uint8_t again[FRAME_HEADER_MAX];
	struct frame_header h;
	int result = frame_parse(data, size, &h);

	if (result < FRAME_BAD_FLAGS || result > 0)
		abort();
	if (result < 0)
		return 0;
	if (h.len > size || frame_write(again, &h) != h.len || memcmp(again, data, h.len) != 0)
		abort();
	return h.len;
}

/* Whether the record lies between from and to, with a header before it, and could be cut. */
static void
check_record(const struct frame_record *r, const uint8_t *plain, size_t from, size_t to, size_t len)
{
	size_t overhead = r->kind == FRAME_SUPER ? FRAME_SUPER_RECORD_LEN : FRAME_RECORD_LEN;

	bool asks = r->kind == FRAME_ASK || r->kind == FRAME_ASK_FLOOR;

	if (r->kind >= FRAME_ASK) {
		if (r->packet != NULL || r->len != 0 || to > len ||
		    to - from != (asks ? FRAME_ASK_LEN : FRAME_REPORT_LEN))
			abort();
		return;
	}
	if (r->kind == FRAME_PADDING || r->len == 0 || to > len || to - from != overhead + r->len)
		abort();
	if (r->packet != plain + from + overhead)
		abort();
	if ((r->gso_size > 0) != (r->kind == FRAME_SUPER) || r->gso_size > r->len)
		abort();
}

static size_t
append(uint8_t *plain, size_t used, size_t room, const struct frame_record *r)
{
	switch (r->kind) {
	case FRAME_ASK:
	case FRAME_ASK_FLOOR:
		return frame_append_ask(plain, used, r->kind, r->token);
	case FRAME_REPORT:
	case FRAME_FLOOR:
		return frame_append_report(plain, used, r->kind, r->token, r->count);
	default:
		return frame_append(plain, used, room, r->packet, r->len);
	}
}

/* The packets in a new plaintext, padded, are the same packets in the same order. */
static void
check_again(const uint8_t *plain, size_t len, uint8_t *again, enum frame_padding padding)
{
	struct frame_record r, s;
	size_t used = 0, room = len + 100, pos = 0, again_pos = 0, padded;

	while (frame_next(plain, len, &pos, &r) == 1) {
		used = append(again, used, room, &r);
		if (used == 0)
			abort();
	}
	padded = frame_pad(again, used, room, padding);
	if (padded < used || padded > room)
		abort();
	pos = 0;
	while (frame_next(plain, len, &pos, &r) == 1) {
		if (frame_next(again, padded, &again_pos, &s) != 1 ||
		    s.kind != (r.packet != NULL ? FRAME_PACKET : r.kind))
			abort();
		if (s.len != r.len || s.token != r.token || s.count != r.count)
			abort();
		if (r.packet != NULL && memcmp(s.packet, r.packet, r.len) != 0)
			abort();
	}
	if (frame_next(again, padded, &again_pos, &s) != 0 || again_pos != padded)
		abort();
}

static void
check_records(const uint8_t *plain, size_t len)
{
	uint8_t *again = malloc(len + 100);
	struct frame_record r;
	size_t pos = 0, from = 0;
	int result;

	if (again == NULL)
		abort();
	while ((result = frame_next(plain, len, &pos, &r)) == 1) {
		check_record(&r, plain, from, pos, len);
		from = pos;
	}
	if (result == 0 ? pos != len : pos != from)
		abort();
	if (result != 0 && result != FRAME_BAD_RECORD && result != FRAME_BAD_GSO)
		abort();
	check_again(plain, len, again, FRAME_PAD_NONE);
	check_again(plain, len, again, FRAME_PAD_16);
	check_again(plain, len, again, FRAME_PAD_BUCKETS);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t header = check_header(data, size);

	check_records(data + header, size - header);
	return 0;
}
