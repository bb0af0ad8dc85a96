/*
 * The fair queue between the tunnel and the link: FQ-CoDel (RFC 8290) over the flows of each class,
 * and the classes, which are the peers, in turn. A class whose way is shut is parked. Pure: time
 * comes in as an argument.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef FQ_H
#define FQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FQ_FLOWS 1024	/* at once; further ones share the last of their class */
#define FQ_QUANTUM 1514 /* of a flow, bytes */
#define FQ_CLASS_QUANTUM 65536
#define FQ_INTERVAL_US 100000 /* CoDel, RFC 8289 */
#define FQ_TARGET_US 5000

struct fq;
struct packet;
struct packet_pool;
struct stats;

/* In a ring with the others of a list, and with its head. */
struct fq_link {
	struct fq_link *next, *prev;
};

/* When packets have waited too long: for more than the target during a whole interval. */
struct fq_law {
	uint32_t target_us, interval_us; /* FQ_TARGET_US, FQ_INTERVAL_US; more on long ways */
};

/* One peer's share. Zero it, then fq_class_init(); what is in it is fq's, and it stays in place. */
struct fq_class {
	struct fq_link link;
	struct fq *fq;
	void *owner; /* borrowed */
	struct fq_link new_flows, old_flows;
	unsigned int flows;
	int list; /* where it stands, or will when it is no longer parked */
	int64_t deficit;
	bool parked;
	size_t packets, bytes; /* that wait */
	struct fq_law law;
	size_t max_packets; /* 0: no limit of its own; else the longest flow's oldest gives way */
	uint64_t drops, marks; /* ever */
	uint32_t delay_us;     /* smoothed, of what left the queue */
};

/* For max_bytes of memory in packets, all classes together; when there are more the flow that takes
 * the most of it loses its oldest. seed: random, so that nobody can choose flows that collide.
 * Counts drops and marks in stats. pool and stats are borrowed. Returns NULL when memory is short.
 */
struct fq *fq_new(struct packet_pool *pool, struct stats *stats, size_t max_bytes, uint32_t seed);
/* Its classes must have been cleared. Accepts NULL. */
void fq_free(struct fq *fq);

void fq_class_init(struct fq_class *c, struct fq *fq, void *owner);
/* How long the way is, in its smallest round trip: the longer, the later CoDel signals. */
void fq_class_set_rtt(struct fq_class *c, uint32_t rtt_us);
/* Drops all that waits in it, without counting; it may be used again. Returns how many there were.
 */
size_t fq_class_clear(struct fq_class *c);

/* Takes p over, an IP packet that ip_parse() has checked. */
void fq_enqueue(struct fq_class *c, struct packet *p, uint64_t now_us);

/* The class whose turn it is: not empty, not parked; NULL if there is none. It stays so until
 * fq_served(), until it is parked or empty, or until one that was idle has something: that goes
 * before those that have used up their share. Borrowed. */
struct fq_class *fq_next(struct fq *fq);
/* A message of c with so many bytes went out. */
void fq_served(struct fq_class *c, size_t bytes);
/* Its way is shut, or open again. Both may be repeated. */
void fq_park(struct fq_class *c);
void fq_unpark(struct fq_class *c);

/* The packet of c that goes next, now the caller's, or NULL when c is empty. CoDel marks (RFC 3168)
 * or drops before; of a packet that stands for several it drops the first of these: it is cut. */
struct packet *fq_dequeue(struct fq_class *c, uint64_t now_us);
/* What was dequeued last, back to where it came from: it did not fit, or only a part of it went. */
void fq_requeue(struct fq_class *c, struct packet *p);

size_t fq_packets(const struct fq *fq);

#endif
