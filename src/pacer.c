/*
 * What a broker allows, as the time that what was sent is worth (GCRA, ITU-T I.371), in nanoseconds
 * so that small messages at high rates are not rounded away.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "pacer.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_S UINT64_C(1000000000)
#define BURST_NS (NS_PER_S / 10)
#define DEBT_MAX_NS (2 * NS_PER_S)

/* All sums and products end at the largest value: some centuries from now. */
static uint64_t
multiply(uint64_t a, uint64_t b)
{
	return a <= UINT64_MAX / b ? a * b : UINT64_MAX;
}

static uint64_t
add(uint64_t a, uint64_t b)
{
	return a <= UINT64_MAX - b ? a + b : UINT64_MAX;
}

static uint64_t
divide_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* How long it takes to pay for so much; rounded up, to stay below the limit. */
static uint64_t
cost_ns(uint64_t amount, uint64_t per_second)
{
	return divide_up(multiply(amount, NS_PER_S), per_second);
}

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* When a message of that cost fits into the burst again; one that never does: with no debts. */
static uint64_t
due_us(uint64_t until_ns, uint64_t cost)
{
	uint64_t ahead = cost < BURST_NS ? BURST_NS - cost : 0;

	return until_ns > ahead ? divide_up(until_ns - ahead, NS_PER_US) : 0;
}

uint64_t
pacer_due_us(const struct pacer *p, uint64_t now_us)
{
	uint64_t due = now_us;

	if (p->max_rate != 0)
		due = later(due, due_us(p->rate_until_ns, cost_ns(1, p->max_rate)));
	if (p->max_bandwidth != 0)
		due = later(
		    due, due_us(p->bandwidth_until_ns, cost_ns(p->last_bytes, p->max_bandwidth)));
	return due;
}

/* Who owes so much already sends what is not due, answers to strangers perhaps: however many they
 * ask for, what is due has to wait no longer than that after them. */
static uint64_t
owe(uint64_t until_ns, uint64_t now_ns, uint64_t cost)
{
	if (until_ns > add(now_ns, DEBT_MAX_NS))
		return until_ns;
	return add(later(until_ns, now_ns), cost);
}

void
pacer_sent(struct pacer *p, size_t bytes, uint64_t now_us)
{
	uint64_t now_ns = multiply(now_us, NS_PER_US);

	if (p->max_rate != 0)
		p->rate_until_ns = owe(p->rate_until_ns, now_ns, cost_ns(1, p->max_rate));
	if (p->max_bandwidth != 0)
		p->bandwidth_until_ns =
		    owe(p->bandwidth_until_ns, now_ns, cost_ns(bytes, p->max_bandwidth));
	p->last_bytes = bytes;
}
