/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_elastic_bulk.c - bulk requests and group commit against a cluster that
 * is a few lines of C: this file has its own http_request. What a document
 * says decides what the cluster does with it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "common/sink/elastic_group.h"
#include "tests/unit/unit.h"

#define BODY_MAX ((size_t)64 << 20)

static struct cluster {
	pthread_mutex_t lock;
	size_t limit;     /* of a request; 0: none. Past it: 413 */
	int whole_status; /* of every bulk request; 0: they are looked at */
	int busy_left;    /* so many documents "busy" get 429 */
	bool is_down, is_miscounting, is_garbling;
	int latency_ms;
	/* what was seen */
	size_t requests, probes, documents, gzips, stored;
	size_t in_flight, in_flight_most;
} cluster = { .lock = PTHREAD_MUTEX_INITIALIZER };

int
http_open(struct http **h, const struct conf_elasticsearch *conf, struct err *e)
{
	(void)conf;
	(void)e;
	*h = xcalloc(1, 1);
	return 0;
}

void
http_close(struct http **h)
{
	free(*h);
	*h = NULL;
}

const char *
http_login(const struct http *h)
{
	(void)h;
	return "user x";
}

void
http_reply_init(struct http_reply *r, size_t body_max)
{
	*r = (struct http_reply){ 0 };
	buf_init(&r->body, body_max);
}

void
http_reply_clear(struct http_reply *r)
{
	buf_clear(&r->body);
}

char *
http_escape(const char *text)
{
	return xstrdup(text);
}

static void
unpack(const struct http_request *q, struct buf *out)
{
	z_stream zs = { 0 };
	struct err e;
	int rc;

	buf_init(out, BODY_MAX);
	if (!q->is_gzip) {
		assert_int_equal(buf_add(out, q->body, q->body_len, &e), 0);
		return;
	}
	assert_int_equal(inflateInit2(&zs, 15 + 16), Z_OK);
	zs.next_in = (Bytef *)(uintptr_t)q->body;
	zs.avail_in = (uInt)q->body_len;
	do {
		zs.next_out = (Bytef *)buf_reserve(out, 65536, &e);
		zs.avail_out = 65536;
		rc = inflate(&zs, Z_NO_FLUSH);
		out->len += 65536 - zs.avail_out;
	} while (rc == Z_OK);
	assert_int_equal(rc, Z_STREAM_END);
	assert_int_equal(zs.avail_in, 0);
	inflateEnd(&zs);
	(void)buf_add(out, "", 0, &e);
}

static const char *
answer_to(const char *document)
{
	if (strstr(document, "\"bad\"") != NULL)
		return "400,\"error\":{\"type\":\"mapper_parsing_exception\","
		       "\"reason\":\"failed to parse field\"}";
	if (strstr(document, "\"denied\"") != NULL)
		return "403,\"error\":{\"type\":\"security_exception\","
		       "\"reason\":\"no permissions\"}";
	if (strstr(document, "\"closed\"") != NULL)
		return "400,\"error\":{\"type\":\"index_closed_exception\","
		       "\"reason\":\"closed\"}";
	if (strstr(document, "\"busy\"") != NULL && cluster.busy_left > 0) {
		cluster.busy_left--;
		return "429,\"error\":{\"type\":\"cluster_block_exception\","
		       "\"reason\":\"blocked\"}";
	}
	cluster.stored++;
	return strstr(document, "\"again\"") != NULL ? "200" : "201";
}

/* Two lines for each document, both ended. */
static size_t
answer_items(struct buf *body, struct http_reply *r)
{
	char *at = body->data, *document, *end;
	struct err e;
	size_t n = 0;

	while (*at != '\0') {
		assert_memory_equal(at, "{\"index\":{", 10);
		assert_non_null(document = strchr(at, '\n'));
		assert_non_null(end = strchr(++document, '\n'));
		*end = '\0';
		assert_int_equal(
		    buf_printf(&r->body, &e, "%s{\"index\":{\"status\":%s}}",
			n++ > 0 ? "," : "", answer_to(document)),
		    0);
		at = end + 1;
	}
	cluster.documents += n;
	if (cluster.is_miscounting)
		(void)buf_add_text(
		    &r->body, ",{\"index\":{\"status\":201}}", &e);
	return n;
}

static void
answer_bulk(struct buf *body, struct http_reply *r)
{
	static const char whole[] = "{\"error\":{\"type\":\"some_exception\","
				    "\"reason\":\"as a whole\"}}";
	struct err e;

	buf_reset(&r->body);
	cluster.requests++;
	r->status = 200;
	if (cluster.limit > 0 && body->len > cluster.limit) {
		r->status = 413;
	} else if (cluster.whole_status != 0 ||
		   strstr(body->data, "\"poison\"") != NULL) {
		r->status =
		    cluster.whole_status != 0 ? cluster.whole_status : 400;
		(void)buf_add_text(&r->body, whole, &e);
	} else if (cluster.is_garbling) {
		(void)buf_add_text(&r->body, "<html>", &e);
	} else {
		(void)buf_add_text(&r->body, "{\"items\":[", &e);
		(void)answer_items(body, r);
		(void)buf_add_text(&r->body, "]}", &e);
	}
}

static void
take_time(void)
{
	const struct timespec ts = { .tv_nsec = cluster.latency_ms * 1000000L };

	cluster.in_flight++;
	if (cluster.in_flight > cluster.in_flight_most)
		cluster.in_flight_most = cluster.in_flight;
	pthread_mutex_unlock(&cluster.lock);
	(void)nanosleep(&ts, NULL);
	pthread_mutex_lock(&cluster.lock);
	cluster.in_flight--;
}

int
http_request(struct http *h, const struct http_request *q, struct http_reply *r,
    struct err *e)
{
	struct buf body;
	int rc = 0;

	(void)h;
	(void)snprintf(r->host, sizeof(r->host), "http://h:9200");
	r->status = 0;
	pthread_mutex_lock(&cluster.lock);
	take_time();
	if (strcmp(q->path, "/") == 0)
		cluster.probes++;
	if (cluster.is_down) {
		rc = err_set(e, ERR_TEMP, "http://h:9200: no connection");
	} else if (strcmp(q->path, "/") == 0) {
		r->status = 405;
	} else {
		cluster.gzips += q->is_gzip;
		unpack(q, &body);
		answer_bulk(&body, r);
		buf_clear(&body);
	}
	pthread_mutex_unlock(&cluster.lock);
	return rc;
}

/* --- what the tests need --- */

static void
cluster_reset(void)
{
	pthread_mutex_t lock = cluster.lock;

	cluster = (struct cluster){ .lock = lock };
}

static void
group_start(struct elastic_group *g, uint64_t connections, uint64_t bulk_size)
{
	const struct conf_elasticsearch conf = { .connections = connections,
		.bulk_size = bulk_size,
		.timeout_s = 5 };
	struct err e;

	cluster_reset();
	assert_int_equal(elastic_group_open(g, &conf, &e), 0);
}

/* Documents that say what; a number makes them as long as wanted. */
static void
piece_fill(struct elastic_piece *p, const char *const *what, size_t count,
    size_t padding)
{
	struct err e;
	size_t i;

	elastic_piece_init(p, BODY_MAX);
	for (i = 0; i < count; i++) {
		assert_int_equal(
		    buf_printf(&p->lines, &e,
			"{\"index\":{\"_index\":\"i\",\"_id\":\"%zu\"}}\n"
			"{\"w\":\"%s\",\"n\":%0*d}\n",
			i, what[i], (int)padding + 1, 1),
		    0);
		elastic_piece_mark(p);
	}
}

struct mail {
	struct elastic_piece piece;
	struct deadline d;
	struct elastic_job job;
	struct err e;
	int rc;
};

static void
mail_init(struct mail *m, const char *const *what, size_t count, size_t padding,
    int64_t budget_ms)
{
	memset(m, 0, sizeof(*m));
	piece_fill(&m->piece, what, count, padding);
	deadline_start(&m->d, 0, budget_ms);
	elastic_job_init(&m->job, &m->piece, &m->d);
}

static void
mail_clear(struct mail *m)
{
	elastic_job_clear(&m->job);
	elastic_piece_clear(&m->piece);
}

static void
mail_store(struct elastic_group *g, struct mail *m)
{
	m->rc = elastic_group_store(g, &m->job, &m->e);
}

/* All of them in one batch, as a leader has them. */
static void
send_together(struct elastic_group *g, struct mail *m, size_t count,
    struct elastic_result *result)
{
	size_t i;

	for (i = 0; i + 1 < count; i++)
		m[i].job.next = &m[i + 1].job;
	elastic_bulk_send(&g->bulk, &m[0].job, g->size_max, result);
}

static const char *const ok3[] = { "ok", "ok", "again" };

static void
one_request(void **state)
{
	struct elastic_group g;
	struct elastic_result result;
	struct mail m[2];
	size_t i;

	(void)state;
	group_start(&g, 4, 1 << 20);
	for (i = 0; i < 2; i++)
		mail_init(&m[i], ok3, 3, 1000, 60000);
	send_together(&g, m, 2, &result);
	assert_true(result.is_acknowledged);
	assert_int_equal(cluster.requests, 1);
	assert_int_equal(cluster.documents, 6);
	assert_int_equal(cluster.gzips, 1);
	for (i = 0; i < 2; i++) {
		assert_int_equal(m[i].job.err.kind, ERR_NONE);
		assert_int_equal(m[i].job.open, 0);
		assert_int_equal(m[i].job.n.stored, 2);
		assert_int_equal(m[i].job.n.duplicate, 1);
		mail_clear(&m[i]);
	}
	elastic_group_close(&g);
}

static void
a_small_one_is_not_packed(void **state)
{
	struct elastic_group g;
	struct mail m;

	(void)state;
	group_start(&g, 4, 1 << 20);
	mail_init(&m, ok3, 3, 0, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, 0);
	assert_int_equal(cluster.gzips, 0);
	mail_clear(&m);
	elastic_group_close(&g);
}

/* 400s of both kinds, a 403 and a 429 in one request. */
static void
to_each_its_own(void **state)
{
	static const char *const what[][2] = { { "ok", "again" },
		{ "ok", "bad" }, { "denied", "ok" }, { "closed", "ok" },
		{ "ok", "busy" } };
	struct elastic_group g;
	struct elastic_result result;
	struct mail m[5];
	size_t i;

	(void)state;
	group_start(&g, 4, 1 << 20);
	cluster.busy_left = 1;
	for (i = 0; i < 5; i++)
		mail_init(&m[i], what[i], 2, 0, 60000);
	send_together(&g, m, 5, &result);
	assert_int_equal(cluster.requests, 1);
	assert_false(result.is_away);
	assert_int_equal(m[0].job.err.kind, ERR_NONE);
	assert_int_equal(m[0].job.open, 0);
	assert_int_equal(m[0].job.refused_count, 0);
	/* refused for good, its neighbour stored, nothing left to do */
	assert_int_equal(m[1].job.err.kind, ERR_NONE);
	assert_int_equal(m[1].job.open, 0);
	assert_int_equal(m[1].job.refused_count, 1);
	assert_int_equal(m[1].job.refused.kind, ERR_REFUSED);
	assert_int_equal(m[1].job.n.stored, 1);
	/* the operator must act: soon again is of no use */
	for (i = 2; i < 4; i++) {
		assert_int_equal(m[i].job.err.kind, ERR_TEMP);
		assert_true(m[i].job.is_lasting);
		assert_int_equal(m[i].job.open, 1);
		assert_int_equal(m[i].job.refused_count, 0);
	}
	assert_int_equal(m[4].job.err.kind, ERR_TEMP);
	assert_false(m[4].job.is_lasting);
	assert_int_equal(m[4].job.open, 1);
	for (i = 0; i < 5; i++)
		mail_clear(&m[i]);
	elastic_group_close(&g);
}

static void
halved_when_too_large(void **state)
{
	static const char *what[100];
	struct elastic_group g;
	struct mail m;
	size_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		what[i] = "ok";
	group_start(&g, 4, 1 << 20);
	cluster.limit = 120000;
	mail_init(&m, what, 100, 4000, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, 0);
	assert_int_equal(m.job.n.stored, 100);
	assert_int_equal(cluster.documents, 100); /* none of them twice */
	assert_true(cluster.requests <= 7);
	assert_true(g.size_max <= 102000);
	mail_clear(&m);
	/* later ones are small from the start */
	cluster.requests = 0;
	mail_init(&m, what, 100, 4000, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, 0);
	assert_true(cluster.requests <= 5);
	mail_clear(&m);
	elastic_group_close(&g);
}

static void
one_document_too_large(void **state)
{
	static const char *const what[] = { "ok", "ok" };
	struct elastic_group g;
	struct mail m;

	(void)state;
	group_start(&g, 4, 1 << 20);
	cluster.limit = 100000;
	mail_init(&m, what, 2, 200000, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, 0);
	assert_int_equal(m.job.refused_count, 2);
	assert_non_null(strstr(m.job.refused.text, "413"));
	mail_clear(&m);
	/* a limit that no document fits is not the document's fault */
	cluster.limit = 10;
	mail_init(&m, what, 2, 0, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, -1);
	assert_int_equal(m.e.kind, ERR_TEMP);
	assert_int_equal(m.job.refused_count, 0);
	mail_clear(&m);
	elastic_group_close(&g);
}

static void
the_guilty_one_is_found(void **state)
{
	static const char *const poison[] = { "ok", "poison", "ok" };
	struct elastic_group g;
	struct elastic_result result;
	struct mail m[9];
	size_t i;

	(void)state;
	group_start(&g, 4, 1 << 20);
	for (i = 0; i < 9; i++)
		mail_init(&m[i], i == 6 ? poison : ok3, 3, 0, 60000);
	send_together(&g, m, 9, &result);
	assert_int_equal(cluster.documents, 26);
	assert_true(cluster.requests <= 12);
	for (i = 0; i < 9; i++) {
		assert_int_equal(m[i].job.err.kind, ERR_NONE);
		assert_int_equal(m[i].job.refused_count, i == 6);
		assert_int_equal(m[i].job.open, 0);
		mail_clear(&m[i]);
	}
	elastic_group_close(&g);
}

/* A 400 to everything says nothing about the mails. */
static void
nobody_is_blamed(void **state)
{
	struct elastic_group g;
	struct elastic_result result;
	struct mail m[60];
	size_t i;

	(void)state;
	group_start(&g, 4, 1 << 20);
	cluster.whole_status = 400;
	for (i = 0; i < 60; i++)
		mail_init(&m[i], ok3, 3, 0, 60000);
	send_together(&g, m, 60, &result);
	assert_true(cluster.requests < 60);
	for (i = 0; i < 60; i++) {
		assert_int_equal(m[i].job.err.kind, ERR_TEMP);
		assert_int_equal(m[i].job.refused_count, 0);
		assert_int_equal(m[i].job.open, 3);
		mail_clear(&m[i]);
	}
	elastic_group_close(&g);
}

static void
only_what_is_open_goes_again(void **state)
{
	static const char *const what[] = { "ok", "busy", "ok", "busy" };
	struct elastic_group g;
	struct mail m;

	(void)state;
	group_start(&g, 4, 1 << 20);
	cluster.busy_left = 3;
	mail_init(&m, what, 4, 0, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, 0);
	assert_int_equal(m.job.n.stored, 4);
	assert_int_equal(cluster.requests, 3);
	assert_int_equal(cluster.documents, 4 + 2 + 1);
	mail_clear(&m);
	elastic_group_close(&g);
}

static void
blocked_for_long(void **state)
{
	static const char *const what[] = { "busy" };
	struct elastic_group g;
	struct mail m;
	int64_t start = clock_mono_ms();

	(void)state;
	group_start(&g, 4, 1 << 20);
	cluster.busy_left = 1000;
	mail_init(&m, what, 1, 0, 600);
	mail_store(&g, &m);
	assert_int_equal(m.rc, -1);
	assert_int_equal(m.e.kind, ERR_TEMP);
	assert_true(clock_mono_ms() - start >= 550);
	assert_true(cluster.requests > 1);
	mail_clear(&m);
	/* the next ones try once, and no mail waits for nothing */
	cluster.requests = 0;
	start = clock_mono_ms();
	mail_init(&m, what, 1, 0, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, -1);
	assert_int_equal(cluster.requests, 1);
	assert_true(clock_mono_ms() - start < 20000);
	mail_clear(&m);
	/* until one of them is taken */
	cluster.busy_left = 0;
	mail_init(&m, what, 1, 0, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, 0);
	assert_false(g.is_choked);
	mail_clear(&m);
	elastic_group_close(&g);
}

static const struct trouble {
	const char *name;
	int whole_status;
	bool is_miscounting, is_garbling;
	const char *text;
} troubles[] = {
	{ "wrong number of items", 0, true, false, "not about" },
	{ "garbage", 0, false, true, "no JSON" },
	{ "401", 401, false, false, "wrong credentials of user x" },
	{ "403", 403, false, false, "not allowed" },
	{ "404", 404, false, false, "look at the path" },
};

static void
later_at_once(void **state)
{
	const struct trouble *row = *state;
	struct elastic_group g;
	struct mail m;

	group_start(&g, 4, 1 << 20);
	cluster.whole_status = row->whole_status;
	cluster.is_miscounting = row->is_miscounting;
	cluster.is_garbling = row->is_garbling;
	mail_init(&m, ok3, 3, 0, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, -1);
	assert_int_equal(m.e.kind, ERR_TEMP);
	assert_non_null(strstr(m.e.text, row->text));
	assert_int_equal(cluster.requests, 1);
	assert_int_equal(m.job.open, 3);
	mail_clear(&m);
	elastic_group_close(&g);
}

struct crowd {
	struct elastic_group *g;
	struct mail mail;
	pthread_t thread;
};

static void *
crowd_member(void *member)
{
	struct crowd *c = member;

	mail_store(c->g, &c->mail);
	return NULL;
}

#define CROWD 40

static void
crowd_run(struct elastic_group *g, struct crowd *crowd, int64_t budget_ms)
{
	size_t i;

	for (i = 0; i < CROWD; i++) {
		crowd[i].g = g;
		mail_init(&crowd[i].mail, ok3, 3, 100, budget_ms);
		assert_int_equal(pthread_create(&crowd[i].thread, NULL,
				     crowd_member, &crowd[i]),
		    0);
	}
	for (i = 0; i < CROWD; i++)
		assert_int_equal(pthread_join(crowd[i].thread, NULL), 0);
}

static void
many_share_few_requests(void **state)
{
	static struct crowd crowd[CROWD];
	struct elastic_group g;
	size_t i;

	(void)state;
	group_start(&g, 2, 1 << 20);
	cluster.latency_ms = 100; /* all have come before the first is served */
	crowd_run(&g, crowd, 60000);
	assert_int_equal(cluster.documents, 3 * CROWD);
	assert_true(!unit_has_bounds() || cluster.requests < CROWD / 2);
	assert_true(cluster.in_flight_most <= 2);
	assert_int_equal(g.leaders, 0);
	assert_null(g.queue);
	for (i = 0; i < CROWD; i++) {
		assert_int_equal(crowd[i].mail.rc, 0);
		assert_int_equal(crowd[i].mail.job.n.stored, 2);
		mail_clear(&crowd[i].mail);
	}
	elastic_group_close(&g);
}

static void
a_full_request_leaves_the_rest_waiting(void **state)
{
	static struct crowd crowd[CROWD];
	struct elastic_group g;
	size_t i;

	(void)state;
	group_start(&g, 1, 1500); /* three mails */
	cluster.limit = 1500;
	cluster.latency_ms = 2;
	crowd_run(&g, crowd, 60000);
	assert_true(cluster.requests >= CROWD / 3);
	assert_int_equal(cluster.documents, 3 * CROWD);
	for (i = 0; i < CROWD; i++) {
		assert_int_equal(crowd[i].mail.rc, 0);
		mail_clear(&crowd[i].mail);
	}
	elastic_group_close(&g);
}

/* It never answered: nobody waits, and one asks for all. */
static void
away_from_the_start(void **state)
{
	static struct crowd crowd[CROWD];
	struct elastic_group g;
	int64_t start;
	size_t i;

	(void)state;
	group_start(&g, 4, 1 << 20);
	cluster.is_down = true;
	cluster.latency_ms = 300;
	start = clock_mono_ms();
	crowd_run(&g, crowd, 60000);
	assert_true(clock_mono_ms() - start < 3000);
	assert_int_equal(cluster.requests, 0);
	assert_int_equal(cluster.in_flight_most, 1);
	for (i = 0; i < CROWD; i++) {
		assert_int_equal(crowd[i].mail.rc, -1);
		assert_int_equal(crowd[i].mail.e.kind, ERR_TEMP);
		assert_non_null(strstr(crowd[i].mail.e.text, "no connection"));
		mail_clear(&crowd[i].mail);
	}
	/* it comes: the next mail finds out */
	cluster.is_down = false;
	cluster.latency_ms = 1;
	crowd_run(&g, crowd, 60000);
	for (i = 0; i < CROWD; i++) {
		assert_int_equal(crowd[i].mail.rc, 0);
		mail_clear(&crowd[i].mail);
	}
	elastic_group_close(&g);
}

static void *
restart_cluster(void *unused)
{
	const struct timespec ts = { .tv_nsec = 600 * 1000000L };

	(void)nanosleep(&ts, NULL);
	pthread_mutex_lock(&cluster.lock);
	cluster.is_down = false;
	pthread_mutex_unlock(&cluster.lock);
	return unused;
}

/* A mail in hand holds on, while new ones are sent away. */
static void
a_short_outage_is_bridged(void **state)
{
	struct elastic_group g;
	struct mail m, late;
	pthread_t thread;
	int64_t start;

	(void)state;
	group_start(&g, 4, 1 << 20);
	mail_init(&m, ok3, 3, 0, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, 0);
	mail_clear(&m);

	cluster.is_down = true;
	assert_int_equal(
	    pthread_create(&thread, NULL, restart_cluster, NULL), 0);
	mail_init(&m, ok3, 3, 0, 60000);
	mail_store(&g, &m);
	assert_int_equal(m.rc, 0);
	assert_int_equal(m.job.n.stored, 2);
	mail_clear(&m);
	assert_int_equal(pthread_join(thread, NULL), 0);

	cluster.is_down = true;
	mail_init(&m, ok3, 3, 0, 300);
	mail_store(&g, &m);
	assert_int_equal(m.rc, -1);
	assert_non_null(strstr(m.e.text, "no connection"));
	mail_clear(&m);
	start = clock_mono_ms();
	mail_init(&late, ok3, 3, 0, 60000);
	mail_store(&g, &late);
	assert_int_equal(late.rc, -1);
	assert_true(clock_mono_ms() - start < 20000);
	mail_clear(&late);
	elastic_group_close(&g);
}

static void
progress_moves_the_deadline(void **state)
{
	static const char *const what[] = { "ok", "busy" };
	struct elastic_group g;
	struct mail m;
	int64_t before;
	const struct timespec ts = { .tv_nsec = 50 * 1000000L };

	(void)state;
	group_start(&g, 4, 1 << 20);
	mail_init(&m, what, 2, 0, 60000);
	before = m.d.progress_ms;
	(void)nanosleep(&ts, NULL);
	mail_store(&g, &m);
	assert_int_equal(m.rc, 0);
	assert_true(m.d.progress_ms >= before + 50);
	mail_clear(&m);
	elastic_group_close(&g);
}

int
main(void)
{
	static struct unit u;

	UNIT_ONE(&u, one_request);
	UNIT_ONE(&u, a_small_one_is_not_packed);
	UNIT_ONE(&u, to_each_its_own);
	UNIT_ONE(&u, halved_when_too_large);
	UNIT_ONE(&u, one_document_too_large);
	UNIT_ONE(&u, the_guilty_one_is_found);
	UNIT_ONE(&u, nobody_is_blamed);
	UNIT_ONE(&u, only_what_is_open_goes_again);
	UNIT_ONE(&u, blocked_for_long);
	UNIT_ROWS(&u, troubles, later_at_once);
	UNIT_ONE(&u, many_share_few_requests);
	UNIT_ONE(&u, a_full_request_leaves_the_rest_waiting);
	UNIT_ONE(&u, away_from_the_start);
	UNIT_ONE(&u, a_short_outage_is_bridged);
	UNIT_ONE(&u, progress_moves_the_deadline);
	return unit_run("elastic_bulk", &u);
}
