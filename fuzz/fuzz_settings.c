/*
 * Any text as a configuration of each program: it is taken or refused with a message, and no file
 * is touched.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "settings_internal.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_program(enum settings_program program, const char *text)
{
	struct settings_draft d;
	int rc;

	if (settings_draft_init(&d, program) == -1)
		abort();
	rc = settings_parse(&d, text);
	if (rc == 0)
		rc = settings_check(&d);
	if ((rc == -1) != (d.error != NULL))
		abort();
	settings_draft_clear(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	if (text == NULL)
		abort();
	try_program(SETTINGS_VPND, text);
	try_program(SETTINGS_KEYD, text);
	free(text);
	return 0;
}
