/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - the records of a report while it is read: frames of bytes, in
 * memory while they are few and in an unlinked file beyond.
 */
#ifndef REPORT_SPOOL_H
#define REPORT_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/spill.h"

#define SPOOL_FRAME_MAX (1024 * 1024) /* bytes of one frame */

struct spool {
	struct spill spill;
	struct bytes view; /* all that is in memory, or the window */
	size_t used;       /* of the view */
	uint64_t at;       /* of the spill, behind the view */
	struct buf window; /* what was read ahead of a file */
};

void spool_init(struct spool *s, struct spill_pool *pool, size_t memory_max);

/* Append one frame of at most SPOOL_FRAME_MAX bytes. */
int spool_add(struct spool *s, const void *p, size_t len, struct err *e);

/* No more spool_add; the next spool_next gives the first frame. */
int spool_rewind(struct spool *s, struct err *e);

/*
 * The next frame: 1 with *frame (borrowed until the next call), 0 at the end,
 * -1 and *e when the file cannot be read.
 */
int spool_next(struct spool *s, struct bytes *frame, struct err *e);

void spool_clear(struct spool *s);

#endif
