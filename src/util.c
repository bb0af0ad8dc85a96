/*
 * Small things that every layer needs.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long a pipe may take to deliver a file's content. */
#define PIPE_TIMEOUT_MS 2000

uint64_t
util_now_ms(void)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
util_now_us(void)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int
util_parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long long v;

	if (digits == 0 || text[digits] != '\0') {
		errno = EINVAL;
		return -1;
	}
	errno = 0;
	v = strtoull(text, NULL, 10);
	if (errno != 0 || v < min || v > max) {
		errno = ERANGE;
		return -1;
	}
	*value = v;
	return 0;
}

const char *
util_format_duration(uint64_t ms, char *buf, size_t size)
{
	static const struct {
		uint64_t ms;
		const char *name;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
	size_t i = 0;
	uint64_t minor;

	if (ms < 10000) {
		snprintf(buf, size, "%" PRIu64 ".%" PRIu64 " s", ms / 1000, ms / 100 % 10);
		return buf;
	}
	while (ms < units[i].ms)
		i++;
	if (i + 1 == ARRAY_LEN(units)) {
		snprintf(buf, size, "%" PRIu64 " s", ms / 1000);
		return buf;
	}
	minor = ms % units[i].ms / units[i + 1].ms;
	snprintf(buf, size, "%" PRIu64 " %s %" PRIu64 " %s", ms / units[i].ms, units[i].name, minor,
	    units[i + 1].name);
	return buf;
}

static int
wait_readable(int fd, uint64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now_ms = util_now_ms();
	int n = 0;

	if (now_ms < deadline_ms)
		n = poll(&p, 1, (int)(deadline_ms - now_ms));
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 ? 0 : -1;
}

/* Reads until the end or until size bytes are there. Returns their number, or -1 with errno. */
static ssize_t
read_up_to(int fd, char *buf, size_t size)
{
	uint64_t deadline_ms = util_now_ms() + PIPE_TIMEOUT_MS;
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = wait_readable(fd, deadline_ms);
		if (n == 0)
			n = read(fd, buf + len, size - len);
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* Makes a string of what was read. Returns 0, or -1 with errno. */
static int
terminate(char *buf, size_t len, size_t max)
{
	if (len > max) {
		errno = EFBIG;
		return -1;
	}
	if (memchr(buf, '\0', len) != NULL) {
		errno = EINVAL;
		return -1;
	}
	if (len > 0 && buf[len - 1] == '\n') {
		len--;
		if (len > 0 && buf[len - 1] == '\r')
			len--;
	}
	buf[len] = '\0';
	return 0;
}

/* Opens without waiting for a FIFO's writer. Returns the descriptor, or -1 with errno. */
static int
open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	int err;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0) {
		if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode))
			return fd;
		errno = EINVAL;
	}
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* util_read_file() of an open descriptor, which it closes. */
static char *
read_all(int fd, size_t max)
{
	char *buf = malloc(max + 1);
	ssize_t len = -1;
	int err;

	if (buf != NULL)
		len = read_up_to(fd, buf, max + 1);
	if (len == -1 || terminate(buf, (size_t)len, max) == -1) {
		err = errno;
		if (buf != NULL)
			explicit_bzero(buf, max + 1);
		free(buf);
		buf = NULL;
		errno = err;
	}
	err = errno;
	close(fd);
	errno = err;
	return buf;
}

char *
util_read_file(const char *path, size_t max)
{
	int fd = open_file(path);

	return fd == -1 ? NULL : read_all(fd, max);
}

static int
check_secret(const char *path, const struct stat *st, char **error)
{
	unsigned int mode = st->st_mode & 07777;

	if (!S_ISREG(st->st_mode)) {
		*error = util_format("%s: not a regular file", path);
		return -1;
	}
	if ((mode & 0037) != 0) {
		*error =
		    util_format("%s: holds a secret, but its mode is %04o; run: chmod %04o '%s'",
			path, mode, mode & 0640, path);
		return -1;
	}
	return 0;
}

int
util_check_secret_file(const char *path, char **error)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return check_secret(path, &st, error);
	*error = util_format("%s: %s", path, strerror(errno));
	return -1;
}

char *
util_read_secret(const char *path, size_t max, char **error)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	char *text;

	if (fd == -1 || fstat(fd, &st) == -1) {
		*error = util_format("%s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return NULL;
	}
	if (check_secret(path, &st, error) == -1) {
		close(fd);
		return NULL;
	}
	text = read_all(fd, max);
	if (text == NULL)
		*error = util_format(
		    "%s: %s", path, errno == EINVAL ? "it holds NUL bytes" : strerror(errno));
	return text;
}

char *
util_format(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	return len == -1 ? NULL : text;
}

void
util_free_secret(char *secret)
{
	if (secret == NULL)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}
