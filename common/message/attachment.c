/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment.c - what an attachment is, by its first bytes, and what opening
 * it may cost.
 */
#include <inttypes.h>
#include <string.h>

#include "common/base/text.h"
#include "common/message/attachment.h"

#define RATIO_FROM (1024 * 1024) /* small things may be packed well */

int
unpack_count(struct unpack_budget *budget, size_t len, uint64_t in,
    uint64_t out, struct err *e)
{
	const struct conf_limits *limits = budget->limits;

	budget->unpacked += len;
	if (budget->unpacked > limits->decompressed)
		return err_set(e, ERR_LIMIT,
		    "more than %" PRIu64 " bytes unpacked",
		    limits->decompressed);
	if ((out > RATIO_FROM && out / limits->ratio > in) ||
	    (budget->packed > 0 && budget->unpacked > RATIO_FROM &&
		budget->unpacked / limits->ratio > budget->packed))
		return err_set(e, ERR_LIMIT,
		    "unpacks to more than %" PRIu64 " times its size",
		    limits->ratio);
	return 0;
}

void
attachment_skip_lead(const char **p, size_t *len)
{
	if (*len >= 3 && memcmp(*p, "\xef\xbb\xbf", 3) == 0) {
		*p += 3;
		*len -= 3;
	}
	while (*len > 0 && text_is_space(**p)) {
		(*p)++;
		(*len)--;
	}
}

/* XML that may be a report: HTML in a mail's text must not get here. */
static bool
is_xml(const char *p, size_t len)
{
	if (len == 0 || *p != '<')
		return false;
	return (len >= 5 && memcmp(p, "<?xml", 5) == 0) ||
	       memmem(p, len, "feedback", 8) != NULL;
}

static bool
is_json(const char *p, size_t len)
{
	return len > 0 && *p == '{';
}

static enum content
text_content(const char *p, size_t len)
{
	attachment_skip_lead(&p, &len);
	if (is_xml(p, len))
		return CONTENT_XML;
	return is_json(p, len) ? CONTENT_JSON : CONTENT_OTHER;
}

/* What is text in UTF-16 has a NUL in every other byte: look at the rest. */
static enum content
wide_content(const char *p, size_t len)
{
	char narrow[READER_PEEK_MAX / 2];
	size_t low, i, n = 0;

	if (len < 4)
		return CONTENT_OTHER;
	if (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0) {
		p += 2;
		len -= 2;
	}
	if ((p[0] == '\0') == (p[1] == '\0'))
		return CONTENT_OTHER;
	low = p[0] == '\0' ? 1 : 0;
	for (i = low; i < len && n < sizeof(narrow); i += 2)
		narrow[n++] = p[i];
	return text_content(narrow, n);
}

/*
 * Base64 whose first line is nothing else, of something that is worth it: a
 * word of four letters would decode too.
 */
static bool
is_base64(const char *p, size_t len)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/=";
	char head[READER_PEEK_MAX];
	struct reader *in;
	struct err e;
	size_t line = 0;
	ssize_t n;

	attachment_skip_lead(&p, &len);
	while (line < len && memchr(alphabet, p[line], sizeof(alphabet) - 1))
		line++;
	if (line < 16 || (line < len && !text_is_space(p[line])))
		return false;
	in = attachment_base64(reader_of_bytes(p, len), NULL);
	n = reader_read_full(in, head, sizeof(head), &e);
	reader_close(&in);
	if (n <= 0)
		return false;
	return attachment_is_gzip(head, (size_t)n) ||
	       attachment_is_zip(head, (size_t)n) ||
	       text_content(head, (size_t)n) != CONTENT_OTHER;
}

/* Of these, a header of a mail that was delivered has one. */
static const char *const mail_fields[] = { "Received", "Return-Path",
	"Delivered-To", "Message-ID", "MIME-Version", "From",
	"DKIM-Signature" };

static bool
is_mail_field(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(mail_fields) / sizeof(*mail_fields); i++)
		if (strlen(mail_fields[i]) == len &&
		    text_equal_nocase_n(p, mail_fields[i], len))
			return true;
	return false;
}

/* Bytes of the field name at p, which a colon follows; 0: there is none. */
static size_t
field_name(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] > ' ' && p[n] < 0x7f && p[n] != ':')
		n++;
	return n < len && p[n] == ':' ? n : 0;
}

/* A mail's header, as far as it can be seen: fields, and a telling one. */
static bool
is_mail(const char *p, size_t len)
{
	const char *end = p + len, *stop;
	size_t n, fields = 0;
	bool is_told = false;

	for (; p < end; p = stop + 1) {
		if ((stop = memchr(p, '\n', (size_t)(end - p))) == NULL)
			break; /* the rest of the line is not here */
		if (*p == '\n' || *p == '\r')
			break; /* the header is over */
		if (fields > 0 && (*p == ' ' || *p == '\t'))
			continue;
		if ((n = field_name(p, (size_t)(stop - p))) == 0)
			return false;
		fields++;
		is_told = is_told || is_mail_field(p, n);
	}
	return is_told && fields >= 3;
}

enum content
attachment_content(const char *p, size_t len)
{
	enum content content;

	if (attachment_is_gzip(p, len))
		return CONTENT_GZIP;
	if (attachment_is_zip(p, len))
		return CONTENT_ZIP;
	if ((content = text_content(p, len)) != CONTENT_OTHER ||
	    (content = wide_content(p, len)) != CONTENT_OTHER)
		return content;
	if (is_base64(p, len))
		return CONTENT_BASE64;
	return is_mail(p, len) ? CONTENT_MAIL : CONTENT_OTHER;
}
