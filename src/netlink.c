/*
 * rtnetlink: one socket for questions, which the kernel answers at once, and one for its news.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "netlink.h"

#include <errno.h>
#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Holds the largest message that we send. */
#define REQUEST_SIZE 256
/* What the kernel puts in one read: its own limit is 8192 for messages of its own accord. */
#define REPLY_SIZE 32768
/* Reads in one turn of the loop, so that a flood of changes does not keep it. */
#define READS_MAX 256
#define GROUPS                                                                       \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | \
	    RTMGRP_IPV6_ROUTE)

struct netlink {
	struct mnl_socket *requests;
	struct mnl_socket *news;
	struct event *readable;
	netlink_fn fn;
	void *arg;
	uint32_t sequence;
	unsigned int watched;
	/* Of the watched interface: what was reported last, and what the kernel said last. */
	bool reported_up;
	bool up;
	/* Seen in this burst. */
	bool own_gone;
	bool was_down; /* down and up within one burst are two pieces of news */
	bool uplink_came;
};

static int
family_of(const struct addr *a)
{
	return a->family == ADDR_IPV4 ? AF_INET : AF_INET6;
}

static void
put_addr(struct nlmsghdr *h, uint16_t type, const struct addr *a)
{
	mnl_attr_put(h, type, addr_len(a), a->bytes);
}

/* Wireless drivers tell each of their events by a link message, too. */
static bool
is_wireless_event(const struct nlmsghdr *h)
{
	struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_WIRELESS)
			return true;
	}
	return false;
}

static void
on_link(struct netlink *n, const struct nlmsghdr *h)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);
	bool own = (unsigned int)link->ifi_index == n->watched;

	/* Other families are a bridge's or IPv6's own view of the link. */
	if (link->ifi_family != AF_UNSPEC)
		return;
	if (own && h->nlmsg_type == RTM_DELLINK) {
		n->own_gone = true;
	} else if (own) {
		n->up = (link->ifi_flags & IFF_UP) != 0;
		n->was_down = n->was_down || !n->up;
	} else if (h->nlmsg_type == RTM_NEWLINK && (link->ifi_flags & IFF_UP) != 0 &&
		   (link->ifi_flags & IFF_RUNNING) != 0 && !is_wireless_event(h)) {
		n->uplink_came = true;
	}
}

static void
on_address(struct netlink *n, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = mnl_nlmsg_get_payload(h);

	/* A tentative one cannot be used yet; there is another message when it can. */
	if (a->ifa_index != n->watched && (a->ifa_flags & IFA_F_TENTATIVE) == 0)
		n->uplink_came = true;
}

static void
on_route(struct netlink *n, const struct nlmsghdr *h)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(h);
	struct nlattr *attr;

	if (route->rtm_type != RTN_UNICAST || (route->rtm_flags & RTM_F_CLONED) != 0)
		return;
	mnl_attr_for_each(attr, h, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF && mnl_attr_get_u32(attr) == n->watched)
			return;
	}
	n->uplink_came = true;
}

static int
on_message(const struct nlmsghdr *h, void *arg)
{
	struct netlink *n = arg;
	size_t len = mnl_nlmsg_get_payload_len(h);

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (len >= sizeof(struct ifinfomsg))
			on_link(n, h);
		break;
	case RTM_NEWADDR:
		if (len >= sizeof(struct ifaddrmsg))
			on_address(n, h);
		break;
	case RTM_NEWROUTE:
		if (len >= sizeof(struct rtmsg))
			on_route(n, h);
		break;
	default: /* what goes away is of no use to us */
		break;
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *
begin(char *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h;

	memset(buf, 0, REQUEST_SIZE); /* the padding of attributes goes out too */
	h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return h;
}

static int
ask(struct netlink *n, struct nlmsghdr *h)
{
	_Alignas(struct nlmsghdr) char reply[REPLY_SIZE];
	ssize_t len;
	int result;

	h->nlmsg_seq = ++n->sequence;
	if (mnl_socket_sendto(n->requests, h, h->nlmsg_len) == -1)
		return -1;
	do {
		len = mnl_socket_recvfrom(n->requests, reply, sizeof(reply));
		if (len == -1)
			return -1;
		result = mnl_cb_run(reply, (size_t)len, n->sequence,
		    mnl_socket_get_portid(n->requests), on_message, n);
		/* EPROTO: a late answer to a question that was given up. */
	} while (result > 0 || (result == -1 && errno == EPROTO));
	return result;
}

/* Whether the error only says that all is as it was to become. */
static bool
is_settled(uint16_t type, int error)
{
	switch (type) {
	case RTM_DELADDR:
		return error == EADDRNOTAVAIL || error == ENODEV;
	case RTM_DELROUTE:
		return error == ESRCH || error == ENODEV;
	case RTM_DELRULE:
		return error == ENOENT;
	default:
		return error == EEXIST;
	}
}

static int
settle(struct netlink *n, struct nlmsghdr *h)
{
	return ask(n, h) == -1 && !is_settled(h->nlmsg_type, errno) ? -1 : 0;
}

/* What the kernel answers comes to on_link(). */
static void
look_at_own(struct netlink *n)
{
	_Alignas(struct nlmsghdr) char buf[REQUEST_SIZE];
	struct nlmsghdr *h = begin(buf, RTM_GETLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(h, sizeof(*link));

	link->ifi_index = (int)n->watched;
	if (ask(n, h) == -1 && errno == ENODEV)
		n->own_gone = true;
}

static void
report(struct netlink *n)
{
	bool came = n->uplink_came, was_down = n->was_down;

	n->uplink_came = n->was_down = false;
	if (n->own_gone) {
		netlink_watch(n, 0);
		n->fn(n->arg, NETLINK_OWN_GONE);
	} else {
		if (n->reported_up && was_down)
			n->fn(n->arg, NETLINK_OWN_DOWN);
		if (n->up && (!n->reported_up || was_down))
			n->fn(n->arg, NETLINK_OWN_UP);
		n->reported_up = n->up;
	}
	if (came)
		n->fn(n->arg, NETLINK_UPLINK_CAME);
}

static void
read_news(struct netlink *n)
{
	_Alignas(struct nlmsghdr) char buf[REPLY_SIZE];
	ssize_t len;

	for (int i = 0; i < READS_MAX; i++) {
		len = mnl_socket_recvfrom(n->news, buf, sizeof(buf));
		if (len != -1) {
			(void)mnl_cb_run(buf, (size_t)len, 0, 0, on_message, n);
		} else if (errno == ENOBUFS) {
			/* There was more news than the socket holds: anything may have come. */
			n->uplink_came = true;
			if (n->watched != 0)
				look_at_own(n);
		} else {
			break;
		}
	}
}

static void
on_news(evutil_socket_t fd, short what, void *arg)
{
	read_news(arg);
	report(arg);
}

static struct mnl_socket *
open_socket(int flags, unsigned int groups)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
	int saved;

	if (s == NULL || mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) != -1)
		return s;
	saved = errno;
	mnl_socket_close(s);
	errno = saved;
	return NULL;
}

struct netlink *
netlink_open(struct event_base *base, netlink_fn fn, void *arg)
{
	const struct timeval patience = {.tv_sec = 1};
	struct netlink *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->fn = fn;
	n->arg = arg;
	n->requests = open_socket(0, 0);
	n->news = open_socket(SOCK_NONBLOCK, GROUPS);
	if (n->requests == NULL || n->news == NULL)
		goto fail;
	/* It answers within the call that asks; this is for a kernel that breaks its word. */
	if (setsockopt(mnl_socket_get_fd(n->requests), SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)) == -1)
		goto fail;
	n->readable = event_new(base, mnl_socket_get_fd(n->news), EV_READ | EV_PERSIST, on_news, n);
	if (n->readable == NULL || event_add(n->readable, NULL) == -1) {
		errno = ENOMEM;
		goto fail;
	}
	return n;
fail:
	netlink_close(n);
	return NULL;
}

void
netlink_close(struct netlink *n)
{
	int saved = errno;

	if (n == NULL)
		return;
	if (n->readable != NULL)
		event_free(n->readable);
	if (n->news != NULL)
		mnl_socket_close(n->news);
	if (n->requests != NULL)
		mnl_socket_close(n->requests);
	free(n);
	errno = saved;
}

void
netlink_watch(struct netlink *n, unsigned int ifindex)
{
	n->watched = ifindex;
	n->own_gone = false;
	n->up = false;
	if (ifindex != 0)
		look_at_own(n);
	n->reported_up = n->up;
	n->was_down = false;
}

int
netlink_add_address(struct netlink *n, unsigned int ifindex, const struct prefix *p)
{
	_Alignas(struct nlmsghdr) char buf[REQUEST_SIZE];
	struct nlmsghdr *h = begin(buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(h, sizeof(*a));
	struct addr broadcast = prefix_broadcast(p);

	a->ifa_family = (uint8_t)family_of(&p->addr);
	a->ifa_prefixlen = p->len;
	a->ifa_index = ifindex;
	/* Without the search for duplicates an address works at once. */
	if (p->addr.family == ADDR_IPV6)
		a->ifa_flags = IFA_F_NODAD;
	put_addr(h, IFA_LOCAL, &p->addr);
	put_addr(h, IFA_ADDRESS, &p->addr);
	if (broadcast.family != ADDR_NONE)
		put_addr(h, IFA_BROADCAST, &broadcast);
	return settle(n, h);
}

int
netlink_no_link_local(struct netlink *n, unsigned int ifindex)
{
	_Alignas(struct nlmsghdr) char buf[REQUEST_SIZE];
	struct nlmsghdr *h = begin(buf, RTM_SETLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(h, sizeof(*link));
	struct nlattr *families, *ipv6;

	link->ifi_index = (int)ifindex;
	families = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	ipv6 = mnl_attr_nest_start(h, AF_INET6);
	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(h, ipv6);
	mnl_attr_nest_end(h, families);
	return ask(n, h);
}

int
netlink_set_mtu(struct netlink *n, unsigned int ifindex, unsigned int mtu)
{
	_Alignas(struct nlmsghdr) char buf[REQUEST_SIZE];
	struct nlmsghdr *h = begin(buf, RTM_NEWLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(h, sizeof(*link));

	link->ifi_index = (int)ifindex;
	mnl_attr_put_u32(h, IFLA_MTU, mtu);
	return ask(n, h);
}

int
netlink_set_up(struct netlink *n, unsigned int ifindex, bool up)
{
	_Alignas(struct nlmsghdr) char buf[REQUEST_SIZE];
	struct nlmsghdr *h = begin(buf, RTM_NEWLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(h, sizeof(*link));

	link->ifi_index = (int)ifindex;
	link->ifi_change = IFF_UP;
	link->ifi_flags = up ? IFF_UP : 0;
	if (ask(n, h) == -1)
		return -1;
	/* What the caller did itself is no news to it; nor is what led there. */
	if (ifindex == n->watched) {
		read_news(n);
		n->up = n->reported_up = up;
		n->was_down = false;
	}
	return 0;
}

static int
change_route(struct netlink *n, unsigned int ifindex, const struct prefix *p, uint32_t table,
    uint16_t type, uint16_t flags)
{
	_Alignas(struct nlmsghdr) char buf[REQUEST_SIZE];
	struct nlmsghdr *h = begin(buf, type, flags);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(h, sizeof(*route));
	struct prefix network = prefix_network(p);

	route->rtm_family = (uint8_t)family_of(&p->addr);
	route->rtm_dst_len = p->len;
	route->rtm_table = RT_TABLE_UNSPEC; /* RTA_TABLE has it: eight bits may not do */
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_type = RTN_UNICAST;
	route->rtm_scope = p->addr.family == ADDR_IPV4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	put_addr(h, RTA_DST, &network.addr);
	mnl_attr_put_u32(h, RTA_TABLE, table);
	mnl_attr_put_u32(h, RTA_OIF, ifindex);
	return settle(n, h);
}

/*
 * Appended, not exclusive: only then is EEXIST about this very route. The same destination over
 * another interface, say the machine's own LAN, stays and stays first.
 */
int
netlink_add_route(struct netlink *n, unsigned int ifindex, const struct prefix *p, uint32_t table)
{
	return change_route(n, ifindex, p, table, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND);
}

int
netlink_delete_route(
    struct netlink *n, unsigned int ifindex, const struct prefix *p, uint32_t table)
{
	return change_route(n, ifindex, p, table, RTM_DELROUTE, 0);
}

static int
change_rule(struct netlink *n, const struct netlink_rule *r, uint16_t type, uint16_t flags)
{
	_Alignas(struct nlmsghdr) char buf[REQUEST_SIZE];
	struct nlmsghdr *h = begin(buf, type, flags);
	struct fib_rule_hdr *rule = mnl_nlmsg_put_extra_header(h, sizeof(*rule));

	rule->family = r->family == ADDR_IPV4 ? AF_INET : AF_INET6;
	rule->action = FR_ACT_TO_TBL;
	if (r->to != NULL) {
		rule->dst_len = addr_bits(r->to);
		put_addr(h, FRA_DST, r->to);
	}
	mnl_attr_put_u32(h, FRA_PRIORITY, r->priority);
	mnl_attr_put_u32(h, FRA_TABLE, r->table);
	if (r->suppress_default)
		mnl_attr_put_u32(h, FRA_SUPPRESS_PREFIXLEN, 0);
	return settle(n, h);
}

int
netlink_add_rule(struct netlink *n, const struct netlink_rule *r)
{
	return change_rule(n, r, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
}

int
netlink_delete_rule(struct netlink *n, const struct netlink_rule *r)
{
	return change_rule(n, r, RTM_DELRULE, 0);
}
