/*
 * Fuzz target: handshake messages on their way in. Bit 0 of the first byte chooses the mode, bit 1
 * the message: first or answer. Bits 2 and 3 say what the rest is: 0 the message itself, 1 a
 * message without its MAC, 2 the payload; the target adds what is missing as a member of the
 * network would, so that any bytes come to each of the checks. All keys are fixed, so that the
 * corpus can hold messages that are good.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "handshake.h"

#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "aead_hash.h"
#include "frame.h"
#include "wire.h"

#define MAC_LEN 16
#define REMOTE_INDEX 0x01020304
/* Longer than any that is taken. */
#define PAYLOAD_MAX 700
#define MESSAGE_MAX 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INITIATOR, RESPONDER };

static const uint8_t ephemeral[2][AEAD_KEY_LEN] = {"first", "second"};

struct ends {
	struct network n[2];
	struct network_id id[2];
	struct handshake_hello hello[2];
	struct handshake h[2];
};

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
make_network(struct network *n, enum network_mode mode, int side)
{
	static const uint8_t secret[AEAD_KEY_LEN] = "secret";
	static const uint8_t private_key[2][AEAD_KEY_LEN] = {"initiator", "responder"};
	const struct network_params p = {
	    .mode = mode,
	    .name = "fuzz",
	    .prefix = "vpn",
	    .secret = secret,
	    .private_key = mode == NETWORK_PUBKEY ? private_key[side] : NULL,
	};

	network_init(n, &p);
}

static const uint8_t *
responder_public(const struct ends *e)
{
	return e->n[0].mode == NETWORK_PUBKEY ? e->n[RESPONDER].public_key : NULL;
}

/* One end of each family. */
static void
make_ends(struct ends *e, enum network_mode mode)
{
	static const char *const addresses[2] = {"10.0.1.1", "fd00::2"};

	memset(e, 0, sizeof(*e));
	for (int side = 0; side < 2; side++) {
		struct addr a;

		make_network(&e->n[side], mode, side);
		must(addr_parse(addresses[side], &a) == 0);
		network_id(&e->n[side], &a, &e->id[side]);
	}
	for (int side = 0; side < 2; side++)
		e->hello[side] = (struct handshake_hello){
		    .index = REMOTE_INDEX,
		    .max_message = FRAME_MESSAGE_MAX,
		    .from = e->id[side].addr,
		    .to = e->id[!side].addr,
		    .name = "fuzz",
		};
}

static size_t
start(struct ends *e, uint8_t message[HANDSHAKE_MESSAGE_MAX])
{
	int len = handshake_start(&e->h[INITIATOR], &e->n[INITIATOR], &e->id[INITIATOR],
	    &e->id[RESPONDER], responder_public(e), &e->hello[INITIATOR], ephemeral[INITIATOR],
	    message);

	must(len > 0);
	return (size_t)len;
}

static int
accept_first(struct ends *e, const uint8_t *message, size_t len, struct handshake_hello *hello)
{
	const struct network_id *own = &e->id[RESPONDER];
	const char *from = e->id[INITIATOR].part;
	int rc = handshake_check(&e->n[RESPONDER], own, message, len);

	if (rc != 0)
		return rc;
	return handshake_accept(&e->h[RESPONDER], &e->n[RESPONDER], own, message, len, from,
	    strlen(from), ephemeral[RESPONDER], hello);
}

/* Up to where the responder may answer. */
static void
run_first(struct ends *e)
{
	uint8_t message[HANDSHAKE_MESSAGE_MAX];
	struct handshake_hello hello;
	size_t len = start(e, message);

	must(accept_first(e, message, len, &hello) == 0);
}

static void
add_mac(const struct ends *e, int receiver, uint8_t *message, size_t len)
{
	uint8_t identity[AEAD_KEY_LEN + NETWORK_TAG_LEN], key[AEAD_KEY_LEN];
	size_t at = 0;

	if (receiver == RESPONDER && responder_public(e) != NULL) {
		memcpy(identity, responder_public(e), AEAD_KEY_LEN);
		at = AEAD_KEY_LEN;
	}
	memcpy(identity + at, e->id[receiver].tag, NETWORK_TAG_LEN);
	aead_kdf(key, e->n[receiver].handshake_key, "mv1 mac1", identity, at + NETWORK_TAG_LEN);
	aead_hash(message + len, MAC_LEN, key, message, len, NULL, 0);
}

/* The first message with this payload, as if the initiator had made it. Returns its length without
 * its MAC. */
static size_t
seal_first(struct ends *e, const uint8_t *payload, size_t payload_len, uint8_t out[MESSAGE_MAX])
{
	static const uint8_t header[] = {FRAME_VERSION, FRAME_INIT, 0, 0};
	uint8_t prologue[9 + NETWORK_TAG_LEN] = "mv1\0\4fuzz";
	struct noise_params p = {
	    .pattern = responder_public(e) != NULL ? NOISE_IKPSK2 : NOISE_NNPSK0,
	    .initiator = true,
	    .prologue = prologue,
	    .prologue_len = sizeof(prologue),
	    .psk = e->n[INITIATOR].psk,
	    .secret = e->n[INITIATOR].private_key,
	    .remote_public = responder_public(e),
	    .ephemeral = ephemeral[INITIATOR],
	};
	struct noise *noise = &e->h[INITIATOR].noise;
	int len;

	prologue[3] = (uint8_t)e->n[INITIATOR].mode;
	memcpy(prologue + 9, e->id[RESPONDER].tag, NETWORK_TAG_LEN);
	memcpy(out, header, sizeof(header));
	noise_init(noise, &p);
	len = noise_write(noise, payload, payload_len, out + sizeof(header),
	    MESSAGE_MAX - sizeof(header) - MAC_LEN);
	must(len > 0);
	return sizeof(header) + (size_t)len;
}

static size_t
seal_answer(struct ends *e, const uint8_t *payload, size_t payload_len, uint8_t out[MESSAGE_MAX])
{
	static const uint8_t header[] = {FRAME_VERSION, FRAME_RESPONSE, 0, 0, 1, 2, 3, 4};
	int len;

	memcpy(out, header, sizeof(header));
	len = noise_write(&e->h[RESPONDER].noise, payload, payload_len, out + sizeof(header),
	    MESSAGE_MAX - sizeof(header) - MAC_LEN);
	must(len > 0);
	return sizeof(header) + (size_t)len;
}

/* What the payload of one side must lead to: its description, read once more. */
static int
expected(const struct ends *e, int side, const uint8_t *payload, size_t len)
{
	struct addr a[2];
	struct wire_reader r;
	uint8_t name_len;
	uint32_t max_message;

	wire_reader_init(&r, payload, len);
	wire_skip(&r, 6);
	max_message = wire_u32(&r);
	for (int i = 0; i < 2; i++)
		if (network_read_addr(&r, &a[i]) == -1)
			return HANDSHAKE_MALFORMED;
	name_len = wire_u8(&r);
	wire_skip(&r, name_len);
	if (r.failed || name_len > 63 || max_message < 1500)
		return HANDSHAKE_MALFORMED;
	if (!addr_equal(&a[0], &e->id[side].addr) || !addr_equal(&a[1], &e->id[!side].addr))
		return HANDSHAKE_WRONG_ID;
	return 0;
}

static void
check_hello(const struct handshake_hello *hello, const uint8_t *payload, size_t len)
{
	struct wire_reader r;

	wire_reader_init(&r, payload, len);
	must(hello->index == wire_u32(&r) && hello->features == wire_u16(&r));
	must(hello->max_message == wire_u32(&r));
	wire_skip(&r, 1 + 4 + 1 + 16); /* both addresses, which were compared */
	must(strnlen(hello->name, sizeof(hello->name)) <= wire_u8(&r));
}

/* Both ends have what they need, and the same. */
static void
check_keys(struct ends *e)
{
	uint8_t tx[2][AEAD_KEY_LEN], rx[2][AEAD_KEY_LEN];

	for (int side = 0; side < 2; side++)
		handshake_keys(&e->h[side], tx[side], rx[side]);
	must(memcmp(tx[0], rx[1], AEAD_KEY_LEN) == 0 && memcmp(tx[1], rx[0], AEAD_KEY_LEN) == 0);
}

static int
finish(struct ends *e, const uint8_t *message, size_t len, struct handshake_hello *hello)
{
	const char *from = e->id[RESPONDER].part;

	return handshake_finish(&e->h[INITIATOR], message, len, from, strlen(from), hello);
}

/* The true answer must do after whatever came before it. */
static void
finish_truly(struct ends *e)
{
	uint8_t message[HANDSHAKE_MESSAGE_MAX];
	struct handshake_hello hello;
	int len = handshake_answer(&e->h[RESPONDER], REMOTE_INDEX, &e->hello[RESPONDER], message);

	must(len > 0);
	must(finish(e, message, (size_t)len, &hello) == 0);
	must(strcmp(hello.name, "fuzz") == 0);
	check_keys(e);
}

static int
receive(
    struct ends *e, int sender, const uint8_t *message, size_t len, struct handshake_hello *hello)
{
	int rc = sender == INITIATOR ? accept_first(e, message, len, hello)
				     : finish(e, message, len, hello);

	must(rc <= 0 && rc >= HANDSHAKE_WRONG_ID);
	return rc;
}

static void
check_message(struct ends *e, int sender, const uint8_t *message, size_t len)
{
	uint8_t answer[HANDSHAKE_MESSAGE_MAX];
	struct handshake_hello hello;

	if (receive(e, sender, message, len, &hello) == 0) {
		must(addr_equal(&hello.from, &e->id[sender].addr));
		if (sender == INITIATOR)
			handshake_answer(
			    &e->h[RESPONDER], hello.index, &e->hello[RESPONDER], answer);
	} else if (sender == RESPONDER) {
		finish_truly(e);
	}
}

static void
check_body(struct ends *e, int sender, const uint8_t *data, size_t size)
{
	uint8_t message[MESSAGE_MAX];

	if (size > MESSAGE_MAX - MAC_LEN)
		return;
	memcpy(message, data, size);
	add_mac(e, !sender, message, size);
	check_message(e, sender, message, size + MAC_LEN);
}

static void
check_payload(struct ends *e, int sender, const uint8_t *payload, size_t size)
{
	uint8_t message[MESSAGE_MAX];
	struct handshake_hello hello;
	size_t len;
	int rc;

	if (size > PAYLOAD_MAX)
		return;
	len = sender == INITIATOR ? seal_first(e, payload, size, message)
				  : seal_answer(e, payload, size, message);
	add_mac(e, !sender, message, len);
	len += MAC_LEN;
	rc = receive(e, sender, message, len, &hello);
	if (len > HANDSHAKE_MESSAGE_MAX)
		must(rc == HANDSHAKE_MALFORMED);
	else
		must(rc == expected(e, sender, payload, size));
	if (rc != 0)
		return;
	check_hello(&hello, payload, size);
	if (sender == INITIATOR)
		finish_truly(e);
	else
		check_keys(e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t message[HANDSHAKE_MESSAGE_MAX];
	struct ends *e;
	int sender;

	if (size == 0)
		return 0;
	must(aead_init() == 0);
	e = malloc(sizeof(*e));
	must(e != NULL);
	make_ends(e, (data[0] & 1) != 0 ? NETWORK_PUBKEY : NETWORK_PSK);
	sender = (data[0] & 2) != 0 ? RESPONDER : INITIATOR;
	if (sender == RESPONDER)
		run_first(e);
	else
		start(e, message);
	if ((data[0] >> 2 & 3) == 0)
		check_message(e, sender, data + 1, size - 1);
	else if ((data[0] >> 2 & 3) == 1)
		check_body(e, sender, data + 1, size - 1);
	else
		check_payload(e, sender, data + 1, size - 1);
	free(e);
	return 0;
}
