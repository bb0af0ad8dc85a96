/*
 * What the native wire needs of the settings.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node_internal.h"

#include <errno.h>
#include <string.h>

#include "aead.h"
#include "settings.h"
#include "util.h"

static int
derive_secret(const struct settings *s, uint8_t secret[AEAD_KEY_LEN], char **error)
{
	if (s->has_secret) {
		memcpy(secret, s->secret, AEAD_KEY_LEN);
		return 0;
	}
	if (network_secret(
		secret, s->passphrase, s->network, s->kdf_passes, s->kdf_memory_mib * 1024) == 0)
		return 0;
	*error = util_format("the passphrase cannot be turned into a key: %u MiB of memory are "
			     "needed for it (kdf-memory)",
	    s->kdf_memory_mib);
	return -1;
}

int
node_make_network(struct node *n, char **error)
{
	const struct settings *s = n->fixed;
	bool pubkey = s->mode == MODE_PUBKEY, has_secret = s->has_secret || s->passphrase != NULL;
	uint8_t secret[AEAD_KEY_LEN];
	struct network_params params = {
	    .mode = pubkey ? NETWORK_PUBKEY : NETWORK_PSK,
	    .name = s->network,
	    .prefix = s->topic_prefix,
	    .plain_topics = s->topics == TOPICS_PLAIN,
	    .secret = has_secret ? secret : NULL,
	    .private_key = pubkey ? s->private_key : NULL,
	};

	if (s->wire != WIRE_NATIVE)
		return 0;
	if (has_secret && derive_secret(s, secret, error) == -1)
		return -1;
	network_init(&n->network, &params);
	aead_wipe(secret, sizeof(secret));
	return 0;
}
