/*
 * The daemon's standing in its system. What is remembered here is a fact of the process, of which
 * there is one: the parent that waits, the file that holds the lock.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

#define PID_TEXT_MAX 24

static struct {
	int parent; /* socket to the waiting parent, or -1 */
	int pid_fd;
	char *pid_path;
} service = {.parent = -1, .pid_fd = -1};

static int
redirect_to_null(int first, int last)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int result = 0;

	if (null == -1)
		return -1;
	for (int fd = first; fd <= last && result == 0; fd++) {
		if (dup2(null, fd) == -1)
			result = -1;
	}
	if (null > STDERR_FILENO)
		close(null);
	return result;
}

int
service_prepare(void)
{
	sigset_t none;
	int fd;

	/* Without O_CLOEXEC: what was filled in is there for hooks, too. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	if (fd == -1)
		return -1;
	close(fd);
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		return -1;
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0;
}

/* Ends as the child says: by its byte that the start succeeded, or by its exit. */
static void __attribute__((noreturn)) wait_for_verdict(int child, pid_t pid)
{
	char byte;
	ssize_t len;
	int status;

	do
		len = read(child, &byte, 1);
	while (len == -1 && errno == EINTR);
	if (len == 1)
		_exit(EXIT_SUCCESS);
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			_exit(EXIT_FAILURE);
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

/* The working directory stays: names in the configuration must mean the same at a reload. */
int
service_background(void)
{
	int fds[2];
	pid_t pid;

	/* A socket, as writing to it can be made not to raise SIGPIPE. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		return -1;
	pid = fork();
	if (pid == -1) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (pid != 0) {
		close(fds[1]);
		wait_for_verdict(fds[0], pid);
	}
	close(fds[0]);
	service.parent = fds[1];
	setsid();
	return redirect_to_null(STDIN_FILENO, STDOUT_FILENO);
}

void
service_ready(void)
{
	service_notify("READY=1");
	if (service.parent == -1)
		return;
	/* If the parent is gone, nobody needs to know. */
	(void)send(service.parent, "", 1, MSG_NOSIGNAL);
	close(service.parent);
	service.parent = -1;
	(void)redirect_to_null(STDERR_FILENO, STDERR_FILENO);
}

void
service_notify(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t len;
	int s;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len < 2 || len > sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, len);
	if (path[0] == '@') /* an abstract address */
		sun.sun_path[0] = '\0';
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s == -1)
		return;
	/* A service manager that does not read must not stop us. */
	(void)sendto(s, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(s);
}

uint32_t
service_watchdog_ms(void)
{
	const char *period = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");
	uint64_t us, pid;

	if (period == NULL || util_parse_uint(period, 2000, (uint64_t)UINT32_MAX * 1000, &us) == -1)
		return 0;
	if (whose != NULL &&
	    (util_parse_uint(whose, 1, INT32_MAX, &pid) == -1 || (pid_t)pid != getpid()))
		return 0;
	return (uint32_t)(us / 2000);
}

/* Whether fd is still what stands at path: its last owner may have removed it before we locked. */
static bool
is_at_path(int fd, const char *path)
{
	struct stat opened, found;

	return fstat(fd, &opened) == 0 && lstat(path, &found) == 0 &&
	       opened.st_ino == found.st_ino && opened.st_dev == found.st_dev;
}

static char *
held_error(int fd, const char *path)
{
	char text[PID_TEXT_MAX];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	text[strspn(text, "0123456789")] = '\0';
	if (text[0] == '\0')
		return util_format("%s: another daemon holds it", path);
	return util_format("%s: another daemon holds it, with pid %s", path, text);
}

/* A mistyped name must not cost another file its content. */
static bool
holds_pid_or_nothing(int fd)
{
	char text[PID_TEXT_MAX];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	size_t digits;

	if (len <= 0)
		return len == 0;
	text[len] = '\0';
	digits = strspn(text, "0123456789");
	return digits > 0 && (text[digits] == '\n' || text[digits] == '\0');
}

/* Returns a locked descriptor, or -1 with a message. */
static int
open_locked(const char *path, char **error)
{
	struct stat st;
	int fd;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
		if (fd == -1) {
			*error = util_format(
			    "%s: cannot create the pid file: %s", path, strerror(errno));
			return -1;
		}
		if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
			*error = util_format("%s: not a regular file", path);
			break;
		}
		/* A link that somebody made in a directory open to all. */
		if (st.st_nlink > 1) {
			*error = util_format("%s: not a pid file: it has another name", path);
			break;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
			*error = errno == EWOULDBLOCK
				     ? held_error(fd, path)
				     : util_format("%s: cannot lock it: %s", path, strerror(errno));
			break;
		}
		if (!is_at_path(fd, path)) {
			close(fd);
			continue;
		}
		if (holds_pid_or_nothing(fd))
			return fd;
		*error = util_format("%s: not a pid file: it holds something else", path);
		break;
	}
	close(fd);
	return -1;
}

static int
write_pid(int fd, uid_t owner)
{
	char text[PID_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	ssize_t written;

	if (ftruncate(fd, 0) == -1)
		return -1;
	written = pwrite(fd, text, (size_t)len, 0);
	if (written == -1)
		return -1;
	if (written != len) {
		errno = ENOSPC;
		return -1;
	}
	/* Some file systems find out only now that they are full. */
	if (fsync(fd) == -1)
		return -1;
	return owner == (uid_t)-1 ? 0 : fchown(fd, owner, (gid_t)-1);
}

int
service_pid_open(const char *path, uid_t owner, char **error)
{
	int fd = open_locked(path, error);

	if (fd == -1)
		return -1;
	service.pid_path = strdup(path);
	if (service.pid_path == NULL || write_pid(fd, owner) == -1) {
		*error = util_format("%s: cannot write the pid file: %s", path, strerror(errno));
		unlink(path); /* without a pid it would only mislead */
		free(service.pid_path);
		service.pid_path = NULL;
		close(fd);
		return -1;
	}
	service.pid_fd = fd;
	return 0;
}

void
service_pid_remove(void)
{
	if (service.pid_fd == -1)
		return;
	/* Without the right to remove it, at least it names nobody. */
	if (unlink(service.pid_path) == -1 && ftruncate(service.pid_fd, 0) == -1)
		log_warning(
		    "%s: cannot remove the pid file: %s", service.pid_path, strerror(errno));
	close(service.pid_fd);
	free(service.pid_path);
	service.pid_fd = -1;
	service.pid_path = NULL;
}
