/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv_read.c - rows of CSV out of bytes in memory.
 */
#include <stdbool.h>
#include <string.h>

#include "common/base/text.h"
#include "common/enrich/csv_read.h"

void
csv_read_begin(struct csv_reader *r, const char *bytes, size_t len)
{
	r->at = bytes;
	r->end = bytes + len;
	r->lines = r->line = 0;
	r->cells = 0;
	if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		r->at += 3; /* a byte order mark, as spreadsheets write it */
}

static void
skip_line(struct csv_reader *r)
{
	const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));

	r->at = end != NULL ? end + 1 : r->end;
	r->lines++;
}

/* One cell into text at *used; what ends it stays. NULL, or what is wrong. */
static const char *
read_cell(struct csv_reader *r, size_t *used)
{
	bool is_quoted = r->at < r->end && *r->at == '"';
	char *cell = r->text + *used;
	size_t len = 0;

	r->at += is_quoted;
	for (; r->at < r->end; r->at++) {
		if (is_quoted && *r->at == '"') {
			if (r->at + 1 == r->end || r->at[1] != '"')
				break;
			r->at++; /* two stand for one */
		} else if (*r->at == '\n' || (!is_quoted && *r->at == ',')) {
			break;
		}
		if (len + 1 >= CSV_CELL_MAX)
			return "a cell is longer than 1023 bytes";
		cell[len++] = *r->at;
	}
	if (is_quoted && (r->at == r->end || *r->at != '"'))
		return "a quote is not closed in its line";
	r->at += is_quoted;
	if (r->at < r->end && *r->at == '\r' && is_quoted)
		r->at++;
	if (r->at < r->end && *r->at != ',' && *r->at != '\n')
		return "text after a closing quote";
	if (r->cells < CSV_CELLS_MAX) {
		const char *text = cell;

		text_trim(&text, &len);
		memmove(cell, text, len);
		r->cell[r->cells++] = cell;
		cell[len] = '\0';
		*used += len + 1;
	}
	return NULL;
}

int
csv_read_row(struct csv_reader *r, const char **why)
{
	size_t used = 0;

	do {
		r->cells = used = 0;
		r->line = r->lines + 1;
		if (r->at == r->end)
			return 0;
		for (;;) {
			if (used + CSV_CELL_MAX > sizeof(r->text))
				*why = "the row is too long";
			else
				*why = read_cell(r, &used);
			if (*why != NULL) {
				skip_line(r);
				return -1;
			}
			if (r->at == r->end || *r->at == '\n')
				break;
			r->at++; /* a comma */
		}
		skip_line(r);
	} while (r->cells == 1 && *r->cell[0] == '\0');
	return 1;
}
