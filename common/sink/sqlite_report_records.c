/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_report_records.c - one report down to its records.
 */
#include "common/sink/sqlite_report_internal.h"

#define COMBINED(first, table) \
	"(SELECT group_concat(coalesce(" first ", '') || ' / ' ||" \
	" coalesce(domain, '') || ' / ' || coalesce(result, ''), ', ')" \
	" FROM " table " WHERE record_id = c.id)"

static const char records_sql[] =
    "SELECT c.source_ip_address, c.source_name, c.message_count,"
    " c.disposition, c.policy_dkim, c.policy_spf, c.header_from,"
    " c.envelope_from, " COMBINED("selector",
	"aggregate_record_dkim") ","
				 " " COMBINED("scope",
				     "aggregate_record_spf") " FROM "
							     "aggregate_report "
							     "AS r"
							     " CROSS JOIN "
							     "aggregate_record "
							     "AS c ON "
							     "c.report_id = "
							     "r.id"
							     " WHER"
							     "E" RECORDS_FILTER
							     " ORDER BY "
							     "c.message_count "
							     "DESC, "
							     "c.position, "
							     "c.day LIMIT ?3";

static void
take_record(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->records[row] = (struct report_record){
		.ip_address = sqlite_reading_text(r, st, 0),
		.name = sqlite_reading_text(r, st, 1),
		.messages = sqlite_reading_count(st, 2),
		.disposition = sqlite_reading_text(r, st, 3),
		.dkim = sqlite_reading_text(r, st, 4),
		.spf = sqlite_reading_text(r, st, 5),
		.header_from = sqlite_reading_text(r, st, 6),
		.envelope_from = sqlite_reading_text(r, st, 7),
		.dkim_results = sqlite_reading_text(r, st, 8),
		.spf_results = sqlite_reading_text(r, st, 9),
	};
	r->out->record_count = row + 1;
}

int
sqlite_report_records(struct reading *r, struct err *e)
{
	if (r->filter->report == 0)
		return 0;
	r->out->records =
	    arena_alloc(r->arena, r->filter->top * sizeof(*r->out->records));
	return sqlite_reading_query(r, records_sql, take_record, e);
}
