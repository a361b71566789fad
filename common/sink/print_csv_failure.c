/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_csv_failure.c - failure reports as parsedmarc's CSV, a row for each.
 * in: a report    out: rows in a buffer
 */
#include "common/base/clock.h"
#include "common/sink/csv_row.h"

#define JOINED_MAX ((size_t)64 << 20) /* the report itself is limited */

const char print_csv_failure_header[] =
    "feedback_type,user_agent,version,original_envelope_id,"
    "original_mail_from,original_rcpt_to,arrival_date,arrival_date_utc,"
    "subject,message_id,authentication_results,dkim_domain,"
    "source_ip_address,source_country,source_reverse_dns,"
    "source_base_domain,source_name,source_type,source_asn,source_as_name,"
    "source_as_domain,delivery_result,auth_failure,reported_domain,"
    "authentication_mechanisms,sample_headers_only\r\n";

static void
texts_cell(struct csv_row *row, struct buf *joined, const char *const *texts,
    size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		csv_join(row, joined, ",", i, texts[i]);
	csv_cell_joined(row, joined, count);
}

static void
arrival_cells(struct csv_row *row, const struct failure *f)
{
	char text[CLOCK_TEXT_SIZE];

	if (f->arrival_date == INT64_MIN) {
		csv_cell(row, f->arrival_date_text);
		csv_cell(row, NULL);
		return;
	}
	clock_iso(f->arrival_date, text);
	csv_cell(
	    row, f->arrival_date_text != NULL ? f->arrival_date_text : text);
	csv_cell_time(row, f->arrival_date);
}

static void
source_cells(struct csv_row *row, const struct source *s)
{
	csv_cell(row, s->ip_address);
	csv_cell(row, s->country);
	csv_cell(row, s->reverse_dns);
	csv_cell(row, s->base_domain);
	csv_cell(row, s->name);
	csv_cell(row, s->type);
	if (s->asn != 0)
		csv_cell_int(row, s->asn);
	else
		csv_cell(row, NULL);
	csv_cell(row, s->as_name);
	csv_cell(row, s->as_domain);
}

int
print_csv_failure(const struct report *r, struct buf *out, struct err *e)
{
	const struct failure *f = &r->failure;
	struct csv_row row = { .out = out, .e = e };
	size_t before = out->len;
	struct buf joined;

	buf_init(&joined, JOINED_MAX);
	csv_cell(&row, f->feedback_type);
	csv_cell(&row, f->user_agent);
	csv_cell(&row, f->version);
	csv_cell(&row, f->original_envelope_id);
	csv_cell(&row, f->original_mail_from);
	csv_cell(&row, f->original_rcpt_to);
	arrival_cells(&row, f);
	csv_cell(&row, f->sample.subject);
	csv_cell(&row, f->message_id);
	csv_cell(&row, f->authentication_results);
	csv_cell(&row, f->dkim_domain);
	source_cells(&row, &f->source);
	csv_cell(&row, f->delivery_results);
	texts_cell(&row, &joined, f->auth_failure, f->auth_failure_count);
	csv_cell(&row, f->domain);
	texts_cell(&row, &joined, f->authentication_mechanisms,
	    f->authentication_mechanism_count);
	csv_cell_bool(&row, f->sample.headers_only);
	csv_end_row(&row);
	buf_clear(&joined);
	if (row.rc < 0)
		out->len = before; /* no half a row */
	return row.rc;
}
