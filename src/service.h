/*
 * How a daemon stands towards the system that started it: background, pid file, readiness and
 * watchdog (sd_notify(3)'s protocol, one datagram each).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * First of all: descriptors 0 to 2 are open, no signal is blocked and SIGPIPE is ignored, whatever
 * the process that started us left behind. Returns 0, or -1 with errno.
 */
int service_prepare(void);

/*
 * Forks; the parent waits and ends with the child's verdict: 0 after service_ready(), else the
 * child's exit status. Returns 0 in the child, which keeps stderr until service_ready(). Returns -1
 * with errno.
 */
int service_background(void);
/* The start succeeded: lets the parent of service_background() go, detaches stderr, tells the
 * service manager READY=1. */
void service_ready(void);

/* Sends "STATUS=...", "STOPPING=1" and the like; nothing without NOTIFY_SOCKET. */
void service_notify(const char *message);
/* Half of the watchdog's period in ms, or 0 if the service manager wants none. */
uint32_t service_watchdog_ms(void);

/*
 * Creates and locks the pid file. Returns 0, or -1 with a new string in *error: another daemon
 * holds it (with its pid), it holds something else than a pid, cannot be created, the disk is full.
 * The lock lives as long as the process. owner may be (uid_t)-1.
 */
int service_pid_open(const char *path, uid_t owner, char **error);
/* Removes it if it is ours. */
void service_pid_remove(void);

#endif
