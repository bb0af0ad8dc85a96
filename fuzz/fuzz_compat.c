/*
 * Fuzz target: compat_open() on any message, with a key and without; and whatever bytes are taken
 * as a packet, sealed and opened again.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "compat.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_message(const struct compat_key *key, const uint8_t *data, size_t size)
{
	size_t overhead = key->set ? COMPAT_OVERHEAD : 0;
	uint8_t packet[COMPAT_PACKET_MAX];
	int len = compat_open(key, data, size, packet);

	if (len == 0 || len < COMPAT_FORGED)
		abort();
	if (len > 0 && (size_t)len != size - overhead)
		abort();
}

static void
check_packet(const struct compat_key *key, const uint8_t *data, size_t size)
{
	uint8_t buf[COMPAT_MESSAGE_MAX], packet[COMPAT_PACKET_MAX], *message;
	size_t len;

	if (size == 0 || size > COMPAT_PACKET_MAX)
		return;
	memcpy(buf + COMPAT_OVERHEAD, data, size);
	message = compat_seal(key, buf, size, &len);
	if (compat_open(key, message, len, packet) != (int)size || memcmp(packet, data, size) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct compat_key none, key;

	if (aead_init() == -1)
		abort();
	compat_key_init(&none, NULL);
	compat_key_init(&key, "secret");
	check_message(&none, data, size);
	check_message(&key, data, size);
	check_packet(&none, data, size);
	check_packet(&key, data, size);
	return 0;
}
