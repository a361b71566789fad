/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_failure.c - failure reports as rows. A report is written in one go,
 * so that it is there as a whole or not at all.
 */
#include <sqlite3.h>

#include "common/sink/sqlite_bind.h"
#include "common/sink/sqlite_write.h"

/* Lists of a report, made JSON arrays. */
struct lists {
	struct buf mechanisms, auth_failure, errors;
};

static int
make_lists(struct lists *l, const struct failure *f, struct err *e)
{
	buf_init(&l->mechanisms, SQLITE_TEXTS_MAX);
	buf_init(&l->auth_failure, SQLITE_TEXTS_MAX);
	buf_init(&l->errors, SQLITE_TEXTS_MAX);
	if (sqlite_texts_json(f->authentication_mechanisms,
		f->authentication_mechanism_count, &l->mechanisms, e) < 0 ||
	    sqlite_texts_json(f->auth_failure, f->auth_failure_count,
		&l->auth_failure, e) < 0)
		return -1;
	return sqlite_texts_json(f->errors, f->error_count, &l->errors, e);
}

static void
clear_lists(struct lists *l)
{
	buf_clear(&l->mechanisms);
	buf_clear(&l->auth_failure);
	buf_clear(&l->errors);
}

/* INT64_MIN means that nobody says. */
static void
bind_time(struct sqlite_binder *b, int64_t at)
{
	if (at == INT64_MIN)
		sqlite_bind_text(b, NULL);
	else
		sqlite_bind_int(b, at);
}

static void
bind_sample(struct sqlite_binder *b, const struct sample *s)
{
	sqlite_bind_text(b, s->raw);
	if (s->is_there)
		sqlite_bind_int(b, s->headers_only);
	else
		sqlite_bind_text(b, NULL);
	bind_time(b, s->kept == CONF_SAMPLE_NONE ? INT64_MIN : s->date);
	sqlite_bind_text(b, s->subject);
	sqlite_bind_text(b, s->body);
}

/* In the order of STATEMENT_INSERT_FAILURE. */
static int
insert_report(struct sqlite_db *db, const struct report *r,
    const struct source *source, const struct lists *l, struct err *e)
{
	const struct failure *f = &r->failure;
	struct sqlite_binder b = sqlite_binder_of(db, STATEMENT_INSERT_FAILURE);

	sqlite_bind_digest(&b, r->key);
	sqlite_bind_text(&b, f->feedback_type);
	sqlite_bind_text(&b, f->user_agent);
	sqlite_bind_text(&b, f->version);
	sqlite_bind_text(&b, f->original_mail_from);
	sqlite_bind_text(&b, f->original_rcpt_to);
	sqlite_bind_text(&b, f->original_envelope_id);
	bind_time(&b, f->arrival_date);
	sqlite_bind_text(&b, f->domain);
	sqlite_bind_text(&b, f->authentication_results);
	sqlite_bind_text(&b, f->delivery_results);
	sqlite_bind_source(&b, source);
	sqlite_bind_text(&b, l->mechanisms.data);
	sqlite_bind_text(&b, l->auth_failure.data);
	sqlite_bind_text(&b, f->dkim_domain);
	sqlite_bind_text(&b, l->errors.data);
	bind_sample(&b, &f->sample);
	sqlite_bind_intake(&b, &r->intake);
	return sqlite_insert(db, &b, e);
}

static int
insert_fields(struct sqlite_db *db, enum sqlite_statement which,
    int64_t report_id, const struct header_field *list, size_t count,
    struct err *e)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const char *const texts[] = { list[i].name, list[i].value };

		if (sqlite_insert_item(db, which, report_id, i, texts, 2, e) <
		    0)
			return -1;
	}
	return 0;
}

static int
insert_addresses(struct sqlite_db *db, int64_t report_id, const char *header,
    const struct mail_addresses *list, struct err *e)
{
	struct sqlite_binder b;
	size_t i;

	for (i = 0; i < list->count; i++) {
		b = sqlite_binder_of(db, STATEMENT_INSERT_SAMPLE_ADDRESS);
		sqlite_bind_int(&b, report_id);
		sqlite_bind_text(&b, header);
		sqlite_bind_int(&b, (int64_t)i);
		sqlite_bind_text(&b, list->item[i].display_name);
		sqlite_bind_text(&b, list->item[i].address);
		if (sqlite_insert(db, &b, e) < 0)
			return -1;
	}
	return 0;
}

static int
insert_attachments(struct sqlite_db *db, int64_t report_id,
    const struct sample *s, struct err *e)
{
	size_t i;

	for (i = 0; i < s->attachment_count; i++) {
		const char *const texts[] = { s->attachments[i].filename,
			s->attachments[i].content_type,
			s->attachments[i].sha256 };

		if (sqlite_insert_item(db, STATEMENT_INSERT_SAMPLE_ATTACHMENT,
			report_id, i, texts, 3, e) < 0)
			return -1;
	}
	return 0;
}

static int
insert_sample(struct sqlite_db *db, int64_t report_id, const struct sample *s,
    struct err *e)
{
	if (insert_fields(db, STATEMENT_INSERT_SAMPLE_HEADER, report_id,
		s->headers, s->header_count, e) < 0 ||
	    insert_addresses(db, report_id, "from", &s->from, e) < 0 ||
	    insert_addresses(db, report_id, "to", &s->to, e) < 0 ||
	    insert_addresses(db, report_id, "reply_to", &s->reply_to, e) < 0 ||
	    insert_addresses(db, report_id, "cc", &s->cc, e) < 0 ||
	    insert_addresses(db, report_id, "bcc", &s->bcc, e) < 0)
		return -1;
	return insert_attachments(db, report_id, s, e);
}

int
sqlite_write_failure(struct sqlite_db *db, const struct report *r,
    const struct source *source, bool *is_new, struct err *e)
{
	const struct failure *f = &r->failure;
	struct lists lists;
	int64_t report_id;
	int rc;

	rc = make_lists(&lists, f, e);
	if (rc == 0)
		rc = insert_report(db, r, source, &lists, e);
	clear_lists(&lists);
	if (rc < 0)
		return -1;
	*is_new = sqlite3_changes(db->handle) > 0;
	if (!*is_new)
		return 0;
	report_id = sqlite3_last_insert_rowid(db->handle);
	if (insert_fields(db, STATEMENT_INSERT_FAILURE_FIELD, report_id,
		f->fields, f->field_count, e) < 0)
		return -1;
	return insert_sample(db, report_id, &f->sample, e);
}
