/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_elastic_reply.c - what the answers of the servers mean. The texts are
 * those of OpenSearch 3.6 and Elasticsearch 8.19, shortened.
 */
#include <stdio.h>
#include <string.h>

#include "common/sink/elastic_reply.h"
#include "tests/unit/unit.h"

struct row {
	const char *name;
	int status;
	const char *type, *reason;
	enum elastic_outcome outcome;
	const char *advice; /* a part of the sentence for the operator */
};

static const struct row rows[] = {
	{ "created", 201, "", "", ELASTIC_STORED, NULL },
	{ "updated", 200, "", "", ELASTIC_DUPLICATE, NULL },
	{ "OpenSearch: a value does not fit", 400, "mapper_parsing_exception",
	    "failed to parse field [a] of type [long] in document with id '1'. "
	    "Preview of field's value: 'x'",
	    ELASTIC_REFUSED, "field [a]" },
	{ "OpenSearch: no JSON", 400, "mapper_parsing_exception",
	    "failed to parse", ELASTIC_REFUSED, NULL },
	{ "Elasticsearch: a value does not fit", 400,
	    "document_parsing_exception",
	    "[1:7] failed to parse field [a] of type [long]", ELASTIC_REFUSED,
	    NULL },
	{ "strict mapping", 400, "strict_dynamic_mapping_exception",
	    "mapping set to strict, dynamic introduction of [b] within [_doc] "
	    "is not allowed",
	    ELASTIC_REFUSED, NULL },
	{ "OpenSearch: total fields", 400, "illegal_argument_exception",
	    "Limit of total fields [2] has been exceeded", ELASTIC_REFUSED,
	    NULL },
	{ "Elasticsearch: total fields", 400, "document_parsing_exception",
	    "[1:23] failed to parse: Limit of total fields [2] has been "
	    "exceeded while adding new fields [3]",
	    ELASTIC_REFUSED, NULL },
	{ "immense term", 400, "illegal_argument_exception",
	    "Document contains at least one immense term in field=\"k\" (whose "
	    "UTF8 encoding is longer than the max length 32766)",
	    ELASTIC_REFUSED, "immense term" },
	{ "immense term, its own type", 400,
	    "max_bytes_length_exceeded_exception", "bytes can be at most 32766",
	    ELASTIC_REFUSED, NULL },
	{ "immense term, in the reason", 400, "illegal_argument_exception",
	    "max_bytes_length_exceeded_exception: x", ELASTIC_REFUSED, NULL },
	{ "another illegal argument", 400, "illegal_argument_exception",
	    "only write ops with an op_type of create are allowed in data "
	    "streams",
	    ELASTIC_LATER, "op_type" },
	{ "flood stage, 429", 429, "cluster_block_exception",
	    "index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded "
	    "flood-stage watermark];",
	    ELASTIC_RETRY, "disks" },
	{ "write block, 403", 403, "cluster_block_exception",
	    "index [i] blocked by: [FORBIDDEN/8/index write (api)];",
	    ELASTIC_RETRY, "blocked" },
	{ "write queue is full, OpenSearch", 429,
	    "rejected_execution_exception", "rejected execution", ELASTIC_RETRY,
	    NULL },
	{ "write queue is full, Elasticsearch", 429,
	    "es_rejected_execution_exception", "rejected execution",
	    ELASTIC_RETRY, NULL },
	{ "circuit breaker", 429, "circuit_breaking_exception",
	    "[inflight_requests] Data too large", ELASTIC_RETRY, NULL },
	{ "primary shard away", 503, "unavailable_shards_exception",
	    "primary shard is not active", ELASTIC_RETRY, NULL },
	{ "server error", 500, "exception", "", ELASTIC_RETRY, NULL },
	{ "conflict", 409, "version_conflict_engine_exception", "",
	    ELASTIC_RETRY, NULL },
	{ "closed index", 400, "index_closed_exception", "closed",
	    ELASTIC_LATER, "open it" },
	{ "missing index", 404, "index_not_found_exception",
	    "no such index [i] and [action.auto_create_index] is [false]",
	    ELASTIC_LATER, "action.auto_create_index" },
	{ "Elasticsearch: shard limit", 400, "validation_exception",
	    "Validation Failed: 1: this action would add [2] shards, but this "
	    "cluster currently has [12]/[1] maximum normal shards open;",
	    ELASTIC_LATER, "limit of shards" },
	{ "OpenSearch: shard limit", 400, "validation_exception",
	    "Validation Failed: 1: this action would add [2] total LOCAL_ONLY "
	    "shards, but this cluster currently has [12]/[1] maximum "
	    "LOCAL_ONLY shards open;",
	    ELASTIC_LATER, "limit of shards" },
	{ "not authenticated", 401, "security_exception", "unable to",
	    ELASTIC_LATER, "wrong credentials of user x" },
	{ "not authorised", 403, "security_exception",
	    "no permissions for [indices:data/write/bulk[s]]", ELASTIC_LATER,
	    "not allowed" },
	{ "bad name", 400, "invalid_index_name_exception", "must be lowercase",
	    ELASTIC_LATER, NULL },
	{ "unknown 4xx", 418, "teapot", "short and stout", ELASTIC_LATER,
	    "teapot: short and stout" },
	{ "unknown 400", 400, "some_new_exception", "", ELASTIC_LATER, NULL },
};

static void
classify(void **state)
{
	const struct row *row = *state;
	const struct elastic_error error = { row->status, row->type,
		row->reason };
	struct err e = { 0 };

	assert_int_equal(elastic_classify(&error), row->outcome);
	if (row->outcome == ELASTIC_STORED || row->outcome == ELASTIC_DUPLICATE)
		return;
	elastic_explain(&error, "user x", &e);
	assert_int_equal(
	    e.kind, row->outcome == ELASTIC_REFUSED ? ERR_REFUSED : ERR_TEMP);
	if (row->advice != NULL)
		assert_non_null(strstr(e.text, row->advice));
	assert_non_null(strstr(e.text, row->type));
}

static void
reply_of(struct http_reply *r, int status, const char *body)
{
	struct err e;

	http_reply_init(r, 1 << 20);
	r->status = status;
	(void)snprintf(r->host, sizeof(r->host), "http://h:9200");
	assert_int_equal(buf_add_text(&r->body, body, &e), 0);
}

struct seen {
	size_t count;
	enum elastic_outcome outcome[8];
};

static void
see(void *context, size_t i, enum elastic_outcome outcome, const struct err *e)
{
	struct seen *seen = context;

	assert_int_equal(i, seen->count);
	assert_true(i < 8);
	assert_int_equal(e == NULL,
	    outcome == ELASTIC_STORED || outcome == ELASTIC_DUPLICATE);
	seen->outcome[seen->count++] = outcome;
}

static void
items_in_their_order(void **state)
{
	struct http_reply r;
	struct seen seen = { 0 };
	struct err e = { 0 };

	(void)state;
	reply_of(&r, 200,
	    "{\"errors\":true,\"items\":["
	    "{\"index\":{\"status\":201}},"
	    "{\"index\":{\"status\":400,\"error\":{\"type\":"
	    "\"mapper_parsing_exception\",\"reason\":\"r\"}}},"
	    "{\"index\":{\"status\":200}},"
	    "{\"index\":{\"status\":403,\"error\":{\"type\":"
	    "\"security_exception\",\"reason\":\"r\"}}},"
	    "{\"index\":{\"status\":429,\"error\":{\"type\":"
	    "\"es_rejected_execution_exception\"}}},"
	    "{\"index\":{\"status\":503,\"error\":\"a bare text\"}}]}");
	assert_int_equal(
	    elastic_reply_items(&r, 6, "user x", see, &seen, &e), 0);
	assert_int_equal(seen.count, 6);
	assert_int_equal(seen.outcome[0], ELASTIC_STORED);
	assert_int_equal(seen.outcome[1], ELASTIC_REFUSED);
	assert_int_equal(seen.outcome[2], ELASTIC_DUPLICATE);
	assert_int_equal(seen.outcome[3], ELASTIC_LATER);
	assert_int_equal(seen.outcome[4], ELASTIC_RETRY);
	assert_int_equal(seen.outcome[5], ELASTIC_RETRY);
	http_reply_clear(&r);
}

static const struct garbage {
	const char *name, *body;
} garbage[] = {
	{ "empty", "" },
	{ "no JSON", "<html>It works!</html>" },
	{ "cut short",
	    "{\"errors\":false,\"items\":[{\"index\":{\"status\":201}}," },
	{ "no items", "{\"errors\":false}" },
	{ "items no array", "{\"errors\":false,\"items\":{}}" },
	{ "one too few",
	    "{\"errors\":false,\"items\":[{\"index\":{\"status\":201}}]}" },
	{ "one too many",
	    "{\"errors\":false,\"items\":[{\"index\":{\"status\":201}},"
	    "{\"index\":{\"status\":201}},{\"index\":{\"status\":201}}]}" },
	{ "an item without status",
	    "{\"errors\":false,\"items\":[{\"index\":{\"status\":201}},"
	    "{\"index\":{}}]}" },
	{ "a status that is text",
	    "{\"errors\":false,\"items\":[{\"index\":{\"status\":201}},"
	    "{\"index\":{\"status\":\"201\"}}]}" },
	{ "another operation",
	    "{\"errors\":false,\"items\":[{\"index\":{\"status\":201}},"
	    "{\"create\":{\"status\":201}}]}" },
	{ "stored, and an error",
	    "{\"errors\":true,\"items\":[{\"index\":{\"status\":201}},"
	    "{\"index\":{\"status\":201,\"error\":{\"type\":\"x\"}}}]}" },
	{ "failed, and no error",
	    "{\"errors\":true,\"items\":[{\"index\":{\"status\":201}},"
	    "{\"index\":{\"status\":400}}]}" },
	{ "a status out of this world",
	    "{\"errors\":true,\"items\":[{\"index\":{\"status\":201}},"
	    "{\"index\":{\"status\":4294967497}}]}" },
	{ "an item that is null",
	    "{\"errors\":true,\"items\":[{\"index\":{\"status\":201}},null]}" },
};

static void
no_answer(void **state)
{
	const struct garbage *row = *state;
	struct http_reply r;
	struct seen seen = { 0 };
	struct err e = { 0 };

	reply_of(&r, 200, row->body);
	assert_int_equal(
	    elastic_reply_items(&r, 2, "user x", see, &seen, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	assert_int_equal(seen.count, 0);
	http_reply_clear(&r);
}

static void
too_long(void **state)
{
	struct http_reply r;
	struct seen seen = { 0 };
	struct err e = { 0 };

	(void)state;
	reply_of(&r, 200,
	    "{\"errors\":false,\"items\":[{\"index\":{\"status\":201}}]}");
	r.is_long = true;
	assert_int_equal(
	    elastic_reply_items(&r, 1, "user x", see, &seen, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	http_reply_clear(&r);
}

static const struct whole {
	const char *name;
	int status;
	const char *body;
	enum elastic_outcome outcome;
	const char *text;
} wholes[] = {
	{ "413, empty", 413, "", ELASTIC_SPLIT, "413" },
	{ "400", 400,
	    "{\"error\":{\"type\":\"action_request_validation_exception\","
	    "\"reason\":\"id is too long\"},\"status\":400}",
	    ELASTIC_SPLIT, "id is too long" },
	{ "401, OpenSearch: no JSON", 401, "Unauthorized", ELASTIC_LATER,
	    "wrong credentials of user x: 401 : Unauthorized" },
	{ "401, Elasticsearch", 401,
	    "{\"error\":{\"type\":\"security_exception\",\"reason\":\"unable "
	    "to authenticate user [x]\"},\"status\":401}",
	    ELASTIC_LATER, "unable to authenticate" },
	{ "403", 403,
	    "{\"error\":{\"type\":\"security_exception\",\"reason\":\"no "
	    "permissions\"},\"status\":403}",
	    ELASTIC_LATER, "the user lacks the role" },
	{ "403, cluster block", 403,
	    "{\"error\":{\"type\":\"cluster_block_exception\",\"reason\":"
	    "\"blocked by: [FORBIDDEN/6/cluster read-only (api)];\"}}",
	    ELASTIC_RETRY, "blocked" },
	{ "404", 404, "Not Found", ELASTIC_LATER, "look at the path" },
	{ "429", 429,
	    "{\"error\":{\"type\":\"circuit_breaking_exception\","
	    "\"reason\":\"Data too large\"},\"status\":429}",
	    ELASTIC_RETRY, "Data too large" },
	{ "503, OpenSearch starts", 503, "OpenSearch Security not initialized.",
	    ELASTIC_RETRY, "not initialized" },
	{ "502, a proxy", 502, "<html>\r\n<head>", ELASTIC_RETRY, "<html>" },
	{ "301", 301, "", ELASTIC_LATER, "301" },
	{ "error is text", 400, "{\"error\":\"no handler found\"}",
	    ELASTIC_SPLIT, "no handler found" },
};

static void
whole(void **state)
{
	const struct whole *row = *state;
	struct http_reply r;
	struct err e = { 0 };

	reply_of(&r, row->status, row->body);
	assert_int_equal(elastic_reply_whole(&r, "user x", &e), row->outcome);
	assert_int_equal(e.kind, ERR_TEMP);
	assert_non_null(strstr(e.text, row->text));
	assert_non_null(strstr(e.text, "http://h:9200"));
	http_reply_clear(&r);
}

static const struct server {
	const char *name;
	int status;
	const char *body;
	int rc;
	const char *text;
} servers[] = {
	{ "OpenSearch", 200,
	    "{\"version\":{\"distribution\":\"opensearch\",\"number\":"
	    "\"3.6.0\"}}",
	    0, "OpenSearch 3.6.0" },
	{ "OpenSearch 2", 200,
	    "{\"version\":{\"distribution\":\"opensearch\",\"number\":"
	    "\"2.19.4\"}}",
	    0, "OpenSearch 2.19.4" },
	{ "Elasticsearch", 200, "{\"version\":{\"number\":\"8.19.2\"}}", 0,
	    "Elasticsearch 8.19.2" },
	{ "Elasticsearch 7", 200, "{\"version\":{\"number\":\"7.17.29\"}}", 0,
	    "Elasticsearch 7.17.29" },
	{ "too old", 200, "{\"version\":{\"number\":\"6.8.23\"}}", -1,
	    "too old" },
	{ "may not ask", 403, "{}", 0, "" },
	{ "no such thing", 405, "", 0, "" },
	{ "not us", 401, "Unauthorized", -1, "wrong credentials" },
	{ "starts", 503, "", -1, "503" },
	{ "something else", 200, "<html>", -1, "not that of Elasticsearch" },
};

static void
server(void **state)
{
	const struct server *row = *state;
	struct http_reply r;
	struct err e = { 0 };
	char name[ELASTIC_NAME_SIZE];

	reply_of(&r, row->status, row->body);
	assert_int_equal(elastic_reply_server(&r, "user x", name, &e), row->rc);
	if (row->rc == 0)
		assert_string_equal(name, row->text);
	else
		assert_non_null(strstr(e.text, row->text));
	http_reply_clear(&r);
}

static void
who_is_blamed(void **state)
{
	struct http_reply r;

	(void)state;
	reply_of(&r, 400,
	    "{\"error\":{\"type\":\"mapper_parsing_exception\",\"reason\":"
	    "\"r\"}"
	    "}");
	assert_true(elastic_reply_blames_document(&r));
	http_reply_clear(&r);
	reply_of(&r, 400,
	    "{\"error\":{\"type\":\"illegal_argument_exception\",\"reason\":"
	    "\"explicit index in bulk is not allowed\"}}");
	assert_false(elastic_reply_blames_document(&r));
	http_reply_clear(&r);
}

/* Jackson shows where in the document it failed, and so the document. */
static void
documents_are_not_told(void **state)
{
	const struct elastic_error error = {
		400, "document_parsing_exception",
		"[1:39] Duplicate field 'x'\n at [Source: (byte[])\"{secret\"]"
	};
	struct err e = { 0 };

	(void)state;
	assert_int_equal(elastic_explain(&error, "user x", &e), -1);
	assert_non_null(strstr(e.text, "Duplicate field 'x'"));
	assert_null(strstr(e.text, "Source"));
	assert_null(strstr(e.text, "secret"));
}

int
main(void)
{
	static struct unit u;

	UNIT_ROWS(&u, rows, classify);
	UNIT_ONE(&u, items_in_their_order);
	UNIT_ROWS(&u, garbage, no_answer);
	UNIT_ONE(&u, too_long);
	UNIT_ROWS(&u, wholes, whole);
	UNIT_ROWS(&u, servers, server);
	UNIT_ONE(&u, who_is_blamed);
	UNIT_ONE(&u, documents_are_not_told);
	return unit_run("elastic_reply", &u);
}
