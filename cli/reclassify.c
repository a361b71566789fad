/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reclassify.c - dmarc-intake reclassify: a changed map, database or list
 * applied to what is stored, and names asked for again.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/reclassify.h"

#include "cli/command.h"

#define LINE_MS 500

static const char usage[] =
    "usage: dmarc-intake reclassify [--missing] [--dry-run]";

static void
print_help(void)
{
	(void)printf(
	    "%s\n\n"
	    "  --missing  ask for names of what has none, and leave the rest\n"
	    "  --dry-run  say how many would change, and change nothing\n"
	    "  --help     print this\n\n"
	    "Sources of what is stored in SQLite, Elasticsearch and "
	    "OpenSearch\n"
	    "are classified anew by the files that [enrich] names.\n",
	    usage);
}

/* How far it is, on a terminal. */
struct line {
	bool is_shown;
	int64_t next_ms;
	const char *what;
};

static void
told(void *context, const struct reclassify_count *n)
{
	const int64_t now_ms = clock_mono_ms();
	struct line *line = context;

	if (!line->is_shown || now_ms < line->next_ms)
		return;
	line->next_ms = now_ms + LINE_MS;
	(void)fprintf(stderr, "\r%" PRIu64 " seen, %" PRIu64 " %s ", n->seen,
	    n->changed, line->what);
}

static int
run(const struct cli *cli, const struct reclassify *which)
{
	struct reclassify how = *which;
	struct reclassify_count n = { 0 };
	struct line line = { .is_shown = isatty(STDERR_FILENO),
		.what = how.is_dry ? "would change" : "changed" };
	struct err e = { 0 };
	int rc;

	/* root's files in the state folder would lock the daemons out */
	if (daemon_become_owner(cli->conf->intake.state_path, &e) < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	how.context = &line;
	rc = reclassify_run(cli->conf, &how, &n, &e);
	if (line.next_ms > 0)
		(void)fprintf(stderr, "\n");
	(void)printf(
	    "%" PRIu64 " seen, %" PRIu64 " %s", n.seen, n.changed, line.what);
	if (n.passed > 0)
		(void)printf(", %" PRIu64
			     " passed over: others changed them meanwhile",
		    n.passed);
	(void)printf("\n");
	if (rc == 0)
		return n.passed > 0 ? EX_TEMPFAIL : EX_OK;
	cli_complain(&e);
	return cli_exit_code(&e);
}

int
cmd_reclassify(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "missing", no_argument, NULL,
						     'm' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	struct reclassify how = { .warn = cli_warn, .told = told };
	int c;

	while ((c = getopt_long(argc, argv, "mnh", options, NULL)) != -1)
		switch (c) {
		case 'm':
			how.missing = true;
			break;
		case 'n':
			how.is_dry = true;
			break;
		case 'h':
			print_help();
			return EX_OK;
		default:
			return cli_usage(usage);
		}
	if (optind < argc)
		return cli_usage(usage);
	return run(cli, &how);
}
