/*
 * mqtt-vpnctl: the command line of a running mqtt-vpnd or mqtt-vpn-keyd.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "util.h"
#include "vpnctl_client.h"
#include "vpnctl_internal.h"
#include "vpnctl_keys.h"
#include "vpnctl_text.h"
#include "vpnctl_topics.h"

#define SOCKET_DIR RUNDIR "/mqtt-vpnd"
#define KEY_SERVER_SOCKET RUNDIR "/mqtt-vpn-keyd/keyd.sock"
#define TIMEOUT_MS 5000
#define INTERVAL_MAX_S 86400

void
vpnctl_complain(const char *fmt, ...)
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

struct cJSON *
vpnctl_ask(const struct invocation *inv, const char *command, char **error)
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

struct cJSON *
vpnctl_ask_or_complain(const struct invocation *inv, const char *command)
{
	char *error = NULL;
	struct cJSON *json = vpnctl_ask(inv, command, &error);

	if (json == NULL)
		vpnctl_complain("%s", error != NULL ? error : "out of memory");
	free(error);
	return json;
}

void
vpnctl_print_json(const struct cJSON *json, bool pretty)
{
	char *text = pretty ? cJSON_Print(json) : cJSON_PrintUnformatted(json);

	if (text == NULL)
		vpnctl_complain("out of memory");
	else
		vpnctl_text_print_json(stdout, text);
	cJSON_free(text);
}

enum exit_status
vpnctl_link_status(const struct cJSON *status)
{
	return vpnctl_text_link_is_up(status) && vpnctl_text_may_send(status) ? EXIT_IN_ORDER
									      : EXIT_NOT_CONNECTED;
}

static enum exit_status
run_question(const struct invocation *inv, const struct command *self)
{
	struct cJSON *answer = vpnctl_ask_or_complain(inv, self->name);

	if (answer == NULL)
		return EXIT_UNREACHABLE;
	if (inv->json)
		vpnctl_print_json(answer, true);
	else
		self->render(stdout, answer);
	cJSON_Delete(answer);
	return EXIT_IN_ORDER;
}

static enum exit_status
run_status(const struct invocation *inv, const struct command *self)
{
	struct cJSON *status = vpnctl_ask_or_complain(inv, self->name);
	enum exit_status rc;

	if (status == NULL)
		return EXIT_UNREACHABLE;
	if (inv->json)
		vpnctl_print_json(status, true);
	else
		self->render(stdout, status);
	rc = vpnctl_link_status(status);
	cJSON_Delete(status);
	return rc;
}

/* A collector shall see that the daemon is away, so that is a metric too. */
static enum exit_status
run_metrics(const struct invocation *inv, const struct command *self)
{
	struct cJSON *status = vpnctl_ask_or_complain(inv, "status"), *stats = NULL;
	enum exit_status rc;

	if (status != NULL)
		stats = vpnctl_ask_or_complain(inv, "stats");
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

static enum exit_status
make_key(vpnctl_keys_fn make)
{
	char *error = NULL;

	if (make(STDIN_FILENO, STDOUT_FILENO, &error) == 0)
		return EXIT_IN_ORDER;
	vpnctl_complain("%s", error != NULL ? error : "out of memory");
	free(error);
	return EXIT_UNREACHABLE;
}

/* Whoever lets others read a secret shall know it before the secret is of any use. */
static void
warn_of_readers(void)
{
	char *warning = vpnctl_keys_warning(STDOUT_FILENO);

	if (warning != NULL)
		vpnctl_complain("warning: %s", warning);
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

static enum exit_status
run_topics(const struct invocation *inv, const struct command *self)
{
	char *error = NULL;

	if (vpnctl_topics(stdout, inv->word_count, inv->words, &error) == 0)
		return EXIT_IN_ORDER;
	vpnctl_complain("%s", error != NULL ? error : "out of memory");
	free(error);
	return EXIT_UNREACHABLE;
}

static enum exit_status run_help(const struct invocation *inv, const struct command *self);

static const struct command commands[] = {
    {"status", NULL, 0, 0, run_status, vpnctl_text_status, ANY_DAEMON,
	"the daemon, link to the broker, traffic; status 3 if not connected"},
    {"peers", NULL, 0, 0, run_question, vpnctl_text_peers, ANY_DAEMON,
	"who is there, how the sessions are, and what went to and fro"},
    {"stats", NULL, 0, 0, run_question, vpnctl_text_stats, ANY_DAEMON, "all counters"},
    {"metrics", NULL, 0, 0, run_metrics, NULL, ANY_DAEMON,
	"all counters in Prometheus' text format"},
    {"reload", NULL, 0, 0, run_question, vpnctl_text_reload, ANY_DAEMON,
	"read the configuration again"},
    {"log", "LEVEL", 1, 1, run_log, vpnctl_text_log, ANY_DAEMON,
	"log up to error, warning, notice, info or debug"},
    {"watch", NULL, 0, 0, vpnctl_run_watch, vpnctl_text_status, ANY_DAEMON,
	"status and rates, live"},
    {"groups", NULL, 0, 0, run_question, vpnctl_text_groups, KEY_SERVER,
	"the groups of a key server"},
    {"members", NULL, 0, 0, run_question, vpnctl_text_members, KEY_SERVER,
	"its members, and where they are in"},
    {"evict", "NAME [GROUP]", 1, 2, run_question, vpnctl_text_evict, KEY_SERVER,
	"put a member out of a group, or of all, at once"},
    {"admit", "NAME [GROUP]", 1, 2, run_question, vpnctl_text_admit, KEY_SERVER,
	"let it join again"},
    {"rotate", "GROUP", 1, 1, run_question, vpnctl_text_rotate, KEY_SERVER,
	"give a group a new key"},
    {"genkey", NULL, 0, 0, run_genkey, NULL, NO_DAEMON, "make a private key"},
    {"pubkey", NULL, 0, 0, run_pubkey, NULL, NO_DAEMON,
	"print the public key of the private key on stdin"},
    {"genpsk", NULL, 0, 0, run_genpsk, NULL, NO_DAEMON, "make a key for all nodes of a network"},
    {"topics", "KEY=VALUE...", 1, INT_MAX, run_topics, NULL, NO_DAEMON,
	"print what a node reads and writes, for a broker's ACL"},
    {"help", NULL, 0, 0, run_help, NULL, NO_DAEMON, "this text"},
};

static enum exit_status
run_help(const struct invocation *inv, const struct command *self)
{
	char usage[32];

	fputs("Usage: mqtt-vpnctl [-s PATH | -i NAME] [--json] [-n SECONDS] COMMAND [ARGUMENT]...\n"
	      "Asks a running mqtt-vpnd or mqtt-vpn-keyd and tells it what to do; makes keys.\n\n"
	      "Commands:\n",
	    stdout);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		snprintf(usage, sizeof(usage), "%s %s", commands[i].name,
		    commands[i].arguments != NULL ? commands[i].arguments : "");
		printf("  %-18s  %s\n", usage, commands[i].help);
	}
	fputs("\nOptions:\n"
	      "  -s PATH      control socket of the daemon; a key server's is\n"
	      "               " KEY_SERVER_SOCKET "\n"
	      "  -i NAME      daemon of this interface: " SOCKET_DIR "/NAME.sock\n"
	      "  -n SECONDS   how often watch looks (1)\n"
	      "  --json       the daemon's answer as JSON\n"
	      "  -V           version\n"
	      "  -h           this text\n"
	      "\nSee mqtt-vpnctl(8): man mqtt-vpnctl\n",
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
choose_socket(const struct invocation *inv, const struct command *command)
{
	char *error = NULL, *path;

	if (inv->socket != NULL)
		path = strdup(inv->socket);
	else if (command->asks == KEY_SERVER)
		path = strdup(KEY_SERVER_SOCKET);
	else if (inv->instance != NULL)
		path = util_format(SOCKET_DIR "/%s.sock", inv->instance);
	else
		path = vpnctl_client_find(SOCKET_DIR, &error);
	if (error != NULL)
		vpnctl_text_sanitize(error);
	if (path == NULL)
		vpnctl_complain("%s", error != NULL ? error : "out of memory");
	if (path == NULL && access(KEY_SERVER_SOCKET, F_OK) == 0)
		vpnctl_complain("the key server of this host is asked with -s " KEY_SERVER_SOCKET);
	free(error);
	return path;
}

static enum exit_status
check_words(const struct command *command, int count, char **words)
{
	if (count < command->fewest)
		return misused("%s needs a %s", command->name, command->arguments);
	if (count > command->most && command->most == 0)
		return misused("%s takes no argument", command->name);
	if (count > command->most)
		return misused("%s takes %s only", command->name, command->arguments);
	for (int i = 0; i < count && command->asks != NO_DAEMON; i++)
		if (words[i][0] == '\0' || strchr(words[i], ' ') != NULL)
			return misused("%s: \"%s\" is empty or has a space, expected %s",
			    command->name, words[i], command->arguments);
	return EXIT_IN_ORDER;
}

static enum exit_status
check_usage(const struct invocation *inv, const struct command *command)
{
	if (inv->socket != NULL && inv->instance != NULL)
		return misused("-s and -i exclude each other");
	if (inv->instance != NULL &&
	    (inv->instance[0] == '\0' || strchr(inv->instance, '/') != NULL))
		return misused("-i: \"%s\" is not the name of an interface", inv->instance);
	if (inv->instance != NULL && command->asks == KEY_SERVER)
		return misused("-i: a key server has no interface; -s names its socket");
	if (inv->interval_given && strcmp(command->name, "watch") != 0)
		return misused("-n is for watch only");
	if (inv->json && command->asks == NO_DAEMON)
		return misused("%s makes no JSON", command->name);
	if (inv->json && strcmp(command->name, "metrics") == 0)
		return misused("metrics are not JSON; stats --json has the same numbers");
	return EXIT_IN_ORDER;
}

/* The words with a space between them, as a new string. */
static char *
join(int count, char **words)
{
	if (count == 2)
		return util_format("%s %s", words[0], words[1]);
	return strdup(count == 1 ? words[0] : "");
}

static enum exit_status
ask_daemon(struct invocation *inv, const struct command *command, int count, char **words)
{
	char *path = choose_socket(inv, command), *argument = join(count, words);
	enum exit_status rc = EXIT_UNREACHABLE;

	if (path != NULL && argument != NULL) {
		inv->argument = argument;
		inv->client = (struct vpnctl_client){path, TIMEOUT_MS, -1};
		rc = command->run(inv, command);
	}
	free(path);
	free(argument);
	return rc;
}

static enum exit_status
run_command(struct invocation *inv, int argc, char **argv)
{
	const struct command *command;
	enum exit_status rc;

	if (argc == 0)
		return misused("no command");
	command = find_command(argv[0]);
	if (command == NULL)
		return misused("unknown command \"%s\"", argv[0]);
	rc = check_words(command, argc - 1, argv + 1);
	if (rc == EXIT_IN_ORDER)
		rc = check_usage(inv, command);
	if (rc != EXIT_IN_ORDER)
		return rc;
	if (command->asks == NO_DAEMON) {
		inv->word_count = argc - 1;
		inv->words = argv + 1;
		return command->run(inv, command);
	}
	return ask_daemon(inv, command, argc - 1, argv + 1);
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
		vpnctl_complain("cannot write: %s", strerror(errno));
		rc = EXIT_UNREACHABLE;
	}
	return rc;
}
