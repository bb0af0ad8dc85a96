/*
 * The command lines of mqtt-vpnd, of mqtt_vpn, the old program whose name and options it also
 * answers to, and of mqtt-vpn-keyd. Pure: it reads no file and prints nothing.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_LIST_MAX 64

enum options_program { PROGRAM_VPND, PROGRAM_MQTT_VPN, PROGRAM_KEYD };

/* Strings are copies that belong to the struct; NULL means not given. */
struct options {
	enum options_program program;
	bool recover;			 /* --recover */
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
 * Parses argv of this program; mqtt-vpnd is mqtt_vpn if argv[0] says so. Secrets in argv are
 * overwritten with 'x' at once. Returns 0; -1 with a new string in *error (NULL when memory is
 * short) that says which option, what was wrong with it and what was expected. o is initialised in
 * either case and wants options_clear().
 */
int
options_parse(struct options *o, enum options_program program, int argc, char **argv, char **error);
/* Wipes secrets, frees all. */
void options_clear(struct options *o);

/*
 * Whether only a configuration file can complete these options: no -c was given and, of mqtt-vpnd,
 * not all of -i, -b and -a or -6.
 */
bool options_need_file(const struct options *o);

/* What the program calls itself. Static. */
const char *options_program_name(enum options_program program);
/* Text of -h. Static; no format string. */
const char *options_help(enum options_program program);

#endif
