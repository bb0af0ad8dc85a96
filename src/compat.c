/*
 * The wire of MQTT_VPN: topics and messages.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "compat.h"

#include <stdio.h>
#include <string.h>

#define ZERO_AT AEAD_BOX_NONCE_LEN
#define TAG_AT (ZERO_AT + COMPAT_ZERO_LEN)

void
compat_key_init(struct compat_key *key, const char *password)
{
	memset(key, 0, sizeof(*key));
	if (password == NULL || password[0] == '\0')
		return;
	aead_key_from_password(password, strlen(password), key->bytes);
	key->set = true;
}

void
compat_key_clear(struct compat_key *key)
{
	aead_wipe(key, sizeof(*key));
}

const char *
compat_topic(char *topic, const char *prefix, const struct addr *dst)
{
	char text[ADDR_TEXT_MAX];

	snprintf(topic, COMPAT_TOPIC_MAX, "%s/%s", prefix, addr_format(dst, text));
	return topic;
}

const char *
compat_broadcast_topic(char *topic, const char *prefix)
{
	snprintf(topic, COMPAT_TOPIC_MAX, "%s/255.255.255.255", prefix);
	return topic;
}

uint8_t *
compat_seal(const struct compat_key *key, uint8_t *buf, size_t len, size_t *message_len)
{
	uint8_t *packet = buf + COMPAT_OVERHEAD;

	if (!key->set) {
		*message_len = len;
		return packet;
	}
	aead_random(buf, AEAD_BOX_NONCE_LEN);
	memset(buf + ZERO_AT, 0, COMPAT_ZERO_LEN);
	aead_box_seal(packet, buf + TAG_AT, packet, len, buf, key->bytes);
	*message_len = COMPAT_OVERHEAD + len;
	return buf;
}

int
compat_open(const struct compat_key *key, const uint8_t *message, size_t len, uint8_t *packet)
{
	static const uint8_t zeros[COMPAT_ZERO_LEN];
	size_t overhead = key->set ? COMPAT_OVERHEAD : 0;

	if (len <= overhead)
		return COMPAT_TOO_SHORT;
	len -= overhead;
	if (len > COMPAT_PACKET_MAX)
		return COMPAT_TOO_LONG;
	if (!key->set) {
		memcpy(packet, message, len);
		return (int)len;
	}
	if (memcmp(message + ZERO_AT, zeros, COMPAT_ZERO_LEN) != 0)
		return COMPAT_BAD_ZEROS;
	if (aead_box_open(packet, message + TAG_AT, message + COMPAT_OVERHEAD, len, message,
		key->bytes) == -1)
		return COMPAT_FORGED;
	return (int)len;
}
