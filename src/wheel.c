/*
 * A hierarchical timer wheel.
 *
 * A due time is a number of eleven digits in base 64. A timer lies on the level of the highest
 * digit in which its due time differs from the wheel's present, in the slot of that digit. So
 * everything on a level is due before anything on the level above, the slots of a level are in
 * order, and moving the present up to the first occupied slot disturbs nothing but that slot.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "wheel.h"

#include <stdlib.h>

#define DIGIT_BITS 6
#define SLOTS (1 << DIGIT_BITS)
#define LEVELS ((64 + DIGIT_BITS - 1) / DIGIT_BITS)

struct wheel {
	uint64_t now_ms;
	uint64_t earliest_ms;	   /* what rearm was told last */
	uint64_t occupied[LEVELS]; /* one bit for each slot that holds a timer */
	struct wheel_timer *slot[LEVELS][SLOTS];
	struct wheel_timer *expired; /* what the current run has yet to call, in order */
	bool running;
	wheel_rearm_fn rearm;
	void *arg;
};

struct wheel *
wheel_new(uint64_t now_ms, wheel_rearm_fn rearm, void *arg)
{
	struct wheel *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->now_ms = now_ms;
	w->earliest_ms = WHEEL_NEVER;
	w->rearm = rearm;
	w->arg = arg;
	return w;
}

static void
push(struct wheel_timer **list, struct wheel_timer *t)
{
	t->next = *list;
	t->prev = list;
	if (t->next != NULL)
		t->next->prev = &t->next;
	*list = t;
}

static void
detach(struct wheel_timer *t)
{
	*t->prev = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->next = NULL;
	t->prev = NULL;
}

static void
drop_all(struct wheel_timer **list)
{
	while (*list != NULL)
		detach(*list);
}

void
wheel_free(struct wheel *w)
{
	if (w == NULL)
		return;
	for (unsigned int level = 0; level < LEVELS; level++) {
		for (unsigned int i = 0; i < SLOTS; i++)
			drop_all(&w->slot[level][i]);
	}
	drop_all(&w->expired);
	free(w);
}

static unsigned int
digit(uint64_t ms, unsigned int level)
{
	return (unsigned int)(ms >> level * DIGIT_BITS) % SLOTS;
}

static unsigned int
level_of(const struct wheel *w, uint64_t due_ms)
{
	uint64_t differs = due_ms ^ w->now_ms;

	return differs == 0 ? 0 : (unsigned int)(63 - __builtin_clzll(differs)) / DIGIT_BITS;
}

static void
insert(struct wheel *w, struct wheel_timer *t)
{
	unsigned int level = level_of(w, t->due_ms);
	unsigned int i = digit(t->due_ms, level);

	push(&w->slot[level][i], t);
	w->occupied[level] |= UINT64_C(1) << i;
}

static void
take_out(struct wheel *w, struct wheel_timer *t)
{
	unsigned int level = level_of(w, t->due_ms);
	unsigned int i = digit(t->due_ms, level);

	detach(t);
	/* if t lay in the expired list, this bit is right already */
	if (w->slot[level][i] == NULL)
		w->occupied[level] &= ~(UINT64_C(1) << i);
}

/* Finds the first occupied slot. Returns false if there is none. */
static bool
first_slot(const struct wheel *w, unsigned int *level, unsigned int *i)
{
	for (*level = 0; *level < LEVELS; (*level)++) {
		if (w->occupied[*level] != 0) {
			*i = (unsigned int)__builtin_ctzll(w->occupied[*level]);
			return true;
		}
	}
	return false;
}

uint64_t
wheel_next_due(const struct wheel *w)
{
	uint64_t due_ms = WHEEL_NEVER;
	unsigned int level, i;

	if (w->expired != NULL)
		return w->expired->due_ms;
	if (!first_slot(w, &level, &i))
		return WHEEL_NEVER;
	/* all of a slot of the lowest level are due together */
	if (level == 0)
		return w->slot[level][i]->due_ms;
	for (const struct wheel_timer *t = w->slot[level][i]; t != NULL; t = t->next) {
		if (t->due_ms < due_ms)
			due_ms = t->due_ms;
	}
	return due_ms;
}

static void
tell(struct wheel *w, uint64_t due_ms)
{
	w->earliest_ms = due_ms;
	if (w->rearm != NULL)
		w->rearm(w->arg, due_ms);
}

/* A timer left its old due time for a new one; WHEEL_NEVER stands for idle. */
static void
note_move(struct wheel *w, uint64_t old_ms, uint64_t new_ms)
{
	uint64_t due_ms = w->earliest_ms;

	/* wheel_run() tells at its end */
	if (w->running)
		return;
	if (new_ms < due_ms)
		due_ms = new_ms;
	else if (old_ms == due_ms)
		due_ms = wheel_next_due(w);
	if (due_ms != w->earliest_ms)
		tell(w, due_ms);
}

void
wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t due_ms, wheel_fn fn, void *arg)
{
	uint64_t old_ms = WHEEL_NEVER;

	if (wheel_pending(t)) {
		old_ms = t->due_ms;
		take_out(w, t);
	}
	t->due_ms = due_ms > w->now_ms ? due_ms : w->now_ms;
	t->fn = fn;
	t->arg = arg;
	insert(w, t);
	note_move(w, old_ms, t->due_ms);
}

void
wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	if (!wheel_pending(t))
		return;
	take_out(w, t);
	note_move(w, t->due_ms, WHEEL_NEVER);
}

bool
wheel_pending(const struct wheel_timer *t)
{
	return t->prev != NULL;
}

/* Moves all that is due at now_ms to the expired list, and the present to now_ms. */
static void
expire(struct wheel *w, uint64_t now_ms)
{
	struct wheel_timer **tail = &w->expired;
	struct wheel_timer *t;
	unsigned int level, i, shift;
	uint64_t start_ms;

	while (first_slot(w, &level, &i)) {
		shift = level * DIGIT_BITS;
		start_ms = ((w->now_ms >> shift & ~(uint64_t)(SLOTS - 1)) | i) << shift;
		if (start_ms > now_ms)
			break;
		/* from here its timers belong to lower levels, and on the lowest they are due */
		w->now_ms = start_ms;
		w->occupied[level] &= ~(UINT64_C(1) << i);
		while ((t = w->slot[level][i]) != NULL) {
			detach(t);
			if (level > 0) {
				insert(w, t);
			} else {
				push(tail, t);
				tail = &t->next;
			}
		}
	}
	w->now_ms = now_ms;
}

void
wheel_run(struct wheel *w, uint64_t now_ms)
{
	struct wheel_timer *t;

	if (now_ms < w->now_ms)
		now_ms = w->now_ms;
	expire(w, now_ms);
	w->running = true;
	while ((t = w->expired) != NULL) {
		detach(t);
		t->fn(t->arg, now_ms);
	}
	w->running = false;
	tell(w, wheel_next_due(w));
}
