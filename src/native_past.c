/*
 * Of members that were forgotten, or have another sender id now: what they sent must not be taken
 * once more if they come back with the same id, as the key server's answers may be late.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include "native_internal.h"

static struct native_past *
find_past(struct native_group *g, uint32_t id)
{
	for (size_t i = 0; i < NATIVE_PAST_MAX; i++)
		if (g->past[i].id == id)
			return &g->past[i];
	return NULL;
}

/* One that comes and goes does not take the room of others. */
static struct native_past *
make_past(struct native_group *g, uint32_t id)
{
	struct native_past *past = find_past(g, id);

	if (past != NULL)
		return past;
	past = &g->past[g->next_past];
	g->next_past = (g->next_past + 1) % NATIVE_PAST_MAX;
	*past = (struct native_past){.id = id};
	return past;
}

/* Below it nothing may come any more, even if nothing has come since it was told. */
static uint64_t
end_of(const struct replay *r)
{
	return r->next > r->floor ? r->next : r->floor;
}

void
native_remember(struct native_group *g, const struct groupwire_other *o)
{
	struct native_past *past;

	if (o->id == 0)
		return;
	past = make_past(g, o->id);
	if (end_of(&o->one) > past->one)
		past->one = end_of(&o->one);
	if (end_of(&o->all) > past->all)
		past->all = end_of(&o->all);
	past->has_floor = past->has_floor || o->has_floor;
}

void
native_resume(struct native_group *g, struct groupwire_other *o)
{
	const struct native_past *past = find_past(g, o->id);

	if (past == NULL)
		return;
	replay_init(&o->one, past->one);
	if (past->has_floor)
		groupwire_other_set_floor(o, past->all);
}
