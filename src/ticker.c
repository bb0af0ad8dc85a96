/*
 * The clock that drives the timer wheel.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "ticker.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "util.h"
#include "wheel.h"

struct ticker {
	int fd;
	struct event *expired;
	struct wheel *wheel;
	uint64_t wakeups;
};

static void
arm(void *arg, uint64_t due_ms)
{
	struct ticker *t = arg;
	struct itimerspec when = {0};

	if (due_ms != WHEEL_NEVER) {
		when.it_value.tv_sec = (time_t)(due_ms / 1000);
		when.it_value.tv_nsec = (long)(due_ms % 1000) * 1000000;
	}
	if (timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &when, NULL) == -1)
		log_error("cannot set the timer: %s", strerror(errno));
}

static void
on_expired(evutil_socket_t fd, short what, void *arg)
{
	struct ticker *t = arg;
	uint64_t expirations;

	/* Nothing to read means that the timer was set anew after it had fired: the wheel knows. */
	if (read(fd, &expirations, sizeof(expirations)) == -1 && errno != EAGAIN)
		log_error("cannot read the timer: %s", strerror(errno));
	t->wakeups++;
	wheel_run(t->wheel, util_now_ms());
}

struct ticker *
ticker_new(struct event_base *base)
{
	struct ticker *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (t->fd == -1)
		goto fail;
	t->wheel = wheel_new(util_now_ms(), arm, t);
	t->expired = event_new(base, t->fd, EV_READ | EV_PERSIST, on_expired, t);
	if (t->wheel == NULL || t->expired == NULL || event_add(t->expired, NULL) == -1) {
		errno = ENOMEM;
		goto fail;
	}
	return t;
fail:
	ticker_free(t);
	return NULL;
}

void
ticker_free(struct ticker *t)
{
	int saved = errno;

	if (t == NULL)
		return;
	wheel_free(t->wheel);
	if (t->expired != NULL)
		event_free(t->expired);
	if (t->fd != -1)
		close(t->fd);
	free(t);
	errno = saved;
}

struct wheel *
ticker_wheel(struct ticker *t)
{
	return t->wheel;
}

uint64_t
ticker_wakeups(const struct ticker *t)
{
	return t->wakeups;
}
