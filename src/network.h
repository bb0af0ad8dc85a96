/*
 * A network of the native wire as its members see it: the keys that follow from its name and its
 * secret, and with them the tags and topics of its nodes. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "aead.h"
#include "wire.h"

#define NETWORK_NAME_MAX 64
#define NETWORK_PREFIX_MAX 64
#define NETWORK_TAG_LEN 16
#define NETWORK_PART_MAX 65 /* one level of a topic, with its NUL */
#define NETWORK_TOPIC_MAX (NETWORK_PREFIX_MAX + 3 * NETWORK_PART_MAX + 1)

/* In a group nobody has a session but with the key server, in its control network, which is one of
 * NETWORK_PUBKEY. */
enum network_mode { NETWORK_PSK = 1, NETWORK_PUBKEY = 2, NETWORK_GROUP = 3 };

struct network_params {
	enum network_mode mode;
	const char *name;
	const char *prefix;	    /* of its topics */
	bool plain_topics;	    /* addresses in hex instead of tags */
	bool control;		    /* its ids are those of network_control_addr() */
	const uint8_t *secret;	    /* AEAD_KEY_LEN bytes; NULL without one (not for psk) */
	const uint8_t *private_key; /* own static X25519 secret; NULL for psk */
};

struct network {
	enum network_mode mode;
	bool plain_topics, control;
	char name[NETWORK_NAME_MAX + 1];
	char prefix[NETWORK_PREFIX_MAX + 1];
	uint8_t topic_key[AEAD_KEY_LEN], handshake_key[AEAD_KEY_LEN], notice_key[AEAD_KEY_LEN];
	uint8_t psk[AEAD_KEY_LEN]; /* for Noise; zeros without a secret */
	uint8_t private_key[AEAD_KEY_LEN], public_key[AEAD_KEY_LEN]; /* pubkey */
	char part[NETWORK_PART_MAX]; /* the network's own level in topics */
	uint8_t broadcast_tag[NETWORK_TAG_LEN];
	char broadcast_part[NETWORK_PART_MAX];
};

/* A node's address as the wire knows it. */
struct network_id {
	struct addr addr;
	uint8_t tag[NETWORK_TAG_LEN];
	char part[NETWORK_PART_MAX]; /* its level in topics */
};

/* A topic taken apart; the parts are borrowed from it. */
struct network_topic {
	const char *to, *from;
	size_t to_len, from_len;
};

/* The secret of a passphrase: Argon2id. Slow by design, see aead_argon2id(). Returns 0 or -1. */
int network_secret(uint8_t secret[AEAD_KEY_LEN], const char *passphrase, const char *name,
    uint32_t passes, uint32_t memory_kib);

void network_init(struct network *n, const struct network_params *p);
/* Wipes it. */
void network_clear(struct network *n);

/* An address as messages carry it: family, then its 4 or 16 bytes. Reading returns 0 or -1. */
void network_put_addr(struct wire_writer *w, const struct addr *a);
int network_read_addr(struct wire_reader *r, struct addr *a);

void network_id(const struct network *n, const struct addr *a, struct network_id *id);
/* What stands for an address between members and a key server, who need none: it follows from the
 * public key, and looks like one of IPv6, which it is not. */
struct addr network_control_addr(const uint8_t public_key[AEAD_KEY_LEN]);
/* The level in topics of what a key server tells all of a group. */
void network_group_part(const struct network *n, const char *group, char part[NETWORK_PART_MAX]);
/* "<prefix>/<network>/<to>/<from>"; from "+" for a subscription. topic has NETWORK_TOPIC_MAX bytes;
 * returned. */
const char *network_topic(const struct network *n, char *topic, const char *to, const char *from);
/*
 * Takes the last three levels apart; what is before them may have been renamed by a bridge. Returns
 * 0, or -1 if there are fewer, an empty one, or the network is another.
 */
int network_topic_parse(const struct network *n, const char *topic, struct network_topic *t);

/* Whether a level of a topic is such as a node of this network has: whoever writes topics would
 * else choose where answers go. */
bool network_is_part(const struct network *n, const char *part, size_t len);

#endif
