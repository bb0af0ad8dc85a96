/*
 * Judging the draft as a whole: what is missing, and what contradicts what.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#define IPV6_MTU_MIN 1280 /* RFC 8200 section 5 */
/* By so much at most is a message longer than its packet: with a multicast packet's signature. */
#define MESSAGE_OVERHEAD 128
/* A part of a change of keys, told to all of a group. */
#define KEYD_MESSAGE_MAX (64 * 1024)

static int
check_interface(struct settings_draft *d)
{
	const struct settings *s = d->s;
	size_t i, j;

	if (s->interface == NULL)
		return settings_missing(
		    d, "interface", "-i", "interface \"NAME\" { address = \"ADDR/LEN\" }");
	if (s->addr_count == 0)
		return settings_missing(d, "address", "-a",
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

/* A broker that could not be sent a whole packet would lose the large ones only. */
static int
check_max_message(struct settings_draft *d, size_t number)
{
	bool keyd = d->program == SETTINGS_KEYD;
	uint32_t needed = keyd ? KEYD_MESSAGE_MAX : d->s->mtu + MESSAGE_OVERHEAD;
	uint32_t most = d->s->brokers[number].max_message;

	if (most == 0 || most >= needed)
		return 0;
	settings_look_at(d, SETTINGS_BROKER, "max-message", number, 0);
	if (d->line == 0)
		settings_look_at(d, SETTINGS_BROKER, "profile", number, 0);
	if (keyd)
		return settings_fail(d,
		    "%u is too small for what a key server tells a group: expected at least %u",
		    most, needed);
	return settings_fail(d,
	    "%u is too small for packets of %u bytes (mtu): expected at least %u, or a smaller mtu",
	    most, d->s->mtu, needed);
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
	return check_max_message(d, number);
}

int
settings_check_brokers(struct settings_draft *d)
{
	const struct settings *s = d->s;
	size_t i;

	if (s->broker_count == 0)
		return settings_missing(
		    d, "broker", "-b", "at least one, as in broker \"mqtt://HOST\" { }");
	if (settings_apply_profiles(d) == -1)
		return -1;
	for (i = 0; i < s->broker_count; i++) {
		if (check_broker(d, i) == -1)
			return -1;
	}
	return 0;
}

int
settings_check(struct settings_draft *d)
{
	if (d->program == SETTINGS_KEYD)
		return settings_check_keyd(d);
	if (settings_check_wire(d) == -1 || check_interface(d) == -1 ||
	    settings_check_brokers(d) == -1)
		return -1;
	return settings_check_claims(d);
}
