/*
 * A failed assertion in libmosquitto is an end of the connection. POSIX lets a process survive
 * abort() by a handler for SIGABRT that does not return; a handler has no argument, hence the
 * static variable.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "link.h"

#include <setjmp.h>
#include <signal.h>

#include "link_internal.h"

static sigjmp_buf *guard; /* where to go on; NULL outside of the library */

/* Outside of the library, or from outside of the process (a watchdog, say), it means what it always
 * does. */
static void
on_abort(int sig, siginfo_t *info, void *context)
{
	if (guard != NULL && info->si_code == SI_TKILL)
		siglongjmp(*guard, 1);
	signal(sig, SIG_DFL);
	raise(sig);
}

int
link_guard_init(void)
{
	/* Not to be blocked afterwards, when the handler has not returned. */
	struct sigaction action = {.sa_sigaction = on_abort, .sa_flags = SA_NODEFER | SA_SIGINFO};

	return sigaction(SIGABRT, &action, NULL);
}

int
link_guarded_read(struct link *l)
{
	sigjmp_buf here;
	int rc;

	if (sigsetjmp(here, 0) != 0) {
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
	sigjmp_buf *saved = guard;

	guard = NULL;
	l->cb.message(l->cb.arg, m);
	guard = saved;
}
