/*
 * The wire of a network and of its peers, and the keys of the configuration that only one of the
 * wires or modes knows.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "aead_hash.h"
#include "compat.h"
#include "util.h"

#define UNNAMED "unnamed"

static int
set_plain(
    struct settings_draft *d, const struct settings_key *k, const char *what, const char *value)
{
	if (settings_check_plain(d, what, value) == -1 || settings_check_text(d, k, value) == -1)
		return -1;
	return settings_replace_text(d, settings_field(d, k), value);
}

int
settings_set_network(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	return set_plain(d, k, "a network", value);
}

int
settings_set_group_name(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	return set_plain(d, k, "a group", value);
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
static int
parse_public_key(struct settings_draft *d, const char *value, uint8_t key[AEAD_KEY_LEN], bool *has)
{
	if (aead_key_parse(key, value) == -1)
		return settings_fail(d, "not a public key: expected 44 characters of base64, as "
					"'mqtt-vpnctl pubkey' prints them");
	if (settings_is_zero(key))
		return settings_fail(
		    d, "the key is all zero: expected one of 'mqtt-vpnctl pubkey'");
	*has = true;
	return 0;
}

int
settings_set_public_key(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct settings_peer *p = &d->s->peers[d->number];

	return parse_public_key(d, value, p->public_key, &p->has_public_key);
}

int
settings_set_member_key(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct settings_member *m = &d->s->members[d->number];

	return parse_public_key(d, value, m->public_key, &m->has_public_key);
}

int
settings_set_key_server(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	return parse_public_key(d, value, d->s->key_server, &d->s->has_key_server);
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

/* With topics = plain, names are levels of topics. */
static int
check_dots(struct settings_draft *d, const char *key, const char *name)
{
	if (d->s->topics != TOPICS_PLAIN || name == NULL || strchr(name, '.') == NULL)
		return 0;
	settings_look_at(d, SETTINGS_ROOT, key, 0, 0);
	return settings_fail(d,
	    "'%s' holds a '.', which brokers may not take in a topic: expected none with topics = "
	    "plain",
	    name);
}

int
settings_check_network(struct settings_draft *d, const char *option, const char *expected)
{
	const struct settings *s = d->s;

	if (s->network == NULL)
		return settings_missing(d, "network", option, expected);
	if (check_dots(d, "network", s->network) == -1)
		return -1;
	return check_dots(d, "group-name", s->group_name);
}

static int
check_password(struct settings_draft *d)
{
	if (d->s->password == NULL)
		return 0;
	d->key = NULL;
	d->option = "-k";
	return settings_fail(d, "of no use with wire = native: expected --passphrase-file FILE, or "
				"--wire=mqtt_vpn");
}

/* What a mode cannot do without. */
static int
check_secrets(struct settings_draft *d)
{
	static const char *const wanted[] = {
	    [MODE_PUBKEY] = "a file with what 'mqtt-vpnctl genkey' prints, as mode is pubkey",
	    [MODE_GROUP] = "a file with what 'mqtt-vpnctl genkey' prints, as mode is group",
	};
	enum settings_mode mode = d->s->mode;

	if (mode == MODE_PSK && d->passphrase_file == NULL)
		return settings_missing(d, "passphrase-file", "--passphrase-file",
		    "a file with what 'mqtt-vpnctl genpsk' prints, the same on all nodes");
	if (mode != MODE_PSK && d->private_key_file == NULL)
		return settings_missing(d, "private-key-file", NULL, wanted[mode]);
	if (mode == MODE_GROUP && !d->s->has_key_server)
		return settings_missing(d, "key-server", NULL,
		    "what 'mqtt-vpnctl pubkey' prints at the key server, as mode is group");
	if (mode != MODE_PSK || d->private_key_file == NULL)
		return 0;
	settings_look_at(d, SETTINGS_ROOT, "private-key-file", 0, 0);
	return settings_fail(d,
	    "of no use with mode = psk: expected mode = pubkey, mode = group or "
	    "no such key");
}

static int
check_group_keys(struct settings_draft *d)
{
	const struct settings_key *k;

	for (k = settings_keys(); k->name != NULL && d->s->mode != MODE_GROUP; k++) {
		if (!k->group || settings_place_find(d, k, 0, 0) == NULL)
			continue;
		settings_look_at(d, k->section, k->name, 0, 0);
		return settings_fail(d,
		    "of no use with mode = %s: expected mode = group or no such key",
		    d->s->mode == MODE_PSK ? "psk" : "pubkey");
	}
	return 0;
}

/* A group is named like its network, unless there are more of them. */
static int
set_default_group(struct settings_draft *d)
{
	if (d->s->mode != MODE_GROUP || d->s->group_name != NULL)
		return 0;
	return settings_replace_text(d, &d->s->group_name, d->s->network);
}

static int
check_peer_key(struct settings_draft *d, size_t number)
{
	const struct settings_peer *p = &d->s->peers[number];
	bool wanted = p->wire == WIRE_NATIVE && d->s->mode == MODE_PUBKEY;

	if (p->wire == WIRE_NATIVE && d->s->mode == MODE_GROUP) {
		settings_look_at_section(d, SETTINGS_PEER, number);
		return settings_fail(d,
		    "'%s' is of no use with mode = group, as the key server tells who its peers "
		    "are: expected wire = mqtt_vpn or no such section",
		    p->name);
	}
	if (p->has_public_key == wanted)
		return 0;
	if (p->has_public_key) {
		settings_look_at(d, SETTINGS_PEER, "public-key", number, 0);
		return settings_fail(d, "of no use with %s: expected no such key",
		    p->wire == WIRE_MQTT_VPN ? "wire = mqtt_vpn" : "mode = psk");
	}
	settings_look_at_section(d, SETTINGS_PEER, number);
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

int
settings_set_default_name(struct settings_draft *d)
{
	char host[SETTINGS_NAME_MAX + 1];

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
	if (settings_check_network(d, "--network",
		d->s->file == NULL
		    ? "--network NAME and --passphrase-file FILE, or --wire=mqtt_vpn"
		    : "network = \"NAME\", the same on all nodes, or wire = mqtt_vpn") == -1 ||
	    check_password(d) == -1 || check_secrets(d) == -1 || check_group_keys(d) == -1 ||
	    settings_set_default_name(d) == -1 || set_default_group(d) == -1)
		return -1;
	for (i = 0; i < d->s->peer_count; i++) {
		if (check_peer_key(d, i) == -1)
			return -1;
	}
	if (check_mqtt_vpn_peers(d) == -1)
		return -1;
	return settings_check_keys_differ(d, SETTINGS_PEER);
}
