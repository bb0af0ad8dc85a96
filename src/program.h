/*
 * The way of each daemon from its command line to its exit status: options, configuration,
 * background, log, and the tests of -t.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "options.h"

struct settings;

/* What is started: see node.h. */
struct program {
	enum options_program program;
	const char *default_file; /* read where no other is named, and the options want one */
	void *(*make)(const struct options *o, struct settings *s, char **error);
	int (*run)(void *daemon);
	void (*free)(void *daemon);
};

/* What main() is to return: 0 in order, 1 if it could not start, else what run() returned. */
int program_main(const struct program *p, int argc, char **argv);

#endif
