/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample_part.c - the text and the attachments of a sample, by GMime.
 * in: the parsed sample (sample.c)    out: text, and a digest of each file
 */
#include <stdlib.h>
#include <string.h>
#include <gmime/gmime.h>

#include "common/base/buf.h"
#include "common/base/sha256.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/message/sample_part.h"

#define CHUNK_BYTES (16 * 1024)
#define BETWEEN_TEXTS "\n--- mail_boundary ---\n" /* as parsedmarc has it */

/* The part's bytes, decoded; a text in UTF-8 where its charset is known. */
static GMimeStream *
stream_of(GMimePart *part, bool is_text)
{
	GMimeDataWrapper *wrapper = g_mime_part_get_content(part);
	GMimeContentType *type;
	GMimeStream *inner, *stream;
	GMimeFilter *filter;
	const char *charset;

	if (wrapper == NULL)
		return NULL;
	inner = g_mime_data_wrapper_get_stream(wrapper);
	(void)g_mime_stream_reset(inner);
	stream = g_mime_stream_filter_new(inner);
	filter = g_mime_filter_basic_new(
	    g_mime_data_wrapper_get_encoding(wrapper), FALSE);
	g_mime_stream_filter_add(GMIME_STREAM_FILTER(stream), filter);
	g_object_unref(filter);
	if (!is_text)
		return stream;
	type = g_mime_object_get_content_type(GMIME_OBJECT(part));
	charset = g_mime_content_type_get_parameter(type, "charset");
	if (charset == NULL || text_equal_nocase(charset, "utf-8") ||
	    text_equal_nocase(charset, "us-ascii") ||
	    (filter = g_mime_filter_charset_new(charset, "utf-8")) == NULL)
		return stream;
	g_mime_stream_filter_add(GMIME_STREAM_FILTER(stream), filter);
	g_object_unref(filter);
	return stream;
}

/* Add the text of part to out; what is too long for out is left out. */
static void
add_text(struct sample_content *c, GMimePart *part, struct buf *out)
{
	GMimeStream *stream = stream_of(part, true);
	char chunk[CHUNK_BYTES];
	bool is_first = true;
	size_t room;
	struct err e;
	ssize_t n;

	if (stream == NULL)
		return;
	while (!c->body_is_cut &&
	       (n = g_mime_stream_read(stream, chunk, sizeof(chunk))) > 0) {
		if (is_first && out->len > 0 && c->keep_body)
			c->body_is_cut =
			    buf_add_text(out, BETWEEN_TEXTS, &e) < 0;
		is_first = false;
		c->has_body = true;
		if (!c->keep_body)
			break;
		room = out->max - out->len;
		if ((size_t)n > room) {
			n = (ssize_t)room;
			c->body_is_cut = true;
		}
		(void)buf_add(out, chunk, (size_t)n, &e);
	}
	g_object_unref(stream);
}

static void
digest_of(GMimePart *part, char hex[SHA256_HEX_SIZE])
{
	GMimeStream *stream = stream_of(part, false);
	struct sha256 *hash = sha256_new();
	unsigned char digest[SHA256_BYTES];
	char chunk[CHUNK_BYTES];
	ssize_t n;

	while (stream != NULL &&
	       (n = g_mime_stream_read(stream, chunk, sizeof(chunk))) > 0)
		sha256_add(hash, chunk, (size_t)n);
	sha256_end(hash, digest);
	sha256_free(&hash);
	text_hex(digest, sizeof(digest), hex);
	if (stream != NULL)
		g_object_unref(stream);
}

static void
take_attachment(struct arena *a, GMimePart *part, struct sample_attachment *to)
{
	const char *name = g_mime_part_get_filename(part);
	char *type = g_mime_content_type_get_mime_type(
	    g_mime_object_get_content_type(GMIME_OBJECT(part)));
	char *lower;

	to->filename = name == NULL ? NULL : utf8_copy(a, name, strlen(name));
	if (type != NULL) {
		lower = utf8_copy(a, type, strlen(type));
		text_lower(lower);
		to->content_type = lower;
	}
	g_free(type);
	digest_of(part, to->sha256);
}

enum role { ROLE_PLAIN, ROLE_HTML, ROLE_FILE };

static enum role
role_of(GMimeObject *object)
{
	GMimeContentType *type = g_mime_object_get_content_type(object);
	const char *disposition = g_mime_object_get_disposition(object);

	if ((disposition != NULL &&
		text_equal_nocase(disposition, GMIME_DISPOSITION_ATTACHMENT)) ||
	    g_mime_part_get_filename(GMIME_PART(object)) != NULL)
		return ROLE_FILE;
	if (g_mime_content_type_is_type(type, "text", "plain"))
		return ROLE_PLAIN;
	return g_mime_content_type_is_type(type, "text", "html") ? ROLE_HTML
								 : ROLE_FILE;
}

static void
add_part(struct sample_content *c, GMimeObject *object, struct buf *plain,
    struct buf *html, struct sample_attachment *files)
{
	switch (role_of(object)) {
	case ROLE_PLAIN:
		add_text(c, GMIME_PART(object), plain);
		break;
	case ROLE_HTML:
		add_text(c, GMIME_PART(object), html);
		break;
	case ROLE_FILE:
		take_attachment(c->arena, GMIME_PART(object),
		    &files[c->attachment_count++]);
	}
}

static size_t
depth_of(GMimePartIter *iter)
{
	char *path = g_mime_part_iter_get_path(iter);
	size_t depth = 1;
	const char *at;

	for (at = path; at != NULL && (at = strchr(at, '.')) != NULL; at++)
		depth++;
	g_free(path);
	return depth;
}

/* All texts of one kind come first, as parsedmarc puts them. */
static void
join_body(struct sample_content *c, struct buf *plain, const struct buf *html)
{
	size_t len;
	struct err e;

	if (!c->keep_body || !c->has_body)
		return;
	if (plain->len > 0 && html->len > 0)
		(void)buf_add_text(plain, BETWEEN_TEXTS, &e);
	len = html->len;
	if (len > plain->max - plain->len) {
		len = plain->max - plain->len;
		c->body_is_cut = true;
	}
	(void)buf_add(plain, html->data != NULL ? html->data : "", len, &e);
	len = c->body_is_cut ? utf8_cut(plain->data, plain->len,
				   plain->len > 0 ? plain->len - 1 : 0)
			     : plain->len;
	c->body = utf8_copy(c->arena, plain->data, len);
}

void
sample_content_read(struct sample_content *c, GMimeMessage *message)
{
	size_t max = c->limits->parts < 1000 ? (size_t)c->limits->parts : 1000;
	struct sample_attachment *files =
	    arena_alloc(c->arena, max * sizeof(*files));
	GMimePartIter *iter = g_mime_part_iter_new(GMIME_OBJECT(message));
	struct buf plain, html;
	size_t count = 0;

	buf_init(&plain, (size_t)c->limits->sample);
	buf_init(&html, (size_t)c->limits->sample);
	if (g_mime_part_iter_is_valid(iter)) {
		do {
			if (count++ == max ||
			    depth_of(iter) > c->limits->part_depth) {
				c->is_cut = true;
				break;
			}
			GMimeObject *object =
			    g_mime_part_iter_get_current(iter);
			if (GMIME_IS_PART(object))
				add_part(c, object, &plain, &html, files);
		} while (g_mime_part_iter_next(iter));
	}
	g_mime_part_iter_free(iter);
	join_body(c, &plain, &html);
	c->attachments = files;
	buf_clear(&plain);
	buf_clear(&html);
}
