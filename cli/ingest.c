/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest.c - dmarc-intake ingest: read reports into the configured sinks.
 * in: files, folders, stdin    out: the sinks; a line of counts on stdout
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/daemon.h"
#include "common/base/text.h"
#include "common/pipeline.h"

#include "cli/command.h"
#include "cli/feed.h"

#define BUDGET_MS (60 * 1000) /* a sink that stands still is away */
#define JOBS_DEFAULT 8

static const char usage[] =
    "usage: dmarc-intake ingest [--jobs N] [FILE|FOLDER|-...]";

static void
print_help(void)
{
	(void)printf("%s\n\n"
		     "Reads DMARC reports out of mails, mboxes, Maildirs, "
		     "folders, XML, gzip and zip\nfiles or stdin (-) into the "
		     "configured sinks; without one, out of [maildir] path.\n"
		     "Records that are stored already are counted as "
		     "duplicates. The inputs stay as\nthey are, but for "
		     "mails in a Maildir: see [maildir] mark.\n\n"
		     "  -j, --jobs N  mails in hand at the same time "
		     "(default: %d)\n",
	    usage, JOBS_DEFAULT);
}

static void
print_counts(const struct feed *f)
{
	(void)printf("%" PRIu64 " mails, %" PRIu64 " reports, %" PRIu64
		     " records stored, %" PRIu64 " duplicates, %" PRIu64
		     " not reports, %" PRIu64 " unreadable\n",
	    f->mails, f->reports, f->stored, f->duplicates, f->not_reports,
	    f->unreadable);
}

static int
run(const struct cli *cli, unsigned jobs, char *const *paths, size_t count)
{
	struct feed feed = { .conf = cli->conf,
		.maildir = &cli->conf->maildir,
		.budget_ms = BUDGET_MS,
		.jobs = jobs };
	struct err e = { 0 };
	int rc;

	/* root's files in the state folder would lock the daemons out */
	if (daemon_become_owner(cli->conf->intake.state_path, &e) < 0 ||
	    pipeline_open_ingest(&feed.pipeline, cli->conf, &e) < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	pipeline_tell(feed.pipeline, cli_warn, NULL);
	rc = feed_run(&feed, paths, count, &e);
	pipeline_close(&feed.pipeline);
	print_counts(&feed);
	if (rc < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	return feed_exit_code(&feed);
}

/* 0: it is no number of jobs. */
static unsigned
jobs_of(const char *text)
{
	int64_t n;

	if (text_to_int64(text, strlen(text), &n) < 0 || n < 1 ||
	    n > FEED_JOBS_MAX)
		return 0;
	return (unsigned)n;
}

int
cmd_ingest(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "jobs", required_argument,
						     NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	unsigned jobs = JOBS_DEFAULT;
	int c;

	while ((c = getopt_long(argc, argv, "hj:", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			if ((jobs = jobs_of(optarg)) == 0)
				return cli_refuse(usage,
				    "ingest: --jobs: must be 1 to %d and is %s",
				    FEED_JOBS_MAX, optarg);
			break;
		case 'h':
			print_help();
			return EX_OK;
		default:
			return cli_usage(usage);
		}
	}
	if (optind < argc)
		return run(cli, jobs, argv + optind, (size_t)(argc - optind));
	if (cli->conf->maildir.path == NULL)
		return cli_refuse(usage,
		    "ingest: no input is named, and [maildir] path is not set");
	return run(cli, jobs, &cli->conf->maildir.path, 1);
}
