/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv_read.h - rows of CSV (RFC 4180) out of bytes in memory, cell by cell.
 */
#ifndef ENRICH_CSV_READ_H
#define ENRICH_CSV_READ_H

#include <stddef.h>

#define CSV_CELLS_MAX 16  /* of a row that are looked at */
#define CSV_CELL_MAX 1024 /* bytes of one */
#define CSV_ROW_MAX (8 * CSV_CELL_MAX)

struct csv_reader {
	const char *at, *end;            /* foreign */
	unsigned line;                   /* that the row begins in, from 1 */
	unsigned lines;                  /* read */
	const char *cell[CSV_CELLS_MAX]; /* in text; NUL-terminated, trimmed */
	size_t cells;
	char text[CSV_ROW_MAX];
};

void csv_read_begin(struct csv_reader *r, const char *bytes, size_t len);
/*
 * The next row that is not empty: 1, 0 at the end. -1 with *why when it is too
 * long or its quotes do not match; the one after it can be read.
 */
int csv_read_row(struct csv_reader *r, const char **why);

#endif
