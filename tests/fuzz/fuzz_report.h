/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_report.h - what is done with a report of any kind: its records and
 * their documents, which must be JSON (RFC 8259), and twice the same.
 */
#ifndef FUZZ_FUZZ_REPORT_H
#define FUZZ_FUZZ_REPORT_H

#include <string.h>

#include <jansson.h>

#include "common/base/suffix.h"
#include "common/report/document.h"
#include "common/report/report.h"
#include "common/report/xml.h"
#include "tests/fuzz/fuzz.h"

#define DOCUMENT_MAX ((size_t)16 << 20)

static inline void
fuzz_document(struct document *d, const struct report *r,
    const struct record *rec, struct buf *out)
{
	const struct conf_index index = { .monthly = true };
	char name[INDEX_NAME_SIZE], id[REPORT_ID_TEXT_SIZE];
	json_t *json;
	struct err e;

	document_index(r, rec, &index, name);
	document_id(rec, id);
	fuzz_must(strlen(id) == REPORT_ID_TEXT_SIZE - 1);
	out->len = 0;
	fuzz_must(document_write(d, rec, out, &e) == 0);
	/* an id, and so a document, that a server would take */
	json = json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES, NULL);
	fuzz_must(json_is_object(json));
	json_decref(json);
	fuzz_must(memchr(out->data, '\n', out->len) == NULL);
}

/* All records, once more after a rewind: the same number, the same ids. */
static inline void
fuzz_records(struct report_reader *rr)
{
	const struct report *r = report_of(rr);
	uint64_t ids[2] = { 0 }, count[2] = { 0 };
	struct document d;
	struct record rec;
	struct err e;
	struct buf out;
	uint64_t head;
	int round, rc;

	buf_init(&out, DOCUMENT_MAX);
	document_init(&d, r);
	for (round = 0; round < 2; round++) {
		while ((rc = report_next(rr, &rec, &e)) == 1) {
			fuzz_must(rec.message_count >= 0);
			memcpy(&head, rec.id, sizeof(head));
			ids[round] = ids[round] * 31 + head;
			count[round]++;
			if (round == 0)
				fuzz_document(&d, r, &rec, &out);
		}
		fuzz_must(rc == 0);
		fuzz_must(report_rewind(rr, &e) == 0);
	}
	fuzz_must(count[0] == count[1] && ids[0] == ids[1]);
	document_clear(&d);
	buf_clear(&out);
}

typedef int fuzz_report_fn(struct report_reader **rr, struct reader *in,
    const struct report_setup *setup, struct err *e);

/* One report out of bytes, by aggregate_read or tls_read. */
static inline void
fuzz_report(fuzz_report_fn *read, const struct suffix_list *suffixes,
    const uint8_t *data, size_t size)
{
	const struct conf_limits limits = fuzz_limits();
	struct spill_pool *pool = spill_pool_new("/tmp", limits.temporary);
	const struct report_setup setup = { &limits, pool, suffixes };
	struct reader *in = reader_of_bytes(data, size);
	struct report_reader *rr = NULL;
	struct err e = { 0 };
	int rc = read(&rr, in, &setup, &e);

	fuzz_must(rc >= 0 || e.kind != ERR_NONE);
	if (rc == 1)
		fuzz_records(rr);
	report_close(&rr);
	reader_close(&in);
	spill_pool_free(&pool);
}

#endif
