/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reporter.c - whose report is it: what mail servers claim against what
 * the report says, the names in it against each other, and which reports may
 * be stored then.
 */
#include <string.h>

#include "common/message/report_name.h"
#include "common/pipeline_admit.h"
#include "common/pipeline_reporter.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define NOW 1700000000

static struct suffix_list *suffixes;

static struct report
aggregate_of(const char *org, const char *email, const char *domain)
{
	return (struct report){ .kind = REPORT_AGGREGATE,
		.aggregate = { .org_name = org,
		    .org_email = email,
		    .begin = NOW,
		    .end = NOW,
		    .policy = { .domain = domain } } };
}

/* "pass a.example" of each method; NULL: nothing is said of it. */
struct said {
	const char *dkim, *dmarc, *spf;
};

static void
claim(struct auth_claims *claims, struct arena *a, enum auth_method method,
    const char *text)
{
	struct auth_claim *made;
	const char *space;

	if (text == NULL)
		return;
	space = strchr(text, ' ');
	made = arena_alloc(a, sizeof(*made));
	made->method = method;
	made->result = space == NULL
			   ? text
			   : arena_strndup(a, text, (size_t)(space - text));
	made->domain = space == NULL ? NULL : space + 1;
	made->next = claims->first;
	claims->first = made;
}

static void
claim_all(struct auth_claims *claims, struct arena *a, const struct said *s)
{
	claim(claims, a, AUTH_SPF, s->spf);
	claim(claims, a, AUTH_DKIM, s->dkim);
	claim(claims, a, AUTH_DMARC, s->dmarc);
}

static const struct auth_row {
	const char *name;
	enum report_kind kind;
	const char *org, *contact; /* failure: contact is From */
	struct said said;
	const char *method, *domain, *reporter;
	bool aligned;
} auth_rows[] = {
	{ "DKIM of the reporter", REPORT_AGGREGATE, "big.example",
	    "dmarc@big.example", { "pass big.example", NULL, NULL }, "dkim",
	    "big.example", "big.example", true },
	{ "of a name below it", REPORT_AGGREGATE, "big.example",
	    "dmarc@big.example", { "pass mail.big.example", NULL, NULL },
	    "dkim", "mail.big.example", "big.example", true },
	{ "the reporter is a name below it", REPORT_AGGREGATE, "Big",
	    "d@reports.big.example", { "pass big.example", NULL, NULL }, "dkim",
	    "big.example", "reports.big.example", true },
	{ "SPF", REPORT_AGGREGATE, "big.example", NULL,
	    { NULL, NULL, "pass bounce.big.example" }, "spf",
	    "bounce.big.example", "big.example", true },
	{ "DMARC", REPORT_AGGREGATE, "big.example", NULL,
	    { NULL, "pass big.example", NULL }, "dmarc", "big.example",
	    "big.example", true },
	{ "a name for people: the address says who", REPORT_AGGREGATE,
	    "Big Mail Inc.", "dmarc@big.example",
	    { "pass big.example", NULL, NULL }, "dkim", "big.example",
	    "big.example", true },
	{ "the strongest of three", REPORT_AGGREGATE, "big.example", NULL,
	    { "pass big.example", "pass big.example", "pass big.example" },
	    "dkim", "big.example", "big.example", true },
	{ "the aligned one, not the strongest", REPORT_AGGREGATE, "big.example",
	    NULL, { "pass sender.example", NULL, "pass big.example" }, "spf",
	    "big.example", "big.example", true },
	{ "somebody else", REPORT_AGGREGATE, "big.example", "dmarc@big.example",
	    { "pass evil.example", NULL, NULL }, "dkim", "evil.example",
	    "big.example", false },
	{ "his own address, another's name", REPORT_AGGREGATE, "big.example",
	    "dmarc@evil.example",
	    { "pass evil.example", "pass evil.example", "pass evil.example" },
	    "dkim", "evil.example", "big.example", false },
	{ "a name that ends alike", REPORT_AGGREGATE, "big.example", NULL,
	    { "pass notbig.example", NULL, NULL }, "dkim", "notbig.example",
	    "big.example", false },
	{ "the same public suffix", REPORT_AGGREGATE, "big.co.uk", NULL,
	    { "pass evil.co.uk", NULL, NULL }, "dkim", "evil.co.uk",
	    "big.co.uk", false },
	{ "a public suffix itself", REPORT_AGGREGATE, "big.co.uk", NULL,
	    { "pass co.uk", NULL, NULL }, "dkim", "co.uk", "big.co.uk", false },
	{ "it failed", REPORT_AGGREGATE, "big.example", NULL,
	    { "fail big.example", NULL, "softfail big.example" }, NULL, NULL,
	    "big.example", false },
	{ "DNS was away", REPORT_AGGREGATE, "big.example", NULL,
	    { "temperror big.example", NULL, NULL }, NULL, NULL, "big.example",
	    false },
	{ "pass, and nobody says for whom", REPORT_AGGREGATE, "big.example",
	    NULL, { "pass", NULL, NULL }, NULL, NULL, "big.example", false },
	{ "no claim", REPORT_AGGREGATE, "big.example", NULL,
	    { NULL, NULL, NULL }, NULL, NULL, "big.example", false },
	{ "no reporter", REPORT_AGGREGATE, "Big", NULL,
	    { "pass big.example", NULL, NULL }, "dkim", "big.example", NULL,
	    false },
	{ "DMARC says that it is forged", REPORT_AGGREGATE, "big.example", NULL,
	    { "pass big.example", "fail big.example", NULL }, "dkim",
	    "big.example", "big.example", false },
	{ "DMARC says so of another domain", REPORT_AGGREGATE, "big.example",
	    NULL, { "pass big.example", "fail list.example", NULL }, "dkim",
	    "big.example", "big.example", true },
	{ "TLS: DKIM", REPORT_TLS, "Big Inc.", "tls@big.example",
	    { "pass big.example", NULL, NULL }, "dkim", "big.example",
	    "big.example", true },
	{ "TLS: SPF and DMARC are not enough", REPORT_TLS, "Big Inc.",
	    "tls@big.example", { NULL, "pass big.example", "pass big.example" },
	    "dmarc", "big.example", "big.example", false },
	{ "TLS: mailto", REPORT_TLS, "Big Inc.", "mailto:tls@big.example",
	    { "pass big.example", NULL, NULL }, "dkim", "big.example",
	    "big.example", true },
	{ "TLS: no address, the submitter", REPORT_TLS, "Big Inc.",
	    "https://big.example/contact",
	    { "pass submitter.example", NULL, NULL }, "dkim",
	    "submitter.example", "submitter.example", true },
	{ "failure: who it is from", REPORT_FAILURE, NULL, "r@big.example",
	    { NULL, NULL, "pass big.example" }, "spf", "big.example",
	    "big.example", true },
	{ "failure: somebody else", REPORT_FAILURE, NULL, "r@big.example",
	    { "pass evil.example", NULL, NULL }, "dkim", "evil.example",
	    "big.example", false },
};

static void
check_text(const char *is, const char *wanted)
{
	if (wanted == NULL)
		assert_null(is);
	else
		assert_string_equal(is, wanted);
}

static void
test_auth(void **state)
{
	const struct auth_row *row = *state;
	struct arena *a = arena_new();
	struct auth_claims claims = { 0 };
	struct report r = aggregate_of(row->org, row->contact, "us.example");
	struct intake intake = { 0 };
	const struct reporter_case c = { .report = &r,
		.claims = &claims,
		.from = row->contact,
		.tls_submitter = "submitter.example",
		.suffixes = suffixes,
		.arena = a };

	r.kind = row->kind;
	r.tls.org_name = row->org;
	r.tls.contact_info = row->contact;
	claim_all(&claims, a, &row->said);
	reporter_judge(&c, &intake);
	assert_true(intake.reporter_auth.is_asked);
	assert_int_equal(intake.reporter_auth.aligned, row->aligned);
	check_text(intake.reporter_auth.method, row->method);
	check_text(intake.reporter_auth.domain, row->domain);
	check_text(intake.reporter_auth.reporter, row->reporter);
	arena_free(&a);
}

/* Of several signatures the reporter's counts, whatever their order. */
static void
test_signatures(void **state)
{
	static const char *const orders[][3] = {
		{ "pass big.example", "pass esp.example", "fail big.example" },
		{ "pass esp.example", "fail big.example", "pass big.example" },
		{ "fail big.example", "pass big.example", "pass esp.example" },
	};
	struct report r = aggregate_of("big.example", NULL, "us.example");
	struct arena *a = arena_new();
	struct reporter_case c = {
		.report = &r, .suffixes = suffixes, .arena = a
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct auth_claims claims = { 0 };
		struct intake intake = { 0 };

		for (k = 0; k < 3; k++)
			claim(&claims, a, AUTH_DKIM, orders[i][k]);
		c.claims = &claims;
		reporter_judge(&c, &intake);
		assert_string_equal(intake.reporter_auth.dkim, "pass");
		assert_string_equal(intake.reporter_auth.domain, "big.example");
		assert_true(intake.reporter_auth.aligned);
	}
	arena_free(&a);
}

static void
test_nobody_asked(void **state)
{
	struct report r = aggregate_of("big.example", NULL, "us.example");
	struct arena *a = arena_new();
	const struct reporter_case c = {
		.report = &r, .suffixes = suffixes, .arena = a
	};
	struct intake intake = { 0 };

	(void)state;
	reporter_judge(&c, &intake);
	assert_false(intake.reporter_auth.is_asked);
	assert_false(intake.reporter_auth.aligned);
	assert_int_equal(intake.discrepancy_count, 0);
	arena_free(&a);
}

static const struct name_row {
	const char *name, *org, *email, *file;
	const char *noted; /* the notes, each with a ";" behind it */
} name_rows[] = {
	{ "all fits", "big.example", "d@mail.big.example",
	    "part 2: big.example!us.example!1700000000!1700086399.xml.gz", "" },
	{ "no name of ours", "big.example", NULL, "part 1: report.xml", "" },
	{ "no name at all", "big.example", NULL, NULL, "" },
	{ "a host as receiver", "big.example", NULL,
	    "mx7.big.example!us.example!1700000000!1700086399.xml", "" },
	{ "receiver of the address's domain", "alias.example", "d@big.example",
	    "big.example!us.example!1700000000!1700086399.xml",
	    "org_name is alias.example, the address to contact is of "
	    "big.example;" },
	{ "upper case", "BIG.example", "d@Big.Example",
	    "Big.Example!US.example!1700000000!1700086399.xml", "" },
	{ "name for people", "Big Inc.", "d@big.example",
	    "big.example!us.example!1700000000!1700086399.xml", "" },
	{ "another policy domain", "big.example", NULL,
	    "big.example!them.example!1700000000!1700086399.xml",
	    "the file name says them.example, the report is not about it;" },
	{ "another receiver", "big.example", NULL,
	    "evil.example!us.example!1700000000!1700086399.xml",
	    "the file name says it is from evil.example, the report from "
	    "big.example;" },
	{ "the innermost name", "big.example", NULL,
	    "a: big.example!us.example!1700000000!1700086399.zip: "
	    "evil.example!us.example!1700000000!1700086399.xml",
	    "the file name says it is from evil.example, the report from "
	    "big.example;" },
	{ "another address", "big.example", "d@evil.example", NULL,
	    "org_name is big.example, the address to contact is of "
	    "evil.example;" },
	{ "everything", "big.example", "d@evil.example",
	    "x.example!them.example!1700000000!1700086399!id.xml",
	    "org_name is big.example, the address to contact is of "
	    "evil.example;"
	    "the file name says them.example, the report is not about it;"
	    "the file name says it is from x.example, the report from "
	    "big.example;" },
};

static void
notes_of(const struct intake *intake, struct buf *out)
{
	size_t i;

	material_buf(out);
	add(out, "", 0);
	for (i = 0; i < intake->discrepancy_count; i++)
		add_format(out, "%s;", intake->discrepancies[i]);
}

static void
test_names(void **state)
{
	const struct name_row *row = *state;
	struct report r = aggregate_of(row->org, row->email, "us.example");
	struct arena *a = arena_new();
	const struct reporter_case c = { .report = &r,
		.file = row->file,
		.suffixes = suffixes,
		.arena = a };
	struct intake intake = { 0 };
	struct buf notes;

	reporter_judge(&c, &intake);
	notes_of(&intake, &notes);
	assert_string_equal(notes.data, row->noted);
	buf_clear(&notes);
	arena_free(&a);
}

static void
test_tls_names(void **state)
{
	static const struct tls_policy policies[] = { { .policy_domain =
							      "us.example" },
		{ .policy_domain = "two.example" } };
	const struct report r = { .kind = REPORT_TLS,
		.tls = { .org_name = "Big Inc.",
		    .contact_info = "t@big.example",
		    .policies = policies,
		    .policy_count = 2 } };
	struct arena *a = arena_new();
	struct reporter_case c = { .report = &r,
		.tls_domain = "Two.example",
		.tls_submitter = "mx.big.example",
		.file = "big.example!two.example!1700000000!1700086399.json",
		.suffixes = suffixes,
		.arena = a };
	struct intake intake = { 0 };
	struct buf notes;

	(void)state;
	reporter_judge(&c, &intake);
	assert_int_equal(intake.discrepancy_count, 0);
	c.tls_domain = "three.example";
	c.tls_submitter = "evil.example";
	c.file = NULL;
	reporter_judge(&c, &intake);
	notes_of(&intake, &notes);
	assert_string_equal(notes.data,
	    "TLS-Report-Domain is three.example, the report is not about it;"
	    "TLS-Report-Submitter is evil.example, the report is from "
	    "big.example;");
	buf_clear(&notes);
	arena_free(&a);
}

static void
test_sample(void **state)
{
	struct report r = { .kind = REPORT_FAILURE,
		.failure = { .domain = "us.example",
		    .sample = { .from_domain = "news.us.example" } } };
	struct arena *a = arena_new();
	const struct reporter_case c = {
		.report = &r, .suffixes = suffixes, .arena = a
	};
	struct intake intake = { 0 };

	(void)state;
	reporter_judge(&c, &intake);
	assert_int_equal(intake.discrepancy_count, 0);
	r.failure.sample.from_domain = "them.example";
	reporter_judge(&c, &intake);
	assert_int_equal(intake.discrepancy_count, 1);
	assert_string_equal(intake.discrepancies[0],
	    "the mail that failed is from them.example, not from us.example");
	arena_free(&a);
}

/* A field of the server that cannot be read is worth a note. */
static void
test_trouble(void **state)
{
	struct report r = aggregate_of("big.example", NULL, "us.example");
	const struct auth_claims claims = { .trouble = "what is wrong" };
	struct arena *a = arena_new();
	const struct reporter_case c = { .report = &r,
		.claims = &claims,
		.suffixes = suffixes,
		.arena = a };
	struct intake intake = { 0 };

	(void)state;
	reporter_judge(&c, &intake);
	assert_false(intake.reporter_auth.aligned);
	assert_int_equal(intake.discrepancy_count, 1);
	assert_string_equal(intake.discrepancies[0], "what is wrong");
	arena_free(&a);
}

static const struct file_row {
	const char *name, *file, *receiver, *domain; /* NULL: none is there */
} file_rows[] = {
	{ "plain", "a.example!b.example!1700000000!1700086399.xml", "a.example",
	    "b.example" },
	{ "with an id", "a!b!1700000000!1700086399!x-1.xml.gz", "a", "b" },
	{ "in a folder", "x/y/a!b!1700000000!1700086399.xml", "a", "b" },
	{ "behind words", "part 2: my a!b!1700000000!1700086399.xml", "a",
	    "b" },
	{ "no receiver", "b!1700000000!1700086399.xml", "", "b" },
	{ "nothing in front", "!1700000000!1700086399.xml", "", "" },
	{ "too many words", "z!a!b!1700000000!1700086399.xml", "a", "b" },
	{ "one time", "a!b!1700000000.xml", NULL, NULL },
	{ "short times", "a!b!17000000!17000000.xml", NULL, NULL },
	{ "no extension", "a!b!1700000000!1700086399", NULL, NULL },
	{ "empty", "", NULL, NULL },
};

static void
test_file(void **state)
{
	const struct file_row *row = *state;
	struct arena *a = arena_new();
	struct report_name name;
	bool is_there = report_name_parse(&name, row->file, a);

	assert_int_equal(is_there, row->domain != NULL);
	assert_int_equal(is_there, report_name_is_there(row->file));
	if (is_there) {
		assert_string_equal(name.receiver, row->receiver);
		assert_string_equal(name.domain, row->domain);
	}
	arena_free(&a);
}

static const struct domain_row {
	const char *name, *domain;
	bool is_ours;
} domain_rows[] = {
	{ "named", "us.example", true },
	{ "upper case", "US.Example", true },
	{ "dot at the end", "us.example.", true },
	{ "below one that is named", "a.us.example", false },
	{ "below a star", "a.wide.example", true },
	{ "far below a star", "a.b.wide.example", true },
	{ "the name behind the star", "wide.example", false },
	{ "it ends alike", "notus.example", false },
	{ "it ends like the star's", "xwide.example", false },
	{ "ours in front", "us.example.evil.example", false },
	{ "another", "them.example", false },
	{ "empty", "", false },
	{ "a dot", ".", false },
	{ "none", NULL, false },
};

static struct conf_intake
conf_of(char **patterns, size_t count)
{
	return (struct conf_intake){ .reports_for = { patterns, count } };
}

static int
admit(const struct conf_intake *conf, const struct report *r,
    const char *transport, const char *bytes, struct err *e)
{
	const struct conf_limits limits = material_limits();
	struct spill_pool *pool = spill_pool_new("/tmp", limits.temporary);
	const struct envelope env = { .transport = transport };
	struct message *m = NULL;
	struct spill raw;
	const void *p;
	size_t len;
	int rc, fd;

	spill_init(&raw, pool, limits.message_memory);
	assert_int_equal(spill_add(&raw, bytes, strlen(bytes), e), 0);
	assert_int_equal(spill_finish(&raw, &p, &len, &fd, e), 0);
	assert_int_equal(message_open(&m, &raw, &limits, pool, e), 0);
	rc = pipeline_admit(conf, &env, m, r, e);
	message_close(&m);
	spill_clear(&raw);
	spill_pool_free(&pool);
	return rc;
}

#define MAIL_BYTES "From: a@b.example\n\nx\n"
#define FILE_BYTES "<?xml version='1.0'?><feedback/>"

static void
test_domain(void **state)
{
	const struct domain_row *row = *state;
	char one[] = "us.example", two[] = "*.wide.example";
	char *patterns[] = { one, two };
	const struct conf_intake some = conf_of(patterns, 2);
	const struct conf_intake any = conf_of(NULL, 0);
	struct report r = aggregate_of("big.example", NULL, row->domain);
	struct err e = { 0 };

	assert_int_equal(
	    admit(&some, &r, "lmtp", MAIL_BYTES, &e), row->is_ours ? 0 : -1);
	if (!row->is_ours) {
		assert_int_equal(e.kind, ERR_MALFORMED);
		assert_non_null(strstr(e.text, "reports_for"));
	}
	assert_int_equal(admit(&any, &r, "lmtp", MAIL_BYTES, &e), 0);
	r.kind = REPORT_FAILURE;
	r.failure.arrival_date = INT64_MIN;
	r.failure.domain = row->domain;
	assert_int_equal(
	    admit(&some, &r, "lmtp", MAIL_BYTES, &e), row->is_ours ? 0 : -1);
}

/* A TLS report with several policies: all of them must be ours. */
static void
test_tls_domains(void **state)
{
	char one[] = "us.example", two[] = "two.example";
	char *patterns[] = { one, two };
	struct conf_intake conf = conf_of(patterns, 2);
	static const struct tls_policy policies[] = { { .policy_domain =
							      "us.example" },
		{ .policy_domain = "two.example" } };
	struct report r = { .kind = REPORT_TLS,
		.tls = { .begin = NOW, .policies = policies } };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(admit(&conf, &r, "lmtp", MAIL_BYTES, &e), -1);
	r.tls.policy_count = 2;
	assert_int_equal(admit(&conf, &r, "lmtp", MAIL_BYTES, &e), 0);
	conf.reports_for.count = 1;
	assert_int_equal(admit(&conf, &r, "lmtp", MAIL_BYTES, &e), -1);
	assert_non_null(strstr(e.text, "two.example"));
	conf.reports_for.count = 0;
	r.tls.policy_count = 0;
	assert_int_equal(admit(&conf, &r, "lmtp", MAIL_BYTES, &e), 0);
}

static const struct required_row {
	const char *name;
	enum conf_reporter_auth which;
	bool aggregate, failure, tls; /* stored without a proof? */
} required_rows[] = {
	{ "no", CONF_REPORTER_AUTH_NO, true, true, true },
	{ "aggregate", CONF_REPORTER_AUTH_AGGREGATE, false, true, true },
	{ "tls", CONF_REPORTER_AUTH_TLS, true, true, false },
	{ "all", CONF_REPORTER_AUTH_ALL, false, false, false },
};

static void
test_required(void **state)
{
	const struct required_row *row = *state;
	const struct conf_intake conf = { .require_reporter_auth = row->which };
	const bool stored[] = { [REPORT_AGGREGATE] = row->aggregate,
		[REPORT_FAILURE] = row->failure,
		[REPORT_TLS] = row->tls };
	struct report r = aggregate_of("big.example", NULL, "us.example");
	struct err e = { 0 };
	int kind;

	r.tls.begin = NOW;
	r.failure.arrival_date = NOW;
	for (kind = REPORT_AGGREGATE; kind <= REPORT_TLS; kind++) {
		r.kind = (enum report_kind)kind;
		r.intake.reporter_auth = (struct reporter_auth){
			.is_asked = true,
			.dkim = "pass",
			.domain = "evil.example",
			.reporter = "big.example",
		};
		assert_int_equal(admit(&conf, &r, "lmtp", MAIL_BYTES, &e),
		    stored[kind] ? 0 : -1);
		if (!stored[kind])
			assert_string_equal(e.text,
			    "the reporter big.example is not authenticated: "
			    "dkim=pass dmarc=none spf=none, of evil.example");
		/* a bare file: from an administrator, and from a stranger */
		assert_int_equal(admit(&conf, &r, "file", FILE_BYTES, &e), 0);
		assert_int_equal(admit(&conf, &r, "file", MAIL_BYTES, &e),
		    stored[kind] ? 0 : -1);
		assert_int_equal(admit(&conf, &r, "milter", FILE_BYTES, &e),
		    stored[kind] ? 0 : -1);
		r.intake.reporter_auth.aligned = true;
		assert_int_equal(admit(&conf, &r, "lmtp", MAIL_BYTES, &e), 0);
	}
}

int
main(void)
{
	static struct unit u;
	int rc;

	message_setup();
	suffixes = suffix_list_open();
	UNIT_ROWS(&u, auth_rows, test_auth);
	UNIT_ONE(&u, test_signatures);
	UNIT_ONE(&u, test_nobody_asked);
	UNIT_ROWS(&u, name_rows, test_names);
	UNIT_ONE(&u, test_tls_names);
	UNIT_ONE(&u, test_sample);
	UNIT_ONE(&u, test_trouble);
	UNIT_ROWS(&u, file_rows, test_file);
	UNIT_ROWS(&u, domain_rows, test_domain);
	UNIT_ONE(&u, test_tls_domains);
	UNIT_ROWS(&u, required_rows, test_required);
	rc = unit_run("reporter", &u);
	suffix_list_close(&suffixes);
	return rc;
}
