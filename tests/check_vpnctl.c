/*
 * mqtt-vpnctl: what it prints for the daemon's JSON, and how it meets a daemon that misbehaves.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_text.h"

#include <cjson/cJSON.h>
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vpnctl_client.h"

#define STATUS_UP                                                                               \
	"{\"version\":\"0.1.0\",\"pid\":321,\"uptime_ms\":273600000,\"wire\":\"mqtt_vpn\","     \
	"\"encrypted\":true,\"interface\":{\"name\":\"mq0\",\"mtu\":1500,\"up\":true,"          \
	"\"addresses\":[\"10.0.1.1/24\",\"fd00::1/64\"],\"forwards\":[\"172.16.0.100\"]},"      \
	"\"link\":{\"state\":\"up\",\"since_ms\":125000,\"broker\":\"mqtts://b.example:8883\"," \
	"\"address\":\"192.0.2.1:8883\",\"protocol\":\"5\",\"client_id\":\"MQTT_VPN_a1\","      \
	"\"tls\":{\"version\":\"TLSv1.3\",\"cipher\":\"TLS_AES_256_GCM_SHA384\","               \
	"\"name\":\"CN=b.example\",\"days_left\":89,\"resumed\":true,\"own_days_left\":-1},"    \
	"\"last_error\":null,\"retry_in_ms\":null,\"attempts\":1},"                             \
	"\"peers\":{\"configured\":2,\"heard\":1},"                                             \
	"\"traffic\":{\"tx_packets\":1,\"tx_bytes\":999,\"rx_packets\":12345,"                  \
	"\"rx_bytes\":1234567,\"tx_drops\":0,\"rx_drops\":15},"                                 \
	"\"drops\":{\"rx_drop_auth\":12,\"rx_drop_qos\":3},\"warnings\":[\"take care\"]}"

#define STATUS_DOWN                                                                          \
	"{\"link\":{\"state\":\"waiting\",\"since_ms\":500,\"broker\":\"mqtt://b.example\"," \
	"\"address\":null,\"protocol\":null,\"client_id\":\"x\",\"tls\":null,"               \
	"\"last_error\":\"connection refused\",\"retry_in_ms\":3200,\"attempts\":7}}"

#define STATS                                                                                \
	"{\"stats\":[{\"name\":\"tx_packets\",\"unit\":\"packets\",\"help\":\"Packets \\\\ " \
	"sent.\","                                                                           \
	"\"value\":9007199254740991},{\"name\":\"x\\ny\",\"value\":1},"                      \
	"{\"name\":\"reloads\",\"unit\":\"events\",\"help\":\"Reloads.\",\"value\":0}],"     \
	"\"gauges\":{\"rss_bytes\":4096}}"

typedef void (*render_fn)(FILE *out, const struct cJSON *json);

static char *text;
static size_t text_len;
static char dir[40], path[64];
static pid_t server;

static struct cJSON *
parse(const char *json)
{
	struct cJSON *parsed = cJSON_Parse(json);

	ck_assert_ptr_nonnull(parsed);
	vpnctl_text_sanitize_json(parsed);
	return parsed;
}

static void
render(render_fn fn, const char *json)
{
	struct cJSON *parsed = parse(json);
	FILE *out;

	free(text);
	out = open_memstream(&text, &text_len);
	fn(out, parsed);
	fclose(out);
	cJSON_Delete(parsed);
}

static void
render_metrics(const char *instance, const char *status, const char *stats)
{
	struct cJSON *a = status != NULL ? parse(status) : NULL;
	struct cJSON *b = stats != NULL ? parse(stats) : NULL;
	FILE *out;

	free(text);
	out = open_memstream(&text, &text_len);
	vpnctl_text_metrics(out, instance, a, b);
	fclose(out);
	cJSON_Delete(a);
	cJSON_Delete(b);
}

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/check_vpnctl.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/mq0.sock", dir);
	server = -1;
}

static void
teardown(void)
{
	if (server != -1) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	unlink(path);
	rmdir(dir);
	free(text);
	text = NULL;
}

static int
listen_at(const char *where)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_uint_lt(strlen(where), sizeof(address.sun_path));
	memcpy(address.sun_path, where, strlen(where));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	return fd;
}

/* A daemon that says these pieces to the first client and closes, or says nothing if it is NULL. */
static void
serve(const char *first, const char *second)
{
	int listener = listen_at(path), fd;
	char request[64];

	server = fork();
	ck_assert_int_ne(server, -1);
	if (server != 0) {
		close(listener);
		return;
	}
	fd = accept(listener, NULL, NULL);
	if (first == NULL)
		pause();
	if (recv(fd, request, sizeof(request), 0) > 0 &&
	    send(fd, first, strlen(first), MSG_NOSIGNAL) > 0 && second != NULL)
		send(fd, second, strlen(second), MSG_NOSIGNAL);
	_exit(0);
}

static char *
ask(char **error)
{
	const struct vpnctl_client client = {.path = path, .timeout_ms = 20000, .interrupt_fd = -1};

	return vpnctl_client_ask(&client, "status", NULL, error);
}

static void
expect_failure(const char *part)
{
	char *error = NULL;

	ck_assert_ptr_null(ask(&error));
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error, part) != NULL, "%s", error);
	free(error);
}

START_TEST(status_shows_a_link_that_is_up)
{
	render(vpnctl_text_status, STATUS_UP);
	ck_assert_str_eq(text, "Interface  mq0, up, MTU 1500\n"
			       "           addresses 10.0.1.1/24, fd00::1/64\n"
			       "           receives also for 172.16.0.100\n"
			       "Link       connected for 2 min 5 s\n"
			       "           broker mqtts://b.example:8883 at 192.0.2.1:8883\n"
			       "           MQTT 5, client id MQTT_VPN_a1\n"
			       "           TLSv1.3, TLS_AES_256_GCM_SHA384, resumed session\n"
			       "           broker's certificate: CN=b.example\n"
			       "           broker's certificate valid for 89 more days\n"
			       "           own certificate expired 1 day ago\n"
			       "Peers      2 configured, 1 other heard\n"
			       "Sent       1 packet, 999 bytes, 0 dropped\n"
			       "Received   12345 packets, 1.2 MB (1234567 bytes), 15 dropped\n"
			       "Dropped    12 rx_drop_auth\n"
			       "           3 rx_drop_qos\n"
			       "Wire       mqtt_vpn, encrypted\n"
			       "Daemon     mqtt-vpnd 0.1.0, process 321, running for 3 d 4 h\n"
			       "Warning    take care\n");
}
END_TEST

START_TEST(status_says_why_not_and_when_again)
{
	render(vpnctl_text_status, STATUS_DOWN);
	ck_assert_ptr_nonnull(strstr(text, "Link       not connected, waiting for 0.5 s\n"
					   "           next try in 3.2 s, 7 so far\n"
					   "           last error: connection refused\n"
					   "           broker mqtt://b.example\n"
					   "           client id x\n"
					   "Peers "));
}
END_TEST

START_TEST(status_knows_whether_the_link_is_up)
{
	static const struct {
		const char *json;
		bool up;
	} cases[] = {
	    {STATUS_UP, true},
	    {STATUS_DOWN, false},
	    {"{}", false},
	    {"{\"link\":{\"state\":1}}", false},
	    {"{\"link\":\"up\"}", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cJSON *status = parse(cases[i].json);

		ck_assert(vpnctl_text_link_is_up(status) == cases[i].up);
		cJSON_Delete(status);
	}
	ck_assert(!vpnctl_text_link_is_up(NULL));
}
END_TEST

START_TEST(every_text_survives_json_of_another_kind)
{
	static const render_fn all[] = {vpnctl_text_status, vpnctl_text_peers, vpnctl_text_stats,
	    vpnctl_text_reload, vpnctl_text_log};
	static const char *const strange[] = {"{}", "[]", "null", "1", "\"x\"",
	    "{\"interface\":[],\"link\":1,\"peers\":{\"peers\":1},\"traffic\":null,"
	    "\"drops\":[1,2],\"warnings\":[1,null,{}]}",
	    "{\"peers\":[1,null,{},{\"addresses\":[1],\"routes\":{}}],\"stats\":[1,{},\"x\"],"
	    "\"gauges\":[1],\"restart_needed\":[1],\"level\":2}",
	    "{\"link\":{\"state\":\"flying\",\"since_ms\":-1,\"tls\":{\"days_left\":1e99,\"own_"
	    "days_left\":-1e99}},"
	    "\"uptime_ms\":1e99,\"traffic\":{\"tx_bytes\":-5,\"rx_bytes\":1e99}}"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t j = 0; j < sizeof(strange) / sizeof(strange[0]); j++)
			render(all[i], strange[j]);
	for (size_t j = 0; j < sizeof(strange) / sizeof(strange[0]); j++)
		render_metrics(NULL, strange[j], strange[j]);
}
END_TEST

START_TEST(peers_are_aligned_in_columns)
{
	render(vpnctl_text_peers,
	    "{\"peers\":[{\"name\":\"workshop\",\"addresses\":[\"10.0.1.2\",\"fd00::2\"],"
	    "\"routes\":[\"192.168.5.0/24\"],\"configured\":true,\"heard_ms_ago\":5000,"
	    "\"tx_packets\":1,\"tx_bytes\":84,\"rx_packets\":2000,\"rx_bytes\":1000000},"
	    "{\"name\":null,\"addresses\":[\"10.0.1.77\"],\"routes\":[],\"configured\":false,"
	    "\"heard_ms_ago\":null,\"tx_packets\":0,\"tx_bytes\":0,\"rx_packets\":0,"
	    "\"rx_bytes\":0}]}");
	ck_assert_str_eq(text,
	    "PEER      ADDRESS         HEARD            SENT                      RECEIVED\n"
	    "workshop  10.0.1.2        5.0 s ago        84 B, 1 packet            "
	    "1.0 MB, 2000 packets\n"
	    "          fd00::2\n"
	    "          192.168.5.0/24 behind it\n"
	    "-         10.0.1.77       never            0 B, 0 packets            "
	    "0 B, 0 packets\n");
	render(vpnctl_text_peers, "{\"peers\":[]}");
	ck_assert_str_eq(text, "No peers are configured or have been heard.\n");
}
END_TEST

START_TEST(stats_are_aligned_and_explained)
{
	render(vpnctl_text_stats, STATS);
	ck_assert_str_eq(text, "tx_packets  9007199254740991  packets   Packets \\ sent.\n"
			       "x?y                    1  -         -\n"
			       "reloads                0  events    Reloads.\n"
			       "rss_bytes           4096\n");
}
END_TEST

START_TEST(reload_names_what_needs_a_restart)
{
	render(vpnctl_text_reload, "{\"reloaded\":true,\"restart_needed\":[\"mtu\",\"wire\"]}");
	ck_assert_str_eq(text, "The configuration was read again.\n"
			       "Takes effect after a restart only: mtu\n"
			       "Takes effect after a restart only: wire\n");
	render(vpnctl_text_log, "{\"level\":\"debug\"}");
	ck_assert_str_eq(text, "The log level is debug.\n");
}
END_TEST

START_TEST(rates_are_differences_over_time)
{
	struct cJSON *before = parse("{\"traffic\":{\"tx_packets\":10,\"tx_bytes\":1000,"
				     "\"rx_packets\":500,\"rx_bytes\":900000}}");
	struct cJSON *now = parse("{\"traffic\":{\"tx_packets\":15,\"tx_bytes\":4000000,"
				  "\"rx_packets\":100,\"rx_bytes\":20000}}");
	FILE *out = open_memstream(&text, &text_len);

	vpnctl_text_rates(out, before, now, 2000);
	fclose(out);
	ck_assert_str_eq(text, "Sending    2.0 MB/s, 2.5 packets/s\n"
			       "Receiving  10.0 kB/s, 50 packets/s\n");
	cJSON_Delete(before);
	cJSON_Delete(now);
}
END_TEST

START_TEST(metrics_are_in_prometheus_format)
{
	render_metrics(NULL, STATUS_UP, STATS);
	ck_assert_str_eq(text,
	    "# HELP mqtt_vpnd_up Whether the daemon answers.\n"
	    "# TYPE mqtt_vpnd_up gauge\n"
	    "mqtt_vpnd_up 1\n"
	    "# HELP mqtt_vpnd_link_up Whether messages pass through a broker.\n"
	    "# TYPE mqtt_vpnd_link_up gauge\n"
	    "mqtt_vpnd_link_up 1\n"
	    "# HELP mqtt_vpnd_peers Peers that are configured or have been heard.\n"
	    "# TYPE mqtt_vpnd_peers gauge\n"
	    "mqtt_vpnd_peers 3\n"
	    "# HELP mqtt_vpnd_tls_days_left Days until the broker's certificate expires.\n"
	    "# TYPE mqtt_vpnd_tls_days_left gauge\n"
	    "mqtt_vpnd_tls_days_left 89\n"
	    "# HELP mqtt_vpnd_tx_packets_total Packets \\\\ sent.\n"
	    "# TYPE mqtt_vpnd_tx_packets_total counter\n"
	    "mqtt_vpnd_tx_packets_total 9007199254740991\n"
	    "# HELP mqtt_vpnd_reloads_total Reloads.\n"
	    "# TYPE mqtt_vpnd_reloads_total counter\n"
	    "mqtt_vpnd_reloads_total 0\n");
}
END_TEST

START_TEST(metrics_tell_that_the_daemon_is_away)
{
	render_metrics("mq0", NULL, NULL);
	ck_assert_str_eq(text, "# HELP mqtt_vpnd_up Whether the daemon answers.\n"
			       "# TYPE mqtt_vpnd_up gauge\n"
			       "mqtt_vpnd_up{interface=\"mq0\"} 0\n");
}
END_TEST

START_TEST(control_characters_do_not_reach_the_terminal)
{
	char plain[] = "a\033[2Jb\nc\x7f\xc2\x9b"
		       "d \xc3\xa4\xe2\x82\xac";

	vpnctl_text_sanitize(plain);
	ck_assert_str_eq(plain, "a?[2Jb?c???d \xc3\xa4\xe2\x82\xac");
	render(vpnctl_text_status,
	    "{\"drops\":{\"a\\u001bb\":1},\"warnings\":[\"x\\u001b[31m\\ny\"]}");
	ck_assert_ptr_null(strchr(text, '\033'));
	ck_assert_ptr_nonnull(strstr(text, "Dropped    1 a?b\n"));
	ck_assert_ptr_nonnull(strstr(text, "Warning    x?[31m?y\n"));
}
END_TEST

START_TEST(client_returns_the_answer)
{
	char *error = NULL, *answer;

	serve("ok 9\n{\"a\"", ":123}");
	answer = ask(&error);
	ck_assert_msg(answer != NULL, "%s", error);
	ck_assert_str_eq(answer, "{\"a\":123}");
	free(answer);
}
END_TEST

START_TEST(client_returns_the_daemons_error)
{
	char *error = NULL;

	serve("error 17\npermission denied", NULL);
	ck_assert_ptr_null(ask(&error));
	ck_assert_str_eq(error, "permission denied");
	free(error);
}
END_TEST

START_TEST(client_refuses_a_short_answer)
{
	serve("ok 10\n{}", NULL);
	expect_failure("before its answer was whole");
}
END_TEST

START_TEST(client_refuses_a_long_answer)
{
	serve("ok 2\n{}{}", NULL);
	expect_failure("does not speak the control protocol");
}
END_TEST

START_TEST(client_refuses_rubbish)
{
	serve("220 mail.example.org ESMTP\r\n", NULL);
	expect_failure("does not speak the control protocol");
}
END_TEST

START_TEST(client_gives_up_a_silent_daemon_in_time)
{
	const struct vpnctl_client client = {.path = path, .timeout_ms = 50, .interrupt_fd = -1};
	char *error = NULL;

	serve(NULL, NULL);
	ck_assert_ptr_null(vpnctl_client_ask(&client, "status", NULL, &error));
	ck_assert_ptr_nonnull(strstr(error, "did not answer within"));
	free(error);
}
END_TEST

START_TEST(client_can_be_interrupted)
{
	int ends[2];
	struct vpnctl_client client = {.path = path, .timeout_ms = 20000};
	char *error = NULL;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	client.interrupt_fd = ends[0];
	serve(NULL, NULL);
	ck_assert_ptr_null(vpnctl_client_ask(&client, "status", NULL, &error));
	ck_assert_str_eq(error, "interrupted");
	free(error);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(client_says_that_no_daemon_is_there)
{
	expect_failure("no daemon listens on");
	close(listen_at(path));
	expect_failure("no daemon listens on");
}
END_TEST

START_TEST(client_finds_the_only_daemon)
{
	int fd = listen_at(path);
	char *error = NULL, *found = vpnctl_client_find(dir, &error);

	ck_assert_msg(found != NULL, "%s", error);
	ck_assert_str_eq(found, path);
	free(found);
	close(fd);
}
END_TEST

START_TEST(client_lists_several_daemons_and_not_those_that_are_gone)
{
	static const char *const names[] = {"a.sock", "b.sock", "gone.sock", "other"};
	char paths[4][64], *error = NULL, *found;
	int fds[4];

	for (size_t i = 0; i < 4; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%.39s/%s", dir, names[i]);
		fds[i] = listen_at(paths[i]);
	}
	close(fds[2]);
	ck_assert_ptr_null(vpnctl_client_find(dir, &error));
	ck_assert_ptr_nonnull(strstr(error, ": a, b; choose one with -i"));
	free(error);
	close(fds[1]);
	found = vpnctl_client_find(dir, &error);
	ck_assert_str_eq(found, paths[0]);
	free(found);
	close(fds[0]);
	close(fds[3]);
	for (size_t i = 0; i < 4; i++)
		unlink(paths[i]);
}
END_TEST

START_TEST(client_says_where_it_looked_for_a_daemon)
{
	char *error = NULL;

	ck_assert_ptr_null(vpnctl_client_find(dir, &error));
	ck_assert_ptr_nonnull(strstr(error, dir));
	free(error);
	ck_assert_ptr_null(vpnctl_client_find("/nonexistent", &error));
	ck_assert_ptr_nonnull(strstr(error, "/nonexistent"));
	free(error);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vpnctl");
	TCase *tc = tcase_create("vpnctl");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, status_shows_a_link_that_is_up);
	tcase_add_test(tc, status_says_why_not_and_when_again);
	tcase_add_test(tc, status_knows_whether_the_link_is_up);
	tcase_add_test(tc, every_text_survives_json_of_another_kind);
	tcase_add_test(tc, peers_are_aligned_in_columns);
	tcase_add_test(tc, stats_are_aligned_and_explained);
	tcase_add_test(tc, reload_names_what_needs_a_restart);
	tcase_add_test(tc, rates_are_differences_over_time);
	tcase_add_test(tc, metrics_are_in_prometheus_format);
	tcase_add_test(tc, metrics_tell_that_the_daemon_is_away);
	tcase_add_test(tc, control_characters_do_not_reach_the_terminal);
	tcase_add_test(tc, client_returns_the_answer);
	tcase_add_test(tc, client_returns_the_daemons_error);
	tcase_add_test(tc, client_refuses_a_short_answer);
	tcase_add_test(tc, client_refuses_a_long_answer);
	tcase_add_test(tc, client_refuses_rubbish);
	tcase_add_test(tc, client_gives_up_a_silent_daemon_in_time);
	tcase_add_test(tc, client_can_be_interrupted);
	tcase_add_test(tc, client_says_that_no_daemon_is_there);
	tcase_add_test(tc, client_finds_the_only_daemon);
	tcase_add_test(tc, client_lists_several_daemons_and_not_those_that_are_gone);
	tcase_add_test(tc, client_says_where_it_looked_for_a_daemon);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
