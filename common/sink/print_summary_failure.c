/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_summary_failure.c - a failure report for a person. Strangers' text
 * goes to a terminal, so it is escaped and cut.
 * in: a report    out: text in a buffer
 */
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/sink/print_summary.h"

#define TEXT_SIZE 256

/* "  key     value", nothing for what is not known. */
static int
line(struct buf *out, const char *key, const char *value, struct err *e)
{
	char text[TEXT_SIZE];

	if (value == NULL)
		return 0;
	return buf_printf(
	    out, e, "  %-10s%s\n", key, text_escape(value, text, sizeof(text)));
}

static int
address_line(struct buf *out, const char *key,
    const struct mail_addresses *list, struct err *e)
{
	return list->count == 0 ? 0 : line(out, key, list->item[0].address, e);
}

static int
mechanism_line(struct buf *out, const struct failure *f, struct err *e)
{
	char text[TEXT_SIZE];
	size_t i;

	if (buf_printf(out, e, "  %-10s", "failed") < 0)
		return -1;
	for (i = 0; i < f->auth_failure_count; i++)
		if (buf_printf(out, e, "%s%s", i > 0 ? ", " : "",
			text_escape(f->auth_failure[i], text, sizeof(text))) <
		    0)
			return -1;
	return buf_printf(out, e, "; delivery: %s\n", f->delivery_results);
}

int
print_summary_failure(const struct report *r, struct buf *out, struct err *e)
{
	const struct failure *f = &r->failure;
	char domain[TEXT_SIZE], arrival[CLOCK_TEXT_SIZE];
	size_t i;

	clock_plain(f->arrival_date, arrival);
	if (buf_printf(out, e, "failure report: a mail in the name of %s\n",
		text_escape(f->domain, domain, sizeof(domain))) < 0 ||
	    buf_printf(out, e, "  %-10s%s%s\n", "arrived",
		f->arrival_date == INT64_MIN ? "nobody says when" : arrival,
		f->arrival_date == INT64_MIN ? "" : " UTC") < 0 ||
	    line(out, "source", f->source.ip_address, e) < 0 ||
	    line(out, "name", f->source.name, e) < 0 ||
	    mechanism_line(out, f, e) < 0 ||
	    line(out, "results", f->authentication_results, e) < 0 ||
	    line(out, "envelope", f->original_mail_from, e) < 0 ||
	    address_line(out, "from", &f->sample.from, e) < 0 ||
	    address_line(out, "to", &f->sample.to, e) < 0 ||
	    line(out, "subject", f->sample.subject, e) < 0)
		return -1;
	for (i = 0; i < f->error_count; i++)
		if (line(out, "note", f->errors[i], e) < 0)
			return -1;
	return 0;
}
