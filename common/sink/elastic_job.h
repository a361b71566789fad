/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_job.h - a piece of a report on its way to the cluster.
 */
#ifndef SINK_ELASTIC_JOB_H
#define SINK_ELASTIC_JOB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/sink/sink.h"

/* Some records of a report as lines of a bulk request. */
struct elastic_piece {
	struct buf lines; /* action and document, two lines for each record */
	size_t *end;      /* owned: where each record ends in lines */
	size_t count, room;
};

void elastic_piece_init(struct elastic_piece *p, size_t max);
/* What was appended to lines since the last time is one record. */
void elastic_piece_mark(struct elastic_piece *p);
void elastic_piece_clear(struct elastic_piece *p);

enum elastic_job_state {
	ELASTIC_QUEUED,
	ELASTIC_LEADS,
	ELASTIC_TAKEN,
	ELASTIC_DONE
};

/* A piece on its way, on the stack of the thread that waits for it. */
struct elastic_job {
	const struct elastic_piece *piece; /* foreign */
	struct deadline *deadline;         /* foreign */
	bool is_under_way; /* a part of its report was stored before */

	/* what became of it */
	struct sink_count n;
	size_t refused_count;
	struct err refused; /* the first of them */

	/* elastic_bulk.c's own */
	unsigned char *settled; /* owned: for each record, is it? */
	size_t open;            /* records that are not */
	bool is_acknowledged;   /* some were settled in this round */
	bool is_lasting;        /* err is nothing that time mends */
	struct err err;         /* why some are not settled */

	/* elastic_group.c's own */
	struct elastic_job *next;
	enum elastic_job_state state;
	pthread_cond_t wake;
};

void elastic_job_init(struct elastic_job *job,
    const struct elastic_piece *piece, struct deadline *d);
void elastic_job_clear(struct elastic_job *job);

/* Bytes that it adds to a request. */
size_t elastic_job_size(const struct elastic_job *job);

/* Nothing more of it is settled: why, and does waiting help? */
void elastic_job_fail(
    struct elastic_job *job, const struct err *why, bool is_lasting);

/* Bytes of one record's lines, and where they are. */
const char *elastic_piece_record(
    const struct elastic_piece *p, size_t record, size_t *len);

#endif
