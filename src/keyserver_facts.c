/*
 * What people are told of the key server.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keyserver.h"

#include "keyserver_internal.h"

int
keyserver_facts(const struct keyserver *ks, const char *group, struct keyserver_facts *facts)
{
	const struct keyserver_state *g = keyserver_find_group(ks, group);

	if (g == NULL)
		return -1;
	*facts = (struct keyserver_facts){
	    .method = (enum keymsg_method)g->kept.method,
	    .epoch = g->kept.epoch,
	    .evicted = (unsigned int)g->bans.count,
	    .lease_s = g->lease_s,
	    .failing = g->failing || !g->loaded,
	    .is_outdated = g->is_outdated,
	};
	for (size_t i = 0; i < g->members.count; i++) {
		const struct keystore_member *m = g->members.things[i];

		facts->members += m->until_ms != 0;
	}
	if (facts->method == KEYMSG_SLOTTED) {
		facts->slot_s = g->kept.slot_s;
		facts->depth = g->kept.slots_depth;
		facts->slot = (uint32_t)keyserver_slot(g, keyserver_present(ks));
	}
	return 0;
}

int
keyserver_member_facts(const struct keyserver *ks, const char *group, const char *member,
    struct keyserver_member_facts *facts)
{
	const struct keyserver_state *g = keyserver_find_group(ks, group);
	const struct keystore_member *m;
	uint64_t now_ms = keyserver_present(ks);

	if (g == NULL)
		return -1;
	*facts = (struct keyserver_member_facts){.evicted = keyserver_is_banned(g, member)};
	m = keyserver_find(g, member);
	if (m == NULL || m->until_ms <= now_ms)
		return 0;
	facts->in = true;
	facts->left_ms = m->until_ms != KEYSERVER_NO_END ? m->until_ms - now_ms : UINT64_MAX;
	facts->sender = m->sender;
	return 0;
}

uint64_t
keyserver_lag_ms(const struct keyserver *ks)
{
	return keyserver_present(ks) - ks->callbacks.wall_ms(ks->callbacks.arg);
}

const uint8_t *
keyserver_public(const struct keyserver *ks)
{
	return ks->identity.sign_public;
}
