/*
 * Short-lived child processes that the loop does not wait for: hooks, password commands and the
 * questions that only the system's resolver can answer.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef CHILD_H
#define CHILD_H

#include <stddef.h>
#include <stdint.h>

#define CHILD_OUTPUT_MAX 4096

struct child;
struct child_pool;
struct event_base;
struct wheel;

struct child_result {
	int status;	    /* as of waitpid(2); -1 if it was killed because its time was over */
	const char *output; /* what it wrote to stdout, NUL-terminated, at most CHILD_OUTPUT_MAX
			       bytes; wiped after the callback */
	size_t output_len;
};

typedef void (*child_done_fn)(void *arg, const struct child_result *result);

/* Runs in the forked child; its return value is the exit status. Writes its answer to fd. */
typedef int (*child_main_fn)(void *arg, int fd);

/* Both are borrowed; handles SIGCHLD in base. Returns NULL with errno. */
struct child_pool *child_pool_new(struct event_base *base, struct wheel *wheel);
/* Kills (SIGKILL) and reaps those that still run, without calling done. Accepts NULL. */
void child_pool_free(struct child_pool *p);

/*
 * Runs command by /bin/sh -c in its own process group with stdin from /dev/null, stdout collected,
 * stderr kept, default signals, only descriptors 0 to 2, and env ("NAME=value", NULL at the end, or
 * NULL) added to the environment. After timeout_ms its process group is killed. done is called once
 * from the loop, never from within this call. Returns NULL with errno, and done is then not called.
 */
struct child *child_run(struct child_pool *p, const char *command, char *const *env,
    uint32_t timeout_ms, child_done_fn done, void *arg);
/* The same with a function instead of a command. */
struct child *child_call(struct child_pool *p, child_main_fn fn, void *fn_arg, uint32_t timeout_ms,
    child_done_fn done, void *arg);
/* Kills it; done is not called. */
void child_cancel(struct child *c);

#endif
