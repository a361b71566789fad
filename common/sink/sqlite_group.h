/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_group.h - group commit: jobs of several threads share transactions.
 */
#ifndef SINK_SQLITE_GROUP_H
#define SINK_SQLITE_GROUP_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/report/report.h"
#include "common/sink/sink.h"
#include "common/sink/sqlite_db.h"

#define SQLITE_PIECE_RECORDS \
	5000 /* the most in a job, and in a transaction \
	      */

enum sqlite_job_state { JOB_QUEUED, JOB_LEADS, JOB_TAKEN };

/* A piece of a report, on the stack of the thread that waits for it. */
struct sqlite_job {
	const struct report *report;   /* foreign; NULL: only see if it works */
	struct record *const *records; /* foreign */
	size_t count;
	bool is_last; /* the report is complete with it */
	const struct deadline *deadline;
	struct sink_count n; /* set when it is stored */

	/* sqlite_group.c's own */
	struct sqlite_job *next;
	enum sqlite_job_state state;
	struct crash_slot *mail; /* what its thread has in hand */
	sem_t wake;              /* it is done, or it leads, or all are there */
	struct err err;
};

struct sqlite_group {
	pthread_mutex_t lock;
	struct sqlite_job *queue, **queue_end; /* under lock */
	size_t queued;                         /* under lock */
	bool is_led;                           /* under lock */
	size_t company; /* under lock: how many there were at the same time */
	size_t wanted;  /* under lock: the leader waits for so many; 0: no */
	bool is_away;   /* the leader's, as is db */
	struct sqlite_db db;
};

/*
 * Works while the database cannot be opened: jobs fail then, and each tries
 * again. ERR_CONF when it is not a database for us.
 */
int sqlite_group_open(struct sqlite_group *g, const char *path,
    const struct deadline *d, struct err *e);

/*
 * Store a job, in one transaction with those of other threads. 0: durable.
 * -1: nothing of it is stored; ERR_TEMP, ERR_FULL or ERR_REFUSED.
 */
int sqlite_group_store(
    struct sqlite_group *g, struct sqlite_job *job, struct err *e);

/* No job may be under way. */
void sqlite_group_close(struct sqlite_group *g);

#endif
