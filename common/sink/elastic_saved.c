/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_saved.c - has parsedmarc stored this report before us?
 * in: a report    out: the number of its documents without intake
 *
 * The search is the one that parsedmarc itself makes, but for failure reports:
 * it takes those of one second with the same From, To and Subject for one,
 * which two mails of a burst of spam have in common; here the Message-ID of
 * the reported mail must be the same. Phrases are looked up word by word
 * ("a.b" finds "A-B" as well), so each document found is compared once more,
 * byte by byte.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/json.h"
#include "common/sink/elastic_saved.h"

#define QUERY_MAX ((size_t)1 << 20)
#define REPLY_MAX ((size_t)64 << 20)
#define TIMEOUT_MS 20000
#define MATCHES_MAX 3

/* What tells a report among others, as the documents have it. */
struct wanted {
	const char *base; /* of the index names */
	struct elastic_match matches[MATCHES_MAX];
	size_t match_count;
	size_t phrase_count; /* the first ones are searched for */
	const char *begin_field, *end_field;
	int64_t begin, end;
};

static void
want_text(struct wanted *w, const char *path, const char *text)
{
	w->matches[w->match_count++] = (struct elastic_match){ path, text };
}

static void
want_aggregate(struct wanted *w, const struct aggregate *a)
{
	w->base = "dmarc_aggregate";
	want_text(w, "org_name", a->org_name);
	want_text(w, "report_id", a->report_id);
	want_text(w, "published_policy.domain", a->policy.domain);
	w->phrase_count = w->match_count;
	w->begin_field = "date_begin";
	w->end_field = "date_end";
	w->begin = a->begin;
	w->end = a->end;
}

static void
want_tls(struct wanted *w, const struct tls_report *t)
{
	w->base = "smtp_tls";
	want_text(w, "org_name", t->org_name);
	want_text(w, "report_id", t->report_id);
	w->phrase_count = w->match_count;
	w->begin_field = "date_begin";
	w->end_field = "date_end";
	w->begin = t->begin;
	w->end = t->end;
}

static const char *
message_id_of(const struct sample *s)
{
	size_t i;

	for (i = 0; i < s->header_count; i++)
		if (strcasecmp(s->headers[i].name, "message-id") == 0)
			return s->headers[i].value;
	return NULL;
}

static void
want_failure(struct wanted *w, const struct failure *f)
{
	w->base = "dmarc_failure";
	want_text(w, "domain", f->domain);
	w->phrase_count = w->match_count;
	want_text(w, "sample.headers.message-id", message_id_of(&f->sample));
	w->begin_field = w->end_field = "arrival_date";
	w->begin = w->end = f->arrival_date;
}

/* False: a name is missing, so it is none that could be told from others. */
static bool
want_report(struct wanted *w, const struct report *r)
{
	size_t i;

	memset(w, 0, sizeof(*w));
	switch (r->kind) {
	case REPORT_FAILURE:
		want_failure(w, &r->failure);
		break;
	case REPORT_TLS:
		want_tls(w, &r->tls);
		break;
	default:
		want_aggregate(w, &r->aggregate);
		break;
	}
	for (i = 0; i < w->match_count; i++)
		if (w->matches[i].text == NULL)
			return false;
	return w->begin != INT64_MIN;
}

static void
write_phrase(struct json *j, const struct elastic_match *m)
{
	json_object_begin(j);
	json_key(j, "match_phrase");
	json_object_begin(j);
	json_field(j, m->path, m->text);
	json_object_end(j);
	json_object_end(j);
}

static void
write_bound(struct json *j, const char *field, const char *than, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	clock_iso(at, text);
	json_object_begin(j);
	json_key(j, "range");
	json_object_begin(j);
	json_key(j, field);
	json_object_begin(j);
	json_field(j, than, text);
	json_object_end(j);
	json_object_end(j);
	json_object_end(j);
}

static void
write_query(struct json *j, const struct wanted *w)
{
	size_t i;

	json_object_begin(j);
	json_key(j, "bool");
	json_object_begin(j);
	json_key(j, "must");
	json_array_begin(j);
	for (i = 0; i < w->phrase_count; i++)
		write_phrase(j, &w->matches[i]);
	write_bound(j, w->begin_field, "gte", w->begin);
	write_bound(j, w->end_field, "lte", w->end);
	json_array_end(j);
	json_key(j, "must_not");
	json_object_begin(j);
	json_key(j, "exists");
	json_object_begin(j);
	json_field(j, "field", "intake.transport");
	json_object_end(j);
	json_object_end(j);
	json_object_end(j);
	json_object_end(j);
}

static int
make_body(const struct wanted *w, struct buf *out, struct err *e)
{
	struct json j;
	size_t i;

	json_begin(&j, out);
	json_object_begin(&j);
	json_field_int(&j, "size", ELASTIC_HITS_MAX);
	json_field_bool(&j, "track_total_hits", true);
	json_key(&j, "_source");
	json_array_begin(&j);
	for (i = 0; i < w->match_count; i++)
		json_text(&j, w->matches[i].path);
	json_array_end(&j);
	json_key(&j, "query");
	write_query(&j, w);
	json_object_end(&j);
	return json_end(&j, e);
}

/* All indexes of this kind of report, whatever their dates. */
static char *
search_path(const struct conf_index *conf, const char *base)
{
	bool has_suffix = conf->suffix != NULL && conf->suffix[0] != '\0';
	char *prefix = http_escape(conf->prefix != NULL ? conf->prefix : "");
	char *suffix = http_escape(has_suffix ? conf->suffix : "");
	char *path = xasprintf("/%s%s%s%s%%2A/_search"
			       "?allow_no_indices=true"
			       "&filter_path=timed_out%%2C_shards.failed%%2C"
			       "hits.total.value%%2Chits.hits._source"
			       "&ignore_unavailable=true",
	    prefix, base, has_suffix ? "_" : "", suffix);

	free(prefix);
	free(suffix);
	return path;
}

int
elastic_saved_count(struct elastic_group *g, const struct conf *conf,
    const struct report *r, uint64_t *count, struct err *e)
{
	struct http_request q = { .method = "POST",
		.content_type = "application/json",
		.timeout_ms = TIMEOUT_MS };
	struct http_reply reply;
	struct wanted wanted;
	struct buf body;
	char *path;
	int rc;

	if (!want_report(&wanted, r)) {
		*count = 0;
		return 0;
	}
	path = search_path(&conf->index, wanted.base);
	buf_init(&body, QUERY_MAX);
	http_reply_init(&reply, REPLY_MAX);
	rc = make_body(&wanted, &body, e);
	q.path = path;
	q.body = body.data;
	q.body_len = body.len;
	if (rc == 0)
		rc = elastic_group_ask(g, &q, &reply, e);
	if (rc == 0)
		rc = elastic_reply_count(&reply, wanted.matches,
		    wanted.match_count, http_login(g->http), count, e);
	if (rc < 0)
		err_add(e, "skip_saved_by_parsedmarc");
	http_reply_clear(&reply);
	buf_clear(&body);
	free(path);
	return rc;
}
