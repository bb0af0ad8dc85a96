/*
 * A list of packets within limits.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "backlog.h"

#include <stdlib.h>
#include <string.h>

static size_t
cost_of(size_t len)
{
	return sizeof(struct backlog_packet) + len;
}

size_t
backlog_add(struct backlog *b, struct backlog_budget *budget, const uint8_t *packet, size_t len)
{
	struct backlog_packet *p;
	size_t lost = 0;

	if (b->count >= (b->max > 0 ? b->max : BACKLOG_MAX)) {
		free(backlog_take(b, budget));
		lost = 1;
	}
	if (cost_of(len) > budget->max - budget->used)
		return lost + 1;
	p = malloc(cost_of(len));
	if (p == NULL)
		return lost + 1;
	p->next = NULL;
	p->len = len;
	memcpy(p->data, packet, len);
	if (b->last != NULL)
		b->last->next = p;
	else
		b->first = p;
	b->last = p;
	b->count++;
	budget->used += cost_of(len);
	return lost;
}

struct backlog_packet *
backlog_take(struct backlog *b, struct backlog_budget *budget)
{
	struct backlog_packet *p = b->first;

	if (p == NULL)
		return NULL;
	b->first = p->next;
	if (b->first == NULL)
		b->last = NULL;
	b->count--;
	budget->used -= cost_of(p->len);
	return p;
}

size_t
backlog_clear(struct backlog *b, struct backlog_budget *budget)
{
	size_t count = b->count;

	while (b->first != NULL)
		free(backlog_take(b, budget));
	return count;
}
