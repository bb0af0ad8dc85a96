/*
 * First message and answer: header, Noise message, MAC; and what both tell inside.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "handshake.h"

#include <string.h>

#include "aead_hash.h"
#include "frame.h"

#define MAC_LEN 16
#define RESPONSE_HEADER_LEN 8
#define HELLO_MAX (4 + 2 + 4 + 17 + 17 + 1 + HANDSHAKE_NAME_MAX)
#define PROLOGUE_MAX (3 + 1 + 1 + NETWORK_NAME_MAX + NETWORK_TAG_LEN)

_Static_assert(
    FRAME_PREFIX_LEN + NOISE_IK_FIRST_OVERHEAD + HELLO_MAX + MAC_LEN <= HANDSHAKE_MESSAGE_MAX,
    "every message fits");

static size_t
write_hello(const struct handshake_hello *hello, uint8_t out[HELLO_MAX])
{
	size_t name_len = strnlen(hello->name, HANDSHAKE_NAME_MAX);
	struct wire_writer w;

	wire_writer_init(&w, out, HELLO_MAX);
	wire_put_u32(&w, hello->index);
	wire_put_u16(&w, hello->features);
	wire_put_u32(&w, hello->max_message);
	network_put_addr(&w, &hello->from);
	network_put_addr(&w, &hello->to);
	wire_put_u8(&w, (uint8_t)name_len);
	wire_put_bytes(&w, hello->name, name_len);
	return w.pos;
}

/* What follows the name is for later versions. */
static int
read_hello(const uint8_t *data, size_t len, struct handshake_hello *hello)
{
	const uint8_t *name;
	struct wire_reader r;
	size_t name_len;

	memset(hello, 0, sizeof(*hello));
	wire_reader_init(&r, data, len);
	hello->index = wire_u32(&r);
	hello->features = wire_u16(&r);
	hello->max_message = wire_u32(&r);
	if (network_read_addr(&r, &hello->from) == -1 || network_read_addr(&r, &hello->to) == -1)
		return -1;
	name_len = wire_u8(&r);
	name = wire_bytes(&r, name_len);
	if (r.failed || name_len > HANDSHAKE_NAME_MAX || hello->max_message < FRAME_MESSAGE_MIN)
		return -1;
	memcpy(hello->name, name, name_len);
	return 0;
}

/* public is that of the receiver, in the first message of pubkey mode; else NULL. */
static void
make_mac(const struct network *n, const uint8_t *public, const uint8_t tag[NETWORK_TAG_LEN],
    const uint8_t *message, size_t len, uint8_t mac[MAC_LEN])
{
	uint8_t identity[AEAD_KEY_LEN + NETWORK_TAG_LEN], key[AEAD_KEY_LEN];
	size_t public_len = public != NULL ? AEAD_KEY_LEN : 0;

	if (public != NULL)
		memcpy(identity, public, public_len);
	memcpy(identity + public_len, tag, NETWORK_TAG_LEN);
	aead_kdf(key, n->handshake_key, "mv1 mac1", identity, public_len + NETWORK_TAG_LEN);
	aead_hash(mac, MAC_LEN, key, message, len, NULL, 0);
	aead_wipe(key, sizeof(key));
}

static int
check_mac(const struct network *n, const uint8_t *public, const uint8_t tag[NETWORK_TAG_LEN],
    const uint8_t *message, size_t len)
{
	uint8_t mac[MAC_LEN];

	make_mac(n, public, tag, message, len - MAC_LEN, mac);
	return aead_compare(mac, message + len - MAC_LEN, MAC_LEN);
}

static size_t
write_prologue(
    const struct network *n, const uint8_t tag[NETWORK_TAG_LEN], uint8_t out[PROLOGUE_MAX])
{
	size_t name_len = strlen(n->name);
	struct wire_writer w;

	wire_writer_init(&w, out, PROLOGUE_MAX);
	wire_put_bytes(&w, "mv1", 3);
	wire_put_u8(&w, (uint8_t)n->mode);
	wire_put_u8(&w, (uint8_t)name_len);
	wire_put_bytes(&w, n->name, name_len);
	wire_put_bytes(&w, tag, NETWORK_TAG_LEN);
	return w.pos;
}

/* tag is that of the first message's destination, at both ends. */
static void
begin(struct handshake *h, const struct network *n, bool initiator,
    const uint8_t tag[NETWORK_TAG_LEN], const uint8_t *remote_public, const uint8_t *ephemeral)
{
	uint8_t prologue[PROLOGUE_MAX];
	struct noise_params params = {
	    .pattern = n->mode == NETWORK_PUBKEY ? NOISE_IKPSK2 : NOISE_NNPSK0,
	    .initiator = initiator,
	    .prologue = prologue,
	    .prologue_len = write_prologue(n, tag, prologue),
	    .psk = n->psk,
	    .secret = n->private_key,
	    .remote_public = remote_public,
	    .ephemeral = ephemeral,
	};

	noise_init(&h->noise, &params);
}

/* The Noise message behind a header of header_len bytes, and the MAC. */
static int
write_message(struct handshake *h, const struct handshake_hello *hello, const uint8_t *mac_public,
    size_t header_len, uint8_t out[HANDSHAKE_MESSAGE_MAX])
{
	uint8_t plain[HELLO_MAX];
	size_t plain_len = write_hello(hello, plain), len;
	int written;

	written = noise_write(&h->noise, plain, plain_len, out + header_len,
	    HANDSHAKE_MESSAGE_MAX - MAC_LEN - header_len);
	if (written == -1)
		return -1;
	len = header_len + (size_t)written;
	make_mac(h->network, mac_public, h->remote.tag, out, len, out + len);
	return (int)(len + MAC_LEN);
}

int
handshake_start(struct handshake *h, const struct network *n, const struct network_id *own,
    const struct network_id *remote, const uint8_t *remote_public,
    const struct handshake_hello *hello, const uint8_t *ephemeral,
    uint8_t out[HANDSHAKE_MESSAGE_MAX])
{
	struct frame_header header = {.type = FRAME_INIT};

	h->network = n;
	h->own = *own;
	h->remote = *remote;
	begin(h, n, true, remote->tag, remote_public, ephemeral);
	return write_message(h, hello, remote_public, frame_write(out, &header), out);
}

static bool
part_is(const struct network_id *id, const char *part, size_t len)
{
	return strlen(id->part) == len && memcmp(id->part, part, len) == 0;
}

/* Opens the Noise message behind a header of header_len bytes. len has been checked. */
static int
read_message(struct noise *noise, size_t header_len, const uint8_t *message, size_t len,
    struct handshake_hello *hello)
{
	uint8_t plain[HANDSHAKE_MESSAGE_MAX];
	int plain_len = noise_read(noise, message + header_len, len - header_len - MAC_LEN, plain);

	if (plain_len == -1)
		return HANDSHAKE_FORGED;
	return read_hello(plain, (size_t)plain_len, hello) == -1 ? HANDSHAKE_MALFORMED : 0;
}

int
handshake_finish(struct handshake *h, const uint8_t *message, size_t len, const char *from,
    size_t from_len, struct handshake_hello *hello)
{
	struct noise noise;
	int rc;

	if (len < RESPONSE_HEADER_LEN + NOISE_NN_OVERHEAD + MAC_LEN || len > HANDSHAKE_MESSAGE_MAX)
		return HANDSHAKE_MALFORMED;
	if (!part_is(&h->remote, from, from_len))
		return HANDSHAKE_WRONG_ID;
	if (check_mac(h->network, NULL, h->own.tag, message, len) == -1)
		return HANDSHAKE_BAD_MAC;
	noise = h->noise; /* a forged answer must not spoil the true one that may follow */
	rc = read_message(&noise, RESPONSE_HEADER_LEN, message, len, hello);
	if (rc == 0 &&
	    (!addr_equal(&hello->from, &h->remote.addr) || !addr_equal(&hello->to, &h->own.addr)))
		rc = HANDSHAKE_WRONG_ID;
	if (rc == 0)
		h->noise = noise;
	noise_clear(&noise);
	return rc;
}

static const uint8_t *
own_public(const struct network *n)
{
	return n->mode == NETWORK_PUBKEY ? n->public_key : NULL;
}

int
handshake_check(
    const struct network *n, const struct network_id *own, const uint8_t *message, size_t len)
{
	size_t overhead = n->mode == NETWORK_PUBKEY ? NOISE_IK_FIRST_OVERHEAD : NOISE_NN_OVERHEAD;

	if (len < FRAME_PREFIX_LEN + overhead + MAC_LEN || len > HANDSHAKE_MESSAGE_MAX)
		return HANDSHAKE_MALFORMED;
	return check_mac(n, own_public(n), own->tag, message, len) == -1 ? HANDSHAKE_BAD_MAC : 0;
}

int
handshake_accept(struct handshake *h, const struct network *n, const struct network_id *own,
    const uint8_t *message, size_t len, const char *from, size_t from_len, const uint8_t *ephemeral,
    struct handshake_hello *hello)
{
	int rc;

	h->network = n;
	h->own = *own;
	begin(h, n, false, own->tag, NULL, ephemeral);
	rc = read_message(&h->noise, FRAME_PREFIX_LEN, message, len, hello);
	if (rc == 0) {
		network_id(n, &hello->from, &h->remote);
		if (!addr_equal(&hello->to, &own->addr) || !part_is(&h->remote, from, from_len))
			rc = HANDSHAKE_WRONG_ID;
	}
	if (rc != 0)
		handshake_clear(h);
	return rc;
}

const uint8_t *
handshake_public(const struct handshake *h)
{
	return noise_remote_static(&h->noise);
}

int
handshake_answer(struct handshake *h, uint32_t remote_index, const struct handshake_hello *hello,
    uint8_t out[HANDSHAKE_MESSAGE_MAX])
{
	struct frame_header header = {.type = FRAME_RESPONSE, .index = remote_index};

	return write_message(h, hello, NULL, frame_write(out, &header), out);
}

void
handshake_keys(struct handshake *h, uint8_t tx[AEAD_KEY_LEN], uint8_t rx[AEAD_KEY_LEN])
{
	noise_split(&h->noise, tx, rx);
}

void
handshake_clear(struct handshake *h)
{
	noise_clear(&h->noise);
}
