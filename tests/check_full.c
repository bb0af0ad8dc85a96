/*
 * A key server whose store cannot be written for a while: the file may not grow, or the system
 * takes nothing more. It tells who asks that it cannot, goes on with what it has, and is itself
 * again when there is room.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "member_world.h"

#define CROWD 500 /* more than the pages of the file have room for */
#define MINUTE 60000
#define REASON "the key server cannot write to its store; its log tells why"

enum { NO_PAGES, NO_WRITING, TROUBLES };

static struct member_world world;
static unsigned int crowd_joined, crowd_refused;
static sqlite3 *db; /* of the server */
static int trouble;

static int
on_open(sqlite3 *opened, char **error, const struct sqlite3_api_routines *api)
{
	db = opened;
	return SQLITE_OK;
}

static void
on_send(void *arg, const char *name, const uint8_t *message, size_t len)
{
	struct keymsg k;

	member_world_tell(arg, name, message, len);
	if (strncmp(name, "crowd", 5) != 0)
		return;
	/* Check would note each in a file of its own, which must not reach the limit. */
	if (keymsg_parse(&k, message, len) != 0)
		abort();
	crowd_joined += k.type == KEYMSG_JOINED;
	crowd_refused += k.type == KEYMSG_REFUSED && strcmp(k.reason, REASON) == 0;
}

static void
setup(void)
{
	member_world_open(&world);
	world.ks.callbacks.send = on_send;
	keyserver_world_crowd(&world.ks, CROWD);
	crowd_joined = crowd_refused = 0;
	sqlite3_auto_extension((void (*)(void))on_open);
	signal(SIGXFSZ, SIG_IGN);
}

static void
teardown(void)
{
	sqlite3_cancel_auto_extension((void (*)(void))on_open);
	member_world_close(&world);
}

static void
execute(const char *sql)
{
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void
limit_files(bool limited)
{
	struct rlimit limit;
	struct stat st;
	char wal[128];

	snprintf(wal, sizeof(wal), "%s-wal", world.ks.file);
	ck_assert_int_eq(stat(wal, &st), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = limited ? (rlim_t)st.st_size : limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
set_full(bool full)
{
	if (trouble == NO_WRITING)
		limit_files(full);
	else /* no less than there are */
		execute(full ? "PRAGMA max_page_count = 1" : "PRAGMA max_page_count = 100000");
}

/* For the methods of a group, and each trouble. */
static void
begin(int test)
{
	world.ks.groups[0].method = KEYMSG_STATIC + (enum keymsg_method)(test / TROUBLES);
	trouble = test % TROUBLES;
	keyserver_world_start(&world.ks);
	member_world_join_all(&world);
}

static void
pass(uint64_t ms)
{
	keyserver_world_pass(&world.ks, ms);
}

static void
crowd_joins(void)
{
	struct keymsg k = {.type = KEYMSG_JOIN,
	    .request = 1,
	    .has = KEYMSG_HAS(KEYMSG_GROUP) | KEYMSG_HAS(KEYMSG_WANTED),
	    .group = "home"};
	uint8_t message[KEYMSG_MAX];
	size_t len = keymsg_write(&k, message, sizeof(message));

	for (size_t i = 0; i < CROWD; i++)
		keyserver_receive(
		    world.ks.server, world.ks.crowd_names[i], message, len, world.ks.now_ms);
	pass(KEYSERVER_BATCH_MS);
}

static struct keyserver_facts
facts(void)
{
	struct keyserver_facts f;

	ck_assert_int_eq(keyserver_facts(world.ks.server, "home", &f), 0);
	return f;
}

static struct member *
member(size_t i)
{
	return world.sides[i].m;
}

static void
restart(void)
{
	keyserver_world_stop(&world.ks);
	keyserver_world_start(&world.ks);
	pass(5000);
}

START_TEST(full_store_lets_nobody_in_and_serves_the_rest)
{
	struct keyserver_facts before;

	begin(_i);
	before = facts();
	set_full(true);
	crowd_joins();
	ck_assert_uint_eq(crowd_refused, CROWD);
	ck_assert_uint_eq(crowd_joined, 0);
	pass(60 * MINUTE); /* leases are renewed */
	member_world_expect_all_read(&world);
	ck_assert_uint_eq(facts().members, before.members);
	ck_assert_uint_eq(facts().epoch, before.epoch);
	member_look_up(member(0), NULL, member_sender(member(1)));
	ck_assert_int_eq(world.sides[0].entry.type, KEYMSG_ENTRY);
	set_full(false);
	crowd_joins();
	ck_assert_uint_eq(crowd_joined, CROWD);
	pass(5000);
	member_world_expect_all_read(&world);
	ck_assert_uint_eq(facts().members, before.members + CROWD);
	for (size_t i = 0; i < MEMBER_WORLD_MAX; i++)
		ck_assert_uint_eq(world.sides[i].out, 0);
}
END_TEST

/* Nothing of it is left, not even after a restart. */
START_TEST(full_store_keeps_nothing_by_half)
{
	struct keyserver_facts before;

	begin(_i);
	before = facts();
	set_full(true);
	crowd_joins();
	if (trouble == NO_WRITING)
		set_full(false); /* or it could not be opened */
	restart();
	ck_assert_uint_eq(facts().members, before.members);
	ck_assert_uint_eq(facts().epoch, before.epoch);
	member_world_expect_all_read(&world);
}
END_TEST

/* Not at once, but not forgotten; and served no more. */
START_TEST(full_store_puts_out_when_it_can)
{
	uint32_t epoch;

	begin(_i * TROUBLES + NO_WRITING); /* that lets nothing pass */
	epoch = facts().epoch;
	set_full(true);
	ck_assert_uint_eq(keyserver_evict(world.ks.server, NULL, "b", world.ks.now_ms), 1);
	member_leave(member(2), world.ks.now_ms);
	pass(KEYSERVER_WORLD_LEASE_S * 1000 + MINUTE);
	ck_assert_uint_eq(facts().epoch, epoch);
	ck_assert_int_eq(member_state(member(1)), MEMBER_JOINING);
	ck_assert_str_eq(world.sides[1].reason, "evicted");
	ck_assert_int_eq(member_state(member(2)), MEMBER_LEAVING);
	ck_assert(member_world_can_read(&world, 0, 3) && member_world_can_read(&world, 3, 0));
	set_full(false);
	pass(2 * MINUTE);
	ck_assert_uint_gt(facts().epoch, epoch);
	ck_assert_int_eq(member_state(member(1)), MEMBER_OUT);
	ck_assert_int_eq(member_state(member(2)), MEMBER_OUT);
	ck_assert_uint_eq(facts().members, 2);
	restart();
	member_join(member(1), world.ks.now_ms);
	pass(5000);
	ck_assert_str_eq(world.sides[1].reason, "put out by the administrator");
	ck_assert(member_world_can_read(&world, 0, 3) && member_world_can_read(&world, 3, 0));
}
END_TEST

static TCase *
full_tests(void)
{
	TCase *tc = tcase_create("full");
	int first = 0, behind = KEYMSG_SLOTTED * TROUBLES;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, full_store_lets_nobody_in_and_serves_the_rest, first, behind);
	tcase_add_loop_test(tc, full_store_keeps_nothing_by_half, first, behind);
	tcase_add_loop_test(tc, full_store_puts_out_when_it_can, 0, KEYMSG_SLOTTED);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("full");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, full_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
