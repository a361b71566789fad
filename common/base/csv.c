/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv.c - cells of CSV (RFC 4180).
 *
 * Cells hold strangers' text, and a spreadsheet takes what starts with one of
 * = + - @ TAB CR for a formula: such a cell gets an apostrophe before it.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/csv.h"

void
csv_put(struct csv_row *r, const char *p, size_t len)
{
	if (r->rc == 0)
		r->rc = buf_add(r->out, p, len, r->e);
}

void
csv_cell(struct csv_row *r, const char *text)
{
	const char *quote;

	if (text == NULL)
		text = "";
	if (text[strcspn(text, ",\"\r\n")] == '\0') {
		if (*text != '\0' && strchr("=+-@\t\r", *text) != NULL)
			csv_put(r, "'", 1);
		csv_put(r, text, strlen(text));
		csv_put(r, ",", 1);
		return;
	}
	csv_put(r, "\"", 1);
	if (strchr("=+-@\t\r", *text) != NULL)
		csv_put(r, "'", 1);
	while ((quote = strchr(text, '"')) != NULL) {
		csv_put(r, text, (size_t)(quote + 1 - text));
		csv_put(r, "\"", 1);
		text = quote + 1;
	}
	csv_put(r, text, strlen(text));
	csv_put(r, "\",", 2);
}

void
csv_cell_bool(struct csv_row *r, bool b)
{
	csv_cell(r, b ? "True" : "False");
}

void
csv_cell_int(struct csv_row *r, int64_t n)
{
	if (r->rc == 0)
		r->rc = buf_printf(r->out, r->e, "%lld,", (long long)n);
}

void
csv_cell_time(struct csv_row *r, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	clock_plain(at, text);
	csv_cell(r, text);
}

void
csv_end_row(struct csv_row *r)
{
	if (r->rc == 0)
		r->out->len--;
	csv_put(r, "\r\n", 2);
}

void
csv_join(struct csv_row *r, struct buf *joined, const char *separator, size_t i,
    const char *text)
{
	if (i == 0)
		buf_reset(joined);
	if (r->rc == 0 && i > 0)
		r->rc = buf_add_text(joined, separator, r->e);
	if (r->rc == 0)
		r->rc = buf_add_text(joined,
		    text != NULL && *text != '\0' ? text : "none", r->e);
}

void
csv_cell_joined(struct csv_row *r, const struct buf *joined, size_t count)
{
	csv_cell(r, count > 0 ? joined->data : "");
}
