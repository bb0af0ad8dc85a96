/*
 * A network of the native wire: keys, tags, topics.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "network.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "aead_dh.h"
#include "aead_hash.h"

/* These end with their NUL, which keeps a label and the name after it apart. */
#define SALT_LABEL "mv1 salt"
#define PUBLIC_ROOT_LABEL "mv1 public root"
#define CONTROL_LABEL "mv1 control"

#define TAG_LABEL "mv1 topic"
#define SALT_LEN 16
#define PART_TAG_LEN 8	/* bytes of a tag that its level in topics shows */
#define TAG_PART_LEN 11 /* characters that these take */
#define BROADCAST_PART "broadcast"

enum tag_kind {
	TAG_NETWORK = 0,
	TAG_UNICAST = 1,
	TAG_BROADCAST = 2,
	TAG_CONTROL = 3,
	TAG_GROUP = 4,
};

int
network_secret(uint8_t secret[AEAD_KEY_LEN], const char *passphrase, const char *name,
    uint32_t passes, uint32_t memory_kib)
{
	uint8_t salt[SALT_LEN];

	aead_hash(salt, sizeof(salt), NULL, SALT_LABEL, sizeof(SALT_LABEL), name, strlen(name));
	return aead_argon2id(secret, passphrase, strlen(passphrase), salt, passes, memory_kib);
}

static void
make_tag(const struct network *n, uint8_t tag[NETWORK_TAG_LEN], enum tag_kind kind,
    const void *name, size_t len)
{
	uint8_t prefix[sizeof(TAG_LABEL)] = TAG_LABEL;

	prefix[sizeof(prefix) - 1] = (uint8_t)kind;
	aead_hash(tag, NETWORK_TAG_LEN, n->topic_key, prefix, sizeof(prefix), name, len);
}

static void
derive_keys(struct network *n, const struct network_params *p)
{
	uint8_t root[AEAD_KEY_LEN];

	if (p->secret != NULL) {
		memcpy(root, p->secret, sizeof(root));
		aead_kdf(n->psk, root, "mv1 psk", NULL, 0);
	} else {
		aead_hash(root, sizeof(root), NULL, PUBLIC_ROOT_LABEL, sizeof(PUBLIC_ROOT_LABEL),
		    p->name, strlen(p->name));
	}
	aead_kdf(n->topic_key, root, "mv1 topics", NULL, 0);
	aead_kdf(n->handshake_key, root, "mv1 handshake", NULL, 0);
	aead_kdf(n->notice_key, root, "mv1 notice", NULL, 0);
	aead_wipe(root, sizeof(root));
}

static void
name_parts(struct network *n)
{
	uint8_t tag[NETWORK_TAG_LEN];

	make_tag(n, n->broadcast_tag, TAG_BROADCAST, NULL, 0);
	if (n->plain_topics) {
		snprintf(n->part, sizeof(n->part), "%s", n->name);
		snprintf(n->broadcast_part, sizeof(n->broadcast_part), "%s", BROADCAST_PART);
		return;
	}
	make_tag(n, tag, TAG_NETWORK, n->name, strlen(n->name));
	aead_base64url(n->part, tag, PART_TAG_LEN);
	aead_base64url(n->broadcast_part, n->broadcast_tag, PART_TAG_LEN);
}

void
network_init(struct network *n, const struct network_params *p)
{
	/* without a secret anybody who knows the name has all keys: psk rests on it */
	assert(p->secret != NULL || p->mode != NETWORK_PSK);
	assert(strlen(p->name) <= NETWORK_NAME_MAX && strlen(p->prefix) <= NETWORK_PREFIX_MAX);
	memset(n, 0, sizeof(*n));
	n->mode = p->mode;
	n->plain_topics = p->plain_topics;
	n->control = p->control;
	snprintf(n->name, sizeof(n->name), "%s", p->name);
	snprintf(n->prefix, sizeof(n->prefix), "%s", p->prefix);
	derive_keys(n, p);
	if (p->private_key != NULL) {
		memcpy(n->private_key, p->private_key, sizeof(n->private_key));
		aead_dh_public(n->public_key, n->private_key);
	}
	name_parts(n);
}

void
network_clear(struct network *n)
{
	aead_wipe(n, sizeof(*n));
}

static void
format_hex(char *text, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

void
network_id(const struct network *n, const struct addr *a, struct network_id *id)
{
	memset(id, 0, sizeof(*id));
	id->addr = *a;
	make_tag(n, id->tag, n->control ? TAG_CONTROL : TAG_UNICAST, a->bytes, addr_len(a));
	if (n->plain_topics)
		format_hex(id->part, a->bytes, addr_len(a));
	else
		aead_base64url(id->part, id->tag, PART_TAG_LEN);
}

struct addr
network_control_addr(const uint8_t public_key[AEAD_KEY_LEN])
{
	struct addr a = {.family = ADDR_IPV6};

	aead_hash(a.bytes, sizeof(a.bytes), NULL, CONTROL_LABEL, sizeof(CONTROL_LABEL), public_key,
	    AEAD_KEY_LEN);
	return a;
}

void
network_group_part(const struct network *n, const char *group, char part[NETWORK_PART_MAX])
{
	uint8_t tag[NETWORK_TAG_LEN];

	make_tag(n, tag, TAG_GROUP, group, strlen(group));
	if (n->plain_topics)
		snprintf(part, NETWORK_PART_MAX, "%s", group);
	else
		aead_base64url(part, tag, PART_TAG_LEN);
}

const char *
network_topic(const struct network *n, char *topic, const char *to, const char *from)
{
	snprintf(topic, NETWORK_TOPIC_MAX, "%s/%s/%s/%s", n->prefix, n->part, to, from);
	return topic;
}

/* Where the last level of the topic that ends at end begins. */
static const char *
last_level(const char *topic, const char *end)
{
	const char *slash = memrchr(topic, '/', (size_t)(end - topic));

	return slash != NULL ? slash + 1 : topic;
}

int
network_topic_parse(const struct network *n, const char *topic, struct network_topic *t)
{
	const char *network;
	size_t network_len;

	t->from = last_level(topic, topic + strlen(topic));
	t->from_len = strlen(t->from);
	if (t->from == topic)
		return -1;
	t->to = last_level(topic, t->from - 1);
	t->to_len = (size_t)(t->from - 1 - t->to);
	if (t->to == topic)
		return -1;
	network = last_level(topic, t->to - 1);
	network_len = (size_t)(t->to - 1 - network);
	if (t->from_len == 0 || t->to_len == 0 || network_len != strlen(n->part))
		return -1;
	return memcmp(network, n->part, network_len) == 0 ? 0 : -1;
}

bool
network_is_part(const struct network *n, const char *part, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)part[i]) && part[i] != '-' && part[i] != '_')
			return false;
	return len == TAG_PART_LEN || (n->plain_topics && (len == 8 || len == 32));
}

void
network_put_addr(struct wire_writer *w, const struct addr *a)
{
	wire_put_u8(w, a->family);
	wire_put_bytes(w, a->bytes, addr_len(a));
}

int
network_read_addr(struct wire_reader *r, struct addr *a)
{
	uint8_t family = wire_u8(r);
	const uint8_t *bytes;

	if (family != ADDR_IPV4 && family != ADDR_IPV6)
		return -1;
	bytes = wire_bytes(r, family == ADDR_IPV4 ? 4 : 16);
	if (bytes == NULL)
		return -1;
	*a = addr_from_bytes(family, bytes);
	return 0;
}
