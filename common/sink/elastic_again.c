/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_again.c - the sources in Elasticsearch or OpenSearch seen again:
 * documents come by scroll, and those that differ go back whole, on condition
 * that nobody has changed them in between. Needs the role
 * dmarc-intake-reclassify (setup).
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/http.h"
#include "common/report/category.h"
#include "common/sink/again.h"
#include "common/sink/elastic_reply.h"

#define TIMEOUT_MS (120 * 1000)
#define REPLY_MAX ((size_t)256 << 20)
#define BODY_MAX ((size_t)256 << 20)
#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(15))
#define KEEP "5m" /* that a scroll waits for the next request */
#define BATCH_MAX 1000
#define RESULTS_MAX 100 /* of a kind, of one record */

/* A failure report may hold a whole mail: fewer at a time. */
static const struct {
	const char *base;
	unsigned batch;
} kinds[] = {
	{ "dmarc_aggregate", BATCH_MAX },
	{ "dmarc_failure", 100 },
	{ "dmarc_forensic", 100 },
};

struct work {
	const struct again *how;
	struct http *http;
	struct http_reply reply;
	struct buf body;
	struct suffix_list *suffixes;
	char *scroll; /* id; NULL: none is open */
	struct source before[BATCH_MAX], now[BATCH_MAX];
	struct err why; /* of a document that was not taken, and ends all */
	uint64_t held;  /* documents not taken now, by no fault of theirs */
	struct err held_why; /* of the first */
};

/* 0: answered with 200, and *root is the answer. */
static int
ask(struct work *w, const char *method, const char *path, const char *type,
    const char *body, size_t len, json_t **root, struct err *e)
{
	const struct http_request q = { .method = method,
		.path = path,
		.content_type = type,
		.body = body,
		.body_len = len,
		.timeout_ms = TIMEOUT_MS };
	json_error_t fault;

	if (http_request(w->http, &q, &w->reply, e) < 0)
		return -1;
	if (w->reply.status != 200) {
		(void)elastic_reply_whole(&w->reply, http_login(w->http), e);
		return err_add(e, "%s", path);
	}
	if (root == NULL)
		return 0;
	if (w->reply.is_long)
		return err_set(
		    e, ERR_TEMP, "%s: the answer is too long", w->reply.host);
	/* others write such documents: they go back as they came */
	*root = json_loadb(
	    w->reply.body.data, w->reply.body.len, JSON_ALLOW_NUL, &fault);
	if (*root == NULL)
		return err_set(e, ERR_TEMP, "%s: the answer cannot be read: %s",
		    w->reply.host, fault.text);
	return 0;
}

static int
ask_json(struct work *w, const char *path, json_t *body, json_t **root,
    struct err *e)
{
	char *text = json_dumps(body, DUMP);
	int rc = ask(
	    w, "POST", path, "application/json", text, strlen(text), root, e);

	free(text);
	json_decref(body);
	return rc;
}

/* "/{prefix}dmarc_aggregate[_{suffix}]-%2A/_search?scroll=..." */
static char *
search_path(const struct conf_index *conf, const char *base)
{
	bool has_suffix = conf->suffix != NULL && conf->suffix[0] != '\0';
	char *prefix = http_escape(conf->prefix != NULL ? conf->prefix : "");
	char *suffix = http_escape(has_suffix ? conf->suffix : "");
	char *path = xasprintf("/%s%s%s%s-%%2A/_search?scroll=" KEEP
			       "&allow_no_indices=true"
			       "&ignore_unavailable=true",
	    prefix, base, has_suffix ? "_" : "", suffix);

	free(prefix);
	free(suffix);
	return path;
}

static json_t *
query_of(const struct work *w, unsigned batch)
{
	json_t *query = w->how->only_missing
			    ? json_pack("{s:{s:{s:{s:s}}}}", "bool", "must_not",
				  "exists", "field", "source_reverse_dns")
			    : json_pack("{s:{}}", "match_all");

	return json_pack("{s:i, s:o, s:[s], s:b}", "size", (int)batch, "query",
	    query, "sort", "_doc", "seq_no_primary_term", 1);
}

static const char *
text_of(const json_t *document, const char *key)
{
	return json_string_value(json_object_get(document, key));
}

/* Text is borrowed from the document. */
static struct source
source_of(const json_t *document)
{
	const json_t *confirmed = json_object_get(
	    json_object_get(document, "intake"), "reverse_dns_confirmed");

	return (struct source){
		.ip_address = text_of(document, "source_ip_address"),
		.country = text_of(document, "source_country"),
		.reverse_dns = text_of(document, "source_reverse_dns"),
		.base_domain = text_of(document, "source_base_domain"),
		.name = text_of(document, "source_name"),
		.type = text_of(document, "source_type"),
		.asn =
		    json_integer_value(json_object_get(document, "source_asn")),
		.as_name = text_of(document, "source_as_name"),
		.as_domain = text_of(document, "source_as_domain"),
		.confirmed = json_is_true(confirmed)    ? SOURCE_YES
			     : json_is_false(confirmed) ? SOURCE_NO
							: SOURCE_UNKNOWN,
	};
}

/* A field without a value is left out. */
static void
put_text(json_t *document, const char *key, const char *text)
{
	if (text != NULL)
		(void)json_object_set_new(document, key, json_string(text));
	else
		(void)json_object_del(document, key);
}

/* Results of one kind, as far as the category asks for them. */
static size_t
results_of(const json_t *document, const char *key, struct dkim_result *to)
{
	const json_t *list = json_object_get(document, key), *item;
	size_t i, n = json_array_size(list), used = 0;

	for (i = 0; i < n && i < RESULTS_MAX; i++) {
		item = json_array_get(list, i);
		to[used] = (struct dkim_result){
			.domain = text_of(item, "domain"),
			.result = text_of(item, "result"),
		};
		used += to[used].domain != NULL && to[used].result != NULL;
	}
	return used;
}

/*
 * A record that failed: whether it is misconfigured or unknown may hang on the
 * name of its source (category.h).
 */
static void
put_category(struct work *w, json_t *document, const struct source *s)
{
	json_t *intake = json_object_get(document, "intake");
	const char *before = text_of(intake, "category");
	struct dkim_result results[2 * RESULTS_MAX];
	struct record rec = { .source = *s,
		.header_from = text_of(document, "header_from"),
		.dkim_results = results };

	if (before == NULL || rec.header_from == NULL ||
	    (strcmp(before, "misconfigured") != 0 &&
		strcmp(before, "unknown") != 0))
		return;
	rec.dkim_count = results_of(document, "dkim_results", results);
	rec.dkim_count +=
	    results_of(document, "spf_results", results + rec.dkim_count);
	(void)json_object_set_new(
	    intake, "category", json_string(category_of(&rec, w->suffixes)));
}

static void
put_source(json_t *document, const struct source *s)
{
	json_t *intake = json_object_get(document, "intake");

	put_text(document, "source_country", s->country);
	put_text(document, "source_reverse_dns", s->reverse_dns);
	put_text(document, "source_base_domain", s->base_domain);
	put_text(document, "source_name", s->name);
	put_text(document, "source_type", s->type);
	put_text(document, "source_as_name", s->as_name);
	put_text(document, "source_as_domain", s->as_domain);
	if (s->asn != 0)
		(void)json_object_set_new(
		    document, "source_asn", json_integer(s->asn));
	else
		(void)json_object_del(document, "source_asn");
	if (intake == NULL) /* parsedmarc wrote it */
		return;
	if (s->confirmed != SOURCE_UNKNOWN)
		(void)json_object_set_new(intake, "reverse_dns_confirmed",
		    json_boolean(s->confirmed == SOURCE_YES));
	else
		(void)json_object_del(intake, "reverse_dns_confirmed");
}

static int
add_line(struct work *w, json_t *value, struct err *e)
{
	char *text = json_dumps(value, DUMP);
	int rc = buf_add_text(&w->body, text, e);

	free(text);
	return rc < 0 ? -1 : buf_add(&w->body, "\n", 1, e);
}

/* One document for the bulk request: written only over what was read. */
static int
add_document(struct work *w, json_t *hit, const struct source *s, struct err *e)
{
	json_t *document = json_object_get(hit, "_source");
	json_t *action = json_pack("{s:{s:O, s:O, s:O, s:O}}", "index",
	    "_index", json_object_get(hit, "_index"), "_id",
	    json_object_get(hit, "_id"), "if_seq_no",
	    json_object_get(hit, "_seq_no"), "if_primary_term",
	    json_object_get(hit, "_primary_term"));
	int rc = -1;

	put_source(document, s);
	put_category(w, document, s);
	if (action == NULL)
		err_set(e, ERR_TEMP, "a document without _seq_no came");
	else if (add_line(w, action, e) == 0)
		rc = add_line(w, document, e);
	json_decref(action);
	return rc;
}

static void
took(void *context, size_t i, enum elastic_outcome outcome,
    const struct err *why)
{
	struct work *w = context;

	(void)i;
	if (outcome == ELASTIC_STORED || outcome == ELASTIC_DUPLICATE)
		w->how->count->changed++;
	else if (outcome != ELASTIC_RETRY)
		w->why = *why;
	else if (strstr(why->text, "409 version_conflict") != NULL)
		w->how->count->passed++;
	else if (w->held++ == 0)
		w->held_why = *why;
}

static int
send_bulk(struct work *w, size_t count, struct err *e)
{
	w->why.kind = ERR_NONE;
	if (ask(w, "POST", "/_bulk", "application/x-ndjson", w->body.data,
		w->body.len, NULL, e) < 0 ||
	    elastic_reply_items(
		&w->reply, count, http_login(w->http), took, w, e) < 0)
		return -1;
	if (w->why.kind == ERR_NONE)
		return 0;
	*e = w->why;
	return -1;
}

/* The documents of one answer: *n of them. */
static int
take_batch(struct work *w, json_t *hits, size_t *n, struct err *e)
{
	const struct again *how = w->how;
	size_t i, changed = 0;

	*n = json_array_size(hits);
	if (*n > BATCH_MAX)
		return err_set(e, ERR_TEMP, "more documents than asked for");
	for (i = 0; i < *n; i++)
		w->before[i] = w->now[i] = source_of(
		    json_object_get(json_array_get(hits, i), "_source"));
	how->classify(how->context, w->now, *n);
	buf_reset(&w->body);
	for (i = 0; i < *n; i++) {
		if (!again_differs(&w->before[i], &w->now[i]))
			continue;
		changed++;
		if (!how->is_dry &&
		    add_document(w, json_array_get(hits, i), &w->now[i], e) < 0)
			return -1;
	}
	how->count->seen += *n;
	if (how->is_dry)
		how->count->changed += changed;
	else if (changed > 0 && send_bulk(w, changed, e) < 0)
		return -1;
	how->told(how->context, how->count);
	return 0;
}

static void
end_scroll(struct work *w)
{
	json_t *body = json_pack("{s:s*}", "scroll_id", w->scroll);
	char *text = json_dumps(body, DUMP);
	struct err ignored;

	/* the server would end it by itself later */
	if (w->scroll != NULL)
		(void)ask(w, "DELETE", "/_search/scroll", "application/json",
		    text, strlen(text), NULL, &ignored);
	free(text);
	json_decref(body);
	free(w->scroll);
	w->scroll = NULL;
}

/* Shards that failed would be passed over in silence. */
static int
check_shards(const json_t *root, struct err *e)
{
	const json_t *shards = json_object_get(root, "_shards");

	if (json_is_true(json_object_get(root, "timed_out")) ||
	    json_integer_value(json_object_get(shards, "failed")) > 0)
		return err_set(
		    e, ERR_TEMP, "not every shard answered the search");
	return 0;
}

static int
take_answer(struct work *w, json_t *root, size_t *n, struct err *e)
{
	const char *scroll = text_of(root, "_scroll_id");

	free(w->scroll);
	w->scroll = scroll != NULL ? xstrdup(scroll) : NULL;
	if (check_shards(root, e) < 0)
		return -1;
	return take_batch(
	    w, json_object_get(json_object_get(root, "hits"), "hits"), n, e);
}

static int
run_kind(struct work *w, const struct conf *conf, size_t kind, struct err *e)
{
	char *path = search_path(&conf->index, kinds[kind].base);
	json_t *root = NULL;
	size_t n = 0;
	int rc = ask_json(w, path, query_of(w, kinds[kind].batch), &root, e);

	free(path);
	while (rc == 0) {
		rc = take_answer(w, root, &n, e);
		json_decref(root);
		root = NULL;
		if (rc < 0 || n == 0 || w->scroll == NULL)
			break;
		rc = ask_json(w, "/_search/scroll",
		    json_pack(
			"{s:s, s:s}", "scroll", KEEP, "scroll_id", w->scroll),
		    &root, e);
	}
	end_scroll(w);
	return rc;
}

int
elastic_again(const struct conf *conf, const struct again *how, struct err *e)
{
	struct work *w = xcalloc(1, sizeof(*w));
	size_t i;
	int rc;

	w->how = how;
	w->suffixes = suffix_list_open();
	http_reply_init(&w->reply, REPLY_MAX);
	buf_init(&w->body, BODY_MAX);
	rc = http_open(&w->http, &conf->elasticsearch, e);
	for (i = 0; rc == 0 && i < sizeof(kinds) / sizeof(*kinds); i++)
		rc = run_kind(w, conf, i, e);
	if (rc == 0 && w->held > 0)
		rc = err_set(e, ERR_TEMP,
		    "%" PRIu64 " documents were not taken, the first: %s",
		    w->held, w->held_why.text);
	if (rc < 0)
		err_add(e, "elasticsearch");
	suffix_list_close(&w->suffixes);
	http_close(&w->http);
	http_reply_clear(&w->reply);
	buf_clear(&w->body);
	free(w);
	return rc;
}
