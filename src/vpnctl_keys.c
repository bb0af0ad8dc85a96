/*
 * Makes the keys of the native wire, as text.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_keys.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aead.h"
#include "aead_dh.h"
#include "aead_hash.h"
#include "util.h"

#define INPUT_MAX 256 /* more than a key and any white space after it */
#define EXPECTED "expected a private key as genkey makes it, 44 characters of base64"
#define BLANKS " \t\r\n"

/* Not by stdio, whose buffers nobody wipes. Returns 0, or -1 with errno. */
static int
write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	for (; len > 0; len -= (size_t)n) {
		n = write(fd, text, len);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n == -1)
			n = 0;
		text += n;
	}
	return 0;
}

static int
print_key(int out, const uint8_t key[AEAD_KEY_LEN], char **error)
{
	char line[AEAD_KEY_TEXT];
	int rc;

	aead_key_format(line, key);
	line[AEAD_KEY_TEXT - 1] = '\n';
	rc = write_all(out, line, sizeof(line));
	if (rc == -1)
		*error = util_format("cannot write the key: %s", strerror(errno));
	aead_wipe(line, sizeof(line));
	return rc;
}

static int
prepare(char **error)
{
	*error = NULL;
	if (aead_init() == 0)
		return 0;
	*error = util_format("the system gives no randomness");
	return -1;
}

int
vpnctl_keys_genkey(int in, int out, char **error)
{
	uint8_t public[AEAD_KEY_LEN], secret[AEAD_KEY_LEN];
	int rc;

	if (prepare(error) == -1)
		return -1;
	aead_dh_keypair(public, secret);
	rc = print_key(out, secret, error);
	aead_wipe(secret, sizeof(secret));
	return rc;
}

int
vpnctl_keys_genpsk(int in, int out, char **error)
{
	uint8_t secret[AEAD_KEY_LEN];
	int rc;

	if (prepare(error) == -1)
		return -1;
	aead_random(secret, sizeof(secret));
	rc = print_key(out, secret, error);
	aead_wipe(secret, sizeof(secret));
	return rc;
}

/* Reads until the end, or size bytes. Returns their number, or -1 with errno. */
static ssize_t
read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, buf + len, size - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < size) || (n == -1 && errno == EINTR));
	return n == -1 ? -1 : (ssize_t)len;
}

/* Takes the white space off the end. Returns 0 if the rest looks like a key, or -1. */
static int
check_form(char *text, size_t len, char **error)
{
	while (len > 0 && text[len - 1] != '\0' && strchr(BLANKS, text[len - 1]) != NULL)
		len--;
	text[len] = '\0';
	if (len == AEAD_KEY_TEXT - 1 && strcspn(text, BLANKS) == len)
		return 0;
	if (len == 0)
		*error = util_format("standard input is empty, " EXPECTED);
	else if (strcspn(text, BLANKS) != len)
		*error = util_format("there is more than a key on standard input, " EXPECTED);
	else
		*error = util_format("the key has %zu characters, " EXPECTED, len);
	return -1;
}

static int
parse_input(char *text, size_t len, uint8_t key[AEAD_KEY_LEN], char **error)
{
	if (len == INPUT_MAX) {
		*error = util_format("standard input is too long, " EXPECTED);
		return -1;
	}
	if (check_form(text, len, error) == -1)
		return -1;
	if (aead_key_parse(key, text) == 0)
		return 0;
	*error = util_format("the key is not base64, " EXPECTED);
	return -1;
}

/* Returns 0, or -1 with a new string in *error, which never quotes the input. */
static int
read_key(int in, uint8_t key[AEAD_KEY_LEN], char **error)
{
	char text[INPUT_MAX + 1];
	ssize_t len = read_all(in, text, INPUT_MAX);
	int rc = -1;

	if (len == -1)
		*error = util_format("standard input: %s; " EXPECTED, strerror(errno));
	else
		rc = parse_input(text, (size_t)len, key, error);
	aead_wipe(text, sizeof(text));
	return rc;
}

int
vpnctl_keys_pubkey(int in, int out, char **error)
{
	uint8_t public[AEAD_KEY_LEN], secret[AEAD_KEY_LEN];
	int rc;

	if (prepare(error) == -1)
		return -1;
	/* What is typed there can be read over the shoulder and scrolled back to. */
	if (isatty(in)) {
		*error = util_format(
		    "standard input is a terminal, " EXPECTED ", from a file or a pipe");
		return -1;
	}
	rc = read_key(in, secret, error);
	if (rc == 0) {
		aead_dh_public(public, secret);
		rc = print_key(out, public, error);
	}
	aead_wipe(secret, sizeof(secret));
	return rc;
}

char *
vpnctl_keys_warning(int out)
{
	struct stat st;

	/* The same bits for which util_check_secret_file() refuses a file. */
	if (fstat(out, &st) == -1 || !S_ISREG(st.st_mode) || (st.st_mode & 0037) == 0)
		return NULL;
	return util_format("the file that the key goes to has mode %04o, which the daemon refuses; "
			   "remove it, run \"umask 077\" and make a new key",
	    (unsigned int)st.st_mode & 07777);
}
