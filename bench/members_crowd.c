/*
 * The members, their connections to the broker, and the control socket by which one asks how they
 * are.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "members.h"

#include <cjson/cJSON.h>
#include <event2/event.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aead_dh.h"
#include "control.h"
#include "ticker.h"
#include "util.h"

#define TOPICS 8 /* in one SUBSCRIBE */
#define PACKET_MAX (1024 * 1024)
#define PORT 1883
#define BEGIN_MS 10 /* between those who begin, where there is a rate */

struct crowd;

/* A connection, and the members that share it. */
struct share {
	struct crowd *crowd;
	struct link *link;
	size_t first, count;
	size_t subscribed; /* topics, of which that of the group is the first */
};

struct crowd {
	struct members_common common;
	struct event_base *base;
	struct event *end;
	struct ticker *ticker;
	struct control *control;
	struct share *shares;
	size_t share_count, ready;
	struct members_one *ones, **by_topic;
	char group_topic[NETWORK_TOPIC_MAX];
	struct members_tally told; /* to each */
	size_t begun, wanted, rate;
	struct wheel_timer begin;
};

void
members_fail(const char *what, const char *why)
{
	fprintf(stderr, "members: %s: %s\n", what, why);
	exit(1);
}

static void *
need(void *allocated)
{
	if (allocated == NULL)
		members_fail("start", "no memory");
	return allocated;
}

static size_t
count_of(const struct crowd *c)
{
	return c->common.o.count;
}

/* Joining. */

static void
begin_some(struct crowd *c, size_t some, uint64_t now_ms)
{
	for (; some > 0 && c->begun < c->wanted; some--)
		members_one_join(&c->ones[c->begun++], now_ms);
}

static void
on_begin(void *arg, uint64_t now_ms)
{
	struct crowd *c = arg;

	begin_some(c, c->rate == 0 ? SIZE_MAX : (c->rate * BEGIN_MS + 999) / 1000, now_ms);
	if (c->begun < c->wanted)
		wheel_set(c->common.wheel, &c->begin, now_ms + BEGIN_MS, on_begin, c);
}

/* The connections. */

static int
by_topic(const void *a, const void *b)
{
	const struct members_one *const *m = a, *const *n = b;

	return strcmp((*m)->topic, (*n)->topic);
}

static int
against_topic(const void *topic, const void *b)
{
	const struct members_one *const *m = b;

	return strcmp(topic, (*m)->topic);
}

static void
tell_all(struct share *s, const struct link_message *m)
{
	struct crowd *c = s->crowd;

	if (s == &c->shares[0]) {
		c->told.messages++;
		c->told.bytes += m->len;
	}
	for (size_t i = 0; i < s->count; i++)
		members_one_follow(&c->ones[s->first + i], m);
}

static void
on_message(void *arg, const struct link_message *m)
{
	struct share *s = arg;
	struct crowd *c = s->crowd;
	struct members_one **found;

	if (strcmp(m->topic, c->group_topic) == 0) {
		tell_all(s, m);
		return;
	}
	found = bsearch(m->topic, c->by_topic, count_of(c), sizeof(c->by_topic[0]), against_topic);
	if (found != NULL)
		members_one_receive(*found, m);
}

static void
subscribe_more(struct share *s)
{
	const char *topics[TOPICS];
	size_t some = 0;
	int mid;

	if (s->subscribed == 0)
		topics[some++] = s->crowd->group_topic;
	while (some < TOPICS && s->subscribed + some <= s->count) {
		topics[some] = s->crowd->ones[s->first + s->subscribed + some - 1].topic;
		some++;
	}
	s->subscribed += some;
	link_subscribe(s->link, topics, some, false, &mid); /* closed() follows if it fails */
}

static void
on_connected(void *arg)
{
	subscribe_more(arg);
}

static void
on_subscribed(void *arg, int mid, const int *codes, size_t code_count)
{
	struct share *s = arg;
	struct crowd *c = s->crowd;

	for (size_t i = 0; i < code_count; i++)
		if (codes[i] >= 0x80)
			members_fail("broker", "a subscription was refused");
	if (s->subscribed <= s->count)
		subscribe_more(s);
	else if (++c->ready == c->share_count)
		on_begin(c, util_now_ms());
}

static void
on_writable(void *arg)
{
}

static void
on_closed(void *arg, enum link_cause cause, const char *reason)
{
	members_fail("broker", reason);
}

static void
connect_share(struct crowd *c, size_t number)
{
	struct share *s = &c->shares[number];
	char id[32], *error;
	struct link_params params = {
	    .address = c->common.o.broker,
	    .port = PORT,
	    .client_id = id,
	    .protocol = LINK_MQTT_5,
	    .keepalive_s = 60,
	    .tcp_timeout_ms = 10000,
	    .timeout_ms = 60000,
	    .max_packet = PACKET_MAX,
	    .stats = &c->common.stats,
	};
	struct link_callbacks callbacks = {
	    on_connected, on_subscribed, on_message, on_writable, on_closed, s};

	snprintf(id, sizeof(id), "members-%zu", number);
	s->link = link_new(c->base, c->common.wheel, &params, &callbacks, &error);
	if (s->link == NULL)
		members_fail("broker", error != NULL ? error : "no memory");
}

/* What is asked at the control socket. */

struct sums {
	size_t in, out, at_epoch;
	uint32_t epoch;
	uint64_t in_us, join_us, first_epoch_us, epoch_us, renewals;
	struct members_tally sent, heard;
};

static void
raise_to(uint64_t *most, uint64_t value)
{
	if (value > *most)
		*most = value;
}

static void
add_tally(struct members_tally *sum, const struct members_tally *t)
{
	sum->messages += t->messages;
	sum->bytes += t->bytes;
}

/* Those who are in with the newest key. */
static void
add_epoch(struct sums *s, const struct members_one *m)
{
	s->at_epoch++;
	raise_to(&s->epoch_us, m->epoch_us);
	if (s->first_epoch_us == 0 || m->epoch_us < s->first_epoch_us)
		s->first_epoch_us = m->epoch_us;
}

static void
add_one(struct sums *s, const struct members_one *m)
{
	bool in = members_one_is_in(m);

	s->in += in;
	s->out += m->out_us != 0 && !in;
	s->renewals += m->renewals;
	if (in && m->epoch == s->epoch)
		add_epoch(s, m);
	raise_to(&s->in_us, m->in_us);
	if (m->in_us > m->begun_us)
		raise_to(&s->join_us, m->in_us - m->begun_us);
	add_tally(&s->sent, &m->sent);
	add_tally(&s->heard, &m->heard);
}

static struct sums
add_up(const struct crowd *c)
{
	struct sums s = {.epoch = 0};

	for (size_t i = 0; i < c->begun; i++)
		if (c->ones[i].epoch > s.epoch)
			s.epoch = c->ones[i].epoch;
	for (size_t i = 0; i < c->begun; i++)
		add_one(&s, &c->ones[i]);
	return s;
}

static void
report_tally(cJSON *o, const char *name, const struct members_tally *t)
{
	cJSON *item = cJSON_AddObjectToObject(o, name);

	cJSON_AddNumberToObject(item, "messages", (double)t->messages);
	cJSON_AddNumberToObject(item, "bytes", (double)t->bytes);
}

static cJSON *
on_status(void *arg, const char *argument, char **error)
{
	const struct crowd *c = arg;
	struct sums s = add_up(c);
	cJSON *o = cJSON_CreateObject();

	cJSON_AddBoolToObject(o, "ready", c->ready == c->share_count);
	cJSON_AddNumberToObject(o, "begun", (double)c->begun);
	cJSON_AddNumberToObject(o, "in", (double)s.in);
	cJSON_AddNumberToObject(o, "out", (double)s.out);
	cJSON_AddNumberToObject(o, "last_in_us", (double)s.in_us);
	cJSON_AddNumberToObject(o, "longest_join_us", (double)s.join_us);
	cJSON_AddNumberToObject(o, "epoch", s.epoch);
	cJSON_AddNumberToObject(o, "at_epoch", (double)s.at_epoch);
	cJSON_AddNumberToObject(o, "first_epoch_us", (double)s.first_epoch_us);
	cJSON_AddNumberToObject(o, "last_epoch_us", (double)s.epoch_us);
	cJSON_AddNumberToObject(o, "renewals", (double)s.renewals);
	report_tally(o, "sent", &s.sent);
	report_tally(o, "heard", &s.heard);
	report_tally(o, "told", &c->told);
	if (c->begun > 0)
		report_tally(o, "newest", &c->ones[c->begun - 1].heard);
	return o;
}

static cJSON *
take_number(size_t *to, const char *argument, uint64_t max, char **error)
{
	uint64_t n;

	if (util_parse_uint(argument, 0, max, &n) == -1) {
		*error = util_format("'%s': expected a number up to %zu", argument, (size_t)max);
		return NULL;
	}
	*to = (size_t)n;
	return cJSON_CreateObject();
}

static cJSON *
on_join(void *arg, const char *argument, char **error)
{
	struct crowd *c = arg;
	cJSON *answer = take_number(&c->wanted, argument, count_of(c), error);

	if (answer != NULL)
		on_begin(c, util_now_ms());
	return answer;
}

static cJSON *
on_rate(void *arg, const char *argument, char **error)
{
	struct crowd *c = arg;

	return take_number(&c->rate, argument, MEMBERS_MAX, error);
}

static const struct control_command commands[] = {
    {"status", on_status}, {"join", on_join}, {"rate", on_rate}, {NULL, NULL}};

/* From start to end. */

static void
on_end(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopbreak(arg);
}

static void
make_loop(struct crowd *c)
{
	char *error;

	c->base = need(event_base_new());
	c->ticker = need(ticker_new(c->base));
	c->common.wheel = ticker_wheel(c->ticker);
	c->end = need(evsignal_new(c->base, SIGTERM, on_end, c->base));
	if (event_add(c->end, NULL) == -1)
		members_fail("start", "no signals");
	c->control = control_open(c->base, c->common.wheel, &c->common.stats, c->common.o.socket,
	    (gid_t)-1, commands, c, &error);
	if (c->control == NULL)
		members_fail("control socket", error != NULL ? error : "no memory");
}

static void
make_shares(struct crowd *c)
{
	size_t each = c->common.o.share, left = count_of(c);

	c->share_count = (left + each - 1) / each;
	c->shares = need(calloc(c->share_count, sizeof(c->shares[0])));
	for (size_t i = 0; i < c->share_count; i++) {
		c->shares[i] = (struct share){
		    .crowd = c, .first = i * each, .count = left < each ? left : each};
		left -= c->shares[i].count;
	}
}

static void
make_members(struct crowd *c)
{
	c->ones = need(calloc(count_of(c), sizeof(c->ones[0])));
	c->by_topic = need(calloc(count_of(c), sizeof(c->by_topic[0])));
	for (size_t i = 0; i < count_of(c); i++) {
		struct share *s = &c->shares[i / c->common.o.share];

		if (members_one_init(&c->ones[i], i, &c->common, &s->link) == -1)
			members_fail("start", "no memory");
		c->by_topic[i] = &c->ones[i];
	}
	members_one_group_topic(&c->ones[0], c->group_topic);
	qsort(c->by_topic, count_of(c), sizeof(c->by_topic[0]), by_topic);
}

static void
free_crowd(struct crowd *c)
{
	control_close(c->control);
	for (size_t i = 0; i < c->share_count; i++)
		link_free(c->shares[i].link);
	for (size_t i = 0; i < count_of(c); i++)
		members_one_clear(&c->ones[i]);
	wheel_cancel(c->common.wheel, &c->begin);
	event_free(c->end);
	ticker_free(c->ticker);
	event_base_free(c->base);
	free(c->shares);
	free(c->by_topic);
	free(c->ones);
	free(c);
}

void
members_run(const struct members_options *o)
{
	struct crowd *c = need(calloc(1, sizeof(*c)));
	uint8_t unused[AEAD_SIGN_SECRET_LEN];

	if (link_library_init() == -1)
		members_fail("start", "libmosquitto cannot be initialised");
	c->common.o = *o;
	c->wanted = o->join;
	aead_sign_keypair(c->common.verify_key, unused);
	make_loop(c);
	make_shares(c);
	make_members(c);
	for (size_t i = 0; i < c->share_count; i++)
		connect_share(c, i);
	event_base_dispatch(c->base);
	free_crowd(c);
	link_library_cleanup();
}
