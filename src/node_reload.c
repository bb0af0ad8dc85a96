/*
 * A new configuration for a running node: what can change does so without losing the connection,
 * what cannot is named, and a configuration with an error changes nothing.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "log.h"
#include "options.h"
#include "peer.h"
#include "settings.h"
#include "uplink.h"
#include "util.h"

int
node_apply_peers(struct node *n)
{
	const struct settings *s = n->settings;
	int rc = 0;

	peer_table_mark(n->peers);
	for (size_t i = 0; i < s->peer_count; i++) {
		const struct settings_peer *p = &s->peers[i];

		if (peer_table_set(n->peers, p->name, p->addrs, p->addr_count, p->routes,
			p->route_count) == -1) {
			log_error("peer \"%s\": %s", p->name, strerror(errno));
			rc = -1;
		}
	}
	peer_table_sweep(n->peers);
	return rc;
}

/* Our own addresses, the broadcast topic, and the addresses that we receive for others. */
int
node_apply_topics(struct node *n)
{
	const struct settings *fixed = n->fixed, *s = n->settings;
	size_t count = fixed->addr_count + 1 + s->forward_count, used = 0;
	struct uplink_topic *topics = calloc(count, sizeof(topics[0]));
	char *text = calloc(count, COMPAT_TOPIC_MAX);
	int rc = -1;

	if (topics == NULL || text == NULL)
		goto out;
	for (size_t i = 0; i < fixed->addr_count; i++, used++)
		topics[used] = (struct uplink_topic){.required = true,
		    .topic = compat_topic(text + used * COMPAT_TOPIC_MAX, fixed->topic_prefix,
			&fixed->addrs[i].addr)};
	for (size_t i = 0; i < s->forward_count; i++, used++)
		topics[used].topic = compat_topic(
		    text + used * COMPAT_TOPIC_MAX, fixed->topic_prefix, &s->forwards[i]);
	topics[used] = (struct uplink_topic){.no_local = true,
	    .topic = compat_broadcast_topic(text + used * COMPAT_TOPIC_MAX, fixed->topic_prefix)};
	rc = uplink_set_topics(n->uplink, topics, used + 1);
out:
	free(topics);
	free(text);
	if (rc == -1)
		errno = ENOMEM;
	return rc;
}

static void
replace_settings(struct node *n, struct settings *s)
{
	if (n->settings != n->fixed)
		settings_free(n->settings);
	n->settings = s;
}

int
node_reload(struct node *n, char **restart, char **error)
{
	struct settings *s = settings_load(n->options, node_warn, error);

	*restart = NULL;
	if (s == NULL)
		return -1;
	if (uplink_set_brokers(n->uplink, s->brokers, s->broker_count, error) == -1) {
		settings_free(s);
		return -1;
	}
	replace_settings(n, s);
	log_set_level(s->log_level);
	if (node_apply_peers(n) == -1 || node_apply_topics(n) == -1)
		log_error("reload: %s", strerror(errno));
	node_routes_apply(n);
	stats_count(&n->stats, STAT_RELOADS);
	*restart = settings_restart_needed(n->fixed, s);
	log_notice("configuration reloaded%s%s",
	    *restart != NULL ? "; only a restart changes: " : "", *restart != NULL ? *restart : "");
	return 0;
}
