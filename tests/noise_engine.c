/*
 * One end of a Noise handshake on standard input and output, for tests/noise_peer.py:
 *
 *	noise_engine nn|ik initiator|responder PROLOGUE PSK PAYLOAD [SECRET [REMOTE_PUBLIC]]
 *
 * Everything is in hexadecimal, one message a line. When the handshake is over it tells "HASH
 * PAYLOAD_READ REMOTE_STATIC", then sends back what it opens. Exits with 1 as soon as a message is
 * refused.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "noise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 65535

struct bytes {
	uint8_t data[ROOM];
	size_t len;
};

static struct bytes payload, plain, sealed;

static void
unhex(const char *text, struct bytes *b)
{
	char digits[3] = {0};

	for (b->len = 0; b->len < ROOM && text[0] > ' ' && text[1] > ' '; text += 2) {
		memcpy(digits, text, 2);
		b->data[b->len++] = (uint8_t)strtoul(digits, NULL, 16);
	}
}

static void
unhex_key(const char *text, uint8_t key[NOISE_KEY_LEN])
{
	unhex(text, &plain);
	if (plain.len != NOISE_KEY_LEN)
		exit(2);
	memcpy(key, plain.data, NOISE_KEY_LEN);
}

static void
tell(const uint8_t *data, size_t len, char end)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", data[i]);
	putchar(end);
	fflush(stdout);
}

static bool
hear(struct bytes *b)
{
	static char line[2 * ROOM + 2];

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	unhex(line, b);
	return true;
}

static void
begin(struct noise *n, int argc, char **argv)
{
	static struct bytes prologue;
	static uint8_t psk[NOISE_KEY_LEN], secret[NOISE_KEY_LEN], remote[NOISE_KEY_LEN];
	struct noise_params p = {.psk = psk, .secret = secret, .remote_public = remote};

	p.pattern = strcmp(argv[1], "ik") == 0 ? NOISE_IKPSK2 : NOISE_NNPSK0;
	p.initiator = strcmp(argv[2], "initiator") == 0;
	unhex(argv[3], &prologue);
	p.prologue = prologue.data;
	p.prologue_len = prologue.len;
	unhex_key(argv[4], psk);
	unhex(argv[5], &payload);
	if (argc > 6)
		unhex_key(argv[6], secret);
	if (argc > 7)
		unhex_key(argv[7], remote);
	noise_init(n, &p);
}

static bool
shake_hands(struct noise *n, bool writes)
{
	for (; !n->done; writes = !writes) {
		int len;

		if (writes) {
			len = noise_write(n, payload.data, payload.len, sealed.data, ROOM);
			if (len == -1)
				return false;
			tell(sealed.data, (size_t)len, '\n');
			continue;
		}
		if (!hear(&sealed))
			return false;
		len = noise_read(n, sealed.data, sealed.len, plain.data);
		if (len == -1)
			return false;
		plain.len = (size_t)len;
	}
	return true;
}

static bool
echo(const uint8_t send[NOISE_KEY_LEN], const uint8_t receive[NOISE_KEY_LEN])
{
	for (uint64_t counter = 0; hear(&sealed); counter++) {
		size_t len = sealed.len;

		if (aead_open(plain.data, sealed.data, len, NULL, 0, counter, receive) == -1)
			return false;
		aead_seal(sealed.data, plain.data, len - AEAD_TAG_LEN, NULL, 0, counter, send);
		tell(sealed.data, len, '\n');
	}
	return true;
}

int
main(int argc, char **argv)
{
	uint8_t send[NOISE_KEY_LEN], receive[NOISE_KEY_LEN];
	struct noise n;

	if (argc < 6 || aead_init() == -1)
		return 2;
	begin(&n, argc, argv);
	if (!shake_hands(&n, strcmp(argv[2], "initiator") == 0))
		return 1;
	tell(n.h, NOISE_KEY_LEN, ' ');
	tell(plain.data, plain.len, ' ');
	tell(noise_remote_static(&n), NOISE_KEY_LEN, '\n');
	noise_split(&n, send, receive);
	return echo(send, receive) ? 0 : 1;
}
