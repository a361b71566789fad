/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_value.c - values of an SMTP TLS report, whatever JSON type a reporter
 * gives them.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/report/tls_builder.h"

#define COUNT_MOST 9223372036854774784.0 /* largest double in an int64_t */

/* NULL for a blank one, and for null, an object or an array. */
static const char *
text_of(struct tls_builder *b, const json_t *value)
{
	struct arena *a = b->rr->arena;
	const char *p;
	size_t len;

	if (json_is_integer(value))
		return arena_printf(
		    a, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	if (json_is_real(value))
		return arena_printf(a, "%.17g", json_real_value(value));
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (!json_is_string(value))
		return NULL;
	p = json_string_value(value);
	len = json_string_length(value);
	text_trim(&p, &len);
	return len > 0 ? utf8_copy(a, p, len) : NULL;
}

static bool
is_structure(const json_t *value)
{
	return json_is_object(value) || json_is_array(value);
}

const char *
tls_text(struct tls_builder *b, const json_t *object, const char *where,
    const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (is_structure(value))
		tls_note(b, "%s%s is no text", where, name);
	return text_of(b, value);
}

void
tls_texts(struct tls_builder *b, const json_t *object, const char *where,
    const char *name, const char *const **texts, size_t *count)
{
	const json_t *value = json_object_get(object, name);
	size_t i, size = json_is_array(value) ? json_array_size(value) : 1;
	const char **list = arena_alloc(b->rr->arena, size * sizeof(*list));

	*texts = list;
	*count = 0;
	for (i = 0; i < size; i++) {
		const json_t *item =
		    json_is_array(value) ? json_array_get(value, i) : value;

		if (is_structure(item))
			tls_note(b, "%s%s: an item is no text", where, name);
		if ((list[*count] = text_of(b, item)) != NULL)
			(*count)++;
	}
}

/* "12", "12.0"; 0 or -1. */
static int
count_of_text(const char *text, int64_t *n)
{
	size_t len = strcspn(text, ".");

	if (text[len] == '.' &&
	    text[len + 1 + strspn(text + len + 1, "0123456789")] != '\0')
		return -1;
	return text_to_int64(text, len, n);
}

int64_t
tls_count(struct tls_builder *b, const json_t *object, const char *where,
    const char *name)
{
	const json_t *value = json_object_get(object, name);
	const char *text = text_of(b, value);
	int64_t n = -1;

	if (json_is_integer(value)) {
		n = json_integer_value(value);
		if (n >= 0)
			return n;
	} else if (json_is_real(value) && json_real_value(value) >= 0 &&
		   json_real_value(value) <= COUNT_MOST) {
		n = (int64_t)json_real_value(value);
	} else if (json_is_string(value) && text != NULL &&
		   count_of_text(text, &n) < 0) {
		n = -1;
	}
	if (value == NULL || json_is_null(value) ||
	    (json_is_string(value) && text == NULL))
		tls_note(b, "%sno %s", where, name);
	else if (n < 0)
		tls_note(b, "%s%s is no count: %.64s", where, name,
		    text != NULL ? text : "(structure)");
	else
		tls_note(b, "%s%s read as a number: %.64s", where, name, text);
	return n < 0 ? 0 : n;
}
