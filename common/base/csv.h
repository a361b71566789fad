/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv.h - rows of CSV (RFC 4180), cell by cell.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* A row in the making; the first error sticks. */
struct csv_row {
	struct buf *out; /* foreign */
	struct err *e;   /* foreign */
	int rc;
};

/* As it is. */
void csv_put(struct csv_row *r, const char *p, size_t len);

/* The text of a cell, quoted where RFC 4180 asks for it, and a comma. */
void csv_cell(struct csv_row *r, const char *text);
void csv_cell_bool(struct csv_row *r, bool b);
/* Numbers are ours: a minus is no formula. */
void csv_cell_int(struct csv_row *r, int64_t n);
void csv_cell_time(struct csv_row *r, int64_t at);

/*
 * Several values in one cell: joined first, count of them then the cell. NULL
 * stands as "none", as in the documents.
 */
void csv_join(struct csv_row *r, struct buf *joined, const char *separator,
    size_t i, const char *text);
void csv_cell_joined(struct csv_row *r, const struct buf *joined, size_t count);

/* The end of a row takes the place of the last comma. */
void csv_end_row(struct csv_row *r);

#endif
