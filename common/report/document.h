/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.h - the one place that knows the JSON shapes: the indexed document
 * (doc/record-schema.md) and the report JSON that parsedmarc prints.
 */
#ifndef REPORT_DOCUMENT_H
#define REPORT_DOCUMENT_H

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/json.h"
#include "common/report/report.h"

#define INDEX_NAME_SIZE 256

/*
 * Writes the documents of one report. What all records share is made once.
 * Borrows the report until document_clear.
 */
struct document {
	const struct report *report;
	struct buf head; /* the shared fields, made JSON */
	struct buf tail;
};

void document_init(struct document *d, const struct report *r);
/* Append the document of rec as one JSON object, without a line end. */
int document_write(const struct document *d, const struct record *rec,
    struct buf *out, struct err *e);
void document_clear(struct document *d);

/*
 * The index that rec belongs to: from content, never from the clock. name
 * has INDEX_NAME_SIZE bytes.
 */
void document_index(const struct report *r, const struct record *rec,
    const struct conf_index *conf, char *name);

/* rec->id as document id, base64url; text has REPORT_ID_TEXT_SIZE bytes. */
void document_id(const struct record *rec, char *text);

/* What the documents of all kinds share: members of an open object. */
void document_dates(struct json *j, int64_t begin, int64_t end);
void document_source(struct json *j, const struct source *s);
void document_intake(struct json *j, const struct intake *in);
/* key and an array; nothing at all when there are none. */
void document_texts(
    struct json *j, const char *key, const char *const *texts, size_t count);

/* document_tls.c: an SMTP TLS report is one document, and one object. */
int document_tls_write(const struct report *r, struct buf *out, struct err *e);
void report_json_tls(struct json *j, const struct report *r);

/* document_failure.c, report_json_failure.c: likewise. */
int document_failure_write(const struct report *r, const struct record *rec,
    struct buf *out, struct err *e);
void report_json_failure(struct json *j, const struct report *r);

/*
 * parsedmarc's report JSON in three pieces: all up to the first record, each
 * record (an array item), and the rest.
 */
void report_json_begin(struct json *j, const struct report *r);
void report_json_record(
    struct json *j, const struct report *r, const struct record *rec);
void report_json_end(struct json *j, const struct report *r);
/* A member of an open object, the same in both kinds that have one. */
void report_json_source(struct json *j, const struct source *s);

#endif
