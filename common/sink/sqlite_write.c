/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_write.c - aggregate reports and their records as rows.
 */
#include <sqlite3.h>

#include "common/sink/sqlite_bind.h"
#include "common/sink/sqlite_write.h"

static void
bind_policy(struct sqlite_binder *b, const struct policy_published *p)
{
	sqlite_bind_text(b, p->domain);
	sqlite_bind_text(b, p->adkim);
	sqlite_bind_text(b, p->aspf);
	sqlite_bind_text(b, p->p);
	sqlite_bind_text(b, p->sp);
	sqlite_bind_text(b, p->pct);
	sqlite_bind_text(b, p->fo);
	sqlite_bind_text(b, p->np);
	sqlite_bind_text(b, p->testing);
	sqlite_bind_text(b, p->discovery_method);
}

/* In the order of STATEMENT_INSERT_REPORT. */
static int
insert_report(struct sqlite_db *db, const struct report *r, const char *errors,
    bool is_complete, struct err *e)
{
	const struct aggregate *agg = &r->aggregate;
	struct sqlite_binder b = sqlite_binder_of(db, STATEMENT_INSERT_REPORT);

	sqlite_bind_digest(&b, r->key);
	sqlite_bind_text(&b, agg->org_name);
	sqlite_bind_text(&b, agg->org_email);
	sqlite_bind_text(&b, agg->org_extra_contact_info);
	sqlite_bind_text(&b, agg->report_id);
	sqlite_bind_text(&b, agg->xml_schema);
	sqlite_bind_text(&b, agg->xml_namespace);
	sqlite_bind_text(&b, agg->generator);
	sqlite_bind_int(&b, agg->begin);
	sqlite_bind_int(&b, agg->end);
	bind_policy(&b, &agg->policy);
	sqlite_bind_int(&b, agg->normalized_timespan);
	sqlite_bind_text(&b, errors);
	sqlite_bind_int(&b, (int64_t)agg->unreadable_count);
	sqlite_bind_int(&b, is_complete);
	sqlite_bind_intake(&b, &r->intake);
	return sqlite_insert(db, &b, e);
}

/* which: STATEMENT_INSERT_REPORT_EXTENSION, or that of a record */
static int
insert_extensions(struct sqlite_db *db, enum sqlite_statement which,
    int64_t owner_id, const struct extension *list, size_t count, struct err *e)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const char *const texts[] = { list[i].path, list[i].text };

		if (sqlite_insert_item(db, which, owner_id, i, texts, 2, e) < 0)
			return -1;
	}
	return 0;
}

static int
find_report(struct sqlite_db *db, const struct report *r, int64_t *report_id,
    struct err *e)
{
	struct sqlite_binder b = sqlite_binder_of(db, STATEMENT_FIND_REPORT);

	sqlite_bind_digest(&b, r->key);
	return sqlite_query(db, &b, report_id, e);
}

static int
complete_report(struct sqlite_db *db, int64_t report_id, struct err *e)
{
	struct sqlite_binder b =
	    sqlite_binder_of(db, STATEMENT_COMPLETE_REPORT);

	sqlite_bind_int(&b, report_id);
	return sqlite_insert(db, &b, e);
}

/* It was there before, perhaps without its last piece. */
static int
use_report(struct sqlite_db *db, const struct report *r, bool is_complete,
    int64_t *report_id, struct err *e)
{
	if (find_report(db, r, report_id, e) < 0)
		return -1;
	return is_complete ? complete_report(db, *report_id, e) : 0;
}

int
sqlite_write_report(struct sqlite_db *db, const struct report *r,
    bool is_complete, int64_t *report_id, struct err *e)
{
	struct buf errors;
	int rc;

	buf_init(&errors, SQLITE_TEXTS_MAX);
	rc = sqlite_texts_json(
	    r->aggregate.errors, r->aggregate.error_count, &errors, e);
	if (rc == 0)
		rc = insert_report(db, r, errors.data, is_complete, e);
	buf_clear(&errors);
	if (rc < 0)
		return -1;
	if (sqlite3_changes(db->handle) == 0)
		return use_report(db, r, is_complete, report_id, e);
	*report_id = sqlite3_last_insert_rowid(db->handle);
	return insert_extensions(db, STATEMENT_INSERT_REPORT_EXTENSION,
	    *report_id, r->aggregate.extensions, r->aggregate.extension_count,
	    e);
}

static int
insert_dkim(struct sqlite_db *db, int64_t record_id, size_t position,
    const struct dkim_result *dkim, struct err *e)
{
	const char *const texts[] = { dkim->domain, dkim->selector,
		dkim->result, dkim->human_result };

	return sqlite_insert_item(
	    db, STATEMENT_INSERT_DKIM, record_id, position, texts, 4, e);
}

static int
insert_spf(struct sqlite_db *db, int64_t record_id, size_t position,
    const struct spf_result *spf, struct err *e)
{
	const char *const texts[] = { spf->domain, spf->scope, spf->result,
		spf->human_result };

	return sqlite_insert_item(
	    db, STATEMENT_INSERT_SPF, record_id, position, texts, 4, e);
}

static int
insert_override(struct sqlite_db *db, int64_t record_id, size_t position,
    const struct policy_override *override, struct err *e)
{
	const char *const texts[] = { override->type, override->comment };

	return sqlite_insert_item(
	    db, STATEMENT_INSERT_OVERRIDE, record_id, position, texts, 2, e);
}

/* In the order of STATEMENT_INSERT_RECORD. */
static int
insert_record(struct sqlite_db *db, int64_t report_id, const struct record *rec,
    struct err *e)
{
	struct sqlite_binder b = sqlite_binder_of(db, STATEMENT_INSERT_RECORD);

	sqlite_bind_int(&b, report_id);
	sqlite_bind_int(&b, (int64_t)rec->position);
	sqlite_bind_int(&b, rec->day);
	sqlite_bind_digest(&b, rec->id);
	sqlite_bind_int(&b, rec->interval_begin);
	sqlite_bind_int(&b, rec->interval_end);
	sqlite_bind_source(&b, &rec->source);
	sqlite_bind_int(&b, rec->message_count);
	sqlite_bind_text(&b, rec->disposition);
	sqlite_bind_text(&b, rec->policy_dkim);
	sqlite_bind_text(&b, rec->policy_spf);
	sqlite_bind_int(&b, rec->dkim_aligned);
	sqlite_bind_int(&b, rec->spf_aligned);
	sqlite_bind_int(&b, rec->passed_dmarc);
	sqlite_bind_text(&b, rec->header_from);
	sqlite_bind_text(&b, rec->envelope_from);
	sqlite_bind_text(&b, rec->envelope_to);
	sqlite_bind_text(&b, rec->category);
	return sqlite_insert(db, &b, e);
}

static int
insert_results(struct sqlite_db *db, int64_t record_id,
    const struct record *rec, struct err *e)
{
	size_t i;

	for (i = 0; i < rec->dkim_count; i++)
		if (insert_dkim(db, record_id, i, &rec->dkim_results[i], e) < 0)
			return -1;
	for (i = 0; i < rec->spf_count; i++)
		if (insert_spf(db, record_id, i, &rec->spf_results[i], e) < 0)
			return -1;
	for (i = 0; i < rec->override_count; i++)
		if (insert_override(db, record_id, i, &rec->overrides[i], e) <
		    0)
			return -1;
	return insert_extensions(db, STATEMENT_INSERT_RECORD_EXTENSION,
	    record_id, rec->extensions, rec->extension_count, e);
}

int
sqlite_write_record(struct sqlite_db *db, int64_t report_id,
    const struct record *rec, bool *is_new, struct err *e)
{
	if (insert_record(db, report_id, rec, e) < 0)
		return -1;
	*is_new = sqlite3_changes(db->handle) > 0;
	if (!*is_new)
		return 0; /* its results came in the same transaction */
	return insert_results(
	    db, sqlite3_last_insert_rowid(db->handle), rec, e);
}
