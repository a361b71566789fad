/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_ini.c - read a file in the dialect of Python's configparser.
 * in: path    out: pairs of section and key
 *
 *	# comment       ; comment       (a whole line, however far indented)
 *	[Section]                       (case counts; what follows "]" does not)
 *	Key = value     key: value      (case does not count)
 *	    a line that is indented further continues the value
 *
 * An empty line inside a value belongs to it. A section and a key may stand
 * there once. [DEFAULT] gives values to all sections.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"

#include "cli/import_ini.h"

#define FILE_MAX (1024 * 1024)
#define DEFAULT_SECTION "DEFAULT"

struct ini_reader {
	struct ini *ini;
	struct arena *a;
	const char *path;
	unsigned line;
	const char *section; /* NULL: before the first */
	size_t indent;       /* of the last line that began something */
	bool has_key;        /* a continuation has a value to go on with */
	struct buf value;    /* of the last pair, as far as it is known */
};

static int
bad_line(const struct ini_reader *r, const char *what, struct err *e)
{
	return err_set(e, ERR_CONF, "%s:%u: %s", r->path, r->line, what);
}

static bool
has_own(const struct ini *ini, const char *section, const char *key)
{
	size_t i;

	for (i = 0; i < ini->count; i++)
		if (strcmp(ini->pair[i].section, section) == 0 &&
		    strcmp(ini->pair[i].key, key) == 0)
			return true;
	return false;
}

/* The value is whole: empty lines at its end are not part of it. */
static void
end_value(struct ini_reader *r)
{
	const char *p = r->value.data;
	size_t len = r->value.len;

	if (!r->has_key)
		return;
	text_trim(&p, &len);
	r->ini->pair[r->ini->count - 1].value = arena_strndup(r->a, p, len);
	r->has_key = false;
}

static int
begin_section(struct ini_reader *r, const char *name, size_t len, struct err *e)
{
	struct ini *ini = r->ini;

	r->section = arena_strndup(r->a, name, len);
	if (ini_has_section(ini, r->section))
		return bad_line(r, "this section was there already", e);
	ini->section = xrealloc(
	    ini->section, (ini->section_count + 1) * sizeof(*ini->section));
	ini->section[ini->section_count++] = r->section;
	return 0;
}

static int
begin_pair(struct ini_reader *r, const char *p, size_t len, struct err *e)
{
	struct ini *ini = r->ini;
	const char *value;
	size_t key_len, value_len;
	char *key;

	for (key_len = 0; key_len < len; key_len++)
		if (p[key_len] == '=' || p[key_len] == ':')
			break;
	if (key_len == 0 || key_len == len)
		return bad_line(r, "expected 'key = value'", e);
	value = p + key_len + 1;
	value_len = len - key_len - 1;
	text_trim(&p, &key_len);
	text_trim(&value, &value_len);
	key = arena_strndup(r->a, p, key_len);
	text_lower(key);
	if (has_own(ini, r->section, key))
		return bad_line(r, "this key was there already", e);
	ini->pair = xrealloc(ini->pair, (ini->count + 1) * sizeof(*ini->pair));
	ini->pair[ini->count++] = (struct ini_pair){
		.section = r->section, .key = key, .value = "", .line = r->line
	};
	r->has_key = true;
	buf_reset(&r->value);
	return buf_add(&r->value, value, value_len, e);
}

static int
begin(struct ini_reader *r, const char *p, size_t len, struct err *e)
{
	const char *end;

	end_value(r);
	/* "[" up to the last "]", if there is something between them */
	if (*p == '[' && (end = memrchr(p, ']', len)) != NULL && end > p + 1)
		return begin_section(r, p + 1, (size_t)(end - p - 1), e);
	if (r->section == NULL)
		return bad_line(r, "stands before the first [section]", e);
	return begin_pair(r, p, len, e);
}

static int
continue_value(struct ini_reader *r, const char *p, size_t len, struct err *e)
{
	if (buf_add(&r->value, "\n", 1, e) < 0)
		return -1;
	return buf_add(&r->value, p, len, e);
}

static int
read_line(struct ini_reader *r, const char *line, size_t len, struct err *e)
{
	const char *p = line;
	size_t indent;

	text_trim(&p, &len);
	if (len > 0 && (*p == '#' || *p == ';'))
		return 0;
	if (len == 0)
		return r->has_key ? continue_value(r, p, 0, e) : 0;
	indent = (size_t)(p - line);
	if (r->has_key && indent > r->indent)
		return continue_value(r, p, len, e);
	r->indent = indent;
	return begin(r, p, len, e);
}

static int
read_lines(struct ini_reader *r, FILE *f, struct err *e)
{
	char *line = NULL;
	size_t size = 0, total = 0;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = getline(&line, &size, f)) > 0) {
		r->line++;
		total += (size_t)n;
		if (total > FILE_MAX)
			rc = err_set(e, ERR_CONF, "%s: larger than %d bytes",
			    r->path, FILE_MAX);
		else if (memchr(line, '\0', (size_t)n) != NULL)
			rc = bad_line(r, "line has a NUL byte", e);
		else if (r->line == 1 && n >= 3 &&
			 memcmp(line, "\xef\xbb\xbf", 3) == 0)
			rc = read_line(r, line + 3, (size_t)n - 3, e);
		else
			rc = read_line(r, line, (size_t)n, e);
	}
	free(line);
	if (rc == 0 && ferror(f)) {
		rc = err_set_errno(e, "%s", r->path);
		e->kind = ERR_CONF;
	}
	return rc;
}

int
ini_read(struct ini *ini, const char *path, struct arena *a, struct err *e)
{
	struct ini_reader r = { .ini = ini, .a = a, .path = path };
	FILE *f = fopen(path, "re");
	int rc;

	*ini = (struct ini){ 0 };
	if (f == NULL) {
		err_set_errno(e, "%s", path);
		e->kind = ERR_CONF;
		return -1;
	}
	buf_init(&r.value, FILE_MAX);
	rc = read_lines(&r, f, e);
	end_value(&r);
	buf_clear(&r.value);
	(void)fclose(f);
	return rc;
}

bool
ini_has_section(const struct ini *ini, const char *section)
{
	size_t i;

	for (i = 0; i < ini->section_count; i++)
		if (strcmp(ini->section[i], section) == 0)
			return true;
	return false;
}

const struct ini_pair *
ini_find(const struct ini *ini, const char *section, const char *key)
{
	const struct ini_pair *inherited = NULL;
	size_t i;

	if (!ini_has_section(ini, section))
		return NULL;
	for (i = 0; i < ini->count; i++) {
		if (strcmp(ini->pair[i].key, key) != 0)
			continue;
		if (strcmp(ini->pair[i].section, section) == 0)
			return &ini->pair[i];
		if (strcmp(ini->pair[i].section, DEFAULT_SECTION) == 0)
			inherited = &ini->pair[i];
	}
	return inherited;
}

void
ini_clear(struct ini *ini)
{
	free(ini->pair);
	free(ini->section);
	*ini = (struct ini){ 0 };
}
