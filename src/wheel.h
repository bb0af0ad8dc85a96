/*
 * A hierarchical timer wheel (Varghese and Lauck, SOSP 1987, scheme 7): adding and
 * cancelling cost the same whatever the number of timers; only when the earliest goes is its
 * successor looked for among those near it. It is a pure data structure; time comes in as an
 * argument, in milliseconds of any clock that does not go back.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef WHEEL_H
#define WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_NEVER UINT64_MAX

struct wheel;

typedef void (*wheel_fn)(void *arg, uint64_t now_ms);
/*
 * The earliest due time changed, or a run ended, which tells it in any case: a one-shot timer that
 * has fired needs arming again. due_ms is WHEEL_NEVER when no timer is left.
 */
typedef void (*wheel_rearm_fn)(void *arg, uint64_t due_ms);

/* Embedded in its owner, who keeps it in place while it is pending. Zero-initialised is idle. */
struct wheel_timer {
	struct wheel_timer *next;
	struct wheel_timer **prev; /* NULL when idle */
	uint64_t due_ms;
	wheel_fn fn;
	void *arg;
};

/* rearm may be NULL. Returns NULL when memory is short. */
struct wheel *wheel_new(uint64_t now_ms, wheel_rearm_fn rearm, void *arg);
/* Pending timers become idle and are not called. Accepts NULL. */
void wheel_free(struct wheel *w);

/*
 * Arms t, or moves it if it is pending. A time before the last run counts as the time of that run:
 * it is due at the next.
 */
void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t due_ms, wheel_fn fn, void *arg);
/* Makes t idle; nothing happens if it is. */
void wheel_cancel(struct wheel *w, struct wheel_timer *t);
bool wheel_pending(const struct wheel_timer *t);

/*
 * Calls every timer that is due at now_ms, in the order of their due times (those of one
 * moment in any order). A callback may set and cancel any timer, its own and those due at the same
 * moment too, and free its own; a timer that it sets is not called in the same run. now_ms may
 * jump ahead by any amount. Not to be called from a callback.
 */
void wheel_run(struct wheel *w, uint64_t now_ms);

/* Exact due time of the earliest timer, or WHEEL_NEVER. */
uint64_t wheel_next_due(const struct wheel *w);

#endif
