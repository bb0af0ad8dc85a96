/*
 * From a file and a command line to settings.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "settings_internal.h"
#include "util.h"

#define FILE_SIZE_MAX (4 * 1024 * 1024)

typedef void (*warn_fn)(const char *text);

static int
read_settings_file(struct settings_draft *d, const char *path)
{
	char *text;
	int rc;

	d->s->file = strdup(path);
	if (d->s->file == NULL)
		return settings_no_memory(d);
	text = util_read_file(path, FILE_SIZE_MAX);
	if (text == NULL && errno == EINVAL)
		return settings_fail(d, "not a regular file, or it holds NUL bytes: expected a "
					"configuration file of plain text");
	if (text == NULL)
		return settings_fail(d, "%s: expected %s", strerror(errno),
		    errno == EACCES ? "one that this process may read: run it as root, or give the "
				      "file to its group"
				    : "a configuration file");
	rc = settings_parse(d, text);
	free(text);
	return rc;
}

static int
gather(struct settings_draft *d, const struct options *o)
{
	if (settings_draft_init(d, o->program == PROGRAM_KEYD ? SETTINGS_KEYD : SETTINGS_VPND) ==
	    -1)
		return settings_no_memory(d);
	if (o->config_file != NULL && read_settings_file(d, o->config_file) == -1)
		return -1;
	if (settings_apply_options(d, o) == -1 || settings_check(d) == -1)
		return -1;
	return settings_check_files(d);
}

static bool
is_local(const struct settings_broker *b)
{
	struct addr a;

	if (b->transport == TRANSPORT_UNIX || strcmp(b->host, "localhost") == 0)
		return true;
	return addr_parse(b->host, &a) == 0 && addr_is_loopback(&a);
}

static void
warn_about_broker(const struct settings_broker *b, warn_fn warn)
{
	bool password =
	    b->password != NULL || b->password_file != NULL || b->password_command != NULL;
	const char *what = NULL;
	char *text;

	if (b->transport == TRANSPORT_TLS && !b->tls_verify)
		what = "its certificate is not checked (tls-verify): anyone on the way can pose "
		       "as it";
	else if (b->transport == TRANSPORT_TCP && password && !is_local(b))
		what = "the password goes to it unencrypted: anyone on the way can read it";
	if (what == NULL)
		return;
	text = util_format("broker %s: %s", b->url, what);
	if (text != NULL)
		warn(text);
	free(text);
}

static bool
has_mqtt_vpn_peer(const struct settings *s)
{
	size_t i;

	for (i = 0; i < s->peer_count; i++) {
		if (s->peers[i].wire == WIRE_MQTT_VPN)
			return true;
	}
	return false;
}

static void
warn_about_wire(const struct settings *s, warn_fn warn)
{
	if (s->wire == WIRE_MQTT_VPN) {
		warn("the mqtt_vpn wire cannot tell a replayed packet from a new one, and any "
		     "member of the network can pose as any other");
		if (s->password == NULL)
			warn("there is no passphrase: the broker, and whoever may subscribe there, "
			     "can read and forge all packets");
	} else if (has_mqtt_vpn_peer(s)) {
		warn("there are peers with wire = mqtt_vpn: that wire cannot tell a replayed "
		     "packet from a new one, and whoever has its password can pose as these "
		     "peers");
		if (s->password == NULL)
			warn("there is no mqtt-vpn-password-file: the broker, and whoever may "
			     "subscribe there, can read and forge all packets of the peers with "
			     "wire = mqtt_vpn");
	}
}

static void
warn_about_group(const struct settings *s, warn_fn warn)
{
	if (s->mode == MODE_GROUP && !s->sign_broadcasts)
		warn("broadcasts are not signed (sign-broadcasts): in them, any member of the "
		     "group can pose as any other");
}

static void
warn_about_keyd(const struct settings *s, warn_fn warn)
{
	size_t i;

	if (s->member_count == 0)
		warn("there is no member section: nobody can join a group");
	for (i = 0; i < s->key_group_count; i++) {
		const struct settings_key_group *g = &s->key_groups[i];
		char *text;

		if (g->method != METHOD_STATIC)
			continue;
		text = util_format("key-group %s: its key is static: who has left it, or whose "
				   "time is over, can read on until somebody is put out",
		    g->name);
		if (text != NULL)
			warn(text);
		free(text);
	}
}

static void
warn_about(const struct settings *s, const struct options *o, warn_fn warn)
{
	size_t i;

	warn_about_wire(s, warn);
	warn_about_group(s, warn);
	if (o->program == PROGRAM_KEYD)
		warn_about_keyd(s, warn);
	if (o->secret_in_args)
		warn("a password stood on the command line, where other users could have seen it: "
		     "better keep it in a file");
	for (i = 0; i < s->broker_count; i++)
		warn_about_broker(&s->brokers[i], warn);
}

struct settings *
settings_load(const struct options *o, warn_fn warn, char **error)
{
	struct settings_draft d;
	struct settings *s = NULL;

	*error = NULL;
	if (gather(&d, o) == 0) {
		s = d.s;
		d.s = NULL;
		if (warn != NULL)
			warn_about(s, o, warn);
	} else {
		*error = d.error;
		d.error = NULL;
	}
	settings_draft_clear(&d);
	return s;
}

static void
free_peers(struct settings *s)
{
	size_t i;

	for (i = 0; i < s->peer_count; i++) {
		free(s->peers[i].name);
		free(s->peers[i].addrs);
		free(s->peers[i].routes);
	}
	free(s->peers);
}

static void
free_groups(struct settings *s)
{
	size_t i, j;

	for (i = 0; i < s->key_group_count; i++)
		free(s->key_groups[i].name);
	free(s->key_groups);
	for (i = 0; i < s->member_count; i++) {
		free(s->members[i].name);
		for (j = 0; j < s->members[i].group_count; j++)
			free(s->members[i].groups[j]);
		free(s->members[i].groups);
		free(s->members[i].prefixes);
	}
	free(s->members);
}

void
settings_free(struct settings *s)
{
	size_t i;

	if (s == NULL)
		return;
	free_peers(s);
	free_groups(s);
	for (i = 0; i < s->broker_count; i++)
		settings_free_broker(&s->brokers[i]);
	free(s->brokers);
	free(s->file);
	free(s->interface);
	free(s->addrs);
	free(s->client_id);
	free(s->topic_prefix);
	util_free_secret(s->password);
	free(s->network);
	free(s->name);
	util_free_secret(s->passphrase);
	free(s->group_name);
	free(s->store);
	free(s->forwards);
	free(s->pid_file);
	free(s->control_socket);
	free(s->control_group);
	free(s->user);
	free(s->group);
	free(s->up);
	free(s->down);
	aead_wipe(s, sizeof(*s)); /* it holds keys */
	free(s);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_addresses(const struct settings *a, const struct settings *b)
{
	size_t i;

	if (a->addr_count != b->addr_count)
		return false;
	for (i = 0; i < a->addr_count; i++) {
		if (a->addrs[i].len != b->addrs[i].len ||
		    !addr_equal(&a->addrs[i].addr, &b->addrs[i].addr))
			return false;
	}
	return true;
}

static bool
same_key(const uint8_t a[AEAD_KEY_LEN], const uint8_t b[AEAD_KEY_LEN])
{
	return aead_compare(a, b, AEAD_KEY_LEN) == 0;
}

/* The password is that of the network itself; that of a few peers of it is as easily changed as
 * they are. */
static bool
same_password(const struct settings *a, const struct settings *b)
{
	return a->wire == WIRE_NATIVE || b->wire == WIRE_NATIVE ||
	       same_text(a->password, b->password);
}

static bool
same_passphrase(const struct settings *a, const struct settings *b)
{
	return same_password(a, b) && same_text(a->passphrase, b->passphrase) &&
	       a->has_secret == b->has_secret && same_key(a->secret, b->secret);
}

char *
settings_restart_needed(const struct settings *running, const struct settings *new)
{
	const struct {
		const char *name;
		bool same;
	} fixed[] = {
	    {"interface name", same_text(running->interface, new->interface)},
	    {"address", same_addresses(running, new)},
	    {"mtu", running->mtu == new->mtu},
	    {"offload", running->offload == new->offload},
	    {"wire", running->wire == new->wire},
	    {"mode", running->mode == new->mode},
	    {"network", same_text(running->network, new->network)},
	    {"name", same_text(running->name, new->name)},
	    {"passphrase", same_passphrase(running, new)},
	    {"private key", same_key(running->private_key, new->private_key)},
	    {"key-server", same_key(running->key_server, new->key_server)},
	    {"group-name", same_text(running->group_name, new->group_name)},
	    {"membership", running->membership_s == new->membership_s},
	    {"sign-broadcasts", running->sign_broadcasts == new->sign_broadcasts},
	    {"store", same_text(running->store, new->store)},
	    {"kdf-passes", running->kdf_passes == new->kdf_passes},
	    {"kdf-memory", running->kdf_memory_mib == new->kdf_memory_mib},
	    {"rekey-interval", running->rekey_s == new->rekey_s},
	    {"padding", running->padding == new->padding},
	    {"topics", running->topics == new->topics},
	    {"topic-prefix", same_text(running->topic_prefix, new->topic_prefix)},
	    {"client-id", same_text(running->client_id, new->client_id)},
	    {"pid-file", same_text(running->pid_file, new->pid_file)},
	    {"control-socket", same_text(running->control_socket, new->control_socket)},
	    {"control-group", same_text(running->control_group, new->control_group)},
	    {"user", same_text(running->user, new->user)},
	    {"group", same_text(running->group, new->group)},
	};
	char *names = NULL;
	char *longer;
	size_t i;

	for (i = 0; i < ARRAY_LEN(fixed); i++) {
		if (fixed[i].same)
			continue;
		longer = names == NULL ? strdup(fixed[i].name)
				       : util_format("%s, %s", names, fixed[i].name);
		if (longer == NULL)
			break;
		free(names);
		names = longer;
	}
	return names;
}
