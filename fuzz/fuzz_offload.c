/*
 * Fuzz target: the plaintext of a data message, record by record, on the way to the TUN device:
 * what is left to do on a packet, what the kernel is told of it, the packets that it is cut into,
 * and what is joined of those. Whatever comes in, what goes out has the right lengths and
 * checksums, no piece is too small, and what was joined comes apart into the same packets again.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "offload.h"

#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "ip.h"

#define TCP 6
#define UDP 17
#define NEEDS_CSUM 1
#define GSO_ECN 0x80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is being joined, and how the packets were before. */
struct joiner {
	struct offload_merge merge;
	uint8_t *packets[OFFLOAD_MERGE_MAX];
	uint8_t *originals[OFFLOAD_MERGE_MAX];
	size_t lens[OFFLOAD_MERGE_MAX];
};

static void
expect(bool condition)
{
	if (!condition)
		abort();
}

/* In memory of exactly its length, where a sanitizer sees an access beyond. */
static uint8_t *
copy_of(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL)
		abort();
	memcpy(copy, data, len);
	return copy;
}

static uint32_t
add(uint32_t sum, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return sum;
}

static uint32_t
pseudo_sum(const uint8_t *packet, size_t len, const struct ip_info *info)
{
	size_t left = len - info->header_len;
	uint8_t rest[4] = {0, info->protocol, (uint8_t)(left >> 8), (uint8_t)left};
	bool ip4 = info->src.family == ADDR_IPV4;

	return add(add(0, rest, 4), packet + (ip4 ? 12 : 8), ip4 ? 8 : 32);
}

/* A packet as it may leave the daemon: plain and with the right checksum, or partial. */
static void
check_packet(const uint8_t *packet, size_t len, const struct packet_offload *o)
{
	size_t checksum;
	struct ip_info info;
	uint32_t sum;

	expect(ip_parse(packet, len, &info) == IP_OK);
	expect(info.protocol == TCP || info.protocol == UDP);
	expect(info.src.family == ADDR_IPV6 || ((packet[6] & 0x3f) == 0 && packet[7] == 0));
	checksum = info.header_len + (info.protocol == TCP ? 16 : 6);
	expect(checksum + 2 <= len);
	sum = pseudo_sum(packet, len, &info);
	if (!o->partial) {
		sum = add(sum, packet + info.header_len, len - info.header_len);
		expect(sum == 0xffff && o->gso_size == 0);
		expect(info.protocol == TCP || packet[checksum] != 0 || packet[checksum + 1] != 0);
		return;
	}
	expect(packet[checksum] << 8 == (int)(sum & 0xff00) && packet[checksum + 1] == (sum & 255));
	expect(o->csum_start == info.header_len && o->csum_start + o->csum_offset == checksum);
	expect(o->header_len > checksum && o->header_len <= len);
	if (o->gso_size > 0) {
		expect(o->gso_size >= OFFLOAD_GSO_MIN && o->gso_size < len - o->header_len);
		expect((len - o->header_len - 1) / o->gso_size < 256);
	}
}

static bool
is_same(const struct packet_offload *a, const struct packet_offload *b)
{
	return a->partial == b->partial && a->gso_size == b->gso_size &&
	       a->csum_start == b->csum_start && a->csum_offset == b->csum_offset &&
	       a->header_len == b->header_len;
}

/* What the kernel is told leads it nowhere else than to what was checked. */
static void
check_header(const uint8_t *packet, size_t len, const struct packet_offload *o)
{
	uint8_t header[OFFLOAD_HEADER_LEN], type;
	uint8_t *copy = copy_of(packet, len);
	struct packet_offload back;
	uint16_t word[4];

	offload_to_kernel(o, packet, header);
	memcpy(word, header + 2, sizeof(word));
	expect(header[0] == NEEDS_CSUM && word[2] == o->csum_start && word[3] == o->csum_offset);
	type = header[1] & (uint8_t)~GSO_ECN;
	if (o->gso_size == 0)
		expect(header[1] == 0 && word[0] == 0 && word[1] == 0);
	else if (o->csum_offset == 6)
		expect(header[1] == 5);
	else
		expect(type == (packet[0] >> 4 == 4 ? 1 : 4));
	expect(word[1] == o->gso_size && (o->gso_size == 0 || word[0] == o->header_len));
	expect(offload_from_kernel(header, copy, len, &back) == 0);
	expect(is_same(&back, o) && memcmp(copy, packet, len) == 0);
	free(copy);
}

/* IPv4's identification of packets that nobody cuts is not kept, and so not its checksum. */
static void
check_same(uint8_t *packet, const uint8_t *original, size_t len)
{
	if (packet[0] >> 4 == 4 && (packet[6] & 0x40) != 0) {
		memcpy(packet + 4, original + 4, 2);
		memcpy(packet + 10, original + 10, 2);
	}
	expect(memcmp(packet, original, len) == 0);
}

/* All in one piece of memory. */
static uint8_t *
flatten(const struct offload_merge *m)
{
	uint8_t *whole = malloc(m->len);
	size_t len = 0;
	int i;

	expect(whole != NULL);
	for (i = 0; i < m->count; i++) {
		expect(m->iov[i].iov_len <= m->len - len);
		memcpy(whole + len, m->iov[i].iov_base, m->iov[i].iov_len);
		len += m->iov[i].iov_len;
	}
	expect(len == m->len);
	return whole;
}

/* What was joined stands for the packets that were put in. */
static void
check_joined(struct joiner *j)
{
	struct packet whole = {.len = j->merge.len, .offload = j->merge.offload};
	struct packet_offload nothing = {0}, piece;
	uint8_t *out = malloc(j->merge.len);
	int i;

	expect(out != NULL);
	whole.data = flatten(&j->merge);
	if (j->merge.count > 1)
		check_packet(whole.data, whole.len, &whole.offload);
	else
		expect(is_same(&whole.offload, &nothing));
	for (i = 0; i < j->merge.count; i++) {
		expect(offload_cut(&whole, out, whole.len, 1, true, &piece) == j->lens[i]);
		check_same(out, j->originals[i], j->lens[i]);
	}
	expect(offload_is_cut(&whole));
	free(whole.data);
	free(out);
}

static void
end_joining(struct joiner *j)
{
	int i;

	if (j->merge.count == 0)
		return;
	offload_merge_end(&j->merge);
	check_joined(j);
	for (i = 0; i < j->merge.count; i++) {
		free(j->packets[i]);
		free(j->originals[i]);
	}
	offload_merge_reset(&j->merge);
}

/* Takes a plain packet. */
static void
join(struct joiner *j, const uint8_t *packet, size_t len)
{
	uint8_t *copy = copy_of(packet, len);
	int at;

	if (!offload_merge_add(&j->merge, copy, len)) {
		end_joining(j);
		expect(offload_merge_add(&j->merge, copy, len));
	}
	expect(j->merge.count > 0);
	at = j->merge.count - 1;
	j->packets[at] = copy;
	j->originals[at] = copy_of(packet, len);
	j->lens[at] = len;
}

/* Cuts the rest of p one by one; all but the last have the same payload. */
static void
cut_and_join(struct joiner *j, struct packet *p, size_t *done)
{
	uint8_t *out = malloc(p->len);
	size_t header_len = p->offload.header_len, len;
	struct packet_offload piece;

	expect(out != NULL);
	while (!offload_is_cut(p)) {
		len = offload_cut(p, out, p->len, 1, true, &piece);
		expect(len > header_len || p->offload.gso_size == 0);
		expect(p->offload.gso_size == 0 || len - header_len <= p->offload.gso_size);
		if (!offload_is_cut(p))
			expect(len - header_len == p->offload.gso_size);
		*done += len - header_len;
		check_packet(out, len, &piece);
		join(j, out, len);
	}
	free(out);
}

/* Cuts it into smaller large packets first, the size of which comes from the packet. */
static void
take_apart(struct joiner *j, const uint8_t *data, size_t len, const struct packet_offload *o)
{
	struct packet whole = {.data = copy_of(data, len), .len = len, .offload = *o};
	size_t least = (size_t)o->header_len + o->gso_size, size = least + len / 3, done = 0;
	struct packet part = {.data = malloc(size)};

	expect(part.data != NULL);
	if (o->gso_size == 0 || len % 2 == 0) {
		cut_and_join(j, &whole, &done);
	} else {
		while (!offload_is_cut(&whole)) {
			part.len = offload_cut(
			    &whole, part.data, size, len % 5, len % 3 == 0, &part.offload);
			expect(part.len > 0 && part.len <= size);
			expect(offload_is_cut(&whole) ||
			       (part.len - o->header_len) % o->gso_size == 0);
			check_packet(part.data, part.len, &part.offload);
			part.cut = 0;
			if (part.offload.partial) {
				cut_and_join(j, &part, &done);
				continue;
			}
			done += part.len - o->header_len;
			join(j, part.data, part.len);
		}
	}
	expect(done == len - o->header_len);
	free(whole.data);
	free(part.data);
}

/* As if the packet came from the kernel, with the header of the fuzzer's choice. */
static void
check_from_kernel(const uint8_t *header, const uint8_t *packet, size_t len)
{
	uint8_t *copy = copy_of(packet, len), *out = malloc(len);
	struct packet p = {.data = copy, .len = len};
	struct packet_offload piece;
	int i;

	expect(out != NULL);
	if (offload_from_kernel(header, copy, len, &p.offload) == 0) {
		expect(p.offload.gso_size == 0 || p.offload.partial);
		for (i = 0; i < 20 && !offload_is_cut(&p); i++)
			expect(offload_cut(&p, out, len, 1, true, &piece) > 0);
	}
	free(copy);
	free(out);
}

static void
check_record(struct joiner *j, const struct frame_record *r, const uint8_t *header)
{
	uint8_t *copy = copy_of(r->packet, r->len);
	struct packet_offload o;
	struct ip_info info;
	int result;

	if (ip_parse(copy, r->len, &info) == IP_OK) {
		check_from_kernel(header, copy, r->len);
		if (r->kind == FRAME_PACKET) {
			join(j, copy, r->len);
		} else if ((result = offload_check(copy, r->len, r->gso_size, &o)) == 0) {
			check_packet(copy, r->len, &o);
			check_header(copy, r->len, &o);
			take_apart(j, copy, r->len, &o);
		} else {
			expect(result >= OFFLOAD_BAD_GSO && result < 0);
			expect(memcmp(copy, r->packet, r->len) == 0);
		}
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct joiner j = {.merge = {.count = 0}};
	struct frame_record r = {.gso_size = 0};
	uint8_t header[OFFLOAD_HEADER_LEN] = {0};
	size_t pos = 0;

	/* the last bytes, so that the input is the plaintext of a message */
	if (size >= sizeof(header))
		memcpy(header, data + size - sizeof(header), sizeof(header));
	while (frame_next(data, size, &pos, &r) == 1) {
		if (r.packet != NULL)
			check_record(&j, &r, header);
	}
	end_joining(&j);
	return 0;
}
