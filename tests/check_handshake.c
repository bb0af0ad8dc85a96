/*
 * Tests of handshake: against the messages of tests/vectors/native.txt, which an independent
 * program made, messages put together by hand, and every refusal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "handshake.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "aead_hash.h"
#include "frame.h"
#include "native_vectors.h"
#include "noise.h"
#include "util.h"

#define MAC_LEN 16
#define RESPONSE_HEADER_LEN 8
#define HELLO_MAX 128

enum { INITIATOR, RESPONDER };

/* The networks of the vectors: with a passphrase, with keys and a secret, with keys alone, and one
 * between a member of groups and its key server. */
static const struct which {
	const char *name;
	enum network_mode mode;
	bool has_secret, control;
} networks[] = {{"psk", NETWORK_PSK, true, false}, {"raw", NETWORK_PUBKEY, true, false},
    {"public", NETWORK_PUBKEY, false, false}, {"control", NETWORK_PUBKEY, true, true}};

/* Both ends of a handshake. */
struct world {
	const struct which *which;
	struct network n[2];
	struct network_id id[2];
	struct handshake_hello hello[2], heard[2]; /* told by, heard by this end */
	struct handshake h[2];
	uint8_t message[2][HANDSHAKE_MESSAGE_MAX];
	size_t len[2];
};

/* "<which>_<what>": a name of a vector. */
static const char *
vector_name(const struct which *w, const char *what)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s_%s", w->name, what);
	return name;
}

static void
init_network(struct network *n, const struct which *w, const char *private_key)
{
	uint8_t secret[AEAD_KEY_LEN], key[AEAD_KEY_LEN];
	struct network_params p = {.mode = w->mode, .prefix = "vpn", .control = w->control};
	char name[NATIVE_VECTOR_TEXT];

	p.name = native_text(vector_name(w, "name"), name);
	if (w->has_secret) {
		native_bytes(vector_name(w, "secret"), secret, sizeof(secret));
		p.secret = secret;
	}
	if (w->mode == NETWORK_PUBKEY) {
		native_bytes(private_key, key, sizeof(key));
		p.private_key = key;
	}
	network_init(n, &p);
}

static void
init_end(struct world *w, int end, const char *side)
{
	char what[64], text[NATIVE_VECTOR_TEXT];
	struct handshake_hello *hello = &w->hello[end];
	struct addr a;

	ck_assert_int_eq(addr_parse(native_text(vector_name(w->which, side), text), &a), 0);
	network_id(&w->n[end], &a, &w->id[end]);
	snprintf(what, sizeof(what), "%s_index", side);
	hello->index = (uint32_t)native_number(what);
	snprintf(what, sizeof(what), "%s_max_message", side);
	hello->max_message = (uint32_t)native_number(what);
	snprintf(what, sizeof(what), "%s_name", side);
	native_text(vector_name(w->which, what), text);
	memcpy(hello->name, text, strlen(text) + 1);
}

static void
init(struct world *w, int which)
{
	memset(w, 0, sizeof(*w));
	w->which = &networks[which];
	init_network(&w->n[INITIATOR], w->which, "private_key");
	init_network(&w->n[RESPONDER], w->which, "responder_private_key");
	init_end(w, INITIATOR, "initiator");
	init_end(w, RESPONDER, "responder");
	for (int end = 0; end < 2; end++) {
		w->hello[end].from = w->id[end].addr;
		w->hello[end].to = w->id[!end].addr;
	}
}

static const uint8_t *
responder_public(const struct world *w)
{
	return w->which->mode == NETWORK_PUBKEY ? w->n[RESPONDER].public_key : NULL;
}

static void
start_with(struct world *w, const uint8_t *ephemeral)
{
	int len = handshake_start(&w->h[INITIATOR], &w->n[INITIATOR], &w->id[INITIATOR],
	    &w->id[RESPONDER], responder_public(w), &w->hello[INITIATOR], ephemeral,
	    w->message[INITIATOR]);

	ck_assert_int_gt(len, 0);
	w->len[INITIATOR] = (size_t)len;
}

static void
start(struct world *w)
{
	start_with(w, NULL);
}

/* What the responder makes of these bytes, in a buffer without a byte to spare. */
static int
accept_bytes(struct world *w, const uint8_t *message, size_t len, const uint8_t *ephemeral)
{
	const struct network_id *own = &w->id[RESPONDER];
	const char *from = w->id[INITIATOR].part;
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, message, len);
	rc = handshake_check(&w->n[RESPONDER], own, copy, len);
	if (rc == 0)
		rc = handshake_accept(&w->h[RESPONDER], &w->n[RESPONDER], own, copy, len, from,
		    strlen(from), ephemeral, &w->heard[RESPONDER]);
	free(copy);
	return rc;
}

static int
accept_first(struct world *w)
{
	return accept_bytes(w, w->message[INITIATOR], w->len[INITIATOR], NULL);
}

static void
answer(struct world *w)
{
	int len = handshake_answer(&w->h[RESPONDER], w->heard[RESPONDER].index,
	    &w->hello[RESPONDER], w->message[RESPONDER]);

	ck_assert_int_gt(len, 0);
	w->len[RESPONDER] = (size_t)len;
}

static int
finish_bytes(struct world *w, const uint8_t *message, size_t len)
{
	const char *from = w->id[RESPONDER].part;
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, message, len);
	rc =
	    handshake_finish(&w->h[INITIATOR], copy, len, from, strlen(from), &w->heard[INITIATOR]);
	free(copy);
	return rc;
}

static int
finish(struct world *w)
{
	return finish_bytes(w, w->message[RESPONDER], w->len[RESPONDER]);
}

static void
run(struct world *w)
{
	start(w);
	ck_assert_int_eq(accept_first(w), 0);
	answer(w);
	ck_assert_int_eq(finish(w), 0);
}

static void
assert_same(const struct handshake_hello *a, const struct handshake_hello *b)
{
	ck_assert_uint_eq(a->index, b->index);
	ck_assert_uint_eq(a->features, b->features);
	ck_assert_uint_eq(a->max_message, b->max_message);
	ck_assert(addr_equal(&a->from, &b->from));
	ck_assert(addr_equal(&a->to, &b->to));
	ck_assert_str_eq(a->name, b->name);
}

static void
assert_keys_agree(struct world *w, uint8_t initiator_key[AEAD_KEY_LEN])
{
	uint8_t tx[2][AEAD_KEY_LEN], rx[2][AEAD_KEY_LEN];

	for (int end = 0; end < 2; end++) {
		handshake_keys(&w->h[end], tx[end], rx[end]);
		ck_assert_mem_ne(tx[end], rx[end], AEAD_KEY_LEN);
	}
	ck_assert_mem_eq(tx[INITIATOR], rx[RESPONDER], AEAD_KEY_LEN);
	ck_assert_mem_eq(rx[INITIATOR], tx[RESPONDER], AEAD_KEY_LEN);
	memcpy(initiator_key, tx[INITIATOR], AEAD_KEY_LEN);
}

/* By hand. */

static size_t
prologue_by_hand(const struct world *w, uint8_t *out)
{
	char name[NATIVE_VECTOR_TEXT];
	size_t len = strlen(native_text(vector_name(w->which, "name"), name));

	memcpy(out, "mv1", 3);
	out[3] = w->which->mode == NETWORK_PSK ? 1 : 2;
	out[4] = (uint8_t)len;
	memcpy(out + 5, name, len);
	memcpy(out + 5 + len, w->id[RESPONDER].tag, NETWORK_TAG_LEN);
	return 5 + len + NETWORK_TAG_LEN;
}

/* Puts the right MAC under a message for this end, changed as it may be. */
static void
mac_by_hand(const struct world *w, int receiver, uint8_t *message, size_t len)
{
	uint8_t identity[AEAD_KEY_LEN + NETWORK_TAG_LEN], key[AEAD_KEY_LEN];
	size_t at = 0;

	if (receiver == RESPONDER && w->which->mode == NETWORK_PUBKEY) {
		memcpy(identity, w->n[RESPONDER].public_key, AEAD_KEY_LEN);
		at = AEAD_KEY_LEN;
	}
	memcpy(identity + at, w->id[receiver].tag, NETWORK_TAG_LEN);
	aead_kdf(key, w->n[receiver].handshake_key, "mv1 mac1", identity, at + NETWORK_TAG_LEN);
	aead_hash(message + len - MAC_LEN, MAC_LEN, key, message, len - MAC_LEN, NULL, 0);
}

/* The first message with this payload. */
static void
start_by_hand(struct world *w, const uint8_t *payload, size_t payload_len)
{
	static const uint8_t header[] = {0x91, 0x01, 0, 0};
	uint8_t prologue[128], *message = w->message[INITIATOR];
	struct noise_params p = {
	    .pattern = w->which->mode == NETWORK_PSK ? NOISE_NNPSK0 : NOISE_IKPSK2,
	    .initiator = true,
	    .prologue = prologue,
	    .prologue_len = prologue_by_hand(w, prologue),
	    .psk = w->n[INITIATOR].psk,
	    .secret = w->n[INITIATOR].private_key,
	    .remote_public = responder_public(w),
	};
	struct noise noise;
	int len;

	noise_init(&noise, &p);
	memcpy(message, header, sizeof(header));
	len = noise_write(&noise, payload, payload_len, message + sizeof(header), 400);
	ck_assert_int_gt(len, 0);
	w->len[INITIATOR] = sizeof(header) + (size_t)len + MAC_LEN;
	mac_by_hand(w, RESPONDER, message, w->len[INITIATOR]);
}

/* The second one, after the first was accepted. */
static void
answer_by_hand(struct world *w, const uint8_t *payload, size_t payload_len)
{
	static const uint8_t header[] = {0x91, 0x02, 0, 0, 1, 2, 3, 4};
	uint8_t *message = w->message[RESPONDER];
	int len;

	memcpy(message, header, sizeof(header));
	len = noise_write(
	    &w->h[RESPONDER].noise, payload, payload_len, message + sizeof(header), 400);
	ck_assert_int_gt(len, 0);
	w->len[RESPONDER] = sizeof(header) + (size_t)len + MAC_LEN;
	mac_by_hand(w, INITIATOR, message, w->len[RESPONDER]);
}

/* A hello as it travels. */
static size_t
hello_by_hand(const struct handshake_hello *hello, uint8_t out[HELLO_MAX])
{
	size_t name_len = strlen(hello->name);
	struct wire_writer w;

	wire_writer_init(&w, out, HELLO_MAX);
	wire_put_u32(&w, hello->index);
	wire_put_u16(&w, hello->features);
	wire_put_u32(&w, hello->max_message);
	network_put_addr(&w, &hello->from);
	network_put_addr(&w, &hello->to);
	wire_put_u8(&w, (uint8_t)name_len);
	wire_put_bytes(&w, hello->name, name_len);
	ck_assert(!w.failed);
	return w.pos;
}

/* What the ends say to a payload of theirs, correctly sealed: first as the first message's, then as
 * the second's. */
static void
expect_payload(struct world *w, int end, const uint8_t *payload, size_t len, int expected)
{
	if (end == INITIATOR) {
		start_by_hand(w, payload, len);
		ck_assert_int_eq(accept_first(w), expected);
		return;
	}
	start(w);
	ck_assert_int_eq(accept_first(w), 0);
	answer_by_hand(w, payload, len);
	ck_assert_int_eq(finish(w), expected);
}

START_TEST(handshake_makes_the_messages_of_the_vectors)
{
	uint8_t ephemeral[2][AEAD_KEY_LEN], tx[AEAD_KEY_LEN], rx[AEAD_KEY_LEN];
	struct world w;

	init(&w, _i);
	native_bytes("initiator_ephemeral", ephemeral[INITIATOR], AEAD_KEY_LEN);
	native_bytes("responder_ephemeral", ephemeral[RESPONDER], AEAD_KEY_LEN);
	start_with(&w, ephemeral[INITIATOR]);
	native_expect(vector_name(w.which, "first_message"), w.message[0], w.len[0]);
	ck_assert_int_eq(accept_bytes(&w, w.message[0], w.len[0], ephemeral[RESPONDER]), 0);
	assert_same(&w.heard[RESPONDER], &w.hello[INITIATOR]);
	answer(&w);
	native_expect(vector_name(w.which, "second_message"), w.message[1], w.len[1]);
	ck_assert_int_eq(finish(&w), 0);
	assert_same(&w.heard[INITIATOR], &w.hello[RESPONDER]);
	handshake_keys(&w.h[INITIATOR], tx, rx);
	native_expect(vector_name(w.which, "initiator_key"), tx, AEAD_KEY_LEN);
	native_expect(vector_name(w.which, "responder_key"), rx, AEAD_KEY_LEN);
	handshake_keys(&w.h[RESPONDER], tx, rx);
	native_expect(vector_name(w.which, "responder_key"), tx, AEAD_KEY_LEN);
	native_expect(vector_name(w.which, "initiator_key"), rx, AEAD_KEY_LEN);
}
END_TEST

START_TEST(handshake_gives_new_keys_each_time)
{
	uint8_t first[AEAD_KEY_LEN], second[AEAD_KEY_LEN];
	struct world w;

	init(&w, _i);
	run(&w);
	assert_keys_agree(&w, first);
	run(&w);
	assert_keys_agree(&w, second);
	ck_assert_mem_ne(first, second, AEAD_KEY_LEN);
}
END_TEST

START_TEST(handshake_carries_any_hello)
{
	struct world w;
	uint8_t key[AEAD_KEY_LEN];

	init(&w, _i);
	w.hello[INITIATOR].index = UINT32_MAX;
	w.hello[INITIATOR].features = UINT16_MAX;
	w.hello[INITIATOR].max_message = UINT32_MAX;
	memset(w.hello[INITIATOR].name, 0xff, HANDSHAKE_NAME_MAX);
	w.hello[RESPONDER].max_message = FRAME_MESSAGE_MIN;
	memset(w.hello[RESPONDER].name, 0, sizeof(w.hello[RESPONDER].name));
	run(&w);
	assert_same(&w.heard[RESPONDER], &w.hello[INITIATOR]);
	assert_same(&w.heard[INITIATOR], &w.hello[RESPONDER]);
	assert_keys_agree(&w, key);
}
END_TEST

START_TEST(handshake_tells_the_responder_who_asks)
{
	struct world w;

	init(&w, 1);
	start(&w);
	ck_assert_int_eq(accept_first(&w), 0);
	ck_assert_mem_eq(
	    handshake_public(&w.h[RESPONDER]), w.n[INITIATOR].public_key, AEAD_KEY_LEN);
	ck_assert(addr_equal(&w.h[RESPONDER].remote.addr, &w.id[INITIATOR].addr));
	ck_assert_str_eq(w.h[RESPONDER].remote.part, w.id[INITIATOR].part);
	ck_assert_mem_eq(w.h[RESPONDER].remote.tag, w.id[INITIATOR].tag, NETWORK_TAG_LEN);

	/* somebody else with the same address */
	aead_dh_keypair(w.n[INITIATOR].public_key, w.n[INITIATOR].private_key);
	start(&w);
	ck_assert_int_eq(accept_first(&w), 0);
	ck_assert_mem_eq(
	    handshake_public(&w.h[RESPONDER]), w.n[INITIATOR].public_key, AEAD_KEY_LEN);
}
END_TEST

START_TEST(handshake_ignores_what_follows_the_name)
{
	uint8_t payload[HELLO_MAX + 40];
	struct world w;
	size_t len;

	init(&w, _i);
	for (int end = 0; end < 2; end++) {
		len = hello_by_hand(&w.hello[end], payload);
		memset(payload + len, 0x77, 40);
		expect_payload(&w, end, payload, len + 40, 0);
		assert_same(&w.heard[!end], &w.hello[end]);
	}
}
END_TEST

START_TEST(handshake_refuses_a_hello_cut_short)
{
	uint8_t payload[HELLO_MAX];
	struct world w;
	size_t len, cut;

	init(&w, _i);
	for (int end = 0; end < 2; end++) {
		len = hello_by_hand(&w.hello[end], payload);
		for (cut = 0; cut < len; cut++)
			expect_payload(&w, end, payload, cut, HANDSHAKE_MALFORMED);
		expect_payload(&w, end, payload, len, 0);
	}
}
END_TEST

START_TEST(handshake_refuses_a_malformed_hello)
{
	uint8_t payload[HELLO_MAX + HANDSHAKE_NAME_MAX] = {0}, *name_len;
	struct world w;
	size_t len;

	init(&w, _i);
	for (int end = 0; end < 2; end++) {
		w.hello[end].name[0] = '\0';
		len = hello_by_hand(&w.hello[end], payload);
		name_len = payload + len - 1;
		payload[10] ^= 1; /* family of the first address */
		expect_payload(&w, end, payload, len, HANDSHAKE_MALFORMED);
		payload[10] ^= 1;
		payload[11 + addr_len(&w.hello[end].from)] = 0; /* and of the second */
		expect_payload(&w, end, payload, len, HANDSHAKE_MALFORMED);
		payload[11 + addr_len(&w.hello[end].from)] = w.hello[end].to.family;
		*name_len = HANDSHAKE_NAME_MAX + 1;
		expect_payload(&w, end, payload, len + HANDSHAKE_NAME_MAX + 1, HANDSHAKE_MALFORMED);
		*name_len = HANDSHAKE_NAME_MAX;
		expect_payload(&w, end, payload, len + HANDSHAKE_NAME_MAX, 0);
		memset(name_len, 0, HANDSHAKE_NAME_MAX + 1);
	}
}
END_TEST

/* One that takes no packet of 1465 bytes would make the network useless for others. */
START_TEST(handshake_refuses_a_largest_message_that_is_too_small)
{
	uint8_t payload[HELLO_MAX];
	struct world w;
	size_t len;

	init(&w, _i);
	for (int end = 0; end < 2; end++) {
		w.hello[end].max_message = FRAME_MESSAGE_MIN - 1;
		len = hello_by_hand(&w.hello[end], payload);
		expect_payload(&w, end, payload, len, HANDSHAKE_MALFORMED);
		w.hello[end].max_message = FRAME_MESSAGE_MIN;
		len = hello_by_hand(&w.hello[end], payload);
		expect_payload(&w, end, payload, len, 0);
	}
}
END_TEST

START_TEST(handshake_refuses_every_flipped_byte_of_the_first_message)
{
	struct world w;
	uint8_t *m = w.message[INITIATOR];

	init(&w, _i);
	start(&w);
	for (size_t i = 0; i < w.len[INITIATOR]; i++) {
		m[i] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(accept_first(&w), HANDSHAKE_BAD_MAC);
		m[i] ^= (uint8_t)(1 << i % 8);
	}
	/* and behind the MAC, where only members come */
	for (size_t i = FRAME_PREFIX_LEN; i < w.len[INITIATOR] - MAC_LEN; i++) {
		m[i] ^= (uint8_t)(1 << i % 8);
		mac_by_hand(&w, RESPONDER, m, w.len[INITIATOR]);
		/* X25519 does not look at the highest bit, but the hash does */
		ck_assert_int_eq(accept_first(&w), HANDSHAKE_FORGED);
		m[i] ^= (uint8_t)(1 << i % 8);
	}
	mac_by_hand(&w, RESPONDER, m, w.len[INITIATOR]);
	ck_assert_int_eq(accept_first(&w), 0);
}
END_TEST

START_TEST(handshake_refuses_every_flipped_byte_of_the_answer)
{
	struct world w;
	uint8_t *m = w.message[RESPONDER], key[AEAD_KEY_LEN];

	init(&w, _i);
	start(&w);
	ck_assert_int_eq(accept_first(&w), 0);
	answer(&w);
	for (size_t i = 0; i < w.len[RESPONDER]; i++) {
		m[i] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(finish(&w), HANDSHAKE_BAD_MAC);
		m[i] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = RESPONSE_HEADER_LEN; i < w.len[RESPONDER] - MAC_LEN; i++) {
		m[i] ^= (uint8_t)(1 << i % 8);
		mac_by_hand(&w, INITIATOR, m, w.len[RESPONDER]);
		ck_assert_int_eq(finish(&w), HANDSHAKE_FORGED);
		m[i] ^= (uint8_t)(1 << i % 8);
	}
	/* none of them has spoilt the true one */
	mac_by_hand(&w, INITIATOR, m, w.len[RESPONDER]);
	ck_assert_int_eq(finish(&w), 0);
	assert_keys_agree(&w, key);
}
END_TEST

START_TEST(handshake_refuses_every_other_length)
{
	uint8_t longer[2 * HANDSHAKE_MESSAGE_MAX] = {0};
	size_t shortest[2] = {FRAME_PREFIX_LEN + MAC_LEN, RESPONSE_HEADER_LEN + MAC_LEN};
	struct world w;
	int rc;

	init(&w, _i);
	start(&w);
	ck_assert_int_eq(accept_first(&w), 0);
	answer(&w);
	shortest[INITIATOR] +=
	    w.which->mode == NETWORK_PUBKEY ? NOISE_IK_FIRST_OVERHEAD : NOISE_NN_OVERHEAD;
	shortest[RESPONDER] += NOISE_NN_OVERHEAD;
	for (int end = 0; end < 2; end++) {
		memcpy(longer, w.message[end], w.len[end]);
		for (size_t len = 0; len <= HANDSHAKE_MESSAGE_MAX + 1; len++) {
			rc = end == INITIATOR ? accept_bytes(&w, longer, len, NULL)
					      : finish_bytes(&w, longer, len);
			ck_assert_int_eq(rc, len == w.len[end] ? 0
					     : len < shortest[end] || len > HANDSHAKE_MESSAGE_MAX
						 ? HANDSHAKE_MALFORMED
						 : HANDSHAKE_BAD_MAC);
		}
		memset(longer, 0, sizeof(longer));
		start(&w);
		ck_assert_int_eq(accept_first(&w), 0);
		answer(&w);
	}
}
END_TEST

START_TEST(handshake_refuses_another_secret)
{
	static const uint8_t secret[AEAD_KEY_LEN] = "another";
	struct network_params p = {.prefix = "vpn", .name = "testnet", .secret = secret};
	uint8_t private_key[AEAD_KEY_LEN];
	struct world w;

	init(&w, _i);
	memcpy(private_key, w.n[INITIATOR].private_key, sizeof(private_key));
	p.private_key = private_key;
	p.mode = w.which->mode;
	network_init(&w.n[INITIATOR], &p);
	start(&w);
	ck_assert_int_eq(accept_first(&w), HANDSHAKE_BAD_MAC);
}
END_TEST

/* Where somebody got hold of the keys for MACs alone. */
START_TEST(handshake_refuses_another_psk)
{
	struct world w;

	init(&w, _i);
	w.n[INITIATOR].psk[0] ^= 1;
	start(&w);
	if (w.which->mode == NETWORK_PSK) {
		ck_assert_int_eq(accept_first(&w), HANDSHAKE_FORGED);
		return;
	}
	/* in IKpsk2 it comes in last */
	ck_assert_int_eq(accept_first(&w), 0);
	answer(&w);
	ck_assert_int_eq(finish(&w), HANDSHAKE_FORGED);
}
END_TEST

/* Even with the same secret and the same topics. */
START_TEST(handshake_refuses_another_network)
{
	struct world w;

	init(&w, _i);
	w.n[INITIATOR].name[0] ^= 1;
	start(&w);
	ck_assert_int_eq(accept_first(&w), HANDSHAKE_FORGED);
	w.n[INITIATOR].name[strlen(w.n[INITIATOR].name) - 1] = '\0';
	start(&w);
	ck_assert_int_eq(accept_first(&w), HANDSHAKE_FORGED);
}
END_TEST

START_TEST(handshake_refuses_what_is_for_another)
{
	struct network_id other;
	struct addr a;
	struct world w;

	init(&w, _i);
	ck_assert_int_eq(addr_parse("10.0.1.77", &a), 0);
	network_id(&w.n[RESPONDER], &a, &other);
	start(&w);
	w.id[RESPONDER] = other;
	ck_assert_int_eq(accept_first(&w), HANDSHAKE_BAD_MAC);
	mac_by_hand(&w, RESPONDER, w.message[INITIATOR], w.len[INITIATOR]);
	ck_assert_int_eq(accept_first(&w), HANDSHAKE_FORGED);
}
END_TEST

START_TEST(handshake_refuses_what_is_for_another_key)
{
	struct world w;

	init(&w, _i);
	start(&w);
	aead_dh_keypair(w.n[RESPONDER].public_key, w.n[RESPONDER].private_key);
	ck_assert_int_eq(accept_first(&w), HANDSHAKE_BAD_MAC);
	mac_by_hand(&w, RESPONDER, w.message[INITIATOR], w.len[INITIATOR]);
	ck_assert_int_eq(accept_first(&w), HANDSHAKE_FORGED);
}
END_TEST

START_TEST(handshake_refuses_an_answer_of_another_key)
{
	struct world w;
	uint8_t key[AEAD_KEY_LEN];

	init(&w, _i);
	start(&w);
	ck_assert_int_eq(accept_first(&w), 0);
	aead_dh_keypair(w.h[RESPONDER].noise.rs, key); /* it answers someone else */
	answer(&w);
	ck_assert_int_eq(finish(&w), HANDSHAKE_FORGED);
}
END_TEST

START_TEST(handshake_refuses_addresses_that_are_not_those_of_the_topic)
{
	static const char *const text[] = {"10.0.1.77", "fd00::77"};
	struct handshake_hello hello;
	uint8_t payload[HELLO_MAX];
	struct addr other;
	struct world w;

	init(&w, _i % (int)ARRAY_LEN(networks));
	ck_assert_int_eq(addr_parse(text[_i / (int)ARRAY_LEN(networks)], &other), 0);
	for (int end = 0; end < 2; end++) {
		hello = w.hello[end];
		hello.from = other;
		expect_payload(
		    &w, end, payload, hello_by_hand(&hello, payload), HANDSHAKE_WRONG_ID);
		hello = w.hello[end];
		hello.to = other;
		expect_payload(
		    &w, end, payload, hello_by_hand(&hello, payload), HANDSHAKE_WRONG_ID);
	}
}
END_TEST

START_TEST(handshake_refuses_another_sender_in_the_topic)
{
	struct world w;
	const char *part;

	init(&w, _i);
	start(&w);
	for (size_t len = 0; len < strlen(w.id[RESPONDER].part); len++)
		ck_assert_int_eq(handshake_accept(&w.h[RESPONDER], &w.n[RESPONDER],
				     &w.id[RESPONDER], w.message[INITIATOR], w.len[INITIATOR],
				     w.id[INITIATOR].part, len, NULL, &w.heard[RESPONDER]),
		    HANDSHAKE_WRONG_ID);
	ck_assert_int_eq(accept_first(&w), 0);
	answer(&w);
	part = w.id[INITIATOR].part;
	ck_assert_int_eq(handshake_finish(&w.h[INITIATOR], w.message[RESPONDER], w.len[RESPONDER],
			     part, strlen(part), &w.heard[INITIATOR]),
	    HANDSHAKE_WRONG_ID);
	ck_assert_int_eq(handshake_finish(&w.h[INITIATOR], w.message[RESPONDER], w.len[RESPONDER],
			     w.id[RESPONDER].part, 10, &w.heard[INITIATOR]),
	    HANDSHAKE_WRONG_ID);
	ck_assert_int_eq(finish(&w), 0);
}
END_TEST

/* What comes back to its sender, as it was and with a MAC that a member has made. */
START_TEST(handshake_refuses_its_own_messages)
{
	struct handshake_hello hello;
	struct handshake h;
	struct world w;
	const struct network *n = &w.n[INITIATOR];
	const struct network_id *own = &w.id[INITIATOR];

	init(&w, _i);
	start(&w);
	ck_assert_int_eq(
	    handshake_check(n, own, w.message[INITIATOR], w.len[INITIATOR]), HANDSHAKE_BAD_MAC);
	ck_assert_int_eq(handshake_accept(&h, n, own, w.message[INITIATOR], w.len[INITIATOR],
			     own->part, strlen(own->part), NULL, &hello),
	    HANDSHAKE_FORGED);
	ck_assert_int_eq(
	    finish_bytes(&w, w.message[INITIATOR], w.len[INITIATOR]), HANDSHAKE_BAD_MAC);
	mac_by_hand(&w, INITIATOR, w.message[INITIATOR], w.len[INITIATOR]);
	ck_assert_int_eq(
	    finish_bytes(&w, w.message[INITIATOR], w.len[INITIATOR]), HANDSHAKE_FORGED);
}
END_TEST

START_TEST(handshake_refuses_the_answer_to_an_older_try)
{
	struct world w;

	init(&w, _i);
	start(&w);
	ck_assert_int_eq(accept_first(&w), 0);
	answer(&w);
	start(&w);
	ck_assert_int_eq(finish(&w), HANDSHAKE_FORGED);
	ck_assert_int_eq(accept_first(&w), 0);
	answer(&w);
	ck_assert_int_eq(finish(&w), 0);
	/* and once is enough */
	ck_assert_int_eq(finish(&w), HANDSHAKE_FORGED);
}
END_TEST

START_TEST(handshake_refuses_keys_of_low_order)
{
	static const uint8_t zero[AEAD_KEY_LEN];
	uint8_t out[HANDSHAKE_MESSAGE_MAX];
	struct handshake h;
	struct world w;

	init(&w, _i);
	start(&w);
	if (w.which->mode == NETWORK_PUBKEY) {
		ck_assert_int_eq(handshake_start(&h, &w.n[INITIATOR], &w.id[INITIATOR],
				     &w.id[RESPONDER], zero, &w.hello[INITIATOR], NULL, out),
		    -1);
		memset(w.message[INITIATOR] + FRAME_PREFIX_LEN, 0, AEAD_KEY_LEN);
		mac_by_hand(&w, RESPONDER, w.message[INITIATOR], w.len[INITIATOR]);
		ck_assert_int_eq(accept_first(&w), HANDSHAKE_FORGED);
		return;
	}
	/* in psk mode a member's ephemeral key is met first by the answer */
	ck_assert_int_eq(accept_first(&w), 0);
	memset(w.h[RESPONDER].noise.re, 0, AEAD_KEY_LEN);
	ck_assert_int_eq(handshake_answer(&w.h[RESPONDER], 1, &w.hello[RESPONDER], out), -1);
}
END_TEST

START_TEST(handshake_leaves_no_secret_behind)
{
	static const struct noise nothing;
	uint8_t tx[AEAD_KEY_LEN], rx[AEAD_KEY_LEN], zero[AEAD_KEY_LEN] = {0};
	struct world w;

	init(&w, _i);
	start(&w);
	handshake_clear(&w.h[INITIATOR]);
	ck_assert_mem_eq(&w.h[INITIATOR].noise, &nothing, sizeof(nothing));
	w.message[INITIATOR][w.len[INITIATOR] - MAC_LEN - 1] ^= 1;
	mac_by_hand(&w, RESPONDER, w.message[INITIATOR], w.len[INITIATOR]);
	ck_assert_int_eq(accept_first(&w), HANDSHAKE_FORGED);
	ck_assert_mem_eq(&w.h[RESPONDER].noise, &nothing, sizeof(nothing));

	run(&w);
	handshake_keys(&w.h[RESPONDER], tx, rx);
	ck_assert_mem_ne(tx, zero, sizeof(zero));
	ck_assert_mem_eq(w.h[RESPONDER].noise.ck, zero, sizeof(zero));
	ck_assert_mem_eq(w.h[RESPONDER].noise.e, zero, sizeof(zero));
	ck_assert_mem_eq(w.h[RESPONDER].noise.psk, zero, sizeof(zero));
}
END_TEST

static void
add_good(TCase *tcase)
{
	int count = ARRAY_LEN(networks);

	tcase_add_loop_test(tcase, handshake_makes_the_messages_of_the_vectors, 0, count);
	tcase_add_loop_test(tcase, handshake_gives_new_keys_each_time, 0, count);
	tcase_add_loop_test(tcase, handshake_carries_any_hello, 0, count);
	tcase_add_test(tcase, handshake_tells_the_responder_who_asks);
	tcase_add_loop_test(tcase, handshake_ignores_what_follows_the_name, 0, count);
	tcase_add_loop_test(tcase, handshake_leaves_no_secret_behind, 0, count);
}

static void
add_refusals(TCase *tcase)
{
	int count = ARRAY_LEN(networks);

	tcase_add_loop_test(tcase, handshake_refuses_a_hello_cut_short, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_a_malformed_hello, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_a_largest_message_that_is_too_small, 0, count);
	tcase_add_loop_test(
	    tcase, handshake_refuses_every_flipped_byte_of_the_first_message, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_every_flipped_byte_of_the_answer, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_every_other_length, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_another_secret, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_another_psk, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_another_network, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_what_is_for_another, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_what_is_for_another_key, 1, count);
	tcase_add_loop_test(tcase, handshake_refuses_an_answer_of_another_key, 1, count);
	tcase_add_loop_test(
	    tcase, handshake_refuses_addresses_that_are_not_those_of_the_topic, 0, 2 * count);
	tcase_add_loop_test(tcase, handshake_refuses_another_sender_in_the_topic, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_its_own_messages, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_the_answer_to_an_older_try, 0, count);
	tcase_add_loop_test(tcase, handshake_refuses_keys_of_low_order, 0, count);
}

int
main(void)
{
	Suite *suite = suite_create("handshake");
	TCase *tcase = tcase_create("handshake");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	tcase_set_timeout(tcase, 60);
	add_good(tcase);
	add_refusals(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
