/*
 * The command line of mqtt-vpnd, and of mqtt_vpn, the old program whose name and options it also
 * answers to. Pure: it reads no file and prints nothing.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_LIST_MAX 64

/* Strings are copies that belong to the struct; NULL means not given. */
struct options {
	bool old_name;			 /* called as mqtt_vpn */
	bool test_config;		 /* -t */
	bool foreground;		 /* -f, implied by -d and by the old name */
	bool debug;			 /* -d */
	bool show_version;		 /* -V */
	bool show_help;			 /* -h */
	bool secret_in_args;		 /* -k, or a broker password, stood on the command line */
	char *config_file;		 /* -c */
	char *pid_file;			 /* -P */
	char *control_socket;		 /* -s */
	char *interface;		 /* -i */
	char *address4;			 /* -a, perhaps with /len */
	char *netmask;			 /* -m */
	char *address6;			 /* -6 */
	char *prefix_len6;		 /* -p, old: -x or -p */
	char *password;			 /* -k */
	char *passphrase_file;		 /* --passphrase-file */
	char *client_id;		 /* -n */
	char *username;			 /* -u */
	char *broker_password;		 /* old: -p where -u is given */
	char *wire;			 /* --wire */
	char *network;			 /* --network */
	char *brokers[OPTIONS_LIST_MAX]; /* -b, may be repeated */
	size_t broker_count;
	char *forwards[OPTIONS_LIST_MAX]; /* --forward, old: -t; may be repeated, or a list with
					     commas */
	size_t forward_count;
};

/*
 * Parses argv. Secrets in argv are overwritten with 'x' at once. Returns 0; -1 with a new
 * string in *error (NULL when memory is short) that says which option, what was wrong with it and
 * what was expected.
 * o is initialised in either case and wants options_clear().
 */
int options_parse(struct options *o, int argc, char **argv, char **error);
/* Wipes secrets, frees all. */
void options_clear(struct options *o);

/*
 * Whether only a configuration file can complete these options: neither -c nor all of -i, -b and -a
 * or -6 were given.
 */
bool options_need_file(const struct options *o);

/* Text of -h for this name of the program. Static; no format string. */
const char *options_help(bool old_name);

#endif
