/*
 * The stages that a packet passes, in their order, and the peers that it goes to.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_text.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "util.h"
#include "vpnctl_json.h"
#include "vpnctl_text_internal.h"

#define PATH_MEMBER_MAX 32

/* A line of the table of stages; its values as paths in "stages", NULL where there is none. */
struct row {
	const char *stage; /* "": the one above */
	const char *what;
	const char *sent, *received;
	enum vpnctl_unit unit;
};

static const struct row rows[] = {
    {"Tunnel", "offload", "tunnel.offload", NULL, VPNCTL_COUNT},
    {"", "packets", "tunnel.tx_packets", "tunnel.rx_packets", VPNCTL_COUNT},
    {"", "super-packets", "tunnel.tx_super_packets", "tunnel.rx_super_packets", VPNCTL_COUNT},
    {"", "made by cutting", "tunnel.tx_cut_packets", NULL, VPNCTL_COUNT},
    {"", "joined", NULL, "tunnel.rx_joined_packets", VPNCTL_COUNT},
    {"Queue", "packets that wait", "queue.waiting", NULL, VPNCTL_COUNT},
    {"", "memory", "queue.memory", NULL, VPNCTL_BYTES},
    {"", "dropped, it was full", "queue.drops_full", NULL, VPNCTL_COUNT},
    {"", "dropped by CoDel", "queue.drops_codel", NULL, VPNCTL_COUNT},
    {"", "marked (ECN)", "queue.marks", NULL, VPNCTL_COUNT},
    {"Messages", "messages", "messages.tx.messages", "messages.rx.messages", VPNCTL_COUNT},
    {"", "packets in each", "messages.tx.packets_per_message", "messages.rx.packets_per_message",
	VPNCTL_RATIO},
    {"", "bytes in each", "messages.tx.bytes_per_message", "messages.rx.bytes_per_message",
	VPNCTL_BYTES},
    {"Link", "round trip", "link.path.rtt_us", NULL, VPNCTL_US},
    {"", "round trip at best", "link.path.min_rtt_us", NULL, VPNCTL_US},
    {"", "rate seen", "link.path.delivery_rate", NULL, VPNCTL_BYTES_PER_S},
    {"", "under way", "link.path.held", NULL, VPNCTL_BYTES},
    {"", "times blocked", "link.blocked", NULL, VPNCTL_COUNT},
    {"", "times paced", "link.paced", NULL, VPNCTL_COUNT},
};

/* The member that a path such as "link.path.rtt_us" leads to. */
static const struct cJSON *
find(const struct cJSON *o, const char *path)
{
	char member[PATH_MEMBER_MAX];
	size_t len;

	for (;; path += len + 1) {
		len = strcspn(path, ".");
		snprintf(member, sizeof(member), "%.*s", (int)len, path);
		o = vpnctl_item(o, member);
		if (path[len] == '\0')
			return o;
	}
}

static void
print_value(FILE *out, const struct cJSON *stages, const char *path, enum vpnctl_unit unit)
{
	const struct cJSON *value = find(stages, path);
	char text[VPNCTL_CELL_MAX];

	if (vpnctl_text_number(value, unit, text, sizeof(text)) == NULL)
		snprintf(
		    text, sizeof(text), "%s", cJSON_IsString(value) ? value->valuestring : "-");
	vpnctl_text_sanitize(text);
	fprintf(out, "  %12s", text);
}

static void
print_row(FILE *out, const struct cJSON *stages, const struct row *r)
{
	fprintf(out, "%-8s  %-20s", r->stage, r->what);
	if (r->sent != NULL)
		print_value(out, stages, r->sent, r->unit);
	else
		fprintf(out, "  %12s", "");
	if (r->received != NULL)
		print_value(out, stages, r->received, r->unit);
	fputc('\n', out);
}

static void
print_stages(FILE *out, const struct cJSON *stages)
{
	fprintf(out, "%-8s  %-20s  %12s  %12s\n", "STAGE", "", "SENT", "RECEIVED");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		print_row(out, stages, &rows[i]);
}

static const char *
peer_text(const struct cJSON *peer, char *buf, size_t size)
{
	const char *name = vpnctl_get_text(peer, "name");

	return name != NULL ? name : vpnctl_get_text(peer, "address");
}

static const struct vpnctl_column columns[] = {
    {"PEER", 20, .text = peer_text},
    {"WAITING", 7, true, .member = "waiting", .unit = VPNCTL_COUNT},
    {"DELAY", 8, true, .member = "delay_us", .unit = VPNCTL_US},
    {"DROPS", 7, true, .member = "drops", .unit = VPNCTL_COUNT},
    {"MARKS", 7, true, .member = "marks", .unit = VPNCTL_COUNT},
    {"WINDOW", 8, true, .member = "window", .unit = VPNCTL_BYTES},
    {"UNDER WAY", 9, true, .member = "in_flight", .unit = VPNCTL_BYTES},
    {"RTT", 8, true, .member = "rtt_us", .unit = VPNCTL_US},
    {"AT BEST", 8, true, .member = "min_rtt_us", .unit = VPNCTL_US},
    {"RATE", 10, true, .member = "rate", .unit = VPNCTL_BYTES_PER_S},
    {"LOST", 8, true, .member = "lost", .unit = VPNCTL_BYTES},
};

void
vpnctl_text_stages(FILE *out, const struct cJSON *stages)
{
	const struct cJSON *peers = vpnctl_item(stages, "peers");

	if (!cJSON_IsObject(stages))
		return;
	print_stages(out, stages);
	fputc('\n', out);
	if (cJSON_GetArraySize(peers) == 0)
		return;
	vpnctl_text_table(out, columns, ARRAY_LEN(columns), peers, NULL);
	fputc('\n', out);
}
