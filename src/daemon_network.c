/*
 * What the native wire needs of the settings.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "daemon.h"

#include <string.h>

#include "aead.h"
#include "network.h"
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

static struct network_params
traffic_params(const struct settings *s)
{
	static const enum network_mode modes[] = {
	    [MODE_PSK] = NETWORK_PSK, [MODE_PUBKEY] = NETWORK_PUBKEY, [MODE_GROUP] = NETWORK_GROUP};

	return (struct network_params){
	    .mode = modes[s->mode],
	    .name = s->mode == MODE_GROUP && s->group_name != NULL ? s->group_name : s->network,
	    .private_key = s->mode != MODE_PSK ? s->private_key : NULL,
	};
}

static struct network_params
control_params(const struct settings *s)
{
	return (struct network_params){
	    .mode = NETWORK_PUBKEY,
	    .name = s->network,
	    .control = true,
	    .private_key = s->private_key,
	};
}

static void
make_network(struct network *n, const struct settings *s, const uint8_t *secret,
    struct network_params params)
{
	params.prefix = s->topic_prefix;
	params.plain_topics = s->topics == TOPICS_PLAIN;
	params.secret = secret;
	network_init(n, &params);
}

int
daemon_make_networks(
    const struct settings *s, struct network *traffic, struct network *control, char **error)
{
	bool has_secret = s->has_secret || s->passphrase != NULL;
	uint8_t secret[AEAD_KEY_LEN];

	if (has_secret && derive_secret(s, secret, error) == -1)
		return -1;
	if (traffic != NULL)
		make_network(traffic, s, has_secret ? secret : NULL, traffic_params(s));
	if (control != NULL)
		make_network(control, s, has_secret ? secret : NULL, control_params(s));
	aead_wipe(secret, sizeof(secret));
	return 0;
}
