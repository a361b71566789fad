/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - "dmarc-intake report": what the database says, for a person.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/backlog.h"
#include "cli/command.h"
#include "cli/report_tls.h"
#include "cli/table.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/sink/sqlite_report.h"

#define TOP_DEFAULT 10
#define TOP_MAX 10000
#define WIDTH_DEFAULT 80 /* where the output is no terminal */
#define WIDTH_LEAST 40

static const char usage[] =
    "usage: dmarc-intake report [--since TIME] [--domain NAME] [--top N]";

static const char help[] =
    "Summarize the reports in the SQLite database.\n"
    "\n"
    "  --since TIME   only what ends after TIME: an age (12h, 7d) or a day in\n"
    "                 UTC (2026-11-01)\n"
    "  --domain NAME  only reports about this policy domain\n"
    "  --top N        at most N rows in each list (default 10)\n"
    "  -h, --help     print this\n";

static const struct option options[] = {
	{ "since", required_argument, NULL, 's' },
	{ "domain", required_argument, NULL, 'd' },
	{ "top", required_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* "2026-11-01", midnight UTC. 0 or -1. */
static int
day_parse(const char *text, int64_t *at)
{
	struct tm tm = { 0 };
	char check[CLOCK_TEXT_SIZE];
	int end = 0;

	if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		&end) != 3 ||
	    text[end] != '\0')
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*at = timegm(&tm);
	clock_date(*at, check); /* no 31st of November, no missing zero */
	return strcmp(check, text) == 0 ? 0 : -1;
}

static int
since_parse(const char *text, int64_t *at)
{
	int64_t age;

	if (day_parse(text, at) == 0)
		return 0;
	if (text_to_seconds(text, &age) < 0)
		return -1;
	*at = clock_now() - age;
	return 0;
}

static int
top_parse(const char *text, size_t *top)
{
	int64_t n;

	if (text_to_int64(text, strlen(text), &n) < 0 || n < 1 || n > TOP_MAX)
		return -1;
	*top = (size_t)n;
	return 0;
}

static int
complain(const char *option, const char *value)
{
	struct err e;

	err_set(&e, ERR_CONF, "report: --%s: cannot read %s", option, value);
	cli_complain(&e);
	return EX_USAGE;
}

/* EX_OK, -1 when all is done (help), or a code to leave with. */
static int
options_parse(int argc, char **argv, struct sqlite_report_filter *filter)
{
	int c;

	optind = 0; /* start over: main has used it */
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 's':
			if (since_parse(optarg, &filter->since) < 0)
				return complain("since", optarg);
			break;
		case 'd':
			filter->domain = optarg;
			break;
		case 't':
			if (top_parse(optarg, &filter->top) < 0)
				return complain("top", optarg);
			break;
		case 'h':
			(void)printf("%s\n\n%s", usage, help);
			return -1;
		default:
			return cli_usage(usage);
		}
	}
	return optind == argc ? EX_OK : cli_usage(usage);
}

static size_t
line_width(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) < 0 || ws.ws_col == 0)
		return WIDTH_DEFAULT;
	return ws.ws_col < WIDTH_LEAST ? WIDTH_LEAST : ws.ws_col;
}

static void
print_totals(const struct report_totals *t, struct arena *a)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];

	(void)printf("%s reports, %s records, %s messages, %s pass DMARC\n",
	    table_count(a, t->reports), table_count(a, t->records),
	    table_count(a, t->messages),
	    table_share(a, t->passed, t->messages));
	if (t->records > 0) {
		clock_date(t->begin, from);
		clock_date(t->end, to);
		(void)printf("from %s to %s (UTC)\n", from, to);
	}
	if (t->incomplete > 0)
		(void)printf("not counted: %s reports that are not stored "
			     "completely yet\n",
		    table_count(a, t->incomplete));
}

/* "reject, subdomains none, for 50%" */
static const char *
policy_text(const struct report_domain *d, struct arena *a)
{
	const char *text = d->p == NULL || *d->p == '\0' ? "-" : d->p;

	if (d->sp != NULL && *d->sp != '\0' && strcmp(text, d->sp) != 0)
		text = arena_printf(a, "%s, sp=%s", text, d->sp);
	if (d->pct != NULL && *d->pct != '\0' && strcmp(d->pct, "100") != 0)
		text = arena_printf(a, "%s, pct=%s", text, d->pct);
	return text;
}

static void
print_domains(const struct sqlite_report *r, struct arena *a, size_t width)
{
	static const struct table_column columns[] = {
		{ "Domain", false, true },
		{ "Reports", true, false },
		{ "Messages", true, false },
		{ "Pass", true, false },
		{ "Published policy", false, true },
	};
	struct table t;
	size_t i;

	table_init(&t, a, columns, sizeof(columns) / sizeof(*columns));
	for (i = 0; i < r->domain_count; i++) {
		const struct report_domain *d = &r->domains[i];

		table_add(&t, d->domain);
		table_add_count(&t, d->reports);
		table_add_count(&t, d->messages);
		table_add_share(&t, d->passed, d->messages);
		table_add(&t, policy_text(d, a));
	}
	(void)printf("\nDomains\n");
	table_print(&t, width, stdout);
}

static void
print_sources(const struct sqlite_report *r, struct arena *a, size_t width)
{
	static const struct table_column columns[] = {
		{ "Address", false, true },
		{ "Name", false, true },
		{ "Country", false, false },
		{ "Messages", true, false },
		{ "Pass", true, false },
	};
	struct table t;
	size_t i;

	table_init(&t, a, columns, sizeof(columns) / sizeof(*columns));
	for (i = 0; i < r->source_count; i++) {
		const struct report_source *s = &r->sources[i];

		table_add(&t, s->ip_address);
		table_add(&t, s->name);
		table_add(&t, s->country);
		table_add_count(&t, s->messages);
		table_add_share(&t, s->passed, s->messages);
	}
	(void)printf("\nTop sources\n");
	table_print(&t, width, stdout);
}

static void
print_categories(const struct sqlite_report *r, struct arena *a, size_t width)
{
	static const struct table_column columns[] = {
		{ "Where from", false, true },
		{ "Addresses", true, false },
		{ "Messages", true, false },
		{ "Share", true, false },
	};
	struct table t;
	size_t i;

	table_init(&t, a, columns, sizeof(columns) / sizeof(*columns));
	for (i = 0; i < r->category_count; i++) {
		const struct report_category *c = &r->categories[i];

		table_add(&t, c->category);
		table_add_count(&t, c->sources);
		table_add_count(&t, c->messages);
		table_add_share(&t, c->messages, r->totals.messages);
	}
	(void)printf("\nCategories\n");
	table_print(&t, width, stdout);
}

static void
print_failures(const struct sqlite_report *r, struct arena *a, size_t width)
{
	static const struct table_column columns[] = {
		{ "From", false, true },
		{ "Address", false, true },
		{ "Name", false, true },
		{ "Disposition", false, false },
		{ "DKIM", false, false },
		{ "SPF", false, false },
		{ "Messages", true, false },
	};
	struct table t;
	size_t i;

	if (r->failure_count == 0) {
		(void)printf("\nNothing failed DMARC.\n");
		return;
	}
	table_init(&t, a, columns, sizeof(columns) / sizeof(*columns));
	for (i = 0; i < r->failure_count; i++) {
		const struct report_failure *f = &r->failures[i];

		table_add(&t, f->header_from);
		table_add(&t, f->ip_address);
		table_add(&t, f->name);
		table_add(&t, f->disposition);
		table_add(&t, f->dkim);
		table_add(&t, f->spf);
		table_add_count(&t, f->messages);
	}
	(void)printf("\nFailed DMARC\n");
	table_print(&t, width, stdout);
}

static void
print_reporters(const struct sqlite_report *r, struct arena *a, size_t width)
{
	static const struct table_column columns[] = {
		{ "Reporter", false, true },
		{ "Reports", true, false },
		{ "Messages", true, false },
		{ "Last heard (UTC)", false, false },
	};
	char when[CLOCK_TEXT_SIZE];
	struct table t;
	size_t i;

	table_init(&t, a, columns, sizeof(columns) / sizeof(*columns));
	for (i = 0; i < r->reporter_count; i++) {
		const struct report_reporter *o = &r->reporters[i];

		table_add(&t, o->org_name);
		table_add_count(&t, o->reports);
		table_add_count(&t, o->messages);
		clock_plain(o->last_received, when);
		table_add(&t, o->last_received == 0 ? NULL : when);
	}
	(void)printf("\nReporters\n");
	table_print(&t, width, stdout);
}

/* Failure reports (ruf): single mails that receivers have told about. */
static void
print_failed_mails(const struct sqlite_report *r, struct arena *a, size_t width)
{
	static const struct table_column columns[] = {
		{ "Domain", false, true },
		{ "Address", false, true },
		{ "Name", false, true },
		{ "Reports", true, false },
		{ "Last mail (UTC)", false, false },
	};
	char when[CLOCK_TEXT_SIZE];
	struct table t;
	size_t i;

	if (r->totals.failure_reports == 0)
		return;
	table_init(&t, a, columns, sizeof(columns) / sizeof(*columns));
	for (i = 0; i < r->failed_mail_count; i++) {
		const struct report_failed_mail *m = &r->failed_mails[i];

		table_add(&t, m->domain);
		table_add(&t, m->ip_address);
		table_add(&t, m->name);
		table_add_count(&t, m->reports);
		clock_plain(m->last_arrival, when);
		table_add(&t, m->last_arrival == INT64_MIN ? NULL : when);
	}
	(void)printf("\nFailure reports: %s\n",
	    table_count(a, r->totals.failure_reports));
	table_print(&t, width, stdout);
}

/* When there is nothing to count, say why. */
static void
print_nothing(const struct report_totals *t,
    const struct sqlite_report_filter *filter, const char *path)
{
	if (filter->since != 0 || filter->domain != NULL)
		(void)printf("No reports match in %s.\n", path);
	else if (t->incomplete > 0)
		(void)printf(
		    "No report is stored completely yet in %s.\n", path);
	else
		(void)printf("No reports in %s yet.\n", path);
}

static int
print_all(const struct sqlite_report *r, struct arena *a,
    const struct sqlite_report_filter *filter, const char *path)
{
	size_t width = line_width();

	if (r->totals.reports + r->totals.failure_reports +
		r->totals.tls_reports ==
	    0) {
		print_nothing(&r->totals, filter, path);
	} else {
		if (r->totals.reports + r->totals.incomplete > 0)
			print_totals(&r->totals, a);
		if (r->totals.records > 0) {
			print_domains(r, a, width);
			print_categories(r, a, width);
			print_sources(r, a, width);
			print_failures(r, a, width);
			print_reporters(r, a, width);
		}
		print_failed_mails(r, a, width);
		report_tls_print(r, a, width);
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? EX_OK : EX_IOERR;
}

int
cmd_report(const struct cli *cli, int argc, char **argv)
{
	const char *path = cli->conf->sqlite.path;
	struct sqlite_report_filter filter = { .top = TOP_DEFAULT };
	struct sqlite_report report;
	struct arena *a;
	struct err e = { 0 };
	int rc = options_parse(argc, argv, &filter);

	if (rc != EX_OK)
		return rc == -1 ? EX_OK : rc;
	a = arena_new();
	switch (sqlite_report_read(&report, a, path, &filter, &e)) {
	case 1:
		rc = print_all(&report, a, &filter, path);
		backlog_print(&cli->conf->quarantine);
		break;
	case 0:
		err_set(&e, ERR_TEMP,
		    "report: %s: there is no database yet; it is made when "
		    "dmarc-intake-lmtpd or \"dmarc-intake ingest\" starts",
		    path);
		cli_complain(&e);
		rc = EX_NOINPUT;
		break;
	default:
		cli_complain(&e);
		rc = cli_exit_code(&e);
	}
	arena_free(&a);
	return rc;
}
