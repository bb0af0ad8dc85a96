/*
 * IP packets in memory that is used again: no packet on the way through the daemon costs an
 * allocation once the first ones have passed.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 65535    /* of an IP packet */
#define PACKET_HEADROOM 64  /* before data: what wraps a packet is written there, in place */
#define PACKET_SMALL 2048   /* from data on, in a small one */
#define PACKET_MEDIUM 16384 /* in one that was large only while its length was not known */
#define PACKET_LARGE 65600  /* from data on, in a large one: a whole message with its tag */

/* What is left to do on a packet, as by virtio_net_hdr (virtio 1.2, 5.1.6). Zeroed: nothing. */
struct packet_offload {
	bool partial; /* the transport checksum covers the pseudo header alone; if gso_size, too */
	uint16_t gso_size;    /* payload of each packet that it stands for; 0: it is one */
	uint16_t csum_start;  /* of the transport header; where partial */
	uint16_t csum_offset; /* of the checksum, from there: 16 for TCP, 6 for UDP */
	uint16_t header_len;  /* up to the transport payload */
};

struct packet {
	struct packet *next; /* for its owner */
	uint64_t queued_us;  /* for the queue */
	uint8_t *data;	     /* PACKET_HEADROOM bytes before it are the packet's own as well */
	size_t len;
	size_t room; /* from data on: PACKET_SMALL, PACKET_MEDIUM or PACKET_LARGE */
	size_t cut;  /* transport payload that has been sent already, see offload_cut() */
	struct packet_offload offload;
};

/* Bytes of memory that it takes, whatever its length. */
static inline size_t
packet_memory(const struct packet *p)
{
	return sizeof(*p) + PACKET_HEADROOM + p->room;
}

struct packet_pool;

/* Returns NULL when memory is short. */
struct packet_pool *packet_pool_new(void);
/* Its packets must have been put back. Accepts NULL. */
void packet_pool_free(struct packet_pool *pool);

/* A packet with room for at least so many bytes (at most PACKET_LARGE), everything else zeroed but
 * its content. Returns NULL when memory is short. */
struct packet *packet_get(struct packet_pool *pool, size_t room);
/* A packet that will wait: moved to a smaller one if it fits there, and there is memory. Returns
 * where it is now. */
struct packet *packet_compact(struct packet_pool *pool, struct packet *p);
/* Gives it back; the pool keeps a few of each size for later. Accepts NULL. */
void packet_put(struct packet_pool *pool, struct packet *p);
/* What all that are out now take, in bytes of memory; and how many were ever allocated. */
size_t packet_pool_used(const struct packet_pool *pool);
uint64_t packet_pool_allocations(const struct packet_pool *pool);

#endif
