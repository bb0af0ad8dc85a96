/*
 * Fuzz target: ip_parse() on any bytes, and on what it accepted the rest of ip.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "ip.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A mark changes nothing but the mark and the checksum, and no flow. */
static void
mark(const uint8_t *data, size_t size)
{
	uint32_t hash = ip_flow_hash(data, size, 1);
	uint8_t *copy = malloc(size);
	size_t at = data[0] >> 4 == 4 ? 12 : 2;

	if (copy == NULL)
		return;
	memcpy(copy, data, size);
	if (!ip_mark_ce(copy) && memcmp(copy, data, size) != 0)
		abort();
	if (memcmp(copy + at, data + at, size - at) != 0 || ip_flow_hash(copy, size, 1) != hash)
		abort();
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t built[2048];
	struct ip_info info, again;
	size_t len;

	if (ip_parse(data, size, &info) != IP_OK)
		return 0;
	if (info.total_len != size || info.header_len > size || info.src.family != info.dst.family)
		abort();
	mark(data, size);
	len = ip_build(built, sizeof(built), &info.src, &info.dst, info.protocol,
	    data + info.header_len, size - info.header_len);
	if (len == 0)
		return 0;
	if (ip_parse(built, len, &again) != IP_OK || !addr_equal(&again.src, &info.src) ||
	    !addr_equal(&again.dst, &info.dst) || again.protocol != info.protocol)
		abort();
	return 0;
}
