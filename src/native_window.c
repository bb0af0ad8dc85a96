/*
 * What the two ends of a lane ask and tell each other about what was received; see window.h.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include "native_internal.h"

#define ANSWER_MAX 64 /* padded: as long as small packets are */

bool
native_reports(const struct native_outlet *o)
{
	return (o->features & FRAME_FEATURE_REPORTS) != 0;
}

static uint64_t
now_us(const struct native_lane *l)
{
	return l->native->cb.clock_us(l->native->cb.arg);
}

static void on_expiry(void *arg, uint64_t now_ms);

static void
arm(struct native_lane *l)
{
	wheel_set(l->native->shared.wheel, &l->timer, window_expiry_us(&l->window) / 1000 + 1,
	    on_expiry, l);
}

static void
on_expiry(void *arg, uint64_t now_ms)
{
	struct native_lane *l = arg;
	struct native *n = l->native;

	if (window_expiry_us(&l->window) > now_us(l)) { /* some report has come since */
		arm(l);
		return;
	}
	stats_count(n->stats, STAT_TX_WINDOW_EXPIRED);
	window_expire(&l->window, now_us(l));
	fq_unpark(&l->queue);
	n->cb.ready(n->cb.arg);
}

bool
native_window_open(struct native_lane *l)
{
	struct native *n = l->native;

	if (window_open(&l->window))
		return true;
	stats_count(n->stats, STAT_TX_WINDOW_FULL);
	fq_park(&l->queue);
	wheel_set(
	    n->shared.wheel, &l->timer, window_expiry_us(&l->window) / 1000 + 1, on_expiry, l);
	return false;
}

void
native_on_report(struct native_lane *l, uint64_t token, uint64_t received)
{
	struct native *n = l->native;

	stats_count(n->stats, STAT_RX_REPORTS);
	window_report(&l->window, token, received, now_us(l));
	fq_class_set_rtt(&l->queue, l->window.min_rtt_us);
	if (!window_open(&l->window))
		return;
	wheel_cancel(n->shared.wheel, &l->timer);
	fq_unpark(&l->queue);
	n->cb.ready(n->cb.arg);
}

/* The answer goes with the next packets if they follow at once, as TCP's acknowledgements do. */
void
native_on_ask(struct native_lane *l, uint64_t token)
{
	struct native *n = l->native;

	l->asked_token = token;
	l->asked_received = l->received;
	if (l->asked)
		return;
	l->asked = true;
	l->next_asked = n->asked;
	n->asked = l;
	n->cb.ready(n->cb.arg);
}

void
native_forget_ask(struct native_lane *l)
{
	struct native_lane **at = &l->native->asked;

	if (!l->asked)
		return;
	while (*at != l)
		at = &(*at)->next_asked;
	*at = l->next_asked;
	l->asked = false;
}

size_t
native_append_report(struct native_lane *l, uint8_t *plain, size_t used)
{
	if (!l->asked)
		return used;
	native_forget_ask(l);
	return frame_append_report(plain, used, FRAME_REPORT, l->asked_token, l->asked_received);
}

static void
answer(struct native *n, struct native_lane *l, uint64_t now_ms)
{
	uint8_t message[NATIVE_OVERHEAD_MAX + ANSWER_MAX], *plain;
	struct native_outlet o;
	size_t len;

	if (!native_outlet(l, now_ms, &o)) {
		native_forget_ask(l);
		return;
	}
	plain = message + o.header_len;
	len = native_append_report(l, plain, 0);
	len = frame_pad(plain, len, ANSWER_MAX, n->padding);
	len = native_seal(l, &o, message, len);
	if (n->cb.publish(n->cb.arg, o.topic, message, len) == 0)
		native_sent(l, true, now_ms);
}

void
native_answer_asks(struct native *n, uint64_t now_ms)
{
	while (n->asked != NULL)
		answer(n, n->asked, now_ms);
}
