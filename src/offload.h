/*
 * What network cards do for TCP and UDP, and we for whoever cannot: cutting one large packet into
 * many, their checksums, and joining many to one. Pure functions on buffers.
 *
 * Nothing of a virtio header ever crosses the wire: what the kernel is told about a packet that
 * came from there is derived from the packet itself, and checked.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "packet.h"

#define OFFLOAD_HEADER_LEN 10 /* struct virtio_net_hdr */
#define OFFLOAD_GSO_MIN 256   /* smaller pieces are not for the kernel to cut */
#define OFFLOAD_TCP_PIECES_MAX 256
#define OFFLOAD_UDP_PIECES_MAX 128
#define OFFLOAD_MERGE_MAX 64
#define OFFLOAD_TCP_CSUM 16 /* where the checksum is in the header */
#define OFFLOAD_UDP_CSUM 6

enum offload_error {
	OFFLOAD_BAD_HEADER = -1,  /* not TCP or UDP right behind the IP header, or cut short */
	OFFLOAD_FRAGMENT = -2,	  /* of an IP packet */
	OFFLOAD_BAD_FLAGS = -3,	  /* TCP's SYN, RST or URG in a packet to be cut */
	OFFLOAD_BAD_GSO = -4,	  /* pieces too small, or too many */
	OFFLOAD_UNSUPPORTED = -5, /* a virtio header of a kind that was not asked for */
};

/*
 * Takes what the kernel says about a packet of its own (len bytes, checked by ip_parse()) into *o,
 * after checking it against the packet; gso_size that is no smaller than the payload is taken for
 * none. A partial checksum that is not TCP's or UDP's right behind the IP header is completed at
 * once. Takes also what offload_check() at a receiver would refuse (URG, pieces too small or too
 * many): who sends one as it is asks that first. Returns 0 or a negative enum offload_error.
 */
int offload_from_kernel(const uint8_t header[OFFLOAD_HEADER_LEN], uint8_t *packet, size_t len,
    struct packet_offload *o);
/* What the kernel is to be told of it. */
void offload_to_kernel(
    const struct packet_offload *o, const uint8_t *packet, uint8_t header[OFFLOAD_HEADER_LEN]);

/*
 * Judges a packet off the wire, checked by ip_parse(), whose transport checksum is partial and
 * which is to be cut into pieces of gso_size (0: it is not). The sum of the pseudo header is
 * written anew into it. No IPv6 extension headers, fragments or tunnels; UDP's length must be that
 * of the packet. gso_size no smaller than the payload is taken for none, whatever it is; else it
 * must be at least OFFLOAD_GSO_MIN with at most OFFLOAD_..._PIECES_MAX pieces. Fills *o; returns 0
 * or a negative enum offload_error, *o is not to be used then.
 */
int offload_check(uint8_t *packet, size_t len, uint16_t gso_size, struct packet_offload *o);

/* Of a packet that is partial: UDP, else TCP. */
static inline bool
offload_is_udp(const struct packet_offload *o)
{
	return o->csum_offset == OFFLOAD_UDP_CSUM;
}

/* Completes the checksum of a packet that is partial and not to be cut; o is cleared. */
void offload_finish(struct packet_offload *o, uint8_t *packet, size_t len);

/*
 * Cuts the next piece off p, into out: at most size bytes and max_pieces pieces of its gso_size (0:
 * as many as size allows). With several pieces the result is one to be cut again, its checksum
 * partial; one alone is complete if finish, else partial. *piece tells what it is. p->cut counts
 * the payload that is done. Returns the length, or 0 if not even one fits; the whole is done when
 * offload_is_cut(). A packet without gso_size comes out whole, its checksum finished if finish.
 * IPv4 identification, TCP sequence numbers and flags are those that Linux' software segmentation
 * gives: FIN and PSH only in the last, CWR only in the first.
 */
size_t offload_cut(struct packet *p, uint8_t *out, size_t size, unsigned int max_pieces,
    bool finish, struct packet_offload *piece);
bool offload_is_cut(const struct packet *p);

/*
 * Joins whole TCP packets, checksums complete, that follow each other in one flow: same addresses,
 * ports, acknowledgement, options, TOS, TTL and DF, the next sequence number, all of the same
 * payload length but for the last, which may be shorter; no PSH or FIN before the last; checksums
 * verified. Nothing is copied: the first packet's headers are rewritten in place, the others
 * contribute their payloads.
 */
struct offload_merge {
	struct iovec iov[OFFLOAD_MERGE_MAX];
	int count; /* of iov; 0: empty */
	size_t len;
	size_t gso_size;
	uint32_t next_seq;
	bool closed; /* takes no more */
	struct packet_offload offload;
};

/* Takes a packet that ip_parse() has checked; it is borrowed and may be written to until the merge
 * was given away. Returns false if it does not belong to what is there: give that away first, then
 * try again, on an empty merge any packet is taken. */
bool offload_merge_add(struct offload_merge *m, uint8_t *packet, size_t len);
/* Completes the headers of what was joined: iov, len and offload are then ready. */
void offload_merge_end(struct offload_merge *m);
/* Empties it. */
void offload_merge_reset(struct offload_merge *m);

#endif
