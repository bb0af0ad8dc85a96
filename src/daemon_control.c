/*
 * What the commands of the control socket have in common.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "daemon.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "options.h"
#include "ticker.h"
#include "util.h"

static void
add_count(cJSON *o, const char *name, uint64_t value)
{
	cJSON_AddNumberToObject(o, name, (double)value);
}

void
daemon_report(const struct daemon *d, cJSON *o)
{
	cJSON_AddStringToObject(o, "program", options_program_name(d->options->program));
	cJSON_AddStringToObject(o, "version", PACKAGE_VERSION);
	cJSON_AddNumberToObject(o, "pid", getpid());
	add_count(o, "uptime_ms", util_now_ms() - d->started_ms);
}

void
daemon_report_drops(const struct daemon *d, cJSON *o)
{
	for (enum stat_id id = 0; id < STAT_COUNT; id++)
		if (strstr(stats_info(id)->name, "_drop_") != NULL && d->stats.value[id] > 0)
			add_count(o, stats_info(id)->name, d->stats.value[id]);
}

static uint64_t
resident_bytes(void)
{
	char *text = util_read_file("/proc/self/statm", 256);
	unsigned long long pages = 0;

	if (text != NULL && sscanf(text, "%*u %llu", &pages) != 1)
		pages = 0;
	free(text);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

cJSON *
daemon_report_stats(const struct daemon *d, cJSON *o)
{
	cJSON *array = cJSON_AddArrayToObject(o, "stats"), *gauges;

	for (enum stat_id id = 0; id < STAT_COUNT; id++) {
		const struct stat_info *info = stats_info(id);
		cJSON *item = cJSON_CreateObject();

		cJSON_AddStringToObject(item, "name", info->name);
		cJSON_AddStringToObject(item, "unit", info->unit);
		cJSON_AddStringToObject(item, "help", info->help);
		add_count(item, "value", d->stats.value[id]);
		cJSON_AddItemToArray(array, item);
	}
	gauges = cJSON_AddObjectToObject(o, "gauges");
	add_count(gauges, "rss_bytes", resident_bytes());
	add_count(gauges, "wakeups", ticker_wakeups(d->ticker));
	return gauges;
}

cJSON *
daemon_command_reload(struct daemon *d, char **error)
{
	char *restart, *rest, *name;
	cJSON *o, *array;

	if (daemon_reload(d, &restart, error) == -1)
		return NULL;
	o = cJSON_CreateObject();
	cJSON_AddBoolToObject(o, "reloaded", true);
	array = cJSON_AddArrayToObject(o, "restart_needed");
	rest = restart;
	while ((name = strsep(&rest, ",")) != NULL)
		cJSON_AddItemToArray(array, cJSON_CreateString(name + strspn(name, " ")));
	free(restart);
	return o;
}

cJSON *
daemon_command_log(const char *argument, char **error)
{
	enum log_level level;
	cJSON *o;

	if (log_level_parse(argument, &level) == -1) {
		*error = util_format(
		    "'%s' is not a log level: expected error, warning, notice, info or debug",
		    argument);
		return NULL;
	}
	log_set_level(level);
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "level", log_level_name(level));
	return o;
}

void
daemon_log_stats(const struct daemon *d)
{
	char summary[1024];

	log_notice("%s", uplink_summary(d->uplink, summary, sizeof(summary)));
	for (enum stat_id id = 0; id < STAT_COUNT; id++)
		if (d->stats.value[id] > 0)
			log_notice("%s %llu", stats_info(id)->name,
			    (unsigned long long)d->stats.value[id]);
}
