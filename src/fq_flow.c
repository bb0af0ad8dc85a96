/*
 * The flows of a class, and their packets: FQ-CoDel, RFC 8290. A flow is in use, in the table and
 * in a list of its class, from its first packet until it is found empty at its turn among the old
 * ones.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "fq_internal.h"

#include "ip.h"
#include "packet.h"
#include "stats.h"

#define DROPS_AT_ONCE 64 /* RFC 8290, 4.1 */

/* Packets of a flow. */

/* What is yet to be sent of it. */
static size_t
size_of(const struct packet *p)
{
	return p->len - p->cut;
}

/* Counts a packet in. */
static void
account(struct fq_flow *f, const struct packet *p)
{
	struct fq_class *c = f->class;

	f->packets++;
	c->packets++;
	c->fq->packets++;
	f->bytes += size_of(p);
	c->bytes += size_of(p);
	f->memory += packet_memory(p);
	c->fq->memory += packet_memory(p);
}

static struct packet *
pop(struct fq_flow *f)
{
	struct fq_class *c = f->class;
	struct packet *p = f->first;

	f->first = p->next;
	p->next = NULL;
	f->judged = false;
	f->packets--;
	c->packets--;
	c->fq->packets--;
	f->bytes -= size_of(p);
	c->bytes -= size_of(p);
	f->memory -= packet_memory(p);
	c->fq->memory -= packet_memory(p);
	return p;
}

static void
count_drop(struct fq_class *c, enum stat_id reason)
{
	c->drops++;
	stats_count(c->fq->stats, reason);
}

static void
drop_first(struct fq_flow *f, enum stat_id reason)
{
	packet_put(f->class->fq->pool, pop(f));
	count_drop(f->class, reason);
}

/* Flows of a class. */

static struct fq_flow **
place(struct fq *fq, uint32_t hash)
{
	return &fq->table[hash % FQ_FLOWS];
}

static void
flow_free(struct fq_flow *f)
{
	struct fq *fq = f->class->fq;
	struct fq_flow **at = place(fq, f->hash);

	while (*at != f)
		at = &(*at)->chain;
	*at = f->chain;
	f->chain = fq->free;
	fq->free = f;
	ring_remove(&f->link);
	f->class->flows--;
	f->class = NULL;
	if (fq->dequeued == f)
		fq->dequeued = NULL;
}

static struct fq_flow *
flow_new(struct fq_class *c, uint32_t hash)
{
	struct fq_flow *f = c->fq->free, **at = place(c->fq, hash);

	c->fq->free = f->chain;
	*f = (struct fq_flow){.chain = *at, .class = c, .hash = hash, .deficit = FQ_QUANTUM};
	*at = f;
	ring_append(&c->new_flows, &f->link);
	c->flows++;
	return f;
}

static struct fq_flow *
flow_find(const struct fq_class *c, uint32_t hash)
{
	struct fq_flow *f = *place(c->fq, hash);

	while (f != NULL && (f->hash != hash || f->class != c))
		f = f->chain;
	return f;
}

/* What waits for a session, perhaps in vain. */
static bool
is_kept_waiting(const struct fq_class *c)
{
	return c->parked && c->max_packets > 0;
}

static bool
gives_way_to(const struct fq_class *c, const struct fq_class *other)
{
	if (c->flows != other->flows)
		return c->flows > other->flows;
	return is_kept_waiting(c) && !is_kept_waiting(other);
}

/* All flows are in use: the class that has the most gives one up; where none has two, one that is
 * kept waiting: who scans a network must not shut out the others. Returns false if there is none.
 */
static bool
make_free(struct fq *fq)
{
	struct fq_flow *victim = &fq->flows[0];

	for (size_t i = 1; i < FQ_FLOWS; i++) {
		if (gives_way_to(fq->flows[i].class, victim->class))
			victim = &fq->flows[i];
	}
	if (victim->class->flows < 2 && !is_kept_waiting(victim->class))
		return false;
	while (victim->packets > 0)
		drop_first(victim, STAT_TX_DROP_QUEUE_FULL);
	flow_free(victim);
	return true;
}

/* The flow for a packet of c. Returns NULL if there is none. */
static struct fq_flow *
flow_for(struct fq_class *c, const struct packet *p)
{
	uint32_t hash = ip_flow_hash(p->data, p->len, c->fq->seed);
	struct fq_flow *f = flow_find(c, hash);

	if (f != NULL)
		return f;
	if (c->fq->free == NULL && c->flows > 0)
		return (struct fq_flow *)(ring_empty(&c->old_flows) ? c->new_flows.prev
								    : c->old_flows.prev);
	if (c->fq->free == NULL && !make_free(c->fq))
		return NULL;
	return flow_new(c, hash);
}

/* Lets those rounds pass at once in which no flow would get out of debt: a packet of 64 KiB is 43
 * quanta. All of them have their turn among the old ones. */
static void
skip_rounds(struct fq_class *c)
{
	int64_t most = INT64_MIN;
	struct fq_link *l;

	for (l = c->old_flows.next; l != &c->old_flows; l = l->next) {
		if (((struct fq_flow *)l)->deficit > most)
			most = ((struct fq_flow *)l)->deficit;
	}
	if (most > 0) /* its turn comes in this round */
		return;
	for (l = c->old_flows.next; l != &c->old_flows; l = l->next)
		((struct fq_flow *)l)->deficit += -most / FQ_QUANTUM * FQ_QUANTUM;
}

/* The flow whose turn it is. Returns NULL if c is empty; then it has no flows any more. */
static struct fq_flow *
flow_next(struct fq_class *c)
{
	const struct fq_flow *passed = NULL; /* the first one; there again, a round is over */
	struct fq_flow *f;

	while ((f = (struct fq_flow *)ring_first(&c->new_flows, &c->old_flows)) != NULL) {
		bool is_new = !ring_empty(&c->new_flows);

		if (f->packets > 0 && f->deficit > 0)
			return f;
		if (f->packets == 0 && (!is_new || ring_empty(&c->old_flows))) {
			flow_free(f);
			continue;
		}
		if (f == passed)
			skip_rounds(c);
		if (passed == NULL && f->packets > 0)
			passed = f;
		if (f->packets > 0)
			f->deficit += FQ_QUANTUM;
		ring_move(&c->old_flows, &f->link);
	}
	return NULL;
}

void
fq_flush(struct fq_class *c)
{
	struct fq_flow *f;

	while ((f = flow_next(c)) != NULL)
		packet_put(c->fq->pool, pop(f));
}

/* Limits. */

/* The one that takes the most memory. */
static size_t
longest_of_all(const struct fq *fq)
{
	size_t longest = 0;

	for (size_t i = 1; i < FQ_FLOWS; i++) {
		if (fq->flows[i].memory > fq->flows[longest].memory)
			longest = i;
	}
	return longest;
}

static void
longer_of(struct fq_link *ring, struct fq_flow **longest)
{
	for (struct fq_link *l = ring->next; l != ring; l = l->next) {
		struct fq_flow *f = (struct fq_flow *)l;

		if (*longest == NULL || f->packets > (*longest)->packets)
			*longest = f;
	}
}

/* Drops from the longest flow, and from those that are not much shorter: so much at once that they
 * need not be looked for with each packet of a flood. */
static void
shorten(struct fq *fq)
{
	size_t first = longest_of_all(fq), half = fq->flows[first].memory / 2;
	size_t enough = fq->max_memory - fq->max_memory / 32;
	unsigned int drops = 0;

	for (size_t i = 0; i < FQ_FLOWS && drops < DROPS_AT_ONCE; i++) {
		struct fq_flow *f = &fq->flows[(first + i) % FQ_FLOWS];

		for (; f->memory > half && fq->memory > enough && drops < DROPS_AT_ONCE; drops++)
			drop_first(f, STAT_TX_DROP_QUEUE_FULL);
	}
}

static void
keep_limits(struct fq_class *c)
{
	while (c->max_packets > 0 && c->packets > c->max_packets) {
		struct fq_flow *longest = NULL;

		longer_of(&c->old_flows, &longest);
		longer_of(&c->new_flows, &longest);
		drop_first(longest, STAT_TX_DROP_QUEUE_FULL);
	}
	while (c->fq->memory > c->fq->max_memory)
		shorten(c->fq);
}

/* In and out. */

/* Adds a packet to f at either end. */
static void
push(struct fq_flow *f, struct packet *p, bool first)
{
	if (f->first == NULL)
		f->last = p;
	if (first || f->first == NULL) {
		p->next = f->first;
		f->first = p;
	} else {
		p->next = NULL;
		f->last->next = p;
		f->last = p;
	}
	account(f, p);
	fq_wake(f->class);
}

static void
lose(struct fq_class *c, struct packet *p)
{
	packet_put(c->fq->pool, p);
	count_drop(c, STAT_TX_DROP_QUEUE_FULL);
}

void
fq_enqueue(struct fq_class *c, struct packet *p, uint64_t now_us)
{
	struct fq_flow *f = flow_for(c, p);

	if (f == NULL) {
		lose(c, p);
		return;
	}
	p->queued_us = now_us;
	if (f->packets > 0)
		p = packet_compact(c->fq->pool, p);
	push(f, p, false);
	keep_limits(c);
}

/* Drops the first of the packets that the first of f stands for, if there are several: TCP is to
 * slow down, not to lose its window. */
static bool
trim(struct fq_flow *f)
{
	struct packet *p = f->first;
	const struct packet_offload *o = &p->offload;

	if (o->gso_size == 0 || p->len - o->header_len - p->cut <= o->gso_size)
		return false;
	p->cut += o->gso_size;
	f->bytes -= o->gso_size;
	f->class->bytes -= o->gso_size;
	count_drop(f->class, STAT_TX_DROP_CODEL);
	return true;
}

static bool
mark(struct fq_flow *f)
{
	if (!ip_mark_ce(f->first->data))
		return false;
	f->class->marks++;
	stats_count(f->class->fq->stats, STAT_TX_ECN_MARKED);
	return true;
}

/* CoDel decides about the first packet of f, until one may go. */
static void
judge(struct fq_flow *f, uint64_t now_us)
{
	while (fq_codel_signals(&f->codel, &f->class->law, now_us - f->first->queued_us,
	    f->bytes - size_of(f->first), now_us)) {
		if (mark(f) || trim(f))
			return;
		drop_first(f, STAT_TX_DROP_CODEL);
	}
}

/* A packet leaves c after so long. */
static void
note_delay(struct fq_class *c, uint64_t us)
{
	int64_t delay_us = us < UINT32_MAX ? (int64_t)us : UINT32_MAX;

	c->delay_us = (uint32_t)(c->delay_us + (delay_us - c->delay_us) / 8);
}

struct packet *
fq_dequeue(struct fq_class *c, uint64_t now_us)
{
	struct fq_flow *f = flow_next(c);
	struct packet *p;

	if (f == NULL)
		return NULL;
	if (!f->judged) {
		judge(f, now_us);
		note_delay(c, now_us - f->first->queued_us);
	}
	p = pop(f);
	f->deficit -= (int64_t)size_of(p);
	c->fq->dequeued = f;
	return p;
}

void
fq_requeue(struct fq_class *c, struct packet *p)
{
	struct fq_flow *f = c->fq->dequeued;

	if (f != NULL && f->class == c)
		f->deficit += (int64_t)size_of(p);
	else
		f = flow_for(c, p); /* that one was given up */
	if (f == NULL) {
		lose(c, p);
		return;
	}
	push(f, p, true);
	f->judged = true;
	keep_limits(c);
}
