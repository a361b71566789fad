/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_bulk.h - documents of several mails in one bulk request, and what
 * became of each.
 */
#ifndef SINK_ELASTIC_BULK_H
#define SINK_ELASTIC_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/http.h"
#include "common/sink/elastic_job.h"

struct elastic_bulk {
	struct http *http; /* foreign */
	char path[256];
	int64_t timeout_ms; /* of a request */
};

void elastic_bulk_init(
    struct elastic_bulk *b, struct http *http, int64_t timeout_s);

/* How a batch went as a whole. */
struct elastic_result {
	bool is_acknowledged; /* the cluster stored something */
	bool is_away;         /* it did not answer, or not to us: *why */
	bool is_lasting;
	struct err why;
	size_t too_large; /* bytes of a request that it never takes; 0: none */
	size_t too_much;  /* bytes of one that it did not take now; 0: none */
};

/*
 * Send what is open of the jobs (linked by next), at most size_max bytes a
 * request. Each job has err.kind ERR_NONE after it when all is settled.
 */
void elastic_bulk_send(const struct elastic_bulk *b, struct elastic_job *batch,
    size_t size_max, struct elastic_result *result);

#endif
