/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_group.h - group commit: jobs of several threads share requests,
 * and the knowledge whether the cluster is there.
 */
#ifndef SINK_ELASTIC_GROUP_H
#define SINK_ELASTIC_GROUP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/conf.h"
#include "common/sink/elastic_bulk.h"
#include "common/sink/elastic_reply.h"

struct elastic_group {
	struct http *http; /* owned */
	struct elastic_bulk bulk;
	size_t leaders_max;

	pthread_mutex_t lock;
	/* all under lock */
	struct elastic_job *queue, **queue_end;
	size_t leaders;
	size_t size_max;     /* of a request, now */
	size_t size_ceiling; /* what it may grow to again */
	bool is_away;        /* known to be; at first: not asked yet */
	bool is_asked;       /* ever */
	bool is_probed;      /* somebody asks right now */
	bool is_choked;      /* overloaded or blocked for a whole budget */
	unsigned probes;     /* how many were made */
	struct err why;      /* it is away */
	bool is_lasting;     /* and time does not mend that */
	pthread_cond_t probed;
	char server[ELASTIC_NAME_SIZE]; /* "OpenSearch 3.6.0"; "": not told */
};

int elastic_group_open(struct elastic_group *g,
    const struct conf_elasticsearch *conf, struct err *e);

/*
 * Settle every record of a job, sharing requests with other threads. 0: all
 * are stored or refused, as job says. -1: ERR_TEMP, some are not.
 */
int elastic_group_store(
    struct elastic_group *g, struct elastic_job *job, struct err *e);

/* Ask the server who it is. *is_lasting: time does not mend a failure. */
int elastic_group_probe(struct elastic_group *g, int64_t timeout_ms,
    char name[ELASTIC_NAME_SIZE], bool *is_lasting, struct err *e);

/*
 * Another request than a bulk one, for a mail that comes new: while the
 * cluster is known to be away it fails at once.
 */
int elastic_group_ask(struct elastic_group *g, const struct http_request *q,
    struct http_reply *r, struct err *e);

/* No job may be under way. */
void elastic_group_close(struct elastic_group *g);

#endif
