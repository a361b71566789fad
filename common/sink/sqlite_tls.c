/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_tls.c - SMTP TLS reports as rows. A report is written in one go, so
 * that it is there as a whole or not at all.
 */
#include <sqlite3.h>

#include "common/sink/sqlite_bind.h"
#include "common/sink/sqlite_write.h"

static int
insert_failure(struct sqlite_db *db, int64_t policy_id, size_t position,
    const struct tls_failure *f, struct err *e)
{
	struct sqlite_binder b =
	    sqlite_binder_of(db, STATEMENT_INSERT_TLS_FAILURE);
	char sending[TLS_ADDRESS_SIZE], receiving[TLS_ADDRESS_SIZE];

	sqlite_bind_int(&b, policy_id);
	sqlite_bind_int(&b, (int64_t)position);
	sqlite_bind_text(&b, f->result_type);
	sqlite_bind_text(&b, tls_address(f->sending_mta_ip, sending));
	sqlite_bind_text(&b, tls_address(f->receiving_ip, receiving));
	sqlite_bind_text(&b, f->receiving_mx_hostname);
	sqlite_bind_text(&b, f->receiving_mx_helo);
	sqlite_bind_int(&b, f->failed_session_count);
	sqlite_bind_text(&b, f->additional_information_uri);
	sqlite_bind_text(&b, f->failure_reason_code);
	sqlite_bind_text(&b, f->sending.reverse_dns);
	sqlite_bind_text(&b, f->sending.name);
	sqlite_bind_text(&b, f->receiving.reverse_dns);
	sqlite_bind_text(&b, f->receiving.name);
	return sqlite_insert(db, &b, e);
}

/* In the order of STATEMENT_INSERT_TLS_POLICY; texts are JSON arrays. */
static int
insert_policy_row(struct sqlite_db *db, int64_t report_id, size_t position,
    const struct tls_policy *p, const char *policy_string,
    const char *mx_host_patterns, struct err *e)
{
	struct sqlite_binder b =
	    sqlite_binder_of(db, STATEMENT_INSERT_TLS_POLICY);

	sqlite_bind_int(&b, report_id);
	sqlite_bind_int(&b, (int64_t)position);
	sqlite_bind_text(&b, p->policy_domain);
	sqlite_bind_text(&b, p->policy_type);
	sqlite_bind_text(&b, policy_string);
	sqlite_bind_text(&b, mx_host_patterns);
	sqlite_bind_int(&b, p->successful_session_count);
	sqlite_bind_int(&b, p->failed_session_count);
	return sqlite_insert(db, &b, e);
}

static int
insert_policy(struct sqlite_db *db, int64_t report_id, size_t position,
    const struct tls_policy *p, struct err *e)
{
	struct buf strings, hosts;
	int64_t policy_id;
	size_t i;
	int rc = -1;

	buf_init(&strings, SQLITE_TEXTS_MAX);
	buf_init(&hosts, SQLITE_TEXTS_MAX);
	if (sqlite_texts_json(
		p->policy_strings, p->policy_string_count, &strings, e) == 0 &&
	    sqlite_texts_json(
		p->mx_host_patterns, p->mx_host_pattern_count, &hosts, e) == 0)
		rc = insert_policy_row(
		    db, report_id, position, p, strings.data, hosts.data, e);
	policy_id = sqlite3_last_insert_rowid(db->handle);
	for (i = 0; rc == 0 && i < p->failure_count; i++)
		rc = insert_failure(db, policy_id, i, &p->failures[i], e);
	buf_clear(&strings);
	buf_clear(&hosts);
	return rc;
}

/* In the order of STATEMENT_INSERT_TLS_REPORT. */
static int
insert_report(struct sqlite_db *db, const struct report *r, const char *errors,
    struct err *e)
{
	const struct tls_report *t = &r->tls;
	struct sqlite_binder b =
	    sqlite_binder_of(db, STATEMENT_INSERT_TLS_REPORT);

	sqlite_bind_digest(&b, r->key);
	sqlite_bind_text(&b, t->org_name);
	sqlite_bind_text(&b, t->contact_info);
	sqlite_bind_text(&b, t->report_id);
	sqlite_bind_int(&b, t->begin);
	sqlite_bind_int(&b, t->end);
	sqlite_bind_text(&b, errors);
	sqlite_bind_intake(&b, &r->intake);
	return sqlite_insert(db, &b, e);
}

int
sqlite_write_tls(
    struct sqlite_db *db, const struct report *r, bool *is_new, struct err *e)
{
	const struct tls_report *t = &r->tls;
	struct buf errors;
	int64_t report_id;
	size_t i;
	int rc;

	buf_init(&errors, SQLITE_TEXTS_MAX);
	rc = sqlite_texts_json(t->errors, t->error_count, &errors, e);
	if (rc == 0)
		rc = insert_report(db, r, errors.data, e);
	buf_clear(&errors);
	if (rc < 0)
		return -1;
	*is_new = sqlite3_changes(db->handle) > 0;
	if (!*is_new)
		return 0;
	report_id = sqlite3_last_insert_rowid(db->handle);
	for (i = 0; i < t->policy_count; i++)
		if (insert_policy(db, report_id, i, &t->policies[i], e) < 0)
			return -1;
	return 0;
}
