/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.c - lines as they were before a relay broke them.
 * in: a mail or a part, line ends as they came    out: the same, repaired
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/message/lines.h"

#define CHUNK_BYTES (16 * 1024)

/* A stream that is rewritten in place, a chunk at a time. */
struct lines {
	struct reader reader;
	struct reader *in; /* owned */
	/* rewrite chunk[0..n); sets len, and held: what waits for the next */
	void (*rewrite)(struct lines *l, size_t n);
	uint64_t *joined; /* foreign */
	size_t line;      /* bytes of the line that chunk[0] stands in */
	size_t held;      /* at chunk + len */
	bool ended;
	size_t at, len; /* chunk[at..len) goes out next */
	char chunk[CHUNK_BYTES];
};

static ssize_t
lines_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct lines *l = (struct lines *)r;
	ssize_t n;

	while (l->at == l->len) {
		if (l->ended)
			return 0;
		memmove(l->chunk, l->chunk + l->len, l->held);
		n = reader_read(
		    l->in, l->chunk + l->held, sizeof(l->chunk) - l->held, e);
		if (n < 0)
			return -1;
		l->ended = n == 0;
		n += (ssize_t)l->held;
		l->at = l->len = l->held = 0;
		l->rewrite(l, (size_t)n);
	}
	if (len > l->len - l->at)
		len = l->len - l->at;
	memcpy(p, l->chunk + l->at, len);
	l->at += len;
	return (ssize_t)len;
}

static void
lines_close(struct reader *r)
{
	struct lines *l = (struct lines *)r;

	reader_close(&l->in);
	free(l);
}

static struct lines *
lines_new(struct reader *in, void (*rewrite)(struct lines *l, size_t n))
{
	struct lines *l = xmalloc(sizeof(*l));

	memset(l, 0, offsetof(struct lines, chunk));
	l->reader.read = lines_read;
	l->reader.close = lines_close;
	l->in = in;
	l->rewrite = rewrite;
	return l;
}

static bool
is_fold_length(size_t len)
{
	return len == 998 || len == 990;
}

/* The end of chunk[0..n) that the next bytes decide about. */
static size_t
undecided(const struct lines *l, size_t n)
{
	return !l->ended && n > 0 && l->chunk[n - 1] == '\r' ? 1 : 0;
}

/* The line that ends at to, in front of from: is what follows a piece of it? */
static bool
is_folded(const struct lines *l, const char *from, const char *end)
{
	return is_fold_length(l->line) && from < end && *from == ' ';
}

static void
unfold(struct lines *l, size_t n)
{
	const char *from = l->chunk, *end, *stop;
	size_t last = undecided(l, n), line_end = 0;
	char *to = l->chunk;

	for (end = from + n - last; from < end; from = stop) {
		stop = memchr(from, '\n', (size_t)(end - from));
		stop = stop != NULL ? stop + 1 : end;
		memmove(to, from, (size_t)(stop - from));
		to += stop - from;
		l->line += (size_t)(stop - from);
		if (to[-1] != '\n')
			continue; /* the end of the chunk */
		line_end = to - l->chunk >= 2 && to[-2] == '\r' ? 2 : 1;
		l->line -= line_end;
		if (is_fold_length(l->line) && stop == end && !l->ended) {
			to -= line_end;
			l->held = line_end; /* the next byte tells */
			break;
		}
		if (is_folded(l, stop, end)) {
			to -= line_end;
			stop++;
			(*l->joined)++;
			l->line = 1; /* the space counted where it was cut */
		} else {
			l->line = 0;
		}
	}
	l->len = (size_t)(to - l->chunk);
	memmove(to + l->held, l->chunk + n - last, last);
	l->held += last;
}

struct reader *
lines_unfold(struct reader *in, uint64_t *joined)
{
	struct lines *l = lines_new(in, unfold);

	l->joined = joined;
	return &l->reader;
}

bool
lines_have_two_crs(const char *p, size_t len)
{
	const char *end = memchr(p, '\n', len);

	return end != NULL && end - p >= 2 && end[-1] == '\r' &&
	       end[-2] == '\r';
}

static void
drop_crs(struct lines *l, size_t n)
{
	char *to = l->chunk;
	size_t i;

	/* CR CR LF may begin at the last two bytes */
	l->held = undecided(l, n);
	if (l->held == 1 && n > 1 && l->chunk[n - 2] == '\r')
		l->held = 2;
	for (i = 0; i < n - l->held; i++)
		if (n - i < 3 || memcmp(l->chunk + i, "\r\r\n", 3) != 0)
			*to++ = l->chunk[i];
	l->len = (size_t)(to - l->chunk);
	memmove(to, l->chunk + n - l->held, l->held);
}

struct reader *
lines_with_one_cr(struct reader *in)
{
	return &lines_new(in, drop_crs)->reader;
}
