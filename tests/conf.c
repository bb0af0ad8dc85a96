/*
 * Configurations for the tests of settings.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "conf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aead_dh.h"
#include "aead_hash.h"
#include "options.h"
#include "util.h"

#define WORDS_MAX 32
#define TEMPLATE "/tmp/conf.XXXXXX"

static char dir[] = TEMPLATE;
static char warnings[4096];

void
conf_setup(void)
{
	strcpy(dir, TEMPLATE);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

const char *
conf_dir(void)
{
	return dir;
}

const char *
conf_warnings(void)
{
	return warnings;
}

void
conf_teardown(void)
{
	static const char *const names[] = {"conf", "key", "psk", "pw", "pem", "pub"};
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		unlink(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
add_warning(const char *text)
{
	strcat(warnings, text);
	strcat(warnings, "\n");
}

void
conf_put_bytes(const char *name, const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(name, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(name, mode), 0);
}

void
conf_put(const char *name, const char *text, mode_t mode)
{
	conf_put_bytes(name, text, strlen(text), mode);
}

void
conf_write(const char *text)
{
	char *whole = NULL;
	size_t len;
	FILE *f = open_memstream(&whole, &len);

	for (; *text != '\0'; text++) {
		if (*text == '~')
			fputs(dir, f);
		else
			fputc(*text, f);
	}
	ck_assert_int_eq(fclose(f), 0);
	conf_put_bytes("conf", whole, len, 0644);
	free(whole);
}

/* As each main() knows. */
static enum options_program
program_of(const char *name)
{
	return strcmp(name, "mqtt-vpn-keyd") == 0 ? PROGRAM_KEYD : PROGRAM_VPND;
}

struct settings *
conf_load(const char *line, char **error)
{
	char *copy = strdup(line);
	char *rest = copy;
	char *argv[WORDS_MAX + 1] = {0};
	struct settings *s;
	struct options o;
	int argc = 0;

	while (argc < WORDS_MAX && (argv[argc] = strsep(&rest, " ")) != NULL)
		argc++;
	ck_assert_msg(options_parse(&o, program_of(argv[0]), argc, argv, error) == 0, "%s", *error);
	warnings[0] = '\0';
	s = settings_load(&o, add_warning, error);
	options_clear(&o);
	free(copy);
	return s;
}

struct settings *
conf_load_good(const char *line)
{
	char *error;
	struct settings *s = conf_load(line, &error);

	ck_assert_msg(s != NULL, "%s", error);
	ck_assert_ptr_null(error);
	return s;
}

struct settings *
conf_load_text(const char *text)
{
	conf_write(text);
	return conf_load_good("mqtt-vpnd -c conf");
}

struct settings *
conf_load_keyd(const char *text)
{
	conf_write(text);
	return conf_load_good("mqtt-vpn-keyd -c conf");
}

void
conf_assert_refused(const char *line, const char *message)
{
	char *error;

	ck_assert_ptr_null(conf_load(line, &error));
	ck_assert_str_eq(error, message);
	free(error);
}

void
conf_assert_text_refused(const char *text, const char *message)
{
	conf_write(text);
	conf_assert_refused("mqtt-vpnd -c conf", message);
}

void
conf_assert_keyd_refused(const char *text, const char *message)
{
	conf_write(text);
	conf_assert_refused("mqtt-vpn-keyd -c conf", message);
}

/* A key of 32 equal bytes, as text. */
static char *
key_text(uint8_t byte)
{
	uint8_t key[AEAD_KEY_LEN];
	char text[AEAD_KEY_TEXT];

	memset(key, byte, sizeof(key));
	aead_key_format(text, key);
	return util_format("%s\n", text);
}

void
conf_put_key(const char *name, uint8_t byte)
{
	char *text = key_text(byte);

	conf_put(name, text, 0600);
	free(text);
}

char *
conf_put_own_key(const char *name)
{
	uint8_t secret[AEAD_KEY_LEN], public[AEAD_KEY_LEN];
	char text[AEAD_KEY_TEXT];

	memset(secret, 7, sizeof(secret));
	aead_dh_public(public, secret);
	aead_key_format(text, public);
	conf_put_key(name, 7);
	return strdup(text);
}

void
conf_assert_key(const uint8_t *key, uint8_t byte)
{
	size_t i;

	for (i = 0; i < AEAD_KEY_LEN; i++)
		ck_assert_uint_eq(key[i], byte);
}

char *
conf_error_of(const char *text)
{
	char *error = NULL;

	conf_write(text);
	ck_assert_ptr_null(conf_load("mqtt-vpnd -c conf", &error));
	ck_assert_ptr_nonnull(error);
	return error;
}

void
conf_assert_prefix(const struct prefix *p, const char *text)
{
	char buf[PREFIX_TEXT_MAX];

	ck_assert_str_eq(prefix_format(p, buf), text);
}

void
conf_assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_format(a, buf), text);
}
