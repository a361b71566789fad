/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_report.h - what the database knows, added up for a reader. Only
 * complete reports count. Reads only; writers are not held up.
 */
#ifndef SINK_SQLITE_REPORT_H
#define SINK_SQLITE_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

struct sqlite_report_filter {
	int64_t since;      /* seconds UTC; 0: from the start */
	const char *domain; /* policy domain; NULL: all */
	size_t top;         /* rows of a list, at most */
};

struct report_totals {
	uint64_t reports;
	uint64_t incomplete; /* still being stored, or given up on the way */
	uint64_t records;
	uint64_t messages, passed;
	int64_t begin, end; /* of all intervals; 0: no records */
	uint64_t failure_reports;
	uint64_t tls_reports;
};

/* Text below is a stranger's, and NULL where it is not known. */

struct report_domain {
	const char *domain;
	const char *p, *sp, *pct; /* as last published */
	uint64_t reports, messages, passed;
};

struct report_source {
	const char *ip_address, *name, *country;
	uint64_t messages, passed;
};

/* Where messages come from: see record-schema.md. */
struct report_category {
	const char *category;
	uint64_t messages, sources; /* distinct addresses */
};

#define REPORT_CATEGORIES_MAX 8

/* Messages that did not pass DMARC. */
struct report_failure {
	const char *header_from;
	const char *ip_address, *name;
	const char *disposition;
	const char *dkim, *spf; /* policy_evaluated: is it aligned? */
	uint64_t messages;
};

/* Mails that failure reports are about. */
struct report_failed_mail {
	const char *domain;
	const char *ip_address, *name;
	uint64_t reports;
	int64_t last_arrival; /* INT64_MIN: not known */
};

/* Sessions of a policy, by SMTP TLS reports. */
struct report_tls_policy {
	const char *domain, *type;
	uint64_t reports, successful, failed;
};

/* Why sessions failed. */
struct report_tls_failure {
	const char *domain, *result_type, *mx_hostname;
	uint64_t failed;
};

struct report_reporter {
	const char *org_name;
	uint64_t reports, messages;
	int64_t last_received; /* 0: not known */
};

/* Lists are sorted, the largest first; count is of the rows that are here. */
struct sqlite_report {
	struct report_totals totals;
	struct report_domain *domains;
	struct report_source *sources;
	struct report_category categories[REPORT_CATEGORIES_MAX];
	struct report_failure *failures;
	struct report_reporter *reporters;
	struct report_failed_mail *failed_mails;
	struct report_tls_policy *tls_policies;
	struct report_tls_failure *tls_failures;
	size_t domain_count, source_count, failure_count, reporter_count;
	size_t failed_mail_count, category_count;
	size_t tls_policy_count, tls_failure_count;
};

/*
 * Read the database at path into a. 1: *out is filled. 0: there is no
 * database. -1: *e.
 */
int sqlite_report_read(struct sqlite_report *out, struct arena *a,
    const char *path, const struct sqlite_report_filter *filter, struct err *e);

#endif
