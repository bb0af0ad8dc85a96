/*
 * The channels to each peer: in psk mode one for each pair of our address and one of its, in pubkey
 * mode one for the peer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "native_internal.h"
#include "util.h"

static struct channel *
find_channel(const struct peer *p, const struct addr *own, const struct addr *remote)
{
	for (size_t i = 0; i < p->channel_count; i++)
		if (addr_equal(&channel_own(p->channels[i])->addr, own) &&
		    addr_equal(&channel_remote(p->channels[i])->addr, remote))
			return p->channels[i];
	return NULL;
}

/* A forwarded address speaks for itself only to those who have addressed it so. To others, who may
 * know it as one behind us, we speak for it. */
static bool
speaks_for_itself(const struct native *n, const struct native_id *own, const struct peer *p,
    const struct addr *remote)
{
	return own < n->ids + n->addr_count || p == NULL ||
	       find_channel(p, &own->id.addr, remote) != NULL;
}

struct native_id *
native_id_for(
    struct native *n, const struct peer *p, const struct addr *src, const struct addr *remote)
{
	struct native_id *own = native_own(n, src);

	if (own != NULL && speaks_for_itself(n, own, p, remote))
		return own;
	for (size_t i = 0; i < n->addr_count; i++)
		if (n->ids[i].id.addr.family == remote->family)
			return &n->ids[i];
	return &n->ids[0];
}

/* In pubkey mode: where a handshake with the peer is to begin. */
static void
aim(struct native *n, struct channel *c, const struct network_id *own, const struct addr *remote)
{
	struct network_id id;

	if (addr_equal(&channel_remote(c)->addr, remote))
		return;
	network_id(n->network, remote, &id);
	channel_aim(c, own, &id);
}

/* A peer need not have all the addresses that it is configured with: the next one. */
void
native_on_retry(void *arg, struct channel *c)
{
	const struct peer *p = channel_owner(c);
	struct native *n = arg;
	size_t i = 0;

	if (n->network->mode != NETWORK_PUBKEY)
		return;
	while (i < p->addr_count && !addr_equal(&p->addrs[i], &channel_remote(c)->addr))
		i++;
	i = i + 1 < p->addr_count ? i + 1 : 0;
	aim(n, c, &native_id_for(n, p, &p->addrs[i], &p->addrs[i])->id, &p->addrs[i]);
}

static const char *
describe(const struct channel *c, char *buf, size_t size)
{
	const struct peer *p = channel_owner(c);
	char text[ADDR_TEXT_MAX];

	addr_format(&channel_remote(c)->addr, text);
	if (p->name != NULL)
		snprintf(buf, size, "%s (%s)", p->name, text);
	else
		snprintf(buf, size, "%s", text);
	return buf;
}

void
native_on_gave_up(void *arg, struct channel *c, size_t lost)
{
	struct peer *p = channel_owner(c);
	struct native *n = arg;
	char who[160];

	p->drops += lost;
	/* Whoever scans the network asks for many that are not there. */
	if (!p->configured && !log_allow(&n->silent, util_now_ms()))
		return;
	log_notice("peer %s does not answer: is it up, and does it have the same network name and "
		   "%s?",
	    describe(c, who, sizeof(who)), p->has_public_key ? "our public key" : "passphrase");
}

void
native_free_channels(struct peer *p)
{
	for (size_t i = 0; i < p->channel_count; i++)
		channel_free(p->channels[i]);
	free(p->channels);
	p->channels = NULL;
	p->channel_count = 0;
}

static struct channel *
add_channel(
    struct native *n, struct peer *p, const struct network_id *own, const struct addr *remote)
{
	struct channel **list = realloc(p->channels, (p->channel_count + 1) * sizeof(list[0]));
	struct network_id id;
	struct channel *c;

	if (list == NULL)
		return NULL;
	p->channels = list;
	network_id(n->network, remote, &id);
	c = channel_new(&n->shared, p, own, &id, p->has_public_key ? p->public_key : NULL);
	if (c != NULL)
		list[p->channel_count++] = c;
	return c;
}

struct channel *
native_channel(
    struct native *n, struct peer *p, const struct network_id *own, const struct addr *remote)
{
	struct channel_facts facts;
	struct channel *c;

	if (n->network->mode == NETWORK_PUBKEY && p->channel_count > 0) {
		channel_facts(p->channels[0], &facts);
		if (facts.state == CHANNEL_IDLE || facts.state == CHANNEL_UNREACHABLE)
			aim(n, p->channels[0], own, remote);
		return p->channels[0];
	}
	c = find_channel(p, &own->addr, remote);
	return c != NULL ? c : add_channel(n, p, own, remote);
}

void
native_peer_facts(const struct peer *p, struct channel_facts *f)
{
	static const int rank[] = {[CHANNEL_IDLE] = 0,
	    [CHANNEL_UNREACHABLE] = 1,
	    [CHANNEL_CONNECTING] = 2,
	    [CHANNEL_UP] = 3};
	struct channel_facts other;

	*f = (struct channel_facts){.state = CHANNEL_IDLE, .name = ""};
	for (size_t i = 0; i < p->channel_count; i++) {
		channel_facts(p->channels[i], &other);
		if (i == 0 || rank[other.state] > rank[f->state])
			*f = other;
	}
}
