/*
 * mqtt-vpnctl: the command line of a running mqtt-vpnd.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "util.h"
#include "vpnctl_client.h"
#include "vpnctl_keys.h"
#include "vpnctl_text.h"

#define SOCKET_DIR RUNDIR "/mqtt-vpnd"
#define TIMEOUT_MS 5000
#define INTERVAL_MAX_S 86400

enum exit_status {
	EXIT_IN_ORDER = 0,
	EXIT_UNREACHABLE = 1, /* or it refused, or no key was made */
	EXIT_USAGE = 2,
	EXIT_NOT_CONNECTED = 3,
};

struct invocation {
	struct vpnctl_client client;
	const char *socket;   /* -s */
	const char *instance; /* -i */
	const char *argument; /* of the command, or NULL */
	bool json;
	bool interval_given;
	uint64_t interval_s;
};

typedef void (*render_fn)(FILE *out, const struct cJSON *answer);

struct command {
	const char *name;
	const char *argument; /* what it takes, for the help; NULL for nothing */
	enum exit_status (*run)(const struct invocation *inv, const struct command *self);
	render_fn render; /* of its answer; NULL if run does it all */
	bool offline;	  /* asks no daemon */
	const char *help;
};

static void __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...)
{
	va_list ap;

	fputs("mqtt-vpnctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static enum exit_status __attribute__((format(printf, 1, 2))) misused(const char *fmt, ...)
{
	va_list ap;

	fputs("mqtt-vpnctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry mqtt-vpnctl -h\n", stderr);
	return EXIT_USAGE;
}

/* Returns the answer, or NULL with a new string in *error that can be printed. */
static struct cJSON *
ask(const struct invocation *inv, const char *command, char **error)
{
	char *text = vpnctl_client_ask(&inv->client, command, inv->argument, error);
	struct cJSON *json = NULL;

	if (text != NULL) {
		json = cJSON_Parse(text);
		if (json == NULL)
			*error = util_format("the daemon's answer is not JSON");
		else if (!inv->json)
			vpnctl_text_sanitize_json(json);
	} else if (*error != NULL) {
		vpnctl_text_sanitize(*error);
	}
	free(text);
	return json;
}

static struct cJSON *
ask_or_complain(const struct invocation *inv, const char *command)
{
	char *error = NULL;
	struct cJSON *json = ask(inv, command, &error);

	if (json == NULL)
		complain("%s", error != NULL ? error : "out of memory");
	free(error);
	return json;
}

static void
print_json(const struct cJSON *json, bool pretty)
{
	char *text = pretty ? cJSON_Print(json) : cJSON_PrintUnformatted(json);

	if (text == NULL)
		complain("out of memory");
	else
		vpnctl_text_print_json(stdout, text);
	cJSON_free(text);
}

static enum exit_status
link_status(const struct cJSON *status)
{
	return vpnctl_text_link_is_up(status) ? EXIT_IN_ORDER : EXIT_NOT_CONNECTED;
}

static enum exit_status
run_question(const struct invocation *inv, const struct command *self)
{
	struct cJSON *answer = ask_or_complain(inv, self->name);

	if (answer == NULL)
		return EXIT_UNREACHABLE;
	if (inv->json)
		print_json(answer, true);
	else
		self->render(stdout, answer);
	cJSON_Delete(answer);
	return EXIT_IN_ORDER;
}

static enum exit_status
run_status(const struct invocation *inv, const struct command *self)
{
	struct cJSON *status = ask_or_complain(inv, self->name);
	enum exit_status rc;

	if (status == NULL)
		return EXIT_UNREACHABLE;
	if (inv->json)
		print_json(status, true);
	else
		self->render(stdout, status);
	rc = link_status(status);
	cJSON_Delete(status);
	return rc;
}

/* A collector shall see that the daemon is away, so that is a metric too. */
static enum exit_status
run_metrics(const struct invocation *inv, const struct command *self)
{
	struct cJSON *status = ask_or_complain(inv, "status"), *stats = NULL;
	enum exit_status rc;

	if (status != NULL)
		stats = ask_or_complain(inv, "stats");
	vpnctl_text_metrics(stdout, inv->instance, status, stats);
	rc = stats != NULL ? EXIT_IN_ORDER : EXIT_UNREACHABLE;
	cJSON_Delete(status);
	cJSON_Delete(stats);
	return rc;
}

static enum exit_status
run_log(const struct invocation *inv, const struct command *self)
{
	enum log_level level;

	if (log_level_parse(inv->argument, &level) == -1)
		return misused("log: \"%s\" is not a level, expected error, warning, notice, info "
			       "or debug",
		    inv->argument);
	return run_question(inv, self);
}

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
			print_json(status, false);
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
	struct cJSON *status = ask(w->inv, "status", &error);
	struct pollfd fds[] = {
	    {.fd = w->inv->client.interrupt_fd, .events = POLLIN},
	    {.fd = STDOUT_FILENO}, /* tells when its reader has gone */
	};
	uint64_t now_ms = util_now_ms();

	w->last = status != NULL ? link_status(status) : EXIT_UNREACHABLE;
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

static enum exit_status
run_watch(const struct invocation *inv, const struct command *self)
{
	struct invocation own = *inv;
	struct watch w = {.inv = &own, .render = self->render, .redraws = isatty(STDOUT_FILENO)};
	sigset_t ends;

	w.before = ask_or_complain(inv, "status");
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
		complain("signalfd: %s", strerror(errno));
		return EXIT_UNREACHABLE;
	}
	while (watch_once(&w))
		continue;
	cJSON_Delete(w.before);
	close(own.client.interrupt_fd);
	return w.last;
}

static enum exit_status
make_key(vpnctl_keys_fn make)
{
	char *error = NULL;

	if (make(STDIN_FILENO, STDOUT_FILENO, &error) == 0)
		return EXIT_IN_ORDER;
	complain("%s", error != NULL ? error : "out of memory");
	free(error);
	return EXIT_UNREACHABLE;
}

/* Whoever lets others read a secret shall know it before the secret is of any use. */
static void
warn_of_readers(void)
{
	char *warning = vpnctl_keys_warning(STDOUT_FILENO);

	if (warning != NULL)
		complain("warning: %s", warning);
	free(warning);
}

static enum exit_status
run_genkey(const struct invocation *inv, const struct command *self)
{
	warn_of_readers();
	return make_key(vpnctl_keys_genkey);
}

static enum exit_status
run_pubkey(const struct invocation *inv, const struct command *self)
{
	return make_key(vpnctl_keys_pubkey);
}

static enum exit_status
run_genpsk(const struct invocation *inv, const struct command *self)
{
	warn_of_readers();
	return make_key(vpnctl_keys_genpsk);
}

static enum exit_status run_help(const struct invocation *inv, const struct command *self);

static const struct command commands[] = {
    {"status", NULL, run_status, vpnctl_text_status, false,
	"interface, link to the broker, traffic; status 3 if not connected"},
    {"peers", NULL, run_question, vpnctl_text_peers, false,
	"who is there, how the sessions are, and what went to and fro"},
    {"stats", NULL, run_question, vpnctl_text_stats, false, "all counters"},
    {"metrics", NULL, run_metrics, NULL, false, "all counters in Prometheus' text format"},
    {"reload", NULL, run_question, vpnctl_text_reload, false, "read the configuration again"},
    {"log", "LEVEL", run_log, vpnctl_text_log, false,
	"log up to error, warning, notice, info or debug"},
    {"watch", NULL, run_watch, vpnctl_text_status, false, "status and rates, live"},
    {"genkey", NULL, run_genkey, NULL, true, "make a private key"},
    {"pubkey", NULL, run_pubkey, NULL, true, "print the public key of the private key on stdin"},
    {"genpsk", NULL, run_genpsk, NULL, true, "make a key for all nodes of a network"},
    {"help", NULL, run_help, NULL, true, "this text"},
};

static enum exit_status
run_help(const struct invocation *inv, const struct command *self)
{
	char usage[32];

	fputs("Usage: mqtt-vpnctl [-s PATH | -i NAME] [--json] [-n SECONDS] COMMAND [ARGUMENT]\n"
	      "Asks a running mqtt-vpnd and tells it what to do; makes keys.\n\nCommands:\n",
	    stdout);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		snprintf(usage, sizeof(usage), "%s %s", commands[i].name,
		    commands[i].argument != NULL ? commands[i].argument : "");
		printf("  %-12s %s\n", usage, commands[i].help);
	}
	fputs("\nOptions:\n"
	      "  -s PATH      control socket of the daemon\n"
	      "  -i NAME      daemon of this interface: " SOCKET_DIR "/NAME.sock\n"
	      "  -n SECONDS   how often watch looks (1)\n"
	      "  --json       the daemon's answer as JSON\n"
	      "  -V           version\n"
	      "  -h           this text\n",
	    stdout);
	return EXIT_IN_ORDER;
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* The socket's path as a new string, or NULL after a complaint. */
static char *
choose_socket(const struct invocation *inv)
{
	char *error = NULL, *path;

	if (inv->socket != NULL)
		path = strdup(inv->socket);
	else if (inv->instance != NULL)
		path = util_format(SOCKET_DIR "/%s.sock", inv->instance);
	else
		path = vpnctl_client_find(SOCKET_DIR, &error);
	if (error != NULL)
		vpnctl_text_sanitize(error);
	if (path == NULL)
		complain("%s", error != NULL ? error : "out of memory");
	free(error);
	return path;
}

static enum exit_status
check_usage(const struct invocation *inv, const struct command *command, int words)
{
	int wanted = command->argument != NULL ? 2 : 1;

	if (words < wanted)
		return misused("%s needs a %s", command->name, command->argument);
	if (words > wanted)
		return misused(
		    "%s takes %s", command->name, wanted == 1 ? "no argument" : "one argument");
	if (inv->socket != NULL && inv->instance != NULL)
		return misused("-s and -i exclude each other");
	if (inv->instance != NULL &&
	    (inv->instance[0] == '\0' || strchr(inv->instance, '/') != NULL))
		return misused("-i: \"%s\" is not the name of an interface", inv->instance);
	if (inv->interval_given && strcmp(command->name, "watch") != 0)
		return misused("-n is for watch only");
	if (inv->json && command->offline)
		return misused("%s makes no JSON", command->name);
	if (inv->json && strcmp(command->name, "metrics") == 0)
		return misused("metrics are not JSON; stats --json has the same numbers");
	return EXIT_IN_ORDER;
}

static enum exit_status
run_command(struct invocation *inv, int argc, char **argv)
{
	const struct command *command;
	enum exit_status rc;
	char *path;

	if (argc == 0)
		return misused("no command");
	command = find_command(argv[0]);
	if (command == NULL)
		return misused("unknown command \"%s\"", argv[0]);
	rc = check_usage(inv, command, argc);
	if (rc != EXIT_IN_ORDER)
		return rc;
	inv->argument = argc > 1 ? argv[1] : NULL;
	if (command->offline)
		return command->run(inv, command);
	path = choose_socket(inv);
	if (path == NULL)
		return EXIT_UNREACHABLE;
	inv->client = (struct vpnctl_client){path, TIMEOUT_MS, -1};
	rc = command->run(inv, command);
	free(path);
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct option long_options[] = {
	    {"json", no_argument, NULL, 'j'},
	    {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	struct invocation inv = {.interval_s = 1};
	enum exit_status rc;
	int c;

	while ((c = getopt_long(argc, argv, "s:i:n:Vh", long_options, NULL)) != -1) {
		switch (c) {
		case 's':
			inv.socket = optarg;
			break;
		case 'i':
			inv.instance = optarg;
			break;
		case 'n':
			if (util_parse_uint(optarg, 1, INTERVAL_MAX_S, &inv.interval_s) == -1)
				return misused("-n: \"%s\" is not a number of seconds from 1 to %d",
				    optarg, INTERVAL_MAX_S);
			inv.interval_given = true;
			break;
		case 'j':
			inv.json = true;
			break;
		case 'V':
			puts("mqtt-vpnctl " PACKAGE_VERSION);
			return EXIT_IN_ORDER;
		case 'h':
			return run_help(&inv, NULL);
		default:
			fputs("Try mqtt-vpnctl -h\n", stderr);
			return EXIT_USAGE;
		}
	}
	rc = run_command(&inv, argc - optind, argv + optind);
	if (fflush(stdout) == EOF && rc == EXIT_IN_ORDER) {
		complain("cannot write: %s", strerror(errno));
		rc = EXIT_UNREACHABLE;
	}
	return rc;
}
