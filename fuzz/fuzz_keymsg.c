/*
 * Fuzz target: keymsg_parse() on anything. What it takes can be written, and says the same when it
 * is read again.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keymsg.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[KEYMSG_MAX];
	static struct keymsg m, again;
	size_t len;

	if (keymsg_parse(&m, data, size) != 0)
		return 0;
	len = keymsg_write(&m, out, sizeof(out));
	if (len == 0 || keymsg_parse(&again, out, len) != 0 || memcmp(&m, &again, sizeof(m)) != 0)
		abort();
	return 0;
}
