/*
 * The daemon's JSON as text for people.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "util.h"
#include "vpnctl_json.h"
#include "vpnctl_text_internal.h"

#define KEY_SERVER "mqtt-vpn-keyd"
#define LABEL_WIDTH 11
#define DURATION_TEXT_MAX 32

static const char *
or_dash(const char *text)
{
	return text != NULL ? text : "-";
}

bool
vpnctl_text_link_is_up(const struct cJSON *status)
{
	const char *state = vpnctl_get_text(vpnctl_item(status, "link"), "state");

	return state != NULL && strcmp(state, "up") == 0;
}

bool
vpnctl_text_may_send(const struct cJSON *status)
{
	return !cJSON_IsFalse(vpnctl_item(vpnctl_item(status, "group"), "may_send"));
}

/* One line under a label of the first column; "" continues the label above. */
static void __attribute__((format(printf, 3, 4)))
line(FILE *out, const char *label, const char *fmt, ...)
{
	va_list ap;

	fprintf(out, "%-*s", LABEL_WIDTH, label);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	fputc('\n', out);
}

static void
list_line(FILE *out, const char *before, const struct cJSON *list)
{
	const struct cJSON *item;
	const char *between = "";

	if (cJSON_GetArraySize(list) == 0)
		return;
	fprintf(out, "%-*s%s", LABEL_WIDTH, "", before);
	cJSON_ArrayForEach(item, list)
	{
		fprintf(out, "%s%s", between, or_dash(cJSON_GetStringValue(item)));
		between = ", ";
	}
	fputc('\n', out);
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

const char *
vpnctl_text_scaled(double value, char *buf, size_t size)
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
	size_t i = 0;

	/* 999.95 would be printed as 1000.0. */
	while (value >= 999.95 && i + 1 < ARRAY_LEN(units)) {
		value /= 1000;
		i++;
	}
	snprintf(buf, size, "%.*f %s", i == 0 && value == (uint64_t)value ? 0 : 1, value, units[i]);
	return buf;
}

static const char *
format_size(uint64_t bytes, char *buf, size_t size)
{
	char scaled[VPNCTL_SCALED_MAX];

	if (bytes < 1000)
		snprintf(buf, size, "%" PRIu64 " byte%s", bytes, plural(bytes));
	else
		snprintf(buf, size, "%sB (%" PRIu64 " bytes)",
		    vpnctl_text_scaled((double)bytes, scaled, sizeof(scaled)), bytes);
	return buf;
}

static void
print_interface(FILE *out, const struct cJSON *interface)
{
	line(out, "Interface", "%s, %s, MTU %" PRIu64, or_dash(vpnctl_get_text(interface, "name")),
	    vpnctl_get_bool(interface, "up") ? "up" : "down", vpnctl_get_uint(interface, "mtu"));
	list_line(out, "addresses ", vpnctl_item(interface, "addresses"));
	list_line(out, "receives also for ", vpnctl_item(interface, "forwards"));
}

static void
print_days(FILE *out, const char *what, const struct cJSON *days)
{
	int64_t left;

	if (!cJSON_IsNumber(days))
		return;
	left = days->valueint;
	if (left < 0)
		line(out, "", "%s expired %" PRId64 " day%s ago", what, -left,
		    plural((uint64_t)-left));
	else
		line(out, "", "%s valid for %" PRId64 " more day%s", what, left,
		    plural((uint64_t)left));
}

static void
print_tls(FILE *out, const struct cJSON *tls)
{
	if (!cJSON_IsObject(tls))
		return;
	line(out, "", "%s, %s%s", or_dash(vpnctl_get_text(tls, "version")),
	    or_dash(vpnctl_get_text(tls, "cipher")),
	    vpnctl_get_bool(tls, "resumed") ? ", resumed session" : "");
	if (vpnctl_get_text(tls, "name") != NULL)
		line(out, "", "broker's certificate: %s", vpnctl_get_text(tls, "name"));
	print_days(out, "broker's certificate", vpnctl_item(tls, "days_left"));
	print_days(out, "own certificate", vpnctl_item(tls, "own_days_left"));
}

/* buf has VPNCTL_CELL_MAX bytes. */
static const char *
number_text(const struct cJSON *object, const char *name, enum vpnctl_unit unit, char *buf)
{
	return or_dash(vpnctl_text_number(vpnctl_item(object, name), unit, buf, VPNCTL_CELL_MAX));
}

static void
print_path(FILE *out, const struct cJSON *path)
{
	char rtt[VPNCTL_CELL_MAX], best[VPNCTL_CELL_MAX], held[VPNCTL_CELL_MAX];

	if (!cJSON_IsObject(path))
		return;
	line(out, "", "round trip to the broker %s, at best %s; %s under way",
	    number_text(path, "rtt_us", VPNCTL_US, rtt),
	    number_text(path, "min_rtt_us", VPNCTL_US, best),
	    number_text(path, "held", VPNCTL_BYTES, held));
}

static void
print_link_state(FILE *out, const struct cJSON *link)
{
	static const struct {
		const char *state, *text;
	} words[] = {
	    {"up", "connected"},
	    {"waiting", "not connected, waiting"},
	    {"resolving", "resolving the broker's name"},
	    {"connecting", "connecting"},
	    {"subscribing", "subscribing"},
	    {"probing", "testing whether messages arrive"},
	};
	const char *text = or_dash(vpnctl_get_text(link, "state"));
	char duration[DURATION_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(text, words[i].state) == 0) {
			text = words[i].text;
			break;
		}
	line(out, "Link", "%s for %s", text,
	    util_format_duration(vpnctl_get_uint(link, "since_ms"), duration, sizeof(duration)));
}

static void
print_link(FILE *out, const struct cJSON *link)
{
	const char *broker = vpnctl_get_text(link, "broker"),
		   *address = vpnctl_get_text(link, "address");
	const char *protocol = vpnctl_get_text(link, "protocol");
	uint64_t attempts = vpnctl_get_uint(link, "attempts");
	char duration[DURATION_TEXT_MAX];

	print_link_state(out, link);
	if (cJSON_IsNumber(vpnctl_item(link, "retry_in_ms")))
		line(out, "", "next try in %s, %" PRIu64 " so far",
		    util_format_duration(
			vpnctl_get_uint(link, "retry_in_ms"), duration, sizeof(duration)),
		    attempts);
	if (vpnctl_get_text(link, "last_error") != NULL)
		line(out, "", "last error: %s", vpnctl_get_text(link, "last_error"));
	if (broker != NULL && address != NULL)
		line(out, "", "broker %s at %s", broker, address);
	else if (broker != NULL)
		line(out, "", "broker %s", broker);
	line(out, "", "%s%s%sclient id %s", protocol != NULL ? "MQTT " : "",
	    protocol != NULL ? protocol : "", protocol != NULL ? ", " : "",
	    or_dash(vpnctl_get_text(link, "client_id")));
	print_tls(out, vpnctl_item(link, "tls"));
	print_path(out, vpnctl_item(link, "path"));
}

/* A key server knows messages only. */
static const char *
unit_of(const struct cJSON *traffic)
{
	return cJSON_IsNumber(vpnctl_item(traffic, "tx_messages")) ? "message" : "packet";
}

/* "tx_packets" and the like. */
static uint64_t
count_of(const struct cJSON *traffic, const char *direction, const char *what, const char *end)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%s%s", direction, what, end);
	return vpnctl_get_uint(traffic, name);
}

static void
print_direction(FILE *out, const char *label, const struct cJSON *traffic, const char *direction)
{
	const char *unit = unit_of(traffic);
	uint64_t n = count_of(traffic, direction, unit, "s");
	char size[VPNCTL_SCALED_MAX];

	line(out, label, "%" PRIu64 " %s%s, %s, %" PRIu64 " dropped", n, unit, plural(n),
	    format_size(count_of(traffic, direction, "bytes", ""), size, sizeof(size)),
	    count_of(traffic, direction, "drops", ""));
}

static void
print_lease(FILE *out, const struct cJSON *group)
{
	const struct cJSON *server = vpnctl_item(group, "key_server");
	char left[DURATION_TEXT_MAX], ago[DURATION_TEXT_MAX] = "never";

	if (cJSON_IsNumber(vpnctl_item(server, "heard_ms_ago")))
		util_format_duration(vpnctl_get_uint(server, "heard_ms_ago"), ago, sizeof(ago));
	util_format_duration(vpnctl_get_uint(group, "lease_ms_left"), left, sizeof(left));
	line(out, "", "key server heard %s%s", ago, strcmp(ago, "never") != 0 ? " ago" : "");
	if (cJSON_IsTrue(vpnctl_item(group, "may_send")))
		line(out, "", "may send for %s without another word from it", left);
	else
		line(out, "", "must not send");
}

/* What a node is a member of, if it is. */
static void
print_group(FILE *out, const struct cJSON *group)
{
	const char *state = vpnctl_get_text(group, "state"),
		   *reason = vpnctl_get_text(group, "reason");

	if (state == NULL)
		return;
	if (strcmp(state, "in") == 0)
		line(out, "Group", "%s: in, epoch %" PRIu64 ", sender id %" PRIu64,
		    or_dash(vpnctl_get_text(group, "name")), vpnctl_get_uint(group, "epoch"),
		    vpnctl_get_uint(group, "sender"));
	else
		line(out, "Group", "%s: %s", or_dash(vpnctl_get_text(group, "name")), state);
	if (reason != NULL)
		line(out, "", "the key server says: %s", reason);
	print_lease(out, group);
}

/* Peers of the mqtt_vpn wire are not up or down. */
static void
print_peer_counts(FILE *out, const struct cJSON *peers)
{
	char up[48] = "";

	if (cJSON_IsNumber(vpnctl_item(peers, "up")))
		snprintf(up, sizeof(up), ", %" PRIu64 " up", vpnctl_get_uint(peers, "up"));
	line(out, "Peers", "%" PRIu64 " configured, %" PRIu64 " learnt%s",
	    vpnctl_get_uint(peers, "configured"), vpnctl_get_uint(peers, "learnt"), up);
}

static void
print_wire(FILE *out, const struct cJSON *status)
{
	const char *wire = or_dash(vpnctl_get_text(status, "wire")),
		   *network = vpnctl_get_text(status, "network"),
		   *name = vpnctl_get_text(status, "name"),
		   *key = vpnctl_get_text(status, "public_key");

	if (network != NULL)
		line(out, "Wire", "%s, network %s, mode %s, topics %s", wire, network,
		    or_dash(vpnctl_get_text(status, "mode")),
		    or_dash(vpnctl_get_text(status, "topics")));
	else
		line(out, "Wire", "%s, %s", wire,
		    vpnctl_get_bool(status, "encrypted") ? "encrypted" : "not encrypted");
	if (name != NULL)
		line(out, "", "own name %s", name);
	if (key != NULL)
		line(out, "", "own public key %s", key);
}

bool
vpnctl_text_is_key_server(const struct cJSON *status)
{
	const char *program = vpnctl_get_text(status, "program");

	return program != NULL && strcmp(program, KEY_SERVER) == 0;
}

static void
print_key_server(FILE *out, const struct cJSON *status)
{
	const struct cJSON *members = vpnctl_item(status, "members");
	uint64_t groups = vpnctl_get_uint(status, "groups"),
		 configured = vpnctl_get_uint(members, "configured");

	line(out, "Key server", "network %s, topics %s",
	    or_dash(vpnctl_get_text(status, "network")),
	    or_dash(vpnctl_get_text(status, "topics")));
	line(out, "", "%" PRIu64 " group%s, %" PRIu64 " member%s, %" PRIu64 " with a session",
	    groups, plural(groups), configured, plural(configured), vpnctl_get_uint(members, "up"));
	line(out, "", "own public key %s", or_dash(vpnctl_get_text(status, "public_key")));
	line(out, "", "store %s", or_dash(vpnctl_get_text(status, "store")));
}

void
vpnctl_text_status(FILE *out, const struct cJSON *status)
{
	const struct cJSON *traffic = vpnctl_item(status, "traffic"), *item;
	const char *label = "Dropped";
	char duration[DURATION_TEXT_MAX];

	bool keyd = vpnctl_text_is_key_server(status);

	if (keyd)
		print_key_server(out, status);
	else
		print_interface(out, vpnctl_item(status, "interface"));
	print_link(out, vpnctl_item(status, "link"));
	print_group(out, vpnctl_item(status, "group"));
	if (!keyd)
		print_peer_counts(out, vpnctl_item(status, "peers"));
	print_direction(out, "Sent", traffic, "tx");
	print_direction(out, "Received", traffic, "rx");
	cJSON_ArrayForEach(item, vpnctl_item(status, "drops"))
	{
		line(out, label, "%" PRIu64 " %s", vpnctl_to_uint(item), or_dash(item->string));
		label = "";
	}
	if (!keyd)
		print_wire(out, status);
	line(out, "Daemon", "%s %s, process %" PRIu64 ", running for %s",
	    keyd ? KEY_SERVER : "mqtt-vpnd", or_dash(vpnctl_get_text(status, "version")),
	    vpnctl_get_uint(status, "pid"),
	    util_format_duration(vpnctl_get_uint(status, "uptime_ms"), duration, sizeof(duration)));
	cJSON_ArrayForEach(item, vpnctl_item(status, "warnings"))
	    line(out, "Warning", "%s", or_dash(cJSON_GetStringValue(item)));
}

static void
print_rate(FILE *out, const char *label, const struct cJSON *before, const struct cJSON *traffic,
    const char *direction, uint64_t elapsed_ms)
{
	const char *unit = unit_of(traffic);
	uint64_t count_before = count_of(before, direction, unit, "s"),
		 bytes_before = count_of(before, direction, "bytes", "");
	uint64_t count_now = count_of(traffic, direction, unit, "s"),
		 bytes_now = count_of(traffic, direction, "bytes", "");
	char rate[VPNCTL_SCALED_MAX], byte_rate[VPNCTL_SCALED_MAX];
	double seconds = (double)elapsed_ms / 1000;

	/* A daemon that was started again counts from 0. */
	if (count_now < count_before || bytes_now < bytes_before)
		count_before = bytes_before = 0;
	vpnctl_text_scaled((double)(count_now - count_before) / seconds, rate, sizeof(rate));
	vpnctl_text_scaled(
	    (double)(bytes_now - bytes_before) / seconds, byte_rate, sizeof(byte_rate));
	line(out, label, "%sB/s, %s%ss/s", byte_rate, rate, unit);
}

void
vpnctl_text_rates(
    FILE *out, const struct cJSON *before, const struct cJSON *status, uint64_t elapsed_ms)
{
	const struct cJSON *then = vpnctl_item(before, "traffic"),
			   *now = vpnctl_item(status, "traffic");

	if (elapsed_ms == 0)
		elapsed_ms = 1;
	print_rate(out, "Sending", then, now, "tx", elapsed_ms);
	print_rate(out, "Receiving", then, now, "rx", elapsed_ms);
}

static void
widen(int *width, const char *text)
{
	int len = (int)strlen(text);

	if (len > *width)
		*width = len;
}

void
vpnctl_text_stats(FILE *out, const struct cJSON *stats)
{
	const struct cJSON *list = vpnctl_item(stats, "stats"),
			   *gauges = vpnctl_item(stats, "gauges"), *item;
	int width = 0;

	vpnctl_text_stages(out, vpnctl_item(stats, "stages"));
	cJSON_ArrayForEach(item, list) widen(&width, or_dash(vpnctl_get_text(item, "name")));
	cJSON_ArrayForEach(item, gauges) widen(&width, or_dash(item->string));
	cJSON_ArrayForEach(item, list)
	{
		const char *unit = vpnctl_get_text(item, "unit"),
			   *help = vpnctl_get_text(item, "help");

		fprintf(out, "%-*s  %12" PRIu64 "  %-8s  %s\n", width,
		    or_dash(vpnctl_get_text(item, "name")), vpnctl_get_uint(item, "value"),
		    or_dash(unit), or_dash(help));
	}
	cJSON_ArrayForEach(item, gauges) fprintf(
	    out, "%-*s  %12" PRIu64 "\n", width, or_dash(item->string), vpnctl_to_uint(item));
}

void
vpnctl_text_reload(FILE *out, const struct cJSON *reload)
{
	const struct cJSON *item;

	fputs("The configuration was read again.\n", out);
	cJSON_ArrayForEach(item, vpnctl_item(reload, "restart_needed")) fprintf(
	    out, "Takes effect after a restart only: %s\n", or_dash(cJSON_GetStringValue(item)));
}

void
vpnctl_text_log(FILE *out, const struct cJSON *log)
{
	fprintf(out, "The log level is %s.\n", or_dash(vpnctl_get_text(log, "level")));
}
