/*
 * Configurations for the tests of settings: files in a directory of the test, loaded as a program
 * would.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef CONF_H
#define CONF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "addr.h"
#include "settings.h"

#define CONF_ZERO_KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define CONF_KEY_1 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=" /* 32 bytes of 1 */
#define CONF_KEY_2 "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define CONF_PASSPHRASE "swept-tulip-canary-mosaic"
#define CONF_SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" /* 00 01 .. 1f */

/* What a text is refused for, with the exact message behind the name of the file. Those with
 * after_good follow lines that are in order. */
struct refusal {
	bool after_good;
	const char *text;
	const char *message;
};

/* A fixture: the working directory is a new one. */
void conf_setup(void);
void conf_teardown(void);
const char *conf_dir(void);

/* Files there; a configuration is "conf", and each "~" in it stands for the directory. */
void conf_put_bytes(const char *name, const char *text, size_t len, mode_t mode);
void conf_put(const char *name, const char *text, mode_t mode);
void conf_write(const char *text);
/* A key of 32 equal bytes. */
void conf_put_key(const char *name, uint8_t byte);
/* A private key; returns the text of its public one, which the caller frees. */
char *conf_put_own_key(const char *name);

/* As main() would, with the words of line. */
struct settings *conf_load(const char *line, char **error);
struct settings *conf_load_good(const char *line);
/* Of mqtt-vpnd, and of mqtt-vpn-keyd. */
struct settings *conf_load_text(const char *text);
struct settings *conf_load_keyd(const char *text);
/* What the last one was warned of, in lines. */
const char *conf_warnings(void);

/* The error of a configuration; the caller frees it. */
char *conf_error_of(const char *text);
void conf_assert_refused(const char *line, const char *message);
void conf_assert_text_refused(const char *text, const char *message);
void conf_assert_keyd_refused(const char *text, const char *message);

void conf_assert_key(const uint8_t *key, uint8_t byte);
void conf_assert_prefix(const struct prefix *p, const char *text);
void conf_assert_addr(const struct addr *a, const char *text);

#endif
