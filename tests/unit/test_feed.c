/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_feed.c - mails are read by several threads, and what they print and
 * what is said of them stands in the order of the mails all the same.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/feed.h"
#include "tests/unit/aggregate_xml.h"
#include "tests/unit/unit.h"

#define FILES 150 /* more than twice what may be ahead of the first */
#define AHEAD 64  /* feed.c */
#define JOBS 8
#define LARGE 500 /* records; more than a sheet holds, in each format */

struct world {
	char folder[32];
	char *path[FILES];
	struct conf *conf;
	struct feed feed;
	char *text; /* what was printed; owned */
	char *said; /* on stderr; owned */
};

static void
load_conf(struct world *w)
{
	char *path = xasprintf("%s/conf", w->folder);
	char *text = xasprintf("[intake]\nstate_path = %s\ntemp_path = %s\n",
	    w->folder, w->folder);
	struct err e = { 0 };

	unit_put_file(path, text);
	if (conf_load(&w->conf, path, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(unlink(path), 0);
	free(text);
	free(path);
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	int i;

	(void)snprintf(w->folder, sizeof(w->folder), "/tmp/feed.XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	for (i = 0; i < FILES; i++)
		w->path[i] = xasprintf("%s/%03d", w->folder, i);
	load_conf(w);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	int i;

	for (i = 0; i < FILES; i++) {
		assert_int_equal(unlink(w->path[i]), 0);
		free(w->path[i]);
	}
	assert_int_equal(rmdir(w->folder), 0);
	conf_free(&w->conf);
	free(w->text);
	free(w->said);
	free(w);
	return 0;
}

/* A report whose id is its number. */
static void
put_report(const struct world *w, int number, int records)
{
	struct buf xml;

	material_buf(&xml);
	add_format(&xml,
	    "<feedback><report_metadata><org_name>example.net</org_name>"
	    "<report_id>%03d</report_id><date_range>" RANGE "</date_range>"
	    "</report_metadata>" POLICY,
	    number);
	for (; records > 0; records--)
		add_text(&xml, RECORD);
	add_text(&xml, "</feedback>");
	unit_put_file(w->path[number], xml.data);
	buf_clear(&xml);
}

/* What the next ones print waits while the first is read. */
static void
put_reports(const struct world *w)
{
	int i;

	put_report(w, 0, 4 * LARGE);
	for (i = 1; i < FILES; i++)
		put_report(w, i, i % 20 == 0 ? LARGE : 1);
}

/* From its start to its end; the caller frees it. */
static char *
text_of(FILE *f)
{
	long len = ftell(f);
	char *text = xcalloc(1, (size_t)len + 1);

	rewind(f);
	assert_int_equal(fread(text, 1, (size_t)len, f), len);
	return text;
}

/* feed_run with stderr kept apart. */
static int
feed_all(struct world *w, struct err *e)
{
	FILE *said = tmpfile();
	int before = dup(STDERR_FILENO), rc;

	assert_non_null(said);
	assert_true(before >= 0);
	assert_true(dup2(fileno(said), STDERR_FILENO) >= 0);
	rc = feed_run(&w->feed, w->path, FILES, e);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	assert_int_equal(close(before), 0);
	assert_int_equal(fseek(said, 0, SEEK_END), 0);
	free(w->said);
	w->said = text_of(said);
	assert_int_equal(fclose(said), 0);
	return rc;
}

/* All files onto out by this many threads. */
static int
print_to(struct world *w, FILE *out, const char *format, unsigned jobs,
    struct err *e)
{
	int rc;

	assert_non_null(out);
	w->feed = (struct feed){ .conf = w->conf,
		.jobs = jobs,
		.is_ordered = true,
		.is_silent = true };
	if (pipeline_open_print(&w->feed.pipeline, w->conf, format, out, e) < 0)
		fail_msg("%s", e->text);
	rc = feed_all(w, e);
	if (rc == 0)
		rc = pipeline_finish(w->feed.pipeline, e);
	pipeline_close(&w->feed.pipeline);
	return rc;
}

static void
print_well(struct world *w, const char *format, unsigned jobs)
{
	FILE *out = tmpfile();
	struct err e = { 0 };

	if (print_to(w, out, format, jobs, &e) < 0)
		fail_msg("%s", e.text);
	free(w->text);
	w->text = text_of(out);
	assert_int_equal(fclose(out), 0);
}

/* The numbers behind key, which grow; returns how many there are. */
static int
count_growing(const char *text, const char *key)
{
	long number, last = -1;
	int n = 0;

	for (; (text = strstr(text, key)) != NULL; n++) {
		text += strlen(key);
		number = strtol(text, NULL, 10);
		assert_true(number > last);
		last = number;
	}
	return n;
}

static void
reports_are_printed_in_the_order_of_their_mails(void **state)
{
	struct world *w = *state;

	put_reports(w);
	print_well(w, "json", JOBS);
	assert_int_equal(count_growing(w->text, "\"report_id\":\""), FILES);
	assert_int_equal(w->feed.mails, FILES);
	assert_int_equal(w->feed.reports, FILES);
	assert_string_equal(w->said, "");
}

/* ndjson tells when a mail came, and that may be a second later. */
static void
many_threads_print_what_one_prints(void **state)
{
	static const char *const formats[] = { "json", "csv", "summary" };
	struct world *w = *state;
	char *text;
	size_t i;

	put_reports(w);
	for (i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		print_well(w, formats[i], 1);
		text = w->text;
		w->text = NULL;
		print_well(w, formats[i], JOBS);
		assert_string_equal(w->text, text);
		free(text);
	}
}

static void
complaints_stand_in_the_order_of_the_mails(void **state)
{
	struct world *w = *state;
	char *key = xasprintf("%s/", w->folder);
	int i, others = 0, broken = 0;

	put_reports(w);
	for (i = 3; i < FILES; i += 7, others++)
		unit_put_file(w->path[i], "Subject: hello\n\nno report\n");
	for (i = 5; i < FILES; i += 7, broken++)
		unit_put_file(w->path[i], "<feedback>" META);
	print_well(w, "json", JOBS);
	assert_int_equal(w->feed.not_reports, others);
	assert_int_equal(w->feed.unreadable, broken);
	assert_int_equal(feed_exit_code(&w->feed), EX_DATAERR);
	assert_int_equal(count_growing(w->said, key), others + broken);
	assert_int_equal(count_growing(w->text, "\"report_id\":\""),
	    FILES - others - broken);
	free(key);
}

static void
a_full_disk_ends_the_run(void **state)
{
	struct world *w = *state;
	FILE *out = fopen("/dev/full", "w");
	struct err e = { 0 };

	put_reports(w);
	assert_int_equal(print_to(w, out, "json", JOBS, &e), -1);
	assert_int_equal(e.kind, ERR_FULL);
	/* the first does not fit, and the others were not far ahead */
	assert_in_range(w->feed.mails, 1, AHEAD);
	(void)fclose(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    reports_are_printed_in_the_order_of_their_mails, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    many_threads_print_what_one_prints, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    complaints_stand_in_the_order_of_the_mails, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    a_full_disk_ends_the_run, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
