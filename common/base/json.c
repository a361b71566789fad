/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - write JSON (RFC 8259) into a buffer, on one line.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/text.h"

void
json_begin(struct json *j, struct buf *out)
{
	memset(j, 0, sizeof(*j));
	j->out = out;
}

int
json_end(struct json *j, struct err *e)
{
	if (j->err.kind != ERR_NONE) {
		*e = j->err;
		return -1;
	}
	if (j->depth != 0)
		return err_set(e, ERR_MALFORMED, "json: not closed");
	return 0;
}

static void
put(struct json *j, const char *p, size_t len)
{
	if (j->err.kind == ERR_NONE)
		(void)buf_add(j->out, p, len, &j->err);
}

/* One more item comes: how many commas, none or one, are before it? */
static size_t
count_commas(struct json *j)
{
	size_t commas;

	if (j->after_key) {
		j->after_key = false;
		return 0;
	}
	if (j->depth == 0)
		return 0;
	commas = j->has_item[j->depth - 1];
	j->has_item[j->depth - 1] = true;
	return commas;
}

/*
 * The next item, which begins with len bytes: where to write them, behind what
 * separates it from the one before. NULL: nothing is written any more.
 */
static char *
item_begin(struct json *j, size_t len)
{
	size_t commas = count_commas(j);
	char *at;

	if (j->err.kind != ERR_NONE ||
	    (at = buf_reserve(j->out, commas + len, &j->err)) == NULL)
		return NULL;
	if (commas > 0)
		*at++ = ',';
	at[len] = '\0';
	j->out->len += commas + len;
	return at;
}

static void
put_item(struct json *j, const char *p, size_t len)
{
	char *at = item_begin(j, len);

	if (at != NULL && len > 0)
		memcpy(at, p, len);
}

static void
open_level(struct json *j, char bracket)
{
	char *at = item_begin(j, 1);

	if (at != NULL)
		*at = bracket;
	if (j->depth < JSON_DEPTH_MAX)
		j->has_item[j->depth++] = false;
	else if (j->err.kind == ERR_NONE)
		err_set(&j->err, ERR_LIMIT, "json: too deep");
}

static void
close_level(struct json *j, const char *bracket)
{
	if (j->depth > 0)
		j->depth--;
	put(j, bracket, 1);
}

void
json_object_begin(struct json *j)
{
	open_level(j, '{');
}

void
json_object_end(struct json *j)
{
	close_level(j, "}");
}

void
json_array_begin(struct json *j)
{
	open_level(j, '[');
}

void
json_array_end(struct json *j)
{
	close_level(j, "]");
}

void
json_key_n(struct json *j, const char *key, size_t len)
{
	char *at = item_begin(j, len + 3);

	j->after_key = true;
	if (at == NULL)
		return;
	at[0] = '"';
	memcpy(at + 1, key, len);
	at[len + 1] = '"';
	at[len + 2] = ':';
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Escape the one byte or character at p; returns how many bytes it took. */
static size_t
put_special(struct json *j, const char *p, size_t len)
{
	static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	unsigned char c = (unsigned char)*p;
	size_t valid;
	char text[8];
	const char *s;

	if (c >= 0x80) {
		if ((valid = text_utf8_char(p, len)) == 0) {
			put(j, "\xef\xbf\xbd", 3);
			return 1;
		}
		put(j, p, valid);
		return valid;
	}
	for (s = shorts; *s != '\0'; s += 2) {
		if (*s == (char)c) {
			text[0] = '\\';
			text[1] = s[1];
			put(j, text, 2);
			return 1;
		}
	}
	(void)snprintf(text, sizeof(text), "\\u%04x", c);
	put(j, text, 6);
	return 1;
}

/* How much of it needs no escape. */
static size_t
plain_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && is_plain((unsigned char)text[n]))
		n++;
	return n;
}

static void
put_plain(struct json *j, const char *text, size_t len)
{
	char *at = item_begin(j, len + 2);

	if (at == NULL)
		return;
	at[0] = '"';
	if (len > 0)
		memcpy(at + 1, text, len);
	at[len + 1] = '"';
}

void
json_text_n(struct json *j, const char *text, size_t len)
{
	size_t start, at = 0;

	if (plain_length(text, len) == len) { /* as nearly every text is */
		put_plain(j, text, len);
		return;
	}
	put_item(j, "\"", 1);
	while (at < len) {
		start = at;
		at += plain_length(text + at, len - at);
		if (at > start)
			put(j, text + start, at - start);
		if (at < len)
			at += put_special(j, text + at, len - at);
	}
	put(j, "\"", 1);
}

void
json_text(struct json *j, const char *text)
{
	if (text == NULL)
		json_put_null(j);
	else
		json_text_n(j, text, strlen(text));
}

void
json_int(struct json *j, int64_t n)
{
	char text[24], *at = text + sizeof(text);
	uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (n < 0)
		*--at = '-';
	put_item(j, at, (size_t)(text + sizeof(text) - at));
}

void
json_bool(struct json *j, bool b)
{
	put_item(j, b ? "true" : "false", b ? 4 : 5);
}

void
json_put_null(struct json *j)
{
	put_item(j, "null", 4);
}

void
json_raw(struct json *j, const char *p, size_t len)
{
	put_item(j, p, len);
}
