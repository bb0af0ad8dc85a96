/*
 * Tests of uplink against brokers that the test plays itself, in the same event loop.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "uplink.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "fake_broker.h"
#include "link.h"
#include "log.h"
#include "resolve.h"
#include "stats.h"
#include "ticker.h"
#include "util.h"

#define PATIENCE_S 10
#define BROKERS 3
#define CONNECTS 1 /* in packets of a broker */
#define PUBLISHES 3
#define SUBSCRIBES 8
#define DISCONNECTS 14

/* What the uplink told its owner. */
struct seen {
	char trace[64]; /* which brokers it has turned to: "0120" */
	unsigned int connecting, messages, probes, ups, downs, writable;
	struct addr address;		 /* of the last connecting() */
	uint8_t token[UPLINK_TOKEN_LEN]; /* of the last probe() */
	bool no_address;
	bool is_up;
	unsigned int foreign; /* probes that were not ours */
};

static struct event_base *base;
static struct ticker *ticker;
static struct child_pool *children;
static struct resolver *resolver;
static struct stats stats;
static struct uplink *uplink;
static struct fake_broker brokers[BROKERS];
static struct settings_broker settings[BROKERS];
static char urls[BROKERS][64], hosts[BROKERS][128], user[] = "node";
static char directory[64], file[96];
static cJSON *report;
static struct seen seen;

static const struct uplink_topic own_topic = {.topic = "me", .required = true};

/* The owner. */

static const cJSON *
reported(const char *name)
{
	const cJSON *item;

	cJSON_Delete(report);
	report = cJSON_CreateObject();
	uplink_report(uplink, report);
	item = cJSON_GetObjectItemCaseSensitive(report, name);
	ck_assert_msg(item != NULL, "%s is not reported", name);
	return item;
}

static void
expect_text(const char *name, const char *text)
{
	const cJSON *item = reported(name);

	if (text == NULL)
		ck_assert_msg(cJSON_IsNull(item), "%s is '%s'", name, item->valuestring);
	else
		ck_assert_str_eq(cJSON_GetStringValue(item), text);
}

static void
expect_state(const char *state)
{
	expect_text("state", state);
	ck_assert_int_eq(uplink_is_up(uplink), strcmp(state, "up") == 0);
}

static void
expect_error(const char *words)
{
	const char *text = cJSON_GetStringValue(reported("last_error"));

	ck_assert_msg(text != NULL && strstr(text, words) != NULL, "'%s' is not in: %s", words,
	    text != NULL ? text : "nothing");
}

static double
number(const char *name)
{
	const cJSON *item = reported(name);

	ck_assert_msg(cJSON_IsNumber(item), "%s is no number", name);
	return item->valuedouble;
}

static void
on_connecting(void *arg, const struct addr *broker)
{
	const char *url = uplink_broker_url(uplink);

	expect_state("connecting");
	ck_assert_uint_lt(seen.connecting, sizeof(seen.trace) - 1);
	seen.trace[seen.connecting] = '?';
	for (int i = 0; i < BROKERS; i++)
		if (strcmp(url, urls[i]) == 0)
			seen.trace[seen.connecting] = (char)('0' + i);
	seen.connecting++;
	seen.no_address = broker == NULL;
	if (broker != NULL)
		seen.address = *broker;
}

static void
on_message(void *arg, const struct link_message *m)
{
	seen.messages++;
	if (m->len == UPLINK_TOKEN_LEN && !uplink_probe_returned(uplink, m->payload))
		seen.foreign++;
}

static int
on_probe(void *arg, const uint8_t token[UPLINK_TOKEN_LEN])
{
	seen.probes++;
	memcpy(seen.token, token, UPLINK_TOKEN_LEN);
	if (!seen.is_up)
		expect_state("probing");
	return uplink_publish(uplink, "me", token, UPLINK_TOKEN_LEN);
}

static void
on_up(void *arg)
{
	ck_assert(!seen.is_up);
	expect_state("up");
	seen.is_up = true;
	seen.ups++;
}

static void
on_down(void *arg)
{
	ck_assert(seen.is_up);
	ck_assert(!uplink_is_up(uplink));
	seen.is_up = false;
	seen.downs++;
}

static void
on_writable(void *arg)
{
	seen.writable++;
}

static const struct uplink_callbacks callbacks = {
    .connecting = on_connecting,
    .message = on_message,
    .probe = on_probe,
    .up = on_up,
    .down = on_down,
    .writable = on_writable,
};

/* The stage. */

static void
open_brokers(void)
{
	const struct sockaddr_in sa = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	for (int i = 0; i < BROKERS; i++) {
		struct fake_broker *b = &brokers[i];

		ck_assert_int_eq(
		    fake_broker_open(b, base, (const struct sockaddr *)&sa, sizeof(sa)), 0);
		snprintf(urls[i], sizeof(urls[i]), "mqtt://127.0.0.1:%u", fake_broker_port(b));
		snprintf(hosts[i], sizeof(hosts[i]), "127.0.0.1");
		settings[i] = (struct settings_broker){
		    .url = urls[i],
		    .transport = TRANSPORT_TCP,
		    .host = hosts[i],
		    .port = fake_broker_port(b),
		    .username = user,
		    .keepalive_s = 60,
		    .timeout_s = 1,
		};
	}
}

static void
setup(void)
{
	struct uplink_params params = {.stats = &stats, .client_id = "node-1", .max_packet = 2000};

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(link_library_init(), 0);
	snprintf(directory, sizeof(directory), "/tmp/check_uplink.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/file", directory);
	params.base = base = event_base_new();
	ticker = ticker_new(base);
	params.wheel = ticker_wheel(ticker);
	params.children = children = child_pool_new(base, params.wheel);
	params.resolver = resolver = resolver_new(base, params.wheel, children);
	ck_assert_ptr_nonnull(resolver);
	resolver_set_files(resolver, "/dev/null", file);
	uplink = uplink_new(&params, &callbacks);
	ck_assert_ptr_nonnull(uplink);
	open_brokers();
}

static void
teardown(void)
{
	uplink_free(uplink);
	uplink_free(NULL);
	cJSON_Delete(report);
	for (int i = 0; i < BROKERS; i++)
		fake_broker_close(&brokers[i]);
	resolver_free(resolver);
	child_pool_free(children);
	ticker_free(ticker);
	event_base_free(base);
	link_library_cleanup();
	unlink(file);
	rmdir(directory);
}

static void
on_out_of_patience(evutil_socket_t fd, short what, void *arg)
{
	char text[1024];

	ck_abort_msg("no %s in time: %s\n%s", (const char *)arg,
	    uplink_summary(uplink, text, sizeof(text)), brokers[0].journal);
}

static struct event *
begin_patience(const char *what)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};
	struct event *limit = event_new(base, -1, 0, on_out_of_patience, (void *)(uintptr_t)what);

	ck_assert_ptr_nonnull(limit);
	event_add(limit, &patience);
	return limit;
}

static void
wait_for(const char *what, const unsigned int *counter, unsigned int value)
{
	struct event *limit = begin_patience(what);

	while (*counter < value)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	event_free(limit);
}

static void
wait_for_state(const char *state)
{
	struct event *limit = begin_patience(state);

	while (strcmp(cJSON_GetStringValue(reported("state")), state) != 0)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	event_free(limit);
}

static void
wait_for_line(const struct fake_broker *b, const char *line)
{
	struct event *limit = begin_patience(line);

	while (strstr(b->journal, line) == NULL)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	event_free(limit);
}

/* Everything that is ready, and what follows from it. */
static void
run_what_is_ready(void)
{
	for (int i = 0; i < 50; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
set_topics(const struct uplink_topic *topics, size_t count)
{
	ck_assert_int_eq(uplink_set_topics(uplink, topics, count), 0);
}

static void
set_brokers(const struct settings_broker *list, size_t count)
{
	char *error;
	int rc = uplink_set_brokers(uplink, list, count, &error);

	ck_assert_msg(rc == 0, "%s", error);
	ck_assert_ptr_null(error);
}

/* With the first count brokers, whether they listen or not. */
static void
begin(size_t count)
{
	set_brokers(settings, count);
	set_topics(&own_topic, 1);
	uplink_start(uplink);
}

static void
come_up(void)
{
	fake_broker_listen(&brokers[0]);
	begin(1);
	wait_for("up()", &seen.ups, 1);
}

/* Whatever is waited for: the next attempt begins in here. */
static void
try_now(void)
{
	set_brokers(settings, 1);
}

static void
expect_journal(const struct fake_broker *b, const char *text)
{
	run_what_is_ready();
	ck_assert_str_eq(b->journal, text);
}

/* The way up. */

START_TEST(uplink_proves_delivery_before_it_is_up)
{
	char address[32], text[128], expected[128];

	fake_broker_listen(&brokers[0]);
	brokers[0].holds = true;
	set_brokers(settings, 1);
	expect_state("stopped");
	expect_text("broker", NULL);
	begin(1);
	expect_state("resolving");
	uplink_start(uplink); /* once more changes nothing */
	wait_for_line(&brokers[0], "SUBSCRIBE");
	expect_state("subscribing");
	ck_assert_int_eq(uplink_publish(uplink, "t", "x", 1), -1);
	ck_assert_int_eq(errno, ENOTCONN);
	fake_broker_release(&brokers[0]);
	brokers[0].holds = true;
	wait_for_line(&brokers[0], "PUBLISH me");
	expect_state("probing");
	ck_assert_uint_eq(seen.ups, 0);
	fake_broker_release(&brokers[0]);
	wait_for("up()", &seen.ups, 1);
	expect_journal(&brokers[0], "CONNECT 5\nSUBSCRIBE me:28\nPUBLISH me\n");
	expect_text("broker", urls[0]);
	snprintf(address, sizeof(address), "127.0.0.1:%u", fake_broker_port(&brokers[0]));
	expect_text("address", address);
	expect_text("protocol", "5");
	expect_text("client_id", "node-1");
	expect_text("last_error", NULL);
	expect_text("tls", NULL);
	expect_text("retry_in_ms", NULL);
	ck_assert_uint_eq((unsigned int)number("attempts"), 0);
	snprintf(expected, sizeof(expected), "up, %s", urls[0]);
	ck_assert_str_eq(uplink_summary(uplink, text, sizeof(text)), expected);
	ck_assert_uint_eq(stats.value[STAT_CONNECTS], 1);
	ck_assert_uint_eq(stats.value[STAT_PROBES_SENT], 1);
	ck_assert_str_eq(seen.trace, "0");
}
END_TEST

START_TEST(uplink_subscribes_in_batches_of_eight)
{
	struct uplink_topic topics[12] = {[3] = {.topic = "all", .no_local = true}};
	char names[12][8];

	for (int i = 0; i < 12; i++) {
		snprintf(names[i], sizeof(names[i]), "t%d", i);
		if (i != 3)
			topics[i] = (struct uplink_topic){.topic = names[i], .required = i == 0};
	}
	fake_broker_listen(&brokers[0]);
	set_topics(topics, 12);
	memset(names, 'x', sizeof(names)); /* they were copied */
	set_brokers(settings, 1);
	uplink_start(uplink);
	wait_for("up()", &seen.ups, 1);
	expect_journal(&brokers[0], "CONNECT 5\n"
				    "SUBSCRIBE t0:28 t1:28 t2:28 t4:28 t5:28 t6:28 t7:28 t8:28\n"
				    "SUBSCRIBE all:2c\n"
				    "SUBSCRIBE t9:28 t10:28 t11:28\n"
				    "PUBLISH me\n");
}
END_TEST

static double
path_fact(const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(reported("path"), name);

	ck_assert_msg(cJSON_IsNumber(item), "%s is no number", name);
	return item->valuedouble;
}

START_TEST(uplink_passes_messages_both_ways)
{
	come_up();
	ck_assert_int_eq(uplink_publish(uplink, "other", "abc", 3), 0);
	ck_assert(!uplink_blocked(uplink));
	wait_for("message", &seen.messages, 2); /* the first was the probe */
	expect_state("up");
}
END_TEST

START_TEST(uplink_knows_the_largest_message_of_its_broker)
{
	ck_assert_uint_eq(uplink_max_payload(uplink, 5), SIZE_MAX);
	brokers[0].connack_5 = FAKE_BYTES("\x20\x08\x00\x00\x05\x27\x00\x00\x00\x64");
	come_up();
	ck_assert_uint_eq(uplink_max_payload(uplink, 5), 90);
	uplink_stop(uplink);
	ck_assert_uint_eq(uplink_max_payload(uplink, 5), SIZE_MAX);
}
END_TEST

START_TEST(uplink_keeps_to_max_message)
{
	static const uint8_t payload[2001];

	settings[0].max_message = 2000;
	come_up();
	ck_assert_uint_eq(uplink_max_payload(uplink, 5), 2000);
	ck_assert_int_eq(uplink_publish(uplink, "t", payload, 2000), 0);
	errno = 0;
	ck_assert_int_eq(uplink_publish(uplink, "t", payload, 2001), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	wait_for("both messages", &seen.messages, 2);
	uplink_stop(uplink);
	seen.is_up = false;
	ck_assert_uint_eq(uplink_max_payload(uplink, 5), SIZE_MAX);
	brokers[0].connack_5 = FAKE_BYTES("\x20\x08\x00\x00\x05\x27\x00\x00\x00\x64");
	uplink_start(uplink);
	wait_for("up()", &seen.ups, 2);
	ck_assert_uint_eq(uplink_max_payload(uplink, 5), 90);
}
END_TEST

START_TEST(uplink_reports_the_path_to_the_broker)
{
	set_brokers(settings, 1);
	ck_assert(cJSON_IsNull(reported("path")));
	come_up();
	ck_assert_double_gt(path_fact("rtt_us"), 0);
	ck_assert_double_gt(path_fact("min_rtt_us"), 0);
	ck_assert_double_ge(path_fact("delivery_rate"), 0);
	ck_assert_double_ge(path_fact("held"), 0);
}
END_TEST

START_TEST(uplink_connects_through_a_unix_socket)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", file);
	fake_broker_close(&brokers[0]);
	ck_assert_int_eq(
	    fake_broker_open(&brokers[0], base, (struct sockaddr *)&sa, sizeof(sa)), 0);
	settings[0].transport = TRANSPORT_UNIX;
	settings[0].port = 0;
	snprintf(hosts[0], sizeof(hosts[0]), "%s", file);
	brokers[0].connack_5 = FAKE_BYTES("\x20\x02\x00\x01");
	come_up();
	expect_text("address", "unix socket");
	expect_text("protocol", "3.1.1");
	ck_assert(seen.no_address);
}
END_TEST

START_TEST(uplink_connects_by_ipv6)
{
	const struct sockaddr_in6 sa = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	char address[32];

	fake_broker_close(&brokers[0]);
	if (fake_broker_open(&brokers[0], base, (const struct sockaddr *)&sa, sizeof(sa)) == -1)
		return; /* there is no IPv6 here */
	settings[0].port = fake_broker_port(&brokers[0]);
	snprintf(hosts[0], sizeof(hosts[0]), "::1");
	come_up();
	snprintf(address, sizeof(address), "[::1]:%u", settings[0].port);
	expect_text("address", address);
	ck_assert_int_eq(seen.address.family, ADDR_IPV6);
}
END_TEST

static void
write_file(const char *text, mode_t mode)
{
	FILE *f = fopen(file, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(file, mode), 0);
}

START_TEST(uplink_tries_each_address_of_a_name)
{
	write_file("127.0.0.2 broker.example\n127.0.0.1 broker.example\n", 0644);
	snprintf(hosts[0], sizeof(hosts[0]), "broker.example");
	come_up();
	ck_assert_uint_eq(seen.connecting, 2);
	ck_assert_uint_eq(stats.value[STAT_CONNECT_FAILURES], 0);
}
END_TEST

START_TEST(uplink_tells_a_name_without_an_address)
{
	char name[300];

	memset(name, 'a', sizeof(name) - 1); /* too long to ask anyone for it */
	name[sizeof(name) - 1] = '\0';
	settings[0].host = name;
	begin(1);
	wait_for_state("waiting");
	expect_error("does not exist");
	ck_assert_uint_eq(seen.connecting, 0);
}
END_TEST

/* What stops it on the way. */

/* It failed once, with these words, and was never up. */
static void
expect_failure(const char *words)
{
	char text[1024];

	wait_for_state("waiting");
	expect_error(words);
	ck_assert_ptr_nonnull(strstr(uplink_summary(uplink, text, sizeof(text)), words));
	ck_assert_double_le(number("retry_in_ms"), 500);
	ck_assert_uint_eq((unsigned int)number("attempts"), 1);
	expect_text("address", NULL);
	expect_text("protocol", NULL);
	ck_assert_uint_eq(seen.ups, 0);
	ck_assert_uint_eq(seen.downs, 0);
	ck_assert_uint_eq(stats.value[STAT_CONNECT_FAILURES], 1);
	ck_assert_uint_eq(stats.value[STAT_CONNECTS], 0);
}

START_TEST(uplink_gives_up_a_broker_that_does_not_deliver)
{
	fake_broker_listen(&brokers[0]);
	brokers[0].holds = true;
	begin(1);
	wait_for_line(&brokers[0], "SUBSCRIBE");
	fake_broker_release(&brokers[0]);
	brokers[0].holds = true;
	expect_failure("accepts the subscription but delivers nothing");
	ck_assert_double_gt(number("retry_in_ms"), 0);
	ck_assert_uint_eq(stats.value[STAT_PROBES_LOST], 1);
}
END_TEST

START_TEST(uplink_suspects_the_acl_of_a_broker_that_hangs_up)
{
	fake_broker_listen(&brokers[0]);
	brokers[0].holds = true;
	begin(1);
	wait_for_line(&brokers[0], "SUBSCRIBE");
	if (_i == 1) {
		fake_broker_release(&brokers[0]);
		brokers[0].holds = true;
		wait_for_line(&brokers[0], "PUBLISH");
	}
	fake_broker_hang_up(&brokers[0]);
	expect_failure(_i == 0 ? "closed the connection when we subscribed: does its ACL"
			       : "closed the connection when we published to ourselves: does its");
}
END_TEST

START_TEST(uplink_waits_for_a_broker_that_answers_before_it_delivers)
{
	brokers[0].lost = 1;
	come_up();
	expect_journal(&brokers[0], "CONNECT 5\nSUBSCRIBE me:28\nPUBLISH me\nPUBLISH me\n");
	ck_assert_uint_eq(stats.value[STAT_PROBES_LOST], 0);
	ck_assert_uint_eq(stats.value[STAT_CONNECT_FAILURES], 0);
}
END_TEST

START_TEST(uplink_gives_up_a_broker_that_does_not_answer_the_subscription)
{
	fake_broker_listen(&brokers[0]);
	brokers[0].holds = true;
	begin(1);
	expect_failure("does not answer the subscription");
	ck_assert_uint_eq(seen.probes, 0);
}
END_TEST

START_TEST(uplink_needs_each_required_topic)
{
	fake_broker_listen(&brokers[0]);
	brokers[0].denied = "me";
	begin(1);
	expect_failure("does not allow the subscription to me (code 0x80)");
	ck_assert_uint_eq(seen.probes, 0);
}
END_TEST

START_TEST(uplink_only_warns_of_other_topics)
{
	static const struct uplink_topic topics[] = {
	    {.topic = "me", .required = true}, {.topic = "extra"}};
	int fd = memfd_create("log", MFD_CLOEXEC), old = dup(STDERR_FILENO);
	char text[1024];
	ssize_t n;

	ck_assert(fd != -1 && old != -1);
	fake_broker_listen(&brokers[0]);
	brokers[0].denied = "extra";
	set_brokers(settings, 1);
	set_topics(topics, 2);
	log_set_level(LOG_LEVEL_WARNING);
	dup2(fd, STDERR_FILENO);
	uplink_start(uplink);
	wait_for("up()", &seen.ups, 1);
	dup2(old, STDERR_FILENO);
	close(old);
	n = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "does not allow the subscription to extra"));
	expect_text("last_error", NULL);
}
END_TEST

/* Answers to a CONNECT of MQTT 5; the last is to hang up. */
static const struct fake_bytes refusals_of_5[] = {
    {"\x20\x02\x00\x01", 4},
    {"\x20\x03\x00\x84\x00", 5},
    {NULL, 0},
};

START_TEST(uplink_falls_back_to_mqtt_3_1_1_and_remembers)
{
	brokers[0].connack_5 = refusals_of_5[_i];
	come_up();
	expect_text("protocol", "3.1.1");
	ck_assert_uint_eq(stats.value[STAT_CONNECT_FAILURES], 0);
	fake_broker_hang_up(&brokers[0]);
	wait_for("up()", &seen.ups, 2);
	expect_journal(&brokers[0], "CONNECT 5\nCONNECT 4\nSUBSCRIBE me:00\nPUBLISH me\n"
				    "CONNECT 4\nSUBSCRIBE me:00\nPUBLISH me\n");
}
END_TEST

START_TEST(uplink_speaks_mqtt_3_1_1_where_the_settings_say_so)
{
	settings[0].protocol = PROTOCOL_311;
	come_up();
	expect_text("protocol", "3.1.1");
	fake_broker_hang_up(&brokers[0]);
	wait_for("up()", &seen.ups, 2);
	expect_journal(&brokers[0], "CONNECT 4\nSUBSCRIBE me:00\nPUBLISH me\n"
				    "CONNECT 4\nSUBSCRIBE me:00\nPUBLISH me\n");
}
END_TEST

/* Where one version is set, the other is no way out. */
START_TEST(uplink_tries_no_other_version_than_the_settings_say)
{
	settings[0].protocol = _i == 0 ? PROTOCOL_5 : PROTOCOL_311;
	brokers[0].connack_4 = brokers[0].connack_5 = FAKE_BYTES("\x20\x02\x00\x01");
	fake_broker_listen(&brokers[0]);
	begin(1);
	expect_failure(_i == 0 ? "does not speak MQTT 5" : "does not speak MQTT 3.1.1");
	try_now();
	wait_for("CONNECT", &brokers[0].packets[CONNECTS], 2);
	expect_journal(&brokers[0], _i == 0 ? "CONNECT 5\nCONNECT 5\n" : "CONNECT 4\nCONNECT 4\n");
}
END_TEST

START_TEST(uplink_speaks_another_version_after_a_reload)
{
	come_up();
	settings[0].protocol = PROTOCOL_311;
	set_brokers(settings, 1);
	expect_text("protocol", "5");
	fake_broker_hang_up(&brokers[0]);
	wait_for("up()", &seen.ups, 2);
	expect_text("protocol", "3.1.1");
}
END_TEST

START_TEST(uplink_tries_mqtt_5_again_when_both_end_without_a_word)
{
	fake_broker_listen(&brokers[0]);
	brokers[0].connack_4 = brokers[0].connack_5 = (struct fake_bytes){NULL, 0};
	begin(1);
	wait_for_state("waiting");
	expect_journal(&brokers[0], "CONNECT 5\nCONNECT 4\n");
	try_now();
	wait_for("CONNECT", &brokers[0].packets[CONNECTS], 4);
	expect_journal(&brokers[0], "CONNECT 5\nCONNECT 4\nCONNECT 5\nCONNECT 4\n");
}
END_TEST

/* As a broker does that is about to end, or whose own server is away. */
START_TEST(uplink_stays_with_mqtt_5_when_a_broker_that_spoke_it_closes_without_a_word)
{
	const struct fake_bytes connack = brokers[0].connack_5;

	come_up();
	brokers[0].connack_5 = (struct fake_bytes){NULL, 0};
	fake_broker_hang_up(&brokers[0]);
	wait_for("CONNECT", &brokers[0].packets[CONNECTS], 2);
	wait_for_state("waiting");
	expect_error("without an answer to CONNECT");
	brokers[0].connack_5 = connack;
	wait_for("up()", &seen.ups, 2);
	expect_text("protocol", "5");
}
END_TEST

START_TEST(uplink_tries_mqtt_3_1_1_when_a_broker_no_longer_answers_5)
{
	come_up();
	brokers[0].connack_5 = (struct fake_bytes){NULL, 0};
	fake_broker_hang_up(&brokers[0]);
	wait_for("up()", &seen.ups, 2);
	expect_text("protocol", "3.1.1");
	expect_journal(&brokers[0], "CONNECT 5\nSUBSCRIBE me:28\nPUBLISH me\n"
				    "CONNECT 5\nCONNECT 5\nCONNECT 5\n"
				    "CONNECT 4\nSUBSCRIBE me:00\nPUBLISH me\n");
}
END_TEST

START_TEST(uplink_tells_why_the_broker_refuses)
{
	fake_broker_listen(&brokers[0]);
	brokers[0].connack_5 = FAKE_BYTES("\x20\x03\x00\x86\x00");
	begin(1);
	expect_failure("check username and password");
	expect_journal(&brokers[0], "CONNECT 5\n");
}
END_TEST

/* Which broker, and when. */

START_TEST(uplink_tries_the_brokers_in_order_and_then_waits)
{
	begin(3);
	wait_for("three attempts", &seen.connecting, 3);
	wait_for_state("waiting");
	ck_assert_str_eq(seen.trace, "012");
	ck_assert_uint_eq(stats.value[STAT_CONNECT_FAILURES], 3);
	expect_text("broker", urls[0]);
	expect_error("Connection refused");
	fake_broker_listen(&brokers[1]);
	wait_for("up()", &seen.ups, 1);
	ck_assert_str_eq(seen.trace, "01201");
	expect_text("broker", urls[1]);
	fake_broker_hang_up(&brokers[1]); /* it worked before: it comes first */
	wait_for("up()", &seen.ups, 2);
	ck_assert_str_eq(seen.trace, "012011");
}
END_TEST

/* Until so many attempts have failed in all, without the waits between them. */
static void
fail_until(unsigned int attempts)
{
	wait_for_state("waiting");
	while (seen.connecting < attempts) {
		try_now();
		wait_for("attempt", &seen.connecting, seen.connecting + 1);
		wait_for_state("waiting");
	}
}

START_TEST(uplink_waits_longer_each_time_until_it_was_up)
{
	begin(1);
	wait_for_state("waiting");
	ck_assert_double_le(number("retry_in_ms"), 500);
	fail_until(8);
	ck_assert_double_gt(number("retry_in_ms"), 4000); /* between 4.3 and 8.5 s */
	ck_assert_uint_eq((unsigned int)number("attempts"), 8);
	fake_broker_listen(&brokers[0]);
	try_now();
	wait_for("up()", &seen.ups, 1);
	ck_assert_uint_eq((unsigned int)number("attempts"), 0);
	fake_broker_hang_up(&brokers[0]);
	wait_for("down()", &seen.downs, 1);
	ck_assert_double_le(number("retry_in_ms"), 500);
	expect_error("the broker closed the connection");
	ck_assert_uint_eq(stats.value[STAT_DISCONNECTS], 1);
	wait_for("up()", &seen.ups, 2);
}
END_TEST

START_TEST(uplink_waits_when_another_client_took_over)
{
	double before;

	come_up();
	fake_broker_say(&brokers[0], FAKE_BYTES("\xe0\x02\x8e\x00"));
	wait_for("down()", &seen.downs, 1);
	expect_state("waiting");
	expect_error("another client connected with our client id 'node-1'");
	before = number("retry_in_ms");
	ck_assert_double_gt(before, 2300);
	ck_assert_double_le(before, 5000);
	ck_assert_uint_eq(stats.value[STAT_TAKEOVERS], 1);
	uplink_network_changed(uplink);
	run_what_is_ready();
	ck_assert_double_gt(number("retry_in_ms"), before - 1000);
	expect_state("waiting");
	ck_assert_uint_eq(seen.downs, 1);
	ck_assert_uint_eq(brokers[0].accepted, 1);
}
END_TEST

START_TEST(uplink_waits_after_three_short_lives)
{
	come_up();
	fake_broker_hang_up(&brokers[0]);
	wait_for("up()", &seen.ups, 2);
	fake_broker_hang_up(&brokers[0]);
	wait_for("up()", &seen.ups, 3);
	ck_assert_uint_eq(stats.value[STAT_TAKEOVERS], 0);
	fake_broker_hang_up(&brokers[0]);
	wait_for("down()", &seen.downs, 3);
	expect_error("3 times in a row: is the client id 'node-1' in use by another node, or does "
		     "the broker take only shorter messages (max-message)?");
	ck_assert_double_gt(number("retry_in_ms"), 2300);
	ck_assert_uint_eq(stats.value[STAT_TAKEOVERS], 1);
	ck_assert_uint_eq(stats.value[STAT_DISCONNECTS], 3);
}
END_TEST

/* Changes while it runs. */

static struct settings_broker
copy_settings(const struct settings_broker *b)
{
	struct settings_broker copy = *b;

	copy.url = strdup(b->url);
	copy.host = strdup(b->host);
	ck_assert(copy.url != NULL && copy.host != NULL);
	return copy;
}

static void
free_settings(struct settings_broker *b)
{
	free(b->url);
	free(b->host);
}

START_TEST(uplink_keeps_a_connection_to_a_broker_that_stays)
{
	struct settings_broker old = copy_settings(&settings[0]), new[2];

	fake_broker_listen(&brokers[0]);
	set_brokers(&old, 1);
	set_topics(&own_topic, 1);
	uplink_start(uplink);
	wait_for("up()", &seen.ups, 1);
	new[0] = settings[1];
	new[1] = copy_settings(&settings[0]);
	new[1].timeout_s = 7;
	set_brokers(new, 2);
	free_settings(&old);
	run_what_is_ready();
	expect_state("up");
	expect_text("broker", urls[0]);
	ck_assert_uint_eq(brokers[0].accepted, 1);
	ck_assert_uint_eq(brokers[0].ended, 0);
	fake_broker_hang_up(&brokers[0]);
	wait_for("up()", &seen.ups, 2);
	ck_assert_str_eq(seen.trace, "00");
	set_brokers(settings, 1);
	free_settings(&new[1]);
}
END_TEST

START_TEST(uplink_drops_a_connection_to_a_broker_that_goes)
{
	come_up();
	fake_broker_listen(&brokers[1]);
	set_brokers(&settings[1], 2);
	ck_assert_uint_eq(seen.downs, 1);
	wait_for("up()", &seen.ups, 2);
	expect_text("broker", urls[1]);
	ck_assert_str_eq(seen.trace, "01");
	wait_for("end", &brokers[0].ended, 1);
	ck_assert_uint_eq(seen.downs, 1);
}
END_TEST

START_TEST(uplink_refuses_brokers_without_a_tls_context)
{
	struct settings_broker bad = settings[1];
	char ca[] = "/nonexistent/ca.pem", *error;

	come_up();
	bad.transport = TRANSPORT_TLS;
	bad.tls_verify = true;
	bad.ca_file = ca;
	ck_assert_int_eq(uplink_set_brokers(uplink, &bad, 1, &error), -1);
	ck_assert_ptr_nonnull(strstr(error, ca));
	free(error);
	run_what_is_ready();
	expect_state("up");
	expect_text("broker", urls[0]);
}
END_TEST

static const struct uplink_topic old_topics[] = {
    {.topic = "me", .required = true}, {.topic = "old"}};
static const struct uplink_topic new_topics[] = {
    {.topic = "new"}, {.topic = "me", .required = true}};

START_TEST(uplink_changes_topics_while_it_is_up)
{
	come_up();
	set_topics(old_topics, 2);
	wait_for_line(&brokers[0], "old");
	run_what_is_ready();
	set_topics(new_topics, 2);
	wait_for_line(&brokers[0], "new");
	expect_journal(&brokers[0], "CONNECT 5\nSUBSCRIBE me:28\nPUBLISH me\n"
				    "SUBSCRIBE old:28\nUNSUBSCRIBE old\nSUBSCRIBE new:28\n");
	fake_broker_hang_up(&brokers[0]); /* and the next connection has them all */
	wait_for("up()", &seen.ups, 2);
	ck_assert_ptr_nonnull(strstr(brokers[0].journal, "SUBSCRIBE new:28 me:28\n"));
}
END_TEST

START_TEST(uplink_changes_topics_while_it_subscribes)
{
	fake_broker_listen(&brokers[0]);
	brokers[0].holds = true;
	set_brokers(settings, 1);
	set_topics(old_topics, 2);
	uplink_start(uplink);
	wait_for_line(&brokers[0], "SUBSCRIBE");
	set_topics(new_topics, 2);
	wait_for_line(&brokers[0], "new");
	expect_state("subscribing");
	fake_broker_release(&brokers[0]);
	wait_for("up()", &seen.ups, 1);
	expect_journal(&brokers[0],
	    "CONNECT 5\nSUBSCRIBE me:28 old:28\nUNSUBSCRIBE old\nSUBSCRIBE new:28\n"
	    "PUBLISH me\n");
}
END_TEST

/* Until its first probe is at the broker, which keeps it back. */
static void
begin_to_probe(void)
{
	fake_broker_listen(&brokers[0]);
	brokers[0].holds = true;
	set_brokers(settings, 1);
	set_topics(old_topics, 2);
	uplink_start(uplink);
	wait_for_line(&brokers[0], "SUBSCRIBE");
	fake_broker_release(&brokers[0]);
	brokers[0].holds = true;
	wait_for_line(&brokers[0], "PUBLISH");
}

START_TEST(uplink_changes_topics_while_it_probes)
{
	begin_to_probe();
	set_topics(new_topics, 2);
	expect_state("subscribing");
	wait_for_line(&brokers[0], "new");
	fake_broker_release(&brokers[0]);
	wait_for("up()", &seen.ups, 1);
	expect_journal(&brokers[0], "CONNECT 5\nSUBSCRIBE me:28 old:28\nPUBLISH me\n"
				    "UNSUBSCRIBE old\nSUBSCRIBE new:28\nPUBLISH me\n");
	ck_assert_uint_eq(seen.foreign, 0); /* the first probe was ours, too */
	ck_assert_uint_eq(seen.messages, 2);
}
END_TEST

START_TEST(uplink_knows_its_own_probes)
{
	uint8_t token[UPLINK_TOKEN_LEN] = "somebody else's";

	begin_to_probe();
	ck_assert(!uplink_probe_returned(uplink, token));
	expect_state("probing");
	fake_broker_release(&brokers[0]);
	wait_for("up()", &seen.ups, 1);
	ck_assert_uint_eq(seen.foreign, 0);
	uplink_probe(uplink);
	wait_for("probe's return", &seen.messages, 2);
	ck_assert_uint_eq(seen.probes, 2);
	ck_assert_uint_eq(seen.foreign, 0);
	ck_assert(!uplink_probe_returned(uplink, token));
	expect_state("up");
	memcpy(token, seen.token, sizeof(token));
	brokers[0].holds = true;
	fake_broker_hang_up(&brokers[0]);
	wait_for("SUBSCRIBE", &brokers[0].packets[SUBSCRIBES], 2);
	fake_broker_release(&brokers[0]);
	brokers[0].holds = true;
	wait_for_state("probing");
	ck_assert(uplink_probe_returned(uplink, token)); /* ours, but it proves nothing now */
	expect_state("probing");
	ck_assert_mem_ne(token, seen.token, sizeof(token));
}
END_TEST

START_TEST(uplink_knows_its_own_probes_after_many_changes)
{
	begin_to_probe();
	for (int i = 0; i < 3; i++) {
		set_topics(old_topics, 1);
		set_topics(old_topics, 2);
	}
	fake_broker_release(&brokers[0]);
	wait_for("up()", &seen.ups, 1);
	run_what_is_ready();
	ck_assert_uint_eq(seen.foreign, 0);
}
END_TEST

/* Stop. */

START_TEST(uplink_says_goodbye_when_it_is_stopped)
{
	come_up();
	uplink_stop(uplink);
	expect_state("stopped");
	ck_assert_int_eq(uplink_publish(uplink, "t", "x", 1), -1);
	ck_assert_int_eq(errno, ENOTCONN);
	wait_for("end", &brokers[0].ended, 1);
	ck_assert_uint_eq(brokers[0].packets[DISCONNECTS], 1);
	ck_assert_uint_eq(seen.downs, 0);
	seen.is_up = false; /* who stops it knows */
	uplink_start(uplink);
	wait_for("up()", &seen.ups, 2);
}
END_TEST

START_TEST(uplink_may_be_stopped_in_every_state)
{
	static const char *const states[] = {
	    "resolving", "connecting", "subscribing", "probing", "waiting"};
	struct seen before;

	if (strcmp(states[_i], "waiting") != 0)
		fake_broker_listen(&brokers[0]);
	brokers[0].holds = true;
	begin(1);
	if (strcmp(states[_i], "probing") == 0) {
		wait_for_line(&brokers[0], "SUBSCRIBE");
		fake_broker_release(&brokers[0]);
		brokers[0].holds = true;
	}
	wait_for_state(states[_i]);
	before = seen;
	uplink_stop(uplink);
	expect_state("stopped");
	run_what_is_ready();
	expect_state("stopped");
	ck_assert_mem_eq(&seen, &before, sizeof(seen));
}
END_TEST

/* A change of the network. */

START_TEST(uplink_tries_at_once_when_the_network_changed)
{
	uint64_t began;

	begin(1);
	fail_until(7);
	began = util_now_ms();
	fail_until(8);
	fake_broker_listen(&brokers[0]);
	uplink_network_changed(uplink);
	ck_assert_double_le(number("retry_in_ms"), 1000);
	wait_for("up()", &seen.ups, 1);
	ck_assert_uint_ge(util_now_ms() - began, 1000);
}
END_TEST

START_TEST(uplink_never_waits_longer_because_the_network_changed)
{
	double before;

	begin(1);
	wait_for_state("waiting");
	before = number("retry_in_ms");
	uplink_network_changed(uplink);
	ck_assert_double_le(number("retry_in_ms"), before);
}
END_TEST

START_TEST(uplink_asks_the_broker_when_the_network_changed)
{
	come_up();
	brokers[0].holds = true;
	uplink_network_changed(uplink);
	wait_for("probe", &seen.probes, 2);
	uplink_network_changed(uplink); /* it is asked already */
	run_what_is_ready();
	ck_assert_uint_eq(seen.probes, 2);
	fake_broker_release(&brokers[0]);
	wait_for("probe's return", &seen.messages, 2);
	uplink_network_changed(uplink); /* that doubt is over: a new one */
	wait_for("probe", &seen.probes, 3);
	wait_for("probe's return", &seen.messages, 3);
	expect_state("up");
	ck_assert_uint_eq(seen.downs, 0);
	ck_assert_uint_eq(stats.value[STAT_PROBES_LOST], 0);
}
END_TEST

/* Pacing. */

static const struct {
	uint32_t max_rate, max_bandwidth;
	size_t len, burst, per_second; /* messages: at once, and then */
} limits[] = {
    {.max_rate = 300, .len = 10, .burst = 30, .per_second = 300},
    {.max_bandwidth = 30000, .len = 91, .burst = 30, .per_second = 300}, /* topic t, header 8 */
    {.max_rate = 10000, .max_bandwidth = 30000, .len = 91, .burst = 30, .per_second = 300},
    {.max_rate = 300, .max_bandwidth = 400000000, .len = 91, .burst = 30, .per_second = 300},
};

START_TEST(uplink_never_publishes_more_than_the_broker_allows)
{
	static const uint8_t payload[1000];
	uint64_t at_us[100];
	unsigned int pauses = 0;

	settings[0].max_rate = limits[_i].max_rate;
	settings[0].max_bandwidth = limits[_i].max_bandwidth;
	come_up();
	for (size_t i = 0; i < ARRAY_LEN(at_us); i++) {
		if (uplink_blocked(uplink))
			wait_for("writable()", &seen.writable, ++pauses);
		ck_assert(!uplink_blocked(uplink));
		at_us[i] = util_now_us();
		ck_assert_int_eq(uplink_publish(uplink, "t", payload, limits[_i].len), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(at_us); i++)
		for (size_t k = i + limits[_i].burst; k < ARRAY_LEN(at_us); k++)
			ck_assert_uint_ge((at_us[k] - at_us[i]) * limits[_i].per_second,
			    (k - i + 1 - limits[_i].burst) * 1000000);
	ck_assert_uint_gt(pauses, 0);
	ck_assert_uint_ge(stats.value[STAT_TX_PACED], pauses);
	ck_assert_uint_le(stats.value[STAT_TX_PACED], pauses + 1);
}
END_TEST

START_TEST(uplink_paces_nothing_where_the_broker_has_no_limit)
{
	come_up();
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(uplink_publish(uplink, "t", "x", 1), 0);
		ck_assert(!uplink_blocked(uplink));
	}
	wait_for("200 messages", &seen.messages, 201);
	ck_assert_uint_eq(seen.writable, 0);
	ck_assert_uint_eq(stats.value[STAT_TX_PACED], 0);
}
END_TEST

START_TEST(uplink_publishes_what_must_not_wait_and_counts_it)
{
	uint64_t begin_us;

	settings[0].max_rate = 20; /* two at once */
	come_up();
	begin_us = util_now_us();
	for (int i = 0; i < 8; i++) {
		if (i < 3) /* the probe was before it, and one may be owed */
			ck_assert(uplink_can_answer(uplink));
		ck_assert_int_eq(uplink_publish(uplink, "t", "x", 1), 0);
	}
	ck_assert(uplink_blocked(uplink));
	ck_assert(!uplink_can_answer(uplink));
	wait_for("PUBLISH", &brokers[0].packets[PUBLISHES], 9); /* with the probe */
	uplink_probe(uplink);
	wait_for("probe", &seen.probes, 2);
	wait_for("PUBLISH", &brokers[0].packets[PUBLISHES], 10);
	wait_for("writable()", &seen.writable, 1);
	ck_assert_uint_ge(util_now_us() - begin_us, 7 * 50000); /* nine, less two */
	run_what_is_ready();
	ck_assert_uint_eq(seen.writable, 1);
}
END_TEST

/* To a broker that does not read. */
static void
fill(void)
{
	static const uint8_t payload[4000];

	event_del(brokers[0].readable);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(uplink_publish(uplink, "t", payload, sizeof(payload)), 0);
	ck_assert(uplink_blocked(uplink));
	ck_assert(!uplink_can_answer(uplink));
}

START_TEST(uplink_waits_for_both_the_socket_and_the_limit)
{
	uint64_t wakeups;

	settings[0].max_rate = 1000; /* half of what is filled in goes at once */
	come_up();
	fill();
	ck_assert_uint_eq(stats.value[STAT_TX_PACED], 1);
	wakeups = ticker_wakeups(ticker);
	while (ticker_wakeups(ticker) == wakeups)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(seen.writable, 0); /* it is due, but the socket is full */
	ck_assert(uplink_blocked(uplink));
	event_add(brokers[0].readable, NULL);
	wait_for("writable()", &seen.writable, 1);
	ck_assert(!uplink_blocked(uplink));
}
END_TEST

START_TEST(uplink_changes_limits_without_a_new_connection)
{
	settings[0].max_rate = 1;
	settings[0].max_message = 5000;
	come_up();
	fill();
	event_add(brokers[0].readable, NULL);
	wait_for("what was under way", &seen.messages, 201);
	run_what_is_ready();
	ck_assert_uint_eq(seen.writable, 0); /* the socket is empty, but none is due */
	ck_assert(uplink_blocked(uplink));
	settings[0].max_rate = 0;
	settings[0].max_message = 6000;
	set_brokers(settings, 1);
	ck_assert_uint_eq(seen.writable, 0); /* never from within a call */
	wait_for("writable()", &seen.writable, 1);
	ck_assert(!uplink_blocked(uplink));
	ck_assert_uint_eq(uplink_max_payload(uplink, 1), 6000);
	settings[0].max_rate = 10;
	set_brokers(settings, 1);
	ck_assert(!uplink_blocked(uplink)); /* what went before is forgotten */
	ck_assert_int_eq(uplink_publish(uplink, "t", "x", 1), 0);
	ck_assert(uplink_blocked(uplink));
	set_brokers(settings, 1); /* the same limits: nothing changes */
	ck_assert(uplink_blocked(uplink));
	wait_for("writable()", &seen.writable, 2);
	ck_assert_uint_eq(brokers[0].accepted, 1);
	ck_assert_uint_eq(brokers[0].ended, 0);
	expect_state("up");
}
END_TEST

START_TEST(uplink_forgets_at_its_end_what_a_connection_published)
{
	settings[0].max_rate = 20; /* two at once */
	come_up();
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(uplink_publish(uplink, "t", "x", 1), 0);
	fake_broker_hang_up(&brokers[0]);
	wait_for("up()", &seen.ups, 2);
	ck_assert(!uplink_blocked(uplink)); /* for one more, beside the probe */
	ck_assert_int_eq(uplink_publish(uplink, "t", "x", 1), 0);
	ck_assert(uplink_blocked(uplink));
}
END_TEST

START_TEST(uplink_takes_no_limit_over_to_another_broker)
{
	settings[0].max_rate = 1;
	come_up();
	ck_assert(uplink_blocked(uplink));
	fake_broker_listen(&brokers[1]);
	set_brokers(&settings[1], 1);
	ck_assert(!uplink_blocked(uplink));
	wait_for("up()", &seen.ups, 2);
	ck_assert(!uplink_blocked(uplink));
	run_what_is_ready();
	ck_assert_uint_eq(seen.writable, 0);
}
END_TEST

/* Credentials. */

START_TEST(uplink_reads_the_password_file)
{
	settings[0].password_file = file;
	write_file("from the file\n", 0600);
	come_up();
	ck_assert_str_eq(brokers[0].password, "from the file");
}
END_TEST

START_TEST(uplink_tells_why_it_cannot_use_the_password_file)
{
	settings[0].password_file = file;
	if (_i == 1)
		write_file("secret\n", 0644);
	fake_broker_listen(&brokers[0]);
	begin(1);
	expect_failure("password-file: ");
	expect_error(file);
	ck_assert_uint_eq(brokers[0].accepted, 0);
	unlink(file);
	write_file("mended\n", 0600);
	wait_for("up()", &seen.ups, 1);
	ck_assert_str_eq(brokers[0].password, "mended");
}
END_TEST

START_TEST(uplink_runs_the_password_command)
{
	char command[] = "printf 'first line\\nrest\\n'";

	settings[0].password_command = command;
	come_up();
	ck_assert_str_eq(brokers[0].password, "first line");
}
END_TEST

static const struct {
	char command[16];
	const char *error;
} bad_commands[] = {
    {"echo no; exit 3", "password-command: failed with status 3"},
    {"kill -9 $$", "password-command: failed with status 137"},
    {"exec sleep 20", "password-command: no end within 1 s"},
};

START_TEST(uplink_tells_why_the_password_command_failed)
{
	char command[sizeof(bad_commands[0].command)];

	memcpy(command, bad_commands[_i].command, sizeof(command));
	settings[0].password_command = command;
	fake_broker_listen(&brokers[0]);
	begin(1);
	expect_state("resolving");
	expect_failure(bad_commands[_i].error);
	ck_assert_uint_eq(brokers[0].accepted, 0);
}
END_TEST

static void
add_tests_of_the_way_up(TCase *tc)
{
	tcase_add_test(tc, uplink_proves_delivery_before_it_is_up);
	tcase_add_test(tc, uplink_subscribes_in_batches_of_eight);
	tcase_add_test(tc, uplink_passes_messages_both_ways);
	tcase_add_test(tc, uplink_knows_the_largest_message_of_its_broker);
	tcase_add_test(tc, uplink_reports_the_path_to_the_broker);
	tcase_add_test(tc, uplink_connects_through_a_unix_socket);
	tcase_add_test(tc, uplink_connects_by_ipv6);
	tcase_add_test(tc, uplink_tries_each_address_of_a_name);
	tcase_add_test(tc, uplink_tells_a_name_without_an_address);
	tcase_add_test(tc, uplink_reads_the_password_file);
	tcase_add_loop_test(tc, uplink_tells_why_it_cannot_use_the_password_file, 0, 2);
	tcase_add_test(tc, uplink_runs_the_password_command);
	tcase_add_loop_test(
	    tc, uplink_tells_why_the_password_command_failed, 0, (int)ARRAY_LEN(bad_commands));
}

static void
add_tests_of_limits(TCase *tc)
{
	tcase_add_test(tc, uplink_keeps_to_max_message);
	tcase_add_loop_test(
	    tc, uplink_never_publishes_more_than_the_broker_allows, 0, (int)ARRAY_LEN(limits));
	tcase_add_test(tc, uplink_paces_nothing_where_the_broker_has_no_limit);
	tcase_add_test(tc, uplink_publishes_what_must_not_wait_and_counts_it);
	tcase_add_test(tc, uplink_waits_for_both_the_socket_and_the_limit);
	tcase_add_test(tc, uplink_changes_limits_without_a_new_connection);
	tcase_add_test(tc, uplink_forgets_at_its_end_what_a_connection_published);
	tcase_add_test(tc, uplink_takes_no_limit_over_to_another_broker);
}

static void
add_tests_of_failures(TCase *tc)
{
	tcase_add_test(tc, uplink_gives_up_a_broker_that_does_not_deliver);
	tcase_add_loop_test(tc, uplink_suspects_the_acl_of_a_broker_that_hangs_up, 0, 2);
	tcase_add_test(tc, uplink_waits_for_a_broker_that_answers_before_it_delivers);
	tcase_add_test(tc, uplink_gives_up_a_broker_that_does_not_answer_the_subscription);
	tcase_add_test(tc, uplink_needs_each_required_topic);
	tcase_add_test(tc, uplink_only_warns_of_other_topics);
	tcase_add_loop_test(
	    tc, uplink_falls_back_to_mqtt_3_1_1_and_remembers, 0, (int)ARRAY_LEN(refusals_of_5));
	tcase_add_test(tc, uplink_speaks_mqtt_3_1_1_where_the_settings_say_so);
	tcase_add_loop_test(tc, uplink_tries_no_other_version_than_the_settings_say, 0, 2);
	tcase_add_test(tc, uplink_speaks_another_version_after_a_reload);
	tcase_add_test(tc, uplink_tries_mqtt_5_again_when_both_end_without_a_word);
	tcase_add_test(
	    tc, uplink_stays_with_mqtt_5_when_a_broker_that_spoke_it_closes_without_a_word);
	tcase_add_test(tc, uplink_tries_mqtt_3_1_1_when_a_broker_no_longer_answers_5);
	tcase_add_test(tc, uplink_tells_why_the_broker_refuses);
	tcase_add_test(tc, uplink_tries_the_brokers_in_order_and_then_waits);
	tcase_add_test(tc, uplink_waits_longer_each_time_until_it_was_up);
	tcase_add_test(tc, uplink_waits_when_another_client_took_over);
	tcase_add_test(tc, uplink_waits_after_three_short_lives);
}

static void
add_tests_of_changes(TCase *tc)
{
	tcase_add_test(tc, uplink_keeps_a_connection_to_a_broker_that_stays);
	tcase_add_test(tc, uplink_drops_a_connection_to_a_broker_that_goes);
	tcase_add_test(tc, uplink_refuses_brokers_without_a_tls_context);
	tcase_add_test(tc, uplink_changes_topics_while_it_is_up);
	tcase_add_test(tc, uplink_changes_topics_while_it_subscribes);
	tcase_add_test(tc, uplink_changes_topics_while_it_probes);
	tcase_add_test(tc, uplink_knows_its_own_probes);
	tcase_add_test(tc, uplink_knows_its_own_probes_after_many_changes);
	tcase_add_test(tc, uplink_says_goodbye_when_it_is_stopped);
	tcase_add_loop_test(tc, uplink_may_be_stopped_in_every_state, 0, 5);
	tcase_add_test(tc, uplink_tries_at_once_when_the_network_changed);
	tcase_add_test(tc, uplink_never_waits_longer_because_the_network_changed);
	tcase_add_test(tc, uplink_asks_the_broker_when_the_network_changed);
}

int
main(void)
{
	Suite *suite = suite_create("uplink");
	TCase *tc = tcase_create("uplink");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	add_tests_of_the_way_up(tc);
	add_tests_of_limits(tc);
	add_tests_of_failures(tc);
	add_tests_of_changes(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
