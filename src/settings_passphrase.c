/*
 * Whether a passphrase is hard to guess. A broker that records one handshake can try as many as it
 * likes, and Argon2id makes each try dear, not a bad passphrase good.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <stdio.h>
#include <string.h>
#include <zxcvbn.h>

#include "util.h"

#define PASSPHRASE_MAX 1024
#define JUDGED_MAX 100 /* characters; the time of the estimate grows faster than their number */
#define BITS_MIN 50
#define PART_MIN 3 /* a shorter one says nothing */
#define SEPARATORS "-_. "
#define NAME_SIZE 128
#define WORDS_MAX 128

/* What an attacker tries first in this network. */
struct words {
	const char *list[WORDS_MAX + 1]; /* ends with NULL */
	size_t count;
	char whole[3][NAME_SIZE], parts[3][NAME_SIZE];
	size_t names;
};

static void
add_word(struct words *w, const char *word)
{
	if (strlen(word) >= PART_MIN && w->count < WORDS_MAX)
		w->list[w->count++] = word;
}

/* A name, and what it consists of. */
static void
add_name(struct words *w, const char *name)
{
	char *whole = w->whole[w->names], *rest = w->parts[w->names];
	char *part;

	w->names++;
	snprintf(whole, NAME_SIZE, "%s", name);
	snprintf(rest, NAME_SIZE, "%s", name);
	add_word(w, whole);
	while ((part = strsep(&rest, SEPARATORS)) != NULL)
		add_word(w, part);
}

/*
 * What the estimate would rate too high is taken out: what stands between words, for which it sees
 * neither a sentence nor that a word is said again; and the many bytes of a character that is not
 * ASCII, which becomes a letter.
 */
static void
simplify(char judged[JUDGED_MAX + 1], const char *passphrase)
{
	const unsigned char *in = (const unsigned char *)passphrase;
	size_t len = 0;

	while (*in != '\0' && len < JUDGED_MAX) {
		uint32_t code = *in++;

		for (; code >= 0x80 && (*in & 0xc0) == 0x80; in++)
			code = code << 6 | (*in & 0x3f);
		if (code >= 0x80)
			judged[len++] = (char)('a' + code % 26);
		else if (strchr(SEPARATORS, (int)code) == NULL)
			judged[len++] = (char)code;
	}
	judged[len] = '\0';
}

static double
estimate_bits(const struct settings *s, const char *passphrase)
{
	struct words w = {0};
	char judged[JUDGED_MAX + 1], host[NAME_SIZE];
	double bits;

	add_word(&w, "mqtt");
	add_word(&w, "vpn");
	add_name(&w, s->network);
	add_name(&w, s->name);
	add_name(&w, settings_host_name(host, sizeof(host)));
	simplify(judged, passphrase);
	bits = ZxcvbnMatch(judged, w.list, NULL);
	explicit_bzero(judged, sizeof(judged));
	return bits;
}

int
settings_check_passphrase(struct settings_draft *d, const char *file, const char *passphrase)
{
	size_t len = strlen(passphrase);
	double bits;

	if (len > PASSPHRASE_MAX)
		return settings_fail(d,
		    "%s: the passphrase has %zu characters: expected %d at most", file, len,
		    PASSPHRASE_MAX);
	bits = estimate_bits(d->s, passphrase);
	if (bits >= BITS_MIN)
		return 0;
	return settings_fail(d,
	    "%s: the passphrase can be guessed, as it is worth about %d bits: expected %d or more, "
	    "as 'mqtt-vpnctl genpsk' makes them",
	    file, (int)bits, BITS_MIN);
}
