/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_category.c - where the mails of a record come from: every row of the
 * decision table, and what must not move a record from one to another.
 */
#include <string.h>

#include "common/report/category.h"
#include "tests/unit/unit.h"

#define FROM "news.d.example"

static struct suffix_list *suffixes;

/* A NULL domain or type: there is no such result, override or source. */
static const struct row {
	const char *name;
	bool dkim_aligned, spf_aligned;
	struct dkim_result dkim;
	struct spf_result spf;
	struct policy_override override;
	const char *source_name, *source_type;
	enum source_confirmed confirmed;
	const char *category;
} rows[] = {
#define DKIM(d, r) .dkim = { .domain = d, .selector = "s", .result = r }
#define SPF(d, r) .spf = { .domain = d, .scope = "mfrom", .result = r }
#define OVERRIDE(t, c) .override = { .type = t, .comment = c }
#define SOURCE(n, t) .source_name = n, .source_type = t
	/* it passes */
	{ "both aligned", true, true, DKIM(FROM, "pass"), SPF(FROM, "pass"),
	    .category = "aligned" },
	{ "SPF alone", false, true, SPF(FROM, "pass"), .category = "aligned" },
	{ "SPF, told forwarded: the address is one of ours", false, true,
	    OVERRIDE("forwarded", NULL), .category = "aligned" },
	{ "SPF, a signature that broke", false, true, DKIM(FROM, "fail"),
	    .category = "aligned" },
	{ "DKIM, nothing known of SPF", true, false, DKIM(FROM, "pass"),
	    .category = "aligned" },
	{ "DKIM, a service with bounces of its own", true, false,
	    DKIM(FROM, "pass"), SPF("bounce.esp.example", "pass"),
	    SOURCE("ESP", "Marketing"), .category = "aligned" },
	{ "DKIM, SPF of somebody else failed", true, false,
	    SPF("bounce.esp.example", "fail"), .category = "aligned" },
	{ "DKIM, no SPF record", true, false, SPF(FROM, "none"),
	    .category = "aligned" },
	{ "DKIM, resolver away", true, false, SPF(FROM, "temperror"),
	    .category = "aligned" },
	{ "DKIM, SPF record cannot be read", true, false,
	    SPF(FROM, "permerror"), .category = "aligned" },
	{ "DKIM, only the HELO failed", true, false,
	    .spf = { FROM, "helo", "fail", NULL }, .category = "aligned" },
	{ "DKIM, sampled out", true, false, OVERRIDE("sampled_out", NULL),
	    .category = "aligned" },

	/* somebody passed it on */
	{ "DKIM, our SPF failed", true, false, DKIM(FROM, "pass"),
	    SPF(FROM, "fail"), .category = "forwarded" },
	{ "softfail", true, false, SPF("d.example", "softfail"),
	    .category = "forwarded" },
	{ "neutral", true, false, SPF("bounce.d.example", "neutral"),
	    .category = "forwarded" },
	{ "hardfail, as some write", true, false, SPF("d.example", "hardfail"),
	    .category = "forwarded" },
	{ "by a service with a name", true, false, SPF("d.example", "fail"),
	    SOURCE("Mail", "Email Provider"), .category = "forwarded" },
	{ "DKIM, told so", true, false, OVERRIDE("forwarded", NULL),
	    .category = "forwarded" },
	{ "DKIM, mailing list with bounces of its own", true, false,
	    SPF("list.example", "pass"), OVERRIDE("mailing_list", "x"),
	    .category = "forwarded" },
	{ "failed, told so", false, false, OVERRIDE("forwarded", NULL),
	    .category = "forwarded" },
	{ "failed, upper case", false, false, OVERRIDE("Forwarded", NULL),
	    .category = "forwarded" },
	{ "failed, mailing list", false, false, OVERRIDE("mailing_list", NULL),
	    .category = "forwarded" },
	{ "failed, trusted forwarder", false, false,
	    OVERRIDE("trusted_forwarder", NULL), .category = "forwarded" },
	{ "failed, ARC", false, false,
	    OVERRIDE("local_policy", "arc=pass as.1.list.example=pass"),
	    .category = "forwarded" },
	{ "told so, and a name", false, false, OVERRIDE("forwarded", NULL),
	    SOURCE("ESP", "Marketing"), .category = "forwarded" },

	/* these say nothing of the way */
	{ "failed, ARC failed", false, false,
	    OVERRIDE("local_policy", "arc=fail"), .category = "unknown" },
	{ "failed, ARC in another override", false, false,
	    OVERRIDE("other", "arc=pass"), .category = "unknown" },
	{ "failed, local policy", false, false, OVERRIDE("local_policy", NULL),
	    .category = "unknown" },
	{ "failed, sampled out", false, false, OVERRIDE("sampled_out", NULL),
	    .category = "unknown" },
	{ "failed, test mode", false, false, OVERRIDE("policy_test_mode", NULL),
	    .category = "unknown" },
	{ "failed, other", false, false, OVERRIDE("other", "forwarded"),
	    .category = "unknown" },

	/* ours, or a service of ours, not set up well */
	{ "our signature, strict alignment", false, false,
	    DKIM("d.example", "pass"), .category = "misconfigured" },
	{ "our SPF, strict alignment", false, false,
	    SPF("bounce.d.example", "pass"), .category = "misconfigured" },
	{ "a service with its own signature", false, false,
	    DKIM("esp.example", "pass"), SPF("esp.example", "pass"),
	    SOURCE("ESP", "Marketing"), .category = "misconfigured" },
	{ "a service, nothing passed", false, false, SPF(FROM, "fail"),
	    SOURCE("Desk", "SaaS"), .category = "misconfigured" },
	{ "a service, and its name leads back", false, false,
	    SOURCE("Desk", "SaaS"), .confirmed = SOURCE_YES,
	    .category = "misconfigured" },

	/* who knows */
	{ "nothing at all", false, false, .category = "unknown" },
	{ "everything failed", false, false, DKIM(FROM, "fail"),
	    SPF(FROM, "fail"), .category = "unknown" },
	{ "another's domain passed", false, false, DKIM("evil.example", "pass"),
	    SPF("evil.example", "pass"), .category = "unknown" },
	{ "a domain that ends like ours", false, false,
	    DKIM("notd.example", "pass"), .category = "unknown" },
	{ "a name that is not from the map", false, false,
	    SOURCE("evil.example", NULL), .category = "unknown" },
	{ "a line of an ISP", false, false, SOURCE("Net", "ISP"),
	    .category = "unknown" },
	{ "a machine of a hoster", false, false, SOURCE("Host", "Web Host"),
	    .category = "unknown" },
	{ "a machine in a cloud", false, false, SOURCE("Cloud", "IaaS"),
	    .category = "unknown" },
	{ "a host that says to be a service", false, false,
	    SOURCE("Desk", "SaaS"), .confirmed = SOURCE_NO,
	    .category = "unknown" },
	{ "our signature by a hoster", false, false, DKIM("d.example", "pass"),
	    SOURCE("Host", "Web Host"), .category = "misconfigured" },
};

static struct record
record_of(const struct row *row)
{
	return (struct record){
		.dkim_aligned = row->dkim_aligned,
		.spf_aligned = row->spf_aligned,
		.passed_dmarc = row->dkim_aligned || row->spf_aligned,
		.header_from = FROM,
		.dkim_results = &row->dkim,
		.dkim_count = row->dkim.domain != NULL,
		.spf_results = &row->spf,
		.spf_count = row->spf.domain != NULL,
		.overrides = &row->override,
		.override_count = row->override.type != NULL,
		.source = { .name = row->source_name,
		    .type = row->source_type,
		    .confirmed = row->confirmed },
	};
}

static void
test_row(void **state)
{
	const struct row *row = *state;
	const struct record rec = record_of(row);

	assert_string_equal(category_of(&rec, suffixes), row->category);
}

/* Of several results and overrides any one counts. */
static void
test_lists(void **state)
{
	static const struct dkim_result dkim[] = {
		{ "esp.example", "a", "pass", NULL },
		{ "d.example", "b", "pass", NULL },
	};
	static const struct spf_result spf[] = {
		{ "esp.example", "mfrom", "pass", NULL },
		{ "d.example", "mfrom", "softfail", NULL },
	};
	static const struct policy_override overrides[] = {
		{ NULL, NULL },
		{ "other", NULL },
		{ "mailing_list", NULL },
	};
	struct record rec = { .header_from = "d.example",
		.dkim_results = dkim,
		.dkim_count = 2,
		.spf_results = spf,
		.spf_count = 2,
		.overrides = overrides,
		.override_count = 2 };

	(void)state;
	assert_string_equal(category_of(&rec, suffixes), "misconfigured");
	rec.dkim_count = 1;
	assert_string_equal(category_of(&rec, suffixes), "unknown");
	rec.dkim_aligned = true;
	assert_string_equal(category_of(&rec, suffixes), "forwarded");
	rec.spf_count = 1;
	assert_string_equal(category_of(&rec, suffixes), "aligned");
	rec.override_count = 3;
	assert_string_equal(category_of(&rec, suffixes), "forwarded");
	rec.dkim_aligned = false;
	assert_string_equal(category_of(&rec, suffixes), "forwarded");
}

/* Without From nothing is ours. */
static void
test_no_from(void **state)
{
	static const struct dkim_result dkim = { "d.example", "s", "pass",
		NULL };
	struct record rec = {
		.header_from = "", .dkim_results = &dkim, .dkim_count = 1
	};

	(void)state;
	assert_string_equal(category_of(&rec, suffixes), "unknown");
	rec.header_from = NULL;
	assert_string_equal(category_of(&rec, suffixes), "unknown");
}

/* A public suffix is nobody's organization. */
static void
test_suffix(void **state)
{
	static const struct dkim_result dkim = { "evil.co.uk", "s", "pass",
		NULL };
	const struct record rec = {
		.header_from = "d.co.uk", .dkim_results = &dkim, .dkim_count = 1
	};

	(void)state;
	assert_string_equal(category_of(&rec, suffixes), "unknown");
}

int
main(void)
{
	static struct unit u;
	int rc;

	suffixes = suffix_list_open();
	UNIT_ROWS(&u, rows, test_row);
	UNIT_ONE(&u, test_lists);
	UNIT_ONE(&u, test_no_from);
	UNIT_ONE(&u, test_suffix);
	rc = unit_run("category", &u);
	suffix_list_close(&suffixes);
	return rc;
}
