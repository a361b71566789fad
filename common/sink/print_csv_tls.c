/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_csv_tls.c - SMTP TLS reports as parsedmarc's CSV: a row for each
 * policy, with its counts, and one for each of its failure details.
 * in: a report    out: rows in a buffer
 */
#include "common/sink/csv_row.h"

#define JOINED_MAX ((size_t)64 << 20) /* the report itself is limited */

const char print_csv_tls_header[] =
    "organization_name,begin_date,end_date,report_id,result_type,"
    "successful_session_count,failed_session_count,policy_domain,policy_type,"
    "policy_strings,mx_host_patterns,sending_mta_ip,receiving_ip,"
    "receiving_mx_hostname,receiving_mx_helo,additional_info_uri,"
    "failure_reason_code\r\n";

static void
report_cells(struct csv_row *row, const struct tls_report *t)
{
	csv_cell(row, t->org_name);
	csv_cell(row, t->begin_text);
	csv_cell(row, t->end_text);
	csv_cell(row, t->report_id);
}

static void
texts_cell(struct csv_row *row, struct buf *joined, const char *const *texts,
    size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		csv_join(row, joined, "|", i, texts[i]);
	csv_cell_joined(row, joined, count);
}

static void
policy_row(struct csv_row *row, struct buf *joined, const struct tls_report *t,
    const struct tls_policy *p)
{
	int i;

	report_cells(row, t);
	csv_cell(row, NULL);
	csv_cell_int(row, p->successful_session_count);
	csv_cell_int(row, p->failed_session_count);
	csv_cell(row, p->policy_domain);
	csv_cell(row, p->policy_type);
	texts_cell(row, joined, p->policy_strings, p->policy_string_count);
	texts_cell(row, joined, p->mx_host_patterns, p->mx_host_pattern_count);
	for (i = 0; i < 6; i++)
		csv_cell(row, NULL);
	csv_end_row(row);
}

/* Its policy too: parsedmarc leaves that out, and nobody knows whose it is. */
static void
failure_row(struct csv_row *row, struct buf *joined, const struct tls_report *t,
    const struct tls_policy *p, const struct tls_failure *f)
{
	report_cells(row, t);
	csv_cell(row, f->result_type);
	csv_cell(row, NULL);
	csv_cell_int(row, f->failed_session_count);
	csv_cell(row, p->policy_domain);
	csv_cell(row, p->policy_type);
	texts_cell(row, joined, p->policy_strings, p->policy_string_count);
	texts_cell(row, joined, p->mx_host_patterns, p->mx_host_pattern_count);
	csv_cell(row, f->sending_mta_ip);
	csv_cell(row, f->receiving_ip);
	csv_cell(row, f->receiving_mx_hostname);
	csv_cell(row, f->receiving_mx_helo);
	csv_cell(row, f->additional_information_uri);
	csv_cell(row, f->failure_reason_code);
	csv_end_row(row);
}

int
print_csv_tls(const struct report *r, struct buf *out, struct err *e)
{
	const struct tls_report *t = &r->tls;
	struct csv_row row = { .out = out, .e = e };
	size_t before = out->len, i, k;
	struct buf joined;

	buf_init(&joined, JOINED_MAX);
	for (i = 0; i < t->policy_count; i++) {
		const struct tls_policy *p = &t->policies[i];

		policy_row(&row, &joined, t, p);
		for (k = 0; k < p->failure_count; k++)
			failure_row(&row, &joined, t, p, &p->failures[k]);
	}
	buf_clear(&joined);
	if (row.rc < 0)
		out->len = before; /* no half a report */
	return row.rc;
}
