/*
 * What a key server tells of its groups and members.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "util.h"
#include "vpnctl_json.h"
#include "vpnctl_text_internal.h"

static const char *
text_of(const struct cJSON *o, const char *name)
{
	const char *text = vpnctl_get_text(o, name);

	return text != NULL ? text : "-";
}

static const char *
name_text(const struct cJSON *row, char *buf, size_t size)
{
	return vpnctl_get_text(row, "name");
}

/* Groups. */

static const char *
method_text(const struct cJSON *group, char *buf, size_t size)
{
	return vpnctl_get_text(group, "method");
}

static const char *
lease_text(const struct cJSON *group, char *buf, size_t size)
{
	if (!cJSON_IsNumber(vpnctl_item(group, "lease_s")))
		return NULL;
	snprintf(buf, size, "%" PRIu64 " s", vpnctl_get_uint(group, "lease_s"));
	return buf;
}

static const char *
slot_text(const struct cJSON *group, char *buf, size_t size)
{
	if (!cJSON_IsNumber(vpnctl_item(group, "slot_s")))
		return NULL;
	snprintf(buf, size, "%" PRIu64 " (%" PRIu64 " s each)", vpnctl_get_uint(group, "slot"),
	    vpnctl_get_uint(group, "slot_s"));
	return buf;
}

static void
group_notes(FILE *out, const struct cJSON *group)
{
	if (vpnctl_get_bool(group, "failing"))
		fputs("  its last change could not be kept: see status\n", out);
}

void
vpnctl_text_groups(FILE *out, const struct cJSON *groups)
{
	static const struct vpnctl_column columns[] = {
	    {"GROUP", 24, .text = name_text},
	    {"METHOD", 7, .text = method_text},
	    {"EPOCH", 10, true, .member = "epoch", .unit = VPNCTL_COUNT},
	    {"MEMBERS", 7, true, .member = "members", .unit = VPNCTL_COUNT},
	    {"EVICTED", 7, true, .member = "evicted", .unit = VPNCTL_COUNT},
	    {"LEASE", 12, true, .text = lease_text},
	    {"SLOT", 24, true, .text = slot_text},
	};
	const struct cJSON *list = vpnctl_item(groups, "groups");

	if (cJSON_GetArraySize(list) == 0)
		fputs("No groups are configured.\n", out);
	else
		vpnctl_text_table(out, columns, ARRAY_LEN(columns), list, group_notes);
}

/* Members: a row for each group that one may join, so that each can be found by a search. */

static const char *
group_text(const struct cJSON *row, char *buf, size_t size)
{
	return vpnctl_get_text(row, "group");
}

static const char *
state_text(const struct cJSON *row, char *buf, size_t size)
{
	return vpnctl_get_text(row, "state");
}

static const char *
left_text(const struct cJSON *row, char *buf, size_t size)
{
	const char *state = vpnctl_get_text(row, "state");

	if (state == NULL || strcmp(state, "in") != 0)
		return NULL;
	if (!cJSON_IsNumber(vpnctl_item(row, "left_s")))
		return "no end";
	return util_format_duration(vpnctl_get_uint(row, "left_s") * 1000, buf, size);
}

static const char *
heard_text(const struct cJSON *row, char *buf, size_t size)
{
	return vpnctl_text_ago(vpnctl_item(row, "heard_ms_ago"), buf, size);
}

static void
add_row(struct cJSON *rows, const struct cJSON *member, const struct cJSON *membership)
{
	struct cJSON *row =
	    cJSON_IsObject(membership) ? cJSON_Duplicate(membership, true) : cJSON_CreateObject();

	if (row == NULL)
		return;
	cJSON_AddStringToObject(row, "name", text_of(member, "name"));
	if (cJSON_IsNumber(vpnctl_item(member, "heard_ms_ago")))
		cJSON_AddNumberToObject(
		    row, "heard_ms_ago", vpnctl_item(member, "heard_ms_ago")->valuedouble);
	cJSON_AddItemToArray(rows, row);
}

static struct cJSON *
make_rows(const struct cJSON *members)
{
	struct cJSON *rows = cJSON_CreateArray();
	const struct cJSON *member, *membership;

	cJSON_ArrayForEach(member, members)
	{
		cJSON_ArrayForEach(membership, vpnctl_item(member, "groups"))
		    add_row(rows, member, membership);
	}
	return rows;
}

void
vpnctl_text_members(FILE *out, const struct cJSON *members)
{
	static const struct vpnctl_column columns[] = {
	    {"MEMBER", 24, .text = name_text},
	    {"GROUP", 24, .text = group_text},
	    {"STATE", 7, .text = state_text},
	    {"TIME LEFT", 12, true, .text = left_text},
	    {"SENDER", 10, true, .member = "sender", .unit = VPNCTL_COUNT},
	    {"HEARD", 11, .text = heard_text},
	};
	struct cJSON *rows = make_rows(vpnctl_item(members, "members"));

	if (cJSON_GetArraySize(rows) == 0)
		fputs("No members are configured.\n", out);
	else
		vpnctl_text_table(out, columns, ARRAY_LEN(columns), rows, NULL);
	cJSON_Delete(rows);
}

/* What was done. */

static void
print_count(FILE *out, const struct cJSON *answer, const char *name, const char *what)
{
	uint64_t count = vpnctl_get_uint(answer, name);

	fprintf(out, "%s %s %" PRIu64 " group%s.\n", text_of(answer, "member"), what, count,
	    count == 1 ? "" : "s");
}

void
vpnctl_text_evict(FILE *out, const struct cJSON *answer)
{
	print_count(out, answer, "evicted", "was put out of");
}

void
vpnctl_text_admit(FILE *out, const struct cJSON *answer)
{
	print_count(out, answer, "admitted", "may join again:");
}

void
vpnctl_text_rotate(FILE *out, const struct cJSON *answer)
{
	fprintf(out, "%s has a new key: epoch %" PRIu64 ".\n", text_of(answer, "group"),
	    vpnctl_get_uint(answer, "epoch"));
}
