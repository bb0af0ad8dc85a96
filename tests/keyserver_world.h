/*
 * A key server in virtual time, with its store in a directory of its own and settings that the test
 * may change before it starts: the group "home", of the method that the test wants, and "work",
 * which is static; members "a", "b" and so on, with the address 10.0.1.<number + 1>, who may be in
 * "home" for a day.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYSERVER_WORLD_H
#define KEYSERVER_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "keyserver.h"
#include "keystore.h"
#include "wheel.h"

#define KEYSERVER_WORLD_MEMBERS 6
#define KEYSERVER_WORLD_STEP_MS 10
/* The server's wall clock is far from the members', who begin to count when they are started. */
#define KEYSERVER_WORLD_WALL_MS UINT64_C(1700000000000)
#define KEYSERVER_WORLD_SLOT_S 60
#define KEYSERVER_WORLD_LEASE_S 900

struct keyserver_world {
	char dir[64], file[96], backup[96];
	struct wheel *wheel;
	struct keystore *store; /* these two are NULL while the server is stopped */
	struct keyserver *server;
	struct keyserver_callbacks callbacks; /* of the test; arg is the world if it is NULL */
	uint64_t now_ms, wall_ms;
	struct prefix prefixes[KEYSERVER_WORLD_MEMBERS];
	struct keyserver_member members[KEYSERVER_WORLD_MEMBERS];
	struct keyserver_group groups[2];
	struct keyserver_settings settings;
	struct keyserver_member *crowd; /* all members, if there are more than those above */
	char (*crowd_names)[32];
};

/* With so many members; the server is not started. wall_ms may be NULL: w->wall_ms is told then. */
void keyserver_world_open(
    struct keyserver_world *w, size_t members, const struct keyserver_callbacks *callbacks);
/* Removes the store too. */
void keyserver_world_close(struct keyserver_world *w);

void keyserver_world_start(struct keyserver_world *w);
void keyserver_world_stop(struct keyserver_world *w);
/* Before the start: so many more members, "crowd0" and so on, without addresses. */
void keyserver_world_crowd(struct keyserver_world *w, size_t count);
/* While the server is stopped: keeps a copy of the store, and puts it back. */
void keyserver_world_back_up(struct keyserver_world *w);
void keyserver_world_restore(struct keyserver_world *w);
/* Lets both clocks run for so long, and with them the wheel. */
void keyserver_world_pass(struct keyserver_world *w, uint64_t ms);

#endif
