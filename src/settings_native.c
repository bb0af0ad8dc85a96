/*
 * The wire of a network and of its peers, and the keys of the configuration that only one of the
 * wires or modes knows.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aead_hash.h"
#include "compat.h"
#include "util.h"

#define UNNAMED "unnamed"
#define NAME_MAX_LEN 63

int
settings_set_network(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	const char *c;

	for (c = value; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL)
			return settings_fail(d,
			    "'%s' is not a name for a network: expected letters, digits, '-', '_' "
			    "and '.'",
			    value);
	}
	if (settings_check_text(d, k, value) == -1)
		return -1;
	return settings_replace_text(d, settings_field(d, k), value);
}

/* Peers print it. */
int
settings_set_name(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	const char *c;

	if (settings_check_text(d, k, value) == -1)
		return -1;
	for (c = value; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			return settings_fail(
			    d, "it holds a character beyond ASCII: expected printable ASCII");
	}
	return settings_replace_text(d, settings_field(d, k), value);
}

bool
settings_is_zero(const uint8_t key[AEAD_KEY_LEN])
{
	static const uint8_t zero[AEAD_KEY_LEN];

	return aead_compare(key, zero, sizeof(zero)) == 0;
}

/* Not quoted: it may be the other half. */
int
settings_set_public_key(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct settings_peer *p = &d->s->peers[d->number];

	if (aead_key_parse(p->public_key, value) == -1)
		return settings_fail(d, "not a public key: expected 44 characters of base64, as "
					"'mqtt-vpnctl pubkey' prints them");
	if (settings_is_zero(p->public_key))
		return settings_fail(
		    d, "the key is all zero: expected one of 'mqtt-vpnctl pubkey'");
	p->has_public_key = true;
	return 0;
}

char *
settings_host_name(char *text, size_t size)
{
	char name[HOST_NAME_MAX + 1] = "";
	size_t len = 0;

	if (gethostname(name, sizeof(name)) == -1)
		name[0] = '\0';
	while (len < size - 1 && name[len] > ' ' && name[len] <= '~' && name[len] != '.')
		len++;
	memcpy(text, name, len);
	text[len] = '\0';
	return text;
}

/* Whose wire nobody gave, has that of the network. */
static void
inherit_wire(struct settings_draft *d)
{
	const struct settings_key *k = settings_key_find(SETTINGS_PEER, "wire");
	struct settings *s = d->s;
	size_t i;

	for (i = 0; i < s->peer_count; i++) {
		if (settings_place_find(d, k, i, 0) == NULL)
			s->peers[i].wire = s->wire;
	}
}

static int
check_mqtt_vpn(struct settings_draft *d)
{
	const struct settings_key *k;
	size_t i, count;

	for (k = settings_keys(); k->name != NULL; k++) {
		count = !k->native ? 0 : k->section == SETTINGS_PEER ? d->s->peer_count : 1;
		for (i = 0; i < count; i++) {
			if (settings_place_find(d, k, i, 0) == NULL)
				continue;
			settings_look_at(d, k->section, k->name, i, 0);
			return settings_fail(d, "of no use with wire = mqtt_vpn: expected wire = "
						"native or no such key");
		}
	}
	if (d->s->mtu <= COMPAT_PACKET_MAX)
		return 0;
	settings_look_at(d, SETTINGS_INTERFACE, "mtu", 0, 0);
	return settings_fail(d, "%u is too large for wire = mqtt_vpn: expected %d at most",
	    d->s->mtu, COMPAT_PACKET_MAX);
}

static int
check_network(struct settings_draft *d)
{
	const struct settings *s = d->s;

	if (s->network == NULL)
		return settings_missing(d, "network", "--network",
		    s->file == NULL
			? "--network NAME and --passphrase-file FILE, or --wire=mqtt_vpn"
			: "network = \"NAME\", the same on all nodes, or wire = mqtt_vpn");
	if (s->topics == TOPICS_PLAIN && strchr(s->network, '.') != NULL) {
		settings_look_at(d, SETTINGS_ROOT, "network", 0, 0);
		return settings_fail(d,
		    "'%s' holds a '.', which brokers may not take in a topic: expected none with "
		    "topics = plain",
		    s->network);
	}
	return 0;
}

static int
check_secrets(struct settings_draft *d)
{
	bool pubkey = d->s->mode == MODE_PUBKEY;

	if (d->s->password != NULL) {
		d->key = NULL;
		d->option = "-k";
		return settings_fail(d, "of no use with wire = native: expected "
					"--passphrase-file FILE, or --wire=mqtt_vpn");
	}
	if (!pubkey && d->passphrase_file == NULL)
		return settings_missing(d, "passphrase-file", "--passphrase-file",
		    "a file with what 'mqtt-vpnctl genpsk' prints, the same on all nodes");
	if (pubkey && d->private_key_file == NULL)
		return settings_missing(d, "private-key-file", NULL,
		    "a file with what 'mqtt-vpnctl genkey' prints, as mode is pubkey");
	if (pubkey || d->private_key_file == NULL)
		return 0;
	settings_look_at(d, SETTINGS_ROOT, "private-key-file", 0, 0);
	return settings_fail(d, "of no use with mode = psk: expected mode = pubkey or no such key");
}

static int
check_peer_key(struct settings_draft *d, size_t number)
{
	const struct settings_peer *p = &d->s->peers[number];
	bool wanted = p->wire == WIRE_NATIVE && d->s->mode == MODE_PUBKEY;

	if (p->has_public_key == wanted)
		return 0;
	if (p->has_public_key) {
		settings_look_at(d, SETTINGS_PEER, "public-key", number, 0);
		return settings_fail(d, "of no use with %s: expected no such key",
		    p->wire == WIRE_MQTT_VPN ? "wire = mqtt_vpn" : "mode = psk");
	}
	d->key = "peer";
	d->line = p->line;
	d->option = NULL;
	return settings_fail(d,
	    "'%s' has no public-key: expected public-key = \"KEY\", as 'mqtt-vpnctl pubkey' prints "
	    "it there",
	    p->name);
}

static int
check_mqtt_vpn_peers(struct settings_draft *d)
{
	size_t i;

	if (d->mqtt_vpn_password_file == NULL)
		return 0;
	for (i = 0; i < d->s->peer_count; i++) {
		if (d->s->peers[i].wire == WIRE_MQTT_VPN)
			return 0;
	}
	settings_look_at(d, SETTINGS_ROOT, "mqtt-vpn-password-file", 0, 0);
	return settings_fail(d, "of no use without a peer that has wire = mqtt_vpn: expected one");
}

struct placed_key {
	const uint8_t *key;
	size_t number; /* which peer */
};

static int
compare_keys(const void *left, const void *right)
{
	const struct placed_key *a = left, *b = right;
	int order = memcmp(a->key, b->key, AEAD_KEY_LEN);

	return order != 0 ? order : a->number < b->number ? -1 : a->number > b->number;
}

/* Of those with keys, sorted. Returns NULL when memory is short. */
static struct placed_key *
list_keys(const struct settings *s, size_t *count)
{
	struct placed_key *list = calloc(s->peer_count + 1, sizeof(*list));
	size_t i, n = 0;

	for (i = 0; i < s->peer_count && list != NULL; i++) {
		if (s->peers[i].has_public_key)
			list[n++] = (struct placed_key){s->peers[i].public_key, i};
	}
	if (list != NULL)
		qsort(list, n, sizeof(*list), compare_keys);
	*count = n;
	return list;
}

/* Fails for the first one in the file. */
static int
check_keys_differ(struct settings_draft *d)
{
	const struct settings_peer *peers = d->s->peers;
	const struct placed_key *second = NULL;
	struct placed_key *list;
	size_t count, i;

	list = list_keys(d->s, &count);
	if (list == NULL)
		return settings_no_memory(d);
	for (i = 1; i < count; i++) {
		if (memcmp(list[i - 1].key, list[i].key, AEAD_KEY_LEN) == 0 &&
		    (second == NULL || list[i].number < second->number))
			second = &list[i];
	}
	if (second != NULL) {
		const struct settings_peer *first = &peers[second[-1].number];

		settings_look_at(d, SETTINGS_PEER, "public-key", second->number, 0);
		settings_fail(d,
		    "this key is given to peer '%s' in line %u already: expected it once",
		    first->name, first->line);
	}
	free(list);
	return second == NULL ? 0 : -1;
}

static int
set_default_name(struct settings_draft *d)
{
	char host[NAME_MAX_LEN + 1];

	if (d->s->name != NULL)
		return 0;
	settings_host_name(host, sizeof(host));
	return settings_replace_text(d, &d->s->name, host[0] == '\0' ? UNNAMED : host);
}

int
settings_check_wire(struct settings_draft *d)
{
	size_t i;

	inherit_wire(d);
	if (d->s->wire == WIRE_MQTT_VPN)
		return check_mqtt_vpn(d);
	if (check_network(d) == -1 || check_secrets(d) == -1 || set_default_name(d) == -1)
		return -1;
	for (i = 0; i < d->s->peer_count; i++) {
		if (check_peer_key(d, i) == -1)
			return -1;
	}
	if (check_mqtt_vpn_peers(d) == -1)
		return -1;
	return check_keys_differ(d);
}
