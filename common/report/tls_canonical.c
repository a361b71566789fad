/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_canonical.c - JSON in the one form that ids are hashed from. Written
 * here and not by the library, whose form may change.
 */
#include <stdlib.h>
#include <string.h>

#include "common/report/tls_json.h"

/* A value that is open; depth is limited, so they stand in an array. */
struct level {
	const json_t *value;
	const char **names; /* of an object, sorted; owned */
	size_t at, count;
};

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **
sorted_names(const json_t *object)
{
	const char **sorted =
	    xcalloc(json_object_size(object) + 1, sizeof(*sorted));
	void *member = json_object_iter((json_t *)(uintptr_t)object);
	size_t n = 0;

	for (; member != NULL; member = json_object_iter_next(
				   (json_t *)(uintptr_t)object, member))
		sorted[n++] = json_object_iter_key(member);
	qsort(sorted, n, sizeof(*sorted), compare_names);
	return sorted;
}

/* Only what must be escaped is: " \ and the control characters, as \u00xx. */
static int
add_string(struct buf *out, const char *p, size_t len, struct err *e)
{
	size_t start, at = 0;
	unsigned char c;

	if (buf_add(out, "\"", 1, e) < 0)
		return -1;
	while (at < len) {
		for (start = at; at < len; at++) {
			c = (unsigned char)p[at];
			if (c < 0x20 || c == '"' || c == '\\')
				break;
		}
		if (buf_add(out, p + start, at - start, e) < 0)
			return -1;
		if (at == len)
			break;
		c = (unsigned char)p[at++];
		if (c < 0x20 ? buf_printf(out, e, "\\u%04x", c) < 0
			     : buf_printf(out, e, "\\%c", c) < 0)
			return -1;
	}
	return buf_add(out, "\"", 1, e);
}

static int
add_scalar(struct buf *out, const json_t *v, struct err *e)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return add_string(
		    out, json_string_value(v), json_string_length(v), e);
	case JSON_INTEGER:
		return buf_printf(
		    out, e, "%lld", (long long)json_integer_value(v));
	case JSON_REAL:
		return buf_printf(out, e, "%.17g", json_real_value(v));
	case JSON_TRUE:
		return buf_add(out, "true", 4, e);
	case JSON_FALSE:
		return buf_add(out, "false", 5, e);
	default:
		return buf_add(out, "null", 4, e);
	}
}

static int
open_level(struct level *l, const json_t *v, struct buf *out, struct err *e)
{
	bool is_object = json_is_object(v);

	*l = (struct level){ .value = v,
		.count = is_object ? json_object_size(v) : json_array_size(v),
		.names = is_object ? sorted_names(v) : NULL };
	return buf_add(out, is_object ? "{" : "[", 1, e);
}

static int
close_level(struct level *l, struct buf *out, struct err *e)
{
	free(l->names);
	l->names = NULL;
	return buf_add(out, json_is_object(l->value) ? "}" : "]", 1, e);
}

/* The next item of an open value, with what stands before it written. */
static int
next_item(struct level *l, const json_t **item, struct buf *out, struct err *e)
{
	const char *name;

	if (l->at > 0 && buf_add(out, ",", 1, e) < 0)
		return -1;
	if (!json_is_object(l->value)) {
		*item = json_array_get(l->value, l->at++);
		return 0;
	}
	name = l->names[l->at++];
	*item = json_object_get(l->value, name);
	if (add_string(out, name, strlen(name), e) < 0)
		return -1;
	return buf_add(out, ":", 1, e);
}

static bool
is_container(const json_t *v)
{
	return json_is_object(v) || json_is_array(v);
}

int
tls_json_canonical(const json_t *root, struct buf *out, struct err *e)
{
	struct level levels[TLS_DEPTH_MAX];
	const json_t *item = root;
	unsigned depth = 0;
	int rc = 0;

	for (;;) {
		if (!is_container(item))
			rc = add_scalar(out, item, e);
		else if (depth == TLS_DEPTH_MAX)
			rc = err_set(e, ERR_LIMIT, "JSON: too deep");
		else
			rc = open_level(&levels[depth++], item, out, e);
		while (rc == 0 && depth > 0 &&
		       levels[depth - 1].at == levels[depth - 1].count)
			rc = close_level(&levels[--depth], out, e);
		if (rc < 0 || depth == 0)
			break;
		if ((rc = next_item(&levels[depth - 1], &item, out, e)) < 0)
			break;
	}
	while (depth > 0)
		free(levels[--depth].names);
	return rc;
}
