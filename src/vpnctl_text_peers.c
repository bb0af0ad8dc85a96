/*
 * The peers as a table.
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

const char *
vpnctl_text_ago(const struct cJSON *ago, char *buf, size_t size)
{
	static const struct {
		uint64_t unit_ms, end_ms;
		const char *name;
	} units[] = {{1000, 120000, "s"}, {60000, 7200000, "min"}, {3600000, 172800000, "h"}};
	uint64_t ms = vpnctl_to_uint(ago);

	if (!cJSON_IsNumber(ago))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (ms < units[i].end_ms) {
			snprintf(
			    buf, size, "%" PRIu64 " %s ago", ms / units[i].unit_ms, units[i].name);
			return buf;
		}
	}
	snprintf(buf, size, "%" PRIu64 " d ago", ms / 86400000);
	return buf;
}

static const char *
address_text(const struct cJSON *peer, char *buf, size_t size)
{
	return cJSON_GetStringValue(cJSON_GetArrayItem(vpnctl_item(peer, "addresses"), 0));
}

/* In parentheses it is only what the peer says of itself. */
static const char *
name_text(const struct cJSON *peer, char *buf, size_t size)
{
	const char *name = vpnctl_get_text(peer, "name"),
		   *told = vpnctl_get_text(peer, "told_name");

	if (name != NULL || told == NULL)
		return name;
	snprintf(buf, size, "(%s)", told);
	return buf;
}

/* A peer of the other wire has no state, so that its place tells of the wire. */
static const char *
state_text(const struct cJSON *peer, char *buf, size_t size)
{
	const char *state = vpnctl_get_text(peer, "state"), *wire = vpnctl_get_text(peer, "wire");

	return state != NULL || wire == NULL || strcmp(wire, "native") == 0 ? state : wire;
}

static const char *
heard_text(const struct cJSON *peer, char *buf, size_t size)
{
	const char *text = vpnctl_text_ago(vpnctl_item(peer, "heard_ms_ago"), buf, size);

	return text != NULL ? text : "never";
}

static const char *
handshake_text(const struct cJSON *peer, char *buf, size_t size)
{
	return vpnctl_text_ago(vpnctl_item(peer, "last_handshake_ms_ago"), buf, size);
}

/* That of the last packets is nearer to the truth than that of the last handshake. */
static const char *
rtt_text(const struct cJSON *peer, char *buf, size_t size)
{
	const struct cJSON *rtt = vpnctl_item(vpnctl_item(peer, "path"), "rtt_us");

	if (!cJSON_IsNumber(rtt))
		rtt = vpnctl_item(peer, "handshake_rtt_us");
	return vpnctl_text_number(rtt, VPNCTL_US, buf, size);
}

static const struct vpnctl_column columns[] = {
    {"ADDRESS", 39, .text = address_text},
    {"NAME", 20, .text = name_text},
    {"STATE", 11, .text = state_text},
    {"HEARD", 11, .text = heard_text},
    {"HANDSHAKE", 11, .text = handshake_text},
    {"RTT", 8, true, .text = rtt_text},
    {"RX", 8, true, .member = "rx_bytes", .unit = VPNCTL_BYTES},
    {"TX", 8, true, .member = "tx_bytes", .unit = VPNCTL_BYTES},
    {"DROPS", 20, true, .member = "drops", .unit = VPNCTL_COUNT},
};

static void __attribute__((format(printf, 2, 3))) print_note(FILE *out, const char *fmt, ...)
{
	char text[VPNCTL_CELL_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vpnctl_text_sanitize(text);
	fprintf(out, "  %s\n", text);
}

/* What has no place in its row. */
static void
print_notes(FILE *out, const struct cJSON *peer)
{
	const struct cJSON *addresses = vpnctl_item(peer, "addresses"), *item;
	const char *name = vpnctl_get_text(peer, "name"),
		   *told = vpnctl_get_text(peer, "told_name");
	const char *state = vpnctl_get_text(peer, "state");
	bool up = state != NULL && strcmp(state, "up") == 0;
	uint64_t waiting = vpnctl_get_uint(peer, "waiting");

	cJSON_ArrayForEach(item, addresses)
	{
		if (item != cJSON_GetArrayItem(addresses, 0) && cJSON_IsString(item))
			print_note(out, "%s", item->valuestring);
	}
	cJSON_ArrayForEach(item, vpnctl_item(peer, "routes"))
	{
		if (cJSON_IsString(item))
			print_note(out, "%s behind it", item->valuestring);
	}
	if (name != NULL && told != NULL && told[0] != '\0' && strcmp(name, told) != 0)
		print_note(out, "calls itself %s", told);
	if (waiting > 0)
		print_note(out, "%" PRIu64 " packet%s %s", waiting,
		    waiting == 1 ? " waits" : "s wait", up ? "to be sent" : "for a session");
}

void
vpnctl_text_peers(FILE *out, const struct cJSON *peers)
{
	const struct cJSON *list = vpnctl_item(peers, "peers");

	if (cJSON_GetArraySize(list) == 0)
		fputs("No peers are configured or have been learnt.\n", out);
	else
		vpnctl_text_table(out, columns, ARRAY_LEN(columns), list, print_notes);
}
