/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_auth_results.c - the grammar of Authentication-Results: the shapes of
 * RFC 8601, appendix B, what servers write, and what a stranger would like
 * them to have written.
 */
#include <string.h>

#include "common/message/auth_results.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define PLENTY 1000

/*
 * "id[/version]; method=result[ (reason)] type.property=value...", or "!" and
 * what is wrong, with the id in front where the field tells it.
 */
static void
print(const struct auth_results *r, struct buf *out)
{
	const struct auth_statement *st;
	const struct auth_property *p;

	add_text(out, r->authserv_id);
	if (r->version != 1)
		add_format(out, "/%d", (int)r->version);
	for (st = r->statements; st != NULL; st = st->next) {
		add_format(out, "; %s=%s", st->method, st->result);
		if (st->reason != NULL)
			add_format(out, " (%s)", st->reason);
		for (p = st->properties; p != NULL; p = p->next)
			add_format(
			    out, " %s.%s=%s", p->ptype, p->property, p->value);
	}
}

static void
parse(const char *p, size_t len, uint64_t left, struct buf *out)
{
	struct arena *a = arena_new();
	struct auth_results r;
	struct err e = { 0 };
	char *exact = xmalloc(len + 1); /* so that ASan sees a byte too far */

	memcpy(exact, p, len);
	exact = xrealloc(exact, len > 0 ? len : 1);
	material_buf(out);
	add(out, "", 0);
	if (auth_results_parse(&r, exact, len, &left, a, &e) == 0) {
		print(&r, out);
	} else {
		assert_true(e.kind == ERR_MALFORMED || e.kind == ERR_LIMIT);
		add_format(out, "%s!%s",
		    r.authserv_id != NULL ? r.authserv_id : "",
		    e.text + strlen("Authentication-Results: "));
	}
	free(exact);
	arena_free(&a);
}

static const struct {
	const char *name, *field, *told;
} cases[] = {
	/* the examples of RFC 8601, appendix B, with other names */
	{ "B.2 nothing was checked", " mx.corp.example 1; none",
	    "mx.corp.example" },
	{ "B.3 one check",
	    " corp.example;\r\n          spf=pass smtp.mailfrom=news.example",
	    "corp.example; spf=pass smtp.mailfrom=news.example" },
	{ "B.4 two checks",
	    " corp.example;\r\n\tauth=pass (cram-md5) "
	    "smtp.auth=ann@shop.example;\r\n\tspf=pass "
	    "smtp.mailfrom=shop.example",
	    "corp.example; auth=pass smtp.auth=ann@shop.example; spf=pass "
	    "smtp.mailfrom=shop.example" },
	{ "B.5 a result that failed",
	    " mx.corp.example; dkim=fail reason=\"bad signature\"\r\n"
	    " header.i=@shop.example",
	    "mx.corp.example; dkim=fail (bad signature) "
	    "header.i=@shop.example" },
	{ "B.6 two signatures",
	    " corp.example;\r\n      dkim=pass reason=\"good signature\"\r\n"
	    "        header.i=@list.example;\r\n"
	    "      dkim=fail reason=\"bad signature\"\r\n"
	    "        header.i=@south.shop.example",
	    "corp.example; dkim=pass (good signature) header.i=@list.example; "
	    "dkim=fail (bad signature) header.i=@south.shop.example" },
	{ "B.7 comments wherever they may be",
	    " mx.corp.example (our door) 1 (first);\r\n"
	    "    dkim (signature) / 1 (still the first) = (and so) fail\r\n"
	    "      policy (dotted) . (not undotted) too-old\r\n"
	    "      (here as well) = (a number follows) 1700000000",
	    "mx.corp.example; dkim=fail policy.too-old=1700000000" },

	/* the grammar */
	{ "no result at all", "mx.example", "mx.example" },
	{ "version", "mx.example 1; spf=none", "mx.example; spf=none" },
	{ "another version", "mx.example 2; spf=none",
	    "mx.example/2; spf=none" },
	{ "id quoted", "\"mx.example\"; spf=none", "mx.example; spf=none" },
	{ "id with an escape", "\"m\\x.example\"; spf=none",
	    "mx.example; spf=none" },
	{ "comment before the id", "(x) mx.example; spf=none",
	    "mx.example; spf=none" },
	{ "comment instead of a space", "mx.example;spf=pass(x)smtp.helo=a",
	    "mx.example; spf=pass smtp.helo=a" },
	{ "no space anywhere", "mx.example;spf=none;dkim=none",
	    "mx.example; spf=none; dkim=none" },
	{ "upper case", "MX.example; SPF=Pass SMTP.MailFrom=A@B.Example",
	    "MX.example; spf=pass smtp.mailfrom=A@B.Example" },
	{ "none with a comment", "mx.example; (x) none (y)", "mx.example" },
	{ "none, then the line's end", "mx.example; none\r\n", "mx.example" },
	{ "reason as a token", "mx.example; dkim=fail reason=expired",
	    "mx.example; dkim=fail (expired)" },
	{ "spaces around everything",
	    "mx.example ; dkim = pass header . d = a.example",
	    "mx.example; dkim=pass header.d=a.example" },
	{ "quoted local part",
	    "mx.example; spf=pass smtp.mailfrom=\"a b\"@c.example",
	    "mx.example; spf=pass smtp.mailfrom=a b@c.example" },
	{ "folded inside of quotes", "mx.example; dkim=fail reason=\"a\r\n b\"",
	    "mx.example; dkim=fail (a b)" },
	{ "nested comments", "mx.example; spf=pass (a (b (c) d)) smtp.helo=x",
	    "mx.example; spf=pass smtp.helo=x" },
	{ "a bracket that is escaped",
	    "mx.example; spf=pass (a \\) b) smtp.helo=x",
	    "mx.example; spf=pass smtp.helo=x" },
	{ "UTF-8 (RFC 6532)", "mx.example; spf=pass smtp.mailfrom=é@ü.example",
	    "mx.example; spf=pass smtp.mailfrom=é@ü.example" },

	/* more than the grammar has, and in use */
	{ "base64 in a value", "mx.example; dkim=pass header.b=a/b+c==",
	    "mx.example; dkim=pass header.b=a/b+c==" },
	{ "a word without a type",
	    "mx.example; dmarc=none action=none header.from=a.example",
	    "mx.example; dmarc=none header.from=a.example" },
	{ "semicolon at the end", "mx.example; spf=none;",
	    "mx.example; spf=none" },
	{ "two semicolons", "mx.example;; spf=none", "mx.example; spf=none" },
	{ "no value: the null sender", "mx.example; spf=none smtp.mailfrom=",
	    "mx.example; spf=none smtp.mailfrom=" },
	{ "no value, and more results",
	    "mx.example; spf=none smtp.mailfrom=; dkim=none",
	    "mx.example; spf=none smtp.mailfrom=; dkim=none" },
	{ "underscore", "mx.example; x_y=ok a_b.c_d=e",
	    "mx.example; x_y=ok a_b.c_d=e" },

	/* what is a stranger's stays inside of its quotes and brackets */
	{ "a result in quotes",
	    "mx.example; spf=fail smtp.mailfrom=\"x; dkim=pass "
	    "header.d=bank.example\"@evil.example",
	    "mx.example; spf=fail smtp.mailfrom=x; dkim=pass "
	    "header.d=bank.example@evil.example" },
	{ "a quote in quotes",
	    "mx.example; spf=fail smtp.mailfrom=\"x\\\"; dkim=pass\"@e.example",
	    "mx.example; spf=fail smtp.mailfrom=x\"; dkim=pass@e.example" },
	{ "a result in a comment",
	    "mx.example; spf=fail (x; dkim=pass header.d=bank.example) "
	    "smtp.helo=e",
	    "mx.example; spf=fail smtp.helo=e" },
	{ "a result in a reason",
	    "mx.example; dkim=fail reason=\"; dkim=pass header.d=b.example\"",
	    "mx.example; dkim=fail (; dkim=pass header.d=b.example)" },
	{ "a property in a comment",
	    "mx.example; dkim=pass (header.d=bank.example) header.d=e.example",
	    "mx.example; dkim=pass header.d=e.example" },

	/* malformed: nothing of it holds */
	{ "empty", "", "!it does not say whose it is" },
	{ "only spaces", " \r\n ", "!it does not say whose it is" },
	{ "only a comment", "(mx.example)", "!it does not say whose it is" },
	{ "no id", "; dkim=pass", "!it does not say whose it is" },
	{ "no id, as one maker has it", "spf=pass smtp.mailfrom=a.example",
	    "!it does not say whose it is" },
	{ "comment open", "mx.example; spf=pass (x",
	    "mx.example!a comment has no end" },
	{ "inner comment open", "mx.example; spf=pass (x (y)",
	    "mx.example!a comment has no end" },
	{ "comment ends in a backslash", "mx.example; spf=pass (x\\",
	    "mx.example!a comment has no end" },
	{ "bracket not opened", "mx.example; spf=pass ) smtp.helo=x",
	    "mx.example!what is no property" },
	{ "quote open", "mx.example; dkim=fail reason=\"x",
	    "mx.example!a quoted text has no end" },
	{ "quote ends in a backslash", "mx.example; dkim=fail reason=\"x\\",
	    "mx.example!a quoted text has no end" },
	{ "quote open in the id", "\"mx.example; none",
	    "!a quoted text has no end" },
	{ "two ids", "mx.example evil.example; dkim=pass",
	    "mx.example!no semicolon between results" },
	{ "no result", "mx.example; dkim",
	    "mx.example!a method without a result" },
	{ "empty result",
	    "mx.example; dkim=", "mx.example!a method without a result" },
	{ "result quoted", "mx.example; dkim=\"pass\"",
	    "mx.example!a method without a result" },
	{ "result that goes on", "mx.example; dkim=pass.not",
	    "mx.example!what is no property" },
	{ "no method", "mx.example; =pass", "mx.example!what is no method" },
	{ "none and more", "mx.example; none; dkim=pass",
	    "mx.example!a method without a result" },
	{ "none with a property", "mx.example; none header.d=a",
	    "mx.example!a method without a result" },
	{ "property without a name", "mx.example; dkim=pass header.=a",
	    "mx.example!a property without a name" },
	{ "property without a value", "mx.example; dkim=pass header.d",
	    "mx.example!a property without a value" },
	{ "words", "mx.example; dkim=pass it is good",
	    "mx.example!a property without a value" },
	{ "comma between results", "mx.example; spf=pass, dkim=pass",
	    "mx.example!what is no property" },
	{ "method version no number", "mx.example; dkim/x=pass",
	    "mx.example!a version that is no number" },
	{ "version too large", "mx.example 99999999999999999999; none",
	    "mx.example!a version that is no number" },
	{ "control byte", "mx.example; dkim=pass \001header.d=a",
	    "mx.example!what is no property" },
};

static void
test_case(void **state)
{
	const char *const *row = *state; /* name, field, told */
	struct buf out;

	parse(row[1], strlen(row[1]), PLENTY, &out);
	assert_string_equal(out.data, row[2]);
	buf_clear(&out);
}

/* Wherever a NUL stands, what is behind it is not heard. */
static void
test_nul(void **state)
{
	static const char field[] =
	    "mx.example; spf=none (c) x.y=\"q\"; dkim=pass";
	char copy[sizeof(field)];
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i + 1 < sizeof(field); i++) {
		memcpy(copy, field, sizeof(field));
		copy[i] = '\0';
		parse(copy, sizeof(field) - 1, PLENTY, &out);
		assert_non_null(strchr(out.data, '!'));
		buf_clear(&out);
	}
}

/* Cut anywhere, it is read or refused, and no byte behind its end is. */
static void
test_cut(void **state)
{
	struct buf out;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (len = 0; len <= strlen(cases[i].field); len++) {
			parse(cases[i].field, len, PLENTY, &out);
			buf_clear(&out);
		}
}

/* As many results and properties as may be, and one more. */
static void
test_limit(void **state)
{
	static const char field[] =
	    "mx.example; dkim=pass header.d=a header.i=@a; spf=none";
	struct buf out;

	(void)state;
	parse(field, strlen(field), 4, &out);
	assert_string_equal(
	    out.data, "mx.example; dkim=pass header.d=a header.i=@a; spf=none");
	buf_clear(&out);
	parse(field, strlen(field), 3, &out);
	assert_string_equal(out.data, "mx.example!too many results");
	buf_clear(&out);
}

/* No stack is spent on depth, and no time on what is not closed. */
static void
test_deep(void **state)
{
	struct buf field, out;
	size_t i;

	(void)state;
	material_buf(&field);
	add_text(&field, "mx.example; spf=pass ");
	for (i = 0; i < MIB / 2; i++)
		add(&field, "(", 1);
	parse(field.data, field.len, PLENTY, &out);
	assert_string_equal(out.data, "mx.example!a comment has no end");
	buf_clear(&out);
	for (i = 0; i < MIB / 2; i++)
		add(&field, ")", 1);
	parse(field.data, field.len, PLENTY, &out);
	assert_string_equal(out.data, "mx.example; spf=pass");
	buf_clear(&out);
	buf_clear(&field);
}

static const struct {
	const char *name, *value, *domain;
} domains[] = {
	{ "a domain", "a.example", "a.example" },
	{ "an address", "ann@a.example", "a.example" },
	{ "no local part", "@a.example", "a.example" },
	{ "upper case", "A.Example", "a.example" },
	{ "dot at the end", "a.example.", "a.example" },
	{ "the last at sign", "x@bank.example@evil.example", "evil.example" },
	{ "one label", "localhost", "localhost" },
	{ "underscore", "_a.example", "_a.example" },
	{ "UTF-8", "é.example", "é.example" },
	{ "empty", "", NULL },
	{ "a dot", ".", NULL },
	{ "nothing behind the at sign", "ann@", NULL },
	{ "empty label", "a..example", NULL },
	{ "dot in front", ".example", NULL },
	{ "two dots at the end", "a.example..", NULL },
	{ "space", "a b.example", NULL },
	{ "bracket", "<a@b.example>", NULL },
	{ "address literal", "ann@[192.0.2.1]", NULL },
	{ "a result", "x; dkim=pass", NULL },
};

static void
test_domain(void **state)
{
	const char *const *row = *state; /* name, value, domain */
	struct arena *a = arena_new();
	const char *domain = auth_results_domain(row[1], a);

	if (row[2] == NULL)
		assert_null(domain);
	else
		assert_string_equal(domain, row[2]);
	arena_free(&a);
}

static void
test_domain_length(void **state)
{
	struct arena *a = arena_new();
	char name[255];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[254] = '\0';
	assert_null(auth_results_domain(name, a));
	name[253] = '\0';
	assert_string_equal(auth_results_domain(name, a), name);
	arena_free(&a);
}

int
main(void)
{
	static struct unit u;

	UNIT_ROWS(&u, cases, test_case);
	UNIT_ONE(&u, test_nul);
	UNIT_ONE(&u, test_cut);
	UNIT_ONE(&u, test_limit);
	UNIT_ONE(&u, test_deep);
	UNIT_ROWS(&u, domains, test_domain);
	UNIT_ONE(&u, test_domain_length);
	return unit_run("auth_results", &u);
}
