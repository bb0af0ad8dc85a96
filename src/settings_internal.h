/*
 * What the files of module settings share: the draft that a file and a command line are gathered
 * in, the table of keys, and the steps from text to checked settings. Of no use to others, but to
 * the fuzz target.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SETTINGS_INTERNAL_H
#define SETTINGS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings.h"

/* There is at most one of the first two, and any number of the others. */
enum settings_section {
	SETTINGS_ROOT,
	SETTINGS_INTERFACE,
	SETTINGS_BROKER,
	SETTINGS_PEER,
	SETTINGS_KEY_GROUP,
	SETTINGS_MEMBER,
	SETTINGS_SECTIONS
};

/* Who knows a key or a section. */
enum settings_program { SETTINGS_VPND = 1, SETTINGS_KEYD = 2, SETTINGS_BOTH = 3 };

#define SETTINGS_TIME_MAX (UINT64_C(1) << 40) /* seconds */
#define SETTINGS_PLAIN_MAX 64		      /* characters of the name of a network or a group */
#define SETTINGS_NAME_MAX 63		      /* of a node: a peer, a member, ourselves */
#define SETTINGS_PREFIXES_MAX 16	      /* of a member; no more than KEYMSG_PREFIXES_MAX */

/* What settings_check_files() does with a key's file. */
enum settings_access { ACCESS_NONE, ACCESS_READ, ACCESS_SECRET };

struct settings_draft;

/* The words for an enumeration. */
struct settings_words {
	const char *what;     /* one of them is: "a wire" */
	const char *expected; /* "native or mqtt_vpn" */
	const char *words[7]; /* in the enumeration's order, then NULL */
};

struct settings_key {
	enum settings_section section;
	const char *name;
	enum settings_program programs;
	int (*set)(struct settings_draft *d, const struct settings_key *k, const char *value);
	size_t offset;	   /* of its field in the section's struct; unused by some */
	uint64_t min, max; /* of a number, or of the length of a text */
	const struct settings_words *words;
	enum settings_access access;
	bool list;
	bool tls;    /* of a broker: means nothing without TLS */
	bool native; /* means nothing with wire = mqtt_vpn */
	bool group;  /* means nothing without mode = group */
};

/* Where a value was given. */
struct settings_place {
	const struct settings_key *key;
	size_t number; /* which broker, peer, group or member, from 0 */
	size_t index;  /* which value of a list, from 0 */
	unsigned int line;
	const char *option; /* "-a"; NULL if it stood in the file */
};

/* Of one section and its like, in the order of their numbers. */
struct settings_places {
	struct settings_place *list;
	size_t count;
};

/* What is needed of a member until all is read. */
struct settings_draft_member {
	char *public_key_file; /* NULL: not given */
	size_t addr_count;     /* of its prefixes, that come first */
};

struct settings_draft {
	enum settings_program program;
	struct settings *s;
	char *passphrase_file, *private_key_file, *mqtt_vpn_password_file; /* NULL: not given */
	unsigned int interface_line; /* of the section in the file; 0 if it has none */
	unsigned int *broker_lines;  /* the same of each broker */
	struct settings_draft_member *members;
	size_t member_count; /* as many as s has, until that is taken */
	struct settings_places places[SETTINGS_SECTIONS];
	/* what is looked at now, for messages and for the setters */
	const char *key;
	const char *option;
	unsigned int line;
	size_t number;
	char *error; /* the first one */
};

/* Text made fit for libconfuse; see settings_text.c. */
struct settings_text {
	char *clean;
	unsigned int *section_lines; /* where each section begins, in their order */
	size_t section_count;
};

/* s has its defaults. Returns 0, or -1 when memory is short; wants settings_draft_clear() then. */
int settings_draft_init(struct settings_draft *d, enum settings_program program);
/* Frees all, d->s and d->error too, unless they were taken (NULL). */
void settings_draft_clear(struct settings_draft *d);

/* Keeps "<file>:<line>: <key>: <text>" or "<option>: <text>" if it is the first error. Returns -1.
 */
int
settings_fail(struct settings_draft *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int settings_no_memory(struct settings_draft *d);
/* The error about a key that nobody gave: without a file, the option is to blame. Returns -1. */
int settings_missing(
    struct settings_draft *d, const char *key, const char *option, const char *expected);
/* Later messages are about this value; about the key alone if it was not given. */
void settings_look_at(struct settings_draft *d, enum settings_section section, const char *name,
    size_t number, size_t index);

/* The words for enum settings_profile. */
extern const struct settings_words settings_profiles;
/* The whole table, ending with a NULL name. */
const struct settings_key *settings_keys(void);
const struct settings_key *settings_key_find(enum settings_section section, const char *name);
/* As the file calls it: "peer". */
const char *settings_section_name(enum settings_section section);
const char *settings_program_name(enum settings_program program);
/* Which of its like it is counts from brokers on alone. NULL if it was not given; borrowed until
 * the next settings_set(). */
const struct settings_place *settings_place_find(
    const struct settings_draft *d, const struct settings_key *k, size_t number, size_t index);
/* One more value of that key, given at d->line or by d->option. Returns 0 or -1. */
int settings_place_add(struct settings_draft *d, const struct settings_key *k, size_t number);
void settings_place_drop(
    struct settings_draft *d, const struct settings_key *k, size_t number, size_t index);
/* All of a key outside the sections. */
void settings_place_drop_all(struct settings_draft *d, const struct settings_key *k);

/*
 * Room for one more in a list of count. It doubles with each power of two, for thousands of peers.
 * Returns the list, or NULL when memory is short: it is as it was then.
 */
void *settings_grow(void *list, size_t count, size_t size);

/* Sets one value of the section d->number, given at d->line or by d->option. Returns 0 or -1. */
int settings_set(struct settings_draft *d, const struct settings_key *k, const char *value);
/* Where the value of a key goes. */
void *settings_field(struct settings_draft *d, const struct settings_key *k);
/* Later messages are about the section itself. */
void
settings_look_at_section(struct settings_draft *d, enum settings_section section, size_t number);
/* 1 to k->max characters, none of them for control. Returns 0 or -1. */
int settings_check_text(struct settings_draft *d, const struct settings_key *k, const char *value);
/* An absolute one. Returns 0 or -1. */
int settings_check_path(struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_replace_text(struct settings_draft *d, char **text, const char *value);

/* That it consists of letters, digits, '-', '_' and '.'; what it names: "a network". */
int settings_check_plain(struct settings_draft *d, const char *what, const char *value);

/* The host's own name up to its first dot, cut to what fits; "" if it has none. Returns text. */
char *settings_host_name(char *text, size_t size);

/* Setters of the table: numbers, addresses, and what the native wire is about. */
int settings_set_number(struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_set_mtu(struct settings_draft *d, const struct settings_key *k, const char *value);
int
settings_set_quantity(struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_set_seconds(struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_set_time(struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_add_forward(struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_add_peer_address(
    struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_add_route(struct settings_draft *d, const struct settings_key *k, const char *value);
int
settings_add_own_address(struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_add_member_address(
    struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_add_member_route(
    struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_add_member_group(
    struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_set_network(struct settings_draft *d, const struct settings_key *k, const char *value);
int
settings_set_group_name(struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_set_name(struct settings_draft *d, const struct settings_key *k, const char *value);
int
settings_set_public_key(struct settings_draft *d, const struct settings_key *k, const char *value);
int
settings_set_member_key(struct settings_draft *d, const struct settings_key *k, const char *value);
int settings_set_member_key_file(
    struct settings_draft *d, const struct settings_key *k, const char *value);
int
settings_set_key_server(struct settings_draft *d, const struct settings_key *k, const char *value);

/* Begins a section; the following values are for it. */
int settings_begin(struct settings_draft *d, enum settings_section section, const char *title);
int settings_set_interface(struct settings_draft *d, const char *name);
int settings_add_broker(struct settings_draft *d, const char *url);
int settings_begin_key_group(struct settings_draft *d, const char *name);
int settings_begin_member(struct settings_draft *d, const char *name);
/* 1 to max such characters. */
int settings_check_title(struct settings_draft *d, const char *what, const char *name, size_t max);
/* Of members: one more prefix, before those from at on. */
int settings_add_prefix(struct settings_draft *d, const struct prefix *p, size_t at);
void settings_drop_brokers(struct settings_draft *d);
void settings_free_broker(struct settings_broker *b);
/* Fills transport, host and port. */
int settings_parse_url(struct settings_draft *d, const char *url, struct settings_broker *b);

/* Returns 0; -1 with d->error. */
int settings_text_prepare(struct settings_draft *d, const char *text, struct settings_text *out);
void settings_text_clear(struct settings_text *t);
int settings_parse(struct settings_draft *d, const char *text);
int settings_apply_options(struct settings_draft *d, const struct options *o);
/* All that can be judged without the file system. */
int settings_check(struct settings_draft *d);
/* The parts of it: the wire and what belongs to it, with the defaults that depend on it; that no
 * address or network is given twice; the same of a key server and its members. */
int settings_check_wire(struct settings_draft *d);
int settings_check_claims(struct settings_draft *d);
int settings_check_brokers(struct settings_draft *d);
/* Settings of brokers for those that nobody gave, and what else their profiles allow. */
int settings_apply_profiles(struct settings_draft *d);
int settings_check_keyd(struct settings_draft *d);
int settings_check_shared(struct settings_draft *d);
/* Parts of these parts. */
int settings_check_network(struct settings_draft *d, const char *option, const char *expected);
int settings_set_default_name(struct settings_draft *d);
/* That no two sections have one name, and no two peers or members one public key. */
int settings_check_titles(struct settings_draft *d, enum settings_section section);
int settings_check_keys_differ(struct settings_draft *d, enum settings_section section);
/* Order of prefixes by family, length and network, as qsort() wants it. Host bits count. */
int settings_compare_prefixes(const struct prefix *a, const struct prefix *b);
struct prefix settings_host_prefix(const struct addr *a);
/* A host without its length. text has PREFIX_TEXT_MAX bytes; returned. */
const char *settings_format_prefix(const struct prefix *p, char *text);
/* That the named files exist and are kept safe; reads passwords, passphrase and keys. */
int settings_check_files(struct settings_draft *d);
int settings_check_readable(struct settings_draft *d, const char *path);
/* The public keys of members that are in files. */
int settings_read_member_keys(struct settings_draft *d);
/* Whether a key is one that nobody has made. */
bool settings_is_zero(const uint8_t key[AEAD_KEY_LEN]);
/* That a passphrase is hard to guess; the file that it came from is for the message. */
int settings_check_passphrase(struct settings_draft *d, const char *file, const char *passphrase);

#endif
