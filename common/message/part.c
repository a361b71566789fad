/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part.c - the MIME parts of a mail, by GMime. Parts are streams over the
 * mail's own bytes; nothing is copied.
 * in: the mail (transport)    out: parts (attachment.c)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gmime/gmime.h>

#include "common/base/buf.h"
#include "common/message/feedback_part.h"
#include "common/message/header_guard.h"
#include "common/message/line_ends.h"
#include "common/message/outside.h"
#include "common/message/part.h"
#include "common/message/part_content.h"
#include "common/message/plain.h"

struct parts {
	bool is_plain;
	bool is_parsed; /* a plain mail is when GMime is asked for more */
	GMimeMessage *message;
	GMimePartIter *iter; /* NULL: no part at all */
	bool is_begun, is_over;
	bool has_unseen; /* something like a part stands outside of them */
	uint64_t count;
	const struct conf_limits *limits; /* foreign */
	struct spill *raw;                /* foreign, or even */
	struct spill even;                /* the same with LF at each line */
	GMimeObject *sample;              /* foreign; of the feedback before */
	char *sample_path;                /* of it, once it was met; owned */
	struct part current, sample_about;
	char name[300];
	struct plain plain;
};

void
parts_setup(void)
{
	g_mime_init();
}

static GMimeStream *
stream_of(struct spill *raw, struct err *e)
{
	GMimeStream *stream;
	GByteArray *array;
	const void *p;
	size_t len;
	int fd;

	if (spill_finish(raw, &p, &len, &fd, e) < 0)
		return NULL;
	if (fd >= 0) {
		if ((fd = dup(fd)) < 0) {
			err_set_errno(e, "temporary file");
			return NULL;
		}
		return g_mime_stream_fs_new_with_bounds(
		    fd, 0, (gint64)spill_size(raw));
	}
	/* at most limits.message_memory bytes: GMime wants its own array */
	array = g_byte_array_new();
	g_byte_array_append(array, p, (guint)len);
	stream = g_mime_stream_mem_new_with_byte_array(array);
	g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), TRUE);
	return stream;
}

/* The iterator leaves out the outermost multipart of a mail: not this. */
static void
look_outside(struct parts *p, GMimeObject *object)
{
	const char *before, *behind;

	if (GMIME_IS_MESSAGE_PART(object))
		object = GMIME_OBJECT(g_mime_message_part_get_message(
		    GMIME_MESSAGE_PART(object)));
	if (object != NULL && GMIME_IS_MESSAGE(object))
		object = g_mime_message_get_mime_part(GMIME_MESSAGE(object));
	if (object == NULL || !GMIME_IS_MULTIPART(object))
		return;
	before = g_mime_multipart_get_prologue(GMIME_MULTIPART(object));
	behind = g_mime_multipart_get_epilogue(GMIME_MULTIPART(object));
	if ((before != NULL && outside_may_be_part(before, strlen(before))) ||
	    (behind != NULL && outside_may_be_part(behind, strlen(behind))))
		p->has_unseen = true;
}

/* All of the mail with LF for each CR LF. */
static int
make_even(struct parts *p, struct err *e)
{
	const void *bytes;
	size_t len;
	int fd;

	if (line_ends_unify(p->raw, &p->even, e) < 0 ||
	    spill_finish(&p->even, &bytes, &len, &fd, e) < 0)
		return -1;
	p->raw = &p->even;
	return 0;
}

/* Let GMime build its tree of the mail. */
static int
parse(struct parts *p, struct err *e)
{
	GMimeStream *stream;
	GMimeParser *parser;
	bool ends_differ;

	p->is_parsed = true;
	if (parts_check(p->raw, p->limits, &ends_differ, e) < 0 ||
	    header_guard(p->raw, e) < 0 ||
	    (ends_differ && make_even(p, e) < 0) ||
	    (stream = stream_of(p->raw, e)) == NULL)
		return -1;
	parser = g_mime_parser_new_with_stream(stream);
	p->message = g_mime_parser_construct_message(parser, NULL);
	g_object_unref(parser);
	g_object_unref(stream);
	if (p->message == NULL)
		return 0;
	p->iter = g_mime_part_iter_new(GMIME_OBJECT(p->message));
	look_outside(p, GMIME_OBJECT(p->message));
	return 0;
}

static int
take_apart(struct parts *p, struct err *e)
{
	struct bytes mail;
	int fd;

	if (spill_finish(p->raw, &mail.data, &mail.len, &fd, e) < 0)
		return -1;
	p->is_plain = fd < 0 && plain_read(&p->plain, &mail, p->limits);
	return p->is_plain ? 0 : parse(p, e);
}

int
parts_open(struct parts **p, struct spill *raw,
    const struct conf_limits *limits, struct err *e)
{
	struct parts *parts = xmalloc(sizeof(*parts));

	memset(parts, 0, offsetof(struct parts, plain));
	parts->limits = limits;
	parts->raw = raw;
	spill_init(&parts->even, raw->pool, (size_t)limits->message_memory);
	if (take_apart(parts, e) < 0) {
		parts_close(&parts);
		return -1;
	}
	*p = parts;
	return 0;
}

bool
parts_is_plain(const struct parts *p)
{
	return p->is_plain;
}

static uint64_t
depth_of(GMimePartIter *iter)
{
	char *path = g_mime_part_iter_get_path(iter);
	uint64_t depth = 1;
	const char *at;

	for (at = path; at != NULL && (at = strchr(at, '.')) != NULL; at++)
		depth++;
	g_free(path);
	return depth;
}

/* Move on to the next object: 1, 0 at the end, -1 past a limit. */
static int
advance(struct parts *p, struct err *e)
{
	if (p->iter == NULL || p->is_over)
		return 0;
	if (p->is_begun ? !g_mime_part_iter_next(p->iter)
			: !g_mime_part_iter_is_valid(p->iter)) {
		p->is_over = true;
		return 0;
	}
	p->is_begun = true;
	if (++p->count <= p->limits->parts &&
	    depth_of(p->iter) <= p->limits->part_depth)
		return 1;
	p->is_over = true;
	if (p->count > p->limits->parts)
		return err_set(e, ERR_LIMIT, "more than %" PRIu64 " parts",
		    p->limits->parts);
	return err_set(e, ERR_LIMIT, "parts nested deeper than %" PRIu64,
	    p->limits->part_depth);
}

/*
 * Is it the mail that feedback is about, or inside of it? What that mail
 * brought was for others, and no report for us.
 */
static bool
is_in_sample(struct parts *p, GMimeObject *object)
{
	char *path;
	size_t len;
	bool is_below = false;

	if (p->sample == NULL)
		return false;
	path = g_mime_part_iter_get_path(p->iter);
	if (object == p->sample) {
		g_free(p->sample_path);
		p->sample_path = path;
		return true;
	}
	if (path != NULL && p->sample_path != NULL) {
		len = strlen(p->sample_path);
		is_below =
		    strncmp(path, p->sample_path, len) == 0 && path[len] == '.';
	}
	g_free(path);
	return is_below;
}

bool
parts_is_feedback(const struct parts *p)
{
	return !p->is_plain &&
	       feedback_is_part(g_mime_part_iter_get_current(p->iter));
}

struct reader *
parts_sample(struct parts *p)
{
	GMimeObject *parent, *sample;

	if (p->is_plain)
		return NULL; /* it has no part of such a type */
	parent = g_mime_part_iter_get_parent(p->iter);
	sample =
	    feedback_sample_of(parent, g_mime_part_iter_get_current(p->iter));
	if (sample == NULL)
		return NULL;
	p->sample = sample;
	if (GMIME_IS_MESSAGE_PART(sample))
		return feedback_message_reader(sample, parent, p->raw);
	return GMIME_IS_PART(sample)
		   ? part_content(GMIME_PART(sample), &p->sample_about)
		   : NULL;
}

static void
set_name(struct parts *p, const char *filename)
{
	bool has_one = filename != NULL && *filename != '\0';

	(void)snprintf(p->name, sizeof(p->name), "part %" PRIu64 "%s%s",
	    p->count, has_one ? ": " : "", has_one ? filename : "");
}

static int
next_plain(struct parts *p, struct reader **content)
{
	const struct plain_part *part = &p->plain.part[p->count];

	if (p->count == p->plain.count)
		return 0;
	p->count++;
	p->current = (struct part){
		.charset = *part->charset != '\0' ? part->charset : NULL,
	};
	*content = part_of_bytes(&part->content, part->encoding, &p->current);
	set_name(p, part->filename);
	return 1;
}

static int
next_in_tree(struct parts *p, struct reader **content, struct err *e)
{
	GMimeObject *object;
	int rc;

	while ((rc = advance(p, e)) == 1) {
		object = g_mime_part_iter_get_current(p->iter);
		if (is_in_sample(p, object))
			continue;
		look_outside(p, object);
		if (!GMIME_IS_PART(object))
			continue;
		p->current = (struct part){
			.charset = g_mime_object_get_content_type_parameter(
			    object, "charset"),
		};
		*content = part_content(GMIME_PART(object), &p->current);
		if (*content == NULL)
			continue;
		set_name(p, g_mime_part_get_filename(GMIME_PART(object)));
		return 1;
	}
	return rc;
}

int
parts_next(
    struct parts *p, struct reader **content, const char **name, struct err *e)
{
	*name = p->name;
	p->has_unseen |= p->current.has_field;
	return p->is_plain ? next_plain(p, content)
			   : next_in_tree(p, content, e);
}

bool
parts_has_unseen(const struct parts *p)
{
	return p->has_unseen || p->current.has_field;
}

const struct part *
parts_current(const struct parts *p)
{
	return &p->current;
}

/* GMime's tree, for questions that a plain mail is seldom asked. */
static GMimeMessage *
tree_of(struct parts *p)
{
	struct err ignored;

	if (!p->is_parsed)
		(void)parse(p, &ignored);
	return p->message;
}

const char *
parts_message_id(struct parts *p)
{
	if (p->is_plain)
		return *p->plain.message_id != '\0' ? p->plain.message_id
						    : NULL;
	return p->message == NULL ? NULL
				  : g_mime_message_get_message_id(p->message);
}

const char *
parts_message_id_written(struct parts *p)
{
	GMimeMessage *message = tree_of(p);
	GMimeHeader *header;

	if (message == NULL)
		return NULL;
	header = g_mime_header_list_get_header(
	    g_mime_object_get_header_list(GMIME_OBJECT(message)), "Message-ID");
	return header == NULL ? NULL : g_mime_header_get_raw_value(header);
}

static int64_t
unix_of(GDateTime *when)
{
	/* GMime gives the epoch for what it cannot read */
	if (when == NULL || g_date_time_to_unix(when) == 0)
		return INT64_MIN;
	return g_date_time_to_unix(when);
}

/* RFC 5321, 4.4: the date is what follows the last semicolon. */
static int64_t
date_of_received(const char *value)
{
	const char *date = value == NULL ? NULL : strrchr(value, ';');
	GDateTime *when;
	int64_t at;

	if (date == NULL)
		return INT64_MIN;
	when = g_mime_utils_header_decode_date(date + 1);
	at = unix_of(when);
	if (when != NULL)
		g_date_time_unref(when);
	return at;
}

int64_t
parts_received(struct parts *p)
{
	GMimeMessage *message = tree_of(p);
	int64_t at;

	if (message == NULL)
		return 0;
	at = date_of_received(
	    g_mime_object_get_header(GMIME_OBJECT(message), "Received"));
	return at == INT64_MIN ? 0 : at;
}

int64_t
parts_first_received(struct parts *p)
{
	GMimeMessage *message = tree_of(p);
	GMimeHeaderList *list;
	GMimeHeader *header;
	int64_t at = INT64_MIN;
	int i;

	if (message == NULL)
		return at;
	list = g_mime_object_get_header_list(GMIME_OBJECT(message));
	for (i = g_mime_header_list_get_count(list) - 1;
	     i >= 0 && at == INT64_MIN; i--) {
		header = g_mime_header_list_get_header_at(list, i);
		if (g_ascii_strcasecmp(
			g_mime_header_get_name(header), "Received") == 0)
			at = date_of_received(g_mime_header_get_value(header));
	}
	return at;
}

int64_t
parts_date(struct parts *p)
{
	GMimeMessage *message = tree_of(p);

	return message == NULL ? INT64_MIN
			       : unix_of(g_mime_message_get_date(message));
}

struct _GMimeMessage *
parts_gmime(struct parts *p)
{
	return tree_of(p);
}

void
parts_close(struct parts **p)
{
	if (*p == NULL)
		return;
	g_free((*p)->sample_path);
	if ((*p)->iter != NULL)
		g_mime_part_iter_free((*p)->iter);
	if ((*p)->message != NULL)
		g_object_unref((*p)->message);
	spill_clear(&(*p)->even);
	free(*p);
	*p = NULL;
}
