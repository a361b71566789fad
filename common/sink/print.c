/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print.c - the sink of "dmarc-intake parse": reports are printed, nothing is
 * stored.
 * in: reports and their records    out: a stdio stream
 *
 * A report is written by the thread that reads it, onto the sheet of its mail.
 * What is on a sheet goes to the output when the mail's turn has come; one that
 * grows too large waits for its turn, and goes there piece by piece.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/sheet.h"
#include "common/sink/print.h"
#include "common/sink/sink.h"

#define PIECE_BYTES ((size_t)64 * 1024)

static const struct print_format *const formats[] = { &print_json,
	&print_ndjson, &print_csv, &print_summary };

const char *const sink_print_formats[] = { "json", "ndjson", "csv", "summary",
	NULL };

struct print {
	struct sink sink;
	const struct conf *conf; /* borrowed */
	const struct print_format *format;
	void *page; /* owned, of the format */
	FILE *out;  /* foreign */
	struct buf text;
	struct sheet own; /* of reports that come without one */
};

struct print_stream {
	struct sink_stream stream;
	struct deadline *deadline; /* borrowed */
	void *self;                /* owned, of the format */
	enum report_kind kind;
	struct sheet *sheet; /* foreign */
	struct buf *place;   /* NULL: it is still on the sheet */
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

int
print_nothing(void *self, struct buf *out, struct err *e)
{
	(void)self;
	(void)out;
	(void)e;
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

/* All reports of the sheet, whose turn it is. */
static int
put_sheet(struct print *p, struct sheet *sheet, struct err *e)
{
	const char *at = sheet->text.data;
	struct buf *place;
	size_t i;

	for (i = 0; i < sheet->count; i++) {
		const struct sheet_item *item = &sheet->items[i];

		if (p->format->page_join(p->page, (enum report_kind)item->kind,
			&p->text, &place, e) < 0 ||
		    buf_add(place, at, item->len, e) < 0)
			return -1;
		at += item->len;
	}
	sheet_reset(sheet);
	return p->text.len < PIECE_BYTES ? 0 : flush(p, e);
}

static void
take_turn(struct sheet *sheet)
{
	if (!sheet->has_turn)
		sheet->wait_turn(sheet->context);
	sheet->has_turn = true;
}

/* The report in hand is too large for a sheet: the rest goes to the output. */
static int
leave_sheet(struct print_stream *ps, struct err *e)
{
	struct print *p = (struct print *)ps->stream.sink;

	take_turn(ps->sheet);
	sheet_add_item(ps->sheet, ps->kind);
	if (put_sheet(p, ps->sheet, e) < 0)
		return -1;
	ps->place = &p->text;
	return 0;
}

static int
print_begin(struct sink *s, const struct report *r, struct deadline *d,
    struct sink_stream **st, struct err *e)
{
	struct print *p = (struct print *)s;
	struct print_stream *ps = xcalloc(1, sizeof(*ps));
	size_t before;

	ps->stream.sink = s;
	ps->deadline = d;
	ps->kind = r->kind;
	ps->sheet = r->intake.sheet != NULL ? r->intake.sheet : &p->own;
	ps->self = p->format->new (p->conf);
	before = ps->sheet->text.len;
	if (p->format->begin(ps->self, r, &ps->sheet->text, e) < 0) {
		ps->sheet->text.len = before; /* not half of it */
		p->format->free(ps->self);
		free(ps);
		return -1;
	}
	*st = &ps->stream;
	return 0;
}

static struct buf *
text_of(struct print_stream *ps)
{
	return ps->place != NULL ? ps->place : &ps->sheet->text;
}

static int
print_add(struct sink_stream *st, const struct record *rec, struct err *e)
{
	struct print_stream *ps = (struct print_stream *)st;
	struct print *p = (struct print *)st->sink;

	if (p->format->add(ps->self, rec, text_of(ps), e) < 0)
		return -1;
	ps->count++;
	if (text_of(ps)->len < PIECE_BYTES || ps->kind != REPORT_AGGREGATE)
		return 0; /* the others are one record, which is on it */
	if ((ps->place == NULL && leave_sheet(ps, e) < 0) || flush(p, e) < 0)
		return -1;
	deadline_progress(ps->deadline);
	return 0;
}

static int
print_finish(struct sink_stream **st, struct sink_count *n, struct err *e)
{
	struct print_stream *ps = (struct print_stream *)*st;
	struct print *p = (struct print *)ps->stream.sink;
	int rc = p->format->end(ps->self, text_of(ps), e);

	if (ps->place == NULL)
		sheet_add_item(ps->sheet, ps->kind);
	if (rc == 0 && ps->sheet->text.len >= PIECE_BYTES)
		take_turn(ps->sheet);
	if (rc == 0 && ps->sheet->has_turn)
		rc = put_sheet(p, ps->sheet, e);
	if (rc == 0 && ps->sheet == &p->own)
		rc = flush(p, e);
	if (rc == 0)
		*n = (struct sink_count){ .stored = ps->count };
	p->format->free(ps->self);
	free(ps);
	*st = NULL;
	return rc;
}

int
sink_print_put(struct sink *s, struct sheet *sheet, struct err *e)
{
	return put_sheet((struct print *)s, sheet, e);
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

static void
print_free(struct print *p)
{
	p->format->page_free(p->page);
	sheet_clear(&p->own);
	buf_clear(&p->text);
	free(p);
}

/* What goes wrong here is seen by ferror() or fclose() of the stream. */
static void
print_close(struct sink **s)
{
	struct print *p = (struct print *)*s;
	struct err ignored = { 0 };

	if (p == NULL)
		return;
	if (p->format->page_end(p->page, &p->text, &ignored) == 0)
		(void)flush(p, &ignored);
	(void)fflush(p->out);
	print_free(p);
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
	p->sink.is_plain = f->is_plain;
	p->conf = conf;
	p->format = f;
	p->out = out;
	buf_init(&p->text, SHEET_MAX_BYTES);
	sheet_init(&p->own, NULL, NULL);
	p->own.has_turn = true;
	p->page = f->page_new();
	if (f->page_begin(p->page, &p->text, e) < 0) {
		print_free(p);
		return -1;
	}
	*s = &p->sink;
	return 0;
}
