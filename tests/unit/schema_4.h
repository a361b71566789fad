/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_4.h - takes back what came after version 4 of the tables: a step of
 * sqlite_schema.c that alters a table adds its undoing here, on top.
 */
#ifndef UNIT_SCHEMA_4_H
#define UNIT_SCHEMA_4_H

#define DROP_REPORTER_AUTH(table) \
	"ALTER TABLE " table " DROP COLUMN intake_reporter_auth_dkim;" \
	"ALTER TABLE " table " DROP COLUMN intake_reporter_auth_dmarc;" \
	"ALTER TABLE " table " DROP COLUMN intake_reporter_auth_spf;" \
	"ALTER TABLE " table " DROP COLUMN intake_reporter_auth_method;" \
	"ALTER TABLE " table " DROP COLUMN intake_reporter_auth_domain;" \
	"ALTER TABLE " table " DROP COLUMN intake_reporter_auth_reporter;" \
	"ALTER TABLE " table " DROP COLUMN intake_reporter_auth_aligned;" \
	"ALTER TABLE " table " DROP COLUMN intake_discrepancies;"

/* clang-format off */
#define BACK_TO_SCHEMA_4 \
	"DROP VIEW view_aggregate_record;" \
	"ALTER TABLE aggregate_record DROP COLUMN intake_category;" \
	"CREATE VIEW view_aggregate_record AS SELECT 1;" \
	"DROP VIEW view_reporter;" \
	DROP_REPORTER_AUTH("aggregate_report") \
	DROP_REPORTER_AUTH("failure_report") \
	DROP_REPORTER_AUTH("smtp_tls_report") \
	"DROP VIEW view_smtp_tls_failure_detail;" \
	"ALTER TABLE aggregate_record" \
	" DROP COLUMN intake_reverse_dns_confirmed;" \
	"ALTER TABLE failure_report" \
	" DROP COLUMN intake_reverse_dns_confirmed;" \
	"ALTER TABLE smtp_tls_failure_detail" \
	" DROP COLUMN sending_mta_reverse_dns;" \
	"ALTER TABLE smtp_tls_failure_detail DROP COLUMN sending_mta_name;" \
	"ALTER TABLE smtp_tls_failure_detail" \
	" DROP COLUMN receiving_reverse_dns;" \
	"ALTER TABLE smtp_tls_failure_detail DROP COLUMN receiving_name;" \
	"CREATE VIEW view_smtp_tls_failure_detail AS SELECT 1;"
/* clang-format on */

#endif
