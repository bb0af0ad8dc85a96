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
#include "util.h"

#define TEXT_MAX 1024
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* Where the value of a key goes. */
static void *
field(struct settings_draft *d, const struct settings_key *k)
{
	struct settings *s = d->s;
	char *base = (char *)s;

	if (k->section == SETTINGS_BROKER)
		base = (char *)&s->brokers[d->number];
	else if (k->section == SETTINGS_PEER)
		base = (char *)&s->peers[d->number];
	return base + k->offset;
}

static int
replace_text(struct settings_draft *d, char **text, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return settings_no_memory(d);
	free(*text);
	*text = copy;
	return 0;
}

static int
check_text(struct settings_draft *d, const struct settings_key *k, const char *value)
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
	if (check_text(d, k, value) == -1)
		return -1;
	return replace_text(d, field(d, k), value);
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
set_path(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (value[0] != '/')
		return settings_fail(
		    d, "'%s' is not an absolute path: expected one that begins with '/'", value);
	return set_text(d, k, value);
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
	return parse_number(d, k, value, field(d, k));
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
	bool *b = field(d, k);
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

static int
set_wire(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (strcmp(value, "mqtt_vpn") != 0 && strcmp(value, "native") != 0)
		return settings_fail(d, "'%s' is not a wire: expected mqtt_vpn", value);
	return replace_text(d, &d->wire, value);
}

static int
set_passphrase_file(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	if (value[0] != '/')
		return settings_fail(
		    d, "'%s' is not an absolute path: expected one that begins with '/'", value);
	if (check_text(d, k, value) == -1)
		return -1;
	return replace_text(d, &d->passphrase_file, value);
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

/* What no host can have as its own address. */
static const char *
unfit(const struct addr *a)
{
	static const uint8_t limited[4] = {255, 255, 255, 255};
	struct addr broadcast = addr_from_bytes(ADDR_IPV4, limited);

	if (addr_is_multicast(a))
		return "a multicast address";
	if (addr_is_loopback(a))
		return "a loopback address";
	if (addr_is_unspecified(a))
		return "the unspecified address";
	if (addr_equal(a, &broadcast))
		return "the broadcast address";
	return NULL;
}

static int
parse_host(struct settings_draft *d, const char *value, struct addr *a)
{
	struct prefix p;
	const char *why;

	if (prefix_parse(value, &p) == -1)
		return settings_fail(d,
		    "'%s' is not an IP address: expected one such as 10.0.1.2 or "
		    "fd00:6d71::2",
		    value);
	if (p.len != addr_bits(&p.addr))
		return settings_fail(d,
		    "'%s' is a network: expected the address of one host, without a length", value);
	why = unfit(&p.addr);
	if (why != NULL)
		return settings_fail(d, "'%s' is %s: expected the address of one host", value, why);
	*a = p.addr;
	return 0;
}

static int
add_forward(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct addr *list;
	struct addr a;

	if (parse_host(d, value, &a) == -1)
		return -1;
	list = reallocarray(d->s->forwards, d->s->forward_count + 1, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	list[d->s->forward_count++] = a;
	d->s->forwards = list;
	return 0;
}

static int
add_peer_address(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct settings_peer *p = &d->s->peers[d->number];
	struct addr *list;
	struct addr a;

	if (parse_host(d, value, &a) == -1)
		return -1;
	list = reallocarray(p->addrs, p->addr_count + 1, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	list[p->addr_count++] = a;
	p->addrs = list;
	return 0;
}

static int
add_route(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct settings_peer *peer = &d->s->peers[d->number];
	struct prefix *list;
	struct prefix p, network;
	char text[PREFIX_TEXT_MAX];
	const char *why;

	if (prefix_parse(value, &p) == -1)
		return settings_fail(d,
		    "'%s' is not a network: expected one such as 192.168.5.0/24 "
		    "or fd00:5::/64",
		    value);
	network = prefix_network(&p);
	if (!addr_equal(&network.addr, &p.addr))
		return settings_fail(d, "'%s' is an address within a network: expected %s", value,
		    prefix_format(&network, text));
	why = addr_is_unspecified(&p.addr) && p.len != addr_bits(&p.addr) ? NULL : unfit(&p.addr);
	if (why != NULL)
		return settings_fail(d, "'%s' is %s: expected a network of hosts", value, why);
	list = reallocarray(peer->routes, peer->route_count + 1, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	list[peer->route_count++] = p;
	peer->routes = list;
	return 0;
}

static int
check_own(struct settings_draft *d, const char *value, const struct prefix *p)
{
	struct prefix network = prefix_network(p);
	struct addr broadcast = prefix_broadcast(p);
	const char *why = unfit(&p->addr);

	if (p->len == 0)
		return settings_fail(
		    d, "'%s' holds every address: expected a length above 0", value);
	if (why == NULL && p->len < addr_bits(&p->addr) - 1 && addr_equal(&p->addr, &network.addr))
		why = "the address of the network itself";
	if (why == NULL && addr_equal(&p->addr, &broadcast))
		why = "the broadcast address of its network";
	if (why != NULL)
		return settings_fail(d, "'%s' is %s: expected the address of one host", value, why);
	return 0;
}

static int
add_own_address(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	struct prefix *list;
	struct prefix p;

	if (strchr(value, '/') == NULL && addr_parse(value, &p.addr) == 0)
		return settings_fail(d, "'%s' has no prefix length: expected %s%s", value, value,
		    p.addr.family == ADDR_IPV4 ? "/24, say" : "/64, say");
	if (prefix_parse(value, &p) == -1)
		return settings_fail(d,
		    "'%s' is not an address with a prefix length: expected one "
		    "such as 10.0.1.1/24 or fd00:6d71::1/64",
		    value);
	if (check_own(d, value, &p) == -1)
		return -1;
	list = reallocarray(d->s->addrs, d->s->addr_count + 1, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	list[d->s->addr_count++] = p;
	d->s->addrs = list;
	return 0;
}

#define ROOT(field) offsetof(struct settings, field)
#define BROKER(field) offsetof(struct settings_broker, field)

static const struct settings_key keys[] = {
    {SETTINGS_ROOT, "wire", .set = set_wire},
    {SETTINGS_ROOT, "passphrase-file", .set = set_passphrase_file, .max = TEXT_MAX,
	.access = ACCESS_SECRET},
    {SETTINGS_ROOT, "topic-prefix", .set = set_topic_prefix, .offset = ROOT(topic_prefix),
	.max = COMPAT_PREFIX_MAX},
    {SETTINGS_ROOT, "client-id", .set = set_ascii, .offset = ROOT(client_id), .max = 128},
    {SETTINGS_ROOT, "forward", .set = add_forward, .list = true},
    {SETTINGS_ROOT, "log-level", .set = set_level},
    {SETTINGS_ROOT, "pid-file", .set = set_path, .offset = ROOT(pid_file), .max = TEXT_MAX},
    {SETTINGS_ROOT, "control-socket", .set = set_path, .offset = ROOT(control_socket),
	.max = SOCKET_PATH_MAX},
    {SETTINGS_ROOT, "control-group", .set = set_ascii, .offset = ROOT(control_group), .max = 64},
    {SETTINGS_ROOT, "user", .set = set_ascii, .offset = ROOT(user), .max = 64},
    {SETTINGS_ROOT, "group", .set = set_ascii, .offset = ROOT(group), .max = 64},
    {SETTINGS_ROOT, "network", .native = true},
    {SETTINGS_ROOT, "mode", .native = true},
    {SETTINGS_ROOT, "private-key-file", .native = true},
    {SETTINGS_INTERFACE, "address", .set = add_own_address, .list = true},
    {SETTINGS_INTERFACE, "mtu", .set = set_mtu, .min = 576, .max = COMPAT_PACKET_MAX},
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
    {SETTINGS_PEER, "address", .set = add_peer_address, .list = true},
    {SETTINGS_PEER, "routes", .set = add_route, .list = true},
    {SETTINGS_PEER, "public-key", .native = true},
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
	struct settings_place *list;

	if (k->native)
		return settings_fail(d, "part of the native wire, which this version does "
					"not have: expected no such key");
	if (k->set(d, k, value) == -1)
		return -1;
	if (!k->list)
		settings_place_drop(d, k, number, 0);
	list = reallocarray(d->places, d->place_count + 1, sizeof(*list));
	if (list == NULL)
		return settings_no_memory(d);
	d->places = list;
	list[d->place_count] = (struct settings_place){.key = k,
	    .number = number,
	    .index = settings_place_count(d, k, number),
	    .line = d->line,
	    .option = d->option};
	d->place_count++;
	return 0;
}
