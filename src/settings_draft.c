/*
 * The draft: where values are gathered, with the place that each came from, and the sections.
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
#define PEER_NAME_MAX 63

int
settings_draft_init(struct settings_draft *d)
{
	*d = (struct settings_draft){0};
	d->s = calloc(1, sizeof(*d->s));
	if (d->s == NULL)
		return -1;
	d->s->topic_prefix = strdup(COMPAT_PREFIX);
	d->s->mtu = COMPAT_PACKET_MAX;
	d->s->log_level = LOG_LEVEL_INFO;
	return d->s->topic_prefix == NULL ? -1 : 0;
}

void
settings_draft_clear(struct settings_draft *d)
{
	settings_free(d->s);
	free(d->wire);
	free(d->passphrase_file);
	free(d->broker_lines);
	free(d->places);
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

void
settings_look_at(struct settings_draft *d, enum settings_section section, const char *name,
    size_t number, size_t index)
{
	const struct settings_place *p =
	    settings_place_find(d, settings_key_find(section, name), number, index);

	d->key = name;
	d->line = p == NULL ? 0 : p->line;
	d->option = p == NULL ? NULL : p->option;
}

/*
 * Whether a search from the end for a key of that peer is over: peers come one after the other, and
 * from the file alone. There may be thousands.
 */
static bool
is_past(const struct settings_place *p, const struct settings_key *k, size_t number)
{
	return k->section == SETTINGS_PEER && p->key->section == SETTINGS_PEER &&
	       p->number < number;
}

const struct settings_place *
settings_place_find(
    const struct settings_draft *d, const struct settings_key *k, size_t number, size_t index)
{
	const struct settings_place *p;
	size_t i;

	if (k->section < SETTINGS_BROKER)
		number = 0;
	for (i = d->place_count; i-- > 0;) {
		p = &d->places[i];
		if (is_past(p, k, number))
			return NULL;
		if (p->key == k && p->number == number && p->index == index)
			return p;
	}
	return NULL;
}

size_t
settings_place_count(const struct settings_draft *d, const struct settings_key *k, size_t number)
{
	const struct settings_place *p;
	size_t i, count = 0;

	for (i = d->place_count; i-- > 0;) {
		p = &d->places[i];
		if (is_past(p, k, number))
			break;
		count += p->key == k && p->number == number;
	}
	return count;
}

void
settings_place_drop(
    struct settings_draft *d, const struct settings_key *k, size_t number, size_t index)
{
	size_t i, kept = 0;

	for (i = 0; i < d->place_count; i++) {
		struct settings_place p = d->places[i];
		bool same = p.key == k && p.number == number;

		if (same && p.index == index)
			continue;
		if (same && p.index > index)
			p.index--;
		d->places[kept++] = p;
	}
	d->place_count = kept;
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

	brokers = reallocarray(s->brokers, s->broker_count + 1, sizeof(*brokers));
	if (brokers == NULL)
		return settings_no_memory(d);
	s->brokers = brokers;
	lines = reallocarray(d->broker_lines, s->broker_count + 1, sizeof(*lines));
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
}

void
settings_drop_brokers(struct settings_draft *d)
{
	struct settings *s = d->s;
	size_t i, kept = 0;

	for (i = 0; i < s->broker_count; i++)
		settings_free_broker(&s->brokers[i]);
	s->broker_count = 0;
	for (i = 0; i < d->place_count; i++) {
		if (d->places[i].key->section != SETTINGS_BROKER)
			d->places[kept++] = d->places[i];
	}
	d->place_count = kept;
}

static int
begin_peer(struct settings_draft *d, const char *name)
{
	struct settings *s = d->s;
	struct settings_peer *peers;
	const char *c;

	for (c = name; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL)
			return settings_fail(d,
			    "'%s' is not a name for a peer: expected letters, digits, '-', '_' and "
			    "'.'",
			    name);
	}
	if (name[0] == '\0' || strlen(name) > PEER_NAME_MAX)
		return settings_fail(d,
		    "'%s' is not a name for a peer: expected 1 to %d characters", name,
		    PEER_NAME_MAX);
	peers = reallocarray(s->peers, s->peer_count + 1, sizeof(*peers));
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
	case SETTINGS_ROOT:
		break;
	}
	return 0;
}
