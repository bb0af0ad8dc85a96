/*
 * version, type, flags; epoch, part, parts, time, count; the wraps: level, with the highest bit for
 * the right child, index, what is sealed; the signature of a hash of the group's name, which is not
 * sent, and all that.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "rekey.h"

#include <string.h>

#include "aead_dh.h"
#include "aead_hash.h"
#include "frame.h"
#include "wire.h"

#define LABEL "mv1 rekey"
#define HASH_LEN 32
#define RIGHT 0x80

/* Of all count wraps, the first one behind those of the parts before this one. */
static size_t
begin_of(unsigned int part, size_t count)
{
	size_t begin = (size_t)part * REKEY_PART_WRAPS;

	return begin < count ? begin : count;
}

uint16_t
rekey_parts(size_t count)
{
	size_t parts = (count + REKEY_PART_WRAPS - 1) / REKEY_PART_WRAPS;

	return (uint16_t)(parts > 0 ? parts : 1);
}

/* What is signed: it is of no use for another group. */
static void
digest(uint8_t hash[HASH_LEN], const char *group, const uint8_t *message, size_t len)
{
	uint8_t name[sizeof(LABEL) + UINT8_MAX];
	struct wire_writer w;

	wire_writer_init(&w, name, sizeof(name));
	wire_put_bytes(&w, LABEL, strlen(LABEL));
	wire_put_u8(&w, (uint8_t)strlen(group));
	wire_put_bytes(&w, group, strlen(group));
	aead_hash(hash, HASH_LEN, NULL, name, w.pos, message, len);
}

static void
put_head(struct wire_writer *w, const struct rekey *r, size_t count)
{
	wire_put_u8(w, FRAME_VERSION);
	wire_put_u8(w, FRAME_REKEY);
	wire_put_u16(w, 0);
	wire_put_u32(w, r->epoch);
	wire_put_u16(w, r->part);
	wire_put_u16(w, r->parts);
	wire_put_u64(w, r->from_ms);
	wire_put_u16(w, (uint16_t)count);
}

static void
put_wrap(struct wire_writer *w, const struct keytree_wrap *wrap)
{
	wire_put_u8(w, (uint8_t)(wrap->node.level | (wrap->child % 2 != 0 ? RIGHT : 0)));
	wire_put_u32(w, wrap->node.index);
	wire_put_bytes(w, wrap->sealed, sizeof(wrap->sealed));
}

size_t
rekey_write(const struct rekey *r, const char *group, const struct keytree_wrap *wraps,
    size_t count, const uint8_t sign_key[AEAD_SIGN_SECRET_LEN], uint8_t *out)
{
	size_t first = begin_of(r->part, count), end = begin_of(r->part + 1U, count);
	uint8_t hash[HASH_LEN];
	struct wire_writer w;

	wire_writer_init(&w, out, REKEY_PART_MAX);
	put_head(&w, r, end - first);
	for (size_t i = first; i < end; i++)
		put_wrap(&w, &wraps[i]);
	digest(hash, group, out, w.pos);
	aead_sign(out + w.pos, hash, sizeof(hash), sign_key);
	return w.pos + AEAD_SIGNATURE_LEN;
}

int
rekey_open(struct rekey *r, const char *group, const uint8_t server_key[AEAD_KEY_LEN],
    const uint8_t *data, size_t len)
{
	struct wire_reader w;
	uint8_t hash[HASH_LEN];
	bool known;

	if (len < AEAD_SIGNATURE_LEN || len > REKEY_PART_MAX)
		return REKEY_MALFORMED;
	len -= AEAD_SIGNATURE_LEN;
	wire_reader_init(&w, data, len);
	known = wire_u8(&w) == FRAME_VERSION;
	known = wire_u8(&w) == FRAME_REKEY && known;
	known = wire_u16(&w) == 0 && known;
	r->epoch = wire_u32(&w);
	r->part = wire_u16(&w);
	r->parts = wire_u16(&w);
	r->from_ms = wire_u64(&w);
	r->count = wire_u16(&w);
	r->wraps = wire_bytes(&w, r->count * REKEY_WRAP_LEN);
	if (!known || w.failed || wire_left(&w) > 0 || r->part >= r->parts ||
	    r->parts > REKEY_PARTS_MAX)
		return REKEY_MALFORMED;
	digest(hash, group, data, len);
	return aead_verify(data + len, hash, sizeof(hash), server_key) == 0 ? 0 : REKEY_FORGED;
}

static void
read_wrap(const uint8_t *bytes, struct keytree_wrap *wrap)
{
	struct wire_reader r;
	uint8_t level;

	wire_reader_init(&r, bytes, REKEY_WRAP_LEN);
	level = wire_u8(&r);
	wrap->node.level = level & (RIGHT - 1);
	wrap->node.index = wire_u32(&r);
	wrap->child = 2 * wrap->node.index + ((level & RIGHT) != 0 ? 1 : 0);
	memcpy(wrap->sealed, wire_bytes(&r, KEYTREE_SEALED_LEN), KEYTREE_SEALED_LEN);
}

/* They come from the leaves to the root, and so do their parts if the broker keeps the order. */
static void
keep_in_order(struct rekey_collection *c, const struct keytree_wrap *wrap)
{
	size_t i = c->count;

	if (c->count == KEYTREE_HEIGHT_MAX)
		return;
	for (; i > 0 && c->wraps[i - 1].node.level > wrap->node.level; i--)
		c->wraps[i] = c->wraps[i - 1];
	c->wraps[i] = *wrap;
	c->count++;
}

static void
begin(struct rekey_collection *c, const struct rekey *r)
{
	memset(c, 0, sizeof(*c));
	c->epoch = r->epoch;
	c->from_ms = r->from_ms;
	c->parts = c->left = r->parts;
}

bool
rekey_collect(struct rekey_collection *c, const struct rekey *r, const struct keytree_path *path)
{
	if (r->epoch < c->epoch)
		return false;
	if (r->epoch > c->epoch || r->from_ms > c->from_ms)
		begin(c, r);
	if (r->parts != c->parts || c->has[r->part])
		return false;
	for (size_t i = 0; i < r->count; i++) {
		struct keytree_wrap wrap;

		read_wrap(r->wraps + i * REKEY_WRAP_LEN, &wrap);
		if (keytree_concerns(path, &wrap))
			keep_in_order(c, &wrap);
	}
	c->has[r->part] = true;
	return --c->left == 0;
}
