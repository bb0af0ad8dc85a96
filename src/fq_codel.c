/*
 * CoDel, RFC 8289, 5: a queue that stays above its target for an interval gets signals, ever closer
 * to each other, until it is below.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "fq_internal.h"

#include "fq.h"

/* interval / sqrt(count), which is the root of interval^2 / count, by Newton's method. */
static uint64_t
spacing_us(uint64_t interval_us, uint32_t count)
{
	uint64_t square = interval_us * interval_us / count;
	uint64_t root = interval_us, next = (root + square / root) / 2;

	while (next < root) {
		root = next;
		next = (root + square / root) / 2;
	}
	return root;
}

/* Whether packets have been late for a whole interval. */
static bool
is_late(struct fq_codel *codel, const struct fq_law *law, uint64_t sojourn_us, size_t bytes_behind,
    uint64_t now_us)
{
	if (sojourn_us < law->target_us || bytes_behind <= FQ_QUANTUM) {
		codel->late_from_us = 0;
		return false;
	}
	if (codel->late_from_us == 0) {
		codel->late_from_us = now_us + law->interval_us;
		return false;
	}
	return now_us >= codel->late_from_us;
}

/* The rate at which the last signals had the queue under control is where it goes on, if that was
 * not long ago. */
static void
begin(struct fq_codel *codel, uint64_t interval_us, uint64_t now_us)
{
	uint32_t were = codel->count - codel->first_count;
	bool recent = now_us < codel->next_us + 16 * interval_us;

	codel->signalling = true;
	codel->count = were > 1 && recent ? were : 1;
	codel->first_count = codel->count;
	codel->next_us = now_us + spacing_us(interval_us, codel->count);
}

bool
fq_codel_signals(struct fq_codel *codel, const struct fq_law *law, uint64_t sojourn_us,
    size_t bytes_behind, uint64_t now_us)
{
	if (!is_late(codel, law, sojourn_us, bytes_behind, now_us)) {
		codel->signalling = false;
		return false;
	}
	if (!codel->signalling) {
		begin(codel, law->interval_us, now_us);
		return true;
	}
	if (now_us < codel->next_us)
		return false;
	codel->count++;
	codel->next_us += spacing_us(law->interval_us, codel->count);
	return true;
}
