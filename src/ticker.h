/*
 * Drives a timer wheel from the event loop: one timerfd, armed for the next due time only. The
 * clock is CLOCK_BOOTTIME, so that what fell due while a laptop slept is done when it wakes.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TICKER_H
#define TICKER_H

#include <stdint.h>

struct event_base;
struct ticker;
struct wheel;

/* base is borrowed. Returns NULL with errno. */
struct ticker *ticker_new(struct event_base *base);
/* Accepts NULL. */
void ticker_free(struct ticker *t);
/* The wheel that it drives. Borrowed; valid until ticker_free(). */
struct wheel *ticker_wheel(struct ticker *t);
/* How often the timer has fired: an idle daemon's wake-ups. */
uint64_t ticker_wakeups(const struct ticker *t);

#endif
