/*
 * The table of keys, and how the text of each becomes a value.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "compat.h"
#include "frame.h"
#include "util.h"

#define TEXT_MAX 1024
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

void *
settings_field(struct settings_draft *d, const struct settings_key *k)
{
	struct settings *s = d->s;
	char *base = (char *)s;

	if (k->section == SETTINGS_BROKER)
		base = (char *)&s->brokers[d->number];
	else if (k->section == SETTINGS_PEER)
		base = (char *)&s->peers[d->number];
	return base + k->offset;
}

int
settings_replace_text(struct settings_draft *d, char **text, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return settings_no_memory(d);
	free(*text);
	*text = copy;
	return 0;
}

int
settings_check_text(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	size_t len = strlen(value);
	size_t i;

	if (len == 0)
		return settings_fail(d, "empty: expected text");
	if (len > k->max)
		return settings_fail(
		    d, "%zu characters are too many: expected at most %u", len, k->max);
	for (i = 0; i < len; i++) {
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return settings_fail(
			    d, "it holds a control character: expected printable text");
	}
	return 0;
}

static int
set_text(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (settings_check_text(d, k, value) == -1)
		return -1;
	return settings_replace_text(d, settings_field(d, k), value);
}

/* For what goes into MQTT or DNS as it is, or names something in the system. */
static int
set_ascii(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	const char *c;

	for (c = value; *c != '\0'; c++) {
		if (*c < '!' || *c > '~')
			return settings_fail(d,
			    "'%s' holds a space or a character beyond ASCII: expected neither",
			    value);
	}
	return set_text(d, k, value);
}

/* The daemon's working directory is nobody's business. */
static int
check_path(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (value[0] != '/')
		return settings_fail(
		    d, "'%s' is not an absolute path: expected one that begins with '/'", value);
	return settings_check_text(d, k, value);
}

static int
set_path(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (check_path(d, k, value) == -1)
		return -1;
	return settings_replace_text(d, settings_field(d, k), value);
}

static int
parse_number(
    struct settings_draft *d, const struct settings_key *k, const char *value, uint32_t *number)
{
	uint64_t n;

	if (util_parse_uint(value, k->min, k->max, &n) == -1)
		return settings_fail(d, "'%s' is %s: expected a number from %u to %u", value,
		    errno == ERANGE ? "out of range" : "not a number", k->min, k->max);
	*number = (uint32_t)n;
	return 0;
}

static int
set_number(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	return parse_number(d, k, value, settings_field(d, k));
}

/* Thousands and more may be written with a letter. */
static int
set_quantity(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	static const struct {
		const char *letter;
		uint32_t scale;
	} scales[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}};
	uint32_t *field = settings_field(d, k), scale = 0;
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	for (size_t i = 0; i < ARRAY_LEN(scales); i++) {
		if (strcmp(end, scales[i].letter) == 0)
			scale = scales[i].scale;
	}
	if (!isdigit((unsigned char)value[0]) || scale == 0)
		return settings_fail(d,
		    "'%s' is not a number: expected one from %u to %u, such as 2000 or 2k", value,
		    k->min, k->max);
	if (errno != 0 || n > k->max / scale || n * scale < k->min)
		return settings_fail(d, "'%s' is out of range: expected a number from %u to %u",
		    value, k->min, k->max);
	*field = (uint32_t)n * scale;
	return 0;
}

static int
set_mtu(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	uint32_t mtu = 0;

	if (parse_number(d, k, value, &mtu) == -1)
		return -1;
	d->s->mtu = (uint16_t)mtu;
	return 0;
}

static int
set_bool(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
	bool *b = settings_field(d, k);
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(value, words[i]) == 0) {
			*b = i % 2 != 0;
			return 0;
		}
	}
	return settings_fail(d, "'%s' is neither yes nor no: expected true or false", value);
}

static int
set_word(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	const struct settings_words *w = k->words;
	unsigned int *number = settings_field(d, k);

	for (unsigned int i = 0; w->words[i] != NULL; i++) {
		if (strcmp(value, w->words[i]) == 0) {
			*number = i;
			return 0;
		}
	}
	return settings_fail(d, "'%s' is not %s: expected %s", value, w->what, w->expected);
}

static int
set_level(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (log_level_parse(value, &d->s->log_level) == -1)
		return settings_fail(d,
		    "'%s' is not a level: expected error, warning, notice, info or debug", value);
	return 0;
}

static int
set_tls_version(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (strcmp(value, "1.2") != 0 && strcmp(value, "1.3") != 0)
		return settings_fail(d, "'%s' is not a version: expected 1.2 or 1.3", value);
	return set_text(d, k, value);
}

/* One that is read before the end, and forgotten then. */
static int
set_draft_path(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	void *at = (char *)d + k->offset;

	if (check_path(d, k, value) == -1)
		return -1;
	return settings_replace_text(d, at, value);
}

static int
set_topic_prefix(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	size_t len = strlen(value);
	size_t i;

	for (i = 0; i < len; i++) {
		bool slash = value[i] == '/' && i > 0 && i + 1 < len && value[i - 1] != '/';

		if (!slash && !isalnum((unsigned char)value[i]) && strchr("-_", value[i]) == NULL)
			return settings_fail(d,
			    "'%s' does not do as a topic: expected letters, digits, '-' and '_', "
			    "with single '/' between them",
			    value);
	}
	return set_text(d, k, value);
}

#define ROOT(field) offsetof(struct settings, field)
#define BROKER(field) offsetof(struct settings_broker, field)
#define PEER(field) offsetof(struct settings_peer, field)
#define DRAFT(field) offsetof(struct settings_draft, field)

static const struct settings_words wires = {
    "a wire", "native or mqtt_vpn", {[WIRE_NATIVE] = "native", [WIRE_MQTT_VPN] = "mqtt_vpn"}};
static const struct settings_words modes = {
    "a mode", "psk or pubkey", {[MODE_PSK] = "psk", [MODE_PUBKEY] = "pubkey"}};
static const struct settings_words topics = {
    "a form of topics", "hashed or plain", {[TOPICS_HASHED] = "hashed", [TOPICS_PLAIN] = "plain"}};
static const struct settings_words paddings = {"a padding", "none, 16 or buckets",
    {[PADDING_NONE] = "none", [PADDING_16] = "16", [PADDING_BUCKETS] = "buckets"}};
static const struct settings_words offloads = {"an offload", "yes, no or udp",
    {[OFFLOAD_YES] = "yes", [OFFLOAD_NO] = "no", [OFFLOAD_UDP] = "udp"}};

static const struct settings_key keys[] = {
    {SETTINGS_ROOT, "wire", .set = set_word, .words = &wires, .offset = ROOT(wire)},
    {SETTINGS_ROOT, "mode", .set = set_word, .words = &modes, .offset = ROOT(mode), .native = true},
    {SETTINGS_ROOT, "network", .set = settings_set_network, .offset = ROOT(network), .max = 64,
	.native = true},
    {SETTINGS_ROOT, "name", .set = settings_set_name, .offset = ROOT(name), .max = 63,
	.native = true},
    {SETTINGS_ROOT, "passphrase-file", .set = set_draft_path, .offset = DRAFT(passphrase_file),
	.max = TEXT_MAX},
    {SETTINGS_ROOT, "private-key-file", .set = set_draft_path, .offset = DRAFT(private_key_file),
	.max = TEXT_MAX, .native = true},
    {SETTINGS_ROOT, "kdf-passes", .set = set_number, .offset = ROOT(kdf_passes), .min = 1,
	.max = 16, .native = true},
    {SETTINGS_ROOT, "kdf-memory", .set = set_number, .offset = ROOT(kdf_memory_mib), .min = 8,
	.max = 1024, .native = true},
    {SETTINGS_ROOT, "rekey-interval", .set = set_number, .offset = ROOT(rekey_s), .min = 1,
	.max = 3600, .native = true},
    {SETTINGS_ROOT, "padding", .set = set_word, .words = &paddings, .offset = ROOT(padding),
	.native = true},
    {SETTINGS_ROOT, "topics", .set = set_word, .words = &topics, .offset = ROOT(topics),
	.native = true},
    {SETTINGS_ROOT, "mqtt-vpn-password-file", .set = set_draft_path,
	.offset = DRAFT(mqtt_vpn_password_file), .max = TEXT_MAX, .native = true},
    {SETTINGS_ROOT, "topic-prefix", .set = set_topic_prefix, .offset = ROOT(topic_prefix),
	.max = COMPAT_PREFIX_MAX},
    {SETTINGS_ROOT, "client-id", .set = set_ascii, .offset = ROOT(client_id), .max = 128},
    {SETTINGS_ROOT, "forward", .set = settings_add_forward, .list = true},
    {SETTINGS_ROOT, "log-level", .set = set_level},
    {SETTINGS_ROOT, "pid-file", .set = set_path, .offset = ROOT(pid_file), .max = TEXT_MAX},
    {SETTINGS_ROOT, "control-socket", .set = set_path, .offset = ROOT(control_socket),
	.max = SOCKET_PATH_MAX},
    {SETTINGS_ROOT, "control-group", .set = set_ascii, .offset = ROOT(control_group), .max = 64},
    {SETTINGS_ROOT, "user", .set = set_ascii, .offset = ROOT(user), .max = 64},
    {SETTINGS_ROOT, "group", .set = set_ascii, .offset = ROOT(group), .max = 64},
    {SETTINGS_INTERFACE, "address", .set = settings_add_own_address, .list = true},
    {SETTINGS_INTERFACE, "mtu", .set = set_mtu, .min = 576, .max = 65000},
    {SETTINGS_INTERFACE, "offload", .set = set_word, .words = &offloads, .offset = ROOT(offload)},
    {SETTINGS_INTERFACE, "up", .set = set_text, .offset = ROOT(up), .max = TEXT_MAX},
    {SETTINGS_INTERFACE, "down", .set = set_text, .offset = ROOT(down), .max = TEXT_MAX},
    {SETTINGS_BROKER, "username", .set = set_text, .offset = BROKER(username), .max = TEXT_MAX},
    {SETTINGS_BROKER, "password-file", .set = set_path, .offset = BROKER(password_file),
	.max = TEXT_MAX, .access = ACCESS_SECRET},
    {SETTINGS_BROKER, "password-command", .set = set_text, .offset = BROKER(password_command),
	.max = TEXT_MAX},
    {SETTINGS_BROKER, "keepalive", .set = set_number, .offset = BROKER(keepalive_s), .min = 5,
	.max = 3600},
    {SETTINGS_BROKER, "timeout", .set = set_number, .offset = BROKER(timeout_s), .min = 1,
	.max = 120},
    {SETTINGS_BROKER, "max-message", .set = set_quantity, .offset = BROKER(max_message),
	.min = FRAME_MESSAGE_MIN, .max = 268435455},
    {SETTINGS_BROKER, "max-rate", .set = set_quantity, .offset = BROKER(max_rate), .min = 1,
	.max = 1000000},
    {SETTINGS_BROKER, "max-bandwidth", .set = set_quantity, .offset = BROKER(max_bandwidth),
	.min = 1000, .max = 4000000000},
    {SETTINGS_BROKER, "ca-file", .set = set_path, .offset = BROKER(ca_file), .max = TEXT_MAX,
	.access = ACCESS_READ, .tls = true},
    {SETTINGS_BROKER, "crl-file", .set = set_path, .offset = BROKER(crl_file), .max = TEXT_MAX,
	.access = ACCESS_READ, .tls = true},
    {SETTINGS_BROKER, "certificate", .set = set_path, .offset = BROKER(certificate),
	.max = TEXT_MAX, .access = ACCESS_READ, .tls = true},
    {SETTINGS_BROKER, "key", .set = set_path, .offset = BROKER(key), .max = TEXT_MAX,
	.access = ACCESS_SECRET, .tls = true},
    {SETTINGS_BROKER, "key-passphrase-file", .set = set_path, .offset = BROKER(key_passphrase_file),
	.max = TEXT_MAX, .access = ACCESS_SECRET, .tls = true},
    {SETTINGS_BROKER, "alpn", .set = set_ascii, .offset = BROKER(alpn), .max = 255, .tls = true},
    {SETTINGS_BROKER, "tls-name", .set = set_ascii, .offset = BROKER(tls_name), .max = 253,
	.tls = true},
    {SETTINGS_BROKER, "tls-min-version", .set = set_tls_version, .offset = BROKER(tls_min_version),
	.max = TEXT_MAX, .tls = true},
    {SETTINGS_BROKER, "tls-verify", .set = set_bool, .offset = BROKER(tls_verify), .tls = true},
    {SETTINGS_PEER, "address", .set = settings_add_peer_address, .list = true},
    {SETTINGS_PEER, "routes", .set = settings_add_route, .list = true},
    {SETTINGS_PEER, "public-key", .set = settings_set_public_key, .native = true},
    {SETTINGS_PEER, "wire", .set = set_word, .words = &wires, .offset = PEER(wire), .native = true},
    {0},
};

const struct settings_key *
settings_keys(void)
{
	return keys;
}

const struct settings_key *
settings_key_find(enum settings_section section, const char *name)
{
	const struct settings_key *k;

	for (k = keys; k->name != NULL; k++) {
		if (k->section == section && strcmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

int
settings_set(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	size_t number = k->section < SETTINGS_BROKER ? 0 : d->number;

	if (k->set(d, k, value) == -1)
		return -1;
	if (!k->list)
		settings_place_drop(d, k, number, 0);
	return settings_place_add(d, k, number);
}
