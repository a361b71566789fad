/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_report_id.c - ids against their definition (report_id.h, frame.h),
 * worked out here once more from what stands in the XML.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "common/report/report.h"
#include "common/report/report_id.h"
#include "common/report/xml.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

static void
digest_of(const struct buf *b, unsigned char out[32])
{
	unsigned len = 32;

	assert_int_equal(
	    EVP_Digest(b->data, b->len, out, &len, EVP_sha256(), NULL), 1);
}

static void
add_be(struct buf *b, uint32_t n)
{
	unsigned char at[4] = { (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8),
		(unsigned char)n };

	add(b, at, 4);
}

static void
add_value(struct buf *b, const char *value)
{
	add_be(b, value == NULL ? 0xffffffff : (uint32_t)strlen(value));
	if (value != NULL)
		add_text(b, value);
}

static void
add_values(struct buf *b, const char *const *values, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		add_value(b, values[i]);
}

static const struct key_case {
	const char *name;
	const char *value[7];
	size_t count;
} key_cases[] = {
	{ "no value", { NULL }, 0 },
	{ "one", { "id1" }, 1 },
	{ "left out", { NULL, NULL }, 2 },
	{ "empty", { "", "" }, 2 },
	{ "borders move", { "ab", "c" }, 2 },
	{ "borders moved", { "a", "bc" }, 2 },
	{ "as a report", { "id1", "aggregate", "g", "1", "d", "5", "6" }, 7 },
};

static void
key_row(void **state)
{
	const struct key_case *c = *state;
	unsigned char key[32], expected[32];
	struct sha256 *h = sha256_new();
	struct buf b;

	material_buf(&b);
	add(&b, "", 0);
	add_values(&b, c->value, c->count);
	digest_of(&b, expected);
	report_key(h, c->value, c->count, key);
	assert_memory_equal(key, expected, 32);
	report_key(h, c->value, c->count, key); /* h starts anew */
	assert_memory_equal(key, expected, 32);
	sha256_free(&h);
	buf_clear(&b);
}

static void
record_id_as_defined(void **state)
{
	static const uint64_t positions[] = { 0, 1, 10, 4999999, UINT64_MAX };
	static const int64_t days[] = { 0, 19675, -1, INT64_MIN, INT64_MAX };
	unsigned char key[32], id[32], expected[32];
	struct sha256 *h = sha256_new();
	struct buf b;
	size_t i, j;

	(void)state;
	memset(key, 0xa5, sizeof(key));
	material_buf(&b);
	for (i = 0; i < 5; i++) {
		for (j = 0; j < 5; j++) {
			char text[32];

			buf_reset(&b);
			add(&b, key, 32);
			(void)snprintf(text, sizeof(text), "%llu",
			    (unsigned long long)positions[i]);
			add_value(&b, text);
			(void)snprintf(
			    text, sizeof(text), "%lld", (long long)days[j]);
			add_value(&b, text);
			add(&b, "some\0fields", 11);
			digest_of(&b, expected);
			record_id(h, key, positions[i], days[j], "some\0fields",
			    11, id);
			assert_memory_equal(id, expected, 32);
		}
	}
	sha256_free(&h);
	buf_clear(&b);
}

/* Values as written, before any folding: the ids come of these. */
static const char report[] =
    "<feedback><version>1.0</version>"
    "<report_metadata><org_name> Mail.Example.NET\n</org_name>"
    "<email>x@example.net</email>"
    "<report_id>&lt;ID-7@example.net&gt;</report_id>"
    "<date_range><begin>1704106800.9</begin><end> 1704279600 </end>"
    "</date_range></report_metadata>"
    "<policy_published><domain>Example.ORG</domain><p>none</p>"
    "</policy_published>"
    "<record><row><source_ip>no address</source_ip><count>1</count></row>"
    "</record>"
    "<record><row><source_ip> 2001:DB8::1</source_ip><count>+5</count>"
    "<policy_evaluated><disposition>None</disposition><dkim>Pass</dkim>"
    "<spf/><reason><type>local_policy</type></reason>"
    "<reason><comment>x &amp; y</comment></reason>"
    "</policy_evaluated></row>"
    "<identifiers><header_from>Example.ORG</header_from></identifiers>"
    "<auth_results><dkim><domain>a.example</domain><result>PASS</result>"
    "</dkim><dkim><selector>s</selector></dkim>"
    "<spf><domain>B.example</domain><scope>helo</scope>"
    "<result>fail</result><human_result>\xc3\xbc</human_result></spf>"
    "</auth_results></record></feedback>";

static void
expected_fields(struct buf *b)
{
	static const char *const fields[] = { "2001:DB8::1", "+5", "None",
		"Pass", "", "Example.ORG", NULL, NULL };
	static const char *const reasons[] = { "local_policy", NULL, NULL,
		"x & y" };
	static const char *const dkim[] = { "a.example", NULL, "PASS", NULL,
		NULL, "s", NULL, NULL };
	static const char *const spf[] = { "B.example", "helo", "fail",
		"\xc3\xbc" };

	add_values(b, fields, 8);
	add_be(b, 2);
	add_values(b, reasons, 4);
	add_be(b, 2);
	add_values(b, dkim, 8);
	add_be(b, 1);
	add_values(b, spf, 4);
}

static void
whole_report(void **state)
{
	static const char *const key_values[] = { "id1", "aggregate",
		"Mail.Example.NET", "<ID-7@example.net>", "Example.ORG",
		"1704106800.9", "1704279600" };
	static const char *const days[] = { "19723", "19724", "19725" };
	struct conf_limits limits = material_limits();
	struct suffix_list *suffixes = suffix_list_open();
	const struct report_setup setup = { &limits, NULL, suffixes };
	struct reader *in = reader_of_bytes(report, sizeof(report) - 1);
	unsigned char key[32], id[32];
	struct report_reader *rr = NULL;
	struct record rec;
	struct err e = { 0 };
	struct buf b;
	size_t i;

	(void)state;
	material_buf(&b);
	assert_int_equal(aggregate_read(&rr, in, &setup, &e), 1);
	add_values(&b, key_values, 7);
	digest_of(&b, key);
	assert_memory_equal(report_of(rr)->key, key, 32);
	for (i = 0; i < 3; i++) {
		assert_int_equal(report_next(rr, &rec, &e), 1);
		assert_int_equal(rec.position, 1);
		assert_string_equal(rec.source.ip_address, "2001:db8::1");
		buf_reset(&b);
		add(&b, key, 32);
		add_value(&b, "1");
		add_value(&b, days[i]);
		expected_fields(&b);
		digest_of(&b, id);
		assert_memory_equal(rec.id, id, 32);
	}
	assert_int_equal(report_next(rr, &rec, &e), 0);
	report_close(&rr);
	reader_close(&in);
	suffix_list_close(&suffixes);
	buf_clear(&b);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	xml_setup();
	UNIT_ROWS(&u, key_cases, key_row);
	UNIT_ONE(&u, record_id_as_defined);
	UNIT_ONE(&u, whole_report);
	return unit_run("report_id", &u);
}
