/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ndjson.c - lines at the end of a file: whole ones, or none.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sink/sink.h"
#include "tests/unit/unit.h"

#define MANY 5000 /* records: several pieces of 1 MiB */

struct fixture {
	char folder[64];
	char *path;
	struct conf conf;
	struct sink *sink;
	struct deadline never;
};

static const struct report report = {
	.kind = REPORT_AGGREGATE,
	.intake = { .transport = "file" },
	.aggregate = { .xml_schema = "draft",
	    .org_name = "r.example",
	    .report_id = "7",
	    .begin = 1700000000,
	    .end = 1700086399,
	    .policy = { .domain = "d.example", .p = "none" } },
};

static struct record
record_at(uint64_t position)
{
	struct record rec = {
		.position = position,
		.interval_begin = 1700000000,
		.interval_end = 1700086399,
		.day = 19675,
		.source = { .ip_address = "203.0.113.1" },
		.message_count = 1,
		.disposition = "none",
		.header_from = "d.example",
	};

	memcpy(rec.id, &position, sizeof(position));
	return rec;
}

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e = { 0 };

	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/ndjson.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->path = xasprintf("%s/records", f->folder);
	f->conf.ndjson.path = f->path;
	f->conf.index.monthly = true;
	assert_int_equal(sink_ndjson_ops.open(&f->sink, &f->conf, &e), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	sink_ndjson_ops.close(&f->sink);
	assert_null(f->sink);
	(void)unlink(f->path);
	assert_int_equal(rmdir(f->folder), 0);
	free(f->path);
	free(f);
	return 0;
}

static char *
content(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	assert_non_null(file);
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = xstrdup("");
	}
	(void)fclose(file);
	return text;
}

static size_t
count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

/* begin and count times add; what comes next is the test's. */
static struct sink_stream *
stream_with(struct fixture *f, uint64_t count)
{
	struct sink_stream *st = NULL;
	struct err e = { 0 };
	struct record rec;
	uint64_t i;

	assert_int_equal(
	    sink_ndjson_ops.begin(f->sink, &report, &f->never, &st, &e), 0);
	for (i = 0; i < count; i++) {
		rec = record_at(i);
		assert_int_equal(sink_ndjson_ops.add(st, &rec, &e), 0);
	}
	return st;
}

static void
store(struct fixture *f, uint64_t count)
{
	struct sink_stream *st = stream_with(f, count);
	struct sink_count n = { .stored = 9, .duplicate = 9 };
	struct err e = { 0 };

	assert_int_equal(sink_ndjson_ops.finish(&st, &n, &e), 0);
	assert_null(st);
	assert_int_equal(n.stored, count);
	assert_int_equal(n.duplicate, 0);
}

static void
a_line_has_index_and_id_first(void **state)
{
	static const char start[] =
	    "{\"_index\":\"dmarc_aggregate-2023-11\",\"_id\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
	    "\"xml_schema\":\"draft\",";
	static const char end[] = "\"position\":0}}\n";
	struct fixture *f = *state;
	struct stat st;
	char *text;

	store(f, 1);
	text = content(f->path);
	assert_memory_equal(text, start, sizeof(start) - 1);
	assert_string_equal(text + strlen(text) - (sizeof(end) - 1), end);
	free(text);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0); /* at most 0640 */
}

static void
each_report_is_appended(void **state)
{
	struct fixture *f = *state;
	char *text;

	store(f, 2);
	store(f, 0);
	store(f, MANY);
	text = content(f->path);
	assert_int_equal(count_lines(text), 2 + MANY);
	free(text);
}

static void
no_record_makes_no_file(void **state)
{
	struct fixture *f = *state;

	store(f, 0);
	assert_int_equal(access(f->path, F_OK), -1);
}

static void
an_aborted_report_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct sink_stream *st;
	char *before, *after;

	store(f, 3);
	before = content(f->path);
	st = stream_with(f, MANY); /* a part is in the file by now */
	sink_ndjson_ops.abort(&st);
	assert_null(st);
	sink_ndjson_ops.abort(&st);
	after = content(f->path);
	assert_string_equal(after, before);
	free(before);
	free(after);
}

/* Writes past limit bytes fail as on a full disk; returns the old limit. */
static struct rlimit
limit_files(rlim_t limit)
{
	struct rlimit old, now;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	now = old;
	now.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	return old;
}

static void
a_full_disk_cuts_back(void **state)
{
	static const rlim_t limits[] = { 2000, 4096, 1200000, 2000000 };
	struct fixture *f = *state;
	struct rlimit old;
	struct sink_stream *st;
	struct sink_count n;
	struct err e;
	struct record rec;
	char *before, *after;
	uint64_t i;
	size_t c;
	int rc;

	store(f, 3);
	before = content(f->path);
	for (c = 0; c < sizeof(limits) / sizeof(*limits); c++) {
		err_clear(&e);
		st = stream_with(f, 0);
		old = limit_files(limits[c]);
		for (rc = 0, i = 0; rc == 0 && i < MANY; i++) {
			rec = record_at(i);
			rc = sink_ndjson_ops.add(st, &rec, &e);
		}
		if (rc < 0)
			sink_ndjson_ops.abort(&st);
		else
			rc = sink_ndjson_ops.finish(&st, &n, &e);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(rc, -1);
		assert_int_equal(e.kind, ERR_FULL);
		assert_null(st);
		after = content(f->path);
		assert_string_equal(after, before);
		free(after);
	}
	free(before);
	store(f, 1); /* space again */
}

static void
a_full_device_is_full(void **state)
{
	struct fixture *f = *state;
	struct sink_stream *st;
	struct sink_count n;
	struct err e = { 0 };

	f->conf.ndjson.path = (char *)"/dev/full";
	st = stream_with(f, 1);
	assert_int_equal(sink_ndjson_ops.finish(&st, &n, &e), -1);
	assert_int_equal(e.kind, ERR_FULL);
	assert_null(st);
	f->conf.ndjson.path = f->path;
}

static void
a_torn_line_is_mended(void **state)
{
	static const struct {
		const char *before, *kept;
	} cases[] = {
		{ "{\"_index\":\"a\"}\n{\"_index\":\"b\",\"_i",
		    "{\"_index\":\"a\"}\n" },
		{ "{\"_index\":\"b\",\"_i", "" },
		{ "{\"_index\":\"a\"}\n{\"_in", "{\"_index\":\"a\"}\n" },
		{ "{\"mine\":1}", "{\"mine\":1}\n" },
		{ "{\"_index\":\"a\"}\n", "{\"_index\":\"a\"}\n" },
		{ "", "" },
	};
	struct fixture *f = *state;
	char *text;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unit_put_file(f->path, cases[i].before);
		store(f, 1);
		text = content(f->path);
		assert_int_equal(
		    strncmp(text, cases[i].kept, strlen(cases[i].kept)), 0);
		assert_int_equal(
		    count_lines(text), count_lines(cases[i].kept) + 1);
		free(text);
	}
}

static void
a_long_torn_line_is_mended(void **state)
{
	static const char begin[] =
	    "{\"_index\":\"a\"}\n{\"_index\":\"b\",\"x\":\"";
	const size_t len = 300000;
	struct fixture *f = *state;
	char *text = xmalloc(len + 1);

	memset(text, 'x', len);
	memcpy(text, begin, sizeof(begin) - 1);
	text[len] = '\0';
	unit_put_file(f->path, text);
	free(text);
	store(f, 1);
	text = content(f->path);
	assert_int_equal(count_lines(text), 2);
	assert_null(strstr(text, "xxx"));
	free(text);
}

static void
a_rotated_file_is_left_behind(void **state)
{
	struct fixture *f = *state;
	char *old = xasprintf("%s.1", f->path), *text;

	store(f, 2);
	assert_int_equal(rename(f->path, old), 0);
	store(f, 1);
	text = content(old);
	assert_int_equal(count_lines(text), 2);
	free(text);
	text = content(f->path);
	assert_int_equal(count_lines(text), 1);
	free(text);
	assert_int_equal(unlink(old), 0);
	free(old);
}

static void
a_lock_that_stays_is_temporary(void **state)
{
	struct fixture *f = *state;
	struct sink_stream *st;
	struct sink_count n;
	struct err e = { 0 };
	int fd;

	store(f, 1);
	fd = open(f->path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	st = stream_with(f, 1);
	deadline_start(&f->never, 100, 0);
	assert_int_equal(sink_ndjson_ops.finish(&st, &n, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	deadline_start(&f->never, 0, 0);
	(void)close(fd);
	store(f, 1);
}

static void
where_it_cannot_write_it_says_so(void **state)
{
	struct fixture *f = *state;
	struct sink_stream *st;
	struct sink_count n;
	struct err e = { 0 };
	char *inner = xasprintf("%s/none/records", f->folder);

	f->conf.ndjson.path = inner;
	sink_ndjson_ops.close(&f->sink);
	assert_int_equal(sink_ndjson_ops.open(&f->sink, &f->conf, &e), 0);
	assert_int_equal(sink_ndjson_ops.check(f->sink, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	err_clear(&e);
	st = stream_with(f, 1);
	assert_int_equal(sink_ndjson_ops.finish(&st, &n, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	assert_non_null(strstr(e.text, inner));
	f->conf.ndjson.path = f->path;
	free(inner);
}

static void
check_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };

	assert_int_equal(sink_ndjson_ops.check(f->sink, &e), 0);
	assert_int_equal(access(f->path, F_OK), -1);
	store(f, 1);
	assert_int_equal(sink_ndjson_ops.check(f->sink, &e), 0);
}

static void *
writer(void *arg)
{
	struct fixture mine = *(struct fixture *)arg; /* a deadline each */
	int i;

	for (i = 0; i < 5; i++)
		store(&mine, 2000);
	return NULL;
}

/* Each report's lines stand together, in order, though four write at once. */
static void
reports_do_not_mix(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];
	const char *at;
	char *text;
	size_t i, reports = 0;
	char expected[32];

	for (i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, writer, f), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	text = content(f->path);
	for (at = text; *at != '\0'; reports++) {
		for (i = 0; i < 2000; i++) {
			(void)snprintf(expected, sizeof(expected),
			    "\"position\":%zu}}\n", i);
			at = strchr(at, '\n') + 1;
			assert_memory_equal(
			    at - strlen(expected), expected, strlen(expected));
		}
	}
	assert_int_equal(reports, 20);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_has_index_and_id_first),
		TEST(each_report_is_appended),
		TEST(no_record_makes_no_file),
		TEST(an_aborted_report_leaves_nothing),
		TEST(a_full_disk_cuts_back),
		TEST(a_full_device_is_full),
		TEST(a_torn_line_is_mended),
		TEST(a_long_torn_line_is_mended),
		TEST(a_rotated_file_is_left_behind),
		TEST(a_lock_that_stays_is_temporary),
		TEST(where_it_cannot_write_it_says_so),
		TEST(check_leaves_no_trace),
		TEST(reports_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
