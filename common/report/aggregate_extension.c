/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_extension.c - what others put into an aggregate report (RFC 9990:
 * extension, and elements of other namespaces): kept as paths and texts.
 * in: elements that the format does not know (aggregate.c)
 * out: a list, of the record or of the report
 */
#include <string.h>

#include "common/report/aggregate_builder.h"

/* May something of others stand here? Leaves have text and nothing else. */
static bool
is_open_place(enum place in)
{
	return in > PLACE_OUTSIDE && in <= PLACE_EXTENSION;
}

static bool
is_foreign(const struct builder *b, const char *namespace_uri)
{
	return namespace_uri != NULL &&
	       (b->own_namespace == NULL ||
		   strcmp(namespace_uri, b->own_namespace) != 0);
}

static int
path_add(struct builder *b, const char *name)
{
	struct err e; /* too long a path: nothing that anybody needs */
	size_t len = b->path.len;

	if (buf_add_text(&b->path, name, &e) == 0)
		return 0;
	b->path.len = len;
	return -1;
}

bool
extension_begin(struct builder *b, const char *name, const char *namespace_uri,
    enum place in)
{
	size_t len = b->path.len;

	if (!is_open_place(in))
		return false;
	if (in != PLACE_EXTENSION) {
		if (!is_foreign(b, namespace_uri) &&
		    strcmp(name, "extension") != 0)
			return false;
		buf_reset(&b->path);
		len = 0;
		if (path_add(b, b->stack[b->depth - 1]->name) < 0)
			return false;
	}
	if (path_add(b, "/") < 0 || path_add(b, name) < 0) {
		b->path.len = len;
		return false;
	}
	b->leaf_at = b->text.len;
	return true;
}

static int
record_add(struct builder *b, const struct span *s, struct err *e)
{
	if (frame_add_value(&b->extensions, b->path.data, b->path.len, e) < 0 ||
	    frame_add_value(&b->extensions, builder_text(b, s), s->len, e) < 0)
		return -1;
	b->extension_count++;
	return 0;
}

static void
report_add(struct builder *b, const struct span *s)
{
	struct aggregate *g = &b->rr->report.aggregate;
	struct arena *a = b->rr->arena;

	if (b->outside == NULL)
		g->extensions = b->outside =
		    arena_alloc(a, EXTENSIONS_MAX * sizeof(*b->outside));
	b->outside[g->extension_count++] = (struct extension){
		arena_strndup(a, b->path.data, b->path.len),
		arena_strndup(a, builder_text(b, s), s->len),
	};
	b->outside_bytes += b->path.len + s->len;
}

/* Is there room for one more of this size? */
static bool
has_room(const struct builder *b, size_t len)
{
	if (b->in_record)
		return b->extension_count < EXTENSIONS_MAX &&
		       b->extensions.len + len + 8 <= EXTENSION_BYTES_MAX;
	return b->rr->report.aggregate.extension_count < EXTENSIONS_MAX &&
	       b->outside_bytes + len <= EXTENSION_BYTES_MAX;
}

int
extension_end(struct builder *b, struct err *e)
{
	struct span s = builder_leaf(b);
	const char *slash;
	int rc = 0;

	if (s.len > 0 && !has_room(b, b->path.len + s.len)) {
		if (!b->extensions_were_many)
			builder_note(b, "extensions left out: too many");
		b->extensions_were_many = true;
	} else if (s.len > 0 && b->in_record) {
		rc = record_add(b, &s, e);
	} else if (s.len > 0) {
		report_add(b, &s);
	}
	b->text.len = b->leaf_at; /* what follows is the parent's */
	slash = memrchr(b->path.data, '/', b->path.len);
	b->path.len = slash == NULL ? 0 : (size_t)(slash - b->path.data);
	return rc;
}
