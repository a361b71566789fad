/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - dmarc-intake replay: mails of the quarantine once more through
 * the pipeline, after an upgrade or a repaired sink.
 * in: the quarantine    out: the sinks; a line for each mail on stdout
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/daemon.h"
#include "common/base/text.h"
#include "common/pipeline.h"

#include "cli/command.h"

#define NAME_SHOWN 16 /* characters of a name: enough to find it by */

static const char usage[] =
    "usage: dmarc-intake replay [--kept] [--waiting] [--other] [--dry-run] "
    "[NAME...]";

/* What the mails of one run came to. */
struct tally {
	bool is_dry;
	uint64_t stored, duplicates;
	uint64_t unread; /* still cannot be read, or are no reports */
};

static void
told(void *context, const struct quarantine_item *item, const struct outcome *o,
    bool has_left)
{
	struct tally *t = context;
	char why[2 * sizeof(o->why.text)] = "";
	const char *status = verdict_name(o->verdict);

	if (o->is_forwarded)
		status = "forwarded";
	t->stored += o->stored;
	t->duplicates += o->duplicates;
	if (o->verdict != VERDICT_STORED && !o->is_forwarded)
		t->unread++;
	if (o->why.kind != ERR_NONE)
		(void)text_escape(o->why.text, why, sizeof(why));
	(void)printf("%.*s %s%s, %s: %" PRIu64 " reports, %" PRIu64
		     " records%s%s\n",
	    NAME_SHOWN, item->name, t->is_dry ? "would be " : "", status,
	    has_left ? (t->is_dry ? "would leave" : "left")
		     : (t->is_dry ? "would stay" : "stays"),
	    o->reports, o->stored + o->duplicates, *why != '\0' ? ": " : "",
	    why);
}

static bool
is_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= 64 && strspn(text, "0123456789abcdef") == len;
}

/* All of how, or only those that are named. 0, EX_NOINPUT or -1 and *e. */
static int
run(struct pipeline *p, struct pipeline_again *how, char **names, int count,
    struct pipeline_again_count *sum, struct err *e)
{
	struct pipeline_again_count n;
	int i, rc, missing = 0;

	for (i = 0; i < count || (i == 0 && count == 0); i++) {
		how->name = count > 0 ? names[i] : NULL;
		rc = pipeline_again(p, how, &n, e);
		sum->tried += n.tried;
		sum->left += n.left;
		sum->stayed += n.stayed;
		sum->busy += n.busy;
		if (rc < 0)
			return -1;
		if (count > 0 && n.tried + n.busy == 0) {
			(void)fprintf(stderr, "%s: not there\n", names[i]);
			missing++;
		}
	}
	return missing > 0 ? EX_NOINPUT : 0;
}

static int
replay(const struct cli *cli, const struct pipeline_again *which, bool is_dry,
    char **names, int count)
{
	struct tally tally = { .is_dry = is_dry };
	struct pipeline_again how = *which;
	struct pipeline_again_count n = { 0 };
	struct pipeline *p = NULL;
	struct err e = { 0 };
	int rc;

	how.told = told;
	how.context = &tally;
	/* root's files in the state folder would lock the daemons out */
	rc = daemon_become_owner(cli->conf->intake.state_path, &e);
	if (rc == 0)
		rc = is_dry ? pipeline_open_dry(&p, cli->conf, &e)
			    : pipeline_open(&p, cli->conf, &e);
	if (rc < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	rc = run(p, &how, names, count, &n, &e);
	pipeline_close(&p);
	(void)printf("%" PRIu64 " mails, %" PRIu64 " %s, %" PRIu64
		     " %s, %" PRIu64 " in other hands, %" PRIu64
		     " records stored, %" PRIu64 " duplicates\n",
	    n.tried, n.left, is_dry ? "would leave" : "left", n.stayed,
	    is_dry ? "would stay" : "stay", n.busy, tally.stored,
	    tally.duplicates);
	if (rc < 0) {
		cli_complain(&e);
		return cli_exit_code(&e);
	}
	if (tally.unread > 0)
		return EX_DATAERR;
	return rc;
}

static void
print_help(void)
{
	(void)printf("%s\n\n"
		     "Takes mails of the quarantine through the pipeline "
		     "again: those that could not be\nread (--kept), those "
		     "that wait for a sink (--waiting), those that are no\n"
		     "reports (--other); the first two without an option. A "
		     "mail leaves the quarantine\nonly when it is stored. "
		     "NAME is the start of a file's name there.\n\n"
		     "      --dry-run  change nothing, only tell\n",
	    usage);
}

int
cmd_replay(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "kept", no_argument, NULL,
						     'k' },
		{ "waiting", no_argument, NULL, 'w' },
		{ "other", no_argument, NULL, 'o' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	struct pipeline_again how = { 0 };
	bool is_dry = false;
	int c, i;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			how.kept = true;
			break;
		case 'w':
			how.waiting = true;
			break;
		case 'o':
			how.other = true;
			break;
		case 'n':
			is_dry = true;
			break;
		case 'h':
			print_help();
			return EX_OK;
		default:
			return cli_usage(usage);
		}
	}
	for (i = optind; i < argc; i++)
		if (!is_name(argv[i]))
			return cli_refuse(usage,
			    "replay: %s: no name of the quarantine (digits "
			    "and a to f)",
			    argv[i]);
	if (!how.kept && !how.waiting && !how.other)
		how.kept = how.waiting = true;
	return replay(cli, &how, is_dry, argv + optind, argc - optind);
}
