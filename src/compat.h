/*
 * The wire of MQTT_VPN: topics "<prefix>/<destination address>" and one IP packet a message, bare
 * or in NaCl's secretbox with its 16 leading zero bytes left in. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "aead.h"

#define COMPAT_PREFIX "mqttip"
#define COMPAT_PACKET_MAX 1500
#define COMPAT_ZERO_LEN 16
/* nonce[24], zero[16], tag[16] before the ciphertext */
#define COMPAT_OVERHEAD (AEAD_BOX_NONCE_LEN + COMPAT_ZERO_LEN + AEAD_BOX_TAG_LEN)
#define COMPAT_MESSAGE_MAX (COMPAT_PACKET_MAX + COMPAT_OVERHEAD)
#define COMPAT_PREFIX_MAX 64
#define COMPAT_TOPIC_MAX (COMPAT_PREFIX_MAX + 1 + ADDR_TEXT_MAX)

struct compat_key {
	bool set; /* false: packets travel bare */
	uint8_t bytes[AEAD_KEY_LEN];
};

enum compat_error {
	COMPAT_TOO_SHORT = -1, /* no room for nonce, zeros, tag and a byte */
	COMPAT_TOO_LONG = -2,  /* its packet would exceed COMPAT_PACKET_MAX */
	COMPAT_BAD_ZEROS = -3, /* the 16 zero bytes are not zero */
	COMPAT_FORGED = -4,    /* sealed under another key, or changed on the way */
};

/* The key of a password; NULL or "" means none. */
void compat_key_init(struct compat_key *key, const char *password);
void compat_key_clear(struct compat_key *key);

/* "<prefix>/<address>". topic has COMPAT_TOPIC_MAX bytes, prefix at most COMPAT_PREFIX_MAX. Returns
 * topic. */
const char *compat_topic(char *topic, const char *prefix, const struct addr *dst);
/* "<prefix>/255.255.255.255": broadcast and multicast of both families. */
const char *compat_broadcast_topic(char *topic, const char *prefix);

/*
 * Seals the packet that stands COMPAT_OVERHEAD bytes into buf, len bytes long, in place, under a
 * fresh random nonce. Returns where the message begins (in buf) and sets *message_len; without a
 * key the packet itself is the message.
 */
uint8_t *compat_seal(const struct compat_key *key, uint8_t *buf, size_t len, size_t *message_len);

/*
 * Opens a message into packet, which has COMPAT_PACKET_MAX bytes. Returns the packet's length, or
 * a negative enum compat_error. The packet is not checked: ip_parse() does that.
 */
int compat_open(const struct compat_key *key, const uint8_t *message, size_t len, uint8_t *packet);

#endif
