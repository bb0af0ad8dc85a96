/*
 * Statements are prepared once. A commit is on the disk when it returns (write-ahead log,
 * synchronous=FULL), which takes some milliseconds: the server commits once for many changes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keystore.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keystore_internal.h"

enum statement {
	PUT_CLOCK,
	GET_SERVER,
	PUT_GROUP,
	DELETE_GROUP,
	DELETE_MEMBERS,
	DELETE_NODES,
	PUT_MEMBER,
	DELETE_MEMBER,
	PUT_BAN,
	DELETE_BAN,
	PUT_NODE,
	DELETE_NODE,
	EACH_GROUP,
	EACH_MEMBER,
	EACH_BAN,
	EACH_NODE,
};

static const char *const texts[KEYSTORE_STATEMENTS] = {
    [PUT_CLOCK] = "UPDATE server SET clock_ms = ?1",
    [GET_SERVER] = "SELECT sign_public, sign_secret, clock_ms FROM server",
    [PUT_GROUP] = ("INSERT INTO groups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
		   "ON CONFLICT (name) DO UPDATE SET method = ?2, epoch = ?3, next_sender = ?4, "
		   "slots_begin_ms = ?5, slot_s = ?6, "
		   "slots_depth = ?7, slots_root = ?8, slots_known_ms = ?9"),
    [DELETE_GROUP] = "DELETE FROM groups WHERE name = ?1",
    [DELETE_MEMBERS] = "DELETE FROM members WHERE grp = ?1",
    [DELETE_NODES] = "DELETE FROM nodes WHERE grp = ?1",
    [PUT_MEMBER] = "INSERT OR REPLACE INTO members VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [DELETE_MEMBER] = "DELETE FROM members WHERE grp = ?1 AND name = ?2",
    [PUT_BAN] = "INSERT OR IGNORE INTO bans VALUES (?1, ?2)",
    [DELETE_BAN] = "DELETE FROM bans WHERE grp = ?1 AND name = ?2",
    [EACH_BAN] = "SELECT name FROM bans WHERE grp = ?1 ORDER BY name",
    [PUT_NODE] = "INSERT OR REPLACE INTO nodes VALUES (?1, ?2, ?3, ?4)",
    [DELETE_NODE] = "DELETE FROM nodes WHERE grp = ?1 AND level = ?2 AND idx = ?3",
    [EACH_GROUP] = ("SELECT name, method, epoch, next_sender, slots_begin_ms, slot_s, slots_depth, "
		    "slots_root, slots_known_ms FROM groups ORDER BY name"),
    [EACH_MEMBER] = ("SELECT grp, name, leaf, sender, request, until_ms, public_key, verify_key "
		     "FROM members WHERE grp = ?1 ORDER BY name"),
    [EACH_NODE] = "SELECT level, idx, key FROM nodes WHERE grp = ?1",
};

int
keystore_fail(struct keystore *s, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(s->error, sizeof(s->error), "%s: %s", s->file, what);
	return -1;
}

static int
fail_readonly(struct keystore *s)
{
	if (sqlite3_extended_errcode(s->db) == SQLITE_READONLY_DIRECTORY)
		return keystore_fail(
		    s, "cannot be written: its directory must be writable as well");
	return keystore_fail(s, "cannot be written: %s", sqlite3_errmsg(s->db));
}

int
keystore_fail_sqlite(struct keystore *s)
{
	switch (sqlite3_errcode(s->db)) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return keystore_fail(
		    s, "in use by another process: does a key server run already?");
	case SQLITE_NOTADB:
		return keystore_fail(s, "this is no store of a key server");
	case SQLITE_CORRUPT:
		return keystore_fail(s,
		    "damaged: %s; put back a backup, and start once with --recover",
		    sqlite3_errmsg(s->db));
	case SQLITE_FULL:
		return keystore_fail(s, "the disk is full");
	case SQLITE_READONLY:
		return fail_readonly(s);
	case SQLITE_IOERR:
		return keystore_fail(s, "cannot be read or written: %s", sqlite3_errmsg(s->db));
	default:
		return keystore_fail(s, "%s", sqlite3_errmsg(s->db));
	}
}

const char *
keystore_error(const struct keystore *s)
{
	return s->error;
}

int
keystore_execute(struct keystore *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
								       : keystore_fail_sqlite(s);
}

/* Statements. */

int
keystore_prepare(struct keystore *s)
{
	for (size_t i = 0; i < KEYSTORE_STATEMENTS; i++)
		if (sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
			&s->statements[i], NULL) != SQLITE_OK)
			return keystore_fail_sqlite(s);
	return 0;
}

static sqlite3_stmt *
statement(struct keystore *s, enum statement which)
{
	sqlite3_stmt *st = s->statements[which];

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return st;
}

static void
bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

static void
bind_key(sqlite3_stmt *st, int at, const uint8_t key[AEAD_KEY_LEN])
{
	sqlite3_bind_blob(st, at, key, AEAD_KEY_LEN, SQLITE_STATIC);
}

static void
bind_number(sqlite3_stmt *st, int at, uint64_t n)
{
	sqlite3_bind_int64(st, at, (int64_t)n);
}

/* What is bound need not live beyond this. SQLite may have rolled a change back after a failure:
 * each statement would be a change of its own then. */
static int
run(struct keystore *s, sqlite3_stmt *st)
{
	int rc = s->failed ? SQLITE_ABORT : sqlite3_step(st);

	if (rc != SQLITE_DONE && !s->failed)
		keystore_fail_sqlite(s);
	s->failed = s->failed || (s->changing && rc != SQLITE_DONE);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int
column_key(struct keystore *s, sqlite3_stmt *st, int at, void *key, int len)
{
	const void *blob = sqlite3_column_blob(st, at);

	if (blob == NULL || sqlite3_column_bytes(st, at) != len)
		return keystore_fail(s,
		    "damaged: a key of a wrong length; put back a backup, and start "
		    "once with --recover");
	memcpy(key, blob, (size_t)len);
	return 0;
}

static int
column_name(struct keystore *s, sqlite3_stmt *st, int at, char name[KEYSTORE_NAME_MAX + 1])
{
	const unsigned char *text = sqlite3_column_text(st, at);
	int len =
	    snprintf(name, KEYSTORE_NAME_MAX + 1, "%s", text != NULL ? (const char *)text : "");

	if (len < 1 || len > KEYSTORE_NAME_MAX)
		return keystore_fail(s,
		    "damaged: a name of a wrong length; put back a backup, and start "
		    "once with --recover");
	return 0;
}

int
keystore_begin(struct keystore *s)
{
	s->failed = false;
	s->changing = keystore_execute(s, "BEGIN IMMEDIATE") == 0;
	return s->changing ? 0 : -1;
}

int
keystore_commit(struct keystore *s)
{
	if (s->failed || keystore_execute(s, "COMMIT") == -1)
		return -1;
	s->changing = false;
	return 0;
}

void
keystore_rollback(struct keystore *s)
{
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->changing = s->failed = false;
}

/* Server and groups. */

int
keystore_get_server(struct keystore *s, struct keystore_server *server)
{
	sqlite3_stmt *st = statement(s, GET_SERVER);
	int rc = -1;

	if (sqlite3_step(st) != SQLITE_ROW)
		return keystore_fail(s,
		    "damaged: it has no identity; put back a backup, and start once "
		    "with --recover");
	if (column_key(s, st, 0, server->sign_public, sizeof(server->sign_public)) == 0 &&
	    column_key(s, st, 1, server->sign_secret, sizeof(server->sign_secret)) == 0) {
		server->clock_ms = (uint64_t)sqlite3_column_int64(st, 2);
		rc = 0;
	}
	sqlite3_reset(st);
	return rc;
}

int
keystore_put_clock(struct keystore *s, uint64_t clock_ms)
{
	sqlite3_stmt *st = statement(s, PUT_CLOCK);

	bind_number(st, 1, clock_ms);
	return run(s, st);
}

int
keystore_put_group(struct keystore *s, const struct keystore_group *g)
{
	sqlite3_stmt *st = statement(s, PUT_GROUP);

	bind_text(st, 1, g->name);
	bind_number(st, 2, g->method);
	bind_number(st, 3, g->epoch);
	bind_number(st, 4, g->next_sender);
	bind_number(st, 5, g->slots_begin_ms);
	bind_number(st, 6, g->slot_s);
	bind_number(st, 7, g->slots_depth);
	bind_key(st, 8, g->slots_root);
	bind_number(st, 9, g->slots_known_ms);
	return run(s, st);
}

static int
run_for_group(struct keystore *s, enum statement which, const char *name)
{
	sqlite3_stmt *st = statement(s, which);

	bind_text(st, 1, name);
	return run(s, st);
}

int
keystore_delete_group(struct keystore *s, const char *name)
{
	return run_for_group(s, DELETE_GROUP, name);
}

int
keystore_clear_group(struct keystore *s, const char *name)
{
	if (run_for_group(s, DELETE_MEMBERS, name) == -1)
		return -1;
	return run_for_group(s, DELETE_NODES, name);
}

static int
read_group(struct keystore *s, sqlite3_stmt *st, struct keystore_group *g)
{
	*g = (struct keystore_group){
	    .method = (uint8_t)sqlite3_column_int(st, 1),
	    .epoch = (uint32_t)sqlite3_column_int64(st, 2),
	    .next_sender = (uint32_t)sqlite3_column_int64(st, 3),
	    .slots_begin_ms = (uint64_t)sqlite3_column_int64(st, 4),
	    .slot_s = (uint32_t)sqlite3_column_int64(st, 5),
	    .slots_depth = (uint8_t)sqlite3_column_int(st, 6),
	    .slots_known_ms = (uint64_t)sqlite3_column_int64(st, 8),
	};
	if (column_name(s, st, 0, g->name) == -1)
		return -1;
	return column_key(s, st, 7, g->slots_root, sizeof(g->slots_root));
}

/* The end of a loop over rows: rc is -1 if it was left early. */
static int
finish(struct keystore *s, sqlite3_stmt *st, int step, int rc)
{
	if (rc == 0 && step != SQLITE_DONE)
		rc = keystore_fail_sqlite(s);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int
keystore_each_group(
    struct keystore *s, int (*each)(void *arg, const struct keystore_group *g), void *arg)
{
	sqlite3_stmt *st = statement(s, EACH_GROUP);
	struct keystore_group g;
	int rc = 0, step;

	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		rc = read_group(s, st, &g);
		if (rc == 0)
			rc = each(arg, &g);
		if (rc != 0)
			break;
	}
	aead_wipe(&g, sizeof(g));
	return finish(s, st, step, rc);
}

/* Members. */

int
keystore_put_member(struct keystore *s, const struct keystore_member *m)
{
	sqlite3_stmt *st = statement(s, PUT_MEMBER);

	bind_text(st, 1, m->group);
	bind_text(st, 2, m->name);
	bind_number(st, 3, m->leaf);
	bind_number(st, 4, m->sender);
	bind_number(st, 5, m->request);
	bind_number(st, 6, m->until_ms);
	bind_key(st, 7, m->public_key);
	if (m->has_verify_key)
		bind_key(st, 8, m->verify_key);
	return run(s, st);
}

static int
run_with_name(struct keystore *s, enum statement which, const char *group, const char *name)
{
	sqlite3_stmt *st = statement(s, which);

	bind_text(st, 1, group);
	bind_text(st, 2, name);
	return run(s, st);
}

int
keystore_delete_member(struct keystore *s, const char *group, const char *name)
{
	return run_with_name(s, DELETE_MEMBER, group, name);
}

int
keystore_put_ban(struct keystore *s, const char *group, const char *name)
{
	return run_with_name(s, PUT_BAN, group, name);
}

int
keystore_delete_ban(struct keystore *s, const char *group, const char *name)
{
	return run_with_name(s, DELETE_BAN, group, name);
}

int
keystore_each_ban(
    struct keystore *s, const char *group, int (*each)(void *arg, const char *name), void *arg)
{
	sqlite3_stmt *st = statement(s, EACH_BAN);
	char name[KEYSTORE_NAME_MAX + 1];
	int rc = 0, step;

	bind_text(st, 1, group);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		rc = column_name(s, st, 0, name);
		if (rc == 0)
			rc = each(arg, name);
		if (rc != 0)
			break;
	}
	return finish(s, st, step, rc);
}

static int
read_member(struct keystore *s, sqlite3_stmt *st, struct keystore_member *m)
{
	*m = (struct keystore_member){
	    .leaf = (uint32_t)sqlite3_column_int64(st, 2),
	    .sender = (uint32_t)sqlite3_column_int64(st, 3),
	    .request = (uint32_t)sqlite3_column_int64(st, 4),
	    .until_ms = (uint64_t)sqlite3_column_int64(st, 5),
	    .has_verify_key = sqlite3_column_type(st, 7) != SQLITE_NULL,
	};
	if (column_name(s, st, 0, m->group) == -1 || column_name(s, st, 1, m->name) == -1 ||
	    column_key(s, st, 6, m->public_key, sizeof(m->public_key)) == -1)
		return -1;
	if (!m->has_verify_key)
		return 0;
	return column_key(s, st, 7, m->verify_key, sizeof(m->verify_key));
}

int
keystore_each_member(struct keystore *s, const char *group,
    int (*each)(void *arg, const struct keystore_member *m), void *arg)
{
	sqlite3_stmt *st = statement(s, EACH_MEMBER);
	int rc = 0, step;

	bind_text(st, 1, group);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		struct keystore_member m;

		rc = read_member(s, st, &m);
		if (rc == 0)
			rc = each(arg, &m);
		if (rc != 0)
			break;
	}
	return finish(s, st, step, rc);
}

/* Trees. */

int
keystore_put_node(
    struct keystore *s, const char *group, struct keytree_node node, const uint8_t *key)
{
	sqlite3_stmt *st = statement(s, key != NULL ? PUT_NODE : DELETE_NODE);

	bind_text(st, 1, group);
	bind_number(st, 2, node.level);
	bind_number(st, 3, node.index);
	if (key != NULL)
		bind_key(st, 4, key);
	return run(s, st);
}

int
keystore_each_node(struct keystore *s, const char *group,
    int (*each)(void *arg, struct keytree_node node, const uint8_t key[AEAD_KEY_LEN]), void *arg)
{
	sqlite3_stmt *st = statement(s, EACH_NODE);
	uint8_t key[AEAD_KEY_LEN];
	int rc = 0, step;

	bind_text(st, 1, group);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		struct keytree_node node = {
		    (uint8_t)sqlite3_column_int(st, 0), (uint32_t)sqlite3_column_int64(st, 1)};

		rc = column_key(s, st, 2, key, sizeof(key));
		if (rc == 0)
			rc = each(arg, node, key);
		if (rc != 0)
			break;
	}
	aead_wipe(key, sizeof(key));
	return finish(s, st, step, rc);
}
