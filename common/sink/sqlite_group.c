/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_group.c - group commit: who is there at the same time shares one
 * transaction and one fsync.
 *
 * The first to come leads: it starts a transaction, takes what has queued up
 * meanwhile, commits once for all and hands the lead to the next in the queue.
 * A large report stands in line again after each piece.
 *
 * A transaction costs the same pages of the journal and the same fsync for one
 * mail as for ten. So while mails come side by side, the leader waits a
 * moment for as many as there were the last time; who was alone does not wait.
 */
#include <errno.h>
#include <time.h>

#ifdef __SANITIZE_THREAD__ /* GCC 12's does not know sem_clockwait() */
#include <sanitizer/tsan_interface.h>
#define TELL_TSAN(p) __tsan_acquire(p)
#else
#define TELL_TSAN(p) ((void)(p))
#endif

#include "common/base/crash.h"
#include "common/sink/sqlite_group.h"
#include "common/sink/sqlite_write.h"

#define AWAY_AFTER_MS 10000   /* locked for so long: the database is away */
#define PROBE_TIMEOUT_MS 1000 /* while it is */
#define GATHER_JOBS 10        /* together: more save little */
#define GATHER_MS 20          /* the longest wait for them */

int
sqlite_group_open(struct sqlite_group *g, const char *path,
    const struct deadline *d, struct err *e)
{
	g->queue = NULL;
	g->queue_end = &g->queue;
	g->queued = 0;
	g->company = g->wanted = 0;
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
	g->queued++;
}

static void
queue_remove(struct sqlite_group *g, struct sqlite_job *job)
{
	struct sqlite_job **at = &g->queue;

	while (*at != job)
		at = &(*at)->next;
	if ((*at = job->next) == NULL)
		g->queue_end = at;
	g->queued--;
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
		g->queued--;
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
write_aggregate(struct sqlite_db *db, struct sqlite_job *job)
{
	int64_t report_id;
	bool is_new;
	size_t i;

	if (sqlite_write_report(
		db, job->report, job->is_last, &report_id, &job->err) < 0)
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
	return 0;
}

/* Whoever leads: it is the job's mail that a crash is laid to. */
static int
write_rows(struct sqlite_db *db, struct sqlite_job *job)
{
	struct crash_slot *own;
	int rc;

	if (job->report == NULL)
		return 0;
	own = crash_take_over(job->mail);
	rc = job->report->kind == REPORT_AGGREGATE ? write_aggregate(db, job)
						   : write_whole(db, job);
	(void)crash_take_over(own);
	return rc;
}

/* Nothing of this batch is stored. */
static void
fail_batch(struct sqlite_job *batch, const struct err *why)
{
	for (; batch != NULL; batch = batch->next)
		if (batch->err.kind == ERR_NONE)
			batch->err = *why;
}

/* The transaction is gone, and it was no single job's doing. */
static void
fail_all(struct sqlite_job *batch, struct err *why)
{
	if (!err_is_temporary(why))
		why->kind = ERR_TEMP;
	fail_batch(batch, why);
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

/* A job in a transaction of its own. */
static void
write_alone(struct sqlite_group *g, struct sqlite_job *job)
{
	job->n = (struct sink_count){ 0 };
	err_clear(&job->err);
	if (begin(g, job->deadline, &job->err) < 0)
		return;
	if (write_rows(&g->db, job) < 0)
		sqlite_db_roll_back(&g->db);
	else
		(void)sqlite_db_commit(&g->db, &job->err);
}

/*
 * In the transaction that is open. A job that the database refuses undoes its
 * neighbours' rows with its own; as this is rare, each is done again alone.
 */
static void
write_batch(struct sqlite_group *g, struct sqlite_job *batch)
{
	struct sqlite_job *job = batch;
	struct err e = { 0 };

	while (job != NULL && write_rows(&g->db, job) == 0)
		job = job->next;
	if (job == NULL) {
		if (sqlite_db_commit(&g->db, &e) < 0)
			fail_all(batch, &e);
	} else if (sqlite_db_is_rolled_back(&g->db)) {
		e = job->err; /* out of space, or broken */
		fail_all(batch, &e);
	} else {
		sqlite_db_roll_back(&g->db);
		for (job = batch; job != NULL && batch->next != NULL;
		     job = job->next)
			write_alone(g, job);
	}
}

/* Once for each sem_post(); false: the time was over before. */
static bool
job_wait(struct sqlite_job *job, int64_t until_ms)
{
	const struct timespec until = { .tv_sec = until_ms / 1000,
		.tv_nsec = (until_ms % 1000 + 1) * 1000000L - 1 };
	int rc;

	do
		rc = sem_clockwait(&job->wake, CLOCK_MONOTONIC, &until);
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		TELL_TSAN(&job->wake);
	return rc == 0;
}

/*
 * Wait for as many as there were the last time, in its transaction and behind
 * it. Called and left with the lock held.
 */
static void
gather(struct sqlite_group *g, struct sqlite_job *own)
{
	int64_t until_ms = clock_mono_ms() + GATHER_MS;
	bool is_over = own->count == SQLITE_PIECE_RECORDS;

	g->wanted = g->company < GATHER_JOBS ? g->company : GATHER_JOBS;
	while (g->queued < g->wanted && !is_over) {
		pthread_mutex_unlock(&g->lock);
		is_over = !job_wait(own, until_ms);
		pthread_mutex_lock(&g->lock);
	}
	g->wanted = 0;
}

static struct sqlite_job *
take_batch(struct sqlite_group *g, struct sqlite_job *own, struct err *e)
{
	struct sqlite_job *batch;
	size_t queued;
	int rc;

	pthread_mutex_lock(&g->lock);
	gather(g, own);
	pthread_mutex_unlock(&g->lock);
	rc = begin(g, own->deadline, e);
	pthread_mutex_lock(&g->lock);
	queued = g->queued;
	if (rc == 0)
		batch = queue_take(g, SQLITE_PIECE_RECORDS);
	else
		batch = queue_take(g, g->is_away ? SIZE_MAX : 0);
	g->company = queued - g->queued;
	pthread_mutex_unlock(&g->lock);
	return batch;
}

/* To the first in the queue. */
static void
pass_the_lead(struct sqlite_group *g)
{
	struct sqlite_job *first;

	pthread_mutex_lock(&g->lock);
	first = g->queue;
	g->company += g->queued;
	g->is_led = first != NULL;
	if (first != NULL)
		first->state = JOB_LEADS;
	pthread_mutex_unlock(&g->lock);
	if (first != NULL)
		(void)sem_post(&first->wake);
}

static void
lead(struct sqlite_group *g, struct sqlite_job *own)
{
	struct sqlite_job *batch, *next;
	struct err e = { 0 };

	batch = take_batch(g, own, &e);
	if (e.kind == ERR_NONE)
		write_batch(g, batch);
	else
		fail_batch(batch, &e);
	pass_the_lead(g);
	for (; batch != NULL; batch = next) {
		next = batch->next; /* it may be gone once it is woken */
		if (batch != own)
			(void)sem_post(&batch->wake);
	}
}

/* Who is taken must wait for what comes of it; who still queues may leave. */
static bool
leave_late(struct sqlite_group *g, struct sqlite_job *job)
{
	bool is_late;

	pthread_mutex_lock(&g->lock);
	is_late = job->state == JOB_QUEUED && deadline_is_over(job->deadline);
	if (is_late)
		queue_remove(g, job);
	pthread_mutex_unlock(&g->lock);
	return is_late;
}

/* True: the lead is ours now. */
static bool
wait_for_turn(struct sqlite_group *g, struct sqlite_job *job)
{
	while (!job_wait(
	    job, clock_mono_ms() + deadline_left_ms(job->deadline, 60 * 1000)))
		if (leave_late(g, job)) {
			err_set(&job->err, ERR_TEMP,
			    "sqlite: %s: no turn in time", g->db.path);
			return false;
		}
	return job->state == JOB_LEADS; /* set before the wake; ours alone */
}

int
sqlite_group_store(
    struct sqlite_group *g, struct sqlite_job *job, struct err *e)
{
	bool leads;

	(void)sem_init(&job->wake, 0, 0);
	job->mail = crash_in_hand();
	pthread_mutex_lock(&g->lock);
	queue_add(g, job);
	leads = !g->is_led;
	job->state = leads ? JOB_LEADS : JOB_QUEUED;
	g->is_led = true;
	if (g->queued == g->wanted)
		(void)sem_post(&g->queue->wake);
	pthread_mutex_unlock(&g->lock);

	if (leads || wait_for_turn(g, job))
		lead(g, job);
	(void)sem_destroy(&job->wake);
	if (job->err.kind == ERR_NONE)
		return 0;
	*e = job->err;
	return -1;
}
