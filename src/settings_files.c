/*
 * That the files which a configuration names are there and kept safe, and what the secrets of the
 * network are.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aead_dh.h"
#include "aead_hash.h"
#include "util.h"

#define SECRET_FILE_MAX 4096

int
settings_check_readable(struct settings_draft *d, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1 || access(path, R_OK) == -1)
		return settings_fail(d, "%s: %s: expected a file%s", path, strerror(errno),
		    errno == EACCES ? " that the daemon's user may read" : "");
	if (!S_ISREG(st.st_mode))
		return settings_fail(d, "%s: not a regular file: expected one", path);
	return 0;
}

static int
check_secret(struct settings_draft *d, const char *path)
{
	char *why = NULL;
	int rc = 0;

	if (util_check_secret_file(path, &why) == -1)
		rc = why == NULL ? settings_no_memory(d) : settings_fail(d, "%s", why);
	free(why);
	return rc == -1 ? -1 : settings_check_readable(d, path);
}

static int
check_broker_files(struct settings_draft *d, size_t number)
{
	const char *base = (const char *)&d->s->brokers[number];
	const struct settings_key *k;

	for (k = settings_keys(); k->name != NULL; k++) {
		const void *at = base + k->offset;
		const char *path;

		if (k->section != SETTINGS_BROKER || k->access == ACCESS_NONE)
			continue;
		path = *(char *const *)at;
		if (path == NULL)
			continue;
		settings_look_at(d, SETTINGS_BROKER, k->name, number, 0);
		if (k->access == ACCESS_SECRET && check_secret(d, path) == -1)
			return -1;
		if (k->access == ACCESS_READ && settings_check_readable(d, path) == -1)
			return -1;
	}
	return 0;
}

/* The first line of a root key's file: the caller wipes it. Returns NULL with an error. */
static char *
read_line(struct settings_draft *d, const char *key, const char *path, const char *what)
{
	char *text, *rest, *why = NULL;

	settings_look_at(d, SETTINGS_ROOT, key, 0, 0);
	text = util_read_secret(path, SECRET_FILE_MAX, &why);
	if (text == NULL) {
		if (why == NULL)
			settings_no_memory(d);
		else
			settings_fail(d, "%s", why);
		free(why);
		return NULL;
	}
	rest = text + strcspn(text, "\r\n");
	explicit_bzero(rest, strlen(rest));
	if (text[0] != '\0')
		return text;
	settings_fail(d, "%s: the first line is empty: expected the %s in it", path, what);
	util_free_secret(text);
	return NULL;
}

/* On the native wire the file holds a passphrase or a key. */
static int
read_passphrase(struct settings_draft *d)
{
	struct settings *s = d->s;
	const char *path = d->passphrase_file;
	char *line;

	if (path == NULL)
		return 0;
	line = read_line(d, "passphrase-file", path, "passphrase");
	if (line == NULL)
		return -1;
	if (s->wire == WIRE_MQTT_VPN) {
		s->password = line;
		return 0;
	}
	s->passphrase = line;
	if (aead_key_parse(s->secret, line) == -1)
		return settings_check_passphrase(d, path, line);
	s->has_secret = true;
	if (settings_is_zero(s->secret))
		return settings_fail(
		    d, "%s: the key is all zero: expected one of 'mqtt-vpnctl genpsk'", path);
	/* What somebody made up can have the form of a key. */
	if (settings_check_passphrase(d, path, line) == -1)
		return -1;
	util_free_secret(line);
	s->passphrase = NULL;
	return 0;
}

static int
read_mqtt_vpn_password(struct settings_draft *d)
{
	const char *path = d->mqtt_vpn_password_file;

	if (path == NULL)
		return 0;
	d->s->password = read_line(d, "mqtt-vpn-password-file", path, "password");
	return d->s->password == NULL ? -1 : 0;
}

static bool
is_us(const uint8_t public[AEAD_KEY_LEN], bool has, const uint8_t key[AEAD_KEY_LEN])
{
	return has && memcmp(public, key, AEAD_KEY_LEN) == 0;
}

static int
check_no_peer_is_us(struct settings_draft *d, const uint8_t public[AEAD_KEY_LEN])
{
	const struct settings *s = d->s;
	size_t i;

	for (i = 0; i < s->peer_count; i++) {
		if (!is_us(public, s->peers[i].has_public_key, s->peers[i].public_key))
			continue;
		settings_look_at(d, SETTINGS_PEER, "public-key", i, 0);
		return settings_fail(d,
		    "this is this node's own key: expected that of the peer '%s'",
		    s->peers[i].name);
	}
	if (!is_us(public, s->has_key_server, s->key_server))
		return 0;
	settings_look_at(d, SETTINGS_ROOT, "key-server", 0, 0);
	return settings_fail(d, "this is this node's own key: expected that of the key server");
}

static int
check_no_member_is_us(struct settings_draft *d, const uint8_t public[AEAD_KEY_LEN])
{
	const struct settings *s = d->s;
	size_t i;

	for (i = 0; i < s->member_count; i++) {
		if (!is_us(public, s->members[i].has_public_key, s->members[i].public_key))
			continue;
		settings_look_at(d, SETTINGS_MEMBER,
		    d->members[i].public_key_file == NULL ? "public-key" : "public-key-file", i, 0);
		return settings_fail(d,
		    "this is the key server's own key: expected that of the member '%s'",
		    s->members[i].name);
	}
	return 0;
}

static int
check_nobody_is_us(struct settings_draft *d)
{
	uint8_t public[AEAD_KEY_LEN];

	if (!d->s->has_private_key)
		return 0;
	aead_dh_public(public, d->s->private_key);
	if (check_no_peer_is_us(d, public) == -1)
		return -1;
	return check_no_member_is_us(d, public);
}

static int
read_private_key(struct settings_draft *d)
{
	struct settings *s = d->s;
	const char *path = d->private_key_file;
	char *line;

	if (path == NULL)
		return 0;
	line = read_line(d, "private-key-file", path, "key");
	if (line == NULL)
		return -1;
	s->has_private_key = aead_key_parse(s->private_key, line) == 0;
	util_free_secret(line);
	if (!s->has_private_key)
		return settings_fail(d,
		    "%s: the first line is not a key: expected 44 characters of base64, as "
		    "'mqtt-vpnctl genkey' prints them",
		    path);
	if (settings_is_zero(s->private_key))
		return settings_fail(
		    d, "%s: the key is all zero: expected one of 'mqtt-vpnctl genkey'", path);
	return 0;
}

int
settings_check_files(struct settings_draft *d)
{
	size_t i;

	if (read_passphrase(d) == -1 || read_mqtt_vpn_password(d) == -1 ||
	    read_private_key(d) == -1 || settings_read_member_keys(d) == -1 ||
	    check_nobody_is_us(d) == -1)
		return -1;
	for (i = 0; i < d->s->broker_count; i++) {
		if (check_broker_files(d, i) == -1)
			return -1;
	}
	return 0;
}
