/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - a report as it is after parsing and normalisation: what the
 * sinks see. Field names are those of the documents (doc/record-schema.md).
 *
 * All text is UTF-8; NULL means that the reporter did not say. Times are
 * seconds UTC. Everything is borrowed from the report (until report_close) or,
 * in a record, until the next report_next.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/reader.h"
#include "common/base/spill.h"
#include "common/base/suffix.h"
#include "common/message/sample.h"

#define REPORT_ID_BYTES 32     /* SHA-256 */
#define REPORT_ID_TEXT_SIZE 44 /* base64url and NUL */

enum report_kind { REPORT_AGGREGATE, REPORT_FAILURE, REPORT_TLS };

/* Who sent a report, by what the mail servers on our side say (RFC 8601). */
struct reporter_auth {
	bool is_asked;                  /* else there is nothing to tell */
	const char *dkim, *dmarc, *spf; /* "pass", "fail", ... */
	const char *method, *domain;    /* the one that is authenticated */
	const char *reporter; /* the domain that the report claims to be of */
	bool aligned;         /* the two are of one organization */
};

/* What is ours in a document: intake.* */
struct intake {
	const char *transport; /* lmtp, milter, imap, file */
	int64_t received;
	const char *message_id; /* of the mail that brought the report */
	const char *envelope_from;
	const char *envelope_recipient; /* the first one of ours */
	struct reporter_auth reporter_auth;
	const char *const *discrepancies; /* what does not fit together */
	size_t discrepancy_count;
	struct sheet *sheet; /* foreign; NULL, or where a printed report goes */
};

/* RFC 7489, appendix C: PolicyPublishedType; RFC 9990 adds the last four. */
struct policy_published {
	const char *domain, *adkim, *aspf, *p, *sp, *pct, *fo;
	const char *np, *testing, *discovery_method;
};

/*
 * What stands in a place that the report's own format leaves to others (RFC
 * 9990: extension).
 */
struct extension {
	const char *path; /* "record/extension/arc/seal": local names */
	const char *text; /* trimmed */
};

struct aggregate {
	const char *xml_schema; /* "draft" or the version as written */
	const char *xml_namespace;
	const char *org_name, *org_email, *org_extra_contact_info;
	const char *report_id; /* NULL: the reporter gave none */
	const char *generator;
	int64_t begin, end;
	bool normalized_timespan; /* longer than a day: records are sliced */
	struct policy_published policy;
	const char *
	    *errors; /* repairs, and what the reporter says went wrong */
	size_t error_count;
	const struct extension *extensions; /* outside of records */
	size_t extension_count;
	uint64_t record_count;     /* <record> elements that could be read */
	uint64_t unreadable_count; /* <record> elements that could not */
	bool is_followed;          /* another report begins behind it, unread */
};

/* Does the name of an address lead back to it? */
enum source_confirmed { SOURCE_UNKNOWN, SOURCE_NO, SOURCE_YES };

/* What enrichment knows of an address. */
struct source {
	const char *ip_address; /* trimmed, in lower case */
	const char *country, *reverse_dns, *base_domain, *name, *type;
	const char *as_name, *as_domain;
	int64_t asn; /* 0: unknown */
	enum source_confirmed confirmed;
};

/* One mail that failed (RFC 5965, RFC 6591, RFC 9991). */
struct failure {
	const char *feedback_type, *user_agent, *version;
	const char *original_mail_from, *original_rcpt_to;
	const char *original_envelope_id;
	int64_t arrival_date;          /* INT64_MIN: nobody says */
	const char *arrival_date_text; /* as written; NULL: from elsewhere */
	const char *domain; /* Reported-Domain, else that of the sample's From
			     */
	const char *authentication_results, *delivery_results;
	const char *dkim_domain, *message_id;
	const char *const *authentication_mechanisms;
	size_t authentication_mechanism_count;
	const char *const *auth_failure;
	size_t auth_failure_count;
	const struct header_field *fields; /* all of them, in their order */
	size_t field_count;
	struct source source;
	struct sample sample;
	const char **errors;
	size_t error_count;
};

/* RFC 8460, 4.4: one "failure-details" entry. */
struct tls_failure {
	const char *result_type, *sending_mta_ip, *receiving_ip;
	const char *receiving_mx_hostname, *receiving_mx_helo;
	const char *additional_information_uri, *failure_reason_code;
	int64_t failed_session_count;
	struct source sending, receiving; /* both addresses again, with names */
};

/* RFC 8460, 4.4: one entry of "policies". */
struct tls_policy {
	const char *policy_domain, *policy_type;
	const char *const *policy_strings;
	size_t policy_string_count;
	const char *const *mx_host_patterns;
	size_t mx_host_pattern_count;
	int64_t successful_session_count, failed_session_count;
	bool has_failures; /* the reporter wrote a list, perhaps without any */
	const struct tls_failure *failures;
	size_t failure_count;
};

/* One SMTP TLS report (RFC 8460). */
struct tls_report {
	const char *org_name, *contact_info, *report_id;
	int64_t begin, end;
	const char *begin_text, *end_text; /* as written */
	const struct tls_policy *policies;
	size_t policy_count;
	const char **errors;
	size_t error_count;
};

/* What kind says is filled; the others are empty. */
struct report {
	enum report_kind kind;
	unsigned char
	    key[REPORT_ID_BYTES]; /* of the report, without a record */
	struct intake intake;
	struct aggregate aggregate;
	struct failure failure;
	struct tls_report tls;
};

struct policy_override {
	const char *type, *comment;
};

struct dkim_result {
	const char *domain, *selector, *result, *human_result;
};

struct spf_result {
	const char *domain, *scope, *result, *human_result;
};

/*
 * One row of an aggregate report, or one UTC day's slice of it. A failure or
 * TLS report has exactly one record: its id, position 0, its times and day
 * (failure: INT64_MIN when undated), and nothing else.
 */
struct record {
	unsigned char id[REPORT_ID_BYTES]; /* all 0: report_omit_ids */
	uint64_t position; /* of the <record> in the report, from 0 */
	int64_t interval_begin, interval_end;
	int64_t day; /* of interval_begin, days since the epoch */
	struct source source;
	int64_t message_count;
	const char *disposition;
	const char *policy_dkim, *policy_spf; /* policy_evaluated, lower case */
	bool dkim_aligned, spf_aligned, passed_dmarc;
	const struct policy_override *overrides;
	size_t override_count;
	const char *header_from, *envelope_from, *envelope_to;
	const struct dkim_result *dkim_results;
	size_t dkim_count;
	const struct spf_result *spf_results;
	size_t spf_count;
	const struct extension *extensions;
	size_t extension_count;
	const char *category; /* static, of category_of; NULL: nobody asked */
};

/* A whole report that was read, its records in a spool. */
struct report_reader;

/* What reading needs; all foreign. */
struct report_setup {
	const struct conf_limits *limits;
	struct spill_pool *pool;
	const struct suffix_list *suffixes;
};

/*
 * Read one aggregate report (XML, RFC 7489 appendix C and RFC 9990) to its
 * end. The bytes come from in (foreign, may be read only in part on failure);
 * the records wait in a spool. setup must outlive *rr.
 *
 * 1: *rr is a report. 0: in tells that it is no aggregate report (its root
 * element is another one). -1: *e; ERR_MALFORMED and ERR_LIMIT are about the
 * report, the temporary kinds about us.
 */
int aggregate_read(struct report_reader **rr, struct reader *in,
    const struct report_setup *setup, struct err *e);

/* What the mail around a failure report says. Text is borrowed. */
struct failure_mail {
	const char *message_id;
	int64_t date, first_received; /* INT64_MIN: cannot be told */
};

/*
 * Read one failure report: the feedback part, or the text of Exim's kind, and
 * the mail that it is about (NULL: there is none), both foreign. keep says how
 * much of that mail is kept. Returns as aggregate_read; 0: feedback of another
 * kind than DMARC's.
 */
int failure_read(struct report_reader **rr, struct reader *feedback,
    struct reader *sample, const struct failure_mail *mail,
    enum conf_sample keep, const struct report_setup *setup, struct err *e);

/*
 * Read one SMTP TLS report (JSON, RFC 8460) to its end. Returns as
 * aggregate_read; 0: the JSON is something else.
 */
int tls_read(struct report_reader **rr, struct reader *in,
    const struct report_setup *setup, struct err *e);

/* An address as the document says it: in the shortest form, text unchanged
 * that is none. Returns address or text, which has TLS_ADDRESS_SIZE bytes. */
#define TLS_ADDRESS_SIZE 46
const char *tls_address(const char *address, char *text);

/*
 * Note in the report's errors what was repaired on the way to it. Copied.
 * Before the first record is taken.
 */
void report_note(struct report_reader *rr, const char *text);

/* Everything but the records. report_set_intake first, where there is one. */
const struct report *report_of(const struct report_reader *rr);
/* Copied. */
void report_set_intake(struct report_reader *rr, const struct intake *intake);

/*
 * Records come without their ids, for who has no use for them: a SHA-256 for
 * each is much, beside what reading takes. Before the first record is taken.
 */
void report_omit_ids(struct report_reader *rr);

/*
 * The next record, or the next day's slice of one: 1 with *rec filled, 0 at
 * the end, -1 and *e on trouble (the spool cannot be read).
 */
int report_next(struct report_reader *rr, struct record *rec, struct err *e);

/*
 * The address of the next record of an aggregate report (NULL: it has none),
 * without the cost of the record; returns as report_next. For a look at all of
 * them before the first report_next; report_rewind in between.
 */
int report_next_address(
    struct report_reader *rr, const char **address, struct err *e);

/*
 * A failure or TLS report has its sources outside of records: fill is called
 * for each with the address there, and text that it adds comes from the
 * report's own arena. Before the first record is taken.
 */
void report_each_source(struct report_reader *rr,
    void (*fill)(void *context, struct source *s, struct arena *text),
    void *context);

/* Start over at the first record. */
int report_rewind(struct report_reader *rr, struct err *e);

/* Takes NULL; leaves NULL. */
void report_close(struct report_reader **rr);

/* A deep copy in a, for a sink that works on it later. */
struct record *record_copy(struct arena *a, const struct record *rec);

#endif
