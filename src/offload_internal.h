/*
 * What the files of offload share: where things are in a packet, and its checksums. Nobody else
 * includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef OFFLOAD_INTERNAL_H
#define OFFLOAD_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "offload.h"

#define IP4_TOTAL_LEN 2
#define IP4_ID 4
#define IP4_FRAGMENT 6
#define IP4_PROTOCOL 9
#define IP4_CHECKSUM 10
#define IP6_HEADER_LEN 40
#define IP6_PAYLOAD_LEN 4
#define IP6_NEXT_HEADER 6
#define TCP_HEADER_LEN 20 /* without options */
#define TCP_SEQ 4
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS 13
#define TCP_CHECKSUM 16
#define UDP_HEADER_LEN 8
#define UDP_LEN 4
#define UDP_CHECKSUM 6

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_ECE 0x40
#define TCP_CWR 0x80

static inline uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline void
put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void
put32(uint8_t *p, uint32_t value)
{
	put16(p, (uint16_t)(value >> 16));
	put16(p + 2, (uint16_t)value);
}

static inline bool
is_ip4(const uint8_t *packet)
{
	return packet[0] >> 4 == 4;
}

static inline bool
is_tcp(const struct packet_offload *o)
{
	return o->csum_offset == TCP_CHECKSUM;
}

/*
 * Finds TCP or UDP right behind the IP header of a packet that ip_parse() has checked, and fills
 * the three places of *o; the rest of it is cleared. Returns 0 or a negative enum offload_error.
 */
int offload_locate(const uint8_t *packet, size_t len, struct packet_offload *o);
/* The sum over the pseudo header of a packet of len bytes, as a partial checksum has it. */
uint16_t offload_pseudo_sum(const uint8_t *packet, size_t len, const struct packet_offload *o);
/* Makes a packet one of len bytes: its lengths, the IPv4 checksum, the partial checksum. */
void offload_set_len(uint8_t *packet, size_t len, const struct packet_offload *o);

#endif
