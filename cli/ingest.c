/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest.c - dmarc-intake ingest: read reports into the configured sinks.
 * in: files, folders, stdin    out: the sinks; a line of counts on stdout
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/daemon.h"
#include "common/pipeline.h"

#include "cli/command.h"
#include "cli/feed.h"

#define BUDGET_MS (60 * 1000) /* a sink that stands still is away */

static const char usage[] = "usage: dmarc-intake ingest FILE|FOLDER|-...";

static void
print_help(void)
{
	(void)printf("%s\n\n"
		     "Reads DMARC reports out of mails, mboxes, Maildirs, "
		     "folders, XML, gzip and zip\nfiles or stdin (-) into the "
		     "configured sinks. The inputs stay as they are, and\n"
		     "records that are stored already are counted as "
		     "duplicates.\n",
	    usage);
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

int
cmd_ingest(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' }, { 0 }
	};
	struct feed feed = { .conf = cli->conf, .budget_ms = BUDGET_MS };
	struct err e = { 0 };
	int c, rc;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c != 'h')
			return cli_usage(usage);
		print_help();
		return EX_OK;
	}
	if (optind == argc)
		return cli_usage(usage);
	/* root's files in the state folder would lock the daemons out */
	if (daemon_become_owner(cli->conf->intake.state_path, &e) < 0 ||
	    pipeline_open_ingest(&feed.pipeline, cli->conf, &e) < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	pipeline_tell(feed.pipeline, cli_warn, NULL);
	rc = feed_run(&feed, argv + optind, (size_t)(argc - optind), &e);
	pipeline_close(&feed.pipeline);
	print_counts(&feed);
	if (rc < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	return feed_exit_code(&feed);
}
