/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_check.c - may we write, and is what is written safe?
 *
 * The write that is tried can only fail: an index operation on condition
 * that the document is there with a number that it cannot have. "Version
 * conflict" is the answer when we may write. An index that is not there yet
 * must not be made by a check, so require_alias stands in the way.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/report/document.h"
#include "common/sink/elastic_check.h"

#define CHECK_TIMEOUT_MS 10000
#define CHECK_REPLY_MAX ((size_t)4 << 20)

static int
request(struct elastic_group *g, const char *method, const char *path,
    const char *body, struct http_reply *r, struct err *e)
{
	const struct http_request q = { .method = method,
		.path = path,
		.content_type = body != NULL ? "application/x-ndjson" : NULL,
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0,
		.timeout_ms = CHECK_TIMEOUT_MS };

	return http_request(g->http, &q, r, e);
}

/* The index that a record of today would go to. */
static void
index_of_today(const struct conf *conf, char *name)
{
	const struct report report = { .kind = REPORT_AGGREGATE };
	const struct record rec = { .interval_begin = clock_now() };

	document_index(&report, &rec, &conf->index, name);
}

struct tried {
	enum elastic_outcome outcome;
	struct err why;
};

static void
take_tried(void *context, size_t i, enum elastic_outcome outcome,
    const struct err *why)
{
	struct tried *t = context;

	(void)i;
	t->outcome = outcome;
	if (why != NULL)
		t->why = *why;
}

/* 0: we may write, as far as can be told without writing. */
static int
try_write(
    struct elastic_group *g, const char *index, bool is_there, struct err *e)
{
	char *body = xasprintf("{\"index\":{\"_index\":\"%s\","
			       "\"_id\":\"dmarc-intake-check\"%s}}\n{}\n",
	    index,
	    is_there ? ",\"if_seq_no\":4611686018427387904,"
		       "\"if_primary_term\":1"
		     : ",\"require_alias\":true");
	struct tried t = { .outcome = ELASTIC_RETRY };
	struct http_reply r;
	int rc = -1;

	http_reply_init(&r, CHECK_REPLY_MAX);
	if (request(g, "POST", g->bulk.path, body, &r, e) < 0)
		goto out;
	if (r.status != 200) {
		(void)elastic_reply_whole(&r, http_login(g->http), e);
		goto out;
	}
	if (elastic_reply_items(&r, 1, http_login(g->http), take_tried, &t, e) <
	    0)
		goto out;
	/* both refusals are the ones that were asked for */
	if (strstr(t.why.text, is_there ? "409 version_conflict"
					: "404 index_not_found") == NULL) {
		*e = t.why;
		e->kind = ERR_TEMP;
		goto out;
	}
	rc = 0;
out:
	http_reply_clear(&r);
	free(body);
	return rc;
}

/* Does the index exist? False also where we may not ask. */
static bool
is_index(struct elastic_group *g, const char *index)
{
	char *path = xasprintf("/%s", index);
	struct http_reply r;
	struct err ignored;
	bool is = false;

	http_reply_init(&r, CHECK_REPLY_MAX);
	if (request(g, "HEAD", path, NULL, &r, &ignored) == 0)
		is = r.status == 200;
	http_reply_clear(&r);
	free(path);
	return is;
}

/* Acknowledged is not yet on disk where the translog is async. */
static bool
has_async(struct elastic_group *g, const struct conf *conf)
{
	char index[INDEX_NAME_SIZE], *path, *name;
	struct http_reply r;
	struct err ignored;
	bool has = false;

	index_of_today(conf, index);
	*strrchr(index, '-') = '\0';
	if (!conf->index.monthly) { /* YYYY-MM-DD */
		*strrchr(index, '-') = '\0';
	}
	*strrchr(index, '-') = '\0';
	name = http_escape(index);
	path = xasprintf("/%s-%%2A/_settings/index.translog.durability"
			 "?flat_settings=true",
	    name);
	http_reply_init(&r, CHECK_REPLY_MAX);
	if (request(g, "GET", path, NULL, &r, &ignored) == 0)
		has = r.status == 200 && r.body.len > 0 &&
		      strstr(r.body.data,
			  "\"index.translog.durability\":\"async\"") != NULL;
	http_reply_clear(&r);
	free(path);
	free(name);
	return has;
}

int
elastic_check_cluster(
    struct elastic_group *g, const struct conf *conf, struct err *e)
{
	char name[ELASTIC_NAME_SIZE], index[INDEX_NAME_SIZE];
	bool is_lasting;

	if (elastic_group_probe(g, CHECK_TIMEOUT_MS, name, &is_lasting, e) < 0)
		return -1;
	index_of_today(conf, index);
	if (try_write(g, index, false, e) < 0)
		return err_add(e, "%s", index);
	if (is_index(g, index) && try_write(g, index, true, e) < 0)
		return err_add(e, "%s", index);
	err_clear(e);
	if (conf->elasticsearch.skip_certificate_verification)
		err_set(e, ERR_NONE,
		    "skip_certificate_verification is on: anybody on the way "
		    "can read and change what is sent");
	else if (has_async(g, conf))
		err_set(e, ERR_NONE,
		    "an index has index.translog.durability async: a crash of "
		    "the server loses what was acknowledged; set it to "
		    "request");
	return 0;
}
