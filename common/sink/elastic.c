/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic.c - the Elasticsearch and OpenSearch sink.
 * in: a report and its records    out: documents, durable in their indexes
 *
 * A stream gathers at most one piece of its report, as lines of a bulk
 * request; a full piece, and the last one, become jobs of the group commit.
 * A record that the server refuses does not keep the others from it: the
 * report is stored as far as it goes, and then refused.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/report/document.h"
#include "common/sink/elastic_check.h"
#include "common/sink/elastic_group.h"
#include "common/sink/elastic_saved.h"
#include "common/sink/sink.h"

#define DOCUMENT_MAX ((size_t)64 << 20)

struct elastic_sink {
	struct sink sink;
	struct elastic_group group;
	const struct conf *conf; /* borrowed */
};

struct elastic_stream {
	struct sink_stream stream;
	const struct report *report; /* borrowed */
	struct deadline *deadline;   /* borrowed */
	struct document document;
	struct elastic_piece piece;
	struct sink_count n;    /* of the pieces before */
	uint64_t refused_count; /* of them too */
	struct err refused;     /* the first */
	uint64_t theirs;        /* records that parsedmarc has stored */
	bool is_compared;       /* not known yet whether that is all */
	bool is_skipped;        /* it is: count only */
	struct err err;         /* a piece failed */
};

static struct elastic_sink *
sink_of(struct elastic_stream *st)
{
	return (struct elastic_sink *)st->stream.sink;
}

static int
elastic_open(struct sink **sink, const struct conf *conf, struct err *e)
{
	struct elastic_sink *s = xcalloc(1, sizeof(*s));

	s->sink.ops = &sink_elastic_ops;
	s->conf = conf;
	if (elastic_group_open(&s->group, &conf->elasticsearch, e) < 0) {
		free(s);
		return -1;
	}
	*sink = &s->sink;
	return 0;
}

static int
elastic_begin(struct sink *sink, const struct report *r, struct deadline *d,
    struct sink_stream **stream, struct err *e)
{
	struct elastic_sink *s = (struct elastic_sink *)sink;
	struct elastic_stream *st = xcalloc(1, sizeof(*st));

	st->stream.sink = sink;
	st->report = r;
	st->deadline = d;
	if (s->conf->elasticsearch.skip_saved_by_parsedmarc &&
	    elastic_saved_count(&s->group, s->conf, r, &st->theirs, e) < 0) {
		free(st);
		return err_add(e, "elasticsearch");
	}
	st->is_compared = st->theirs > 0;
	document_init(&st->document, r);
	elastic_piece_init(&st->piece,
	    (size_t)s->conf->elasticsearch.bulk_size + DOCUMENT_MAX);
	*stream = &st->stream;
	return 0;
}

static void
elastic_abort(struct sink_stream **stream)
{
	struct elastic_stream *st = (struct elastic_stream *)*stream;

	if (st == NULL)
		return;
	document_clear(&st->document);
	elastic_piece_clear(&st->piece);
	free(st);
	*stream = NULL;
}

/* parsedmarc has some of this report; has it all of it? */
static void
compare(struct elastic_stream *st, uint64_t ours)
{
	st->is_compared = false;
	st->is_skipped = ours <= st->theirs;
	if (!st->is_skipped)
		st->n.partial = st->theirs;
}

/*
 * A report of several pieces must be compared before all of it was seen. The
 * slices of a long time span cannot be told then: it is stored.
 */
static void
compare_early(struct elastic_stream *st)
{
	const struct aggregate *a = &st->report->aggregate;

	compare(st, a->normalized_timespan ? UINT64_MAX : a->record_count);
}

/* Store the piece. What was refused is only counted. */
static int
submit_piece(struct elastic_stream *st)
{
	struct elastic_job job;

	if (st->is_skipped) {
		st->n.duplicate += st->piece.count;
		return 0;
	}

	elastic_job_init(&job, &st->piece, st->deadline);
	job.is_under_way = st->n.stored + st->n.duplicate > 0;
	(void)elastic_group_store(&sink_of(st)->group, &job, &st->err);
	st->n.stored += job.n.stored;
	st->n.duplicate += job.n.duplicate;
	if (job.refused_count > 0 && st->refused_count == 0)
		st->refused = job.refused;
	st->refused_count += job.refused_count;
	elastic_job_clear(&job);
	return st->err.kind == ERR_NONE ? 0 : -1;
}

/* Two lines: the action, and the document. */
static int
write_lines(struct elastic_stream *st, const struct record *rec, struct err *e)
{
	char index[INDEX_NAME_SIZE], id[REPORT_ID_TEXT_SIZE];
	struct buf *lines = &st->piece.lines;

	document_index(st->report, rec, &sink_of(st)->conf->index, index);
	document_id(rec, id);
	/* neither holds what JSON would want escaped */
	if (buf_printf(lines, e,
		"{\"index\":{\"_index\":\"%s\",\"_id\":\"%s\"}}\n", index,
		id) < 0 ||
	    document_write(&st->document, rec, lines, e) < 0)
		return -1;
	return buf_add(lines, "\n", 1, e);
}

/* The record from start on is one too many: it begins the next piece. */
static int
start_next_piece(struct elastic_stream *st, size_t start)
{
	struct buf *lines = &st->piece.lines;
	size_t len = lines->len - start;

	if (st->is_compared)
		compare_early(st);
	if (submit_piece(st) < 0)
		return -1;
	memmove(lines->data, lines->data + start, len);
	lines->len = len;
	lines->data[len] = '\0';
	st->piece.count = 0;
	return 0;
}

static int
elastic_add(struct sink_stream *stream, const struct record *rec, struct err *e)
{
	struct elastic_stream *st = (struct elastic_stream *)stream;
	struct elastic_piece *p = &st->piece;
	size_t start = p->lines.len;

	if (st->err.kind == ERR_NONE && write_lines(st, rec, &st->err) == 0) {
		if (p->lines.len > sink_of(st)->conf->elasticsearch.bulk_size &&
		    p->count > 0)
			(void)start_next_piece(st, start);
		elastic_piece_mark(p);
	}
	if (st->err.kind == ERR_NONE)
		return 0;
	*e = st->err;
	return err_add(e, "elasticsearch");
}

static int
elastic_finish(struct sink_stream **stream, struct sink_count *n, struct err *e)
{
	struct elastic_stream *st = (struct elastic_stream *)*stream;
	int rc = -1;

	if (st->is_compared)
		compare(st, st->piece.count);
	if (st->err.kind != ERR_NONE || submit_piece(st) < 0) {
		*e = st->err;
		err_add(e, "elasticsearch");
	} else if (st->refused_count > 0) {
		*e = st->refused;
		err_add(e, "elasticsearch: %" PRIu64 " records refused",
		    st->refused_count);
	} else {
		*n = st->n;
		rc = 0;
	}
	elastic_abort(stream);
	return rc;
}

static int
elastic_check(struct sink *sink, struct err *e)
{
	struct elastic_sink *s = (struct elastic_sink *)sink;

	return elastic_check_cluster(&s->group, s->conf, e);
}

static int
elastic_look_at(struct sink *sink, struct err *e)
{
	struct elastic_sink *s = (struct elastic_sink *)sink;

	return elastic_look(&s->group, s->conf, e);
}

static void
elastic_close(struct sink **sink)
{
	struct elastic_sink *s = (struct elastic_sink *)*sink;

	if (s == NULL)
		return;
	elastic_group_close(&s->group);
	free(s);
	*sink = NULL;
}

const struct sink_ops sink_elastic_ops = {
	.name = "elasticsearch",
	.open = elastic_open,
	.begin = elastic_begin,
	.add = elastic_add,
	.finish = elastic_finish,
	.abort = elastic_abort,
	.check = elastic_check,
	.look = elastic_look_at,
	.close = elastic_close,
};
