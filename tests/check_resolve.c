/*
 * Tests of resolve. DNS is a small server in the same loop, on loopback; the system's resolver is
 * the getaddrinfo() below, which takes the C library's place in the child.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "resolve.h"
#include "ticker.h"
#include "util.h"

#define LONG_MS 20000
#define TYPE_A 1
#define TYPE_AAAA 28
#define RCODE_NXDOMAIN 3

struct outcome {
	unsigned int calls;
	size_t count;
	struct addr addrs[RESOLVE_MAX];
	char error[200];
};

/* What the server knows. No address of a family: an answer without records. */
struct record {
	const char *name;
	const char *a, *aaaa; /* "silent": no answer at all; "lose": none to the first question */
	unsigned int a_count; /* 0 means one */
};

static const struct record zone[] = {
    {.name = "both.example", .a = "192.0.2.1", .aaaa = "2001:db8::1"},
    {.name = "four.example", .a = "192.0.2.4"},
    {.name = "six.example", .aaaa = "2001:db8::6"},
    {.name = "half.example", .a = "192.0.2.5", .aaaa = "silent"},
    {.name = "silent.example", .a = "silent", .aaaa = "silent"},
    {.name = "silent-nss.example", .a = "silent", .aaaa = "silent"},
    {.name = "lossy.example", .a = "lose", .aaaa = "lose"},
    {.name = "many.example", .a = "192.0.2.9", .a_count = 25},
    {.name = "in-hosts.example", .a = "192.0.2.10"},
};

static struct event_base *base;
static struct ticker *ticker;
static struct child_pool *children;
static struct resolver *resolver;
static struct event *server;
static unsigned int questions;
static char directory[] = "/tmp/check_resolve.XXXXXX";
static char resolv_conf[64], hosts[64];

static void
fill(struct addrinfo *ai, struct sockaddr_storage *ss, const char *text)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	ai->ai_addr = (struct sockaddr *)ss;
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		ai->ai_addrlen = sizeof(*in);
		return;
	}
	in6->sin6_family = AF_INET6;
	inet_pton(AF_INET6, text, &in6->sin6_addr);
	if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		in6->sin6_scope_id = 1;
	ai->ai_addrlen = sizeof(*in6);
}

int
getaddrinfo(
    const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
	static const struct {
		const char *name;
		int error;
		const char *first, *second;
	} known[] = {
	    {"printer.local", 0, "192.0.2.50", "2001:db8::50"},
	    {"single", 0, "192.0.2.51", NULL},
	    {"only-nss.example", 0, "192.0.2.52", NULL},
	    {"silent-nss.example", 0, "192.0.2.53", NULL},
	    {"zone.local", 0, "fe80::1", NULL},
	    {"again.local", EAI_AGAIN, NULL, NULL},
	    {"broken.local", EAI_FAIL, NULL, NULL},
	};
	static struct addrinfo ai[2];
	static struct sockaddr_storage ss[2];

	if (strcmp(name, "silent.example") == 0 || strcmp(name, "hang.local") == 0)
		pause();
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(name, known[i].name) != 0)
			continue;
		if (known[i].error != 0)
			return known[i].error;
		fill(&ai[0], &ss[0], known[i].first);
		if (known[i].second != NULL) {
			fill(&ai[1], &ss[1], known[i].second);
			ai[0].ai_next = &ai[1];
		}
		*found = ai;
		return 0;
	}
	return EAI_NONAME;
}

void
freeaddrinfo(struct addrinfo *ai)
{
}

/* The question's name as text; returns where its type stands, or 0. */
static size_t
read_question(const uint8_t *q, size_t len, char *name, size_t size)
{
	size_t pos = 12, out = 0;

	while (pos < len && q[pos] != 0) {
		for (size_t n = q[pos++]; n > 0 && pos < len && out + 2 < size; n--)
			name[out++] = (char)q[pos++];
		name[out++] = '.';
	}
	if (out == 0 || pos + 5 > len)
		return 0;
	name[out - 1] = '\0';
	return pos + 1;
}

static size_t
add_record(uint8_t *answer, size_t len, uint16_t type, const char *text)
{
	uint8_t head[] = {
	    0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 60, 0, type == TYPE_A ? 4 : 16};

	memcpy(answer + len, head, sizeof(head));
	len += sizeof(head);
	inet_pton(type == TYPE_A ? AF_INET : AF_INET6, text, answer + len);
	answer[7]++;
	return len + head[11];
}

static const struct record *
find_record(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(zone); i++) {
		if (strcasecmp(zone[i].name, name) == 0)
			return &zone[i];
	}
	return NULL;
}

static void
serve(evutil_socket_t fd, short what, void *arg)
{
	uint8_t buf[1500] = {0};
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	char name[256];
	ssize_t got = recvfrom(fd, buf, 500, 0, (struct sockaddr *)&from, &from_len);
	const struct record *record;
	const char *text = NULL;
	size_t type_at, len;

	questions++;
	if (got < 12 || (type_at = read_question(buf, (size_t)got, name, sizeof(name))) == 0)
		return;
	len = type_at + 4;
	buf[2] |= 0x80;
	buf[3] = 0x80;
	memset(buf + 6, 0, 6);
	record = find_record(name);
	if (record == NULL)
		buf[3] |= RCODE_NXDOMAIN;
	else
		text = buf[type_at + 1] == TYPE_A ? record->a : record->aaaa;
	if (text != NULL && strcmp(text, "silent") == 0)
		return;
	if (text != NULL && strcmp(text, "lose") == 0) {
		if (questions <= 2)
			return;
		text = buf[type_at + 1] == TYPE_A ? "192.0.2.11" : "2001:db8::11";
	}
	for (unsigned int i = 0; text != NULL && i < (record->a_count == 0 ? 1 : record->a_count);
	     i++)
		len = add_record(buf, len, buf[type_at + 1], text);
	ck_assert_int_eq(sendto(fd, buf, len, 0, (struct sockaddr *)&from, from_len), (ssize_t)len);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void
use_server(evutil_socket_t fd)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	char text[64];

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	snprintf(text, sizeof(text), "nameserver 127.0.0.1:%u\n", ntohs(in.sin_port));
	write_file(resolv_conf, text);
}

static evutil_socket_t
udp_on_loopback(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(resolv_conf, sizeof(resolv_conf), "%s/resolv.conf", directory);
	snprintf(hosts, sizeof(hosts), "%s/hosts", directory);
	write_file(hosts, "# comment\n192.0.2.60 In-Hosts.example alias # rest\n"
			  "2001:db8::60\tin-hosts.example\r\nrubbish in-hosts.example\n");
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ticker = ticker_new(base);
	ck_assert_ptr_nonnull(ticker);
	children = child_pool_new(base, ticker_wheel(ticker));
	ck_assert_ptr_nonnull(children);
	server = event_new(base, udp_on_loopback(), EV_READ | EV_PERSIST, serve, NULL);
	ck_assert_ptr_nonnull(server);
	event_add(server, NULL);
	use_server(event_get_fd(server));
	resolver = resolver_new(base, ticker_wheel(ticker), children);
	ck_assert_ptr_nonnull(resolver);
	resolver_set_files(resolver, resolv_conf, hosts);
}

static void
teardown(void)
{
	resolver_free(resolver);
	child_pool_free(children);
	ticker_free(ticker);
	close(event_get_fd(server));
	event_free(server);
	event_base_free(base);
	unlink(resolv_conf);
	unlink(hosts);
	rmdir(directory);
}

static void
on_resolved(void *arg, const struct addr *addrs, size_t count, const char *error)
{
	struct outcome *o = arg;

	o->calls++;
	o->count = count;
	ck_assert_uint_le(count, RESOLVE_MAX);
	memcpy(o->addrs, addrs, count * sizeof(*addrs));
	ck_assert_int_eq(count == 0, error != NULL);
	if (error != NULL)
		snprintf(o->error, sizeof(o->error), "%s", error);
	event_base_loopbreak(base);
}

static struct resolve_query *
start(struct outcome *o, const char *name, uint32_t timeout_ms)
{
	struct resolve_query *q;

	memset(o, 0, sizeof(*o));
	q = resolve_start(resolver, name, timeout_ms, on_resolved, o);
	ck_assert_ptr_nonnull(q);
	ck_assert_uint_eq(o->calls, 0);
	return q;
}

static void
resolve(struct outcome *o, const char *name, uint32_t timeout_ms)
{
	start(o, name, timeout_ms);
	event_base_dispatch(base);
	ck_assert_uint_eq(o->calls, 1);
}

static void
run_for_ms(int ms)
{
	struct timeval limit = {.tv_usec = (suseconds_t)ms * 1000};

	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
}

/* expected: the addresses with blanks between, or an error. */
static void
expect(const struct outcome *o, const char *expected)
{
	char got[RESOLVE_MAX * ADDR_TEXT_MAX] = "", text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < o->count; i++) {
		if (i > 0)
			strcat(got, " ");
		strcat(got, addr_format(&o->addrs[i], text));
	}
	ck_assert_str_eq(o->count > 0 ? got : o->error, expected);
}

START_TEST(resolve_takes_literals)
{
	struct outcome o;

	resolve(&o, "192.0.2.77", LONG_MS);
	expect(&o, "192.0.2.77");
	resolve(&o, "2001:db8::77", LONG_MS);
	expect(&o, "2001:db8::77");
	ck_assert_uint_eq(questions, 0);
}
END_TEST

START_TEST(resolve_reads_hosts_before_it_asks)
{
	struct outcome o;

	resolve(&o, "in-hosts.example", LONG_MS);
	expect(&o, "2001:db8::60 192.0.2.60");
	resolve(&o, "ALIAS", LONG_MS);
	expect(&o, "192.0.2.60");
	ck_assert_uint_eq(questions, 0);
}
END_TEST

START_TEST(resolve_knows_localhost)
{
	struct outcome o;
	struct addr expected;

	resolver_set_files(resolver, resolv_conf, "/etc/hosts");
	resolve(&o, "localhost", LONG_MS);
	ck_assert_int_eq(addr_parse("127.0.0.1", &expected), 0);
	ck_assert_uint_ge(o.count, 1);
	ck_assert(addr_equal(&o.addrs[o.count - 1], &expected) || addr_is_loopback(&o.addrs[0]));
}
END_TEST

START_TEST(resolve_gives_both_families_ipv6_first)
{
	struct outcome o;

	resolve(&o, "both.example", LONG_MS);
	expect(&o, "2001:db8::1 192.0.2.1");
	ck_assert_uint_eq(questions, 2);
}
END_TEST

START_TEST(resolve_is_content_with_one_family)
{
	struct outcome o;

	resolve(&o, "four.example", LONG_MS);
	expect(&o, "192.0.2.4");
	resolve(&o, "six.example", LONG_MS);
	expect(&o, "2001:db8::6");
}
END_TEST

START_TEST(resolve_does_not_wait_long_for_the_other_family)
{
	struct outcome o;
	uint64_t begin_ms = util_now_ms();

	resolve(&o, "half.example", LONG_MS);
	expect(&o, "192.0.2.5");
	ck_assert_uint_lt(util_now_ms() - begin_ms, LONG_MS / 4);
}
END_TEST

START_TEST(resolve_bounds_the_number_of_addresses)
{
	struct outcome o;

	resolve(&o, "many.example", LONG_MS);
	ck_assert_uint_eq(o.count, RESOLVE_MAX / 2);
}
END_TEST

START_TEST(resolve_asks_again_when_a_datagram_was_lost)
{
	struct outcome o;

	resolve(&o, "lossy.example", LONG_MS);
	expect(&o, "2001:db8::11 192.0.2.11");
}
END_TEST

START_TEST(resolve_asks_the_system_for_what_dns_does_not_know)
{
	struct outcome o;

	resolve(&o, "only-nss.example", LONG_MS);
	expect(&o, "192.0.2.52");
	ck_assert_uint_eq(questions, 2);
}
END_TEST

START_TEST(resolve_asks_the_system_when_dns_is_silent)
{
	struct outcome o;

	resolve(&o, "silent-nss.example", 400);
	expect(&o, "192.0.2.53");
}
END_TEST

START_TEST(resolve_asks_only_the_system_for_local_names)
{
	struct outcome o;

	resolve(&o, "printer.local", LONG_MS);
	expect(&o, "2001:db8::50 192.0.2.50");
	resolve(&o, "single", LONG_MS);
	expect(&o, "192.0.2.51");
	ck_assert_uint_eq(questions, 0);
}
END_TEST

START_TEST(resolve_asks_the_system_without_name_servers)
{
	struct outcome o;

	write_file(resolv_conf, "# none\n");
	resolve(&o, "only-nss.example", LONG_MS);
	expect(&o, "192.0.2.52");
}
END_TEST

START_TEST(resolve_says_why_it_failed)
{
	static const struct {
		const char *name, *error;
	} cases[] = {
	    {"nothing.example", "the name 'nothing.example' does not exist"},
	    {"nothing.local", "the name 'nothing.local' does not exist"},
	    {"", "the name '' does not exist"},
	    {"again.local", "no answer from the name servers"},
	    {"broken.local", "the name 'broken.local': Non-recoverable failure in name resolution"},
	    {"zone.local", "the name 'zone.local' has no usable address"},
	};
	struct outcome o;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		resolve(&o, cases[i].name, LONG_MS);
		expect(&o, cases[i].error);
	}
}
END_TEST

START_TEST(resolve_ends_in_time)
{
	struct outcome o;
	uint64_t begin_ms = util_now_ms();

	resolve(&o, "silent.example", 500);
	expect(&o, "no answer from the name servers in 0.5 s");
	ck_assert_uint_ge(util_now_ms() - begin_ms, 500);
	resolve(&o, "hang.local", 500);
	expect(&o, "no answer from the name servers in 0.5 s");
	ck_assert_uint_lt(util_now_ms() - begin_ms, LONG_MS);
}
END_TEST

START_TEST(resolve_takes_odd_names)
{
	char label[80], name[400];
	struct outcome o;

	memset(label, 'x', sizeof(label));
	memcpy(label + 70, ".com", 5);
	resolve(&o, label, LONG_MS);
	ck_assert_uint_eq(o.count, 0);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	resolve(&o, name, LONG_MS);
	ck_assert_uint_eq(o.count, 0);
	resolve(&o, "a..b", LONG_MS);
	ck_assert_uint_eq(o.count, 0);
	resolve(&o, ".", LONG_MS);
	ck_assert_uint_eq(o.count, 0);
	resolve(&o, "two words.example", LONG_MS);
	ck_assert_uint_eq(o.count, 0);
}
END_TEST

START_TEST(resolve_that_is_cancelled_stays_silent)
{
	static const char *const names[] = {
	    "192.0.2.77", "silent.example", "both.example", "hang.local"};
	struct outcome cancelled[ARRAY_LEN(names)], o;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		resolve_cancel(start(&cancelled[i], names[i], 300));
	run_for_ms(400);
	resolve(&o, "both.example", LONG_MS);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_uint_eq(cancelled[i].calls, 0);
}
END_TEST

START_TEST(resolve_may_be_cancelled_at_every_turn_of_the_loop)
{
	static const char *const names[] = {"both.example", "only-nss.example", "half.example"};
	struct outcome o, other;

	for (int turns = 0; turns < 12; turns++) {
		struct resolve_query *q = start(&o, names[turns % 3], LONG_MS);

		for (int i = 0; i < turns / 3 + 1 && o.calls == 0; i++)
			event_base_loop(base, EVLOOP_ONCE);
		if (o.calls == 0)
			resolve_cancel(q);
		resolve(&other, "four.example", LONG_MS);
		expect(&other, "192.0.2.4");
	}
}
END_TEST

START_TEST(resolver_is_freed_with_queries_under_way)
{
	struct outcome o[4];

	start(&o[0], "silent.example", LONG_MS);
	start(&o[1], "hang.local", LONG_MS);
	start(&o[2], "192.0.2.77", LONG_MS);
	resolve_cancel(start(&o[3], "both.example", LONG_MS));
	resolver_free(resolver);
	resolver = NULL;
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(o[i].calls, 0);
}
END_TEST

START_TEST(resolver_reads_new_name_servers_for_each_query)
{
	struct outcome o;

	write_file(resolv_conf, "");
	resolve(&o, "both.example", LONG_MS);
	expect(&o, "the name 'both.example' does not exist");
	use_server(event_get_fd(server));
	resolve(&o, "both.example", LONG_MS);
	expect(&o, "2001:db8::1 192.0.2.1");
}
END_TEST

START_TEST(resolver_asks_new_name_servers_when_refreshed)
{
	evutil_socket_t dead = udp_on_loopback();
	struct outcome o;
	uint64_t begin_ms = util_now_ms();

	use_server(dead);
	start(&o, "both.example", LONG_MS);
	run_for_ms(20);
	ck_assert_uint_eq(o.calls, 0);
	use_server(event_get_fd(server));
	resolver_refresh(resolver);
	event_base_dispatch(base);
	expect(&o, "2001:db8::1 192.0.2.1");
	ck_assert_uint_lt(util_now_ms() - begin_ms, LONG_MS / 4);
	close(dead);
}
END_TEST

START_TEST(resolver_leaves_no_event_behind)
{
	int before = event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
	struct outcome o;

	resolve(&o, "both.example", LONG_MS);
	resolve(&o, "only-nss.example", LONG_MS);
	ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), before);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("resolve");
	TCase *tc = tcase_create("resolve");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, resolve_takes_literals);
	tcase_add_test(tc, resolve_reads_hosts_before_it_asks);
	tcase_add_test(tc, resolve_knows_localhost);
	tcase_add_test(tc, resolve_gives_both_families_ipv6_first);
	tcase_add_test(tc, resolve_is_content_with_one_family);
	tcase_add_test(tc, resolve_does_not_wait_long_for_the_other_family);
	tcase_add_test(tc, resolve_bounds_the_number_of_addresses);
	tcase_add_test(tc, resolve_asks_again_when_a_datagram_was_lost);
	tcase_add_test(tc, resolve_asks_the_system_for_what_dns_does_not_know);
	tcase_add_test(tc, resolve_asks_the_system_when_dns_is_silent);
	tcase_add_test(tc, resolve_asks_only_the_system_for_local_names);
	tcase_add_test(tc, resolve_asks_the_system_without_name_servers);
	tcase_add_test(tc, resolve_says_why_it_failed);
	tcase_add_test(tc, resolve_ends_in_time);
	tcase_add_test(tc, resolve_takes_odd_names);
	tcase_add_test(tc, resolve_that_is_cancelled_stays_silent);
	tcase_add_test(tc, resolve_may_be_cancelled_at_every_turn_of_the_loop);
	tcase_add_test(tc, resolver_is_freed_with_queries_under_way);
	tcase_add_test(tc, resolver_reads_new_name_servers_for_each_query);
	tcase_add_test(tc, resolver_asks_new_name_servers_when_refreshed);
	tcase_add_test(tc, resolver_leaves_no_event_behind);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
