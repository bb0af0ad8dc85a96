/*
 * Members of a group, as many as you like in one process: each has keys, a session with the key
 * server and topics of its own, as mqtt-vpnd has them, but neither tunnel nor traffic. Some share
 * one connection to the broker: what the server tells all comes once for those who share, and is
 * handed to each. They are few enough that no queue of the broker gets fuller than one member's
 * alone would (mosquitto drops what is beyond 1000 messages).
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "members.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "aead_hash.h"
#include "log.h"
#include "util.h"

static const char usage_text[] =
    "Usage: members list COUNT GROUP\n"
    "       members run --broker ADDRESS --server KEY --socket PATH --count COUNT [OPTION]...\n"
    "\n"
    "list prints the sections of mqtt-vpn-keyd.conf for members m0, m1, ... of that group.\n"
    "run is those members, of whom none joins yet:\n"
    "  --broker ADDRESS  where the broker listens, a number (port 1883)\n"
    "  --server KEY      public key of the key server\n"
    "  --socket PATH     to ask and to command them\n"
    "  --network NAME    of the key server (test)\n"
    "  --group NAME      to join (test)\n"
    "  --share COUNT     so many have one connection to the broker together (100)\n"
    "  --rekey SECONDS   rekey-interval of their sessions (120)\n"
    "  --join COUNT      so many join as soon as all are connected (0)\n"
    "\n"
    "mqtt-vpnctl -s PATH --json status tells how they are; times are microseconds of\n"
    "CLOCK_BOOTTIME, bytes those of MQTT payload. told is what each heard that was for all, heard\n"
    "what was for one alone, newest that of the last one who joined. The socket takes commands as\n"
    "well: join COUNT, for so many to be in, and rate COUNT, how many begin to join in a second;\n"
    "0 is as fast as they can.\n";

static int
list(size_t count, const char *group)
{
	uint8_t secret[AEAD_KEY_LEN], public[AEAD_KEY_LEN];
	char key[AEAD_KEY_TEXT], address[ADDR_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		struct prefix p = members_address(i);

		members_private_key(secret, i);
		aead_dh_public(public, secret);
		aead_key_format(key, public);
		addr_format(&p.addr, address);
		printf("member \"m%zu\" { public-key = \"%s\" groups = {\"%s\"} address = {\"%s\"} "
		       "}\n",
		    i, key, group, address);
	}
	return 0;
}

static uint64_t
number(const char *what, const char *text, uint64_t min, uint64_t max)
{
	uint64_t n;

	if (util_parse_uint(text, min, max, &n) == -1)
		members_fail(what, "expected a number that makes sense");
	return n;
}

static void
take(struct members_options *o, int option, const char *value)
{
	switch (option) {
	case 'b':
		o->broker = value;
		break;
	case 'k':
		if (aead_key_parse(o->server_key, value) == -1)
			members_fail("--server", "expected a public key");
		break;
	case 's':
		o->socket = value;
		break;
	case 'n':
		o->network = value;
		break;
	case 'g':
		o->group = value;
		break;
	case 'c':
		o->count = number("--count", value, 1, MEMBERS_MAX);
		break;
	case 'h':
		o->share = number("--share", value, 1, MEMBERS_MAX);
		break;
	case 'r':
		o->rekey_s = number("--rekey", value, 1, 3600);
		break;
	case 'j':
		o->join = number("--join", value, 0, MEMBERS_MAX);
		break;
	default:
		exit(1);
	}
}

static void
parse(struct members_options *o, int argc, char **argv)
{
	static const struct option names[] = {
	    {"broker", required_argument, NULL, 'b'},
	    {"server", required_argument, NULL, 'k'},
	    {"socket", required_argument, NULL, 's'},
	    {"network", required_argument, NULL, 'n'},
	    {"group", required_argument, NULL, 'g'},
	    {"count", required_argument, NULL, 'c'},
	    {"share", required_argument, NULL, 'h'},
	    {"rekey", required_argument, NULL, 'r'},
	    {"join", required_argument, NULL, 'j'},
	    {NULL, 0, NULL, 0},
	};
	static const uint8_t no_key[AEAD_KEY_LEN];
	int option;

	*o = (struct members_options){
	    .network = "test", .group = "test", .share = 100, .rekey_s = 120};
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		take(o, option, optarg);
	if (o->broker == NULL || o->socket == NULL || o->count == 0 ||
	    memcmp(o->server_key, no_key, sizeof(no_key)) == 0)
		members_fail("run", "expected --broker, --server, --socket and --count");
	if (o->join > o->count)
		members_fail("--join", "there are fewer");
}

int
main(int argc, char **argv)
{
	struct members_options o;

	if (aead_init() == -1)
		members_fail("start", "no randomness");
	if (argc == 4 && strcmp(argv[1], "list") == 0)
		return list(number("list", argv[2], 1, MEMBERS_MAX), argv[3]);
	if (argc < 2 || strcmp(argv[1], "run") != 0) {
		fputs(usage_text, stderr);
		return 1;
	}
	log_set_level(LOG_LEVEL_WARNING);
	parse(&o, argc - 1, argv + 1);
	members_run(&o);
	return 0;
}
