/*
 * IP addresses and prefixes of both families as values.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct addr
addr_from_bytes(enum addr_family family, const uint8_t *bytes)
{
	struct addr a = {.family = (uint8_t)family};

	memcpy(a.bytes, bytes, addr_len(&a));
	return a;
}

size_t
addr_len(const struct addr *a)
{
	switch (a->family) {
	case ADDR_IPV4:
		return 4;
	case ADDR_IPV6:
		return 16;
	default:
		return 0;
	}
}

uint8_t
addr_bits(const struct addr *a)
{
	return (uint8_t)(addr_len(a) * 8);
}

int
addr_parse(const char *text, struct addr *a)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1) {
		*a = addr_from_bytes(ADDR_IPV4, bytes);
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) == 1) {
		*a = addr_from_bytes(ADDR_IPV6, bytes);
		return 0;
	}
	errno = EINVAL;
	return -1;
}

const char *
addr_format(const struct addr *a, char *buf)
{
	int family = a->family == ADDR_IPV4 ? AF_INET : AF_INET6;

	if (a->family == ADDR_NONE || inet_ntop(family, a->bytes, buf, ADDR_TEXT_MAX) == NULL)
		strcpy(buf, "none");
	return buf;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, addr_len(a)) == 0;
}

bool
addr_is_multicast(const struct addr *a)
{
	if (a->family == ADDR_IPV4)
		return (a->bytes[0] & 0xf0) == 0xe0;
	return a->family == ADDR_IPV6 && a->bytes[0] == 0xff;
}

bool
addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zeros[16];

	return a->family != ADDR_NONE && memcmp(a->bytes, zeros, addr_len(a)) == 0;
}

bool
addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	if (a->family == ADDR_IPV4)
		return a->bytes[0] == 127;
	return a->family == ADDR_IPV6 && memcmp(a->bytes, one, sizeof(one)) == 0;
}

bool
addr_is_link_local(const struct addr *a)
{
	return a->family == ADDR_IPV6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* One to three digits, at most max. Returns -1 for anything else. */
static int
parse_len(const char *text, unsigned int max)
{
	size_t digits = strspn(text, "0123456789");
	unsigned int value = 0;

	if (digits == 0 || digits > 3 || text[digits] != '\0')
		return -1;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned int)(text[i] - '0');
	return value <= max ? (int)value : -1;
}

int
prefix_parse(const char *text, struct prefix *p)
{
	char host[ADDR_TEXT_MAX];
	size_t host_len = strcspn(text, "/");
	struct addr a;
	int len;

	if (host_len >= sizeof(host)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (addr_parse(host, &a) == -1)
		return -1;
	len = addr_bits(&a);
	if (text[host_len] == '/')
		len = parse_len(text + host_len + 1, addr_bits(&a));
	if (len == -1) {
		errno = EINVAL;
		return -1;
	}
	p->addr = a;
	p->len = (uint8_t)len;
	return 0;
}

const char *
prefix_format(const struct prefix *p, char *buf)
{
	char host[ADDR_TEXT_MAX];

	snprintf(buf, PREFIX_TEXT_MAX, "%s/%u", addr_format(&p->addr, host), p->len);
	return buf;
}

/* The bits of byte i of an address that belong to a network of len bits. */
static uint8_t
mask_byte(uint8_t len, size_t i)
{
	if (len >= (i + 1) * 8)
		return 0xff;
	if (len <= i * 8)
		return 0;
	return (uint8_t)(0xff << (8 - len % 8));
}

struct prefix
prefix_network(const struct prefix *p)
{
	struct prefix network = *p;

	for (size_t i = 0; i < sizeof(network.addr.bytes); i++)
		network.addr.bytes[i] &= mask_byte(p->len, i);
	return network;
}

bool
prefix_contains(const struct prefix *p, const struct addr *a)
{
	if (p->addr.family != a->family || a->family == ADDR_NONE)
		return false;
	for (size_t i = 0; i < addr_len(a); i++) {
		if (((p->addr.bytes[i] ^ a->bytes[i]) & mask_byte(p->len, i)) != 0)
			return false;
	}
	return true;
}

bool
prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && prefix_contains(a, &b->addr);
}

bool
prefix_is_listed(const struct prefix *list, size_t count, const struct prefix *p)
{
	for (size_t i = 0; i < count; i++)
		if (prefix_equal(&list[i], p))
			return true;
	return false;
}

struct addr
prefix_broadcast(const struct prefix *p)
{
	struct addr a = p->addr;

	if (a.family != ADDR_IPV4 || p->len > 30)
		return (struct addr){.family = ADDR_NONE};
	for (size_t i = 0; i < addr_len(&a); i++)
		a.bytes[i] |= (uint8_t)~mask_byte(p->len, i);
	return a;
}

int
prefix_len_from_netmask(const char *text)
{
	struct addr mask;
	uint32_t host = 0;

	if (addr_parse(text, &mask) == -1)
		return -1;
	for (size_t i = 0; i < 4; i++)
		host = host << 8 | (uint8_t)~mask.bytes[i];
	/* without a hole the host's bits are all at the end: one less than a power of two */
	if (mask.family != ADDR_IPV4 || (host & (host + 1)) != 0) {
		errno = EINVAL;
		return -1;
	}
	return 32 - __builtin_popcount(host);
}
