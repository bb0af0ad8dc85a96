/*
 * Messages to people: levels, stderr or syslog, and a limit on how often one
 * place may speak. The only module with mutable globals.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

/* The values are syslog's, RFC 5424 section 6.2.1. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

enum log_target {
	LOG_TO_STDERR,
	LOG_TO_JOURNAL, /* stderr, each line behind its "<N>" priority, sd-daemon(3) */
	LOG_TO_SYSLOG,
};

/* Allowance of one place in the code; zero-initialised, static. */
struct log_limit {
	uint64_t since_ms;
	unsigned int spoken;
	unsigned int withheld;
};

/* Chooses where messages go. ident is borrowed and must outlive all logging. */
void log_open(const char *ident, enum log_target target);

/* LOG_TO_JOURNAL where stderr is the journal's stream (JOURNAL_STREAM), else LOG_TO_STDERR. */
enum log_target log_foreground_target(void);

/* Messages above this level are not emitted. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warning", "notice", "info", "debug". log_level_parse() returns -1 for any other. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *level);

/*
 * Each keeps errno, so a message can stand between a failed call and the code
 * that looks at its errno. Control characters in the text become '?': much of
 * what is logged came from a broker. A line longer than about 1000 bytes is cut.
 */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * True if the place that owns limit may speak at now_ms: five messages in ten
 * seconds. The first one after a silence says how many were withheld, in
 * a notice of its own.
 */
bool log_allow(struct log_limit *limit, uint64_t now_ms);

#endif
