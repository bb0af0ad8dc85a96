/*
 * The topics of a node, for the access rules of a broker.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_topics.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "addr.h"
#include "aead.h"
#include "aead_hash.h"
#include "compat.h"
#include "network.h"
#include "util.h"

#define ADDRESSES_MAX 256
#define SECRET_FILE_MAX 4096
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

struct topics_request {
	const char *network, *passphrase_file, *prefix, *group;
	uint64_t passes, memory_mib;
	bool plain, old_wire, has_key, has_server;
	struct addr addrs[ADDRESSES_MAX];
	size_t addr_count;
	uint8_t public_key[AEAD_KEY_LEN], key_server[AEAD_KEY_LEN];
};

static int
wrong(char **error, const char *key, const char *value, const char *expected)
{
	*error = util_format("topics: %s: '%s': expected %s", key, value, expected);
	return -1;
}

static bool
is_of(const char *text, const char *letters, size_t most)
{
	size_t len = strlen(text);

	return len > 0 && len <= most && strspn(text, letters) == len;
}

static int
take_name(const char **name, const char *key, const char *value, char **error)
{
	if (!is_of(value, LETTERS ".", NETWORK_NAME_MAX))
		return wrong(error, key, value, "1 to 64 letters, digits, '-', '_' and '.'");
	*name = value;
	return 0;
}

static int
take_network(struct topics_request *r, const char *key, const char *value, char **error)
{
	return take_name(&r->network, key, value, error);
}

static int
take_group(struct topics_request *r, const char *key, const char *value, char **error)
{
	return take_name(&r->group, key, value, error);
}

static int
take_prefix(struct topics_request *r, const char *key, const char *value, char **error)
{
	if (!is_of(value, LETTERS "/", NETWORK_PREFIX_MAX) || value[0] == '/' ||
	    value[strlen(value) - 1] == '/' || strstr(value, "//") != NULL)
		return wrong(error, key, value,
		    "up to 64 letters, digits, '-' and '_', with single '/' between them");
	r->prefix = value;
	return 0;
}

static int
take_file(struct topics_request *r, const char *key, const char *value, char **error)
{
	r->passphrase_file = value;
	return 0;
}

static int
take_passes(struct topics_request *r, const char *key, const char *value, char **error)
{
	if (util_parse_uint(value, 1, 16, &r->passes) == -1)
		return wrong(error, key, value, "a number from 1 to 16");
	return 0;
}

static int
take_memory(struct topics_request *r, const char *key, const char *value, char **error)
{
	if (util_parse_uint(value, 8, 1024, &r->memory_mib) == -1)
		return wrong(error, key, value, "a number of MiB from 8 to 1024");
	return 0;
}

static int
take_topics(struct topics_request *r, const char *key, const char *value, char **error)
{
	r->plain = strcmp(value, "plain") == 0;
	if (!r->plain && strcmp(value, "hashed") != 0)
		return wrong(error, key, value, "hashed or plain");
	return 0;
}

static int
take_wire(struct topics_request *r, const char *key, const char *value, char **error)
{
	r->old_wire = strcmp(value, "mqtt_vpn") == 0;
	if (!r->old_wire && strcmp(value, "native") != 0)
		return wrong(error, key, value, "native or mqtt_vpn");
	return 0;
}

static int
take_address(struct topics_request *r, const char *key, const char *value, char **error)
{
	if (r->addr_count == ADDRESSES_MAX)
		return wrong(error, key, value, "no more than 256 addresses");
	if (addr_parse(value, &r->addrs[r->addr_count]) == -1)
		return wrong(error, key, value, "an address such as 10.0.1.1 or fd00:6d71::1");
	r->addr_count++;
	return 0;
}

static int
take_public_key(struct topics_request *r, const char *key, const char *value, char **error)
{
	r->has_key = aead_key_parse(r->public_key, value) == 0;
	return r->has_key ? 0 : wrong(error, key, value, "what 'mqtt-vpnctl pubkey' prints");
}

static int
take_key_server(struct topics_request *r, const char *key, const char *value, char **error)
{
	r->has_server = aead_key_parse(r->key_server, value) == 0;
	return r->has_server ? 0 : wrong(error, key, value, "what 'mqtt-vpnctl pubkey' prints");
}

static const struct topics_key {
	const char *name;
	int (*take)(struct topics_request *r, const char *key, const char *value, char **error);
} topics_keys[] = {
    {"network", take_network},
    {"passphrase-file", take_file},
    {"kdf-passes", take_passes},
    {"kdf-memory", take_memory},
    {"topics", take_topics},
    {"topic-prefix", take_prefix},
    {"wire", take_wire},
    {"key-server", take_key_server},
    {"group-name", take_group},
    {"address", take_address},
    {"public-key", take_public_key},
};

static int
take_word(struct topics_request *r, const char *word, char **error)
{
	for (size_t i = 0; i < ARRAY_LEN(topics_keys); i++) {
		size_t len = strlen(topics_keys[i].name);

		if (strncmp(word, topics_keys[i].name, len) == 0 && word[len] == '=')
			return topics_keys[i].take(r, topics_keys[i].name, word + len + 1, error);
	}
	*error =
	    util_format("topics: '%s': expected KEY=VALUE, with a key of mqtt-vpn.conf(5) that "
			"topics follow from",
		word);
	return -1;
}

static int
check_request(const struct topics_request *r, char **error)
{
	const char *missing = NULL;

	if (r->network == NULL && !r->old_wire)
		missing = "network=NAME";
	else if (r->has_server && !r->has_key)
		missing = "public-key=KEY, the member's or the key server's own";
	else if (!r->has_server && (r->has_key || r->group != NULL))
		missing = "key-server=KEY, as group-name and public-key are of a member";
	else if (!r->has_server && r->addr_count == 0)
		missing = "address=ADDRESS";
	else if (r->plain && r->network != NULL && strchr(r->network, '.') != NULL)
		missing = "a network without '.', as topics are plain";
	if (missing == NULL)
		return 0;
	*error = util_format("topics: expected %s", missing);
	return -1;
}

/* Returns 0, or -1 with a new string in *error. */
static int
read_secret(const struct topics_request *r, uint8_t secret[AEAD_KEY_LEN], char **error)
{
	char *text = util_read_secret(r->passphrase_file, SECRET_FILE_MAX, error);
	int rc = -1;

	if (text == NULL)
		return -1;
	text[strcspn(text, "\r\n")] = '\0';
	if (text[0] == '\0')
		*error = util_format("%s: its first line is empty", r->passphrase_file);
	else if (aead_key_parse(secret, text) == 0 ||
		 network_secret(secret, text, r->network, (uint32_t)r->passes,
		     (uint32_t)r->memory_mib * 1024) == 0)
		rc = 0;
	else
		*error = util_format("the passphrase cannot be turned into a key: %u MiB of memory "
				     "are needed for it (kdf-memory)",
		    (unsigned int)r->memory_mib);
	util_free_secret(text);
	return rc;
}

static void
print_topic(
    FILE *out, const char *access, const struct network *n, const char *to, const char *from)
{
	char topic[NETWORK_TOPIC_MAX];

	fprintf(out, "%s %s\n", access, network_topic(n, topic, to, from));
}

/* Of an id in the network that carries packets. */
static void
print_id(FILE *out, const struct network *n, const struct addr *a)
{
	struct network_id id;

	network_id(n, a, &id);
	print_topic(out, "read", n, id.part, "+");
	print_topic(out, "write", n, "+", id.part);
}

static void
print_native(FILE *out, const struct topics_request *r, struct network_params *p)
{
	struct network n;

	/* Without a secret keys follow from the name, which network_init() allows for these only.
	 */
	p->mode = p->secret != NULL ? NETWORK_PSK : NETWORK_PUBKEY;
	p->name = r->network;
	network_init(&n, p);
	for (size_t i = 0; i < r->addr_count; i++)
		print_id(out, &n, &r->addrs[i]);
	print_topic(out, "read", &n, n.broadcast_part, "+");
	network_clear(&n);
}

/* Between a member and the key server. */
static void
print_control(FILE *out, const struct topics_request *r, struct network_params *p)
{
	struct addr own_id = network_control_addr(r->public_key);
	struct addr server_id = network_control_addr(r->key_server);
	char group[NETWORK_PART_MAX];
	struct network_id own, server;
	struct network n;

	p->mode = NETWORK_PUBKEY;
	p->name = r->network;
	p->control = true;
	network_init(&n, p);
	network_id(&n, &own_id, &own);
	network_id(&n, &server_id, &server);
	if (addr_equal(&own_id, &server_id)) {
		print_topic(out, "read", &n, own.part, "+");
		print_topic(out, "write", &n, "+", own.part);
	} else {
		network_group_part(&n, r->group != NULL ? r->group : r->network, group);
		print_topic(out, "read", &n, own.part, server.part);
		print_topic(out, "read", &n, group, server.part);
		print_topic(out, "write", &n, server.part, own.part);
	}
	network_clear(&n);
}

static void
print_group(FILE *out, const struct topics_request *r, struct network_params *p)
{
	struct addr id = network_control_addr(r->public_key);
	struct network n;

	print_control(out, r, p);
	if (memcmp(r->public_key, r->key_server, AEAD_KEY_LEN) == 0)
		return;
	p->mode = NETWORK_GROUP;
	p->name = r->group != NULL ? r->group : r->network;
	p->control = false;
	network_init(&n, p);
	print_id(out, &n, &id);
	print_topic(out, "read", &n, n.broadcast_part, "+");
	network_clear(&n);
}

/* Who sends does not stand in these topics. */
static void
print_old(FILE *out, const struct topics_request *r)
{
	char topic[COMPAT_TOPIC_MAX];

	for (size_t i = 0; i < r->addr_count; i++)
		fprintf(out, "read %s\n", compat_topic(topic, r->prefix, &r->addrs[i]));
	fprintf(out, "read %s\nwrite %s/+\n", compat_broadcast_topic(topic, r->prefix), r->prefix);
}

int
vpnctl_topics(FILE *out, int count, char **words, char **error)
{
	struct topics_request r = {.prefix = COMPAT_PREFIX, .passes = 3, .memory_mib = 64};
	struct network_params p = {0};
	uint8_t secret[AEAD_KEY_LEN];

	*error = NULL;
	for (int i = 0; i < count; i++)
		if (take_word(&r, words[i], error) == -1)
			return -1;
	if (check_request(&r, error) == -1)
		return -1;
	if (r.old_wire) {
		print_old(out, &r);
		return 0;
	}
	if (aead_init() == -1 ||
	    (r.passphrase_file != NULL && read_secret(&r, secret, error) == -1))
		return -1;
	p.prefix = r.prefix;
	p.plain_topics = r.plain;
	p.secret = r.passphrase_file != NULL ? secret : NULL;
	if (r.has_server)
		print_group(out, &r, &p);
	else
		print_native(out, &r, &p);
	aead_wipe(secret, sizeof(secret));
	return 0;
}
