/*
 * What people and programs are told about the uplink.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "uplink.h"

#include <cjson/cJSON.h>

#include <stdio.h>

#include "tls.h"
#include "uplink_internal.h"
#include "util.h"

static const char *const state_names[] = {
    [UPLINK_STOPPED] = "stopped",
    [UPLINK_WAITING] = "waiting",
    [UPLINK_RESOLVING] = "resolving",
    [UPLINK_CONNECTING] = "connecting",
    [UPLINK_SUBSCRIBING] = "subscribing",
    [UPLINK_PROBING] = "probing",
    [UPLINK_UP] = "up",
};

static const char *
state_name(enum uplink_state state)
{
	return state_names[state];
}

const char *
uplink_broker_url(const struct uplink *u)
{
	return uplink_current(u)->settings->url;
}

const char *
uplink_summary(const struct uplink *u, char *buf, size_t size)
{
	if (u->state == UPLINK_UP)
		snprintf(buf, size, "up, %s", uplink_current(u)->settings->url);
	else
		snprintf(buf, size, "not connected (%s): %s", state_name(u->state),
		    u->last_error[0] != '\0' ? u->last_error : "no attempt has failed");
	return buf;
}

static void
add_text_or_null(cJSON *object, const char *name, const char *text)
{
	if (text != NULL)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

static void
report_tls(const struct uplink *u, cJSON *object)
{
	const struct tls_facts *facts = u->link != NULL ? link_tls_facts(u->link) : NULL;
	const struct tls *tls;
	cJSON *o;

	if (facts == NULL) {
		cJSON_AddNullToObject(object, "tls");
		return;
	}
	tls = u->retired_tls != NULL ? u->retired_tls : uplink_current(u)->tls;
	o = cJSON_AddObjectToObject(object, "tls");
	cJSON_AddStringToObject(o, "version", facts->version);
	cJSON_AddStringToObject(o, "cipher", facts->cipher);
	cJSON_AddStringToObject(o, "name", facts->peer_name);
	cJSON_AddNumberToObject(o, "days_left", (double)facts->days_left);
	cJSON_AddBoolToObject(o, "resumed", facts->resumed);
	if (tls != NULL && tls_own_days_left(tls) != INT64_MAX)
		cJSON_AddNumberToObject(o, "own_days_left", (double)tls_own_days_left(tls));
	else
		cJSON_AddNullToObject(o, "own_days_left");
}

static void
report_path(const struct uplink *u, cJSON *object)
{
	struct link_path_facts facts = {0};
	cJSON *o;

	if (u->link != NULL)
		link_path_facts(u->link, &facts);
	if (facts.rtt_us == 0) { /* a unix socket, or nobody has answered yet */
		cJSON_AddNullToObject(object, "path");
		return;
	}
	o = cJSON_AddObjectToObject(object, "path");
	cJSON_AddNumberToObject(o, "rtt_us", facts.rtt_us);
	cJSON_AddNumberToObject(o, "min_rtt_us", facts.min_rtt_us);
	cJSON_AddNumberToObject(o, "delivery_rate", (double)facts.delivery_rate);
	cJSON_AddNumberToObject(o, "held", (double)facts.held);
}

void
uplink_report(const struct uplink *u, cJSON *object)
{
	uint64_t now = util_now_ms();
	bool linked = u->link != NULL;

	cJSON_AddStringToObject(object, "state", state_name(u->state));
	cJSON_AddNumberToObject(object, "since_ms", (double)(now - u->state_since_ms));
	add_text_or_null(
	    object, "broker", u->state != UPLINK_STOPPED ? uplink_current(u)->settings->url : NULL);
	add_text_or_null(object, "address", linked ? u->address_text : NULL);
	add_text_or_null(object, "protocol",
	    !linked				    ? NULL
	    : link_protocol(u->link) == LINK_MQTT_5 ? "5"
						    : "3.1.1");
	cJSON_AddStringToObject(object, "client_id", u->p.client_id);
	report_tls(u, object);
	report_path(u, object);
	add_text_or_null(object, "last_error", u->last_error[0] != '\0' ? u->last_error : NULL);
	if (u->state == UPLINK_WAITING)
		cJSON_AddNumberToObject(object, "retry_in_ms",
		    u->retry_at_ms > now ? (double)(u->retry_at_ms - now) : 0);
	else
		cJSON_AddNullToObject(object, "retry_in_ms");
	cJSON_AddNumberToObject(object, "attempts", u->attempts);
}
