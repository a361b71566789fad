/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts.h - what the files of an administrator tell of a host: its base
 * domain, country, network and service. Files that are replaced are picked up;
 * a message holds the facts that it began with.
 */
#ifndef ENRICH_FACTS_H
#define ENRICH_FACTS_H

#include <stdbool.h>

#include "common/base/conf.h"
#include "common/enrich/base_domain.h"
#include "common/enrich/ip_db.h"
#include "common/enrich/source_map.h"

/* One reading of all files; does not change. */
struct facts {
	unsigned holders; /* under the lock of the store */
	struct base_domains *domains;
	struct source_map *map;
	struct ip_db *dbs[CONF_ENRICH_FILES_MAX];
	size_t db_count;
};

struct facts_store; /* shared by all threads */

/* conf is borrowed until facts_store_close. Reads nothing yet. */
struct facts_store *facts_store_new(const struct conf *conf);
/* Who is told what is wrong with a file; before other threads come. */
void facts_store_tell(
    struct facts_store *s, const struct source_map_told *told);
/* The facts of now; end with facts_drop. */
struct facts *facts_hold(struct facts_store *s);
/* Takes NULL; leaves NULL. */
void facts_drop(struct facts_store *s, struct facts **f);
/* Read all files once to see what is wrong: -1 and *e, the first of it. */
int facts_check(struct facts_store *s, struct err *e);
/* Takes NULL; leaves NULL. */
void facts_store_close(struct facts_store **s);

#endif
