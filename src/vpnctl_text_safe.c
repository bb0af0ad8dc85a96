/*
 * Text that other people made, such that a terminal shows it and does not obey it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_text.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "util.h"

/* Decodes one character of UTF-8 (RFC 3629), whose end is told by a NUL at the latest. Returns its
 * length, or 0 if it is none. */
static size_t
decode(const unsigned char *c, uint32_t *code)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least; /* that is not written shorter */
	} forms[] = {
	    {0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	size_t more = 0;

	while (more < ARRAY_LEN(forms) && (c[0] & forms[more].mask) != forms[more].lead)
		more++;
	if (more == ARRAY_LEN(forms))
		return 0;
	*code = c[0] & (unsigned char)~forms[more].mask;
	for (size_t i = 1; i <= more; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (c[i] & 0x3f);
	}
	if (*code < forms[more].least || *code > 0x10ffff || (*code & 0xfffff800) == 0xd800)
		return 0;
	return more + 1;
}

/* What is obeyed instead of shown, or shows as nothing: a name must not look like another one, nor
 * turn round the line that it stands in. */
static bool
is_unsafe(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
	    {0x0000, 0x001f}, {0x007f, 0x009f}, /* C1, which some terminals obey too */
	    {0x00ad, 0x00ad}, {0x061c, 0x061c}, {0x180e, 0x180e},
	    {0x200b, 0x200f}, /* no width; direction */
	    {0x2028, 0x202e}, /* lines, paragraphs, direction */
	    {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}, /* tags */
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

void
vpnctl_text_sanitize(char *text)
{
	uint32_t code;
	size_t len;

	for (; *text != '\0'; text += len) {
		len = decode((const unsigned char *)text, &code);
		if (len > 0 && !is_unsafe(code))
			continue;
		len = len > 0 ? len : 1;
		memset(text, '?', len);
	}
}

void
vpnctl_text_sanitize_json(struct cJSON *json)
{
	struct cJSON *item;

	for (item = json; item != NULL; item = item->next) {
		if (item->string != NULL)
			vpnctl_text_sanitize(item->string);
		if (cJSON_IsString(item))
			vpnctl_text_sanitize(item->valuestring);
		vpnctl_text_sanitize_json(item->child);
	}
}

static void
print_escape(FILE *out, uint32_t code)
{
	if (code > 0xffff) {
		fprintf(out, "\\u%04x", 0xd800 + (unsigned int)((code - 0x10000) >> 10));
		code = 0xdc00 + (code & 0x3ff);
	}
	fprintf(out, "\\u%04x", (unsigned int)code);
}

void
vpnctl_text_print_json(FILE *out, const char *json)
{
	uint32_t code;
	size_t len;

	for (; *json != '\0'; json += len) {
		len = decode((const unsigned char *)json, &code);
		if (len == 0) {
			len = 1;
			print_escape(out, 0xfffd);
		} else if (is_unsafe(code) && *json != '\n' && *json != '\t') {
			print_escape(out, code);
		} else {
			fwrite(json, 1, len, out);
		}
	}
	fputc('\n', out);
}
