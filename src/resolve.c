/*
 * A query goes through up to three stages: what is known at once, DNS, the system's resolver.
 *
 * Each query has an evdns_base of its own, made when it begins to ask and freed with its last
 * answer. So /etc/resolv.conf is always read fresh, no socket or timer is left while nobody asks,
 * and no name server that failed once is remembered as dead.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "resolve.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "log.h"
#include "util.h"
#include "wheel.h"

#define NAME_MAX_LEN 253 /* RFC 1035 section 2.3.4, as text */
#define FAMILY_MAX (RESOLVE_MAX / 2)
/* How long the addresses of one family wait for the other's; RFC 8305 section 3 is the idea. */
#define GRACE_MS 500
#define HOSTS_LINE_MAX 1024

/* Exit status of the child that asks the system. */
enum { CHILD_FOUND = 0, CHILD_NO_NAME = 1, CHILD_NO_ANSWER = 2, CHILD_OTHER = 3 };

struct addr_list {
	struct addr addrs[FAMILY_MAX];
	size_t count;
};

/* One time of asking DNS. It stays until both its requests have ended, wanted or not: evdns cannot
 * take back an answer that is on its way to our callback. */
struct attempt {
	struct attempt *next;
	struct attempt **prev;
	struct evdns_base *dns;
	struct resolve_query *query; /* NULL when nobody waits for it any more */
	unsigned int outstanding;
};

struct resolve_query {
	struct resolver *resolver;
	struct resolve_query *next;
	struct resolve_query **prev;
	char name[NAME_MAX_LEN + 1];
	uint32_t timeout_ms;
	uint64_t deadline_ms;
	struct wheel_timer timer; /* end of the DNS stage, then delivery */
	struct attempt *attempt;
	struct child *child;
	struct addr_list v6, v4;
	char *error;
	resolve_fn fn;
	void *arg;
};

struct resolver {
	struct event_base *base;
	struct wheel *wheel;
	struct child_pool *children;
	const char *resolv_conf;
	const char *hosts;
	struct resolve_query *queries;
	struct attempt *attempts;
};

static void
add_addr(struct resolve_query *q, const struct addr *a)
{
	struct addr_list *list = a->family == ADDR_IPV6 ? &q->v6 : &q->v4;

	if (list->count < FAMILY_MAX)
		list->addrs[list->count++] = *a;
}

static bool
has_addrs(const struct resolve_query *q)
{
	return q->v6.count + q->v4.count > 0;
}

static void
free_attempt(struct attempt *a)
{
	*a->prev = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
	evdns_base_free(a->dns, 0);
	free(a);
}

static void
leave_attempt(struct resolve_query *q)
{
	if (q->attempt != NULL)
		q->attempt->query = NULL;
	q->attempt = NULL;
}

static void
free_query(struct resolve_query *q)
{
	leave_attempt(q);
	if (q->child != NULL)
		child_cancel(q->child);
	wheel_cancel(q->resolver->wheel, &q->timer);
	*q->prev = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	free(q->error);
	free(q);
}

static void
deliver(void *arg, uint64_t now_ms)
{
	struct resolve_query *q = arg;
	struct addr all[RESOLVE_MAX];
	size_t count = q->v6.count + q->v4.count;
	const char *error = q->error != NULL ? q->error : "out of memory";

	memcpy(all, q->v6.addrs, q->v6.count * sizeof(*all));
	memcpy(all + q->v6.count, q->v4.addrs, q->v4.count * sizeof(*all));
	q->fn(q->arg, all, count, count > 0 ? NULL : error);
	free_query(q);
}

/* The result stands in q: the caller gets it from the loop. error is NULL or a new string. */
static void
conclude(struct resolve_query *q, char *error)
{
	leave_attempt(q);
	q->error = error;
	wheel_set(q->resolver->wheel, &q->timer, util_now_ms(), deliver, q);
}

static char *
no_such_name(const struct resolve_query *q)
{
	return util_format("the name '%s' does not exist", q->name);
}

static char *
no_answer(const struct resolve_query *q)
{
	char text[32];

	if (util_now_ms() < q->deadline_ms)
		return util_format("no answer from the name servers");
	return util_format("no answer from the name servers in %s",
	    util_format_duration(q->timeout_ms, text, sizeof(text)));
}

/* Runs in the child. Addresses go out one a line, or a reason. */
static int
look_up(void *arg, int fd)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char text[NI_MAXHOST];
	int rc = getaddrinfo(arg, NULL, &hints, &found);

	if (rc == EAI_NONAME || rc == EAI_NODATA || rc == EAI_ADDRFAMILY)
		return CHILD_NO_NAME;
	if (rc == EAI_AGAIN)
		return CHILD_NO_ANSWER;
	if (rc != 0) {
		dprintf(fd, "%s", gai_strerror(rc));
		return CHILD_OTHER;
	}
	for (struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next) {
		if (getnameinfo(ai->ai_addr, ai->ai_addrlen, text, sizeof(text), NULL, 0,
			NI_NUMERICHOST) == 0)
			dprintf(fd, "%s\n", text);
	}
	return CHILD_FOUND;
}

/* A link-local address comes with its zone behind it, and is of no use to us: it does not parse. */
static void
take_lines(struct resolve_query *q, const char *lines)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;
	size_t len;

	for (; *lines != '\0'; lines += len + (lines[len] == '\n')) {
		len = strcspn(lines, "\n");
		if (len >= sizeof(text))
			continue;
		memcpy(text, lines, len);
		text[len] = '\0';
		if (addr_parse(text, &a) == 0)
			add_addr(q, &a);
	}
}

static char *
system_error(const struct resolve_query *q, int status, const char *reason)
{
	switch (status) {
	case CHILD_FOUND:
		return util_format("the name '%s' has no usable address", q->name);
	case CHILD_NO_NAME:
		return no_such_name(q);
	case CHILD_OTHER:
		return util_format("the name '%s': %s", q->name, reason);
	default:
		return no_answer(q);
	}
}

static void
on_system_answer(void *arg, const struct child_result *result)
{
	struct resolve_query *q = arg;
	int status = CHILD_NO_ANSWER;

	q->child = NULL;
	if (result->status != -1 && WIFEXITED(result->status))
		status = WEXITSTATUS(result->status);
	if (status == CHILD_FOUND)
		take_lines(q, result->output);
	conclude(q, has_addrs(q) ? NULL : system_error(q, status, result->output));
}

static void
ask_system(struct resolve_query *q)
{
	uint64_t now_ms = util_now_ms();
	uint32_t left_ms = q->deadline_ms > now_ms ? (uint32_t)(q->deadline_ms - now_ms) : 1;

	leave_attempt(q);
	wheel_cancel(q->resolver->wheel, &q->timer);
	q->child =
	    child_call(q->resolver->children, look_up, q->name, left_ms, on_system_answer, q);
	if (q->child == NULL)
		conclude(q, util_format("the name '%s': cannot start a process: %s", q->name,
				strerror(errno)));
}

/* The DNS stage is over: what came is the answer, or the system must know. */
static void
end_dns(struct resolve_query *q)
{
	if (has_addrs(q))
		conclude(q, NULL);
	else
		ask_system(q);
}

static void
on_dns_timeout(void *arg, uint64_t now_ms)
{
	end_dns(arg);
}

static void
take_records(struct resolve_query *q, char type, int count, const uint8_t *records)
{
	enum addr_family family = type == DNS_IPv6_AAAA ? ADDR_IPV6 : ADDR_IPV4;
	struct addr a = {0};

	for (int i = 0; i < count; i++) {
		a = addr_from_bytes(family, records);
		add_addr(q, &a);
		records += addr_len(&a);
	}
}

static void
on_dns_answer(int result, char type, int count, int ttl, void *records, void *arg)
{
	struct attempt *a = arg;
	struct resolve_query *q = a->query;
	bool last = --a->outstanding == 0;
	uint64_t grace_ms = util_now_ms() + GRACE_MS;

	if (q != NULL && result == DNS_ERR_NONE)
		take_records(q, type, count, records);
	if (last) {
		if (q != NULL)
			leave_attempt(q);
		free_attempt(a);
	}
	if (q != NULL && last)
		end_dns(q);
	else if (q != NULL && has_addrs(q) && grace_ms < q->timer.due_ms)
		wheel_set(q->resolver->wheel, &q->timer, grace_ms, on_dns_timeout, q);
}

static struct evdns_base *
open_dns(const struct resolver *r)
{
	struct evdns_base *dns = evdns_base_new(r->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);

	if (dns == NULL)
		return NULL;
	/*
	 * Five seconds, evdns' own value, is long for one lost datagram. It asks three times, so
	 * all is over before it would begin to probe a server that failed. The options in the file,
	 * which could make it longer, are left to the system's resolver.
	 */
	evdns_base_set_option(dns, "timeout:", "2");
	evdns_base_resolv_conf_parse(
	    dns, DNS_OPTION_NAMESERVERS | DNS_OPTION_NAMESERVERS_NO_DEFAULT, r->resolv_conf);
	if (evdns_base_count_nameservers(dns) == 0) {
		evdns_base_free(dns, 0);
		return NULL;
	}
	return dns;
}

/* Returns 0, or -1 if DNS cannot be asked. */
static int
ask_dns(struct resolve_query *q)
{
	struct resolver *r = q->resolver;
	struct attempt *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return -1;
	a->dns = open_dns(r);
	if (a->dns == NULL) {
		free(a);
		return -1;
	}
	a->next = r->attempts;
	a->prev = &r->attempts;
	if (a->next != NULL)
		a->next->prev = &a->next;
	r->attempts = a;
	if (evdns_base_resolve_ipv6(a->dns, q->name, DNS_QUERY_NO_SEARCH, on_dns_answer, a) != NULL)
		a->outstanding++;
	if (evdns_base_resolve_ipv4(a->dns, q->name, DNS_QUERY_NO_SEARCH, on_dns_answer, a) != NULL)
		a->outstanding++;
	if (a->outstanding == 0) {
		free_attempt(a);
		return -1;
	}
	a->query = q;
	q->attempt = a;
	return 0;
}

static void
find_in_hosts(struct resolve_query *q)
{
	FILE *file = fopen(q->resolver->hosts, "re");
	char line[HOSTS_LINE_MAX], *word, *rest;
	struct addr a;

	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "#\n")] = '\0';
		word = strtok_r(line, " \t\r", &rest);
		if (word == NULL || addr_parse(word, &a) == -1)
			continue;
		while ((word = strtok_r(NULL, " \t\r", &rest)) != NULL) {
			if (strcasecmp(word, q->name) == 0)
				add_addr(q, &a);
		}
	}
	fclose(file);
}

/* Names of multicast DNS (RFC 6762), and those that a search list or an old directory completes. */
static bool
is_local_name(const char *name)
{
	const char *end = strrchr(name, '.');

	return end == NULL || end[1] == '\0' || strcasecmp(end, ".local") == 0;
}

static void
begin(struct resolve_query *q)
{
	struct addr a;

	if (q->name[0] == '\0') {
		conclude(q, no_such_name(q));
		return;
	}
	if (addr_parse(q->name, &a) == 0)
		add_addr(q, &a);
	else
		find_in_hosts(q);
	if (has_addrs(q))
		conclude(q, NULL);
	else if (is_local_name(q->name) || ask_dns(q) == -1)
		ask_system(q);
	else /* leaves the system half of the time */
		wheel_set(q->resolver->wheel, &q->timer, util_now_ms() + q->timeout_ms / 2,
		    on_dns_timeout, q);
}

struct resolve_query *
resolve_start(struct resolver *r, const char *name, uint32_t timeout_ms, resolve_fn fn, void *arg)
{
	struct resolve_query *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->resolver = r;
	q->timeout_ms = timeout_ms;
	q->deadline_ms = util_now_ms() + timeout_ms;
	q->fn = fn;
	q->arg = arg;
	q->next = r->queries;
	q->prev = &r->queries;
	if (q->next != NULL)
		q->next->prev = &q->next;
	r->queries = q;
	if (strlen(name) <= NAME_MAX_LEN)
		strcpy(q->name, name);
	begin(q);
	return q;
}

void
resolve_cancel(struct resolve_query *q)
{
	free_query(q);
}

void
resolver_refresh(struct resolver *r)
{
	for (struct resolve_query *q = r->queries; q != NULL; q = q->next) {
		if (q->attempt == NULL || has_addrs(q))
			continue;
		leave_attempt(q);
		if (ask_dns(q) == -1)
			ask_system(q);
	}
}

void
resolver_set_files(struct resolver *r, const char *resolv_conf, const char *hosts)
{
	r->resolv_conf = resolv_conf;
	r->hosts = hosts;
}

/* Otherwise evdns writes to stderr. Each query tells its own result. */
static void
log_dns(int is_warning, const char *text)
{
	log_debug("DNS: %s", text);
}

struct resolver *
resolver_new(struct event_base *base, struct wheel *wheel, struct child_pool *children)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->base = base;
	r->wheel = wheel;
	r->children = children;
	resolver_set_files(r, "/etc/resolv.conf", "/etc/hosts");
	evdns_set_log_fn(log_dns);
	return r;
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	while (r->queries != NULL)
		free_query(r->queries);
	while (r->attempts != NULL)
		free_attempt(r->attempts);
	free(r);
}
