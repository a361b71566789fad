/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name.c - names of mailboxes. In quotes, modified UTF-7 needs no literal,
 * synchronizing or not.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "imap/name.h"

/* Each byte of the configuration's becomes fewer than this. */
#define GROWTH 8

/* The character at *p, which is valid UTF-8 (conf_table.c has checked). */
static uint32_t
next_char(const char **p)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t len = text_utf8_char(*p, strlen(*p)), i;
	uint32_t c;

	if (len == 0)
		len = 1;
	c = (unsigned char)**p & masks[len];
	for (i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)(*p)[i] & 0x3f);
	*p += len;
	return c;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+,";

/* UTF-16 as base64; its last bits wait in *bits. */
static unsigned
put_unit(struct buf *out, uint32_t *bits, unsigned count, uint32_t unit)
{
	struct err e;

	*bits = *bits << 16 | unit;
	for (count += 16; count >= 6;) {
		count -= 6;
		(void)buf_add(out, &digits[*bits >> count & 0x3f], 1, &e);
	}
	return count;
}

/* What is not printable ASCII: "&" base64 "-". */
static void
put_shifted(struct buf *out, const char **p)
{
	unsigned count = 0;
	uint32_t bits = 0, c;
	struct err e;

	(void)buf_add_text(out, "&", &e);
	while ((unsigned char)**p >= 0x7f) {
		c = next_char(p);
		if (c >= 0x10000) {
			c -= 0x10000;
			count = put_unit(out, &bits, count, 0xd800 + (c >> 10));
			c = 0xdc00 + (c & 0x3ff);
		}
		count = put_unit(out, &bits, count, c);
	}
	if (count > 0)
		(void)buf_add(out, &digits[bits << (6 - count) & 0x3f], 1, &e);
	(void)buf_add_text(out, "-", &e);
}

static void
put_plain(struct buf *out, char c, char delimiter)
{
	struct err e;

	if (c == '/' && delimiter != '\0')
		c = delimiter;
	if (c == '"' || c == '\\')
		(void)buf_add_text(out, "\\", &e);
	(void)buf_add(out, &c, 1, &e);
	if (c == '&')
		(void)buf_add_text(out, "-", &e);
}

/* INBOX is one for every server, and what has the prefix needs no other. */
static bool
needs_prefix(const struct imap_names *names, const char *name)
{
	size_t len = names->prefix != NULL ? strlen(names->prefix) : 0, i;

	if (len == 0 || text_equal_nocase(name, "INBOX"))
		return false;
	for (i = 0; i < len; i++) {
		char c = name[i] == '/' && names->delimiter != '\0'
			     ? names->delimiter
			     : name[i];

		if (text_lower_char(c) != text_lower_char(names->prefix[i]))
			return true;
	}
	return false;
}

char *
imap_name_quoted(const struct imap_names *names, const char *name)
{
	bool is_inside = needs_prefix(names, name);
	const char *p;
	struct buf out;
	struct err e;

	buf_init(&out,
	    GROWTH * (strlen(name) +
			 (names->prefix != NULL ? strlen(names->prefix) : 0)) +
		GROWTH);
	(void)buf_add_text(&out, "\"", &e);
	for (p = is_inside ? names->prefix : ""; *p != '\0'; p++)
		if (*p == '"' || *p == '\\')
			(void)buf_printf(&out, &e, "\\%c", *p);
		else /* as the server wrote it */
			(void)buf_add(&out, p, 1, &e);
	for (p = name; *p != '\0';)
		if ((unsigned char)*p >= 0x7f)
			put_shifted(&out, &p);
		else
			put_plain(&out, *p++, names->delimiter);
	(void)buf_add_text(&out, "\"", &e);
	return out.data;
}
