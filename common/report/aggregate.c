/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate.c - read an aggregate report (RFC 7489, appendix C; RFC 9990).
 * in: XML events (xml.c)    out: values as written, records in a spool
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/text.h"
#include "common/report/aggregate_builder.h"
#include "common/report/xml_text.h"

static enum place
place_of(const struct builder *b)
{
	return b->depth == 0 ? PLACE_OUTSIDE : b->stack[b->depth - 1]->to;
}

static bool
is_leaf(enum place place)
{
	return place >= PLACE_EXTENSION && place <= PLACE_ENTRY_LEAF;
}

static int
on_start(
    void *context, const char *name, const char *namespace_uri, struct err *e)
{
	struct builder *b = context;
	const struct element *element;
	enum place in = place_of(b);

	(void)e;
	if (in == PLACE_OUTSIDE && b->xml_namespace == NULL)
		b->xml_namespace = arena_strdup(b->rr->arena, namespace_uri);
	element = element_of(&b->cache, name, in);
	if (b->depth == 0 && element->to == PLACE_OUTSIDE &&
	    strcmp(name, "schema") != 0)
		return 1; /* not ours: nothing more is of interest */
	if (element->to == PLACE_FEEDBACK) {
		if (b->is_closed) {
			builder_note(b, "a second feedback element left out");
			element = &element_unknown;
		}
		b->is_feedback = true;
		b->own_namespace = arena_strdup(b->rr->arena, namespace_uri);
	}
	if (element->to == PLACE_POLICY && b->policy_is_done)
		element = &element_unknown;
	if (element == &element_unknown &&
	    extension_begin(b, name, namespace_uri, in))
		element = &element_extension;
	b->stack[b->depth++] = element;
	if (in == PLACE_FIELD_LEAF)
		b->is_garbled = true; /* a value is text and nothing else */
	switch (element->to) {
	case PLACE_RECORD:
		record_begin(b);
		break;
	case PLACE_REASON:
		b->leaf_at = b->text.len;
		/* fallthrough */
	case PLACE_DKIM:
	case PLACE_SPF:
		memset(b->entry, 0, sizeof(b->entry));
		break;
	default:
		if (is_leaf(element->to)) {
			b->leaf_at = b->text.len;
			b->is_garbled = false;
		}
		break;
	}
	return 0;
}

static int
on_text(void *context, const char *p, size_t len, struct err *e)
{
	struct builder *b = context;

	if (!is_leaf(place_of(b)))
		return 0;
	if (b->text.len - b->leaf_at + len > b->limits->xml_text)
		return err_set(e, ERR_LIMIT,
		    "XML: more than %" PRIu64 " bytes of text in an element",
		    b->limits->xml_text);
	return buf_add(&b->text, p, len, e);
}

struct span
builder_leaf(const struct builder *b)
{
	const char *p = b->text.data == NULL ? "" : b->text.data + b->leaf_at;
	const char *start = p;
	size_t len = b->text.len - b->leaf_at;

	text_trim(&p, &len);
	return (struct span){ b->leaf_at + (size_t)(p - start), len, true };
}

const char *
builder_text(const struct builder *b, const struct span *s)
{
	if (!s->is_set)
		return NULL;
	return s->len == 0 ? "" : b->text.data + s->at;
}

/* A value of the report itself: kept at once, the first one counts. */
static void
meta_end(struct builder *b, const struct element *leaf)
{
	struct span s = builder_leaf(b);
	const char *text =
	    arena_strndup(b->rr->arena, builder_text(b, &s), s.len);

	b->text.len = b->leaf_at; /* records' text is not at stake here */
	if (leaf->to == PLACE_ERROR_LEAF) {
		if (*text != '\0')
			builder_note(b, "%s", text);
	} else if (b->meta[leaf->field] == NULL) {
		b->meta[leaf->field] = text;
	}
}

/* <reason>text</reason> is a comment without a type. */
static int
reason_end(struct builder *b, struct err *e)
{
	if (!b->entry[0].is_set && !b->entry[1].is_set) {
		b->entry[1] = builder_leaf(b);
		b->entry[1].is_set = b->entry[1].len > 0;
	}
	return record_list_add(b, FRAME_REASONS, e);
}

static int
on_end(void *context, bool by_its_tag, struct err *e)
{
	struct builder *b = context;
	const struct element *element = b->stack[--b->depth];

	switch (element->to) {
	case PLACE_FEEDBACK:
		b->is_closed = by_its_tag; /* else records may be missing */
		return 0;
	case PLACE_POLICY:
		b->policy_is_done = true;
		return 0;
	case PLACE_META_LEAF:
	case PLACE_ERROR_LEAF:
		meta_end(b, element);
		return 0;
	case PLACE_FIELD_LEAF:
		if (b->is_garbled) {
			builder_note(b, "record %" PRIu64 ": %s is garbled",
			    b->position, element->name);
			b->text.len = b->leaf_at;
		}
		if (!b->field[element->field].is_set)
			b->field[element->field] = builder_leaf(b);
		return 0;
	case PLACE_ENTRY_LEAF:
		if (!b->entry[element->field].is_set)
			b->entry[element->field] = builder_leaf(b);
		return 0;
	case PLACE_REASON:
		return reason_end(b, e);
	case PLACE_DKIM:
		return record_list_add(b, FRAME_DKIM_RESULTS, e);
	case PLACE_SPF:
		return record_list_add(b, FRAME_SPF_RESULTS, e);
	case PLACE_EXTENSION:
		return extension_end(b, e);
	case PLACE_RECORD:
		return record_end(b, e);
	default:
		return 0;
	}
}

static void
builder_init(struct builder *b, struct report_reader *rr,
    const struct conf_limits *limits)
{
	int i;

	memset(b, 0, sizeof(*b));
	b->rr = rr;
	b->limits = limits;
	b->stack = arena_alloc(
	    rr->arena, ((size_t)limits->xml_depth + 1) * sizeof(*b->stack));
	rr->report.kind = REPORT_AGGREGATE;
	rr->report.aggregate.errors =
	    arena_alloc(rr->arena, AGGREGATE_ERRORS_MAX * sizeof(char *));
	buf_init(&b->text, SPOOL_FRAME_MAX);
	buf_init(&b->frame, SPOOL_FRAME_MAX);
	buf_init(&b->path, EXTENSION_PATH_MAX);
	buf_init(&b->extensions, EXTENSION_BYTES_MAX);
	for (i = 0; i < FRAME_LISTS; i++)
		buf_init(&b->list[i], SPOOL_FRAME_MAX);
}

static void
builder_clear(struct builder *b)
{
	int i;

	buf_clear(&b->text);
	buf_clear(&b->frame);
	buf_clear(&b->path);
	buf_clear(&b->extensions);
	for (i = 0; i < FRAME_LISTS; i++)
		buf_clear(&b->list[i]);
}

int
aggregate_read(struct report_reader **rr, struct reader *in,
    const struct report_setup *setup, struct err *e)
{
	static const struct xml_handler handler = { on_start, on_end, on_text };
	struct report_reader *reading = report_reader_new(setup);
	struct xml_repair repair;
	struct reader *text;
	struct builder b;
	uint64_t dropped;
	int rc;

	builder_init(&b, reading, setup->limits);
	text = xml_text_reader(in, &dropped);
	rc = xml_read(
	    text, &handler, &b, (unsigned)setup->limits->xml_depth, &repair, e);
	reader_close(&text);
	if (rc == 0)
		rc = aggregate_conclude(
		    &b, &repair, dropped, setup->suffixes, e);
	builder_clear(&b);
	if (rc == 1)
		*rr = reading;
	else
		report_close(&reading);
	return rc;
}
