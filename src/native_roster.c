/*
 * Who is who in the group: the key server is asked, packets and messages wait for its answer, and
 * what it says becomes a peer like one of the configuration.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ip.h"
#include "keymsg.h"
#include "log.h"
#include "member.h"
#include "native_internal.h"
#include "packet.h"

#define QUESTIONS_PER_S 100 /* of each of two kinds */
#define QUESTIONS_AT_ONCE (2 * KEYMSG_PREFIXES_MAX)
#define ASK_AGAIN_MS 1000
#define ASK_TIMES 5
/* So long nobody is asked again for an address that nobody has. */
#define REFUSED_MS 1000
/* Nor for the same member. */
#define SAME_MS 1000
/* When the membership that we know of is over it may have been made longer. */
#define EXPIRY_MARGIN_MS 5000
#define EXPIRY_RETRY_MS 60000

/* questions: ours, or hinted: what anybody may send must not use up what our own packets need. */
static bool
may_ask(struct native *n, struct bucket *questions, uint64_t now_ms)
{
	if (!bucket_take(questions, QUESTIONS_PER_S, QUESTIONS_AT_ONCE, now_ms))
		return false;
	stats_count(n->stats, STAT_LOOK_UPS);
	return true;
}

/* Senders by their id. */

static struct native_lane **
chain_of(struct native *n, uint32_t sender)
{
	return &n->group->senders[sender % NATIVE_SENDER_CHAINS];
}

struct native_lane *
native_by_sender(struct native *n, uint32_t sender)
{
	struct native_lane *l = *chain_of(n, sender);

	while (l != NULL && l->pair->other.id != sender)
		l = l->pair->next;
	return l;
}

static void
leave_chain(struct native *n, struct native_lane *l)
{
	struct native_lane **at = chain_of(n, l->pair->other.id);

	while (*at != NULL && *at != l)
		at = &(*at)->pair->next;
	if (*at == l)
		*at = l->pair->next;
}

void
native_free_pair(struct native *n, struct native_lane *l)
{
	if (l->pair == NULL)
		return;
	leave_chain(n, l);
	native_remember(n->group, &l->pair->other);
	wheel_cancel(n->shared.wheel, &l->pair->expiry);
	groupwire_other_clear(&l->pair->other);
	free(l->pair);
	l->pair = NULL;
}

/* Look-ups. */

static struct native_look_up *
find_look_up(struct native_group *g, const struct addr *a)
{
	for (size_t i = 0; i < NATIVE_LOOK_UPS_MAX; i++)
		if (g->look_ups[i].address.family != ADDR_NONE &&
		    addr_equal(&g->look_ups[i].address, a))
			return &g->look_ups[i];
	return NULL;
}

static void
end_look_up(struct native *n, struct native_look_up *u)
{
	stats_add(n->stats, STAT_TX_DROP_NO_DESTINATION, fq_class_clear(&u->waiting));
	u->address.family = ADDR_NONE;
}

/* One that is not in use; else the one whose answer is no. */
static struct native_look_up *
free_look_up(struct native *n)
{
	struct native_group *g = n->group;
	struct native_look_up *refused = NULL;

	for (size_t i = 0; i < NATIVE_LOOK_UPS_MAX; i++) {
		struct native_look_up *u = &g->look_ups[i];

		if (u->address.family == ADDR_NONE)
			return u;
		if (u->asked == 0 && (refused == NULL || u->until_ms < refused->until_ms))
			refused = u;
	}
	if (refused != NULL)
		end_look_up(n, refused);
	return refused;
}

static void on_look_up_timer(void *arg, uint64_t now_ms);

static void
arm(struct native *n)
{
	struct native_group *g = n->group;
	uint64_t due_ms = UINT64_MAX;

	for (size_t i = 0; i < NATIVE_LOOK_UPS_MAX; i++)
		if (g->look_ups[i].address.family != ADDR_NONE && g->look_ups[i].until_ms < due_ms)
			due_ms = g->look_ups[i].until_ms;
	if (due_ms != UINT64_MAX)
		wheel_set(n->shared.wheel, &g->timer, due_ms, on_look_up_timer, n);
}

static void
ask(struct native *n, struct native_look_up *u, uint64_t now_ms)
{
	u->asked++;
	u->until_ms = now_ms + ASK_AGAIN_MS;
	if (may_ask(n, &n->group->questions, now_ms))
		member_look_up(n->group->member, &u->address, 0);
}

static void
on_look_up_timer(void *arg, uint64_t now_ms)
{
	struct native *n = arg;

	for (size_t i = 0; i < NATIVE_LOOK_UPS_MAX; i++) {
		struct native_look_up *u = &n->group->look_ups[i];

		if (u->address.family == ADDR_NONE || now_ms < u->until_ms)
			continue;
		if (u->asked == 0 || u->asked >= ASK_TIMES)
			end_look_up(n, u);
		else
			ask(n, u, now_ms);
	}
	arm(n);
}

void
native_look_up(struct native *n, const struct addr *dst, struct packet *p, uint64_t now_ms)
{
	struct native_look_up *u = find_look_up(n->group, dst);

	if (u == NULL && (u = free_look_up(n)) != NULL) {
		u->address = *dst;
		u->waiting.max_packets = NATIVE_WAITING_MAX;
		u->asked = 0;
		fq_park(&u->waiting);
		ask(n, u, now_ms);
		arm(n);
	}
	if (u == NULL || u->asked == 0) {
		stats_count(n->stats, STAT_TX_DROP_NO_DESTINATION);
		packet_put(n->pool, p);
		return;
	}
	fq_enqueue(&u->waiting, p, n->cb.clock_us(n->cb.arg));
}

void
native_drop_look_ups(struct native *n)
{
	wheel_cancel(n->shared.wheel, &n->group->timer);
	for (size_t i = 0; i < NATIVE_LOOK_UPS_MAX; i++)
		end_look_up(n, &n->group->look_ups[i]);
}

void
native_look_up_sender(struct native *n, uint32_t sender, uint64_t now_ms)
{
	if (may_ask(n, &n->group->hinted, now_ms))
		member_look_up(n->group->member, NULL, sender);
}

void
native_look_up_again(struct native_lane *l, uint64_t now_ms)
{
	struct native_pair *pair = l->pair;

	if (pair->asked_server_ms != 0 && now_ms < pair->asked_server_ms + SAME_MS)
		return;
	pair->asked_server_ms = now_ms;
	if (may_ask(l->native, &l->native->group->hinted, now_ms))
		member_look_up(l->native->group->member, &l->peer->addrs[0], 0);
}

/* Answers. */

/* What has waited for somebody goes the way that there is now. */
static void
send_waiting(struct native *n, struct native_look_up *u, uint64_t now_ms)
{
	struct packet *p;
	struct ip_info ip;

	fq_unpark(&u->waiting);
	while ((p = fq_dequeue(&u->waiting, n->cb.clock_us(n->cb.arg))) != NULL) {
		struct peer *peer = peer_for_destination(n->peers, &u->address);

		ip_parse(p->data, p->len, &ip);
		if (peer != NULL) {
			native_send(n, peer, &ip.src, &ip.dst, p, now_ms);
			continue;
		}
		stats_count(n->stats, STAT_TX_DROP_NO_DESTINATION);
		packet_put(n->pool, p);
	}
	u->address.family = ADDR_NONE;
}

static void
send_all_waiting(struct native *n, uint64_t now_ms)
{
	for (size_t i = 0; i < NATIVE_LOOK_UPS_MAX; i++) {
		struct native_look_up *u = &n->group->look_ups[i];

		if (u->address.family != ADDR_NONE &&
		    peer_for_destination(n->peers, &u->address) != NULL)
			send_waiting(n, u, now_ms);
	}
	n->cb.ready(n->cb.arg);
}

static void
remove_peer(struct native *n, struct peer *p)
{
	peer_table_remove(n->peers, p);
	n->cb.roster(n->cb.arg);
}

void
native_forget_roster(struct native *n)
{
	struct peer *p, *next;

	for (p = peer_first(n->peers); p != NULL; p = next) {
		next = p->next;
		if (p->told)
			remove_peer(n, p);
	}
	memset(n->group->past, 0, sizeof(n->group->past));
}

/* Nobody has it, or is it, any more. */
static void
on_refused(struct native *n, const struct keymsg *m, uint64_t now_ms)
{
	bool by_address = (m->has & KEYMSG_HAS(KEYMSG_ADDRESS)) != 0;
	struct native_look_up *u = by_address ? find_look_up(n->group, &m->address) : NULL;
	struct native_lane *l =
	    (m->has & KEYMSG_HAS(KEYMSG_SENDER)) != 0 ? native_by_sender(n, m->sender) : NULL;
	struct peer *p = by_address ? peer_by_address(n->peers, &m->address) : NULL;

	if (u != NULL) {
		end_look_up(n, u);
		u->address = m->address;
		u->asked = 0;
		u->until_ms = now_ms + REFUSED_MS;
		arm(n);
	}
	if (p == NULL && l != NULL)
		p = l->peer;
	if (p != NULL && p->told)
		remove_peer(n, p);
}

/* Of a prefix of one address we have no use for its length. */
static bool
is_host(const struct prefix *p)
{
	return p->len == addr_bits(&p->addr);
}

static void
split_prefixes(const struct keymsg *m, struct addr *addrs, size_t *addr_count,
    struct prefix *routes, size_t *route_count)
{
	*addr_count = *route_count = 0;
	for (size_t i = 0; i < m->prefix_count; i++) {
		if (is_host(&m->prefixes[i]))
			addrs[(*addr_count)++] = m->prefixes[i].addr;
		else
			routes[(*route_count)++] = m->prefixes[i];
	}
}

/* What it has now may have been another's, who does not have it any more then. */
static void
make_room(struct native *n, const struct peer_spec *spec)
{
	struct peer *p, *next;

	for (p = peer_first(n->peers); p != NULL; p = next) {
		next = p->next;
		if (p->told && strcmp(p->name, spec->name) != 0 && peer_conflicts(p, spec))
			remove_peer(n, p);
	}
}

static struct peer *
enter(struct native *n, const struct keymsg *m, uint64_t now_ms)
{
	struct addr addrs[KEYMSG_PREFIXES_MAX];
	struct prefix routes[KEYMSG_PREFIXES_MAX];
	struct peer_spec spec = {.name = m->name,
	    .wire = PEER_NATIVE,
	    .addrs = addrs,
	    .routes = routes,
	    .public_key = m->public_key,
	    .told = true};

	split_prefixes(m, addrs, &spec.addr_count, routes, &spec.route_count);
	if (spec.addr_count == 0)
		return NULL;
	if (peer_table_set(n->peers, &spec) == -1 && errno == EEXIST) {
		make_room(n, &spec);
		if (peer_table_set(n->peers, &spec) == -1 && log_allow(&n->strangers, now_ms))
			log_warning("the key server's member %s: %s", m->name, strerror(errno));
	}
	n->cb.roster(n->cb.arg);
	return peer_by_key(n->peers, m->public_key);
}

static void
on_expiry(void *arg, uint64_t now_ms)
{
	struct native_lane *l = arg;
	struct native *n = l->native;

	/* Until it is refused it stays: its window must not be forgotten while its id is good. */
	wheel_set(n->shared.wheel, &l->pair->expiry, now_ms + EXPIRY_RETRY_MS, on_expiry, l);
	if (may_ask(n, &n->group->questions, now_ms))
		member_look_up(n->group->member, NULL, l->pair->other.id);
}

/* l's peer has this id now. Returns 0 or -1. */
static int
pair_up(struct native *n, struct native_lane *l, const struct keymsg *m, uint64_t now_ms)
{
	bool is_signing = (m->has & KEYMSG_HAS(KEYMSG_VERIFY_KEY)) != 0;
	struct addr member = network_control_addr(m->public_key);
	struct native_pair *pair = l->pair;

	/* An answer that the broker has held back may give it the id that it had before. */
	native_remember(n->group, &pair->other);
	leave_chain(n, l);
	if (groupwire_other_init(&pair->other, n->network->private_key, m->public_key, m->sender,
		is_signing ? m->verify_key : NULL) == -1)
		return -1;
	native_resume(n->group, &pair->other);
	pair->next = *chain_of(n, m->sender);
	*chain_of(n, m->sender) = l;
	pair->since_ms = now_ms;
	pair->asked_floor_ms = 0;
	pair->was_told |= pair->told_floor;
	pair->told_floor = false;
	pair->met_at = n->group->self->counter;
	network_id(n->network, &member, &pair->remote);
	network_topic(n->network, pair->topic, pair->remote.part, n->ids[0].id.part);
	native_restart_lane(l, now_ms);
	return 0;
}

static void
on_entry(struct native *n, const struct keymsg *m, uint64_t now_ms)
{
	struct peer *p = enter(n, m, now_ms);
	struct native_lane *l;

	if (p == NULL)
		return;
	l = native_lane(n, p, &n->ids[0].id, &p->addrs[0]);
	if (l == NULL)
		return;
	if (l->pair->other.id != m->sender && pair_up(n, l, m, now_ms) == -1) {
		if (log_allow(&n->strangers, now_ms))
			log_warning(
			    "the key server's member %s has a public key that is none", m->name);
		remove_peer(n, p);
		return;
	}
	if ((m->has & KEYMSG_HAS(KEYMSG_GRANTED)) != 0 && m->granted_s < UINT32_MAX)
		wheel_set(n->shared.wheel, &l->pair->expiry,
		    now_ms + m->granted_s * 1000 + EXPIRY_MARGIN_MS, on_expiry, l);
	send_all_waiting(n, now_ms);
	native_receive_held(n, now_ms);
}

void
native_take_entry(struct native *n, const struct keymsg *m, uint64_t now_ms)
{
	if (m->type == KEYMSG_REFUSED)
		on_refused(n, m, now_ms);
	else if (memcmp(m->public_key, n->network->public_key, AEAD_KEY_LEN) != 0)
		on_entry(n, m, now_ms);
}

/* Networks behind members. */

static bool
is_known(const struct native *n, const struct prefix *route)
{
	for (const struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		if (p->told && prefix_is_listed(p->routes, p->route_count, route))
			return true;
	return false;
}

/* Whether all that is behind p is still behind somebody. */
static bool
is_listed(const struct peer *p, const struct keymsg *m)
{
	for (size_t i = 0; i < p->route_count; i++)
		if (!prefix_is_listed(m->prefixes, m->prefix_count, &p->routes[i]))
			return false;
	return true;
}

/* Nobody sends there before there is a route, so nobody would ask: it is done here. */
void
native_take_routes(struct native *n, const struct keymsg *m, uint64_t now_ms)
{
	for (size_t i = 0; i < m->prefix_count; i++)
		if (!is_known(n, &m->prefixes[i]) && may_ask(n, &n->group->questions, now_ms))
			member_look_up_route(n->group->member, &m->prefixes[i]);
	for (struct peer *p = peer_first(n->peers); p != NULL; p = p->next)
		if (p->told && p->lane_count > 0 && !is_listed(p, m) &&
		    may_ask(n, &n->group->questions, now_ms))
			member_look_up(n->group->member, &p->addrs[0], 0);
}
