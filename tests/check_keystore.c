/*
 * The key server's store: what was committed is there again, what was not is gone; and each file
 * that is no store, or not ours alone, is refused with the reason.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "keystore.h"
#include "util.h"

static char dir[64], file[96];
static struct keystore *store;

/* What the callbacks have seen. */
static struct keystore_group groups[4];
static struct keystore_member members[4];
static struct keytree_node nodes[4];
static uint8_t node_keys[4][AEAD_KEY_LEN];
static size_t seen;

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/check_keystore.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/keyd.db", dir);
	store = NULL;
	seen = 0;
}

static void
teardown(void)
{
	static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
	char path[128];

	keystore_close(store);
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		snprintf(path, sizeof(path), "%s%s", file, endings[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void
reopen(void)
{
	char *error;

	keystore_close(store);
	store = keystore_open(file, &error);
	ck_assert_msg(store != NULL, "%s", error);
	ck_assert_ptr_null(error);
}

static void
close_store(void)
{
	keystore_close(store);
	store = NULL;
}

static void
refuse(const char *expected)
{
	char *error;

	ck_assert_ptr_null(keystore_open(file, &error));
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error, expected) != NULL, "%s", error);
	ck_assert_int_eq(strncmp(error, file, strlen(file)), 0);
	free(error);
}

static void
refuse_exactly(const char *expected)
{
	char *error, text[512];

	snprintf(text, sizeof(text), "%s: %s", file, expected);
	ck_assert_ptr_null(keystore_open(file, &error));
	ck_assert_str_eq(error, text);
	free(error);
}

static void
write_file(const char *text, size_t len, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, mode);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

/* What another program does to the file. */
static void
execute(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	ck_assert_int_eq(chmod(file, 0600), 0);
}

static int
see_group(void *arg, const struct keystore_group *g)
{
	ck_assert_uint_lt(seen, ARRAY_LEN(groups));
	groups[seen++] = *g;
	return 0;
}

static int
see_member(void *arg, const struct keystore_member *m)
{
	ck_assert_uint_lt(seen, ARRAY_LEN(members));
	members[seen++] = *m;
	return 0;
}

static int
see_node(void *arg, struct keytree_node node, const uint8_t key[AEAD_KEY_LEN])
{
	ck_assert_uint_lt(seen, ARRAY_LEN(nodes));
	memcpy(node_keys[seen], key, AEAD_KEY_LEN);
	nodes[seen++] = node;
	return 0;
}

static int
see_enough(void *arg, const struct keystore_group *g)
{
	seen++;
	return -1;
}

static size_t
count_groups(void)
{
	seen = 0;
	ck_assert_int_eq(keystore_each_group(store, see_group, NULL), 0);
	return seen;
}

static struct keystore_group
group(const char *name)
{
	struct keystore_group g = {.method = 3,
	    .epoch = UINT32_MAX,
	    .next_sender = 7,
	    .slots_begin_ms = UINT64_C(1) << 62,
	    .slot_s = 60,
	    .slots_depth = 24};

	snprintf(g.name, sizeof(g.name), "%s", name);
	memset(g.slots_root, 0x5a, sizeof(g.slots_root));
	return g;
}

static void
put_group(const char *name)
{
	struct keystore_group g = group(name);

	ck_assert_int_eq(keystore_put_group(store, &g), 0);
}

static struct keystore_member
member(const char *in, const char *name)
{
	struct keystore_member m = {
	    .leaf = 3, .sender = UINT32_MAX, .request = 9, .until_ms = UINT64_MAX};

	snprintf(m.group, sizeof(m.group), "%s", in);
	snprintf(m.name, sizeof(m.name), "%s", name);
	memset(m.public_key, 0x22, sizeof(m.public_key));
	m.has_verify_key = true;
	memset(m.verify_key, 0x33, sizeof(m.verify_key));
	return m;
}

START_TEST(keystore_is_made_for_its_owner_alone)
{
	mode_t mask = umask(0);
	struct stat st;

	reopen();
	umask(mask);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(keystore_keeps_its_identity)
{
	struct keystore_server first, again;

	reopen();
	ck_assert_int_eq(keystore_get_server(store, &first), 0);
	ck_assert_uint_eq(first.clock_ms, 0);
	ck_assert_int_eq(keystore_put_clock(store, UINT64_C(1) << 60), 0);
	reopen();
	ck_assert_int_eq(keystore_get_server(store, &again), 0);
	ck_assert_mem_eq(again.sign_public, first.sign_public, sizeof(first.sign_public));
	ck_assert_mem_eq(again.sign_secret, first.sign_secret, sizeof(first.sign_secret));
	ck_assert_uint_eq(again.clock_ms, UINT64_C(1) << 60);
}
END_TEST

START_TEST(keystore_gives_back_what_was_committed)
{
	struct keystore_group g = group("home");
	struct keystore_member m = member("home", "nas");
	uint8_t key[AEAD_KEY_LEN] = {1, 2, 3};

	reopen();
	ck_assert_int_eq(keystore_begin(store), 0);
	ck_assert_int_eq(keystore_put_group(store, &g), 0);
	ck_assert_int_eq(keystore_put_member(store, &m), 0);
	ck_assert_int_eq(keystore_put_node(store, "home", (struct keytree_node){2, 5}, key), 0);
	ck_assert_int_eq(keystore_commit(store), 0);
	reopen();
	ck_assert_uint_eq(count_groups(), 1);
	ck_assert_mem_eq(&groups[0], &g, sizeof(g));
	seen = 0;
	ck_assert_int_eq(keystore_each_member(store, "home", see_member, NULL), 0);
	ck_assert_uint_eq(seen, 1);
	ck_assert_mem_eq(&members[0], &m, sizeof(m));
	seen = 0;
	ck_assert_int_eq(keystore_each_node(store, "home", see_node, NULL), 0);
	ck_assert_uint_eq(seen, 1);
	ck_assert_uint_eq(nodes[0].level, 2);
	ck_assert_uint_eq(nodes[0].index, 5);
	ck_assert_mem_eq(node_keys[0], key, sizeof(key));
}
END_TEST

START_TEST(keystore_keeps_members_that_do_not_sign)
{
	struct keystore_member m = {.group = "home", .name = "nas", .sender = 5, .until_ms = 6};

	reopen();
	put_group("home");
	ck_assert_int_eq(keystore_put_member(store, &m), 0);
	ck_assert_int_eq(keystore_each_member(store, "home", see_member, NULL), 0);
	ck_assert_uint_eq(seen, 1);
	ck_assert_mem_eq(&members[0], &m, sizeof(m));
}
END_TEST

START_TEST(keystore_forgets_what_was_not_committed)
{
	reopen();
	ck_assert_int_eq(keystore_begin(store), 0);
	put_group("home");
	keystore_rollback(store);
	ck_assert_uint_eq(count_groups(), 0);
	ck_assert_int_eq(keystore_begin(store), 0);
	put_group("home");
	reopen();
	ck_assert_uint_eq(count_groups(), 0);
	keystore_rollback(store); /* of nothing */
}
END_TEST

/* Killed at any time: what is on the disk is what was committed. */
START_TEST(keystore_outlives_its_process)
{
	pid_t pid;
	int status;

	reopen();
	close_store();
	pid = fork();
	if (pid == 0) {
		reopen();
		keystore_begin(store);
		put_group("committed");
		keystore_commit(store);
		keystore_begin(store);
		put_group("lost");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	reopen();
	ck_assert_uint_eq(count_groups(), 1);
	ck_assert_str_eq(groups[0].name, "committed");
}
END_TEST

START_TEST(keystore_changes_and_deletes)
{
	struct keystore_group g = group("home");
	struct keystore_member m = member("home", "nas");
	uint8_t key[AEAD_KEY_LEN] = {1};

	reopen();
	put_group("home");
	put_group("work");
	ck_assert_int_eq(keystore_put_member(store, &m), 0);
	ck_assert_int_eq(keystore_put_node(store, "home", (struct keytree_node){0, 1}, key), 0);
	g.epoch = 8;
	ck_assert_int_eq(keystore_put_group(store, &g), 0); /* and its members stay */
	m.leaf = 4;
	ck_assert_int_eq(keystore_put_member(store, &m), 0);
	ck_assert_uint_eq(count_groups(), 2);
	ck_assert_uint_eq(groups[0].epoch, 8);
	seen = 0;
	ck_assert_int_eq(keystore_each_member(store, "home", see_member, NULL), 0);
	ck_assert_uint_eq(seen, 1);
	ck_assert_uint_eq(members[0].leaf, 4);
	ck_assert_int_eq(keystore_put_node(store, "home", (struct keytree_node){0, 1}, NULL), 0);
	seen = 0;
	ck_assert_int_eq(keystore_each_node(store, "home", see_node, NULL), 0);
	ck_assert_uint_eq(seen, 0);
	ck_assert_int_eq(keystore_delete_group(store, "home"), 0);
	ck_assert_int_eq(keystore_each_member(store, "home", see_member, NULL), 0);
	ck_assert_uint_eq(seen, 0);
	ck_assert_uint_eq(count_groups(), 1);
	ck_assert_int_eq(keystore_delete_member(store, "work", "nobody"), 0);
}
END_TEST

static int
see_any_ban(void *arg, const char *name)
{
	seen++;
	return 0;
}

START_TEST(keystore_clears_a_group_but_for_its_bans)
{
	struct keystore_member m = member("home", "nas"), other = member("work", "nas");
	uint8_t key[AEAD_KEY_LEN] = {1};

	reopen();
	put_group("home");
	put_group("work");
	ck_assert_int_eq(keystore_put_member(store, &m), 0);
	ck_assert_int_eq(keystore_put_member(store, &other), 0);
	ck_assert_int_eq(keystore_put_node(store, "home", (struct keytree_node){0, 1}, key), 0);
	ck_assert_int_eq(keystore_put_ban(store, "home", "thief"), 0);
	ck_assert_int_eq(keystore_clear_group(store, "home"), 0);
	ck_assert_int_eq(keystore_each_member(store, "home", see_member, NULL), 0);
	ck_assert_int_eq(keystore_each_node(store, "home", see_node, NULL), 0);
	ck_assert_uint_eq(seen, 0);
	ck_assert_int_eq(keystore_each_ban(store, "home", see_any_ban, NULL), 0);
	ck_assert_int_eq(keystore_each_member(store, "work", see_member, NULL), 0);
	ck_assert_uint_eq(seen, 2);
	ck_assert_uint_eq(count_groups(), 2);
}
END_TEST

static int
see_ban(void *arg, const char *name)
{
	ck_assert_str_eq(name, "thief");
	seen++;
	return 0;
}

START_TEST(keystore_keeps_bans)
{
	reopen();
	put_group("home");
	ck_assert_int_eq(keystore_put_ban(store, "home", "thief"), 0);
	ck_assert_int_eq(keystore_put_ban(store, "home", "thief"), 0);
	reopen();
	ck_assert_int_eq(keystore_each_ban(store, "home", see_ban, NULL), 0);
	ck_assert_uint_eq(seen, 1);
	ck_assert_int_eq(keystore_delete_ban(store, "home", "thief"), 0);
	ck_assert_int_eq(keystore_each_ban(store, "home", see_ban, NULL), 0);
	ck_assert_uint_eq(seen, 1);
}
END_TEST

START_TEST(keystore_stops_when_told)
{
	reopen();
	put_group("home");
	put_group("work");
	ck_assert_int_eq(keystore_each_group(store, see_enough, NULL), -1);
	ck_assert_uint_eq(seen, 1);
}
END_TEST

START_TEST(keystore_knows_no_member_without_a_group)
{
	struct keystore_member m = member("nowhere", "nas");

	reopen();
	ck_assert_int_eq(keystore_put_member(store, &m), -1);
	ck_assert_ptr_nonnull(strstr(keystore_error(store), "FOREIGN KEY"));
}
END_TEST

START_TEST(keystore_belongs_to_one_process)
{
	reopen();
	refuse("in use");
}
END_TEST

START_TEST(keystore_refuses_what_others_can_read)
{
	reopen();
	close_store();
	ck_assert_int_eq(chmod(file, 0640), 0);
	refuse("mode 0640");
}
END_TEST

START_TEST(keystore_refuses_what_is_no_store)
{
	char rubbish[4096];

	memset(rubbish, 'x', sizeof(rubbish));
	write_file(rubbish, sizeof(rubbish), 0600);
	refuse("no store");
	unlink(file);
	execute("CREATE TABLE addresses (name TEXT)");
	refuse("no store");
	unlink(file);
	ck_assert_int_eq(mkdir(file, 0700), 0);
	refuse("cannot be opened");
	rmdir(file);
	ck_assert_int_eq(symlink("/etc/passwd", file), 0);
	refuse("cannot be opened");
}
END_TEST

/* In a process without root's rights, in a directory of its own. Returns after it has ended. */
static void
as_nobody(void (*work)(void))
{
	enum { NOBODY = 65534 };
	pid_t pid;
	int status;

	if (geteuid() == 0)
		ck_assert_int_eq(chown(dir, NOBODY, NOBODY), 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(NOBODY) == -1 || setuid(NOBODY) == -1))
			_exit(EXIT_FAILURE);
		work();
		_exit(EXIT_SUCCESS);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

static void
try_without_rights(void)
{
	ck_assert_int_eq(chmod(dir, 0500), 0);
	refuse_exactly("cannot be opened: Permission denied");
	ck_assert_int_eq(chmod(dir, 0700), 0);
	reopen();
	put_group("home");
	close_store();
	ck_assert_int_eq(chmod(file, 0400), 0);
	refuse_exactly("cannot be opened: Permission denied");
	ck_assert_int_eq(chmod(file, 0600), 0);
	ck_assert_int_eq(chmod(dir, 0500), 0);
	refuse_exactly("cannot be written: its directory must be writable as well");
	ck_assert_int_eq(chmod(dir, 0700), 0);
	reopen();
	ck_assert_uint_eq(count_groups(), 1);
	close_store();
}

START_TEST(keystore_says_what_may_not_be_written)
{
	as_nobody(try_without_rights);
}
END_TEST

static int
count_one(void *arg, const struct keystore_group *g)
{
	size_t *count = arg;

	(*count)++;
	return 0;
}

/* The files may grow by so much. */
static void
limit_files(off_t more)
{
	struct rlimit limit;
	struct stat st;

	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = more < 0 ? limit.rlim_max : (rlim_t)(st.st_size + more);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What it took to fail. */
static unsigned int
put_groups_until_it_fails(void)
{
	char name[KEYSTORE_NAME_MAX + 1];
	unsigned int count = 0;
	struct keystore_group g;

	do {
		ck_assert_uint_lt(count, 5000);
		snprintf(name, sizeof(name), "group%u", count++);
		g = group(name);
	} while (keystore_put_group(store, &g) == 0);
	return count;
}

static size_t
count_all(void)
{
	size_t count = 0;

	keystore_each_group(store, count_one, &count);
	return count;
}

/* Few words of Check's on the way: they go to a file as well. */
static void
try_without_room(void)
{
	char text[256], name[KEYSTORE_NAME_MAX + 1];
	struct keystore_group g;
	int rc = 0;

	signal(SIGXFSZ, SIG_IGN);
	reopen();
	put_group("before");
	limit_files(50000);
	ck_assert_int_eq(keystore_begin(store), 0);
	for (unsigned int i = 0; i < 500 && rc == 0; i++) {
		snprintf(name, sizeof(name), "group%u", i);
		g = group(name);
		rc = keystore_put_group(store, &g);
	}
	ck_assert(rc == -1 || keystore_commit(store) == -1);
	snprintf(text, sizeof(text), "%s: cannot be read or written: disk I/O error", file);
	ck_assert_str_eq(keystore_error(store), text);
	keystore_rollback(store);
	ck_assert_uint_eq(count_all(), 1);
	limit_files(-1);
	ck_assert_int_eq(keystore_begin(store), 0);
	put_group("behind");
	ck_assert_int_eq(keystore_commit(store), 0);
	reopen();
	ck_assert_uint_eq(count_all(), 2);
	close_store();
}

START_TEST(keystore_says_that_there_is_no_room)
{
	as_nobody(try_without_room);
}
END_TEST

static sqlite3 *opened;

static int
on_open(sqlite3 *db, char **error, const struct sqlite3_api_routines *api)
{
	opened = db;
	return SQLITE_OK;
}

START_TEST(keystore_says_that_the_disk_is_full)
{
	struct keystore_server server;
	char text[256];

	sqlite3_auto_extension((void (*)(void))on_open);
	reopen();
	sqlite3_cancel_auto_extension((void (*)(void))on_open);
	put_group("before");
	sqlite3_exec(opened, "PRAGMA max_page_count = 1", NULL, NULL, NULL);
	ck_assert_int_eq(keystore_begin(store), 0);
	ck_assert_uint_gt(put_groups_until_it_fails(), 1);
	/* What would have room, and would be kept by itself. */
	ck_assert_int_eq(keystore_put_clock(store, 5), -1);
	ck_assert_int_eq(keystore_delete_group(store, "before"), -1);
	ck_assert_int_eq(keystore_commit(store), -1);
	snprintf(text, sizeof(text), "%s: the disk is full", file);
	ck_assert_str_eq(keystore_error(store), text);
	keystore_rollback(store);
	reopen();
	ck_assert_uint_eq(count_all(), 1);
	ck_assert_int_eq(keystore_get_server(store, &server), 0);
	ck_assert_uint_eq(server.clock_ms, 0);
}
END_TEST

START_TEST(keystore_refuses_another_version)
{
	reopen();
	close_store();
	execute("PRAGMA user_version = 2");
	refuse_exactly("made by a newer mqtt-vpn-keyd: its version is 2, expected 1");
	execute("PRAGMA user_version = 0");
	refuse_exactly("made by an older mqtt-vpn-keyd: its version is 0, expected 1");
}
END_TEST

START_TEST(keystore_refuses_what_is_damaged)
{
	int fd;

	reopen();
	put_group("home");
	close_store();
	fd = open(file, O_WRONLY);
	ck_assert_int_ne(fd, -1);
	for (off_t at = 4096; at < 5 * 4096; at += 16)
		ck_assert_int_eq(pwrite(fd, "damage", 6, at), 6);
	close(fd);
	refuse("damaged");
}
END_TEST

static void
put_groups_of(unsigned int count)
{
	char name[KEYSTORE_NAME_MAX + 1];

	ck_assert_int_eq(keystore_begin(store), 0);
	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "group%u", i);
		put_group(name);
	}
	ck_assert_int_eq(keystore_commit(store), 0);
}

/* Whatever is left of it, and whichever page is bad. */
START_TEST(keystore_refuses_what_is_cut_or_has_a_bad_page)
{
	static const char rubbish[4096] = {1, 2, 3};
	struct stat st;
	int fd;

	reopen();
	put_groups_of(200);
	close_store();
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_gt(st.st_size, 8 * (off_t)sizeof(rubbish));
	for (off_t at = (off_t)sizeof(rubbish); at < st.st_size; at += (off_t)sizeof(rubbish)) {
		char kept[sizeof(rubbish)];

		fd = open(file, O_RDWR);
		ck_assert_int_eq(pread(fd, kept, sizeof(kept), at), sizeof(kept));
		ck_assert_int_eq(pwrite(fd, rubbish, sizeof(rubbish), at), sizeof(rubbish));
		refuse("put back a backup, and start once with --recover");
		ck_assert_int_eq(pwrite(fd, kept, sizeof(kept), at), sizeof(kept));
		close(fd);
	}
	ck_assert_int_eq(truncate(file, st.st_size / 2), 0);
	refuse("put back a backup, and start once with --recover");
	ck_assert_int_eq(truncate(file, 50), 0);
	refuse("put back a backup, and start once with --recover");
}
END_TEST

START_TEST(keystore_refuses_a_key_of_a_wrong_length)
{
	reopen();
	put_group("home");
	close_store();
	execute("UPDATE groups SET slots_root = x'0102'");
	reopen();
	ck_assert_int_eq(keystore_each_group(store, see_group, NULL), -1);
	ck_assert_ptr_nonnull(strstr(keystore_error(store), "a key of a wrong length"));
	ck_assert_uint_eq(seen, 0);
}
END_TEST

static TCase *
keystore_tests(void)
{
	TCase *tc = tcase_create("keystore");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, keystore_is_made_for_its_owner_alone);
	tcase_add_test(tc, keystore_keeps_its_identity);
	tcase_add_test(tc, keystore_gives_back_what_was_committed);
	tcase_add_test(tc, keystore_keeps_members_that_do_not_sign);
	tcase_add_test(tc, keystore_forgets_what_was_not_committed);
	tcase_add_test(tc, keystore_outlives_its_process);
	tcase_add_test(tc, keystore_changes_and_deletes);
	tcase_add_test(tc, keystore_clears_a_group_but_for_its_bans);
	tcase_add_test(tc, keystore_keeps_bans);
	tcase_add_test(tc, keystore_stops_when_told);
	tcase_add_test(tc, keystore_knows_no_member_without_a_group);
	tcase_add_test(tc, keystore_belongs_to_one_process);
	tcase_add_test(tc, keystore_refuses_what_others_can_read);
	tcase_add_test(tc, keystore_refuses_what_is_no_store);
	tcase_add_test(tc, keystore_says_what_may_not_be_written);
	tcase_add_test(tc, keystore_says_that_there_is_no_room);
	tcase_add_test(tc, keystore_says_that_the_disk_is_full);
	tcase_add_test(tc, keystore_refuses_another_version);
	tcase_add_test(tc, keystore_refuses_what_is_damaged);
	tcase_add_test(tc, keystore_refuses_what_is_cut_or_has_a_bad_page);
	tcase_add_test(tc, keystore_refuses_a_key_of_a_wrong_length);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("keystore");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, keystore_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
