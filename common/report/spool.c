/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.c - the records of a report while it is read.
 * in: frames (aggregate.c)    out: the same frames (report.c)
 */
#include <string.h>

#include "common/report/spool.h"

#define WINDOW_BYTES (256 * 1024)

void
spool_init(struct spool *s, struct spill_pool *pool, size_t memory_max)
{
	*s = (struct spool){ 0 };
	spill_init(&s->spill, pool, memory_max);
	buf_init(&s->window, SPOOL_FRAME_MAX + WINDOW_BYTES + 4);
}

int
spool_add(struct spool *s, const void *p, size_t len, struct err *e)
{
	uint32_t prefix = (uint32_t)len;

	if (len > SPOOL_FRAME_MAX)
		return err_set(e, ERR_LIMIT, "more than %d bytes in a record",
		    SPOOL_FRAME_MAX);
	if (spill_add(&s->spill, &prefix, sizeof(prefix), e) < 0)
		return -1;
	return spill_add(&s->spill, p, len, e);
}

int
spool_rewind(struct spool *s, struct err *e)
{
	struct bytes all;
	int fd;

	s->at = 0;
	s->used = 0;
	s->view = (struct bytes){ NULL, 0 };
	buf_reset(&s->window);
	if (spill_finish(&s->spill, &all.data, &all.len, &fd, e) < 0)
		return -1;
	if (fd < 0) { /* nothing will have to be read */
		s->view = all;
		s->at = all.len;
	}
	return 0;
}

/* Read on behind the window: the bytes that came, 0 at the end. */
static ssize_t
read_on(struct spool *s, struct err *e)
{
	uint64_t left = spill_size(&s->spill) - s->at;
	size_t len = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
	char *at = buf_reserve(&s->window, len, e);
	ssize_t n;

	if (at == NULL)
		return -1;
	n = spill_read(&s->spill, s->at, at, len, e);
	if (n > 0) {
		s->window.len += (size_t)n;
		s->at += (uint64_t)n;
	}
	return n;
}

/* Make room for more in the window: what was used goes. */
static void
shift_window(struct spool *s)
{
	if (s->used == 0)
		return;
	s->window.len -= s->used;
	memmove(s->window.data, s->window.data + s->used, s->window.len);
	s->used = 0;
}

/* See to need bytes in the view from s->used on: 1, or 0 at the end. */
static int
fill(struct spool *s, size_t need, struct err *e)
{
	size_t have = s->view.len - s->used;
	ssize_t n;

	if (have >= need)
		return 1;
	if (s->at == spill_size(&s->spill)) /* all of it is in the view */
		return have == 0 ? 0 : err_set(e, ERR_TEMP, "spool: cut short");
	shift_window(s);
	while (s->window.len < need) {
		if ((n = read_on(s, e)) < 0)
			return -1;
		if (n == 0)
			return err_set(e, ERR_TEMP, "spool: cut short");
	}
	s->view = (struct bytes){ s->window.data, s->window.len };
	return 1;
}

int
spool_next(struct spool *s, struct bytes *frame, struct err *e)
{
	const char *at;
	uint32_t len;
	int rc;

	if ((rc = fill(s, sizeof(len), e)) <= 0)
		return rc;
	at = (const char *)s->view.data + s->used;
	memcpy(&len, at, sizeof(len));
	if ((rc = fill(s, sizeof(len) + len, e)) <= 0)
		return rc;
	at = (const char *)s->view.data + s->used;
	frame->data = at + sizeof(len);
	frame->len = len;
	s->used += sizeof(len) + len;
	return 1;
}

void
spool_clear(struct spool *s)
{
	spill_clear(&s->spill);
	buf_clear(&s->window);
}
