/*
 * Tests of multicast: messages put together by hand, every refusal, and the keys that come and go.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "multicast.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "aead_dh.h"
#include "frame.h"
#include "native_vectors.h"
#include "replay.h"
#include "util.h"

#define HEADER FRAME_MULTICAST_HEADER_LEN
#define AD_LEN (HEADER + 2 * NETWORK_TAG_LEN)
#define PLAIN "records"
#define PLAIN_LEN 7
#define SIGNED_GRANT_LEN 81
#define UNSIGNED_GRANT_LEN 49

/* A sender, and a table that was granted its key. */
struct world {
	struct network n;
	struct network_id id;
	struct multicast_sender m;
	struct multicast_table *t;
	char owner;
};

struct message {
	uint8_t data[PLAIN_LEN + MULTICAST_OVERHEAD];
	size_t len;
};

static struct network_id
id_of(const struct network *n, const char *address)
{
	struct network_id id;
	struct addr a;

	ck_assert_int_eq(addr_parse(address, &a), 0);
	network_id(n, &a, &id);
	return id;
}

static int
grant(struct multicast_table *t, const struct network_id *id, void *owner,
    const struct multicast_sender *m)
{
	uint8_t body[MULTICAST_GRANT_MAX];

	return multicast_table_grant(t, id, owner, body, multicast_grant(m, m->counter, body));
}

static void
world_init(struct world *w, bool sign)
{
	static const uint8_t secret[AEAD_KEY_LEN] = "thirty-two bytes of a secret key";
	const struct network_params p = {
	    .mode = NETWORK_PSK, .name = "testnet", .prefix = "vpn", .secret = secret};

	memset(w, 0, sizeof(*w));
	network_init(&w->n, &p);
	w->id = id_of(&w->n, "10.0.1.1");
	multicast_sender_renew(&w->m, sign, 1000);
	w->t = multicast_table_new();
	ck_assert_ptr_nonnull(w->t);
	ck_assert_int_eq(grant(w->t, &w->id, &w->owner, &w->m), 0);
}

static void
world_clear(struct world *w)
{
	multicast_table_free(w->t);
}

static struct message
seal(struct world *w)
{
	struct message msg;

	memcpy(msg.data + HEADER, PLAIN, PLAIN_LEN);
	msg.len = multicast_seal(&w->m, &w->n, &w->id, msg.data, PLAIN_LEN);
	ck_assert_uint_le(msg.len, sizeof(msg.data));
	return msg;
}

/* Seals under a counter of our choice. */
static struct message
seal_at(struct world *w, uint64_t counter)
{
	w->m.counter = counter;
	return seal(w);
}

/* Opens len bytes as coming from this part, in buffers without a byte to spare. */
static int
open_bytes(struct world *w, const char *from, size_t from_len, const uint8_t *data, size_t len,
    void **owner)
{
	uint8_t *copy = malloc(len), *plain = malloc(len);
	struct frame_header h;
	struct addr sender;
	int result;

	ck_assert_ptr_nonnull(copy);
	ck_assert_ptr_nonnull(plain);
	memcpy(copy, data, len);
	ck_assert_int_eq(frame_parse(copy, len, &h), 0);
	result = multicast_open(w->t, &w->n, from, from_len, &h, copy, len, plain, &sender, owner);
	if (result >= 0) {
		ck_assert_mem_eq(plain, PLAIN, (size_t)result);
		ck_assert(addr_equal(&sender, &w->id.addr));
	}
	free(plain);
	free(copy);
	return result;
}

static int
open_from(struct world *w, const char *from, const struct message *msg)
{
	void *owner;

	return open_bytes(w, from, strlen(from), msg->data, msg->len, &owner);
}

static int
open_message(struct world *w, const struct message *msg)
{
	return open_from(w, w->id.part, msg);
}

START_TEST(multicast_opens_what_was_sealed)
{
	struct message msg;
	struct world w;
	void *owner = NULL;

	world_init(&w, _i != 0);
	for (int i = 0; i < 3; i++) {
		msg = seal(&w);
		ck_assert_uint_eq(msg.len, PLAIN_LEN + HEADER + AEAD_TAG_LEN + (_i ? 64 : 0));
		ck_assert_int_eq(
		    open_bytes(&w, w.id.part, strlen(w.id.part), msg.data, msg.len, &owner),
		    PLAIN_LEN);
		ck_assert_ptr_eq(owner, &w.owner);
	}
	world_clear(&w);
}
END_TEST

START_TEST(multicast_opens_an_empty_message)
{
	struct message msg;
	struct world w;

	world_init(&w, _i != 0);
	msg.len = multicast_seal(&w.m, &w.n, &w.id, msg.data, 0);
	ck_assert_uint_eq(msg.len, HEADER + AEAD_TAG_LEN + (_i ? 64 : 0));
	ck_assert_int_eq(open_message(&w, &msg), 0);
	world_clear(&w);
}
END_TEST

/* What the protocol's description says of a message, without multicast.c. */
static void
make_by_hand(const struct world *w, const uint8_t sender_id[4], uint64_t counter,
    struct message *msg, uint8_t *to_sign)
{
	uint8_t *p = msg->data;

	*p++ = 0x91;
	*p++ = 0x22;
	*p++ = 0;
	*p++ = w->m.sign ? 1 : 0;
	memcpy(p, sender_id, 4);
	for (int i = 0; i < 8; i++) {
		p[4 + i] = (uint8_t)(counter >> (56 - 8 * i));
		p[12 + i] = (uint8_t)(w->m.key_id >> (56 - 8 * i));
	}
	memcpy(to_sign, msg->data, HEADER);
	memcpy(to_sign + HEADER, w->n.broadcast_tag, NETWORK_TAG_LEN);
	memcpy(to_sign + HEADER + NETWORK_TAG_LEN, w->id.tag, NETWORK_TAG_LEN);
	aead_seal(msg->data + HEADER, (const uint8_t *)PLAIN, PLAIN_LEN, to_sign, AD_LEN, counter,
	    w->m.key);
	memcpy(to_sign + AD_LEN, msg->data + HEADER, PLAIN_LEN + AEAD_TAG_LEN);
	msg->len = HEADER + PLAIN_LEN + AEAD_TAG_LEN;
}

START_TEST(multicast_message_is_that_of_the_protocol)
{
	uint8_t to_sign[AD_LEN + PLAIN_LEN + AEAD_TAG_LEN];
	struct message sealed, made;
	struct world w;

	world_init(&w, _i != 0);
	sealed = seal_at(&w, UINT64_C(0x0102030405060708));
	make_by_hand(&w, w.id.tag, UINT64_C(0x0102030405060708), &made, to_sign);
	ck_assert_mem_eq(sealed.data, made.data, made.len);
	if (_i) {
		ck_assert_int_eq(
		    aead_verify(sealed.data + made.len, to_sign, sizeof(to_sign), w.m.verify_key),
		    0);
		made.len += AEAD_SIGNATURE_LEN;
	}
	ck_assert_uint_eq(sealed.len, made.len);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_grant_is_that_of_the_protocol)
{
	uint8_t body[MULTICAST_GRANT_MAX];
	struct world w;
	size_t len;

	world_init(&w, _i != 0);
	w.m.key_id = UINT64_C(0x1112131415161718);
	w.m.counter = UINT64_C(0x2122232425262728);
	len = multicast_grant(&w.m, w.m.counter, body);
	ck_assert_uint_eq(len, _i ? SIGNED_GRANT_LEN : UNSIGNED_GRANT_LEN);
	ck_assert_mem_eq(
	    body, "\x11\x12\x13\x14\x15\x16\x17\x18\x21\x22\x23\x24\x25\x26\x27\x28", 16);
	ck_assert_mem_eq(body + 16, w.m.key, AEAD_KEY_LEN);
	ck_assert_uint_eq(body[48], _i ? 1 : 0);
	if (_i)
		ck_assert_mem_eq(body + 49, w.m.verify_key, AEAD_KEY_LEN);
	world_clear(&w);
}
END_TEST

/* The sender of the vectors: without signatures in the network psk, with them in the network raw.
 */
static void
vector_init(struct world *w, bool sign)
{
	struct network_params p = {.mode = sign ? NETWORK_PUBKEY : NETWORK_PSK, .prefix = "vpn"};
	uint8_t secret[AEAD_KEY_LEN], private_key[AEAD_KEY_LEN], seed[AEAD_KEY_LEN];
	char name[NATIVE_VECTOR_TEXT], address[NATIVE_VECTOR_TEXT];

	memset(w, 0, sizeof(*w));
	p.name = native_text(sign ? "raw_name" : "psk_name", name);
	native_bytes(sign ? "raw_secret" : "psk_secret", secret, sizeof(secret));
	native_bytes("private_key", private_key, sizeof(private_key));
	p.secret = secret;
	p.private_key = sign ? private_key : NULL;
	network_init(&w->n, &p);
	w->id = id_of(&w->n, native_text("multicast_sender", address));
	w->t = multicast_table_new();
	w->m = (struct multicast_sender){.ready = true, .sign = sign};
	w->m.key_id = native_number("multicast_key_id");
	w->m.counter = native_number("multicast_counter");
	native_bytes("multicast_key", w->m.key, sizeof(w->m.key));
	native_bytes("multicast_verify_key", w->m.verify_key, sizeof(w->m.verify_key));
	/* libsodium keeps the public key behind the seed */
	native_bytes("multicast_sign_seed", seed, sizeof(seed));
	memcpy(w->m.sign_key, seed, sizeof(seed));
	memcpy(w->m.sign_key + sizeof(seed), w->m.verify_key, sizeof(w->m.verify_key));
}

START_TEST(multicast_meets_the_vectors)
{
	const char *name = _i ? "raw_multicast_message" : "psk_multicast_message";
	/* the kind of the control message and the sender's address come before */
	const char *grant_name = _i ? "signed_grant_plain" : "grant_plain";
	uint8_t body[MULTICAST_GRANT_MAX + 6], message[256], sealed[256], plain[256];
	struct frame_header h;
	struct addr sender;
	struct world w;
	size_t len;
	void *owner;
	int rc;

	vector_init(&w, _i != 0);
	len = native_bytes(grant_name, body, sizeof(body));
	ck_assert_int_eq(multicast_table_grant(w.t, &w.id, &w.owner, body + 6, len - 6), 0);
	multicast_grant(&w.m, native_number("multicast_floor"), body + 6);
	native_expect(grant_name, body, len);

	len = native_bytes(name, message, sizeof(message));
	ck_assert_int_eq(frame_parse(message, len, &h), 0);
	rc = multicast_open(
	    w.t, &w.n, w.id.part, strlen(w.id.part), &h, message, len, plain, &sender, &owner);
	ck_assert_int_gt(rc, 0);
	native_expect("multicast_plain", plain, (size_t)rc);
	ck_assert_ptr_eq(owner, &w.owner);

	len = native_bytes("multicast_plain", sealed + HEADER, sizeof(sealed) - HEADER);
	len = multicast_seal(&w.m, &w.n, &w.id, sealed, len);
	native_expect(name, sealed, len);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_refuses_malformed_grants)
{
	uint8_t body[MULTICAST_GRANT_MAX + 1] = {0}, *copy;
	struct world w;
	size_t len, i;

	world_init(&w, _i != 0);
	multicast_table_forget(w.t, &w.owner);
	len = multicast_grant(&w.m, w.m.counter, body);
	for (i = 0; i <= len + 1; i++) {
		copy = malloc(i > 0 ? i : 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, body, i < sizeof(body) ? i : sizeof(body));
		errno = 0;
		if (i != len) {
			ck_assert_int_eq(multicast_table_grant(w.t, &w.id, NULL, copy, i), -1);
			ck_assert_int_eq(errno, EINVAL);
		}
		free(copy);
	}
	body[48] |= 2;
	ck_assert_int_eq(multicast_table_grant(w.t, &w.id, NULL, body, len), -1);
	body[48] ^= 2;
	memset(body, 0, 8); /* no key has the id 0 */
	ck_assert_int_eq(multicast_table_grant(w.t, &w.id, NULL, body, len), -1);
	memset(body, 0xff, 8);
	ck_assert_int_eq(multicast_table_grant(w.t, &w.id, NULL, body, len), 0);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_refuses_a_replay)
{
	struct message first, second;
	struct world w;

	world_init(&w, _i != 0);
	first = seal(&w);
	second = seal(&w);
	ck_assert_int_eq(open_message(&w, &second), PLAIN_LEN);
	ck_assert_int_eq(open_message(&w, &first), PLAIN_LEN);
	ck_assert_int_eq(open_message(&w, &first), MULTICAST_REPLAYED);
	ck_assert_int_eq(open_message(&w, &second), MULTICAST_REPLAYED);

	first = seal_at(&w, REPLAY_WINDOW * 2);
	ck_assert_int_eq(open_message(&w, &first), PLAIN_LEN);
	second = seal_at(&w, REPLAY_WINDOW);
	ck_assert_int_eq(open_message(&w, &second), MULTICAST_REPLAYED);
	second = seal_at(&w, REPLAY_WINDOW + 1);
	ck_assert_int_eq(open_message(&w, &second), PLAIN_LEN);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_refuses_what_was_sent_before_the_grant)
{
	struct message before, after;
	struct world w;

	world_init(&w, _i != 0);
	multicast_table_forget(w.t, &w.owner);
	before = seal_at(&w, 41);
	ck_assert_int_eq(grant(w.t, &w.id, NULL, &w.m), 0);
	after = seal(&w);
	ck_assert_int_eq(open_message(&w, &before), MULTICAST_REPLAYED);
	ck_assert_int_eq(open_message(&w, &after), PLAIN_LEN);
	ck_assert_int_eq(open_message(&w, &before), MULTICAST_REPLAYED);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_grant_of_a_known_key_changes_nothing)
{
	struct message msg, old;
	struct world w;

	world_init(&w, _i != 0);
	old = seal_at(&w, 2);
	multicast_table_forget(w.t, &w.owner);
	w.m.counter = 5;
	ck_assert_int_eq(grant(w.t, &w.id, &w.owner, &w.m), 0);
	msg = seal(&w);
	ck_assert_int_eq(open_message(&w, &msg), PLAIN_LEN);
	for (int i = 0; i < 2; i++) {
		struct multicast_sender again = w.m, next;

		/* neither lower nor higher, and the key before is known as well */
		again.counter = 0;
		ck_assert_int_eq(grant(w.t, &w.id, NULL, &again), 0);
		ck_assert_int_eq(open_message(&w, &old), MULTICAST_REPLAYED);
		ck_assert_int_eq(open_message(&w, &msg), MULTICAST_REPLAYED);
		again.counter = 100;
		ck_assert_int_eq(grant(w.t, &w.id, NULL, &again), 0);
		msg = seal(&w);
		ck_assert_int_eq(open_message(&w, &msg), PLAIN_LEN);
		next = w.m;
		next.key_id++;
		ck_assert_int_eq(grant(w.t, &w.id, &w.owner, &next), 0);
	}
	world_clear(&w);
}
END_TEST

START_TEST(multicast_refuses_every_flipped_bit)
{
	struct message msg, bad;
	struct frame_header h;
	struct world w;
	uint8_t plain[sizeof(msg.data)];
	struct addr sender;
	void *owner;

	world_init(&w, _i != 0);
	msg = seal(&w);
	for (size_t bit = 0; bit < msg.len * 8; bit++) {
		bad = msg;
		bad.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (frame_parse(bad.data, bad.len, &h) != 0 || h.type != FRAME_MULTICAST) {
			ck_assert_uint_lt(bit / 8, FRAME_PREFIX_LEN);
			continue;
		}
		ck_assert_int_eq(multicast_open(w.t, &w.n, w.id.part, strlen(w.id.part), &h,
				     bad.data, bad.len, plain, &sender, &owner),
		    bit / 8 >= 16 && bit / 8 < HEADER	? MULTICAST_UNKNOWN_KEY
		    : bit / 8 < FRAME_PREFIX_LEN && !_i ? MULTICAST_TOO_SHORT
							: MULTICAST_FORGED);
	}
	/* and the window has not moved, whatever their counters */
	ck_assert_int_eq(open_message(&w, &msg), PLAIN_LEN);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_refuses_every_truncation)
{
	struct message msg;
	struct world w;
	void *owner;
	size_t least = HEADER + AEAD_TAG_LEN + (_i ? AEAD_SIGNATURE_LEN : 0);

	world_init(&w, _i != 0);
	msg = seal(&w);
	for (size_t len = HEADER; len < msg.len; len++)
		ck_assert_int_eq(
		    open_bytes(&w, w.id.part, strlen(w.id.part), msg.data, len, &owner),
		    len < least ? MULTICAST_TOO_SHORT : MULTICAST_FORGED);
	ck_assert_int_eq(open_message(&w, &msg), PLAIN_LEN);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_refuses_a_sender_that_is_not_the_topics)
{
	struct multicast_sender copy;
	struct network_id other;
	struct message msg, bad;
	struct world w;
	void *owner;

	world_init(&w, _i != 0);
	copy = w.m;
	other = id_of(&w.n, "10.0.1.2");
	msg = bad = seal(&w);
	ck_assert_int_eq(open_from(&w, other.part, &msg), MULTICAST_UNKNOWN_KEY);
	ck_assert_int_eq(open_from(&w, "", &msg), MULTICAST_UNKNOWN_KEY);
	ck_assert_int_eq(
	    open_bytes(&w, w.id.part, strlen(w.id.part) - 1, msg.data, msg.len, &owner),
	    MULTICAST_UNKNOWN_KEY);

	/* even one who granted the same key as its own, and put its own id into the message */
	ck_assert_int_eq(grant(w.t, &other, NULL, &copy), 0);
	ck_assert_int_eq(open_from(&w, other.part, &msg), MULTICAST_FORGED);
	memcpy(bad.data + 4, other.tag, 4);
	ck_assert_int_eq(open_from(&w, other.part, &bad), MULTICAST_FORGED);
	ck_assert_int_eq(open_from(&w, w.id.part, &msg), PLAIN_LEN);
	world_clear(&w);
}
END_TEST

/* Rightly sealed, but with the sender id of another. */
START_TEST(multicast_refuses_the_sender_id_of_another)
{
	uint8_t to_sign[AD_LEN + PLAIN_LEN + AEAD_TAG_LEN];
	struct message msg;
	struct world w;

	world_init(&w, false);
	make_by_hand(&w, w.id.tag + 1, 0, &msg, to_sign);
	ck_assert_int_eq(open_message(&w, &msg), MULTICAST_FORGED);
	make_by_hand(&w, w.id.tag, 0, &msg, to_sign);
	ck_assert_int_eq(open_message(&w, &msg), PLAIN_LEN);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_refuses_another_network)
{
	struct message msg;
	struct world w;

	world_init(&w, _i != 0);
	msg = seal(&w);
	w.n.broadcast_tag[NETWORK_TAG_LEN - 1] ^= 1;
	ck_assert_int_eq(open_message(&w, &msg), MULTICAST_FORGED);
	w.n.broadcast_tag[NETWORK_TAG_LEN - 1] ^= 1;
	ck_assert_int_eq(open_message(&w, &msg), PLAIN_LEN);
	world_clear(&w);
}
END_TEST

/* Everyone who can read has the key: only the signature tells the sender from them. */
START_TEST(multicast_receiver_cannot_pose_as_the_sender)
{
	struct multicast_sender real;
	struct message msg;
	struct world w;

	world_init(&w, true);
	real = w.m;
	aead_sign_keypair(w.m.verify_key, w.m.sign_key);
	msg = seal_at(&w, 1000000);
	ck_assert_int_eq(open_message(&w, &msg), MULTICAST_FORGED);
	w.m = real;
	w.m.sign = false;
	msg = seal(&w);
	ck_assert_int_eq(open_message(&w, &msg), MULTICAST_FORGED);
	w.m = real;
	msg = seal(&w);
	ck_assert_int_eq(open_message(&w, &msg), PLAIN_LEN);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_refuses_a_signature_under_an_unsigned_key)
{
	struct message msg;
	struct world w;

	world_init(&w, false);
	aead_sign_keypair(w.m.verify_key, w.m.sign_key);
	w.m.sign = true;
	msg = seal(&w);
	ck_assert_int_eq(open_message(&w, &msg), MULTICAST_FORGED);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_keeps_the_key_before_the_present)
{
	struct message msg[3];
	struct multicast_sender zero = {.ready = false};
	struct world w;

	world_init(&w, _i != 0);
	for (int i = 0; i < 3; i++) {
		msg[i] = seal(&w);
		multicast_sender_renew(&w.m, _i != 0, 2000);
		ck_assert_int_eq(open_message(&w, &msg[i]), PLAIN_LEN);
		ck_assert_int_eq(grant(w.t, &w.id, &w.owner, &w.m), 0);
		/* its window went with it */
		ck_assert_int_eq(open_message(&w, &msg[i]), MULTICAST_REPLAYED);
		if (i > 0)
			ck_assert_int_eq(open_message(&w, &msg[i - 1]), MULTICAST_UNKNOWN_KEY);
	}
	ck_assert_uint_eq(w.m.created_ms, 2000);
	ck_assert_uint_eq(w.m.counter, 0);
	multicast_sender_clear(&w.m);
	ck_assert_mem_eq(&w.m, &zero, sizeof(zero));
	world_clear(&w);
}
END_TEST

START_TEST(multicast_does_not_know_the_key_id_zero)
{
	struct message msg;
	struct world w;

	world_init(&w, false);
	w.m.key_id = 0;
	memset(w.m.key, 0, sizeof(w.m.key));
	msg = seal(&w);
	ck_assert_int_eq(open_message(&w, &msg), MULTICAST_UNKNOWN_KEY);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_forgets_the_keys_of_an_owner)
{
	struct multicast_sender second;
	struct network_id other;
	struct message first, newer, others;
	struct world w;
	char owner, stranger;

	world_init(&w, false);
	other = id_of(&w.n, "10.0.1.2");
	ck_assert_int_eq(grant(w.t, &other, &owner, &w.m), 0);
	first = seal(&w);
	second = w.m;
	second.key_id ^= 1;
	ck_assert_int_eq(grant(w.t, &w.id, &owner, &second), 0);

	/* of one sender only what this owner brought, be it the present key or the one before */
	multicast_table_forget(w.t, &stranger);
	multicast_table_forget(w.t, &owner);
	ck_assert_int_eq(open_message(&w, &first), PLAIN_LEN);
	w.m.key_id = second.key_id;
	newer = seal(&w);
	ck_assert_int_eq(open_message(&w, &newer), MULTICAST_UNKNOWN_KEY);
	w.m.key_id ^= 1;
	others = first;
	ck_assert_int_eq(open_from(&w, other.part, &others), MULTICAST_UNKNOWN_KEY);

	ck_assert_int_eq(grant(w.t, &w.id, &owner, &second), 0);
	multicast_table_forget(w.t, &w.owner);
	ck_assert_int_eq(open_message(&w, &first), MULTICAST_UNKNOWN_KEY);
	ck_assert_int_eq(open_message(&w, &newer), PLAIN_LEN);
	multicast_table_forget(w.t, &owner);
	ck_assert_int_eq(open_message(&w, &newer), MULTICAST_UNKNOWN_KEY);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_table_is_bounded)
{
	struct network_id id;
	struct message msg;
	struct world w;
	void *owner;
	char many;

	world_init(&w, false);
	id = w.id;
	for (int i = 1; i < MULTICAST_SENDERS_MAX; i++) {
		snprintf(id.part, sizeof(id.part), "sender%d", i);
		ck_assert_int_eq(grant(w.t, &id, &many, &w.m), 0);
	}
	memcpy(id.part, "another", 8);
	errno = 0;
	ck_assert_int_eq(grant(w.t, &id, &many, &w.m), -1);
	ck_assert_int_eq(errno, ENOSPC);
	/* what many senders begin with is none of them, whichever bucket it is in */
	msg = seal(&w);
	for (size_t len = 0; len <= 6; len++)
		ck_assert_int_eq(open_bytes(&w, "sender", len, msg.data, msg.len, &owner),
		    MULTICAST_UNKNOWN_KEY);
	/* who is in it stays, and may renew */
	msg = seal(&w);
	ck_assert_int_eq(open_message(&w, &msg), PLAIN_LEN);
	multicast_sender_renew(&w.m, false, 2000);
	ck_assert_int_eq(grant(w.t, &w.id, &w.owner, &w.m), 0);
	msg = seal(&w);
	ck_assert_int_eq(open_message(&w, &msg), PLAIN_LEN);
	ck_assert_int_eq(open_from(&w, "another", &msg), MULTICAST_UNKNOWN_KEY);
	multicast_table_forget(w.t, &many);
	ck_assert_int_eq(grant(w.t, &id, &many, &w.m), 0);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_part_has_room_for_the_longest)
{
	char longest[NETWORK_PART_MAX + 1];
	struct message msg;
	struct world w;

	world_init(&w, false);
	memset(longest, 'x', NETWORK_PART_MAX);
	longest[NETWORK_PART_MAX] = '\0';
	memcpy(w.id.part, longest + 1, NETWORK_PART_MAX);
	ck_assert_int_eq(grant(w.t, &w.id, &w.owner, &w.m), 0);
	msg = seal(&w);
	ck_assert_int_eq(open_from(&w, longest, &msg), MULTICAST_UNKNOWN_KEY);
	ck_assert_int_eq(open_from(&w, longest + 1, &msg), PLAIN_LEN);
	world_clear(&w);
}
END_TEST

START_TEST(multicast_table_free_accepts_null)
{
	multicast_table_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("multicast");
	TCase *tcase = tcase_create("multicast");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	/* those that are looped run without signatures and with them */
	tcase_add_loop_test(tcase, multicast_opens_what_was_sealed, 0, 2);
	tcase_add_loop_test(tcase, multicast_opens_an_empty_message, 0, 2);
	tcase_add_loop_test(tcase, multicast_message_is_that_of_the_protocol, 0, 2);
	tcase_add_loop_test(tcase, multicast_grant_is_that_of_the_protocol, 0, 2);
	tcase_add_loop_test(tcase, multicast_meets_the_vectors, 0, 2);
	tcase_add_loop_test(tcase, multicast_refuses_malformed_grants, 0, 2);
	tcase_add_loop_test(tcase, multicast_refuses_a_replay, 0, 2);
	tcase_add_loop_test(tcase, multicast_refuses_what_was_sent_before_the_grant, 0, 2);
	tcase_add_loop_test(tcase, multicast_grant_of_a_known_key_changes_nothing, 0, 2);
	tcase_add_loop_test(tcase, multicast_refuses_every_flipped_bit, 0, 2);
	tcase_add_loop_test(tcase, multicast_refuses_every_truncation, 0, 2);
	tcase_add_loop_test(tcase, multicast_refuses_a_sender_that_is_not_the_topics, 0, 2);
	tcase_add_test(tcase, multicast_refuses_the_sender_id_of_another);
	tcase_add_loop_test(tcase, multicast_refuses_another_network, 0, 2);
	tcase_add_test(tcase, multicast_receiver_cannot_pose_as_the_sender);
	tcase_add_test(tcase, multicast_refuses_a_signature_under_an_unsigned_key);
	tcase_add_loop_test(tcase, multicast_keeps_the_key_before_the_present, 0, 2);
	tcase_add_test(tcase, multicast_does_not_know_the_key_id_zero);
	tcase_add_test(tcase, multicast_forgets_the_keys_of_an_owner);
	tcase_add_test(tcase, multicast_table_is_bounded);
	tcase_add_test(tcase, multicast_part_has_room_for_the_longest);
	tcase_add_test(tcase, multicast_table_free_accepts_null);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
