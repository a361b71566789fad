/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_imap_reply.c - what replies of a server say, and what a mail is made of.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "common/base/buf.h"
#include "imap/preview.h"
#include "imap/reply.h"

static int
parse(const char *text, struct imap_reply *r, char **copy, struct err *e)
{
	*copy = xstrdup(text);
	memset(e, 0, sizeof(*e));
	return imap_reply_parse(r, *copy, strlen(*copy), e);
}

static const struct {
	const char *name, *text;
	enum imap_reply_kind kind;
	unsigned number;
	const char *code, *people;
} replies[] = {
	{ "done", "I7 OK [COPYUID 1 2 3] done", IMAP_REPLY_DONE, 7,
	    "COPYUID 1 2 3", "done" },
	{ "no", "I4294967295 NO [TRYCREATE] no folder", IMAP_REPLY_DONE,
	    4294967295, "TRYCREATE", "no folder" },
	{ "bad without a word", "I1 BAD", IMAP_REPLY_DONE, 1, "", "" },
	{ "lower case", "I1 ok Done", IMAP_REPLY_DONE, 1, "", "Done" },
	{ "code that does not end", "I1 OK [UIDNEXT 3", IMAP_REPLY_DONE, 1, "",
	    "[UIDNEXT 3" },
	{ "bye", "* BYE going", IMAP_REPLY_STATUS, 0, "", "going" },
	{ "go on", "+ idling", IMAP_REPLY_GO_ON, 0, "", "" },
	{ "go on without a word", "+", IMAP_REPLY_GO_ON, 0, "", "" },
	{ "exists", "* 23 EXISTS", IMAP_REPLY_EXISTS, 23, "", "" },
	{ "expunge", "* 4 EXPUNGE", IMAP_REPLY_EXPUNGE, 4, "", "" },
	{ "fetch", "* 5 FETCH (UID 1)", IMAP_REPLY_FETCH, 5, "", "" },
	{ "capability", "* CAPABILITY IMAP4rev1 IDLE", IMAP_REPLY_CAPABILITY, 0,
	    "", "" },
	{ "number too large", "* 4294967296 EXISTS", IMAP_REPLY_OTHER, 0, "",
	    "" },
	{ "negative number", "* -1 EXISTS", IMAP_REPLY_OTHER, 0, "", "" },
	{ "unknown", "* VANISHED 1:3", IMAP_REPLY_OTHER, 0, "", "" },
	{ "star alone", "*", IMAP_REPLY_OTHER, 0, "", "" },
};

static void
test_replies(void **state)
{
	struct imap_reply r;
	struct err e;
	char *copy;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		if (parse(replies[i].text, &r, &copy, &e) < 0)
			fail_msg("%s: %s", replies[i].name, e.text);
		if (r.kind != replies[i].kind ||
		    (r.kind == IMAP_REPLY_DONE ? r.tag : r.number) !=
			replies[i].number ||
		    r.code.len != strlen(replies[i].code) ||
		    memcmp(r.code.data, replies[i].code, r.code.len) != 0 ||
		    r.text.len != strlen(replies[i].people) ||
		    memcmp(r.text.data, replies[i].people, r.text.len) != 0)
			fail_msg("%s: kind %d number %u code %.*s text %.*s",
			    replies[i].name, r.kind, r.number, (int)r.code.len,
			    (const char *)r.code.data, (int)r.text.len,
			    (const char *)r.text.data);
		free(copy);
	}
}

static const struct {
	const char *name, *text, *error;
} bad_replies[] = {
	{ "another tag", "A1 OK", "reply of the server: not our tag: A1" },
	{ "tag without a number", "I OK",
	    "reply of the server: not our tag: I" },
	{ "tag too large", "I4294967296 OK",
	    "reply of the server: not our tag: I4294967296" },
	{ "no status", "I1 HELLO",
	    "reply of the server: neither OK, NO nor BAD: HELLO" },
	{ "bye with a tag", "I1 BYE",
	    "reply of the server: neither OK, NO nor BAD: BYE" },
	{ "another protocol", "HTTP/1.1 400 Bad Request",
	    "reply of the server: not our tag: HTTP/1.1" },
	{ "nothing", "", "reply of the server: not our tag: " },
};

static void
test_bad_replies(void **state)
{
	struct imap_reply r;
	struct err e;
	char *copy;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_replies) / sizeof(*bad_replies); i++) {
		assert_int_equal(parse(bad_replies[i].text, &r, &copy, &e), -1);
		assert_string_equal(e.text, bad_replies[i].error);
		assert_int_equal(e.kind, ERR_MALFORMED);
		free(copy);
	}
}

static void
test_codes(void **state)
{
	struct imap_reply r;
	uint32_t n = 0;
	struct err e;
	char *copy;

	(void)state;
	assert_int_equal(parse("* OK [UIDVALIDITY 77] x", &r, &copy, &e), 0);
	assert_true(imap_reply_code_number(&r, "UIDVALIDITY", &n));
	assert_int_equal(n, 77);
	assert_false(imap_reply_is_code(&r, "UIDVALID"));
	assert_false(imap_reply_code_number(&r, "UIDNEXT", &n));
	free(copy);
	assert_int_equal(parse("* OK [UIDVALIDITY] x", &r, &copy, &e), 0);
	assert_true(imap_reply_is_code(&r, "uidvalidity"));
	assert_false(imap_reply_code_number(&r, "UIDVALIDITY", &n));
	free(copy);
}

static int
fetch(const char *text, struct imap_fetch *f, char **copy, struct err *e)
{
	struct imap_reply r;

	assert_int_equal(parse(text, &r, copy, e), 0);
	assert_int_equal(r.kind, IMAP_REPLY_FETCH);
	return imap_fetch_parse(&r, f, e);
}

static void
test_fetch(void **state)
{
	struct imap_fetch f;
	struct err e;
	char *copy;

	(void)state;
	assert_int_equal(fetch("* 1 FETCH (FLAGS (\\Seen \\Deleted) UID 9 "
			       "X-OTHER (a (b) \"c)\") RFC822.SIZE 12345678901 "
			       "BODY[HEADER.FIELDS (SUBJECT \"TO\")] {4}\r\na)("
			       "b BODY[TEXT]<0> \"x\\\"y\" BODY[] \"\")",
			     &f, &copy, &e),
	    0);
	assert_int_equal(f.uid, 9);
	assert_true(f.is_deleted && f.has_size);
	assert_true(f.size == 12345678901);
	assert_int_equal(f.header.len, 4);
	assert_memory_equal(f.header.data, "a)(b", 4);
	assert_int_equal(f.start.len, 3);
	assert_memory_equal(f.start.data, "x\"y", 3);
	assert_true(f.has_body && f.body.len == 0);
	free(copy);
	assert_int_equal(
	    fetch("* 1 FETCH (UID 9 BODY[] NIL)", &f, &copy, &e), 0);
	assert_true(f.has_body && f.body.len == 0);
	free(copy);
	assert_int_equal(fetch("* 1 FETCH (UID 9 FLAGS ())", &f, &copy, &e), 0);
	assert_false(f.has_body);
	free(copy);
}

static const struct {
	const char *name, *text;
} bad_fetches[] = {
	{ "no list", "* 1 FETCH UID 9" },
	{ "list does not end", "* 1 FETCH (UID 9" },
	{ "name without a value", "* 1 FETCH (UID" },
	{ "string does not end", "* 1 FETCH (UID \"9)" },
	{ "literal past the end", "* 1 FETCH (UID {9}\r\nab)" },
	{ "literal of no number", "* 1 FETCH (UID {x}\r\nab)" },
	{ "literal below zero", "* 1 FETCH (UID {-1}\r\nab)" },
	{ "flags do not end", "* 1 FETCH (FLAGS (\\Seen" },
	{ "structure does not end", "* 1 FETCH (BODYSTRUCTURE (((" },
	{ "too many ends", "* 1 FETCH (UID ))" },
	{ "nothing", "* 1 FETCH" },
};

static void
test_bad_fetches(void **state)
{
	struct imap_fetch f;
	struct err e;
	char *copy;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_fetches) / sizeof(*bad_fetches); i++) {
		if (fetch(bad_fetches[i].text, &f, &copy, &e) == 0)
			fail_msg("%s: accepted", bad_fetches[i].name);
		assert_int_equal(e.kind, ERR_MALFORMED);
		free(copy);
	}
}

#define TEXT_PLAIN "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 5 1)"
#define TEXT_HTML "(\"text\" \"html\" NIL NIL NIL \"7BIT\" 5 1)"
#define PNG "(\"IMAGE\" \"PNG\" (\"NAME\" \"a.png\") NIL NIL \"BASE64\" 9)"
#define ENVELOPE \
	"(NIL \"hi\" ((NIL NIL \"a\" \"b.example\")) NIL NIL NIL NIL NIL NIL " \
	"NIL)"

/* What Dovecot and others say of mails; may it be a report? */
static const struct {
	const char *name, *structure, *header, *start;
	unsigned parts, texts;
	bool may;
} mails[] = {
	{ "one text", TEXT_PLAIN, "Subject: hello", "Hi", 1, 1, false },
	{ "Subject of a report", TEXT_PLAIN, "Subject: Report Domain: x", "Hi",
	    1, 1, true },
	{ "XML in the text", TEXT_PLAIN, "", "\r\n<?xml version", 1, 1, true },
	{ "gzip in the text", TEXT_PLAIN, "", "H4sIAAAAAAAA", 1, 1, true },
	{ "alternative",
	    "(" TEXT_PLAIN TEXT_HTML " \"ALTERNATIVE\" (\"BOUNDARY\" \"x\"))",
	    "", "Hi", 2, 1, false },
	{ "two texts", "(" TEXT_PLAIN TEXT_PLAIN " \"MIXED\" NIL NIL NIL)", "",
	    "Hi", 2, 2, true },
	{ "picture",
	    "((" TEXT_PLAIN TEXT_HTML " \"ALTERNATIVE\")" PNG " \"MIXED\")", "",
	    "Hi", 3, 1, false },
	{ "gzip",
	    "(" TEXT_PLAIN "(\"APPLICATION\" \"GZIP\" NIL NIL NIL \"BASE64\" "
	    "9) \"MIXED\")",
	    "", "Hi", 2, 1, true },
	{ "picture with the name of a report",
	    "(" TEXT_PLAIN "(\"IMAGE\" \"PNG\" (\"NAME\" \"a.XML\") NIL NIL "
	    "\"BASE64\" 9) \"MIXED\")",
	    "", "Hi", 2, 1, true },
	{ "name in the disposition",
	    "(" TEXT_PLAIN "(\"IMAGE\" \"PNG\" NIL NIL NIL \"BASE64\" 9 NIL "
	    "(\"attachment\" (\"filename\" \"a.zip\"))) \"MIXED\")",
	    "", "Hi", 2, 1, true },
	{ "mail in the mail",
	    "(" PNG "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 " ENVELOPE
	    " " TEXT_PLAIN " 9) \"MIXED\")",
	    "", "Hi", 3, 1, false },
	{ "report in the mail in the mail",
	    "(" PNG "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 " ENVELOPE
	    " (\"APPLICATION\" \"ZIP\" NIL NIL NIL \"BASE64\" 9) 9) "
	    "\"MIXED\")",
	    "", "Hi", 3, 0, true },
	{ "no parts at all", "()", "", "Hi", 0, 0, true },
	{ "signature",
	    "(" TEXT_PLAIN "(\"APPLICATION\" \"PGP-SIGNATURE\" NIL NIL NIL "
	    "\"7BIT\" 9) \"SIGNED\")",
	    "", "Hi", 2, 1, false },
};

static void
test_mails(void **state)
{
	struct imap_fetch f;
	struct err e;
	char text[2048], *copy;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(mails) / sizeof(*mails); i++) {
		(void)snprintf(text, sizeof(text),
		    "* 1 FETCH (BODYSTRUCTURE %s BODY[HEADER.FIELDS (SUBJECT)] "
		    "\"%s\" BODY[TEXT]<0> {%zu}\r\n%s UID 3)",
		    mails[i].structure, mails[i].header, strlen(mails[i].start),
		    mails[i].start);
		if (fetch(text, &f, &copy, &e) < 0)
			fail_msg("%s: %s", mails[i].name, e.text);
		assert_int_equal(f.uid, 3); /* all before it was understood */
		if (f.structure.parts != mails[i].parts ||
		    f.structure.texts != mails[i].texts ||
		    imap_preview_may_be_report(&f) != mails[i].may)
			fail_msg("%s: %u parts, %u texts, may %d",
			    mails[i].name, f.structure.parts, f.structure.texts,
			    imap_preview_may_be_report(&f));
		free(copy);
	}
}

/* Nested up to the depth that is followed, and deeper: in doubt a report. */
static void
test_depth(void **state)
{
	char text[4096];
	struct imap_fetch f;
	struct err e;
	size_t depth, len, i;
	char *copy;

	(void)state;
	for (depth = 98; depth <= 300; depth += depth == 100 ? 200 : 1) {
		len = (size_t)snprintf(
		    text, sizeof(text), "* 1 FETCH (BODYSTRUCTURE ");
		for (i = 0; i < depth; i++)
			text[len++] = '(';
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "%s", TEXT_PLAIN);
		for (i = 0; i < depth; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s)", depth < 120 ? " \"MIXED\"" : "");
		(void)snprintf(text + len, sizeof(text) - len, " UID 3)");
		assert_int_equal(fetch(text, &f, &copy, &e), 0);
		assert_int_equal(f.uid, 3);
		assert_int_equal(f.structure.may_hold, depth > 99);
		free(copy);
	}
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ONE(&u, test_replies);
	UNIT_ONE(&u, test_bad_replies);
	UNIT_ONE(&u, test_codes);
	UNIT_ONE(&u, test_fetch);
	UNIT_ONE(&u, test_bad_fetches);
	UNIT_ONE(&u, test_mails);
	UNIT_ONE(&u, test_depth);
	return unit_run("imap_reply", &u);
}
