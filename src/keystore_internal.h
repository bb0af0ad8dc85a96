/*
 * What the two files of the key server's store share. Nobody else includes this.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef KEYSTORE_INTERNAL_H
#define KEYSTORE_INTERNAL_H

#include <sqlite3.h>

#include "keystore.h"

#define KEYSTORE_STATEMENTS 16

struct keystore {
	char *file;
	sqlite3 *db;
	sqlite3_stmt *statements[KEYSTORE_STATEMENTS];
	bool changing; /* between begin and commit */
	bool failed;   /* in between: the rest of it must not be kept by itself */
	char error[512];
};

/* keystore.c: note what went wrong, by our own words or by SQLite's. Return -1. */
int keystore_fail(struct keystore *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int keystore_fail_sqlite(struct keystore *s);
int keystore_execute(struct keystore *s, const char *sql);
/* Once the tables are there. */
int keystore_prepare(struct keystore *s);

#endif
