/*
 * What a node does by its settings and by those that replace them while it runs: peers and topics.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "node_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "keywire.h"
#include "log.h"
#include "native.h"
#include "peer.h"
#include "settings.h"
#include "uplink.h"

static struct peer_spec
spec_of(const struct settings_peer *p)
{
	return (struct peer_spec){
	    .name = p->name,
	    .wire = p->wire == WIRE_NATIVE ? PEER_NATIVE : PEER_MQTT_VPN,
	    .addrs = p->addrs,
	    .addr_count = p->addr_count,
	    .routes = p->routes,
	    .route_count = p->route_count,
	    .public_key = p->has_public_key ? p->public_key : NULL,
	};
}

int
node_apply_peers(struct node *n)
{
	const struct settings *s = n->daemon.settings;
	bool old_wire = false;
	int rc = 0;

	peer_table_mark(n->peers);
	for (size_t i = 0; i < s->peer_count; i++) {
		const struct settings_peer *p = &s->peers[i];
		struct peer_spec spec = spec_of(p);

		old_wire = old_wire || spec.wire == PEER_MQTT_VPN;
		if (peer_table_set(n->peers, &spec) == -1) {
			log_error("peer \"%s\": %s", p->name, strerror(errno));
			rc = -1;
		}
	}
	peer_table_sweep(n->peers);
	if (n->daemon.fixed->wire == WIRE_NATIVE)
		dataplane_set_password(n->dataplane, s->password);
	dataplane_use_old_wire(n->dataplane, old_wire);
	return rc;
}

/* Topics in the making; all of them have room for the longest. */
struct topic_list {
	struct uplink_topic *topics;
	char *text;
	size_t count;
};

#define TOPIC_MAX (NETWORK_TOPIC_MAX > COMPAT_TOPIC_MAX ? NETWORK_TOPIC_MAX : COMPAT_TOPIC_MAX)

/* Where the text of the next topic goes. */
static char *
next_topic(struct topic_list *l, bool required, bool no_local)
{
	char *text = l->text + l->count * TOPIC_MAX;

	l->topics[l->count++] =
	    (struct uplink_topic){.topic = text, .required = required, .no_local = no_local};
	return text;
}

static void
list_native(struct node *n, struct topic_list *l)
{
	const struct native *native = dataplane_native(n->dataplane);
	const struct network_id *id;

	for (size_t i = 0; (id = native_id(native, i)) != NULL; i++)
		network_topic(&n->network, next_topic(l, i < n->daemon.fixed->addr_count, false),
		    id->part, "+");
	network_topic(&n->network, next_topic(l, false, true), n->network.broadcast_part, "+");
}

static void
list_control(struct node *n, struct topic_list *l)
{
	char topic[NETWORK_TOPIC_MAX];

	for (size_t i = 0; keywire_topic(n->group.wire, i, topic) != NULL; i++)
		strcpy(next_topic(l, true, false), topic);
}

static void
list_old(struct node *n, struct topic_list *l)
{
	const struct settings *fixed = n->daemon.fixed, *s = n->daemon.settings;

	for (size_t i = 0; i < fixed->addr_count; i++)
		compat_topic(next_topic(l, fixed->wire == WIRE_MQTT_VPN, false),
		    fixed->topic_prefix, &fixed->addrs[i].addr);
	for (size_t i = 0; i < s->forward_count; i++)
		compat_topic(next_topic(l, false, false), fixed->topic_prefix, &s->forwards[i]);
	compat_broadcast_topic(next_topic(l, false, true), fixed->topic_prefix);
}

/* On each wire: our own addresses, those that we receive for others, and broadcast. */
int
node_apply_topics(struct node *n)
{
	const struct settings *s = n->daemon.settings;
	size_t most = 2 * (n->daemon.fixed->addr_count + s->forward_count + 2);
	struct native *native = dataplane_native(n->dataplane);
	struct topic_list l = {calloc(most, sizeof(l.topics[0])), calloc(most, TOPIC_MAX), 0};
	int rc = -1;

	if (l.topics == NULL || l.text == NULL)
		goto out;
	if (native != NULL) {
		if (native_set_forwards(native, s->forwards, s->forward_count) == -1)
			goto out;
		list_native(n, &l);
	}
	if (node_is_in_group(n))
		list_control(n, &l);
	if (dataplane_uses_old_wire(n->dataplane))
		list_old(n, &l);
	rc = uplink_set_topics(n->daemon.uplink, l.topics, l.count);
out:
	free(l.topics);
	free(l.text);
	if (rc == -1)
		errno = ENOMEM;
	return rc;
}

void
node_on_reloaded(void *arg)
{
	struct node *n = arg;

	node_limit_messages(n);
	if (node_apply_peers(n) == -1 || node_apply_topics(n) == -1)
		log_error("reload: %s", strerror(errno));
	node_routes_apply(n);
}
