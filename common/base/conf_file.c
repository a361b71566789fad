/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_file.c - read the INI file, line by line.
 *
 *	# comment       ; comment
 *	[section]       [section NAME]
 *	key = value     key: value
 *
 * White space around keys and values is dropped. A value in double quotes
 * keeps what is between them, as it is: there are no escapes. A section may
 * be continued later in the file; a key may stand in it once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/conf_table.h"
#include "common/base/text.h"

#define SHOWN_BYTES 80 /* of a strange word in a message */

static int
read_all(const char *path, struct buf *b, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : 1;
	char chunk[8192];
	int rc = 0;

	while (n != 0 && fd >= 0 && rc == 0) {
		do {
			n = read(fd, chunk, sizeof(chunk));
		} while (n < 0 && errno == EINTR);
		if (n < 0)
			break;
		if (buf_add(b, chunk, (size_t)n, e) < 0)
			rc = err_set(e, ERR_CONF, "%s: larger than %d bytes",
			    path, CONF_FILE_MAX);
	}
	if (n < 0) {
		rc = err_set_errno(e, "%s", path);
		e->kind = ERR_CONF;
	}
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static bool
is_word(const char *p, size_t len, const char *more)
{
	for (; len > 0; p++, len--)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
		    !(*p >= '0' && *p <= '9') &&
		    (*p == '\0' || strchr(more, *p) == NULL))
			return false;
	return true;
}

/* "FILE:LINE: [section] key: " before what *e says; returns -1. */
static int
at_line(const struct conf_loader *l, const char *key, struct err *e)
{
	struct err inner = *e;
	const char *name;

	if (l->section == NULL) {
		if (key != NULL)
			err_add(e, "%s", key);
		return err_add(e, "%s:%u", l->file, l->line);
	}
	name = conf_item_name(l->section, l->item);
	return err_set(e, inner.kind, "%s:%u: [%s%s%s] %s%s%.300s", l->file,
	    l->line, l->section->name, *name != '\0' ? " " : "", name,
	    key != NULL ? key : "", key != NULL ? ": " : "", inner.text);
}

static int
unknown_section(
    struct conf_loader *l, const char *name, size_t len, struct err *e)
{
	char word[SHOWN_BYTES], shown[SHOWN_BYTES];
	const struct conf_section *s;
	const char *nearest = NULL;

	(void)snprintf(word, sizeof(word), "%.*s", (int)len, name);
	for (s = l->table->sections; s->name != NULL; s++)
		nearest = conf_nearer(word, nearest, s->name);
	l->section = NULL;
	err_set(e, ERR_CONF, "[%s]: unknown section",
	    text_escape(word, shown, sizeof(shown)));
	conf_suggest(e, nearest);
	return at_line(l, NULL, e);
}

static int
bad_header(struct conf_loader *l, const char *reason, struct err *e)
{
	l->section = NULL;
	err_set(e, ERR_CONF, "%s", reason);
	return at_line(l, NULL, e);
}

/* p is what stands behind "[". */
static int
read_header(struct conf_loader *l, const char *p, size_t len, struct err *e)
{
	const struct conf_section *s;
	const char *name;
	size_t kind_len, name_len;

	if (len == 0 || p[len - 1] != ']')
		return bad_header(l, "a section header ends in ']'", e);
	len--;
	text_trim(&p, &len);
	for (kind_len = 0; kind_len < len; kind_len++)
		if (text_is_space(p[kind_len]))
			break;
	name = p + kind_len;
	name_len = len - kind_len;
	text_trim(&name, &name_len);
	if ((s = conf_section_find(l->table, p, kind_len)) == NULL)
		return unknown_section(l, p, kind_len, e);
	if (name_len > 0 && s->many == 0) {
		err_set(
		    e, ERR_CONF, "[%s]: this section takes no name", s->name);
		l->section = NULL;
		return at_line(l, NULL, e);
	}
	if (name_len > CONF_NAME_MAX || !is_word(name, name_len, "._-"))
		return bad_header(l,
		    "the name of a section is up to 64 letters, digits, "
		    "'.', '_' and '-'",
		    e);
	l->section = NULL;
	if ((l->item = conf_item(l, s, name, name_len, e)) == NULL)
		return at_line(l, NULL, e);
	l->section = s;
	return 0;
}

/* The key may be right and only its section wrong: say so then. */
static int
unknown_key(struct conf_loader *l, const char *key, struct err *e)
{
	char shown[SHOWN_BYTES], elsewhere[SHOWN_BYTES];
	const char *nearest = NULL;
	const struct conf_key *k;

	text_escape(key, shown, sizeof(shown));
	err_set(e, ERR_CONF, "unknown key");
	for (k = l->table->keys; k->section != NULL; k++) {
		if (strcmp(k->name, key) == 0) {
			(void)snprintf(elsewhere, sizeof(elsewhere), "[%s] %s",
			    k->section, k->name);
			nearest = elsewhere;
			break;
		}
		if (strcmp(k->section, l->section->name) == 0)
			nearest = conf_nearer(key, nearest, k->name);
	}
	conf_suggest(e, nearest);
	return at_line(l, shown, e);
}

static int
unquote(char *value, size_t *len, struct err *e)
{
	if (*len == 0 || value[0] != '"')
		return 0;
	if (*len < 2 || value[*len - 1] != '"')
		return err_set(e, ERR_CONF, "a quote is not closed");
	memmove(value, value + 1, *len - 2);
	*len -= 2;
	value[*len] = '\0';
	return 0;
}

static int
read_pair(struct conf_loader *l, const char *p, size_t len, struct err *e)
{
	char key[CONF_LINE_MAX + 1], value[CONF_LINE_MAX + 1];
	const char *name = p, *rest;
	const struct conf_key *k;
	size_t name_len, rest_len;
	bool is_file = false;
	int rc;

	for (name_len = 0; name_len < len; name_len++)
		if (p[name_len] == '=' || p[name_len] == ':')
			break;
	if (name_len == len) {
		err_set(e, ERR_CONF, "expected 'key = value'");
		return at_line(l, NULL, e);
	}
	rest = p + name_len + 1;
	rest_len = len - name_len - 1;
	text_trim(&name, &name_len);
	text_trim(&rest, &rest_len);
	(void)snprintf(key, sizeof(key), "%.*s", (int)name_len, name);
	(void)snprintf(value, sizeof(value), "%.*s", (int)rest_len, rest);
	if (l->section == NULL) {
		err_set(e, ERR_CONF, "stands before the first [section]");
		text_escape(key, value, SHOWN_BYTES);
		return at_line(l, value, e);
	}
	k = conf_key_find(l->table, l->section, key, strlen(key), &is_file);
	if (k == NULL)
		return unknown_key(l, key, e);
	rc = unquote(value, &rest_len, e);
	if (rc == 0)
		rc = conf_set(l, k, l->item, value, is_file, NULL, e);
	if (k->flags & CONF_SECRET)
		explicit_bzero(value, sizeof(value));
	return rc < 0 ? at_line(l, key, e) : 0;
}

static int
read_line(struct conf_loader *l, const char *p, size_t len, struct err *e)
{
	if (len > 0 && p[len - 1] == '\r')
		len--;
	if (len > CONF_LINE_MAX) {
		err_set(
		    e, ERR_CONF, "line is longer than %d bytes", CONF_LINE_MAX);
		return at_line(l, NULL, e);
	}
	if (memchr(p, '\0', len) != NULL) {
		err_set(e, ERR_CONF, "line has a NUL byte");
		return at_line(l, NULL, e);
	}
	text_trim(&p, &len);
	if (len == 0 || *p == '#' || *p == ';')
		return 0;
	if (*p == '[')
		return read_header(l, p + 1, len - 1, e);
	return read_pair(l, p, len, e);
}

int
conf_file_read(struct conf_loader *l, struct err *e)
{
	struct buf b;
	size_t at = 0, len;
	const char *end;
	int rc;

	buf_init(&b, CONF_FILE_MAX);
	rc = read_all(l->file, &b, e);
	if (rc == 0 && b.len >= 3 && memcmp(b.data, "\xef\xbb\xbf", 3) == 0)
		at = 3; /* a byte order mark, as Windows editors write it */
	while (rc == 0 && at < b.len) {
		l->line++;
		end = memchr(b.data + at, '\n', b.len - at);
		len = end != NULL ? (size_t)(end - b.data) - at : b.len - at;
		rc = read_line(l, b.data + at, len, e);
		at += len + 1;
	}
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	buf_clear(&b);
	return rc;
}
