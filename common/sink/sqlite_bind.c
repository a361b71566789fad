/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_bind.c - values into the parameters of a statement.
 */
#include <sqlite3.h>

#include "common/base/json.h"
#include "common/sink/sqlite_bind.h"

#define TEXTS_BYTES (64 * 1024) /* shows what it is about */

struct sqlite_binder
sqlite_binder_of(struct sqlite_db *db, enum sqlite_statement which)
{
	return (struct sqlite_binder){ .st = db->statement[which] };
}

static void
bound(struct sqlite_binder *b, int code)
{
	if (b->code == SQLITE_OK)
		b->code = code;
}

void
sqlite_bind_text(struct sqlite_binder *b, const char *text)
{
	bound(b, sqlite3_bind_text(b->st, ++b->at, text, -1, SQLITE_STATIC));
}

void
sqlite_bind_int(struct sqlite_binder *b, int64_t n)
{
	bound(b, sqlite3_bind_int64(b->st, ++b->at, n));
}

void
sqlite_bind_known_int(struct sqlite_binder *b, int64_t n)
{
	if (n != 0)
		sqlite_bind_int(b, n);
	else
		bound(b, sqlite3_bind_null(b->st, ++b->at));
}

void
sqlite_bind_digest(
    struct sqlite_binder *b, const unsigned char digest[REPORT_ID_BYTES])
{
	bound(b, sqlite3_bind_blob(
		     b->st, ++b->at, digest, REPORT_ID_BYTES, SQLITE_STATIC));
}

void
sqlite_bind_source(struct sqlite_binder *b, const struct source *s)
{
	sqlite_bind_text(b, s->ip_address);
	sqlite_bind_text(b, s->country);
	sqlite_bind_text(b, s->reverse_dns);
	sqlite_bind_text(b, s->base_domain);
	sqlite_bind_text(b, s->name);
	sqlite_bind_text(b, s->type);
	sqlite_bind_known_int(b, s->asn);
	sqlite_bind_text(b, s->as_name);
	sqlite_bind_text(b, s->as_domain);
	if (s->confirmed == SOURCE_UNKNOWN)
		sqlite_bind_text(b, NULL);
	else
		sqlite_bind_int(b, s->confirmed == SOURCE_YES);
}

/* A JSON array that SQLite copies; NULL for none. */
static void
bind_texts(struct sqlite_binder *b, const char *const *texts, size_t count)
{
	struct buf json;
	struct err e;

	buf_init(&json, SQLITE_TEXTS_MAX);
	(void)sqlite_texts_json(texts, count, &json, &e); /* few and short */
	bound(b,
	    sqlite3_bind_text(b->st, ++b->at, json.data, -1, SQLITE_TRANSIENT));
	buf_clear(&json);
}

static void
bind_reporter_auth(struct sqlite_binder *b, const struct reporter_auth *auth)
{
	sqlite_bind_text(b, auth->dkim);
	sqlite_bind_text(b, auth->dmarc);
	sqlite_bind_text(b, auth->spf);
	sqlite_bind_text(b, auth->method);
	sqlite_bind_text(b, auth->domain);
	sqlite_bind_text(b, auth->reporter);
	if (auth->is_asked)
		sqlite_bind_int(b, auth->aligned);
	else
		bound(b, sqlite3_bind_null(b->st, ++b->at));
}

void
sqlite_bind_intake(struct sqlite_binder *b, const struct intake *in)
{
	sqlite_bind_text(b, in->transport);
	sqlite_bind_known_int(b, in->received);
	sqlite_bind_text(b, in->message_id);
	sqlite_bind_text(b, in->envelope_from);
	sqlite_bind_text(b, in->envelope_recipient);
	bind_reporter_auth(b, &in->reporter_auth);
	bind_texts(b, in->discrepancies, in->discrepancy_count);
}

int
sqlite_query(struct sqlite_db *db, struct sqlite_binder *b, int64_t *value,
    struct err *e)
{
	int rc = 0;

	if (b->code == SQLITE_OK)
		b->code = sqlite3_step(b->st);
	if (b->code == SQLITE_ROW) {
		*value = sqlite3_column_int64(b->st, 0);
		rc = 1;
	} else if (b->code != SQLITE_DONE) {
		rc = sqlite_db_fail(db, b->code, e);
	}
	(void)sqlite3_reset(b->st);
	return rc;
}

int
sqlite_insert(struct sqlite_db *db, struct sqlite_binder *b, struct err *e)
{
	int64_t none;

	return sqlite_query(db, b, &none, e) < 0 ? -1 : 0;
}

int
sqlite_insert_item(struct sqlite_db *db, enum sqlite_statement which,
    int64_t owner_id, size_t position, const char *const *texts, size_t count,
    struct err *e)
{
	struct sqlite_binder b = sqlite_binder_of(db, which);
	size_t i;

	sqlite_bind_int(&b, owner_id);
	sqlite_bind_int(&b, (int64_t)position);
	for (i = 0; i < count; i++)
		sqlite_bind_text(&b, texts[i]);
	return sqlite_insert(db, &b, e);
}

int
sqlite_texts_json(
    const char *const *texts, size_t count, struct buf *out, struct err *e)
{
	struct json j;
	size_t i;

	if (count == 0)
		return 0;
	json_begin(&j, out);
	json_array_begin(&j);
	for (i = 0; i < count && out->len < TEXTS_BYTES; i++)
		json_text(&j, texts[i]);
	json_array_end(&j);
	if (json_end(&j, e) == 0)
		return 0;
	e->kind = ERR_REFUSED;
	return -1;
}
