/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_internal.h - what pipeline.c, pipeline_open.c and
 * pipeline_replay.c share. For nobody else.
 */
#ifndef COMMON_PIPELINE_INTERNAL_H
#define COMMON_PIPELINE_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "common/base/rate.h"
#include "common/base/crash.h"
#include "common/enrich/enrich.h"
#include "common/pipeline.h"
#include "common/quarantine.h"
#include "common/sink/sink.h"

#define PIPELINE_SINKS_MAX 4

struct pipeline {
	struct conf *first; /* that sinks and quarantine were opened with */
	pthread_mutex_t lock;
	struct conf *conf; /* of the next mail; under lock */
	uint64_t put_off;  /* mails while a sink is away; under lock */
	int64_t away_since_ms;
	struct spill_pool *pool;
	struct suffix_list *suffixes;
	struct rate *rate;
	struct enrich *enrich;
	struct quarantine *quarantine; /* NULL: mails stay with the caller */
	bool keeps_waiting_only;       /* of those that have a caller */
	/* the waiting mail that the last round ended with; the replay's own */
	char replayed[QUARANTINE_NAME_SIZE];
	struct crash *crash; /* NULL: nothing is remembered */
	struct sink *sinks[PIPELINE_SINKS_MAX];
	size_t sink_count;
	bool is_plain; /* no sink asks for more than the reporter says */
	FILE *out;     /* foreign; NULL unless reports are only printed */
	bool has_curl; /* curl_setup was called */
	bool is_dry;   /* nothing is stored, kept or sent: only tried */
};

enum pipeline_try {
	PIPELINE_FIRST,  /* from a transport */
	PIPELINE_WAITED, /* it was kept as waiting: it does not wait twice */
	/* somebody wants it read: even if the program crashed on it before */
	PIPELINE_AGAIN,
};

/* pipeline_run, and for a replay. */
void pipeline_take(struct pipeline *p, const struct envelope *env,
    struct spill *mail, struct deadline *d, enum pipeline_try try,
    struct outcome *o);

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
