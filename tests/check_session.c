/*
 * Tests of session: messages sealed as specified, every one refused that should be, and a table
 * that finds what is in it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "session.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "aead_cipher.h"
#include "native_vectors.h"
#include "util.h"

#define MANY 10000
#define FEW 40
#define LEN_MAX 1500
#define BUF_LEN (LEN_MAX + SESSION_OVERHEAD)

static struct session_table *table;
static struct aead_cipher *cipher;
/* The two ends of one association; what left seals, right opens. */
static struct session *left, *right;

static void
set_up(void)
{
	table = session_table_new(cipher);
	ck_assert_ptr_nonnull(table);
	left = session_new(table, NULL);
	right = session_new(table, NULL);
	ck_assert_ptr_nonnull(left);
	ck_assert_ptr_nonnull(right);
	left->remote_index = right->local_index;
	right->remote_index = left->local_index;
	memset(left->tx_key, 1, AEAD_KEY_LEN);
	memset(left->rx_key, 2, AEAD_KEY_LEN);
	memset(left->tx_tag, 3, NETWORK_TAG_LEN);
	memset(left->rx_tag, 4, NETWORK_TAG_LEN);
	memcpy(right->rx_key, left->tx_key, AEAD_KEY_LEN);
	memcpy(right->tx_key, left->rx_key, AEAD_KEY_LEN);
	memcpy(right->rx_tag, left->tx_tag, NETWORK_TAG_LEN);
	memcpy(right->tx_tag, left->rx_tag, NETWORK_TAG_LEN);
	left->has_keys = right->has_keys = true;
}

static void
set_up_openssl(void)
{
	cipher = aead_cipher_new(AEAD_OPENSSL);
	ck_assert_ptr_nonnull(cipher);
	set_up();
}

static void
tear_down(void)
{
	session_free(table, left);
	session_free(table, right);
	ck_assert_uint_eq(session_table_count(table), 0);
	session_table_free(table);
	aead_cipher_free(cipher);
	cipher = NULL;
}

/* Seals len bytes of 0x45 as data. Returns the length of the message. */
static size_t
seal(struct session *s, uint8_t *buf, size_t len)
{
	memset(buf + FRAME_HEADER_LEN, 0x45, len);
	return session_seal(s, FRAME_DATA, buf, len);
}

/* The header is read as it stands; what is not even one counts as too short. */
static int
open_with(struct session *s, const uint8_t *message, size_t len, uint8_t *plain)
{
	struct frame_header h;

	if (frame_parse(message, len, &h) == FRAME_TOO_SHORT)
		return SESSION_TOO_SHORT;
	return session_open(s, &h, message, len, plain);
}

static int
open_only(struct session *s, const uint8_t *message, size_t len)
{
	uint8_t plain[BUF_LEN];

	return open_with(s, message, len, plain);
}

START_TEST(session_seals_as_specified)
{
	static const uint8_t header[] = {
	    0x91, 0x30, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4, 1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t buf[BUF_LEN], ad[FRAME_HEADER_LEN + NETWORK_TAG_LEN], sealed[5 + AEAD_TAG_LEN];

	left->remote_index = 0xa1b2c3d4;
	left->tx_counter = 0x0102030405060708;
	memcpy(buf + FRAME_HEADER_LEN, "hello", 5);
	ck_assert_uint_eq(session_seal(left, FRAME_CONTROL, buf, 5), SESSION_OVERHEAD + 5);
	ck_assert_mem_eq(buf, header, sizeof(header));

	memcpy(ad, header, FRAME_HEADER_LEN);
	memset(ad + FRAME_HEADER_LEN, 3, NETWORK_TAG_LEN);
	aead_seal(
	    sealed, (const uint8_t *)"hello", 5, ad, sizeof(ad), 0x0102030405060708, left->tx_key);
	ck_assert_mem_eq(buf + FRAME_HEADER_LEN, sealed, sizeof(sealed));
}
END_TEST

START_TEST(session_opens_every_length)
{
	uint8_t buf[BUF_LEN], plain[BUF_LEN], expected[LEN_MAX];

	memset(expected, 0x45, sizeof(expected));
	for (size_t len = 0; len <= LEN_MAX; len++) {
		ck_assert_uint_eq(seal(left, buf, len), len + SESSION_OVERHEAD);
		ck_assert_int_eq(open_with(right, buf, len + SESSION_OVERHEAD, plain), (int)len);
		ck_assert_mem_eq(plain, expected, len);
	}
}
END_TEST

START_TEST(session_works_in_both_directions)
{
	uint8_t buf[BUF_LEN];

	ck_assert_int_eq(open_only(right, buf, seal(left, buf, 10)), 10);
	ck_assert_int_eq(open_only(left, buf, seal(right, buf, 20)), 20);
}
END_TEST

START_TEST(session_never_repeats_a_counter)
{
	uint8_t first[BUF_LEN], second[BUF_LEN], third[BUF_LEN];
	struct frame_header h;

	seal(left, first, 100);
	seal(left, second, 100);
	memcpy(third + FRAME_HEADER_LEN, "\2", 1);
	session_seal(left, FRAME_CONTROL, third, 1);
	ck_assert_uint_eq(left->tx_counter, 3);
	ck_assert_mem_ne(first + FRAME_HEADER_LEN, second + FRAME_HEADER_LEN, 100);
	ck_assert_int_eq(frame_parse(third, FRAME_HEADER_LEN, &h), 0);
	ck_assert_uint_eq(h.counter, 2);
}
END_TEST

START_TEST(session_refuses_every_flipped_bit)
{
	uint8_t buf[BUF_LEN];
	size_t bit, len = seal(left, buf, 28);

	for (bit = 0; bit < len * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(open_only(right, buf, len), SESSION_FORGED);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_int_eq(open_only(right, buf, len), 28);
}
END_TEST

START_TEST(session_refuses_every_truncation)
{
	uint8_t buf[BUF_LEN], *copy;
	size_t len, full = seal(left, buf, 28);

	for (len = 0; len < full; len++) {
		copy = malloc(len > 0 ? len : 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, buf, len);
		ck_assert_int_eq(open_only(right, copy, len),
		    len < SESSION_OVERHEAD ? SESSION_TOO_SHORT : SESSION_FORGED);
		free(copy);
	}
}
END_TEST

START_TEST(session_refuses_duplicates)
{
	uint8_t first[BUF_LEN], second[BUF_LEN];
	size_t len = seal(left, first, 28);

	seal(left, second, 28);
	ck_assert_int_eq(open_only(right, first, len), 28);
	ck_assert_int_eq(open_only(right, first, len), SESSION_REPLAYED);
	ck_assert_int_eq(open_only(right, second, len), 28);
	ck_assert_int_eq(open_only(right, first, len), SESSION_REPLAYED);
	ck_assert_int_eq(open_only(right, second, len), SESSION_REPLAYED);
}
END_TEST

START_TEST(session_takes_any_order_within_the_window)
{
	static uint8_t messages[64][SESSION_OVERHEAD + 1];

	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		seal(left, messages[i], 1);
	for (size_t i = ARRAY_LEN(messages); i-- > 0;)
		ck_assert_int_eq(open_only(right, messages[i], sizeof(messages[i])), 1);
}
END_TEST

START_TEST(session_refuses_what_fell_out_of_the_window)
{
	uint8_t first[BUF_LEN], second[BUF_LEN], last[BUF_LEN];
	size_t len = seal(left, first, 28);

	seal(left, second, 28);
	left->tx_counter = REPLAY_WINDOW;
	seal(left, last, 28);
	ck_assert_int_eq(open_only(right, last, len), 28);
	ck_assert_int_eq(open_only(right, first, len), SESSION_REPLAYED);
	ck_assert_int_eq(open_only(right, second, len), 28);
}
END_TEST

START_TEST(session_does_not_believe_a_forged_high_counter)
{
	uint8_t buf[BUF_LEN], forged[BUF_LEN];
	size_t len = seal(left, buf, 28);

	memcpy(forged, buf, len);
	memset(forged + 8, 0x7f, 8);
	ck_assert_int_eq(open_only(right, forged, len), SESSION_FORGED);
	ck_assert_uint_eq(right->replay.next, 0);
	ck_assert_int_eq(open_only(right, buf, len), 28);
	ck_assert_uint_eq(right->replay.next, 1);
}
END_TEST

START_TEST(session_refuses_a_message_from_another_topic)
{
	uint8_t buf[BUF_LEN];
	size_t len = seal(left, buf, 28);

	right->rx_tag[NETWORK_TAG_LEN - 1] ^= 1;
	ck_assert_int_eq(open_only(right, buf, len), SESSION_FORGED);
	right->rx_tag[NETWORK_TAG_LEN - 1] ^= 1;
	ck_assert_int_eq(open_only(right, buf, len), 28);
}
END_TEST

START_TEST(session_refuses_its_own_messages)
{
	uint8_t buf[BUF_LEN];

	ck_assert_int_eq(open_only(left, buf, seal(left, buf, 28)), SESSION_FORGED);
}
END_TEST

/* Before the answer the keys are zeros, and those anybody has. */
START_TEST(session_without_keys_opens_nothing)
{
	uint8_t buf[BUF_LEN];
	size_t len;

	memset(left->tx_key, 0, AEAD_KEY_LEN);
	memset(right->rx_key, 0, AEAD_KEY_LEN);
	len = seal(left, buf, 28);
	right->has_keys = false;
	ck_assert_int_eq(open_only(right, buf, len), SESSION_FORGED);
	right->has_keys = true;
	ck_assert_int_eq(open_only(right, buf, len), 28);
}
END_TEST

START_TEST(session_begins_empty)
{
	static const uint8_t zeros[AEAD_KEY_LEN];
	int owner;
	struct session *s = session_new(table, &owner);

	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_eq(s->owner, &owner);
	ck_assert_ptr_eq(s->cipher, cipher);
	ck_assert(!s->has_keys);
	ck_assert(!s->initiator);
	ck_assert_uint_eq(s->remote_index, 0);
	ck_assert_uint_eq(s->tx_counter, 0);
	ck_assert_uint_eq(s->replay.next, 0);
	ck_assert_mem_eq(s->tx_key, zeros, AEAD_KEY_LEN);
	ck_assert_mem_eq(s->rx_key, zeros, AEAD_KEY_LEN);
	session_free(table, s);
}
END_TEST

START_TEST(session_is_found_by_its_index_alone)
{
	uint32_t index = left->local_index;

	ck_assert_ptr_eq(session_find(table, index), left);
	ck_assert_ptr_eq(session_find(table, right->local_index), right);
	ck_assert_ptr_null(session_find(table, 0));
	/* their slots are the same, whatever the size of so small a table */
	if ((index ^ 0x80000000) != right->local_index)
		ck_assert_ptr_null(session_find(table, index ^ 0x80000000));
	session_free(table, left);
	left = NULL;
	ck_assert_ptr_null(session_find(table, index));
	ck_assert_uint_eq(session_table_count(table), 1);
}
END_TEST

static int
compare_indices(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

START_TEST(session_indices_are_unique_and_not_zero)
{
	static struct session *sessions[MANY];
	static uint32_t indices[MANY];
	size_t i;

	for (i = 0; i < MANY; i++) {
		sessions[i] = session_new(table, NULL);
		ck_assert_ptr_nonnull(sessions[i]);
		indices[i] = sessions[i]->local_index;
	}
	ck_assert_uint_eq(session_table_count(table), MANY + 2);
	qsort(indices, MANY, sizeof(indices[0]), compare_indices);
	ck_assert_uint_ne(indices[0], 0);
	for (i = 1; i < MANY; i++)
		ck_assert_uint_lt(indices[i - 1], indices[i]);
	for (i = 0; i < MANY; i++)
		session_free(table, sessions[i]);
}
END_TEST

START_TEST(session_indices_are_not_to_be_guessed)
{
	struct session *a = session_new(table, NULL), *b = session_new(table, NULL);
	uint32_t first = a->local_index;

	ck_assert_uint_ne(b->local_index, first + 1);
	session_free(table, a);
	a = session_new(table, NULL);
	ck_assert_ptr_nonnull(a);
	ck_assert_uint_ne(a->local_index, first);
	session_free(table, a);
	session_free(table, b);
}
END_TEST

/* Exactly those of sessions that are not NULL are found by the indices they had. */
static void
expect_found(const struct session_table *t, struct session *const *sessions,
    const uint32_t *indices, size_t count)
{
	size_t wrong = 0;

	/* an assertion for each is slow: Check writes it down */
	for (size_t i = 0; i < count; i++)
		wrong += session_find(t, indices[i]) != sessions[i];
	ck_assert_uint_eq(wrong, 0);
}

static void
fill_and_empty(size_t count)
{
	struct session *sessions[FEW] = {NULL};
	struct session_table *t = session_table_new(NULL);
	uint32_t indices[FEW] = {0};
	size_t i;

	ck_assert_ptr_nonnull(t);
	for (i = 0; i < count; i++) {
		sessions[i] = session_new(t, NULL);
		ck_assert_ptr_nonnull(sessions[i]);
		indices[i] = sessions[i]->local_index;
	}
	expect_found(t, sessions, indices, count);
	for (i = 0; i < count; i++) {
		session_free(t, sessions[i]);
		sessions[i] = NULL;
		expect_found(t, sessions, indices, count);
	}
	ck_assert_uint_eq(session_table_count(t), 0);
	session_table_free(t);
}

/* So few that neighbours collide and runs go round the end of a small table, so often that each
 * case of closing a gap comes. */
START_TEST(session_table_keeps_the_others_when_some_go)
{
	for (int round = 0; round < 30; round++) {
		for (size_t count = 1; count <= FEW; count++)
			fill_and_empty(count);
	}
}
END_TEST

START_TEST(session_frees_nothing_given_null)
{
	session_free(table, NULL);
	session_table_free(NULL);
	ck_assert_uint_eq(session_table_count(table), 2);
}
END_TEST

/* Messages that an independent program made, in the sessions of its handshakes in the networks psk
 * and control. */
static const struct vector {
	const char *message, *counter, *plain; /* plain NULL: nothing */
	enum frame_type type;
	bool control, back; /* back: from the responder to the initiator */
} vectors[] = {
    {"data_message", "data_counter", "data_plain", FRAME_DATA, false, false},
    {"padded_message", "padded_counter", "padded_plain", FRAME_DATA, false, false},
    {"keepalive_message", "keepalive_counter", NULL, FRAME_DATA, false, false},
    {"grant_message", "grant_counter", "grant_plain", FRAME_CONTROL, false, false},
    {"signed_grant_message", "signed_grant_counter", "signed_grant_plain", FRAME_CONTROL, false,
	false},
    {"close_message", "close_counter", "close_plain", FRAME_CONTROL, false, false},
    {"control_join_message", "control_join_counter", "keymsg_join", FRAME_CONTROL, true, false},
    {"control_joined_message", "control_joined_counter", "keymsg_joined", FRAME_CONTROL, true,
	true},
    {"control_keepalive_message", "control_keepalive_counter", NULL, FRAME_DATA, true, false},
};

/* "<network>_<end><what>": a name of a vector about the receiver, or the sender. */
static const char *
end_name(const struct vector *v, bool receiver, const char *what)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s_%s%s", v->control ? "control" : "psk",
	    v->back == receiver ? "initiator" : "responder", what);
	return name;
}

/* left is the sender, right the receiver, as far as the messages from left to right go. */
static void
be_ends_of(const struct vector *v)
{
	struct network_params p = {.mode = v->control ? NETWORK_PUBKEY : NETWORK_PSK,
	    .name = "testnet",
	    .prefix = "vpn",
	    .control = v->control};
	uint8_t secret[AEAD_KEY_LEN];
	char text[NATIVE_VECTOR_TEXT];
	struct network_id to;
	struct network n;
	struct addr a;

	native_bytes("psk_secret", secret, sizeof(secret));
	p.secret = secret;
	network_init(&n, &p);
	ck_assert_int_eq(addr_parse(native_text(end_name(v, true, ""), text), &a), 0);
	network_id(&n, &a, &to);
	memcpy(left->tx_tag, to.tag, NETWORK_TAG_LEN);
	memcpy(right->rx_tag, to.tag, NETWORK_TAG_LEN);
	native_bytes(end_name(v, false, "_key"), left->tx_key, AEAD_KEY_LEN);
	native_bytes(end_name(v, false, "_key"), right->rx_key, AEAD_KEY_LEN);
	left->remote_index =
	    (uint32_t)native_number(v->back ? "initiator_index" : "responder_index");
}

START_TEST(session_makes_the_messages_of_the_vectors)
{
	const struct vector *v = &vectors[_i];
	uint8_t buf[BUF_LEN];
	size_t len;

	be_ends_of(v);
	left->tx_counter = native_number(v->counter);
	len = v->plain != NULL ? native_bytes(v->plain, buf + FRAME_HEADER_LEN, LEN_MAX) : 0;
	len = session_seal(left, v->type, buf, len);
	native_expect(v->message, buf, len);
}
END_TEST

START_TEST(session_opens_the_messages_of_the_vectors)
{
	const struct vector *v = &vectors[_i];
	uint8_t message[BUF_LEN], plain[BUF_LEN];
	struct frame_header h;
	size_t len;
	int rc;

	be_ends_of(v);
	len = native_bytes(v->message, message, sizeof(message));
	ck_assert_int_eq(frame_parse(message, len, &h), 0);
	ck_assert_int_eq(h.type, v->type);
	ck_assert_uint_eq(h.counter, native_number(v->counter));
	rc = session_open(right, &h, message, len, plain);
	if (v->plain != NULL)
		native_expect(v->plain, plain, (size_t)rc);
	else
		ck_assert_int_eq(rc, 0);
}
END_TEST

/* The packets of a message with two of them, without padding and with it. */
START_TEST(session_carries_the_packets_of_the_vectors)
{
	static const char *const plains[] = {"data_plain", "padded_plain"};
	uint8_t plain[BUF_LEN];
	struct frame_record r;
	size_t len, pos = 0;

	len = native_bytes(plains[_i], plain, sizeof(plain));
	ck_assert_int_eq(frame_next(plain, len, &pos, &r), 1);
	native_expect("data_packet_1", r.packet, r.len);
	ck_assert_int_eq(frame_next(plain, len, &pos, &r), 1);
	native_expect("data_packet_2", r.packet, r.len);
	ck_assert_int_eq(frame_next(plain, len, &pos, &r), 0);
}
END_TEST

/* Sessions of the same table, one through each library. */
START_TEST(session_understands_the_other_library)
{
	uint8_t buf[BUF_LEN];

	for (size_t len = 0; len <= LEN_MAX; len += 100) {
		left->cipher = NULL;
		ck_assert_int_eq(open_only(right, buf, seal(left, buf, len)), (int)len);
		left->cipher = cipher;
		right->cipher = NULL;
		ck_assert_int_eq(open_only(right, buf, seal(left, buf, len)), (int)len);
		right->cipher = cipher;
	}
}
END_TEST

static void
add_messages(TCase *tcase)
{
	int count = ARRAY_LEN(vectors);

	tcase_add_loop_test(tcase, session_makes_the_messages_of_the_vectors, 0, count);
	tcase_add_loop_test(tcase, session_opens_the_messages_of_the_vectors, 0, count);
	tcase_add_loop_test(tcase, session_carries_the_packets_of_the_vectors, 0, 2);
	tcase_add_test(tcase, session_seals_as_specified);
	tcase_add_test(tcase, session_opens_every_length);
	tcase_add_test(tcase, session_works_in_both_directions);
	tcase_add_test(tcase, session_never_repeats_a_counter);
	tcase_add_test(tcase, session_refuses_every_flipped_bit);
	tcase_add_test(tcase, session_refuses_every_truncation);
	tcase_add_test(tcase, session_refuses_duplicates);
	tcase_add_test(tcase, session_takes_any_order_within_the_window);
	tcase_add_test(tcase, session_refuses_what_fell_out_of_the_window);
	tcase_add_test(tcase, session_does_not_believe_a_forged_high_counter);
	tcase_add_test(tcase, session_refuses_a_message_from_another_topic);
	tcase_add_test(tcase, session_refuses_its_own_messages);
	tcase_add_test(tcase, session_without_keys_opens_nothing);
}

static void
add_table(TCase *tcase)
{
	tcase_add_test(tcase, session_begins_empty);
	tcase_add_test(tcase, session_is_found_by_its_index_alone);
	tcase_add_test(tcase, session_indices_are_unique_and_not_zero);
	tcase_add_test(tcase, session_indices_are_not_to_be_guessed);
	tcase_add_test(tcase, session_table_keeps_the_others_when_some_go);
	tcase_add_test(tcase, session_frees_nothing_given_null);
}

int
main(void)
{
	Suite *suite = suite_create("session");
	TCase *tcase = tcase_create("session"), *openssl = tcase_create("openssl");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	add_messages(tcase);
	add_table(tcase);
	tcase_add_checked_fixture(openssl, set_up_openssl, tear_down);
	add_messages(openssl);
	tcase_add_test(openssl, session_begins_empty);
	tcase_add_test(openssl, session_understands_the_other_library);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, openssl);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
