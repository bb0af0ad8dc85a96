/*
 * The control protocol, shared by mqtt-vpnd and mqtt-vpnctl. A request is one line, "COMMAND" or
 * "COMMAND ARGUMENT"; the answer is one line, "ok LENGTH" or "error LENGTH", and LENGTH bytes:
 * JSON, or a message. Then the daemon closes. Pure: bytes in, bytes out.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef CTLMSG_H
#define CTLMSG_H

#include <stdbool.h>
#include <stddef.h>

#define CTLMSG_REQUEST_MAX 256 /* with its newline */
#define CTLMSG_HEADER_MAX 32
#define CTLMSG_BODY_MAX (16 * 1024 * 1024) /* ten thousand members of some groups */

enum ctlmsg_error {
	CTLMSG_INCOMPLETE = -1, /* more bytes are needed */
	CTLMSG_TOO_LONG = -2,
	CTLMSG_MALFORMED = -3, /* not printable ASCII, an empty part, a bad header */
};

struct ctlmsg_request {
	char command[32];
	char argument[CTLMSG_REQUEST_MAX]; /* empty when there is none */
};

struct ctlmsg_header {
	bool ok;
	size_t body_len;
};

/* Both decoders return the bytes consumed, or a negative enum ctlmsg_error. */
int ctlmsg_parse_request(const char *data, size_t len, struct ctlmsg_request *r);
int ctlmsg_parse_header(const char *data, size_t len, struct ctlmsg_header *h);
/* Writes the request line, without a NUL; returns its length, or a negative enum ctlmsg_error.
 * argument may be NULL or empty: none. */
int ctlmsg_write_request(char *buf, size_t size, const char *command, const char *argument);
/* Writes the header; buf has CTLMSG_HEADER_MAX bytes. Returns its length. */
int ctlmsg_write_header(char *buf, bool ok, size_t body_len);

#endif
