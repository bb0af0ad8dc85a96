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

#define CELL_MAX 256

struct column {
	const char *head;
	/* Its text for a peer, which may be in buf; NULL if there is nothing to say. */
	const char *(*text)(const struct cJSON *peer, char *buf, size_t size);
	int widest; /* what is wider moves its own row only */
	bool right; /* to the right edge, as numbers are */
};

static const char *
format_ago(const struct cJSON *ago, char *buf, size_t size)
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
format_bytes(uint64_t bytes, char *buf, size_t size)
{
	char scaled[VPNCTL_SCALED_MAX];

	snprintf(buf, size, "%sB", vpnctl_text_scaled((double)bytes, scaled, sizeof(scaled)));
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
	const char *text = format_ago(vpnctl_item(peer, "heard_ms_ago"), buf, size);

	return text != NULL ? text : "never";
}

static const char *
handshake_text(const struct cJSON *peer, char *buf, size_t size)
{
	return format_ago(vpnctl_item(peer, "last_handshake_ms_ago"), buf, size);
}

static const char *
rtt_text(const struct cJSON *peer, char *buf, size_t size)
{
	const struct cJSON *rtt = vpnctl_item(peer, "handshake_rtt_us");
	double us = (double)vpnctl_to_uint(rtt);

	if (!cJSON_IsNumber(rtt))
		return NULL;
	if (us < 1e6)
		snprintf(buf, size, "%.1f ms", us / 1e3);
	else
		snprintf(buf, size, "%.1f s", us / 1e6);
	return buf;
}

static const char *
rx_text(const struct cJSON *peer, char *buf, size_t size)
{
	return format_bytes(vpnctl_get_uint(peer, "rx_bytes"), buf, size);
}

static const char *
tx_text(const struct cJSON *peer, char *buf, size_t size)
{
	return format_bytes(vpnctl_get_uint(peer, "tx_bytes"), buf, size);
}

static const char *
drops_text(const struct cJSON *peer, char *buf, size_t size)
{
	const struct cJSON *drops = vpnctl_item(peer, "drops");

	if (!cJSON_IsNumber(drops))
		return NULL;
	snprintf(buf, size, "%" PRIu64, vpnctl_to_uint(drops));
	return buf;
}

static const struct column columns[] = {
    {"ADDRESS", address_text, 39, false},
    {"NAME", name_text, 20, false},
    {"STATE", state_text, 11, false},
    {"HEARD", heard_text, 11, false},
    {"HANDSHAKE", handshake_text, 11, false},
    {"RTT", rtt_text, 8, true},
    {"RX", rx_text, 8, true},
    {"TX", tx_text, 8, true},
    {"DROPS", drops_text, 20, true},
};

/* Places on a terminal, which are characters and not bytes. */
static int
width_of(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			width++;
	return width;
}

/* Returns whether there is anything in it; buf has CELL_MAX bytes. */
static bool
make_cell(const struct column *column, const struct cJSON *peer, char *buf)
{
	char own[CELL_MAX];
	const char *text = column->text(peer, own, sizeof(own));

	snprintf(buf, CELL_MAX, "%s", text != NULL ? text : "-");
	vpnctl_text_sanitize(buf); /* also a character that was cut */
	return text != NULL;
}

/* A column in which nobody has anything keeps the width 0 and is left out. */
static void
measure(const struct cJSON *list, int *widths)
{
	const struct cJSON *peer;
	char cell[CELL_MAX];
	int width;

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		widths[i] = 0;
		cJSON_ArrayForEach(peer, list)
		{
			if (!make_cell(&columns[i], peer, cell))
				continue;
			width = width_of(cell);
			if (width > columns[i].widest)
				width = columns[i].widest;
			if (widths[i] == 0)
				widths[i] = (int)strlen(columns[i].head);
			if (widths[i] < width)
				widths[i] = width;
		}
	}
}

/* A row of the table, or its head if peer is NULL. */
static void
print_row(FILE *out, const struct cJSON *peer, const int *widths)
{
	const char *between = "";
	char cell[CELL_MAX];
	int gap;

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		if (widths[i] == 0)
			continue;
		if (peer != NULL)
			make_cell(&columns[i], peer, cell);
		else
			snprintf(cell, sizeof(cell), "%s", columns[i].head);
		gap = widths[i] - width_of(cell);
		if (gap < 0)
			gap = 0;
		fprintf(out, "%s%*s%s%*s", between, columns[i].right ? gap : 0, "", cell,
		    columns[i].right ? 0 : gap, "");
		between = "  ";
	}
	fputc('\n', out);
}

static void __attribute__((format(printf, 2, 3))) print_note(FILE *out, const char *fmt, ...)
{
	char text[CELL_MAX];
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
		print_note(out, "%" PRIu64 " packet%s for a session", waiting,
		    waiting == 1 ? " waits" : "s wait");
}

void
vpnctl_text_peers(FILE *out, const struct cJSON *peers)
{
	const struct cJSON *list = vpnctl_item(peers, "peers"), *peer;
	int widths[ARRAY_LEN(columns)];

	if (cJSON_GetArraySize(list) == 0) {
		fputs("No peers are configured or have been learnt.\n", out);
		return;
	}
	measure(list, widths);
	print_row(out, NULL, widths);
	cJSON_ArrayForEach(peer, list)
	{
		print_row(out, peer, widths);
		print_notes(out, peer);
	}
}
