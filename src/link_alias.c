/*
 * Topic aliases of MQTT 5 (3.3.2.3.4): a topic is sent once, and its number after that. A broker
 * allows few of them, so the topic that was not used for longest gives its number to a new one.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "link_internal.h"

#define ALIASES_MAX 64
/* A longer topic than the network's own goes without. */
#define TOPIC_MAX 264

struct alias {
	mosquitto_property *property; /* its number, as the library wants it */
	size_t len;		      /* of the topic; 0: the broker knows none by this number */
	char topic[TOPIC_MAX];
};

struct link_aliases {
	size_t count;
	uint8_t recent[ALIASES_MAX]; /* all indices by last use, those without a topic behind */
	struct alias list[];	     /* index 0 is alias 1 */
};

void
link_aliases_free(struct link_aliases *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->count; i++)
		mosquitto_property_free_all(&a->list[i].property);
	free(a);
}

struct link_aliases *
link_aliases_new(uint16_t maximum)
{
	size_t count = maximum < ALIASES_MAX ? maximum : ALIASES_MAX;
	struct link_aliases *a =
	    count > 0 ? calloc(1, sizeof(*a) + count * sizeof(a->list[0])) : NULL;

	if (a == NULL)
		return NULL;
	a->count = count;
	for (size_t i = 0; i < count; i++) {
		a->recent[i] = (uint8_t)(count - 1 - i);
		if (mosquitto_property_add_int16(&a->list[i].property, MQTT_PROP_TOPIC_ALIAS,
			(uint16_t)(i + 1)) != MOSQ_ERR_SUCCESS)
			goto no_memory;
	}
	return a;
no_memory:
	link_aliases_free(a);
	return NULL;
}

static bool
stands_for(const struct alias *e, const char *topic, size_t len)
{
	return e->len == len && memcmp(e->topic, topic, len) == 0;
}

/* The place in recent of this topic, or of the one that gives way to it. */
static size_t
find(const struct link_aliases *a, const char *topic, size_t len)
{
	for (size_t i = 0; i < a->count; i++)
		if (stands_for(&a->list[a->recent[i]], topic, len))
			return i;
	return a->count - 1;
}

static struct alias *
bring_to_front(struct link_aliases *a, size_t place)
{
	uint8_t index = a->recent[place];

	memmove(a->recent + 1, a->recent, place);
	a->recent[0] = index;
	return &a->list[index];
}

const mosquitto_property *
link_aliases_use(struct link_aliases *a, const char *topic, size_t len, bool *known)
{
	struct alias *e;

	*known = false;
	if (a == NULL || len == 0 || len > TOPIC_MAX)
		return NULL;
	e = bring_to_front(a, find(a, topic, len));
	*known = stands_for(e, topic, len);
	if (!*known) {
		memcpy(e->topic, topic, len);
		e->len = len;
	}
	return e->property;
}

void
link_aliases_forget(struct link_aliases *a)
{
	uint8_t index = a->recent[0];

	memmove(a->recent, a->recent + 1, a->count - 1);
	a->recent[a->count - 1] = index;
	a->list[index].len = 0;
}
