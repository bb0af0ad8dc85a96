/*
 * Model check of channel: hours of traffic between two ends, through thousands of sessions, under a
 * random schedule of everything that a network, a broker and an administrator do to them. It asks
 * for no particular behaviour, but that these hold whatever happens:
 *
 * - A counter is never used twice under one key.
 * - What is delivered was sent, is unchanged, and has not been delivered before.
 * - An end has no more than seven sessions at any time.
 * - Where messages come in order and none is lost, no packet is lost, although the keys are changed
 *   every second, hints are forged and first messages are replayed.
 * - Recovery. Let messages pass again, in order, each after half a round trip, and let T be when an
 *   end first sends a packet from then on. What it sends is understood from the latest of these on:
 *       T + 2 round trips (a packet that is not understood, the hint, a handshake),
 *       the next try of a handshake whose messages were lost + 1 round trip,
 *       or when that is given up, the time to the next packet + 1,
 *       the end of the second in which no further hint is heeded + the time to the next packet + 1.
 *   Half a round trip after the later one of both ends, both have sent with one and the same
 *   session, and no packet that is sent from then on is lost. Two cases may take longer: each end
 *   has a session of which its first message was lost, and gets the other's first message now: one
 *   more packet; and messages had overtaken each other while both began: the first packet after 5
 * s.
 *
 * MODEL_SEED=n runs the schedules of that seed, and as many seeds from there as MODEL_RUNS says.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "channel.h"

#include <check.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead_hash.h"
#include "channel_internal.h" /* for what the bounds depend on */
#include "frame.h"
#include "pair.h"
#include "session.h"
#include "util.h"

#define HOURS 2
#define SESSIONS_MAX 7
#define CAPTURED 64
#define SECOND 1000
#define REPLAY_MS 100 /* a replayed message takes so long at the most */
#define DEFAULT_SEED 1

struct packet {
	uint64_t sent_ms;
	bool delivered;
};

struct sealed {
	uint8_t key[16]; /* of a hash of it */
	uint64_t counter;
};

/* What the network does to each message, in thousandths, and how long it takes. */
struct weather {
	uint32_t lost, doubled;
	uint64_t delay_min, delay_max;
	bool ordered;
	bool cut[2]; /* nothing reaches this end */
};

/* What else happens, in thousandths of a step of the schedule. */
struct trouble {
	uint32_t replay, hint, restart, reset, both;
};

struct plan {
	const char *name;
	enum network_mode mode;
	uint32_t rekey_min, rekey_max;
	uint64_t step_ms;      /* an end decides so often whether it sends */
	uint64_t storm_max_ms; /* so long is a phase at the most */
	struct trouble trouble;
};

struct model {
	const struct plan *plan;
	uint64_t seed, random;
	struct pair pair;
	struct weather weather;
	uint64_t last_ms[2]; /* when what is on the way to this end arrives at the latest */
	struct pair_message captured[CAPTURED];
	size_t captured_count;
	struct packet *packets;
	size_t packet_count, packet_size;
	struct sealed *sealed;
	size_t sealed_count, sealed_size;
	size_t delivered, replays, restarts, hints, storms, outages;
	uint64_t slowest; /* to agree, in thousandths of a round trip, if no timer was in the way */
};

#define REQUIRE(m, condition, ...)                \
	do {                                      \
		if (!(condition))                 \
			fail_run(m, __VA_ARGS__); \
	} while (0)

static void
fail_run(const struct model *m, const char *what)
{
	ck_abort_msg("%s: MODEL_SEED=%" PRIu64 ", after %" PRIu64 " ms: %s", m->plan->name, m->seed,
	    m->pair.now_ms, what);
}

/* Chance: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). The library's too, for the same run to come
 * out of the same seed. */

static uint64_t
draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t
between(struct model *m, uint64_t min, uint64_t max)
{
	return min + draw(&m->random) % (max - min + 1);
}

static bool
chance(struct model *m, uint32_t thousandths)
{
	return between(m, 0, 999) < thousandths;
}

static uint64_t library_random;

static const char *
library_name(void)
{
	return "model";
}

static uint32_t
library_draw(void)
{
	return (uint32_t)draw(&library_random);
}

static void
library_fill(void *const buf, const size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buf)[i] = (uint8_t)draw(&library_random);
}

static randombytes_implementation library = {
    .implementation_name = library_name, .random = library_draw, .buf = library_fill};

/* Memory. */

static void *
grow(void *list, size_t *size, size_t count, size_t item)
{
	if (count < *size)
		return list;
	*size = *size == 0 ? 4096 : *size * 2;
	list = realloc(list, *size * item);
	PAIR_REQUIRE(list != NULL);
	return list;
}

static void
check_memory(const struct model *m)
{
	REQUIRE(
	    m, pair_sessions(&m->pair, 0) <= SESSIONS_MAX, "the first end has too many sessions");
	REQUIRE(
	    m, pair_sessions(&m->pair, 1) <= SESSIONS_MAX, "the second end has too many sessions");
}

/* Packets: their number, and what follows from it. */

static size_t
make_packet(uint64_t number, uint8_t packet[PAIR_PACKET_MAX])
{
	uint64_t state = number;
	size_t len = sizeof(number) + draw(&state) % 64;

	memcpy(packet, &number, sizeof(number));
	for (size_t i = sizeof(number); i < len; i++)
		packet[i] = (uint8_t)draw(&state);
	return len;
}

static void
send_packet(struct model *m, int number)
{
	uint8_t packet[PAIR_PACKET_MAX];
	size_t len = make_packet(m->packet_count * 2 + (size_t)number, packet);

	m->packets = grow(m->packets, &m->packet_size, m->packet_count, sizeof(m->packets[0]));
	m->packets[m->packet_count++] = (struct packet){.sent_ms = m->pair.now_ms};
	pair_send(&m->pair, number, packet, len);
}

static void
on_delivered(void *arg, const struct pair_end *to, const uint8_t *packet, size_t len)
{
	struct model *m = arg;
	uint8_t expected[PAIR_PACKET_MAX];
	uint64_t number = UINT64_MAX;

	if (len >= sizeof(number))
		memcpy(&number, packet, sizeof(number));
	REQUIRE(m, number / 2 < m->packet_count, "a packet that was never sent");
	REQUIRE(m, number % 2 == (uint64_t)(1 - to->number), "a packet that came back");
	REQUIRE(m, make_packet(number, expected) == len && memcmp(packet, expected, len) == 0,
	    "a packet that was changed");
	REQUIRE(m, !m->packets[number / 2].delivered, "a packet that came twice");
	m->packets[number / 2].delivered = true;
	m->delivered++;
}

/* The network. */

static void
note_sealed(struct model *m, const struct pair_end *from, const struct pair_message *message)
{
	const struct session *s = from->channel->current;
	uint8_t hash[AEAD_HASH_LEN];
	struct frame_header h;
	struct sealed *x;

	if (frame_parse(message->bytes, message->len, &h) != 0 || h.type != FRAME_DATA)
		return;
	REQUIRE(m, s != NULL && s->remote_index == h.index, "sealed with another session");
	m->sealed = grow(m->sealed, &m->sealed_size, m->sealed_count, sizeof(m->sealed[0]));
	x = &m->sealed[m->sealed_count++];
	aead_sha256(hash, s->tx_key, sizeof(s->tx_key), NULL, 0);
	memcpy(x->key, hash, sizeof(x->key));
	x->counter = h.counter;
}

static void
carry(struct model *m, const struct pair_message *message)
{
	const struct weather *w = &m->weather;
	uint64_t at = m->pair.now_ms + between(m, w->delay_min, w->delay_max);

	if (w->ordered && at < m->last_ms[message->to])
		at = m->last_ms[message->to];
	if (at > m->last_ms[message->to])
		m->last_ms[message->to] = at;
	pair_carry(&m->pair, message, at);
}

static void
on_published(void *arg, const struct pair_end *from, const struct pair_message *message)
{
	struct model *m = arg;

	note_sealed(m, from, message);
	check_memory(m);
	/* the first messages above all, as they are what the others depend on */
	if (message->bytes[1] != FRAME_DATA || chance(m, 20))
		m->captured[m->captured_count++ % CAPTURED] = *message;
	if (m->weather.cut[message->to] || chance(m, m->weather.lost))
		return;
	carry(m, message);
	if (chance(m, m->weather.doubled))
		carry(m, message);
}

static int
compare_sealed(const void *a, const void *b)
{
	const struct sealed *x = a, *y = b;
	int order = memcmp(x->key, y->key, sizeof(x->key));

	return order != 0 ? order : x->counter < y->counter ? -1 : x->counter > y->counter;
}

static void
check_counters(struct model *m)
{
	qsort(m->sealed, m->sealed_count, sizeof(m->sealed[0]), compare_sealed);
	for (size_t i = 1; i < m->sealed_count; i++)
		REQUIRE(m, compare_sealed(&m->sealed[i - 1], &m->sealed[i]) != 0,
		    "a counter was used twice under one key");
}

/* Trouble. */

/* Any message that was seen, sometimes to the wrong end or by the topic of another one. */
static void
replay(struct model *m)
{
	size_t count = m->captured_count < CAPTURED ? m->captured_count : CAPTURED;
	struct pair_message x;
	uint64_t at;

	if (count == 0)
		return;
	x = m->captured[between(m, 0, count - 1)];
	if (chance(m, 100))
		x.to = 1 - x.to;
	if (chance(m, 100))
		strcpy(x.topic, m->captured[between(m, 0, count - 1)].topic);
	at = m->pair.now_ms + between(m, 0, REPLAY_MS);
	if (m->weather.ordered && at < m->last_ms[x.to])
		at = m->last_ms[x.to];
	pair_carry(&m->pair, &x, at);
	m->replays++;
}

static void
forge_hint(struct model *m, int number)
{
	struct channel *c = m->pair.end[number].channel;
	uint32_t index = c->current != NULL ? c->current->remote_index : 0;

	if (chance(m, 200))
		index = (uint32_t)draw(&m->random);
	channel_hint(c, chance(m, 300) ? 0 : index, m->pair.now_ms);
	m->hints++;
}

static void
restart(struct model *m, int number)
{
	pair_restart(&m->pair, number, chance(m, 500));
	m->restarts++;
}

/* Both want a session at the same moment, or nearly. */
static void
begin_both(struct model *m)
{
	int first = (int)between(m, 0, 1);

	forge_hint(m, first);
	send_packet(m, first);
	pair_pass(&m->pair, chance(m, 500) ? 0 : between(m, 0, m->weather.delay_max * 3));
	forge_hint(m, 1 - first);
	send_packet(m, 1 - first);
}

static void
make_trouble(struct model *m)
{
	const struct trouble *t = &m->plan->trouble;
	int number = (int)between(m, 0, 1);

	if (chance(m, t->replay))
		replay(m);
	if (chance(m, t->hint))
		forge_hint(m, number);
	if (chance(m, t->both))
		begin_both(m);
	if (chance(m, t->restart))
		restart(m, number);
	if (chance(m, t->reset))
		channel_reset(m->pair.end[number].channel);
}

static void
change_weather(struct model *m)
{
	struct weather *w = &m->weather;

	*w = (struct weather){.ordered = chance(m, 500), .delay_min = between(m, 0, 100)};
	w->delay_max = w->delay_min + between(m, 0, chance(m, 100) ? 8 * SECOND : 300);
	if (chance(m, 700))
		w->lost = (uint32_t)between(m, 0, chance(m, 300) ? 900 : 200);
	if (chance(m, 300))
		w->doubled = (uint32_t)between(m, 0, 300);
	w->cut[0] = chance(m, 150);
	w->cut[1] = chance(m, 150);
	if (chance(m, 50))
		w->cut[0] = w->cut[1] = true;
	m->outages += w->cut[0] && w->cut[1];
}

/* Traffic in bad weather, for a while. */
static void
storm(struct model *m)
{
	uint64_t until = m->pair.now_ms + between(m, SECOND, m->plan->storm_max_ms);
	uint32_t busy[2];

	change_weather(m);
	for (int i = 0; i < 2; i++)
		busy[i] = chance(m, 300) ? 0 : (uint32_t)between(m, 1, 1000);
	while (m->pair.now_ms < until) {
		for (int i = 0; i < 2; i++)
			if (chance(m, busy[i]))
				send_packet(m, i);
		make_trouble(m);
		pair_pass(&m->pair, between(m, 1, 2 * m->plan->step_ms));
		check_memory(m);
	}
	m->storms++;
}

/* Recovery. */

struct calm {
	uint64_t trip_ms, step_ms; /* a round trip; between the packets of an end */
	uint64_t start_ms[2];	   /* of its first packet */
	uint64_t next_ms[2];	   /* of its next one */
	uint64_t limit_ms[2];	   /* when it must be heard */
	bool heard[2], agreed;
	bool unproven, crossed; /* see the head of this file */
	bool waits;		/* for what the storm has left behind */
};

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
both_start(const struct calm *calm)
{
	return later(calm->start_ms[0], calm->start_ms[1]);
}

static uint64_t
agreed_by(const struct calm *calm)
{
	uint64_t by = later(calm->limit_ms[0], calm->limit_ms[1]);

	if (calm->unproven)
		by = later(by, both_start(calm) + calm->trip_ms / 2 + calm->step_ms);
	if (calm->crossed)
		by = later(by, both_start(calm) + CHANNEL_RETRY_MS + calm->step_ms);
	return by + calm->trip_ms / 2;
}

static bool
is_unproven(const struct model *m, int number)
{
	return pair_is_heard(&m->pair, number) && !pair_is_proven(&m->pair, number);
}

/* See the head of this file. */
static uint64_t
heard_by(const struct model *m, struct calm *calm, int number)
{
	const struct channel *c = m->pair.end[number].channel;
	uint64_t now = m->pair.now_ms, soonest = now + 2 * calm->trip_ms, by = soonest;

	if (c->initiated != NULL)
		by = later(by, c->retry_ms + calm->trip_ms);
	if (c->initiated != NULL && c->retry_ms >= c->attempt_ms + CHANNEL_GIVE_UP_MS)
		by = later(by, c->retry_ms + calm->step_ms + calm->trip_ms);
	if (c->hint_ms > now)
		by = later(by, c->hint_ms + calm->step_ms + calm->trip_ms);
	calm->waits |= by != soonest;
	return by;
}

/* Ends may restart now and tell nobody. Then all that was on the way arrives, or never does. */
static void
end_storm(struct model *m, uint64_t delay_ms)
{
	for (int i = 0; i < 2; i++) {
		if (!chance(m, 200))
			continue;
		pair_restart(&m->pair, i, false);
		m->restarts++;
	}
	m->weather =
	    (struct weather){.ordered = true, .delay_min = delay_ms, .delay_max = delay_ms};
	if (chance(m, 500))
		pair_lose_flying(&m->pair);
	else
		pair_run(&m->pair,
		    later(later(m->last_ms[0], m->last_ms[1]), m->pair.now_ms + REPLAY_MS));
	m->last_ms[0] = m->last_ms[1] = 0;
}

static void
clear_up(struct model *m, struct calm *calm)
{
	uint64_t delay_ms = between(m, 1, chance(m, 200) ? 400 : 60);

	end_storm(m, delay_ms);
	calm->trip_ms = 2 * delay_ms;
	calm->step_ms = between(m, 10, 200);
	if (chance(m, 300))
		for (int i = 0; i < 2; i++)
			channel_retry(m->pair.end[i].channel, m->pair.now_ms);
	if (chance(m, 500))
		pair_pass(&m->pair, between(m, 0, 12 * SECOND));
	for (int i = 0; i < 2; i++)
		calm->start_ms[i] = calm->next_ms[i] =
		    m->pair.now_ms + (chance(m, 400) ? 0 : between(m, 0, 3 * SECOND));
}

static void
send_if_due(struct model *m, struct calm *calm, int number)
{
	uint64_t now = m->pair.now_ms;

	if (now < calm->next_ms[number])
		return;
	if (now == calm->start_ms[number]) {
		calm->limit_ms[number] = heard_by(m, calm, number);
		calm->unproven |= is_unproven(m, 0) && is_unproven(m, 1);
		calm->crossed |= pair_is_crossed(&m->pair);
	}
	send_packet(m, number);
	calm->next_ms[number] = now + calm->step_ms;
}

static void
observe(struct model *m, struct calm *calm)
{
	uint64_t now = m->pair.now_ms;

	for (int i = 0; i < 2; i++) {
		if (calm->heard[i] || now < calm->start_ms[i])
			continue;
		calm->heard[i] = pair_is_heard(&m->pair, i);
		REQUIRE(m, calm->heard[i] || now < calm->limit_ms[i], "an end is not heard");
	}
	if (calm->agreed || now < both_start(calm))
		return;
	calm->agreed = pair_agrees(&m->pair);
	REQUIRE(m, calm->agreed || now < agreed_by(calm), "the ends do not agree");
	if (calm->agreed && !calm->waits)
		m->slowest = later(m->slowest, (now - both_start(calm)) * 1000 / calm->trip_ms);
}

static void
recover(struct model *m)
{
	struct calm calm = {0};
	size_t first = m->packet_count;
	uint64_t until;

	clear_up(m, &calm);
	until = both_start(&calm) + 10 * SECOND;
	while (m->pair.now_ms < until) {
		for (int i = 0; i < 2; i++)
			send_if_due(m, &calm, i);
		observe(m, &calm);
		pair_pass(&m->pair, 1);
	}
	/* a handshake may be under way now, but not for longer */
	pair_pass(&m->pair, 2 * calm.trip_ms);
	REQUIRE(m, pair_agrees(&m->pair), "the ends do not agree any more");
	for (size_t i = first; i < m->packet_count; i++)
		REQUIRE(m, m->packets[i].delivered || m->packets[i].sent_ms < agreed_by(&calm),
		    "a packet was lost in good weather");
}

/* Runs. */

static void
open_model(struct model *m, const struct plan *plan, uint64_t seed)
{
	struct pair_callbacks cb = {on_published, on_delivered, m};

	memset(m, 0, sizeof(*m));
	m->plan = plan;
	m->seed = m->random = library_random = seed;
	pair_open(
	    &m->pair, plan->mode, (uint32_t)between(m, plan->rekey_min, plan->rekey_max), &cb);
}

static void
close_model(struct model *m)
{
	size_t handshakes = 0;

	check_counters(m);
	for (int i = 0; i < 2; i++)
		handshakes += m->pair.end[i].stats.value[STAT_HANDSHAKES_DONE];
	printf("%s, seed %" PRIu64
	       ": %zu handshakes, %zu messages, %zu of %zu packets, %zu restarts, "
	       "%zu hints, %zu replays, %zu storms, %zu outages; agreed after %" PRIu64
	       ".%03" PRIu64 " round trips at most\n",
	    m->plan->name, m->seed, handshakes, m->sealed_count, m->delivered, m->packet_count,
	    m->restarts, m->hints, m->replays, m->storms, m->outages, m->slowest / 1000,
	    m->slowest % 1000);
	pair_close(&m->pair);
	free(m->packets);
	free(m->sealed);
}

static uint64_t
from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	uint64_t value;

	if (text == NULL)
		return otherwise;
	ck_assert_msg(util_parse_uint(text, 0, UINT64_MAX, &value) == 0, "%s=%s", name, text);
	return value;
}

static void
run_all(const struct plan *plan, void (*run)(struct model *m))
{
	uint64_t seed = from_environment("MODEL_SEED", DEFAULT_SEED);
	uint64_t runs = from_environment("MODEL_RUNS", 1);
	static struct model m;

	for (uint64_t i = 0; i < runs; i++) {
		open_model(&m, plan, seed + i);
		run(&m);
		close_model(&m);
	}
}

static void
weather_changes(struct model *m)
{
	uint64_t until = m->pair.now_ms + (uint64_t)HOURS * 3600 * SECOND;

	while (m->pair.now_ms < until) {
		storm(m);
		recover(m);
	}
}

/* Nothing is lost, so nothing may be missing. */
static void
weather_is_good(struct model *m)
{
	uint64_t until = m->pair.now_ms + (uint64_t)HOURS * 3600 * SECOND;

	m->weather = (struct weather){.ordered = true, .delay_min = 1, .delay_max = 200};
	while (m->pair.now_ms < until) {
		for (int i = 0; i < 2; i++)
			if (chance(m, 500))
				send_packet(m, i);
		make_trouble(m);
		pair_pass(&m->pair, between(m, 1, 2 * m->plan->step_ms));
	}
	pair_pass(&m->pair, SECOND);
	REQUIRE(m, m->delivered == m->packet_count, "a packet was lost");
	REQUIRE(m, pair_agrees(&m->pair), "the ends do not agree");
}

START_TEST(model_holds_with_keys_of_a_second)
{
	static const struct plan plan = {"a second", NETWORK_PSK, 1000, 1000, 100, 20 * SECOND,
	    {.replay = 50, .hint = 20, .restart = 3, .reset = 1, .both = 5}};

	run_all(&plan, weather_changes);
}
END_TEST

START_TEST(model_holds_with_keys_of_some_seconds)
{
	static const struct plan plan = {"some seconds", NETWORK_PSK, 1001, 5000, 100, 40 * SECOND,
	    {.replay = 20, .hint = 10, .restart = 2, .reset = 1, .both = 5}};

	run_all(&plan, weather_changes);
}
END_TEST

START_TEST(model_holds_with_keys_of_two_minutes)
{
	static const struct plan plan = {"two minutes", NETWORK_PSK, 120000, 120000, 200,
	    400 * SECOND, {.replay = 20, .hint = 1, .restart = 1, .reset = 0, .both = 1}};

	run_all(&plan, weather_changes);
}
END_TEST

START_TEST(model_holds_in_pubkey_mode)
{
	static const struct plan plan = {"pubkey", NETWORK_PUBKEY, 1000, 5000, 100, 20 * SECOND,
	    {.replay = 20, .hint = 10, .restart = 3, .reset = 1, .both = 5}};

	run_all(&plan, weather_changes);
}
END_TEST

START_TEST(model_loses_nothing_where_nothing_is_lost)
{
	static const struct plan plan = {"nothing lost", NETWORK_PSK, 1000, 1000, 50, 0,
	    {.replay = 20, .hint = 20, .restart = 0, .reset = 0, .both = 5}};

	run_all(&plan, weather_is_good);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("model");
	TCase *tcase = tcase_create("model");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (randombytes_set_implementation(&library) != 0 || aead_init() == -1)
		return EXIT_FAILURE;
	tcase_set_timeout(tcase, 0); /* valgrind, many seeds */
	tcase_add_test(tcase, model_holds_with_keys_of_a_second);
	tcase_add_test(tcase, model_holds_with_keys_of_some_seconds);
	tcase_add_test(tcase, model_holds_with_keys_of_two_minutes);
	tcase_add_test(tcase, model_holds_in_pubkey_mode);
	tcase_add_test(tcase, model_loses_nothing_where_nothing_is_lost);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
