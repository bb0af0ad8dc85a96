/*
 * The seals of the last messages in a ring.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "seen.h"

#include <string.h>

static uint64_t
seal_of(const uint8_t *message, size_t len)
{
	uint64_t seal;

	memcpy(&seal, message + len - sizeof(seal), sizeof(seal));
	return seal;
}

bool
seen_before(const struct seen *s, const uint8_t *message, size_t len)
{
	uint64_t seal = seal_of(message, len);

	for (size_t i = 0; i < SEEN_MAX; i++)
		if (s->seals[i] == seal)
			return true;
	return false;
}

void
seen_add(struct seen *s, const uint8_t *message, size_t len)
{
	s->seals[s->next] = seal_of(message, len);
	s->next = (s->next + 1) % SEEN_MAX;
}
