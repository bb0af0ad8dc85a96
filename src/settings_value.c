/*
 * The table of keys, and how the text of each becomes a value.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "compat.h"
#include "frame.h"
#include "slots.h"
#include "util.h"

#define TEXT_MAX 1024
#define CONGESTION_CONTROL_MAX 15 /* the kernel's TCP_CA_NAME_MAX, less its NUL */
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
	else if (k->section == SETTINGS_KEY_GROUP)
		base = (char *)&s->key_groups[d->number];
	else if (k->section == SETTINGS_MEMBER)
		base = (char *)&s->members[d->number];
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
		    d, "%zu characters are too many: expected at most %" PRIu64, len, k->max);
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
int
settings_check_path(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (value[0] != '/')
		return settings_fail(
		    d, "'%s' is not an absolute path: expected one that begins with '/'", value);
	return settings_check_text(d, k, value);
}

static int
set_path(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (settings_check_path(d, k, value) == -1)
		return -1;
	return settings_replace_text(d, settings_field(d, k), value);
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

	if (settings_check_path(d, k, value) == -1)
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
#define KEY_GROUP(field) offsetof(struct settings_key_group, field)
#define MEMBER(field) offsetof(struct settings_member, field)
#define DRAFT(field) offsetof(struct settings_draft, field)

static const struct settings_words wires = {
    "a wire", "native or mqtt_vpn", {[WIRE_NATIVE] = "native", [WIRE_MQTT_VPN] = "mqtt_vpn"}};
static const struct settings_words modes = {"a mode", "psk, pubkey or group",
    {[MODE_PSK] = "psk", [MODE_PUBKEY] = "pubkey", [MODE_GROUP] = "group"}};
static const struct settings_words methods = {"a method", "static, update or slotted",
    {[METHOD_STATIC] = "static", [METHOD_UPDATE] = "update", [METHOD_SLOTTED] = "slotted"}};
static const struct settings_words topics = {
    "a form of topics", "hashed or plain", {[TOPICS_HASHED] = "hashed", [TOPICS_PLAIN] = "plain"}};
static const struct settings_words paddings = {"a padding", "none, 16 or buckets",
    {[PADDING_NONE] = "none", [PADDING_16] = "16", [PADDING_BUCKETS] = "buckets"}};
static const struct settings_words offloads = {"an offload", "yes, no or udp",
    {[OFFLOAD_YES] = "yes", [OFFLOAD_NO] = "no", [OFFLOAD_UDP] = "udp"}};

static const struct settings_words protocols = {"a version of MQTT", "any, 3.1.1 or 5",
    {[PROTOCOL_ANY] = "any", [PROTOCOL_311] = "3.1.1", [PROTOCOL_5] = "5"}};
const struct settings_words settings_profiles = {"a profile",
    "none, aws-iot, emqx-serverless, azure-event-grid, hivemq or shiftr",
    {[PROFILE_NONE] = "none",
	[PROFILE_AWS_IOT] = "aws-iot",
	[PROFILE_EMQX_SERVERLESS] = "emqx-serverless",
	[PROFILE_AZURE_EVENT_GRID] = "azure-event-grid",
	[PROFILE_HIVEMQ] = "hivemq",
	[PROFILE_SHIFTR] = "shiftr"}};

#define VPND SETTINGS_VPND
#define KEYD SETTINGS_KEYD
#define BOTH SETTINGS_BOTH

static const struct settings_key keys[] = {
    {SETTINGS_ROOT, "wire", VPND, .set = set_word, .words = &wires, .offset = ROOT(wire)},
    {SETTINGS_ROOT, "mode", VPND, .set = set_word, .words = &modes, .offset = ROOT(mode),
	.native = true},
    {SETTINGS_ROOT, "network", BOTH, .set = settings_set_network, .offset = ROOT(network),
	.max = SETTINGS_PLAIN_MAX, .native = true},
    {SETTINGS_ROOT, "name", BOTH, .set = settings_set_name, .offset = ROOT(name),
	.max = SETTINGS_NAME_MAX, .native = true},
    {SETTINGS_ROOT, "passphrase-file", BOTH, .set = set_draft_path,
	.offset = DRAFT(passphrase_file), .max = TEXT_MAX},
    {SETTINGS_ROOT, "private-key-file", BOTH, .set = set_draft_path,
	.offset = DRAFT(private_key_file), .max = TEXT_MAX, .native = true},
    {SETTINGS_ROOT, "kdf-passes", BOTH, .set = settings_set_number, .offset = ROOT(kdf_passes),
	.min = 1, .max = 16, .native = true},
    {SETTINGS_ROOT, "kdf-memory", BOTH, .set = settings_set_number, .offset = ROOT(kdf_memory_mib),
	.min = 8, .max = 1024, .native = true},
    {SETTINGS_ROOT, "rekey-interval", BOTH, .set = settings_set_number, .offset = ROOT(rekey_s),
	.min = 1, .max = 3600, .native = true},
    {SETTINGS_ROOT, "padding", VPND, .set = set_word, .words = &paddings, .offset = ROOT(padding),
	.native = true},
    {SETTINGS_ROOT, "topics", BOTH, .set = set_word, .words = &topics, .offset = ROOT(topics),
	.native = true},
    {SETTINGS_ROOT, "mqtt-vpn-password-file", VPND, .set = set_draft_path,
	.offset = DRAFT(mqtt_vpn_password_file), .max = TEXT_MAX, .native = true},
    {SETTINGS_ROOT, "key-server", VPND, .set = settings_set_key_server, .native = true,
	.group = true},
    {SETTINGS_ROOT, "group-name", VPND, .set = settings_set_group_name, .offset = ROOT(group_name),
	.max = SETTINGS_PLAIN_MAX, .native = true, .group = true},
    {SETTINGS_ROOT, "membership", VPND, .set = settings_set_time, .offset = ROOT(membership_s),
	.max = SETTINGS_TIME_MAX, .native = true, .group = true},
    {SETTINGS_ROOT, "sign-broadcasts", VPND, .set = set_bool, .offset = ROOT(sign_broadcasts),
	.native = true, .group = true},
    {SETTINGS_ROOT, "store", KEYD, .set = set_path, .offset = ROOT(store), .max = TEXT_MAX},
    {SETTINGS_ROOT, "topic-prefix", BOTH, .set = set_topic_prefix, .offset = ROOT(topic_prefix),
	.max = COMPAT_PREFIX_MAX},
    {SETTINGS_ROOT, "client-id", BOTH, .set = set_ascii, .offset = ROOT(client_id), .max = 128},
    {SETTINGS_ROOT, "forward", VPND, .set = settings_add_forward, .list = true},
    {SETTINGS_ROOT, "log-level", BOTH, .set = set_level},
    {SETTINGS_ROOT, "pid-file", BOTH, .set = set_path, .offset = ROOT(pid_file), .max = TEXT_MAX},
    {SETTINGS_ROOT, "control-socket", BOTH, .set = set_path, .offset = ROOT(control_socket),
	.max = SOCKET_PATH_MAX},
    {SETTINGS_ROOT, "control-group", BOTH, .set = set_ascii, .offset = ROOT(control_group),
	.max = 64},
    {SETTINGS_ROOT, "user", BOTH, .set = set_ascii, .offset = ROOT(user), .max = 64},
    {SETTINGS_ROOT, "group", BOTH, .set = set_ascii, .offset = ROOT(group), .max = 64},
    {SETTINGS_INTERFACE, "address", VPND, .set = settings_add_own_address, .list = true},
    {SETTINGS_INTERFACE, "mtu", VPND, .set = settings_set_mtu, .min = 576, .max = 65000},
    {SETTINGS_INTERFACE, "offload", VPND, .set = set_word, .words = &offloads,
	.offset = ROOT(offload)},
    {SETTINGS_INTERFACE, "up", VPND, .set = set_text, .offset = ROOT(up), .max = TEXT_MAX},
    {SETTINGS_INTERFACE, "down", VPND, .set = set_text, .offset = ROOT(down), .max = TEXT_MAX},
    {SETTINGS_BROKER, "username", BOTH, .set = set_text, .offset = BROKER(username),
	.max = TEXT_MAX},
    {SETTINGS_BROKER, "password-file", BOTH, .set = set_path, .offset = BROKER(password_file),
	.max = TEXT_MAX, .access = ACCESS_SECRET},
    {SETTINGS_BROKER, "password-command", BOTH, .set = set_text, .offset = BROKER(password_command),
	.max = TEXT_MAX},
    {SETTINGS_BROKER, "profile", BOTH, .set = set_word, .words = &settings_profiles,
	.offset = BROKER(profile)},
    {SETTINGS_BROKER, "protocol", BOTH, .set = set_word, .words = &protocols,
	.offset = BROKER(protocol)},
    {SETTINGS_BROKER, "keepalive", BOTH, .set = settings_set_number, .offset = BROKER(keepalive_s),
	.min = 5, .max = 3600},
    {SETTINGS_BROKER, "timeout", BOTH, .set = settings_set_number, .offset = BROKER(timeout_s),
	.min = 1, .max = 120},
    {SETTINGS_BROKER, "max-message", BOTH, .set = settings_set_quantity,
	.offset = BROKER(max_message), .min = FRAME_MESSAGE_MIN, .max = 268435455},
    {SETTINGS_BROKER, "max-rate", BOTH, .set = settings_set_quantity, .offset = BROKER(max_rate),
	.min = 1, .max = 1000000},
    {SETTINGS_BROKER, "max-bandwidth", BOTH, .set = settings_set_quantity,
	.offset = BROKER(max_bandwidth), .min = 1000, .max = 4000000000},
    {SETTINGS_BROKER, "congestion-control", BOTH, .set = set_ascii,
	.offset = BROKER(congestion_control), .max = CONGESTION_CONTROL_MAX},
    {SETTINGS_BROKER, "ca-file", BOTH, .set = set_path, .offset = BROKER(ca_file), .max = TEXT_MAX,
	.access = ACCESS_READ, .tls = true},
    {SETTINGS_BROKER, "crl-file", BOTH, .set = set_path, .offset = BROKER(crl_file),
	.max = TEXT_MAX, .access = ACCESS_READ, .tls = true},
    {SETTINGS_BROKER, "certificate", BOTH, .set = set_path, .offset = BROKER(certificate),
	.max = TEXT_MAX, .access = ACCESS_READ, .tls = true},
    {SETTINGS_BROKER, "key", BOTH, .set = set_path, .offset = BROKER(key), .max = TEXT_MAX,
	.access = ACCESS_SECRET, .tls = true},
    {SETTINGS_BROKER, "key-passphrase-file", BOTH, .set = set_path,
	.offset = BROKER(key_passphrase_file), .max = TEXT_MAX, .access = ACCESS_SECRET,
	.tls = true},
    {SETTINGS_BROKER, "alpn", BOTH, .set = set_ascii, .offset = BROKER(alpn), .max = 255,
	.tls = true},
    {SETTINGS_BROKER, "tls-name", BOTH, .set = set_ascii, .offset = BROKER(tls_name), .max = 253,
	.tls = true},
    {SETTINGS_BROKER, "tls-min-version", BOTH, .set = set_tls_version,
	.offset = BROKER(tls_min_version), .max = TEXT_MAX, .tls = true},
    {SETTINGS_BROKER, "tls-verify", BOTH, .set = set_bool, .offset = BROKER(tls_verify),
	.tls = true},
    {SETTINGS_PEER, "address", VPND, .set = settings_add_peer_address, .list = true},
    {SETTINGS_PEER, "routes", VPND, .set = settings_add_route, .list = true},
    {SETTINGS_PEER, "public-key", VPND, .set = settings_set_public_key, .native = true},
    {SETTINGS_PEER, "wire", VPND, .set = set_word, .words = &wires, .offset = PEER(wire),
	.native = true},
    {SETTINGS_KEY_GROUP, "method", KEYD, .set = set_word, .words = &methods,
	.offset = KEY_GROUP(method)},
    {SETTINGS_KEY_GROUP, "lease", KEYD, .set = settings_set_seconds, .offset = KEY_GROUP(lease_s),
	.min = 10, .max = 86400},
    {SETTINGS_KEY_GROUP, "slot", KEYD, .set = settings_set_seconds, .offset = KEY_GROUP(slot_s),
	.min = 1, .max = 86400},
    {SETTINGS_KEY_GROUP, "depth", KEYD, .set = settings_set_number, .offset = KEY_GROUP(depth),
	.min = 4, .max = SLOTS_DEPTH_MAX},
    {SETTINGS_MEMBER, "public-key", KEYD, .set = settings_set_member_key},
    {SETTINGS_MEMBER, "public-key-file", KEYD, .set = settings_set_member_key_file,
	.max = TEXT_MAX},
    {SETTINGS_MEMBER, "groups", KEYD, .set = settings_add_member_group, .list = true},
    {SETTINGS_MEMBER, "address", KEYD, .set = settings_add_member_address, .list = true},
    {SETTINGS_MEMBER, "routes", KEYD, .set = settings_add_member_route, .list = true},
    {SETTINGS_MEMBER, "longest", KEYD, .set = settings_set_time, .offset = MEMBER(longest_s),
	.min = 1, .max = SETTINGS_TIME_MAX},
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
