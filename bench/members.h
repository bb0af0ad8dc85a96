/*
 * What the files of bench/members share: one member, and many on their connections to the broker.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MEMBERS_H
#define MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "aead.h"
#include "link.h"
#include "network.h"
#include "stats.h"
#include "wheel.h"

#define MEMBERS_MAX 100000
#define MEMBERS_PREFIX "mqttip" /* of topics */

struct keywire;
struct member;

struct members_options {
	const char *broker, *socket, *network, *group;
	uint8_t server_key[AEAD_KEY_LEN];
	uint64_t count, share, rekey_s, join;
};

/* What all members have in common. */
struct members_common {
	struct members_options o;
	struct wheel *wheel;
	struct stats stats;
	uint8_t verify_key[AEAD_KEY_LEN];
};

struct members_tally {
	uint64_t messages, bytes; /* of MQTT payload */
};

/* A member. Whoever embeds it reads it; times are util_now_us(), 0 for not yet. */
struct members_one {
	char topic[NETWORK_TOPIC_MAX]; /* of what is said to it alone */
	uint32_t epoch;
	uint64_t begun_us, in_us, epoch_us, out_us;
	uint64_t renewals;
	struct members_tally sent, heard; /* heard: to it alone */

	/* The rest is its own. */
	struct members_common *common;
	struct link *const *link;
	struct network network;
	struct keywire *wire;
	struct member *member;
	uint64_t lease_until_ms;
};

void members_private_key(uint8_t key[AEAD_KEY_LEN], size_t number);
struct prefix members_address(size_t number);

/* members_one.c. common and *link, where the connection to the broker will be, are borrowed.
 * Returns 0, or -1 when memory is short. */
int members_one_init(
    struct members_one *m, size_t number, struct members_common *common, struct link *const *link);
void members_one_clear(struct members_one *m);
/* The topic of what its group is told. topic has NETWORK_TOPIC_MAX bytes. */
void members_one_group_topic(const struct members_one *m, char *topic);
void members_one_join(struct members_one *m, uint64_t now_ms);
bool members_one_is_in(const struct members_one *m);
/* To it alone, and to all of its group. */
void members_one_receive(struct members_one *m, const struct link_message *message);
void members_one_follow(struct members_one *m, const struct link_message *message);

/* members_crowd.c: all of them, until SIGTERM. Ends the process with a message where it cannot go
 * on. */
void members_run(const struct members_options *o);
void members_fail(const char *what, const char *why) __attribute__((noreturn));

#endif
