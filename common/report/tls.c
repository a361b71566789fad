/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.c - read an SMTP TLS report (RFC 8460).
 * in: an attachment, decoded (message/)    out: a report with its one record
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/report/report_id.h"
#include "common/report/tls_builder.h"

#define KNOWN_NAMES_LEAST 2 /* of the five: less is another JSON */
#define CANONICAL_GROWTH 16 /* at most so: 1e9 becomes 1000000000 */

/* The members that the id is made of, as they were written (report_id.h). */
static int
set_key(struct tls_builder *b, const json_t *root, struct err *e)
{
	struct report *r = &b->rr->report;
	const char *key[] = { "id1", "tls", b->org_name, r->tls.report_id,
		r->tls.begin_text, r->tls.end_text, NULL };
	const size_t count = sizeof(key) / sizeof(*key);
	struct buf canonical;
	int rc;

	buf_init(&canonical, (size_t)b->limits->tls_report * CANONICAL_GROWTH);
	rc = tls_json_canonical(root, &canonical, e);
	key[count - 1] = canonical.data;
	if (rc == 0)
		report_key(b->rr->hash, key, count, r->key);
	buf_clear(&canonical);
	return rc;
}

static void
set_record(struct report_reader *rr)
{
	const struct tls_report *t = &rr->report.tls;

	memcpy(rr->record.id, rr->report.key, sizeof(rr->record.id));
	rr->record.interval_begin = t->begin;
	rr->record.interval_end = t->end;
	rr->record.day = clock_day(t->begin);
}

static int
fill(struct report_reader *rr, const json_t *root, const struct tls_json *told,
    const struct conf_limits *limits, struct err *e)
{
	struct tls_builder b = { .rr = rr, .limits = limits };

	rr->report.kind = REPORT_TLS;
	if (tls_fill(&b, root, told, e) < 0 || set_key(&b, root, e) < 0)
		return -1;
	set_record(rr);
	return 0;
}

int
tls_read(struct report_reader **rr, struct reader *in,
    const struct report_setup *setup, struct err *e)
{
	struct report_reader *reading;
	struct tls_json told;
	json_t *root = NULL;
	int rc = tls_json_read(&root, in, setup->limits, &told, e);

	if (rc < 0)
		return told.is_broken || told.known_names > 0 ? -1 : 0;
	if (told.known_names < KNOWN_NAMES_LEAST) {
		json_decref(root);
		return 0;
	}
	reading = report_reader_new(setup);
	rc = fill(reading, root, &told, setup->limits, e);
	json_decref(root);
	if (rc < 0) {
		report_close(&reading);
		return -1;
	}
	*rr = reading;
	return 1;
}
