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

/* Texts are compared without case. */
struct sqlite_report_filter {
	int64_t since;        /* seconds UTC; 0: from the start */
	int64_t until;        /* what begins before it; 0: no end */
	const char *domain;   /* policy domain; NULL: all */
	const char *source;   /* address, name or domain of a sender */
	const char *reporter; /* org_name */
	int64_t report;       /* id of the one, as in reports; 0: all */
	size_t top;           /* rows of a list, at most */
};

/* Mails; the last three count failed ones. */
struct report_mails {
	uint64_t messages, passed, failed;
	uint64_t dkim, spf;             /* aligned */
	uint64_t quarantined, rejected; /* by the receiver */
	/* from senders that mostly pass: a stricter policy would hit them */
	uint64_t at_risk;
};

/* Failed, and not stopped by the receiver. Sums may have hit their ends. */
static inline uint64_t
report_delivered(const struct report_mails *n)
{
	uint64_t left = n->failed;

	left -= n->quarantined < left ? n->quarantined : left;
	return left - (n->rejected < left ? n->rejected : left);
}

struct report_totals {
	uint64_t reports;
	uint64_t incomplete; /* still being stored, or given up on the way */
	uint64_t records;
	struct report_mails n;
	int64_t begin, end; /* of all intervals; 0: no records */
	uint64_t failure_reports;
	uint64_t tls_reports;
	uint64_t tls_successful, tls_failed; /* sessions */
};

/* Text below is a stranger's, and NULL where it is not known. */

struct report_day {
	int64_t at; /* midnight UTC */
	struct report_mails n;
};

struct report_domain {
	const char *domain;
	const char *p, *sp, *pct; /* as last published */
	const char *policy;       /* the three in one text */
	int64_t published;        /* when that was */
	/* mails that would be hit at these policies, and are not now */
	uint64_t at_quarantine, at_reject;
	uint64_t reports;
	struct report_mails n;
};

/* Senders by name; by domain, else by address where there is no name. */
struct report_sender {
	const char *sender;
	const char *type, *country;
	uint64_t addresses;
	struct report_mails n;
};

/* Senders by address. */
struct report_source {
	const char *ip_address, *name, *country;
	struct report_mails n;
};

/* Where messages come from: see record-schema.md. */
struct report_category {
	const char *category; /* NULL: stored before it was told */
	uint64_t sources;     /* distinct addresses */
	struct report_mails n;
};

/* Messages that did not pass DMARC. */
struct report_failure {
	const char *header_from;
	const char *ip_address, *name;
	const char *disposition;
	const char *dkim, *spf; /* policy_evaluated: is it aligned? */
	/* of one record: "selector / domain / result", comma separated */
	const char *dkim_results, *spf_results;
	int64_t record; /* that one */
	uint64_t record_messages;
	uint64_t messages;
};

/* Aggregate reports, the latest that was stored first. */
struct report_received {
	int64_t id;
	const char *report_id, *org_name, *domain;
	int64_t begin, end;
	struct report_mails n;
};

/* Records of the one report that was asked for. */
struct report_record {
	const char *ip_address, *name;
	uint64_t messages;
	const char *disposition, *dkim, *spf;
	const char *header_from, *envelope_from;
	const char *dkim_results, *spf_results;
};

/* Why receivers did other than the policy says. */
struct report_override {
	const char *type;
	uint64_t messages;
};

/* Mails that failure reports are about. */
struct report_failed_mail {
	const char *domain;
	const char *ip_address, *name;
	uint64_t reports;
	int64_t last_arrival; /* INT64_MIN: not known */
};

/* The latest of them. */
struct report_sample {
	int64_t id, arrival; /* INT64_MIN: not known */
	const char *domain, *ip_address, *name;
	const char *from, *subject, *auth_failure, *delivery;
};

/* Sessions of a policy, by SMTP TLS reports. */
struct report_tls_policy {
	const char *domain, *type;
	uint64_t reports, sessions, successful, failed;
};

/* Why sessions failed. */
struct report_tls_failure {
	const char *domain, *result_type, *mx_hostname;
	uint64_t failed;
};

struct report_reporter {
	const char *org_name;
	uint64_t reports;
	struct report_mails n;
	int64_t last_received; /* 0: not known */
};

/*
 * Lists are sorted, the largest first; days by time, and all of them; count is
 * of the rows that are here.
 */
struct sqlite_report {
	struct report_totals totals;
	struct report_day *days;
	struct report_domain *domains;
	struct report_sender *senders;
	struct report_source *sources;
	struct report_category *categories;
	struct report_failure *failures;
	struct report_received *reports;
	struct report_record *records;
	struct report_override *overrides;
	struct report_reporter *reporters;
	struct report_failed_mail *failed_mails;
	struct report_sample *samples;
	struct report_tls_policy *tls_policies;
	struct report_tls_failure *tls_failures;
	size_t day_count, domain_count, category_count, sender_count,
	    source_count;
	size_t failure_count, override_count, reporter_count;
	size_t report_count, record_count;
	size_t failed_mail_count, sample_count;
	size_t tls_policy_count, tls_failure_count;
	/* how many senders there are, beyond the top */
	size_t senders_all;
};

/*
 * Read the database at path into a. 1: *out is filled. 0: there is no
 * database. -1: *e.
 */
int sqlite_report_read(struct sqlite_report *out, struct arena *a,
    const char *path, const struct sqlite_report_filter *filter, struct err *e);

#endif
