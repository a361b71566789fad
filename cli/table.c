/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - rows in aligned columns that fit a terminal.
 */
#include <stdio.h>
#include <string.h>

#include "cli/table.h"
#include "common/base/text.h"

#define GAP 2        /* between columns */
#define CUT_LEAST 10 /* a cut column is at least so wide */
#define CELL_BYTES 256
#define FIRST_CELLS 64

void
table_init(struct table *t, struct arena *a, const struct table_column *columns,
    size_t column_count)
{
	*t = (struct table){
		.arena = a, .columns = columns, .column_count = column_count
	};
}

static void
add(struct table *t, const char *text)
{
	const char **more;

	if (t->cell_count == t->cell_max) {
		t->cell_max = t->cell_max == 0 ? FIRST_CELLS : 2 * t->cell_max;
		more = arena_alloc(t->arena, t->cell_max * sizeof(*more));
		if (t->cell_count > 0)
			memcpy(more, t->cells, t->cell_count * sizeof(*more));
		t->cells = more;
	}
	t->cells[t->cell_count++] = text;
}

void
table_add(struct table *t, const char *text)
{
	char escaped[CELL_BYTES];

	if (text == NULL || *text == '\0')
		text = "-";
	add(t, arena_strdup(
		   t->arena, text_escape(text, escaped, sizeof(escaped))));
}

void
table_add_count(struct table *t, uint64_t n)
{
	add(t, table_count(t->arena, n));
}

void
table_add_share(struct table *t, uint64_t part, uint64_t whole)
{
	add(t, table_share(t->arena, part, whole));
}

const char *
table_count(struct arena *a, uint64_t n)
{
	char text[32], *at = text + sizeof(text);
	int digits = 0;

	*--at = '\0';
	do {
		if (digits > 0 && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + n % 10);
		n /= 10;
		digits++;
	} while (n > 0);
	return arena_strdup(a, at);
}

const char *
table_share(struct arena *a, uint64_t part, uint64_t whole)
{
	unsigned permille;

	if (whole == 0)
		return "-";
	if (part >= whole)
		return "100.0%";
	permille = (unsigned)((double)part / (double)whole * 1000);
	if (permille > 999)
		permille = 999;
	return arena_printf(a, "%u.%u%%", permille / 10, permille % 10);
}

/* Characters, not bytes; text_escape has left valid UTF-8 only. */
static size_t
width_of(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* Bytes of the first so many characters. */
static size_t
bytes_of(const char *text, size_t width)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++)
		if (((unsigned char)text[len] & 0xc0) != 0x80 && width-- == 0)
			break;
	return len;
}

/* Take what the line is too long from the widest columns. */
static void
fit(const struct table *t, size_t *widths, size_t width)
{
	size_t total, widest, i;

	for (;;) {
		total = (t->column_count - 1) * GAP;
		widest = t->column_count;
		for (i = 0; i < t->column_count; i++) {
			total += widths[i];
			if (t->columns[i].is_cuttable &&
			    widths[i] > CUT_LEAST &&
			    (widest == t->column_count ||
				widths[i] > widths[widest]))
				widest = i;
		}
		if (total <= width || widest == t->column_count)
			return;
		widths[widest]--;
	}
}

/* Names and addresses differ at either end: what is cut is the middle. */
static void
print_cut(const char *text, size_t len, size_t width, FILE *out)
{
	size_t tail = (width - 2) / 2, head = width - 2 - tail;

	(void)fprintf(out, "%.*s..%s", (int)bytes_of(text, head), text,
	    text + bytes_of(text, len - tail));
}

static void
print_cell(
    const char *text, size_t width, bool to_right, bool is_last, FILE *out)
{
	size_t len = width_of(text), pad = len < width ? width - len : 0;

	if (to_right)
		(void)fprintf(out, "%*s", (int)pad, "");
	if (len > width)
		print_cut(text, len, width, out);
	else
		(void)fputs(text, out);
	if (is_last)
		(void)fputc('\n', out);
	else
		(void)fprintf(out, "%*s", (int)(to_right ? 0 : pad) + GAP, "");
}

void
table_print(const struct table *t, size_t width, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX], i, column, cell;

	for (i = 0; i < t->column_count; i++)
		widths[i] = width_of(t->columns[i].title);
	for (i = 0; i < t->cell_count; i++) {
		column = i % t->column_count;
		cell = width_of(t->cells[i]);
		if (cell > widths[column])
			widths[column] = cell;
	}
	fit(t, widths, width);
	for (i = 0; i < t->column_count; i++)
		print_cell(t->columns[i].title, widths[i],
		    t->columns[i].is_number, i + 1 == t->column_count, out);
	for (i = 0; i < t->cell_count; i++) {
		column = i % t->column_count;
		print_cell(t->cells[i], widths[column],
		    t->columns[column].is_number, column + 1 == t->column_count,
		    out);
	}
}
