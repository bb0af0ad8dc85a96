/*
 * What a member asks the key server about others. Nothing waits for the answers: who needs one asks
 * again.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "member.h"

#include "member_internal.h"

void
member_look_up(struct member *m, const struct addr *a, uint32_t sender)
{
	struct keymsg k;

	member_begin(m, &k, KEYMSG_LOOK_UP, 0);
	if (a != NULL) {
		k.has |= KEYMSG_HAS(KEYMSG_ADDRESS);
		k.address = *a;
	} else {
		k.has |= KEYMSG_HAS(KEYMSG_SENDER);
		k.sender = sender;
	}
	member_say(m, &k);
}

void
member_look_up_route(struct member *m, const struct prefix *network)
{
	struct keymsg k;

	member_begin(m, &k, KEYMSG_LOOK_UP, 0);
	k.has |= KEYMSG_HAS(KEYMSG_PREFIX);
	k.prefixes[0] = *network;
	k.prefix_count = 1;
	member_say(m, &k);
}

void
member_ask_for_routes(struct member *m)
{
	struct keymsg k;

	if (m->callbacks.routes == NULL)
		return;
	member_begin(m, &k, KEYMSG_LIST, 0);
	member_say(m, &k);
}
