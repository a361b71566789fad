/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_xml.h - aggregate reports for tests, out of pieces, and what
 * reading one needs.
 */
#ifndef UNIT_AGGREGATE_XML_H
#define UNIT_AGGREGATE_XML_H

#include "common/report/report.h"
#include "common/report/xml.h"
#include "tests/unit/material.h"

#define RANGE "<begin>1704067200</begin><end>1704153599</end>"
#define META_START \
	"<report_metadata><org_name>example.net</org_name>" \
	"<email>dmarc@example.net</email><report_id>r-1</report_id>"
#define META META_START "<date_range>" RANGE "</date_range></report_metadata>"
#define POLICY \
	"<policy_published><domain>example.org</domain><p>none</p>" \
	"</policy_published>"
#define ROW(ip, n) \
	"<row><source_ip>" ip "</source_ip><count>" n "</count>" \
	"<policy_evaluated><disposition>none</disposition><dkim>pass</dkim>" \
	"<spf>fail</spf></policy_evaluated></row>"
#define FROM "<identifiers><header_from>example.org</header_from></identifiers>"
#define AUTH \
	"<auth_results><dkim><domain>example.org</domain>" \
	"<selector>s1</selector><result>pass</result></dkim>" \
	"<spf><domain>mail.example.org</domain><result>fail</result></spf>" \
	"</auth_results>"
#define RECORD_OF(ip, n) "<record>" ROW(ip, n) FROM AUTH "</record>"
#define RECORD RECORD_OF("192.0.2.1", "7")
#define REPORT "<feedback>" META POLICY RECORD "</feedback>"

struct reading {
	struct conf_limits limits;
	struct spill_pool *pool;
	struct suffix_list *suffixes;
	struct report_reader *rr;
	const struct report *report; /* of rr */
	const struct aggregate *g;   /* likewise */
	struct err e;
};

static inline void
reading_start(struct reading *r)
{
	memset(r, 0, sizeof(*r));
	r->limits = material_limits();
	r->pool = spill_pool_new("/tmp", 64 * MIB);
	r->suffixes = suffix_list_open();
}

static inline int
reading_read(struct reading *r, const void *p, size_t len)
{
	const struct report_setup setup = { &r->limits, r->pool, r->suffixes };
	struct reader *in = reader_of_bytes(p, len);
	int rc;

	report_close(&r->rr);
	err_clear(&r->e);
	rc = aggregate_read(&r->rr, in, &setup, &r->e);
	reader_close(&in);
	if (rc == 1) {
		r->report = report_of(r->rr);
		r->g = &r->report->aggregate;
	} else {
		assert_null(r->rr);
	}
	assert_int_equal(rc < 0, r->e.kind != ERR_NONE);
	return rc;
}

static inline int
reading_text(struct reading *r, const char *xml)
{
	return reading_read(r, xml, strlen(xml));
}

static inline void
reading_end(struct reading *r)
{
	report_close(&r->rr);
	assert_int_equal(spill_pool_used(r->pool), 0);
	suffix_list_close(&r->suffixes);
	spill_pool_free(&r->pool);
}

#endif
