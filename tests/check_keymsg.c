/*
 * Messages between a member and the key server: each type there and back, against those that an
 * independent program made, and all that is wrong with one.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "keymsg.h"
#include "native_vectors.h"
#include "util.h"

static struct keymsg m, got;
static uint8_t out[KEYMSG_MAX];
static size_t len;

static const enum keymsg_type types[] = {KEYMSG_JOIN, KEYMSG_LEAVE, KEYMSG_CATCH_UP, KEYMSG_RENEW,
    KEYMSG_LOOK_UP, KEYMSG_JOINED, KEYMSG_LEFT, KEYMSG_LEASE, KEYMSG_ENTRY, KEYMSG_EVICTED,
    KEYMSG_REFUSED};

static void
fill(uint8_t *key, uint8_t first)
{
	for (size_t i = 0; i < AEAD_KEY_LEN; i++)
		key[i] = (uint8_t)(first + i);
}

/* A message with all fields that there are, as large as they can be. */
static void
setup(void)
{
	memset(&m, 0, sizeof(m));
	m.type = KEYMSG_JOINED;
	m.request = 0x01020304;
	m.has = KEYMSG_HAS(KEYMSG_FIELDS) - KEYMSG_HAS(1);
	memset(m.group, 'g', KEYMSG_GROUP_MAX);
	m.wanted_s = UINT64_MAX;
	m.granted_s = UINT64_C(1) << 63;
	fill(m.verify_key, 1);
	fill(m.server_key, 2);
	fill(m.public_key, 3);
	m.sender = 4;
	m.epoch = 5;
	m.method = KEYMSG_SLOTTED;
	m.slots_begin_ms = 6;
	m.slot_s = 60;
	m.slots_depth = SLOTS_DEPTH_MAX;
	m.cover_count = ARRAY_LEN(m.cover);
	for (size_t i = 0; i < ARRAY_LEN(m.cover); i++) {
		m.cover[i].depth = SLOTS_DEPTH_MAX;
		m.cover[i].index = (uint32_t)i;
		fill(m.cover[i].key, (uint8_t)i);
	}
	m.path.leaf = 1234;
	m.path.height = KEYTREE_HEIGHT_MAX;
	for (size_t i = 0; i < ARRAY_LEN(m.path.keys); i++)
		fill(m.path.keys[i], (uint8_t)(100 + i));
	m.lease_s = 900;
	m.time_ms = 7;
	ck_assert_int_eq(addr_parse("fd00::1", &m.address), 0);
	m.prefix_count = ARRAY_LEN(m.prefixes);
	for (size_t i = 0; i < ARRAY_LEN(m.prefixes); i++)
		ck_assert_int_eq(
		    prefix_parse(i % 2 == 0 ? "10.1.2.0/24" : "fd00:1::/64", &m.prefixes[i]), 0);
	memset(m.name, 'n', KEYMSG_TEXT_MAX);
	memset(m.reason, 'r', KEYMSG_TEXT_MAX);
	m.nonce = 8;
}

static int
parse(const uint8_t *data, size_t data_len)
{
	uint8_t *exact = malloc(data_len + 1); /* for AddressSanitizer to see each byte beyond */
	int rc;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, data, data_len);
	rc = keymsg_parse(&got, exact, data_len);
	free(exact);
	return rc;
}

static int
parse_hex(const char *hex)
{
	uint8_t data[HEX_MAX];

	from_hex(data, strlen(hex) / 2, hex);
	return parse(data, strlen(hex) / 2);
}

START_TEST(keymsg_comes_back_as_it_was)
{
	m.type = types[_i];
	len = keymsg_write(&m, out, sizeof(out));
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(parse(out, len), 0);
	ck_assert_mem_eq(&got, &m, sizeof(m));
	ck_assert_str_ne(keymsg_type_name(m.type), "unknown");
}
END_TEST

START_TEST(keymsg_is_never_longer_than_it_may)
{
	len = keymsg_write(&m, out, sizeof(out));
	ck_assert_uint_gt(len, KEYMSG_MAX / 2);
	for (size_t size = 0; size < len; size++)
		ck_assert_uint_eq(keymsg_write(&m, out, size), 0);
	ck_assert_uint_eq(keymsg_write(&m, out, len), len);
}
END_TEST

START_TEST(keymsg_of_an_evicted_member_is_as_specified)
{
	memset(&m, 0, sizeof(m));
	m.type = KEYMSG_EVICTED;
	m.has = KEYMSG_HAS(KEYMSG_GROUP) | KEYMSG_HAS(KEYMSG_REASON);
	strcpy(m.group, "home");
	strcpy(m.reason, "lost");
	len = keymsg_write(&m, out, sizeof(out));
	ck_assert_uint_eq(len, 19);
	expect_hex(out, "8600000000"
			"010004686f6d65"
			"1300046c6f7374");
}
END_TEST

/* What the vectors have in common, and all fields of all of them. */
static void
be_the_vectors(void)
{
	static const char *const prefixes[] = {"10.0.1.2/32", "fd00::2/128", "192.168.5.0/24"};
	struct slots_node root = {.depth = 0};

	memset(&m, 0, sizeof(m));
	m.request = (uint32_t)native_number("keymsg_request");
	strcpy(m.group, "home");
	m.wanted_s = m.granted_s = 3600;
	native_bytes("keymsg_verify_key", m.verify_key, AEAD_KEY_LEN);
	native_bytes("rekey_server_key", m.server_key, AEAD_KEY_LEN);
	native_bytes("public_key", m.public_key, AEAD_KEY_LEN);
	m.sender = (uint32_t)native_number("group_sender");
	m.epoch = (uint32_t)native_number("group_epoch");
	m.slots_begin_ms = native_number("slots_begin_ms");
	m.slot_s = (uint32_t)native_number("slots_length_s");
	m.slots_depth = (uint8_t)native_number("slots_depth");
	m.cover_count = slots_cover(m.slots_depth, 5, 20, m.cover);
	native_bytes("slots_root", root.key, AEAD_KEY_LEN);
	for (size_t i = 0; i < m.cover_count; i++)
		ck_assert_int_eq(slots_derive(&root, &m.cover[i]), 0);
	m.path.leaf = 2;
	m.path.height = 3;
	native_bytes("keymsg_path", m.path.keys[0], sizeof(m.path.keys));
	m.lease_s = 900;
	m.time_ms = native_number("keymsg_time_ms");
	ck_assert_int_eq(addr_parse("fd00::2", &m.address), 0);
	m.prefix_count = ARRAY_LEN(prefixes);
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		ck_assert_int_eq(prefix_parse(prefixes[i], &m.prefixes[i]), 0);
	strcpy(m.name, "B\xc3\xbcro");
	m.nonce = native_number("keymsg_nonce");
}

#define HAS(field) KEYMSG_HAS(KEYMSG_##field)
#define HAS_LEASE (HAS(EPOCH) | HAS(LEASE_TIME) | HAS(TIME))
#define HAS_KEYS                                                                              \
	(HAS_LEASE | HAS(GRANTED) | HAS(SERVER_KEY) | HAS(SENDER) | HAS(METHOD) | HAS(LEAF) | \
	    HAS(PATH))
#define HAS_ENTRY (HAS(GRANTED) | HAS(PUBLIC_KEY) | HAS(SENDER) | HAS(PREFIX) | HAS(NAME))

static const struct {
	const char *name;
	enum keymsg_type type;
	uint32_t has; /* beside the group */
} vectors[] = {
    {"keymsg_join", KEYMSG_JOIN, HAS(WANTED) | HAS(VERIFY_KEY) | HAS(PREFIX)},
    {"keymsg_join_unsigned", KEYMSG_JOIN, HAS(WANTED)},
    {"keymsg_leave", KEYMSG_LEAVE, 0},
    {"keymsg_catch_up", KEYMSG_CATCH_UP, HAS(EPOCH)},
    {"keymsg_renew", KEYMSG_RENEW, HAS(EPOCH) | HAS(NONCE)},
    {"keymsg_look_up_sender", KEYMSG_LOOK_UP, HAS(SENDER)},
    {"keymsg_look_up_address", KEYMSG_LOOK_UP, HAS(ADDRESS)},
    {"keymsg_joined", KEYMSG_JOINED, HAS_KEYS},
    {"keymsg_joined_slotted", KEYMSG_JOINED, HAS_KEYS | HAS(SLOTS) | HAS(COVER)},
    {"keymsg_left", KEYMSG_LEFT, 0},
    {"keymsg_lease", KEYMSG_LEASE, HAS_LEASE | HAS(NONCE)},
    {"keymsg_entry", KEYMSG_ENTRY, HAS_ENTRY | HAS(VERIFY_KEY)},
    {"keymsg_entry_unsigned", KEYMSG_ENTRY, HAS_ENTRY},
    {"keymsg_evicted", KEYMSG_EVICTED, HAS(REASON)},
    {"keymsg_refused", KEYMSG_REFUSED, HAS(REASON)},
};

/* m as the one of this number. */
static void
be_the_vector(int i)
{
	be_the_vectors();
	m.type = vectors[i].type;
	m.has = vectors[i].has | HAS(GROUP);
	m.method = (m.has & HAS(COVER)) != 0 ? KEYMSG_SLOTTED : KEYMSG_UPDATE;
	strcpy(m.reason, m.type == KEYMSG_REFUSED ? "not allowed" : "lost");
	if (m.type == KEYMSG_JOIN)
		m.prefix_count = 2;
	if (m.type == KEYMSG_EVICTED)
		m.request = 0;
	if (m.type == KEYMSG_CATCH_UP)
		m.epoch--;
	if (m.type == KEYMSG_LOOK_UP)
		m.sender = (uint32_t)native_number("group_receiver");
}

/* Written, it has the same bytes; taken apart and put together again, too. */
START_TEST(keymsg_meets_the_vectors)
{
	be_the_vector(_i);
	if (strcmp(vectors[_i].name, "keymsg_join_unsigned") == 0)
		m.wanted_s = 0;
	len = keymsg_write(&m, out, sizeof(out));
	native_expect(vectors[_i].name, out, len);
	ck_assert_int_eq(parse(out, len), 0);
	ck_assert_int_eq(got.type, m.type);
	ck_assert_uint_eq(got.has, m.has);
	len = keymsg_write(&got, out, sizeof(out));
	native_expect(vectors[_i].name, out, len);
}
END_TEST

/* Cut anywhere: between two fields what is missing counts, within one that it is cut. */
START_TEST(keymsg_refuses_what_is_cut)
{
	size_t complete = 0;

	m.has &= ~KEYMSG_HAS(KEYMSG_NAME) & ~KEYMSG_HAS(KEYMSG_REASON) & ~KEYMSG_HAS(KEYMSG_NONCE) &
		 ~KEYMSG_HAS(KEYMSG_ADDRESS) & ~KEYMSG_HAS(KEYMSG_PREFIX);
	len = keymsg_write(&m, out, sizeof(out));
	for (size_t cut = 0; cut < len; cut++)
		complete += parse(out, cut) == 0;
	ck_assert_uint_eq(complete, 0);
	ck_assert_int_eq(parse(out, len), 0);
}
END_TEST

START_TEST(keymsg_needs_what_its_type_needs)
{
	static const struct {
		enum keymsg_type type;
		enum keymsg_field field;
	} needed[] = {{KEYMSG_LEAVE, KEYMSG_GROUP}, {KEYMSG_JOIN, KEYMSG_WANTED},
	    {KEYMSG_ENTRY, KEYMSG_GRANTED}, {KEYMSG_CATCH_UP, KEYMSG_EPOCH},
	    {KEYMSG_RENEW, KEYMSG_NONCE}, {KEYMSG_JOINED, KEYMSG_PATH},
	    {KEYMSG_JOINED, KEYMSG_SLOTS}, {KEYMSG_JOINED, KEYMSG_COVER},
	    {KEYMSG_LEASE, KEYMSG_TIME}, {KEYMSG_ENTRY, KEYMSG_SENDER},
	    {KEYMSG_REFUSED, KEYMSG_REASON}};

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		m.type = needed[i].type;
		ck_assert_uint_gt(keymsg_write(&m, out, sizeof(out)), 0);
		m.has &= ~KEYMSG_HAS(needed[i].field);
		ck_assert_uint_eq(keymsg_write(&m, out, sizeof(out)), 0);
		m.has |= KEYMSG_HAS(needed[i].field);
	}
	m.method = KEYMSG_UPDATE;
	m.type = KEYMSG_JOINED;
	m.has &= ~KEYMSG_HAS(KEYMSG_SLOTS) & ~KEYMSG_HAS(KEYMSG_COVER);
	ck_assert_uint_gt(keymsg_write(&m, out, sizeof(out)), 0);
	m.type = KEYMSG_LOOK_UP;
	m.has &= ~KEYMSG_HAS(KEYMSG_ADDRESS);
	ck_assert_uint_gt(keymsg_write(&m, out, sizeof(out)), 0);
	m.has &= ~KEYMSG_HAS(KEYMSG_PREFIX);
	ck_assert_uint_gt(keymsg_write(&m, out, sizeof(out)), 0);
	m.has &= ~KEYMSG_HAS(KEYMSG_SENDER);
	ck_assert_uint_eq(keymsg_write(&m, out, sizeof(out)), 0);
	ck_assert_int_eq(parse_hex("0500000001010001"
				   "61"),
	    KEYMSG_INCOMPLETE);
}
END_TEST

START_TEST(keymsg_judges_what_it_does_not_know)
{
	ck_assert_int_eq(parse_hex("0200000001010001"
				   "61"),
	    0);
	ck_assert_int_eq(parse_hex("7700000001010001"
				   "61"),
	    KEYMSG_UNKNOWN);
	/* A field of the future: one that may be ignored, one that may not. */
	ck_assert_int_eq(parse_hex("0200000001010001"
				   "61"
				   "c00003aabbcc"),
	    0);
	ck_assert_int_eq(parse_hex("0200000001010001"
				   "61"
				   "400003aabbcc"),
	    KEYMSG_UNKNOWN);
	ck_assert_int_eq(parse_hex("0200000001010001"
				   "61"
				   "000003aabbcc"),
	    KEYMSG_UNKNOWN);
	m.type = (enum keymsg_type)0x77;
	ck_assert_uint_eq(keymsg_write(&m, out, sizeof(out)), 0);
	ck_assert_str_eq(keymsg_type_name(m.type), "unknown");
}
END_TEST

#define LEAVE              \
	"0200000001010001" \
	"61"

START_TEST(keymsg_refuses_bad_values)
{
	static const char *const bad[] = {LEAVE "01000162", /* a second group */
	    "0200000001010000",				    /* an empty one */
	    "020000000101000107",			    /* with a control character */
	    LEAVE "0800020001",				    /* an epoch of two bytes */
	    LEAVE "09000100",				    /* no method */
	    LEAVE "09000104",				    /* nor this */
	    LEAVE "0a000d00000000000000010000000005",	    /* slots of no length */
	    LEAVE "0a000d00000000000000010000003c00",	    /* a tree without depth */
	    LEAVE "0a000d00000000000000010000003c1f",	    /* and too deep */
	    LEAVE "0c000400010000",			    /* beyond all leaves */
	    LEAVE "0d0020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	    LEAVE "1000050a01020304",	/* no family */
	    LEAVE "100006040102030405", /* too much for IPv4 */
	    LEAVE "1100060401020304"
		  "21", /* /33 */
	    LEAVE "1100060601020304"
		  "20"}; /* cut IPv6 */

	ck_assert_int_eq(parse_hex(LEAVE), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(parse_hex(bad[i]) == KEYMSG_MALFORMED, "%s", bad[i]);
}
END_TEST

/* One more than there is room for. */
START_TEST(keymsg_refuses_too_many)
{
	static const uint8_t prefix[] = {KEYMSG_PREFIX, 0, 6, 4, 10, 0, 0, 0, 8};
	static const uint8_t node[3 + 1 + 4 + AEAD_KEY_LEN] = {KEYMSG_COVER, 0, 37};

	m.type = KEYMSG_LEAVE;
	m.has = KEYMSG_HAS(KEYMSG_GROUP) | KEYMSG_HAS(KEYMSG_PREFIX);
	len = keymsg_write(&m, out, sizeof(out));
	ck_assert_int_eq(parse(out, len), 0);
	memcpy(out + len, prefix, sizeof(prefix));
	ck_assert_int_eq(parse(out, len + sizeof(prefix)), KEYMSG_MALFORMED);
	m.has = KEYMSG_HAS(KEYMSG_GROUP) | KEYMSG_HAS(KEYMSG_COVER);
	len = keymsg_write(&m, out, sizeof(out));
	ck_assert_int_eq(parse(out, len), 0);
	memcpy(out + len, node, sizeof(node));
	ck_assert_int_eq(parse(out, len + sizeof(node)), KEYMSG_MALFORMED);
}
END_TEST

START_TEST(keymsg_leaves_no_secret_behind)
{
	static const struct keymsg nothing;

	keymsg_clear(&m);
	ck_assert_mem_eq(&m, &nothing, sizeof(m));
}
END_TEST

static TCase *
keymsg_tests(void)
{
	TCase *tc = tcase_create("keymsg");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, keymsg_comes_back_as_it_was, 0, ARRAY_LEN(types));
	tcase_add_loop_test(tc, keymsg_meets_the_vectors, 0, ARRAY_LEN(vectors));
	tcase_add_test(tc, keymsg_is_never_longer_than_it_may);
	tcase_add_test(tc, keymsg_of_an_evicted_member_is_as_specified);
	tcase_add_test(tc, keymsg_refuses_what_is_cut);
	tcase_add_test(tc, keymsg_needs_what_its_type_needs);
	tcase_add_test(tc, keymsg_judges_what_it_does_not_know);
	tcase_add_test(tc, keymsg_refuses_bad_values);
	tcase_add_test(tc, keymsg_refuses_too_many);
	tcase_add_test(tc, keymsg_leaves_no_secret_behind);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("keymsg");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (aead_init() == -1)
		return EXIT_FAILURE;
	suite_add_tcase(suite, keymsg_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
