/*
 * IP addresses and prefixes of both families as values: parse, print, compare.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef ADDR_H
#define ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum addr_family { ADDR_NONE = 0, ADDR_IPV4 = 4, ADDR_IPV6 = 6 };

#define ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */
#define PREFIX_TEXT_MAX 50

struct addr {
	uint8_t family;	   /* enum addr_family */
	uint8_t bytes[16]; /* network order; IPv4 in the first four, the rest zero */
};

struct prefix {
	struct addr addr;
	uint8_t len;
};

/* From 4 or 16 bytes in network order. */
struct addr addr_from_bytes(enum addr_family family, const uint8_t *bytes);

/* Length of an address in bytes (4, 16) and in bits (32, 128). */
size_t addr_len(const struct addr *a);
uint8_t addr_bits(const struct addr *a);

/* Dotted decimal or RFC 4291 text, no zone, nothing around it. Returns 0, or -1 with EINVAL. */
int addr_parse(const char *text, struct addr *a);

/* Dotted decimal, or RFC 5952 for IPv6; "none" for ADDR_NONE. buf has ADDR_TEXT_MAX bytes. Returns
 * buf. */
const char *addr_format(const struct addr *a, char *buf);

bool addr_equal(const struct addr *a, const struct addr *b);

/* 224/4 or ff00::/8. */
bool addr_is_multicast(const struct addr *a);
/* 0.0.0.0 or ::. */
bool addr_is_unspecified(const struct addr *a);
/* 127/8 or ::1. */
bool addr_is_loopback(const struct addr *a);
/* fe80::/10: from these alone the kernel takes a router's word for routes and prefixes. */
bool addr_is_link_local(const struct addr *a);

/*
 * "ADDRESS" (a host: /32 or /128) or "ADDRESS/LEN". Host bits are kept. Returns 0, or -1 with
 * EINVAL (no address, or a bad length).
 */
int prefix_parse(const char *text, struct prefix *p);
/* Always with its length. buf has PREFIX_TEXT_MAX bytes. Returns buf. */
const char *prefix_format(const struct prefix *p, char *buf);

/* The same prefix with its host bits cleared. */
struct prefix prefix_network(const struct prefix *p);
/* False if the families differ. */
bool prefix_contains(const struct prefix *p, const struct addr *a);
/* Compares network and length; host bits are ignored. */
bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool prefix_is_listed(const struct prefix *list, size_t count, const struct prefix *p);

/* The directed broadcast address of an IPv4 prefix of at most 30 bits; else family ADDR_NONE. */
struct addr prefix_broadcast(const struct prefix *p);

/* "255.255.255.0" to 24. Returns -1 with EINVAL for a mask with a hole or no mask at all. */
int prefix_len_from_netmask(const char *text);

#endif
