/*
 * Any text as a configuration: it is taken or refused with a message, and no file is touched.
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct settings_draft d;
	int rc;

	if (text == NULL || settings_draft_init(&d) == -1)
		abort();
	rc = settings_parse(&d, text);
	if (rc == 0)
		rc = settings_check(&d);
	if ((rc == -1) != (d.error != NULL))
		abort();
	settings_draft_clear(&d);
	free(text);
	return 0;
}
