/*
 * The control protocol's two lines: the request and the header of its answer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "ctlmsg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

static bool
is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/*
 * Length of the line without its newline, which stands within the first max bytes. What can
 * never become a line is refused before its end has come.
 */
static int
line_len(const char *data, size_t len, size_t max)
{
	size_t i;

	for (i = 0; i < len && i < max; i++) {
		if (data[i] == '\n')
			return (int)i;
		if (!is_printable(data[i]))
			return CTLMSG_MALFORMED;
	}
	return i == max ? CTLMSG_TOO_LONG : CTLMSG_INCOMPLETE;
}

int
ctlmsg_parse_request(const char *data, size_t len, struct ctlmsg_request *r)
{
	int n = line_len(data, len, CTLMSG_REQUEST_MAX);
	const char *space;
	size_t line, command_len;

	if (n < 0)
		return n;
	line = (size_t)n;
	space = memchr(data, ' ', line);
	command_len = space != NULL ? (size_t)(space - data) : line;
	if (command_len == 0 || command_len + 1 == line)
		return CTLMSG_MALFORMED;
	if (command_len >= sizeof(r->command))
		return CTLMSG_TOO_LONG;
	memset(r, 0, sizeof(*r));
	memcpy(r->command, data, command_len);
	if (space != NULL)
		memcpy(r->argument, space + 1, line - command_len - 1);
	return n + 1;
}

int
ctlmsg_parse_header(const char *data, size_t len, struct ctlmsg_header *h)
{
	int n = line_len(data, len, CTLMSG_HEADER_MAX);
	char line[CTLMSG_HEADER_MAX];
	const char *number;
	uint64_t body_len;

	if (n < 0)
		return n;
	memcpy(line, data, (size_t)n);
	line[n] = '\0';
	if (strncmp(line, "ok ", 3) == 0)
		number = line + 3;
	else if (strncmp(line, "error ", 6) == 0)
		number = line + 6;
	else
		return CTLMSG_MALFORMED;
	if (number[0] == '0' && number[1] != '\0')
		return CTLMSG_MALFORMED;
	if (util_parse_uint(number, 0, CTLMSG_BODY_MAX, &body_len) == -1)
		return errno == ERANGE ? CTLMSG_TOO_LONG : CTLMSG_MALFORMED;
	h->ok = line[0] == 'o';
	h->body_len = (size_t)body_len;
	return n + 1;
}

int
ctlmsg_write_request(char *buf, size_t size, const char *command, const char *argument)
{
	bool has_argument = argument != NULL && argument[0] != '\0';
	struct ctlmsg_request check;
	char line[CTLMSG_REQUEST_MAX + 1];
	int n, consumed;

	n = snprintf(line, sizeof(line), "%s%s%s\n", command, has_argument ? " " : "",
	    has_argument ? argument : "");
	if (n < 0 || (size_t)n >= sizeof(line) || (size_t)n > size)
		return CTLMSG_TOO_LONG;
	consumed = ctlmsg_parse_request(line, (size_t)n, &check);
	if (consumed < 0)
		return consumed;
	/* A newline or a space that stood in the command would change what is asked. */
	if (consumed != n || strcmp(check.command, command) != 0)
		return CTLMSG_MALFORMED;
	memcpy(buf, line, (size_t)n);
	return n;
}

int
ctlmsg_write_header(char *buf, bool ok, size_t body_len)
{
	return snprintf(buf, CTLMSG_HEADER_MAX, "%s %zu\n", ok ? "ok" : "error", body_len);
}
