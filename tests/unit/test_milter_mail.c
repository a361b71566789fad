/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_milter_mail.c - a mail is put together from what the MTA tells of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "milter/mail.h"

static char folder[] = "/tmp/test-milter-mail.XXXXXX";
static struct conf *conf;
static struct pipeline *pipeline;
static struct milter_mail m;

static int
setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (mkdtemp(folder) == NULL ||
	    setenv("DMARC_INTAKE_INTAKE_STATE_PATH", folder, 1) < 0 ||
	    setenv("DMARC_INTAKE_INTAKE_TEMP_PATH", folder, 1) < 0 ||
	    setenv("DMARC_INTAKE_INTAKE_RECIPIENTS", "rua@d.example", 1) < 0 ||
	    conf_load(&conf, "/dev/null", &e) < 0 ||
	    pipeline_open_print(&pipeline, conf, "json", stdout, &e) < 0)
		fail_msg("%s", e.text);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	milter_mail_clear(&m);
	pipeline_close(&pipeline);
	conf_free(&conf);
	return rmdir(folder);
}

static void
assert_bytes(const char *want)
{
	struct err e = { 0 };
	const void *p;
	size_t len;
	int fd;

	assert_int_equal(spill_finish(&m.bytes, &p, &len, &fd, &e), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(p, want, len);
	assert_int_equal(m.size, len);
}

static const struct {
	const char *name;
	bool has_leading_space;
	const char *value, *line;
} headers[] = {
	{ "space kept", true, " a", "A: a\r\n" },
	{ "no space kept", true, "a", "A:a\r\n" },
	{ "space taken", false, "a", "A: a\r\n" },
	{ "tab", false, "\ta", "A:\ta\r\n" },
	{ "empty", true, "", "A:\r\n" },
	{ "folded", true, " a\n\tb", "A: a\r\n\tb\r\n" },
	{ "folded with CR", true, " a\r\n\tb", "A: a\r\n\tb\r\n" },
	{ "a field in a value", true, " a\nAuthentication-Results: x",
	    "A: a\r\n Authentication-Results: x\r\n" },
	{ "an empty line in a value", true, " a\n\nb", "A: a\r\n \r\n b\r\n" },
	{ "the same with CR", true, " a\r\n\r\nb", "A: a\r\n \r\n b\r\n" },
	{ "line end last", true, " a\n", "A: a\r\n \r\n" },
	{ "folded at once", false, "\n a", "A:\r\n a\r\n" },
};

static void
test_headers(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		milter_mail_begin(&m, pipeline, conf, "<>");
		m.has_leading_space = headers[i].has_leading_space;
		milter_mail_header(&m, "A", headers[i].value);
		assert_bytes(headers[i].line);
	}
}

static void
test_whole(void **state)
{
	(void)state;
	milter_mail_begin(&m, pipeline, conf, "<a@b.example>");
	m.has_leading_space = true;
	milter_mail_header(&m, "From", " x");
	milter_mail_header(&m, "x-dmarc-INTAKE", " stored");
	milter_mail_header_end(&m);
	milter_mail_body(&m, "one\r\n", 5);
	milter_mail_body(&m, "", 0);
	milter_mail_body(&m, "two\r\n", 5);
	assert_string_equal(m.from, "a@b.example");
	assert_int_equal(m.forged, 1);
	assert_bytes("From: x\r\nx-dmarc-INTAKE: stored\r\n\r\none\r\ntwo\r\n");
	milter_mail_clear(&m);
	milter_mail_clear(&m);
	assert_true(m.has_leading_space);
}

static void
test_recipients(void **state)
{
	int i;

	(void)state;
	milter_mail_begin(&m, pipeline, conf, "");
	assert_false(milter_mail_may_be_wanted(&m));
	milter_mail_recipient(&m, "<other@d.example>");
	assert_int_equal(milter_mail_share(&m), MILTER_OTHERS);
	assert_false(milter_mail_is_wanted(&m));
	milter_mail_begin(&m, pipeline, conf, "");
	milter_mail_recipient(&m, "<@a.example,@b.example:Rua+tag@d.example>");
	assert_int_equal(milter_mail_share(&m), MILTER_OURS);
	assert_true(milter_mail_is_wanted(&m));
	assert_string_equal(m.ours[0], "Rua+tag@d.example");
	assert_string_equal(
	    m.given[0], "<@a.example,@b.example:Rua+tag@d.example>");
	milter_mail_recipient(&m, "");
	milter_mail_recipient(&m, "<");
	assert_int_equal(milter_mail_share(&m), MILTER_MIXED);
	for (i = 0; i < MILTER_RECIPIENTS_MAX; i++)
		milter_mail_recipient(&m, "<rua@d.example>");
	assert_int_equal(m.count, MILTER_RECIPIENTS_MAX);
	assert_int_equal(m.others, 3); /* the last one is delivered */
}

static const struct {
	const char *type;
	bool looks_like_report;
} types[] = {
	{ " multipart/mixed; boundary=x", true },
	{ "MULTIPART/REPORT", true },
	{ " application/gzip", true },
	{ "\n text/xml", true },
	{ " multipart/alternative", false },
	{ " text/plain", false },
	{ "", false },
};

static void
test_content(void **state)
{
	size_t i;

	(void)state;
	conf->milter.match = CONF_MATCH_CONTENT;
	for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
		milter_mail_begin(&m, pipeline, conf, "");
		milter_mail_recipient(&m, "<rua@d.example>");
		assert_true(milter_mail_may_be_wanted(&m));
		milter_mail_header(&m, "content-type", types[i].type);
		assert_int_equal(
		    milter_mail_is_wanted(&m), types[i].looks_like_report);
	}
	conf->milter.match = CONF_MATCH_RECIPIENT;
}

static void
test_too_large(void **state)
{
	struct outcome o;
	struct envelope env;
	struct deadline d;
	uint64_t hard = conf->limits.message_hard;

	(void)state;
	conf->limits.message_hard = 10;
	deadline_start(&d, 1000, 1000);
	milter_mail_begin(&m, pipeline, conf, "");
	milter_mail_body(&m, "0123456789", 10);
	assert_int_equal(m.trouble.kind, ERR_NONE);
	milter_mail_body(&m, "a", 1);
	assert_int_equal(m.trouble.kind, ERR_LIMIT);
	env = milter_mail_envelope(&m);
	milter_mail_run(&m, &env, &d, &o);
	assert_int_equal(o.verdict, VERDICT_KEPT);
	conf->limits.message_hard = hard;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
