/*
 * A failed assertion in libmosquitto is an end of the connection. What assert(3) calls when it
 * fails is a function of the C library's ABI, and the program's own definition of it comes before
 * the C library's, for libmosquitto too. Nothing else is caught: abort() for a damaged heap stays
 * the end of the process.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "link.h"

#include <assert.h>
#include <setjmp.h>
#include <stdlib.h>

#include "link_internal.h"
#include "log.h"

/* Where to go on; NULL outside of the library. Static, as assert(3) hands nothing over. */
static jmp_buf *guard;

void
__assert_fail(const char *assertion, const char *file, ASSERT_LINE_TYPE line, const char *function)
{
	if (guard != NULL)
		longjmp(*guard, 1);
	log_error("%s:%ld: %s: assertion '%s' failed", file, (long)line, function, assertion);
	abort();
}

int
link_guarded_read(struct link *l)
{
	jmp_buf here;
	int rc;

	if (setjmp(here) != 0) {
		guard = NULL;
		return LINK_READ_ABORTED;
	}
	guard = &here;
	rc = mosquitto_loop_read(l->mosq, 1);
	guard = NULL;
	return rc;
}

void
link_unguarded_message(struct link *l, const struct link_message *m)
{
	jmp_buf *saved = guard;

	guard = NULL;
	l->cb.message(l->cb.arg, m);
	guard = saved;
}
