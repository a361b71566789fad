/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ndjson_line.c - a document as one line.
 * in: a report and its records    out: lines in a buffer
 */
#include "common/sink/ndjson_line.h"

#define START_MAX 4096 /* an index name is much shorter */

void
ndjson_line_init(struct ndjson_line *l, const struct report *r,
    const struct conf_index *conf)
{
	document_init(&l->document, r);
	l->conf = conf;
	l->day = 0;
	buf_init(&l->start, START_MAX);
}

void
ndjson_line_clear(struct ndjson_line *l)
{
	document_clear(&l->document);
	buf_clear(&l->start);
}

/* Most records are of one day: the name of the index is made once. */
static int
set_start(struct ndjson_line *l, const struct record *rec, struct err *e)
{
	char name[INDEX_NAME_SIZE];
	struct json j;

	if (l->start.len > 0 && l->day == rec->day)
		return 0;
	document_index(l->document.report, rec, l->conf, name);
	buf_reset(&l->start);
	json_begin(&j, &l->start);
	json_object_begin(&j);
	json_field(&j, "_index", name);
	json_key(&j, "_id");
	if (j.err.kind != ERR_NONE) {
		buf_reset(&l->start);
		*e = j.err;
		return -1;
	}
	l->day = rec->day;
	return 0;
}

int
ndjson_line_add(struct ndjson_line *l, const struct record *rec,
    struct buf *out, struct err *e)
{
	char id[REPORT_ID_TEXT_SIZE + 2];
	size_t before = out->len, brace;

	if (set_start(l, rec, e) < 0)
		return -1;
	id[0] = '"';
	document_id(rec, id + 1);
	id[REPORT_ID_TEXT_SIZE] = '"';
	if (buf_add(out, l->start.data, l->start.len, e) < 0 ||
	    buf_add(out, id, REPORT_ID_TEXT_SIZE + 1, e) < 0)
		goto fail;
	brace = out->len;
	if (document_write(&l->document, rec, out, e) < 0)
		goto fail;
	out->data[brace] = ','; /* the two objects become one */
	if (buf_add(out, "\n", 1, e) < 0)
		goto fail;
	return 0;
fail:
	out->len = before;
	return -1;
}
