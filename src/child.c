/*
 * Child processes in the loop: fork, collect the output, reap.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "child.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"
#include "wheel.h"

#define EXIT_NOT_STARTED 127 /* what a shell says when it cannot run a command */

struct child {
	struct child_pool *pool;
	struct child *next;
	struct child **prev;
	pid_t pid;
	int fd;
	struct event *readable;
	struct wheel_timer deadline;
	bool timed_out;
	child_done_fn done; /* NULL once it is cancelled */
	void *arg;
	size_t output_len;
	char output[CHILD_OUTPUT_MAX + 1];
};

struct child_pool {
	struct event_base *base;
	struct wheel *wheel;
	struct event *sigchld;
	struct child *first;
};

/* What the forked process is to become; made before the fork, as no memory may be taken after it.
 */
struct program {
	char *const *argv; /* NULL: call fn */
	char **envp;
	child_main_fn fn;
	void *fn_arg;
};

static void
restore_signals(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL); /* some cannot be caught, then or now */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
restore_memory_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_DATA, &limit);
}

static void
close_from(unsigned int first)
{
	long max;

	/* By its number, as not every C library knows it. */
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	max = sysconf(_SC_OPEN_MAX);
	for (long fd = (long)first; fd < max; fd++)
		close((int)fd);
}

static void __attribute__((noreturn)) become(const struct program *program, int output_fd)
{
	int null;

	setpgid(0, 0);
	restore_memory_limit();
	null = open("/dev/null", O_RDONLY);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(output_fd, STDOUT_FILENO) == -1)
		_exit(EXIT_NOT_STARTED);
	close_from(STDERR_FILENO + 1);
	restore_signals();
	if (program->argv == NULL)
		_exit(program->fn(program->fn_arg, STDOUT_FILENO));
	execve(program->argv[0], program->argv, program->envp);
	_exit(EXIT_NOT_STARTED);
}

/*
 * Signals are held back until the child has its own handlers: those of libevent would write to the
 * pipe that it shares with the parent.
 */
static pid_t
fork_program(const struct program *program, int output_fd)
{
	sigset_t all, before;
	pid_t pid;
	int saved;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(program, output_fd);
	saved = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	/* Both sides do it, as either may be the first that needs it. */
	if (pid != -1)
		setpgid(pid, pid);
	errno = saved;
	return pid;
}

/* It is itself a member, unless it has left its group: then it must still end. */
static void
kill_group(const struct child *c)
{
	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL);
}

static void
stop_reading(struct child *c)
{
	if (c->readable != NULL)
		event_free(c->readable);
	c->readable = NULL;
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

static void
free_child(struct child *c)
{
	stop_reading(c);
	wheel_cancel(c->pool->wheel, &c->deadline);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	explicit_bzero(c->output, sizeof(c->output));
	free(c);
}

/* Returns whether there may be more. What is beyond CHILD_OUTPUT_MAX is read and thrown away: a
 * child that talks much must not wait for a reader. */
static bool
read_some(struct child *c)
{
	char rest[CHILD_OUTPUT_MAX];
	size_t room = CHILD_OUTPUT_MAX - c->output_len;
	ssize_t len;

	if (room > 0)
		len = read(c->fd, c->output + c->output_len, room);
	else
		len = read(c->fd, rest, sizeof(rest));
	if (len > 0 && room > 0)
		c->output_len += (size_t)len;
	if (len == 0 || (len == -1 && errno != EAGAIN && errno != EINTR))
		stop_reading(c);
	return len > 0;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	read_some(arg);
}

static void
on_deadline(void *arg, uint64_t now_ms)
{
	struct child *c = arg;

	c->timed_out = true;
	kill_group(c);
}

/*
 * Its end counts, not that of its output: something it left in the background may hold the pipe for
 * as long as it likes.
 */
static void
finish(struct child *c, int status)
{
	struct child_result result = {.status = c->timed_out ? -1 : status};

	while (c->done != NULL && c->fd != -1 && c->output_len < CHILD_OUTPUT_MAX && read_some(c))
		;
	c->output[c->output_len] = '\0';
	result.output = c->output;
	result.output_len = c->output_len;
	wheel_cancel(c->pool->wheel, &c->deadline);
	if (c->done != NULL)
		c->done(c->arg, &result);
	free_child(c);
}

static void
on_sigchld(evutil_socket_t sig, short what, void *arg)
{
	struct child_pool *p = arg;
	struct child *next;
	int status;

	/* Each by its pid: other children of the process are not ours to reap. */
	for (struct child *c = p->first; c != NULL; c = next) {
		next = c->next;
		if (waitpid(c->pid, &status, WNOHANG) == c->pid)
			finish(c, status);
	}
}

struct child_pool *
child_pool_new(struct event_base *base, struct wheel *wheel)
{
	struct child_pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->base = base;
	p->wheel = wheel;
	p->sigchld = event_new(base, SIGCHLD, EV_SIGNAL | EV_PERSIST, on_sigchld, p);
	if (p->sigchld == NULL || event_add(p->sigchld, NULL) == -1) {
		child_pool_free(p);
		errno = ENOMEM;
		return NULL;
	}
	return p;
}

void
child_pool_free(struct child_pool *p)
{
	if (p == NULL)
		return;
	while (p->first != NULL) {
		kill_group(p->first);
		while (waitpid(p->first->pid, NULL, 0) == -1 && errno == EINTR)
			;
		free_child(p->first);
	}
	if (p->sigchld != NULL)
		event_free(p->sigchld);
	free(p);
}

static struct child *
start(struct child_pool *p, const struct program *program, uint32_t timeout_ms, child_done_fn done,
    void *arg)
{
	struct child *c = NULL;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		goto fail;
	c->readable = event_new(p->base, fds[0], EV_READ | EV_PERSIST, on_readable, c);
	if (c->readable == NULL || event_add(c->readable, NULL) == -1) {
		errno = ENOMEM;
		goto fail;
	}
	/* A child expects an output that blocks. */
	if (fcntl(fds[1], F_SETFL, 0) == -1)
		goto fail;
	c->pid = fork_program(program, fds[1]);
	if (c->pid == -1)
		goto fail;
	close(fds[1]);
	c->pool = p;
	c->fd = fds[0];
	c->done = done;
	c->arg = arg;
	c->next = p->first;
	c->prev = &p->first;
	if (c->next != NULL)
		c->next->prev = &c->next;
	p->first = c;
	wheel_set(p->wheel, &c->deadline, util_now_ms() + timeout_ms, on_deadline, c);
	return c;
fail:
	if (c != NULL && c->readable != NULL)
		event_free(c->readable);
	free(c);
	close(fds[0]);
	close(fds[1]);
	return NULL;
}

static bool
same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return strncmp(a, b, len) == 0 && b[len] == '=';
}

static bool
is_replaced(const char *variable, char *const *env)
{
	for (; *env != NULL; env++) {
		if (same_name(*env, variable))
			return true;
	}
	return false;
}

/* The process's environment with env added; only the array is new. */
static char **
merge_environment(char *const *env)
{
	static char *const nothing[] = {NULL};
	size_t count = 0, n = 0;
	char **merged;

	if (env == NULL)
		env = nothing;
	for (char *const *e = environ; *e != NULL; e++)
		count++;
	for (char *const *e = env; *e != NULL; e++)
		count++;
	merged = calloc(count + 1, sizeof(*merged));
	if (merged == NULL)
		return NULL;
	for (char *const *e = environ; *e != NULL; e++) {
		if (!is_replaced(*e, env))
			merged[n++] = *e;
	}
	for (char *const *e = env; *e != NULL; e++)
		merged[n++] = *e;
	return merged;
}

struct child *
child_run(struct child_pool *p, const char *command, char *const *env, uint32_t timeout_ms,
    child_done_fn done, void *arg)
{
	char *text = strdup(command);
	char shell[] = "/bin/sh", option[] = "-c";
	char *argv[] = {shell, option, text, NULL};
	struct program program = {.argv = argv, .envp = merge_environment(env)};
	struct child *c = NULL;

	if (text != NULL && program.envp != NULL)
		c = start(p, &program, timeout_ms, done, arg);
	free(program.envp);
	free(text);
	return c;
}

struct child *
child_call(struct child_pool *p, child_main_fn fn, void *fn_arg, uint32_t timeout_ms,
    child_done_fn done, void *arg)
{
	struct program program = {.fn = fn, .fn_arg = fn_arg};

	return start(p, &program, timeout_ms, done, arg);
}

void
child_cancel(struct child *c)
{
	c->done = NULL;
	stop_reading(c);
	wheel_cancel(c->pool->wheel, &c->deadline);
	kill_group(c);
}
