/*
 * The control socket's daemon side. Each client has a slot in a fixed array: it is read until its
 * line is complete, answered, and closed.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "control.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctlmsg.h"
#include "log.h"
#include "stats.h"
#include "util.h"
#include "wheel.h"

/* How long accepting rests when the process or the system has no descriptor left. */
#define PAUSE_MS 1000

struct client {
	struct control *control;
	int fd; /* -1: a free slot */
	struct event *event;
	struct wheel_timer timer;
	char request[CTLMSG_REQUEST_MAX];
	size_t request_len;
	char *answer; /* header and body */
	size_t answer_len, answer_pos;
};

struct control {
	struct event_base *base;
	struct wheel *wheel;
	struct stats *stats;
	const struct control_command *commands;
	void *arg;
	char *path;
	gid_t group;
	int fd;
	struct event *event;
	struct wheel_timer resume;
	struct log_limit limit;
	struct client clients[CONTROL_CLIENTS_MAX];
};

static void
client_close(struct client *cl)
{
	wheel_cancel(cl->control->wheel, &cl->timer);
	if (cl->event != NULL)
		event_free(cl->event);
	cl->event = NULL;
	close(cl->fd);
	cl->fd = -1;
	free(cl->answer);
	cl->answer = NULL;
}

/* Watches for what only. Returns 0 or -1. */
static int
client_watch(struct client *cl, short what, event_callback_fn fn)
{
	if (cl->event != NULL)
		event_free(cl->event);
	cl->event = event_new(cl->control->base, cl->fd, what | EV_PERSIST, fn, cl);
	if (cl->event == NULL)
		return -1;
	return event_add(cl->event, NULL);
}

/* A last word to one who is not listened to any longer; it may get lost. */
static void
dismiss(int fd, const char *message)
{
	char packet[CTLMSG_HEADER_MAX + 64];
	size_t len = (size_t)ctlmsg_write_header(packet, false, strlen(message));

	assert(strlen(message) <= sizeof(packet) - len);
	memcpy(packet + len, message, strlen(message));
	send(fd, packet, len + strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
on_client_timeout(void *arg, uint64_t now_ms)
{
	struct client *cl = arg;

	stats_count(cl->control->stats, STAT_CONTROL_ERRORS);
	if (cl->answer == NULL)
		dismiss(cl->fd, "no request came in time");
	client_close(cl);
}

static void
on_client_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *cl = arg;
	ssize_t n;

	n = send(fd, cl->answer + cl->answer_pos, cl->answer_len - cl->answer_pos, MSG_NOSIGNAL);
	if (n == -1) {
		if (errno != EAGAIN && errno != EINTR)
			client_close(cl);
		return;
	}
	cl->answer_pos += (size_t)n;
	if (cl->answer_pos == cl->answer_len)
		client_close(cl);
}

/* The time for writing counts from here, not from the last progress: one byte a second is no
 * reader. */
static void
client_answer(struct client *cl, bool ok, const char *body)
{
	char header[CTLMSG_HEADER_MAX];
	size_t body_len = strlen(body);
	size_t header_len = (size_t)ctlmsg_write_header(header, ok, body_len);

	if (!ok)
		stats_count(cl->control->stats, STAT_CONTROL_ERRORS);
	cl->answer = malloc(header_len + body_len);
	if (cl->answer == NULL || client_watch(cl, EV_WRITE, on_client_writable) == -1) {
		log_error("control: no memory for an answer");
		client_close(cl);
		return;
	}
	memcpy(cl->answer, header, header_len);
	memcpy(cl->answer + header_len, body, body_len);
	cl->answer_len = header_len + body_len;
	cl->answer_pos = 0;
	wheel_set(cl->control->wheel, &cl->timer, util_now_ms() + CONTROL_TIMEOUT_MS,
	    on_client_timeout, cl);
}

static const struct control_command *
find_command(const struct control *c, const char *name)
{
	const struct control_command *command;

	for (command = c->commands; command->name != NULL; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

/* There are daemons of several kinds, and mqtt-vpnctl(8) has commands for all of them. */
static void
refuse_command(struct client *cl, const char *name)
{
	const struct control_command *command = cl->control->commands;
	char text[512];
	int len = snprintf(text, sizeof(text), "this daemon has no command '%s', but these:", name);

	for (; command->name != NULL && len > 0 && (size_t)len < sizeof(text); command++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%s %s",
		    command == cl->control->commands ? "" : ",", command->name);
	client_answer(cl, false, text);
}

static void
client_run(struct client *cl, const struct ctlmsg_request *request)
{
	struct control *c = cl->control;
	const struct control_command *command = find_command(c, request->command);
	char *error = NULL, *text = NULL;
	struct cJSON *json;

	stats_count(c->stats, STAT_CONTROL_REQUESTS);
	if (command == NULL) {
		refuse_command(cl, request->command);
		return;
	}
	json = command->run(c->arg, request->argument, &error);
	if (json == NULL) {
		client_answer(cl, false, error != NULL ? error : "out of memory");
		free(error);
		return;
	}
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	if (text == NULL)
		client_answer(cl, false, "out of memory");
	else if (strlen(text) > CTLMSG_BODY_MAX)
		client_answer(cl, false, "the answer is too long");
	else
		client_answer(cl, true, text);
	cJSON_free(text);
}

static void
on_client_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *cl = arg;
	struct ctlmsg_request request;
	ssize_t n;
	int consumed;

	n = recv(fd, cl->request + cl->request_len, sizeof(cl->request) - cl->request_len, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(cl);
		return;
	}
	cl->request_len += (size_t)n;
	consumed = ctlmsg_parse_request(cl->request, cl->request_len, &request);
	if (consumed > 0)
		client_run(cl, &request);
	else if (consumed == CTLMSG_TOO_LONG)
		client_answer(cl, false, "the request is too long");
	else if (consumed != CTLMSG_INCOMPLETE)
		client_answer(cl, false, "the request is malformed");
}

static bool
is_in_group(int fd, gid_t group)
{
	socklen_t len = 0;
	gid_t *groups;
	bool found = false;

	/* The first call fails with ERANGE and tells the length. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
		return false;
	groups = malloc(len);
	if (groups == NULL)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
		for (size_t i = 0; i < len / sizeof(*groups) && !found; i++)
			found = groups[i] == group;
	free(groups);
	return found;
}

/* The socket's mode says the same, but anybody may have loosened it. */
static bool
is_allowed(struct control *c, int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == -1)
		return false;
	if (who.uid == 0 || who.uid == geteuid() || who.gid == c->group ||
	    is_in_group(fd, c->group))
		return true;
	if (log_allow(&c->limit, util_now_ms()))
		log_warning("control: process %ld of user %lu is not allowed to ask", (long)who.pid,
		    (unsigned long)who.uid);
	return false;
}

static struct client *
free_slot(struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (c->clients[i].fd == -1)
			return &c->clients[i];
	return NULL;
}

static void
client_accept(struct control *c, int fd)
{
	struct client *cl = free_slot(c);
	const char *refusal = NULL;

	if (cl == NULL)
		refusal = "too many clients at once, try again";
	else if (!is_allowed(c, fd))
		refusal = "permission denied";
	if (refusal != NULL) {
		stats_count(c->stats, STAT_CONTROL_ERRORS);
		dismiss(fd, refusal);
		close(fd);
		return;
	}
	cl->control = c;
	cl->fd = fd;
	cl->request_len = 0;
	if (client_watch(cl, EV_READ, on_client_readable) == -1) {
		log_error("control: no memory for a client");
		client_close(cl);
		return;
	}
	wheel_set(c->wheel, &cl->timer, util_now_ms() + CONTROL_TIMEOUT_MS, on_client_timeout, cl);
}

static void
on_resume(void *arg, uint64_t now_ms)
{
	struct control *c = arg;

	if (event_add(c->event, NULL) == -1)
		wheel_set(c->wheel, &c->resume, now_ms + PAUSE_MS, on_resume, c);
}

static void
on_connect(evutil_socket_t listener, short what, void *arg)
{
	struct control *c = arg;
	int fd;

	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1) {
		client_accept(c, fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return;
	/* The connection stays in the queue and its event would come back at once. */
	if (log_allow(&c->limit, util_now_ms()))
		log_warning("control: cannot take a client: %s", strerror(errno));
	event_del(c->event);
	wheel_set(c->wheel, &c->resume, util_now_ms() + PAUSE_MS, on_resume, c);
}

/* Makes the last directory of path, 0755 whatever the umask is. */
static int
make_directory(const char *path, char **error)
{
	const char *slash = strrchr(path, '/');
	mode_t old_mask;
	char *dir;
	int rc;

	if (slash == NULL || slash == path)
		return 0;
	dir = strndup(path, (size_t)(slash - path));
	if (dir == NULL)
		return -1;
	old_mask = umask(0022);
	rc = mkdir(dir, 0755) == 0 || errno == EEXIST ? 0 : -1;
	umask(old_mask);
	if (rc == -1)
		*error = util_format(
		    "cannot make the control socket's directory %s: %s", dir, strerror(errno));
	free(dir);
	return rc;
}

/* Makes room for a new socket: takes away one that nobody listens on, and nothing else. */
static int
remove_stale(const struct sockaddr_un *address, char **error)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, rc, cause;

	if (lstat(path, &st) == -1)
		return 0; /* if it is not for want of the file, bind() will say why */
	if (!S_ISSOCK(st.st_mode)) {
		*error = util_format("control socket: %s exists and is not a socket", path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		*error = util_format("control socket: %s", strerror(errno));
		return -1;
	}
	rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	cause = errno;
	close(fd);
	if (rc == 0 || cause == EAGAIN)
		*error = util_format("another daemon listens on the control socket %s", path);
	else if (cause != ECONNREFUSED)
		*error = util_format("control socket %s: %s", path, strerror(cause));
	else if (unlink(path) == -1)
		*error = util_format(
		    "cannot remove the stale control socket %s: %s", path, strerror(errno));
	else
		return 0;
	return -1;
}

/*
 * It is born with its mode, and nobody can connect before it listens. Nothing here follows a
 * symbolic link that somebody who may write to the directory could put in its place.
 */
static int
bind_private(int fd, const struct sockaddr_un *address, gid_t group)
{
	mode_t old_mask = umask(0117);
	int rc, cause;

	rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	umask(old_mask);
	if (rc == -1)
		return -1;
	if (lchown(address->sun_path, (uid_t)-1, group) == 0 &&
	    listen(fd, CONTROL_CLIENTS_MAX) == 0)
		return 0;
	cause = errno;
	unlink(address->sun_path);
	errno = cause;
	return -1;
}

/* Returns the listening descriptor, or -1 with *error. */
static int
listen_on(const char *path, gid_t group, char **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		*error = util_format("control socket: the path %s has %zu characters, expected at "
				     "most %zu",
		    path, strlen(path), sizeof(address.sun_path) - 1);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	if (make_directory(path, error) == -1 || remove_stale(&address, error) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind_private(fd, &address, group) == -1) {
		*error = util_format("control socket %s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}

struct control *
control_open(struct event_base *base, struct wheel *wheel, struct stats *stats, const char *path,
    gid_t group, const struct control_command *commands, void *arg, char **error)
{
	struct control *c = calloc(1, sizeof(*c));

	*error = NULL;
	if (c == NULL)
		goto fail;
	c->fd = -1;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		c->clients[i].fd = -1;
	c->base = base;
	c->wheel = wheel;
	c->stats = stats;
	c->commands = commands;
	c->arg = arg;
	c->group = group != (gid_t)-1 ? group : getegid();
	c->path = strdup(path);
	if (c->path == NULL)
		goto fail;
	c->fd = listen_on(path, c->group, error);
	if (c->fd == -1)
		goto fail;
	c->event = event_new(base, c->fd, EV_READ | EV_PERSIST, on_connect, c);
	if (c->event == NULL || event_add(c->event, NULL) == -1)
		goto fail;
	return c;
fail:
	if (*error == NULL)
		*error = util_format("control socket: out of memory");
	control_close(c);
	return NULL;
}

void
control_close(struct control *c)
{
	int cause = errno;

	if (c == NULL)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (c->clients[i].fd != -1)
			client_close(&c->clients[i]);
	wheel_cancel(c->wheel, &c->resume);
	if (c->event != NULL)
		event_free(c->event);
	/* Without the privilege for it any longer the file stays, and the next start replaces it.
	 */
	if (c->fd != -1) {
		unlink(c->path);
		close(c->fd);
	}
	free(c->path);
	free(c);
	errno = cause;
}
