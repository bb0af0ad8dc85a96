/*
 * What the files of vpnctl_text share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef VPNCTL_TEXT_INTERNAL_H
#define VPNCTL_TEXT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct cJSON;

#define VPNCTL_SCALED_MAX 64
#define VPNCTL_CELL_MAX 256

/* "1.2 M": three or four digits and the decimal prefix of a unit that follows. Returns buf. */
const char *vpnctl_text_scaled(double value, char *buf, size_t size);

enum vpnctl_unit {
	VPNCTL_COUNT, /* "12" */
	VPNCTL_RATIO, /* "1.2" */
	VPNCTL_BYTES, /* "1.2 MB" */
	VPNCTL_BYTES_PER_S,
	VPNCTL_US, /* "1.2 ms" */
};

/* Returns buf, or NULL if it is no number. */
const char *
vpnctl_text_number(const struct cJSON *number, enum vpnctl_unit unit, char *buf, size_t size);

/* "5 s ago" of a number of milliseconds. Returns buf, or NULL if it is no number. */
const char *vpnctl_text_ago(const struct cJSON *ms, char *buf, size_t size);
/* Whether this is the status of a key server. */
bool vpnctl_text_is_key_server(const struct cJSON *status);

/* What a column shows of the object in a row: text that may be in buf, or NULL if there is nothing
 * to say. */
typedef const char *(*vpnctl_cell_fn)(const struct cJSON *row, char *buf, size_t size);
/* Prints what has no place in its row, below it. */
typedef void (*vpnctl_notes_fn)(FILE *out, const struct cJSON *row);

struct vpnctl_column {
	const char *head;
	int widest; /* what is wider moves its own row only */
	bool right; /* to the right edge, as numbers are */
	vpnctl_cell_fn text;
	/* Without text: a number. */
	const char *member;
	enum vpnctl_unit unit;
};

/* A table of the list rows, without the columns that have nothing to say of any. notes may be NULL.
 * What would be unsafe on a terminal is not printed. */
void vpnctl_text_table(FILE *out, const struct vpnctl_column *columns, size_t count,
    const struct cJSON *rows, vpnctl_notes_fn notes);

/* vpnctl_text_stages.c: "stages" of the answer to "stats", and an empty line behind it; nothing if
 * there is none. */
void vpnctl_text_stages(FILE *out, const struct cJSON *stages);

#endif
