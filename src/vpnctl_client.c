/*
 * mqtt-vpnctl's side of the control socket.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_client.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctlmsg.h"
#include "util.h"

#define SUFFIX ".sock"

/* Returns the socket, or -1 with errno; ENAMETOOLONG if the path does not fit. */
static int
connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, cause;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	cause = errno;
	close(fd);
	errno = cause;
	return -1;
}

static bool
is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static char *
connect_message(const char *path, int cause)
{
	switch (cause) {
	case ENOENT:
		return util_format("no daemon listens on %s", path);
	case ECONNREFUSED:
		if (!is_socket(path))
			return util_format("%s is not a socket, expected that of a daemon", path);
		return util_format("no daemon listens on %s any longer", path);
	case EACCES:
		return util_format("%s: %s; root and the members of the socket's group may ask",
		    path, strerror(cause));
	case EAGAIN:
		return util_format("the daemon at %s does not take connections", path);
	default:
		return util_format("%s: %s", path, strerror(cause));
	}
}

/* A daemon that crashed, or that gave up its privileges, leaves its socket behind. */
static bool
is_left_behind(const char *path)
{
	int fd = connect_to(path);

	if (fd == -1)
		return errno == ECONNREFUSED || errno == ENOENT;
	close(fd);
	return false;
}

static int
is_socket_name(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > strlen(SUFFIX) && entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* Appends the name of a socket's instance to a list. Returns the new list, or NULL. */
static char *
append_name(char *list, const char *name)
{
	int len = (int)(strlen(name) - strlen(SUFFIX));
	char *longer =
	    util_format("%s%s%.*s", list != NULL ? list : "", list != NULL ? ", " : "", len, name);

	free(list);
	return longer;
}

char *
vpnctl_client_find(const char *dir, char **error)
{
	struct dirent **entries = NULL;
	char *path = NULL, *found = NULL, *names = NULL;
	int n, count = 0;

	n = scandir(dir, &entries, is_socket_name, alphasort);
	for (int i = 0; i < n; i++) {
		path = util_format("%s/%s", dir, entries[i]->d_name);
		if (path != NULL && !is_left_behind(path)) {
			count++;
			names = append_name(names, entries[i]->d_name);
			free(found);
			found = path;
			path = NULL;
		}
		free(path);
		free(entries[i]);
	}
	free(entries);
	if (count == 0)
		*error = util_format("no daemon listens in %s; -s names a socket elsewhere", dir);
	else if (count > 1)
		*error = util_format("several daemons listen in %s: %s; choose one with -i", dir,
		    names != NULL ? names : "");
	free(names);
	if (count == 1)
		return found;
	free(found);
	return NULL;
}

/* Waits for more to read. Returns 0, or -1 with errno: ETIMEDOUT, ECANCELED. */
static int
wait_readable(const struct vpnctl_client *client, int fd, uint64_t deadline_ms)
{
	struct pollfd fds[] = {
	    {.fd = fd, .events = POLLIN},
	    {.fd = client->interrupt_fd, .events = POLLIN},
	};
	uint64_t now_ms;
	int n;

	do {
		now_ms = util_now_ms();
		if (now_ms >= deadline_ms) {
			errno = ETIMEDOUT;
			return -1;
		}
		n = poll(fds, ARRAY_LEN(fds), (int)(deadline_ms - now_ms));
	} while (n == 0 || (n == -1 && errno == EINTR));
	if (n == -1)
		return -1;
	if (fds[1].revents != 0) {
		errno = ECANCELED;
		return -1;
	}
	return 0;
}

/* Receives at least one byte. Returns their number, or -1 with errno; ECONNRESET at the end. */
static ssize_t
receive(const struct vpnctl_client *client, int fd, uint64_t deadline_ms, char *buf, size_t size)
{
	ssize_t n;

	do {
		if (wait_readable(client, fd, deadline_ms) == -1)
			return -1;
		n = recv(fd, buf, size, 0);
	} while (n == -1 && (errno == EAGAIN || errno == EINTR));
	if (n == 0)
		errno = ECONNRESET;
	return n > 0 ? n : -1;
}

/* Returns the body as a new string, or NULL with errno; EPROTO if it is no answer. */
static char *
receive_answer(const struct vpnctl_client *client, int fd, uint64_t deadline_ms, bool *ok)
{
	char head[CTLMSG_HEADER_MAX], *body;
	struct ctlmsg_header header;
	size_t len = 0;
	int head_len;
	ssize_t n;

	do {
		n = receive(client, fd, deadline_ms, head + len, sizeof(head) - len);
		if (n == -1)
			return NULL;
		len += (size_t)n;
		head_len = ctlmsg_parse_header(head, len, &header);
	} while (head_len == CTLMSG_INCOMPLETE);
	if (head_len < 0 || len - (size_t)head_len > header.body_len) {
		errno = EPROTO;
		return NULL;
	}
	body = malloc(header.body_len + 1);
	if (body == NULL)
		return NULL;
	len -= (size_t)head_len;
	memcpy(body, head + head_len, len);
	for (; len < header.body_len; len += (size_t)n) {
		n = receive(client, fd, deadline_ms, body + len, header.body_len - len);
		if (n == -1) {
			free(body);
			return NULL;
		}
	}
	body[len] = '\0';
	*ok = header.ok;
	return body;
}

static char *
answer_message(const struct vpnctl_client *client, int cause)
{
	switch (cause) {
	case ETIMEDOUT:
		return util_format("the daemon did not answer within %u s",
		    (unsigned int)client->timeout_ms / 1000);
	case ECONNRESET:
		return util_format("the daemon closed the connection before its answer was whole");
	case EPROTO:
		return util_format("%s does not speak the control protocol", client->path);
	case ECANCELED:
		return util_format("interrupted");
	default:
		return util_format("%s: %s", client->path, strerror(cause));
	}
}

char *
vpnctl_client_ask(
    const struct vpnctl_client *client, const char *command, const char *argument, char **error)
{
	uint64_t deadline_ms = util_now_ms() + client->timeout_ms;
	char request[CTLMSG_REQUEST_MAX], *body;
	bool ok = false;
	int fd, len;

	*error = NULL;
	len = ctlmsg_write_request(request, sizeof(request), command, argument);
	if (len < 0) {
		*error = util_format("the command is too long, or not plain ASCII");
		return NULL;
	}
	fd = connect_to(client->path);
	if (fd == -1) {
		*error = connect_message(client->path, errno);
		return NULL;
	}
	/* One who is refused is told so before having asked: a failure here does not matter. */
	send(fd, request, (size_t)len, MSG_NOSIGNAL);
	body = receive_answer(client, fd, deadline_ms, &ok);
	if (body == NULL)
		*error = answer_message(client, errno);
	close(fd);
	if (body != NULL && !ok) {
		*error = body;
		return NULL;
	}
	return body;
}
