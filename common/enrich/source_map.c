/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_map.c - tables of domains and the services behind them.
 * in: CSV files    out: a hash table
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/enrich/csv_read.h"
#include "common/enrich/file_read.h"
#include "common/enrich/source_map.h"

#define FILE_MAX ((size_t)64 << 20)
#define WARNINGS_MAX 5 /* of one file; of the others only how many */
#define DOMAIN_MAX 253

struct source_map {
	struct arena *arena;
	struct source_map_row *rows; /* domain NULL: free */
	size_t mask, count;
};

enum column { COLUMN_DOMAIN, COLUMN_NAME, COLUMN_TYPE, COLUMNS };

static const char *const columns[COLUMNS] = {
	[COLUMN_DOMAIN] = "base_reverse_dns",
	[COLUMN_NAME] = "name",
	[COLUMN_TYPE] = "type",
};

struct source_map *
source_map_new(void)
{
	struct source_map *m = xcalloc(1, sizeof(*m));

	m->arena = arena_new();
	m->mask = 1023;
	m->rows = xcalloc(m->mask + 1, sizeof(*m->rows));
	return m;
}

/* FNV-1a: the administrator chose the rows. */
static size_t
hash_of(const char *domain)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *domain != '\0'; domain++)
		h = (h ^ (unsigned char)*domain) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32);
}

/* Where domain is, or would be. */
static struct source_map_row *
place_of(const struct source_map *m, const char *domain)
{
	size_t at = hash_of(domain) & m->mask;

	while (m->rows[at].domain != NULL &&
	       strcmp(m->rows[at].domain, domain) != 0)
		at = (at + 1) & m->mask;
	return &m->rows[at];
}

static void
grow(struct source_map *m)
{
	struct source_map_row *before = m->rows;
	size_t i, size = m->mask + 1;

	m->mask = 2 * size - 1;
	m->rows = xcalloc(2 * size, sizeof(*m->rows));
	for (i = 0; i < size; i++)
		if (before[i].domain != NULL)
			*place_of(m, before[i].domain) = before[i];
	free(before);
}

static void
add_row(struct source_map *m, const char *domain, const char *name,
    const char *type)
{
	struct source_map_row *row;

	if (m->count >= m->mask / 2)
		grow(m);
	row = place_of(m, domain);
	if (row->domain == NULL) {
		row->domain = arena_strdup(m->arena, domain);
		m->count++;
	}
	row->name = arena_strdup(m->arena, name);
	row->type = *type != '\0' ? arena_strdup(m->arena, type) : NULL;
}

/* A text that may stand in a document and on a screen. */
static bool
is_clean(const char *text)
{
	size_t len = strlen(text);

	if (text_utf8_valid(text, len) != len)
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* NULL, or what is wrong with the row. */
static const char *
take_row(struct source_map *m, struct csv_reader *r, const size_t at[COLUMNS])
{
	char domain[DOMAIN_MAX + 1];
	size_t i, len;

	for (i = 0; i < COLUMNS; i++) {
		if (at[i] >= r->cells)
			return "a column is missing";
		if (!is_clean(r->cell[at[i]]))
			return "a cell is not clean UTF-8 text";
	}
	len = strlen(r->cell[at[COLUMN_DOMAIN]]);
	if (len == 0 || len > DOMAIN_MAX ||
	    strpbrk(r->cell[at[COLUMN_DOMAIN]], " /@") != NULL)
		return "base_reverse_dns is no domain";
	if (*r->cell[at[COLUMN_NAME]] == '\0')
		return "there is no name";
	memcpy(domain, r->cell[at[COLUMN_DOMAIN]], len + 1);
	text_lower(domain);
	add_row(m, domain, r->cell[at[COLUMN_NAME]], r->cell[at[COLUMN_TYPE]]);
	return NULL;
}

static int
find_columns(struct csv_reader *r, size_t at[COLUMNS], struct err *e)
{
	const char *why = "it is empty";
	size_t i, k;

	if (csv_read_row(r, &why) != 1)
		return err_set(e, ERR_CONF, "no table: %s", why);
	for (i = 0; i < COLUMNS; i++) {
		for (k = 0; k < r->cells; k++)
			if (text_equal_nocase(r->cell[k], columns[i]))
				break;
		if (k == r->cells)
			return err_set(e, ERR_CONF,
			    "no table: its first line has no column %s",
			    columns[i]);
		at[i] = k;
	}
	return 0;
}

static void
read_rows(struct source_map *m, struct csv_reader *r, const size_t at[COLUMNS],
    const char *path, const struct source_map_told *told)
{
	unsigned bad = 0;
	const char *why;
	char text[512];
	int rc;

	while ((rc = csv_read_row(r, &why)) != 0) {
		if (rc == 1 && (why = take_row(m, r, at)) == NULL)
			continue;
		if (++bad > WARNINGS_MAX)
			continue;
		(void)snprintf(
		    text, sizeof(text), "%s: line %u: %s", path, r->line, why);
		told->warn(told->context, text);
	}
	if (bad <= WARNINGS_MAX)
		return;
	(void)snprintf(text, sizeof(text), "%s: %u lines left out", path, bad);
	told->warn(told->context, text);
}

int
source_map_read(struct source_map *m, const char *path,
    const struct source_map_told *told, struct err *e)
{
	struct csv_reader *r;
	struct buf file;
	size_t at[COLUMNS];
	int rc;

	buf_init(&file, FILE_MAX);
	if (file_read(path, &file, e) < 0) {
		buf_clear(&file);
		return -1;
	}
	r = xmalloc(sizeof(*r));
	csv_read_begin(r, file.data != NULL ? file.data : "", file.len);
	if ((rc = find_columns(r, at, e)) < 0)
		err_add(e, "%s", path);
	else
		read_rows(m, r, at, path, told);
	free(r);
	buf_clear(&file);
	return rc;
}

const struct source_map_row *
source_map_find(const struct source_map *m, const char *domain)
{
	const struct source_map_row *row = place_of(m, domain);

	return row->domain != NULL ? row : NULL;
}

size_t
source_map_count(const struct source_map *m)
{
	return m->count;
}

void
source_map_free(struct source_map **m)
{
	if (*m == NULL)
		return;
	arena_free(&(*m)->arena);
	free((*m)->rows);
	free(*m);
	*m = NULL;
}
