/*
 * Judging the draft as a whole: what is missing, what contradicts what, and whether the named files
 * are there and kept safe.
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

#include "util.h"

#define IPV6_MTU_MIN 1280 /* RFC 8200 section 5 */
#define PASSPHRASE_FILE_MAX 4096

/* Nobody said it, so it is in no place: without a file, the option is to blame. */
static int
missing(struct settings_draft *d, const char *key, const char *option, const char *expected)
{
	d->key = key;
	d->line = 0;
	d->option = d->s->file == NULL ? option : NULL;
	settings_fail(d, "missing: expected %s", expected);
	return -1;
}

static int
check_wire(struct settings_draft *d)
{
	if (d->wire == NULL)
		return missing(d, "wire", "--wire",
		    d->s->file == NULL ? "--wire=mqtt_vpn" : "wire = mqtt_vpn");
	if (strcmp(d->wire, "native") == 0) {
		settings_look_at(d, SETTINGS_ROOT, "wire", 0, 0);
		return settings_fail(d, "native is not part of this version: expected mqtt_vpn");
	}
	return 0;
}

static int
check_interface(struct settings_draft *d)
{
	const struct settings *s = d->s;
	size_t i, j;

	if (s->interface == NULL)
		return missing(
		    d, "interface", "-i", "interface \"NAME\" { address = \"ADDR/LEN\" }");
	if (s->addr_count == 0)
		return missing(d, "address", "-a",
		    d->s->file == NULL ? "the interface's own address"
				       : "address = \"ADDR/LEN\" in the section interface");
	for (i = 0; i < s->addr_count; i++) {
		for (j = 0; j < i; j++) {
			if (!addr_equal(&s->addrs[i].addr, &s->addrs[j].addr))
				continue;
			settings_look_at(d, SETTINGS_INTERFACE, "address", 0, i);
			return settings_fail(d, "this address is listed twice: expected it once");
		}
		if (s->addrs[i].addr.family == ADDR_IPV6 && s->mtu < IPV6_MTU_MIN) {
			settings_look_at(d, SETTINGS_INTERFACE, "mtu", 0, 0);
			return settings_fail(d,
			    "%u is too small for IPv6: expected at least %d, or no IPv6 address",
			    s->mtu, IPV6_MTU_MIN);
		}
	}
	return 0;
}

static int
check_tls_keys(struct settings_draft *d, size_t number)
{
	const struct settings_key *k;

	for (k = settings_keys(); k->name != NULL; k++) {
		if (!k->tls || settings_place_find(d, k, number, 0) == NULL)
			continue;
		settings_look_at(d, SETTINGS_BROKER, k->name, number, 0);
		return settings_fail(d,
		    "of no use without TLS: expected a broker of scheme "
		    "mqtts, not '%s'",
		    d->s->brokers[number].url);
	}
	return 0;
}

/* A key that is of use only together with another. */
static int
check_pair(struct settings_draft *d, size_t number, const char *key, const char *value,
    const char *other, const char *other_value)
{
	if (value == NULL || other_value != NULL)
		return 0;
	settings_look_at(d, SETTINGS_BROKER, key, number, 0);
	return settings_fail(d, "of no use without %s: expected both", other);
}

static int
check_broker(struct settings_draft *d, size_t number)
{
	const struct settings_broker *b = &d->s->brokers[number];

	if (b->transport != TRANSPORT_TLS && check_tls_keys(d, number) == -1)
		return -1;
	if (b->password_file != NULL && b->password_command != NULL) {
		settings_look_at(d, SETTINGS_BROKER, "password-command", number, 0);
		return settings_fail(
		    d, "there is a password-file as well: expected one of the two");
	}
	if (check_pair(d, number, "certificate", b->certificate, "key", b->key) == -1 ||
	    check_pair(d, number, "key", b->key, "certificate", b->certificate) == -1 ||
	    check_pair(d, number, "key-passphrase-file", b->key_passphrase_file, "key", b->key) ==
		-1 ||
	    check_pair(d, number, "password-file", b->password_file, "username", b->username) ==
		-1 ||
	    check_pair(
		d, number, "password-command", b->password_command, "username", b->username) == -1)
		return -1;
	return 0;
}

static struct prefix
host_prefix(const struct addr *a)
{
	return (struct prefix){.addr = *a, .len = addr_bits(a)};
}

static size_t
claim_count(const struct settings_peer *p)
{
	return p->addr_count + p->route_count;
}

/* What a peer claims: its addresses, as host routes, and then its routes. */
static struct prefix
claim(const struct settings_peer *p, size_t i)
{
	return i < p->addr_count ? host_prefix(&p->addrs[i]) : p->routes[i - p->addr_count];
}

static const char *
format_claim(const struct prefix *c, char *text)
{
	return c->len == addr_bits(&c->addr) ? addr_format(&c->addr, text) : prefix_format(c, text);
}

static void
look_at_claim(struct settings_draft *d, size_t number, size_t i)
{
	size_t addr_count = d->s->peers[number].addr_count;

	if (i < addr_count)
		settings_look_at(d, SETTINGS_PEER, "address", number, i);
	else
		settings_look_at(d, SETTINGS_PEER, "routes", number, i - addr_count);
}

static int
check_claim_against_own(struct settings_draft *d, size_t number, size_t i)
{
	const struct settings *s = d->s;
	struct prefix c = claim(&s->peers[number], i);
	char text[PREFIX_TEXT_MAX];
	const char *why = NULL;
	size_t j;

	for (j = 0; j < s->addr_count && why == NULL; j++) {
		struct prefix host = host_prefix(&s->addrs[j].addr);
		struct addr broadcast = prefix_broadcast(&s->addrs[j]);

		if (prefix_equal(&c, &host))
			why = "this node's own address";
		else if (prefix_equal(&c, &s->addrs[j]))
			why = "the network of this node's own interface";
		else if (c.len == addr_bits(&c.addr) && addr_equal(&c.addr, &broadcast))
			why = "the broadcast address of this node's own network";
	}
	if (why == NULL)
		return 0;
	look_at_claim(d, number, i);
	return settings_fail(d, "%s is %s: expected one of the peer '%s'", format_claim(&c, text),
	    why, s->peers[number].name);
}

static int
check_peer(struct settings_draft *d, size_t number)
{
	const struct settings_peer *p = &d->s->peers[number];
	size_t i;

	if (p->addr_count == 0) {
		d->key = "peer";
		d->line = p->line;
		d->option = NULL;
		return settings_fail(
		    d, "'%s' has no address: expected address = \"ADDR\"", p->name);
	}
	for (i = 0; i < claim_count(p); i++) {
		if (check_claim_against_own(d, number, i) == -1)
			return -1;
	}
	return 0;
}

struct placed_claim {
	struct prefix network; /* host bits zero */
	size_t number;	       /* which peer */
	size_t i;	       /* which claim of it */
};

static int
compare_places(const struct placed_claim *a, const struct placed_claim *b)
{
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->i < b->i ? -1 : a->i > b->i;
}

/* Equal ones stand together, in the order of their places. */
static int
compare_claims(const void *left, const void *right)
{
	const struct placed_claim *a = left, *b = right;
	int order = (int)a->network.addr.family - (int)b->network.addr.family;

	if (order == 0)
		order = (int)a->network.len - (int)b->network.len;
	if (order == 0)
		order = memcmp(
		    a->network.addr.bytes, b->network.addr.bytes, sizeof(a->network.addr.bytes));
	return order != 0 ? order : compare_places(a, b);
}

/* In their order in the file. Returns NULL when memory is short. */
static struct placed_claim *
list_claims(const struct settings *s, size_t *count)
{
	struct placed_claim *list;
	size_t number, i, n = 0;

	for (number = 0; number < s->peer_count; number++)
		n += claim_count(&s->peers[number]);
	list = calloc(n + 1, sizeof(*list));
	*count = n;
	n = 0;
	for (number = 0; list != NULL && number < s->peer_count; number++) {
		for (i = 0; i < claim_count(&s->peers[number]); i++) {
			struct prefix c = claim(&s->peers[number], i);

			list[n++] = (struct placed_claim){prefix_network(&c), number, i};
		}
	}
	return list;
}

static int
check_claims_differ(struct settings_draft *d)
{
	const struct settings_peer *peers = d->s->peers;
	const struct placed_claim *second = NULL, *first = NULL;
	struct placed_claim *list;
	char text[PREFIX_TEXT_MAX];
	size_t count, i;

	list = list_claims(d->s, &count);
	if (list == NULL)
		return settings_no_memory(d);
	qsort(list, count, sizeof(*list), compare_claims);
	for (i = 1; i < count; i++) {
		if (!prefix_equal(&list[i - 1].network, &list[i].network) ||
		    (second != NULL && compare_places(second, &list[i]) < 0))
			continue;
		first = &list[i - 1];
		second = &list[i];
	}
	if (second != NULL) {
		look_at_claim(d, second->number, second->i);
		settings_fail(d, "%s is given to peer '%s' in line %u already: expected it once",
		    format_claim(&first->network, text), peers[first->number].name,
		    peers[first->number].line);
	}
	free(list);
	return second == NULL ? 0 : -1;
}

static bool
is_peer_address(const struct settings *s, const struct addr *a)
{
	size_t i, j;

	for (i = 0; i < s->peer_count; i++) {
		for (j = 0; j < s->peers[i].addr_count; j++) {
			if (addr_equal(a, &s->peers[i].addrs[j]))
				return true;
		}
	}
	return false;
}

static int
check_forward(struct settings_draft *d, size_t index)
{
	const struct settings *s = d->s;
	const struct addr *a = &s->forwards[index];
	const char *why = is_peer_address(s, a) ? "is a peer's address" : NULL;
	char text[ADDR_TEXT_MAX];
	size_t i;

	for (i = 0; i < s->addr_count; i++) {
		if (addr_equal(a, &s->addrs[i].addr))
			why = "is this node's own address, which it receives anyway";
	}
	for (i = 0; i < index; i++) {
		if (addr_equal(a, &s->forwards[i]))
			why = "is listed twice";
	}
	if (why == NULL)
		return 0;
	settings_look_at(d, SETTINGS_ROOT, "forward", 0, index);
	return settings_fail(d, "%s %s: expected another address", addr_format(a, text), why);
}

int
settings_check(struct settings_draft *d)
{
	const struct settings *s = d->s;
	size_t i;

	if (check_wire(d) == -1 || check_interface(d) == -1)
		return -1;
	if (s->broker_count == 0)
		return missing(d, "broker", "-b", "at least one, as in broker \"mqtt://HOST\" { }");
	for (i = 0; i < s->broker_count; i++) {
		if (check_broker(d, i) == -1)
			return -1;
	}
	for (i = 0; i < s->peer_count; i++) {
		if (check_peer(d, i) == -1)
			return -1;
	}
	if (check_claims_differ(d) == -1)
		return -1;
	for (i = 0; i < s->forward_count; i++) {
		if (check_forward(d, i) == -1)
			return -1;
	}
	return 0;
}

static int
check_readable(struct settings_draft *d, const char *path)
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
	return rc == -1 ? -1 : check_readable(d, path);
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
		if (k->access == ACCESS_READ && check_readable(d, path) == -1)
			return -1;
	}
	return 0;
}

static int
read_passphrase(struct settings_draft *d)
{
	const char *path = d->passphrase_file;
	char *text, *rest, *why = NULL;

	if (path == NULL)
		return 0;
	settings_look_at(d, SETTINGS_ROOT, "passphrase-file", 0, 0);
	text = util_read_secret(path, PASSPHRASE_FILE_MAX, &why);
	if (text == NULL) {
		if (why == NULL)
			settings_no_memory(d);
		else
			settings_fail(d, "%s", why);
		free(why);
		return -1;
	}
	rest = text + strcspn(text, "\r\n");
	explicit_bzero(rest, strlen(rest)); /* the first line alone is kept, and wiped later */
	d->s->password = text;
	if (text[0] == '\0')
		return settings_fail(
		    d, "%s: the first line is empty: expected the passphrase in it", path);
	return 0;
}

int
settings_check_files(struct settings_draft *d)
{
	size_t i;

	if (read_passphrase(d) == -1)
		return -1;
	for (i = 0; i < d->s->broker_count; i++) {
		if (check_broker_files(d, i) == -1)
			return -1;
	}
	return 0;
}
