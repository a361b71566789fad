/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print.c - the sink of "dmarc-intake parse": reports are printed, nothing is
 * stored. For one thread.
 * in: reports and their records    out: a stdio stream
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/sink/print.h"
#include "common/sink/sink.h"

#define PIECE_BYTES ((size_t)64 * 1024)
#define PRINT_MAX_BYTES ((size_t)256 << 20) /* of one record, by far */

static const struct print_format *const formats[] = { &print_json,
	&print_ndjson, &print_csv, &print_summary };

const char *const sink_print_formats[] = { "json", "ndjson", "csv", "summary",
	NULL };

struct print {
	struct sink sink;
	const struct print_format *format;
	void *self; /* owned, of the format */
	FILE *out;  /* foreign */
	struct buf text;
};

struct print_stream {
	struct sink_stream stream;
	struct deadline *deadline; /* borrowed */
	uint64_t count;
};

static int
flush(struct print *p, struct err *e)
{
	size_t len = p->text.len;

	if (len > 0 && fwrite(p->text.data, 1, len, p->out) != len)
		return err_set_errno(e, "output");
	buf_reset(&p->text);
	return 0;
}

static const struct print_format *
format_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

static int
print_begin(struct sink *s, const struct report *r, struct deadline *d,
    struct sink_stream **st, struct err *e)
{
	struct print *p = (struct print *)s;
	struct print_stream *ps;

	if (p->format->begin(p->self, r, &p->text, e) < 0)
		return -1;
	ps = xcalloc(1, sizeof(*ps));
	ps->stream.sink = s;
	ps->deadline = d;
	*st = &ps->stream;
	return 0;
}

static int
print_add(struct sink_stream *st, const struct record *rec, struct err *e)
{
	struct print_stream *ps = (struct print_stream *)st;
	struct print *p = (struct print *)st->sink;

	if (p->format->add(p->self, rec, &p->text, e) < 0)
		return -1;
	ps->count++;
	if (p->text.len < PIECE_BYTES)
		return 0;
	if (flush(p, e) < 0)
		return -1;
	deadline_progress(ps->deadline);
	return 0;
}

static int
print_finish(struct sink_stream **st, struct sink_count *n, struct err *e)
{
	struct print_stream *ps = (struct print_stream *)*st;
	struct print *p = (struct print *)ps->stream.sink;
	int rc = p->format->end(p->self, &p->text, e);

	if (rc == 0)
		rc = flush(p, e);
	if (rc == 0)
		*n = (struct sink_count){ .stored = ps->count };
	free(ps);
	*st = NULL;
	return rc;
}

/* What is printed cannot be taken back, but it gets its end. */
static void
print_abort(struct sink_stream **st)
{
	struct sink_count n;
	struct err ignored = { 0 };

	if (*st != NULL)
		(void)print_finish(st, &n, &ignored);
}

static int
print_check(struct sink *s, struct err *e)
{
	struct print *p = (struct print *)s;

	return ferror(p->out) ? err_set(e, ERR_TEMP, "output: failed") : 0;
}

/* What goes wrong here is seen by ferror() or fclose() of the stream. */
static void
print_close(struct sink **s)
{
	struct print *p = (struct print *)*s;
	struct err ignored = { 0 };

	if (p == NULL)
		return;
	if (p->format->stop(p->self, &p->text, &ignored) == 0)
		(void)flush(p, &ignored);
	(void)fflush(p->out);
	p->format->free(p->self);
	buf_clear(&p->text);
	free(p);
	*s = NULL;
}

static const struct sink_ops print_ops = {
	.name = "print",
	.begin = print_begin,
	.add = print_add,
	.finish = print_finish,
	.abort = print_abort,
	.check = print_check,
	.close = print_close,
};

int
sink_print_open(struct sink **s, const char *format, FILE *out,
    const struct conf *conf, struct err *e)
{
	const struct print_format *f = format_of(format);
	struct print *p;

	if (f == NULL)
		return err_set(e, ERR_CONF,
		    "no format \"%s\": json, ndjson, csv or summary", format);
	p = xcalloc(1, sizeof(*p));
	p->sink.ops = &print_ops;
	p->format = f;
	p->out = out;
	buf_init(&p->text, PRINT_MAX_BYTES);
	p->self = f->new (conf);
	if (f->start(p->self, &p->text, e) < 0) {
		f->free(p->self);
		buf_clear(&p->text);
		free(p);
		return -1;
	}
	*s = &p->sink;
	return 0;
}
