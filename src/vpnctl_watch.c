/*
 * The live view.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include "vpnctl_internal.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "util.h"
#include "vpnctl_text.h"

struct watch {
	const struct invocation *inv;
	render_fn render;
	struct cJSON *before; /* the last answer, or NULL */
	uint64_t before_ms;
	bool redraws; /* in place, on a terminal */
	enum exit_status last;
};

static void
draw(struct watch *w, const struct cJSON *status, const char *error, uint64_t now_ms)
{
	time_t now = time(NULL);
	char clock[32] = "";
	struct tm tm;

	if (w->inv->json) {
		if (status != NULL)
			vpnctl_print_json(status, false);
		return;
	}
	if (localtime_r(&now, &tm) != NULL)
		strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &tm);
	fputs(w->redraws ? "\033[H\033[J" : "", stdout);
	printf("%s, every %u s\n\n", clock, (unsigned int)w->inv->interval_s);
	if (status == NULL) {
		printf("%s\n", error != NULL ? error : "out of memory");
	} else {
		if (w->before != NULL)
			vpnctl_text_rates(stdout, w->before, status, now_ms - w->before_ms);
		w->render(stdout, status);
	}
	fputs(w->redraws ? "" : "\n", stdout);
}

/* Returns false when it is over. */
static bool
watch_once(struct watch *w)
{
	bool interrupted = false;
	char *error = NULL;
	struct cJSON *status = vpnctl_ask(w->inv, "status", &error);
	struct pollfd fds[] = {
	    {.fd = w->inv->client.interrupt_fd, .events = POLLIN},
	    {.fd = STDOUT_FILENO}, /* tells when its reader has gone */
	};
	uint64_t now_ms = util_now_ms();

	w->last = status != NULL ? vpnctl_link_status(status) : EXIT_UNREACHABLE;
	interrupted = status == NULL && poll(fds, 1, 0) == 1;
	if (!interrupted)
		draw(w, status, error, now_ms);
	free(error);
	cJSON_Delete(w->before);
	w->before = status;
	w->before_ms = now_ms;
	if (interrupted || fflush(stdout) == EOF)
		return false;
	return poll(fds, ARRAY_LEN(fds), (int)w->inv->interval_s * 1000) <= 0;
}

enum exit_status
vpnctl_run_watch(const struct invocation *inv, const struct command *self)
{
	struct invocation own = *inv;
	struct watch w = {.inv = &own, .render = self->render, .redraws = isatty(STDOUT_FILENO)};
	sigset_t ends;

	w.before = vpnctl_ask_or_complain(inv, "status");
	if (w.before == NULL)
		return EXIT_UNREACHABLE;
	cJSON_Delete(w.before);
	w.before = NULL;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	own.client.interrupt_fd = signalfd(-1, &ends, SFD_CLOEXEC);
	if (own.client.interrupt_fd == -1) {
		vpnctl_complain("signalfd: %s", strerror(errno));
		return EXIT_UNREACHABLE;
	}
	while (watch_once(&w))
		continue;
	cJSON_Delete(w.before);
	close(own.client.interrupt_fd);
	return w.last;
}
