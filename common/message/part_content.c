/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part_content.c - the bytes of one MIME part, its content transfer encoding
 * taken off: the declared one, or what it is.
 * in: a part of GMime's tree (part.c)    out: a stream (message.c)
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/message/attachment.h"
#include "common/message/lines.h"
#include "common/message/part_content.h"

struct content_stream {
	struct reader reader;
	GMimeStream *stream; /* owned */
};

static ssize_t
content_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct content_stream *c = (struct content_stream *)r;
	ssize_t n;

	/* 4 KiB that decode to nothing are 0 bytes too, and not the end */
	do {
		n = g_mime_stream_read(c->stream, p, len);
	} while (n == 0 && len > 0 && !g_mime_stream_eos(c->stream));
	if (n < 0 && !g_mime_stream_eos(c->stream))
		return err_set(e, ERR_TEMP, "mail cannot be read");
	return n < 0 ? 0 : n;
}

static void
content_close(struct reader *r)
{
	struct content_stream *c = (struct content_stream *)r;

	g_object_unref(c->stream);
	free(c);
}

/* The part's bytes as they stand in the mail, or through the filter. */
static struct reader *
content_new(GMimeDataWrapper *wrapper, GMimeContentEncoding decode)
{
	struct content_stream *c = xcalloc(1, sizeof(*c));
	GMimeStream *stream = g_mime_data_wrapper_get_stream(wrapper);
	GMimeFilter *filter;

	(void)g_mime_stream_reset(stream);
	c->reader.read = content_read;
	c->reader.close = content_close;
	c->stream = g_mime_stream_filter_new(stream);
	if (decode != GMIME_CONTENT_ENCODING_DEFAULT) {
		filter = g_mime_filter_basic_new(decode, FALSE);
		g_mime_stream_filter_add(
		    GMIME_STREAM_FILTER(c->stream), filter);
		g_object_unref(filter);
	}
	return &c->reader;
}

/*
 * Does it say something without being decoded? Then nobody encoded it. In
 * quoted-printable an "=" is "=3D", so one before a quote was not encoded.
 */
static bool
is_plain(GMimeContentEncoding encoding, const char *p, size_t len)
{
	if (encoding != GMIME_CONTENT_ENCODING_BASE64 &&
	    encoding != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE &&
	    encoding != GMIME_CONTENT_ENCODING_UUENCODE)
		return false;
	switch (attachment_content(p, len)) {
	case CONTENT_OTHER:
	case CONTENT_BASE64:
		return false;
	case CONTENT_GZIP:
	case CONTENT_ZIP:
		return true;
	default:
		return encoding != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE ||
		       memmem(p, len, "=\"", 2) != NULL;
	}
}

/* Take the encoding off raw (owned); NULL: only GMime can, raw is closed. */
static struct reader *
decode(struct reader *raw, GMimeContentEncoding encoding, struct part *about)
{
	const char *head;
	struct err e; /* the one who reads on gets it again */
	ssize_t n = reader_peek(raw, &head, &e);

	about->is_mislabelled = n > 0 && is_plain(encoding, head, (size_t)n);
	about->is_text = encoding != GMIME_CONTENT_ENCODING_BASE64;
	if (about->is_mislabelled || encoding == GMIME_CONTENT_ENCODING_BINARY)
		return raw;
	if (encoding == GMIME_CONTENT_ENCODING_BASE64)
		return attachment_base64(raw, &about->has_field);
	if (encoding == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE ||
	    encoding == GMIME_CONTENT_ENCODING_UUENCODE) {
		reader_close(&raw);
		return NULL;
	}
	return lines_unfold(raw, &about->joined_lines);
}

struct reader *
part_content(GMimePart *part, struct part *about)
{
	GMimeDataWrapper *wrapper = g_mime_part_get_content(part);
	GMimeContentEncoding encoding;
	struct reader *in;

	if (wrapper == NULL)
		return NULL;
	encoding = g_mime_data_wrapper_get_encoding(wrapper);
	in = decode(reader_peeking(
			content_new(wrapper, GMIME_CONTENT_ENCODING_DEFAULT)),
	    encoding, about);
	return in != NULL ? in : content_new(wrapper, encoding);
}

struct reader *
part_of_bytes(const struct bytes *bytes, GMimeContentEncoding encoding,
    struct part *about)
{
	return decode(reader_peeking(reader_of_bytes(bytes->data, bytes->len)),
	    encoding, about);
}
