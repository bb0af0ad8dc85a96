/*
 * What is between the members of groups and their key server: sessions over the broker, made when
 * there is something to say, in which each end is known by its public key; and the topic by which
 * the server tells all of a group. A pure machine, the same at both ends. See mqtt-vpn-protocol(7).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYWIRE_H
#define KEYWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aead.h"
#include "channel.h"
#include "network.h"
#include "notice.h"

#define KEYWIRE_MESSAGE_MAX 8192 /* of what members and server say within their session */

struct aead_cipher;
struct keywire;
struct link_message;
struct stats;
struct wheel;

struct keywire_callbacks {
	/* Returns 0, or -1 with errno: ENOTCONN, EMSGSIZE. */
	int (*publish)(void *arg, const char *topic, const void *message, size_t len);
	/* Server: whether somebody with this key may have a session. */
	bool (*knows)(void *arg, const uint8_t public_key[AEAD_KEY_LEN]);
	/* Server: whether there is room for an answer; what would want one is dropped otherwise. */
	bool (*can_answer)(void *arg);
	/* Said to us within a session by whoever has this key. */
	void (*receive)(void *arg, const uint8_t public_key[AEAD_KEY_LEN], const uint8_t *message,
	    size_t len, uint64_t now_ms);
	/* Member: there is a session with the server, a new one. */
	void (*ready)(void *arg, uint64_t now_ms);
	/* Member: told to all of its group, by whoever may write there: nothing is proven. */
	void (*told)(void *arg, const uint8_t *message, size_t len, uint64_t now_ms);
	/* A probe of ours came back, see keywire_probe(). */
	void (*probe)(void *arg, const uint8_t token[NOTICE_TOKEN_LEN]);
	/* A clock that does not go back. */
	uint64_t (*clock_us)(void *arg);
	void *arg;
};

struct keywire_params {
	const struct network *network; /* pubkey mode, control; borrowed, as the next two are */
	struct wheel *wheel;
	struct stats *stats;
	const char *name;	   /* of this end, told to the other; copied */
	const uint8_t *server_key; /* of the server, copied; NULL: we are it */
	const char *group;	   /* of a member; copied */
	uint32_t rekey_ms;
};

/* Returns NULL when memory is short. */
struct keywire *
keywire_new(const struct keywire_params *params, const struct keywire_callbacks *callbacks);
/* Accepts NULL. */
void keywire_free(struct keywire *w);

/* The topics to subscribe to: 0 is that of our own messages, 1 of a member what all of its group
 * are told. topic has NETWORK_TOPIC_MAX bytes; returned, NULL behind the last. */
const char *keywire_topic(const struct keywire *w, size_t i, char *topic);

/*
 * Says it within the session with whoever has this key. Returns 0, or -1 with errno: ENOTCONN
 * without a session, which a member then begins (ready() follows) and a server does not; EMSGSIZE;
 * ENOMEM.
 */
int keywire_send(struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN], const void *message,
    size_t len, uint64_t now_ms);
/* Server: tells all of a group, signed by the caller. Returns as publish() does. */
int keywire_tell(struct keywire *w, const char *group, const void *message, size_t len);
/* To ourselves, to see whether the broker delivers. Returns as publish() does. */
int keywire_probe(struct keywire *w, const uint8_t token[NOTICE_TOKEN_LEN]);

/* The way to the broker is open: handshakes that are under way are tried again at once. */
void keywire_up(struct keywire *w, uint64_t now_ms);
/* Server: has no session with this one any more. */
void keywire_forget(struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN]);

/* A message of the broker. Returns false if its topic is none of these. */
bool keywire_receive(struct keywire *w, const struct link_message *m, uint64_t now_ms);

/* Of the session with that one; state CHANNEL_IDLE when there is none. */
void keywire_facts(
    const struct keywire *w, const uint8_t public_key[AEAD_KEY_LEN], struct channel_facts *f);

#endif
