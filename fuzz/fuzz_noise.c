/*
 * Fuzz target: noise_read() on any message, and any bytes as payload through a whole handshake. Bit
 * 0 of the first byte chooses the pattern, bit 1 the side that reads the rest. All keys are fixed,
 * so that the corpus can hold messages that are good.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "noise.h"

#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"

#define MESSAGE_MAX 65535

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INITIATOR, RESPONDER };

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
begin(struct noise n[2], enum noise_pattern pattern)
{
	static const uint8_t psk[NOISE_KEY_LEN] = "psk";
	static const uint8_t secret[2][NOISE_KEY_LEN] = {"initiator", "responder"};
	static const uint8_t ephemeral[2][NOISE_KEY_LEN] = {"first", "second"};
	uint8_t public[NOISE_KEY_LEN];

	aead_dh_public(public, secret[RESPONDER]);
	for (int side = 0; side < 2; side++) {
		noise_init(&n[side], &(struct noise_params){
					 .pattern = pattern,
					 .initiator = side == INITIATOR,
					 .prologue = "fuzz",
					 .prologue_len = 4,
					 .psk = psk,
					 .secret = secret[side],
					 .remote_public = public,
					 .ephemeral = ephemeral[side],
				     });
	}
}

static size_t
overhead(enum noise_pattern pattern, int side)
{
	return pattern == NOISE_IKPSK2 && side == INITIATOR ? NOISE_IK_FIRST_OVERHEAD
							    : NOISE_NN_OVERHEAD;
}

/* One message with this payload from one side to the other. */
static void
pass(struct noise n[2], int from, const uint8_t *payload, size_t len)
{
	static uint8_t message[MESSAGE_MAX], plain[MESSAGE_MAX];
	int want = (int)(overhead(n[from].pattern, from) + len);

	check(noise_write(&n[from], payload, len, message, sizeof(message)) == want);
	check(noise_read(&n[!from], message, (size_t)want, plain) == (int)len);
	check(len == 0 || memcmp(plain, payload, len) == 0);
}

static void
check_message(enum noise_pattern pattern, int reader, const uint8_t *message, size_t len)
{
	static uint8_t plain[MESSAGE_MAX], answer[MESSAGE_MAX];
	struct noise n[2];
	int result;

	begin(n, pattern);
	if (reader == INITIATOR)
		pass(n, INITIATOR, NULL, 0);
	result = noise_read(&n[reader], message, len, plain);
	if (result == -1) {
		check(!n[reader].done);
		check(noise_write(&n[reader], NULL, 0, answer, sizeof(answer)) == -1);
		return;
	}
	check(len == (size_t)result + overhead(pattern, !reader));
	check(n[reader].done == (reader == INITIATOR));
}

static void
check_payload(enum noise_pattern pattern, const uint8_t *payload, size_t len)
{
	uint8_t send[2][NOISE_KEY_LEN], receive[2][NOISE_KEY_LEN];
	struct noise n[2];

	begin(n, pattern);
	pass(n, INITIATOR, payload, len);
	pass(n, RESPONDER, payload, len);
	check(memcmp(n[0].h, n[1].h, NOISE_KEY_LEN) == 0);
	for (int side = 0; side < 2; side++)
		noise_split(&n[side], send[side], receive[side]);
	check(memcmp(send[0], receive[1], NOISE_KEY_LEN) == 0);
	check(memcmp(send[1], receive[0], NOISE_KEY_LEN) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum noise_pattern pattern;

	if (size == 0)
		return 0;
	if (aead_init() == -1)
		abort();
	pattern = data[0] & 1 ? NOISE_IKPSK2 : NOISE_NNPSK0;
	check_message(pattern, data[0] & 2 ? INITIATOR : RESPONDER, data + 1, size - 1);
	if (size - 1 <= MESSAGE_MAX - NOISE_IK_FIRST_OVERHEAD)
		check_payload(pattern, data + 1, size - 1);
	return 0;
}
