/*
 * Numbers, sizes and times: some may be written with a letter.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define LETTERS_MAX 5

/* What may follow a number, and by how much that makes it more. */
struct unit {
	const char *what;     /* the number is: "a number" */
	const char *examples; /* "2000 or 2k" */
	struct {
		const char *letter;
		uint32_t scale;
	} letters[LETTERS_MAX]; /* then NULL, if there is room */
};

static const struct unit thousands = {
    "a number", "2000 or 2k", {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}}};
static const struct unit seconds = {"a number of seconds", "900 or 15m",
    {{"", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}}};

static int
parse_number(
    struct settings_draft *d, const struct settings_key *k, const char *value, uint64_t *number)
{
	if (util_parse_uint(value, k->min, k->max, number) == -1)
		return settings_fail(d,
		    "'%s' is %s: expected a number from %" PRIu64 " to %" PRIu64, value,
		    errno == ERANGE ? "out of range" : "not a number", k->min, k->max);
	return 0;
}

static int
parse_unit(struct settings_draft *d, const struct settings_key *k, const struct unit *u,
    const char *value, uint64_t *number)
{
	unsigned long long n;
	uint32_t scale = 0;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	for (size_t i = 0; i < LETTERS_MAX && u->letters[i].letter != NULL; i++) {
		if (strcmp(end, u->letters[i].letter) == 0)
			scale = u->letters[i].scale;
	}
	if (!isdigit((unsigned char)value[0]) || scale == 0)
		return settings_fail(d,
		    "'%s' is not %s: expected one from %" PRIu64 " to %" PRIu64 ", such as %s",
		    value, u->what, k->min, k->max, u->examples);
	if (errno != 0 || n > k->max / scale || n * scale < k->min)
		return settings_fail(d,
		    "'%s' is out of range: expected %s from %" PRIu64 " to %" PRIu64, value,
		    u->what, k->min, k->max);
	*number = n * scale;
	return 0;
}

int
settings_set_number(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	uint32_t *field = settings_field(d, k);
	uint64_t n;

	if (parse_number(d, k, value, &n) == -1)
		return -1;
	*field = (uint32_t)n;
	return 0;
}

int
settings_set_mtu(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	uint64_t n;

	if (parse_number(d, k, value, &n) == -1)
		return -1;
	d->s->mtu = (uint16_t)n;
	return 0;
}

static int
set_unit(
    struct settings_draft *d, const struct settings_key *k, const struct unit *u, const char *value)
{
	uint32_t *field = settings_field(d, k);
	uint64_t n;

	if (parse_unit(d, k, u, value, &n) == -1)
		return -1;
	*field = (uint32_t)n;
	return 0;
}

int
settings_set_quantity(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	return set_unit(d, k, &thousands, value);
}

int
settings_set_seconds(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	return set_unit(d, k, &seconds, value);
}

/* Of years. */
int
settings_set_time(struct settings_draft *d, const struct settings_key *k, const char *value)
{
	return parse_unit(d, k, &seconds, value, settings_field(d, k));
}
