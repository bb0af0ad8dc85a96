/*
 * Fuzz target: notice_open() on any message, and on any plaintext, sealed by someone who has the
 * key. What it takes must be just what notice_seal() makes of it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "notice.h"

#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "frame.h"

#define PLAIN_AT (FRAME_PREFIX_LEN + AEAD_BOX_NONCE_LEN)
#define OVERHEAD (PLAIN_AT + AEAD_TAG_LEN)
#define AD_MAX (FRAME_PREFIX_LEN + NETWORK_PART_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
make_network(struct network *n)
{
	static const uint8_t secret[AEAD_KEY_LEN] = "secret";
	const struct network_params p = {
	    .mode = NETWORK_PSK, .name = "fuzz", .prefix = "vpn", .secret = secret};

	network_init(n, &p);
}

/* The topic that a plaintext's own sender would have it come by. */
static struct network_topic
topic_of(const struct network *n, const uint8_t *plain, size_t len, struct network_id *from)
{
	uint8_t bytes[16] = {0};
	struct addr a;

	if (len > 2)
		memcpy(bytes, plain + 2, len - 2 < sizeof(bytes) ? len - 2 : sizeof(bytes));
	a = addr_from_bytes(len > 1 && plain[1] == ADDR_IPV4 ? ADDR_IPV4 : ADDR_IPV6, bytes);
	network_id(n, &a, from);
	return (struct network_topic){.to = n->broadcast_part,
	    .to_len = strlen(n->broadcast_part),
	    .from = from->part,
	    .from_len = strlen(from->part)};
}

static size_t
make_ad(const struct network *n, const uint8_t *message, uint8_t ad[AD_MAX])
{
	memcpy(ad, message, FRAME_PREFIX_LEN);
	memcpy(ad + FRAME_PREFIX_LEN, n->broadcast_part, strlen(n->broadcast_part));
	return FRAME_PREFIX_LEN + strlen(n->broadcast_part);
}

/* Seals v again, and demands the same plaintext. */
static void
check_again(const struct network *n, const struct notice *v, const uint8_t *data, size_t size)
{
	uint8_t message[NOTICE_MAX], plain[NOTICE_MAX], ad[AD_MAX];
	size_t len = notice_seal(n, v, n->broadcast_part, message);

	if (len != OVERHEAD + size)
		abort();
	if (aead_xopen(plain, message + PLAIN_AT, len - PLAIN_AT, ad, make_ad(n, message, ad),
		message + FRAME_PREFIX_LEN, n->notice_key) == -1)
		abort();
	if (memcmp(plain, data, size) != 0)
		abort();
}

static void
check_plain(const struct network *n, const uint8_t *data, size_t size)
{
	static const uint8_t prefix[FRAME_PREFIX_LEN] = {FRAME_VERSION, FRAME_NOTICE};
	uint8_t message[OVERHEAD + NOTICE_MAX] = {0}, ad[AD_MAX];
	struct network_id from;
	struct network_topic t = topic_of(n, data, size, &from);
	struct notice v;

	if (size > NOTICE_MAX)
		return;
	memcpy(message, prefix, sizeof(prefix));
	aead_xseal(message + PLAIN_AT, data, size, ad, make_ad(n, message, ad),
	    message + FRAME_PREFIX_LEN, n->notice_key);
	if (notice_open(n, &t, message, OVERHEAD + size, &v) == 0)
		check_again(n, &v, data, size);
}

static void
check_message(const struct network *n, const uint8_t *data, size_t size)
{
	struct network_topic t = {.to = "to", .to_len = 2, .from = "from", .from_len = 4};
	struct notice v;

	if (notice_open(n, &t, data, size, &v) == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct network n;

	if (aead_init() == -1)
		abort();
	make_network(&n);
	check_message(&n, data, size);
	check_plain(&n, data, size);
	return 0;
}
