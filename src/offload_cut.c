/*
 * Cuts one large packet into many, or into large ones that are less so.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "offload.h"

#include <string.h>

#include "offload_internal.h"

bool
offload_is_cut(const struct packet *p)
{
	size_t header_len = p->offload.gso_size > 0 ? p->offload.header_len : 0;

	return p->cut >= p->len - header_len;
}

static size_t
copy_whole(struct packet *p, uint8_t *out, size_t size, bool finish, struct packet_offload *piece)
{
	if (p->len > size)
		return 0;
	memcpy(out, p->data, p->len);
	p->cut = p->len;
	*piece = p->offload;
	if (finish)
		offload_finish(piece, out, p->len);
	return p->len;
}

/* How much payload comes next: whole pieces, but for the packet's last one. */
static size_t
next_payload(const struct packet *p, size_t size, unsigned int max_pieces)
{
	size_t header_len = p->offload.header_len, gso_size = p->offload.gso_size;
	size_t left = p->len - header_len - p->cut;
	size_t room = size > header_len ? size - header_len : 0;

	if (max_pieces > 0 && room / gso_size >= max_pieces)
		room = max_pieces * gso_size;
	return left <= room ? left : room - room % gso_size;
}

static void
set_tcp(uint8_t *tcp, size_t before, bool is_last)
{
	put32(tcp + TCP_SEQ, get32(tcp + TCP_SEQ) + (uint32_t)before);
	if (before > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	if (!is_last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

/* Writes the headers of payload bytes that come after p->cut others. */
static void
put_headers(const struct packet *p, uint8_t *out, size_t payload)
{
	const struct packet_offload *o = &p->offload;
	size_t len = o->header_len + payload;

	memcpy(out, p->data, o->header_len);
	if (is_ip4(out))
		put16(out + IP4_ID, (uint16_t)(get16(out + IP4_ID) + p->cut / o->gso_size));
	if (is_tcp(o))
		set_tcp(out + o->csum_start, p->cut, p->cut + len == p->len);
	offload_set_len(out, len, o);
}

size_t
offload_cut(struct packet *p, uint8_t *out, size_t size, unsigned int max_pieces, bool finish,
    struct packet_offload *piece)
{
	size_t header_len = p->offload.header_len, payload, len;

	if (offload_is_cut(p))
		return 0;
	if (p->offload.gso_size == 0)
		return copy_whole(p, out, size, finish, piece);
	payload = next_payload(p, size, max_pieces);
	if (payload == 0)
		return 0;
	len = header_len + payload;
	put_headers(p, out, payload);
	memcpy(out + header_len, p->data + header_len + p->cut, payload);
	p->cut += payload;
	*piece = p->offload;
	if (payload > p->offload.gso_size)
		return len;
	piece->gso_size = 0;
	if (finish)
		offload_finish(piece, out, len);
	return len;
}
