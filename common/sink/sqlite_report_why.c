/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_report_why.c - what DKIM and SPF said of mails that failed: one
 * record speaks for its row, that with the most mails.
 */
#include "common/sink/sqlite_report_internal.h"

static const char dkim_sql[] =
    "SELECT group_concat(coalesce(selector, '') || ' / ' ||"
    " coalesce(domain, '') || ' / ' || coalesce(result, ''), ', ')"
    " FROM aggregate_record_dkim WHERE record_id = ?1";

static const char spf_sql[] =
    "SELECT group_concat(coalesce(scope, '') || ' / ' ||"
    " coalesce(domain, '') || ' / ' || coalesce(result, ''), ', ')"
    " FROM aggregate_record_spf WHERE record_id = ?1";

/* The one value for this record. */
static int
ask(struct reading *r, sqlite3_stmt *st, int64_t record, const char **text,
    struct err *e)
{
	int code = sqlite3_bind_int64(st, 1, record);

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*text = sqlite_reading_text(r, st, 0);
	(void)sqlite3_reset(st);
	return code == SQLITE_ROW ? 0 : sqlite_reading_fail(r, code, e);
}

int
sqlite_report_why(struct reading *r, struct err *e)
{
	sqlite3_stmt *dkim = NULL, *spf = NULL;
	struct report_failure *f = r->out->failures;
	int code, rc = 0;
	size_t i;

	code = sqlite3_prepare_v2(r->handle, dkim_sql, -1, &dkim, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(r->handle, spf_sql, -1, &spf, NULL);
	if (code != SQLITE_OK)
		rc = sqlite_reading_fail(r, code, e);
	for (i = 0; rc == 0 && i < r->out->failure_count; i++) {
		rc = ask(r, dkim, f[i].record, &f[i].dkim_results, e);
		if (rc == 0)
			rc = ask(r, spf, f[i].record, &f[i].spf_results, e);
	}
	(void)sqlite3_finalize(dkim);
	(void)sqlite3_finalize(spf);
	return rc;
}
