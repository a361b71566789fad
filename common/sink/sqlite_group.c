/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_group.c - group commit: who is there at the same time shares one
 * transaction and one fsync.
 *
 * The first to come leads: it starts a transaction, takes what has queued up
 * meanwhile, gives each job its savepoint, commits once for all and hands the
 * lead to the next in the queue. Nobody waits for company, and a large report
 * stands in line again after each piece.
 */
#include <time.h>

#include "common/sink/sqlite_group.h"
#include "common/sink/sqlite_write.h"

#define AWAY_AFTER_MS 10000   /* locked for so long: the database is away */
#define PROBE_TIMEOUT_MS 1000 /* while it is */

int
sqlite_group_open(struct sqlite_group *g, const char *path,
    const struct deadline *d, struct err *e)
{
	g->queue = NULL;
	g->queue_end = &g->queue;
	g->is_led = g->is_away = false;
	pthread_mutex_init(&g->lock, NULL);
	sqlite_db_init(&g->db, path);
	if (sqlite_db_open(&g->db, d, e) == 0)
		return 0;
	if (!err_is_temporary(e)) {
		sqlite_group_close(g);
		return -1;
	}
	err_clear(e); /* each job tries again */
	return 0;
}

void
sqlite_group_close(struct sqlite_group *g)
{
	sqlite_db_clear(&g->db);
	pthread_mutex_destroy(&g->lock);
}

static void
queue_add(struct sqlite_group *g, struct sqlite_job *job)
{
	job->next = NULL;
	*g->queue_end = job;
	g->queue_end = &job->next;
}

static void
queue_remove(struct sqlite_group *g, struct sqlite_job *job)
{
	struct sqlite_job **at = &g->queue;

	while (*at != job)
		at = &(*at)->next;
	if ((*at = job->next) == NULL)
		g->queue_end = at;
}

/* The leader's job, which is the first, and who fits beside it. */
static struct sqlite_job *
queue_take(struct sqlite_group *g, size_t max_records)
{
	struct sqlite_job *batch = g->queue, **end = &g->queue;
	size_t records = 0;

	do {
		records += (*end)->count;
		(*end)->state = JOB_TAKEN;
		end = &(*end)->next;
	} while (*end != NULL && records + (*end)->count <= max_records);
	if ((g->queue = *end) == NULL)
		g->queue_end = &g->queue;
	*end = NULL;
	return batch;
}

/* A report that is one record. */
static int
write_whole(struct sqlite_db *db, struct sqlite_job *job)
{
	bool is_new;
	int rc;

	if (job->report->kind == REPORT_FAILURE)
		rc = sqlite_write_failure(db, job->report,
		    job->count > 0 ? &job->records[0]->source
				   : &job->report->failure.source,
		    &is_new, &job->err);
	else
		rc = sqlite_write_tls(db, job->report, &is_new, &job->err);
	if (rc < 0)
		return -1;
	if (is_new)
		job->n.stored++;
	else
		job->n.duplicate++;
	return 0;
}

static int
write_rows(struct sqlite_db *db, struct sqlite_job *job)
{
	int64_t report_id;
	bool is_new;
	size_t i;

	if (job->report->kind != REPORT_AGGREGATE)
		return write_whole(db, job);
	if (sqlite_write_report(db, job->report, &report_id, &job->err) < 0)
		return -1;
	for (i = 0; i < job->count; i++) {
		if (sqlite_write_record(
			db, report_id, job->records[i], &is_new, &job->err) < 0)
			return -1;
		if (is_new)
			job->n.stored++;
		else
			job->n.duplicate++;
	}
	if (!job->is_last)
		return 0;
	return sqlite_write_complete(db, report_id, &job->err);
}

/* Its failure undoes this job only, unless the whole transaction is gone. */
static void
write_job(struct sqlite_db *db, struct sqlite_job *job)
{
	struct err ignored = { 0 };

	if (job->report == NULL)
		return;
	if (sqlite_db_run(db, STATEMENT_SAVEPOINT, &job->err) < 0)
		return;
	if (write_rows(db, job) == 0 &&
	    sqlite_db_run(db, STATEMENT_RELEASE, &job->err) == 0)
		return;
	if (sqlite_db_is_rolled_back(db))
		return;
	if (sqlite_db_run(db, STATEMENT_ROLLBACK_TO, &ignored) < 0 ||
	    sqlite_db_run(db, STATEMENT_RELEASE, &ignored) < 0)
		(void)sqlite_db_run(db, STATEMENT_ROLLBACK, &ignored);
}

/* Nothing of this batch is stored. */
static void
fail_batch(struct sqlite_job *batch, const struct err *why)
{
	for (; batch != NULL; batch = batch->next)
		if (batch->err.kind == ERR_NONE)
			batch->err = *why;
}

static void
write_batch(struct sqlite_db *db, struct sqlite_job *batch)
{
	struct err e = { 0 };
	struct sqlite_job *job;

	for (job = batch; job != NULL; job = job->next) {
		write_job(db, job);
		if (sqlite_db_is_rolled_back(db)) {
			/* out of space or broken: not the neighbours' doing */
			e = job->err;
			if (!err_is_temporary(&e))
				e.kind = ERR_TEMP;
			fail_batch(batch, &e);
			return;
		}
	}
	if (sqlite_db_commit(db, &e) < 0) {
		if (!err_is_temporary(&e))
			e.kind = ERR_TEMP;
		fail_batch(batch, &e);
	}
}

/*
 * Start a transaction for the leader. While the database is known to be away,
 * one asks it for a second, and all who came meanwhile share the answer.
 */
static int
begin(struct sqlite_group *g, const struct deadline *theirs, struct err *e)
{
	struct deadline d = *theirs;
	int64_t start = clock_mono_ms();

	if (g->is_away &&
	    (d.hard_ms == 0 || d.hard_ms > start + PROBE_TIMEOUT_MS))
		d.hard_ms = start + PROBE_TIMEOUT_MS;
	if (sqlite_db_begin(&g->db, &d, e) == 0) {
		g->is_away = false;
		return 0;
	}
	if (!g->db.is_busy || clock_mono_ms() - start >= AWAY_AFTER_MS)
		g->is_away = true;
	return -1;
}

/* Called and left with the lock held. */
static void
lead(struct sqlite_group *g, struct sqlite_job *own)
{
	struct sqlite_job *batch, *next;
	struct err e = { 0 };
	int rc;

	pthread_mutex_unlock(&g->lock);
	rc = begin(g, own->deadline, &e);
	pthread_mutex_lock(&g->lock);
	if (rc == 0)
		batch = queue_take(g, SQLITE_PIECE_RECORDS);
	else
		batch = queue_take(g, g->is_away ? SIZE_MAX : 0);
	pthread_mutex_unlock(&g->lock);

	if (rc == 0)
		write_batch(&g->db, batch);
	else
		fail_batch(batch, &e);

	pthread_mutex_lock(&g->lock);
	for (; batch != NULL; batch = next) {
		next = batch->next; /* it may be gone once it is done */
		batch->state = JOB_DONE;
		pthread_cond_signal(&batch->wake);
	}
	g->is_led = g->queue != NULL;
	if (g->is_led) {
		g->queue->state = JOB_LEADS;
		pthread_cond_signal(&g->queue->wake);
	}
}

/* With the lock held; who is taken must wait for what comes of it. */
static void
wait_for_turn(struct sqlite_group *g, struct sqlite_job *job)
{
	int64_t until;
	struct timespec ts;

	while (job->state == JOB_TAKEN || job->state == JOB_QUEUED) {
		if (job->state == JOB_TAKEN) {
			pthread_cond_wait(&job->wake, &g->lock);
			continue;
		}
		if (deadline_is_over(job->deadline)) {
			queue_remove(g, job);
			err_set(&job->err, ERR_TEMP,
			    "sqlite: %s: no turn in time", g->db.path);
			return;
		}
		until = clock_mono_ms() +
			deadline_left_ms(job->deadline, 60 * 1000);
		ts.tv_sec = until / 1000;
		ts.tv_nsec = (until % 1000 + 1) * 1000000L - 1;
		pthread_cond_timedwait(&job->wake, &g->lock, &ts);
	}
}

int
sqlite_group_store(
    struct sqlite_group *g, struct sqlite_job *job, struct err *e)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&job->wake, &attr);
	pthread_condattr_destroy(&attr);

	pthread_mutex_lock(&g->lock);
	queue_add(g, job);
	job->state = g->is_led ? JOB_QUEUED : JOB_LEADS;
	g->is_led = true;
	wait_for_turn(g, job);
	if (job->state == JOB_LEADS)
		lead(g, job);
	pthread_mutex_unlock(&g->lock);

	pthread_cond_destroy(&job->wake);
	if (job->err.kind == ERR_NONE)
		return 0;
	*e = job->err;
	return -1;
}
