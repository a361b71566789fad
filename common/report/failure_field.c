/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure_field.c - the fields of a feedback part, folded or not, and those in
 * the text that Exim sends.
 * in: text of strangers    out: names and values
 */
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/report/failure_parts.h"

/* Names in Exim's text, and what RFC 5965 and 6591 call that. */
static const char *const exim_names[][2] = {
	{ "Sender Domain", "Reported-Domain" },
	{ "Sender IP Address", "Source-IP" },
	{ "Received Date", "Arrival-Date" },
	{ "SPF Alignment", "SPF-Alignment" },
	{ "DKIM Alignment", "DKIM-Alignment" },
	{ "DMARC Results", "DMARC-Results" },
};

struct parsing {
	struct arena *arena;
	struct header_field *item;
	struct failure_fields fields;
	size_t max;
	struct buf value; /* of the field that is being read */
	char *name;       /* of it; NULL: none is */
};

/* The field that was read is complete: its folds are known now. */
static void
finish_field(struct parsing *p)
{
	struct header_field *to;
	const char *value = p->value.data != NULL ? p->value.data : "";
	size_t len = p->value.len;
	char *lower;

	if (p->name == NULL)
		return;
	if (p->fields.count == p->max) {
		p->fields.is_cut = true;
	} else {
		text_trim(&value, &len);
		to = &p->item[p->fields.count++];
		to->spelling = p->name;
		to->name = lower = arena_strdup(p->arena, p->name);
		text_lower(lower);
		to->value = utf8_copy(p->arena, value, len);
	}
	p->name = NULL;
	buf_reset(&p->value);
}

static void
add_value(struct parsing *p, const char *text, size_t len)
{
	struct err e;

	text_trim(&text, &len);
	if (p->value.len > 0 && len > 0)
		(void)buf_add(&p->value, " ", 1, &e);
	(void)buf_add(&p->value, text, len, &e);
}

/* RFC 5322, 3.6.8, and no more than that: words are no field. */
static bool
is_name(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (strchr("-_", p[i]) == NULL &&
		    !(p[i] >= '0' && p[i] <= '9') &&
		    !(text_lower_char(p[i]) >= 'a' &&
			text_lower_char(p[i]) <= 'z'))
			return false;
	return len > 0;
}

static const char *
exim_name(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(exim_names) / sizeof(*exim_names); i++)
		if (strlen(exim_names[i][0]) == len &&
		    text_equal_nocase_n(p, exim_names[i][0], len))
			return exim_names[i][1];
	return NULL;
}

static void
take_line(struct parsing *p, const char *line, size_t len, bool is_exim)
{
	const char *colon = memchr(line, ':', len), *name = line, *known;
	size_t name_len = colon == NULL ? 0 : (size_t)(colon - line);

	if (!is_exim && len > 0 && (*line == ' ' || *line == '\t')) {
		if (p->name != NULL)
			add_value(p, line, len);
		return;
	}
	finish_field(p);
	text_trim(&name, &name_len);
	if (is_exim) {
		if ((known = exim_name(name, name_len)) == NULL)
			return;
		p->name = arena_strdup(p->arena, known);
	} else {
		if (!is_name(name, name_len))
			return;
		p->name = arena_strndup(p->arena, name, name_len);
	}
	add_value(p, colon + 1, len - (size_t)(colon + 1 - line));
}

/*
 * Some programs send what Python prints of bytes: b'Feedback-Type: ...\n...'.
 * Made text again in place.
 */
static size_t
unquote(char *p, size_t len)
{
	size_t from, to = 0;

	if (len < 3 || p[0] != 'b' || (p[1] != '\'' && p[1] != '"'))
		return len;
	while (len > 2 && text_is_space(p[len - 1]))
		len--;
	if (p[len - 1] == p[1])
		len--;
	for (from = 2; from < len; from++) {
		char next = from + 1 < len ? p[from + 1] : '\0';

		if (p[from] != '\\' || strchr("rnt\\'\"", next) == NULL ||
		    next == '\0') {
			p[to++] = p[from];
			continue;
		}
		from++;
		if (next != 'r')
			p[to++] = next == 'n'   ? '\n'
				  : next == 't' ? '\t'
						: next;
	}
	return to;
}

struct failure_fields
failure_fields_parse(struct arena *a, const char *text, size_t len, size_t max)
{
	struct parsing p = { .arena = a, .max = max };
	char *copy = arena_alloc(a, len + 1), *line, *end;
	bool is_exim;

	memcpy(copy, text, len);
	len = unquote(copy, len);
	is_exim =
	    memmem(copy, len, "A message claiming to be from you", 33) != NULL;
	p.item = arena_alloc(a, max * sizeof(*p.item));
	p.fields.item = p.item;
	buf_init(&p.value, len + 1); /* folds only shrink */
	for (line = copy; line < copy + len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(copy + len - line));
		if (end == NULL)
			end = copy + len;
		take_line(&p, line, (size_t)(end - line), is_exim);
	}
	finish_field(&p);
	buf_clear(&p.value);
	return p.fields;
}

const char *
failure_field(const struct failure_fields *f, const char *name)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		if (*f->item[i].value != '\0' &&
		    text_equal_nocase(f->item[i].name, name))
			return f->item[i].value;
	return NULL;
}

static size_t
count_items(const struct failure_fields *f, const char *name)
{
	size_t i, n = 0;
	const char *p;

	for (i = 0; i < f->count; i++) {
		if (!text_equal_nocase(f->item[i].name, name))
			continue;
		n++;
		for (p = f->item[i].value; (p = strchr(p, ',')) != NULL; p++)
			n++;
	}
	return n;
}

const char *const *
failure_field_list(struct arena *a, const struct failure_fields *f,
    const char *name, size_t *count)
{
	const char **items =
	    arena_alloc(a, count_items(f, name) * sizeof(*items));
	const char *p, *item;
	size_t i, len, item_len;

	*count = 0;
	for (i = 0; i < f->count; i++) {
		if (!text_equal_nocase(f->item[i].name, name))
			continue;
		for (p = f->item[i].value;; p += len + 1) {
			len = strcspn(p, ",");
			item = p;
			item_len = len;
			text_trim(&item, &item_len);
			if (item_len > 0)
				items[(*count)++] =
				    arena_strndup(a, item, item_len);
			if (p[len] == '\0')
				break;
		}
	}
	return items;
}
