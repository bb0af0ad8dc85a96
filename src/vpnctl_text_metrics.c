/*
 * The daemon's JSON as Prometheus metrics.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "vpnctl_json.h"
#include "vpnctl_text_internal.h"

struct metrics {
	FILE *out;
	const char *prefix; /* of all names */
	char label[64];	    /* with its braces, or empty */
};

/* HELP and TYPE of a metric. name comes from the daemon and must not become another line. */
static void
metric_head(const struct metrics *m, const char *name, const char *help, const char *type)
{
	fprintf(m->out, "# HELP %s_%s ", m->prefix, name);
	for (; *help != '\0'; help++) {
		if (*help == '\\')
			fputc('\\', m->out);
		fputc(*help, m->out);
	}
	fprintf(m->out, "\n# TYPE %s_%s %s\n%s_%s%s ", m->prefix, name, type, m->prefix, name,
	    m->label);
}

static void
gauge(const struct metrics *m, const char *name, const char *help, int64_t value)
{
	metric_head(m, name, help, "gauge");
	fprintf(m->out, "%" PRId64 "\n", value);
}

static void
counter(const struct metrics *m, const struct cJSON *stat)
{
	const char *name = vpnctl_get_text(stat, "name"), *help = vpnctl_get_text(stat, "help");
	char full_name[80];

	if (name == NULL || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
		return;
	snprintf(full_name, sizeof(full_name), "%s_total", name);
	metric_head(m, full_name, help != NULL ? help : "", "counter");
	fprintf(m->out, "%" PRIu64 "\n", vpnctl_get_uint(stat, "value"));
}

static void
peer_gauges(const struct metrics *m, const struct cJSON *peers)
{
	uint64_t configured = vpnctl_get_uint(peers, "configured"),
		 learnt = vpnctl_get_uint(peers, "learnt");

	gauge(m, "peers", "Peers that are configured or have been learnt.",
	    (int64_t)(configured + learnt));
	gauge(m, "peers_configured", "Peers that are configured.", (int64_t)configured);
	gauge(m, "peers_learnt", "Peers that are not configured.", (int64_t)learnt);
	if (cJSON_IsNumber(vpnctl_item(peers, "up")))
		gauge(m, "peers_up", "Peers that there is a session with.",
		    (int64_t)vpnctl_get_uint(peers, "up"));
}

static void
member_gauges(const struct metrics *m, const struct cJSON *status)
{
	const struct cJSON *members = vpnctl_item(status, "members");

	gauge(
	    m, "groups", "Groups that are configured.", (int64_t)vpnctl_get_uint(status, "groups"));
	gauge(m, "members", "Members that are configured.",
	    (int64_t)vpnctl_get_uint(members, "configured"));
	gauge(m, "members_up", "Members that there is a session with.",
	    (int64_t)vpnctl_get_uint(members, "up"));
	gauge(m, "warnings", "Warnings of the status.",
	    cJSON_GetArraySize(vpnctl_item(status, "warnings")));
}

void
vpnctl_text_metrics(
    FILE *out, const char *instance, const struct cJSON *status, const struct cJSON *stats)
{
	const struct cJSON *days = vpnctl_item(
			       vpnctl_item(vpnctl_item(status, "link"), "tls"), "days_left"),
			   *stat;
	bool keyd = vpnctl_text_is_key_server(status);
	struct metrics m = {.out = out, .prefix = keyd ? "mqtt_vpn_keyd" : "mqtt_vpnd"};

	if (instance != NULL)
		snprintf(m.label, sizeof(m.label), "{interface=\"%s\"}", instance);
	gauge(&m, "up", "Whether the daemon answers.", status != NULL && stats != NULL);
	if (status == NULL || stats == NULL)
		return;
	gauge(&m, "link_up", "Whether messages pass through a broker.",
	    vpnctl_text_link_is_up(status));
	if (keyd)
		member_gauges(&m, status);
	else
		peer_gauges(&m, vpnctl_item(status, "peers"));
	if (cJSON_IsNumber(days))
		gauge(&m, "tls_days_left", "Days until the broker's certificate expires.",
		    days->valueint);
	cJSON_ArrayForEach(stat, vpnctl_item(stats, "stats")) counter(&m, stat);
}
