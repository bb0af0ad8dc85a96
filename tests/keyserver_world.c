/*
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keyserver_world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

#define START_MS 5000

static uint64_t
tell_wall(void *arg)
{
	const struct keyserver_world *w = arg;

	return w->wall_ms;
}

static void
set_members(struct keyserver_world *w, size_t count)
{
	static const char *const names[KEYSERVER_WORLD_MEMBERS] = {"a", "b", "c", "d", "e", "f"};
	static const char *const home[] = {"home"};

	ck_assert_uint_le(count, KEYSERVER_WORLD_MEMBERS);
	for (size_t i = 0; i < count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.1.%zu/32", i + 1);
		ck_assert_int_eq(prefix_parse(text, &w->prefixes[i]), 0);
		w->members[i] = (struct keyserver_member){.name = names[i],
		    .public_key = {(uint8_t)(i + 1)},
		    .groups = home,
		    .group_count = 1,
		    .prefixes = &w->prefixes[i],
		    .prefix_count = 1,
		    .longest_s = 24 * 3600};
	}
}

void
keyserver_world_open(
    struct keyserver_world *w, size_t members, const struct keyserver_callbacks *callbacks)
{
	log_set_level(LOG_LEVEL_ERROR);
	memset(w, 0, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "/tmp/check_keyserver.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w->dir));
	snprintf(w->file, sizeof(w->file), "%s/keyd.db", w->dir);
	snprintf(w->backup, sizeof(w->backup), "%s/backup", w->dir);
	w->callbacks = *callbacks;
	if (w->callbacks.arg == NULL)
		w->callbacks.arg = w;
	if (w->callbacks.wall_ms == NULL)
		w->callbacks.wall_ms = tell_wall;
	w->now_ms = START_MS;
	w->wall_ms = KEYSERVER_WORLD_WALL_MS;
	w->wheel = wheel_new(w->now_ms, NULL, NULL);
	ck_assert_ptr_nonnull(w->wheel);
	set_members(w, members);
	w->groups[0] = (struct keyserver_group){
	    "home", KEYMSG_UPDATE, KEYSERVER_WORLD_SLOT_S, 20, KEYSERVER_WORLD_LEASE_S};
	w->groups[1] = (struct keyserver_group){
	    "work", KEYMSG_STATIC, KEYSERVER_WORLD_SLOT_S, 20, KEYSERVER_WORLD_LEASE_S};
	w->settings = (struct keyserver_settings){w->groups, 2, w->members, members};
}

void
keyserver_world_close(struct keyserver_world *w)
{
	static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
	char path[128];

	keyserver_world_stop(w);
	wheel_free(w->wheel);
	free(w->crowd);
	free(w->crowd_names);
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		snprintf(path, sizeof(path), "%s%s", w->file, endings[i]);
		unlink(path);
	}
	unlink(w->backup);
	rmdir(w->dir);
}

void
keyserver_world_crowd(struct keyserver_world *w, size_t count)
{
	size_t first = w->settings.member_count;

	w->crowd = calloc(first + count, sizeof(*w->crowd));
	w->crowd_names = calloc(count, sizeof(*w->crowd_names));
	ck_assert(w->crowd != NULL && w->crowd_names != NULL);
	memcpy(w->crowd, w->members, first * sizeof(*w->crowd));
	for (size_t i = 0; i < count; i++) {
		struct keyserver_member *m = &w->crowd[first + i];

		snprintf(w->crowd_names[i], sizeof(w->crowd_names[i]), "crowd%zu", i);
		*m = w->members[0];
		m->name = w->crowd_names[i];
		m->prefix_count = 0;
	}
	w->settings.members = w->crowd;
	w->settings.member_count = first + count;
}

static void
copy(const char *from, const char *to)
{
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	char bytes[4096];
	size_t len;

	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(out);
	while ((len = fread(bytes, 1, sizeof(bytes), in)) > 0)
		ck_assert_uint_eq(fwrite(bytes, 1, len, out), len);
	fclose(in);
	ck_assert_int_eq(fclose(out), 0);
}

void
keyserver_world_back_up(struct keyserver_world *w)
{
	ck_assert_ptr_null(w->server);
	copy(w->file, w->backup);
}

void
keyserver_world_restore(struct keyserver_world *w)
{
	ck_assert_ptr_null(w->server);
	copy(w->backup, w->file);
}

void
keyserver_world_start(struct keyserver_world *w)
{
	char *error;

	w->store = keystore_open(w->file, &error);
	ck_assert_msg(w->store != NULL, "%s", error);
	w->server =
	    keyserver_new(w->wheel, w->store, &w->settings, &w->callbacks, w->now_ms, &error);
	ck_assert_msg(w->server != NULL, "%s", error);
}

void
keyserver_world_stop(struct keyserver_world *w)
{
	keyserver_free(w->server);
	keystore_close(w->store);
	w->server = NULL;
	w->store = NULL;
}

void
keyserver_world_pass(struct keyserver_world *w, uint64_t ms)
{
	uint64_t end = w->now_ms + ms;

	for (; w->now_ms < end;
	     w->now_ms += KEYSERVER_WORLD_STEP_MS, w->wall_ms += KEYSERVER_WORLD_STEP_MS)
		wheel_run(w->wheel, w->now_ms);
	wheel_run(w->wheel, w->now_ms);
}
