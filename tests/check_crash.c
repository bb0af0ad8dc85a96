/*
 * A key server that is killed at each point where it could matter: before and after each statement
 * to its store, and before each word to a member or to all. In its first life it is a process of
 * its own, to which the test says what comes and which tells what goes out; when it is dead, the
 * test goes on with what is on the disk. Members notice no more of it than that they have to ask.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "member_world.h"
#include "rekey.h"
#include "util.h"

#define STEP_MS 100
#define DOWN_MS 3000
#define MANY 700 /* so many that join at once need two parts */

enum what {
	/* to the server */
	RECEIVE,
	RUN,
	EVICT,
	ROTATE,
	RECOVER,
	/* and of it; each of the above ends with DONE */
	SEND,
	PUBLISH,
	DONE,
};

struct letter {
	enum what what;
	uint64_t now_ms, wall_ms;
	char name[KEYSTORE_NAME_MAX + 1];
	size_t len;
	uint8_t bytes[REKEY_PART_MAX];
};

enum { AT_STORE = 1, AT_SEND = 2, AT_PUBLISH = 4, ANYWHERE = 7 };

/* What the child works with. */
struct life {
	struct keyserver_world *ks;
	int fd;
	unsigned int where, left; /* points to survive, of these kinds */
	struct letter out;
};

static struct member_world world;
static struct letter letter;
static int server_fd;
static pid_t server_pid;
static bool dead;

/* What members have said and the server has not heard yet. */
static struct letter waiting[16];
static size_t waiting_count;

static void
put(int fd, const struct letter *l)
{
	size_t len = offsetof(struct letter, bytes) + l->len;

	if (send(fd, l, len, MSG_NOSIGNAL) != (ssize_t)len && errno != EPIPE && errno != ECONNRESET)
		ck_abort_msg("send: %s", strerror(errno));
}

/* Returns false at the end. */
static bool
get(int fd, struct letter *l)
{
	return recv(fd, l, sizeof(*l), 0) > 0;
}

/* The child. */

static void
point(struct life *l, unsigned int where)
{
	if ((l->where & where) != 0 && l->left-- == 0)
		kill(getpid(), SIGKILL);
}

static bool
changes(const char *sql)
{
	return strncmp(sql, "SELECT", 6) != 0 && strstr(sql, " nodes ") == NULL;
}

/* Beginning and end of each statement; those about keys are too many, and inside of what is
 * committed with others. */
static int
on_statement(unsigned int event, void *arg, void *statement, void *text)
{
	if (changes(sqlite3_sql(statement)))
		point(arg, AT_STORE);
	return 0;
}

static struct life *life; /* for the one below, who is given nothing */

static int
on_open(sqlite3 *db, char **error, const struct sqlite3_api_routines *api)
{
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, on_statement, life);
}

static void
say(struct life *l, enum what what, const char *name, const uint8_t *message, size_t len)
{
	l->out.what = what;
	snprintf(l->out.name, sizeof(l->out.name), "%s", name);
	l->out.len = len;
	if (len > 0)
		memcpy(l->out.bytes, message, len);
	put(l->fd, &l->out);
}

static void
child_on_send(void *arg, const char *member, const uint8_t *message, size_t len)
{
	point(arg, AT_SEND);
	say(arg, SEND, member, message, len);
}

static void
child_on_publish(void *arg, const char *group, const uint8_t *message, size_t len)
{
	point(arg, AT_PUBLISH);
	say(arg, PUBLISH, group, message, len);
}

static uint64_t
child_on_wall(void *arg)
{
	const struct life *l = arg;

	return l->ks->wall_ms;
}

static void
obey(struct life *l, const struct letter *in)
{
	struct keyserver *server = l->ks->server;
	char *error;

	l->ks->wall_ms = in->wall_ms;
	if (in->what == RECEIVE)
		keyserver_receive(server, in->name, in->bytes, in->len, in->now_ms);
	else if (in->what == RUN)
		wheel_run(l->ks->wheel, in->now_ms);
	else if (in->what == EVICT)
		keyserver_evict(server, NULL, in->name, in->now_ms);
	else if (in->what == ROTATE)
		keyserver_rotate(server, "home", in->now_ms);
	else if (keyserver_recover(server, in->now_ms, &error) == -1)
		ck_abort_msg("%s", error);
	point(l, AT_SEND);
	say(l, DONE, "", NULL, 0);
}

static void
live(int fd, unsigned int where, unsigned int left)
{
	static struct life l;
	static struct letter in;

	l = (struct life){.ks = &world.ks, .fd = fd, .where = where, .left = left};
	life = &l;
	sqlite3_auto_extension((void (*)(void))on_open);
	world.ks.wheel = wheel_new(world.ks.now_ms, NULL, NULL);
	world.ks.callbacks =
	    (struct keyserver_callbacks){child_on_send, child_on_publish, child_on_wall, &l};
	keyserver_world_start(&world.ks);
	say(&l, DONE, "", NULL, 0);
	while (get(fd, &in))
		obey(&l, &in);
	_exit(EXIT_SUCCESS);
}

/* The parent: what the server says until it has done, or is dead. */

static void
hear(void)
{
	while (!dead) {
		if (!get(server_fd, &letter))
			dead = true;
		else if (letter.what == SEND)
			member_world_tell(&world, letter.name, letter.bytes, letter.len);
		else if (letter.what == PUBLISH)
			member_world_tell_all(&world, letter.bytes, letter.len);
		else
			return;
	}
}

static void
tell(enum what what, const char *name, const uint8_t *message, size_t len)
{
	if (dead)
		return;
	letter.what = what;
	letter.now_ms = world.ks.now_ms;
	letter.wall_ms = world.ks.wall_ms;
	snprintf(letter.name, sizeof(letter.name), "%s", name);
	letter.len = len;
	if (len > 0)
		memcpy(letter.bytes, message, len);
	put(server_fd, &letter);
	hear();
}

/* Members speak while the server is heard: it hears them later. */
static void
on_say(struct member_world *w, const char *name, const uint8_t *message, size_t len)
{
	struct letter *l = &waiting[waiting_count];

	ck_assert_uint_lt(waiting_count++, ARRAY_LEN(waiting));
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->len = len;
	memcpy(l->bytes, message, len);
}

static void
deliver(void)
{
	for (size_t i = 0; i < waiting_count; i++)
		tell(RECEIVE, waiting[i].name, waiting[i].bytes, waiting[i].len);
	waiting_count = 0;
}

static void
pass(uint64_t ms)
{
	for (uint64_t end = world.ks.now_ms + ms; world.ks.now_ms < end && !dead;) {
		wheel_run(world.ks.wheel, world.ks.now_ms);
		deliver();
		tell(RUN, "", NULL, 0);
		world.ks.now_ms += STEP_MS;
		world.ks.wall_ms += STEP_MS;
	}
}

/* The server's first life, which ends at a point of this kind. */
static void
begin(unsigned int where, unsigned int left)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	server_pid = fork();
	ck_assert_int_ne(server_pid, -1);
	if (server_pid == 0) {
		close(fds[0]);
		live(fds[1], where, left);
	}
	close(fds[1]);
	server_fd = fds[0];
	dead = false;
	waiting_count = 0;
	world.say = on_say;
	hear();
}

/* Returns false if it has not been killed. */
static bool
end(void)
{
	int status;

	close(server_fd);
	ck_assert_int_eq(waitpid(server_pid, &status, 0), server_pid);
	ck_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
	ck_assert(WIFSIGNALED(status) == dead);
	return dead;
}

/* The next life, after some time without a server. */
static void
go_on_with(bool recover)
{
	char *error;

	world.say = NULL;
	waiting_count = 0;
	world.ks.wall_ms += DOWN_MS;
	keyserver_world_pass(&world.ks, DOWN_MS);
	keyserver_world_start(&world.ks);
	if (recover)
		ck_assert_int_eq(keyserver_recover(world.ks.server, world.ks.now_ms, &error), 0);
	for (size_t i = 0; i < MEMBER_WORLD_MAX; i++)
		member_retry(world.sides[i].m, world.ks.now_ms);
	keyserver_world_pass(&world.ks, 10000);
}

static struct member *
member(size_t i)
{
	return world.sides[i].m;
}

static void
join(size_t i)
{
	member_join(member(i), world.ks.now_ms);
}

/* What the operator and the members have wanted. */
struct story {
	bool evicted; /* "b": the server has said so */
	bool left;    /* "c" wants to have left */
	struct groupkey of_b;
};

static void
live_through(struct story *s)
{
	*s = (struct story){.evicted = false};
	for (size_t i = 0; i < 3; i++)
		join(i);
	pass(3000);
	join(3);
	pass(3000);
	s->of_b = *member_keys(member(1));
	tell(EVICT, "b", NULL, 0);
	s->evicted = !dead;
	pass(2000);
	if (!dead) {
		member_leave(member(2), world.ks.now_ms);
		s->left = true;
	}
	pass(2000);
	tell(ROTATE, "", NULL, 0);
	pass(2000);
	if (!dead)
		join(0);
	pass(3000);
}

static bool
has_a_key_of(const struct groupkey *keys, size_t sender)
{
	uint8_t sent[AEAD_KEY_LEN], key[AEAD_KEY_LEN];
	uint32_t epoch, slot;

	ck_assert(member_world_can_send(&world, sender, &epoch, &slot, sent));
	return groupkey_traffic(keys, epoch, slot, world.ks.wall_ms, key) == 0 &&
	       memcmp(sent, key, sizeof(key)) == 0;
}

/* And by the server's epoch, not by one that it has left behind. */
static void
expect_to_read_each_other(size_t i, size_t j)
{
	struct keyserver_facts f;

	ck_assert_int_eq(keyserver_facts(world.ks.server, "home", &f), 0);
	ck_assert_uint_eq(groupkey_newest(member_keys(member(i))), f.epoch);
	ck_assert_uint_eq(groupkey_newest(member_keys(member(j))), f.epoch);
	ck_assert(member_world_can_read(&world, i, j) && member_world_can_read(&world, j, i));
}

/* "a" and "d" are in, or want to be, whenever it was. */
static void
expect_that_life_goes_on(const struct story *s)
{
	if (!s->evicted)
		keyserver_evict(world.ks.server, NULL, "b", world.ks.now_ms);
	join(3);
	keyserver_world_pass(&world.ks, GROUPKEY_GRACE_MS + 2 * KEYSERVER_NOTICE_MS);
	expect_to_read_each_other(0, 3);
	ck_assert(!has_a_key_of(&s->of_b, 0));
	join(1);
	keyserver_world_pass(&world.ks, 5000);
	ck_assert_int_eq(member_state(member(1)), MEMBER_JOINING);
	ck_assert_str_eq(world.sides[1].reason, "put out by the administrator");
	if (s->left)
		ck_assert_int_eq(member_state(member(2)), MEMBER_OUT);
	else
		ck_assert(member_world_can_read(&world, 2, 0));
	ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
	keyserver_world_pass(&world.ks, 5000);
	expect_to_read_each_other(0, 3);
}

/* Returns false if there is no such point. */
static bool
kill_at(unsigned int n, enum keymsg_method method)
{
	struct story s;
	bool killed;

	member_world_open(&world);
	world.ks.groups[0].method = method;
	begin(ANYWHERE, n);
	live_through(&s);
	killed = end();
	go_on_with(false);
	expect_that_life_goes_on(&s);
	member_world_close(&world);
	return killed;
}

static void
join_all(void)
{
	keyserver_world_start(&world.ks);
	member_world_join_all(&world);
}

/* A backup is put back that knows nothing of the last two epochs and sender ids. If the server has
 * not said that it has recovered, it is told so again. */
static bool
kill_while_recovering(unsigned int n, enum keymsg_method method)
{
	bool recovered, killed;

	member_world_open(&world);
	world.ks.groups[0].method = method;
	join_all();
	keyserver_world_stop(&world.ks);
	keyserver_world_back_up(&world.ks);
	keyserver_world_start(&world.ks);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(keyserver_rotate(world.ks.server, "home", world.ks.now_ms), 0);
		join(i);
		keyserver_world_pass(&world.ks, 3000);
	}
	keyserver_world_stop(&world.ks);
	keyserver_world_restore(&world.ks);
	begin(ANYWHERE, n);
	tell(RECOVER, "", NULL, 0);
	recovered = !dead;
	pass(5000);
	killed = end();
	go_on_with(!recovered);
	expect_to_read_each_other(0, 1);
	expect_to_read_each_other(2, 3);
	member_world_close(&world);
	return killed;
}

START_TEST(crash_of_a_recovery_hands_nothing_out_twice)
{
	unsigned int n = 0;

	while (kill_while_recovering(n, _i))
		n++;
	ck_assert_msg(n > 20, "%u points", n);
}
END_TEST

/* So many that all cannot be told in one part. */
static void
join_many(void)
{
	struct keymsg k = {.type = KEYMSG_JOIN,
	    .request = 1,
	    .has = KEYMSG_HAS(KEYMSG_GROUP) | KEYMSG_HAS(KEYMSG_WANTED),
	    .group = "home"};
	uint8_t message[KEYMSG_MAX];
	size_t len = keymsg_write(&k, message, sizeof(message));

	ck_assert_uint_gt(len, 0);
	for (size_t i = 0; i < MANY; i++)
		tell(RECEIVE, world.ks.settings.members[MEMBER_WORLD_MAX + i].name, message, len);
}

/* Of the parts of a change some were told. */
START_TEST(crash_between_the_parts_of_a_change)
{
	bool killed = true;
	unsigned int n = 0;

	for (; killed; n++) {
		member_world_open(&world);
		keyserver_world_crowd(&world.ks, MANY);
		join_all();
		keyserver_world_stop(&world.ks);
		begin(AT_PUBLISH, n);
		pass(2000);
		join_many();
		pass(2000);
		killed = end();
		go_on_with(false);
		for (size_t i = 1; i < MEMBER_WORLD_MAX; i++)
			expect_to_read_each_other(0, i);
		member_world_close(&world);
	}
	ck_assert_uint_gt(n, 3); /* what is told at the start, and two parts */
}
END_TEST

START_TEST(crash_leaves_nothing_half_done)
{
	unsigned int n = 0;

	while (kill_at(n, _i))
		n++;
	ck_assert_msg(n > 100, "%u points", n);
}
END_TEST

static void
add_for_each_method(TCase *tc, const TTest *test)
{
	tcase_add_loop_test(tc, test, KEYMSG_STATIC, KEYMSG_SLOTTED + 1);
}

static TCase *
crash_tests(void)
{
	TCase *tc = tcase_create("crash");

	tcase_set_timeout(tc, 300);
	add_for_each_method(tc, crash_leaves_nothing_half_done);
	add_for_each_method(tc, crash_of_a_recovery_hands_nothing_out_twice);
	tcase_add_test(tc, crash_between_the_parts_of_a_change);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("crash");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, crash_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
