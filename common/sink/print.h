/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print.h - a printed output, for one thread: the formats are files of their
 * own, and print.c is the sink around them.
 */
#ifndef SINK_PRINT_H
#define SINK_PRINT_H

#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/report/report.h"

/*
 * A format only adds to a buffer, which print.c writes out when it is large.
 * self is what new gave. Every function but new and free returns 0 or -1.
 */
struct print_format {
	const char *name;
	void *(*new)(const struct conf *conf);
	int (*start)(void *self, struct buf *out, struct err *e);
	int (*begin)(
	    void *self, const struct report *r, struct buf *out, struct err *e);
	int (*add)(void *self, const struct record *rec, struct buf *out,
	    struct err *e);
	/* Also after a failure: what was begun gets its end. */
	int (*end)(void *self, struct buf *out, struct err *e);
	int (*stop)(void *self, struct buf *out, struct err *e);
	void (*free)(void *self);
};

extern const struct print_format print_json;
extern const struct print_format print_ndjson;
extern const struct print_format print_csv;
extern const struct print_format print_summary;

#endif
