/*
 * The classes of the fair queue, in turn: deficit round robin, in which new ones go first until
 * they have had their quantum. A class is in a list from its first packet until it is found empty
 * at its turn among the old ones: one that is emptied would otherwise be new with each packet.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "fq.h"

#include <stdlib.h>

#include "fq_internal.h"

enum { LIST_NONE, LIST_NEW, LIST_OLD };

struct fq *
fq_new(struct packet_pool *pool, struct stats *stats, size_t max_bytes, uint32_t seed)
{
	struct fq *fq = calloc(1, sizeof(*fq));

	if (fq == NULL)
		return NULL;
	fq->pool = pool;
	fq->stats = stats;
	fq->max_memory = max_bytes;
	fq->seed = seed;
	ring_init(&fq->new_classes);
	ring_init(&fq->old_classes);
	for (size_t i = 0; i < FQ_FLOWS; i++) {
		fq->flows[i].chain = fq->free;
		fq->free = &fq->flows[i];
	}
	return fq;
}

void
fq_free(struct fq *fq)
{
	free(fq);
}

size_t
fq_packets(const struct fq *fq)
{
	return fq->packets;
}

void
fq_class_init(struct fq_class *c, struct fq *fq, void *owner)
{
	*c = (struct fq_class){.fq = fq, .owner = owner, .list = LIST_NONE};
	fq_class_set_rtt(c, 0);
	ring_init(&c->new_flows);
	ring_init(&c->old_flows);
}

static uint32_t
larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Whoever is signalled to needs a round trip to react (RFC 8289, 4.3). And one TCP alone that
 * halves its window keeps a way busy only if half of it stood in a queue, which here is its own. */
void
fq_class_set_rtt(struct fq_class *c, uint32_t rtt_us)
{
	c->law = (struct fq_law){
	    .target_us = larger(FQ_TARGET_US, rtt_us / 2),
	    .interval_us = larger(FQ_INTERVAL_US, rtt_us + rtt_us / 2),
	};
}

void
fq_wake(struct fq_class *c)
{
	if (c->list != LIST_NONE)
		return;
	c->list = LIST_NEW;
	c->deficit = FQ_CLASS_QUANTUM;
	if (!c->parked)
		ring_append(&c->fq->new_classes, &c->link);
}

/* c is empty, and will be new when it is not. */
static void
rest(struct fq_class *c)
{
	if (!c->parked && c->list != LIST_NONE)
		ring_remove(&c->link);
	c->list = LIST_NONE;
	fq_flush(c);
}

size_t
fq_class_clear(struct fq_class *c)
{
	size_t count = c->packets;

	rest(c);
	return count;
}

struct fq_class *
fq_next(struct fq *fq)
{
	struct fq_class *c;

	while ((c = (struct fq_class *)ring_first(&fq->new_classes, &fq->old_classes)) != NULL) {
		if (c->packets > 0 && c->deficit > 0)
			return c;
		if (c->packets == 0 && (c->list == LIST_OLD || ring_empty(&fq->old_classes))) {
			rest(c);
			continue;
		}
		if (c->packets > 0)
			c->deficit += FQ_CLASS_QUANTUM;
		c->list = LIST_OLD;
		ring_move(&fq->old_classes, &c->link);
	}
	return NULL;
}

void
fq_served(struct fq_class *c, size_t bytes)
{
	c->deficit -= (int64_t)bytes;
}

void
fq_park(struct fq_class *c)
{
	if (c->parked)
		return;
	if (c->packets == 0)
		rest(c);
	else
		ring_remove(&c->link);
	c->parked = true;
}

void
fq_unpark(struct fq_class *c)
{
	struct fq_link *ring = c->list == LIST_NEW ? &c->fq->new_classes : &c->fq->old_classes;

	if (!c->parked)
		return;
	c->parked = false;
	/* before all others: it goes on with its turn, if it was not over */
	if (c->list != LIST_NONE)
		ring_append(ring->next, &c->link);
}
