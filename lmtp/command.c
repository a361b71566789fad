/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.c - one command line of LMTP taken apart.
 * in: a line (stream.c)    out: a struct, or the reply that refuses (session.c)
 */
#include <string.h>

#include "common/base/text.h"
#include "lmtp/command.h"

/* What is left of the line. */
struct cursor {
	const char *p, *end;
};

static const struct {
	const char *word;
	enum lmtp_verb verb;
} verbs[] = {
	{ "LHLO", LMTP_LHLO },
	{ "MAIL", LMTP_MAIL },
	{ "RCPT", LMTP_RCPT },
	{ "DATA", LMTP_DATA },
	{ "BDAT", LMTP_BDAT },
	{ "RSET", LMTP_RSET },
	{ "NOOP", LMTP_NOOP },
	{ "VRFY", LMTP_VRFY },
	{ "HELP", LMTP_HELP },
	{ "QUIT", LMTP_QUIT },
	{ "HELO", LMTP_HELO },
	{ "EHLO", LMTP_HELO },
};

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

static bool
is_atext(char c)
{
	return is_alnum(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
take(struct cursor *in, char c)
{
	if (in->p == in->end || *in->p != c)
		return false;
	in->p++;
	return true;
}

/* The word, in any case, at the start. */
static bool
take_word(struct cursor *in, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(in->end - in->p) < len ||
	    !text_equal_nocase_n(in->p, word, len))
		return false;
	in->p += len;
	return true;
}

static bool
take_spaces(struct cursor *in)
{
	const char *start = in->p;

	while (take(in, ' '))
		;
	return in->p > start;
}

/* One character past ASCII, counted in *utf8 (RFC 6531, 3.3). */
static bool
take_utf8(struct cursor *in, bool *utf8)
{
	size_t n;

	if (in->p == in->end || (unsigned char)*in->p < 0x80)
		return false;
	if ((n = text_utf8_char(in->p, (size_t)(in->end - in->p))) == 0)
		return false;
	in->p += n;
	*utf8 = true;
	return true;
}

static bool
take_atext(struct cursor *in, bool *utf8)
{
	if (in->p < in->end && is_atext(*in->p)) {
		in->p++;
		return true;
	}
	return take_utf8(in, utf8);
}

static bool
take_label_char(struct cursor *in, bool *utf8)
{
	/* the underscore is no host name's, but it is seen in real ones */
	if (in->p < in->end &&
	    (is_alnum(*in->p) || *in->p == '-' || *in->p == '_')) {
		in->p++;
		return true;
	}
	return take_utf8(in, utf8);
}

/* One or more, dots between, no dot at either end or beside another. */
static bool
take_dotted(struct cursor *in, bool (*one)(struct cursor *, bool *), bool *utf8)
{
	do {
		if (!one(in, utf8))
			return false;
		while (one(in, utf8))
			;
	} while (take(in, '.'));
	return true;
}

/* After the opening quote. Controls are refused for the whole line. */
static bool
take_quoted(struct cursor *in, bool *utf8)
{
	while (!take(in, '"')) {
		if (take_utf8(in, utf8))
			continue;
		(void)take(in, '\\');
		if (in->p == in->end || (unsigned char)*in->p >= 0x80)
			return false;
		in->p++;
	}
	return true;
}

/* After the opening bracket: an address literal (RFC 5321, 4.1.3). */
static bool
take_literal(struct cursor *in)
{
	const char *start = in->p;

	while (in->p < in->end &&
	       (is_alnum(*in->p) || strchr(".:-", *in->p) != NULL))
		in->p++;
	return in->p > start && take(in, ']');
}

static bool
take_domain(struct cursor *in, bool *utf8)
{
	if (take(in, '['))
		return take_literal(in);
	return take_dotted(in, take_label_char, utf8);
}

/* "@a,@b:" is to be accepted and ignored (RFC 5321, 4.1.1.3). */
static bool
skip_route(struct cursor *in, bool *utf8)
{
	if (in->p == in->end || *in->p != '@')
		return true;
	do {
		if (!take(in, '@') || !take_domain(in, utf8))
			return false;
	} while (take(in, ','));
	return take(in, ':');
}

/*
 * "<mailbox>". A mailbox without a domain passes: MTAs that deliver to local
 * users send it, and RFC 5321 wants <postmaster>.
 */
static bool
take_path(struct cursor *in, struct lmtp_command *c, bool *utf8)
{
	if (!take(in, '<'))
		return false;
	c->address = in->p;
	if (take(in, '>'))
		return c->verb == LMTP_MAIL;
	if (!skip_route(in, utf8))
		return false;
	c->address = in->p;
	if (take(in, '"')) {
		if (!take_quoted(in, utf8))
			return false;
	} else if (!take_dotted(in, take_atext, utf8)) {
		return false;
	}
	if (take(in, '@') && !take_domain(in, utf8))
		return false;
	c->address_len = (size_t)(in->p - c->address);
	return c->address_len <= LMTP_ADDRESS_MAX && take(in, '>');
}

/* Digits up to a space or the end. */
static bool
take_number(struct cursor *in, uint64_t *value)
{
	const char *start = in->p;
	int64_t n;

	while (in->p < in->end && *in->p >= '0' && *in->p <= '9')
		in->p++;
	if (text_to_int64(start, (size_t)(in->p - start), &n) < 0)
		return false;
	*value = (uint64_t)n;
	return in->p == in->end || *in->p == ' ';
}

static bool
is_word_end(const struct cursor *in)
{
	return in->p == in->end || *in->p == ' ';
}

static bool
take_body(struct cursor *in, enum lmtp_body *body)
{
	if (take_word(in, "7BIT"))
		*body = LMTP_BODY_7BIT;
	else if (take_word(in, "8BITMIME"))
		*body = LMTP_BODY_8BITMIME;
	else if (take_word(in, "BINARYMIME"))
		*body = LMTP_BODY_BINARYMIME;
	else
		return false;
	return is_word_end(in);
}

enum { SEEN_SIZE = 1, SEEN_BODY = 2, SEEN_UTF8 = 4 };

/* One parameter of MAIL; each may stand there once. */
static enum lmtp_reply
mail_parameter(struct cursor *in, struct lmtp_command *c, unsigned *seen)
{
	unsigned which;
	bool good;

	if (take_word(in, "SIZE=")) {
		which = SEEN_SIZE;
		good = take_number(in, &c->size);
	} else if (take_word(in, "BODY=")) {
		which = SEEN_BODY;
		good = take_body(in, &c->body);
	} else if (take_word(in, "SMTPUTF8")) {
		which = SEEN_UTF8;
		good = is_word_end(in);
		c->smtputf8 = true;
	} else {
		return LMTP_REPLY_PARAMETER;
	}
	if (!good || *seen & which)
		return LMTP_REPLY_SYNTAX;
	*seen |= which;
	return LMTP_REPLY_NONE;
}

static enum lmtp_reply
parse_mail(struct cursor *in, struct lmtp_command *c)
{
	enum lmtp_reply r;
	bool utf8 = false;
	unsigned seen = 0;

	if (!take_word(in, " FROM:"))
		return LMTP_REPLY_SYNTAX;
	if (!take_path(in, c, &utf8))
		return LMTP_REPLY_BAD_SENDER;
	while (in->p < in->end) {
		if (!take_spaces(in))
			return LMTP_REPLY_SYNTAX;
		if ((r = mail_parameter(in, c, &seen)) != LMTP_REPLY_NONE)
			return r;
	}
	return utf8 && !c->smtputf8 ? LMTP_REPLY_NEEDS_UTF8 : LMTP_REPLY_NONE;
}

static enum lmtp_reply
parse_rcpt(struct cursor *in, struct lmtp_command *c, bool utf8_announced)
{
	bool utf8 = false;

	if (!take_word(in, " TO:"))
		return LMTP_REPLY_SYNTAX;
	if (!take_path(in, c, &utf8))
		return LMTP_REPLY_BAD_RECIPIENT;
	if (in->p < in->end)
		return *in->p == ' ' ? LMTP_REPLY_PARAMETER : LMTP_REPLY_SYNTAX;
	return utf8 && !utf8_announced ? LMTP_REPLY_NEEDS_UTF8
				       : LMTP_REPLY_NONE;
}

/* RFC 3030, 2: "BDAT" SP size [SP "LAST"] */
static enum lmtp_reply
parse_bdat(struct cursor *in, struct lmtp_command *c)
{
	if (!take_spaces(in) || !take_number(in, &c->size))
		return LMTP_REPLY_SYNTAX;
	if (in->p == in->end)
		return LMTP_REPLY_NONE;
	(void)take_spaces(in);
	c->last = take_word(in, "LAST") && in->p == in->end;
	return c->last ? LMTP_REPLY_NONE : LMTP_REPLY_SYNTAX;
}

/* Something without spaces after one. */
static enum lmtp_reply
parse_lhlo(struct cursor *in, struct lmtp_command *c)
{
	if (!take_spaces(in) || in->p == in->end ||
	    memchr(in->p, ' ', (size_t)(in->end - in->p)) != NULL)
		return LMTP_REPLY_SYNTAX;
	c->address = in->p;
	c->address_len = (size_t)(in->end - in->p);
	return LMTP_REPLY_NONE;
}

static enum lmtp_verb
verb_of(struct cursor *in)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		struct cursor at = *in;

		if (take_word(&at, verbs[i].word) && is_word_end(&at)) {
			*in = at;
			return verbs[i].verb;
		}
	}
	return LMTP_UNKNOWN;
}

bool
lmtp_command_is_chunk(const char *line, size_t len)
{
	struct cursor in = { line, line + len };

	return take_word(&in, "BDAT");
}

/* NUL and controls are in no command; past ASCII only where utf8_may. */
static bool
has_bad_bytes(const char *line, size_t len, bool utf8_may)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8_may))
			return true;
	}
	return false;
}

enum lmtp_reply
lmtp_command_parse(
    struct lmtp_command *c, const char *line, size_t len, bool utf8)
{
	struct cursor in = { line, line + len };

	*c = (struct lmtp_command){ .address = line };
	while (in.end > in.p && in.end[-1] == ' ')
		in.end--;
	c->verb = verb_of(&in);
	if (c->verb == LMTP_UNKNOWN && lmtp_command_is_chunk(line, len)) {
		c->verb = LMTP_BDAT;
		return LMTP_REPLY_UNKNOWN;
	}
	if (has_bad_bytes(
		line, len, c->verb == LMTP_MAIL || c->verb == LMTP_RCPT))
		return LMTP_REPLY_BAD_BYTES;
	switch (c->verb) {
	case LMTP_LHLO:
		return parse_lhlo(&in, c);
	case LMTP_HELO:
		return LMTP_REPLY_NOT_SMTP;
	case LMTP_MAIL:
		return parse_mail(&in, c);
	case LMTP_RCPT:
		return parse_rcpt(&in, c, utf8);
	case LMTP_BDAT:
		return parse_bdat(&in, c);
	case LMTP_VRFY:
		return in.p < in.end ? LMTP_REPLY_NONE : LMTP_REPLY_SYNTAX;
	case LMTP_DATA:
	case LMTP_RSET:
	case LMTP_QUIT:
		return in.p < in.end ? LMTP_REPLY_SYNTAX : LMTP_REPLY_NONE;
	case LMTP_NOOP:
	case LMTP_HELP:
		return LMTP_REPLY_NONE;
	default:
		return LMTP_REPLY_UNKNOWN;
	}
}
