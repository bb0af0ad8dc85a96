/*
 * Packets from a pool: a list for each of the two sizes, the one put back last goes out first, as
 * it may still be in the cache.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "packet.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 16 /* of data: of what ciphers and checksums work on */

struct buffer {
	struct packet packet;
	alignas(ALIGNMENT) uint8_t bytes[];
};

#define SIZES 3

static const struct {
	size_t room;
	unsigned int keep; /* at most, for later */
} sizes[SIZES] = {{PACKET_SMALL, 256}, {PACKET_MEDIUM, 64}, {PACKET_LARGE, 32}};

struct packet_pool {
	struct {
		struct packet *first;
		unsigned int count;
	} kept[SIZES];
	size_t used;
	uint64_t allocations;
};

static_assert(PACKET_HEADROOM % ALIGNMENT == 0, "the headroom keeps the alignment");
static_assert(PACKET_SMALL % ALIGNMENT == 0 && PACKET_MEDIUM % ALIGNMENT == 0 &&
		  PACKET_LARGE % ALIGNMENT == 0,
    "aligned_alloc() takes multiples of the alignment");

struct packet_pool *
packet_pool_new(void)
{
	return calloc(1, sizeof(struct packet_pool));
}

static size_t
size_of(size_t room)
{
	return room <= PACKET_SMALL ? 0 : room <= PACKET_MEDIUM ? 1 : 2;
}

/* A packet that was put back. Returns NULL if there is none. */
static struct packet *
take_kept(struct packet_pool *pool, size_t size)
{
	struct packet *p = pool->kept[size].first;

	if (p == NULL)
		return NULL;
	pool->kept[size].first = p->next;
	pool->kept[size].count--;
	return p;
}

void
packet_pool_free(struct packet_pool *pool)
{
	struct packet *p;

	if (pool == NULL)
		return;
	for (size_t i = 0; i < SIZES; i++) {
		while ((p = take_kept(pool, i)) != NULL)
			free(p);
	}
	free(pool);
}

static struct packet *
allocate(struct packet_pool *pool, size_t size)
{
	struct buffer *b =
	    aligned_alloc(ALIGNMENT, sizeof(*b) + PACKET_HEADROOM + sizes[size].room);

	if (b == NULL)
		return NULL;
	pool->allocations++;
	return &b->packet;
}

struct packet *
packet_get(struct packet_pool *pool, size_t room)
{
	size_t size = size_of(room);
	struct packet *p;

	assert(room <= PACKET_LARGE);
	p = take_kept(pool, size);
	if (p == NULL)
		p = allocate(pool, size);
	if (p == NULL)
		return NULL;
	*p = (struct packet){
	    .data = ((struct buffer *)p)->bytes + PACKET_HEADROOM,
	    .room = sizes[size].room,
	};
	pool->used += packet_memory(p);
	return p;
}

struct packet *
packet_compact(struct packet_pool *pool, struct packet *p)
{
	struct packet *smaller;
	uint8_t *data;
	size_t room;

	if (size_of(p->len) == size_of(p->room) || (smaller = packet_get(pool, p->len)) == NULL)
		return p;
	data = smaller->data;
	room = smaller->room;
	*smaller = *p;
	smaller->data = data;
	smaller->room = room;
	memcpy(data, p->data, p->len);
	packet_put(pool, p);
	return smaller;
}

void
packet_put(struct packet_pool *pool, struct packet *p)
{
	size_t size;

	if (p == NULL)
		return;
	pool->used -= packet_memory(p);
	size = size_of(p->room);
	if (pool->kept[size].count == sizes[size].keep) {
		free(p);
		return;
	}
	p->next = pool->kept[size].first;
	pool->kept[size].first = p;
	pool->kept[size].count++;
}

size_t
packet_pool_used(const struct packet_pool *pool)
{
	return pool->used;
}

uint64_t
packet_pool_allocations(const struct packet_pool *pool)
{
	return pool->allocations;
}
