/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure.c - what the parts of a mail are, without the mail.
 *
 * Types that no report comes in are listed; all others may hold one, and so
 * may a part with a name like that of a report, whatever its type.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "imap/structure.h"

#define DEPTH_MAX 100 /* limits.part_depth cannot be more */

/* What an open parenthesis began. */
enum kind {
	KIND_NEW,   /* a body: by what comes next it is one of the two below */
	KIND_MULTI, /* (body)(body) "MIXED" ... */
	KIND_LEAF,  /* "TEXT" "PLAIN" ... */
	KIND_MAIL,  /* "MESSAGE" "RFC822" ..., with a body in it */
	KIND_OTHER, /* parameters, envelopes, ... */
};

struct frame {
	enum kind kind;
	unsigned at; /* values before the next one */
	unsigned texts;
	bool is_text; /* the type of a leaf */
	bool is_message;
	char type[16]; /* of a leaf; cut off where it is longer */
};

#define MAIL_BODY_AT 8 /* behind type, subtype, six fields and the envelope */

/* "type/subtype" or "type/"; reports come in none of these. */
static const char *const harmless[] = { "image/", "audio/", "video/",
	"text/calendar", "text/x-vcard", "text/vcard", "text/rfc822-headers",
	"text/css", "application/pdf", "application/msword",
	"application/vnd.openxmlformats-", "application/vnd.ms-",
	"application/vnd.oasis.", "application/rtf", "application/pgp-",
	"application/pkcs7-signature", "application/x-pkcs7-signature",
	"application/ics", "application/postscript", "message/delivery-status",
	"message/disposition-notification" };

static const char *const endings[] = { ".xml", ".gz", ".gzip", ".zip", ".json",
	".eml", ".msg", ".tgz" };

/* Does a file name, or a longer text, end as that of a report does? */
static bool
is_name(const struct bytes *value)
{
	const char *p = value->data;
	size_t i, len;

	for (i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		len = strlen(endings[i]);
		if (value->len >= len &&
		    text_equal_nocase_n(p + value->len - len, endings[i], len))
			return true;
	}
	/* encoded or cut: who knows what it says */
	return memmem(p, value->len, "=?", 2) != NULL ||
	       memmem(p, value->len, "!", 1) != NULL;
}

static bool
is_harmless(const char *type, const struct bytes *subtype)
{
	char whole[80];
	size_t i;

	if (subtype->len > 60)
		return false;
	(void)snprintf(whole, sizeof(whole), "%s/%.*s", type, (int)subtype->len,
	    (const char *)subtype->data);
	for (i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (text_starts_nocase(whole, harmless[i]))
			return true;
	return false;
}

static bool
is_word(const struct bytes *value, const char *word)
{
	return value->len == strlen(word) &&
	       text_equal_nocase_n(value->data, word, value->len);
}

static void
leaf_subtype(
    struct imap_structure *s, struct frame *f, const struct bytes *subtype)
{
	bool is_mail = f->is_message && (is_word(subtype, "RFC822") ||
					    is_word(subtype, "GLOBAL"));

	s->parts++;
	if (is_mail)
		f->kind = KIND_MAIL;
	else if (f->is_text &&
		 (is_word(subtype, "PLAIN") || is_word(subtype, "HTML")))
		f->texts = 1;
	else if (!is_harmless(f->type, subtype))
		s->may_hold = true;
}

static void
take_type(struct frame *f, const struct bytes *value)
{
	f->kind = KIND_LEAF;
	f->is_text = is_word(value, "TEXT");
	f->is_message = is_word(value, "MESSAGE");
	(void)snprintf(f->type, sizeof(f->type), "%.*s", (int)value->len,
	    (const char *)value->data);
}

static void
take_value(struct imap_structure *s, struct frame *f, const struct bytes *value)
{
	if (f->kind == KIND_NEW)
		take_type(f, value);
	else if (f->kind == KIND_LEAF && f->at == 1)
		leaf_subtype(s, f, value);
	else if (f->kind == KIND_MULTI && f->at == 0)
		f->texts = is_word(value, "ALTERNATIVE") && f->texts > 0
			       ? 1
			       : f->texts;
	else if (is_name(value))
		s->may_hold = true;
	f->at++;
}

/* What the next "(" in this one begins. */
static enum kind
kind_inside(struct frame *f)
{
	if (f->kind == KIND_NEW)
		f->kind = KIND_MULTI;
	if ((f->kind == KIND_MULTI && f->at == 0) ||
	    (f->kind == KIND_MAIL && f->at == MAIL_BODY_AT))
		return KIND_NEW;
	return KIND_OTHER;
}

/* A body in a multipart is no value of it: its subtype is the first. */
static void
close_frame(struct frame *f, const struct frame *inner)
{
	if (inner->kind != KIND_OTHER)
		f->texts += inner->texts;
	if (inner->kind == KIND_OTHER || f->kind == KIND_MAIL)
		f->at++;
}

void
imap_structure_read(struct imap_tokens *t, struct imap_structure *s)
{
	struct frame frames[DEPTH_MAX] = { { .kind = KIND_NEW } };
	size_t depth = 0;
	struct bytes value;
	enum imap_token token;

	*s = (struct imap_structure){ 0 };
	for (;;) {
		token = imap_token_next(t, &value);
		if (token == IMAP_TOKEN_END || token == IMAP_TOKEN_BAD)
			break; /* cut short: in doubt, it may */
		if (token == IMAP_TOKEN_OPEN && depth + 1 == DEPTH_MAX) {
			s->may_hold = true;
			imap_token_skip(t, token);
		} else if (token == IMAP_TOKEN_OPEN) {
			enum kind kind = kind_inside(&frames[depth]);

			frames[++depth] = (struct frame){ .kind = kind };
		} else if (token != IMAP_TOKEN_CLOSE) {
			take_value(s, &frames[depth], &value);
		} else if (depth-- > 0) {
			close_frame(&frames[depth], &frames[depth + 1]);
		} else {
			s->texts = frames[0].texts;
			return;
		}
	}
	s->may_hold = true;
}
