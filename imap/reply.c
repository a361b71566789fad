/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.c - what a reply of the server says.
 * in: its text (wire.c)    out: a struct
 */
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "imap/reply.h"

const char *
imap_reply_shown(const char *p, size_t len, char shown[IMAP_SHOWN_BYTES])
{
	char text[IMAP_SHOWN_BYTES];

	(void)snprintf(text, sizeof(text), "%.*s",
	    (int)(len < sizeof(text) ? len : sizeof(text)), p);
	return text_escape(text, shown, IMAP_SHOWN_BYTES);
}

static int
malformed(struct err *e, const char *what, const char *text, size_t len)
{
	char shown[IMAP_SHOWN_BYTES];

	return err_set(e, ERR_MALFORMED, "reply of the server: %s: %s", what,
	    imap_reply_shown(text, len > 60 ? 60 : len, shown));
}

static bool
is_word(const struct bytes *value, const char *word)
{
	return value->len == strlen(word) &&
	       text_equal_nocase_n(value->data, word, value->len);
}

/* RFC 9051, 9: nz-number and number have 32 bits. */
static bool
number_of(const struct bytes *value, uint32_t *number)
{
	const char *p = value->data;
	int64_t n;

	if (value->len == 0 || *p < '0' || *p > '9' ||
	    text_to_int64(p, value->len, &n) < 0 || n > UINT32_MAX)
		return false;
	*number = (uint32_t)n;
	return true;
}

static bool
status_of(const struct bytes *word, enum imap_status *status)
{
	static const char *const words[] = {
		[IMAP_STATUS_OK] = "OK",
		[IMAP_STATUS_NO] = "NO",
		[IMAP_STATUS_BAD] = "BAD",
		[IMAP_STATUS_BYE] = "BYE",
		[IMAP_STATUS_PREAUTH] = "PREAUTH",
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (is_word(word, words[i])) {
			*status = (enum imap_status)i;
			return true;
		}
	}
	return false;
}

/* "[UIDVALIDITY 7] text for people" */
static void
split_text(struct imap_reply *r, const char *p, size_t len)
{
	const char *end;

	text_trim(&p, &len);
	if (len > 0 && *p == '[' && (end = memchr(p, ']', len)) != NULL) {
		r->code = (struct bytes){ p + 1, (size_t)(end - p - 1) };
		len -= (size_t)(end + 1 - p);
		p = end + 1;
		text_trim(&p, &len);
	}
	r->text = (struct bytes){ p, len };
}

/* The word up to the next space. */
static struct bytes
next_word(char **p, const char *end)
{
	char *start = *p;

	while (*p < end && **p != ' ')
		(*p)++;
	if (*p < end)
		return (struct bytes){ start, (size_t)((*p)++ - start) };
	return (struct bytes){ start, (size_t)(*p - start) };
}

static void
parse_named(struct imap_reply *r, const struct bytes *name)
{
	static const struct {
		const char *word;
		enum imap_reply_kind kind;
	} known[] = {
		{ "CAPABILITY", IMAP_REPLY_CAPABILITY },
		{ "NAMESPACE", IMAP_REPLY_NAMESPACE },
		{ "LIST", IMAP_REPLY_LIST },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (is_word(name, known[i].word))
			r->kind = known[i].kind;
}

static void
parse_untagged(struct imap_reply *r, char *p, char *end)
{
	struct bytes word = next_word(&p, end);

	if (status_of(&word, &r->status)) {
		r->kind = IMAP_REPLY_STATUS;
		split_text(r, p, (size_t)(end - p));
		return;
	}
	if (!number_of(&word, &r->number)) {
		r->rest = (struct imap_tokens){ p, end };
		parse_named(r, &word);
		return;
	}
	word = next_word(&p, end);
	r->rest = (struct imap_tokens){ p, end };
	if (is_word(&word, "EXISTS"))
		r->kind = IMAP_REPLY_EXISTS;
	else if (is_word(&word, "EXPUNGE"))
		r->kind = IMAP_REPLY_EXPUNGE;
	else if (is_word(&word, "FETCH"))
		r->kind = IMAP_REPLY_FETCH;
}

static int
parse_tagged(struct imap_reply *r, const struct bytes *tag, char *p, char *end,
    struct err *e)
{
	static const char prefix[] = IMAP_TAG;
	const struct bytes number = { (const char *)tag->data + sizeof(prefix) -
					  1,
		tag->len - (sizeof(prefix) - 1) };
	struct bytes word;

	if (tag->len < sizeof(prefix) ||
	    memcmp(tag->data, prefix, sizeof(prefix) - 1) != 0 ||
	    !number_of(&number, &r->tag))
		return malformed(e, "not our tag", tag->data, tag->len);
	word = next_word(&p, end);
	if (!status_of(&word, &r->status) || r->status > IMAP_STATUS_BAD)
		return malformed(
		    e, "neither OK, NO nor BAD", word.data, word.len);
	r->kind = IMAP_REPLY_DONE;
	split_text(r, p, (size_t)(end - p));
	return 0;
}

int
imap_reply_parse(struct imap_reply *r, char *text, size_t len, struct err *e)
{
	char *p = text, *end = text + len;
	struct bytes word = next_word(&p, end);

	*r = (struct imap_reply){ .code = { "", 0 }, .text = { "", 0 } };
	if (is_word(&word, "*")) {
		parse_untagged(r, p, end);
		return 0;
	}
	if (is_word(&word, "+")) {
		r->kind = IMAP_REPLY_GO_ON;
		return 0;
	}
	return parse_tagged(r, &word, p, end, e);
}

bool
imap_reply_is_code(const struct imap_reply *r, const char *word)
{
	size_t len = strlen(word);
	const char *p = r->code.data;

	return r->code.len >= len && text_equal_nocase_n(p, word, len) &&
	       (r->code.len == len || p[len] == ' ');
}

bool
imap_reply_code_number(
    const struct imap_reply *r, const char *word, uint32_t *number)
{
	size_t len = strlen(word) + 1;
	const struct bytes value = { (const char *)r->code.data + len,
		r->code.len - len };

	return imap_reply_is_code(r, word) && r->code.len > len &&
	       number_of(&value, number);
}

/* "(\Seen \Deleted)", behind the parenthesis */
static void
parse_flags(struct imap_tokens *t, struct imap_fetch *f)
{
	struct bytes value;

	while (imap_token_next(t, &value) == IMAP_TOKEN_ATOM)
		if (is_word(&value, "\\Deleted"))
			f->is_deleted = true;
}

static bool
starts(const struct bytes *value, const char *word)
{
	size_t len = strlen(word);

	return value->len >= len && text_equal_nocase_n(value->data, word, len);
}

static void
parse_item(struct imap_tokens *t, const struct bytes *name,
    enum imap_token token, const struct bytes *value, struct imap_fetch *f)
{
	int64_t size;

	if (token == IMAP_TOKEN_OPEN && is_word(name, "FLAGS")) {
		parse_flags(t, f);
	} else if (token == IMAP_TOKEN_OPEN && is_word(name, "BODYSTRUCTURE")) {
		imap_structure_read(t, &f->structure);
		f->has_structure = true;
	} else if (token == IMAP_TOKEN_OPEN) {
		imap_token_skip(t, token);
	} else if (is_word(name, "UID")) {
		(void)number_of(value, &f->uid);
	} else if (is_word(name, "RFC822.SIZE")) {
		f->has_size =
		    text_to_int64(value->data, value->len, &size) == 0 &&
		    size >= 0;
		if (f->has_size)
			f->size = (uint64_t)size;
	} else if (starts(name, "BODY[HEADER.FIELDS")) {
		f->header = *value;
	} else if (starts(name, "BODY[TEXT]")) {
		f->start = *value;
	} else if (is_word(name, "BODY[]")) {
		f->body = *value;
		f->has_body = true;
	}
}

int
imap_fetch_parse(struct imap_reply *r, struct imap_fetch *f, struct err *e)
{
	struct imap_tokens *t = &r->rest;
	struct bytes name, value;
	enum imap_token token;

	*f = (struct imap_fetch){
		.header = { "", 0 }, .start = { "", 0 }, .body = { "", 0 }
	};
	if (imap_token_next(t, &value) != IMAP_TOKEN_OPEN)
		return malformed(e, "FETCH", t->p, (size_t)(t->end - t->p));
	while ((token = imap_token_next(t, &name)) == IMAP_TOKEN_ATOM) {
		token = imap_token_next(t, &value);
		if (token < IMAP_TOKEN_OPEN || token == IMAP_TOKEN_CLOSE)
			return malformed(
			    e, "FETCH without a value", name.data, name.len);
		parse_item(t, &name, token, &value, f);
	}
	if (token != IMAP_TOKEN_CLOSE)
		return malformed(e, "FETCH ends amid its items", "", 0);
	return 0;
}
