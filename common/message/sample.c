/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample.c - the mail that a failure report is about, by GMime: its header,
 * addresses and date. Spam and forged mail is what samples are: anything may
 * be empty, doubled or broken.
 * in: its bytes (report/failure.c)    out: what is kept of it
 */
#include <string.h>
#include <unistd.h>
#include <gmime/gmime.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/message/header_guard.h"
#include "common/message/part.h"
#include "common/message/sample.h"
#include "common/message/sample_part.h"

#define ADDRESSES_MAX 1000

struct reading {
	struct sample *s;
	const struct conf_limits *limits;
	struct arena *arena;
	GMimeMessage *message;
	size_t header_len; /* bytes up to the empty line */
};

static void
note(struct reading *r, const char *what)
{
	struct sample *s = r->s;

	if (s->note_count < sizeof(s->notes) / sizeof(*s->notes))
		s->notes[s->note_count++] = what;
}

/*
 * How long is the header, with its last line end? More than limit bytes are
 * not looked at: then it is limit.
 */
static int
measure_header(struct spill *raw, uint64_t limit, size_t *len, struct err *e)
{
	char chunk[16 * 1024];
	bool line_is_empty = true;
	uint64_t at = 0;
	ssize_t n, i;

	while (at < limit) {
		if ((n = spill_read(raw, at, chunk, sizeof(chunk), e)) < 0)
			return -1;
		if (n == 0)
			break;
		for (i = 0; i < n; i++) {
			if (chunk[i] == '\n' && line_is_empty) {
				*len = (size_t)at + (size_t)i;
				return 0;
			}
			line_is_empty = chunk[i] == '\n';
		}
		at += (uint64_t)n;
	}
	*len = (size_t)(at < limit ? at : limit);
	return 0;
}

/* The start of the sample, in memory: len bytes of it. */
static int
read_start(struct spill *raw, size_t len, struct buf *out, struct err *e)
{
	char *to;
	ssize_t n;

	buf_init(out, len + 1);
	while (out->len < len) {
		if ((to = buf_reserve(out, len - out->len, e)) == NULL)
			return -1;
		n = spill_read(raw, out->len, to, len - out->len, e);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		out->len += (size_t)n;
	}
	return 0;
}

static GMimeStream *
memory_stream(const void *p, size_t len)
{
	GByteArray *array = g_byte_array_new();
	GMimeStream *stream;

	g_byte_array_append(array, p, (guint)len);
	stream = g_mime_stream_mem_new_with_byte_array(array);
	g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), TRUE);
	return stream;
}

static GMimeStream *
stream_of_header(struct reading *r, struct spill *raw, struct err *e)
{
	GMimeStream *stream = NULL;
	struct buf start;

	if (read_start(raw, r->header_len, &start, e) == 0)
		stream = memory_stream(
		    start.data != NULL ? start.data : "", start.len);
	buf_clear(&start);
	return stream;
}

static GMimeStream *
stream_of_all(struct spill *raw, struct err *e)
{
	const void *p;
	size_t len;
	int fd;

	if (spill_finish(raw, &p, &len, &fd, e) < 0)
		return NULL;
	if (fd < 0)
		return memory_stream(p, len);
	if ((fd = dup(fd)) < 0) {
		err_set_errno(e, "temporary file");
		return NULL;
	}
	return g_mime_stream_fs_new_with_bounds(fd, 0, (gint64)spill_size(raw));
}

/*
 * What would cost too much as a whole is read as a header only, and what would
 * break GMime not at all: then r->message stays NULL.
 */
static int
open_message(struct reading *r, struct spill *raw, struct err *e)
{
	GMimeStream *stream;
	GMimeParser *parser;
	struct err why = { 0 };
	bool ends_differ; /* a byte more or less in a text for people */

	if (header_guard(raw, &why) < 0) {
		*e = why;
		return err_is_temporary(&why) ? -1 : 0;
	}
	if (parts_check(raw, r->limits, &ends_differ, &why) < 0) {
		*e = why;
		if (err_is_temporary(&why))
			return -1;
		note(r, arena_printf(r->arena, "sample: %s", why.text));
		stream = stream_of_header(r, raw, e);
	} else {
		stream = stream_of_all(raw, e);
	}
	if (stream == NULL)
		return -1;
	parser = g_mime_parser_new_with_stream(stream);
	r->message = g_mime_parser_construct_message(parser, NULL);
	g_object_unref(parser);
	g_object_unref(stream);
	return 0;
}

static const char *
trimmed_copy(struct arena *a, const char *p)
{
	size_t len = strlen(p);

	text_trim(&p, &len);
	return utf8_copy(a, p, len);
}

/* The value as written, folds and all, with its encoded words decoded. */
static const char *
value_of(struct arena *a, GMimeHeader *header)
{
	const char *raw = g_mime_header_get_raw_value(header), *value;
	char *decoded;

	if (raw == NULL)
		return "";
	decoded = g_mime_utils_header_decode_text(NULL, raw);
	value = trimmed_copy(a, decoded != NULL ? decoded : raw);
	g_free(decoded);
	return value;
}

/* Of two headers the one that stands first; NULL for none. */
static GMimeHeader *
next_header(GMimeHeaderList *const lists[2], int at[2])
{
	GMimeHeader *header[2] = { NULL, NULL };
	int i;

	for (i = 0; i < 2; i++)
		if (lists[i] != NULL &&
		    at[i] < g_mime_header_list_get_count(lists[i]))
			header[i] =
			    g_mime_header_list_get_header_at(lists[i], at[i]);
	if (header[0] == NULL && header[1] == NULL)
		return NULL;
	i = header[0] == NULL ||
	    (header[1] != NULL && g_mime_header_get_offset(header[1]) <
				      g_mime_header_get_offset(header[0]));
	at[i]++;
	return header[i];
}

static void
take_header(struct arena *a, GMimeHeader *header, struct header_field *to)
{
	char *lower;

	to->spelling = trimmed_copy(a, g_mime_header_get_raw_name(header));
	to->name = lower = arena_strdup(a, to->spelling);
	text_lower(lower);
	to->value = value_of(a, header);
}

/* GMime gives those of the content (RFC 2045) to the part below. */
static void
take_headers(struct reading *r)
{
	GMimeObject *part = g_mime_message_get_mime_part(r->message);
	GMimeHeaderList *const lists[2] = { g_mime_object_get_header_list(
						GMIME_OBJECT(r->message)),
		part == NULL ? NULL : g_mime_object_get_header_list(part) };
	size_t max = (size_t)r->limits->header_fields, count = 0, all;
	int at[2] = { 0, 0 };
	struct header_field *fields;
	GMimeHeader *header;

	all = (size_t)g_mime_header_list_get_count(lists[0]);
	if (lists[1] != NULL)
		all += (size_t)g_mime_header_list_get_count(lists[1]);
	if (all > max) {
		note(r, "the sample has more header fields than the limit");
		all = max;
	}
	fields = arena_alloc(r->arena, all * sizeof(*fields));
	while (count < all && (header = next_header(lists, at)) != NULL)
		take_header(r->arena, header, &fields[count++]);
	r->s->headers = fields;
	r->s->header_count = count;
}

struct address_list {
	struct arena *arena;
	struct mail_address *item;
	size_t count;
};

static void
add_address(struct address_list *to, InternetAddress *from)
{
	const char *name = internet_address_get_name(from), *address;

	address =
	    internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(from));
	if (address == NULL || *address == '\0' || to->count == ADDRESSES_MAX)
		return;
	to->item[to->count++] = (struct mail_address){
		.display_name = name != NULL && *name != '\0'
				    ? trimmed_copy(to->arena, name)
				    : NULL,
		.address = trimmed_copy(to->arena, address),
	};
}

/* Members of a group count for themselves; groups are not nested by RFC. */
static void
add_addresses(struct address_list *to, InternetAddressList *list)
{
	int i, k;

	for (i = 0; i < internet_address_list_length(list); i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);
		InternetAddressList *members;

		if (INTERNET_ADDRESS_IS_MAILBOX(a)) {
			add_address(to, a);
			continue;
		}
		members = internet_address_group_get_members(
		    INTERNET_ADDRESS_GROUP(a));
		for (k = 0; k < internet_address_list_length(members); k++) {
			a = internet_address_list_get_address(members, k);
			if (INTERNET_ADDRESS_IS_MAILBOX(a))
				add_address(to, a);
		}
	}
}

/* Of the first field of this name, as parsedmarc. */
static struct mail_addresses
addresses_of(struct reading *r, const char *name)
{
	struct address_list to = { .arena = r->arena };
	GMimeHeader *header = g_mime_header_list_get_header(
	    g_mime_object_get_header_list(GMIME_OBJECT(r->message)), name);
	InternetAddressList *list;

	if (header == NULL || g_mime_header_get_raw_value(header) == NULL)
		return (struct mail_addresses){ 0 };
	list = internet_address_list_parse(
	    NULL, g_mime_header_get_raw_value(header));
	if (list == NULL)
		return (struct mail_addresses){ 0 };
	to.item = arena_alloc(r->arena, ADDRESSES_MAX * sizeof(*to.item));
	add_addresses(&to, list);
	g_object_unref(list);
	return (struct mail_addresses){ to.item, to.count };
}

/* The domain that DMARC looks at (RFC 9989): that of the first From. */
static const char *
domain_of(struct arena *a, const struct mail_addresses *from)
{
	const char *at;
	char *domain;
	size_t len;

	if (from->count == 0 ||
	    (at = strrchr(from->item[0].address, '@')) == NULL)
		return NULL;
	domain = arena_strdup(a, at + 1);
	len = strlen(domain);
	if (len > 0 && domain[len - 1] == '.')
		domain[--len] = '\0';
	text_lower(domain);
	return len > 0 ? domain : NULL;
}

static int64_t
date_of(GMimeMessage *message)
{
	GDateTime *when = g_mime_message_get_date(message);

	/* GMime gives the epoch for what it cannot read */
	if (when == NULL || g_date_time_to_unix(when) == 0)
		return INT64_MIN;
	return g_date_time_to_unix(when);
}

static void
take_mail(struct reading *r, enum conf_sample keep)
{
	const char *subject = g_mime_message_get_subject(r->message);
	struct sample_content content = { .limits = r->limits,
		.arena = r->arena,
		.keep_body = keep == CONF_SAMPLE_FULL };
	struct sample *s = r->s;

	s->date = date_of(r->message);
	s->from = addresses_of(r, "From");
	s->from_domain = domain_of(r->arena, &s->from);
	sample_content_read(&content, r->message);
	s->headers_only = !content.has_body && content.attachment_count == 0;
	if (keep == CONF_SAMPLE_NONE) {
		s->from = (struct mail_addresses){ 0 };
		return;
	}
	take_headers(r);
	s->subject = subject == NULL ? NULL : trimmed_copy(r->arena, subject);
	s->to = addresses_of(r, "To");
	s->reply_to = addresses_of(r, "Reply-To");
	s->cc = addresses_of(r, "Cc");
	s->bcc = addresses_of(r, "Bcc");
	s->attachments = content.attachments;
	s->attachment_count = content.attachment_count;
	s->body = content.body;
	if (content.is_cut)
		note(r, "the sample has more parts than the limit");
	if (content.body_is_cut)
		note(r, "the text of the sample is longer than the limit");
}

/* The bytes that are kept: of the header, or of all. */
static int
take_raw(
    struct reading *r, struct spill *raw, enum conf_sample keep, struct err *e)
{
	uint64_t len =
	    keep == CONF_SAMPLE_FULL ? spill_size(raw) : r->header_len;
	struct buf bytes;
	int rc;

	if (keep == CONF_SAMPLE_NONE)
		return 0;
	if (len > r->limits->sample) {
		note(r, "the sample is longer than the limit");
		len = r->limits->sample;
	}
	rc = read_start(raw, (size_t)len, &bytes, e);
	if (rc == 0)
		r->s->raw = utf8_copy(
		    r->arena, bytes.data != NULL ? bytes.data : "", bytes.len);
	buf_clear(&bytes);
	return rc;
}

int
sample_parse(struct sample *s, struct spill *raw,
    const struct conf_limits *limits, enum conf_sample keep, struct arena *a,
    struct err *e)
{
	struct sample parsed = {
		.is_there = true, .kept = keep, .date = INT64_MIN
	};
	struct reading r = { .s = &parsed, .limits = limits, .arena = a };

	if (measure_header(raw, limits->header, &r.header_len, e) < 0 ||
	    take_raw(&r, raw, keep, e) < 0 || open_message(&r, raw, e) < 0)
		return -1;
	if (r.message != NULL) {
		take_mail(&r, keep);
		g_object_unref(r.message);
	} else if (spill_size(raw) > 0) {
		note(&r, "the header of the sample cannot be read");
	} else {
		parsed.headers_only = true;
	}
	*s = parsed;
	return 0;
}
