/*
 * Prepares a configuration for libconfuse 3.3, whose lexer counts each comment as further lines,
 * takes no comment within a list, drops characters that it does not know, puts the daemon's
 * environment into strings, and is lost where a string or section has no end. So comments become
 * nothing here, "${" is made plain text, and what the lexer would pass over is refused. Lines stay
 * where they are.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 2 /* a list in a section */

struct scan {
	struct settings_draft *draft; /* its line is the current one */
	struct settings_text *text;
	const char *in;
	char *out;
	char last; /* the last character that was neither blank nor comment */
	unsigned int depth;
	unsigned int opened[DEPTH_MAX]; /* lines of the open braces */
};

static void
copy(struct scan *s, size_t len)
{
	memcpy(s->out, s->in, len);
	s->in += len;
	s->out += len;
}

static void
skip_line_comment(struct scan *s)
{
	s->in += strcspn(s->in, "\n");
}

static int
skip_block_comment(struct scan *s)
{
	unsigned int begin = s->draft->line;

	for (s->in += 2; strncmp(s->in, "*/", 2) != 0; s->in++) {
		if (*s->in == '\0') {
			s->draft->line = begin;
			return settings_fail(s->draft, "the comment has no end: expected */");
		}
		if (*s->in == '\n') {
			*s->out++ = '\n';
			s->draft->line++;
		}
	}
	s->in += 2;
	*s->out++ = ' ';
	return 0;
}

static int
copy_escape(struct scan *s, char quote)
{
	char c = s->in[1];

	if (quote == '"' && (c == '\0' || strchr("\"\\$", c) == NULL))
		return settings_fail(
		    s->draft, "a '\\' stands before the wrong character: expected \\\\ or \\\"");
	copy(s, c == quote || c == '\\' || quote == '"' ? 2 : 1);
	return 0;
}

static int
copy_string(struct scan *s)
{
	char quote = *s->in;

	copy(s, 1);
	while (*s->in != quote) {
		unsigned char c = (unsigned char)*s->in;

		if (c == '\0' || c == '\n')
			return settings_fail(
			    s->draft, "the text has no end: expected %c on the same line", quote);
		if (c < ' ' || c == 0x7f)
			return settings_fail(s->draft,
			    "the text holds the control character 0x%02x: expected none", c);
		if (c == '\\') {
			if (copy_escape(s, quote) == -1)
				return -1;
			continue;
		}
		if (quote == '"' && c == '$')
			*s->out++ = '\\';
		copy(s, 1);
	}
	copy(s, 1);
	return 0;
}

static int
note_section(struct scan *s)
{
	struct settings_text *t = s->text;
	unsigned int *lines;

	lines = settings_grow(t->section_lines, t->section_count, sizeof(*lines));
	if (lines == NULL)
		return settings_no_memory(s->draft);
	lines[t->section_count++] = s->draft->line;
	t->section_lines = lines;
	return 0;
}

static int
open_brace(struct scan *s)
{
	if (s->depth == DEPTH_MAX)
		return settings_fail(s->draft, "a '{' too many: expected a list's values");
	s->opened[s->depth++] = s->draft->line;
	if (s->last != '=' && note_section(s) == -1)
		return -1;
	copy(s, 1);
	return 0;
}

static int
close_brace(struct scan *s)
{
	if (s->depth == 0)
		return settings_fail(s->draft, "a '}' too many: no section or list is open here");
	s->depth--;
	copy(s, 1);
	return 0;
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("_-.:/%@[]", c) != NULL);
}

static int
copy_word(struct scan *s)
{
	size_t len = 0;

	if (strncmp(s->in, "+=", 2) == 0) {
		copy(s, 2);
		return 0;
	}
	while (is_word(s->in[len]))
		len++;
	if (len > 0) {
		copy(s, len);
		return 0;
	}
	if (*s->in == '(')
		return settings_fail(
		    s->draft, "'(' is of no use here: there are no functions, nor include()");
	if (isprint((unsigned char)*s->in))
		return settings_fail(
		    s->draft, "'%c' cannot stand here: expected \"text in quotes\"", *s->in);
	return settings_fail(s->draft, "the byte 0x%02x cannot stand here: expected plain text",
	    (unsigned char)*s->in);
}

static int
scan_token(struct scan *s)
{
	switch (*s->in) {
	case '\n':
		s->draft->line++;
		copy(s, 1);
		return 0;
	case ' ':
	case '\t':
	case '\r':
		s->in++;
		*s->out++ = ' ';
		return 0;
	case '#':
		skip_line_comment(s);
		return 0;
	case '/':
		if (s->in[1] == '*')
			return skip_block_comment(s);
		if (s->in[1] == '/') {
			skip_line_comment(s);
			return 0;
		}
		return copy_word(s);
	case '"':
	case '\'':
		return copy_string(s);
	case '{':
		return open_brace(s);
	case '}':
		return close_brace(s);
	case '=':
	case ',':
		copy(s, 1);
		return 0;
	default:
		return copy_word(s);
	}
}

int
settings_text_prepare(struct settings_draft *d, const char *text, struct settings_text *out)
{
	struct scan s = {.draft = d, .text = out, .in = text};
	char *before;

	*out = (struct settings_text){0};
	out->clean = malloc(2 * strlen(text) + 1); /* each '$' gains a '\' */
	if (out->clean == NULL)
		return settings_no_memory(d);
	s.out = out->clean;
	d->key = NULL;
	d->line = 1;
	while (*s.in != '\0') {
		before = s.out;
		if (scan_token(&s) == -1)
			return -1;
		if (s.out != before && strchr(" \n", s.out[-1]) == NULL)
			s.last = s.out[-1];
	}
	*s.out = '\0';
	if (s.depth > 0) {
		d->line = s.opened[s.depth - 1];
		return settings_fail(d, "the '{' is never closed: expected a '}'");
	}
	return 0;
}

void
settings_text_clear(struct settings_text *t)
{
	free(t->clean);
	free(t->section_lines);
	*t = (struct settings_text){0};
}
