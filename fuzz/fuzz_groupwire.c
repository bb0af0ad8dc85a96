/*
 * Fuzz target: two members of a group, between them a broker that keeps, repeats, changes and cuts
 * what one sends, while keys, ids and time go on as the input says. What was not sent so, or has
 * been opened already, must not open.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "groupwire.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "wire.h"

#define PLAIN_LEN 8
#define MESSAGE_MAX (PLAIN_LEN + GROUPWIRE_OVERHEAD_ALL)
#define MESSAGES 32
#define STEPS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct someone {
	uint8_t secret[AEAD_KEY_LEN], public[AEAD_KEY_LEN];
	struct groupwire_self self;
	struct groupwire_other other;
	struct groupkey keys;
};

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t len;
	bool opened;
};

struct run {
	struct someone from, to;
	uint64_t now_ms;
	struct message messages[MESSAGES];
	size_t count;
};

static const uint8_t tag[NETWORK_TAG_LEN] = "destination";

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
install(struct someone *s, uint64_t now_ms)
{
	uint32_t epoch = groupkey_newest(&s->keys) + 1;
	uint8_t key[AEAD_KEY_LEN];

	memset(key, (int)epoch, sizeof(key));
	groupkey_install(&s->keys, epoch, key, now_ms);
}

static void
meet(struct someone *s, const struct someone *other)
{
	must(groupwire_other_init(&s->other, s->secret, other->public, other->self.id,
		 other->self.is_signing ? other->self.verify_key : NULL) == 0);
}

static void
begin(struct run *r, bool is_signing)
{
	memset(r, 0, sizeof(*r));
	r->now_ms = 1000 * 1000;
	r->from.secret[0] = 1;
	r->to.secret[0] = 2;
	for (int i = 0; i < 2; i++) {
		struct someone *s = i == 0 ? &r->from : &r->to;

		aead_dh_public(s->public, s->secret);
		groupwire_self_init(&s->self, is_signing);
		groupwire_self_set_id(&s->self, 10 + (uint32_t)i);
		groupkey_init(&s->keys, "fuzz");
		install(s, 0);
	}
	meet(&r->from, &r->to);
	meet(&r->to, &r->from);
}

static void
send(struct run *r, bool to_all)
{
	struct groupwire_now now = {&r->from.keys, r->now_ms, NULL};
	struct message *m = &r->messages[r->count % MESSAGES];

	memset(m, 0, sizeof(*m));
	memset(m->bytes + GROUPWIRE_HEADER_LEN, (int)r->count, PLAIN_LEN);
	m->len = to_all ? groupwire_seal_all(&r->from.self, &now, tag, m->bytes, PLAIN_LEN)
			: groupwire_seal_one(
			      &r->from.self, &r->from.other, &now, tag, m->bytes, PLAIN_LEN);
	must(m->len <= MESSAGE_MAX);
	r->count++;
}

static int
open_bytes(struct run *r, const uint8_t *bytes, size_t len)
{
	struct groupwire_now now = {&r->to.keys, r->now_ms, NULL};
	uint8_t *copy = malloc(len + 1), *plain = malloc(len + 1);
	struct frame_header h;
	int rc = GROUPWIRE_FORGED;

	must(copy != NULL && plain != NULL);
	memcpy(copy, bytes, len);
	if (frame_parse(copy, len, &h) == 0 && h.index == r->to.other.id) {
		if (h.type == FRAME_GROUP)
			rc = groupwire_open_all(&r->to.other, &now, tag, &h, copy, len, plain);
		else if (h.type == FRAME_GROUP_ONE)
			rc = groupwire_open_one(
			    &r->to.other, &r->to.self, &now, tag, &h, copy, len, plain);
	}
	for (int i = 1; rc == PLAIN_LEN && i < PLAIN_LEN; i++)
		must(plain[i] == plain[0]);
	free(copy);
	free(plain);
	return rc;
}

static void
deliver(struct run *r, uint8_t which, uint8_t at, uint8_t change, uint8_t cut)
{
	struct message *m = &r->messages[which % MESSAGES];
	uint8_t bytes[MESSAGE_MAX];
	size_t len;
	int rc;

	if (m->len == 0)
		return;
	memcpy(bytes, m->bytes, m->len);
	bytes[at % m->len] ^= change;
	len = m->len - cut % (m->len + 1);
	rc = open_bytes(r, bytes, len);
	if (rc < 0)
		return;
	must(rc == PLAIN_LEN && change == 0 && len == m->len && !m->opened);
	m->opened = true;
}

static void
step(struct run *r, struct wire_reader *in)
{
	uint8_t what = wire_u8(in), a = wire_u8(in), b, c;

	switch (what % 9) {
	case 0:
	case 1:
		send(r, what % 9 == 1);
		break;
	case 2:
		b = wire_u8(in);
		c = wire_u8(in);
		deliver(r, a, b, c, wire_u8(in));
		break;
	case 3:
		deliver(r, a, 0, 0, 0);
		break;
	case 4:
		install(&r->from, r->now_ms + a * 10);
		break;
	case 5:
		install(&r->to, r->now_ms + a * 10);
		break;
	case 6:
		r->now_ms += a * UINT64_C(50);
		break;
	case 7:
		groupwire_other_set_floor(&r->to.other, a);
		break;
	case 8: /* started anew, and the other has been told */
		groupwire_self_set_id(&r->to.self, 100 + a);
		meet(&r->from, &r->to);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;
	struct wire_reader in;

	if (size == 0 || aead_init() == -1)
		return 0;
	begin(&r, data[0] % 2 == 0);
	open_bytes(&r, data, size);
	wire_reader_init(&in, data + 1, size - 1);
	for (int i = 0; i < STEPS_MAX && wire_left(&in) > 0 && !in.failed; i++)
		step(&r, &in);
	return 0;
}
