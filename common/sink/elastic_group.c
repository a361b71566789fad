/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_group.c - group commit: who is there at the same time shares a bulk
 * request.
 *
 * Up to leaders_max threads lead at a time. A leader takes what has queued up
 * and fits into one request, sends it, and hands the lead to the next in the
 * queue: nobody waits for company. What the server wants to have again later
 * is each thread's own business: it waits a while and stands in line again,
 * as long as its mail has time.
 *
 * While the cluster is known to be away, a mail that comes new asks GET / if
 * nobody else does, and gives up at once if that fails; mails in hand go on
 * trying.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/sink/elastic_group.h"

#define PROBE_TIMEOUT_MS 3000
#define PROBE_WAIT_MS 1000 /* for somebody else's probe */
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 5000
#define PAUSE_DOUBLINGS 6
#define SIZE_LEAST ((size_t)64 << 10)
#define REPLY_MAX ((size_t)64 << 10)

static void
cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int
elastic_group_open(struct elastic_group *g,
    const struct conf_elasticsearch *conf, struct err *e)
{
	memset(g, 0, sizeof(*g));
	if (http_open(&g->http, conf, e) < 0)
		return -1;
	elastic_bulk_init(&g->bulk, g->http, conf->timeout_s);
	g->leaders_max = (size_t)conf->connections;
	g->size_max = g->size_ceiling = (size_t)conf->bulk_size;
	g->queue_end = &g->queue;
	g->is_away = true;
	err_set(&g->why, ERR_TEMP, "nobody answered yet");
	pthread_mutex_init(&g->lock, NULL);
	cond_init(&g->probed);
	return 0;
}

void
elastic_group_close(struct elastic_group *g)
{
	pthread_cond_destroy(&g->probed);
	pthread_mutex_destroy(&g->lock);
	http_close(&g->http);
}

int
elastic_group_probe(struct elastic_group *g, int64_t timeout_ms,
    char name[ELASTIC_NAME_SIZE], bool *is_lasting, struct err *e)
{
	const struct http_request q = {
		.method = "GET", .path = "/", .timeout_ms = timeout_ms
	};
	struct http_reply r;
	int rc;

	http_reply_init(&r, REPLY_MAX);
	rc = http_request(g->http, &q, &r, e);
	if (rc == 0)
		rc = elastic_reply_server(&r, http_login(g->http), name, e);
	*is_lasting = r.is_lasting || (r.status > 0 && r.status < 500);
	http_reply_clear(&r);
	return rc;
}

static void
wait_until(struct elastic_group *g, pthread_cond_t *cond, int64_t until_ms)
{
	const struct timespec ts = { .tv_sec = until_ms / 1000,
		.tv_nsec = until_ms % 1000 * 1000000L };

	pthread_cond_timedwait(cond, &g->lock, &ts);
}

/* With the lock held, as all below. */
static void
note_away(struct elastic_group *g, const struct err *why, bool is_lasting)
{
	g->is_away = g->is_asked = true;
	g->why = *why;
	g->is_lasting = is_lasting;
}

static void
ask(struct elastic_group *g)
{
	struct err e = { 0 };
	char name[ELASTIC_NAME_SIZE] = "";
	bool is_lasting;
	int rc;

	g->is_probed = true;
	pthread_mutex_unlock(&g->lock);
	rc = elastic_group_probe(g, PROBE_TIMEOUT_MS, name, &is_lasting, &e);
	pthread_mutex_lock(&g->lock);
	g->is_probed = false;
	g->is_asked = true;
	g->probes++;
	if (rc == 0) {
		g->is_away = false;
		memcpy(g->server, name, sizeof(name));
	} else {
		note_away(g, &e, is_lasting);
	}
	pthread_cond_broadcast(&g->probed);
}

/* Is the cluster there? One asks, the others wait for what it learns. */
static bool
is_there(struct elastic_group *g, bool is_in_hand)
{
	unsigned probes = g->probes;
	int64_t until =
	    clock_mono_ms() + (g->is_asked ? PROBE_WAIT_MS : PROBE_TIMEOUT_MS);

	if (g->is_away && !g->is_probed)
		ask(g);
	while (g->is_away && g->is_probed && g->probes == probes &&
	       !is_in_hand && clock_mono_ms() < until)
		wait_until(g, &g->probed, until);
	return !g->is_away;
}

static void
queue_add(struct elastic_group *g, struct elastic_job *job)
{
	job->next = NULL;
	*g->queue_end = job;
	g->queue_end = &job->next;
}

static void
queue_remove(struct elastic_group *g, struct elastic_job *job)
{
	struct elastic_job **at = &g->queue;

	while (*at != job)
		at = &(*at)->next;
	if ((*at = job->next) == NULL)
		g->queue_end = at;
	job->next = NULL;
}

/* The leader's job and, in their order, those that fit beside it. */
static void
queue_take(struct elastic_group *g, struct elastic_job *own)
{
	struct elastic_job *last = own, *job;
	size_t size = elastic_job_size(own);

	while ((job = g->queue) != NULL &&
	       size + elastic_job_size(job) <= g->size_max) {
		size += elastic_job_size(job);
		queue_remove(g, job);
		job->state = ELASTIC_TAKEN;
		last->next = job;
		last = job;
	}
}

static void
finish_job(struct elastic_job *job)
{
	job->state = ELASTIC_DONE;
	pthread_cond_signal(&job->wake);
}

/* Who waits for a cluster that is away need not try it. */
static void
fail_queue(struct elastic_group *g)
{
	struct elastic_job *job;

	while ((job = g->queue) != NULL) {
		queue_remove(g, job);
		elastic_job_fail(job, &g->why, g->is_lasting);
		finish_job(job);
	}
}

static void
promote_next(struct elastic_group *g)
{
	struct elastic_job *job = g->queue;

	if (job == NULL || g->leaders == g->leaders_max)
		return;
	queue_remove(g, job);
	g->leaders++;
	job->state = ELASTIC_LEADS;
	pthread_cond_signal(&job->wake);
}

static size_t
smaller(size_t now, size_t failed)
{
	size_t half = failed / 2 > SIZE_LEAST ? failed / 2 : SIZE_LEAST;

	return half < now ? half : now;
}

/* What a server does not take at all is never tried again; what it does not
 * take now is found out as networks do: half at once, and slowly up. */
static void
note_size(struct elastic_group *g, const struct elastic_result *result)
{
	if (result->too_large > 0)
		g->size_ceiling = smaller(g->size_ceiling, result->too_large);
	if (result->too_much > 0)
		g->size_max = smaller(g->size_max, result->too_much);
	else if (result->is_acknowledged)
		g->size_max += g->size_max / 8;
	if (g->size_max > g->size_ceiling)
		g->size_max = g->size_ceiling;
}

static void
note_result(struct elastic_group *g, const struct elastic_result *result)
{
	if (result->is_acknowledged)
		g->is_away = g->is_choked = false;
	if (result->is_away) {
		note_away(g, &result->why, result->is_lasting);
		fail_queue(g);
	}
	note_size(g, result);
}

static void
lead(struct elastic_group *g, struct elastic_job *own)
{
	struct elastic_job *job, *next;
	struct elastic_result result;
	size_t size_max = g->size_max;

	queue_take(g, own);
	pthread_mutex_unlock(&g->lock);
	elastic_bulk_send(&g->bulk, own, size_max, &result);
	pthread_mutex_lock(&g->lock);
	note_result(g, &result);
	for (job = own; job != NULL; job = next) {
		next = job->next; /* it may be gone once it is done */
		finish_job(job);
	}
	g->leaders--;
	promote_next(g);
}

/* Who is taken must wait for what comes of it. */
static void
wait_for_turn(struct elastic_group *g, struct elastic_job *job)
{
	struct err late;

	while (job->state == ELASTIC_TAKEN || job->state == ELASTIC_QUEUED) {
		if (job->state == ELASTIC_TAKEN) {
			pthread_cond_wait(&job->wake, &g->lock);
			continue;
		}
		if (deadline_is_over(job->deadline)) {
			queue_remove(g, job);
			err_set(&late, ERR_TEMP, "no turn in time");
			elastic_job_fail(job, &late, true);
			return;
		}
		wait_until(g, &job->wake,
		    clock_mono_ms() +
			deadline_left_ms(job->deadline, 60 * 1000) + 1);
	}
}

/* One round: all of the job that is open is tried once. */
static void
try_once(struct elastic_group *g, struct elastic_job *job)
{
	job->next = NULL;
	job->is_acknowledged = false;
	err_clear(&job->err);
	job->is_lasting = false;
	if (g->leaders < g->leaders_max) {
		g->leaders++;
		job->state = ELASTIC_LEADS;
	} else {
		queue_add(g, job);
		job->state = ELASTIC_QUEUED;
		wait_for_turn(g, job);
	}
	if (job->state == ELASTIC_LEADS)
		lead(g, job);
	if (job->open > 0 && job->err.kind == ERR_NONE)
		err_set(&job->err, ERR_TEMP, "not answered");
	if (job->is_acknowledged) {
		deadline_progress(job->deadline);
		job->is_under_way = true;
	}
}

/* Longer each time, and not the same for all. */
static int64_t
pause_ms(const struct elastic_job *job, unsigned tries)
{
	uint64_t dice = ((uint64_t)clock_mono_ms() ^ (uintptr_t)job) *
			UINT64_C(0x9e3779b97f4a7c15);
	int64_t most = PAUSE_FIRST_MS
		       << (tries < PAUSE_DOUBLINGS ? tries : PAUSE_DOUBLINGS);

	if (most > PAUSE_MAX_MS)
		most = PAUSE_MAX_MS;
	return most / 2 + (int64_t)(dice >> 33) % (most / 2 + 1);
}

/* Wait before the next round; false: there will be none. */
static bool
pause_before(struct elastic_group *g, struct elastic_job *job, unsigned tries)
{
	bool was_away = g->is_away;
	int64_t until;

	if (job->is_lasting || (g->is_choked && !job->is_under_way))
		return false;
	until = clock_mono_ms() +
		deadline_left_ms(job->deadline, pause_ms(job, tries));
	while (clock_mono_ms() < until) {
		wait_until(g, &g->probed, until);
		if (was_away && !g->is_away)
			break; /* it is back */
	}
	if (!deadline_is_over(job->deadline))
		return true;
	g->is_choked = !g->is_away;
	return false;
}

static void
store(struct elastic_group *g, struct elastic_job *job)
{
	bool is_in_hand = job->is_under_way;
	unsigned tries;

	for (tries = 0;; tries++) {
		if (is_there(g, is_in_hand)) {
			is_in_hand = true;
			try_once(g, job);
		} else {
			job->err = g->why;
			job->is_lasting = g->is_lasting || !is_in_hand;
		}
		if (job->err.kind == ERR_NONE || !pause_before(g, job, tries))
			return;
	}
}

int
elastic_group_store(
    struct elastic_group *g, struct elastic_job *job, struct err *e)
{
	if (job->open == 0)
		return 0;
	cond_init(&job->wake);
	pthread_mutex_lock(&g->lock);
	store(g, job);
	pthread_mutex_unlock(&g->lock);
	pthread_cond_destroy(&job->wake);
	if (job->err.kind == ERR_NONE)
		return 0;
	*e = job->err;
	return -1;
}

int
elastic_group_ask(struct elastic_group *g, const struct http_request *q,
    struct http_reply *r, struct err *e)
{
	bool is_up;

	pthread_mutex_lock(&g->lock);
	if (!(is_up = is_there(g, false)))
		*e = g->why;
	pthread_mutex_unlock(&g->lock);
	if (!is_up)
		return -1;
	if (http_request(g->http, q, r, e) == 0)
		return 0;
	pthread_mutex_lock(&g->lock);
	note_away(g, e, r->is_lasting);
	pthread_mutex_unlock(&g->lock);
	return -1;
}
