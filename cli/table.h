/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - rows in aligned columns that fit a terminal.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/arena.h"

#define TABLE_COLUMNS_MAX 8

struct table_column {
	const char *title;
	bool is_number;   /* to the right */
	bool is_cuttable; /* shortened when the line is too long */
};

struct table {
	struct arena *arena; /* foreign */
	const struct table_column *columns;
	size_t column_count;
	const char **cells; /* in the arena; row after row */
	size_t cell_count, cell_max;
};

/* columns are borrowed; cells live in a. */
void table_init(struct table *t, struct arena *a,
    const struct table_column *columns, size_t column_count);

/* The next cell, row after row. Strangers' text is escaped; NULL is "-". */
void table_add(struct table *t, const char *text);
/* 1,234,567 */
void table_add_count(struct table *t, uint64_t n);
/* "98.2%", cut and not rounded: 100.0% means all. */
void table_add_share(struct table *t, uint64_t part, uint64_t whole);

/* Titles and rows, in lines of at most width characters where that works. */
void table_print(const struct table *t, size_t width, FILE *out);

/* How those two write a number. */
const char *table_count(struct arena *a, uint64_t n);
const char *table_share(struct arena *a, uint64_t part, uint64_t whole);

#endif
