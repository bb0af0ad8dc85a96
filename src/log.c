/*
 * Messages to people.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define LINE_SIZE 1024
#define LIMIT_MESSAGES 5
#define LIMIT_WINDOW_MS 10000

static struct {
	const char *ident;
	enum log_target target;
	enum log_level level;
} state = {PACKAGE_NAME, LOG_TO_STDERR, LOG_LEVEL_INFO};

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

void
log_open(const char *ident, enum log_target target)
{
	closelog();
	state.ident = ident;
	state.target = target;
	if (target == LOG_TO_SYSLOG)
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

enum log_target
log_foreground_target(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return LOG_TO_STDERR;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0 ? LOG_TO_JOURNAL : LOG_TO_STDERR;
}

void
log_set_level(enum log_level level)
{
	state.level = level;
}

enum log_level
log_get_level(void)
{
	return state.level;
}

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

int
log_level_parse(const char *name, enum log_level *level)
{
	for (unsigned int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

/* What stands before the text on this target. Returns its length. */
static size_t
put_prefix(char *line, size_t size, enum log_level level)
{
	int len = 0;

	if (state.target == LOG_TO_JOURNAL)
		len = snprintf(line, size, "<%d>", (int)level);
	else if (state.target == LOG_TO_STDERR)
		len = snprintf(line, size, "%.64s: %s: ", state.ident, level_names[level]);
	return (size_t)len;
}

/* C0, DEL, and C1 as UTF-8 encodes it (C2 80 to C2 9F): a terminal obeys all of them. */
static void
replace_controls(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++) {
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
			p[0] = '?';
			p[1] = '?';
		} else if (*p < 0x20 || *p == 0x7f) {
			*p = '?';
		}
	}
}

/* Appends the text, shortened with "..." if need be. Returns its length. */
static size_t
put_text(char *text, size_t size, const char *fmt, va_list ap)
{
	int len = vsnprintf(text, size, fmt, ap);

	if (len < 0)
		snprintf(text, size, "(unprintable) %s", fmt);
	else if ((size_t)len >= size)
		memcpy(text + size - 4, "...", 4);
	replace_controls(text);
	return strlen(text);
}

static void
emit(enum log_level level, const char *fmt, va_list ap)
{
	int err = errno;
	char line[LINE_SIZE];
	size_t len;

	if (level > state.level)
		return;
	len = put_prefix(line, sizeof(line), level);
	len += put_text(line + len, sizeof(line) - len, fmt, ap);
	if (state.target == LOG_TO_SYSLOG) {
		syslog((int)level, "%s", line);
	} else {
		/* one write, so that lines of several processes do not mix; no NUL is needed */
		line[len++] = '\n';
		while (write(STDERR_FILENO, line, len) == -1 && errno == EINTR)
			continue;
	}
	errno = err;
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void
log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_LEVEL_WARNING, fmt, ap);
	va_end(ap);
}

void
log_notice(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_LEVEL_NOTICE, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}

bool
log_allow(struct log_limit *limit, uint64_t now_ms)
{
	unsigned int withheld = limit->withheld;

	if (limit->spoken == 0 || now_ms - limit->since_ms >= LIMIT_WINDOW_MS) {
		*limit = (struct log_limit){.since_ms = now_ms};
		if (withheld > 0)
			log_notice("%u messages like the next one were withheld", withheld);
	}
	if (limit->spoken == LIMIT_MESSAGES) {
		limit->withheld++;
		return false;
	}
	limit->spoken++;
	return true;
}
