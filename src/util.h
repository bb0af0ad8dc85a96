/*
 * Small things that every layer needs: time, numbers, strings, small files.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Milliseconds of CLOCK_BOOTTIME: never set back, and a suspended machine's sleep counts. */
uint64_t util_now_ms(void);
/* The same in microseconds. */
uint64_t util_now_us(void);

/*
 * Parses a decimal number without sign, space or leading '+', all of text, within
 * [min, max]. Returns 0, or -1 with errno EINVAL (not a number) or ERANGE.
 */
int util_parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* "3 d 4 h", "12 min 5 s", "0.5 s": the two largest units, for people. Returns buf. */
const char *util_format_duration(uint64_t ms, char *buf, size_t size);

/*
 * Reads a small text file, at most max bytes, into a new string that the caller
 * wipes and frees. A trailing newline (CR LF too) is taken off. Returns NULL with errno;
 * EFBIG if it is longer, EINVAL if it contains a NUL or is not a regular file or pipe,
 * ETIMEDOUT if a pipe did not deliver it within two seconds.
 */
char *util_read_file(const char *path, size_t max);

/*
 * Whether a file that holds a secret may be used: it exists, is a regular file, and
 * its mode allows no more than 0740: its group may read it, others nothing. Returns 0, or -1 with a
 * message in a new string *error that names the file, its mode and the chmod(1) that mends it.
 */
int util_check_secret_file(const char *path, char **error);

/*
 * Both at once, of the same file whatever is put in its place meanwhile: its content as of
 * util_read_file(), if it may be used. Returns NULL with a new string in *error.
 */
char *util_read_secret(const char *path, size_t max, char **error);

/* asprintf() that returns the string, or NULL when memory is short. The caller frees. */
char *util_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Frees a string after overwriting it. Accepts NULL. */
void util_free_secret(char *secret);

#endif
