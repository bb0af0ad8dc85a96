/*
 * The URL of a broker: SCHEME://HOST[:PORT][/], unix://PATH, or HOST[:PORT].
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "util.h"

#define HOST_MAX 253 /* RFC 1035 section 2.3.4, as text */
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static const struct scheme {
	const char *name;
	enum settings_transport transport;
	uint16_t port;
} schemes[] = {
    {"mqtt", TRANSPORT_TCP, 1883},
    {"tcp", TRANSPORT_TCP, 1883},
    {"mqtts", TRANSPORT_TLS, 8883},
    {"ssl", TRANSPORT_TLS, 8883},
    {"tls", TRANSPORT_TLS, 8883},
    {"unix", TRANSPORT_UNIX, 0},
};

static const struct scheme *
find_scheme(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(schemes); i++) {
		if (strlen(schemes[i].name) == len && strncasecmp(schemes[i].name, name, len) == 0)
			return &schemes[i];
	}
	return NULL;
}

static int
check_name(struct settings_draft *d, const char *host)
{
	const char *last = strrchr(host, '.');
	struct addr a;
	size_t i;

	if (host[0] == '\0')
		return settings_fail(d, "the URL names no host: expected mqtt://HOST, say");
	if (strlen(host) > HOST_MAX)
		return settings_fail(
		    d, "the host's name is too long: expected at most %d characters", HOST_MAX);
	for (i = 0; host[i] != '\0'; i++) {
		if (!isalnum((unsigned char)host[i]) && strchr("-_.", host[i]) == NULL)
			return settings_fail(d,
			    "'%s' is not a host's name: expected letters, digits, '-' and '.'",
			    host);
	}
	last = last == NULL ? host : last + 1;
	if (last[0] == '\0' || last[strspn(last, "0123456789")] != '\0')
		return 0;
	if (addr_parse(host, &a) == -1)
		return settings_fail(
		    d, "'%s' is not an IP address: expected one such as 192.0.2.1", host);
	return 0;
}

static int
check_ipv6(struct settings_draft *d, const char *host)
{
	struct addr a;

	if (addr_parse(host, &a) == -1 || a.family != ADDR_IPV6)
		return settings_fail(
		    d, "'%s' is not an IPv6 address: expected one such as [2001:db8::1]", host);
	return 0;
}

static int
set_port(struct settings_draft *d, const char *text, struct settings_broker *b)
{
	uint64_t port;

	if (util_parse_uint(text, 1, UINT16_MAX, &port) == -1)
		return settings_fail(
		    d, "'%s' is not a port: expected a number from 1 to 65535", text);
	b->port = (uint16_t)port;
	return 0;
}

/* authority is scratch. */
static int
set_authority(struct settings_draft *d, char *authority, struct settings_broker *b)
{
	bool literal = authority[0] == '[';
	char *host = literal ? authority + 1 : authority;
	char *end = strpbrk(host, literal ? "]" : ":");
	char *rest = end == NULL ? NULL : literal ? end + 1 : end;

	if (literal && (end == NULL || (*rest != '\0' && *rest != ':')))
		return settings_fail(
		    d, "the ']' after the IPv6 address is missing: expected [ADDRESS]:PORT");
	if (!literal && rest != NULL && strchr(rest + 1, ':') != NULL)
		return settings_fail(d,
		    "'%s' has more than one ':': expected an IPv6 address in brackets, as in "
		    "[2001:db8::1]:1883",
		    host);
	if (rest != NULL && *rest == ':' && set_port(d, rest + 1, b) == -1)
		return -1;
	if (end != NULL)
		*end = '\0';
	if ((literal ? check_ipv6(d, host) : check_name(d, host)) == -1)
		return -1;
	b->host = strdup(host);
	return b->host == NULL ? settings_no_memory(d) : 0;
}

static int
set_network_host(struct settings_draft *d, const char *rest, struct settings_broker *b)
{
	char *authority;
	const char *path;
	int rc;

	/* Not quoted: it may hold a password. */
	if (strchr(rest, '@') != NULL)
		return settings_fail(d, "the URL holds a user name or password, which logs and "
					"process lists would show: expected username and "
					"password-file in the broker's section");
	path = strchr(rest, '/');
	if (path != NULL && path[1] != '\0')
		return settings_fail(d,
		    "the URL goes on after the host with '%s': expected "
		    "nothing there",
		    path);
	authority = path == NULL ? strdup(rest) : strndup(rest, (size_t)(path - rest));
	if (authority == NULL)
		return settings_no_memory(d);
	rc = set_authority(d, authority, b);
	free(authority);
	return rc;
}

static int
set_unix_path(struct settings_draft *d, const char *path, struct settings_broker *b)
{
	if (path[0] != '/')
		return settings_fail(
		    d, "'%s' is not an absolute path: expected unix:///run/SOCKET, say", path);
	if (strlen(path) > SOCKET_PATH_MAX)
		return settings_fail(d,
		    "the socket's path is too long: expected at most %zu "
		    "characters",
		    SOCKET_PATH_MAX);
	b->host = strdup(path);
	return b->host == NULL ? settings_no_memory(d) : 0;
}

int
settings_parse_url(struct settings_draft *d, const char *url, struct settings_broker *b)
{
	const struct scheme *scheme = &schemes[0];
	const char *rest = strstr(url, "://");

	if (rest != NULL) {
		scheme = find_scheme(url, (size_t)(rest - url));
		rest += 3;
	} else {
		rest = url;
	}
	if (scheme == NULL)
		return settings_fail(d,
		    "'%.*s' is not a scheme: expected mqtt, tcp, mqtts, ssl, tls or unix",
		    (int)strcspn(url, ":"), url);
	b->transport = scheme->transport;
	b->port = scheme->port;
	return scheme->transport == TRANSPORT_UNIX ? set_unix_path(d, rest, b)
						   : set_network_host(d, rest, b);
}
