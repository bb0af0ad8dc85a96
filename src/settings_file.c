/*
 * Reading the configuration with libconfuse: its schema is made from the table of keys, and each
 * value goes into the draft the moment it is read, while its line is known.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <assert.h>
#include <confuse.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "util.h"

#define REACHING "a '|' cannot stand in a key: expected the key within its section"
#define KEYS_MAX 40 /* of one section, with the two entries at its end */

struct parser {
	struct settings_draft *draft;
	struct settings_text text;
	size_t begun; /* sections so far */
	cfg_t *section;
};

struct schema {
	cfg_opt_t root[KEYS_MAX];
	cfg_opt_t sections[SETTINGS_SECTIONS][KEYS_MAX];
	void *parser;
};

static const struct {
	const char *name;
	enum settings_program programs;
} sections[SETTINGS_SECTIONS] = {
    [SETTINGS_ROOT] = {"root", SETTINGS_BOTH}, /* as libconfuse calls it */
    [SETTINGS_INTERFACE] = {"interface", SETTINGS_VPND},
    [SETTINGS_BROKER] = {"broker", SETTINGS_BOTH},
    [SETTINGS_PEER] = {"peer", SETTINGS_VPND},
    [SETTINGS_KEY_GROUP] = {"key-group", SETTINGS_KEYD},
    [SETTINGS_MEMBER] = {"member", SETTINGS_KEYD},
};

const char *
settings_section_name(enum settings_section section)
{
	return sections[section].name;
}

const char *
settings_program_name(enum settings_program program)
{
	return options_program_name(program == SETTINGS_KEYD ? PROGRAM_KEYD : PROGRAM_VPND);
}

/* SETTINGS_ROOT if it is none. */
static enum settings_section
section_find(const char *name)
{
	enum settings_section i;

	for (i = SETTINGS_INTERFACE; i < SETTINGS_SECTIONS; i++) {
		if (strcmp(name, sections[i].name) == 0)
			return i;
	}
	return SETTINGS_ROOT;
}

static enum settings_section
section_of(const cfg_t *cfg)
{
	return section_find(cfg->name);
}

/* libconfuse's callbacks have no argument of their own: the schema carries it, see add_keys().
 */
static struct parser *
parser_of(const cfg_t *cfg)
{
	const cfg_opt_t *o = cfg->opts;

	while (o->name[0] != '\0')
		o++;
	return *o->simple_value.ptr;
}

static int
begin_section(struct parser *p, cfg_t *cfg)
{
	struct settings_draft *d = p->draft;
	enum settings_section section = section_of(cfg);

	if (section == SETTINGS_ROOT || cfg == p->section)
		return 0;
	p->section = cfg;
	d->key = sections[section].name;
	if (p->begun < p->text.section_count)
		d->line = p->text.section_lines[p->begun++];
	return settings_begin(d, section, cfg->title);
}

static int
on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct parser *p = parser_of(cfg);
	struct settings_draft *d = p->draft;
	const struct settings_place *earlier;
	const struct settings_key *k;
	const char **kept = result;

	*kept = value;
	if (begin_section(p, cfg) == -1)
		return -1;
	d->key = opt->name;
	d->line = (unsigned int)cfg->line;
	k = settings_key_find(section_of(cfg), opt->name);
	if (k == NULL)
		return settings_fail(d, REACHING);
	earlier = opt->nvalues == 1 ? settings_place_find(d, k, d->number, 0) : NULL;
	if (earlier != NULL)
		return settings_fail(
		    d, "set already in line %u: expected it only once", earlier->line);
	return settings_set(d, k, value);
}

/*
 * An empty section has no value that could have begun it. All that was in it is in the draft by
 * now, and libconfuse would compare its title with those of thousands to come.
 */
static int
on_section_end(cfg_t *cfg, cfg_opt_t *opt)
{
	struct parser *p = parser_of(cfg);

	if (begin_section(p, opt->values[opt->nvalues - 1]->section) == -1)
		return -1;
	p->section = NULL;
	return cfg_opt_rmnsec(opt, opt->nvalues - 1);
}

/* The sections of the program, where they can stand, and the keys of this one; NULL when memory is
 * short. */
static char *
list_known(enum settings_program program, enum settings_section section)
{
	char *names = strdup("");
	const struct settings_key *k;
	enum settings_section i;
	char *longer;

	for (i = SETTINGS_INTERFACE; i < SETTINGS_SECTIONS && names != NULL; i++) {
		if (section != SETTINGS_ROOT || (sections[i].programs & program) == 0)
			continue;
		longer =
		    util_format("%s%s%s", names, names[0] == '\0' ? "" : ", ", sections[i].name);
		free(names);
		names = longer;
	}
	for (k = settings_keys(); k->name != NULL && names != NULL; k++) {
		if (k->section != section || (k->programs & program) == 0)
			continue;
		longer = util_format("%s%s%s", names, names[0] == '\0' ? "" : ", ", k->name);
		free(names);
		names = longer;
	}
	return names;
}

/* What only the other program knows, in whichever section; our own keys are no question here. */
static bool
is_foreign(const struct settings_draft *d, const char *name)
{
	enum settings_section section = section_find(name);
	const struct settings_key *k;

	for (k = settings_keys(); k->name != NULL; k++) {
		if (strcmp(k->name, name) == 0)
			return true;
	}
	return section != SETTINGS_ROOT && (sections[section].programs & d->program) == 0;
}

static int
fail_foreign(struct settings_draft *d, const char *name)
{
	enum settings_program other = SETTINGS_BOTH & ~d->program;

	return settings_fail(d, "'%s' is a %s of %s: expected only what %s knows", name,
	    section_find(name) != SETTINGS_ROOT ? "section" : "key", settings_program_name(other),
	    settings_program_name(d->program));
}

static int
fail_unknown(struct settings_draft *d, enum settings_section section, const char *name)
{
	const struct settings_key *k;
	char *names;

	for (k = settings_keys(); k->name != NULL; k++) {
		if (strcmp(k->name, name) != 0 || (k->programs & d->program) == 0)
			continue;
		return settings_fail(d, "'%s' belongs %s%s: expected it there", name,
		    k->section == SETTINGS_ROOT ? "outside the sections" : "in section ",
		    k->section == SETTINGS_ROOT ? "" : sections[k->section].name);
	}
	if (is_foreign(d, name))
		return fail_foreign(d, name);
	names = list_known(d->program, section);
	if (names == NULL)
		return settings_no_memory(d);
	settings_fail(d, "'%s' is not a key: expected one of %s", name, names);
	free(names);
	return -1;
}

/* libconfuse's messages, and what they leave out. */
static const struct {
	const char *theirs, *ours; /* ours takes what theirs does, or less */
} messages[] = {
    {"unexpected token '%s'", "'%s' is out of place: expected KEY = VALUE or SECTION \"NAME\" { }"},
    {"missing equal sign after option '%s'", "%1$s: the '=' is missing: expected %1$s = VALUE"},
    {"missing opening brace for section '%s'",
	"%1$s: its '{' is missing: expected %1$s \"NAME\" {"},
    {"missing title for section '%s'", "%1$s: its name is missing: expected %1$s \"NAME\" {"},
    {"attempt to append to non-list option '%s'", "%s: takes one value: expected '=', not '+='"},
    {"no sub-section title/index for '%s'", REACHING},
    {"no sub-section '%s' in '%s'", REACHING},
    {"premature end of file", "the file ends within a setting: expected its value"},
};

/* libconfuse cannot have a key and a section of one name, so this is easily got wrong. */
static bool
is_group_section(const struct parser *p, const char *fmt, va_list ap)
{
	bool is_group;
	va_list copy;

	if (p->draft->program != SETTINGS_KEYD ||
	    strcmp(fmt, "missing equal sign after option '%s'") != 0)
		return false;
	va_copy(copy, ap);
	is_group = strcmp(va_arg(copy, const char *), "group") == 0;
	va_end(copy);
	return is_group;
}

static void
on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct parser *p = parser_of(cfg);
	char *text = NULL;
	size_t i;

	p->draft->key = NULL;
	p->draft->line = (unsigned int)cfg->line;
	if (strcmp(fmt, "no such option '%s'") == 0) {
		fail_unknown(p->draft, section_of(cfg), va_arg(ap, const char *));
		return;
	}
	if (is_group_section(p, fmt, ap)) {
		settings_fail(p->draft, "'group' is the one to run as: expected key-group \"NAME\" "
					"{ } for one of members");
		return;
	}
	for (i = 0; i < ARRAY_LEN(messages); i++) {
		if (strcmp(fmt, messages[i].theirs) == 0)
			fmt = messages[i].ours;
	}
	if (vasprintf(&text, fmt, ap) == -1) {
		settings_no_memory(p->draft);
		return;
	}
	settings_fail(p->draft, "%s", text);
	free(text);
}

/*
 * The keys of a section from *out on, and an entry that carries the parser: its name is one that no
 * file can contain, as libconfuse takes no empty key.
 */
static void
add_keys(struct schema *schema, enum settings_section section, cfg_opt_t *out, const cfg_opt_t *end)
{
	const struct parser *p = schema->parser;
	const struct settings_key *k;

	for (k = settings_keys(); k->name != NULL; k++) {
		if (k->section != section || (k->programs & p->draft->program) == 0)
			continue;
		*out++ = (cfg_opt_t)CFG_STR_CB(
		    k->name, NULL, CFGF_NODEFAULT | (k->list ? CFGF_LIST : 0), on_value);
		assert(out + 2 <= end);
	}
	*out++ = (cfg_opt_t){.name = "",
	    .type = CFGT_PTR,
	    .flags = CFGF_NODEFAULT,
	    .simple_value = {.ptr = &schema->parser}};
	*out = (cfg_opt_t)CFG_END();
}

static void
make_schema(struct schema *schema, struct parser *p)
{
	const int flags = CFGF_MULTI | CFGF_TITLE;
	enum settings_section i;
	cfg_opt_t *out = schema->root;

	schema->parser = p;
	for (i = SETTINGS_INTERFACE; i < SETTINGS_SECTIONS; i++) {
		if ((sections[i].programs & p->draft->program) == 0)
			continue;
		add_keys(schema, i, schema->sections[i], schema->sections[i] + KEYS_MAX);
		*out = (cfg_opt_t)CFG_SEC(sections[i].name, schema->sections[i], flags);
		out->validcb = on_section_end;
		out++;
	}
	add_keys(schema, SETTINGS_ROOT, out, schema->root + KEYS_MAX);
}

static int
run_libconfuse(struct parser *p)
{
	struct schema schema;
	cfg_t *cfg;
	int rc;

	make_schema(&schema, p);
	cfg = cfg_init(schema.root, CFGF_NONE);
	if (cfg == NULL)
		return settings_no_memory(p->draft);
	cfg_set_error_function(cfg, on_error);
	rc = cfg_parse_buf(cfg, p->text.clean);
	p->draft->key = NULL;
	p->draft->line = (unsigned int)cfg->line;
	cfg_free(cfg);
	if (rc == CFG_SUCCESS)
		return 0;
	/* Kept only if nothing was said, as about a key of the name "". */
	return settings_fail(p->draft, "this cannot be read: expected KEY = VALUE");
}

int
settings_parse(struct settings_draft *d, const char *text)
{
	struct parser p = {.draft = d};
	int rc;

	rc = settings_text_prepare(d, text, &p.text);
	if (rc == 0)
		rc = run_libconfuse(&p);
	if (rc == 0)
		rc = settings_check_titles(d, SETTINGS_BROKER);
	if (rc == 0)
		rc = settings_check_titles(d, SETTINGS_PEER);
	if (rc == 0)
		rc = settings_check_titles(d, SETTINGS_KEY_GROUP);
	if (rc == 0)
		rc = settings_check_titles(d, SETTINGS_MEMBER);
	settings_text_clear(&p.text);
	d->key = NULL;
	d->line = 0;
	return rc;
}
