/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_internal.h - what pipeline.c, pipeline_open.c and
 * pipeline_replay.c share. For nobody else.
 */
#ifndef COMMON_PIPELINE_INTERNAL_H
#define COMMON_PIPELINE_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "common/pipeline.h"
#include "common/quarantine.h"
#include "common/sink/sink.h"

#define PIPELINE_SINKS_MAX 4

struct pipeline {
	struct conf *first; /* that sinks and quarantine were opened with */
	pthread_mutex_t lock;
	struct conf *conf; /* of the next mail; under lock */
	struct spill_pool *pool;
	struct suffix_list *suffixes;
	struct quarantine *quarantine; /* NULL: mails stay with the caller */
	struct sink *sinks[PIPELINE_SINKS_MAX];
	size_t sink_count;
	FILE *out;     /* foreign; NULL unless reports are only printed */
	bool has_smtp; /* smtp_setup was called */
	bool is_dry;   /* nothing is stored, kept or sent: only tried */
};

/* pipeline_run, and for a replay without another wait. */
void pipeline_take(struct pipeline *p, const struct envelope *env,
    struct spill *mail, struct deadline *d, struct outcome *o, bool may_wait);

/* A mail that is not a report, or that a person wrote around one. */
struct other {
	const struct conf *conf;
	const struct envelope *env;
	struct spill *mail;
	const struct message *message;
	struct deadline *d;
	const char *reason;
	bool is_last_try; /* nobody would try again */
};

/*
 * Forward it or keep it apart, as configured; o->is_forwarded tells. 0: it is
 * durable there, or stays with the caller. -1: *e, temporary.
 */
int pipeline_other(struct pipeline *p, const struct other *other,
    struct outcome *o, struct err *e);

#endif
