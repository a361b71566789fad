/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_imap_wire.c - the bytes of a server, friendly or not, cut into replies
 * and mails: at every split, and each limit at its boundary.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "imap/wire.h"

#define BYTES(text) text, sizeof(text) - 1
#define TEXT_MAX 64
#define BODY_MAX 20

/* Replies as "<reply>", pieces of a mail gathered as "[mail]", "!" at the end
 * by an error. */
static const struct {
	const char *name, *in;
	size_t in_len;
	const char *out, *error;
} cases[] = {
	{ "two replies", BYTES("* OK a\r\n+ b\r\n"), "<* OK a><+ b>", NULL },
	{ "bare LF", BYTES("* OK a\n* OK b\n"), "<* OK a><* OK b>", NULL },
	{ "not over yet", BYTES("* OK a\r"), "", NULL },
	{ "literal", BYTES("* X {3}\r\na\nb)\r\n"), "<* X {3}\r\na\nb)>",
	    NULL },
	{ "empty literal", BYTES("* X {0}\r\n Y\r\n"), "<* X {0}\r\n Y>",
	    NULL },
	{ "literal in a literal's clothes", BYTES("* X {5}\r\n{99}\r)\r\n"),
	    "<* X {5}\r\n{99}\r)>", NULL },
	{ "two literals", BYTES("* X {1}\r\na {1}\r\nb\r\n"),
	    "<* X {1}\r\na {1}\r\nb>", NULL },
	{ "text for people", BYTES("* OK see {9}\r\nI1 NO in {8}\r\n"),
	    "<* OK see {9}><I1 NO in {8}>", NULL },
	{ "braces without digits", BYTES("* X {}\r\n* X {a}\r\n* X 5}\r\n"),
	    "<* X {}><* X {a}><* X 5}>", NULL },
	{ "mail", BYTES("* 1 FETCH (BODY[] {4}\r\na\r\nb UID 7)\r\n"),
	    "[a\r\nb]<* 1 FETCH (BODY[] NIL UID 7)>", NULL },
	{ "empty mail", BYTES("* 1 FETCH (body[] {0}\r\n UID 7)\r\n"),
	    "<* 1 FETCH (body[] NIL UID 7)>", NULL },
	{ "header is no mail", BYTES("* 1 F (BODY[HEADER] {2}\r\nab)\r\n"),
	    "<* 1 F (BODY[HEADER] {2}\r\nab)>", NULL },
	{ "mail and a literal", BYTES("* F (BODY[] {1}\r\na X {1}\r\nb)\r\n"),
	    "[a]<* F (BODY[] NIL X {1}\r\nb)>", NULL },
	{ "mail of the most bytes",
	    BYTES("* F (BODY[] {20}\r\n12345678901234567890)\r\n"),
	    "[12345678901234567890]<* F (BODY[] NIL)>", NULL },
	{ "mail of one more", BYTES("* F (BODY[] {21}\r\n1"), "!",
	    "mail of 21 bytes" },
	{ "two mails in one",
	    BYTES("* F (BODY[] {1}\r\na BODY[] {1}\r\nb)\r\n"), "[a]!",
	    "reply of the server: two mails in one" },
	/* the last CR counts */
	{ "line of the most bytes",
	    BYTES("* X 567890123456789012345678901234567890"
		  "12345678901234567890123\r\n"),
	    "<"
	    "* X 567890123456789012345678901234567890"
	    "12345678901234567890123>",
	    NULL },
	{ "line of one more",
	    BYTES("* X 567890123456789012345678901234567890"
		  "12345678901234567890123x\r\n"),
	    "!", "reply of the server: more than 64 bytes" },
	{ "endless line",
	    BYTES("* X 567890123456789012345678901234567890"
		  "12345678901234567890123xy"),
	    "!", "reply of the server: more than 64 bytes" },
	{ "literal that cannot fit", BYTES("* X {57}\r\n"), "!",
	    "reply of the server: more than 64 bytes" },
	{ "literal of 2^63", BYTES("* X {9223372036854775808}\r\na\r\n"),
	    "<* X {9223372036854775808}><a>", NULL },
	{ "empty line", BYTES("\r\n"), "!",
	    "reply of the server: an empty line" },
};

static void
show(char *out, size_t size, const char *before, const struct bytes *text,
    const char *after)
{
	size_t len = strlen(out);

	(void)snprintf(out + len, size - len, "%s%.*s%s", before,
	    (int)text->len, (const char *)text->data, after);
}

/* In pieces of at most step bytes. */
static void
cut(const char *p, size_t len, size_t step, char *out, size_t size,
    struct err *e)
{
	char mail[64] = "";
	struct imap_wire w;
	struct bytes in, span, text;
	size_t n;
	int rc = 0;

	imap_wire_init(&w, TEXT_MAX, BODY_MAX);
	*out = '\0';
	for (; rc >= 0 && len > 0; p += n, len -= n) {
		n = len < step ? len : step;
		in = (struct bytes){ p, n };
		while ((rc = imap_wire_next(&w, &in, &span, e)) > 0) {
			text = (struct bytes){ w.text.data, w.text.len };
			if (rc == IMAP_WIRE_BODY)
				show(mail, sizeof(mail), "", &span, "");
			if (*mail != '\0' && w.literal == 0) {
				text = (struct bytes){ mail, strlen(mail) };
				show(out, size, "[", &text, "]");
				*mail = '\0';
			}
			text = (struct bytes){ w.text.data, w.text.len };
			if (rc == IMAP_WIRE_REPLY)
				show(out, size, "<", &text, ">");
		}
	}
	text = (struct bytes){ "", 0 };
	if (rc < 0)
		show(out, size, "!", &text, "");
	imap_wire_clear(&w);
}

static void
test_every_step(void **state)
{
	char out[512];
	struct err e;
	size_t i, step;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (step = 1; step <= cases[i].in_len; step++) {
			memset(&e, 0, sizeof(e));
			cut(cases[i].in, cases[i].in_len, step, out,
			    sizeof(out), &e);
			if (strcmp(out, cases[i].out) != 0 ||
			    strcmp(e.text,
				cases[i].error != NULL ? cases[i].error : "") !=
				0)
				fail_msg("%s, by %zu:\n%s\n%s\n%s",
				    cases[i].name, step, out, cases[i].out,
				    e.text);
		}
	}
}

/* Whatever comes: an event or an error, and never more than the limits. */
static void
test_garbage(void **state)
{
	static const char *const words[] = { "* ", "BODY[] ", "{3}", "{0}",
		"\r\n", "\n", "a", "(", ")", "\"", "{20}", "{99999999999}", "+",
		"OK ", "NIL", "1 FETCH " };
	char text[256];
	struct imap_wire w;
	struct bytes in, span;
	struct err e;
	unsigned seed = 1, i, n;
	size_t len;
	int rc;

	(void)state;
	for (i = 0; i < 20000; i++) {
		for (len = 0, n = 0; n < 12; n++) {
			seed = seed * 1103515245 + 12345;
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s", words[seed >> 16 & 15]);
		}
		imap_wire_init(&w, TEXT_MAX, BODY_MAX);
		in = (struct bytes){ text, len };
		while ((rc = imap_wire_next(&w, &in, &span, &e)) > 0) {
			assert_true(w.text.len <= TEXT_MAX);
			if (rc == IMAP_WIRE_BODY)
				assert_in_range(span.len, 1, BODY_MAX);
		}
		if (rc == 0)
			assert_int_equal(in.len, 0);
		imap_wire_clear(&w);
	}
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ONE(&u, test_every_step);
	UNIT_ONE(&u, test_garbage);
	return unit_run("imap_wire", &u);
}
