/*
 * The command line: one table for each program, and one for the other name of mqtt-vpnd.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define OLD_NAME "mqtt_vpn"

enum kind { KIND_FLAG, KIND_TEXT, KIND_SECRET, KIND_LIST };

/* Values of what has no letter; beyond any character. */
enum { OPT_FORWARD = 256, OPT_WIRE, OPT_NETWORK, OPT_PASSPHRASE_FILE, OPT_RECOVER };

struct row {
	int val;
	const char *shown; /* how messages call it */
	const char *name;  /* the long name; NULL for none */
	enum kind kind;
	size_t offset;
	size_t count_offset; /* of a list */
};

struct command {
	const struct row *rows;
	size_t count;
	const char *letters;
	const char *name;
	const char *help;
};

#define OFFSET(field) offsetof(struct options, field)

static const struct row new_rows[] = {
    {'c', "-c", "config", KIND_TEXT, OFFSET(config_file), 0},
    {'t', "-t", "test", KIND_FLAG, OFFSET(test_config), 0},
    {'f', "-f", "foreground", KIND_FLAG, OFFSET(foreground), 0},
    {'d', "-d", "debug", KIND_FLAG, OFFSET(debug), 0},
    {'P', "-P", "pid-file", KIND_TEXT, OFFSET(pid_file), 0},
    {'s', "-s", "control-socket", KIND_TEXT, OFFSET(control_socket), 0},
    {'V', "-V", "version", KIND_FLAG, OFFSET(show_version), 0},
    {'h', "-h", "help", KIND_FLAG, OFFSET(show_help), 0},
    {'i', "-i", "interface", KIND_TEXT, OFFSET(interface), 0},
    {'a', "-a", "address", KIND_TEXT, OFFSET(address4), 0},
    {'b', "-b", "broker", KIND_LIST, OFFSET(brokers), OFFSET(broker_count)},
    {'m', "-m", "netmask", KIND_TEXT, OFFSET(netmask), 0},
    {'k', "-k", "password", KIND_SECRET, OFFSET(password), 0},
    {'6', "-6", "address6", KIND_TEXT, OFFSET(address6), 0},
    {'p', "-p", "prefix-length", KIND_TEXT, OFFSET(prefix_len6), 0},
    {'n', "-n", "client-id", KIND_TEXT, OFFSET(client_id), 0},
    {'u', "-u", "username", KIND_TEXT, OFFSET(username), 0},
    {OPT_FORWARD, "--forward", "forward", KIND_LIST, OFFSET(forwards), OFFSET(forward_count)},
    {OPT_WIRE, "--wire", "wire", KIND_TEXT, OFFSET(wire), 0},
    {OPT_NETWORK, "--network", "network", KIND_TEXT, OFFSET(network), 0},
    {OPT_PASSPHRASE_FILE, "--passphrase-file", "passphrase-file", KIND_TEXT,
	OFFSET(passphrase_file), 0},
};

/* -p is taken for a broker password until it is known whether there is a -u. */
static const struct row old_rows[] = {
    {'i', "-i", NULL, KIND_TEXT, OFFSET(interface), 0},
    {'a', "-a", NULL, KIND_TEXT, OFFSET(address4), 0},
    {'m', "-m", NULL, KIND_TEXT, OFFSET(netmask), 0},
    {'k', "-k", NULL, KIND_SECRET, OFFSET(password), 0},
    {'6', "-6", NULL, KIND_TEXT, OFFSET(address6), 0},
    {'x', "-x", NULL, KIND_TEXT, OFFSET(prefix_len6), 0},
    {'p', "-p", NULL, KIND_SECRET, OFFSET(broker_password), 0},
    {'b', "-b", NULL, KIND_LIST, OFFSET(brokers), OFFSET(broker_count)},
    {'u', "-u", NULL, KIND_TEXT, OFFSET(username), 0},
    {'n', "-n", NULL, KIND_TEXT, OFFSET(client_id), 0},
    {'t', "-t", NULL, KIND_LIST, OFFSET(forwards), OFFSET(forward_count)},
    {'h', "-h", "help", KIND_FLAG, OFFSET(show_help), 0},
    {'d', "-d", NULL, KIND_FLAG, OFFSET(debug), 0},
    {'V', "--version", "version", KIND_FLAG, OFFSET(show_version), 0},
};

static const struct row keyd_rows[] = {
    {'c', "-c", "config", KIND_TEXT, OFFSET(config_file), 0},
    {'t', "-t", "test", KIND_FLAG, OFFSET(test_config), 0},
    {'f', "-f", "foreground", KIND_FLAG, OFFSET(foreground), 0},
    {'d', "-d", "debug", KIND_FLAG, OFFSET(debug), 0},
    {'P', "-P", "pid-file", KIND_TEXT, OFFSET(pid_file), 0},
    {'s', "-s", "control-socket", KIND_TEXT, OFFSET(control_socket), 0},
    {'V', "-V", "version", KIND_FLAG, OFFSET(show_version), 0},
    {'h', "-h", "help", KIND_FLAG, OFFSET(show_help), 0},
    {OPT_RECOVER, "--recover", "recover", KIND_FLAG, OFFSET(recover), 0},
};

static const char new_help[] =
    "Usage: mqtt-vpnd [-c FILE] [OPTION]...\n"
    "Join this host to an IP network that runs through an MQTT broker.\n"
    "\n"
    "The daemon:\n"
    "  -c, --config=FILE           read this file [" SYSCONFDIR "/mqtt-vpn.conf]\n"
    "  -t, --test                  check the configuration, say OK and end\n"
    "  -f, --foreground            stay in the foreground, log to stderr\n"
    "  -d, --debug                 log all there is to stderr; implies -f\n"
    "  -P, --pid-file=FILE         write the process id to this file\n"
    "  -s, --control-socket=PATH   where mqtt-vpnctl(8) asks\n"
    "                              [/run/mqtt-vpnd/INTERFACE.sock]\n"
    "  -V, --version               print the version and end\n"
    "  -h, --help                  print this text and end\n"
    "\n"
    "The network; these win over the file, and need none if -i, -b and -a or -6\n"
    "are given:\n"
    "  -i, --interface=NAME        TUN interface, such as mq0 or mq%d\n"
    "  -a, --address=ADDR[/LEN]    its IPv4 address\n"
    "  -m, --netmask=MASK          its netmask, if -a has no /LEN [255.255.255.0]\n"
    "  -6, --address6=ADDR[/LEN]   its IPv6 address\n"
    "  -p, --prefix-length=LEN     its prefix length, if -6 has no /LEN [64]\n"
    "      --forward=ADDR[,ADDR]   receive packets for these addresses too;\n"
    "                              may be repeated\n"
    "      --network=NAME          name of the network, the same on all nodes\n"
    "      --passphrase-file=FILE  its passphrase or key is the first line of this\n"
    "                              file; mqtt-vpnctl genpsk makes one\n"
    "      --wire=WIRE             native, or mqtt_vpn for nodes of MQTT_VPN [native]\n"
    "  -k, --password=PASSWORD     password of a network with --wire=mqtt_vpn;\n"
    "                              --passphrase-file keeps it out of the process\n"
    "                              list\n"
    "\n"
    "The broker:\n"
    "  -b, --broker=URL            mqtt://HOST[:PORT], mqtts://HOST[:PORT],\n"
    "                              unix:///PATH or HOST[:PORT]; may be repeated,\n"
    "                              they are tried in order\n"
    "  -n, --client-id=ID          MQTT client id [MQTT_VPN_ and random]\n"
    "  -u, --username=NAME         user name at the broker; its password can only\n"
    "                              be set in the file\n"
    "\n"
    "See mqtt-vpnd(8) and mqtt-vpn.conf(5): man mqtt-vpnd\n";

static const char old_help[] =
    "Usage: mqtt_vpn -i INTERFACE -a ADDRESS -b BROKER [OPTION]...\n"
    "This is mqtt-vpnd under the name and with the options of MQTT_VPN.\n"
    "\n"
    "  -i INTERFACE   TUN interface, such as mq0 (mandatory)\n"
    "  -a ADDRESS     its IPv4 address (mandatory)\n"
    "  -b BROKER      HOST[:PORT], mqtt://HOST[:PORT] or mqtts://HOST[:PORT]\n"
    "                 (mandatory; may be repeated, they are tried in order)\n"
    "  -m NETMASK     netmask of the interface [255.255.255.0]\n"
    "  -6 ADDRESS     IPv6 address of the interface\n"
    "  -x LENGTH      its prefix length [64]\n"
    "  -k PASSWORD    encrypt with this password\n"
    "  -u USERNAME    user name at the broker\n"
    "  -p PASSWORD    password at the broker, where -u is given;\n"
    "                 without -u the same as -x\n"
    "  -n ID          MQTT client id [MQTT_VPN_ and random]\n"
    "  -t ADDRESS     receive packets for this address too; may be repeated\n"
    "  -d             log all there is\n"
    "  -h             print this text and end\n"
    "\n"
    "The other name of the program can do more: man mqtt-vpnd\n";

static const char keyd_help[] =
    "Usage: mqtt-vpn-keyd [-c FILE] [OPTION]...\n"
    "Hand out and change the keys of groups, through an MQTT broker.\n"
    "\n"
    "  -c, --config=FILE           read this file [" SYSCONFDIR "/mqtt-vpn-keyd.conf]\n"
    "  -t, --test                  check the configuration, say OK and end\n"
    "  -f, --foreground            stay in the foreground, log to stderr\n"
    "  -d, --debug                 log all there is to stderr; implies -f\n"
    "  -P, --pid-file=FILE         write the process id to this file\n"
    "  -s, --control-socket=PATH   where mqtt-vpnctl(8) asks\n"
    "                              [" RUNDIR "/mqtt-vpn-keyd/keyd.sock]\n"
    "      --recover               the store is an older copy of itself: give out\n"
    "                              nothing that may have been given out since then\n"
    "  -V, --version               print the version and end\n"
    "  -h, --help                  print this text and end\n"
    "\n"
    "See mqtt-vpn-keyd(8) and mqtt-vpn-keyd.conf(5): man mqtt-vpn-keyd\n";

static const struct command commands[] = {
    [PROGRAM_VPND] = {new_rows, ARRAY_LEN(new_rows), ":c:tfdP:s:Vhi:a:b:m:k:6:p:n:u:", "mqtt-vpnd",
	new_help},
    [PROGRAM_MQTT_VPN] = {old_rows, ARRAY_LEN(old_rows), ":i:a:m:k:6:x:p:b:u:n:t:hd", OLD_NAME,
	old_help},
    [PROGRAM_KEYD] = {keyd_rows, ARRAY_LEN(keyd_rows), ":c:tfdP:s:Vh", "mqtt-vpn-keyd", keyd_help},
};

static const struct row *
row_find(const struct command *c, int val)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		if (c->rows[i].val == val)
			return &c->rows[i];
	}
	return NULL;
}

static void *
field(struct options *o, size_t offset)
{
	return (char *)o + offset;
}

static int
set_text(struct options *o, const struct row *r, const char *value, char **error)
{
	char **text = field(o, r->offset);

	if (*text != NULL) {
		*error = util_format("%s: given more than once: expected once", r->shown);
		return -1;
	}
	*text = strdup(value);
	return *text == NULL ? -1 : 0;
}

/* Copies the value first: it would be lost with the original. */
static int
set_secret(struct options *o, const struct row *r, char *value, char **error)
{
	int rc = set_text(o, r, value, error);

	memset(value, 'x', strlen(value));
	o->secret_in_args = true;
	return rc;
}

static int
add_to_list(struct options *o, const struct row *r, const char *value, size_t len, char **error)
{
	char **list = field(o, r->offset);
	size_t *count = field(o, r->count_offset);

	if (*count == OPTIONS_LIST_MAX) {
		*error = util_format("%s: given too often: expected it %d times at the most",
		    r->shown, OPTIONS_LIST_MAX);
		return -1;
	}
	list[*count] = strndup(value, len);
	if (list[*count] == NULL)
		return -1;
	(*count)++;
	return 0;
}

static int
set_list(struct options *o, const struct row *r, const char *value, char **error)
{
	size_t len;

	if (r->offset == offsetof(struct options, brokers))
		return add_to_list(o, r, value, strlen(value), error);
	for (;; value += len + 1) {
		len = strcspn(value, ",");
		if (add_to_list(o, r, value, len, error) == -1)
			return -1;
		if (value[len] == '\0')
			return 0;
	}
}

static int
apply(struct options *o, const struct row *r, char *value, char **error)
{
	switch (r->kind) {
	case KIND_FLAG:
		*(bool *)field(o, r->offset) = true;
		return 0;
	case KIND_TEXT:
		return set_text(o, r, value, error);
	case KIND_SECRET:
		return set_secret(o, r, value, error);
	case KIND_LIST:
		return set_list(o, r, value, error);
	}
	return -1;
}

/* What getopt_long() did not take: optopt is a letter, a long option's value, or 0. */
static char *
refusal(const struct command *c, int result, const char *word)
{
	const struct row *r = optopt == 0 ? NULL : row_find(c, optopt);

	if (r == NULL && optopt != 0)
		return util_format("-%c: unknown option", optopt);
	if (r == NULL)
		return util_format(
		    "%.*s: unknown or ambiguous option", (int)strcspn(word, "="), word);
	if (result == ':')
		return util_format("%s: its value is missing", r->shown);
	return util_format("%s: it takes no value", r->shown);
}

static void
fill_long_options(const struct command *c, struct option *out)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		const struct row *r = &c->rows[i];

		if (r->name != NULL)
			*out++ = (struct option){
			    .name = r->name, .has_arg = r->kind != KIND_FLAG, .val = r->val};
	}
	*out = (struct option){0};
}

static int
parse_words(struct options *o, const struct command *c, int argc, char **argv, char **error)
{
	struct option longs[ARRAY_LEN(new_rows) + ARRAY_LEN(old_rows) + 1];
	const struct row *r;
	int result;

	fill_long_options(c, longs);
	optind = 0; /* glibc and musl: start over, for a second command line in one process */
	opterr = 0;
	while ((result = getopt_long(argc, argv, c->letters, longs, NULL)) != -1) {
		r = row_find(c, result);
		if (r == NULL) {
			*error = refusal(c, result, argv[optind - 1]);
			return -1;
		}
		if (apply(o, r, optarg, error) == -1)
			return -1;
	}
	if (optind < argc) {
		*error =
		    util_format("%s: an argument too many: expected options only", argv[optind]);
		return -1;
	}
	return 0;
}

/* The first version of MQTT_VPN had -p for the prefix length, its last one for the password. */
static int
settle_old_p(struct options *o, char **error)
{
	if (o->broker_password == NULL || o->username != NULL)
		return 0;
	if (o->prefix_len6 != NULL) {
		*error = util_format("-p: without -u it is the prefix length, which -x gives "
				     "already: expected one of them");
		return -1;
	}
	o->prefix_len6 = o->broker_password;
	o->broker_password = NULL;
	o->secret_in_args = o->password != NULL;
	return 0;
}

static int
finish_old(struct options *o, char **error)
{
	const char *missing;

	o->foreground = true;
	if (settle_old_p(o, error) == -1)
		return -1;
	if (o->show_help || o->show_version)
		return 0;
	if (o->interface == NULL || o->address4 == NULL || o->broker_count == 0) {
		missing = o->interface == NULL ? "-i" : o->address4 == NULL ? "-a" : "-b";
		*error = util_format(
		    "%s: missing: mqtt_vpn needs -i INTERFACE, -a ADDRESS and -b BROKER", missing);
		return -1;
	}
	return 0;
}

static bool
is_old_name(const char *path)
{
	const char *slash;

	if (path == NULL)
		return false;
	slash = strrchr(path, '/');
	return strcmp(slash == NULL ? path : slash + 1, OLD_NAME) == 0;
}

int
options_parse(struct options *o, enum options_program program, int argc, char **argv, char **error)
{
	*o = (struct options){.program = program};
	*error = NULL;
	if (program == PROGRAM_VPND && is_old_name(argv[0]))
		o->program = PROGRAM_MQTT_VPN;
	if (parse_words(o, &commands[o->program], argc, argv, error) == -1)
		return -1;
	if (o->debug)
		o->foreground = true;
	return o->program == PROGRAM_MQTT_VPN ? finish_old(o, error) : 0;
}

void
options_clear(struct options *o)
{
	const struct row *r;
	size_t i;

	for (i = 0; i < ARRAY_LEN(new_rows); i++) {
		r = &new_rows[i];
		if (r->kind == KIND_TEXT || r->kind == KIND_SECRET)
			util_free_secret(*(char **)field(o, r->offset));
	}
	util_free_secret(o->broker_password);
	for (i = 0; i < o->broker_count; i++)
		free(o->brokers[i]);
	for (i = 0; i < o->forward_count; i++)
		free(o->forwards[i]);
	*o = (struct options){0};
}

bool
options_need_file(const struct options *o)
{
	bool complete = o->interface != NULL && o->broker_count > 0 &&
			(o->address4 != NULL || o->address6 != NULL) && o->program != PROGRAM_KEYD;

	return o->config_file == NULL && !complete;
}

const char *
options_program_name(enum options_program program)
{
	return commands[program].name;
}

const char *
options_help(enum options_program program)
{
	return commands[program].help;
}
