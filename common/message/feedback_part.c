/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feedback_part.c - which part is feedback about a mail, and which one is that
 * mail (RFC 5965, RFC 6591).
 * in: MIME parts (part.c)    out: streams
 */
#include <stdlib.h>
#include <string.h>
#include <gmime/gmime.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/message/feedback_part.h"

#define LINE_BYTES 512 /* longer than any boundary (RFC 2046) */

bool
feedback_is_part(GMimeObject *object)
{
	GMimeContentType *type = g_mime_object_get_content_type(object);
	const char *subtype = g_mime_content_type_get_media_subtype(type);

	return GMIME_IS_PART(object) && subtype != NULL &&
	       text_equal_nocase(subtype, "feedback-report");
}

static bool
is_sample(GMimeObject *object)
{
	static const char *const types[][2] = {
		{ "message", "rfc822" },
		{ "message", "rfc-822" },
		{ "message", "rfc822-headers" },
		{ "message", "rfc-822-headers" },
		{ "message", "global" }, /* RFC 6532 */
		{ "message", "global-headers" },
		{ "text", "rfc822-headers" },
		{ "text", "rfc822" },
		{ "text", "rfc-822" },
		{ "text", "rfc-822-headers" },
		{ "text", "rfc822-header" },
	};
	GMimeContentType *type = g_mime_object_get_content_type(object);
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (g_mime_content_type_is_type(type, types[i][0], types[i][1]))
			return true;
	return false;
}

GMimeObject *
feedback_sample_of(GMimeObject *multipart, GMimeObject *feedback)
{
	GMimeMultipart *m;
	int i, count;

	if (multipart == NULL || !GMIME_IS_MULTIPART(multipart))
		return NULL;
	m = GMIME_MULTIPART(multipart);
	count = g_mime_multipart_get_count(m);
	for (i = g_mime_multipart_index_of(m, feedback) + 1; i < count; i++) {
		GMimeObject *object = g_mime_multipart_get_part(m, i);

		if (feedback_is_part(object))
			return NULL; /* what follows belongs to that one */
		if (is_sample(object))
			return object;
	}
	return NULL;
}

/* Bytes from at to end of a mail. */
struct range {
	struct reader reader;
	struct spill *raw; /* foreign */
	uint64_t at, end;
};

static ssize_t
range_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct range *range = (struct range *)r;
	ssize_t n;

	if (len > range->end - range->at)
		len = (size_t)(range->end - range->at);
	if (len == 0)
		return 0;
	n = spill_read(range->raw, range->at, p, len, e);
	if (n > 0)
		range->at += (uint64_t)n;
	return n;
}

static void
range_close(struct reader *r)
{
	free(r);
}

/*
 * Where the mail in the part begins: behind the empty line that ends the
 * part's own header. What GMime made of that mail plays no part, for there are
 * mails that it makes nothing of. -1: it is not known.
 */
static int64_t
start_of(GMimeObject *sample, struct spill *raw)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(sample);
	char chunk[4096], before = '\0';
	struct err e;
	gint64 at;
	ssize_t n, i;

	if (g_mime_header_list_get_count(list) == 0)
		return -1;
	at =
	    g_mime_header_get_offset(g_mime_header_list_get_header_at(list, 0));
	while (at >= 0 && (n = spill_read(raw, (uint64_t)at, chunk,
			       sizeof(chunk), &e)) > 0) {
		for (i = 0; i < n; i++) {
			if (chunk[i] == '\n' && before == '\n')
				return at + i + 1;
			if (chunk[i] != '\r')
				before = chunk[i];
		}
		at += n;
	}
	return -1;
}

/* RFC 2046, 5.1.1: "--", the boundary, maybe "--", and white space. */
static bool
is_delimiter(const char *line, size_t len, const char *boundary)
{
	size_t wanted = strlen(boundary);

	if (len < wanted + 2 || memcmp(line, "--", 2) != 0 ||
	    memcmp(line + 2, boundary, wanted) != 0)
		return false;
	line += wanted + 2;
	len -= wanted + 2;
	if (len >= 2 && memcmp(line, "--", 2) == 0) {
		line += 2;
		len -= 2;
	}
	text_trim(&line, &len);
	return len == 0;
}

struct line {
	char text[LINE_BYTES]; /* its start */
	size_t len;
	uint64_t at;   /* where it began */
	bool after_cr; /* the line end before it was CRLF */
	bool is_first;
};

/* Is the delimiter in it? Then *end is where the part before it ends. */
static bool
line_ends_part(const struct line *l, const char *boundary, uint64_t *end)
{
	if (!is_delimiter(l->text, l->len, boundary))
		return false;
	*end = l->is_first ? l->at : l->at - (l->after_cr ? 2 : 1);
	return true;
}

/* The end of the part that starts at; that of the mail without delimiter. */
static uint64_t
find_end(struct spill *raw, uint64_t at, const char *boundary)
{
	struct line l = { .at = at, .is_first = true };
	char chunk[16 * 1024], last = '\0';
	struct err e;
	uint64_t end;
	ssize_t n, i;

	while ((n = spill_read(raw, at, chunk, sizeof(chunk), &e)) > 0) {
		for (i = 0; i < n; i++) {
			if (chunk[i] != '\n') {
				if (l.len < sizeof(l.text))
					l.text[l.len++] = chunk[i];
				last = chunk[i];
				continue;
			}
			if (line_ends_part(&l, boundary, &end))
				return end;
			l.at = at + (uint64_t)i + 1;
			l.len = 0;
			l.is_first = false;
			l.after_cr = last == '\r';
			last = '\n';
		}
		at += (uint64_t)n;
	}
	return line_ends_part(&l, boundary, &end) ? end : at;
}

struct reader *
feedback_message_reader(
    GMimeObject *sample, GMimeObject *multipart, struct spill *raw)
{
	const char *boundary;
	struct range *range;
	int64_t start;

	boundary = g_mime_multipart_get_boundary(GMIME_MULTIPART(multipart));
	if (boundary == NULL || (start = start_of(sample, raw)) < 0)
		return NULL;
	range = xcalloc(1, sizeof(*range));
	range->reader.read = range_read;
	range->reader.close = range_close;
	range->raw = raw;
	range->at = (uint64_t)start;
	range->end = find_end(raw, range->at, boundary);
	return &range->reader;
}
