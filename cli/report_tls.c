/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_tls.c - what the database says of SMTP TLS reports, for a person.
 */
#include <stdio.h>

#include "cli/report_tls.h"
#include "cli/table.h"
#include "common/sink/sqlite_report.h"

static void
print_policies(const struct sqlite_report *r, struct arena *a, size_t width)
{
	static const struct table_column columns[] = {
		{ "Policy domain", false, true },
		{ "Type", false, true },
		{ "Reports", true, false },
		{ "Sessions", true, false },
		{ "Failed", true, false },
		{ "Successful", true, false },
	};
	struct table t;
	size_t i;

	table_init(&t, a, columns, sizeof(columns) / sizeof(*columns));
	for (i = 0; i < r->tls_policy_count; i++) {
		const struct report_tls_policy *p = &r->tls_policies[i];

		table_add(&t, p->domain);
		table_add(&t, p->type);
		table_add_count(&t, p->reports);
		table_add_count(&t, p->successful + p->failed);
		table_add_count(&t, p->failed);
		table_add_share(&t, p->successful, p->successful + p->failed);
	}
	table_print(&t, width, stdout);
}

static void
print_failures(const struct sqlite_report *r, struct arena *a, size_t width)
{
	static const struct table_column columns[] = {
		{ "Policy domain", false, true },
		{ "Failure", false, true },
		{ "MX", false, true },
		{ "Sessions", true, false },
	};
	struct table t;
	size_t i;

	table_init(&t, a, columns, sizeof(columns) / sizeof(*columns));
	for (i = 0; i < r->tls_failure_count; i++) {
		const struct report_tls_failure *f = &r->tls_failures[i];

		table_add(&t, f->domain);
		table_add(&t, f->result_type);
		table_add(&t, f->mx_hostname);
		table_add_count(&t, f->failed);
	}
	(void)printf("\nWhy TLS failed\n");
	table_print(&t, width, stdout);
}

void
report_tls_print(const struct sqlite_report *r, struct arena *a, size_t width)
{
	if (r->totals.tls_reports == 0)
		return;
	(void)printf(
	    "\nSMTP TLS reports: %s\n", table_count(a, r->totals.tls_reports));
	if (r->tls_policy_count > 0)
		print_policies(r, a, width);
	if (r->tls_failure_count > 0)
		print_failures(r, a, width);
}
