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

/* What stands between the item before and this one. */
static void
separate(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->depth == 0)
		return;
	if (j->has_item[j->depth - 1])
		put(j, ",", 1);
	j->has_item[j->depth - 1] = true;
}

static void
open_level(struct json *j, const char *bracket)
{
	separate(j);
	if (j->depth == JSON_DEPTH_MAX) {
		if (j->err.kind == ERR_NONE)
			err_set(&j->err, ERR_LIMIT, "json: too deep");
		return;
	}
	j->has_item[j->depth++] = false;
	put(j, bracket, 1);
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
	open_level(j, "{");
}

void
json_object_end(struct json *j)
{
	close_level(j, "}");
}

void
json_array_begin(struct json *j)
{
	open_level(j, "[");
}

void
json_array_end(struct json *j)
{
	close_level(j, "]");
}

void
json_key(struct json *j, const char *key)
{
	size_t len = strlen(key);
	char *at;

	separate(j);
	j->after_key = true;
	if (j->err.kind != ERR_NONE ||
	    (at = buf_reserve(j->out, len + 3, &j->err)) == NULL)
		return;
	at[0] = '"';
	memcpy(at + 1, key, len);
	at[len + 1] = '"';
	at[len + 2] = ':';
	j->out->len += len + 3;
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

/* Nearly every text is plain as a whole. */
static void
put_plain(struct json *j, const char *text, size_t len)
{
	char *at;

	if (j->err.kind != ERR_NONE ||
	    (at = buf_reserve(j->out, len + 2, &j->err)) == NULL)
		return;
	at[0] = '"';
	if (len > 0)
		memcpy(at + 1, text, len);
	at[len + 1] = '"';
	at[len + 2] = '\0';
	j->out->len += len + 2;
}

void
json_text_n(struct json *j, const char *text, size_t len)
{
	size_t start, at = 0;

	separate(j);
	if (plain_length(text, len) == len) {
		put_plain(j, text, len);
		return;
	}
	put(j, "\"", 1);
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
	separate(j);
	put(j, at, (size_t)(text + sizeof(text) - at));
}

void
json_bool(struct json *j, bool b)
{
	separate(j);
	put(j, b ? "true" : "false", b ? 4 : 5);
}

void
json_put_null(struct json *j)
{
	separate(j);
	put(j, "null", 4);
}

void
json_raw(struct json *j, const char *p, size_t len)
{
	separate(j);
	put(j, p, len);
}

void
json_field(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_text(j, text);
}

void
json_field_int(struct json *j, const char *key, int64_t n)
{
	json_key(j, key);
	json_int(j, n);
}

void
json_field_bool(struct json *j, const char *key, bool b)
{
	json_key(j, key);
	json_bool(j, b);
}

void
json_field_if(struct json *j, const char *key, const char *text)
{
	if (text != NULL)
		json_field(j, key, text);
}
