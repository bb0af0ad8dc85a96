/*
 * What the daemon must know of an IP packet: RFC 791, RFC 8200. Nothing is trusted before
 * ip_parse() has checked it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef IP_H
#define IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define IP_MIN_HEADER 20

struct ip_info {
	struct addr src;
	struct addr dst;
	uint8_t protocol;  /* IPv4 protocol, or IPv6 next header of the fixed header */
	size_t header_len; /* IPv4 with options; IPv6: 40 */
	size_t total_len;
};

enum ip_error {
	IP_OK = 0,
	IP_TOO_SHORT = -1,   /* shorter than its header */
	IP_BAD_VERSION = -2, /* neither 4 nor 6 */
	IP_BAD_HEADER = -3,  /* IPv4 header length below 20 or beyond the packet */
	IP_BAD_LENGTH = -4,  /* the length in the header is not the packet's */
};

/* Checks a whole packet of len bytes and fills info. Returns IP_OK or another enum ip_error. */
enum ip_error ip_parse(const uint8_t *packet, size_t len, struct ip_info *info);

/*
 * Writes a minimal IP packet of src's family (IPv4 with its header checksum; TTL or hop limit 1)
 * with that protocol and payload. Returns its length, or 0 if it does not fit size or the families
 * differ.
 */
size_t ip_build(uint8_t *packet, size_t size, const struct addr *src, const struct addr *dst,
    uint8_t protocol, const void *payload, size_t payload_len);

/* The Internet checksum, RFC 1071, over len bytes, as it stands in a header (host order). */
uint16_t ip_checksum(const void *data, size_t len);

/* What follows is for packets that ip_parse() has accepted. */

/* Tells flows apart: by addresses, protocol, and ports or the identifier of a ping; fragments by
 * addresses and protocol alone. Whoever does not know the seed cannot choose flows that collide. */
uint32_t ip_flow_hash(const uint8_t *packet, size_t len, uint32_t seed);
/* Marks "congestion experienced" (RFC 3168). Returns false, the packet unchanged, if its transport
 * does not take part in ECN. */
bool ip_mark_ce(uint8_t *packet);

#endif
