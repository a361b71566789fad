/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - dmarc-intake: a table of sub-commands.
 * Exit codes are those of sysexits.h, so that scripts and MTAs understand.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/text.h"

#include "cli/command.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define NEAR_ENOUGH 3 /* letters that a mistyped command may differ by */

struct command {
	const char *name;
	int (*run)(const struct cli *cli, int argc, char **argv);
	/* does without a configuration file that it may not read */
	bool works_for_anybody;
	const char *what;
};

static const struct command commands[] = {
	{ "parse", cmd_parse, true,
	    "read reports and print them; stores nothing" },
	{ "ingest", cmd_ingest, false,
	    "read reports into the configured sinks" },
	{ "replay", cmd_replay, false, "try mails of the quarantine again" },
	{ "reclassify", cmd_reclassify, false,
	    "classify again what is stored" },
	{ "report", cmd_report, false, "summarize what the database holds" },
#ifdef HAVE_MICROHTTPD
	{ "serve", cmd_serve, false, "show that as pages, on a port" },
#endif
	{ "check", cmd_check, false, "test the configuration and the sinks" },
	{ "doctor", cmd_doctor, false,
	    "look at the whole installation and say what to do" },
	{ "setup", cmd_setup, false, "make Elasticsearch or OpenSearch ready" },
	{ "import-config", cmd_import_config, true,
	    "turn a configuration of parsedmarc into ours" },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

static const char usage[] = "usage: dmarc-intake [-c FILE] COMMAND [OPTION]...";

void
cli_warn(void *context, const char *text)
{
	char escaped[1024];

	(void)context;
	(void)fprintf(stderr, "dmarc-intake: %s\n",
	    text_escape(text, escaped, sizeof(escaped)));
}

void
cli_complain(const struct err *e)
{
	char text[2 * sizeof(e->text)];

	(void)fprintf(stderr, "dmarc-intake: %s\n",
	    text_escape(e->text, text, sizeof(text)));
}

int
cli_exit_code(const struct err *e)
{
	switch (e->kind) {
	case ERR_NONE:
		return EX_OK;
	case ERR_CONF:
		return EX_CONFIG;
	case ERR_MALFORMED:
	case ERR_LIMIT:
	case ERR_REFUSED:
		return EX_DATAERR;
	case ERR_TEMP:
	case ERR_FULL:
	case ERR_RATE:
		break;
	}
	return EX_TEMPFAIL;
}

int
cli_usage(const char *text)
{
	(void)fprintf(stderr, "%s\n", text);
	return EX_USAGE;
}

int
cli_refuse(const char *text, const char *fmt, ...)
{
	struct err e = { .kind = ERR_CONF };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(e.text, sizeof(e.text), fmt, ap);
	va_end(ap);
	cli_complain(&e);
	return cli_usage(text);
}

static void
print_help(void)
{
	size_t i;

	(void)printf("%s\n\nCommands:\n", usage);
	for (i = 0; i < COMMAND_COUNT; i++)
		(void)printf(
		    "  %-13s %s\n", commands[i].name, commands[i].what);
	(void)printf("\nOptions:\n"
		     "  -c, --config FILE  instead of %s\n"
		     "      --version      print the version\n"
		     "      --help         print this\n"
		     "\n\"dmarc-intake COMMAND --help\" tells more; see also "
		     "dmarc-intake(1).\n",
	    CONF_PATH_DEFAULT);
}

static const struct command *
command_of(const char *name)
{
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int
tell_nearest(const char *name)
{
	const char *nearest = NULL;
	size_t i, distance, least = NEAR_ENOUGH + 1;
	char text[64];

	for (i = 0; i < COMMAND_COUNT; i++) {
		distance = text_distance(name, commands[i].name);
		if (distance < least) {
			least = distance;
			nearest = commands[i].name;
		}
	}
	(void)fprintf(stderr, "dmarc-intake: no command \"%s\"",
	    text_escape(name, text, sizeof(text)));
	if (nearest != NULL)
		(void)fprintf(stderr, "; did you mean \"%s\"?", nearest);
	(void)fputc('\n', stderr);
	return cli_usage(usage);
}

/*
 * A person who only wants to read a file need not be let into the
 * configuration, which may hold passwords: then the defaults serve.
 */
static const char *
path_for(const struct command *command, const char *path)
{
	if (path == NULL && command->works_for_anybody &&
	    access(CONF_PATH_DEFAULT, R_OK) < 0 && errno == EACCES)
		return "/dev/null";
	return path;
}

/* Help must not depend on a configuration that is whole. */
static bool
asks_for_help(int argc, char **argv)
{
	return argc == 2 &&
	       (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static int
run(const struct command *command, const char *path, int argc, char **argv)
{
	struct cli cli = { 0 };
	struct err e = { 0 };
	int rc;

	path =
	    asks_for_help(argc, argv) ? "/dev/null" : path_for(command, path);
	if (conf_load(&cli.conf, path, &e) < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	optind = 0; /* GNU: start over, for the command's own options */
	rc = command->run(&cli, argc, argv);
	conf_free(&cli.conf);
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument,
						     NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { 0 } };
	const struct command *command;
	const char *path = NULL;
	int c;

	/* a file that grows too large is a full disk, not a sudden end */
	(void)signal(SIGXFSZ, SIG_IGN);
	log_open("dmarc-intake", LOG_TARGET_STDERR, LOG_LEVEL_WARN);
	/* +: what follows the command is the command's */
	while ((c = getopt_long(argc, argv, "+c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'h':
			print_help();
			return EX_OK;
		case 'V':
			(void)printf("dmarc-intake %s\n", PACKAGE_VERSION);
			return EX_OK;
		default:
			return cli_usage(usage);
		}
	}
	if (optind == argc)
		return cli_usage(usage);
	if (strcmp(argv[optind], "help") == 0) {
		print_help();
		return EX_OK;
	}
	if ((command = command_of(argv[optind])) == NULL)
		return tell_nearest(argv[optind]);
	return run(command, path, argc - optind, argv + optind);
}
