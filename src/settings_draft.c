/*
 * The draft: where values are gathered, what is said about them, and the sections.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "util.h"

#define INTERFACE_MAX 15 /* IFNAMSIZ less its NUL */
#define KDF_PASSES 3
#define KDF_MEMORY_MIB 64
#define REKEY_S 120

static int
set_keyd_defaults(struct settings *s)
{
	s->store = strdup(SETTINGS_DEFAULT_KEYD_STORE);
	s->control_socket = strdup(SETTINGS_DEFAULT_KEYD_SOCKET);
	return s->store == NULL || s->control_socket == NULL ? -1 : 0;
}

int
settings_draft_init(struct settings_draft *d, enum settings_program program)
{
	*d = (struct settings_draft){.program = program};
	d->s = calloc(1, sizeof(*d->s));
	if (d->s == NULL)
		return -1;
	d->s->topic_prefix = strdup(COMPAT_PREFIX);
	d->s->mtu = COMPAT_PACKET_MAX;
	d->s->log_level = LOG_LEVEL_INFO;
	d->s->kdf_passes = KDF_PASSES;
	d->s->kdf_memory_mib = KDF_MEMORY_MIB;
	d->s->rekey_s = REKEY_S;
	d->s->sign_broadcasts = true;
	if (program == SETTINGS_KEYD && set_keyd_defaults(d->s) == -1)
		return -1;
	return d->s->topic_prefix == NULL ? -1 : 0;
}

static void
free_members(struct settings_draft *d)
{
	for (size_t i = 0; i < d->member_count; i++)
		free(d->members[i].public_key_file);
	free(d->members);
}

void
settings_draft_clear(struct settings_draft *d)
{
	size_t i;

	free_members(d);
	settings_free(d->s);
	free(d->passphrase_file);
	free(d->private_key_file);
	free(d->mqtt_vpn_password_file);
	free(d->broker_lines);
	for (i = 0; i < ARRAY_LEN(d->places); i++)
		free(d->places[i].list);
	free(d->error);
	*d = (struct settings_draft){0};
}

/* "/etc/mqtt-vpn.conf:12: mtu: ", with what is known of it; "" if memory is short. */
static char *
format_place(const struct settings_draft *d)
{
	const char *file = d->s->file;
	char line[16] = "";

	if (d->option != NULL)
		return util_format("%s: ", d->option);
	if (file != NULL && d->line > 0)
		snprintf(line, sizeof(line), ":%u", d->line);
	return util_format("%s%s%s%s%s", file == NULL ? "" : file, line, file == NULL ? "" : ": ",
	    d->key == NULL ? "" : d->key, d->key == NULL ? "" : ": ");
}

int
settings_fail(struct settings_draft *d, const char *fmt, ...)
{
	char *text = NULL;
	char *place;
	va_list ap;

	if (d->error != NULL)
		return -1;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		text = NULL;
	va_end(ap);
	place = format_place(d);
	if (text != NULL && place != NULL)
		d->error = util_format("%s%s", place, text);
	free(place);
	free(text);
	return -1;
}

int
settings_no_memory(struct settings_draft *d)
{
	if (d->error == NULL)
		d->error = strdup("out of memory");
	return -1;
}

int
settings_missing(
    struct settings_draft *d, const char *key, const char *option, const char *expected)
{
	d->key = key;
	d->line = 0;
	d->option = d->s->file == NULL ? option : NULL;
	return settings_fail(d, "missing: expected %s", expected);
}

/* As the kernel's dev_valid_name(), and one %d for it to fill in. */
int
settings_set_interface(struct settings_draft *d, const char *name)
{
	const char *percent = strchr(name, '%');
	size_t len = strlen(name);
	size_t i;
	char *copy;

	if (len == 0 || len > INTERFACE_MAX)
		return settings_fail(
		    d, "'%s' is not a name for an interface: expected 1 to 15 characters", name);
	for (i = 0; i < len; i++) {
		if (!isgraph((unsigned char)name[i]) || name[i] == '/' || name[i] == ':')
			return settings_fail(d,
			    "'%s' is not a name for an interface: expected no '/', ':' or space",
			    name);
	}
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return settings_fail(
		    d, "'%s' is not a name for an interface: expected one such as mq0", name);
	if (percent != NULL && (percent[1] != 'd' || strchr(percent + 1, '%') != NULL))
		return settings_fail(d,
		    "'%s' is not a name for an interface: expected at most one %%d and no other "
		    "'%%'",
		    name);
	copy = strdup(name);
	if (copy == NULL)
		return settings_no_memory(d);
	free(d->s->interface);
	d->s->interface = copy;
	return 0;
}

static int
begin_interface(struct settings_draft *d, const char *title)
{
	if (d->interface_line != 0)
		return settings_fail(d,
		    "'%s' is a second interface, the first is in line %u: expected one", title,
		    d->interface_line);
	d->interface_line = d->line;
	return settings_set_interface(d, title);
}

int
settings_add_broker(struct settings_draft *d, const char *url)
{
	struct settings *s = d->s;
	struct settings_broker *brokers;
	unsigned int *lines;

	brokers = settings_grow(s->brokers, s->broker_count, sizeof(*brokers));
	if (brokers == NULL)
		return settings_no_memory(d);
	s->brokers = brokers;
	lines = settings_grow(d->broker_lines, s->broker_count, sizeof(*lines));
	if (lines == NULL)
		return settings_no_memory(d);
	d->broker_lines = lines;
	lines[s->broker_count] = d->line;
	d->number = s->broker_count++;
	brokers[d->number] = (struct settings_broker){
	    .url = strdup(url), .tls_verify = true, .keepalive_s = 60, .timeout_s = 10};
	if (brokers[d->number].url == NULL)
		return settings_no_memory(d);
	return settings_parse_url(d, url, &brokers[d->number]);
}

void
settings_free_broker(struct settings_broker *b)
{
	free(b->url);
	free(b->host);
	free(b->username);
	util_free_secret(b->password);
	free(b->password_file);
	free(b->password_command);
	free(b->ca_file);
	free(b->crl_file);
	free(b->certificate);
	free(b->key);
	free(b->key_passphrase_file);
	free(b->alpn);
	free(b->tls_name);
	free(b->tls_min_version);
	free(b->congestion_control);
}

void
settings_drop_brokers(struct settings_draft *d)
{
	struct settings *s = d->s;
	size_t i;

	for (i = 0; i < s->broker_count; i++)
		settings_free_broker(&s->brokers[i]);
	s->broker_count = 0;
	d->places[SETTINGS_BROKER].count = 0;
}

int
settings_check_plain(struct settings_draft *d, const char *what, const char *value)
{
	const char *c;

	for (c = value; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL)
			return settings_fail(d,
			    "'%s' is not a name for %s: expected letters, digits, '-', '_' and "
			    "'.'",
			    value, what);
	}
	return 0;
}

int
settings_check_title(struct settings_draft *d, const char *what, const char *name, size_t max)
{
	if (settings_check_plain(d, what, name) == -1)
		return -1;
	if (name[0] == '\0' || strlen(name) > max)
		return settings_fail(
		    d, "'%s' is not a name for %s: expected 1 to %zu characters", name, what, max);
	return 0;
}

static int
begin_peer(struct settings_draft *d, const char *name)
{
	struct settings *s = d->s;
	struct settings_peer *peers;

	if (settings_check_title(d, "a peer", name, SETTINGS_NAME_MAX) == -1)
		return -1;
	peers = settings_grow(s->peers, s->peer_count, sizeof(*peers));
	if (peers == NULL)
		return settings_no_memory(d);
	s->peers = peers;
	d->number = s->peer_count++;
	peers[d->number] = (struct settings_peer){.name = strdup(name), .line = d->line};
	return peers[d->number].name == NULL ? settings_no_memory(d) : 0;
}

int
settings_begin(struct settings_draft *d, enum settings_section section, const char *title)
{
	switch (section) {
	case SETTINGS_INTERFACE:
		return begin_interface(d, title);
	case SETTINGS_BROKER:
		return settings_add_broker(d, title);
	case SETTINGS_PEER:
		return begin_peer(d, title);
	case SETTINGS_KEY_GROUP:
		return settings_begin_key_group(d, title);
	case SETTINGS_MEMBER:
		return settings_begin_member(d, title);
	case SETTINGS_ROOT:
	case SETTINGS_SECTIONS:
		break;
	}
	return 0;
}
