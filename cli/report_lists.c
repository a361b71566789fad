/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_lists.c - the lists of a report and their columns.
 */
#include <string.h>

#include "cli/report_lists.h"
#include "common/sink/sqlite_report.h"

#define TEXT(row, member, title, ...) \
	{ \
#member, title, CELL_TEXT, offsetof(struct row, member), 0, \
		    __VA_ARGS__ \
	}
#define COUNT(row, member, title, where) \
	{ \
#member, title, CELL_COUNT, offsetof(struct row, member), 0, \
		    where, false, LINK_NONE \
	}
#define MAILS(row, member, title, where) \
	{ \
#member, title, CELL_COUNT, offsetof(struct row, n.member), 0, \
		    where, false, LINK_NONE \
	}
#define SHARE(row, key, part, all, title, where) \
	{ \
		key, title, CELL_SHARE, offsetof(struct row, part), \
		    offsetof(struct row, all), where, false, LINK_NONE \
	}
#define TIME(row, member, title, where) \
	{ \
#member, title, CELL_TIME, offsetof(struct row, member), 0, \
		    where, false, LINK_NONE \
	}
/* What became of mails, the same in each list that counts them. */
#define OUTCOME(row) \
	SHARE(row, "pass_rate", n.passed, n.messages, "Pass", IN_ALL), \
	    MAILS(row, passed, "Passed", IN_DATA), \
	    MAILS(row, failed, "Failed", IN_DATA), \
	    MAILS(row, dkim, "DKIM", IN_DATA), \
	    MAILS(row, spf, "SPF", IN_DATA), \
	    MAILS(row, quarantined, "Quarantined", IN_DATA), \
	    MAILS(row, rejected, "Rejected", IN_DATA)

static const struct report_column days[] = {
	{ "day", "Day", CELL_DAY, offsetof(struct report_day, at), 0, IN_ALL,
	    false, LINK_NONE },
	MAILS(report_day, messages, "Messages", IN_ALL),
	OUTCOME(report_day),
};

static const struct report_column domains[] = {
	TEXT(report_domain, domain, "Domain", IN_ALL, true, LINK_DOMAIN),
	TEXT(report_domain, policy, "Published policy", IN_TEXT | IN_PAGE, true,
	    LINK_NONE),
	TEXT(report_domain, p, "p", IN_DATA, true, LINK_NONE),
	TEXT(report_domain, sp, "sp", IN_DATA, true, LINK_NONE),
	TEXT(report_domain, pct, "pct", IN_DATA, true, LINK_NONE),
	COUNT(report_domain, reports, "Reports", IN_ALL),
	MAILS(report_domain, messages, "Messages", IN_ALL),
	OUTCOME(report_domain),
	COUNT(report_domain, at_quarantine, "At quarantine", IN_ALL),
	COUNT(report_domain, at_reject, "At reject", IN_ALL),
	MAILS(report_domain, at_risk, "At risk", IN_ALL),
};

static const struct report_column categories[] = {
	TEXT(report_category, category, "Where from", IN_ALL, true, LINK_NONE),
	COUNT(report_category, sources, "Addresses", IN_ALL),
	MAILS(report_category, messages, "Messages", IN_ALL),
	OUTCOME(report_category),
};

static const struct report_column senders[] = {
	TEXT(report_sender, sender, "Sender", IN_ALL, true, LINK_SOURCE),
	TEXT(report_sender, type, "Category", IN_ALL, true, LINK_NONE),
	TEXT(report_sender, country, "Country", IN_ALL, false, LINK_NONE),
	COUNT(report_sender, addresses, "Addresses", IN_ALL),
	MAILS(report_sender, messages, "Messages", IN_ALL),
	OUTCOME(report_sender),
	SHARE(report_sender, "dkim_rate", n.dkim, n.messages, "DKIM",
	    IN_TEXT | IN_PAGE),
	SHARE(report_sender, "spf_rate", n.spf, n.messages, "SPF",
	    IN_TEXT | IN_PAGE),
};

static const struct report_column sources[] = {
	TEXT(report_source, ip_address, "Address", IN_ALL, true, LINK_SOURCE),
	TEXT(report_source, name, "Name", IN_ALL, true, LINK_SOURCE),
	TEXT(report_source, country, "Country", IN_ALL, false, LINK_NONE),
	MAILS(report_source, messages, "Messages", IN_ALL),
	OUTCOME(report_source),
};

static const struct report_column failures[] = {
	TEXT(report_failure, header_from, "From", IN_ALL, true, LINK_NONE),
	TEXT(report_failure, ip_address, "Address", IN_ALL, true, LINK_SOURCE),
	TEXT(report_failure, name, "Name", IN_ALL, true, LINK_SOURCE),
	COUNT(report_failure, messages, "Messages", IN_ALL),
	TEXT(report_failure, disposition, "Disposition", IN_ALL, false,
	    LINK_NONE),
	TEXT(report_failure, dkim, "DKIM", IN_TEXT | IN_DATA, false, LINK_NONE),
	TEXT(report_failure, spf, "SPF", IN_TEXT | IN_DATA, false, LINK_NONE),
	TEXT(report_failure, dkim_results, "DKIM signed", IN_DATA | IN_PAGE,
	    true, LINK_NONE),
	TEXT(report_failure, spf_results, "SPF checked", IN_DATA | IN_PAGE,
	    true, LINK_NONE),
};

static const struct report_column reports[] = {
	TEXT(report_received, report_id, "Report", IN_ALL, true, LINK_REPORT),
	TEXT(
	    report_received, org_name, "Reporter", IN_ALL, true, LINK_REPORTER),
	TEXT(report_received, domain, "Domain", IN_ALL, true, LINK_DOMAIN),
	TIME(report_received, begin, "Begin (UTC)", IN_ALL),
	TIME(report_received, end, "End (UTC)", IN_DATA),
	MAILS(report_received, messages, "Messages", IN_ALL),
	OUTCOME(report_received),
};

static const struct report_column records[] = {
	TEXT(report_record, ip_address, "Address", IN_ALL, true, LINK_SOURCE),
	TEXT(report_record, name, "Name", IN_ALL, true, LINK_SOURCE),
	COUNT(report_record, messages, "Messages", IN_ALL),
	TEXT(report_record, disposition, "Disposition", IN_ALL, false,
	    LINK_NONE),
	TEXT(report_record, dkim, "DKIM", IN_ALL, false, LINK_NONE),
	TEXT(report_record, spf, "SPF", IN_ALL, false, LINK_NONE),
	TEXT(report_record, header_from, "From", IN_ALL, true, LINK_NONE),
	TEXT(report_record, envelope_from, "Envelope from", IN_DATA, true,
	    LINK_NONE),
	TEXT(report_record, dkim_results, "DKIM signed", IN_DATA | IN_PAGE,
	    true, LINK_NONE),
	TEXT(report_record, spf_results, "SPF checked", IN_DATA | IN_PAGE, true,
	    LINK_NONE),
};

static const struct report_column overrides[] = {
	TEXT(report_override, type, "Reason", IN_ALL, true, LINK_NONE),
	COUNT(report_override, messages, "Messages", IN_ALL),
};

static const struct report_column reporters[] = {
	TEXT(
	    report_reporter, org_name, "Reporter", IN_ALL, true, LINK_REPORTER),
	COUNT(report_reporter, reports, "Reports", IN_ALL),
	MAILS(report_reporter, messages, "Messages", IN_ALL),
	OUTCOME(report_reporter),
	TIME(report_reporter, last_received, "Last heard (UTC)", IN_ALL),
};

static const struct report_column failed_mails[] = {
	TEXT(report_failed_mail, domain, "Domain", IN_ALL, true, LINK_DOMAIN),
	TEXT(report_failed_mail, ip_address, "Address", IN_ALL, true,
	    LINK_SOURCE),
	TEXT(report_failed_mail, name, "Name", IN_ALL, true, LINK_SOURCE),
	COUNT(report_failed_mail, reports, "Reports", IN_ALL),
	TIME(report_failed_mail, last_arrival, "Last mail (UTC)", IN_ALL),
};

static const struct report_column samples[] = {
	TIME(report_sample, arrival, "Arrived (UTC)", IN_ALL),
	TEXT(report_sample, domain, "Domain", IN_ALL, true, LINK_DOMAIN),
	TEXT(report_sample, ip_address, "Address", IN_ALL, true, LINK_SOURCE),
	TEXT(report_sample, name, "Name", IN_DATA | IN_PAGE, true, LINK_SOURCE),
	TEXT(report_sample, from, "From", IN_ALL, true, LINK_NONE),
	TEXT(report_sample, subject, "Subject", IN_ALL, true, LINK_NONE),
	TEXT(report_sample, auth_failure, "Failed", IN_ALL, false, LINK_NONE),
	TEXT(report_sample, delivery, "Delivery", IN_DATA | IN_PAGE, true,
	    LINK_NONE),
};

static const struct report_column tls_policies[] = {
	TEXT(report_tls_policy, domain, "Policy domain", IN_ALL, true,
	    LINK_DOMAIN),
	TEXT(report_tls_policy, type, "Type", IN_ALL, true, LINK_NONE),
	COUNT(report_tls_policy, reports, "Reports", IN_ALL),
	COUNT(report_tls_policy, sessions, "Sessions", IN_ALL),
	COUNT(report_tls_policy, failed, "Failed", IN_ALL),
	SHARE(report_tls_policy, "success_rate", successful, sessions,
	    "Successful", IN_ALL),
};

static const struct report_column tls_failures[] = {
	TEXT(report_tls_failure, domain, "Policy domain", IN_ALL, true,
	    LINK_DOMAIN),
	TEXT(report_tls_failure, result_type, "Failure", IN_ALL, true,
	    LINK_NONE),
	TEXT(report_tls_failure, mx_hostname, "MX", IN_ALL, true, LINK_NONE),
	COUNT(report_tls_failure, failed, "Sessions", IN_ALL),
};

#define LIST(list, one, title, note, none, where) \
	{ \
#list, title, note, none, list, sizeof(list) / sizeof(*list), \
		    offsetof(struct sqlite_report, list), \
		    offsetof(struct sqlite_report, one##_count), \
		    sizeof(*((struct sqlite_report *)NULL)->list), where \
	}

const struct report_list report_lists[] = {
	LIST(days, day, "Days", NULL, NULL, IN_DATA),
	LIST(domains, domain, "Domains",
	    "At quarantine, at reject: failed mails that such a policy would "
	    "hit "
	    "and that are not hit now. At risk: failed mails of senders that "
	    "mostly pass.",
	    NULL, IN_ALL),
	LIST(categories, category, "Categories",
	    "Forwarded: passed on by somebody. Misconfigured: ours or a "
	    "known service, to be mended. Unknown: nothing tells that they "
	    "are ours.",
	    NULL, IN_ALL),
	LIST(senders, sender, "Senders", NULL, NULL, IN_ALL),
	LIST(sources, source, "Top sources", NULL, NULL, IN_ALL),
	LIST(failures, failure, "Failed DMARC",
	    "What the receiver saw: DKIM as selector / domain / result, SPF "
	    "as scope / domain / result.",
	    "Nothing failed DMARC.", IN_ALL),
	LIST(records, record, "Records of this report", NULL, NULL, IN_ALL),
	LIST(overrides, override, "Policy overridden", NULL, NULL, IN_ALL),
	LIST(reporters, reporter, "Reporters", NULL, NULL, IN_ALL),
	LIST(reports, report, "Latest reports", NULL, NULL, IN_DATA | IN_PAGE),
	LIST(failed_mails, failed_mail, "Failure reports", NULL, NULL, IN_ALL),
	LIST(samples, sample, "Latest failed mails", NULL, NULL, IN_ALL),
	LIST(tls_policies, tls_policy, "SMTP TLS", NULL, NULL, IN_ALL),
	LIST(tls_failures, tls_failure, "Why TLS failed", NULL, NULL, IN_ALL),
};

const size_t report_list_count = sizeof(report_lists) / sizeof(*report_lists);

const struct report_list *
report_list_of(const char *name)
{
	size_t i;

	for (i = 0; i < report_list_count; i++)
		if (strcmp(report_lists[i].name, name) == 0)
			return &report_lists[i];
	return NULL;
}

size_t
report_rows(const struct report_list *list, const struct sqlite_report *r)
{
	size_t count;

	memcpy(&count, (const char *)r + list->count, sizeof(count));
	return count;
}

const void *
report_row(
    const struct report_list *list, const struct sqlite_report *r, size_t row)
{
	const char *rows;

	memcpy(&rows, (const char *)r + list->rows, sizeof(rows));
	return rows + row * list->row_size;
}

void
report_lists_cut(struct sqlite_report *r, size_t top)
{
	size_t i;

	for (i = 0; i < report_list_count; i++)
		if (report_lists[i].columns != days &&
		    report_rows(&report_lists[i], r) > top)
			memcpy((char *)r + report_lists[i].count, &top,
			    sizeof(top));
}

const char *
report_text_of(const struct report_column *c, const void *row)
{
	const char *text;

	memcpy(&text, (const char *)row + c->offset, sizeof(text));
	return text;
}

static uint64_t
count_at(const void *row, size_t offset)
{
	uint64_t n;

	memcpy(&n, (const char *)row + offset, sizeof(n));
	return n;
}

uint64_t
report_count_of(const struct report_column *c, const void *row)
{
	return count_at(row, c->offset);
}

uint64_t
report_whole_of(const struct report_column *c, const void *row)
{
	return count_at(row, c->whole);
}

bool
report_time_of(const struct report_column *c, const void *row, int64_t *at)
{
	memcpy(at, (const char *)row + c->offset, sizeof(*at));
	return c->cell == CELL_DAY || (*at != 0 && *at != INT64_MIN);
}
