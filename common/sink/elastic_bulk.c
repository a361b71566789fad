/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_bulk.c - documents of several mails in one bulk request.
 * in: pieces    out: requests (http.c); an outcome for each record
 *
 * What is too large for the server is halved. A request that is answered 400
 * as a whole is halved as well, until the guilty document is alone; it is
 * blamed only when the server took others, since a 400 may also mean that
 * the server takes nothing from us.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/sink/elastic_body.h"
#include "common/sink/elastic_bulk.h"
#include "common/sink/elastic_reply.h"

#define LEAST_MS 1000   /* a shorter time-out would only look like trouble */
#define GZIP_LEAST 2048 /* bytes worth packing */
#define REPLY_BASE ((size_t)1 << 20)      /* a reason may quote a whole value */
#define REPLY_ITEM ((size_t)2 << 10)      /* an error with its reason */
#define DOCUMENT_LARGE ((size_t)64 << 10) /* may be too large by itself */
#define RANGES_MAX 128
#define REQUESTS_MAX 2000
#define REQUESTS_UNHEARD_MAX 40 /* none of them taken: it is not the mails */

/* Sorted and escaped, as a signature (AWS) wants it. */
static const char path_format[] =
    "/_bulk?filter_path=errors%%2Citems.%%2A.status%%2C"
    "items.%%2A.error.type%%2Citems.%%2A.error.reason&timeout=%llds";

struct item {
	struct elastic_job *job;
	size_t record;
	bool is_suspect; /* alone, and answered 400 */
};

struct range {
	size_t from, to;
};

struct sending {
	const struct elastic_bulk *bulk;
	struct elastic_result *result;
	struct item *item;
	size_t count;
	struct range todo[RANGES_MAX]; /* a stack */
	size_t todo_count;
	struct elastic_body body;
	struct http_reply reply;
	size_t at; /* first item of the request in hand */
	size_t requests;
	size_t size_max;
	bool is_heard;        /* a request was taken, document by document */
	struct err suspicion; /* what the last suspect was told */
	bool is_stopped;      /* nothing more is sent: *why */
	bool is_lasting;
	struct err why;
};

void
elastic_bulk_init(struct elastic_bulk *b, struct http *http, int64_t timeout_s)
{
	/* the server gives up first, and then says what it was */
	long long theirs = timeout_s > 3 ? timeout_s * 2 / 3 : 1;

	b->http = http;
	b->timeout_ms = timeout_s * 1000;
	(void)snprintf(b->path, sizeof(b->path), path_format, theirs);
}

static size_t
item_size(const struct item *it)
{
	size_t len;

	(void)elastic_piece_record(it->job->piece, it->record, &len);
	return len;
}

static size_t
range_size(const struct sending *s, size_t from, size_t to)
{
	size_t i, size = 0;

	for (i = from; i < to; i++)
		size += item_size(&s->item[i]);
	return size;
}

/* Every open record of the batch, in its order. */
static void
gather(struct sending *s, struct elastic_job *batch)
{
	struct elastic_job *job;
	size_t i;

	for (job = batch; job != NULL; job = job->next)
		s->count += job->open;
	s->item = xcalloc(s->count, sizeof(*s->item));
	s->count = 0;
	for (job = batch; job != NULL; job = job->next)
		for (i = 0; i < job->piece->count; i++)
			if (!job->settled[i])
				s->item[s->count++] =
				    (struct item){ job, i, false };
}

static void
settle(struct item *it)
{
	it->job->settled[it->record] = 1;
	it->job->open--;
}

/* What this record waits for. */
static void
postpone(struct item *it, const struct err *why, bool is_lasting)
{
	elastic_job_fail(it->job, why, is_lasting);
}

static void
refuse(struct item *it, const struct err *why)
{
	struct elastic_job *job = it->job;

	if (job->refused_count++ == 0) {
		job->refused = *why;
		job->refused.kind = ERR_REFUSED;
	}
	job->is_acknowledged = true;
	settle(it);
}

static void
take_item(void *context, size_t i, enum elastic_outcome outcome,
    const struct err *why)
{
	struct sending *s = context;
	struct item *it = &s->item[s->at + i];

	switch (outcome) {
	case ELASTIC_STORED:
	case ELASTIC_DUPLICATE:
		if (outcome == ELASTIC_STORED)
			it->job->n.stored++;
		else
			it->job->n.duplicate++;
		it->job->is_acknowledged = true;
		s->result->is_acknowledged = true;
		settle(it);
		break;
	case ELASTIC_REFUSED:
		refuse(it, why);
		break;
	case ELASTIC_RETRY:
		postpone(it, why, false);
		break;
	default:
		postpone(it, why, true);
		break;
	}
}

static void
postpone_range(struct sending *s, const struct range *r, const struct err *why,
    bool is_lasting)
{
	size_t i;

	for (i = r->from; i < r->to; i++)
		postpone(&s->item[i], why, is_lasting);
}

/* Nothing more is sent for this batch. */
static void
stop(struct sending *s, const struct err *why, bool is_lasting)
{
	s->is_stopped = true;
	s->is_lasting = is_lasting;
	s->why = *why;
}

/* The lines of the items. */
static int
make_body(struct sending *s, const struct range *r, bool is_gzip, struct err *e)
{
	const char *lines;
	size_t i, len;

	if (elastic_body_begin(&s->body, is_gzip, e) < 0)
		return -1;
	for (i = r->from; i < r->to; i++) {
		lines = elastic_piece_record(
		    s->item[i].job->piece, s->item[i].record, &len);
		/* neighbours go as one */
		while (i + 1 < r->to && s->item[i + 1].job == s->item[i].job &&
		       s->item[i + 1].record == s->item[i].record + 1)
			len += item_size(&s->item[++i]);
		if (elastic_body_add(&s->body, lines, len, e) < 0)
			return -1;
	}
	return elastic_body_end(&s->body, e);
}

/* How long this batch may wait: as long as its most patient mail. */
static int64_t
time_left(const struct sending *s)
{
	int64_t left = 0, one;
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (i > 0 && s->item[i].job == s->item[i - 1].job)
			continue;
		one = deadline_left_ms(
		    s->item[i].job->deadline, s->bulk->timeout_ms);
		if (one > left)
			left = one;
	}
	return left;
}

static int
ask(struct sending *s, const struct range *r, struct err *e)
{
	size_t size = range_size(s, r->from, r->to);
	struct http_request q = { .method = "POST",
		.path = s->bulk->path,
		.content_type = "application/x-ndjson",
		.is_gzip = size >= GZIP_LEAST,
		.timeout_ms = time_left(s) };

	if (q.timeout_ms < LEAST_MS)
		q.timeout_ms = LEAST_MS;
	if (make_body(s, r, q.is_gzip, e) < 0)
		return -1;
	q.body = s->body.bytes.data;
	q.body_len = s->body.bytes.len;
	s->reply.body.max = REPLY_BASE + (r->to - r->from) * REPLY_ITEM;
	s->requests++;
	return http_request(s->bulk->http, &q, &s->reply, e);
}

static void
push(struct sending *s, size_t from, size_t to)
{
	s->todo[s->todo_count++] = (struct range){ from, to };
}

/* One document, and still not taken: is it the document? */
static void
suspect(struct sending *s, const struct range *r, const struct err *why)
{
	struct item *it = &s->item[r->from];
	bool is_large = s->reply.status == 413;

	if (is_large ? item_size(it) >= DOCUMENT_LARGE
		     : elastic_reply_blames_document(&s->reply)) {
		refuse(it, why);
	} else if (is_large) {
		postpone(it, why, true);
	} else {
		it->is_suspect = true;
		s->suspicion = *why;
	}
}

static void
split(struct sending *s, const struct range *r, const struct err *why)
{
	size_t middle = r->from + (r->to - r->from) / 2;

	if (s->reply.status == 413 && r->to - r->from > 1)
		s->result->too_large = range_size(s, r->from, r->to);
	if (r->to - r->from == 1)
		suspect(s, r, why);
	else if (s->todo_count + 2 > RANGES_MAX)
		postpone_range(s, r, why, false);
	else {
		push(s, middle, r->to);
		push(s, r->from, middle); /* the next one */
	}
}

static void
take_items(struct sending *s, const struct range *r)
{
	struct err why = { 0 };

	s->at = r->from;
	if (s->reply.is_long && r->to - r->from > 1) {
		err_set(&why, ERR_TEMP, "%s: the answer is too long",
		    s->reply.host);
		split(s, r, &why);
	} else if (elastic_reply_items(&s->reply, r->to - r->from,
		       http_login(s->bulk->http), take_item, s, &why) < 0) {
		postpone_range(s, r, &why, true);
	} else {
		s->is_heard = true;
	}
}

/* An answer to the request as a whole: it was not taken. */
static void
take_whole(struct sending *s, const struct range *r)
{
	struct err why = { 0 };

	switch (
	    elastic_reply_whole(&s->reply, http_login(s->bulk->http), &why)) {
	case ELASTIC_SPLIT:
		split(s, r, &why);
		return;
	case ELASTIC_RETRY:
		if (s->reply.status == 429)
			s->result->too_much = range_size(s, r->from, r->to);
		stop(s, &why, false);
		break;
	default:
		s->result->is_away = true;
		stop(s, &why, true);
		break;
	}
	postpone_range(s, r, &why, s->is_lasting);
}

/* Send one range and see to what comes of it. */
static void
send_range(struct sending *s, const struct range *r)
{
	struct err why = { 0 };

	if (time_left(s) == 0) {
		err_set(&why, ERR_TEMP, "out of time");
		stop(s, &why, false);
	} else if (ask(s, r, &why) < 0) {
		s->result->is_away = true;
		stop(s, &why, s->reply.is_lasting);
	} else if (s->reply.status == 200) {
		take_items(s, r);
		return;
	} else {
		take_whole(s, r);
		return;
	}
	postpone_range(s, r, &why, s->is_lasting);
}

/* The server took others, so what it did not take is to blame. */
static void
judge_suspects(struct sending *s)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (!s->item[i].is_suspect)
			continue;
		if (s->is_heard)
			refuse(&s->item[i], &s->suspicion);
		else
			postpone(&s->item[i], &s->suspicion, true);
	}
}

/* The next request, as long as it may be. Returns where it ends. */
static size_t
cut(struct sending *s, size_t from)
{
	size_t to = from, size = 0;

	do
		size += item_size(&s->item[to++]);
	while (to < s->count && size + item_size(&s->item[to]) <= s->size_max);
	push(s, from, to);
	return to;
}

/* So many requests for documents that are refused one by one? */
static bool
is_enough(const struct sending *s)
{
	return s->requests >= REQUESTS_MAX ||
	       (s->requests >= REQUESTS_UNHEARD_MAX && !s->is_heard);
}

static void
send_all(struct sending *s)
{
	struct range r, rest;
	size_t at = 0;

	while (!s->is_stopped && (at < s->count || s->todo_count > 0)) {
		if (s->todo_count == 0)
			at = cut(s, at);
		r = s->todo[--s->todo_count];
		send_range(s, &r);
		if (is_enough(s) && s->suspicion.kind != ERR_NONE)
			stop(s, &s->suspicion, true);
	}
	/* what was not sent has the same reason */
	while (s->todo_count > 0)
		postpone_range(
		    s, &s->todo[--s->todo_count], &s->why, s->is_lasting);
	rest = (struct range){ at, s->count };
	postpone_range(s, &rest, &s->why, s->is_lasting);
}

void
elastic_bulk_send(const struct elastic_bulk *b, struct elastic_job *batch,
    size_t size_max, struct elastic_result *result)
{
	struct sending s = {
		.bulk = b, .result = result, .size_max = size_max
	};

	*result = (struct elastic_result){ 0 };
	gather(&s, batch);
	elastic_body_init(&s.body);
	http_reply_init(&s.reply, REPLY_BASE);
	send_all(&s);
	judge_suspects(&s);
	if (result->is_away) {
		result->is_lasting = s.is_lasting;
		result->why = s.why;
	}
	http_reply_clear(&s.reply);
	elastic_body_clear(&s.body);
	free(s.item);
}
