/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_reply.c - what the answers of Elasticsearch and OpenSearch mean.
 * in: status and JSON    out: an outcome for each document
 *
 * Only what is certainly about the document itself is refused: a mail that
 * is held a day too long is found again, one that was put aside by mistake
 * perhaps never.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <limits.h>

#include "common/sink/elastic_reply.h"

#define ELASTICSEARCH_LEAST 7 /* 6 wants a type in each action */

/*
 * First match decides. An empty type or reason matches all; a reason matches
 * a part of the server's.
 */
static const struct rule {
	int from, to; /* status */
	const char *type, *reason;
	enum elastic_outcome outcome;
	const char *advice; /* NULL: the server's words say it */
} rules[] = {
	{ 201, 201, "", "", ELASTIC_STORED, NULL },
	{ 200, 200, "", "", ELASTIC_DUPLICATE, NULL },
	/* disk watermark, read-only, write block, no master */
	{ 0, 599, "cluster_block_exception", "", ELASTIC_RETRY,
	    "the index is blocked: look at its settings and the disks" },
	{ 429, 429, "", "", ELASTIC_RETRY, NULL },
	{ 408, 409, "", "", ELASTIC_RETRY, NULL },
	{ 500, 599, "", "", ELASTIC_RETRY, NULL },
	{ 400, 400, "mapper_parsing_exception", "", ELASTIC_REFUSED, NULL },
	{ 400, 400, "document_parsing_exception", "", ELASTIC_REFUSED, NULL },
	{ 400, 400, "strict_dynamic_mapping_exception", "", ELASTIC_REFUSED,
	    NULL },
	{ 400, 400, "max_bytes_length_exceeded_exception", "", ELASTIC_REFUSED,
	    NULL },
	{ 400, 400, "illegal_argument_exception", "Limit of total fields",
	    ELASTIC_REFUSED, NULL },
	{ 400, 400, "illegal_argument_exception", "immense term",
	    ELASTIC_REFUSED, NULL },
	{ 400, 400, "illegal_argument_exception", "max_bytes_length_exceeded",
	    ELASTIC_REFUSED, NULL },
	{ 401, 401, "", "", ELASTIC_LATER, "wrong credentials" },
	{ 403, 403, "", "", ELASTIC_LATER,
	    "not allowed: the user lacks the role that 'dmarc-intake setup "
	    "elasticsearch' makes" },
	{ 404, 404, "index_not_found_exception", "", ELASTIC_LATER,
	    "the index is missing, and action.auto_create_index does not "
	    "let us make it" },
	{ 404, 404, "", "", ELASTIC_LATER,
	    "there is no Elasticsearch or OpenSearch at this address: look "
	    "at the path in hosts" },
	{ 400, 400, "index_closed_exception", "", ELASTIC_LATER,
	    "the index is closed: open it" },
	/* "[1000]/[1000] maximum normal shards open", and other words */
	{ 400, 400, "validation_exception", " shards open", ELASTIC_LATER,
	    "the cluster is at its limit of shards: delete old indexes or "
	    "raise cluster.max_shards_per_node" },
	{ 0, 999, "", "", ELASTIC_LATER, NULL },
};

static const struct rule *
rule_of(const struct elastic_error *error)
{
	const struct rule *r = rules;

	while (error->status < r->from || error->status > r->to ||
	       (*r->type != '\0' && strcmp(r->type, error->type) != 0) ||
	       strstr(error->reason, r->reason) == NULL)
		if (++r == rules + sizeof(rules) / sizeof(*rules) - 1)
			break;
	return r;
}

enum elastic_outcome
elastic_classify(const struct elastic_error *error)
{
	return rule_of(error)->outcome;
}

/* Jackson's errors go on with the document itself, which is no log's business.
 */
static int
reason_length(const char *reason)
{
	const char *end = strstr(reason, " at [Source");
	size_t len = end != NULL ? (size_t)(end - reason) : strlen(reason);

	while (len > 0 && strchr(" \t\r\n", reason[len - 1]) != NULL)
		len--;
	return (int)(len < INT_MAX ? len : INT_MAX);
}

int
elastic_explain(
    const struct elastic_error *error, const char *login, struct err *e)
{
	const struct rule *r = rule_of(error);
	const char *advice = r->advice != NULL ? r->advice : "";
	bool is_about_us =
	    (error->status == 401 || error->status == 403) && *r->type == '\0';

	return err_set(e,
	    r->outcome == ELASTIC_REFUSED ? ERR_REFUSED : ERR_TEMP,
	    "%s%s%s%s%d %s%s%.*s", advice, is_about_us ? " of " : "",
	    is_about_us ? login : "", *advice != '\0' ? ": " : "",
	    error->status, error->type, *error->reason != '\0' ? ": " : "",
	    reason_length(error->reason), error->reason);
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

/* The error of an item, {"type":...,"reason":...}; some send a bare text. */
static struct elastic_error
error_of(int status, const json_t *error)
{
	const char *text = json_string_value(error);

	if (text != NULL)
		return (struct elastic_error){ status, "", text };
	return (struct elastic_error){ status, text_of(error, "type"),
		text_of(error, "reason") };
}

/* {"index":{"status":201}}: -1 when it is not like that. */
static int
read_item(const json_t *item, struct elastic_error *error)
{
	const json_t *inner = json_object_get(item, "index");
	const json_t *status = json_object_get(inner, "status");
	const json_t *fault = json_object_get(inner, "error");
	json_int_t n = json_integer_value(status);

	if (!json_is_integer(status) || n < 200 || n > 599)
		return -1;
	*error = error_of((int)n, fault);
	/* a document is there, or there is an error: one of the two */
	if ((fault == NULL) != (n < 300))
		return -1;
	return 0;
}

static int
malformed(const struct http_reply *r, const char *what, struct err *e)
{
	return err_set(e, ERR_TEMP, "%s: the answer %s", r->host, what);
}

static json_t *
load(const struct http_reply *r, struct err *e)
{
	json_error_t trouble;
	json_t *root = NULL;

	if (r->is_long)
		malformed(r, "is too long", e);
	else if ((root = json_loadb(r->body.len > 0 ? r->body.data : "",
		      r->body.len, 0, &trouble)) == NULL)
		malformed(r, "is no JSON, or cut short", e);
	return root;
}

static int
check_items(const struct http_reply *r, const json_t *items, size_t count,
    struct err *e)
{
	struct elastic_error error;
	size_t i;

	if (!json_is_array(items))
		return malformed(r, "has no items", e);
	if (json_array_size(items) != count)
		return err_set(e, ERR_TEMP,
		    "%s: the answer is about %zu documents, not about %zu",
		    r->host, json_array_size(items), count);
	for (i = 0; i < count; i++)
		if (read_item(json_array_get(items, i), &error) < 0)
			return malformed(r, "has an item like no other", e);
	return 0;
}

int
elastic_reply_items(const struct http_reply *r, size_t count, const char *login,
    elastic_item_fn *item, void *context, struct err *e)
{
	json_t *root = load(r, e);
	const json_t *items = json_object_get(root, "items");
	struct elastic_error error;
	enum elastic_outcome outcome;
	struct err why;
	size_t i;
	int rc = -1;

	if (root == NULL || check_items(r, items, count, e) < 0)
		goto out;
	for (i = 0; i < count; i++) {
		(void)read_item(json_array_get(items, i), &error);
		outcome = elastic_classify(&error);
		if (outcome == ELASTIC_STORED || outcome == ELASTIC_DUPLICATE) {
			item(context, i, outcome, NULL);
			continue;
		}
		elastic_explain(&error, login, &why);
		item(context, i, outcome, &why);
	}
	rc = 0;
out:
	json_decref(root);
	return rc;
}

/* Not JSON: a proxy, or OpenSearch's security plugin. Its first line. */
static struct elastic_error
error_of_text(const struct http_reply *r, char *line, size_t size)
{
	const char *text = r->body.len > 0 ? r->body.data : "";

	(void)snprintf(line, size, "%.*s", (int)strcspn(text, "\r\n"), text);
	return (struct elastic_error){ r->status, "", line };
}

/* Calls then() with the error that the body holds. */
static void
with_error(const struct http_reply *r,
    void (*then)(const struct elastic_error *error, void *context),
    void *context)
{
	struct err ignored;
	char line[200];
	json_t *root = load(r, &ignored);
	const json_t *fault = json_object_get(root, "error");
	struct elastic_error error;

	if (fault != NULL)
		error = error_of(r->status, fault);
	else
		error = error_of_text(r, line, sizeof(line));
	then(&error, context);
	json_decref(root);
}

struct whole {
	const struct http_reply *reply;
	const char *login;
	enum elastic_outcome outcome;
	struct err *e;
};

static void
judge_whole(const struct elastic_error *error, void *context)
{
	struct whole *w = context;

	w->outcome = elastic_classify(error);
	elastic_explain(error, w->login, w->e);
	w->e->kind = ERR_TEMP;
	err_add(w->e, "%s", w->reply->host);
	/* about one of the documents, who knows which */
	if (error->status == 400 || error->status == 413)
		w->outcome = ELASTIC_SPLIT;
	else if (w->outcome != ELASTIC_RETRY)
		w->outcome = ELASTIC_LATER;
}

enum elastic_outcome
elastic_reply_whole(
    const struct http_reply *r, const char *login, struct err *e)
{
	struct whole w = { .reply = r, .login = login, .e = e };

	with_error(r, judge_whole, &w);
	return w.outcome;
}

static void
judge_document(const struct elastic_error *error, void *context)
{
	*(bool *)context = elastic_classify(error) == ELASTIC_REFUSED;
}

bool
elastic_reply_blames_document(const struct http_reply *r)
{
	bool does = false;

	with_error(r, judge_document, &does);
	return does;
}

static int
read_version(const struct http_reply *r, const json_t *version,
    char name[ELASTIC_NAME_SIZE], struct err *e)
{
	const char *number = text_of(version, "number");
	bool is_opensearch =
	    strcmp(text_of(version, "distribution"), "opensearch") == 0;

	if (*number == '\0')
		return 0;
	(void)snprintf(name, ELASTIC_NAME_SIZE, "%s %s",
	    is_opensearch ? "OpenSearch" : "Elasticsearch", number);
	if (!is_opensearch && strtol(number, NULL, 10) < ELASTICSEARCH_LEAST)
		return err_set(e, ERR_TEMP, "%s: %s is too old: %d or later",
		    r->host, name, ELASTICSEARCH_LEAST);
	return 0;
}

int
elastic_reply_server(const struct http_reply *r, const char *login,
    char name[ELASTIC_NAME_SIZE], struct err *e)
{
	struct err ignored;
	json_t *root;
	int rc;

	name[0] = '\0';
	/* asking may be forbidden, or not known, where writing is allowed */
	if (r->status == 403 || r->status == 404 || r->status == 405 ||
	    r->status == 429)
		return 0;
	if (r->status != 200) {
		(void)elastic_reply_whole(r, login, e);
		return -1;
	}
	if ((root = load(r, &ignored)) == NULL)
		return malformed(
		    r, "is not that of Elasticsearch or OpenSearch", e);
	rc = read_version(r, json_object_get(root, "version"), name, e);
	json_decref(root);
	return rc;
}

/* The text at a path of objects; "" where there is none. */
static const char *
text_at(const json_t *source, const char *path)
{
	char key[64];
	const char *dot;

	while ((dot = strchr(path, '.')) != NULL) {
		(void)snprintf(
		    key, sizeof(key), "%.*s", (int)(dot - path), path);
		source = json_object_get(source, key);
		path = dot + 1;
	}
	return text_of(source, path);
}

static bool
is_match(
    const json_t *source, const struct elastic_match *matches, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(text_at(source, matches[i].path), matches[i].text) !=
		    0)
			return false;
	return true;
}

static uint64_t
count_hits(const json_t *found, const struct elastic_match *matches,
    size_t match_count)
{
	const json_t *hits = json_object_get(found, "hits"), *hit;
	json_int_t total = json_integer_value(
	    json_object_get(json_object_get(found, "total"), "value"));
	size_t shown = json_array_size(hits), i;
	uint64_t count = 0;

	for (i = 0; i < shown; i++) {
		hit = json_array_get(hits, i);
		count += is_match(
		    json_object_get(hit, "_source"), matches, match_count);
	}
	if (shown == ELASTIC_HITS_MAX && (uint64_t)total > shown)
		count += (uint64_t)total - shown;
	return count;
}

int
elastic_reply_count(const struct http_reply *r,
    const struct elastic_match *matches, size_t match_count, const char *login,
    uint64_t *count, struct err *e)
{
	const json_t *shards;
	json_t *root;
	int rc = -1;

	if (r->status != 200) {
		(void)elastic_reply_whole(r, login, e);
		return -1;
	}
	if ((root = load(r, e)) == NULL)
		return -1;
	shards = json_object_get(root, "_shards");
	if (!json_is_false(json_object_get(root, "timed_out")) ||
	    !json_is_integer(json_object_get(shards, "failed")) ||
	    json_integer_value(json_object_get(shards, "failed")) != 0) {
		malformed(r, "is not about all shards", e);
	} else {
		*count = count_hits(
		    json_object_get(root, "hits"), matches, match_count);
		rc = 0;
	}
	json_decref(root);
	return rc;
}
