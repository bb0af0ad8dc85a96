/*
 * The command line over the file. An option goes through the same setter as the key that it stands
 * for, so it is judged alike.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "util.h"

#define DEFAULT_NETMASK "255.255.255.0"
#define DEFAULT_LEN6 64

/* What stands for one key outside the sections. */
static const struct single {
	const char *option;
	const char *key;
	size_t offset;
} singles[] = {
    {"--wire", "wire", offsetof(struct options, wire)},
    {"--network", "network", offsetof(struct options, network)},
    {"--passphrase-file", "passphrase-file", offsetof(struct options, passphrase_file)},
    {"-n", "client-id", offsetof(struct options, client_id)},
    {"-P", "pid-file", offsetof(struct options, pid_file)},
    {"-s", "control-socket", offsetof(struct options, control_socket)},
};

static int
set_root(struct settings_draft *d, const char *option, const char *key, const char *value)
{
	d->option = option;
	return settings_set(d, settings_key_find(SETTINGS_ROOT, key), value);
}

static int
apply_singles(struct settings_draft *d, const struct options *o)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(singles); i++) {
		const void *at = (const char *)o + singles[i].offset;
		const char *value = *(char *const *)at;

		if (value != NULL && set_root(d, singles[i].option, singles[i].key, value) == -1)
			return -1;
	}
	return 0;
}

static int
apply_forwards(struct settings_draft *d, const struct options *o)
{
	const struct settings_key *k = settings_key_find(SETTINGS_ROOT, "forward");
	size_t i;

	if (o->forward_count == 0)
		return 0;
	settings_place_drop_all(d, k);
	d->s->forward_count = 0;
	for (i = 0; i < o->forward_count; i++) {
		if (set_root(d, o->program == PROGRAM_MQTT_VPN ? "-t" : "--forward", "forward",
			o->forwards[i]) == -1)
			return -1;
	}
	return 0;
}

static void
drop_addresses(struct settings_draft *d, enum addr_family family)
{
	const struct settings_key *k = settings_key_find(SETTINGS_INTERFACE, "address");
	struct settings *s = d->s;
	size_t i = 0;

	while (i < s->addr_count) {
		if (s->addrs[i].addr.family != family) {
			i++;
			continue;
		}
		s->addr_count--;
		memmove(&s->addrs[i], &s->addrs[i + 1], (s->addr_count - i) * sizeof(*s->addrs));
		settings_place_drop(d, k, 0, i);
	}
}

static int
check_family(struct settings_draft *d, const char *value, enum addr_family family)
{
	struct prefix p;

	if (prefix_parse(value, &p) == 0 && p.addr.family == family)
		return 0;
	if (family == ADDR_IPV4)
		return settings_fail(
		    d, "'%s' is not an IPv4 address: expected one such as 10.0.1.1/24", value);
	return settings_fail(
	    d, "'%s' is not an IPv6 address: expected one such as fd00:6d71::1/64", value);
}

/* value has its length, or gets the one given; option is -a or -6. */
static int
set_address(struct settings_draft *d, const char *option, const char *value, unsigned int len)
{
	const struct settings_key *k = settings_key_find(SETTINGS_INTERFACE, "address");
	char *text;
	int rc;

	d->option = option;
	text = strchr(value, '/') == NULL ? util_format("%s/%u", value, len) : strdup(value);
	if (text == NULL)
		return settings_no_memory(d);
	rc = settings_set(d, k, text);
	free(text);
	return rc;
}

static int
apply_address4(struct settings_draft *d, const struct options *o)
{
	const char *mask = o->netmask == NULL ? DEFAULT_NETMASK : o->netmask;
	int len;

	d->option = "-m";
	if (o->netmask != NULL && o->address4 == NULL)
		return settings_fail(d, "of no use without -a: expected an address");
	if (o->address4 == NULL)
		return 0;
	if (o->netmask != NULL && strchr(o->address4, '/') != NULL)
		return settings_fail(d, "-a gives the length already: expected one of the two");
	len = prefix_len_from_netmask(mask);
	if (len == -1)
		return settings_fail(d,
		    "'%s' is not a netmask: expected one such as %s, or -a ADDRESS/LEN instead",
		    mask, DEFAULT_NETMASK);
	d->option = "-a";
	if (check_family(d, o->address4, ADDR_IPV4) == -1)
		return -1;
	drop_addresses(d, ADDR_IPV4);
	return set_address(d, "-a", o->address4, (unsigned int)len);
}

static int
apply_address6(struct settings_draft *d, const struct options *o)
{
	bool old_name = o->program == PROGRAM_MQTT_VPN;
	uint64_t len = DEFAULT_LEN6;

	d->option = old_name ? "-x" : "-p";
	/* Scripts for the old program may give it always, as that program did not mind. */
	if (o->prefix_len6 != NULL && o->address6 == NULL && !old_name)
		return settings_fail(d, "of no use without -6: expected an address");
	if (o->address6 == NULL)
		return 0;
	if (o->prefix_len6 != NULL && strchr(o->address6, '/') != NULL)
		return settings_fail(d, "-6 gives the length already: expected one of the two");
	if (o->prefix_len6 != NULL && util_parse_uint(o->prefix_len6, 1, 128, &len) == -1) {
		/* Not quoted: it may be the password of somebody who forgot -u. */
		if (old_name)
			return settings_fail(d, "not a prefix length, which -p gives too where "
						"there is no -u: expected a number from 1 to 128");
		return settings_fail(d,
		    "'%s' is not a prefix length: expected a number from 1 to 128", o->prefix_len6);
	}
	d->option = "-6";
	if (check_family(d, o->address6, ADDR_IPV6) == -1)
		return -1;
	drop_addresses(d, ADDR_IPV6);
	return set_address(d, "-6", o->address6, (unsigned int)len);
}

/* The old program never checked whom it spoke to, and has no way to be told a CA. */
static int
add_brokers(struct settings_draft *d, const struct options *o)
{
	struct settings *s = d->s;
	size_t i;

	if (o->broker_count > 0)
		settings_drop_brokers(d);
	for (i = 0; i < o->broker_count; i++) {
		d->option = "-b";
		if (settings_add_broker(d, o->brokers[i]) == -1)
			return -1;
		s->brokers[s->broker_count - 1].tls_verify = o->program != PROGRAM_MQTT_VPN;
	}
	return 0;
}

static int
apply_brokers(struct settings_draft *d, const struct options *o)
{
	const struct settings_key *username = settings_key_find(SETTINGS_BROKER, "username");
	struct settings *s = d->s;

	if (add_brokers(d, o) == -1)
		return -1;
	for (d->number = 0; d->number < s->broker_count && o->username != NULL; d->number++) {
		d->option = "-u";
		if (settings_set(d, username, o->username) == -1)
			return -1;
		if (o->broker_password == NULL)
			continue;
		s->brokers[d->number].password = strdup(o->broker_password);
		if (s->brokers[d->number].password == NULL)
			return settings_no_memory(d);
	}
	return 0;
}

static int
apply_password(struct settings_draft *d, const struct options *o)
{
	d->option = "-k";
	if (o->password == NULL)
		return 0;
	if (o->passphrase_file != NULL)
		return settings_fail(
		    d, "--passphrase-file is given as well: expected one of the two");
	if (o->password[0] == '\0')
		return settings_fail(d, "empty: expected a password");
	d->s->password = strdup(o->password);
	if (d->s->password == NULL)
		return settings_no_memory(d);
	free(d->passphrase_file);
	d->passphrase_file = NULL;
	return 0;
}

static int
apply_interface(struct settings_draft *d, const struct options *o)
{
	d->option = "-i";
	return o->interface == NULL ? 0 : settings_set_interface(d, o->interface);
}

int
settings_apply_options(struct settings_draft *d, const struct options *o)
{
	bool old_name = o->program == PROGRAM_MQTT_VPN;
	int rc = -1;

	d->key = NULL;
	d->line = 0;
	if (o->debug)
		d->s->log_level = LOG_LEVEL_DEBUG;
	d->s->foreground = o->foreground;
	d->s->old_name = old_name;
	if ((!old_name || set_root(d, "mqtt_vpn", "wire", "mqtt_vpn") == 0) &&
	    apply_interface(d, o) == 0 && apply_singles(d, o) == 0 && apply_password(d, o) == 0 &&
	    apply_address4(d, o) == 0 && apply_address6(d, o) == 0 && apply_forwards(d, o) == 0 &&
	    apply_brokers(d, o) == 0)
		rc = 0;
	d->option = NULL;
	return rc;
}
