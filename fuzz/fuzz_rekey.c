/*
 * Fuzz target: rekey_open() and rekey_collect() on any body, signed by the server: the broker
 * cannot sign, but a member must outlive a server that has gone mad.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "rekey.h"

#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t public[AEAD_KEY_LEN], secret[AEAD_SIGN_SECRET_LEN];
	static struct rekey_collection c;
	static struct keytree_path path = {.leaf = 5, .height = 3};
	struct keytree_path followed = path;
	struct rekey r;
	uint8_t *message;

	if (size > REKEY_PART_MAX - AEAD_SIGNATURE_LEN)
		return 0;
	if (secret[0] == 0)
		aead_sign_keypair(public, secret);
	message = malloc(size + AEAD_SIGNATURE_LEN);
	if (message == NULL)
		return 0;
	if (size > 0)
		memcpy(message, data, size);
	aead_sign(message + size, message, size, secret);
	memset(&c, 0, sizeof(c));
	if (rekey_open(&r, "home", public, message, size + AEAD_SIGNATURE_LEN) == 0 &&
	    rekey_collect(&c, &r, &path))
		keytree_follow(&followed, c.epoch, c.wraps, c.count);
	free(message);
	return 0;
}
