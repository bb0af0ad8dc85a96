/*
 * What the parts of the fair queue share: its structures, rings, and CoDel.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef FQ_INTERNAL_H
#define FQ_INTERNAL_H

#include "fq.h"

/* Zeroed: a flow that has not been late. */
struct fq_codel {
	uint64_t late_from_us; /* if it is still above its target; 0: it is not above */
	uint64_t next_us;      /* of its next signal */
	uint32_t count;	       /* of signals, in the present series or the last */
	uint32_t first_count;  /* what that began with */
	bool signalling;       /* a series is on */
};

struct fq_flow {
	struct fq_link link;	/* first: a link of a class's lists is a flow */
	struct fq_flow *chain;	/* of those with the same place in the table, or of the free ones */
	struct fq_class *class; /* NULL: it is free */
	uint32_t hash;
	bool judged; /* CoDel has seen the first packet */
	struct packet *first, *last;
	size_t packets, bytes, memory;
	int64_t deficit;
	struct fq_codel codel;
};

struct fq {
	struct packet_pool *pool;
	struct stats *stats;
	size_t packets, memory, max_memory;
	uint32_t seed;
	struct fq_link new_classes, old_classes;
	struct fq_flow *free;
	struct fq_flow *dequeued; /* where the last packet came from, while it is in use */
	struct fq_flow *table[FQ_FLOWS];
	struct fq_flow flows[FQ_FLOWS];
};

static inline void
ring_init(struct fq_link *ring)
{
	ring->next = ring->prev = ring;
}

static inline bool
ring_empty(const struct fq_link *ring)
{
	return ring->next == ring;
}

static inline void
ring_append(struct fq_link *ring, struct fq_link *l)
{
	l->prev = ring->prev;
	l->next = ring;
	ring->prev->next = l;
	ring->prev = l;
}

static inline void
ring_remove(struct fq_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

static inline void
ring_move(struct fq_link *ring, struct fq_link *l)
{
	ring_remove(l);
	ring_append(ring, l);
}

/* The first of two lists; NULL if both are empty. */
static inline struct fq_link *
ring_first(const struct fq_link *ring, const struct fq_link *other)
{
	if (!ring_empty(ring))
		return ring->next;
	return ring_empty(other) ? NULL : other->next;
}

/* c has something. */
void fq_wake(struct fq_class *c);
/* Makes c empty, and frees its flows. */
void fq_flush(struct fq_class *c);

/* Whether the packet at the head of a flow, which waited for sojourn_us and has so many bytes
 * behind it, is to be marked or dropped. To be asked once for each packet that gets there. */
bool fq_codel_signals(struct fq_codel *codel, const struct fq_law *law, uint64_t sojourn_us,
    size_t bytes_behind, uint64_t now_us);

#endif
