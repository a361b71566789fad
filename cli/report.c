/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - "dmarc-intake report": what the database says, in one of several
 * forms.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/backlog.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/report_lists.h"
#include "cli/report_time.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/sink/sqlite_report.h"

#define TOP_DEFAULT 10
#define TOP_PAGE 25 /* a page has more room than a terminal */
#define TOP_MAX 10000
#define WIDTH_DEFAULT 80 /* where the output is no terminal */
#define WIDTH_LEAST 40
#define OUTPUT_MAX ((size_t)1 << 30)
#define DIGEST_S (7 * CLOCK_DAY_S) /* what a mail is about, by default */

static const char usage[] =
    "usage: dmarc-intake report [--since TIME] [--until TIME] [--domain NAME] "
    "[--source NAME]\n"
    "           [--reporter NAME] [--top N] [--format text|csv|json [--list "
    "NAME]]\n"
    "           [--html FILE] [--mail-to ADDRESS]";

static const char help[] =
    "Summarize the reports in the SQLite database.\n"
    "\n"
    "  --since TIME      only what ends after TIME: an age (12h, 7d) or a day\n"
    "                    in UTC (2026-11-01)\n"
    "  --until TIME      only what begins before TIME\n"
    "  --domain NAME     only reports about this policy domain\n"
    "  --source NAME     only mail from this address, name or domain\n"
    "  --reporter NAME   only reports by this organization\n"
    "  --top N           at most N rows in each list (default 10; 25 in a "
    "page)\n"
    "  --format FORMAT   text, csv or json (default text)\n"
    "  --list NAME       with csv: this list only (days, domains, categories,\n"
    "                    senders, sources, failures, overrides, reporters, "
    "failed_mails,\n"
    "                    samples, tls_policies, tls_failures)\n"
    "  --html FILE       write a page of HTML that needs nothing else\n"
    "  --mail-to ADDRESS mail text and page, with what changed on top; about\n"
    "                    the last 7 days without --since\n"
    "  -h, --help        print this\n";

enum format { FORMAT_TEXT, FORMAT_CSV, FORMAT_JSON };

/* The command line, understood. */
struct request {
	struct sqlite_report_filter filter;
	enum format format;
	const struct report_list *list; /* NULL: all */
	const char *html, *mail_to;
};

static const struct option options[] = {
	{ "since", required_argument, NULL, 's' },
	{ "until", required_argument, NULL, 'u' },
	{ "domain", required_argument, NULL, 'd' },
	{ "source", required_argument, NULL, 'o' },
	{ "reporter", required_argument, NULL, 'r' },
	{ "top", required_argument, NULL, 't' },
	{ "format", required_argument, NULL, 'f' },
	{ "list", required_argument, NULL, 'l' },
	{ "html", required_argument, NULL, 'p' },
	{ "mail-to", required_argument, NULL, 'm' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

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

static int
format_parse(const char *text, enum format *format)
{
	static const char *const names[] = {
		[FORMAT_TEXT] = "text",
		[FORMAT_CSV] = "csv",
		[FORMAT_JSON] = "json",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], text) == 0) {
			*format = (enum format)i;
			return 0;
		}
	return -1;
}

/* One that can stand in a command of SMTP and in a header field. */
static bool
is_address(const char *text)
{
	const char *at = strrchr(text, '@'), *p;

	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f ||
		    strchr("<>\"(),:;\\", *p) != NULL)
			return false;
	return at != NULL && at > text && at[1] != '\0';
}

/* 0, or -1: it cannot be read. */
static int
option_take(struct request *q, int c, const char *value)
{
	struct sqlite_report_filter *f = &q->filter;

	switch (c) {
	case 's':
		return report_time_parse(value, &f->since);
	case 'u':
		return report_time_parse(value, &f->until);
	case 'd':
		f->domain = value;
		return 0;
	case 'o':
		f->source = value;
		return 0;
	case 'r':
		f->reporter = value;
		return 0;
	case 't':
		return top_parse(value, &f->top);
	case 'f':
		return format_parse(value, &q->format);
	case 'l':
		q->list = report_list_of(value);
		return q->list == NULL ? -1 : 0;
	case 'p':
		q->html = value;
		return 0;
	default:
		q->mail_to = value;
		return is_address(value) ? 0 : -1;
	}
}

/* EX_OK, -1 when all is done (help), or a code to leave with. */
static int
options_parse(int argc, char **argv, struct request *q)
{
	int c, which;

	optind = 0; /* start over: main has used it */
	while ((c = getopt_long(argc, argv, "h", options, &which)) != -1) {
		if (c == 'h') {
			(void)printf("%s\n\n%s", usage, help);
			return -1;
		}
		if (c == '?')
			return cli_usage(usage);
		if (option_take(q, c, optarg) < 0)
			return complain(options[which].name, optarg);
	}
	if (optind != argc)
		return cli_usage(usage);
	if (q->list != NULL && q->format != FORMAT_CSV)
		return cli_refuse(usage, "report: --list needs --format csv");
	if (q->filter.top == 0)
		q->filter.top = q->html != NULL || q->mail_to != NULL
				    ? TOP_PAGE
				    : TOP_DEFAULT;
	if (q->mail_to != NULL && q->filter.since == 0)
		q->filter.since = clock_now() - DIGEST_S;
	return EX_OK;
}

static size_t
line_width(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) < 0 || ws.ws_col == 0)
		return WIDTH_DEFAULT;
	return ws.ws_col < WIDTH_LEAST ? WIDTH_LEAST : ws.ws_col;
}

/* What is made in memory goes out whole, or not at all. */
static int
write_out(const struct buf *bytes, const char *path)
{
	struct output out;
	struct err e = { 0 };
	bool is_whole;

	if (output_open(&out, path, &e) < 0) {
		cli_complain(&e);
		return EX_CANTCREAT;
	}
	is_whole = fwrite(bytes->data, 1, bytes->len, out.stream) == bytes->len;
	if (output_close(&out, is_whole, &e) == 0 && is_whole)
		return EX_OK;
	cli_complain(&e);
	return EX_IOERR;
}

/* A page into its file, or numbers to stdout. */
static int
tell_bytes(const struct request *q, const struct report_view *v)
{
	struct err e = { 0 };
	struct buf out;
	int rc, code;

	buf_init(&out, OUTPUT_MAX);
	if (q->html != NULL)
		rc = report_html(v, &out, &e);
	else if (q->format == FORMAT_CSV)
		rc = report_csv(v, q->list, &out, &e);
	else
		rc = report_json(v, &out, &e);
	if (rc < 0) {
		cli_complain(&e);
		code = cli_exit_code(&e);
	} else {
		code = write_out(&out, q->html);
	}
	buf_clear(&out);
	return code;
}

/* The time before: as long, and until now's begins. */
static int
read_before(struct sqlite_report *before, const struct report_view *v,
    const struct sqlite_report_filter *now, struct err *e)
{
	struct sqlite_report_filter filter = *now;
	int64_t until = now->until == 0 ? v->now : now->until;

	filter.until = now->since;
	filter.since = now->since - (until - now->since);
	return sqlite_report_read(before, v->arena, v->path, &filter, e);
}

/* Changes are between all rows, tables of some. */
static int
tell_by_mail(const struct cli *cli, const struct request *q,
    struct report_view *v, struct sqlite_report *report)
{
	struct sqlite_report before;
	struct err e = { 0 };
	char *changes = NULL;
	size_t len = 0;
	FILE *f;
	int rc = -1;

	if (read_before(&before, v, v->filter, &e) != 1)
		goto out;
	if ((f = open_memstream(&changes, &len)) == NULL) {
		err_set_errno(&e, "report: changes");
		goto out;
	}
	report_changes(report, &before, v->arena, f);
	if (fclose(f) != 0) {
		err_set_errno(&e, "report: changes");
		goto out;
	}
	report_lists_cut(report, q->filter.top);
	rc = report_mail(v, changes, cli->conf, q->mail_to, &e);
out:
	free(changes);
	if (rc == 0)
		return EX_OK;
	cli_complain(&e);
	return cli_exit_code(&e);
}

static int
tell(const struct cli *cli, const struct request *q, struct report_view *v,
    struct sqlite_report *report)
{
	if (q->mail_to != NULL)
		return tell_by_mail(cli, q, v, report);
	if (q->html != NULL || q->format != FORMAT_TEXT)
		return tell_bytes(q, v);
	report_text(v, line_width(), stdout);
	backlog_print(&cli->conf->quarantine);
	return fflush(stdout) == 0 && !ferror(stdout) ? EX_OK : EX_IOERR;
}

static int
complain_no_database(const char *path)
{
	struct err e;

	err_set(&e, ERR_TEMP,
	    "report: %s: there is no database yet; it is made when "
	    "dmarc-intake-lmtpd or \"dmarc-intake ingest\" starts",
	    path);
	cli_complain(&e);
	return EX_NOINPUT;
}

int
cmd_report(const struct cli *cli, int argc, char **argv)
{
	struct request q = { 0 };
	struct sqlite_report_filter filter;
	struct sqlite_report report;
	struct report_view v = { .r = &report, .filter = &filter };
	struct err e = { 0 };
	int rc = options_parse(argc, argv, &q);

	if (rc != EX_OK)
		return rc == -1 ? EX_OK : rc;
	filter = q.filter;
	if (q.mail_to != NULL)
		filter.top = TOP_MAX;
	v.arena = arena_new();
	v.path = cli->conf->sqlite.path;
	v.now = clock_now();
	switch (sqlite_report_read(&report, v.arena, v.path, &filter, &e)) {
	case 1:
		rc = tell(cli, &q, &v, &report);
		break;
	case 0:
		rc = complain_no_database(v.path);
		break;
	default:
		cli_complain(&e);
		rc = cli_exit_code(&e);
	}
	arena_free(&v.arena);
	return rc;
}
