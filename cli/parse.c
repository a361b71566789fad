/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - dmarc-intake parse: read reports and print them.
 * in: files, folders, stdin    out: stdout or a file; nothing is stored
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/pipeline.h"

#include "cli/command.h"
#include "cli/feed.h"
#include "cli/output.h"

#define JOBS_MAX 8 /* printing is one after the other */

static const char usage[] =
    "usage: dmarc-intake parse [--format json|ndjson|csv|summary] [-o FILE] "
    "FILE|FOLDER|-...";

/*
 * Anybody may parse, but the state folder is the daemon's: large reports then
 * wait in another place.
 */
static void
choose_temp_path(struct conf *conf)
{
	const char *folder;

	if (conf->intake.temp_path != NULL &&
	    access(conf->intake.temp_path, W_OK | X_OK) == 0)
		return;
	if ((folder = getenv("TMPDIR")) == NULL || *folder != '/')
		folder = "/var/tmp";
	free(conf->intake.temp_path);
	conf->intake.temp_path = xstrdup(folder);
}

/* Mails are read on each processor, within reason. */
static unsigned
job_count(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > JOBS_MAX ? JOBS_MAX : (unsigned)n;
}

/* Everything to the stream; an exit code. */
static int
print_all(const struct cli *cli, const char *format, struct output *out,
    char *const *paths, size_t count)
{
	struct feed feed = {
		.conf = cli->conf, .jobs = job_count(), .is_ordered = true
	};
	struct err e = { 0 };
	int rc;

	if (pipeline_open_print(
		&feed.pipeline, cli->conf, format, out->stream, &e) < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	/* a table on the terminal shows by itself how far it is */
	feed.is_silent = out->path == NULL && isatty(STDOUT_FILENO);
	pipeline_tell(feed.pipeline, cli_warn, NULL);
	rc = feed_run(&feed, paths, count, &e);
	if (rc == 0)
		rc = pipeline_finish(feed.pipeline, &e);
	pipeline_close(&feed.pipeline);
	if (rc == 0)
		return feed_exit_code(&feed);
	cli_complain(&e);
	return ferror(out->stream) ? EX_IOERR : cli_exit_code(&e);
}

static int
run(const struct cli *cli, const char *format, const char *path,
    char *const *paths, size_t count)
{
	struct output out;
	struct err e = { 0 };
	int code;
	bool is_whole;

	if (output_open(&out, path, &e) < 0) {
		cli_complain(&e);
		return EX_CANTCREAT;
	}
	code = print_all(cli, format, &out, paths, count);
	is_whole = code == EX_OK || code == EX_DATAERR || code == EX_NOINPUT;
	if (output_close(&out, is_whole, &e) < 0) {
		cli_complain(&e);
		return EX_IOERR;
	}
	return code;
}

static void
print_help(void)
{
	(void)printf(
	    "%s\n\n"
	    "Reads DMARC reports out of mails, mboxes, Maildirs, "
	    "folders, XML, gzip and zip\nfiles or stdin (-) and prints "
	    "them. Nothing is stored.\n\n"
	    "  -f, --format FORMAT  json: reports as parsedmarc has "
	    "them; ndjson: the indexed\n"
	    "                       documents, one a line; csv; summary: "
	    "for reading\n"
	    "                       (default: summary on a terminal, "
	    "else json)\n"
	    "  -o, --output FILE    instead of stdout; written when it "
	    "is whole\n",
	    usage);
}

static bool
is_format(const char *name)
{
	static const char *const names[] = { "json", "ndjson", "csv",
		"summary" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

int
cmd_parse(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "format", required_argument,
						     NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	const char *format = NULL, *path = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "f:o:h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			format = optarg;
			break;
		case 'o':
			path = optarg;
			break;
		case 'h':
			print_help();
			return EX_OK;
		default:
			return cli_usage(usage);
		}
	}
	if (format != NULL && !is_format(format))
		return cli_refuse(
		    usage, "parse: --format: cannot read %s", format);
	if (optind == argc)
		return cli_refuse(usage, "parse: no input is named");
	if (path != NULL && strcmp(path, "-") == 0)
		path = NULL;
	if (format == NULL)
		format =
		    path == NULL && isatty(STDOUT_FILENO) ? "summary" : "json";
	choose_temp_path(cli->conf);
	return run(cli, format, path, argv + optind, (size_t)(argc - optind));
}
