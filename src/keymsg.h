/*
 * What a member and the key server say to each other within their session: a type, the number of
 * the request, and fields of tag, length and value. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYMSG_H
#define KEYMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "aead.h"
#include "keytree.h"
#include "slots.h"

#define KEYMSG_TEXT_MAX 255
#define KEYMSG_GROUP_MAX 64
#define KEYMSG_PREFIXES_MAX 128
/* The longest message that can be made. */
#define KEYMSG_MAX 8192

enum keymsg_type {
	/* of a member; each has an answer */
	KEYMSG_JOIN = 0x01,
	KEYMSG_LEAVE = 0x02,
	KEYMSG_CATCH_UP = 0x03, /* the answer is as to a join */
	KEYMSG_RENEW = 0x04,	/* the lease */
	KEYMSG_LOOK_UP = 0x05,	/* who has this address, this sender id, or exactly this prefix? */
	KEYMSG_LIST = 0x06,	/* the networks behind members */
	/* of the server */
	KEYMSG_JOINED = 0x81,
	KEYMSG_LEFT = 0x82,
	KEYMSG_LEASE = 0x84,
	KEYMSG_ENTRY = 0x85,
	KEYMSG_EVICTED = 0x86, /* unasked */
	KEYMSG_REFUSED = 0x87,
	KEYMSG_ROUTES = 0x88,
};

enum keymsg_field {
	KEYMSG_GROUP = 1,
	KEYMSG_WANTED = 2,
	KEYMSG_GRANTED = 3,
	KEYMSG_VERIFY_KEY = 4,
	KEYMSG_SERVER_KEY = 5,
	KEYMSG_PUBLIC_KEY = 6,
	KEYMSG_SENDER = 7,
	KEYMSG_EPOCH = 8,
	KEYMSG_METHOD = 9,
	KEYMSG_SLOTS = 10,
	KEYMSG_COVER = 11,
	KEYMSG_LEAF = 12,
	KEYMSG_PATH = 13,
	KEYMSG_LEASE_TIME = 14,
	KEYMSG_TIME = 15,
	KEYMSG_ADDRESS = 16,
	KEYMSG_PREFIX = 17,
	KEYMSG_NAME = 18,
	KEYMSG_REASON = 19,
	KEYMSG_NONCE = 20,
	KEYMSG_FIELDS
};

#define KEYMSG_HAS(field) (UINT32_C(1) << (field))

enum keymsg_method { KEYMSG_STATIC = 1, KEYMSG_UPDATE = 2, KEYMSG_SLOTTED = 3 };

/* A message taken apart, or to be put together. Zeroed but for the type: nothing in it yet. Holds
 * secrets: keymsg_clear(). */
struct keymsg {
	enum keymsg_type type;
	uint32_t request; /* that it is, or answers; 0: unasked */
	uint32_t has;	  /* KEYMSG_HAS() of the fields that are there */
	char group[KEYMSG_GROUP_MAX + 1];
	uint64_t wanted_s;		  /* of membership */
	uint64_t granted_s;		  /* from now */
	uint8_t verify_key[AEAD_KEY_LEN]; /* Ed25519, of a member that signs */
	uint8_t server_key[AEAD_KEY_LEN]; /* Ed25519, of the server */
	uint8_t public_key[AEAD_KEY_LEN]; /* X25519, of the member asked for */
	uint32_t sender;		  /* a member's id on the wire */
	uint32_t epoch;
	enum keymsg_method method;
	uint64_t slots_begin_ms; /* server's time */
	uint32_t slot_s;	 /* length of a slot */
	uint8_t slots_depth;
	struct slots_node cover[SLOTS_COVER_MAX];
	size_t cover_count;
	struct keytree_path path; /* leaf: KEYMSG_LEAF; keys and height: KEYMSG_PATH */
	uint32_t lease_s;
	uint64_t time_ms; /* server's time */
	struct addr address;
	/* Of a join: what the member has, and forwards for; of an entry: what it may. */
	struct prefix prefixes[KEYMSG_PREFIXES_MAX];
	size_t prefix_count;
	char name[KEYMSG_TEXT_MAX + 1], reason[KEYMSG_TEXT_MAX + 1];
	uint64_t nonce;
};

enum keymsg_error {
	KEYMSG_MALFORMED = -1,	/* cut short, a field twice or of a wrong length, a bad value */
	KEYMSG_UNKNOWN = -2,	/* a type, or a field that must be understood (tag below 0x80) */
	KEYMSG_INCOMPLETE = -3, /* without a field that its type needs */
};

/* Returns 0 or a negative enum keymsg_error; m holds nothing of use then. */
int keymsg_parse(struct keymsg *m, const uint8_t *data, size_t len);
/* Writes what m->has says; KEYMSG_MAX bytes are always enough. Returns the length; 0 if size is too
 * small, or what m->type needs is missing. */
size_t keymsg_write(const struct keymsg *m, uint8_t *out, size_t size);
void keymsg_clear(struct keymsg *m);
/* "join", "joined", ...: for logs. Static. */
const char *keymsg_type_name(enum keymsg_type type);

#endif
