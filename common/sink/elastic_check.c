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
index_of_today(const struct conf *conf, enum report_kind kind, char *name)
{
	const struct report report = { .kind = kind };
	const struct record rec = { .interval_begin = clock_now() };

	document_index(&report, &rec, &conf->index, name);
}

/* The same without the month, or the day. */
static void
cut_date(const struct conf *conf, char *index)
{
	int parts = conf->index.monthly ? 2 : 3;

	while (parts-- > 0)
		*strrchr(index, '-') = '\0';
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

/* 200 or 404 with whether word is in the answer; -1: we may not ask. */
static int
look_for(struct elastic_group *g, const char *path, const char *word, bool *has)
{
	struct http_reply r;
	struct err ignored;
	int status = -1;

	http_reply_init(&r, CHECK_REPLY_MAX);
	if (request(g, "GET", path, NULL, &r, &ignored) == 0 &&
	    (r.status == 200 || r.status == 404))
		status = r.status;
	*has = status == 200 && r.body.len > 0 &&
	       strstr(r.body.data, word) != NULL;
	http_reply_clear(&r);
	return status;
}

/* Acknowledged is not yet on disk where the translog is async. */
static bool
has_async(struct elastic_group *g, const struct conf *conf)
{
	char index[INDEX_NAME_SIZE], *path, *name;
	bool has;

	index_of_today(conf, REPORT_AGGREGATE, index);
	cut_date(conf, index);
	name = http_escape(index);
	path = xasprintf("/%s-%%2A/_settings/index.translog.durability"
			 "?flat_settings=true",
	    name);
	(void)look_for(
	    g, path, "\"index.translog.durability\":\"async\"", &has);
	free(path);
	free(name);
	return has;
}

static bool
lacks_template(
    struct elastic_group *g, const struct conf *conf, enum report_kind kind)
{
	char index[INDEX_NAME_SIZE], *name, *path;
	bool has;
	int status;

	index_of_today(conf, kind, index);
	path = xasprintf(
	    "/%s/_mapping?filter_path=*.mappings._meta.dmarc_intake", index);
	status = look_for(g, path, "\"dmarc_intake\"", &has);
	free(path);
	if (status != 404)
		return status == 200 && !has;
	/* the first record of the month will make it */
	cut_date(conf, index);
	name = http_escape(index);
	path = xasprintf("/_index_template/dmarc-intake-%s", name);
	status = look_for(g, path, "", &has);
	free(path);
	free(name);
	return status == 404;
}

/*
 * A server that maps by the first document takes a report id for a date, or a
 * name for a number, and then refuses all that are none.
 */
static bool
tell_template(struct elastic_group *g, const struct conf *conf, struct err *e)
{
	char index[INDEX_NAME_SIZE];
	int kind;

	for (kind = REPORT_AGGREGATE; kind <= REPORT_TLS; kind++) {
		if (!lacks_template(g, conf, (enum report_kind)kind))
			continue;
		index_of_today(conf, (enum report_kind)kind, index);
		err_set(e, ERR_NONE,
		    "%s is made without the template, so that its first "
		    "documents decide what it refuses: run 'dmarc-intake "
		    "setup elasticsearch'",
		    index);
		return true;
	}
	return false;
}

static void
tell_danger(struct elastic_group *g, const struct conf *conf, struct err *e)
{
	if (!tell_template(g, conf, e) && has_async(g, conf))
		err_set(e, ERR_NONE,
		    "an index has index.translog.durability async: a crash of "
		    "the server loses what was acknowledged; set it to "
		    "request");
}

int
elastic_look(struct elastic_group *g, const struct conf *conf, struct err *e)
{
	char name[ELASTIC_NAME_SIZE];
	bool is_lasting;

	if (elastic_group_probe(g, CHECK_TIMEOUT_MS, name, &is_lasting, e) < 0)
		return -1;
	err_clear(e);
	tell_danger(g, conf, e);
	return 0;
}

int
elastic_check_cluster(
    struct elastic_group *g, const struct conf *conf, struct err *e)
{
	char name[ELASTIC_NAME_SIZE], index[INDEX_NAME_SIZE];
	bool is_lasting;

	if (elastic_group_probe(g, CHECK_TIMEOUT_MS, name, &is_lasting, e) < 0)
		return -1;
	index_of_today(conf, REPORT_AGGREGATE, index);
	if (try_write(g, index, false, e) < 0)
		return err_add(e, "%s", index);
	if (is_index(g, index) && try_write(g, index, true, e) < 0)
		return err_add(e, "%s", index);
	err_clear(e);
	if (conf->elasticsearch.skip_certificate_verification)
		err_set(e, ERR_NONE,
		    "skip_certificate_verification is on: anybody on the way "
		    "can read and change what is sent");
	else
		tell_danger(g, conf, e);
	return 0;
}
