/*
 * One array of keys for each level, as long as the tree is high; a flag tells whether a node is in
 * use. A node is in use if one of its children is.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keytree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aead_hash.h"

struct slot {
	bool used, stale; /* stale: somebody knows its key who must not */
	bool apart;	  /* nobody is below but newcomers who get its key otherwise */
	uint8_t key[AEAD_KEY_LEN];
};

struct keytree {
	keytree_changed changed;
	void *arg;
	unsigned int height;
	uint32_t count;
	uint32_t search; /* no leaf before this one is free */
	struct slot *levels[KEYTREE_HEIGHT_MAX + 1];
};

static uint32_t
width(const struct keytree *t, unsigned int level)
{
	return UINT32_C(1) << (t->height - level);
}

static struct slot *
slot_at(const struct keytree *t, unsigned int level, uint32_t index)
{
	return &t->levels[level][index];
}

static void
tell(const struct keytree *t, unsigned int level, uint32_t index)
{
	const struct slot *s = slot_at(t, level, index);
	struct keytree_node node = {(uint8_t)level, index};

	t->changed(t->arg, node, s->used ? s->key : NULL);
}

static void
set_key(struct keytree *t, unsigned int level, uint32_t index, const uint8_t key[AEAD_KEY_LEN])
{
	struct slot *s = slot_at(t, level, index);

	s->used = true;
	memcpy(s->key, key, AEAD_KEY_LEN);
	tell(t, level, index);
}

static void
set_random_key(struct keytree *t, unsigned int level, uint32_t index)
{
	uint8_t key[AEAD_KEY_LEN];

	aead_random(key, sizeof(key));
	set_key(t, level, index, key);
	aead_wipe(key, sizeof(key));
}

static void
clear_key(struct keytree *t, unsigned int level, uint32_t index)
{
	aead_wipe(slot_at(t, level, index), sizeof(struct slot));
	tell(t, level, index);
}

/* Memory. realloc() would leave keys behind. */

static struct slot *
grown(const struct slot *old, size_t count)
{
	struct slot *new = calloc(2 * count, sizeof(*new));

	if (new != NULL && old != NULL)
		memcpy(new, old, count * sizeof(*new));
	return new;
}

static void
free_level(struct slot *slots, size_t count)
{
	if (slots != NULL)
		aead_wipe(slots, count * sizeof(*slots));
	free(slots);
}

/* Twice as many leaves. The new root is not in use. */
static int
grow(struct keytree *t)
{
	struct slot *levels[KEYTREE_HEIGHT_MAX + 1] = {NULL};
	unsigned int level;

	if (t->height == KEYTREE_HEIGHT_MAX) {
		errno = ENOSPC;
		return -1;
	}
	for (level = 0; level <= t->height + 1; level++) {
		levels[level] = level <= t->height ? grown(t->levels[level], width(t, level))
						   : calloc(1, sizeof(*levels[level]));
		if (levels[level] == NULL)
			break;
	}
	if (level <= t->height + 1) {
		for (unsigned int i = 0; i < level; i++)
			free_level(levels[i], i <= t->height ? 2 * (size_t)width(t, i) : 1);
		errno = ENOMEM;
		return -1;
	}
	for (unsigned int i = 0; i <= t->height; i++)
		free_level(t->levels[i], width(t, i));
	memcpy(t->levels, levels, sizeof(levels));
	t->height++;
	return 0;
}

struct keytree *
keytree_new(keytree_changed changed, void *arg)
{
	struct keytree *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->changed = changed;
	t->arg = arg;
	t->levels[0] = calloc(1, sizeof(*t->levels[0]));
	/* The root is never a leaf: its key could not be renewed. */
	if (t->levels[0] == NULL || grow(t) == -1) {
		keytree_free(t);
		return NULL;
	}
	return t;
}

void
keytree_free(struct keytree *t)
{
	if (t == NULL)
		return;
	for (unsigned int level = 0; level <= t->height; level++)
		free_level(t->levels[level], width(t, level));
	free(t);
}

int
keytree_restore(struct keytree *t, struct keytree_node node, const uint8_t key[AEAD_KEY_LEN])
{
	struct slot *s;

	if (node.level > KEYTREE_HEIGHT_MAX ||
	    node.index >= UINT32_C(1) << (KEYTREE_HEIGHT_MAX - node.level)) {
		errno = EINVAL;
		return -1;
	}
	while (node.level > t->height || node.index >= width(t, node.level))
		if (grow(t) == -1)
			return -1;
	s = slot_at(t, node.level, node.index);
	if (node.level == 0 && !s->used)
		t->count++;
	s->used = true;
	memcpy(s->key, key, AEAD_KEY_LEN);
	return 0;
}

bool
keytree_is_whole(const struct keytree *t)
{
	for (unsigned int level = 0; level < t->height; level++)
		for (uint32_t i = 0; i < width(t, level); i++)
			if (slot_at(t, level, i)->used && !slot_at(t, level + 1, i / 2)->used)
				return false;
	return true;
}

uint32_t
keytree_count(const struct keytree *t)
{
	return t->count;
}

unsigned int
keytree_height(const struct keytree *t)
{
	return t->height;
}

bool
keytree_has(const struct keytree *t, uint32_t leaf)
{
	return leaf < width(t, 0) && slot_at(t, 0, leaf)->used;
}

/* Members. */

/* Who is below the old root takes the new one's key for it, see keytree_follow(). */
static int
add_level(struct keytree *t)
{
	unsigned int old = t->height;

	if (grow(t) == -1)
		return -1;
	set_key(t, t->height, 0, slot_at(t, old, 0)->key);
	return 0;
}

int
keytree_add(struct keytree *t, uint32_t *leaf)
{
	if (t->count == width(t, 0) && add_level(t) == -1)
		return -1;
	while (slot_at(t, 0, t->search)->used)
		t->search++;
	*leaf = t->search;
	t->count++;
	set_random_key(t, 0, *leaf);
	for (unsigned int level = 1; level <= t->height; level++)
		if (!slot_at(t, level, *leaf >> level)->used)
			set_random_key(t, level, *leaf >> level);
	return 0;
}

static bool
has_children(const struct keytree *t, unsigned int level, uint32_t index)
{
	return slot_at(t, level - 1, 2 * index)->used || slot_at(t, level - 1, 2 * index + 1)->used;
}

void
keytree_mark(struct keytree *t, uint32_t leaf)
{
	for (unsigned int level = 1; level <= t->height; level++)
		slot_at(t, level, leaf >> level)->stale = true;
}

void
keytree_leave_out(struct keytree *t, uint32_t leaf)
{
	slot_at(t, 0, leaf)->apart = true;
}

void
keytree_remove(struct keytree *t, uint32_t leaf)
{
	if (!keytree_has(t, leaf))
		return;
	clear_key(t, 0, leaf);
	t->count--;
	if (leaf < t->search)
		t->search = leaf;
	keytree_mark(t, leaf);
	for (unsigned int level = 1; level <= t->height; level++)
		if (!has_children(t, level, leaf >> level))
			clear_key(t, level, leaf >> level);
}

/* Renewal. */

static bool
is_due(const struct keytree *t, unsigned int level, uint32_t index)
{
	const struct slot *s = slot_at(t, level, index);

	return s->used && (s->stale || level == t->height);
}

/* Whether there is somebody below who learns by a wrap. */
static bool
is_followed(const struct keytree *t, unsigned int level, uint32_t index)
{
	const struct slot *s = slot_at(t, level, index);

	return s->used && !s->apart;
}

/* From the leaves to the root. */
static void
find_apart(struct keytree *t)
{
	for (unsigned int level = 1; level <= t->height; level++)
		for (uint32_t i = 0; i < width(t, level); i++)
			slot_at(t, level, i)->apart = !is_followed(t, level - 1, 2 * i) &&
						      !is_followed(t, level - 1, 2 * i + 1);
}

static size_t
count_wraps(const struct keytree *t)
{
	size_t count = 0;

	for (unsigned int level = 1; level <= t->height; level++)
		for (uint32_t i = 0; i < width(t, level); i++)
			if (is_due(t, level, i))
				count += (size_t)is_followed(t, level - 1, 2 * i) +
					 is_followed(t, level - 1, 2 * i + 1);
	return count;
}

/* What is sealed is a key, and what seals it knows only those who may know that; beside the epoch
 * the two nodes are bound, so that no wrap passes for another. */
static void
wrap_bound(const struct keytree_wrap *w, uint8_t bound[9])
{
	bound[0] = w->node.level;
	for (unsigned int i = 0; i < 4; i++) {
		bound[1 + i] = (uint8_t)(w->node.index >> (24 - 8 * i));
		bound[5 + i] = (uint8_t)(w->child >> (24 - 8 * i));
	}
}

static size_t
wrap_for(const struct keytree *t, unsigned int level, uint32_t index, uint32_t child,
    uint32_t epoch, const uint8_t news[AEAD_KEY_LEN], struct keytree_wrap *w)
{
	const struct slot *below = slot_at(t, level - 1, child);
	uint8_t bound[9];

	if (!is_followed(t, level - 1, child))
		return 0;
	w->node = (struct keytree_node){(uint8_t)level, index};
	w->child = child;
	wrap_bound(w, bound);
	aead_seal(w->sealed, news, AEAD_KEY_LEN, bound, sizeof(bound), epoch, below->key);
	return 1;
}

/*
 * The new key needs the old one, which is forgotten: whoever has recorded all renewals and takes
 * over a member, or the server, later cannot go back.
 */
static void
mix(uint8_t key[AEAD_KEY_LEN], const uint8_t news[AEAD_KEY_LEN])
{
	uint8_t mixed[AEAD_KEY_LEN];

	aead_kdf(mixed, key, "mv1 renew", news, AEAD_KEY_LEN);
	memcpy(key, mixed, AEAD_KEY_LEN);
	aead_wipe(mixed, sizeof(mixed));
}

/* Returns the number of wraps. */
static size_t
renew_node(
    struct keytree *t, unsigned int level, uint32_t i, uint32_t epoch, struct keytree_wrap *w)
{
	struct slot *s = slot_at(t, level, i);
	uint8_t news[AEAD_KEY_LEN];
	size_t n;

	aead_random(news, sizeof(news));
	mix(s->key, news);
	s->stale = false;
	tell(t, level, i);
	n = wrap_for(t, level, i, 2 * i, epoch, news, w);
	n += wrap_for(t, level, i, 2 * i + 1, epoch, news, w + n);
	aead_wipe(news, sizeof(news));
	return n;
}

int
keytree_renew(struct keytree *t, uint32_t epoch, struct keytree_wrap **wraps, size_t *count)
{
	struct keytree_wrap *w;
	size_t n = 0;

	find_apart(t);
	w = calloc(count_wraps(t) + 1, sizeof(*w));
	if (w == NULL)
		return -1;
	for (unsigned int level = 1; level <= t->height; level++)
		for (uint32_t i = 0; i < width(t, level); i++)
			if (is_due(t, level, i))
				n += renew_node(t, level, i, epoch, &w[n]);
	for (uint32_t i = 0; i < width(t, 0); i++)
		slot_at(t, 0, i)->apart = false;
	*wraps = w;
	*count = n;
	return 0;
}

/* The member's side. */

void
keytree_path(const struct keytree *t, uint32_t leaf, struct keytree_path *path)
{
	memset(path, 0, sizeof(*path));
	path->leaf = leaf;
	path->height = t->height;
	for (unsigned int level = 0; level <= t->height; level++)
		memcpy(path->keys[level], slot_at(t, level, leaf >> level)->key, AEAD_KEY_LEN);
}

bool
keytree_concerns(const struct keytree_path *path, const struct keytree_wrap *w)
{
	return w->node.level >= 1 && w->node.level <= KEYTREE_HEIGHT_MAX &&
	       path->leaf >> w->node.level == w->node.index &&
	       path->leaf >> (w->node.level - 1) == w->child;
}

/* The tree has grown, and nobody had to tell: so far the new nodes have had the old root's key. */
static void
reach(struct keytree_path *path, unsigned int level)
{
	while (path->height < level) {
		memcpy(path->keys[path->height + 1], path->keys[path->height], AEAD_KEY_LEN);
		path->height++;
	}
}

static int
unwrap(struct keytree_path *path, uint32_t epoch, const struct keytree_wrap *w)
{
	uint8_t bound[9], news[AEAD_KEY_LEN];
	int rc;

	wrap_bound(w, bound);
	rc = aead_open(news, w->sealed, sizeof(w->sealed), bound, sizeof(bound), epoch,
	    path->keys[w->node.level - 1]);
	if (rc == 0)
		mix(path->keys[w->node.level], news);
	aead_wipe(news, sizeof(news));
	return rc;
}

int
keytree_follow(
    struct keytree_path *path, uint32_t epoch, const struct keytree_wrap *wraps, size_t count)
{
	struct keytree_path new = *path;
	unsigned int root = 0, reached = 0;
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		if (wraps[i].node.level > root)
			root = wraps[i].node.level;
		if (keytree_concerns(path, &wraps[i]))
			reach(&new, wraps[i].node.level); /* with the old key, before it changes */
	}
	for (size_t i = 0; i < count && rc == 0; i++) {
		if (keytree_concerns(path, &wraps[i])) {
			rc = unwrap(&new, epoch, &wraps[i]);
			reached = wraps[i].node.level;
		}
	}
	if (reached == 0 || reached < root || new.height != reached)
		rc = -1;
	if (rc == 0)
		*path = new;
	aead_wipe(&new, sizeof(new));
	return rc;
}
