/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - dmarc-intake parse: read reports and print them.
 * in: files, folders, stdin    out: stdout or a file; nothing is stored
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/pipeline.h"

#include "cli/command.h"
#include "cli/feed.h"

static const char usage[] =
    "usage: dmarc-intake parse [--format json|ndjson|csv|summary] [-o FILE] "
    "FILE|FOLDER|-...";

/* Where the output goes: a file gets its name when it is whole. */
struct output {
	const char *path; /* NULL: stdout */
	char *temporary;  /* owned; NULL: written in place */
	FILE *stream;
};

/* What a signal must not leave behind; set before the signals are caught. */
static char *volatile unfinished;

static void
on_signal(int number)
{
	if (unfinished != NULL)
		(void)unlink(unfinished);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static void
catch_signals(void (*handler)(int number))
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGTERM };
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (signal(numbers[i], handler) == SIG_IGN)
			(void)signal(numbers[i], SIG_IGN); /* nohup(1) */
}

static mode_t
mode_by_umask(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* /dev/null and pipes cannot be renamed to. */
static bool
is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int
output_open_fd(struct output *out, struct err *e)
{
	int fd;

	if (is_special(out->path)) {
		fd = open(out->path, O_WRONLY | O_CLOEXEC);
	} else {
		out->temporary = xasprintf("%s.XXXXXX", out->path);
		fd = mkostemp(out->temporary, O_CLOEXEC);
		if (fd >= 0) {
			(void)fchmod(fd, mode_by_umask());
			unfinished = out->temporary;
			catch_signals(on_signal);
		}
	}
	return fd < 0 ? err_set_errno(e, "%s", out->path) : fd;
}

static int
output_open(struct output *out, const char *path, struct err *e)
{
	int fd;

	*out = (struct output){ .path = path, .stream = stdout };
	if (path == NULL)
		return 0;
	if ((fd = output_open_fd(out, e)) < 0) {
		free(out->temporary);
		out->temporary = NULL;
		return -1;
	}
	if ((out->stream = fdopen(fd, "w")) == NULL) {
		err_set_errno(e, "%s", path);
		(void)close(fd);
		return -1;
	}
	return 0;
}

/*
 * Close the stream, also when it was no success: then a file of this name
 * from before stays as it is.
 */
static int
output_close(struct output *out, bool is_success, struct err *e)
{
	const char *name = out->path != NULL ? out->path : "stdout";
	bool failed = ferror(out->stream) != 0;
	int rc = 0;

	errno = 0;
	if (fclose(out->stream) != 0 || failed) {
		if (errno == 0)
			errno = EIO;
		if (is_success)
			rc = err_set_errno(e, "%s", name);
		is_success = false;
	}
	if (out->temporary != NULL) {
		if (is_success && rename(out->temporary, out->path) < 0) {
			rc = err_set_errno(e, "%s", name);
			is_success = false;
		}
		if (!is_success)
			(void)unlink(out->temporary);
		catch_signals(SIG_DFL);
		unfinished = NULL;
	}
	free(out->temporary);
	return rc;
}

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

/* Everything to the stream; an exit code. */
static int
print_all(const struct cli *cli, const char *format, struct output *out,
    char *const *paths, size_t count)
{
	struct feed feed = { .conf = cli->conf, .jobs = 1 };
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
	if (optind == argc || (format != NULL && !is_format(format)))
		return cli_usage(usage);
	if (path != NULL && strcmp(path, "-") == 0)
		path = NULL;
	if (format == NULL)
		format =
		    path == NULL && isatty(STDOUT_FILENO) ? "summary" : "json";
	choose_temp_path(cli->conf);
	return run(cli, format, path, argv + optind, (size_t)(argc - optind));
}
