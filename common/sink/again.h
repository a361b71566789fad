/* SPDX-License-Identifier: Apache-2.0 */
/*
 * again.h - what is stored, seen again: the sources of records and failure
 * reports are read in batches, told anew by the caller, and those that differ
 * are written. What else a record says stays.
 */
#ifndef SINK_AGAIN_H
#define SINK_AGAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/report/report.h"

struct again_count {
	uint64_t seen, changed;
	uint64_t passed; /* changed by somebody else in between */
};

struct again {
	bool only_missing; /* those without a name in the DNS */
	bool is_dry;       /* nothing is written */
	/*
	 * sources are as they are stored; make them as they should be. New
	 * text lives until the next call.
	 */
	void (*classify)(void *context, struct source *sources, size_t count);
	/* After each batch. */
	void (*told)(void *context, const struct again_count *n);
	void *context;
	struct again_count *count;
};

/* Does one say something that the other does not? */
bool again_differs(const struct source *a, const struct source *b);

/* sqlite_again.c: in transactions of a bounded size. */
int sqlite_again(
    const struct conf *conf, const struct again *how, struct err *e);

/*
 * elastic_again.c: by scroll and bulk requests. A document that somebody else
 * changes at the same time is passed over.
 */
int elastic_again(
    const struct conf *conf, const struct again *how, struct err *e);

#endif
