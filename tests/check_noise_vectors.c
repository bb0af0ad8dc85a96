/*
 * The Noise handshakes, byte for byte against tests/vectors/noise.txt.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "noise.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"

#define VECTORS SRCDIR "/tests/vectors/noise.txt"
#define PATTERNS 2
#define MESSAGES 6
#define HANDSHAKE 2
#define ROOM 256

enum { INITIATOR, RESPONDER };

struct bytes {
	uint8_t data[ROOM];
	size_t len;
};

struct vector {
	struct bytes prologue[2], psk[2], secret[2], ephemeral[2];
	struct bytes remote; /* the responder's public key, as the initiator knows it */
	struct bytes payload[MESSAGES], ciphertext[MESSAGES];
	size_t payloads, ciphertexts;
};

static const char *const protocols[PATTERNS] = {
    [NOISE_NNPSK0] = "Noise_NNpsk0_25519_ChaChaPoly_SHA256",
    [NOISE_IKPSK2] = "Noise_IKpsk2_25519_ChaChaPoly_SHA256",
};

/* Where a value goes; the payloads and ciphertexts in their order. */
static struct bytes *
place(struct vector *v, const char *name)
{
	int side = strncmp(name, "init_", 5) == 0 ? INITIATOR : RESPONDER;

	if (strcmp(name, "payload") == 0 && v->payloads < MESSAGES)
		return &v->payload[v->payloads++];
	if (strcmp(name, "ciphertext") == 0 && v->ciphertexts < MESSAGES)
		return &v->ciphertext[v->ciphertexts++];
	if (strcmp(name, "init_remote_static") == 0)
		return &v->remote;
	if (strcmp(name + 5, "prologue") == 0)
		return &v->prologue[side];
	if (strcmp(name + 5, "psk") == 0)
		return &v->psk[side];
	if (strcmp(name + 5, "static") == 0)
		return &v->secret[side];
	ck_assert_msg(strcmp(name + 5, "ephemeral") == 0, "%s: '%s'", VECTORS, name);
	return &v->ephemeral[side];
}

static void
load(struct vector *v, const char *protocol)
{
	char line[1024], name[32], value[512];
	bool wanted = false;
	struct bytes *b;
	FILE *f = fopen(VECTORS, "r");

	ck_assert_msg(f != NULL, "%s", VECTORS);
	memset(v, 0, sizeof(*v));
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] == '#' || sscanf(line, "%31s = %511s", name, value) != 2)
			continue;
		if (strcmp(name, "protocol") == 0) {
			wanted = strcmp(value, protocol) == 0;
		} else if (wanted) {
			b = place(v, name);
			b->len = strlen(value) / 2;
			ck_assert_uint_le(b->len, ROOM);
			from_hex(b->data, b->len, value);
		}
	}
	fclose(f);
	ck_assert_uint_eq(v->payloads, MESSAGES);
	ck_assert_uint_eq(v->ciphertexts, MESSAGES);
}

static void
begin(struct noise n[2], enum noise_pattern pattern, const struct vector *v)
{
	struct noise_params p = {.pattern = pattern};

	for (int side = 0; side < 2; side++) {
		p.initiator = side == INITIATOR;
		p.prologue = v->prologue[side].data;
		p.prologue_len = v->prologue[side].len;
		p.psk = v->psk[side].data;
		p.secret = v->secret[side].data;
		p.remote_public = p.initiator ? v->remote.data : NULL;
		p.ephemeral = v->ephemeral[side].data;
		noise_init(&n[side], &p);
	}
}

static void
check_handshake(struct noise *from, struct noise *to, const struct vector *v, int i)
{
	const struct bytes *payload = &v->payload[i], *expected = &v->ciphertext[i];
	uint8_t out[ROOM];

	ck_assert(!from->done);
	ck_assert(!to->done);
	ck_assert_int_eq(
	    noise_write(from, payload->data, payload->len, out, expected->len), (int)expected->len);
	ck_assert_mem_eq(out, expected->data, expected->len);
	ck_assert_int_eq(noise_read(to, expected->data, expected->len, out), (int)payload->len);
	ck_assert_mem_eq(out, payload->data, payload->len);
}

static void
check_transport(const struct vector *v, uint8_t send[2][NOISE_KEY_LEN])
{
	uint64_t counter[2] = {0};
	uint8_t out[ROOM];

	for (size_t i = HANDSHAKE; i < MESSAGES; i++) {
		const struct bytes *payload = &v->payload[i], *expected = &v->ciphertext[i];
		size_t side = i % 2;

		ck_assert_uint_eq(expected->len, payload->len + AEAD_TAG_LEN);
		aead_seal(out, payload->data, payload->len, NULL, 0, counter[side]++, send[side]);
		ck_assert_mem_eq(out, expected->data, expected->len);
	}
}

START_TEST(noise_writes_and_reads_the_public_vectors)
{
	struct vector v;
	struct noise n[2];
	uint8_t send[2][NOISE_KEY_LEN], receive[2][NOISE_KEY_LEN];

	load(&v, protocols[_i]);
	begin(n, (enum noise_pattern)_i, &v);
	check_handshake(&n[INITIATOR], &n[RESPONDER], &v, 0);
	check_handshake(&n[RESPONDER], &n[INITIATOR], &v, 1);
	for (int side = 0; side < 2; side++) {
		ck_assert(n[side].done);
		noise_split(&n[side], send[side], receive[side]);
	}
	ck_assert_mem_eq(send[0], receive[1], NOISE_KEY_LEN);
	ck_assert_mem_eq(send[1], receive[0], NOISE_KEY_LEN);
	check_transport(&v, send);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("noise_vectors");
	TCase *tc = tcase_create("noise_vectors");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	tcase_add_loop_test(tc, noise_writes_and_reads_the_public_vectors, 0, PATTERNS);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
