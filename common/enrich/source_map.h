/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_map.h - which service sends from hosts of a domain: tables in CSV
 * with the columns base_reverse_dns, name and type, as parsedmarc has them.
 */
#ifndef ENRICH_SOURCE_MAP_H
#define ENRICH_SOURCE_MAP_H

#include <stddef.h>

#include "common/base/err.h"

struct source_map;

struct source_map_row {
	const char *domain, *name, *type; /* type NULL: the table has none */
};

/* Somebody who is told what is wrong with a file. */
struct source_map_told {
	void (*warn)(void *context, const char *text);
	void *context;
};

struct source_map *source_map_new(void);
/*
 * Add the rows of a file; for a domain that is there already they win. A row
 * that is none is left out and told of; -1 and *e when the file cannot be read
 * or is no such table.
 */
int source_map_read(struct source_map *m, const char *path,
    const struct source_map_told *told, struct err *e);
/* domain is in lower case. NULL: nobody knows it. */
const struct source_map_row *source_map_find(
    const struct source_map *m, const char *domain);
size_t source_map_count(const struct source_map *m);
/* Takes NULL; leaves NULL. */
void source_map_free(struct source_map **m);

#endif
