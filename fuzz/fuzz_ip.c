/*
 * Fuzz target: ip_parse() on any bytes, and ip_build() on what it took apart.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "ip.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	len = ip_build(built, sizeof(built), &info.src, &info.dst, info.protocol,
	    data + info.header_len, size - info.header_len);
	if (len == 0)
		return 0;
	if (ip_parse(built, len, &again) != IP_OK || !addr_equal(&again.src, &info.src) ||
	    !addr_equal(&again.dst, &info.dst) || again.protocol != info.protocol)
		abort();
	return 0;
}
