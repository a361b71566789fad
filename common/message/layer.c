/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer.c - what holds other things, opened.
 * in: a stream (message.c)    out: the streams in it
 */
#include "common/message/layer.h"
#include "common/message/lines.h"

#define HEAD_BYTES 1024

/* CR CR LF leaves no header an end: the mail is read from a copy then. */
static int
open_mail(struct layer *l, struct spill *raw, const struct conf_limits *limits,
    struct err *e)
{
	char head[HEAD_BYTES];
	struct reader *repaired;
	ssize_t n = spill_read(raw, 0, head, sizeof(head), e);
	int rc;

	if (n < 0)
		return -1;
	l->has_two_crs = lines_have_two_crs(head, (size_t)n);
	if (!l->has_two_crs)
		return parts_open(&l->parts, raw, limits, e);
	repaired = lines_with_one_cr(spill_reader(raw));
	rc = spill_fill(&l->copy, repaired, e);
	reader_close(&repaired);
	return rc < 0 ? -1 : parts_open(&l->parts, &l->copy, limits, e);
}

int
layer_open_mail(struct layer *l, struct spill *raw,
    const struct conf_limits *limits, struct spill_pool *pool, struct err *e)
{
	*l = (struct layer){ .kind = LAYER_MAIL };
	spill_init(&l->copy, pool, (size_t)limits->message_memory);
	if (open_mail(l, raw, limits, e) == 0)
		return 0;
	layer_close(l);
	return -1;
}

/* A mail that came packed or encoded. */
static int
open_inner_mail(
    struct layer *l, const struct conf_limits *limits, struct err *e)
{
	struct reader *in = l->in;
	const char *head;
	ssize_t n = reader_peek(in, &head, e);

	if (n < 0)
		return -1;
	l->has_two_crs = lines_have_two_crs(head, (size_t)n);
	if (l->has_two_crs)
		l->in = in = lines_with_one_cr(in);
	if (spill_fill(&l->copy, in, e) < 0)
		return -1;
	return parts_open(&l->parts, &l->copy, limits, e);
}

int
layer_open(struct layer *l, enum layer_kind kind, struct reader *in,
    struct unpack_budget *budget, struct spill_pool *pool, struct err *e)
{
	int rc = 0;

	*l = (struct layer){ .kind = kind, .in = reader_peeking(in) };
	spill_init(&l->copy, pool, (size_t)budget->limits->message_memory);
	switch (kind) {
	case LAYER_MAIL:
		rc = open_inner_mail(l, budget->limits, e);
		break;
	case LAYER_ZIP:
		rc = zip_open(&l->zip, l->in, budget, pool, e);
		break;
	case LAYER_TEXT:
		l->uu = uu_open(l->in);
		break;
	}
	if (rc < 0)
		layer_close(l);
	return rc;
}

int
layer_next(
    struct layer *l, struct reader **in, const char **name, struct err *e)
{
	switch (l->kind) {
	case LAYER_MAIL:
		return parts_next(l->parts, in, name, e);
	case LAYER_ZIP:
		return zip_next(l->zip, in, name, e);
	case LAYER_TEXT:
		return uu_next(l->uu, in, name, e);
	}
	return 0;
}

void
layer_close(struct layer *l)
{
	parts_close(&l->parts);
	zip_close(&l->zip);
	uu_close(&l->uu);
	reader_close(&l->in);
	spill_clear(&l->copy);
}
