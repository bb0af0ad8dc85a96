/*
 * The Noise handshakes with each other, and every refusal. tests/check_noise_vectors.c and
 * tests/check_noise_peer.sh hold them against other implementations.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "noise.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"

#define PATTERNS 2
#define HANDSHAKE 2
#define MESSAGE_MAX 65535
#define ROOM 256

enum { INITIATOR, RESPONDER };

/* The keys of one run; tests spoil some of them. */
struct keys {
	uint8_t psk[2][NOISE_KEY_LEN], secret[2][NOISE_KEY_LEN];
	uint8_t responder[NOISE_KEY_LEN]; /* public, as the initiator knows it */
	char prologue[2][16];
};

static const size_t overhead[PATTERNS][HANDSHAKE] = {
    [NOISE_NNPSK0] = {48, 48},
    [NOISE_IKPSK2] = {96, 48},
};

static struct keys
random_keys(void)
{
	struct keys k = {.prologue = {"prologue", "prologue"}};

	aead_random(k.psk[0], NOISE_KEY_LEN);
	memcpy(k.psk[1], k.psk[0], NOISE_KEY_LEN);
	aead_random(k.secret, sizeof(k.secret));
	aead_dh_public(k.responder, k.secret[RESPONDER]);
	return k;
}

static void
begin(struct noise n[2], enum noise_pattern pattern, const struct keys *k)
{
	bool ik = pattern == NOISE_IKPSK2;

	for (int side = 0; side < 2; side++) {
		noise_init(
		    &n[side], &(struct noise_params){
				  .pattern = pattern,
				  .initiator = side == INITIATOR,
				  .prologue = k->prologue[side],
				  .prologue_len = strlen(k->prologue[side]),
				  .psk = k->psk[side],
				  .secret = ik ? k->secret[side] : NULL,
				  .remote_public = ik && side == INITIATOR ? k->responder : NULL,
			      });
	}
}

/* The message that from writes; its payload is its own number. */
static size_t
write_message(struct noise *from, unsigned int number, uint8_t out[ROOM])
{
	uint8_t payload[4] = {0, 0, 0, (uint8_t)number};
	int len = noise_write(from, payload, sizeof(payload), out, ROOM);

	ck_assert_uint_eq(len, overhead[from->pattern][number] + sizeof(payload));
	return (size_t)len;
}

/* Runs the first messages of a handshake, so many of them. */
static void
run(struct noise n[2], unsigned int count)
{
	uint8_t message[ROOM], plain[ROOM];

	for (unsigned int i = 0; i < count; i++) {
		size_t len = write_message(&n[i], i, message);

		ck_assert_int_eq(noise_read(&n[!i], message, len, plain), 4);
		ck_assert_uint_eq(plain[3], i);
	}
}

START_TEST(noise_agrees_on_keys_and_hash)
{
	struct keys k = random_keys();
	struct noise n[2];
	uint8_t send[2][NOISE_KEY_LEN], receive[2][NOISE_KEY_LEN], hash[NOISE_KEY_LEN];

	begin(n, (enum noise_pattern)_i, &k);
	run(n, HANDSHAKE);
	memcpy(hash, n[INITIATOR].h, sizeof(hash));
	for (int side = 0; side < 2; side++)
		noise_split(&n[side], send[side], receive[side]);
	ck_assert_mem_eq(send[0], receive[1], NOISE_KEY_LEN);
	ck_assert_mem_eq(send[1], receive[0], NOISE_KEY_LEN);
	ck_assert_mem_ne(send[0], send[1], NOISE_KEY_LEN);
	for (int side = 0; side < 2; side++)
		ck_assert_mem_eq(n[side].h, hash, sizeof(hash));
}
END_TEST

START_TEST(noise_draws_a_new_ephemeral_key_each_time)
{
	struct keys k = random_keys();
	struct noise n[2];
	uint8_t message[2][ROOM];

	for (int i = 0; i < 2; i++) {
		begin(n, (enum noise_pattern)_i, &k);
		write_message(&n[INITIATOR], 0, message[i]);
	}
	ck_assert_mem_ne(message[0], message[1], NOISE_KEY_LEN);
}
END_TEST

START_TEST(noise_tells_the_responder_who_asks)
{
	struct keys k = random_keys();
	struct noise n[2];
	uint8_t public[NOISE_KEY_LEN];

	begin(n, NOISE_IKPSK2, &k);
	run(n, 1);
	aead_dh_public(public, k.secret[INITIATOR]);
	ck_assert_mem_eq(noise_remote_static(&n[RESPONDER]), public, sizeof(public));
	ck_assert_mem_eq(noise_remote_static(&n[INITIATOR]), k.responder, sizeof(k.responder));
}
END_TEST

/* Spoils one bit of a message after another. Each counts, bit 255 of a key that X25519 ignores too:
 * the hash has it. */
static void
flip_bits(enum noise_pattern pattern, unsigned int number)
{
	struct keys k = random_keys();
	struct noise n[2], fresh;
	uint8_t message[ROOM], plain[ROOM];
	size_t len;

	begin(n, pattern, &k);
	run(n, number);
	len = write_message(&n[number], number, message);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		fresh = n[!number];
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(noise_read(&fresh, message, len, plain), -1);
		ck_assert(!fresh.done);
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(noise_read(&fresh, message, len, plain), -1);
	}
	fresh = n[!number];
	ck_assert_int_eq(noise_read(&fresh, message, len, plain), 4);
}

START_TEST(noise_refuses_a_flipped_bit_anywhere)
{
	for (unsigned int number = 0; number < HANDSHAKE; number++)
		flip_bits((enum noise_pattern)_i, number);
}
END_TEST

/* Message number cut to each length, in memory of just that size. */
static void
truncate_message(enum noise_pattern pattern, unsigned int number)
{
	struct keys k = random_keys();
	struct noise n[2], fresh;
	uint8_t message[ROOM], plain[ROOM], *copy;
	size_t full;

	begin(n, pattern, &k);
	run(n, number);
	full = write_message(&n[number], number, message);
	for (size_t len = 0; len < full; len++) {
		copy = malloc(len > 0 ? len : 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, message, len);
		fresh = n[!number];
		ck_assert_int_eq(noise_read(&fresh, copy, len, plain), -1);
		free(copy);
	}
	fresh = n[!number];
	ck_assert_int_eq(noise_read(&fresh, message, full + 1, plain), -1);
}

START_TEST(noise_refuses_every_other_length)
{
	for (unsigned int number = 0; number < HANDSHAKE; number++)
		truncate_message((enum noise_pattern)_i, number);
}
END_TEST

/* With these keys all goes well until message number expected_at, which is refused. */
static void
expect_refusal(enum noise_pattern pattern, const struct keys *k, unsigned int expected_at)
{
	struct noise n[2];
	uint8_t message[ROOM], plain[ROOM];
	size_t len;

	begin(n, pattern, k);
	run(n, expected_at);
	len = write_message(&n[expected_at], expected_at, message);
	ck_assert_int_eq(noise_read(&n[!expected_at], message, len, plain), -1);
}

START_TEST(noise_refuses_another_psk)
{
	struct keys k = random_keys();

	k.psk[RESPONDER][31] ^= 1;
	expect_refusal(NOISE_NNPSK0, &k, 0);
	/* its psk comes last */
	expect_refusal(NOISE_IKPSK2, &k, 1);
}
END_TEST

START_TEST(noise_refuses_another_prologue)
{
	struct keys k = random_keys();

	k.prologue[RESPONDER][0] ^= 1;
	expect_refusal((enum noise_pattern)_i, &k, 0);
}
END_TEST

START_TEST(noise_refuses_a_message_for_another_responder)
{
	struct keys k = random_keys();

	k.secret[RESPONDER][8] ^= 1;
	expect_refusal(NOISE_IKPSK2, &k, 0);
}
END_TEST

START_TEST(noise_refuses_a_responder_without_the_secret)
{
	struct keys k = random_keys();
	struct noise n[2], thief;
	uint8_t message[ROOM], plain[ROOM];
	size_t len;

	begin(n, NOISE_IKPSK2, &k);
	run(n, 1);
	thief = n[RESPONDER];
	memset(thief.ck, 0, sizeof(thief.ck));
	len = write_message(&thief, 1, message);
	ck_assert_int_eq(noise_read(&n[INITIATOR], message, len, plain), -1);
}
END_TEST

START_TEST(noise_refuses_its_own_message)
{
	struct keys k = random_keys();
	struct noise n[2];
	uint8_t message[ROOM], plain[ROOM];
	size_t len;

	begin(n, (enum noise_pattern)_i, &k);
	len = write_message(&n[INITIATOR], 0, message);
	ck_assert_int_eq(noise_read(&n[INITIATOR], message, len, plain), -1);
}
END_TEST

START_TEST(noise_refuses_keys_of_low_order)
{
	struct keys k = random_keys();
	struct noise n[2];
	uint8_t message[ROOM] = {0}, plain[ROOM];

	/* the zero point as the first message's e: in IK the responder meets it, in NN its answer
	 */
	begin(n, NOISE_IKPSK2, &k);
	ck_assert_int_eq(noise_read(&n[RESPONDER], message, 100, plain), -1);
	begin(n, NOISE_NNPSK0, &k);
	run(n, 1);
	memset(n[RESPONDER].re, 0, NOISE_KEY_LEN);
	ck_assert_int_eq(noise_write(&n[RESPONDER], NULL, 0, message, ROOM), -1);
	memset(k.responder, 0, NOISE_KEY_LEN);
	begin(n, NOISE_IKPSK2, &k);
	ck_assert_int_eq(noise_write(&n[INITIATOR], NULL, 0, message, ROOM), -1);
}
END_TEST

START_TEST(noise_keeps_to_its_turn)
{
	struct keys k = random_keys();
	struct noise n[2];
	uint8_t message[ROOM], plain[ROOM];
	size_t len;

	begin(n, (enum noise_pattern)_i, &k);
	ck_assert_int_eq(noise_write(&n[RESPONDER], NULL, 0, message, ROOM), -1);
	len = write_message(&n[INITIATOR], 0, message);
	/* dead since it spoke out of turn */
	ck_assert_int_eq(noise_read(&n[RESPONDER], message, len, plain), -1);
	ck_assert_int_eq(noise_write(&n[INITIATOR], NULL, 0, message, ROOM), -1);
	begin(n, (enum noise_pattern)_i, &k);
	run(n, HANDSHAKE);
	for (int side = 0; side < 2; side++) {
		struct noise copy = n[side];

		ck_assert_int_eq(noise_write(&copy, NULL, 0, message, ROOM), -1);
		ck_assert_int_eq(noise_read(&n[side], message, 48, plain), -1);
	}
}
END_TEST

START_TEST(noise_writes_no_more_than_there_is_room_for)
{
	enum noise_pattern pattern = (enum noise_pattern)_i;
	struct keys k = random_keys();
	size_t need = overhead[pattern][0] + 4;
	struct noise n[2];
	uint8_t *out = malloc(need);

	ck_assert_ptr_nonnull(out);
	for (size_t size = 0; size < need; size++) {
		begin(n, pattern, &k);
		ck_assert_int_eq(noise_write(&n[INITIATOR], "abcd", 4, out, size), -1);
	}
	begin(n, pattern, &k);
	ck_assert_int_eq(noise_write(&n[INITIATOR], "abcd", 4, out, need), (int)need);
	begin(n, pattern, &k);
	ck_assert_int_eq(noise_write(&n[INITIATOR], "abcd", SIZE_MAX, out, need), -1);
	free(out);
}
END_TEST

START_TEST(noise_takes_messages_up_to_65535_bytes)
{
	static uint8_t payload[MESSAGE_MAX], message[MESSAGE_MAX + 1], plain[MESSAGE_MAX];
	enum noise_pattern pattern = (enum noise_pattern)_i;
	size_t most = MESSAGE_MAX - overhead[pattern][0];
	struct keys k = random_keys();
	struct noise n[2];

	begin(n, pattern, &k);
	ck_assert_int_eq(
	    noise_write(&n[INITIATOR], payload, most + 1, message, sizeof(message)), -1);
	begin(n, pattern, &k);
	ck_assert_int_eq(
	    noise_write(&n[INITIATOR], payload, most, message, sizeof(message)), MESSAGE_MAX);
	ck_assert_int_eq(noise_read(&n[RESPONDER], message, MESSAGE_MAX, plain), (int)most);
}
END_TEST

START_TEST(noise_leaves_nothing_but_the_hash)
{
	static const struct noise zero;
	struct keys k = random_keys();
	struct noise n[2];
	uint8_t send[NOISE_KEY_LEN], receive[NOISE_KEY_LEN], message[ROOM];

	begin(n, (enum noise_pattern)_i, &k);
	run(n, HANDSHAKE);
	noise_split(&n[INITIATOR], send, receive);
	ck_assert(!n[INITIATOR].done);
	ck_assert_int_eq(noise_write(&n[INITIATOR], NULL, 0, message, ROOM), -1);
	memset(n[INITIATOR].h, 0, NOISE_KEY_LEN);
	n[INITIATOR].failed = false;
	ck_assert_mem_eq(&n[INITIATOR], &zero, sizeof(zero));
	noise_clear(&n[RESPONDER]);
	ck_assert_mem_eq(&n[RESPONDER], &zero, sizeof(zero));
}
END_TEST

static TCase *
noise_tests(void)
{
	TCase *tc = tcase_create("noise");

	tcase_set_timeout(tc, 60); /* some thousand handshakes, under valgrind too */
	tcase_add_loop_test(tc, noise_agrees_on_keys_and_hash, 0, PATTERNS);
	tcase_add_loop_test(tc, noise_draws_a_new_ephemeral_key_each_time, 0, PATTERNS);
	tcase_add_test(tc, noise_tells_the_responder_who_asks);
	tcase_add_loop_test(tc, noise_refuses_a_flipped_bit_anywhere, 0, PATTERNS);
	tcase_add_loop_test(tc, noise_refuses_every_other_length, 0, PATTERNS);
	tcase_add_test(tc, noise_refuses_another_psk);
	tcase_add_loop_test(tc, noise_refuses_another_prologue, 0, PATTERNS);
	tcase_add_test(tc, noise_refuses_a_message_for_another_responder);
	tcase_add_test(tc, noise_refuses_a_responder_without_the_secret);
	tcase_add_loop_test(tc, noise_refuses_its_own_message, 0, PATTERNS);
	tcase_add_test(tc, noise_refuses_keys_of_low_order);
	tcase_add_loop_test(tc, noise_keeps_to_its_turn, 0, PATTERNS);
	tcase_add_loop_test(tc, noise_writes_no_more_than_there_is_room_for, 0, PATTERNS);
	tcase_add_loop_test(tc, noise_takes_messages_up_to_65535_bytes, 0, PATTERNS);
	tcase_add_loop_test(tc, noise_leaves_nothing_but_the_hash, 0, PATTERNS);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("noise");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, noise_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
