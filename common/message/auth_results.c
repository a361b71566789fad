/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_results.c - the grammar of Authentication-Results (RFC 8601, 2.2).
 * in: the body of a field    out: statements and their properties
 *
 * Parts of a field are a stranger's: addresses, reasons, what a comment
 * quotes. So nothing is guessed: a quoted text or a comment without an end, a
 * byte that has no place there, and all of the field is malformed. Where
 * servers are known to write more than the grammar lets them, and it means
 * nothing else, it is taken: "/" and "+" of base64 in a value, a property
 * without a type (action=none), a semicolon at the end.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/text.h"
#include "common/message/auth_results.h"

#define DOMAIN_LEN_MAX 253

struct cursor {
	const char *p, *end;
	struct arena *arena; /* foreign */
	uint64_t *left;      /* foreign */
};

static int
malformed(struct err *e, const char *what)
{
	return err_set(e, ERR_MALFORMED, "Authentication-Results: %s", what);
}

/* The byte at the cursor; NUL at the end, and a NUL has a place nowhere. */
static char
peek(const struct cursor *c)
{
	return c->p < c->end ? *c->p : '\0';
}

static bool
is_blank(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n';
}

/* RFC 5321, Keyword; with "_", which is in wide use. */
static bool
is_keyword_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
	       (ch >= '0' && ch <= '9') || ch == '-' || ch == '_';
}

/* RFC 2045, token, and more than that: see above. 8-bit: RFC 6532. */
static bool
is_value_char(char ch)
{
	return (unsigned char)ch > ' ' && ch != 0x7f &&
	       strchr("\";()", ch) == NULL;
}

/* RFC 5322, 3.2.2; comments are in comments without end: counted, not called.
 */
static int
skip_comment(struct cursor *c, struct err *e)
{
	size_t depth = 0;

	do {
		if (c->p == c->end || *c->p == '\0')
			return malformed(e, "a comment has no end");
		if (*c->p == '\\' && c->end - c->p > 1)
			c->p++;
		else if (*c->p == '(')
			depth++;
		else if (*c->p == ')')
			depth--;
		c->p++;
	} while (depth > 0);
	return 0;
}

/* [CFWS] */
static int
skip(struct cursor *c, struct err *e)
{
	for (;;) {
		while (c->p < c->end && is_blank(*c->p))
			c->p++;
		if (peek(c) != '(')
			return 0;
		if (skip_comment(c, e) < 0)
			return -1;
	}
}

/* [CFWS] ch [CFWS]: 1 it was there, 0 not (nothing but CFWS is taken), -1. */
static int
take(struct cursor *c, char ch, struct err *e)
{
	if (skip(c, e) < 0)
		return -1;
	if (peek(c) != ch)
		return 0;
	c->p++;
	return skip(c, e) < 0 ? -1 : 1;
}

/* In lower case; NULL when there is none. */
static const char *
take_keyword(struct cursor *c)
{
	const char *start = c->p;
	char *word;

	while (c->p < c->end && is_keyword_char(*c->p))
		c->p++;
	if (c->p == start)
		return NULL;
	word = arena_strndup(c->arena, start, (size_t)(c->p - start));
	text_lower(word);
	return word;
}

/* Append a quoted-string without quotes and folds to *to. */
static int
take_quoted(struct cursor *c, char **to, struct err *e)
{
	for (c->p++; c->p < c->end && *c->p != '"' && *c->p != '\0'; c->p++) {
		if (*c->p == '\\' && c->end - c->p > 1)
			c->p++;
		else if (*c->p == '\r' || *c->p == '\n')
			continue;
		if (*c->p == '\0')
			break;
		*(*to)++ = *c->p;
	}
	if (peek(c) != '"')
		return malformed(e, "a quoted text has no end");
	c->p++;
	return 0;
}

/*
 * value, or an address, whose local part may be quoted. *value is empty where
 * there is nothing: servers write "smtp.mailfrom=" for the null sender.
 */
static int
take_value(struct cursor *c, const char **value, struct err *e)
{
	const char *at = c->p;
	char *text, *to;

	/* as long as what it is written in, or shorter */
	while (at < c->end && (is_value_char(*at) || *at == '"')) {
		if (*at++ != '"')
			continue;
		for (; at < c->end && *at != '"'; at++)
			if (*at == '\\' && c->end - at > 1)
				at++;
		at += at < c->end;
	}
	to = text = arena_alloc(c->arena, (size_t)(at - c->p) + 1);
	while (c->p < c->end && (is_value_char(*c->p) || *c->p == '"')) {
		if (*c->p != '"')
			*to++ = *c->p++;
		else if (take_quoted(c, &to, e) < 0)
			return -1;
	}
	*value = text;
	return 0;
}

static int
count(struct cursor *c, struct err *e)
{
	if (*c->left == 0)
		return err_set(
		    e, ERR_LIMIT, "Authentication-Results: too many results");
	--*c->left;
	return 0;
}

/* What a statement is put together from. */
struct builder {
	struct auth_statement *statement;
	const struct auth_property **last;
};

/*
 * "reason=..." or "ptype.property=..."; name is the first word of it, and the
 * cursor stands behind that.
 */
static int
take_property(
    struct cursor *c, struct builder *b, const char *name, struct err *e)
{
	const char *property = NULL, *value;
	struct auth_property *made;
	int rc = take(c, '.', e);

	if (rc == 1 && (property = take_keyword(c)) == NULL)
		return malformed(e, "a property without a name");
	if (rc < 0 || (rc = take(c, '=', e)) < 0)
		return -1;
	if (rc == 0)
		return malformed(e, "a property without a value");
	if (take_value(c, &value, e) < 0 || count(c, e) < 0)
		return -1;
	if (property == NULL) {
		if (strcmp(name, "reason") == 0)
			b->statement->reason = value;
		return 0; /* else a word that no RFC knows */
	}
	made = arena_alloc(c->arena, sizeof(*made));
	*made = (struct auth_property){
		.ptype = name, .property = property, .value = value
	};
	*b->last = made;
	b->last = &made->next;
	return 0;
}

/* Up to the semicolon or the end. */
static int
take_properties(struct cursor *c, struct builder *b, struct err *e)
{
	const char *before, *name;

	for (;;) {
		before = c->p;
		if (skip(c, e) < 0)
			return -1;
		if (c->p == c->end || *c->p == ';')
			return 0;
		/* a word that sticks to the one before belongs to it */
		if (before == c->p || (name = take_keyword(c)) == NULL)
			return malformed(e, "what is no property");
		if (take_property(c, b, name, e) < 0)
			return -1;
	}
}

/* "/" and a number: a method's version says nothing that we would need. */
static int
skip_method_version(struct cursor *c, struct err *e)
{
	const char *start;
	int rc = take(c, '/', e);

	if (rc <= 0)
		return rc;
	for (start = c->p; peek(c) >= '0' && peek(c) <= '9';)
		c->p++;
	return c->p == start ? malformed(e, "a version that is no number") : 0;
}

/* One statement, or none, behind its semicolon; *last moves on. */
static int
take_statement(
    struct cursor *c, const struct auth_statement ***last, struct err *e)
{
	struct auth_statement *made;
	struct builder b;
	int rc;

	if (c->p == c->end || *c->p == ';')
		return 0;
	made = arena_alloc(c->arena, sizeof(*made));
	b = (struct builder){ made, &made->properties };
	if ((made->method = take_keyword(c)) == NULL)
		return malformed(e, "what is no method");
	if (skip_method_version(c, e) < 0 || (rc = take(c, '=', e)) < 0)
		return -1;
	if (rc == 0) /* "; none", which stands alone */
		return strcmp(made->method, "none") == 0 && c->p == c->end
			   ? 0
			   : malformed(e, "a method without a result");
	if ((made->result = take_keyword(c)) == NULL)
		return malformed(e, "a method without a result");
	if (count(c, e) < 0 || take_properties(c, &b, e) < 0)
		return -1;
	**last = made;
	*last = &made->next;
	return 0;
}

static int
take_version(struct cursor *c, uint64_t *version, struct err *e)
{
	const char *start = c->p;
	int64_t n;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	if (c->p == start)
		return 0;
	if (text_to_int64(start, (size_t)(c->p - start), &n) < 0)
		return malformed(e, "a version that is no number");
	*version = (uint64_t)n;
	return skip(c, e);
}

int
auth_results_parse(struct auth_results *r, const char *p, size_t len,
    uint64_t *left, struct arena *a, struct err *e)
{
	struct cursor c = { p, p + len, a, left };
	const struct auth_statement **last = &r->statements;
	const char *id;
	int rc;

	*r = (struct auth_results){ .version = 1 };
	if (skip(&c, e) < 0 || take_value(&c, &id, e) < 0)
		return -1;
	if (*id == '\0' || strchr(id, '=') != NULL)
		return malformed(e, "it does not say whose it is");
	r->authserv_id = id;
	if (skip(&c, e) < 0 || take_version(&c, &r->version, e) < 0)
		return -1;
	while (c.p < c.end) {
		if ((rc = take(&c, ';', e)) == 0)
			return malformed(e, "no semicolon between results");
		if (rc < 0 || take_statement(&c, &last, e) < 0)
			return -1;
	}
	return 0;
}

const char *
auth_results_domain(const char *value, struct arena *a)
{
	const char *at = strrchr(value, '@'), *p;
	size_t len, label = 0;
	char *name;

	if (at != NULL)
		value = at + 1;
	len = strlen(value);
	if (len > 0 && value[len - 1] == '.')
		len--;
	if (len == 0 || len > DOMAIN_LEN_MAX)
		return NULL;
	for (p = value; p < value + len; p++) {
		if (*p == '.'
			? label == 0
			: !is_keyword_char(*p) && (unsigned char)*p < 0x80)
			return NULL;
		label = *p == '.' ? 0 : label + 1;
	}
	if (label == 0)
		return NULL;
	name = arena_strndup(a, value, len);
	text_lower(name);
	return name;
}
