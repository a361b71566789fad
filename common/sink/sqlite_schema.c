/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_schema.c - the tables of the SQLite sink and their versions.
 *
 * Columns are named as the fields of the documents (doc/record-schema.md);
 * what is an object there has its name as a prefix where two would clash.
 * Times are seconds UTC; the views say them as text.
 *
 * Records come sorted by (report, position, day): their unique index grows at
 * its end, where an index on the digest alone would touch a random page for
 * each record. The child tables are stored in the order of their records.
 */
#include <sqlite3.h>
#include <stddef.h>

#include "common/sink/sqlite_db.h"
#include "common/sink/sqlite_schema.h"

#define APPLICATION_ID 0x444d4149 /* "DMAI"; 1145913673 in step 1 */

/* Whose report it is, and what in it does not fit together. */
#define ADD_REPORTER_AUTH(table) \
	"ALTER TABLE " table " ADD COLUMN intake_reporter_auth_dkim TEXT;" \
	"ALTER TABLE " table " ADD COLUMN intake_reporter_auth_dmarc TEXT;" \
	"ALTER TABLE " table " ADD COLUMN intake_reporter_auth_spf TEXT;" \
	"ALTER TABLE " table " ADD COLUMN intake_reporter_auth_method TEXT;" \
	"ALTER TABLE " table " ADD COLUMN intake_reporter_auth_domain TEXT;" \
	"ALTER TABLE " table " ADD COLUMN intake_reporter_auth_reporter TEXT;" \
	"ALTER TABLE " table \
	" ADD COLUMN intake_reporter_auth_aligned INTEGER;" \
	"ALTER TABLE " table " ADD COLUMN intake_discrepancies TEXT;"

/* Who has sent reports: of a kind, under the name in column. */
#define REPORTER(kind, column, table) \
	"SELECT '" kind "' AS kind, id, " column " AS org_name," \
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', intake_received, 'unixepoch')" \
	"  AS intake_received, intake_envelope_from," \
	" intake_reporter_auth_dkim AS dkim," \
	" intake_reporter_auth_dmarc AS dmarc," \
	" intake_reporter_auth_spf AS spf," \
	" intake_reporter_auth_method AS method," \
	" intake_reporter_auth_domain AS domain," \
	" intake_reporter_auth_reporter AS reporter," \
	" intake_reporter_auth_aligned AS aligned," \
	" intake_discrepancies AS discrepancies FROM " table

/* Step n brings version n to n + 1. Never change one that was released. */
static const char *const steps[] = {
	"CREATE TABLE aggregate_report ("
	" id INTEGER PRIMARY KEY,"
	" key BLOB NOT NULL UNIQUE,"
	" org_name TEXT,"
	" org_email TEXT,"
	" org_extra_contact_info TEXT,"
	" report_id TEXT,"
	" xml_schema TEXT,"
	" xml_namespace TEXT,"
	" generator TEXT,"
	" date_begin INTEGER NOT NULL,"
	" date_end INTEGER NOT NULL,"
	" domain TEXT,"
	" adkim TEXT,"
	" aspf TEXT,"
	" p TEXT,"
	" sp TEXT,"
	" pct INTEGER," /* what is no number stays as it was written */
	" fo TEXT,"
	" np TEXT,"
	" testing TEXT,"
	" discovery_method TEXT,"
	" normalized_timespan INTEGER NOT NULL,"
	" errors TEXT,"
	" unreadable_count INTEGER NOT NULL,"
	" complete INTEGER NOT NULL DEFAULT 0,"
	" intake_transport TEXT,"
	" intake_received INTEGER,"
	" intake_message_id TEXT,"
	" intake_envelope_from TEXT,"
	" intake_envelope_recipient TEXT);"

	"CREATE INDEX aggregate_report_date ON aggregate_report (date_end);"

	"CREATE TABLE aggregate_record ("
	" id INTEGER PRIMARY KEY,"
	" report_id INTEGER NOT NULL"
	"  REFERENCES aggregate_report ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" day INTEGER NOT NULL,"
	" digest BLOB NOT NULL,"
	" date_begin INTEGER NOT NULL,"
	" date_end INTEGER NOT NULL,"
	" source_ip_address TEXT,"
	" source_country TEXT,"
	" source_reverse_dns TEXT,"
	" source_base_domain TEXT,"
	" source_name TEXT,"
	" source_type TEXT,"
	" source_asn INTEGER,"
	" source_as_name TEXT,"
	" source_as_domain TEXT,"
	" message_count INTEGER NOT NULL,"
	" disposition TEXT,"
	" policy_dkim TEXT,"
	" policy_spf TEXT,"
	" dkim_aligned INTEGER NOT NULL,"
	" spf_aligned INTEGER NOT NULL,"
	" passed_dmarc INTEGER NOT NULL,"
	" header_from TEXT,"
	" envelope_from TEXT,"
	" envelope_to TEXT,"
	" UNIQUE (report_id, position, day, digest));"

	"CREATE TABLE aggregate_record_dkim ("
	" record_id INTEGER NOT NULL"
	"  REFERENCES aggregate_record ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" domain TEXT, selector TEXT, result TEXT, human_result TEXT,"
	" PRIMARY KEY (record_id, position)) WITHOUT ROWID;"

	"CREATE TABLE aggregate_record_spf ("
	" record_id INTEGER NOT NULL"
	"  REFERENCES aggregate_record ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" domain TEXT, scope TEXT, result TEXT, human_result TEXT,"
	" PRIMARY KEY (record_id, position)) WITHOUT ROWID;"

	"CREATE TABLE aggregate_record_override ("
	" record_id INTEGER NOT NULL"
	"  REFERENCES aggregate_record ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" type TEXT, comment TEXT,"
	" PRIMARY KEY (record_id, position)) WITHOUT ROWID;"

	/* For people: complete reports only, times as text. */
	"CREATE VIEW view_aggregate_report AS SELECT r.id, org_name, org_email,"
	" org_extra_contact_info, report_id,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', date_begin, 'unixepoch')"
	"  AS date_begin,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', date_end, 'unixepoch')"
	"  AS date_end,"
	" domain, adkim, aspf, p, sp, pct, fo, np, testing, discovery_method,"
	" xml_schema, xml_namespace, generator, normalized_timespan, errors,"
	" unreadable_count, intake_transport,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', intake_received, 'unixepoch')"
	"  AS intake_received,"
	" intake_message_id, intake_envelope_from, intake_envelope_recipient"
	" FROM aggregate_report AS r WHERE complete;"

	"CREATE VIEW view_aggregate_record AS SELECT c.id, r.org_name,"
	" r.report_id, r.domain, r.p, r.sp, r.pct,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', c.date_begin, 'unixepoch')"
	"  AS date_begin,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', c.date_end, 'unixepoch')"
	"  AS date_end,"
	" c.source_ip_address, c.source_country, c.source_reverse_dns,"
	" c.source_base_domain, c.source_name, c.source_type, c.source_asn,"
	" c.source_as_name, c.source_as_domain, c.message_count,"
	" c.disposition, c.dkim_aligned, c.spf_aligned, c.passed_dmarc,"
	" c.header_from, c.envelope_from, c.envelope_to,"
	" (SELECT group_concat(coalesce(selector, '') || ' / '"
	"   || coalesce(domain, '') || ' / ' || coalesce(result, ''), ', ')"
	"  FROM aggregate_record_dkim WHERE record_id = c.id)"
	"  AS dkim_results_combined,"
	" (SELECT group_concat(coalesce(scope, '') || ' / '"
	"   || coalesce(domain, '') || ' / ' || coalesce(result, ''), ', ')"
	"  FROM aggregate_record_spf WHERE record_id = c.id)"
	"  AS spf_results_combined"
	" FROM aggregate_record AS c"
	" JOIN aggregate_report AS r ON r.id = c.report_id WHERE r.complete;"

	"PRAGMA application_id = 1145913673;"
	"PRAGMA user_version = 1;",

	/* SMTP TLS reports; lists of texts are JSON arrays */
	"CREATE TABLE smtp_tls_report ("
	" id INTEGER PRIMARY KEY,"
	" key BLOB NOT NULL UNIQUE,"
	" org_name TEXT,"
	" contact_info TEXT,"
	" report_id TEXT,"
	" date_begin INTEGER NOT NULL,"
	" date_end INTEGER NOT NULL,"
	" errors TEXT,"
	" intake_transport TEXT,"
	" intake_received INTEGER,"
	" intake_message_id TEXT,"
	" intake_envelope_from TEXT,"
	" intake_envelope_recipient TEXT);"

	"CREATE INDEX smtp_tls_report_date ON smtp_tls_report (date_end);"

	"CREATE TABLE smtp_tls_policy ("
	" id INTEGER PRIMARY KEY,"
	" report_id INTEGER NOT NULL"
	"  REFERENCES smtp_tls_report ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" policy_domain TEXT,"
	" policy_type TEXT,"
	" policy_string TEXT,"
	" mx_host_patterns TEXT,"
	" successful_session_count INTEGER NOT NULL,"
	" failed_session_count INTEGER NOT NULL,"
	" UNIQUE (report_id, position));"

	"CREATE TABLE smtp_tls_failure_detail ("
	" policy_id INTEGER NOT NULL"
	"  REFERENCES smtp_tls_policy ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" result_type TEXT,"
	" sending_mta_ip TEXT,"
	" receiving_ip TEXT,"
	" receiving_mx_hostname TEXT,"
	" receiving_mx_helo TEXT,"
	" failed_session_count INTEGER NOT NULL,"
	" additional_information_uri TEXT,"
	" failure_reason_code TEXT,"
	" PRIMARY KEY (policy_id, position)) WITHOUT ROWID;"

	"CREATE VIEW view_smtp_tls_policy AS SELECT p.id, r.org_name,"
	" r.contact_info, r.report_id,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', r.date_begin, 'unixepoch')"
	"  AS date_begin,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', r.date_end, 'unixepoch')"
	"  AS date_end,"
	" p.policy_domain, p.policy_type, p.policy_string, p.mx_host_patterns,"
	" p.successful_session_count, p.failed_session_count, r.errors,"
	" r.intake_transport,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', r.intake_received, 'unixepoch')"
	"  AS intake_received,"
	" r.intake_message_id, r.intake_envelope_from,"
	" r.intake_envelope_recipient"
	" FROM smtp_tls_policy AS p"
	" JOIN smtp_tls_report AS r ON r.id = p.report_id;"

	"CREATE VIEW view_smtp_tls_failure_detail AS SELECT r.org_name,"
	" r.report_id,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', r.date_begin, 'unixepoch')"
	"  AS date_begin,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', r.date_end, 'unixepoch')"
	"  AS date_end,"
	" p.policy_domain, p.policy_type, f.result_type, f.sending_mta_ip,"
	" f.receiving_ip, f.receiving_mx_hostname, f.receiving_mx_helo,"
	" f.failed_session_count, f.additional_information_uri,"
	" f.failure_reason_code"
	" FROM smtp_tls_failure_detail AS f"
	" JOIN smtp_tls_policy AS p ON p.id = f.policy_id"
	" JOIN smtp_tls_report AS r ON r.id = p.report_id;"

	"PRAGMA user_version = 2;",

	/*
	 * Failure reports. What is missing in a sample is what
	 * failure_sample did not let in.
	 */
	"CREATE TABLE failure_report ("
	" id INTEGER PRIMARY KEY,"
	" key BLOB NOT NULL UNIQUE,"
	" feedback_type TEXT,"
	" user_agent TEXT,"
	" version TEXT,"
	" original_mail_from TEXT,"
	" original_rcpt_to TEXT,"
	" original_envelope_id TEXT,"
	" arrival_date INTEGER," /* NULL: nobody says */
	" domain TEXT,"
	" authentication_results TEXT,"
	" delivery_results TEXT,"
	" source_ip_address TEXT,"
	" source_country TEXT,"
	" source_reverse_dns TEXT,"
	" source_base_domain TEXT,"
	" source_name TEXT,"
	" source_type TEXT,"
	" source_asn INTEGER,"
	" source_as_name TEXT,"
	" source_as_domain TEXT,"
	" authentication_mechanisms TEXT," /* a JSON array, as auth_failure */
	" auth_failure TEXT,"
	" dkim_domain TEXT,"
	" errors TEXT,"
	" sample_raw TEXT,"
	" sample_headers_only INTEGER," /* NULL: there is no sample */
	" sample_date INTEGER,"
	" sample_subject TEXT,"
	" sample_body TEXT,"
	" intake_transport TEXT,"
	" intake_received INTEGER,"
	" intake_message_id TEXT,"
	" intake_envelope_from TEXT,"
	" intake_envelope_recipient TEXT);"

	"CREATE INDEX failure_report_date ON failure_report (arrival_date);"

	"CREATE TABLE failure_field ("
	" report_id INTEGER NOT NULL"
	"  REFERENCES failure_report ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" name TEXT, value TEXT,"
	" PRIMARY KEY (report_id, position)) WITHOUT ROWID;"

	"CREATE TABLE failure_sample_header ("
	" report_id INTEGER NOT NULL"
	"  REFERENCES failure_report ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" name TEXT, value TEXT,"
	" PRIMARY KEY (report_id, position)) WITHOUT ROWID;"

	/* header: from, to, reply_to, cc, bcc */
	"CREATE TABLE failure_sample_address ("
	" report_id INTEGER NOT NULL"
	"  REFERENCES failure_report ON DELETE CASCADE,"
	" header TEXT NOT NULL,"
	" position INTEGER NOT NULL,"
	" display_name TEXT, address TEXT,"
	" PRIMARY KEY (report_id, header, position)) WITHOUT ROWID;"

	"CREATE TABLE failure_sample_attachment ("
	" report_id INTEGER NOT NULL"
	"  REFERENCES failure_report ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" filename TEXT, content_type TEXT, sha256 TEXT,"
	" PRIMARY KEY (report_id, position)) WITHOUT ROWID;"

	"CREATE VIEW view_failure_report AS SELECT r.id,"
	" strftime('%Y-%m-%dT%H:%M:%S', arrival_date, 'unixepoch')"
	"  AS arrival_date,"
	" domain, source_ip_address, source_country, source_reverse_dns,"
	" source_base_domain, source_name, source_type, source_asn,"
	" source_as_name, source_as_domain, feedback_type, auth_failure,"
	" authentication_mechanisms, authentication_results,"
	" delivery_results, dkim_domain, original_mail_from,"
	" original_rcpt_to, original_envelope_id, user_agent, version,"
	" (SELECT address FROM failure_sample_address"
	"  WHERE report_id = r.id AND header = 'from' AND position = 0)"
	"  AS sample_from,"
	" (SELECT address FROM failure_sample_address"
	"  WHERE report_id = r.id AND header = 'to' AND position = 0)"
	"  AS sample_to,"
	" sample_subject,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', sample_date, 'unixepoch')"
	"  AS sample_date,"
	" sample_headers_only, errors, intake_transport,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', intake_received, 'unixepoch')"
	"  AS intake_received,"
	" intake_message_id, intake_envelope_from, intake_envelope_recipient"
	" FROM failure_report AS r;"

	"PRAGMA user_version = 3;",

	/* What others put into aggregate reports: outside of records, in one */
	"CREATE TABLE aggregate_report_extension ("
	" report_id INTEGER NOT NULL"
	"  REFERENCES aggregate_report ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" path TEXT, text TEXT,"
	" PRIMARY KEY (report_id, position)) WITHOUT ROWID;"

	"CREATE TABLE aggregate_record_extension ("
	" record_id INTEGER NOT NULL"
	"  REFERENCES aggregate_record ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" path TEXT, text TEXT,"
	" PRIMARY KEY (record_id, position)) WITHOUT ROWID;"

	"PRAGMA user_version = 4;",

	/* Names of addresses */
	"ALTER TABLE aggregate_record"
	" ADD COLUMN intake_reverse_dns_confirmed INTEGER;"
	"ALTER TABLE failure_report"
	" ADD COLUMN intake_reverse_dns_confirmed INTEGER;"
	"ALTER TABLE smtp_tls_failure_detail"
	" ADD COLUMN sending_mta_reverse_dns TEXT;"
	"ALTER TABLE smtp_tls_failure_detail ADD COLUMN sending_mta_name TEXT;"
	"ALTER TABLE smtp_tls_failure_detail"
	" ADD COLUMN receiving_reverse_dns TEXT;"
	"ALTER TABLE smtp_tls_failure_detail ADD COLUMN receiving_name TEXT;"

	"DROP VIEW view_smtp_tls_failure_detail;"
	"CREATE VIEW view_smtp_tls_failure_detail AS SELECT r.org_name,"
	" r.report_id,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', r.date_begin, 'unixepoch')"
	"  AS date_begin,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', r.date_end, 'unixepoch')"
	"  AS date_end,"
	" p.policy_domain, p.policy_type, f.result_type, f.sending_mta_ip,"
	" f.sending_mta_reverse_dns, f.sending_mta_name, f.receiving_ip,"
	" f.receiving_reverse_dns, f.receiving_name,"
	" f.receiving_mx_hostname, f.receiving_mx_helo,"
	" f.failed_session_count, f.additional_information_uri,"
	" f.failure_reason_code"
	" FROM smtp_tls_failure_detail AS f"
	" JOIN smtp_tls_policy AS p ON p.id = f.policy_id"
	" JOIN smtp_tls_report AS r ON r.id = p.report_id;"

	"PRAGMA user_version = 5;",

	/* clang-format off */
	ADD_REPORTER_AUTH("aggregate_report")
	ADD_REPORTER_AUTH("failure_report")
	ADD_REPORTER_AUTH("smtp_tls_report")

	"CREATE VIEW view_reporter AS "
	REPORTER("aggregate", "org_name", "aggregate_report WHERE complete")
	" UNION ALL " REPORTER("failure", "NULL", "failure_report")
	" UNION ALL " REPORTER("smtp_tls", "org_name", "smtp_tls_report") ";"

	"PRAGMA user_version = 6;",
	/* clang-format on */

	/* Where mails come from. */
	"ALTER TABLE aggregate_record ADD COLUMN intake_category TEXT;"
	"DROP VIEW view_aggregate_record;"
	"CREATE VIEW view_aggregate_record AS SELECT c.id, r.org_name,"
	" r.report_id, r.domain, r.p, r.sp, r.pct,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', c.date_begin, 'unixepoch')"
	"  AS date_begin,"
	" strftime('%Y-%m-%dT%H:%M:%S+00:00', c.date_end, 'unixepoch')"
	"  AS date_end,"
	" c.source_ip_address, c.source_country, c.source_reverse_dns,"
	" c.source_base_domain, c.source_name, c.source_type, c.source_asn,"
	" c.source_as_name, c.source_as_domain, c.message_count,"
	" c.disposition, c.dkim_aligned, c.spf_aligned, c.passed_dmarc,"
	" c.header_from, c.envelope_from, c.envelope_to,"
	" c.intake_category, c.intake_reverse_dns_confirmed,"
	" (SELECT group_concat(coalesce(selector, '') || ' / '"
	"   || coalesce(domain, '') || ' / ' || coalesce(result, ''), ', ')"
	"  FROM aggregate_record_dkim WHERE record_id = c.id)"
	"  AS dkim_results_combined,"
	" (SELECT group_concat(coalesce(scope, '') || ' / '"
	"   || coalesce(domain, '') || ' / ' || coalesce(result, ''), ', ')"
	"  FROM aggregate_record_spf WHERE record_id = c.id)"
	"  AS spf_results_combined"
	" FROM aggregate_record AS c"
	" JOIN aggregate_report AS r ON r.id = c.report_id WHERE r.complete;"

	"PRAGMA user_version = 7;",
};

const int sqlite_schema_version = (int)(sizeof(steps) / sizeof(*steps));

static int
ask_int(struct sqlite3 *handle, const char *path, const char *sql, int *value,
    struct err *e)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(handle, sql, -1, &st, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*value = sqlite3_column_int(st, 0);
	(void)sqlite3_finalize(st);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return sqlite_error(handle, path, code, e);
	return 0;
}

int
sqlite_schema_check(
    struct sqlite3 *handle, const char *path, int *version, struct err *e)
{
	int application = 0, number = 0, tables = 0;

	if (ask_int(handle, path, "PRAGMA application_id", &application, e) <
		0 ||
	    ask_int(handle, path, "PRAGMA user_version", &number, e) < 0 ||
	    ask_int(handle, path, "SELECT count(*) FROM sqlite_master", &tables,
		e) < 0)
		return -1;
	if (application == 0 && number == 0 && tables == 0) {
		*version = 0;
		return 0;
	}
	if (application != APPLICATION_ID)
		return err_set(e, ERR_CONF,
		    "sqlite: %s: is another program's database", path);
	if (number > sqlite_schema_version)
		return err_set(e, ERR_CONF,
		    "sqlite: %s: has version %d, made by a newer program; this "
		    "one knows version %d",
		    path, number, sqlite_schema_version);
	*version = number;
	return 0;
}

static int
run(struct sqlite3 *handle, const char *path, const char *sql, struct err *e)
{
	int code = sqlite3_exec(handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : sqlite_error(handle, path, code, e);
}

int
sqlite_schema_upgrade(struct sqlite3 *handle, const char *path, struct err *e)
{
	int version, rc = -1;

	if (run(handle, path, "BEGIN IMMEDIATE", e) < 0)
		return -1;
	/* again, under the lock: another process may have been faster */
	if (sqlite_schema_check(handle, path, &version, e) < 0)
		goto out;
	for (; version < sqlite_schema_version; version++)
		if (run(handle, path, steps[version], e) < 0)
			goto out;
	rc = run(handle, path, "COMMIT", e);
out:
	if (rc < 0 && !sqlite3_get_autocommit(handle))
		(void)sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}
