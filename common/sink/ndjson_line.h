/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ndjson_line.h - a document as one line: _index and _id first, so that a
 * reader can load it into a cluster and drop the copies.
 */
#ifndef SINK_NDJSON_LINE_H
#define SINK_NDJSON_LINE_H

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/report/document.h"

/* The lines of one report. Borrows report and conf until ndjson_line_clear. */
struct ndjson_line {
	struct document document;
	const struct conf_index *conf;
	struct buf start; /* up to the value of _id, for the day below */
	int64_t day;
};

void ndjson_line_init(struct ndjson_line *l, const struct report *r,
    const struct conf_index *conf);
/* Append the line of rec with its line end; nothing on failure. */
int ndjson_line_add(struct ndjson_line *l, const struct record *rec,
    struct buf *out, struct err *e);
void ndjson_line_clear(struct ndjson_line *l);

#endif
