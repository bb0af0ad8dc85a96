/*
 * Each field has a function that reads its value and one that writes it; the table also says how
 * long a value may be, and whether it may come more than once.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "keymsg.h"

#include <string.h>

#include "network.h"
#include "util.h"
#include "wire.h"

#define IGNORABLE 0x80
#define PREFIX_LEN_MAX (1 + 16 + 1)
#define NODE_LEN (1 + 4 + AEAD_KEY_LEN)

struct field {
	uint16_t min, max; /* length of the value */
	bool many;
	/* Returns 0, or -1 if the value makes no sense. */
	int (*read)(struct keymsg *m, struct wire_reader *r);
	/* The i-th value of this field. Returns false if there is none. */
	bool (*write)(const struct keymsg *m, size_t i, struct wire_writer *w);
};

/* Texts: no control characters, as they are logged and shown. */

static int
read_text(struct wire_reader *r, char *text)
{
	size_t len = wire_left(r);
	const uint8_t *bytes = wire_bytes(r, len);

	for (size_t i = 0; i < len; i++)
		if (bytes[i] < 0x20 || bytes[i] == 0x7f)
			return -1;
	memcpy(text, bytes, len);
	text[len] = '\0';
	return 0;
}

static void
write_text(struct wire_writer *w, const char *text)
{
	wire_put_bytes(w, text, strlen(text));
}

#define TEXT_FIELD(member)                                                                  \
	static int read_##member(struct keymsg *m, struct wire_reader *r)                   \
	{                                                                                   \
		return read_text(r, m->member);                                             \
	}                                                                                   \
	static bool write_##member(const struct keymsg *m, size_t i, struct wire_writer *w) \
	{                                                                                   \
		write_text(w, m->member);                                                   \
		return i == 0;                                                              \
	}

#define KEY_FIELD(member)                                                                   \
	static int read_##member(struct keymsg *m, struct wire_reader *r)                   \
	{                                                                                   \
		memcpy(m->member, wire_bytes(r, AEAD_KEY_LEN), AEAD_KEY_LEN);               \
		return 0;                                                                   \
	}                                                                                   \
	static bool write_##member(const struct keymsg *m, size_t i, struct wire_writer *w) \
	{                                                                                   \
		wire_put_bytes(w, m->member, AEAD_KEY_LEN);                                 \
		return i == 0;                                                              \
	}

#define NUMBER_FIELD(member, width)                                                         \
	static int read_##member(struct keymsg *m, struct wire_reader *r)                   \
	{                                                                                   \
		m->member = wire_u##width(r);                                               \
		return 0;                                                                   \
	}                                                                                   \
	static bool write_##member(const struct keymsg *m, size_t i, struct wire_writer *w) \
	{                                                                                   \
		wire_put_u##width(w, m->member);                                            \
		return i == 0;                                                              \
	}

TEXT_FIELD(group)
TEXT_FIELD(name)
TEXT_FIELD(reason)
KEY_FIELD(verify_key)
KEY_FIELD(server_key)
KEY_FIELD(public_key)
NUMBER_FIELD(wanted_s, 64)
NUMBER_FIELD(granted_s, 64)
NUMBER_FIELD(sender, 32)
NUMBER_FIELD(epoch, 32)
NUMBER_FIELD(lease_s, 32)
NUMBER_FIELD(time_ms, 64)
NUMBER_FIELD(nonce, 64)

static int
read_method(struct keymsg *m, struct wire_reader *r)
{
	uint8_t method = wire_u8(r);

	m->method = (enum keymsg_method)method;
	return method >= KEYMSG_STATIC && method <= KEYMSG_SLOTTED ? 0 : -1;
}

static bool
write_method(const struct keymsg *m, size_t i, struct wire_writer *w)
{
	wire_put_u8(w, (uint8_t)m->method);
	return i == 0;
}

static int
read_slots(struct keymsg *m, struct wire_reader *r)
{
	m->slots_begin_ms = wire_u64(r);
	m->slot_s = wire_u32(r);
	m->slots_depth = wire_u8(r);
	return m->slot_s > 0 && m->slots_depth > 0 && m->slots_depth <= SLOTS_DEPTH_MAX ? 0 : -1;
}

static bool
write_slots(const struct keymsg *m, size_t i, struct wire_writer *w)
{
	wire_put_u64(w, m->slots_begin_ms);
	wire_put_u32(w, m->slot_s);
	wire_put_u8(w, m->slots_depth);
	return i == 0;
}

static int
read_cover(struct keymsg *m, struct wire_reader *r)
{
	struct slots_node *n;

	if (m->cover_count == ARRAY_LEN(m->cover))
		return -1;
	n = &m->cover[m->cover_count++];
	n->depth = wire_u8(r);
	n->index = wire_u32(r);
	memcpy(n->key, wire_bytes(r, AEAD_KEY_LEN), AEAD_KEY_LEN);
	return n->depth <= SLOTS_DEPTH_MAX && n->index < UINT32_C(1) << n->depth ? 0 : -1;
}

static bool
write_cover(const struct keymsg *m, size_t i, struct wire_writer *w)
{
	if (i >= m->cover_count)
		return false;
	wire_put_u8(w, m->cover[i].depth);
	wire_put_u32(w, m->cover[i].index);
	wire_put_bytes(w, m->cover[i].key, AEAD_KEY_LEN);
	return true;
}

static int
read_leaf(struct keymsg *m, struct wire_reader *r)
{
	m->path.leaf = wire_u32(r);
	return m->path.leaf < KEYTREE_LEAVES_MAX ? 0 : -1;
}

static bool
write_leaf(const struct keymsg *m, size_t i, struct wire_writer *w)
{
	wire_put_u32(w, m->path.leaf);
	return i == 0;
}

/* All keys in one value, from the leaf to the root. */
static int
read_path(struct keymsg *m, struct wire_reader *r)
{
	size_t len = wire_left(r);

	if (len % AEAD_KEY_LEN != 0)
		return -1;
	m->path.height = (unsigned int)(len / AEAD_KEY_LEN - 1);
	memcpy(m->path.keys, wire_bytes(r, len), len);
	return 0;
}

static bool
write_path(const struct keymsg *m, size_t i, struct wire_writer *w)
{
	wire_put_bytes(w, m->path.keys, (m->path.height + 1) * sizeof(m->path.keys[0]));
	return i == 0;
}

static int
read_address(struct keymsg *m, struct wire_reader *r)
{
	return network_read_addr(r, &m->address);
}

static bool
write_address(const struct keymsg *m, size_t i, struct wire_writer *w)
{
	network_put_addr(w, &m->address);
	return i == 0;
}

static int
read_prefix(struct keymsg *m, struct wire_reader *r)
{
	struct prefix *p;

	if (m->prefix_count == ARRAY_LEN(m->prefixes))
		return -1;
	p = &m->prefixes[m->prefix_count++];
	if (network_read_addr(r, &p->addr) == -1)
		return -1;
	p->len = wire_u8(r);
	return p->len <= addr_bits(&p->addr) ? 0 : -1;
}

static bool
write_prefix(const struct keymsg *m, size_t i, struct wire_writer *w)
{
	if (i >= m->prefix_count)
		return false;
	network_put_addr(w, &m->prefixes[i].addr);
	wire_put_u8(w, m->prefixes[i].len);
	return true;
}

#define KEY AEAD_KEY_LEN, AEAD_KEY_LEN, false
#define NUMBER(bytes) bytes, bytes, false

static const struct field fields[KEYMSG_FIELDS] = {
    [KEYMSG_GROUP] = {1, KEYMSG_GROUP_MAX, false, read_group, write_group},
    [KEYMSG_WANTED] = {NUMBER(8), read_wanted_s, write_wanted_s},
    [KEYMSG_GRANTED] = {NUMBER(8), read_granted_s, write_granted_s},
    [KEYMSG_VERIFY_KEY] = {KEY, read_verify_key, write_verify_key},
    [KEYMSG_SERVER_KEY] = {KEY, read_server_key, write_server_key},
    [KEYMSG_PUBLIC_KEY] = {KEY, read_public_key, write_public_key},
    [KEYMSG_SENDER] = {NUMBER(4), read_sender, write_sender},
    [KEYMSG_EPOCH] = {NUMBER(4), read_epoch, write_epoch},
    [KEYMSG_METHOD] = {NUMBER(1), read_method, write_method},
    [KEYMSG_SLOTS] = {NUMBER(13), read_slots, write_slots},
    [KEYMSG_COVER] = {NODE_LEN, NODE_LEN, true, read_cover, write_cover},
    [KEYMSG_LEAF] = {NUMBER(4), read_leaf, write_leaf},
    [KEYMSG_PATH] = {2 * AEAD_KEY_LEN, (KEYTREE_HEIGHT_MAX + 1) * AEAD_KEY_LEN, false, read_path,
	write_path},
    [KEYMSG_LEASE_TIME] = {NUMBER(4), read_lease_s, write_lease_s},
    [KEYMSG_TIME] = {NUMBER(8), read_time_ms, write_time_ms},
    [KEYMSG_ADDRESS] = {5, 17, false, read_address, write_address},
    [KEYMSG_PREFIX] = {6, PREFIX_LEN_MAX, true, read_prefix, write_prefix},
    [KEYMSG_NAME] = {1, KEYMSG_TEXT_MAX, false, read_name, write_name},
    [KEYMSG_REASON] = {1, KEYMSG_TEXT_MAX, false, read_reason, write_reason},
    [KEYMSG_NONCE] = {NUMBER(8), read_nonce, write_nonce},
};

/* What each type needs beside its group; it may have more. */
static const struct {
	enum keymsg_type type;
	const char *name;
	uint32_t needs;
} types[] = {
    {KEYMSG_JOIN, "join", KEYMSG_HAS(KEYMSG_WANTED)},
    {KEYMSG_LEAVE, "leave", 0},
    {KEYMSG_CATCH_UP, "catch up", KEYMSG_HAS(KEYMSG_EPOCH)},
    {KEYMSG_RENEW, "renew", KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_NONCE)},
    {KEYMSG_LOOK_UP, "look up", 0},
    {KEYMSG_LIST, "list", 0},
    {KEYMSG_JOINED, "joined",
	KEYMSG_HAS(KEYMSG_METHOD) | KEYMSG_HAS(KEYMSG_SENDER) | KEYMSG_HAS(KEYMSG_EPOCH) |
	    KEYMSG_HAS(KEYMSG_LEAF) | KEYMSG_HAS(KEYMSG_PATH) | KEYMSG_HAS(KEYMSG_GRANTED) |
	    KEYMSG_HAS(KEYMSG_LEASE_TIME) | KEYMSG_HAS(KEYMSG_TIME) |
	    KEYMSG_HAS(KEYMSG_SERVER_KEY)},
    {KEYMSG_LEFT, "left", 0},
    {KEYMSG_LEASE, "lease",
	KEYMSG_HAS(KEYMSG_NONCE) | KEYMSG_HAS(KEYMSG_EPOCH) | KEYMSG_HAS(KEYMSG_TIME) |
	    KEYMSG_HAS(KEYMSG_LEASE_TIME)},
    {KEYMSG_ENTRY, "entry",
	KEYMSG_HAS(KEYMSG_SENDER) | KEYMSG_HAS(KEYMSG_PUBLIC_KEY) | KEYMSG_HAS(KEYMSG_GRANTED)},
    {KEYMSG_EVICTED, "evicted", 0},
    {KEYMSG_REFUSED, "refused", KEYMSG_HAS(KEYMSG_REASON)},
    {KEYMSG_ROUTES, "routes", 0},
};

static size_t
find_type(enum keymsg_type type)
{
	size_t i = 0;

	while (i < ARRAY_LEN(types) && types[i].type != type)
		i++;
	return i;
}

/* A cover means nothing without the tree that it is of; and who asks for somebody says for whom. */
static bool
is_complete(const struct keymsg *m)
{
	uint32_t whom =
	    KEYMSG_HAS(KEYMSG_ADDRESS) | KEYMSG_HAS(KEYMSG_SENDER) | KEYMSG_HAS(KEYMSG_PREFIX);
	size_t i = find_type(m->type);
	uint32_t needs;

	if (i == ARRAY_LEN(types))
		return false;
	needs = types[i].needs | KEYMSG_HAS(KEYMSG_GROUP);
	if (m->type == KEYMSG_JOINED && m->method == KEYMSG_SLOTTED)
		needs |= KEYMSG_HAS(KEYMSG_SLOTS) | KEYMSG_HAS(KEYMSG_COVER);
	if (m->type == KEYMSG_LOOK_UP && (m->has & whom) == 0)
		return false;
	return (m->has & needs) == needs;
}

static int
read_field(struct keymsg *m, uint8_t tag, const uint8_t *value, size_t len)
{
	const struct field *f = &fields[tag < KEYMSG_FIELDS ? tag : 0];
	struct wire_reader r;

	if (f->read == NULL)
		return tag >= IGNORABLE ? 0 : KEYMSG_UNKNOWN;
	if (len < f->min || len > f->max || (!f->many && (m->has & KEYMSG_HAS(tag)) != 0))
		return KEYMSG_MALFORMED;
	wire_reader_init(&r, value, len);
	if (f->read(m, &r) == -1 || r.failed || wire_left(&r) > 0)
		return KEYMSG_MALFORMED;
	m->has |= KEYMSG_HAS(tag);
	return 0;
}

int
keymsg_parse(struct keymsg *m, const uint8_t *data, size_t len)
{
	struct wire_reader r;
	int rc = 0;

	memset(m, 0, sizeof(*m));
	wire_reader_init(&r, data, len);
	m->type = (enum keymsg_type)wire_u8(&r);
	m->request = wire_u32(&r);
	if (r.failed)
		return KEYMSG_MALFORMED;
	if (find_type(m->type) == ARRAY_LEN(types))
		return KEYMSG_UNKNOWN;
	while (rc == 0 && wire_left(&r) > 0) {
		uint8_t tag = wire_u8(&r);
		uint16_t value_len = wire_u16(&r);
		const uint8_t *value = wire_bytes(&r, value_len);

		rc = r.failed ? KEYMSG_MALFORMED : read_field(m, tag, value, value_len);
	}
	if (rc != 0)
		return rc;
	return is_complete(m) ? 0 : KEYMSG_INCOMPLETE;
}

static void
write_field(const struct keymsg *m, uint8_t tag, struct wire_writer *w)
{
	const struct field *f = &fields[tag];

	for (size_t i = 0; i == 0 || f->many; i++) {
		uint8_t value[(KEYTREE_HEIGHT_MAX + 1) * AEAD_KEY_LEN];
		struct wire_writer v;

		wire_writer_init(&v, value, sizeof(value));
		if (!f->write(m, i, &v)) {
			w->failed = w->failed || i == 0;
			return;
		}
		if (v.failed || v.pos < f->min || v.pos > f->max)
			w->failed = true;
		wire_put_u8(w, tag);
		wire_put_u16(w, (uint16_t)v.pos);
		wire_put_bytes(w, value, v.pos);
		aead_wipe(value, sizeof(value));
	}
}

size_t
keymsg_write(const struct keymsg *m, uint8_t *out, size_t size)
{
	struct wire_writer w;

	wire_writer_init(&w, out, size);
	wire_put_u8(&w, (uint8_t)m->type);
	wire_put_u32(&w, m->request);
	for (uint8_t tag = 1; tag < KEYMSG_FIELDS; tag++)
		if ((m->has & KEYMSG_HAS(tag)) != 0)
			write_field(m, tag, &w);
	return w.failed || !is_complete(m) ? 0 : w.pos;
}

void
keymsg_clear(struct keymsg *m)
{
	aead_wipe(m, sizeof(*m));
}

const char *
keymsg_type_name(enum keymsg_type type)
{
	size_t i = find_type(type);

	return i < ARRAY_LEN(types) ? types[i].name : "unknown";
}
