/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.h - every mail of what a person named through the pipeline: what parse
 * and ingest have in common.
 */
#ifndef CLI_FEED_H
#define CLI_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/pipeline.h"

#define FEED_JOBS_MAX 64

struct feed {
	struct pipeline *pipeline; /* foreign */
	const struct conf *conf;   /* foreign */
	int64_t budget_ms;         /* for a sink to make progress; 0: any */
	const struct conf_maildir *maildir; /* foreign; NULL: files stay */
	unsigned jobs;                      /* mails in hand at the same time */
	bool is_ordered; /* read side by side, but printed in their order */
	bool is_silent;  /* no progress bar: output goes there */

	uint64_t mails, reports, stored, duplicates;
	uint64_t not_reports, unreadable, missing;
	uint64_t unmarked; /* files that could not be moved or marked */
};

/*
 * 0: all were tried, and what could not be read was told on stderr, a line
 * each. -1 and *e: trouble of our own, and the inputs after it are untried.
 */
int feed_run(struct feed *f, char *const *paths, size_t count, struct err *e);

/* EX_CANTCREAT, EX_DATAERR, EX_NOINPUT or EX_OK, by what the inputs were like.
 */
int feed_exit_code(const struct feed *f);

#endif
