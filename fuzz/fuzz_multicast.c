/*
 * Fuzz target: the first byte chooses between multicast_open() on any message, any grant, and a
 * run of messages and grants by two senders, judged against a model that remembers everything.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "multicast.h"

#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "aead_dh.h"
#include "replay.h"
#include "wire.h"

#define PLAIN "a record"
#define PLAIN_LEN 8
#define MESSAGE_MAX (PLAIN_LEN + MULTICAST_OVERHEAD)
#define COUNTERS 65536 /* that a run uses */
#define STEPS_MAX 48

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A key, and what its receiver must know of it. */
struct model {
	struct multicast_sender m;
	bool granted;
	uint64_t floor, next;
	uint8_t seen[COUNTERS];
};

struct sender {
	struct network_id id;
	bool sign;
	struct model keys[2]; /* the present, the one before */
};

struct run {
	struct network n;
	struct multicast_table *t;
	struct sender senders[2];
	uint64_t last_id;
};

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
make_network(struct network *n)
{
	static const uint8_t secret[AEAD_KEY_LEN] = "secret";
	const struct network_params p = {
	    .mode = NETWORK_PSK, .name = "fuzz", .prefix = "vpn", .secret = secret};

	network_init(n, &p);
}

static int
open_bytes(struct run *r, const struct sender *s, const uint8_t *data, size_t len)
{
	uint8_t *plain = malloc(len > 0 ? len : 1);
	struct frame_header h;
	void *owner = NULL;
	struct addr sender;
	int result;

	must(plain != NULL);
	if (frame_parse(data, len, &h) != 0 || h.type != FRAME_MULTICAST) {
		free(plain);
		return MULTICAST_FORGED;
	}
	result = multicast_open(
	    r->t, &r->n, s->id.part, strlen(s->id.part), &h, data, len, plain, &sender, &owner);
	must(result >= MULTICAST_FORGED);
	if (result >= 0) {
		must(result == PLAIN_LEN && memcmp(plain, PLAIN, PLAIN_LEN) == 0);
		must(owner == s && addr_equal(&sender, &s->id.addr));
	}
	free(plain);
	return result;
}

static size_t
seal(struct run *r, const struct sender *s, const struct multicast_sender *m, uint64_t counter,
    uint8_t message[MESSAGE_MAX])
{
	struct multicast_sender copy = *m;

	copy.counter = counter;
	memcpy(message + FRAME_MULTICAST_HEADER_LEN, PLAIN, PLAIN_LEN);
	return multicast_seal(&copy, &r->n, &s->id, message, PLAIN_LEN);
}

static int
grant(struct run *r, struct sender *s, const struct multicast_sender *m, uint64_t floor)
{
	uint8_t body[MULTICAST_GRANT_MAX];

	return multicast_table_grant(r->t, &s->id, s, body, multicast_grant(m, floor, body));
}

/* A key whose id and secret are the same in each run, so that a corpus can name it. */
static void
renew(struct run *r, struct sender *s, uint64_t floor)
{
	struct model *k = &s->keys[0];

	s->keys[1] = *k;
	memset(k, 0, sizeof(*k));
	k->m.ready = true;
	k->m.sign = s->sign;
	k->m.key_id = ++r->last_id;
	memset(k->m.key, (int)k->m.key_id, sizeof(k->m.key));
	if (s->sign)
		aead_sign_keypair(k->m.verify_key, k->m.sign_key);
	k->granted = true;
	k->floor = floor;
	must(grant(r, s, &k->m, floor) == 0);
}

static void
forget(struct run *r, struct sender *s)
{
	multicast_table_forget(r->t, s);
	s->keys[0].granted = s->keys[1].granted = false;
}

/* What a message must lead to. */
static int
expected(const struct model *k, uint64_t counter)
{
	if (!k->granted)
		return MULTICAST_UNKNOWN_KEY;
	if (counter < k->floor || k->seen[counter] ||
	    (counter < k->next && k->next - counter > REPLAY_WINDOW))
		return MULTICAST_REPLAYED;
	return PLAIN_LEN;
}

/* Delivers a message, first with a byte changed if damage is not 0. */
static void
deliver(struct run *r, struct sender *s, struct model *k, uint64_t counter, uint8_t damage)
{
	uint8_t message[MESSAGE_MAX];
	size_t len;

	if (!k->m.ready)
		return;
	len = seal(r, s, &k->m, counter, message);
	if (damage != 0) {
		message[damage % len] ^= damage;
		must(open_bytes(r, s, message, len) < 0);
		message[damage % len] ^= damage;
	}
	must(open_bytes(r, s, message, len) == expected(k, counter));
	if (expected(k, counter) < 0)
		return;
	k->seen[counter] = 1;
	if (counter >= k->next)
		k->next = counter + 1;
}

static void
step(struct run *r, uint8_t op, uint16_t value, uint8_t damage)
{
	struct sender *s = &r->senders[op & 1];

	switch (op >> 2 & 7) {
	case 0:
		renew(r, s, value);
		break;
	case 1:
		if (s->keys[0].granted)
			must(grant(r, s, &s->keys[0].m, value) == 0);
		break;
	case 2:
		forget(r, s);
		break;
	default:
		deliver(r, s, &s->keys[op >> 1 & 1], value, damage);
		break;
	}
}

static void
check_steps(struct run *r, const uint8_t *data, size_t size)
{
	struct wire_reader in;
	uint16_t value;
	uint8_t op;

	wire_reader_init(&in, data, size);
	for (size_t i = 0; i < STEPS_MAX && wire_left(&in) >= 4; i++) {
		op = wire_u8(&in);
		value = wire_u16(&in);
		step(r, op, value, wire_u8(&in));
	}
}

/* A grant that was taken must be of use, and known from then on. */
static void
check_grant(struct run *r, const uint8_t *data, size_t size)
{
	struct multicast_sender m = {.ready = true};
	struct sender *s = &r->senders[0];
	uint8_t message[MESSAGE_MAX];
	struct wire_reader in;
	size_t len;

	forget(r, s);
	if (multicast_table_grant(r->t, &s->id, s, data, size) == -1)
		return;
	wire_reader_init(&in, data, size);
	m.key_id = wire_u64(&in);
	m.counter = wire_u64(&in);
	memcpy(m.key, wire_bytes(&in, AEAD_KEY_LEN), AEAD_KEY_LEN);
	m.sign = wire_u8(&in) != 0;
	must(m.key_id != 0 && wire_left(&in) == (m.sign ? AEAD_KEY_LEN : 0));
	if (m.sign)
		return;
	len = seal(r, s, &m, m.counter, message);
	must(open_bytes(r, s, message, len) ==
	     (m.counter == UINT64_MAX ? MULTICAST_REPLAYED : PLAIN_LEN));
	must(multicast_table_grant(r->t, &s->id, s, data, size) == 0);
	must(open_bytes(r, s, message, len) == MULTICAST_REPLAYED);
}

static void
run_init(struct run *r)
{
	static const uint8_t addresses[2][4] = {{10, 0, 1, 1}, {10, 0, 1, 2}};
	struct addr a;

	make_network(&r->n);
	r->t = multicast_table_new();
	must(r->t != NULL);
	for (size_t i = 0; i < 2; i++) {
		a = addr_from_bytes(ADDR_IPV4, addresses[i]);
		network_id(&r->n, &a, &r->senders[i].id);
		r->senders[i].sign = i == 1;
		renew(r, &r->senders[i], 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *r;

	if (size == 0)
		return 0;
	must(aead_init() == 0);
	r = calloc(1, sizeof(*r));
	must(r != NULL);
	run_init(r);
	if (data[0] % 3 == 0)
		must(open_bytes(r, &r->senders[0], data + 1, size - 1) < 0);
	else if (data[0] % 3 == 1)
		check_grant(r, data + 1, size - 1);
	else
		check_steps(r, data + 1, size - 1);
	multicast_table_free(r->t);
	free(r);
	return 0;
}
