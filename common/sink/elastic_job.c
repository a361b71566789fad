/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_job.c - a piece of a report on its way to the cluster.
 */
#include <stdlib.h>

#include "common/sink/elastic_job.h"

void
elastic_piece_init(struct elastic_piece *p, size_t max)
{
	*p = (struct elastic_piece){ 0 };
	buf_init(&p->lines, max);
}

void
elastic_piece_mark(struct elastic_piece *p)
{
	if (p->count == p->room) {
		p->room = p->room > 0 ? 2 * p->room : 16;
		p->end = xrealloc(p->end, p->room * sizeof(*p->end));
	}
	p->end[p->count++] = p->lines.len;
}

void
elastic_piece_clear(struct elastic_piece *p)
{
	buf_clear(&p->lines);
	free(p->end);
	elastic_piece_init(p, p->lines.max);
}

const char *
elastic_piece_record(const struct elastic_piece *p, size_t record, size_t *len)
{
	size_t start = record > 0 ? p->end[record - 1] : 0;

	*len = p->end[record] - start;
	return p->lines.data + start;
}

void
elastic_job_init(struct elastic_job *job, const struct elastic_piece *piece,
    struct deadline *d)
{
	*job = (struct elastic_job){ .piece = piece,
		.deadline = d,
		.settled = xcalloc(piece->count, 1),
		.open = piece->count };
}

void
elastic_job_clear(struct elastic_job *job)
{
	free(job->settled);
	job->settled = NULL;
}

size_t
elastic_job_size(const struct elastic_job *job)
{
	const struct elastic_piece *p = job->piece;

	return p->count > 0 ? p->end[p->count - 1] : 0;
}

void
elastic_job_fail(
    struct elastic_job *job, const struct err *why, bool is_lasting)
{
	/* what lasts is worth telling more than what passes */
	if (job->err.kind != ERR_NONE && (job->is_lasting || !is_lasting))
		return;
	job->err = *why;
	job->is_lasting = is_lasting;
}
