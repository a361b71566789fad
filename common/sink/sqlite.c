/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite.c - the SQLite sink. A stream gathers at most one piece of its
 * report; a full piece, and the last one, become jobs of the group commit.
 * Where many large reports come together, pieces are smaller.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/sink/sink.h"
#include "common/sink/sqlite_group.h"

#define PIECE_BYTES (4 * 1024 * 1024) /* whatever a stranger writes */
#define HELD_BYTES \
	(16 * 1024 * 1024)      /* all pieces, before they get smaller \
				 */
#define SMALL_BYTES (64 * 1024) /* a piece that gives way then */
#define RECORDS_FIRST 16        /* most reports are small */
#define OPEN_TIMEOUT_MS 5000
#define CHECK_TIMEOUT_MS 5000
#define YIELD_MS 2

struct sqlite_sink {
	struct sink sink;
	struct sqlite_group group;
	atomic_size_t held; /* bytes in the pieces of all streams */
};

struct sqlite_stream {
	struct sink_stream stream;
	const struct report *report; /* borrowed */
	struct deadline *deadline;   /* borrowed */
	struct arena *arena;         /* of the piece */
	size_t held;                 /* bytes of it in the sink's sum */
	struct record **records;     /* SQLITE_PIECE_RECORDS at most */
	size_t count, room;
	struct sink_count n; /* of the pieces before */
	struct err err;      /* a piece failed */
};

/*
 * Other processes poll for the lock: between two pieces it must be free for
 * long enough to be found so.
 */
static void
let_others_in(void)
{
	const struct timespec pause = { .tv_nsec = YIELD_MS * 1000000L };

	(void)nanosleep(&pause, NULL);
}

/* Bring the sink's sum up to date with what the arena has. */
static void
count_held(struct sqlite_stream *st)
{
	struct sqlite_sink *s = (struct sqlite_sink *)st->stream.sink;
	size_t now = arena_used(st->arena);

	/* unsigned: what became less is added too */
	(void)atomic_fetch_add(&s->held, now - st->held);
	st->held = now;
}

static bool
is_piece(struct sqlite_stream *st)
{
	struct sqlite_sink *s = (struct sqlite_sink *)st->stream.sink;

	return st->count == SQLITE_PIECE_RECORDS || st->held >= PIECE_BYTES ||
	       (st->held >= SMALL_BYTES && atomic_load(&s->held) > HELD_BYTES);
}

static int
submit_piece(struct sqlite_stream *st, bool is_last, struct err *e)
{
	struct sqlite_sink *s = (struct sqlite_sink *)st->stream.sink;
	struct sqlite_job job = { .report = st->report,
		.records = st->records,
		.count = st->count,
		.is_last = is_last,
		.deadline = st->deadline };

	if (deadline_is_over(st->deadline))
		err_set(&st->err, ERR_TEMP, "sqlite: %s: out of time",
		    s->group.db.path);
	else
		(void)sqlite_group_store(&s->group, &job, &st->err);
	if (st->err.kind != ERR_NONE) {
		*e = st->err;
		return -1;
	}
	deadline_progress(st->deadline);
	st->n.stored += job.n.stored;
	st->n.duplicate += job.n.duplicate;
	st->count = 0;
	arena_reset(st->arena);
	count_held(st);
	if (!is_last)
		let_others_in();
	return 0;
}

static int
sqlite_open(struct sink **sink, const struct conf *conf, struct err *e)
{
	struct sqlite_sink *s = xcalloc(1, sizeof(*s));
	struct deadline d;

	s->sink.ops = &sink_sqlite_ops;
	deadline_start(&d, OPEN_TIMEOUT_MS, 0);
	if (sqlite_group_open(&s->group, conf->sqlite.path, &d, e) < 0) {
		free(s);
		return -1;
	}
	*sink = &s->sink;
	return 0;
}

static int
sqlite_begin(struct sink *sink, const struct report *r, struct deadline *d,
    struct sink_stream **stream, struct err *e)
{
	struct sqlite_stream *st;

	(void)e; /* nothing is done yet */
	st = xcalloc(1, sizeof(*st));
	st->stream.sink = sink;
	st->report = r;
	st->deadline = d;
	st->arena = arena_new();
	*stream = &st->stream;
	return 0;
}

static int
sqlite_add(struct sink_stream *stream, const struct record *rec, struct err *e)
{
	struct sqlite_stream *st = (struct sqlite_stream *)stream;

	if (st->err.kind != ERR_NONE) {
		*e = st->err;
		return -1;
	}
	/* one record later than full: the last piece is never an empty one */
	if (is_piece(st) && submit_piece(st, false, e) < 0)
		return -1;
	if (st->count == st->room) {
		st->room = st->room > 0 ? st->room * 2 : RECORDS_FIRST;
		st->records =
		    xrealloc(st->records, st->room * sizeof(*st->records));
	}
	st->records[st->count++] = record_copy(st->arena, rec);
	count_held(st);
	return 0;
}

static void
sqlite_abort(struct sink_stream **stream)
{
	struct sqlite_stream *st = (struct sqlite_stream *)*stream;

	if (st == NULL)
		return;
	arena_reset(st->arena);
	count_held(st);
	arena_free(&st->arena);
	free(st->records);
	free(st);
	*stream = NULL;
}

static int
sqlite_finish(struct sink_stream **stream, struct sink_count *n, struct err *e)
{
	struct sqlite_stream *st = (struct sqlite_stream *)*stream;
	int rc = -1;

	if (st->err.kind != ERR_NONE)
		*e = st->err;
	else
		rc = submit_piece(st, true, e);
	if (rc == 0)
		*n = st->n;
	sqlite_abort(stream);
	return rc;
}

static int
sqlite_check(struct sink *sink, struct err *e)
{
	struct deadline d;
	struct sqlite_job job = { .deadline = &d };

	deadline_start(&d, CHECK_TIMEOUT_MS, 0);
	return sqlite_group_store(
	    &((struct sqlite_sink *)sink)->group, &job, e);
}

static void
sqlite_close(struct sink **sink)
{
	struct sqlite_sink *s = (struct sqlite_sink *)*sink;

	if (s == NULL)
		return;
	sqlite_group_close(&s->group);
	free(s);
	*sink = NULL;
}

const struct sink_ops sink_sqlite_ops = {
	.name = "sqlite",
	.open = sqlite_open,
	.begin = sqlite_begin,
	.add = sqlite_add,
	.finish = sqlite_finish,
	.abort = sqlite_abort,
	.check = sqlite_check,
	.close = sqlite_close,
};
