/*
 * Opening the key server's store: whose it is, whether it is one, and making a new one.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aead_dh.h"
#include "keystore_internal.h"

#define APPLICATION_ID 0x6d76316b /* "mv1k" */
#define STORE_VERSION 1

static const char schema[] =
    "CREATE TABLE server (id INTEGER PRIMARY KEY CHECK (id = 1), sign_public BLOB NOT NULL, "
    "  sign_secret BLOB NOT NULL, clock_ms INTEGER NOT NULL);"
    "CREATE TABLE groups (name TEXT PRIMARY KEY, method INTEGER NOT NULL, epoch INTEGER NOT NULL, "
    "  next_sender INTEGER NOT NULL, slots_begin_ms INTEGER NOT NULL, slot_s INTEGER NOT NULL, "
    "  slots_depth INTEGER NOT NULL, slots_root BLOB NOT NULL, "
    "  slots_known_ms INTEGER NOT NULL)"
    "  WITHOUT ROWID;"
    "CREATE TABLE members (grp TEXT NOT NULL REFERENCES groups ON DELETE CASCADE, "
    "  name TEXT NOT NULL, leaf INTEGER NOT NULL, sender INTEGER NOT NULL, "
    "  request INTEGER NOT NULL, until_ms INTEGER NOT NULL, public_key BLOB NOT NULL, "
    "  verify_key BLOB, "
    "  PRIMARY KEY (grp, name)) WITHOUT ROWID;"
    "CREATE TABLE bans (grp TEXT NOT NULL REFERENCES groups ON DELETE CASCADE, "
    "  name TEXT NOT NULL, PRIMARY KEY (grp, name)) WITHOUT ROWID;"
    "CREATE TABLE nodes (grp TEXT NOT NULL REFERENCES groups ON DELETE CASCADE, "
    "  level INTEGER NOT NULL, idx INTEGER NOT NULL, key BLOB NOT NULL, "
    "  PRIMARY KEY (grp, level, idx)) WITHOUT ROWID;";

static int
get_number(struct keystore *s, const char *sql, int64_t *value)
{
	sqlite3_stmt *st;
	int rc = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return keystore_fail_sqlite(s);
	if (sqlite3_step(st) == SQLITE_ROW) {
		*value = sqlite3_column_int64(st, 0);
		rc = 0;
	} else {
		keystore_fail_sqlite(s);
	}
	sqlite3_finalize(st);
	return rc;
}

/* SQLite would make it readable by others, as the umask says. */
static int
make_private(struct keystore *s)
{
	struct stat st;
	int fd = open(s->file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1)
		return keystore_fail(s, "cannot be opened: %s", strerror(errno));
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return keystore_fail(s, "expected a regular file");
	}
	close(fd);
	if ((st.st_mode & 077) != 0)
		return keystore_fail(s,
		    "others can read or write it (mode %04o): it holds all keys; "
		    "expected mode 0600",
		    (unsigned int)st.st_mode & 07777);
	return 0;
}

static int
create(struct keystore *s)
{
	struct keystore_server server;
	sqlite3_stmt *st;
	char pragmas[80];
	int rc;

	snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
	    APPLICATION_ID, STORE_VERSION);
	if (keystore_execute(s, "BEGIN IMMEDIATE") == -1 || keystore_execute(s, schema) == -1 ||
	    keystore_execute(s, pragmas) == -1)
		return -1;
	if (sqlite3_prepare_v2(s->db, "INSERT INTO server VALUES (1, ?1, ?2, 0)", -1, &st, NULL) !=
	    SQLITE_OK)
		return keystore_fail_sqlite(s);
	aead_sign_keypair(server.sign_public, server.sign_secret);
	sqlite3_bind_blob(st, 1, server.sign_public, sizeof(server.sign_public), SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, server.sign_secret, sizeof(server.sign_secret), SQLITE_STATIC);
	rc = sqlite3_step(st) == SQLITE_DONE ? 0 : keystore_fail_sqlite(s);
	sqlite3_finalize(st);
	aead_wipe(&server, sizeof(server));
	return rc == -1 ? -1 : keystore_execute(s, "COMMIT");
}

/* An empty file is a new store. */
static int
check(struct keystore *s)
{
	int64_t id, version, tables;

	if (get_number(s, "PRAGMA application_id", &id) == -1 ||
	    get_number(s, "PRAGMA user_version", &version) == -1 ||
	    get_number(s, "SELECT count(*) FROM sqlite_schema", &tables) == -1)
		return -1;
	if (id == 0 && version == 0 && tables == 0)
		return create(s);
	if (id != APPLICATION_ID)
		return keystore_fail(s, "this is no store of a key server");
	if (version != STORE_VERSION)
		return keystore_fail(s,
		    "made by %s mqtt-vpn-keyd: its version is %lld, expected %d",
		    version > STORE_VERSION ? "a newer" : "an older", (long long)version,
		    STORE_VERSION);
	return 0;
}

static int
check_integrity(struct keystore *s)
{
	sqlite3_stmt *st;
	bool ok;

	if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK)
		return keystore_fail_sqlite(s);
	ok = sqlite3_step(st) == SQLITE_ROW &&
	     strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
	sqlite3_finalize(st);
	if (!ok)
		return keystore_fail(
		    s, "damaged; put back a backup, and start once with --recover");
	return 0;
}

static int
open_store(struct keystore *s)
{
	if (make_private(s) == -1)
		return -1;
	if (sqlite3_open_v2(s->file, &s->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return s->db != NULL ? keystore_fail_sqlite(s) : keystore_fail(s, "out of memory");
	/* The lock is taken by the first access and kept. */
	if (keystore_execute(s, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
				"PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
				"PRAGMA secure_delete = ON;") == -1)
		return -1;
	if (check(s) == -1 || check_integrity(s) == -1)
		return -1;
	return keystore_prepare(s);
}

struct keystore *
keystore_open(const char *file, char **error)
{
	struct keystore *s = calloc(1, sizeof(*s));

	*error = NULL;
	if (s != NULL)
		s->file = strdup(file);
	if (s != NULL && s->file != NULL && open_store(s) == 0)
		return s;
	if (s != NULL && s->file != NULL)
		*error = strdup(s->error);
	keystore_close(s);
	return NULL;
}

void
keystore_close(struct keystore *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < KEYSTORE_STATEMENTS; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	free(s->file);
	free(s);
}
