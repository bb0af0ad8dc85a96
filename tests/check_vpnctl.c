/*
 * mqtt-vpnctl: what it prints for the daemon's JSON, how it meets a daemon that misbehaves, and
 * the keys that it makes.
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
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aead.h"
#include "aead_hash.h"
#include "vpnctl_client.h"
#include "vpnctl_keys.h"

#define STATUS_UP                                                                               \
	"{\"version\":\"0.1.0\",\"pid\":321,\"uptime_ms\":273600000,\"wire\":\"mqtt_vpn\","     \
	"\"encrypted\":true,\"interface\":{\"name\":\"mq0\",\"mtu\":1500,\"up\":true,"          \
	"\"addresses\":[\"10.0.1.1/24\",\"fd00::1/64\"],\"forwards\":[\"172.16.0.100\"]},"      \
	"\"link\":{\"state\":\"up\",\"since_ms\":125000,\"broker\":\"mqtts://b.example:8883\"," \
	"\"address\":\"192.0.2.1:8883\",\"protocol\":\"5\",\"client_id\":\"MQTT_VPN_a1\","      \
	"\"tls\":{\"version\":\"TLSv1.3\",\"cipher\":\"TLS_AES_256_GCM_SHA384\","               \
	"\"name\":\"CN=b.example\",\"days_left\":89,\"resumed\":true,\"own_days_left\":-1},"    \
	"\"path\":{\"rtt_us\":12345,\"min_rtt_us\":9000,\"delivery_rate\":1,\"held\":2100},"    \
	"\"last_error\":null,\"retry_in_ms\":null,\"attempts\":1},"                             \
	"\"peers\":{\"configured\":2,\"learnt\":1,\"up\":null},"                                \
	"\"traffic\":{\"tx_packets\":1,\"tx_bytes\":999,\"rx_packets\":12345,"                  \
	"\"rx_bytes\":1234567,\"tx_drops\":0,\"rx_drops\":15},"                                 \
	"\"drops\":{\"rx_drop_auth\":12,\"rx_drop_qos\":3},\"warnings\":[\"take care\"]}"

#define STATUS_DOWN                                                                          \
	"{\"link\":{\"state\":\"waiting\",\"since_ms\":500,\"broker\":\"mqtt://b.example\"," \
	"\"address\":null,\"protocol\":null,\"client_id\":\"x\",\"tls\":null,"               \
	"\"last_error\":\"connection refused\",\"retry_in_ms\":3200,\"attempts\":7}}"

#define STATUS_NATIVE                                                                       \
	"{\"wire\":\"native\",\"encrypted\":true,\"network\":\"home\",\"mode\":\"pubkey\"," \
	"\"name\":\"kitchen\",\"public_key\":\"" ALICE_PUBLIC "\",\"topics\":\"hashed\","   \
	"\"peers\":{\"configured\":2,\"learnt\":1,\"up\":2}}"

#define STATUS_KEYD                                                                           \
	"{\"program\":\"mqtt-vpn-keyd\",\"version\":\"0.2.0\",\"pid\":7,\"uptime_ms\":61000," \
	"\"network\":\"home\",\"name\":\"keys\",\"public_key\":\"" ALICE_PUBLIC "\","         \
	"\"topics\":\"hashed\",\"store\":\"/var/lib/keys.db\",\"link\":{\"state\":\"up\","    \
	"\"since_ms\":500,\"broker\":\"mqtt://b.example\",\"client_id\":\"x\"},\"groups\":1," \
	"\"members\":{\"configured\":40,\"up\":3},\"traffic\":{\"tx_messages\":1,"            \
	"\"tx_bytes\":5000,\"rx_messages\":2,\"rx_bytes\":10,\"rx_drops\":4},"                \
	"\"drops\":{\"rx_drop_auth\":4},\"warnings\":[\"the disk is full\"]}"

#define GROUPS                                                                                 \
	"{\"groups\":[{\"name\":\"home\",\"method\":\"update\",\"epoch\":12,\"members\":3,"    \
	"\"evicted\":1,\"lease_s\":900,\"slot_s\":null,\"depth\":null,\"slot\":null,"          \
	"\"failing\":true},"                                                                   \
	"{\"name\":\"guests\",\"method\":\"slotted\",\"epoch\":1,\"members\":0,\"evicted\":0," \
	"\"lease_s\":60,\"slot_s\":60,\"depth\":24,\"slot\":1234,\"failing\":false}]}"

#define MEMBERS                                                                              \
	"{\"members\":[{\"name\":\"alice\",\"public_key\":\"" ALICE_PUBLIC "\",\"up\":true," \
	"\"heard_ms_ago\":5000,\"groups\":[{\"group\":\"home\",\"state\":\"in\","            \
	"\"left_s\":7260,\"sender\":17},{\"group\":\"guests\",\"state\":\"in\","             \
	"\"left_s\":null,\"sender\":2}]},"                                                   \
	"{\"name\":\"caf\u00e9\",\"up\":false,\"heard_ms_ago\":null,\"groups\":["            \
	"{\"group\":\"home\",\"state\":\"evicted\",\"left_s\":null,\"sender\":null}]}]}"

/* RFC 7748, section 6.1. */
#define ALICE_SECRET "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
#define ALICE_PUBLIC "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="

#define PEERS                                                                                   \
	"{\"peers\":[{\"name\":\"workshop\",\"told_name\":\"workshop\",\"wire\":\"native\","    \
	"\"public_key\":null,\"addresses\":[\"10.0.1.2\",\"fd00::2\"],\"routes\":["             \
	"\"192.168.5.0/24\"],\"configured\":true,\"state\":\"up\",\"session_age_ms\":61000,"    \
	"\"last_handshake_ms_ago\":61000,\"handshake_rtt_us\":38240,\"waiting\":0,\"drops\":3," \
	"\"heard_ms_ago\":5000,\"tx_packets\":1,\"tx_bytes\":84,\"rx_packets\":2000,"           \
	"\"rx_bytes\":1000000},"                                                                \
	"{\"name\":\"caf\u00e9\",\"told_name\":\"bar\",\"wire\":\"native\","                    \
	"\"addresses\":[\"10.0.1.3\"],\"routes\":[],\"configured\":true,"                       \
	"\"state\":\"connecting\",\"session_age_ms\":null,\"last_handshake_ms_ago\":null,"      \
	"\"handshake_rtt_us\":null,\"waiting\":2,\"drops\":0,\"heard_ms_ago\":null,"            \
	"\"tx_bytes\":0,\"rx_bytes\":0},"                                                       \
	"{\"name\":null,\"told_name\":\"shed\",\"wire\":\"native\",\"addresses\":["             \
	"\"10.0.1.4\"],\"routes\":[],\"configured\":false,\"state\":\"unreachable\","           \
	"\"last_handshake_ms_ago\":7200000,\"handshake_rtt_us\":1500000,\"waiting\":1,"         \
	"\"drops\":40,\"heard_ms_ago\":7200000,\"tx_bytes\":1500,\"rx_bytes\":2500},"           \
	"{\"name\":null,\"told_name\":null,\"wire\":\"mqtt_vpn\",\"addresses\":["               \
	"\"10.0.1.77\"],\"routes\":[],\"configured\":false,\"state\":null,"                     \
	"\"last_handshake_ms_ago\":null,\"handshake_rtt_us\":null,\"waiting\":null,"            \
	"\"drops\":0,\"heard_ms_ago\":119999,\"tx_bytes\":0,\"rx_bytes\":123456789}]}"

#define STATS                                                                                \
	"{\"stats\":[{\"name\":\"tx_packets\",\"unit\":\"packets\",\"help\":\"Packets \\\\ " \
	"sent.\","                                                                           \
	"\"value\":9007199254740991},{\"name\":\"x\\ny\",\"value\":1},"                      \
	"{\"name\":\"reloads\",\"unit\":\"events\",\"help\":\"Reloads.\",\"value\":0}],"     \
	"\"gauges\":{\"rss_bytes\":4096}}"

#define STAGES                                                                                  \
	"{\"stages\":{\"tunnel\":{\"offload\":\"tcp\",\"tx_packets\":12345,"                    \
	"\"tx_super_packets\":678,\"tx_cut_packets\":12,\"rx_packets\":9876,"                   \
	"\"rx_super_packets\":54,\"rx_joined_packets\":21},"                                    \
	"\"queue\":{\"waiting\":3,\"memory\":201234,\"drops_full\":0,\"drops_codel\":4,"        \
	"\"marks\":5},"                                                                         \
	"\"messages\":{\"tx\":{\"messages\":500,\"packets_per_message\":24.69,"                 \
	"\"bytes_per_message\":34100.5},\"rx\":{\"messages\":0,\"packets_per_message\":null,"   \
	"\"bytes_per_message\":null}},"                                                         \
	"\"link\":{\"path\":{\"rtt_us\":12345,\"min_rtt_us\":9000,\"delivery_rate\":2500000,"   \
	"\"held\":2100},\"blocked\":7,\"paced\":1},"                                            \
	"\"peers\":[{\"name\":\"workshop\",\"address\":\"10.0.1.2\",\"waiting\":3,"             \
	"\"delay_us\":1234,\"window\":98304,\"in_flight\":61000,\"rtt_us\":38240,"              \
	"\"min_rtt_us\":30100,\"rate\":12500000,\"lost\":0,\"drops\":4,\"marks\":5},"           \
	"{\"name\":null,\"address\":\"10.0.1.3\",\"waiting\":0,\"delay_us\":0,\"window\":null," \
	"\"in_flight\":null,\"rtt_us\":null,\"min_rtt_us\":null,\"rate\":null,\"lost\":null,"   \
	"\"drops\":0,\"marks\":0}]},"                                                           \
	"\"stats\":[{\"name\":\"reloads\",\"unit\":\"events\",\"help\":\"Reloads.\","           \
	"\"value\":0}]}"

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
	ck_assert_str_eq(text,
	    "Interface  mq0, up, MTU 1500\n"
	    "           addresses 10.0.1.1/24, fd00::1/64\n"
	    "           receives also for 172.16.0.100\n"
	    "Link       connected for 2 min 5 s\n"
	    "           broker mqtts://b.example:8883 at 192.0.2.1:8883\n"
	    "           MQTT 5, client id MQTT_VPN_a1\n"
	    "           TLSv1.3, TLS_AES_256_GCM_SHA384, resumed session\n"
	    "           broker's certificate: CN=b.example\n"
	    "           broker's certificate valid for 89 more days\n"
	    "           own certificate expired 1 day ago\n"
	    "           round trip to the broker 12.3 ms, at best 9.0 ms; 2.1 kB "
	    "under way\n"
	    "Peers      2 configured, 1 learnt\n"
	    "Sent       1 packet, 999 bytes, 0 dropped\n"
	    "Received   12345 packets, 1.2 MB (1234567 bytes), 15 dropped\n"
	    "Dropped    12 rx_drop_auth\n"
	    "           3 rx_drop_qos\n"
	    "Wire       mqtt_vpn, encrypted\n"
	    "Daemon     mqtt-vpnd 0.1.0, process 321, running for 3 d 4 h\n"
	    "Warning    take care\n");
}
END_TEST

START_TEST(status_shows_a_round_trip_of_microseconds)
{
	render(vpnctl_text_status,
	    "{\"link\":{\"state\":\"up\",\"path\":{\"rtt_us\":420,\"min_rtt_us\":31,"
	    "\"held\":0}}}");
	ck_assert_ptr_nonnull(
	    strstr(text, "round trip to the broker 0.4 ms, at best 0.03 ms; 0 B under way\n"));
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
	    vpnctl_text_reload, vpnctl_text_log, vpnctl_text_groups, vpnctl_text_members,
	    vpnctl_text_evict, vpnctl_text_admit, vpnctl_text_rotate};
	static const char *const strange[] = {"{}", "[]", "null", "1", "\"x\"",
	    "{\"interface\":[],\"link\":1,\"peers\":{\"peers\":1},\"traffic\":null,"
	    "\"drops\":[1,2],\"warnings\":[1,null,{}]}",
	    "{\"peers\":[1,null,{},{\"addresses\":[1],\"routes\":{}}],\"stats\":[1,{},\"x\"],"
	    "\"stages\":1,\"gauges\":[1],\"restart_needed\":[1],\"level\":2}",
	    "{\"stages\":{\"tunnel\":1,\"queue\":[],\"messages\":{\"tx\":\"x\"},\"link\":{\"path\":"
	    "1},"
	    "\"peers\":[1,null,{},[],{\"name\":1,\"window\":-1,\"rate\":1e99,\"rtt_us\":\"x\"}]}}",
	    "{\"stages\":{\"messages\":{\"tx\":{\"packets_per_message\":1e308,"
	    "\"bytes_per_message\":1e308}},\"peers\":{\"a\":1}}}",
	    "{\"link\":{\"state\":\"flying\",\"since_ms\":-1,\"tls\":{\"days_left\":1e99,\"own_"
	    "days_left\":-1e99}},"
	    "\"uptime_ms\":1e99,\"traffic\":{\"tx_bytes\":-5,\"rx_bytes\":1e99}}",
	    "{\"program\":\"mqtt-vpn-keyd\",\"groups\":\"x\",\"members\":[1],"
	    "\"traffic\":{\"tx_messages\":-1}}",
	    "{\"groups\":[1,null,{},{\"name\":1,\"epoch\":\"x\",\"slot_s\":1e99,\"slot\":-1,"
	    "\"lease_s\":-1,\"failing\":1}],\"member\":1,\"evicted\":{}}",
	    "{\"members\":[1,null,{},{\"groups\":1},{\"name\":2,\"heard_ms_ago\":-1,\"groups\":"
	    "[1,null,{},{\"group\":[],\"state\":\"in\",\"left_s\":1e99}]}]}"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t j = 0; j < sizeof(strange) / sizeof(strange[0]); j++)
			render(all[i], strange[j]);
	for (size_t j = 0; j < sizeof(strange) / sizeof(strange[0]); j++)
		render_metrics(NULL, strange[j], strange[j]);
}
END_TEST

START_TEST(status_tells_of_the_native_wire)
{
	render(vpnctl_text_status, STATUS_NATIVE);
	ck_assert_ptr_nonnull(strstr(text, "\nPeers      2 configured, 1 learnt, 2 up\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "\nWire       native, network home, mode pubkey, topics hashed\n"
			 "           own name kitchen\n"
			 "           own public key " ALICE_PUBLIC "\n"
			 "Daemon "));
	render(vpnctl_text_status,
	    "{\"wire\":\"native\",\"encrypted\":true,\"network\":\"home\",\"mode\":\"psk\","
	    "\"name\":null,\"public_key\":null,\"topics\":\"plain\"}");
	ck_assert_ptr_nonnull(
	    strstr(text, "\nWire       native, network home, mode psk, topics plain\nDaemon "));
}
END_TEST

START_TEST(peers_are_aligned_in_columns)
{
	render(vpnctl_text_peers, PEERS);
	ck_assert_str_eq(text,
	    "ADDRESS    NAME      STATE        HEARD      HANDSHAKE      RTT        RX      TX  "
	    "DROPS\n"
	    "10.0.1.2   workshop  up           5 s ago    61 s ago   38.2 ms    1.0 MB    84 B  "
	    "    3\n"
	    "  fd00::2\n"
	    "  192.168.5.0/24 behind it\n"
	    "10.0.1.3   caf\xc3\xa9      connecting   never      -                -       0 B     "
	    "0 B      0\n"
	    "  calls itself bar\n"
	    "  2 packets wait for a session\n"
	    "10.0.1.4   (shed)    unreachable  2 h ago    2 h ago      1.5 s    2.5 kB  1.5 kB  "
	    "   40\n"
	    "  1 packet waits for a session\n"
	    "10.0.1.77  -         mqtt_vpn     119 s ago  -                -  123.5 MB     0 B  "
	    "    0\n");
	render(vpnctl_text_peers, "{\"peers\":[]}");
	ck_assert_str_eq(text, "No peers are configured or have been learnt.\n");
}
END_TEST

START_TEST(peers_show_the_round_trip_of_late_and_what_waits_for_it)
{
	render(vpnctl_text_peers,
	    "{\"peers\":[{\"addresses\":[\"10.0.1.2\"],\"state\":\"up\",\"heard_ms_ago\":0,"
	    "\"handshake_rtt_us\":90000,\"path\":{\"rtt_us\":38240},\"waiting\":1},"
	    "{\"addresses\":[\"10.0.1.3\"],\"state\":\"connecting\",\"heard_ms_ago\":0,"
	    "\"handshake_rtt_us\":90000,\"path\":null,\"waiting\":2}]}");
	ck_assert_str_eq(text, "ADDRESS   STATE       HEARD        RTT\n"
			       "10.0.1.2  up          0 s ago  38.2 ms\n"
			       "  1 packet waits to be sent\n"
			       "10.0.1.3  connecting  0 s ago  90.0 ms\n"
			       "  2 packets wait for a session\n");
}
END_TEST

START_TEST(peers_leave_out_columns_that_nobody_fills)
{
	render(vpnctl_text_peers,
	    "{\"peers\":[{\"name\":null,\"told_name\":null,\"wire\":\"mqtt_vpn\","
	    "\"addresses\":[\"10.0.1.77\"],\"routes\":[],\"configured\":false,\"state\":null,"
	    "\"last_handshake_ms_ago\":null,\"handshake_rtt_us\":null,\"waiting\":null,"
	    "\"drops\":0,\"heard_ms_ago\":7200001,\"tx_bytes\":0,\"rx_bytes\":7}]}");
	ck_assert_str_eq(text, "ADDRESS    STATE     HEARD     RX   TX  DROPS\n"
			       "10.0.1.77  mqtt_vpn  2 h ago  7 B  0 B      0\n");
}
END_TEST

START_TEST(peers_usually_fit_a_hundred_columns)
{
	static const char *const states[] = {"up", "connecting", "unreachable", "idle"};
	char json[1024];
	size_t width = 0;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		snprintf(json, sizeof(json),
		    "{\"peers\":[{\"name\":\"green-house\",\"told_name\":\"green-house\","
		    "\"wire\":\"native\",\"addresses\":[\"10.100.1.2\"],\"state\":\"%s\","
		    "\"last_handshake_ms_ago\":7190000,\"handshake_rtt_us\":999900,\"drops\":999,"
		    "\"heard_ms_ago\":119000,\"tx_bytes\":999900000,\"rx_bytes\":999900000}]}",
		    states[i]);
		render(vpnctl_text_peers, json);
		width = strcspn(text, "\n");
		ck_assert_uint_le(width, 100);
		ck_assert_uint_eq(strcspn(text + width + 1, "\n"), width);
	}
}
END_TEST

START_TEST(a_long_name_moves_its_own_row_only)
{
	render(vpnctl_text_peers,
	    "{\"peers\":[{\"name\":null,\"addresses\":[\"10.0.1.2\"],"
	    "\"told_name\":\"123456789-123456789-123456789-123456789-123456789-123456789-123\"},"
	    "{\"name\":\"a\",\"addresses\":[\"10.0.1.3\"]}]}");
	ck_assert_str_eq(text,
	    "ADDRESS   NAME                  HEARD\n"
	    "10.0.1.2  (123456789-123456789-123456789-123456789-123456789-123456789-123)  never\n"
	    "10.0.1.3  a                     never\n");
}
END_TEST

/* A peer may tell any name: escape sequences, a second row, a turned line, half a character. */
START_TEST(names_that_peers_tell_do_not_reach_the_terminal_raw)
{
	static const char json[] =
	    "{\"peers\":[{\"name\":null,\"addresses\":[\"10.0.1.2\"],"
	    "\"told_name\":\"a\\u001b[2J\\nb\\u009bc\\u202ed\xc3\xff\"},{\"name\":\"x\","
	    "\"addresses\":[\"10.0.1.3\",\"\\u001b]0;t\\u0007\"],\"state\":\"\\u001bc\","
	    "\"told_name\":\"x\\r\\u200b\",\"routes\":[\"\\u001b[A\"]}]}";
	struct cJSON *parsed;
	FILE *out;

	for (int sanitized = 0; sanitized <= 1; sanitized++) {
		parsed = cJSON_Parse(json);
		ck_assert_ptr_nonnull(parsed);
		if (sanitized)
			vpnctl_text_sanitize_json(parsed);
		free(text);
		out = open_memstream(&text, &text_len);
		vpnctl_text_peers(out, parsed);
		fclose(out);
		cJSON_Delete(parsed);
		ck_assert_str_eq(text, "ADDRESS   NAME                STATE  HEARD\n"
				       "10.0.1.2  (a?[2J?b??c???d?\?)  -      never\n"
				       "10.0.1.3  x                   ?c     never\n"
				       "  ?]0;t?\n"
				       "  ?[A behind it\n"
				       "  calls itself x????\n");
	}
}
END_TEST

START_TEST(json_keeps_what_a_terminal_would_obey_as_escapes)
{
	FILE *out = open_memstream(&text, &text_len);

	vpnctl_text_print_json(out, "{\n\t\"a\": \"\x7f\xc2\x9b\xc3\xa4\xe2\x80\xae"
				    "\xf3\xa0\x80\x81\xf0\x9f\x90\x9f\xff\xc3\"\n}");
	fclose(out);
	ck_assert_str_eq(text, "{\n\t\"a\": \"\\u007f\\u009b\xc3\xa4\\u202e"
			       "\\udb40\\udc01\xf0\x9f\x90\x9f\\ufffd\\ufffd\"\n}\n");
}
END_TEST

START_TEST(text_that_is_not_utf8_becomes_question_marks)
{
	static const struct {
		const char *raw, *safe;
	} cases[] = {
	    {"\x9b[31m", "?[31m"}, {"\xc1\x81", "??"}, /* an A, too long */
	    {"\xe0\x81\x81", "???"},		       /* and longer */
	    {"\xed\xa0\x80", "???"},		       /* a surrogate */
	    {"\xf4\x90\x80\x80", "????"},	       /* beyond U+10FFFF */
	    {"\xf8\x88\x80\x80\x80", "?????"},	       /* five bytes */
	    {"\xe2\x82", "??"},			       /* cut */
	    {"\xe2\x82\n", "???"},		       /* cut, and something follows */
	    {"\xef\xbf\xbd\xf0\x9f\x90\x9f", "\xef\xbf\xbd\xf0\x9f\x90\x9f"}, /* is */
	};
	char buf[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(buf, sizeof(buf), "%s", cases[i].raw);
		vpnctl_text_sanitize(buf);
		ck_assert_str_eq(buf, cases[i].safe);
	}
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

START_TEST(stats_begin_with_the_stages_that_a_packet_passes)
{
	render(vpnctl_text_stats, STAGES);
	ck_assert_str_eq(text,
	    "STAGE                                   SENT      RECEIVED\n"
	    "Tunnel    offload                        tcp\n"
	    "          packets                      12345          9876\n"
	    "          super-packets                  678            54\n"
	    "          made by cutting                 12\n"
	    "          joined                                        21\n"
	    "Queue     packets that wait                3\n"
	    "          memory                    201.2 kB\n"
	    "          dropped, it was full             0\n"
	    "          dropped by CoDel                 4\n"
	    "          marked (ECN)                     5\n"
	    "Messages  messages                       500             0\n"
	    "          packets in each               24.7             -\n"
	    "          bytes in each              34.1 kB             -\n"
	    "Link      round trip                 12.3 ms\n"
	    "          round trip at best          9.0 ms\n"
	    "          rate seen                 2.5 MB/s\n"
	    "          under way                   2.1 kB\n"
	    "          times blocked                    7\n"
	    "          times paced                      1\n"
	    "\n"
	    "PEER      WAITING   DELAY  DROPS  MARKS   WINDOW  UNDER WAY      RTT  AT BEST       "
	    "RATE  LOST\n"
	    "workshop        3  1.2 ms      4      5  98.3 kB    61.0 kB  38.2 ms  30.1 ms  12.5 "
	    "MB/s   0 B\n"
	    "10.0.1.3        0  0.0 ms      0      0        -          -        -        -       "
	    "   -     -\n"
	    "\n"
	    "reloads             0  events    Reloads.\n");
}
END_TEST

START_TEST(stages_without_peers_or_connection_leave_no_empty_table)
{
	render(vpnctl_text_stats,
	    "{\"stages\":{\"link\":{\"path\":null,\"blocked\":0},\"peers\":[]},"
	    "\"gauges\":{\"rss_bytes\":4096}}");
	ck_assert_ptr_nonnull(strstr(text, "\nLink      round trip                       -\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n          times blocked                    0\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "\n          times paced                      -\n\nrss_bytes "));
	ck_assert_ptr_null(strstr(text, "PEER"));
}
END_TEST

/* A peer's name may have come from elsewhere, as all that the daemon tells. */
START_TEST(stages_do_not_reach_the_terminal_raw)
{
	static const char json[] =
	    "{\"stages\":{\"tunnel\":{\"offload\":\"\\u001b[2J\"},\"peers\":[{\"name\":"
	    "\"a\\u001b[2J\\nb\\u009bc\\u202ed\xc3\xff\"},{\"address\":\"\\u001bc\",\"waiting\":1}]"
	    "}}";
	struct cJSON *raw = cJSON_Parse(json);
	FILE *out;

	ck_assert_ptr_nonnull(raw);
	free(text);
	out = open_memstream(&text, &text_len);
	vpnctl_text_stats(out, raw);
	fclose(out);
	cJSON_Delete(raw);
	ck_assert_ptr_nonnull(strstr(text, "Tunnel    offload                       ?[2J\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nPEER              WAITING\n"
					   "a?[2J?b??c???d?\?        -\n"
					   "?c                      1\n\n"));
}
END_TEST

START_TEST(status_of_a_key_server_tells_of_its_members)
{
	render(vpnctl_text_status, STATUS_KEYD);
	ck_assert_str_eq(text, "Key server network home, topics hashed\n"
			       "           1 group, 40 members, 3 with a session\n"
			       "           own public key " ALICE_PUBLIC "\n"
			       "           store /var/lib/keys.db\n"
			       "Link       connected for 0.5 s\n"
			       "           broker mqtt://b.example\n"
			       "           client id x\n"
			       "Sent       1 message, 5.0 kB (5000 bytes), 0 dropped\n"
			       "Received   2 messages, 10 bytes, 4 dropped\n"
			       "Dropped    4 rx_drop_auth\n"
			       "Daemon     mqtt-vpn-keyd 0.2.0, process 7, running for 1 min 1 s\n"
			       "Warning    the disk is full\n");
}
END_TEST

START_TEST(groups_tell_of_their_slots_and_of_what_failed)
{
	render(vpnctl_text_groups, GROUPS);
	ck_assert_str_eq(text,
	    "GROUP   METHOD   EPOCH  MEMBERS  EVICTED  LEASE              SLOT\n"
	    "home    update      12        3        1  900 s                 -\n"
	    "  its last change could not be kept: see status\n"
	    "guests  slotted      1        0        0   60 s  1234 (60 s each)\n");
	render(vpnctl_text_groups, "{\"groups\":[]}");
	ck_assert_str_eq(text, "No groups are configured.\n");
}
END_TEST

START_TEST(members_have_a_row_for_each_group)
{
	render(vpnctl_text_members, MEMBERS);
	ck_assert_str_eq(text, "MEMBER  GROUP   STATE    TIME LEFT  SENDER  HEARD  \n"
			       "alice   home    in       2 h 1 min      17  5 s ago\n"
			       "alice   guests  in          no end       2  5 s ago\n"
			       "caf\u00e9    home    evicted          -       -  -      \n");
	render(vpnctl_text_members, "{\"members\":[]}");
	ck_assert_str_eq(text, "No members are configured.\n");
}
END_TEST

START_TEST(a_members_name_does_not_reach_the_terminal_raw)
{
	render(vpnctl_text_members, "{\"members\":[{\"name\":\"a\\u001b[2J\",\"groups\":["
				    "{\"group\":\"b\\u009b\",\"state\":\"\\u001bc\"}]}]}");
	ck_assert_ptr_null(strchr(text, '\033'));
	ck_assert_ptr_null(strstr(text, "\xc2\x9b"));
	ck_assert_ptr_nonnull(strstr(text, "a?[2J"));
}
END_TEST

START_TEST(what_was_decided_is_said_in_words)
{
	render(vpnctl_text_evict, "{\"member\":\"alice\",\"evicted\":2}");
	ck_assert_str_eq(text, "alice was put out of 2 groups.\n");
	render(vpnctl_text_admit, "{\"member\":\"alice\",\"admitted\":1}");
	ck_assert_str_eq(text, "alice may join again: 1 group.\n");
	render(vpnctl_text_rotate, "{\"group\":\"home\",\"epoch\":13}");
	ck_assert_str_eq(text, "home has a new key: epoch 13.\n");
}
END_TEST

START_TEST(metrics_of_a_key_server_count_its_members)
{
	render_metrics(NULL, STATUS_KEYD, STATS);
	ck_assert_ptr_nonnull(strstr(text, "\nmqtt_vpn_keyd_up 1\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nmqtt_vpn_keyd_members 40\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nmqtt_vpn_keyd_members_up 3\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nmqtt_vpn_keyd_groups 1\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nmqtt_vpn_keyd_warnings 1\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nmqtt_vpn_keyd_reloads_total 0\n"));
	ck_assert_ptr_null(strstr(text, "mqtt_vpnd"));
	ck_assert_ptr_null(strstr(text, "peers"));
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
	    "# HELP mqtt_vpnd_peers Peers that are configured or have been learnt.\n"
	    "# TYPE mqtt_vpnd_peers gauge\n"
	    "mqtt_vpnd_peers 3\n"
	    "# HELP mqtt_vpnd_peers_configured Peers that are configured.\n"
	    "# TYPE mqtt_vpnd_peers_configured gauge\n"
	    "mqtt_vpnd_peers_configured 2\n"
	    "# HELP mqtt_vpnd_peers_learnt Peers that are not configured.\n"
	    "# TYPE mqtt_vpnd_peers_learnt gauge\n"
	    "mqtt_vpnd_peers_learnt 1\n"
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

START_TEST(metrics_count_the_peers_that_are_up)
{
	render_metrics("mq0", STATUS_NATIVE, STATS);
	ck_assert_ptr_nonnull(strstr(text, "\nmqtt_vpnd_peers_up{interface=\"mq0\"} 2\n"));
	render_metrics("mq0", STATUS_UP, STATS);
	ck_assert_ptr_null(strstr(text, "mqtt_vpnd_peers_up"));
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
	expect_failure("any longer");
}
END_TEST

START_TEST(client_tells_a_file_from_a_socket)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ne(fd, -1);
	close(fd);
	expect_failure("is not a socket");
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

static int
temporary_file(mode_t mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	return fd;
}

/* Gives input, runs fn, and returns what it wrote in buf. */
static int
run_key(vpnctl_keys_fn fn, const void *input, size_t len, char *buf, size_t size, char **error)
{
	int in[2], out = temporary_file(0600), rc;
	ssize_t n;

	ck_assert_int_eq(pipe(in), 0);
	ck_assert_int_eq(write(in[1], input, len), (ssize_t)len);
	close(in[1]);
	rc = fn(in[0], out, error);
	n = pread(out, buf, size - 1, 0);
	ck_assert_int_ge(n, 0);
	buf[n] = '\0';
	close(in[0]);
	close(out);
	return rc;
}

static void
refuse_key(const void *input, size_t len, const char *part)
{
	char *error = NULL, out[64];

	ck_assert_int_eq(run_key(vpnctl_keys_pubkey, input, len, out, sizeof(out), &error), -1);
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error, part) != NULL, "%s", error);
	ck_assert_ptr_nonnull(strstr(error, "expected a private key"));
	ck_assert_str_eq(out, "");
	free(error);
}

/* A key and a newline, another one each time. */
static void
expect_new_keys(vpnctl_keys_fn fn)
{
	char first[64], second[64], *error = NULL;
	uint8_t key[AEAD_KEY_LEN];

	ck_assert_int_eq(run_key(fn, "", 0, first, sizeof(first), &error), 0);
	ck_assert_int_eq(run_key(fn, "", 0, second, sizeof(second), &error), 0);
	ck_assert_ptr_null(error);
	ck_assert_str_ne(first, second);
	ck_assert_uint_eq(strlen(first), AEAD_KEY_TEXT);
	ck_assert_int_eq(first[AEAD_KEY_TEXT - 1], '\n');
	first[AEAD_KEY_TEXT - 1] = '\0';
	ck_assert_int_eq(aead_key_parse(key, first), 0);
}

START_TEST(genkey_and_genpsk_make_new_keys)
{
	expect_new_keys(vpnctl_keys_genkey);
	expect_new_keys(vpnctl_keys_genpsk);
}
END_TEST

START_TEST(pubkey_prints_the_public_key)
{
	static const char *const inputs[] = {
	    ALICE_SECRET, ALICE_SECRET "\n", ALICE_SECRET "\r\n", ALICE_SECRET " \t\n\n"};
	char out[64], *error = NULL;

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		ck_assert_int_eq(run_key(vpnctl_keys_pubkey, inputs[i], strlen(inputs[i]), out,
				     sizeof(out), &error),
		    0);
		ck_assert_str_eq(out, ALICE_PUBLIC "\n");
	}
}
END_TEST

START_TEST(pubkey_takes_what_genkey_makes)
{
	char secret[64], public[64], *error = NULL;

	ck_assert_int_eq(run_key(vpnctl_keys_genkey, "", 0, secret, sizeof(secret), &error), 0);
	ck_assert_int_eq(
	    run_key(vpnctl_keys_pubkey, secret, strlen(secret), public, sizeof(public), &error), 0);
	ck_assert_str_ne(secret, public);
}
END_TEST

START_TEST(pubkey_says_what_it_expected_and_not_what_it_got)
{
	static const struct {
		const char *input, *part;
	} cases[] = {
	    {"", "is empty"},
	    {"\n \n", "is empty"},
	    {"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo", "has 43 characters"},
	    {ALICE_SECRET "=", "has 45 characters"},
	    {ALICE_SECRET " # mine", "more than a key"},
	    {ALICE_SECRET "\n" ALICE_SECRET "\n", "more than a key"},
	    {" " ALICE_SECRET, "more than a key"},
	    {"dwdtCnMYpX08FsFyUbJm d9ML4frwJkqsXf7pR25LCo=", "more than a key"},
	    {"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LC-=", "not base64"},
	};
	char *error = NULL, long_input[300], out[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refuse_key(cases[i].input, strlen(cases[i].input), cases[i].part);
	refuse_key(ALICE_SECRET "\0\n", AEAD_KEY_TEXT + 1, "more than a key");
	memset(long_input, 'A', sizeof(long_input));
	refuse_key(long_input, sizeof(long_input), "too long");
	ck_assert_int_eq(
	    run_key(vpnctl_keys_pubkey, "not/a/secret", 12, out, sizeof(out), &error), -1);
	ck_assert_ptr_null(strstr(error, "not/a/secret"));
	free(error);
}
END_TEST

START_TEST(pubkey_reads_from_no_terminal)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char *error = NULL;

	if (terminal == -1)
		return; /* a container may have none */
	ck_assert_int_eq(vpnctl_keys_pubkey(terminal, -1, &error), -1);
	ck_assert_ptr_nonnull(strstr(error, "is a terminal"));
	free(error);
	close(terminal);
}
END_TEST

START_TEST(a_key_that_cannot_be_written_is_an_error)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	char *error = NULL;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(vpnctl_keys_genkey(-1, fd, &error), -1);
	ck_assert_ptr_nonnull(strstr(error, "cannot write the key"));
	free(error);
	close(fd);
}
END_TEST

START_TEST(a_secret_where_others_can_read_it_is_warned_of)
{
	static const struct {
		mode_t mode;
		const char *part; /* NULL: no warning */
	} cases[] = {{0600, NULL}, {0640, NULL}, {0400, NULL}, {0644, "mode 0644"},
	    {0604, "umask 077"}, {0660, "mode 0660"}};
	char *warning;
	int fd;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fd = temporary_file(cases[i].mode);
		warning = vpnctl_keys_warning(fd);
		if (cases[i].part == NULL)
			ck_assert_ptr_null(warning);
		else
			ck_assert(warning != NULL && strstr(warning, cases[i].part) != NULL);
		free(warning);
		close(fd);
		unlink(path);
	}
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	ck_assert_ptr_null(vpnctl_keys_warning(fd));
	close(fd);
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
	tcase_add_test(tc, status_shows_a_round_trip_of_microseconds);
	tcase_add_test(tc, status_says_why_not_and_when_again);
	tcase_add_test(tc, status_knows_whether_the_link_is_up);
	tcase_add_test(tc, every_text_survives_json_of_another_kind);
	tcase_add_test(tc, status_tells_of_the_native_wire);
	tcase_add_test(tc, peers_are_aligned_in_columns);
	tcase_add_test(tc, peers_show_the_round_trip_of_late_and_what_waits_for_it);
	tcase_add_test(tc, peers_leave_out_columns_that_nobody_fills);
	tcase_add_test(tc, peers_usually_fit_a_hundred_columns);
	tcase_add_test(tc, a_long_name_moves_its_own_row_only);
	tcase_add_test(tc, names_that_peers_tell_do_not_reach_the_terminal_raw);
	tcase_add_test(tc, json_keeps_what_a_terminal_would_obey_as_escapes);
	tcase_add_test(tc, text_that_is_not_utf8_becomes_question_marks);
	tcase_add_test(tc, stats_are_aligned_and_explained);
	tcase_add_test(tc, stats_begin_with_the_stages_that_a_packet_passes);
	tcase_add_test(tc, stages_without_peers_or_connection_leave_no_empty_table);
	tcase_add_test(tc, stages_do_not_reach_the_terminal_raw);
	tcase_add_test(tc, status_of_a_key_server_tells_of_its_members);
	tcase_add_test(tc, groups_tell_of_their_slots_and_of_what_failed);
	tcase_add_test(tc, members_have_a_row_for_each_group);
	tcase_add_test(tc, a_members_name_does_not_reach_the_terminal_raw);
	tcase_add_test(tc, what_was_decided_is_said_in_words);
	tcase_add_test(tc, metrics_of_a_key_server_count_its_members);
	tcase_add_test(tc, reload_names_what_needs_a_restart);
	tcase_add_test(tc, rates_are_differences_over_time);
	tcase_add_test(tc, metrics_are_in_prometheus_format);
	tcase_add_test(tc, metrics_count_the_peers_that_are_up);
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
	tcase_add_test(tc, client_tells_a_file_from_a_socket);
	tcase_add_test(tc, client_finds_the_only_daemon);
	tcase_add_test(tc, client_lists_several_daemons_and_not_those_that_are_gone);
	tcase_add_test(tc, client_says_where_it_looked_for_a_daemon);
	tcase_add_test(tc, genkey_and_genpsk_make_new_keys);
	tcase_add_test(tc, pubkey_prints_the_public_key);
	tcase_add_test(tc, pubkey_takes_what_genkey_makes);
	tcase_add_test(tc, pubkey_says_what_it_expected_and_not_what_it_got);
	tcase_add_test(tc, pubkey_reads_from_no_terminal);
	tcase_add_test(tc, a_key_that_cannot_be_written_is_an_error);
	tcase_add_test(tc, a_secret_where_others_can_read_it_is_warned_of);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
