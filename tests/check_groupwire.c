/*
 * Tests of groupwire: three members of a group, whose keys change, and the messages that an
 * independent program made.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "groupwire.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "native_vectors.h"
#include "util.h"

#define NOW UINT64_C(1000000)
#define ROOM 256

enum { A, B, C, MEMBERS };

struct someone {
	uint8_t secret[AEAD_KEY_LEN], public[AEAD_KEY_LEN];
	struct groupwire_self self;
	struct groupwire_other others[MEMBERS];
	struct groupkey keys;
};

struct message {
	uint8_t bytes[ROOM];
	size_t len;
};

static struct someone members[MEMBERS];
static uint64_t now_ms;
static const uint8_t tag[NETWORK_TAG_LEN] = "destination", other_tag[NETWORK_TAG_LEN] = "another";

static struct groupwire_now
now_of(const struct someone *m)
{
	return (struct groupwire_now){&m->keys, now_ms, NULL};
}

static void
install(struct someone *m, uint32_t epoch, uint64_t from_ms)
{
	uint8_t key[AEAD_KEY_LEN];

	memset(key, (int)epoch, sizeof(key));
	groupkey_install(&m->keys, epoch, key, from_ms);
}

static void
meet(struct someone *m, int other, uint32_t id, bool signs)
{
	const struct someone *o = &members[other];

	ck_assert_int_eq(groupwire_other_init(&m->others[other], m->secret, o->public, id,
			     signs ? o->self.verify_key : NULL),
	    0);
}

static void
begin(bool signs)
{
	now_ms = NOW;
	for (int i = 0; i < MEMBERS; i++) {
		struct someone *m = &members[i];

		memset(m, 0, sizeof(*m));
		aead_dh_keypair(m->public, m->secret);
		groupwire_self_init(&m->self, signs);
		groupwire_self_set_id(&m->self, 100 + (uint32_t)i);
		groupkey_init(&m->keys, "cats");
		install(m, 1, 0);
	}
	for (int i = 0; i < MEMBERS; i++)
		for (int j = 0; j < MEMBERS; j++)
			if (i != j)
				meet(&members[i], j, 100 + (uint32_t)j, signs);
}

static void
set_up(void)
{
	ck_assert_int_eq(aead_init(), 0);
	begin(true);
}

static struct message
say(int from, int to, const char *text)
{
	struct groupwire_now now = now_of(&members[from]);
	struct message m;

	memcpy(m.bytes + GROUPWIRE_HEADER_LEN, text, strlen(text));
	m.len = groupwire_seal_one(
	    &members[from].self, &members[from].others[to], &now, tag, m.bytes, strlen(text));
	return m;
}

static struct message
say_to_all(int from, const char *text)
{
	struct groupwire_now now = now_of(&members[from]);
	struct message m;

	memcpy(m.bytes + GROUPWIRE_HEADER_LEN, text, strlen(text));
	m.len = groupwire_seal_all(&members[from].self, &now, tag, m.bytes, strlen(text));
	return m;
}

static int
hear_at(int who, int from, const struct message *m, const uint8_t *at)
{
	struct groupwire_now now = now_of(&members[who]);
	struct groupwire_other *o = &members[who].others[from];
	struct frame_header h;
	uint8_t plain[ROOM];

	if (frame_parse(m->bytes, m->len, &h) != 0)
		return GROUPWIRE_TOO_SHORT;
	if (h.type == FRAME_GROUP)
		return groupwire_open_all(o, &now, at, &h, m->bytes, m->len, plain);
	return groupwire_open_one(o, &members[who].self, &now, at, &h, m->bytes, m->len, plain);
}

static int
hear(int who, int from, const struct message *m)
{
	return hear_at(who, from, m, tag);
}

START_TEST(one_member_reads_what_is_for_it_and_no_other_does)
{
	struct message m = say(A, B, "for B");

	ck_assert_uint_eq(m.len, 5 + GROUPWIRE_OVERHEAD);
	ck_assert_int_eq(hear(C, A, &m), GROUPWIRE_FORGED);
	ck_assert_int_eq(hear_at(B, A, &m, other_tag), GROUPWIRE_FORGED);
	ck_assert_int_eq(hear(B, A, &m), 5);
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_REPLAYED);
}
END_TEST

START_TEST(member_cannot_pose_as_another)
{
	struct message m = say(C, B, "I am A");

	m.bytes[7] = 100; /* the sender id of A */
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_FORGED);
	m = say_to_all(C, "I am A");
	m.bytes[7] = 100;
	groupwire_other_set_floor(&members[B].others[A], 0);
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_FORGED);
	/* with the key of A, which all can make, but not its signature */
	members[C].self.id = 100;
	m = say_to_all(C, "I am A");
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_FORGED);
}
END_TEST

START_TEST(who_signs_is_not_believed_without)
{
	struct message m;

	groupwire_other_set_floor(&members[B].others[A], 0);
	members[A].self.is_signing = false;
	m = say_to_all(A, "unsigned");
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_FORGED);
	begin(false);
	groupwire_other_set_floor(&members[B].others[A], 0);
	m = say_to_all(A, "unsigned");
	ck_assert_uint_eq(m.len, 8 + GROUPWIRE_OVERHEAD);
	ck_assert_int_eq(hear(B, A, &m), 8);
	members[A].self.is_signing = true;
	m = say_to_all(A, "signed");
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_FORGED);
}
END_TEST

START_TEST(all_read_what_is_for_all_from_the_floor_on)
{
	struct message old = say_to_all(A, "old"), new = say_to_all(A, "new");

	ck_assert_int_eq(hear(B, A, &old), GROUPWIRE_NO_FLOOR);
	groupwire_other_set_floor(&members[B].others[A], 1);
	ck_assert_int_eq(hear(B, A, &old), GROUPWIRE_REPLAYED);
	ck_assert_int_eq(hear(B, A, &new), 3);
	ck_assert_int_eq(hear(B, A, &new), GROUPWIRE_REPLAYED);
	/* it is told once */
	groupwire_other_set_floor(&members[B].others[A], 0);
	ck_assert_int_eq(hear(B, A, &old), GROUPWIRE_REPLAYED);
	groupwire_other_set_floor(&members[C].others[A], 0);
	ck_assert_int_eq(hear(C, A, &old), 3);
	ck_assert_int_eq(hear(C, A, &new), 3);
}
END_TEST

START_TEST(each_bit_counts)
{
	for (int all = 0; all < 2; all++) {
		struct message m = all ? say_to_all(A, "text") : say(A, B, "text"), broken;

		groupwire_other_set_floor(&members[B].others[A], 0);
		for (size_t i = 0; i < 8 * m.len; i++) {
			broken = m;
			broken.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
			ck_assert_int_lt(hear(B, A, &broken), 0);
		}
		for (broken = m; broken.len-- > 0;)
			ck_assert_int_lt(hear(B, A, &broken), 0);
		ck_assert_int_eq(hear(B, A, &m), 4);
	}
}
END_TEST

START_TEST(counter_grows_over_a_change_and_no_message_is_lost)
{
	struct message before = say(A, B, "one"), between, after;

	for (int i = 0; i < MEMBERS; i++)
		install(&members[i], 2, NOW + 1000);
	between = say(A, B, "two");
	now_ms += 1000;
	after = say(A, B, "three");
	ck_assert_mem_ne(before.bytes + 16, after.bytes + 16, 4); /* another epoch */
	ck_assert_int_eq(hear(B, A, &after), 5);
	ck_assert_int_eq(hear(B, A, &between), 3);
	ck_assert_int_eq(hear(B, A, &before), 3);
	ck_assert_int_eq(hear(B, A, &before), GROUPWIRE_REPLAYED);
	ck_assert_uint_eq(members[A].self.counter, 3);
}
END_TEST

/* C has just come: it has no key but the one that the others will use in a second. */
START_TEST(newcomer_is_answered_with_the_key_that_it_has)
{
	struct message m;

	install(&members[A], 2, NOW + 1000);
	groupkey_clear(&members[C].keys);
	groupkey_init(&members[C].keys, "cats");
	install(&members[C], 2, NOW);
	m = say(C, A, "hello");
	ck_assert_int_eq(hear(A, C, &m), 5);
	m = say(A, C, "welcome");
	ck_assert_int_eq(hear(C, A, &m), 7);
	m = say(A, B, "not yet"); /* who knows of no change */
	ck_assert_int_eq(hear(B, A, &m), 7);
}
END_TEST

START_TEST(old_epoch_is_taken_no_longer_than_its_grace)
{
	struct message m = say(A, B, "late");

	install(&members[B], 2, NOW);
	now_ms += GROUPKEY_GRACE_MS;
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_OVER);
}
END_TEST

START_TEST(keys_that_are_over_are_wiped_and_no_others)
{
	static const struct groupwire_key none;
	struct message one = say(A, B, "one"), all = say_to_all(A, "all"), late;
	struct groupwire_other *a = &members[B].others[A];
	struct groupwire_now now;

	groupwire_other_set_floor(a, 0);
	ck_assert_int_eq(hear(B, A, &one), 3);
	ck_assert_int_eq(hear(B, A, &all), 3);
	say(B, A, "back");
	say_to_all(B, "back");
	install(&members[A], 2, NOW);
	install(&members[B], 2, NOW);
	late = say(A, B, "late");
	ck_assert_int_eq(hear(B, A, &late), 4);
	now = now_of(&members[B]);
	groupwire_other_forget(a, &now);
	groupwire_self_forget(&members[B].self, &now);
	ck_assert_uint_ne(a->to.id, 0);
	ck_assert_uint_ne(a->from[1].id, 0);
	ck_assert_uint_ne(a->to_all[0].id, 0);
	ck_assert_uint_ne(members[B].self.to_all.id, 0);
	now_ms += GROUPKEY_GRACE_MS;
	now = now_of(&members[B]);
	groupwire_other_forget(a, &now);
	groupwire_self_forget(&members[B].self, &now);
	ck_assert_mem_eq(&a->to, &none, sizeof(none));
	ck_assert_mem_eq(&a->from[1], &none, sizeof(none));
	ck_assert_mem_eq(&a->to_all[0], &none, sizeof(none));
	ck_assert_mem_eq(&members[B].self.to_all, &none, sizeof(none));
	ck_assert_uint_ne(a->from[0].id, 0);
	late = say(A, B, "later");
	ck_assert_int_eq(hear(B, A, &late), 5);
}
END_TEST

START_TEST(epoch_that_is_ahead_is_a_reason_to_ask)
{
	struct message m;

	install(&members[A], 7, NOW);
	m = say(A, B, "from the future");
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_AHEAD);
	install(&members[B], 7, NOW);
	ck_assert_int_eq(hear(B, A, &m), 15);
}
END_TEST

START_TEST(what_was_for_who_we_were_before_is_not_ours)
{
	struct message m = say(A, B, "to B of old");

	groupwire_self_set_id(&members[B].self, 200);
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_FORGED);
	meet(&members[A], B, 200, true);
	m = say(A, B, "to B of now");
	ck_assert_int_eq(hear(B, A, &m), 11);
	m = say(B, A, "and back");
	ck_assert_int_eq(hear(A, B, &m), 8);
}
END_TEST

START_TEST(counter_never_goes_back)
{
	(void)say(A, B, "x");
	groupwire_self_set_id(&members[A].self, 100);
	ck_assert_uint_eq(members[A].self.counter, 1);
	groupwire_self_set_id(&members[A].self, 101);
	ck_assert_uint_eq(members[A].self.counter, 1);
}
END_TEST

START_TEST(without_an_id_or_a_key_nothing_is_sent)
{
	groupwire_self_set_id(&members[A].self, 0);
	ck_assert_uint_eq(say(A, B, "x").len, 0);
	groupwire_self_set_id(&members[A].self, 5);
	groupkey_clear(&members[A].keys);
	ck_assert_uint_eq(say(A, B, "x").len, 0);
	ck_assert_uint_eq(say_to_all(A, "x").len, 0);
}
END_TEST

/* All members have slots first to last, of 1 s. */
static void
give_slots(uint32_t first, uint32_t last)
{
	struct slots_node root = {.depth = 0}, cover[SLOTS_COVER_MAX];
	size_t count = slots_cover(8, first, last, cover);

	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(slots_derive(&root, &cover[i]), 0);
	for (int i = 0; i < MEMBERS; i++)
		groupkey_set_slots(&members[i].keys, NOW, 1000, 8, cover, count);
}

START_TEST(slot_changes_and_ends)
{
	struct message m;

	give_slots(0, 2);
	m = say(A, B, "slot 0");
	ck_assert_uint_eq(m.bytes[23], 0);
	ck_assert_int_eq(hear(B, A, &m), 6);
	now_ms += 1000;
	m = say(A, B, "slot 1");
	ck_assert_uint_eq(m.bytes[23], 1);
	ck_assert_int_eq(hear(B, A, &m), 6);
	now_ms += 1000;
	m = say(A, B, "late");
	now_ms += 1000 + GROUPKEY_GRACE_MS;
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_OVER);
	ck_assert_uint_eq(say(A, B, "no more").len, 0);
}
END_TEST

START_TEST(slot_that_is_not_ours_cannot_be_read)
{
	struct message m;

	give_slots(0, 9);
	now_ms += 5000;
	m = say(A, B, "slot 5");
	give_slots(6, 9);
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_OVER);
	give_slots(0, 4);
	ck_assert_int_eq(hear(B, A, &m), GROUPWIRE_OVER);
	give_slots(5, 5);
	ck_assert_int_eq(hear(B, A, &m), 6);
}
END_TEST

START_TEST(key_of_low_order_is_refused)
{
	static const uint8_t zero[AEAD_KEY_LEN];
	struct groupwire_other o;

	ck_assert_int_eq(groupwire_other_init(&o, members[A].secret, zero, 1, NULL), -1);
}
END_TEST

/* Each message of the vectors; what is not "back" is from the member whom they call sender. */
static const struct vector {
	const char *message, *plain;
	bool all, is_signed, slots, back;
	uint64_t after; /* its counter, from that of the vectors on; of what is back, from 0 on */
} vectors[] = {
    {"group_all_message", "group_all_plain", true, false, false, false, 0},
    {"group_all_signed_message", "group_all_plain", true, true, false, false, 0},
    {"group_slot_all_message", "group_all_plain", true, false, true, false, 0},
    {"group_one_message", "group_one_plain", false, false, false, false, 1},
    {"group_slot_one_message", "group_one_plain", false, false, true, false, 1},
    {"group_floor_wanted_message", "group_floor_wanted_plain", false, false, false, true, 0},
    {"group_floor_message", "group_floor_plain", false, false, false, false, 2},
};

/* The cover and the root of the vectors, as the server gives them. */
static void
join_the_vectors(struct someone *m, bool slots)
{
	struct slots_node root = {.depth = 0}, cover[SLOTS_COVER_MAX];
	unsigned int depth = (unsigned int)native_number("slots_depth");
	uint32_t epoch = (uint32_t)native_number("group_epoch");
	size_t count = slots_cover(depth, (uint32_t)native_number("slots_first"),
	    (uint32_t)native_number("slots_last"), cover);

	groupkey_init(&m->keys, "home");
	native_bytes("group_root", root.key, sizeof(root.key));
	groupkey_of_epoch(root.key, root.key, "home", epoch);
	groupkey_install(&m->keys, epoch, root.key, 0);
	native_bytes("slots_root", root.key, sizeof(root.key));
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(slots_derive(&root, &cover[i]), 0);
	if (slots)
		groupkey_set_slots(&m->keys, native_number("slots_begin_ms"),
		    native_number("slots_length_s") * 1000, depth, cover, count);
}

/* A is the sender of this one, B its receiver. */
static void
be_ends_of(const struct vector *v)
{
	struct someone *sender = &members[v->back ? B : A], *receiver = &members[v->back ? A : B];

	memset(members, 0, sizeof(members));
	now_ms = native_number("slots_begin_ms") +
		 native_number("group_slot") * native_number("slots_length_s") * 1000;
	native_bytes("group_sender_private_key", sender->secret, AEAD_KEY_LEN);
	native_bytes("group_receiver_private_key", receiver->secret, AEAD_KEY_LEN);
	groupwire_self_set_id(&sender->self, (uint32_t)native_number("group_sender"));
	groupwire_self_set_id(&receiver->self, (uint32_t)native_number("group_receiver"));
	for (int i = A; i <= B; i++) {
		aead_dh_public(members[i].public, members[i].secret);
		join_the_vectors(&members[i], v->slots);
	}
	if (v->is_signed) {
		members[A].self.is_signing = true;
		native_bytes("group_sign_seed", members[A].self.sign_key, AEAD_KEY_LEN);
		native_bytes("group_verify_key", members[A].self.verify_key, AEAD_KEY_LEN);
		memcpy(members[A].self.sign_key + AEAD_KEY_LEN, members[A].self.verify_key,
		    AEAD_KEY_LEN);
	}
	members[A].self.counter = (v->back ? 0 : native_number("group_counter")) + v->after;
	meet(&members[A], B, members[B].self.id, false);
	meet(&members[B], A, members[A].self.id, v->is_signed);
	groupwire_other_set_floor(&members[B].others[A], native_number("group_floor_counter"));
}

/* The tag of all, or that of the address of the receiver. */
static void
destination_of(const struct vector *v, uint8_t to[NETWORK_TAG_LEN])
{
	char name[NATIVE_VECTOR_TEXT], address[NATIVE_VECTOR_TEXT];
	uint8_t secret[AEAD_KEY_LEN];
	struct network_params p = {.mode = NETWORK_GROUP,
	    .name = native_text("group_name", name),
	    .prefix = "vpn",
	    .secret = secret};
	struct network_id id;
	struct network n;
	struct addr a;

	native_bytes("group_secret", secret, sizeof(secret));
	network_init(&n, &p);
	native_text(v->back ? "group_sender_address" : "group_receiver_address", address);
	ck_assert_int_eq(addr_parse(address, &a), 0);
	network_id(&n, &a, &id);
	memcpy(to, v->all ? n.broadcast_tag : id.tag, NETWORK_TAG_LEN);
}

START_TEST(messages_of_the_vectors_are_made)
{
	const struct vector *v = &vectors[_i];
	uint8_t to[NETWORK_TAG_LEN], buf[ROOM];
	struct groupwire_now now;
	size_t len;

	be_ends_of(v);
	destination_of(v, to);
	now = now_of(&members[A]);
	len = native_bytes(v->plain, buf + GROUPWIRE_HEADER_LEN, ROOM - GROUPWIRE_OVERHEAD_ALL);
	len = v->all
		  ? groupwire_seal_all(&members[A].self, &now, to, buf, len)
		  : groupwire_seal_one(&members[A].self, &members[A].others[B], &now, to, buf, len);
	native_expect(v->message, buf, len);
}
END_TEST

START_TEST(messages_of_the_vectors_are_opened)
{
	const struct vector *v = &vectors[_i];
	uint8_t to[NETWORK_TAG_LEN], message[ROOM], plain[ROOM];
	struct groupwire_other *from = &members[B].others[A];
	size_t len = native_bytes(v->message, message, sizeof(message));
	struct groupwire_now now;
	struct frame_header h;
	int rc;

	be_ends_of(v);
	destination_of(v, to);
	now = now_of(&members[B]);
	ck_assert_int_eq(frame_parse(message, len, &h), 0);
	ck_assert_uint_eq(h.index, members[A].self.id);
	rc = v->all ? groupwire_open_all(from, &now, to, &h, message, len, plain)
		    : groupwire_open_one(from, &members[B].self, &now, to, &h, message, len, plain);
	ck_assert_int_ge(rc, 0);
	native_expect(v->plain, plain, (size_t)rc);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("groupwire");
	TCase *c = tcase_create("groupwire");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, set_up, NULL);
	tcase_add_test(c, one_member_reads_what_is_for_it_and_no_other_does);
	tcase_add_test(c, member_cannot_pose_as_another);
	tcase_add_test(c, who_signs_is_not_believed_without);
	tcase_add_test(c, all_read_what_is_for_all_from_the_floor_on);
	tcase_add_test(c, each_bit_counts);
	tcase_add_test(c, counter_grows_over_a_change_and_no_message_is_lost);
	tcase_add_test(c, newcomer_is_answered_with_the_key_that_it_has);
	tcase_add_test(c, old_epoch_is_taken_no_longer_than_its_grace);
	tcase_add_test(c, keys_that_are_over_are_wiped_and_no_others);
	tcase_add_test(c, epoch_that_is_ahead_is_a_reason_to_ask);
	tcase_add_test(c, what_was_for_who_we_were_before_is_not_ours);
	tcase_add_test(c, counter_never_goes_back);
	tcase_add_test(c, without_an_id_or_a_key_nothing_is_sent);
	tcase_add_test(c, slot_changes_and_ends);
	tcase_add_test(c, slot_that_is_not_ours_cannot_be_read);
	tcase_add_test(c, key_of_low_order_is_refused);
	tcase_add_loop_test(c, messages_of_the_vectors_are_made, 0, ARRAY_LEN(vectors));
	tcase_add_loop_test(c, messages_of_the_vectors_are_opened, 0, ARRAY_LEN(vectors));
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
