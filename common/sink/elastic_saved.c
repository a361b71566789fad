/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_saved.c - has parsedmarc stored this report before us?
 * in: a report    out: the number of its documents without intake
 *
 * The search is the one that parsedmarc itself makes. Its phrases are looked
 * up word by word ("a.b" finds "A-B" as well), so each document found is
 * compared once more, byte by byte.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/json.h"
#include "common/sink/elastic_saved.h"

#define QUERY_MAX ((size_t)1 << 20)
#define REPLY_MAX ((size_t)64 << 20)
#define TIMEOUT_MS 20000

static void
write_phrase(struct json *j, const char *field, const char *text)
{
	json_object_begin(j);
	json_key(j, "match_phrase");
	json_object_begin(j);
	json_field(j, field, text);
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
write_query(struct json *j, const struct aggregate *a)
{
	json_object_begin(j);
	json_key(j, "bool");
	json_object_begin(j);
	json_key(j, "must");
	json_array_begin(j);
	write_phrase(j, "org_name", a->org_name);
	write_phrase(j, "report_id", a->report_id);
	write_phrase(j, "published_policy.domain", a->policy.domain);
	write_bound(j, "date_begin", "gte", a->begin);
	write_bound(j, "date_end", "lte", a->end);
	json_array_end(j);
	json_key(j, "must_not");
	json_object_begin(j);
	json_key(j, "exists");
	json_object_begin(j);
	json_field(j, "field", "intake.position");
	json_object_end(j);
	json_object_end(j);
	json_object_end(j);
	json_object_end(j);
}

static int
make_body(const struct aggregate *a, struct buf *out, struct err *e)
{
	struct json j;

	json_begin(&j, out);
	json_object_begin(&j);
	json_field_int(&j, "size", ELASTIC_HITS_MAX);
	json_field_bool(&j, "track_total_hits", true);
	json_key(&j, "_source");
	json_array_begin(&j);
	json_text(&j, "org_name");
	json_text(&j, "report_id");
	json_text(&j, "published_policy.domain");
	json_array_end(&j);
	json_key(&j, "query");
	write_query(&j, a);
	json_object_end(&j);
	return json_end(&j, e);
}

/* All indexes of aggregate reports, whatever their dates. */
static char *
search_path(const struct conf_index *conf)
{
	bool has_suffix = conf->suffix != NULL && conf->suffix[0] != '\0';
	char *prefix = http_escape(conf->prefix != NULL ? conf->prefix : "");
	char *suffix = http_escape(has_suffix ? conf->suffix : "");
	char *path = xasprintf("/%sdmarc_aggregate%s%s%%2A/_search"
			       "?allow_no_indices=true"
			       "&filter_path=timed_out%%2C_shards.failed%%2C"
			       "hits.total.value%%2Chits.hits._source"
			       "&ignore_unavailable=true",
	    prefix, has_suffix ? "_" : "", suffix);

	free(prefix);
	free(suffix);
	return path;
}

int
elastic_saved_count(struct elastic_group *g, const struct conf *conf,
    const struct report *r, uint64_t *count, struct err *e)
{
	const struct aggregate *a = &r->aggregate;
	/* a name that is missing is none that parsedmarc could have stored */
	const struct elastic_report want = { a->org_name, a->report_id,
		a->policy.domain };
	struct http_request q = { .method = "POST",
		.content_type = "application/json",
		.timeout_ms = TIMEOUT_MS };
	char *path = search_path(&conf->index);
	struct http_reply reply;
	struct buf body;
	int rc = -1;

	buf_init(&body, QUERY_MAX);
	http_reply_init(&reply, REPLY_MAX);
	if (r->kind != REPORT_AGGREGATE || want.org_name == NULL ||
	    want.report_id == NULL || want.domain == NULL) {
		*count = 0;
		rc = 0;
		goto out;
	}
	if (make_body(a, &body, e) < 0)
		goto out;
	q.path = path;
	q.body = body.data;
	q.body_len = body.len;
	if (elastic_group_ask(g, &q, &reply, e) == 0)
		rc = elastic_reply_count(
		    &reply, &want, http_login(g->http), count, e);
out:
	if (rc < 0)
		err_add(e, "skip_saved_by_parsedmarc");
	http_reply_clear(&reply);
	buf_clear(&body);
	free(path);
	return rc;
}
