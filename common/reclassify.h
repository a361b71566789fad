/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reclassify.h - what is stored, classified by the files (and where it has no
 * names, by the DNS) of now.
 */
#ifndef COMMON_RECLASSIFY_H
#define COMMON_RECLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"

struct reclassify_count {
	uint64_t seen, changed;
	uint64_t passed; /* others changed them meanwhile: the next run will */
};

struct reclassify {
	bool missing; /* only what has no name in the DNS; it is asked again */
	bool is_dry;
	/* What is wrong with a file. */
	void (*warn)(void *context, const char *text);
	/* How far it is. */
	void (*told)(void *context, const struct reclassify_count *n);
	void *context;
};

/*
 * SQLite, Elasticsearch and OpenSearch, as configured; NDJSON is not changed.
 * 0, or -1 and *e; what was written before that stays, and a second run goes
 * over it again.
 */
int reclassify_run(const struct conf *conf, const struct reclassify *how,
    struct reclassify_count *n, struct err *e);

#endif
