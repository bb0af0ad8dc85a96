/*
 * The lease of a member, and with it the server's time. A renewal is asked for again before its
 * answer can have come over a slow broker: each time has a number and a nonce of its own, and the
 * answers to the last few count.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "member.h"

#include <string.h>

#include "member_internal.h"
#include "util.h"

/* Those who have joined together do not come together each time. */
static uint64_t
renewal_ms(const struct member *m)
{
	uint64_t part_ms = m->lease_ms / MEMBER_LEASE_PARTS;

	return part_ms - aead_random_u32() % (part_ms / 4 + 1);
}

static bool
was_long(uint64_t asked_ms, uint64_t now_ms)
{
	return now_ms - asked_ms > GROUPKEY_GRACE_MS;
}

/*
 * The server's time was somewhere between our question and its answer. As we have counted until
 * then is right if it fits in there: else a broker that holds the answer back would set us back,
 * and we would send in the slot of somebody whose time is over. The first time it is now, but for
 * an answer that was long on its way: nobody's time is over yet if it was at once.
 */
static void
take_time(struct member *m, uint64_t time_ms, uint64_t asked_ms, uint64_t now_ms)
{
	uint64_t least = time_ms - now_ms, most = time_ms - asked_ms;

	if (!m->has_time)
		m->server_ahead_ms = was_long(asked_ms, now_ms) ? most : least;
	else if ((int64_t)(m->server_ahead_ms - least) < 0)
		m->server_ahead_ms = least;
	else if ((int64_t)(m->server_ahead_ms - most) > 0)
		m->server_ahead_ms = most;
	m->has_time = true;
}

static void
on_renew(void *arg, uint64_t now_ms)
{
	struct member *m = arg;
	struct member_renewal *r = &m->renewals[m->next_renewal++ % MEMBER_RENEWALS];
	struct keymsg k;

	groupkey_forget_old(&m->keys, member_time(m, now_ms));
	if (m->callbacks.forgot != NULL)
		m->callbacks.forgot(m->callbacks.arg);
	r->request = member_next_request(m);
	r->asked_ms = now_ms;
	aead_random(&r->nonce, sizeof(r->nonce));
	member_begin(m, &k, KEYMSG_RENEW, r->request);
	k.has |= KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_NONCE) | KEYMSG_HAS(KEYMSG_SENDER);
	k.epoch = groupkey_newest(&m->keys);
	k.sender = m->sender;
	k.nonce = r->nonce;
	/* Again soon, until the answer comes and sets it further off. */
	wheel_set(m->params.wheel, &m->renew,
	    now_ms + m->lease_ms / MEMBER_LEASE_PARTS / 10 + MEMBER_LEASE_RETRY_MS, on_renew, m);
	member_say(m, &k);
}

/* Counted from when we asked for the first time: the server's answer may have been held back, and
 * does not tell which of our repetitions it is to. If so, little or nothing is left of the lease,
 * and it is renewed at once, as it is for the time that is not known well; a renewal is asked anew
 * each time. */
void
member_take_lease(struct member *m, const struct keymsg *k, uint64_t asked_ms, uint64_t now_ms)
{
	bool is_sure = m->has_time || !was_long(asked_ms, now_ms);

	m->lease_ms = k->lease_s * UINT64_C(1000);
	if (asked_ms + m->lease_ms > m->lease_until_ms)
		m->lease_until_ms = asked_ms + m->lease_ms;
	take_time(m, k->time_ms, asked_ms, now_ms);
	memset(m->renewals, 0, sizeof(m->renewals));
	wheel_set(
	    m->params.wheel, &m->renew, is_sure ? asked_ms + renewal_ms(m) : now_ms, on_renew, m);
	member_ask_for_routes(m);
}

bool
member_is_renewal(const struct member *m, uint32_t request)
{
	for (size_t i = 0; i < ARRAY_LEN(m->renewals); i++)
		if (m->renewals[i].request == request)
			return request != 0;
	return false;
}

/* Who does not have the key of the present epoch has not heard of everybody who was put out, and
 * gets its lease with that key: a broker may bring the one and not the other. */
void
member_on_lease(struct member *m, const struct keymsg *k, uint64_t now_ms)
{
	size_t i = 0;

	while (i < ARRAY_LEN(m->renewals) &&
	       (m->renewals[i].request == 0 || m->renewals[i].nonce != k->nonce))
		i++;
	if (m->state != MEMBER_IN || i == ARRAY_LEN(m->renewals))
		return;
	if (k->epoch > groupkey_newest(&m->keys))
		member_saw_ahead(m, now_ms);
	else
		member_take_lease(m, k, m->renewals[i].asked_ms, now_ms);
}
