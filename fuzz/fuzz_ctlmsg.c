/*
 * Both decoders of the control protocol: what they accept is written back byte for byte, and a
 * shorter piece of the same data is never judged otherwise than the whole.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctlmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

static void
check_request(const char *data, size_t size)
{
	struct ctlmsg_request whole, piece;
	char line[CTLMSG_REQUEST_MAX];
	int n, part;

	n = ctlmsg_parse_request(data, size, &whole);
	if (n > 0) {
		require((size_t)n <= size);
		require(
		    ctlmsg_write_request(line, sizeof(line), whole.command, whole.argument) == n);
		require(memcmp(line, data, (size_t)n) == 0);
	}
	for (size_t len = 0; len < size && len <= CTLMSG_REQUEST_MAX; len++) {
		part = ctlmsg_parse_request(data, len, &piece);
		require(part == CTLMSG_INCOMPLETE || part == n);
	}
}

static void
check_header(const char *data, size_t size)
{
	struct ctlmsg_header whole, piece;
	char line[CTLMSG_HEADER_MAX];
	int n, part;

	n = ctlmsg_parse_header(data, size, &whole);
	if (n > 0) {
		require((size_t)n <= size && whole.body_len <= CTLMSG_BODY_MAX);
		require(ctlmsg_write_header(line, whole.ok, whole.body_len) == n);
		require(memcmp(line, data, (size_t)n) == 0);
	}
	for (size_t len = 0; len < size && len <= CTLMSG_HEADER_MAX; len++) {
		part = ctlmsg_parse_header(data, len, &piece);
		require(part == CTLMSG_INCOMPLETE || part == n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_request((const char *)data, size);
	check_header((const char *)data, size);
	return 0;
}
