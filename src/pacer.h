/*
 * Keeps to what a broker allows: so many messages and so many bytes a second. A pure value; time
 * comes in as an argument.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef PACER_H
#define PACER_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed: no limits. Other limits later: zero it again, as debts stay what they are in time. */
struct pacer {
	uint32_t max_rate;			    /* messages a second; 0: no limit */
	uint64_t max_bandwidth;			    /* bytes a second; 0: no limit */
	uint64_t rate_until_ns, bandwidth_until_ns; /* when what was sent is paid back */
	size_t last_bytes;			    /* of the last message */
};

/*
 * When the next message may go: now_us, or later. A tenth of a second of both limits may be used at
 * once, one message at least. The next message counts as one as large as the last: if it is larger
 * it goes on credit, and the one behind it waits the longer.
 */
uint64_t pacer_due_us(const struct pacer *p, uint64_t now_us);
/* A message went, whether it was due or not. Of those that were not no more than two seconds' worth
 * is paid back, lest whoever makes us send them keep us silent long after. */
void pacer_sent(struct pacer *p, size_t bytes, uint64_t now_us);

#endif
